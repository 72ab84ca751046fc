"""Figures of resolved electrodes: how lithium spreads over the depth, and within the particles.

Every function returns a matplotlib Figure that belongs to nobody else::

    shown = moments(record, [("60 % DoD", 720.0)])
    particles_by_depth(record, shown).savefig("particles.svg")

What is shown follows Lu et al., Energy Environ. Sci. 14 (2021) 5929, 10.1039/d1ee01388b, figs 3-5: transport
in the electrolyte makes particles differ over the depth, diffusion in the solid makes each of them uneven.
"""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from .phases import LEVEL_COLOURS
from .resolved_pictures import duration, evenly

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MEAN, SPREAD = "Particle state of lithiation", "Spread within particle"
LOWEST, HIGHEST = "Lowest state of lithiation in particle", "Highest state of lithiation in particle"
CURRENT = "Particle current density [A.m-2]"
DEPTH, VOLUME, AREA = "Particle depth", "Particle volume [m3]", "Particle reaction area [m2]"
DIAMETER = "Particle diameter [m]"
SLAB_MEAN, SLAB_SPREAD = "State of lithiation by depth", "Spread of state of lithiation by depth"
SHARES = "Share of active material by state of lithiation"
WHOLE = "Mean state of lithiation"
SINGLE, LIMITED = "single_particle_spread", "solid_limited_depth"
"""Attributes, JSON: moment -> spread in a particle by itself, and depth in which particles spread as much."""

NEARLY_FULL = 0.95
"""Active material above this share of its sites counts as nearly full."""
MOST = 4
"""Moments shown side by side."""
MOMENT_COLOURS = ("#1f5fa8", "#2b9348", "#c8641b", "#6a3d9a")

_INK, _EMPTY = "#1d2430", "#dfe3e8"
_DOT, _BAR = "particle, area by volume", "standard deviation within it"
_RUNNING, _SPHERE = "running mean by volume", "sphere by itself at the mean current"
_MANY = 400  # particles from which on dots are drawn as pixels: vectors would make the page heavy
_SOME = 8  # particles from which on a running mean says more than its dots
_SLICES = 24  # of the depth, at most
_FRAGMENT = 0.05  # of the mean weight of a slice
_REACH = 2  # slices that a particle may reach beyond that of its middle
_COURSE = 600  # rows drawn of a map, at most
_SPAN = 0.02  # of the state of lithiation that an axis shows at least
_RESTING = 0.02  # of the largest mean current: below that, relative currents say nothing
_THIRDS = ("near the separator", "in the middle", "near the collector")


@dataclass(frozen=True)
class Moment:
    """A row of the record that is shown; ``time`` in s."""

    name: str
    row: int
    time: float


# ------------------------------------------------------------------ what there is to show
def has_particles(record: xr.Dataset) -> bool:
    """Whether the record knows its particles."""
    return {DEPTH, VOLUME} <= set(record) and record[DEPTH].size > 0


def moments(record: xr.Dataset, kept: Iterable[tuple[str, float]] = ()) -> list[Moment]:
    """At most four rows: those of moments that have a name, else evenly in the charge that has passed.

    Parameters
    ----------
    kept:
        Name and time [s] of the moments that a run kept. An "end" alone is no choice of anybody.
    """
    if not record.sizes.get("time", 0):
        return []
    time = np.asarray(record["time"].values, dtype=float)
    inside = [(name, at) for name, at in kept if time[0] - 1e-6 <= at <= time[-1] + 1e-6]
    if not any(name != "end" for name, _ in inside):
        return _evenly_charged(record, time)
    inside.sort(key=lambda moment: moment[1])
    found = []
    for k in evenly(len(inside), MOST):
        name, at = inside[k]
        row = int(np.argmin(np.abs(time - at)))
        found.append(Moment(name, row, float(time[row])))
    return found


