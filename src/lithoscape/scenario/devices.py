"""The instruments of a scenario: from its keys to objects, and what they make of the record of a run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ..errors import InputError
from ..instruments import (
    Acquisition,
    Channel,
    Collimator,
    ComptonMap,
    Cycler,
    FiniteCrack,
    GaugeMap,
    averaged,
    by_reflection,
    in_sequence,
    lithium_uncertainty,
    nmc811,
    uncertainties,
)
from ..mesh.cad import CrackedCell
from ..protocol import Sequence
from .schema import ComptonSpec, CyclerSpec, GaugeMapSpec, Instruments

UM = 1e-6
COMPTON, COMPTON_SIGNAL = "Compton stoichiometry", "Compton signal"
COMPTON_PIXELS, PIXEL_SIGNAL = "Compton stoichiometry by pixel", "Compton signal by pixel"
EXPOSED = "Compton stoichiometry as exposed"
NOTES = "instrument_notes"
"""Attribute of a record: what an instrument could not do, in words (JSON)."""


@dataclass(frozen=True)
class GaugeReading:
    """How a gauge map is read beyond its cross-section; None is not done."""

    collimator: Collimator
    crack: FiniteCrack | None
    angles: tuple[float, ...]
    acquisition: Acquisition | None
    weighting: str | None
    full_uncertainty: float | None
    smallest: float


@dataclass(frozen=True)
class Devices:
    """The instruments of a run."""

    gauge: GaugeMap | None = None
    reading: GaugeReading | None = None
    compton: ComptonSpec | None = None
    cycler: Cycler | None = None


def devices(spec: Instruments, kind: str, geometry: Any, thickness: float) -> Devices:
    """Instruments of a scenario whose electrode has ``thickness`` [m]; ``kind`` is that of its geometry.

    Raises
    ------
    InputError
        An instrument that does not fit into the electrode, by its key.
    """
    if spec.compton is not None and kind != "resolved":
        compton_map(spec.compton, thickness)
    gauge = None if spec.gauge_map is None else gauge_map(spec.gauge_map, kind, geometry, thickness)
    return Devices(
        gauge,
        None if spec.gauge_map is None else _reading(spec.gauge_map),
        spec.compton,
        None if spec.cycler is None else cycler(spec.cycler),
    )


def gauge_map(spec: GaugeMapSpec, kind: str, geometry: Any, thickness: float) -> GaugeMap:
    """The gauge volumes; InputError if one leaves the electrode or the cell."""
    if not isinstance(geometry, CrackedCell):
        raise InputError(
            "a gauge map needs a cross-section", field="instruments.gauge_map", value=kind,
            remedy="Use geometry.kind cracked",
        )  # fmt: skip
    gauge = GaugeMap(
        tuple(d * UM for d in spec.depths_um),
        tuple(x * UM for x in spec.positions_um),
        (spec.beam_um[0] * UM, spec.beam_um[1] * UM),
        {name: tuple(x * UM for x in members) for name, members in spec.groups.items()},
    )
    width, height = spec.beam_um
    deep, half_width = 1e6 * thickness, 1e6 * geometry.half_width
    if max(spec.depths_um) + height / 2 > deep or min(spec.depths_um) < height / 2:
        raise InputError(
            "a gauge volume leaves the electrode", field="instruments.gauge_map.depths_um",
            value=spec.depths_um, remedy=f"Keep depths from {height / 2:g} to {deep - height / 2:g} um",
        )  # fmt: skip
    if max(map(abs, spec.positions_um)) + width / 2 > half_width:
        raise InputError(
            "a gauge volume leaves the cell", field="instruments.gauge_map.positions_um",
            value=spec.positions_um,
            remedy=f"Keep every box of {width:g} um width within {half_width:g} um of the crack's centre, "
            "or increase geometry.half_width_um",
        )  # fmt: skip
    return gauge


def _reading(spec: GaugeMapSpec) -> GaugeReading:
    c = spec.collimator
    slits = Collimator(c.slit_um * UM, 1e-3 * c.inner_mm, 1e-3 * c.outer_mm, spec.beam_um[0] * UM, c.flat)
    crack = None if spec.crack_length_um is None else FiniteCrack(spec.crack_length_um * UM)
    angles = tuple(spec.reflections_two_theta_deg)
    if len(set(angles)) < len(angles):
        raise InputError(
            "a reflection stands twice", field="instruments.gauge_map.reflections_two_theta_deg",
            value=list(angles), remedy="Give every angle once",
        )  # fmt: skip
    scan = None if spec.pattern_time_s is None else Acquisition(spec.pattern_time_s, spec.order)
    return GaugeReading(
        slits, crack, angles, scan, spec.weighting, spec.sol_uncertainty, spec.smallest_signal
    )


def compton_map(spec: ComptonSpec, thickness: float) -> ComptonMap:
    """Regions in an electrode of ``thickness`` [m]; InputError if one reaches outside."""
    edges = [e * UM for e in spec.edges_um] or list(np.linspace(0.0, thickness, spec.regions + 1))
    if edges[-1] > thickness * (1 + 1e-9):
        raise InputError(
            "a region leaves the electrode", field="instruments.compton.edges_um", value=spec.edges_um,
            remedy=f"Keep depths from 0 to {1e6 * thickness:g} um",
        )  # fmt: skip
    return ComptonMap(
        tuple(float(e) for e in edges),
        None if spec.pixel_um is None else spec.pixel_um * UM,
        None if spec.beam_um is None else spec.beam_um * UM,
        60.0 * spec.region_time_min,
    )


def cycler(spec: CyclerSpec) -> Cycler:
    """The cycler; InputError for an empty range."""
    noise = None if spec.voltage_noise_mV is None else 1e-3 * spec.voltage_noise_mV
    voltage = Channel("voltage", 1e-3 * spec.voltage_resolution_mV, noise, _limits(spec.voltage_range_V))
    current = Channel(
        "current", spec.current_resolution_A_m2, spec.current_noise_A_m2, _limits(spec.current_range_A_m2)
    )
    trigger = None if spec.trigger_mV is None else 1e-3 * spec.trigger_mV
    return Cycler(voltage, current, spec.interval_s, trigger, spec.seed)


def _limits(given: list[float] | None) -> tuple[float, float]:
    return (-np.inf, np.inf) if given is None else (given[0], given[1])


def modes(sequence: Sequence) -> list[tuple[int, str]]:
    """Number and mode of every step of a protocol, in its order."""
    return [(turn.step, turn.spec.mode) for turn in sequence.turns()]


def with_readings(record: xr.Dataset, found: Devices, steps: list[tuple[int, str]]) -> xr.Dataset:
    """The record and what the instruments read of it; ``steps`` are number and mode of each.

    What a run that ended early does not allow is left out and said in the attribute ``instrument_notes``.
    """
    if not record.sizes.get("time", 0):
        return record
    notes: list[str] = []
    if found.gauge is not None and found.reading is not None:
        record = _gauge_readings(record, found.gauge, found.reading, notes)
    if found.compton is not None:
        record = _compton_readings(record, found.compton, steps, notes)
    if found.cycler is not None:
        record = record.merge(found.cycler.measure(record), combine_attrs="override")
    return record.assign_attrs({NOTES: json.dumps(notes)}) if notes else record


def _gauge_readings(
    record: xr.Dataset, gauge: GaugeMap, reading: GaugeReading, notes: list[str]
) -> xr.Dataset:
    def joined(more: xr.Dataset) -> xr.Dataset:
        return record.merge(more, combine_attrs="override")

    if reading.crack is not None and reading.angles:
        record = joined(
            by_reflection(record, reading.collimator, reading.crack, reading.angles, reading.smallest)
        )
    if reading.weighting is not None:
        record = joined(averaged(record, gauge, reading.weighting))
    if reading.full_uncertainty is not None:
        record = joined(uncertainties(record, gauge, reading.full_uncertainty, reading.weighting or "plain"))
    if reading.acquisition is not None:
        try:
            record = joined(in_sequence(record, reading.acquisition))
        except InputError as error:
            notes.append(error.describe())
    return record


def _compton_readings(
    record: xr.Dataset, spec: ComptonSpec, steps: list[tuple[int, str]], notes: list[str]
) -> xr.Dataset:
    record = record.copy()
    if spec.counts is not None:
        seen = record[COMPTON]
        signal = record[COMPTON_SIGNAL].values
        counts = np.maximum(spec.counts * signal / signal.max(), 1e-9)
        line = nmc811()
        own, common = lithium_uncertainty(seen.values, line, counts)
        attributes = {"units": "1", "calibration": line.citation}
        record["Compton uncertainty"] = (seen.dims, own, attributes)
        record["Compton calibration uncertainty"] = (seen.dims, common, attributes)
    rests = _rests(record, steps)
    camera = ComptonMap(tuple(np.arange(record.sizes["region"] + 1.0)), region_time=60 * spec.region_time_min)
    exposures = []
    for start in rests:
        try:
            exposures.append(camera.exposed(record[COMPTON], start))
        except InputError as error:
            notes.append(error.describe())
    if exposures:
        record[EXPOSED] = (("exposure", "region"), np.stack([e.values for e in exposures]), {"units": "1"})
        middles = np.stack([e["exposed"].values for e in exposures])
        record["Time of exposure [s]"] = (("exposure", "region"), middles, {"units": "s"})
    return record


def _rests(record: xr.Dataset, steps: list[tuple[int, str]]) -> list[float]:
    """Times at which rests began [s]: when the cell is imaged."""
    time, step = record["time"].values, record["Step"].values
    resting = {number for number, mode in steps if mode == "rest"}
    return [float(time[step == n][0]) for n in dict.fromkeys(step.tolist()) if n in resting]
