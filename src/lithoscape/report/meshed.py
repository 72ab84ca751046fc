"""What `mesh` leaves: the mesh file, a picture with a corner cut away, and its figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..image.measures import finite
from ..mesh.quality import Report
from ..mesh.tessellation import Tessellation
from .scene import COLOURS, OTHERS

HIDDEN = ("pore", "electrolyte")


def mesh_facts(report: Report, asked: dict[str, float], seconds: float, memory: float) -> dict[str, Any]:
    """Figures of a mesh as plain data.

    Parameters
    ----------
    report:
        Of the quality gate.
    asked:
        Volume that every phase has in the image [m3] (area in 2D).
    seconds, memory:
        What it took [s], [bytes].
    """
    mesh = report.mesh
    sizes = mesh.region_sizes()
    errors = {name: sizes.get(name, 0.0) / value - 1 for name, value in asked.items() if value > 0}
    return {
        "cells": len(mesh.cells),
        "points": len(mesh.points),
        "region_sizes": sizes,
        "volume_errors": errors,
        "facet_sizes": mesh.facet_sizes(),
        "statistics": report.statistics.plain(),
        "dropped_cells": report.dropped_cells,
        "dropped_size": report.dropped_size,
        "notes": list(report.notes),
        "seconds": seconds,
        "memory_bytes": memory,
        "provenance": finite(dict(mesh.provenance)),
    }


def mesh_tables(facts: dict[str, Any]) -> list[Any]:
    """The figures for a terminal."""
    from rich.table import Table

    flat = facts["statistics"]["kind"] in ("triangle", "quad")
    unit, power = ("µm²", 1e12) if flat else ("µm³", 1e18)
    regions = Table("region", "cells", f"size [{unit}]", "against the image")
    for name, size in facts["region_sizes"].items():
        error = facts["volume_errors"].get(name)
        cells = facts["statistics"]["region_cells"].get(name, 0)
        regions.add_row(name, str(cells), f"{power * size:.6g}", "" if error is None else f"{error:+.3%}")
    facets = Table("boundary or interface", "length [µm]" if flat else "area [µm²]")
    for name, size in facts["facet_sizes"].items():
        facets.add_row(name, f"{(1e6 if flat else 1e12) * size:.6g}")
    stats = facts["statistics"]
    shape = Table("cells", "")
    for label, value in (
        ("cells, points", f"{facts['cells']}, {facts['points']}"),
        ("smallest, largest angle [°]", f"{stats['smallest_angle']:.2f}, {stats['largest_angle']:.2f}"),
        ("largest aspect ratio", f"{stats['largest_aspect']:.2f}"),
        ("edges [µm]", f"{1e6 * stats['shortest_edge']:.3g} to {1e6 * stats['longest_edge']:.3g}"),
        ("time, memory", f"{facts['seconds']:.1f} s, {facts['memory_bytes'] / 1e9:.2f} GB"),
    ):
        shape.add_row(label, value)
    for table in (regions, facets):
        for column in table.columns[1:]:
            column.justify = "right"
    return [regions, facets, shape]


def write_facts(facts: dict[str, Any], path: Path) -> Path:
    """Write the figures as JSON."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(finite(facts), indent=2) + "\n", encoding="utf-8")
    return part.replace(path)


def write_mesh_picture(
    mesh: Tessellation, path: Path, *, through: int = 0, collector_low: bool = True
) -> Path:
    """Picture of the cells that are not pore, a corner cut away; of a mesh in the plane, all of them.

    Only a block of the mesh is drawn if the cells of the whole would be too small to see. The caption names
    the colours and the size of what is drawn.
    """
    from PIL import Image

    picture = _flat(mesh) if mesh.dim == 2 else _captioned(mesh, *_solid(mesh, through, collector_low))
    part = path.with_suffix(path.suffix + ".part")
    Image.fromarray(picture).save(part, format="PNG")
    return part.replace(path)


