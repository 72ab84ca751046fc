"""Labels as they come out of files: are they labels, which occur, and do the phases fit them."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from ..errors import InputError
from .formats import Box, Source
from .volume import label_counts

MOST_UNNAMED = 64
"""More labels than this, and none named, are taken for grey levels."""

_SLAB = 2**26
"""Voxels looked at together when a phase is searched in the whole file."""


def whole_numbers(values: np.ndarray, path: Path) -> np.ndarray:
    """``values`` in memory as whole numbers of a small type; InputError for fractions.

    A copy is made: a memory map would follow whatever happens to the file later.
    """
    if values.dtype.kind in "bui":
        return _small(values)
    if not all(np.isfinite(page).all() and (page == np.rint(page)).all() for page in values):
        raise _grey(path, "numbers with fractions")
    low, high = float(values.min()), float(values.max())
    if low < -(2**31) or high >= 2**31:
        raise _grey(path, f"numbers from {low:g} to {high:g}")
    return _small(values.astype(np.int64))


def _small(values: np.ndarray) -> np.ndarray:
    """A copy in C order, in one or two bytes per voxel if the numbers fit."""
    if values.dtype not in (np.uint8, np.uint16):
        low, high = int(values.min()), int(values.max())
        if low >= 0 and high < 65536:
            return values.astype(np.uint8 if high < 256 else np.uint16, order="C")
    return np.array(values, order="C")


def distinct(labels: np.ndarray) -> list[int]:
    """The labels that occur, ascending."""
    if labels.dtype in (np.uint8, np.uint16):
        return [int(n) for n in np.flatnonzero(label_counts(labels))]
    found: set[int] = set()
    for page in labels:
        found.update(np.unique(page).tolist())
    return sorted(found)


def named(labels: np.ndarray, path: Path) -> dict[str, int]:
    """Names such as ``"phase 0"`` for labels without; InputError for so many that they must be grey."""
    found = distinct(labels)
    if len(found) > MOST_UNNAMED:
        raise _grey(path, f"{len(found)} different values")
    return {f"phase {label}": label for label in found}


def check_phases(phases: Mapping[str, int], labels: np.ndarray, source: Source, box: Box) -> dict[str, int]:
    """The phases as whole numbers; InputError if one of them occurs nowhere in the file."""
    try:
        names = {str(name): operator.index(label) for name, label in phases.items()}
    except (TypeError, AttributeError) as error:
        raise InputError(
            "each phase has a whole number as its label", field="phases", value=phases,
            remedy="Such as {'pore': 0, 'active': 1}",
        ) from error  # fmt: skip
    found = distinct(labels)
    empty = {name: label for name, label in names.items() if label not in found}
    for slab in _slabs(source) if box != source.whole else ():
        if not empty:
            break
        values = source.read(slab)
        empty = {name: label for name, label in empty.items() if not (values == label).any()}
    if empty:
        where = "file" if box == source.whole else "crop"
        raise InputError(
            "a named phase has no voxel in the file", field="phases", value=empty,
            remedy=f"Labels in the {where}: {', '.join(str(n) for n in found[:MOST_UNNAMED])}",
        )  # fmt: skip
    return names


def _slabs(source: Source) -> Iterator[Box]:
    pages, rows, columns = source.shape
    step = max(1, _SLAB // (rows * columns))
    for first in range(0, pages, step):
        yield slice(first, min(first + step, pages)), slice(0, rows), slice(0, columns)


def _grey(path: Path, what: str) -> InputError:
    return InputError(
        f"these are grey levels, no labels: {what}", field="path", value=path.name,
        remedy="Segment the image first, or name the phases",
    )  # fmt: skip
