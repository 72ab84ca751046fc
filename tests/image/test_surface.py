from itertools import product

import numpy as np
import pytest

from lithoscape.errors import InputError
from lithoscape.image import Grid, Volume
from lithoscape.image.surface import (
    Method,
    cell_counts,
    direction_bias,
    interface_area,
    minkowski_functionals,
    surface_area,
    voronoi_weights,
)

UM = 1e-6
PHASES = {"pore": 0, "active": 1, "binder": 2}
Size = tuple[float, float, float]
CUBE: Size = (1.0, 1.0, 1.0)


def volume(labels: np.ndarray, size: Size = CUBE) -> Volume:
    h0, h1, h2 = (UM * h for h in size)
    return Volume(labels.astype(np.uint8), Grid(labels.shape, (h0, h1, h2)), PHASES)


def points(shape: tuple[int, ...], size: Size = CUBE) -> np.ndarray:
    axes = [(np.arange(n) + 0.5) * h for n, h in zip(shape, size, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def ball(radius: float, rng: np.random.Generator, size: Size = CUBE) -> Volume:
    shape = tuple(int(2 * radius / h) + 9 for h in size)
    centre = np.array(shape) * size / 2 + rng.uniform(-0.5, 0.5, 3) * size
    return volume(((points(shape, size) - centre) ** 2).sum(-1) < radius**2, size)


def errors(radius: float, method: Method, count: int = 10, size: Size = CUBE) -> np.ndarray:
    rng = np.random.default_rng(int(10 * radius))
    exact = 4 * np.pi * radius**2 * UM**2
    return np.array(
        [surface_area(ball(radius, rng, size), "active", method).value / exact - 1 for _ in range(count)]
    )


@pytest.mark.parametrize(
    ("method", "radius", "mean", "band", "spread"),
    [
        ("minkowski", 3, -0.016, 0.010, 0.015),
        ("minkowski", 5, -0.006, 0.005, 0.008),
        ("minkowski", 10, -0.002, 0.003, 0.005),
        ("minkowski", 20, 0.0, 0.002, 0.003),
        ("marching_cubes", 3, -0.119, 0.012, 0.02),
        ("marching_cubes", 5, -0.036, 0.006, 0.01),
        ("marching_cubes", 10, 0.0, 0.003, 0.004),
        ("staircase", 5, 0.50, 0.02, 0.03),
        ("staircase", 10, 0.50, 0.01, 0.02),
    ],
)
def test_balls_have_the_stated_bias(
    method: Method, radius: float, mean: float, band: float, spread: float
) -> None:
    found = errors(radius, method)
    assert found.mean() == pytest.approx(mean, abs=band)
    assert found.std() < spread


def test_the_error_of_a_ball_falls_with_resolution() -> None:
    mean = [abs(errors(radius, "minkowski", 16).mean()) for radius in (3, 6, 12)]
    assert mean[0] > 2 * mean[1] > 4 * mean[2]


@pytest.mark.parametrize("size", [(2.0, 1.0, 1.0), (1.0, 1.0, 3.0), (1.0, 2.0, 3.0)])
def test_voxels_need_not_be_cubes(size: Size) -> None:
    assert abs(errors(12, "minkowski", 8, size).mean()) < 0.012
    assert abs(errors(12, "marching_cubes", 4, size).mean()) < 0.035
    assert errors(12, "staircase", 8, size).mean() == pytest.approx(0.5, abs=0.03)


def test_layers_along_an_axis_are_the_worst_case() -> None:
    size = (1.0, 2.0, 3.0)
    labels = np.zeros((20, 12, 10))
    labels[5:13] = 1
    v = volume(labels, size)
    exact = 2 * (12 * 2) * (10 * 3) * UM**2
    low, _ = direction_bias(v.grid)
    assert surface_area(v, "active", "staircase").value == pytest.approx(exact, rel=1e-12)
    assert surface_area(v, "active", "marching_cubes").value == pytest.approx(exact, rel=1e-6)
    assert low - 1e-12 <= surface_area(v, "active").value / exact < 1
    cubic = volume(labels)
    low, high = direction_bias(cubic.grid)
    assert surface_area(cubic, "active").value == pytest.approx(low * 240 * UM**2, rel=1e-12)
    assert (low, high) == pytest.approx((0.92662, 1.02277), abs=1e-5)
    assert "-7.3 to +2.3 %" in surface_area(cubic, "active").bias


def slope(normal: np.ndarray) -> tuple[Volume, float]:
    """Below a plane z = a x + b y that leaves the box by its sides only, and the plane's area."""
    p = points((24, 24, 64)) - [12.0, 12.0, 32.0]
    return volume(p @ normal < 0.2), 24 * 24 / normal[2] * UM**2


def test_planes_lie_within_the_stated_bias() -> None:
    rng, ratios = np.random.default_rng(3), []
    for _ in range(30):
        normal = np.array([*rng.uniform(-1, 1, 2), 1.0])
        v, exact = slope(normal / np.linalg.norm(normal))
        ratios.append([surface_area(v, "active", m).value / exact for m in ("minkowski", "marching_cubes")])
    low, high = direction_bias(v.grid)
    # 3 % for the rim: the mirrored image has a kink there
    assert low - 0.03 < np.min(ratios, axis=0)[0]
    assert np.max(ratios, axis=0)[0] < high + 0.005
    assert np.mean(ratios, axis=0) == pytest.approx([0.99, 1.0], abs=0.015)


def boolean_model(
    radius: float, filling: float, n: int, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Balls at the points of a Poisson process, in a box of n voxels; and the filling it came out with."""
    ball = 4 / 3 * np.pi * radius**3
    box = (n + 2 * radius) ** 3
    centres = rng.uniform(-radius, n + radius, (rng.poisson(filling / ball * box), 3))
    inside, x = np.zeros((n, n, n), bool), np.arange(n) + 0.5
    for c in centres:
        s = [slice(max(int(q - radius), 0), max(int(q + radius) + 2, 0)) for q in c]
        a, b, d = (((x[k] - q) ** 2) for k, q in zip(s, c, strict=True))
        inside[s[0], s[1], s[2]] |= a[:, None, None] + b[:, None] + d < radius**2
    return inside, len(centres) * ball / box


def boolean_ratio(radius: float, filling: float, n: int) -> float:
    """Expected ratio of measured to true area of overlapping balls in an image of n voxels.

    Two points at distance d differ with probability 2 q (1 - exp(-n (V - K(d)))), q the porosity and K the
    covariogram of a ball: two crossings in one step are missed. Of each step along an axis, one in n is
    reflected at a face, and its pair is that much closer.
    """
    steps, total = np.array([d for d in np.ndindex(3, 3, 3)])[14:] - 1, 0.0
    for step, weight in zip(steps, voronoi_weights(steps), strict=True):
        length = np.linalg.norm(step) / radius
        axes = np.flatnonzero(step)
        for kept in product((0, 1), repeat=len(axes)):
            d = np.sqrt(sum(kept)) / radius
            chance = np.prod(np.where(kept, 1 - 1 / n, 1 / n))
            differ = 1 - np.exp(-filling * (0.75 * d - d**3 / 16))
            total += weight * chance * differ / (0.75 * filling * length)
    return float(total)


@pytest.mark.parametrize("filling", [0.35, 0.7])
def test_overlapping_balls_approach_the_exact_specific_surface(filling: float) -> None:
    lost = []
    for radius in (3, 6, 12):
        rng, ratios, n = np.random.default_rng(1), [], 12 * radius
        for _ in range(8):
            inside, came = boolean_model(radius, filling, n, rng)
            exact = came * 3 / (radius * UM) * np.exp(-came)  # n 4 pi r^2 exp(-n V)
            ratios.append(surface_area(volume(inside), "active").specific / exact)
        error = np.std(ratios) / np.sqrt(len(ratios))
        assert np.mean(ratios) == pytest.approx(boolean_ratio(radius, filling, n), abs=3 * error)
        assert error < 0.012
        lost.append(1 - np.mean(ratios))
    assert lost[0] > 1.6 * lost[1] > 2.5 * lost[2]


def test_contacts_add_up_to_the_surface() -> None:
    v = volume(np.random.default_rng(0).integers(0, 3, (9, 8, 7)), (1.0, 2.0, 1.5))
    counts = cell_counts(v)
    for a, b, c in (("pore", "active", "binder"), ("active", "binder", "pore"), ("binder", "pore", "active")):
        parts = [interface_area(v, a, other, counts=counts).value for other in (b, c)]
        assert sum(parts) == pytest.approx(surface_area(v, a).value, rel=1e-12)
        both = surface_area(v, [a, b], counts=counts).value
        assert both == pytest.approx(surface_area(v, c).value, rel=1e-12)


def test_brute_force_agrees_on_a_small_image() -> None:
    """Every voxel, its 26 neighbours in the mirrored image, Voronoi weights: the formula as written."""
    v = volume(np.random.default_rng(1).integers(0, 2, (5, 4, 6)), (1.0, 2.0, 3.0))
    steps = np.array([d for d in np.ndindex(3, 3, 3) if d != (1, 1, 1)]) - 1
    lines = steps * np.array(v.grid.voxel_size)
    weights = voronoi_weights(lines[:13])
    padded, total = np.pad(v.labels, 1, mode="symmetric"), 0.0
    for step, line, weight in zip(steps, lines, [*weights, *weights[::-1]], strict=True):
        moved = padded[tuple(slice(1 + s, 1 + s + n) for s, n in zip(step, v.grid.shape, strict=True))]
        # each pair is met from both ends
        total += weight * (moved != v.labels).sum() * v.grid.voxel_volume / np.linalg.norm(line)
    assert surface_area(v, "active").value == pytest.approx(total, rel=1e-12)


def test_a_quarter_of_a_ball_in_the_corner() -> None:
    """Faces of the image are no surface, and what ends there counts up to it."""
    p = points((20, 20, 40)) - [0.0, 0.0, 20.0]
    v = volume((p**2).sum(-1) < 12.0**2)
    for method in ("minkowski", "marching_cubes"):
        assert surface_area(v, "active", method).value == pytest.approx(np.pi * 144 * UM**2, rel=0.015)
    f = minkowski_functionals(v, "active")
    assert f.mean_curvature == pytest.approx(np.pi * 12 * UM, rel=0.01)
    assert f.euler == pytest.approx(0.25, abs=1e-12)
    assert minkowski_functionals(v, "active", edges="closed").euler == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(("radius", "tolerance"), [(5, 0.008), (10, 0.004), (20, 0.002)])
def test_functionals_of_balls(radius: float, tolerance: float) -> None:
    rng = np.random.default_rng(radius)
    found = [minkowski_functionals(ball(radius, rng), "active") for _ in range(10)]
    curvature = np.mean([f.mean_curvature for f in found]) / (4 * np.pi * radius * UM)
    assert curvature == pytest.approx(1, abs=tolerance)
    assert all(f.euler == pytest.approx(1, abs=1e-9) for f in found)
    assert found[0].volume == pytest.approx(4 / 3 * np.pi * (radius * UM) ** 3, rel=0.02)


def test_functionals_of_a_torus_and_of_its_complement() -> None:
    rng, found = np.random.default_rng(6), []
    for _ in range(8):
        axis = rng.normal(size=3)
        p = points((51, 51, 51)) - 25.5 - rng.uniform(-0.5, 0.5, 3)
        height = p @ (axis / np.linalg.norm(axis))
        ring = np.sqrt((p**2).sum(-1) - height**2)
        v = volume((ring - 15) ** 2 + height**2 < 6**2)
        f, g = minkowski_functionals(v, "active"), minkowski_functionals(v, "pore", connectivity=26)
        assert f.euler == pytest.approx(0, abs=1e-9)
        assert g.mean_curvature == pytest.approx(-f.mean_curvature, rel=1e-12)
        assert g.area == pytest.approx(f.area, rel=1e-12)
        found.append([f.mean_curvature / (2 * np.pi**2 * 15 * UM), f.area / (4 * np.pi**2 * 15 * 6 * UM**2)])
    assert np.mean(found, axis=0) == pytest.approx(1, abs=0.01)


def test_curvature_on_flat_voxels() -> None:
    rng = np.random.default_rng(4)
    found = [minkowski_functionals(ball(15, rng, (1.0, 1.0, 3.0)), "active").mean_curvature for _ in range(8)]
    assert np.mean(found) == pytest.approx(4 * np.pi * 15 * UM, rel=0.015)


def test_euler_numbers_count_parts_tunnels_and_cavities() -> None:
    labels = np.zeros((9, 9, 9))
    labels[1:4, 1:4, 1:4] = 1
    labels[2, 2, 2] = 0  # a cavity: 1 + 1
    labels[5:8, 5:8, 5] = 1
    labels[6, 6, 5] = 0  # a ring: 1 - 1
    labels[4, 4, 4] = 1  # touches the shell and the ring at corners
    v = volume(labels)
    assert minkowski_functionals(v, "active", connectivity=6).euler == pytest.approx(3)
    assert minkowski_functionals(v, "active", connectivity=26).euler == pytest.approx(1)
    assert minkowski_functionals(v, "active", edges="closed").euler == pytest.approx(3)


def test_several_phases_are_one_body() -> None:
    labels = np.zeros((8, 8, 8))
    labels[2:4, 2:6, 2:6], labels[4:6, 2:6, 2:6] = 1, 2
    both = minkowski_functionals(volume(labels), ["active", "binder"])
    one = minkowski_functionals(volume(labels > 0), "active")
    assert both == one


def test_a_single_slice_works() -> None:
    labels = np.zeros((1, 10, 10))
    labels[0, :, :5] = 1
    for method in ("marching_cubes", "staircase"):
        assert surface_area(volume(labels), "active", method).value == pytest.approx(10 * UM**2, rel=1e-6)


def test_the_smoothed_surface_does_not_depend_on_the_slabs(monkeypatch: pytest.MonkeyPatch) -> None:
    v = ball(11, np.random.default_rng(2))
    whole = surface_area(v, "active", "marching_cubes").value
    monkeypatch.setattr("lithoscape.image.surface.SLAB", 1)
    assert surface_area(v, "active", "marching_cubes").value == pytest.approx(whole, rel=1e-6)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda v: surface_area(v, "binder"), "no voxel"),
        (lambda v: surface_area(v, "activ"), "'active'"),
        (lambda v: surface_area(v, []), "at least one phase"),
        (lambda v: surface_area(v, "active", "marching"), "'marching_cubes'"),
        (lambda v: interface_area(v, "active", "active"), "no interface with itself"),
        (lambda v: interface_area(v, "active", "binder"), "no voxel"),
        (lambda v: cell_counts(v, "open"), "no such edges"),
        (lambda v: cell_counts(v).indices("activ"), "'active'"),
        (lambda v: minkowski_functionals(v, "active", connectivity=18), "6 or 26"),
        (lambda v: minkowski_functionals(v, "active", edges="interior"), "reflected or closed"),
        (lambda v: cell_counts(Volume(v.labels, v.grid, {f"p{k}": k for k in range(256)})), "255 phases"),
    ],
)
def test_bad_input_is_named(call: object, words: str) -> None:
    labels = np.zeros((4, 4, 4))
    labels[:2] = 1
    with pytest.raises(InputError, match=words):
        call(volume(labels))  # type: ignore[operator]
