"""Setpoints, thresholds, directions and gaps: signs, units and what the dataclasses refuse."""

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from lithoscape.errors import InputError
from lithoscape.protocol import Base, Quantity, Step, Stop, parse_step

BASE = Base(c_rate_current_density=30.0, area=1e-3)
NO_AREA = Base(c_rate_current_density=30.0)


@pytest.mark.parametrize(
    ("line", "setpoint"),
    [
        ("Discharge at 0.5C until 2.5 V", 15.0),
        ("Charge at 0.5C until 4.2 V", -15.0),
        ("Discharge at 20 mA until 2.5 V", 20.0),
        ("Charge at 2 mA/cm2 until 4.2 V", -20.0),
        ("Discharge at 50 mW until 2.5 V", 50.0),
        ("Charge at 5 mW/cm2 until 4.2 V", -50.0),
        ("Hold at 4.2 V until C/20", 4.2),
        ("Rest for 1 s", 0.0),
    ],
)
def test_setpoint_is_a_density_positive_for_discharge(line: str, setpoint: float) -> None:
    assert parse_step(line).setpoint(BASE) == pytest.approx(setpoint, rel=1e-14)


@pytest.mark.parametrize(("text", "value"), [("C/20", 1.5), ("50 mA", 50.0), ("2 mA/cm2", 20.0)])
def test_current_threshold_is_a_density(text: str, value: float) -> None:
    stop = parse_step(f"Hold at 4.2 V until {text}").stops[0]
    assert stop.threshold(BASE) == pytest.approx(value)
    assert stop.tolerance(BASE) == pytest.approx(1e-3 * value)


@pytest.mark.parametrize(
    "line", ["Discharge at 1 A for 1 h", "Charge at 1 W for 1 h", "Hold at 4 V until 50 mA"]
)
def test_absolute_values_need_an_area(line: str) -> None:
    step = parse_step(line)
    with pytest.raises(InputError, match=r"needs the electrode area.*Give the electrode area") as caught:
        _ = step.setpoint(NO_AREA) if step.kind != "voltage" else step.stops[0].threshold(NO_AREA)
    assert caught.value.field == "base.area"


@pytest.mark.parametrize(
    "values", [(0.0, None), (-1.0, None), (float("nan"), None), (1.0, 0.0), (1.0, float("inf"))]
)
def test_base_is_positive(values: tuple[float, float | None]) -> None:
    with pytest.raises(InputError, match="positive and finite"):
        Base(*values)


def test_base_keeps_currents_and_powers_apart() -> None:
    with pytest.raises(InputError, match="not a current"):
        BASE.current_density(Quantity(1.0, "W"))
    with pytest.raises(InputError, match="not a power"):
        BASE.power_density(Quantity(1.0, "A"))


def gaps(line: str, voltages: tuple[float, ...], start: float = 3.6, current: float = 0.0) -> list[float]:
    """Gap of the first stop at each voltage."""
    step = parse_step(line)
    side = step.directions(start)[0]
    return [step.stops[0].gap(voltage, current, 0.0, BASE, side) for voltage in voltages]


def test_a_discharge_stops_when_the_voltage_falls() -> None:
    assert gaps("Discharge at 1C until 3 V", (3.5, 3.0, 2.5)) == [0.5, 0.0, -0.5]
    assert gaps("Discharge at 1 W until 3 V", (3.5, 3.0, 2.5)) == [0.5, 0.0, -0.5]


def test_a_charge_stops_when_the_voltage_rises() -> None:
    assert gaps("Charge at 1C until 4 V", (3.5, 4.0, 4.5)) == [0.5, 0.0, -0.5]
    assert gaps("Charge at 1 W until 4 V", (3.5, 4.0, 4.5)) == [0.5, 0.0, -0.5]


