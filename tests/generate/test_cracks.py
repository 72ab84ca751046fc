import hashlib
import math
import subprocess
import sys
from itertools import product
from typing import Any

import numpy as np
import pytest

from lithoscape.errors import InputError
from lithoscape.generate import HalfSpace, Shape, Structure, rasterise
from lithoscape.generate.cracks import (
    Crack,
    CrackNetwork,
    network,
    network_fraction,
    network_voxels,
    sheet,
    sheet_fraction,
    width_profile,
)
from lithoscape.generate.mud_cells import MudCells, mud_cells
from lithoscape.generate.noise import waves
from lithoscape.generate.placing import Curve
from lithoscape.image import Grid

UM = 1e-6


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def slab(grid: Grid) -> Structure:
    """An electrode without pores."""
    return Structure.empty(grid).paint("active", shape=HalfSpace(0, 1.0))


def gradient_norms(shape: Shape, points: np.ndarray, step: float = 1e-10) -> np.ndarray:
    slopes = [(shape(points + step * e) - shape(points - step * e)) / (2 * step) for e in np.eye(3)]
    return np.linalg.norm(slopes, axis=0)


def box(through: int, shape: tuple[int, int, int], voxel: float, collector: str = "low") -> Grid:
    """A grid whose first number of ``shape`` counts along the through axis."""
    order = list(shape[1:])
    order.insert(through, shape[0])
    return Grid(tuple(order), voxel, through=through, collector=collector)  # type: ignore[arg-type]


def test_the_random_function_has_its_gradient_and_moments() -> None:
    grid = Grid((400, 300, 300), UM)
    f = waves(grid, rng(), amplitude=3 * UM, correlation=20 * UM)
    points = rng().uniform(0, 300 * UM, (20000, 3))
    value, gradient = f(points)
    step = 1e-10
    for k, e in enumerate(np.eye(3)):
        slope = (f(points + step * e)[0] - f(points - step * e)[0]) / (2 * step)
        np.testing.assert_allclose(gradient[:, k], slope, atol=2e-6)
    assert value.std() == pytest.approx(3 * UM, rel=0.1)
    assert gradient.std(axis=0) == pytest.approx(3 / 20, rel=0.25)  # amplitude / correlation per axis
    np.testing.assert_allclose(f(points + np.array([0, 300 * UM, -300 * UM]))[0], value, atol=1e-12)
    assert np.abs(f(points + np.array([400 * UM, 0, 0]))[0] - value).max() > 3 * UM


@pytest.mark.parametrize(("through", "collector"), [*product((0, 1, 2), ("low", "high"))])
@pytest.mark.parametrize("start", ["separator", "collector"])
def test_depth_counts_from_where_the_crack_starts(through: int, collector: str, start: str) -> None:
    grid = box(through, (20, 12, 14), UM, collector)
    step = Crack(make="crack", width_um=4, depth_um=5, start=start)  # type: ignore[arg-type]
    at = step.apply(slab(grid), rng()).volume.mask("pore").any(axis=grid.in_plane)
    heights = grid.heights()[at]
    assert at.sum() == 5
    assert (heights > 15 * UM).all() if start == "separator" else (heights < 5 * UM).all()


@pytest.mark.parametrize("along", ["first", "second"])
def test_a_straight_crack_lies_where_it_was_put(along: str) -> None:
    grid = box(2, (8, 12, 20), UM, "high")
    step = Crack(make="crack", width_um=4, position_um=4, along=along)  # type: ignore[arg-type]
    pore = step.apply(slab(grid), rng()).volume.mask("pore")
    across = grid.in_plane[1 if along == "first" else 0]
    line = pore.any(axis=tuple(k for k in range(3) if k != across))
    assert np.flatnonzero(line).tolist() == [2, 3, 4, 5]
    assert pore.sum() * grid.shape[across] == 4 * pore.size


WEDGE = Curve((0.0, 25 * UM), (9 * UM, 2 * UM))


def wound(grid: Grid, width: Curve = WEDGE, depth: float = 25 * UM, amplitude: float = 3 * UM) -> Any:
    path = waves(grid, rng(), amplitude=amplitude, correlation=12 * UM, flat=(grid.in_plane[1],))
    return sheet(grid, width=width, depth=depth, path=path)


