"""When a step ends: a voltage, a current or a time is reached."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from ..errors import InputError
from .quantity import CURRENT_BASES, Base, Basis, Quantity

StopQuantity = Literal["voltage", "current", "time"]
Direction = Literal["falling", "rising"]
Operator = Literal["<", ">"]

VOLTAGE_TOLERANCE = 1e-4
"""Absolute tolerance of a voltage stop [V]."""
CURRENT_TOLERANCE = 1e-3
"""Tolerance of a current stop, relative to its threshold."""
TIME_TOLERANCE = 1e-6
"""Absolute tolerance of a time stop [s]."""

_BASES: dict[str, tuple[str, ...]] = {"voltage": ("V",), "current": CURRENT_BASES, "time": ("s",)}


@dataclass(frozen=True)
class Stop:
    """One condition that ends a step.

    Parameters
    ----------
    quantity:
        ``"voltage"``, ``"current"`` or ``"time"`` (counted from the start of the step).
    value:
        Threshold in ``basis``. A current without ``operator`` is a magnitude.
    basis:
        ``"V"``; ``"C"``, ``"A"`` or ``"A.m-2"``; ``"s"``.
    operator:
        ``"<"`` or ``">"`` fixes the side, as in "until > 3.6 V"; a current is then the *signed*
        current, positive for discharge. Without it the step decides (see :meth:`gap`).
    """

    quantity: StopQuantity
    value: float
    basis: Basis
    operator: Operator | None = None

    def __post_init__(self) -> None:
        if self.quantity not in _BASES:
            raise InputError("no such stop", value=self.quantity, remedy=f"Valid: {', '.join(_BASES)}")
        if self.basis not in _BASES[self.quantity]:
            valid = ", ".join(_BASES[self.quantity])
            raise InputError(f"wrong unit for a {self.quantity}", value=self.basis, remedy=f"Valid: {valid}")
        if self.operator not in (None, "<", ">"):
            raise InputError("no such operator", value=self.operator, remedy="Valid: <, >")
        self._check_value()

    def _check_value(self) -> None:
        if not math.isfinite(self.value):
            raise InputError("a stop needs a finite number", value=self.value, remedy='Such as "until 2.5 V"')
        if self.quantity == "time" and (self.value <= 0 or self.operator):
            remedy = 'Give a positive time without < or >, such as "for 5 minutes"'
            raise InputError("a time must be positive", value=self.value, remedy=remedy)
        if self.quantity == "current" and self.operator is None and self.value <= 0:
            remedy = 'Give a small positive current that can be reached, such as "until C/50"'
            raise InputError(
                "the magnitude of a current never falls below zero", value=self.value, remedy=remedy
            )

    def threshold(self, base: Base) -> float:
        """Threshold in V, A/m2 or s."""
        if self.quantity == "current":
            return base.current_density(Quantity(self.value, self.basis))
        return self.value

    def tolerance(self, base: Base) -> float:
        """Absolute tolerance of :meth:`gap`: 0.1 mV, 0.1 % of the threshold [A/m2], 1 us."""
        if self.quantity == "voltage":
            return VOLTAGE_TOLERANCE
        if self.quantity == "time":
            return TIME_TOLERANCE
        return CURRENT_TOLERANCE * abs(self.threshold(base))

    def side(self, direction: Direction) -> Direction:
        """From which side the stop is met, ``operator`` before ``direction`` (of the step)."""
        if self.operator is None:
            return direction
        return "falling" if self.operator == "<" else "rising"

    def gap(
        self, voltage: float, current_density: float, elapsed: float, base: Base, direction: Direction
    ) -> float:
        """Distance to the stop: positive before it, zero or negative from it on.

        Continuous in its arguments, so the stop is located by root finding to :meth:`tolerance`.

        Parameters
        ----------
        voltage:
            Terminal voltage [V].
        current_density:
            Applied current density [A/m2], positive for discharge.
        elapsed:
            Time since the start of the step [s].
        base:
            Cell data for currents stated in C or A.
        direction:
            How this stop is approached, from ``step.directions(start_voltage)``: a discharge stops
            when V has fallen to the value, a charge when it has risen to it, a rest when V crosses
            from the side on which it starts. A current stop without operator is met when the
            *magnitude* has fallen to the threshold, whatever ``direction``.

        Returns
        -------
        float
            Gap in V, A/m2 or s.
        """
        if self.quantity == "time":
            return self.value - elapsed
        threshold = self.threshold(base)
        if self.quantity == "current" and self.operator is None:
            return abs(current_density) - threshold
        measured = voltage if self.quantity == "voltage" else current_density
        return measured - threshold if self.side(direction) == "falling" else threshold - measured

    def reached(
        self, voltage: float, current_density: float, elapsed: float, base: Base, direction: Direction
    ) -> bool:
        """Whether :meth:`gap` is within :meth:`tolerance` of the stop or beyond it."""
        return self.gap(voltage, current_density, elapsed, base, direction) <= self.tolerance(base)

    def describe(self) -> str:
        """Canonical text, ``"until 2.5 V"`` or ``"for 300.0 s"``, which the parser reads back."""
        if self.quantity == "time":
            return f"for {float(self.value)!r} s"
        sign = f"{self.operator} " if self.operator else ""
        return f"until {sign}{float(self.value)!r} {self.basis}"
