from dataclasses import replace

import cc3d
import numpy as np
import pytest
from pydantic import ValidationError
from scipy import ndimage

from lithoscape.errors import InputError
from lithoscape.generate.boundary_cracks import boundary_distance
from lithoscape.generate.defects import (
    Discs,
    ParticleCracks,
    Voids,
    depths,
    grown,
    place_voids,
    random_discs,
    wanted,
)
from lithoscape.generate.grains import Grains, Particle
from lithoscape.generate.shapes import rasterise
from lithoscape.generate.sizes import LogNormal, Monodisperse
from lithoscape.generate.structure import Structure
from lithoscape.image import Grid, Instances

UM = 1e-6
GRID = Grid((50, 50, 50), 0.2 * UM)
PARTICLE = Particle(make="particle", diameter_um=9.0).apply(Structure.empty(GRID), np.random.default_rng(0))
EVERYWHERE = np.ones(GRID.shape, bool)
WHOLE = int(PARTICLE.volume.mask("active").sum())


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def grained(pattern: str = "random", size: float = 2.0) -> Structure:
    step = Grains.model_validate({"make": "grains", "grain_size_um": size, "pattern": pattern})
    return step.apply(PARTICLE, rng())


def voids(structure: Structure = PARTICLE, seed: int = 0, **keys: object) -> Structure:
    plain = {"make": "voids", "fraction": 0.046, "diameter_um": 1.2, **keys}
    return Voids.model_validate(plain).apply(structure, rng(seed))


def cracks(structure: Structure = PARTICLE, seed: int = 0, **keys: object) -> Structure:
    plain = {"make": "particle_cracks", "kind": "surface", "fraction": 0.038, "width_um": 0.4, **keys}
    return ParticleCracks.model_validate(plain).apply(structure, rng(seed))


@pytest.mark.parametrize("sigma", [0.0, 0.4])
@pytest.mark.parametrize("fraction", [0.01, 0.046])
def test_voids_take_their_fraction(fraction: float, sigma: float) -> None:
    s = voids(fraction=fraction, sigma=sigma)
    assert abs(s.volume.mask("void").sum() - fraction * WHOLE) <= 1
    assert s.figures["voids: fraction of the particles"] == pytest.approx(fraction, rel=0.005)
    assert s.volume.mask("void").sum() + s.volume.mask("active").sum() == WHOLE


def test_voids_keep_their_margin_and_are_exact() -> None:
    s = voids(margin_um=1.0)
    void = s.shapes["void"]
    assert (rasterise(void, GRID) == s.volume.mask("void")).all()
    assert (rasterise(s.shapes["active"], GRID) == s.volume.mask("active")).all()
    radius = np.linalg.norm(GRID.points() - 5 * UM, axis=1).reshape(GRID.shape)
    assert radius[s.volume.mask("void")].max() < (4.5 - 1.0) * UM + 0.2 * UM


def test_voids_are_separate_closed_and_of_the_asked_size() -> None:
    depth = depths(PARTICLE, PARTICLE.particles["active"])
    shape, mask = place_voids(
        depth, GRID, wanted(PARTICLE, "active", 0.08), Monodisperse(1.2 * UM), 0.0, rng()
    )
    gap = np.linalg.norm(shape.centres[:, None] - shape.centres[None], axis=2) - 2 * shape.radii[0]
    assert gap[np.triu_indices(len(shape), 1)].min() > -1e-12
    assert shape.radii[0] == pytest.approx(0.6 * UM, rel=0.03)
    # volume of the spheres against that of the voxels
    assert shape.volumes.sum() == pytest.approx(mask.sum() * GRID.voxel_volume, rel=0.02)
    done = voids()
    outer = cc3d.connected_components(~PARTICLE.volume.mask("active"))
    assert not np.isin(outer[done.volume.mask("void")], [1]).any()


def test_sizes_of_voids_follow_the_distribution() -> None:
    law = LogNormal(0.7 * UM, 0.3, 0.07 * UM, 7 * UM)
    depth = depths(PARTICLE, PARTICLE.particles["active"])
    shape, _ = place_voids(depth, GRID, wanted(PARTICLE, "active", 0.12), law, 0.0, rng(3))
    assert len(shape) > 150
    assert law.test(2 * shape.radii)[1] > 0.05


