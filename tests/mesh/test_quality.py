"""The gate: shapes in closed form, every fault found and placed, pockets refused, dropped or kept."""

import math
from dataclasses import replace

import numpy as np
import pytest

from lithoscape.errors import InputError, MeshError
from lithoscape.image import Grid, Volume
from lithoscape.mesh.quality import Report, check, statistics
from lithoscape.mesh.shape import shapes
from lithoscape.mesh.tessellation import Tessellation
from lithoscape.mesh.voxel import voxel_mesh

pytestmark = pytest.mark.filterwarnings("ignore::lithoscape.errors.StaircaseWarning")
UM = 1e-6
REGULAR = np.array([[1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1.0]])
KUHN = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1.0]])
SHEARED = np.array([[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0], [0, 1, 1], [2, 1, 1], [2, 2, 1], [0, 2, 1.0]])
BOX = np.array([[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0], [0, 0, 4], [2, 0, 4], [2, 1, 4], [0, 1, 4.0]])
REGULAR_ANGLE = math.degrees(math.acos(1 / 3))


def single(kind: str, points: np.ndarray) -> Tessellation:
    cells = np.arange(len(points), dtype=np.int32)[None]
    return Tessellation(kind, np.asarray(points, float), cells, np.ones(1, np.int32), {"a": 1})


# -- shapes --------------------------------------------------------------------
SHAPES = [
    ("tetra", REGULAR, REGULAR_ANGLE, REGULAR_ANGLE, 1.0, (math.sqrt(8), math.sqrt(8))),
    ("tetra", KUHN, 45, 90, 1 + math.sqrt(0.5), (1, math.sqrt(3))),
    ("triangle", [[0, 0], [1, 0], [0.5, math.sqrt(0.75)]], 60, 60, 1.0, (1, 1)),
    ("triangle", [[0, 0], [3, 0], [0, 4]], math.degrees(math.atan(3 / 4)), 90, 5 / math.sqrt(12), (3, 5)),
    ("quad", [[0, 0], [2, 0], [2, 1], [0, 1]], 90, 90, 2.0, (1, 2)),
    ("quad", [[0, 0], [1, 0], [2, 1], [1, 1]], 45, 135, 2.0, (1, math.sqrt(2))),
    ("hexahedron", BOX, 90, 90, 4.0, (1, 4)),
    ("hexahedron", SHEARED, 45, 135, math.sqrt(8), (1, 2)),
]


@pytest.mark.parametrize(("kind", "points", "smallest", "largest", "aspect", "edges"), SHAPES)
def test_shapes_in_closed_form(kind, points, smallest, largest, aspect, edges) -> None:
    points = np.asarray(points, float) * UM
    dim = points.shape[1]
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(dim, dim)))[0]
    for place in (points, points @ turn.T + 7 * UM):
        found = statistics(single(kind, place))
        assert found.smallest_angle == pytest.approx(smallest, rel=1e-9)
        assert found.largest_angle == pytest.approx(largest, rel=1e-9)
        assert found.largest_aspect == pytest.approx(aspect, rel=1e-9)
        ends = tuple(length * UM for length in edges)
        assert (found.shortest_edge, found.longest_edge) == pytest.approx(ends, rel=1e-9, abs=0)
        assert set(found.angle_percentiles.values()) == {found.smallest_angle}


@pytest.mark.parametrize(
    ("kind", "points", "bins"),
    [
        ("tetra", REGULAR, {7: 6}),
        ("tetra", KUHN, {4: 2, 6: 1, 9: 3}),
        ("triangle", [[0, 0], [3, 0], [0, 4]], {3: 1, 5: 1, 9: 1}),
        ("quad", [[0, 0], [1, 0], [2, 1], [1, 1]], {4: 2, 13: 2}),
        ("hexahedron", SHEARED, {4: 2, 9: 8, 13: 2}),
    ],
)
def test_every_angle_stands_in_the_histogram(kind: str, points, bins: dict) -> None:
    found = statistics(single(kind, points)).angle_histogram
    assert len(found) == 18
    assert {k: n for k, n in enumerate(found) if n} == bins


def test_figures_of_a_mesh() -> None:
    mesh = cube("tetra")
    found = statistics(mesh)
    assert (found.cells, found.points) == (6 * 4 * 3 * 3, 5 * 4 * 4)
    assert found.region_cells == {"pore": 6 * 16, "active": 6 * 20}
    assert found.region_sizes == pytest.approx({"pore": 16e-18, "active": 20e-18}, rel=1e-12, abs=0)
    assert found.mean_edge == pytest.approx((3 + 2 * math.sqrt(2) + math.sqrt(3)) / 6 * UM, rel=1e-9, abs=0)
    assert sum(found.angle_histogram) == 6 * found.cells
    assert found.angle_percentiles[50] == pytest.approx(45)
    assert found.plain()["aspect_percentiles"][50] == pytest.approx(1 + math.sqrt(0.5))


