"""Fields of resolved runs: what is gathered, what stands in the files, what particles exchange."""

import importlib.util
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import dolfinx_solver  # noqa: F401
import meshio
import numpy as np
import pytest
import pyvista
from mpi4py import MPI

from lithoscape.errors import InputError, SolveError
from lithoscape.field_files import PARTS, FieldFiles, file_stem, read_vtu
from lithoscape.mesh.build import domain
from lithoscape.models.observe import ResolvedLithiation
from lithoscape.models.resolved import Phase, ResolvedCell, resolved
from lithoscape.problem import Problem
from lithoscape.resolved_fields import (
    AREA,
    CURRENT,
    ELECTRODE_POTENTIAL,
    ELECTROLYTE_POTENTIAL,
    LITHIUM,
    OCP,
    OVERPOTENTIAL,
    SALT,
    SOL,
    SURFACE_SOL,
    TERMINAL_POTENTIAL,
    ResolvedFields,
)
from lithoscape.solver import System


def load(name: str):
    """Another test file, for its meshes."""
    spec = importlib.util.spec_from_file_location(f"{name}_here", Path(__file__).parent / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MADE = load("test_resolved")
BLOCKS = load("test_resolved_lithiation")


def small(comm: MPI.Comm = MPI.COMM_SELF, flat: bool = False) -> tuple[Problem, ResolvedCell]:
    """Two active materials, a half wetted binder, in a state away from rest that depends on place only."""
    cell = MADE.everything(layer=0.0)
    cells = domain(MADE.electrode(flat) if comm.rank == 0 else None, comm)
    problem = resolved(cells, cell)
    for k, u in enumerate(problem.unknowns):
        if u.function.x.array.size > 1:
            x = u.function.function_space.tabulate_dof_coordinates() / 1e-6
            wave = np.sin(0.7 * x[:, 0] + k) * np.cos(0.5 * x[:, 1] - 0.3 * x[:, 2])
            size = 0.03 if u.unit == "V" else 0.08 * u.scale
            free = np.setdiff1d(np.arange(len(x)), u.constrained)
            u.function.x.array[free] += size * wave[free]
    return problem, cell


def integral(mesh, current: np.ndarray) -> float:
    """Of the nodal current density over the reaction area."""
    return float(mesh.cell_data[AREA] @ current[mesh.cells].mean(axis=1))


@pytest.fixture(scope="module")
def made() -> tuple[Problem, ResolvedCell, ResolvedFields]:
    problem, cell = small()
    return problem, cell, ResolvedFields(problem, cell)


# -- what is gathered ---------------------------------------------------------------------
@pytest.mark.parametrize("flat", [False, True])
def test_parts_have_the_volumes_of_their_regions(flat: bool, made) -> None:
    problem, cell, fields = made
    if flat:
        problem, cell = small(flat=True)
        fields = ResolvedFields(problem, cell)
    cells = problem.domain
    for part, names in {
        "solid": ("active", "other", "binder"),
        "electrolyte": ("binder", "pore", "separator"),
    }.items():
        mesh = fields.meshes[part]
        assert mesh.kind == ("triangle" if flat else "tetra")
        for name in names:
            volume = mesh.sizes[mesh.cell_data["Region"] == cells.regions[name]].sum()
            assert volume == pytest.approx(cells.measure("region", name), rel=1e-12, abs=0)
        assert set(mesh.cell_data["Region"]) == {cells.regions[name] for name in names}
        assert np.unique(mesh.cells).size == len(mesh.points)
    surface = fields.meshes["surface"]
    assert surface.kind == ("line" if flat else "triangle")
    met = {frozenset(name.split(" | ")): cells.measure("interface", name) for name in cells.interfaces}
    dry, wet = (
        sum(met.get(frozenset((solid, other)), 0.0) for solid in ("active", "other") for other in others)
        for others in (("binder",), ("pore", "separator"))
    )
    assert surface.sizes.sum() == pytest.approx(dry + wet, rel=1e-12, abs=0)
    assert surface.cell_data[AREA].sum() == pytest.approx(0.5 * dry + wet, rel=1e-12, abs=0)


def test_every_unknown_is_there(made) -> None:
    problem, _, fields = made
    solid, electrolyte = fields.solid(), fields.electrolyte()
    seen = {
        "electrolyte concentration": electrolyte[SALT],
        "electrolyte potential": electrolyte[ELECTROLYTE_POTENTIAL],
        "electrode potential": solid[ELECTRODE_POTENTIAL],
        "negative terminal potential": electrolyte[TERMINAL_POTENTIAL],
    }
    regions = fields.meshes["solid"].cell_data["Region"]
    for name in ("active", "other"):
        rows = np.unique(fields.meshes["solid"].cells[regions == problem.domain.regions[name]])
        seen[f"concentration in {name}"] = solid[LITHIUM][rows]
    assert set(seen) == {u.name for u in problem.unknowns}
    for name, values in seen.items():
        assert np.array_equal(np.unique(values), np.unique(problem.unknown(name).function.x.array)), name
    here = fields.meshes["electrolyte"]
    porous = np.unique(here.cells[here.cell_data["Region"] == problem.domain.regions["binder"]])
    assert np.isfinite(electrolyte[ELECTRODE_POTENTIAL][porous]).all()
    assert np.isnan(electrolyte[ELECTRODE_POTENTIAL]).any()
    binder = np.unique(fields.meshes["solid"].cells[regions == problem.domain.regions["binder"]])
    assert np.isnan(solid[SOL][binder]).all() and np.isfinite(solid[ELECTRODE_POTENTIAL]).all()


def test_values_are_at_their_points(made) -> None:
    problem, _, fields = made
    function = problem.unknown("concentration in other").function
    x = np.round(function.function_space.tabulate_dof_coordinates() / 1e-12).astype(int)
    expected = dict(zip(map(tuple, x), function.x.array, strict=True))
    mesh, solid = fields.meshes["solid"], fields.solid()
    rows = np.unique(mesh.cells[mesh.cell_data["Region"] == problem.domain.regions["other"]])
    for point, value in zip(mesh.points[rows], solid[LITHIUM][rows], strict=True):
        assert expected[tuple(np.round(point / 1e-12).astype(int))] == value


def test_the_surface_has_the_numbers_of_the_rows(made) -> None:
    problem, cell, fields = made
    mesh, values = fields.meshes["surface"], fields.surface()
    system, assembly = System(problem), problem.assembly
    for k, name in enumerate(("active", "other")):
        facets = mesh.cell_data["Region"] == problem.domain.regions[name]
        rows = np.unique(mesh.cells[facets])
        current = assembly._reaction(k).i
        size = 1e-13 * np.abs(current).max()
        assert np.sort(values[CURRENT][rows]) == pytest.approx(np.sort(current), rel=1e-12, abs=size)
        total = mesh.cell_data[AREA][facets] @ values[CURRENT][mesh.cells[facets]].mean(axis=1)
        assert total == pytest.approx(system.functional(f"current of {name}"), rel=1e-11, abs=0)
        material = cell.phases[k].material
        law = material.ocp(values[SURFACE_SOL][rows])
        assert values[OCP][rows] == pytest.approx(law, rel=1e-12)
    assert np.array_equal(
        np.sign(values[CURRENT]), np.sign(values[OVERPOTENTIAL])
    )  # anodic above equilibrium


def test_the_surface_takes_the_applied_current() -> None:
    cell = MADE.plain()
    problem = resolved(domain(MADE.simple(), MPI.COMM_SELF), cell)
    MADE.stepped(problem, [0.01, 0.02, 0.05, 0.1, 0.5, 2.0, 5.0], current=20.0)
    fields = ResolvedFields(problem, cell)
    discharge = 20.0 * problem.area
    assert integral(fields.meshes["surface"], fields.surface()[CURRENT]) == pytest.approx(
        -discharge, rel=1e-10
    )
    table = fields.particle_currents()
    assert table.number.tolist() == [1]
    assert table.area @ table.current == pytest.approx(-discharge, rel=1e-10)


def test_forms_without_compiled_rows_will_do(made) -> None:
    problem, cell, fields = made
    slow = resolved(problem.domain, cell, compiled=False)
    for one, other in zip(slow.unknowns, problem.unknowns, strict=True):
        one.function.x.array[:] = other.function.x.array
    expected, found = fields.surface(), ResolvedFields(slow, cell).surface()
    assert all(np.array_equal(expected[name], found[name]) for name in expected)


def test_other_problems_are_refused(made) -> None:
    problem, cell, _ = made
    swapped = ResolvedCell(
        (cell.phases[1], cell.phases[0], *cell.phases[2:]), cell.electrolyte, cell.lithium, 298.15, 10.0
    )
    with pytest.raises(InputError, match="not a resolved one"):
        ResolvedFields(problem, swapped)


# -- particles ----------------------------------------------------------------------------
def two_particles(numbered: bool = True, wetted: float = 1.0) -> tuple[Problem, ResolvedCell]:
    phases = (Phase("active", BLOCKS.NMC, 0.4, 5.0), Phase("pore", porosity=1.0, wetted=wetted))
    electrolyte = MADE.get_electrolyte("Nyman2008")
    cell = ResolvedCell(phases, electrolyte, BLOCKS.SET.negative, 298.15, 10.0)
    return resolved(domain(BLOCKS.two_blocks(numbered), MPI.COMM_SELF), cell), cell


@pytest.mark.parametrize("wetted", [1.0, 0.25])
def test_particles_have_their_area_and_mean_current(wetted: float) -> None:
    problem, cell = two_particles(wetted=wetted)
    fields = ResolvedFields(problem, cell)
    c_s = problem.unknown("concentration in active").function
    x = c_s.function_space.tabulate_dof_coordinates()[:, 0]
    c_s.x.array[:] = np.where(x < 4.1e-6, 0.3, 0.5) * BLOCKS.NMC.c_max
    table = fields.particle_currents()
    lithiation = ResolvedLithiation(problem, {"active": BLOCKS.NMC.c_max})
    assert table.number.tolist() == lithiation.particles().number.tolist() == [3, 7]
    assert table.area == pytest.approx([4e-6 * wetted] * 2, rel=1e-12, abs=0)
    mesh, i = fields.meshes["surface"], fields.surface()[CURRENT]
    uniform = i[np.isclose(fields.surface()[SURFACE_SOL], 0.3)]
    assert table.current[0] == pytest.approx(uniform.mean(), rel=1e-12)  # over all of particle 3
    assert abs(table.current[1] - table.current[0]) > 0.1 * abs(table.current[0])
    for number, area, current in zip(table.number, table.area, table.current, strict=True):
        mine = mesh.cell_data["Particle"] == number
        sizes = mesh.cell_data[AREA][mine]
        assert sizes.sum() == pytest.approx(area)
        assert sizes @ i[mesh.cells[mine]].mean(axis=1) == pytest.approx(area * current, rel=1e-12)


def test_without_numbers_a_phase_is_one_particle() -> None:
    table = ResolvedFields(*two_particles(numbered=False)).particle_currents()
    assert table.number.tolist() == [1]
    assert table.area == pytest.approx([8e-6], rel=1e-12, abs=0)


def test_a_particle_without_surface_has_no_current() -> None:
    """Numbers stay those of the state of lithiation, also where nothing reacts."""
    problem, cell = two_particles()
    number, msh = problem.domain.cell_data["particle"], problem.domain.mesh
    middle = msh.geometry.x[msh.geometry.dofmaps[0]].mean(axis=1)
    number[(number > 0) & (middle[:, 1] < 2e-6)] = 5
    table = ResolvedFields(problem, cell).particle_currents()
    assert table.number.tolist() == [3, 5, 7]
    assert table.area[1] == 0 and np.isnan(table.current[1]) and np.isfinite(table.current[[0, 2]]).all()


# -- files --------------------------------------------------------------------------------
def test_files_hold_the_fields(made, tmp_path: Path) -> None:
    problem, _, fields = made
    files = FieldFiles(fields, tmp_path / "fields")
    files.keep("half, way", 60.0)
    snapshot = fields.snapshot()
    assert not list((tmp_path / "fields").glob("*.part"))
    assert json.loads((tmp_path / "fields" / "regions.json").read_text()) == dict(problem.domain.regions)
    for part in PARTS:
        path = tmp_path / "fields" / f"half_way_{part}.vtu"
        mesh, values = snapshot.meshes[part], snapshot.values[part]
        read, seen = meshio.read(path), pyvista.read(path)
        assert list(read.cells_dict) == [mesh.kind]
        np.testing.assert_array_equal(read.points, mesh.points)
        np.testing.assert_array_equal(read.cells_dict[mesh.kind], mesh.cells)
        np.testing.assert_array_equal(seen.points, mesh.points)
        np.testing.assert_array_equal(seen.cells_dict[seen.celltypes[0]], mesh.cells)
        for name, column in values.items():
            np.testing.assert_array_equal(read.point_data[name], column)
            np.testing.assert_array_equal(seen.point_data[name], column)
        for name, column in mesh.cell_data.items():
            np.testing.assert_array_equal(read.cell_data[name][0], column)
            np.testing.assert_array_equal(seen.cell_data[name], column)
        sizes = seen.compute_cell_sizes(vertex_count=False)["Area" if part == "surface" else "Volume"]
        assert sizes.sum() == pytest.approx(mesh.sizes.sum(), rel=1e-9, abs=0)
    solid = pyvista.read(tmp_path / "fields" / "half_way_solid.vtu")
    wanted = sum(problem.domain.measure("region", name) for name in ("active", "other", "binder"))
    assert solid.compute_cell_sizes()["Volume"].sum() == pytest.approx(wanted, rel=1e-9, abs=0)
    assert 0.2 < np.nanmin(solid[SOL]) < np.nanmax(solid[SOL]) < 0.7


def series(folder: Path, part: str) -> list[tuple[float, str]]:
    found = ET.parse(folder / f"{part}.pvd").getroot().findall("Collection/DataSet")
    return [(float(entry.get("timestep")), entry.get("file")) for entry in found]


def test_the_series_lists_every_moment(made, tmp_path: Path) -> None:
    problem, _, fields = made
    files = FieldFiles(fields, tmp_path)
    salt = problem.unknown("electrolyte concentration").function.x.array
    before, lowest = salt.copy(), []
    for name, time in (("start", 0.0), ("end", 7.5), ("late", 90.0)):
        files.keep(name, time)
        lowest.append(salt.min())
        salt += 10.0
    files.keep("end", 8.0)  # once more, in place of the first
    salt[:] = before
    for part in PARTS:
        names = [f"{name}_{part}.vtu" for name in ("start", "end", "late")]
        assert series(tmp_path, part) == list(zip((0.0, 8.0, 90.0), names, strict=True))
    reader = pyvista.get_reader(tmp_path / "electrolyte.pvd")
    assert reader.time_values == [0.0, 8.0, 90.0]
    for time, expected in ((0.0, lowest[0]), (8.0, lowest[0] + 30.0), (90.0, lowest[2])):
        reader.set_active_time_value(time)
        assert reader.read()[0][SALT].min() == pytest.approx(expected, rel=1e-14)
    kept = files.snapshots()
    assert [(s.name, s.time) for s in kept] == [("start", 0.0), ("late", 90.0), ("end", 8.0)]
    assert kept[1].values["electrolyte"][SALT].min() == pytest.approx(lowest[2], rel=1e-14)


def test_a_resumed_run_keeps_earlier_moments(made, tmp_path: Path) -> None:
    _, _, fields = made
    before = FieldFiles(fields, tmp_path)
    for k, name in enumerate(("start", "one hour", "lost")):
        before.keep(name, 3600.0 * k)
    files = FieldFiles(fields, tmp_path)
    files.restore(["start", "one hour"], [0.0, 3600.0])
    assert [time for time, _ in series(tmp_path, "solid")] == [0.0, 3600.0]
    files.keep("end", 9000.0)
    assert series(tmp_path, "surface")[1:] == [(3600.0, "one_hour_surface.vtu"), (9000.0, "end_surface.vtu")]
    assert [s.name for s in files.snapshots()] == ["start", "one hour", "end"]
    (tmp_path / "start_solid.vtu").unlink()
    with pytest.raises(InputError, match="start_solid"):
        FieldFiles(fields, tmp_path).restore(["start"], [0.0])


def test_names_must_make_files_of_their_own(made, tmp_path: Path) -> None:
    assert file_stem("after 1C, 3.7 V/2") == "after_1C_3.7_V_2"
    files = FieldFiles(made[2], tmp_path)
    files.keep("a b", 0.0)
    for name in ("a_b", "../ "):
        with pytest.raises(InputError, match="file name of its own"):
            files.keep(name, 1.0)


def test_a_failed_write_leaves_the_old_file(made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = FieldFiles(made[2], tmp_path)
    files.keep("a", 0.0)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(path: Path, *_: object, **__: object) -> None:
        path.write_text("half of")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(meshio.vtu, "write", full)
    with pytest.raises(SolveError, match="No space left"):
        files.keep("a", 1.0)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_damaged_files_are_refused(made, tmp_path: Path) -> None:
    files = FieldFiles(made[2], tmp_path)
    files.keep("a", 0.0)
    path = tmp_path / "a_solid.vtu"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match="cannot be read"):
        files.snapshots()
    with pytest.raises(InputError, match="cannot be read"):
        read_vtu(tmp_path / "none.vtu")


# -- several processes --------------------------------------------------------------------
PROGRAM = """
import importlib.util, sys
import dolfinx_solver
from mpi4py import MPI
from pathlib import Path
spec = importlib.util.spec_from_file_location("here", sys.argv[1])
here = importlib.util.module_from_spec(spec)
spec.loader.exec_module(here)
comm = MPI.COMM_WORLD
problem, cell = here.small(comm)
fields = here.ResolvedFields(problem, cell)
assert (fields.meshes is None) == (comm.rank > 0)
files = here.FieldFiles(fields, Path(sys.argv[2]))
files.keep("now", 1.0)
files.restore(["now"] if comm.rank == 0 else [], [1.0] if comm.rank == 0 else [])
assert len(files.snapshots()) == (comm.rank == 0)
table = fields.particle_currents()
assert len(set(comm.allgather((table.current.tobytes(), table.area.tobytes())))) == 1
try:
    files.keep("..", 2.0)
except here.InputError:
    pass
next(Path(sys.argv[2]).glob("*_solid.vtu")).rename(Path(sys.argv[2]) / "away") if comm.rank == 0 else None
for call in (files.snapshots, lambda: files.restore(["now"], [1.0])):
    try:
        call()
    except here.InputError as error:
        assert "now" in str(error)
    else:
        raise AssertionError
if comm.rank == 0:
    (Path(sys.argv[2]) / "away").rename(Path(sys.argv[2]) / "now_solid.vtu")
    print("VALUES", *(repr(float(v)) for v in (*table.number, *table.area, *table.current)))
"""


@pytest.mark.mpi
def test_two_processes_write_what_one_does(tmp_path: Path) -> None:
    problem, cell = small()
    fields = ResolvedFields(problem, cell)
    command = [str(Path(sys.executable).parent / "mpiexec"), "-n", "2", sys.executable, "-c", PROGRAM]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, __file__, str(tmp_path)], capture_output=True, text=True, env=environment, timeout=200,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    (line,) = [x for x in done.stdout.splitlines() if x.startswith("VALUES")]
    table = fields.particle_currents()
    expected = np.concatenate([table.number, table.area, table.current])
    assert np.array(line.split()[1:], float) == pytest.approx(expected, rel=1e-11, abs=0)
    mine = fields.snapshot()
    for part in PARTS:
        mesh, values = read_vtu(tmp_path / f"now_{part}.vtu")
        ours = mine.meshes[part]
        assert len(mesh.points) == len(ours.points) and len(mesh.cells) == len(ours.cells)
        assert np.unique(mesh.cells).size == len(mesh.points)
        for name, column in mine.values[part].items():
            one, other = (
                np.sort(m.sizes * v[name][m.cells].mean(axis=1))
                for m, v in ((ours, {name: column}), (mesh, values))
            )
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12 * np.nanmax(np.abs(one)))
        for name, column in ours.cell_data.items():
            assert np.sort(mesh.cell_data[name]) == pytest.approx(np.sort(column), rel=1e-11, abs=0)