def _evenly_charged(record: xr.Dataset, time: np.ndarray) -> list[Moment]:
    """After each quarter of all charge that passed, whichever way; the last row if none did."""
    name = "Discharge capacity [A.h.m-2]"
    charge = np.asarray(record[name].values, dtype=float) if name in record else time
    passed = np.concatenate([[0.0], np.cumsum(np.abs(np.nan_to_num(np.diff(charge))))])
    if not passed[-1] > 0:
        return [Moment("last record", time.size - 1, float(time[-1]))]
    shares = [(k + 1) / MOST for k in range(MOST)]
    rows = [int(np.argmin(np.abs(passed - share * passed[-1]))) for share in shares[:-1]] + [time.size - 1]
    chosen = dict(zip(rows, shares, strict=True))  # a run of few rows: each of them once
    return [
        Moment(f"{_percent(share)} of the charge", row, float(time[row])) for row, share in chosen.items()
    ]


def reacts(record: xr.Dataset) -> bool:
    """Whether the record knows of currents at particles."""
    return _relative_current(record) is not None


def told(record: xr.Dataset, name: str) -> dict[str, float]:
    """Finite numbers of an attribute by moment; none if it is missing or something else."""
    try:
        found = json.loads(record.attrs.get(name, "{}"))
        return {str(k): float(v) for k, v in found.items() if math.isfinite(float(v))}
    except (TypeError, ValueError, AttributeError):
        return {}


# ------------------------------------------------------------------ at moments
def particles_by_depth(record: xr.Dataset, shown: Sequence[Moment]) -> Figure:
    """State of lithiation of every particle against its depth, over the mean of all that lies there."""
    figure, axes = _side_by_side(len(shown))
    depth = record[DEPTH].values
    many = depth.size > _MANY
    for axis, moment, colour in zip(axes, shown, MOMENT_COLOURS, strict=False):
        at = record.isel(time=moment.row)
        if {SLAB_MEAN, SLAB_SPREAD} <= set(record):
            mean, spread = at[SLAB_MEAN].values, at[SLAB_SPREAD].values
            band = axis.fill_between(
                record["slab"], mean - spread, mean + spread, color="0.55", alpha=0.3, lw=0
            )
            (line,) = axis.plot(record["slab"], mean, color=_INK, lw=1.5, zorder=4)
            line.set_label("mean at a depth")
            band.set_label("standard deviation at a depth")
        middle, half = at[MEAN].values, at[SPREAD].values
        axis.vlines(
            depth, middle - half, middle + half, color=colour, lw=0.6 if many else 1.1,
            alpha=0.25 if many else 0.6, rasterized=many, label=_BAR,
        )  # fmt: skip
        _scatter(axis, record, middle, colour)
        _titled(axis, record, moment)
    low, high = axes[0].get_ylim()
    if high - low < _SPAN:  # at the start all is equal but for rounding
        axes[0].set_ylim((low + high - _SPAN) / 2, (low + high + _SPAN) / 2)
    axes[0].set_ylabel("State of lithiation")
    _legend_above(figure, axes, (_DOT, _BAR, "mean at a depth", "standard deviation at a depth"))
    return figure


def spread_by_depth(record: xr.Dataset, shown: Sequence[Moment]) -> Figure:
    """Spread within each particle against its depth; a particle by itself for comparison, if it is known."""
    figure, axes = _side_by_side(len(shown))
    depth, volume = record[DEPTH].values, record[VOLUME].values
    single, limited = (told(record, name) for name in (SINGLE, LIMITED))
    for axis, moment, colour in zip(axes, shown, MOMENT_COLOURS, strict=False):
        spread = record[SPREAD].values[moment.row]
        _scatter(axis, record, spread, colour)
        if depth.size >= _SOME:
            places, mean = _running_mean(depth, spread, volume)
            axis.plot(places, mean, color=_INK, lw=1.5, zorder=4, label=_RUNNING)
        if moment.name in single:
            axis.axhline(single[moment.name], color="#b2182b", lw=1.2, ls="--", zorder=5, label=_SPHERE)
        if moment.name in limited:
            _mark_depth(axis, limited[moment.name])
        _titled(axis, record, moment)
    spreads = [record[SPREAD].values[moment.row] for moment in shown]
    tops = [float(spread[np.isfinite(spread)].max(initial=0.0)) for spread in spreads]
    top = max([*tops, *(single[m.name] for m in shown if m.name in single)])
    room = 1.35 if any(m.name in limited for m in shown) else 1.1  # for what is written above the dots
    axes[0].set_ylim(0, room * top if top > 1e-6 else 0.01)
    axes[0].set_ylabel("Spread of the state of lithiation\nwithin a particle")
    _legend_above(figure, axes, (_DOT, _RUNNING, _SPHERE))
    return figure


