import dataclasses
from functools import cache

import numpy as np
import pytest
import SimpleITK as sitk

from lithoscape.errors import InputError, SolveError
from lithoscape.image import GreyImage, Grid, Instances, Volume
from lithoscape.image.register import Transform, register, resample

UM = 1e-6
BOX = 48.0  # um, edge of the test scenes


def grid_of(voxel_size: tuple[float, float, float], origin: tuple[float, float, float] = (0, 0, 0)) -> Grid:
    shape = tuple(round(BOX * UM / h) for h in voxel_size)
    return Grid(shape, voxel_size, origin=origin)  # type: ignore[arg-type]


@cache
def scene(grid: Grid, place: Transform, seed: int = 0) -> np.ndarray:
    """Signed distance [m] of spheres that lie without order in the box and around, moved by ``place``."""
    rng = np.random.default_rng(seed)
    centres, radii = rng.uniform(-5, BOX + 5, (60, 3)) * UM, rng.uniform(3, 7, 60) * UM
    points = place.inverse().apply(grid.points())
    found = np.full(len(points), 1.0)
    for centre, radius in zip(centres, radii, strict=True):
        np.minimum(found, np.sqrt(((points - centre) ** 2).sum(axis=1)) - radius, out=found)
    return found.reshape(grid.shape)


def grey(grid: Grid, place: Transform, noise: float = 5.0, seed: int = 0) -> GreyImage:
    edge = np.clip(scene(grid, place, seed) / (0.7 * UM), -30, 30)
    # noise of its own in every image: noise in common would hold the images where they are
    shake = np.random.default_rng(int(1e9 * abs(place.translation[0]))).normal(0, noise, grid.shape)
    return GreyImage((100 / (1 + np.exp(edge)) + shake).astype(np.float32), grid)


def solid(grid: Grid, place: Transform) -> Volume:
    return Volume(scene(grid, place) < 0, grid, {"pore": 0, "active": 1})


HOME = Transform()
CUBIC = (UM, UM, UM)
FLAT = (1.5 * UM, 1.0 * UM, 0.8 * UM)
PLACE = Transform(
    tuple(np.deg2rad([1.0, -0.7, 0.4])), (2.3 * UM, -1.7 * UM, 3.1 * UM), 1.003, (24 * UM, 24 * UM, 24 * UM)
)  # fmt: skip


def errors(found: Transform, true: Transform) -> tuple[float, float]:
    """Distance [um] between where two transforms take the centre of the box, and its corners at most."""
    corners = np.array([[x, y, z] for x in (0, BOX) for y in (0, BOX) for z in (0, BOX)]) * UM
    points = np.concatenate([[[BOX / 2 * UM] * 3], corners])
    apart = np.linalg.norm(found.apply(points) - true.apply(points), axis=1) / UM
    return apart[0], apart.max()


@pytest.mark.parametrize("voxel_size", [CUBIC, FLAT])
@pytest.mark.parametrize("metric", ["correlation", "mutual information"])
def test_a_known_transform_is_found_in_grey_levels(
    voxel_size: tuple[float, float, float], metric: str
) -> None:
    grid = grid_of(voxel_size)
    found = register(grey(grid, HOME), grey(grid, PLACE), metric=metric)  # type: ignore[arg-type]
    centre, corner = errors(found, PLACE)
    assert centre < 0.03
    assert corner < 0.1
    assert found.converged and found.iterations > 5
    assert found.metric > found.start


def test_a_known_transform_is_found_in_a_mask() -> None:
    grid = grid_of(CUBIC)
    found = register(solid(grid, HOME), solid(grid, PLACE), phase="active")
    centre, corner = errors(found, PLACE)
    assert centre < 0.03 and corner < 0.1
    assert found.metric > 0.95


def test_other_voxels_and_another_origin_do_not_matter() -> None:
    fixed, moving = grid_of(CUBIC), grid_of(FLAT, origin=(1 * UM, -2 * UM, 0))
    found = register(grey(fixed, HOME), grey(moving, PLACE))
    centre, corner = errors(found, PLACE)
    assert centre < 0.03 and corner < 0.1


def test_without_scale_the_scale_stays() -> None:
    grid = grid_of(CUBIC)
    rigid = dataclasses.replace(PLACE, scale=1.0)
    found = register(grey(grid, HOME), grey(grid, rigid), scale=False)
    assert found.scale == pytest.approx(1, abs=1e-12)
    centre, corner = errors(found, rigid)
    assert centre < 0.03 and corner < 0.1


def test_a_far_shift_is_found_by_the_cross_correlation() -> None:
    grid = grid_of(CUBIC)
    far = Transform(translation=(14 * UM, -9 * UM, 4 * UM), centre=PLACE.centre)
    found = register(grey(grid, HOME), grey(grid, far))
    assert errors(found, far)[1] < 0.1


def test_an_aligned_pair_stays_where_it_is() -> None:
    image = grey(grid_of(CUBIC), HOME)
    found = register(image, image)
    assert errors(found, Transform(centre=PLACE.centre)) == pytest.approx((0, 0), abs=2e-3)
    assert found.metric == pytest.approx(1, abs=1e-4)


