"""Runs: stops met within tolerance, switches that compile nothing, resuming, failing, several processes."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import dolfinx_solver  # noqa: F401
import numpy as np
import pytest
from cells import ONE_C, cell_of, problem_of, simulation
from dolfinx import fem

from lithoscape.constants import FARADAY, GAS_CONSTANT
from lithoscape.materials import get_set
from lithoscape.mesh.cad import CrackedCell, cracked_cell
from lithoscape.models.cell import open_region, porous_region, separator_region
from lithoscape.models.homogenised import homogenised
from lithoscape.models.observe import Lithiation
from lithoscape.simulate import Moment

NAME, ONE = "Xu2019", ONE_C["Xu2019"]


def run(lines: list[str], relative: float = 1e-3, cell=None, name: str = NAME, **options):
    return simulation(problem_of(name, 6, cell), name, lines, relative, **options).run()


def last(solution, name: str, step: int = 0) -> float:
    """Value at the end of protocol step ``step`` (counted from 0)."""
    changes = np.flatnonzero(np.diff(solution["Time [s]"].values) == 0.0)
    ends = [*changes, solution["Time [s]"].size - 1]
    return float(solution[name].values[ends[step]])


# -- stops ---------------------------------------------------------------------
STOPS = {
    "Discharge at 1C until 3.8 V": ("Voltage [V]", 3.8, 1e-4),
    "Charge at 1C until 4.3 V": ("Voltage [V]", 4.3, 1e-4),
    "Discharge at 80 W.m-2 until 3.8 V": ("Voltage [V]", 3.8, 1e-4),
    "Hold at 3.9 V until 0.5C": ("C-rate", 0.5, 5e-4),
    "Hold at 4.3 V until C/5": ("C-rate", -0.2, 2e-4),
    "Discharge at 2C for 77 seconds": ("Time [s]", 77.0, 1e-6),
    "Rest for 3 minutes": ("Time [s]", 180.0, 1e-6),
}


@pytest.mark.parametrize("line", STOPS)
def test_every_kind_of_stop_is_met_within_its_tolerance(line: str) -> None:
    quantity, target, tolerance = STOPS[line]
    solution = run([line])
    assert solution.outcome.ok, solution.outcome.message
    assert solution["Time [s]"].values[-1] > 1.0
    assert last(solution, quantity) == pytest.approx(target, abs=tolerance)


def test_rest_until_a_voltage() -> None:
    solution = run(["Discharge at 3C for 300 seconds", "Rest until 3.95 V"])
    assert solution.outcome.ok, solution.outcome.message
    assert last(solution, "Voltage [V]", 0) < 3.94
    assert last(solution, "Voltage [V]", 1) == pytest.approx(3.95, abs=1e-4)


def test_a_tighter_tolerance_agrees_on_the_end_of_a_discharge() -> None:
    ends = [run(["Discharge at 1C until 3.6 V"], r)["Time [s]"].values[-1] for r in (1e-3, 1e-5)]
    assert ends[0] == pytest.approx(ends[1], rel=1e-4)


# -- switches --------------------------------------------------------------------
def test_switching_what_is_imposed_compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        "Discharge at 1C until 3.9 V",
        "Hold at 3.9 V until C/2",
        "Rest for 10 seconds",
        "Charge at 50 W.m-2 for 5 s",
    ]
    ready = simulation(problem_of(NAME, 6), NAME, lines, 1e-3)
    compiled = []
    monkeypatch.setattr(fem, "form", lambda *a, **k: compiled.append(a))
    matrix = ready.system.matrix.handle
    solution = ready.run()
    assert solution.outcome.ok, solution.outcome.message
    assert not compiled
    assert ready.system.matrix.handle == matrix
    assert set(np.round(solution["C-rate"].values[solution["Step"].values == 0], 6)) == {1.0}


def test_voltage_is_continuous_where_current_hands_over_to_voltage() -> None:
    solution = run(["Discharge at 1C until 3.9 V", "Hold at 3.9 V for 100 seconds"])
    held = solution["Step"].values == solution["Step"].values[-1]
    assert abs(solution["Voltage [V]"].values[held] - 3.9).max() < 1e-6
    assert solution["C-rate"].values[held][0] == pytest.approx(1.0, abs=0.02)


# -- physics ---------------------------------------------------------------------
def test_contact_resistance_costs_current_times_resistance() -> None:
    resistance, voltages = 2e-3, []
    for r in (1e-12, resistance):
        solution = run(["Discharge at 1C for 100 seconds"], cell=cell_of(NAME, contact_resistance=r))
        voltages.append(solution["Voltage [V]"].values[-1])
    assert voltages[0] - voltages[1] == pytest.approx(ONE * resistance, rel=1e-5)


def test_the_double_layer_relaxes_with_its_time_constant() -> None:
    """The electrode's mean overpotential ~ exp(-t / RC), RC = C (RT/F) / i0, however it is spread."""
    capacitance, T = 2.0, 298.15
    cell = cell_of(NAME)
    *rest, positive = cell.regions
    kinetics = positive.particles[0].material
    slow = replace(kinetics, exchange_current=lambda c_e, c_s, c_max, T, m: 0.5 + 0.0 * c_e + 0.0 * c_s)
    flat = replace(slow, ocp=lambda x, m=None: 4.0 + 0.0 * x)
    region = replace(
        positive,
        conductivity=1e6,
        double_layer=capacitance,
        particles=(replace(positive.particles[0], material=flat),),
    )
    cell = replace(cell, regions=(*rest, region))
    problem = problem_of(NAME, 3, cell)
    gaps, volume = [], Lithiation(problem).volume[0]

    def overpotential() -> float:
        eta = problem.unknowns[2].function.x.array - problem.unknowns[1].function.x.array - 4.0
        gaps.append(volume @ eta / volume.sum())
        return 0.0

    lines = ["Discharge at C/50 for 0.6 seconds", "Rest for 0.5 seconds"]
    ready = simulation(problem, NAME, lines, 1e-6, probes={"Lithium balance error": overpotential})
    ready.stepper.options = replace(ready.stepper.options, largest=2e-3)
    solution = ready.run()
    assert solution.outcome.ok, solution.outcome.message
    t = solution["Time [s]"].values - 0.6
    rest_of = (t >= 0.05) & (t <= 0.3)
    eta = np.array(gaps)[rest_of]
    slope = np.polyfit(t[rest_of], np.log(abs(eta)), 1)[0]
    assert -1 / slope == pytest.approx(capacitance * GAS_CONSTANT * T / FARADAY / 0.5, rel=2e-3)


