"""The place that joins model, protocol, solver and probes.

``Simulation(problem, sequence, base).run()`` drives a problem through a cycler
protocol, records every accepted step, lands on the moments asked for, writes
checkpoints and says how it ended.
"""

from __future__ import annotations

import signal
import time as clock
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import xarray as xr
from mpi4py import MPI

from . import checkpoint as store
from .constants import HOUR
from .errors import SolveError
from .problem import Problem
from .protocol import Base, Step, Turn
from .protocol import Sequence as Protocol
from .records import Recorder
from .solver import Attempt, History, Newton, NewtonOptions, Stepper, System, TimeOptions
from .solver.events import locate
from .solver.frequency import Linearised
from .solver.potentials import settle
from .solver.reduced import impedances
from .solver.status import Outcome
from .spectra import Spectrum, log_frequencies

_ABSURD_VOLTAGE = 20.0
"""Terminal voltage beyond which nothing physical is being computed [V]."""

_KINDS = {"current": "current", "rest": "current", "voltage": "voltage", "power": "power"}


@dataclass(frozen=True)
class Moment:
    """A time to land on: ``after`` seconds into a step, or its "start" or "end".

    ``cycle`` and ``step`` count from 0 as in the protocol. One that is ``optional`` is not missed.
    """

    name: str
    cycle: int
    step: int
    after: float | str
    optional: bool = False


@dataclass(frozen=True)
class Options:
    """How to run: tolerances, checkpoint interval [accepted steps], limits."""

    newton: NewtonOptions = field(default_factory=NewtonOptions)
    time: TimeOptions = field(default_factory=TimeOptions)
    checkpoint_every: int = 50
    max_steps: int = 200_000


@dataclass
class Solution:
    """What a run gives back. ``solution["Voltage [V]"]`` is a labelled array."""

    record: xr.Dataset
    outcome: Outcome
    statistics: dict[str, Any]
    spectra: tuple[Spectrum, ...] = ()
    """Of the impedance steps, in their order; of a resumed run those after the checkpoint."""

    def __getitem__(self, name: str) -> xr.DataArray:
        """The recorded variable ``name``, or the time axis for "Time [s]"."""
        return self.record["time"] if name == "Time [s]" else self.record[name]


@dataclass
class _Cursor:
    """Where in the protocol the run is."""

    turn: int = 0
    started: float = 0.0
    directions: tuple[str, ...] = ()
    dt: float = 0.0
    error: float = 0.0
    accepted: int = 0
    landed: tuple[str, ...] = ()


