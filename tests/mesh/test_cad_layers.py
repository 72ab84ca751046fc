"""Stacks, cracks and channels: exact volumes and areas, names, sizes, errors."""

import math
import re
from dataclasses import replace
from pathlib import Path

import gmsh
import numpy as np
import pytest
from cad_proof import UM, longest_edges, middles, prove, same

from lithoscape.errors import InputError, SolveError
from lithoscape.mesh import build
from lithoscape.mesh.cad_channels import ChannelCell, channel_cell
from lithoscape.mesh.cad_cracks import CollectorGap, CrackedLayers, SheetCrack, cracked_layers
from lithoscape.mesh.cad_size import Sizing
from lithoscape.mesh.cad_stack import Slab, StackCell, stack_cell
from lithoscape.mesh.gmsh_session import mesh_model, session

SIZING = Sizing(8 * UM, 25 * UM, 1.4)
LAYERS = {"thickness": 100 * UM, "separator": 25 * UM, "sizing": SIZING}
ALONG = {"plane": (None, None), "tetrahedra": (60 * UM, None), "swept": (60 * UM, 8)}
STACK = StackCell(
    (Slab("separator", 25 * UM, 10 * UM, high=4 * UM), Slab("positive", 80 * UM, 15 * UM, low=4 * UM)),
    60 * UM,
)
THREE = StackCell(
    tuple(Slab(name, t * UM, 12 * UM) for name, t in (("a", 30), ("b", 12), ("c", 45.3))), 30 * UM
)
CRACKS = {
    "half": CrackedLayers.half(SheetCrack((40 * UM, 24 * UM), 70 * UM), 160 * UM, **LAYERS),
    "half to the collector": CrackedLayers.half(SheetCrack((40 * UM, 24 * UM)), 160 * UM, **LAYERS),
    "whole, straight": CrackedLayers.row(SheetCrack(30 * UM, 60 * UM), 120 * UM, **LAYERS),
    "three, bulging": CrackedLayers.row(
        SheetCrack((20 * UM, 30 * UM, 16 * UM), 80 * UM), 70 * UM, 3, **LAYERS
    ),
    "gap": CrackedLayers.half(
        SheetCrack((40 * UM, 20 * UM)), 160 * UM, gap=CollectorGap(35 * UM, 10 * UM), **LAYERS
    ),
    "gap below": CrackedLayers.row(
        SheetCrack((30 * UM, 20 * UM), 60 * UM), 120 * UM, gap=CollectorGap(35 * UM, 10 * UM), **LAYERS
    ),
    "both sides": CrackedLayers(
        width=150 * UM,
        cracks=(
            SheetCrack((30 * UM, 20 * UM), 50 * UM),
            SheetCrack((20 * UM, 17 * UM), 70 * UM, 80 * UM),
            SheetCrack((25 * UM, 18 * UM), None, 150 * UM),
        ),
        **LAYERS,
    ),
    "no separator": CrackedLayers.half(
        SheetCrack((40 * UM, 24 * UM), 70 * UM), 160 * UM, thickness=100 * UM, sizing=SIZING
    ),
}
CHANNELS = {
    "half pitch": ChannelCell(
        80 * UM, 120 * UM, 36 * UM, SIZING, depth=60 * UM, wall_angle=0.12, separator=20 * UM
    ),
    "undercut": ChannelCell(
        80 * UM, 120 * UM, 30 * UM, SIZING, depth=60 * UM, wall_angle=-0.1, separator=20 * UM
    ),
    "two, through": ChannelCell(
        80 * UM, 120 * UM, 36 * UM, SIZING, wall_angle=0.1, separator=20 * UM, count=2
    ),
}


def extents(cell: CrackedLayers) -> tuple[float, ...]:
    along = () if cell.length is None else (cell.length,)
    return (cell.width, *along, cell.separator + cell.thickness)


