"""The periodic cell problem where the answer is known."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from voxel_reference import direct_periodic

from lithoscape.errors import InputError
from lithoscape.transport import VoxelOptions, periodic

TIGHT = VoxelOptions(tolerance=1e-10)


def test_a_laminate() -> None:
    labels = np.zeros((8, 6, 5), dtype=np.uint8)
    labels[3:] = 1
    spacing = (0.5, 1.0, 2.0)
    across = periodic(labels, {0: 1.0, 1: 0.1}, 0, spacing=spacing, options=TIGHT)
    np.testing.assert_allclose(across.column, [8 / (3 / 1.0 + 5 / 0.1), 0, 0], atol=1e-10)
    along = periodic(labels, {0: 1.0, 1: 0.1}, 1, spacing=spacing, options=TIGHT)
    np.testing.assert_allclose(along.column, [0, (3 * 1.0 + 5 * 0.1) / 8, 0], atol=1e-10)


def test_a_staircase_that_only_closes_over_the_faces_conducts_along_its_diagonal() -> None:
    # one voxel wide, up and along in turns: 2 n steps of length 1 for a period of (n, n)
    n = 5
    labels = np.ones((n, n, 1), dtype=np.uint8)
    for k in range(n):
        labels[k, k] = labels[k, (k + 1) % n] = 0
    found = periodic(labels, {0: 1.0, 1: 0.0}, 0, options=TIGHT, keep_potential=True)
    assert found.column[0] == pytest.approx(1 / (2 * n), rel=1e-9)
    np.testing.assert_allclose(found.column[1:], [1 / (2 * n), 0], atol=1e-6)  # first order in the potential
    assert found.porosity == found.porosity_endless == pytest.approx(2 / n)
    assert found.corrector is not None
    assert np.nanmean(found.corrector) == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_array_equal(np.isnan(found.corrector), labels == 1)


def test_a_cluster_that_ends_within_the_period_does_not_conduct() -> None:
    labels = np.ones((6, 6, 6), dtype=np.uint8)
    labels[:, 2, 2] = 0  # goes on for ever along axis 0
    labels[1, :, 5] = 0  # and another along axis 1
    labels[4, 4, 4] = 0
    found = periodic(labels, {0: 1.0, 1: 0.0}, 0, options=TIGHT)
    np.testing.assert_allclose(found.column, [1 / 36, 0, 0], atol=1e-12)
    assert found.porosity_endless == pytest.approx(6 / 216)
    assert found.porosity == pytest.approx(13 / 216)
    with pytest.raises(InputError, match="for ever along axis 2"):
        periodic(labels, {0: 1.0, 1: 0.0}, 2)


def test_shifting_the_image_changes_nothing() -> None:
    rng = np.random.default_rng(3)
    labels = (gaussian_filter(rng.normal(size=(13, 10, 12)), 1.4, mode="wrap") > 0.1).astype(np.uint8)
    plain = periodic(labels, {0: 1.0, 1: 0.01}, 1, options=TIGHT)
    moved = periodic(np.roll(labels, (5, 3, 7), (0, 1, 2)), {0: 1.0, 1: 0.01}, 1, options=TIGHT)
    assert moved.column[1] == pytest.approx(plain.column[1], rel=1e-9)
    np.testing.assert_allclose(moved.column, plain.column, atol=1e-5)


def test_the_tensor_is_symmetric() -> None:
    rng = np.random.default_rng(5)
    labels = (gaussian_filter(rng.normal(size=(14, 14, 14)), (1, 2, 1), mode="wrap") > 0.1).astype(np.uint8)
    tensor = np.array([periodic(labels, {0: 1.0, 1: 0.05}, k, options=TIGHT).column for k in range(3)])
    np.testing.assert_allclose(tensor, tensor.T, atol=2e-6)
    assert abs(tensor[0, 1]) > 1e-3


def test_what_goes_on_for_ever_is_what_carries_a_flux() -> None:
    rng = np.random.default_rng(12)
    conducts = []
    for n in range(150):
        labels = (rng.random((4, 5, 3)) > rng.uniform(0.25, 0.5)).astype(np.uint8)
        expected = direct_periodic(labels, {0: 1.0, 1: 0.0}, n % 3)[n % 3] > 1e-9
        conducts.append(expected)
        if expected:
            assert periodic(labels, {0: 1.0, 1: 0.0}, n % 3).column[n % 3] > 1e-9
        else:
            with pytest.raises(InputError):
                periodic(labels, {0: 1.0, 1: 0.0}, n % 3)
    assert 20 < sum(conducts) < 130
