"""What the transport of an image looks like: tables, the potential and the flux, where the resistance is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..image import Grid
from ..transport.flux import flux
from ..transport.study import Study
from .slices import _oriented, _scale_bar, _typical

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINES = {
    "porosity": "porosity", "porosity_percolating": "percolating porosity", "efficiency": "efficiency ε/τ",
    "tau": "tortuosity factor τ", "tau_percolating": "τ with the percolating porosity",
    "macmullin": "MacMullin number",
}  # fmt: skip
"""Number of a direction -> its name in the table."""
SOLID, IDLE = "#e4e7ec", "#c3cad4"
"""What insulates; what conducts and carries nothing."""
DECADES = (0.03, 10.0)
"""Flux over the mean that the colours span."""
TALL = 3.4
"""Height of a section [inches]."""


def write_study(study: Study, folder: Path, *, title: str, pictures: bool = True) -> list[Path]:
    """Write ``transport.json``, and ``flux.png`` and ``profile.png`` where there is a potential.

    The folder is made if it is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "transport.json"
    part = folder / "transport.json.part"
    part.write_text(json.dumps(study.plain(), indent=1) + "\n", encoding="utf-8")
    written = [part.replace(target)]
    if not pictures:
        return written
    drawn = {"flux.png": flux_figure(study, title), "profile.png": profile_figure(study, title)}
    for name, figure in drawn.items():
        if figure is not None:
            figure.savefig(folder / name, dpi=160)
            written.append(folder / name)
    return written


def terminal_tables(study: Study) -> list[Any]:
    """The tables for a terminal: directions; regions in place and alone."""
    from rich.table import Table

    lines = dict(LINES)
    if len(study.plan.conductors) > 1:
        lines["effective"] = "effective conductivity"
    rows = [study.row(axis) for axis in study.plan.axes]
    table = Table("", *(study.axis_name(axis) for axis in study.plan.axes))
    for name, label in lines.items():
        table.add_row(label, *(_number(row[name]) for row in rows))
    tables = [table]
    if study.regions is not None:
        tables.append(_regions(study))
    for shown in tables:
        for column in shown.columns[1:]:
            column.justify = "right"
    return tables


def _regions(study: Study) -> Any:
    from rich.table import Table

    assert study.regions is not None
    places = [str(name) for name in study.regions["region"].values][::-1]
    table = Table("", *places)
    lines = [
        ("porosity", "Porosity"), ("efficiency ε/τ, in place", "Transport efficiency"),
        ("τ, in place", "Tortuosity factor"), ("share of the resistance", "Share of the resistance"),
    ]  # fmt: skip
    for label, name in lines:
        table.add_row(label, *(_number(float(study.regions[name].sel(region=p))) for p in places))
    if study.cut is not None:
        for axis in (0, 1, 2):
            values = study.cut["Tortuosity factor"].sel(axis=axis)
            table.add_row(
                f"τ alone, {study.axis_name(axis)}", *(_number(float(values.sel(region=p))) for p in places)
            )
    return table


def _number(value: float | None) -> str:
    if value is None or np.isnan(value):
        return "–"
    return "∞" if np.isinf(value) else f"{value:.4g}"


# -- pictures --------------------------------------------------------------------------
def flux_figure(study: Study, title: str = "") -> Figure | None:
    """Potential and flux in a section along the flow, and the flux in one across it; None without potential.

    Of several directions the through axis is drawn, else the first.
    """
    from matplotlib.figure import Figure

    grid = study.volume.grid
    kept = [k for k, t in study.transports.items() if t.potential is not None]
    if not kept or min(grid.shape) < 2:
        return None
    axis = grid.through if grid.through in kept else kept[0]
    transport = study.transports[axis]
    density = flux(transport, study.volume.labels)
    mean = float(density[axis].mean())
    normal = next(k for k in (*grid.in_plane, grid.through) if k != axis)
    widths = [_width(grid, normal), _width(grid, normal), _width(grid, axis)]
    figure = Figure(figsize=(sum(widths) + 0.3, TALL + 1.1), layout="constrained")
    axes = figure.subplots(1, 3, width_ratios=widths)
    idle = study.volume.mask(list(study.plan.conductors))
    potential = np.asarray(transport.potential)
    at, across = _typical(study.volume, normal), _typical(study.volume, axis)
    size = np.sqrt((density**2).sum(axis=0)) / mean
    _draw(axes[0], potential, idle, grid, normal, at, "viridis", None, "potential")
    _draw(axes[1], size, idle, grid, normal, at, "magma", DECADES, "flux / mean flux through the image")
    along = np.abs(density[axis]) / mean
    _draw(axes[2], along, idle, grid, axis, across, "magma", DECADES, "flux along the axis / mean")
    axes[0].set_title(f"along {study.axis_name(axis)}: potential", fontsize=10)
    axes[1].set_title("size of the flux", fontsize=10)
    axes[2].set_title(f"across, at {_place(grid, axis, across)}", fontsize=10)
    told = f"τ = {_number(transport.tau)}, ε/τ = {_number(transport.efficiency)}"
    what = " + ".join(study.plan.conductors)
    figure.suptitle(f"{title + ': ' if title else ''}{what}, {study.axis_name(axis)}, {told}", fontsize=11)
    _legend(figure)
    return figure


