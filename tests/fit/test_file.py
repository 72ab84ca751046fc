"""FIT.yaml: what it says, and every mistake as one error with field, value and remedy."""

import copy
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml

from lithoscape.errors import InputError
from lithoscape.scenario.fit import load_fit
from lithoscape.scenario.fit_predict import Curve, End, Place

ROOT = Path(__file__).parents[2]
CASE = str(ROOT / "validation" / "mcc_xrd_nmc622.yaml")
BASE = {
    "title": "x",
    "experiments": {"fast": {"scenario": str(ROOT / "scenarios" / "half_cell_xu2019.yaml")}},
    "parameters": {
        "through": {"keys": ["electrode.transport"], "start": 0.1, "low": 0.01,
                    "high": 0.4, "transform": "log"}
    },
    "data": [
        {
            "kind": "voltage", "cycle": 3, "step": 1, "uncertainty_mV": 2.0,
            "values": {"time_min": [0.0, 5.0, 9.0], "voltage_V": [4.1, 4.0, 4.0]},
        }
    ],
}  # fmt: skip
GAUGE = {"experiments/fast/scenario": str(ROOT / "scenarios" / "cracked_nmc622.yaml")}
LITHIATION = {
    "kind": "lithiation", "depth_um": 25.0, "uncertainty_percent": 2.0, "step": 1,
    "values": {"time_min": [1.0], "lithiation_percent": [90.0]},
}  # fmt: skip
OBSERVABLE = {
    "kind": "observable", "observable": "lateral_separation", "arguments": {"cycle": "0.8C", "level": "top"},
    "value": 1.0, "unit": "% SoL", "uncertainty": 2.0, "case": CASE,
}  # fmt: skip


def written(folder: Path, edits: dict) -> Path:
    content = copy.deepcopy(BASE)
    for key, value in edits.items():
        *parts, last = key.split("/")
        inner = content
        for part in parts:
            inner = inner[int(part)] if isinstance(inner, list) else inner[part]
        if value is None:
            del inner[last]
        else:
            inner[int(last) if isinstance(inner, list) else last] = value
    file = folder / "fit.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


