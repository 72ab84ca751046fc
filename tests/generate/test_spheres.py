import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from lithoscape.errors import InputError
from lithoscape.generate.shapes import Shape, rasterise
from lithoscape.generate.spheres import Ellipsoids, Spheres, filled_volumes, rasterise_particles
from lithoscape.image import Grid

L = 50e-6
PERIODS = {"none": None, "in-plane": (None, L, L), "all": (L, L, L)}
BOX = ((0.0, 0.0, 0.0), (L, L, L))
periods = pytest.mark.parametrize("period", PERIODS.values(), ids=PERIODS.keys())


def cloud(period: tuple[float | None, ...] | None, seed: int = 0) -> Spheres:
    rng = np.random.default_rng(seed)
    return Spheres(L * rng.random((150, 3)), rng.uniform(0.8e-6, 8e-6, 150), period)


def grains(period: tuple[float | None, ...] | None, seed: int = 0) -> Ellipsoids:
    rng = np.random.default_rng(seed)
    turned = Rotation.from_quat(rng.standard_normal((150, 4))).as_matrix()
    return Ellipsoids(L * rng.random((150, 3)), rng.uniform(1e-6, 7e-6, (150, 3)), turned, period)


def offsets(shape: Spheres | Ellipsoids, points: np.ndarray) -> np.ndarray:
    d = points[:, None] - shape.centres
    for k, p in enumerate(shape.period or (None,) * 3):
        if p is not None:
            d[..., k] -= p * np.rint(d[..., k] / p)
    return d


def by_all(shape: Spheres | Ellipsoids, points: np.ndarray) -> np.ndarray:
    d = offsets(shape, points)
    if isinstance(shape, Spheres):
        return np.sqrt((d**2).sum(axis=-1)) - shape.radii
    u = np.einsum("nji,pnj->pni", shape.rotations, d) / shape.semi_axes
    q = np.sqrt((u**2).sum(axis=-1))
    return (q - 1) * q / np.sqrt(((u / shape.semi_axes) ** 2).sum(axis=-1))


@periods
@pytest.mark.parametrize("make", [cloud, grains])
def test_the_search_equals_asking_everybody(make: object, period: object) -> None:
    shape = make(period)  # type: ignore[operator]
    points = np.random.default_rng(1).uniform(-0.6 * L, 1.6 * L, (3000, 3))
    values = by_all(shape, points)
    np.testing.assert_allclose(shape(points), values.min(axis=1), rtol=0, atol=1e-18)
    assert (shape.nearest(points) == values.argmin(axis=1)).all()
    assert isinstance(shape, Shape)


@periods
@pytest.mark.parametrize("make", [cloud, grains])
def test_painted_voxels_are_those_of_the_function(make: object, period: object) -> None:
    shape = make(period)  # type: ignore[operator]
    grid = Grid((30, 27, 24), (L / 30, L / 27, L / 24), origin=(0.1 * L, -0.2 * L, 0.0))
    labels = rasterise_particles(shape, grid)
    assert labels.dtype == np.int32
    assert ((labels > 0) == rasterise(shape, grid)).all()
    inside = labels.ravel() > 0
    assert 0.2 < inside.mean() < 0.95
    assert (labels.ravel()[inside] - 1 == shape.nearest(grid.points())[inside]).all()


def test_ellipsoids_of_equal_axes_are_spheres() -> None:
    spheres = cloud((None, L, L))
    turned = Rotation.from_quat(np.random.default_rng(2).standard_normal((150, 4))).as_matrix()
    same = Ellipsoids(spheres.centres, np.repeat(spheres.radii[:, None], 3, 1), turned, spheres.period)
    points = np.random.default_rng(1).uniform(0, L, (500, 3))
    np.testing.assert_allclose(same(points), spheres(points), rtol=1e-9, atol=1e-17)


