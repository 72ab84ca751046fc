"""Flat pictures of microstructures: sections with a scale bar, phase fractions over the height, previews."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..image import Grid, Instances, Volume
from .scene import COLOURS, colour_of, render, shades_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_COLOURS = 600
"""Particles above which a rendering shows phases: more colours hide the structure."""


def sections(volume: Volume, instances: Instances | None = None) -> Figure:
    """The middle section across each axis; the collector is at the bottom of the two upright ones."""
    from matplotlib.figure import Figure

    grid = volume.grid
    figure = Figure(figsize=(11.0, 4.2), layout="constrained")
    axes = figure.subplots(1, 3)
    normals = (*grid.in_plane, grid.through)
    for axis, normal in zip(axes, normals, strict=True):
        draw_section(axis, volume, normal, instances=instances)
    _legend(figure, volume)
    return figure


def draw_section(
    axis: Axes,
    volume: Volume,
    normal: int,
    index: int | None = None,
    *,
    instances: Instances | None = None,
    filled: bool = False,
) -> None:
    """One section across array axis ``normal`` in colours of the phases, contacts of particles dark.

    With ``filled``, every particle has a colour of its own.
    """
    from matplotlib.colors import to_rgb

    grid = volume.grid
    index = _typical(volume, normal) if index is None else index
    table = np.zeros((max(volume.phases.values()) + 1, 3))
    for name, colour in colour_of(volume).items():
        table[volume.phases[name]] = to_rgb(colour)
    flat, rows, columns = _oriented(np.take(volume.labels, index, axis=normal), grid, normal)
    picture = table[flat]
    if instances is not None:
        particles, *_ = _oriented(np.take(instances.labels, index, axis=normal), grid, normal)
        if filled:
            shades = np.array(shades_of(int(particles.max()) + 1)) / 255
            picture = np.where((particles > 0)[..., None], shades[particles], picture)
        edge = _outline(particles)
        picture[edge] *= 0.45
    height, width = (grid.size[k] * 1e6 for k in (rows, columns))
    axis.imshow(picture, extent=(0, width, 0, height), interpolation="nearest", aspect="equal")
    _scale_bar(axis, width, height)
    place = grid.centres(normal)[index] * 1e6
    if normal == grid.through:
        axis.set_title(f"in plane, {grid.heights()[index] * 1e6:.3g} µm above the collector", fontsize=9)
    else:
        axis.set_title(f"upright, axis {normal} at {place:.3g} µm; collector below", fontsize=9)
    axis.set_xticks([])
    axis.set_yticks([])


def draw_fractions(axis: Axes, volume: Volume) -> None:
    """Fraction of every phase in each layer of voxels against the height above the collector."""
    heights, shares = layer_fractions(volume)
    order = np.argsort(heights)
    colours = colour_of(volume)
    for name, values in shares.items():
        colour = LINES.get(colours[name], colours[name])
        axis.plot(values[order], heights[order] * 1e6, color=colour, label=name, linewidth=1.6)
    axis.set_xlim(0, 1)
    axis.set_ylim(0, volume.grid.thickness * 1e6)
    axis.set_xlabel("fraction of the layer")
    axis.set_ylabel("height above the collector [µm]")
    axis.grid(color="#e3e7ec", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.legend(frameon=False, fontsize=8)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def layer_fractions(volume: Volume) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Heights of the voxel layers [m] and the fraction of every phase in each, in index order."""
    grid = volume.grid
    area = grid.voxels // grid.shape[grid.through]
    labels = np.moveaxis(volume.labels, grid.through, 0)
    most = max(volume.phases.values()) + 1
    counts = np.stack([np.bincount(layer.ravel(), minlength=most) for layer in labels])
    return grid.heights(), {name: counts[:, label] / area for name, label in volume.phases.items()}


