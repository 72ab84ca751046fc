"""Values on the voxel lattice: as an implicit function by splines, and cut at an exact number of voxels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import ndimage

from ..errors import InputError
from ..image.grid import Grid
from ..image.volume import require_shape


@dataclass(frozen=True, eq=False)
class Sampled:
    """A function known at the voxel centres, cubic splines between them: smooth, not exact.

    The spline passes through the samples, so on the voxels the shape is what was sampled; between them its
    surface is accurate to the fourth order of the voxel size for a smooth function. Beyond the outermost
    centres the function is mirrored.

    Parameters
    ----------
    grid:
        Voxel size and position.
    values:
        Shape of the grid; negative inside. Near zero they should be distances [m], see :func:`as_distance`.

    Raises
    ------
    InputError
        The shapes differ, or a value is not finite.
    """

    grid: Grid
    values: np.ndarray
    _spline: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        require_shape(self.values, self.grid)
        if not np.isfinite(self.values).all():
            raise InputError(
                "a sampled function is finite everywhere", field="values", value="nan or infinite"
            )
        spline = np.array(self.values, dtype=np.float64)
        for axis in self._axes:
            spline = ndimage.spline_filter1d(spline, 3, axis=axis, mode="mirror")
        object.__setattr__(self, "_spline", spline)

    @property
    def _axes(self) -> list[int]:
        """Axes with more than one voxel; along the others nothing varies."""
        return [k for k in range(3) if self.grid.shape[k] > 1]

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Values at ``points`` (n, 3) [m]: shape (n,)."""
        g, axes = self.grid, self._axes
        index = [(points[:, k] - g.origin[k]) / g.voxel_size[k] - 0.5 for k in axes]
        spline = self._spline.reshape([g.shape[k] for k in axes])
        if not axes:
            return np.full(len(points), float(self._spline.ravel()[0]))
        return ndimage.map_coordinates(spline, np.stack(index), order=3, mode="mirror", prefilter=False)


def as_distance(values: np.ndarray, grid: Grid) -> np.ndarray:
    """``values`` over the length of their gradient: a distance to first order near zero [m].

    Signs are kept. Where the gradient is small against its mean square, away from any steep level, the mean
    takes its place, so that the result stays bounded.
    """
    axes = [k for k in range(3) if grid.shape[k] > 1]
    square: Any = 0.0
    for k in axes:
        square = square + np.gradient(values, grid.voxel_size[k], axis=k) ** 2
    floor = 0.05 * np.mean(square) if axes else 1.0
    return values / np.sqrt(np.maximum(square, floor if floor > 0 else 1.0))


def lowest(values: np.ndarray, among: np.ndarray, count: int) -> tuple[np.ndarray, float]:
    """The ``count`` voxels of ``among`` with the lowest values, and a level that parts them from the others.

    Equal values at the cut are taken in index order, so that the number is exact and the same every time.

    Parameters
    ----------
    values:
        Any real field.
    among:
        Voxels to choose from (bool, same shape).
    count:
        How many.

    Returns
    -------
    mask, level:
        Mask of exactly ``count`` voxels; every chosen value is at most ``level``, every other at least.

    Raises
    ------
    InputError
        More voxels wanted than there are.
    """
    index = np.flatnonzero(among)
    if not 0 <= count <= index.size:
        raise InputError(
            f"only {index.size} voxels are available", field="fraction", value=count,
            remedy="Ask for a smaller fraction",
        )  # fmt: skip
    mask = np.zeros(values.size, dtype=bool)
    there = values.ravel()[index]
    if count in (0, index.size):
        mask[index[:count]] = True
        if count == 0:
            level = np.nextafter(there.min(initial=0.0), -np.inf)
        else:
            level = np.nextafter(there.max(), np.inf)
        return mask.reshape(values.shape), float(level)
    parted = np.partition(there, [count - 1, count])
    last, following = float(parted[count - 1]), float(parted[count])
    chosen = there < last
    chosen[np.flatnonzero(there == last)[: count - int(chosen.sum())]] = True
    mask[index[chosen]] = True
    return mask.reshape(values.shape), 0.5 * (last + following)
