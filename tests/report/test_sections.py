"""Pictures of fields in the plane: true lengths, colours where they belong, one scale, bad input."""

import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from lithoscape.errors import InputError
from lithoscape.field_files import FieldMesh, Snapshot
from lithoscape.report.cutaway import Layer, backdrop
from lithoscape.report.resolved_pictures import CURRENT, SALT, SOL, write_state_pictures
from lithoscape.report.sections import ribbon, write_section_animation, write_sections

SIZE = np.array([40e-6, 24e-6])
"""Through the electrode, and across."""


def sheet(n: tuple[int, int] = (20, 12)) -> tuple[np.ndarray, np.ndarray]:
    """Points [m] and triangles of a rectangle."""
    axes = [np.linspace(0, s, k + 1) for s, k in zip(SIZE, n, strict=True)]
    points = np.stack(np.meshgrid(*axes, [0.0], indexing="ij"), axis=-1).reshape(-1, 3)
    number = np.arange(len(points)).reshape(n[0] + 1, n[1] + 1)
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    cells = [np.stack(half, axis=-1).reshape(-1, 3) for half in ((a, b, c), (a, c, d))]
    return points, np.concatenate(cells)


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def coloured(picture: np.ndarray, bar: int) -> np.ndarray:
    """Pixels with a colour, left of the colour bar."""
    found = np.ptp(picture, axis=2) > 30
    found[:, bar:] = False
    return found


def test_lengths_are_true_and_the_collector_is_below(tmp_path: Path) -> None:
    points, cells = sheet()
    field = Layer(points, cells, points[:, 0], "x [m]", (0.0, 40e-6))
    for collector_low in (True, False):
        picture = read(write_sections([("now", [field])], tmp_path / "x.png", collector_low=collector_low))
        body = coloured(picture, picture.shape[1] - 150)
        rows, columns = (np.flatnonzero(body.any(axis=k)) for k in (1, 0))
        high, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert high / wide == pytest.approx(40 / 24, rel=0.02)
        middle = int(columns.mean())
        ends = picture[rows[2], middle], picture[rows[-3], middle]
        yellow, purple = (np.array([int(255 * c) for c in colormaps["viridis"](x)[:3]]) for x in (1.0, 0.0))
        expected = (yellow, purple) if collector_low else (purple, yellow)
        for seen, colour in zip(ends, expected, strict=True):
            assert np.abs(seen - colour).max() < 12
        below = (picture[rows[-1] + 8 : rows[-1] + 20, : columns[-1]] < 90).all(axis=2)
        bar = np.flatnonzero(below.any(axis=0))
        assert (np.ptp(bar) + 1) / wide == pytest.approx(10 / 24, rel=0.03)  # the bar says 10 um


def test_moments_share_a_scale_and_nothing_is_cut_off(tmp_path: Path) -> None:
    points, cells = sheet((4, 3))
    frames = [
        (f"{k} h", [Layer(points, cells, np.full(len(points), 0.1 + 0.2 * k), "State")]) for k in range(5)
    ]
    picture = read(write_sections(frames, tmp_path / "x.png", pixels=(160, 160)))
    for value in (0.1, 0.3, 0.5, 0.7, 0.9):
        colour = 255 * np.array(colormaps["viridis"]((value - 0.1) / 0.8)[:3])
        assert (np.abs(picture - colour).max(axis=2) < 4).sum() > 500
    for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
        assert (edge == 255).all()
    assert not list(tmp_path.glob("*.part*"))


def test_the_animation_is_white_where_nothing_is(tmp_path: Path) -> None:
    points, cells = sheet()
    grey = backdrop(points, cells[: len(cells) // 4])
    frames = []
    for k in range(4):
        field = Layer(
            points, cells[len(cells) // 2 :], np.sin(k + points[:, 0] * 1e5), "c", colour_map="GnBu"
        )
        frames.append((f"{k} h", [field, grey]))
    path = write_section_animation(frames, tmp_path / "x.gif", 2.0, pixels=(300, 300))
    with Image.open(path) as image:
        assert image.n_frames == 4
        for k in range(4):
            image.seek(k)
            picture = np.asarray(image.convert("RGB"))
            assert (picture[:3] == 255).all()
            assert (picture == (0xC9, 0xCE, 0xD5)).all(axis=2).sum() > 1000


def test_films_become_mp4_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nout = open(sys.argv[-1], 'wb')\n"
        "size = sys.argv[sys.argv.index('-s') + 1]\n"
        "out.write((size + '\\n').encode() + sys.stdin.buffer.read())\n"
    )
    program.chmod(0o755)
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]]) * 1e-5
    layer = Layer(points, [[0, 1, 2], [1, 3, 2]], points[:, 0], "x")
    frames = [("now", [layer]), ("now", [layer])]
    path = write_section_animation(frames, tmp_path / "x.mp4", 2.0, pixels=(301, 300))
    size, raw = path.read_bytes().split(b"\n", 1)
    width, height = map(int, size.split(b"x"))
    assert width % 2 == height % 2 == 0  # players want even numbers
    first, second = np.frombuffer(raw, np.uint8).reshape(2, height, width, 3)
    assert (first[:-10] == second[:-10]).all() and (first[-1] != second[-1]).any()


