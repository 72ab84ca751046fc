"""Derivatives of simulations whose answers carry the noise of their solver.

An adaptive solver with local tolerance eps repeats a number to about eps of what it controls, so a
difference over a step h is off by eps/h, and by the curvature that h spans: with all derivatives of order
one per unit of a parameter's scale, the best central step is (3 eps)^(1/3) and the best one-sided step
2 sqrt(eps) (Gill, Murray, Saunders and Wright, SIAM J. Sci. Stat. Comput. 4 (1983) 310). How large the noise
really is, is measured with a table of differences (Moré and Wild, SIAM J. Sci. Comput. 33 (2011) 1292).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .objective import Evaluation, Objective

NOISE_POINTS = 7


def best_step(tolerance: float, *, central: bool = True) -> float:
    """Step of a difference, as a share of a parameter's scale, for a solver's local ``tolerance``."""
    return float(np.cbrt(3 * tolerance)) if central else 2 * math.sqrt(tolerance)


@dataclass(frozen=True)
class Derivatives:
    """Of the residuals at a point.

    Parameters
    ----------
    t, at:
        The point and its evaluation.
    jacobian:
        d(residual)/dt, shape (m, k).
    curvature:
        Second derivatives along each parameter, shape (m, k); zero where the difference is one-sided.
    steps:
        Steps used, in t, shape (k,).
    """

    t: np.ndarray
    at: Evaluation
    jacobian: np.ndarray
    curvature: np.ndarray
    steps: np.ndarray


def derivatives(
    objective: Objective, t: np.ndarray, step: float | np.ndarray, *, central: bool = True
) -> Derivatives:
    """Differences over ``step`` (a share of each scale); one-sided where a bound is nearer than the step."""
    p = objective.parameters
    low, high = p.bounds
    h = step * p.scale
    ends = np.stack([t - h, t + h], axis=1)
    ends[:, 0] = np.where(ends[:, 0] < low, t, ends[:, 0])
    ends[:, 1] = np.where(ends[:, 1] > high, t, ends[:, 1])
    if not central:
        ends[:, 0] = np.where(ends[:, 1] > t, t, ends[:, 0])
    points = [_moved(t, k, x) for k in range(t.size) for x in ends[k]]
    found = objective.many([t, *points])
    middle, others = found[0], np.array([e.residual for e in found[1:]]).reshape(t.size, 2, -1)
    width = ends[:, 1] - ends[:, 0]
    jacobian = ((others[:, 1] - others[:, 0]) / width[:, None]).T
    both = (ends[:, 0] < t) & (ends[:, 1] > t)
    second = (others[:, 1] - 2 * middle.residual + others[:, 0]) / (h**2)[:, None]
    return Derivatives(t, middle, jacobian, np.where(both[:, None], second, 0.0).T, h)


def _moved(t: np.ndarray, k: int, x: float) -> np.ndarray:
    out = t.copy()
    out[k] = x
    return out


def noise(objective: Objective, t: np.ndarray, step: float, seed: int = 0) -> np.ndarray:
    """Noise of the solver in every residual, shape (m,), in standard deviations of the data.

    Seven points along one random direction, a hundredth of ``step`` apart: smooth functions vanish from their
    third differences, noise does not.
    """
    p = objective.parameters
    direction = np.random.default_rng(seed).normal(size=t.size)
    direction *= 0.01 * step * p.scale / np.linalg.norm(direction)
    place = np.arange(NOISE_POINTS) - NOISE_POINTS // 2
    values = np.array([e.residual for e in objective.many([p.clipped(t + s * direction) for s in place])])
    order = 3
    table = np.diff(values, n=order, axis=0)
    gamma = math.factorial(order) ** 2 / math.factorial(2 * order)
    return np.asarray(np.sqrt(gamma * np.mean(table**2, axis=0)))
