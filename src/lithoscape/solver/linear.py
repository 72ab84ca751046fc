"""Sparse direct solves: PETSc's own LU for small serial systems, MUMPS above."""

from __future__ import annotations

import numpy as np
from mpi4py import MPI
from petsc4py import PETSc

SMALL = 1500
"""Unknowns below which PETSc's LU beats MUMPS (serial)."""


class DirectSolver:
    """Factorise once, solve many times."""

    def __init__(self, matrix: PETSc.Mat) -> None:
        self.matrix = matrix
        self.comm = matrix.getComm()
        self._right, self._left = matrix.createVecs()
        self.factorised = False
        self._ksp: PETSc.KSP | None = None

    def factorise(self) -> bool:
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

    def solve(self, right: np.ndarray) -> np.ndarray:
        """Solution of A x = right, owned part."""
        assert self._ksp is not None
        self._left.array[:] = right
        self._ksp.solve(self._left, self._right)
        return self._right.array.copy()

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


def all_ranks(flag: bool, comm: MPI.Comm) -> bool:
    """Whether ``flag`` holds on every rank."""
    return bool(comm.allreduce(bool(flag), op=MPI.LAND))
