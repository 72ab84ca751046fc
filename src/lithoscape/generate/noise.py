"""Smooth random functions of position: sums of cosines, with exact gradients, periodic in plane."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np

from ..image.grid import Grid
from .placing import positive

WAVES = 64
"""Cosines of a random function; their sum is close to Gaussian (the central limit)."""


@dataclass(frozen=True, eq=False)
class Waves:
    """Sum of cosines: amplitude sqrt(2/m) sum_i cos(k_i . x + phase_i), over m waves.

    Parameters
    ----------
    vectors:
        Wave vectors k_i, shape (m, 3) [rad/m].
    phases:
        Shape (m,) [rad].
    amplitude:
        Root mean square of the function, in its own unit.
    """

    vectors: np.ndarray
    phases: np.ndarray
    amplitude: float

    def __call__(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values (n,) and gradients (n, 3) at points (n, 3)."""
        scale = self.amplitude * math.sqrt(2 / len(self.phases))
        return _sum(np.ascontiguousarray(points, float), self.vectors, self.phases, scale)


def waves(
    grid: Grid, rng: np.random.Generator, *, amplitude: float, correlation: float, flat: tuple[int, ...] = ()
) -> Waves:
    """A random function with the covariance amplitude^2 exp(-r^2 / (2 correlation^2)).

    Its spectrum is Gaussian, so wave vectors are drawn with the standard deviation 1/correlation per axis
    (Shinozuka and Deodatis 1991, doi:10.1115/1.3119501). In plane they are rounded to whole waves in the box,
    which makes the function periodic there; waves longer than the box cannot be had.

    Parameters
    ----------
    grid:
        The box.
    rng:
        Source of the wave vectors and phases; the voxel size does not enter.
    amplitude:
        Root mean square [m].
    correlation:
        Correlation length [m].
    flat:
        Axes along which the function does not vary.

    Raises
    ------
    InputError
        Negative amplitude, correlation length not positive.
    """
    positive("amplitude", amplitude, zero=True)
    positive("correlation", correlation)
    vectors = rng.standard_normal((WAVES, 3)) / correlation
    phases = rng.uniform(0, 2 * math.pi, WAVES)
    for axis in grid.in_plane:
        base = 2 * math.pi / grid.size[axis]
        vectors[:, axis] = base * np.round(vectors[:, axis] / base)
    vectors[:, list(flat)] = 0.0
    return Waves(vectors, phases, amplitude)


@numba.njit(cache=True)
def _sum(
    points: np.ndarray, vectors: np.ndarray, phases: np.ndarray, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    values = np.zeros(len(points))
    gradients = np.zeros((len(points), 3))
    for p in range(len(points)):
        x, y, z = points[p]
        for i in range(len(phases)):
            a, b, c = vectors[i]
            angle = a * x + b * y + c * z + phases[i]
            slope = -scale * math.sin(angle)
            values[p] += scale * math.cos(angle)
            gradients[p, 0] += slope * a
            gradients[p, 1] += slope * b
            gradients[p, 2] += slope * c
    return values, gradients
