"""Tabulated laws: monotone cubic (PCHIP) inside, straight lines outside.

One definition serves numbers and forms. On NumPy arrays (real or complex) the
interval is found by bisection; in a UFL form the intervals become a balanced
tree of conditionals, which UFL differentiates exactly.

Source of the interpolant: Fritsch and Carlson, SIAM J. Numer. Anal. 17 (1980)
238, in SciPy's implementation.
"""

from __future__ import annotations

import csv
import warnings
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import Any

import numpy as np

from ..errors import InputError
from .maths import NUMPY, Maths

EXTENSIONS = ("decreasing", "linear", "constant")


@dataclass(frozen=True)
class Table:
    """A law of one variable given by points.

    Parameters
    ----------
    x, y:
        Points; x strictly increasing, at least three, all finite.
    name, citation:
        What the table is and where it comes from.
    extend:
        Outside the table: ``"decreasing"`` continues with the end slope if that
        falls, else with the mean slope of the table (potentials); ``"linear"``
        continues with the end slope; ``"constant"`` keeps the end value.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    name: str = "table"
    citation: str = ""
    extend: str = "linear"

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", tuple(float(v) for v in self.x))
        object.__setattr__(self, "y", tuple(float(v) for v in self.y))
        _check_points(self.name, self.x, self.y)
        if self.extend not in EXTENSIONS:
            raise InputError(
                "unknown extension",
                field=f"{self.name}.extend",
                value=self.extend,
                remedy=f"Use one of {', '.join(EXTENSIONS)}.",
            )

    def __call__(self, x: Any, m: Maths = NUMPY) -> Any:
        """Value at ``x``; see the module for what happens outside the table."""
        if m is NUMPY:
            return self._numbers(x)
        return self._tree(x, 0, len(self.x) + 1, m)

    @cached_property
    def rows(self) -> np.ndarray:
        """Per interval: origin, then the coefficients of u^3, u^2, u, 1 with u = x - origin.

        Row 0 is the line left of the table, the last row the line right of it.
        """
        from scipy.interpolate import PchipInterpolator

        cubic = PchipInterpolator(self.x, self.y)
        inner = np.column_stack([self.x[:-1], cubic.c.T])
        ends = cubic.derivative()([self.x[0], self.x[-1]])
        left, right = (self._outer_slope(float(slope)) for slope in ends)
        first = [self.x[0], 0.0, 0.0, left, self.y[0]]
        last = [self.x[-1], 0.0, 0.0, right, self.y[-1]]
        return np.vstack([first, inner, last])

    def _outer_slope(self, slope: float) -> float:
        if self.extend == "constant":
            return 0.0
        if self.extend == "decreasing" and slope >= 0.0:
            return (self.y[-1] - self.y[0]) / (self.x[-1] - self.x[0])
        return slope

    def _numbers(self, x: Any) -> Any:
        x = np.asarray(x)
        origin, a, b, c, d = self.rows[np.searchsorted(self.x, x.real, side="right")].T
        # transposed so that points come last; transpose back for arrays of rank > 1
        u = x.T - origin
        return (((a * u + b) * u + c) * u + d).T[()]

    def _tree(self, x: Any, first: int, last: int, m: Maths) -> Any:
        """Conditional over rows first..last-1; row k-1 and row k meet at x[k-1]."""
        if last - first == 1:
            origin, a, b, c, d = (float(v) for v in self.rows[first])
            u = x - origin
            return ((a * u + b) * u + c) * u + d if a or b else c * u + d
        middle = (first + last) // 2
        return m.where_less(
            x, self.x[middle - 1], self._tree(x, first, middle, m), self._tree(x, middle, last, m)
        )


def ocp_table(x: Any, y: Any, name: str = "ocp", citation: str = "") -> Table:
    """Open-circuit potential [V] from a table over stoichiometry, made to fall.

    Points that rise with x (noise of a digitised curve) are replaced by the
    closest falling sequence (isotonic regression) and a warning says by how much.
    """
    _check_points(name, x, y)
    potential = np.asarray(y, dtype=float)
    if np.any(np.diff(potential) >= 0.0):
        from scipy.optimize import isotonic_regression

        falling = isotonic_regression(potential, increasing=False).x
        change = float(np.max(np.abs(falling - potential)))
        warnings.warn(
            f"{name}: the table does not fall everywhere; changed by up to {1e3 * change:.2f} mV",
            stacklevel=2,
        )
        potential = falling
    return Table(tuple(x), tuple(potential), name, citation, extend="decreasing")


def read_table(name: str) -> tuple[np.ndarray, np.ndarray, str]:
    """Columns and citation of the packaged table ``name`` (without ``.csv``).

    The first lines of a packaged table start with ``#``; the one that starts
    with ``# Source:`` is the citation.
    """
    folder = resources.files("lithoscape.materials") / "data"
    lines = (folder / f"{name}.csv").read_text(encoding="utf-8").splitlines()
    comments = [line.lstrip("# ") for line in lines if line.startswith("#")]
    citation = next((c.removeprefix("Source:").strip() for c in comments if c.startswith("Source:")), "")
    rows = list(csv.reader(line for line in lines if not line.startswith("#")))[1:]
    columns = np.array(rows, dtype=float).T
    return columns[0], columns[1], citation


def packaged_ocp(name: str) -> Table:
    """The packaged open-circuit potential ``name``."""
    x, y, citation = read_table(name)
    return ocp_table(x, y, name, citation)


def _check_points(name: str, x: Any, y: Any) -> None:
    if len(x) != len(y):
        raise InputError("x and y differ in length", field=name, value=(len(x), len(y)), remedy="Give pairs.")
    if len(x) < 3:
        raise InputError(
            "needs at least three points", field=name, value=len(x), remedy="Add rows to the table."
        )
    for row, (u, v) in enumerate(zip(x, y, strict=True), start=1):
        if not (np.isfinite(u) and np.isfinite(v)):
            raise InputError(
                f"row {row} is not a number", field=name, value=(u, v), remedy="Remove or repair that row."
            )
        if row > 1 and not u > x[row - 2]:
            raise InputError(
                f"x does not increase at row {row}",
                field=name,
                value=(x[row - 2], u),
                remedy="Sort the rows by x and remove duplicates.",
            )
