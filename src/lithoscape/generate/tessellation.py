"""Cells around seeds: Voronoi cells, and their relatives stretched along the radius of a particle.

The squared distance of a point x to a seed s, both seen from the particle's centre, is split into a lateral
and a radial part,

    |x - s|^2 = 2 (|x||s| - x.s) + (|x| - |s|)^2,

and the radial part is divided by the square of the elongation k. With k = 1 this is Voronoi's distance; with
k > 1 cells become columns along the radius, k times as long as wide. What one seed's distance exceeds
another's by is linear in x and |x|, so that faces are planes (k = 1) or quadrics with a focus at the centre,
and have an exact implicit function with an exact gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from scipy.spatial import cKDTree

from ..errors import InputError
from .placing import positive


@dataclass(frozen=True, eq=False)
class Tessellation:
    """Cells around seeds.

    Parameters
    ----------
    seeds:
        (n, 3) [m].
    centre:
        Centre of the particle, from which the radius is measured (3,) [m].
    elongation:
        Length of a cell along the radius over its width; 1 for Voronoi cells.
    period:
        Lengths after which space repeats (3,) [m]; 0 along an axis where it does not.

    Raises
    ------
    InputError
        No seed, shapes that do not fit, an elongation that is not positive.
    """

    seeds: np.ndarray
    centre: np.ndarray
    elongation: float = 1.0
    period: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        seeds = np.array(self.seeds, dtype=np.float64, order="C")
        centre = np.array(self.centre, dtype=np.float64)
        if seeds.ndim != 2 or seeds.shape[1:] != (3,) or len(seeds) == 0 or centre.shape != (3,):
            raise InputError(
                "a tessellation has seeds (n, 3) and a centre (3,)", field="seeds", value=seeds.shape
            )
        positive("elongation", self.elongation)
        object.__setattr__(self, "seeds", seeds)
        object.__setattr__(self, "centre", centre)

    def __len__(self) -> int:
        return len(self.seeds)

    @property
    def _stretch(self) -> float:
        return float(self.elongation) ** -2

    def seen(self, points: np.ndarray) -> np.ndarray:
        """Points (n, 3) [m] from the centre, by the shortest way round where space repeats."""
        apart = np.array(points, dtype=np.float64) - self.centre
        for k, length in enumerate(self.period):
            if length > 0:
                apart[:, k] -= length * np.round(apart[:, k] / length)
        return apart

    def nearest(self, points: np.ndarray) -> np.ndarray:
        """Index of the cell that each of ``points`` (n, 3) [m] lies in."""
        seen = self.seen(points)
        if self.elongation == 1.0:
            return cKDTree(self.seeds - self.centre).query(seen)[1].astype(np.int64)
        return _nearest(seen, self.seeds - self.centre, self._stretch)

    def faces(
        self, points: np.ndarray, side: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Own cell, cell across the nearest face, and first-order distance to that face [m], each (n,).

        With a ``side`` for every cell only faces between cells on different sides count; where there is none
        the cell across is -1 and the distance infinite.
        """
        own = self.nearest(points)
        sides = np.arange(len(self)) if side is None else np.asarray(side).astype(np.int64)
        other, distance = _faces(self.seen(points), self.seeds - self.centre, self._stretch, own, sides)
        return own, other, distance

    def distance(self, points: np.ndarray, index: int) -> np.ndarray:
        """Signed distance to cell ``index``, to first order near its faces [m]: shape (n,)."""
        return _cell(self.seen(points), self.seeds - self.centre, self._stretch, index)


@dataclass(frozen=True, eq=False)
class Cell:
    """One cell of a tessellation as an implicit function: the largest signed distance to its faces."""

    tessellation: Tessellation
    index: int

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Signed distance at ``points`` (n, 3) [m]: shape (n,), negative inside."""
        return self.tessellation.distance(points, self.index)


@dataclass(frozen=True, eq=False)
class Core:
    """Points with q = sqrt((x - c).M (x - c)) < 1; the value (q - 1)/|grad q| is a distance to first order.

    Parameters
    ----------
    centre:
        (3,) [m].
    matrix:
        Symmetric, positive semidefinite (3, 3) [m-2].
    period:
        As for :class:`Tessellation`.
    """

    centre: np.ndarray
    matrix: np.ndarray
    period: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Signed distance at ``points`` (n, 3) [m]: shape (n,)."""
        apart = Tessellation(np.zeros((1, 3)), self.centre, 1.0, self.period).seen(points)
        pull = apart @ self.matrix
        q = np.sqrt(np.maximum((apart * pull).sum(axis=1), 0.0))
        slope = np.linalg.norm(pull, axis=1) / np.maximum(q, 1e-12)
        at_centre = 1.0 / np.sqrt(np.linalg.eigvalsh(self.matrix)[-1])
        return np.where(q < 1e-9, -at_centre, (q - 1) / np.maximum(slope, 1e-300))


