"""A record read the way an experiment is read: by cycle, step, level and lateral group.

Nothing is known here about what was measured; that is in the case files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from ..errors import LithoscapeError
from ..instruments.gauge_volume import mean_of_signal

GAUGE = "Gauge state of lithiation"


class NotTestable(LithoscapeError):
    """The record does not hold what the observable needs; the message says what."""


class NotSeen(LithoscapeError):
    """The record holds everything needed, but what was measured does not happen in it."""


@dataclass(frozen=True)
class CycleKey:
    """A cycle found by the rate of its first discharge.

    Parameters
    ----------
    discharge_C:
        C-rate of the first discharge of the cycle.
    charge_C:
        C-rate of its charge, for information.
    """

    discharge_C: float
    charge_C: float | None = None


@dataclass(frozen=True)
class Frame:
    """Where an experiment looked, in its own names.

    Parameters
    ----------
    levels_um:
        Level -> distance of the beam's centre from the separator-side surface [um].
    groups:
        Role ("near", "middle", "bulk") -> name of the gauge map's group.
    cycles:
        Name -> how to find the cycle.
    depth_tolerance_um:
        How far a gauge volume's depth may be from the level's [um].
    rate_tolerance:
        Relative difference of rates up to which a cycle counts as found.
    """

    levels_um: Mapping[str, float]
    groups: Mapping[str, str]
    cycles: Mapping[str, CycleKey]
    depth_tolerance_um: float = 5.0
    rate_tolerance: float = 0.05


@dataclass(frozen=True)
class Span:
    """Rows of one step that ran to its end."""

    rows: np.ndarray
    text: str

    @property
    def start(self) -> int:
        """First row."""
        return int(self.rows[0])

    @property
    def end(self) -> int:
        """Last row."""
        return int(self.rows[-1])


@dataclass(frozen=True)
class Reading:
    """One record seen through a frame; every access says what is missing (:class:`NotTestable`)."""

    record: xr.Dataset
    frame: Frame = field(default_factory=lambda: Frame({}, {}, {}))
    findings: Mapping[str, float | str] = field(default_factory=dict)
    """Numbers and patterns of a study, by name."""
    unseen: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    """Why a finding is not there: it does not happen, or it could not be computed."""

    # -- variables ---------------------------------------------------------
    def values(self, name: str) -> np.ndarray:
        """The recorded variable ``name``."""
        if name not in self.record:
            raise NotTestable(f"{name!r} was not recorded")
        return np.asarray(self.record[name].values, dtype=float)

    def attribute(self, name: str) -> Any:
        """The attribute ``name``, decoded from JSON if it is text that holds JSON."""
        if name not in self.record.attrs:
            raise NotTestable(f"the record has no attribute {name!r}")
        value = self.record.attrs[name]
        if isinstance(value, str):
            try:
                return json.loads(value)
            except ValueError:
                return value
        return value

    @cached_property
    def time(self) -> np.ndarray:
        """Time [s]."""
        if "time" not in self.record.coords or self.record.sizes["time"] == 0:
            raise NotTestable("the record has no rows")
        return np.asarray(self.record["time"].values, dtype=float)

    # -- steps -------------------------------------------------------------
    @cached_property
    def steps(self) -> list[dict[str, Any]]:
        """The executed steps: cycle, step, text, mode."""
        return list(self.attribute("steps"))

    def number(self, cycle: str) -> int:
        """Number of the first cycle in the record whose first discharge has the rate of ``cycle``."""
        wanted = self.frame.cycles[cycle].discharge_C
        first: dict[int, int] = {}
        for step in self.steps:
            if step["mode"] == "discharge":
                first.setdefault(int(step["cycle"]), int(step["step"]))
        rates = self.values("C-rate")
        for number, step_number in first.items():
            rows = self._rows(step_number)
            if rows.size and abs(np.median(rates[rows]) / wanted - 1) <= self.frame.rate_tolerance:
                return number
        raise NotTestable(f"no cycle with a first discharge at {wanted:g}C")

    def step(self, cycle: str, mode: str, index: int = 0) -> Span:
        """The ``index``-th step of ``mode`` in ``cycle``, if it ran to its end."""
        number = self.number(cycle)
        hits = [s for s in self.steps if int(s["cycle"]) == number and s["mode"] == mode]
        if len(hits) <= index:
            which = f"{mode} step" if index == 0 else f"{mode} step number {index + 1}"
            raise NotTestable(f"the {cycle} cycle has no {which}")
        rows = self._rows(int(hits[index]["step"]))
        if rows.size == 0:
            raise NotTestable(f"no rows of {hits[index]['text']!r} were recorded")
        if rows[-1] == self.time.size - 1 and str(self.record.attrs.get("status", "finished")) != "finished":
            raise NotTestable(f"the run ended within {hits[index]['text']!r}")
        return Span(rows, str(hits[index]["text"]))

    def _rows(self, step: int) -> np.ndarray:
        return np.flatnonzero(np.round(self.values("Step")) == step)

    # -- gauge map ---------------------------------------------------------
    @cached_property
    def gauge(self) -> np.ndarray:
        """State of lithiation of the gauge volumes (time, depth, position)."""
        return self.values(GAUGE)

    def depth(self, level: str) -> int:
        """Index of the gauge depth at ``level``."""
        wanted = self.frame.levels_um[level]
        self.values(GAUGE)
        depths = 1e6 * np.asarray(self.record["depth"].values, dtype=float)
        index = int(np.argmin(np.abs(depths - wanted)))
        if abs(depths[index] - wanted) > self.frame.depth_tolerance_um:
            raise NotTestable(f"no gauge volumes at {wanted:g} µm ({level}); nearest {depths[index]:g} µm")
        return index

    def level(self, level: str) -> np.ndarray:
        """Plain mean over all points of a level that give signal, against time."""
        return _seen(mean_of_signal(self.gauge[:, self.depth(level), :]), f"the {level} level")

    def group(self, level: str, role: str) -> np.ndarray:
        """Plain mean over the points of a lateral group in a level, against time."""
        name = self.frame.groups[role]
        members = gauge_group(self.record, name)
        sol = self.gauge[:, self.depth(level), :][:, members]
        return _seen(mean_of_signal(sol), f"group {name!r} of the {level} level")


def gauge_group(record: xr.Dataset, name: str) -> list[int]:
    """Indices of the gauge positions of the group ``name``."""
    groups = Reading(record).attribute("gauge_groups")
    if not isinstance(groups, dict) or name not in groups:
        raise NotTestable(f"the gauge map has no group {name!r}")
    if "position" not in record.coords:
        raise NotTestable("the record has no gauge positions")
    positions = np.asarray(record["position"].values, dtype=float)
    members = [int(np.argmin(np.abs(positions - float(x)))) for x in groups[name]]
    if not members or np.any(np.abs(positions[members] - np.asarray(groups[name], dtype=float)) > 1e-8):
        raise NotTestable(f"group {name!r} names positions that the gauge map does not have")
    return members


def _seen(series: np.ndarray, what: str) -> np.ndarray:
    if np.isnan(series).any():
        raise NotTestable(f"no active material is seen in {what}")
    return series
