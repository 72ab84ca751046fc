"""A folder of slices, one TIFF each."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ...errors import InputError
from .source import Box, Source, wrong_dimension
from .tiff_file import decode, number_type, require_data, tiff_file


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Key that sorts ``slice_2`` before ``slice_10``."""
    parts = re.split(r"(\d+)", name.lower())
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts if part]


def slices_of(folder: Path) -> list[Path]:
    """The TIFF files of a folder in natural order; hidden ones do not count."""
    files = [f for f in folder.iterdir() if f.suffix.lower() in (".tif", ".tiff") and f.name[0] != "."]
    return sorted(files, key=lambda f: (natural_key(f.name), f.name))


def open_folder(path: Path, dataset: str | None = None) -> Source:
    """Open a folder of slices as a stack: the files in natural order are axis 0.

    A gap in the numbers of the files is noted, since a missing slice moves all that follow.

    Raises
    ------
    InputError
        No slices, only one, a file of several pages or in colour, differing sizes or types.
    """
    files = slices_of(path)
    if not files:
        raise InputError(
            "the folder holds no TIFF slices", field="path", value=path.name,
            remedy="Give the folder that holds one .tif per slice",
        )  # fmt: skip
    # Every file is opened, none is read: a slice of another size would otherwise surface hours later.
    rows, columns, dtype = _slice(files[0])
    if len(files) == 1:
        raise wrong_dimension(path, (rows, columns))
    for file in files[1:]:
        if (this := _slice(file)) != (rows, columns, dtype):
            raise InputError(
                f"the slices differ: {files[0].name} has {rows} x {columns} of {dtype}", field="path",
                value=(file.name, this[:2], str(this[2])), remedy="Export them in one size and type",
            )  # fmt: skip

    def read(box: Box) -> np.ndarray:
        chosen = files[box[0]]
        first = _values(chosen[0])[box[1:]]
        block = np.empty((len(chosen), *first.shape), dtype.newbyteorder("="))
        block[0] = first
        for k, file in enumerate(chosen[1:], 1):
            block[k] = _values(file)[box[1:]]
        return block

    return Source(path, (len(files), rows, columns), dtype, read, notes=_gaps(files))


def _slice(file: Path) -> tuple[int, int, np.dtype]:
    """Rows, columns and type of a slice; InputError if it is more than one."""
    with tiff_file(file) as (tif, _):
        page = tif.pages.first
        if len(tif.pages) > 1 or page.samplesperpixel > 1 or page.imagedepth > 1:
            raise InputError(
                "a folder holds one grey slice per file", field="path",
                value=(file.name, len(tif.pages), page.shape),
                remedy="Read a stack by its own name; convert colour to one channel",
            )  # fmt: skip
        require_data(page, file.stat().st_size, file)
        return int(page.imagelength), int(page.imagewidth), number_type(page, file)


def _values(file: Path) -> np.ndarray:
    with tiff_file(file) as (tif, _):
        page = tif.pages.first
        return decode(page, file).reshape(page.imagelength, page.imagewidth)


def _gaps(files: list[Path]) -> tuple[str, ...]:
    """A note if the last numbers in the names do not count in equal steps."""
    found = [re.findall(r"\d+", file.stem) for file in files]
    if not all(found):
        return ()
    numbers = [int(n[-1]) for n in found]
    steps = np.diff(numbers)
    if steps.size == 0 or (steps == steps[0]).all():
        return ()
    k = int(np.flatnonzero(steps != np.bincount(np.maximum(steps, 0)).argmax())[0])
    return (f"the numbers of the slices have a gap: {files[k].name} is followed by {files[k + 1].name}",)
