"""Laser channels: parallel trapezoidal grooves under the separator, as their smallest cell or as a row."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace

from ..errors import InputError
from .cad_checks import at_most, counted, is_finite, not_negative, positive
from .cad_cracks import CrackedLayers, SheetCrack, cracked_layers
from .cad_size import Sizing
from .tessellation import Tessellation


def bottom_width(width: float, depth: float, wall_angle: float) -> float:
    """Full width [m] at the bottom of a cut whose walls lean by ``wall_angle`` [rad] from the through axis.

    Raises
    ------
    InputError
        An angle of a right angle or more; walls that meet before the depth.
    """
    if not (is_finite(wall_angle) and abs(wall_angle) < math.pi / 2):
        raise InputError(
            "a wall leans by less than a right angle", field="wall_angle", value=wall_angle,
            remedy="In radian; zero is a wall along the through axis, positive narrows the cut",
        )  # fmt: skip
    bottom = width - 2 * depth * math.tan(wall_angle)
    if bottom < -1e-12 * width:
        largest = math.atan(width / 2 / depth)
        raise InputError(
            "the walls meet before the cut reaches its depth", field="wall_angle", value=wall_angle,
            remedy=f"Give at most {largest:.6g} rad, a smaller depth or a larger width",
        )  # fmt: skip
    return max(bottom, 0.0)


@dataclass(frozen=True)
class ChannelCell:
    """An electrode with laser channels along y.

    Parameters
    ----------
    thickness:
        Of the electrode [m].
    pitch:
        Distance of the channels' middles [m].
    channel_width:
        Full width at the separator [m].
    sizing:
        Size of the cells; ``size`` holds at the channels' walls.
    depth:
        From the separator [m]; None goes right through.
    wall_angle:
        Lean of the walls against the through axis [rad]; positive narrows the channel.
    separator:
        Its thickness [m]; zero leaves it out.
    count:
        Whole channels; None is the smallest cell, from the middle of one to half the pitch.
    length:
        Along y [m]; None for a mesh in the plane.
    cells_along:
        Layers of cells along y; None fills the volume with free tetrahedra.
    face_size:
        Size at the face between separator and electrode [m]; None lets the cells be as large as elsewhere.

    Raises
    ------
    InputError
        Channels as wide as their pitch, deeper than the electrode, closing before their depth; lengths that
        are not positive; cells larger than the geometry.
    """

    thickness: float
    pitch: float
    channel_width: float
    sizing: Sizing
    depth: float | None = None
    wall_angle: float = 0.0
    separator: float = 0.0
    count: int | None = None
    length: float | None = None
    cells_along: int | None = None
    face_size: float | None = None

    def __post_init__(self) -> None:
        for name in ("thickness", "pitch", "channel_width"):
            positive(name, getattr(self, name))
        not_negative("separator", self.separator)
        if self.depth is not None:
            positive("depth", self.depth)
            at_most("depth", self.depth, self.thickness, "the thickness of the electrode")
        if self.count is not None:
            counted("count", self.count)
        widest = max(self.channel_width, self.bottom)
        if widest >= self.pitch:
            raise InputError(
                "the channels overlap: they are as wide as their pitch", field="channel_width", value=widest,
                remedy=f"Keep the widest place below the pitch, {self.pitch:.6g} m",
            )  # fmt: skip
        self.layers()  # checks the rest

    @property
    def bottom(self) -> float:
        """Full width at the bottom [m]."""
        depth = self.thickness if self.depth is None else self.depth
        return bottom_width(self.channel_width, depth, self.wall_angle)

    def layers(self) -> CrackedLayers:
        """The same geometry, channels being straight cracks of another name."""
        channel = SheetCrack((self.channel_width, self.bottom), self.depth)
        others = {
            key: getattr(self, key)
            for key in ("thickness", "sizing", "separator", "length", "cells_along", "face_size")
        }
        if self.count is None:
            return CrackedLayers.half(channel, self.pitch, name="channel", **others)
        return CrackedLayers.row(channel, self.pitch, self.count, name="channel", **others)


def channel_cell(cell: ChannelCell) -> Tessellation:
    """Triangles in (x, y) or tetrahedra in (x, y, z) of :class:`ChannelCell`.

    Axes and boundaries as in :func:`.cad_cracks.cracked_layers`. Regions: "separator", "positive",
    "channel".

    Raises
    ------
    SolveError
        Gmsh fails.
    """
    made = cracked_layers(cell.layers())
    origin = {**made.provenance, "geometry": "channels", "specification": asdict(cell)}
    return replace(made, provenance=origin)
