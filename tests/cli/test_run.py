"""Whole runs from the command line: what is written, interruption, failure, several processes."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from lithoscape.records import load
from lithoscape.solver.newton import Newton, NewtonResult

SMALL = Path(__file__).with_name("small_crack.yaml")
MOMENTS = ["begin", "two minutes", "rested", "discharged"]
LABELS = [
    "State of lithiation",
    "Electrolyte concentration [mol.m-3]",
    "Electrolyte potential [V]",
    "Reaction current density [A.m-2]",
]


def same(one: xr.Dataset, other: xr.Dataset) -> None:
    """Equal bits in every variable and coordinate."""
    assert set(one.variables) == set(other.variables)
    for name in one.variables:
        a, b = one[name].values, other[name].values
        assert a.shape == b.shape, name
        assert a.tobytes() == b.tobytes() if a.dtype.kind == "f" else (a == b).all(), name


def steps_of(folder: Path) -> int:
    """Steps in an ADIOS2 folder: its index is a header of 64 bytes, then one record per step.

    A record is a type byte, a length and as many bytes; those of type "s" are steps.
    """
    index, at, steps = (folder / "md.idx").read_bytes(), 64, 0
    while at < len(index):
        steps += index[at : at + 1] == b"s"
        at += 9 + int.from_bytes(index[at + 1 : at + 9], "little")
    return steps


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """An uninterrupted run of the small scenario."""
    from lithoscape.scenario import load_scenario, run_scenario

    folder = tmp_path_factory.mktemp("whole") / "run"
    result = run_scenario(load_scenario(SMALL), folder)
    assert result.solution.outcome.ok, result.solution.outcome.message
    return folder


# -- what a run leaves -----------------------------------------------------------
def test_a_run_writes_what_the_readme_lists(whole: Path) -> None:
    names = {p.name for p in whole.iterdir()}
    assert names == {
        "report.html",
        "log.txt",
        "record.nc",
        "maps.nc",
        "fields.bp",
        "statistics.json",
        "moments.npz",
        "checkpoint.0of1.npz",
    }
    assert not list(whole.rglob("*.part"))
    assert json.loads((whole / "statistics.json").read_text())["accepted_steps"] > 50


def test_every_variable_has_a_unit(whole: Path) -> None:
    for file in ("record.nc", "maps.nc"):
        dataset = load(whole / file)
        floats = [name for name in dataset.variables if dataset[name].dtype.kind == "f"]
        assert len(floats) >= 6
        for name in floats:
            unit = dataset[name].attrs.get("units", "")
            assert unit, name
            assert f"[{unit}]" in str(name) or unit in ("1", "s", "m"), name


def test_lithium_is_conserved(whole: Path) -> None:
    record = load(whole / "record.nc")
    gained = np.ptp(record["Lithium in solid [mol.m-2]"].values) / record["Lithium in solid [mol.m-2]"][0]
    assert gained > 0.05
    assert abs(record["Lithium balance error"].values).max() < 1e-9


def test_maps_have_all_moments_and_all_nodes(whole: Path) -> None:
    maps = load(whole / "maps.nc")
    assert list(maps["moment"].values) == MOMENTS
    assert maps["time"].values == pytest.approx([0.0, 120.0, 600.0, 960.0], abs=1e-6)
    nodes = maps.sizes["node"]
    assert set(np.unique(maps["triangles"].values)) == set(range(nodes))
    assert json.loads(maps["region"].attrs["regions"]) == {"separator": 1, "positive": 2, "crack": 3}
    x, y = maps["x [m]"].values[maps["triangles"].values], maps["y [m]"].values[maps["triangles"].values]
    area = 0.5 * abs((x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0]))
    crack = area[maps["region"].values == 3].sum()
    assert crack / (23e-6 * 175e-6) == pytest.approx(1, rel=1e-9)
    inside = np.unique(maps["triangles"].values[maps["region"].values == 2])
    sol = maps["State of lithiation"].values
    assert np.isfinite(sol[:, inside]).all()
    assert np.isnan(np.delete(sol, inside, axis=1)).all()


def test_paraview_gets_the_same_fields(whole: Path) -> None:
    """No reader of this format comes with the package: the values are looked up in the file itself."""
    maps, data = load(whole / "maps.nc"), (whole / "fields.bp" / "data.0").read_bytes()
    assert steps_of(whole / "fields.bp") == len(MOMENTS)
    for label in LABELS:
        for k, moment in enumerate(MOMENTS):
            values = np.nan_to_num(maps[label].values[k], nan=-1.0)
            assert values.tobytes() in data, (label, moment)


def test_a_second_run_leaves_nothing_of_the_first(whole: Path, command, here: Path) -> None:
    shutil.copytree(whole, here / "run")
    (here / "run" / "comparison.json").write_text("[]", encoding="utf-8")
    lines = "protocol=[Rest for 1 s]"
    done = command("run", SMALL, "--out", "run", "--set", lines, "--set", "output.moments=[]", "--quiet")
    assert done.code == 0, done.err
    names = {p.name for p in (here / "run").iterdir()}
    assert not names & {"comparison.json", "maps.nc", "moments.npz"}
    assert load(here / "run" / "record.nc")["time"].values[-1] == pytest.approx(1.0)


# -- interruption ------------------------------------------------------------------
def interrupted(spawn, folder: Path, after: str, *words: str) -> tuple[int, float, str]:
    """Start the small run, press Ctrl-C at a protocol step; exit code, seconds it took, errors."""
    child = spawn("run", SMALL, "--out", folder, *words)
    assert child.stdout is not None
    for line in child.stdout:
        if after in line:
            break
    while not list(folder.glob("checkpoint*.npz")):
        time.sleep(0.01)
    began = time.perf_counter()
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    return child.returncode, time.perf_counter() - began, err


@pytest.mark.slow
def test_an_interrupted_run_resumes_to_the_same_bits(spawn, command, whole: Path, here: Path) -> None:
    code, seconds, err = interrupted(spawn, here / "run", "Rest for 2 minutes")
    assert code == 1
    assert err.startswith("error: interrupted: at ")
    assert "--resume" in err
    assert err.count("\n") == 1
    assert seconds < 20
    part = load(here / "run" / "record.nc")
    assert part.attrs["status"] == "interrupted"
    assert 480 < part["time"].values[-1] < 960
    done = command("run", SMALL, "--out", "run", "--resume", "--quiet")
    assert done.code == 0, done.err
    for file in ("record.nc", "maps.nc"):
        same(load(whole / file), load(here / "run" / file))
    data = (here / "run" / "fields.bp" / "data.0").read_bytes()
    assert data == (whole / "fields.bp" / "data.0").read_bytes()


class Stop(Exception):
    """Raised to leave a run as if the power had failed."""


@pytest.mark.parametrize(
    "moment",
    [
        "rested",
        pytest.param("two minutes", marks=pytest.mark.slow),
        pytest.param("discharged", marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_resumes_to_the_same_bits(
    moment: str, command, whole: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Moments kept after the last checkpoint come again and are there once."""
    from lithoscape.scenario import load_scenario, run, run_scenario

    keep = run.HomogenisedObservers.keep

    def kept(self, name: str, time: float) -> None:
        keep(self, name, time)
        if name == moment:
            raise Stop

    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr(run.HomogenisedObservers, "keep", kept)
        run_scenario(load_scenario(SMALL), here / "run")
    done = command("run", SMALL, "--out", "run", "--resume", "--quiet")
    assert done.code == 0, done.err
    for file in ("record.nc", "maps.nc"):
        same(load(whole / file), load(here / "run" / file))
    assert steps_of(here / "run" / "fields.bp") == len(MOMENTS)


