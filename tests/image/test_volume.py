import numpy as np
import pytest

from lithoscape.errors import InputError
from lithoscape.image import GreyImage, Grid, Instances, Volume

GRID = Grid((4, 3, 2), (1e-6, 2e-6, 3e-6), origin=(1e-6, 0.0, 0.0))


def volume(labels: np.ndarray | None = None, **options: object) -> Volume:
    values = np.arange(24).reshape(4, 3, 2) % 3 if labels is None else labels
    return Volume(values, GRID, {"pore": 0, "active": 1, "binder": 2}, **options)  # type: ignore[arg-type]


def test_fractions_and_masks() -> None:
    v = volume()
    assert v.fractions() == pytest.approx({"pore": 1 / 3, "active": 1 / 3, "binder": 1 / 3}, abs=1e-15)
    assert v.mask("active").sum() == 8
    assert v.mask(["active", "binder"]).sum() == 16


def test_labels_are_small_and_read_only() -> None:
    v = volume()
    assert v.labels.dtype == np.uint8
    with pytest.raises(ValueError, match="read-only"):
        v.labels[0, 0, 0] = 1


def test_crop_keeps_coordinates() -> None:
    cropped = volume().crop(slice(1, 3), slice(2, None))
    assert cropped.grid.shape == (2, 1, 2)
    assert cropped.grid.origin == (2e-6, 4e-6, 0.0)
    np.testing.assert_allclose(cropped.grid.centres(0), GRID.centres(0)[1:3], rtol=1e-15)
    assert (cropped.labels == volume().labels[1:3, 2:]).all()


def test_points_follow_the_array() -> None:
    points = GRID.points()
    assert points.shape == (24, 3)
    i = np.ravel_multi_index((3, 1, 0), GRID.shape)
    np.testing.assert_allclose(points[i], [4.5e-6, 3e-6, 1.5e-6])
    np.testing.assert_allclose(GRID.points(2, 4), points[12:])


def test_heights_count_from_the_collector() -> None:
    np.testing.assert_allclose(Grid((3, 1, 1), 1e-6).heights(), [0.5e-6, 1.5e-6, 2.5e-6])
    np.testing.assert_allclose(Grid((3, 1, 1), 1e-6, collector="high").heights(), [2.5e-6, 1.5e-6, 0.5e-6])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Grid((4, 3), 1e-6), "[Tt]hree axes"),
        (lambda: Grid((4, 3, 0), 1e-6), "at least one voxel"),
        (lambda: Grid((4, 3, 2), 0.4), "in metres"),
        (lambda: Grid((4, 3, 2), float("nan")), "in metres"),
        (lambda: Grid((4, 3, 2), (1e-6, 1e-6)), "one length or three"),
        (lambda: Grid((4, 3, 2), 1e-6, through=3), "no such axis"),
        (lambda: Grid((4, 3, 2), 1e-6, collector="top"), "low"),
        (lambda: volume(np.full(GRID.shape, 7)), "labels that no phase names"),
        (lambda: volume(np.zeros((4, 3))), "[Tt]hree axes"),
        (lambda: volume(np.zeros(GRID.shape)), "whole numbers"),
        (lambda: volume(np.full(GRID.shape, -1)), "between 0 and 65535"),
        (lambda: Volume(np.zeros(GRID.shape, int), GRID, {"a": 0, "b": 0}), "label of its own"),
        (lambda: volume(properties={"bindr": {}}), "'binder'"),
        (lambda: volume().mask("activ"), "'active'"),
        (lambda: volume(np.zeros(GRID.shape, int)).occupied("active"), "no voxel"),
        (lambda: volume().crop(slice(3, 3)), "block of voxels"),
        (lambda: volume().crop(slice(0, 4, 2)), "block of voxels"),
        (lambda: GreyImage(np.zeros((2, 2, 2)), GRID), "[Tt]hree axes"),
        (lambda: GreyImage(np.zeros(GRID.shape, complex), GRID), "real numbers"),
        (lambda: Instances(np.zeros(GRID.shape), GRID, "active"), "whole numbers"),
    ],
)
def test_bad_input_is_named(make: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()  # type: ignore[operator]


def test_instances_number_their_particles() -> None:
    labels = np.zeros(GRID.shape, int)
    labels[0, 0, 0], labels[1, 0, 0] = 9, 4
    assert Instances(labels, GRID, "active").numbers.tolist() == [4, 9]
