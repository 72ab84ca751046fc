"""Cells with named regions and facets, before they become a DOLFINx mesh: NumPy only, whole on one process.

Every route to a mesh (lattice, voxels, CAD, files) ends here; :func:`.build.domain` makes a ``Domain`` of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

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
    p = [points[cells[:, k]] for k in SPAN[kind]]
    edges = np.stack([q - p[0] for q in p[1:]], axis=1)
    if edges.shape[1] == edges.shape[2]:
        size = np.linalg.det(edges)
    else:  # a surface in space
        size = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
    return size / {"tetra": 6.0, "triangle": 2.0}.get(kind, 1.0)


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
    local = FACETS[kind]
    corners = np.concatenate([cells[:, list(f)] for f in local])
    owner = np.tile(np.arange(len(cells), dtype=np.int64), len(local))
    key = np.sort(corners, axis=1)
    order = np.lexsort(key.T[::-1])
    key = key[order]
    new = np.ones(len(key), bool)
    new[1:] = (key[1:] != key[:-1]).any(axis=1)
    start = np.flatnonzero(new)
    count = np.diff(np.append(start, len(key)))
    if (count > 2).any():
        raise ValueError(f"{int((count > 2).sum())} facets belong to more than two cells")
    first = order[start]
    second = np.full(len(start), -1, np.int64)
    second[count == 2] = owner[order[start[count == 2] + 1]]
    return corners[first], owner[first], second
