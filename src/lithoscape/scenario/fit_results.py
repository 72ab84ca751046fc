"""What a fit leaves in its folder: results.json, fitted scenarios, material sets as BPX, and the page."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from .. import records
from ..errors import InputError
from ..fit import ALL, Identification, Profile, Study, interval
from ..materials import MaterialSet, write_bpx
from ..report.fit import FitPage, write_fit_page
from .build import Plan, build_plan
from .fit import FitResult
from .fit_experiment import ScenarioExperiment
from .fit_predict import Observable
from .fit_schema import TargetsSpec
from .schema import Transport

FITTED = "fitted"


def write_results(result: FitResult) -> dict[str, Any]:
    """Write everything; the content of results.json.

    ``results.json`` comes first, and again with the notes of what was written after it: numbers that took
    hours must not be lost because a material set cannot be written. ``fitted/EXPERIMENT.yaml`` is a scenario
    that `lithoscape run` takes; ``fitted/EXPERIMENT.bpx.json`` its material set;
    ``fitted/CASE.fitted.yaml`` the changes and the targets they were fitted to, for the validation book.
    """
    folder = result.folder
    content = summary(result) | {"notes": []}
    _write_json(content, folder)
    (folder / FITTED).mkdir(parents=True, exist_ok=True)
    for experiment in result.loaded.experiments:
        content["notes"] += _write_fitted(result, experiment)
    _write_cases(result)
    _write_json(content, folder)
    page = FitPage(result.loaded.file.title, result.loaded.file.description, result.objective, result.study,
                   content)  # fmt: skip
    write_fit_page(folder, page)
    return content


def _write_json(content: dict[str, Any], folder: Path) -> None:
    text = json.dumps(plain(content), indent=1, allow_nan=False)
    (folder / "results.json").write_text(text + "\n", encoding="utf-8")


def summary(result: FitResult) -> dict[str, Any]:
    """Numbers of a fit as plain data."""
    found, loaded = result.study, result.loaded
    return {
        "title": loaded.file.title,
        "parameters": {p.name: _parameter(result, k) for k, p in enumerate(loaded.parameters)},
        "chi2": found.best.chi2,
        "chi2_at_start": found.start.chi2,
        "chi2_of_priors": found.best.priors,
        "numbers": result.objective.size,
        "degrees_of_freedom": result.objective.size - len(loaded.parameters),
        "converged": found.best.converged,
        "message": found.best.message,
        "data": [_data(result, i) for i in range(len(loaded.measurements))],
        "identifiability": {
            name: _identification(loaded.parameters.names, i, loaded.parameters.scale)
            for name, i in found.identifications.items()
        },
        "profiles": {
            name: {p.name: _profile(result, p) for p in members} for name, members in found.profiles.items()
        },
        "posterior": _posterior(found, loaded.parameters.names),
        "screening": _screening(found, loaded.parameters.names),
        "derivatives": {
            "steps": dict(zip(loaded.parameters.names, found.at.steps, strict=True)),
            "change_with_step": dict(zip(loaded.parameters.names, found.step_error, strict=True)),
            "error_from_noise": dict(zip(loaded.parameters.names, found.noise_error, strict=True)),
            "largest_noise": float(found.noise.max()),
        },
        "simulations": found.simulations,
        "restarts": found.restarts,
        "lower_by": found.lower,
        "time": _time(result),
        "failed": [
            {"experiment": f.experiment, "values": dict(f.values), "reason": f.reason} for f in found.faults
        ],
        "provenance": records.provenance(),
    }


def _parameter(result: FitResult, k: int) -> dict[str, Any]:
    p, found = result.loaded.parameters.members[k], result.study
    whole, t = found.identifications[ALL], float(found.best.t[k])
    low, high = p.bounds
    return {
        "value": p.natural(t),
        "unit": p.unit,
        "interval_95": interval(result.loaded.parameters, k, t, float(whole.deviations[k])),
        "deviation_of_t": float(whole.deviations[k]),
        "transform": p.transform,
        "identified": bool(whole.identified(result.loaded.parameters.scale)[k]),
        "at_bound": bool(min(t - low, high - t) < 1e-3 * p.scale),
        "start": p.start,
        "bounds": (p.low, p.high),
        "prior": p.prior.kind,
        "prior_centre": p.prior.centre,
        "prior_width": p.prior.width,
        "scale": p.scale,
    }


def _data(result: FitResult, i: int) -> dict[str, Any]:
    m, found, rows = result.loaded.measurements[i], result.study, result.objective.rows[i]
    residual, prediction = found.best.at.residual[rows], found.best.at.predictions[i]
    entry = {
        "name": m.name, "group": m.group, "experiment": m.experiment, "unit": m.unit, "numbers": m.size,
        "chi2": float(residual @ residual), "chi2_at_start": float(np.sum(found.start.residual[rows] ** 2)),
        "missing": prediction.reason,
    }  # fmt: skip
    if m.size == 1:
        entry |= {"measured": m.values[0], "uncertainty": m.sigma[0], "fitted": prediction.values[0],
                  "residual": residual[0]}  # fmt: skip
    return entry


def _time(result: FitResult) -> dict[str, Any]:
    """Wall time over all runs, and of one simulation; ``timed`` of the records say how long they took."""
    seconds = result.objective.seconds
    return {
        "runs_s": result.runs,
        "whole_s": sum(result.runs),
        "median_simulation_s": float(np.median(seconds)) if seconds else None,
        "timed": len(seconds),
    }


def _identification(names: tuple[str, ...], found: Identification, scale: np.ndarray) -> dict[str, Any]:
    return {
        "groups": found.groups,
        "numbers": found.numbers,
        "identified": dict(zip(names, found.identified(scale), strict=True)),
        "deviation_without_priors": dict(zip(names, found.alone, strict=True)),
        "deviation": dict(zip(names, found.deviations, strict=True)),
        "correlation": found.correlation,
        "combinations": [
            {"information": c.information, "identified": c.identified, "direction": c.text(names)}
            for c in found.combinations
        ],
    }


def _profile(result: FitResult, p: Profile) -> dict[str, Any]:
    member = result.loaded.parameters.members[result.loaded.parameters.names.index(p.name)]
    return {
        "values": [member.natural(float(t)) for t in p.t],
        "delta_chi2": p.delta,
        "interval_95": (member.natural(p.low), member.natural(p.high)),
        "open": (p.open_low, p.open_high),
    }


def _posterior(found: Study, names: tuple[str, ...]) -> dict[str, Any] | None:
    if found.posterior is None:
        return None
    p = found.posterior
    return {
        "method": p.method, "samples": len(p.samples), "acceptance": p.acceptance,
        "long_enough": p.long_enough, "autocorrelation": dict(zip(names, p.autocorrelation, strict=True)),
        "quantiles_2.5_50_97.5": dict(zip(names, p.quantiles, strict=True)),
    }  # fmt: skip


def _screening(found: Study, names: tuple[str, ...]) -> dict[str, Any] | None:
    if found.screening is None:
        return None
    s = found.screening
    tables = {
        group: {n: dict(zip(s.measures, row, strict=True)) for n, row in zip(names, rows, strict=True)}
        for group, rows in s.values.items()
    }
    return {"method": s.method, "simulations": s.simulated, "groups": tables}


def plain(content: Any) -> Any:
    """Plain data that JSON can say; numbers that are not finite become null."""
    if isinstance(content, dict):
        return {str(k): plain(v) for k, v in content.items()}
    if isinstance(content, list | tuple | np.ndarray):
        return [plain(v) for v in content]
    if isinstance(content, np.generic):
        content = content.item()
    return None if isinstance(content, float) and not math.isfinite(content) else content


# -- what can be run again ---------------------------------------------------
def _write_fitted(result: FitResult, experiment: ScenarioExperiment) -> list[str]:
    """The scenario and the material set of one experiment at the best fit; what BPX cannot say."""
    folder = result.folder / FITTED
    values = result.loaded.parameters.natural(result.study.best.t)
    loaded = experiment.as_it_is(values)
    # moments of a protocol that the experiment has replaced
    output = loaded.scenario.output.model_copy(update={"moments": []})
    scenario = loaded.scenario.model_copy(update={"output": output})
    said = scenario.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    if loaded.scenario.validation is not None:
        case = (loaded.path.parent / loaded.scenario.validation).resolve()
        said["validation"] = os.path.relpath(case, folder.resolve())
    said["title"] = f"{loaded.scenario.title}, fitted: {result.loaded.file.title}"
    file = folder / f"{experiment.name}.yaml"
    head = f"# Best fit of {result.loaded.path.name}; run it with: lithoscape run {file.name}\n"
    text = yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=100)
    file.write_text(head + text, encoding="utf-8")
    plan = build_plan(scenario, loaded.path.parent)
    try:
        notes = write_bpx(_as_one_set(plan), folder / f"{experiment.name}.bpx.json", allow_lossy=True)
    except InputError as error:
        return [f"{experiment.name}: no BPX file: {error.describe()}"]
    return [f"{experiment.name}, BPX: {note}" for note in notes]


def _as_one_set(plan: Plan) -> MaterialSet:
    """The set with the transport through the electrode as its Bruggeman exponent, which is all BPX has."""
    m, transport = plan.materials, plan.scenario.electrode.transport
    if isinstance(transport, str):
        return m
    through = transport.through if isinstance(transport, Transport) else float(transport)
    exponent = math.log(through) / math.log(m.positive.porosity)
    return replace(m, positive=replace(m.positive, bruggeman_electrolyte=exponent))


def _write_cases(result: FitResult) -> None:
    """Changes and targets they were fitted on, one file per validation case."""
    loaded, values = result.loaded, result.loaded.parameters.natural(result.study.best.t)
    by_case: dict[str, list[str]] = {}
    for spec in loaded.file.data:
        if isinstance(spec, TargetsSpec):
            name = spec.experiment or loaded.experiments[0].name
            keys = next(e for e in loaded.experiments if e.name == name).keys(values)
            ids = [
                m.name.split(": ")[-1] for m in loaded.measurements
                if m.experiment == name and isinstance(m.predict, Observable) and m.size == 1
                and (spec.ids == "validate" or m.name.split(": ")[-1] in spec.ids)
            ]  # fmt: skip
            by_case[spec.case] = by_case.get(spec.case, []) + ids
            content = {
                "changes": keys, "fitted_on": by_case[spec.case],
                "note": f"{loaded.file.title}; chi2 {result.study.best.chi2:.4g} of "
                f"{result.objective.size} numbers",
            }  # fmt: skip
            file = result.folder / FITTED / f"{Path(spec.case).stem}.fitted.yaml"
            file.write_text(yaml.safe_dump(plain(content), sort_keys=False), encoding="utf-8")
