"""Conical holes: volumes and walls at second order, symmetric cells, arrays, errors."""

import math
from dataclasses import replace

import numpy as np
import pytest
from cad_proof import UM, longest_edges, mean_edge, middles, order, prove, same

from lithoscape.errors import InputError
from lithoscape.mesh.cad_holes import HoleCell, hole_cell
from lithoscape.mesh.cad_size import Sizing
from lithoscape.mesh.tessellation import Tessellation

SIZING = Sizing(10 * UM, 30 * UM, 1.5)
CONE = HoleCell(60 * UM, 80 * UM, 40 * UM, SIZING, depth=40 * UM, wall_angle=0.15, separator=20 * UM)
CELLS = {
    "square": CONE,
    "hexagonal": replace(CONE, pattern="hexagonal"),
    "through": replace(CONE, depth=None),
    "straight": replace(CONE, wall_angle=0.0),
    "undercut": replace(CONE, wall_angle=-0.15),
    "no separator": replace(CONE, separator=0.0),
    "square array": replace(CONE, count=(2, 1)),
    "hexagonal array": replace(CONE, pattern="hexagonal", count=(1, 1), depth=None),
}


def by_formula(cell: HoleCell) -> tuple[float, float, float]:
    """Volume of the holes [m3], their wall with bottom, and their mouths [m2]."""
    a, b, h = cell.diameter / 2, cell.diameter / 2 - cell.deep * math.tan(cell.wall_angle), cell.deep
    per_period = 1 if cell.pattern == "square" else 2
    nx, ny = cell.count or (0.5, 0.5)
    share = nx * ny * per_period
    wall = math.pi * (a + b) * math.hypot(h, a - b) + math.pi * b**2 * (h < cell.thickness)
    return share * math.pi * h * (a * a + a * b + b * b) / 3, share * wall, share * math.pi * a * a


@pytest.mark.parametrize("name", CELLS)
def test_cells_fill_the_box_and_hold_the_holes(name: str) -> None:
    cell = CELLS[name]
    mesh = hole_cell(cell)
    prove(mesh, cell.extents, 8)
    volume, wall, mouth = by_formula(cell)
    assert set(mesh.regions) == {"positive", "hole"} | ({"separator"} if cell.separator else set())
    # a polygon of 10 um edges around a circle of 40 um lacks up to 5 %
    assert 0.9 < mesh.region_sizes()["hole"] / volume < 1
    assert 0.95 < mesh.facet_sizes()["hole | positive"] / wall < 1
    if cell.separator:
        assert 0.9 < mesh.facet_sizes()["hole | separator"] / mouth < 1
        # planes are exact: what is not mouth is matrix
        across = cell.extents[0] * cell.extents[1]
        faces = mesh.facet_sizes()
        assert abs((faces["hole | separator"] + faces["positive | separator"]) / across - 1) < 1e-12
        assert abs(mesh.region_sizes()["separator"] / (across * cell.separator) - 1) < 1e-10


@pytest.mark.parametrize("name", ["square", "hexagonal", "straight"])
def test_volume_and_wall_converge_at_second_order(name: str) -> None:
    edges, errors = [], []
    for size in (8 * UM, 4 * UM, 2 * UM, 1.4 * UM):
        cell = replace(CELLS[name], sizing=Sizing(size, 8 * size, 1.7), separator=30 * UM)
        mesh = hole_cell(cell)
        faces, exact = mesh.facet_sizes(), by_formula(cell)
        found = mesh.region_sizes()["hole"], faces["hole | positive"], faces["hole | separator"]
        edges.append([*[mean_edge(mesh, "hole | positive")] * 2, rim_edge(mesh, cell)])
        errors.append([f / e - 1 for f, e in zip(found, exact, strict=True)])
    for edge, error in zip(zip(*edges, strict=True), zip(*errors, strict=True), strict=True):
        assert order(list(edge), list(error)) > 1.8
        assert abs(error[-1]) < 5e-3


def rim_edge(mesh: Tessellation, cell: HoleCell) -> float:
    """Mean length of the edges around the mouths of the smallest cell [m]."""
    wall = np.unique(mesh.facets[mesh.facet_tags == mesh.interfaces["hole | positive"]])
    rim = (np.abs(mesh.points[wall, 2] - cell.separator) < 1e-9 * UM).sum()
    quarters = 1 if cell.pattern == "square" else 2
    return quarters * math.pi * cell.diameter / 4 / (rim - quarters)


def test_the_smallest_cells_hold_the_same_share_as_arrays() -> None:
    for pattern in ("square", "hexagonal"):
        cell = replace(CONE, pattern=pattern, sizing=Sizing(5 * UM, 30 * UM, 1.6))
        one, many = hole_cell(cell), hole_cell(replace(cell, count=(1, 1)))
        share = [
            m.region_sizes()["hole"] / math.prod(c.extents)
            for m, c in ((one, cell), (many, replace(cell, count=(1, 1))))
        ]
        assert share[0] / share[1] == pytest.approx(1, rel=5e-3)


def test_meshes_are_the_same_twice() -> None:
    assert same(hole_cell(CONE), hole_cell(CONE))


def test_cells_are_fine_at_the_wall() -> None:
    mesh = hole_cell(replace(CONE, pitch=200 * UM, sizing=Sizing(5 * UM, 40 * UM, 1.5)))
    edge, x = longest_edges(mesh), middles(mesh)
    r = np.hypot(x[:, 0], x[:, 1])
    near = (np.abs(r - 18 * UM) < 4 * UM) & (x[:, 2] > 20 * UM) & (x[:, 2] < 60 * UM)
    assert np.median(edge[near]) < 9 * UM
    assert np.median(edge[(r > 80 * UM) & (x[:, 2] > 50 * UM)]) > 2.5 * np.median(edge[near])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"pitch": 40 * UM}, "diameter"),
        ({"pitch": 50 * UM, "wall_angle": -0.2}, "diameter"),
        ({"pitch": math.nan}, "pitch"),
        ({"diameter": -1.0}, "diameter"),
        ({"thickness": 0.0}, "thickness"),
        ({"depth": 61 * UM}, "depth"),
        ({"wall_angle": 0.5}, "wall_angle"),
        ({"wall_angle": 2.0}, "wall_angle"),
        ({"separator": -1 * UM}, "separator"),
        ({"pattern": "hexagon"}, "pattern"),
        ({"count": (0, 1)}, "count"),
        ({"count": (1,)}, "count"),
        ({"sizing": Sizing(21 * UM, 50 * UM)}, "sizing.size"),
        ({"face_size": 31 * UM}, "face_size"),
    ],
)
def test_impossible_holes_are_refused(change: dict, field: str) -> None:
    with pytest.raises(InputError) as caught:
        replace(CONE, **change)
    assert caught.value.field == field
    assert caught.value.remedy
