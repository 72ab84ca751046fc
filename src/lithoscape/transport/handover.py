"""Measured transport as the homogenised model, a scenario file and BPX take it.

All three hold the transport efficiency eps/tau beside the porosity eps. A scenario takes one electrode
with two values, through and in plane; a :class:`~lithoscape.models.homogenised.Region` takes functions of
the place; BPX takes one number per electrode.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import InputError
from ..materials.schema import Electrode


@dataclass(frozen=True)
class Layer:
    """Transport of the pores of one layer of an electrode.

    Parameters
    ----------
    name:
        Of the layer.
    low, high:
        Heights above the collector [m].
    porosity:
        Electrolyte per volume, 0 to 1.
    through, in_plane:
        Transport efficiencies eps/tau, 0 to 1; the second is the mean of both directions, None if it was
        not measured.

    Raises
    ------
    InputError
        Heights that do not ascend, a share outside 0 to 1.
    """

    name: str
    low: float
    high: float
    porosity: float
    through: float
    in_plane: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high < math.inf:
            raise InputError(
                "a layer lies between two ascending heights", field=f"layers.{self.name}",
                value=(self.low, self.high), remedy="Give metres above the collector",
            )  # fmt: skip
        for key in ("porosity", "through", "in_plane"):
            value = getattr(self, key)
            if value is not None and not 0 <= value <= 1:
                raise InputError(
                    "this is a share between 0 and 1", field=f"layers.{self.name}.{key}", value=value,
                    remedy="Efficiencies are eps/tau, not tau",
                )  # fmt: skip


def whole(layers: Sequence[Layer]) -> Layer:
    """One layer in place of all: resistances in series through, conductances side by side in plane."""
    if not layers:
        raise InputError("there is no layer", field="layers", value=[], remedy="Give at least one")
    ordered = sorted(layers, key=lambda layer: layer.low)
    heights = np.array([layer.high - layer.low for layer in ordered])
    share = heights / heights.sum()
    through = np.array([layer.through for layer in ordered])
    series = 0.0 if (through == 0).any() else float(1 / (share / through).sum())
    sides = [layer.in_plane for layer in ordered]
    return Layer(
        "whole", ordered[0].low, ordered[-1].high, float(share @ [x.porosity for x in ordered]), series,
        None if None in sides else float(share @ np.array(sides, dtype=float)),
    )  # fmt: skip


def scenario_entry(layer: Layer) -> dict[str, Any]:
    """What goes under ``electrode:`` of a scenario file.

    Raises
    ------
    InputError
        An efficiency of 0: nothing gets through, and a scenario refuses it.
    """
    for key in ("porosity", "through", "in_plane"):
        value = getattr(layer, key)
        if value is not None and value <= 0:
            raise InputError(
                "nothing gets through, and no scenario can hold that", field=key, value=value,
                remedy="Choose a larger part of the image, or the phase that conducts",
            )  # fmt: skip
    through: Any = _short(layer.through)
    if layer.in_plane is not None:
        through = {"through": through, "in_plane": _short(layer.in_plane)}
    return {"porosity": _short(layer.porosity), "transport": through}


def scenario_text(layer: Layer) -> str:
    """The same as text to paste into a scenario file."""
    entry = scenario_entry(layer)
    transport = entry["transport"]
    if isinstance(transport, dict):
        transport = f"{{through: {transport['through']}, in_plane: {transport['in_plane']}}}"
    return f"electrode:\n  porosity: {entry['porosity']}\n  transport: {transport}\n"


def with_transport(electrode: Electrode, porosity: float, efficiency: float) -> Electrode:
    """An electrode of a material set with measured porosity and transport efficiency.

    Sets hold the efficiency as an exponent b of eps^b; :func:`lithoscape.materials.bpx.write_bpx` writes what
    it comes to as "Transport efficiency".

    Raises
    ------
    InputError
        A porosity or an efficiency outside 0 to 1 (both exclusive), or too much porosity beside the active
        material.
    """
    for key, value in (("porosity", porosity), ("efficiency", efficiency)):
        if not 0 < value < 1:
            raise InputError(
                "this is a share between 0 and 1", field=key, value=value,
                remedy="Efficiencies are eps/tau, not tau",
            )  # fmt: skip
    exponent = math.log(efficiency) / math.log(porosity)
    return replace(electrode, porosity=porosity, bruggeman_electrolyte=exponent)


def bpx_entry(layer: Layer) -> dict[str, float]:
    """What goes into an electrode of a BPX file; transport is that through the electrode."""
    return {"Porosity": _short(layer.porosity), "Transport efficiency": _short(layer.through)}


@dataclass(frozen=True)
class RegionCoefficients:
    """Functions of the place for a region of the homogenised model.

    Parameters
    ----------
    porosity:
        Coordinates (3, n) [m] -> (n,).
    transport:
        Coordinates (3, n) [m] -> (dim, n), one value per axis of the mesh.
    """

    porosity: Callable[[np.ndarray], np.ndarray]
    transport: Callable[[np.ndarray], np.ndarray]


def region_coefficients(
    layers: Sequence[Layer], collector: float, *, dim: int = 1, rising: bool = False
) -> RegionCoefficients:
    """Porosity and transport by layer, as :class:`~lithoscape.models.homogenised.Region` takes them.

    Parameters
    ----------
    layers:
        From any end; below the lowest and above the highest the nearest one holds.
    collector:
        Coordinate of the collector along the last axis of the mesh [m].
    dim:
        Axes of the mesh; the last one is through.
    rising:
        Whether coordinates grow from the collector up; in a cell that is laid out from its negative
        terminal they fall.
    """
    ordered = sorted(layers, key=lambda layer: layer.low)
    tops = np.array([layer.high for layer in ordered[:-1]])
    eps = np.array([layer.porosity for layer in ordered])
    if dim > 1 and any(x.in_plane is None for x in ordered):
        raise InputError(
            "in-plane transport was not measured", field="layers", value=[x.name for x in ordered],
            remedy="Solve along all axes, or use a mesh of one dimension",
        )  # fmt: skip
    values = np.array([[x.in_plane] * (dim - 1) + [x.through] for x in ordered], dtype=float).T

    def place(x: np.ndarray) -> np.ndarray:
        height = (x[dim - 1] - collector) * (1 if rising else -1)
        return np.searchsorted(tops, height, side="right")

    return RegionCoefficients(lambda x: eps[place(x)], lambda x: values[:, place(x)])


def _short(value: float) -> float:
    """Six significant digits."""
    return float(f"{value:.6g}")
