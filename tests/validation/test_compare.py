"""Comparing: verdicts, what is missing, and the three written forms."""

import html
import io
import json
import re

import pytest

from lithoscape.validation import (
    Findings,
    Reading,
    Row,
    as_html,
    as_table,
    compare,
    compare_findings,
    parse_case,
    summary,
    write_json,
)
from lithoscape.validation.cases import ABSENT
from lithoscape.validation.compare import distance, measured_text, simulated_text, tolerance_text

GAUGE = "Gauge state of lithiation"


def by_id(record, case):
    return {row.id: row for row in compare(record, case)}


def test_what_the_record_lacks_is_not_testable_and_says_so(synthetic, case):
    rows = by_id(synthetic.make_record(gauge_map=False), case)
    assert rows["vert_sep_08"].verdict == "not testable" and GAUGE in rows["vert_sep_08"].reason
    assert rows["t_top_charge"].verdict == rows["capacity_08"].verdict == "met"
    assert len(rows) == len(case.targets)


@pytest.mark.parametrize("name", ["steps", "gauge_groups", "capacity_A_h_m2"])
def test_a_missing_attribute_never_raises(name, record, case):
    copy = record.copy()
    del copy.attrs[name]
    rows = compare(copy, case)
    lost = [row for row in rows if row.verdict == "not testable"]
    assert lost and all(name in row.reason for row in lost)


@pytest.mark.parametrize("name", ["C-rate", "Step", "Discharge capacity [A.h.m-2]", GAUGE])
def test_a_missing_variable_never_raises(name, record, case):
    lost = [row for row in compare(record.drop_vars(name), case) if row.verdict == "not testable"]
    assert lost and all(name in row.reason for row in lost)


def test_an_empty_record_never_raises(record, case):
    rows = compare(record.isel(time=slice(0, 0)), case)
    assert {row.verdict for row in rows if row.id != "cap_formation"} == {"not testable"}
    assert {row.verdict for row in compare(record.drop_vars(list(record)), case)} >= {"not testable"}


