"""From tessellation to Domain: measures, names and values by cell, on one process and several."""

import gc
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import dolfinx_solver  # noqa: F401
import numpy as np
import pytest
from dolfinx.mesh import compute_midpoints
from mpi4py import MPI

from lithoscape.errors import InputError
from lithoscape.image import Grid, Volume
from lithoscape.mesh.build import domain
from lithoscape.mesh.domain import Domain
from lithoscape.mesh.structured import Layer, layered_cell
from lithoscape.mesh.tessellation import Tessellation
from lithoscape.mesh.voxel import voxel_mesh

KINDS = ("hexahedron", "tetra", "quad", "triangle")
pytestmark = pytest.mark.filterwarnings("ignore::lithoscape.errors.StaircaseWarning")


def tessellation(kind: str) -> Tessellation:
    """A random image; as cell data its middle [um] along the second coordinate, and a number."""
    shape = (5, 6, 7) if kind in KINDS[:2] else (1, 9, 8)
    labels = np.random.default_rng(1).integers(0, 3, shape).astype(np.uint8)
    grid = Grid(shape, (1e-6, 0.7e-6, 0.4e-6), through=1, origin=(1e-6, -2e-6, 3e-6))
    mesh = voxel_mesh(Volume(labels, grid, {"pore": 0, "active": 1, "binder": 2}), kind)
    number = np.arange(len(mesh.cells), dtype=np.int32)
    middle = mesh.points[mesh.cells].mean(axis=1)[:, 1]
    return replace(mesh, cell_data={"particle": number, "middle": middle})


def deviations(t: Tessellation, d: Domain) -> list[float]:
    """Relative error of every named measure, and 1 for every cell value on the wrong cell."""
    sizes = {**t.region_sizes(), **t.facet_sizes()}
    tables = {"region": t.regions, "boundary": t.boundaries, "interface": t.interfaces}
    errors = [d.measure(kind, n) / sizes[n] - 1 for kind, table in tables.items() for n in table]
    turned = [" | ".join(reversed(n.split(" | "))) for n in t.interfaces]
    errors += [d.measure("interface", n) / sizes[" | ".join(sorted(n.split(" | ")))] - 1 for n in turned]
    number = d.cell_data["particle"]
    middle = compute_midpoints(d.mesh, d.dim, np.arange(number.size, dtype=np.int32))[:, 1]
    wrong = (d.cell_values() != t.tags[number]) | (np.abs(middle - t.cell_data["middle"][number]) > 1e-12)
    wrong |= d.cell_data["middle"] != t.cell_data["middle"][number]
    return [*errors, float(d.comm.allreduce(int(wrong.sum()), op=MPI.SUM) > 0)]


@pytest.mark.parametrize("kind", KINDS)
def test_measures_are_those_of_the_tessellation(kind: str) -> None:
    t = tessellation(kind)
    d = domain(t)
    found = deviations(t, d)
    assert len(found) == len(t.regions) + len(t.boundaries) + 2 * len(t.interfaces) + 1
    assert np.abs(found).max() < 1e-12
    assert d.mesh.geometry.index_map().size_global == len(t.points)
    assert (dict(d.regions), dict(d.boundaries)) == (dict(t.regions), dict(t.boundaries))
    assert d.provenance["route"] == "voxels"
    assert kind in d.description
    assert domain(t, description="a cube").description == "a cube"


PROGRAM = """
import importlib.util, sys, warnings
warnings.simplefilter("ignore")
import numpy as np
from mpi4py import MPI
spec = importlib.util.spec_from_file_location("here", sys.argv[1])
here = importlib.util.module_from_spec(spec)
spec.loader.exec_module(here)
comm = MPI.COMM_WORLD
worst, digests = 0.0, []
for kind in here.KINDS:
    t = here.tessellation(kind)
    d = here.domain(t if comm.rank == 0 else None)
    worst = max(worst, np.abs(here.deviations(t, d)).max())
    digests.append(d.digest())
    owned = d.mesh.topology.index_map(d.dim).size_local
    assert 0 < owned < len(t.cells) or comm.size == 1
    assert len(d.cell_data["particle"]) > owned or comm.size == 1
try:
    here.domain(None)
except here.InputError:
    digests.append("refused")
if comm.rank == 0:
    print("FOUND", worst, *digests)
"""


def on(processes: int) -> list[str]:
    command = [sys.executable, "-c", PROGRAM, __file__]
    if processes > 1:
        command = [str(Path(sys.executable).parent / "mpiexec"), "-n", str(processes), *command]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    (line,) = [x for x in done.stdout.splitlines() if x.startswith("FOUND")]
    return line.split()[1:]


@pytest.mark.mpi
@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 3])
def test_several_processes_agree_with_the_tessellation(processes: int) -> None:
    worst, *digests = on(processes)
    assert float(worst) < 1e-12
    assert digests == [*(domain(tessellation(kind)).digest() for kind in KINDS), "refused"]


def test_unused_points_are_left_out() -> None:
    t = tessellation("tetra")
    more = replace(t, points=np.concatenate([t.points, [[0.0, 0.0, 0.0]]]))
    assert domain(more).mesh.geometry.index_map().size_global == len(t.points)


def test_a_mesh_without_named_facets() -> None:
    t = tessellation("quad")
    bare = replace(
        t, facets=np.empty((0, 3), np.int32), facet_tags=np.empty(0, np.int32), boundaries={}, interfaces={}
    )
    d = domain(bare)
    assert d.facet_tags.values.size == 0
    assert d.measure("region", "pore") == pytest.approx(t.region_sizes()["pore"], rel=1e-12, abs=0)


def test_nothing_to_build_is_refused() -> None:
    with pytest.raises(InputError, match="process 0 holds no mesh"):
        domain(None)


def test_interfaces_are_named_in_either_order() -> None:
    d = domain(tessellation("quad"))
    tag = d.interfaces["active | pore"]
    assert d.interface("active | pore", "pore | active", "pore|active") == (tag,) * 3
    with pytest.raises(InputError, match="no such interface") as caught:
        d.interface("active | poer")
    assert "active | pore" in caught.value.remedy
    with pytest.raises(InputError, match="Did you mean 'interface'"):
        d.measure("interfaces", "active | pore")
    with pytest.raises(InputError, match="no such boundary"):
        d.measure("boundary", "active | pore")


def test_older_routes_have_no_interfaces() -> None:
    d = layered_cell([Layer("separator", 20e-6, 3), Layer("positive", 80e-6, 7)])
    assert (dict(d.interfaces), dict(d.cell_data), dict(d.provenance)) == ({}, {}, {})
    with pytest.raises(InputError, match="no such interface"):
        d.interface("separator | positive")


def communicators() -> int:
    """How many more communicators MPI has."""
    made = []
    try:
        while len(made) < 4096:
            made.append(MPI.COMM_SELF.Dup())
    except MPI.Exception:
        pass
    for comm in made:
        comm.Free()
    return len(made)


def test_meshes_that_nobody_uses_give_back_their_communicators() -> None:
    """MPI has 2048 of them, and ends the process when they are gone; cycles wait for a collection."""
    gc.collect()
    before = communicators()
    gc.disable()  # as good as off in a process with many objects
    try:
        for _ in range(60):
            holder: list = [layered_cell([Layer("a", 1e-6, 4)], comm=MPI.COMM_SELF)]
            holder.append(holder)  # as solvers and what they call back do
        assert communicators() > before - 150
    finally:
        gc.enable()
