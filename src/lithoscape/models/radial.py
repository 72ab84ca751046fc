"""Radial diffusion in many spheres at once, reduced to its surface response.

Spectral elements of one element per sphere: polynomials in (r/R)^2, of which the
profile of a constant flux is one, through Gauss-Radau nodes that include the
surface (Canuto, Hussaini, Quarteroni and Zang, Spectral Methods, 2006, ch. 2).
The mass matrix is diagonal and its entries are volumes, so the mean changes
exactly by what crosses the surface, and the surface value converges
exponentially. For a step ``dx/dt = rate x + history`` the profile is affine in
the surface flux: ``x = free + forced * j``. With ``rate = i omega`` the same
solve is the frequency response.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from scipy.special import roots_jacobi


@dataclass(frozen=True)
class RadialGrid:
    """Unit sphere: nodes rho in (0, 1], volumes per 4 pi R^3, and their operators."""

    rho: np.ndarray
    volume: np.ndarray
    """Weights of the nodes in the volume, summing to 1/3."""
    gradient: np.ndarray
    """dx/drho at the nodes from nodal values."""
    rates: np.ndarray
    """Decay rates of the closed sphere's modes in D/R^2; the first is 0."""
    modes: np.ndarray
    """The modes at the nodes, one a column: ``modes.T @ diag(volume) @ modes = 1``."""

    @classmethod
    def graded(cls, nodes: int) -> RadialGrid:
        """Grid of ``nodes`` points whose spacing shrinks towards the surface as 1/nodes^2."""
        t, weight = roots_jacobi(nodes - 1, 1.0, 0.5)
        s = np.append(0.5 * (1.0 + t), 1.0)
        inner = 2.0**-2.5 * weight / (1.0 - t)
        volume = np.append(inner, 1.0 / 3.0 - inner.sum())
        gradient = 2.0 * np.sqrt(s)[:, None] * _differentiation(s)
        root = np.sqrt(volume)
        stiffness = (gradient.T * volume) @ gradient / np.outer(root, root)
        rates, vectors = np.linalg.eigh(0.5 * (stiffness + stiffness.T))
        rates[0], vectors[:, 0] = 0.0, np.sqrt(3.0) * root
        return cls(np.sqrt(s), volume, gradient, rates, vectors / root[:, None])

    def mean(self, x: np.ndarray) -> np.ndarray:
        """Volume mean over the sphere of profiles (..., nodes)."""
        return 3.0 * (x @ self.volume)


def _differentiation(s: np.ndarray) -> np.ndarray:
    """Derivative of the interpolating polynomial at its nodes (Berrut and Trefethen 2004)."""
    gap = s[:, None] - s[None, :] + np.eye(s.size)
    # barycentric weights, scaled to the interval's capacity 1/4 against underflow
    weight = 1.0 / np.prod(4.0 * gap, axis=1)
    D = weight[None, :] / weight[:, None] / gap
    np.fill_diagonal(D, 0.0)
    np.fill_diagonal(D, -D.sum(axis=1))
    return D


