import math
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pytest

from lithoscape.errors import InputError
from lithoscape.generate import HalfSpace, Shape, Structure, minus, rasterise
from lithoscape.generate.calender import Calender, calendered
from lithoscape.generate.deform import Deformed, Squeeze, moved, particles_of, squeezed
from lithoscape.generate.placing import Face
from lithoscape.image import Grid, Instances

UM = 1e-6
RNG = np.random.default_rng(0)


@dataclass(frozen=True, eq=False)
class Balls:
    """Spheres with the attributes that calendering looks for."""

    centres: np.ndarray
    radii: np.ndarray
    period: tuple[float | None, ...] | None = None

    def _all(self, points: np.ndarray) -> np.ndarray:
        away = np.asarray(points)[:, None, :] - self.centres
        for k, p in enumerate(self.period or ()):
            if p is not None:
                away[..., k] -= p * np.round(away[..., k] / p)
        distance: np.ndarray = np.linalg.norm(away, axis=2) - self.radii
        return distance

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return self._all(points).min(axis=1)

    def nearest(self, points: np.ndarray) -> np.ndarray:
        return self._all(points).argmin(axis=1)


def gradient_norms(shape: Shape, points: np.ndarray, step: float = 1e-9) -> np.ndarray:
    slopes = [(shape(points + step * e) - shape(points - step * e)) / (2 * step) for e in np.eye(3)]
    return np.linalg.norm(slopes, axis=0)


def box(through: int, shape: tuple[int, int, int], voxel: float, collector: str = "low") -> Grid:
    """A grid whose first number of ``shape`` counts along the through axis."""
    order = list(shape[1:])
    order.insert(through, shape[0])
    return Grid(tuple(order), voxel, through=through, collector=collector)  # type: ignore[arg-type]


def column(grid: Grid, heights: list[float], radius: float) -> Balls:
    """Spheres one above the other in the middle of the box, heights from the collector [um]."""
    centres = np.tile(np.array(grid.origin) + np.array(grid.size) / 2, (len(heights), 1))
    face = Face.of(grid, "collector")
    centres[:, grid.through] = face.level + face.inward * np.array(heights) * UM
    return Balls(centres, np.full(len(heights), radius * UM))


def of(grid: Grid, shape: Shape) -> Structure:
    return Structure.empty(grid).paint("active", shape=shape)


def lens(radius: float, apart: float) -> float:
    """Volume two equal spheres share (Weisstein, Sphere-Sphere Intersection, MathWorld)."""
    return math.pi * (4 * radius + apart) * (2 * radius - apart) ** 2 / 12


def test_a_strained_sphere_is_an_ellipsoid() -> None:
    ball = Balls(np.array([[10.0, 10.0, 10.0]]) * UM, np.array([8.0]) * UM)
    shape = Deformed(ball, axis=1, level=2 * UM, factor=0.5)
    points = RNG.uniform(0, 20 * UM, (20000, 3))
    x, y, z = (points - [10 * UM, 6 * UM, 10 * UM]).T
    inside = x**2 + (y / 0.5) ** 2 + z**2 < (8 * UM) ** 2
    value = shape(points)
    assert ((value < 0) == inside).all()
    near = points[np.abs(value) < 0.02 * UM]
    assert len(near) > 30
    np.testing.assert_allclose(gradient_norms(shape, near), 1, atol=0.02)
    pole = np.array([[10 * UM, 10.01 * UM, 10 * UM]])
    assert shape(pole)[0] == pytest.approx(0.01 * UM, rel=1e-4)


@pytest.mark.parametrize(("through", "collector"), [*product((0, 1, 2), ("low", "high"))])
def test_the_collector_stays_and_particles_stay_between_the_walls(through: int, collector: str) -> None:
    grid = box(through, (40, 20, 20), UM, collector)
    balls = column(grid, [5, 20, 35], 5)
    found = calendered(of(grid, balls), ratio=0.75).structure
    face, after = Face.of(grid, "collector"), Face.of(found.grid, "collector")
    assert after.level == pytest.approx(face.level)
    assert found.grid.thickness == pytest.approx(30 * UM)
    heights = face.depth(particles_of(found.shapes["active"])[0].centres)
    np.testing.assert_allclose(heights / UM, [5, 15, 25], atol=1e-9)
    solid = found.volume.mask("active").any(axis=grid.in_plane)
    assert solid.all()


