"""Conduction through a grid of voxels between two faces of given potential: set-up and solution."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numba
import numpy as np
from numba.extending import overload

from .aggregates import aggregate
from .checks import needs_double, round_off
from .colours import (
    ADVANCE,
    APPLY,
    DIRECTION,
    FOLLOW,
    FOLLOW_DIRECTION,
    FOLLOW_ITERATE,
    RELAX,
    RESIDUAL,
    Layout,
    TwoColour,
    Vectors,
    Weights,
    around,
    sum_around,
    weigh,
)
from .conjugate import descend
from .graph import Hierarchy, hierarchy

OMEGAS = (1.05, 3.7, 1.66)
"""Factors of the relaxations on voxels: those of the Chebyshev polynomial on 0.2 to 1, about the eigenvalues
of the Schur complement over its diagonal that aggregates of four voxels cannot see."""
ENLARGE_FIRST = 3.0
"""Factor of the corrections by the first aggregates, whose edge is four voxels."""


@dataclass(frozen=True)
class Conduction:
    """A grid, its phases and what conducts to the ends.

    Attributes
    ----------
    code:
        Phase of the voxels (uint8), 0 where nothing conducts.
    face:
        Conductance of a face by axis and the phases of its two voxels.
    first, last:
        Conductance of the voxels of the first and the last layer to the places of potential 1 and 0.
    at_faces:
        Whether those places are on the outer faces; else one voxel before the first and behind the last.
    """

    code: np.ndarray
    face: np.ndarray
    first: np.ndarray
    last: np.ndarray
    at_faces: bool = True


@dataclass(frozen=True)
class Solved:
    """Conductance between the ends; the potential, in the shape of the grid, NaN where nothing conducts."""

    conductance: float
    bound: float
    iterations: int
    converged: bool
    potential: np.ndarray | None


def solve(problem: Conduction, tolerance: float, most: int, threads: int, keep_potential: bool) -> Solved:
    """Conductance of a grid, to a relative tolerance."""
    values = np.unique(problem.face[0].diagonal())[1:]
    precision = np.float64 if needs_double(values, tolerance) else np.float32
    dtype = np.dtype(precision)
    levels, grid = _prepare(problem, dtype, threads)
    try:
        run = _Run(problem, grid, levels)
        energy, converged = descend(run.precondition, run.step, run.advance, run.energy(), tolerance, most)
        half = energy.bound / 2
        conductance = run.energy() - (half if np.isfinite(half) else 0.0)
        potential = run.potential() if keep_potential else None
    finally:
        grid.close()
    half += round_off(values, precision) * conductance
    return Solved(conductance, half, len(energy.alpha), converged, potential)


def _prepare(problem: Conduction, dtype: np.dtype, threads: int) -> tuple[Hierarchy, TwoColour]:
    layout = Layout.of(problem.code.shape)
    face = problem.face.astype(np.float32)
    ends = problem.first.astype(np.float32), problem.last.astype(np.float32)
    graph, members, member = aggregate(problem.code, face, *ends, layout)
    levels = hierarchy(graph)
    del graph
    weights, occupied = face_weights(problem, layout, dtype)
    diagonal = tuple(np.zeros(layout.half, dtype=dtype) for _ in range(2))
    for colour in (0, 1):
        shifts = tuple(int(v) for v in layout.shifts(colour))
        own, other = occupied[colour], occupied[1 - colour]
        sum_around(*layout.span, diagonal[colour], own, other, shifts, weights[colour])
    for conductance, layer in ((problem.first, 0), (problem.last, layout.shape[0] - 1)):
        origin = layout.origin + layer * layout.strides[0]
        add_layer(conductance.astype(dtype), origin, layout.strides[1], *diagonal)
    for d, o in zip(diagonal, occupied, strict=True):
        np.divide(1.0, d, out=o, where=o > 0)
    return levels, TwoColour(layout, weights, diagonal[0], occupied, members, member, threads)


def face_weights(
    problem: Conduction, layout: Layout, dtype: np.dtype
) -> tuple[tuple[Weights, Weights], tuple[np.ndarray, np.ndarray]]:
    """Conductances of the faces for sums over neighbours, and 1 where something conducts, by colour."""
    even, odd = np.zeros(layout.half, dtype=dtype), np.zeros(layout.half, dtype=dtype)
    _occupy(problem.code, layout.origin, layout.strides, even, odd)
    table = problem.face.astype(dtype)
    if problem.face.shape[1] == 2:
        same = tuple(dtype.type(table[axis, 1, 1]) for axis in range(3))
        return (same, same), (even, odd)
    parts = tuple(np.zeros(layout.half, dtype=dtype) for _ in range(6))
    _faces(problem.code, table, layout.origin, layout.strides, parts)
    inlet = layout.origin - layout.strides[0]
    set_layer(problem.first.astype(dtype), inlet, layout.strides[1], parts[0], parts[3])
    return (parts, parts[3:] + parts[:3]), (even, odd)


class _Run:
    """The vectors of one solution."""

    def __init__(self, problem: Conduction, grid: TwoColour, levels: Hierarchy) -> None:
        self.problem, self.grid, self.levels = problem, grid, levels
        self.v = Vectors(*(grid.zeros() for _ in range(6)))
        self.uniform = problem.face.shape[1] == 2
        layers = grid.layout.shape[0]
        fall = ((layers - 0.5) / layers, 1 / layers)
        if not problem.at_faces:
            fall = (layers / (layers + 1), 1 / (layers + 1))
        origin, stride = grid.layout.origin, grid.layout.strides[0]
        _linear(layers, origin, stride, fall, grid.inverse[0], self.v.x)
        with self.inlet():
            away = grid.run(replace(self.v, p=self.v.x), (FOLLOW_DIRECTION, APPLY))
            # energy of the start: the flux that enters, less x.r
            self.start = float(np.sum(problem.first * (1 - self._layer(0)))) + away
        self.advance(1.0)  # from no residual along no direction: r = -q

    @contextmanager
    def inlet(self) -> Iterator[None]:
        """Hold the potential 1 before the first layer while the odd voxels are those of the iterate."""
        layout, first = self.grid.layout, self.problem.first
        value = first / self.problem.face[0, 1, 1] if self.uniform else (first > 0) * 1.0
        for fill in (value, np.zeros_like(value)):
            set_layer(
                fill.astype(self.v.x.dtype),
                layout.origin - layout.strides[0], layout.strides[1], self.v.x, self.v.odd,
            )  # fmt: skip
            if fill is value:
                yield

    def precondition(self) -> float:
        """One multigrid cycle: t, half done by ``advance``, becomes z; r.z."""
        levels = self.levels
        n = levels.first[1]
        self.grid.restrict(levels.b[:n], self.v.q)
        levels.cycle()
        self.grid.correct(self.v.t, levels.x[:n], ENLARGE_FIRST)
        stages = (FOLLOW, RELAX) * len(OMEGAS)
        return self.grid.run(self.v, stages, tuple(o for omega in OMEGAS[::-1] for o in (0.0, omega)))

    def step(self, beta: float) -> float:
        """The next direction and its product."""
        return self.grid.run(self.v, (DIRECTION, FOLLOW_DIRECTION, APPLY), number=beta)

    def advance(self, alpha: float) -> None:
        """The next iterate, and the first half of a multigrid cycle for its residual."""
        stages = (ADVANCE, *(FOLLOW, RELAX) * (len(OMEGAS) - 1), FOLLOW, RESIDUAL)
        omegas = (OMEGAS[0], *(o for omega in OMEGAS[1:] for o in (0.0, omega)), 0.0, 0.0)
        self.grid.run(self.v, stages, omegas, alpha)

    def energy(self) -> float:
        """Energy of the iterate: an upper bound of the conductance (Dirichlet's principle)."""
        grid, layout, problem = self.grid, self.grid.layout, self.problem
        with self.inlet():
            grid.run(self.v, (FOLLOW_ITERATE,))
        grid.split(
            _energy, grid.tiles, grid.sums, grid.tile, layout.span, self.v.x, grid.inverse[0], self.v.odd,
            grid.inverse[1], grid.shifts[0], grid.weights[0],
        )  # fmt: skip
        total = float(grid.sums.sum())
        ends = (problem.first, 1.0, 0), (problem.last, 0.0, layout.shape[0] - 1)
        for conductance, given, layer in ends:
            total += float(np.sum(conductance * (given - self._layer(layer)) ** 2))
        return total

    def _layer(self, layer: int) -> np.ndarray:
        """The iterate in a layer, while the odd voxels are those of the iterate."""
        layout = self.grid.layout
        values = np.zeros(layout.shape[1:])
        origin = layout.origin + layer * layout.strides[0]
        _get_layer(values, origin, layout.strides[1], self.v.x, self.v.odd)
        return values

    def potential(self) -> np.ndarray:
        """The iterate in the shape of the grid (float32)."""
        layout = self.grid.layout
        out = np.full(layout.shape, np.nan, dtype=np.float32)
        for layer in range(layout.shape[0]):
            origin = layout.origin + layer * layout.strides[0]
            _get_layer(out[layer], origin, layout.strides[1], self.v.x, self.v.odd)
        out[self.problem.code == 0] = np.nan
        return out


@numba.njit(cache=True, nogil=True)
def _occupy(
    code: np.ndarray, origin: int, strides: tuple[int, int, int], even: np.ndarray, odd: np.ndarray
) -> None:
    nx, ny, nz = code.shape
    for x in range(nx):
        for y in range(ny):
            flat = origin + x * strides[0] + y * strides[1]
            row = code[x, y]
            a = even[(flat + 1) >> 1 : ((flat + nz - 1) >> 1) + 1]
            b = odd[flat >> 1 : ((flat + nz) >> 1)]
            at = flat & 1
            for k in range(a.size):
                a[k] = row[2 * k + at] != 0
            for k in range(b.size):
                b[k] = row[2 * k + 1 - at] != 0


@numba.njit(cache=True, nogil=True)
def add_layer(values: np.ndarray, origin: int, stride: int, even: np.ndarray, odd: np.ndarray) -> None:
    """Add the values of one layer, shape (ny, nz), to a vector that is split by colour."""
    for y in range(values.shape[0]):
        for z in range(values.shape[1]):
            flat = origin + y * stride + z
            if flat & 1:
                odd[flat >> 1] += values[y, z]
            else:
                even[flat >> 1] += values[y, z]


@numba.njit(cache=True, nogil=True)
def _faces(
    code: np.ndarray,
    face: np.ndarray,
    origin: int,
    strides: tuple[int, int, int],
    parts: tuple[np.ndarray, ...],
) -> None:
    """Conductances on the plus side of the voxels."""
    nx, ny, nz = code.shape
    even, odd = parts[:3], parts[3:]
    for x in range(nx):
        for y in range(ny):
            for z in range(nz):
                c = code[x, y, z]
                if c == 0:
                    continue
                flat = origin + x * strides[0] + y * strides[1] + z
                to = odd if flat & 1 else even
                k = flat >> 1
                if x < nx - 1:
                    to[0][k] = face[0, c, code[x + 1, y, z]]
                if y < ny - 1:
                    to[1][k] = face[1, c, code[x, y + 1, z]]
                if z < nz - 1:
                    to[2][k] = face[2, c, code[x, y, z + 1]]


@numba.njit(cache=True, nogil=True)
def set_layer(values: np.ndarray, origin: int, stride: int, even: np.ndarray, odd: np.ndarray) -> None:
    """Put the values of one layer, shape (ny, nz), into a vector that is split by colour."""
    for y in range(values.shape[0]):
        for z in range(values.shape[1]):
            flat = origin + y * stride + z
            if flat & 1:
                odd[flat >> 1] = values[y, z]
            else:
                even[flat >> 1] = values[y, z]


@numba.njit(cache=True, nogil=True)
def _get_layer(values: np.ndarray, origin: int, stride: int, even: np.ndarray, odd: np.ndarray) -> None:
    for y in range(values.shape[0]):
        for z in range(values.shape[1]):
            flat = origin + y * stride + z
            values[y, z] = odd[flat >> 1] if flat & 1 else even[flat >> 1]


@numba.njit(cache=True, nogil=True)
def _linear(
    layers: int, origin: int, stride: int, fall: tuple[float, float], inverse: np.ndarray, x: np.ndarray
) -> None:
    """A potential that falls evenly, where something conducts."""
    for layer in range(layers):
        value = fall[0] - layer * fall[1]
        lo, hi = (origin + layer * stride + 1) // 2, (origin + (layer + 1) * stride + 1) // 2
        here, conducts = x[lo:hi], inverse[lo:hi]
        for k in range(here.size):
            here[k] = value if conducts[k] != 0 else 0.0


def _square(x: Any, k: Any, a: Any, i: Any, w: Any) -> Any:
    """Weighted sum of squared differences to the six neighbours."""
    raise NotImplementedError


@numba.njit(nogil=True, inline="always")
def _difference(x: float, other: float, inverse: float) -> float:
    d = np.float64(x) - np.float64(other)
    return d * d if inverse != 0 else 0.0


@overload(_square, inline="always", strict=False)
def _square_of(x: Any, k: Any, a: Any, i: Any, w: Any) -> Any:
    if isinstance(w.dtype, numba.types.Float):
        return lambda x, k, a, i, w: (
            w[0] * (_difference(x, a[0][k], i[0][k]) + _difference(x, a[1][k], i[1][k]))
            + w[1] * (_difference(x, a[2][k], i[2][k]) + _difference(x, a[3][k], i[3][k]))
            + w[2] * (_difference(x, a[4][k], i[4][k]) + _difference(x, a[5][k], i[5][k]))
        )
    return lambda x, k, a, i, w: (
        w[0][k] * _difference(x, a[0][k], i[0][k])
        + w[1][k] * _difference(x, a[1][k], i[1][k])
        + w[2][k] * _difference(x, a[2][k], i[2][k])
        + w[3][k] * _difference(x, a[3][k], i[3][k])
        + w[4][k] * _difference(x, a[4][k], i[4][k])
        + w[5][k] * _difference(x, a[5][k], i[5][k])
    )


@numba.njit(cache=True, nogil=True, fastmath=True)
def _energy(
    first: int,
    last: int,
    sums: np.ndarray,
    tile: int,
    span: tuple[int, int],
    x: np.ndarray,
    inverse: np.ndarray,
    odd: np.ndarray,
    inverse_odd: np.ndarray,
    s: tuple[int, ...],
    w: tuple[Any, ...],
) -> None:
    for n in range(first, last):
        lo, hi = span[0] + n * tile, min(span[0] + (n + 1) * tile, span[1])
        a, i, v = around(odd, lo, hi, s), around(inverse_odd, lo, hi, s), weigh(w, lo, hi, s)
        here, conducts = x[lo:hi], inverse[lo:hi]
        total = 0.0
        for k in range(here.size):
            total += _square(here[k], k, a, i, v) if conducts[k] != 0 else 0.0
        sums[n] = total
