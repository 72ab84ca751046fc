"""Where the resistance is: transport by depth and by region.

In the steady state the same current I crosses every layer, and the heat it makes there is I^2 times the
layer's resistance. So one solve of the whole image gives the resistance of every layer *in place*,

    R_k = P_k / I^2,    sigma_k = d_k / (A R_k),    tau_k = eps_k sigma_0 / sigma_k,

with P_k the power dissipated in layer k of thickness d_k and area A. These resistances are positive and
add up to that of the whole, exactly. A layer cut out and solved *alone* gets even potentials at its cuts,
which can only lower its resistance (Dirichlet's principle): current that has to move sideways between two
layers counts in place and not alone. What a model of homogeneous layers in series needs is the first; what
is compared with sub-volumes of a tomogram is the second.

Powers of layers are of the first order in the error of the potential, the conductance of the whole is of the
second: the tolerance of the solve is the square of that wanted for the profile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import xarray as xr

from ..errors import InputError
from ..image import Volume
from ..image.profile import Region, region_box, slab_boxes
from .handover import Layer
from .percolation import percolating
from .voxel import Transport, VoxelOptions, effective

QUANTITIES = {
    "Porosity": "1",
    "Percolating porosity": "1",
    "Transport efficiency": "1",
    "Tortuosity factor": "1",
    "Tortuosity factor, percolating": "1",
    "Share of the resistance": "1",
}
"""What a profile holds, with units."""


def layer_powers(transport: Transport, labels: np.ndarray) -> np.ndarray:
    """Power dissipated in every layer of voxels across the axis, as shares of the whole (sum 1).

    Parameters
    ----------
    transport:
        With its potential.
    labels:
        The image it was solved on.

    Raises
    ------
    InputError
        No potential was kept, or the image has another shape.
    """
    phi = transport.potential
    if phi is None or phi.shape != np.shape(labels):
        raise InputError(
            "a profile needs the potential of this image", field="transport",
            value=None if phi is None else phi.shape, remedy="Solve with keep_potential=True",
        )  # fmt: skip
    axis = transport.axis
    phi = np.moveaxis(np.asarray(phi, dtype=float), axis, 0)
    sigma = np.moveaxis(_conductivities(labels, transport.conductivity), axis, 0)
    spacing = [transport.spacing[axis], *np.delete(transport.spacing, axis)]
    flowing = np.isfinite(phi) & (sigma > 0)
    phi, resistance = np.where(flowing, phi, 0.0), np.full(phi.shape, np.inf)
    resistance[flowing] = 1 / sigma[flowing]
    powers = _along(phi, resistance, transport.boundary) / spacing[0] ** 2
    for k in range(1, phi.ndim):
        powers += _across(phi, resistance, k) / spacing[k] ** 2
    return np.asarray(powers / powers.sum())


def _conductivities(labels: np.ndarray, conductivity: Mapping[int, float]) -> np.ndarray:
    table = np.zeros(int(np.max(labels)) + 1)
    for label, value in conductivity.items():
        if 0 <= label < table.size:
            table[label] = value
    return table[np.asarray(labels)]


def _along(phi: np.ndarray, resistance: np.ndarray, boundary: str) -> np.ndarray:
    """Power of the faces between layers, each half of a link in its own layer; times h^2 per voxel."""
    powers = np.zeros(phi.shape[0])
    sides = tuple(range(1, phi.ndim))
    total = resistance[:-1] + resistance[1:]
    drop = phi[:-1] - phi[1:]
    with np.errstate(invalid="ignore"):
        current = np.where(np.isfinite(total), 2 * drop / total, 0.0)
        powers[:-1] += np.where(current != 0, current**2 * resistance[:-1] / 2, 0.0).sum(axis=sides)
        powers[1:] += np.where(current != 0, current**2 * resistance[1:] / 2, 0.0).sum(axis=sides)
    if boundary == "face":
        for layer, value in ((0, 1.0), (-1, 0.0)):
            inside = np.isfinite(resistance[layer])
            drops = (phi[layer] - value)[inside]
            powers[layer] += float((2 * drops**2 / resistance[layer][inside]).sum())
    return powers


def _across(phi: np.ndarray, resistance: np.ndarray, k: int) -> np.ndarray:
    """Power of the links along axis ``k`` within each layer, times h^2 per voxel."""
    low, high = (slice(None),) * k + (slice(None, -1),), (slice(None),) * k + (slice(1, None),)
    total = resistance[low] + resistance[high]
    with np.errstate(invalid="ignore"):
        power = np.where(np.isfinite(total), 2 * (phi[low] - phi[high]) ** 2 / total, 0.0)
    return np.asarray(power.sum(axis=tuple(range(1, phi.ndim))))


def by_depth(volume: Volume, transport: Transport, slabs: int | None = None) -> xr.Dataset:
    """Transport in place, slab by slab along the axis of a solve.

    Parameters
    ----------
    volume:
        The image.
    transport:
        Its solve, the potential kept.
    slabs:
        Number of slabs; about 20, but each of at least four voxels, if not given.

    Returns
    -------
    xr.Dataset
        :data:`QUANTITIES` against ``height``: middle of the slab above the collector if the solve is through,
        else its distance from the low end [m].

    Raises
    ------
    InputError
        No potential, or slabs thinner than two voxels.
    """
    grid = volume.grid
    if transport.axis != grid.through:
        grid = replace(grid, through=transport.axis, collector="low")
    boxes = slab_boxes(grid, slabs)
    heights = grid.heights()
    middles = [float(heights[box[transport.axis]].mean()) for box in boxes]
    return _dataset(
        _in_place(volume, transport, boxes),
        xr.DataArray(middles, dims="height", name="height", attrs={"units": "m"}),
    )


def by_region(
    volume: Volume, transport: Transport, regions: Mapping[str, Region] | None = None
) -> xr.Dataset:
    """Transport in place by region of heights along the through axis; thirds of the height if not given.

    Returns
    -------
    xr.Dataset
        :data:`QUANTITIES` against ``region``.

    Raises
    ------
    InputError
        No potential, a solve across another axis, or a region without a layer of voxels.
    """
    if transport.axis != volume.grid.through:
        raise InputError(
            "regions are layers across the through axis", field="axis", value=transport.axis,
            remedy=f"Solve along axis {volume.grid.through}",
        )  # fmt: skip
    chosen: Mapping[str, Region] = thirds(volume) if regions is None else regions
    boxes = [region_box(volume.grid, name, region) for name, region in chosen.items()]
    rows = _in_place(volume, transport, boxes)
    return _dataset(rows, xr.DataArray(list(chosen), dims="region", name="region"))


def thirds(volume: Volume) -> dict[str, tuple[float, float]]:
    """The three regions of a table by depth, from the collector up."""
    top = volume.grid.thickness
    return {
        "collector third": (0.0, top / 3),
        "middle third": (top / 3, 2 * top / 3),
        "separator third": (2 * top / 3, top),
    }


def alone(
    volume: Volume,
    conductivity: Mapping[int, float],
    regions: Mapping[str, Region] | None = None,
    *,
    options: VoxelOptions | None = None,
) -> xr.Dataset:
    """Transport of every region cut out and solved by itself, along all three axes.

    Parameters
    ----------
    volume:
        The image.
    conductivity:
        Of every label.
    regions:
        Name -> heights above the collector [m] or block of voxels; thirds if not given.
    options:
        Of the solves.

    Returns
    -------
    xr.Dataset
        :data:`QUANTITIES` but for the share of the resistance, against ``region`` and ``axis``. Where nothing
        gets through, efficiency is 0 and tortuosity infinite; where a region is one layer thick, nan.

    Raises
    ------
    InputError
        A region without a layer of voxels, or conductivities that do not fit.
    """
    chosen: Mapping[str, Region] = thirds(volume) if regions is None else regions
    boxes = {name: region_box(volume.grid, name, region) for name, region in chosen.items()}
    found = np.array(
        [[_alone(volume, box, conductivity, k, options) for k in range(3)] for box in boxes.values()]
    )
    names = [name for name in QUANTITIES if name != "Share of the resistance"]
    data = {
        name: (("region", "axis"), found[..., k], {"units": QUANTITIES[name]}) for k, name in enumerate(names)
    }
    return xr.Dataset(data, {"region": list(boxes), "axis": [0, 1, 2]})


def layers_of(
    volume: Volume, regions: Mapping[str, tuple[float, float]], place: xr.Dataset, cut: xr.Dataset
) -> list[Layer]:
    """Layers for the homogenised model: through in place, in plane alone.

    Parameters
    ----------
    volume:
        The image.
    regions:
        Name -> heights above the collector [m].
    place, cut:
        What :func:`by_region` and :func:`alone` found for them.
    """
    across = list(volume.grid.in_plane)
    layers = []
    for name, (low, high) in regions.items():
        here, there = place.sel(region=name), cut.sel(region=name)
        layers.append(
            Layer(
                name, low, high, float(here["Porosity"]), float(here["Transport efficiency"]),
                float(there["Transport efficiency"].sel(axis=across).mean()),
            )
        )  # fmt: skip
    return layers


Box = tuple[slice, slice, slice]


def _in_place(volume: Volume, transport: Transport, boxes: Sequence[Box]) -> list[tuple[float, ...]]:
    axis = transport.axis
    powers, extent = layer_powers(transport, volume.labels), _extents(volume, transport)
    conducting = np.isin(volume.labels, [k for k, v in transport.conductivity.items() if v > 0])
    crossing = percolating(conducting, axis, trim=False)
    rows: list[tuple[float, ...]] = []
    for box in boxes:
        share = float(powers[box[axis]].sum())
        efficiency = transport.efficiency * float(extent[box[axis]].sum() / extent.sum()) / share
        porosity, open_ = float(conducting[box].mean()), float(crossing[box].mean())
        rows.append((porosity, open_, efficiency, porosity / efficiency, open_ / efficiency, share))
    return rows


def _alone(
    volume: Volume, box: Box, conductivity: Mapping[int, float], axis: int, options: VoxelOptions | None
) -> tuple[float, ...]:
    labels = volume.labels[box]
    thinnest = 3 if options is not None and options.boundary == "node" else 2
    if labels.shape[axis] < thinnest:
        return (np.nan,) * 5
    conducting = np.isin(labels, [k for k, v in conductivity.items() if v > 0])
    porosity = float(conducting.mean())
    open_ = float(percolating(conducting, axis, trim=False).mean())
    if open_ == 0:
        return porosity, 0.0, 0.0, np.inf, np.nan
    solved = effective(labels, conductivity, axis, spacing=volume.grid.voxel_size, options=options)
    return porosity, open_, solved.efficiency, solved.tau, solved.tau_percolating


def _extents(volume: Volume, transport: Transport) -> np.ndarray:
    """Thickness that conducts in every layer [m]; of the outer ones half if potentials sit inside them."""
    axis = transport.axis
    extent = np.full(volume.grid.shape[axis], volume.grid.voxel_size[axis])
    if transport.boundary == "node":
        extent[[0, -1]] /= 2
    return extent


def _dataset(rows: Sequence[Sequence[float]], along: xr.DataArray) -> xr.Dataset:
    columns = np.array(rows, dtype=float).reshape(len(rows), len(QUANTITIES)).T
    data = {
        name: (along.dims, column, {"units": unit})
        for (name, unit), column in zip(QUANTITIES.items(), columns, strict=True)
    }
    return xr.Dataset(data, {str(along.name): along})
