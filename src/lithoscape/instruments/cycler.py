"""The cycler: what its channels write down of voltage and current.

A sample is taken when a step begins and ends, when the interval has passed since the last one, and when the
voltage has moved by the trigger. Every channel adds noise, is cut off at its range and rounds to its steps.
Between the rows of a record voltage and current run straight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from ..errors import InputError
from .acquisition import at_times
from .checks import ordered, positive, uncertainty

FIELD = "instruments.cycler"
VOLTAGE, CURRENT = "Voltage [V]", "Current density [A.m-2]"
LARGEST = 1_000_000
"""Samples beyond which the interval or trigger is refused."""


@dataclass(frozen=True)
class Channel:
    """One measured quantity.

    Parameters
    ----------
    name:
        Key of the scenario, for errors.
    resolution:
        Step to which readings are rounded, in the quantity's unit.
    noise:
        Standard deviation of a reading before rounding; None: none.
    limits:
        Range; readings beyond stop at its ends and are marked.
    """

    name: str
    resolution: float
    noise: float | None = None
    limits: tuple[float, float] = (-np.inf, np.inf)

    def __post_init__(self) -> None:
        positive(f"{FIELD}.{self.name}_resolution", self.resolution, "the step of the converter")
        if self.noise is not None:
            uncertainty(f"{FIELD}.{self.name}_noise", self.noise)
        if np.all(np.isfinite(self.limits)):
            ordered(f"{FIELD}.{self.name}_range", self.limits)

    @property
    def uncertainty(self) -> float:
        """Standard uncertainty of a reading within the range: noise and rounding, (step^2/12)^1/2."""
        return float(np.hypot(self.noise or 0.0, self.resolution / np.sqrt(12)))

    def read(self, values: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Readings of true ``values``, and which of them left the range."""
        noisy = values if self.noise is None else values + rng.normal(0.0, self.noise, values.shape)
        low, high = self.limits
        beyond = (noisy < low) | (noisy > high)
        rounded = np.round(np.clip(noisy, low, high) / self.resolution) * self.resolution
        return rounded, beyond


@dataclass(frozen=True)
class Cycler:
    """A cycler's two channels and its clock.

    Parameters
    ----------
    voltage, current:
        Channels in V and A/m2.
    interval:
        Longest time between samples [s].
    trigger:
        Change of voltage since the last sample that takes one [V]; None: by time alone.
    seed:
        Of the noise.
    """

    voltage: Channel
    current: Channel
    interval: float
    trigger: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        positive(f"{FIELD}.interval_s", self.interval, "the longest time between samples")
        if self.trigger is not None:
            positive(f"{FIELD}.trigger_mV", self.trigger, "a change of voltage")

    def measure(self, record: xr.Dataset) -> xr.Dataset:
        """Samples of a record, dimension ``sample``.

        Variables: time, voltage, current density, their standard uncertainties, whether a reading left its
        channel's range, and the step it belongs to.

        Raises
        ------
        InputError
            A record without rows, voltage or current, or more samples than a million.
        """
        for name in (VOLTAGE, CURRENT, "Step"):
            if name not in record:
                raise InputError(
                    f"the record does not hold {name!r}", field=FIELD,
                    value=sorted(map(str, record.data_vars)), remedy="Give the record of a run",
                )  # fmt: skip
        time, voltage = (np.asarray(record[k].values, dtype=float) for k in ("time", VOLTAGE))
        current, steps = (np.asarray(record[k].values, dtype=float) for k in (CURRENT, "Step"))
        if time.size == 0:
            raise InputError(
                "the record has no rows", field=FIELD, value=0, remedy="Run the scenario further"
            )
        rows = [np.flatnonzero(steps == step) for step in dict.fromkeys(steps.tolist())]
        parts = [self._sampled(time[r], voltage[r], current[r]) for r in rows]
        when, true_v, true_i = (np.concatenate([p[k] for p in parts]) for k in range(3))
        number = np.concatenate([np.full(p[0].size, steps[r[0]]) for p, r in zip(parts, rows, strict=True)])
        return self._read(when, true_v, true_i, number)

    def _read(
        self, when: np.ndarray, voltage: np.ndarray, current: np.ndarray, step: np.ndarray
    ) -> xr.Dataset:
        rng = np.random.default_rng(self.seed)
        seen_v, out_v = self.voltage.read(voltage, rng)
        seen_i, out_i = self.current.read(current, rng)
        one = np.ones(when.size)
        data = {
            "Cycler time [s]": (when, "s"),
            "Cycler voltage [V]": (seen_v, "V"),
            "Cycler voltage uncertainty [V]": (self.voltage.uncertainty * one, "V"),
            "Cycler current density [A.m-2]": (seen_i, "A.m-2"),
            "Cycler current density uncertainty [A.m-2]": (self.current.uncertainty * one, "A.m-2"),
            "Cycler out of range": ((out_v | out_i).astype(float), "1"),
            "Cycler step": (step, "1"),
        }
        return xr.Dataset({k: ("sample", v, {"units": u}) for k, (v, u) in data.items()})

    def _sampled(
        self, time: np.ndarray, voltage: np.ndarray, current: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Times of the samples within a step, and true voltage and current there."""
        if (time[-1] - time[0]) / self.interval > LARGEST:
            raise InputError(
                "that many samples are not kept", field=f"{FIELD}.interval_s", value=self.interval,
                remedy=f"Give at least {(time[-1] - time[0]) / LARGEST:g} s",
            )  # fmt: skip
        when = np.array(self._times(time, voltage))
        v, i = (at_times(time, values, when) for values in (voltage, current))
        v[0], i[0] = voltage[0], current[0]
        return when, v, i

    def _times(self, time: np.ndarray, voltage: np.ndarray) -> list[float]:
        end, now, last, row = float(time[-1]), float(time[0]), float(voltage[0]), 0
        found = [now]
        while now < end:
            due = min(now + self.interval, end)
            if self.trigger is not None:
                due = _crossing(time, voltage, row, due, last, self.trigger)
            if len(found) >= LARGEST:
                raise InputError(
                    "that many samples are not kept", field=f"{FIELD}.trigger_mV",
                    value=self.trigger, remedy="Give a larger trigger or interval",
                )  # fmt: skip
            now = due
            row = int(np.searchsorted(time, now, side="right")) - 1
            last = float(np.interp(now, time, voltage))
            found.append(now)
        return found


def _crossing(
    time: np.ndarray, voltage: np.ndarray, row: int, due: float, last: float, trigger: float
) -> float:
    """First time up to ``due`` at which the voltage, straight between rows, is ``trigger`` from ``last``."""
    stop = int(np.searchsorted(time, due, side="left"))
    for k in range(row, stop):
        t0, t1, v0, v1 = time[k], time[k + 1], voltage[k], voltage[k + 1]
        if t1 > t0 and abs(v1 - last) >= trigger * (1 - 1e-12):
            target = last + np.sign(v1 - last) * trigger
            part = (target - v0) / (v1 - v0)
            return float(min(due, t0 + max(part, 0.0) * (t1 - t0)))
    return due