def lithiation_histogram(record: xr.Dataset, shown: Sequence[Moment]) -> Figure:
    """How much active material has which state of lithiation; the nearly full part is in the legend."""
    figure = _figure(9.0, 3.6)
    axis = figure.subplots()
    middles = record["sol"].values
    edges = bin_edges(middles)
    seen, top = [], 0.0
    for moment, colour in zip(shown, MOMENT_COLOURS, strict=False):
        share = np.nan_to_num(record[SHARES].values[moment.row])
        full = nearly_full(middles, share)
        text = f"{_spoken(moment)}: {_percent(full)} above {NEARLY_FULL:g}"
        axis.stairs(100 * share, edges, color=colour, lw=1.6, label=_literal(text))
        top = max(top, 100 * float(share.max(initial=0.0)))
        axis.stairs(100 * share, edges, color=colour, fill=True, alpha=0.18, lw=0)
        seen.extend(edges[:-1][share > 1e-3 * share.max()])
    axis.axvspan(NEARLY_FULL, 1.0, color="#b2182b", alpha=0.08, lw=0, zorder=0)
    axis.axvline(NEARLY_FULL, color="#b2182b", lw=0.9, ls="--")
    axis.annotate(
        "nearly full", (NEARLY_FULL, 1.0), xycoords=("data", "axes fraction"), xytext=(-4, -4), fontsize=8.5,
        textcoords="offset points", color="#b2182b", ha="right", va="top",
    )  # fmt: skip
    axis.set_xlim(max(min(seen, default=0.0) - 0.03, 0.0), 1.0)
    axis.set_ylim(0, 1.12 * top if top > 0 else 1.0)
    axis.set_xlabel("State of lithiation")
    axis.set_ylabel(f"Active material (% per {np.diff(edges).mean():.2g})")
    _plain(axis)
    figure.legend(loc="outside upper left", ncols=2 if len(shown) > 1 else 1, frameon=False, fontsize=9)
    return figure


def bin_edges(middles: np.ndarray) -> np.ndarray:
    """Edges of bins of one width around their middles."""
    width = float(middles[1] - middles[0]) if len(middles) > 1 else 1.0
    return np.append(middles - width / 2, middles[-1] + width / 2)


def nearly_full(middles: np.ndarray, share: np.ndarray) -> float:
    """Share of the active material above :data:`NEARLY_FULL`, from the shares of bins."""
    edges = bin_edges(middles)
    part = np.clip((edges[1:] - NEARLY_FULL) / np.diff(edges), 0.0, 1.0)
    return float(np.nan_to_num(share) @ part)


