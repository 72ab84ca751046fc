import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from lithoscape.errors import InputError
from lithoscape.image import GreyImage, Grid, Instances, Volume
from lithoscape.image.io import (
    read_grey,
    read_instances,
    read_volume,
    write_grey,
    write_instances,
    write_volume,
)

WRITTEN = (".tif", ".npy", ".vti")
LABELS = np.random.default_rng(1).integers(0, 3, (5, 6, 7)).astype(np.uint8)
GRID = Grid(LABELS.shape, (0.4e-6, 0.3e-6, 1e-6 / 3), 2, "high", (1e-6, -2e-6, 0.0))
PHASES = {"pore": 0, "active": 1, "binder": 2}


def volume(**changes: object) -> Volume:
    made = Volume(
        LABELS, GRID, PHASES, {"binder": {"nanoporosity": 0.47}}, {"recipe": {"seed": 3}, "doi": "10.1000/x"}
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def plain_npy(folder: Path, values: np.ndarray) -> Path:
    """An array without a sidecar."""
    path = folder / "plain.npy"
    np.save(path, values)
    return path


# --- what is written comes back


@pytest.mark.parametrize("suffix", WRITTEN)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    "shape", [(5, 6, 7), (1, 6, 7), (5, 1, 7), (5, 6, 1), (4, 5, 3), (3, 5, 4), (1, 1, 1)]
)
def test_a_volume_comes_back(tmp_path: Path, suffix: str, dtype: type, shape: tuple[int, int, int]) -> None:
    labels = (np.arange(np.prod(shape)).reshape(shape) % 3 * (100 if dtype is np.uint8 else 300)).astype(
        dtype
    )
    names = {f"p{n}": int(n) for n in np.unique(labels)} | {"none here": 7}
    made = Volume(labels, replace(GRID, shape=shape), names, {"p0": {"k": 0.1}}, {"seed": np.int64(3)})
    back = read_volume(write_volume(made, tmp_path / f"v{suffix}"))
    assert back.labels.dtype == dtype
    np.testing.assert_array_equal(back.labels, labels)
    assert back.grid == made.grid
    assert list(back.phases.items()) == list(names.items())
    assert back.properties == {"p0": {"k": 0.1}}
    assert back.provenance["seed"] == 3


@pytest.mark.parametrize("suffix", WRITTEN)
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "i4", "f4", "f8", ">u2", ">f4"])
def test_a_grey_image_comes_back(tmp_path: Path, suffix: str, dtype: str) -> None:
    values = np.random.default_rng(2).integers(0, 100, GRID.shape).astype(dtype)
    back = read_grey(write_grey(GreyImage(values, GRID, {"scan": 7}), tmp_path / f"g{suffix}"))
    assert back.values.dtype == np.dtype(dtype).newbyteorder("=")
    assert back.values.dtype.isnative
    np.testing.assert_array_equal(back.values, values)
    assert back.grid == GRID
    assert back.provenance["scan"] == 7


@pytest.mark.parametrize("suffix", WRITTEN)
@pytest.mark.parametrize("largest", [9, 70_000])
def test_particles_come_back_with_their_table(tmp_path: Path, suffix: str, largest: int) -> None:
    labels = np.zeros(GRID.shape, np.int32)
    labels[0, 0, 0], labels[1, 2, 3] = 4, largest
    table = xr.Dataset(
        {
            "Volume [m3]": ("particle", [1.1e-18, np.nan], {"units": "m3"}),
            "Centroid [m]": (("particle", "axis"), np.arange(6.0).reshape(2, 3) / 3),
            "Cut": ("particle", np.array([True, False])),
            "Kind": ("particle", ["round", "flat"]),
        },
        {"particle": np.array([4, largest], np.int32), "Face": ("particle", ["low", "high"])},
        {"method": "watershed"},
    )
    path = write_instances(Instances(labels, GRID, "active", table), tmp_path / f"p{suffix}")
    back = read_instances(path)
    np.testing.assert_array_equal(back.labels, labels)
    assert (back.phase, back.grid) == ("active", GRID)
    xr.testing.assert_identical(back.table, table)
    assert back.table["particle"].dtype == np.int32
    cropped = read_instances(path, crop=[slice(0, 1)])
    assert cropped.numbers.tolist() == [4]
    assert not cropped.table.variables  # its rows describe whole particles


def test_the_same_volume_gives_the_same_bytes(tmp_path: Path) -> None:
    for suffix in WRITTEN:
        a = write_volume(volume(), tmp_path / f"a{suffix}").read_bytes()
        b = write_volume(volume(), tmp_path / f"b{suffix}").read_bytes()
        assert a == b


# --- crop


