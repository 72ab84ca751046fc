"""What measuring an image gives: rows for a table, profiles over the height, distributions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from .volume import Volume


@dataclass(frozen=True)
class Row:
    """One number of the table.

    Parameters
    ----------
    quantity:
        Name with its unit in brackets, SI: ``"Specific surface area [m-1]"``; none if dimensionless.
    subject:
        What it belongs to: a phase ``"active"``, or several ``"active | pore"``.
    value:
        The number; NaN if it is not defined for this image.
    group:
        Which measure made it: ``"surface"``.
    note:
        What a reader must know to use it: bias, definition, reason for a missing value.
    detail:
        Direction or partner, if there is one: ``"axis 0"``, ``"by binder"``.
    """

    quantity: str
    subject: str
    value: float
    group: str
    note: str = ""
    detail: str = ""

    @property
    def name(self) -> str:
        """Quantity and detail: ``"Percolating fraction, axis 0"``, with the unit at the end."""
        if not self.detail:
            return self.quantity
        head, bracket, unit = self.quantity.partition(" [")
        return f"{head}, {self.detail}{bracket}{unit}"


@dataclass(frozen=True, eq=False)
class Measures:
    """Everything measured on one image.

    Parameters
    ----------
    volume:
        The image.
    rows:
        The table, in the order of measuring.
    profiles:
        Every scalar measure by slab across the through axis: dimensions ``height`` (middle of the slab above
        the collector [m]) and ``phase``, ``pair`` or ``triple``.
    regions:
        The same by named region, dimension ``region``.
    distributions:
        By name, with ``phase`` as a dimension where every phase has one.
    seconds:
        Time that each measure took [s].
    skipped:
        Measure -> why it could not be made; the others are unaffected.
    """

    volume: Volume
    rows: tuple[Row, ...]
    profiles: xr.Dataset = field(default_factory=xr.Dataset)
    regions: xr.Dataset = field(default_factory=xr.Dataset)
    distributions: Mapping[str, xr.Dataset] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)

    def value(self, name: str, subject: str) -> float:
        """One number of the table by :attr:`Row.name`; KeyError if it was not measured."""
        for row in self.rows:
            if row.name == name and row.subject == subject:
                return row.value
        raise KeyError(f"{name!r} of {subject!r} was not measured")

    def plain(self) -> dict[str, Any]:
        """Everything as data for JSON: units stand in the names, undefined numbers are null."""
        grid = self.volume.grid
        table: dict[str, dict[str, Any]] = {}
        notes: dict[str, str] = {}
        for row in self.rows:
            table.setdefault(row.name, {})[row.subject] = finite(row.value)
            if row.note:
                notes.setdefault(f"{row.name}, {row.subject}", row.note)
        return {
            "image": {
                "shape": list(grid.shape),
                "voxel_size_m": list(grid.voxel_size),
                "size_m": list(grid.size),
                "through_axis": grid.through,
                "collector": grid.collector,
                "phases": dict(self.volume.phases),
                "provenance": finite(dict(self.volume.provenance)),
            },
            "measures": table,
            "notes": notes,
            "profiles": tabulated(self.profiles),
            "regions": tabulated(self.regions),
            "distributions": {name: tabulated(data) for name, data in self.distributions.items()},
            "seconds": dict(self.seconds),
            "skipped": dict(self.skipped),
        }


def tabulated(data: xr.Dataset) -> dict[str, Any]:
    """A dataset as nested lists with its dimensions."""
    return {
        str(name): {"dimensions": list(map(str, values.dims)), "values": finite(values.values)}
        for name, values in {**data.coords, **data.data_vars}.items()
    }


def finite(value: Any) -> Any:
    """Data that JSON can hold: arrays as lists, NumPy numbers as numbers, NaN and infinity as null."""
    if isinstance(value, Mapping):
        return {str(key): finite(inner) for key, inner in value.items()}
    if isinstance(value, np.ndarray):
        return finite(value.tolist())
    if isinstance(value, list | tuple | set):
        return [finite(inner) for inner in value]
    if isinstance(value, np.generic):
        return finite(value.item())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value if value is None or isinstance(value, str | bool | int) else str(value)
