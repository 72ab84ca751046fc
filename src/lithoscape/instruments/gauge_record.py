"""What multi-channel-collimator XRD makes of a recorded cross-section.

Works on the record of a run, at its end or any time later. What a run writes of the cross-section,

- ``Gauge state of lithiation`` (time, depth, position) and ``Gauge signal`` (depth, position),
- ``Far state of lithiation`` (time, depth) and ``Far signal`` (depth), far from the crack,

becomes what was seen. :func:`seen_at` gives a record in which the gauge volumes show one reflection, so that
whatever reads the cross-section reads that instead.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from ..errors import InputError
from .acquisition import Acquisition
from .collimator import Collimator
from .finite_crack import FiniteCrack, mixed
from .gauge_averages import average_uncertainty, averages, group_names, pattern_uncertainty
from .gauge_volume import GaugeMap

GAUGE, SIGNAL = "Gauge state of lithiation", "Gauge signal"
FAR, FAR_SIGNAL = "Far state of lithiation", "Far signal"
REFLECTIONS, REFLECTION_SIGNAL = "Gauge state of lithiation by reflection", "Gauge signal by reflection"
LENGTH, SHARE = "Gauge length [m]", "Share of gauge volume in crack length"
AVERAGE = "Gauge average state of lithiation"
ACQUIRED, ACQUIRED_AT = "Gauge state of lithiation as acquired", "Time of acquisition [s]"
UNCERTAINTY, AVERAGE_UNCERTAINTY = "Gauge uncertainty", "Gauge average uncertainty"


SMALLEST = 0.01
"""Share of the largest signal below which a pattern is not refined unless told otherwise."""


def by_reflection(
    record: xr.Dataset,
    collimator: Collimator,
    crack: FiniteCrack,
    angles: Sequence[float],
    smallest: float = SMALLEST,
) -> xr.Dataset:
    """What reflections at ``angles`` (2 theta, degrees) see of a crack of finite length.

    Reflections are given by their angle: the label of the lowest one in 10.1039/d6eb00017g (104) does not
    belong to the angle printed beside it (3.3 degrees; the 104 of that cell at 90 keV lies at 3.88).

    ``smallest`` is the share of the map's largest signal below which a volume gives no reading (NaN): in the
    middle of a wide crack a short gauge volume sees but a trace of the electrode beyond its ends, which a
    plain mean would count like any other point. 0 keeps every trace.

    Returns
    -------
    xr.Dataset
        State of lithiation (time, reflection, depth, position), signal (reflection, depth, position), length
        and share within the crack (reflection); coordinate ``reflection`` [degrees].

    Raises
    ------
    InputError
        No angle, one outside 0..90 degrees, a share outside 0..1, or a record without the state far from the
        crack.
    """
    for name in (GAUGE, SIGNAL, FAR, FAR_SIGNAL):
        _require(record, name)
    if not 0.0 <= smallest < 1.0:
        raise InputError(
            "a share lies between 0 and 1", field="instruments.gauge_map.smallest_signal", value=smallest,
            remedy="Give such as 0.01",
        )  # fmt: skip
    shares = crack.shares(collimator, angles)
    sol = record[GAUGE].transpose("time", "depth", "position").values
    signal = record[SIGNAL].transpose("depth", "position").values
    far = record[FAR].transpose("time", "depth").values[..., None]
    far_signal = record[FAR_SIGNAL].values[:, None]
    parts = [mixed(sol, signal, far, far_signal, p) for p in shares]
    nothing = np.zeros_like(far_signal)
    weights = [mixed(nothing, signal, nothing, far_signal, p)[1] for p in shares]
    limit = smallest * max(float(w.max()) for w in weights)
    seen = [np.where(w >= limit, p[0], np.nan) for p, w in zip(parts, weights, strict=True)]
    dims = ("depth", "position")
    return xr.Dataset(
        {
            REFLECTIONS: (("time", "reflection", *dims), np.stack(seen, axis=1), _one()),
            REFLECTION_SIGNAL: (("reflection", *dims), np.stack(weights), _one()),
            LENGTH: ("reflection", [collimator.length(a) for a in angles], {"units": "m"}),
            SHARE: ("reflection", shares, _one()),
        },
        {
            "reflection": ("reflection", np.asarray(angles, dtype=float), {"units": "degree"}),
            **{d: record[d] for d in ("time", *dims)},
        },
    )


def seen_at(
    record: xr.Dataset,
    collimator: Collimator,
    crack: FiniteCrack,
    two_theta: float,
    smallest: float = SMALLEST,
) -> xr.Dataset:
    """The record with its gauge volumes as one reflection at ``two_theta`` [degrees] sees them."""
    found = by_reflection(record, collimator, crack, [two_theta], smallest).isel(reflection=0, drop=True)
    out = record.copy()
    out[GAUGE] = found[REFLECTIONS].assign_attrs(record[GAUGE].attrs)
    out[SIGNAL] = found[REFLECTION_SIGNAL].assign_attrs(record[SIGNAL].attrs)
    return out.assign_attrs(gauge_two_theta_deg=float(two_theta))


def averaged(record: xr.Dataset, gauge: GaugeMap, weighting: str) -> xr.Dataset:
    """Averages over the groups, and over all positions, of the gauge volumes.

    Of every reflection if the record has them. The variable has the dimensions (time, [reflection,] depth,
    group).
    """
    name, weights = (REFLECTIONS, REFLECTION_SIGNAL) if REFLECTIONS in record else (GAUGE, SIGNAL)
    _require(record, name)
    values = averages(gauge, record[name].values, record[weights].values, weighting)
    dims = (*record[name].dims[:-1], "group")
    attributes = _one() | {"weighting": weighting}
    return xr.Dataset({AVERAGE: (dims, values, attributes)}, {"group": ("group", group_names(gauge))})


def in_sequence(record: xr.Dataset, acquisition: Acquisition) -> xr.Dataset:
    """The maps (of every reflection if recorded) with every point at its own time, and those times.

    InputError if the run is shorter than one map.
    """
    name = REFLECTIONS if REFLECTIONS in record else GAUGE
    _require(record, name)
    found = acquisition.acquired(record[name])
    dims = found["value"].dims
    clock = acquisition.times((record.sizes["depth"], record.sizes["position"]), found.sizes["map"])
    return xr.Dataset(
        {
            ACQUIRED: (dims, found["value"].values, _one() | {"order": acquisition.order}),
            ACQUIRED_AT: (("map", "depth", "position"), clock, {"units": "s"}),
        }
    )


def uncertainties(record: xr.Dataset, gauge: GaugeMap, full: float, weighting: str) -> xr.Dataset:
    """Standard uncertainty of every pattern and of the averages, counting statistics alone.

    ``full`` is that of a pattern with the largest signal of the map. Inf where there is no reading.
    """
    values, name = (REFLECTIONS, REFLECTION_SIGNAL) if REFLECTIONS in record else (GAUGE, SIGNAL)
    _require(record, name)
    signal = record[name].values
    each = pattern_uncertainty(signal, full, float(signal.max()))
    each = np.where(np.isnan(record[values].isel(time=0).values), np.inf, each)
    mean = average_uncertainty(gauge, each, signal, weighting)
    dims = record[name].dims
    return xr.Dataset(
        {UNCERTAINTY: (dims, each, _one()), AVERAGE_UNCERTAINTY: ((*dims[:-1], "group"), mean, _one())},
        {"group": ("group", group_names(gauge))},
    )


def _require(record: xr.Dataset, name: str) -> None:
    if name not in record:
        raise InputError(
            f"the record does not hold {name!r}", field="record", value=sorted(map(str, record.data_vars)),
            remedy="Run with instruments.gauge_map.crack_length_um" if "Far" in name
            else "Run with instruments.gauge_map",
        )  # fmt: skip


def _one() -> dict[str, str]:
    return {"units": "1"}
