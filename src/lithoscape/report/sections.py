"""Pictures of fields in meshes of triangles in the plane: as :mod:`.cutaway`, where there is nothing to cut.

Workflow::

    write_sections([("0 h", [early]), ("1 h", [late])], Path("sol.png"))             # moments side by side
    write_section_animation([("0 h", [early]), ("1 h", [late])], Path("sol.gif"))  # one after another
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from .cutaway import (
    BAR,
    CAPTION,
    EDGE,
    MARGIN,
    MOST_COLUMNS,
    NARROWEST,
    TEXT,
    TITLE,
    Frame,
    Layer,
    Scale,
    _add_colour_bar,
    _check_frames,
    _scales,
    _shrink,
    _write_film,
    ffmpeg,
    round_length,
)

FOOT = CAPTION + 34
"""Room below the drawings, for scale bar and size [units of the lettering]."""


@dataclass(frozen=True, eq=False)
class Sheet:
    """Where the drawings of one picture are.

    Attributes
    ----------
    low, high:
        Corners of what is drawn [um], shape (2,): across, and through the electrode away from the collector.
    panel:
        Width and height of the room for one drawing [pixels].
    unit:
        Pixels per unit of the lettering.
    through, collector_low:
        Axis across the electrode, and whether the collector is at its low end.
    """

    low: np.ndarray
    high: np.ndarray
    panel: tuple[int, int]
    unit: float
    through: int
    collector_low: bool

    @property
    def per_micrometre(self) -> float:
        """Pixels."""
        room = np.array(self.panel) - 2 * self.unit * MARGIN
        return float((room / (self.high - self.low)).min())

    @property
    def drawn(self) -> np.ndarray:
        """Width and height of a drawing [pixels]."""
        return (self.high - self.low) * self.per_micrometre


def write_sections(
    frames: Sequence[Frame],
    path: Path,
    *,
    through: int = 0,
    collector_low: bool = True,
    outline: Any = None,
    pixels: tuple[int, int] = (480, 480),
) -> Path:
    """Write several moments side by side with one colour scale as PNG, up to four in a row.

    Parameters
    ----------
    frames:
        Title and layers of each moment; layers of triangles, drawn one upon the other.
    path:
        Of the picture.
    through:
        Axis of the coordinates across the electrode, 0 or 1; it points up, away from the collector.
    collector_low:
        Whether the collector is where that coordinate is lowest.
    outline:
        Low and high corner of what is drawn, shape (2, 3) [m]; None: those of the layers.
    pixels:
        Width and height of each drawing.

    Raises
    ------
    InputError
        No frames, a file that is not ``.png``, another axis, small drawings, one name with several scales.
    """
    from PIL import Image

    _check_frames(frames, path, (".png",))
    scales = _scales([layers for _, layers in frames])
    sheet = _sheet(frames, through, collector_low, outline, pixels, max(0.4, min(pixels) / 480))
    columns = -(-len(frames) // -(-len(frames) // MOST_COLUMNS))  # rows of about the same length
    part = path.with_suffix(path.suffix + ".part")
    Image.fromarray(_compose(frames, scales, sheet, columns)).save(part, format="PNG")
    return part.replace(path)


def write_section_animation(
    frames: Sequence[Frame],
    path: Path,
    seconds: float = 6.0,
    *,
    through: int = 0,
    collector_low: bool = True,
    outline: Any = None,
    pixels: tuple[int, int] = (720, 640),
) -> Path:
    """Write several moments one after another with one colour scale as ``.gif`` or ``.mp4``.

    Parameters
    ----------
    frames:
        Moments, each shown equally long; a line at the lower edge tells how far the animation is.
    seconds:
        Duration of the whole [s].

    Other parameters and errors as of :func:`write_sections`.
    """
    _check_frames(frames, path, (".gif", ".mp4"))
    if not (np.isfinite(seconds) and seconds > 0):
        raise InputError("an animation lasts some time", field="seconds", value=seconds)
    program = ffmpeg() if path.suffix == ".mp4" else ""
    scales = _scales([layers for _, layers in frames])
    sheet = _sheet(frames, through, collector_low, outline, pixels, max(0.4, min(pixels) / 560))
    pictures = []
    for number, frame in enumerate(frames, 1):
        picture = _compose([frame], scales, sheet, 1, titled=True)
        picture[-max(2, round(4 * sheet.unit)) :, : round(picture.shape[1] * number / len(frames))] = (
            110,
            122,
            138,
        )
        pictures.append(picture)
    return _write_film(path, program, pictures, scales, seconds)


def ribbon(points: np.ndarray, lines: np.ndarray, values: np.ndarray, width: float) -> tuple[np.ndarray, ...]:
    """Lines in the plane as thin bands of triangles, so that a field on them can be drawn.

    Parameters
    ----------
    points, lines:
        Nodes (n, 3) [m] and their numbers at the ends of each line (m, 2).
    values:
        At the nodes, (n,).
    width:
        Of the bands [m].

    Returns
    -------
    points, cells, values:
        (4 m, 3) [m], (2 m, 3), (4 m,).
    """
    ends = points[lines]
    along = ends[:, 1] - ends[:, 0]
    length = np.linalg.norm(along, axis=1, keepdims=True)
    step = along / np.where(length > 0, length, 1.0)
    aside = 0.5 * width * np.stack([-step[:, 1], step[:, 0], np.zeros(len(step))], axis=1)
    # a quarter of the width further at each end, so that bends do not gape
    first, last = ends[:, 0] - 0.25 * width * step, ends[:, 1] + 0.25 * width * step
    corners = np.stack([first - aside, last - aside, last + aside, first + aside], axis=1)
    start = 4 * np.arange(len(lines))[:, None]
    cells = np.concatenate([start + np.array(half) for half in ((0, 1, 2), (0, 2, 3))])
    return corners.reshape(-1, 3), cells, values[lines[:, [0, 1, 1, 0]]].ravel()


def _flat(points: np.ndarray, through: int, collector_low: bool) -> np.ndarray:
    """Coordinates [um] in the picture: across, and through the electrode away from the collector."""
    turned: np.ndarray = 1e6 * np.asarray(points, float)[:, [1 - through, through]]
    if not collector_low:
        turned[:, 1] = -turned[:, 1]
    return turned


def _sheet(
    frames: Sequence[Frame],
    through: int,
    collector_low: bool,
    outline: Any,
    pixels: tuple[int, int],
    unit: float,
) -> Sheet:
    if through not in (0, 1):
        raise InputError("a plane has two axes", field="through", value=through, remedy="Give 0 or 1")
    if min(pixels) < 100:
        raise InputError("the drawings are too small", field="pixels", value=pixels)
    layers = [layer for _, moment in frames for layer in moment]
    if any(not layer.is_surface for layer in layers):
        raise InputError("a section is drawn of triangles", field="cells", remedy="Use write_pictures")
    points = (
        [layer.points[np.unique(layer.cells)] for layer in layers]
        if outline is None
        else [np.asarray(outline)]
    )
    flat = _flat(np.concatenate(points), through, collector_low)
    low, high = flat.min(axis=0), flat.max(axis=0)
    if not (high > low).all():
        raise InputError("what is drawn is flat", field="points", value=tuple(high - low))
    whole = Sheet(low, high, pixels, unit, through, collector_low)
    wide = int(np.ceil(max(whole.drawn[0] + 2 * unit * MARGIN, NARROWEST * unit)))
    return Sheet(low, high, (min(pixels[0], wide), pixels[1]), unit, through, collector_low)


def _compose(
    frames: Sequence[Frame], scales: Sequence[Scale], sheet: Sheet, columns: int, titled: bool = False
) -> np.ndarray:
    """Drawings in rows, titles above them, colour bars to the right, scale bar and size below."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    (wide, high), unit = sheet.panel, sheet.unit
    rows = -(-len(frames) // columns)
    head = int(TITLE * unit) if titled or any(title for title, _ in frames) else 0
    foot, beside = int(FOOT * unit), int(np.ceil(BAR * unit * len(scales)))
    width, height = columns * wide + beside, rows * (high + head) + foot
    figure = Figure(figsize=((width + 0.5) / 100, (height + 0.5) / 100), dpi=100, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    for number, (title, layers) in enumerate(frames):
        row, column = divmod(number, columns)
        middle = (column + 0.5) * wide, height - row * (high + head) - head - high / 2
        left, below = np.array(middle) - sheet.drawn / 2
        axis = figure.add_axes((left / width, below / height, *(sheet.drawn / (width, height))))
        _draw(axis, layers, {scale.name: scale for scale in scales}, sheet)
        text = figure.text(
            middle[0] / width, (middle[1] + high / 2 + head / 2) / height, title, ha="center", va="center",
            fontsize=13 * unit, color=TEXT,
        )  # fmt: skip
        _shrink(text, canvas, wide)
    _add_lengths(figure, sheet, (columns * wide, foot))
    tall = min(height - head - foot - 30 * unit, 620 * unit)
    for number, scale in enumerate(scales):
        start = columns * wide + (number * BAR + 20) * unit
        _add_colour_bar(figure, scale, (start, (height - head + foot - tall) / 2, 22 * unit, tall), unit)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _draw(axis: Any, layers: Sequence[Layer], scales: dict[str, Scale], sheet: Sheet) -> None:
    """One moment: every layer upon the one before."""
    from matplotlib.colors import to_rgb
    from matplotlib.tri import Triangulation

    for layer in layers:
        nodes, local = np.unique(layer.cells, return_inverse=True)
        x, y = _flat(layer.points[nodes], sheet.through, sheet.collector_low).T
        mesh = Triangulation(x, y, local.reshape(layer.cells.shape))
        if layer.plain is not None:
            colour = np.array(to_rgb(layer.plain))
            axis.tripcolor(mesh, np.zeros(len(nodes)), shading="gouraud", cmap=_single(colour))
            continue
        scale = scales[layer.name]
        style = {"cmap": scale.colours, "vmin": scale.low, "vmax": scale.high}
        if layer.at_points:
            axis.tripcolor(mesh, layer.values[nodes], shading="gouraud", **style)
        else:
            axis.tripcolor(mesh, facecolors=layer.values, edgecolors="face", linewidth=0.2, **style)
    axis.set(xlim=(sheet.low[0], sheet.high[0]), ylim=(sheet.low[1], sheet.high[1]), xticks=[], yticks=[])
    for spine in axis.spines.values():
        spine.set(color=EDGE, linewidth=0.8 * sheet.unit)


def _single(colour: np.ndarray) -> Any:
    """A colour map of one colour."""
    from matplotlib.colors import ListedColormap

    return ListedColormap([tuple(colour)])


def _add_lengths(figure: Any, sheet: Sheet, room: tuple[int, int]) -> None:
    """Scale bar below the first drawing, and the size of what is drawn in the middle of ``room`` [pixels]."""
    from matplotlib.lines import Line2D

    unit, (width, height) = sheet.unit, figure.canvas.get_width_height()
    size = sheet.high - sheet.low
    length = round_length(0.5 * float(size[0]))
    start = (sheet.panel[0] - sheet.drawn[0]) / 2
    # close to the drawing, whose panel may be higher than it is
    level = room[1] + (sheet.panel[1] - sheet.drawn[1]) / 2 - 14 * unit
    ends = np.array([[start, level], [start + length * sheet.per_micrometre, level]])
    tick = np.array([0, 5 * unit])
    for line, thick in [(ends, 2.2), *((np.stack([end - tick, end + tick]), 1.4) for end in ends)]:
        share = line / (width, height)
        bar: dict[str, Any] = {"linewidth": thick * unit, "color": TEXT, "solid_capstyle": "butt"}
        figure.add_artist(Line2D(*share.T, transform=figure.transFigure, **bar))
    style: dict[str, Any] = {"ha": "center", "fontsize": 11 * unit, "color": TEXT}
    place = ends.mean(axis=0) - (0, 8 * unit)
    figure.text(*(place / (width, height)), f"{length:g} µm", va="top", **style)
    figure.text(
        room[0] / 2 / width, 0.4 * CAPTION * unit / height,
        f"{size[0]:.3g} µm wide, {size[1]:.3g} µm high, collector below", va="center", **style,
    )  # fmt: skip
