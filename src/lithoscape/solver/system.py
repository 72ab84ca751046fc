"""A problem compiled: residual vectors and scaled Jacobians, in parallel.

Blocks that depend on the unknowns are reassembled, the others kept. All
entries go through PETSc's COO interface on positions fixed at construction, so
changing values never rebuilds the pattern and closures add node-diagonal
entries at no cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import ufl
from dolfinx import fem, la
from mpi4py import MPI
from petsc4py import PETSc

from ..problem import Assembly, Problem


@dataclass
class _Block:
    """One assembled matrix block and where its entries go."""

    form: fem.Form
    matrix: la.MatrixCSR
    keep: np.ndarray
    scale: float
    fixed: bool
    values: np.ndarray

    def assemble(self) -> None:
        self.matrix.set_value(0.0)
        fem.assemble_matrix(self.matrix, self.form)
        self.values = self.matrix.data[self.keep] * self.scale


class System:
    """Residual ``rate q(u) + history + F(u)`` and its Jacobian for one problem."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.comm = problem.domain.comm
        self.functions = [u.function for u in problem.unknowns]
        self.maps = [f.function_space.dofmap.index_map for f in self.functions]
        self.owned = [m.size_local for m in self.maps]
        self.offsets = np.concatenate([[0], np.cumsum(self.owned)])
        self.free = [self._free_mask(i) for i in range(len(self.functions))]
        self._vectors = [fem.create_vector(f.function_space) for f in self.functions]
        self.numbers = self._global_numbering()
        self.weights = self._closure_weights()
        self.functionals = {k: self._compiled(v) for k, v in problem.functionals.items()}
        self.rows = _FormRows(self) if problem.assembly is None else _OwnRows(self, problem.assembly)
        self._build_matrix()

    def _compiled(self, form: Any) -> fem.Form:
        return fem.form(form, entity_maps=list(self.problem.entity_maps) or None)

    # -- layout ---------------------------------------------------------------
    @property
    def size(self) -> int:
        """Owned unknowns on this rank."""
        return int(self.offsets[-1])

    def _free_mask(self, i: int) -> np.ndarray:
        n = self.maps[i].size_local + self.maps[i].num_ghosts
        mask = np.ones(n, dtype=bool)
        mask[self.problem.unknowns[i].constrained] = False
        return mask

    def _global_numbering(self) -> list[np.ndarray]:
        start = self.comm.exscan(self.size, op=MPI.SUM) or 0
        numbering = []
        for i, index_map in enumerate(self.maps):
            vector = la.vector(index_map, 1, dtype=np.int64)
            vector.array[: self.owned[i]] = start + self.offsets[i] + np.arange(self.owned[i])
            vector.scatter_forward()
            numbering.append(vector.array.astype(PETSc.IntType))
        return numbering

    # -- vectors ----------------------------------------------------------------
    def _assemble(self, i: int, form: fem.Form) -> np.ndarray:
        vector = self._vectors[i]
        vector.array[:] = 0.0
        fem.assemble_vector(vector.array, form)
        vector.scatter_reverse(la.InsertMode.add)
        return vector.array[: self.owned[i]].copy()

    def storage(self) -> np.ndarray:
        """Stored quantities q(u) of all rows, owned part, unscaled."""
        return np.concatenate(self.rows.storage())

    def residual(self, rate: float, history: np.ndarray) -> np.ndarray:
        """Scaled residual, owned part; constrained rows are zero."""
        total = rate * self.storage() + history
        for i, row in enumerate(self.rows.residual()):
            part = slice(self.offsets[i], self.offsets[i + 1])
            total[part] += row
            total[part] /= self.problem.unknowns[i].row_scale
            total[part][~self.free[i][: self.owned[i]]] = 0.0
        return total

    def scaled(self, vector: np.ndarray) -> np.ndarray:
        """A vector of rows (owned part) divided by the row scales."""
        scales = [u.row_scale for u in self.problem.unknowns]
        return vector / np.repeat(scales, self.owned)

    def resolved_storage(self, rate: float) -> float:
        """Largest scaled ``rate dq/du u``: no iteration gets below this much round-off."""
        return self.max_norm(np.array([rate * self.rows.steepest_storage()]))

    def stored_part(self, residual: np.ndarray) -> np.ndarray:
        """A scaled residual in the units of the rows; zero in rows that store nothing."""
        scales = [u.row_scale if u.differential else 0.0 for u in self.problem.unknowns]
        return residual * np.repeat(scales, self.owned)

    def imbalance(self, residual: np.ndarray) -> float:
        """Sum of a scaled residual over the rows of each unknown that stores something; the largest."""
        pairs = zip(self.offsets[:-1], self.offsets[1:], self.problem.unknowns, strict=True)
        sums = np.array([residual[a:b].sum() if u.differential else 0.0 for a, b, u in pairs])
        if self.comm.size > 1:
            self.comm.Allreduce(MPI.IN_PLACE, sums)
        return float(np.abs(sums).max())

    def get(self) -> list[np.ndarray]:
        """Copies of all fields, owned and ghost."""
        return [f.x.array.copy() for f in self.functions]

    def set(self, arrays: list[np.ndarray]) -> None:
        """Put field values back."""
        for f, a in zip(self.functions, arrays, strict=True):
            f.x.array[:] = a

    def add(self, update: np.ndarray, factor: float = 1.0) -> None:
        """Add a scaled update (owned part) to the fields and refresh ghosts."""
        own, before = self.problem.assembly, self.get()
        for i, f in enumerate(self.functions):
            part = update[self.offsets[i] : self.offsets[i + 1]]
            unknown = self.problem.unknowns[i]
            f.x.array[: self.owned[i]] += factor * unknown.scale * part
            f.x.scatter_forward()
            if unknown.limits is not None:
                np.clip(f.x.array, *unknown.limits, out=f.x.array)
        if own is not None:
            after = self.get()
            self.set(before)
            currents = own.currents([b - a for a, b in zip(before, after, strict=True)])
            self.set(after)
            self._settle(currents)

    def predict(self, now: list[np.ndarray], predicted: list[np.ndarray]) -> None:
        """Put extrapolated fields into place, with reactions that follow on those of ``now``."""
        own = self.problem.assembly
        if own is None:
            self.set(predicted)
            return
        self.set(now)
        currents = own.currents()
        self.set(predicted)
        self._settle(currents)

    def _settle(self, currents: list[np.ndarray]) -> None:
        assert self.problem.assembly is not None
        self.problem.assembly.settle(currents)
        for f in self.functions:
            f.x.scatter_forward()

    def functional(self, name: str) -> float:
        """Value of a functional of the problem, summed over ranks."""
        return float(self.comm.allreduce(fem.assemble_scalar(self.functionals[name]), op=MPI.SUM))

    def max_norm(self, vector: np.ndarray) -> float:
        """Largest magnitude over all ranks (inf if anything is not finite)."""
        local = float(np.max(np.abs(vector), initial=0.0))
        local = local if np.isfinite(local) else np.inf
        return local if self.comm.size == 1 else float(self.comm.allreduce(local, op=MPI.MAX))

    # -- closures ---------------------------------------------------------------
    def _closure_weights(self) -> list[list[np.ndarray | None]]:
        """d residual_i / d flux_k at the nodes: constant, because the flux enters linearly."""
        table: list[list[np.ndarray | None]] = []
        for closure in self.problem.closures:
            direction = fem.Function(closure.flux.function_space)
            direction.x.array[:] = 1.0
            row: list[np.ndarray | None] = []
            for i, form in enumerate(self.problem.residual):
                gateaux = ufl.algorithms.expand_derivatives(ufl.derivative(form, closure.flux, direction))
                row.append(None if gateaux.empty() else self._assemble(i, self._compiled(gateaux)))
            table.append(row)
        return table

    # -- matrix -----------------------------------------------------------------
    def _build_matrix(self) -> None:
        self._closure_slots = list(self._closure_entries())
        self._pinned = [np.flatnonzero(~m[:n]) for m, n in zip(self.free, self.owned, strict=True)]
        places = self.places()
        self.matrix = self._empty_matrix(places)
        self._condensed = self._empty_matrix(places) if self.problem.blocks else None

    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """Global rows and columns of all entries: of the rows, of the closures, of pinned unknowns."""
        rows, cols = [], []
        for r, c in self.rows.places():
            rows.append(r)
            cols.append(c)
        for i, j, _, nodes in self._closure_slots:
            rows.append(self.numbers[i][nodes])
            cols.append(self.numbers[j][nodes])
        for i, pinned in enumerate(self._pinned):
            rows.append(self.numbers[i][pinned])
            cols.append(self.numbers[i][pinned])
        return np.concatenate(rows).astype(PETSc.IntType), np.concatenate(cols).astype(PETSc.IntType)

    def empty_matrix(self) -> PETSc.Mat:
        """Another matrix with the places of :attr:`matrix`."""
        return self._empty_matrix(self.places())

    def _empty_matrix(self, places: tuple[np.ndarray, np.ndarray]) -> PETSc.Mat:
        A = PETSc.Mat().create(self.comm)
        A.setSizes(((self.size, None), (self.size, None)))
        A.setType(PETSc.Mat.Type.AIJ)
        A.setPreallocationCOO(*(p.copy() for p in places))  # which sorts what it is given
        return A

    def _closure_entries(self) -> Any:
        """(row, column, (closure, input position, weight), nodes) of node-diagonal entries."""
        for k, closure in enumerate(self.problem.closures):
            for i, weight in enumerate(self.weights[k]):
                if weight is None:
                    continue
                for a, j in enumerate(closure.inputs):
                    owned = closure.nodes < self.owned[i]
                    ok = owned & self.free[i][closure.nodes] & self.free[j][closure.nodes]
                    nodes = closure.nodes[ok]
                    yield i, j, (k, a, np.flatnonzero(ok), weight[nodes] * self.scale(i, j)), nodes

    def numbers_of_blocks(self) -> list[tuple[str, np.ndarray]]:
        """The problem's blocks with the owned global numbers of their unknowns."""
        return [
            (kind, np.concatenate([self.numbers[i][: self.owned[i]] for i in members]))
            for kind, members in self.problem.blocks
        ]

    def known(self, j: int, cols: np.ndarray) -> np.ndarray:
        """Which local columns of unknown j are free; those past its own are zeros others fill in."""
        return np.append(self.free[j], False)[np.minimum(cols, self.free[j].size)]

    def scale(self, i: int, j: int) -> float:
        """What entries of row i and column j are multiplied with."""
        return self.problem.unknowns[j].scale / self.problem.unknowns[i].row_scale

    def assemble(self, rate: float, tangents: list[tuple[np.ndarray, ...]]) -> PETSc.Mat:
        """Scaled Jacobian of the residual at the current fields."""
        values = self.rows.values(rate) + self._closure_values(tangents)
        values += [np.ones(p.size) for p in self._pinned]
        self.matrix.setValuesCOO(np.concatenate(values))
        return self.matrix

    def _closure_values(self, tangents: list[tuple[np.ndarray, ...]]) -> list[np.ndarray]:
        return [weight * tangents[k][a][ok] for _, _, (k, a, ok, weight), _ in self._closure_slots]

    def pencil(self) -> tuple[np.ndarray, np.ndarray]:
        """Scaled entries of dF/du and of dq/du at the current fields, of the rows alone."""
        steady = np.concatenate(self.rows.values(0.0))
        # every entry is of one or the other, so that the difference is exact
        return steady, np.concatenate(self.rows.values(1.0)) - steady

    def at_rate(
        self, pencil: tuple[np.ndarray, np.ndarray], rate: complex, tangents: list[tuple[np.ndarray, ...]]
    ) -> np.ndarray:
        """Complex entries of the scaled, linearised system at d/dt = ``rate``, for :meth:`places`."""
        closures = self._closure_values(tangents)
        pinned = [np.ones(p.size) for p in self._pinned]
        return np.concatenate([pencil[0] + rate * pencil[1], *closures, *pinned]).astype(complex)

    def bare(self, pencil: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Entries of dF/du, with ones for pinned unknowns, and of dq/du for the places of the matrix."""
        closures = np.zeros(sum(nodes.size for *_, nodes in self._closure_slots))
        pinned = sum(p.size for p in self._pinned)
        return (
            np.concatenate([pencil[0], closures, np.ones(pinned)]),
            np.concatenate([pencil[1], closures, np.zeros(pinned)]),
        )

    def closure_terms(self) -> list[tuple[int, int, tuple[int, int, np.ndarray, np.ndarray], np.ndarray]]:
        """(row, column, (closure, input, its nodes, scaled weight), local nodes) of node-diagonal entries."""
        return self._closure_slots

    def condensed(self, rate: float) -> PETSc.Mat:
        """Matrix for a block-wise preconditioner at the current fields."""
        if self._condensed is None or self.problem.assembly is None:
            return self.matrix
        values = self.rows.values(rate, condensed=True)
        values += [np.ones(p.size) for p in self._pinned]
        self._condensed.setValuesCOO(np.concatenate(values))
        return self._condensed


class _FormRows:
    """Rows of the problem's forms, assembled by DOLFINx."""

    def __init__(self, system: System) -> None:
        self.system, problem = system, system.problem
        self._storage = [None if s is None else system._compiled(s) for s in problem.storage]
        self._residual = [system._compiled(r) for r in problem.residual]
        self.blocks = self._blocks(problem.residual)
        self.mass = self._blocks(problem.storage)
        for block in (*self.blocks.values(), *self.mass.values()):
            block.assemble()

    def storage(self) -> list[np.ndarray]:
        """q(u), owned part, row by row."""
        return [
            np.zeros(n) if form is None else self.system._assemble(i, form)
            for i, (n, form) in enumerate(zip(self.system.owned, self._storage, strict=True))
        ]

    def residual(self) -> list[np.ndarray]:
        """F(u), owned part, row by row."""
        return [self.system._assemble(i, form) for i, form in enumerate(self._residual)]

    def places(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Global rows and columns of all entries, in the order of :meth:`values`."""
        for (i, j), block in (*self.blocks.items(), *self.mass.items()):
            rows, cols = _csr_rows(block.matrix)[block.keep], block.matrix.indices[block.keep]
            yield self.system.numbers[i][rows], self.system.numbers[j][cols]

    def values(self, rate: float, condensed: bool = False) -> list[np.ndarray]:
        """Scaled entries at the current fields."""
        assert not condensed
        for block in (*self.blocks.values(), *self.mass.values()):
            if not block.fixed:
                block.assemble()
        values = [block.values for block in self.blocks.values()]
        return values + [rate * block.values for block in self.mass.values()]

    def steepest_storage(self) -> float:
        """Largest scaled dq/du u at the current fields, of storage that is not proportional to u."""
        largest = 0.0
        for (_, j), block in self.mass.items():
            if not block.fixed:
                block.assemble()
                entries = block.values * self.system.functions[j].x.array[block.matrix.indices[block.keep]]
                scale = self.system.problem.unknowns[j].scale
                largest = max(largest, float(np.abs(entries).max(initial=0.0)) / scale)
        return largest

    def _blocks(self, forms: tuple[Any, ...]) -> dict[tuple[int, int], _Block]:
        blocks, functions = {}, self.system.functions
        for i, form in enumerate(forms):
            for j, function in enumerate(functions):
                if form is None:
                    continue
                trial = ufl.TrialFunction(function.function_space)
                jacobian = ufl.algorithms.expand_derivatives(ufl.derivative(form, function, trial))
                if jacobian.empty():
                    continue
                fixed = not (set(jacobian.coefficients()) & set(functions)) and not jacobian.constants()
                compiled = self.system._compiled(jacobian)
                blocks[i, j] = self._block(compiled, fem.create_matrix(compiled), i, j, fixed)
        return blocks

    def _block(self, form: fem.Form, matrix: la.MatrixCSR, i: int, j: int, fixed: bool) -> _Block:
        rows, cols = _csr_rows(matrix), matrix.indices
        keep = np.flatnonzero(self.system.free[i][rows] & self.system.known(j, cols))
        return _Block(form, matrix, keep, self.system.scale(i, j), fixed, np.empty(0))


class _OwnRows:
    """Rows of a problem that assembles them itself."""

    def __init__(self, system: System, assembly: Assembly) -> None:
        self.system, self.assembly = system, assembly
        self._blocks = [
            (i, j, rows[keep], cols[keep], keep)
            for i, j, rows, cols in (*assembly.entries, *assembly.mass_entries)
            for keep in (np.flatnonzero(system.free[i][rows] & system.known(j, cols)),)
        ]
        self._steady = len(assembly.entries)

    def storage(self) -> list[np.ndarray]:
        """q(u), owned part, row by row."""
        return [self._summed(i, part) for i, part in enumerate(self.assembly.storage())]

    def residual(self) -> list[np.ndarray]:
        """F(u), owned part, row by row."""
        return [self._summed(i, part) for i, part in enumerate(self.assembly.residual())]

    def _summed(self, i: int, part: np.ndarray | None) -> np.ndarray:
        """A local vector with what other processes add to it, owned part."""
        if part is None:
            return np.zeros(self.system.owned[i])
        vector = self.system._vectors[i]
        vector.array[:] = part
        vector.scatter_reverse(la.InsertMode.add)
        return vector.array[: self.system.owned[i]].copy()

    def places(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Global rows and columns of all entries, in the order of :meth:`values`."""
        for i, j, rows, cols, _ in self._blocks:
            yield self.system.numbers[i][rows], self.system.numbers[j][cols]

    def values(self, rate: float, condensed: bool = False) -> list[np.ndarray]:
        """Scaled entries at the current fields, or those for a preconditioner."""
        steady = self.assembly.condensed(rate) if condensed else self.assembly.tangent()
        given = (*steady, *(rate * m for m in self.assembly.mass()))
        return [
            data[keep] * self.system.scale(i, j)
            for (i, j, _, _, keep), data in zip(self._blocks, given, strict=True)
        ]

    def steepest_storage(self) -> float:
        """Largest scaled dq/du u at the current fields, of storage that is not proportional to u."""
        largest = 0.0
        if self.assembly.proportional:
            return largest
        for (i, j, _, cols, keep), data in zip(
            self._blocks[self._steady :], self.assembly.mass(), strict=True
        ):
            entries = data[keep] * self.system.functions[j].x.array[cols]
            largest = max(largest, float(np.abs(entries).max(initial=0.0)) / self._row_scale(i))
        return largest

    def _row_scale(self, i: int) -> float:
        return self.system.problem.unknowns[i].row_scale


def _csr_rows(matrix: la.MatrixCSR) -> np.ndarray:
    return np.repeat(np.arange(matrix.indptr.size - 1), np.diff(matrix.indptr))
