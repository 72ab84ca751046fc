"""The study of packings: orders, losses, kept results, and its quick variant."""

import json
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "validation"


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Studies import files beside them."""
    monkeypatch.syspath_prepend(str(FOLDER))


def test_orders_and_losses() -> None:
    from multilength_nmc811 import loss, ranked

    assert ranked({"8": 21.0, "12": 19.0, "16": 18.95}) == "8 > 12 = 16"
    assert ranked({"8": None, "12": 19.0}) == "12"
    assert ranked({"8": None}) == "unknown"
    assert loss(9.0, 10.0) == pytest.approx(0.1)
    assert loss(None, 10.0) is None


def test_runs_that_are_missing_are_not_numbers(tmp_path: Path) -> None:
    from multilength_nmc811 import collected

    content = collected(tmp_path)
    assert content["runs"] == {}
    assert content["values"]["capacity_d8_high_3C"] is None
    assert content["values"]["order_low_3C"] == "unknown"


def test_what_is_kept_says_where_it_comes_from() -> None:
    from multilength_nmc811 import KEPT, derived

    content = json.loads(KEPT.read_text())
    assert content["level"] == "resolved" and "packings.py" in content["made_by"]
    assert len(content["runs"]) >= 21
    again = derived(content["values"])
    assert {k: content["values"][k] for k in again} == again


def test_where_a_thicker_electrode_gives_less() -> None:
    from multilength_homogenised import crossing, kept_up_to

    rates = (1, 2, 4)
    assert crossing(rates, [2.0, 2.0, 2.0], [3.0, 2.0, 1.0]) == pytest.approx(2.0)
    assert crossing(rates, [2.0, 2.0, 2.0], [3.0, 2.5, 1.5]) == pytest.approx(2**1.5, rel=0.05)
    assert crossing(rates, [1.0, 1.0, 1.0], [3.0, 2.0, 1.5]) == "the thicker electrode gives more up to 4C"
    assert crossing(rates, [4.0, 1.0, 1.0], [3.0, 2.0, 1.5]) == "the thicker electrode gives less from 1C on"
    assert kept_up_to([0.1, 1, 10], [1.0, 0.8, 0.2], 0.8) == pytest.approx(1.0)
    assert np.isnan(kept_up_to([0.1, 1], [1.0, 0.9], 0.8))


def test_the_commercial_electrodes_hold_what_was_measured() -> None:
    from commercial_nmc811 import PC, SC, graded, stoichiometries

    empty, full = stoichiometries()
    for one, thickness, radius in ((SC, 52.99e-6, 1.4756e-6), (PC, 56.58e-6, 3.3268e-6)):
        assert one.thickness == pytest.approx(thickness, rel=2e-3)
        assert one.radius == pytest.approx(radius, rel=2e-3)
        held = one.c_max() * (full - empty) * one.fraction * one.thickness * 96485.33212 / 3600
        assert held == pytest.approx(one.capacity)
    for turned in (False, True):
        layers = graded(PC, 3.0, turned)["electrode"]["layers"]
        active = [layer["active_fraction"] for layer in layers]
        assert np.mean(active) == pytest.approx(PC.fraction)
        assert (active[0] > active[-1]) is turned


def test_what_is_missing_says_why() -> None:
    from multilength_nmc811 import _explain

    from lithoscape.validation import Findings

    values = {"first_fall": None, "second_rise": None, "turns": "rises to 0.77", "capacity_x": None}
    found = Findings({"capacity_x": float("nan"), "first_fall": float("nan")})
    _explain(found, {"values": values, "runs": {"packing_d8-base": "x"}})
    assert "rises to 0.77" in found.unseen["first_fall"] and "second_rise" in found.unseen
    assert "not among those kept" in found.missing["capacity_x"]
    assert "second_rise_d16" in found.missing  # its run is not there: nothing is known of it


@pytest.mark.slow
def test_the_quick_variant(quick) -> None:
    result = quick("multilength_nmc811")
    rows = {row.id: row for row in result.rows}
    assert rows["order_high_homogenised"].verdict == "met"
    # at high porosity salt lasts, and the homogenised electrode delivers what the resolved one does
    both = [result.findings.values[f"{level}_d8_high_3C"] for level in ("homogenised", "capacity")]
    assert both[0] == pytest.approx(both[1], rel=0.02)
    assert np.isnan(result.findings.values["first_fall"])
