"""Phases by window: labels on both sides of every edge, gaps, overlaps, probabilities."""

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm

from lithoscape.errors import InputError
from lithoscape.instruments import (
    AMBIGUOUS,
    UNASSIGNED,
    Window,
    Windows,
    intensities,
    phases,
    q_hexagonal,
    shares,
    table,
)

A = 1e10
GRAPHITE, NMC = table("graphite"), table("NMC622")


def test_labels_by_q() -> None:
    q = np.array(
        [1.60, 1.67, 1.698, 1.73, 1.7301, 1.755, 1.78, 1.80, 1.82, 1.8201, 1.872, 1.90, 1.91, np.nan]
    )
    expected = [
        UNASSIGNED, "LiC6", "LiC6", "LiC6", UNASSIGNED, UNASSIGNED, "LiC12", "LiC12", AMBIGUOUS, "graphite",
        "graphite", "graphite", UNASSIGNED, UNASSIGNED,
    ]  # fmt: skip
    assert GRAPHITE.label(q * A).tolist() == expected
    assert GRAPHITE.label(1.70 * A).shape == ()


def test_the_windows_of_nmc_belong_to_two_reflections() -> None:
    """113 of the charged cell leaves its window away from the other one, so nothing lies between them."""
    full, charged = (2.869e-10, 14.22e-10), (2.817e-10, 14.50e-10)
    q = {(hkl, cell): q_hexagonal(hkl, *cell) for hkl in [(1, 1, 3), (1, 1, 0)] for cell in (full, charged)}
    assert NMC.label(q[(1, 1, 3), full]) == "lithiated"
    assert NMC.label(q[(1, 1, 0), charged]) == "delithiated"
    assert q[(1, 1, 3), charged] / A == pytest.approx(4.645, abs=0.005)
    assert q[(1, 1, 0), full] / A == pytest.approx(4.380, abs=0.005)
    assert NMC.label([q[(1, 1, 3), charged], q[(1, 1, 0), full]]).tolist() == [UNASSIGNED] * 2
    assert {w.label: w.reflection for w in NMC.windows} == {"lithiated": "113", "delithiated": "110"}
    with pytest.raises(InputError, match="without a lithium content"):
        NMC.of_lithium(0.5)


def test_lithium_contents_of_graphite_have_labels_or_none() -> None:
    x = [0.0, 0.1, 0.2, 0.35, 0.5, 0.51, 0.75, 0.99, 1.0]
    assert GRAPHITE.of_lithium(x).tolist() == [
        "graphite", "graphite", "LiC12", "LiC12", "LiC12", UNASSIGNED, UNASSIGNED, UNASSIGNED, "LiC6",
    ]  # fmt: skip


def test_overlaps_are_refused_or_said() -> None:
    """The caption of a figure has graphite up to 1.92: beside a neighbour from 1.90 on that overlaps."""
    wide = Window("graphite", 1.82 * A, 1.92 * A)
    other = Window("other", 1.90 * A, 2.0 * A)
    with pytest.raises(InputError, match="'graphite' and 'other' overlap") as caught:
        Windows((other, wide))
    assert caught.value.field == "waxs.windows"
    both = Windows((other, wide), overlaps="ambiguous")
    assert both.label(np.array([1.89, 1.91, 1.95]) * A).tolist() == ["graphite", AMBIGUOUS, "other"]


def test_probabilities_are_normal_and_sum_to_one() -> None:
    sigma = 0.01 * A
    q = np.array([1.70, 1.755, 1.82, 1.5]) * A
    p = GRAPHITE.probabilities(q, sigma)
    assert p.shape == (4, 5)
    assert p.sum(axis=-1) == pytest.approx(1.0, rel=1e-12)
    by_name = dict(zip(GRAPHITE.labels, p[0], strict=True))
    inside = norm.cdf(1.73, 1.70, 0.01) - norm.cdf(1.67, 1.70, 0.01)
    assert by_name["LiC6"] == pytest.approx(inside, rel=1e-9)
    assert by_name[UNASSIGNED] == pytest.approx(1 - inside, rel=1e-6)
    assert p[2, GRAPHITE.labels.index("graphite")] == pytest.approx(0.5, abs=1e-6)
    assert p[3, GRAPHITE.labels.index(UNASSIGNED)] == pytest.approx(1.0, abs=1e-12)


