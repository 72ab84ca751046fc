"""A problem linearised at a state, and its answer at frequencies: (s M + J(s)) u = b with s = i omega.

M and J are those of the time steps; closures enter by their exact transfer functions. Small systems are
factorised as complex ones. Large ones are solved in real arithmetic by GMRES with the preconditioner of the
time steps at the rate omega, wrapped for complex systems (PRESB: Axelsson, Neytcheva and Ahmad, Numer.
Algorithms 66 (2014) 811): eigenvalues lie in [1/2, 1] where J and M are symmetric.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import ufl
from dolfinx import fem
from mpi4py import MPI
from petsc4py import PETSc

from ..errors import SolveError
from .gmres import gmres
from .linear import LARGE, DirectSolver, KrylovSolver
from .system import System

RESIDUAL = 1e-9
"""Relative residual of a solve by GMRES."""
_ITERATIONS = 400


class Linearised:
    """A compiled problem linearised at the state that its functions and closures hold.

    Parameters
    ----------
    system:
        Compiled problem; the state is read once, here.
    imposed:
        "current" (answer: the voltage) or "voltage" (answer: the current).
    frozen:
        Names of unknowns that do not answer.
    """

    def __init__(self, system: System, imposed: str = "current", frozen: Sequence[str] = ()) -> None:
        self.system, self.imposed = system, imposed
        with _imposing(system, imposed):
            self.pencil = system.pencil()
            self.right = self._forcing()
        self.responses = [closure.response() for closure in system.problem.closures]
        self.output = _Output(system, imposed)
        self.still = self._still(frozen)
        self.right[self.still] = 0.0
        self.solves = 0
        self.iterations = 0
        self._matrices: tuple[PETSc.Mat, PETSc.Mat] | None = None
        self._solver = _solver(self)

    @property
    def iterative(self) -> bool:
        """Whether it is solved by iterations."""
        return isinstance(self._solver, _Iterative)

    @property
    def size(self) -> int:
        """Unknowns on all processes."""
        return int(self.system.matrix.getSize()[0])

    def transfers(self, rate: complex) -> list[tuple[np.ndarray, ...]]:
        """Derivatives of every closure's flux by its inputs at d/dt = ``rate``."""
        return [respond(rate) for respond in self.responses]

    def solve(self, omega: float, start: np.ndarray | None = None) -> np.ndarray:
        """Amplitudes (scaled, owned part) for a unit of what is imposed, at an angular frequency [rad/s].

        Raises
        ------
        SolveError
            The linear solve fails.
        """
        self.solves += 1
        return self._solver(omega, start)

    def impedance(self, omega: float, amplitudes: np.ndarray) -> complex:
        """Impedance [ohm m2] that belongs to amplitudes."""
        answer = self.output(amplitudes, self.transfers(1j * omega))
        return -answer if self.imposed == "current" else -1.0 / answer

    def values(self, omega: float) -> np.ndarray:
        """Complex entries of the system for the places of the matrix."""
        return self.system.at_rate(self.pencil, 1j * omega, self.transfers(1j * omega))

    def multiply(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """J x and M x without closures (owned part); held unknowns neither act nor are acted on."""
        if self._matrices is None:
            self._matrices = self.system.empty_matrix(), self.system.empty_matrix()
            for matrix, entries in zip(self._matrices, self.system.bare(self.pencil), strict=True):
                matrix.setValuesCOO(entries)
        x = x.copy()
        x[self.still] = 0.0
        out = []
        for matrix in self._matrices:
            right, left = matrix.createVecs()
            right.array[:] = x
            matrix.mult(right, left)
            product = left.array.copy()
            product[self.still] = 0.0
            out.append(product)
        return out[0], out[1]

    def _forcing(self) -> np.ndarray:
        """Minus the derivative of the residual by the set point, to which it is linear."""
        control = getattr(self.system.problem.control, self.imposed)
        zero = np.zeros(self.system.size)
        before = self.system.residual(0.0, zero)
        kept = float(control.value)
        # a step of the size of the scales: the difference of large numbers would be inexact
        control.value = kept + 1.0
        after = self.system.residual(0.0, zero)
        control.value = kept
        return before - after

    def _still(self, frozen: Sequence[str]) -> np.ndarray:
        """Owned unknowns that are held."""
        mask = np.zeros(self.system.size, dtype=bool)
        for i, unknown in enumerate(self.system.problem.unknowns):
            if unknown.name in frozen:
                mask[self.system.offsets[i] : self.system.offsets[i + 1]] = True
        return np.flatnonzero(mask)


class _Output:
    """The answer: derivative of terminal voltage [V] or current density [A/m2] along amplitudes."""

    def __init__(self, system: System, imposed: str) -> None:
        self.system = system
        self.rows = np.zeros(system.size)
        self.flux: list[np.ndarray | None] = [None] * len(system.problem.closures)
        problem, functions = system.problem, system.functions
        if imposed == "current":
            at = slice(system.offsets[problem.terminal], system.offsets[problem.terminal + 1])
            self.rows[at] = -problem.unknowns[problem.terminal].scale
            return
        current = problem.functionals["current"]
        for i, (unknown, function) in enumerate(zip(problem.unknowns, functions, strict=True)):
            row = self._derivative(current, function)
            if row is not None:
                self.rows[system.offsets[i] : system.offsets[i + 1]] = row * unknown.scale / problem.area
        for k, closure in enumerate(problem.closures):
            row = self._derivative(current, closure.flux)
            self.flux[k] = None if row is None else row / problem.area

    def _derivative(self, form: Any, function: fem.Function) -> np.ndarray | None:
        """Owned entries of the gradient of a functional by a function."""
        v = ufl.TestFunction(function.function_space)
        gateaux = ufl.algorithms.expand_derivatives(ufl.derivative(form, function, v))
        if gateaux.empty():
            return None
        maps = list(self.system.problem.entity_maps) or None
        vector = fem.assemble_vector(fem.form(gateaux, entity_maps=maps))
        from dolfinx import la

        vector.scatter_reverse(la.InsertMode.add)
        owned = function.function_space.dofmap.index_map.size_local
        return np.asarray(vector.array[:owned].copy())

    def __call__(self, amplitudes: np.ndarray, transfers: list[tuple[np.ndarray, ...]]) -> complex:
        local = complex(self.rows @ amplitudes)
        for k, row in enumerate(self.flux):
            if row is None:
                continue
            closure = self.system.problem.closures[k]
            own = np.flatnonzero(closure.nodes < row.size)
            nodes = closure.nodes[own]
            for j, transfer in zip(closure.inputs, transfers[k], strict=True):
                scaled = amplitudes[self.system.offsets[j] + nodes] * self.system.problem.unknowns[j].scale
                local += complex(row[nodes] @ (transfer[own] * scaled))
        return complex(self.system.comm.allreduce(local, op=MPI.SUM))


@contextmanager
def _imposing(system: System, kind: str) -> Iterator[None]:
    """The control row as for ``kind``; what it was afterwards."""
    control = system.problem.control
    weights = {
        name: float(getattr(control, f"weight_{name}").value) for name in ("current", "voltage", "power")
    }
    value = float(getattr(control, kind).value)
    control.impose(kind, value)
    try:
        yield
    finally:
        for name, weight in weights.items():
            getattr(control, f"weight_{name}").value = weight


def _solver(linearised: Linearised) -> Callable[[float, np.ndarray | None], np.ndarray]:
    """Complex factors for a small system on one process, else GMRES."""
    system = linearised.system
    iterative = bool(system.problem.blocks) and linearised.size >= LARGE[system.problem.domain.dim]
    if system.comm.size == 1 and not iterative:
        return _Factors(linearised)
    return _Iterative(linearised, iterative)


class _Factors:
    """Sparse complex LU of SciPy (SuperLU)."""

    def __init__(self, linearised: Linearised) -> None:
        self.linearised = linearised
        self.rows, self.cols = linearised.system.places()

    def __call__(self, omega: float, start: np.ndarray | None) -> np.ndarray:
        from scipy.sparse import coo_array
        from scipy.sparse.linalg import splu

        n = self.linearised.system.size
        values = self.linearised.values(omega)
        still = self.linearised.still
        if still.size:
            held = np.zeros(n, dtype=bool)
            held[still] = True
            values = np.where(held[self.rows] | held[self.cols], 0.0, values)
        matrix = coo_array((values, (self.rows, self.cols)), shape=(n, n)).tocsc()
        matrix.eliminate_zeros()
        if still.size:
            matrix = (matrix + coo_array((np.ones(still.size), (still, still)), shape=(n, n))).tocsc()
        try:
            found = splu(matrix).solve(self.linearised.right.astype(complex))
        except RuntimeError as error:
            raise _failed(omega, str(error)) from None
        if not np.isfinite(found).all():
            raise _failed(omega, "the linear system is singular")
        return np.asarray(found)


class _Iterative:
    """GMRES on real and imaginary parts."""

    def __init__(self, linearised: Linearised, iterative: bool) -> None:
        self.linearised, system = linearised, linearised.system
        self.real, self.imaginary, self.sum = (system.empty_matrix() for _ in range(3))
        blocks = system.numbers_of_blocks()
        self.inner = KrylovSolver(self.sum, blocks) if iterative else DirectSolver(self.sum)
        self.x, self.y = self.sum.createVecs()

    def __call__(self, omega: float, start: np.ndarray | None) -> np.ndarray:
        system = self.linearised.system
        values = self.linearised.values(omega)
        for matrix, entries in (
            (self.real, values.real), (self.imaginary, values.imag), (self.sum, values.real + values.imag)
        ):  # fmt: skip
            matrix.setValuesCOO(np.ascontiguousarray(entries))
        own = system.problem.assembly is not None and isinstance(self.inner, KrylovSolver)
        self.inner.forget()
        if not self.inner.factorise((lambda: system.condensed(omega)) if own else None):
            raise _failed(omega, "the preconditioner could not be made")
        right = np.concatenate([self.linearised.right, np.zeros(system.size)])
        first = None if start is None else np.concatenate([start.real, start.imag])
        found, residual, count = gmres(
            self._apply, self._precondition, right, first, RESIDUAL, _ITERATIONS, system.comm
        )
        self.linearised.iterations += count
        if not residual <= 10 * RESIDUAL:
            raise _failed(omega, f"GMRES stopped at a relative residual of {residual:.1e}")
        n = system.size
        return np.asarray(found[:n] + 1j * found[n:])

    def _times(self, matrix: PETSc.Mat, x: np.ndarray) -> np.ndarray:
        self.x.array[:] = x
        matrix.mult(self.x, self.y)
        return np.asarray(self.y.array.copy())

    def _apply(self, x: np.ndarray) -> np.ndarray:
        n = self.linearised.system.size
        a, b = x[:n], x[n:]
        W, T = self.real, self.imaginary
        product = [self._times(W, a) - self._times(T, b), self._times(T, a) + self._times(W, b)]
        return self._held(np.concatenate(product))

    def _precondition(self, x: np.ndarray) -> np.ndarray:
        """Solve [W, -T; T, W + 2 T] (a, b) = (f, g): two systems with W + T."""
        n = self.linearised.system.size
        f, g = x[:n], x[n:]
        h = self.inner.precondition(f + g)
        b = self.inner.precondition(g - self._times(self.imaginary, h))
        return self._held(np.concatenate([h - b, b]))

    def _held(self, x: np.ndarray) -> np.ndarray:
        """Nothing happens to unknowns that are held."""
        still, n = self.linearised.still, self.linearised.system.size
        x[still] = x[n + still] = 0.0
        return x


def _failed(omega: float, reason: str) -> SolveError:
    return SolveError(
        f"the impedance could not be computed: {reason}", field="frequency [Hz]",
        value=float(omega / (2 * np.pi)), remedy="Choose another frequency range, or a finer mesh",
    )  # fmt: skip
