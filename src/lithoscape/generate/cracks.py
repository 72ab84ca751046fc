"""Cracks: sheets along a winding path, networks of drying cracks, gaps at the collector.

A crack is everything within half its width of a middle surface. Displacing the middle surface by a smooth
random function keeps the distance right to first order: it is divided by the length of its gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar, Literal, Protocol

import numpy as np
from pydantic import Field

from ..errors import InputError
from ..image.grid import Grid
from .mud_cells import MudCells, mud_cells
from .noise import Waves, waves
from .placing import MICRO, Along, Curve, End, Face, cut, depth_within, metres, note, positive, to_cut
from .shapes import HalfSpace, Intersection, Shape, rasterise
from .structure import Step, Structure

FLATTEST = 4.0
"""Smallest ratio of correlation length to amplitude of a displaced network; below, its walls fold over."""


class Middle(Protocol):
    """A middle surface."""

    def nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distance to the surface (n,) [m] and its gradient (n, 3), at points (n, 3)."""
        ...


@dataclass(frozen=True)
class Plane:
    """The plane at ``level`` [m] across ``axis``."""

    axis: int
    level: float

    def nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distance to the plane and its gradient."""
        away = points[:, self.axis] - self.level
        gradient = np.zeros_like(points)
        gradient[:, self.axis] = np.where(away < 0, -1.0, 1.0)
        return np.abs(away), gradient


@dataclass(frozen=True)
class Fissure:
    """Points within half a width of a displaced middle surface, down to a depth.

    Parameters
    ----------
    face:
        Where depth is measured from.
    middle:
        The undisplaced middle surface.
    width:
        Full width over depth [m], measured across the undisplaced surface.
    depth:
        Depth at which it ends [m]; None goes right through.
    path:
        Displacement of the middle surface [m] by axis.
    """

    face: Face
    middle: Middle
    width: Curve
    depth: float | None = None
    path: tuple[tuple[int, Waves], ...] = ()

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Signed distance at ``points`` (n, 3) [m]: shape (n,), negative in the crack."""
        points = np.asarray(points, float)
        straight = points.copy()
        slopes = []
        for axis, displacement in self.path:
            value, gradient = displacement(points)
            straight[:, axis] -= value
            slopes.append((axis, gradient))
        away, normal = self.middle.nearest(straight)
        z = self.face.depth(points)
        gradient = normal.copy()
        for axis, slope in slopes:
            gradient -= normal[:, axis : axis + 1] * slope
        gradient[:, self.face.axis] -= self.width.slope(z) / 2 * self.face.inward
        length = np.sqrt(np.einsum("nk,nk->n", gradient, gradient))
        value = (away - self.width(z) / 2) / np.maximum(length, 1e-3)
        return value if self.depth is None else np.maximum(value, z - self.depth)


def width_profile(
    width: float | Sequence[tuple[float, float]], depth: float, width_bottom: float | None = None
) -> Curve:
    """Width over depth [m] from one number, from top and bottom, or from a table of (depth, width) pairs.

    Raises
    ------
    InputError
        A table with depths outside the crack, widths below zero or zero throughout, a bottom width beside a
        table.
    """
    if isinstance(width, int | float):
        pairs = [(0.0, width), (depth, width if width_bottom is None else width_bottom)]
    elif width_bottom is not None:
        raise InputError(
            "a table of widths says already how wide the bottom is", field="width_bottom", value=width_bottom,
            remedy="Leave it out",
        )  # fmt: skip
    else:
        pairs = [(float(z), float(w)) for z, w in width]
    curve = Curve(tuple(z for z, _ in pairs), tuple(w for _, w in pairs))
    if min(curve.positions) < 0 or max(curve.positions) > depth * (1 + 1e-9):
        raise InputError(
            "the table of widths leaves the crack", field="width", value=list(curve.positions),
            remedy=f"Its depths lie between 0 and {depth:.6g} m",
        )  # fmt: skip
    if min(curve.values) < 0 or max(curve.values) <= 0:
        raise InputError(
            "a crack has a width", field="width", value=list(curve.values),
            remedy="Widths are not below zero, and one is above",
        )  # fmt: skip
    return curve


def sheet(
    grid: Grid,
    *,
    width: Curve,
    along: Along = "first",
    position: float | None = None,
    depth: float | None = None,
    start: End = "separator",
    path: Waves | None = None,
) -> Fissure:
    """A crack that runs along an in-plane axis; its middle lies at ``position`` [m] from the box's edge.

    Raises
    ------
    InputError
        A crack wider than the box, deeper than the electrode, or with its middle outside.
    """
    across = grid.in_plane[1 if along == "first" else 0]
    length = grid.size[across]
    at = length / 2 if position is None else position
    if not 0 <= at <= length:
        raise InputError(
            "the crack lies outside the box", field="position", value=position,
            remedy=f"Give 0 to {length:.6g} m",
        )  # fmt: skip
    if max(width.values) >= length:
        raise InputError(
            "the crack is wider than the box", field="width", value=max(width.values),
            remedy=f"The box is {length:.6g} m wide across the crack",
        )  # fmt: skip
    depth_within(grid, depth)
    middle = Plane(across, grid.origin[across] + at)
    return Fissure(Face.of(grid, start), middle, width, depth, () if path is None else ((across, path),))


