import math
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from lithoscape.errors import InputError
from lithoscape.image import GreyImage, Grid, Volume
from lithoscape.image.segment import check_recipe, segment
from lithoscape.image.segment import denoise as denoise_module
from lithoscape.image.segment.background import GaussianBackground, NormaliseSlices, PolynomialBackground
from lithoscape.image.segment.blocks import blocks
from lithoscape.image.segment.clean import Closing, FillHoles, Islands, Mode, Opening, ball
from lithoscape.image.segment.denoise import Gaussian, Median, NonLocalMeans, noise_level
from lithoscape.image.segment.features import features, margin, names, of_block
from lithoscape.image.segment.histogram import apply_levels, class_means, otsu_levels
from lithoscape.image.segment.rings import Rings
from lithoscape.image.segment.stage import Stage
from lithoscape.image.segment.threshold import Hysteresis
from lithoscape.image.segment.watershed import Watershed

H = 0.5e-6
TWO = ("pore", "active")
THREE = ("pore", "binder", "active")


def stage(values: np.ndarray, labels: np.ndarray | None = None, phases: tuple[str, ...] = TWO) -> Stage:
    return Stage(values.astype(np.float32), Grid(values.shape, H), phases, labels)


def labelled(labels: np.ndarray, phases: tuple[str, ...] = TWO) -> Stage:
    return stage(np.zeros(labels.shape), labels.astype(np.uint8), phases)


def blobs(shape: tuple[int, int, int], seed: int = 0, sigma: float = 2) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=shape)
    return ndimage.gaussian_filter(noise, sigma) > 0


# ------------------------------------------------------------------ noise
@pytest.mark.parametrize("shape", [(64, 64, 64), (33, 61, 59), (1, 256, 256)])
def test_noise_is_measured_also_over_structure(shape: tuple[int, int, int]) -> None:
    noise = np.random.default_rng(1).normal(0, 7, shape)
    assert noise_level(noise) == pytest.approx(7, rel=0.03)  # four standard errors of the smallest image
    # sharp edges through an eighth of the cubes add less than a tenth
    assert 7 < noise_level(noise + 100 * blobs(shape, sigma=5)) < 7 * 1.12


def test_non_local_means_takes_out_noise_and_leaves_edges() -> None:
    truth = np.zeros((24, 24, 24))
    truth[12:] = 60
    noise = np.random.default_rng(2).normal(0, 9, truth.shape)
    after = NonLocalMeans().apply(stage(truth + noise))
    assert after.figures["noise"] == pytest.approx(9, rel=0.06)
    assert (after.values - truth).std() < 0.2 * 9
    steps = np.diff(after.values.mean(axis=(1, 2)))
    assert steps[11] > 0.9 * 60


def test_non_local_means_does_not_depend_on_its_slabs(monkeypatch: pytest.MonkeyPatch) -> None:
    image = stage(50 * blobs((24, 20, 18)) + np.random.default_rng(2).normal(0, 9, (24, 20, 18)))
    step = NonLocalMeans(noise=9.0)
    whole = step.apply(image).values
    monkeypatch.setattr(denoise_module, "SLAB", 5 * 20 * 18)
    np.testing.assert_allclose(step.apply(image).values, whole, atol=1e-3)
    assert np.abs(whole - image.values).max() > 9


def test_denoising_leaves_a_constant_image_alone() -> None:
    flat = stage(np.full((8, 8, 8), 5.0))
    for step in (NonLocalMeans(), Median(), Gaussian(sigma_um=1)):
        np.testing.assert_allclose(step.apply(flat).values, 5.0, rtol=1e-6)


def test_a_gaussian_is_as_wide_as_told_in_flat_voxels() -> None:
    point = np.zeros((31, 31, 31), np.float32)
    point[15, 15, 15] = 1
    spread = Gaussian(sigma_um=1.0).apply(Stage(point, Grid(point.shape, (H, 2 * H, H)), TWO)).values
    for axis, sigma in enumerate((2.0, 1.0, 2.0)):
        line = spread.sum(axis=tuple(k for k in range(3) if k != axis), dtype=float)
        variance = ((np.arange(31) - 15) ** 2 * line).sum()
        assert math.sqrt(variance) == pytest.approx(sigma, rel=0.01)


