"""The same lines through PyBaMM's own reader."""

import os
from typing import Any

import pytest

from lithoscape.errors import InputError
from lithoscape.protocol import Step, parse_step

os.environ["PYBAMM_DISABLE_TELEMETRY"] = "true"

LINES = [
    "Discharge at 1C for 0.5 hours",
    "Discharge at C/20 for 0.5 hours",
    "Charge at 0.5 C for 45 minutes",
    "Discharge at 1 A for 0.5 hours",
    "Charge at 200 mA for 45 minutes",
    "Discharge at 1W for 0.5 hours",
    "Charge at 200mW for 45 minutes",
    "Charge at 200 mW until 4.1 V",
    "Rest for 10 minutes",
    "Hold at 1V for 20 seconds",
    "Hold at 900 mV for 20 seconds",
    "Charge at 1 C until 4.1V",
    "Hold at 4.1 V until 50mA",
    "Hold at 3V until C/50",
    "Hold at 3V until 0.1C",
    "Hold at 3V until < 0.1 A",
    "Discharge at C/3 for 2 hours or until 2.5 V",
    "Discharge at C/3 for 2 hours until 2.5 V",
    "Discharge at 1e-1 A for 2 h or until 2.5 V",
    "Charge at 1 A until > 4.1 V",
    "Rest for 1 hour or until > 3.6 V",
    "Rest for 3 s",
    "Rest for 3 sec",
    "Rest for 3 min",
    "Rest for 3 m",
    "Rest for 3 hr",
    "Discharge at 1C for 1 hour (1 minute period)",
    "Charge at 1C until 4.2 V (30 seconds period)",
]

KINDS = {
    "Current": ("current", "A"),
    "CRate": ("current", "C"),
    "Power": ("power", "W"),
    "Voltage": ("voltage", "V"),
    "Rest": ("rest", "A.m-2"),
}
STOPS = {
    "VoltageTermination": ("voltage", "V"),
    "CurrentTermination": ("current", "A"),
    "CRateTermination": ("current", "C"),
}


@pytest.fixture(scope="module")
def peer() -> Any:
    """PyBaMM's reader of a line."""
    import pybamm

    return pybamm.step.string


def stops_of(step: Step) -> list[tuple[str, str, float, str | None]]:
    """All stops except the time."""
    return [(s.quantity, s.basis, s.value, s.operator) for s in step.stops if s.quantity != "time"]


@pytest.mark.parametrize("line", LINES)
def test_same_kind_value_duration_and_termination(line: str, peer: Any) -> None:
    ours, theirs = parse_step(line), peer(line)
    assert (ours.kind, ours.value.basis) == KINDS[type(theirs).__name__]
    assert ours.value.number == pytest.approx(theirs.value, rel=1e-14)
    times = [stop.value for stop in ours.stops if stop.quantity == "time"]
    assert times == ([] if theirs.uses_default_duration else [theirs.duration])
    peers = [(*STOPS[type(t).__name__], t.value, t.operator) for t in theirs.termination]
    assert [(q, b, o) for q, b, _, o in stops_of(ours)] == [(q, b, o) for q, b, _, o in peers]
    assert [v for *_, v, _ in stops_of(ours)] == pytest.approx([v for *_, v, _ in peers], rel=1e-14)
    assert ours.period == theirs.period
    if ours.mode in ("discharge", "charge", "rest"):
        assert theirs.direction.lower() == ours.mode


@pytest.mark.parametrize(
    "line", ["Charge at 4.1 V for 1 h", "Hold at 1 A for 1 h", "Discharge at 1 Ohm for 1 h"]
)
def test_what_pybamm_reads_and_we_refuse(line: str, peer: Any) -> None:
    peer(line)
    with pytest.raises(InputError):
        parse_step(line)


@pytest.mark.parametrize(
    "line", ["Discharge at 1C", "Run for 1 hour", "Rest for 1 day", "Charge at 1 X for 1 h"]
)
def test_what_both_refuse(line: str, peer: Any) -> None:
    with pytest.raises(Exception):  # noqa: B017 - PyBaMM raises several kinds
        peer(line)
    with pytest.raises(InputError):
        parse_step(line)
