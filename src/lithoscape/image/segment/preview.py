"""Pictures of what a step of segmentation did: slices before and after, overlay, histogram."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .histogram import TAIL, sample
from .stage import Stage

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import ListedColormap

COLOURS = ("#3b6fb6", "#e08a1e", "#2e9e6b", "#b5478f", "#7a5cc0", "#8c8c8c")
"""Colours of the phases, the darkest first (apart for readers with any colour vision, and in lightness)."""
CHANGED = "#e0202f"
BEFORE = "0.62"
AFTER = "#1f3a5f"


def draw_step(before: Stage, after: Stage, title: str, path: Path) -> Path:
    """Write the picture of a step: the middle slice of axis 0, and the histogram of the whole image."""
    from matplotlib.figure import Figure

    relabelled = after.labels is not None and after.labels is not before.labels
    figure = Figure(figsize=(13.2, 4.3), layout="constrained", facecolor="white")
    first, second, third, last = figure.subplots(1, 4, width_ratios=(1, 1, 1, 1.25))
    if relabelled:
        _draw_labels(first, second, third, before, after)
        _phase_histogram(last, after)
    else:
        _draw_values(first, second, third, before, after)
        _value_histogram(last, before, after)
    _scale_bar(first, before)
    text = _told(after.figures)
    figure.suptitle(title.replace("_", " "), x=0.008, ha="left", fontsize=13, fontweight="bold")
    figure.text(0.992, 0.985, text, ha="right", va="top", fontsize=9.5, color="0.3")
    figure.savefig(path, dpi=110)
    return path


# ------------------------------------------------------------------ slices
def _draw_values(first: Axes, second: Axes, third: Axes, before: Stage, after: Stage) -> None:
    k = before.grid.shape[0] // 2
    window = _window(before.values)
    _grey(first, before.values[k], window, before, "Before")
    _grey(second, after.values[k], _window(after.values), before, "After")
    change = after.values[k] - before.values[k]
    most = max(float(np.quantile(np.abs(change), 0.995)), 1e-12)
    shown = third.imshow(change, cmap="RdBu_r", vmin=-most, vmax=most, aspect=_aspect(before))
    _frame(third, "After minus before")
    below = third.inset_axes((0.08, -0.075, 0.84, 0.035))
    third.figure.colorbar(shown, cax=below, orientation="horizontal").ax.tick_params(labelsize=8)


def _draw_labels(first: Axes, second: Axes, third: Axes, before: Stage, after: Stage) -> None:
    k = before.grid.shape[0] // 2
    window = _window(after.values)
    labels = after.labelled[k]
    top = len(after.phases) - 1
    kinds: dict[str, Any] = {"cmap": _colour_map(len(after.phases)), "interpolation": "nearest"}
    kinds |= {"vmin": -0.5, "vmax": top + 0.5}
    if before.labels is None:
        _grey(first, after.values[k], window, before, "Grey levels")
    else:
        first.imshow(before.labels[k], aspect=_aspect(before), **kinds)
        _frame(first, "Labels before")
    second.imshow(labels, aspect=_aspect(before), **kinds)
    _frame(second, "Labels" if before.labels is None else "Labels after")
    _grey(third, after.values[k], window, before, "Boundaries on the grey levels")
    for level in range(top):
        # drawn twice so that the line is seen on dark and on bright ground
        third.contour(labels > level, levels=[0.5], colors="white", linewidths=1.9)
        third.contour(
            labels > level, levels=[0.5], colors=COLOURS[(level + 1) % len(COLOURS)], linewidths=1.1
        )
    if before.labels is not None:
        _mark_changes(third, labels != before.labels[k])


def _mark_changes(axis: Axes, changed: np.ndarray) -> None:
    from matplotlib.colors import to_rgba

    picture = np.zeros((*changed.shape, 4))
    picture[changed] = to_rgba(CHANGED, 0.9)
    axis.imshow(picture, aspect=axis.get_aspect(), interpolation="nearest")
    axis.set_title(f"Changed here: {int(changed.sum())} of {changed.size} voxels (red)", fontsize=10)


def _grey(axis: Axes, page: np.ndarray, window: tuple[float, float], stage: Stage, title: str) -> None:
    low, high = window
    axis.imshow(page, cmap="gray", vmin=low, vmax=high, aspect=_aspect(stage), interpolation="nearest")
    _frame(axis, title)


def _frame(axis: Axes, title: str) -> None:
    axis.set_title(title, fontsize=10)
    axis.set_xticks([])
    axis.set_yticks([])


def _window(values: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(sample(values), (0.001, 0.999))
    return float(low), float(high) if high > low else float(low) + 1.0


def _aspect(stage: Stage) -> float:
    return stage.grid.voxel_size[1] / stage.grid.voxel_size[2]


def _colour_map(count: int) -> ListedColormap:
    from matplotlib.colors import ListedColormap

    return ListedColormap([COLOURS[k % len(COLOURS)] for k in range(count)])


def _scale_bar(axis: Axes, stage: Stage) -> None:
    """A round length of about a quarter of the slice, below it."""
    width = stage.grid.size[2] * 1e6
    power = 10.0 ** math.floor(math.log10(width / 4))
    length = max((m * power for m in (2, 5) if m * power <= width / 4), default=power)
    share = length / width
    axis.plot([0, share], [-0.035, -0.035], color="black", lw=3, solid_capstyle="butt",
              transform=axis.transAxes, clip_on=False)  # fmt: skip
    axis.text(share + 0.02, -0.035, f"{length:g} µm", transform=axis.transAxes, va="center", fontsize=9)
    where = f"page {stage.grid.shape[0] // 2 + 1} of {stage.grid.shape[0]}"
    axis.text(1, -0.035, where, transform=axis.transAxes, va="center", ha="right", fontsize=9, color="0.35")


# ------------------------------------------------------------------ histograms
def _value_histogram(axis: Axes, before: Stage, after: Stage) -> None:
    parts = [sample(before.values), sample(after.values)]
    edges = _edges(np.concatenate(parts), _whole(parts[0]) or _whole(parts[1]))
    shares = [np.histogram(part, edges, density=True)[0] for part in parts]
    axis.stairs(shares[0], edges, fill=True, color=BEFORE, alpha=0.75, label="before")
    axis.stairs(shares[1], edges, color=AFTER, lw=1.6, label="after")
    _finish(axis, edges)


def _phase_histogram(axis: Axes, stage: Stage) -> None:
    values, labels = sample(stage.values), sample(stage.labelled)
    edges = _edges(values, _whole(values))
    bottom = np.zeros(edges.size - 1)
    fractions = np.bincount(stage.labelled.ravel(), minlength=len(stage.phases)) / stage.labelled.size
    for k, name in enumerate(stage.phases):
        counts = np.histogram(values[labels == k], edges)[0] / (values.size * np.diff(edges))
        axis.stairs(bottom + counts, edges, baseline=bottom, fill=True, color=COLOURS[k % len(COLOURS)],
                    alpha=0.85, label=f"{name} {100 * fractions[k]:.3g} %")  # fmt: skip
        bottom += counts
    axis.stairs(bottom, edges, color="0.25", lw=0.8)
    top = float(bottom.max())
    axis.set_ylim(0, 1.18 * top)
    for level in stage.levels:
        axis.plot([level, level], [0, 1.06 * top], color="black", lw=1.3, ls="--")
        axis.annotate(f"{level:.4g}", (level, 1.065 * top), ha="center", va="bottom", fontsize=9)
    _finish(axis, edges)


def _edges(values: np.ndarray, whole: bool) -> np.ndarray:
    """Edges of about 120 bins, of whole width for whole numbers, which else fall in and out of step."""
    low, high = (float(q) for q in np.quantile(values, (TAIL, 1 - TAIL)))
    high = high if high > low else low + 1.0
    if whole and high - low > 60:
        width = max(1, round((high - low) / 120))
        return np.arange(math.floor(low) - 0.5, high + width, width)
    return np.linspace(low, high, 121)


def _whole(values: np.ndarray) -> bool:
    return bool(np.array_equal(values[:1000], np.rint(values[:1000])))


def _finish(axis: Axes, edges: np.ndarray) -> None:
    axis.set_xlim(edges[0], edges[-1])
    axis.set_xlabel("grey level")
    axis.set_ylabel("share of voxels per grey level")
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=9)
    columns = 1 if len(axis.get_legend_handles_labels()[0]) > 3 else 3
    axis.legend(frameon=False, fontsize=9, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=columns)


def _told(figures: Mapping[str, Any]) -> str:
    """The short figures of a step as one line."""
    parts = []
    for name, value in figures.items():
        if name in ("levels", "means", "importances"):
            continue
        words = name.replace("_", " ")
        if isinstance(value, Mapping):
            parts.append(f"{words}: " + ", ".join(f"{k} {_number(v)}" for k, v in value.items()))
        else:
            parts.append(f"{words} {_number(value)}")
    return "    ".join(parts)


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
