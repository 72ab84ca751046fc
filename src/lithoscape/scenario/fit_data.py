"""The data of a FIT.yaml as measurements, checked against the scenarios that are to predict them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, nearest
from ..fit import Measurement
from ..specification import relocated
from ..validation.cases import UNITS, Case, Target, load_case
from ..validation.observables import OBSERVABLES
from .build import Plan
from .fit_predict import Curve, End, Nyquist, Observable, Place
from .fit_schema import (
    DataSpec,
    EndSpec,
    ImpedanceSpec,
    LithiationSpec,
    ObservableSpec,
    TargetsSpec,
    VoltageSpec,
)
from .fit_table import Columns, columns

VOLTAGE, IMPEDANCE, SOL = "voltage", "impedance", "SoL"
ELECTRICAL = ("time_of_top_of_charge", "discharge_capacity_share", "nominal_capacity")
"""Observables that need no gauge map."""
CURVE_AXES = {"time": "Time (min)", "capacity": "Charge passed (mAh/cm²)"}


def measurements(spec: DataSpec, where: str, experiment: str, plan: Plan, folder: Path) -> list[Measurement]:
    """One entry of ``data`` as measurements.

    Parameters
    ----------
    where:
        Its place in the file, for messages: "data[2]".
    experiment, plan:
        Name of the experiment that predicts it, and its plan at the start.
    folder:
        Folder of the fit file.

    Raises
    ------
    InputError
        Whatever the plan cannot predict, units and uncertainties that are missing.
    """
    try:
        return _READERS[type(spec)](spec, where, experiment, plan, folder)
    except InputError as error:
        field = str(error.field)
        if field.startswith("data[") and not field.startswith(where):
            # measurements know their names, not their place in the file
            raise relocated(error, where + field[field.rindex("]") + 1 :]) from None
        raise


def _voltage(spec: VoltageSpec, where: str, experiment: str, plan: Plan, folder: Path) -> list[Measurement]:
    table = columns(where, folder, spec.file, spec.values)
    at, values = table.get(spec.against), table.get("voltage")
    sigma = _uncertainty(table, "voltage", None if spec.uncertainty_mV is None else spec.uncertainty_mV / 1e3,
                         "uncertainty_mV", values)  # fmt: skip
    place = _place(spec.cycle, spec.step, where, plan)
    if spec.against == "capacity" and place.step is None:
        raise InputError(
            "charge passed is counted within one step", field=f"{where}.step", remedy="Give cycle and step"
        )
    _check_times(at, spec.against, place, where, plan)
    name = spec.name or f"voltage, {place}"
    return [
        Measurement(name, spec.group or VOLTAGE, experiment, at, CURVE_AXES[spec.against], values, sigma, "V",
                    Curve(place, at, spec.against))
    ]  # fmt: skip


def _end(spec: EndSpec, where: str, experiment: str, plan: Plan, folder: Path) -> list[Measurement]:
    place, found = _place(spec.cycle, spec.step, where, plan), []
    rows = (
        ("time", spec.time_min, spec.uncertainty_min, "min", "uncertainty_min"),
        ("capacity", spec.capacity_mAh_cm2, spec.uncertainty_mAh_cm2, "mAh/cm2", "uncertainty_mAh_cm2"),
    )
    for against, value, sigma, unit, key in rows:
        if value is None:
            continue
        if sigma is None:
            raise _no_uncertainty(where, key)
        name = f"{spec.name or f'end of {place}'}, {against}"
        found.append(
            _number(name, spec.group or VOLTAGE, experiment, value, sigma, unit, End(place, against))
        )
    if not found:
        raise InputError(
            "nothing is measured here", field=where, remedy="Give time_min or capacity_mAh_cm2, or both"
        )
    return found


def _impedance(
    spec: ImpedanceSpec, where: str, experiment: str, plan: Plan, folder: Path
) -> list[Measurement]:
    table = columns(where, folder, spec.file, spec.values)
    f, real, imaginary = (table.get(name) for name in ("frequency", "real", "imaginary"))
    order = np.argsort(f)
    f, values = f[order], np.concatenate([real[order], imaginary[order]])
    if f[0] <= 0 or np.any(np.diff(f) == 0):
        raise InputError(
            "frequencies are positive, each once", field=f"{where}.frequency_Hz", value=float(f[0])
        )
    if spec.uncertainty_percent is not None:
        modulus = np.hypot(real, imaginary)[order]
        given: Any = 0.01 * spec.uncertainty_percent * np.concatenate([modulus, modulus])
    else:
        given = spec.uncertainty_ohm_cm2
    sigma = _uncertainty(Columns(where, {}), "real", given, "uncertainty_ohm_cm2", values)
    name = spec.name or f"impedance at the {spec.at}"
    return [
        Measurement(name, spec.group or IMPEDANCE, experiment, np.concatenate([f, f]), "Frequency (Hz)",
                    values, sigma, "ohm cm2", Nyquist(spec.at, f.size))
    ]  # fmt: skip


def _lithiation(
    spec: LithiationSpec, where: str, experiment: str, plan: Plan, folder: Path
) -> list[Measurement]:
    gauge = plan.scenario.instruments.gauge_map
    if gauge is None:
        raise InputError(
            "the scenario has no gauge map", field=where, value=experiment,
            remedy="Add instruments.gauge_map to the scenario",
        )  # fmt: skip
    depths = gauge.depths_um
    if not np.any(np.isclose(depths, spec.depth_um, atol=0.01)):
        raise InputError(
            "the gauge map has no such depth", field=f"{where}.depth_um", value=spec.depth_um,
            remedy="Valid: " + ", ".join(f"{d:g}" for d in depths),
        )  # fmt: skip
    if spec.lateral_group is not None and spec.lateral_group not in gauge.groups:
        raise InputError(
            "the gauge map has no such group", field=f"{where}.lateral_group", value=spec.lateral_group,
            remedy=nearest(spec.lateral_group, list(gauge.groups)),
        )  # fmt: skip
    positions = gauge.positions_um
    if spec.position_um is not None and not np.any(np.isclose(positions, spec.position_um, atol=0.01)):
        raise InputError(
            "the gauge map has no such position", field=f"{where}.position_um", value=spec.position_um,
            remedy="Valid: " + ", ".join(f"{x:g}" for x in positions),
        )  # fmt: skip
    table = columns(where, folder, spec.file, spec.values)
    at, values = table.get("time"), table.get("lithiation")
    sigma = _uncertainty(table, "lithiation", spec.uncertainty_percent, "uncertainty_percent", values)
    place = _place(spec.cycle, spec.step, where, plan)
    _check_times(at, "time", place, where, plan)
    position = None if spec.position_um is None else 1e-6 * spec.position_um
    curve = Curve(place, at, "time", 1e-6 * spec.depth_um, spec.lateral_group, position)
    what = spec.lateral_group or ("level" if position is None else f"{spec.position_um:g} um")
    name = spec.name or f"SoL at {spec.depth_um:g} um, {what}, {place}"
    return [
        Measurement(name, spec.group or SOL, experiment, at, CURVE_AXES["time"], values, sigma, "%", curve)
    ]


def _observable(
    spec: ObservableSpec, where: str, experiment: str, plan: Plan, folder: Path
) -> list[Measurement]:
    case = _case(spec.case, where, folder)
    if spec.observable not in OBSERVABLES:
        raise InputError(
            "there is no such observable", field=f"{where}.observable", value=spec.observable,
            remedy=nearest(spec.observable, list(OBSERVABLES)),
        )  # fmt: skip
    if spec.unit not in UNITS or spec.unit == "pattern":
        raise InputError(
            "there is no such unit", field=f"{where}.unit", value=spec.unit,
            remedy=nearest(spec.unit, list(UNITS)),
        )  # fmt: skip
    _check_arguments(spec, case, where)
    group = spec.group or _group(spec.observable)
    _check_gauge(spec.observable, where, experiment, plan)
    predict = Observable(spec.observable, dict(spec.arguments), spec.unit, case.frame)
    name = spec.name or f"{spec.observable} {' '.join(map(str, spec.arguments.values()))}".strip()
    return [_number(name, group, experiment, spec.value, spec.uncertainty, spec.unit, predict)]


def _targets(spec: TargetsSpec, where: str, experiment: str, plan: Plan, folder: Path) -> list[Measurement]:
    case = _case(spec.case, where, folder)
    known = {t.id: t for t in case.targets}
    chosen = [t for t in case.targets if t.use == "validate" and _is_number(t)]
    if spec.ids != "validate":
        for name in spec.ids:
            if name not in known:
                raise InputError(
                    "the case has no such target", field=f"{where}.ids", value=name,
                    remedy=nearest(name, list(known)),
                )  # fmt: skip
            if not _is_number(known[name]):
                raise InputError(
                    "only a number with a tolerance can be fitted", field=f"{where}.ids", value=name,
                    remedy="Leave out patterns, ranges and findings of studies",
                )  # fmt: skip
        chosen = [known[name] for name in spec.ids]
    found = []
    for target in chosen:
        _check_gauge(target.observable, where, experiment, plan)
        predict = Observable(target.observable, dict(target.arguments), target.unit, case.frame)
        sigma, group = float(target.tolerance.value or 0.0), spec.group or _group(target.observable)
        name = target.id if spec.name is None else f"{spec.name}: {target.id}"
        found.append(
            _number(name, group, experiment, float(target.value), sigma, target.unit, predict)  # type: ignore[arg-type]
        )
    return found


_READERS: Mapping[type, Callable[..., list[Measurement]]] = {
    VoltageSpec: _voltage, EndSpec: _end, ImpedanceSpec: _impedance, LithiationSpec: _lithiation,
    ObservableSpec: _observable, TargetsSpec: _targets,
}  # fmt: skip


# -- small readers ---------------------------------------------------------
def _number(
    name: str, group: str, experiment: str, value: float, sigma: float, unit: str, predict: Any
) -> Measurement:
    one = np.zeros(1)
    return Measurement(name, group, experiment, one, "", np.array([value]), np.array([sigma]), unit, predict)


def _group(observable: str) -> str:
    return VOLTAGE if observable in ELECTRICAL else SOL


def _is_number(target: Target) -> bool:
    known = target.observable in OBSERVABLES and target.unit != "pattern"
    return known and isinstance(target.value, int | float) and bool(target.tolerance.value)


def _case(name: str, where: str, folder: Path) -> Case:
    try:
        return load_case(folder / name)
    except InputError as error:
        raise relocated(error, f"{where}.case: {error.field}") from None


def _check_arguments(spec: ObservableSpec, case: Case, where: str) -> None:
    names = list(inspect.signature(OBSERVABLES[spec.observable]).parameters)[1:]
    for given in spec.arguments:
        if given not in names:
            raise InputError(
                f"{spec.observable} has no such argument", field=f"{where}.arguments", value=given,
                remedy=nearest(given, names),
            )  # fmt: skip
    if missing := [name for name in names if name not in spec.arguments]:
        raise InputError(
            f"{spec.observable} also needs {', '.join(missing)}", field=f"{where}.arguments",
            value=sorted(spec.arguments), remedy="Add what is missing",
        )  # fmt: skip
    levels = dict.fromkeys(("level", "upper", "lower", "first", "second"), case.frame.levels_um)
    for name, valid in {"cycle": case.frame.cycles, **levels}.items():
        if name in spec.arguments and spec.arguments[name] not in valid:
            raise InputError(
                f"the case has no such {name}", field=f"{where}.arguments.{name}", value=spec.arguments[name],
                remedy=nearest(str(spec.arguments[name]), list(valid)),
            )  # fmt: skip


def _check_gauge(observable: str, where: str, experiment: str, plan: Plan) -> None:
    if plan.scenario.instruments.gauge_map is None and observable not in ELECTRICAL:
        raise InputError(
            f"{observable} needs a gauge map, which the scenario does not have", field=where,
            value=experiment, remedy="Add instruments.gauge_map to the scenario",
        )  # fmt: skip


def _place(cycle: int | None, step: int | None, where: str, plan: Plan) -> Place:
    if step is None:
        if cycle is not None:
            raise InputError("a cycle is given without a step", field=f"{where}.cycle", value=cycle)
        return Place()
    known = {(t.cycle + 1, t.index + 1) for t in plan.sequence.turns()}
    if (cycle or 1, step) not in known:
        raise InputError(
            "the protocol has no such step", field=f"{where}.step", value=f"cycle {cycle or 1}, step {step}",
            remedy="Count cycles, and the steps within each, from 1",
        )  # fmt: skip
    return Place(cycle or 1, step)


def _check_times(at: np.ndarray, against: str, place: Place, where: str, plan: Plan) -> None:
    """Refuse abscissas before the start, or beyond what a step can last."""
    limit = np.inf
    for turn in plan.sequence.turns():
        if place.step is not None and (turn.cycle + 1, turn.index + 1) == (place.cycle, place.step):
            times = [stop.value / 60 for stop in turn.spec.stops if stop.quantity == "time"]
            limit = min(times, default=np.inf) if against == "time" else np.inf
    outside = at[(at < 0) | (at > limit * (1 + 1e-6))]
    if outside.size:
        raise InputError(
            f"a {against} lies outside {place}", field=where, value=float(outside[0]),
            remedy=f"{place} begins at 0" + (f" and lasts {limit:g} min" if np.isfinite(limit) else ""),
        )  # fmt: skip


def _uncertainty(
    table: Columns, quantity: str, given: float | np.ndarray | None, key: str, values: np.ndarray
) -> np.ndarray:
    column = table.find("uncertainty", of=quantity)
    if column is not None:
        return column
    if given is None:
        raise _no_uncertainty(table.where, key)
    return np.broadcast_to(np.asarray(given, dtype=float), values.shape).copy()


def _no_uncertainty(where: str, key: str) -> InputError:
    return InputError(
        "the uncertainty is missing", field=f"{where}.{key}",
        remedy="State the standard deviation of one number: without it, data cannot be weighed",
    )  # fmt: skip