def test_the_volume_converges_to_the_width_profile() -> None:
    """Displacing a sheet along one axis keeps its volume: the integral of the width over the depth."""
    exact = (9 + 2) / 2 * 25 / (30 * 40)
    errors = []
    for n in (1, 2, 4):
        grid = Grid((30 * n, 24 * n, 40 * n), UM / n)
        crack = wound(grid)
        errors.append(abs(rasterise(crack, grid).mean() / exact - 1))
        assert sheet_fraction(grid, crack)[0] == pytest.approx(exact, rel=1e-9)
    assert errors[2] < 1e-3
    assert errors[2] < errors[0] / 3


def test_a_crack_at_the_edge_counts_by_its_half() -> None:
    grid = Grid((30, 24, 40), UM)
    crack = sheet(grid, width=Curve((0.0,), (8 * UM,)), position=0.0)
    assert sheet_fraction(grid, crack)[0] == pytest.approx(4 / 40)
    assert rasterise(crack, grid).mean() == pytest.approx(4 / 40)


def test_the_area_of_a_corrugated_sheet() -> None:
    """Mean of sqrt(1 + slope^2) against a fine triangulation of the displaced surface."""
    grid = Grid((50, 40, 60), UM)
    crack = wound(grid, Curve((0.0,), (4 * UM,)), 50 * UM)
    z, y = np.meshgrid(np.linspace(0, 50, 401) * UM, np.linspace(0, 40, 401) * UM, indexing="ij")
    flat = np.stack([z.ravel(), y.ravel(), np.zeros(z.size)], axis=1)
    x = crack.path[0][1](flat)[0].reshape(z.shape)
    nodes = np.stack([z, y, x], axis=-1)
    a, b = nodes[1:, :-1] - nodes[:-1, :-1], nodes[:-1, 1:] - nodes[:-1, :-1]
    c, d = nodes[1:, :-1] - nodes[1:, 1:], nodes[:-1, 1:] - nodes[1:, 1:]
    area = (np.linalg.norm(np.cross(a, b), axis=-1) + np.linalg.norm(np.cross(c, d), axis=-1)).sum() / 2
    ratio = sheet_fraction(grid, crack)[1]
    assert ratio == pytest.approx(area / (50 * 40 * UM**2), rel=1e-4)
    assert ratio > 1.02


@pytest.mark.parametrize("kind", ["sheet", "network", "wavy network"])
def test_the_gradient_is_of_length_one(kind: str) -> None:
    grid = box(2, (40, 60, 60), UM, "high")
    if kind == "sheet":
        path = waves(grid, rng(), amplitude=3 * UM, correlation=12 * UM, flat=(grid.in_plane[1],))
        shape: Shape = sheet(grid, width=WEDGE, depth=25 * UM, path=path)
    else:
        cells = mud_cells(grid, rng(), size=20 * UM, relaxation=2)
        path2 = tuple(waves(grid, rng(k), amplitude=1.5 * UM, correlation=12 * UM) for k in (3, 4))
        winding = path2 if kind == "wavy network" else None
        shape = network(grid, cells, width=WEDGE, depth=25 * UM, path=winding)  # type: ignore[arg-type]
    points = rng().uniform(0, 1, (100000 if kind != "sheet" else 300000, 3)) * grid.size
    near = points[np.abs(shape(points)) < 0.1 * UM]
    off = np.abs(gradient_norms(shape, near) - 1)
    assert len(near) > 1000
    assert np.median(off) < 0.005
    assert np.quantile(off, 0.99) < 0.05


def square_cells(n: int, pitch: float) -> MudCells:
    middles = (np.arange(n) + 0.5) * pitch
    seeds = np.stack(np.meshgrid(middles, middles), axis=-1).reshape(-1, 2)
    return MudCells((1, 2), seeds, (n * pitch, n * pitch))


