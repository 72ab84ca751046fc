"""Figures of a record's curves and of its comparison with measured targets, one function per figure.

Every function returns a matplotlib Figure that belongs to nobody else: no global state is touched.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..validation.compare import MET, NOT_MET, Row, measured_text, simulated_text
from .phases import (
    BANDS,
    GROUP_COLOURS,
    LEVEL_COLOURS,
    Phase,
    by_cycle,
    cycle_name,
    group_series,
    level_names,
    level_series,
    phases,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CYCLE_COLOURS = ("#6a3d9a", "#2b9348", "#1f5fa8", "#c8641b", "#5b5b5b")
OFFSET = 0.13
"""Shift between the levels of :func:`lateral_groups`, as in the source's Figs 5 and 7."""
FARTHEST = 4.0
"""Largest deviation drawn by :func:`targets`, in tolerances."""
VERDICT_COLOURS = {MET: "#1a7f4b", NOT_MET: "#c0392b"}


# ------------------------------------------------------------------ electrical
def voltage_and_current(record: xr.Dataset) -> Figure:
    """Voltage and applied current against time, over the bands of the control mode."""
    figure = _figure(9.0, 4.8)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    unit, scale = _time_unit(record["time"].values)
    time = record["time"].values / scale
    groups = by_cycle(record) or {0: []}
    for k, members in enumerate(groups.values()):
        rows = np.concatenate([p.rows for p in members]) if members else np.arange(time.size)
        colour = CYCLE_COLOURS[k % len(CYCLE_COLOURS)]
        label = cycle_name(record, members) if members else None
        upper.plot(time[rows], record["Voltage [V]"].values[rows], color=colour, lw=1.8, label=label)
        lower.plot(time[rows], record["Current density [A.m-2]"].values[rows], color=colour, lw=1.6)
    for axis in (upper, lower):
        _bands(axis, phases(record), scale)
        axis.margins(x=0)
    lower.axhline(0, color="0.4", lw=0.7)
    upper.set_ylabel("Cell voltage (V)")
    lower.set_ylabel("Current (A/m²)\ndischarge > 0")
    lower.set_xlabel(f"Time ({unit})")
    _legend(figure, upper, phases(record))
    return figure


def voltage_against_capacity(record: xr.Dataset) -> Figure:
    """Voltage against the charge stored since the start of each cycle; stars at its start and end."""
    figure = _figure(6.5, 4.2)
    axis = figure.subplots()
    charge = -0.1 * record["Discharge capacity [A.h.m-2]"].values
    voltage = record["Voltage [V]"].values
    for k, members in enumerate(by_cycle(record).values()):
        colour = CYCLE_COLOURS[k % len(CYCLE_COLOURS)]
        first, last = members[0].rows[0], members[-1].rows[-1]
        for j, phase in enumerate(members):
            label = cycle_name(record, members) if j == 0 else None
            style = ":" if phase.slow else "-"
            axis.plot(
                charge[phase.rows] - charge[first],
                voltage[phase.rows],
                style,
                color=colour,
                lw=1.8,
                label=label,
            )
        ends = [first, last]
        axis.plot(charge[ends] - charge[first], voltage[ends], "*", color=colour, ms=11, mec="white", mew=0.6)
    axis.set_xlabel("Charge stored since the start of the cycle (mAh/cm²)")
    axis.set_ylabel("Cell voltage (V)")
    if axis.get_legend_handles_labels()[0]:
        figure.legend(loc="outside upper left", ncols=2, frameon=False, fontsize=9)
    _plain(axis)
    return figure


def electrolyte_extremes(record: xr.Dataset, valid: tuple[float, float] | None = None) -> Figure:
    """Lowest and highest electrolyte concentration against time; hatched beyond the law's validity."""
    figure = _figure(9.0, 3.2)
    axis = figure.subplots()
    unit, scale = _time_unit(record["time"].values)
    time = record["time"].values / scale
    names = (("Maximum", "#b2182b"), ("Minimum", "#2166ac"))
    for word, colour in names:
        series = record[f"{word} electrolyte concentration [mol.m-3]"].values / 1000
        axis.plot(time, series, color=colour, lw=1.8, label=word.lower())
    top = axis.get_ylim()[1]
    if valid is not None and valid[1] / 1000 < 1.05 * top:
        label = f"beyond the law's range (> {valid[1] / 1000:g} mol/l)"
        axis.axhspan(
            valid[1] / 1000, 1.05 * top, facecolor="none", edgecolor="#b2182b", hatch="//", lw=0, label=label
        )
        axis.axhline(valid[1] / 1000, color="#b2182b", lw=1, ls="--")
    _bands(axis, phases(record), scale)
    axis.margins(x=0)
    axis.set_ylim(0, 1.05 * top)
    axis.set_xlabel(f"Time ({unit})")
    axis.set_ylabel("Salt in the electrolyte (mol/l)")
    _legend(figure, axis, phases(record))
    return figure


