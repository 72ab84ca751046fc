import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from lithoscape.errors import InputError
from lithoscape.image import Grid, Volume
from lithoscape.image.formats.tiff_folder import natural_key
from lithoscape.image.io import read_grey, read_volume, write_volume

LABELS = np.random.default_rng(1).integers(0, 3, (5, 6, 7)).astype(np.uint8)
NOISE = np.random.default_rng(2).integers(0, 2**16, (9, 20, 31)).astype(np.uint16)
UM = 1e-6


def stack(path: Path, values: np.ndarray = LABELS, **options: Any) -> Path:
    """A TIFF as another program would write it."""
    tifffile.imwrite(path, values, **{"photometric": "minisblack", **options})
    return path


def imagej(path: Path, unit: str, pixel: float, spacing: float | None, **metadata: object) -> Path:
    """A calibrated stack as ImageJ saves it."""
    named = {"axes": "ZYX", "unit": unit, **({"spacing": spacing} if spacing else {}), **metadata}
    return stack(path, imagej=True, resolution=(1 / pixel, 2 / pixel), metadata=named)


# --- voxel size


@pytest.mark.parametrize(
    ("unit", "metres"),
    [
        ("um", 1e-6), ("@m", 1e-6), ("@@m", 1e-6), ("\\u00B5m", 1e-6), ("micron", 1e-6),
        ("microns", 1e-6), ("nm", 1e-9),
        ("mm", 1e-3), ("m", 1.0), ("cm", 1e-2), ("Micrometer", 1e-6),
    ],
)  # fmt: skip
def test_imagej_calibration(tmp_path: Path, unit: str, metres: float) -> None:
    edge = 0.4e-6 / metres
    path = imagej(tmp_path / "s.tif", unit, edge, 3 * edge)
    # Programs write the sign for micro in one byte (Latin-1) or two (UTF-8); tifffile writes neither.
    path.write_bytes(path.read_bytes().replace(b"=@@m", b"=\xc2\xb5m").replace(b"=@m", b"=\xb5m"))
    back = read_volume(path)
    assert back.grid.voxel_size == pytest.approx((1.2e-6, 0.2e-6, 0.4e-6), rel=1e-6)
    assert back.provenance["voxel_size_from"] == "ImageJ calibration"
    np.testing.assert_array_equal(back.labels, LABELS)


def test_imagej_units_by_axis(tmp_path: Path) -> None:
    path = imagej(tmp_path / "s.tif", "um", 0.4, 700.0, zunit="nm", yunit="nm")
    assert read_volume(path).grid.voxel_size == pytest.approx((0.7e-6, 0.2e-9, 0.4e-6), rel=1e-6)


@pytest.mark.parametrize(
    ("unit", "spacing", "words"),
    [
        ("pixel", 0.5, "carries no voxel size"),
        ("", 0.5, "carries no voxel size"),
        ("furlong", 0.5, "'furlong' is incomplete or in no unit"),
        ("um", None, "pixels of 0.4 um but no distance of its pages"),
    ],
)
def test_imagej_without_a_calibration(tmp_path: Path, unit: str, spacing: float, words: str) -> None:
    path = imagej(tmp_path / "s.tif", unit, 0.4, spacing)
    with pytest.raises(InputError, match=words):
        read_volume(path)
    assert read_volume(path, voxel_size=UM).provenance["voxel_size_from"] == "caller"


def test_imagej_leaves_out_a_spacing_of_one(tmp_path: Path) -> None:
    options: dict[str, Any] = {"imagej": True, "metadata": {"axes": "ZYX", "unit": "um"}}
    path = stack(tmp_path / "s.tif", resolution=(1, 1), **options)
    assert read_volume(path).grid.voxel_size == (UM, UM, UM)


@pytest.mark.parametrize(
    "options",
    [
        {"resolution": (72, 72), "resolutionunit": 2},
        {"resolution": (1, 1), "resolutionunit": 1},
        {"resolution": (25_000, 25_000), "resolutionunit": 3},
        {"resolution": (2.5, 2.5), "resolutionunit": 1},
        {},
    ],
)
def test_resolution_tags_are_no_voxel_size(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="carries no voxel size"):
        read_volume(stack(tmp_path / "s.tif", **options))


OME = {"axes": "ZYX", "PhysicalSizeX": 400, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.3}


