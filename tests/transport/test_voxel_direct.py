"""The voxel solver against a sparse factorisation: the value, and the error it certifies."""

import numpy as np
import pytest
from voxel_reference import direct, direct_periodic, random_medium

from lithoscape.errors import InputError
from lithoscape.transport import VoxelOptions, effective, periodic

CASES = [
    ({0: 1.0, 1: 0.0}, (1.0, 1.0, 1.0)),
    ({0: 1.0, 1: 0.0}, (0.5, 1.0, 3.0)),
    ({0: 3.0, 1: 0.2}, (1.0, 1.0, 1.0)),
    ({0: 1.0, 1: 1e-4}, (1.0, 2.0, 0.4)),
]


@pytest.mark.parametrize("boundary", ["face", "node"])
@pytest.mark.parametrize(("conductivity", "spacing"), CASES)
def test_the_value_is_that_of_a_factorisation(conductivity, spacing, boundary: str) -> None:
    rng = np.random.default_rng(7)
    for axis in range(3):
        labels = random_medium(rng, (13, 11, 14), 0.55, 1.2)
        expected = direct(labels, conductivity, axis, spacing, boundary)
        options = VoxelOptions(tolerance=1e-10, boundary=boundary)
        found = effective(labels, conductivity, axis, spacing=spacing, options=options)
        assert found.effective == pytest.approx(expected, rel=1e-9)


def random_problem(rng: np.random.Generator):
    """A small image of up to three phases, conductivities over five decades, spacing over one and a half."""
    shape = tuple(rng.integers(4, 15, 3))
    labels = random_medium(rng, shape, rng.uniform(0.25, 0.9), rng.uniform(0.3, 2.5, 3))
    labels[rng.random(shape) < rng.uniform(0, 0.1)] = 2
    values = {0: 1.0, 1: 0.0, 2: 0.0}
    for label in (1, 2):
        if rng.random() < 0.4:
            values[label] = 10 ** rng.uniform(-5, 0)
    spacing = (1.0, 1.0, 1.0) if rng.random() < 0.5 else tuple(10 ** rng.uniform(-0.7, 0.7, 3))
    boundary = "face" if rng.random() < 0.5 else "node"
    return labels, values, int(rng.integers(3)), spacing, boundary


def test_the_error_is_within_what_is_certified() -> None:
    rng = np.random.default_rng(11)
    ratios = []
    for _ in range(250):
        labels, values, axis, spacing, boundary = random_problem(rng)
        options = VoxelOptions(tolerance=10 ** rng.uniform(-6, -1.3), boundary=boundary)
        try:
            found = effective(labels, values, axis, spacing=spacing, options=options)
        except InputError:
            continue  # nothing crosses
        assert 0 <= found.error <= options.tolerance * 1.2
        error = abs(found.effective / direct(labels, values, axis, spacing, boundary) - 1)
        assert error <= found.error + 1e-11
        if found.error > 1e-5:  # above round-off
            ratios.append(found.error / max(error, 1e-12))
    assert len(ratios) > 80
    assert np.median(ratios) < 10


@pytest.mark.parametrize(("conductivity", "spacing"), CASES[:3])
def test_a_periodic_cell_is_that_of_a_factorisation(conductivity, spacing) -> None:
    rng = np.random.default_rng(9)
    for axis in range(3):
        labels = random_medium(rng, (9, 12, 10), 0.6, 1.3, mode="wrap")
        expected = direct_periodic(labels, conductivity, axis, spacing)
        found = periodic(labels, conductivity, axis, spacing=spacing, options=VoxelOptions(tolerance=1e-10))
        assert found.column[axis] == pytest.approx(expected[axis], rel=1e-9)
        np.testing.assert_allclose(found.column, expected, atol=3e-5 * expected[axis])
