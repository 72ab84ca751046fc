"""Minima that are near by: Gauss-Newton with a Jacobian that is updated, not differenced anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .objective import Objective


@dataclass
class Follower:
    """Gauss-Newton steps on some rows of the residuals, the Jacobian updated as it goes (Broyden 1965)."""

    objective: Objective
    rows: np.ndarray
    jacobian: np.ndarray

    def residual(self, t: np.ndarray) -> np.ndarray:
        """Residuals of the rows, and of the priors."""
        found = self.objective.at(t).residual[self.rows]
        return np.concatenate([found, self.objective.parameters.prior_residuals(t)])

    def update(self, step: np.ndarray, change: np.ndarray) -> None:
        """Make the Jacobian agree with what a step has done."""
        s = self.objective.parameters.scale
        z, size = step / s, float((step / s) @ (step / s))
        if size > 0:
            self.jacobian = self.jacobian + np.outer(change - self.jacobian @ step, z / s) / size

    def minimise(
        self, t: np.ndarray, free: np.ndarray, *, most: int = 8, tolerance: float = 1e-2
    ) -> tuple[np.ndarray, float]:
        """The least chi2 over the ``free`` parameters from ``t``; ends when a step promises < tolerance."""
        p = self.objective.parameters
        low, high = p.bounds
        r = self.residual(t)
        damping = 0.0
        for _ in range(most if free.any() else 0):
            step = self.step(r, t, free, damping)
            promised = float(r @ r) - float(np.sum((r + self.jacobian @ step) ** 2))
            if promised < tolerance:
                break
            tried = np.clip(t + step, low, high)
            new = self.residual(tried)
            self.update(tried - t, new - r)
            if new @ new < r @ r:
                t, r, damping = tried, new, 0.1 * damping
            else:
                damping = max(10 * damping, 1.0)
        return t, float(r @ r)

    def step(self, r: np.ndarray, t: np.ndarray, free: np.ndarray, damping: float = 0.0) -> np.ndarray:
        """Damped Gauss-Newton step of the free parameters; those that a bound stops stay."""
        p = self.objective.parameters
        low, high = p.bounds
        step, active = np.zeros(t.size), free.copy()
        for _ in range(t.size):
            s = p.scale[active]
            J = self.jacobian[:, active] * s
            matrix = J.T @ J + max(damping, 1e-9) * np.diag(np.maximum(np.diag(J.T @ J), 1e-6))
            step[:] = 0.0
            step[active] = np.clip(-np.linalg.solve(matrix, J.T @ r), -1.0, 1.0) * s
            stopped = active & (((t <= low) & (step < 0)) | ((t >= high) & (step > 0)))
            if not stopped.any():
                break
            active &= ~stopped
            if not active.any():
                step[:] = 0.0
                break
        return np.clip(t + step, low, high) - t
