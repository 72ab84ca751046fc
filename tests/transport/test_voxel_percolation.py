"""Clusters that cross, with and without their dead ends."""

import numpy as np
import pytest
from scipy import ndimage

from lithoscape.errors import InputError
from lithoscape.transport import percolating
from lithoscape.transport.percolation import keep_crossing


def crossing(mask: np.ndarray, axis: int) -> np.ndarray:
    """The same by SciPy's labels."""
    labels, _ = ndimage.label(mask)
    faces = np.moveaxis(labels, axis, 0)
    return np.isin(labels, np.setdiff1d(np.intersect1d(faces[0], faces[-1]), [0]))


def test_clusters_are_those_of_another_labelling() -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        mask = rng.random(tuple(rng.integers(1, 14, 3))) < rng.uniform(0.25, 0.7)
        for axis in range(3):
            np.testing.assert_array_equal(percolating(mask, axis, trim=False), crossing(mask, axis))


def test_dead_ends_go_and_loops_stay() -> None:
    mask = np.zeros((7, 9, 5), dtype=bool)
    mask[:, 1, 2] = True
    kept = mask.copy()
    mask[3, 1:6, 2] = mask[4, 5, 2] = True  # a dead end with a corner
    loop = np.zeros_like(mask)
    loop[1:3, 0, 2] = True  # two more beside the path: a loop of four
    found = percolating(mask | loop, 0)
    np.testing.assert_array_equal(found, kept | loop)
    np.testing.assert_array_equal(percolating(mask | loop, 0, trim=False), mask | loop)


def test_no_voxel_with_one_neighbour_is_left() -> None:
    rng = np.random.default_rng(4)
    mask = rng.random((20, 21, 22)) < 0.45
    found = percolating(mask, 2)
    padded = np.pad(found, ((1, 1), (1, 1), (0, 0)))
    padded = np.pad(padded, ((0, 0), (0, 0), (1, 1)), mode="edge")  # faces count as neighbours
    around = sum(np.roll(padded, s, a).astype(int) for a in range(3) for s in (1, -1))
    assert found.any()
    assert (around[1:-1, 1:-1, 1:-1][found] >= 2).all()


def test_a_path_over_the_transverse_faces() -> None:
    mask = np.zeros((6, 5, 4), dtype=bool)
    mask[:3, 0, 1] = True
    mask[2:, 4, 1] = True  # neighbours only over the face of axis 1
    assert not percolating(mask, 0).any()
    np.testing.assert_array_equal(percolating(mask, 0, transverse_periodic=True), mask)
    turned = np.ascontiguousarray(mask.transpose(0, 2, 1))
    np.testing.assert_array_equal(percolating(turned, 0, transverse_periodic=True), turned)


def test_how_far_the_clusters_of_the_inlet_get() -> None:
    code = np.zeros((8, 3, 3), dtype=np.uint8)
    code[:5, 1, 1] = code[6:, 1, 1] = 1
    found = keep_crossing(code, code[0] > 0, code[-1] > 0)
    assert (found.conducting, found.crossing, found.reach) == (7, 0, 5)
    assert not code.any()


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="no mask of three axes"):
        percolating(np.zeros((3, 3), dtype=bool))
    with pytest.raises(InputError, match="no mask of three axes"):
        percolating(np.zeros((3, 3, 3), dtype=np.uint8))
    with pytest.raises(InputError, match="axis"):
        percolating(np.zeros((3, 3, 3), dtype=bool), 3)
