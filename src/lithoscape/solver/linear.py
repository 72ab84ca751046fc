"""Sparse linear solves: PETSc's own LU for small serial systems, MUMPS above, Krylov for large ones."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Sequence

import numpy as np
from mpi4py import MPI
from petsc4py import PETSc

SMALL = 1500
"""Unknowns below which PETSc's LU beats MUMPS (serial)."""
LARGE = {1: 1_000_000, 2: 40_000, 3: 8_000}
"""Unknowns from which a Krylov method with multigrid beats MUMPS, by dimension of the mesh."""
USUAL = 3e-4
"""Relative residual of a solve."""
_TYPICAL = 10
"""Iterations of a solve with a new preconditioner."""
_WORTH = 40
"""Iterations that a new preconditioner costs."""


class DirectSolver:
    """Factorise once, solve many times."""

    lags = True
    """Whether solves with a matrix of earlier are worth trying: a factorisation costs many solves."""

    def __init__(self, matrix: PETSc.Mat) -> None:
        self.matrix = matrix
        self.comm = matrix.getComm()
        self._right, self._left = matrix.createVecs()
        self.factorised = False
        self._ksp: PETSc.KSP | None = None

    def factorise(self, condensed: Callable[[], PETSc.Mat] | None = None) -> bool:
        """Factorise the matrix as it is now; False if that failed."""
        if self._ksp is None:
            self._ksp = self._create()
        self._ksp.setOperators(self.matrix)
        try:
            self._ksp.setUp()
        except PETSc.Error:
            self._ksp = None
            return False
        failed = self._ksp.getPC().getFailedReason() != PETSc.PC.FailedReason.NOERROR
        self.factorised = not failed
        if failed:
            # a factorisation that met an Inf stays failed until it is made anew
            self._ksp.destroy()
            self._ksp = None
        return self.factorised

    def statistics(self) -> dict[str, float]:
        """Nothing beyond what is counted elsewhere."""
        return {}

    def forget(self) -> None:
        """Nothing: a factorisation is asked for whenever the matrix has changed."""

    def solve(self, right: np.ndarray, tolerance: float = 0.0) -> np.ndarray:
        """Solution of A x = right, owned part; exact, whatever the ``tolerance``."""
        assert self._ksp is not None
        self._left.array[:] = right
        self._ksp.solve(self._left, self._right)
        return self._right.array.copy()

    def precondition(self, right: np.ndarray) -> np.ndarray:
        """As :meth:`solve`."""
        return self.solve(right)

    def _create(self) -> PETSc.KSP:
        ksp = PETSc.KSP().create(self.comm)
        ksp.setType(PETSc.KSP.Type.PREONLY)
        ksp.setOperators(self.matrix)
        pc = ksp.getPC()
        pc.setType(PETSc.PC.Type.LU)
        rows = self.matrix.getSize()[0]
        if self.comm.tompi4py().size > 1 or rows > SMALL:
            pc.setFactorSolverType("mumps")
            pc.setFactorSetUpSolverType()
            factor = pc.getFactorMatrix()
            factor.setMumpsIcntl(14, 80)  # workspace margin in per cent
        else:
            pc.setFactorShift(PETSc.Mat.FactorShiftType.NONZERO)
        return ksp