def test_a_flat_cell_has_no_shape() -> None:
    flat = shapes(single("tetra", [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]]))
    assert flat.smallest_angle[0] == pytest.approx(0, abs=1e-12)
    assert flat.aspect[0] == math.inf


# -- faults --------------------------------------------------------------------
def volume_of(labels: np.ndarray) -> Volume:
    phases = {"pore": 0, "active": 1, "binder": 2}
    labels = np.asarray(labels, np.uint8)
    return Volume(labels, Grid(labels.shape, UM, through=0 if labels.shape[0] > 1 else 2), phases)


def cube(kind: str = "tetra") -> Tessellation:
    """4 x 3 x 3 voxels, 20 of active and 16 of pore, both from end to end."""
    labels = np.zeros((4, 3, 3), int)
    labels[:, 0], labels[:, 1, 0], labels[:2, 1, 1], labels[2:, 1, 2] = 1, 1, 1, 1
    return voxel_mesh(volume_of(labels), kind)


FULL = ((0, 0, 0), (4 * UM, 3 * UM, 3 * UM))


def faults(mesh: Tessellation, **options) -> str:
    with pytest.raises(MeshError) as caught:
        check(mesh, **options)
    assert caught.value.exit_code == 1
    assert caught.value.remedy
    return caught.value.message


@pytest.mark.parametrize("kind", ["tetra", "hexahedron"])
def test_a_good_mesh_passes_as_it_is(kind: str) -> None:
    mesh = cube(kind)
    report = check(mesh, box=FULL, min_dihedral=44.9)
    assert isinstance(report, Report)
    assert report.mesh is mesh
    assert report.statistics == statistics(mesh)
    assert (report.dropped_cells, report.dropped_size, report.notes) == (0, 0.0, ())
    assert report.electrolyte.regions == ("pore",)
    assert (report.electrolyte.source, report.electrolyte.through) == ("separator", True)
    assert report.conductor.size == pytest.approx(20e-18, rel=1e-12, abs=0)
    assert (report.conductor.source, report.conductor.pockets) == ("collector", 0)
    assert report.conductor.through is None


def moved(mesh: Tessellation, point: int, by: tuple[float, float, float]) -> Tessellation:
    points = mesh.points.copy()
    points[point] += np.array(by) * UM
    return replace(mesh, points=points)


def inner_point(mesh: Tessellation) -> int:
    return int(np.flatnonzero((np.abs(mesh.points - [2 * UM, UM, UM]) < 1e-12).all(axis=1))[0])


def test_inverted_cells() -> None:
    mesh = cube()
    cells = mesh.cells.copy()
    cells[[0, 7]] = cells[[0, 7]][:, [0, 2, 1, 3]]
    text = faults(replace(mesh, cells=cells), box=FULL)
    assert "2 cells are inverted at (0.75, 0.5, 0.25), " in text
    assert "the cells fill" in text  # two volumes count negative


def test_cells_without_volume() -> None:
    mesh = cube()
    point = inner_point(mesh)
    flat = moved(mesh, point, (-1, 0, 0))  # onto its neighbour
    text = faults(flat)
    sizes = flat.sizes()
    assert f"{(np.abs(sizes) < 1e-30).sum()} cells have no volume" in text
    assert "1 pairs of points lie at one place at (1, 1, 1) um" in text


def test_slivers() -> None:
    mesh = moved(cube(), inner_point(cube()), (0.45, 0.45, -0.45))
    s = shapes(mesh)
    count = int((s.smallest_angle < 25).sum())
    assert 0 < count < len(mesh.cells) / 2
    text = faults(mesh, min_dihedral=25)
    worst = f"{s.smallest_angle.min():.3g}"
    assert f"{count} cells have an angle below 25 degrees (the smallest is {worst})" in text
    check(mesh, min_dihedral=s.smallest_angle.min() - 1e-6, box=FULL)


def test_a_facet_of_three_cells() -> None:
    mesh = cube()
    double = replace(
        mesh, cells=np.concatenate([mesh.cells, mesh.cells[[50]]]), tags=np.append(mesh.tags, mesh.tags[50])
    )
    text = faults(double)
    middle = mesh.points[mesh.cells[50]].mean(axis=0)
    count = int(text.partition(" facets belong to more than two cells")[0].split()[-1])
    assert 1 <= count <= 4
    place = text.partition("more than two cells at (")[2].partition(")")[0]
    assert np.abs(np.array([float(x) for x in place.split(",")]) * UM - middle).max() < UM / 2