def test_a_median_removes_single_voxels() -> None:
    values = np.zeros((7, 7, 7))
    values[3, 3, 3] = 9
    assert not Median().apply(stage(values)).values.any()


# ------------------------------------------------------------------ background
@pytest.mark.parametrize("by", ["subtract", "divide"])
def test_a_polynomial_background_is_found_exactly(by: Any) -> None:
    solid = blobs((30, 28, 26))
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in solid.shape), indexing="ij")
    bowl = 0.2 * (z**2 + y * x) - 0.1 * x
    flat = 60 + 100.0 * solid
    after = PolynomialBackground(by=by).apply(
        stage(flat + 100 * bowl if by == "subtract" else flat * (1 + bowl))
    )
    inside = after.values[solid].astype(float)
    outside = after.values[~solid].astype(float)
    assert np.ptp(inside) < 1e-3 * 100
    assert np.ptp(outside) < 1e-3 * 100
    if by == "subtract":
        assert inside.mean() - outside.mean() == pytest.approx(100, abs=1e-3)


def test_a_denser_half_is_not_taken_for_a_background() -> None:
    solid = blobs((32, 32, 32))
    solid[16:] |= blobs((16, 32, 32), seed=9)
    values = 60 + 100.0 * solid
    step, plain = PolynomialBackground(order=1), stage(values)
    np.testing.assert_allclose(step.apply(plain).values, values, atol=0.01)
    wide = GaussianBackground(sigma_um=4).apply(plain).values
    assert np.abs(wide - values).max() > 10


def test_a_gaussian_background_keeps_the_mean() -> None:
    values = 60 + 100.0 * blobs((24, 24, 24))
    for by in ("subtract", "divide"):
        after = GaussianBackground(sigma_um=5, by=by).apply(stage(values)).values  # type: ignore[arg-type]
        assert after.mean() == pytest.approx(values.mean(), rel=0.05)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_are_made_alike(axis: int) -> None:
    values = 60 + 100.0 * blobs((24, 24, 24), sigma=1)
    gain = 1 + 0.3 * np.sin(np.arange(24)).reshape([-1 if k == axis else 1 for k in range(3)])
    after = NormaliseSlices(axis=axis).apply(stage(values * gain)).values
    across = tuple(k for k in range(3) if k != axis)
    np.testing.assert_allclose(after.mean(axis=across), after.mean(), rtol=1e-4)
    np.testing.assert_allclose(after.std(axis=across), after.std(axis=across).mean(), rtol=1e-4)


@pytest.mark.parametrize(("axis", "slices"), [(0, 1), (2, 0), (1, 3)])
def test_rings_are_taken_out_and_structure_stays(axis: int, slices: int) -> None:
    shape = [60, 60, 60]
    shape[axis] = 10
    clean = 60 + 100.0 * blobs((shape[0], shape[1], shape[2]), sigma=4)
    rows, columns = np.ogrid[:60, :60]
    radius = np.hypot(rows - 29.5, columns - 29.5)
    ring = 30 * np.exp(-0.5 * ((radius - 18) / 0.7) ** 2) - 20 * np.exp(-0.5 * ((radius - 25) / 0.7) ** 2)
    faulty = stage(clean + np.expand_dims(ring, axis))
    after = Rings(axis=axis, slices=slices).apply(faulty).values
    assert np.sqrt(((after - clean) ** 2).mean()) < 0.35 * np.sqrt((ring**2).mean())
    untouched = Rings(axis=axis, slices=slices).apply(stage(clean)).values
    assert np.sqrt(((untouched - clean) ** 2).mean()) < 0.1 * np.sqrt((ring**2).mean())


