import numpy as np
import pytest

from lithoscape.errors import InputError
from lithoscape.image import Grid, Volume
from lithoscape.image.chords import chords

H = 1e-6


def volume(mask: np.ndarray, voxel_size: float | tuple[float, float, float] = H) -> Volume:
    return Volume(mask.astype(np.uint8), Grid(mask.shape, voxel_size), {"out": 0, "in": 1})


def balls(voxels: float, n: int, rng: np.random.Generator, number: int) -> np.ndarray:
    """Overlapping balls of a radius at random places, in a periodic box of n voxels."""
    mask = np.zeros((n, n, n), dtype=bool)
    reach = int(voxels) + 1
    step = np.arange(-reach, reach + 1)
    for centre in rng.uniform(0, n, (number, 3)):
        near = np.rint(centre).astype(int)
        r2 = sum(np.ix_(*[(near[k] + step - centre[k]) ** 2 for k in range(3)]))  # type: ignore[arg-type]
        mask[np.ix_(*[(near[k] + step) % n for k in range(3)])] |= r2 < voxels**2
    return mask


def test_layers_are_exact_along_every_axis() -> None:
    v_h = (1e-6, 2e-6, 3e-6)
    for axis, h in enumerate(v_h):
        mask = np.zeros((30, 30, 30), dtype=bool)
        np.moveaxis(mask, axis, 0)[np.arange(30) % 10 < 3] = True  # 0-2 cut, 10-12 and 20-22 complete
        found = chords(volume(mask, v_h), "in")
        c = found[axis]
        assert (c.complete, c.cut) == (2 * 900, 900)
        assert (c.mean, c.mean_by_length) == pytest.approx((3 * h, 3 * h))
        assert c.mean_crossings == pytest.approx(2 * 9 * h / 5)
        assert c.distribution["Count"].values.tolist() == [0, 0, 1800]
        assert c.distribution["Density"][2] == pytest.approx(1 / h)
        for other in {0, 1, 2} - {axis}:
            across = found[other]
            assert (across.complete, across.cut) == (0, 9 * 30)
            assert np.isnan(across.mean)
            assert np.isinf(across.mean_crossings)
            np.testing.assert_allclose(across.distribution["Lineal path"], 0.3)
            assert across.mean_by_path == pytest.approx((2 * 30 - 1) * v_h[other])


def test_a_ball_converges_to_its_closed_form() -> None:
    errors = []
    for voxels in (5, 10, 20, 40):
        d, n = 2.0 * voxels, 2 * voxels + 4
        r2 = sum((x - (n - 1) / 2 - 0.21) ** 2 for x in np.indices((n, n, n)))
        c = chords(volume(r2 < voxels**2), "in")[1]
        d_c = c.distribution
        # a run of l voxels stands for lengths up to l + 1/2: P(< l) = l^2 / d^2, from the density 2 l / d^2
        exact = np.minimum((d_c["length"].values / H + 0.5) / d, 1) ** 2
        shape = np.abs(np.cumsum(d_c["Density"].values) * H - exact).max()
        errors.append([abs(c.mean / H / (2 * d / 3) - 1), abs(c.mean_by_length / H / (3 * d / 4) - 1), shape])
        assert c.cut == 0
    first, last = np.array(errors[0]), np.array(errors[-1])
    assert (last[:2] < 0.01).all()
    assert (last < first / 3).all()


def test_between_overlapping_balls_chords_are_exponential() -> None:
    radius, n, number = 5.0, 110, 1500
    v = volume(balls(radius, n, np.random.default_rng(1), number))
    density, ball = number / n**3, 4 / 3 * np.pi * radius**3
    exact = H / (density * np.pi * radius**2)
    # on a lattice: the odds that the next voxel lies in a ball which does not reach this one
    leave = 1 - np.exp(-density * ball * (0.75 / radius - 1 / (16 * radius**3)))
    found = chords(v, "out")
    assert np.mean([c.mean_crossings for c in found]) == pytest.approx(H / leave, rel=0.03)
    path = np.mean([c.distribution["Lineal path"].values[:20] for c in found], axis=0)
    rate = -np.polyfit(np.arange(20) * H, np.log(path), 1)[0]
    assert 1 / rate == pytest.approx(exact, rel=0.05)
    assert np.mean([c.mean_by_path for c in found]) == pytest.approx(2 * exact, rel=0.05)
    assert np.mean([c.mean_by_length for c in found]) < 1.9 * exact  # the edges cut the long ones


def test_lineal_path_counts_every_rod() -> None:
    mask = np.random.default_rng(5).random((6, 7, 8)) < 0.7
    for axis, c in enumerate(chords(volume(mask), "in")):
        lines = np.moveaxis(mask, axis, -1).reshape(-1, mask.shape[axis])
        for k in range(1, mask.shape[axis] + 1):
            rods = np.lib.stride_tricks.sliding_window_view(lines, k, axis=1).all(axis=2)
            assert c.distribution["Lineal path"][k - 1] == pytest.approx(rods.mean())


def test_everything_has_units() -> None:
    d = chords(volume(np.random.default_rng(5).random((6, 7, 8)) < 0.7), "in")[0].distribution
    assert all("units" in d[name].attrs for name in [*d.data_vars, *d.coords])


def test_a_missing_phase_is_named() -> None:
    with pytest.raises(InputError, match="no voxel"):
        chords(volume(np.zeros((3, 3, 3))), "in")
