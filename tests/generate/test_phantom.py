import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import erf

from lithoscape.errors import InputError
from lithoscape.generate.phantom import RingFault, UnevenLight, phantom
from lithoscape.image import GreyImage, Grid, Volume

H = 0.5e-6
GREY = {"pore": 60.0, "active": 160.0}


def half(n: int = 40, across: int = 8) -> Volume:
    """Active in the upper half of axis 0."""
    labels = np.zeros((n, across, across), np.uint8)
    labels[n // 2 :] = 1
    return Volume(labels, Grid(labels.shape, H), {"pore": 0, "active": 1})


def rng() -> np.random.Generator:
    return np.random.default_rng(4)


def profile(image: GreyImage) -> np.ndarray:
    return image.values[:, 0, 0].astype(float)


def from_edge(n: int) -> np.ndarray:
    """Distance of the voxel centres from the interface [voxels]."""
    return np.arange(n) + 0.5 - n // 2


def test_without_faults_it_is_the_grey_level_of_the_phase() -> None:
    image = phantom(half(), grey=GREY, rng=rng())
    assert image.values.dtype == np.float32
    assert np.array_equal(image.values, np.where(half().labels, 160, 60))


def test_a_blurred_plane_is_the_error_function_to_second_order() -> None:
    errors = []
    for sigma in (2, 4, 8):
        x = from_edge(160)
        found = profile(phantom(half(160), grey=GREY, blur=sigma * H, rng=rng()))
        exact = 110 + 50 * erf(x / (math.sqrt(2) * sigma))
        errors.append(np.abs(found - exact)[40:120].max())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert errors[-1] < 0.1
    assert (orders > 1.8).all(), errors


def test_fringes_of_a_plane_approach_their_closed_form_to_second_order() -> None:
    errors = []
    for sigma in (2, 4, 8):
        u = from_edge(160) / sigma
        plain = profile(phantom(half(160), grey=GREY, blur=sigma * H, rng=rng()))
        fringed = profile(phantom(half(160), grey=GREY, blur=sigma * H, edge_contrast=0.4, rng=rng()))
        exact = 0.4 * 100 * u * np.exp(-(u**2) / 2) / math.sqrt(2 * math.pi)
        errors.append(np.abs(fringed - plain - exact)[40:120].max() / exact.max())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert errors[-1] < 0.01
    assert (orders > 1.8).all(), errors


def test_blur_is_a_length_also_in_flat_voxels() -> None:
    labels = np.zeros((80, 4, 4), np.uint8)
    labels[40:] = 1
    grid = Grid(labels.shape, (H / 2, H, H))
    image = phantom(Volume(labels, grid, {"pore": 0, "active": 1}), grey=GREY, blur=4 * H, rng=rng())
    exact = 110 + 50 * erf(from_edge(80) / (math.sqrt(2) * 8))
    assert np.abs(profile(image) - exact)[25:55].max() < 0.2


def test_gaussian_noise_has_its_strength() -> None:
    image = phantom(half(60, 60), grey=GREY, noise=20, rng=rng())
    residual = image.values - np.where(half(60, 60).labels, 160, 60)
    assert residual.std() == pytest.approx(20, rel=0.01)
    assert abs(residual.mean()) < 5 * 20 / math.sqrt(residual.size)


def test_counted_photons_vary_with_the_grey_level() -> None:
    image = phantom(half(60, 60), grey=GREY, counts=400, rng=rng())
    for phase, label in (("pore", 0), ("active", 1)):
        values = image.values[half(60, 60).labels == label]
        assert values.mean() == pytest.approx(GREY[phase], rel=2e-3)
        assert values.var() == pytest.approx(GREY[phase] * 160 / 400, rel=0.02)


def test_light_falls_off_as_told() -> None:
    flat = {"pore": 60.0, "active": 60.0}
    light = UnevenLight(cupping=30, tilt=10)
    values = phantom(half(41, 9), grey=flat, background=light, rng=rng()).values
    assert values[20, 4, 4] == pytest.approx(60)
    assert values[20, 0, 0] == values[20, 8, 8] == pytest.approx(90)
    assert values[20, 0, 4] == pytest.approx(75)
    assert values[40, 4, 4] - values[0, 4, 4] == pytest.approx(10)


def test_rings_are_round_strong_as_told_and_the_same_in_every_slice() -> None:
    flat = {"pore": 60.0, "active": 60.0}
    values = phantom(half(10, 61), grey=flat, rings=RingFault(25, 6), rng=rng()).values - 60
    assert np.array_equal(values[0], values[-1])
    assert np.allclose(values, values.transpose(0, 2, 1), atol=1e-4)
    for seed in range(3):
        alone = phantom(half(4, 61), grey=flat, rings=RingFault(25, 1), rng=np.random.default_rng(seed))
        assert np.abs(alone.values - 60).max() == pytest.approx(25, rel=0.02)


@pytest.mark.parametrize(("bits", "kind"), [(8, np.uint8), (16, np.uint16)])
def test_values_are_rounded_and_cut(bits: int, kind: type) -> None:
    image = phantom(half(), grey={"pore": 0, "active": 250}, noise=30, bits=bits, rng=rng())  # type: ignore[arg-type]
    assert image.values.dtype == kind
    assert image.values.min() == 0
    assert (image.values.max() == 255) == (bits == 8)


def test_the_same_seed_gives_the_same_image_and_its_making_is_told() -> None:
    def make(seed: int) -> GreyImage:
        return phantom(
            half(), grey=GREY, blur=H, noise=5, rings=RingFault(9), rng=np.random.default_rng(seed)
        )

    assert np.array_equal(make(1).values, make(1).values)
    assert not np.array_equal(make(1).values, make(2).values)
    assert make(1).provenance["phantom"]["rings"]["amplitude"] == 9


def call(**options: object) -> Callable[[], GreyImage]:
    return lambda: phantom(half(), **{"grey": GREY, "rng": rng(), **options})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (call(grey={"pore": 60.0}), "every phase needs a grey level"),
        (call(grey={**GREY, "bindr": 3.0}), "no such phase"),
        (call(grey={**GREY, "pore": math.nan}), "finite"),
        (call(grey={**GREY, "active": 300.0}, bits=8), "8 bits hold"),
        (call(bits=12), "8 or 16 bits"),
        (call(blur=-H), "zero or positive"),
        (call(noise=math.inf), "zero or positive"),
        (call(edge_contrast=-1.0), "zero or positive"),
        (call(blur=0.5), "in metres"),
        (call(noise=3, counts=100), "not both"),
        (call(counts=0), "positive number of counts"),
        (call(grey={"pore": -2.0, "active": -1.0}, counts=10), "positive grey level"),
        (call(rings=RingFault(5, 0)), "a number and a width"),
        (call(background=UnevenLight(tilt=1, axis=3)), "no such axis"),
    ],
)
def test_bad_input_is_named(make: Callable[[], GreyImage], words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()