def test_ellipsoid_distance_is_first_order_at_the_surface() -> None:
    one = Ellipsoids(np.zeros((1, 3)), np.array([[4e-6, 2e-6, 1e-6]]), np.eye(3)[None])
    u = np.random.default_rng(0).standard_normal((200, 3))
    on = u / np.linalg.norm(u, axis=1, keepdims=True) * one.semi_axes
    normal = on / one.semi_axes**2
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    errors = [np.abs(one(on + h * normal) / h - 1).max() for h in (4e-8, 2e-8, 1e-8)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(1, abs=0.15)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(1, abs=0.1)
    assert (one(on + 5e-6 * normal) <= 5e-6).all()
    assert one(np.zeros((1, 3)))[0] / 1e-6 == pytest.approx(-1)


def lens(r1: float, r2: float, d: float) -> float:
    """Volume common to two spheres (Weisstein, Sphere-Sphere Intersection, eq. 16)."""
    return np.pi * (r1 + r2 - d) ** 2 * (d * d + 2 * d * (r1 + r2) - 3 * (r1 - r2) ** 2) / (12 * d)


def test_volume_of_a_pair_converges_to_the_lens_formula() -> None:
    r1, r2, d = 9.1e-6, 6.3e-6, 11e-6
    pair = Spheres(np.array([[20e-6, 20.3e-6, 21.1e-6], [20e-6 + d, 20.3e-6, 21.1e-6]]), np.array([r1, r2]))
    exact = 4 / 3 * np.pi * (r1**3 + r2**3) - lens(r1, r2, d)
    for axis in range(3):
        errors = [
            abs(filled_volumes(pair, *BOX, axis=axis, spacing=h).sum() / exact - 1)
            for h in (1e-6, 0.25e-6, 0.0625e-6)
        ]
        assert errors[0] < 1e-2
        assert errors[1] < 1e-3
        assert errors[2] < 3e-5


def test_volume_by_slabs_is_that_of_caps() -> None:
    r, z = 10e-6, 5e-6
    ball = Spheres(np.array([[z, 25e-6, 25e-6]]), np.array([r]))
    slabs = filled_volumes(ball, *BOX, edges=np.array([0, 5e-6, 10e-6, L]), spacing=0.1e-6)
    half, cap = 2 / 3 * np.pi * r**3, np.pi * 5e-6**2 * (3 * r - 5e-6) / 3
    np.testing.assert_allclose(slabs, [half - cap, half - cap, cap], rtol=1e-4)


def test_volume_counts_images_and_rotated_axes() -> None:
    turned = Rotation.from_rotvec([0.3, 0.2, 0.9]).as_matrix()[None]
    grain = Ellipsoids(np.array([[1e-6, 49e-6, 25e-6]]), np.array([[12e-6, 5e-6, 3e-6]]), turned, (L, L, L))
    for axis in range(3):
        found = filled_volumes(grain, *BOX, axis=axis, spacing=0.1e-6).sum()
        assert found / grain.volumes[0] == pytest.approx(1, rel=2e-4)
    labels = rasterise_particles(grain, Grid((100, 100, 100), L / 100))
    assert (labels > 0).sum() * (L / 100) ** 3 / grain.volumes[0] == pytest.approx(1, rel=1e-2)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Spheres(np.zeros((0, 3)), np.zeros(0)), "at least one particle"),
        (lambda: Spheres(np.zeros((2, 3)), np.ones(3)), "have the shape"),
        (lambda: Spheres(np.zeros((1, 3)), np.array([-1.0])), "positive"),
        (lambda: Spheres(np.full((1, 3), np.nan), np.ones(1)), "have the shape"),
        (lambda: Spheres(np.zeros((1, 3)), np.ones(1), (1.0, 0.0, None)), "period"),
        (lambda: Ellipsoids(np.zeros((1, 3)), np.ones((1, 3)), np.ones((1, 3, 3))), "orthogonal"),
        (lambda: cloud(None)(np.zeros(3)), r"\(n, 3\)"),
    ],
)
def test_bad_input_is_named(make: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()  # type: ignore[operator]
