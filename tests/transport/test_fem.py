"""Conduction on meshes: layers exact, an independent solve, bounds that close, processes, what is refused."""

import os
import subprocess
import sys
from pathlib import Path

import dolfinx_solver  # noqa: F401
import numpy as np
import pytest
import ufl
from dolfinx import fem
from mpi4py import MPI
from scipy.sparse import csr_array
from scipy.sparse.linalg import spsolve

from lithoscape.errors import InputError
from lithoscape.image import Grid, Volume
from lithoscape.mesh.build import domain
from lithoscape.mesh.domain import Domain
from lithoscape.mesh.structured import Layer, layered_cell
from lithoscape.mesh.voxel import voxel_mesh
from lithoscape.transport.fem import FemOptions, effective_of_image, effective_on_mesh
from lithoscape.transport.voxel import effective

UM = 1e-6
SIGMA = {"pore": 1.0, "active": 0.05, "binder": 4.0}
STAIRS = pytest.mark.filterwarnings("ignore::lithoscape.errors.StaircaseWarning")


def image(labels: np.ndarray) -> Volume:
    return Volume(labels.astype(np.uint8), Grid(labels.shape, UM), {"pore": 0, "active": 1, "binder": 2})


def stack(kind: bool) -> Domain:
    """Three layers over the last coordinate."""
    layers = [Layer(name, thick * UM, 4) for name, thick in (("pore", 3), ("active", 5), ("binder", 2))]
    return layered_cell(layers, lateral=[(4 * UM, 3), (3 * UM, 2)], simplices=kind, comm=MPI.COMM_SELF)


def random_medium(shape=(8, 7, 6), seed: int = 0) -> Domain:
    labels = np.random.default_rng(seed).integers(0, 3, shape)
    return domain(voxel_mesh(image(labels), "tetra"), MPI.COMM_SELF)


# -- exact ---------------------------------------------------------------------
@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("simplices", [True, False], ids=["tetrahedra", "bricks"])
def test_layers_are_exact(simplices: bool, degree: int) -> None:
    cell, options = stack(simplices), FemOptions(degree)
    across = effective_on_mesh(cell, SIGMA, 2, options=options)
    assert across.effective == pytest.approx(10 / (3 / 1 + 5 / 0.05 + 2 / 4), rel=1e-10)
    assert across.efficiency == pytest.approx(across.effective / 4, rel=1e-14)
    along = effective_on_mesh(cell, SIGMA, 0, options=options)
    assert along.effective == pytest.approx((3 * 1 + 5 * 0.05 + 2 * 4) / 10, rel=1e-10)
    assert along.iterations == 0  # a uniform field is the solution


def test_one_layer_conducts_by_itself() -> None:
    found = effective_on_mesh(stack(True), {"active": 0.05}, 1)
    assert found.effective == pytest.approx(0.05 / 2, rel=1e-12)
    assert (found.porosity, found.porosity_percolating) == pytest.approx((0.5, 0.5), rel=1e-12)
    assert found.efficiency == pytest.approx(0.5, rel=1e-12)


@STAIRS
def test_units_are_those_of_the_conductivities() -> None:
    cell = random_medium()
    one = effective_on_mesh(cell, SIGMA, 1)
    scaled = effective_on_mesh(cell, {k: 1e-7 * v for k, v in SIGMA.items()}, 1)
    assert scaled.effective == pytest.approx(1e-7 * one.effective, rel=1e-12, abs=0)
    assert scaled.iterations == one.iterations


# -- an independent solve ------------------------------------------------------
def by_hand(cell: Domain, axis: int) -> float:
    """As tests/mesh/test_conduction.py: assembled on the whole mesh, solved by SciPy."""
    space = fem.functionspace(cell.mesh, ("Lagrange", 1))
    sigma = fem.Function(fem.functionspace(cell.mesh, ("DG", 0)))
    for name in cell.regions:
        sigma.x.array[cell.cells(name)] = SIGMA[name]
    u, v = ufl.TrialFunction(space), ufl.TestFunction(space)
    matrix = fem.assemble_matrix(fem.form(sigma * ufl.inner(ufl.grad(u), ufl.grad(v)) * ufl.dx))
    a = csr_array(matrix.to_scipy())
    x = space.tabulate_dof_coordinates()
    low, high = x.min(axis=0), x.max(axis=0)
    fixed = (np.abs(x[:, axis] - low[axis]) < 1e-12) | (np.abs(x[:, axis] - high[axis]) < 1e-12)
    phi = np.where(np.abs(x[:, axis] - low[axis]) < 1e-12, 1.0, 0.0)
    phi[~fixed] = spsolve(a[~fixed][:, ~fixed].tocsc(), -(a[~fixed] @ phi))
    size = high - low
    return float(phi @ (a @ phi)) * size[axis] ** 2 / np.prod(size)


@STAIRS
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_independent_solve_agrees(axis: int) -> None:
    cell = random_medium()
    found = effective_on_mesh(cell, SIGMA, axis)
    assert found.effective == pytest.approx(by_hand(cell, axis), rel=1e-10)
    assert found.error < 1e-5
    values = found.potential.x.array
    assert (values.min(), values.max()) == (0.0, 1.0)


