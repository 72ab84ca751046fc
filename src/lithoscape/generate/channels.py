"""Laser-structured electrodes: channels and holes, straight or tapered, flat or round at the bottom.

All of them are one cross-section, a trapezium that opens at the separator, drawn along a line (channels) or
turned about an axis (holes) and repeated on a lattice; its distance and its volume are closed forms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from ..errors import InputError
from ..image.grid import Grid
from .placing import MICRO, Along, Face, cut, depth_within, metres, note, positive
from .shapes import Shape, Union
from .structure import Step, Structure


@dataclass(frozen=True)
class CrossSection:
    """Half of a symmetric cut: ``r`` from its middle, ``z`` into the electrode.

    Parameters
    ----------
    top, bottom:
        Full width at the face and at ``depth`` [m]; the walls are straight in between.
    depth:
        Depth of the floor [m].
    floor:
        False for a cut that goes right through: the walls go on, and there is no floor.
    rounded:
        The floor is the arc that touches both walls and, in the middle, ``depth``.

    Raises
    ------
    InputError
        Widths below zero, walls that meet before the floor, an arc larger than the cut is deep.
    """

    top: float
    bottom: float
    depth: float
    floor: bool = True
    rounded: bool = False

    def __post_init__(self) -> None:
        positive("width", self.top)
        positive("depth", self.depth)
        if not self.bottom >= 0:
            raise InputError(
                "the walls meet before the cut reaches its depth", field="width_bottom", value=self.bottom,
                remedy="Give a smaller wall angle, a smaller depth or a larger width",
            )  # fmt: skip
        if self.rounded and not self.floor:
            raise InputError(
                "a cut through the whole electrode has no bottom to round", field="bottom", value="round",
                remedy="Give a depth below the thickness, or a flat bottom",
            )  # fmt: skip
        if self.rounded and self.tangent < 0:
            raise InputError(
                "a round bottom of this width is deeper than the cut", field="depth", value=self.depth,
                remedy="Give a larger depth, a smaller width or a flat bottom",
            )  # fmt: skip

    @property
    def normal(self) -> tuple[float, float]:
        """Outward normal of the wall, along r and z."""
        lean = (self.top - self.bottom) / 2
        length = math.hypot(lean, self.depth)
        return self.depth / length, lean / length

    @property
    def radius(self) -> float:
        """Radius of the arc at the bottom [m]; the tangent length from the corner is half the floor."""
        if not self.rounded:
            return 0.0
        lean = math.atan2(self.normal[1], self.normal[0])
        return self.bottom / 2 * math.tan((math.pi / 2 + lean) / 2)

    @property
    def tangent(self) -> float:
        """Depth at which the arc leaves the wall [m]."""
        return self.depth - self.radius * (1 - self.normal[1])

    def width(self, z: np.ndarray) -> np.ndarray:
        """Full width at depth ``z`` [m]."""
        z = np.asarray(z, float)
        wall = self.top + (self.bottom - self.top) * z / self.depth
        if self.rounded:
            height = np.clip(z - (self.depth - self.radius), -self.radius, self.radius)
            wall = np.where(z > self.tangent, 2 * np.sqrt(self.radius**2 - height**2), wall)
        return np.where(z > self.depth, 0.0, wall) if self.floor else wall

    def moments(self) -> tuple[float, float]:
        """Integrals over the depth of the width [m2] and of its square [m3]: trapezium plus segment."""
        end, low = self.tangent, float(2 * self.radius * self.normal[0]) if self.rounded else self.bottom
        first = end * (self.top + low) / 2
        second = end * (self.top**2 + self.top * low + low**2) / 3
        if self.rounded and self.radius > 0:
            r, u = self.radius, self.radius * self.normal[1]
            first += r**2 * math.pi / 2 - u * math.sqrt(r**2 - u**2) - r**2 * math.asin(u / r)
            second += 4 * (r**2 * (r - u) - (r**3 - u**3) / 3)
        return first, second

    def distance(self, r: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Exact signed distance to the cut for r >= 0 [m], its upper end taken as open.

        The arc is the floor's corner moved inward by its radius and the distance reduced by it.
        """
        n_r, n_z = self.normal
        radius = self.radius
        if self.rounded:
            corner_r, corner_z = 0.0, self.depth - radius
        else:
            corner_r, corner_z = self.bottom / 2, self.depth
        a, b = r - corner_r, z - corner_z
        wall = n_r * a + n_z * b
        if not self.floor:
            return wall
        beyond = (n_z * a - n_r * b <= 0) & (a >= 0)  # past the corner on both sides: the corner is nearest
        return np.where(beyond, np.hypot(a, b), np.maximum(wall, b)) - radius


