"""Measures by slab across the electrode and by named region."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from ..errors import InputError
from .contact import triple_lines
from .correlate import correlation_length
from .grid import Grid
from .orientation import mean_intercepts, surface_normals
from .surface import CellCounts, cell_counts, crofton
from .volume import Volume

Region = tuple[float, float] | tuple[slice, slice, slice]
"""Heights above the collector [m], or a block of voxels."""

THINNEST = 2
"""Voxels that a slab needs: below, no cell lies inside it."""

UNITS = {
    "Volume fraction": "1",
    "Percolating fraction": "1",
    "Specific surface area [m-1]": "m-1",
    "Mean intercept through [m]": "m",
    "Mean intercept in plane [m]": "m",
    "Correlation length in plane [m]": "m",
    "Normal tensor through": "1",
    "Local thickness, mean [m]": "m",
    "Specific contact area [m-1]": "m-1",
    "Triple-phase length [m-2]": "m-2",
}
"""What is measured in every part, with its unit."""

Maps = Mapping[str, np.ndarray]


def by_slab(
    volume: Volume,
    phases: Sequence[str],
    slabs: int | None = None,
    *,
    thickness: Maps | None = None,
    percolating: Maps | None = None,
) -> xr.Dataset:
    """Every scalar measure in slabs across the through axis, from the collector up.

    Parameters
    ----------
    volume:
        The image.
    phases:
        Phases to measure.
    slabs:
        Number of slabs; about 20, but each of at least four voxels, if not given.
    thickness:
        Local thickness of every voxel [m] by phase; the mean within the slab is reported. Measured on the
        whole image, because spheres do not end at slabs.
    percolating:
        Mask of the phase that joins collector and separator in the whole image.

    Raises
    ------
    InputError
        Fewer than one slab, or slabs thinner than two voxels.
    """
    boxes = slab_boxes(volume.grid, slabs)
    parts = [_part(volume, box, phases, thickness or {}, percolating or {}) for box in boxes]
    middles = [float(volume.grid.heights()[box[volume.grid.through]].mean()) for box in boxes]
    axis = xr.DataArray(middles, dims="height", name="height", attrs={"units": "m"})
    return _joined(parts, axis)


def slab_boxes(grid: Grid, slabs: int | None) -> list[tuple[slice, slice, slice]]:
    """The blocks of voxels of the slabs, from the collector up; InputError as in :func:`by_slab`."""
    layers = grid.shape[grid.through]
    count = max(1, min(20, layers // 4)) if slabs is None else slabs
    if count < 1 or (count > 1 and layers // count < THINNEST):
        raise InputError(
            f"a slab needs at least {THINNEST} voxels", field="slabs", value=count,
            remedy=f"The image has {layers} voxels from collector to separator",
        )  # fmt: skip
    bounds = np.linspace(0, layers, count + 1).round().astype(int)
    if grid.collector == "high":
        bounds = layers - bounds
    return [_box(grid, *sorted(pair)) for pair in itertools.pairwise(map(int, bounds))]


def by_region(
    volume: Volume,
    phases: Sequence[str],
    regions: Mapping[str, Region] | None = None,
    *,
    thickness: Maps | None = None,
    percolating: Maps | None = None,
) -> xr.Dataset:
    """The measures of :func:`by_slab` in named regions; thirds of the height if none are given.

    Raises
    ------
    InputError
        Heights or a block outside the image, or a region without a voxel.
    """
    top = volume.grid.thickness
    thirds: dict[str, Region] = {
        "collector third": (0.0, top / 3),
        "middle third": (top / 3, 2 * top / 3),
        "separator third": (2 * top / 3, top),
    }
    chosen: Mapping[str, Region] = thirds if regions is None else regions
    if not chosen:
        return xr.Dataset()
    boxes = {name: region_box(volume.grid, name, region) for name, region in chosen.items()}
    parts = [_part(volume, box, phases, thickness or {}, percolating or {}) for box in boxes.values()]
    return _joined(parts, xr.DataArray(list(boxes), dims="region", name="region"))


def region_box(grid: Grid, name: str, region: Region) -> tuple[slice, slice, slice]:
    """The block of voxels of a region; InputError if there is none."""
    if isinstance(region[0], slice):
        grid.crop(region)
        return region
    low, high = (float(h) for h in region)
    inside = np.flatnonzero((grid.heights() >= low) & (grid.heights() < high))
    if not (0 <= low < high) or high > grid.thickness * (1 + 1e-9) or inside.size == 0:
        raise InputError(
            "the region holds no layer of voxels", field=f"regions.{name}", value=(low, high),
            remedy=f"Give two heights between 0 and {grid.thickness:.4g} m above the collector",
        )  # fmt: skip
    return _box(grid, int(inside[0]), int(inside[-1]) + 1)


def _box(grid: Grid, first: int, last: int) -> tuple[slice, slice, slice]:
    box = [slice(None)] * 3
    box[grid.through] = slice(first, last)
    return box[0], box[1], box[2]


def _part(
    volume: Volume, box: tuple[slice, slice, slice], phases: Sequence[str], thickness: Maps, percolating: Maps
) -> xr.Dataset:
    """The measures of one block; lengths are NaN for a phase without surface in it."""
    part = volume.crop(*box)
    counts = cell_counts(part)
    inside = cell_counts(part, "interior") if min(part.grid.shape) >= THINNEST else None
    shares = part.fractions()
    columns: dict[str, list[float]] = {}
    for name in phases:
        one = _of_phase(part, name, shares[name], counts, inside)
        one["Local thickness, mean [m]"] = _mean(thickness.get(name), box, part.mask(name))
        one["Percolating fraction"] = _mean(percolating.get(name), box, part.mask(name))
        for quantity, value in one.items():
            columns.setdefault(quantity, []).append(value)
    data: dict[str, tuple[str, list[float]]] = {q: ("phase", values) for q, values in columns.items()}
    block = part.grid.voxels * part.grid.voxel_volume
    pairs = list(itertools.combinations(phases, 2))
    if pairs:
        areas = [crofton(counts.between(a, b), part.grid) / block for a, b in pairs]
        data["Specific contact area [m-1]"] = ("pair", areas)
    triples = list(itertools.combinations(phases, 3))
    if triples:
        lines = triple_lines(part)
        found = {frozenset(names): line.specific for names, line in lines.items()}
        data["Triple-phase length [m-2]"] = ("triple", [found.get(frozenset(t), 0.0) for t in triples])
    coords: dict[str, list[str]] = {"phase": list(phases)}
    if pairs:
        coords["pair"] = [f"{a} | {b}" for a, b in pairs]
    if triples:
        coords["triple"] = [" | ".join(t) for t in triples]
    return xr.Dataset(data, coords)


def _of_phase(
    part: Volume, name: str, share: float, counts: CellCounts, inside: CellCounts | None
) -> dict[str, float]:
    through, across = part.grid.through, part.grid.in_plane
    specific = crofton(counts.between(name), part.grid) / (part.grid.voxels * part.grid.voxel_volume)
    one = {"Volume fraction": share, "Specific surface area [m-1]": specific}
    if specific == 0 or inside is None:
        lengths, normal = (np.nan, np.nan, np.nan), np.nan
    else:
        lengths = mean_intercepts(part, name, counts=inside).axes
        normal = float(surface_normals(part, name).tensor[through, through])
    one["Mean intercept through [m]"] = lengths[through]
    one["Mean intercept in plane [m]"] = float(np.mean([lengths[k] for k in across]))
    one["Correlation length in plane [m]"] = correlation_length(part, name, across)
    one["Normal tensor through"] = normal
    return one


def _mean(values: np.ndarray | None, box: tuple[slice, slice, slice], mask: np.ndarray) -> float:
    """Mean of a map over a phase in a block; NaN without a map or a voxel."""
    if values is None or not mask.any():
        return float("nan")
    return float(values[box][mask].mean(dtype=np.float64))


def _joined(parts: Sequence[xr.Dataset], along: xr.DataArray) -> xr.Dataset:
    joined = xr.concat(parts, along)
    for name in joined:
        joined[name].attrs["units"] = UNITS[str(name)]
    return joined