def test_the_volume_of_two_spheres_pressed_together() -> None:
    """Union of two spheres by the lens they share, with measured convergence."""
    errors = []
    for n in (1, 2, 4):
        grid = Grid((32 * n, 16 * n, 16 * n), UM / n)
        balls = column(grid, [8.0, 24.0], 7.13)
        s = Calender(make="calender", thickness_ratio=0.75).apply(of(grid, balls), RNG)
        apart = float(np.ptp(particles_of(s.shapes["active"])[0].centres[:, 0])) / UM
        assert apart == pytest.approx(16 * (24 - 14.26) / (32 - 14.26))
        both = 2 * 4 / 3 * math.pi * 7.13**3
        errors.append(abs(s.fraction("active") * 24 * 16 * 16 / (both - lens(7.13, apart)) - 1))
    assert errors[2] < 3e-3
    assert errors[2] < errors[0]
    lost = lens(7.13, apart) / both
    assert s.figures["calender: solid lost to overlaps"] == pytest.approx(lost, abs=0.003)


def test_particles_across_walls_and_periods_follow_the_affine_map() -> None:
    face = Face(0, 0.0, 1)
    centres = np.array([[1.0, 0, 0], [10.0, 0, 0], [39.0, 0, 0]]) * UM
    squeeze = Squeeze(face, 40 * UM, 0.5)
    free: Any = moved(Balls(centres, np.full(3, 5 * UM)), squeeze)
    np.testing.assert_allclose(free.centres[:, 0] / UM, [0.5, 5 + 5 * 10 / 30, 19.5])
    wrapped: Any = moved(Balls(centres, np.full(3, 5 * UM), (40 * UM, None, None)), squeeze)
    np.testing.assert_allclose(wrapped.centres[:, 0] / UM, [0.5, 5, 19.5])
    assert wrapped.period == (pytest.approx(20 * UM), None, None)
    np.testing.assert_array_equal(free.radii, np.full(3, 5 * UM))


def packing(grid: Grid, count: int = 60, radius: float = 4.0) -> Structure:
    low = radius * UM
    centres = RNG_PACK.uniform(low, np.array(grid.size) - low, (count, 3))
    return of(grid, Balls(centres, np.full(count, radius * UM)))


RNG_PACK = np.random.default_rng(3)
GRID = Grid((60, 30, 30), UM)
PACKED = packing(GRID)


@pytest.mark.parametrize("compensate", [False, True])
def test_the_porosity_is_met(compensate: bool) -> None:
    present = PACKED.fraction("pore")
    assert present > 0.65
    step = Calender(make="calender", porosity=0.5, compensate=compensate)
    s = step.apply(PACKED, RNG)
    assert s.figures["calender: porosity"] == s.fraction("pore") == pytest.approx(0.5, rel=0.005)
    assert s.figures["calender: porosity before"] == present
    assert (rasterise(s.shapes["active"], s.grid) == s.volume.mask("active")).all()
    lost = s.figures["calender: solid lost to overlaps"]
    if compensate:
        assert s.figures["calender: particle growth"] > 1.005
        assert abs(lost) < 0.02  # the thickness comes in whole voxels, here of 2 %
    else:
        assert 1 <= s.figures["calender: particle growth"] < 1.02  # what whole voxels leave over
        assert lost > 0.05


def test_compensation_conserves_the_solid_at_a_given_thickness() -> None:
    s = Calender(make="calender", thickness_ratio=0.8, compensate=True).apply(PACKED, RNG)
    assert s.figures["calender: solid lost to overlaps"] == pytest.approx(0, abs=1e-3)
    assert s.fraction("active") == pytest.approx(PACKED.fraction("active") / 0.8, rel=1e-3)


def test_affine_strain_keeps_fractions() -> None:
    s = Calender(make="calender", thickness_ratio=0.5, mode="affine").apply(PACKED, RNG)
    assert s.grid.shape == (30, 30, 30)
    assert s.fraction("active") == pytest.approx(PACKED.fraction("active"), rel=0.01)
    assert (rasterise(s.shapes["active"], s.grid) == s.volume.mask("active")).all()
    assert isinstance(s.shapes["active"], Deformed)


