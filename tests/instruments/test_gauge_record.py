"""Cracks of finite length, signal-weighted averages and maps in sequence, against closed forms."""

import numpy as np
import pytest
import xarray as xr

from lithoscape.errors import InputError
from lithoscape.instruments import (
    Acquisition,
    Collimator,
    FiniteCrack,
    GaugeMap,
    at_times,
    average_uncertainty,
    averaged,
    averages,
    by_reflection,
    group_names,
    in_sequence,
    mixed,
    pattern_uncertainty,
    seen_at,
    uncertainties,
    weighted_mean,
)

UM = 1e-6
MAP = GaugeMap(
    (25 * UM, 80 * UM), (-5 * UM, 5 * UM, 35 * UM), (10 * UM, 10 * UM), {"near": (-5 * UM, 5 * UM)}
)
MCC = Collimator()
SIGNAL = np.array([[0.0, 0.1, 0.4], [0.0, 0.2, 0.4]])


def record(times=(0.0, 300.0)) -> xr.Dataset:
    """SoL rising linearly: 0.5 + t/1000 s, + 0.1 at the last position, no signal at the first."""
    t = np.asarray(times)
    sol = 0.5 + t[:, None, None] / 1000 + np.array([np.nan, 0.0, 0.1]) + np.zeros((t.size, 2, 3))
    far = 0.3 + t[:, None] / 1000 + np.array([0.0, 0.05])
    return xr.Dataset(
        {
            "Gauge state of lithiation": (("time", "depth", "position"), sol, {"units": "1"}),
            "Gauge signal": (("depth", "position"), SIGNAL, {"units": "1"}),
            "Far state of lithiation": (("time", "depth"), far),
            "Far signal": ("depth", np.array([0.4, 0.4])),
        },
        {"time": t, "depth": list(MAP.depths), "position": list(MAP.positions)},
    )


def test_a_gauge_volume_longer_than_the_crack_mixes_by_what_diffracts() -> None:
    sol, signal = mixed(np.array([np.nan, 0.8, 0.8]), np.array([0.0, 0.1, 0.4]), 0.4, 0.4, 0.75)
    # (0.75 s 0.8 + 0.25 0.4 0.4) / (0.75 s + 0.25 0.4)
    assert sol == pytest.approx([0.4, (0.06 + 0.04) / 0.175, (0.24 + 0.04) / 0.4], rel=1e-14)
    assert signal == pytest.approx([0.1, 0.175, 0.4], rel=1e-14)
    inside, same = mixed(np.array([np.nan, 0.8]), np.array([0.0, 0.1]), 0.4, 0.4, 1.0)
    assert inside == pytest.approx([np.nan, 0.8], nan_ok=True)
    assert same == pytest.approx([0.0, 0.1])


def test_uniform_fields_are_seen_as_they_are_by_every_reflection() -> None:
    sol = np.full((2, 3), 0.6)
    for share in (0.0, 0.2, 1.0):
        assert mixed(sol, SIGNAL + 1e-3, 0.6, 0.4, share)[0] == pytest.approx(0.6, rel=1e-14)


def test_the_share_of_a_triangle_in_closed_form() -> None:
    """Half the crack over the full width at half maximum, u < 1: 1 - (1 - u)^2."""
    for angle, length in [(3.3, 1.3e-3), (3.88, 1.3e-3), (6.5, 1.3e-3), (6.5, 0.2e-3)]:
        u = min(0.5 * length / MCC.length(angle), 1.0)
        assert FiniteCrack(length).share(MCC, angle) == pytest.approx(1 - (1 - u) ** 2, rel=1e-12)
    assert FiniteCrack(1.3e-3).share(MCC, 3.3) == pytest.approx(0.738, abs=1e-3)
    assert FiniteCrack(1.3e-3, offset=0.65e-3).share(MCC, 3.3) == pytest.approx(0.5, abs=1e-3)
    assert FiniteCrack(1.3e-3, offset=2e-2).share(MCC, 3.3) == 0.0


