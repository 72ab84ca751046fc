import hashlib
import math
import subprocess
import sys
from dataclasses import replace
from itertools import product
from typing import Any

import edt
import numpy as np
import pytest

from lithoscape.errors import InputError
from lithoscape.generate import HalfSpace, Shape, Structure, rasterise
from lithoscape.generate.freeze_cast import FreezeCast, region_profile, slice_width, thirds, through_connected
from lithoscape.generate.ice_pores import IcePores, _field, ice_pores, levelled, spacing
from lithoscape.generate.placing import Curve, Face
from lithoscape.image import Grid

UM = 1e-6
MEASURED = [0.096, 0.232, 0.333]
"""Porosity of the thirds of a frozen NMC811 electrode, from the collector (10.1002/advs.202105723)."""
POROSITY = ((0, 0.05), (1000 / 3, 0.142), (2000 / 3, 0.322), (1000, 0.344))
WIDTH = ((0, 2.5), (1000 / 3, 7.1), (2000 / 3, 16.1), (1000, 17.2))


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def gradient_norms(shape: Shape, points: np.ndarray, step: float = 1e-10) -> np.ndarray:
    slopes = [(shape(points + step * e) - shape(points - step * e)) / (2 * step) for e in np.eye(3)]
    return np.linalg.norm(slopes, axis=0)


def box(through: int, shape: tuple[int, int, int], voxel: float, collector: str = "low") -> Grid:
    """A grid whose first number of ``shape`` counts along the through axis."""
    order = list(shape[1:])
    order.insert(through, shape[0])
    return Grid(tuple(order), voxel, through=through, collector=collector)  # type: ignore[arg-type]


def slits(grid: Grid, waves: int, porosity: float) -> IcePores:
    """One wave along the second in-plane axis: straight slits."""
    sides = [grid.size[k] for k in grid.in_plane]
    heights = np.linspace(0, grid.thickness, 5)
    return IcePores(
        Face.of(grid, "collector"), grid.in_plane, "lamellar", np.array([[0, waves]]),
        (2 * math.pi / sides[0], 2 * math.pi / sides[1]), np.zeros(1), np.zeros(1), heights, np.ones((5, 1)),
        Curve((0.0,), (porosity,)),
    )  # fmt: skip


def test_one_wave_makes_slits_with_exact_distances() -> None:
    grid = box(1, (10, 12, 40), UM, "high")
    shape = slits(grid, 4, 0.33)
    points = rng().uniform(0, 40 * UM, (500, 3))
    y = points[:, 2]
    exact = np.abs(y - 10 * UM * np.round(y / (10 * UM))) - 3.3 / 2 * UM
    np.testing.assert_allclose(shape(points), exact, atol=1e-15)


def test_slits_that_lean_and_widen_have_exact_distances() -> None:
    """A wedge of the slope s has the distance (|y| - w/2) / sqrt(1 + s^2/4); a lean t has sqrt(1 + t^2)."""
    grid = Grid((10, 12, 40), UM)
    upright = slits(grid, 4, 0.3)
    wedge = replace(upright, level=Curve((0.0, 10 * UM), (0.1, 0.9)))
    points = rng().uniform(0, 1, (500, 3)) * grid.size
    h, y = points[:, 0], points[:, 2]
    away = np.abs(y - 10 * UM * np.round(y / (10 * UM)))
    exact = (away - (1 * UM + 0.8 * h) / 2) / math.sqrt(1 + 0.4**2)
    np.testing.assert_allclose(wedge(points), exact, atol=1e-13)
    lean = 0.5
    leaning = replace(upright, tilts=np.array([lean * 2 * math.pi / (10 * UM)]))
    y = y + lean * h
    away = np.abs(y - 10 * UM * np.round(y / (10 * UM)))
    np.testing.assert_allclose(leaning(points), (away - 1.5 * UM) / math.sqrt(1 + lean**2), atol=1e-13)


def test_the_field_has_its_gradient() -> None:
    grid = Grid((60, 80, 100), UM)
    p = grown(grid, correlation=50 * UM)
    data = (p.orders * np.asarray(p.base), p.tilts, p.phases, p.heights, p.weights)
    between = (rng().integers(0, 128, 500) + 0.5) * p.heights[1]  # weights bend at the heights themselves
    places = np.column_stack([rng().uniform(0, 80 * UM, (500, 2)), between])
    _, slopes = _field(places, *data)
    step = 1e-10
    for k, e in enumerate(np.eye(3)):
        numeric = (_field(places + step * e, *data)[0] - _field(places - step * e, *data)[0]) / (2 * step)
        np.testing.assert_allclose(slopes[:, k], numeric, atol=1e-4 * np.abs(slopes).max())


