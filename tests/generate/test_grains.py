from dataclasses import replace

import cc3d
import numpy as np
import pytest
import xarray as xr
from pydantic import ValidationError
from scipy import stats
from scipy.spatial.transform import Rotation

from lithoscape.errors import InputError
from lithoscape.generate.division import Layout, divide, grain_shape, subdivide
from lithoscape.generate.grains import Grains, Particle
from lithoscape.generate.orientations import (
    diffusivity_tensor,
    fixed_rotations,
    group_rotations,
    radial_rotations,
    random_rotations,
)
from lithoscape.generate.shapes import rasterise
from lithoscape.generate.structure import Structure
from lithoscape.generate.tessellation import Core, Tessellation
from lithoscape.image import Grid, Instances

UM = 1e-6
GRID = Grid((40, 40, 40), 0.25 * UM)
FLAT = Grid((80, 80, 1), 0.25 * UM)
NOTHING = Instances(np.zeros(GRID.shape, int), GRID, "active")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def particle(grid: Grid = GRID, diameter_um: object = 8.0) -> Structure:
    step = Particle.model_validate({"make": "particle", "diameter_um": diameter_um})
    return step.apply(Structure.empty(grid), rng())


def grains(structure: Structure | None = None, seed: int = 0, **keys: object) -> Instances:
    step = Grains.model_validate({"make": "grains", "grain_size_um": 1.5, **keys})
    return step.apply(structure or particle(), rng(seed)).particles["active grains"]


def lean(found: Instances) -> np.ndarray:
    """Cosine between c axis and radius of every grain."""
    radius = found.table["Centroid [m]"].values - found.table["Centre [m]"].values
    radius /= np.linalg.norm(radius, axis=1, keepdims=True)
    return np.einsum("ij,ij->i", found.table["c axis"].values, radius)


def test_particle_is_exact_and_converges_on_voxels() -> None:
    errors = []
    for n in (16, 32, 64):
        s = particle(Grid((n, n, n), 10 * UM / n))
        errors.append(abs(s.fraction("active") * 1e-15 / (np.pi / 6 * (8 * UM) ** 3) - 1))
        assert (rasterise(s.shapes["active"], s.grid) == s.volume.mask("active")).all()
    assert errors[2] < 2e-3
    assert errors[2] < errors[0]
    table = s.particles["active"].table
    assert float(table["Volume [m3]"][0]) == pytest.approx(np.pi / 6 * (8 * UM) ** 3)
    np.testing.assert_allclose(table["Centroid [m]"].values, [[5 * UM] * 3])


def test_ellipsoid_has_its_volume() -> None:
    s = particle(diameter_um=(4.0, 6.0, 9.0))
    assert s.fraction("active") * 1000 == pytest.approx(np.pi / 6 * 4 * 6 * 9, rel=0.01)


@pytest.mark.parametrize("pattern", ["random", "radial", "double_layer", "single"])
@pytest.mark.parametrize("grid", [GRID, FLAT], ids=["3D", "2D"])
def test_grains_fill_the_particle_exactly(pattern: str, grid: Grid) -> None:
    s = particle(grid)
    found = grains(s, pattern=pattern)
    solid = s.volume.mask("active")
    assert ((found.labels > 0) == solid).all()
    volume = found.table["Volume [m3]"].values
    assert volume.sum() / grid.voxel_volume == pytest.approx(solid.sum(), rel=1e-12)
    assert (found.table["particle"].values == found.numbers).all()
    counts = np.bincount(found.labels.ravel())[1:]
    np.testing.assert_allclose(volume, counts * grid.voxel_volume, rtol=1e-12)
    assert (found.table["Parent particle"] == 1).all()


