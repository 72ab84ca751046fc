"""The gauge map: boxes in mesh coordinates, averages as the experiment takes them, errors."""

import numpy as np
import pytest

from lithoscape.errors import InputError
from lithoscape.instruments.gauge_volume import GaugeMap, mean_of_signal

UM = 1e-6
MAP = GaugeMap(
    (25 * UM, 80 * UM),
    (-5 * UM, 5 * UM, 35 * UM, 105 * UM),
    (10 * UM, 6 * UM),
    {"near": (-5 * UM, 5 * UM, 35 * UM), "bulk": (105 * UM,)},
)


def test_boxes_are_depth_major_from_the_surface_down() -> None:
    boxes = MAP.boxes(30 * UM)
    assert MAP.shape == (2, 4)
    assert len(boxes) == 8
    assert all(box.mirrored for box in boxes)
    assert boxes[0].lower == pytest.approx((-10 * UM, 52 * UM))
    assert boxes[0].upper == pytest.approx((0.0, 58 * UM))
    assert boxes[7].lower == pytest.approx((100 * UM, 107 * UM))


def test_groups_are_plain_means_of_points_with_signal() -> None:
    sol = np.array([[0.1, 0.3, 0.8, 0.9], [np.nan, np.nan, 0.6, 0.7]])
    assert MAP.group_average("near", sol) == pytest.approx([0.4, 0.6])
    assert MAP.group_average("bulk", sol) == pytest.approx([0.9, 0.7])
    assert MAP.level_average(sol) == pytest.approx([0.525, 0.65])
    series = np.stack([sol, sol + 0.05])
    assert MAP.group_average("near", series) == pytest.approx(np.array([[0.4, 0.6], [0.45, 0.65]]))


def test_without_any_signal_there_is_no_mean() -> None:
    assert np.isnan(mean_of_signal(np.array([np.nan, np.nan])))
    assert mean_of_signal(np.array([[0.2, np.nan], [np.nan, np.nan]])) == pytest.approx(
        [0.2, np.nan], nan_ok=True
    )


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"groups": {"bulk": (106 * UM,)}}, "groups.bulk", 106.0),
        ({"depths": ()}, "depths_um", []),
        ({"positions": ()}, "positions_um", []),
        ({"depths": (25 * UM, 25 * UM)}, "depths_um", [25.0, 25.0]),
        ({"positions": (np.nan,)}, "positions_um", None),
        ({"beam": (0.0, 10 * UM)}, "beam_um", [0.0, 10.0]),
        ({"beam": (10 * UM,)}, "beam_um", [10.0]),
    ],
)
def test_maps_that_cannot_be_measured(change: dict, field: str, value) -> None:
    parts = {"depths": MAP.depths, "positions": MAP.positions, "beam": MAP.beam, "groups": {}} | change
    with pytest.raises(InputError) as caught:
        GaugeMap(**parts)
    assert caught.value.field == f"instruments.gauge_map.{field}"
    assert value is None or caught.value.value == value
    assert caught.value.remedy
