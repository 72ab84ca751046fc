"""Fields of a resolved problem, gathered on rank 0: solid, electrolyte, and the surface where they react.

Nodes belong to one piece each (an active phase, the other conductors, the electrolyte), so that a
concentration can jump from one phase to the next; processes share no cell and no node twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dolfinx_solver  # noqa: F401  (orders MPI before the compiled modules)
import numpy as np
from mpi4py import MPI
from scipy.sparse import csr_matrix

from .constants import thermal_voltage
from .errors import InputError
from .field_files import ELECTROLYTE, SOLID, SURFACE, FieldMesh, Snapshot
from .materials.schema import ActiveMaterial
from .mesh.domain import Domain
from .mesh.parts import Part
from .models import terms
from .models.resolved import Phase, ResolvedCell, surfaces
from .models.resolved_assembly import facet_corners, limited_sinh
from .problem import Problem

KINDS = {2: ("triangle", "line"), 3: ("tetra", "triangle")}
"""Dimension -> kind of cells and of facets."""

SOL = "State of lithiation"
SURFACE_SOL = "Surface state of lithiation"
LITHIUM = "Lithium concentration [mol.m-3]"
ELECTRODE_POTENTIAL = "Electrode potential [V]"
SALT = "Electrolyte concentration [mol.m-3]"
ELECTROLYTE_POTENTIAL = "Electrolyte potential [V]"
TERMINAL_POTENTIAL = "Negative terminal potential [V]"
OVERPOTENTIAL = "Overpotential [V]"
CURRENT = "Reaction current density [A.m-2]"
OCP = "Open-circuit potential [V]"
AREA = "Reaction area [m2]"


@dataclass(frozen=True, eq=False)
class ParticleCurrents:
    """What every particle exchanges with the electrolyte at one time, shape (particles,) each.

    Attributes
    ----------
    number:
        Of the particle, ascending, as in :class:`~lithoscape.models.observe.ParticleTable`.
    area:
        At which it reacts [m2], wetted facets (m2 per metre of depth in 2D).
    current:
        Mean current density over that area [A/m2], anodic (delithiation) positive; NaN without area.
    """

    number: np.ndarray
    area: np.ndarray
    current: np.ndarray


class ResolvedFields:
    """Every unknown of a resolved problem, and what follows from it at the reacting surface.

    Parameters
    ----------
    problem, cell:
        From :func:`~lithoscape.models.resolved.resolved`, and what it was built from.

    Attributes
    ----------
    meshes:
        On rank 0 "solid", "electrolyte" and "surface" -> :class:`~lithoscape.field_files.FieldMesh`; None on
        other ranks. The solid is every region that conducts electrons, the electrolyte every one with ions:
        a porous conductor is in both. The surface is where active material meets electrolyte; besides
        "Region" (of the active phase) and "Particle" its cells have "Reaction area [m2]", wetted.

    Raises
    ------
    InputError
        The problem is not a resolved one of these phases.

    Current density i > 0 is anodic: lithium leaves the solid. It is that of wetted area; a facet with a
    wetted share below 1 carries i times its reaction area. The integral over all of it is minus the
    discharge current, less what charges double layers.
    """

    def __init__(self, problem: Problem, cell: ResolvedCell) -> None:
        self.problem, self.cell, self.comm = problem, cell, problem.domain.comm
        self.active = [p for p in cell.phases if p.material is not None]
        _check(problem, self.active)
        self._vertices = _Vertices(problem)
        self._solid = self._solid_pieces()
        self._electrolyte = [self._piece(*(p.name for p in cell.phases if p.porosity > 0))]
        self._sides = surfaces(problem.domain, cell, self.active)
        self._facets = [facet_corners(problem.domain, sides[:, :2]) for sides in self._sides]
        self._surface = [_Piece(problem.domain, corners) for corners, _ in self._facets]
        self._areas = [
            size * wet
            for (_, size), wet in zip(self._facets, _wetted(self.problem, cell, self._sides), strict=True)
        ]
        self.number, self._area, self._weights = self._particles()
        self.meshes = self._meshes()

    # -- what is where --------------------------------------------------------------------
    def _piece(self, *regions: str) -> _Piece:
        """Owned cells of some regions."""
        domain = self.problem.domain
        cells = domain.cells(*regions)
        cells = cells[cells < domain.mesh.topology.index_map(domain.dim).size_local]
        return _Piece(domain, self._vertices.corners[cells], cells)

    def _solid_pieces(self) -> list[_Piece]:
        """The active phases, then all other conductors together, if there are any."""
        pieces = [self._piece(phase.name) for phase in self.active]
        others = [p.name for p in self.cell.phases if p.conductivity is not None and p.material is None]
        return [*pieces, self._piece(*others)] if others else pieces

    def _labels(self, k: int, cells: np.ndarray) -> np.ndarray:
        """Particle of cells of active phase k; the phase counts as one if particles have no numbers."""
        numbers = self.problem.domain.cell_data.get("particle")
        return np.full(cells.size, k + 1) if numbers is None else np.asarray(numbers)[cells].astype(np.int64)

    def _particles(self) -> tuple[np.ndarray, np.ndarray, csr_matrix]:
        """Numbers, reaction areas, and the matrix that takes nodal current densities to currents."""
        inside = [self._labels(k, self._solid[k].cells) for k in range(len(self.active))]
        sides = [self._labels(k, s[:, 0]) for k, s in enumerate(self._sides)]
        most = max(int(labels.max(initial=0)) for labels in (*inside, *sides))
        size = int(self.comm.allreduce(most, op=MPI.MAX)) + 1
        here = np.bincount(np.concatenate(inside), minlength=size)
        number = np.flatnonzero(self.comm.allreduce(here, op=MPI.SUM))
        row = np.searchsorted(number, np.concatenate(sides))
        area = np.concatenate(self._areas)
        starts = np.cumsum([0, *(piece.vertices.size for piece in self._surface)])
        columns = np.concatenate([piece.local + n for piece, n in zip(self._surface, starts, strict=False)])
        corners = self.problem.domain.dim
        shares = np.repeat(area / corners, corners)
        shape = (number.size, int(starts[-1]))
        weights = csr_matrix((shares, (np.repeat(row, corners), columns.ravel())), shape)
        total = np.bincount(row, area, number.size)
        return number, self.comm.allreduce(total, op=MPI.SUM), weights

    def _meshes(self) -> dict[str, FieldMesh] | None:
        domain = self.problem.domain
        cells, facets = KINDS[domain.dim]
        tags, phases = domain.cell_values(), [*self.active, None]
        solid = [
            {
                "Region": tags[piece.cells],
                "Particle": np.zeros(piece.cells.size, np.int64)
                if p is None
                else self._labels(k, piece.cells),
            }
            for k, (p, piece) in enumerate(zip(phases, self._solid, strict=False))
        ]
        ions = [{"Region": tags[piece.cells]} for piece in self._electrolyte]
        surface = [
            {"Region": tags[s[:, 0]], "Particle": self._labels(k, s[:, 0]), AREA: area}
            for k, (s, area) in enumerate(zip(self._sides, self._areas, strict=True))
        ]
        parts = {
            SOLID: self._joined(cells, self._solid, solid),
            ELECTROLYTE: self._joined(cells, self._electrolyte, ions),
            SURFACE: self._joined(facets, self._surface, surface),
        }
        return (
            {name: mesh for name, mesh in parts.items() if mesh is not None} if self.comm.rank == 0 else None
        )

    def _joined(
        self, kind: str, pieces: Sequence[_Piece], data: Sequence[Mapping[str, np.ndarray]]
    ) -> FieldMesh | None:
        """Pieces one after the other as one mesh, on rank 0."""
        points = [piece.gather(self._vertices.points[piece.vertices]) for piece in pieces]
        columns = self.comm.gather(data, root=0)
        if columns is None:
            return None
        starts = np.cumsum([0, *(piece.count for piece in pieces)])
        cells = np.concatenate([piece.whole + n for piece, n in zip(pieces, starts, strict=False)])
        cell_data = {
            name: np.concatenate([rank[k][name] for k in range(len(pieces)) for rank in columns])
            for name in data[0]
        }
        for name in ("Region", "Particle"):
            if name in cell_data:
                cell_data[name] = cell_data[name].astype(np.int32)
        return FieldMesh(
            kind, np.concatenate(points), cells.astype(np.int32), cell_data, dict(self.problem.domain.regions)
        )

    # -- values ---------------------------------------------------------------------------
    def snapshot(self, name: str = "", time: float = 0.0) -> Snapshot | None:
        """The present fields with all values at nodes, on rank 0; None elsewhere. All ranks call.

        Parameters
        ----------
        name, time:
            Of the moment [s].
        """
        values = {
            SOLID: _collect(self._solid, [self._in_solid(k) for k in range(len(self._solid))]),
            ELECTROLYTE: _collect(self._electrolyte, [self._in_electrolyte()]),
            SURFACE: _collect(self._surface, [self._at_surface(k) for k in range(len(self.active))]),
        }
        return None if self.meshes is None else Snapshot(name, time, self.meshes, values)

    def solid(self) -> dict[str, np.ndarray] | None:
        """c_s [mol/m3], c_s / c_max, phi_s [V] at nodes of the solid, (n,); NaN outside active phases."""
        return _collect(self._solid, [self._in_solid(k) for k in range(len(self._solid))]) or None

    def electrolyte(self) -> dict[str, np.ndarray] | None:
        """c_e [mol/m3], phi_e, phi_s (NaN where no electrons flow) and the counter electrode's [V], (n,)."""
        return _collect(self._electrolyte, [self._in_electrolyte()]) or None

    def surface(self) -> dict[str, np.ndarray] | None:
        """Overpotential [V], current density [A/m2], open-circuit potential [V] and c_s / c_max, (n,)."""
        return _collect(self._surface, [self._at_surface(k) for k in range(len(self.active))]) or None

    def particle_currents(self) -> ParticleCurrents:
        """Mean current density of every particle, the same on all ranks. All ranks call."""
        local = np.concatenate([self._at_surface(k)[CURRENT] for k in range(len(self.active))])
        total = np.zeros(self.number.size)
        self.comm.Allreduce(np.ascontiguousarray(self._weights @ local), total, op=MPI.SUM)
        with np.errstate(invalid="ignore", divide="ignore"):
            return ParticleCurrents(self.number, self._area, total / self._area)

    def _in_solid(self, k: int) -> dict[str, np.ndarray]:
        vertices = self._solid[k].vertices
        if k < len(self.active):
            c_s, c_max = self._vertices(f"concentration in {self.active[k].name}", vertices), self._c_max(k)
        else:
            c_s, c_max = np.full(vertices.size, np.nan), 1.0
        potential = self._vertices("electrode potential", vertices)
        return {LITHIUM: c_s, SOL: c_s / c_max, ELECTRODE_POTENTIAL: potential}

    def _in_electrolyte(self) -> dict[str, np.ndarray]:
        (piece,) = self._electrolyte
        at = {
            SALT: "electrolyte concentration", ELECTROLYTE_POTENTIAL: "electrolyte potential",
            ELECTRODE_POTENTIAL: "electrode potential",
        }  # fmt: skip
        values = {name: self._vertices(unknown, piece.vertices) for name, unknown in at.items()}
        values[TERMINAL_POTENTIAL] = np.full(piece.vertices.size, -self.problem.voltage())
        return values

    def _at_surface(self, k: int) -> dict[str, np.ndarray]:
        """Butler-Volmer at the nodes of active phase k, as the rows have it."""
        vertices, T, guard = self._surface[k].vertices, self.cell.temperature, terms.SURFACE_GUARD
        material = _material(self.active[k])
        x = self._vertices(f"concentration in {self.active[k].name}", vertices) / material.c_max
        phi_s, phi_e, c_e = (
            self._vertices(name, vertices)
            for name in ("electrode potential", "electrolyte potential", "electrolyte concentration")
        )
        ocp = terms.guarded_ocp(material, x, guard=guard)
        i0 = terms.guarded_exchange_current(material, c_e, x, T, guard=guard)
        eta = phi_s - phi_e - ocp
        i = 2 * i0 * limited_sinh(eta / (2 * thermal_voltage(T)))[0]
        return {OVERPOTENTIAL: eta, CURRENT: i, OCP: ocp + np.zeros(x.shape), SURFACE_SOL: x}

    def _c_max(self, k: int) -> float:
        return _material(self.active[k]).c_max