@pytest.mark.parametrize("pattern", ["random", "radial", "double_layer"])
@pytest.mark.parametrize("size", [1.2, 2.0])
def test_mean_grain_meets_the_target(pattern: str, size: float) -> None:
    found = grains(pattern=pattern, grain_size_um=size)
    mean = float(found.table["Volume [m3]"].mean())
    assert np.cbrt(6 / np.pi * mean) == pytest.approx(size * UM, rel=0.02)
    flat = grains(particle(FLAT, 16), pattern=pattern, grain_size_um=size)
    area = float(flat.table["Volume [m3]"].mean()) / FLAT.voxel_size[2]
    assert np.sqrt(4 / np.pi * area) == pytest.approx(size * UM, rel=0.02)


def test_unrelaxed_cells_vary_as_poisson_voronoi_cells() -> None:
    # cells of random points vary by 0.42 in volume (Tanemura 2003, Forma 18, 221), relaxed ones less
    block = GRID.points()
    spread = []
    for rounds in (0, 10):
        counts = np.bincount(divide(block, GRID.voxel_size, Layout(size=1.2 * UM, rounds=rounds), rng()).own)
        spread.append(counts.std() / counts.mean())
    assert spread[0] == pytest.approx(0.42, abs=0.05)
    assert spread[1] < 0.2


def test_columns_are_elongated_along_the_radius() -> None:
    found = grains(particle(Grid((50, 50, 50), 0.32 * UM), 15.0), pattern="radial", aspect=4.0)
    ratios = []
    for number in found.numbers:
        row = found.table.sel(particle=number)
        at = (np.argwhere(found.labels == number) + 0.5) * 0.32 * UM
        apart = at - row["Centroid [m]"].values
        radius = row["Centroid [m]"].values - row["Centre [m]"].values
        if np.linalg.norm(radius) < 4 * UM:
            continue
        along = (apart @ radius) ** 2 / (radius @ radius)
        ratios.append(np.sqrt(2 * along.mean() / ((apart**2).sum(axis=1) - along).mean()))
    assert np.median(ratios) == pytest.approx(4.0, rel=0.2)


def test_double_layer_has_its_core() -> None:
    s = particle(diameter_um=(6.0, 8.0, 9.0))
    found = grains(s, pattern="double_layer", core_fraction=0.6)
    layer = found.table["Layer"].values
    core = np.isin(found.labels, found.table["particle"].values[layer == 1])
    assert core.sum() / s.volume.mask("active").sum() == pytest.approx(0.6**3, rel=0.02)
    extent = [np.ptp(at) + 1 for at in np.nonzero(core)]
    np.testing.assert_allclose(extent, 0.6 * np.array([6, 8, 9]) / 0.25, atol=1.5)


@pytest.mark.parametrize("pattern", ["random", "radial", "double_layer"])
def test_shapes_of_grains_agree_with_the_voxels_and_leave_no_gap(pattern: str) -> None:
    grid = Grid((25, 25, 25), 0.4 * UM)
    found = grains(particle(grid), pattern=pattern, grain_size_um=2.5)
    inside = found.labels > 0
    points = rng(5).uniform(2 * UM, 8 * UM, (2000, 3))
    owners = np.zeros(len(points), int)
    for number in found.numbers:
        shape = grain_shape(found, int(number))
        assert ((rasterise(shape, grid) & inside) == (found.labels == number)).all()
        owners += shape(points) < 0
    assert (owners == 1).all()


@pytest.mark.parametrize("elongation", [1.0, 3.0])
def test_cells_are_distances_to_first_order(elongation: float) -> None:
    seeds = rng(1).uniform(-4 * UM, 4 * UM, (30, 3))
    cells = Tessellation(seeds, np.zeros(3), elongation)
    points = rng(2).uniform(-4 * UM, 4 * UM, (20_000, 3))
    value = cells.distance(points, 7)
    step = 1e-4 * UM
    slope = np.stack(
        [
            (cells.distance(points + step * e, 7) - cells.distance(points - step * e, 7)) / (2 * step)
            for e in np.eye(3)
        ]
    )
    near = np.abs(value) < 0.02 * UM
    assert near.sum() > 20
    np.testing.assert_allclose(np.median(np.linalg.norm(slope[:, near], axis=0)), 1.0, atol=0.02)
    own, other, distance = cells.faces(points)
    assert (own != other).all()
    mine = own == 7
    np.testing.assert_allclose(distance[mine], -value[mine], rtol=1e-12)