# ------------------------------------------------------------------ thresholds
def test_levels_lie_between_the_classes() -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 3, (30, 30, 30))
    values = (np.array([50, 110, 180])[truth] + rng.normal(0, 8, truth.shape)).astype(np.float32)
    low, high = otsu_levels(values, 3)
    assert 70 < low < 90
    assert 135 < high < 155
    np.testing.assert_allclose(class_means(values, (low, high)), [50, 110, 180], atol=0.5)


def test_hysteresis_keeps_what_is_connected_to_the_bright() -> None:
    values = np.zeros((1, 1, 12))
    values[0, 0, 1:4] = (5, 9, 5)
    values[0, 0, 6:9] = 5
    found = Hysteresis(low=3, high=7).apply(stage(values)).labelled
    assert found.ravel().tolist() == [0, 1, 1, 1, *[0] * 8]


def test_a_watershed_bounds_on_the_steepest_slope() -> None:
    # a gentle rise crosses the level at index 17, the step is at 20
    x = np.arange(40)
    values = np.broadcast_to(np.where(x < 20, 3.0 * x, 110.0)[:, None, None], (40, 8, 8))
    step = Watershed(levels=(50.0,), calm=0.9, confidence=0.5)
    found = step.apply(stage(values)).labelled
    assert (found.reshape(40, -1) == (x >= 20)[:, None]).all()
    assert not (apply_levels(values, (50.0,)).reshape(40, -1) == (x >= 20)[:, None]).all()


def test_an_uncertain_plateau_is_left_to_the_flood() -> None:
    # below the level, but joined to the bright side by a gentle rise and parted from the dark one by a step
    x = np.arange(40)
    profile = np.where(x < 10, 0.0, 45 + 55 * np.clip((x - 15) / 20, 0, 1))
    values = stage(np.broadcast_to(profile[:, None, None], (40, 8, 8)))
    found = Watershed(levels=(50.0,), confidence=0.5).apply(values).labelled
    assert (found.reshape(40, -1) == (x >= 10)[:, None]).all()
    hasty = Watershed(levels=(50.0,), confidence=0.0).apply(values).labelled
    assert (hasty[12] == 0).all()


def test_a_slope_is_not_a_third_phase() -> None:
    x = np.arange(60)
    profile = 60 + 100 / (1 + np.exp(-(x - 20) / 1.0)) - 45 / (1 + np.exp(-(x - 42) / 1.0))
    values = np.broadcast_to(profile[:, None, None], (60, 8, 8))
    found = Watershed(levels=(85.0, 135.0), calm=0.7).apply(stage(values, phases=THREE)).labelled
    assert (np.diff(found[:20].astype(int), axis=0) == 0).all()
    assert set(np.unique(found[:35]).tolist()) == {0, 2}
    assert (found[48:] == 1).all()


# ------------------------------------------------------------------ cleaning
def inner(mask: np.ndarray, margin: int = 4) -> np.ndarray:
    return mask[margin:-margin, margin:-margin, margin:-margin]


@pytest.mark.parametrize("radius", [1.0, 1.5, 2.0])
def test_opening_and_closing_are_those_of_a_ball(radius: float) -> None:
    mask = blobs((26, 25, 24), sigma=1.2)
    offsets = ball(radius * H, (H, H, H))
    footprint = np.zeros((2 * int(radius) + 1,) * 3, bool)
    footprint[tuple((offsets + int(radius)).T)] = True
    opened = Opening(phase="active", radius_um=radius * 0.5).apply(labelled(mask)).labelled
    assert (inner(opened == 1) == inner(ndimage.binary_opening(mask, footprint))).all()
    closed = Closing(phase="active", radius_um=radius * 0.5).apply(labelled(mask)).labelled
    assert (inner(closed == 1) == inner(ndimage.binary_closing(mask, footprint))).all()