def network(
    grid: Grid,
    cells: MudCells,
    *,
    width: Curve,
    depth: float | None = None,
    start: End = "separator",
    path: tuple[Waves, Waves] | None = None,
) -> Fissure:
    """Cracks along the walls of cells, displaced in plane by ``path``.

    Raises
    ------
    InputError
        Cracks as wide as the cells, or deeper than the electrode.
    """
    size = float(np.sqrt(np.prod(cells.period) / len(cells.seeds)))
    if max(width.values) >= size:
        raise InputError(
            "the cracks are as wide as the cells between them", field="width", value=max(width.values),
            remedy=f"The cells measure {size:.6g} m",
        )  # fmt: skip
    depth_within(grid, depth)
    moved = () if path is None else tuple(zip(grid.in_plane, path, strict=True))
    return Fissure(Face.of(grid, start), cells, width, depth, moved)


def sheet_fraction(grid: Grid, crack: Fissure, samples: int = 256) -> tuple[float, float]:
    """Volume fraction of a sheet, and the area of its middle surface over that of a plane.

    The extent across is exact at every point of the middle surface, cut off at the box; along and over the
    depth the middle points of ``samples`` intervals are summed.
    """
    plane = crack.middle
    assert isinstance(plane, Plane)
    along = next(k for k in grid.in_plane if k != plane.axis)
    end = grid.thickness if crack.depth is None else crack.depth
    z = (np.arange(samples) + 0.5) / samples * end
    y = grid.origin[along] + (np.arange(samples) + 0.5) / samples * grid.size[along]
    points = np.zeros((samples**2, 3))
    points[:, plane.axis] = plane.level
    points[:, along] = np.tile(y, samples)
    points[:, grid.through] = crack.face.level + crack.face.inward * np.repeat(z, samples)
    at, slope = np.full(len(points), plane.level), np.zeros((len(points), 3))
    for _, displacement in crack.path:
        value, slope = displacement(points)
        at = at + value
    half = crack.width(np.repeat(z, samples)) / 2
    low, high = grid.origin[plane.axis], grid.origin[plane.axis] + grid.size[plane.axis]
    extent = np.clip(at + half, low, high) - np.clip(at - half, low, high)
    fraction = extent.mean() / grid.size[plane.axis] * end / grid.thickness
    return float(fraction), float(np.sqrt(1 + (slope**2).sum(axis=1)).mean())


def network_fraction(grid: Grid, crack: Fissure) -> float:
    """Volume fraction of an undisplaced network: exact areas, Gauss points between corners of the width."""
    cells = crack.middle
    assert isinstance(cells, MudCells)
    end = grid.thickness if crack.depth is None else crack.depth
    corners = np.unique(np.clip([0.0, *crack.width.positions, end], 0, end))
    nodes, weights = np.polynomial.legendre.leggauss(6)
    total = 0.0
    for a, b in pairwise(corners):
        if crack.width(a) == crack.width(b):
            total += (b - a) * cells.wall_fraction(float(crack.width(a)))
            continue
        widths = crack.width((a + b) / 2 + (b - a) / 2 * nodes)
        areas = [cells.wall_fraction(float(w)) for w in widths]
        total += (b - a) / 2 * float(weights @ areas)
    return total / grid.thickness