@STAIRS
def test_elements_bound_from_above_and_closer_ones_less() -> None:
    labels = np.random.default_rng(3).integers(0, 3, (6, 6, 6))
    conductivity = dict(enumerate(SIGMA.values()))
    bounds = []
    for finer in (1, 2):
        fine = image(labels.repeat(finer, 0).repeat(finer, 1).repeat(finer, 2))
        cell = domain(voxel_mesh(fine, "tetra"), MPI.COMM_SELF)
        bounds += [effective_on_mesh(cell, SIGMA, 0, options=FemOptions(k)).effective for k in (1, 2)]
    coarse, coarse_square, fine_linear, fine_square = bounds
    assert coarse > max(coarse_square, fine_linear) > min(coarse_square, fine_linear) > fine_square
    # harmonic means of voxels are below; the truth is between
    assert fine_square > effective(labels, conductivity, 0).effective


# -- clusters ------------------------------------------------------------------
def with_pockets() -> Volume:
    """A straight channel, a dead end on either plane, a pocket and a cluster of its own."""
    labels = np.ones((8, 9, 9))
    labels[:, 1, 1] = 0
    labels[:3, 4, 4] = 0
    labels[6:, 4, 7] = 0
    labels[3:5, 7, 2] = 0
    return image(labels)


@STAIRS
@pytest.mark.parametrize("degree", [1, 2])
def test_clusters_that_do_not_cross_carry_nothing(degree: int) -> None:
    cell = domain(voxel_mesh(with_pockets(), "hexahedron"), MPI.COMM_SELF)
    found = effective_on_mesh(cell, {"pore": 2.0}, 0, options=FemOptions(degree))
    assert found.effective == pytest.approx(2.0 / 81, rel=1e-12)
    assert found.porosity == pytest.approx((8 + 3 + 2 + 2) / 648, rel=1e-12)
    assert found.porosity_percolating == pytest.approx(8 / 648, rel=1e-12)


# -- an image through the mesher -------------------------------------------------
def test_an_image_is_meshed_and_solved() -> None:
    labels = np.zeros((10, 8, 8), np.uint8)
    labels[3:7] = 1
    found = effective_of_image(labels, {0: 1.0, 1: 0.1}, 0, spacing=(2.0, 2.0, 2.0), tolerance=1e-6)
    assert found.effective == pytest.approx(10 / (6 + 4 / 0.1), rel=3e-3)  # volumes are matched to that
    assert found.boundary == "face"
    side = effective_of_image(labels, {0: 1.0, 1: 0.0}, 1, spacing=(2.0, 2.0, 2.0))
    assert side.tau == pytest.approx(1.0, rel=1e-4)


# -- several processes -----------------------------------------------------------
PROGRAM = """
import sys, warnings
import dolfinx_solver
import numpy as np
from mpi4py import MPI
from lithoscape.image import Grid, Volume
from lithoscape.mesh.build import domain
from lithoscape.mesh.voxel import voxel_mesh
from lithoscape.transport.fem import FemOptions, effective_on_mesh
warnings.simplefilter("ignore")
labels = np.random.default_rng(5).integers(0, 3, (9, 8, 7)).astype(np.uint8)
volume = Volume(labels, Grid(labels.shape, 1e-6), {"pore": 0, "active": 1, "binder": 2})
comm = MPI.COMM_WORLD
cell = domain(voxel_mesh(volume, "tetra") if comm.rank == 0 else None, comm)
out = []
for degree in (1, 2):
    for given in ({"pore": 1.0, "active": 0.05, "binder": 4.0}, {"pore": 1.0}):
        found = effective_on_mesh(cell, given, 0, options=FemOptions(degree, 1e-8))
        out += [found.effective, found.porosity_percolating]
if comm.rank == 0:
    print(*map(repr, map(float, out)))
"""


@pytest.mark.mpi
def test_two_processes_find_the_same() -> None:
    found = []
    for processes in (1, 2):
        launch = [str(Path(sys.executable).parent / "mpiexec"), "-n", str(processes)]
        done = subprocess.run(
            [*launch, sys.executable, "-c", PROGRAM], capture_output=True, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found.append([float(x) for x in done.stdout.split()])
    assert len(found[0]) == 8
    assert found[0] == pytest.approx(found[1], rel=1e-10)


# -- refused ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("conductivity", "axis", "word"),
    [
        ({"pores": 1.0}, 0, "'pore'"),
        ({"pore": -1.0}, 0, "conductivity.pore"),
        ({"pore": np.inf}, 0, "conductivity.pore"),
        ({"pore": 0.0}, 0, "nothing conducts"),
        ({}, 0, "nothing conducts"),
        ({"pore": 1.0}, 3, "axis"),
        ({"pore": 1.0}, 2, "reaches from one plane to the other"),
    ],
)
def test_what_cannot_be_is_refused(conductivity: dict, axis: int, word: str) -> None:
    with pytest.raises(InputError, match=word):
        effective_on_mesh(stack(True), conductivity, axis)


@pytest.mark.parametrize("options", [{"degree": 3}, {"tolerance": 0.0}, {"tolerance": 0.5}])
def test_options_out_of_range(options: dict) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        FemOptions(**options)
