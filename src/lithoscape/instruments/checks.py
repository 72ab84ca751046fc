"""Checks that all instruments share; every error names field, value and remedy."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InputError


def positive(field: str, value: float, what: str = "a number above zero") -> float:
    """``value`` if it is finite and above zero, else InputError asking for ``what``."""
    if not (np.isfinite(value) and value > 0):
        raise InputError("must be positive and finite", field=field, value=value, remedy=f"Give {what}")
    return float(value)


def uncertainty(field: str, value: Any) -> np.ndarray:
    """``value`` as an array if every entry is finite and above zero; nothing is known without error."""
    values = np.asarray(value, dtype=float)
    if not (values.size and np.all(np.isfinite(values)) and np.all(values > 0)):
        raise InputError(
            "a standard uncertainty is positive and finite", field=field, value=np.round(values, 12).tolist(),
            remedy="Give what the measurement scatters by, in the unit of the measured value",
        )  # fmt: skip
    return values


def finite(field: str, value: Any) -> np.ndarray:
    """``value`` as an array if every entry is a finite number."""
    values = np.asarray(value, dtype=float)
    if not np.all(np.isfinite(values)):
        raise InputError("must be finite", field=field, value=values.tolist(), remedy="Give numbers")
    return values


def scattering_angle(field: str, degrees: float) -> float:
    """``degrees`` if 0 < angle < 180."""
    if not (np.isfinite(degrees) and 0.0 < degrees < 180.0):
        raise InputError(
            "a scattering angle lies between 0 and 180 degrees", field=field, value=degrees,
            remedy="Give the angle between incident and scattered beam (2 theta for diffraction)",
        )  # fmt: skip
    return float(degrees)


def ordered(field: str, window: Any) -> tuple[float, float]:
    """``window`` as (low, high) with low < high."""
    pair = tuple(float(v) for v in window)
    if len(pair) != 2 or not np.all(np.isfinite(pair)) or not pair[0] < pair[1]:
        raise InputError(
            "the window is empty", field=field, value=list(pair), remedy="Give its lower, then its upper end"
        )
    return pair[0], pair[1]
