"""The lattice before it is cut: exact volumes, faces that fit, angles, planes, grading."""

import numpy as np
import pytest

from lithoscape.mesh.lattice import Lattice, balanced, flat_lattice, lattice
from lithoscape.mesh.tessellation import cell_sizes, facets_of

SMALLEST = np.degrees(np.arccos(np.sqrt(2 / 3)))
"""35.26 degrees, of the half of a pyramid from a cube's centre to a quarter or half of its face."""


def marked(counts: tuple[int, ...], kind: str, levels: int = 3) -> list[np.ndarray]:
    """Where the finest cells are wanted; nothing at the other levels."""
    fine = np.zeros(counts, bool)
    if kind == "all":
        fine[:] = True
    elif kind == "middle":
        fine[tuple(n // 2 for n in counts)] = True
    elif kind == "corner":
        fine[0, 0, -1] = True
    elif kind == "scattered":
        fine = np.random.default_rng(7).random(counts) < 4 / np.prod(counts) ** 0.7
    return [fine, *(np.zeros(counts, bool) for _ in range(levels - 1))]


CASES = [
    ((8, 8, 8), "none", 0, ()),
    ((8, 6, 10), "all", 0, ()),
    ((16, 16, 16), "middle", 0, (8,)),
    ((16, 24, 16), "corner", 1, (3, 17)),
    ((11, 13, 7), "scattered", 2, (5,)),
    ((20, 9, 17), "scattered", 0, (6,)),
    ((2, 3, 5), "middle", 1, (1,)),
]
FLAT = [
    ((1, 16, 16), "middle", 1, (5,)),
    ((1, 11, 13), "scattered", 2, (4, 9)),
    ((12, 1, 20), "corner", 0, (7,)),
    ((9, 14, 1), "scattered", 0, ()),
    ((1, 8, 8), "all", 1, ()),
    ((1, 8, 8), "none", 1, ()),
]


def on_box(points: np.ndarray, facets: np.ndarray, counts: tuple[int, ...]) -> np.ndarray:
    """Whether all corners of a facet lie on one face of the box."""
    corner = points[facets]
    axes = [k for k in range(3) if counts[k] > 1]
    faces = [(corner[:, :, k] == end).all(axis=1) for k in axes for end in (0, counts[k])]
    out: np.ndarray = np.logical_or.reduce(faces)
    return out


def crossing(found: Lattice, axis: int, planes: tuple[int, ...]) -> int:
    """Cells with corners on both sides of a plane."""
    x = found.points[found.cells, axis]
    return sum(int(((x.min(axis=1) < p) & (x.max(axis=1) > p)).sum()) for p in planes)


@pytest.mark.parametrize(("counts", "kind", "axis", "planes"), CASES)
def test_fills_the_box_with_faces_that_fit(counts, kind, axis, planes) -> None:
    found = lattice(counts, marked(counts, kind), axis, planes)
    size = cell_sizes("tetra", found.points, found.cells)
    assert size.min() > 0
    assert size.sum() == pytest.approx(np.prod(counts), rel=1e-13, abs=0)
    facets, _, second = facets_of("tetra", found.cells)
    outer = second < 0
    assert on_box(found.points, facets[outer], counts).all()
    assert not on_box(found.points, facets[~outer], counts).any()
    # hanging corners would leave a larger facet unmatched inside; the surface would still close
    a, b, c = counts
    area = np.linalg.norm(np.cross(*np.diff(found.points[facets[outer]], axis=1).swapaxes(0, 1)), axis=1) / 2
    assert area.sum() == 2 * (a * b + b * c + c * a)
    assert len(np.unique(found.points, axis=0)) == len(found.points)
    assert np.array_equal(np.unique(found.cells), np.arange(len(found.points)))
    assert crossing(found, axis, planes) == 0


@pytest.mark.parametrize(("counts", "kind", "axis", "planes"), CASES)
def test_layers_and_bound_corners(counts, kind, axis, planes) -> None:
    found = lattice(counts, marked(counts, kind), axis, planes)
    layer = np.bincount(
        found.beyond, cell_sizes("tetra", found.points, found.cells), minlength=len(planes) + 1
    )
    ends = np.diff([0, *planes, counts[axis]])
    np.testing.assert_allclose(layer, ends * np.prod(counts) / counts[axis], rtol=1e-13)
    for k in range(3):
        walls = [0, counts[k], *(planes if k == axis else ())]
        assert np.array_equal((found.bound >> k) & 1 == 1, np.isin(found.points[:, k], walls))


def angles(points: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Dihedral angles of tetrahedra, or angles of triangles, from the normals of their facets [degrees]."""
    x = points[cells]
    if cells.shape[1] == 3:
        edge = x - np.roll(x, 1, axis=1)
        edge /= np.linalg.norm(edge, axis=2, keepdims=True)
        cosine = -(edge * np.roll(edge, -1, axis=1)).sum(axis=2)
    else:
        places = ((1, 2, 3), (0, 3, 2), (0, 1, 3), (0, 2, 1))
        normal = np.stack([np.cross(x[:, b] - x[:, a], x[:, c] - x[:, a]) for a, b, c in places], axis=1)
        normal /= np.linalg.norm(normal, axis=2, keepdims=True)
        i, j = np.triu_indices(4, 1)
        cosine = -(normal[:, i] * normal[:, j]).sum(axis=2)
    out: np.ndarray = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    return out


@pytest.mark.parametrize("plane", [7, 8])
@pytest.mark.parametrize("kind", ["middle", "corner", "scattered"])
def test_smallest_dihedral_angle(kind: str, plane: int) -> None:
    counts = (24, 17, 20)
    found = lattice(counts, marked(counts, kind), 0, (plane,))
    assert angles(found.points, found.cells).min() == pytest.approx(SMALLEST, abs=1e-5)


@pytest.mark.parametrize("kind", ["all", "none"])
def test_uniform_lattice_has_60_and_90_degrees(kind: str) -> None:
    counts, edge = (32, 32, 32) if kind == "none" else (7, 7, 7), 8 if kind == "none" else 1
    found = lattice(counts, marked(counts, kind))
    middle = found.points[found.cells]
    inside = ((middle >= edge) & (middle <= np.array(counts) - edge)).all(axis=(1, 2))
    size = cell_sizes("tetra", found.points, found.cells[inside])
    np.testing.assert_allclose(size, edge**3 / 12, rtol=1e-12)
    assert 0 < inside.sum() < len(found.cells)
    got = np.sort(angles(found.points, found.cells[inside]), axis=1)
    np.testing.assert_allclose(got, np.tile([60, 60, 60, 60, 90, 90], (len(got), 1)), atol=1e-5)


@pytest.mark.parametrize(("counts", "kind", "axis", "planes"), CASES + FLAT)
def test_neighbours_differ_by_one_level(counts, kind, axis, planes) -> None:
    wanted = marked(counts, kind)
    level = balanced(counts, wanted, axis, planes).astype(int)
    assert (level[wanted[0]] == 0).all()
    padded = np.pad(level, 1, mode="edge")
    for shift in np.ndindex(3, 3, 3):
        there = padded[tuple(slice(s, s + n) for s, n in zip(shift, counts, strict=True))]
        assert np.abs(there - level).max() <= 1
    if kind == "none" and min(n for n in counts if n > 1) >= 8:
        assert level.min() == 3  # nothing is refined that nobody asked for
    for k, n in enumerate(counts):
        corner = np.arange(n).reshape([-1 if k == m else 1 for m in range(3)]) >> level << level
        if n > 1:
            assert (corner + 2**level <= n).all()


def test_other_levels_are_kept() -> None:
    counts = (32, 32, 32)
    wanted = [np.zeros(counts, bool) for _ in range(3)]
    wanted[1][5, 5, 5] = True
    wanted[2][30, 30, 30] = True
    level = balanced(counts, wanted)
    assert level[5, 5, 5] <= 1
    assert level[30, 30, 30] <= 2
    assert level[5, 5, 5] < level[30, 30, 30] < level[0, 31, 0] == 3


@pytest.mark.parametrize(("counts", "kind", "axis", "planes"), FLAT)
def test_flat_fills_the_page_with_edges_that_fit(counts, kind, axis, planes) -> None:
    found = flat_lattice(counts, marked(counts, kind), axis, planes)
    assert found.cells.shape[1] == 3
    size = cell_sizes("triangle", found.points, found.cells)
    assert size.min() > 0
    assert size.sum() == pytest.approx(np.prod(counts), rel=1e-14, abs=0)
    facets, _, second = facets_of("triangle", found.cells)
    outer = second < 0
    assert on_box(found.points, facets[outer], counts).all()
    length = np.linalg.norm(np.diff(found.points[facets[outer]], axis=1), axis=2)
    assert length.sum() == 2 * (sum(counts) - 1)
    assert crossing(found, axis, planes) == 0
    got = angles(found.points, found.cells)
    assert got.min() == pytest.approx(45, abs=1e-5)
    assert got.max() < 90 + 1e-5
    flat = counts.index(1)
    assert (found.points[:, flat] == 0.5).all()
    layer = np.bincount(found.beyond, size, minlength=len(planes) + 1)
    ends = np.diff([0, *planes, counts[axis]])
    np.testing.assert_allclose(layer, ends * np.prod(counts) / counts[axis], rtol=1e-14)
    for k in range(3):
        walls = [0, counts[k], *(planes if k == axis else ())] if k != flat else [0.5]
        assert np.array_equal((found.bound >> k) & 1 == 1, np.isin(found.points[:, k], walls))


def turned(points: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Normals of triangles."""
    x = points[cells]
    return np.cross(x[:, 1] - x[:, 0], x[:, 2] - x[:, 0])


@pytest.mark.parametrize(("counts", "kind", "axis", "planes"), FLAT)
def test_flat_cells_turn_the_same_way(counts, kind, axis, planes) -> None:
    found = flat_lattice(counts, marked(counts, kind), axis, planes)
    flat = counts.index(1)
    side = turned(found.points, found.cells)[:, flat]
    kept = [k for k in range(3) if k != flat]
    assert (np.linalg.det(np.diff(found.points[:, kept][found.cells], axis=1)) > 0).all()
    assert len(np.unique(np.sign(side))) == 1
