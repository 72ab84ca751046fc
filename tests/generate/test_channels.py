import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad

from lithoscape.errors import InputError
from lithoscape.generate import HalfSpace, Shape, Structure, rasterise
from lithoscape.generate.channels import (
    Channels,
    CrossSection,
    HoleArray,
    channels,
    channels_fraction,
    cross_section,
    holes,
    holes_fraction,
)
from lithoscape.image import Grid

UM = 1e-6
RNG = np.random.default_rng(0)
SECTIONS = [
    CrossSection(10 * UM, 10 * UM, 20 * UM),
    CrossSection(10 * UM, 6 * UM, 20 * UM),
    CrossSection(10 * UM, 0.0, 20 * UM),
    CrossSection(6 * UM, 9 * UM, 20 * UM),
    CrossSection(10 * UM, 10 * UM, 20 * UM, rounded=True),
    CrossSection(12 * UM, 5 * UM, 20 * UM, rounded=True),
]


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


@pytest.mark.parametrize("section", SECTIONS)
def test_moments_are_the_integrals_of_the_width(section: CrossSection) -> None:
    for power, value in zip((1, 2), section.moments(), strict=True):
        f = lambda z: float(section.width(np.array(z * UM))) ** power / UM**power  # noqa: B023, E731
        bend = [section.tangent / UM] if section.rounded else None
        exact = quad(f, 0, 20, points=bend, epsabs=0, epsrel=1e-11, limit=200)[0]
        assert value / UM ** (power + 1) == pytest.approx(exact, rel=1e-8)
    assert section.width(np.array([0.0, 20.1 * UM])).tolist() == pytest.approx([section.top, 0.0])


@pytest.mark.parametrize("section", SECTIONS)
def test_distance_is_exact(section: CrossSection) -> None:
    z = np.linspace(0, 20 * UM, 40001)
    half = section.width(z) / 2
    floor = np.linspace(0, half[-1], 4001)
    outline_r = np.concatenate([half, floor])
    outline_z = np.concatenate([z, np.full(floor.size, 20 * UM)])
    r, depth = RNG.uniform(0, 8 * UM, 300), RNG.uniform(6 * UM, 25 * UM, 300)
    nearest = np.hypot(r[:, None] - outline_r, depth[:, None] - outline_z).min(axis=1)
    value = section.distance(r, depth)
    np.testing.assert_allclose(np.abs(value), nearest, atol=6e-9)
    inside = (depth < 20 * UM) & (r < section.width(depth) / 2)
    assert ((value < 0) == inside).all()


@pytest.mark.parametrize(("through", "collector"), [*product((0, 1, 2), ("low", "high"))])
def test_depth_starts_at_the_separator(through: int, collector: str) -> None:
    grid = box(through, (40, 20, 20), UM, collector)
    for step in (
        Channels(make="channels", pitch_um=20, width_um=8, depth_um=10),
        HoleArray(make="holes", pitch_um=20, width_um=8, depth_um=10),
    ):
        pore = step.apply(slab(grid), RNG).volume.mask("pore")
        at = pore.any(axis=grid.in_plane)
        np.testing.assert_array_equal(grid.heights()[at] > 30 * UM, True)
        assert at.sum() == 10


@pytest.mark.parametrize("through", [0, 2])
@pytest.mark.parametrize("along", ["first", "second"])
def test_channels_run_along_their_axis(through: int, along: str) -> None:
    grid = box(through, (10, 12, 20), UM)
    step = Channels(make="channels", pitch_um=4, width_um=2, along=along)  # type: ignore[arg-type]
    pore = step.apply(slab(grid), RNG).volume.mask("pore")
    run = grid.in_plane[0 if along == "first" else 1]
    cross = grid.in_plane[1 if along == "first" else 0]
    assert (pore == pore.take([0], axis=run)).all()
    line = pore.take(0, axis=through).any(axis=run if run < through else run - 1)
    assert line.sum() == grid.shape[cross] // 2
    assert line[1:3].all()


CUTS: list[dict[str, Any]] = [
    {"width": 9.3, "depth": 23.1},
    {"width": 12.0, "width_bottom": 5.0, "depth": 23.1},
    {"width": 12.0, "wall_angle": 0.1, "depth": 23.1, "rounded": True},
    {"width": 11.0, "width_bottom": 7.0},
]


def section_of(grid: Grid, cut: dict[str, Any], pitch: float) -> CrossSection:
    lengths = {k: v * UM for k, v in cut.items() if k.startswith(("width", "depth"))}
    rest = {k: v for k, v in cut.items() if k not in lengths}
    return cross_section(grid, pitch=pitch, **lengths, **rest)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("kind", ["first", "both", "square", "hexagonal"])
def test_the_volume_converges_to_the_formula(cut: dict[str, Any], kind: str) -> None:
    pitch = 16 * UM
    errors = []
    for n in (1, 4):
        y = round(math.sqrt(3) * 16 * n) if kind == "hexagonal" else 16 * n
        size = (UM / n, UM / n, math.sqrt(3) * pitch / y if kind == "hexagonal" else UM / n)
        grid = Grid((30 * n, 16 * n, y), size)
        section = section_of(grid, cut, pitch)
        if kind in ("first", "both"):
            shape: Shape = channels(grid, section, pitch=pitch, along=kind)  # type: ignore[arg-type]
            exact = channels_fraction(section, pitch=pitch, thickness=30 * UM, crossed=kind == "both")
        else:
            array = holes(grid, section, pitch=pitch, lattice=kind)  # type: ignore[arg-type]
            shape, exact = array, holes_fraction(section, array.holes_per_area, 30 * UM)
        errors.append(abs(rasterise(shape, grid).mean() / exact - 1))
    assert errors[0] < 0.1
    assert errors[1] < 0.022  # an edge of a voxel on 9.3 um in quarters of a micrometre is 0.019