@dataclass(frozen=True)
class Grooves:
    """Parallel channels: a cross-section repeated every ``pitch`` along one in-plane axis.

    Parameters
    ----------
    face:
        Where depth is measured from.
    section:
        The cross-section.
    across:
        Axis across the channels.
    pitch:
        Distance of the middles [m].
    first:
        Coordinate of one channel's middle [m].
    """

    face: Face
    section: CrossSection
    across: int
    pitch: float
    first: float

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Signed distance at ``points`` (n, 3) [m]: shape (n,), negative in a channel."""
        x = np.asarray(points)[:, self.across] - self.first
        return self.section.distance(np.abs(_wrap(x, self.pitch)), self.face.depth(points))


@dataclass(frozen=True)
class Holes:
    """Round holes on a square or hexagonal lattice of the distance ``pitch``.

    Parameters
    ----------
    face:
        Where depth is measured from.
    section:
        The cross-section, turned about its middle.
    axes:
        The two in-plane axes; rows of a hexagonal lattice run along the first.
    pitch:
        Distance of neighbouring middles [m].
    first:
        Coordinates of one hole's middle along ``axes`` [m].
    lattice:
        "square" or "hexagonal".
    """

    face: Face
    section: CrossSection
    axes: tuple[int, int]
    pitch: float
    first: tuple[float, float]
    lattice: Literal["square", "hexagonal"] = "square"
    cell: tuple[float, float] = field(init=False)

    def __post_init__(self) -> None:
        second = self.pitch if self.lattice == "square" else math.sqrt(3) * self.pitch
        object.__setattr__(self, "cell", (self.pitch, second))

    @property
    def holes_per_area(self) -> float:
        """Holes per area of the electrode [1/m2]."""
        return (1 if self.lattice == "square" else 2) / (self.cell[0] * self.cell[1])

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Signed distance at ``points`` (n, 3) [m]: shape (n,), negative in a hole."""
        points = np.asarray(points)
        x, y = (points[:, k] - c for k, c in zip(self.axes, self.first, strict=True))
        r = np.hypot(_wrap(x, self.cell[0]), _wrap(y, self.cell[1]))
        if self.lattice == "hexagonal":
            x, y = x - self.cell[0] / 2, y - self.cell[1] / 2
            r = np.minimum(r, np.hypot(_wrap(x, self.cell[0]), _wrap(y, self.cell[1])))
        return self.section.distance(r, self.face.depth(points))


def cross_section(
    grid: Grid,
    *,
    pitch: float,
    width: float,
    depth: float | None = None,
    width_bottom: float | None = None,
    wall_angle: float | None = None,
    rounded: bool = False,
) -> CrossSection:
    """The cross-section of a repeated cut.

    Parameters
    ----------
    grid:
        The box; its thickness bounds the depth.
    pitch, width:
        Distance of the middles and full width at the separator [m].
    depth:
        Depth from the separator [m]; None goes right through.
    width_bottom:
        Full width at the depth [m]; the same as at the top if neither it nor the angle is given.
    wall_angle:
        Lean of the walls against the through axis [rad]; positive narrows the cut.
    rounded:
        Round bottom.

    Raises
    ------
    InputError
        Cuts wider than their pitch, deeper than the electrode, closing before their depth, or with both a
        bottom width and an angle.
    """
    positive("pitch", pitch)
    deep = depth_within(grid, depth)
    if width_bottom is not None and wall_angle is not None:
        raise InputError(
            "the taper is given twice", field="wall_angle", value=wall_angle,
            remedy="Give the width at the bottom or the angle of the wall",
        )  # fmt: skip
    if wall_angle is not None and not abs(wall_angle) < math.pi / 2:
        raise InputError(
            "a wall leans by less than a right angle", field="wall_angle", value=wall_angle,
            remedy="Zero is a wall along the through axis",
        )  # fmt: skip
    bottom = width if width_bottom is None else width_bottom
    if wall_angle is not None:
        bottom = width - 2 * deep * math.tan(wall_angle)
    if max(width, bottom) >= pitch:
        raise InputError(
            "the cuts are as wide as their pitch: nothing would stay between them", field="width",
            value=max(width, bottom), remedy=f"Give a width below the pitch of {pitch:.6g} m",
        )  # fmt: skip
    through = depth is None or depth >= grid.thickness
    return CrossSection(width, bottom, deep, floor=not through, rounded=rounded)


def channels(
    grid: Grid, section: CrossSection, *, pitch: float, along: Along | Literal["both"], offset: float = 0.0
) -> Shape:
    """Channels along the first or second in-plane axis, or a crossed grid of both.

    The first middle lies half a pitch from the edge of the box, plus ``offset`` [m].
    """
    runs = {"first": [1], "second": [0], "both": [0, 1]}[along]
    grooves = []
    for k in runs:
        across = grid.in_plane[k]
        first = grid.origin[across] + pitch / 2 + offset
        grooves.append(Grooves(Face.of(grid), section, across, pitch, first))
    return grooves[0] if len(grooves) == 1 else Union(tuple(grooves))


