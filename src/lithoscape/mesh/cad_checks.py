"""What every specification of a geometry asks of its numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import InputError


def is_finite(value: Any) -> bool:
    """Whether ``value`` is a finite real number; True and False are none."""
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    return number and math.isfinite(value)


def positive(field: str, *values: Any) -> None:
    """Lengths above zero [m].

    Raises
    ------
    InputError
        One that is not finite or not above zero.
    """
    for value in values:
        if not (is_finite(value) and value > 0):
            raise InputError(
                "must be a positive length", field=field, value=value, remedy="Give a length above zero, in m"
            )


def not_negative(field: str, *values: Any) -> None:
    """Lengths of zero or more [m].

    Raises
    ------
    InputError
        One that is not finite or below zero.
    """
    for value in values:
        if not (is_finite(value) and value >= 0):
            raise InputError(
                "must be a length of zero or more",
                field=field,
                value=value,
                remedy="Give zero or a length, in m",
            )


def at_most(field: str, value: float, limit: float, what: str) -> None:
    """``value`` does not exceed ``limit`` [m] beyond round-off; ``what`` names the limit.

    Raises
    ------
    InputError
        It does.
    """
    if value > limit * (1 + 1e-12):
        raise InputError(
            f"is larger than {what}", field=field, value=value, remedy=f"Give at most {limit:.6g} m"
        )


def counted(field: str, value: Any, least: int = 1) -> None:
    """A whole number of at least ``least``.

    Raises
    ------
    InputError
        Any other value.
    """
    if not (isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= least):
        raise InputError(
            "must be a whole number", field=field, value=value, remedy=f"Give a whole number from {least}"
        )


def vector(field: str, value: Sequence[float], dim: int) -> None:
    """``dim`` finite numbers.

    Raises
    ------
    InputError
        Another count of them, or one that is not finite.
    """
    if len(value) != dim or not all(is_finite(v) for v in value):
        raise InputError(
            f"must be {dim} finite numbers", field=field, value=tuple(value), remedy="One for every axis"
        )