def test_the_voxel_volume_converges_to_first_order() -> None:
    section = CrossSection(9.3 * UM, 5.1 * UM, 23.1 * UM, rounded=True)
    errors = []
    for n in (2, 4, 8):
        grid = Grid((30 * n, 16 * n, 16 * n), UM / n)
        array = holes(grid, section, pitch=16 * UM, offset=(0.137 * UM, 0.071 * UM))
        exact = holes_fraction(section, array.holes_per_area, 30 * UM)
        errors.append(abs(rasterise(array, grid).mean() / exact - 1))
    assert errors[2] < 0.003
    assert errors[2] < errors[0] / 3


@pytest.mark.parametrize("kind", ["first", "both", "square", "hexagonal"])
def test_the_gradient_is_of_length_one(kind: str) -> None:
    grid = box(2, (40, 40, 40), UM, "high")
    section = cross_section(
        grid, pitch=20 * UM, width=9 * UM, width_bottom=4 * UM, depth=25 * UM, rounded=True
    )
    if kind in ("first", "both"):
        shape: Shape = channels(grid, section, pitch=20 * UM, along=kind)  # type: ignore[arg-type]
    else:
        shape = holes(grid, section, pitch=20 * UM, lattice=kind)  # type: ignore[arg-type]
    points = RNG.uniform(0, 40 * UM, (20000, 3))
    near = points[np.abs(shape(points)) < 0.5 * UM]
    norms = gradient_norms(shape, near)
    assert near.size > 1000
    assert np.quantile(np.abs(norms - 1), 0.995) < 1e-5  # the rest straddles the creases of crossings


def test_the_shape_is_the_labels() -> None:
    grid = box(1, (30, 20, 24), UM, "high")
    s = Channels(make="channels", pitch_um=10, width_um=4, depth_um=20, along="both").apply(slab(grid), RNG)
    s = HoleArray(make="holes", pitch_um=12, width_um=5, bottom="round", depth_um=25).apply(s, RNG)
    assert (rasterise(s.shapes["active"], grid) == s.volume.mask("active")).all()


def test_figures_state_what_was_asked_and_what_came_out() -> None:
    grid = Grid((30, 20, 24), UM)
    s = Channels(make="channels", pitch_um=10, width_um=4, depth_um=15).apply(slab(grid), RNG)
    assert s.figures["channels: volume fraction by formula"] == pytest.approx(0.2)
    assert s.figures["channels: volume fraction on voxels"] == s.fraction("pore")
    assert s.figures["channels: periodic in plane"] is False
    s = Channels(make="channels", pitch_um=10, width_um=4, depth_um=15, along="second").apply(s, RNG)
    assert s.figures["channels 2: periodic in plane"] is True
    assert s.figures["channels 2: solid removed fraction"] == pytest.approx(0.5 * 0.4 * 15 / 24)


def test_only_the_named_phases_are_cut() -> None:
    grid = Grid((10, 20, 20), UM)
    s = slab(grid).paint("layer", shape=HalfSpace(0, 2 * UM), over=("active",))
    s = Channels(make="channels", pitch_um=10, width_um=4, over=("active",)).apply(s, RNG)
    assert s.fraction("layer") == pytest.approx(0.2)
    assert s.fraction("pore") == pytest.approx(0.8 * 0.4)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"width_um": 10.0}, "as wide as their pitch"),
        ({"width_bottom_um": 11.0}, "as wide as their pitch"),
        ({"wall_angle_deg": -20.0}, "as wide as their pitch"),
        ({"depth_um": 31.0}, "only 3e-05 m thick"),
        ({"depth_um": 0.0}, "positive number"),
        ({"width_um": -1.0}, "positive number"),
        ({"pitch_um": float("nan")}, "positive number"),
        ({"wall_angle_deg": 20.0}, "walls meet"),
        ({"wall_angle_deg": 95.0}, "right angle"),
        ({"wall_angle_deg": 5.0, "width_bottom_um": 3.0}, "given twice"),
        ({"bottom": "round"}, "no bottom to round"),
        ({"bottom": "round", "depth_um": 1.0}, "deeper than the cut"),
        ({"over": ("activ",)}, "'active'"),
        ({"over": ()}, "nothing to cut"),
    ],
)
@pytest.mark.parametrize("kind", [Channels, HoleArray])
def test_bad_input_is_named(kind: Any, options: dict[str, Any], words: str) -> None:
    make = "channels" if kind is Channels else "holes"
    with pytest.raises(InputError, match=words):
        kind(**{"make": make, "pitch_um": 10.0, "width_um": 4.0, **options}).apply(
            slab(Grid((30, 20, 20), UM)), RNG
        )


def test_an_empty_box_cannot_be_cut() -> None:
    with pytest.raises(InputError, match="nothing to cut"):
        Channels(make="channels", pitch_um=10, width_um=4).apply(Structure.empty(Grid((9, 9, 9), UM)), RNG)
