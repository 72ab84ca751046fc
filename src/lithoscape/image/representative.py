"""How large an image must be to stand for its material.

A figure is measured on sub-volumes of growing size. Its variance falls as ``D^2(V) = D0 (A3 / V)^alpha``
[1]_: D0 is the variance at a point, A3 the integral range, alpha is 1 without correlation over long
distances. From that law follows the size at which the 95 % interval of one sub-volume, 1.96 D(V), is a
wanted share of the mean.

The spread of sub-volumes side by side is unbiased as long as they are large against the correlation. Where
too few fit, random ones that overlap are taken: they share what they have in common, and the expectation of
their spread is ``D^2(V)`` times one minus the mean over all pairs of the shared part of their volume,
exactly so without correlation. That factor is made up for.

References
----------
.. [1] T. Kanit et al., Int. J. Solids Struct. 40 (2003) 3647, doi:10.1016/S0020-7683(03)00143-4
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from ..errors import InputError, LithoscapeError
from .grid import Grid
from .volume import Volume

ERRORS = (0.01, 0.02, 0.05)
"""Relative errors for which a size is given."""
TWO_SIDED = 1.959963984540054
"""Half width of the 95 % interval of a normal distribution [standard deviations]."""


@dataclass(frozen=True, eq=False)
class _Blocks:
    """Corners of the sub-volumes of one size [voxels]."""

    extent: tuple[int, int, int]
    corners: np.ndarray
    overlapping: bool


def representative(
    volume: Volume,
    measure: Callable[[Volume], float],
    *,
    rng: np.random.Generator,
    sizes: Sequence[float] | None = None,
    samples: int = 20,
    full_thickness: bool = False,
    exponent: float | None = None,
    point_variance: float | None = None,
    units: str = "1",
) -> xr.Dataset:
    """A figure on sub-volumes of growing size, its variance law and the size it needs.

    Parameters
    ----------
    volume:
        The image.
    measure:
        What to measure on each sub-volume. A value that is not finite, or an error of this package (no way
        through, no such phase), counts as failed and is left out.
    rng:
        Source of all randomness.
    sizes:
        Edges of the sub-volumes [m], ascending; eight if not given, from an eighth to a half of the
        shortest edge.
    samples:
        Sub-volumes per size. Where more fit side by side, as many are drawn of them; where fewer fit, random
        ones that overlap are taken.
    full_thickness:
        Sub-volumes keep the whole through axis and vary in plane alone, as coupons of an electrode do.
    exponent:
        alpha, if it is not to be fitted.
    point_variance:
        D0 in squared ``units``, if known; only then there is an integral range.
    units:
        Unit of the figure.

    Returns
    -------
    xr.Dataset
        Against ``edge`` [m]: ``Value`` (mean), ``Standard deviation`` (bias removed), ``Lower`` and
        ``Upper`` end of the 95 % interval of one sub-volume, ``Volume`` [m3], ``Samples``, ``Failed``,
        ``Overlapping``, ``Fitted``. Scalars: ``Exponent`` and its ``Exponent error``, ``Coefficient`` (D0
        A3^alpha), ``Integral range`` [m3]. Against ``relative error``: ``Needed edge`` [m], ``Needed
        volume`` [m3], and ``Extrapolated``: whether it lies beyond the sizes measured. What cannot be told
        is nan.

    Raises
    ------
    InputError
        Sizes that do not fit, fewer than two samples, an exponent or a point variance that is not positive.
    """
    _check(samples, exponent, point_variance)
    grid = volume.grid
    rows, values = [], []
    for blocks in _plan(grid, sizes, samples, full_thickness, rng):
        rows.append(blocks)
        values.append(np.array([_value(volume, measure, c, blocks.extent) for c in blocks.corners]))
    return _report(grid, rows, values, full_thickness, exponent, point_variance, units)


def fraction_representative(
    volume: Volume,
    phase: str,
    *,
    rng: np.random.Generator,
    sizes: Sequence[float] | None = None,
    samples: int = 1000,
    full_thickness: bool = False,
    exponent: float | None = None,
) -> xr.Dataset:
    """As :func:`representative` for the volume fraction of a phase, from a summed-area table.

    The variance at a point is ``eps (1 - eps)``, so the integral range is known. Of the sizes only those
    enter the fit whose variance is below a fifth of it: the law holds for volumes large against the
    integral range.

    Raises
    ------
    InputError
        As :func:`representative`; no voxel of the phase, or none of another.
    """
    _check(samples, exponent, None)
    grid, mask = volume.grid, volume.occupied(phase)
    eps = float(mask.mean())
    if eps == 1:
        raise InputError(
            "this phase fills the image: its fraction does not vary", field="phase", value=phase,
            remedy="Choose another phase",
        )  # fmt: skip
    table = _summed(mask)
    rows = list(_plan(grid, sizes, samples, full_thickness, rng))
    values = [_sums(table, b.corners, b.extent) / np.prod(b.extent) for b in rows]
    return _report(grid, rows, values, full_thickness, exponent, eps * (1 - eps), "1")


def _check(samples: int, exponent: float | None, point_variance: float | None) -> None:
    if samples < 2:
        raise InputError(
            "a spread needs at least two samples", field="samples", value=samples, remedy="Give 10 or more"
        )
    for name, value in (("exponent", exponent), ("point_variance", point_variance)):
        if value is not None and not 0 < value < np.inf:
            raise InputError(
                "this number is positive", field=name, value=value, remedy="Leave it out to fit it"
            )


def _plan(
    grid: Grid,
    sizes: Sequence[float] | None,
    samples: int,
    full_thickness: bool,
    rng: np.random.Generator,
) -> Iterator[_Blocks]:
    """Sub-volumes of every size."""
    free = [k for k in range(3) if grid.shape[k] > 1 and not (full_thickness and k == grid.through)]
    if not free:
        raise InputError(
            "no axis is left to cut sub-volumes from", field="volume", value=grid.shape,
            remedy="Give a larger image",
        )  # fmt: skip
    longest = min(grid.size[k] for k in free)
    edges = np.geomspace(longest / 8, longest / 2, 8) if sizes is None else np.asarray(sizes, dtype=float)
    smallest = max(grid.voxel_size[k] for k in free)
    fit = edges.ndim == 1 and edges.size and (edges >= smallest * (1 - 1e-9)).all()
    if not fit or not (edges <= longest * (1 + 1e-9)).all() or (np.diff(edges) <= 0).any():
        raise InputError(
            "sub-volumes have ascending edges between a voxel and the shortest edge of the image",
            field="sizes", value=sizes, remedy=f"Give metres from {smallest:.3g} to {longest:.3g}",
        )  # fmt: skip
    done = set()
    for edge in edges:
        extent = tuple(round(edge / grid.voxel_size[k]) if k in free else grid.shape[k] for k in range(3))
        if extent not in done:
            done.add(extent)
            yield _blocks(grid.shape, (extent[0], extent[1], extent[2]), samples, rng)


def _blocks(
    shape: tuple[int, int, int], extent: tuple[int, int, int], samples: int, rng: np.random.Generator
) -> _Blocks:
    """Blocks side by side in the middle of the image, or random ones if fewer than ``samples`` fit so."""
    fit = [n // m for n, m in zip(shape, extent, strict=True)]
    if np.prod(fit) >= samples:
        start = [(n - k * m) // 2 for n, k, m in zip(shape, fit, extent, strict=True)]
        chosen = np.sort(rng.choice(int(np.prod(fit)), samples, replace=False))
        corners = np.stack(np.unravel_index(chosen, fit), axis=1) * extent + start
        return _Blocks(extent, corners, overlapping=False)
    room = np.subtract(shape, extent) + 1
    corners = np.stack([rng.integers(0, r, samples) for r in room], axis=1)
    corners = np.unique(corners, axis=0)
    return _Blocks(extent, corners, overlapping=True)


def _value(
    volume: Volume, measure: Callable[[Volume], float], corner: np.ndarray, extent: tuple[int, int, int]
) -> float:
    box = [slice(int(c), int(c) + n) for c, n in zip(corner, extent, strict=True)]
    try:
        value = float(measure(volume.crop(*box)))
    except LithoscapeError:
        return np.nan
    return value if np.isfinite(value) else np.nan


def _summed(mask: np.ndarray) -> np.ndarray:
    """Voxels of the mask in the box from the origin to each lattice point."""
    table = np.zeros([n + 1 for n in mask.shape], dtype=np.uint32 if mask.size < 2**32 else np.uint64)
    inner = table[1:, 1:, 1:]
    inner[...] = mask
    for axis in range(3):
        np.cumsum(inner, axis=axis, out=inner)
    return table


def _sums(table: np.ndarray, corners: np.ndarray, extent: tuple[int, int, int]) -> np.ndarray:
    """Voxels of the mask in blocks, from the eight corners of each."""
    total = np.zeros(len(corners), dtype=np.int64)
    for i in (0, 1):
        for j in (0, 1):
            for k in (0, 1):
                at = corners + np.multiply(extent, (i, j, k))
                sign = 1 if (i + j + k) % 2 else -1
                total += sign * table[at[:, 0], at[:, 1], at[:, 2]].astype(np.int64)
    return total


def _variance(values: np.ndarray, blocks: _Blocks) -> float:
    """Variance of one sub-volume in the material."""
    held = np.isfinite(values)
    n = int(held.sum())
    if n < 2:
        return np.nan
    shared = 0.0
    if blocks.overlapping:
        pairs = np.ones((n, n))
        for at, edge in zip(blocks.corners[held].T, blocks.extent, strict=True):
            pairs *= np.maximum(0, 1 - np.abs(np.subtract.outer(at, at)) / edge)
        shared = (float(pairs.sum()) - n) / (n * (n - 1))
    return float(values[held].var(ddof=1)) / (1 - shared)


def _law(
    volumes: np.ndarray, variances: np.ndarray, weights: np.ndarray, exponent: float | None
) -> tuple[float, float, float]:
    """log of D0 A3^alpha, alpha and its standard error, from weighted least squares of the logarithms."""
    x, y = np.log(volumes), np.log(variances)
    if exponent is not None:
        if not x.size:
            return np.nan, exponent, 0.0
        return float(np.average(y + exponent * x, weights=weights)), exponent, 0.0
    if x.size < 2:
        return np.nan, np.nan, np.nan
    mx, my = np.average(x, weights=weights), np.average(y, weights=weights)
    sxx = float(np.sum(weights * (x - mx) ** 2))
    alpha = -float(np.sum(weights * (x - mx) * (y - my))) / sxx
    rest = y - my + alpha * (x - mx)
    error = np.sqrt(np.sum(weights * rest**2) / (x.size - 2) / sxx) if x.size > 2 else np.nan
    return float(my + alpha * mx), alpha, float(error)


def _report(
    grid: Grid,
    rows: list[_Blocks],
    values: list[np.ndarray],
    full_thickness: bool,
    exponent: float | None,
    point: float | None,
    units: str,
) -> xr.Dataset:
    volumes = np.array([np.prod(b.extent) for b in rows]) * grid.voxel_volume
    good = np.array([np.isfinite(v).sum() for v in values])
    mean = np.array([v[np.isfinite(v)].mean() if n else np.nan for v, n in zip(values, good, strict=True)])
    variance = np.array([_variance(v, b) for v, b in zip(values, rows, strict=True)])
    # what counts of overlapping blocks is how often one fits into the image
    apart = np.array(
        [grid.voxels / np.prod(b.extent) if b.overlapping else n for b, n in zip(rows, good, strict=True)]
    )
    weights = np.minimum(apart, good) - 1
    fitted = (variance > 0) & (weights > 0)
    if point is not None:
        fitted &= variance < point / 5
    log, alpha, error = _law(volumes[fitted], variance[fitted], weights[fitted], exponent)
    spread = np.sqrt(variance)
    largest = volumes[fitted].max() if fitted.any() else np.nan
    centre = mean[fitted][-1] if fitted.any() else np.nan
    with np.errstate(over="ignore", divide="ignore"):
        wanted = (np.array(ERRORS) * abs(centre) / TWO_SIDED) ** 2
        needed = np.exp((log - np.log(wanted)) / alpha) if alpha > 0 else np.full(len(ERRORS), np.nan)
    data = {
        "Value": ("edge", mean, units),
        "Standard deviation": ("edge", spread, units),
        "Lower": ("edge", mean - TWO_SIDED * spread, units),
        "Upper": ("edge", mean + TWO_SIDED * spread, units),
        "Volume": ("edge", volumes, "m3"),
        "Samples": ("edge", good, "1"),
        "Failed": ("edge", np.array([v.size for v in values]) - good, "1"),
        "Overlapping": ("edge", np.array([b.overlapping for b in rows]), "1"),
        "Fitted": ("edge", fitted, "1"),
        "Exponent": ((), alpha, "1"),
        "Exponent error": ((), error, "1"),
        "Coefficient": ((), np.exp(log), f"({units})2.m3^alpha"),
        "Integral range": ((), np.exp((log - np.log(point)) / alpha) if point else np.nan, "m3"),
        "Needed volume": ("relative error", needed, "m3"),
        "Needed edge": ("relative error", _edge(needed, grid, full_thickness), "m"),
        "Extrapolated": ("relative error", ~(needed <= largest), "1"),
    }
    coords = {
        "edge": ("edge", _edge(volumes, grid, full_thickness), {"units": "m"}),
        "relative error": ("relative error", np.array(ERRORS), {"units": "1"}),
    }
    return xr.Dataset({name: (dims, v, {"units": unit}) for name, (dims, v, unit) in data.items()}, coords)


def _edge(volumes: np.ndarray, grid: Grid, full_thickness: bool) -> np.ndarray:
    """Edge of the cube of a volume, or of the square over what is not cut [m]."""
    whole = [k for k in range(3) if grid.shape[k] == 1 or (full_thickness and k == grid.through)]
    depth = np.prod([grid.size[k] for k in whole]) if whole else 1.0
    return (volumes / depth) ** (1 / (3 - len(whole)))