def test_ribbons_lie_on_their_lines() -> None:
    points = np.array([[0, 0, 0], [3e-6, 4e-6, 0], [3e-6, 9e-6, 0]])
    lines = np.array([[0, 1], [2, 1]])
    corners, cells, values = ribbon(points, lines, np.array([1.0, 2.0, 3.0]), 1e-6)
    assert corners.shape == (8, 3) and cells.shape == (4, 3)
    edges = corners[cells[:, 1:]] - corners[cells[:, :1]]
    area = np.abs(np.linalg.det(edges[..., :2])) / 2
    assert area.sum() == pytest.approx((5e-6 + 5e-6 + 2 * 0.5e-6) * 1e-6)
    for k, (first, last) in enumerate(lines):
        mine = corners[4 * k : 4 * k + 4]
        assert mine.mean(axis=0) == pytest.approx(points[[first, last]].mean(axis=0))
        near = np.linalg.norm(mine - points[first], axis=1) < 1e-6
        assert values[4 * k : 4 * k + 4][near].tolist() == [first + 1.0] * 2
        assert values[4 * k : 4 * k + 4][~near].tolist() == [last + 1.0] * 2


def test_a_run_in_the_plane_is_drawn(tmp_path: Path) -> None:
    points, cells = sheet()
    inside = (points[cells][..., 0] < 20.1e-6).all(axis=1)
    line = np.flatnonzero(np.isclose(points[:, 0], 20e-6))
    meshes = {
        "solid": FieldMesh("triangle", points, cells[inside], {"Region": np.ones(inside.sum(), int)}),
        "electrolyte": FieldMesh("triangle", points, cells[~inside], {"Region": np.zeros(sum(~inside), int)}),
        "surface": FieldMesh("line", points, np.stack([line[:-1], line[1:]], axis=1), {}),
    }  # fmt: skip
    values = {
        "solid": {SOL: np.full(len(points), 0.4)}, "electrolyte": {SALT: 1000 + 1e6 * points[:, 0]},
        "surface": {CURRENT: np.full(len(points), -3.0)},
    }  # fmt: skip
    found = write_state_pictures([Snapshot("end", 60.0, meshes, values)], tmp_path, animation=True)
    assert [[p.name for p in paths] for paths in found.values()] == [
        ["state_of_lithiation.png"], ["reaction_current.png"], ["electrolyte_concentration.png"],
    ]  # fmt: skip
    picture = read(tmp_path / "reaction_current.png")
    rows = np.flatnonzero(coloured(picture, picture.shape[1] - 150).any(axis=1))
    grey = np.flatnonzero((picture == (0xC9, 0xCE, 0xD5)).all(axis=2).any(axis=1))
    assert 2 < np.ptp(rows) < 12  # a line
    assert abs(rows.mean() - grey[0]) < 8 and grey[-1] - grey[0] > 150  # on the edge of the solid


def test_bad_sections(tmp_path: Path) -> None:
    points, cells = sheet((2, 2))
    layer = Layer(points, cells, points[:, 0], "x")
    solid = Layer(points + np.eye(3)[2] * np.arange(9)[:, None] * 1e-6, [[0, 1, 3, 4]], np.zeros(9), "x")
    thin = Layer(points * [1, 0, 1], cells, points[:, 0], "x")
    for message, call in {
        "no moments": lambda: write_sections([], tmp_path / "x.png"),
        "kind of file": lambda: write_sections([("", [layer])], tmp_path / "x.gif"),
        "two axes": lambda: write_sections([("", [layer])], tmp_path / "x.png", through=2),
        "too small": lambda: write_sections([("", [layer])], tmp_path / "x.png", pixels=(50, 50)),
        "drawn of triangles": lambda: write_sections([("", [solid])], tmp_path / "x.png"),
        "is flat": lambda: write_sections([("", [thin])], tmp_path / "x.png"),
        "lasts": lambda: write_section_animation([("", [layer])], tmp_path / "x.gif", 0.0),
        "kind of": lambda: write_section_animation([("", [layer])], tmp_path / "x.avi"),
    }.items():  # fmt: skip
        with pytest.raises(InputError, match=message):
            call()
    assert not list(tmp_path.iterdir())
