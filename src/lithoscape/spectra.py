"""An impedance spectrum as data: frequencies, complex impedances, and what they belong to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from . import records
from .errors import InputError

REAL, IMAGINARY = "Impedance real part", "Impedance imaginary part"
UNITS = ("ohm.m2", "ohm", "1")


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Impedances over frequency. Z = - dV/dI for a current that is positive in discharge: Re Z > 0.

    Parameters
    ----------
    frequencies:
        [Hz], shape (n,), rising.
    impedance:
        Complex, shape (n,), in ``unit``.
    unit:
        "ohm.m2" (per area of electrode), "ohm" (of a cell as measured) or "1".
    about:
        State and origin, plain data: "Voltage [V]", "Current density [A.m-2]", "Time [s]", ...

    Raises
    ------
    InputError
        Frequencies that are not positive or occur twice, shapes that differ, numbers that are not finite.
    """

    frequencies: np.ndarray
    impedance: np.ndarray
    unit: str = "ohm.m2"
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        f, z = np.asarray(self.frequencies, dtype=float), np.asarray(self.impedance, dtype=complex)
        if f.ndim != 1 or f.shape != z.shape or f.size == 0:
            raise InputError("a spectrum has one impedance per frequency", value=(f.shape, z.shape))
        if not (np.isfinite(f).all() and np.isfinite(z).all() and f.min() > 0):
            raise InputError(
                "a spectrum has positive frequencies and finite impedances", field="frequencies [Hz]",
                value=float(f.min()), remedy="Remove rows that were not measured",
            )  # fmt: skip
        order = np.argsort(f, kind="stable")
        f, z = f[order], z[order]
        if np.any(np.diff(f) == 0):
            twice = float(f[:-1][np.diff(f) == 0][0])
            raise InputError(
                "a frequency occurs twice", field="frequencies [Hz]", value=twice,
                remedy="Keep one sweep of a file that holds several",
            )  # fmt: skip
        if self.unit not in UNITS:
            raise InputError(
                "no such unit of impedance", value=self.unit, remedy=f"Valid: {', '.join(UNITS)}"
            )
        object.__setattr__(self, "frequencies", f)
        object.__setattr__(self, "impedance", z)

    @property
    def omega(self) -> np.ndarray:
        """Angular frequencies [rad/s]."""
        return 2 * np.pi * self.frequencies

    def per_area(self, area: float) -> Spectrum:
        """A measured spectrum [ohm] per ``area`` [m2] of electrode: [ohm m2]."""
        if self.unit != "ohm" or not area > 0:
            raise InputError("only a spectrum in ohm is multiplied with an area above 0", value=area)
        return Spectrum(self.frequencies, self.impedance * area, "ohm.m2", self.about)

    def dataset(self) -> xr.Dataset:
        """Dimension ``frequency``, real and imaginary part with units; ``about`` in the attributes."""
        axis = {"units": "Hz", "long_name": "Frequency [Hz]"}
        parts = {REAL: self.impedance.real, IMAGINARY: self.impedance.imag}
        return xr.Dataset(
            {name: ("frequency", values, {"units": self.unit}) for name, values in parts.items()},
            {"frequency": ("frequency", self.frequencies, axis)},
            {"about": json.dumps(dict(self.about))},
        )

    @classmethod
    def from_dataset(cls, data: xr.Dataset) -> Spectrum:
        """The spectrum that :meth:`dataset` made."""
        try:
            real, imaginary = data[REAL], data[IMAGINARY]
            about = json.loads(data.attrs.get("about", "{}"))
            f = data["frequency"].values
        except (KeyError, ValueError) as error:
            raise InputError(
                "this is not a spectrum", value=str(error), remedy="Give a file spectrum_*.nc of a run"
            ) from None
        return cls(f, real.values + 1j * imaginary.values, str(real.attrs.get("units", "ohm.m2")), about)

    def save(self, path: Path) -> Path:
        """Write as netCDF-4."""
        return records.save(self.dataset(), path)

    @classmethod
    def load(cls, path: Path) -> Spectrum:
        """Read what :meth:`save` wrote."""
        return cls.from_dataset(records.load(path))


def log_frequencies(lowest: float, highest: float, per_decade: float = 10.0) -> np.ndarray:
    """Frequencies [Hz] from lowest to highest, both included, at least ``per_decade`` in every decade.

    Raises
    ------
    InputError
        Bounds that are not 0 < lowest < highest, less than one point per decade, more than 10,000 points.
    """
    if not (np.isfinite([lowest, highest]).all() and 0 < lowest < highest):
        raise InputError(
            "a range of frequencies rises from above zero", field="frequencies [Hz]", value=(lowest, highest),
            remedy="Such as 10 mHz to 100 kHz",
        )  # fmt: skip
    decades = float(np.log10(highest / lowest))
    count = int(np.ceil(decades * per_decade - 1e-9)) + 1 if np.isfinite(per_decade) else 0
    if per_decade < 1 or not 2 <= count <= 10_000:
        raise InputError(
            "points per decade", field="per_decade", value=per_decade, remedy="Give at least 1, such as 10"
        )
    return np.logspace(np.log10(lowest), np.log10(highest), count)
