"""Cubic arrays of spheres against Rayleigh's method: orders of convergence, and what extrapolation gains."""

import dolfinx_solver  # noqa: F401
import numpy as np
import pytest
from mpi4py import MPI

from lithoscape.generate.spheres import Spheres
from lithoscape.image import Grid, Volume
from lithoscape.mesh import MeshOptions, mesh_volume
from lithoscape.mesh.build import domain
from lithoscape.transport.accuracy import STAIRS, raster, richardson
from lithoscape.transport.fem import FemOptions, effective_on_mesh
from lithoscape.transport.tensor import tensor
from lithoscape.transport.voxel import VoxelOptions, effective
from lithoscape.validation.references import sphere_arrays as reference

EDGE = 1e-5
CASES = [("simple", 0.3), ("body-centred", 0.5), ("face-centred", 0.5)]
RATIOS = [0.0, 10.0]


def spheres(array: str, fraction: float) -> Spheres:
    centres = EDGE * np.array(reference.SITES[array], dtype=float)
    return Spheres(centres, np.full(len(centres), EDGE * reference.radius(array, fraction)))


def eighth(array: str, fraction: float, n: int) -> tuple[np.ndarray, Grid]:
    """Raster of an eighth of the cell (its planes are planes of symmetry), n voxels per edge of the cell."""
    grid = Grid((n // 2,) * 3, EDGE / n)
    return raster(spheres(array, fraction), grid, fraction).astype(np.uint8), grid


# -- the reference itself ------------------------------------------------------
def test_one_multipole_is_maxwell() -> None:
    for ratio in (0.0, 3.0, np.inf):
        beta = 1.0 if ratio == np.inf else (ratio - 1) / (ratio + 2)
        expected = 1 + 3 * 0.2 * beta / (1 - 0.2 * beta)
        for array in reference.SITES:
            assert reference.multipoles(array, 0.2, ratio, 1) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("array", reference.SERIES)
@pytest.mark.parametrize("ratio", [0.0, 10.0, np.inf])
def test_the_published_series_agrees_where_it_holds(array: str, ratio: float) -> None:
    for fraction, allowed in ((0.1, 3e-7), (0.2, 3e-5)):
        found = reference.multipoles(array, fraction, ratio)
        assert found == pytest.approx(reference.series(array, fraction, ratio), abs=allowed)


def test_the_published_conductivity_of_perfect_conductors() -> None:
    """McPhedran and McKenzie (1978), simple cubic: 2.333 at 0.3, 5.891 at 0.5."""
    assert reference.multipoles("simple", 0.3, np.inf) == pytest.approx(2.333, abs=5e-4)
    assert reference.multipoles("simple", 0.5, np.inf, 23) == pytest.approx(5.891, abs=1e-3)


def test_enough_multipoles_are_taken() -> None:
    for array, fraction in CASES:
        for ratio in RATIOS:
            fewer, more = (reference.multipoles(array, fraction, ratio, n) for n in (11, 15))
            assert fewer == pytest.approx(more, rel=2e-6)


# -- elements --------------------------------------------------------------------
def on_mesh(array: str, fraction: float, ratio: float, n: int, degree: int) -> float:
    labels, grid = eighth(array, fraction, n)
    volume = Volume(labels, grid, {"matrix": 0, "spheres": 1})
    options = MeshOptions(size=EDGE / n, coarsest=0, match=False)
    shapes = {"spheres": spheres(array, fraction)}
    cell = domain(mesh_volume(volume, shapes=shapes, options=options), MPI.COMM_SELF)
    asked = {"matrix": 1.0, "spheres": ratio}
    return effective_on_mesh(cell, asked, 0, options=FemOptions(degree)).effective


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize(("array", "fraction"), CASES)
def test_elements_converge_with_the_second_order(array: str, fraction: float, ratio: float) -> None:
    exact = reference.multipoles(array, fraction, ratio)
    sizes = (16, 32)
    errors = [abs(on_mesh(array, fraction, ratio, n, 2) / exact - 1) for n in sizes]
    assert np.log2(errors[0] / errors[1]) > 1.5
    assert errors[1] < 6e-3


# -- voxels ----------------------------------------------------------------------
VOXELS = (32, 64, 128)


@pytest.mark.parametrize(("array", "fraction"), CASES)
def test_extrapolation_gains(array: str, fraction: float) -> None:
    """Insulating spheres: stairs cost more than a percent, of which a fourth is left at most."""
    exact = reference.multipoles(array, fraction, 0.0)
    values = [
        effective(eighth(array, fraction, n)[0], {0: 1.0, 1: 0.0}, 0, options=VoxelOptions(1e-6)).effective
        for n in VOXELS
    ]
    errors = np.abs(np.array(values) / exact - 1)
    order = -np.polyfit(np.log(VOXELS), np.log(errors), 1)[0]
    assert 0.7 < order < 1.3
    limit = richardson([1 / n for n in VOXELS], values, STAIRS)
    left = abs(limit.limit - exact)
    assert left < 0.25 * abs(values[-1] - exact)
    assert left < limit.error < 0.6 * abs(values[-1] - exact)


def test_a_cubic_array_is_isotropic() -> None:
    n = 32
    grid = Grid((n,) * 3, EDGE / n)
    radii = np.full(2, EDGE * reference.radius("body-centred", 0.5))
    cell = Spheres(EDGE * np.array(reference.SITES["body-centred"]), radii, (EDGE,) * 3)
    labels = raster(cell, grid).astype(np.uint8)
    found = tensor(labels, {0: 1.0, 1: 10.0}, options=VoxelOptions(1e-9))
    assert found.conductivity == pytest.approx(found.conductivity[0, 0] * np.eye(3), abs=1e-8)
    half = effective(labels[: n // 2, : n // 2, : n // 2], {0: 1.0, 1: 10.0}, 0, options=VoxelOptions(1e-9))
    assert found.conductivity[0, 0] == pytest.approx(half.effective, rel=1e-7)