def test_the_result_does_not_depend_on_the_threads() -> None:
    grid = grid_of(CUBIC)
    fixed, moving = grey(grid, HOME), grey(grid, PLACE)
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    found = []
    try:
        for threads in (1, 2):
            sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
            found.append(register(fixed, moving, samples=20_000))
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
    assert found[0] == found[1]


def test_transforms_compose_and_invert() -> None:
    other = Transform((0.3, -0.2, 0.9), (5 * UM, 0, 1 * UM), 0.8, (1 * UM, 2 * UM, 3 * UM))
    points = np.random.default_rng(0).uniform(0, 50, (20, 3)) * UM
    both = PLACE.after(other)
    np.testing.assert_allclose(both.apply(points), PLACE.apply(other.apply(points)), atol=1e-18)
    np.testing.assert_allclose(PLACE.inverse().apply(PLACE.apply(points)), points, atol=1e-18)
    turned = Transform((0, 0, np.pi / 2)).apply(np.array([[1.0, 0, 0]]))
    np.testing.assert_allclose(turned, [[0, 1, 0]], atol=1e-15)  # about axis 2: from axis 0 to axis 1


def test_resampling_lays_the_moving_image_on_the_fixed_one() -> None:
    fixed, moving = grid_of(CUBIC), grid_of(FLAT)
    back = resample(solid(moving, PLACE), PLACE, fixed)
    true = solid(fixed, HOME).mask("active")
    inside = (slice(6, -6),) * 3
    assert back.grid == fixed
    assert (back.mask("active") == true)[inside].mean() > 0.96
    level = resample(grey(moving, PLACE, noise=0), PLACE, fixed).values
    assert level.dtype == np.float32
    assert abs(level - grey(fixed, Transform(), noise=0).values)[inside].mean() < 2.0


def test_resampling_by_whole_voxels_is_exact_in_every_axis() -> None:
    grid = Grid((9, 10, 11), FLAT, origin=(3 * UM, 0, 0))
    labels = np.random.default_rng(0).integers(0, 5, grid.shape)
    shift = Transform(translation=tuple(n * h for n, h in zip((2, -1, 3), FLAT, strict=True)))
    image = Volume(labels, grid, {name: k for k, name in enumerate("abcde")})
    out = resample(image, shift, grid, outside="e").labels
    expected = np.full(grid.shape, 4)
    expected[:7, 1:, :8] = labels[2:, :-1, 3:]
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(resample(image, shift, grid).labels[8], 0)
    levels = resample(GreyImage(labels, grid), shift, grid, outside=-7).values
    np.testing.assert_allclose(levels, np.where(expected == 4, out, expected) * 1.0, atol=11.1)
    np.testing.assert_allclose(levels[:7, 1:, :8], labels[2:, :-1, 3:], atol=1e-5)
    assert (levels[8] == -7).all()


def test_particles_keep_their_numbers_and_get_a_new_table() -> None:
    grid = Grid((9, 10, 11), FLAT)
    labels = np.zeros(grid.shape, int)
    labels[2:6, 2:6, 2:6] = 70_000
    out = resample(Instances(labels, grid, "active"), Transform(translation=(1.5 * UM, 0, 0)), grid)
    assert out.numbers.tolist() == [70_000]
    np.testing.assert_array_equal(out.labels[1:5, 2:6, 2:6], 70_000)
    assert out.table["Centroid [m]"].values[0, 0] == pytest.approx(3 * FLAT[0])


GREY = grey(grid_of((2 * UM, 2 * UM, 2 * UM)), HOME)
FLAT_GREY = GreyImage(np.full(GREY.grid.shape, 3.0), GREY.grid)
THIN = Grid((4, 20, 20), UM)


@pytest.mark.parametrize(
    ("fixed", "moving", "options", "words"),
    [
        (FLAT_GREY, GREY, {}, "fixed: an image without contrast"),
        (GREY, FLAT_GREY, {}, "moving: an image without contrast"),
        (GREY, GreyImage(np.where(GREY.values > 50, np.nan, 1.0), GREY.grid), {}, "finite"),
        (GREY, GreyImage(np.ones(THIN.shape), THIN), {}, "at least 8 voxels"),
        (GREY, solid(grid_of(CUBIC), HOME), {}, "one of its phases"),
        (GREY, GREY, {"metric": "magic"}, "mutual information"),
        (GREY, GREY, {"levels": (0,)}, "whole number"),
        (GREY, GREY, {"levels": ()}, "whole number"),
        (GREY, GREY, {"initial": Transform(translation=(40 * UM, 0, 0))}, "share"),
        (
            GREY,
            dataclasses.replace(GREY, grid=dataclasses.replace(GREY.grid, origin=(1e-3, 0, 0))),
            {},
            "share",
        ),
    ],
)
def test_bad_input_is_named(
    fixed: GreyImage, moving: GreyImage, options: dict[str, object], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        register(fixed, moving, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("metric", ["correlation", "mutual information"])
def test_images_of_different_samples_are_refused(metric: str) -> None:
    other = grey(GREY.grid, Transform(), seed=1)
    with pytest.raises(SolveError, match="registration failed"):
        register(GREY, other, metric=metric)  # type: ignore[arg-type]


def test_bad_transforms_are_refused() -> None:
    with pytest.raises(InputError, match="positive"):
        Transform(scale=0.0)
    with pytest.raises(InputError, match="three numbers"):
        Transform(translation=(float("nan"), 0, 0))