# ------------------------------------------------------------------ over the whole run
def differences(record: xr.Dataset) -> Figure:
    """Differences within particles, and where the reaction is: by depth, over the course of the run.

    Above by thirds of the depth, below as a map. Currents are relative to the mean over all reacting surface.
    """
    rows = evenly(record.sizes["time"], _COURSE)
    part = record.isel(time=rows)
    x, label = _course(part)
    within = part[HIGHEST].values - part[LOWEST].values
    columns = [("Highest minus lowest state\nof lithiation in a particle", within, part[VOLUME].values)]
    ratio = _relative_current(part)
    if ratio is not None:
        columns.append(("Reaction current density\nover its mean", ratio, part[AREA].values))
    figure = _figure(10.5 if len(columns) == 2 else 6.5, 5.4)
    axes = figure.subplots(2, len(columns), sharex="col", squeeze=False, height_ratios=(1, 1.35))
    for k, (title, values, weight) in enumerate(columns):
        upper, lower = axes[:, k]
        _thirds(upper, x, values, weight, part[DEPTH].values)
        _map(figure, lower, x, values, weight, part[DEPTH].values, about_one=k == 1)
        upper.set_title(title, fontsize=10)
        upper.set_xlim(x[0], x[-1])
        lower.set_xlabel(label)
        _plain(upper)
    if ratio is not None:
        axes[0, 1].axhline(1.0, color="0.5", lw=0.7)
        _front(axes[1, 1], x, ratio, part)
    axes[0, 0].set_ylim(bottom=0)
    axes[1, 0].set_ylabel("Depth (share of thickness)")
    style: dict[str, Any] = {"ncols": 3, "frameon": False, "fontsize": 9}
    if (legend := axes[0, 0].get_legend_handles_labels())[0]:
        figure.legend(*legend, loc="outside upper left", **style)
    if (legend := axes[1, -1].get_legend_handles_labels())[0]:
        figure.legend(*legend, loc="outside upper right", **style)
    return figure


def _course(record: xr.Dataset) -> tuple[np.ndarray, str]:
    """What goes along the run: the mean state of lithiation if it only rises or only falls, else the time."""
    time = np.asarray(record["time"].values, dtype=float)
    if WHOLE in record:
        mean = np.asarray(record[WHOLE].values, dtype=float)
        steps = np.diff(mean)
        if steps.size and (np.all(steps > 0) or np.all(steps < 0)):
            return mean, "Mean state of lithiation"
    hours = time[-1] - time[0] > 3 * 3600
    return time / (3600 if hours else 60), f"Time ({'h' if hours else 'min'})"


def _relative_current(record: xr.Dataset) -> np.ndarray | None:
    """Current density of particles over its mean (time, particle); NaN at rest; None if there is none."""
    if not {CURRENT, AREA} <= set(record):
        return None
    current, area = np.asarray(record[CURRENT].values, dtype=float), record[AREA].values
    known = np.isfinite(current) & (area > 0)
    total = np.where(known, area, 0.0).sum(axis=1)
    passed = np.where(known, current * area, 0.0).sum(axis=1)
    mean = np.divide(passed, total, out=np.zeros_like(passed), where=total > 0)
    flowing = np.abs(mean) > _RESTING * np.abs(mean).max(initial=0.0)
    ratio = np.full(current.shape, np.nan)
    ratio[flowing] = np.where(known, current, np.nan)[flowing] / mean[flowing, None]
    return ratio if np.isfinite(ratio).any() else None


def _thirds(axis: Axes, x: np.ndarray, values: np.ndarray, weight: np.ndarray, depth: np.ndarray) -> None:
    """Means over the particles in each third of the depth that has some."""
    means = _binned(values, weight, depth, 3)
    for name, colour, mean in zip(_THIRDS, LEVEL_COLOURS, means.T, strict=True):
        if np.isfinite(mean).any():
            axis.plot(x, mean, color=colour, lw=1.8, label=name)


