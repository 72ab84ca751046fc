"""The verb fit: what it writes, interruption and resumption, errors in one line, the example."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml

from lithoscape.errors import SolveError
from lithoscape.materials import read_bpx
from lithoscape.scenario import fit_results
from lithoscape.scenario.fit_experiment import ScenarioExperiment
from lithoscape.scenario.load import load_scenario

ROOT = Path(__file__).parents[2]
TRUTH = {"through": 0.12, "D_s": 8e-15}
CALLS: list[dict] = []
WRITE_PAGE = fit_results.write_fit_page


def quick(self, values) -> xr.Dataset:
    """Instead of a simulation: a discharge of 30 min that knows both parameters."""
    CALLS.append(dict(values))
    t = np.linspace(0, 1800, 61)
    v = 3.9 - 0.02 * t / 1800 / values["through"] - 0.1 * (t / 1800) ** 2 * np.sqrt(1e-14 / values["D_s"])
    charge = t / 100
    steps = [{"cycle": 0, "step": 0, "mode": "discharge", "text": ""}]
    return xr.Dataset(
        {
            "Voltage [V]": ("time", v), "Step": ("time", 0 * t),
            "Discharge capacity [A.h.m-2]": ("time", charge),
        },
        {"time": ("time", t)}, {"steps": json.dumps(steps), "status": "finished"},
    )  # fmt: skip


@pytest.fixture
def file(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fit of two parameters whose simulations take no time."""
    monkeypatch.setattr(ScenarioExperiment, "simulate", quick)
    monkeypatch.setattr(fit_results, "write_fit_page", lambda folder, page: None)
    content = yaml.safe_load((ROOT / "scenarios" / "fit_half_cell.yaml").read_text(encoding="utf-8"))
    scenario = ROOT / "scenarios" / content["experiments"]["fast"]["scenario"]
    content["experiments"]["fast"]["scenario"] = str(scenario)
    del content["parameters"]["contact"], content["parameters"]["D_s"]["prior"]
    rng, at = np.random.default_rng(4), np.linspace(0.5, 29, 20)
    v = np.interp(at, np.linspace(0, 30, 61), quick(None, TRUTH)["Voltage [V]"]) + 1e-3 * rng.normal(size=20)
    values = {"time_min": at.tolist(), "voltage_V": v.tolist()}
    content["data"] = [{"kind": "voltage", "step": 1, "uncertainty_mV": 1.0, "values": values}]
    content["posterior"] = {"method": "surrogate", "steps": 200}
    content["screening"] = {"method": "morris", "count": 4}
    CALLS.clear()
    out = here / "fit.yaml"
    out.write_text(yaml.safe_dump(content), encoding="utf-8")
    return out


def test_a_fit_from_the_command_line(
    file: Path, command, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit_results, "write_fit_page", WRITE_PAGE)
    done = command("fit", file, "--out", "there")
    assert (done.code, done.err) == (0, "")
    assert "best fit" in done.out and "report: there/fit.html" in done.out
    found = json.loads((here / "there" / "results.json").read_text())
    for name, value in TRUTH.items():
        low, high = found["parameters"][name]["interval_95"]
        assert low < value < high
        assert high / low < 1.3
    assert found["converged"] and found["failed"] == []
    assert found["chi2"] == pytest.approx(18, abs=15)
    page = (here / "there" / "fit.html").read_text(encoding="utf-8")
    sections = ("parameters", "data", "identifiability", "profiles", "posterior", "screening", "numerics")
    assert all(f'<section id="{name}">' in page for name in sections)
    assert "http" not in page.replace("http://www.w3.org", "")


def test_what_was_fitted_can_be_run_and_exchanged(file: Path, command, here: Path) -> None:
    command("fit", file, "--out", "there", "--quiet")
    found = json.loads((here / "there" / "results.json").read_text())["parameters"]
    loaded = load_scenario(here / "there" / "fitted" / "fast.yaml")
    assert loaded.scenario.electrode.transport == pytest.approx(found["through"]["value"], rel=1e-12)
    changes = loaded.scenario.materials.changes
    assert changes["positive.material.diffusivity"] == pytest.approx(found["D_s"]["value"], rel=1e-12)
    done = command("check", here / "there" / "fitted" / "fast.yaml")
    assert done.code == 0
    materials = read_bpx(here / "there" / "fitted" / "fast.bpx.json")
    assert materials.positive.transport_efficiency == pytest.approx(found["through"]["value"], rel=1e-9)
    law = materials.positive.material.diffusivity
    assert law == pytest.approx(found["D_s"]["value"], rel=1e-9)


