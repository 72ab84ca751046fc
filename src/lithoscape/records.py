"""What a run leaves behind: curves and probe values as xarray, with provenance."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from . import labels
from .errors import InputError


class Recorder:
    """Collects rows of named values; every name must have a unit in :mod:`.labels`.

    ``coordinates`` give the dimensions of array-valued entries:
    ``{"Gauge state of lithiation": {"depth": depths, "position": positions}}``.
    """

    def __init__(self, coordinates: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.coordinates = {k: dict(v) for k, v in (coordinates or {}).items()}
        self.rows: dict[str, list[Any]] = {}

    def add(self, values: Mapping[str, Any]) -> None:
        """Append one row; all rows carry the same names."""
        if self.rows and set(values) != set(self.rows):
            raise ValueError(f"rows differ in {sorted(set(values) ^ set(self.rows))}")
        for name, value in values.items():
            labels.unit(name)
            self.rows.setdefault(name, []).append(np.asarray(value, dtype=float))

    def __len__(self) -> int:
        return len(next(iter(self.rows.values()), []))

    def arrays(self) -> dict[str, np.ndarray]:
        """All rows as stacked arrays."""
        return {name: np.stack(rows) for name, rows in self.rows.items()}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Start from rows saved earlier."""
        self.rows = {name: list(rows) for name, rows in arrays.items()}

    def dataset(self, attributes: Mapping[str, Any] | None = None) -> xr.Dataset:
        """The record: dimension ``time``, units on every variable, JSON attributes."""
        data = self.arrays()
        time = data.pop("Time [s]", np.empty(0))
        variables: dict[str, Any] = {}
        coords: dict[str, Any] = {"time": ("time", time, {"units": "s", "long_name": "Time [s]"})}
        for name, values in data.items():
            dims = ["time"]
            for dim, points in self.coordinates.get(name, {}).items():
                dims.append(dim)
                coords[dim] = (dim, np.asarray(points), _axis_attributes(dim))
            variables[name] = (dims, values, {"units": labels.unit(name)})
        attrs = {
            k: v if isinstance(v, str | int | float) else json.dumps(v) for k, v in (attributes or {}).items()
        }
        return xr.Dataset(variables, coords, attrs)


def _axis_attributes(dim: str) -> dict[str, str]:
    return {"units": "m"} if dim in ("depth", "position") else {}


def provenance() -> dict[str, Any]:
    """Versions of the packages that decide numbers, and the source revision if there is one."""
    packages = ("lithoscape", "dolfinx-solver-real", "fenics-ffcx", "numpy", "scipy", "gmsh")
    versions = {}
    for name in packages:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "unknown"
    return {"versions": versions, "python": platform.python_version(), "revision": _revision()}


def _revision() -> str:
    here = Path(__file__).resolve().parent
    try:
        out = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=here, capture_output=True, text=True, timeout=5, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return out.stdout.strip()


def save(record: xr.Dataset, path: Path) -> Path:
    """Write a record as netCDF-4 (atomically: a failed write leaves the old file)."""
    temporary = path.with_name(path.name + ".part")
    try:
        record.to_netcdf(temporary, engine="h5netcdf")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def load(path: Path) -> xr.Dataset:
    """Read a record written by :func:`save`; InputError if it is not one."""
    try:
        with xr.open_dataset(path, engine="h5netcdf") as record:
            return record.load()
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"this is not a record: {error}", field="record", value=str(path),
            remedy="Run the scenario again to write a new one",
        ) from error  # fmt: skip
