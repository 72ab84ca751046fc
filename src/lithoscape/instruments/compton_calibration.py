"""Lithium content 1-x from the S-parameter: a straight line with its covariance and the points' scatter.

Linear by the source's own calculation (Huang et al. 2022, 10.1002/advs.202105723, section 2.4). The line is
fitted to its Table 2, whose entries are rounded to 0.01: what scatters about it is mostly that. The closure
of the same table against the measured capacity is 4-5 %, so 0.03 in 1-x is the least that absolute values are
uncertain by (``CLOSURE``).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np

from ..errors import InputError
from .checks import uncertainty

CLOSURE = 0.03
"""What table and capacity of the source disagree by, in 1-x."""


@dataclass(frozen=True, eq=False)
class SLine:
    """1-x = slope S + intercept.

    Parameters
    ----------
    slope, intercept, covariance:
        Of the line; covariance (2, 2) in this order.
    scatter:
        Standard deviation of the points about it, in 1-x.
    residuals:
        Point less line, in 1-x.
    span:
        Smallest and largest S of the points.
    citation:
        Where the points come from.
    """

    slope: float
    intercept: float
    covariance: np.ndarray
    scatter: float
    residuals: np.ndarray
    span: tuple[float, float]
    citation: str = ""

    def lithium(self, s: Any) -> np.ndarray:
        """1-x at ``s``."""
        return np.asarray(self.slope * np.asarray(s, dtype=float) + self.intercept)

    def s(self, lithium: Any) -> np.ndarray:
        """S at ``lithium`` = 1-x."""
        return np.asarray((np.asarray(lithium, dtype=float) - self.intercept) / self.slope)

    def inside(self, s: Any) -> np.ndarray:
        """Whether ``s`` lies between the points of the calibration."""
        return np.asarray((np.asarray(s) >= self.span[0]) & (np.asarray(s) <= self.span[1]))

    def uncertainty(self, s: Any, of_s: Any) -> tuple[np.ndarray, np.ndarray]:
        """Standard uncertainties of 1-x: by that of ``s``, and by the line (common to all readings).

        Raises
        ------
        InputError
            ``of_s`` not positive.
        """
        sigma = uncertainty("compton.s_uncertainty", of_s)
        s, sigma = np.broadcast_arrays(np.asarray(s, dtype=float), sigma)
        (a, b), (_, d) = self.covariance
        return np.asarray(abs(self.slope) * sigma), np.sqrt(a * s**2 + 2 * b * s + d)


def s_line(s: Any, lithium: Any, citation: str = "") -> SLine:
    """The line closest to points in least squares of 1-x.

    Raises
    ------
    InputError
        Fewer than three points, or all at one S.
    """
    s, x = np.asarray(s, dtype=float), np.asarray(lithium, dtype=float)
    if s.size < 3 or s.shape != x.shape or np.ptp(s) == 0:
        raise InputError(
            "a line with scatter needs three points at different S", field="compton.calibration",
            value=s.tolist(), remedy="Give S and 1-x of at least three states",
        )  # fmt: skip
    basis = np.stack([s, np.ones_like(s)], axis=1)
    (slope, intercept), *_ = np.linalg.lstsq(basis, x, rcond=None)
    residuals = x - basis @ (slope, intercept)
    variance = float(residuals @ residuals) / (s.size - 2)
    covariance = variance * np.linalg.inv(basis.T @ basis)
    return SLine(
        float(slope), float(intercept), covariance, variance**0.5, residuals,
        (float(s.min()), float(s.max())), citation,
    )  # fmt: skip


def nmc811() -> SLine:
    """Calibration of NMC811 from Table 2 of Huang et al. 2022 (in the package)."""
    file = resources.files("lithoscape.instruments") / "data" / "compton_nmc811_huang2022.csv"
    lines = file.read_text("utf-8").splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    s, x = (np.array([float(row[key]) for row in rows]) for key in ("s_parameter", "stoichiometry"))
    return s_line(s, x, lines[0].removeprefix("# Source: "))
