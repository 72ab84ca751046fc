"""Resolved electrodes from scenario files: what goes in, what a run leaves, what is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvista

from lithoscape import records
from lithoscape.errors import InputError
from lithoscape.image import Volume, write_volume
from lithoscape.image.grid import Grid
from lithoscape.mesh import read_mesh
from lithoscape.mesh.domain import Domain
from lithoscape.scenario import Loaded, RunResult, load_scenario, prepare, rewrite_report, run_scenario

HERE = Path(__file__).parent
SMALL = HERE / "small_packing.yaml"
SCENARIOS = HERE.parents[1] / "scenarios"
UM = 1e-6


def small(file: Path = SMALL, **changes: Any) -> Loaded:
    return load_scenario(file, "base", {k.replace("__", "."): v for k, v in changes.items()})


def meshed(loaded: Loaded) -> Domain:
    return prepare(loaded)[0].mesh()


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    changes = {"output__animation": "gif", "output__frames": 3}
    return run_scenario(small(**changes), tmp_path_factory.mktemp("resolved") / "run")


def test_a_run_conserves_lithium_and_knows_its_particles(ran: RunResult) -> None:
    record = ran.solution.record
    assert ran.solution.outcome.ok
    assert abs(record["Lithium balance error"].values).max() < 1e-8
    volume = record["Particle volume [m3]"]
    mean = (record["Particle state of lithiation"] * volume).sum("particle") / volume.sum("particle")
    assert mean.values == pytest.approx(record["Mean state of lithiation"].values, abs=1e-12)
    low, high = (record[f"{which} state of lithiation in particle"] for which in ("Lowest", "Highest"))
    assert bool((low <= record["Particle state of lithiation"] + 1e-12).all())
    assert bool((high >= record["Particle state of lithiation"] - 1e-12).all())
    assert record["Share of active material by state of lithiation"].sum("sol").values == pytest.approx(1.0)
    assert record["Particle depth"].min() > 0 and record["Particle depth"].max() < 1


def test_particles_take_the_current_of_the_cell(ran: RunResult) -> None:
    record = ran.solution.record
    total = (record["Particle current density [A.m-2]"] * record["Particle reaction area [m2]"]).sum(
        "particle"
    )
    area = (12 * UM) ** 2
    assert -total.values == pytest.approx(record["Current density [A.m-2]"].values * area, rel=1e-8)


def test_moments_are_files_and_pictures(ran: RunResult) -> None:
    fields = ran.folder / "fields"
    names = [name for name, _ in json.loads((fields / "moments.json").read_text())]
    assert names[-1] == "end" and "2 min" in names
    assert sum(name.startswith("frame ") for name in names) >= 2
    solid = pyvista.read(fields / "2_min_solid.vtu")
    found = solid.cell_data["Region"].size
    mesh = read_mesh(ran.folder / "mesh.vtu")
    conduct = mesh.tags != mesh.regions["separator"]
    assert found == conduct.sum()
    times = pyvista.PVDReader(fields / "solid.pvd").time_values
    assert times == sorted(times) and 120.0 in times
    pictures = {file.name for file in (ran.folder / "pictures").iterdir()}
    assert {"state_of_lithiation.png", "state_of_lithiation.gif", "reaction_current.png"} <= pictures


def test_spreads_are_compared_with_a_sphere_by_itself(ran: RunResult) -> None:
    spread = json.loads(ran.solution.record.attrs["single_particle_spread"])
    depth = json.loads(ran.solution.record.attrs["solid_limited_depth"])
    assert set(spread) == set(depth) == {"2 min"}
    assert 0.005 < spread["2 min"] < 0.1
    assert 0 <= depth["2 min"] <= 1


def test_the_report_can_be_written_again(ran: RunResult) -> None:
    before = (ran.folder / "report.html").read_text()
    assert "data:image/png" in before
    assert rewrite_report(ran.folder, small()).read_text().count("<figure") == before.count("<figure")


def test_an_interrupted_run_goes_on_from_its_files(ran: RunResult, tmp_path: Path) -> None:
    steps = []

    def interrupt(fraction: float, text: str) -> None:
        steps.extend([text] if text.startswith("cycle") else [])
        if len(steps) == 27:
            raise KeyboardInterrupt

    folder = tmp_path / "run"
    changes = {"output__animation": "gif", "output__frames": 3}
    with pytest.raises(KeyboardInterrupt):
        run_scenario(small(**changes), folder, progress=interrupt)
    stamp = (folder / "mesh.vtu").stat().st_mtime_ns
    resumed = run_scenario(small(**changes), folder, resume=True)
    assert (folder / "mesh.vtu").stat().st_mtime_ns == stamp
    for name in ("Voltage [V]", "Mean state of lithiation", "Particle state of lithiation"):
        assert resumed.solution[name].values == pytest.approx(ran.solution[name].values, abs=1e-10)
    kept = [json.loads((run / "fields" / "moments.json").read_text()) for run in (folder, ran.folder)]
    assert kept[0] == kept[1]


def test_reversed_is_the_same_turned_round() -> None:
    """The share of active material by depth is that of the other way, backwards."""
    shares = []
    for turned in (False, True):
        domain = meshed(small(geometry__reversed=turned, geometry__separator_um=5))
        middle = domain.mesh.geometry.x[domain.mesh.geometry.dofmaps[0]].mean(axis=1)[:, 0]
        inside = np.isin(domain.cell_values(), domain.region("active"))
        shares.append(np.histogram(middle[inside], 6, (0, 18 * UM))[0] / inside.sum())
        assert domain.measure("region", "separator") == pytest.approx(5 * 144 * UM**3, rel=1e-6)
    assert shares[1] == pytest.approx(shares[0][::-1], abs=0.01)
    assert abs(shares[1] - shares[0]).max() > 0.025


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A block with a binder that touches the collector, as a file, and a scenario beside it."""
    labels = np.zeros((14, 10, 10), np.uint8)
    labels[:10, 2:8, 2:8] = 1
    labels[:4, 6:9, 6:9] = 2
    grid = Grid(labels.shape, (UM, UM, UM))
    write_volume(Volume(labels, grid, {"pore": 0, "active": 1, "binder": 2}), tmp_path / "image.tif")
    text = SMALL.read_text()
    start, end = text.index("  recipe:"), text.index("  cell_size_um")
    spec = "  image: {file: image.tif, voxel_um: 1, phases: {pore: 0, active: 1, binder: 2}}\n"
    text = text[:start] + spec + text[end:]
    text = text.replace("cell_size_um: 2.5", "cell_size_um: 2").replace(
        "    pore: {porosity: 0.5, transport: 0.1, conductivity_S_m: 10}\n",
        "    pore: {porosity: 1}\n    binder: {porosity: 0.4, conductivity_S_m: 10, wetted: 0.4}\n",
    )
    (tmp_path / "image.yaml").write_text(text)
    return tmp_path / "image.yaml"


