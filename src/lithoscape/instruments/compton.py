"""Compton imaging: lithium content by depth region and by pixel.

A sheet beam as wide as the cell passes through the electrode at a depth; a pinhole camera above sees the
whole plane at once, in pixels of 0.27 mm, for about 12 minutes; then the next depth (Huang et al. 2022,
10.1002/advs.202105723). Low and high momenta are counted in the same volume, and both come from the active
material in it: the mean of 1-x that S gives is weighted by active material. Assumed besides: no scattering in
electrolyte, binder and carbon (it dilutes S in reality), no attenuation, no blur between pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from ..errors import InputError
from ..probe import Box
from .acquisition import at_times
from .checks import positive
from .compton_calibration import SLine
from .compton_profile import counting_uncertainty

FIELD = "instruments.compton"


@dataclass(frozen=True)
class ComptonMap:
    """Depth regions, and pixels across the electrode.

    Parameters
    ----------
    edges:
        Depths that bound the regions, from the separator-side surface, rising [m].
    pixel:
        Edge of a pixel at the sample [m]; None averages every region over the whole electrode.
    beam_height:
        Of the sheet beam [m], in the middle of every region; None: as high as the region.
    region_time:
        Exposure of every region, one after the other from the separator on [s].

    Raises
    ------
    InputError
        Fewer than two edges, edges that do not rise, a beam higher than a region, lengths or times that are
        not positive.
    """

    edges: tuple[float, ...]
    pixel: float | None = None
    beam_height: float | None = None
    region_time: float = 720.0

    def __post_init__(self) -> None:
        edges = np.asarray(self.edges, dtype=float)
        if edges.size < 2 or not np.all(np.isfinite(edges)) or np.any(np.diff(edges) <= 0) or edges[0] < 0:
            raise InputError(
                "depths that bound regions rise from zero on", field=f"{FIELD}.edges_um",
                value=[round(1e6 * e, 3) for e in edges], remedy="Such as [0, 333, 667, 1000]",
            )  # fmt: skip
        positive(f"{FIELD}.region_time_min", self.region_time, "the exposure of a region")
        if self.pixel is not None:
            positive(f"{FIELD}.pixel_um", self.pixel, "the edge of a pixel at the sample")
        if self.beam_height is not None:
            positive(f"{FIELD}.beam_um", self.beam_height, "the height of the sheet beam")
            if self.beam_height > np.diff(edges).min() * (1 + 1e-9):
                raise InputError(
                    "the beam is higher than a region", field=f"{FIELD}.beam_um",
                    value=round(1e6 * self.beam_height, 3),
                    remedy=f"Keep it within {1e6 * np.diff(edges).min():g} um, or choose larger regions",
                )  # fmt: skip

    @property
    def regions(self) -> int:
        """Number of regions."""
        return len(self.edges) - 1

    def spans(self) -> list[tuple[float, float]]:
        """Depths [m] between which every region is seen."""
        pairs = list(zip(self.edges[:-1], self.edges[1:], strict=True))
        if self.beam_height is None:
            return pairs
        return [(0.5 * (a + b - self.beam_height), 0.5 * (a + b + self.beam_height)) for a, b in pairs]

    def boxes(self, surface: float, lateral: Sequence[float] = ()) -> list[Box]:
        """One box per region; ``surface`` is the separator-side one, ``lateral`` the widths from 0 [m]."""
        low = tuple(0.0 for _ in lateral)
        return [Box((*low, surface + a), (*lateral, surface + b)) for a, b in self.spans()]

    def pixel_boxes(self, surface: float, lateral: Sequence[float]) -> tuple[list[Box], tuple[int, ...]]:
        """Boxes of all whole pixels, region-major, and their shape (regions, pixels along each lateral axis).

        Pixels start at the origin; the rest that does not fill one is not seen.

        Raises
        ------
        InputError
            No pixel size, no lateral axis, or pixels larger than the electrode.
        """
        if self.pixel is None or not lateral:
            raise InputError(
                "pixels need a size and a lateral axis", field=f"{FIELD}.pixel_um", value=self.pixel,
                remedy="Give the pixel, in a cell of two or three dimensions",
            )  # fmt: skip
        counts = [int(w / self.pixel * (1 + 1e-9)) for w in lateral]
        if min(counts) < 1:
            raise InputError(
                "a pixel is larger than the electrode", field=f"{FIELD}.pixel_um",
                value=round(1e6 * self.pixel, 3), remedy=f"Stay within {1e6 * min(lateral):g} um",
            )  # fmt: skip
        boxes = []
        for a, b in self.spans():
            for index in np.ndindex(*counts):
                corner = [i * self.pixel for i in index]
                upper = [c + self.pixel for c in corner]
                boxes.append(Box((*corner, surface + a), (*upper, surface + b)))
        return boxes, (self.regions, *counts)

    def exposed(self, values: xr.DataArray, start: float) -> xr.DataArray:
        """Means over the exposures, one region after another from ``start`` [s] on.

        ``values`` (time, region, ...) as recorded; integrated exactly between its rows.

        Raises
        ------
        InputError
            The exposures reach outside the run.
        """
        time = np.asarray(values["time"].values, dtype=float)
        ordered = values.transpose("time", "region", ...)
        means = [
            mean_over(time, ordered.values[:, k], start + k * self.region_time, self.region_time)
            for k in range(ordered.sizes["region"])
        ]
        middle = start + (np.arange(len(means)) + 0.5) * self.region_time
        coords = {d: ordered[d] for d in ordered.dims[1:] if d in ordered.coords}
        out = xr.DataArray(np.stack(means), coords, ordered.dims[1:], attrs=dict(values.attrs))
        return out.assign_coords(exposed=("region", middle, {"units": "s"}))


def mean_over(time: np.ndarray, values: np.ndarray, start: float, duration: float) -> np.ndarray:
    """Mean of ``values`` (time, ...), linear between rows, over ``duration`` [s] from ``start`` on.

    InputError if that reaches outside the rows.
    """
    positive(f"{FIELD}.region_time_min", duration, "the exposure of a region")
    ends = np.array([start, start + duration])
    edge = at_times(time, values, ends, f"{FIELD}.region_time_min")
    inner = (time > ends[0]) & (time < ends[1])
    x = np.concatenate([ends[:1], time[inner], ends[1:]])
    y = np.concatenate([edge[:1], values[inner], edge[1:]])
    return np.asarray(np.trapezoid(y, x, axis=0) / duration)


def lithium_uncertainty(
    lithium: np.ndarray, line: SLine, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Standard uncertainties of 1-x by counting, and by the calibration (common to all).

    ``counts`` photons fall into both windows together, broadcast against ``lithium``; S below a hundredth is
    counted as a hundredth (lithium contents below the calibration).
    """
    s = np.maximum(line.s(lithium), 0.01)
    return line.uncertainty(s, counting_uncertainty(s, counts))
