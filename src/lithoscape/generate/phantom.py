"""Grey-level picture of a known microstructure, with the faults of a tomogram: what tests a segmentation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from scipy import ndimage

from ..errors import InputError, nearest
from ..image import GreyImage, Grid, Volume


@dataclass(frozen=True)
class RingFault:
    """Rings about an axis through the middle, at random radii, bright or dark, the same in every slice.

    Parameters
    ----------
    amplitude:
        Height of the strongest ring [grey levels].
    number:
        How many rings.
    axis:
        Rotation axis of the scan; the through axis unless given.
    width:
        Half width of a ring (standard deviation of its profile) [voxels].
    """

    amplitude: float
    number: int = 8
    axis: int | None = None
    width: float = 0.7


@dataclass(frozen=True)
class UnevenLight:
    """Slow change of brightness [grey levels].

    Parameters
    ----------
    cupping:
        How much brighter the corners across the axis are than the axis itself; it grows with the square of
        the radius, as beam hardening leaves it.
    tilt:
        Rise from the first to the last slice along the axis.
    axis:
        Rotation axis of the scan; the through axis unless given.
    """

    cupping: float = 0.0
    tilt: float = 0.0
    axis: int | None = None


def phantom(
    volume: Volume,
    *,
    grey: Mapping[str, float],
    blur: float = 0.0,
    edge_contrast: float = 0.0,
    background: UnevenLight | None = None,
    rings: RingFault | None = None,
    noise: float = 0.0,
    counts: float | None = None,
    bits: Literal[8, 16] | None = None,
    rng: np.random.Generator,
) -> GreyImage:
    """Grey-level image of labels whose truth is therefore known.

    In this order: the grey level of every phase; Gaussian blur, which is the partial-volume effect and the
    point spread of the optics; interface fringes; uneven light; rings; noise; rounding.

    Parameters
    ----------
    volume:
        The truth.
    grey:
        Grey level of every phase that occurs.
    blur:
        Standard deviation of the blur [m].
    edge_contrast:
        Strength k of the fringes of propagation phase contrast: ``-k s^2 laplacian`` of the blurred image is
        added, s being the blur (one voxel edge where there is none). To first order in the propagation
        distance the intensity behind an object changes by the Laplacian of its projected phase (Paganin et
        al., J. Microsc. 206, 33, 2002, 10.1046/j.1365-2818.2002.01010.x): the brighter phase is rimmed bright
        inside and dark outside.
    background, rings:
        Slow and circular faults.
    noise:
        Standard deviation of Gaussian noise [grey levels].
    counts:
        Instead of ``noise``: photons behind the brightest phase; the others have them in proportion to their
        grey level, and the noise is Poisson's.
    bits:
        Round to 8 or 16 bits, values beyond cut; else float32.
    rng:
        All randomness; the same state gives the same image.

    Raises
    ------
    InputError
        A phase without a grey level or one that is not there, negative amplitudes, noise of both kinds, grey
        levels that do not fit into the bits.
    """
    _check(volume, grey, bits)
    _check_strengths(blur, noise, edge_contrast)
    _check_counts(counts, noise, max(map(float, grey.values())))
    table = np.zeros(max(volume.phases.values()) + 1, np.float32)
    for name, level in grey.items():
        table[volume.label(name)] = level
    values = _optics(table[volume.labels], volume.grid, blur, edge_contrast)
    if background is not None:
        values += _uneven(background, volume.grid)
    if rings is not None:
        values += _ring_pattern(rings, volume.grid, rng)
    if counts is not None:
        top = max(map(float, grey.values()))
        values = rng.poisson(np.maximum(values, 0) * (counts / top)) * np.float32(top / counts)
    elif noise > 0:
        values += rng.standard_normal(values.shape, dtype=np.float32) * np.float32(noise)
    told = {
        "phantom": {
            "grey": dict(grey), "blur [m]": blur, "edge contrast": edge_contrast, "noise": noise,
            "counts": counts, "bits": bits,
            "background": asdict(background) if background else None,
            "rings": asdict(rings) if rings else None,
        },
        "truth": dict(volume.provenance),
    }  # fmt: skip
    return GreyImage(_rounded(values, bits), volume.grid, told)


def _optics(values: np.ndarray, grid: Grid, blur: float, edge_contrast: float) -> np.ndarray:
    """Blur, and the fringes of its Laplacian."""
    if blur > 0:
        sigma = [blur / h for h in grid.voxel_size]
        blurred = ndimage.gaussian_filter(values, sigma, mode="nearest")
    else:
        sigma = [1.0, 1.0, 1.0]
        blurred = values
    if edge_contrast == 0:
        return blurred
    # second derivatives in voxels times sigma squared in voxels: dimensionless, right for any voxel shape
    fringe = np.zeros_like(values)
    for axis in range(3):
        order = [2 if k == axis else 0 for k in range(3)]
        # cut at the usual four sigma, the weights do not add up to zero and flat regions would shift
        second = ndimage.gaussian_filter(values, sigma, order=order, mode="nearest", truncate=6.0)
        fringe += np.float32(sigma[axis] ** 2) * second
    return blurred - np.float32(edge_contrast) * fringe


def _radius(grid: Grid, axis: int | None) -> tuple[np.ndarray, int]:
    """Distance from the middle of every slice across the axis [voxels], to broadcast, and the axis."""
    axis = grid.through if axis is None else axis
    if axis not in (0, 1, 2):
        raise InputError("there is no such axis", field="axis", value=axis, remedy="Give 0, 1 or 2")
    square: np.ndarray = np.zeros((1, 1, 1))
    for k in range(3):
        if k != axis:
            x = np.arange(grid.shape[k]) - (grid.shape[k] - 1) / 2
            square = square + x.reshape([-1 if m == k else 1 for m in range(3)]) ** 2
    return np.sqrt(square), axis


def _uneven(fault: UnevenLight, grid: Grid) -> np.ndarray:
    radius, axis = _radius(grid, fault.axis)
    n = grid.shape[axis]
    height = (np.arange(n) / max(n - 1, 1) - 0.5).reshape([-1 if k == axis else 1 for k in range(3)])
    bowl = (radius / max(float(radius.max()), 1.0)) ** 2
    return (fault.cupping * bowl + fault.tilt * height).astype(np.float32)


def _ring_pattern(fault: RingFault, grid: Grid, rng: np.random.Generator) -> np.ndarray:
    if fault.amplitude < 0 or fault.number < 1 or fault.width <= 0:
        raise InputError(
            "rings have a height, a number and a width", field="rings", value=asdict(fault),
            remedy="Give positive values, or no rings",
        )  # fmt: skip
    radius, _ = _radius(grid, fault.axis)
    pattern = np.zeros_like(radius)
    at = rng.uniform(0, float(radius.max()), fault.number)
    height = fault.amplitude * rng.uniform(0.4, 1.0, fault.number) * rng.choice([-1, 1], fault.number)
    height *= fault.amplitude / max(float(np.abs(height).max()), 1e-300)
    for r, h in zip(at, height, strict=True):
        pattern += h * np.exp(-0.5 * ((radius - r) / fault.width) ** 2)
    return pattern.astype(np.float32)


def _rounded(values: np.ndarray, bits: int | None) -> np.ndarray:
    if bits is None:
        return values.astype(np.float32, copy=False)
    return np.clip(np.rint(values), 0, 2**bits - 1).astype(np.uint8 if bits == 8 else np.uint16)


def _check(volume: Volume, grey: Mapping[str, float], bits: int | None) -> None:
    for name, level in grey.items():
        volume.label(name)
        if not math.isfinite(level):
            raise InputError("a grey level is a finite number", field=f"grey.{name}", value=level)
        if bits is not None and not 0 <= level < 2**bits:
            raise InputError(
                f"{bits} bits hold 0 to {2**bits - 1}", field=f"grey.{name}", value=level,
                remedy="Give a level that fits, or more bits",
            )  # fmt: skip
    for name, fraction in volume.fractions().items():
        if fraction > 0 and name not in grey:
            raise InputError(
                "every phase needs a grey level", field="grey", value=name, remedy=nearest(name, list(grey))
            )
    if bits not in (None, 8, 16):
        raise InputError("an image has 8 or 16 bits", field="bits", value=bits, remedy="Or None for float32")


def _check_strengths(blur: float, noise: float, edge_contrast: float) -> None:
    for name, value in (("blur", blur), ("noise", noise), ("edge_contrast", edge_contrast)):
        if not (math.isfinite(value) and value >= 0):
            raise InputError("this is zero or positive", field=name, value=value, remedy="Give 0 for none")
    if blur >= 1e-3:
        raise InputError(
            "the blur is wider than a millimetre", field="blur", value=blur,
            remedy="It is in metres: 0.4 um is 0.4e-6",
        )  # fmt: skip


def _check_counts(counts: float | None, noise: float, top: float) -> None:
    if counts is not None and (noise > 0 or not counts > 0):
        raise InputError(
            "noise is Gaussian or a positive number of counts, not both", field="counts", value=counts,
            remedy="Give noise or counts",
        )  # fmt: skip
    if counts is not None and not top > 0:
        raise InputError(
            "photons are counted behind a phase of positive grey level", field="grey", value=top,
            remedy="Give the brightest phase a positive grey level, or noise instead of counts",
        )  # fmt: skip
