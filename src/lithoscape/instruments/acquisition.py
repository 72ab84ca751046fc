"""Patterns taken one after another: each point of a map belongs to its own time.

A map of 48 points at about 3 s takes 144 s; during a discharge at 0.8C the electrode gains 3 % state of
lithiation meanwhile. A record says what every point was at every time; here it is read at the time the
instrument was there, linearly between the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from ..errors import InputError, nearest
from .checks import positive

ORDERS = ("positions first", "depths first")


@dataclass(frozen=True)
class Acquisition:
    """How a map is scanned.

    Parameters
    ----------
    pattern_time:
        From one pattern to the next [s].
    order:
        ``"positions first"`` scans along a depth, then goes to the next depth (an assumption: sources seldom
        say); ``"depths first"`` the other way round.
    start:
        Time at which the first map begins [s].

    A pattern is taken as one reading in the middle of its time (within it, 3 s, a state of lithiation moves
    by less than 1e-3 at 1C).
    """

    pattern_time: float
    order: str = "positions first"
    start: float = 0.0

    def __post_init__(self) -> None:
        positive(
            "instruments.gauge_map.pattern_time", self.pattern_time, "the time of one pattern in seconds"
        )
        if self.order not in ORDERS:
            raise InputError(
                "there is no such order", field="instruments.gauge_map.order", value=self.order,
                remedy=nearest(self.order, ORDERS),
            )  # fmt: skip

    def times(self, shape: tuple[int, int], maps: int) -> np.ndarray:
        """Middle of every pattern [s], shape (maps, depth, position)."""
        count = shape[0] * shape[1]
        place = np.arange(count).reshape(shape)
        if self.order == "depths first":
            place = np.arange(count).reshape(shape[::-1]).T
        number = place + count * np.arange(maps)[:, None, None]
        return np.asarray(self.start + (number + 0.5) * self.pattern_time)

    def maps_within(self, shape: tuple[int, int], end: float) -> int:
        """Number of maps that are complete at ``end`` [s]."""
        duration = shape[0] * shape[1] * self.pattern_time
        return max(0, int(np.floor((end - self.start) / duration * (1 + 1e-12))))

    def acquired(self, values: xr.DataArray, maps: int | None = None) -> xr.Dataset:
        """A recorded map (time, ..., depth, position) as it was acquired.

        Parameters
        ----------
        values:
            With the coordinate ``time`` [s]; NaN stays NaN.
        maps:
            How many; default all that are complete within the record.

        Returns
        -------
        xr.Dataset
            ``value`` and ``time`` [s], both (map, ..., depth, position).

        Raises
        ------
        InputError
            The record holds less than one map, or the maps asked for reach outside its time.
        """
        times = np.asarray(values["time"].values, dtype=float)
        shape = (values.sizes["depth"], values.sizes["position"])
        last = float(times[-1]) if times.size else 0.0
        count = self.maps_within(shape, last) if maps is None else maps
        when = self.times(shape, max(count, 1))
        if count < 1 or not times.size or when.max() > times[-1] or when.min() < times[0]:
            raise InputError(
                "the acquisition reaches outside the time of the run", field="time",
                value=[float(when.min()), float(when.max())],
                remedy=f"The run lasts {last:g} s; a map takes "
                f"{shape[0] * shape[1] * self.pattern_time:g} s from {self.start:g} s on",
            )  # fmt: skip
        ordered = values.transpose("time", ..., "depth", "position")
        sampled = _at_own_times(times, ordered.values, when)
        dims = ("map", *ordered.dims[1:])
        clock = np.broadcast_to(when.reshape(count, *(1,) * (len(dims) - 3), *shape), sampled.shape)
        coords = {d: ordered[d] for d in ordered.dims[1:] if d in ordered.coords}
        return xr.Dataset({"value": (dims, sampled), "time": (dims, clock.copy())}, coords)


def at_times(times: np.ndarray, values: np.ndarray, when: np.ndarray, field: str = "time") -> np.ndarray:
    """Rows of ``values`` (time, ...) at ``when`` (n,) by linear interpolation: shape (n, ...).

    Where two rows share their time (a change of step) the later one counts from there on.

    Raises
    ------
    InputError
        A time before the first or after the last row.
    """
    when = np.asarray(when, dtype=float)
    known = f"The run lasts from {times[0]:g} to {times[-1]:g} s" if times.size else "The run is empty"
    if times.size == 0 or (when.size and (when.min() < times[0] or when.max() > times[-1])):
        raise InputError(
            "the time lies outside the run", field=field,
            value=[float(when.min()), float(when.max())] if when.size else [],
            remedy=known,
        )  # fmt: skip
    if times.size == 1:
        return np.repeat(values[:1], when.size, axis=0)
    right = np.clip(np.searchsorted(times, when, side="right"), 1, times.size - 1)
    span = times[right] - times[right - 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(span > 0, (when - times[right - 1]) / span, 1.0)
    part = part.reshape(-1, *(1,) * (values.ndim - 1))
    return np.asarray((1 - part) * values[right - 1] + part * values[right])


def _at_own_times(times: np.ndarray, values: np.ndarray, when: np.ndarray) -> np.ndarray:
    """``values`` (time, ..., depth, position), each point read at its own ``when`` (map, depth, position)."""
    out = np.empty((when.shape[0], *values.shape[1:]))
    for i in range(when.shape[1]):
        for j in range(when.shape[2]):
            out[..., i, j] = at_times(times, values[..., i, j], when[:, i, j])
    return out