class _Vertices:
    """Values of the unknowns at vertices of the whole mesh."""

    def __init__(self, problem: Problem) -> None:
        domain, dim = problem.domain, problem.domain.dim
        msh = domain.mesh
        msh.topology.create_connectivity(dim, 0)
        self.corners = msh.topology.connectivity(dim, 0).array.reshape(-1, dim + 1)
        count = msh.topology.index_map(0)
        self.points = np.zeros((count.size_local + count.num_ghosts, 3))
        self.points[self.corners] = msh.geometry.x[msh.geometry.dofmaps[0]]
        maps = problem.entity_maps
        which = {"electrolyte concentration": 0, "electrolyte potential": 0, "electrode potential": 1}
        which |= {u.name: k for k, u in enumerate(problem.unknowns[4:], start=2)}
        places: dict[int, np.ndarray] = {}
        self.fields: dict[str, tuple[Any, np.ndarray]] = {}
        for name, k in which.items():
            function = problem.unknown(name).function
            if k not in places:
                places[k] = _part(domain, function, maps[k]).dofs_of_vertices(function.function_space)
            self.fields[name] = function, places[k]

    def __call__(self, name: str, vertices: np.ndarray) -> np.ndarray:
        """The unknown ``name`` at vertices; NaN where it is not defined."""
        function, places = self.fields[name]
        dofs = places[vertices]
        values: np.ndarray = np.where(dofs >= 0, function.x.array[dofs], np.nan)
        return values


