"""From a whole mesh on one process to a ``Domain`` shared by all."""

from __future__ import annotations

from typing import Any

import basix.ufl
import dolfinx_solver  # noqa: F401  (orders MPI before the compiled modules)
import numpy as np
from dolfinx import cpp, mesh
from dolfinx.graph import adjacencylist
from dolfinx.io import distribute_entity_data
from mpi4py import MPI

from ..errors import InputError
from .domain import Domain
from .tessellation import CORNERS, DIMENSION, FACETS, Kind, Tessellation

_CELLS = {
    "triangle": mesh.CellType.triangle, "quad": mesh.CellType.quadrilateral,
    "tetra": mesh.CellType.tetrahedron, "hexahedron": mesh.CellType.hexahedron,
}  # fmt: skip


def domain(
    tessellation: Tessellation | None, comm: MPI.Comm = MPI.COMM_WORLD, description: str = ""
) -> Domain:
    """Distribute a tessellation over the processes of ``comm``; called by all of them.

    Parameters
    ----------
    tessellation:
        On process 0; what other processes give is not looked at, and may be None.
    comm:
        Who shares the mesh. Every process gets a layer of ghost cells behind its facets.
    description:
        One line for people; without it the kind and number of cells.

    Returns
    -------
    Domain
        With the names, interfaces, values by cell and provenance of the tessellation.

    Raises
    ------
    InputError
        No tessellation on process 0, or one without cells; on every process.
    """
    head = comm.bcast(_head(tessellation) if comm.rank == 0 else None, root=0)
    if head is None:
        raise InputError(
            "process 0 holds no mesh", field="tessellation", value=None,
            remedy="Make or read the mesh on process 0 and give None on the others",
        )  # fmt: skip
    kind: Kind = head["kind"]
    given = tessellation if comm.rank == 0 else None
    msh = _mesh(given, kind, head["gdim"], comm)
    tags, *columns = _by_cell(given, head["columns"], msh)
    cells = np.arange(tags.size, dtype=np.int32)
    return Domain(
        msh,
        mesh.meshtags(msh, DIMENSION[kind], cells, tags.astype(np.int32)),
        _facet_tags(given, kind, msh),
        head["regions"],
        head["boundaries"],
        description or head["description"],
        head["interfaces"],
        dict(zip(head["columns"], columns, strict=True)),
        head["provenance"],
    )


def _head(tessellation: Tessellation | None) -> dict[str, Any] | None:
    """What every process must know; None if there is no mesh."""
    if tessellation is None or not len(tessellation.cells):
        return None
    t = tessellation
    return {
        "kind": t.kind, "gdim": t.points.shape[1], "regions": dict(t.regions),
        "boundaries": dict(t.boundaries), "interfaces": dict(t.interfaces), "columns": list(t.cell_data),
        "provenance": dict(t.provenance), "description": f"{len(t.cells)} cells ({t.kind})",
    }  # fmt: skip


def _mesh(given: Tessellation | None, kind: Kind, gdim: int, comm: MPI.Comm) -> mesh.Mesh:
    """The distributed mesh; points that no cell uses are left out."""
    cell = _CELLS[kind]
    element = basix.ufl.element("Lagrange", cell.name, 1, shape=(gdim,))
    order = cpp.io.perm_vtk(cell, CORNERS[kind])
    if given is not None:
        cells = np.ascontiguousarray(given.cells[:, order], dtype=np.int64)
        points = np.ascontiguousarray(given.points, dtype=np.float64)
    else:
        cells, points = np.empty((0, CORNERS[kind]), np.int64), np.empty((0, gdim))
    partitioner = mesh.create_cell_partitioner(mesh.GhostMode.shared_facet, 2)
    return mesh.create_mesh(comm, cells, element, points, partitioner, max_facet_to_cell_links=2)


def _by_cell(given: Tessellation | None, columns: list[str], msh: mesh.Mesh) -> list[np.ndarray]:
    """Region tag and the named columns of every local cell, owned and ghost: process 0 hands them out."""
    wanted = msh.comm.gather(np.asarray(msh.topology.original_cell_index), root=0)
    pieces = None
    if given is not None and wanted is not None:
        values = [given.tags, *(np.asarray(given.cell_data[name]) for name in columns)]
        pieces = [[column[rows] for column in values] for rows in wanted]
    return list(msh.comm.scatter(pieces, root=0))


def _facet_tags(given: Tessellation | None, kind: Kind, msh: mesh.Mesh) -> mesh.MeshTags:
    """Tags of the named facets, found by their corners on whichever process they are."""
    dim = DIMENSION[kind] - 1
    if given is not None and len(given.facets):
        corners = np.ascontiguousarray(given.facets, dtype=np.int64)
        values = np.ascontiguousarray(given.facet_tags, dtype=np.int32)
    else:
        corners, values = np.empty((0, len(FACETS[kind][0])), np.int64), np.empty(0, np.int32)
    msh.topology.create_connectivity(dim, dim + 1)
    local, tags = distribute_entity_data(msh, dim, corners, values)
    return mesh.meshtags_from_entities(msh, dim, adjacencylist(local), tags.astype(np.int32, copy=False))