def test_voronoi_face_is_the_bisecting_plane() -> None:
    cells = Tessellation(np.array([[0.0, 0, 0], [2 * UM, 0, 0]]), np.zeros(3))
    points = rng().uniform(-UM, 3 * UM, (50, 3))
    np.testing.assert_allclose(cells.distance(points, 0), points[:, 0] - UM, atol=1e-18)


def test_core_is_a_distance_for_a_sphere() -> None:
    core = Core(np.full(3, UM), np.eye(3) / (2 * UM) ** 2)
    points = rng().uniform(-3 * UM, 5 * UM, (50, 3))
    np.testing.assert_allclose(core(points), np.linalg.norm(points - UM, axis=1) - 2 * UM, atol=1e-15)
    assert core(np.full((1, 3), UM))[0] == pytest.approx(-2 * UM)


def test_random_orientations_become_isotropic_at_the_statistical_rate() -> None:
    error = []
    for n in (50, 5000):
        batches = [random_rotations(n, rng(k))[:, :, 2] for k in range(40)]
        off = [np.einsum("ni,nj->ij", c, c) / n - np.eye(3) / 3 for c in batches]
        error.append(np.sqrt(np.mean([m[2, 2] ** 2 for m in off])))
        # variance of cos^2 over the sphere: 1/5 - 1/9 = 4/45
        assert error[-1] == pytest.approx(np.sqrt(4 / 45 / n), rel=0.35)
    assert error[0] / error[1] == pytest.approx(10.0, rel=0.35)


def test_random_orientations_are_uniform_rotations() -> None:
    # the angle of a uniform rotation has the distribution (w - sin w)/pi (Miles 1965)
    rotations = random_rotations(3000, rng())
    angle = Rotation.from_matrix(rotations).magnitude()
    assert stats.ks_1samp(angle, lambda w: (w - np.sin(w)) / np.pi).pvalue > 0.01
    np.testing.assert_allclose(np.linalg.det(rotations), 1.0, atol=1e-12)


@pytest.mark.parametrize("spread", [0.0, 10.0])
def test_radial_orientations_keep_c_across_the_radius(spread: float) -> None:
    radius = rng(1).standard_normal((4000, 3))
    radius /= np.linalg.norm(radius, axis=1, keepdims=True)
    rotations = radial_rotations(radius, spread, rng())
    tilt = np.rad2deg(np.arcsin(np.einsum("ij,ij->i", rotations[:, :, 2], radius)))
    assert abs(tilt.mean()) < 1e-9 + 4 * spread / np.sqrt(4000)
    assert tilt.std() == pytest.approx(spread, rel=0.05, abs=1e-6)
    identity = rotations @ rotations.transpose(0, 2, 1)
    assert np.abs(identity - np.eye(3)).max() < 1e-12
    np.testing.assert_allclose(np.linalg.det(rotations), 1.0, atol=1e-12)


def test_columns_are_oriented_radially_and_the_core_is_not() -> None:
    assert np.abs(lean(grains(pattern="radial"))).max() < 1e-9
    assert np.abs(lean(grains(pattern="random", orientation="radial"))).max() < 1e-9
    assert np.abs(lean(grains(pattern="random"))).max() > 0.5
    double = grains(pattern="double_layer")
    shell = double.table["Layer"].values == 2
    assert np.abs(lean(double)[shell]).max() < 1e-9
    assert np.abs(lean(double)[~shell]).max() > 0.5