# ------------------------------------------------------------------ state of lithiation
def lateral_groups(record: xr.Dataset) -> Figure:
    """SoL of the lateral groups, one set of curves per level, sets shifted by 0.13; voltage below."""
    series, names = group_series(record), level_names(record)
    shifts = OFFSET * np.arange(len(names))[::-1]
    latest = phases(record)[-1].rows[-1]

    def draw(axis: Axes, members: list[Phase], time: np.ndarray) -> None:
        for (group, values), (colour, width) in zip(series.items(), _nested(GROUP_COLOURS), strict=False):
            for d, shift in enumerate(shifts):
                label = group if d == 0 else None
                _course(axis, time, values[:, d] + shift, members, colour, label, width)
        last = members[-1].rows[-1]
        for d, shift in enumerate(shifts if last == latest else ()):
            level = float(np.mean([values[last, d] for values in series.values()])) + shift
            text = names[d].split(" (")[0] + (f"\n+{shift:.2f}" if shift else "")
            axis.annotate(
                text, (1.0, level), xycoords=("axes fraction", "data"), xytext=(4, 0),
                textcoords="offset points", va="center", fontsize=8.5, color="0.25",
            )  # fmt: skip

    return _per_cycle(record, draw, "State of lithiation (+ shift)", height=3.9)


def level_averages(record: xr.Dataset) -> Figure:
    """SoL averaged over each level, dotted during the slow discharge; voltage below."""
    series, names = level_series(record), level_names(record)

    def draw(axis: Axes, members: list[Phase], time: np.ndarray) -> None:
        for d, (name, (colour, width)) in enumerate(zip(names, _nested(LEVEL_COLOURS), strict=False)):
            _course(axis, time, series[:, d], members, colour, name, width)

    return _per_cycle(record, draw, "State of lithiation", height=3.2)


def lateral_multiples(record: xr.Dataset) -> Figure:
    """SoL of the lateral groups without shift: a panel per level (down) and cycle (across)."""
    series, names, cycles = group_series(record), level_names(record), by_cycle(record)
    figure = _figure(_width(len(cycles)), 0.7 + 1.75 * len(names))
    axes = figure.subplots(len(names), len(cycles), sharex="col", sharey=True, squeeze=False)
    for column, members in zip(axes.T, cycles.values(), strict=True):
        time = (record["time"].values - members[0].start) / 60
        for d, axis in enumerate(column):
            for (group, values), (colour, width) in zip(series.items(), _nested(GROUP_COLOURS), strict=False):
                _course(axis, time, values[:, d], members, colour, group, width)
            _bands(axis, members, 60, members[0].start)
            axis.margins(x=0)
            _plain(axis)
        column[0].set_title(cycle_name(record, members), fontsize=10)
        column[-1].set_xlabel("Time in the cycle (min)")
    for name, axis in zip(names, axes[:, 0], strict=True):
        axis.set_ylabel(f"SoL, {name}", fontsize=9)
    _legend(figure, axes[0, 0], phases(record))
    return figure


def _per_cycle(
    record: xr.Dataset,
    draw: Callable[[Axes, list[Phase], np.ndarray], None],
    label: str,
    height: float,
) -> Figure:
    """A column per cycle: what ``draw`` puts above, the voltage below, bands behind both."""
    cycles = by_cycle(record)
    figure = _figure(_width(len(cycles)), height + 1.9)
    axes = figure.subplots(
        2, len(cycles), sharex="col", sharey="row", squeeze=False, height_ratios=(height, 1.2)
    )
    for (upper, lower), members in zip(axes.T, cycles.values(), strict=True):
        time = (record["time"].values - members[0].start) / 60
        draw(upper, members, time)
        _course(lower, time, record["Voltage [V]"].values, members, "0.15", None)
        for axis in (upper, lower):
            _bands(axis, members, 60, members[0].start)
            axis.margins(x=0)
            _plain(axis)
        upper.set_title(cycle_name(record, members), fontsize=10)
        lower.set_xlabel("Time in the cycle (min)")
    axes[0, 0].set_ylabel(label)
    axes[1, 0].set_ylabel("Voltage (V)")
    _legend(figure, axes[0, 0], phases(record))
    return figure