def test_an_image_with_binder(image: Path) -> None:
    domain = meshed(load_scenario(image, "base"))
    assert set(domain.regions) == {"pore", "active", "binder", "separator"}
    # not wider than a few cells: corners are rounded, volumes are kept
    assert domain.measure("region", "binder") == pytest.approx(36 * UM**3, rel=0.15)
    assert domain.cell_data["particle"].max() == 1


def test_an_image_in_the_folder_of_large_ones(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = image.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "image.yaml").write_text(image.read_text())
    monkeypatch.delenv("LITHOSCAPE_DATA", raising=False)
    with pytest.raises(InputError, match=r"geometry\.image\.file: there is no such file .*LITHOSCAPE_DATA"):
        prepare(load_scenario(elsewhere / "image.yaml", "base"))
    monkeypatch.setenv("LITHOSCAPE_DATA", str(image.parent))
    assert prepare(load_scenario(elsewhere / "image.yaml", "base"))


def test_a_mesh_file_is_taken_as_it_is(tmp_path: Path) -> None:
    text = SMALL.read_text()
    ready = HERE.parents[1] / "meshes" / "ready" / "packing.vtu"
    whole = text[: text.index("  recipe:")] + f"  mesh: {ready}\n" + text[text.index("  cell_size_um") :]
    (tmp_path / "sized.yaml").write_text(whole)
    with pytest.raises(InputError, match=r"geometry\.mesh: a mesh from a file is taken as it is"):
        prepare(load_scenario(tmp_path / "sized.yaml", "base"))
    lines = [line for line in whole.splitlines() if "cell_size_um" not in line and "separator_um" not in line]
    (tmp_path / "plain.yaml").write_text("\n".join(lines))
    domain = meshed(load_scenario(tmp_path / "plain.yaml", "base"))
    assert set(domain.regions) >= {"active", "pore", "separator"}


