"""Every observable against a record in which it is known exactly, and with a fault planted in that record."""

import dataclasses

import numpy as np
import pytest

from lithoscape.validation import NotSeen, NotTestable, Reading, compare
from lithoscape.validation import observables as obs

GAUGE = "Gauge state of lithiation"
ROUGH = {"bottom_rate_drop_05": 0.4, "div_charge_hold": 0.01}
"""Absolute errors of observables that live on a grid: knee times, rows."""


@pytest.fixture(scope="module")
def rows(record, case):
    return {row.id: row for row in compare(record, case)}


def test_every_target_is_read_exactly(rows, synthetic):
    assert set(rows) == set(synthetic.EXPECTED)
    for name, expected in synthetic.EXPECTED.items():
        if isinstance(expected, str):
            assert rows[name].simulated == expected, name
        else:
            assert rows[name].simulated == pytest.approx(expected, rel=1e-9, abs=ROUGH.get(name, 1e-9)), name


def test_a_record_made_to_the_measurement_meets_every_target(rows):
    assert {name: row.verdict for name, row in rows.items() if row.verdict != "met"} == {}


def changed(record, synthetic, *, cycle, modes, level=None, positions=None, by=0.0, scale=None):
    """A copy with the SoL of some rows, level and positions shifted or scaled about its first row."""
    steps = Reading(record).steps
    wanted = [s["step"] for s in steps if s["cycle"] == cycle and s["mode"] in modes]
    copy = record.copy(deep=True)
    sol, rows = copy[GAUGE].values, np.isin(copy["Step"].values, wanted)
    depths = range(3) if level is None else [list(synthetic.LEVELS).index(level)]
    points = [
        k for k, x in enumerate(synthetic.POSITIONS) if positions is None or x in synthetic.GROUPS[positions]
    ]
    where = np.ix_(np.flatnonzero(rows), list(depths), points)
    first = sol[where][:1]
    sol[where] = sol[where] + by if scale is None else first + scale * (sol[where] - first)
    return copy


