"""Sub-volumes of growing size: intervals that cover, blocked ones counted, the size for a half width."""

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student

from lithoscape.errors import InputError
from lithoscape.image import Grid, Volume
from lithoscape.transport.representative import representative_transport

UM = 1e-6


def columns(seed: int, share: float = 0.5, n: int = 60) -> Volume:
    """Straight channels at random: the efficiency of a sub-volume is the mean of independent coin tosses."""
    front = np.random.default_rng(seed).random((n, n)) > share
    return Volume(
        np.broadcast_to(front, (4, n, n)).astype(np.uint8), Grid((4, n, n), UM), {"pore": 0, "wall": 1}
    )


SIZES = [4 * UM, 6 * UM, 10 * UM, 12 * UM]


def study(seed: int, **options):
    return representative_transport(
        columns(seed), {0: 1.0, 1: 0.0}, sizes=SIZES, samples=25, full_thickness=True, **options
    )


def test_coins_have_the_spread_of_coins() -> None:
    found = study(0)
    expected = 0.5 / np.array([4, 6, 10, 12])
    assert found["Standard deviation"].values == pytest.approx(expected, rel=0.35)
    assert found["edge"].values == pytest.approx(SIZES)
    assert found["Blocked"].values.tolist() == [0, 0, 0, 0]
    assert found["Independent"].values.tolist() == [25] * 4
    n, s, mean = 25, found["Standard deviation"].values, found["Efficiency"].values
    quantile = student.ppf(0.975, n - 1)
    assert found["Mean, upper"].values - mean == pytest.approx(quantile * s / 5)
    assert mean - found["One, lower"].values == pytest.approx(quantile * s * np.sqrt(1 + 1 / n))


def test_intervals_cover_as_often_as_they_say() -> None:
    hits, of_one, total = 0, 0, 0
    rng = np.random.default_rng(9)
    for seed in range(20):
        found = study(seed, confidence=0.9)
        for k, m in enumerate((4, 6, 10, 12)):
            hits += bool(found["Mean, lower"][k] < 0.5 < found["Mean, upper"][k])
            another = (rng.random((m, m)) < 0.5).mean()
            of_one += bool(found["One, lower"][k] < another < found["One, upper"][k])
            total += 1
    # sizes share one image, so hits are not independent: a wide band
    assert 0.82 < hits / total < 0.98
    assert 0.82 < of_one / total < 0.98


def test_the_needed_size_is_that_of_the_law() -> None:
    found = study(3, half_width=0.05)
    edge = float(found["Needed edge"])
    coins = (norm.ppf(0.975) * 0.5 / (0.05 * 0.5)) ** 2  # columns for a half width of 5 %
    assert edge == pytest.approx(np.sqrt(coins) * UM, rel=0.6)
    assert float(found["Needed volume"]) == pytest.approx(edge**2 * 4 * UM, rel=1e-9, abs=0)
    assert bool(found["Extrapolated"])
    assert not bool(study(3, half_width=0.7)["Extrapolated"])
    alpha, other = float(found["Exponent"]), study(3, half_width=0.1)
    double = float(other["Needed volume"])
    assert float(found["Needed volume"]) / double == pytest.approx(2 ** (2 / alpha))
    assert double == pytest.approx(float(other["Needed edge"]) ** 2 * 4 * UM, rel=1e-9, abs=0)


def test_blocked_parts_count_as_nothing() -> None:
    volume = columns(1, share=0.02)
    found = representative_transport(volume, {0: 1.0, 1: 0.0}, sizes=SIZES, samples=25, full_thickness=True)
    assert found["Blocked"].values[0] > 10
    assert found["Efficiency"].values == pytest.approx(np.full(4, 0.02), abs=0.015)


def test_overlapping_parts_tell_no_more_than_those_side_by_side() -> None:
    found = representative_transport(
        columns(2), {0: 1.0, 1: 0.0}, sizes=[10 * UM, 30 * UM, 50 * UM], samples=8, full_thickness=True
    )
    assert found["Independent"].values.tolist() == [8, 4, 1]
    assert np.isnan(found["Mean, lower"].values[-1])


@pytest.mark.parametrize(
    ("options", "word"),
    [({"half_width": 0.0}, "half_width"), ({"confidence": 1.0}, "confidence"), ({"samples": 1}, "samples"),
     ({"sizes": [1.0]}, "sizes")],
)  # fmt: skip
def test_what_cannot_be_is_refused(options: dict, word: str) -> None:
    with pytest.raises(InputError, match=word):
        representative_transport(columns(0), {0: 1.0, 1: 0.0}, **options)
