"""Protocol lines and lists to steps and sequences: PyBaMM's experiment grammar and a little more.

A line is ``<what> <stops> [(<time> period)]``::

    Discharge|Charge at <current or power>     Hold at <voltage>     Rest
    for <time>    until <voltage or current>    joined by "or"
    EIS from <frequency> to <frequency> [with <number> points per decade]

Beyond PyBaMM: several "until", values per electrode area, "Rest until 3.6 V", any case and
spacing. Refused although PyBaMM reads them, because they cannot mean what they say: "Charge at
4.1 V" (there a hold at -4.1 V), "Hold at 1 A" (there a discharge), a constant-current step that
ends at a current, and constant resistance.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from ..errors import InputError, nearest
from .amount import parse_amount
from .frequency import parse_range
from .quantity import CURRENT_BASES, POWER_BASES, Quantity
from .sequence import Cycle, Sequence
from .step import Kind, Step
from .stop import Operator, Stop

_VERBS = ("Discharge", "Charge", "Hold", "Rest", "EIS")
_KEYS = ("cycle", "repeat", "steps")
_EXAMPLE = (
    'Write a line such as "Discharge at 0.8C until 2.5 V", "Hold at 4.3 V until C/50" or "Rest for 1 hour"'
)
_PERIOD = re.compile(r"\s*\(\s*(?P<time>[^()]*?)\s*period\s*\)$", re.IGNORECASE)
_LINE = re.compile(
    r"(?P<verb>\w+)(?:\s+at\s+(?P<value>.+?))?(?:\s+(?P<stops>(?:for|until)\b.*))?", re.IGNORECASE
)
_JOINT = re.compile(r"\s+(?:or\s+)?(?=(?:for|until)\b)|\s+or\s+", re.IGNORECASE)
_CLAUSE = re.compile(r"(?:(?P<keyword>for|until)\b)?\s*(?P<operator>[<>])?\s*(?P<amount>.*)", re.IGNORECASE)


def parse_step(text: str) -> Step:
    """Read one protocol line.

    Parameters
    ----------
    text:
        Such as ``"Discharge at 0.8C until 2.5 V"`` or ``"Rest for 1 hour or until 3.6 V"``.

    Returns
    -------
    Step
        Current and power positive for discharge; the line itself in ``text``.
    """
    if not isinstance(text, str):
        raise InputError("a step is one line of text", field="step", value=text, remedy=_EXAMPLE)
    line = " ".join(text.split())
    try:
        if line.split(" ")[0].upper() == "EIS":
            nothing = Quantity(0.0, "A.m-2")
            return Step("impedance", nothing, (), text, frequencies=parse_range(line))
        line, period = _split_period(line)
        verb, value, stops = _split_line(line)
        kind, setpoint = _setpoint(verb, value)
        return Step(kind, setpoint, tuple(_stop(clause) for clause in stops), text, period)
    except InputError as error:
        raise _located(error, error.field or "step") from error


def _split_period(line: str) -> tuple[str, float | None]:
    match = _PERIOD.search(line)
    if match is None:
        return line, None
    quantity = parse_amount(match["time"])
    if quantity.basis != "s":
        raise InputError("the period is a time", value=match["time"], remedy='Such as "(1 minute period)"')
    return line[: match.start()], quantity.number


def _split_line(line: str) -> tuple[str, str | None, list[str]]:
    """Verb, value text and stop clauses."""
    match = _LINE.fullmatch(line)
    verb = line.split(" ")[0].capitalize()
    if verb not in _VERBS:
        raise InputError("a step starts with what to do", value=verb or line, remedy=nearest(verb, _VERBS))
    if match is None:
        raise InputError("cannot read this step", value=line, remedy=_EXAMPLE)
    stops = match["stops"]
    if not stops:
        remedy = 'Add a time or a limit, such as "for 1 hour" or "until 2.5 V"'
        raise InputError("the step never ends", value=line, remedy=remedy)
    return verb, match["value"], _JOINT.split(stops)


def _setpoint(verb: str, text: str | None) -> tuple[Kind, Quantity]:
    """Kind and signed value of ``verb`` at ``text``."""
    if verb == "Rest":
        if text is not None:
            raise InputError("a rest takes no value", value=text, remedy='Write "Rest for 5 minutes"')
        return "rest", Quantity(0.0, "A.m-2")
    if text is None:
        raise InputError(f'"{verb}" needs a value', value=verb, remedy=_EXAMPLE)
    quantity = parse_amount(text)
    if verb == "Hold":
        if quantity.basis != "V":
            remedy = 'Write "Discharge at" or "Charge at" for currents and powers'
            raise InputError("only a voltage is held", value=text, remedy=remedy)
        return "voltage", quantity
    kind = _flow_kind(verb, quantity, text)
    sign = 1 if verb == "Discharge" else -1
    return kind, Quantity(sign * quantity.number, quantity.basis)


def _flow_kind(verb: str, quantity: Quantity, text: str) -> Kind:
    """Whether a discharge or charge is at a current or a power, and of positive value."""
    if quantity.basis == "V":
        raise InputError(f'"{verb}" needs a current or a power', value=text, remedy=f'Write "Hold at {text}"')
    if quantity.basis not in CURRENT_BASES + POWER_BASES:
        raise InputError(f'"{verb}" needs a current or a power', value=text, remedy=_EXAMPLE)
    if quantity.number <= 0:
        remedy = '"Charge" and "Discharge" already give the sign; write "Rest" for zero'
        raise InputError("the value must be above zero", value=text, remedy=remedy)
    return "current" if quantity.basis in CURRENT_BASES else "power"


def _stop(clause: str) -> Stop:
    """One stop; without a keyword the unit tells a time from a limit."""
    match = cast("re.Match[str]", _CLAUSE.fullmatch(clause))
    quantity = parse_amount(match["amount"])
    keyword = (match["keyword"] or "").lower()
    if quantity.basis == "s" and keyword == "until":
        raise InputError('a time follows "for"', value=clause, remedy=f'Write "for {match["amount"]}"')
    if quantity.basis != "s" and keyword == "for":
        raise InputError('a limit follows "until"', value=clause, remedy=f'Write "until {match["amount"]}"')
    if quantity.basis in POWER_BASES:
        raise InputError(
            "a step cannot end at a power", value=clause, remedy="Valid: a voltage, a current, a time"
        )
    operator = cast("Operator | None", match["operator"])
    name = {"s": "time", "V": "voltage"}.get(quantity.basis, "current")
    return Stop(cast("Any", name), quantity.number, quantity.basis, operator)


def parse_protocol(protocol: list[Any] | tuple[Any, ...] | Mapping[str, Any]) -> Sequence:
    """Read a protocol as it stands in a scenario file.

    Parameters
    ----------
    protocol:
        A list whose entries are lines (each its own cycle, as in PyBaMM), lists of lines (a
        cycle) or mappings ``{cycle: name, repeat: n, steps: [...]}``; or one such mapping.
        Steps already parsed are taken as they are.

    Returns
    -------
    Sequence
        Errors name the place, such as ``protocol[1].steps[3]``.
    """
    entries = [protocol] if isinstance(protocol, Mapping) else protocol
    if not isinstance(entries, list | tuple):
        raise InputError("a protocol is a list of steps", field="protocol", value=protocol, remedy=_EXAMPLE)
    return Sequence(tuple(_cycle(entry, f"protocol[{index}]") for index, entry in enumerate(entries)))


def _cycle(entry: Any, field: str) -> Cycle:
    if isinstance(entry, str | Step):
        return Cycle("", (_step(entry, field),))
    if isinstance(entry, list | tuple):
        entry = {"steps": entry}
    if not isinstance(entry, Mapping):
        raise InputError("neither a step nor a cycle", field=field, value=entry, remedy=_EXAMPLE)
    _check_mapping(entry, field)
    steps = tuple(_step(step, f"{field}.steps[{index}]") for index, step in enumerate(entry["steps"]))
    try:
        return Cycle(entry.get("cycle", ""), steps, entry.get("repeat", 1))
    except InputError as error:
        raise _located(error, f"{field}.{error.field or 'steps'}") from error


def _check_mapping(entry: Mapping[str, Any], field: str) -> None:
    for key in entry:
        if key not in _KEYS:
            raise InputError(
                "unknown key", field=f"{field}.{key}", value=key, remedy=nearest(str(key), _KEYS)
            )
    if not isinstance(entry.get("steps"), list | tuple):
        remedy = 'Give "steps" as a list of lines'
        raise InputError(
            "a cycle needs its steps", field=f"{field}.steps", value=entry.get("steps"), remedy=remedy
        )
    if not isinstance(entry.get("cycle", ""), str):
        name = entry["cycle"]
        remedy = f'Put it in quotes: "{name}"'
        raise InputError("the name of a cycle is text", field=f"{field}.cycle", value=name, remedy=remedy)


def _step(entry: Any, field: str) -> Step:
    if isinstance(entry, Step):
        return entry
    try:
        return parse_step(entry)
    except InputError as error:
        raise _located(error, field) from error


def _located(error: InputError, field: str) -> InputError:
    return InputError(error.message, field=field, value=error.value, remedy=error.remedy)
