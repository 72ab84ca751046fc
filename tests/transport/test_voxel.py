"""Conduction through voxels where the answer is known, and what is refused."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from lithoscape.errors import InputError, SolveError
from lithoscape.transport import VoxelOptions, effective, flux

TIGHT = VoxelOptions(tolerance=1e-9)
NODE = VoxelOptions(tolerance=1e-9, boundary="node")


def test_an_open_box_has_no_tortuosity() -> None:
    found = effective(np.zeros((7, 5, 6), dtype=np.uint8), {0: 3.0})
    assert found.effective == pytest.approx(3.0, rel=1e-7)
    assert found.tau == pytest.approx(1.0, abs=1e-7)
    assert found.tau_percolating == found.tau
    assert (found.porosity, found.porosity_percolating) == (1.0, 1.0)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("options", [TIGHT, NODE], ids=["face", "node"])
def test_straight_channels(axis: int, options: VoxelOptions) -> None:
    labels = np.ones((9, 10, 11), dtype=np.int32)
    pore = np.moveaxis(labels, axis, 0)
    pore[:, 2:4, 3:6] = pore[:, 7, 8] = 0
    found = effective(labels, {0: 2.0, 1: 0.0}, axis, options=options)
    assert found.tau == pytest.approx(1.0, abs=1e-10)
    assert found.porosity == pytest.approx(7 / (pore.shape[1] * pore.shape[2]))
    assert found.efficiency == pytest.approx(found.porosity, rel=1e-10)
    assert found.macmullin == pytest.approx(1 / found.porosity, rel=1e-10)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.3e-6, 2e-6, 1e-6)])
def test_layers_in_series_and_in_parallel(spacing: tuple[float, ...]) -> None:
    labels = np.zeros((12, 6, 7), dtype=np.uint8)
    labels[3:5], labels[5:] = 1, 2
    values = {0: 2.0, 1: 0.05, 2: 7.0}
    series = 12 / (3 / 2.0 + 2 / 0.05 + 7 / 7.0)
    found = effective(labels, values, 0, spacing=spacing, options=TIGHT)
    assert found.effective == pytest.approx(series, rel=1e-8)
    assert found.efficiency == pytest.approx(series / 7.0, rel=1e-8)
    parallel = (3 * 2.0 + 2 * 0.05 + 7 * 7.0) / 12
    assert effective(labels, values, 1, spacing=spacing, options=TIGHT).effective == pytest.approx(parallel)


def test_where_the_potentials_are_imposed_matters_at_the_ends_only() -> None:
    # Half of the first layer is closed. With potentials on the faces the ten open layers are in series with
    # nothing else; in the centres, half a voxel at either end does not count.
    labels = np.zeros((10, 1, 1), dtype=np.uint8)
    labels[0] = 1
    values = {0: 1.0, 1: 0.25}
    face = effective(labels, values, options=TIGHT)
    assert face.effective == pytest.approx(10 / (1 / 0.25 + 9), rel=1e-9)
    node = effective(labels, values, options=NODE)
    assert node.effective == pytest.approx(9 / (0.5 / 0.25 + 8.5), rel=1e-9)


def test_dead_ends_and_islands_carry_nothing() -> None:
    labels = np.ones((16, 14, 12), dtype=np.uint8)
    labels[:, 3:6, 3:6] = 0
    labels[8:, 5:9, 4] = 0  # widens the channel where it is
    plain = effective(labels, {0: 1.0, 1: 0.0}, options=TIGHT)
    more = labels.copy()
    more[4, 6:12, 4] = more[4:7, 11, 4] = 0  # a dead end with a corner
    more[10:13, 11:13, 8:11] = 0  # an island
    more[:5, 1, 9] = 0  # reaches the inlet only
    extra = effective(more, {0: 1.0, 1: 0.0}, options=TIGHT)
    assert extra.effective == pytest.approx(plain.effective, rel=1e-8)
    assert extra.porosity > extra.porosity_percolating > plain.porosity
    assert extra.tau > extra.tau_percolating > plain.tau


def test_a_checkerboard_joined_at_edges_does_not_conduct() -> None:
    labels = (np.indices((6, 6, 6)).sum(axis=0) % 2).astype(np.uint8)
    with pytest.raises(InputError, match=r"label 0 .* axis 1 .* layer 1 of 6 \(17%\)"):
        effective(labels, {0: 1.0, 1: 0.0}, 1)


def test_a_checkerboard_of_two_conductors_lies_between_the_bounds() -> None:
    labels = (np.indices((12, 12, 12)) // 3).sum(axis=0) % 2
    found = effective(labels, {0: 1.0, 1: 0.1}, options=TIGHT).effective
    assert 2 / (1 / 1.0 + 1 / 0.1) < found < (1.0 + 0.1) / 2


def hashin_shtrikman(fraction: float, low: float, high: float) -> tuple[float, float]:
    """Bounds of the conductivity of an isotropic medium, ``fraction`` of it of the higher conductivity."""
    lower = low + fraction / (1 / (high - low) + (1 - fraction) / (3 * low))
    upper = high + (1 - fraction) / (1 / (low - high) + fraction / (3 * high))
    return lower, upper


def test_random_media_lie_between_the_bounds() -> None:
    rng = np.random.default_rng(4)
    for fraction in (0.3, 0.5, 0.7):
        field = gaussian_filter(rng.normal(size=(48, 48, 48)), 3.0, mode="wrap")
        labels = (field > np.quantile(field, fraction)).astype(np.uint8)
        share = float((labels == 0).mean())
        found = [effective(labels, {0: 1.0, 1: 0.1}, axis).effective for axis in range(3)]
        harmonic, arithmetic = 1 / (share / 1.0 + (1 - share) / 0.1), share + 0.1 * (1 - share)
        assert all(harmonic < value < arithmetic for value in found)
        lower, upper = hashin_shtrikman(share, 0.1, 1.0)
        assert lower < np.mean(found) < upper


def test_turning_the_image_turns_the_result() -> None:
    rng = np.random.default_rng(8)
    labels = (gaussian_filter(rng.normal(size=(15, 18, 22)), 1.5) > 0.05).astype(np.uint8)
    spacing, values = (1.0, 1.4, 0.6), {0: 1.0, 1: 0.0}
    for axis in range(3):
        given = effective(labels, values, axis, spacing=spacing, options=TIGHT).effective
        for order in ((1, 2, 0), (2, 1, 0), (0, 2, 1)):
            turned = effective(
                labels.transpose(order)[::-1, :, ::-1], values, order.index(axis),
                spacing=tuple(spacing[k] for k in order), options=TIGHT,
            )  # fmt: skip
            assert turned.effective == pytest.approx(given, rel=3e-9)


def test_a_plane_image_is_one_layer_of_voxels() -> None:
    rng = np.random.default_rng(2)
    labels = (gaussian_filter(rng.normal(size=(40, 31)), 2.0) > 0.0).astype(np.uint8)
    for axis in (0, 1):
        plane = effective(
            labels, {0: 1.0, 1: 0.2}, axis, spacing=(1.0, 2.0), options=TIGHT, keep_potential=True
        )
        layer = effective(labels[:, :, None], {0: 1.0, 1: 0.2}, axis, spacing=(1.0, 2.0, 5.0), options=TIGHT)
        assert plane.effective == pytest.approx(layer.effective, rel=2e-9)
        assert plane.potential is not None
        assert plane.potential.shape == labels.shape


@pytest.mark.parametrize("boundary", ["face", "node"])
def test_the_flux_is_the_same_through_every_layer(boundary: str) -> None:
    rng = np.random.default_rng(3)
    labels = (gaussian_filter(rng.normal(size=(20, 14, 17)), 1.2) > 0.02).astype(np.uint8)
    options = VoxelOptions(tolerance=1e-10, boundary=boundary)
    found = effective(
        labels, {0: 2.0, 1: 0.5}, 1, spacing=(1.0, 0.5, 2.0), options=options, keep_potential=True
    )
    length = (14 - (boundary == "node")) * 0.5
    density = flux(found, labels)
    assert density.shape == (3, 20, 14, 17)
    through = density[1].mean(axis=(0, 2)) * length
    np.testing.assert_allclose(through, found.effective, rtol=2e-5)
    assert found.potential is not None
    assert not np.isnan(found.potential).any()
    assert 0 <= found.potential.min() < found.potential.max() <= 1


def test_the_potential_is_kept_where_something_flows() -> None:
    labels = np.ones((6, 7, 5), dtype=np.uint8)
    labels[:, 2:4, 1] = 0
    labels[2, 6, 4] = 0
    kept = effective(labels, {0: 1.0, 1: 0.0}, keep_potential=True).potential
    assert kept is not None
    np.testing.assert_array_equal(np.isnan(kept), (labels == 1) | (np.indices(labels.shape)[1] == 6))
    falls = (5.5 - np.arange(6)) / 6
    np.testing.assert_allclose(kept[:, 2, 1], falls, atol=1e-6)
    assert effective(labels, {0: 1.0, 1: 0.0}).potential is None


def test_threads_do_not_change_a_bit() -> None:
    rng = np.random.default_rng(1)
    labels = (gaussian_filter(rng.normal(size=(90, 64, 66)), 2.0) > 0.01).astype(np.uint8)
    one, two, three = (
        effective(labels, {0: 1.0, 1: 0.0}, options=VoxelOptions(threads=n), keep_potential=True)
        for n in (1, 2, 3)
    )
    assert one.effective == two.effective == three.effective
    np.testing.assert_array_equal(one.potential, two.potential)
    np.testing.assert_array_equal(one.potential, three.potential)


def test_iterations_do_not_grow_with_the_image() -> None:
    rng = np.random.default_rng(5)
    field = gaussian_filter(rng.normal(size=(96, 96, 96)), 2.0, mode="wrap")
    labels = (field > np.quantile(field, 0.45)).astype(np.uint8)
    steps = [effective(labels[:n, :n, :n], {0: 1.0, 1: 0.0}).iterations for n in (24, 48, 96)]
    assert max(steps) <= 6


def real_electrode() -> np.ndarray:
    folder = os.environ.get("LITHOSCAPE_DATA")
    if not folder:
        pytest.skip("LITHOSCAPE_DATA is not set")
    path = Path(folder) / "volumes" / "tf_electrode.tiff"
    if not path.is_file():
        pytest.skip(f"no {path.name} in LITHOSCAPE_DATA")
    import tifffile

    return tifffile.imread(path)


@pytest.mark.slow
def test_the_published_tortuosity_of_an_electrode() -> None:
    labels = real_electrode()
    for axis, published in ((0, 2.078), (1, 2.077)):
        found = effective(labels, {0: 1.0, 85: 0.0, 170: 0.0}, axis)
        assert found.tau == pytest.approx(published, abs=1.5e-3)
        assert found.porosity_percolating / found.porosity == pytest.approx(0.9989, abs=5e-5)


BOX = np.zeros((6, 6, 6), dtype=np.uint8)


@pytest.mark.parametrize(
    ("labels", "conductivity", "axis", "message"),
    [
        (BOX + 3, {0: 1.0}, 0, r"no conductivity \(got \[3\]\)"),
        (BOX, {0: float("nan")}, 0, "label 0 is not a number from 0 on"),
        (BOX, {0: -1.0}, 0, "label 0 is not a number from 0 on"),
        (BOX, {0: float("inf")}, 0, "label 0 is not a number from 0 on"),
        (BOX, {0: 0.0}, 0, "nothing in the image conducts"),
        (BOX[:1], {0: 1.0}, 0, "too thin along the first axis"),
        (BOX, {0: 1.0}, 3, "no such axis"),
        (BOX.astype(float), {0: 1.0}, 0, "labels are integers"),
        (BOX[0, 0], {0: 1.0}, 0, "two or three axes"),
    ],
)
def test_bad_input_is_refused(labels, conductivity, axis: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        effective(labels, conductivity, axis)


def test_two_layers_are_too_thin_for_potentials_in_their_centres() -> None:
    assert effective(BOX[:2], {0: 1.0}).tau == pytest.approx(1.0)
    with pytest.raises(InputError, match="At least 3 layers"):
        effective(BOX[:2], {0: 1.0}, options=NODE)


@pytest.mark.parametrize(
    "wrong",
    [{"tolerance": 0.0}, {"tolerance": 0.5}, {"boundary": "edge"}, {"threads": 0}, {"max_iterations": 0}],
)
def test_bad_options_are_refused(wrong: dict) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        VoxelOptions(**wrong)


@pytest.mark.parametrize("spacing", [(1.0,), (1.0, 0.0, 1.0), (1.0, float("nan"), 1.0)])
def test_bad_spacing_is_refused(spacing: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="spacing"):
        effective(BOX, {0: 1.0}, spacing=spacing)


def test_a_blocked_image_says_how_far_it_is_open() -> None:
    labels = BOX.copy()
    labels[4] = 7
    with pytest.raises(InputError, match=r"label 0 connects .* axis 0 .* layer 4 of 6 \(67%\)"):
        effective(labels, {0: 1.0, 7: 0.0})
    labels[0] = 7
    with pytest.raises(InputError, match="does not touch the inlet"):
        effective(labels, {0: 1.0, 7: 0.0})


def test_an_image_larger_than_memory_is_refused() -> None:
    huge = np.broadcast_to(np.uint8(0), (40_000, 40_000, 40_000))
    with pytest.raises(InputError, match=r"GiB .* are free"):
        effective(huge, {0: 1.0})


def test_too_few_iterations_are_an_error() -> None:
    rng = np.random.default_rng(1)
    labels = (rng.random((20, 20, 20)) > 0.5).astype(np.uint8)
    with pytest.raises(SolveError, match="after 1 iterations"):
        effective(labels, {0: 1.0, 1: 0.0}, options=VoxelOptions(tolerance=1e-8, max_iterations=1))


def test_labels_of_any_integer_type_are_taken() -> None:
    rng = np.random.default_rng(6)
    pore = rng.random((10, 11, 12)) < 0.7
    expected = effective(np.where(pore, 0, 1).astype(np.uint8), {0: 1.0, 1: 0.0}).effective
    for low, high, dtype in ((-5, 9, np.int16), (10**12, -(10**12), np.int64), (1, 0, np.bool_)):
        labels = np.where(pore, low, high).astype(dtype)
        assert effective(labels, {low: 1.0, high: 0.0}).effective == expected
