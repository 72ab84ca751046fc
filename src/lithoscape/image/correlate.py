"""Two-point statistics of a phase: probability, autocovariance, correlation length, surface.

``S2(r)`` is the probability that both ends of a rod of length r lie in the phase (with two phases: one end in
each) [1]_. Along the axes it is counted exactly, by shifting the image as bits; in all directions together it
comes from one Fourier transform, padded by the largest lag only. Without periodicity each lag is divided by
the number of pairs that fit into the image, which leaves the estimate without bias.

Of the autocovariance ``chi(r) = S2(r) - eps^2`` the *correlation length* is the integral scale, the
integral of ``chi(r) / chi(0)`` from 0 to its first zero (``a`` for an exponential ``exp(-r / a)``). The
slope at the origin holds the surface per volume, ``S2'(0) = -s / 4`` [2]_, in the average over all
directions.

References
----------
.. [1] S. Torquato, Random Heterogeneous Materials (Springer 2002), sections 2.2 and 12.3
.. [2] P. Debye, H. Anderson, H. Brumberger, J. Appl. Phys. 28 (1957) 679, doi:10.1063/1.1722830
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
import xarray as xr
from scipy import fft

from ..errors import InputError
from .grid import Grid
from .volume import Volume

SLOPE = (1.5, 4.0)
"""Lags between which the slope at the origin is fitted [voxels]; below, the lattice shows."""


@dataclass(frozen=True, eq=False)
class Correlation:
    """Two-point statistics.

    Parameters
    ----------
    phase, other:
        The phases at the two ends; equal for an autocorrelation.
    fractions:
        Their volume fractions.
    curves:
        ``S2`` and ``Autocovariance`` against ``distance`` (all directions), ``S2 along k`` and
        ``Autocovariance along k`` against ``lag k`` for k = 0, 1, 2.
    length:
        Correlation length in all directions together [m]; nan for two phases.
    lengths:
        Correlation length along the axes [m]; nan for two phases, and along an axis of one voxel.
    crossed:
        Whether the autocovariance fell to zero within the largest lag; if not, ``length`` is a lower bound.
    surface:
        Area of the phase per volume of the image, from the slope in all directions [m-1]; nan for two phases.
    surface_axes:
        The same from the changes of phase along the axes alone, ``2 mean(N)`` with N changes per length
        [m-1]; exact in the mean over orientations, 2/3 for layers across an axis.
    """

    phase: str
    other: str
    fractions: tuple[float, float]
    curves: xr.Dataset
    length: float
    lengths: tuple[float, float, float]
    crossed: bool
    surface: float
    surface_axes: float


def correlation(
    volume: Volume,
    phase: str,
    other: str | None = None,
    *,
    max_lag: float | None = None,
    periodic: bool = False,
) -> Correlation:
    """Two-point statistics of a phase, or between two.

    Memory: about 10 bytes per voxel of the image padded by ``max_lag``. Voxels may be of any shape.

    Parameters
    ----------
    volume:
        The image.
    phase:
        Phase at one end.
    other:
        Phase at the other end; the same if not given.
    max_lag:
        Largest distance [m]; a quarter of the shortest edge (of those longer than one voxel) if not given.
    periodic:
        Whether the image repeats itself; then no lag exceeds half of it.

    Raises
    ------
    InputError
        No such phase or no voxel of it; a largest lag that is no length, below a voxel or beyond the image.
    """
    grid = volume.grid
    first = volume.occupied(phase)
    second = first if other in (None, phase) else volume.occupied(str(other))
    steps = _steps(grid, max_lag, periodic)
    eps = (float(first.mean()), float(second.mean()))
    same = second is first
    axes = [_along(first, second, k, steps[k], periodic) for k in range(3)]
    distance, radial = _radial(first, second, grid, steps, periodic)
    curves = _curves(grid, axes, distance, radial, eps, (phase, other or phase))
    scales = [_scale(distance, radial - eps[0] ** 2)]
    scales += [
        _scale(np.arange(s.size) * h, s - eps[0] ** 2) for s, h in zip(axes, grid.voxel_size, strict=True)
    ]
    lengths = [scale[0] if same else np.nan for scale in scales]
    return Correlation(
        phase, other or phase, eps, curves, lengths[0], (lengths[1], lengths[2], lengths[3]), scales[0][1],
        _slope(distance, radial, max(grid.voxel_size)) if same else np.nan,
        _crossings(axes, grid) if same else np.nan,
    )  # fmt: skip


def correlation_length(volume: Volume, phase: str, axes: Sequence[int]) -> float:
    """Integral of the autocovariance to its first zero, within a quarter of the axis; mean over axes [m].

    Parameters
    ----------
    volume, phase:
        The image and the phase; NaN if the phase is missing or fills the image.
    axes:
        Axes of more than three voxels.
    """
    mask = volume.mask(phase)
    share, lengths = float(mask.mean()), []
    for axis in axes:
        s2 = _along(mask, mask, axis, mask.shape[axis] // 4, False)
        lengths.append(_scale(np.arange(s2.size) * volume.grid.voxel_size[axis], s2 - share**2)[0])
    return float(np.mean(lengths))


def _steps(grid: Grid, max_lag: float | None, periodic: bool) -> tuple[int, ...]:
    """Largest lag along each axis [voxels]; 0 along an axis of one voxel."""
    extents = [size for size, n in zip(grid.size, grid.shape, strict=True) if n > 1]
    if not extents:
        raise InputError(
            "one voxel has no correlation", field="volume", value=grid.shape, remedy="Give a larger image"
        )
    limit = min(extents) / 2 if periodic else min(extents)
    lag = min(extents) / 4 if max_lag is None else max_lag
    if not max(h for h, n in zip(grid.voxel_size, grid.shape, strict=True) if n > 1) <= lag <= limit:
        raise InputError(
            "the largest lag lies between a voxel and the image's shortest edge (half of it if periodic)",
            field="max_lag", value=lag, remedy=f"Give metres, at most {limit:.3g}",
        )  # fmt: skip
    ends = zip(grid.shape, grid.voxel_size, strict=True)
    return tuple(min(int(lag / h * (1 + 1e-12)), n // 2 if periodic else n - 1) for n, h in ends)


def _along(first: np.ndarray, second: np.ndarray, axis: int, last: int, periodic: bool) -> np.ndarray:
    """S2 at the lags 0 to ``last`` along an axis, counted in bits packed along another."""
    across = 2 if axis != 2 else 1
    a = _bits(np.moveaxis(first, (axis, across), (0, 2)))
    b = a if second is first else _bits(np.moveaxis(second, (axis, across), (0, 2)))
    n, lines = first.shape[axis], first.size // first.shape[axis]
    found = np.empty(last + 1)
    for lag in range(last + 1):
        count = _common(a[lag:], b[: n - lag])
        if b is not a:
            count = (count + _common(b[lag:], a[: n - lag])) / 2
        if periodic and lag:
            rest = _common(a[:lag], b[n - lag :])
            count += rest if b is a else (rest + _common(b[:lag], a[n - lag :])) / 2
        found[lag] = count / ((n if periodic else n - lag) * lines)
    return found


def _bits(mask: np.ndarray) -> np.ndarray:
    """Pages of bits, shape (pages, words)."""
    packed = np.stack([np.packbits(page, axis=1).ravel() for page in mask])
    words = np.zeros((len(packed), -(-packed.shape[1] // 8) * 8), dtype=np.uint8)
    words[:, : packed.shape[1]] = packed
    return words.view(np.uint64)


def _common(a: np.ndarray, b: np.ndarray) -> float:
    """Bits set in both."""
    return float(np.bitwise_count(a & b).sum(dtype=np.int64))


def _radial(
    first: np.ndarray, second: np.ndarray, grid: Grid, steps: tuple[int, ...], periodic: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Mean distance and S2 of shells one voxel thick, weighted by the pairs that fit."""
    shape = [
        n if periodic else fft.next_fast_len(n + m, True) for n, m in zip(grid.shape, steps, strict=True)
    ]
    workers = numba.get_num_threads()
    power = fft.rfftn(first.astype(np.float32), shape, workers=workers)
    if second is first:
        power = (power.real**2 + power.imag**2).astype(np.complex64)
    else:
        power *= np.conj(fft.rfftn(second.astype(np.float32), shape, workers=workers))
    pairs = fft.irfftn(power, shape, workers=workers, overwrite_x=True)
    return _shells(pairs, grid, steps, periodic)


