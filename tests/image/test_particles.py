import dataclasses

import numpy as np
import pytest

from lithoscape.errors import InputError
from lithoscape.image import GreyImage, Grid, Instances, Volume
from lithoscape.image.particle_table import crofton_weights, particle_table
from lithoscape.image.particles import split_particles

UM = 1e-6


def ball(grid: Grid, centre: np.ndarray, radius: float) -> np.ndarray:
    x = [grid.centres(k) - centre[k] for k in range(3)]
    return x[0][:, None, None] ** 2 + x[1][None, :, None] ** 2 + x[2] ** 2 < radius**2


def touching_spheres(grid: Grid, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Centres and radii [m]; every sphere touches an earlier one, none overlaps, all lie inside the box."""
    rng = np.random.default_rng(seed)
    size = np.array(grid.size)
    centres, radii = [size / 2], [rng.uniform(4, 8) * UM]
    while len(radii) < count:
        radius, on = rng.uniform(4, 8) * UM, rng.integers(len(radii))
        way = rng.standard_normal(3)
        centre = centres[on] + way / np.linalg.norm(way) * (radii[on] + radius)
        apart = np.linalg.norm(np.array(centres) - centre, axis=1) - radii - radius
        if (centre > radius).all() and (centre < size - radius).all() and (apart > -1e-12).all():
            centres.append(centre)
            radii.append(radius)
    return np.array(centres), np.array(radii)


def volume_of(grid: Grid, centres: np.ndarray, radii: np.ndarray) -> Volume:
    mask = np.zeros(grid.shape, np.uint8)
    for centre, radius in zip(centres, radii, strict=True):
        mask[ball(grid, centre, radius)] = 1
    return Volume(mask, grid, {"pore": 0, "active": 1})


@pytest.mark.parametrize("voxel_size", [(UM, UM, UM), (0.7 * UM, 1.0 * UM, 1.3 * UM)])
def test_touching_spheres_are_told_apart(voxel_size: tuple[float, float, float]) -> None:
    shape = tuple(round(64 * UM / h) for h in voxel_size)
    grid = Grid(shape, voxel_size)  # type: ignore[arg-type]
    centres, radii = touching_spheres(grid, 60, seed=3)
    particles = split_particles(volume_of(grid, centres, radii), "active")
    assert particles.numbers.tolist() == list(range(1, 61))
    found = particles.table["Centroid [m]"].values
    distance = np.linalg.norm(found[:, None] - centres, axis=2)
    assert sorted(distance.argmin(axis=1)) == list(range(60))
    assert distance.min(axis=1).max() < 0.35 * UM
    volume = particles.table["Volume [m3]"].values / (4 / 3 * np.pi * radii[distance.argmin(axis=1)] ** 3)
    assert abs(volume - 1).max() < 0.06
    assert volume.mean() == pytest.approx(1, abs=0.004)
    assert particles.table.sizes["pair"] == 0


def test_a_rough_particle_stays_whole_and_a_sintered_pair_does_not() -> None:
    grid = Grid((40, 40, 70), UM)
    rng = np.random.default_rng(0)
    x, y, z = (grid.centres(k) / UM for k in range(3))
    # a rod of the length of three diameters, its surface shaken by a voxel
    bumps = np.sqrt((x[:, None, None] - 20) ** 2 + (y[None, :, None] - 20) ** 2 + 0 * z)
    rod = (bumps < 10 + rng.normal(0, 0.7, grid.shape)) & (z > 5) & (z < 65)
    assert len(split_particles(Volume(rod, grid, {"pore": 0, "active": 1}), "active").numbers) == 1
    centres = np.array([[20, 20, 20], [20, 20, 39.0]]) * UM
    pair = volume_of(grid, centres, np.array([11, 11]) * UM)
    particles = split_particles(pair, "active")
    assert len(particles.numbers) == 2
    # the neck's radius is sqrt(11^2 - 9.5^2) = 5.5, the ratio 0.50; asked to join at 0.45 they are one
    assert len(split_particles(pair, "active", neck=0.45).numbers) == 1
    watched = split_particles(pair, "active", neck=0.6).table
    assert watched["Suspicious pair"].values.tolist() == [[1, 2]]
    # the neck's edge lies somewhere in a voxel
    assert watched["Neck ratio"].item() == pytest.approx(np.sqrt(11**2 - 9.5**2) / 11, abs=0.5 / 11)


def test_the_wide_neck_joins_what_depth_alone_would_split() -> None:
    grid = Grid((40, 40, 60), UM)
    pair = volume_of(grid, np.array([[20, 20, 24], [20, 20, 34.0]]) * UM, np.array([12, 12]) * UM)
    bare = {"smoothing": 0.0, "relative_depth": 0.0, "min_depth": 0.0}
    joined = split_particles(pair, "active", **bare)  # type: ignore[arg-type]
    assert len(joined.numbers) == 1 and joined.table.attrs["merged_neck"] > 0
    assert len(split_particles(pair, "active", neck=1e9, **bare).numbers) > 1  # type: ignore[arg-type]


def test_small_pieces_join_a_neighbour_or_go() -> None:
    grid = Grid((30, 30, 60), UM)
    centres = np.array([[15, 15, 15], [15, 15, 29.5], [15, 15, 50]]) * UM
    volume = volume_of(grid, centres, np.array([10, 4.5, 4]) * UM)
    assert len(split_particles(volume, "active").numbers) == 3
    large = split_particles(volume, "active", min_volume=500 * UM**3)
    assert len(large.numbers) == 1
    assert (large.table.attrs["merged_small"], large.table.attrs["dropped"]) == (1, 1)
    whole = (volume.labels[:, :, :40] == 1).sum()
    assert large.table["Volume [m3]"].item() == pytest.approx(whole * UM**3, rel=1e-12)


def test_pores_inside_do_not_split_a_particle() -> None:
    grid = Grid((36, 36, 36), UM)
    mask = ball(grid, np.full(3, 18 * UM), 15 * UM) & ~ball(grid, np.full(3, 18 * UM), 5 * UM)
    volume = Volume(mask, grid, {"pore": 0, "active": 1})
    options = {"neck": 1e9, "relative_depth": 0.0, "min_depth": 0.0}
    assert len(split_particles(volume, "active", **options).numbers) > 1  # type: ignore[arg-type]
    particles = split_particles(volume, "active", max_hole=600 * UM**3, **options)  # type: ignore[arg-type]
    assert len(particles.numbers) == 1
    assert (particles.labels > 0).sum() == mask.sum()
    assert len(split_particles(volume, "active", max_hole=400 * UM**3, **options).numbers) > 1  # type: ignore[arg-type]


def test_components_do_not_cut() -> None:
    grid = Grid((64, 64, 64), UM)
    volume = volume_of(grid, np.array([[20, 20, 20], [20, 20, 35], [50, 50, 50.0]]) * UM, np.full(3, 8 * UM))
    assert len(split_particles(volume, "active", method="components").numbers) == 2


def test_splitting_is_the_same_every_time() -> None:
    grid = Grid((48, 48, 48), UM)
    volume = volume_of(grid, *touching_spheres(grid, 15, seed=1))
    first, second = (split_particles(volume, "active").labels.tobytes() for _ in range(2))
    assert first == second


def test_the_box_and_a_single_page_are_particles() -> None:
    grid = Grid((1, 40, 40), UM)
    page = np.zeros(grid.shape, bool)
    page[0, 5:35, 5:35] = True
    particles = split_particles(Volume(page, grid, {"pore": 0, "active": 1}), "active")
    assert particles.table["Volume [m3]"].item() == pytest.approx(900 * UM**3)
    full = Grid((6, 6, 6), UM)
    table = split_particles(Volume(np.ones(full.shape, int), full, {"active": 1}), "active").table
    assert table["Surface area [m2]"].item() == 0
    assert np.isnan(table["Sphericity"].item())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"phase": "activ"}, "'active'"),
        ({"phase": "binder"}, "no voxel"),
        ({"smoothing": -1e-6}, "not negative"),
        ({"smoothing": 2.0}, "in metres"),
        ({"min_depth": float("nan")}, "in metres"),
        ({"min_volume": 1.0}, "in metres"),
        ({"min_volume": 1e-9}, "no particle"),
        ({"max_hole": -1.0}, "not negative"),
        ({"relative_depth": 1.0}, "between 0 and 1"),
        ({"neck": 0.0}, "positive"),
        ({"method": "magic"}, "watershed, components"),
    ],
)
def test_bad_input_is_named(options: dict[str, object], words: str) -> None:
    grid = Grid((20, 20, 20), UM)
    volume = volume_of(grid, np.full((1, 3), 10 * UM), np.array([6 * UM]))
    volume = dataclasses.replace(volume, phases={"pore": 0, "active": 1, "binder": 2})
    with pytest.raises(InputError, match=words):
        split_particles(volume, **{"phase": "active", **options})  # type: ignore[arg-type]


# the table


def sphere_error(radius: float, voxel_size: tuple[float, float, float], seed: int) -> dict[str, float]:
    """Relative errors on a sphere of ``radius`` [m], its centre anywhere in a voxel."""
    shape = tuple(int(np.ceil(2 * radius / h)) + 4 for h in voxel_size)
    grid = Grid(shape, voxel_size, origin=(3 * UM, 0.0, -5 * UM))  # type: ignore[arg-type]
    shift = np.random.default_rng(seed).uniform(-0.5, 0.5, 3) * voxel_size
    centre = np.array(grid.origin) + np.array(grid.size) / 2 + shift
    table = particle_table(7 * ball(grid, centre, radius).astype(int), grid)
    return {
        "surface": table["Surface area [m2]"].item() / (4 * np.pi * radius**2) - 1,
        "volume": table["Volume [m3]"].item() / (4 / 3 * np.pi * radius**3) - 1,
        "inscribed": table["Inscribed radius [m]"].item() / radius - 1,
        "axes": abs(table["Principal axes [m]"].values / (2 * radius) - 1).max(),
        "centroid": np.linalg.norm(table["Centroid [m]"].values - centre) / min(voxel_size),
        "sphericity": table["Sphericity"].item() - 1,
    }


@pytest.mark.parametrize("voxel_size", [(UM, UM, UM), (0.7 * UM, 1.0 * UM, 1.3 * UM)])
def test_spheres_have_their_surface_and_size(voxel_size: tuple[float, float, float]) -> None:
    mean = {}
    for radius in (5, 10, 20):
        errors = [sphere_error(radius * UM, voxel_size, seed) for seed in range(8)]
        mean[radius] = {name: np.mean([e[name] for e in errors]) for name in errors[0]}
    for radius in (5, 10, 20):
        assert abs(mean[radius]["surface"]) < 0.01 * 5 / radius
        assert abs(mean[radius]["volume"]) < 0.01 * 5 / radius
        assert mean[radius]["centroid"] < 0.1
        # the voxel nearest the centre is off it by half a diagonal at most
        assert -0.5 / radius - 0.01 < mean[radius]["inscribed"] * 1.0 < 0.01
    assert mean[20]["axes"] < mean[5]["axes"] / 6  # second order in the voxel size
    assert abs(mean[20]["sphericity"]) < 0.005


def test_planes_have_their_area_within_the_stated_bias() -> None:
    steps = np.random.default_rng(0).standard_normal((4000, 3))
    steps /= np.linalg.norm(steps, axis=1)[:, None]
    from lithoscape.image.particle_table import directions

    area = abs(steps @ directions().T) @ crofton_weights((1.0, 1.0, 1.0))
    assert area.min() > 0.928 and area.max() < 1.024
    assert area.mean() == pytest.approx(1, abs=0.001)


def test_an_ellipsoid_has_its_axes() -> None:
    grid = Grid((60, 40, 30), (UM, UM, UM))
    turn, _ = np.linalg.qr(np.random.default_rng(2).standard_normal((3, 3)))
    points = (grid.points() - np.array(grid.size) / 2) @ turn / (np.array([14, 10, 6]) * UM)
    labels = ((points**2).sum(axis=1) < 1).astype(int).reshape(grid.shape)
    table = particle_table(labels, grid)
    np.testing.assert_allclose(table["Principal axes [m]"].values[0], np.array([28, 20, 12]) * UM, rtol=0.015)
    found = table["Principal directions"].values[0]
    np.testing.assert_allclose(abs(np.sum(found * turn.T, axis=1)), 1, atol=2e-3)
    assert table["Principal directions"].dims == ("particle", "principal", "axis")


def test_grey_levels_heights_edges_and_contacts() -> None:
    grid = Grid((6, 5, 4), (UM, 2 * UM, 3 * UM), collector="high", origin=(9 * UM, 0.0, 0.0))
    labels = np.zeros(grid.shape, int)
    labels[1:3, 1:4, 1:3], labels[3:6, 1:4, 1:3] = 2, 5
    values = np.random.default_rng(0).integers(0, 65535, grid.shape).astype(np.uint16)
    table = particle_table(labels, grid, GreyImage(values, grid))
    assert table["particle"].values.tolist() == [2, 5]
    for row, number in enumerate((2, 5)):
        inside = values[labels == number].astype(float)
        assert table["Mean grey"].values[row] == pytest.approx(inside.mean(), rel=1e-12)
        assert table["Std grey"].values[row] == pytest.approx(inside.std(), rel=1e-9)
    assert table["Touches box edge"].values.tolist() == [False, True]
    np.testing.assert_allclose(table["Height above collector [m]"], [4 * UM, 1.5 * UM])
    np.testing.assert_allclose(table["Centroid [m]"][0], [11 * UM, 5 * UM, 6 * UM])
    contact = table["Contact area [m2]"].values
    np.testing.assert_allclose(contact, 36 * UM**2)
    assert (contact < table["Surface area [m2]"].values).all()
    assert all(column.attrs["units"] for column in table.variables.values())
    assert table["Volume [m3]"].attrs["units"] == "m3"


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros((4, 4, 4), int), "no particle"),
        (np.full((4, 4, 4), -1), "between 0"),
        (np.full((4, 4, 4), 10**9), "[Rr]enumber"),
        (np.ones((4, 4), int), "Three axes"),
    ],
)
def test_a_table_of_bad_numbers_is_refused(labels: np.ndarray, words: str) -> None:
    with pytest.raises(InputError, match=words):
        particle_table(labels, Grid((4, 4, 4), UM))


def test_grey_levels_of_another_shape_are_refused() -> None:
    grid = Grid((4, 4, 4), UM)
    other = GreyImage(np.ones((3, 4, 4)), Grid((3, 4, 4), UM))
    with pytest.raises(InputError, match="shape"):
        particle_table(Instances(np.ones(grid.shape, int), grid, "active").labels, grid, other)
