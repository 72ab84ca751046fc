import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from lithoscape.errors import InputError, SolveError
from lithoscape.generate.packing import Form, Gradient, Layer, Packing, pack, pack_gradient, pack_layers
from lithoscape.generate.packings import PACKINGS
from lithoscape.generate.shapes import rasterise
from lithoscape.generate.sizes import LogNormal, Monodisperse, bimodal
from lithoscape.generate.spheres import filled_volumes
from lithoscape.generate.structure import Step, Structure
from lithoscape.image import Grid

UM = 1e-6
BOX = (60 * UM, 50 * UM, 50 * UM)
MESHES = Path(__file__).parents[2] / "meshes"
RECIPES = (
    "packing_d8", "packing_d12", "packing_d16", "bimodal_d8_d12", "layered_d8_d12", "graded_size",
    "graded_porosity", "ellipsoids", "platelets", "lognormal",
)  # fmt: skip


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def step(**said: Any) -> Step:
    cls = next(c for c in PACKINGS if c.model_fields["make"].annotation.__args__ == (said["make"],))  # type: ignore[union-attr]
    return cls(**said)


def made(said: dict[str, Any], grid: Grid, seed: int = 0) -> Structure:
    return step(**said).apply(Structure.empty(grid), rng(seed))


def overlaps(packing: Packing) -> np.ndarray:
    """Overlaps of all pairs of spheres, relative to the smaller radius, images included."""
    i, j = np.triu_indices(len(packing.radii), 1)
    d = packing.centres[i] - packing.centres[j]
    for k, p in enumerate(packing.period):
        if p is not None:
            d[:, k] -= p * np.rint(d[:, k] / p)
    r = packing.radii
    return (r[i] + r[j] - np.sqrt((d**2).sum(axis=1))) / np.minimum(r[i], r[j])


@pytest.mark.parametrize("diameter", [8, 12, 16])
def test_the_electrodes_of_the_design_study_meet_their_fraction(diameter: int) -> None:
    for seed in range(4):
        p = pack(BOX, diameter * UM, 0.43, rng=rng(seed))
        assert p.shape.volumes.sum() / np.prod(BOX) == pytest.approx(0.43, rel=1e-12)
        assert p.fraction == pytest.approx(0.43, rel=1e-12)
        assert abs(p.rescale - 1) < 0.01
        assert np.ptp(p.radii) == 0
        assert p.radii[0] == pytest.approx(0.5 * diameter * UM * p.rescale)
        assert overlaps(p).max() <= 0
        assert p.overlap == 0


def test_walls_keep_particles_inside() -> None:
    for through in range(3):
        p = pack(BOX, 10 * UM, 0.5, rng=rng(), through=through)
        x = p.centres[:, through]
        assert (x - p.radii).min() >= -1e-18
        assert (x + p.radii).max() <= BOX[through] * (1 + 1e-12)
        assert [k for k in range(3) if p.period[k] is None] == [through]
    p = pack(BOX, 10 * UM, 0.4, rng=rng(), periodic="none")
    assert (p.centres - p.radii[:, None]).min() >= -1e-18
    assert (p.centres + p.radii[:, None] <= np.array(BOX) * (1 + 1e-12)).all()


def test_cut_walls_show_a_larger_packing() -> None:
    p = pack((60 * UM, 100 * UM, 100 * UM), 8 * UM, 0.43, rng=rng(), walls="cut")
    assert p.fraction == pytest.approx(0.43, rel=3e-4)
    assert ((p.centres[:, 0] < p.radii) | (p.centres[:, 0] > BOX[0] - p.radii)).sum() > 50
    # no emptier region at the walls: slabs of a diameter hold the mean up to the scatter of some 130 spheres
    edges = np.linspace(0, 60 * UM, 8)
    assert p.profile(edges) == pytest.approx(0.43, rel=0.08)
    inside = pack((60 * UM, 100 * UM, 100 * UM), 8 * UM, 0.43, rng=rng())
    assert inside.profile(edges)[0] < 0.9 * 0.43


@pytest.mark.parametrize("fraction", [0.55, 0.60])
def test_dense_packings_of_one_size(fraction: float) -> None:
    p = pack((40 * UM,) * 3, 6 * UM, fraction, rng=rng(1), periodic="all")
    assert p.fraction == pytest.approx(fraction, rel=1e-12)
    assert overlaps(p).max() <= 0


def test_mixtures_pack_denser_than_one_size() -> None:
    p = pack((24 * UM,) * 3, bimodal(2 * UM, 9 * UM, 0.3), 0.70, rng=rng(), periodic="all")
    assert p.fraction == pytest.approx(0.70, rel=1e-12)
    assert overlaps(p).max() <= 0


