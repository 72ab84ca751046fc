from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, stats

from lithoscape.errors import InputError
from lithoscape.generate.sizes import (
    LogNormal,
    Mixture,
    Monodisperse,
    Normal,
    Sizes,
    Table,
    Weibull,
    bimodal,
    from_percentiles,
)

UM = 1e-6
BY_NUMBER = Table(np.array([2.0, 4.0, 7.0]) * UM, np.array([0.0, 0.4, 1.0]), "number")
BY_VOLUME = Table(np.array([2.0, 4.0, 7.0, 9.0]) * UM, np.array([0.0, 0.4, 0.4, 1.0]), "volume")
CONTINUOUS: dict[str, Sizes] = {
    "normal": Normal(8 * UM, 2 * UM),
    "lognormal": LogNormal(6 * UM, 0.4),
    "lognormal cut": LogNormal(6 * UM, 0.4, 4 * UM, 12 * UM),
    "weibull": Weibull(7 * UM, 2.5),
    "table by number": BY_NUMBER,
    "table by volume": BY_VOLUME,
    "mixture": Mixture((Normal(4 * UM, UM), Normal(9 * UM, 2 * UM)), (0.3, 0.7)),
}
every = pytest.mark.parametrize("sizes", CONTINUOUS.values(), ids=CONTINUOUS.keys())


@every
def test_quantile_inverts_the_share(sizes: Sizes) -> None:
    q = np.linspace(0.001, 0.999, 57)
    np.testing.assert_allclose(sizes.cdf(sizes.quantile(q)), q, atol=1e-12)


@every
def test_volume_share_is_the_third_moment(sizes: Sizes) -> None:
    low, high = sizes.quantile(np.array([1e-9, 0.8]))

    def below(d: float) -> float:  # by parts, from the number share alone
        inner, _ = integrate.quad(
            lambda x: 3 * x**2 * float(sizes.cdf(np.array(x * UM))), low / UM, d / UM, limit=400,
            points=[2, 4, 7], epsabs=0, epsrel=1e-10,
        )  # fmt: skip
        return (d / UM) ** 3 * float(sizes.cdf(np.array(d))) - inner

    # in um3: the absolute tolerance of approx, 1e-12, is more than a particle's volume in m3
    assert below(high) == pytest.approx(float(sizes.partial(np.array(high))) / UM**3, rel=1e-6)
    middles = sizes.quantile((np.arange(200_000) + 0.5) / 200_000)
    assert sizes.mean_volume / (np.pi / 6 * np.mean(middles**3)) == pytest.approx(1, rel=2e-3)


@every
def test_samples_follow_the_distribution(sizes: Sizes) -> None:
    rng = np.random.default_rng(3)
    statistic, p = sizes.test(sizes.sample(2000, rng))
    assert p > 0.01
    assert statistic < 0.04
    statistic, _ = sizes.test(sizes.stratified(100, rng))
    assert statistic <= (2.01 if isinstance(sizes, Mixture) else 1.01) / 100
    assert sizes.test(1.2 * sizes.sample(2000, rng))[1] < 1e-6


def test_lognormal_volume_is_lognormal() -> None:
    sizes = LogNormal(6 * UM, 0.4)
    median = 6 * UM * np.exp(3 * 0.4**2)
    d = np.array([4, 8, 15]) * UM
    np.testing.assert_allclose(sizes.volume_cdf(d), stats.norm.cdf(np.log(d / median) / 0.4), rtol=1e-12)
    assert sizes.percentile(0.5) / median == pytest.approx(1, rel=1e-9)


def test_bimodal_counts_follow_the_volumes() -> None:
    sizes = bimodal(8 * UM, 12 * UM, 0.5)
    assert sizes.counts == pytest.approx(np.array([27, 8]) / 35)
    drawn = sizes.stratified(350, np.random.default_rng(0))
    assert (drawn < 10 * UM).sum() == 270
    assert sizes.volume_cdf(np.array(10 * UM)) == pytest.approx(0.5)
    assert sizes.percentile(0.4) == 8 * UM
    assert sizes.test(drawn)[0] < 1e-12
    assert sizes.test(np.full(350, 8 * UM))[1] < 1e-6


def test_table_by_volume_and_by_number_describe_one_powder() -> None:
    d = np.linspace(3, 9, 400) * UM
    same = Table(d, LogNormal(6 * UM, 0.2, d[0], d[-1]).volume_cdf(d), "volume")
    np.testing.assert_allclose(same.cdf(d), LogNormal(6 * UM, 0.2, d[0], d[-1]).cdf(d), atol=2e-5)


@pytest.mark.parametrize("sizes", [Normal(8 * UM, 1.5 * UM), LogNormal(6 * UM, 0.35), Weibull(7 * UM, 3.0)])
@pytest.mark.parametrize("by", ["number", "volume"])
def test_percentiles_find_the_distribution_again(sizes: Sizes, by: str) -> None:
    d10, d50, d90 = (sizes.percentile(q, by) for q in (0.1, 0.5, 0.9))  # type: ignore[arg-type]
    law = type(sizes).__name__.lower()
    found = from_percentiles(law, d10, d50, d90, by)  # type: ignore[arg-type]
    for q in (0.1, 0.3, 0.9):
        assert found.percentile(q, by) == pytest.approx(sizes.percentile(q, by), rel=1e-6)  # type: ignore[arg-type]


def test_monodisperse_is_a_step() -> None:
    sizes = Monodisperse(8 * UM)
    assert sizes.cdf(np.array([7.9, 8.0]) * UM).tolist() == [0.0, 1.0]
    assert sizes.mean_volume / (np.pi / 6 * (8 * UM) ** 3) == pytest.approx(1)
    assert sizes.test(np.full(20, 8.03 * UM)) == (0.0, 1.0)
    assert all(a == b for a, b in pairwise(sizes.sample(9, np.random.default_rng(0))))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Monodisperse(8.0), "in metres"),
        (lambda: Monodisperse(float("nan")), "in metres"),
        (lambda: Normal(8 * UM, 4 * UM), "smallest diameter is positive"),
        (lambda: Normal(8 * UM, -1 * UM), "between 0 and 1 mm"),
        (lambda: LogNormal(8 * UM, 0.0), "between 0 and 3"),
        (lambda: LogNormal(8 * UM, 0.3, 9 * UM, 2 * UM), "below the largest"),
        (lambda: Weibull(8 * UM, -1.0), "between 0 and 100"),
        (lambda: bimodal(8 * UM, 12 * UM, 1.2), "add up to 1"),
        (lambda: Mixture((Monodisperse(UM),), (0.5, 0.5)), "add up to 1"),
        (lambda: Table(np.array([UM]), np.array([1.0])), "two rows"),
        (lambda: Table(np.array([2, 1]) * UM, np.array([0.0, 1.0])), "ascend"),
        (lambda: Table(np.array([1, 2]) * UM, np.array([0.1, 1.0])), "from 0 to 1"),
        (lambda: from_percentiles("normal", 8 * UM, 6 * UM, 9 * UM), "ascend"),
        (lambda: from_percentiles("lognormal", 1 * UM, 8 * UM, 9 * UM), "no lognormal"),
    ],
)
def test_bad_input_is_named(make: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()  # type: ignore[operator]