def test_fixed_orientation_follows_the_axis() -> None:
    found = grains(pattern="single", orientation="fixed", c_axis=[0, 1, 0])
    np.testing.assert_allclose(found.table["c axis"].values, [[0, 1, 0]], atol=1e-12)
    tilted = fixed_rotations(4000, [0, 1, 0], 5.0, rng())[:, :, 2]
    assert np.rad2deg(np.std(np.arctan2(tilted[:, 0], tilted[:, 1]))) == pytest.approx(5.0, rel=0.05)


def test_groups_lie_in_the_section() -> None:
    rotations, groups = group_rotations(4000, (0, 30, 60, 90), 2, rng())
    c = rotations[:, :, 2]
    np.testing.assert_allclose(c[:, 2], 0.0, atol=1e-12)
    np.testing.assert_allclose(np.abs(c[:, 0]), np.sin(np.deg2rad([0, 30, 60, 90]))[groups], atol=1e-12)
    assert np.bincount(groups) / 4000 == pytest.approx([0.25] * 4, abs=0.03)
    found = grains(particle(FLAT), orientation="groups")
    assert set(found.table["Orientation group"].values.tolist()) <= {0, 1, 2, 3}


def test_tensor_is_rotated_by_the_law() -> None:
    rotations = random_rotations(20, rng())
    law = rotations @ np.diag([2e-14, 2e-14, 1e-15]) @ rotations.transpose(0, 2, 1)
    np.testing.assert_allclose(diffusivity_tensor(rotations, 2e-14, 1e-15), law, atol=1e-27)
    np.testing.assert_allclose(diffusivity_tensor(rotations[:, :, 2], 2e-14, 1e-15), law, atol=1e-27)


def test_mean_tensor_of_random_orientations_is_isotropic() -> None:
    mean = diffusivity_tensor(random_rotations(40_000, rng()), 3.0, 0.0).mean(axis=0)
    np.testing.assert_allclose(mean, 2 * np.eye(3), atol=0.03)


def test_both_rules_at_thirty_degrees() -> None:
    # planes at 30 degrees from the first axis: cos 30 and cos 60 in the paper, their squares by the law
    c = np.array([[-np.sin(np.pi / 6), np.cos(np.pi / 6), 0.0]])
    paper, law = diffusivity_tensor(c, 1.0, 0.0, "cosine")[0], diffusivity_tensor(c, 1.0, 0.0)[0]
    np.testing.assert_allclose(np.diag(paper), [np.cos(np.pi / 6), 0.5, 1.0], atol=1e-12)
    assert paper[0, 1] == 0.0
    np.testing.assert_allclose(np.diag(law), [0.75, 0.25, 1.0], atol=1e-12)
    assert law[0, 1] == pytest.approx(np.sqrt(3) / 4)


def test_same_seed_same_grains() -> None:
    first, second, other = grains(seed=1), grains(seed=1), grains(seed=2)
    assert first.labels.tobytes() == second.labels.tobytes()
    assert first.table.identical(second.table)
    assert first.labels.tobytes() != other.labels.tobytes()


def test_particles_keep_their_grains_apart() -> None:
    labels = np.zeros(GRID.shape, int)
    labels[2:20, 5:30, 5:30], labels[20:38, 5:30, 5:30] = 4, 7
    s = Structure.empty(GRID).paint("active", labels > 0)
    s = replace(s, particles={"active": Instances(labels, GRID, "active")})
    found = grains(s)
    parents = found.table["Parent particle"].values
    assert set(parents) == {4, 7}
    owner = np.concatenate([[0], parents])
    assert (owner[found.labels] == labels).all()


def test_connected_parts_are_particles_where_none_are_known() -> None:
    mask = np.zeros(GRID.shape, bool)
    mask[2:12, 5:30, 5:30] = mask[20:38, 5:30, 5:30] = True
    found = grains(Structure.empty(GRID).paint("active", mask))
    assert set(found.table["Parent particle"].values) == {1, 2}


