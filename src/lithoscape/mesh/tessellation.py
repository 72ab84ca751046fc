"""Cells with named regions and facets, before they become a DOLFINx mesh: NumPy only, whole on one process.

Every route to a mesh (lattice, voxels, CAD, files) ends here; :func:`.build.domain` makes a ``Domain`` of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numba
import numpy as np

Kind = Literal["triangle", "quad", "tetra", "hexahedron"]
CORNERS: Mapping[Kind, int] = {"triangle": 3, "quad": 4, "tetra": 4, "hexahedron": 8}
DIMENSION: Mapping[Kind, int] = {"triangle": 2, "quad": 2, "tetra": 3, "hexahedron": 3}
SPAN: Mapping[Kind, tuple[int, ...]] = {
    "triangle": (0, 1, 2), "quad": (0, 1, 3), "tetra": (0, 1, 2, 3), "hexahedron": (0, 1, 3, 4)
}  # fmt: skip
"""Corners whose edges from the first one span a cell."""
FACETS: Mapping[Kind, tuple[tuple[int, ...], ...]] = {
    "triangle": ((1, 2), (0, 2), (0, 1)),
    "quad": ((0, 1), (1, 2), (2, 3), (3, 0)),
    "tetra": ((1, 2, 3), (0, 3, 2), (0, 1, 3), (0, 2, 1)),
    "hexahedron": ((0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)),
}
"""Corners of every facet, outward for positive cells in 3D; VTK's numbering of corners."""


@dataclass(frozen=True, eq=False)
class Tessellation:
    """Cells of one kind that fill a domain.

    Parameters
    ----------
    kind:
        Of all cells.
    points:
        Corners, shape (points, 2 or 3) [m]; coordinate k belongs to axis k of the image.
    cells:
        Corners of every cell in VTK's order, positively oriented, shape (cells, corners), int32.
    tags:
        Region of every cell, shape (cells,), int32.
    regions:
        Name -> tag.
    facets:
        Corners of the facets that have a name, shape (facets, corners of a facet), int32.
    facet_tags:
        Tag of every such facet.
    boundaries, interfaces:
        Name -> tag of facets on the outside, and between regions (``"active | pore"``, names in order).
    cell_data:
        Further values by cell, such as the particle number; shape (cells,).
    provenance:
        Where it comes from, plain data.
    """

    kind: Kind
    points: np.ndarray
    cells: np.ndarray
    tags: np.ndarray
    regions: Mapping[str, int]
    facets: np.ndarray = field(default_factory=lambda: np.empty((0, 3), np.int32))
    facet_tags: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32))
    boundaries: Mapping[str, int] = field(default_factory=dict)
    interfaces: Mapping[str, int] = field(default_factory=dict)
    cell_data: Mapping[str, np.ndarray] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def dim(self) -> int:
        """Topological dimension."""
        return DIMENSION[self.kind]

    def sizes(self) -> np.ndarray:
        """Signed volume [m3] (area [m2] in 2D) of every cell; negative if it is inverted."""
        return cell_sizes(self.kind, self.points, self.cells)

    def region_sizes(self) -> dict[str, float]:
        """Volume [m3] or area [m2] of every region."""
        total = np.bincount(self.tags, self.sizes(), minlength=max(self.regions.values(), default=0) + 1)
        return {name: float(total[tag]) for name, tag in self.regions.items()}

    def facet_sizes(self) -> dict[str, float]:
        """Area [m2] or length [m] of every named boundary and interface."""
        names = {**self.boundaries, **self.interfaces}
        size = facet_sizes(self.points, self.facets)
        total = np.bincount(self.facet_tags, size, minlength=max(names.values(), default=0) + 1)
        return {name: float(total[tag]) for name, tag in names.items()}

    def with_facets(self, outer: Mapping[str, tuple[int, float]]) -> Tessellation:
        """A copy whose interfaces between regions and planar outer boundaries are tagged.

        Parameters
        ----------
        outer:
            Name -> (axis, coordinate [m]) of every plane; outer facets on none of them stay without a tag.
        """
        corners, first, second = facets_of(self.kind, self.cells)
        boundary = second < 0
        tag = np.zeros(len(corners), np.int32)
        boundaries = {name: k for k, name in enumerate(outer, start=1)}
        reach = np.ptp(self.points, axis=0).max() * 1e-9
        for name, (axis, level) in outer.items():
            on = boundary & (np.abs(self.points[corners, axis] - level) <= reach).all(axis=1)
            tag[on] = boundaries[name]
        interfaces: dict[str, int] = {}
        inner = np.flatnonzero(~boundary)
        a, b = self.tags[first[inner]], self.tags[second[inner]]
        named = {value: name for name, value in self.regions.items()}
        low, high = np.minimum(a, b), np.maximum(a, b)
        pairs = np.unique(np.stack([low, high])[:, low != high], axis=1).T
        for x, y in sorted(pairs.tolist(), key=lambda pair: sorted(named[t] for t in pair)):
            name = " | ".join(sorted((named[x], named[y])))
            interfaces[name] = len(outer) + len(interfaces) + 1
            tag[inner[(low == x) & (high == y)]] = interfaces[name]
        kept = tag > 0
        return replace(
            self,
            facets=corners[kept].astype(np.int32), facet_tags=tag[kept], boundaries=boundaries,
            interfaces=interfaces,
        )  # fmt: skip