def preview(
    volume: Volume,
    *,
    title: str = "",
    instances: Instances | None = None,
    inside: bool = False,
    facts: Mapping[str, Any] | None = None,
) -> Figure:
    """One page: rendering with a corner cut away, sections, fractions over the height, what came out.

    With ``inside``, the instances are parts of particles, such as grains; each has a colour of its own.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13.0, 8.2), layout="constrained")
    grid = figure.add_gridspec(2, 4, width_ratios=(1, 1, 1, 1), height_ratios=(1.25, 1))
    scene = figure.add_subplot(grid[0, :2])
    solid = [name for name, share in volume.fractions().items() if share > 0 and name not in _OPEN]
    hidden = _OPEN if solid else ()
    told_apart = instances is not None and (instances.numbers.size <= MOST_COLOURS or inside)
    scene.imshow(render(volume, instances=instances if told_apart else None, hidden=hidden))
    scene.set_axis_off()
    draw_fractions(figure.add_subplot(grid[0, 2]), volume)
    _facts(figure.add_subplot(grid[0, 3]), volume, facts or {})
    normals = (*volume.grid.in_plane, volume.grid.through)
    for k, normal in enumerate(normals):
        draw_section(figure.add_subplot(grid[1, k]), volume, normal, instances=instances, filled=inside)
    key = figure.add_subplot(grid[1, 3])
    key.set_axis_off()
    key.legend(handles=_handles(volume), loc="center left", frameon=False, fontsize=10, title="phase")
    if title:
        figure.suptitle(title, fontsize=13, x=0.01, ha="left")
    return figure


_OPEN = ("pore", "electrolyte")
LINES = {COLOURS["pore"]: "#3f8fd2", COLOURS["active"]: "#5b6b80"}
"""Darker line colours for fills too pale for a line."""


def _facts(axis: Axes, volume: Volume, facts: Mapping[str, Any]) -> None:
    axis.set_axis_off()
    grid = volume.grid
    lines = [
        f"{' × '.join(f'{x * 1e6:.4g}' for x in grid.size)} µm",
        f"{' × '.join(map(str, grid.shape))} voxels of {grid.voxel_size[0] * 1e6:.4g} µm",
        "",
        *(f"{name}: {share:.4f}" for name, share in volume.fractions().items()),
        "",
        *(line for line in spoken(facts) if len(line) < 90),
    ]
    shown = lines if len(lines) <= 26 else [*lines[:25], "…"]
    axis.text(0, 1, "\n".join(shown), va="top", fontsize=8.5, transform=axis.transAxes, wrap=True)


def spoken(figures: Mapping[str, Any]) -> list[str]:
    """A line for every figure that says something; metres as micrometres."""
    lines = []
    for name, value in figures.items():
        values = list(value) if isinstance(value, list | tuple | np.ndarray) else [value]
        if not values or any(v is None or isinstance(v, dict) for v in values):
            continue
        if name.endswith(" [m]"):
            name, values = name.removesuffix("[m]") + "[µm]", [1e6 * v for v in values]
        lines.append(f"{name}: " + ", ".join(_short(v) for v in values))
    return lines


def _short(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return f"{value:.5g}" if isinstance(value, float | np.floating) else str(value)


def _typical(volume: Volume, normal: int) -> int:
    """The middle section, or one at a quarter if the middle one lies inside a crack or a channel."""
    n = volume.grid.shape[normal]
    for index in (n // 2, n // 4, (3 * n) // 4):
        counts = np.bincount(np.take(volume.labels, index, axis=normal).ravel())
        if counts.max() < 0.9 * counts.sum():
            return index
    return n // 2


def _oriented(flat: np.ndarray, grid: Grid, normal: int) -> tuple[np.ndarray, int, int]:
    """A section as rows from the top down: the through axis upright with the collector below."""
    rows, columns = (k for k in range(3) if k != normal)
    if normal != grid.through:
        if rows != grid.through:
            flat, rows, columns = flat.T, columns, rows
        if grid.collector == "low":
            flat = flat[::-1]
    return flat, rows, columns


def _outline(particles: np.ndarray) -> np.ndarray:
    """Pixels at which one particle meets another."""
    edge = np.zeros(particles.shape, bool)
    for here, there in (
        ((slice(None, -1),), (slice(1, None),)),
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
    ):
        a, b = particles[here], particles[there]
        edge[here] |= (a != b) & (a > 0) & (b > 0)
    return edge


def _scale_bar(axis: Axes, width: float, height: float) -> None:
    target = width / 4
    scale = 10 ** np.floor(np.log10(1.0005 * target))
    length = scale * max(m for m in (1, 2, 5) if m * scale <= 1.001 * target)
    x, y = 0.04 * width, 0.05 * height
    for colour, thick in (("white", 6), ("black", 3)):
        axis.plot([x, x + length], [y, y], color=colour, linewidth=thick, solid_capstyle="butt")
    box = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1.5}
    axis.annotate(
        f"{length:g} µm", (x, y), (0, 5), textcoords="offset points", fontsize=8, va="bottom", bbox=box
    )
    axis.set_xlim(0, width)
    axis.set_ylim(0, height)


def _handles(volume: Volume) -> list[Any]:
    from matplotlib.patches import Patch

    shares = volume.fractions()
    return [
        Patch(facecolor=colour, edgecolor="#9aa4b1", label=name)
        for name, colour in colour_of(volume).items()
        if shares[name] > 0
    ]


def _legend(figure: Figure, volume: Volume) -> None:
    figure.legend(handles=_handles(volume), loc="outside lower center", ncols=8, frameon=False, fontsize=9)
