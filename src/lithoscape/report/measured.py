"""The page about one image: sections, the table of measures, profiles over the height, distributions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..image import Volume
from ..image.measures import Measures, Row
from . import page
from .scene import colour_of, render
from .slices import LINES, layer_fractions, sections

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

UNITS = {
    "m": (1e6, "µm"), "m-1": (1e-6, "µm⁻¹"), "m-2": (1e-12, "µm⁻²"), "m-3": (1e-18, "µm⁻³"),
}  # fmt: skip
"""Unit of a measure -> factor and unit on the page."""


def write_measured(measures: Measures, folder: Path, title: str) -> list[Path]:
    """Write ``measures.json`` and ``measures.html`` into ``folder``, made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "measures.json": json.dumps(measures.plain(), indent=1) + "\n",
        "measures.html": render_page(measures, title),
    }
    written = []
    for name, text in texts.items():
        part = folder / f"{name}.part"
        part.write_text(text, encoding="utf-8")
        written.append(part.replace(folder / name))
    return written


def render_page(measures: Measures, title: str) -> str:
    """The page as HTML."""
    volume = measures.volume
    shown = [
        ("image", "The image", _image(volume)),
        ("table", "Measures", _table(measures)),
        ("profiles", "From collector to separator", _profiles(measures)),
        ("distributions", "Distributions", _distributions(measures)),
        ("regions", "By region", _regions(measures)),
        ("notes", "How it was measured", _notes(measures)),
    ]
    sections_ = [(anchor, name, page.section(anchor, name, parts)) for anchor, name, parts in shown]
    links = " ".join(f'<a href="#{a}">{escape(t)}</a>' for a, t, text in sections_ if text)
    grid = volume.grid
    size = " × ".join(f"{x * 1e6:.4g}" for x in grid.size)
    voxel = " × ".join(f"{h * 1e6:.4g}" for h in dict.fromkeys(grid.voxel_size))
    told = f"{size} µm in {' × '.join(map(str, grid.shape))} voxels of {voxel} µm"
    head = [f"<h1>{escape(title)}</h1>", page.paragraph(told), f"<nav>{links}</nav>"]
    if measures.skipped:
        head.append(page.box([f"{name}: {why}" for name, why in measures.skipped.items()]))
    return page.document(title, [*head, *(text for *_, text in sections_)])


Block = tuple[str, list[str], list[tuple[str, list[float | None]]]]
"""Group, subjects, and for every quantity its value of each subject."""


def blocks(rows: Sequence[Row]) -> list[Block]:
    """The table in blocks of equal subjects: (group, subjects, [(quantity, values)])."""
    found: list[Block] = []
    for group in dict.fromkeys(row.group for row in rows):
        of_group = [row for row in rows if row.group == group]
        by_subjects: dict[tuple[str, ...], list[str]] = {}
        for quantity in dict.fromkeys(row.quantity for row in of_group):
            subjects = tuple(row.subject for row in of_group if row.quantity == quantity)
            by_subjects.setdefault(subjects, []).append(quantity)
        value = {(row.quantity, row.subject): row.value for row in of_group}
        for subjects, quantities in by_subjects.items():
            lines = [(q, [value.get((q, s)) for s in subjects]) for q in quantities]
            found.append((group, list(subjects), lines))
    return found


def terminal_tables(rows: Sequence[Row]) -> list[Any]:
    """The table for a terminal, one rich table per block."""
    from rich.table import Table

    tables = []
    for group, subjects, lines in blocks(rows):
        upright = len(subjects) > 4 and len(lines) == 1
        heads = ["", in_page_units(lines[0][0], None)[0]] if upright else ["", *subjects]
        table = Table(*heads, title=group.capitalize(), title_justify="left")
        for column in table.columns[1:]:
            column.justify = "right"
        if upright:
            quantity, values = lines[0]
            for subject, value in zip(subjects, values, strict=True):
                table.add_row(subject, in_page_units(quantity, value)[1])
        for quantity, values in () if upright else lines:
            cells = [in_page_units(quantity, value)[1] for value in values]
            table.add_row(in_page_units(quantity, None)[0], *cells)
        tables.append(table)
    return tables