class Simulation:
    """One run of one problem under one protocol.

    Parameters
    ----------
    problem, sequence, base:
        What to solve, what to impose, and what 1C and the area are.
    probes:
        Name (with a unit in ``labels``) -> function returning the value for the
        state that the problem's functions hold.
    coordinates:
        Dimensions of array-valued probes, see :class:`~lithoscape.records.Recorder`.
    moments:
        Times to land on exactly; ``on_moment(name, time)`` is called there.
    checkpoint:
        File to write checkpoints to (one per rank is added to the name).
    identity:
        Provenance that a checkpoint must share to be resumed.
    progress:
        Called with (fraction of the protocol's steps, line of text).
    on_spectrum:
        Called with (number of the step in the run, spectrum) after every impedance step.
    """

    def __init__(
        self,
        problem: Problem,
        sequence: Protocol,
        base: Base,
        *,
        probes: Mapping[str, Callable[[], Any]] | None = None,
        coordinates: Mapping[str, Mapping[str, Any]] | None = None,
        moments: Sequence[Moment] = (),
        on_moment: Callable[[str, float], None] | None = None,
        options: Options | None = None,
        checkpoint: Path | None = None,
        identity: str = "",
        progress: Callable[[float, str], None] | None = None,
        on_spectrum: Callable[[int, Spectrum], None] | None = None,
    ) -> None:
        self.problem, self.sequence, self.base = problem, sequence, base
        self.options = options or Options()
        self.system = System(problem)
        self.newton = Newton(self.system, self.options.newton)
        self.stepper = Stepper(self.system, self.newton, self.options.time)
        self.probes = dict(probes or {})
        self.recorder = Recorder(coordinates)
        self.moments, self.on_moment = tuple(moments), on_moment
        self.checkpoint, self.identity, self.progress = checkpoint, identity, progress
        self.turns = list(sequence.turns())
        self.cursor = _Cursor()
        self.warnings: list[str] = []
        self.on_spectrum = on_spectrum
        self.spectra: list[Spectrum] = []
        self._initial_lithium: float | None = None
        self._interrupted = False
        self.rejected = 0

    # -- public ---------------------------------------------------------------
    def run(self, resume: bool = False) -> Solution:
        """Run to the end of the protocol, or as far as it goes.

        Interrupting (Ctrl-C) ends the run after the current step; ``resume``
        continues from the last checkpoint to the same numbers as an
        uninterrupted run.
        """
        began = clock.perf_counter()
        history = self._resume() if resume else self.stepper.initial()
        if not resume:
            self._save(history)
        previous = signal.getsignal(signal.SIGINT)
        main_thread = _set_handler(self._interrupt)
        try:
            outcome = self._run_turns(history)
        finally:
            if main_thread:
                signal.signal(signal.SIGINT, previous)
        statistics = self._statistics(clock.perf_counter() - began)
        record = self.recorder.dataset({"status": outcome.status})
        return Solution(record, outcome, statistics, tuple(self.spectra))

    # -- protocol ---------------------------------------------------------------
    def _run_turns(self, history: History) -> Outcome:
        while self.cursor.turn < len(self.turns):
            turn = self.turns[self.cursor.turn]
            result = self._run_turn(turn, history)
            if isinstance(result, Outcome):
                return result
            history = result
            for moment in (m for m in self._pending(turn) if not m.optional):
                self.warnings.append(f"{turn.spec.text!r} ended before the moment {moment.name!r}")
            self.cursor = _Cursor(self.cursor.turn + 1, accepted=self.cursor.accepted)
            self._save(history)
        return Outcome("finished")

    def _run_turn(self, turn: Turn, history: History) -> History | Outcome:
        step, cursor = turn.spec, self.cursor
        if step.kind == "impedance":
            return self._measure(turn, history)
        self.problem.control.impose(_KINDS[step.kind], step.setpoint(self.base))
        if not cursor.directions:
            opened = self._open(turn, history)
            if isinstance(opened, Outcome):
                return opened
            history = opened
            if min(self._gaps(step, history.now.time)) <= 0:
                self.warnings.append(f"{step.text!r}: its stop was already met when it began")
                self._land(turn, history, "end")
                return history
        while True:
            advanced = self._advance(turn, history)
            if isinstance(advanced, Outcome):
                return advanced
            history, finished = advanced
            if finished:
                self._land(turn, history, "end")
                return history
            reason = self._out_of_hand()
            if reason is not None:
                return self._failure(turn, history, reason)
            if self.cursor.accepted % self.options.checkpoint_every == 0:
                self._save(history)
            if self._stop_requested():
                return Outcome("interrupted", f"at {history.now.time:.1f} s", "Continue with --resume")

    def _open(self, turn: Turn, history: History) -> History | Outcome:
        """Begin a step: decide directions, find consistent potentials, record."""
        self.cursor.directions = tuple(turn.spec.directions(self.problem.voltage()))
        self.cursor.started = history.now.time
        self.cursor.dt, self.cursor.error = self.options.time.first_step, 0.0
        try:
            history = self.stepper.frozen(history)
        except ArithmeticError as error:
            self._record(turn, history)
            return self._failure(turn, history, str(error))
        self._record(turn, history)
        self._land(turn, history, "start")
        return history

    def _advance(self, turn: Turn, history: History) -> tuple[History, bool] | Outcome:
        """One accepted step; whether it ended the protocol step."""
        step, cursor = turn.spec, self.cursor
        before = self._gaps(step, history.now.time)
        while True:
            tried = self._accepted(turn, history)
            if isinstance(tried, Outcome):
                return tried
            attempt, dt, due = tried
            assert attempt.state is not None
            after = self._gaps(step, attempt.state.time)
            finished = min(after) <= 0
            located = self._locate(step, history, dt, before, after) if finished else attempt
            if located is not None:
                break
            # no solution in between from here: come closer first
            self.stepper.load(history.now)
            cursor.dt = 0.3 * dt
            if cursor.dt < self.options.time.smallest:
                return self._failure(turn, history, "the stop could not be located")
        if finished:
            attempt, due = located, None
        elif dt == cursor.dt or attempt.error > 1e-3:
            longer = self.stepper.next_step(dt, attempt.error, (history.step, cursor.error))
            cursor.dt = max(cursor.dt if due else 0.0, longer)
        cursor.error = attempt.error
        assert attempt.state is not None
        history = history.pushed(attempt.state)
        cursor.accepted += 1
        self._record(turn, history)
        if due is not None:
            self._land(turn, history, due)
        return history, finished

    def _out_of_hand(self) -> str | None:
        """Why the run should not go on although every step converges; None if it should."""
        if self.cursor.accepted >= self.options.max_steps:
            return f"more than {self.options.max_steps} steps"
        if abs(self.problem.voltage()) > _ABSURD_VOLTAGE:
            return f"the voltage left +-{_ABSURD_VOLTAGE:g} V; the step needs a voltage stop"
        return None

    def _accepted(self, turn: Turn, history: History) -> tuple[Attempt, float, str | None] | Outcome:
        """The first attempt within tolerance, its step size and the moment it lands on."""
        cursor = self.cursor
        while True:
            dt, due = self._clip(turn, history, cursor.dt)
            attempt = self.stepper.attempt(history, dt)
            if attempt.state is not None and attempt.error <= 1.0:
                return attempt, dt, due
            self.rejected += 1
            shrink = 0.25 if attempt.state is None else max(0.1, min(0.9, 0.9 * attempt.error ** (-1 / 3)))
            cursor.dt = dt * shrink
            self.stepper.load(history.now)
            if cursor.dt < self.options.time.smallest:
                return self._failure(turn, history, attempt.newton.reason or "the step size vanished")

    def _clip(self, turn: Turn, history: History, dt: float) -> tuple[float, str | None]:
        """Shorten a step so that it lands on the next moment or time stop."""
        now, due = history.now.time, None
        times = [(m.after, m.name) for m in self._pending(turn) if not isinstance(m.after, str)]
        for after, name in sorted(times):
            left = self.cursor.started + after - now
            if left <= dt * (1 + 1e-9):
                dt, due = left, name
                break
            if left < 2 * dt:
                dt = 0.5 * left
        for stop in turn.spec.stops:
            if stop.quantity == "time":
                left = self.cursor.started + stop.value - now
                if left <= dt:
                    dt, due = left, None
                elif left < 2 * dt:
                    dt, due = 0.5 * left, None
        return dt, due

    def _gaps(self, step: Step, time: float) -> list[float]:
        voltage, current = self.problem.voltage(), self.current_density()
        elapsed = time - self.cursor.started
        gaps = []
        for stop, direction in zip(step.stops, self.cursor.directions, strict=True):
            gap = stop.gap(voltage, current, elapsed, self.base, direction)  # type: ignore[arg-type]
            gaps.append(gap if stop.quantity != "time" or gap > stop.tolerance(self.base) else 0.0)
        return gaps

    def _locate(
        self, step: Step, history: History, dt: float, before: list[float], after: list[float]
    ) -> Attempt | None:
        """The step that ends within tolerance of the stop that is met first."""
        found: tuple[float, Attempt] | None = None
        crossed = [k for k, gap in enumerate(after) if gap <= 0]
        for k in crossed:
            stop, upper = step.stops[k], dt if found is None else found[0]
            if stop.quantity == "time" and len(crossed) == 1:
                return self.stepper.attempt(history, dt)

            def tried(h: float, k: int = k) -> tuple[Attempt, float] | None:
                attempt = self.stepper.attempt(history, h)
                if attempt.state is None:
                    return None
                return attempt, self._gaps(step, attempt.state.time)[k]

            gap_upper = after[k] if found is None else self._gaps(step, history.now.time + upper)[k]
            if gap_upper > 0:
                continue
            tolerance = 0.5 * stop.tolerance(self.base)
            hit = locate(tried, upper, max(before[k], 1e-300), gap_upper, tolerance)
            if hit is None:
                return None
            found = (hit[0], hit[1])
        return None if found is None else found[1]

    # -- impedance --------------------------------------------------------------------
    def spectrum(self, frequencies: np.ndarray, about: Mapping[str, Any] | None = None) -> Spectrum:
        """Impedance [ohm m2] at frequencies [Hz], linearised at the state that the problem holds."""
        linearised = Linearised(self.system)
        found = impedances(linearised, frequencies)
        told = {"Voltage [V]": self.problem.voltage(), "Current density [A.m-2]": self.current_density()}
        counts = {"solves": linearised.solves, "unknowns": linearised.size}
        return Spectrum(frequencies, found, "ohm.m2", {**(about or {}), **told, **counts})

    def _measure(self, turn: Turn, history: History) -> History | Outcome:
        """An impedance step: takes no time, under the current of the step before it, at rest if first."""
        step = turn.spec
        assert step.frequencies is not None
        self.stepper.load(history.now)
        about = {"Time [s]": history.now.time, "cycle": turn.cycle, "step": turn.step, "text": step.text}
        if self.progress is not None:
            self.progress(self.cursor.turn / len(self.turns), f"cycle {turn.cycle + 1} · {step.text}")
        r = step.frequencies
        try:
            if self.cursor.accepted == 0:
                settle(self.system, 0.0)
            found = self.spectrum(log_frequencies(r.lowest, r.highest, r.per_decade), about)
        except SolveError as error:
            return self._failure(turn, history, error.message)
        finally:
            # what follows goes on as if nothing had been measured
            self.stepper.load(history.now)
            self.newton.forget()
        self.spectra.append(found)
        if self.on_spectrum is not None:
            self.on_spectrum(turn.step, found)
        return history

    # -- what is written down ------------------------------------------------------
    def current_density(self) -> float:
        """Discharge current density of the cell [A/m2]."""
        return self.system.functional("current") / self.problem.area

    def _record(self, turn: Turn, history: History) -> None:
        p, state = self.problem, history.now
        current = self.current_density()
        comm = self.system.comm
        row = {
            "Time [s]": state.time,
            "Voltage [V]": p.voltage(),
            "Current density [A.m-2]": current,
            "C-rate": current / self.base.c_rate_current_density,
            "Discharge capacity [A.h.m-2]": state.charge / p.area / HOUR,
            "Step": turn.step,
            "Cycle": turn.cycle,
        }
        for k, unknown in enumerate(p.unknowns):
            if unknown.name == "electrolyte concentration":
                c_e = unknown.function.x.array[: self.system.owned[k]]
                low, high = (
                    comm.allreduce(v, op=MPI.MAX)
                    for v in ((-c_e).max(initial=-np.inf), c_e.max(initial=-np.inf))
                )
                row["Minimum electrolyte concentration [mol.m-3]"] = -low
                row["Maximum electrolyte concentration [mol.m-3]"] = high
        row.update({name: probe() for name, probe in self.probes.items()})
        self.recorder.add(row)
        if self.progress is not None:
            place = f"{state.time / 60:.1f} min · {row['Voltage [V]']:.3f} V"
            text = f"cycle {turn.cycle + 1} · {turn.spec.text} · {place}"
            self.progress(self.cursor.turn / len(self.turns), text)

    def _pending(self, turn: Turn) -> list[Moment]:
        place = (turn.cycle, turn.index)
        return [m for m in self.moments if (m.cycle, m.step) == place and m.name not in self.cursor.landed]

    def _land(self, turn: Turn, history: History, which: str) -> None:
        due = next((m.after for m in self._pending(turn) if m.name == which), which)
        elapsed = history.now.time - self.cursor.started
        for moment in self._pending(turn):
            # several moments may be at one time, or at the end of the step
            late = (
                which == "end" and not isinstance(moment.after, str) and moment.after <= elapsed * (1 + 1e-9)
            )
            if moment.after == due or late:
                self.cursor.landed = (*self.cursor.landed, moment.name)
                if self.on_moment is not None:
                    self.on_moment(moment.name, history.now.time)

    def _failure(self, turn: Turn, history: History, reason: str) -> Outcome:
        self.stepper.load(history.now)
        message = (
            f"the solver stopped at {history.now.time:.2f} s in {turn.spec.text!r} "
            f"(cycle {turn.cycle + 1}): {reason}"
        )
        remedy = (
            "Everything up to then is written. Try a lower current, a smaller solver.relative_tolerance, "
            "a finer mesh near the separator, or look whether the salt is depleted there"
        )
        return Outcome("failed", message, remedy)

    def _statistics(self, seconds: float) -> dict[str, Any]:
        return {
            "wall_time_s": seconds,
            "accepted_steps": self.cursor.accepted,
            "rejected_steps": self.rejected,
            "newton_iterations": self.newton.iterations,
            "factorisations": self.newton.factorisations,
            "assembly_time_s": self.newton.assembly_seconds,
            **self.newton.linear.statistics(),
            "unknowns": int(self.system.comm.allreduce(self.system.size, op=MPI.SUM)),
            "ranks": self.system.comm.size,
            "warnings": self.warnings,
        }

    # -- interruption ---------------------------------------------------------------
    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._interrupted:
            raise KeyboardInterrupt
        self._interrupted = True

    def _stop_requested(self) -> bool:
        return bool(self.system.comm.allreduce(self._interrupted, op=MPI.LOR))

    def _save(self, history: History) -> None:
        if self.checkpoint is None:
            return
        # a resumed run starts without a factorisation; so does this one, to the same numbers
        self.newton.forget()
        cursor = {
            "turn": self.cursor.turn,
            "started": self.cursor.started,
            "directions": list(self.cursor.directions),
            "dt": self.cursor.dt,
            "error": self.cursor.error,
            "accepted": self.cursor.accepted,
            "landed": list(self.cursor.landed),
        }
        store.write(self.checkpoint, self.system.comm, self.identity, history, cursor, self.recorder.arrays())

    def _resume(self) -> History:
        assert self.checkpoint is not None
        history, cursor, rows = store.read(self.checkpoint, self.system.comm, self.identity)
        cursor["directions"], cursor["landed"] = tuple(cursor["directions"]), tuple(cursor["landed"])
        self.cursor = _Cursor(**cursor)
        self.recorder.restore(rows)
        self.stepper.load(history.now)
        return history


def _set_handler(handler: Callable[[int, FrameType | None], None]) -> bool:
    try:
        signal.signal(signal.SIGINT, handler)
    except ValueError:  # not the main thread
        return False
    return True