@pytest.mark.parametrize("suffix", WRITTEN)
def test_a_crop_is_the_block_at_its_place(tmp_path: Path, suffix: str) -> None:
    path = write_volume(volume(), tmp_path / f"v{suffix}")
    box = (slice(1, 4), slice(2, None), slice(-3, None))
    part, expected = read_volume(path, crop=box), volume().crop(*box)
    np.testing.assert_array_equal(part.labels, expected.labels)
    assert part.grid == expected.grid
    assert part.provenance["crop"] == [[1, 4], [2, 6], [4, 7]]
    np.testing.assert_array_equal(read_grey(path, crop=[slice(2, 3)]).values, LABELS[2:3])


@pytest.mark.parametrize(
    "crop",
    [
        [slice(3, 3)],
        [slice(0, 4, 2)],
        [slice(0, 6)],
        [slice(None)] * 4,
        [1, 2, 3],
        [slice(4, 2)],
        [slice(9, 12)],
    ],
)
def test_a_crop_outside_is_refused(tmp_path: Path, crop: list) -> None:
    with pytest.raises(InputError, match=r"crop: .*inside the shape \(5, 6, 7\)"):
        read_volume(write_volume(volume(), tmp_path / "v.npy"), crop=crop)


# --- phases


def test_unnamed_labels_are_named_by_number(tmp_path: Path) -> None:
    path = plain_npy(tmp_path, np.where(LABELS == 2, 170, LABELS * 85).astype(np.uint8))
    assert read_volume(path, voxel_size=1e-6).phases == {"phase 0": 0, "phase 85": 85, "phase 170": 170}


def test_phases_of_the_caller_win(tmp_path: Path) -> None:
    path = write_volume(volume(), tmp_path / "v.tif")
    back = read_volume(path, phases={"void": 0, "NMC": 1, "binder": 2})
    assert back.phases == {"void": 0, "NMC": 1, "binder": 2}
    assert back.properties == {"binder": {"nanoporosity": 0.47}}
    assert any("named anew" in note for note in back.provenance["notes"])


def test_an_empty_phase_is_refused_with_the_labels_found(tmp_path: Path) -> None:
    path = plain_npy(tmp_path, LABELS)
    with pytest.raises(InputError, match=r"'binder': 3.*0, 1, 2"):
        read_volume(path, voxel_size=1e-6, phases={"pore": 0, "active": 1, "x": 2, "binder": 3})
    with pytest.raises(InputError, match=r"no phase names.*\[2\]"):
        read_volume(path, voxel_size=1e-6, phases={"pore": 0, "active": 1})
    with pytest.raises(InputError, match="whole number"):
        read_volume(path, voxel_size=1e-6, phases={"pore": 0.5, "active": 1})  # type: ignore[dict-item]


def test_a_phase_may_lie_outside_the_crop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lithoscape.image.io_labels._SLAB", 50)  # several slabs
    labels = np.zeros((5, 6, 7), np.uint8)
    labels[4] = 2
    path = plain_npy(tmp_path, labels)
    part = read_volume(path, voxel_size=1e-6, phases={"pore": 0, "binder": 2}, crop=[slice(0, 2)])
    assert part.fractions() == {"pore": 1.0, "binder": 0.0}
    with pytest.raises(InputError, match=r"'active': 1.*Labels in the crop: 0$"):
        read_volume(path, voxel_size=1e-6, phases={"pore": 0, "active": 1}, crop=[slice(0, 2)])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.linspace(0, 1, 24).reshape(2, 3, 4), "fractions.*Segment"),
        (np.full((2, 3, 4), np.nan), "fractions.*Segment"),
        (np.full((2, 3, 4), 1e30), "1e\\+30.*Segment"),
        (np.arange(100, dtype=np.uint8).reshape(4, 5, 5), "100 different values.*Segment"),
        (np.arange(100, dtype=np.int32).reshape(4, 5, 5), "100 different values.*Segment"),
        (np.full((2, 3, 4), -1, np.int16), "between 0 and 65535"),
    ],
)
def test_grey_levels_are_no_labels(tmp_path: Path, values: np.ndarray, words: str) -> None:
    path = plain_npy(tmp_path, values)
    with pytest.raises(InputError, match=words):
        read_volume(path, voxel_size=1e-6)
    assert read_grey(path, voxel_size=1e-6).values.dtype == values.dtype


def test_whole_floats_and_truth_values_are_labels(tmp_path: Path) -> None:
    for values in (LABELS.astype(np.float32), LABELS.astype(np.int64), LABELS > 0):
        back = read_volume(plain_npy(tmp_path, values), voxel_size=1e-6)
        assert back.labels.dtype == np.uint8
        np.testing.assert_array_equal(back.labels, values)
    assert read_grey(plain_npy(tmp_path, LABELS > 0), voxel_size=1e-6).values.dtype == np.uint8


