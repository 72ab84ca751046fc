"""Extrapolation to voxels of no size: exact for powers, estimates that hold, coarser images of one volume."""

import numpy as np
import pytest

from lithoscape.errors import InputError
from lithoscape.generate.spheres import Spheres
from lithoscape.image import Grid
from lithoscape.transport.accuracy import coarsened, extrapolated, extrapolated_image, raster, richardson
from lithoscape.transport.voxel import VoxelOptions, effective

PORES = {0: 1.0, 1: 0.0}


@pytest.mark.parametrize("order", [1.0, 2.0, 3.3])
@pytest.mark.parametrize("sizes", [(1.0, 0.5), (1.0, 0.7, 0.4), (4.0, 2.0, 1.0, 0.5)])
def test_powers_are_extrapolated_exactly(order: float, sizes: tuple[float, ...]) -> None:
    values = [0.7 - 0.2 * h**order for h in sizes]
    shuffled = np.random.default_rng(0).permutation(len(sizes))
    found = richardson([sizes[k] for k in shuffled], [values[k] for k in shuffled], order)
    assert found.limit == pytest.approx(0.7, rel=1e-12)
    assert found.sizes == sizes
    assert found.error == pytest.approx((0.7 - values[-1]) / 2, rel=1e-6)
    if len(sizes) > 2:
        assert found.observed == pytest.approx(order, rel=1e-9)
        assert richardson(sizes, values).limit == pytest.approx(0.7, rel=1e-9)


def test_finer_sizes_weigh_more() -> None:
    h = np.array([4.0, 3.0, 2.0, 1.0])
    v = 1 + 0.1 * h + 0.03 * h**2
    _, limit = np.polyfit(h, v, 1, w=1 / h**2)
    assert richardson(h, v, 1.0).limit == pytest.approx(limit, rel=1e-12)


def test_scatter_shows_in_the_estimate() -> None:
    rng, sizes, held = np.random.default_rng(1), np.array([1.0, 0.7, 0.5, 0.35, 0.25]), 0
    for _ in range(200):
        values = 0.3 + 0.1 * sizes + 0.02 * sizes * rng.normal(size=5)
        found = richardson(sizes, values, 1.0)
        held += abs(found.limit - 0.3) < found.error
    assert held > 170


def test_no_order_is_said_not_guessed() -> None:
    found = richardson([4, 2, 1], [1.0, 2.0, 1.5], 1.0)
    assert found.observed is None
    for sizes, values in (([4, 2, 1], [1.0, 2.0, 1.5]), ([2, 1], [1.0, 2.0])):
        with pytest.raises(InputError, match="order"):
            richardson(sizes, values)


@pytest.mark.parametrize(
    ("sizes", "values", "word"),
    [([1], [1], "sizes"), ([1, 1], [1, 2], "sizes"), ([1, 2], [1], "sizes"), ([0, 1], [1, 2], "sizes"),
     ([1, 2], [1, np.nan], "values")],
)  # fmt: skip
def test_what_cannot_be_extrapolated(sizes, values, word) -> None:
    with pytest.raises(InputError, match=word):
        richardson(sizes, values, 1.0)


# -- rasters -------------------------------------------------------------------
def ball(centre: float = 5e-6, radius: float = 3.1e-6) -> Spheres:
    return Spheres(np.full((1, 3), centre), np.array([radius]))


def test_rasters_hold_the_volume_asked_for() -> None:
    share = 4 / 3 * np.pi * 0.31**3
    for n in (8, 13, 20):
        grid = Grid((n,) * 3, 1e-5 / n)
        inside = raster(ball(), grid, share)
        assert inside.sum() == round(share * n**3)
        plain = raster(ball(), grid)
        few, many = (inside, plain) if inside.sum() < plain.sum() else (plain, inside)
        assert many[few].all()
    with pytest.raises(InputError, match="fraction"):
        raster(ball(), grid, 1.5)


def test_shapes_are_extrapolated() -> None:
    """A round channel: its efficiency is its section."""
    radius = 3.1e-6

    def channel(points: np.ndarray) -> np.ndarray:
        return np.hypot(points[:, 1] - 5e-6, points[:, 2] - 5e-6) - radius

    def labels_at(shape: tuple[int, int, int]) -> np.ndarray:
        return (~raster(channel, Grid(shape, tuple(1e-5 / n for n in shape)))).astype(np.uint8)

    shapes = [(n // 4, n, n) for n in (12, 20, 28, 40, 60)]
    found = extrapolated(labels_at, shapes, (1e-5,) * 3, PORES, options=VoxelOptions(1e-8))
    exact = np.pi * 0.31**2
    assert abs(found.limit - exact) < found.error < 0.05 * exact


# -- coarser images ------------------------------------------------------------
def test_coarser_images_keep_volumes() -> None:
    x = np.stack(np.meshgrid(*[np.arange(48)] * 3, indexing="ij"))
    waves = sum(
        np.sin(2 * np.pi * c / 24) * np.cos(2 * np.pi * d / 24) for c, d in zip(x, x[[1, 2, 0]], strict=True)
    )
    labels = np.array([7, 3, 5])[np.digitize(waves, [-0.6, 0.5])].astype(np.uint8)
    for factor in (2, 3, 4):
        small = coarsened(labels, factor)
        assert small.shape == (48 // factor,) * 3
        assert small.dtype == np.uint8
        for name in (3, 5, 7):
            assert (small == name).mean() == pytest.approx((labels == name).mean(), abs=8e-3)
        back = small.repeat(factor, 0).repeat(factor, 1).repeat(factor, 2)
        assert (back == labels).mean() > 1 - 0.07 * factor
    assert coarsened(labels, 1) is labels
    assert coarsened(labels[:47, :46], 2).shape == (23, 23, 24)
    with pytest.raises(InputError, match="factor"):
        coarsened(labels, 49)


def test_an_image_is_brought_nearer_to_its_shapes() -> None:
    """A simple cubic cell at 48 voxels; the limit is that of finer rasters."""
    cell = Spheres(np.full((1, 3), 5e-6), np.array([4.15e-6]))
    rasters = [raster(cell, Grid((n,) * 3, 1e-5 / n)).astype(np.uint8) for n in (48, 120)]
    coarse, fine = (effective(x, PORES, options=VoxelOptions(1e-6)).effective for x in rasters)
    found = extrapolated_image(rasters[0], PORES, options=VoxelOptions(1e-6))
    assert found.values[-1] == pytest.approx(coarse)
    assert found.sizes == (4.0, 2.0, 1.0)
    assert found.limit > fine > coarse  # insulating stairs hold back
    assert found.limit == pytest.approx(0.605661, rel=0.4 * abs(coarse / 0.605661 - 1))


def test_images_too_small_for_levels() -> None:
    with pytest.raises(InputError, match="levels"):
        extrapolated_image(np.zeros((12, 12, 12), np.uint8), {0: 1.0})
    with pytest.raises(InputError, match="levels"):
        extrapolated_image(np.zeros((12, 12, 12), np.uint8), {0: 1.0}, levels=1)
