"""Validation of single numbers, each failure naming field, value and remedy."""

from __future__ import annotations

import math
from typing import Any

from ..errors import InputError


def number(field: str, value: Any) -> None:
    """Refuse anything but a finite real number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(
            "must be a finite number", field=field, value=value, remedy="Give one number in SI units."
        )


def positive(field: str, value: Any, unit: str = "") -> None:
    """Refuse anything but a finite number > 0."""
    number(field, value)
    if value <= 0:
        hint = f" in {unit}" if unit else ""
        raise InputError("must be positive", field=field, value=value, remedy=f"Give a number > 0{hint}.")


def not_negative(field: str, value: Any) -> None:
    """Refuse anything but a finite number >= 0."""
    number(field, value)
    if value < 0:
        raise InputError("must not be negative", field=field, value=value, remedy="Give a number >= 0.")


def fraction(field: str, value: Any) -> None:
    """Refuse anything outside (0, 1]."""
    number(field, value)
    if not 0.0 < value <= 1.0:
        raise InputError(
            "must be a fraction in (0, 1]",
            field=field,
            value=value,
            remedy="Give a volume fraction, not a percentage.",
        )


def interval(field: str, value: Any, low: float = -math.inf, high: float = math.inf) -> None:
    """Refuse anything but an ordered pair (lowest, highest) inside [``low``, ``high``]."""
    pair = tuple(value) if isinstance(value, tuple | list) else ()
    if len(pair) != 2:
        raise InputError(
            "must be a pair (lowest, highest)", field=field, value=value, remedy="Give two numbers."
        )
    number(f"{field}[0]", pair[0])
    number(f"{field}[1]", pair[1])
    if not low <= pair[0] < pair[1] <= high:
        raise InputError(
            "must be ordered (lowest, highest)",
            field=field,
            value=value,
            remedy=f"Give lowest < highest, both within {low:g} to {high:g}.",
        )


def law(field: str, value: Any, constant_allowed: bool = False) -> None:
    """Refuse anything but a callable law or, where allowed, a positive constant."""
    if callable(value):
        return
    if constant_allowed:
        positive(field, value)
        return
    raise InputError(
        "must be a law (a callable)",
        field=field,
        value=value,
        remedy="Name a registered law or give a table; see lithoscape.materials.",
    )