@pytest.mark.parametrize(("fraction", "overlap"), [(0.62, 0.1), (0.70, 0.2)])
def test_overlap_stays_within_the_allowed(fraction: float, overlap: float) -> None:
    p = pack(BOX, 8 * UM, fraction, rng=rng(), overlap=overlap)
    assert overlaps(p).max() == pytest.approx(p.overlap, abs=1e-12)
    assert 0 < p.overlap <= overlap
    # the union, by lines finer than those the packing was measured with
    fine = filled_volumes(p.shape, (0, 0, 0), BOX, axis=1, spacing=0.1 * UM).sum() / np.prod(BOX)
    assert fine == pytest.approx(fraction, rel=1e-3)
    assert abs(p.rescale - 1) < 0.01


def test_diameters_follow_the_distribution() -> None:
    sizes = LogNormal(6 * UM, 0.3, 3 * UM, 14 * UM)
    p = pack(BOX, sizes, 0.55, rng=rng())
    statistic, probability = sizes.test(2 * p.radii)
    assert probability > 0.01
    assert statistic < 0.02
    assert abs(p.rescale - 1) < 0.01


def test_a_graded_fraction_is_met_slab_by_slab() -> None:
    # Relaxation moves centres by up to a radius from dense to loose, and beyond the box it is flat: on
    # slabs of 10 um a slope of 0.2 in 60 um may so be off by about 0.2 r / 60 um = 0.013, plus the scatter of
    # the spheres that the two faces of a slab cut, 0.3 V sqrt(2 A fraction/d^2) / (A 10 um) = 0.006.
    box = (60 * UM, 150 * UM, 150 * UM)
    edges = np.linspace(0, 60 * UM, 7)
    for ends in ([0.55, 0.35], [0.3, 0.5]):
        p = pack_gradient(box, Gradient([0, 60 * UM], ends, Monodisperse(8 * UM)), rng=rng())  # type: ignore[arg-type]
        middle = 0.5 * (edges[1:] + edges[:-1])
        wanted = np.interp(middle, [0, 60 * UM], ends)
        assert p.fraction == pytest.approx(np.mean(ends), rel=3e-4)
        assert np.abs(p.profile(edges) - wanted).max() < 0.019
        assert overlaps(p).max() <= 0


def test_a_graded_size_follows_the_height() -> None:
    g = Gradient([0, 60 * UM], [0.43, 0.43], [12 * UM, 6 * UM])  # type: ignore[arg-type]
    p = pack_gradient((60 * UM, 100 * UM, 100 * UM), g, rng=rng())
    wanted = np.interp(p.centres[:, 0], [0, 60 * UM], [12 * UM, 6 * UM])
    # a centre moves by no more than its radius, which changes the wanted diameter by a tenth of it
    assert (np.abs(2 * p.radii / p.rescale - wanted) <= 0.1 * p.radii).all()
    assert np.corrcoef(p.radii, wanted)[0, 1] > 0.98
    assert p.profile(np.linspace(0, 60 * UM, 4)) == pytest.approx(0.43, rel=0.05)


def test_layers_keep_apart() -> None:
    layers = [
        Layer(0, 42 * UM, Monodisperse(12 * UM), 0.43), Layer(42 * UM, 60 * UM, Monodisperse(8 * UM), 0.5),
    ]  # fmt: skip
    p = pack_layers((60 * UM, 100 * UM, 100 * UM), layers, rng=rng())
    small = p.radii < 5 * UM
    assert p.centres[small, 0].min() >= (42 - 2.01) * UM
    assert p.centres[~small, 0].max() <= (42 + 3.02) * UM
    # by layer up to what interlocks: less than a quarter of a radius on one face
    reached = p.profile(np.array([0, 42, 60]) * UM)
    assert reached == pytest.approx([0.43, 0.5], abs=0.5 * 1.5 / 18)
    assert p.fraction == pytest.approx((0.43 * 42 + 0.5 * 18) / 60, rel=1e-12)
    assert overlaps(p).max() <= 0


