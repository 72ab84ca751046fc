"""State of lithiation from the unit-cell volume, with the calibration's own scatter.

Diffraction refines a volume; a table of anchors (lithium content, volume) turns it into a state of
lithiation. The anchors scatter, for NMC622 by 0.03 in x, more than a refinement does. Here straight lines
between a few knots are fitted to them, and the covariance of the knots goes into every reading. Two readings
with one calibration share its error: their difference is known better than either
(:meth:`CellVolume.difference`). Straight lines, because a monotone cubic through so few knots is flat at
x = 1, where a volume would then say nothing.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, nearest
from .checks import uncertainty

ANGSTROM3 = 1e-30
KNOTS = (0.31, 0.5, 1.0)
"""Lithium contents at the ends and at the bend of NMC622's volume."""
FIELD = "calibration"


@dataclass(frozen=True, eq=False)
class CellVolume:
    """Calibration V(x), fitted.

    Parameters
    ----------
    knots, values:
        Lithium content and volume [m3] of the knots, both rising; straight between them and beyond.
    covariance:
        Of ``values`` [m6].
    scatter:
        Standard deviation of the anchors about the lines [m3].
    material, citation:
        What it is for and where it comes from.

    Raises
    ------
    InputError
        Fewer than two knots, or knots or values that do not rise.
    """

    knots: tuple[float, ...]
    values: tuple[float, ...]
    covariance: np.ndarray
    scatter: float
    material: str = ""
    citation: str = ""

    def __post_init__(self) -> None:
        if len(self.knots) < 2 or np.any(np.diff(self.knots) <= 0) or np.any(np.diff(self.values) <= 0):
            raise InputError(
                "the volume must rise with the lithium content", field=FIELD,
                value=[list(self.knots), list(self.values)], remedy="Choose other knots, or fewer",
            )  # fmt: skip

    def volume(self, x: Any) -> np.ndarray:
        """Volume [m3] at lithium content ``x``."""
        return np.asarray(_hats(np.asarray(self.knots), x) @ np.asarray(self.values))

    def slope(self, x: Any) -> np.ndarray:
        """dV/dx [m3]; at a knot that of the line above."""
        slopes = np.diff(self.values) / np.diff(self.knots)
        return np.asarray(slopes[_segment(np.asarray(self.knots), np.asarray(x, dtype=float))])

    def inside(self, volume: Any) -> np.ndarray:
        """Whether a volume lies between the outer knots: beyond, the lines are only continued."""
        v = np.asarray(volume, dtype=float)
        return np.asarray((v >= self.values[0]) & (v <= self.values[-1]))

    def lithium(self, volume: Any, extrapolate: bool = False) -> np.ndarray:
        """Lithium content that belongs to ``volume`` [m3], any shape; NaN stays NaN.

        Raises
        ------
        InputError
            A volume outside the knots by more than three times the scatter, unless ``extrapolate``.
        """
        v = np.asarray(volume, dtype=float)
        low, high = self.values[0] - 3 * self.scatter, self.values[-1] + 3 * self.scatter
        outside = ~np.isnan(v) & ((v < low) | (v > high))
        if outside.any() and not extrapolate:
            raise InputError(
                "the volume lies outside the calibration",
                field="cell_volume",
                value=float(v[outside].flat[0]),
                remedy=f"It is known from {self.values[0]:.4g} to {self.values[-1]:.4g} m3; "
                "extrapolate=True continues the lines",
            )
        return np.asarray(_hats(np.asarray(self.values), v) @ np.asarray(self.knots))

    def uncertainty(self, volume: Any, of_volume: Any) -> tuple[np.ndarray, np.ndarray]:
        """Standard uncertainties of the lithium content: by the refinement, and by the calibration.

        ``of_volume`` [m3] is the refinement's. The second is common to all readings at one volume.

        Raises
        ------
        InputError
            ``of_volume`` not positive.
        """
        sigma = uncertainty("cell_volume.uncertainty", of_volume)
        x = self.lithium(volume, extrapolate=True)
        return np.asarray(sigma / self.slope(x)), np.sqrt(self._common(self._sensitivity(x)))

    def difference(self, first: Any, second: Any, of_volume: Any) -> tuple[np.ndarray, np.ndarray]:
        """Lithium content at ``first`` less that at ``second`` [m3], and its standard uncertainty.

        The refinement's part is independent, the calibration's common to both and cancels in part.
        """
        sigma = uncertainty("cell_volume.uncertainty", of_volume)
        one, two = (self.lithium(v, extrapolate=True) for v in (first, second))
        common = self._common(self._sensitivity(one) - self._sensitivity(two))
        own = (sigma / self.slope(one)) ** 2 + (sigma / self.slope(two)) ** 2
        return one - two, np.sqrt(own + common)

    def scatter_in_lithium(self, x: float) -> float:
        """Scatter of the anchors about the lines as lithium content, near ``x``."""
        return float(self.scatter / self.slope(x))

    def _sensitivity(self, x: np.ndarray) -> np.ndarray:
        """dx/d(values) at fixed volume, (..., knots)."""
        return np.asarray(-_hats(np.asarray(self.knots), x) / self.slope(x)[..., None])

    def _common(self, sensitivity: np.ndarray) -> np.ndarray:
        return np.einsum("...i,ij,...j->...", sensitivity, self.covariance, sensitivity)


