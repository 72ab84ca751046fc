"""Recipes against phantoms of known truth, blurred, noisy, ringed, cupped and fringed."""

from typing import Any

import numpy as np
import pytest

from lithoscape.generate import Structure
from lithoscape.generate.phantom import RingFault, UnevenLight, phantom
from lithoscape.image import GreyImage, Grid, Volume
from lithoscape.image.segment import boundary_distance, check_recipe, iou, segment

H = 0.5e-6
RINGS = {"step": "rings", "slices": 0}
SMOOTH = {"step": "non_local_means"}
FLATTEN = {"step": "polynomial_background"}
CLEAN = [
    {"step": "islands", "smallest_voxels": 50},
    {"step": "fill_holes", "phase": "active", "largest_um3": 6},
]
BLUR = {"step": "gaussian", "sigma_um": 0.4}
UNFILM = {"step": "opening", "phase": "binder", "radius_um": 0.5}
GREY = {"pore": 60.0, "binder": 105.0, "active": 160.0}
TWO = ("pore", "active")
THREE = ("pore", "binder", "active")


class Ball:
    """A sphere."""

    def __init__(self, centre: np.ndarray, radius: float) -> None:
        self.centre, self.radius = centre, radius

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return np.linalg.norm(points - self.centre, axis=1) - self.radius


class Neck:
    """What lies within a distance of two balls."""

    def __init__(self, balls: list[Ball], reach: float) -> None:
        self.balls, self.reach = balls, reach

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return np.partition([ball(points) for ball in self.balls], 1, axis=0)[1] - self.reach


def truth(n: int, seed: int, binder: float | None = None) -> Volume:
    """Overlapping spheres of 9 to 15 voxels' radius, half of the volume; binder in their necks."""
    rng = np.random.default_rng(seed)
    structure, balls = Structure.empty(Grid((n, n, n), H)), []
    while structure.fraction("active") < 0.5:
        balls.append(Ball(rng.uniform(0, n * H, 3), rng.uniform(9, 15) * H))
        structure = structure.paint("active", shape=balls[-1])
    if binder is not None:
        structure = structure.paint("binder", shape=Neck(balls, binder * H))
    return structure.volume


def picture(volume: Volume, noise: float = 30, seed: int = 7) -> GreyImage:
    """A contrast of 100, noise of 30, cupping of 35, tilt of 15, rings of 30, blur of a voxel, fringes."""
    grey = {name: GREY[name] for name in volume.phases}
    return phantom(
        volume, grey=grey, blur=H, edge_contrast=0.4, background=UnevenLight(cupping=35, tilt=15),
        rings=RingFault(30, 10), noise=noise, bits=8, rng=np.random.default_rng(seed),
    )  # fmt: skip


def found(image: GreyImage, phases: tuple[str, ...], *steps: dict[str, Any]) -> Volume:
    return segment(image, check_recipe({"phases": phases, "steps": list(steps)}))


def strokes(volume: Volume, count: int, seed: int = 5) -> list[dict[str, Any]]:
    """What a careful person draws: short strokes along columns that stay inside their phase."""
    rng, drawn = np.random.default_rng(seed), []
    for phase in volume.phases:
        mask = volume.mask(phase)
        for z, y, x in rng.permutation(np.argwhere(mask))[:count].tolist():
            first, last = x, x
            while first > max(0, x - 8) and mask[z, y, first - 1]:
                first -= 1
            while last < min(mask.shape[2] - 1, x + 8) and mask[z, y, last + 1]:
                last += 1
            drawn.append({"phase": phase, "slice": z, "line": [[y, first], [y, last]]})
    return drawn


def lowest(truth: Volume, volume: Volume) -> float:
    return min(iou(truth, volume).values())


