"""Residuals at many parameter points at once, every simulation run only once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..errors import InputError
from .measurement import Measurement, Prediction
from .parameters import ParameterSet
from .workers import FAILED, WALL_TIME, Experiment, Task, Work


@dataclass(frozen=True)
class Evaluation:
    """All measurements predicted at one point.

    Parameters
    ----------
    t:
        The point, shape (k,).
    residual:
        (predicted - measured) / sigma of all numbers, shape (m,); penalties where nothing is predicted.
    predictions:
        One per measurement.
    faults:
        What went wrong, in words; empty if nothing did.
    """

    t: np.ndarray
    residual: np.ndarray
    predictions: tuple[Prediction, ...]
    faults: tuple[str, ...] = ()

    @property
    def chi2(self) -> float:
        """Sum of squares of the residuals."""
        return float(self.residual @ self.residual)


@dataclass(frozen=True)
class Fault:
    """A simulation that failed, or did not reach what was measured."""

    experiment: str
    values: Mapping[str, float]
    reason: str


class Objective:
    """Measurements, the experiments that predict them, and who evaluates.

    Parameters
    ----------
    parameters, measurements, experiments:
        What is fitted, to what, by what.
    work:
        See :mod:`.workers`.
    tell:
        Called with (number of simulations so far) when one is done.

    Attributes
    ----------
    faults:
        Simulations that failed or ended before what was measured, each once.
    simulations:
        How many records were asked for, those found in the store included.
    seconds:
        Wall time of each of them that says so.

    Raises
    ------
    InputError
        Measurements of an experiment that there is not; more parameters than data.
    """

    def __init__(
        self,
        parameters: ParameterSet,
        measurements: Sequence[Measurement],
        experiments: Sequence[Experiment],
        work: Work,
        tell: Callable[[int], None] | None = None,
    ) -> None:
        self.parameters, self.measurements = parameters, tuple(measurements)
        self.experiments = {e.name: e for e in experiments}
        self.work, self.tell = work, tell or (lambda count: None)
        for m in self.measurements:
            if m.experiment not in self.experiments:
                raise InputError(
                    "there is no such experiment", field=f"data[{m.name}].experiment", value=m.experiment
                )
        ends = np.cumsum([0, *(m.size for m in self.measurements)])
        self.rows = [slice(int(a), int(b)) for a, b in pairwise(ends)]
        self.size = int(ends[-1])
        if self.size < len(parameters):
            raise InputError(
                f"{len(parameters)} parameters cannot be fitted to {self.size} measured numbers",
                field="parameters", value=list(parameters.names), remedy="Fit fewer, or add data",
            )  # fmt: skip
        self.simulations = 0
        self.seconds: list[float] = []
        self.faults: list[Fault] = []
        self._predicted: dict[str, dict[int, Prediction]] = {}
        self._failed: dict[str, str] = {}

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups of the measurements, in order of appearance."""
        return tuple(dict.fromkeys(m.group for m in self.measurements))

    def mask(self, groups: Sequence[str]) -> np.ndarray:
        """Which of the numbers belong to ``groups``, shape (m,)."""
        found = np.zeros(self.size, dtype=bool)
        for m, rows in zip(self.measurements, self.rows, strict=True):
            found[rows] = m.group in groups
        return found

    def at(self, t: np.ndarray) -> Evaluation:
        """One point."""
        return self.many([t])[0]

    def many(self, points: Sequence[np.ndarray]) -> list[Evaluation]:
        """Every point, in order; simulations that several share are run once."""
        natural = [self.parameters.natural(t) for t in points]
        used = {m.experiment for m in self.measurements}
        experiments = [e for e in self.experiments.values() if e.name in used]
        tasks = [[Task.of(e, values) for e in experiments] for values in natural]
        self._compute([task for row in tasks for task in row])
        return [
            self._evaluation(np.asarray(t, dtype=float), {task.experiment.name: task.key for task in row})
            for t, row in zip(points, tasks, strict=True)
        ]

    def _compute(self, tasks: Sequence[Task]) -> None:
        """Predictions of the tasks that are new."""
        new = {task.key: task for task in tasks if task.key not in self._predicted}
        wanted = list(new.values())

        def done(k: int) -> None:
            self.simulations += 1
            self.tell(self.simulations)

        for task, record in zip(wanted, self.work(wanted, done), strict=True):
            if WALL_TIME in record.attrs:
                self.seconds.append(float(record.attrs[WALL_TIME]))
            failed = record.attrs.get("status") == FAILED and "time" not in record.dims
            mine = [i for i, m in enumerate(self.measurements) if m.experiment == task.experiment.name]
            reason = str(record.attrs.get("message", "")) if record.attrs.get("status") == FAILED else ""
            found = {
                i: Prediction.missing(self.measurements[i].size, reason)
                if failed else self.measurements[i].predict(record)
                for i in mine
            }  # fmt: skip
            self._predicted[task.key] = found
            missing = [f"{self.measurements[i].name}: {p.reason}" for i, p in found.items() if p.reason]
            if text := reason or "; ".join(missing):
                self._failed[task.key] = f"{task.experiment.name}: {text}"
                self.faults.append(Fault(task.experiment.name, task.values, text))

    def _evaluation(self, t: np.ndarray, keys: Mapping[str, str]) -> Evaluation:
        distance = float(np.linalg.norm((t - self.parameters.start) / self.parameters.scale))
        predictions = tuple(self._predicted[keys[m.experiment]][i] for i, m in enumerate(self.measurements))
        residual = [m.residual(p, distance) for m, p in zip(self.measurements, predictions, strict=True)]
        faults = tuple(self._failed[key] for key in keys.values() if key in self._failed)
        return Evaluation(t, np.concatenate(residual), predictions, faults)
