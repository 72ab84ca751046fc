"""Voxel meshes: exact volumes and faces, names of planes, conformity, the staircase that they warn of."""

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest

from lithoscape.errors import InputError, StaircaseWarning
from lithoscape.image import Grid, Volume
from lithoscape.mesh.outer import outer_planes
from lithoscape.mesh.tessellation import Tessellation, facets_of
from lithoscape.mesh.voxel import STAIRCASE, voxel_mesh

PHASES = {"pore": 0, "active": 7, "binder": 3}
KINDS = ("hexahedron", "tetra", "quad", "triangle")


def random_volume(shape: tuple[int, int, int], through: int, seed: int = 0) -> Volume:
    labels = np.random.default_rng(seed).choice([0, 7, 3], shape).astype(np.uint8)
    grid = Grid(shape, (1e-6, 0.7e-6, 0.4e-6), through, "high", origin=(1e-6, -2e-6, 3e-6))
    return Volume(labels, grid, PHASES, provenance={"file": "x.tif"})


def mesh_of(volume: Volume, kind: str, **options) -> Tessellation:
    with pytest.warns(StaircaseWarning):
        return voxel_mesh(volume, kind, **options)


def example(kind: str) -> Volume:
    return random_volume((5, 6, 7), 1) if kind in KINDS[:2] else random_volume((1, 9, 7), 2)


def faces(volume: Volume, first: str, second: str) -> float:
    """Area between two phases, counted voxel by voxel (length over a page's thickness)."""
    total = 0.0
    for axis, h in enumerate(volume.grid.voxel_size):
        a, b = volume.mask(first), volume.mask(second)
        n = a.shape[axis]
        low, high = range(n - 1), range(1, n)
        pairs = (a.take(low, axis) & b.take(high, axis)) | (b.take(low, axis) & a.take(high, axis))
        total += pairs.sum() * volume.grid.voxel_volume / h
    return total


