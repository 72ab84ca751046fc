import numpy as np
import pytest
from scipy.integrate import quad

from lithoscape.errors import InputError
from lithoscape.image import Grid, Volume
from lithoscape.image.representative import fraction_representative, representative

H = 1e-6
EPS = 0.3


def volume(mask: np.ndarray, voxel_size: float | tuple[float, float, float] = H) -> Volume:
    return Volume(mask.astype(np.uint8), Grid(mask.shape, voxel_size), {"out": 0, "in": 1})


def noise(shape: tuple[int, int, int], seed: int = 0) -> Volume:
    return volume(np.random.default_rng(seed).random(shape) < EPS)


def fraction(v: Volume) -> float:
    return v.fractions()["in"]


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_independent_voxels_have_the_binomial_variance() -> None:
    v, sizes = noise((96, 96, 96)), [4 * H, 6 * H, 8 * H, 12 * H]
    d = fraction_representative(v, "in", rng=rng(), sizes=sizes, samples=500)
    exact = EPS * (1 - EPS) / (d["Volume"] / H**3)
    off = (d["Standard deviation"] ** 2 / exact - 1) / np.sqrt(2 / 499)
    assert (d["Samples"] == 500).all()
    assert not d["Overlapping"].any()
    assert float(abs(off).max()) < 3
    assert float(d["Exponent"]) == pytest.approx(1, abs=3 * float(d["Exponent error"]))
    fixed = fraction_representative(v, "in", rng=rng(), sizes=sizes, samples=500, exponent=1)
    assert float(fixed["Integral range"]) == pytest.approx(H**3, rel=0.1)
    wanted = EPS * (1 - EPS) * (1.96 / (0.02 * EPS)) ** 2 * H**3
    assert float(fixed["Needed volume"].sel({"relative error": 0.02})) == pytest.approx(wanted, rel=0.1)
    assert float(fixed["Needed edge"][1]) == pytest.approx(float(fixed["Needed volume"][1]) ** (1 / 3))


def test_few_overlapping_blocks_are_unbiased() -> None:
    """Blocks of an eighth and of three tenths of the image: what they share is made up for."""
    found = []
    for seed in range(150):
        v = noise((12, 12, 12), seed)
        d = fraction_representative(v, "in", rng=rng(), sizes=[6 * H, 8 * H], samples=40)
        assert d["Overlapping"].all()
        found.append((d["Standard deviation"] ** 2).values / (EPS * (1 - EPS)) * [6**3, 8**3])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(len(found))
    assert (abs(mean - 1) < 3 * error).all()
    assert (error < 0.08).all()


def boolean_balls(radius: float, n: int, number: int) -> np.ndarray:
    """Overlapping balls at random places in a periodic box: True inside."""
    mask = np.zeros((n, n, n), dtype=bool)
    step = np.arange(-int(radius) - 1, int(radius) + 2)
    for centre in np.random.default_rng(2).uniform(0, n, (number, 3)):
        near = np.rint(centre).astype(int)
        r2 = sum(np.ix_(*[(near[k] + step - centre[k]) ** 2 for k in range(3)]))  # type: ignore[arg-type]
        mask[np.ix_(*[(near[k] + step) % n for k in range(3)])] |= r2 < radius**2
    return mask


def test_integral_range_of_overlapping_balls() -> None:
    radius, n, number = 3.0, 128, 9000
    v = volume(~boolean_balls(radius, n, number))
    density, ball = number / n**3, 4 / 3 * np.pi * radius**3

    def chi(r: float) -> float:
        common = ball * (1 - 0.75 * r / radius + r**3 / (16 * radius**3))
        return float(np.exp(-density * (2 * ball - common)) - np.exp(-2 * density * ball))

    eps = np.exp(-density * ball)
    exact = quad(lambda r: 4 * np.pi * r**2 * chi(r), 0, 2 * radius)[0] / (eps * (1 - eps)) * H**3
    sizes = np.array([12, 14, 16, 18, 21]) * H
    d = fraction_representative(v, "in", rng=rng(), sizes=sizes, exponent=1)
    assert float(d["Value"][-1]) == pytest.approx(eps, rel=0.03)
    # blocks of four diameters are not yet large: their faces hold back some of the variance
    assert float(d["Integral range"]) == pytest.approx(exact, rel=0.15)


