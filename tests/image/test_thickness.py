import edt
import numba
import numpy as np
import pytest

from lithoscape.errors import InputError
from lithoscape.image import Grid, Volume
from lithoscape.image.inscribed import Spheres, _features, inscribed
from lithoscape.image.thickness import LocalThickness, bottleneck, intrusion, local_thickness

H = 1e-6
CUBE = (1.0, 1.0, 1.0)


def volume(mask: np.ndarray, pitch: tuple[float, float, float] = CUBE) -> Volume:
    h = (pitch[0] * H, pitch[1] * H, pitch[2] * H)
    return Volume(mask.astype(np.uint8), Grid(mask.shape, h), {"out": 0, "in": 1, "none": 2})


def around(extent: float, pitch: tuple[float, float, float], rng: np.random.Generator) -> np.ndarray:
    """Voxel centres of a box of about ``extent``, from a point near its middle, shape (..., 3)."""
    shape = [round(extent / p) for p in pitch]
    x = np.moveaxis(np.indices(shape), 0, -1) - (np.array(shape) - 1) / 2 - rng.uniform(-0.5, 0.5, 3)
    return x * pitch


def ball(d: float, pitch: tuple[float, float, float], rng: np.random.Generator) -> np.ndarray:
    return (around(d + 8, pitch, rng) ** 2).sum(axis=-1) < d**2 / 4


def cylinder(d: float, pitch: tuple[float, float, float], rng: np.random.Generator) -> np.ndarray:
    x, u = around(2 * d + 8, pitch, rng), rng.normal(size=3)
    along = x @ (u / np.linalg.norm(u))
    return (x**2).sum(axis=-1) - along**2 < d**2 / 4


def layer(d: float, pitch: tuple[float, float, float], rng: np.random.Generator) -> np.ndarray:
    x, u = around(2.5 * d + 8, pitch, rng), rng.normal(size=3)
    return np.abs(x @ (u / np.linalg.norm(u))) < d / 2


SHAPES = {"ball": (ball, 0.0), "cylinder": (cylinder, 0.5), "layer": (layer, 0.75)}


def errors(shape: str, d: float, pitch: tuple[float, float, float] = CUBE, repeats: int = 5) -> np.ndarray:
    """Error of the median and of the mean, in units of H, of shapes placed and turned at random."""
    make, margin = SHAPES[shape]
    rng = np.random.default_rng(11)
    found = []
    for _ in range(repeats):
        t = local_thickness(volume(make(d, pitch, rng), pitch), "in", margin=margin * d * H)
        found.append((t.d50 / H - d, t.mean / H - d))
    return np.array(found)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("voxels", [1, 2, 3, 4, 7])
def test_layers_across_an_axis_have_no_half_voxel_bias(axis: int, voxels: int) -> None:
    pitch = (1.0, 0.7, 1.3)
    mask = np.zeros((16, 17, 18), dtype=bool)
    np.moveaxis(mask, axis, 0)[5 : 5 + voxels] = True
    t = local_thickness(volume(mask, pitch), "in")
    for value in (t.mean, t.d10, t.d50, t.d90):
        assert value / H == pytest.approx(voxels * pitch[axis], abs=0.25 if voxels == 1 else 0.06)


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_of_known_width_converge(shape: str) -> None:
    medians = []
    for d in (5.0, 10.0, 20.0):
        found = errors(shape, d, repeats=5 if d < 20 else 2)
        assert (abs(found) < 0.9).all(), d
        medians.append(abs(found[:, 0].mean()) / d)
    assert medians[2] < 0.6 * medians[0]
    assert medians[2] < 0.04


@pytest.mark.parametrize("shape", SHAPES)
def test_voxels_of_any_shape(shape: str) -> None:
    found = errors(shape, 10.0, (0.5, 1.0, 0.8), repeats=3)
    assert (abs(found) < 0.9).all()


def test_discs_in_a_single_page() -> None:
    x = np.indices((1, 40, 40))
    mask = ((x[1] - 19.3) ** 2 + (x[2] - 19.6) ** 2) < 100
    t = local_thickness(volume(mask), "in")
    assert t.d50 / H == pytest.approx(20, abs=0.6)