# -- geometry --------------------------------------------------------------------
def curve(cells: int, relative: float = 1e-4, **mesh) -> tuple[np.ndarray, np.ndarray]:
    """Time and voltage of a short discharge at 3C."""
    problem = problem_of(NAME, cells, **mesh)
    solution = simulation(problem, NAME, ["Discharge at 3C for 200 seconds"], relative).run()
    assert solution.outcome.ok, solution.outcome.message
    return solution["Time [s]"].values, solution["Voltage [V]"].values


@pytest.mark.parametrize(
    "lateral", [((40e-6, 3),), pytest.param(((40e-6, 2), (30e-6, 2)), marks=pytest.mark.slow)]
)
def test_a_uniform_cell_does_not_know_its_dimension(lateral) -> None:
    """Quadrilaterals and hexahedra reduce to intervals exactly."""
    (times, one), (same, many) = curve(6), curve(6, lateral=lateral)
    assert same == pytest.approx(times, rel=1e-6)
    assert many == pytest.approx(one, abs=1e-7)


def test_triangles_agree_with_the_uniform_cell() -> None:
    """Their corners weigh nodes unevenly: small, not zero."""
    triangles = curve(6, 1e-5, lateral=((40e-6, 3),), simplices=True)[1][-1]
    assert triangles == pytest.approx(curve(6, 1e-5)[1][-1], abs=3e-6)