def test_ome(tmp_path: Path) -> None:
    whole = {**OME, "PhysicalSizeZ": 5e-4, "PhysicalSizeZUnit": "mm"}
    back = read_volume(stack(tmp_path / "s.ome.tif", metadata=whole))
    assert back.grid.voxel_size == pytest.approx((0.5e-6, 0.3e-6, 0.4e-6), rel=1e-12)
    assert back.provenance["voxel_size_from"] == "OME PhysicalSize"
    for metadata, words in ((OME, "not along all axes"), ({"axes": "ZYX"}, "carries no voxel size")):
        with pytest.raises(InputError, match=words):
            read_volume(stack(tmp_path / "s.ome.tif", metadata=metadata))
    odd = {**whole, "PhysicalSizeZUnit": "pixel"}
    with pytest.raises(InputError, match="'pixel', no unit of length"):
        read_volume(stack(tmp_path / "s.ome.tif", metadata=odd))


def test_imagej_reads_what_is_written(tmp_path: Path) -> None:
    grid = Grid(LABELS.shape, (0.5e-6, 0.3e-6, 0.4e-6))
    path = write_volume(Volume(LABELS, grid, {"a": 0, "b": 1, "c": 2}), tmp_path / "v.tif")
    with tifffile.TiffFile(path) as tif:
        assert (tif.is_imagej, tif.series[0].axes, tif.pages.first.compression.name) == (
            True,
            "ZYX",
            "ADOBE_DEFLATE",
        )
        metadata, page = tif.imagej_metadata or {}, tif.pages.first
        assert (metadata["unit"], metadata["spacing"], metadata["slices"]) == ("um", 0.5, 5)
        for tag, edge in (("XResolution", 0.4), ("YResolution", 0.3)):
            pixels, units = page.tags[tag].value
            assert units / pixels == pytest.approx(edge, rel=1e-6)


# --- storage


@pytest.mark.parametrize(
    "options",
    [
        {}, {"imagej": True, "metadata": {"axes": "ZYX"}}, {"byteorder": ">"}, {"bigtiff": True},
        {"compression": "zlib"},
        {"compression": "zlib", "predictor": True}, {"compression": "zlib", "rowsperstrip": 3},
        {"tile": (16, 16)}, {"tile": (16, 16), "compression": "zlib"}, {"rowsperstrip": 3},
        {"photometric": "miniswhite"}, {"metadata": None}, {"volumetric": True, "tile": (4, 16, 16)},
    ],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_every_storage_reads_the_same(tmp_path: Path, options: dict[str, Any], dtype: type) -> None:
    values = (NOISE % 251).astype(dtype)
    if options.get("predictor") and dtype is np.float32:
        options = {**options, "predictor": None}  # its decoder is an optional package
    path = stack(tmp_path / "s.tif", values, **options)
    whole = read_grey(path, voxel_size=UM).values
    assert (whole.dtype, whole.dtype.isnative) == (dtype, True)
    np.testing.assert_array_equal(whole, values)
    box = (slice(3, 8), slice(5, None), slice(2, 17))
    np.testing.assert_array_equal(read_grey(path, voxel_size=UM, crop=box).values, values[box])


def test_uncompressed_stacks_are_mapped(tmp_path: Path) -> None:
    path = stack(tmp_path / "s.tif", NOISE)
    assert isinstance(read_grey(path, voxel_size=UM).values, np.memmap)
    assert not isinstance(read_volume(stack(tmp_path / "l.tif"), voxel_size=UM).labels.base, np.memmap)


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate"])
def test_compressions_of_other_programs(tmp_path: Path, compression: str) -> None:
    image = pytest.importorskip("PIL.Image")
    for values in (LABELS, NOISE):
        pages = [image.fromarray(page) for page in values]
        path = tmp_path / "s.tif"
        pages[0].save(path, save_all=True, append_images=pages[1:], compression=compression)
        np.testing.assert_array_equal(read_grey(path, voxel_size=UM).values, values)


def test_an_unknown_compression_is_named(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    pages = [image.fromarray(page > 1) for page in NOISE]
    path = tmp_path / "s.tif"
    pages[0].save(path, save_all=True, append_images=pages[1:], compression="group4")
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        places = [page.tags["Compression"].valueoffset for page in tif.pages]
    for place in places:
        content[place : place + 2] = (50001).to_bytes(2, "little")  # WebP
    path.write_bytes(content)
    with pytest.raises(InputError, match="compression WEBP cannot be read"):
        read_grey(path, voxel_size=UM)


# --- what is no stack


def pages_of_two_sizes(path: Path) -> None:
    with tifffile.TiffWriter(path) as tif:
        tif.write(LABELS[0], photometric="minisblack")
        tif.write(LABELS[0][:4], photometric="minisblack")


def pages_of_two_types(path: Path) -> None:
    with tifffile.TiffWriter(path) as tif:
        tif.write(LABELS[0], photometric="minisblack")
        tif.write(LABELS[0].astype(np.uint16), photometric="minisblack")


RGB = np.zeros((6, 7, 3), np.uint8)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: stack(p, LABELS[0]), "single slice has no depth"),
        (lambda p: stack(p, LABELS[0], imagej=True), "single slice has no depth"),
        (lambda p: stack(p, RGB, photometric="rgb"), "colour"),
        (lambda p: stack(p, np.stack([RGB] * 4), photometric="rgb"), "colour"),
        (lambda p: stack(p, LABELS, imagej=True, metadata={"axes": "CYX"}), "several channels"),
        (lambda p: stack(p, LABELS, imagej=True, metadata={"axes": "TYX"}), "series in time"),
        (
            lambda p: stack(p, NOISE[None].repeat(2, 0), imagej=True, metadata={"axes": "TZYX"}),
            "series in time",
        ),
        (lambda p: stack(p, NOISE[None].repeat(2, 0), metadata={"axes": "QZYX"}), "4 axes"),
        (lambda p: stack(p, NOISE[None].repeat(2, 0)), "4 axes"),
        (pages_of_two_sizes, "of one size.*(4, 7).*(6, 7)"),
        (pages_of_two_types, "holds 2 images"),
        (lambda p: p.write_bytes(b"%PDF-1.4 not a picture at all"), "no TIFF file"),
        (lambda p: p.write_bytes(b""), "no TIFF file"),
        (lambda p: p.write_bytes(b"II*\0"), "no TIFF|damaged"),
        (lambda p: p.write_bytes(b"II*\0\xff\xff\xff\0"), "no TIFF|damaged"),
    ],
)
def test_what_is_no_stack_is_refused(
    tmp_path: Path, make: Callable[[Path], object], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / "s.tif")
    with pytest.raises(InputError, match=words) as raised:
        read_grey(tmp_path / "s.tif", voxel_size=UM)
    assert raised.value.field == "path"
    assert raised.value.remedy
    assert "s.tif" in str(raised.value)
    assert capfd.readouterr() == ("", "")


