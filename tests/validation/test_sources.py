"""Contradictions of the sources: complete, in own words, and on the pages."""

import csv
import os
from pathlib import Path

import pytest

from lithoscape.errors import InputError
from lithoscape.validation.sources import FILE, read_sources

CASES = Path(__file__).parents[2] / "validation"


def test_every_check_of_the_sources_is_told_in_own_words():
    folder = os.environ.get("LITHOSCAPE_DATA")
    table = Path(folder or "") / "measured" / "consistency_checks.csv"
    if not folder or not table.is_file():
        pytest.skip("LITHOSCAPE_DATA is not set: the table of checks is not in the repository")
    with table.open(encoding="utf-8", newline="") as file:
        checks = {(row["seed"], row["id"]): row for row in csv.DictReader(file)}
    told = {(s.seed, r.id): r for s in read_sources(CASES) for r in s.rows}
    assert set(checks) - set(told) == set()
    assert set(told) - set(checks) == set()
    for key, row in told.items():
        assert row.severity == checks[key]["severity"], key
        assert row.finding != checks[key]["finding"], key


def test_there_may_be_none(tmp_path):
    assert read_sources(tmp_path) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "- {doi: x, short: y, seed: '0', rows: [{id: a, severity: grave, finding: f, treatment: t}]}",
            "grave",
        ),
        ("- {doi: x, short: y, seed: '0', rows: [{id: a, severity: high, finding: f}]}", "treatment"),
        ("- {doi: x, short: y, rows: []}", "seed"),
    ],
)
def test_incomplete_entries_are_refused(text, message, tmp_path):
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_sources(tmp_path)
