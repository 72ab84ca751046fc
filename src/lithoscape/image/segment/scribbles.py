"""Scribbles: the few voxels whose phase a person has told, in the recipe or in a file beside it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ...errors import InputError, nearest

Index = Annotated[int, Field(ge=0, strict=True)]
Point = tuple[Index, Index]
Range = tuple[Index, Index]


class Scribble(BaseModel):
    """One stroke or box of a phase, in voxel indices.

    Either ``line`` with the ``slice`` it is drawn in: points in the two axes other than ``axis``, in order,
    drawn ``width_voxels`` wide; or ``box``: first and last index, inclusive, along each of the three axes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    phase: str
    axis: Annotated[int, Field(ge=0, le=2, strict=True)] = 0
    slice: Index | None = None
    line: Annotated[tuple[Point, ...], Field(min_length=1)] | None = None
    width_voxels: Annotated[int, Field(ge=1, le=99, strict=True)] = 1
    box: tuple[Range, Range, Range] | None = None

    def mask(self, shape: tuple[int, int, int], field: str) -> np.ndarray:
        """Voxels drawn (bool); InputError if the scribble is incomplete or leaves the image."""
        if (self.line is None) == (self.box is None) or (self.line is None) != (self.slice is None):
            raise InputError(
                "a scribble is a line in a slice, or a box", field=field, value=self.phase,
                remedy="Give slice and line, or box",
            )  # fmt: skip
        mask = np.zeros(shape, bool)
        if self.box is not None:
            if any(not first <= last < n for (first, last), n in zip(self.box, shape, strict=True)):
                raise _outside(field, self.box, shape)
            mask[tuple(slice(first, last + 1) for first, last in self.box)] = True
            return mask
        self._draw(mask, field)
        return mask

    def _draw(self, mask: np.ndarray, field: str) -> None:
        from scipy import ndimage
        from skimage.draw import line as pixels

        assert self.line is not None and self.slice is not None
        page_shape = tuple(n for k, n in enumerate(mask.shape) if k != self.axis)
        if self.slice >= mask.shape[self.axis]:
            raise _outside(field, self.slice, mask.shape)
        if any(a >= page_shape[0] or b >= page_shape[1] for a, b in self.line):
            raise _outside(field, self.line, mask.shape)
        page = np.zeros(page_shape, bool)
        for (a, b), (c, d) in zip(self.line, (*self.line[1:], self.line[-1]), strict=True):
            page[pixels(a, b, c, d)] = True
        if self.width_voxels > 1:
            page = ndimage.distance_transform_edt(~page) <= (self.width_voxels - 1) / 2
        np.moveaxis(mask, self.axis, 0)[self.slice] = page


def drawn(
    scribbles: tuple[Scribble, ...], shape: tuple[int, int, int], phases: tuple[str, ...]
) -> np.ndarray:
    """Scribbles as an image: 0 not drawn, k + 1 phase k (uint8).

    Raises
    ------
    InputError
        A scribble that leaves the image, or two of different phases that cross.
    """
    labels = np.zeros(shape, np.uint8)
    for k, scribble in enumerate(scribbles):
        mask = scribble.mask(shape, f"scribbles[{k}]")
        number = phases.index(scribble.phase) + 1
        crossed = mask & (labels != 0) & (labels != number)
        if crossed.any():
            raise InputError(
                f"{int(crossed.sum())} voxels are drawn as this phase and as another",
                field=f"scribbles[{k}]", value=scribble.phase, remedy="Draw them apart",
            )  # fmt: skip
        labels[mask] = number
    return labels


def from_file(path: Path, shape: tuple[int, int, int], phases: tuple[str, ...]) -> tuple[np.ndarray, str]:
    """Scribbles of a label image (.npy or .tif: 0 not drawn, k + 1 phase k) and the hash of its content.

    Raises
    ------
    InputError
        No such file, another format or shape, labels beyond the phases.
    """
    labels = _read(path)
    if labels.shape != shape:
        raise InputError(
            f"scribbles have the shape of the image, {shape}", field="file", value=labels.shape,
            remedy="Draw on the image that is segmented, and crop both alike",
        )  # fmt: skip
    if labels.dtype.kind not in "bui" or labels.min() < 0 or labels.max() > len(phases):
        raise InputError(
            f"scribbles are whole numbers from 0 to {len(phases)}", field="file", value=path.name,
            remedy="0 is not drawn; " + ", ".join(f"{k + 1} is {name}" for k, name in enumerate(phases)),
        )  # fmt: skip
    labels = np.ascontiguousarray(labels, np.uint8)
    return labels, hashlib.sha256(labels.tobytes()).hexdigest()[:12]


def _read(path: Path) -> np.ndarray:
    if not path.is_file():
        near = [p.name for p in path.parent.glob("*.*")] if path.parent.is_dir() else []
        raise InputError(
            "there is no such file of scribbles", field="file", value=path.name,
            remedy=nearest(path.name, near) if near else "Paths are relative to the recipe",
        )  # fmt: skip
    try:
        if path.suffix == ".npy":
            return np.asarray(np.load(path, allow_pickle=False))
        if path.suffix in (".tif", ".tiff"):
            import tifffile

            return np.asarray(tifffile.imread(path))
    except Exception as error:  # what a reader raises on a broken file depends on where it is broken
        raise InputError(
            f"the file cannot be read: {error}", field="file", value=path.name,
            remedy="Save the scribbles again",
        ) from None  # fmt: skip
    raise InputError(
        "scribbles come as .npy or .tif", field="file", value=path.name, remedy="Save them as one of these"
    )


def _outside(field: str, value: object, shape: tuple[int, ...]) -> InputError:
    return InputError(
        "the scribble leaves the image", field=field, value=value,
        remedy=f"Give indices, first before last, inside the shape {tuple(shape)}",
    )  # fmt: skip