KINDS: list[dict[str, Any]] = [
    {}, {"imagej": True, "metadata": {"axes": "ZYX"}}, {"compression": "zlib"}, {"metadata": None},
    {"imagej": True, "metadata": {"axes": "ZYX"}, "compression": "zlib"},
    {"rowsperstrip": 3, "compression": "zlib"}, {"tile": (16, 16)}, {"ome": True}, {"bigtiff": True},
    {"metadata": None, "compression": "zlib"},
]  # fmt: skip


@pytest.mark.parametrize("options", KINDS)
def test_a_file_cut_anywhere_never_gives_other_numbers(
    tmp_path: Path, options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    content = stack(tmp_path / "whole.tif", NOISE[:4], **options).read_bytes()
    path = tmp_path / "cut.tif"
    last = range(len(content) - 12, len(content))
    for length in [*range(0, len(content), 199), *last]:
        path.write_bytes(content[:length])
        try:
            values = read_grey(path, voxel_size=UM).values
        except InputError:
            continue
        np.testing.assert_array_equal(values, NOISE[:4], err_msg=str(length))
        assert length > len(content) - 64  # at most a tag of the last page was lost, such as its resolution
    assert not [r for r in caplog.records if r.name == "tifffile"]


@pytest.mark.parametrize("options", KINDS)
def test_damage_is_an_input_error_or_harmless(
    tmp_path: Path, options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    content = stack(tmp_path / "whole.tif", NOISE[:3, :5, :6], **options).read_bytes()
    rng, path = np.random.default_rng(3), tmp_path / "bad.tif"
    for _ in range(50):
        bad = bytearray(content)
        for place in rng.integers(0, len(bad), 3):
            bad[place] = rng.integers(0, 256)
        path.write_bytes(bad)
        try:
            assert read_grey(path, voxel_size=UM).values.ndim == 3
        except InputError as error:
            assert error.remedy
    assert not [r for r in caplog.records if r.name == "tifffile"]


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize(
    ("tag", "value", "words"),
    [
        ("StripByteCounts", 0, "page 2 lacks a strip"),
        ("StripOffsets", 10**6, "page 2 ends at byte"),
        ("StripByteCounts", 7, "page 2 holds 7 of 42 bytes"),
    ],
)
def test_missing_strips_are_named(
    tmp_path: Path, compression: str | None, tag: str, value: int, words: str
) -> None:
    path = stack(tmp_path / "s.tif", compression=compression, metadata=None)
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages[2].aspage().tags[tag].overwrite(value)
    with pytest.raises(InputError, match=words if value != 7 or compression is None else "damaged"):
        read_grey(path, voxel_size=UM)


def test_missing_pages_of_a_set_of_files_are_named(tmp_path: Path) -> None:
    path = stack(tmp_path / "s.ome.tif", metadata={"axes": "ZYX"})
    text = path.read_bytes().replace(b'SizeZ="5"', b'SizeZ="8"').replace(b'PlaneCount="5"', b'PlaneCount="8"')
    path.write_bytes(text)
    with pytest.raises(InputError, match=r"damaged|missing"):
        read_grey(path, voxel_size=UM)


def test_logs_of_other_threads_pass(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    read_grey(stack(tmp_path / "s.tif"), voxel_size=UM)
    logging.getLogger("tifffile").warning("ours no more")
    assert [r.message for r in caplog.records] == ["ours no more"]


# --- folders of slices


def slices(folder: Path, values: np.ndarray = LABELS, first: int = 8, **options: Any) -> Path:
    """A folder of slices whose numbers have no leading zeros."""
    folder.mkdir(exist_ok=True)
    for k, page in enumerate(values):
        stack(folder / f"slice_{first + k}.tif", page, **options)
    return folder


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}])
def test_a_folder_of_slices(tmp_path: Path, options: dict[str, Any]) -> None:
    folder = slices(tmp_path / "scan", **options)
    (folder / "._slice_1.tif").write_bytes(b"rubbish of a file system")
    (folder / "readme.txt").write_text("x")
    back = read_volume(folder, voxel_size=UM)
    np.testing.assert_array_equal(back.labels, LABELS)  # 8, 9, 10, 11, 12
    assert (back.provenance["file"], back.provenance["notes"]) == ("scan", [])
    box = (slice(1, 4), slice(2, 3), slice(4, 6))
    np.testing.assert_array_equal(read_volume(folder, voxel_size=UM, crop=box).labels, LABELS[box])


