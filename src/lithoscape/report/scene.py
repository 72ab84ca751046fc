"""Three-dimensional pictures of microstructures: smooth surfaces, a corner cut away, the collector below."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import InputError
from ..image import Instances, Volume

MOST_VOXELS = 3_500_000
"""Voxels that are drawn at most; larger images are thinned for the picture."""

COLOURS: Mapping[str, str] = {
    "pore": "#dfe8f2",
    "electrolyte": "#dfe8f2",
    "active": "#8fa6bf",
    "NMC": "#8fa6bf",
    "binder": "#3d4148",
    "CBD": "#3d4148",
    "separator": "#e9d8a6",
    "graphite": "#6b6f76",
    "silicon": "#c8553d",
    "agglomerate": "#c8553d",
    "void": "#f2b134",
}
OTHERS = ("#5f9e8f", "#b07aa1", "#d98c5f", "#7f9f4f", "#c9a227", "#4f7fb5", "#a05c7b", "#777f88")
"""Colours of phases without one of their own."""


def colour_of(volume: Volume) -> dict[str, str]:
    """Colour of every phase, the same in every picture of a volume."""
    free = iter(OTHERS * (1 + len(volume.phases) // len(OTHERS)))
    return {name: COLOURS.get(name) or next(free) for name in volume.phases}


def render(
    volume: Volume,
    *,
    instances: Instances | None = None,
    hidden: Sequence[str] = ("pore", "electrolyte"),
    cut: bool = True,
    pixels: tuple[int, int] = (1000, 900),
) -> np.ndarray:
    """Picture of the phases that are not ``hidden``, shape (height, width, 3), uint8.

    The through axis points up, away from the collector; ``cut`` opens the front corner. With ``instances``,
    each particle has a colour of its own.

    Raises
    ------
    InputError
        Every phase is hidden or empty.
    """
    from vtkmodules.vtkCommonCore import vtkLogger

    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)  # it reports the absence of a display
    import pyvista as _pyvista

    pyvista: Any = _pyvista  # its decorated methods are not typed
    labels, colours = _to_draw(volume, instances, hidden)
    up = _upright(volume)
    labels = np.ascontiguousarray(up(labels))
    step = max(1, int(np.ceil((labels.size / MOST_VOXELS) ** (1 / 3))))
    labels = labels[::step, ::step, ::step].copy()
    if cut:
        half = [n // 2 for n in labels.shape]
        labels[half[0] :, half[1] :, half[2] :] = 0
    if not labels.any():
        raise InputError(
            "there is nothing to draw", field="phases", value=list(volume.phases),
            remedy="Hide fewer phases",
        )  # fmt: skip
    spacing = np.array([volume.grid.voxel_size[k] for k in _order(volume)]) * step * 1e6
    image = pyvista.ImageData(dimensions=np.array(labels.shape) + 2, spacing=spacing)
    image.point_data["label"] = np.pad(labels, 1).ravel(order="F")
    surface = image.contour_labels(
        scalars="label", background_value=0, boundary_style="external", smoothing_iterations=16
    )
    owner = surface["boundary_labels"]
    owner = owner.max(axis=1) if owner.ndim > 1 else owner
    surface["colour"] = colours[owner.astype(int)]
    plotter = pyvista.Plotter(off_screen=True, window_size=list(pixels))
    try:
        plotter.set_background("white")
        plotter.add_mesh(surface, scalars="colour", rgb=True, smooth_shading=True, ambient=0.25, specular=0.1)
        plotter.add_mesh(image.outline(), color="#c3cad3", line_width=1.0)
        plotter.enable_ssao(radius=0.1 * float(image.length), bias=0.3 * float(spacing.max()))
        plotter.enable_anti_aliasing("ssaa")
        plotter.view_isometric()
        plotter.camera.zoom(1.02)
        return _trimmed(np.asarray(plotter.screenshot(return_img=True)))
    finally:
        plotter.close()


def _trimmed(picture: np.ndarray) -> np.ndarray:
    """The picture without its white margin."""
    used = (picture < 250).any(axis=2)
    rows, columns = np.flatnonzero(used.any(axis=1)), np.flatnonzero(used.any(axis=0))
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _to_draw(
    volume: Volume, instances: Instances | None, hidden: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Labels with 0 for what is not drawn, and the colour of each label (uint8, shape (labels, 3))."""
    palette = {name: _rgb(text) for name, text in colour_of(volume).items()}
    table = np.zeros(max(volume.phases.values()) + 1, np.int32)
    colours = [(0, 0, 0)]
    for name, label in volume.phases.items():
        if name not in hidden:
            table[label] = len(colours)
            colours.append(palette[name])
    labels = table[volume.labels]
    if instances is not None:
        numbers = instances.numbers
        shades = shades_of(numbers.size)
        place = np.zeros(int(numbers.max(initial=0)) + 1, np.int32)
        place[numbers] = len(colours) + np.arange(numbers.size)
        labels = np.where(instances.labels > 0, place[instances.labels], labels)
        colours += shades
    return labels, np.array(colours, np.uint8)


def _order(volume: Volume) -> tuple[int, int, int]:
    a, b = volume.grid.in_plane
    return a, b, volume.grid.through


def _upright(volume: Volume) -> Callable[[np.ndarray], np.ndarray]:
    """The array with the through axis last, rising from the collector."""
    flip = slice(None, None, -1 if volume.grid.collector == "high" else 1)
    return lambda values: values.transpose(_order(volume))[..., flip]


def _rgb(text: str) -> tuple[int, int, int]:
    r, g, b = (int(text[k : k + 2], 16) for k in (1, 3, 5))
    return r, g, b


def shades_of(count: int) -> list[tuple[int, int, int]]:
    """Muted colours that tell neighbours apart: hues by the golden angle."""
    from colorsys import hsv_to_rgb

    hues = (np.arange(count) * 0.618034) % 1.0
    rgb = [hsv_to_rgb(h, 0.38, 0.66 + 0.11 * (k % 3)) for k, h in enumerate(hues)]
    return [(int(255 * r), int(255 * g), int(255 * b)) for r, g, b in rgb]
