"""Tables of measured numbers: CSV files and inline columns, with the unit in every column's name."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError, nearest

COLUMNS: Mapping[str, Mapping[str, float]] = {
    "time": {"s": 1 / 60, "min": 1.0, "h": 60.0},
    "capacity": {"mAh_cm2": 1.0, "Ah_m2": 0.1},
    "voltage": {"V": 1.0, "mV": 1e-3},
    "lithiation": {"fraction": 100.0, "percent": 1.0},
    "frequency": {"Hz": 1.0, "kHz": 1e3},
    "real": {"ohm_cm2": 1.0, "ohm_m2": 1e4},
    "imaginary": {"ohm_cm2": 1.0, "ohm_m2": 1e4},
}
"""Quantity -> unit in the column's name -> factor to min, mAh/cm2, V, % of full lithiation, Hz, ohm cm2."""


@dataclass(frozen=True)
class Columns:
    """Columns of one table; ``where`` is its place in the file, for messages."""

    where: str
    content: Mapping[str, np.ndarray]

    def get(self, quantity: str, of: str | None = None) -> np.ndarray:
        """The column of ``quantity``, in the unit of :data:`COLUMNS`; that of ``of`` if it is another's.

        Raises
        ------
        InputError
            No such column, no unit in its name, an unknown unit.
        """
        found = self.find(quantity, of)
        if found is None:
            wanted = [f"{quantity}_{unit}" for unit in COLUMNS[of or quantity]]
            raise InputError(
                f"the column {quantity} is missing", field=self.where, value=sorted(self.content),
                remedy=f"Name it {' or '.join(wanted)}",
            )  # fmt: skip
        return found

    def find(self, quantity: str, of: str | None = None) -> np.ndarray | None:
        """As :meth:`get`, or None if there is no such column."""
        units = COLUMNS[of or quantity]
        for name, values in self.content.items():
            head, _, unit = name.partition("_")
            if head != quantity:
                continue
            if not unit:
                raise InputError(
                    "the unit is missing", field=f"{self.where}.{name}", value=name,
                    remedy=f"Name the column {' or '.join(f'{name}_{u}' for u in units)}",
                )  # fmt: skip
            if unit not in units:
                raise InputError(
                    "there is no such unit", field=f"{self.where}.{name}", value=unit,
                    remedy=nearest(unit, list(units)),
                )  # fmt: skip
            return values * units[unit]
        return None


def columns(where: str, folder: Path, file: str | None, values: Mapping[str, list[float]] | None) -> Columns:
    """The table of a file or of inline values, exactly one of which is given.

    Raises
    ------
    InputError
        None or both given, a file that cannot be read, columns of different lengths.
    """
    if (file is None) == (values is None):
        raise InputError(
            "data come from one place", field=where, value="both" if file else "none",
            remedy="Give file or values",
        )  # fmt: skip
    content = _read(where, folder / file) if file is not None else dict(values or {})
    lengths = {name: len(column) for name, column in content.items()}
    if len(set(lengths.values())) > 1:
        raise InputError("columns differ in length", field=where, value=lengths, remedy="Fill every row")
    return Columns(where, {name: np.asarray(column, dtype=float) for name, column in content.items()})


def _read(where: str, path: Path) -> dict[str, list[float]]:
    """Columns of a CSV file; lines that begin with # are passed over."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise InputError(
            f"the file cannot be read: {reason}", field=f"{where}.file", value=str(path),
            remedy="Give its path relative to the fit file",
        ) from None  # fmt: skip
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines)]
    head, body = (rows[0], rows[1:]) if rows else ([], [])
    for number, row in enumerate(body, 1):
        try:
            if len(row) != len(head):
                raise ValueError
            [float(cell) for cell in row]
        except ValueError:
            raise InputError(
                f"row {number} does not hold {len(head)} numbers", field=f"{where}.file", value=",".join(row),
                remedy="Separate numbers with commas, with a point in decimals",
            ) from None  # fmt: skip
    return {name: [float(row[k]) for row in body] for k, name in enumerate(head)}