def _solid(mesh: Tessellation, through: int, collector_low: bool) -> tuple[np.ndarray, np.ndarray]:
    """Picture, and the edges of the block that is drawn [um], the one along the through axis last."""
    from vtkmodules.vtkCommonCore import vtkLogger

    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)  # it reports the absence of a display
    import pyvista as _pyvista

    pyvista: Any = _pyvista  # its decorated methods are not typed
    order = [k for k in range(3) if k != through] + [through]
    points = (mesh.points - mesh.points.min(axis=0))[:, order] * 1e6
    if not collector_low:
        points[:, 2] = points[:, 2].max() - points[:, 2]
    keep = _block(points, mesh.cells)
    middle = points[mesh.cells].mean(axis=1)
    drawn = points[mesh.cells[keep].ravel()]
    low, high = drawn.min(axis=0), drawn.max(axis=0)
    corner = (middle > (low + high) / 2).all(axis=1)
    hidden = [tag for name, tag in mesh.regions.items() if name in HIDDEN]
    keep &= ~corner & ~np.isin(mesh.tags, hidden)
    colours = np.array(_palette(mesh), np.uint8)
    plotter = pyvista.Plotter(off_screen=True, window_size=[1200, 1000])
    try:
        plotter.set_background("white")
        cells = mesh.cells[keep]
        grid = pyvista.UnstructuredGrid({_vtk(mesh): cells.astype(np.int64)}, points)
        grid.cell_data["colour"] = colours[mesh.tags[keep]]
        surface = grid.extract_surface(algorithm="dataset_surface")
        plotter.add_mesh(
            surface, scalars="colour", rgb=True, show_edges=True, edge_color="#39424e", line_width=0.6,
            ambient=0.3,
        )  # fmt: skip
        plotter.add_mesh(pyvista.Box(np.stack([low, high], axis=1).ravel()).outline(), color="#c3cad3")
        plotter.enable_anti_aliasing("ssaa")
        plotter.view_isometric()
        return np.asarray(plotter.screenshot(return_img=True)), high - low
    finally:
        plotter.close()


def _captioned(mesh: Tessellation, picture: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The picture with the colours of the regions and the size of the block below it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height, width = picture.shape[:2]
    figure = Figure(figsize=(width / 100, height / 100 + 0.7), dpi=100)
    canvas = FigureCanvasAgg(figure)
    axis = figure.add_axes((0, 0.7 / (height / 100 + 0.7), 1, height / (height + 70)))
    axis.imshow(picture, aspect="auto", interpolation="nearest")
    axis.axis("off")
    _name_colours(figure, mesh, HIDDEN)
    a, b, up = edges
    figure.text(0.5, 0.012, f"{a:.3g} × {b:.3g} µm, {up:.3g} µm high, collector below", ha="center")
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _name_colours(figure: Any, mesh: Tessellation, hidden: tuple[str, ...] = ()) -> None:
    """A legend of the regions below everything else; those that are not drawn are said to be left out."""
    from matplotlib.patches import Patch

    palette = np.array(_palette(mesh)) / 255
    shown = [name for name in mesh.regions if name not in hidden]
    handles = [
        Patch(facecolor=palette[mesh.regions[name]], edgecolor="#39424e", label=name) for name in shown
    ]
    handles += [
        Patch(facecolor="white", edgecolor="#c3cad3", label=f"{name} (not drawn)")
        for name in mesh.regions if name in hidden
    ]  # fmt: skip
    place = (0.5, 0.03) if hidden else (0.5, 0.0)
    figure.legend(
        handles=handles, loc="lower center", bbox_to_anchor=place, ncols=len(handles), frameon=False
    )


def _vtk(mesh: Tessellation) -> int:
    return {"tetra": 10, "hexahedron": 12, "triangle": 5, "quad": 9}[mesh.kind]


def _block(points: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Cells in the block at the far corner that is about 40 cells wide."""
    edge = np.median(np.linalg.norm(points[cells[:2000, 1]] - points[cells[:2000, 0]], axis=1))
    size = np.ptp(points, axis=0)
    shown = np.minimum(size, 40 * edge)
    middle = points[cells].mean(axis=1)
    inside: np.ndarray = (middle >= size - shown).all(axis=1)
    return inside


def _palette(mesh: Tessellation) -> list[tuple[int, int, int]]:
    """Colour of every tag."""
    free = iter(OTHERS * (1 + len(mesh.regions) // len(OTHERS)))
    table = [(0, 0, 0)] * (max(mesh.regions.values()) + 1)
    for name, tag in mesh.regions.items():
        text = COLOURS.get(name) or next(free)
        table[tag] = (int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16))
    return table


def _flat(mesh: Tessellation) -> np.ndarray:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.collections import PolyCollection
    from matplotlib.figure import Figure

    points = (mesh.points - mesh.points.min(axis=0))[:, ::-1] * 1e6
    width, height = np.ptp(points, axis=0)
    figure = Figure(figsize=(9, max(2.4, min(12.0, 8 * height / width + 1.2))))
    canvas = FigureCanvasAgg(figure)
    axis = figure.add_subplot()
    figure.subplots_adjust(0.09, 1.0 / figure.get_figheight(), 0.98, 0.98)
    colours = np.array(_palette(mesh))[mesh.tags] / 255
    line = 0.3 if len(mesh.cells) < 60_000 else 0.0
    axis.add_collection(
        PolyCollection(points[mesh.cells], facecolors=colours, edgecolors="#39424e", linewidths=line)
    )
    axis.set(xlim=(0, width), ylim=(0, height), aspect="equal", xlabel="µm", ylabel="µm")
    _name_colours(figure, mesh)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
