"""Radial diffusion in many spheres at once, reduced to its surface response.

Vertex-centred finite volumes in r on a grid graded towards the surface; all
spheres advance together with a batched tridiagonal solve. For a step
``dx/dt = rate x + history`` the profile is affine in the surface flux:
``x = free + forced * j``. With ``rate = i omega`` the same solve is the
frequency response.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np


@dataclass(frozen=True)
class RadialGrid:
    """Unit sphere grid: nodes rho in [0, 1], volumes and faces per 4 pi R^2 R."""

    rho: np.ndarray
    volume: np.ndarray
    """Control volumes, summing to 1/3."""
    conductance: np.ndarray
    """Face area over node distance, shape (n-1,)."""

    @classmethod
    def graded(cls, nodes: int, exponent: float = 1.5) -> RadialGrid:
        """Grid of ``nodes`` points, spacing shrinking towards the surface for ``exponent`` > 1."""
        rho = 1.0 - (1.0 - np.linspace(0.0, 1.0, nodes)) ** exponent
        faces = 0.5 * (rho[1:] + rho[:-1])
        edges = np.concatenate([[0.0], faces, [1.0]])
        return cls(rho, np.diff(edges**3) / 3.0, faces**2 / np.diff(rho))

    def mean(self, x: np.ndarray) -> np.ndarray:
        """Volume mean over the sphere of profiles (..., nodes)."""
        return 3.0 * (x @ self.volume)


@numba.njit(cache=True, fastmath=False)
def _batched_tridiagonal(
    lower: np.ndarray, diagonal: np.ndarray, upper: np.ndarray, right: np.ndarray, out: np.ndarray
) -> None:
    """Thomas algorithm for matrices (m, n) and right-hand sides (m, k, n), in place in ``out``."""
    m, n = diagonal.shape
    k = right.shape[1]
    work = np.empty(n)
    for i in range(m):
        beta = diagonal[i, 0]
        for q in range(k):
            out[i, q, 0] = right[i, q, 0] / beta
        for j in range(1, n):
            work[j] = upper[i, j - 1] / beta
            beta = diagonal[i, j] - lower[i, j - 1] * work[j]
            for q in range(k):
                out[i, q, j] = (right[i, q, j] - lower[i, j - 1] * out[i, q, j - 1]) / beta
        for j in range(n - 2, -1, -1):
            for q in range(k):
                out[i, q, j] -= work[j + 1] * out[i, q, j + 1]


def affine_profile(
    grid: RadialGrid,
    rate: float,
    source: np.ndarray,
    conductance: np.ndarray,
    tilt: np.ndarray | None,
    surface: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Solve ``rate V x + K x = source - surface j e_n`` for all spheres.

    Parameters
    ----------
    rate:
        Leading coefficient of the time derivative [1/s].
    source:
        Right-hand side without the flux, shape (m, n).
    conductance:
        ``D/R^2`` times grid conductance at the faces, shape (m, n-1).
    tilt:
        Derivative part of a nonlinear diffusivity at the faces, shape (m, n-1),
        or None: K gets ``conductance (x_{k+1}-x_k) + tilt (x_{k+1}+x_k)``.
    surface:
        Change of the outer row per unit flux, shape (m,).

    Returns
    -------
    free, forced:
        Profiles (m, n) with x = free + forced j.
    """
    m, n = source.shape
    left, right = conductance, conductance
    if tilt is not None:
        left, right = conductance - tilt, conductance + tilt
    diagonal = np.empty((m, n))
    diagonal[:] = rate * grid.volume
    diagonal[:, :-1] += left
    diagonal[:, 1:] += right
    rhs = np.zeros((m, 2, n))
    rhs[:, 0] = source
    rhs[:, 1, -1] = -surface
    out = np.empty_like(rhs)
    _batched_tridiagonal(np.ascontiguousarray(-left), diagonal, np.ascontiguousarray(-right), rhs, out)
    return out[:, 0], out[:, 1]