def test_a_rest_stops_when_the_voltage_crosses_from_where_it_starts() -> None:
    assert gaps("Rest until 3.5 V", (3.25, 3.5, 3.75), start=3.25) == [0.25, 0.0, -0.25]
    assert gaps("Rest until 3.5 V", (3.75, 3.5, 3.25), start=3.75) == [0.25, 0.0, -0.25]


def test_each_stop_of_a_rest_has_its_own_side() -> None:
    step = parse_step("Rest until 3.4 V or 3.6 V or for 1 h")
    assert step.directions(3.5)[:2] == ("falling", "rising")


def test_an_operator_overrides_the_side() -> None:
    assert gaps("Charge at 1C until < 3 V", (3.5, 2.5)) == [0.5, -0.5]
    assert gaps("Discharge at 1C until > 4 V", (3.5, 4.5)) == [0.5, -0.5]
    stop = parse_step("Hold at 3 V until > -15 A/m2").stops[0]
    assert stop.gap(3.0, -20.0, 0.0, BASE, "falling") == 5.0
    assert stop.gap(3.0, -10.0, 0.0, BASE, "falling") == -5.0


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_hold_stops_when_the_magnitude_of_the_current_falls(sign: int) -> None:
    step = parse_step("Hold at 4.2 V until 0.5C")
    side = step.directions(4.2)[0]
    assert [step.stops[0].gap(4.2, sign * i, 0.0, BASE, side) for i in (20.0, 15.0, 10.0)] == [5.0, 0.0, -5.0]


def test_time_counts_from_the_start_of_the_step() -> None:
    stop = parse_step("Rest for 1 minute").stops[0]
    assert [stop.gap(3.6, 0.0, t, BASE, "falling") for t in (0.0, 60.0, 61.0)] == [60.0, 0.0, -1.0]
    assert stop.tolerance(BASE) == 1e-6


def test_reached_within_a_tenth_of_a_millivolt() -> None:
    stop = parse_step("Discharge at 1C until 3 V").stops[0]
    assert stop.tolerance(BASE) == 1e-4
    assert [stop.reached(v, 30.0, 0.0, BASE, "falling") for v in (3.00011, 3.00009, 2.9)] == [
        False,
        True,
        True,
    ]


def test_modes() -> None:
    lines = ["Discharge at 1C for 1 h", "Charge at 1 W for 1 h", "Hold at 4 V for 1 h", "Rest for 1 h"]
    assert [parse_step(line).mode for line in lines] == ["discharge", "charge", "hold", "rest"]


def test_specifications_are_frozen_and_text_is_not_compared() -> None:
    step = parse_step("Rest for 60 s")
    assert step == parse_step("rest for 1 minute")
    assert hash(step) == hash(parse_step("rest for 1 minute"))
    with pytest.raises(FrozenInstanceError):
        step.period = 3.0  # type: ignore[misc]


HOUR = (Stop("time", 3600.0, "s"),)
REFUSED: list[tuple[type, tuple[Any, ...], str]] = [
    (Step, ("resistance", Quantity(1.0, "A"), HOUR), "no such kind of step"),
    (Step, ("current", Quantity(1.0, "V"), HOUR), "wrong unit for current"),
    (Step, ("power", Quantity(0.0, "W"), HOUR), "above zero"),
    (Step, ("rest", Quantity(1.0, "A"), HOUR), "a rest has zero current"),
    (Step, ("rest", Quantity(0.0, "A"), ()), "never ends"),
    (Step, ("rest", Quantity(0.0, "A"), HOUR, "", float("nan")), "period"),
    (Stop, ("power", 1.0, "W"), "no such stop"),
    (Stop, ("voltage", 1.0, "A"), "wrong unit for a voltage"),
    (Stop, ("voltage", 1.0, "V", "="), "no such operator"),
    (Stop, ("voltage", float("nan"), "V"), "finite"),
    (Quantity, (float("inf"), "V"), "finite"),
]


@pytest.mark.parametrize(("kind", "arguments", "message"), REFUSED)
def test_impossible_specifications(kind: type, arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        kind(*arguments)