def relaxed(tessellation: Tessellation, points: np.ndarray, rounds: int) -> Tessellation:
    """Every seed moved to where the squared distances of its cell's points are least, ``rounds`` times.

    Lloyd's algorithm (1982, doi:10.1109/TIT.1982.1056489), which makes cells even in size and compact; of a
    stretched cell the best direction is that of the mean m of its points, the best radius <|x|> - k^2 (<|x|>
    - |m|).
    """
    seeds, centre = tessellation.seeds, tessellation.centre
    seen = tessellation.seen(points)
    radius = np.linalg.norm(seen, axis=1)
    for _ in range(rounds):
        now = Tessellation(seeds, centre, tessellation.elongation, tessellation.period)
        own = now.nearest(points)
        n = np.bincount(own, minlength=len(seeds))
        full = n > 0
        mean = _sums(own, seen, len(seeds))[full] / n[full, None]
        length = np.linalg.norm(mean, axis=1)
        average = np.bincount(own, radius, len(seeds))[full] / n[full]
        best = average - tessellation.elongation**2 * (average - length)
        best = np.clip(best, 0.1 * average, None) if tessellation.elongation != 1.0 else length
        moved = seeds - centre
        moved[full] = mean * (best / np.maximum(length, 1e-300))[:, None]
        seeds = moved + centre
    return Tessellation(seeds, centre, tessellation.elongation, tessellation.period)


def _sums(own: np.ndarray, values: np.ndarray, size: int) -> Any:
    return np.stack([np.bincount(own, values[:, k], size) for k in range(3)], axis=1)


@numba.njit(cache=True)
def _value(x, r, s, rho, stretch):  # type: ignore[no-untyped-def]
    """Squared distance less what all seeds have in common."""
    dot = x[0] * s[0] + x[1] * s[1] + x[2] * s[2]
    return -2.0 * dot + 2.0 * r * rho * (1.0 - stretch) + stretch * rho * rho


@numba.njit(cache=True)
def _face(x, r, a, rho_a, b, rho_b, stretch):  # type: ignore[no-untyped-def]
    """First-order distance of x to the face between seeds a and b; negative on the side of a."""
    rise = _value(x, r, a, rho_a, stretch) - _value(x, r, b, rho_b, stretch)
    square = 0.0
    for k in range(3):
        unit = x[k] / r if r > 0.0 else 0.0
        slope = -2.0 * (a[k] - b[k]) + 2.0 * (rho_a - rho_b) * (1.0 - stretch) * unit
        square += slope * slope
    return rise / np.sqrt(square) if square > 0.0 else 0.0


@numba.njit(cache=True)
def _norms(values):  # type: ignore[no-untyped-def]
    out = np.empty(len(values))
    for i in range(len(values)):
        v = values[i]
        out[i] = np.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
    return out


@numba.njit(cache=True)
def _nearest(points, seeds, stretch):  # type: ignore[no-untyped-def]
    own = np.empty(len(points), dtype=np.int64)
    r, rho = _norms(points), _norms(seeds)
    for p in range(len(points)):
        least, best = np.inf, 0
        for i in range(len(seeds)):
            value = _value(points[p], r[p], seeds[i], rho[i], stretch)
            if value < least:
                least, best = value, i
        own[p] = best
    return own


@numba.njit(cache=True)
def _faces(points, seeds, stretch, own, side):  # type: ignore[no-untyped-def]
    other, distance = np.full(len(points), -1, dtype=np.int64), np.full(len(points), np.inf)
    r, rho = _norms(points), _norms(seeds)
    for p in range(len(points)):
        i = own[p]
        own_value = _value(points[p], r[p], seeds[i], rho[i], stretch)
        for j in range(len(seeds)):
            if side[j] == side[i]:
                continue
            # the gradient is at most 4 |s_i - s_j|: most seeds are too far for a closer look
            rise = _value(points[p], r[p], seeds[j], rho[j], stretch) - own_value
            apart = 0.0
            for k in range(3):
                apart += (seeds[i, k] - seeds[j, k]) ** 2
            if rise < 0.0 or rise * rise < 16.0 * apart * distance[p] * distance[p]:
                d = -_face(points[p], r[p], seeds[i], rho[i], seeds[j], rho[j], stretch)
                if d < distance[p]:
                    distance[p], other[p] = d, j
    return other, distance


@numba.njit(cache=True)
def _cell(points, seeds, stretch, index):  # type: ignore[no-untyped-def]
    value = np.full(len(points), -np.inf)
    r, rho = _norms(points), _norms(seeds)
    for p in range(len(points)):
        for j in range(len(seeds)):
            if j != index:
                d = _face(points[p], r[p], seeds[index], rho[index], seeds[j], rho[j], stretch)
                if d > value[p]:
                    value[p] = d
    return value
