"""FIT.yaml: reading it, checking it against its scenarios, running the fit into a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from .. import fit
from ..errors import InputError, SolveError, nearest
from ..fit import Measurement, Objective, Parameter, ParameterSet, Prior, Store, Study, workers
from ..specification import read_mapping, validated
from .build import Plan, build_plan
from .fit_clock import Clock
from .fit_data import measurements
from .fit_experiment import Binding, ScenarioExperiment, check_keys
from .fit_predict import Nyquist
from .fit_schema import FitFile, KeySpec, ParameterSpec, PriorSpec

STORE = "records"
CLOCK = "times.json"
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class LoadedFit:
    """A FIT.yaml, checked: everything that :func:`run_fit` needs."""

    path: Path
    file: FitFile
    parameters: ParameterSet
    experiments: tuple[ScenarioExperiment, ...]
    measurements: tuple[Measurement, ...]
    plan: fit.Plan

    @property
    def name(self) -> str:
        """File stem."""
        return self.path.stem

    @property
    def start(self) -> dict[str, float]:
        """Starting values."""
        return {p.name: p.start for p in self.parameters}


@dataclass(frozen=True)
class FitResult:
    """What a fit left: its folder, what it found, and how long each of its runs took [s]."""

    folder: Path
    loaded: LoadedFit
    objective: Objective
    study: Study
    runs: tuple[float, ...] = ()


def json_schema() -> dict[str, Any]:
    """JSON Schema of FIT.yaml, for editors."""
    return FitFile.model_json_schema()


def load_fit(path: Path) -> LoadedFit:
    """Read and check a FIT.yaml; nothing is simulated.

    Raises
    ------
    InputError
        Whatever does not fit, by its key: files, keys of scenarios, steps, units, uncertainties, bounds.
    """
    file = validated(FitFile, read_mapping(path, "fit", "scenarios/"), kind="fit")
    folder = path.parent
    parameters = ParameterSet(tuple(_parameter(name, spec) for name, spec in file.parameters.items()))
    _check_names(file)
    experiments = [_experiment(name, file, folder) for name in file.experiments]
    start = {p.name: p.start for p in parameters}
    plans = {e.name: _plan(e, file, start) for e in experiments}
    found = _measurements(file, plans, folder)
    experiments = [_with_spectra(e, found) for e in experiments]
    groups = tuple(dict.fromkeys(m.group for m in found))
    plan = fit.Plan(
        solver_tolerance=max(p.scenario.solver.relative_tolerance for p in plans.values()),
        subsets=_subsets(file, groups), tolerance=file.tolerance, most=file.iterations,
        search=file.search, screening=file.screening.method, screening_count=file.screening.count,
        profiles=file.profiles != "none", profiles_of_subsets=file.profiles == "subsets",
        posterior=file.posterior.method, walkers=file.posterior.walkers, steps=file.posterior.steps,
        seed=file.seed,
    )  # fmt: skip
    loaded = LoadedFit(path, file, parameters, tuple(experiments), tuple(found), plan)
    Objective(parameters, found, experiments, lambda tasks, done: [])  # counts numbers against parameters
    return loaded


def run_fit(
    loaded: LoadedFit,
    folder: Path,
    *,
    resume: bool = False,
    count: int | None = None,
    progress: Progress | None = None,
) -> FitResult:
    """Carry out a fit; records are kept in ``folder``, and with ``resume`` found there again.

    Parameters
    ----------
    count:
        Processes; None: as the file says.
    progress:
        Called with (share done, what is done).

    Raises
    ------
    InputError
        A folder with records of an earlier fit without ``resume``; none with it.
    SolveError
        The start cannot be simulated.
    """
    store = Store(folder / STORE)
    there = len(store)
    if there and not resume:
        raise InputError(
            f"{there} records of an earlier fit are in this folder", field="--out", value=str(folder),
            remedy="Continue it with --resume, or choose another folder",
        )  # fmt: skip
    if resume and not there:
        raise InputError(
            "there is no fit to resume", field="--resume", value=str(folder), remedy="Run without --resume"
        )
    store.folder.mkdir(parents=True, exist_ok=True)
    clock = Clock(folder / CLOCK)
    say = _Teller(progress, clock)
    with workers(count or loaded.file.workers, store) as work:
        objective = Objective(loaded.parameters, loaded.measurements, loaded.experiments, work, say.count)
        _check_reach(objective)
        found = fit.study(objective, loaded.plan, say.stage)
    clock.keep()
    return FitResult(folder, loaded, objective, found, tuple(clock.runs))


@dataclass
class _Teller:
    """Stages and simulations as one line of progress; keeps the time."""

    progress: Progress | None
    clock: Clock
    share: float = 0.0
    text: str = "start"

    def stage(self, share: float, text: str) -> None:
        self.share, self.text = share, text
        self.count(0)

    def count(self, simulations: int) -> None:
        self.clock.keep(at_least_every=1.0)
        if self.progress is not None:
            self.progress(self.share, f"{self.text} · {simulations or '...'} simulations · fit")


def _check_reach(objective: Objective) -> None:
    """Refuse data of which the run at the start does not reach half."""
    first = objective.at(objective.parameters.start)
    if first.faults and all(np.isnan(p.values).all() for p in first.predictions):
        raise SolveError(
            f"the simulation fails where the fit starts: {first.faults[0]}", field="parameters",
            value=objective.parameters.natural(first.t),
            remedy="Run the scenario with these values first, and choose a start that works",
        )  # fmt: skip
    for m, p in zip(objective.measurements, first.predictions, strict=True):
        if m.size > 1 and np.mean(p.shortfall > 0) > 0.5:
            raise InputError(
                f"most of the data lie beyond the run at the start: {p.reason}", field=f"data[{m.name}]",
                value=float(m.axis.max()), remedy="Check the unit of the abscissa, the step, and the start",
            )  # fmt: skip


# -- from the file ---------------------------------------------------------
def _parameter(name: str, spec: ParameterSpec) -> Parameter:
    prior = _prior(spec.prior, f"parameters.{name}.prior")
    return Parameter(name, spec.start, spec.low, spec.high, spec.transform, prior, spec.unit)


def _prior(spec: PriorSpec, where: str) -> Prior:
    wanted = {"uniform": (), "normal": ("mean", "deviation"), "lognormal": ("median", "factor")}[spec.kind]
    for key in ("mean", "deviation", "median", "factor"):
        if (getattr(spec, key) is not None) != (key in wanted):
            has = " and ".join(wanted) or "nothing but its kind"
            raise InputError(
                f"a {spec.kind} prior has {has}", field=f"{where}.{key}", value=getattr(spec, key),
                remedy="Correct this key",
            )  # fmt: skip
    return Prior(spec.kind, *(getattr(spec, key) for key in wanted))


def _check_names(file: FitFile) -> None:
    """Experiments and parameters that other parts of the file name."""
    for name, spec in file.parameters.items():
        for experiment in spec.experiments or ():
            _require(f"parameters.{name}.experiments", experiment, list(file.experiments))
        for k, key in enumerate(spec.keys):
            if isinstance(key, KeySpec) and key.times is not None:
                _require(f"parameters.{name}.keys[{k}].times", key.times, list(file.parameters))
    for k, data in enumerate(file.data):
        if data.experiment is not None:
            _require(f"data[{k}].experiment", data.experiment, list(file.experiments))
        elif len(file.experiments) > 1:
            raise InputError(
                "there are several experiments", field=f"data[{k}].experiment",
                remedy=f"Name the one that was measured: {', '.join(file.experiments)}",
            )  # fmt: skip


def _require(field: str, name: str, valid: list[str]) -> None:
    if name not in valid:
        raise InputError("there is none of this name", field=field, value=name, remedy=nearest(name, valid))


def _experiment(name: str, file: FitFile, folder: Path) -> ScenarioExperiment:
    spec = file.experiments[name]
    bindings = []
    for parameter, chosen in file.parameters.items():
        if chosen.experiments is not None and name not in chosen.experiments:
            continue
        for key in chosen.keys:
            k = KeySpec(key=key) if isinstance(key, str) else key
            bindings.append(Binding(parameter, k.key, k.scale, k.times))
    changes = tuple(spec.changes.items())
    return ScenarioExperiment(name, folder / spec.scenario, spec.variant, changes, tuple(bindings))


def _plan(experiment: ScenarioExperiment, file: FitFile, start: Mapping[str, float]) -> Plan:
    """The plan at the start; wrong keys are refused where the file names them."""
    where = {b.key: f"parameters.{b.parameter}.keys" for b in experiment.bindings}
    check_keys(experiment, start, where)
    loaded = experiment.loaded(start)
    return build_plan(loaded.scenario, loaded.path.parent)


def _measurements(file: FitFile, plans: Mapping[str, Plan], folder: Path) -> list[Measurement]:
    only = next(iter(plans))
    found = list(
        chain.from_iterable(
            measurements(spec, f"data[{k}]", spec.experiment or only, plans[spec.experiment or only], folder)
            for k, spec in enumerate(file.data)
        )
    )
    names = [m.name for m in found]
    return [
        replace(m, name=f"{m.name} ({m.experiment} {k})") if names.count(m.name) > 1 else m
        for k, m in enumerate(found)
    ]


def _with_spectra(experiment: ScenarioExperiment, found: list[Measurement]) -> ScenarioExperiment:
    """The experiment with the frequencies at which its impedance was measured."""
    asked: dict[str, tuple[float, ...]] = {}
    for m in found:
        if isinstance(m.predict, Nyquist) and m.experiment == experiment.name:
            if m.predict.where in asked:
                raise InputError(
                    "two spectra of one state", field=f"data[{m.name}].at", value=m.predict.where,
                    remedy="Put them into one table",
                )  # fmt: skip
            asked[m.predict.where] = tuple(float(f) for f in m.axis[: m.predict.count])
    return replace(experiment, spectra=tuple(sorted(asked.items())))


def _subsets(file: FitFile, groups: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    if file.subsets is None:
        return {f"{g} only": (g,) for g in groups} if len(groups) > 1 else {}
    for name, members in file.subsets.items():
        for group in members:
            _require(f"subsets.{name}", group, list(groups))
    return {name: tuple(members) for name, members in file.subsets.items()}
