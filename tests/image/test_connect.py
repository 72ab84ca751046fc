import numpy as np
import pytest
from scipy import ndimage

from lithoscape.errors import InputError
from lithoscape.image import Grid, Volume
from lithoscape.image.connect import clusters, connected_mask, percolating_mask, percolation

PHASES = {"pore": 0, "active": 1, "binder": 2, "coating": 3}


def volume(labels: np.ndarray, **options: object) -> Volume:
    return Volume(labels, Grid(labels.shape, (1e-6, 2e-6, 3e-6), **options), PHASES)  # type: ignore[arg-type]


def bars() -> np.ndarray:
    """A bar of 6 along axis 0, one of 2 at the low face, one of 1 at the high face, one of 1 inside."""
    labels = np.zeros((6, 7, 7), np.uint8)
    labels[:, 1, 1] = 1
    labels[:2, 3, 3] = 1
    labels[5, 5, 5] = 1
    labels[3, 5, 1] = 1
    return labels


def test_shares_of_known_bars() -> None:
    p = percolation(volume(bars()), "active")
    assert p.fractions == pytest.approx((0.6, 0.0, 0.0))
    assert (p.clusters, p.connectivity) == (4, 6)
    assert p.isolated == pytest.approx(0.1)
    assert p.largest == pytest.approx(0.6)
    assert (p.through, p.collector, p.separator) == pytest.approx((0.6, 0.8, 0.7))


def test_the_collector_may_lie_high_or_on_another_axis() -> None:
    p = percolation(volume(bars(), collector="high"), "active")
    assert (p.collector, p.separator) == pytest.approx((0.7, 0.8))
    p = percolation(volume(np.moveaxis(bars(), 0, 2), through=2), "active")
    assert p.fractions == pytest.approx((0.0, 0.0, 0.6))
    assert (p.through, p.collector, p.separator) == pytest.approx((0.6, 0.8, 0.7))


def test_masks_hold_the_shares() -> None:
    v = volume(bars(), collector="high")
    assert percolating_mask(v, "active").sum() == 6
    assert percolating_mask(v, "active", 1).sum() == 0
    assert connected_mask(v, "active", "collector").sum() == 7
    assert connected_mask(v, "active", "separator")[:2, 3, 3].all()
    assert not connected_mask(v, "active", "separator")[5, 5, 5]


def test_a_diagonal_connects_only_by_corners() -> None:
    labels = np.zeros((4, 4, 4), np.uint8)
    labels[range(4), range(4), range(4)] = 1
    assert percolation(volume(labels), "active").fractions == (0.0, 0.0, 0.0)
    assert percolation(volume(labels), "active", 26).fractions == (1.0, 1.0, 1.0)
    assert clusters(labels == 1).max() == 4
    assert clusters(labels == 1, 26).max() == 1


def test_two_phases_conduct_together() -> None:
    labels = np.zeros((4, 3, 3), np.uint8)
    labels[:2, 1, 1], labels[2:, 1, 1] = 1, 2
    assert percolation(volume(labels), "active").through == 0.0
    assert percolation(volume(labels), ["active", "binder"]).through == 1.0
    assert percolating_mask(volume(labels), ["active", "binder"]).sum() == 4


def test_random_image_agrees_with_scipy() -> None:
    mask = np.random.default_rng(5).random((30, 20, 25)) < 0.33
    for connectivity, rank in ((6, 1), (26, 3)):
        labels, count = ndimage.label(mask, ndimage.generate_binary_structure(3, rank))
        p = percolation(volume(mask.astype(np.uint8)), "active", connectivity)  # type: ignore[arg-type]
        both = set(labels[0].flat) & set(labels[-1].flat) - {0}
        assert p.clusters == count
        assert p.fractions[0] == np.isin(labels, list(both)).sum() / mask.sum()
        inner = set(range(1, count + 1)) - {
            int(n) for k in range(3) for end in (0, -1) for n in np.take(labels, end, k).flat
        }
        assert p.isolated == pytest.approx(np.isin(labels, list(inner)).sum() / mask.sum(), rel=1e-12)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda v: percolation(v, "binder"), "no voxel"),
        (lambda v: percolation(v, ["binder"]), "no voxel"),
        (lambda v: percolation(v, ["binder", "coating"]), "no voxel"),
        (lambda v: percolation(v, "activ"), "'active'"),
        (lambda v: percolation(v, []), "at least one phase"),
        (lambda v: percolation(v, "active", 18), "6 or 26"),
        (lambda v: percolating_mask(v, "active", 3), "no such axis"),
        (lambda v: connected_mask(v, "active", "anode"), "collector or separator"),
        (lambda v: clusters(v.labels), "mask of three axes"),
        (lambda v: clusters(v.mask("active")[0]), "mask of three axes"),
    ],
)
def test_bad_input_is_named(call: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        call(volume(bars()))  # type: ignore[operator]
