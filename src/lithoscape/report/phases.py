"""The parts of a record as a reader of its curves sees them: bands of one control mode, levels, groups.

Colours of the bands follow Morrison et al., EES Batteries 2026, 10.1039/d6eb00017g: blue open circuit, yellow
constant current, red constant voltage, grey slow discharge (any discharge of a cycle after its first).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from ..instruments.gauge_volume import mean_of_signal
from ..validation.reading import GAUGE, NotTestable, Reading, gauge_group

BANDS = {
    "open circuit": "#d9e8f7",
    "constant current": "#fdf3c8",
    "constant voltage": "#f8d5d3",
    "slow discharge": "#dedede",
}
"""Kind of band -> colour."""

LEVEL_COLOURS = ("#e07b00", "#6a3d9a", "#e0479e")
"""Top, middle, bottom."""
GROUP_COLOURS = ("#d81b72", "#2b9348", "#1f5fa8")
"""Near the crack, middle, bulk."""


@dataclass(frozen=True)
class Phase:
    """Consecutive rows of one protocol step; times in s."""

    rows: np.ndarray
    start: float
    end: float
    kind: str
    cycle: int

    @property
    def slow(self) -> bool:
        """Whether it is drawn dotted."""
        return self.kind == "slow discharge"


def phases(record: xr.Dataset) -> list[Phase]:
    """The steps of a record in order; none if it does not say what its steps were."""
    try:
        reading = Reading(record)
        steps, numbers, time = reading.steps, np.round(reading.values("Step")), reading.time
    except NotTestable:
        return []
    found, discharged = [], set()
    for step in steps:
        mode, cycle = step["mode"], int(step["cycle"])
        kind = {"rest": "open circuit", "hold": "constant voltage"}.get(mode, "constant current")
        if mode == "discharge":
            kind = "slow discharge" if cycle in discharged else kind
            discharged.add(cycle)
        rows = np.flatnonzero(numbers == int(step["step"]))
        if rows.size:
            found.append(Phase(rows, float(time[rows[0]]), float(time[rows[-1]]), kind, cycle))
    return found


def by_cycle(record: xr.Dataset) -> dict[int, list[Phase]]:
    """Cycle number -> its phases."""
    found: dict[int, list[Phase]] = {}
    for phase in phases(record):
        found.setdefault(phase.cycle, []).append(phase)
    return found


def cycle_name(record: xr.Dataset, members: list[Phase]) -> str:
    """``"0.8C charge, 0.8C discharge"`` from the currents of the first charge and discharge."""
    if "C-rate" not in record:
        return f"cycle {members[0].cycle + 1}"
    parts: list[str] = []
    for word, sign in (("charge", -1), ("discharge", 1)):
        for phase in members:
            rate = float(np.median(record["C-rate"].values[phase.rows]))
            if phase.kind == "constant current" and sign * rate > 0:
                parts.append(f"{abs(rate):.3g}C {word}")
                break
    return ", ".join(parts) or f"cycle {members[0].cycle + 1}"


def has_gauge(record: xr.Dataset) -> bool:
    """Whether the record holds a map of gauge volumes with signal."""
    return (
        GAUGE in record and record.sizes.get("time", 0) > 0 and bool(np.isfinite(record[GAUGE].values).any())
    )


def level_names(record: xr.Dataset) -> list[str]:
    """Names of the gauge depths, from the separator down."""
    depths = 1e6 * np.asarray(record["depth"].values, dtype=float)
    words = ("top", "middle", "bottom")
    if depths.size == len(words):
        return [f"{word} ({depth:.0f} µm)" for word, depth in zip(words, depths, strict=True)]
    return [f"{depth:.0f} µm" for depth in depths]


def level_series(record: xr.Dataset) -> np.ndarray:
    """Level averages (time, depth)."""
    return mean_of_signal(record[GAUGE].values)


def group_series(record: xr.Dataset) -> dict[str, np.ndarray]:
    """Group -> averages (time, depth); groups without positions in the map are left out."""
    try:
        names = list(Reading(record).attribute("gauge_groups"))
    except NotTestable:
        return {}
    found = {}
    for name in names:
        try:
            found[name] = mean_of_signal(record[GAUGE].values[:, :, gauge_group(record, name)])
        except NotTestable:
            continue
    return found