# ------------------------------------------------------------------ comparison
def targets(rows: Sequence[Row]) -> Figure:
    """Deviation of every simulated number from the measured one, in units of its tolerance."""
    from matplotlib.figure import Figure

    drawn = [row for row in rows if row.tolerance and (row.deviation is not None or _unseen(row))]
    height = 0.75 + 0.34 * max(len(drawn), 1)
    figure = Figure(figsize=(9.5, height), dpi=150)
    axis = figure.add_axes((0.43, 0.5 / height, 0.33, 1 - 0.55 / height))
    axis.axvspan(-1, 1, color="#d8efe0", lw=0)
    axis.axvline(0, color="0.5", lw=0.8)
    for k, row in enumerate(drawn):
        _target(axis, k, row)
    heads = ((-0.03, "target", "right"), (1.05, "simulated", "left"), (1.37, "measured", "left"))
    for x, word, side in heads:
        axis.annotate(
            word, (x, -1), xycoords=("axes fraction", "data"), va="center", ha=side, fontsize=9, weight="bold"
        )
    axis.set_yticks([])
    axis.set_xticks(range(-int(FARTHEST), int(FARTHEST) + 1))
    axis.set_ylim(len(drawn) - 0.4, -1.5)
    axis.set_xlim(-FARTHEST - 0.15, FARTHEST + 0.15)
    axis.set_xlabel("(simulated - measured) / tolerance", fontsize=9)
    axis.tick_params(labelsize=9)
    axis.spines[["top", "right", "left"]].set_visible(False)
    return figure


def _target(axis: Axes, k: int, row: Row) -> None:
    """One line of :func:`targets`: name, mark, simulated and measured value."""
    texts = ((-0.03, _target_name(row), "right"), (1.05, simulated_text(row), "left"))
    for x, text, side in (*texts, (1.37, measured_text(row), "left")):
        axis.annotate(text, (x, k), xycoords=("axes fraction", "data"), va="center", ha=side, fontsize=8.5)
    if _unseen(row):
        return
    ratio = float(row.deviation or 0.0) / float(row.tolerance or 1.0)
    shown, colour = float(np.clip(ratio, -FARTHEST, FARTHEST)), VERDICT_COLOURS[row.verdict]
    marker = "o" if abs(ratio) <= FARTHEST else (">" if ratio > 0 else "<")
    face = colour if row.scored else "white"
    axis.plot([0, shown], [k, k], color=colour, lw=1.4, ls="-" if row.scored else ":")
    axis.plot(shown, k, marker, color=colour, mfc=face, ms=7, clip_on=False, zorder=3)


def _unseen(row: Row) -> bool:
    """Whether a number was looked for that does not occur in the record."""
    return row.simulated is None and row.verdict == NOT_MET and not isinstance(row.measured, str)


def _target_name(row: Row) -> str:
    """Quantity, the first of its conditions and a threshold, on at most two lines."""
    where, *others = re.split("[,;] ", row.conditions)
    threshold = next((part for part in others if "threshold" in part), "")
    text = ", ".join(part for part in (row.quantity, where, threshold) if part)
    return "\n".join(textwrap.wrap(text, 58, max_lines=2, placeholder=" …"))


# ------------------------------------------------------------------ helpers
def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", dpi=150)


def _width(columns: int) -> float:
    return 10.5 if columns > 1 else 9.0


def _nested(colours: Sequence[str]) -> list[tuple[str, float]]:
    """Colours and line widths, later ones thinner: curves that coincide stay visible."""
    return list(zip(colours, (3.2, 2.2, 1.2), strict=True)) * 4


def _time_unit(time: np.ndarray) -> tuple[str, float]:
    """Unit of the time axis and its length [s]."""
    return ("h", 3600.0) if time.size and time[-1] - time[0] > 3 * 3600 else ("min", 60.0)


def _course(
    axis: Axes,
    time: np.ndarray,
    values: np.ndarray,
    members: list[Phase],
    colour: str,
    label: str | None,
    width: float = 1.8,
) -> None:
    """One curve over the phases of a cycle, dotted while the discharge is slow."""
    for k, phase in enumerate(members):
        style: Any = (0, (1, 1.2)) if phase.slow else "-"
        axis.plot(
            time[phase.rows],
            values[phase.rows],
            ls=style,
            color=colour,
            lw=width,
            label=label if k == 0 else None,
        )


def _bands(axis: Axes, members: list[Phase], scale: float, origin: float = 0.0) -> None:
    for phase in members:
        start, end = (phase.start - origin) / scale, (phase.end - origin) / scale
        axis.axvspan(start, end, color=BANDS[phase.kind], lw=0, zorder=0)


def _plain(axis: Axes) -> None:
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=9)


def _legend(figure: Figure, axis: Axes, members: list[Phase]) -> None:
    """Above the figure the curves of ``axis``, below it the bands that occur."""
    from matplotlib.patches import Patch

    style: dict[str, Any] = {"frameon": False, "fontsize": 9, "ncols": 4, "columnspacing": 1.4}
    if axis.get_legend_handles_labels()[0]:
        figure.legend(*axis.get_legend_handles_labels(), loc="outside upper left", **style)
    seen = [kind for kind in BANDS if any(phase.kind == kind for phase in members)]
    patches = [Patch(facecolor=BANDS[kind], edgecolor="0.75", lw=0.5) for kind in seen]
    if patches:
        figure.legend(patches, seen, loc="outside lower left", **style)
