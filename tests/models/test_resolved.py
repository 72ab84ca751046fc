"""The resolved model: compiled rows against forms, lithium, orders, solvers, bad input."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import dolfinx_solver  # noqa: F401
import numpy as np
import pytest
from mpi4py import MPI
from petsc4py import PETSc

from lithoscape.constants import FARADAY
from lithoscape.errors import InputError
from lithoscape.image import Grid, Volume
from lithoscape.materials import get_electrolyte, get_set
from lithoscape.materials.solubility import Precipitate
from lithoscape.mesh import MeshOptions, Tessellation, check, mesh_volume
from lithoscape.mesh.build import domain
from lithoscape.mesh.domain import Domain
from lithoscape.models.resolved import Phase, ResolvedCell, resolved
from lithoscape.problem import Problem
from lithoscape.protocol import Base, parse_protocol
from lithoscape.simulate import Options, Simulation
from lithoscape.solver import KrylovSolver, Newton, NewtonOptions, Stepper, System, TimeOptions

UM = 1e-6
SET = get_set("Chen2020_half")
NMC = SET.positive.material
TIGHT = NewtonOptions(update=1e-10, residual=1e-13)


def electrode(flat: bool = False, binder: bool = True) -> Tessellation:
    """Two materials in contact with each other, binder between them, pore around, a separator on top."""
    shape = (12, 10, 1) if flat else (12, 9, 8)
    labels = np.zeros(shape, np.uint8)
    labels[:6, 2:8] = 1
    labels[4:9, 5:] = 3
    if binder:
        labels[:5, 0:3] = 2
    phases = {"pore": 0, "active": 1, "binder": 2, "other": 3}
    volume = Volume(labels, Grid(shape, UM), phases)
    mesh = mesh_volume(volume, options=MeshOptions(size=2 * UM, separator=5 * UM))
    conductor = ["active", "other", *(["binder"] if binder else [])]
    return check(mesh, conductor=conductor, on_disconnected="drop", through=False).mesh


def simple() -> Tessellation:
    """One material, a rough wall of it."""
    labels = np.zeros((12, 10, 10), np.uint8)
    labels[:7] = 1
    labels[7:10, 2:6, 3:8] = 1
    labels[:4, 6:9, 0:4] = 0
    volume = Volume(labels, Grid(labels.shape, UM), {"pore": 0, "active": 1})
    mesh = mesh_volume(volume, options=MeshOptions(size=2 * UM, separator=6 * UM))
    return check(mesh, on_disconnected="drop", through=False).mesh


def grains(cells: Domain, rows: np.ndarray) -> np.ndarray:
    """A tensor that turns from cell to cell."""
    d = cells.mesh.geometry.dim
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(rows.size, d, d)))[0]
    return turn * np.linspace(0.2, 1.5, d) @ turn.transpose(0, 2, 1)


def everything(layer: float = 0.2) -> ResolvedCell:
    """Every term of the model at once."""
    other = get_set("ORegan2022_half").positive.material  # D(x)
    return ResolvedCell(
        (
            Phase("active", NMC, 0.4, 5.0, double_layer=layer, anisotropy=grains),
            Phase("other", other, 0.45, 0.5),
            Phase("binder", conductivity=20.0, porosity=0.5, transport=0.3, wetted=0.5),
            Phase("pore", porosity=1.0),
            Phase("separator", porosity=0.5, transport=0.35),
        ),
        replace(get_electrolyte("Landesfeind2019_EC_EMC_3_7"), precipitate=Precipitate(1050.0, 0.05)),
        SET.negative, 298.15, 10.0,
    )  # fmt: skip


def plain(**changes: object) -> ResolvedCell:
    """One material, constant transference."""
    electrolyte = replace(get_electrolyte("Nyman2008"), **changes)
    phases = (
        Phase("active", NMC, 0.4, 5.0), Phase("pore", porosity=1.0),
        Phase("separator", porosity=0.5, transport=0.35),
    )  # fmt: skip
    return ResolvedCell(phases, electrolyte, SET.negative, 298.15, 10.0)


def disturbed(*problems: Problem) -> None:
    """The same random state, away from rest, in every one."""
    rng = np.random.default_rng(1)
    for unknowns in zip(*(p.unknowns for p in problems), strict=True):
        size = 0.03 if "potential" in unknowns[0].name else 0.08 * unknowns[0].scale
        free = np.setdiff1d(np.arange(unknowns[0].function.x.array.size), unknowns[0].constrained)
        change = size * rng.normal(size=free.size)
        for u in unknowns:
            u.function.x.array[free] += change


@pytest.mark.parametrize("flat", [True, False])
def test_compiled_rows_are_those_of_the_forms(flat: bool) -> None:
    cells, cell = domain(electrode(flat), MPI.COMM_SELF), everything()
    fast, slow = resolved(cells, cell), resolved(cells, cell, compiled=False)
    disturbed(fast, slow)
    one, other = System(fast), System(slow)
    rate, rng = 0.3, np.random.default_rng(2)
    history = -rate * one.storage() * rng.uniform(0.9, 1.1, one.size)
    assert one.storage() == pytest.approx(other.storage(), rel=1e-11, abs=0)
    for kind, value in (("current", 10.0), ("voltage", 3.9), ("power", 40.0)):
        fast.control.impose(kind, value)
        slow.control.impose(kind, value)
        a, b = one.residual(rate, history), other.residual(rate, history)
        for k in range(len(one.owned)):
            part = slice(one.offsets[k], one.offsets[k + 1])
            assert np.abs(a[part] - b[part]).max() < 1e-11 * np.abs(b[part]).max()
        A, B = one.assemble(rate, []), other.assemble(rate, [])
        x, y = A.createVecs()
        z = y.duplicate()
        x.array[:] = rng.normal(size=one.size)
        A.mult(x, y)
        B.mult(x, z)
        for k in range(len(one.owned)):
            part = slice(one.offsets[k], one.offsets[k + 1])
            assert np.abs(y.array - z.array)[part].max() < 1e-11 * np.abs(z.array[part]).max()


def test_the_jacobian_is_the_slope_of_the_residual() -> None:
    problem = resolved(domain(electrode(), MPI.COMM_SELF), everything())
    disturbed(problem)
    system, rate, rng = System(problem), 0.1, np.random.default_rng(5)
    problem.control.impose("power", 40.0)
    A = system.assemble(rate, [])
    history, step = -rate * system.storage(), rng.normal(size=system.size)
    for k, free in enumerate(system.free):
        step[system.offsets[k] : system.offsets[k + 1]][~free] = 0
    x, y = A.createVecs()
    x.array[:] = step
    A.mult(x, y)
    ends = []
    for sign in (1, -1):
        system.add(step, sign * 1e-6)
        ends.append(system.residual(rate, history))
        system.add(step, -sign * 1e-6)
    slope = (ends[0] - ends[1]) / 2e-6
    for k in range(len(system.owned)):
        part = slice(system.offsets[k], system.offsets[k + 1])
        assert np.abs(y.array - slope)[part].max() < 1e-6 * np.abs(slope[part]).max()


def stepped(
    problem: Problem, steps: list[float], current: float = 20.0, options: NewtonOptions = TIGHT
) -> Stepper:
    """Steps of given length at a constant current."""
    system = System(problem)
    stepper = Stepper(system, Newton(system, options))
    problem.control.impose("current", current)
    history = stepper.frozen(stepper.initial())
    for dt in steps:
        tried = stepper.attempt(history, dt)
        assert tried.state is not None, tried.newton.reason
        history = history.pushed(tried.state)
    stepper.last = history.now  # type: ignore[attr-defined]
    return stepper


def inventory(system: System, names: list[str]) -> float:
    """Lithium in solids and electrolyte [mol]."""
    return sum(system.functional(name) for name in ["salt", *(f"lithium in {n}" for n in names)])


@pytest.mark.parametrize("krylov", [False, True], ids=["direct", "Krylov"])
def test_lithium_is_the_integral_of_the_current(krylov: bool, monkeypatch) -> None:
    if krylov:
        monkeypatch.setattr("lithoscape.solver.newton.LARGE", {2: 0, 3: 0})
    problem = resolved(domain(simple(), MPI.COMM_SELF), plain())
    system = System(problem)
    before, names = inventory(system, ["active"]), ["active"]
    options = NewtonOptions() if krylov else TIGHT
    stepper = stepped(problem, [0.01, 0.02, 0.05, 0.1, 0.3, 1, 3, 5, 10, 20, 20], options=options)
    assert isinstance(stepper.newton.linear, KrylovSolver) == krylov
    assert not any("fieldsplit" in name for name in PETSc.Options().getAll())  # PETSc would complain at exit
    state = stepper.last  # type: ignore[attr-defined]
    gained = inventory(stepper.system, names) - before
    passed = state.charge / FARADAY
    assert passed == pytest.approx(20.0 * problem.area * 59.48 / FARADAY, rel=1e-4)
    assert abs(gained - passed) < (1e-8 if krylov else 1e-12) * before
    # and what the lithium gives, the surfaces take
    total = stepper.system.functional("current of active") + stepper.system.functional("current")
    assert abs(total) < (1e-6 if krylov else 1e-10) * state.current


def test_krylov_and_direct_solves_agree(monkeypatch) -> None:
    cells, steps = domain(electrode(), MPI.COMM_SELF), [1e-3, 1e-3, 2e-3, 4e-3, 8e-3, 0.02, 0.04, 0.1]
    ends = []
    for large in ({2: 10**9, 3: 10**9}, {2: 0, 3: 0}):
        monkeypatch.setattr("lithoscape.solver.newton.LARGE", large)
        problem = resolved(cells, everything())
        stepped(problem, steps, 10.0, NewtonOptions())
        ends.append([u.function.x.array.copy() for u in problem.unknowns])
    for a, b, unknown in zip(*ends, problem.unknowns, strict=True):
        assert np.abs(a - b).max() < 1e-6 * unknown.scale, unknown.name


def test_second_order_in_time() -> None:
    cells = domain(simple(), MPI.COMM_SELF)
    volts = []
    for n in (10, 20, 40, 80):
        problem = resolved(cells, plain())
        stepped(problem, [40.0 / n] * n, 30.0)
        volts.append([u.function.x.array.copy() for u in problem.unknowns])
    for k in range(len(volts[0])):
        change = [np.linalg.norm(b[k] - a[k]) for a, b in zip(volts[1:], volts[:-1], strict=True)]
        assert np.log2(change[1] / change[2]) > 1.9, problem.unknowns[k].name


# -- bad input ------------------------------------------------------------------------
def refused(cell: ResolvedCell, mesh: Tessellation | None = None) -> str:
    with pytest.raises(InputError) as caught:
        resolved(domain(mesh or simple(), MPI.COMM_SELF), cell)
    return str(caught.value)


def test_phases_and_regions_must_fit() -> None:
    cell = plain()
    assert "separator" in refused(replace(cell, phases=cell.phases[:2]))
    assert "binder" in refused(replace(cell, phases=(*cell.phases, Phase("binder", conductivity=1.0))))
    assert "active phase" in refused(replace(cell, phases=(Phase("active", porosity=0.1), *cell.phases[1:])))


def test_a_surface_and_ends_are_needed() -> None:
    mesh, cell = simple(), plain()
    bare = replace(mesh, boundaries={k: v for k, v in mesh.boundaries.items() if k != "collector"})
    assert "collector" in refused(cell, bare)
    dry = (cell.phases[0], Phase("pore"), replace(cell.phases[2], name="separator"))
    assert "no surface to electrolyte" in refused(replace(cell, phases=dry))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"porosity": 1.2}, "porosity"),
        ({"wetted": 0.0}, "wetted"),
        ({"conductivity": -1.0}, "conductivity"),
        ({"conductivity": float("nan")}, "conductivity"),
        ({"material": NMC, "conductivity": 1.0}, "initial_stoichiometry"),
        ({"material": NMC, "initial_stoichiometry": 0.5}, "phases.p"),
    ],
)
def test_impossible_phases(changes: dict, field: str) -> None:
    with pytest.raises(InputError, match=field):
        Phase("p", **changes)


@pytest.mark.parametrize(
    "tensor", [-np.eye(3), np.ones((2, 2)), np.triu(np.ones((3, 3))), np.full((3, 3), np.nan)]
)
def test_impossible_tensors(tensor: np.ndarray) -> None:
    cell = plain()
    bad = replace(cell.phases[0], anisotropy=tensor)
    assert "phases.active.anisotropy" in refused(replace(cell, phases=(bad, *cell.phases[1:])))


@pytest.mark.slow
def test_the_documented_example_runs(monkeypatch) -> None:
    root = Path(__file__).parents[2]
    monkeypatch.chdir(root)
    text = (root / "docs" / "resolved.md").read_text(encoding="utf-8")
    names: dict = {}
    exec(text.split("```python\n")[1].split("```")[0], names)
    assert 3.9 < names["solution"]["Voltage [V]"].values[-1] < 4.2
    assert 0.3 < names["table"].mean[0] < 0.5


# -- several processes ----------------------------------------------------------------
PROGRAM = """
import importlib.util, sys
import dolfinx_solver
from mpi4py import MPI
spec = importlib.util.spec_from_file_location("here", sys.argv[1])
here = importlib.util.module_from_spec(spec)
spec.loader.exec_module(here)
if sys.argv[2] == "krylov":
    import lithoscape.solver.newton
    lithoscape.solver.newton.LARGE = {2: 0, 3: 0}
