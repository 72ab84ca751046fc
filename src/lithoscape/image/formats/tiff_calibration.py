"""Voxel sizes in TIFF files: the calibrations of ImageJ and of OME."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import tifffile

from .header import length_unit, metres

Calibration = tuple[tuple[float, float, float] | None, str, tuple[str, ...]]
"""Voxel size [m] or None, where it stands, notes."""

NONE: Calibration = (None, "", ())


def calibration(tif: tifffile.TiffFile) -> Calibration:
    """Voxel size of a TIFF, if all three edges have a length and a unit.

    The resolution tags alone never are one: they say nothing about the distance of the pages, and most
    programs fill them with the resolution of a screen.
    """
    if tif.is_ome and tif.ome_metadata:
        return _ome(tif.ome_metadata)
    if tif.is_imagej and tif.imagej_metadata:
        return _imagej(tif.imagej_metadata, tif.pages.first)
    return NONE


def _imagej(metadata: Mapping[str, Any], page: Any) -> Calibration:
    """ImageJ: spacing of the pages in ``spacing``, pixels per unit in the resolution tags."""
    name = str(metadata.get("unit", "")).strip()
    units = [length_unit(metadata.get(key, name)) for key in ("zunit", "yunit", "unit")]
    x, y = (_per_pixel(page, tag) for tag in ("XResolution", "YResolution"))
    if name in ("", "pixel", "pixels"):
        return NONE
    if None in units or x is None or y is None:
        return None, "", (f"the ImageJ calibration in {name!r} is incomplete or in no unit of length",)
    z = metadata.get("spacing")
    if z is None and x == y == 1:
        z = 1.0  # ImageJ leaves the spacing out if it is 1
    if z is None:
        return None, "", (f"the file states pixels of {x:.6g} {name} but no distance of its pages",)
    try:
        a, b, c = (metres(float(h), float(u or 0)) for h, u in zip((z, y, x), units, strict=True))
    except (TypeError, ValueError):
        return None, "", (f"the ImageJ spacing {z!r} is no number",)
    return (a, b, c), "ImageJ calibration", ()


def _per_pixel(page: Any, tag: str) -> float | None:
    """Units per pixel of a resolution tag (a fraction of pixels per unit)."""
    value = page.tags.valueof(tag)
    if not isinstance(value, tuple) or len(value) != 2 or not all(value):
        return None
    return float(value[1] / value[0])


def _ome(text: str) -> Calibration:
    """OME: PhysicalSize of the first image's pixels; the unit is a micrometre where none is given."""
    root = ElementTree.fromstring(text)
    pixels = next((e for e in root.iter() if e.tag.rpartition("}")[2] == "Pixels"), None)
    if pixels is None:
        return NONE
    edges: list[float] = []
    for axis in "ZYX":
        size, name = pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "µm")
        unit = length_unit(name)
        if size is None:
            stated = any(key.startswith("PhysicalSize") for key in pixels.keys())  # noqa: SIM118
            return None, "", ("the OME header states the voxel size not along all axes",) if stated else ()
        if unit is None:
            return None, "", (f"the OME header states the voxel size in {name!r}, no unit of length",)
        edges.append(metres(float(size), unit))
    a, b, c = edges
    return (a, b, c), "OME PhysicalSize", ()
