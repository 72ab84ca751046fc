"""One step of a cycler protocol: what is controlled, at which value, until when."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from ..errors import InputError
from .frequency import FrequencyRange
from .quantity import CURRENT_BASES, POWER_BASES, Base, Quantity
from .stop import Direction, Stop

Kind = Literal["current", "voltage", "power", "rest", "impedance"]
Mode = Literal["discharge", "charge", "hold", "rest", "impedance"]

_BASES: dict[str, tuple[str, ...]] = {
    "current": CURRENT_BASES,
    "voltage": ("V",),
    "power": POWER_BASES,
    "rest": CURRENT_BASES,
    "impedance": CURRENT_BASES,
}


@dataclass(frozen=True)
class Step:
    """One step: a controlled quantity, its value and the stops that end it.

    The first stop that is met ends the step. **Discharge is positive** for current and power.

    Parameters
    ----------
    kind:
        ``"current"``, ``"voltage"``, ``"power"``, ``"rest"`` (zero current) or ``"impedance"``.
    value:
        Setpoint with its basis; zero for a rest and for an impedance.
    stops:
        At least one :class:`Stop`; none for an impedance, which takes no time.
    text:
        The line it was read from; ignored when steps are compared.
    period:
        Sampling period of the output [s]; ``None`` leaves it to the solver.
    frequencies:
        Of an impedance, and of nothing else.
    """

    kind: Kind
    value: Quantity
    stops: tuple[Stop, ...]
    text: str = field(default="", compare=False)
    period: float | None = None
    frequencies: FrequencyRange | None = None

    def __post_init__(self) -> None:
        self._check_value()
        if (self.kind == "impedance") != (self.frequencies is not None):
            raise InputError("an impedance, and nothing else, has frequencies", value=self.text or self.kind)
        if self.kind == "impedance" and (self.stops or self.period is not None):
            raise InputError("an impedance takes no time: it has no stops", value=self.text or self.kind)
        if not self.stops and self.kind != "impedance":
            remedy = 'Add a time or a limit, such as "for 1 hour" or "until 2.5 V"'
            raise InputError("the step never ends", value=self.text or None, remedy=remedy)
        for stop in self.stops:
            self._check_stop(stop)
        if self.period is not None and not (math.isfinite(self.period) and self.period > 0):
            raise InputError("the sampling period must be positive and finite", value=self.period)

    def _check_value(self) -> None:
        if self.kind not in _BASES:
            raise InputError("no such kind of step", value=self.kind, remedy=f"Valid: {', '.join(_BASES)}")
        if self.value.basis not in _BASES[self.kind]:
            valid = ", ".join(_BASES[self.kind])
            raise InputError(f"wrong unit for {self.kind}", value=self.value.basis, remedy=f"Valid: {valid}")
        if self.kind in ("current", "power") and self.value.number == 0:
            raise InputError(f"a {self.kind} step needs a value above zero", value=0, remedy='Write "Rest"')
        if self.kind in ("rest", "impedance") and self.value.number != 0:
            remedy = 'Write "Discharge at" or "Charge at"'
            what = "an impedance" if self.kind == "impedance" else "a rest"
            raise InputError(f"{what} has zero current", value=self.value.number, remedy=remedy)

    def _check_stop(self, stop: Stop) -> None:
        if self.kind == "voltage" and stop.quantity == "voltage":
            remedy = 'End it by current or time, such as "until C/50" or "for 1 hour"'
            raise InputError(
                "a hold keeps its voltage and cannot end at one", value=stop.describe(), remedy=remedy
            )
        if self.kind in ("current", "rest") and stop.quantity == "current":
            what = "a rest" if self.kind == "rest" else "a step at constant current"
            remedy = 'End it by voltage or time, such as "until 2.5 V" or "for 1 hour"'
            message = f"{what} keeps its current and cannot end at one"
            raise InputError(message, value=stop.describe(), remedy=remedy)

    @property
    def mode(self) -> Mode:
        """``"discharge"``, ``"charge"``, ``"hold"``, ``"rest"`` or ``"impedance"``."""
        if self.kind == "voltage":
            return "hold"
        if self.kind in ("rest", "impedance"):
            return self.kind
        return "discharge" if self.value.number > 0 else "charge"

    def setpoint(self, base: Base) -> float:
        """Controlled value: A/m2 (current, rest), V (voltage) or W/m2 (power); discharge positive."""
        if self.kind == "voltage":
            return self.value.number
        if self.kind == "power":
            return base.power_density(self.value)
        return base.current_density(self.value)

    def directions(self, start_voltage: float) -> tuple[Direction, ...]:
        """How each stop is approached, for :meth:`Stop.gap`.

        Parameters
        ----------
        start_voltage:
            Terminal voltage at the start of the step [V]; decides only for a rest.
        """
        return tuple(stop.side(self._direction(stop, start_voltage)) for stop in self.stops)

    def _direction(self, stop: Stop, start_voltage: float) -> Direction:
        if self.mode == "charge":
            return "rising"
        if self.mode == "rest" and stop.quantity == "voltage":
            return "falling" if start_voltage >= stop.value else "rising"
        return "falling"

    def describe(self) -> str:
        """Canonical text that the parser reads back to an equal step."""
        if self.frequencies is not None:
            return self.frequencies.describe()
        head = "Rest" if self.kind == "rest" else f"{self.mode.capitalize()} at {self._amount()}"
        stops = " or ".join(stop.describe() for stop in self.stops)
        period = "" if self.period is None else f" ({float(self.period)!r} s period)"
        return f"{head} {stops}{period}"

    def _amount(self) -> str:
        number = self.value.number if self.kind == "voltage" else abs(self.value.number)
        return f"{float(number)!r} {self.value.basis}"