def test_the_nearest_foreign_voxel_is_exact() -> None:
    mask = np.ascontiguousarray(np.random.default_rng(0).random((13, 17, 19)) < 0.93).view(np.uint8)
    for pitch in ((1.0, 1.0, 1.0), (1.0, 0.6, 1.7)):
        near = _features(mask, np.array(pitch))
        inside = mask > 0
        to = np.stack(np.unravel_index(near[inside], mask.shape), axis=1)
        assert (mask[tuple(to.T)] == 0).all()
        distance = np.linalg.norm((np.argwhere(inside) - to) * pitch, axis=1)
        np.testing.assert_allclose(distance, edt.edt(mask, anisotropy=pitch)[inside], rtol=1e-6)
        assert (near[~inside] == -1).all()


def blobs(shape: tuple[int, int, int] = (24, 26, 28)) -> Volume:
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(np.random.default_rng(4).normal(size=shape), 2.5)
    return volume(noise > np.quantile(noise, 0.45), (1.0, 0.8, 1.1))


def test_painting_finds_the_largest_sphere_of_every_voxel() -> None:
    v = blobs()
    s = inscribed(v, "in")
    rng = np.random.default_rng(0)
    some = rng.choice(s.voxel.size, 300, replace=False)
    centre, reach = s.centre[some], s.radius[some]
    value = rng.random(300).astype(np.float32)
    x = np.moveaxis(np.indices(v.grid.shape), 0, -1) * np.array(v.grid.voxel_size)
    expected = np.zeros(v.grid.shape, np.float32)
    for c, r, paint in zip(centre, reach, value, strict=True):
        inside = ((x - c) ** 2).sum(axis=-1) < (r + 0.25 * 0.8 * H) ** 2
        expected[inside & (s.mask > 0)] = np.maximum(expected[inside & (s.mask > 0)], paint)
    np.testing.assert_array_equal(s.paint(centre, reach, value), expected)


def test_leaving_out_spheres_that_others_hold_changes_little() -> None:
    v = blobs()
    s = inscribed(v, "in")
    x = np.argwhere(s.mask > 0) * np.array(v.grid.voxel_size)
    everywhere = s.paint(x.astype(np.float32), s.distance[s.mask > 0], 2 * s.distance[s.mask > 0])
    found = local_thickness(v, "in", spheres=s).map
    assert found is not None
    assert s.own.sum() < 0.4 * len(x)
    more = (found - everywhere)[s.mask > 0] / H
    assert np.quantile(more, 0.001) > -0.6  # nearly all voxels hold what a sphere around any voxel would give
    assert 0 < np.median(more) < 1  # and up to a voxel more, as spheres are centred between voxels


def test_two_widths_by_volume() -> None:
    mask = np.zeros((30, 40, 40), dtype=bool)
    mask[3:7], mask[12:24] = True, True  # 4 and 12 voxels: a quarter and three quarters of the volume
    t = local_thickness(volume(mask), "in", bins=60)
    assert t.d10 / H == pytest.approx(4, abs=0.05)
    assert (t.d50 / H, t.d90 / H, t.mode / H) == pytest.approx((12, 12, 12), abs=0.15)
    assert t.mean / H == pytest.approx(10, abs=0.05)
    d = t.distribution
    assert float(d["Cumulative"].sel(diameter=8 * H, method="nearest")) == pytest.approx(0.75, abs=1e-6)
    assert float((d["Density"] * np.diff(d["diameter"])).sum()) == pytest.approx(1)
    assert all("units" in d[name].attrs for name in [*d.data_vars, *d.coords])
    assert t.map is not None
    assert ((t.map > 0) == mask).all()
    assert t.map.dtype == np.float32
    assert local_thickness(volume(mask), "in", keep_map=False).map is None


def test_a_margin_leaves_out_the_edges() -> None:
    mask = np.zeros((30, 40, 40), dtype=bool)
    mask[0:4], mask[12:24] = True, True
    t = local_thickness(volume(mask), "in", margin=6 * H)
    assert t.d10 / H == pytest.approx(12, abs=0.1)
    assert t.map is not None
    assert t.map.shape == mask.shape


def bottle() -> np.ndarray:
    """A chamber of 12 x 20 x 20 behind a channel of 4 x 4, and a closed ball."""
    mask = np.zeros((40, 24, 24), dtype=bool)
    mask[:16, 10:14, 10:14] = True
    mask[16:28, 2:22, 2:22] = True
    mask[32:38, 9:15, 9:15] = True
    return mask


