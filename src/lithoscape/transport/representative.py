"""How large an image must be for its transport to stand for the material.

The efficiency is measured on sub-volumes of growing size. Two things tell whether a size is enough: the
mean no longer changes with it (small sub-volumes are biased, because insulating sides cut paths), and its
interval is narrow. The interval of the mean of n independent sub-volumes is that of Student's t, mean +-
t(n-1) s / sqrt(n); of one more sub-volume of that size +- t(n-1) s sqrt(1 + 1/n). How the spread falls
with the size is fitted by the power law of :mod:`lithoscape.image.representative` (Kanit et al., Int. J.
Solids Struct. 40 (2003) 3647), which gives the size at which one sub-volume is within a wanted half width
of the mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from scipy.stats import norm
from scipy.stats import t as student

from ..errors import InputError
from ..image import Volume
from ..image.representative import representative
from .percolation import percolating
from .voxel import VoxelOptions, effective


def representative_transport(
    volume: Volume,
    conductivity: Mapping[int, float],
    axis: int | None = None,
    *,
    half_width: float = 0.05,
    confidence: float = 0.95,
    sizes: Sequence[float] | None = None,
    samples: int = 20,
    full_thickness: bool = False,
    seed: int = 0,
    options: VoxelOptions | None = None,
) -> xr.Dataset:
    """Transport efficiency on sub-volumes of growing size, with intervals and the size that is needed.

    Parameters
    ----------
    volume:
        The image.
    conductivity:
        Of every label.
    axis:
        Along which; the through axis if not given.
    half_width:
        Wanted half width of the interval of one sub-volume, relative to the mean of the largest.
    confidence:
        Of the intervals.
    sizes, samples, full_thickness:
        As for :func:`lithoscape.image.representative.representative`.
    seed:
        Of the places that are drawn.
    options:
        Of the solves.

    Returns
    -------
    xr.Dataset
        Against ``edge`` [m]: ``Efficiency`` (mean), ``Standard deviation``, ``Samples``, ``Independent``
        (those that fit side by side, at most), ``Blocked`` (without a path; they count as 0, which is
        exact), ``Mean, lower`` and ``Mean, upper``, ``One, lower`` and ``One, upper``. Scalars:
        ``Exponent``, ``Needed edge`` [m], ``Needed volume`` [m3], ``Extrapolated``, ``Half width``,
        ``Confidence``. What cannot be told is nan.

    Raises
    ------
    InputError
        A half width or a confidence outside 0 to 1, sizes that do not fit, conductivities that do not fit.
    """
    for name, value in (("half_width", half_width), ("confidence", confidence)):
        if not 0 < value < 1:
            raise InputError("this is a share between 0 and 1", field=name, value=value, remedy="Give 0.05")
    axis = volume.grid.through if axis is None else axis
    conducts = [label for label, value in conductivity.items() if value > 0]
    blocked: dict[tuple[int, ...], int] = {}

    def efficiency(part: Volume) -> float:
        blocked.setdefault(part.grid.shape, 0)
        if not percolating(np.isin(part.labels, conducts), axis, trim=False).any():
            blocked[part.grid.shape] += 1
            return 0.0
        solved = effective(part.labels, conductivity, axis, spacing=volume.grid.voxel_size, options=options)
        return solved.efficiency

    found = representative(
        volume, efficiency, rng=np.random.default_rng(seed), sizes=sizes, samples=samples,
        full_thickness=full_thickness,
    )  # fmt: skip
    return _report(volume, found, list(blocked.values()), half_width, confidence, full_thickness)


def _report(
    volume: Volume,
    found: xr.Dataset,
    blocked: Sequence[int],
    half_width: float,
    confidence: float,
    full_thickness: bool,
) -> xr.Dataset:
    mean, spread = found["Value"].values, found["Standard deviation"].values
    whole = volume.grid.voxels * volume.grid.voxel_volume
    # overlapping sub-volumes tell no more than as many as lie side by side
    apart = np.where(found["Overlapping"], whole / found["Volume"].values, np.inf)
    n = np.minimum(found["Samples"].values, np.floor(apart))
    with np.errstate(invalid="ignore", divide="ignore"):
        quantile = np.where(n > 1, student.ppf(0.5 + confidence / 2, np.maximum(n - 1, 1)), np.nan)
        of_mean, of_one = quantile * spread / np.sqrt(n), quantile * spread * np.sqrt(1 + 1 / n)
    edge, volume_needed = _needed(volume, found, half_width, confidence, full_thickness)
    largest = found["Volume"].values[found["Fitted"].values.astype(bool)]
    data = {
        "Efficiency": ("edge", mean, "1"),
        "Standard deviation": ("edge", spread, "1"),
        "Samples": ("edge", found["Samples"].values, "1"),
        "Independent": ("edge", n, "1"),
        "Blocked": ("edge", np.asarray(blocked), "1"),
        "Mean, lower": ("edge", mean - of_mean, "1"),
        "Mean, upper": ("edge", mean + of_mean, "1"),
        "One, lower": ("edge", mean - of_one, "1"),
        "One, upper": ("edge", mean + of_one, "1"),
        "Exponent": ((), float(found["Exponent"]), "1"),
        "Needed edge": ((), edge, "m"),
        "Needed volume": ((), volume_needed, "m3"),
        "Extrapolated": ((), not (largest.size and volume_needed <= largest.max()), "1"),
        "Half width": ((), half_width, "1"),
        "Confidence": ((), confidence, "1"),
    }
    return xr.Dataset(
        {name: (dims, values, {"units": unit}) for name, (dims, values, unit) in data.items()},
        {"edge": found["edge"]},
    )


def _needed(
    volume: Volume, found: xr.Dataset, half_width: float, confidence: float, full_thickness: bool
) -> tuple[float, float]:
    """Edge and volume at which one sub-volume is within the half width, by the fitted law."""
    alpha, fitted = float(found["Exponent"]), found["Fitted"].values.astype(bool)
    if not alpha > 0 or not fitted.any():
        return float("nan"), float("nan")
    normal = float(norm.ppf(0.5 + confidence / 2))
    wanted = (half_width * abs(float(found["Value"].values[fitted][-1])) / normal) ** 2
    needed = float((float(found["Coefficient"]) / wanted) ** (1 / alpha))
    # the law gives volumes; how those become edges is in what it was asked for
    at = found.sel({"relative error": 0.05})
    power = 2 if full_thickness else 3 - sum(k == 1 for k in volume.grid.shape)
    ratio = needed / float(at["Needed volume"])
    return float(at["Needed edge"]) * ratio ** (1 / power), needed
