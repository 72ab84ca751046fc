"""Voxel sizes in HDF5 files."""

from __future__ import annotations

import re
from typing import Any

import h5py
import numpy as np

from .header import length_unit, metres
from .nexus import axes_of, text

_NAME = re.compile(r"(voxel|pixel|element)[_ ]?(size|spacing)(?:[_ ](m|mm|um|nm))?$", re.IGNORECASE)

Calibration = tuple[tuple[float, float, float] | None, str, tuple[str, ...]]


def calibration(file: h5py.File, node: h5py.Dataset) -> Calibration:
    """Voxel size of a dataset [m] or None, where it stands, notes.

    From the NeXus axes of the dataset if all three have a unit of length and even steps; otherwise from an
    attribute such as ``voxel_size_um`` or ``element_size_um`` (pages, rows, columns), or ``voxel_size`` with
    ``units``, of the dataset or of a group above it.
    """
    edges, notes = _from_axes(node)
    if edges is not None:
        return edges, "NeXus axes", notes
    level: Any = node
    while True:
        found, where, more = _from_attributes(level)
        notes = (*notes, *more)
        if found is not None:
            return found, where, notes
        if level.name in ("/", None):
            return None, "", notes
        level = level.parent


def _from_axes(node: h5py.Dataset) -> tuple[tuple[float, float, float] | None, tuple[str, ...]]:
    axes = axes_of(node)
    if not any(axes):
        return None, ()
    edges: list[float] = []
    for number, axis in enumerate(axes):
        if axis is None:
            return None, (f"axis {number} has no coordinates",)
        unit = length_unit(text(axis.attrs.get("units", axis.attrs.get("unit", ""))))
        if unit is None:
            return None, (f"the axis {axis.name} has no unit of length",)
        values = np.asarray(axis, dtype=float).ravel()
        steps = np.diff(values)
        step = (values[-1] - values[0]) / steps.size if steps.size else np.nan
        if values.size != node.shape[number] or not np.allclose(steps, step, rtol=1e-3, atol=0) or step == 0:
            return None, (f"the axis {axis.name} has no even steps",)
        edges.append(metres(abs(float(step)), unit))
    a, b, c = edges
    return (a, b, c), ()


def _from_attributes(level: Any) -> Calibration:
    for key in level.attrs:
        match = _NAME.match(key)
        if not match:
            continue
        value = level.attrs[key]
        named = match[3] or text(level.attrs.get(f"{key}_units", _units(level)))
        unit = length_unit(named)
        numbers = np.asarray(value).ravel()
        if unit is None or numbers.size not in (1, 3) or numbers.dtype.kind not in "uif":
            return (
                None,
                "",
                (f"{key} of {level.name} is no length with a unit; it was not used",),
            )
        a, b, c = (metres(float(h), unit) for h in np.broadcast_to(numbers, 3))
        return (a, b, c), f"attribute {key} of {level.name}", ()
    return None, "", ()


def _units(level: Any) -> Any:
    return level.attrs.get("voxel_size_unit", level.attrs.get("units", level.attrs.get("unit", "")))
