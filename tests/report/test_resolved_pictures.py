"""Pictures of resolved runs: one scale for all moments, colours where they belong, names, bad input."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from lithoscape.errors import InputError
from lithoscape.field_files import FieldMesh, Snapshot
from lithoscape.mesh import read_mesh
from lithoscape.report import cutaway
from lithoscape.report import resolved_pictures as module
from lithoscape.report.cutaway import Layer, backdrop
from lithoscape.report.resolved_pictures import (
    CURRENT,
    SALT,
    SOL,
    duration,
    evenly,
    moment_title,
    write_state_pictures,
)

FACES = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])


def meshes() -> dict[str, FieldMesh]:
    """Parts of a small packing with binder."""
    mesh = read_mesh(Path(__file__).parents[2] / "meshes" / "ready" / "three_phases.vtu")
    number = mesh.regions
    solid = np.isin(mesh.tags, [number["active"], number["binder"]])
    wet = np.isin(mesh.tags, [number["binder"], number["pore"], number["separator"]])
    active = mesh.cells[mesh.tags == number["active"]]
    faces = np.sort(active[:, FACES].reshape(-1, 3), axis=1)
    found, count = np.unique(faces, axis=0, return_counts=True)
    theirs = np.unique(np.sort(mesh.cells[wet][:, FACES].reshape(-1, 3), axis=1), axis=0)
    names = {tuple(face) for face in theirs}
    surface = np.array(
        [face for face, n in zip(found, count, strict=True) if n == 1 and tuple(face) in names]
    )

    def part(kind: str, cells: np.ndarray, tags: np.ndarray) -> FieldMesh:
        nodes, local = np.unique(cells, return_inverse=True)
        return FieldMesh(kind, mesh.points[nodes], local.reshape(cells.shape), {"Region": tags}, number)

    # active material and binder have nodes of their own, as in a run
    pieces = [part("tetra", mesh.cells[mesh.tags == number[n]], mesh.tags) for n in ("active", "binder")]
    joined = FieldMesh(
        "tetra", np.concatenate([p.points for p in pieces]),
        np.concatenate([pieces[0].cells, pieces[1].cells + len(pieces[0].points)]),
        {"Region": np.repeat([number["active"], number["binder"]], [len(p.cells) for p in pieces])}, number,
    )  # fmt: skip
    assert len(joined.cells) == solid.sum()
    return {
        "solid": joined,
        "electrolyte": part("tetra", mesh.cells[wet], mesh.tags[wet]),
        "surface": part("triangle", surface, np.full(len(surface), number["active"])),
    }


MESHES = meshes()


def snapshot(name: str, time: float, level: float, current: float = -4.0) -> Snapshot:
    """A state of lithiation that rises from the collector, and little else."""
    solid, electrolyte, surface = (MESHES[part].points[:, 0] / 30e-6 for part in MESHES)
    region = np.zeros(len(solid), bool)
    mesh = MESHES["solid"]
    region[mesh.cells[mesh.cell_data["Region"] == mesh.regions["active"]]] = True
    values = {
        "solid": {SOL: np.where(region, level + 0.2 * solid, np.nan)},
        "electrolyte": {SALT: 1000 + 300 * level * electrolyte},
        "surface": {CURRENT: current * (0.5 + surface)},
    }
    return Snapshot(name, time, MESHES, values)


SERIES = [snapshot("start", 0.0, 0.2), snapshot("end", 1800.0, 0.6)]


def near_map(picture: np.ndarray, colour: np.ndarray, tolerance: float = 6) -> np.ndarray:
    return np.abs(picture - colour).max(axis=2) < tolerance


def near(picture: np.ndarray, colour: np.ndarray, tolerance: float = 6) -> int:
    return int(near_map(picture, colour, tolerance).sum())


def test_all_pictures_are_written_with_one_scale_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scales = []
    draw = cutaway._draw
    monkeypatch.setattr(cutaway, "_draw", lambda *of: scales.append(of[1]) or draw(*of))
    found = write_state_pictures(SERIES, tmp_path / "new", pixels=(200, 220))
    assert [[path.name for path in paths] for paths in found.values()] == [
        [f"{stem}.png"] for stem in ("state_of_lithiation", "reaction_current", "electrolyte_concentration")
    ]
    assert sorted(tmp_path.glob("new/*")) == sorted(path for (path,) in found.values())
    assert len(scales) == 3 * 2
    for k, (name, ends) in enumerate({SOL: (0.2, 0.8), "A.m-2": None, SALT: (1000, 1180)}.items()):
        mine = scales[2 * k : 2 * k + 2]
        assert {(s.low, s.high) for (s,) in mine} == {(mine[0][0].low, mine[0][0].high)}
        assert name in mine[0][0].name
        if ends:
            assert (mine[0][0].low, mine[0][0].high) == pytest.approx(ends, abs=0.1 * (ends[1] - ends[0]))
    for (path,) in found.values():
        with Image.open(path) as image:
            picture = np.asarray(image.convert("RGB"))
        assert picture.shape[1] > 300
        for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
            assert (edge == 255).all()  # nothing is cut off


def test_an_animation_has_all_moments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_MOMENTS", 1)
    series = [snapshot(f"{k}", 60.0 * k, 0.2 + 0.1 * k) for k in range(3)]
    found = write_state_pictures(series, tmp_path, quantities=[SALT], pixels=(160, 160), animation="gif")
    assert [path.name for path in found[SALT]] == [f"electrolyte_concentration{s}" for s in (".png", ".gif")]
    with Image.open(found[SALT][1]) as image:
        assert image.n_frames == 3


def test_the_binder_has_no_lithium_and_is_grey(tmp_path: Path) -> None:
    write_state_pictures(SERIES[:1], tmp_path, quantities=[SOL], pixels=(300, 300))
    with Image.open(tmp_path / "state_of_lithiation.png") as image:
        picture = np.asarray(image.convert("RGB")).astype(float)
    assert near(picture, 255 * np.array(colormaps["viridis"](0.1)[:3]), 40) > 500
    grey = np.array([int(module._CONDUCTOR[k : k + 2], 16) for k in (1, 3, 5)])
    assert near(picture, grey, 3) > 300
    assert [path.name for path in tmp_path.iterdir()] == ["state_of_lithiation.png"]


def test_currents_are_on_the_surface_and_the_cut_is_grey() -> None:
    solid, _, field = module._reaction(SERIES[0], {"limits": (-6.0, -2.0), "colour_map": "plasma"})
    red = backdrop(field.points, field.cells, "#ff0000")
    bare, picture = (
        cutaway.cutaway(drawn, pixels=(500, 460)).astype(int) for drawn in ([solid], [solid, red])
    )
    grey = np.array([int(module._SOLID[k : k + 2], 16) for k in (1, 3, 5)])
    assert near(picture, grey, 2) > 10000  # the cut
    curved = (np.abs(bare - grey).max(axis=2) > 5) & (bare.min(axis=2) > 60) & (bare.max(axis=2) < grey.max())
    coloured = picture[..., 0] > picture[..., 1] + 60
    assert curved.sum() > 5000
    assert (coloured & curved).sum() > 0.9 * curved.sum()  # what faces the pores reacts
    assert (coloured & near_map(bare, grey, 2)).sum() < 0.1 * coloured.sum()


def test_scales_of_currents() -> None:
    discharge = module._style(CURRENT, SERIES)
    assert (
        discharge["colour_map"] == "plasma_r" and -6 < discharge["limits"][0] < discharge["limits"][1] < -1.9
    )
    assert module._style(CURRENT, [snapshot("", 0, 0.3, 4.0)])["colour_map"] == "plasma"
    both = module._style(CURRENT, [*SERIES, snapshot("", 0, 0.3, 4.0)])
    assert both["centre"] == 0.0 and "colour_map" not in both
    mesh = MESHES["surface"]
    spike = np.zeros(len(mesh.points))
    spike[0] = 1e6  # one sharp corner
    assert module._most(mesh, spike, (0.01, 0.99)).tolist() == [0.0, 0.0]


def test_a_surface_is_clipped_with_the_corner() -> None:
    mesh = MESHES["surface"]
    layer = Layer(mesh.points, mesh.cells, mesh.points[:, 0], "x")
    box = np.stack([MESHES["electrolyte"].points.min(axis=0), MESHES["electrolyte"].points.max(axis=0)])
    view = cutaway._view([("", [layer])], 0, True, box, (300, 300), 1.0)
    flat, rest = cutaway.surfaces(layer, view)
    assert flat.n_cells == 0
    area = rest.compute_cell_sizes()["Area"].sum()
    inside = (cutaway._upright(mesh.points, 0, True)[mesh.cells] > view.cut).all(axis=(1, 2))
    whole = 1e12 * mesh.sizes
    assert whole[~inside].sum() * 0.97 < area < whole[~inside].sum()
    assert not (np.asarray(rest.points) > view.cut + 1e-3).all(axis=1).any()


def test_plain_layers_have_no_bar() -> None:
    mesh = MESHES["solid"]
    grey = backdrop(mesh.points, mesh.cells, "#808080")
    assert cutaway._scales([[grey]]) == []
    picture = cutaway.cutaway([grey], pixels=(300, 280))
    assert near(picture.astype(float), np.full(3, 128.0), 2) > 1000
    with pytest.raises(InputError, match="no such colour"):
        backdrop(mesh.points, mesh.cells, "#12")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (45, "45 s"), (60, "1 min"), (90, "90 s"), (3600, "1 h"), (5400, "90 min"), (9000, "2.5 h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_titles_and_moments() -> None:
    assert moment_title(SERIES[1]) == "end, 30 min"
    assert moment_title(snapshot("after 30 min", 1800.0, 0.3)) == "after 30 min"
    assert moment_title(snapshot("", 1800.0, 0.3)) == "30 min"
    assert evenly(3, 8) == [0, 1, 2]
    assert evenly(20, 8)[0] == 0 and evenly(20, 8)[-1] == 19 and len(evenly(20, 8)) == 8
    assert evenly(1, 8) == [0]


def test_bad_pictures(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no moments"):
        write_state_pictures([], tmp_path / "x")
    with pytest.raises(InputError, match="no such picture"):
        write_state_pictures(SERIES, tmp_path / "x", quantities=["Potential"])
    assert not (tmp_path / "x").exists()
