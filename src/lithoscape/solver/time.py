"""Variable-step BDF2 with predictor error control; state goes in and comes out.

Leading coefficients and the error constant are those of the variable-step
formula (Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I,
III.5). After a discontinuity the history is dropped and the first step is
backward Euler.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .newton import Newton, NewtonResult
from .system import System

_CURRENT_WEIGHT = 10.0
"""How much tighter than concentrations the terminal current is followed: a hold ends
at a small fraction of its first current, where an error of 1C counts most."""


@dataclass(frozen=True)
class State:
    """Everything that evolves, at one time."""

    time: float
    fields: list[np.ndarray]
    internal: list[np.ndarray]
    fluxes: list[np.ndarray]
    stored: np.ndarray
    """q(u), owned part."""
    charge: float
    """Discharge charge through the terminal since the start [A s per area unit]."""
    current: float = 0.0
    """Discharge current through the terminal [A per area unit]."""


@dataclass(frozen=True)
class History:
    """Past states, newest first; at most three, all since the last discontinuity."""

    states: tuple[State, ...]

    @property
    def now(self) -> State:
        """The newest state."""
        return self.states[0]

    @property
    def step(self) -> float:
        """Time between the two newest states [s]; 0 if there is one."""
        return self.states[0].time - self.states[1].time if len(self.states) > 1 else 0.0

    def pushed(self, state: State) -> History:
        """History with one more state."""
        return History((state, *self.states[:2]))

    def restarted(self) -> History:
        """Only the newest state: after a discontinuity."""
        return History((self.now,))


@dataclass(frozen=True)
class Attempt:
    """A tried step: its state, the estimated error (1 = tolerance), how Newton ended."""

    state: State | None
    error: float
    newton: NewtonResult


_CLOSE = 0.4
"""Error from which the next step might be too long."""


@dataclass(frozen=True)
class TimeOptions:
    """Tolerances of the local error, in the units of each unknown's scale."""

    relative: float = 1e-4
    """Allowed root-mean-square local error per step relative to the error scale of an unknown."""
    first_step: float = 1e-3
    """First step after a discontinuity [s]."""
    smallest: float = 1e-7
    largest: float = 600.0
    growth: float = 2.0


@dataclass(frozen=True)
class _Formula:
    """(a0, a1, a2)/dt of d/dt, predictor weights, error constant."""

    a: tuple[float, float, float]
    weights: tuple[float, ...]
    constant: float


def _formula(times: list[float], new: float) -> _Formula:
    h = new - times[0]
    if len(times) == 1:
        return _Formula((1 / h, -1 / h, 0.0), (1.0,), 0.0)
    h1 = times[0] - times[1]
    w = h / h1
    linear = (1 + w, -w)
    if len(times) == 2:
        # one smooth step behind us: BDF2 is already usable, its error is judged as Euler's
        bdf2 = ((1 + 2 * w) / (1 + w) / h, -(1 + w) / h, w * w / (1 + w) / h)
        return _Formula(bdf2, linear, 0.5 * h / (0.5 * h + 0.5 * (h + h1)))
    bdf2 = ((1 + 2 * w) / (1 + w) / h, -(1 + w) / h, w * w / (1 + w) / h)
    h2 = times[1] - times[2]
    local = h * h * (h + h1) ** 2 / (2 * h + h1)
    predicted = h * (h + h1) * (h + h1 + h2)
    t = times
    quadratic = tuple(np.prod([(new - t[j]) / (t[i] - t[j]) for j in range(3) if j != i]) for i in range(3))
    return _Formula(bdf2, quadratic, local / (local + predicted))


def _combine(weights: tuple[float, ...], arrays: list[np.ndarray]) -> np.ndarray:
    """Weighted sum over the newest arrays; there may be more arrays than weights."""
    total = weights[0] * arrays[0]
    for w, a in zip(weights[1:], arrays[1:], strict=False):
        total += w * a
    return total