def test_slit_volumes_converge() -> None:
    errors = []
    for n in (1, 4, 16):
        grid = Grid((2, 2, 40 * n), (UM, UM, UM / n))
        errors.append(abs(rasterise(slits(grid, 4, 0.31), grid).mean() / 0.31 - 1))
    assert errors[2] < 0.02
    assert errors[2] < errors[0] / 4


def grown(grid: Grid, **options: Any) -> IcePores:
    height = grid.thickness
    porosity = Curve((0.0, height), (0.15, 0.35))
    width = Curve((0.0, height), (3 * UM, 8 * UM))
    return levelled(ice_pores(grid, rng(), porosity=porosity, width=width, **options), grid, porosity)[0]


@pytest.mark.parametrize("pattern", ["lamellar", "cellular"])
def test_the_gradient_is_of_length_one(pattern: str) -> None:
    grid = box(2, (60, 80, 100), UM, "high")
    shape = grown(grid, pattern=pattern, correlation=50 * UM)
    points = rng().uniform(0, 1, (60000, 3)) * grid.size
    near = points[np.abs(shape(points)) < 0.1 * UM]
    off = np.abs(gradient_norms(shape, near) - 1)
    assert len(near) > 1000
    assert np.median(off) < 0.02
    assert np.quantile(off, 0.95) < 0.15  # the rest lies where lamellae merge and cells touch


def test_the_rasteriser_and_the_slices_agree() -> None:
    for pattern, through, collector in product(("lamellar", "cellular"), (0, 2), ("low", "high")):
        grid = box(through, (12, 40, 50), UM, collector)
        options: Any = {"pattern": pattern, "correlation_um": 30}
        step = FreezeCast(make="freeze_cast", porosity=0.3, pore_width_um=5, **options)
        s = step.apply(Structure.empty(grid), rng())
        assert (rasterise(s.shapes["active"], grid) == s.volume.mask("active")).all()


@pytest.mark.parametrize(("through", "collector"), [(0, "low"), (1, "high"), (2, "low"), (2, "high")])
def test_slices_meet_their_porosity_to_a_voxel(through: int, collector: str) -> None:
    grid = box(through, (30, 50, 60), UM, collector)
    step = FreezeCast(make="freeze_cast", porosity=((0, 0.1), (30, 0.4)), pore_width_um=((0, 2), (30, 6)))
    s = step.apply(Structure.empty(grid), rng())
    by_slice = s.volume.mask("pore").mean(axis=grid.in_plane)
    np.testing.assert_allclose(by_slice, 0.1 + 0.3 * grid.heights() / (30 * UM), atol=1.01 / 3000)
    assert s.fraction("pore") == pytest.approx(0.25, abs=1 / (30 * 3000))


def measured_like(**options: Any) -> FreezeCast:
    values: dict[str, Any] = {"porosity": POROSITY, "pore_width_um": WIDTH, "correlation_um": 400, **options}
    return FreezeCast(make="freeze_cast", **values)


def opening_width(pore: np.ndarray, voxel: float) -> float:
    """Mean over the pore of the diameter of the largest disc that covers a point and fits in [m]."""
    inside = edt.edt(np.pad(pore, 1)).astype(float)
    widest = np.zeros(inside.shape)
    for radius in np.arange(0.5, inside.max() + 0.5, 0.5):
        centres = inside > radius
        covered = edt.edt(~centres) < radius + 0.5 if centres.any() else centres
        widest[covered & (inside > 0)] = 2 * radius
    return float(widest[inside > 0].mean()) * voxel


def test_pores_grow_from_the_collector_to_the_separator() -> None:
    """Width by opening, in slices of half a micrometre: at most 3 um at the bottom, 15-20 um at the top."""
    coarse = Grid((100, 40, 40), 10 * UM)
    porosity = Curve(tuple(h * UM for h, _ in POROSITY), tuple(p for _, p in POROSITY))
    width = Curve(tuple(h * UM for h, _ in WIDTH), tuple(w * UM for _, w in WIDTH))
    pores = ice_pores(coarse, rng(), porosity=porosity, width=width, correlation=400 * UM)
    fine = Grid((1, 800, 800), 0.5 * UM)
    found = []
    for height in (10 * UM, 500 * UM, 990 * UM):
        score = pores.score(fine, height)
        pore = score < np.quantile(score, float(porosity(np.array(height))))
        found.append(opening_width(pore, 0.5 * UM) / UM)
        by_edge = slice_width(fine, pore[None], "lamellar")
        assert by_edge == pytest.approx(width(np.array(height)), rel=0.15)
    assert found[0] <= 3.0
    assert 10 < found[1] < 15
    assert 15 <= found[2] <= 20