@pytest.mark.parametrize(
    "form",
    [Form((1, 1, 1.6), 0.2), Form((1, 1, 0.25), orientation="aligned", tilt=0.15), Form((1, 0.7, 0.4))],
)
def test_ellipsoids_do_not_overlap(form: Form) -> None:
    p = pack((30 * UM,) * 3, 7 * UM, 0.45, rng=rng(), form=form)
    assert p.fraction == pytest.approx(0.45, rel=1e-12)
    assert p.semi_axes is not None
    np.testing.assert_allclose(p.semi_axes.prod(axis=1), p.radii**3, rtol=1e-12)
    assert (p.centres[:, 0] - p.shape.extents[:, 0]).min() >= -1e-18
    # no point of a surface lies in another particle
    u = rng(1).standard_normal((400, 3))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    assert p.rotations is not None
    for n in range(len(p.radii)):
        on = p.centres[n] + (u * p.semi_axes[n]) @ p.rotations[n].T * (1 - 1e-9)
        assert (p.shape.nearest(on) == n).all()
    # without overlap the union is the sum, measured by lines that know nothing of contacts
    union = filled_volumes(p.shape, (0, 0, 0), p.box, axis=1, spacing=0.15 * UM).sum() / np.prod(p.box)
    assert union == pytest.approx(0.45, rel=1e-3)


def test_touching_ellipsoids_of_equal_axes_are_touching_spheres() -> None:
    spheres = pack(BOX, 8 * UM, 0.6, rng=rng(), overlap=0.1)
    same = pack(BOX, 8 * UM, 0.6, rng=rng(), overlap=0.1, form=Form())
    assert same.fraction == pytest.approx(spheres.fraction, rel=4e-4)
    assert 0.08 < same.overlap <= 0.1
    assert overlaps(same).max() == pytest.approx(same.overlap, abs=1e-9)


def test_tilt_is_the_spread_that_was_asked_for() -> None:
    for through in range(3):
        _, turned = Form((1, 1, 0.2), orientation="aligned", tilt=np.radians(10)).draw(4000, through, rng())
        normal = turned[:, :, 2]
        across = [k for k in range(3) if k != through]
        lean = np.degrees(np.arcsin(normal[:, across]))
        assert lean.std(axis=0) == pytest.approx([10, 10], rel=0.05)
        assert np.linalg.det(turned) == pytest.approx(1.0)
    _, turned = Form((1, 1, 0.2)).draw(4000, 0, rng())
    assert (turned[:, 0, 2] ** 2).mean() == pytest.approx(1 / 3, abs=0.02)


def test_what_cannot_be_packed_is_said() -> None:
    with pytest.raises(InputError, match=r"end at a fraction of 0\.64"):
        pack(BOX, 8 * UM, 0.64, rng=rng())
    with pytest.raises(SolveError, match=r"only to a fraction of about 0\.[56]\d\d"):
        pack((30 * UM,) * 3, 6 * UM, 0.638, rng=rng(), periodic="none")
    assert pack((30 * UM,) * 3, 6 * UM, 0.66, rng=rng(), overlap=0.2).fraction == pytest.approx(
        0.66, rel=3e-4
    )


CASES: list[tuple[dict[str, Any], str]] = [
    ({"fraction": 0.0}, "between 0 and 1"),
    ({"fraction": 1.2}, "between 0 and 1"),
    ({"fraction": float("nan")}, "between 0 and 1"),
    ({"overlap": 0.7}, "half a radius"),
    ({"through": 3}, "no such choice of through"),
    ({"walls": "soft"}, "no such choice of walls"),
    ({"periodic": "x"}, "no such choice of periodic"),
    ({"box": (60 * UM, 50 * UM)}, "three positive edges"),
    ({"box": (6 * UM, 50 * UM, 50 * UM)}, "smaller than its largest particle"),
    ({"box": (14 * UM, 14 * UM, 14 * UM), "sizes": 11 * UM, "fraction": 0.37}, "scaled by"),
]


@pytest.mark.parametrize(("change", "words"), CASES)
def test_bad_input_is_named(change: dict[str, Any], words: str) -> None:
    said: dict[str, Any] = {"box": BOX, "sizes": 8 * UM, "fraction": 0.43, "rng": rng(), **change}
    with pytest.raises(InputError, match=words):
        pack(**said)


def test_bad_layers_and_profiles_are_named() -> None:
    one = Layer(0, 20 * UM, Monodisperse(8 * UM), 0.4)
    with pytest.raises(InputError, match="fill the height"):
        pack_layers(BOX, [one], rng=rng())
    with pytest.raises(InputError, match="ascend"):
        Gradient([1.0, 0.0], [0.4, 0.4], Monodisperse(UM))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at each height"):
        Gradient([0.0, 1.0], [0.4], Monodisperse(UM))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="diameter at each height"):
        Gradient([0.0, 1.0], [0.4, 0.4], [UM])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="factor of 20"):
        Form((1, 1, 30))
    with pytest.raises(InputError, match="90 degrees"):
        Form(tilt=3.0)


