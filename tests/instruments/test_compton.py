"""Compton scattering: kinematics, S of analytic profiles, the line through the table, counting, exposures."""

import numpy as np
import pytest
import xarray as xr
from scipy import constants

from lithoscape.errors import InputError
from lithoscape.instruments import (
    CORE_OF_EQUATION,
    CORE_OF_TEXT,
    ComptonMap,
    counting_uncertainty,
    lithium_uncertainty,
    mean_over,
    momentum,
    nmc811,
    noisy,
    s_line,
    s_parameter,
    scattered_energy,
)

KEV = 1e3 * constants.e
UM = 1e-6


def test_115_keV_at_90_degrees() -> None:
    assert scattered_energy(115 * KEV, 90.0) / KEV == pytest.approx(93.87, abs=0.005)
    assert scattered_energy(115 * KEV, 1e-9) / KEV == pytest.approx(115.0)


@pytest.mark.parametrize("angle", [60.0, 90.0, 150.0])
def test_the_middle_of_the_peak_has_no_momentum(angle: float) -> None:
    middle = scattered_energy(115 * KEV, angle)
    assert momentum(middle, 115 * KEV, angle) == pytest.approx(0.0, abs=1e-10)
    assert np.all(np.diff(momentum(middle + np.linspace(-5, 5, 11) * KEV, 115 * KEV, angle)) > 0)


def test_momentum_is_the_doppler_shift_of_the_peak() -> None:
    """Energy and momentum conserved for an electron that moves against the transfer, in vectors."""
    e1, p = 115 * KEV, 1e-4  # of m c
    rest = constants.m_e * constants.c**2
    k = np.array([e1, 0.0])
    out = np.array([0.0, 1.0])
    e2 = scattered_energy(e1, 90.0)
    for _ in range(60):
        q = k - e2 * out
        electron = -p * rest * q / np.linalg.norm(q)
        before = np.hypot(rest, np.linalg.norm(electron))
        after = np.hypot(rest, np.linalg.norm(electron + q))
        e2 += 0.5 * ((e1 + before - after) - e2)
    seen = momentum(e2, e1, 90.0) * constants.fine_structure
    assert seen == pytest.approx(p, rel=1e-3)


def test_s_of_a_lorentzian_in_closed_form() -> None:
    """J = 1/(1 + p^2): the integrals are arcus tangents."""
    p = np.linspace(-10, 10, 40_001)
    j = 1 / (1 + p**2)
    low = 2 * np.arctan(1.0)
    equation = 2 * (np.arctan(5.0) - np.arctan(1.0))
    text = 2 * (np.arctan(10.0) - np.arctan(5.0))
    assert s_parameter(p, j, CORE_OF_EQUATION) == pytest.approx(low / equation, rel=1e-6)
    assert s_parameter(p, j, CORE_OF_TEXT) == pytest.approx(low / text, rel=1e-6)
    # windows between the points of a profile
    assert s_parameter(p[::37], j[::37], CORE_OF_EQUATION) == pytest.approx(low / equation, rel=1e-3)


def test_the_core_must_be_said() -> None:
    with pytest.raises(TypeError):
        s_parameter(np.linspace(-6, 6, 11), np.ones(11))  # type: ignore[call-arg]


def test_the_line_through_the_table() -> None:
    line = nmc811()
    assert (line.slope, line.intercept) == pytest.approx((0.4331, -0.2815), abs=1e-4)
    assert abs(line.residuals).max() == pytest.approx(0.0022, abs=1e-4)
    assert line.scatter == pytest.approx(np.sqrt((line.residuals**2).sum() / 4), rel=1e-12)
    assert line.s(line.lithium([0.7, 2.2])) == pytest.approx([0.7, 2.2], rel=1e-12)
    assert line.inside([0.5, 0.65, 2.4, 2.41]).tolist() == [False, True, True, False]
    assert "10.1002/advs.202105723" in line.citation


def test_the_line_propagates_as_repeated_calibrations_scatter() -> None:
    rng = np.random.default_rng(5)
    s = np.array([0.6, 0.8, 1.5, 2.0, 2.4])
    drawn = [s_line(s, 0.43 * s - 0.28 + 0.02 * rng.normal(size=5)) for _ in range(4000)]
    basis = np.stack([s, np.ones(5)], axis=1)
    covariance = 0.02**2 * np.linalg.inv(basis.T @ basis)
    exact = s_line(s, 0.43 * s - 0.28)
    object.__setattr__(exact, "covariance", covariance)
    own, common = exact.uncertainty([0.7, 2.2], 0.1)
    assert own == pytest.approx([0.043, 0.043], rel=1e-9)
    assert np.std([d.lithium([0.7, 2.2]) for d in drawn], axis=0) == pytest.approx(common, rel=0.05)
    assert np.mean([d.scatter**2 for d in drawn]) == pytest.approx(0.02**2, rel=0.06)


def test_counting_noise_has_the_uncertainty_stated() -> None:
    s = np.array([0.7, 2.4])
    drawn = noisy(np.tile(s, (40_000, 1)), 20_000, np.random.default_rng(2))
    assert drawn.mean(axis=0) == pytest.approx(s, rel=2e-3)
    assert drawn.std(axis=0) == pytest.approx(counting_uncertainty(s, 20_000), rel=0.02)
    n = 20_000 * s / (1 + s)
    assert (counting_uncertainty(s, 20_000) / s) ** 2 == pytest.approx(1 / n + (1 + s) / 20_000, rel=1e-12)
    again = noisy(s, 20_000, np.random.default_rng(7))
    assert again.tolist() == noisy(s, 20_000, np.random.default_rng(7)).tolist()