def test_a_run_that_stopped_scores_what_it_finished(synthetic, case):
    record = synthetic.make_record(status="failed")
    middle = Reading(record, case.frame).step("0.5C", "discharge").rows
    cut = record.isel(time=slice(0, middle[len(middle) // 2]))
    rows = by_id(cut, case)
    assert rows["vert_sep_08"].verdict == "met"
    assert rows["vert_sep_05"].verdict == "not testable"
    assert "ended within 'Discharge at 0.5C until 2.5 V'" in rows["vert_sep_05"].reason
    assert "1.5C" in rows["fast_order"].reason


def test_levels_without_signal_are_not_testable(record, case):
    copy = record.copy(deep=True)
    copy[GAUGE].values[:, 0, :] = float("nan")
    rows = by_id(copy, case)
    assert "no active material" in rows["vert_sep_08"].reason
    assert rows["lat_sep_08"].verdict == "met"


@pytest.mark.parametrize(
    ("value", "measured", "expected"),
    [
        (3.0, 1.0, 2.0),
        (3.0, (1.0, 2.5), 0.5),
        (2.0, (1.0, 2.5), 0.0),
        (0.5, (1.0, None), -0.5),
        (9.0, (1.0, None), 0.0),
    ],
)
def test_distances(value, measured, expected):
    assert distance(value, measured) == expected


@pytest.mark.parametrize(("tolerance", "verdict"), [(2.69, "not met"), (2.71, "met")])
def test_the_tolerance_decides(tolerance, verdict, record, case):
    content = {
        "case": "t", "title": "t",
        "citation": {"authors": "A", "title": "T", "journal": "J", "year": 1, "doi": "x"},
        "frame": {"levels_um": {"top": 25, "bottom": 135}, "cycles": {"c": {"discharge_C": 0.8}}},
        "targets": [{
            "id": "v", "quantity": "q", "observable": "vertical_separation", "unit": "% SoL", "value": 30,
            "arguments": {"cycle": "c", "upper": "top", "lower": "bottom"}, "source": "s",
            "status": "derived", "use": "validate", "tolerance": {"value": tolerance, "reason": "r"},
        }],
    }  # fmt: skip
    (row,) = compare(record, parse_case(content))
    assert row.verdict == verdict and row.deviation == pytest.approx(-2.7)
    assert row.reason.startswith("off by -2.7 % SoL")


def test_traps_and_context_do_not_count(record, case):
    rows = compare(record, case)
    assert summary(rows) == {"met": sum(t.scored for t in case.targets), "not met": 0, "not testable": 0}
    assert not {row.id for row in rows if row.scored} & {"vert_sep_05", "vert_grad_05", "cap_formation"}


def row(**change):
    base = {
        "id": "x", "quantity": "<Q>", "measured": 1.0, "simulated": 2.0, "unit": "-", "tolerance": 0.5,
        "verdict": "not met", "reason": "a & b", "source": "Fig. <1>", "caveat": '"c"',
    }  # fmt: skip
    return Row(**{**base, **change})


def test_values_are_written_with_units():
    assert measured_text(row(measured=(25.0, 75.0), unit="%")) == "25 to 75 %"
    assert measured_text(row(measured=(1.0, None), unit="% SoL")) == "at least 1 % SoL"
    assert simulated_text(row(simulated=0.0451, unit="%/um")) == "0.0451 %/µm"
    assert simulated_text(row(simulated=None)) == "not seen"
    assert simulated_text(row(simulated=None, verdict="not testable")) == "–"
    assert tolerance_text(row(tolerance=None, unit="pattern", measured="a > b")) == "exact"


def test_html_escapes_everything():
    text = as_html([row()])
    assert "&lt;Q&gt;" in text and "a &amp; b" in text and "<Q>" not in text and "Fig. &lt;1&gt;" in text
    assert "&quot;c&quot;" in html.unescape(text).replace('"', "&quot;")
    assert text.count("<tr>") == text.count("</tr>") == 2


def test_json_is_strict_and_complete(record, case, tmp_path):
    rows = compare(record.drop_vars("C-rate"), case)
    content = json.loads(write_json(rows, tmp_path / "c.json", case).read_text(encoding="utf-8"))
    assert content["citation"]["doi"] == case.citation.doi and len(content["rows"]) == len(rows)
    assert content["summary"]["met"] == 0 and content["rows"][0]["simulated"] is None


def test_the_terminal_table_shows_every_row(record, case):
    from rich.console import Console

    stream, rows = io.StringIO(), compare(record, case)
    Console(file=stream, width=300).print(as_table(rows, "t"))
    assert len(re.findall(r"\bmet\b", stream.getvalue())) == len(rows)


def absence(value: str | float, unit: str = "pattern") -> dict:
    return {
        "case": "tiny", "title": "T", "frame": {}, "not_scored": {},
        "citation": {"authors": "A", "title": "T", "journal": "J", "year": 1, "doi": "x"},
        "targets": [
            {
                "id": "event", "quantity": "q", "observable": "finding", "arguments": {"name": "event"},
                "value": value, "unit": unit, "tolerance": {"reason": "r", "value": 0.1},
                "source": "s", "status": "measured", "use": "validate",
            }
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("findings", "measured", "verdict", "shown"),
    [
        (Findings(unseen={"event": "the curve only rises"}), 0.4, "not met", "not seen"),
        (Findings({"event": 0.42}), 0.4, "met", "0.42"),
        (Findings(unseen={"event": "the curve only rises"}), ABSENT, "met", ABSENT),
        (Findings({"event": 0.42}), ABSENT, "not met", "0.42"),
        (Findings(missing={"event": "no run of that kind"}), 0.4, "not testable", "–"),
        (Findings(missing={"event": "no run of that kind"}), ABSENT, "not testable", "–"),
    ],
)
def test_what_does_not_occur(findings, measured, verdict, shown):
    """Not seen is "not met", unless it is the absence that was measured; not simulated is neither."""
    case = parse_case(absence(measured, "pattern" if measured == ABSENT else "-"))
    (row,) = compare_findings(findings, case)
    assert (row.verdict, simulated_text(row)) == (verdict, shown)
    for text in {**findings.unseen, **findings.missing}.values():
        assert text in row.reason