@pytest.mark.parametrize("seed", [21, *(pytest.param(k, marks=pytest.mark.slow) for k in (22, 23))])
def test_two_phases_are_found_where_plain_otsu_fails(seed: int) -> None:
    volume = truth(72, seed)
    image = picture(volume, seed=seed)
    plain = found(image, TWO, {"step": "otsu"})
    assert lowest(volume, plain) < 0.84
    labels = found(image, TWO, RINGS, SMOOTH, FLATTEN, {"step": "multi_otsu"}, *CLEAN)
    assert lowest(volume, labels) >= 0.97
    assert boundary_distance(volume, labels, "active")["mean"] < 0.3 * H
    assert labels.fractions()["active"] == pytest.approx(volume.fractions()["active"], abs=0.005)


@pytest.mark.slow
def test_every_step_of_the_recipe_is_needed() -> None:
    volume = truth(72, 21)
    image = picture(volume, seed=21)
    steps = [RINGS, SMOOTH, FLATTEN]
    whole = lowest(volume, found(image, TWO, *steps, {"step": "otsu"}))
    for k, least in enumerate((0.001, 0.05, 0.005)):
        without = found(image, TWO, *steps[:k], *steps[k + 1 :], {"step": "otsu"})
        assert lowest(volume, without) < whole - least, steps[k]


@pytest.mark.slow
def test_the_watershed_finds_two_phases() -> None:
    volume = truth(72, 21)
    labels = found(picture(volume, seed=21), TWO, RINGS, SMOOTH, FLATTEN, {"step": "watershed"}, *CLEAN)
    assert lowest(volume, labels) >= 0.96


@pytest.mark.slow
def test_the_classifier_finds_two_phases() -> None:
    volume = truth(72, 21)
    step = {"step": "classify", "scribbles": strokes(volume, 40)}
    labels = found(picture(volume, seed=21), TWO, RINGS, FLATTEN, step, *CLEAN)
    assert lowest(volume, labels) >= 0.97
    # strokes seldom run along boundaries, where the errors are
    errors = np.count_nonzero(labels.labels != volume.labels) / labels.labels.size
    assert 1 - labels.provenance["found"][2]["oob_accuracy"] < errors


THREE_PHASES = {
    "threshold": ([RINGS, BLUR, FLATTEN, {"step": "multi_otsu"}, UNFILM, *CLEAN], (0.915, 0.64, 0.945)),
    "watershed": ([RINGS, BLUR, FLATTEN, {"step": "watershed"}, *CLEAN], (0.91, 0.61, 0.95)),
}


@pytest.mark.slow
@pytest.mark.parametrize("way", THREE_PHASES)
def test_three_phases_are_found_as_far_as_blur_allows(way: str) -> None:
    # 0.97 is not reached: pinned is what is, for pore, binder and active; the cause is in the next test
    steps, reached = THREE_PHASES[way]
    volume = truth(72, 21, binder=4)
    image = picture(volume, seed=21)
    plain = iou(volume, found(image, THREE, {"step": "multi_otsu"}))
    assert plain["pore"] < 0.7
    assert plain["binder"] < 0.2
    scores = iou(volume, found(image, THREE, *steps))
    assert all(scores[name] >= least for name, least in zip(THREE, reached, strict=True)), scores


def test_blur_alone_costs_a_quarter_of_thin_binder() -> None:
    """No noise, no faults: the slope between pore and active passes through the grey level of binder."""
    volume = truth(72, 21, binder=4)
    sharp, blurred = (
        phantom(volume, grey=GREY, blur=blur, rng=np.random.default_rng(0)) for blur in (0.0, H)
    )
    assert iou(volume, found(sharp, THREE, {"step": "multi_otsu"})) == {name: 1.0 for name in THREE}
    film = iou(volume, found(blurred, THREE, {"step": "multi_otsu"}))
    opened = iou(volume, found(blurred, THREE, {"step": "multi_otsu"}, UNFILM))
    assert film["binder"] < 0.62
    assert 0.74 < opened["binder"] < 0.78
    assert opened["pore"] < 0.97
