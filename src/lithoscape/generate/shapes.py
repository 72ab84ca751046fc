"""Implicit functions of geometry: negative inside, zero on the surface, positive outside, in metres.

A shape takes points of the shape (n, 3) [m], coordinate k along array axis k, and returns n values. Near its
surface the value is a distance to first order (gradient of length one), which is what a mesher needs to place
vertices on it; far away only its sign counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from ..image import Grid


@runtime_checkable
class Shape(Protocol):
    """Anything that gives signed distances at points."""

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Signed distance at ``points`` (n, 3) [m]: shape (n,), negative inside."""
        ...


@dataclass(frozen=True)
class Union:
    """Points inside any of the parts."""

    parts: tuple[Shape, ...]

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Smallest value of the parts."""
        values = self.parts[0](points)
        for part in self.parts[1:]:
            values = np.minimum(values, part(points))
        return values


@dataclass(frozen=True)
class Intersection:
    """Points inside all of the parts."""

    parts: tuple[Shape, ...]

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Largest value of the parts."""
        values = self.parts[0](points)
        for part in self.parts[1:]:
            values = np.maximum(values, part(points))
        return values


@dataclass(frozen=True)
class Complement:
    """Points outside a shape."""

    part: Shape

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """The part's value with the other sign."""
        return -self.part(points)


@dataclass(frozen=True)
class HalfSpace:
    """Points below ``level`` [m] along the axis, or above it."""

    axis: int
    level: float
    above: bool = False

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Distance to the plane."""
        value = np.asarray(points)[:, self.axis] - self.level
        return -value if self.above else value


def union(parts: Sequence[Shape]) -> Shape:
    """Union of shapes; one alone is itself."""
    return parts[0] if len(parts) == 1 else Union(tuple(parts))


def minus(shape: Shape, cut: Shape) -> Shape:
    """What of ``shape`` lies outside ``cut``."""
    return Intersection((shape, Complement(cut)))


def rasterise(shape: Shape, grid: Grid) -> np.ndarray:
    """Voxels whose centre lies inside the shape (bool, shape of the grid)."""
    inside = np.empty(grid.shape, dtype=bool)
    pages = max(1, 2_000_000 // (grid.shape[1] * grid.shape[2]))
    for first in range(0, grid.shape[0], pages):
        last = min(first + pages, grid.shape[0])
        inside[first:last] = (shape(grid.points(first, last)) < 0).reshape(-1, *grid.shape[1:])
    return inside
