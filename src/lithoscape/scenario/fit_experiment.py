"""A scenario as an experiment of a fit: parameter values in, record out, nothing written."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from mpi4py import MPI

from ..errors import InputError
from ..fit import digest
from ..simulate import Simulation
from ..solver.potentials import settle
from ..spectra import Spectrum
from .build import build_plan
from .load import Loaded, load_scenario
from .run import _observers, _options, _record

REAL, IMAGINARY = "Impedance real part, {}", "Impedance imaginary part, {}"
VERSION = 1
"""Of what a record holds; raised when old records in stores must not be used any more."""


@dataclass(frozen=True)
class Binding:
    """Which key a parameter sets: ``scale`` times it, and times ``times`` if that is given."""

    parameter: str
    key: str
    scale: float = 1.0
    times: str | None = None

    def value(self, values: Mapping[str, float]) -> float:
        """Value of the key."""
        return self.scale * values[self.parameter] * (1.0 if self.times is None else values[self.times])


@dataclass(frozen=True)
class ScenarioExperiment:
    """A scenario with keys that depend on parameters, see :class:`lithoscape.fit.Experiment`.

    ``spectra`` maps "start" or "end" to the frequencies [Hz] at which the impedance is asked for there.
    """

    name: str
    path: Path
    variant: str | None
    changes: tuple[tuple[str, Any], ...]
    bindings: tuple[Binding, ...]
    spectra: tuple[tuple[str, tuple[float, ...]], ...] = ()

    def loaded(self, values: Mapping[str, float]) -> Loaded:
        """The scenario at parameter values; nothing but curves is kept of its run."""
        quiet = {"output.moments": [], "output.fields": False, "output.pictures": False}
        return load_scenario(self.path, self.variant, {**dict(self.changes), **quiet, **self.keys(values)})

    def as_it_is(self, values: Mapping[str, float]) -> Loaded:
        """The scenario at parameter values, with everything that it keeps."""
        return load_scenario(self.path, self.variant, {**dict(self.changes), **self.keys(values)})

    def keys(self, values: Mapping[str, float]) -> dict[str, float]:
        """Dotted keys that the parameters set, and their values."""
        return {b.key: b.value(values) for b in self.bindings}

    def digest(self, values: Mapping[str, float]) -> str:
        """Hash of the scenario at these values and of the spectra that are asked for."""
        said = self.loaded(values).scenario.model_dump(mode="json")
        for name in ("title", "description", "validation"):
            said.pop(name)
        return digest({"scenario": said, "spectra": [list(s) for s in self.spectra], "version": VERSION})

    def simulate(self, values: Mapping[str, float]) -> xr.Dataset:
        """The record of a run, with the spectra asked for.

        Raises
        ------
        InputError
            Values that make no valid scenario.
        KeyboardInterrupt
            The run was interrupted.
        """
        loaded = self.loaded(values)
        plan = build_plan(loaded.scenario, loaded.path.parent)
        with tempfile.TemporaryDirectory() as name:
            problem, _ = plan.problem(MPI.COMM_SELF, None, None)
            observers = _observers(plan, problem, Path(name))
            simulation = Simulation(
                problem, plan.sequence, plan.base,
                probes=observers.probes, coordinates=observers.coordinates, options=_options(loaded),
            )  # fmt: skip
            observers.start(simulation)
            asked = dict(self.spectra)
            found: dict[str, Spectrum] = {}
            if "start" in asked:
                history = simulation.stepper.initial()
                settle(simulation.system, 0.0)
                found["start"] = simulation.spectrum(np.array(asked["start"]))
                # the run goes on as if nothing had been measured
                simulation.stepper.load(history.now)
                simulation.newton.forget()
            solution = simulation.run()
            if solution.outcome.status == "interrupted":
                raise KeyboardInterrupt
            record = _record(loaded, plan, problem.domain.digest(), observers, solution)
            if "end" in asked and solution.outcome.ok:
                found["end"] = simulation.spectrum(np.array(asked["end"]))
        return _with_spectra(record, found)


def _with_spectra(record: xr.Dataset, found: Mapping[str, Spectrum]) -> xr.Dataset:
    for where, spectrum in found.items():
        dimension = f"frequency {where}"
        record[REAL.format(where)] = (dimension, spectrum.impedance.real, {"units": "ohm.m2"})
        record[IMAGINARY.format(where)] = (dimension, spectrum.impedance.imag, {"units": "ohm.m2"})
    return record


def check_keys(experiment: ScenarioExperiment, values: Mapping[str, float], where: Mapping[str, str]) -> None:
    """Refuse what the scenario cannot be set to, at the parameter that names it.

    ``where`` maps a key to its place in the fit file.

    Raises
    ------
    InputError
        A key that the scenario does not have, a value that it does not take.
    """
    try:
        loaded = experiment.loaded(values)
        build_plan(loaded.scenario, loaded.path.parent)
    except InputError as error:
        field = str(error.field).removeprefix("--set ")
        related = [key for key in where if field.startswith(key) or key.startswith(field)]
        at = where[max(related, key=len)] if related else f"experiments.{experiment.name}"
        raise InputError(
            error.message, field=f"{at}: {field}", value=error.value, remedy=error.remedy
        ) from None
