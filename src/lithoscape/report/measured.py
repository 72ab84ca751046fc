"""The page about one image: sections, the table of measures, profiles over the height, distributions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

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


@dataclass(frozen=True)
class Block:
    """A part of the table: rows that share their columns.

    Parameters
    ----------
    title:
        Heading.
    columns:
        Subjects.
    lines:
        Name of the quantity in units of the page, and its text for each subject.
    """

    title: str
    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


def blocks(rows: Sequence[Row]) -> list[Block]:
    """The table: first what phases have, measure by measure, then what pairs and triples of them have."""
    found = []
    for size in (1, 2, 3):
        chosen = [row for row in rows if row.subject.count(" | ") == size - 1]
        columns = tuple(dict.fromkeys(row.subject for row in chosen))
        for group in dict.fromkeys(row.group for row in chosen):
            of_group = [row for row in chosen if row.group == group]
            value = {(row.name, row.subject): row.value for row in of_group}
            lines = [
                (
                    in_page_units(name, None)[0],
                    *(in_page_units(name, value.get((name, c)))[1] for c in columns),
                )
                for name in dict.fromkeys(row.name for row in of_group)
            ]
            found.append(Block(group.capitalize(), columns, tuple(lines)))
    return found


def terminal_table(rows: Sequence[Row]) -> list[Any]:
    """The table for a terminal: one rich table per kind of subject, measures as sections."""
    from rich.table import Table

    tables: dict[tuple[str, ...], Any] = {}
    for block in blocks(rows):
        if block.columns not in tables:
            tables[block.columns] = Table("", *block.columns)
            for column in tables[block.columns].columns[1:]:
                column.justify = "right"
        for line in block.lines:
            tables[block.columns].add_row(*line)
        tables[block.columns].add_section()
    return list(tables.values())


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
    for block in blocks(measures.rows):
        body = "".join(f"<tr><td>{escape(line[0])}</td>{_cells(line[1:])}</tr>" for line in block.lines)
        head = _cells(block.columns, "th")
        parts.append(f"<tbody><tr><th>{escape(block.title)}</th>{head}</tr>{body}</tbody>")
    tables: dict[int, list[str]] = {}
    for block, part in zip(blocks(measures.rows), parts, strict=True):
        tables.setdefault(len(block.columns) * 10 + block.columns[0].count(" | "), []).append(part)
    return [f'<div class="scroll"><table>{"".join(part)}</table></div>' for part in tables.values()]


def _cells(texts: Sequence[str], kind: str = "td") -> str:
    return "".join(f'<{kind} class="number">{escape(text)}</{kind}>' for text in texts)


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
        if dim == "pair":
            axis.legend(frameon=False, fontsize=8)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=8, frameon=False)
    for axis in axes[len(names) + 1 :]:
        axis.set_visible(False)
    for axis in axes[::columns]:
        axis.set_ylabel("height above the collector [µm]")
    axes[0].set_ylim(0, volume.grid.thickness * 1e6)
    return figure


SHOWN = {
    "Local thickness": ("Cumulative", "largest inscribed sphere, at least [µm]", "share of the phase"),
    "Intrusion": ("Cumulative", "reached from the separator by a sphere of [µm]", "share of what is reached"),
    "Two-point correlation": ("S2", "distance [µm]", "both ends in the phase"),
    "Chords through": ("Cumulative", "chord through, at least [µm]", "share of the chords"),
    "Representative volume": ("Standard deviation", "edge of the cube [µm]", "spread of the volume fraction"),
}
"""Distribution -> what is drawn of it, and the labels of its axes."""


def _distributions(measures: Measures) -> list[str]:
    if not any(name in SHOWN for name in measures.distributions):
        return []
    caption = "All of them, with their densities, are in measures.json."
    return [page.picture(distribution_figure(measures), caption, vector=True)]


def distribution_figure(measures: Measures) -> Figure:
    """The distributions of :data:`SHOWN`, one panel each and one line per phase."""
    from matplotlib.figure import Figure

    names = [name for name in SHOWN if name in measures.distributions]
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(11.5, 3.3 * rows + 0.3), layout="constrained")
    axes = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for axis, name in zip(axes, names, strict=False):
        variable, x_label, y_label = SHOWN[name]
        values = measures.distributions[name][variable]
        dim = next(str(d) for d in values.dims if d != "phase")
        for k, phase in enumerate(map(str, values["phase"].values)):
            at = values[dim].isel(phase=k) if "phase" in values[dim].dims else values[dim]
            axis.plot(at * 1e6, values.isel(phase=k), **_style(measures.volume, phase))
        if name == "Representative volume":
            axis.set_xscale("log")
            axis.set_yscale("log")
        else:
            axis.set_xlim(left=0)
            axis.set_ylim(bottom=0)
        axis.set_title(name, fontsize=10)
        axis.set_ylabel(y_label)
        _finish(axis, x_label)
    for axis in axes[len(names) :]:
        axis.set_visible(False)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=8, frameon=False)
    return figure


def _regions(measures: Measures) -> list[str]:
    data = measures.regions
    if "region" not in data.dims:
        return []
    regions = list(map(str, data["region"].values))
    rows = []
    for name in map(str, data.data_vars):
        dim = next(str(d) for d in data[name].dims if d != "region")
        for k, subject in enumerate(map(str, data[dim].values)):
            numbers = [in_page_units(name, float(v))[1] for v in data[name].isel({dim: k})]
            rows.append([in_page_units(name, None)[0], subject, *numbers])
    return [page.table(["", "of", *regions], rows)]


def _notes(measures: Measures) -> list[str]:
    told: dict[tuple[str, str], list[str]] = {}
    for row in measures.rows:
        if row.note:
            subjects = told.setdefault((row.quantity, row.note), [])
            if row.subject not in subjects:
                subjects.append(row.subject)
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


def _finish(axis: Axes, label: str) -> None:
    axis.set_xlabel(label)
    axis.grid(color="#e3e7ec", linewidth=0.7)
    axis.set_axisbelow(True)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
