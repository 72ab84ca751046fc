"""Linear conduction: one symmetric positive definite system by conjugate gradients and multigrid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dolfinx_solver  # noqa: F401  (orders MPI before the compiled modules)
from dolfinx import fem
from dolfinx.fem import petsc
from petsc4py import PETSc

from ..errors import SolveError

_OPTIONS: dict[str, str | int | float] = {
    "pc_type": "gamg", "pc_gamg_threshold": 0.01, "pc_gamg_aggressive_coarsening": 1,
    "mg_levels_pc_type": "jacobi", "mg_levels_ksp_max_it": 2,
}  # fmt: skip


@dataclass(frozen=True)
class Conduction:
    """How a solve went: iterations, and the last residual over ``scale``, in the norm of the energy."""

    iterations: int
    residual: float


def conduct(
    form: Any,
    constraints: Sequence[fem.DirichletBC],
    potential: fem.Function,
    *,
    scale: float,
    tolerance: float = 1e-6,
    max_iterations: int = 300,
) -> Conduction:
    """Solve a(u, v) = 0 under constraints, from the values that ``potential`` holds; it holds u afterwards.

    Parameters
    ----------
    form:
        Bilinear form (UFL), symmetric and positive definite on what is not constrained.
    constraints:
        Dirichlet conditions of the space of ``potential``.
    potential:
        First guess in, solution out, ghosts included.
    scale:
        What the residual is measured by: the root of the energy a(u, u) of a potential of the expected size.
    tolerance:
        Residual over ``scale``, in the norm of the preconditioner, which is close to that of the energy: the
        energy is then accurate to about its square.
    max_iterations:
        Where to give up.

    Raises
    ------
    SolveError
        No convergence.
    """
    compiled = fem.form(form)
    matrix = petsc.assemble_matrix(compiled, bcs=list(constraints))
    matrix.assemble()
    matrix.setOption(PETSc.Mat.Option.SPD, True)
    right = petsc.create_vector(potential.function_space)
    right.set(0.0)
    petsc.apply_lifting(right, [compiled], bcs=[list(constraints)])
    right.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
    petsc.set_bc(right, list(constraints))
    ksp, keys = _created(matrix, tolerance * scale, max_iterations)
    solution = potential.x.petsc_vec
    ksp.solve(right, solution)
    potential.x.scatter_forward()
    reason, count, residual = ksp.getConvergedReason(), ksp.getIterationNumber(), ksp.getResidualNorm()
    for thing in (ksp, matrix, right):
        thing.destroy()
    for key in keys:
        PETSc.Options().delValue(key)
    if reason < 0:
        raise SolveError(
            "the conduction problem did not converge", field="iterations", value=count,
            remedy="Check the mesh for slivers, or allow more iterations",
        )  # fmt: skip
    return Conduction(count, float(residual) / scale)


def _created(matrix: PETSc.Mat, tolerance: float, most: int) -> tuple[PETSc.KSP, list[str]]:
    ksp = PETSc.KSP().create(matrix.getComm())
    prefix = f"lithoscape_conduction_{id(matrix)}_"
    ksp.setOptionsPrefix(prefix)
    ksp.setType(PETSc.KSP.Type.CG)
    ksp.setNormType(PETSc.KSP.NormType.NATURAL)
    ksp.setTolerances(rtol=1e-50, atol=tolerance, max_it=most)
    ksp.setInitialGuessNonzero(True)
    ksp.setOperators(matrix)
    options = PETSc.Options()
    keys = [prefix + name for name in _OPTIONS]
    for key, value in zip(keys, _OPTIONS.values(), strict=True):
        options[key] = value
    ksp.setFromOptions()
    ksp.setUp()
    return ksp, keys
