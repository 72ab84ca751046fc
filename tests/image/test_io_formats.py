import json
import resource
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile

from lithoscape.errors import InputError
from lithoscape.image import Grid, Volume
from lithoscape.image.formats.header import length_unit
from lithoscape.image.io import read_grey, read_volume, write_volume

LABELS = np.random.default_rng(1).integers(0, 3, (5, 6, 7)).astype(np.uint8)
NOISE = np.random.default_rng(2).integers(0, 2**15, (5, 6, 7)).astype(np.uint16)
UM = 1e-6
BOX = (slice(1, 4), slice(2, 3), slice(4, 6))


def refused(path: Path, words: str, **options: Any) -> None:
    """Reading names the fault, the field, the remedy."""
    with pytest.raises(InputError, match=words) as raised:
        read_grey(path, **{"voxel_size": UM, **options})
    assert raised.value.field
    assert raised.value.remedy


# --- bare numbers


def raw(
    folder: Path, values: np.ndarray, name: str = "s.raw", before: bytes = b"", **entries: object
) -> Path:
    """Numbers in C order after some bytes, and a JSON sidecar."""
    path = folder / name
    path.write_bytes(before + values.tobytes())
    described = {"shape": values.shape, "dtype": values.dtype.name, "voxel_size_um": 0.4, **entries}
    kept = {key: value for key, value in described.items() if value is not None}
    (folder / f"{name}.json").write_text(json.dumps(kept))
    return path


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "<f4", ">f4", "<i4"])
@pytest.mark.parametrize("name", ["s.raw", "S.DAT"])
def test_raw(tmp_path: Path, dtype: str, name: str) -> None:
    values = NOISE.astype(dtype)
    order = "big" if dtype.startswith(">") else "little"
    path = raw(tmp_path, values, name, b"header", offset=6, byte_order=order)
    back = read_grey(path)
    assert back.values.dtype.isnative
    np.testing.assert_array_equal(back.values, values)
    assert back.grid.voxel_size == (0.4e-6,) * 3
    assert back.provenance["voxel_size_from"] == f"sidecar {name}.json"
    np.testing.assert_array_equal(read_grey(path, crop=BOX).values, values[BOX])


@pytest.mark.parametrize(
    ("entry", "edges"),
    [
        ("voxel_size_um: 0.4", (0.4e-6,) * 3),
        ("voxel_size_um: [1, 0.5, 0.25]", (1e-6, 0.5e-6, 0.25e-6)),
        ("voxel_size_nm: 400", (0.4e-6,) * 3),
        ("voxel_size: 4e-7", (0.4e-6,) * 3),
        ("voxel_size: [1.0e-6, 2.0e-6, 3.0e-6]", (1e-6, 2e-6, 3e-6)),
    ],
)
@pytest.mark.parametrize("ending", [".yaml", ".yml"])
def test_raw_with_yaml(tmp_path: Path, entry: str, edges: tuple[float, ...], ending: str) -> None:
    path = tmp_path / "s.raw"
    path.write_bytes(LABELS.tobytes())
    side = tmp_path / f"s.raw{ending}"
    side.write_text(f"shape: [5, 6, 7]\ndtype: uint8\n{entry}\nphases: {{a: 0, b: 1, c: 2}}\nthrough: 2\n")
    back = read_volume(path)
    np.testing.assert_array_equal(back.labels, LABELS)
    assert back.grid == Grid(LABELS.shape, edges, 2)
    assert back.phases == {"a": 0, "b": 1, "c": 2}


