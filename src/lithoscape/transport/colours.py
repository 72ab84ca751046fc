"""The voxels of a grid as two colours: the finest level of the voxel solver.

Voxels lie in one flat array with a gap between rows and planes, so long that every neighbour is an odd number
of places away. Even and odd places are then the two colours of a checkerboard, each stored by itself, and a
sum over neighbours reads six shifted pieces of the other colour: straight loops that the processor's vector
units take. Voxels that do not conduct hold zero throughout, so no mask is needed.

The odd colour is eliminated: unknowns are the even voxels, and the odd ones follow from them. That halves all
vectors and costs nothing (the product with the Schur complement is one sum over each colour).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numba
import numpy as np
from numba.extending import overload

CHUNK = 1 << 14
"""Places of a partial sum: sums do not depend on the number of threads."""


@dataclass(frozen=True)
class Layout:
    """Where the voxels of a grid are.

    Attributes
    ----------
    shape:
        Voxels along the axes.
    strides:
        Places from a voxel to the next along each axis; odd.
    origin:
        Place of the first voxel.
    half:
        Places of one colour.
    """

    shape: tuple[int, int, int]
    strides: tuple[int, int, int]
    origin: int
    half: int

    @classmethod
    def of(cls, shape: tuple[int, int, int]) -> Layout:
        """The layout of a grid of this shape."""
        nx, ny, nz = shape
        sy = nz + 1 + nz % 2
        sx = sy * (ny + 1 + ny % 2)
        origin = sx + 1
        return cls(shape, (sx, sy, 1), origin, (origin + (nx + 1) * sx) // 2 + 2)

    @property
    def span(self) -> tuple[int, int]:
        """First place of a colour in use, and the one behind the last."""
        nx = self.shape[0]
        return self.origin // 2, (self.origin + nx * self.strides[0]) // 2 + 1

    def shifts(self, colour: int) -> np.ndarray:
        """From a place of this colour to its neighbours of the other: plus and minus along each axis."""
        out = []
        for s in self.strides:
            out += [(s - 1) // 2 + colour, -((s + 1) // 2) + colour]
        return np.array(out, dtype=np.int64)


Weights = tuple[Any, ...]


@numba.njit(nogil=True, inline="always")
def around(src: np.ndarray, lo: int, hi: int, s: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """The six neighbours of the places lo to hi, each as a piece of the other colour."""
    return (
        src[lo + s[0] : hi + s[0]],
        src[lo + s[1] : hi + s[1]],
        src[lo + s[2] : hi + s[2]],
        src[lo + s[3] : hi + s[3]],
        src[lo + s[4] : hi + s[4]],
        src[lo + s[5] : hi + s[5]],
    )


def weigh(w: Any, lo: Any, hi: Any, s: Any) -> Any:
    """The weights of the six neighbours of the places lo to hi."""
    raise NotImplementedError


@overload(weigh, inline="always", strict=False)
def _weigh_of(w: Any, lo: Any, hi: Any, s: Any) -> Callable[..., Any]:
    if isinstance(w.dtype, numba.types.Float):
        # one phase: a weight for each axis, the same everywhere
        return lambda w, lo, hi, s: w
    # three weights on the plus side of the voxel, three on that of its neighbours on the minus side
    return lambda w, lo, hi, s: (
        w[0][lo:hi],
        w[3][lo + s[1] : hi + s[1]],
        w[1][lo:hi],
        w[4][lo + s[3] : hi + s[3]],
        w[2][lo:hi],
        w[5][lo + s[5] : hi + s[5]],
    )


def _sum(k: Any, a: Any, w: Any) -> Any:
    """Weighted sum over the six neighbours."""
    raise NotImplementedError


@overload(_sum, inline="always", strict=False)
def _sum_of(k: Any, a: Any, w: Any) -> Callable[..., Any]:
    if isinstance(w.dtype, numba.types.Float):
        return lambda k, a, w: w[0] * (a[0][k] + a[1][k]) + w[1] * (a[2][k] + a[3][k]) + w[2] * (a[4][k] + a[5][k])
    return lambda k, a, w: (
        w[0][k] * a[0][k]
        + w[1][k] * a[1][k]
        + w[2][k] * a[2][k]
        + w[3][k] * a[3][k]
        + w[4][k] * a[4][k]
        + w[5][k] * a[5][k]
    )


@numba.njit(cache=True, nogil=True, fastmath=True)
def _follow(
    lo: int, hi: int, out: np.ndarray, inverse: np.ndarray, src: np.ndarray, s: tuple[int, ...], w: Weights
) -> None:
    """What voxels of a colour are if their balance holds, from the other colour."""
    a, v, i, o = around(src, lo, hi, s), weigh(w, lo, hi, s), inverse[lo:hi], out[lo:hi]
    for k in range(o.size):
        o[k] = i[k] * _sum(k, a, v)


@numba.njit(cache=True, nogil=True, fastmath=True)
def _finish(
    lo: int,
    hi: int,
    sums: np.ndarray,
    z: np.ndarray,
    inverse: np.ndarray,
    r: np.ndarray,
    odd: np.ndarray,
    s: tuple[int, ...],
    w: Weights,
) -> None:
    """The last half sweep of the preconditioner, and r.z."""
    for chunk in range(lo // CHUNK, (hi + CHUNK - 1) // CHUNK):
        begin, end = max(lo, chunk * CHUNK), min(hi, (chunk + 1) * CHUNK)
        a, v = around(odd, begin, end, s), weigh(w, begin, end, s)
        here, given, i = z[begin:end], r[begin:end], inverse[begin:end]
        total = 0.0
        for k in range(here.size):
            value = i[k] * (given[k] + _sum(k, a, v))
            here[k] = value
            total += np.float64(value) * np.float64(given[k])
        sums[chunk] = total


@numba.njit(cache=True, nogil=True, fastmath=True)
def _apply(
    lo: int,
    hi: int,
    sums: np.ndarray,
    out: np.ndarray,
    diagonal: np.ndarray,
    p: np.ndarray,
    odd: np.ndarray,
    s: tuple[int, ...],
    w: Weights,
) -> None:
    """Product with the Schur complement from p and the odd voxels that follow it, and p.out."""
    for chunk in range(lo // CHUNK, (hi + CHUNK - 1) // CHUNK):
        begin, end = max(lo, chunk * CHUNK), min(hi, (chunk + 1) * CHUNK)
        a, v = around(odd, begin, end, s), weigh(w, begin, end, s)
        here, given, d = out[begin:end], p[begin:end], diagonal[begin:end]
        total = 0.0
        for k in range(here.size):
            value = d[k] * given[k] - _sum(k, a, v)
            here[k] = value
            total += np.float64(value) * np.float64(given[k])
        sums[chunk] = total


@numba.njit(cache=True, nogil=True, fastmath=True)
def _direction(lo: int, hi: int, p: np.ndarray, z: np.ndarray, beta: float) -> None:
    a, b = p[lo:hi], z[lo:hi]
    for k in range(a.size):
        a[k] = b[k] + beta * a[k]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _advance(
    lo: int,
    hi: int,
    x: np.ndarray,
    r: np.ndarray,
    t: np.ndarray,
    p: np.ndarray,
    q: np.ndarray,
    inverse: np.ndarray,
    alpha: float,
) -> None:
    """Step of the iterate and its residual, and the first half sweep of the preconditioner."""
    x, r, t, p, q, inverse = x[lo:hi], r[lo:hi], t[lo:hi], p[lo:hi], q[lo:hi], inverse[lo:hi]
    for k in range(x.size):
        x[k] += alpha * p[k]
        value = r[k] - alpha * q[k]
        r[k] = value
        t[k] = inverse[k] * value


@numba.njit(cache=True, nogil=True, fastmath=True)
def _restrict(
    lo: int,
    hi: int,
    out: np.ndarray,
    first: np.ndarray,
    member: np.ndarray,
    odd: np.ndarray,
    s: tuple[int, ...],
    w: Weights,
) -> None:
    """Residual of the even voxels of each aggregate after the half sweep of the odd ones (theirs is zero)."""
    # the whole of the colour, so that places count from its beginning
    low, high = -min(s[1], 0), odd.size - s[0]
    v = around(odd, low, high, s), weigh(w, low, high, s)
    for a in range(lo, hi):
        total = np.float32(0.0)
        for m in range(first[a], first[a + 1]):
            total += np.float32(_sum(np.uint64(member[m] - low), v[0], v[1]))
        out[a] = total


@numba.njit(cache=True, nogil=True, fastmath=True)
def _correct(
    lo: int, hi: int, t: np.ndarray, first: np.ndarray, member: np.ndarray, e: np.ndarray, enlarge: float
) -> None:
    for a in range(lo, hi):
        value = enlarge * e[a]
        for m in range(first[a], first[a + 1]):
            t[member[m]] += value


@dataclass
class TwoColour:
    """Conductances of a grid in two colours, and the loops over them.

    Attributes
    ----------
    layout:
        Where voxels are.
    weights:
        For each colour what ``_sum`` takes: three numbers, or six arrays.
    diagonal:
        Of the even voxels.
    inverse:
        Of the diagonal, for each colour; 0 where nothing conducts.
    first, member:
        Even voxels of each aggregate.
    threads:
        Threads that share the loops.
    """

    layout: Layout
    weights: tuple[Weights, Weights]
    diagonal: np.ndarray
    inverse: tuple[np.ndarray, np.ndarray]
    first: np.ndarray
    member: np.ndarray
    threads: int = 1
    pool: ThreadPoolExecutor | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.shifts = tuple(tuple(int(v) for v in self.layout.shifts(colour)) for colour in (0, 1))
        self.sums = np.zeros(self.layout.half // CHUNK + 2)
        if self.threads > 1 and self.pool is None:
            self.pool = ThreadPoolExecutor(self.threads)

    def zeros(self) -> np.ndarray:
        """A vector of one colour."""
        return np.zeros(self.layout.half, dtype=self.diagonal.dtype)

    def share(self, kernel: Callable[..., None], *arguments: Any) -> None:
        """Run a loop over the places of a colour, in pieces if there are threads."""
        lo, hi = self.layout.span
        self._split(kernel, lo, hi, CHUNK, arguments)

    def _split(self, kernel: Callable[..., None], lo: int, hi: int, unit: int, arguments: Any) -> None:
        if self.pool is None or hi - lo < 2 * unit * self.threads:
            kernel(lo, hi, *arguments)
            return
        edges = np.linspace(lo // unit, hi // unit + 1, self.threads + 1).astype(int) * unit
        edges[0], edges[-1] = lo, hi
        jobs = [self.pool.submit(kernel, int(a), int(b), *arguments) for a, b in itertools.pairwise(edges)]
        for job in jobs:
            job.result()

    def follow(self, colour: int, out: np.ndarray, src: np.ndarray) -> None:
        """Voxels of a colour that balance the given ones of the other."""
        self.share(_follow, out, self.inverse[colour], src, self.shifts[colour], self.weights[colour])

    def finish(self, z: np.ndarray, r: np.ndarray, odd: np.ndarray) -> float:
        """Last half sweep on the even voxels; r.z."""
        self.share(_finish, self.sums, z, self.inverse[0], r, odd, self.shifts[0], self.weights[0])
        return float(self.sums.sum())

    def apply(self, out: np.ndarray, p: np.ndarray, odd: np.ndarray) -> float:
        """Product with the Schur complement; p.out."""
        self.share(_apply, self.sums, out, self.diagonal, p, odd, self.shifts[0], self.weights[0])
        return float(self.sums.sum())

    def direction(self, p: np.ndarray, z: np.ndarray, beta: float) -> None:
        """p = z + beta p."""
        self.share(_direction, p, z, p.dtype.type(beta))

    def advance(
        self, x: np.ndarray, r: np.ndarray, t: np.ndarray, p: np.ndarray, q: np.ndarray, alpha: float
    ) -> None:
        """x += alpha p, r -= alpha q, t = r / diagonal."""
        self.share(_advance, x, r, t, p, q, self.inverse[0], x.dtype.type(alpha))

    def restrict(self, out: np.ndarray, odd: np.ndarray) -> None:
        """Residual of the aggregates."""
        arguments = (out, self.first, self.member, odd, self.shifts[0], self.weights[0])
        self._split(_restrict, 0, self.first.size - 1, 4096, arguments)

    def correct(self, t: np.ndarray, e: np.ndarray, enlarge: float) -> None:
        """Add the correction of the aggregates."""
        arguments = (t, self.first, self.member, e, t.dtype.type(enlarge))
        self._split(_correct, 0, self.first.size - 1, 4096, arguments)

    def close(self) -> None:
        """End the threads."""
        if self.pool is not None:
            self.pool.shutdown()