def turned_cell(transport):
    cell = cell_of(NAME)
    return replace(cell, regions=tuple(replace(r, transport=transport(r)) for r in cell.regions))


def test_a_transport_tensor_acts_along_its_axes() -> None:
    """The lateral entry of an aligned tensor is never felt; the one through the cell is."""
    mesh = {"lateral": ((40e-6, 2),)}
    isotropic = run_2d(cell_of(NAME), mesh)
    lateral = run_2d(turned_cell(lambda r: np.diag([7.0 * r.transport, r.transport])), mesh)
    through = run_2d(turned_cell(lambda r: np.diag([r.transport, 0.5 * r.transport])), mesh)
    assert lateral == pytest.approx(isotropic, abs=1e-7)
    assert isotropic - through > 5e-3
    scaled = run_2d(turned_cell(lambda r: 0.5 * r.transport), mesh)
    assert through == pytest.approx(scaled, abs=1e-7)


def test_a_turned_tensor_in_a_wide_cell_conducts_with_its_entry_across() -> None:
    """No lateral gradients far from the sides: diag(2, 1) turned by 30 degrees acts as its zz entry."""
    angle = np.pi / 6
    Q = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    B = Q @ np.diag([2.0, 1.0]) @ Q.T
    wide = {"lateral": ((2e-3, 4),)}
    turned = run_2d(turned_cell(lambda r: B * r.transport), wide)
    # i_x = 0 only at the sides: elsewhere grad_x = 0 and B_zz counts
    straight = run_2d(turned_cell(lambda r: B[1, 1] * r.transport), wide)
    plain = run_2d(cell_of(NAME), wide)
    assert abs(straight - plain) > 2e-3
    assert turned == pytest.approx(straight, abs=0.2 * abs(straight - plain))


def run_2d(cell, mesh) -> float:
    """Voltage after ten seconds at 3C."""
    problem = problem_of(NAME, 6, cell, **mesh)
    solution = simulation(problem, NAME, ["Discharge at 3C for 10 seconds"], 1e-3).run()
    assert solution.outcome.ok, solution.outcome.message
    return float(solution["Voltage [V]"].values[-1])


# -- moments -----------------------------------------------------------------------
def test_moments_at_one_time_are_all_kept() -> None:
    kept = []
    moments = [Moment("a", 0, 0, 30.0), Moment("b", 0, 0, 30.0), Moment("c", 0, 0, 60.0)]
    moments += [
        Moment("end of it", 0, 0, "end"),
        Moment("late", 0, 0, 90.0, optional=True),
        Moment("missed", 0, 0, 95.0),
    ]
    lines = ["Discharge at 1C for 60 seconds", "Rest for 10 seconds"]
    ready = simulation(problem_of(NAME, 6), NAME, lines, 1e-3)
    ready.moments, ready.on_moment = tuple(moments), lambda name, time: kept.append((name, time))
    solution = ready.run()
    assert solution.outcome.ok
    assert sorted(kept) == [("a", 30.0), ("b", 30.0), ("c", 60.0), ("end of it", 60.0)]
    assert [w for w in solution.statistics["warnings"] if "ended before" in w] == [
        "'Discharge at 1C for 60 seconds' ended before the moment 'missed'"
    ]


# -- interruption ------------------------------------------------------------------
LINES = ["Discharge at 1C until 3.9 V", "Hold at 3.9 V for 100 seconds", "Rest for 100 seconds"]


@pytest.mark.parametrize("stop_at", [12, 19, 26, 33, 40])
def test_a_resumed_run_gives_the_same_bits(stop_at: int, tmp_path: Path) -> None:
    def made(folder: str, **options):
        (tmp_path / folder).mkdir(exist_ok=True)
        path = tmp_path / folder / "checkpoint.npz"
        return simulation(
            problem_of(NAME, 6), NAME, LINES, 1e-3, every=3, checkpoint=path, identity="x", **options
        )

    whole = made("whole").run()
    calls = []

    def stop(fraction: float, text: str) -> None:
        calls.append(text)
        if len(calls) == stop_at:
            first._interrupt(2, None)

    first = made("parts", progress=stop)
    part = first.run()
    assert part.outcome.status == "interrupted"
    rest = made("parts").run(resume=True)
    assert rest.outcome.ok
    assert part["Time [s]"].size < rest["Time [s]"].size
    for name in whole.record.data_vars:
        assert np.array_equal(whole[name].values, rest[name].values), name
    assert np.array_equal(whole["Time [s]"].values, rest["Time [s]"].values)