def test_resuming_another_scenario_is_refused_and_spoils_nothing(whole: Path, command, here: Path) -> None:
    shutil.copytree(whole, here / "run")
    before = {p: p.read_bytes() for p in (here / "run").rglob("*") if p.is_file()}
    for change in ("solver.relative_tolerance=1e-4", "geometry.cell_size_um=50"):
        done = command("run", SMALL, "--out", "run", "--resume", "--set", change, "--quiet")
        assert done.code == 2
        assert done.err.startswith("error: --resume: the checkpoint belongs to another scenario")
        assert "Run without --resume" in done.err
        assert before == {p: p.read_bytes() for p in (here / "run").rglob("*") if p.is_file()}


# -- failure -----------------------------------------------------------------------
def failing(monkeypatch: pytest.MonkeyPatch, good: int) -> None:
    """Newton's method converges ``good`` times and never again."""
    solve, calls = Newton.solve, []

    def tried(self, rate, history, **how):
        calls.append(rate)
        if len(calls) > good:
            return NewtonResult(False, 25, "no convergence in 25 iterations")
        return solve(self, rate, history, **how)

    monkeypatch.setattr(Newton, "solve", tried)


@pytest.mark.parametrize("words", [(), ("--quiet",), ("--json",)])
def test_a_failed_run_keeps_what_it_has(words, command, here: Path, monkeypatch, whole: Path) -> None:
    failing(monkeypatch, 30)
    done = command("run", SMALL, "--out", "run", *words)
    assert done.code == 1
    assert done.err.startswith("error: failed: the solver stopped at ")
    assert "'Charge at 0.8C for 8 minutes'" in done.err
    assert "no convergence in 25 iterations" in done.err
    assert "Try a lower current" in done.err
    assert done.err.count("\n") == 1
    record = load(here / "run" / "record.nc")
    good = load(whole / "record.nc")
    rows = record.sizes["time"]
    assert 25 < rows < good.sizes["time"]
    assert record["Voltage [V]"].values == pytest.approx(good["Voltage [V]"].values[:rows], abs=0)
    assert record.attrs["status"] == "failed"
    assert "solver stopped" in (here / "run" / "report.html").read_text(encoding="utf-8")
    if words == ("--json",):
        assert json.loads(done.out)["status"] == "failed"


