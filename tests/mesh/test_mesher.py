"""From images and shapes to meshes: valid whatever the voxels, right volumes and areas, names, order."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.spatial import ConvexHull

from lithoscape.errors import InputError
from lithoscape.image import Grid, Instances, Volume, read_volume
from lithoscape.mesh.cut import cut
from lithoscape.mesh.improve import _after, _stars, improve
from lithoscape.mesh.lattice import lattice
from lithoscape.mesh.mesher import MeshOptions, mesh_volume
from lithoscape.mesh.particles import with_particles
from lithoscape.mesh.quality import check
from lithoscape.mesh.tessellation import Tessellation, facet_sizes, facets_of

H = 1e-6
PHASES = {"pore": 0, "active": 1, "binder": 2}
DATA = os.environ.get("LITHOSCAPE_DATA")


# -- what every mesh must be ----------------------------------------------------------
def box_of(volume: Volume, separator: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Corners of the mesh of an image [m], the slab included; axes of one page left out."""
    grid = volume.grid
    low = np.array(grid.origin)
    high = low + grid.size
    if grid.collector == "low":
        high[grid.through] += separator
    else:
        low[grid.through] -= separator
    kept = [k for k in range(3) if grid.shape[k] > 1]
    return low[kept], high[kept]


def validate(mesh: Tessellation, low: np.ndarray, high: np.ndarray) -> None:
    """Fills the box without overlaps or gaps; every region has a closed surface; all outer facets named."""
    size = mesh.sizes()
    assert size.min() > 0
    assert abs(size.sum() / np.prod(high - low) - 1) < 1e-12
    facets, first, second = facets_of(mesh.kind, mesh.cells)  # refuses facets of three cells
    outer = second < 0
    corner = mesh.points[facets[outer]]
    assert ((corner == low).all(axis=1) | (corner == high).all(axis=1)).any(axis=1).all()
    assert np.isin(mesh.facet_tags, list(mesh.boundaries.values())).sum() == outer.sum()
    assert len(np.unique(mesh.cells)) == len(mesh.points)
    area = mesh.facet_sizes()
    for axis in range(mesh.dim):
        ends = [name for name, tag in mesh.boundaries.items() if on_axis(mesh, tag, axis)]
        assert len(ends) == 2
        side = np.prod(np.delete(high - low, axis))
        assert [area[name] / side for name in ends] == pytest.approx([1, 1], rel=1e-12)
    sides = areas_by_side(mesh, facets, first, second)
    whole = facet_sizes(mesh.points, facets).sum()
    assert np.abs(np.array(list(sides.values()))).max() < 1e-12 * whole
    between = sum(area[name] for name in mesh.interfaces)
    assert between == pytest.approx(
        facet_sizes(mesh.points, facets[(~outer) & (mesh.tags[first] != mesh.tags[second])]).sum(),
        rel=1e-12, abs=0,
    )  # fmt: skip


def on_axis(mesh: Tessellation, tag: int, axis: int) -> bool:
    corner = mesh.points[mesh.facets[mesh.facet_tags == tag]]
    return bool(np.ptp(corner[..., axis]) == 0)


def areas_by_side(
    mesh: Tessellation, facets: np.ndarray, first: np.ndarray, second: np.ndarray
) -> dict[str, np.ndarray]:
    """Sum of the area vectors of every region's surface: zero if it is closed."""
    x = mesh.points[facets]
    if mesh.dim == 3:
        normal = np.cross(x[:, 1] - x[:, 0], x[:, 2] - x[:, 0]) / 2
    else:
        along = x[:, 1] - x[:, 0]
        inside = mesh.points[mesh.cells[first]].mean(axis=1) - x[:, 0]
        normal = np.stack([along[:, 1], -along[:, 0]], axis=1)
        normal *= -np.sign((normal * inside).sum(axis=1))[:, None]
    out = {}
    for name, tag in mesh.regions.items():
        from_first = (mesh.tags[first] == tag).astype(float)
        from_second = ((second >= 0) & (mesh.tags[second] == tag)).astype(float)
        out[name] = ((from_first - from_second)[:, None] * normal).sum(axis=0)
    return out


