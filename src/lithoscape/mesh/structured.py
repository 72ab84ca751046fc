"""Layered cells on structured meshes of intervals, quadrilaterals or hexahedra.

The through-plane axis is the last one (x in 1D, y in 2D, z in 3D), starting at
the counter-electrode side. Boundaries: ``negative`` (the first layer's outer
face) and ``positive`` (the last layer's outer face).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import dolfinx_solver  # noqa: F401
import numpy as np
from dolfinx import mesh
from mpi4py import MPI

from ..errors import InputError
from .domain import Domain, tag_facets


@dataclass(frozen=True)
class Layer:
    """One layer: name, thickness [m], cells across, clustering towards both faces.

    ``clustering`` 1 is uniform; larger values make the cells next to the
    layer's faces smaller by about that ratio.
    """

    name: str
    thickness: float
    cells: int
    clustering: float = 1.0

    def nodes(self) -> np.ndarray:
        """Node positions in [0, thickness]."""
        s = np.linspace(-1.0, 1.0, self.cells + 1)
        if self.clustering > 1.0:
            beta = np.arccosh(np.sqrt(self.clustering))
            s = np.tanh(beta * s) / np.tanh(beta)
        return 0.5 * self.thickness * (s + 1.0)


def layered_cell(
    layers: Sequence[Layer],
    *,
    lateral: Sequence[tuple[float, int]] = (),
    simplices: bool = False,
    comm: MPI.Comm = MPI.COMM_WORLD,
) -> Domain:
    """Stack of layers, 1D without ``lateral``, 2D or 3D with (width [m], cells) per lateral axis.

    Raises
    ------
    InputError
        No layers, two of one name, a layer or an axis without extent or cells.
    """
    _check(layers, lateral)
    depth, tags_of_cell = _stack(layers)
    msh = _box(comm, [int(n) for _, n in lateral] + [depth.size - 1], simplices)
    x = msh.geometry.x
    axis = len(lateral)
    cells_axis = depth.size - 1
    x[:, axis] = np.interp(x[:, axis] * cells_axis, np.arange(depth.size), depth)
    for i, (width, _) in enumerate(lateral):
        x[:, i] *= width
    return _name(msh, axis, depth[-1], depth, tags_of_cell, layers)


def _check(layers: Sequence[Layer], lateral: Sequence[tuple[float, int]]) -> None:
    names = [layer.name for layer in layers]
    if not names or len(set(names)) < len(names) or len(lateral) > 2:
        raise InputError(
            "a cell is at least one layer, each with a name of its own, and at most two lateral axes",
            field="layers",
            value=(names, list(lateral)),
            remedy="Such as separator and positive, with lateral widths for 2D and 3D",
        )
    for layer in layers:
        if not (0 < layer.thickness < np.inf and layer.cells >= 1 and 1 <= layer.clustering < np.inf):
            raise InputError(
                "a layer needs a positive thickness and at least one cell",
                field=f"layer {layer.name}",
                value=(layer.thickness, layer.cells, layer.clustering),
                remedy="Give thickness > 0, cells >= 1 and clustering >= 1",
            )
    for width, cells in lateral:
        if not (0 < width < np.inf and cells >= 1):
            raise InputError(
                "a lateral axis needs a positive width and at least one cell",
                field="lateral",
                value=(width, cells),
                remedy="Give (width in m, cells)",
            )


def _stack(layers: Sequence[Layer]) -> tuple[np.ndarray, np.ndarray]:
    start, nodes, tags = 0.0, [np.zeros(1)], []
    for tag, layer in enumerate(layers, start=1):
        nodes.append(start + layer.nodes()[1:])
        tags += [tag] * layer.cells
        start += layer.thickness
    return np.concatenate(nodes), np.array(tags, dtype=np.int32)


def _box(comm: MPI.Comm, counts: list[int], simplices: bool) -> mesh.Mesh:
    ghosts = mesh.GhostMode.shared_facet
    if len(counts) == 1:
        return mesh.create_interval(comm, counts[0], [0.0, 1.0], ghost_mode=ghosts)
    if len(counts) == 2:
        kind = mesh.CellType.triangle if simplices else mesh.CellType.quadrilateral
        return mesh.create_unit_square(comm, *counts, cell_type=kind, ghost_mode=ghosts)
    kind = mesh.CellType.tetrahedron if simplices else mesh.CellType.hexahedron
    return mesh.create_unit_cube(comm, *counts, cell_type=kind, ghost_mode=ghosts)


def _name(
    msh: mesh.Mesh, axis: int, total: float, depth: np.ndarray, tags: np.ndarray, layers: Sequence[Layer]
) -> Domain:
    dim = msh.topology.dim
    index_map = msh.topology.index_map(dim)
    cells = np.arange(index_map.size_local + index_map.num_ghosts, dtype=np.int32)
    mid = mesh.compute_midpoints(msh, dim, cells)[:, axis]
    values = tags[np.clip(np.searchsorted(depth, mid) - 1, 0, tags.size - 1)]
    tolerance = 1e-9 * total
    facet_tags, boundaries = tag_facets(
        msh,
        {
            "negative": lambda x: np.abs(x[axis]) < tolerance,
            "positive": lambda x: np.abs(x[axis] - total) < tolerance,
        },
    )
    regions = {layer.name: tag for tag, layer in enumerate(layers, start=1)}
    text = f"{dim}D layers " + ", ".join(f"{la.name} {la.thickness:.4g} m/{la.cells}" for la in layers)
    return Domain(msh, mesh.meshtags(msh, dim, cells, values), facet_tags, regions, boundaries, text)