class _Piece:
    """Cells whose nodes are merged on rank 0 where processes share them.

    Attributes
    ----------
    vertices:
        Local vertices of the whole mesh that the cells of this process have, ascending.
    cells:
        Those cells, by their number in the whole mesh.
    local:
        Their corners as places in ``vertices``, shape (cells, corners).
    whole:
        On rank 0, corners of all cells of all processes as places in what :meth:`gather` returns.
    count:
        On rank 0, number of nodes.
    """

    def __init__(self, domain: Domain, corners: np.ndarray, cells: np.ndarray | None = None) -> None:
        self.comm = domain.comm
        self.cells = np.empty(0, np.int32) if cells is None else cells
        self.vertices, local = np.unique(corners, return_inverse=True)
        self.local = local.reshape(corners.shape)
        names = domain.mesh.topology.index_map(0).local_to_global(self.vertices.astype(np.int32))
        pieces = self.comm.gather((np.asarray(names), self.local), root=0)
        self.whole, self._place, self.count = (
            np.empty((0, corners.shape[1]), np.int64),
            np.empty(0, np.int64),
            0,
        )
        if pieces is not None:
            every, self._place = np.unique(np.concatenate([p[0] for p in pieces]), return_inverse=True)
            starts = np.cumsum([0, *(p[0].size for p in pieces)])
            joined = [p[1] + start for p, start in zip(pieces, starts, strict=False)]
            self.whole, self.count = self._place[np.concatenate(joined)], every.size

    def gather(self, values: np.ndarray) -> np.ndarray:
        """Values at ``vertices``, (n,) or (n, k), of all processes: (count,) or (count, k) on rank 0."""
        pieces = self.comm.gather(values, root=0)
        whole = np.empty((self.count, *values.shape[1:]))
        if pieces is not None:
            whole[self._place] = np.concatenate(pieces)
        return whole


