"""What a record predicts: curves of steps, ends of steps, spectra, gauge volumes, observables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from scipy.interpolate import PchipInterpolator

from ..fit import Prediction
from ..validation.cases import UNITS
from ..validation.observables import OBSERVABLES
from ..validation.reading import GAUGE, Frame, NotSeen, NotTestable, Reading, gauge_group
from .fit_experiment import IMAGINARY, REAL

CAPACITY = "Discharge capacity [A.h.m-2]"


@dataclass(frozen=True)
class Place:
    """A step of the protocol, both counted from 1; the whole run if None."""

    cycle: int | None = None
    step: int | None = None

    def rows(self, record: xr.Dataset) -> np.ndarray:
        """Rows of the record that belong to it."""
        if self.step is None:
            return np.arange(record.sizes["time"])
        cycle, steps = (self.cycle or 1) - 1, json.loads(record.attrs["steps"])
        numbers = [s["step"] for s in steps if s["cycle"] == cycle]
        return np.flatnonzero(np.round(record["Step"].values) == numbers[self.step - 1])

    def ended(self, record: xr.Dataset, rows: np.ndarray) -> bool:
        """Whether the step ran to its end."""
        whole = record.attrs["status"] == "finished"
        return bool(rows.size) and (whole or bool(rows[-1] < record.sizes["time"] - 1))

    def __str__(self) -> str:
        return "the run" if self.step is None else f"cycle {self.cycle or 1}, step {self.step}"


def abscissa(record: xr.Dataset, rows: np.ndarray, against: str) -> np.ndarray:
    """Time [min] or charge passed [mAh/cm2] since the first of the rows."""
    if against == "time":
        return np.asarray((record["time"].values[rows] - record["time"].values[rows[0]]) / 60)
    charge = record[CAPACITY].values[rows]
    return np.asarray(0.1 * np.abs(charge - charge[0]))


def along(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> Prediction:
    """Values of a recorded curve at measured places; beyond its end the last one, with a shortfall.

    Cubic within one step, where the record is smooth; straight across steps, where it jumps.
    """
    inside = np.clip(at, x[0], x[-1])
    rising = np.diff(x) > 0
    smooth = x.size > 2 and rising.all()
    values = PchipInterpolator(x, y)(inside) if smooth else np.interp(inside, x, y)
    span = max(float(at.max() - at.min()), 1e-9 + abs(float(at.max())) * 1e-3)
    beyond = np.maximum(at - x[-1], 0.0) / span
    short = bool((beyond > 0).any())
    return Prediction(values, beyond, f"ended at {x[-1]:.4g}, data reach {at.max():.4g}" if short else "")


@dataclass(frozen=True)
class Curve:
    """Voltage [V] or state of lithiation [%] of a step at measured places."""

    place: Place
    at: np.ndarray
    against: str = "time"
    depth: float | None = None
    group: str | None = None
    position: float | None = None

    def __call__(self, record: xr.Dataset) -> Prediction:
        """See :class:`lithoscape.fit.Measurement`."""
        rows = self.place.rows(record)
        if rows.size < 2:
            return Prediction.missing(self.at.size, f"{self.place} was not reached")
        try:
            y = record["Voltage [V]"].values if self.depth is None else 100 * self._lithiation(record)
        except NotTestable as error:
            return Prediction.missing(self.at.size, error.message)
        return along(abscissa(record, rows, self.against), y[rows], self.at)

    def _lithiation(self, record: xr.Dataset) -> np.ndarray:
        assert self.depth is not None
        reading = Reading(record, Frame({"level": 1e6 * self.depth}, {}, {}))
        if self.group is not None:
            index = reading.depth("level")
            members = gauge_group(record, self.group)
            return np.asarray(np.nanmean(reading.gauge[:, index][:, members], axis=1))
        if self.position is not None:
            nearest = int(np.argmin(np.abs(record["position"].values - self.position)))
            return np.asarray(reading.gauge[:, reading.depth("level"), nearest])
        return reading.level("level")


@dataclass(frozen=True)
class End:
    """Duration [min] of a step, or the charge passed in it [mAh/cm2]."""

    place: Place
    against: str

    def __call__(self, record: xr.Dataset) -> Prediction:
        """See :class:`lithoscape.fit.Measurement`."""
        rows = self.place.rows(record)
        if not self.place.ended(record, rows):
            return Prediction.missing(1, f"{self.place} did not end")
        return Prediction.whole(abscissa(record, rows, self.against)[-1:])


@dataclass(frozen=True)
class Nyquist:
    """Real parts, then imaginary parts [ohm cm2] of the spectrum at "start" or "end"."""

    where: str
    count: int

    def __call__(self, record: xr.Dataset) -> Prediction:
        """See :class:`lithoscape.fit.Measurement`."""
        names = (REAL.format(self.where), IMAGINARY.format(self.where))
        if names[0] not in record:
            return Prediction.missing(2 * self.count, "there is no spectrum")
        return Prediction.whole(1e4 * np.concatenate([record[name].values for name in names]))


@dataclass(frozen=True)
class Observable:
    """An observable of the validation room, in the unit of a target."""

    name: str
    arguments: Mapping[str, Any]
    unit: str
    frame: Frame = field(repr=False)

    def __call__(self, record: xr.Dataset) -> Prediction:
        """See :class:`lithoscape.fit.Measurement`."""
        try:
            value = OBSERVABLES[self.name](Reading(record, self.frame), **self.arguments)
        except (NotSeen, NotTestable) as error:
            return Prediction.missing(1, error.message)
        return Prediction.whole(np.array([UNITS[self.unit] * float(value)]))


def has_gauge(record: xr.Dataset) -> bool:
    """Whether gauge volumes were recorded."""
    return GAUGE in record
