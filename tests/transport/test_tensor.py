"""The effective tensor: laminates exact, symmetric, positive, and turned with the structure."""

import itertools

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from lithoscape.errors import InputError
from lithoscape.transport.periodic import periodic
from lithoscape.transport.tensor import Tensor, tensor
from lithoscape.transport.voxel import VoxelOptions, effective

TIGHT = VoxelOptions(1e-9)
SIGMA = {0: 1.0, 1: 0.1}
SERIES, PARALLEL = 2 / (1 / 1.0 + 1 / 0.1), 0.55


def random_medium(shape=(16, 14, 12), seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=shape)
    return (gaussian_filter(noise, (1, 1.5, 2.5), mode="wrap") > 0).astype(np.uint8)


def laminate(n: int, width: int, normal: tuple[int, int, int]) -> np.ndarray:
    """Layers of ``width`` voxels along the normal's first axis, periodic in a cube of n voxels."""
    along = sum(m * i for m, i in zip(normal, np.indices((n,) * 3), strict=True))
    return (along // width % 2).astype(np.uint8)


def frame(normal: tuple[int, int, int]) -> np.ndarray:
    """A rotation whose first column is the normal."""
    q, _ = np.linalg.qr(np.column_stack([normal, np.roll(np.eye(3), 1, axis=0)[:, :2]]).astype(float))
    return q if np.linalg.det(q) > 0 else -q


@pytest.mark.parametrize("condition", ["periodic", "mixed"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_layers_are_exact(axis: int, condition: str) -> None:
    labels = laminate(12, 3, tuple(int(k == axis) for k in range(3)))
    found = tensor(labels, SIGMA, condition=condition, options=TIGHT)
    expected = np.full(3, PARALLEL)
    expected[axis] = SERIES
    assert found.conductivity == pytest.approx(np.diag(expected), abs=1e-9)
    assert found.porosity == 1.0
    assert found.tau == pytest.approx(1 / expected, rel=1e-8)
    assert found.anisotropy == pytest.approx(PARALLEL / SERIES, rel=1e-8)


@pytest.mark.parametrize("sigma", [{0: 1.0, 1: 0.02}, {0: 3.0, 1: 0.0}])
def test_symmetric_positive_and_what_the_fluxes_say(sigma: dict) -> None:
    labels, spacing = random_medium(), (1.0, 0.7, 1.3)
    found = tensor(labels, sigma, spacing=spacing, options=TIGHT)
    k = found.conductivity
    assert np.array_equal(k, k.T)
    assert np.linalg.eigvalsh(k).min() > 0
    scale = np.sqrt(np.outer(np.diag(k), np.diag(k)))
    for axis in range(3):
        cell = periodic(labels, sigma, axis, spacing=spacing, options=VoxelOptions(1e-10))
        assert k[axis, axis] == pytest.approx(cell.column[axis], rel=1e-8)
        assert (np.abs(k[axis] - cell.column) / scale[axis]).max() < 3e-5  # theirs is of the first order
    assert np.abs(k - np.diag(np.diag(k))).max() > 1e-3


def test_a_loose_tolerance_errs_in_the_second_order_off_the_diagonal_too() -> None:
    labels = random_medium()
    exact = tensor(labels, {0: 1.0, 1: 0.0}, options=VoxelOptions(1e-10)).conductivity
    loose = tensor(labels, {0: 1.0, 1: 0.0}, options=VoxelOptions(1e-3))
    scale = np.sqrt(np.outer(np.diag(exact), np.diag(exact)))
    bound = np.sqrt(np.outer(loose.error, loose.error))
    assert (np.abs(loose.conductivity - exact) / scale <= 1.05 * bound).all()


def test_turning_the_image_permutes_the_tensor() -> None:
    labels = random_medium((12, 12, 12))
    found = tensor(labels, SIGMA, options=TIGHT)
    for order in itertools.permutations(range(3)):
        turned = tensor(labels.transpose(order), SIGMA, options=TIGHT)
        assert turned.conductivity == pytest.approx(found.conductivity[np.ix_(order, order)], abs=1e-8)
    quarter = tensor(np.rot90(labels, axes=(0, 1)), SIGMA, options=TIGHT)
    rotation = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    assert quarter.conductivity == pytest.approx(found.rotated(rotation).conductivity, abs=1e-8)


@pytest.mark.parametrize("normal", [(1, 1, 0), (1, 2, 0), (1, 1, 1)])
def test_a_turned_structure_turns_the_tensor(normal: tuple[int, int, int]) -> None:
    """Laminates at an angle, drawn finer and finer: the tensor of the laminate, turned, with first order."""
    straight = Tensor(np.diag([SERIES, PARALLEL, PARALLEL]), 1.0, 1.0, "periodic", np.zeros(3))
    expected = straight.rotated(frame(normal)).conductivity
    errors = []
    for width in (6, 12):
        found = tensor(laminate(2 * width, width, normal), SIGMA, options=TIGHT)
        errors.append(np.abs(found.conductivity - expected).max() / PARALLEL)
        across = found.principal[1][:, 0]
        assert abs(across @ np.array(normal)) / np.linalg.norm(normal) > 0.999
    assert errors[1] < 0.06
    assert np.log2(errors[0] / errors[1]) > 0.9


def test_mixed_conditions_are_the_single_solves() -> None:
    labels = random_medium()
    found = tensor(labels, {0: 2.0, 1: 0.0}, condition="mixed", options=TIGHT)
    singles = [effective(labels, {0: 2.0, 1: 0.0}, k, options=TIGHT).effective for k in range(3)]
    assert np.diag(found.conductivity) == pytest.approx(singles, rel=1e-12)
    assert found.efficiency[0, 0] == pytest.approx(singles[0] / 2)


@pytest.mark.parametrize("condition", ["periodic", "mixed"])
def test_where_nothing_gets_through_there_is_zero(condition: str) -> None:
    labels = np.ones((8, 8, 8), np.uint8)
    labels[:, 2:4, 3:5] = 0  # a tube along the first axis
    found = tensor(labels, {0: 1.0, 1: 0.0}, condition=condition)
    assert found.conductivity == pytest.approx(np.diag([4 / 64, 0, 0]), rel=1e-12)
    assert found.tau[0] == pytest.approx(1.0)
    assert np.isinf(found.tau[1:]).all()
    assert found.anisotropy == np.inf


def test_what_cannot_be_is_refused() -> None:
    labels = random_medium()
    with pytest.raises(InputError, match="condition"):
        tensor(labels, SIGMA, condition="dirichlet")
    with pytest.raises(InputError, match="labels"):
        tensor(labels[0], SIGMA)
    with pytest.raises(InputError, match="no conductivity"):
        tensor(labels, {0: 1.0})
    with pytest.raises(InputError, match="nothing"):
        tensor(labels, {0: 0.0, 1: 0.0})
    with pytest.raises(InputError, match="orthogonal"):
        tensor(labels, SIGMA).rotated(2 * np.eye(3))
