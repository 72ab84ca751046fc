"""Pictures of fields in meshes of tetrahedra: a corner cut away by planes, true scale bar, moments compared.

Workflow::

    limits = shared_limits([at_start, at_end])
    solid = Layer(points, cells, at_end, "State of lithiation", limits)
    picture = cutaway([solid], title="after 1 h")                          # one moment
    write_pictures([("0 h", [early]), ("1 h", [late])], Path("sol.png"))   # moments side by side
    write_animation([("0 h", [early]), ("1 h", [late])], Path("sol.gif"))  # moments one after another
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np

from ..errors import InputError

TOWARDS = np.array([1.0, 1.0, 1.0]) / np.sqrt(3)
RIGHT = np.array([-1.0, 1.0, 0.0]) / np.sqrt(2)
UP = np.array([-1.0, -1.0, 2.0]) / np.sqrt(6)
"""From the drawing to the reader, to the right and upwards in the picture, along the axes of a picture:
two in plane, then the through axis away from the collector."""

MOST_COLUMNS = 4
LINE, EDGE, TEXT = "#2b323c", "#8f99a6", "#1d232b"
TITLE, CAPTION, BAR, MARGIN, NARROWEST = 46, 40, 150, 22, 260
"""Room for the title above, the size below and each colour bar beside a drawing, around the box in it, and
the least width of a drawing [units of the lettering]."""

_EDGE_ANGLE = 35.0  # between two faces [degrees] above which their common edge is drawn
_MERGED = 1e-7  # of the diagonal of the box: points closer than this are one, about what VTK resolves
_SHADE, _SHADE_OF_FIELD = (
    (0.35, 0.7),
    (0.6, 0.4),
)  # ambient and diffuse light; a surface's colours must be read
_OFF_PLANE = 2e-5  # of the same: the cut passes this far beside nodes that would lie exactly on it


@dataclass(frozen=True, eq=False)
class Layer:
    """One field on one part of a mesh.

    Parameters
    ----------
    points:
        Nodes, shape (n, 3) [m]. There may be more than the cells use.
    cells:
        Nodes of each tetrahedron that is drawn, shape (m, 4), or of each triangle of a surface, shape (m, 3).
        A surface has no cut faces; where it lies on tetrahedra of another layer it is what one sees.
    values:
        The field, shape (n,) at the points or (m,) in the cells, in the unit that ``name`` states. If n
        equals m, at the points. Points that no cell uses may have any value.
    name:
        Of the field, with its unit; stands beside the colour bar. Layers of one name share one bar.
    limits:
        Lowest and highest value of the colour scale; None for those of the field.
    centre:
        Value in the middle of a diverging colour scale, whose limits are then symmetric about it.
    colour_map:
        Of matplotlib; None for "viridis", or "RdBu_r" about a centre.
    plain:
        One colour (of matplotlib) for all of it, without a colour bar, see :func:`backdrop`.

    Raises
    ------
    InputError
        No cells, shapes that do not fit, values that are not finite, limits out of order, unknown colours.
    """

    points: np.ndarray
    cells: np.ndarray
    values: np.ndarray
    name: str
    limits: tuple[float, float] | None = None
    centre: float | None = None
    colour_map: str | None = None
    plain: str | None = None

    def __post_init__(self) -> None:
        for key, kind in (("points", float), ("cells", np.int64), ("values", float)):
            object.__setattr__(self, key, np.asarray(getattr(self, key), kind))
        self._check_mesh()
        if self.values.ndim != 1 or len(self.values) not in (len(self.points), len(self.cells)):
            raise InputError(
                f"{self.name!r} has neither a value per point nor one per cell",
                field="values", value=self.values.shape,
                remedy=f"Give {len(self.points)} values at the points or {len(self.cells)} in the cells",
            )  # fmt: skip
        bad = int(np.count_nonzero(~np.isfinite(self.seen)))
        if bad:
            raise InputError(
                f"{self.name!r} is not finite", field="values", value=f"{bad} of {self.seen.size} values",
                remedy="Draw only the cells where the field is defined",
            )  # fmt: skip
        if self.limits is not None:
            low, high = self.limits
            if not (np.isfinite(low) and np.isfinite(high) and low <= high):
                raise InputError(
                    f"the limits of {self.name!r} are not a range", field="limits", value=self.limits,
                    remedy="Give a finite lowest and highest value",
                )  # fmt: skip
        if self.centre is not None and not np.isfinite(self.centre):
            raise InputError(f"the centre of {self.name!r} is not finite", field="centre", value=self.centre)
        _check_colours(self.colours, self.plain)

    def _check_mesh(self) -> None:
        points, cells = self.points, self.cells
        if points.ndim != 2 or points.shape[1] != 3:
            raise InputError("points need three coordinates", field="points", value=points.shape)
        if not cells.size:
            raise InputError(
                f"{self.name!r} has no cells to draw", field="cells", value=cells.shape,
                remedy="Leave the layer out",
            )  # fmt: skip
        if cells.ndim != 2 or cells.shape[1] not in (3, 4):
            raise InputError("tetrahedra need four nodes, triangles three", field="cells", value=cells.shape)
        if cells.min() < 0 or cells.max() >= len(points):
            value = (int(cells.min()), int(cells.max()))
            raise InputError("cells name points that are not there", field="cells", value=value)
        if not np.isfinite(points[cells]).all():
            raise InputError(f"the points of {self.name!r} are not finite", field="points")

    @property
    def at_points(self) -> bool:
        """Whether the field is given at the points."""
        return len(self.values) == len(self.points)

    @property
    def is_surface(self) -> bool:
        """Whether its cells are triangles."""
        return self.cells.shape[1] == 3

    @property
    def seen(self) -> np.ndarray:
        """Values that belong to the cells."""
        return self.values[np.unique(self.cells)] if self.at_points else self.values

    @property
    def colours(self) -> str:
        """Colour map in use."""
        return self.colour_map or ("viridis" if self.centre is None else "RdBu_r")


def backdrop(points: np.ndarray, cells: np.ndarray, colour: str = "#c9ced5") -> Layer:
    """A part of the mesh in one colour, behind or between the fields; parameters as of :class:`Layer`."""
    return Layer(points, cells, np.zeros(len(points)), "", plain=colour)


Frame = tuple[str, Sequence[Layer]]
"""Title of a moment, such as its time, and what is drawn of it."""


@dataclass(frozen=True)
class Scale:
    """Colour scale that all layers of one name share, over all moments."""

    name: str
    low: float
    high: float
    colours: str
    beyond: str
    """Where values lie beyond the limits: "neither", "min", "max" or "both"."""


@dataclass(frozen=True, eq=False)
class View:
    """Parallel projection of a box from above its front corner.

    Parameters
    ----------
    low, high:
        Corners of the box [um], shape (3,), along the axes of the picture (through axis last).
    pixels:
        Width and height of the drawing.
    unit:
        Pixels per unit of the lettering.
    """

    low: np.ndarray
    high: np.ndarray
    pixels: tuple[int, int]
    unit: float = 1.0

    @property
    def corners(self) -> np.ndarray:
        """Corners of the box [um], shape (8, 3)."""
        both = np.stack([self.low, self.high])
        return np.array(
            [[both[i, 0], both[j, 1], both[k, 2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)]
        )

    @property
    def tall(self) -> bool:
        """Whether the upright edges are the ones to measure along."""
        size = self.high - self.low
        return bool(size[2] > 2 * size[1])

    @property
    def margins(self) -> np.ndarray:
        """Pixels that stay free to the left and right, above and below; an upright scale bar needs some."""
        return self.unit * np.array([MARGIN + (32 if self.tall else 0), MARGIN])

    @property
    def per_micrometre(self) -> float:
        """Pixels per micrometre at right angles to the line of sight."""
        flat = self.corners @ np.stack([RIGHT, UP], axis=1)
        room = np.array(self.pixels) - 2 * self.margins
        return float((room / np.ptp(flat, axis=0)).min())

    @property
    def narrowed(self) -> View:
        """The same without empty stripes to the left and right."""
        used = float(np.ptp(self.project(self.corners)[:, 0]) + 2 * self.margins[0])
        width = min(self.pixels[0], int(np.ceil(max(used, NARROWEST * self.unit))))
        return replace(self, pixels=(width, self.pixels[1]))

    @property
    def middle(self) -> np.ndarray:
        """Centre of the box [um], which is drawn in the middle."""
        return (self.low + self.high) / 2

    @property
    def diagonal(self) -> float:
        """From corner to corner of the box [um]."""
        return float(np.linalg.norm(self.high - self.low))

    @property
    def cut(self) -> np.ndarray:
        """Where the planes pass that cut the front upper corner away [um]."""
        return self.middle - _OFF_PLANE * self.diagonal

    def project(self, points: np.ndarray) -> np.ndarray:
        """Column and row of ``points`` (k, 3) [um] in the drawing, counted from its upper left, (k, 2)."""
        flat = (np.atleast_2d(points) - self.middle) @ np.stack([RIGHT, -UP], axis=1)
        return self.per_micrometre * flat + np.array(self.pixels) / 2


def round_length(most: float) -> float:
    """The longest 1, 2 or 5 times a power of ten that is not above ``most``."""
    power = 10.0 ** np.floor(np.log10(most))
    return float(max(step * power for step in (0.5, 1, 2, 5) if step * power <= most * (1 + 1e-6)))


def scale_bar(view: View) -> tuple[float, np.ndarray]:
    """Length of the scale bar [um] and the pixels (column, row) of its two ends, shape (2, 2).

    The bar runs below the lower left edge of the box, or beside the upright edge on the left if the box is
    more than twice as high as that edge is long, and is as long as that length is along the edge. Seen from
    here the three axes are foreshortened alike: the bar measures lengths along each of them.
    """
    size = view.high - view.low
    axis = 2 if view.tall else 1
    length = round_length(0.5 * float(size[axis]))
    middle = np.array([view.high[0], view.low[1], view.low[2]])
    middle[axis] += size[axis] / 2
    ends = middle + np.array([[-0.5], [0.5]]) * length * np.eye(3)[axis]
    away = np.array([-1.0, 0.0]) if axis == 2 else np.array([-0.5, np.sqrt(3) / 2])
    return length, view.project(ends) + 16 * view.unit * away


def shared_limits(series: Iterable[Any]) -> tuple[float, float]:
    """Lowest and highest finite value over several moments, so that their pictures can be compared.

    Parameters
    ----------
    series:
        Values of each moment, of any shape; what is not finite is passed over.

    Raises
    ------
    InputError
        No value is finite.
    """
    low, high = np.inf, -np.inf
    for values in series:
        finite = np.asarray(values, float)
        finite = finite[np.isfinite(finite)]
        low, high = min(low, finite.min(initial=np.inf)), max(high, finite.max(initial=-np.inf))
    if low > high:
        raise InputError(
            "there is no finite value to scale colours by", field="series",
            remedy="Give at least one moment at which the field is defined",
        )  # fmt: skip
    return float(low), float(high)


def readable(name: str) -> str:
    """A name with its unit as it is printed: ``Current [A.m-2]`` becomes ``Current [A m⁻²]``."""
    head, bracket, unit = name.partition("[")
    raised = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    unit = re.sub(r"(?<=[A-Za-z])-?\d+", lambda found: found[0].translate(raised), unit)
    return head + bracket + unit.replace(".", " ")


def cutaway(
    layers: Sequence[Layer],
    *,
    through: int = 0,
    collector_low: bool = True,
    outline: Any = None,
    title: str = "",
    pixels: tuple[int, int] = (1200, 1000),
) -> np.ndarray:
    """Picture of fields, the front upper corner cut away, shape (height, width, 3), uint8.

    The through axis points up, away from the collector, as in the other pictures of a report. Cut faces
    and the faces of the box have exactly the colours of the scale; other surfaces are shaded.

    Parameters
    ----------
    layers:
        What is drawn together; parts of one mesh that do not overlap.
    through:
        Axis of the coordinates across the electrode.
    collector_low:
        Whether the collector is where that coordinate is lowest.
    outline:
        Low and high corner of the box that is drawn and of which a corner is cut, shape (2, 3) [m], such as
        that of the whole electrode. None: that of the layers.
    title:
        Stands above the drawing.
    pixels:
        Width and height of the picture.

    Raises
    ------
    InputError
        Nothing to draw, one name with several colour scales, a flat outline, too few pixels.
    """
    scales = _scales([layers])
    width, height = pixels
    unit = max(0.4, min(width / 1200, height / 1000))
    used = unit * np.array([BAR * len(scales), CAPTION + (TITLE if title else 0)])
    room = (int(width - used[0]), int(height - used[1]))
    if min(room) < 100:
        raise InputError("the picture is too small for its lettering", field="pixels", value=pixels)
    frames = [(title, layers)]
    view = _view(frames, through, collector_low, outline, room, unit)
    drawings = [_draw(layers, scales, view, through, collector_low)]
    return _compose([title], drawings, scales, view, columns=1, pixels=pixels)


def write_pictures(
    frames: Sequence[Frame],
    path: Path,
    *,
    through: int = 0,
    collector_low: bool = True,
    outline: Any = None,
    pixels: tuple[int, int] = (480, 480),
) -> Path:
    """Write several moments side by side with one colour scale as PNG, up to four in a row.

    ``pixels`` are those of each drawing; other parameters as of :func:`cutaway`.

    Raises
    ------
    InputError
        No frames, a file that is not ``.png``, or what :func:`cutaway` refuses.
    """
    from PIL import Image

    _check_frames(frames, path, (".png",))
    if min(pixels) < 100:
        raise InputError("the drawings are too small", field="pixels", value=pixels)
    scales = _scales([layers for _, layers in frames])
    unit = max(0.4, min(pixels) / 480)
    view = _view(frames, through, collector_low, outline, pixels, unit)
    drawings = [_draw(layers, scales, view, through, collector_low) for _, layers in frames]
    columns = -(-len(frames) // -(-len(frames) // MOST_COLUMNS))  # rows of about the same length
    titles = [title for title, _ in frames]
    picture = _compose(titles, drawings, scales, view, columns=columns)
    part = path.with_suffix(path.suffix + ".part")
    Image.fromarray(picture).save(part, format="PNG")
    return part.replace(path)


def write_animation(
    frames: Sequence[Frame],
    path: Path,
    seconds: float = 6.0,
    *,
    through: int = 0,
    collector_low: bool = True,
    outline: Any = None,
    pixels: tuple[int, int] = (900, 750),
) -> Path:
    """Write several moments one after another with one colour scale as ``.gif`` or ``.mp4``.

    Parameters
    ----------
    frames:
        Moments, each shown equally long; a line at the lower edge tells how far the animation is.
    seconds:
        Duration of the whole [s].

    Other parameters as of :func:`cutaway`.

    Raises
    ------
    InputError
        No frames, another kind of file, a duration that is not positive, ``.mp4`` without ffmpeg, or what
        :func:`cutaway` refuses.
    """
    _check_frames(frames, path, (".gif", ".mp4"))
    if not (np.isfinite(seconds) and seconds > 0):
        raise InputError("an animation lasts some time", field="seconds", value=seconds)
    program = ffmpeg() if path.suffix == ".mp4" else ""
    scales = _scales([layers for _, layers in frames])
    unit = max(0.4, min(pixels[0] / 1200, pixels[1] / 1000) * 1.15)
    room = (int(pixels[0] - unit * BAR * len(scales)), int(pixels[1] - unit * (CAPTION + TITLE)))
    if min(room) < 100:
        raise InputError("the picture is too small for its lettering", field="pixels", value=pixels)
    view = _view(frames, through, collector_low, outline, room, unit)
    pictures = []
    for number, (title, layers) in enumerate(frames, 1):
        drawing = _draw(layers, scales, view, through, collector_low)
        picture = _compose([title], [drawing], scales, view, columns=1, pixels=pixels, titled=True)
        # it also keeps moments apart that look alike, which Pillow would join
        picture[-max(2, round(4 * unit)) :, : round(pixels[0] * number / len(frames))] = (110, 122, 138)
        pictures.append(picture)
    return _write_film(path, program, pictures, scales, seconds)


def _check_colours(name: str, plain: str | None) -> None:
    from matplotlib import colormaps
    from matplotlib.colors import is_color_like

    if plain is not None and not is_color_like(plain):
        raise InputError("there is no such colour", field="plain", value=plain, remedy="Name one as #rrggbb")
    if name not in colormaps:
        raise InputError(
            "there is no such colour map", field="colour_map", value=name, remedy="Name one of matplotlib"
        )


def _check_frames(frames: Sequence[Frame], path: Path, kinds: tuple[str, ...]) -> None:
    if path.suffix not in kinds:
        raise InputError(
            "pictures are not written to this kind of file", field="path", value=path.name,
            remedy=f"Name it {' or '.join(kinds)}",
        )  # fmt: skip
    if not frames:
        raise InputError("there are no moments to draw", field="frames", remedy="Give at least one")


def _scales(moments: Sequence[Sequence[Layer]]) -> list[Scale]:
    """One colour scale for each name, in the order in which they first appear."""
    groups: dict[str, list[Layer]] = {}
    for layers in moments:
        if not layers:
            raise InputError("there is nothing to draw", field="layers", remedy="Give at least one layer")
        for layer in layers:
            if layer.plain is None:
                groups.setdefault(layer.name, []).append(layer)
    return [_scale(name, group) for name, group in groups.items()]


def _scale(name: str, layers: Sequence[Layer]) -> Scale:
    """The scale of layers of one name: the widest of the limits that were asked for, or of the values."""
    styles = {(layer.colours, layer.centre) for layer in layers}
    if len(styles) > 1:
        raise InputError(
            f"layers named {name!r} have several colour scales", field="colour_map",
            value=sorted(map(str, styles)), remedy="Give them one colour map and centre, or other names",
        )  # fmt: skip
    extent = shared_limits(layer.seen for layer in layers)
    asked = [layer.limits for layer in layers if layer.limits is not None]
    low, high = shared_limits(asked) if asked else extent
    ((colours, centre),) = styles
    if centre is not None:
        half = max(abs(low - centre), abs(high - centre))
        low, high = centre - half, centre + half
    if high - low <= 1e-9 * max(abs(low), abs(high)):  # uniform: any range that contains it
        half = 0.05 * max(abs(low), abs(high)) or 1.0
        low, high = low - half, high + half
    tolerance = 1e-6 * (high - low)
    under, over = extent[0] < low - tolerance, extent[1] > high + tolerance
    beyond = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[int(under), int(over)]
    return Scale(name, low, high, colours, beyond)


def _upright(points: np.ndarray, through: int, collector_low: bool) -> np.ndarray:
    """``points`` [m] along the axes of the picture [um]: the through axis last, away from the collector."""
    if through not in (0, 1, 2):
        raise InputError("there are three axes", field="through", value=through, remedy="Give 0, 1 or 2")
    order = [k for k in range(3) if k != through] + [through]
    turned: np.ndarray = np.asarray(points, float)[:, order] * 1e6
    if not collector_low:
        turned[:, 2] = -turned[:, 2]
    return turned


def _view(
    frames: Sequence[Frame],
    through: int,
    collector_low: bool,
    outline: Any,
    pixels: tuple[int, int],
    unit: float,
) -> View:
    """View of the box that holds the outline and every layer."""
    corners = []
    for _, layers in frames:
        for layer in layers:
            used = layer.points[np.unique(layer.cells)]
            corners += [used.min(axis=0), used.max(axis=0)]
    if outline is not None:
        box = np.asarray(outline, float)
        if box.shape != (2, 3) or not np.isfinite(box).all():
            raise InputError(
                "an outline is the low and the high corner of a box", field="outline", value=outline,
                remedy="Give two points of three coordinates [m]",
            )  # fmt: skip
        corners += list(box)
    turned = _upright(np.array(corners), through, collector_low)
    low, high = turned.min(axis=0), turned.max(axis=0)
    if not (high > low).all():
        raise InputError("what is drawn is flat", field="points", value=tuple(high - low))
    return View(low, high, pixels, unit).narrowed


def _draw(
    layers: Sequence[Layer], scales: Sequence[Scale], view: View, through: int, collector_low: bool
) -> np.ndarray:
    """The drawing itself, without lettering, shape (height, width, 3), uint8."""
    pyvista = _pyvista()
    by_name = {scale.name: scale for scale in scales}
    plotter = pyvista.Plotter(off_screen=True, window_size=list(view.pixels))
    try:
        plotter.set_background("white")
        drawn = 0
        for layer in layers:
            flat, rest = surfaces(layer, view, through, collector_low)
            drawn += flat.n_cells + rest.n_cells
            if layer.is_surface:  # not where the tetrahedra below it end
                rest.points = _nearer(np.asarray(rest.points), view)
            shade = _SHADE_OF_FIELD if layer.is_surface else _SHADE
            _add(plotter, flat, rest, layer.plain or by_name[layer.name], view, shade)
        if not drawn:
            raise InputError(
                "everything lies in the corner that is cut away", field="outline",
                remedy="Give the outline of the whole",
            )  # fmt: skip
        starts, ends = _frame(view)
        lines = pyvista.line_segments_from_points(
            _nearer(np.stack([starts, ends], axis=1), view).reshape(-1, 3)
        )
        plotter.add_mesh(lines, color=EDGE, line_width=1.2 * view.unit, lighting=False)
        _aim(plotter, view)
        plotter.enable_anti_aliasing("ssaa")
        return np.asarray(plotter.screenshot(return_img=True))[..., :3].copy()
    finally:
        plotter.close()


def _frame(view: View) -> tuple[np.ndarray, np.ndarray]:
    """Edges of the box without the corner that is cut away: their starts and ends [um], shape (k, 3) each."""
    levels = np.stack([view.low, view.cut, view.high])
    starts, ends = [], []
    for axis in range(3):
        one, two = (k for k in range(3) if k != axis)
        for i, j in np.ndindex(3, 3):
            box, opening = 1 not in (i, j), min(i, j) >= 1
            if not (box or opening):
                continue
            first = 1 if not box else 0
            last = 1 if (i, j) == (2, 2) else 2  # the edges that met in the corner end at the cut
            start = np.zeros(3)
            start[[one, two]] = levels[i, one], levels[j, two]
            end = start.copy()
            start[axis], end[axis] = levels[first, axis], levels[last, axis]
            starts.append(start)
            ends.append(end)
    return np.array(starts), np.array(ends)


def _nearer(points: np.ndarray, view: View, share: float = 1e-3) -> np.ndarray:
    """Moved towards the reader, which changes nothing in the picture but what hides what."""
    moved: np.ndarray = points + share * view.diagonal * TOWARDS
    return moved


def _pyvista() -> Any:
    """The module, kept from reporting the absence of a display."""
    from vtkmodules.vtkCommonCore import vtkLogger

    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)
    import pyvista

    return pyvista


def _aim(plotter: Any, view: View) -> None:
    """Look at the box as ``view`` projects it."""
    size = view.diagonal
    plotter.enable_parallel_projection()
    camera = plotter.camera
    camera.focal_point = tuple(view.middle)
    camera.position = tuple(view.middle + 2 * size * TOWARDS)
    camera.up = (0.0, 0.0, 1.0)
    camera.parallel_scale = view.pixels[1] / (2 * view.per_micrometre)
    camera.clipping_range = (size, 3 * size)


def surfaces(layer: Layer, view: View, through: int = 0, collector_low: bool = True) -> tuple[Any, ...]:
    """Surface of a layer that stays when the corner is cut away, with the field as ``value``.

    The cut goes through the tetrahedra: its faces are flat, and their values are interpolated in the cells.

    Returns
    -------
    flat, rest:
        ``pyvista.PolyData`` [um]: the faces of the cut and of the box towards the reader; everything else. A
        surface layer is all rest.
    """
    pyvista = _pyvista()
    points = _upright(layer.points, through, collector_low)
    cells = {5: layer.cells} if layer.is_surface else {10: _oriented(points, layer.cells)}  # VTK's numbers
    grid = pyvista.UnstructuredGrid(cells, points)
    (grid.point_data if layer.at_points else grid.cell_data)["value"] = layer.values
    grid = grid.extract_cells(np.arange(grid.n_cells))  # without points that may lack a value
    cut, axes = view.cut, np.eye(3)
    octants = [grid.extract_surface(algorithm="dataset_surface")]
    for k in range(3):  # each plane divides every piece, so that their edges agree
        octants = [
            piece.clip(normal=axes[k], origin=cut, invert=below) if piece.n_cells else piece
            for piece in octants for below in (True, False)
        ]  # fmt: skip
    outer = pyvista.merge(octants[:-1]).triangulate()  # the last one is above all three
    faces = []
    for k in range(0 if layer.is_surface else 3):
        face = grid.slice(normal=axes[k], origin=cut)
        for other in {0, 1, 2} - {k}:
            face = face.clip(normal=axes[other], origin=cut, invert=False) if face.n_cells else face
        faces.append(face)
    near = _towards_reader(outer, view) & (not layer.is_surface)
    # no lines or points from triangles that shrink to them
    merging = {
        "tolerance": _MERGED * view.diagonal, "absolute": True,
        "polys_to_lines": False, "lines_to_points": False,
    }  # fmt: skip
    parts = (pyvista.merge([*faces, _cells(outer, near)]), _cells(outer, ~near))
    return tuple(part.triangulate().clean(**merging) for part in parts)


def _oriented(points: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """The tetrahedra with nodes in the order that makes their volume positive, so that normals agree."""
    a, b, c = (points[cells[:, k]] - points[cells[:, 0]] for k in (1, 2, 3))
    turned = np.einsum("ij,ij->i", np.cross(a, b), c) < 0
    oriented = cells.copy()
    oriented[turned, 2:] = cells[turned, :1:-1]
    return oriented


def _towards_reader(surface: Any, view: View) -> np.ndarray:
    """Whether each cell lies in a face of the box that the reader sees."""
    if not surface.n_cells:
        return np.zeros(0, bool)
    corners = np.asarray(surface.points)[surface.regular_faces]
    near: np.ndarray = (corners > view.high - 1e-5 * (view.high - view.low)).all(axis=1).any(axis=1)
    return near


def _cells(surface: Any, which_cells: np.ndarray) -> Any:
    """Those cells of a surface alone."""
    chosen = surface.extract_cells(np.flatnonzero(which_cells))
    return chosen.extract_surface(algorithm="dataset_surface")


def _add(
    plotter: Any, flat: Any, rest: Any, scale: Scale | str, view: View, shade: tuple[float, float]
) -> None:
    """Draw the flat faces in the very colours of the scale with lines around them, the others shaded."""
    style: dict[str, Any] = {"color": scale, "scalars": None}
    if isinstance(scale, Scale):
        style = {"scalars": "value", "clim": (scale.low, scale.high), "cmap": scale.colours}
        style["show_scalar_bar"] = False
    if rest.n_cells:
        plotter.add_mesh(
            rest.copy(), ambient=shade[0], diffuse=shade[1], specular=0.0,
            smooth_shading=True, split_sharp_edges=True, feature_angle=50.0, **style,
        )  # fmt: skip
    if flat.n_cells:
        plotter.add_mesh(flat.copy(), lighting=False, **style)
        lines = flat.extract_feature_edges(
            _EDGE_ANGLE, boundary_edges=True, feature_edges=True, non_manifold_edges=False,
            manifold_edges=False,
        )  # fmt: skip
        if lines.n_cells:
            lines.clear_data()
            lines.points = _nearer(np.asarray(lines.points), view, 2e-3)
            plotter.add_mesh(lines, color=LINE, line_width=1.1 * view.unit, lighting=False)


def _compose(
    titles: Sequence[str],
    drawings: Sequence[np.ndarray],
    scales: Sequence[Scale],
    view: View,
    *,
    columns: int,
    pixels: tuple[int, int] | None = None,
    titled: bool = False,
) -> np.ndarray:
    """Drawings in rows, titles above them, colour bars to the right, the size of the box below."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    (wide, high), unit = view.pixels, view.unit
    rows = -(-len(drawings) // columns)
    head = int(TITLE * unit) if any(titles) or titled else 0
    foot = int(CAPTION * unit)
    beside = int(np.ceil(BAR * unit * len(scales)))
    width, height = pixels or (columns * wide + beside, rows * (high + head) + foot)
    edge = (width - columns * wide - beside) // 2  # what is left over goes to both sides
    # half a pixel more: rounding must not lose one
    figure = Figure(figsize=((width + 0.5) / 100, (height + 0.5) / 100), dpi=100, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    for number, (title, drawing) in enumerate(zip(titles, drawings, strict=True)):
        row, column = divmod(number, columns)
        left, top = edge + column * wide, row * (high + head) + head
        figure.figimage(drawing, left, height - top - high, origin="upper")
        text = figure.text(
            (left + wide / 2) / width, 1 - (top - head / 2) / height, title, ha="center", va="center",
            fontsize=13 * unit, color=TEXT,
        )  # fmt: skip
        _shrink(text, canvas, wide)
    _add_scale_bar(figure, view, (edge, head))
    size = " × ".join(f"{edge:.3g}" for edge in (view.high - view.low)[:2])
    figure.text(
        (edge + columns * wide / 2) / width, 0.45 * foot / height,
        f"{size} µm, {(view.high - view.low)[2]:.3g} µm high, collector below",
        ha="center", va="center", fontsize=11 * unit, color=TEXT,
    )  # fmt: skip
    tall = min(height - head - foot - 30 * unit, 620 * unit)
    middle = (height - head + foot) / 2
    for number, scale in enumerate(scales):
        start = edge + columns * wide + (number * BAR + 20) * unit
        _add_colour_bar(figure, scale, (start, middle - tall / 2, 22 * unit, tall), unit)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _shrink(text: Any, canvas: Any, most: float) -> None:
    """Make a text smaller if it is wider than ``most`` [pixels]."""
    wide = text.get_window_extent(canvas.get_renderer()).width
    if wide > 0.96 * most:
        text.set_fontsize(text.get_fontsize() * 0.96 * most / wide)


def _add_scale_bar(figure: Any, view: View, corner: tuple[int, int]) -> None:
    """The scale bar of the first drawing, whose upper left is at ``corner``."""
    from matplotlib.lines import Line2D

    length, ends = scale_bar(view)
    width, height = figure.canvas.get_width_height()
    ends = (ends + corner) * (1, -1) + (0, height)  # rows count downwards
    along = (ends[1] - ends[0]) / np.linalg.norm(ends[1] - ends[0])
    tick = np.array([along[1], -along[0]]) * 5 * view.unit  # away from the box if the bar is oblique
    style: dict[str, Any] = {"color": TEXT, "solid_capstyle": "butt"}
    lines = [(ends, 2.2), *((np.stack([end - tick, end + tick]), 1.4) for end in ends)]
    for line, thickness in lines:
        share = line / (width, height)
        figure.add_artist(
            Line2D(*share.T, linewidth=thickness * view.unit, transform=figure.transFigure, **style)
        )
    upright = abs(along[0]) < 1e-6
    place = ends.mean(axis=0) + (-2.2 * tick if upright else 2.2 * tick)
    figure.text(
        *(place / (width, height)), f"{length:g} µm", rotation=90 if upright else -30, rotation_mode="anchor",
        ha="center", va="bottom" if upright else "top", fontsize=11 * view.unit, color=TEXT,
    )  # fmt: skip


def _add_colour_bar(figure: Any, scale: Scale, place: tuple[float, ...], unit: float) -> None:
    """A colour bar at ``place`` (left, bottom, width, height) [pixels]."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.ticker import MaxNLocator, ScalarFormatter

    width, height = figure.canvas.get_width_height()
    axis = figure.add_axes((place[0] / width, place[1] / height, place[2] / width, place[3] / height))
    numbers = ScalarFormatter(useMathText=True)
    numbers.set_powerlimits((-3, 5))
    bar = figure.colorbar(
        ScalarMappable(Normalize(scale.low, scale.high), scale.colours), cax=axis, extend=scale.beyond,
        ticks=MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]), format=numbers,
    )  # fmt: skip
    bar.outline.set_linewidth(0.6 * unit)
    bar.ax.tick_params(labelsize=11 * unit, width=0.8 * unit, length=4 * unit, colors=TEXT)
    bar.ax.yaxis.get_offset_text().set(fontsize=10 * unit, color=TEXT)
    label = readable(scale.name)
    if len(label) * 7.6 * unit > place[3]:  # the unit on a line of its own
        label = label.replace(" [", "\n[")
    bar.set_label(label, fontsize=11 * unit, color=TEXT)
    _shrink_label(bar.ax.yaxis.label, figure.canvas, place[3])


def _shrink_label(text: Any, canvas: Any, most: float) -> None:
    """Make an upright text smaller if it is longer than ``most`` [pixels]."""
    long = text.get_window_extent(canvas.get_renderer()).height
    if long > most:
        text.set_fontsize(text.get_fontsize() * most / long)


def _write_gif(pictures: Sequence[np.ndarray], scales: Sequence[Scale], path: Path, seconds: float) -> None:
    """Write pictures with one palette, so that colours do not flicker."""
    from PIL import Image

    palette = _palette(pictures, scales)
    shown = [
        Image.fromarray(p).quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for p in pictures
    ]
    # hundredths of a second, rounded so that the sum is right
    ends = np.round(100 * seconds * np.arange(len(shown) + 1) / len(shown)) * 10
    shown[0].save(
        path, format="GIF", save_all=True, append_images=shown[1:], loop=0, optimize=False,
        duration=[max(20, int(step)) for step in np.diff(ends)],
    )  # fmt: skip


def _palette(pictures: Sequence[np.ndarray], scales: Sequence[Scale]) -> Any:
    """256 colours for all pictures: greys of the lettering, the colour scales, what fills areas, shades."""
    from matplotlib import colormaps
    from PIL import Image

    greys = np.repeat(np.linspace(0, 255, 16).round().astype(np.uint8)[:, None], 3, axis=1)
    maps = sorted({scale.colours for scale in scales})
    even = np.linspace(0, 1, max(2, 140 // max(1, len(maps))))
    exact = [(255 * colormaps[name](even)[:, :3]).round().astype(np.uint8) for name in maps]
    step = max(1, len(pictures) // 8)
    sample = np.concatenate([picture[::2, ::2].reshape(-1, 3) for picture in pictures[::step]])
    plain, count = np.unique(sample, axis=0, return_counts=True)
    plain = plain[np.argsort(-count)[:8]]  # white among them
    chosen = np.concatenate([greys, plain, *exact])[:256]
    colours = np.unique(sample // 4 * 4 + 2, axis=0)  # each counts once, however much of it is seen
    if len(chosen) < 256:
        few = Image.fromarray(colours[None]).quantize(256 - len(chosen), Image.Quantize.MEDIANCUT, kmeans=2)
        shades = np.array(few.getpalette(), np.uint8).reshape(-1, 3)
        apart = np.abs(shades[:, None].astype(int) - plain[None]).max(axis=2).min(axis=1)
        # Pillow looks colours up in steps of four and might take the neighbour of a plain colour instead
        chosen = np.concatenate([chosen, shades[apart > 8]])[:256]
    palette = Image.new("P", (1, 1))
    palette.putpalette(chosen.tobytes())
    return palette


def _write_film(
    path: Path, program: str, pictures: Sequence[np.ndarray], scales: Sequence[Scale], seconds: float
) -> Path:
    """Write a film, with ``program`` if there is one to use, and only then give it its name."""
    part = path.with_suffix(".part" + path.suffix)
    if program:
        _write_mp4(program, pictures, part, seconds)
    else:
        _write_gif(pictures, scales, part, seconds)
    return part.replace(path)


def ffmpeg() -> str:
    """The program that writes MP4; InputError if there is none."""
    try:
        import imageio_ffmpeg
    except ImportError:
        found = which("ffmpeg")
    else:
        found = str(imageio_ffmpeg.get_ffmpeg_exe())
    if found is None:
        raise InputError(
            "ffmpeg, which writes MP4, is not there", field="path", value=".mp4",
            remedy="Name the file .gif, or install imageio-ffmpeg",
        )  # fmt: skip
    return found


def _write_mp4(program: str, pictures: Sequence[np.ndarray], path: Path, seconds: float) -> None:
    height, width = (n - n % 2 for n in pictures[0].shape[:2])  # players want even numbers
    command = [
        program, "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24",
        "-s", f"{width}x{height}", "-framerate", f"{len(pictures) / seconds:.6f}", "-i", "-",
        "-r", "25", "-pix_fmt", "yuv420p", "-movflags", "+faststart", str(path),
    ]  # fmt: skip
    data = b"".join(np.ascontiguousarray(picture[:height, :width]).tobytes() for picture in pictures)
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    if done.returncode:
        raise InputError(
            f"ffmpeg failed: {done.stderr.decode(errors='replace').strip()[-300:]}", field="path",
            value=path.name, remedy="Name the file .gif",
        )  # fmt: skip