FAULTS = [
    (
        {"cycle": 0, "modes": ["charge", "hold"], "by": 0.05},
        {"sol_start", "sol_top_charge"},
    ),
    (
        {"cycle": 0, "modes": ["discharge"], "level": "bottom", "by": 0.05},
        {"vert_sep_08", "vert_grad_08"},
    ),
    (
        {"cycle": 0, "modes": ["discharge"], "level": "bottom", "positions": "near crack", "by": 0.03},
        {
            "lat_sep_08", "lat_grad_08", "onset_08_bottom_1.0", "onset_08_bottom_1.5", "onset_delay_08_1.0",
            "onset_delay_08_1.5",
        },
    ),
    (
        {"cycle": 0, "modes": ["discharge"], "level": "middle", "positions": "middle", "by": 0.02},
        {"middle_pattern_08"},
    ),
    (
        {"cycle": 0, "modes": ["discharge"], "level": "bottom", "positions": "middle", "by": 0.03},
        {"bottom_pattern_08"},
    ),
    (
        {"cycle": 0, "modes": ["discharge"], "level": "top", "positions": "near crack", "by": 0.03},
        {"lat_sep_top_08"},
    ),
    (
        {"cycle": 1, "modes": ["discharge"], "level": "middle", "positions": "near crack", "by": 0.03},
        {"lat_sep_05_middle", "onset_05_middle_1.0", "onset_05_middle_1.5"},
    ),
    (
        {"cycle": 1, "modes": ["discharge"], "level": "bottom", "positions": "near crack", "scale": 1.5},
        {"lat_sep_05_bottom", "rate_speed"},
    ),
    (
        {"cycle": 0, "modes": ["charge"], "level": "top", "scale": 0.5},
        {"order_charge"},
    ),
    (
        {"cycle": 0, "modes": ["hold"], "level": "top", "by": 0.03},
        {"merge_cv"},
    ),
    (
        {"cycle": 0, "modes": ["hold"], "level": "bottom", "positions": "bulk", "by": 0.02},
        {"asym_lateral"},
    ),
    (
        {"cycle": 1, "modes": ["charge"], "level": "bottom", "positions": "bulk", "scale": -3.0},
        {"div_charge_hold", "div_charge_order"},
    ),
    (
        {"cycle": 2, "modes": ["discharge"], "level": "top", "scale": 0.3},
        {"div_discharge_points", "div_discharge_relative", "fast_order"},
    ),
    (
        {"cycle": 2, "modes": ["discharge"], "level": "bottom", "scale": 4.0},
        {"fast_bottom_idle"},
    ),
    (
        {"cycle": 2, "modes": ["discharge"], "level": "top", "positions": "near crack", "by": 0.02},
        {"fast_top_even"},
    ),
    (
        {"cycle": 2, "modes": ["discharge"], "level": "middle", "positions": "near crack", "by": -0.02},
        {"fast_middle_lateral"},
    ),
    (
        {"cycle": 1, "modes": ["discharge"], "level": "bottom", "positions": "near crack", "by": -0.06},
        {"rate_contrast"},
    ),
    (
        {"cycle": 1, "modes": ["charge"], "level": "bottom", "positions": "near crack", "by": -0.045},
        {"no_reset"},
    ),
    (
        {"cycle": 0, "modes": ["charge"], "level": "bottom", "by": 0.2},
        {"asym_vertical"},
    ),
    (
        {"cycle": 1, "modes": ["discharge"], "level": "bottom", "scale": 0.4},
        {"slow_grows_05"},
    ),
    (
        {"cycle": 2, "modes": ["discharge"], "level": "middle", "scale": 0.3},
        {"div_discharge_middle"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "hit"), FAULTS, ids=[sorted(hit)[0] for _, hit in FAULTS])
def test_a_planted_fault_is_found(fault, hit, record, synthetic, case):
    rows = {row.id: row for row in compare(changed(record, synthetic, **fault), case)}
    assert hit <= {name for name, row in rows.items() if row.verdict == "not met"}
    other = fault["cycle"] + 1
    untouched = {0: "lat_sep_05_bottom", 1: "lat_sep_08", 2: "vert_sep_08"}[fault["cycle"]]
    assert rows[untouched].verdict == "met", other


def test_shares_against_the_cell_are_found(record, case):
    share = "Delithiating share of active material"
    copy = record.copy(deep=True)
    copy[share].values[:] = 0.5 - 0.48 * np.sign(copy["C-rate"].values)
    rows = {row.id: row for row in compare(copy, case)}
    for name in ("div_share_discharge", "div_share_slow", "div_share_charge"):
        assert rows[name].simulated == pytest.approx(2.0), name
    assert rows["div_share_slow"].verdict == "not met"
    reading = Reading(record, case.frame)
    with pytest.raises(NotTestable, match="no direction"):
        obs.divergent_share(reading, "0.5C", "rest", 0, 0.0)
    with pytest.raises(NotTestable, match="ended within 90 min"):
        obs.divergent_share(reading, "0.5C", "charge", 0, 90.0)
    assert obs.divergent_share(reading, "0.5C", "charge", 0, 13.5) == pytest.approx(0.02)
    assert obs.divergent_share(reading, "0.5C", "charge", 0, 14.0) == 0.0


@pytest.mark.parametrize(
    ("step", "factor", "hit"),
    [
        (0, 1.2, {"t_top_charge"}),
        (3, 2.0, {"bottom_rate_drop_08", "onset_08_bottom_1.0"}),
        (17, 2.0, {"div_discharge_dur"}),
    ],
)
def test_stretched_time_is_found(step, factor, hit, record, case):
    time = record["time"].values.copy()
    rows = np.flatnonzero(record["Step"].values == step)
    start, end = time[rows[0]], time[rows[-1]]
    time[rows] = start + factor * (time[rows] - start)
    time[rows[-1] + 1 :] += (factor - 1) * (end - start)
    verdicts = {row.id: row.verdict for row in compare(record.assign_coords(time=time), case)}
    assert hit <= {name for name, verdict in verdicts.items() if verdict == "not met"}


def test_a_wrong_capacity_is_found(record, case):
    verdicts = {r.id: r.verdict for r in compare(record.assign_attrs(capacity_A_h_m2=30.0), case)}
    assert {n for n, v in verdicts.items() if v != "met"} == {"capacity_08", "capacity_05", "cap_formation"}


def test_straight_charge_has_no_curvature(record, synthetic, case):
    cycle = synthetic.cycle_08()
    text, mode, rate, minutes, _ = cycle[0]
    straight = {name: [(0, 0.9, 0, 0), (55, 0.5, 0, 0)] for name in synthetic.LEVELS}
    cycle[0] = (text, mode, rate, minutes, straight)
    rows = {row.id: row for row in compare(synthetic.make_record([cycle]), case)}
    assert rows["shape_charge"].simulated == "top constant, middle constant, bottom constant"
    assert rows["shape_charge"].verdict == rows["order_charge"].verdict == "not met"
    assert rows["order_charge"].simulated == "top = middle = bottom"


def test_an_onset_counts_only_if_it_lasts(synthetic, case):
    """near leaves bulk early, comes back and leaves again; the last time counts."""
    cycle = synthetic.cycle_08()
    knots = [(0, 0.4, 0, 0), (10, 0.45, 0.03, 0), (20, 0.5, 0, 0), (40, 0.55, 0.04, 0)]
    cycle[3] = (*cycle[3][:4], {**cycle[3][4], "bottom": knots, "top": [(0, 0.4, 0, 0), (40, 0.8, -0.03, 0)]})
    reading = Reading(synthetic.make_record([cycle]), case.frame)
    assert obs.onset_left(reading, "0.8C", "bottom", 0.01) == pytest.approx(15 * 60)
    assert obs.onset_left(reading, "0.8C", "top", 0.01) == pytest.approx(60 * 40 * 2 / 3)
    with pytest.raises(NotSeen, match="not above 5 %"):
        obs.onset_left(reading, "0.8C", "bottom", 0.05)


def test_a_separation_from_the_start_has_its_onset_there(synthetic, case):
    cycle = synthetic.cycle_08()
    cycle[3] = (*cycle[3][:4], {**cycle[3][4], "bottom": [(0, 0.4, 0.02, 0), (40, 0.5, 0.04, 0)]})
    reading = Reading(synthetic.make_record([cycle]), case.frame)
    assert obs.onset_left(reading, "0.8C", "bottom", 0.01) == pytest.approx(40 * 60)


def test_what_does_not_happen_is_not_seen(synthetic, case):
    cycle = synthetic.cycle_15()
    reading = Reading(synthetic.make_record([synthetic.cycle_08(), cycle]), case.frame)
    with pytest.raises(NotSeen, match="nothing is carried over"):
        obs.held_on_charge(reading, "0.6C/1.5C", "bottom", 0.005)
    with pytest.raises(NotSeen, match="loses no lithium"):
        obs.slow_discharge_loss(reading, "0.6C/1.5C", "bottom", relative=False)
    with pytest.raises(NotSeen, match="does not drop"):
        obs.rate_drop(reading, "0.8C", "top", 0.8)


def test_ranks():
    assert obs.rank(["a", "b", "c"], [1.0, 3.0, 2.9], 0.2) == "b = c > a"
    assert obs._ranked_as_listed(["a", "b", "c"], [1.0, 1.05, 0.5], 0.1) == "a = b > c"
    assert obs._ranked_as_listed(["a", "b", "c"], [1.0, 1.5, 0.5], 0.1) == "b > a > c"


def test_a_cycle_is_found_by_its_rate_wherever_it_is(synthetic, case):
    record = synthetic.make_record([synthetic.cycle_05(), synthetic.cycle_08()])
    assert Reading(record, case.frame).number("0.8C") == 1
    with pytest.raises(NotTestable, match=r"discharge at 1\.5C"):
        Reading(record, case.frame).number("0.6C/1.5C")


def test_a_level_elsewhere_is_not_taken(record, case):
    frame = dataclasses.replace(case.frame, levels_um={"top": 31.0})
    with pytest.raises(NotTestable, match="nearest 25 µm"):
        Reading(record, frame).level("top")
