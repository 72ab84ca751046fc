"""The main numbers of the quick variants have not drifted.

``lithoscape validate --quick --drift validation/drift.json`` writes what is pinned. A change that moves a
number renews the file and says so in the changelog.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lithoscape.errors import InputError
from lithoscape.validation import Findings, Result, load_case
from lithoscape.validation.cases import Pin, parse_case
from lithoscape.validation.drift import drifted, pinned, write_drift

CASES = Path(__file__).parents[2] / "validation"
DRIFT = CASES / "drift.json"
TINY = {
    "case": "tiny", "title": "T", "frame": {}, "targets": [],
    "citation": {"authors": "A", "title": "T", "journal": "J", "year": 1, "doi": "x"},
    "pins": {"a": {"tolerance": 0.1, "reason": "r"}, "b": {"tolerance": 1, "reason": "words"}},
}  # fmt: skip


def result(**values) -> Result:
    return Result(parse_case(TINY), Findings(values), [], quick=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(json.loads(DRIFT.read_text(encoding="utf-8"))))
def test_pinned_numbers_have_not_drifted(name: str, quick) -> None:
    assert drifted(DRIFT, quick(name)) == []


def test_every_number_has_its_pin_and_the_same_reason() -> None:
    told = json.loads(DRIFT.read_text(encoding="utf-8"))
    cases = {path.stem: load_case(path) for path in CASES.glob("*.yaml")}
    assert set(told) <= {name for name, case in cases.items() if case.pins}
    assert "mcc_xrd_nmc622" in told
    for name, rows in told.items():
        assert {k: Pin(v["tolerance"], v["reason"]) for k, v in rows.items()} == dict(cases[name].pins)


def test_drift_is_found(tmp_path: Path) -> None:
    file = write_drift(tmp_path / "drift.json", [result(a=1.0, b="x > y")])
    assert drifted(file, result(a=1.09, b="x > y")) == []
    assert drifted(file, result(a=1.11, b="x > y")) == ["tiny.a: 1.0 became 1.11 (tolerance 0.1)"]
    assert drifted(file, result(a=1.0, b="y > x")) == ["tiny.b: x > y became y > x (tolerance 1)"]


def test_a_pin_in_one_place_only_is_found(tmp_path: Path) -> None:
    both = result(a=1.0, b=2.0)
    file = write_drift(tmp_path / "drift.json", [both])
    fewer = replace(both, case=replace(both.case, pins={"a": both.case.pins["a"]}))
    assert drifted(file, fewer) == ["tiny.b: pinned in only one of case file and drift.json"]


def test_pins_name_targets_or_findings(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a target nor a finding"):
        pinned(result(a=1.0))


def test_other_cases_stay_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "drift.json"
    file.write_text('{"other": {}}')
    write_drift(file, [result(a=1.0, b=None)])
    assert set(json.loads(file.read_text())) == {"other", "tiny"}


@pytest.mark.parametrize(("tolerance", "message"), [(0, "must be positive"), ("x", "not a number")])
def test_a_pin_needs_a_tolerance(tolerance, message) -> None:
    with pytest.raises(InputError, match=message):
        parse_case({**TINY, "pins": {"a": {"tolerance": tolerance, "reason": "r"}}})