def test_depth_is_the_distance_to_the_surface() -> None:
    exact = 4.5 * UM - np.linalg.norm(GRID.points() - 5 * UM, axis=1).reshape(GRID.shape)
    inside = PARTICLE.volume.mask("active")
    found = depths(PARTICLE, PARTICLE.particles["active"])
    assert np.abs(found - exact)[inside].max() < 0.2 * UM
    assert not found[~inside].any()
    hollow = voids()
    again = depths(hollow, hollow.particles["active"])
    left = hollow.volume.mask("active")
    np.testing.assert_allclose(again[left], found[left], rtol=1e-6)


def test_voids_may_be_pore() -> None:
    s = voids(paint="pore")
    assert "void" not in s.volume.phases
    assert s.volume.mask("active").sum() == pytest.approx(0.954 * WHOLE, abs=1)


@pytest.mark.parametrize("kind", ["surface", "internal"])
@pytest.mark.parametrize("along", ["planes", "grains"])
@pytest.mark.parametrize("fraction", [0.01, 0.038])
def test_cracks_take_their_fraction(kind: str, along: str, fraction: float) -> None:
    s = cracks(grained(), kind=kind, along=along, fraction=fraction)
    lost = WHOLE - s.volume.mask("active").sum()
    assert abs(lost - fraction * WHOLE) <= 1
    phase = "pore" if kind == "surface" else "void"
    assert s.volume.mask(phase).sum() == lost + (GRID.voxels - WHOLE if kind == "surface" else 0)
    assert s.figures["particle cracks: fraction of the particles"] == pytest.approx(fraction, rel=0.005)


@pytest.mark.parametrize("along", ["planes", "grains"])
def test_surface_cracks_are_open_and_internal_ones_closed(along: str) -> None:
    opened = cracks(grained(), along=along, width_um=0.5)
    assert opened.figures["particle cracks: open share"] > 0.99
    closed = cracks(grained(), along=along, kind="internal", margin_um=0.6, number=3)
    touch = ndimage.binary_dilation(closed.volume.mask("void"), np.ones((3, 3, 3))) & closed.volume.mask(
        "pore"
    )
    assert not touch.any()


def test_plane_cracks_have_their_width_and_an_exact_shape() -> None:
    disc = Discs(
        np.full((1, 3), 5 * UM), np.array([[1.0, 0, 0]]), np.array([2 * UM]), 0.3 * UM, np.array([1])
    )
    points = rng().uniform(2 * UM, 8 * UM, (500, 3))
    high, aside = np.abs(points[:, 0] - 5 * UM), np.hypot(points[:, 1] - 5 * UM, points[:, 2] - 5 * UM)
    exact = np.hypot(high, np.maximum(aside - 2 * UM, 0)) - 0.3 * UM
    np.testing.assert_allclose(disc(points), exact, atol=1e-18)
    # where a point is just reached, it lies on the surface of the grown disc
    factor = disc.needed(points, 1)
    for k in np.flatnonzero(np.isfinite(factor) & (factor > 0))[:20]:
        assert replace(disc, radii=disc.radii * factor[k])(points[k : k + 1])[0] == pytest.approx(
            0, abs=1e-17
        )
    assert np.isinf(disc.needed(points, 2)).all()
    s = cracks()
    assert (rasterise(s.shapes["active"], GRID) == s.volume.mask("active")).all()


def test_volume_of_a_plane_crack_converges() -> None:
    # flat part plus half a torus: pi a^2 w + pi^2 a w^2 / 4 + pi w^3 / 6
    a, w = 2.1, 0.62
    exact = np.pi * a**2 * w + np.pi**2 * a * w**2 / 4 + np.pi * w**3 / 6
    normal = np.array([[0.36, 0.48, 0.8]])
    errors = []
    for n in (16, 32, 64):
        grid = Grid((n, n, n), 6 * UM / n)
        disc = Discs(np.full((1, 3), 3 * UM), normal, np.array([a * UM]), w / 2 * UM, np.array([1]))
        errors.append(abs(rasterise(disc, grid).sum() * grid.voxel_volume / (exact * UM**3) - 1))
    assert errors[2] < 0.005
    assert errors[2] < errors[0]


def test_surface_planes_contain_the_radius() -> None:
    parents = PARTICLE.particles["active"]
    discs = random_discs(parents, parents.labels > 0, 20, 0.4 * UM, True, rng())
    np.testing.assert_allclose(((discs.centres - 5 * UM) * discs.normals).sum(axis=1), 0, atol=1e-18)
    np.testing.assert_allclose(np.linalg.norm(discs.normals, axis=1), 1.0, rtol=1e-12)