P = "parameters/through"
BAD = {
    "unknown key": ({"tilte": 1}, "tilte", "'title'"),
    "unknown parameter path": (
        {f"{P}/keys": ["electrode.trnsport"]}, "parameters.through.keys", "transport",
    ),
    "unknown material path": (
        {f"{P}/keys": ["materials.changes.positive.radius"]}, "parameters.through.keys", "particle_radius",
    ),
    "a value that the scenario does not take": (
        {f"{P}/keys": [{"key": "electrode.transport", "scale": 20.0}]}, "parameters.through.keys", "2.0",
    ),
    "ratio to nothing": (
        {f"{P}/keys": [{"key": "electrode.transport", "times": "thruogh"}]},
        "parameters.through.keys[0].times",
        "'through'",
    ),
    "bounds reversed": ({f"{P}/low": 0.5, f"{P}/high": 0.2}, "parameters.through", "low < high"),
    "start outside": ({f"{P}/start": 0.5}, "parameters.through.start", "0.5"),
    "prior without its numbers": (
        {f"{P}/prior": {"kind": "normal", "mean": 0.1}}, "parameters.through.prior.deviation",
        "mean and deviation",
    ),
    "unknown transform": ({f"{P}/transform": "ln"}, "parameters.through.transform", "'log'"),
    "no such scenario": ({"experiments/fast/scenario": "x.yaml"}, "experiments.fast: scenario", "x.yaml"),
    "no such experiment": ({"data/0/experiment": "slow"}, "data[0].experiment", "fast"),
    "uncertainty zero": ({"data/0/uncertainty_mV": 0.0}, "data[0].uncertainty", "above 0"),
    "uncertainty missing": ({"data/0/uncertainty_mV": None}, "data[0].uncertainty_mV", "standard deviation"),
    "unit missing": (
        {"data/0/values": {"time": [1.0], "voltage_V": [4.0]}}, "data[0].time", "time_min",
    ),
    "unknown unit": ({"data/0/values": {"time_d": [1.0], "voltage_V": [4.0]}}, "data[0].time_d", "'d'"),
    "column missing": ({"data/0/values": {"time_min": [1.0]}}, "data[0]", "voltage_V"),
    "columns differ": ({"data/0/values": {"time_min": [1.0, 2.0], "voltage_V": [4.0]}}, "data[0]", "length"),
    "no such file": ({"data/0/values": None, "data/0/file": "x.csv"}, "data[0].file", "x.csv"),
    "file and values": ({"data/0/file": "x.csv"}, "data[0]", "file or values"),
    "no such step": ({"data/0/step": 9}, "data[0].step", "cycle 3, step 9"),
    "time before the start": (
        {"data/0/values": {"time_min": [-1.0], "voltage_V": [4.0]}}, "data[0]", "-1.0",
    ),
    "time after the step": (
        {"data/0/values": {"time_min": [11.0], "voltage_V": [4.0]}}, "data[0]", "lasts 10 min",
    ),
    "no gauge map": ({"data/0": LITHIATION}, "data[0]", "instruments.gauge_map"),
    "depth outside the map": (
        {**GAUGE, "data/0": {**LITHIATION, "depth_um": 30.0}}, "data[0].depth_um", "25, 80, 135",
    ),
    "group outside the map": (
        {**GAUGE, "data/0": {**LITHIATION, "lateral_group": "bukl"}}, "data[0].lateral_group", "'bulk'",
    ),
    "position outside the map": (
        {**GAUGE, "data/0": {**LITHIATION, "position_um": 200.0}}, "data[0].position_um", "200.0",
    ),
    "unknown observable": (
        {**GAUGE, "data/0": {**OBSERVABLE, "observable": "lateral_seperation"}}, "data[0].observable",
        "'lateral_separation'",
    ),
    "unknown level": (
        {**GAUGE, "data/0": {**OBSERVABLE, "arguments": {"cycle": "0.8C", "level": "botom"}}},
        "data[0].arguments.level", "'bottom'",
    ),
    "argument missing": (
        {**GAUGE, "data/0": {**OBSERVABLE, "arguments": {"cycle": "0.8C"}}}, "data[0].arguments", "level",
    ),
    "unknown unit of an observable": (
        {**GAUGE, "data/0": {**OBSERVABLE, "unit": "furlong"}}, "data[0].unit", "furlong",
    ),
    "observable without a map": ({"data/0": OBSERVABLE}, "data[0]", "gauge map"),
    "uncertainty of an observable zero": (
        {**GAUGE, "data/0": {**OBSERVABLE, "uncertainty": 0.0}}, "data[", "above 0",
    ),
    "unknown target": (
        {**GAUGE, "data/0": {"kind": "targets", "case": CASE, "ids": ["vert_sep_8"]}}, "data[0].ids",
        "vert_sep_08",
    ),
    "a target that is no number": (
        {**GAUGE, "data/0": {"kind": "targets", "case": CASE, "ids": ["order_charge"]}}, "data[0].ids",
        "patterns",
    ),
    "no such case": (
        {**GAUGE, "data/0": {"kind": "targets", "case": "x.yaml", "ids": ["a"]}}, "data[0].case", "x.yaml",
    ),
    "unknown group in a subset": ({"subsets": {"a": ["voltge"]}}, "subsets.a", "'voltage'"),
    "nothing at an end": ({"data/0": {"kind": "end", "cycle": 3, "step": 1}}, "data[0]", "time_min"),
    "two spectra of one state": (
        {
            "data/0": {"kind": "impedance", "name": "a", "uncertainty_percent": 1.0, "values": (spectrum := {
                "frequency_Hz": [1.0], "real_ohm_cm2": [5.0], "imaginary_ohm_cm2": [-1.0]})},
            "data": [
                {"kind": "impedance", "name": n, "uncertainty_percent": 1.0, "values": spectrum} for n in "ab"
            ],
        },
        "data[b].at", "one table",
    ),
    "more parameters than data": (
        {
            "parameters/contact": {
                "keys": ["electrode.contact_resistance_ohm_cm2"], "start": 1.0, "low": 0.1, "high": 9.0,
            },
            "data/0": {"kind": "end", "cycle": 4, "step": 1, "time_min": 60.0, "uncertainty_min": 1.0},
        },
        "parameters", "2 parameters",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_fits(name: str, tmp_path: Path) -> None:
    edits, field, text = BAD[name]
    with pytest.raises(InputError) as error:
        load_fit(written(tmp_path, edits))
    assert str(error.value.field).startswith(field), error.value
    assert text in str(error.value)
    assert error.value.remedy


def test_a_row_that_is_no_number(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("# cell 3\ntime_s,voltage_mV\n0,4100\n60,4.1.0\n", encoding="utf-8")
    with pytest.raises(InputError, match="row 2 does not hold 2 numbers"):
        load_fit(written(tmp_path, {"data/0/values": None, "data/0/file": "v.csv"}))


def test_units_of_columns(tmp_path: Path) -> None:
    text = "# cell 3\ntime_s, voltage_mV, uncertainty_mV\n0,4100,1\n60,4050,2\n"
    (tmp_path / "v.csv").write_text(text, encoding="utf-8")
    loaded = load_fit(
        written(tmp_path, {"data/0/values": None, "data/0/uncertainty_mV": None, "data/0/file": "v.csv"})
    )
    (m,) = loaded.measurements
    assert m.axis == pytest.approx([0.0, 1.0])
    assert m.values == pytest.approx([4.1, 4.05])
    assert m.sigma == pytest.approx([1e-3, 2e-3])


@pytest.mark.parametrize("name", ["fit_half_cell", "fit_mcc_xrd"])
def test_the_examples_are_valid(name: str) -> None:
    loaded = load_fit(ROOT / "scenarios" / f"{name}.yaml")
    assert len(loaded.parameters) < sum(m.size for m in loaded.measurements)
    assert set(loaded.plan.subsets) >= {"voltage only"}


def test_ratios_are_products(tmp_path: Path) -> None:
    loaded = load_fit(ROOT / "scenarios" / "fit_mcc_xrd.yaml")
    (experiment,) = loaded.experiments
    values = {**loaded.start, "through": 0.1, "ratio": 1.5}
    assert experiment.keys(values)["electrode.transport.in_plane"] == pytest.approx(0.15)
    transport = experiment.loaded(values).scenario.electrode.transport
    assert (transport.through, transport.in_plane) == pytest.approx((0.1, 0.15))
    assert experiment.digest(values) != experiment.digest({**values, "ratio": 1.4})
    assert experiment.digest(values) == experiment.digest(dict(reversed(values.items())))


def record() -> xr.Dataset:
    """Two steps: a charge of 10 min, a discharge of 20 min that ends at 3 V."""
    t = np.concatenate([np.linspace(0, 600, 11), np.linspace(600, 1800, 21)])
    step = np.repeat([0.0, 1.0], [11, 21])
    return xr.Dataset(
        {
            "Step": ("time", step),
            "Voltage [V]": ("time", np.where(step == 0, 3.5 + t / 6000, 3.6 - (t - 600) / 2000)),
            "Discharge capacity [A.h.m-2]": ("time", np.where(step == 0, -t / 60, -10 + (t - 600) / 60)),
        },
        {"time": ("time", t)},
        {"steps": '[{"cycle": 0, "step": 0}, {"cycle": 0, "step": 1}]', "status": "finished"},
    )


def test_curves_are_read_within_their_step() -> None:
    at = np.array([0.0, 10.0, 20.0])
    assert Curve(Place(1, 2), at)(record()).values == pytest.approx([3.6, 3.3, 3.0])
    of_charge = Curve(Place(1, 2), np.array([0.5, 1.5]), "capacity")(record())
    assert of_charge.values == pytest.approx([3.45, 3.15])
    assert Curve(Place(), np.array([5.0, 20.0]))(record()).values == pytest.approx([3.55, 3.3])


def test_what_a_record_does_not_reach() -> None:
    found = Curve(Place(1, 2), np.array([10.0, 25.0]))(record())
    assert found.values == pytest.approx([3.3, 3.0])
    assert found.shortfall == pytest.approx([0.0, 5 / 15])
    assert "ended at 20" in found.reason
    short = record().isel(time=slice(0, 15)).assign_attrs(status="failed")
    assert np.isnan(End(Place(1, 2), "time")(short).values).all()
    assert End(Place(1, 1), "time")(short).values == pytest.approx([10.0])
    assert End(Place(1, 2), "capacity")(record()).values == pytest.approx([2.0])
    none = record().isel(time=slice(0, 5)).assign_attrs(status="failed")
    assert "not reached" in Curve(Place(1, 2), np.array([1.0]))(none).reason
