"""Tessellation: sizes in closed form, facets each once, interfaces and planes."""

import math
from dataclasses import replace

import numpy as np
import pytest

from lithoscape.mesh.facets import matched, with_interfaces
from lithoscape.mesh.tessellation import FACETS, Tessellation, cell_sizes, facet_sizes, facets_of

UM = 1e-6
HEX = np.array(
    [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]], float
)
SIX = [[0, 1, 2, 6], [0, 2, 3, 6], [0, 3, 7, 6], [0, 7, 4, 6], [0, 4, 5, 6], [0, 5, 1, 6]]
CORNER = {
    "tetra": (HEX[[0, 1, 3, 4]], 1 / 6),
    "hexahedron": (HEX * [2, 3, 5], 30.0),
    "triangle": (np.array([[0, 0], [3, 0], [0, 4.0]]), 6.0),
    "quad": (np.array([[0, 0], [2, 0], [2, 3], [0, 3.0]]), 6.0),
}


def two_boxes() -> Tessellation:
    """Two unit cubes of six tetrahedra each, side by side along x [um], 'left' and 'right'."""
    points = np.concatenate([HEX, HEX[[1, 2, 5, 6]] + [1, 0, 0]]) * UM
    right = np.array([1, 8, 9, 2, 5, 10, 11, 6])
    cells = np.concatenate([np.array(SIX), right[np.array(SIX)]]).astype(np.int32)
    return Tessellation(
        "tetra", points, cells, np.repeat([1, 2], 6).astype(np.int32), {"left": 1, "right": 2}
    )


@pytest.mark.parametrize("kind", CORNER)
def test_sizes_in_closed_form(kind: str) -> None:
    points, size = CORNER[kind]
    cells = np.arange(len(points))[None]
    assert cell_sizes(kind, points, cells) == pytest.approx([size], rel=1e-14)
    turned = {"tetra": [0, 2, 1, 3], "hexahedron": [4, 5, 6, 7, 0, 1, 2, 3]}.get(
        kind, list(range(len(points)))[::-1]
    )
    assert cell_sizes(kind, points, cells[:, turned]) == pytest.approx([-size], rel=1e-14)


def test_a_surface_in_space_has_its_area() -> None:
    points = np.array([[0, 0, 0], [3, 0, 0], [0, 4, 0.0], [0, 0, 12]])
    assert cell_sizes("triangle", points, np.array([[0, 1, 2], [0, 2, 1], [0, 1, 3]])) == pytest.approx(
        [6, 6, 18]
    )


@pytest.mark.parametrize(
    ("points", "size"),
    [
        ([[0, 0], [3, 4.0]], 5.0),
        ([[0, 0, 0], [3, 0, 0], [0, 4, 0.0]], 6.0),
        ([[0, 0, 0], [3, 0, 0], [3, 4, 0], [0, 4, 0.0]], 12.0),
        ([[0, 0, 0], [4, 0, 0], [3, 2, 0], [1, 2, 0.0]], 6.0),
    ],
)
def test_facet_sizes_in_closed_form(points: list, size: float) -> None:
    assert facet_sizes(np.array(points), np.arange(len(points))[None]) == pytest.approx([size], rel=1e-14)


@pytest.mark.parametrize("kind", ["tetra", "hexahedron"])
def test_local_facets_point_outward(kind: str) -> None:
    points = CORNER[kind][0]
    for facet in FACETS[kind]:
        p = points[list(facet)]
        normal = np.cross(p[1] - p[0], p[2] - p[0])
        assert normal @ (p.mean(axis=0) - points.mean(axis=0)) > 0


def test_every_facet_stands_once_with_its_cells() -> None:
    mesh = two_boxes()
    corners, first, second = facets_of(mesh.kind, mesh.cells)
    assert len(corners) == (4 * 12 + 20) // 2  # 48 sides, 20 of them outside
    assert (second < 0).sum() == 20
    assert len(np.unique(np.sort(corners, axis=1), axis=0)) == len(corners)
    for facet, a, b in zip(corners, first, second, strict=True):
        assert set(facet) <= set(mesh.cells[a])
        assert b < 0 or (set(facet) <= set(mesh.cells[b]) and a != b)
        p = mesh.points[facet]
        normal = np.cross(p[1] - p[0], p[2] - p[0])
        assert normal @ (p.mean(axis=0) - mesh.points[mesh.cells[a]].mean(axis=0)) > 0


def test_the_numbering_of_cells_does_not_matter() -> None:
    mesh = two_boxes()
    shuffled = np.random.default_rng(0).permutation(len(mesh.cells))
    other = replace(mesh, cells=mesh.cells[shuffled], tags=mesh.tags[shuffled])
    planes = {"low": (0, 0.0), "top": (2, UM)}
    assert other.with_facets(planes).facet_sizes() == pytest.approx(
        mesh.with_facets(planes).facet_sizes(), rel=1e-14, abs=0
    )


def test_a_facet_of_three_cells_is_refused() -> None:
    cells = np.array([[0, 1, 2, 3], [0, 1, 2, 4], [0, 1, 2, 5]], np.int32)
    with pytest.raises(ValueError, match="1 facets belong to more than two cells"):
        facets_of("tetra", cells)


def test_interfaces_and_planes() -> None:
    mesh = two_boxes().with_facets({"inlet": (0, 0.0), "outlet": (0, 2 * UM), "top": (2, UM)})
    assert mesh.interfaces == {"left | right": 4}
    assert mesh.boundaries == {"inlet": 1, "outlet": 2, "top": 3}
    expected = {"inlet": 1e-12, "outlet": 1e-12, "top": 2e-12, "left | right": 1e-12}
    assert mesh.facet_sizes() == pytest.approx(expected, rel=1e-12, abs=0)
    assert mesh.region_sizes() == pytest.approx({"left": 1e-18, "right": 1e-18}, rel=1e-12, abs=0)
    assert mesh.points[mesh.facets[mesh.facet_tags == 4], 0] == pytest.approx(UM, rel=1e-15, abs=0)
    assert len(mesh.facets) == 2 + 2 + 4 + 2


def test_interface_names_are_in_order_of_the_alphabet() -> None:
    mesh = replace(two_boxes(), regions={"pore": 1, "active": 2}).with_facets({})
    assert mesh.interfaces == {"active | pore": 1}
    assert mesh.boundaries == {}


def test_regions_alone_make_new_interfaces() -> None:
    planes = {"inlet": (0, 0.0), "top": (2, UM)}
    mesh = two_boxes().with_facets(planes)
    tags = mesh.tags.copy()
    tags[0] = 3  # corners (0,0,0) (1,0,0) (1,1,0) (1,1,1): one side on z = 0, one on the other box
    other = with_interfaces(replace(mesh, tags=tags, regions={**mesh.regions, "odd": 3}))
    assert set(other.interfaces) == {"left | odd", "left | right", "odd | right"}
    expected = {
        "inlet": 1.0, "top": 2.0, "left | odd": math.sqrt(2), "odd | right": 0.5, "left | right": 0.5
    }  # fmt: skip
    areas = {name: size * 1e12 for name, size in other.facet_sizes().items()}
    assert areas == pytest.approx(expected, rel=1e-12)


def test_facets_are_found_in_any_order_of_corners() -> None:
    among = np.array([[4, 5, 6], [3, 2, 1], [8, 7, 9]])
    facets = np.array([[3, 1, 2], [9, 7, 8], [1, 2, 4]])
    assert matched(facets, among).tolist() == [1, 2, -1]
    assert matched(facets[:0], among).tolist() == []
    assert matched(facets, among[:0]).tolist() == [-1, -1, -1]
