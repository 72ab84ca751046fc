"""Tables of particles as plain JSON and back, types of numbers kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ..errors import InputError
from .formats.header import plain


def to_plain(table: xr.Dataset) -> dict[str, Any] | None:
    """Lists and types of every variable and coordinate; None for an empty table."""
    if not table.variables:
        return None
    columns = {
        str(name): {
            "dims": [str(d) for d in column.dims],
            "dtype": column.dtype.str if column.dtype.kind in "buif" else "str",
            "attrs": {str(key): plain(value) if not isinstance(value, str | int | float) else value
                      for key, value in column.attrs.items()},
            "data": column.values.tolist(),
            "coordinate": name in table.coords,
        }
        for name, column in table.variables.items()
    }  # fmt: skip
    return {"columns": columns, "attrs": {str(k): v for k, v in table.attrs.items()}}


def from_plain(content: dict[str, Any] | None, path: Path) -> xr.Dataset:
    """The table of what :func:`to_plain` made; InputError if it does not hold together."""
    if not content:
        return xr.Dataset()
    try:
        columns = {name: (c["coordinate"], _variable(c)) for name, c in content["columns"].items()}
        data = {name: column for name, (coordinate, column) in columns.items() if not coordinate}
        coords = {name: column for name, (coordinate, column) in columns.items() if coordinate}
        return xr.Dataset(data, coords, content["attrs"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"the table of particles does not hold together ({error})", field="table", value=path.name,
            remedy="Measure the particles again",
        ) from error  # fmt: skip


def _variable(column: dict[str, Any]) -> xr.Variable:
    dtype = None if column["dtype"] == "str" else np.dtype(column["dtype"])
    return xr.Variable(column["dims"], np.array(column["data"], dtype=dtype), column["attrs"])