def test_square_cells_leave_shrunken_squares() -> None:
    cells = square_cells(3, 10 * UM)
    for width in (0.0, 1.0, 4.5):
        exact = 1 - (1 - width / 10) ** 2
        assert cells.wall_fraction(width * UM) == pytest.approx(exact, abs=1e-12)
    away, gradient = cells.nearest(np.array([[0.0, 12 * UM, 15.5 * UM]]))
    assert away[0] == pytest.approx(2 * UM)
    np.testing.assert_allclose(gradient[0], [0, 1, 0], atol=1e-12)


def test_square_cells_with_tapered_walls() -> None:
    grid = Grid((20, 30, 30), UM)
    crack = network(grid, square_cells(3, 10 * UM), width=Curve((0.0, 16 * UM), (4 * UM, 0.0)), depth=16 * UM)
    a = 0.4  # the integral of 1 - (1 - a z)^2 over a wedge is a - a^2 / 3
    assert network_fraction(grid, crack) == pytest.approx((a - a**2 / 3) * 16 / 20, rel=1e-12)


def test_network_volumes_converge_to_the_formula() -> None:
    errors = []
    for n in (1, 2, 4):
        grid = box(1, (12 * n, 60 * n, 50 * n), UM / n)
        cells = mud_cells(grid, rng(), size=17 * UM, relaxation=2)
        crack = network(grid, cells, width=Curve((0.0, 9 * UM), (4 * UM, 1 * UM)), depth=9 * UM)
        assert len(cells.seeds) == 10
        voxels = network_voxels(grid, crack)
        errors.append(abs(voxels.mean() / network_fraction(grid, crack) - 1))
        if n == 1:
            assert (voxels == rasterise(crack, grid)).all()
    assert errors[2] < 1.5e-3
    assert errors[2] < errors[0]


def test_relaxed_cells_are_more_even() -> None:
    grid = Grid((2, 200, 200), UM)

    def unevenness(relaxation: int) -> float:
        cells = mud_cells(grid, rng(), size=25 * UM, relaxation=relaxation)
        _, owner = cells.tree.query(grid.points(0, 1)[:, 1:])
        areas = np.bincount(owner % len(cells.seeds), minlength=len(cells.seeds))
        return float(areas.std() / areas.mean())

    assert unevenness(0) > 0.4  # 0.53 for an endless Poisson pattern
    assert unevenness(4) < 0.25


@pytest.mark.parametrize("amplitude", [0.0, 1.0])
def test_a_network_is_periodic_and_its_shape_is_the_labels(amplitude: float) -> None:
    grid = box(1, (14, 30, 26), UM, "high")
    step = CrackNetwork(
        make="crack_network", size_um=12, width_um=((0, 3), (8, 1.5)), depth_um=10,
        amplitude_um=amplitude, correlation_um=8, gap_um=2, gap_reach_um=4,
    )  # fmt: skip
    s = step.apply(slab(grid), rng())
    assert (rasterise(s.shapes["active"], grid) == s.volume.mask("active")).all()
    assert (s.figures["crack network: volume fraction by formula"] is None) == (amplitude > 0)
    assert s.figures["crack network: cells"] == round(30 * 26 / 144)
    cut = rasterise(s.shapes["active"], Grid(grid.shape, UM, 1, "high", (30 * UM, 0.0, -26 * UM)))
    assert (cut == s.volume.mask("active")).mean() > 0.999


@pytest.mark.parametrize("collector", ["low", "high"])
def test_the_gap_opens_at_the_collector(collector: str) -> None:
    grid = box(2, (20, 10, 40), UM, collector)
    step = Crack(make="crack", width_um=4, gap_um=3, gap_reach_um=10)
    s = step.apply(slab(grid), rng())
    by_height = s.volume.mask("pore").mean(axis=(0, 1))
    low = grid.heights() < 3 * UM
    assert by_height[low] == pytest.approx(20 / 40)
    assert by_height[~low] == pytest.approx(4 / 40)
    assert s.figures["gap: solid removed fraction"] == pytest.approx(16 / 40 * 3 / 20)
    everywhere = Crack(make="crack", width_um=4, gap_um=3).apply(slab(grid), rng())
    assert everywhere.volume.mask("pore").mean(axis=(0, 1))[low] == pytest.approx(1)


