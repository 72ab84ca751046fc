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


@pytest.mark.slow
def test_the_quick_variant(tmp_path: Path) -> None:
    from lithoscape.scenario.validate import find_cases, validate_case

    (case,) = find_cases(["multilength_nmc811"], FOLDER)
    result = validate_case(case, tmp_path, quick=True)
    rows = {row.id: row for row in result.rows}
    assert rows["order_high_homogenised"].verdict == "met"
    # at high porosity salt lasts, and the homogenised electrode delivers what the resolved one does
    both = [result.findings.values[f"{level}_d8_high_3C"] for level in ("homogenised", "capacity")]
    assert both[0] == pytest.approx(both[1], rel=0.02)
    assert np.isnan(result.findings.values["first_fall"])