comm = MPI.COMM_WORLD
cells = here.domain(here.simple() if comm.rank == 0 else None, comm)
problem = here.resolved(cells, here.plain())
stepper = here.stepped(problem, [0.01, 0.02, 0.05, 0.1, 0.5, 2.0, 5.0], options=here.TIGHT)
values = [problem.voltage(), *(stepper.system.functional(name) for name in ("lithium in active", "salt"))]
if comm.rank == 0:
    print("VALUES", *(repr(float(v)) for v in values))
"""


def values_on(processes: int, solver: str) -> np.ndarray:
    command = [sys.executable, "-c", PROGRAM, __file__, solver]
    if processes > 1:
        command = [str(Path(sys.executable).parent / "mpiexec"), "-n", str(processes), *command]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    (line,) = [x for x in done.stdout.splitlines() if x.startswith("VALUES")]
    return np.array(line.split()[1:], dtype=float)


@pytest.mark.mpi
@pytest.mark.slow
@pytest.mark.parametrize("solver", ["direct", "krylov"])
def test_two_processes_give_the_serial_answer(solver: str) -> None:
    assert values_on(2, solver) == pytest.approx(values_on(1, "direct"), rel=1e-9, abs=0)


@pytest.mark.parametrize("settles", [True, False])
def test_full_surfaces_follow_their_current(settles: bool, monkeypatch) -> None:
    """The end of a fast discharge takes few iterations; without that step sizes collapse."""
    steep = get_set("NMC811_half").positive.material  # falls by a volt between 0.98 and 0.995
    cell = replace(plain(), phases=(Phase("active", steep, 0.6, 5.0), *plain().phases[1:]))
    problem = resolved(domain(simple(), MPI.COMM_SELF), cell)
    if not settles:
        monkeypatch.setattr(type(problem.assembly), "settle", lambda self, currents: None)
    options = Options(time=TimeOptions(relative=1e-3))
    protocol = parse_protocol(["Discharge at 30 A.m-2 until 2.6 V"])
    solution = Simulation(problem, protocol, Base(10.0, None), options=options).run()
    assert solution.outcome.ok
    assert solution["Voltage [V]"].values[-1] == pytest.approx(2.6, abs=1e-4)
    tried = solution.statistics["accepted_steps"] + solution.statistics["rejected_steps"]
    assert (solution.statistics["factorisations"] < 3.5 * tried) == settles


def test_the_current_that_surfaces_settle_on_is_the_expected_one() -> None:
    steep = get_set("NMC811_half").positive.material
    cell = replace(plain(), phases=(Phase("active", steep, 0.984, 5.0), *plain().phases[1:]))
    problem = resolved(domain(simple(), MPI.COMM_SELF), cell)
    own, c_s = problem.assembly, problem.unknown("concentration in active").function
    expected = [np.full(i.shape, -1.0) for i in own.currents()]
    c_s.x.array[:] = 0.997 * steep.c_max  # a volt too far
    assert max(abs(i).max() for i in own.currents()) > 1e6
    own.settle(expected)
    assert own.currents()[0] == pytest.approx(expected[0], rel=1e-3)
    nodes = own.surfaces[0].c_s
    inner = np.setdiff1d(np.arange(c_s.x.array.size), nodes)
    assert np.all(c_s.x.array[inner] == 0.997 * steep.c_max)
    # where the potential is flat, concentrations stay
    c_s.x.array[:] = 0.7 * steep.c_max
    own.settle(expected)
    assert np.all(c_s.x.array == 0.7 * steep.c_max)