def test_opening_gives_a_film_to_both_its_sides() -> None:
    labels = np.zeros((9, 9, 9), int)
    labels[4:6] = 1
    labels[6:] = 2
    opened = Opening(phase="binder", radius_um=0.5).apply(labelled(labels, THREE)).labelled
    assert (opened[:5] == 0).all()
    assert (opened[5:] == 2).all()


def test_closing_takes_only_from_the_phases_told() -> None:
    labels = np.ones((9, 9, 12), int) * 2
    labels[:, :, 4], labels[:, :, 8] = 0, 1
    closed = Closing(phase="active", radius_um=0.5, over=("pore",)).apply(labelled(labels, THREE)).labelled
    assert (inner(closed[..., 4:5], 0)[2:-2, 2:-2] == 2).all()
    assert (closed[..., 8] == 1).all()


def test_holes_are_those_that_scipy_fills() -> None:
    mask = blobs((24, 24, 24), sigma=1) | blobs((24, 24, 24), seed=5, sigma=1)
    filled = FillHoles(phase="active").apply(labelled(mask)).labelled == 1
    assert (filled == ndimage.binary_fill_holes(mask)).all()
    assert filled.sum() > mask.sum()


def test_large_holes_stay_if_told() -> None:
    labels = np.ones((12, 12, 12), int)
    labels[2, 2, 2] = 0
    labels[5:8, 5:8, 5:8] = 0
    filled = FillHoles(phase="active", largest_um3=8 * 0.125).apply(labelled(labels)).labelled
    assert (filled == 0).sum() == 27


def test_islands_go_to_the_phase_around_them() -> None:
    labels = np.zeros((12, 12, 12), int)
    labels[6:] = 2
    labels[2, 2, 2:5] = 1  # in pore
    labels[8, 8, 2:5] = 1  # in active
    labels[5, 1:8, 1:8] = 1  # large
    for size in ({"smallest_voxels": 4}, {"smallest_um3": 3.5 * 0.125}):
        after = Islands(**size).apply(labelled(labels, THREE))  # type: ignore[arg-type]
        assert after.labelled[2, 2, 3] == 0
        assert after.labelled[8, 8, 3] == 2
        assert (after.labelled == 1).sum() == 49
        assert after.figures == {"islands": 2, "changed_voxels": 6}
    assert (Islands(smallest_voxels=3).apply(labelled(labels, THREE)).labelled == labels).all()
    only = Islands(smallest_voxels=4, phase="active").apply(labelled(labels, THREE)).labelled
    assert (only == labels).all()


def test_the_mode_is_the_vote_of_the_ball() -> None:
    mask = blobs((16, 15, 14), sigma=0.8)
    found = Mode(radius_um=0.5).apply(labelled(mask)).labelled
    votes = ndimage.convolve(
        mask.astype(int), ndimage.generate_binary_structure(3, 1).astype(int), mode="constant"
    )
    assert (found[1:-1, 1:-1, 1:-1] == (votes > 3)[1:-1, 1:-1, 1:-1]).all()


def test_a_tie_keeps_its_own() -> None:
    labels = np.array([[[0, 1]]])
    assert Mode(radius_um=0.5).apply(labelled(labels)).labelled.tolist() == [[[0, 1]]]


# ------------------------------------------------------------------ blocks and features
def test_blocks_cover_everything_once() -> None:
    seen = np.zeros((11, 7, 5), int)
    values = np.arange(seen.size).reshape(seen.shape)
    for outer, core, part in blocks((11, 7, 5), (4, 7, 2), 3):
        seen[core] += 1
        assert (values[outer][part] == values[core]).all()
    assert (seen == 1).all()


def test_features_do_not_depend_on_their_blocks() -> None:
    values = np.random.default_rng(0).normal(size=(40, 12, 12)).astype(np.float32)
    sigmas = (0.7, 1.5)
    whole = features(values, sigmas)
    assert whole.shape[-1] == len(names(sigmas))
    for outer, core, part in blocks((40, 12, 12), (10, 12, 12), margin(sigmas)):
        found = of_block(values, outer, part, sigmas)
        assert np.array_equal(found, whole[core].reshape(found.shape))