# -- any voxels -----------------------------------------------------------------------
def labels_of(kind: int, shape: tuple[int, ...], phases: int, rng: np.random.Generator) -> np.ndarray:
    """Noise, blobs, boxes, or two phases with single voxels."""
    if kind == 0:
        return rng.integers(0, phases, shape)
    if kind == 1:
        fields = [gaussian_filter(rng.normal(size=shape), 1.5) for _ in range(phases)]
        return np.argmax(fields, axis=0)
    labels = np.zeros(shape, int)
    if kind == 2:
        for k in range(1, phases):
            for _ in range(3):
                at, edge = rng.integers(0, shape), rng.integers(1, 5, 3)
                labels[tuple(slice(max(0, a - b), a + b) for a, b in zip(at, edge, strict=True))] = k
        return labels
    labels = (gaussian_filter(rng.normal(size=shape), 2) > 0).astype(int)
    labels[rng.random(shape) < 0.02] = phases - 1
    return labels


def random_case(seed: int, most: int) -> tuple[Volume, MeshOptions]:
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(6, most, 3))
    labels = labels_of(seed % 4, shape, int(rng.integers(2, 5)), rng)
    labels[0, 0, 0], labels[-1, -1, -1] = 0, 1  # never one phase, and features in corners
    edge = H * np.array([1, rng.choice([1, 1.3]), rng.choice([1, 0.8])])
    origin = tuple(rng.normal(size=3) * 1e-5)
    grid = Grid(shape, tuple(edge), int(rng.integers(3)), rng.choice(["low", "high"]), origin)
    size = min(float(rng.choice([1, 1.5, 2, 2.3])) * edge.max(), 0.45 * min(shape * edge))
    separator = float(rng.choice([0, 5.7e-6]))
    volume = Volume(labels.astype(np.uint8), grid, {f"p{k}": k for k in range(int(labels.max()) + 1)})
    return volume, MeshOptions(size=size, separator=separator, coarsest=int(rng.integers(0, 4)))


@pytest.mark.parametrize("seed", range(24))
def test_valid_whatever_the_voxels(seed: int) -> None:
    volume, options = random_case(seed, 14)
    mesh = mesh_volume(volume, options=options)
    validate(mesh, *box_of(volume, options.separator))
    present = [name for name, share in volume.fractions().items() if share > 0]
    assert sorted(mesh.regions) == sorted([*present, *(["separator"] if options.separator else [])])


@pytest.mark.slow
@pytest.mark.parametrize("first", range(100, 300, 20))
def test_valid_whatever_the_voxels_of_200_more(first: int) -> None:
    for seed in range(first, first + 20):
        volume, options = random_case(seed, 20)
        validate(mesh_volume(volume, options=options), *box_of(volume, options.separator))