@pytest.mark.parametrize("kind", KINDS)
def test_volumes_and_faces_are_those_of_the_voxels(kind: str) -> None:
    volume = example(kind)
    mesh = mesh_of(volume, kind)
    depth = 1.0 if mesh.dim == 3 else volume.grid.voxel_size[0]
    box = math.prod(volume.grid.size)
    for name, fraction in volume.fractions().items():
        assert mesh.region_sizes()[name] * depth == pytest.approx(fraction * box, rel=1e-12, abs=0)
    for name in ("active | binder", "active | pore", "binder | pore"):
        expected = faces(volume, *name.split(" | "))
        assert mesh.facet_sizes()[name] * depth == pytest.approx(expected, rel=1e-12, abs=0)
    assert len(mesh.interfaces) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_cells_are_positive_of_one_size_and_conform(kind: str) -> None:
    volume = example(kind)
    mesh = mesh_of(volume, kind)
    pieces = {"hexahedron": 1, "tetra": 6, "quad": 1, "triangle": 2}[kind]
    depth = 1.0 if mesh.dim == 3 else volume.grid.voxel_size[0]
    assert mesh.sizes() * depth == pytest.approx(volume.grid.voxel_volume / pieces, rel=1e-9, abs=0)
    assert len(mesh.cells) == pieces * volume.grid.voxels
    assert len(mesh.points) == math.prod(n + 1 for n in volume.grid.shape) / (1 if mesh.dim == 3 else 2)
    _, _, second = facets_of(mesh.kind, mesh.cells)
    box = volume.grid.shape
    across = box if mesh.dim == 3 else box[1:]
    outside = 2 * sum(math.prod(across) // n for n in across)
    assert (second < 0).sum() == outside * (2 if kind == "tetra" else 1)  # every inner facet has two cells


@pytest.mark.parametrize("kind", KINDS)
def test_tags_lie_where_the_voxels_do(kind: str) -> None:
    volume = example(kind)
    mesh = mesh_of(volume, kind)
    axes = [0, 1, 2] if mesh.dim == 3 else [1, 2]
    mid = mesh.points[mesh.cells].mean(axis=1)
    index = np.floor((mid - np.array(volume.grid.origin)[axes]) / np.array(volume.grid.voxel_size)[axes])
    labels = volume.labels if mesh.dim == 3 else volume.labels[0]
    found = labels[tuple(index.astype(int).T)]
    expected = {tag: volume.phases[name] for name, tag in mesh.regions.items()}
    assert [expected[t] for t in mesh.tags.tolist()] == found.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_every_outer_facet_lies_on_its_named_plane(kind: str) -> None:
    volume = example(kind)
    mesh = mesh_of(volume, kind)
    planes = outer_planes(volume.grid, mesh.dim)
    assert set(mesh.boundaries) == set(planes)
    depth = 1.0 if mesh.dim == 3 else volume.grid.voxel_size[0]
    axes = [0, 1, 2] if mesh.dim == 3 else [1, 2]
    for name, (axis, level) in planes.items():
        area = math.prod(volume.grid.size) / volume.grid.size[axes[axis]]
        assert mesh.facet_sizes()[name] * depth == pytest.approx(area, rel=1e-12, abs=0)
        corners = mesh.facets[mesh.facet_tags == mesh.boundaries[name]]
        assert mesh.points[corners, axis] == pytest.approx(level, rel=0, abs=1e-15)


def test_outer_planes_know_origin_through_axis_and_collector() -> None:
    grid = Grid((4, 5, 6), (1e-6, 2e-6, 3e-6), through=1, collector="high", origin=(1e-6, 2e-6, 3e-6))
    expected = {
        "collector": (1, 12e-6), "separator": (1, 2e-6), "side 1 low": (0, 1e-6), "side 1 high": (0, 5e-6),
        "side 2 low": (2, 3e-6), "side 2 high": (2, 21e-6),
    }  # fmt: skip
    planes = outer_planes(grid)
    assert {k: (a, round(x * 1e6)) for k, (a, x) in planes.items()} == {
        k: (a, round(x * 1e6)) for k, (a, x) in expected.items()
    }
    low = outer_planes(replace(grid, collector="low"))
    assert (low["collector"], low["separator"]) == (planes["separator"], planes["collector"])


def test_a_mesh_in_the_plane_leaves_out_the_flat_axis() -> None:
    grid = Grid((5, 1, 6), (1e-6, 2e-6, 3e-6), through=0, origin=(0.0, 0.0, 3e-6))
    planes = outer_planes(grid, 2)
    assert planes["separator"] == (0, pytest.approx(5e-6))
    assert planes["side 1 high"] == (1, pytest.approx(21e-6))
    assert "side 2 low" not in planes
    column = Grid((1, 1, 6), (1e-6, 2e-6, 3e-6), through=0)
    assert outer_planes(column, 2)["side 1 high"] == (1, pytest.approx(18e-6))


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_of_the_phases(kind: str) -> None:
    volume = example(kind)
    whole, part = mesh_of(volume, kind), mesh_of(volume, kind, phases=["active", "pore"])
    sizes = whole.region_sizes()
    assert part.region_sizes() == pytest.approx({n: sizes[n] for n in ("active", "pore")}, rel=1e-12, abs=0)
    assert set(np.unique(part.cells)) == set(range(len(part.points)))
    assert part.facet_sizes()["active | pore"] == pytest.approx(
        whole.facet_sizes()["active | pore"], rel=1e-12, abs=0
    )
    assert set(part.interfaces) == {"active | pore"}


def ball(n: int, radius: float, dim: int) -> Volume:
    """A ball in the middle of a cube, or a disc in a square of one page."""
    shape = (n, n, n) if dim == 3 else (1, n, n)
    axes = np.meshgrid(*(np.arange(m) + 0.5 - m / 2 for m in shape), indexing="ij")
    inside = sum(x**2 for x in axes) < radius**2
    return Volume(inside.astype(np.uint8), Grid(shape, 1e-6, through=2), {"pore": 0, "active": 1})


@pytest.mark.parametrize(("dim", "kind"), [(2, "quad"), (3, "hexahedron")])
def test_the_staircase_of_a_ball_is_as_long_as_said(dim: int, kind: str) -> None:
    radius = 18.3
    mesh = mesh_of(ball(42, radius, dim), kind)
    true = 2 * math.pi * radius * 1e-6 if dim == 2 else 4 * math.pi * (radius * 1e-6) ** 2
    factor = mesh.facet_sizes()["active | pore"] / true
    assert factor == pytest.approx(STAIRCASE[dim], rel=0.02)
    assert mesh.provenance["area_factor"] == {2: 4 / math.pi, 3: 1.5}[dim]


def test_the_warning_names_the_factor_and_provenance_the_image() -> None:
    with pytest.warns(StaircaseWarning, match="1.5 times"):
        mesh = voxel_mesh(example("tetra"), "tetra")
    assert mesh.provenance["image"] == {"file": "x.tif"}
    assert mesh.provenance["route"] == "voxels"
    with pytest.warns(StaircaseWarning, match="1.273 times"):
        voxel_mesh(example("quad"), "quad")


@pytest.mark.parametrize(
    ("kind", "phases", "field", "match"),
    [
        ("tetrahedron", None, "kind", "Valid: hexahedron, quad"),
        ("quad", None, "volume", "one page"),
        ("tetra", ["actve"], "phase", "Did you mean 'active'"),
        ("tetra", ["separator"], "phases", "no voxel"),
        ("tetra", [], "phases", "no phase is named"),
    ],
)
def test_what_cannot_be_meshed_is_refused(kind: str, phases, field: str, match: str) -> None:
    volume = replace(example("tetra"), phases={**PHASES, "separator": 9})
    with warnings.catch_warnings(), pytest.raises(InputError, match=match) as caught:
        warnings.simplefilter("ignore", StaircaseWarning)
        voxel_mesh(volume, kind, phases)
    assert caught.value.field == field