def holes(
    grid: Grid,
    section: CrossSection,
    *,
    pitch: float,
    lattice: Literal["square", "hexagonal"] = "square",
    offset: tuple[float, float] = (0.0, 0.0),
) -> Holes:
    """Holes on a lattice; the first middle lies half a pitch from both edges, plus ``offset`` [m]."""
    a, b = (grid.origin[k] + pitch / 2 + shift for k, shift in zip(grid.in_plane, offset, strict=True))
    return Holes(Face.of(grid), section, grid.in_plane, pitch, (a, b), lattice)


def channels_fraction(section: CrossSection, *, pitch: float, thickness: float, crossed: bool) -> float:
    """Volume fraction that channels take of an electrode, exact for whole periods.

    With M1, M2 the integrals of w(z) and w(z)^2 over the depth: M1/(p L) for one direction, and for a crossed
    grid, whose crossings count once, (2 M1 p - M2)/(p^2 L).
    """
    first, second = section.moments()
    if crossed:
        return (2 * first * pitch - second) / (pitch**2 * thickness)
    return first / (pitch * thickness)


def holes_fraction(section: CrossSection, holes_per_area: float, thickness: float) -> float:
    """Volume fraction that holes take of an electrode, exact for whole periods: n pi/4 M2 / L."""
    return holes_per_area * math.pi / 4 * section.moments()[1] / thickness


def fits(length: float, period: float) -> bool:
    """Whether ``period`` divides ``length`` to a millionth of it."""
    return abs(length / period - round(length / period)) < 1e-6 and length > 0.5 * period


class Cut(Step):
    """What channels and holes have in common. Depth is measured from the separator."""

    pitch_um: float
    width_um: float
    depth_um: float | Literal["full"] = "full"
    width_bottom_um: float | None = None
    wall_angle_deg: float | None = None
    bottom: Literal["flat", "round"] = "flat"
    over: tuple[str, ...] | None = None

    def section(self, grid: Grid) -> CrossSection:
        """The cross-section in metres."""
        low, lean = self.width_bottom_um, self.wall_angle_deg
        return cross_section(
            grid, pitch=self.pitch_um * MICRO, width=self.width_um * MICRO, depth=metres(self.depth_um),
            width_bottom=None if low is None else low * MICRO,
            wall_angle=None if lean is None else math.radians(lean), rounded=self.bottom == "round",
        )  # fmt: skip


class Channels(Cut):
    """Laser channels: parallel grooves, or a crossed grid of them."""

    make: Literal["channels"]
    along: Literal["first", "second", "both"] = "first"
    offset_um: float = 0.0
    summary: ClassVar[str] = "laser channels from the separator side"

    def apply(self, structure: Structure, rng: np.random.Generator) -> Structure:
        """The structure with the channels cut into it; nothing is random."""
        grid, section, pitch = structure.grid, self.section(structure.grid), self.pitch_um * MICRO
        shape = channels(grid, section, pitch=pitch, along=self.along, offset=self.offset_um * MICRO)
        after, filled, solid = cut(structure, shape, self.over)
        across = {"first": [1], "second": [0], "both": [0, 1]}[self.along]
        exact = channels_fraction(
            section, pitch=pitch, thickness=grid.thickness, crossed=self.along == "both"
        )
        return note(
            after, "channels", volume_fraction_by_formula=exact, volume_fraction_on_voxels=filled,
            solid_removed_fraction=solid,
            periodic_in_plane=all(fits(grid.size[grid.in_plane[k]], pitch) for k in across),
        )  # fmt: skip


class HoleArray(Cut):
    """Laser holes on a square or hexagonal lattice; ``width_um`` is their diameter."""

    make: Literal["holes"]
    lattice: Literal["square", "hexagonal"] = "square"
    offset_um: tuple[float, float] = (0.0, 0.0)
    summary: ClassVar[str] = "laser holes from the separator side"

    def apply(self, structure: Structure, rng: np.random.Generator) -> Structure:
        """The structure with the holes cut into it; nothing is random."""
        grid, section = structure.grid, self.section(structure.grid)
        offset = (self.offset_um[0] * MICRO, self.offset_um[1] * MICRO)
        shape = holes(grid, section, pitch=self.pitch_um * MICRO, lattice=self.lattice, offset=offset)
        after, filled, solid = cut(structure, shape, self.over)
        return note(
            after, "holes",
            volume_fraction_by_formula=holes_fraction(section, shape.holes_per_area, grid.thickness),
            volume_fraction_on_voxels=filled, solid_removed_fraction=solid,
            periodic_in_plane=all(
                fits(grid.size[k], period) for k, period in zip(grid.in_plane, shape.cell, strict=True)
            ),
        )  # fmt: skip


def _wrap(x: np.ndarray, period: float) -> np.ndarray:
    """``x`` moved by whole periods into [-period/2, period/2]."""
    return x - period * np.round(x / period)