@pytest.mark.parametrize("pattern", ["random", "double_layer"])
def test_cracks_along_grains_stay_on_boundaries_and_cut_nothing_off(pattern: str) -> None:
    s = grained(pattern)
    grains = s.particles["active grains"]
    done = cracks(s, kind="internal", along="grains", number=1, margin_um=0.0, fraction=0.02)
    crack = done.volume.mask("void")
    at = GRID.points()[crack.ravel()]
    distance = boundary_distance(grains, 1, at, grains.labels[crack])
    assert distance.max() < 0.2 * UM
    assert cc3d.connected_components(crack, connectivity=26).max() == 1
    parts = np.bincount(cc3d.connected_components(done.volume.mask("active"), connectivity=6).ravel())[1:]
    assert parts.max() > 0.995 * parts.sum()


def test_boundary_distance_is_that_of_the_voxels() -> None:
    s = grained("double_layer", 3.0)
    grains = s.particles["active grains"]
    inside = grains.labels > 0
    distance = np.zeros(GRID.shape)
    distance[inside] = boundary_distance(grains, 1, GRID.points()[inside.ravel()], grains.labels[inside])
    flip = np.zeros(GRID.shape, bool)
    for axis in range(3):
        other = np.roll(grains.labels, 1, axis)
        flip |= inside & (other > 0) & (other != grains.labels)
    # across a face of the voxel lies another grain; distances to curved faces are right to first order
    assert distance[flip].max() < 1.1 * 0.2 * UM
    assert (distance[inside] >= 0).all()


def test_defects_count_from_the_whole_particle() -> None:
    s = cracks(cracks(voids(), fraction=0.03, number=4), kind="internal", fraction=0.02, number=3)
    assert s.volume.mask("active").sum() == pytest.approx((1 - 0.046 - 0.03 - 0.02) * WHOLE, abs=2)


def test_single_page_particles_can_crack() -> None:
    flat = Particle(make="particle", diameter_um=16).apply(
        Structure.empty(Grid((100, 100, 1), 0.2 * UM)), rng()
    )
    whole = flat.volume.mask("active").sum()
    s = cracks(voids(flat), number=4)
    assert s.volume.mask("active").sum() == pytest.approx((1 - 0.046 - 0.038) * whole, abs=2)


def test_cracks_stay_in_their_particle() -> None:
    labels = np.zeros(GRID.shape, int)
    labels[5:25, 5:45, 5:45], labels[25:45, 5:45, 5:45] = 1, 2
    s = Structure.empty(GRID).paint("active", labels > 0)
    s = replace(s, particles={"active": Instances(labels, GRID, "active")})
    start = Discs(np.full((1, 3), 4.9 * UM), np.array([[0, 1.0, 0]]), np.array([UM]), 0.3 * UM, np.array([1]))
    mask, shape = grown(start, s.particles["active"], labels > 0, 400)
    assert mask.sum() == 400
    assert set(labels[mask]) == {1}
    assert shape is None


def test_same_seed_same_defects() -> None:
    first, second = (cracks(voids(seed=3), seed=4, along="planes") for _ in range(2))
    assert first.volume.labels.tobytes() == second.volume.labels.tobytes()
    assert voids(seed=5).volume.labels.tobytes() != voids(seed=3).volume.labels.tobytes()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: voids(phase="activ"), "'active'"),
        (lambda: voids(diameter_um=12.0), "no room for the voids"),
        (lambda: voids(fraction=0.7), "no room for the voids"),
        (lambda: voids(fraction=1e-7), "less than a voxel"),
        (lambda: voids(fraction=0.9999999), "nothing would be left"),
        (lambda: cracks(width_um=0.1), "narrower than a voxel"),
        (lambda: cracks(along="grains"), "no grains"),
        (lambda: cracks(number=100_000), "that many cracks"),
        (lambda: cracks(fraction=0.6, number=1), "at most"),
        (lambda: cracks(kind="internal", margin_um=4.2), "no room for the cracks"),
        (lambda: wanted(PARTICLE, "active", 1.5), "between 0 and 1"),
        (lambda: random_discs(PARTICLE.particles["active"], EVERYWHERE, 1, 0.0, False, rng()), "positive"),
    ],
)  # fmt: skip
def test_bad_input_is_named(make: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()  # type: ignore[operator]


@pytest.mark.parametrize("keys", [{"fraction": 1.0}, {"fraction": 0}, {"kind": "outer"}, {"width": 1}])
def test_keys_are_checked(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        cracks(**keys)