def _collect(pieces: Sequence[_Piece], values: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Values of all pieces one after the other, on rank 0; empty elsewhere."""
    names = list(values[0])
    columns = [
        piece.gather(np.column_stack([found[name] for name in names]))
        for piece, found in zip(pieces, values, strict=True)
    ]
    if pieces[0].comm.rank != 0:
        return {}
    whole = np.concatenate(columns)
    return {name: np.ascontiguousarray(whole[:, k]) for k, name in enumerate(names)}


def _check(problem: Problem, active: Sequence[Phase]) -> None:
    """InputError unless the problem has the unknowns of these phases."""
    wanted = [
        "electrolyte concentration", "electrolyte potential", "electrode potential",
        "negative terminal potential", *(f"concentration in {p.name}" for p in active),
    ]  # fmt: skip
    found = [u.name for u in problem.unknowns]
    if found != wanted or problem.closures or len(problem.entity_maps) != len(active) + 2:
        raise InputError(
            "the problem is not a resolved one of these phases", field="problem", value=found,
            remedy="Give the problem and the cell that resolved() made it from",
        )  # fmt: skip


def _part(domain: Domain, function: Any, entity_map: Any) -> Part:
    """The part of the mesh that an unknown lives on."""
    sub = function.function_space.mesh
    count = sub.topology.index_map(domain.dim)
    every = np.arange(count.size_local + count.num_ghosts, dtype=np.int32)
    return Part(domain, (), sub, entity_map, np.asarray(entity_map.sub_topology_to_topology(every, False)))


def _wetted(problem: Problem, cell: ResolvedCell, sides: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Wetted share of every facet, by the phase on its side of the electrolyte."""
    domain = problem.domain
    share = np.ones(domain.cell_values().size)
    for phase in cell.phases:
        share[domain.cells(phase.name)] = phase.wetted
    return [share[s[:, 2]] for s in sides]


def _material(phase: Phase) -> ActiveMaterial:
    assert phase.material is not None
    return phase.material
