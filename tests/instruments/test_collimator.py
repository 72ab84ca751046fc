"""The gauge volume along the beam: eq. 1 against rays, the printed lengths, exact shares."""

import numpy as np
import pytest

from lithoscape.errors import InputError
from lithoscape.instruments import Collimator, q_hexagonal, slit_period, two_theta

KEV = 1.602176634e-16
MCC = Collimator()


def rays(along: np.ndarray, angle: float, inner: float, outer: float) -> np.ndarray:
    """What passes both slits from points ``along`` the beam: the outer slit's openings sampled one by one."""
    h = along * np.sin(np.radians(angle))
    place = (np.arange(5_001) + 0.5) / 5_001 - 0.5
    # a ray from h to y2 in the outer ring crosses the inner ring at y1
    y1 = h[:, None] + (outer * place - h[:, None]) * MCC.inner / MCC.outer
    return (np.abs(y1) <= inner / 2).mean(axis=1)


def width_at_half(x: np.ndarray, y: np.ndarray) -> float:
    above = x[y >= 0.5 * y.max() - 1e-12]
    return float(above[-1] - above[0])


@pytest.mark.parametrize(("angle", "outer"), [(3.3, 200e-6), (6.5, 200e-6), (3.3, 100e-6), (20.0, 50e-6)])
def test_the_slits_alone_give_the_first_term_of_equation_1(angle: float, outer: float) -> None:
    expected = MCC.collimated(angle)
    x = np.linspace(-1.2, 1.2, 1201) * expected
    assert width_at_half(x, rays(x, angle, MCC.slit, outer)) == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize(("outer", "flat"), [(200e-6, 0.0), (100e-6, 0.5), (50e-6, 0.75)])
def test_the_profile_is_that_of_the_rays(outer: float, flat: float) -> None:
    """Slits of equal angular opening give a triangle, narrower outer ones a trapezoid."""
    thin = Collimator(beam_width=1e-12, flat=flat)
    x = np.linspace(-1.1, 1.1, 221) * thin.length(5.0)
    seen = rays(x, 5.0, MCC.slit, outer)
    assert thin.profile(x, 5.0) == pytest.approx(seen / seen.max(), abs=2e-3)


def test_the_sum_of_equation_1_is_wider_than_the_folded_profile() -> None:
    """A finite beam shifts the profile by y / tan(2 theta); the half width grows by a quarter of that."""
    angle = 3.3
    x = np.linspace(-2, 2, 4001) * MCC.collimated(angle)
    offsets = (np.arange(101) + 0.5) / 101 - 0.5
    shift = MCC.beam_width / np.tan(np.radians(angle))
    slits = Collimator(beam_width=1e-12)
    folded = np.mean([slits.profile(x + o * shift, angle) for o in offsets], axis=0)
    assert width_at_half(x, folded) == pytest.approx(MCC.collimated(angle) + shift / 4, rel=2e-3)
    assert width_at_half(x, folded) / MCC.length(angle) == pytest.approx(0.902, abs=2e-3)


def test_which_slit_gives_the_printed_lengths() -> None:
    """1.3 mm at 3.3 degrees and 0.67 mm at 6.5: an opening of 50 um does, the period does not."""
    assert round(1e3 * MCC.length(3.3), 1) == 1.3
    assert 1e3 * MCC.length(6.5) == pytest.approx(0.67, abs=0.01)
    assert 1e6 * MCC.slit_for(1.3e-3, 3.3) == pytest.approx(48.64, abs=0.01)
    assert 1e6 * MCC.slit_for(0.67e-3, 6.5) == pytest.approx(49.43, abs=0.01)
    period = slit_period(0.8, 50e-3)
    assert period == pytest.approx(0.698e-3, rel=1e-3)
    assert Collimator(slit=period).length(3.3) == pytest.approx(16.3e-3, rel=1e-2)
    assert MCC.length(3.3) == pytest.approx(Collimator(slit=MCC.slit_for(MCC.length(3.3), 3.3)).length(3.3))


def test_the_lowest_reflection_by_its_angle_not_its_label() -> None:
    a, c, energy = 2.869e-10, 14.22e-10, 90 * KEV
    angles = {hkl: two_theta(q_hexagonal(hkl, a, c), energy) for hkl in [(1, 0, 1), (1, 0, 4), (2, 0, 2)]}
    assert list(angles.values()) == pytest.approx([3.23, 3.88, 6.45], abs=0.01)
    assert 1e3 * MCC.length(angles[1, 0, 4]) == pytest.approx(1.13, abs=0.005)


@pytest.mark.parametrize("flat", [0.0, 0.3, 0.9, 1.0])
def test_shares_are_integrals_of_the_profile(flat: float) -> None:
    mcc = Collimator(flat=flat)
    length = mcc.length(4.0)
    assert mcc.share(-length, length, 4.0) == pytest.approx(1.0, rel=1e-12)
    assert mcc.share(0.0, length, 4.0) == pytest.approx(0.5, rel=1e-12)
    x = np.linspace(-length, length, 200_001)
    y = mcc.profile(x, 4.0)
    assert np.trapezoid(y, x) == pytest.approx(length, rel=1e-5)
    for low, high in [(-0.3, 0.1), (0.2, 0.45), (-0.9, -0.1), (0.55, 0.7)]:
        inside = (x >= low * length) & (x <= high * length)
        area = np.trapezoid(y[inside], x[inside]) / length
        assert mcc.share(low * length, high * length, 4.0) == pytest.approx(area, abs=3e-5)


@pytest.mark.parametrize(
    ("act", "field"),
    [
        (lambda: Collimator(slit=0.0), "collimator.slit"),
        (lambda: Collimator(beam_width=-1e-6), "collimator.beam_width"),
        (lambda: Collimator(inner=0.2, outer=0.05), "collimator.outer"),
        (lambda: Collimator(flat=1.5), "collimator.flat"),
        (lambda: MCC.length(0.0), "two_theta_deg"),
        (lambda: MCC.length(-3.0), "two_theta_deg"),
        (lambda: MCC.length(90.0), "two_theta_deg"),
        (lambda: MCC.length(float("nan")), "two_theta_deg"),
        (lambda: MCC.share(1.0, 0.0, 3.0), "collimator.interval"),
        (lambda: MCC.slit_for(1e-6, 3.3), "gauge_length"),
        (lambda: slit_period(0.0, 0.05), "collimator.slit_separation_deg"),
        (lambda: q_hexagonal((0, 0, 0), 1e-10, 1e-10), "bragg.hkl"),
        (lambda: q_hexagonal((0, 0, 3), 0.0, 1e-10), "bragg.a"),
        (lambda: two_theta(1e13, 90 * KEV), "bragg.q"),
        (lambda: two_theta(1e10, 0.0), "bragg.energy"),
    ],
)
def test_geometries_that_cannot_be(act, field: str) -> None:
    with pytest.raises(InputError) as caught:
        act()
    assert caught.value.field == field
    assert caught.value.value is not None
    assert caught.value.remedy
