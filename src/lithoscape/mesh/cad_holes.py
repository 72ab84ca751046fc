"""Laser holes: conical, on a square or hexagonal pattern, as the smallest symmetric cell or as an array."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from ..errors import InputError, nearest
from .cad_channels import bottom_width
from .cad_checks import at_most, counted, not_negative, positive, vector
from .cad_size import SizeFields, Sizing
from .gmsh_session import UNIT, mesh_model, neighbours, session, stack_planes
from .tessellation import Tessellation

Pattern = Literal["square", "hexagonal"]


@dataclass(frozen=True)
class HoleCell:
    """An electrode with round holes through or part of the way into it.

    Parameters
    ----------
    thickness:
        Of the electrode [m].
    pitch:
        Distance of neighbouring holes' middles [m].
    diameter:
        At the separator [m].
    sizing:
        Size of the cells; ``size`` holds at the holes' walls and gives way to a quarter of the diameter.
    depth:
        From the separator [m]; None goes right through.
    wall_angle:
        Lean of the wall against the through axis [rad]; positive narrows the hole.
    separator:
        Its thickness [m]; zero leaves it out.
    pattern:
        "square" or "hexagonal".
    count:
        Holes along x and y: whole pitches (square) or pitch times sqrt(3) pitch with two holes
        (hexagonal). None is the smallest rectangle between planes of symmetry: a quarter of a square with a
        quarter of a hole, or half a pitch times sqrt(3)/2 pitch with quarters of two holes.
    face_size:
        Size at the face between separator and electrode [m]; None lets the cells be as large as elsewhere.

    Raises
    ------
    InputError
        Holes as wide as their pitch, deeper than the electrode, closing before their depth; an unknown
        pattern; lengths that are not positive; cells larger than the geometry.
    """

    thickness: float
    pitch: float
    diameter: float
    sizing: Sizing
    depth: float | None = None
    wall_angle: float = 0.0
    separator: float = 0.0
    pattern: Pattern = "square"
    count: tuple[int, int] | None = None
    face_size: float | None = None

    def __post_init__(self) -> None:
        for name in ("thickness", "pitch", "diameter"):
            positive(name, getattr(self, name))
        not_negative("separator", self.separator)
        if self.pattern not in ("square", "hexagonal"):
            raise InputError(
                "no such pattern", field="pattern", value=self.pattern,
                remedy=nearest(str(self.pattern), ("square", "hexagonal")),
            )  # fmt: skip
        if self.depth is not None:
            positive("depth", self.depth)
            at_most("depth", self.depth, self.thickness, "the thickness of the electrode")
        if self.count is not None:
            vector("count", self.count, 2)
            counted("count", self.count[0])
            counted("count", self.count[1])
        widest = max(self.diameter, self.bottom)
        if widest >= self.pitch:
            raise InputError(
                "the holes overlap: they are as wide as their pitch", field="diameter", value=widest,
                remedy=f"Keep the widest place below the pitch, {self.pitch:.6g} m",
            )  # fmt: skip
        layers = [t for t in (self.separator, self.thickness) if t > 0]
        self.sizing.check([self.diameter, *self.extents, *layers])
        if self.face_size is not None:
            positive("face_size", self.face_size)
            at_most("face_size", self.face_size, self.sizing.coarsest, "the coarsest size")

    @property
    def deep(self) -> float:
        """Depth of the holes [m]."""
        return self.thickness if self.depth is None else self.depth

    @property
    def bottom(self) -> float:
        """Diameter at the bottom [m]."""
        return bottom_width(self.diameter, self.deep, self.wall_angle)

    @property
    def period(self) -> tuple[float, float]:
        """Smallest rectangle that repeats [m]."""
        return self.pitch, self.pitch * (1 if self.pattern == "square" else math.sqrt(3))

    @property
    def extents(self) -> tuple[float, float, float]:
        """Of the cell along x, y, z [m]."""
        nx, ny = self.count or (0.5, 0.5)
        return nx * self.period[0], ny * self.period[1], self.separator + self.thickness

    def middles(self) -> list[tuple[float, float]]:
        """(x, y) of every hole that reaches into the cell [m]; those on the sides are cut by them."""
        (a, b), (w, h, _) = self.period, self.extents
        shift = 0.5 if self.pattern == "square" and self.count else 0.0
        nx, ny = (round(w / a + 0.5), round(h / b + 0.5))
        first = [((i + shift) * a, (j + shift) * b) for i in range(nx + 1) for j in range(ny + 1)]
        second = [] if self.pattern == "square" else [(x + a / 2, y + b / 2) for x, y in first]
        edge = 1e-9 * self.pitch
        return [(x, y) for x, y in first + second if x <= w + edge and y <= h + edge]


def hole_cell(cell: HoleCell) -> Tessellation:
    """Tetrahedra in (x, y, z) of :class:`HoleCell`.

    z is the through-plane axis and starts at the counter electrode: separator, then electrode up to the
    collector. Regions: "separator", "positive", "hole". Boundaries: "negative", "positive" (the collector,
    with holes that end there), "side x low", "side x high", "side y low", "side y high".

    Raises
    ------
    SolveError
        Gmsh fails.
    """
    with session("holes") as gmsh:
        regions = _volumes(gmsh, cell)
        sides = neighbours(gmsh, regions, 3)
        _sizes(gmsh, cell, sides).apply()
        made = mesh_model(gmsh, regions, 3, {"geometry": "holes", "specification": asdict(cell)})
    return made.with_facets(stack_planes(cell.extents))


def _volumes(gmsh: Any, cell: HoleCell) -> dict[str, list[int]]:
    occ = gmsh.model.occ
    w, h, _ = cell.extents
    s = cell.separator
    layers = [("separator", _box(occ, w, h, 0.0, s))] if s > 0 else []
    layers.append(("positive", _box(occ, w, h, s, s + cell.thickness)))
    cones = [_cone(occ, cell, place) for place in cell.middles()]
    holes, _ = occ.intersect(cones, [_box(occ, w, h, s, s + cell.thickness)])
    parts = layers + [("hole", hole) for hole in holes]
    _, pieces = occ.fragment([part for _, part in parts], [])
    owner: dict[int, str] = {}
    for (name, _), made in zip(parts, pieces, strict=True):
        owner.update({tag: name for _, tag in made})
    occ.synchronize()
    regions: dict[str, list[int]] = {name: [] for name, _ in parts}
    for tag, name in sorted(owner.items()):
        regions[name].append(tag)
    return regions


def _box(occ: Any, width: float, length: float, low: float, high: float) -> tuple[int, int]:
    return 3, occ.addBox(0, 0, low / UNIT, width / UNIT, length / UNIT, (high - low) / UNIT)


def _cone(occ: Any, cell: HoleCell, place: Sequence[float]) -> tuple[int, int]:
    x, y, z = place[0] / UNIT, place[1] / UNIT, cell.separator / UNIT
    top, bottom, deep = cell.diameter / 2 / UNIT, cell.bottom / 2 / UNIT, cell.deep / UNIT
    if np.isclose(top, bottom, rtol=1e-9):
        return 3, occ.addCylinder(x, y, z, 0, 0, deep, top)
    return 3, occ.addCone(x, y, z, 0, 0, deep, top, bottom)


def _sizes(gmsh: Any, cell: HoleCell, sides: dict[int, tuple[str, ...]]) -> SizeFields:
    """Fine at the holes' walls and bottoms, two cells through each layer."""
    sizing, s = cell.sizing, cell.separator
    fields = SizeFields(gmsh, sizing.coarsest, sizing.growth)
    walls = [tag for tag, names in sides.items() if names == ("hole", "positive")]
    fields.near(2, walls, min(sizing.size, cell.diameter / 4))
    for x, y in cell.middles():
        fields.at({0: x, 1: y, 2: s + cell.deep}, min(sizing.size, cell.bottom / 2 or sizing.size / 2))
    for low, high in ((0.0, s), (s, s + cell.thickness)):
        if high > low:
            fields.slab(2, low, high, min(sizing.coarsest, (high - low) / 2))
    if cell.face_size is not None and s > 0:
        fields.plane(2, s, cell.face_size)
    return fields