# --- voxel size


def test_no_voxel_size_is_invented(tmp_path: Path) -> None:
    for read in (read_volume, read_grey):
        with pytest.raises(InputError, match=r"carries no voxel size.*voxel_size.*--voxel-um"):
            read(plain_npy(tmp_path, LABELS))


@pytest.mark.parametrize("size", [0.0, -1e-6, float("nan"), 0.4, (1e-6, 1e-6)])
def test_an_absurd_voxel_size_is_refused(tmp_path: Path, size: float) -> None:
    with pytest.raises(InputError, match="voxel_size"):
        read_volume(plain_npy(tmp_path, LABELS), voxel_size=size)


@pytest.mark.parametrize("stated", [0.0, -1.0, float("nan")])
def test_an_absurd_voxel_size_of_the_file_is_refused(tmp_path: Path, stated: float) -> None:
    path = plain_npy(tmp_path, LABELS)
    side = tmp_path / "plain.npy.json"
    side.write_text(json.dumps({"voxel_size_um": stated}))
    with pytest.raises(InputError, match="the file states a voxel size that is none"):
        read_volume(path)
    assert read_volume(path, voxel_size=1e-6).grid.voxel_size == (1e-6,) * 3


def test_a_contradiction_is_noted(tmp_path: Path) -> None:
    path = write_volume(volume(), tmp_path / "v.tif")
    other = read_volume(path, voxel_size=0.5e-6)
    assert other.grid.voxel_size == (0.5e-6,) * 3
    (note,) = other.provenance["notes"]
    assert "4e-07, 3e-07, 3.33333e-07" in note
    assert "5e-07" in note
    near = read_volume(path, voxel_size=[h * 1.0009 for h in GRID.voxel_size])
    assert near.provenance["notes"] == []
    assert (near.provenance["voxel_size_from"], near.grid.origin) == ("caller", GRID.origin)
    turned = read_volume(path, through=1, collector="low").grid
    assert (turned.through, turned.collector, turned.voxel_size) == (1, "low", GRID.voxel_size)


# --- provenance


def test_the_record_of_a_reading(tmp_path: Path) -> None:
    path = write_volume(volume(), tmp_path / "v.tif")
    once = read_volume(path)
    assert once.provenance == {
        "recipe": {"seed": 3}, "doi": "10.1000/x", "file": "v.tif", "bytes": path.stat().st_size,
        "sha256": hashlib.sha256(LABELS.tobytes()).hexdigest(), "sha256_of": "block", "crop": None,
        "voxel_size_from": "Lithoscape header", "notes": [],
    }  # fmt: skip
    assert str(tmp_path) not in json.dumps(once.provenance)
    again = read_volume(write_volume(once, tmp_path / "w.npy"), crop=[slice(1, 3)])
    assert again.provenance["file"] == "w.npy"
    assert again.provenance["recipe"] == {"seed": 3}
    assert [reading["file"] for reading in again.provenance["earlier"]] == ["v.tif"]
    assert again.provenance["sha256"] == hashlib.sha256(LABELS[1:3].tobytes()).hexdigest()


def test_large_blocks_are_hashed_by_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lithoscape.image.io_place.HASHED_WHOLE", 100)
    record = read_volume(write_volume(volume(), tmp_path / "v.npy")).provenance
    assert record["sha256_of"] == "every page of 3"
    assert record["sha256"] == hashlib.sha256(LABELS[::3].tobytes()).hexdigest()


# --- which file


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("volum.tif", "no such file.*Did you mean 'volume.tif'"),
        ("nowhere/x.tif", "no such file.*Check the name"),
        ("notes.txt", "suffix.*notes.txt.*Readable"),
        ("empty", "no TIFF slices"),
    ],
)
def test_what_is_no_image_file_is_named(tmp_path: Path, name: str, words: str) -> None:
    write_volume(volume(), tmp_path / "volume.tif")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=words):
        read_volume(tmp_path / name)


def test_a_dataset_needs_a_file_that_has_some(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="dataset"):
        read_volume(write_volume(volume(), tmp_path / "v.tif"), dataset="x")


def test_what_a_file_holds_is_minded(tmp_path: Path) -> None:
    grey = write_grey(GreyImage(LABELS, GRID), tmp_path / "g.tif")
    labelled = write_volume(volume(), tmp_path / "v.tif")
    particles = write_instances(Instances(LABELS.astype(int), GRID, "active"), tmp_path / "p.tif")
    for read, path, words in (
        (read_volume, grey, "grey levels.*Segment"),
        (read_volume, particles, "particle numbers.*read_instances"),
        (read_grey, particles, "particle numbers.*read_instances"),
        (read_instances, labelled, "labelled volume.*read_volume"),
    ):
        with pytest.raises(InputError, match=words):
            read(path)
    assert read_grey(labelled).grid == GRID