def _map(
    figure: Figure,
    axis: Axes,
    x: np.ndarray,
    values: np.ndarray,
    weight: np.ndarray,
    depth: np.ndarray,
    *,
    about_one: bool,
) -> None:
    """Means in slices of the depth, separator on top; grey where there is nothing."""
    slices = _slices(depth.size)
    means = np.ma.masked_invalid(_neighboured(_binned(values, weight, depth, slices)).T)
    top = float(means.compressed().max(initial=0.01))
    style: dict[str, Any] = {"cmap": "magma_r", "vmin": 0.0, "vmax": top}
    extend = "neither"
    if about_one:
        off = np.abs(means.compressed() - 1)
        far = max(float(np.quantile(off, 0.98)), 0.02)
        style = {"cmap": "RdBu_r", "vmin": 1 - far, "vmax": 1 + far}
        extend = "both" if off.max() > 1.001 * far else "neither"
    borders = np.concatenate([x[:1], (x[1:] + x[:-1]) / 2, x[-1:]])
    drawn = axis.pcolormesh(borders, np.linspace(0, 1, slices + 1), means, rasterized=True, **style)
    axis.set_facecolor(_EMPTY)
    axis.set_ylim(1, 0)
    axis.set_yticks([0, 0.5, 1], ["separator", "0.5", "collector"])
    axis.tick_params(labelsize=9)
    figure.colorbar(drawn, ax=axis, pad=0.02, aspect=18, extend=extend).ax.tick_params(labelsize=9)


def _front(axis: Axes, x: np.ndarray, ratio: np.ndarray, record: xr.Dataset) -> None:
    """Mean depth of the reaction over its map, and where it would be with one current everywhere."""
    from matplotlib.patheffects import withStroke

    known = np.isfinite(ratio)
    area, depth = record[AREA].values, record[DEPTH].values
    current = np.where(known, ratio, 0.0) * area
    total = current.sum(axis=1)
    middle = np.divide(current @ depth, total, out=np.full_like(total, np.nan), where=known.any(axis=1))
    reacting = known.any(axis=0)
    even = float(area[reacting] @ depth[reacting] / area[reacting].sum())
    halo = [withStroke(linewidth=3, foreground="white")]
    axis.plot(x, middle, color=_INK, lw=1.6, path_effects=halo, label="mean depth of the reaction")
    axis.axhline(even, color=_INK, lw=1.0, ls=":", label="with one current everywhere")