def test_particle_round_a_periodic_box_is_divided_in_one_piece() -> None:
    s = particle(diameter_um=7.0)
    labels = np.roll(s.particles["active"].labels, 20, axis=1)
    table = s.particles["active"].table.copy(deep=True)
    table["Centroid [m]"].values[0, 1] = 0.0
    found = subdivide(Instances(labels, GRID, "active", table), Layout("radial", 2.5 * UM, 3.0), rng())
    assert found.table["Period [m]"].values[0].tolist() == [0.0, GRID.size[1], 0.0]
    back = np.roll(found.labels, 20, axis=1)
    for number in found.numbers:
        # a voxel of a tip that tapers towards the centre may be apart
        pieces = np.bincount(cc3d.connected_components(back == number).ravel())[1:]
        assert pieces.max() > 0.98 * pieces.sum()
        shape = grain_shape(found, int(number))
        assert ((rasterise(shape, GRID) & (labels > 0)) == (found.labels == number)).all()


def test_grains_stay_when_the_particle_is_cut() -> None:
    step = Grains.model_validate({"make": "grains", "grain_size_um": 1.5})
    s = step.apply(particle(), rng())
    cut = s.paint("pore", np.indices(GRID.shape)[0] < 20, over=("active",))
    assert ((cut.particles["active grains"].labels > 0) == cut.volume.mask("active")).all()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: particle(diameter_um=12.0), "larger than the box"),
        (lambda: Particle(make="particle", diameter_um=8).apply(particle(), rng()), "already"),
        (lambda: grains(phase="activ"), "'active'"),
        (lambda: grains(Structure.empty(GRID), phase="active"), "no such phase"),
        (lambda: grains(particle().paint("pore", np.ones(GRID.shape, bool), over=("active",))), "no voxel"),
        (lambda: grains(grain_size_um=0.2), "smaller than four voxels"),
        (lambda: grains(pattern="double_layer", core_fraction=0.01), "no voxel"),
        (lambda: grains(orientation="fixed"), "go together"),
        (lambda: grains(c_axis=[0, 0, 1]), "go together"),
        (lambda: grains(orientation="fixed", c_axis=[0, 0, 0]), "not all zero"),
        (lambda: grains(orientation="groups", group_angles_deg=[]), "an angle each"),
        (lambda: grain_shape(grains(), 0), "no such grain"),
        (lambda: Layout(size=-1.0), "positive"),
        (lambda: Layout(elongation=0.5), "as long as wide"),
        (lambda: Layout(core=1.0), "between 0 and 1"),
        (lambda: Tessellation(np.zeros((0, 3)), np.zeros(3)), "seeds"),
        (lambda: Tessellation(np.zeros((1, 3)), np.zeros(3), -1.0), "positive"),
        (lambda: diffusivity_tensor(np.zeros((3, 2)), 1, 1), "c axes"),
        (lambda: diffusivity_tensor(np.eye(3), -1.0, 1), "not below zero"),
        (lambda: diffusivity_tensor(np.eye(3), 1.0, 1, "cosin"), "'cosine'"),  # type: ignore[arg-type]
        (lambda: radial_rotations(np.eye(3), -1.0, rng()), "between 0 and 90"),
        (lambda: group_rotations(3, (0,), 5, rng()), "no such axis"),
        (lambda: subdivide(NOTHING, Layout(), rng()), "no particles"),
        (lambda: divide(GRID.points()[:8], (UM, UM, UM), Layout("double_layer", UM), rng()), "single row"),
    ],
)  # fmt: skip
def test_bad_input_is_named(make: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()  # type: ignore[operator]


@pytest.mark.parametrize(
    "keys", [{"pattern": "spiral"}, {"grain_size_um": 0}, {"aspct": 2}, {"spread_deg": 91}]
)
def test_keys_are_checked(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        grains(**keys)


def test_table_has_units() -> None:
    table = grains().table
    assert isinstance(table, xr.Dataset)
    assert table["Volume [m3]"].attrs["units"] == "m3"
    np.testing.assert_allclose(table["Orientation"].values[:, :, 2], table["c axis"].values)