@pytest.mark.parametrize("through", [0, 2])
def test_voxels_alone_are_resampled(through: int) -> None:
    grid = box(through, (8, 3, 4), UM, "high")
    labels = np.repeat(np.arange(8) // 4 + 1, 12).reshape(8, 3, 4)
    s = Structure.empty(grid)
    for phase, label in (("lower", 1), ("upper", 2)):
        s = s.paint(phase, np.moveaxis(labels, 0, through) == label)
    s = Calender(make="calender", thickness_ratio=0.5, mode="affine").apply(s, RNG)
    flat = np.moveaxis(s.volume.labels, through, 0)[:, 0, 0]
    assert [s.volume.phases["lower"], s.volume.phases["upper"]] == [1, 2]
    assert flat.tolist() == [1, 1, 2, 2]
    assert s.shapes == {}
    assert s.grid.origin[through] == pytest.approx(4 * UM)


def test_cuts_are_strained_while_particles_move() -> None:
    grid = Grid((40, 20, 20), UM)
    cut = HalfSpace(0, 30 * UM, above=True)
    whole = minus(column(grid, [5, 20, 35], 5), cut)
    s = calendered(of(grid, whole), ratio=0.75).structure
    assert not s.volume.mask("active")[23:].any()  # what was cut above 30 um is cut above 22.5 um
    assert s.volume.mask("active")[21].any()
    assert (rasterise(s.shapes["active"], s.grid) == s.volume.mask("active")).all()
    squeeze = Squeeze(Face(0, 0.0, 1), 40 * UM, 0.75)
    both = squeezed(minus(HalfSpace(0, 20 * UM), cut), squeeze, "overlap")
    np.testing.assert_allclose(
        both(np.array([[15.1 * UM, 0, 0], [14.9 * UM, 0, 0]])), [1e-7, -1e-7], atol=1e-12
    )


def test_phases_without_shape_fill_what_is_left() -> None:
    grid = Grid((40, 20, 20), UM)
    s = of(grid, column(grid, [5, 20, 35], 5))
    binder = np.zeros(grid.shape, bool)
    binder[10:20] = True
    s = s.paint("binder", binder)
    s = calendered(s, ratio=0.5).structure
    assert not (s.volume.mask("binder") & s.volume.mask("active")).any()
    assert s.volume.mask("binder").any(axis=(1, 2)).nonzero()[0].tolist() == [5, 6, 7, 8, 9]
    assert "binder" not in s.shapes
    affine = calendered(of(grid, column(grid, [20], 5)).paint("binder", binder), ratio=0.5, mode="affine")
    assert affine.structure.shapes == {}


def test_particle_numbers_follow_their_particles() -> None:
    grid = Grid((40, 20, 20), UM)
    balls = column(grid, [5, 20, 35], 5)
    labels = np.where(rasterise(balls, grid), balls.nearest(grid.points()).reshape(grid.shape) + 1, 0)
    s = of(grid, balls)
    s = Structure(s.volume, s.shapes, {"active": Instances(labels, grid, "active")})
    for mode in ("overlap", "affine"):
        after = calendered(s, ratio=0.75, mode=mode).structure  # type: ignore[arg-type]
        numbers = after.particles["active"].labels
        assert ((numbers > 0) == after.volume.mask("active")).mean() > (0.98 if mode == "affine" else 0.9999)
        middles = [float(np.argwhere(numbers == k)[:, 0].mean()) + 0.5 for k in (1, 2, 3)]
        wanted = [5, 15, 25] if mode == "overlap" else [3.75, 15, 26.25]
        assert middles == pytest.approx(wanted, abs=0.6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "one of them"),
        ({"porosity": 0.5, "thickness_ratio": 0.5}, "one of them"),
        ({"porosity": 0.9}, "lowers the porosity"),
        ({"porosity": 0.0}, "between 0 and 1"),
        ({"porosity": math.nan}, "between 0 and 1"),
        ({"porosity": 0.01}, "cannot be reached"),
        ({"thickness_ratio": 0.0}, "thinner than before"),
        ({"thickness_ratio": 1.5}, "thinner than before"),
        ({"thickness_ratio": 0.995}, "smaller voxels"),
        ({"thickness_ratio": 0.1}, "higher than the electrode"),
        ({"thickness_ratio": 0.2, "compensate": True}, "more solid than would fit"),
        ({"thickness_ratio": 0.25, "compensate": True}, "no growth"),
        ({"porosity": 0.5, "mode": "affine"}, "keeps the porosity"),
        ({"thickness_ratio": 0.5, "mode": "affine", "compensate": True}, "keeps the porosity"),
    ],
)
def test_bad_input_is_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Calender(**{"make": "calender", **options}).apply(PACKED, RNG)


def test_there_is_something_to_press() -> None:
    step = Calender(make="calender", thickness_ratio=0.5)
    with pytest.raises(InputError, match="nothing to compress"):
        step.apply(Structure.empty(GRID), RNG)
    with pytest.raises(InputError, match="made of particles"):
        step.apply(of(GRID, HalfSpace(0, 30 * UM)), RNG)