def test_cells_that_do_not_fill_the_box() -> None:
    mesh = cube()
    kept = np.ones(len(mesh.cells), bool)
    kept[:6] = False  # the first voxel, at a corner
    hole = replace(mesh, cells=mesh.cells[kept], tags=mesh.tags[kept])
    text = faults(hole, box=FULL)
    assert "the cells fill 3.5e-17 of the box of 3.6e-17" in text
    assert "6 outer facets lie on no plane of the box" in text
    assert "1 points belong to no cell at (0, 0, 0) um" in text
    whole = faults(mesh, box=((0, 0, 0), (4 * UM, 3 * UM, 3.0000001 * UM)))
    assert "36 outer facets" not in whole
    assert "24 outer facets lie on no plane" in whole  # those of the upper side


def test_the_sum_of_volumes_counts_to_the_last_digits() -> None:
    mesh = cube()
    check(mesh, box=FULL)
    assert "the cells fill" in faults(mesh, box=((0, 0, 0), (4 * UM, 3 * UM, 3 * UM * (1 + 3e-12))))


def test_tags_and_names() -> None:
    mesh = cube()
    tags = mesh.tags.copy()
    tags[3] = 9
    assert "1 cells belong to no named region at" in faults(replace(mesh, tags=tags))
    more = replace(mesh, regions={**mesh.regions, "binder": 5}, boundaries={**mesh.boundaries, "hole": 77})
    text = faults(more)
    assert "nothing has the tag of the region 'binder'" in text
    assert "nothing has the tag of the boundary 'hole'" in text
    lost = {name: tag for name, tag in mesh.boundaries.items() if name != "side 1 low"}
    assert "24 facets have a tag without a name" in faults(replace(mesh, boundaries=lost))


def test_all_faults_come_at_once() -> None:
    mesh = cube()
    cells = mesh.cells.copy()
    cells[0] = cells[0][[0, 2, 1, 3]]
    points = np.concatenate([mesh.points, [[1.0, 2.0, 3.0]]])
    text = faults(replace(mesh, cells=cells, points=points), min_dihedral=46, box=FULL)
    assert text.startswith("the mesh has 4 faults: 1 points belong to no cell")


# -- connection ----------------------------------------------------------------
def layout(text: str, kind: str = "hexahedron") -> Tessellation:
    """One row of voxels per line, first character at the collector: '.' pore, 'A' active, 'B' binder."""
    rows = text.replace("/", " ").split()
    labels = np.array([[".AB".index(c) for c in row] for row in rows])
    if kind in ("quad", "triangle"):
        return voxel_mesh(volume_of(labels[None]), kind)
    return voxel_mesh(volume_of(labels.T[:, :, None]), kind)


POCKETS = """
    ......
    AAABA.
    A.AA..
    AAA..A
    ......
    """


@pytest.mark.parametrize("kind", ["hexahedron", "tetra", "quad", "triangle"])
def test_pockets_and_loose_parts_are_refused(kind: str) -> None:
    text = faults(layout(POCKETS, kind))
    pieces = {"hexahedron": 1, "tetra": 6, "quad": 1, "triangle": 2}[kind]
    solid = kind in ("hexahedron", "tetra")
    unit, first, second = ("1e-18 m3", "(1", "(5") if solid else ("1e-12 m2", "(2", "(3")
    assert f"1 part of pore ({pieces} cells, {unit}) has no path to 'separator' at {first}" in text
    assert (
        f"1 part of active + binder ({pieces} cells, {unit}) has no path to 'collector' at {second}" in text
    )


@pytest.mark.parametrize("kind", ["hexahedron", "tetra", "quad", "triangle"])
def test_dropped_parts_become_inactive_and_no_volume_is_lost(kind: str) -> None:
    mesh = layout(POCKETS, kind)
    report = check(mesh, on_disconnected="drop")
    after, before = report.mesh.region_sizes(), mesh.region_sizes()
    one = 1e-18 if mesh.dim == 3 else 1e-12
    assert after["inactive"] == pytest.approx(2 * one, rel=1e-12, abs=0)
    assert after["pore"] == pytest.approx(before["pore"] - one, rel=1e-12, abs=0)
    assert after["active"] == pytest.approx(before["active"] - one, rel=1e-12, abs=0)
    assert after["binder"] == pytest.approx(before["binder"], rel=1e-12, abs=0)
    assert sum(after.values()) == pytest.approx(sum(before.values()), rel=1e-12, abs=0)
    assert report.dropped_size == pytest.approx(2 * one, rel=1e-12, abs=0)
    assert report.dropped_cells == report.statistics.region_cells["inactive"]
    assert (report.electrolyte.pockets, report.conductor.pockets) == (1, 1)
    assert len(report.notes) == 2
    assert report.mesh.provenance["inactive"]["cells"] == report.dropped_cells
    sides, old = report.mesh.facet_sizes(), mesh.facet_sizes()
    assert {n: sides[n] for n in mesh.boundaries} == pytest.approx(
        {n: old[n] for n in mesh.boundaries}, rel=1e-12, abs=0
    )
    assert sides["active | inactive"] == pytest.approx(4 * one / UM, rel=1e-12, abs=0)
    assert sides["inactive | pore"] == pytest.approx(3 * one / UM, rel=1e-12, abs=0)
    assert sides["active | pore"] == pytest.approx(old["active | pore"] - 7 * one / UM, rel=1e-12, abs=0)
    again = check(report.mesh)
    assert (again.electrolyte.pockets, again.conductor.pockets, again.dropped_cells) == (0, 0, 0)