def test_foreign_particles_need_their_phase(tmp_path: Path) -> None:
    path = plain_npy(tmp_path, LABELS)
    with pytest.raises(InputError, match="whose particles"):
        read_instances(path, voxel_size=1e-6)
    assert read_instances(path, voxel_size=1e-6, phase="active").phase == "active"
    for bad in (np.full((2, 2, 2), -1), np.full((2, 2, 2), 2**32 - 1, np.uint32)):
        with pytest.raises(InputError, match="between 0 and 2147483647"):
            read_instances(plain_npy(tmp_path, bad), voxel_size=1e-6, phase="active")


# --- writing


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("v.raw", "suffix.*v.raw"),
        ("v.ome.tif", "suffix.*v.ome.tif"),
        ("v", "suffix"),
        ("nowhere/v.tif", "no such folder"),
        ("folder.tif", "this is a folder"),
    ],
)
def test_no_place_to_write(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "folder.tif").mkdir()
    with pytest.raises(InputError, match=words):
        write_volume(volume(), tmp_path / name)
    assert [f.name for f in tmp_path.iterdir()] == ["folder.tif"]


@pytest.mark.parametrize(
    ("suffix", "target"),
    [
        (".tif", "tifffile.imwrite"),
        (".npy", "numpy.save"),
        (".npy", "json.dumps"),
        (".vti", "vtkmodules.vtkIOXML.vtkXMLImageDataWriter.Write"),
    ],
)
def test_a_failure_leaves_the_old_file(
    tmp_path: Path, suffix: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_volume(volume(), tmp_path / f"v{suffix}")
    before = {f.name: f.read_bytes() for f in tmp_path.iterdir()}

    def fail(*args: object, **options: object) -> None:
        for name in before:
            (tmp_path / f"{name}.part").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    if suffix == ".vti":  # a compiled class takes no other method: another writer stands in
        monkeypatch.setattr(
            "vtkmodules.vtkIOXML.vtkXMLImageDataWriter",
            lambda: type("W", (), {"SetFileName": fail, "SetInputData": fail, "Write": fail})(),
        )
    elif target == "json.dumps":
        monkeypatch.setattr("lithoscape.image.formats.npy.json.dumps", fail)
        monkeypatch.setattr("lithoscape.image.formats.header.Header.text", lambda self: "{}")
    else:
        monkeypatch.setattr(target, fail)
    with pytest.raises(InputError, match=r"cannot be written.*No space left"):
        write_volume(volume(labels=LABELS * 0), path)
    assert {f.name: f.read_bytes() for f in tmp_path.iterdir()} == before


def test_a_stale_sidecar_is_noticed(tmp_path: Path) -> None:
    path = write_volume(volume(), tmp_path / "v.npy")
    np.save(path, LABELS[:2])
    with pytest.raises(InputError, match=r"v.npy.json describes"):
        read_volume(path)


# --- real volumes


def real(name: str) -> Path:
    folder = os.environ.get("LITHOSCAPE_DATA")
    if not folder:
        pytest.skip("LITHOSCAPE_DATA (the folder of shared data) is not set")
    return Path(folder) / "volumes" / name


@pytest.mark.parametrize(
    ("name", "shape", "phases", "fractions", "digits"),
    [
        (
            "matbox_nmc1cal_cbd.tif",
            (251, 301, 301),
            {"pore": 0, "NMC": 1, "CBD": 2},
            (0.4005, 0.4995, 0.1),
            4,
        ),
        ("tf_electrode.tiff", (256, 256, 256), {"pore": 0, "NMC": 85, "CBD": 170}, (0.45, 0.4, 0.15), 3),
    ],
)
def test_real_electrodes(
    name: str, shape: tuple[int, ...], phases: dict[str, int], fractions: tuple[float, ...], digits: int
) -> None:
    path = real(name)
    with pytest.raises(InputError, match="carries no voxel size"):
        read_volume(path, phases=phases)
    electrode = read_volume(path, phases=phases, voxel_size=0.398e-6)
    assert electrode.labels.shape == shape
    assert tuple(round(f, digits) for f in electrode.fractions().values()) == fractions
    box = (slice(100, 110), slice(50, 60), slice(7, None))
    part = read_volume(path, phases=phases, voxel_size=0.398e-6, crop=box)
    np.testing.assert_array_equal(part.labels, electrode.labels[box])