def test_raw_in_the_other_order(tmp_path: Path) -> None:
    path = tmp_path / "s.raw"
    path.write_bytes(NOISE.tobytes(order="F"))
    (tmp_path / "s.raw.json").write_text('{"shape": [5, 6, 7], "dtype": "uint16", "order": "F"}')
    np.testing.assert_array_equal(read_grey(path, voxel_size=UM).values, NOISE)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"shape": [5, 6, 8]}, r"shape: .*make 480 bytes, s.raw has 420"),
        ({"shape": [5, 6, 6]}, r"shape: .*make 360 bytes, s.raw has 420"),
        ({"dtype": "uint8"}, "make 210 bytes"),
        ({"offset": 2}, "make 422 bytes"),
        ({"offset": -2}, "offset"),
        ({"shape": [5, 6]}, "shape"),
        ({"shape": [5, 0, 7]}, "at least one voxel"),
        ({"shape": None}, "does not say everything"),
        ({"dtype": None}, "dtype: .*does not say everything"),
        ({"dtype": "unit16"}, "no type of number.*Did you mean 'uint16'"),
        ({"dtype": "complex64"}, "no type of number"),
        ({"dtype": "U5"}, "no type of number"),
        ({"byte_order": "middle"}, "byte_order"),
        ({"voxelsize_um": 0.4}, "unknown key.*Did you mean 'voxel_size_um'"),
        ({"voxel_size_um": "small"}, "voxel_size_um"),
        ({"origin": [0, 0, float("inf")]}, "origin"),
        ({"through": 3, "voxel_size_um": 1}, "no such axis"),
    ],
)
def test_a_wrong_sidecar_is_named(tmp_path: Path, entries: dict[str, object], words: str) -> None:
    refused(raw(tmp_path, NOISE, **entries), words)


def test_raw_without_a_sidecar(tmp_path: Path) -> None:
    (tmp_path / "s.raw").write_bytes(b"123")
    refused(tmp_path / "s.raw", r"does not say its shape.*s\.raw\.json")
    for name, text in (("s.raw.json", "{"), ("s.raw.json", "[1]")):
        (tmp_path / name).write_text(text)
        refused(tmp_path / "s.raw", "cannot be understood")
    (tmp_path / "s.raw.json").unlink()
    (tmp_path / "s.raw.yaml").write_text("a: [")
    refused(tmp_path / "s.raw", "s.raw.yaml")


# --- MetaImage


def meta(folder: Path, name: str = "s.mhd", data: bytes | None = None, **entries: object) -> Path:
    """A MetaImage of NOISE, its spacing in micrometres."""
    described = {
        "ObjectType": "Image", "NDims": 3, "DimSize": "7 6 5", "ElementSpacing": "0.4 0.5 0.6",
        "DistanceUnits": "um", "ElementType": "MET_USHORT", "BinaryDataByteOrderMSB": "False",
        **entries, "ElementDataFile": entries.get("ElementDataFile", "s.raw"),
    }  # fmt: skip
    described["ElementDataFile"] = described.pop("ElementDataFile")  # the last entry, as the format demands
    head = "".join(f"{key} = {value}\n" for key, value in described.items() if value is not None).encode()
    numbers = NOISE.astype("<u2").tobytes() if data is None else data
    local = described["ElementDataFile"] == "LOCAL"
    (folder / name).write_bytes(head + (numbers if local else b""))
    if not local:
        (folder / "s.raw").write_bytes(numbers)
    return folder / name


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"name": "s.mha", "ElementDataFile": "LOCAL"},
        {"data": NOISE.astype(">u2").tobytes(), "BinaryDataByteOrderMSB": "True"},
        {"data": b"skipped" + NOISE.astype("<u2").tobytes(), "HeaderSize": 7},
        {"data": b"skipped" + NOISE.astype("<u2").tobytes(), "HeaderSize": -1},
    ],
)
def test_metaimage(tmp_path: Path, options: dict[str, Any]) -> None:
    path = meta(tmp_path, **options)
    back = read_grey(path)
    np.testing.assert_array_equal(back.values, NOISE)
    assert back.grid.voxel_size == pytest.approx((0.6e-6, 0.5e-6, 0.4e-6), rel=1e-12)
    np.testing.assert_array_equal(read_grey(path, crop=BOX).values, NOISE[BOX])