def linear_response(
    grid: RadialGrid, rate: complex, diffusion: np.ndarray, source: np.ndarray, surface: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Solve ``rate x - div(diffusion grad x) = source`` with influx ``-surface j``, all spheres.

    Parameters
    ----------
    rate:
        Leading coefficient of the time derivative [1/s], real or i omega.
    diffusion:
        D/R^2 of each sphere [1/s], shape (m,).
    source:
        Right-hand side at the nodes, shape (m, n).
    surface:
        Outflux through the surface per unit flux j, in units of R, shape (m,).

    Returns
    -------
    free, forced:
        Profiles (m, n) with x = free + forced j.
    """
    gain = 1.0 / (rate + diffusion[:, None] * grid.rates)
    free = (((source * grid.volume) @ grid.modes) * gain) @ grid.modes.T
    forced = (gain * (-surface[:, None] * grid.modes[-1])) @ grid.modes.T
    return free, forced


def tangent_response(
    grid: RadialGrid,
    rate: float,
    profile: np.ndarray,
    diffusion: tuple[np.ndarray, np.ndarray],
    source: np.ndarray,
    surface: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`linear_response`, for D(x) linearised about ``profile`` (m, n).

    ``diffusion`` is D(x)/R^2 and its derivative by x at the nodes, each (m, n):
    one Newton step of ``rate x - div(D(x) grad x) = source``.
    """
    value, derivative = diffusion
    tilt = derivative * (profile @ grid.gradient.T)
    right = np.empty((profile.shape[0], 2, profile.shape[1]))
    right[:, 0] = source * grid.volume + (grid.volume * tilt * profile) @ grid.gradient
    right[:, 1] = 0.0
    right[:, 0, -1], right[:, 1, -1] = source @ grid.volume, -surface
    _solve_tangent(rate, grid.volume, grid.gradient, value * grid.volume, tilt * grid.volume, right)
    return right[:, 0], right[:, 1]


def surface_poles(
    grid: RadialGrid, diffusion: np.ndarray, surface: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rates and residues, each (m, n), with which the surface answers the flux at any rate s [1/s].

    The surface value of :func:`linear_response` without a source is exactly
    ``sum(residues / (s + rates)) j``; ``diffusion`` and ``surface`` as there.
    """
    rates = diffusion[:, None] * grid.rates
    return rates, -surface[:, None] * grid.modes[-1] ** 2


def tangent_poles(
    grid: RadialGrid, profile: np.ndarray, diffusion: tuple[np.ndarray, np.ndarray], surface: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`surface_poles`, for D(x) linearised about ``profile``; see :func:`tangent_response`."""
    value, derivative = diffusion
    tilt = derivative * (profile @ grid.gradient.T)
    stiff = np.einsum("qa,mq,qb->mab", grid.gradient, value * grid.volume, grid.gradient)
    stiff += grid.gradient.T[None] * (tilt * grid.volume)[:, None, :]
    rates, modes = np.linalg.eig(stiff / grid.volume[None, :, None])
    load = np.zeros((profile.shape[0], grid.rho.size, 1))
    load[:, -1, 0] = -surface / grid.volume[-1]
    residues = modes[:, -1] * np.linalg.solve(modes, load.astype(modes.dtype))[..., 0]
    # what has crossed the surface stays: one rate is zero whatever round-off makes of it
    stays = np.abs(rates).argmin(axis=1)
    rates[np.arange(rates.shape[0]), stays] = 0.0
    return rates, residues


@numba.njit(cache=True)
def _solve_tangent(
    rate: float, volume: np.ndarray, G: np.ndarray, value: np.ndarray, tilt: np.ndarray, right: np.ndarray
) -> None:
    """Solve (rate V + G^T (value G + tilt)) x = right (m, k, n), in place, sphere by sphere.

    The surface's row is the sum of all rows, the balance of the whole sphere,
    which is then met to round-off.
    """
    m, n = value.shape
    A = np.empty((n, n))
    for i in range(m):
        for a in range(n):
            for b in range(n):
                A[a, b] = G[b, a] * tilt[i, b]
            A[a, a] += rate * volume[a]
        for q in range(n):
            for a in range(n):
                scaled = G[q, a] * value[i, q]
                for b in range(n):
                    A[a, b] += scaled * G[q, b]
        A[n - 1] = rate * volume
        _eliminate(A, right[i])


@numba.njit(cache=True)
def _eliminate(A: np.ndarray, right: np.ndarray) -> None:
    """Gauss elimination with row pivoting of A x = right (k, n); both are overwritten."""
    k, n = right.shape
    for c in range(n):
        pivot = c + np.argmax(np.abs(A[c:, c]))
        if pivot != c:
            for b in range(c, n):
                A[c, b], A[pivot, b] = A[pivot, b], A[c, b]
            for q in range(k):
                right[q, c], right[q, pivot] = right[q, pivot], right[q, c]
        for a in range(c + 1, n):
            factor = A[a, c] / A[c, c]
            for b in range(c + 1, n):
                A[a, b] -= factor * A[c, b]
            for q in range(k):
                right[q, a] -= factor * right[q, c]
    for c in range(n - 1, -1, -1):
        for q in range(k):
            right[q, c] /= A[c, c]
            for a in range(c):
                right[q, a] -= A[a, c] * right[q, c]