GRID = Grid((40, 36, 36), UM)
SPHERES: dict[str, Any] = {"make": "spheres", "fraction": 0.4, "diameter_um": 9}
LAYERS: dict[str, Any] = {
    "make": "layered", "fraction": 0.4,
    "layers": [{"thickness_um": 12, "diameter_um": 6}, {"diameter_um": 9}],
}  # fmt: skip
GRADED: dict[str, Any] = {
    "make": "graded", "diameter_um": 7,
    "profile": [{"height_um": 0, "fraction": 0.5}, {"height_um": 40, "fraction": 0.2}],
}  # fmt: skip


def test_a_step_paints_and_tells() -> None:
    s = made(SPHERES, Grid((80, 72, 72), 0.5 * UM, origin=(5 * UM, 0.0, 1 * UM)))
    particles, figures = s.particles["active"], s.figures
    assert s.fraction("active") == pytest.approx(0.4, rel=5e-3)
    assert figures["active: fraction"] == pytest.approx(0.4, rel=1e-12)
    assert figures["active: fraction on voxels"] == s.fraction("active")
    assert (rasterise(s.shapes["active"], s.grid) == s.volume.mask("active")).all()
    assert ((particles.labels > 0) == s.volume.mask("active")).all()
    assert particles.numbers.tolist() == particles.table["particle"].values.tolist()
    assert float(particles.table["Volume [m3]"].sum()) / np.prod(s.grid.size) == pytest.approx(0.4, rel=1e-12)
    counted = np.bincount(particles.labels.ravel())[1:] * s.grid.voxel_volume
    np.testing.assert_allclose(counted, particles.table["Volume [m3]"], rtol=0.03)
    middle = particles.table["Centroid [m]"].values[:, 0]
    own = [s.grid.centres(0)[np.nonzero(particles.labels == n)[0]].mean() for n in particles.numbers[:9]]
    np.testing.assert_allclose(middle[:9], own, atol=0.05 * UM)
    assert figures["notes"] == []


def test_opposite_faces_match() -> None:
    """Across a periodic face labels go on as between any two neighbouring pages."""
    s = made({**SPHERES, "periodic": "all"}, Grid((72, 80, 76), 0.5 * UM))
    mask = s.volume.mask("active")
    for axis in range(3):
        inner = (np.diff(mask.astype(int), axis=axis) != 0).mean()
        across = (np.take(mask, 0, axis) != np.take(mask, -1, axis)).mean()
        assert across < 2 * inner
        # the same function one period on
        points = s.grid.points(10, 12)
        moved = points.copy()
        moved[:, axis] += s.grid.size[axis]
        np.testing.assert_allclose(s.shapes["active"](moved), s.shapes["active"](points), atol=1e-18)


def test_coarse_voxels_are_noted() -> None:
    s = made({**SPHERES, "diameter_um": 5}, GRID)
    assert any("5.0 voxels across" in text for text in s.figures["notes"])


@pytest.mark.parametrize("collector", ["low", "high"])
def test_layers_count_from_the_separator(collector: str) -> None:
    s = made(LAYERS, Grid((40, 36, 36), UM, collector=collector))  # type: ignore[arg-type]
    table = s.particles["active"].table
    height = table["Centroid [m]"].values[:, 0]
    height = height if collector == "low" else 40 * UM - height
    small = table["Equivalent diameter [m]"].values < 7 * UM
    assert height[small].min() > 26 * UM > 25 * UM > height[~small].mean()
    assert s.figures["active: layer fractions"] == pytest.approx([0.4, 0.4], abs=0.06)


@pytest.mark.parametrize("collector", ["low", "high"])
def test_profiles_count_from_the_collector(collector: str) -> None:
    s = made(GRADED, Grid((40, 36, 36), UM, collector=collector))  # type: ignore[arg-type]
    mask = s.volume.mask("active").mean(axis=(1, 2))
    mask = mask if collector == "low" else mask[::-1]
    assert mask[:15].mean() > mask[-15:].mean() + 0.1
    asked, reached = s.figures["active: slab fractions asked"], s.figures["active: slab fractions"]
    assert asked[0] > asked[-1]
    assert reached[0] > reached[-1]


def test_packing_a_phase_again_numbers_on() -> None:
    once = made({**SPHERES, "fraction": 0.2}, GRID)
    twice = step(**{**SPHERES, "fraction": 0.2}).apply(once, rng(5))
    particles = twice.particles["active"]
    assert ((particles.labels > 0) == twice.volume.mask("active")).all()
    assert len(particles.table["particle"]) == particles.labels.max() > once.particles["active"].labels.max()
    assert not particles.table["Volume [m3]"].isnull().any()