def crack_by_formula(cell: CrackedLayers) -> tuple[float, float, float]:
    """Area of the cracks [m2], length of their walls [m] (straight ones, bottoms too), and of the mouths."""
    area = wall = mouth = 0.0
    for crack in cell.cracks:
        sides = 1 if crack.position in (0.0, cell.width) else 2
        depth = crack.depth or cell.thickness
        n = max(2, len(crack.widths))
        s = np.linspace(0, depth, n)
        w = np.array(crack.widths) * np.ones(n)
        stop = min(depth, cell.foot)
        levels = np.unique(np.append(s[s < stop], stop))
        half = np.interp(levels, s, w) / 2
        area += sides * np.trapezoid(half, levels)
        wall += sides * np.hypot(np.diff(levels), np.diff(half)).sum()
        wall += sides * half[-1] * (stop < cell.foot * (1 - 1e-9))
        mouth += sides * half[0]
    return area, wall, mouth


@pytest.mark.parametrize("along", ALONG)
@pytest.mark.parametrize("stack", [STACK, THREE], ids=["two", "three"])
def test_stacks_are_exact(stack: StackCell, along: str) -> None:
    length, cells = ALONG[along]
    spec = replace(stack, length=length, cells_along=cells)
    mesh = stack_cell(spec)
    across = spec.width * (length or 1.0)
    sides = (spec.width, spec.levels[-1]) if length is None else (spec.width, length, spec.levels[-1])
    prove(mesh, sides, 20 if length is None else 8)
    assert list(mesh.regions) == [slab.name for slab in spec.slabs]
    for slab in spec.slabs:
        assert abs(mesh.region_sizes()[slab.name] / (slab.thickness * across) - 1) < 1e-10
    for name in mesh.interfaces:
        assert abs(mesh.facet_sizes()[name] / across - 1) < 1e-10


@pytest.mark.parametrize("along", ALONG)
@pytest.mark.parametrize("name", CRACKS)
def test_cracks_are_exact(name: str, along: str) -> None:
    length, cells = ALONG[along]
    cell = replace(CRACKS[name], length=length, cells_along=cells)
    mesh = cracked_layers(cell)
    prove(mesh, extents(cell), 20 if length is None else 7)
    depth = length or 1.0
    area, wall, mouth = crack_by_formula(cell)
    gaps = 0.0
    if cell.gap is not None:
        sides = sum(1 if c.position in (0.0, cell.width) else 2 for c in cell.cracks)
        gaps = sides * cell.gap.length * cell.gap.height
        assert abs(mesh.region_sizes()["gap"] / (gaps * depth) - 1) < 1e-10
    sizes, facets = mesh.region_sizes(), mesh.facet_sizes()
    assert abs(sizes["crack"] / (area * depth) - 1) < 1e-10
    assert abs(sizes["positive"] / ((cell.width * cell.thickness - area - gaps) * depth) - 1) < 1e-10
    assert abs(facets["crack | positive"] / (wall * depth) - 1) < 1e-10
    if cell.separator:
        assert abs(sizes["separator"] / (cell.width * cell.separator * depth) - 1) < 1e-10
        assert abs(facets["crack | separator"] / (mouth * depth) - 1) < 1e-10
        assert abs(facets["positive | separator"] / ((cell.width - mouth) * depth) - 1) < 1e-10


@pytest.mark.parametrize("along", ALONG)
@pytest.mark.parametrize("name", CHANNELS)
def test_channels_are_exact(name: str, along: str) -> None:
    length, cells = ALONG[along]
    cell = replace(CHANNELS[name], length=length, cells_along=cells)
    mesh = channel_cell(cell)
    width = cell.pitch * (cell.count or 0.5)
    prove(mesh, (width, *(() if length is None else (length,)), cell.separator + cell.thickness), 7)
    deep = cell.depth or cell.thickness
    lean = deep * math.tan(cell.wall_angle)
    share = (cell.count or 0.5) * (length or 1.0)
    assert abs(mesh.region_sizes()["channel"] / (share * deep * (cell.channel_width - lean)) - 1) < 1e-10
    wall = 2 * deep / math.cos(cell.wall_angle) + (cell.channel_width - 2 * lean) * (deep < cell.thickness)
    assert abs(mesh.facet_sizes()["channel | positive"] / (share * wall) - 1) < 1e-10
    assert set(mesh.regions) == {"separator", "positive", "channel"}
    assert mesh.provenance["geometry"] == "channels"
    assert mesh.provenance["specification"]["pitch"] == cell.pitch


