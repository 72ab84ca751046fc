"""Vectors on a grid of voxels put together and multiplied: what a projection is made of.

Vectors may be held in single precision; sums are in double precision, and conductances multiply differences,
so that projected matrices and residuals are exact for the vectors as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from numba.extending import overload

from ..transport.colours import Weights, around, weigh
from ..transport.dirichlet import add_layer
from .voxel_shifted import Pair, ShiftedGrid, dot


def times(grid: ShiftedGrid, x: Pair) -> Pair:
    """K x (float64)."""
    even, odd = (np.zeros(x[0].size) for _ in range(2))
    for colour, out in ((0, even), (1, odd)):
        _differences(
            *grid.layout.span, out, x[colour], x[1 - colour], grid.occupied[colour],
            grid.occupied[1 - colour], grid.shifts[colour], grid.weights[colour],
        )  # fmt: skip
    for conductance, layer in ((grid.problem.first, 0), (grid.problem.last, grid.layout.shape[0] - 1)):
        add_layer(conductance * grid.layer(x, layer), grid.origin(layer), grid.layout.strides[1], even, odd)
    return even, odd


def scalar(x: Pair, y: Pair) -> float:
    """x.y, summed in double precision."""
    return float(dot(x[0], y[0]) + dot(x[1], y[1]))


def combine(coordinates: np.ndarray, basis: Sequence[Pair]) -> Pair:
    """Sum of multiples of vectors (float64)."""
    even, odd = (np.zeros(part.size) for part in basis[0])
    for a, x in zip(coordinates, basis, strict=True):
        _add(even, float(a), x[0])
        _add(odd, float(a), x[1])
    return even, odd


@numba.njit(cache=True, nogil=True, fastmath=True)
def _add(out: np.ndarray, a: float, x: np.ndarray) -> None:
    for k in range(out.size):
        out[k] += a * x[k]


@numba.njit(nogil=True, inline="always")
def _step(x: float, other: float, occupied: float) -> float:
    return np.float64(x) - np.float64(other) if occupied != 0 else 0.0


def _steps(x: Any, k: Any, a: Any, o: Any, w: Any) -> Any:
    """Weighted sum of the differences to the six neighbours."""
    raise NotImplementedError


@overload(_steps, inline="always", strict=False)
def _steps_of(x: Any, k: Any, a: Any, o: Any, w: Any) -> Any:
    if isinstance(w.dtype, numba.types.Float):
        return lambda x, k, a, o, w: (
            w[0] * (_step(x, a[0][k], o[0][k]) + _step(x, a[1][k], o[1][k]))
            + w[1] * (_step(x, a[2][k], o[2][k]) + _step(x, a[3][k], o[3][k]))
            + w[2] * (_step(x, a[4][k], o[4][k]) + _step(x, a[5][k], o[5][k]))
        )
    return lambda x, k, a, o, w: (
        w[0][k] * _step(x, a[0][k], o[0][k])
        + w[1][k] * _step(x, a[1][k], o[1][k])
        + w[2][k] * _step(x, a[2][k], o[2][k])
        + w[3][k] * _step(x, a[3][k], o[3][k])
        + w[4][k] * _step(x, a[4][k], o[4][k])
        + w[5][k] * _step(x, a[5][k], o[5][k])
    )


@numba.njit(cache=True, nogil=True, fastmath=True)
def _differences(
    lo: int,
    hi: int,
    out: np.ndarray,
    x: np.ndarray,
    other: np.ndarray,
    occupied: np.ndarray,
    occupied_other: np.ndarray,
    s: tuple[int, ...],
    w: Weights,
) -> None:
    a, o, v = around(other, lo, hi, s), around(occupied_other, lo, hi, s), weigh(w, lo, hi, s)
    here, conducts, to = x[lo:hi], occupied[lo:hi], out[lo:hi]
    for k in range(to.size):
        to[k] = _steps(here[k], k, a, o, v) if conducts[k] != 0 else 0.0
