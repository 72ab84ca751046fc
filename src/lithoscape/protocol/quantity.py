"""A number with the basis it is stated in, and the cell data that turn it into SI densities."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from ..errors import InputError

Basis = Literal["C", "A", "A.m-2", "V", "W", "W.m-2", "s"]
"""Units a step or a stop may be stated in; C is the C-rate."""

CURRENT_BASES: tuple[str, ...] = ("C", "A", "A.m-2")
POWER_BASES: tuple[str, ...] = ("W", "W.m-2")


@dataclass(frozen=True)
class Quantity:
    """A finite number and the unit it is stated in.

    Current and power are signed: **positive discharges the cell** (PyBaMM's convention).

    Parameters
    ----------
    number:
        Value in ``basis``.
    basis:
        ``"C"``, ``"A"``, ``"A.m-2"``, ``"V"``, ``"W"``, ``"W.m-2"`` or ``"s"``.
    """

    number: float
    basis: Basis

    def __post_init__(self) -> None:
        if not math.isfinite(self.number):
            raise InputError("not a finite number", value=self.number, remedy="Give a number such as 0.5")


@dataclass(frozen=True)
class Base:
    """The cell data that turn C-rates, currents and powers into densities.

    Parameters
    ----------
    c_rate_current_density:
        Current density at 1C [A/m2].
    area:
        Electrode area [m2]; needed only by protocols stated in A or W.
    """

    c_rate_current_density: float
    area: float | None = None

    def __post_init__(self) -> None:
        for name in ("c_rate_current_density", "area"):
            value = getattr(self, name)
            if value is None and name == "area":
                continue
            if not (math.isfinite(value) and value > 0):
                raise InputError(
                    "must be positive and finite", field=f"base.{name}", value=value, remedy="In SI"
                )

    def current_density(self, quantity: Quantity) -> float:
        """Current density [A/m2] of a current in any basis, sign kept."""
        if quantity.basis == "C":
            return quantity.number * self.c_rate_current_density
        if quantity.basis == "A":
            return quantity.number / self._area_for(quantity)
        if quantity.basis == "A.m-2":
            return quantity.number
        raise InputError("not a current", value=quantity.basis, remedy=f"Valid: {', '.join(CURRENT_BASES)}")

    def power_density(self, quantity: Quantity) -> float:
        """Power density [W/m2] of a power in any basis, sign kept."""
        if quantity.basis == "W":
            return quantity.number / self._area_for(quantity)
        if quantity.basis == "W.m-2":
            return quantity.number
        raise InputError("not a power", value=quantity.basis, remedy=f"Valid: {', '.join(POWER_BASES)}")

    def _area_for(self, quantity: Quantity) -> float:
        if self.area is None:
            raise InputError(
                f"a value in {quantity.basis} needs the electrode area",
                field="base.area",
                value=f"{abs(quantity.number)!r} {quantity.basis}",
                remedy=f"Give the electrode area, or state the value per area, such as m{quantity.basis}/cm2",
            )
        return self.area
