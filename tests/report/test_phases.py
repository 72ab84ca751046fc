"""Bands, levels and groups read off a record."""

from itertools import pairwise

import numpy as np
import pytest

from lithoscape.report.phases import (
    by_cycle,
    cycle_name,
    group_series,
    has_gauge,
    level_names,
    level_series,
    phases,
)
from lithoscape.validation import Reading


def test_the_bands_of_a_cycle_follow_the_protocol(record):
    cycles = by_cycle(record)
    kinds = [phase.kind for phase in cycles[0]]
    assert kinds == [
        "constant current", "constant voltage", "open circuit",
        "constant current", "open circuit", "slow discharge",
    ]  # fmt: skip
    assert [phase.slow for phase in cycles[1]] == [False] * 5 + [True]
    assert [cycle_name(record, members) for members in cycles.values()] == [
        "0.8C charge, 0.8C discharge", "0.5C charge, 0.5C discharge", "0.6C charge, 1.5C discharge"
    ]  # fmt: skip


def test_bands_leave_no_gap(record):
    found = phases(record)
    assert found[0].start == 0 and found[-1].end == record["time"].values[-1]
    assert all(a.end == b.start for a, b in pairwise(found))


def test_a_record_without_steps_has_no_bands(record):
    assert phases(record.drop_vars("Step")) == []
    assert phases(record.drop_attrs()) == []


def test_averages_equal_those_that_are_scored(record, case):
    reading = Reading(record, case.frame)
    levels, groups = level_series(record), group_series(record)
    for d, name in enumerate(case.frame.levels_um):
        assert np.array_equal(levels[:, d], reading.level(name))
        assert np.array_equal(groups["near crack"][:, d], reading.group(name, "near"))
    assert level_names(record) == ["top (25 µm)", "middle (80 µm)", "bottom (135 µm)"]
    assert level_names(record.isel(depth=[0, 2])) == ["25 µm", "135 µm"]


def test_groups_that_are_not_in_the_map_are_left_out(record):
    copy = record.assign_attrs(gauge_groups='{"bulk": [105e-6], "far": [9e-4]}')
    assert list(group_series(copy)) == ["bulk"]
    assert not has_gauge(record.drop_vars("Gauge state of lithiation"))
    assert has_gauge(record)


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_steps_never_reached_have_no_band(record, status):
    cut = record.isel(time=slice(0, 300)).assign_attrs(status=status)
    assert {phase.kind for phase in phases(cut)} == {"constant current"}