def _width(grid: Grid, normal: int) -> float:
    """Room for a section and its colour bar at the height of the picture [inches]."""
    rows, columns = (k for k in range(3) if k != normal)
    if normal != grid.through and rows != grid.through:
        rows, columns = columns, rows
    return float(np.clip(TALL * grid.size[columns] / grid.size[rows], 1.6, 2 * TALL)) + 1.3


def _place(grid: Grid, axis: int, index: int) -> str:
    if axis == grid.through:
        return f"{grid.heights()[index] * 1e6:.3g} µm above the collector"
    return f"{grid.centres(axis)[index] * 1e6:.3g} µm"


def _draw(
    axes: Axes, values: np.ndarray, conducting: np.ndarray, grid: Grid, normal: int, index: int,
    colours: str, decades: tuple[float, float] | None, label: str,
) -> None:  # fmt: skip
    """One section; what insulates and what carries nothing in two greys."""
    from matplotlib import colormaps
    from matplotlib.colors import LogNorm, Normalize, to_rgba

    flat, rows, columns = _oriented(np.take(values, index, axis=normal), grid, normal)
    inside, *_ = _oriented(np.take(conducting, index, axis=normal), grid, normal)
    scale = Normalize(0, 1) if decades is None else LogNorm(*decades, clip=True)
    flows = inside & np.isfinite(flat) & (flat > (0 if decades is not None else -1))
    picture = np.empty((*flat.shape, 4))
    picture[:] = to_rgba(SOLID)
    picture[inside] = to_rgba(IDLE)
    picture[flows] = colormaps[colours](scale(flat[flows]))
    height, width = (grid.size[k] * 1e6 for k in (rows, columns))
    axes.imshow(picture, extent=(0, width, 0, height), interpolation="nearest", aspect="equal")
    _scale_bar(axes, width, height)
    axes.set_xticks([])
    axes.set_yticks([])
    from matplotlib.cm import ScalarMappable

    bar = axes.figure.colorbar(
        ScalarMappable(scale, colours), ax=axes, shrink=0.8, extend=None if decades is None else "both"
    )
    bar.set_label(label, fontsize=8.5)
    bar.ax.tick_params(labelsize=8)


def _legend(figure: Figure) -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=SOLID, edgecolor="#9aa4b1", label="insulates"),
        Patch(facecolor=IDLE, edgecolor="#9aa4b1", label="conducts, but is a dead end or not connected"),
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside lower left", ncols=2, frameon=False, fontsize=9)


def profile_figure(study: Study, title: str = "") -> Figure | None:
    """Porosity, efficiency, tortuosity and resistance in place over the height; None without a profile."""
    from matplotlib.figure import Figure

    data, grid = study.profile, study.volume.grid
    if data is None or data.sizes["height"] < 2:
        return None
    figure = Figure(figsize=(11.5, 4.4), layout="constrained")
    axes = figure.subplots(1, 4, sharey=True)
    height = data["height"].values * 1e6
    panels = [
        ("Porosity", "conducting fraction"), ("Transport efficiency", "transport efficiency ε/τ"),
        ("Tortuosity factor", "tortuosity factor τ"), ("Share of the resistance", "resistance / mean"),
    ]  # fmt: skip
    for axis, (name, label) in zip(axes, panels, strict=True):
        values = data[name].values
        if name == "Share of the resistance":
            values = values * values.size
        axis.plot(values, height, color="#3f8fd2", marker=".", linewidth=1.5, label="slabs, in place")
        _steps(axis, study, name)
        axis.set_xlabel(label)
        axis.set_xlim(left=0)
        axis.grid(color="#e3e7ec", linewidth=0.7)
        axis.set_axisbelow(True)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    axes[0].set_ylim(0, grid.thickness * 1e6)
    axes[0].set_ylabel("height above the collector [µm]")
    figure.legend(
        *axes[1].get_legend_handles_labels(), loc="outside upper right", ncols=4, frameon=False, fontsize=9
    )
    what = " + ".join(study.plan.conductors)
    figure.suptitle(f"{title + ': ' if title else ''}{what}, through", x=0.01, ha="left", fontsize=11)
    return figure


def _steps(axis: Axes, study: Study, name: str) -> None:
    """The values of the regions over their heights: in place solid, cut out dashed."""
    from ..transport.profile import thirds

    heights = study.plan.regions if study.plan.regions is not None else thirds(study.volume)
    if study.regions is None or name == "Share of the resistance":
        return
    through = study.volume.grid.through
    for k, (region, ends) in enumerate(heights.items()):
        ends_um = [1e6 * x for x in ends]
        value = float(study.regions[name].sel(region=region))
        label = "regions, in place" if k == 0 else None
        axis.plot([value] * 2, ends_um, color="#c8553d", linewidth=2, label=label)
        if study.cut is not None and name != "Porosity":
            alone = float(study.cut[name].sel(region=region, axis=through))
            label = "regions, alone" if k == 0 else None
            axis.plot([alone] * 2, ends_um, color="#c8553d", linewidth=1.5, linestyle=":", label=label)