def fitted(
    x: Any, volume: Any, knots: tuple[float, ...] = KNOTS, material: str = "", citation: str = ""
) -> CellVolume:
    """The lines between ``knots`` closest to anchors ``x``, ``volume`` [m3] in least squares.

    Raises
    ------
    InputError
        Not more anchors than knots, anchors that leave a knot undetermined, or lines that do not rise.
    """
    x, volume = np.asarray(x, dtype=float), np.asarray(volume, dtype=float)
    freedom = x.size - len(knots)
    basis = _hats(np.asarray(knots, dtype=float), x)
    if freedom < 1 or x.shape != volume.shape or np.linalg.matrix_rank(basis) < len(knots):
        raise InputError(
            "the anchors do not determine the calibration", field=FIELD, value=int(x.size),
            remedy=f"Give more than {len(knots)} pairs of lithium content and volume, around every knot",
        )  # fmt: skip
    values = np.linalg.lstsq(basis, volume, rcond=None)[0]
    variance = float(np.sum((basis @ values - volume) ** 2)) / freedom
    covariance = variance * np.linalg.inv(basis.T @ basis)
    return CellVolume(
        tuple(knots), tuple(float(v) for v in values), covariance, variance**0.5, material, citation
    )


def nmc622() -> CellVolume:
    """Calibration of NMC622 from the anchors in the package (Strauss et al. 2018, see the file)."""
    file = resources.files("lithoscape.instruments") / "data" / "nmc622_cell_strauss2018.csv"
    lines = file.read_text("utf-8").splitlines()
    citation = lines[0].removeprefix("# Source: ")
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    x, v = (np.array([float(row[key]) for row in rows]) for key in ("stoichiometry", "volume_angstrom3"))
    return fitted(x, v * ANGSTROM3, KNOTS, "NMC622", citation)


def from_file(file: Path, material: str, knots: tuple[float, ...] = KNOTS) -> CellVolume:
    """Calibration of ``material`` from a table with the columns material, x_Li, V_A3_quoted, source.

    Rows of the material without a number in either column do not count.

    Raises
    ------
    InputError
        No such file or columns, an unknown material, or too few anchors of it.
    """
    rows = _rows(file)
    known = sorted({row["material"] for row in rows})
    if material not in known:
        raise InputError(
            "the calibration does not know this material", field=f"{FIELD}.material", value=material,
            remedy=nearest(material, known),
        )  # fmt: skip
    pairs, sources = [], set()
    for row in rows:
        numbers = _number(row["x_Li"]), _number(row["V_A3_quoted"])
        if row["material"] == material and None not in numbers:
            pairs.append(numbers)
            sources.add(row.get("source") or "")
    x, v = np.array(pairs, dtype=float).reshape(-1, 2).T
    return fitted(x, v * ANGSTROM3, knots, material, "; ".join(sorted(sources)))


def _rows(file: Path) -> list[dict[str, str]]:
    try:
        rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    except OSError as error:
        raise InputError(
            f"the calibration cannot be read: {error.strerror}", field=FIELD, value=str(file),
            remedy="Give the table nmc_unit_cell.csv, or use nmc622()",
        ) from None  # fmt: skip
    if not rows or not {"material", "x_Li", "V_A3_quoted"} <= set(rows[0]):
        raise InputError(
            "the table lacks columns", field=FIELD, value=sorted(rows[0]) if rows else [],
            remedy="It needs material, x_Li and V_A3_quoted",
        )  # fmt: skip
    return rows


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


def _segment(knots: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Number of the line that holds at ``x``; the outer ones go on."""
    return np.clip(np.searchsorted(knots, x, side="right") - 1, 0, knots.size - 2)


def _hats(knots: np.ndarray, x: Any) -> np.ndarray:
    """Weights of the knots at ``x``, (..., knots): linear interpolation, continued beyond the ends."""
    x = np.asarray(x, dtype=float)
    k = _segment(knots, x)
    part = (x - knots[k]) / (knots[k + 1] - knots[k])
    eye = np.eye(knots.size)
    return np.asarray((1 - part)[..., None] * eye[k] + part[..., None] * eye[k + 1])
