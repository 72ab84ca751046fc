"""Where the phases are, between the voxels: one function per phase, the largest of which wins.

From an image: every phase's indicator smoothed by ``2 G(s) - G(s sqrt 2)``, which moves a curved surface by
no more than fourth order in s over its radius, interpolated by cubic splines. From a generator: minus the
signed distance to each phase's exact geometry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numba
import numpy as np

from ..image import Grid, Volume

SMOOTHING = 1.0
"""Width s of the smoothing [voxels]."""
PAD = 4
"""Voxels repeated beyond every face, so that nothing outside is made up."""
BLOCK = 65_536


class Levels(Protocol):
    """Functions of position, one per phase."""

    @property
    def phases(self) -> tuple[str, ...]:
        """Names, in the order of the values."""
        ...

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Values at ``points`` (n, 3) [m]: shape (n, phases); the phase of a point has the largest."""
        ...


@dataclass(frozen=True, eq=False)
class ImageLevels:
    """Smoothed phases of a labelled image.

    Parameters
    ----------
    phases:
        Names; the last one is what the others leave.
    grid:
        Of the image.
    splines:
        Coefficients of all but the last, shape (phases - 1, pages, rows, columns) with the pad, float32.
    """

    phases: tuple[str, ...]
    grid: Grid
    splines: np.ndarray

    @classmethod
    def of(cls, volume: Volume, phases: Sequence[str], smoothing: float = SMOOTHING) -> ImageLevels:
        """Functions of the phases of an image; ``smoothing`` in voxels."""
        from scipy.ndimage import gaussian_filter, spline_filter

        grid = volume.grid
        pad = [PAD if n > 1 else 0 for n in grid.shape]
        fields = []
        width = [smoothing * (n > 1) for n in grid.shape]
        for name in phases[:-1]:
            mask = np.pad(volume.mask(name).astype(np.float32), [(p, p) for p in pad], mode="edge")
            wide = gaussian_filter(mask, [w * 2**0.5 for w in width], mode="nearest")
            mask = 2 * gaussian_filter(mask, width, mode="nearest") - wide
            fields.append(spline_filter(mask, 3, output=np.float32, mode="mirror"))
        shape = tuple(n + 2 * p for n, p in zip(grid.shape, pad, strict=True))
        return cls(tuple(phases), grid, np.stack(fields) if fields else np.empty((0, *shape), np.float32))

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Values, shape (n, phases)."""
        grid = self.grid
        out = np.empty((len(points), len(self.phases)))
        pad = np.array([PAD if n > 1 else 0 for n in grid.shape])
        start = np.array(grid.origin) + (0.5 - pad) * grid.voxel_size
        size = np.array(grid.voxel_size)
        _threads(len(points), lambda a, b: _splines(self.splines, points[a:b], start, size, out[a:b]))
        return out


@dataclass(frozen=True, eq=False)
class ShapeLevels:
    """Exact phases: signed distances, negative inside.

    Parameters
    ----------
    phases:
        Names; the last one has no shape, it is what the others leave.
    shapes:
        Of all but the last.
    """

    phases: tuple[str, ...]
    shapes: Mapping[str, Callable[[np.ndarray], np.ndarray]]

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Values [m], shape (n, phases)."""
        out = np.empty((len(points), len(self.phases)))

        def some(a: int, b: int) -> None:
            for k, name in enumerate(self.phases[:-1]):
                out[a:b, k] = -self.shapes[name](points[a:b])
            out[a:b, -1] = -out[a:b, :-1].max(axis=1, initial=-np.inf)

        _threads(len(points), some)
        return out


@dataclass(frozen=True, eq=False)
class Shifted:
    """Levels with a constant added to each, so that volumes come out right."""

    levels: Levels
    shift: np.ndarray

    @property
    def phases(self) -> tuple[str, ...]:
        """Names of the phases."""
        return self.levels.phases

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Values of the levels plus the shift."""
        return self.levels(points) + self.shift


def _threads(count: int, work: Callable[[int, int], None]) -> None:
    """Call ``work(first, last)`` on blocks, two at a time."""
    if count <= BLOCK:
        work(0, count)
        return
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda a: work(a, min(a + BLOCK, count)), range(0, count, BLOCK)))


@numba.njit(cache=True, nogil=True)
def _weights(x, w):  # type: ignore[no-untyped-def]
    """Cubic B-spline weights of the four knots around ``x`` from its first; a flat axis has one knot."""
    u = 1 - x
    w[0] = u * u * u / 6
    w[1] = (4 - 6 * x * x + 3 * x * x * x) / 6
    w[2] = (4 - 6 * u * u + 3 * u * u * u) / 6
    w[3] = x * x * x / 6


@numba.njit(cache=True, nogil=True)
def _splines(splines, points, start, size, out):  # type: ignore[no-untyped-def]
    """Values of all splines at points; the last column is what is missing to one."""
    count = splines.shape[0]
    w = np.empty((3, 4))
    first = np.empty(3, np.int64)
    many = np.empty(3, np.int64)
    for n in range(points.shape[0]):
        for k in range(3):
            last = splines.shape[k + 1]
            if last == 1:
                first[k], many[k], w[k, 0] = 0, 1, 1.0
                continue
            u = (points[n, k] - start[k]) / size[k]
            u = min(max(u, 1.0), last - 2.001)
            i = int(u)
            _weights(u - i, w[k])
            first[k], many[k] = i - 1, 4
        total = 0.0
        for p in range(count):
            value = 0.0
            for a in range(many[0]):
                for b in range(many[1]):
                    row = 0.0
                    for c in range(many[2]):
                        row += w[2, c] * splines[p, first[0] + a, first[1] + b, first[2] + c]
                    value += w[0, a] * w[1, b] * row
            out[n, p] = value
            total += value
        out[n, count] = 1 - total