def test_a_run_that_fails_at_once(command, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, 0)
    done = command("run", SMALL, "--out", "run", "--quiet")
    assert done.code == 1, done.err
    assert done.err.startswith("error: failed: the solver stopped at 0.00 s")
    assert {"record.nc", "report.html"} <= {p.name for p in (here / "run").iterdir()}


# -- several processes ---------------------------------------------------------------
@pytest.mark.mpi
@pytest.mark.slow
def test_two_processes_give_the_serial_numbers(whole: Path, here: Path) -> None:
    launcher = str(Path(sys.executable).parent / "mpiexec")
    words = [launcher, "-n", "2", sys.executable, "-m", "lithoscape", "run", str(SMALL), "--out", "run"]
    done = subprocess.run([*words, "--json"], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout)["statistics"]["ranks"] == 2
    one, two = load(whole / "record.nc"), load(here / "run" / "record.nc")
    for name in ("Voltage [V]", "Mean state of lithiation", "Gauge state of lithiation", "Gauge signal"):
        assert two[name].values == pytest.approx(one[name].values, abs=1e-7, nan_ok=True), name
    assert json.loads(one.attrs["provenance"])["mesh"] == json.loads(two.attrs["provenance"])["mesh"]
    maps, other = load(whole / "maps.nc"), load(here / "run" / "maps.nc")
    order, there = (np.lexsort(np.rint([1e12 * m["x [m]"], 1e12 * m["y [m]"]])) for m in (maps, other))
    for label in LABELS:
        a, b = maps[label].values[:, order], other[label].values[:, there]
        assert b == pytest.approx(a, rel=1e-6, abs=1e-6, nan_ok=True), label
    bad = subprocess.run(
        [*words, "--set", "electrode.porosity=33"], capture_output=True, text=True, check=False
    )
    assert bad.returncode == 2
    assert bad.stderr.count("error: ") == 1