def test_metaimage_as_another_program_writes_it(tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    image = sitk.GetImageFromArray(NOISE)
    image.SetSpacing((0.4, 0.5, 0.6))
    for name in ("s.mhd", "t.mha"):
        sitk.WriteImage(image, str(tmp_path / name), useCompression=False)
        back = read_grey(tmp_path / name, voxel_size=UM)
        np.testing.assert_array_equal(back.values, NOISE)
        assert any("without a unit" in note for note in back.provenance["notes"])
        with pytest.raises(InputError, match=r"carries no voxel size; .*without a unit"):
            read_grey(tmp_path / name)
    sitk.WriteImage(image, str(tmp_path / "c.mhd"), useCompression=True)
    refused(tmp_path / "c.mhd", "uncompressed")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"DimSize": "7 6"}, "no depth"),
        ({"DimSize": "7 6 9"}, "damaged or incomplete.*756 bytes are needed"),
        ({"DimSize": "7 six 5"}, "damaged"),
        ({"DimSize": "7 0 5"}, "no voxel"),
        ({"DimSize": None}, "damaged.*DimSize"),
        ({"ElementType": "MET_FLOAT_ARRAY"}, "uncompressed numbers"),
        ({"ElementNumberOfChannels": 3}, "one channel"),
        ({"CompressedData": "True"}, "uncompressed"),
        ({"ElementDataFile": "LIST"}, "in one file"),
        ({"ElementDataFile": "slice%03d.raw 1 5 1"}, "in one file"),
        ({"ElementDataFile": None}, "ElementDataFile is missing"),
        ({"ElementSpacing": "0.4 x 0.6"}, "damaged"),
    ],
)
def test_a_metaimage_beyond_the_simple_is_refused(
    tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    refused(meta(tmp_path, **options), words)


def test_a_metaimage_without_its_numbers(tmp_path: Path) -> None:
    path = meta(tmp_path)
    (tmp_path / "s.raw").unlink()
    refused(path, "data file that is not there.*s.raw")


# --- NumPy


def test_npy(tmp_path: Path) -> None:
    path = tmp_path / "s.npy"
    for values in (NOISE, np.asfortranarray(NOISE), NOISE.astype(">u2")):
        np.save(path, values)
        np.testing.assert_array_equal(read_grey(path, voxel_size=UM).values, NOISE)
        np.testing.assert_array_equal(read_grey(path, voxel_size=UM, crop=BOX).values, NOISE[BOX])
    np.save(path, NOISE)
    assert isinstance(read_grey(path, voxel_size=UM).values, np.memmap)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (LABELS[0], "no depth"),
        (LABELS[None], "4 axes"),
        (np.array([None, "x"], dtype=object), "damaged"),
        (b"", "damaged"),
        (b"PK\x03\x04 an archive", "damaged"),
        (None, "damaged"),
    ],
)
def test_what_is_no_array_is_refused(tmp_path: Path, content: np.ndarray | bytes | None, words: str) -> None:
    path = tmp_path / "s.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, NOISE if content is None else content, allow_pickle=True)
    if content is None:
        path.write_bytes(path.read_bytes()[:-1])
    refused(path, words)