class _Crack(Step):
    """What sheets and networks have in common."""

    width_um: float | tuple[tuple[float, float], ...]
    width_bottom_um: float | None = None
    depth_um: float | Literal["full"] = "full"
    start: End = "separator"
    amplitude_um: float = 0.0
    correlation_um: float | None = None
    gap_um: float = 0.0
    gap_reach_um: float | None = None
    over: tuple[str, ...] | None = None

    def profile(self, grid: Grid) -> Curve:
        """Width over depth in metres."""
        low = None if self.width_bottom_um is None else self.width_bottom_um * MICRO
        depth = depth_within(grid, metres(self.depth_um))
        if isinstance(self.width_um, tuple):
            return width_profile([(z * MICRO, w * MICRO) for z, w in self.width_um], depth, low)
        return width_profile(self.width_um * MICRO, depth, low)

    def path(self, grid: Grid, rng: np.random.Generator, flat: tuple[int, ...] = ()) -> Waves | None:
        """The displacement, if there is one; InputError without a correlation length."""
        if positive("amplitude_um", self.amplitude_um, zero=True) == 0:
            return None
        if self.correlation_um is None:
            raise InputError(
                "a winding path has a correlation length", field="correlation_um", value=None,
                remedy="Give it: the length over which the path turns",
            )  # fmt: skip
        amplitude, correlation = self.amplitude_um * MICRO, self.correlation_um * MICRO
        return waves(grid, rng, amplitude=amplitude, correlation=correlation, flat=flat)

    def gap(self, structure: Structure, crack: Fissure) -> Structure:
        """The structure with the gap at the collector that the crack has opened."""
        grid, height = structure.grid, positive("gap_um", self.gap_um, zero=True) * MICRO
        if height == 0:
            return structure
        if height >= grid.thickness:
            raise InputError(
                "the gap is as high as the electrode", field="gap_um", value=self.gap_um,
                remedy=f"The electrode is {grid.thickness:.6g} m thick",
            )  # fmt: skip
        floor = Face.of(grid, "collector")
        level = floor.level + floor.inward * height
        shape: Shape = HalfSpace(grid.through, level, above=floor.inward < 0)
        if self.gap_reach_um is not None:
            reach = Curve((0.0,), (2 * positive("gap_reach_um", self.gap_reach_um) * MICRO,))
            near = Fissure(floor, crack.middle, reach, None, crack.path)
            shape = Intersection((shape, near))
        after, filled, solid = cut(structure, shape, self.over)
        return note(
            after, "gap", volume_fraction_on_voxels=filled, solid_removed_fraction=solid
        )  # fmt: skip


class Crack(_Crack):
    """A crack along an in-plane axis, straight or winding along its run and over its depth."""

    make: Literal["crack"]
    along: Along = "first"
    position_um: float | None = None
    summary: ClassVar[str] = "a crack from the separator or the collector"

    def apply(self, structure: Structure, rng: np.random.Generator) -> Structure:
        """The structure with the crack cut into it."""
        grid = structure.grid
        across = grid.in_plane[1 if self.along == "first" else 0]
        crack = sheet(
            grid, width=self.profile(grid), along=self.along, depth=metres(self.depth_um), start=self.start,
            position=None if self.position_um is None else self.position_um * MICRO,
            path=self.path(grid, rng, flat=(across,)),
        )  # fmt: skip
        after, filled, solid = cut(structure, crack, self.over)
        fraction, area = sheet_fraction(grid, crack)
        after = note(
            after, "crack", volume_fraction_by_formula=fraction, volume_fraction_on_voxels=filled,
            solid_removed_fraction=solid, area_over_plane=area,
        )  # fmt: skip
        return self.gap(after, crack)


class CrackNetwork(_Crack):
    """Drying cracks: walls between the cells of a Voronoi pattern in plane."""

    make: Literal["crack_network"]
    size_um: float
    relaxation: Annotated[int, Field(strict=True)] = 3
    summary: ClassVar[str] = "a network of drying cracks"

    def apply(self, structure: Structure, rng: np.random.Generator) -> Structure:
        """The structure with the network cut into it."""
        grid = structure.grid
        cells = mud_cells(grid, rng, size=self.size_um * MICRO, relaxation=self.relaxation)
        first, second = self.path(grid, rng), self.path(grid, rng)
        if self.correlation_um is not None and self.amplitude_um * FLATTEST > self.correlation_um:
            raise InputError(
                "so short a path would fold the network over", field="correlation_um",
                value=self.correlation_um, remedy=f"Give at least {FLATTEST:g} times the amplitude",
            )  # fmt: skip
        path = None if first is None or second is None else (first, second)
        crack = network(
            grid, cells, width=self.profile(grid), depth=metres(self.depth_um), start=self.start, path=path
        )
        to_cut(structure, self.over)
        after, filled, solid = cut(structure, crack, self.over, network_voxels(grid, crack))
        after = note(
            after, "crack network", cells=len(cells.seeds),
            volume_fraction_by_formula=network_fraction(grid, crack) if path is None else None,
            volume_fraction_on_voxels=filled, solid_removed_fraction=solid,
        )  # fmt: skip
        return self.gap(after, crack)


def network_voxels(grid: Grid, crack: Fissure) -> np.ndarray:
    """Voxels of a network; the plane is searched once if the walls are the same at every depth."""
    if crack.path:
        return rasterise(crack, grid)
    thin = grid.crop([slice(0, 1) if k == grid.through else slice(None) for k in range(3)])
    away = crack.middle.nearest(thin.points())[0].reshape(thin.shape)
    z = (grid.centres(grid.through) - crack.face.level) * crack.face.inward
    half = np.where(z < (np.inf if crack.depth is None else crack.depth), crack.width(z) / 2, -1.0)
    return away < half.reshape([-1 if k == grid.through else 1 for k in range(3)])