@pytest.mark.parametrize(
    "said",
    [
        {"make": "spheres", "fraction": 0.4},
        {**SPHERES, "distribution": {"kind": "lognormal", "median_um": 8, "sigma": 0.2}},
        {**SPHERES, "fraction": 43},
        {**SPHERES, "diameter": 8},
        {"make": "spheres", "fraction": 0.4, "distribution": {"kind": "lognormal", "median_um": 8}},
        {"make": "spheres", "fraction": 0.4, "distribution": {"kind": "normal", "mean_um": 8, "d50_um": 7}},
        {"make": "bimodal", "fraction": 0.4, "small_um": 12, "large_um": 8, "small_share": 0.5},
        {**GRADED, "fraction": 0.4},
        {**GRADED, "diameter_um": None},
        {**GRADED, "profile": [{"height_um": 0, "fraction": 0.5}, {"height_um": 40}]},
        {"make": "platelets", "fraction": 0.4, "diameter_um": 3, "thickness_um": 8},
    ],
)
def test_steps_refuse_what_they_cannot_mean(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        step(**said)


def test_layers_that_do_not_fill_the_box_are_named() -> None:
    layers = [{"thickness_um": 12, "diameter_um": 6}, {"thickness_um": 12, "diameter_um": 9}]
    with pytest.raises(InputError, match="fill the thickness"):
        made({**LAYERS, "layers": layers}, GRID)


@pytest.mark.parametrize("kind", [
    {"kind": "normal", "mean_um": 8, "deviation_um": 1},
    {"kind": "weibull", "scale_um": 8, "shape": 5, "smallest_um": 5},
    {"kind": "lognormal", "d10_um": 6, "d50_um": 8, "d90_um": 10.6, "smallest_um": 5},
    {"kind": "table", "rows": [[5, 0], [8, 0.6], [11, 1]]},
    {"kind": "mixture", "diameters_um": [6, 8, 11], "shares": [0.3, 0.3, 0.4]},
])  # fmt: skip
def test_every_distribution_packs(kind: dict[str, Any]) -> None:
    grid = Grid((60, 60, 60), UM)
    s = made({"make": "spheres", "fraction": 0.45, "distribution": kind}, grid)
    assert s.figures["active: Kolmogorov-Smirnov p-value"] > 0.01
    assert s.figures["active: Kolmogorov-Smirnov statistic"] < 0.05
    assert s.fraction("active") == pytest.approx(0.45, rel=0.01)


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_meet_what_they_say(name: str) -> None:
    recipe = yaml.safe_load((MESHES / f"{name}.yaml").read_text(encoding="utf-8"))
    voxel = recipe["voxel_um"]
    a, b, c = (round(edge / voxel) for edge in recipe["size_um"])
    (said,) = recipe["steps"]
    s = step(**said).apply(Structure.empty(Grid((a, b, c), voxel * UM)), rng(recipe["seed"]))
    wanted = s.figures["active: target fraction"]
    assert s.figures["active: fraction"] == pytest.approx(wanted, rel=5e-3)
    assert s.fraction("active") == pytest.approx(wanted, rel=5e-3)
    assert s.figures["active: largest overlap"] == 0
    assert abs(s.figures["active: diameter rescale"] - 1) < 0.01
    assert len(s.figures["notes"]) == (name == "layered_d8_d12")  # whose particles reach over the border


def digest() -> str:
    """Hash of three packings."""
    found = hashlib.sha256()
    options: list[dict[str, Any]] = [{}, {"overlap": 0.1, "walls": "cut"}, {"form": Form((1, 1, 1.5))}]
    for o in options:
        p = pack((30 * UM,) * 3, LogNormal(6 * UM, 0.2), 0.5, rng=rng(7), **o)
        found.update(p.centres.tobytes() + p.radii.tobytes())
    return found.hexdigest()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_in_another_process() -> None:
    changed = {"NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "77"}
    code = f"import runpy; print(runpy.run_path({__file__!r})['digest']())"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **changed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == digest()


def test_the_same_seed_gives_the_same_bytes() -> None:
    def centres(seed: int) -> bytes:
        return pack(BOX, 8 * UM, 0.43, rng=rng(seed)).centres.tobytes()

    assert centres(1) == centres(1)
    assert centres(1) != centres(2)


def test_thousands_of_spheres_are_packed() -> None:
    p = pack((130 * UM,) * 3, 7.7 * UM, 0.55, rng=rng())
    assert len(p.radii) > 5000
    assert p.overlap == 0