def test_reflections_by_angle() -> None:
    found = by_reflection(record(), MCC, FiniteCrack(1.3e-3), [3.3, 6.5])
    assert found["Gauge length [m]"].values == pytest.approx([1.3316e-3, 0.6767e-3], rel=1e-4)
    p = found["Share of gauge volume in crack length"].values[0]
    expected = (p * 0.1 * 0.5 + (1 - p) * 0.4 * 0.3) / (p * 0.1 + (1 - p) * 0.4)
    seen = found["Gauge state of lithiation by reflection"].sel(reflection=3.3)
    assert seen.values[0, 0, 1] == pytest.approx(expected, rel=1e-12)
    assert seen.values[0, :, 0] == pytest.approx([0.3, 0.35], rel=1e-12)
    variant = seen_at(record(), MCC, FiniteCrack(1.3e-3), 3.3)
    assert variant["Gauge state of lithiation"].values == pytest.approx(seen.values, rel=1e-14)
    assert variant["Gauge signal"].values[0, 1] == pytest.approx(p * 0.1 + (1 - p) * 0.4, rel=1e-12)
    assert variant.attrs["gauge_two_theta_deg"] == 3.3


def test_traces_of_signal_are_no_readings() -> None:
    """At 6.5 degrees 0.16 % of the weight lies beyond the crack: too little where it is all there is."""
    crack = FiniteCrack(1.3e-3)
    names = ("Gauge state of lithiation by reflection", "Gauge signal by reflection")
    by_default = by_reflection(record(), MCC, crack, [6.5])
    every = by_reflection(record(), MCC, crack, [6.5], smallest=0.0)
    assert every[names[1]].values[0, 0, 0] == pytest.approx(0.4 * (1 - crack.share(MCC, 6.5)))
    assert np.isnan(by_default[names[0]].values[:, 0, :, 0]).all()
    assert every[names[0]].values[0, 0, :, 0] == pytest.approx([0.3, 0.35])
    assert by_default[names[0]].values[..., 1:] == pytest.approx(every[names[0]].values[..., 1:])
    assert np.isnan(seen_at(record(), MCC, crack, 6.5)["Gauge state of lithiation"].values[:, :, 0]).all()


def test_weighting_by_signal() -> None:
    sol = np.array([[np.nan, 0.5, 0.8]])
    signal = np.array([[0.0, 0.1, 0.4]])
    assert weighted_mean(sol, signal) == pytest.approx([(0.05 + 0.32) / 0.5], rel=1e-14)
    gauge = GaugeMap((25 * UM,), MAP.positions, MAP.beam, MAP.groups)
    assert group_names(gauge) == ["near", "all"]
    assert averages(gauge, sol, signal) == pytest.approx(np.array([[0.5, 0.65]]), rel=1e-14)
    assert averages(gauge, sol, signal, "signal") == pytest.approx(np.array([[0.5, 0.74]]), rel=1e-14)
    assert np.isnan(averages(gauge, np.full((1, 3), np.nan), signal, "signal")).all()
    plain = averaged(record(), MAP, "plain")["Gauge average state of lithiation"]
    assert plain.dims == ("time", "depth", "group")
    assert plain.sel(group="all").values[0] == pytest.approx([0.55, 0.55], rel=1e-14)


def test_patterns_with_less_signal_are_known_less_well() -> None:
    each = pattern_uncertainty(np.array([[0.0, 0.1, 0.4]]), 0.01, 0.4)
    assert each == pytest.approx(np.array([[np.inf, 0.02, 0.01]]), rel=1e-14)
    gauge = GaugeMap((25 * UM,), MAP.positions, MAP.beam, MAP.groups)
    signal = np.array([[0.0, 0.1, 0.4]])
    plain = average_uncertainty(gauge, each, signal)
    assert plain == pytest.approx(np.array([[0.02, np.hypot(0.02, 0.01) / 2]]), rel=1e-14)
    weighted = average_uncertainty(gauge, each, signal, "signal")
    assert weighted[0, 1] == pytest.approx(np.hypot(0.1 * 0.02, 0.4 * 0.01) / 0.5, rel=1e-14)
    found = uncertainties(record(), MAP, 0.01, "signal")
    assert found["Gauge uncertainty"].values[0] == pytest.approx(each[0], rel=1e-14)
    reflections = record().merge(by_reflection(record(), MCC, FiniteCrack(1.3e-3), [6.5]))
    assert np.isinf(uncertainties(reflections, MAP, 0.01, "plain")["Gauge uncertainty"].values[0, :, 0]).all()
    assert np.isinf(average_uncertainty(gauge, np.full((1, 3), np.inf), signal)).all()


def test_uncertainty_of_averages_is_that_of_repeated_maps() -> None:
    rng = np.random.default_rng(3)
    gauge = GaugeMap((25 * UM,), MAP.positions, MAP.beam, MAP.groups)
    signal = np.array([[0.05, 0.1, 0.4]])
    each = pattern_uncertainty(signal, 0.01, 0.4)
    maps = 0.5 + each * rng.normal(size=(40_000, 1, 3))
    for weighting in ("plain", "signal"):
        spread = averages(gauge, maps, signal, weighting).std(axis=0)
        assert spread == pytest.approx(average_uncertainty(gauge, each, signal, weighting), rel=0.02)


