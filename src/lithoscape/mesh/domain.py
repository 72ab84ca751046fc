"""The frozen object every model takes: a mesh whose parts have names."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import dolfinx_solver  # noqa: F401  (orders MPI before the compiled modules)
import numpy as np
from dolfinx import fem, mesh
from mpi4py import MPI

from ..errors import InputError, nearest

_MADE = count()
_TIDIED = 12
"""Domains after which what nobody uses is freed: every mesh and every problem on it holds some of the 2048
communicators that MPI has, and Python collects cycles by memory, of which they take little."""


@dataclass(frozen=True)
class Domain:
    """A mesh in metres with named cell regions, outer boundaries and interfaces between regions.

    Parameters
    ----------
    mesh, cell_tags, facet_tags:
        The mesh and the integers of its cells and facets; nothing above this layer uses the integers.
    regions, boundaries:
        Name -> integer in ``cell_tags``, and in ``facet_tags`` for facets on the outside.
    description:
        One line for people.
    interfaces:
        Name of two regions, such as ``"active | pore"`` -> integer in ``facet_tags``.
    cell_data:
        Further values of every local cell, owned and ghost, such as the particle number.
    provenance:
        Where the mesh comes from, plain data.
    """

    mesh: mesh.Mesh
    cell_tags: mesh.MeshTags
    facet_tags: mesh.MeshTags
    regions: Mapping[str, int]
    boundaries: Mapping[str, int]
    description: str = ""
    interfaces: Mapping[str, int] = field(default_factory=dict)
    cell_data: Mapping[str, np.ndarray] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if next(_MADE) % _TIDIED == _TIDIED - 1:
            gc.collect()

    @property
    def dim(self) -> int:
        """Topological dimension."""
        return int(self.mesh.topology.dim)

    @property
    def comm(self) -> MPI.Comm:
        """The communicator the mesh is distributed over."""
        return self.mesh.comm

    def region(self, *names: str) -> tuple[int, ...]:
        """Tags of the named regions; InputError names the valid ones."""
        return tuple(_lookup(self.regions, name, "region") for name in names)

    def boundary(self, *names: str) -> tuple[int, ...]:
        """Tags of the named boundaries; InputError names the valid ones."""
        return tuple(_lookup(self.boundaries, name, "boundary") for name in names)

    def interface(self, *names: str) -> tuple[int, ...]:
        """Tags of the named interfaces, the two regions of each in either order."""
        return tuple(_lookup(self.interfaces, self._in_order(name), "interface") for name in names)

    def _in_order(self, name: str) -> str:
        """``name`` with its two regions in the order of the table, if they stand there."""
        sides = [side.strip() for side in name.split("|")]
        spelled = (" | ".join(sides), " | ".join(reversed(sides)))
        return next((known for known in spelled if known in self.interfaces), name)

    def cells(self, *names: str) -> np.ndarray:
        """Local cells (owned and ghost) of the named regions."""
        return np.flatnonzero(np.isin(self.cell_values(), self.region(*names))).astype(np.int32)

    def cell_values(self) -> np.ndarray:
        """Region tag of every local cell, owned and ghost."""
        index_map = self.mesh.topology.index_map(self.dim)
        values = np.zeros(index_map.size_local + index_map.num_ghosts, dtype=np.int32)
        values[self.cell_tags.indices] = self.cell_tags.values
        return values

    def measure(self, kind: str, name: str) -> float:
        """Volume of a region (``kind="region"``), area of a ``"boundary"`` or of an ``"interface"``.

        Units m^dim or m^(dim-1): in 2D per metre of depth, in 1D per m2 of area. Each facet of an interface
        counts once, whichever process holds it.

        Raises
        ------
        InputError
            Another kind, or a name that the mesh lacks.
        """
        import ufl

        one = fem.Constant(self.mesh, 1.0)
        lookup, integral, tags = self._kind(kind)
        measure = ufl.Measure(integral, domain=self.mesh, subdomain_data=tags)
        form = fem.form(one * measure(lookup(name)))
        return float(self.comm.allreduce(fem.assemble_scalar(form), op=MPI.SUM))

    def _kind(self, kind: str) -> tuple[Callable[..., tuple[int, ...]], str, mesh.MeshTags]:
        """How names of a kind are looked up, the integral over them, and the tags it goes by."""
        kinds: dict[str, tuple[Callable[..., tuple[int, ...]], str, mesh.MeshTags]] = {
            "region": (self.region, "dx", self.cell_tags),
            "boundary": (self.boundary, "ds", self.facet_tags),
            "interface": (self.interface, "dS", self.facet_tags),
        }
        if kind not in kinds:
            raise InputError(
                "there is no such kind of part", field="kind", value=kind, remedy=nearest(kind, list(kinds))
            )
        return kinds[kind]

    def digest(self) -> str:
        """Hash of cells by their corners, with tags: the provenance of every result (12 hex digits).

        Neither numbering nor the number of processes changes it; coordinates count to 1 pm.
        """
        pieces = self.comm.gather(self._cell_rows(), root=0)
        text = ""
        if pieces is not None:
            rows = np.concatenate(pieces)
            rows = np.ascontiguousarray(rows[np.lexsort(rows.T[::-1])])
            text = hashlib.sha256(rows.tobytes()).hexdigest()[:12]
        return str(self.comm.bcast(text, root=0))

    def _cell_rows(self) -> np.ndarray:
        """Tag and sorted corners [pm] of every owned cell, one row of integers each."""
        owned = self.mesh.topology.index_map(self.dim).size_local
        corners = np.rint(self.mesh.geometry.x[self.mesh.geometry.dofmaps[0][:owned]] * 1e12).astype(np.int64)
        order = np.lexsort((corners[..., 2], corners[..., 1], corners[..., 0]), axis=-1)
        corners = np.take_along_axis(corners, order[..., None], axis=1)
        return np.column_stack([self.cell_values()[:owned], corners.reshape(owned, -1)]).astype(np.int64)


def _lookup(table: Mapping[str, int], name: str, kind: str) -> int:
    try:
        return table[name]
    except KeyError:
        raise InputError(
            f"the mesh has no such {kind}", field=kind, value=name, remedy=nearest(name, list(table))
        ) from None


def tag_facets(msh: mesh.Mesh, where: Mapping[str, Any]) -> tuple[mesh.MeshTags, dict[str, int]]:
    """Tag outer facets by name with marker functions of coordinates (3, n) -> bool."""
    dim = msh.topology.dim - 1
    indices, values, names = [], [], {}
    for tag, (name, marker) in enumerate(where.items(), start=1):
        found = mesh.locate_entities_boundary(msh, dim, marker)
        indices.append(found)
        values.append(np.full(found.size, tag, dtype=np.int32))
        names[name] = tag
    flat = np.concatenate(indices) if indices else np.empty(0, dtype=np.int32)
    order = np.argsort(flat)
    return mesh.meshtags(msh, dim, flat[order], np.concatenate(values)[order]), names