class KrylovSolver:
    """Flexible GMRES, preconditioned block by block; the preconditioner is kept while it serves.

    Parameters
    ----------
    matrix:
        Scaled Jacobian.
    blocks:
        Kind ("smooth", "multigrid") and owned global numbers of every block, in the order of the solves.
    """

    lags = False

    def __init__(self, matrix: PETSc.Mat, blocks: Sequence[tuple[str, np.ndarray]]) -> None:
        self.matrix, self.blocks = matrix, blocks
        self._model = matrix
        self._options: list[str] = []
        self._right, self._left = matrix.createVecs()
        self._ksp: PETSc.KSP | None = None
        self._fresh, self._expected = False, 0
        self._excess = 0
        self.iterations = self.setups = self.solves = 0
        self.seconds = {"set-up": 0.0, "Krylov": 0.0}

    def factorise(self, condensed: Callable[[], PETSc.Mat] | None = None) -> bool:
        """Take the matrix as it is now; the preconditioner is made again if it has become poor.

        ``condensed`` returns the matrix that the preconditioner is made from, if that is another one.
        """
        began = clock.perf_counter()
        self._fresh = self._expected == 0
        if self._fresh and self._ksp is not None:
            self._ksp.destroy()
            self._ksp = None
        if self._ksp is None:
            self._ksp, self._fresh = self._create(), True
        if self._fresh and condensed is not None:
            self._model = condensed()
        self._ksp.setOperators(self.matrix, self._model)
        self._ksp.getPC().setReusePreconditioner(not self._fresh)
        try:
            self._ksp.setUp()
            if self._fresh:
                for sub in self._ksp.getPC().getFieldSplitSubKSP():
                    sub.setUp()
                self._forget_options()
        except PETSc.Error:
            self._ksp, self._expected = None, 0
            return False
        self.setups += self._fresh
        self.seconds["set-up"] += clock.perf_counter() - began
        return True

    def statistics(self) -> dict[str, float]:
        """Iterations, preconditioners made, and seconds spent on either."""
        return {
            "krylov_iterations": self.iterations, "preconditioners": self.setups,
            "preconditioner_time_s": self.seconds["set-up"], "krylov_time_s": self.seconds["Krylov"],
        }  # fmt: skip

    def forget(self) -> None:
        """Make the preconditioner again at the next chance."""
        self._expected = 0

    def solve(self, right: np.ndarray, tolerance: float = USUAL) -> np.ndarray:
        """Solution of A x = right to a relative residual, owned part."""
        assert self._ksp is not None
        self._ksp.setTolerances(rtol=tolerance)
        began = clock.perf_counter()
        self._left.array[:] = right
        self._ksp.solve(self._left, self._right)
        count = self._ksp.getIterationNumber()
        self.seconds["Krylov"] += clock.perf_counter() - began
        self.iterations, self.solves = self.iterations + count, self.solves + 1
        # the first few iterations of any solve are quick: only one that went far tells how good it was
        told = tolerance <= 10 * USUAL
        if self._fresh:
            self._expected, self._fresh = count if told else max(count, _TYPICAL), False
            self._excess = 0
        elif told:
            self._excess += max(count - self._expected, 0)
            if self._excess > _WORTH:
                self._expected = 0
        if self._ksp.getConvergedReason() < 0:
            self._expected = 0
        return np.asarray(self._right.array.copy())

    def precondition(self, right: np.ndarray) -> np.ndarray:
        """One application of the preconditioner, which is linear, owned part."""
        assert self._ksp is not None
        self._left.array[:] = right
        self._ksp.getPC().apply(self._left, self._right)
        return np.asarray(self._right.array.copy())

    def _forget_options(self) -> None:
        """What was not needed, such as levels that a small block does not have, would be complained about."""
        options = PETSc.Options()
        for name in self._options:
            options.delValue(name)
        self._options.clear()

    def _create(self) -> PETSc.KSP:
        ksp = PETSc.KSP().create(self.matrix.getComm())
        prefix = f"lithoscape_{id(self)}_"
        ksp.setOptionsPrefix(prefix)
        ksp.setType(PETSc.KSP.Type.FGMRES)
        ksp.setGMRESRestart(40)
        ksp.setTolerances(atol=1e-50, max_it=80)
        ksp.setOperators(self.matrix)
        pc = ksp.getPC()
        pc.setType(PETSc.PC.Type.FIELDSPLIT)
        pc.setFieldSplitType(PETSc.PC.CompositeType.MULTIPLICATIVE)
        options = PETSc.Options()
        comm = self.matrix.getComm()
        for k, (kind, numbers) in enumerate(self.blocks):
            pc.setFieldSplitIS(
                (str(k), PETSc.IS().createGeneral(np.sort(numbers).astype(PETSc.IntType), comm))
            )
            for name, value in _BLOCK_OPTIONS[kind].items():
                key = f"{prefix}fieldsplit_{k}_{name}"
                options[key] = value
                self._options.append(key)
        ksp.setFromOptions()
        return ksp


_BLOCK_OPTIONS: dict[str, dict[str, str | int | float]] = {
    "smooth": {"ksp_type": "chebyshev", "ksp_max_it": 2, "ksp_norm_type": "none", "pc_type": "jacobi"},
    "multigrid": {
        "ksp_type": "preonly", "pc_type": "gamg", "pc_gamg_threshold": 0.03,
        "pc_gamg_aggressive_coarsening": 1, "pc_gamg_reuse_interpolation": 0,
        # as fast as SOR in one process, faster in two (227,757 unknowns: 3813 iterations, 4701 with SOR)
        "mg_levels_ksp_type": "chebyshev", "mg_levels_pc_type": "jacobi", "mg_levels_ksp_max_it": 2,
    },
}  # fmt: skip


def all_ranks(flag: bool, comm: MPI.Comm) -> bool:
    """Whether ``flag`` holds on every rank."""
    return bool(comm.allreduce(bool(flag), op=MPI.LAND))