def test_every_point_has_its_own_time() -> None:
    """A linear rise is read exactly at the middle of each pattern, whatever the order."""
    for order, times in (
        ("positions first", [[1.5, 4.5, 7.5], [10.5, 13.5, 16.5]]),
        ("depths first", [[1.5, 7.5, 13.5], [4.5, 10.5, 16.5]]),
    ):
        found = in_sequence(record((0.0, 7.0, 8.0, 40.0)), Acquisition(3.0, order))
        clock = found["Time of acquisition [s]"].values
        assert clock.shape == (2, 2, 3)
        assert clock[0] == pytest.approx(np.array(times), rel=1e-14)
        assert clock[1] == pytest.approx(np.array(times) + 18.0, rel=1e-14)
        seen = found["Gauge state of lithiation as acquired"].values
        assert seen[..., 1] == pytest.approx(0.5 + clock[..., 1] / 1000, rel=1e-12)
        assert np.isnan(seen[..., 0]).all()


def test_a_map_of_48_points_takes_144_seconds() -> None:
    assert Acquisition(3.0).times((3, 16), 2)[1, 0, 0] == pytest.approx(144.0 + 1.5)
    assert Acquisition(3.0).maps_within((3, 16), 287.9) == 1
    assert Acquisition(3.0).maps_within((3, 16), 288.0) == 2
    later = Acquisition(3.0, start=100.0)
    assert later.times((3, 16), 1)[0, 0, 0] == 101.5
    assert later.maps_within((3, 16), 243.9) == 0


def test_reading_between_rows() -> None:
    times, values = np.array([0.0, 1.0, 1.0, 3.0]), np.array([[0.0], [2.0], [5.0], [9.0]])
    assert at_times(times, values, np.array([0.5, 1.0, 2.0, 3.0])).ravel() == pytest.approx([1, 5, 7, 9])


def broken(name: str) -> xr.Dataset:
    return record().drop_vars(name)


CRACK = FiniteCrack(1.3e-3)
BAD = {
    "no crack": (lambda: FiniteCrack(0.0), "crack_length"),
    "offset": (lambda: FiniteCrack(1e-3, np.inf), "crack_offset"),
    "no reflection": (lambda: by_reflection(record(), MCC, CRACK, []), "reflections_two_theta_deg"),
    "angle 0": (lambda: by_reflection(record(), MCC, CRACK, [0.0]), "two_theta_deg"),
    "no far": (lambda: by_reflection(broken("Far signal"), MCC, CRACK, [3.3]), "record"),
    "no gauge": (lambda: averaged(xr.Dataset(), MAP, "plain"), "record"),
    "trace": (lambda: by_reflection(record(), MCC, CRACK, [3.3], 1.0), "smallest_signal"),
    "weighting": (lambda: averaged(record(), MAP, "signla"), "weighting"),
    "weighting of errors": (lambda: average_uncertainty(MAP, SIGNAL, SIGNAL, "x"), "weighting"),
    "group": (lambda: MAP.members("nera"), "groups"),
    "no uncertainty": (lambda: uncertainties(record(), MAP, 0.0, "plain"), "sol_uncertainty"),
    "negative": (lambda: pattern_uncertainty(SIGNAL, -0.01, 0.4), "sol_uncertainty"),
    "no signal": (lambda: pattern_uncertainty(SIGNAL, 0.01, 0.0), "full_signal"),
    "share": (lambda: mixed(SIGNAL, SIGNAL, 0.5, 0.4, 1.2), "share"),
    "order": (lambda: Acquisition(3.0, "position first"), "order"),
    "no time": (lambda: Acquisition(0.0), "pattern_time"),
    "short run": (lambda: in_sequence(record((0.0, 10.0)), Acquisition(3.0)), "time"),
    "too many maps": (lambda: Acquisition(3.0).acquired(record()["Gauge state of lithiation"], 20), "time"),
    "before": (lambda: at_times(np.array([1.0, 2.0]), np.zeros(2), np.array([0.5])), "time"),
    "empty run": (lambda: at_times(np.array([]), np.zeros(0), np.array([0.5])), "time"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_measured(name: str) -> None:
    act, field = BAD[name]
    with pytest.raises(InputError) as caught:
        act()
    assert str(caught.value.field).endswith(field)
    assert caught.value.value is not None
    assert caught.value.remedy
