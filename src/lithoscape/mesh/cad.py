"""Sharp geometry through Gmsh: a porous electrode with a tapering crack.

Half of the crack is meshed; its mid-plane x = 0 and the far side are planes of
symmetry. The through-plane axis y starts at the counter electrode: separator,
then the electrode up to the collector.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dolfinx_solver  # noqa: F401
import numpy as np
from dolfinx import mesh
from dolfinx.io import gmsh as gmsh_io
from mpi4py import MPI

from ..errors import InputError
from .domain import Domain, tag_facets
from .gmsh_session import session

_MICROMETRE = 1e-6

_KEYS = {
    "thickness": "electrode.thickness_um",
    "separator": "separator.thickness",
    "half_width": "geometry.half_width_um",
    "crack_width": "geometry.crack.width_um",
    "crack_width_bottom": "geometry.crack.bottom_width_um",
    "crack_depth": "geometry.crack.depth_um",
    "size": "geometry.cell_size_um",
}
"""Where a scenario file states what."""


@dataclass(frozen=True)
class CrackedCell:
    """Half of a cell with one straight crack, all lengths in m.

    Parameters
    ----------
    thickness, separator:
        Electrode and separator thickness.
    half_width:
        From the crack's mid-plane to the far symmetry plane.
    crack_width, crack_width_bottom:
        Full width at the separator-side surface and at the crack's end.
    crack_depth:
        How deep the crack reaches from the surface; at most ``thickness``.
    size:
        Cell size across the thickness; the mesh is finer by ``refine`` at the
        separator-side surface and next to the crack and coarser far from it.
    """

    thickness: float
    separator: float
    half_width: float
    crack_width: float
    crack_width_bottom: float
    crack_depth: float
    size: float = 6e-6
    refine: float = 2.0

    def __post_init__(self) -> None:
        for name, key in _KEYS.items():
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise InputError(
                    "must be a positive length", field=key, value=value, remedy="Give a length above zero"
                )
        if not (np.isfinite(self.refine) and self.refine >= 1):
            raise InputError(
                "must be at least 1", field="geometry.refinement", value=self.refine,
                remedy="1 is a uniform mesh, 2 is twice as fine at the surface",
            )  # fmt: skip
        self._check_crack()

    def _check_crack(self) -> None:
        widest = max(self.crack_width, self.crack_width_bottom)
        if widest / 2 >= self.half_width:
            raise InputError(
                "the crack is wider than the cell",
                field=_KEYS["crack_width"],
                value=_um(widest),
                remedy=f"Keep it below twice the half width, {_um(2 * self.half_width)}",
            )
        if self.crack_depth > self.thickness * (1 + 1e-12):
            raise InputError(
                "the crack is deeper than the electrode",
                field=_KEYS["crack_depth"],
                value=_um(self.crack_depth),
                remedy=f"Keep it at most the thickness, {_um(self.thickness)}",
            )
        if self.crack_width_bottom > self.crack_width:
            raise InputError(
                "the crack must narrow with depth",
                field=_KEYS["crack_width_bottom"],
                value=_um(self.crack_width_bottom),
                remedy=f"Give a width up to that at the surface, {_um(self.crack_width)}",
            )

    @property
    def crack_area_fraction(self) -> float:
        """Share of the separator-side surface that is crack."""
        return self.crack_width / 2 / self.half_width

    @property
    def crack_volume_fraction(self) -> float:
        """Share of the electrode layer's volume that is crack."""
        mean = (self.crack_width + self.crack_width_bottom) / 4
        return mean * self.crack_depth / (self.half_width * self.thickness)


def cracked_cell(cell: CrackedCell, *, comm: MPI.Comm = MPI.COMM_WORLD) -> Domain:
    """Structured triangle mesh of :class:`CrackedCell`, regions separator, positive, crack."""
    with session("cracked cell", precision=1e-9) as gmsh:
        if comm.rank == 0:
            _build(gmsh, cell)
        partitioner = mesh.create_cell_partitioner(mesh.GhostMode.shared_facet, 2)
        data = gmsh_io.model_to_mesh(gmsh.model, comm, 0, gdim=2, partitioner=partitioner)
    msh = data.mesh
    msh.geometry.x[:] *= _MICROMETRE
    total = cell.separator + cell.thickness
    tolerance = 1e-6 * total
    facet_tags, boundaries = tag_facets(
        msh,
        {
            "negative": lambda x: np.abs(x[1]) < tolerance,
            "positive": lambda x: np.abs(x[1] - total) < tolerance,
        },
    )
    text = (
        f"cracked cell {1e6 * cell.half_width:g} x {1e6 * total:g} um, crack {1e6 * cell.crack_width:g} um "
        f"wide, {1e6 * cell.crack_depth:g} um deep"
    )
    regions = {"separator": 1, "positive": 2, "crack": 3}
    return Domain(msh, data.cell_tags, facet_tags, regions, boundaries, text)


