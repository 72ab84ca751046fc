import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

from lithoscape.errors import InputError
from lithoscape.image import Grid, Volume
from lithoscape.image.correlate import correlation

H = 1e-6


def volume(mask: np.ndarray, voxel_size: float | tuple[float, float, float] = H) -> Volume:
    return Volume(mask.astype(np.uint8), Grid(mask.shape, voxel_size), {"out": 0, "in": 1, "none": 2})


def ball(voxels: float, box: float = 4.4) -> tuple[Volume, float]:
    """One ball of a radius in voxels, in a periodic box of ``box`` radii; its radius [m]."""
    n = round(box * voxels)
    r2 = sum((x - (n - 1) / 2) ** 2 for x in np.indices((n, n, n)))
    return volume(r2 < voxels**2), voxels * H


def overlap(r: np.ndarray, radius: float) -> np.ndarray:
    """Common volume of two balls over that of one (Torquato 2002, equation 2.19)."""
    return np.where(r < 2 * radius, 1 - 0.75 * r / radius + r**3 / (16 * radius**3), 0.0)


def counted(a: np.ndarray, b: np.ndarray, shift: tuple[int, int, int], periodic: bool) -> tuple[float, int]:
    """Pairs at one shift and how many fit, voxel by voxel."""
    hits = fits = 0
    for at in np.ndindex(a.shape):
        to = tuple(i + s for i, s in zip(at, shift, strict=True))
        if periodic:
            to = tuple(i % n for i, n in zip(to, a.shape, strict=True))
        if all(0 <= i < n for i, n in zip(to, a.shape, strict=True)):
            fits += 1
            hits += bool(a[at] and b[to])
    return hits, fits


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("other", ["in", "out"])
def test_every_pair_is_counted(periodic: bool, other: str) -> None:
    size = (1e-6, 1.5e-6, 1.2e-6)
    mask = np.random.default_rng(3).random((7, 6, 5)) < 0.4
    ends = (mask, mask if other == "in" else ~mask)
    c = correlation(volume(mask, size), "in", other, max_lag=3e-6, periodic=periodic)
    for axis, last in enumerate((3, 2, 2)):
        assert c.curves[f"S2 along {axis}"].size == last + 1
        for lag in range(last + 1):
            pairs = np.array(
                [
                    counted(*ends, tuple(sign * lag * (k == axis) for k in range(3)), periodic)  # type: ignore[arg-type]
                    for sign in (1, -1)
                ]
            )
            assert c.curves[f"S2 along {axis}"][lag] == pytest.approx(pairs[:, 0].sum() / pairs[:, 1].sum())
    shells: dict[int, list[tuple[float, int, float]]] = {}
    for shift in np.ndindex(7, 5, 5):
        s = (shift[0] - 3, shift[1] - 2, shift[2] - 2)
        r = float(np.linalg.norm(np.multiply(s, size)))
        shells.setdefault(round(r / 1.5e-6), []).append((*counted(*ends, s, periodic), r))
    for k in (0, 1):
        hits, fits, r = np.array(shells[k]).T
        assert c.curves["S2"][k] == pytest.approx(hits.sum() / fits.sum(), rel=1e-9)
        assert c.curves["distance"][k] == pytest.approx((fits * r).sum() / fits.sum())


def test_a_ball_follows_its_closed_form() -> None:
    errors = []
    for voxels in (5, 10, 20):
        v, radius = ball(voxels)
        c = correlation(v, "in", max_lag=2.2 * radius, periodic=True)
        exact = c.fractions[0] * overlap(c.curves["distance"].values, radius)
        errors.append(float(abs(c.curves["S2"] - exact).max() / c.fractions[0]))
    assert errors[0] < 0.02
    assert errors[2] < errors[1] < errors[0]
    assert errors[2] < 0.4 * errors[0]