def test_complex_numbers_are_no_grey_levels(tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", NOISE.astype(complex))
    refused(tmp_path / "s.npy", "real numbers")


# --- HDF5 and NeXus


def hdf5(path: Path, **datasets: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file[name.replace("__", "/")] = values
    return path


@pytest.mark.parametrize("suffix", [".h5", ".hdf5", ".nxs", ".nx"])
def test_the_only_dataset_is_found(tmp_path: Path, suffix: str) -> None:
    path = hdf5(tmp_path / f"s{suffix}", a__b__image=NOISE, a__profile=NOISE[0, 0], name=np.bytes_(b"x"))
    back = read_grey(path, voxel_size=UM)
    np.testing.assert_array_equal(back.values, NOISE)
    assert back.provenance["notes"] == ["dataset /a/b/image"]
    np.testing.assert_array_equal(read_grey(path, voxel_size=UM, crop=BOX).values, NOISE[BOX])
    with h5py.File(path, "a") as file:
        file["a/again"] = h5py.SoftLink("/a/b/image")  # the same dataset under a second name
        file["lost"] = h5py.SoftLink("/nowhere")
    assert read_grey(path, voxel_size=UM).values.shape == NOISE.shape


def test_several_datasets_are_listed(tmp_path: Path) -> None:
    path = hdf5(tmp_path / "s.h5", raw__grey=NOISE, labels=LABELS, profile=NOISE[0, 0])
    refused(path, r"several datasets.*/labels.*\(5, 6, 7\).*/raw/grey")
    for name in ("raw/grey", "/raw/grey"):
        np.testing.assert_array_equal(read_grey(path, voxel_size=UM, dataset=name).values, NOISE)
    refused(path, "no dataset of this name.*'/raw/gray'.*Did you mean '/raw/grey'", dataset="/raw/gray")
    refused(path, "no dataset of this name", dataset="raw")
    refused(path, "it has|has 1", dataset="profile")


@pytest.mark.parametrize(
    ("datasets", "words"),
    [
        ({"a": NOISE[0]}, r"no dataset of this file has three axes.*\(6, 7\)"),
        ({}, "no dataset"),
        ({"a": NOISE[None]}, "no dataset of this file has three axes"),
        ({"a": NOISE.astype(complex)}, "no dataset"),
    ],
)
def test_a_file_without_a_stack(tmp_path: Path, datasets: dict[str, np.ndarray], words: str) -> None:
    refused(hdf5(tmp_path / "s.h5", **datasets), words)


def test_an_empty_dataset_has_no_voxels(tmp_path: Path) -> None:
    refused(hdf5(tmp_path / "s.h5", image=NOISE[:0]), r"no voxel.*\(0, 6, 7\)")


@pytest.mark.parametrize("length", [0, 7, 100, 1000])
def test_a_broken_hdf5_is_named(tmp_path: Path, length: int) -> None:
    path = hdf5(tmp_path / "s.h5", a=NOISE)
    path.write_bytes(path.read_bytes()[:length])
    refused(path, "no HDF5 file, or it is damaged")


def nexus(path: Path, step: float = 0.4, unit: str | None = "um", old: bool = False) -> Path:
    """Two stacks, the second one shown by default, with coordinates of its axes."""
    with h5py.File(path, "w") as file:
        entry = file.create_group("scan")
        entry.attrs["NX_class"] = "NXentry"
        entry["other/dark"] = np.zeros((2, 2, 2))
        data = entry.create_group("tomogram")
        data.attrs["NX_class"] = "NXdata"
        data["grey"] = NOISE
        for k, (name, count) in enumerate(zip("zyx", NOISE.shape, strict=True)):
            data[name] = (100 - step * (k + 1) * np.arange(count)).astype(np.float32)
            if unit is not None:
                data[name].attrs["units"] = unit
        if old:
            data["grey"].attrs["signal"] = 1
            data["grey"].attrs["axes"] = "z:y:x"
        else:
            file.attrs["default"], entry.attrs["default"] = "scan", "tomogram"
            file["earlier/dark"] = np.zeros((2, 2, 2))
            file["earlier"].attrs["NX_class"] = "NXentry"
            data.attrs["signal"], data.attrs["axes"] = "grey", ["z", "y", "x"]
    return path


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize(("unit", "metres"), [("um", 1e-6), ("micrometer", 1e-6), ("nm", 1e-9), ("mm", 1e-3)])
def test_nexus_default_and_axes(tmp_path: Path, old: bool, unit: str, metres: float) -> None:
    if unit == "mm":
        metres, step = 1e-3, 0.1
    else:
        step = 0.4
    back = read_grey(nexus(tmp_path / "s.nxs", step, unit, old))
    np.testing.assert_array_equal(back.values, NOISE)
    edges = tuple(step * metres * k for k in (1, 2, 3))
    assert back.grid.voxel_size == pytest.approx(edges, rel=1e-4)
    assert back.provenance["voxel_size_from"] == "NeXus axes"


@pytest.mark.parametrize(
    ("unit", "change", "words"),
    [
        (None, None, "axis /scan/tomogram/z has no unit of length"),
        ("deg", None, "axis /scan/tomogram/z has no unit of length"),
        ("um", "uneven", "axis /scan/tomogram/y has no even steps"),
        ("um", "missing", "axis 1 has no coordinates"),
    ],
)
def test_axes_that_are_no_lengths(tmp_path: Path, unit: str | None, change: str | None, words: str) -> None:
    path = nexus(tmp_path / "s.nxs", unit=unit)
    with h5py.File(path, "a") as file:
        if change == "uneven":
            file["scan/tomogram/y"][2] += 0.1
        if change == "missing":
            file["scan/tomogram"].attrs["axes"] = ["z", ".", "x"]
    with pytest.raises(InputError, match=f"carries no voxel size.*{words}"):
        read_grey(path)


@pytest.mark.parametrize(
    ("where", "attributes", "edges"),
    [
        ("image", {"voxel_size_um": 0.4}, (0.4, 0.4, 0.4)),
        ("image", {"element_size_um": [1.0, 2.0, 3.0]}, (1, 2, 3)),
        ("image", {"voxel_size": [400, 500, 600], "units": "nm"}, (0.4, 0.5, 0.6)),
        ("image", {"pixel_size": 4e-7, "voxel_size_unit": np.bytes_(b"m")}, (0.4, 0.4, 0.4)),
        ("/", {"Voxel Size mm": 4e-4}, (0.4, 0.4, 0.4)),
        ("group", {"voxel_size_nm": 400}, (0.4, 0.4, 0.4)),
    ],
)
def test_voxel_size_in_attributes(
    tmp_path: Path, where: str, attributes: dict[str, Any], edges: tuple[float, ...]
) -> None:
    path = hdf5(tmp_path / "s.h5", group__image=NOISE)
    with h5py.File(path, "a") as file:
        node = file["group/image"] if where == "image" else file[where]
        for key, value in attributes.items():
            node.attrs[key] = value
    assert read_grey(path).grid.voxel_size == pytest.approx([h * UM for h in edges], rel=1e-12)


@pytest.mark.parametrize(
    "attributes", [{"voxel_size": 0.4}, {"voxel_size_um": [1.0, 2.0]}, {"voxel_size_um": "x"}]
)
def test_attributes_that_are_no_lengths(tmp_path: Path, attributes: dict[str, Any]) -> None:
    path = hdf5(tmp_path / "s.h5", image=NOISE)
    with h5py.File(path, "a") as file:
        file["image"].attrs.update(attributes)
    with pytest.raises(InputError, match="no length with a unit"):
        read_grey(path)


def test_links_into_other_files(tmp_path: Path) -> None:
    hdf5(tmp_path / "part.h5", deep__image=NOISE)
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["link"] = h5py.ExternalLink("part.h5", "/deep/image")
        file["loop"] = h5py.SoftLink("/")
    path = tmp_path / "s.h5"
    np.testing.assert_array_equal(read_grey(path, voxel_size=UM).values, NOISE)
    np.testing.assert_array_equal(read_grey(path, voxel_size=UM, dataset="link").values, NOISE)
    (tmp_path / "part.h5").unlink()
    refused(path, "no dataset")
    refused(path, "no dataset", dataset="link")


def test_a_virtual_dataset_needs_its_parts(tmp_path: Path) -> None:
    hdf5(tmp_path / "part.h5", image=NOISE)
    path = tmp_path / "s.h5"
    with h5py.File(path, "w") as file:
        layout = h5py.VirtualLayout(NOISE.shape, NOISE.dtype)
        layout[:] = h5py.VirtualSource("part.h5", "image", NOISE.shape)
        file.create_virtual_dataset("image", layout)
    np.testing.assert_array_equal(read_grey(path, voxel_size=UM).values, NOISE)
    (tmp_path / "part.h5").unlink()
    refused(path, "files that are not there.*part.h5")


def test_a_compression_that_is_not_installed(tmp_path: Path) -> None:
    path = hdf5(tmp_path / "s.h5")
    with h5py.File(path, "a") as file:
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_chunk(NOISE.shape)
        creation.set_filter(61234, h5py.h5z.FLAG_OPTIONAL, ())
        space = h5py.h5s.create_simple(NOISE.shape)
        h5py.h5d.create(file.id, b"image", h5py.h5t.NATIVE_UINT16, space, creation)
    refused(path, "compression of /image is not installed.*h5repack")


# --- VTK


def test_paraview_sees_the_same_coordinates(tmp_path: Path) -> None:
    pv = pytest.importorskip("pyvista")
    grid = Grid(LABELS.shape, (1e-6, 2e-6, 3e-6), origin=(4e-6, 0.0, -1e-6))
    path = write_volume(Volume(LABELS, grid, {"a": 0, "b": 1, "c": 2}), tmp_path / "v.vti")
    image = pv.read(path)
    assert image.bounds == pytest.approx((4e-6, 9e-6, 0.0, 12e-6, -1e-6, 20e-6), rel=1e-12)
    for index in ((0, 0, 0), (4, 1, 2), (2, 5, 6)):
        centre = [grid.centres(k)[i] for k, i in enumerate(index)]
        assert image.cell_data["label"][image.find_containing_cell(centre)] == LABELS[index]


def vti(path: Path, **arrays: np.ndarray) -> Path:
    """An image as another program writes it; a name that starts with p is point data."""
    pv = pytest.importorskip("pyvista")
    points = any(name.startswith("p") for name in arrays)
    image = pv.ImageData(dimensions=[n + (not points) for n in NOISE.shape], spacing=(0.4, 0.5, 0.6))
    for name, values in arrays.items():
        kind = image.point_data if points else image.cell_data
        kind[name] = values.reshape(-1, values.shape[-1]) if values.ndim == 4 else values.ravel(order="F")
    image.save(path)
    return path


def test_images_of_other_programs(tmp_path: Path) -> None:
    for name in ("grey", "points"):
        path = vti(tmp_path / "s.vti", **{name: NOISE})
        back = read_grey(path, voxel_size=UM)
        np.testing.assert_array_equal(back.values, NOISE)
        with pytest.raises(InputError, match=r"carries no voxel size.*\(0.4, 0.5, 0.6\).*no unit"):
            read_grey(path)
    path = vti(tmp_path / "s.vti", grey=NOISE, label=LABELS)
    refused(path, "several arrays.*grey.*label")
    np.testing.assert_array_equal(read_grey(path, voxel_size=UM, dataset="label").values, LABELS)
    refused(path, "no array of this name.*Did you mean 'grey'", dataset="gray")
    refused(vti(tmp_path / "s.vti", colour=np.zeros((*NOISE.shape, 3))), "several numbers per voxel")
    refused(vti(tmp_path / "s.vti"), "no array")


def test_a_broken_vtk_file_is_named_and_nothing_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made = Volume(LABELS, Grid(LABELS.shape, UM), {"a": 0, "b": 1, "c": 2})
    content = write_volume(made, tmp_path / "v.vti").read_bytes()
    path = tmp_path / "s.vti"
    for length in range(0, len(content) - 30, 37):
        path.write_bytes(content[:length])
        refused(path, "damaged|no VTK image")
    scrambled = bytearray(content)
    middle = content.index(b"</AppendedData>") - 60  # within the compressed labels
    scrambled[middle : middle + 20] = b"A" * 20
    path.write_bytes(scrambled)
    refused(path, r"damaged or incomplete \((?!it holds no image)")  # VTK's own reason
    path.write_bytes(b"<?xml version='1.0'?><html/>")
    refused(path, "no VTK image")
    assert capfd.readouterr() == ("", "")


# --- memory


def sparse_raw(folder: Path, shape: tuple[int, ...], block: np.ndarray) -> Path:
    path = folder / "s.raw"
    with path.open("wb") as file:
        file.truncate(int(np.prod(shape)))
    np.memmap(path, np.uint8, "r+", 0, shape)[200:210, 5:15, 9:19] = block
    (folder / "s.raw.json").write_text(json.dumps({"shape": shape, "dtype": "uint8"}))
    return path


def sparse_npy(folder: Path, shape: tuple[int, ...], block: np.ndarray) -> Path:
    path = folder / "s.npy"
    np.lib.format.open_memmap(path, "w+", np.uint8, shape)[200:210, 5:15, 9:19] = block
    return path


def sparse_tiff(folder: Path, shape: tuple[int, ...], block: np.ndarray) -> Path:
    path = folder / "s.tif"
    values = tifffile.memmap(path, shape=shape, dtype=np.uint8, bigtiff=True, photometric="minisblack")
    values[200:210, 5:15, 9:19] = block
    return path


def sparse_hdf5(folder: Path, shape: tuple[int, ...], block: np.ndarray) -> Path:
    path = folder / "s.h5"
    with h5py.File(path, "w") as file:
        image = file.create_dataset("image", shape, np.uint8, chunks=(10, 100, 100))
        image[200:210, 5:15, 9:19] = block
    return path


@pytest.mark.parametrize("make", [sparse_raw, sparse_npy, sparse_tiff, sparse_hdf5])
def test_a_crop_of_six_gigabytes_loads_the_crop(tmp_path: Path, make: Callable[..., Path]) -> None:
    block = np.random.default_rng(4).integers(0, 3, (10, 10, 10)).astype(np.uint8)
    path = make(tmp_path, (300, 4500, 4500), block)
    try:
        assert path.stat().st_blocks * 512 < 2**28  # sparse, as the test needs it
        box = (slice(200, 210), slice(5, 15), slice(9, 19))
        phases = {"pore": 0, "active": 1, "binder": 2}
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        tracemalloc.start()
        part = read_volume(path, voxel_size=UM, phases=phases, crop=box)
        grey = read_grey(path, voxel_size=UM, crop=box)
        peak = tracemalloc.get_traced_memory()[1]
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resident) * 1024
    finally:
        tracemalloc.stop()
        path.unlink()
    np.testing.assert_array_equal(part.labels, block)
    np.testing.assert_array_equal(grey.values, block)
    assert peak < 20e6
    assert grown < 100e6


def test_a_compressed_stack_is_read_page_by_page(tmp_path: Path) -> None:
    path = tmp_path / "s.tif"
    values = np.broadcast_to(np.zeros((1, 1000, 1000), np.uint8), (40, 1000, 1000))
    tifffile.imwrite(path, values, compression="zlib", photometric="minisblack")
    tracemalloc.start()
    try:
        read_volume(path, voxel_size=UM, crop=(slice(None), slice(0, 10), slice(0, 10)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10e6  # the whole is 40 MB


# --- units


@pytest.mark.parametrize(
    ("text", "metres"),
    [
        ("m", 1.0), (b"um", 1e-6), ("µm", 1e-6), ("μm", 1e-6), ("\\u00B5m", 1e-6),
        (" Microns ", 1e-6), ("nm", 1e-9),
        ("MM", 1e-3), ("Å", 1e-10), ("inch", 0.0254), ("pixel", None), ("", None), ("s", None), ("?", None),
    ],
)  # fmt: skip
def test_units_of_length(text: object, metres: float | None) -> None:
    assert length_unit(text) == metres