def _um(length: float) -> str:
    return f"{length / _MICROMETRE:g} um"


def _build(gmsh: Any, cell: CrackedCell) -> None:
    """A grid of transfinite blocks: rows by depth, columns crack | matrix.

    Cells are right-angled triangles, however stretched: their P1 diffusion
    matrix keeps the maximum principle, so depleted salt does not undershoot
    (rectangles of the same shape do).
    """
    rows, labels = _rows(cell)
    geo = gmsh.model.geo
    tip = [_edge(cell, y) for y in rows]
    points = [
        [geo.addPoint(x / _MICROMETRE, y / _MICROMETRE, 0) for x in (0.0, t, cell.half_width)]
        for y, t in zip(rows, tip, strict=True)
    ]
    along = [[geo.addLine(p[i], p[i + 1]) for i in range(2)] for p in points]
    up = [[geo.addLine(points[r][i], points[r + 1][i]) for i in range(3)] for r in range(len(rows) - 1)]
    surfaces: dict[int, list[int]] = {1: [], 2: [], 3: []}
    for r in range(len(rows) - 1):
        for i in range(2):
            loop = geo.addCurveLoop([along[r][i], up[r][i + 1], -along[r + 1][i], -up[r][i]])
            surface = geo.addPlaneSurface([loop])
            geo.mesh.setTransfiniteSurface(surface, "Alternate")
            surfaces[labels[r][i]].append(surface)
    _divide(geo, cell, rows, along, up)
    geo.synchronize()
    for tag, members in surfaces.items():
        if members:
            gmsh.model.addPhysicalGroup(2, members, tag)
    gmsh.model.mesh.generate(2)


def _rows(cell: CrackedCell) -> tuple[list[float], list[tuple[int, int]]]:
    """Row boundaries [m] and the (crack column, matrix column) region of each row."""
    surface, top = cell.separator, cell.separator + cell.thickness
    rows, labels = [0.0, surface], [(1, 1)]
    end = surface + cell.crack_depth
    if end < top - 1e-9:
        return [*rows, end, top], [*labels, (3, 2), (2, 2)]
    return [*rows, top], [*labels, (3, 2)]


def _edge(cell: CrackedCell, y: float) -> float:
    """Half width of the crack column at height ``y`` [m]."""
    s = np.clip((y - cell.separator) / cell.crack_depth, 0.0, 1.0)
    return float(cell.crack_width + s * (cell.crack_width_bottom - cell.crack_width)) / 2


def _divide(
    geo: Any, cell: CrackedCell, rows: list[float], along: list[list[int]], up: list[list[int]]
) -> None:
    half = cell.crack_width / 2
    inside = max(3, round(half / (cell.size / cell.refine) / 2))
    count, ratio = _geometric(cell.half_width - half, cell.size / cell.refine)
    for crack, matrix in along:
        geo.mesh.setTransfiniteCurve(crack, inside + 1)
        geo.mesh.setTransfiniteCurve(matrix, count + 1, "Progression", ratio)
    for r, lines in enumerate(up):
        height = rows[r + 1] - rows[r]
        size = cell.size if r else cell.size / cell.refine
        n = max(3, round(height / size))
        kind, value = ("Progression", 1.0)
        if r == 1:
            n = max(4, round(1.15 * height / size))
            kind, value = ("Progression", cell.refine ** (1.0 / n))
        for line in lines:
            geo.mesh.setTransfiniteCurve(line, n + 1, kind, value)


def _geometric(length: float, first: float) -> tuple[int, float]:
    """Cells and growth ratio of a geometric series from ``first`` over ``length``."""
    ratio = 1.12
    if length <= 3 * first:
        return 3, 1.0
    count = int(np.ceil(np.log1p(length * (ratio - 1) / first) / np.log(ratio)))
    return count, ratio