@dataclass
class Stepper:
    """Takes one implicit step at a time on a compiled system."""

    system: System
    newton: Newton
    options: TimeOptions = field(default_factory=TimeOptions)

    def initial(self) -> History:
        """History that starts from the fields' and closures' present values."""
        p = self.system.problem
        state = State(
            0.0,
            self.system.get(),
            [c.state.copy() for c in p.closures],
            [c.guess() for c in p.closures],
            self.system.storage(),
            0.0,
        )
        return History((state,))

    def load(self, state: State) -> None:
        """Put a state into the problem's functions."""
        self.system.set(state.fields)
        for c, x, j in zip(self.system.problem.closures, state.internal, state.fluxes, strict=True):
            c.state[:] = x
            c.flux.x.array[:] = j

    def attempt(self, history: History, dt: float) -> Attempt:
        """Try a step of ``dt`` from ``history``; nothing is accepted here."""
        past = history.states
        f = _formula([s.time for s in past], past[0].time + dt)
        old = (past[0], past[1] if len(past) > 1 else past[0])
        predicted = [_combine(f.weights, [s.fields[i] for s in past]) for i in range(len(past[0].fields))]
        self._start(past, f, predicted)
        for k, closure in enumerate(self.system.problem.closures):
            closure.begin(f.a[0], f.a[1] * old[0].internal[k] + f.a[2] * old[1].internal[k])
        stored = f.a[1] * old[0].stored + f.a[2] * old[1].stored
        result = self.newton.solve(f.a[0], stored, patient=len(past) == 1)
        if not result.converged:
            self.load(past[0])
            return Attempt(None, np.inf, result)
        state = self._collect(history, dt, f, old, result.residual)
        return Attempt(state, self._error(state, past, predicted, f), result)

    def _start(self, past: tuple[State, ...], f: _Formula, predicted: list[np.ndarray]) -> None:
        self.system.predict(past[0].fields, predicted)
        for k, closure in enumerate(self.system.problem.closures):
            closure.state[:] = past[0].internal[k]
            closure.flux.x.array[:] = _combine(f.weights, [s.fluxes[k] for s in past])

    def _collect(
        self, history: History, dt: float, f: _Formula, old: tuple[State, State], left: np.ndarray | None
    ) -> State:
        p = self.system.problem
        internal = [c.advance() for c in p.closures]
        for c, x in zip(p.closures, internal, strict=True):
            c.state[:] = x
        current = self.system.functional("current")
        charge = (current - f.a[1] * old[0].charge - f.a[2] * old[1].charge) / f.a[0]
        return State(
            history.now.time + dt,
            self.system.get(),
            internal,
            [c.guess() for c in p.closures],
            # what would be stored had Newton left nothing: residuals do not add up over the steps
            self.system.storage() - (0.0 if left is None else self.system.stored_part(left) / f.a[0]),
            charge,
            current,
        )

    def _error(
        self, state: State, past: tuple[State, ...], predicted: list[np.ndarray], f: _Formula
    ) -> float:
        if f.constant == 0.0:
            return 0.0
        sums, counts = [], []
        for i, unknown in enumerate(self.system.problem.unknowns):
            if unknown.error_scale is not None:
                gap = (state.fields[i] - predicted[i])[: self.system.owned[i]] / unknown.error_scale
                sums.append(float(gap @ gap))
                counts.append(gap.size)
        for k, x in enumerate(state.internal):
            gap = (x - _combine(f.weights, [s.internal[k] for s in past])).ravel()
            sums.append(float(gap @ gap))
            counts.append(gap.size)
        # during a hold only the current tells how well the step followed the decay
        unknown = self.system.problem.unknowns[self.system.problem.terminal]
        drift = state.current - float(np.dot(f.weights, [s.current for s in past[: len(f.weights)]]))
        sums.append((_CURRENT_WEIGHT * drift / unknown.row_scale) ** 2)
        counts.append(1)
        totals = self.system.comm.allreduce(np.array([sums, counts], dtype=float))
        rms = np.sqrt(totals[0] / np.maximum(totals[1], 1.0))
        return float(rms.max()) * f.constant / self.options.relative

    def frozen(self, history: History) -> History:
        """Consistent potentials and fluxes for the present concentrations.

        A vanishing Euler step moves only what has no inertia; concentrations
        are put back afterwards, exactly.
        """
        now = history.now
        attempt = self.attempt(history.restarted(), self.options.smallest)
        if attempt.state is None:
            raise ArithmeticError(attempt.newton.reason)
        fields = [
            old if u.differential else new
            for u, old, new in zip(
                self.system.problem.unknowns, now.fields, attempt.state.fields, strict=True
            )
        ]
        fluxes, current = attempt.state.fluxes, attempt.state.current
        state = State(now.time, fields, now.internal, fluxes, now.stored, now.charge, current)
        self.load(state)
        return History((state,))

    def next_step(self, dt: float, error: float, before: tuple[float, float] = (0.0, 0.0)) -> float:
        """Step size that a third-order local error suggests, within bounds.

        ``before`` are step and error of the step before. Where the solution becomes faster from step to step
        the errors grow at equal steps; the next one is then foreseen (Gustafsson, ACM TOMS 20 (1994) 496).
        """
        factor = 0.9 * max(error, 1e-8) ** (-1 / 3)
        earlier, previous = before
        if error > _CLOSE and previous > 0 and earlier > 0:
            factor = min(factor, factor * dt / earlier * (previous / error) ** (1 / 3))
        factor = min(self.options.growth, max(0.2, factor))
        if 1.0 <= factor < 1.25:
            factor = 1.0  # keep the Jacobian
        return min(self.options.largest, dt * factor)
