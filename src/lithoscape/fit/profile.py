"""Profile likelihoods: how well the data bear one parameter elsewhere if all others may follow.

delta chi2(p) = min over the others of chi2, minus the least of all; values below 3.84 make the 95 % interval,
also where the parabola of the Fisher information is wrong (Raue et al., Bioinformatics 25 (2009) 1923).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .follow import Follower
from .identify import CHI2_95
from .objective import Objective

DISTANCES = (0.7, 1.4, 2.0, 2.6)
"""Places of a profile on either side, in standard deviations of the Fisher information."""
COARSE, REFINEMENTS = 2.5 * CHI2_95, 4
"""delta chi2 of a place beyond the interval's end that calls for places in between, and how many at most."""


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
    start = Follower(objective, rows, full).residual(t)
    found = [(float(t[k]), float(start @ start), t)]
    for side in (-1.0, 1.0):
        follower, below = Follower(objective, rows, full.copy()), found[0]
        places = _places(distances, unit, side, float(t[k]), low, high)
        above: tuple[float, float, np.ndarray] | None = None
        for _ in range(len(places) + REFINEMENTS):
            if above is None and places:
                d = places.pop(0)
            elif above is not None and above[1] - found[0][1] > COARSE:
                # a steep side: the interval's end lies in a gap, look into it
                d = _between(below, above, found[0][1])
            else:
                break
            found.append((d, *_followed(follower, below[2], k, d, free)))
            if found[-1][1] - found[0][1] > CHI2_95:
                above = found[-1]
            else:
                below = found[-1]
    return _assembled(p.names[k], groups, found, (low, high))


def _followed(
    follower: Follower, at: np.ndarray, k: int, place: float, free: np.ndarray
) -> tuple[float, np.ndarray]:
    """The least chi2 with parameter ``k`` at ``place``, the others led along their ridge first."""
    moved = at.copy()
    moved[k] = place
    slide = follower.step(follower.jacobian @ (moved - at), at, free)
    found, chi2 = follower.minimise(np.clip(moved + slide, *follower.objective.parameters.bounds), free)
    return chi2, found


def _between(
    below: tuple[float, float, np.ndarray], above: tuple[float, float, np.ndarray], least: float
) -> float:
    """Where the square root of delta chi2 passes the 95 % level, but not too near to either end."""
    y = np.sqrt(np.maximum([below[1] - least, above[1] - least], 0.0))
    share = float(np.clip((np.sqrt(CHI2_95) - y[0]) / (y[1] - y[0]), 0.1, 0.7))
    return below[0] + share * (above[0] - below[0])


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