def test_the_measured_porosity_of_the_thirds_is_met() -> None:
    grid = Grid((200, 80, 80), 5 * UM)
    s = measured_like().apply(Structure.empty(grid), rng())
    found = s.figures["freeze-cast pores: porosity of thirds"]
    np.testing.assert_allclose(found, MEASURED, rtol=0.005)
    np.testing.assert_allclose(found, s.figures["freeze-cast pores: porosity of thirds asked"], atol=1e-5)


def test_regions_keep_their_means() -> None:
    grid = Grid((201, 60, 60), 1000 / 201 * UM)
    bounds = [0, 1000 / 3, 2000 / 3, 1000]
    regions = [
        {"from_um": a, "to_um": b, "porosity": p}
        for a, b, p in zip(bounds[:-1], bounds[1:], MEASURED, strict=True)
    ]
    step = measured_like(porosity=None, regions=regions, pore_width_um=((0, 3), (1000, 17)))
    s = step.apply(Structure.empty(grid), rng())
    np.testing.assert_allclose(s.figures["freeze-cast pores: porosity of thirds"], MEASURED, rtol=1e-3)


@pytest.mark.parametrize("blend", [None, 0.3, 0.1])
def test_a_region_profile_has_the_means_exactly(blend: float | None) -> None:
    curve = region_profile([(0.7, 1.0, 0.5), (0.0, 0.4, 0.1), (0.4, 0.7, 0.3)], 1.0, blend)
    z = (np.arange(100000) + 0.5) / 100000
    for low, high, mean in ((0, 0.4, 0.1), (0.4, 0.7, 0.3), (0.7, 1, 0.5)):
        assert curve(z[(z > low) & (z < high)]).mean() == pytest.approx(mean, abs=1e-9)
    assert np.abs(np.diff(curve(z))).max() < 1e-4


def test_lamellar_pores_run_through_and_repeat_in_plane() -> None:
    grid = box(1, (100, 60, 80), 4 * UM, "high")
    step = FreezeCast(make="freeze_cast", porosity=0.25, pore_width_um=12, correlation_um=300)
    s = step.apply(Structure.empty(grid), rng())
    assert s.figures["freeze-cast pores: pore through connected"] > 0.95
    shape = s.shapes["active"]
    points = rng().uniform(0, 1, (500, 3)) * grid.size
    moved = points + np.array([grid.size[0], 0, -grid.size[2]])
    np.testing.assert_allclose(shape(moved), shape(points), atol=1e-12)


def test_connection_counts_only_pieces_that_reach_both_ends() -> None:
    grid = box(1, (10, 4, 5), UM)
    pore = np.zeros(grid.shape, bool)
    pore[0, :, 0] = True
    pore[2, :5, 0] = True
    assert through_connected(grid, pore) == pytest.approx(10 / 15)
    assert through_connected(grid, np.zeros(grid.shape, bool)) == 0


@pytest.mark.parametrize("degrees", [0.0, 90.0])
def test_lamellae_point_where_asked(degrees: float) -> None:
    grid = Grid((10, 120, 120), UM)
    step = FreezeCast(make="freeze_cast", porosity=0.3, pore_width_um=4, orientation_deg=degrees)
    pore = step.apply(Structure.empty(grid), rng()).volume.mask("pore")[5]
    changes = [int((np.diff(pore.astype(int), axis=axis) != 0).sum()) for axis in (0, 1)]
    along, across = changes if degrees == 0 else changes[::-1]
    assert across > 2.5 * along


def test_cells_are_as_wide_as_asked() -> None:
    """Mean chord pi w/4 along both axes of large slices, for narrow and wide porosities."""
    grid = Grid((2, 600, 600), UM)
    for porosity in (0.1, 0.3):
        p, w = Curve((0.0,), (porosity,)), Curve((0.0,), (12 * UM,))
        pores = ice_pores(grid, rng(), porosity=p, width=w, pattern="cellular", disorder=0.1)
        voxels = levelled(pores, grid, p)[1][0]
        chords = [voxels.sum() / (np.diff(voxels.astype(int), axis=k) == 1).sum() for k in (0, 1)]
        assert np.mean(chords) == pytest.approx(math.pi / 4 * 12, rel=0.05)


def test_spacing_of_lamellae_is_width_over_porosity() -> None:
    assert spacing("lamellar", np.array([0.25]), np.array([5 * UM]))[0] == pytest.approx(20 * UM)