def test_half_a_crack_is_half_of_a_whole_one() -> None:
    half = cracked_layers(CRACKS["half"]).region_sizes()
    whole = cracked_layers(CrackedLayers.row(SheetCrack((40 * UM, 24 * UM), 70 * UM), 160 * UM, **LAYERS))
    for name, size in whole.region_sizes().items():
        assert abs(size / half[name] - 2) < 1e-10


def test_a_sharp_crack_keeps_its_area() -> None:
    cell = CrackedLayers.half(SheetCrack((40 * UM, 0.0), 70 * UM), 160 * UM, **LAYERS)
    mesh = cracked_layers(cell)
    prove(mesh, extents(cell), 4)
    assert abs(mesh.region_sizes()["crack"] / (20 * UM * 35 * UM) - 1) < 1e-10


@pytest.mark.parametrize("length", [None, 50 * UM])
def test_meshes_are_the_same_twice(length: float | None) -> None:
    for make, spec in (
        (stack_cell, replace(STACK, length=length)),
        (cracked_layers, replace(CRACKS["gap"], length=length)),
        (channel_cell, replace(CHANNELS["half pitch"], length=length)),
    ):
        assert same(make(spec), make(spec))


@pytest.mark.parametrize("length", [None, 60 * UM])
def test_cells_are_fine_at_the_structure_and_coarse_far_from_it(length: float | None) -> None:
    cell = replace(CRACKS["half"], width=300 * UM, sizing=Sizing(5 * UM, 40 * UM, 1.4), length=length)
    mesh = cracked_layers(cell)
    edge, x = longest_edges(mesh), middles(mesh)
    near = edge[np.abs(x[:, 0] - 17 * UM) < 6 * UM]
    far = edge[(x[:, 0] > 200 * UM) & (x[:, -1] > 80 * UM)]  # above the separator, which is thin
    assert np.median(near) < 9 * UM
    assert np.median(far) > 3 * np.median(near)
    assert edge.max() < 2 * 40 * UM


def test_the_face_to_the_separator_is_refined_on_request() -> None:
    cell = replace(CRACKS["half"], width=300 * UM)
    found = []
    for mesh in (cracked_layers(cell), cracked_layers(replace(cell, face_size=4 * UM))):
        x = middles(mesh)
        at = (np.abs(x[:, 1] - 25 * UM) < 4 * UM) & (x[:, 0] > 200 * UM)
        found.append(np.median(longest_edges(mesh)[at]))
    assert found[1] < 7 * UM < 12 * UM < found[0]


def test_thin_layers_have_two_cells_across() -> None:
    sizing = Sizing(8 * UM, 100 * UM, 1.9)
    mesh = cracked_layers(replace(CRACKS["half"], width=400 * UM, separator=20 * UM, sizing=sizing))
    x, y = mesh.points[mesh.cells].transpose(2, 0, 1)
    across = np.isclose(np.ptp(y, axis=1), 20 * UM) & (y.min(axis=1) < 1 * UM) & (x.min(axis=1) > 100 * UM)
    assert across.mean() < 0.02


def test_a_tip_is_refined_on_request() -> None:
    cell = CRACKS["half"]
    finer = cracked_layers(replace(cell, tip_size=1 * UM))
    at = np.hypot(*(middles(finer) - [12 * UM, 95 * UM]).T) < 3 * UM
    assert np.median(longest_edges(finer)[at]) < 3 * UM
    assert np.median(longest_edges(cracked_layers(cell))) > 6 * UM


def test_a_stack_is_refined_towards_its_faces() -> None:
    mesh = stack_cell(STACK)
    edge, y = longest_edges(mesh), middles(mesh)[:, 1]
    assert np.median(edge[np.abs(y - 25 * UM) < 3 * UM]) < 6 * UM
    assert np.median(edge[y > 80 * UM]) > 11 * UM