def test_any_measure_takes_the_same_blocks() -> None:
    v = noise((20, 18, 16))
    general = representative(v, fraction, rng=rng(), point_variance=EPS * (1 - EPS))
    fast = fraction_representative(v, "in", rng=rng(), samples=20)
    for name in ("Value", "Standard deviation", "Volume", "Samples", "Overlapping"):
        np.testing.assert_allclose(general[name], fast[name], rtol=1e-12)
    assert float(general["Integral range"]) == pytest.approx(float(fast["Integral range"]), rel=0.05)


def test_the_same_seed_gives_the_same_bytes() -> None:
    a, b = (representative(noise((20, 18, 16)), fraction, rng=rng()) for _ in range(2))
    assert a.identical(b)


def test_coupons_keep_the_full_thickness() -> None:
    seen = set()

    def measure(v: Volume) -> float:
        seen.add(v.grid.shape)
        return fraction(v)

    d = representative(noise((10, 40, 40)), measure, rng=rng(), sizes=[5 * H, 10 * H], full_thickness=True)
    assert seen == {(10, 5, 5), (10, 10, 10)}
    np.testing.assert_allclose(d["edge"], [5 * H, 10 * H])
    assert float(d["Needed edge"][0]) == pytest.approx(np.sqrt(float(d["Needed volume"][0]) / (10 * H)))


def test_voxels_of_any_shape_give_cubes() -> None:
    mask = np.random.default_rng(0).random((20, 40, 80)) < EPS
    v = volume(mask, (4 * H, 2 * H, H))
    shapes = set()
    representative(v, lambda s: shapes.add(s.grid.shape) or 1.0, rng=rng(), sizes=[16 * H])  # type: ignore[func-returns-value]
    assert shapes == {(4, 8, 16)}


def test_failures_are_counted_and_left_out() -> None:
    def measure(v: Volume) -> float:
        if v.labels[0, 0, 0]:
            raise InputError("no way through")
        return float("nan") if v.labels[1, 1, 1] else fraction(v)

    d = representative(noise((24, 24, 24)), measure, rng=rng(), sizes=[4 * H])
    assert int(d["Failed"][0]) + int(d["Samples"][0]) == 20
    assert int(d["Failed"][0]) >= 5
    assert np.isfinite(d["Value"]).all()


def test_a_constant_needs_no_law() -> None:
    d = representative(noise((16, 16, 16)), lambda _: 2.0, rng=rng(), units="m")
    assert not d["Fitted"].any()
    assert np.isnan(d["Needed edge"]).all()
    assert d["Extrapolated"].all()
    assert d["Value"].attrs["units"] == "m"


def test_extrapolation_is_marked() -> None:
    v = noise((64, 64, 64))
    d = fraction_representative(v, "in", rng=rng(), sizes=[4 * H, 8 * H, 16 * H, 24 * H], exponent=1)
    beyond = d["Needed edge"] > 24 * H
    assert (d["Extrapolated"] == beyond).all()
    assert beyond.values.tolist() == [True, True, False]


def test_everything_has_units() -> None:
    d = fraction_representative(noise((16, 16, 16)), "in", rng=rng())
    assert all("units" in d[name].attrs for name in [*d.data_vars, *d.coords])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"samples": 1}, "two samples"),
        ({"exponent": 0}, "positive"),
        ({"sizes": [0.5 * H]}, "ascending edges"),
        ({"sizes": [17 * H]}, "ascending edges"),
        ({"sizes": [8 * H, 4 * H]}, "ascending edges"),
        ({"sizes": []}, "ascending edges"),
        ({"sizes": [float("nan")]}, "ascending edges"),
    ],
)
def test_bad_input_is_named(options: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        fraction_representative(noise((16, 16, 16)), "in", rng=rng(), **options)
    with pytest.raises(InputError, match=words):
        representative(noise((16, 16, 16)), fraction, rng=rng(), **options)


def test_a_point_variance_is_positive() -> None:
    with pytest.raises(InputError, match="positive"):
        representative(noise((16, 16, 16)), fraction, rng=rng(), point_variance=-1.0)


def test_phases_that_cannot_vary_are_refused() -> None:
    with pytest.raises(InputError, match="fills"):
        fraction_representative(volume(np.ones((8, 8, 8))), "in", rng=rng())
    with pytest.raises(InputError, match="no axis is left"):
        representative(noise((8, 1, 1)), fraction, rng=rng(), full_thickness=True)