def test_shares_by_volume() -> None:
    labels = GRAPHITE.label(np.array([[1.70, 1.80], [1.75, 1.85]]) * A)
    found = shares(GRAPHITE, labels, np.array([[1.0, 3.0], [1.0, 5.0]]))
    assert found == pytest.approx(
        {"LiC6": 0.1, "LiC12": 0.3, "graphite": 0.5, UNASSIGNED: 0.1, AMBIGUOUS: 0.0}
    )
    rows = shares(GRAPHITE, labels, axis=1)
    assert rows["LiC6"] == pytest.approx([0.5, 0.0])


def test_phases_of_recorded_particles() -> None:
    """Three particles of 1, 2 and 5 volumes charge one after another."""
    lithium = xr.DataArray(
        [[0.1, 0.1, 0.1], [0.3, 0.1, 0.1], [1.0, 0.7, 0.2]], {"time": [0.0, 1.0, 2.0]}, ("time", "particle")
    )
    seen = phases(lithium, GRAPHITE, xr.DataArray([1.0, 2.0, 5.0], dims="particle"))
    assert seen.sel(label="graphite").values == pytest.approx([1.0, 7 / 8, 0.0])
    assert seen.sel(label="LiC12").values == pytest.approx([0.0, 1 / 8, 5 / 8])
    assert seen.sel(label="LiC6").values == pytest.approx([0.0, 0.0, 1 / 8])
    assert seen.sel(label=UNASSIGNED).values == pytest.approx([0.0, 0.0, 2 / 8])
    assert seen.sum("label").values == pytest.approx(1.0)


def test_intensities_of_a_pattern() -> None:
    q = np.arange(1.605, 1.96, 0.01) * A
    counts = np.where(abs(q / A - 1.70) < 0.051, 25.0, 4.0)
    total, error = intensities(GRAPHITE, q, counts)
    assert total == pytest.approx([6 * 25.0, 4 * 4.0, 8 * 4.0])
    assert error == pytest.approx(np.sqrt(total))


BAD = {
    "material": (lambda: table("graphit"), "waxs.material"),
    "no windows": (lambda: Windows(()), "waxs.windows"),
    "twice": (lambda: Windows((Window("a", 1, 2), Window("a", 3, 4))), "waxs.windows"),
    "empty": (lambda: Window("a", 2.0, 2.0), "waxs.windows.a"),
    "reversed": (lambda: Window("a", 2.0, 1.0), "waxs.windows.a"),
    "kept name": (lambda: Window(UNASSIGNED, 1.0, 2.0), "waxs.windows"),
    "rule": (lambda: Windows((Window("a", 1, 2),), "ambigous"), "waxs.overlaps"),
    "uncertainty": (lambda: GRAPHITE.probabilities(1.7 * A, 0.0), "waxs.q_uncertainty"),
    "not a q": (lambda: GRAPHITE.probabilities(np.nan, A), "waxs.q"),
    "no weight": (lambda: shares(GRAPHITE, GRAPHITE.label([1.7 * A]), [0.0]), "waxs.weights"),
    "short pattern": (lambda: intensities(GRAPHITE, [1.7 * A, 1.72 * A], [1.0, 2.0]), "waxs.q"),
    "counts": (lambda: intensities(GRAPHITE, [1.7 * A, 1.8 * A], [1.0, -2.0]), "waxs.counts"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_labelled(name: str) -> None:
    act, field = BAD[name]
    with pytest.raises(InputError) as caught:
        act()
    assert caught.value.field == field
    assert caught.value.value is not None
    assert caught.value.remedy