def test_features_are_what_their_names_say() -> None:
    values = np.random.default_rng(0).normal(size=(20, 20, 20)).astype(np.float32)
    found = dict(zip(names((2.0,)), np.moveaxis(features(values, (2.0,)), -1, 0), strict=True))
    smooth = ndimage.gaussian_filter(values, 2.0, mode="nearest")
    np.testing.assert_allclose(found["gaussian, sigma 2"], smooth, atol=1e-6)
    slope = found["gradient, sigma 2"][3:-3, 3:-3, 3:-3].ravel()
    reference = ndimage.gaussian_gradient_magnitude(values, 2.0)[3:-3, 3:-3, 3:-3].ravel()
    assert np.corrcoef(slope, reference)[0, 1] > 0.98
    assert (found["hessian 1, sigma 2"] >= found["hessian 3, sigma 2"]).all()
    trace = sum(found[f"hessian {k}, sigma 2"] for k in (1, 2, 3))
    laplace = sum(np.gradient(np.gradient(smooth)[k])[k] for k in range(3))
    np.testing.assert_allclose(trace, laplace, atol=1e-5)
    assert np.array_equal(found["median 3"], ndimage.median_filter(values, 3))


# ------------------------------------------------------------------ bad images
def run(values: np.ndarray, *steps: dict[str, Any], phases: tuple[str, ...] = TWO) -> Volume:
    return segment(
        GreyImage(values, Grid(values.shape, H)), check_recipe({"phases": phases, "steps": list(steps)})
    )


POLY = {"step": "polynomial_background"}
WIDE = {"step": "gaussian_background", "sigma_um": 1}


def ramp() -> np.ndarray:
    return np.arange(1000, dtype=float).reshape(10, 10, 10)


def with_nan() -> np.ndarray:
    values = ramp()
    values[0, 0, :3] = np.nan
    values[1, 1, 1] = np.inf
    return values


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: run(np.full((8, 8, 8), 3), {"step": "otsu"}), "same grey level.*got 3.0"),
        (lambda: run(np.full((8, 8, 8), 3), {"step": "multi_otsu"}, phases=THREE), "same grey level"),
        (lambda: run(ramp() // 500, {"step": "multi_otsu"}, phases=THREE), "only 2 different"),
        (lambda: run(with_nan(), {"step": "otsu"}), "4 of 1000 grey levels are not finite"),
        (lambda: run(ramp(), {"step": "manual", "levels": [2000]}), "between 0 and 999"),
        (lambda: run(ramp(), {"step": "hysteresis", "low": -1, "high": 30}), "between 0 and 999"),
        (lambda: run(ramp(), {"step": "watershed", "levels": [5000.0]}), "between 0 and 999"),
        (
            lambda: run(ramp() // 500, {"step": "manual", "levels": [0.3, 0.6]}, phases=THREE),
            r"steps\[0\].*'binder'|binder.*no voxel|no voxel.*binder",
        ),
        (
            lambda: run(
                ramp(), {"step": "manual", "levels": [998.5]}, {"step": "islands", "smallest_voxels": 3}
            ),
            "after islands this phase has no voxel.*'active'",
        ),
        (lambda: run(ramp(), {"step": "otsu"}, {"step": "mode", "radius_um": 0.1}), "smaller than a voxel"),
        (lambda: run(ramp() - 600, {**POLY, "by": "divide"}, {"step": "otsu"}), "positive"),
        (
            lambda: run(ramp() - 600, {**WIDE, "by": "divide"}, {"step": "otsu"}),
            "positive",
        ),
        (lambda: run(np.zeros((4, 4, 4)), {"step": "normalise_slices"}, {"step": "otsu"}), "slice 0"),
    ],
)  # fmt: skip
def test_bad_images_are_named(make: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()
