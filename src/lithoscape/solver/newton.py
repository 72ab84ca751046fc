"""Newton's method with a Jacobian kept as long as it contracts (chord steps)."""

from __future__ import annotations

import time as clock
from dataclasses import dataclass

import numpy as np

from .linear import LARGE, SMALL, USUAL, DirectSolver, KrylovSolver
from .system import System

_LONGEST = 10.0
"""Longest scaled update: overpotentials overshoot by an exponential, come back by one V_T a time."""

_MILD = 2.0
"""Longest scaled update after which a Jacobian may be kept."""

_ROUND_OFF = 1e-11
"""Scaled update below which an iteration only stirs round-off."""


_FAR = 8.0
"""Ratio of rates from which a preconditioner is made again without being tried."""


_LOOSEST = 0.1
"""Relative residual that a linear solve is taken to at least."""

_TOGETHER = 0.1
"""Weight of what the rows that store something leave together: conservation, beside the worst single row."""

_KEPT = 0.03
"""Contraction from which the last iterations do without another Jacobian, whatever the solver."""

_IMPATIENT = 12
"""Iterations after which a solve with a Krylov method is given up: a smaller step costs less."""

_TRIED, _HOPELESS = 5, 1e-6
"""Iterations such a solve has in any case, and the residual that it must then be heading for."""


@dataclass(frozen=True)
class NewtonOptions:
    """Tolerances relative to the scales of the unknowns and equations."""

    update: float = 1e-7
    """Largest remaining error of any unknown, in its scale."""
    residual: float = 1e-9
    """Largest row residual, in its scale."""
    iterations: int = 25
    contraction: float = 0.12
    """Refresh the Jacobian when an iteration contracts less than this."""


@dataclass(frozen=True)
class NewtonResult:
    """How a solve ended."""

    converged: bool
    iterations: int
    reason: str = ""
    residual: np.ndarray | None = None
    """Scaled rows at the solution, owned part."""


class Newton:
    """Solves ``rate q(u) + history + F(u) = 0`` from the fields' current values."""

    def __init__(self, system: System, options: NewtonOptions | None = None) -> None:
        self.system = system
        self.options = options or NewtonOptions()
        size = system.matrix.getSize()[0]
        iterative = bool(system.problem.blocks) and size >= LARGE[system.problem.domain.dim]
        self.linear = (
            KrylovSolver(system.matrix, system.numbers_of_blocks())
            if iterative
            else DirectSolver(system.matrix)
        )
        # a small system is refactorised for less than another iteration costs
        small = size < SMALL
        self._contraction = min(self.options.contraction, 0.03) if small else self.options.contraction
        self._rate = -1.0
        self._prepared = np.inf
        self._remaining = np.inf
        self.factorisations = 0
        self.iterations = 0
        self.assembly_seconds = 0.0

    def forget(self) -> None:
        """Drop the factorisation, so that the next solve starts from a fresh Jacobian."""
        self._rate = -1.0
        self.linear.forget()

    def solve(self, rate: float, history: np.ndarray, patient: bool = True) -> NewtonResult:
        """Iterate; with a stale Jacobian first, then once more with a fresh one.

        Without patience, a solve that is heading nowhere is given up where a smaller step costs less.
        """
        start = self.system.get()
        fluxes = [c.guess() for c in self.system.problem.closures]
        if not 1 / _FAR < rate / self._prepared < _FAR:
            self.linear.forget()
            self._prepared = rate
        stale = self.linear.lags and 0.7 * self._rate < rate < 1.4 * self._rate
        result = self._iterate(rate, history, stale, patient)
        if not result.converged and stale:
            self.system.set(start)
            for closure, flux in zip(self.system.problem.closures, fluxes, strict=True):
                closure.flux.x.array[:] = flux
            result = self._iterate(rate, history, False, patient)
        if not result.converged:
            self.forget()
        return result

    def _iterate(self, rate: float, history: np.ndarray, keep: bool, patient: bool) -> NewtonResult:
        o, last, norm, growths, age = self.options, np.inf, np.inf, 0, 1
        sizes: list[float] = []
        stored = max(self.system.max_norm(self.system.scaled(history)), self.system.resolved_storage(rate))
        noise = 16 * np.finfo(float).eps * stored
        most = o.iterations if self.linear.lags else min(o.iterations, _IMPATIENT)
        for k in range(1, most + 1):
            began = clock.perf_counter()
            tangents = [closure.update() for closure in self.system.problem.closures]
            residual = self.system.residual(rate, history)
            self.assembly_seconds += clock.perf_counter() - began
            size = self.system.max_norm(residual)
            if not np.isfinite(size):
                return NewtonResult(False, k, "the residual is not finite")
            size = max(size, _TOGETHER * self.system.imbalance(residual))
            small = size < max(o.residual, noise) or norm < _ROUND_OFF
            if k > 1 and small and self._remaining < o.update:
                return NewtonResult(True, k, "", residual)
            sizes.append(size)
            if not patient and not self.linear.lags and _hopeless(sizes, most):
                return NewtonResult(False, k, "Newton's method converges too slowly")
            if not keep and not self._refresh(rate, tangents):
                return NewtonResult(False, k, "the Jacobian is singular")
            age, keep = (age + 1, True) if keep else (0, True)
            update = self.linear.solve(residual, self._forcing(size))
            norm = self.system.max_norm(update)
            self.iterations += 1
            ratio = norm / last if k > 1 else 0.0
            self._remaining = norm * (ratio / (1 - ratio) if 0 < ratio < 0.9 else 1.0)
            growths += ratio > 1.5 and age == 0 and norm > o.update
            if not np.isfinite(norm) or growths > 3:
                return NewtonResult(False, k, "Newton's updates grow")
            keep = (self.linear.lags and ratio <= self._contraction) or (k > 1 and ratio <= _KEPT)
            # far from the solution an exponential's slope says nothing of the next one
            keep = (keep and norm < _MILD) or norm < _ROUND_OFF
            self.system.add(update, -min(1.0, _LONGEST / max(norm, 1e-300)))
            last = norm
        return NewtonResult(False, most, f"no convergence in {most} iterations")

    def _forcing(self, size: float) -> float:
        """Relative residual to take a linear solve to: not further than is asked for in the end."""
        return min(max(USUAL, 0.3 * self.options.residual / max(size, 1e-300)), _LOOSEST)

    def _refresh(self, rate: float, tangents: list[tuple[np.ndarray, ...]]) -> bool:
        began = clock.perf_counter()
        self.system.assemble(rate, tangents)
        self.assembly_seconds += clock.perf_counter() - began
        self._rate = rate
        self.factorisations += 1
        return self.linear.factorise(lambda: self.system.condensed(rate))


def _hopeless(sizes: list[float], most: int) -> bool:
    """Whether residuals, falling as they did in the last two iterations, will still be large in the end."""
    if len(sizes) < _TRIED:
        return False
    return sizes[-1] * (sizes[-1] / sizes[-3]) ** (0.5 * (most - len(sizes))) > _HOPELESS
