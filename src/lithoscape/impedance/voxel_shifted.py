"""Diffusion through a grid of voxels at a rate: (K + sigma) c = f for real sigma from 0 on.

K holds the conductances between voxels and to the ends, sigma what each voxel stores. The storage is a
conductance to ground, so the multigrid cycle of the steady problem serves with other diagonals: on the voxels
in two colours, on aggregates summed over their members.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numba
import numpy as np

from ..transport.aggregates import aggregate
from ..transport.colours import (
    ADVANCE,
    APPLY,
    DIRECTION,
    FOLLOW,
    FOLLOW_DIRECTION,
    RELAX,
    RESIDUAL,
    Layout,
    TwoColour,
    Vectors,
    sum_around,
)
from ..transport.conjugate import Energy
from ..transport.dirichlet import ENLARGE_FIRST, OMEGAS, Conduction, add_layer, face_weights, set_layer
from ..transport.graph import Hierarchy, hierarchy

Pair = tuple[np.ndarray, np.ndarray]
"""A vector on the even and the odd voxels."""


@dataclass(frozen=True)
class Solution:
    """What solves (K + sigma) x = f.

    Attributes
    ----------
    x:
        The solution.
    energy:
        f.x, from below.
    bound:
        What f.(exact solution) may be more than that.
    iterations:
        Steps of conjugate gradients.
    """

    x: Pair
    energy: float
    bound: float
    iterations: int


class ShiftedGrid:
    """A grid of conductances between places of given concentration, and what it stores.

    Parameters
    ----------
    problem:
        Grid, conductances, ends; every voxel that conducts is connected to the inlet.
    dtype:
        Precision of vectors.
    """

    def __init__(self, problem: Conduction, dtype: np.dtype) -> None:
        self.problem, self.layout = problem, Layout.of(problem.code.shape)
        layout = self.layout
        ends = problem.first.astype(np.float32), problem.last.astype(np.float32)
        graph, self._members, self._member = aggregate(
            problem.code, problem.face.astype(np.float32), *ends, layout
        )
        self.weights, self.occupied = face_weights(problem, layout, dtype)
        self.shifts = tuple(tuple(int(v) for v in layout.shifts(colour)) for colour in (0, 1))
        self.diagonal = tuple(self.around(colour, self.occupied[1 - colour]) for colour in (0, 1))
        stored = self._stored()
        for conductance, layer in ((problem.first, 0), (problem.last, layout.shape[0] - 1)):
            add_layer(conductance.astype(dtype), self.origin(layer), layout.strides[1], *self.diagonal)
        self.source = self.zeros(), self.zeros()
        set_layer(problem.first.astype(dtype), self.origin(0), layout.strides[1], *self.source)
        self._levels = _Levels(hierarchy(graph), stored)

    def zeros(self) -> np.ndarray:
        """A vector of one colour."""
        return np.zeros(self.layout.half, dtype=self.occupied[0].dtype)

    def at(self, sigma: float) -> Shifted:
        """The system at a sigma."""
        diagonal = tuple(
            d + o.dtype.type(sigma) * o for d, o in zip(self.diagonal, self.occupied, strict=True)
        )
        inverse = tuple(
            np.divide(1.0, d, out=np.zeros_like(d), where=o > 0)
            for d, o in zip(diagonal, self.occupied, strict=True)
        )
        grid = TwoColour(self.layout, self.weights, diagonal[0], inverse, self._members, self._member)
        return Shifted(self, grid, self._levels.at(sigma))

    def layer(self, x: Pair, layer: int) -> np.ndarray:
        """A vector in a layer of voxels (float64, two axes)."""
        flat = self.origin(layer) + np.add.outer(
            self.layout.strides[1] * np.arange(self.layout.shape[1]), np.arange(self.layout.shape[2])
        )
        return np.where(flat & 1, x[1][flat >> 1], x[0][flat >> 1]).astype(np.float64)

    def origin(self, layer: int) -> int:
        """Place of the first voxel of a layer."""
        return self.layout.origin + layer * self.layout.strides[0]

    def around(self, colour: int, other: np.ndarray) -> np.ndarray:
        """Conductances times the other colour, summed over neighbours."""
        out = self.zeros()
        sum_around(
            *self.layout.span, out, self.occupied[colour], other, self.shifts[colour], self.weights[colour]
        )
        return out

    def _stored(self) -> np.ndarray:
        """Voxels of each aggregate; the odd ones as the even ones around them make them."""
        shares = np.divide(
            1.0, self.diagonal[1], out=self.zeros(), where=(self.occupied[1] > 0) & (self.diagonal[1] > 0)
        )
        stored = self.occupied[0] + self.around(0, shares)
        sums = np.concatenate([[0.0], np.cumsum(stored[self._member], dtype=np.float64)])
        return sums[self._members[1:]] - sums[self._members[:-1]]


@dataclass(frozen=True)
class Shifted:
    """A grid at one sigma: K + sigma.

    Attributes
    ----------
    whole:
        The grid.
    grid, levels:
        The loops over its voxels and its networks of aggregates, with the diagonals of this sigma.
    """

    whole: ShiftedGrid
    grid: TwoColour
    levels: Hierarchy

    def solve(self, right: Pair, enough: Callable[[float, float], bool], most: int) -> Solution | None:
        """Solve (K + sigma) x = f until energy and bound are enough; None if not in ``most`` steps."""
        run, follows = self._start(right)
        gained = float(dot(right[1], follows))  # the odd voxels alone, the even ones at zero
        energy = Energy()
        energy.rz.append(run.precondition())
        beta = 0.0
        while not enough(gained, energy.bound):
            if len(energy.alpha) >= most or not 0 < energy.rz[-1] < np.inf:
                return None
            alpha = energy.rz[-1] / run.step(beta)
            gained += alpha * energy.rz[-1]
            run.advance(alpha)
            energy.alpha.append(alpha)
            energy.rz.append(run.precondition())
            beta = energy.rz[-1] / energy.rz[-2]
        return Solution(self._both(run.v.x, follows), gained, energy.bound, len(energy.alpha))

    def cycle(self, right: Pair) -> Pair:
        """One multigrid cycle, exact for the odd voxels: symmetric, for other Krylov methods."""
        run, follows = self._start(right)
        run.precondition()
        return self._both(run.v.t, follows)

    def _start(self, right: Pair) -> tuple[_Run, np.ndarray]:
        """The system of the even voxels, and the odd ones that follow with those at zero."""
        follows = self.grid.inverse[1] * right[1]
        return _Run(self.grid, self.levels, right[0] + self.whole.around(0, follows)), follows

    def _both(self, even: np.ndarray, follows: np.ndarray) -> Pair:
        return even, follows + self.grid.inverse[1] * self.whole.around(1, even)


class _Levels:
    """Networks of aggregates, their diagonals those of any sigma."""

    def __init__(self, levels: Hierarchy, stored: np.ndarray) -> None:
        self.levels = levels
        self.diagonal = 1.0 / levels.inverse.astype(np.float64)
        first, amounts = levels.first, [stored]
        for k in range(first.size - 2):
            parent = levels.parent[first[k] : first[k + 1]]
            amounts.append(np.bincount(parent, amounts[-1], int(first[k + 2] - first[k + 1])))
        self.stored = np.concatenate(amounts)
        lo, hi = int(first[-2]), int(first[-1])
        pointer = levels.pointer[lo : hi + 1]
        rows = np.repeat(np.arange(hi - lo), np.diff(pointer))
        self.last = np.diag(self.diagonal[lo:hi])
        self.last[rows, levels.column[pointer[0] : pointer[-1]]] -= levels.value[pointer[0] : pointer[-1]]

    def at(self, sigma: float) -> Hierarchy:
        """The networks at a sigma; work space is shared."""
        count = self.last.shape[0]
        inverse = np.linalg.inv(self.last + sigma * np.diag(self.stored[-count:]))
        return replace(
            self.levels,
            inverse=(1.0 / (self.diagonal + sigma * self.stored)).astype(np.float32),
            direct=np.ascontiguousarray((inverse + inverse.T) / 2, dtype=np.float32),
        )


class _Run:
    """Conjugate gradients on the even voxels, from zero."""

    def __init__(self, grid: TwoColour, levels: Hierarchy, start: np.ndarray) -> None:
        self.grid, self.levels = grid, levels
        self.v = Vectors(grid.zeros(), start, *(grid.zeros() for _ in range(4)))
        self.advance(0.0)

    def precondition(self) -> float:
        """One multigrid cycle, half done by ``advance``; r.z."""
        levels, n = self.levels, int(self.levels.first[1])
        self.grid.restrict(levels.b[:n], self.v.q)
        levels.cycle()
        self.grid.correct(self.v.t, levels.x[:n], ENLARGE_FIRST)
        stages = (FOLLOW, RELAX) * len(OMEGAS)
        return self.grid.run(self.v, stages, tuple(o for omega in OMEGAS[::-1] for o in (0.0, omega)))

    def step(self, beta: float) -> float:
        """The next direction and its product."""
        return self.grid.run(self.v, (DIRECTION, FOLLOW_DIRECTION, APPLY), number=beta)

    def advance(self, alpha: float) -> None:
        """The next iterate, and the first half of the next cycle."""
        stages = (ADVANCE, *(FOLLOW, RELAX) * (len(OMEGAS) - 1), FOLLOW, RESIDUAL)
        omegas = (OMEGAS[0], *(o for omega in OMEGAS[1:] for o in (0.0, omega)), 0.0, 0.0)
        self.grid.run(self.v, stages, omegas, alpha)


@numba.njit(cache=True, nogil=True, fastmath=True)
def dot(x: np.ndarray, y: np.ndarray) -> float:
    """Scalar product, summed in double precision."""
    total = 0.0
    for k in range(x.size):
        total += np.float64(x[k]) * np.float64(y[k])
    return total
