"""Refuse protocols that a cell cannot run, before anything is solved."""

from __future__ import annotations

from ..errors import InputError
from .quantity import Base
from .sequence import Sequence, Turn
from .step import Step
from .stop import CURRENT_TOLERANCE, VOLTAGE_TOLERANCE, Stop


def check_protocol(sequence: Sequence, voltage_window: tuple[float, float], base: Base) -> None:
    """Raise InputError for the first step that the cell cannot run.

    Refused are: a value in A or W when ``base`` has no area; a hold outside the window; a charge
    that ends at or below the window's floor, or a discharge that ends at or above its ceiling
    (over before it starts); a step none of whose stops can be reached (a charge to a voltage above
    the window is fine beside a time stop); and a hold that ends at a current at or above the one
    with which the step before it arrives at the same voltage (over at once).

    Parameters
    ----------
    sequence:
        The protocol.
    voltage_window:
        Lowest and highest terminal voltage that the material laws can follow [V].
    base:
        Current density at 1C and electrode area.
    """
    low, high = voltage_window
    if not low < high:
        raise InputError("lowest before highest", field="voltage_window", value=voltage_window)
    previous: Turn | None = None
    for turn in sequence.turns():
        try:
            _check_step(turn.spec, (low, high), base)
            if previous is not None:
                _check_hold_after(turn.spec, previous.spec, base)
        except InputError as error:
            field = sequence.location(turn.entry, turn.index)
            raise InputError(error.message, field=field, value=error.value, remedy=error.remedy) from error
        if turn.spec.kind != "impedance":
            previous = turn


def _check_step(step: Step, window: tuple[float, float], base: Base) -> None:
    step.setpoint(base)
    for stop in step.stops:
        stop.threshold(base)
    remedy = f"Choose a voltage from {window[0]:g} to {window[1]:g} V"
    if step.mode == "hold" and not window[0] <= step.value.number <= window[1]:
        message = "the voltage held is outside what the materials can reach"
        raise InputError(message, value=step.text or step.describe(), remedy=remedy)
    for stop in step.stops:
        if _over_at_start(step, stop, window):
            message = f"the {step.mode} would be over before it starts"
            raise InputError(message, value=stop.describe(), remedy=remedy)
    if step.stops and not any(_reachable(stop, window) for stop in step.stops):
        remedy = f'{remedy}, or add a time such as "for 10 hours"'
        message = "the stop is outside what the materials can reach, so the step never ends"
        raise InputError(message, value=step.stops[0].describe(), remedy=remedy)


def _over_at_start(step: Step, stop: Stop, window: tuple[float, float]) -> bool:
    if stop.quantity != "voltage" or step.mode == "rest":
        return False
    side = stop.side("falling" if step.mode == "discharge" else "rising")
    return stop.value >= window[1] if side == "falling" else stop.value <= window[0]


def _reachable(stop: Stop, window: tuple[float, float]) -> bool:
    return stop.quantity != "voltage" or window[0] <= stop.value <= window[1]


def _check_hold_after(step: Step, previous: Step, base: Base) -> None:
    """A hold that follows a constant current to the same voltage starts at that current."""
    if step.mode != "hold" or previous.kind != "current":
        return
    voltages = [stop.value for stop in previous.stops if stop.quantity == "voltage"]
    if not any(abs(value - step.value.number) <= VOLTAGE_TOLERANCE for value in voltages):
        return
    arriving = abs(previous.setpoint(base)) * (1 - CURRENT_TOLERANCE)
    for stop in step.stops:
        if stop.quantity == "current" and stop.operator is None and stop.threshold(base) >= arriving:
            message = "the hold would be over at once: the step before it arrives with no more current"
            remedy = "Stop at a current below that of the step before, such as a tenth of it"
            raise InputError(message, value=stop.describe(), remedy=remedy)