def test_a_crop_opens_only_its_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, read = slices(tmp_path / "scan"), []
    from lithoscape.image.formats import tiff_folder

    values = tiff_folder._values
    monkeypatch.setattr(tiff_folder, "_values", lambda file: read.append(file.name) or values(file))
    read_grey(folder, voxel_size=UM, crop=[slice(1, 3)])
    assert read == ["slice_9.tif", "slice_10.tif"]


def test_a_missing_slice_is_noted(tmp_path: Path) -> None:
    folder = slices(tmp_path / "scan")
    (folder / "slice_10.tif").unlink()
    (note,) = read_volume(folder, voxel_size=UM).provenance["notes"]
    assert "slice_9.tif is followed by slice_11.tif" in note


def test_natural_order() -> None:
    names = ["a10.tif", "a9.tif", "A2b10.tif", "a2b9.tif", "b1.tif", "a.tif"]
    assert sorted(names, key=natural_key) == ["a2b9.tif", "A2b10.tif", "a9.tif", "a10.tif", "a.tif", "b1.tif"]


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("slice_99.tif", LABELS[0][:3], "slices differ.*slice_99.tif"),
        ("slice_99.tif", LABELS[0].astype(np.uint16), "slices differ.*uint16"),
        ("slice_99.tif", LABELS, "one grey slice per file"),
        ("slice_99.tif", RGB, "one grey slice per file"),
        ("slice_99.tif", None, "no TIFF file"),
    ],
)
def test_bad_slices_are_named(tmp_path: Path, name: str, values: np.ndarray | None, words: str) -> None:
    folder = slices(tmp_path / "scan")
    if values is None:
        (folder / name).write_bytes(b"junk")
    else:
        stack(folder / name, values, photometric="rgb" if values is RGB else "minisblack")
    with pytest.raises(InputError, match=words):
        read_volume(folder, voxel_size=UM)


def test_one_slice_is_no_stack(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="single slice has no depth"):
        read_volume(slices(tmp_path / "scan", LABELS[:1]), voxel_size=UM)
