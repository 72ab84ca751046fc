"""Figures of the studies: one look, PNG files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from lithoscape.validation.study import Picture

BLUE, RED, GREEN, GREY, ORANGE, VIOLET = "#1f5fa8", "#b3382c", "#2b8a4b", "#6b7280", "#d07a1a", "#6a3d9a"
REGION_COLOURS = (BLUE, GREEN, ORANGE)


def panels(columns: int, rows: int = 1, width: float = 3.5, height: float = 3.0, **shared: Any) -> Any:
    """Figure and a (rows, columns) array of plain axes."""
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **shared)
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
        axis.title.set_fontsize(9)
    return figure, axes


def label(axis: Any, x: str, y: str, title: str = "") -> None:
    """Labels in one size."""
    axis.set_xlabel(x, fontsize=9)
    axis.set_ylabel(y, fontsize=9)
    if title:
        axis.set_title(title, fontsize=9, loc="left")


def picture(figure: Figure, folder: Path, name: str, caption: str) -> Picture:
    """Write ``name``.png into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.png"
    figure.savefig(file, dpi=130)
    return Picture(file, caption)