def test_correlation_length_of_a_ball() -> None:
    v, radius = ball(10)
    c = correlation(v, "in", max_lag=2.2 * radius, periodic=True)
    eps = c.fractions[0]

    def chi(r: float) -> float:
        return float(eps * overlap(np.array(r), radius) - eps**2)

    zero = brentq(chi, 0, 2 * radius)
    assert c.crossed
    assert c.length == pytest.approx(quad(chi, 0, zero)[0] / chi(0), rel=0.01)
    assert c.lengths == pytest.approx([c.length] * 3, rel=0.02)


def test_surface_of_a_ball_converges() -> None:
    found = []
    for voxels in (5, 10, 20):
        v, radius = ball(voxels)
        c = correlation(v, "in", max_lag=2 * radius, periodic=True)
        exact = (36 * np.pi * c.fractions[0] ** 2 / np.prod(v.grid.size)) ** (
            1 / 3
        )  # of the volume in voxels
        found.append((c.surface / exact - 1, c.surface_axes / exact - 1))
    worst = np.abs(found).max(axis=1)
    assert worst[0] < 0.04
    assert worst[2] < 0.01


def layers() -> Volume:
    mask = np.zeros((60, 12, 12), dtype=bool)
    mask[np.arange(60) % 20 < 6] = True
    return volume(mask)


def test_layers_are_a_triangle_wave() -> None:
    c = correlation(layers(), "in", max_lag=6e-6, periodic=True)
    lag = np.arange(7)
    np.testing.assert_allclose(c.curves["S2 along 0"], (6 - lag) / 20, rtol=1e-12)
    np.testing.assert_allclose(c.curves["S2 along 1"], 6 / 20, rtol=1e-12)
    exact = 2 / 20e-6
    assert c.surface_axes == pytest.approx(2 / 3 * exact, rel=1e-12)
    assert c.surface == pytest.approx(exact, rel=0.02)
    assert c.lengths[0] == pytest.approx(quad(lambda r: (6 - r) / 20 - 0.09, 0, 4.2)[0] / 0.21 * H, rel=0.01)


def test_independent_voxels_do_not_correlate() -> None:
    mask = np.random.default_rng(0).random((60, 50, 40)) < 0.3
    c = correlation(volume(mask), "in")
    spread = np.sqrt(0.3 * 0.7) ** 2 / np.sqrt(mask.size / 2)
    assert float(abs(c.curves["Autocovariance along 1"][1:]).max()) < 5 * spread
    assert c.length < 1 * H


def test_an_empty_image_axis_is_left_out() -> None:
    v = volume(np.random.default_rng(0).random((1, 40, 40)) < 0.3)
    c = correlation(v, "in")
    assert c.curves["S2 along 0"].size == 1
    assert np.isnan(c.lengths[0])
    assert np.isfinite(c.surface)


def test_what_two_phases_cannot_have_is_nan() -> None:
    c = correlation(layers(), "in", "out", periodic=True)
    assert np.isnan([c.length, *c.lengths, c.surface, c.surface_axes]).all()
    np.testing.assert_allclose(c.curves["S2 along 0"][:2], [0, 1 / 20], atol=1e-15)


def test_everything_has_units() -> None:
    curves = correlation(layers(), "in").curves
    assert all("units" in curves[name].attrs for name in [*curves.data_vars, *curves.coords])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_lag": 7e-6, "periodic": True}, "largest lag"),
        ({"max_lag": 13e-6}, "largest lag"),
        ({"max_lag": 0.5e-6}, "largest lag"),
        ({"max_lag": float("nan")}, "largest lag"),
        ({"other": "none"}, "no voxel"),
        ({"other": "inn"}, "no such phase"),
    ],
)
def test_bad_input_is_named(options: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        correlation(layers(), "in", **options)


def test_one_voxel_is_refused() -> None:
    with pytest.raises(InputError, match="one voxel"):
        correlation(volume(np.ones((1, 1, 1), dtype=bool)), "in")