def in_page_units(quantity: str, value: float | None) -> tuple[str, str]:
    """A quantity's name with the unit of the page, and its value there as text."""
    name, _, rest = quantity.partition(" [")
    factor, unit = UNITS.get(rest.rstrip("]"), (1.0, rest.rstrip("]")))
    label = f"{name} [{unit}]" if unit else name
    if value is None:
        return label, "–"
    if not np.isfinite(value):
        return label, "–" if np.isnan(value) else "∞"
    scaled = value * factor
    return label, f"{scaled:.0f}" if float(scaled).is_integer() and abs(scaled) > 9 else f"{scaled:.4g}"


# -- sections of the page ---------------------------------------------------------------
def _image(volume: Volume) -> list[str]:
    from matplotlib.figure import Figure

    hidden = [n for n in ("pore", "electrolyte") if n in volume.phases]
    visible = any(share > 0 and name not in hidden for name, share in volume.fractions().items())
    parts = []
    if visible:
        figure = Figure(figsize=(8.2, 6.6), layout="constrained")
        axis = figure.subplots()
        axis.imshow(render(volume, hidden=hidden))
        axis.set_axis_off()
        caption = "Front corner cut away; the collector is below." + (
            f" Not drawn: {', '.join(hidden)}." if hidden else ""
        )
        parts.append(page.picture(figure, caption, shape="narrow"))
    return [*parts, page.picture(sections(volume), "Sections through the middle.")]


def _table(measures: Measures) -> list[str]:
    parts: list[str] = []
    group = ""
    for name, subjects, lines in blocks(measures.rows):
        if name != group:
            parts.append(f"<h3>{escape(name.capitalize())}</h3>")
            group = name
        if len(subjects) > 4 and len(lines) == 1:
            label, _ = in_page_units(lines[0][0], None)
            rows = [
                [subject, in_page_units(lines[0][0], value)[1]]
                for subject, value in zip(subjects, lines[0][1], strict=True)
            ]
            parts.append(page.table(["", label], rows))
            continue
        rows = [[in_page_units(q, None)[0], *(in_page_units(q, v)[1] for v in values)] for q, values in lines]
        parts.append(page.table(["", *subjects], rows))
    return parts


def _profiles(measures: Measures) -> list[str]:
    data = measures.profiles
    if not data.data_vars or data.sizes.get("height", 0) < 2:
        return []
    caption = (
        "Fractions layer by layer, all else by slab. Local thickness and percolation are of the whole image, "
        "averaged over the slab; surface, contacts and intercepts are measured inside it."
    )
    return [page.picture(profile_figure(measures), caption, vector=True)]


