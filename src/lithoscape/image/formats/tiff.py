"""TIFF stacks: plain, ImageJ, OME and Lithoscape's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

from ...errors import InputError
from .header import Header
from .source import Box, Source, mapped, native, require_size, wrong_dimension
from .tiff_calibration import calibration
from .tiff_file import TAG, decode, number_type, require_data, tiff_file

_MANY = {
    "S": "it is a colour image",
    "C": "it has several channels",
    "T": "it is a series in time",
}


def open_tiff(path: Path, dataset: str | None = None) -> Source:
    """Open a TIFF stack: uncompressed ones as a memory map, others page by page.

    Raises
    ------
    InputError
        No TIFF, damaged or broken off, a single slice, colour, several channels or moments, pages of
        differing size, a compression that cannot be read.
    """
    with tiff_file(path) as (tif, complaints):
        header = _header(tif, path)
        series = _series(tif, path)
        shape = _stack_shape(series, header, path)
        size = path.stat().st_size
        for page in series.pages:
            if page is None:
                raise wrong_dimension(path, series.shape, "pages of it are missing")
            if page.parent.filehandle.path == tif.filehandle.path:
                require_data(page, size, path)
        dtype, offset = number_type(series.keyframe, path), _contiguous(series)
        dtype = dtype.newbyteorder(tif.byteorder)
        voxel_size, where, notes = calibration(tif)
        if (own := header.edges()) is not None:
            voxel_size, where, notes = own, "Lithoscape header", ()

    if offset is not None:
        start = offset
        require_size(path, dtype, shape, start)

        def read_map(box: Box) -> np.ndarray:
            return native(mapped(path, dtype, shape, start, "C")[box])

        return Source(path, shape, dtype, read_map, voxel_size, where, header, (*notes, *complaints))

    def read_pages(box: Box) -> np.ndarray:
        return _read_pages(path, dtype, shape, box)

    return Source(path, shape, dtype, read_pages, voxel_size, where, header, (*notes, *complaints))


def _header(tif: tifffile.TiffFile, path: Path) -> Header:
    """Lithoscape's own header, empty in a file of another program."""
    text = tif.pages.first.tags.valueof(TAG)
    return Header.read(text, path) if isinstance(text, str) and '"lithoscape"' in text else Header()


def _series(tif: tifffile.TiffFile, path: Path) -> tifffile.TiffPageSeries:
    """The one series of a stack."""
    if not tif.series:
        raise wrong_dimension(path, (), "it has no page")
    sizes = {s.shape[-2:] if "S" not in s.axes else s.shape[-3:-1] for s in tif.series}
    if len(sizes) > 1:
        raise InputError(
            "the pages of a stack are of one size", field="path", value=(path.name, sorted(sizes)),
            remedy="Crop them to one size, or split the file",
        )  # fmt: skip
    if len(tif.series) > 1:
        kinds = [(s.shape, str(s.dtype)) for s in tif.series]
        raise wrong_dimension(path, tif.series[0].shape, f"it holds {len(kinds)} images {kinds[:4]}")
    return tif.series[0]


def _stack_shape(series: tifffile.TiffPageSeries, header: Header, path: Path) -> tuple[int, int, int]:
    """Pages, rows, columns; InputError if there are further axes, or no depth."""
    sizes = {a: n for a, n in zip(series.axes, series.shape, strict=True) if n > 1 or a in "YX"}
    for axis, why in _MANY.items():
        if axis in sizes:
            raise wrong_dimension(path, series.shape, why)
    depth = [n for axis, n in sizes.items() if axis not in "YX"]
    frame = series.keyframe
    if frame.photometric == 6 or frame.samplesperpixel > 1:
        raise wrong_dimension(path, series.shape, _MANY["S"])
    if len(depth) > 1 or not {"Y", "X"} <= set(sizes) or len(series.axes) - len(set(series.axes)) > 0:
        raise wrong_dimension(path, series.shape)
    # A stack of one page that Lithoscape wrote is a volume; of a foreign single page nobody says so.
    if not depth and header.kind is None and "Z" not in series.axes:
        raise wrong_dimension(path, series.shape[-2:])
    pages = depth[0] if depth else 1
    return pages, sizes["Y"], sizes["X"]


def _contiguous(series: tifffile.TiffPageSeries) -> int | None:
    """Position of the numbers if they lie in this file one after the other, as they are."""
    if series.dataoffset is None or series.is_multifile:
        return None
    return int(series.dataoffset)


def _read_pages(path: Path, dtype: np.dtype, shape: tuple[int, int, int], box: Box) -> np.ndarray:
    """A block, one page in memory at a time."""
    pages = range(*box[0].indices(shape[0]))
    with tiff_file(path) as (tif, _):
        series = tif.series[0]
        if len(series.pages) != shape[0]:  # one page that holds the depth
            return np.asarray(series.asarray()).reshape(shape)[box]
        sides = [len(range(*s.indices(n))) for s, n in zip(box[1:], shape[1:], strict=True)]
        block = np.empty((len(pages), *sides), dtype.newbyteorder("="))
        for k, number in enumerate(pages):
            block[k] = decode(series.pages[number], path).reshape(shape[1:])[box[1:]]
    return block
