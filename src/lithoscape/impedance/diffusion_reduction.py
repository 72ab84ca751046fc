"""Any number of frequencies for a few real solves: rational Krylov projection of diffusion through voxels.

There is nothing but real rates of decay in the admittance. A projection on solutions at real shifts gains
about as much per vector as one on real and imaginary parts of solutions at imaginary shifts, and a vector
costs one real solve with a symmetric positive matrix. Each solve is for the residual of the projection
before, and has to gain a digit or two only. Shifts are chosen where that residual is largest (Druskin and
Simoncini, Syst. Control Lett. 60 (2011) 546); what a solve gains tells the size of what is left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..errors import SolveError
from .diffusion_model import Projected
from .voxel_projection import combine, scalar, times
from .voxel_shifted import Pair, ShiftedGrid, Solution

SHARE = 0.02
"""Error left by a solve, as a share of the tolerance."""
MOST_SOLVES = 60
CANDIDATES = 200
"""Shifts that are looked at for the next solve."""
NORMAL = np.sqrt(2.0)
"""Norm of the inverse of (k + i w) / (k + w) for k, w from 0 on."""


@dataclass
class Reduction:
    """A projection under way.

    Parameters
    ----------
    grid:
        What is projected.
    rates:
        Angular frequencies, in the units of the grid, rising.
    tolerance:
        Relative error of the admittance.
    most:
        Steps of conjugate gradients at which a solve is given up.
    """

    grid: ShiftedGrid
    rates: np.ndarray
    tolerance: float
    most: int
    basis: list[Pair] = field(default_factory=list)
    shifts: list[float] = field(default_factory=list)
    iterations: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stiffness, self._mass = np.zeros((0, 0)), np.zeros((0, 0))
        self._source = np.zeros(0)
        self.inlet = float(self.grid.problem.first.sum())
        self.model = Projected(self._stiffness, self._mass, self._source, self.inlet, ())
        self.error = np.full(self.rates.size, np.inf)

    def run(self, closed: bool) -> None:
        """Project until the error at every rate is within the tolerance.

        ``closed``: nothing passes the outlet, so that 1 everywhere is the steady solution.

        Raises
        ------
        SolveError
            It is not.
        """
        if closed:
            ones = self.grid.occupied[0].copy(), self.grid.occupied[1].copy()
            self._append(ones, 0.0)
        else:
            start = self._solve(0.0, self.grid.source, 1.0, lambda gained: self.inlet - gained)
            self._append(start.x, 0.0)
        lowest, highest = self.rates[0], self.rates[-1]
        candidates = np.geomspace(lowest, highest, CANDIDATES) if highest > lowest else self.rates
        shift = self._most_wanted(candidates)
        while len(self.basis) < MOST_SOLVES:
            self._extend(shift)
            foreseen = self._errors(self._size) + SHARE * self.tolerance
            if shift == lowest:
                self.error = foreseen
                if foreseen.max() <= self.tolerance:
                    return
            shift = lowest if foreseen.max() <= self.tolerance else self._most_wanted(candidates)
        raise SolveError(
            f"the impedance is not certain to {self.tolerance:g} after {MOST_SOLVES} solves",
            field="tolerance", value=float(self.error.max()),
            remedy="Ask for a narrower range of frequencies or a larger tolerance",
        )  # fmt: skip

    def _most_wanted(self, candidates: np.ndarray) -> float:
        """Shift at which the residual counts most."""
        weight = self.model.residual(candidates) ** 2 / np.abs(self.model.admittance(candidates))
        return float(candidates[np.argmax(weight)])

    def _errors(self, size: float) -> np.ndarray:
        """Bound of the relative errors of the admittance, from the size of the residual.

        The error is r.(K + i w)^-1 r, and not above sqrt(2) r.(K + w)^-1 r.
        """
        s = 1j * self.rates
        return np.asarray(
            NORMAL * np.abs(self.model.residual(s)) ** 2 * size / np.abs(self.model.admittance(s))
        )

    def _extend(self, shift: float) -> None:
        """Solve at one more shift, and note how large the residual was before.

        Its size r.(K + shift)^-1 r is not less than at any rate above the shift; that of the residual then
        left is hardly larger, for the same multiple.
        """
        worst = 1j * self.rates[int(np.argmax(self._errors(1.0)))]
        right = self._residual(complex(worst))
        here = 1j * max(shift, float(self.rates[0]))
        factor = float(np.abs(self.model.residual(here)) ** 2)
        wanted = float(np.abs(self.model.admittance(here)))
        found = self._solve(shift, right, factor, lambda gained: wanted)
        self._size = found.energy + found.bound
        self._append(found.x, shift)

    def _solve(self, shift: float, right: Pair, factor: float, wanted: Callable[[float], float]) -> Solution:
        def enough(gained: float, bound: float) -> bool:
            return factor * bound <= SHARE * self.tolerance * abs(wanted(gained))

        found = self.grid.at(shift).solve(right, enough, self.most)
        if found is None:
            raise SolveError(
                f"diffusion at {shift:g} per voxel is not solved after {self.most} iterations",
                field="tolerance", value=self.tolerance,
                remedy="Allow more iterations (max_iterations) or a larger tolerance",
            )  # fmt: skip
        self.iterations.append(found.iterations)
        return found

    def _residual(self, s: complex) -> Pair:
        """g - (K + s) x at the projected solution x, over what it is a multiple of."""
        y, factor = self.model.coordinates(s), 1 / complex(self.model.residual(s))
        kept = combine((s * y * factor).real, self.basis)
        product = times(self.grid, combine((y * factor).real, self.basis))
        even, odd = (
            (factor.real * g - p - k).astype(g.dtype)
            for g, p, k in zip(self.grid.source, product, kept, strict=True)
        )
        return even, odd

    def _append(self, x: Pair, shift: float) -> None:
        """One more vector, and the products with those before."""
        self.basis.append(x)
        self.shifts.append(shift)
        grid, n = self.grid, len(self.basis)
        stiffness, mass = np.zeros((n, n)), np.zeros((n, n))
        stiffness[:-1, :-1], mass[:-1, :-1] = self._stiffness, self._mass
        product = times(grid, x)
        for k, y in enumerate(self.basis):
            stiffness[k, -1] = stiffness[-1, k] = scalar(y, product)
            mass[k, -1] = mass[-1, k] = scalar(y, x)
        self._stiffness, self._mass = stiffness, mass
        self._source = np.append(self._source, np.sum(grid.problem.first * grid.layer(x, 0)))
        self.model = Projected(stiffness, mass, self._source, self.inlet, tuple(self.shifts))