def profile_figure(measures: Measures) -> Figure:
    """Every measure against the height above the collector, one panel each."""
    from matplotlib.figure import Figure

    data, volume = measures.profiles, measures.volume
    names = [str(n) for n in data.data_vars if n != "Volume fraction" and data[n].notnull().any()]
    columns = 3
    rows = -(-(len(names) + 1) // columns)
    figure = Figure(figsize=(11.5, 3.3 * rows), layout="constrained")
    axes = np.atleast_1d(figure.subplots(rows, columns, sharey=True)).ravel()
    heights, shares = layer_fractions(volume)
    order = np.argsort(heights)
    for phase in map(str, data["phase"].values):
        axes[0].plot(shares[phase][order], heights[order] * 1e6, **_style(volume, phase))
    _finish(axes[0], "Volume fraction")
    for axis, name in zip(axes[1:], names, strict=False):
        values = data[name]
        dim = next(str(d) for d in values.dims if d != "height")
        factor, _ = UNITS.get(str(values.attrs.get("units", "")), (1.0, ""))
        for k, subject in enumerate(map(str, data[dim].values)):
            style = _style(volume, subject) if dim == "phase" else {"color": f"C{k}", "label": subject}
            axis.plot(values.isel({dim: k}) * factor, data["height"] * 1e6, marker=".", **style)
        _finish(axis, in_page_units(name, None)[0])
        if dim != "phase":
            axis.legend(frameon=False, fontsize=8)
    axes[0].legend(frameon=False, fontsize=8)
    for axis in axes[len(names) + 1 :]:
        axis.set_visible(False)
    for axis in axes[::columns]:
        axis.set_ylabel("height above the collector [µm]")
    axes[0].set_ylim(0, volume.grid.thickness * 1e6)
    return figure


def _distributions(measures: Measures) -> list[str]:
    parts = []
    for name, data in measures.distributions.items():
        drawn = distribution_figure(measures.volume, name, data)
        if drawn is not None:
            parts.append(page.picture(drawn, str(data.attrs.get("caption", name)), vector=True))
    return parts


def distribution_figure(volume: Volume, name: str, data: xr.Dataset) -> Figure | None:
    """The variables of a distribution against their dimension, one line per phase; None if there are none."""
    from matplotlib.figure import Figure

    names = [str(n) for n, values in data.data_vars.items() if "phase" in values.dims and values.ndim == 2]
    if not names:
        return None
    figure = Figure(figsize=(11.0, 3.4), layout="constrained")
    for axis, variable in zip(np.atleast_1d(figure.subplots(1, len(names))), names, strict=True):
        values = data[variable]
        dim = next(str(d) for d in values.dims if d != "phase")
        for k, phase in enumerate(map(str, data["phase"].values)):
            x = data[dim].isel(phase=k) if "phase" in data[dim].dims else data[dim]
            factor, unit = UNITS.get(str(data[dim].attrs.get("units", "m")), (1.0, ""))
            axis.plot(x * factor, values.isel(phase=k), **_style(volume, phase))
        axis.set_xlabel(f"{dim} [{unit}]" if unit else dim)
        _finish(axis, variable, below=False)
        axis.set_title(f"{name}: {variable.lower()}", fontsize=9)
        axis.legend(frameon=False, fontsize=8)
    return figure


def _regions(measures: Measures) -> list[str]:
    data = measures.regions
    if "region" not in data.dims:
        return []
    parts = []
    for dim in ("phase", "pair", "triple"):
        names = [str(n) for n in data.data_vars if dim in data[n].dims]
        for k, subject in enumerate(map(str, data[dim].values) if names else ()):
            rows = [
                [in_page_units(n, None)[0], *(in_page_units(n, float(v))[1] for v in data[n].isel({dim: k}))]
                for n in names
            ]
            parts += [
                f"<h3>{escape(subject)}</h3>",
                page.table(["", *map(str, data["region"].values)], rows),
            ]
    return parts


def _notes(measures: Measures) -> list[str]:
    told: dict[tuple[str, str], list[str]] = {}
    for row in measures.rows:
        if row.note:
            told.setdefault((row.quantity, row.note), []).append(row.subject)
    rows = [(in_page_units(quantity, None)[0], ", ".join(s), note) for (quantity, note), s in told.items()]
    parts = [page.table(("Quantity", "Of", "Note"), rows)]
    facts: dict[str, Any] = {"Provenance": _source(measures.volume.provenance)}
    facts["Time [s]"] = ", ".join(f"{name} {s:.1f}" for name, s in measures.seconds.items())
    return [*parts, page.pairs(facts)]


def _source(provenance: Mapping[str, Any]) -> str:
    told = [f"{key} {value}" for key, value in provenance.items() if isinstance(value, str | int | float)]
    return ", ".join(told) or "not stated"


def _style(volume: Volume, phase: str) -> dict[str, Any]:
    colour = colour_of(volume)[phase]
    return {"color": LINES.get(colour, colour), "label": phase, "linewidth": 1.5}


def _finish(axis: Axes, label: str, below: bool = True) -> None:
    if below:
        axis.set_xlabel(label)
    axis.grid(color="#e3e7ec", linewidth=0.7)
    axis.set_axisbelow(True)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
