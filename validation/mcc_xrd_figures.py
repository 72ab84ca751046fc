"""Pictures of the comparison with the multi-channel-collimator XRD maps."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from lithoscape import records
from lithoscape.validation.cases import Case
from lithoscape.validation.compare import compare, measured_text, simulated_text
from lithoscape.validation.reading import Frame, Reading

MODES = {"charge": "#fff3c4", "discharge": "#dceaf7", "hold": "#f8d9d9", "rest": "#ffffff"}
LEVEL = {"top": "#d95f02", "middle": "#7570b3", "bottom": "#1b9e77"}
GROUP = {"near": "#e7298a", "middle": "#66a61e", "bulk": "#1f78b4"}
DPI = 110
WINDOW_UM = 400.0
"""Width of the maps beside the crack."""


def saved(figure: Figure, file: Path) -> Path:
    """Write a PNG file without anything that differs from run to run."""
    figure.savefig(file, dpi=DPI, metadata={"Software": None})
    return file


def shade(axis: Any, reading: Reading, start: float, end: float) -> None:
    """Background by mode of the steps between two times [s]; minutes from ``start`` on the axis."""
    steps = np.round(reading.values("Step")).astype(int)
    for step in reading.steps:
        rows = np.flatnonzero(steps == int(step["step"]))
        if rows.size and reading.time[rows[0]] < end and reading.time[rows[-1]] > start:
            t = (reading.time[[rows[0], rows[-1]]] - start) / 60
            axis.axvspan(*t, color=MODES.get(step["mode"], "#ffffff"), lw=0, zorder=0)


def cycle_numbers(reading: Reading) -> list[int]:
    """Numbers of the cycles that have rows."""
    return sorted({int(c) for c in np.round(reading.values("Cycle"))})


def courses(record: xr.Dataset, case: Case, file: Path) -> Path:
    """State of lithiation of levels and, in the bottom level, of lateral groups; a row per cycle."""
    frame = case.frame
    reading = Reading(record, frame)
    cycles, number = cycle_numbers(reading), np.round(reading.values("Cycle")).astype(int)
    figure = Figure(figsize=(10, 2.6 * len(cycles) + 0.9), layout="constrained")
    axes = figure.subplots(len(cycles), 2, squeeze=False, sharey=True)
    lowest = list(frame.levels_um)[-1]
    told = notes(record, case, lowest)
    for line, cycle in zip(axes, cycles, strict=True):
        rows = np.flatnonzero(number == cycle)
        time = (reading.time[rows] - reading.time[rows[0]]) / 60
        for axis in line:
            shade(axis, reading, reading.time[rows[0]], reading.time[rows[-1]])
            axis.set_xlim(0, time[-1])
            axis.grid(alpha=0.25)
        for name in frame.levels_um:
            line[0].plot(time, 100 * reading.level(name)[rows], color=LEVEL[name], label=f"{name} level")
        for role in frame.groups:
            line[1].plot(
                time,
                100 * reading.group(lowest, role)[rows],
                color=GROUP[role],
                label=f"{lowest} level, {role}",
            )
        line[0].set_ylabel(f"{rates(reading, cycle)}\nSoL [%]")
        for k, axis in enumerate(line):
            axis.set_title(told.get((cycle, k), ""), fontsize=8, loc="left")
    for axis in axes[0]:
        axis.legend(loc="lower right", fontsize=8, framealpha=0.9)
    for axis in axes[-1]:
        axis.set_xlabel("time in the cycle [min]")
    return saved(figure, file)


def rates(reading: Reading, cycle: int) -> str:
    """Rates of the charge and the first discharge of a cycle, once if they are the same."""
    texts = [
        next(s["text"] for s in reading.steps if int(s["cycle"]) == cycle and s["mode"] == mode)
        for mode in ("charge", "discharge")
    ]
    found = [re.search(r"at ([\d.]+C)", text) for text in texts]
    return "/".join(dict.fromkeys(hit.group(1) for hit in found if hit))


def notes(record: xr.Dataset, case: Case, lowest: str) -> dict[tuple[int, int], str]:
    """Cycle and column -> separation at the end of the CC discharge, simulated and measured."""
    reading, out = Reading(record, case.frame), {}
    columns = {"vertical_separation": 0, "lateral_separation": 1}
    for target, row in zip(case.targets, compare(record, case), strict=True):
        column = columns.get(target.observable)
        if column is None or row.simulated is None or target.arguments.get("level", lowest) != lowest:
            continue
        what = ("top - bottom", "near - bulk")[column]
        text = f"end of CC discharge, {what}: {simulated_text(row)} (measured {measured_text(row)})"
        out[reading.number(target.arguments["cycle"]), column] = text
    return out


def divergence(record: xr.Dataset, frame: Frame, moments: dict[str, str], file: Path) -> Path:
    """Share of the active volume against the cell over time, and maps of the local reaction.

    ``moments``: name in the record's maps -> mode of the cell then.
    """
    maps = records.load(Path(record.attrs["folder"]) / "maps.nc")
    known = [m for m in moments if m in [str(v) for v in maps["moment"].values]]
    figure = Figure(figsize=(10, 2.8 + 1.75 * len(known)), layout="constrained")
    axes = figure.subplots(1 + len(known), 1, height_ratios=[1.6, *[1.0] * len(known)])
    axes = np.atleast_1d(axes)
    _shares(axes[0], Reading(record, frame))
    shown = None
    for axis, name in zip(axes[1:], known, strict=True):
        shown = _map(axis, maps, record, name, 1.0 if moments[name] == "discharge" else -1.0)
    if shown is not None:
        axes[-1].set_xlabel("distance from the crack's centre [µm]")
        text = "local current over the mean of its size; > 0: against the cell"
        figure.colorbar(shown, ax=list(axes[1:]), label=text, shrink=0.9)
    return saved(figure, file)


def against(reading: Reading) -> np.ndarray:
    """Share of the active volume that reacts against the cell, NaN while no current flows."""
    current = reading.values("C-rate")
    share = reading.values("Delithiating share of active material")
    return np.where(np.abs(current) < 1e-6, np.nan, np.where(current > 0, share, 1 - share))


def _shares(axis: Any, reading: Reading) -> None:
    shade(axis, reading, 0.0, float(reading.time[-1]))
    axis.plot(reading.time / 60, 100 * against(reading), color="black", lw=1.2)
    axis.set(xlim=(0, reading.time[-1] / 60), ylim=(-2, 60), xlabel="time [min]")
    axis.set_ylabel("active volume\nagainst the cell [%]")
    axis.set_title("yellow: charge, red: constant voltage, blue: discharge, white: rest", fontsize=9)
    axis.grid(alpha=0.25)


def _map(axis: Any, maps: xr.Dataset, record: xr.Dataset, name: str, sign: float) -> Any:
    chosen = maps.sel(moment=name)
    j = sign * chosen["Reaction current density [A.m-2]"].values
    x, y, triangles = maps["x [m]"].values, maps["y [m]"].values, maps["triangles"].values.astype(int)
    good = ~np.isnan(j[triangles]).any(axis=1)
    scale = np.nanmean(np.abs(j))
    depth = 1e6 * (y - y[~np.isnan(j)].min())
    picture = axis.tripcolor(
        1e6 * x, depth, triangles[good], np.nan_to_num(j) / scale, cmap="RdBu_r", vmin=-2, vmax=2,
        shading="gouraud", rasterized=True,
    )  # fmt: skip
    axis.set(xlim=(0, WINDOW_UM), ylim=(depth.max(), 0), ylabel="depth [µm]")
    minutes = float(chosen["time"]) / 60
    axis.set_title(f"{name} ({minutes:.0f} min)", fontsize=9, loc="left")
    for d in json.loads(record.attrs["specification"])["instruments"]["gauge_map"]["depths_um"]:
        axis.axhline(d, color="grey", lw=0.6, ls=":")
    return picture


def bars(found: dict[str, Any], file: Path) -> Path:
    """Separations on charge and discharge, one row per switch; switches without a result are left out."""
    known = {k: m for k, m in found.items() if not isinstance(m, str)}
    figure = Figure(figsize=(10, 0.42 * len(known) + 1.4), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    place = np.arange(len(known))
    for axis, kind in zip(axes, ("vertical", "lateral"), strict=True):
        pairs = np.array([getattr(m, kind) for m in known.values()]) * 100
        for k, (label, colour) in enumerate((("charge", "#e6ab02"), ("discharge", "#1f78b4"))):
            axis.barh(place + 0.38 * k - 0.19, pairs[:, k], 0.36, color=colour, label=label)
        for row, m in enumerate(known.values()):
            text = f"{m.asymmetry(getattr(m, kind)):+.2f}"
            axis.text(pairs[row].max() + 0.02 * pairs.max(), row, text, va="center", fontsize=8)
        axis.set(xlabel=f"largest {kind} separation [% SoL]", xlim=(0, 1.18 * pairs.max()))
        axis.grid(alpha=0.25, axis="x")
    axes[0].set_yticks(place, list(known))
    axes[0].invert_yaxis()
    axes[1].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, fontsize=8)
    return saved(figure, file)
