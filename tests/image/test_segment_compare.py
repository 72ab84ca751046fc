from typing import Any

import numpy as np
import pytest

from lithoscape.errors import InputError
from lithoscape.image import Grid, Volume
from lithoscape.image.segment import boundary_distance, iou

H = (0.5e-6, 1e-6, 1e-6)


def slab(first: int, last: int = 20, n: int = 20, phases: dict[str, int] | None = None) -> Volume:
    labels = np.zeros((n, 5, 4), np.uint8)
    labels[first:last] = 1
    return Volume(labels, Grid(labels.shape, H), phases or {"pore": 0, "active": 1})


@pytest.mark.parametrize("shift", [0, 1, 3])
def test_the_overlap_of_shifted_slabs(shift: int) -> None:
    scores = iou(slab(10), slab(10 + shift))
    assert scores == pytest.approx({"active": (10 - shift) / 10, "pore": 10 / (10 + shift)}, abs=1e-15)


def test_phases_are_compared_by_name_and_empty_ones_left_out() -> None:
    found = Volume(1 - slab(12).labels, slab(12).grid, {"active": 0, "pore": 1, "binder": 2})
    truth = slab(12, phases={"pore": 0, "active": 1, "binder": 5})
    assert iou(truth, found) == {"pore": 1.0, "active": 1.0}


@pytest.mark.parametrize("shift", [0, 1, 4])
def test_the_distance_of_shifted_planes(shift: int) -> None:
    found = boundary_distance(slab(10), slab(10 + shift), "active")
    assert found == pytest.approx(dict.fromkeys(("mean", "95 %", "largest"), shift * 0.5e-6), abs=1e-12)


def test_distances_run_both_ways() -> None:
    extra = slab(10).labels.copy()
    extra[2] = 1
    there = slab(10).with_labels(extra)
    assert boundary_distance(slab(10), there, "active")["largest"] == pytest.approx(8 * 0.5e-6)
    assert boundary_distance(there, slab(10), "active")["largest"] == pytest.approx(8 * 0.5e-6)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: iou(slab(10), slab(10, n=21)), "same shape"),
        (lambda: iou(slab(10), slab(10, phases={"pore": 0, "activ": 1})), "'activ'"),
        (lambda: boundary_distance(slab(10), slab(10), "binder"), "no such phase"),
        (lambda: boundary_distance(slab(10), slab(0), "active"), "no boundary in the found image"),
    ],
)
def test_bad_input_is_named(make: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()
