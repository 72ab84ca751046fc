"""Measured numbers with their uncertainty, and how a record predicts them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from ..errors import InputError

PENALTY = 30.0
"""Standard deviations that count for a number which a simulation does not reach."""


@dataclass(frozen=True)
class Prediction:
    """What one record says about one measurement.

    Parameters
    ----------
    values:
        In the measurement's unit, shape (n,); NaN where the record says nothing.
    shortfall:
        How far the record is from reaching each number, as a share of what was measured; 0 where it does.
        Values held beyond a record's end have a shortfall above 0.
    reason:
        What is missing, if anything is.
    """

    values: np.ndarray
    shortfall: np.ndarray
    reason: str = ""

    @classmethod
    def missing(cls, count: int, reason: str) -> Prediction:
        """Nothing is predicted."""
        return cls(np.full(count, np.nan), np.zeros(count), reason)

    @classmethod
    def whole(cls, values: np.ndarray) -> Prediction:
        """Everything is predicted."""
        values = np.atleast_1d(np.asarray(values, dtype=float))
        return cls(values, np.zeros(values.size))


@dataclass(frozen=True)
class Measurement:
    """One curve, spectrum or number that was measured.

    Parameters
    ----------
    name:
        Of its own, for people.
    group:
        What it belongs to when subsets of the data are compared: "voltage", "impedance", "SoL", ...
    experiment:
        Whose record predicts it.
    axis, axis_label:
        Abscissa for figures and its label with unit; of single numbers an index.
    values, sigma, unit:
        Measured values and standard deviations in ``unit``, shape (n,).
    predict:
        Record -> :class:`Prediction`.

    Raises
    ------
    InputError
        Shapes that differ, numbers that are not finite, uncertainties that are not above 0, no unit.
    """

    name: str
    group: str
    experiment: str
    axis: np.ndarray
    axis_label: str
    values: np.ndarray
    sigma: np.ndarray
    unit: str
    predict: Callable[[xr.Dataset], Prediction] = field(repr=False)

    def __post_init__(self) -> None:
        where = f"data[{self.name}]"
        if not self.values.shape == self.sigma.shape == self.axis.shape or self.values.ndim != 1:
            raise InputError("one uncertainty and one abscissa belong to every value", field=where)
        if self.values.size == 0 or not (np.isfinite(self.values).all() and np.isfinite(self.axis).all()):
            raise InputError(
                "measured numbers are finite, and at least one", field=where, value=self.values.size,
                remedy="Remove rows that were not measured",
            )  # fmt: skip
        if not (np.isfinite(self.sigma).all() and self.sigma.min() > 0):
            raise InputError(
                "every measured number needs an uncertainty above 0", field=f"{where}.uncertainty",
                value=float(np.min(self.sigma)), remedy="State the standard deviation of one number",
            )  # fmt: skip
        if not self.unit:
            raise InputError("the unit is missing", field=where, remedy='Name it; "1" has no dimension')

    @property
    def size(self) -> int:
        """How many numbers."""
        return self.values.size

    def residual(self, prediction: Prediction, distance: float) -> np.ndarray:
        """(predicted - measured) / sigma, shape (n,).

        Values held beyond a record's end get :data:`PENALTY` times the shortfall on top, away from zero, so
        that it never makes up for a difference; chi2 stays continuous in the parameters. What is not
        predicted at all counts PENALTY sqrt(1 + ``distance``^2), ``distance`` being that from the start of
        the fit: smooth, and downhill towards parameters that work. Where simulations begin to fail, or a
        feature begins to be missing, the residual jumps to it.
        """
        found = (prediction.values - self.values) / self.sigma
        found = np.copysign(np.abs(found) + PENALTY * prediction.shortfall, found)
        return np.where(np.isnan(prediction.values), PENALTY * np.sqrt(1 + distance**2), found)
