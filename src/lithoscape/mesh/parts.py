"""Parts of a domain with meshes of their own, and the facets at which two parts meet.

Fields that live on some regions only have their unknowns there: a :class:`Part` is the submesh, with the maps
to its parent. Interface integrals over the parent take both sides from :func:`one_sided`, the first as "+".
"""

from __future__ import annotations

from dataclasses import dataclass

import dolfinx_solver  # noqa: F401  (orders MPI before the compiled modules)
import numpy as np
from dolfinx import fem, mesh

from ..errors import InputError
from .domain import Domain


@dataclass(frozen=True, eq=False)
class Part:
    """Some regions of a domain as a mesh of their own.

    Parameters
    ----------
    domain:
        The parent.
    regions:
        Names.
    mesh:
        The submesh, ghost cells included.
    entity_map:
        Of its cells, for forms over the parent.
    cells:
        Parent's cell of every local cell, owned and ghost.
    """

    domain: Domain
    regions: tuple[str, ...]
    mesh: mesh.Mesh
    entity_map: mesh.EntityMap
    cells: np.ndarray

    @property
    def owned(self) -> int:
        """Number of cells that this process owns: the first ones."""
        return int(self.mesh.topology.index_map(self.domain.dim).size_local)

    def dofs_of_vertices(self, space: fem.FunctionSpace) -> np.ndarray:
        """Degree of freedom at every local vertex of the parent, -1 where the part has none.

        ``space`` is the first-order Lagrange space of the part.
        """
        topology = self.domain.mesh.topology
        topology.create_connectivity(self.domain.dim, 0)
        vertices = topology.index_map(0)
        found = np.full(vertices.size_local + vertices.num_ghosts, -1, dtype=np.int32)
        corners = topology.connectivity(self.domain.dim, 0).array.reshape(-1, space.dofmap.list.shape[1])
        found[corners[self.cells]] = space.dofmap.list  # a submesh keeps the order of a cell's corners
        return found


def part(domain: Domain, *regions: str) -> Part:
    """The named regions as a mesh of their own.

    Raises
    ------
    InputError
        A region that the mesh lacks, or no cell in any of them on any process.
    """
    cells = domain.cells(*regions)
    if domain.comm.allreduce(cells.size) == 0:
        raise InputError("the mesh has no cell of these regions", field="regions", value=list(regions))
    sub, entity_map, _, _ = mesh.create_submesh(domain.mesh, domain.dim, cells)
    count = sub.topology.index_map(domain.dim)
    parents = entity_map.sub_topology_to_topology(
        np.arange(count.size_local + count.num_ghosts, dtype=np.int32), False
    )
    return Part(domain, tuple(regions), sub, entity_map, np.asarray(parents))


def one_sided(domain: Domain, inner: tuple[str, ...], outer: tuple[str, ...]) -> np.ndarray:
    """Facets between two groups of regions that this process owns: (cell, facet, cell, facet), inner first.

    Shape (facets, 4), int32, as DOLFINx takes them for interior facets.
    """
    msh, dim = domain.mesh, domain.dim
    msh.topology.create_entities(dim - 1)
    msh.topology.create_connectivity(dim - 1, dim)
    msh.topology.create_connectivity(dim, dim - 1)
    values = domain.cell_values()
    first, second = (np.isin(values, domain.region(*names)) for names in (inner, outer))
    links = msh.topology.connectivity(dim - 1, dim)
    owned = msh.topology.index_map(dim - 1).size_local
    offsets = links.offsets[: owned + 1]
    both = np.flatnonzero(np.diff(offsets) == 2)
    a, b = links.array[offsets[both]], links.array[offsets[both] + 1]
    meets = (first[a] & second[b]) | (first[b] & second[a])
    facets = both[meets].astype(np.int32)
    found = fem.compute_integration_domains(fem.IntegralType.interior_facet, msh.topology, facets)
    found = np.asarray(found, dtype=np.int32).reshape(-1, 4).copy()
    swapped = ~first[found[:, 0]]
    found[swapped] = found[swapped][:, [2, 3, 0, 1]]
    return found
