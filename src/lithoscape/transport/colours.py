"""The voxels of a grid as two colours: the finest level of the voxel solver.

Voxels lie in one flat array with a gap between rows and planes, so long that every neighbour is an odd number
of places away. Even and odd places are then the two colours of a checkerboard, each stored by itself, and a
sum over neighbours reads six shifted pieces of the other colour: straight loops that the processor's vector
units take. Voxels that do not conduct hold zero throughout, so no mask is needed.

The odd colour is eliminated: unknowns are the even voxels, and the odd ones follow from them. That halves all
vectors and costs nothing (the product with the Schur complement is one sum over each colour).

What limits such loops is memory, so loops that follow each other are run as stages behind one another
through the grid: each voxel is fetched once for all of them. Every stage of a tile reads what the stage
before it wrote in the tile itself and the two beside it, in the other colour; so in step p, stage k does tile
p - k. Threads take slabs of tiles, leave out at inner edges what they cannot know yet (one tile more with
each stage), and fill that in when all slabs are done. Every number is computed from the same ones for any
number of threads.
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

TILE = 1 << 12
"""Least number of places in a tile."""
ADVANCE, FOLLOW, RELAX, RESIDUAL, DIRECTION, FOLLOW_DIRECTION, APPLY, FOLLOW_ITERATE = range(8)
"""Stages: see ``_stage``."""


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
        return lambda k, a, w: (
            w[0] * (a[0][k] + a[1][k]) + w[1] * (a[2][k] + a[3][k]) + w[2] * (a[4][k] + a[5][k])
        )
    return lambda k, a, w: (
        w[0][k] * a[0][k]
        + w[1][k] * a[1][k]
        + w[2][k] * a[2][k]
        + w[3][k] * a[3][k]
        + w[4][k] * a[4][k]
        + w[5][k] * a[5][k]
    )


@numba.njit(cache=True, nogil=True, fastmath=True)
def sum_around(
    lo: int,
    hi: int,
    out: np.ndarray,
    own: np.ndarray,
    other: np.ndarray,
    s: tuple[int, ...],
    w: Weights,
) -> None:
    """Weighted sum over the neighbours, times a factor of the place itself."""
    a, v, o, f = around(other, lo, hi, s), weigh(w, lo, hi, s), out[lo:hi], own[lo:hi]
    for k in range(o.size):
        o[k] = f[k] * _sum(k, a, v)


@dataclass(frozen=True)
class Vectors:
    """Vectors of conjugate gradients, on the even voxels, and room for the odd ones.

    Attributes
    ----------
    x, r:
        Iterate and residual.
    t:
        The residual preconditioned.
    p, q:
        Direction and its product with the matrix; ``q`` is room for other things in between.
    odd:
        Odd voxels that follow one of them.
    """

    x: np.ndarray
    r: np.ndarray
    t: np.ndarray
    p: np.ndarray
    q: np.ndarray
    odd: np.ndarray


@numba.njit(nogil=True, fastmath=True)
def _follow(
    lo: int, hi: int, out: np.ndarray, inverse: np.ndarray, src: np.ndarray, s: tuple[int, ...], w: Weights
) -> None:
    """Odd voxels that balance the given even ones."""
    a, v, i, o = around(src, lo, hi, s), weigh(w, lo, hi, s), inverse[lo:hi], out[lo:hi]
    for k in range(o.size):
        o[k] = i[k] * _sum(k, a, v)


@numba.njit(nogil=True, fastmath=True)
def _relax(
    lo: int,
    hi: int,
    z: np.ndarray,
    inverse: np.ndarray,
    r: np.ndarray,
    odd: np.ndarray,
    s: tuple[int, ...],
    w: Weights,
    omega: float,
) -> float:
    """Relax even voxels; r.z afterwards."""
    a, v = around(odd, lo, hi, s), weigh(w, lo, hi, s)
    z, inverse, r = z[lo:hi], inverse[lo:hi], r[lo:hi]
    total = 0.0
    for k in range(z.size):
        value = z[k] + omega * (inverse[k] * (r[k] + _sum(k, a, v)) - z[k])
        z[k] = value
        total += np.float64(value) * np.float64(r[k])
    return total


@numba.njit(nogil=True, fastmath=True)
def _apply(
    lo: int,
    hi: int,
    out: np.ndarray,
    diagonal: np.ndarray,
    p: np.ndarray,
    odd: np.ndarray,
    s: tuple[int, ...],
    w: Weights,
) -> float:
    """Product with the Schur complement from p and the odd voxels that follow it; p.out."""
    a, v = around(odd, lo, hi, s), weigh(w, lo, hi, s)
    out, diagonal, p = out[lo:hi], diagonal[lo:hi], p[lo:hi]
    total = 0.0
    for k in range(out.size):
        value = diagonal[k] * p[k] - _sum(k, a, v)
        out[k] = value
        total += np.float64(value) * np.float64(p[k])
    return total


@numba.njit(nogil=True, fastmath=True)
def _residual(
    lo: int,
    hi: int,
    out: np.ndarray,
    diagonal: np.ndarray,
    r: np.ndarray,
    z: np.ndarray,
    odd: np.ndarray,
    s: tuple[int, ...],
    w: Weights,
) -> None:
    """Residual of the even voxels; that of the odd ones, which follow them, is zero."""
    a, v = around(odd, lo, hi, s), weigh(w, lo, hi, s)
    out, diagonal, r, z = out[lo:hi], diagonal[lo:hi], r[lo:hi], z[lo:hi]
    for k in range(out.size):
        out[k] = r[k] - diagonal[k] * z[k] + _sum(k, a, v)


@numba.njit(nogil=True, fastmath=True)
def _direction(lo: int, hi: int, p: np.ndarray, z: np.ndarray, beta: float) -> None:
    p, z = p[lo:hi], z[lo:hi]
    for k in range(p.size):
        p[k] = z[k] + beta * p[k]


@numba.njit(nogil=True, fastmath=True)
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
    omega: float,
) -> None:
    """Step of the iterate and its residual, and the first relaxation of the preconditioner."""
    x, r, t, p, q, inverse = x[lo:hi], r[lo:hi], t[lo:hi], p[lo:hi], q[lo:hi], inverse[lo:hi]
    for k in range(x.size):
        x[k] += alpha * p[k]
        value = r[k] - alpha * q[k]
        r[k] = value
        t[k] = omega * inverse[k] * value


@numba.njit(nogil=True)
def _stage(
    stage: int,
    lo: int,
    hi: int,
    vectors: tuple[np.ndarray, ...],
    matrix: tuple[np.ndarray, ...],
    shifts: tuple[tuple[int, ...], tuple[int, ...]],
    w_even: Weights,
    w_odd: Weights,
    number: float,
    omega: float,
) -> float:
    """One stage on the places lo to hi; ``number`` is alpha or beta."""
    x, r, t, p, q, odd = vectors
    inverse, inverse_odd, diagonal = matrix
    if stage == ADVANCE:
        _advance(lo, hi, x, r, t, p, q, inverse, number, omega)
    elif stage == FOLLOW:
        _follow(lo, hi, odd, inverse_odd, t, shifts[1], w_odd)
    elif stage == RELAX:
        return _relax(lo, hi, t, inverse, r, odd, shifts[0], w_even, omega)
    elif stage == RESIDUAL:
        _residual(lo, hi, q, diagonal, r, t, odd, shifts[0], w_even)
    elif stage == DIRECTION:
        _direction(lo, hi, p, t, number)
    elif stage == FOLLOW_DIRECTION:
        _follow(lo, hi, odd, inverse_odd, p, shifts[1], w_odd)
    elif stage == APPLY:
        return _apply(lo, hi, q, diagonal, p, odd, shifts[0], w_even)
    elif stage == FOLLOW_ITERATE:
        _follow(lo, hi, odd, inverse_odd, x, shifts[1], w_odd)
    return 0.0


@numba.njit(cache=True, nogil=True)
def _slab(
    first: int,
    last: int,
    cut_first: int,
    cut_last: int,
    stages: np.ndarray,
    omegas: np.ndarray,
    tile: int,
    span: tuple[int, int],
    sums: np.ndarray,
    vectors: tuple[np.ndarray, ...],
    matrix: tuple[np.ndarray, ...],
    shifts: tuple[tuple[int, ...], tuple[int, ...]],
    w_even: Weights,
    w_odd: Weights,
    number: float,
) -> None:
    """Stages behind one another through the tiles first to last; cuts are the tiles less with each stage.

    From no tiles at all with cuts of -1 it is the seam between two slabs: what they left out on either side.
    That is no function of its own, because the compiler could round differently in it.
    """
    count = stages.size
    for step in range(first, last + count - 1 - (count - 1) * min(cut_last, 0)):
        for k in range(count):
            i = step - k
            if first + k * cut_first <= i < last - k * cut_last:
                lo, hi = span[0] + i * tile, min(span[0] + (i + 1) * tile, span[1])
                sums[i] = _stage(stages[k], lo, hi, vectors, matrix, shifts, w_even, w_odd, number, omegas[k])


@numba.njit(cache=True, nogil=True, fastmath=True)
def _restrict(
    lo: int, hi: int, out: np.ndarray, first: np.ndarray, member: np.ndarray, residual: np.ndarray
) -> None:
    """Sum of the residual over the even voxels of each aggregate."""
    for a in range(lo, hi):
        total = np.float32(0.0)
        for m in range(first[a], first[a + 1]):
            total += np.float32(residual[member[m]])
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
        lo, hi = self.layout.span
        self.tile = max((self.layout.strides[0] + 1) // 2 + 1, TILE)
        self.tiles = -(-(hi - lo) // self.tile)
        self.sums = np.zeros(self.tiles)
        if self.threads > 1 and self.pool is None:
            self.pool = ThreadPoolExecutor(self.threads)

    def zeros(self) -> np.ndarray:
        """A vector of one colour."""
        return np.zeros(self.layout.half, dtype=self.diagonal.dtype)

    def run(
        self,
        vectors: Vectors,
        stages: tuple[int, ...],
        omegas: tuple[float, ...] | None = None,
        number: float = 0.0,
    ) -> float:
        """Run stages over the grid; the sum that the last of them returns."""
        dtype = self.diagonal.dtype
        given = np.array(omegas or (0.0,) * len(stages), dtype=dtype)
        v = vectors
        arguments = (
            np.array(stages), given, self.tile, self.layout.span, self.sums, (v.x, v.r, v.t, v.p, v.q, v.odd),
            (*self.inverse, self.diagonal), self.shifts, *self.weights, dtype.type(number),
        )  # fmt: skip
        edges = self._edges(2 * len(stages))
        slabs = [(a, b, int(a > 0), int(b < self.tiles), *arguments) for a, b in itertools.pairwise(edges)]
        self._each(_slab, slabs)
        self._each(_slab, [(edge, edge, -1, -1, *arguments) for edge in edges[1:-1]])
        return float(self.sums.sum())

    def _edges(self, least: int) -> list[int]:
        """First tile of each slab, none of fewer tiles than the least; then their number."""
        slabs = max(1, min(self.threads, self.tiles // least))
        return [self.tiles * n // slabs for n in range(slabs + 1)]

    def _each(self, kernel: Callable[..., None], jobs: list[tuple[Any, ...]]) -> None:
        if self.pool is None or len(jobs) < 2:
            for job in jobs:
                kernel(*job)
            return
        for done in [self.pool.submit(kernel, *job) for job in jobs]:
            done.result()

    def split(self, kernel: Callable[..., None], count: int, *arguments: Any) -> None:
        """Run a loop of so many independent passes."""
        slabs = max(1, min(self.threads, count // 1024))
        edges = [count * n // slabs for n in range(slabs + 1)]
        self._each(kernel, [(a, b, *arguments) for a, b in itertools.pairwise(edges)])

    def restrict(self, out: np.ndarray, residual: np.ndarray) -> None:
        """Residual of the aggregates."""
        self.split(_restrict, self.first.size - 1, out, self.first, self.member, residual)

    def correct(self, t: np.ndarray, e: np.ndarray, enlarge: float) -> None:
        """Add the correction of the aggregates."""
        self.split(_correct, self.first.size - 1, t, self.first, self.member, e, t.dtype.type(enlarge))

    def close(self) -> None:
        """End the threads."""
        if self.pool is not None:
            self.pool.shutdown()