def test_kept_parts_are_noted() -> None:
    mesh = layout(POCKETS)
    report = check(mesh, on_disconnected="keep")
    assert report.mesh is mesh
    assert report.dropped_cells == 0
    assert [note.partition(" has")[0] for note in report.notes] == [
        "1 part of pore (1 cells, 1e-18 m3)", "1 part of active + binder (1 cells, 1e-18 m3)"
    ]  # fmt: skip
    assert report.electrolyte.pocket_size == pytest.approx(1e-18, rel=1e-12, abs=0)
    assert report.electrolyte.cells == 17
    assert report.conductor.cells == 11


def test_cells_that_touch_at_an_edge_only_are_apart() -> None:
    mesh = layout("A./.A")
    assert "1 part of active (1 cells" in faults(mesh, electrolyte=[], conductor=["active"])


def test_electrolyte_must_go_through_unless_told_otherwise() -> None:
    mesh = layout("AA../AA..")
    assert "pore does not percolate from 'separator' to the other side" in faults(mesh)
    assert "does not percolate" in faults(mesh, on_disconnected="drop")
    assert "does not percolate" in check(mesh, on_disconnected="keep").notes[-1]
    assert check(mesh, through=False).electrolyte.through is None
    assert "pore does not percolate" in faults(layout("..A./..A."))  # a part on either side


@pytest.mark.parametrize("way", ["refuse", "drop", "keep"])
def test_a_role_must_start_somewhere_unless_all_is_kept(way: str) -> None:
    mesh = layout("..AA/....")
    text = str(check(mesh, on_disconnected=way).notes) if way == "keep" else faults(mesh, on_disconnected=way)
    assert "no cell of active touches the boundary 'collector'" in text


def test_the_binder_connects_unless_it_does_not_conduct() -> None:
    mesh = layout("ABA./....")
    check(mesh)
    assert "1 part of active (1 cells" in faults(mesh, conductor=["active"])


def test_lumped_binder_keeps_the_path_it_has() -> None:
    mesh = layout("A.B./....")
    roles = {"electrolyte": ["pore", "binder"], "conductor": ["active", "binder"]}
    report = check(mesh, on_disconnected="drop", **roles)
    assert report.dropped_cells == 0
    assert set(report.mesh.regions) == {"active", "pore", "binder without electrons"}
    assert report.mesh.region_sizes()["binder without electrons"] == mesh.region_sizes()["binder"]
    assert "1 part of active + binder (1 cells" in report.notes[0]
    assert check(mesh, on_disconnected="keep", **roles).mesh.regions == mesh.regions
    dry = check(layout("BAA./...."), on_disconnected="drop", **roles)
    assert dry.dropped_cells == 0


def test_lumped_pores_without_ions_still_conduct_electrons() -> None:
    mesh = layout("BAA./AA..")
    roles = {"electrolyte": ["pore", "binder"], "conductor": ["active", "binder"]}
    report = check(mesh, on_disconnected="drop", through=False, **roles)
    assert "binder without ions" in report.mesh.regions
    assert report.dropped_cells == 0


def test_names_of_the_cad_route_are_known() -> None:
    mesh = layout(POCKETS)
    turned = {"separator": "negative", "collector": "positive"}
    other = replace(mesh, boundaries={turned.get(n, n): tag for n, tag in mesh.boundaries.items()})
    text = faults(other)
    assert "to 'negative'" in text
    assert "to 'positive'" in text
    bare = replace(mesh, facets=mesh.facets[:0], facet_tags=mesh.facet_tags[:0], boundaries={}, interfaces={})
    report = check(bare)
    assert (report.electrolyte, report.conductor) == (None, None)


@pytest.mark.parametrize(
    ("options", "field", "match"),
    [
        ({"electrolyte": ["poer"]}, "electrolyte", "Did you mean 'pore'"),
        ({"conductor": ["metal"]}, "conductor", "no such region"),
        ({"on_disconnected": "dropp"}, "on_disconnected", "Did you mean 'drop'"),
    ],
)
def test_wrong_options_are_refused(options: dict, field: str, match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        check(layout(POCKETS), **options)
    assert caught.value.field == field
