"""Potentials that belong to concentrations under a direct current, double layers charged."""

from __future__ import annotations

import numpy as np

from ..errors import SolveError
from .linear import LARGE, DirectSolver, KrylovSolver
from .system import System

_VANISHING = 1e-9
"""Time in which particles are given the current [s]: their profiles stay."""
_LONGEST, _ITERATIONS, _TOLERANCE = 5.0, 60, 1e-10
_AT_REST, _LINEAR = 1e-13, 1e-4
"""Residual with which there is nothing to do; relative residual of iterative linear solves."""
_ROUND_OFF = 1e-4
"""Update below which Newton's method, which squares its error, has met round-off if it stays there."""


def settle(system: System, current_density: float) -> None:
    """Solve the rows of the potentials, F(u) = 0, with all concentrations held; no double layer charges.

    Parameters
    ----------
    system:
        Compiled problem; its functions are the first guess and receive the result. The current stays imposed.
    current_density:
        [A/m2], discharge positive.

    Raises
    ------
    SolveError
        Newton's method does not converge: the current is more than the cell can give.
    """
    problem = system.problem
    problem.control.impose("current", current_density)
    for closure in problem.closures:
        closure.begin(1 / _VANISHING, -closure.state / _VANISHING)
    held = np.concatenate(
        [np.full(n, u.unit != "V") for u, n in zip(problem.unknowns, system.owned, strict=True)]
    )
    numbers = np.concatenate([n[:k] for n, k in zip(system.numbers, system.owned, strict=True)])[held]
    matrix, zero = system.empty_matrix(), np.zeros(system.size)
    iterative = bool(problem.blocks) and matrix.getSize()[0] >= LARGE[problem.domain.dim]
    linear = KrylovSolver(matrix, system.numbers_of_blocks()) if iterative else DirectSolver(matrix)
    last = np.inf
    for _ in range(_ITERATIONS):
        tangents = [closure.update() for closure in problem.closures]
        residual = np.where(held, 0.0, system.residual(0.0, zero))
        if system.max_norm(residual) < _AT_REST:
            return
        matrix.setValuesCOO(np.ascontiguousarray(system.at_rate(system.pencil(), 0.0, tangents).real))
        matrix.zeroRowsColumns(numbers, 1.0)
        if not (np.isfinite(system.max_norm(residual)) and linear.factorise()):
            break
        update = linear.solve(residual, _LINEAR)
        norm = system.max_norm(update)
        if not np.isfinite(norm):
            break
        _add(system, update * -min(1.0, _LONGEST / max(norm, 1e-300)))
        if norm < _TOLERANCE or 0.3 * last < norm < _ROUND_OFF:
            for closure in problem.closures:
                closure.update()
            return
        last = norm
    raise SolveError(
        "there are no potentials for this current", field="current_density", value=current_density,
        remedy="Take the impedance under a smaller current",
    )  # fmt: skip


def _add(system: System, update: np.ndarray) -> None:
    """A scaled update of the fields, nothing else: concentrations stay."""
    for i, (f, unknown) in enumerate(zip(system.functions, system.problem.unknowns, strict=True)):
        f.x.array[: system.owned[i]] += unknown.scale * update[system.offsets[i] : system.offsets[i + 1]]
        f.x.scatter_forward()