REFUSED = [
    ({"geometry__recipe": "nowhere.yaml"}, r"geometry\.recipe: .*no such"),
    ({"geometry__recipe_changes": {"size_um": [18, 12]}}, r"geometry\.recipe_changes\.size_um"),
    ({"geometry__mesh": "x.vtu"}, "a microstructure comes from one place"),
    (
        {"geometry__phases": {"active": {"material": None}}},
        r"geometry\.phases: no phase holds active material",
    ),
    ({"geometry__phases": {"pore": {"porosity": 0}}}, r"geometry\.phases: no phase holds electrolyte"),
    ({"geometry__phases": {"active": {"material": "NMC9000"}}}, r"geometry\.phases\.active\.material"),
    ({"geometry__phases": {"active": {"porosity": 0.1}}}, r"geometry\.phases\.active.*dense"),
    ({"geometry__phases": {"pore": {"transport": 2}}}, r"geometry\.phases\.pore\.transport"),
    ({"geometry__phases": {"pore": {"double_layer_F_m2": 1.0}}}, "only active material has this"),
    (
        {"geometry__phases": {"active": {"initial_stoichiometry": 0.2}}},
        r"geometry\.phases\.active\.initial_stoichiometry: NMC811 is not known",
    ),
    ({"electrode": {"porosity": 0.3}}, r"electrode\.porosity: the microstructure decides this"),
    ({"materials__set": "Chen2020"}, "resolved geometries are half cells"),
    ({"initial__state_of_lithiation": 0.2}, r"NMC811 is not known at this state"),
    ({"protocol": ["Discharge at 1C until 0.5 V"]}, "0.5"),
    ({"output__animation": "avi"}, r"output\.animation"),
    (
        {
            "instruments": {
                "gauge_map": {"depths_um": [5], "positions_um": [0], "beam_um": [2, 2], "groups": {}}
            }
        },
        r"instruments\.gauge_map: a gauge map needs a cross-section",
    ),
]


@pytest.mark.parametrize(
    ("changes", "text"), REFUSED, ids=[next(iter(c)) + str(k) for k, (c, _) in enumerate(REFUSED)]
)
def test_what_does_not_fit_is_refused_before_anything_is_meshed(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        prepare(small(**changes))


def test_a_film_without_its_program_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(InputError, match=r"output\.animation: ffmpeg, which writes MP4, is not there"):
        prepare(small(output__animation="mp4"))


def test_phases_that_do_not_fit_the_microstructure() -> None:
    with pytest.raises(
        InputError, match=r"geometry\.phases: the microstructure has no such phase \(got 'binder'\)"
    ):
        meshed(small(geometry__phases={"binder": {"conductivity_S_m": 1.0}}))
    with pytest.raises(InputError, match=r"geometry\.cell_size_um: cells lie between"):
        meshed(small(geometry__cell_size_um=40))


RESOLVED = [
    "packing_d8",
    "packing_d12",
    "packing_d16",
    "bimodal_d8_d12",
    "graded_reversed",
    "nmc532_tomography",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", RESOLVED)
def test_quick_variants_run_to_their_cut_off(name: str, tmp_path: Path, data: Path | None) -> None:
    if name == "nmc532_tomography" and data is None:
        pytest.skip("the image is not here: LITHOSCAPE_DATA is not set")
    loaded = load_scenario(SCENARIOS / f"{name}.yaml", None, {"output.pictures": False})
    result = run_scenario(loaded, tmp_path / "run")
    assert result.solution.outcome.ok, result.solution.outcome.message
    record = result.solution.record
    assert abs(record["Lithium balance error"].values).max() < 1e-8
    assert record["Voltage [V]"].values[-1] == pytest.approx(record["Voltage [V]"].values.min(), abs=1e-9)
    share = float(record["Mean state of lithiation"][-1])
    assert 0.55 < share < 0.97


@pytest.fixture
def data() -> Path | None:
    found = os.environ.get("LITHOSCAPE_DATA")
    return None if found is None else Path(found)


@pytest.mark.mpi
@pytest.mark.slow
def test_two_processes_leave_the_same_folder(ran: RunResult, tmp_path: Path) -> None:
    launcher = Path(sys.executable).with_name("mpiexec")
    words = ["run", str(SMALL), "--out", str(tmp_path / "run"), "--quiet", "--set", "output.animation=gif"]
    words += ["--set", "output.frames=3"]
    done = subprocess.run(
        [launcher, "-n", "2", sys.executable, "-m", "lithoscape", *words],
        capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    record = records.load(tmp_path / "run" / "record.nc")
    for name in ("Voltage [V]", "Particle state of lithiation", "Particle current density [A.m-2]"):
        assert record[name].values == pytest.approx(ran.solution[name].values, rel=1e-8)
    for folder in ("pictures", "fields"):
        names = [{file.name for file in (run / folder).iterdir()} for run in (ran.folder, tmp_path / "run")]
        assert names[0] == names[1]