def cell_sizes(kind: Kind, points: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Signed volume or area of cells; hexahedra and quadrilaterals are boxes."""
    if kind == "tetra":
        return _volumes(points, cells)
    p = [points[cells[:, k]] for k in SPAN[kind]]
    edges = np.stack([q - p[0] for q in p[1:]], axis=1)
    if edges.shape[1] == edges.shape[2]:
        size = np.linalg.det(edges)
    else:  # a surface in space
        size = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
    return size / {"triangle": 2.0}.get(kind, 1.0)


@numba.njit(cache=True)
def _volumes(points, cells):  # type: ignore[no-untyped-def]
    out = np.empty(cells.shape[0])
    for n in range(cells.shape[0]):
        a, b, c, d = cells[n, 0], cells[n, 1], cells[n, 2], cells[n, 3]
        u0, u1, u2 = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        v0, v1, v2 = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        w0, w1, w2 = points[d, 0] - points[a, 0], points[d, 1] - points[a, 1], points[d, 2] - points[a, 2]
        out[n] = (u0 * (v1 * w2 - v2 * w1) - u1 * (v0 * w2 - v2 * w0) + u2 * (v0 * w1 - v1 * w0)) / 6
    return out


def facet_sizes(points: np.ndarray, facets: np.ndarray) -> np.ndarray:
    """Area of triangles and planar quadrilaterals, or length of edges."""
    if facets.shape[1] == 2:
        return np.linalg.norm(points[facets[:, 1]] - points[facets[:, 0]], axis=1)
    p = points[facets]
    if facets.shape[1] == 3:
        return 0.5 * np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1)
    return 0.5 * np.linalg.norm(np.cross(p[:, 2] - p[:, 0], p[:, 3] - p[:, 1]), axis=1)


def facets_of(kind: Kind, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All facets once: their corners (oriented out of the first cell), the cell, and the other one or -1.

    Raises
    ------
    ValueError
        A facet that belongs to more than two cells.
    """
    local = np.array(FACETS[kind], np.int64)
    corners, first, second, crowded = _pairs(np.ascontiguousarray(cells, np.int32), local)
    if crowded:
        raise ValueError(f"{crowded} facets belong to more than two cells")
    return corners, first, second


@numba.njit(cache=True)
def _pairs(cells, local):  # type: ignore[no-untyped-def]
    """Facets by hashing: corners, first and second cell, and how many had a third."""
    sides, width = local.shape
    most = cells.shape[0] * sides
    size = 64
    while size < 1.3 * most:
        size *= 2
    table = np.full(size, -1, np.int32)
    keys, side = np.empty((most, width), np.int32), np.empty(most, np.int8)
    first, second = np.empty(most, np.int64), np.full(most, -1, np.int64)
    key = np.empty(width, np.int32)
    count, crowded = 0, 0
    for n in range(cells.shape[0]):
        for f in range(sides):
            for k in range(width):  # insertion keeps the few corners sorted
                v, m = cells[n, local[f, k]], k
                while m > 0 and key[m - 1] > v:
                    key[m] = key[m - 1]
                    m -= 1
                key[m] = v
            mixed = np.uint64(0)
            for k in range(width):
                mixed = (mixed ^ np.uint64(key[k])) * np.uint64(0x9E3779B97F4A7C15)
                mixed ^= mixed >> np.uint64(31)
            place = np.int64(mixed & np.uint64(size - 1))
            row = table[place]
            while row >= 0:
                same = True
                for k in range(width):
                    same = same and keys[row, k] == key[k]
                if same:
                    break
                place = (place + 1) & (size - 1)
                row = table[place]
            if row < 0:
                table[place] = count
                keys[count] = key
                first[count], side[count] = n, f
                count += 1
            elif second[row] < 0:
                second[row] = n
            else:
                crowded += 1
    corners = np.empty((count, width), np.int32)
    for row in range(count):
        for k in range(width):
            corners[row, k] = cells[first[row], local[side[row], k]]
    return corners, first[:count].copy(), second[:count].copy(), crowded