def test_what_lies_behind_a_throat_counts_with_its_width() -> None:
    v = volume(bottle())
    thick = local_thickness(v, "in")
    into = intrusion(v, "in", axis=0, side="low")
    assert thick.map is not None
    assert into.map is not None
    # a sphere on the axis reaches into the mouth: (12 - r)^2 + 2^2 = r^2
    assert thick.map[22, 12, 12] / H == pytest.approx(2 * 148 / 24, abs=0.4)
    assert into.map[22, 12, 12] / H == pytest.approx(4, abs=0.7)
    assert into.map[35, 12, 12] == 0
    total, closed = bottle().sum(), 6**3
    assert into.accessible == pytest.approx(1 - closed / total)
    assert bottleneck(thick, into) == pytest.approx(4 / 12, abs=0.06)
    assert (into.map > thick.map + 0.5 * H).sum() <= 8  # the corners of the chamber


def test_from_the_wide_side_a_chamber_is_wide() -> None:
    mask = bottle()[:28]
    into = intrusion(volume(mask), "in", axis=0, side="high")
    assert into.map is not None
    assert into.map[22, 12, 12] / H == pytest.approx(20, abs=0.5)  # the open face is no wall
    assert into.map[8, 12, 12] / H == pytest.approx(4, abs=0.7)
    assert into.accessible == 1


def test_the_separator_is_the_inlet_by_default() -> None:
    labels = bottle()[:28].astype(np.uint8)
    for collector, wide in (("low", True), ("high", False)):
        grid = Grid(labels.shape, H, collector=collector)  # type: ignore[arg-type]
        into = intrusion(Volume(labels, grid, {"out": 0, "in": 1}), "in")
        assert (into.d50 > 9 * H) == wide


def test_nothing_passes_between_voxels_that_touch_at_an_edge() -> None:
    mask = np.zeros((10, 10, 10), dtype=bool)
    mask[:5, 4], mask[5:, 5] = True, True
    assert intrusion(volume(mask), "in", axis=0, side="low").accessible == pytest.approx(0.5)


def test_any_number_of_threads_gives_the_same_bytes() -> None:
    v, before, found = blobs(), numba.get_num_threads(), []
    try:
        for threads in (1, before):
            numba.set_num_threads(threads)
            found.append((local_thickness(v, "in"), intrusion(v, "in")))
    finally:
        numba.set_num_threads(before)
    for a, b in zip(*found, strict=True):
        assert a.map is not None
        assert b.map is not None
        assert a.map.tobytes() == b.map.tobytes()


def test_spheres_can_be_shared() -> None:
    v = blobs()
    s = inscribed(v, "in")
    for measure in (local_thickness, intrusion):
        alone: LocalThickness = measure(v, "in")  # type: ignore[operator]
        shared: LocalThickness = measure(v, "in", spheres=s)  # type: ignore[operator]
        assert (alone.mean, alone.d50) == (shared.mean, shared.d50)
    with pytest.raises(InputError, match="another phase or image"):
        local_thickness(v, "out", spheres=s)
    assert isinstance(s, Spheres)


@pytest.mark.parametrize(
    ("phase", "options", "words"),
    [
        ("inn", {}, "no such phase"),
        ("none", {}, "no voxel"),
        ("in", {"margin": 6e-6}, "margin leaves nothing"),
        ("in", {"margin": -1e-6}, "margin leaves nothing"),
        ("in", {"margin": float("nan")}, "margin leaves nothing"),
    ],
)
def test_bad_input_is_named(phase: str, options: dict, words: str) -> None:
    mask = np.zeros((10, 10, 10), dtype=bool)
    mask[:3] = True
    for measure in (local_thickness, intrusion):
        with pytest.raises(InputError, match=words):
            measure(volume(mask), phase, **options)  # type: ignore[operator]


def test_inlets_and_boundaries_are_needed() -> None:
    mask = np.zeros((10, 10, 10), dtype=bool)
    mask[:3] = True
    v = volume(mask)
    with pytest.raises(InputError, match="no voxel to count"):
        local_thickness(v, "in", margin=4e-6)
    with pytest.raises(InputError, match="inlet face"):
        intrusion(v, "in", axis=0, side="high")
    with pytest.raises(InputError, match="no such axis"):
        intrusion(v, "in", axis=3)
    with pytest.raises(InputError, match="one end"):
        intrusion(v, "in", side="top")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="fills the image"):
        local_thickness(volume(np.ones((4, 4, 4))), "in")
