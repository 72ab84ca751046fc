"""Cells whose cross-section is made of polygons: meshed in the plane, or drawn along y and meshed in 3D.

A section lives in (x, through). In 2D these are the coordinates x and y; in 3D x and z, and y runs along
the cell. Layers come first; inclusions replace what they cover.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from .cad_checks import counted, positive
from .cad_size import SizeFields
from .gmsh_session import UNIT, Regions, mesh_model, neighbours, session, stack_planes
from .sweep import sweep
from .tessellation import Tessellation

Point = tuple[float, float]


@dataclass(frozen=True)
class Part:
    """A polygon of one region: corners (x, through) in order [m]."""

    region: str
    outline: tuple[Point, ...]


def rectangle(region: str, x: Point, through: Point) -> Part:
    """The rectangle between two values of x and two of the through coordinate [m]."""
    (a, b), (c, d) = x, through
    return Part(region, ((a, c), (b, c), (b, d), (a, d)))


@dataclass(frozen=True)
class Section:
    """A plan of polygons.

    Parameters
    ----------
    layers:
        Parts that share edges and fill the box.
    inclusions:
        Parts that replace what they cover; they may touch, not overlap.
    width, height:
        Extents along x and the through axis [m].
    length:
        Extent along y [m]; None for a mesh in the plane.
    cells_along:
        Layers of equal thickness along y; None fills the volume with free tetrahedra.
    """

    layers: tuple[Part, ...]
    inclusions: tuple[Part, ...]
    width: float
    height: float
    length: float | None = None
    cells_along: int | None = None

    @property
    def through(self) -> int:
        """Axis of the model that is the through-plane one."""
        return 1 if self.length is None or self.cells_along is not None else 2


Sizes = Callable[[Any, Mapping[int, tuple[str, ...]], int], SizeFields]
"""(gmsh, neighbours of every face, dimension of the model) -> size fields."""


def check_along(length: float | None, cells_along: int | None) -> None:
    """A length, or none; layers along it only if there is one.

    Raises
    ------
    InputError
        A length that is not positive, layers without a length, no layer.
    """
    if length is not None:
        positive("length", length)
    if cells_along is None:
        return
    counted("cells_along", cells_along)
    if length is None:
        raise InputError(
            "a mesh in the plane has no layers along y", field="cells_along", value=cells_along,
            remedy="Give a length too, or leave it out",
        )  # fmt: skip


def section_mesh(plan: Section, sizes: Sizes, provenance: Mapping[str, Any]) -> Tessellation:
    """Mesh a section and name its facets: "negative", "positive", sides, and interfaces between regions."""
    with session("section") as gmsh:
        surfaces = _fragments(gmsh, plan)
        regions, dim = surfaces, 2
        if plan.through == 2 and plan.length is not None:
            regions, dim = _extruded(gmsh, surfaces, plan.length), 3
        gmsh.model.occ.synchronize()
        sizes(gmsh, neighbours(gmsh, regions, dim), dim).apply()
        made = mesh_model(gmsh, regions, dim, provenance)
    extents = [plan.width, plan.height]
    if plan.length is not None:
        extents.insert(1, plan.length)
        if plan.cells_along is not None:
            made = sweep(made, plan.length, plan.cells_along)
    return made.with_facets(stack_planes(extents))


def _fragments(gmsh: Any, plan: Section) -> dict[str, list[int]]:
    """Surfaces of every region, sharing their edges."""
    parts = [*plan.layers, *plan.inclusions]
    faces = [(2, _polygon(gmsh, part.outline, plan.through)) for part in parts]
    pieces = gmsh.model.occ.fragment(faces, [])[1]
    owner: dict[int, str] = {}
    for part, made in zip(parts, pieces, strict=True):
        owner.update({tag: part.region for _, tag in made})  # inclusions come last
    regions: dict[str, list[int]] = {part.region: [] for part in parts}
    for tag, name in sorted(owner.items()):
        regions[name].append(tag)
    return regions


def _polygon(gmsh: Any, outline: Sequence[Point], through: int) -> int:
    occ = gmsh.model.occ
    corners = []
    for x, t in outline:
        place = [x / UNIT, 0.0, 0.0]
        place[through] = t / UNIT
        corners.append(occ.addPoint(*place))
    lines = [occ.addLine(a, b) for a, b in zip(corners, corners[1:] + corners[:1], strict=True)]
    return int(occ.addPlaneSurface([occ.addCurveLoop(lines)]))


def _extruded(gmsh: Any, surfaces: Regions, length: float) -> dict[str, list[int]]:
    """Volumes over the surfaces; all are drawn at once, so that they share their walls."""
    base = [(2, tag) for tags in surfaces.values() for tag in tags]
    made = [tag for dim, tag in gmsh.model.occ.extrude(base, 0, length / UNIT, 0) if dim == 3]
    volume = iter(made)
    return {name: [next(volume) for _ in tags] for name, tags in surfaces.items()}