# ------------------------------------------------------------------ helpers: numbers
def _slices(particles: int) -> int:
    """Slices of the depth such that about four particles share one, but of few particles not all."""
    return int(np.clip(particles // 4, min(particles, 4), _SLICES))


def _binned(values: np.ndarray, weight: np.ndarray, depth: np.ndarray, slices: int) -> np.ndarray:
    """Weighted means over the particles in each slice of the depth (time, slice).

    NaN where there is none, or only fragments: they do not stand for a slice.
    """
    place = np.clip((np.nan_to_num(depth) * slices).astype(int), 0, slices - 1)
    member = (place[:, None] == np.arange(slices)) * np.nan_to_num(weight)[:, None]
    within = member.sum(axis=0)
    member[:, within < _FRAGMENT * within.mean()] = 0.0
    known = np.isfinite(values)
    total = known.astype(float) @ member
    summed = np.where(known, values, 0.0) @ member
    return np.divide(summed, total, out=np.full_like(total, np.nan), where=total > 0)


def _neighboured(means: np.ndarray) -> np.ndarray:
    """Slices without the middle of a particle get the values of the nearest: particles reach beyond them."""
    filled = np.flatnonzero(np.isfinite(means).any(axis=0))
    if not filled.size:
        return means
    away = np.abs(np.arange(means.shape[1])[:, None] - filled)
    found = means[:, filled[away.argmin(axis=1)]]
    found[:, away.min(axis=1) > _REACH] = np.nan
    return found


def _running_mean(depth: np.ndarray, values: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean along the depth, over particles less than a slice away, the nearest counting most."""
    known = np.isfinite(values) & np.isfinite(depth)
    ends = depth[known].min(initial=1.0), depth[known].max(initial=0.0)
    places = np.linspace(*ends, 101)
    away = np.abs(depth[known] - places[:, None]) * _slices(depth.size)
    near = np.maximum(1 - away, 0.0) * weight[known]
    total = near.sum(axis=1)
    return places, np.divide(near @ values[known], total, out=np.full_like(total, np.nan), where=total > 0)


def _dots(record: xr.Dataset) -> np.ndarray:
    """Area of the dot of every particle [points^2], by its volume."""
    volume = np.nan_to_num(record[VOLUME].values)
    typical = float(np.clip(1400 / volume.size, 5.0, 42.0))
    return np.maximum(typical * volume / max(float(volume.mean()), 1e-300), 1.0)  # a fragment is still seen


# ------------------------------------------------------------------ helpers: drawing
def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", dpi=150)


def _side_by_side(count: int) -> tuple[Figure, list[Axes]]:
    """Panels along the depth, the separator on the left, all with the same axes."""
    figure = _figure((6.5, 10.0, 10.5, 10.5)[count - 1], 3.9)
    axes = list(figure.subplots(1, count, sharex=True, sharey=True, squeeze=False)[0])
    for axis in axes:
        axis.set_xlim(0, 1)
        axis.set_xticks([0, 0.5, 1], ["separator", "0.5", "collector"])
        for text, side in zip(axis.get_xticklabels()[::2], ("left", "right"), strict=True):
            text.set_horizontalalignment(side)
        _plain(axis)
    figure.supxlabel("Depth (share of thickness)", fontsize=10)
    return figure, axes


def _scatter(axis: Axes, record: xr.Dataset, values: np.ndarray, colour: str) -> None:
    """A dot for every particle at its depth."""
    many = record[DEPTH].size > _MANY
    axis.scatter(
        record[DEPTH].values, values, s=_dots(record), color=colour, ec="none" if many else "white", lw=0.4,
        zorder=3, alpha=0.5 if many else 0.85, rasterized=many, label=_DOT,
    )  # fmt: skip


def _mark_depth(axis: Axes, share: float) -> None:
    """Tint the part of the depth in which diffusion in the solid limits."""
    axis.axvspan(0, share, color="#b2182b", alpha=0.06, lw=0, zorder=0)
    axis.axvline(share, color="#b2182b", lw=0.9, ls=":")
    axis.annotate(
        f"{_percent(share)} limited by\ndiffusion in the solid", (0.03, 0.98), xycoords="axes fraction",
        fontsize=8.5, color="#b2182b", va="top",
    )  # fmt: skip


def _titled(axis: Axes, record: xr.Dataset, moment: Moment) -> None:
    name = textwrap.wrap(moment.name, 30, max_lines=2, placeholder=" …") or [""]
    time = duration(moment.time)
    facts = [] if time in moment.name else [time]
    if WHOLE in record:
        facts.append(f"mean {float(record[WHOLE].values[moment.row]):.2f}")
    axis.set_title("\n".join([*map(_literal, name), ", ".join(facts)]), fontsize=10)


def _spoken(moment: Moment) -> str:
    name, time = textwrap.shorten(moment.name, 40, placeholder=" …"), duration(moment.time)
    return name if time in name else f"{name}, {time}"


def _literal(text: str) -> str:
    """Text that matplotlib shall not read as mathematics."""
    return text.replace("$", r"\$")


def _percent(share: float) -> str:
    if 0 < share < 0.001:
        return "less than 0.1 %"
    return f"{100 * share:.0f} %" if share >= 0.1 or share <= 0 else f"{100 * share:.2g} %"


def _plain(axis: Axes) -> None:
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=9)


def _legend_above(figure: Figure, axes: Sequence[Axes], labels: Sequence[str]) -> None:
    """Those of the labels that occur, once; what has another colour in each panel is grey."""
    from matplotlib.lines import Line2D

    found: dict[str, Any] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    grey = {
        _DOT: Line2D([], [], color="0.45", marker="o", ms=6, ls="none"),
        _BAR: Line2D([], [], color="0.45", marker="|", ms=13, mew=1.4, ls="none"),
    }
    shown = [label for label in labels if label in found]
    handles = [grey.get(label, found[label]) for label in shown]
    columns = 4 if len(axes) > 2 else min(2 if len(shown) == 4 else 3, 2 if len(axes) == 1 else 3)
    figure.legend(handles, shown, loc="outside upper left", ncols=columns, frameon=False, fontsize=9)