def test_a_failed_run_returns_what_it_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    ready = simulation(problem_of(NAME, 6), NAME, ["Discharge at 1C until 3.6 V"], 1e-3)
    honest = ready.stepper.attempt

    def broken(history, dt):
        attempt = honest(history, dt)
        if history.now.time > 500.0:
            return replace(
                attempt, state=None, newton=replace(attempt.newton, converged=False, reason="planted")
            )
        return attempt

    monkeypatch.setattr(ready.stepper, "attempt", broken)
    solution = ready.run()
    assert solution.outcome.status == "failed"
    assert "planted" in solution.outcome.message
    assert "Discharge at 1C" in solution.outcome.message
    assert solution.outcome.remedy
    assert solution["Time [s]"].values[-1] > 500.0
    assert solution["Voltage [V]"].size == solution.statistics["accepted_steps"] + 1


# -- several processes -------------------------------------------------------------
PROGRAM = """
import sys
import dolfinx_solver
from mpi4py import MPI
from cells import problem_of, simulation
options = {"lateral": ((40e-6, 4),)} if sys.argv[1] == "2" else {}
lines = ["Discharge at 2C for 200 seconds", "Hold at 3.9 V for 20 seconds", "Rest for 20 seconds"]
s = simulation(problem_of("Xu2019", 8, **options), "Xu2019", lines, 1e-3).run()
if s.statistics["ranks"] and MPI.COMM_WORLD.rank == 0:
    print("VALUES", s.outcome.status, *(f"{v:.12f}" for v in s["Voltage [V]"].values[::5]))
"""


def values_on(processes: int, dimension: int) -> np.ndarray:
    launcher = str(Path(sys.executable).parent / "mpiexec")
    command = [sys.executable, "-c", PROGRAM, str(dimension)]
    if processes > 1:
        command = [launcher, "-n", str(processes), *command]
    paths = [str(Path(__file__).parents[1] / "peers"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    (line,) = [x for x in done.stdout.splitlines() if x.startswith("VALUES")]
    assert line.split()[1] == "finished"
    return np.array(line.split()[2:], dtype=float)


@pytest.mark.mpi
@pytest.mark.slow
@pytest.mark.parametrize("dimension", [1, 2])
def test_two_processes_give_the_serial_answer(dimension: int) -> None:
    assert values_on(2, dimension) == pytest.approx(values_on(1, dimension), abs=1e-8)


# -- cracks ------------------------------------------------------------------------
def test_a_crack_of_pure_electrolyte_runs() -> None:
    """A wide short cut for the ions: another voltage than the same cell without it."""
    materials = get_set(NAME)
    voltages = []
    for opened in (True, False):
        domain = cracked_cell(CrackedCell(90e-6, 20e-6, 60e-6, 20e-6, 10e-6, 60e-6, size=15e-6))
        crack = open_region("crack") if opened else porous_region("crack", "positive", materials.positive)
        regions = (
            separator_region("separator", materials.separator),
            porous_region("positive", "positive", materials.positive),
            crack,
        )
        problem = homogenised(domain, replace(cell_of(NAME), regions=regions))
        solution = simulation(problem, NAME, ["Discharge at 2C for 60 seconds"], 1e-3).run()
        assert solution.outcome.ok, solution.outcome.message
        voltages.append(solution["Voltage [V]"].values[-1])
    assert np.all(np.isfinite(voltages))
    assert abs(voltages[0] - voltages[1]) > 1e-4
