"""Amounts in protocol lines: "0.8C", "C/20", "5 mA/cm2", "4.3V", "10 minutes"."""

from __future__ import annotations

import math
import re
from typing import cast

from ..errors import InputError, nearest
from .quantity import Basis, Quantity

_NUMBER = r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?(?![\d.,])|nan|inf(?:inity)?)"
_AMOUNT = re.compile(rf"(?P<number>{_NUMBER})\s*(?P<unit>.*)", re.IGNORECASE)
_ONE_OVER = re.compile(rf"C\s*/\s*(?P<number>{_NUMBER})", re.IGNORECASE)

_PREFIXES = {"": 1.0, "m": 1e-3, "u": 1e-6, "µ": 1e-6}
_PER_AREA = {"m2": 1.0, "cm2": 1e4}
_TIMES = {
    1.0: ("s", "sec", "second", "seconds"),
    60.0: ("m", "min", "mins", "minute", "minutes"),
    3600.0: ("h", "hr", "hrs", "hour", "hours"),
}
_LISTED = ("C", "A", "mA", "A/m2", "mA/cm2", "V", "mV", "W", "mW", "W/m2", "W/cm2", "s", "minutes", "hours")


def _spellings() -> dict[str, tuple[float, str]]:
    """Scale to the basis, and the basis, of every unit as written, in lower case."""
    table: dict[str, tuple[float, str]] = {"c": (1.0, "C")}
    for prefix, scale in _PREFIXES.items():
        for unit in ("A", "W", "V"):
            table[f"{prefix}{unit}".lower()] = (scale, unit)
        for unit in ("A", "W"):
            for area, factor in _PER_AREA.items():
                length = area[:-1]
                written = (f"/{area}", f"/{length}^2", f".{length}-2", f"{length}-2", f"{length}^-2")
                for suffix in written:
                    table[f"{prefix}{unit}{suffix}".lower()] = (scale * factor, f"{unit}.m-2")
    for scale, names in _TIMES.items():
        table.update({name: (scale, "s") for name in names})
    return table


_UNITS = _spellings()


def parse_amount(text: str) -> Quantity:
    """Read a number with a unit; the number comes back in SI or as a C-rate.

    Parameters
    ----------
    text:
        Such as ``"0.8C"``, ``"C/20"``, ``"50 mA"``, ``"5 mA.cm-2"``, ``"4.3 V"``, ``"1 hour"``.
        Case is ignored, except that a capital prefix M (mega) is refused.
    """
    text = text.strip()
    if match := _ONE_OVER.fullmatch(text):
        divisor = _finite(match["number"], text)
        if divisor == 0:
            raise InputError("division by zero", value=text, remedy='Write a C-rate such as "C/20"')
        return Quantity(1 / divisor, "C")
    match = _AMOUNT.fullmatch(text)
    if match is None:
        remedy = 'Write a number and a unit, such as "0.8C", "C/20", "5 mA/cm2", "4.3 V" or "5 minutes"'
        raise InputError("cannot read this amount", value=text, remedy=remedy)
    scale, basis = _unit(match["unit"], text)
    return Quantity(_finite(match["number"], text) * scale, cast("Basis", basis))


def _finite(number: str, text: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise InputError("not a finite number", value=text, remedy="Give a number such as 0.5")
    return value


def _unit(written: str, text: str) -> tuple[float, str]:
    unit = "".join(written.split()).replace("μ", "µ")
    if not unit:
        raise InputError("the unit is missing", value=text, remedy=f"Valid: {', '.join(_LISTED)}")
    if unit.lower() in ("ohm", "ohms", "mohm"):
        raise InputError(
            "constant resistance is not supported", value=text, remedy="Use a current or a power"
        )
    if unit.lower() not in _UNITS:
        raise InputError(f"unknown unit {unit!r}", value=text, remedy=nearest(unit, _LISTED))
    if unit[0] == "M" and _UNITS[unit.lower()][1] != "s":
        small = f"m{unit[1:]}"
        raise InputError("capital M means mega", value=text, remedy=f"Write {small!r} for milli")
    return _UNITS[unit.lower()]