def test_interrupted_and_resumed(file: Path, command, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command("fit", file, "--out", "whole", "--quiet")
    count = len(CALLS)
    CALLS.clear()

    def stopping(self, values):
        if len(CALLS) == 30:
            raise KeyboardInterrupt
        return quick(self, values)

    monkeypatch.setattr(ScenarioExperiment, "simulate", stopping)
    done = command("fit", file, "--out", "there", "--quiet")
    assert done.code == 1
    assert "--out there --resume" in done.err
    monkeypatch.setattr(ScenarioExperiment, "simulate", quick)
    CALLS.clear()
    done = command("fit", file, "--out", "there", "--resume", "--quiet")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert len(CALLS) == count - 30
    whole, there = (json.loads((here / name / "results.json").read_text()) for name in ("whole", "there"))
    times = [found.pop("time") for found in (whole, there)]
    assert whole == there
    assert [len(t["runs_s"]) for t in times] == [1, 2]
    assert all(t["whole_s"] == sum(t["runs_s"]) and min(t["runs_s"]) > 0 for t in times)
    assert [t["timed"] for t in times] == [count, count] and times[0]["median_simulation_s"] > 0


def test_numbers_outlive_what_is_written_after_them(
    file: Path, command, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_, **__):
        raise OSError("no space left on device")

    monkeypatch.setattr(fit_results, "write_bpx", full)
    done = command("fit", file, "--out", "there", "--quiet")
    assert done.code != 0 and "no space left" in done.err
    found = json.loads((here / "there" / "results.json").read_text())
    assert found["parameters"]["D_s"]["identified"] is True


def test_machine_readable(file: Path, command) -> None:
    done = command("fit", file, "--out", "there", "--json")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out)["parameters"]["through"]["identified"] is True
    assert json.loads(command("fit", file, "--check", "--json").out)["numbers"] == 20
    assert command("fit", file, "--check").out == "ok fit.yaml: 2 parameters, 20 numbers\n"


def test_folders_that_hold_a_fit_or_none(file: Path, command) -> None:
    done = command("fit", file, "--out", "there", "--resume")
    assert (done.code, "there is no fit to resume" in done.err) == (2, True)
    command("fit", file, "--out", "there", "--quiet")
    done = command("fit", file, "--out", "there")
    assert (done.code, "--resume" in done.err, done.err.count("\n")) == (2, True, 1)


def test_a_start_that_fails_is_one_line(file: Path, command, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self, values):
        raise SolveError("the solver stopped")

    monkeypatch.setattr(ScenarioExperiment, "simulate", broken)
    done = command("fit", file, "--out", "there", "--quiet")
    assert done.code == 1
    assert done.err.startswith("error: parameters: the simulation fails where the fit starts")
    assert done.err.count("\n") == 1


def test_bad_input_is_one_line(file: Path, command) -> None:
    file.write_text(file.read_text().replace("uncertainty_mV: 1.0", "uncertainty_mV: 0.0"))
    done = command("fit", file)
    assert done.code == 2
    assert done.err.startswith("error: data[0].uncertainty: ")
    assert done.err.count("\n") == 1
    assert command("fit", "none.yaml").code == 2


@pytest.mark.slow
def test_the_example_finds_its_truth(here: Path) -> None:
    """Best fit of scenarios/fit_half_cell.yaml with real simulations: within 3 stated deviations."""
    from dataclasses import replace

    from lithoscape.scenario.fit import load_fit, run_fit

    loaded = load_fit(ROOT / "scenarios" / "fit_half_cell.yaml")
    plan = replace(loaded.plan, profiles=False, posterior="none", tolerance=1e-3)
    found = run_fit(replace(loaded, plan=plan), here / "fit")
    p = loaded.parameters
    t = p.internal({"through": 0.12, "D_s": 8e-15, "contact": 6.0})
    deviations = found.study.identifications["all data"].deviations
    assert (np.abs(found.study.best.t - t) < 3 * deviations).all()
    assert deviations == pytest.approx([0.11, 0.0034, 0.025], rel=0.15)
    known = {name: i.identified(p.scale).tolist() for name, i in found.study.identifications.items()}
    assert known["voltage only"] == [False, True, True]
    assert known["all data"] == [True, True, True]