def _shells(
    pairs: np.ndarray, grid: Grid, steps: tuple[int, ...], periodic: bool
) -> tuple[np.ndarray, np.ndarray]:
    lags = [np.arange(-m, m + 1) for m in steps]
    width = max(h for h, m in zip(grid.voxel_size, steps, strict=True) if m)
    reach = min(m * h for m, h in zip(steps, grid.voxel_size, strict=True) if m)
    count = int(reach / width + 1e-9)
    total, fits, moment = np.zeros(count + 2), np.zeros(count + 2), np.zeros(count + 2)
    plane = (lags[1][:, None] * grid.voxel_size[1]) ** 2 + (lags[2][None, :] * grid.voxel_size[2]) ** 2
    room = [n - (0 * lag if periodic else abs(lag)) for n, lag in zip(grid.shape, lags, strict=True)]
    area = np.multiply.outer(room[1], room[2]).astype(float)
    index = np.ix_(lags[1], lags[2])
    for lag, depth in zip(lags[0], room[0], strict=True):
        r = np.sqrt(plane + (lag * grid.voxel_size[0]) ** 2)
        shell = np.minimum(np.rint(r / width).astype(int), count + 1).ravel()
        weight = (area * depth).ravel()
        total += np.bincount(shell, np.rint(pairs[lag][index].astype(float)).ravel(), count + 2)
        fits += np.bincount(shell, weight, count + 2)
        moment += np.bincount(shell, weight * r.ravel(), count + 2)
    held = fits[: count + 1] > 0
    return (moment[: count + 1] / fits[: count + 1])[held], (total[: count + 1] / fits[: count + 1])[held]


