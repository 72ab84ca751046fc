from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from lithoscape.errors import InputError
from lithoscape.generate.binder import Binder, binder_fraction, binder_score, two_distances
from lithoscape.generate.shapes import HalfSpace, rasterise
from lithoscape.generate.spheres import Spheres, rasterise_particles
from lithoscape.generate.structure import Structure
from lithoscape.image import Grid, Instances

UM = 1e-6
GRID = Grid((40, 40, 60), 0.25 * UM)
CENTRES = np.array([[5.0, 5.0, 4.6], [5.0, 5.0, 10.4]]) * UM
PAIR = Spheres(CENTRES, np.full(2, 2.9 * UM))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def spheres(shape: Spheres = PAIR, grid: Grid = GRID) -> Structure:
    s = Structure.empty(grid).paint("active", shape=shape)
    return replace(s, particles={"active": Instances(rasterise_particles(shape, grid), grid, "active")})


def binder(structure: Structure | None = None, seed: int = 0, **keys: object) -> Structure:
    plain = {"make": "binder", "fraction": 0.05, **keys}
    return Binder.model_validate(plain).apply(structure or spheres(), rng(seed))


def to_centres(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[:, None] - CENTRES[None], axis=2)


@pytest.mark.parametrize("bridging", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("fraction", [0.01, 0.2])
def test_fraction_is_met_to_a_voxel(bridging: float, fraction: float) -> None:
    before = spheres()
    s = binder(before, bridging=bridging, fraction=fraction)
    assert abs(s.volume.mask("binder").sum() - fraction * GRID.voxels) <= 1
    assert (s.volume.mask("active") == before.volume.mask("active")).all()


def test_shape_agrees_with_the_voxels() -> None:
    s = binder(bridging=0.5)
    assert (rasterise(s.shapes["binder"], GRID) == s.volume.mask("binder")).all()
    assert (rasterise(s.shapes["active"], GRID) == s.volume.mask("active")).all()


def test_no_shape_without_those_of_the_particles() -> None:
    plain = Structure.empty(GRID).paint("active", spheres().volume.mask("active"))
    assert "binder" not in binder(plain).shapes


def test_film_on_a_wall_is_even() -> None:
    s = Structure.empty(GRID).paint("active", shape=HalfSpace(0, 4 * UM))
    mask = binder(s, bridging=0.0, fraction=0.15).volume.mask("binder")
    assert (mask.sum(axis=0) == 6).all()
    assert mask[16:22].all()


def test_film_on_a_sphere_converges_to_a_shell() -> None:
    fraction, errors = 0.06, []
    outer = np.cbrt(2.5**3 + fraction * 1000 * 3 / (4 * np.pi))
    for n in (20, 40, 80):
        grid = Grid((n, n, n), 10 * UM / n)
        s = binder(
            spheres(Spheres(np.full((1, 3), 5 * UM), np.array([2.5 * UM])), grid),
            bridging=0.0,
            fraction=fraction,
        )
        radius = np.linalg.norm(grid.points() - 5 * UM, axis=1).reshape(grid.shape) / UM
        reached = radius[s.volume.mask("binder")].max(), radius[s.volume.mask("pore")].min()
        errors.append(max(abs(r - outer) for r in reached) * n / 10)
    assert max(errors) < 0.6  # voxels: first order


def test_necks_are_confocal_spheroids() -> None:
    # d1 + d2 = const around two equal spheres is a spheroid with its foci at their centres
    s = binder(bridging=1.0, fraction=0.01)
    total = to_centres(GRID.points()).sum(axis=1).reshape(GRID.shape)
    most = total[s.volume.mask("binder")].max()
    least = total[s.volume.mask("pore")].min()
    assert most - least < 0.35 * UM
    between = to_centres(GRID.points()).reshape(*GRID.shape, 2)[s.volume.mask("binder")]
    assert np.abs(between[:, 0] - between[:, 1]).max() < 2.5 * UM


def test_bridging_draws_binder_into_the_neck() -> None:
    share = []
    at = np.abs(GRID.points()[:, 2] - 7.5 * UM).reshape(GRID.shape)
    for bridging in (0.0, 0.2, 0.5, 1.0):
        mask = binder(bridging=bridging, fraction=0.03).volume.mask("binder")
        share.append(float((at[mask] < 1.5 * UM).mean()))
    assert (np.diff(share) > 0.02).all()
    assert share[0] < 0.4
    assert share[-1] > 0.95


def test_distances_are_those_of_two_spheres() -> None:
    labels = rasterise_particles(PAIR, GRID)
    first, second = two_distances(labels, GRID, 3 * UM)
    exact = np.sort(to_centres(GRID.points()) - 2.9 * UM, axis=1).reshape(*GRID.shape, 2)
    near = (exact[..., 1] < 2.5 * UM) & (exact[..., 0] > 0)
    assert np.abs(first - exact[..., 0])[near].max() < 0.25 * UM
    assert np.abs(second - exact[..., 1])[near].max() < 0.25 * UM
    assert second.max() <= np.float32(3 * UM)
    inside = labels > 0
    assert np.abs(first - exact[..., 0])[inside].max() < 0.25 * UM


def test_a_particle_in_two_pieces_is_not_its_own_neighbour() -> None:
    labels = np.zeros(GRID.shape, int)
    labels[:, :, :10], labels[:, :, 50:] = 1, 1
    labels[:3, :3, 28:30] = 2
    first, second = two_distances(labels, GRID, 8 * UM)
    assert first[20, 20, 12] == pytest.approx(2.5 * 0.25 * UM, rel=1e-5)
    assert second[20, 20, 12] > 4 * UM


def test_local_pore_size_stands_in_for_unknown_particles() -> None:
    # a slit that narrows in steps: binder bridges the narrow end first
    labels = np.zeros((24, 12, 48), bool)
    for k in range(48):
        gap = 4 + 2 * (k // 12)
        labels[: 12 - gap // 2, :, k] = labels[12 + gap // 2 :, :, k] = True
    s = Structure.empty(Grid((24, 12, 48), 0.25 * UM)).paint("active", labels)
    mask = binder(s, bridging=1.0, fraction=0.03).volume.mask("binder")
    assert np.nonzero(mask)[2].max() < 14
    film = binder(s, bridging=0.0, fraction=0.1).volume.mask("binder")
    assert np.nonzero(film)[2].max() == 47


def test_nanoporosity_is_a_property() -> None:
    s = binder(fraction=None, solid_fraction=0.053, nanoporosity=0.47)
    assert s.fraction("binder") == pytest.approx(0.1, abs=1 / GRID.voxels)
    assert s.volume.properties["binder"] == {"nanoporosity": 0.47}
    assert s.figures["binder: solid fraction"] == pytest.approx(0.053, abs=1e-5)


def test_patches_gather_binder_but_keep_the_fraction() -> None:
    even, patchy = binder(bridging=0.0), binder(bridging=0.0, patchiness=2.0, correlation_um=2)
    assert even.volume.mask("binder").sum() == patchy.volume.mask("binder").sum()

    def spread(s: Structure) -> float:
        blocks = s.volume.mask("binder").reshape(4, 10, 4, 10, 6, 10).mean(axis=(1, 3, 5))
        return float(blocks.std())

    assert spread(patchy) > 1.5 * spread(even)
    assert (
        patchy.volume.labels == binder(bridging=0.0, patchiness=2.0, correlation_um=2).volume.labels
    ).all()
    assert (patchy.volume.labels != binder(seed=1, bridging=0.0, patchiness=2.0).volume.labels).any()


def test_binder_sits_on_the_named_phase() -> None:
    s = spheres().paint("graphite", shape=HalfSpace(0, 1 * UM))
    mask = binder(s, on=["graphite"], bridging=0.0, fraction=0.05).volume.mask("binder")
    assert np.nonzero(mask)[0].max() < 7


def test_single_page() -> None:
    grid = Grid((40, 60, 1), 0.25 * UM)
    s = spheres(Spheres(np.array([[5.0, 4.6, 0.1], [5.0, 10.4, 0.1]]) * UM, np.full(2, 2.9 * UM)), grid)
    assert binder(s, bridging=0.7).volume.mask("binder").sum() == round(0.05 * grid.voxels)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: binder(fraction=0.95), "only .* is pore"),
        (lambda: binder(fraction=None, solid_fraction=0.5, nanoporosity=0.47), "only .* is pore"),
        (lambda: binder(fraction=None, solid_fraction=0.6, nanoporosity=0.47), "between 0 and 1"),
        (lambda: binder(fraction=0.1, solid_fraction=0.1), "One of fraction"),
        (lambda: binder(fraction=None), "One of fraction"),
        (lambda: binder(fraction=1e-7), "less than a voxel"),
        (lambda: binder(Structure.empty(GRID)), "nothing for the binder"),
        (lambda: binder(on=["activ"]), "'active'"),
        (lambda: binder(on=["pore"]), "cannot sit"),
        (lambda: binder_fraction(1.2, None, 0.0, 1.0), "between 0 and 1"),
        (lambda: binder_fraction(0.1, None, 1.0, 1.0), "nanoporosity"),
        (lambda: binder_fraction(float("nan"), None, 0.0, 1.0), "between 0 and 1"),
        (lambda: binder_score(spheres(), ["active"], 1.5), "bridging"),
    ],
)
def test_bad_input_is_named(make: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()  # type: ignore[operator]


@pytest.mark.parametrize(
    "keys",
    [{"fraction": 1.5}, {"bridging": 2}, {"nanoporosity": 1.0}, {"bridgin": 0.5}, {"correlation_um": 0}],
)
def test_keys_are_checked(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        binder(**keys)
