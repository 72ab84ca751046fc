"""Profile likelihoods: how well the data bear one parameter elsewhere if all others may follow.

delta chi2(p) = min over the others of chi2, minus the least of all; values below 3.84 make the 95 % interval,
also where the parabola of the Fisher information is wrong (Raue et al., Bioinformatics 25 (2009) 1923).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .identify import CHI2_95
from .objective import Objective

DISTANCES = (0.7, 1.4, 2.0, 2.6)
"""Places of a profile on either side, in standard deviations of the Fisher information."""
ENOUGH = 1.6 * CHI2_95
"""delta chi2 beyond which a side is not followed further."""


@dataclass(frozen=True)
class Profile:
    """One parameter's profile.

    Parameters
    ----------
    name, groups:
        Of the parameter; of the data it is about.
    t, delta:
        Places, ascending, and delta chi2 there (priors included).
    others:
        All parameters at each place, shape (n, k).
    low, high:
        Ends of the 95 % interval in t; the bound if delta chi2 stays below 3.84 up to it.
    open_low, open_high:
        Whether the interval is open at that end: the data do not bound the parameter there.
    """

    name: str
    groups: tuple[str, ...]
    t: np.ndarray
    delta: np.ndarray
    others: np.ndarray
    low: float
    high: float
    open_low: bool
    open_high: bool


@dataclass
class _Follower:
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
            step = self._step(r, t, free, damping)
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

    def _step(self, r: np.ndarray, t: np.ndarray, free: np.ndarray, damping: float) -> np.ndarray:
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


def profile(
    objective: Objective,
    t: np.ndarray,
    jacobian: np.ndarray,
    rows: np.ndarray,
    k: int,
    deviation: float,
    groups: tuple[str, ...] = (),
    distances: tuple[float, ...] = DISTANCES,
) -> Profile:
    """Profile of parameter ``k`` around the minimum ``t`` of the ``rows``.

    Parameters
    ----------
    jacobian:
        Of all residuals at ``t``, shape (m, k).
    deviation:
        Standard deviation expected, which sets the places; infinite ones are taken as one scale.
    """
    p = objective.parameters
    low, high = (float(b[k]) for b in p.boxes.T)
    unit = min(deviation, p.scale[k]) if np.isfinite(deviation) and deviation > 0 else p.scale[k]
    full = np.concatenate([jacobian[rows], p.prior_jacobian(t)])
    free = np.ones(t.size, dtype=bool)
    free[k] = False
    start = _Follower(objective, rows, full).residual(t)
    found = [(float(t[k]), float(start @ start), t)]
    for side in (-1.0, 1.0):
        follower, at = _Follower(objective, rows, full.copy()), t.copy()
        for d in _places(distances, unit, side, float(t[k]), low, high):
            moved = at.copy()
            moved[k] = d
            # the others follow their ridge first
            slide = follower._step(follower.jacobian @ (moved - at), at, free, 0.0)
            at, chi2 = follower.minimise(np.clip(moved + slide, *p.bounds), free)
            found.append((d, chi2, at))
            if chi2 - found[0][1] > ENOUGH:
                break
    return _assembled(p.names[k], groups, found, (low, high))


def _places(
    distances: tuple[float, ...], unit: float, side: float, centre: float, low: float, high: float
) -> list[float]:
    """Places on one side, doubling beyond the last distance, the bound as the last of all."""
    places: list[float] = []
    reach, d = high - centre if side > 0 else centre - low, 0.0
    steps = list(distances)
    while len(places) < len(distances) + 4:
        d = steps.pop(0) if steps else 2 * d
        if d * unit >= reach * (1 - 1e-9):
            places.append(high if side > 0 else low)
            break
        places.append(centre + side * d * unit)
    return places if reach > 0 else []


def _assembled(
    name: str,
    groups: tuple[str, ...],
    found: list[tuple[float, float, np.ndarray]],
    box: tuple[float, float],
) -> Profile:
    found = sorted(found, key=lambda entry: entry[0])
    place = np.array([entry[0] for entry in found])
    chi2 = np.array([entry[1] for entry in found])
    delta = chi2 - chi2.min()
    low, open_low = _crossing(place, delta, -1, float(place[np.argmin(chi2)]), box[0])
    high, open_high = _crossing(place, delta, 1, float(place[np.argmin(chi2)]), box[1])
    others = np.array([entry[2] for entry in found])
    return Profile(name, groups, place, delta, others, low, high, open_low, open_high)


def _crossing(
    place: np.ndarray, delta: np.ndarray, side: int, centre: float, bound: float
) -> tuple[float, bool]:
    """Where delta chi2 passes 3.84 on one side, on the square root, which is straight for a parabola."""
    inside = place <= centre if side < 0 else place >= centre
    x, y = place[inside][::side], np.sqrt(np.maximum(delta[inside][::side], 0.0))
    level = np.sqrt(CHI2_95)
    above = np.flatnonzero(y > level)
    if not above.size:
        return bound, True
    j = int(above[0])
    return float(x[j - 1] + (level - y[j - 1]) / (y[j] - y[j - 1]) * (x[j] - x[j - 1])), False
