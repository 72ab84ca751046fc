"""Pictures of fields with a corner cut away: what the cut shows, true lengths, one scale for all moments."""

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from lithoscape.errors import InputError
from lithoscape.mesh import read_mesh
from lithoscape.report import cutaway as module
from lithoscape.report.cutaway import (
    Layer,
    View,
    cutaway,
    readable,
    round_length,
    scale_bar,
    shared_limits,
    surfaces,
    write_animation,
    write_pictures,
)

SIZE = np.array([24e-6, 16e-6, 20e-6])
PIXELS = (480, 400)


def block(n: tuple[int, int, int] = (5, 3, 3), size: np.ndarray = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """Points [m] and tetrahedra of a box, six in each of its bricks."""
    axes = [np.linspace(0, s, k + 1) for s, k in zip(size, n, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    number = np.arange(len(points)).reshape([k + 1 for k in n])
    cells = []
    for start in np.ndindex(n):
        for order in itertools.permutations(range(3)):
            steps = [np.array(start)]
            for k in order:
                steps.append(steps[-1] + np.eye(3, dtype=int)[k])
            cells.append([number[tuple(step)] for step in steps])
    return points, np.array(cells)


def uniform(value: float = 0.5, **more) -> Layer:
    points, cells = block()
    return Layer(points, cells, np.full(len(points), value), "State of lithiation", **more)


def view_of(size: np.ndarray = SIZE) -> View:
    """Of the block with axis 0 across the electrode."""
    return View(np.zeros(3), 1e6 * size[[1, 2, 0]], (400, 360))


def painted(picture: np.ndarray) -> np.ndarray:
    return np.ptp(picture.astype(int), axis=2) > 40


def inside(shape: tuple[int, int], corners: np.ndarray) -> np.ndarray:
    """Pixels in a convex polygon with corners (column, row) in order."""
    rows, columns = np.indices(shape) + 0.5
    sides = []
    for (x, y), (u, v) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        sides.append((u - x) * (rows - y) - (v - y) * (columns - x))
    sides = np.array(sides)
    return (sides > 0).all(axis=0) | (sides < 0).all(axis=0)


# the cut


def test_the_cut_faces_are_flat_whole_and_hold_the_interpolated_field() -> None:
    points, cells = block()
    field = 0.2 + points @ [1e4, 2e4, 5e3]
    view = view_of()
    flat, rest = surfaces(Layer(points, cells, field, "x"), view)
    at = np.asarray(flat.points)[:, [2, 0, 1]] * 1e-6  # back to the axes of the mesh
    np.testing.assert_allclose(flat["value"], 0.2 + at @ [1e4, 2e4, 5e3], rtol=1e-6)
    corners = np.asarray(flat.points)[flat.regular_faces]
    a, b, c = view.high
    areas = flat.compute_cell_sizes()["Area"]
    for k, (face, middle) in enumerate(zip((b * c, a * c, a * b), view.cut, strict=True)):
        on_cut = np.abs(corners[..., k] - middle).max(axis=1) < 1e-3
        assert areas[on_cut].sum() == pytest.approx(face / 4, rel=1e-3)  # one quarter of the section
        on_box = np.abs(corners[..., k] - view.high[k]).max(axis=1) < 1e-3
        assert areas[on_box].sum() == pytest.approx(0.75 * face, rel=1e-3)
    assert not (np.asarray(flat.points) > view.cut + 1e-3).all(axis=1).any()
    assert not (np.asarray(rest.points) > view.cut + 1e-3).all(axis=1).any()


@pytest.mark.parametrize(
    "bricks", [(5, 3, 3), (4, 4, 4)]
)  # the planes go through cells, and along their faces
def test_a_field_in_the_cells_is_cut_on_the_side_that_stays(bricks: tuple[int, int, int]) -> None:
    points, cells = block(bricks)
    middles = points[cells].mean(axis=1)
    away = (middles > SIZE / 2).all(axis=1)
    flat, _ = surfaces(Layer(points, cells, np.where(away, 1.0, 0.0), "x"), view_of())
    if bricks == (4, 4, 4):
        assert flat["value"].max() == 0.0
    assert len(flat["value"]) == flat.n_cells


def test_the_picture_shows_the_inside_where_the_corner_was() -> None:
    points, cells = block((8, 8, 8))
    deep = (np.abs(points - SIZE / 2) < 0.3 * SIZE).all(axis=1)  # nowhere at the surface
    picture = module._draw(*drawing_of([Layer(points, cells, np.where(deep, 1.0, 0.0), "x", (0, 1))]))
    view = view_of()
    yellow = np.abs(picture.astype(int) - (253, 231, 37)).max(axis=2) < 30
    opening = inside(picture.shape[:2], view.project(outline_of_opening(view.middle, view.high)))
    assert yellow.sum() > 0.2 * opening.sum()
    assert not yellow[~opening].any()


def outline_of_opening(middle: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Hexagon in which the octant that is cut away is seen, corners in order [um]."""
    signs = [(1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1), (1, 0, 1)]
    return np.array([np.where(sign, high, middle) for sign in signs])


def drawing_of(layers: list[Layer], view: View | None = None) -> tuple:
    return layers, module._scales([layers]), view or view_of(), 0, True


def test_a_uniform_field_is_drawn_differently_where_the_corner_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_frame", lambda view: (view.low[None], view.middle[None]))  # out of sight
    cut = module._draw(*drawing_of([uniform()]))
    monkeypatch.setattr(View, "cut", property(lambda self: 1.2 * self.high))
    whole = module._draw(*drawing_of([uniform()]))
    differs = (cut != whole).any(axis=2)
    view = view_of()
    opening = inside(cut.shape[:2], view.project(outline_of_opening(view.middle, view.high)))
    grown = np.zeros_like(opening)
    for shift in itertools.product(range(-3, 4), repeat=2):  # lines have a width
        grown |= np.roll(opening, shift, axis=(0, 1))
    assert differs.sum() > 200
    assert differs[~grown].sum() < 20  # where two pieces of a line meet


def test_flat_faces_have_the_very_colours_of_the_scale() -> None:
    picture = module._draw(*drawing_of([uniform(0.25, limits=(0.0, 1.0))]))
    seen, count = np.unique(picture.reshape(-1, 3), axis=0, return_counts=True)
    seen, count = seen[count.argsort()][::-1], np.sort(count)[::-1]
    expected = 255 * np.array(colormaps["viridis"](0.25)[:3])
    body = next(colour for colour in seen if not (colour == 255).all())
    np.testing.assert_allclose(body, expected, atol=2)


def test_the_collector_is_below() -> None:
    points, cells = block()
    for through, low in itertools.product(range(3), (True, False)):
        height = points[:, through] / SIZE[through]
        layer = Layer(points, cells, height if low else 1 - height, "x", (0, 1))
        scales = module._scales([[layer]])
        view = module._view([("", [layer])], through, low, None, (300, 300), 1.0)
        picture = module._draw([layer], scales, view, through, low)
        body = painted(picture)
        green = [picture[row][body[row]][:, 1].mean() for row in np.flatnonzero(body.any(axis=1))]
        assert green[-5] < 60 < 200 < green[5]  # dark below, yellow above


def test_what_is_drawn_alone_keeps_its_place_in_the_outline() -> None:
    points, cells = block()
    lower = cells[(points[cells][..., 0] < 0.5 * SIZE[0]).all(axis=1)]
    layer = Layer(points, lower, points[:, 0], "x")
    view = module._view([("", [layer])], 0, True, [[0, 0, 0], SIZE], (400, 360), 1.0)
    np.testing.assert_allclose(view.high, view_of().high)
    rows = np.flatnonzero(
        painted(module._draw([layer], module._scales([[layer]]), view, 0, True)).any(axis=1)
    )
    assert rows[0] > 0.35 * 360


def test_the_parts_of_a_packing_fill_the_cut() -> None:
    mesh = read_mesh(Path(__file__).parents[2] / "meshes" / "ready" / "packing.vtu")
    solid = np.isin(mesh.tags, [mesh.regions["active"], mesh.regions["inactive"]])
    parts = [Layer(mesh.points, mesh.cells[keep], mesh.points[:, 0], "x") for keep in (solid, ~solid)]
    view = module._view([("", parts)], 0, True, None, (400, 360), 1.0)
    areas = np.zeros(2)
    for k, part in enumerate(parts):
        flat, _ = surfaces(part, view)
        corners = np.asarray(flat.points)[flat.regular_faces]
        floor = np.abs(corners[..., 2] - view.cut[2]).max(axis=1) < 1e-4
        areas[k] = flat.compute_cell_sizes()["Area"][floor].sum()
    assert (areas > 10).all()
    assert areas.sum() == pytest.approx(np.prod((view.high - view.cut)[:2]), rel=1e-4)


# lengths


@pytest.mark.parametrize(
    ("most", "expected"), [(9.9, 5), (10, 10), (0.3, 0.2), (45, 20), (1, 1), (0.06, 0.05)]
)
def test_round_lengths(most: float, expected: float) -> None:
    assert round_length(most) == pytest.approx(expected)


@pytest.mark.parametrize("size", [SIZE, SIZE * [1.0, 2.0, 0.4], SIZE * [3.0, 0.4, 0.5]])
def test_the_projection_is_that_of_the_picture(size: np.ndarray) -> None:
    points, cells = block((2, 2, 2), size)
    layer = Layer(points, cells, np.full(len(points), 1.0), "x", (0, 1))
    view = view_of(size)
    body = painted(module._draw(*drawing_of([layer], view)))
    rows, columns = (np.flatnonzero(body.any(axis=k)) for k in (1, 0))
    corners = view.project(view.corners)
    assert columns[0] == pytest.approx(corners[:, 0].min(), abs=1.5)
    assert columns[-1] + 1 == pytest.approx(corners[:, 0].max(), abs=1.5)
    assert rows[0] == pytest.approx(corners[:, 1].min(), abs=1.5)
    assert rows[-1] + 1 == pytest.approx(corners[:, 1].max(), abs=1.5)


@pytest.mark.parametrize("factor", [1.0, 3.0])  # below an edge; upright
def test_the_scale_bar_is_as_long_as_it_says(factor: float) -> None:
    points, cells = block((2, 2, 2), SIZE * [factor, 1, 1])
    layer = Layer(points, cells, np.full(len(points), 1.0), "x", (0, 1))
    picture = cutaway([layer], pixels=(900, 750))
    columns = np.arange(picture.shape[1])
    body = painted(picture)
    body[:, columns > 600] = False  # the colour bar
    used = np.flatnonzero(body.any(axis=0))
    side = np.flatnonzero(body[:, used[0] + 1])  # the upright edge on the left
    per_micrometre = (side[-1] - side[0] + 1) / (1e6 * factor * SIZE[0])
    view = module._view([("", [layer])], 0, True, None, (900 - 113, 720), 0.75)
    length, _ = scale_bar(view)
    assert length == (10 if factor == 1.0 else 20)
    dark = (picture < 60).all(axis=2)
    lower = np.indices(dark.shape)[0]
    if factor == 1.0:
        along = np.array([np.sqrt(3) / 2, 0.5])
        dark &= (lower > side[-1]) & (lower < 715) & (columns < np.flatnonzero(body.any(axis=0)).mean())
    else:
        along = np.array([0.0, 1.0])
        dark &= columns < used[0] - 2
    spots = np.argwhere(dark)[:, ::-1]
    across = spots @ np.array([along[1], -along[0]])
    bar = spots[across > across.max() - 6 * 0.75] @ along  # without the number, which is further away
    assert np.ptp(bar) / per_micrometre == pytest.approx(length, rel=0.04)


def test_the_order_of_the_nodes_leaves_no_trace() -> None:
    points, cells = block()
    turned = cells.copy()
    turned[::3] = cells[::3, ::-1][:, [1, 0, 2, 3]]
    layers = [Layer(points, these, points[:, 0], "x") for these in (cells, turned)]
    one, other = (module._draw(*drawing_of([layer])) for layer in layers)
    lines = (one < 60).all(axis=2)
    assert (one != other).any(axis=2).mean() < 1e-3
    assert lines.mean() < 0.02  # edges of faces, not of cells


# scales


def test_shared_limits_pass_over_what_is_not_finite() -> None:
    series = [np.array([np.nan, 0.3]), np.array([[0.1, np.inf]]), np.array([np.nan])]
    assert shared_limits(series) == (0.1, 0.3)
    for nothing in ([], [np.array([np.nan, -np.inf])]):
        with pytest.raises(InputError, match="no finite value"):
            shared_limits(nothing)


def test_a_scale_is_of_all_moments_and_symmetric_about_its_centre() -> None:
    points, cells = block((1, 1, 1))
    early, late = (
        Layer(points, cells, np.linspace(*ends, 8), "c", centre=1.0) for ends in ((0, 1), (1, 1.5))
    )
    (scale,) = module._scales([[early], [late]])
    assert (scale.low, scale.high, scale.colours, scale.beyond) == (0.0, 2.0, "RdBu_r", "neither")
    (scale,) = module._scales([[Layer(points, cells, np.linspace(0, 1, 8), "c", (0.2, 1.0))]])
    assert (scale.low, scale.high, scale.colours, scale.beyond) == (0.2, 1.0, "viridis", "min")
    (scale,) = module._scales([[uniform(0.5)]])
    assert scale.low < 0.5 < scale.high
    with pytest.raises(InputError, match="several colour scales"):
        module._scales([[early], [Layer(points, cells, late.values, "c")]])


def test_every_moment_has_the_shared_scale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used = []
    draw = module._draw
    monkeypatch.setattr(module, "_draw", lambda *of: used.append(of[1]) or draw(*of))
    frames = [(f"{k} h", [uniform(0.1 + 0.2 * k)]) for k in range(5)]
    path = write_pictures(frames, tmp_path / "sol.png", pixels=(160, 160))
    assert [(s.low, s.high) for (s,) in used] == [(0.1, pytest.approx(0.9))] * 5
    with Image.open(path) as image:
        assert image.format == "PNG"
        picture = np.asarray(image)
    for value in (0.1, 0.3, 0.5, 0.7, 0.9):  # each moment in its own colour
        colour = 255 * np.array(colormaps["viridis"]((value - 0.1) / 0.8)[:3])
        assert (np.abs(picture - colour).max(axis=2) < 4).sum() > 1000
    assert not list(tmp_path.glob("*.part*"))


def test_one_bar_for_each_name() -> None:
    points, cells = block()
    low, high = np.array_split(cells, 2)
    pair = [
        Layer(points, low, points[:, 0], "State of lithiation"),
        Layer(points, high, 1e3 + points[:, 0], "Electrolyte concentration [mol.m-3]"),
    ]
    assert [scale.name for scale in module._scales([pair, pair])] == [layer.name for layer in pair]
    picture = cutaway(pair, title="1 h", pixels=PIXELS)
    assert picture.shape == (PIXELS[1], PIXELS[0], 3) and picture.dtype == np.uint8
    for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
        assert (edge == 255).all()  # nothing is cut off


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("Electrolyte concentration [mol.m-3]", "Electrolyte concentration [mol m⁻³]"),
        ("Reaction current density [A.m-2]", "Reaction current density [A m⁻²]"),
        ("State of lithiation", "State of lithiation"),
        ("Potential 2 [V]", "Potential 2 [V]"),
    ],
)
def test_units_are_printed_as_powers(name: str, printed: str) -> None:
    assert readable(name) == printed


# animations


def test_the_animation_has_every_moment(tmp_path: Path) -> None:
    frames = [(f"{k} h", [uniform(value)]) for k, value in enumerate((0.2, 0.5, 0.5, 0.9))]
    frames[2] = (frames[1][0], frames[2][1])  # looks as the one before
    path = write_animation(frames, tmp_path / "sol.gif", 2.0, pixels=PIXELS)
    with Image.open(path) as image:
        assert image.format == "GIF" and image.n_frames == 4 and image.size == PIXELS
        durations, colours = [], []
        for k in range(4):
            image.seek(k)
            durations.append(image.info["duration"])
            colours.append(np.asarray(image.convert("RGB"))[200, 120:260].mean(axis=0))
    assert sum(durations) == 2000
    assert np.abs(colours[0] - colours[3]).max() > 50
    np.testing.assert_allclose(colours[1], colours[2], atol=2)


def test_mp4_needs_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    frames = [("0 h", [uniform()]), ("1 h", [uniform()])]
    with pytest.raises(InputError, match=r"\.gif"):
        write_animation(frames, tmp_path / "sol.mp4")
    program = tmp_path / "ffmpeg"
    program.write_text(
        f'#!{sys.executable}\nimport sys\nopen(sys.argv[-1], "wb").write(sys.stdin.buffer.read())\n'
    )
    program.chmod(0o755)
    path = write_animation(frames, tmp_path / "sol.mp4", pixels=(401, 351))
    assert path.stat().st_size == 2 * 400 * 350 * 3
    program.write_text(f'#!{sys.executable}\nimport sys\nsys.stdin.buffer.read()\nsys.exit("no encoder")\n')
    with pytest.raises(InputError, match="no encoder"):
        write_animation(frames, tmp_path / "sol.mp4", pixels=(401, 351))


# bad input

POINTS, CELLS = block((1, 1, 1))
FIELD = np.linspace(0, 1, len(POINTS))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_must_be_finite(bad: float) -> None:
    values = FIELD.copy()
    values[3] = bad
    with pytest.raises(InputError, match="State of charge"):
        Layer(POINTS, CELLS, values, "State of charge")
    with pytest.raises(InputError, match="State of charge"):
        Layer(POINTS, CELLS, np.full(len(CELLS), bad), "State of charge")


def test_points_without_a_cell_may_lack_a_value() -> None:
    points, cells = block()
    lower = cells[(points[cells][..., 0] < 0.5 * SIZE[0]).all(axis=1)]
    values = np.where(np.isin(np.arange(len(points)), lower), 0.5, np.nan)
    values[lower[0, 0]] = 0.4
    layer = Layer(points, lower, values, "x")
    assert layer.seen.min() == 0.4
    for part in surfaces(layer, view_of()):
        assert np.isfinite(part["value"]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": np.zeros(7)}, "neither a value per point nor one per cell"),
        ({"values": np.zeros((len(POINTS), 1))}, "neither a value per point"),
        ({"cells": np.zeros((0, 4), int)}, "no cells"),
        ({"cells": CELLS[:, :2]}, "four nodes"),
        ({"cells": CELLS + 1}, "not there"),
        ({"points": POINTS[:, :2]}, "three coordinates"),
        ({"points": POINTS * np.nan}, "points of 'x' are not finite"),
        ({"limits": (1.0, 0.0)}, "not a range"),
        ({"limits": (0.0, np.nan)}, "not a range"),
        ({"centre": np.inf}, "centre"),
        ({"colour_map": "rainbows"}, "colour map"),
    ],
)
def test_bad_layers(change: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Layer(**{"points": POINTS, "cells": CELLS, "values": FIELD, "name": "x"} | change)


def test_bad_pictures(tmp_path: Path) -> None:
    layer = Layer(POINTS, CELLS, FIELD, "x")
    flat = Layer(POINTS * [1, 1, 0], CELLS, FIELD, "x")
    far = [[-9e-5, -9e-5, -9e-5], SIZE]
    for message, call in {
        "nothing to draw": lambda: cutaway([]),
        "three axes": lambda: cutaway([layer], through=3),
        "corner of a box": lambda: cutaway([layer], outline=[0, 1]),
        "too small": lambda: cutaway([layer], pixels=(120, 90)),
        "is flat": lambda: cutaway([flat]),
        "corner that is cut away": lambda: cutaway([layer], outline=far),
        "no moments": lambda: write_pictures([], tmp_path / "x.png"),
        "kind of file": lambda: write_pictures([("", [layer])], tmp_path / "x.svg"),
        r"\.gif or \.mp4": lambda: write_animation([("", [layer])], tmp_path / "x.avi"),
        "lasts": lambda: write_animation([("", [layer])], tmp_path / "x.gif", 0.0),
        "drawings are too small": lambda: write_pictures([("", [layer])], tmp_path / "x.png", pixels=(9, 9)),
    }.items():
        with pytest.raises(InputError, match=message):
            call()
    assert not list(tmp_path.iterdir())