def test_the_shape_of_a_winding_crack_is_the_labels() -> None:
    grid = box(2, (30, 20, 24), UM, "high")
    step = Crack(make="crack", width_um=6, width_bottom_um=0, depth_um=25, amplitude_um=2, correlation_um=10)
    s = step.apply(slab(grid), rng())
    assert (rasterise(s.shapes["active"], grid) == s.volume.mask("active")).all()
    exact = s.figures["crack: volume fraction by formula"]
    assert exact == pytest.approx(3 * 25 / (30 * 24), rel=0.01)
    assert s.figures["crack: volume fraction on voxels"] == pytest.approx(exact, rel=0.05)


def both_cracks() -> str:
    s = slab(Grid((20, 30, 30), UM))
    s = Crack(make="crack", width_um=3, amplitude_um=2, correlation_um=9).apply(s, rng(7))
    s = CrackNetwork(make="crack_network", size_um=12, width_um=2).apply(s, rng(8))
    return hashlib.sha256(s.volume.labels.tobytes()).hexdigest()


def test_the_seed_decides_in_any_process() -> None:
    program = f"import runpy; print(runpy.run_path({__file__!r})['both_cracks']())"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == both_cracks()
    step = Crack(make="crack", width_um=3, amplitude_um=2, correlation_um=9)
    one, two = (step.apply(slab(Grid((20, 30, 30), UM)), rng(k)).volume.labels for k in (1, 2))
    assert (one != two).any()


def test_finer_voxels_show_the_same_crack() -> None:
    step = Crack(make="crack", width_um=6, amplitude_um=3, correlation_um=10)
    coarse, fine = (
        step.apply(slab(Grid((20 * n, 30 * n, 30 * n), UM / n)), rng()).volume.mask("pore") for n in (1, 3)
    )
    assert (coarse == fine[1::3, 1::3, 1::3]).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"depth_um": 31.0}, "only 3e-05 m thick"),
        ({"width_um": 0.0}, "has a width"),
        ({"width_um": -2.0}, "has a width"),
        ({"width_um": math.nan}, "pairs"),
        ({"width_um": 50.0}, "wider than the box"),
        ({"width_um": ((0, 2), (31, 1))}, "leaves the crack"),
        ({"width_um": ((0, 2), (0, 1))}, "ascend"),
        ({"width_um": ((0, 2), (5, -1))}, "has a width"),
        ({"width_um": ((0, 2), (5, 1)), "width_bottom_um": 1.0}, "Leave it out"),
        ({"position_um": 25.0}, "outside the box"),
        ({"amplitude_um": 2.0}, "correlation"),
        ({"amplitude_um": -2.0}, "not below zero"),
        ({"amplitude_um": 2.0, "correlation_um": 0.0}, "positive number"),
        ({"gap_um": 30.0}, "as high as the electrode"),
        ({"gap_um": 3.0, "gap_reach_um": 0.0}, "positive number"),
        ({"over": ("activ",)}, "'active'"),
    ],
)
def test_bad_cracks_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Crack(**{"make": "crack", "width_um": 3.0, **options}).apply(slab(Grid((30, 20, 20), UM)), rng())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size_um": 25.0}, "at least two cells"),
        ({"size_um": 0.0}, "positive number"),
        ({"width_um": 11.0}, "as wide as the cells"),
        ({"relaxation": -1}, "counted from zero"),
        ({"depth_um": 31.0}, "only 3e-05 m thick"),
        ({"amplitude_um": 2.0, "correlation_um": 5.0}, "fold"),
    ],
)
def test_bad_networks_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        CrackNetwork(**{"make": "crack_network", "size_um": 10.0, "width_um": 2.0, **options}).apply(
            slab(Grid((30, 20, 20), UM)), rng()
        )


def test_a_width_profile_from_two_numbers() -> None:
    curve = width_profile(8 * UM, 20 * UM, 2 * UM)
    np.testing.assert_allclose(curve(np.array([0, 10 * UM, 30 * UM])), [8 * UM, 5 * UM, 2 * UM])
    np.testing.assert_allclose(curve.slope(np.array([10 * UM, 30 * UM])), [-0.3, 0])