def test_a_domain_comes_of_it() -> None:
    domain = build.domain(cracked_layers(CRACKS["gap"]))
    assert set(domain.regions) == {"separator", "positive", "crack", "gap"}
    assert domain.measure("boundary", "positive") / (80 * UM) == pytest.approx(1, rel=1e-10)


def test_a_session_of_the_caller_survives() -> None:
    gmsh.initialize(interruptible=False)
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.option.setNumber("Mesh.Algorithm", 5)
        gmsh.model.add("mine")
        stack_cell(STACK)
        assert gmsh.isInitialized()
        assert gmsh.model.getCurrent() == "mine"
        assert gmsh.option.getNumber("Mesh.Algorithm") == 5
    finally:
        gmsh.finalize()
    stack_cell(STACK)
    assert not gmsh.isInitialized()


def test_a_polygon_may_turn_either_way() -> None:
    with session("clockwise") as tool:
        geo = tool.model.geo
        corners = [geo.addPoint(x, y, 0) for x, y in ((0, 0), (0, 1), (1, 1), (1, 0))]
        lines = [geo.addLine(corners[k - 1], corners[k]) for k in range(4)]
        surface = geo.addPlaneSurface([geo.addCurveLoop(lines)])
        geo.synchronize()
        mesh = mesh_model(tool, {"a": [surface]}, 2, {})
    assert mesh.sizes().min() > 0
    assert mesh.sizes().sum() / UM**2 == pytest.approx(1)


def test_the_examples_of_the_page_run() -> None:
    page = (Path(__file__).parents[2] / "docs" / "cad_meshes.md").read_text(encoding="utf-8")
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(block, names)
    found = names["stack_cell"](names["StackCell"](names["slabs"], width=60 * UM)).region_sizes()
    assert found == pytest.approx({"separator": 1.5e-9, "positive": 4.8e-9}, rel=1e-10, abs=0)
    assert set(names["row"].regions) == {"separator", "positive", "crack", "gap"}
    assert set(names["disc"].boundaries) == {"negative", "positive", "side x low", "side x high", "void"}


def test_what_gmsh_refuses_is_a_solve_error(monkeypatch) -> None:
    def refuse(dim: int) -> None:
        raise Exception("Invalid boundary mesh")

    monkeypatch.setattr(gmsh.model.mesh, "generate", refuse)
    with pytest.raises(SolveError, match="could not mesh the geometry: Invalid boundary mesh"):
        stack_cell(STACK)
    assert not gmsh.isInitialized()


