"""Preconditioned conjugate gradients that know how far they are from the solution.

The error of a conductance is the square of the error of the potential in the energy norm. In conjugate
gradients that square is the quadratic form r.A^-1 r, which Gauss-Radau quadrature bounds from above when a
lower bound of the smallest eigenvalue of the preconditioned matrix is known (Meurant and Tichy, Numer.
Algorithms 62 (2013) 163, algorithm CGQ). Here that bound is a share of the smallest Ritz value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

SAFETY = 0.25
"""Smallest eigenvalue taken, as a share of the smallest Ritz value."""


@dataclass
class Energy:
    """The steps of a run and the bound of the error that follows from them."""

    alpha: list[float] = field(default_factory=list)
    rz: list[float] = field(default_factory=list)

    @property
    def smallest(self) -> float:
        """Smallest Ritz value of the steps so far."""
        alpha = np.array(self.alpha)
        beta = np.array(self.rz[1 : alpha.size]) / np.array(self.rz[: alpha.size - 1])
        main = 1 / alpha
        main[1:] += beta / alpha[:-1]
        matrix = np.diag(main) + np.diag(np.sqrt(beta) / alpha[:-1], 1)
        return float(np.linalg.eigvalsh(matrix, "U")[0])

    @property
    def bound(self) -> float:
        """Bound of the square of the energy norm of the error."""
        if not self.rz or self.rz[-1] == 0:
            return 0.0
        if len(self.rz) < 3:
            return np.inf
        mu = SAFETY * self.smallest
        gamma = 1 / mu
        for k in range(1, len(self.rz)):
            surplus = max(gamma - self.alpha[k - 1], 0.0)
            gamma = surplus / (mu * surplus + self.rz[k] / self.rz[k - 1])
        return gamma * self.rz[-1]


def descend(
    precondition: Callable[[], float],
    step: Callable[[float], float],
    advance: Callable[[float], None],
    start: float,
    tolerance: float,
    most: int,
) -> tuple[Energy, bool]:
    """Conjugate gradients over vectors that the caller holds.

    Parameters
    ----------
    precondition:
        z = B r; returns r.z.
    step:
        p = z + beta p, q = A p; returns p.q.
    advance:
        x += alpha p, r -= alpha q.
    start:
        Energy of the first iterate; the solution is the least.
    tolerance:
        Half the bound of the error of the energy, as a share of the energy, at which to stop: the middle of
        the interval that the energy lies in is not further from it.
    most:
        Number of steps at which to give up.

    Returns
    -------
    The steps, and whether the tolerance was met.
    """
    energy = Energy()
    energy.rz.append(precondition())
    beta = 0.0
    while True:
        reached = start - sum(a * b for a, b in zip(energy.alpha, energy.rz, strict=False))
        half = energy.bound / 2
        if half <= tolerance * (reached - half):
            return energy, True
        if len(energy.alpha) >= most or not 0 < energy.rz[-1] < np.inf:
            return energy, energy.rz[-1] == 0
        alpha = energy.rz[-1] / step(beta)
        advance(alpha)
        energy.alpha.append(alpha)
        energy.rz.append(precondition())
        beta = energy.rz[-1] / energy.rz[-2]