def test_lithium_from_counts() -> None:
    line = nmc811()
    own, common = lithium_uncertainty(np.array([0.03, 0.73]), line, np.array(10_000.0))
    s = line.s([0.03, 0.73])
    assert own == pytest.approx(line.slope * counting_uncertainty(s, 10_000), rel=1e-12)
    assert common == pytest.approx(line.uncertainty(s, 1.0)[1], rel=1e-12)


def test_regions_and_pixels() -> None:
    thirds = ComptonMap((0.0, 300 * UM, 700 * UM, 1000 * UM), pixel=270 * UM)
    boxes = thirds.boxes(25 * UM, (600 * UM,))
    assert [b.lower for b in boxes] == [(0.0, pytest.approx(e)) for e in (25 * UM, 325 * UM, 725 * UM)]
    assert boxes[2].upper == pytest.approx((600 * UM, 1025 * UM))
    slit = ComptonMap(thirds.edges, beam_height=250 * UM)
    assert slit.boxes(0.0)[1].lower == pytest.approx((375 * UM,))
    assert slit.boxes(0.0)[1].upper == pytest.approx((625 * UM,))
    pixels, shape = thirds.pixel_boxes(25 * UM, (600 * UM, 290 * UM))
    assert shape == (3, 2, 1)
    assert len(pixels) == 6
    assert pixels[1].lower == pytest.approx((270 * UM, 0.0, 25 * UM))
    assert pixels[1].upper == pytest.approx((540 * UM, 270 * UM, 325 * UM))


def test_regions_are_exposed_one_after_another() -> None:
    """1-x = t/10000 s in every region: the mean over an exposure is the value at its middle."""
    compton = ComptonMap((0.0, 300 * UM, 700 * UM, 1000 * UM))
    time = np.array([0.0, 100.0, 101.0, 900.0, 1600.0, 4000.0])
    values = xr.DataArray(
        np.repeat(time[:, None] / 1e4, 3, axis=1), {"time": time, "region": [1, 2, 3]}, ("time", "region")
    )
    seen = compton.exposed(values, 300.0)
    assert seen["exposed"].values == pytest.approx([660.0, 1380.0, 2100.0])
    assert seen.values == pytest.approx([0.066, 0.138, 0.21], rel=1e-12)
    kink = mean_over(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 0.0]), 0.5, 1.0)
    assert kink == pytest.approx(0.75, rel=1e-12)


P = np.linspace(-6, 6, 61)
BAD = {
    "energy": (lambda: scattered_energy(0.0, 90.0), "compton.energy"),
    "angle 0": (lambda: scattered_energy(KEV, 0.0), "compton.angle"),
    "angle 180": (lambda: momentum(KEV, KEV, 180.0), "compton.angle"),
    "nan": (lambda: momentum(np.nan, KEV, 90.0), "compton.scattered_energy"),
    "empty core": (lambda: s_parameter(P, np.ones(61), (5.0, 1.0)), "compton.core"),
    "core outside": (lambda: s_parameter(P, np.ones(61), (1.0, 7.0)), "compton.core"),
    "no core": (lambda: s_parameter(P, np.where(abs(P) < 1, 1.0, 0.0), (2.0, 5.0)), "compton.core"),
    "short profile": (lambda: s_parameter(P[20:41], np.ones(21), CORE_OF_TEXT), "compton.core"),
    "order": (lambda: s_parameter(P[::-1], np.ones(61), (1.0, 5.0)), "compton.momentum"),
    "counts": (lambda: counting_uncertainty(1.0, 0.0), "compton.counts"),
    "s": (lambda: noisy(-1.0, 100, np.random.default_rng(0)), "compton.s"),
    "few counts": (lambda: noisy(np.full(100, 2.0), 1.0, np.random.default_rng(0)), "compton.counts"),
    "line": (lambda: s_line([1.0, 1.0, 1.0], [0.1, 0.2, 0.3]), "compton.calibration"),
    "uncertainty 0": (lambda: nmc811().uncertainty(1.0, 0.0), "compton.s_uncertainty"),
    "edges": (lambda: ComptonMap((0.0, 2e-4, 1e-4)), "instruments.compton.edges_um"),
    "no edges": (lambda: ComptonMap((0.0,)), "instruments.compton.edges_um"),
    "pixel": (lambda: ComptonMap((0.0, 1e-4), pixel=0.0), "instruments.compton.pixel_um"),
    "beam": (lambda: ComptonMap((0.0, 1e-4), beam_height=2e-4), "instruments.compton.beam_um"),
    "time": (lambda: ComptonMap((0.0, 1e-4), region_time=-1.0), "instruments.compton.region_time_min"),
    "no pixels": (lambda: ComptonMap((0.0, 1e-4)).pixel_boxes(0.0, (1e-3,)), "instruments.compton.pixel_um"),
    "large pixel": (
        lambda: ComptonMap((0.0, 1e-4), pixel=1e-2).pixel_boxes(0.0, (1e-3,)),
        "instruments.compton.pixel_um",
    ),
    "outside the run": (
        lambda: mean_over(np.array([0.0, 1.0]), np.zeros(2), 0.5, 1.0),
        "instruments.compton.region_time_min",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_measured(name: str) -> None:
    act, field = BAD[name]
    with pytest.raises(InputError) as caught:
        act()
    assert caught.value.field == field
    assert caught.value.remedy