def test_pores_cut_into_an_electrode_there_is() -> None:
    grid = Grid((30, 50, 60), UM)
    s = Structure.empty(grid).paint("particles", shape=HalfSpace(2, 30 * UM))
    step = FreezeCast(make="freeze_cast", porosity=0.2, pore_width_um=3, over=("particles",))
    after = step.apply(s, rng())
    alone = FreezeCast(make="freeze_cast", porosity=0.2, pore_width_um=3).apply(Structure.empty(grid), rng())
    both = s.volume.mask("particles") & alone.volume.mask("active")
    assert (after.volume.mask("particles") == both).all()
    assert (rasterise(after.shapes["particles"], grid) == both).all()


def test_finer_voxels_show_the_same_pores() -> None:
    step = FreezeCast(make="freeze_cast", porosity=0.3, pore_width_um=6, correlation_um=40)
    coarse, fine = (
        step.apply(Structure.empty(Grid((10 * n, 60 * n, 60 * n), UM / n)), rng()).volume.mask("pore")
        for n in (1, 3)
    )
    assert (coarse == fine[1::3, 1::3, 1::3]).mean() > 0.99


def digest() -> str:
    step = FreezeCast(make="freeze_cast", porosity=0.3, pore_width_um=4, correlation_um=30)
    s = step.apply(Structure.empty(Grid((20, 60, 70), UM)), rng(7))
    return hashlib.sha256(s.volume.labels.tobytes()).hexdigest()


def test_the_seed_decides_in_any_process() -> None:
    program = f"import runpy; print(runpy.run_path({__file__!r})['digest']())"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == digest()
    grid = Grid((5, 60, 60), UM)
    step = FreezeCast(make="freeze_cast", porosity=0.3, pore_width_um=4)
    one, two = (step.apply(Structure.empty(grid), rng(k)).volume.labels for k in (1, 2))
    assert (one != two).any()


def test_thirds_split_slices() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0])
    assert thirds(Grid((4, 1, 1), UM), values) == pytest.approx([1.25, 2.5, 3.75])
    assert thirds(Grid((4, 1, 1), UM, collector="high"), values) == pytest.approx([3.75, 2.5, 1.25])


def region(low: float, high: float, porosity: float = 0.3) -> dict[str, float]:
    return {"from_um": low, "to_um": high, "porosity": porosity}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"porosity": 0.0}, "between 0 and 1"),
        ({"porosity": 30.0}, "between 0 and 1"),
        ({"porosity": math.nan}, "pairs"),
        ({"porosity": ((0, 0.3), (0, 0.4))}, "ascend"),
        ({"porosity": ((0, 0.3), (31, 0.4))}, "leaves the electrode"),
        ({"pore_width_um": 0.0}, "positive number"),
        ({"pore_width_um": ((0, 3), (30, -1))}, "positive number"),
        ({"pore_width_um": ((-1, 3), (30, 2))}, "leaves the electrode"),
        ({"pore_width_um": 10.0}, "at least twice"),
        ({"pore_width_um": 0.002}, "too many waves"),
        ({"porosity": None}, "given once"),
        ({"regions": (region(0, 30),)}, "given once"),
        ({"porosity": None, "regions": (region(0, 20), region(15, 30))}, "without gap or overlap"),
        ({"porosity": None, "regions": (region(0, 10), region(15, 30))}, "without gap or overlap"),
        ({"porosity": None, "regions": (region(0, 20),)}, "without gap or overlap"),
        ({"porosity": None, "regions": ()}, "without gap or overlap"),
        ({"porosity": None, "regions": (region(0, 20, 1.2), region(20, 30))}, "between 0 and 1"),
        (
            {"porosity": None, "regions": (region(0, 15), region(15, 30)), "blend_um": 16},
            "longer than a region",
        ),
        ({"porosity": None, "regions": (region(0, 15, 0.01), region(15, 30, 0.9))}, "shorter ramp"),
        ({"disorder": 0.0}, "positive number"),
        ({"misorientation_deg": -3.0}, "positive number"),
        ({"correlation_um": 0.0}, "positive number"),
        ({"over": ("active",)}, "no such phase"),
    ],
)
def test_bad_input_is_named(options: dict[str, Any], words: str) -> None:
    values: dict[str, Any] = {"make": "freeze_cast", "porosity": 0.3, "pore_width_um": 4.0, **options}
    with pytest.raises(InputError, match=words):
        FreezeCast(**values).apply(Structure.empty(Grid((30, 60, 60), UM)), rng())


def test_walls_are_not_painted_into_an_electrode() -> None:
    s = Structure.empty(Grid((30, 60, 60), UM)).paint("particles", shape=HalfSpace(0, 1.0))
    with pytest.raises(InputError, match="electrode in the box already"):
        FreezeCast(make="freeze_cast", porosity=0.3, pore_width_um=4).apply(s, rng())
