"""What structured electrodes share: a face to measure depth from, curves over depth, phases to cut, notes."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from ..errors import InputError, nearest
from ..image.grid import Grid
from .shapes import Shape, rasterise
from .structure import BACKGROUND, Structure

Along = Literal["first", "second"]
End = Literal["separator", "collector"]
MICRO = 1e-6


@dataclass(frozen=True)
class Face:
    """A face of the box across the through axis.

    Parameters
    ----------
    axis:
        The through axis.
    level:
        Coordinate of the face [m].
    inward:
        1 if the electrode lies above the face along the axis, -1 if below.
    """

    axis: int
    level: float
    inward: int

    @classmethod
    def of(cls, grid: Grid, end: End = "separator") -> Face:
        """The separator's or the collector's face of a grid."""
        low = (end == "collector") == (grid.collector == "low")
        edge = grid.origin[grid.through]
        return cls(grid.through, edge if low else edge + grid.thickness, 1 if low else -1)

    def depth(self, points: np.ndarray) -> np.ndarray:
        """Distance of points (n, 3) from the face, into the electrode [m]: shape (n,)."""
        return (np.asarray(points)[:, self.axis] - self.level) * self.inward


@dataclass(frozen=True)
class Curve:
    """Piecewise linear function through given points; constant beyond the ends.

    Raises
    ------
    InputError
        Fewer than one point, numbers that are not finite, or positions that do not ascend.
    """

    positions: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        x, y = np.asarray(self.positions, float), np.asarray(self.values, float)
        if x.ndim != 1 or x.shape != y.shape or x.size < 1 or not (np.isfinite(x) & np.isfinite(y)).all():
            raise InputError(
                "a profile is a list of position and value pairs", field="profile",
                value=(self.positions, self.values), remedy="Such as [[0, 3], [1000, 17]]",
            )  # fmt: skip
        if (np.diff(x) <= 0).any():
            raise InputError(
                "the positions of a profile ascend", field="profile", value=list(self.positions),
                remedy="Sort the pairs and give each position once",
            )  # fmt: skip

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Values at ``x``."""
        return np.interp(x, self.positions, self.values)

    def slope(self, x: np.ndarray) -> np.ndarray:
        """Derivative at ``x``; zero beyond the ends."""
        if len(self.positions) == 1:
            return np.zeros(np.shape(x))
        slopes = np.concatenate([[0.0], np.diff(self.values) / np.diff(self.positions), [0.0]])
        return slopes[np.searchsorted(self.positions, x, side="right")]


def positive(field: str, value: float, *, zero: bool = False) -> float:
    """``value`` if it is a finite positive number (or zero where allowed), else InputError."""
    if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        raise InputError(
            "this is a positive number" if not zero else "this is a number not below zero",
            field=field, value=value, remedy="Lengths are in metres here, in micrometres in a recipe",
        )  # fmt: skip
    return float(value)


def depth_within(grid: Grid, depth: float | None, field: str = "depth") -> float:
    """``depth`` [m], the whole thickness for None; InputError if it exceeds the electrode."""
    if depth is None:
        return grid.thickness
    if positive(field, depth) > grid.thickness * (1 + 1e-9):
        raise InputError(
            f"the electrode is only {grid.thickness:.6g} m thick", field=field, value=depth,
            remedy="Give a smaller depth, or full",
        )  # fmt: skip
    return float(depth)


def metres(depth_um: float | Literal["full"]) -> float | None:
    """A recipe's depth in metres; None for ``full``."""
    return None if depth_um == "full" else float(depth_um) * MICRO


def to_cut(structure: Structure, over: Sequence[str] | None) -> tuple[str, ...]:
    """Phases that a cut removes: those named, or all but the pore; InputError if there is none."""
    there = [name for name in structure.volume.phases if name != BACKGROUND]
    for name in over or ():
        if name not in there:
            raise InputError(
                "there is no such phase to cut", field="over", value=name, remedy=nearest(name, there)
            )
    names = tuple(there if over is None else over)
    if not names:
        raise InputError(
            "there is nothing to cut", field="over", value=[],
            remedy="Put the step that makes the electrode before this one",
        )  # fmt: skip
    return names


def cut(
    structure: Structure, shape: Shape, over: Sequence[str] | None, mask: np.ndarray | None = None
) -> tuple[Structure, float, float]:
    """``structure`` without ``shape``; fractions of the box that the shape fills and that were solid before.

    ``mask`` are the voxels inside the shape if they are known already.
    """
    names = to_cut(structure, over)
    mask = rasterise(shape, structure.grid) if mask is None else mask
    solid = float((mask & structure.volume.mask(names)).mean())
    return structure.paint(BACKGROUND, mask, shape=shape, over=names), float(mask.mean()), solid


def note(structure: Structure, make: str, **figures: Any) -> Structure:
    """Figures of a step, named ``make: figure``; a step made again counts on: ``make 2: figure``.

    The name of a length ends in ``_m``, which becomes its unit.
    """
    number, name = 1, make
    while any(key.startswith(f"{name}: ") for key in structure.figures):
        number += 1
        name = f"{make} {number}"
    words = {key: re.sub("_m$", " [m]", key).replace("_", " ") for key in figures}
    named = {f"{name}: {words[key]}": value for key, value in figures.items()}
    return replace(structure, figures={**structure.figures, **named})