def _scale(r: np.ndarray, chi: np.ndarray) -> tuple[float, bool]:
    """Integral scale up to the first zero, and whether there is one."""
    if r.size < 2 or chi[0] <= 0:
        return np.nan, False
    below = np.flatnonzero(chi <= 0)
    end = int(below[0]) if below.size else r.size
    area = float(np.trapezoid(chi[:end], r[:end]))
    if below.size:
        zero = r[end - 1] + (r[end] - r[end - 1]) * chi[end - 1] / (chi[end - 1] - chi[end])
        area += float(chi[end - 1] * (zero - r[end - 1]) / 2)
    return area / float(chi[0]), bool(below.size)


def _slope(r: np.ndarray, s2: np.ndarray, h: float) -> float:
    """Surface per volume: four times the fall of S2 at the origin, from ``a r + b r^2`` at small lags."""
    take = (r >= SLOPE[0] * h) & (r <= SLOPE[1] * h)
    if take.sum() < 2:
        return np.nan
    drop, lag = s2[0] - s2[take], r[take]
    fit = np.polynomial.polynomial.polyfit(lag / h, drop / lag, 1)
    return float(4 * fit[0])


def _crossings(axes: list[np.ndarray], grid: Grid) -> float:
    falls = [(s[0] - s[1]) / h for s, h in zip(axes, grid.voxel_size, strict=True) if s.size > 1]
    return float(4 * np.mean(falls))


def _curves(
    grid: Grid,
    axes: list[np.ndarray],
    distance: np.ndarray,
    radial: np.ndarray,
    eps: tuple[float, float],
    phases: tuple[str, str],
) -> xr.Dataset:
    one, product = {"units": "1"}, eps[0] * eps[1]
    data = {
        "S2": ("distance", radial, one),
        "Autocovariance": ("distance", radial - product, one),
    }
    coords = {"distance": ("distance", distance, {"units": "m"})}
    for k, (values, h) in enumerate(zip(axes, grid.voxel_size, strict=True)):
        lag = f"lag {k}"
        data[f"S2 along {k}"] = (lag, values, one)
        data[f"Autocovariance along {k}"] = (lag, values - product, one)
        coords[lag] = (lag, np.arange(values.size) * h, {"units": "m"})
    return xr.Dataset(data, coords, {"phase": phases[0], "other": phases[1]})
