"""Case files: what is accepted, what is refused and with which advice."""

import copy
import os
from pathlib import Path

import pytest
import yaml

from lithoscape.errors import InputError
from lithoscape.validation import load_case, parse_case
from lithoscape.validation.cases import UNITS

SMALL = {
    "case": "small",
    "title": "A small case",
    "citation": {"authors": "A", "title": "T", "journal": "J", "year": 2026, "doi": "10/x"},
    "frame": {
        "levels_um": {"top": 25, "bottom": 135},
        "groups": {"near": "near crack", "bulk": "bulk"},
        "cycles": {"slow": {"discharge_C": 0.5}},
    },
    "tolerances": {"visual": {"value": 2, "reason": "by eye"}},
    "targets": [
        {
            "id": "one", "quantity": "Separation", "observable": "vertical_separation",
            "arguments": {"cycle": "slow", "upper": "top", "lower": "bottom"}, "value": 27.3, "unit": "% SoL",
            "tolerance": "visual", "source": "Fig. 6", "status": "derived", "use": "validate",
        },
    ],
}  # fmt: skip


def with_change(path, value):
    content = copy.deepcopy(SMALL)
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return content


def test_a_small_case_is_read():
    case = parse_case(SMALL)
    (target,) = case.targets
    assert (target.value, target.tolerance.value, target.tolerance.reason) == (27.3, 2, "by eye")
    assert case.frame.cycles["slow"].discharge_C == 0.5 and target.scored


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("titel",), "x", "Did you mean 'title'"),
        (("frame", "level_um"), {}, "Did you mean 'levels_um'"),
        (("frame", "groups"), {"nera": "x"}, "Did you mean 'near'"),
        (("frame", "cycles"), {"slow": {"discharge": 1}}, "Did you mean 'discharge_C'"),
        (("frame", "cycles"), {"slow": {"charge_C": 1}}, "needs discharge_C"),
        (("citation",), {"authors": "A"}, "needs title, journal, year, doi"),
        (("targets", 0, "vlaue"), 1, "Did you mean 'value'"),
        (("targets", 0, "observable"), "vertical_seperation", "Did you mean 'vertical_separation'"),
        (("targets", 0, "unit"), "percent", "no such unit"),
        (("targets", 0, "use"), "validation", "Did you mean 'validate'"),
        (("targets", 0, "status"), "guessed", "no such status"),
        (("targets", 0, "tolerance"), "visaul", "Did you mean 'visual'"),
        (("targets", 0, "tolerance"), {"value": 1}, "needs reason"),
        (("targets", 0, "tolerance"), {"reason": "x"}, "a number needs a tolerance"),
        (("targets", 0, "tolerance"), {"value": -1, "reason": "x"}, "at least 0"),
        (("targets", 0, "arguments"), {"cycle": "slow", "upper": "top"}, "also needs lower"),
        (("targets", 0, "arguments", "level"), "top", "no such argument"),
        (("targets", 0, "arguments", "lower"), "botom", "Did you mean 'bottom'"),
        (("targets", 0, "arguments", "cycle"), "fast", "no such cycle"),
        (("targets", 0, "value"), "a > b", "unit 'pattern'"),
        (("targets", 0, "value"), [3, 1], "not a value"),
        (("targets", 0, "value"), [None, None], "not a value"),
        (("targets", 0, "value"), True, "not a value"),
        (("targets",), {}, "must be a list"),
        (("frame",), [], "must be a mapping"),
    ],
)
def test_faults_are_refused_with_advice(path, value, message):
    with pytest.raises(InputError, match=message):
        parse_case(with_change(path, value))


def test_missing_parts_and_repeated_ids_are_refused():
    with pytest.raises(InputError, match="citation: is missing"):
        parse_case({k: v for k, v in SMALL.items() if k != "citation"})
    with pytest.raises(InputError, match="share this id"):
        parse_case({**SMALL, "targets": SMALL["targets"] * 2})


def test_unreadable_files_are_input_errors(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_case(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(InputError, match="not valid YAML"):
        load_case(tmp_path / "bad.yaml")


def test_the_measured_case_is_complete(case):
    assert case.citation.doi == "10.1039/d6eb00017g"
    for target in case.targets:
        assert target.tolerance.reason and target.source and target.entry and target.unit in UNITS, target.id
    assert sum(target.scored for target in case.targets) >= 30


def test_every_usable_fact_of_the_source_is_read_or_refused_with_a_reason(case):
    folder = os.environ.get("LITHOSCAPE_DATA")
    table = Path(folder or "") / "measured" / "seed_000_mcc_xrd_nmc622.yaml"
    if not folder or not table.is_file():
        pytest.skip("LITHOSCAPE_DATA is not set: the table of all facts is not in the repository")
    facts = yaml.safe_load(table.read_text(encoding="utf-8"))["entries"]
    usable = {fact["id"]: fact for fact in facts if fact["use"].startswith("validate")}
    read = {target.entry for target in case.targets}
    assert set(usable) <= read | set(case.not_scored)
    assert set(case.not_scored) <= set(usable) and not set(case.not_scored) & read
    for target in case.targets:
        fact = usable.get(target.entry)
        if fact and target.unit == fact["unit"] and isinstance(fact["value"], int | float):
            assert target.value == fact["value"], target.id


def test_what_is_left_to_the_thinner_electrode_is_read_there(case):
    thin = load_case(Path(__file__).parents[2] / "validation" / "mcc_xrd_thin.yaml")
    left = {name for name, why in case.not_scored.items() if why.startswith("In the case mcc_xrd_thin")}
    assert left == {target.entry for target in thin.targets} and len(left) == 9
    assert {target.id for target in thin.targets if not target.scored} == {"thin_peak"}
