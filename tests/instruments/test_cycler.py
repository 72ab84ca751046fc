"""The cycler: when it samples, what it rounds, cuts off and adds."""

import numpy as np
import pytest
import xarray as xr

from lithoscape.errors import InputError
from lithoscape.instruments import Channel, Cycler

FINE = Channel("current", 1e-9)


def record(time, voltage, current=None, step=None) -> xr.Dataset:
    time = np.asarray(time, dtype=float)
    current = np.ones(time.size) if current is None else current
    step = np.zeros(time.size) if step is None else step
    return xr.Dataset(
        {
            "Voltage [V]": ("time", voltage),
            "Current density [A.m-2]": ("time", current),
            "Step": ("time", step),
        },
        {"time": time},
    )


def test_samples_by_time_and_by_voltage() -> None:
    """V falls by 1 mV/s for 10 s, then rests: every 4 mV, later every 6 s."""
    r = record([0.0, 10.0, 30.0], [4.0, 3.99, 3.99])
    seen = Cycler(Channel("voltage", 1e-7), FINE, interval=6.0, trigger=4e-3).measure(r)
    assert seen["Cycler time [s]"].values == pytest.approx([0, 4, 8, 14, 20, 26, 30])
    assert seen["Cycler voltage [V]"].values == pytest.approx([4.0, 3.996, 3.992, *[3.99] * 4], abs=1e-7)
    by_time = Cycler(Channel("voltage", 1e-7), FINE, interval=12.0).measure(r)
    assert by_time["Cycler time [s]"].values == pytest.approx([0, 12, 24, 30])


def test_a_rising_and_falling_voltage_triggers_both_ways() -> None:
    r = record([0.0, 1.0, 2.0, 3.0], [3.0, 3.0055, 2.9995, 3.0])
    seen = Cycler(Channel("voltage", 1e-7), FINE, interval=100.0, trigger=2e-3).measure(r)
    assert seen["Cycler voltage [V]"].values == pytest.approx([3.0, 3.002, 3.004, 3.002, 3.0, 3.0], abs=1e-7)


def test_steps_begin_and_end_with_a_sample() -> None:
    """Two steps share a time, at which current and voltage jump: both sides are written down."""
    r = record([0, 5, 5, 9], [4.0, 3.9, 3.95, 3.96], [10.0, 10.0, 0.0, 0.0], [0, 0, 1, 1])
    seen = Cycler(Channel("voltage", 1e-6), FINE, interval=100.0).measure(r)
    assert seen["Cycler time [s]"].values == pytest.approx([0, 5, 5, 9])
    assert seen["Cycler voltage [V]"].values == pytest.approx([4.0, 3.9, 3.95, 3.96])
    assert seen["Cycler current density [A.m-2]"].values == pytest.approx([10, 10, 0, 0], abs=1e-9)
    assert seen["Cycler step"].values.tolist() == [0, 0, 1, 1]


def test_a_jump_where_a_step_begins_is_seen() -> None:
    """Two rows at the first time, before and after the current is switched: the first one is sampled."""
    r = record([0, 0, 5], [4.2, 4.0, 3.9], [0.0, 10.0, 10.0])
    seen = Cycler(Channel("voltage", 1e-6), FINE, interval=100.0).measure(r)
    assert seen["Cycler voltage [V]"].values == pytest.approx([4.2, 3.9])
    assert seen["Cycler current density [A.m-2]"].values == pytest.approx([0.0, 10.0], abs=1e-9)


def test_rounding_noise_and_their_uncertainty() -> None:
    time = np.linspace(0, 20_000, 20_001)
    truth = 3.5 + 0.2 * np.sin(time / 777)
    for noise in (None, 2e-3):
        channel = Channel("voltage", 5e-3, noise)
        seen = Cycler(channel, FINE, interval=1.0, seed=3).measure(record(time, truth))
        v = seen["Cycler voltage [V]"].values
        assert np.round(v / 5e-3) == pytest.approx(v / 5e-3, abs=1e-6)
        stated = seen["Cycler voltage uncertainty [V]"].values
        assert stated == pytest.approx(np.hypot(noise or 0.0, 5e-3 / np.sqrt(12)))
        assert (v - truth).std() == pytest.approx(stated[0], rel=0.02)
    again = Cycler(channel, FINE, interval=1.0, seed=3).measure(record(time, truth))
    assert again["Cycler voltage [V]"].values.tolist() == v.tolist()


def test_beyond_the_range_readings_stop_and_are_marked() -> None:
    r = record([0.0, 1.0, 2.0], [4.9, 5.2, 4.0])
    seen = Cycler(Channel("voltage", 1e-3, limits=(0.0, 5.0)), FINE, interval=1.0).measure(r)
    assert seen["Cycler voltage [V]"].values == pytest.approx([4.9, 5.0, 4.0])
    assert seen["Cycler out of range"].values.tolist() == [0.0, 1.0, 0.0]


VOLT = Channel("voltage", 1e-3)
BAD = {
    "resolution": (lambda: Channel("voltage", 0.0), "voltage_resolution"),
    "noise 0": (lambda: Channel("voltage", 1e-3, 0.0), "voltage_noise"),
    "noise": (lambda: Channel("current", 1e-3, -1.0), "current_noise"),
    "range": (lambda: Channel("voltage", 1e-3, limits=(5.0, 0.0)), "voltage_range"),
    "interval": (lambda: Cycler(VOLT, FINE, 0.0), "interval_s"),
    "trigger": (lambda: Cycler(VOLT, FINE, 1.0, -1e-3), "trigger_mV"),
    "no voltage": (lambda: Cycler(VOLT, FINE, 1.0).measure(xr.Dataset()), "cycler"),
    "empty": (lambda: Cycler(VOLT, FINE, 1.0).measure(record([], [])), "cycler"),
    "many": (lambda: Cycler(VOLT, FINE, 1e-7).measure(record([0, 1], [4.0, 3.9])), "interval_s"),
}


@pytest.mark.parametrize("name", BAD)
def test_cyclers_that_cannot_be(name: str) -> None:
    act, field = BAD[name]
    with pytest.raises(InputError) as caught:
        act()
    assert str(caught.value.field).startswith("instruments.cycler")
    assert str(caught.value.field).endswith(field)
    assert caught.value.remedy
