import numba
import numpy as np
import pytest

from lithoscape.errors import InputError
from lithoscape.image import Grid, Volume
from lithoscape.image.orientation import mean_intercepts, surface_normals

UM = 1e-6
PHASES = {"pore": 0, "active": 1, "binder": 2}
Size = tuple[float, float, float]
CUBE: Size = (1.0, 1.0, 1.0)


def volume(labels: np.ndarray, size: Size = CUBE, **options: object) -> Volume:
    h0, h1, h2 = (UM * h for h in size)
    return Volume(labels.astype(np.uint8), Grid(labels.shape, (h0, h1, h2), **options), PHASES)  # type: ignore[arg-type]


def points(shape: tuple[int, ...], size: Size = CUBE) -> np.ndarray:
    axes = [(np.arange(n) + 0.5) * h for n, h in zip(shape, size, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def ball(radius: float, seed: int, size: Size = CUBE) -> Volume:
    shape = tuple(int(2 * radius / h) + 9 for h in size)
    centre = np.array(shape) * size / 2 + np.random.default_rng(seed).uniform(-0.5, 0.5, 3) * size
    return volume(((points(shape, size) - centre) ** 2).sum(-1) < radius**2, size)


def layers(normal: np.ndarray, size: Size = CUBE, thickness: float = 8.0, period: float = 20.0) -> Volume:
    shape = tuple(int(60 / h) for h in size)
    return volume(np.mod(points(shape, size) @ normal, period) < thickness, size)


def capsule(axis: np.ndarray, radius: float, length: float) -> Volume:
    """A cylinder with a half ball on either end, which no face of the image cuts."""
    n = int(length + 2 * radius) + 8
    p = points((n, n, n)) - n / 2 - [0.1, 0.3, -0.2]
    along = np.clip(p @ axis, -length / 2, length / 2)
    return volume(((p - along[..., None] * axis) ** 2).sum(-1) < radius**2)


def unit(*components: float) -> np.ndarray:
    return np.array(components) / np.linalg.norm(components)


@pytest.mark.parametrize(("radius", "tolerance"), [(3, 0.035), (5, 0.024), (10, 0.005), (20, 0.0015)])
def test_a_ball_faces_all_directions(radius: float, tolerance: float) -> None:
    for seed in range(4):
        n = surface_normals(ball(radius, seed), "active")
        assert n.eigenvalues == pytest.approx(1 / 3, abs=tolerance)
        assert n.anisotropy < 6 * tolerance
        assert np.trace(n.tensor) == pytest.approx(1, rel=1e-12)


def test_a_ball_fills_the_bins_of_the_cosine_alike() -> None:
    n = surface_normals(ball(20, 1), "active", bins=5)
    assert n.shares == pytest.approx(0.2, abs=0.01)
    np.testing.assert_allclose(n.cosines, [-1, -0.6, -0.2, 0.2, 0.6, 1], atol=1e-15)


@pytest.mark.parametrize(
    ("normal", "tolerance"),
    [(unit(1, 0, 0), 1e-6), (unit(1, 1, 0), 0.011), (unit(3, 2, 1), 0.011), (unit(6, 1, 0), 0.028)],
)
def test_layers_face_one_direction(normal: np.ndarray, tolerance: float) -> None:
    n = surface_normals(layers(normal), "active")
    assert n.eigenvalues[0] == pytest.approx(1, abs=tolerance)
    assert abs(n.eigenvectors[:, 0] @ normal) > np.cos(np.radians(0.5))
    assert n.anisotropy == pytest.approx(1, abs=0.03)


def test_layers_on_voxels_that_are_no_cubes() -> None:
    normal = unit(2, 1, 1)
    n = surface_normals(layers(normal, (1.0, 1.0, 2.0)), "active")
    assert abs(n.eigenvectors[:, 0] @ normal) > np.cos(np.radians(1.5))
    assert n.eigenvalues[0] > 0.97


@pytest.mark.parametrize("axis", [unit(1, 0, 0), unit(3, 2, 1), unit(1, 2, 2)])
def test_a_capsule_faces_away_from_its_axis(axis: np.ndarray) -> None:
    radius, length = 8, 40
    side = length / (length + 2 * radius)  # share of the area; the ends are a ball
    n = surface_normals(capsule(axis, radius, length), "active")
    exact = [side / 2 + (1 - side) / 3, side / 2 + (1 - side) / 3, (1 - side) / 3]
    assert n.eigenvalues == pytest.approx(exact, abs=0.01)
    assert abs(n.eigenvectors[:, 2] @ axis) > np.cos(np.radians(1))


@pytest.mark.parametrize(("radius", "tolerance"), [(4, 0.04), (8, 0.012), (16, 0.004)])
def test_a_cylinder_through_the_image(radius: float, tolerance: float) -> None:
    n = 2 * radius + 8
    for seed in range(4):
        centre = n / 2 + np.random.default_rng(seed).uniform(-0.5, 0.5, 2)
        p = points((4, n, n))[..., 1:] - centre
        found = surface_normals(volume((p**2).sum(-1) < radius**2), "active")
        assert found.eigenvalues == pytest.approx([0.5, 0.5, 0.0], abs=tolerance)
        assert abs(found.eigenvectors[0, 2]) == pytest.approx(1, abs=1e-9)


def test_normals_point_out_of_the_phase_and_towards_the_separator() -> None:
    labels = np.zeros((20, 8, 8))
    labels[:10] = 1
    assert surface_normals(volume(labels), "active").shares[-1] == pytest.approx(1)
    assert surface_normals(volume(labels), "pore").shares[0] == pytest.approx(1)
    assert surface_normals(volume(labels, collector="high"), "active").shares[0] == pytest.approx(1)
    for axis in range(3):
        for through in range(3):
            v = volume(np.moveaxis(labels, 0, axis), through=through)
            shares = surface_normals(v, "active", bins=5).shares
            assert shares[4 if axis == through else 2] == pytest.approx(1)


def test_the_outer_faces_are_no_surface() -> None:
    labels = np.zeros((20, 8, 8))
    labels[:10] = 1
    for sigma in (0.5, 1.0, 3.0):
        assert surface_normals(volume(labels), "active", sigma).eigenvalues[0] == pytest.approx(1, abs=1e-6)


def test_every_axis_is_treated_alike() -> None:
    v = ball(6, 3)
    moved = Volume(np.ascontiguousarray(v.labels.transpose(2, 0, 1)), v.grid, PHASES)
    a, b = surface_normals(v, "active").tensor, surface_normals(moved, "active").tensor
    np.testing.assert_allclose(a[np.ix_([2, 0, 1], [2, 0, 1])], b, atol=1e-6)


def test_the_number_of_threads_changes_nothing() -> None:
    v, before = ball(9, 5), numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        alone = surface_normals(v, "active")
    finally:
        numba.set_num_threads(before)
    together = surface_normals(v, "active")
    assert (alone.tensor == together.tensor).all()
    assert (alone.shares == together.shares).all()


@pytest.mark.parametrize(
    ("radius", "tolerance", "size"),
    [(5, 0.025, CUBE), (10, 0.012, CUBE), (20, 0.005, CUBE), (15, 0.02, (1.0, 1.0, 3.0))],
)
def test_chords_of_a_ball(radius: float, tolerance: float, size: Size) -> None:
    """Mean chord of a ball: 4 r/3 in all directions."""
    for seed in range(3):
        i = mean_intercepts(ball(radius, seed, size), "active")
        exact = 4 / 3 * radius * UM
        assert i.principal / exact == pytest.approx(1, abs=2 * tolerance)
        assert i.lengths.mean() / exact == pytest.approx(1, abs=tolerance)
        assert i.anisotropy < 4 * tolerance


def test_chords_of_layers_are_infinite_along_them() -> None:
    normal = unit(2, 1, 0)
    i = mean_intercepts(layers(normal), "active")
    assert np.isinf(i.principal[0])
    assert np.isinf(i.axes[2])
    assert i.principal[2] == pytest.approx(8 * UM, rel=0.02)
    assert abs(i.vectors[:, 2] @ normal) > np.cos(np.radians(1))
    assert i.axes[0] == pytest.approx(8 * UM / normal[0], rel=0.03)
    assert i.axes[1] == pytest.approx(8 * UM / normal[1], rel=0.03)
    assert i.anisotropy == 1.0


def test_chords_of_an_oblique_ellipsoid_find_its_axis() -> None:
    axis = unit(2, 1, 1)
    p = points((56, 56, 56)) - 28.2
    along = p @ axis
    i = mean_intercepts(volume((p**2).sum(-1) - along**2 + (along / 2) ** 2 < 10**2), "active")
    assert abs(i.vectors[:, 0] @ axis) > np.cos(np.radians(2))
    # chords along an axis of an ellipsoid: 4/3 of the half axis
    assert i.principal[1:] == pytest.approx(4 / 3 * 10 * UM, rel=0.03)
    assert i.principal[0] == pytest.approx(4 / 3 * 20 * UM, rel=0.03)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda v: surface_normals(v, "binder"), "no voxel"),
        (lambda v: surface_normals(v, "activ"), "'active'"),
        (lambda v: surface_normals(v, ["pore", "active"]), "no surface"),
        (lambda v: surface_normals(v, "active", 0.2), "sigma 1.0"),
        (lambda v: surface_normals(v, "active", bins=0), "at least one bin"),
        (lambda v: mean_intercepts(v, ["pore", "active"]), "no surface"),
        (lambda v: mean_intercepts(v.crop(slice(1, 2)), "active"), "two voxels"),
    ],
)
def test_bad_input_is_named(call: object, words: str) -> None:
    labels = np.zeros((4, 4, 4))
    labels[:, :2] = 1
    with pytest.raises(InputError, match=words):
        call(volume(labels))  # type: ignore[operator]
