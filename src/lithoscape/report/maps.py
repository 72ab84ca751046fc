"""Pictures of fields over the cross-section of the electrode, beside what the instrument samples of them.

The separator is on top and the current collector at the bottom; x is the distance from the
crack's centre, mirrored at the crack's plane of symmetry. All panels of a figure share one colour scale.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..validation.reading import GAUGE
from .phases import has_gauge

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SOL = "State of lithiation"
CONCENTRATION = "Electrolyte concentration [mol.m-3]"
REACTION = "Reaction current density [A.m-2]"
LEFT, RIGHT = -50.0, 200.0
"""Window across the crack [um]."""
COLUMNS = 3


@dataclass(frozen=True)
class Section:
    """The cross-section of a maps file [um]: x from the crack's centre, depth from the surface."""

    maps: xr.Dataset

    @cached_property
    def regions(self) -> dict[str, int]:
        """Name -> number."""
        attributes = (
            {**self.maps.attrs, **self.maps["region"].attrs} if "region" in self.maps else self.maps.attrs
        )
        found: Any = attributes.get("regions", "{}")
        return dict(json.loads(found) if isinstance(found, str) else found)

    @cached_property
    def cells(self) -> np.ndarray:
        """Corners (cell, 3)."""
        return np.asarray(self.maps["triangles"].values, dtype=int)

    @cached_property
    def region(self) -> np.ndarray:
        """Region number of each cell."""
        if "region" not in self.maps:
            return np.zeros(len(self.cells), dtype=int)
        return np.asarray(self.maps["region"].values, dtype=int)

    @cached_property
    def x(self) -> np.ndarray:
        """Distance from the crack's centre [um]."""
        return 1e6 * np.asarray(self.maps["x [m]"].values, dtype=float)

    @cached_property
    def depth(self) -> np.ndarray:
        """Distance from the separator-side surface [um], negative in the separator."""
        y = 1e6 * np.asarray(self.maps["y [m]"].values, dtype=float)
        outside = self.cells[self.named("separator")]
        return y - (y[outside].max() if outside.size else y.min())

    def named(self, word: str) -> np.ndarray:
        """Which cells lie in a region whose name contains ``word``."""
        numbers = [number for name, number in self.regions.items() if word in name.lower()]
        return np.isin(self.region, numbers)

    @property
    def right(self) -> float:
        """Right edge of the window [um]."""
        return float(min(RIGHT, self.x.max()))

    @property
    def left(self) -> float:
        """Left edge of the window [um]."""
        return max(LEFT, -self.right)

    def near(self) -> np.ndarray:
        """Nodes in the window."""
        return self.x <= self.right

    @cached_property
    def borders(self) -> np.ndarray:
        """Segments (n, 2, 2) between cells of different regions."""
        edges = np.sort(self.cells[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        owner = np.repeat(self.region, 3)
        order = np.lexsort((edges[:, 1], edges[:, 0]))
        edges, owner = edges[order], owner[order]
        twins = np.all(edges[1:] == edges[:-1], axis=1) & (owner[1:] != owner[:-1])
        nodes = edges[1:][twins]
        return np.stack([self.x[nodes], self.depth[nodes]], axis=-1)


def drawable(maps: xr.Dataset | None, name: str = SOL) -> bool:
    """Whether ``maps`` holds the field ``name`` over a triangulated cross-section."""
    needed = {"x [m]", "y [m]", "triangles", name}
    if maps is None or not needed <= set(maps.variables) or maps.sizes.get("moment", 0) == 0:
        return False
    return maps.sizes.get("cell", 0) > 0 and bool(np.isfinite(maps[name].values).any())


def sol_maps(record: xr.Dataset, maps: xr.Dataset) -> Figure:
    """SoL near the crack at every moment: the field above, the instrument's sampling of it below."""
    section, both = Section(maps), has_gauge(record)
    fields = np.asarray(maps[SOL].values, dtype=float)
    sampled = [_gauge_at(record, t) for t in maps["time"].values] if both else []
    seen = [fields[:, section.near()].ravel(), *(s.ravel() for s in sampled)]
    low, high = _limits(np.concatenate(seen), 0.05)
    figure, axes = _panels(section, len(fields), ("field", "gauge") if both else ("field",))
    levels = np.linspace(low, high, 11)
    for k, values in enumerate(fields):
        shown = _draw_field(axes["field"][k], section, values, "viridis", (low, high), levels)
        axes["field"][k].set_title(_moment_title(record, maps, k), fontsize=9.5, loc="left")
        if both:
            _draw_gauge(axes["gauge"][k], record, section, sampled[k], (low, high), levels)
    _colour_bar(figure, shown, axes, "State of lithiation")
    return figure


def concentration_maps(
    record: xr.Dataset, maps: xr.Dataset, valid: tuple[float, float] | None = None
) -> Figure:
    """Salt concentration near the crack at every moment; red line: the limit of the law's validity."""
    section = Section(maps)
    fields = np.asarray(maps[CONCENTRATION].values, dtype=float) / 1000
    low, high = _limits(fields[:, section.near()], 0.1)
    figure, axes = _panels(section, len(fields), ("field",))
    for k, values in enumerate(fields):
        axis = axes["field"][k]
        shown = _draw_field(axis, section, values, "plasma", (low, high), np.linspace(low, high, 11))
        if valid is not None and np.nanmin(values) < valid[1] / 1000 < np.nanmax(values):
            for mirrored in (False, True):
                mesh = _triangulation(section, values, mirrored)
                axis.tricontour(
                    mesh, np.nan_to_num(values), levels=[valid[1] / 1000], colors="#e02020", linewidths=1.6
                )
        axis.set_title(_moment_title(record, maps, k), fontsize=9.5, loc="left")
    _colour_bar(figure, shown, axes, "Salt concentration (mol/l)")
    return figure


def reaction_maps(record: xr.Dataset, maps: xr.Dataset) -> Figure:
    """Reaction current density of the active surface near the crack: red delithiates, blue lithiates."""
    section = Section(maps)
    fields = np.asarray(maps[REACTION].values, dtype=float)
    size = float(np.nanpercentile(np.abs(fields[:, section.near()]), 99)) or 1.0
    figure, axes = _panels(section, len(fields), ("field",))
    for k, values in enumerate(fields):
        shown = _draw_field(axes["field"][k], section, values, "RdBu_r", (-size, size), [0.0], "0.2")
        axes["field"][k].set_title(_moment_title(record, maps, k), fontsize=9.5, loc="left")
    _colour_bar(figure, shown, axes, "Reaction current density (A/m²), > 0 delithiates", extend="both")
    return figure


# ------------------------------------------------------------------ panels
def _panels(section: Section, count: int, kinds: tuple[str, ...]) -> tuple[Figure, dict[str, list[Axes]]]:
    """A grid of ``count`` panels per kind, kinds below each other, true aspect."""
    from matplotlib.figure import Figure

    columns = min(COLUMNS, count)
    blocks = -(-count // columns)
    tall = {"field": float(np.ptp(section.depth)), "gauge": 150.0}
    width, span = 10.5 if columns > 1 else 5.5, section.right - section.left
    per_um = (width - 0.9) / columns / span * 0.88
    heights = [tall[kind] * per_um for kind in kinds] * blocks
    labels = blocks * (0.95 if len(kinds) == 1 else 1.35)
    figure = Figure(figsize=(width, sum(heights) + labels + 0.8), layout="constrained", dpi=150)
    grid = figure.subplots(len(heights), columns, squeeze=False, height_ratios=heights)
    axes: dict[str, list[Axes]] = {kind: [] for kind in kinds}
    for k in range(blocks * columns):
        for j, kind in enumerate(kinds):
            axis = grid[(k // columns) * len(kinds) + j, k % columns]
            if k >= count:
                axis.set_visible(False)
                continue
            axes[kind].append(axis)
            axis.tick_params(labelsize=8)
            if k % columns == 0:
                axis.set_ylabel("Depth (µm)" if kind == "field" else "Depth (µm)\nas sampled", fontsize=9)
            if j == len(kinds) - 1:
                axis.set_xlabel("Distance from crack centre (µm)", fontsize=9)
    return figure, axes


def _draw_field(
    axis: Axes,
    section: Section,
    values: np.ndarray,
    cmap: str,
    limits: tuple[float, float],
    levels: Any,
    line: str = "white",
) -> Any:
    """The field with the outlines of crack and separator and the collector; returns the coloured mesh."""
    from matplotlib.collections import LineCollection
    from matplotlib.patches import Rectangle

    axis.set_facecolor("#ececec")
    shown = None
    for mirrored in (True, False):
        mesh = _triangulation(section, values, mirrored)
        clean = np.nan_to_num(values, nan=limits[0])
        shown = axis.tripcolor(
            mesh, clean, cmap=cmap, vmin=limits[0], vmax=limits[1], shading="gouraud", rasterized=True
        )
        inside = [v for v in levels if np.nanmin(values) < v < np.nanmax(values)]
        if inside:
            axis.tricontour(mesh, clean, levels=inside, colors=line, linewidths=0.6, alpha=0.7)
        flip = np.array([-1.0 if mirrored else 1.0, 1.0])
        axis.add_collection(LineCollection(list(section.borders * flip), colors="black", linewidths=1.1))
    bottom, top = float(section.depth.max()), float(section.depth.min())
    thick = 0.03 * (bottom - top)
    axis.add_patch(Rectangle((section.left, bottom), section.right - section.left, thick, color="#8a5a2b"))
    axis.set_xlim(section.left, section.right)
    axis.set_ylim(bottom + thick, top)
    axis.set_aspect("equal")
    if section.named("separator").any():
        axis.text(
            section.right - 6, top / 2, "separator", ha="right", va="center", fontsize=7.5,
            bbox={"facecolor": "white", "alpha": 0.7, "lw": 0, "pad": 1.2},
        )  # fmt: skip
    return shown


def _draw_gauge(
    axis: Axes,
    record: xr.Dataset,
    section: Section,
    sol: np.ndarray,
    limits: tuple[float, float],
    levels: np.ndarray,
) -> None:
    """Interpolated contours between the measuring points, circles at the points, crack outlines."""
    from matplotlib.collections import LineCollection

    x, z = np.meshgrid(1e6 * record["position"].values, 1e6 * record["depth"].values)
    seen = np.isfinite(sol)
    if seen.sum() >= 3 and np.unique(z[seen]).size > 1 and np.unique(x[seen]).size > 1:
        fine = np.linspace(*limits, 41)
        axis.tricontourf(x[seen], z[seen], sol[seen], levels=fine, cmap="viridis", extend="both")
        axis.tricontour(x[seen], z[seen], sol[seen], levels=levels, colors="white", linewidths=0.5, alpha=0.7)
    axis.scatter(
        x[seen],
        z[seen],
        c=sol[seen],
        cmap="viridis",
        vmin=limits[0],
        vmax=limits[1],
        s=20,
        ec="black",
        lw=0.7,
    )
    axis.scatter(x[~seen], z[~seen], s=20, facecolor="none", ec="0.45", lw=0.7)
    for side in (-1.0, 1.0):
        lines = list(section.borders * np.array([side, 1.0]))
        axis.add_collection(LineCollection(lines, colors="black", linewidths=1.1))
    axis.axvline(0, color="#d62728", lw=1)
    axis.set_facecolor("#f4f4f4")
    axis.set_xlim(section.left, section.right)
    middle = float(np.mean(z))
    axis.set_ylim(middle + 75, middle - 75)
    axis.set_aspect("equal")


def _triangulation(section: Section, values: np.ndarray, mirrored: bool) -> Any:
    """Triangles in the window whose corners all carry a value."""
    from matplotlib.tri import Triangulation

    reach = -section.left if mirrored else section.right
    far = section.x[section.cells].min(axis=1) > reach
    missing = np.isnan(values)[section.cells].any(axis=1)
    hidden = missing | _empty(section.region, missing) | far
    return Triangulation(-section.x if mirrored else section.x, section.depth, section.cells, mask=hidden)


def _empty(region: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Cells of regions that mostly lack values: also those whose corners all lie on a border with values."""
    numbers, place = np.unique(region, return_inverse=True)
    share = np.bincount(place, weights=missing) / np.bincount(place)
    return (share > 0.5)[place] if numbers.size > 1 else np.zeros(region.shape, dtype=bool)


def _colour_bar(
    figure: Figure, shown: Any, axes: dict[str, list[Axes]], label: str, extend: str = "neither"
) -> None:
    every = [axis for group in axes.values() for axis in group]
    bar = figure.colorbar(
        shown, ax=every, location="bottom", shrink=0.6, aspect=45, pad=0.015, label=label, extend=extend
    )
    bar.ax.tick_params(labelsize=9)


# ------------------------------------------------------------------ values
def _limits(values: np.ndarray, step: float) -> tuple[float, float]:
    """Range of the finite values, widened to multiples of ``step``."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    low, high = step * np.floor(low / step + 1e-9), step * np.ceil(high / step - 1e-9)
    return (float(low), float(high)) if high > low else (float(low), float(low + step))


def _row_at(record: xr.Dataset, time: float, name: str = "") -> int:
    """Row of a moment; where a step ends and the next starts, the one its name asks for."""
    times = record["time"].values
    close = np.flatnonzero(np.abs(times - time) <= np.min(np.abs(times - time)) + 1e-6)
    return int(close[-1] if "start" in name else close[0])


def _gauge_at(record: xr.Dataset, time: float) -> np.ndarray:
    return np.asarray(record[GAUGE].values[_row_at(record, float(time))], dtype=float)


def _moment_title(record: xr.Dataset, maps: xr.Dataset, k: int) -> str:
    name, time = str(maps["moment"].values[k]), float(maps["time"].values[k])
    text = f"{name}\n{time / 60:.1f} min"
    if "Voltage [V]" in record and record.sizes.get("time", 0):
        text += f", {float(record['Voltage [V]'].values[_row_at(record, time, name)]):.2f} V"
    return text