# -- errors --------------------------------------------------------------------
HALF = CRACKS["half"]
GAP = CRACKS["gap"]
CHANNEL = CHANNELS["half pitch"]
ONE = SheetCrack((40 * UM, 24 * UM), 70 * UM)
BAD = {
    "sizing": [
        (lambda: Sizing(0.0, 1.0), "sizing.size"),
        (lambda: Sizing(math.nan, 1.0), "sizing.size"),
        (lambda: Sizing(2 * UM, 1 * UM), "sizing.coarsest"),
        (lambda: Sizing(1 * UM, 2 * UM, 1.0), "sizing.growth"),
        (lambda: Sizing(1 * UM, 2 * UM, 2.1), "sizing.growth"),
        (lambda: Sizing("1", 2 * UM), "sizing.size"),
    ],
    "stack": [
        (lambda: Slab("", 1 * UM, 1 * UM), "slab.name"),
        (lambda: Slab("a", -1 * UM, 1 * UM), "a.thickness"),
        (lambda: Slab("a", 1 * UM, 2 * UM), "a.size"),
        (lambda: Slab("a", 2 * UM, 1 * UM, low=1.5 * UM), "a.low"),
        (lambda: Slab("a", 2 * UM, 1 * UM, high=math.inf), "a.high"),
        (lambda: replace(STACK, slabs=()), "slabs"),
        (lambda: replace(STACK, slabs=STACK.slabs * 2), "slabs"),
        (lambda: replace(STACK, width=0.0), "width"),
        (lambda: replace(STACK, width=12 * UM), "positive.size"),
        (lambda: replace(STACK, length=-1.0), "length"),
        (lambda: replace(STACK, cells_along=3), "cells_along"),
        (lambda: replace(STACK, length=1 * UM, cells_along=0), "cells_along"),
        (lambda: replace(STACK, growth=3.0), "growth"),
    ],
    "cracks": [
        (lambda: SheetCrack(()), "crack.widths"),
        (lambda: SheetCrack((0.0,  1 * UM)), "crack.widths"),
        (lambda: SheetCrack((1 * UM, -1 * UM)), "crack.widths"),
        (lambda: SheetCrack(math.nan), "crack.widths"),
        (lambda: SheetCrack(0.0), "crack.widths"),
        (lambda: SheetCrack(1 * UM, 0.0), "crack.depth"),
        (lambda: SheetCrack(1 * UM, None, -1 * UM), "crack.position"),
        (lambda: CollectorGap(0.0, 1 * UM), "gap.length"),
        (lambda: CollectorGap(1 * UM, -1 * UM), "gap.height"),
        (lambda: replace(HALF, thickness=-1.0), "thickness"),
        (lambda: replace(HALF, separator=-1.0), "separator"),
        (lambda: replace(HALF, width=math.inf), "width"),
        (lambda: replace(HALF, width=20 * UM), "cracks[0].widths"),
        (lambda: replace(HALF, thickness=60 * UM), "cracks[0].depth"),
        (lambda: replace(HALF, cracks=(replace(ONE, position=90 * UM),)), "cracks[0].position"),
        (lambda: replace(HALF, cracks=(replace(ONE, position=15 * UM),)), "cracks[0].widths"),
        (lambda: replace(HALF, cracks=(ONE, replace(ONE, position=40 * UM))), "cracks[1].position"),
        (lambda: replace(HALF, cracks=(replace(ONE, position=50 * UM), ONE)), "cracks[1].position"),
        (lambda: replace(GAP, gap=CollectorGap(9 * UM, 10 * UM)), "gap.length"),
        (lambda: replace(GAP, gap=CollectorGap(80 * UM, 10 * UM)), "gap.length"),
        (lambda: replace(GAP, gap=CollectorGap(40 * UM, 100 * UM)), "gap.height"),
        (lambda: replace(GAP, gap=CollectorGap(40 * UM, 5 * UM)), "sizing.size"),
        (lambda: replace(CRACKS["three, bulging"], gap=CollectorGap(36 * UM, 9 * UM)), "gap.length"),
        (lambda: replace(HALF, sizing=Sizing(41 * UM, 50 * UM)), "sizing.size"),
        (lambda: replace(HALF, face_size=26 * UM), "face_size"),
        (lambda: replace(HALF, tip_size=0.0), "tip_size"),
        (lambda: replace(HALF, length=5 * UM), "sizing.size"),
        (lambda: CrackedLayers.row(ONE, 160 * UM, 0, **LAYERS), "count"),
        (lambda: CrackedLayers.half(ONE, -1.0, **LAYERS), "spacing"),
    ],
    "channels": [
        (lambda: replace(CHANNEL, pitch=-1.0), "pitch"),
        (lambda: replace(CHANNEL, channel_width=120 * UM), "channel_width"),
        (lambda: replace(CHANNEL, channel_width=110 * UM, wall_angle=-0.2), "channel_width"),
        (lambda: replace(CHANNEL, wall_angle=0.35), "wall_angle"),
        (lambda: replace(CHANNEL, wall_angle=math.pi / 2), "wall_angle"),
        (lambda: replace(CHANNEL, wall_angle=math.nan), "wall_angle"),
        (lambda: replace(CHANNEL, depth=81 * UM), "depth"),
        (lambda: replace(CHANNEL, depth=0.0), "depth"),
        (lambda: replace(CHANNEL, separator=math.nan), "separator"),
        (lambda: replace(CHANNEL, count=1.5), "count"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("make", "field"), [pair for group in BAD.values() for pair in group])
def test_impossible_geometry_is_refused(make, field: str) -> None:
    with pytest.raises(InputError) as caught:
        make()
    assert caught.value.field == field
    assert caught.value.remedy
