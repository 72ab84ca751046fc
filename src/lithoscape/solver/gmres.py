"""GMRES with a right preconditioner on plain arrays, distributed by rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from mpi4py import MPI

Operator = Callable[[np.ndarray], np.ndarray]
_RESTART = 80


def gmres(
    apply: Operator,
    precondition: Operator,
    right: np.ndarray,
    start: np.ndarray | None,
    tolerance: float,
    iterations: int,
    comm: MPI.Comm,
) -> tuple[np.ndarray, float, int]:
    """Solve ``apply(x) = right`` (Saad and Schultz, SIAM J. Sci. Stat. Comput. 7 (1986) 856).

    Parameters
    ----------
    apply, precondition:
        Linear operators on the owned part.
    right, start:
        Right-hand side and first guess (None: zero), owned part.
    tolerance:
        Residual relative to the right-hand side.
    iterations:
        Most of them.
    comm:
        Processes that share the vectors.

    Returns
    -------
    x, residual, count:
        Owned part of the solution, true relative residual, iterations used.
    """

    def dots(basis: np.ndarray, x: np.ndarray) -> np.ndarray:
        return np.asarray(comm.allreduce(basis @ x, op=MPI.SUM))

    x = np.zeros_like(right) if start is None else start.copy()
    scale, count = float(np.sqrt(dots(right[None], right)[0])), 0
    if scale == 0.0:
        return np.zeros_like(right), 0.0, 0
    while True:
        r = right - apply(x)
        norm = float(np.sqrt(dots(r[None], r)[0]))
        if norm <= tolerance * scale or count >= iterations or not np.isfinite(norm):
            return x, norm / scale, count
        most = min(_RESTART, iterations - count)
        update, used = _cycle(apply, precondition, r, norm, tolerance * scale, most, dots)
        x, count = x + update, count + used


def _cycle(
    apply: Operator,
    precondition: Operator,
    r: np.ndarray,
    norm: float,
    target: float,
    most: int,
    dots: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> tuple[np.ndarray, int]:
    """One cycle between restarts: the update and its iterations."""
    V = np.empty((most + 1, r.size))
    H = np.zeros((most + 1, most))
    V[0] = r / norm
    for k in range(most):
        w = apply(precondition(V[k]))
        for _ in range(2):
            h = dots(V[: k + 1], w)
            w -= h @ V[: k + 1]
            H[: k + 1, k] += h
        H[k + 1, k] = float(np.sqrt(dots(w[None], w)[0]))
        first = np.zeros(k + 2)
        first[0] = norm
        y, *_ = np.linalg.lstsq(H[: k + 2, : k + 1], first)
        left = np.linalg.norm(first - H[: k + 2, : k + 1] @ y)
        if left <= 0.5 * target or H[k + 1, k] <= 1e-14 * norm or k == most - 1:
            return precondition(y @ V[: k + 1]), k + 1
        V[k + 1] = w / H[k + 1, k]
    raise AssertionError("unreachable")