@pytest.mark.parametrize("seed", range(6))
def test_valid_in_the_plane(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = [int(n) for n in rng.integers(8, 24, 3)]
    flat = seed % 3
    shape[flat] = 1
    labels = labels_of(seed % 4, tuple(shape), 3, rng)
    labels.flat[0], labels.flat[-1] = 0, 1
    through = (flat + 1) % 3
    grid = Grid(tuple(shape), (H, 1.2 * H, 0.9 * H), through, ("low", "high")[seed % 2], (0, 2e-6, -1e-6))
    volume = Volume(labels.astype(np.uint8), grid, PHASES)
    separator = 6.1e-6 * (seed % 2)
    mesh = mesh_volume(volume, options=MeshOptions(size=1.5 * H, separator=separator))
    assert mesh.kind == "triangle"
    assert mesh.points.shape[1] == 2
    validate(mesh, *box_of(volume, separator))


def single(place: tuple[int, int, int]) -> Volume:
    labels = np.zeros((9, 9, 9), np.uint8)
    labels[place] = 1
    return Volume(labels, Grid(labels.shape, H), {"pore": 0, "active": 1})


@pytest.mark.parametrize("place", [(0, 0, 0), (8, 4, 0), (4, 0, 4), (4, 4, 4)])
def test_one_voxel_is_kept(place: tuple[int, int, int]) -> None:
    volume = single(place)
    mesh = mesh_volume(volume, options=MeshOptions(size=H))
    validate(mesh, *box_of(volume))
    # a cell or a few are all there is of it: their number jumps with the shift
    assert mesh.region_sizes()["active"] == pytest.approx(H**3, rel=0.03, abs=0)


@pytest.mark.skipif(DATA is None, reason="LITHOSCAPE_DATA is not set")
def test_a_real_electrode() -> None:
    assert DATA is not None
    file = Path(DATA) / "volumes" / "matbox_nmc1cal_cbd.tif"
    volume = read_volume(file, voxel_size=0.4e-6).crop(*(slice(50, 90),) * 3)
    volume = Volume(volume.labels, volume.grid, PHASES)
    mesh = mesh_volume(volume, options=MeshOptions(separator=8e-6))
    low, high = box_of(volume, 8e-6)
    validate(mesh, low, high)
    whole = np.prod(volume.grid.size)
    for name, share in volume.fractions().items():
        assert mesh.region_sizes()[name] / whole == pytest.approx(share, rel=0.01)
    report = check(mesh, box=(low, high), min_dihedral=5.0, on_disconnected="keep")
    assert report.mesh is mesh


# -- volumes and areas ----------------------------------------------------------------
def ball(radius: float, offset: np.ndarray | float = 0.0, flat: bool = False) -> tuple[Volume, np.ndarray]:
    """A ball (a disc of one page) of ``radius`` voxels around the middle plus ``offset``; its centre [m]."""
    n = int(2 * radius + 8)
    shape = (1, n, n) if flat else (n, n, n)
    grid = Grid(shape, H, 1)
    centre = (np.array(shape) / 2 + offset) * H
    distance = np.linalg.norm(grid.points() - centre, axis=1).reshape(shape)
    return Volume((distance < radius * H).astype(np.uint8), grid, {"pore": 0, "active": 1}), centre


@pytest.mark.parametrize(("radius", "error"), [(4, 0.015), (6, 0.012), (8, 0.01), (16, 0.006)])
def test_balls_in_images(radius: int, error: float) -> None:
    """Balls anywhere between the voxels: the volume of the voxels, the area of a ball that has it."""
    areas = []
    for seed in range(12 if radius < 16 else 3):
        volume, _ = ball(radius, np.random.default_rng(seed).uniform(-0.5, 0.5, 3))
        mesh = mesh_volume(volume, options=MeshOptions(size=2 * H))
        voxels = volume.mask("active").sum() * H**3
        assert mesh.region_sizes()["active"] == pytest.approx(voxels, rel=0.005, abs=0)
        same = 4 * np.pi * (voxels / (4 / 3 * np.pi)) ** (2 / 3)
        areas.append(mesh.facet_sizes()["active | pore"] / same)
    assert np.abs(np.array(areas) - 1).max() < error


def sphere(centre: np.ndarray, radius: float):
    return lambda points: np.linalg.norm(points - centre, axis=1) - radius


SIZES = (4 * H, 2 * H, H)


def errors_of_sphere(sizes: tuple[float, ...], offset: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Relative errors of area and volume of a ball of 5.3 voxels meshed from its exact shape."""
    radius = 5.3
    volume, centre = ball(radius, np.array(offset))
    shape = sphere(centre, radius * H)
    found = []
    for size in sizes:
        mesh = mesh_volume(
            volume, shapes={"active": shape}, options=MeshOptions(size=size, match=False, coarsest=2)
        )
        found.append((mesh.facet_sizes()["active | pore"], mesh.region_sizes()["active"]))
    area, content = np.array(found).T
    return area / (4 * np.pi * (radius * H) ** 2) - 1, content / (4 / 3 * np.pi * (radius * H) ** 3) - 1


@pytest.mark.parametrize("offset", [(-0.1, 0.2, 0.1), (0.37, -0.29, 0.13)])
def test_second_order_from_shapes(offset: tuple[float, ...]) -> None:
    area, content = errors_of_sphere(SIZES, offset)
    for error in (area, content):
        assert (np.log2(error[:-1] / error[1:]) >= 1.8).all()
        assert (error < 0).all()  # corners on the surface of a ball lie inside the rest of it


@pytest.mark.parametrize("offset", [(-0.1, 0.2, 0.1), (0.37, -0.29, 0.13)])
def test_surface_corners_lie_on_the_shape(offset: tuple[float, ...]) -> None:
    """To a thousandth of an edge, but for the few that join: else areas do not converge."""
    radius, size = 5.3, H / 2
    volume, centre = ball(radius, np.array(offset))
    shape = sphere(centre, radius * H)
    mesh = mesh_volume(volume, shapes={"active": shape}, options=MeshOptions(size=size, match=False))
    on = np.unique(mesh.facets[mesh.facet_tags == mesh.interfaces["active | pore"]])
    away = np.abs(shape(mesh.points[on])) / size
    assert (away > 1e-3).mean() < 0.006
    assert away.max() < 0.3
    area, _ = errors_of_sphere((H, size), offset)
    assert np.log2(area[0] / area[1]) >= 1.8


def filmed() -> Volume:
    """Overlapping balls of 7 voxels in a film of two voxels, cut by the faces of the box."""
    grid = Grid((36, 36, 36), H)
    centres = np.random.default_rng(10).uniform(0, 36, (12, 3)) * H
    points = grid.points()
    distance = np.min([np.linalg.norm(points - c, axis=1) for c in centres], axis=0).reshape(grid.shape)
    active = distance < 7 * H
    film = ~active & (distance_transform_edt(~active) <= 2)
    return Volume((active + 2 * film).astype(np.uint8), grid, PHASES)


@pytest.mark.parametrize("size", [1.5 * H, 2 * H])
def test_three_phases(size: float) -> None:
    volume = filmed()
    mesh = mesh_volume(volume, options=MeshOptions(size=size))
    validate(mesh, *box_of(volume))
    whole = np.prod(volume.grid.size)
    for name, share in volume.fractions().items():
        assert mesh.region_sizes()[name] / whole == pytest.approx(share, rel=0.01)
    assert set(mesh.interfaces) >= {"active | binder", "binder | pore"}
    area = mesh.facet_sizes()
    assert area.get("active | pore", 0.0) < 0.02 * area["active | binder"]  # the film stays closed
    asked = mesh.provenance["figures"]["fractions_asked"]
    assert asked == pytest.approx(volume.fractions(), rel=1e-12)
    report = check(mesh, min_dihedral=5.0, on_disconnected="keep")
    assert report.statistics.cells == len(mesh.cells)


@pytest.mark.parametrize("collector", ["low", "high"])
@pytest.mark.parametrize("through", [0, 2])
def test_separator(through: int, collector: str) -> None:
    thick = 7.3e-6
    volume = filmed()
    grid = replace(volume.grid, through=through, collector=collector, origin=(2e-6, -3e-6, 1e-5))
    volume = replace(volume, grid=grid)
    mesh = mesh_volume(volume, options=MeshOptions(separator=thick))
    low, high = box_of(volume, thick)
    validate(mesh, low, high)
    cross = (36 * H) ** 2
    assert mesh.region_sizes()["separator"] == pytest.approx(thick * cross, rel=1e-12, abs=0)
    slab = mesh.points[mesh.cells[mesh.tags == mesh.regions["separator"]]][..., through]
    span = (
        (high[through] - thick, high[through]) if collector == "low" else (low[through], low[through] + thick)
    )
    assert (slab.min(), slab.max()) == pytest.approx(span, rel=1e-12, abs=1e-18)
    layers = np.unique((slab - span[0]) / thick * 8)  # four cells of 1.825 um, with corners half way up
    assert np.abs(layers - np.round(layers)).max() < 1e-6
    assert "separator" not in mesh.boundaries
    area = mesh.facet_sizes()
    assert area["counter electrode"] == pytest.approx(cross, rel=1e-12, abs=0)
    wall = [name for name in mesh.interfaces if "separator" in name]
    assert wall == ["active | separator", "binder | separator", "pore | separator"]
    assert sum(area[name] for name in wall) == pytest.approx(cross, rel=1e-12, abs=0)
    page = np.moveaxis(volume.labels, through, 0)[-1 if collector == "low" else 0]
    for name in wall:
        share = (page == PHASES[name.split(" | ")[0]]).mean()
        assert area[name] / cross == pytest.approx(share, abs=0.03)
    collecting = mesh.points[mesh.facets[mesh.facet_tags == mesh.boundaries["collector"]]][..., through]
    assert np.unique(collecting) == (low if collector == "low" else high)[through]


# -- particles ------------------------------------------------------------------------
def touching() -> tuple[Volume, Instances, float]:
    """Two balls of 8 voxels that overlap by two, parted by the plane between them; where that is [m]."""
    grid = Grid((24, 24, 38), H)
    points = grid.points()
    centres = np.array([[12, 12, 12], [12, 12, 26]]) * H
    distance = [np.linalg.norm(points - c, axis=1).reshape(grid.shape) for c in centres]
    active = np.minimum(*distance) < 8 * H
    number = np.where(active, np.where(distance[0] < distance[1], 1, 2), 0).astype(np.int32)
    volume = Volume(active.astype(np.uint8), grid, {"pore": 0, "active": 1})
    return volume, Instances(number, grid, "active"), 19 * H


def test_particles_that_touch_are_told_apart() -> None:
    volume, found, plane = touching()
    mesh = mesh_volume(volume, particles={"active": found})
    validate(mesh, *box_of(volume))
    assert set(mesh.regions) == {"active", "pore"}
    assert set(mesh.interfaces) == {"active | pore"}
    number = mesh.cell_data["particle"]
    assert np.array_equal(number > 0, mesh.tags == mesh.regions["active"])
    assert set(number.tolist()) == {0, 1, 2}
    middle = mesh.points[mesh.cells].mean(axis=1)[:, 2]
    assert (middle[number == 1] < plane + 0.3 * H).all()
    assert (middle[number == 2] > plane - 0.3 * H).all()
    facets, first, second = facets_of("tetra", mesh.cells)
    between = (second >= 0) & (np.sort([number[first], number[second]], axis=0) == [[1], [2]]).all(axis=0)
    corner = mesh.points[facets[between]]
    assert np.abs(corner[..., 2] - plane).max() < 0.5 * H
    touching_voxels = ((found.labels[..., 18] == 1) & (found.labels[..., 19] == 2)).sum() * H**2
    assert facet_sizes(mesh.points, facets[between]).sum() == pytest.approx(touching_voxels, rel=0.1, abs=0)
    size = np.bincount(number, mesh.sizes())[1:]
    voxels = np.bincount(found.labels.ravel())[1:] * H**3
    np.testing.assert_allclose(size, voxels, rtol=0.01)
    asked = mesh.provenance["figures"]["fractions_asked"]
    assert asked == pytest.approx(volume.fractions(), rel=1e-12)


def test_without_particles_there_are_no_numbers() -> None:
    volume, _, _ = touching()
    assert "particle" not in mesh_volume(volume).cell_data


# -- in the plane ---------------------------------------------------------------------
@pytest.mark.parametrize("radius", [6, 12])
def test_discs_in_images(radius: int) -> None:
    errors = []
    for seed in range(12 if radius < 16 else 3):
        volume, _ = ball(radius, np.random.default_rng(seed).uniform(-0.5, 0.5, 3), flat=True)
        mesh = mesh_volume(volume)
        validate(mesh, *box_of(volume))
        pixels = volume.mask("active").sum() * H**2
        assert mesh.region_sizes()["active"] == pytest.approx(pixels, rel=0.005, abs=0)
        errors.append(mesh.facet_sizes()["active | pore"] / np.sqrt(4 * np.pi * pixels) - 1)
    assert abs(np.mean(errors)) < 0.015
    assert np.abs(errors).max() < 0.03


def test_second_order_in_the_plane() -> None:
    radius = 8.3
    volume, centre = ball(radius, np.array([0.0, 0.21, -0.13]), flat=True)
    shape = sphere(centre, radius * H)
    found = []
    for size in SIZES:
        mesh = mesh_volume(volume, shapes={"active": shape}, options=MeshOptions(size=size, match=False))
        found.append((mesh.facet_sizes()["active | pore"], mesh.region_sizes()["active"]))
    length, area = np.array(found).T
    for error in (length / (2 * np.pi * radius * H) - 1, area / (np.pi * (radius * H) ** 2) - 1):
        assert (error < 0).all()
        assert np.log2(error[0] / error[-1]) / 2 >= 1.8


# -- the cut alone --------------------------------------------------------------------
class Halves:
    """Two phases on either side of a plane; distances in edges."""

    phases = ("one", "other")

    def __init__(self, normal: np.ndarray, level: float) -> None:
        self.normal, self.level = normal, level

    def __call__(self, points: np.ndarray) -> np.ndarray:
        away = points @ self.normal - self.level
        return np.stack([-away, away], axis=1)


def section(normal: np.ndarray, level: float, edge: float) -> float:
    """Area of a plane within a cube."""
    ends = np.array(list(np.ndindex(2, 2, 2))) * edge
    pairs = [(a, b) for i, a in enumerate(ends) for b in ends[:i] if (a != b).sum() == 1]
    a, b = (np.array([p[k] for p in pairs], float) for k in (0, 1))
    u, v = a @ normal - level, b @ normal - level
    hit = u * v < 0
    points = a[hit] + (u / (u - v))[hit, None] * (b - a)[hit]
    axes = np.linalg.svd(normal[None])[2][1:]
    return float(ConvexHull(points @ axes.T).volume)


def cut_by_plane(seed: int) -> tuple[np.ndarray, float]:
    """Distances of the corners of the cut from a random plane [edges], and the relative error of its area."""
    rng = np.random.default_rng(seed)
    normal = rng.normal(size=3)
    normal /= np.linalg.norm(normal)
    edge, counts = 12, (12, 12, 12)
    level = float(normal @ rng.uniform(4, 8, 3))
    base = lattice(counts, [np.ones(counts, bool)])
    free, levels = np.ones(len(base.cells), bool), Halves(normal, level)
    mesh, phase = improve(*cut(base.points, base.cells, base.bound, free, levels), levels)
    facets, first, second = facets_of("tetra", mesh.cells)
    between = facets[(second >= 0) & (phase[first] != phase[second])]
    area = facet_sizes(mesh.points, between).sum()
    return np.abs(mesh.points[np.unique(between)] @ normal - level), area / section(normal, level, edge) - 1


@pytest.mark.parametrize("seed", [seed for seed in range(12) if seed not in (6, 9)])
def test_a_plane_is_cut_exactly(seed: int) -> None:
    away, error = cut_by_plane(seed)
    assert away.max() < 1e-6
    assert abs(error) < 1e-3


@pytest.mark.parametrize("seed", range(12))
def test_hardly_a_corner_lies_beside_a_plane(seed: int) -> None:
    away, error = cut_by_plane(seed)
    assert len(away) > 100
    assert (away > 1e-6).sum() <= 1  # one that would have flattened a cell stopped half of its way
    assert away.max() < 0.15
    assert abs(error) < 5e-4


def test_a_collapse_does_not_close_a_film() -> None:
    """Three rows of triangles, the middle one thin: its edges across join surfaces that must stay apart."""
    x, y = np.meshgrid(np.arange(5.0), [0.0, 1.0, 1.05, 2.0])
    points = np.stack([x.ravel(), y.ravel(), np.zeros(20)], axis=1)
    corner = np.arange(20).reshape(4, 5)
    a, b, c, d = (
        part.ravel() for part in (corner[:-1, :-1], corner[:-1, 1:], corner[1:, :-1], corner[1:, 1:])
    )
    cells = np.concatenate([np.stack([a, b, d], axis=1), np.stack([a, d, c], axis=1)]).astype(np.int32)
    film = np.isin(np.arange(12) // 4, [1])
    core = np.ones(20, bool)
    for phase in (np.tile(np.repeat([0, 1, 2], 4), 2), np.tile(np.where(film, 1, 0), 2)):
        start, stars = _stars(cells, core, 20)
        assert _after(points, cells, phase, corner[1, 2], corner[2, 2], start, stars) == -2
        assert _after(points, cells, phase, corner[2, 2], corner[1, 2], start, stars) == -2
        along = _after(points, cells, phase, corner[1, 2], corner[1, 1], start, stars)
        assert along > 0  # along the film nothing is torn


def test_cells_get_the_number_of_the_particle_they_lie_in() -> None:
    volume, _ = ball(5)
    split = volume.mask("active").astype(np.int32)
    split[split.shape[0] // 2 :] *= 2  # two halves
    made = mesh_volume(volume)
    numbered = with_particles(made, Instances(split, volume.grid, "active"))
    number, active = numbered.cell_data["particle"], made.tags == made.regions["active"]
    assert (number[~active] == 0).all()
    middle = made.points[made.cells[active]].mean(axis=1)
    assert (number[active] == np.where(middle[:, 0] < split.shape[0] // 2 * H, 1, 2)).all()
    with pytest.raises(InputError, match="no region of these particles"):
        with_particles(made, Instances(split, volume.grid, "NMC"))


# -- promises -------------------------------------------------------------------------
def test_the_same_mesh_twice() -> None:
    volume = filmed()
    one, two = (mesh_volume(volume, options=MeshOptions(separator=5e-6)) for _ in range(2))
    for name in ("points", "cells", "tags", "facets", "facet_tags"):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name
    assert (one.regions, one.boundaries, one.interfaces) == (two.regions, two.boundaries, two.interfaces)


def test_progress_and_figures() -> None:
    seen: list[float] = []
    volume, _ = ball(5)
    mesh = mesh_volume(volume, progress=lambda done, text: seen.append(done))
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0.0, 1.0)
    figures = mesh.provenance["figures"]
    assert figures["size_m"] == 2 * H
    assert 1 <= figures["rounds"] <= 7
    assert {"lattice_s", "cut_s", "slivers_s", "names_s"} <= set(figures)


def test_without_matching_nothing_is_shifted() -> None:
    volume, _ = ball(5)
    figures = mesh_volume(volume, options=MeshOptions(match=False)).provenance["figures"]
    assert (figures["rounds"], figures["shift"]) == (1, [0.0, 0.0])


REFUSED = [
    ("size", {"size": 0.2 * H}), ("size", {"size": 9.1 * H}), ("size", {"size": -H}),
    ("size", {"size": float("nan")}), ("coarsest", {"coarsest": -1}), ("coarsest", {"coarsest": 7}),
    ("separator", {"separator": -1e-6}), ("separator", {"separator": 25.0}),
    ("separator", {"separator": 0.5 * H}), ("goal", {"goal": -1.0}), ("goal", {"goal": 31.0}),
]  # fmt: skip


@pytest.mark.parametrize(("field", "options"), REFUSED)
def test_impossible_options(field: str, options: dict[str, float]) -> None:
    volume, _ = ball(5)
    with pytest.raises(InputError) as caught:
        mesh_volume(volume, options=MeshOptions(**options))  # type: ignore[arg-type]
    assert caught.value.field == field
    assert caught.value.remedy


def test_bounds_of_the_size() -> None:
    volume, _ = ball(5)
    grid = replace(volume.grid, voxel_size=(H, 2 * H, H))
    assert MeshOptions().checked(grid) == 4 * H
    assert MeshOptions(size=0.5 * H).checked(grid) == 0.5 * H
    assert MeshOptions(size=9 * H, separator=9 * H).checked(grid) == 9 * H


def test_images_and_shapes_that_do_not_fit() -> None:
    volume, found, _ = touching()
    shape = sphere(np.array([12, 12, 12]) * H, 8 * H)
    pore = Volume(np.zeros((8, 8, 8), np.uint8), Grid((8, 8, 8), H), PHASES)
    cases = [
        ("volume", "one phase", lambda: mesh_volume(pore)),
        ("shapes", "every phase but one", lambda: mesh_volume(filmed(), shapes={"active": shape})),
        ("shapes", "every phase but one", lambda: mesh_volume(volume, shapes={"activ": shape})),
        ("shapes", "every phase but one", lambda: mesh_volume(volume, shapes=dict.fromkeys(PHASES, shape))),
        (
            "particles",
            "images, not in shapes",
            lambda: mesh_volume(volume, shapes={"active": shape}, particles={"active": found}),
        ),
        ("particles", "another image", lambda: mesh_volume(ball(8)[0], particles={"active": found})),
        ("phase", "no such phase", lambda: mesh_volume(volume, particles={"activ": found})),
    ]
    for field, message, call in cases:
        with pytest.raises(InputError, match=message) as caught:
            call()
        assert caught.value.field == field
        assert caught.value.remedy


# -- several processes ----------------------------------------------------------------
PROGRAM = """
import importlib.util, sys
import dolfinx_solver
import numpy as np
from mpi4py import MPI
spec = importlib.util.spec_from_file_location("here", sys.argv[1])
here = importlib.util.module_from_spec(spec)
spec.loader.exec_module(here)
comm = MPI.COMM_WORLD
mesh = here.processed() if comm.rank == 0 else None
from lithoscape.mesh.build import domain
d = domain(mesh)
tables = {"region": d.regions, "boundary": d.boundaries, "interface": d.interfaces}
found = [f"{kind}:{name}:{d.measure(kind, name)!r}" for kind, table in tables.items() for name in table]
owned = d.mesh.topology.index_map(3).size_local
assert owned < d.mesh.topology.index_map(3).size_global
if comm.rank == 0:
    print("FOUND;" + ";".join(found))
"""


def processed() -> Tessellation:
    return mesh_volume(filmed(), options=MeshOptions(separator=6e-6))


@pytest.mark.mpi
@pytest.mark.slow
def test_two_processes_share_the_mesh() -> None:
    launch = str(Path(sys.executable).parent / "mpiexec")
    done = subprocess.run(
        [launch, "-n", "2", sys.executable, "-c", PROGRAM, __file__],
        capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    (line,) = [x for x in done.stdout.splitlines() if x.startswith("FOUND")]
    found = {name: float(value) for _, name, value in (x.split(":") for x in line.split(";")[1:])}
    mesh = processed()
    assert found == pytest.approx({**mesh.region_sizes(), **mesh.facet_sizes()}, rel=1e-12, abs=0)
