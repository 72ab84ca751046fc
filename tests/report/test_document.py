"""The report: complete when everything is there, whole when it is not, and safe against what it quotes."""

import dataclasses
import html.parser
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from lithoscape.errors import InputError
from lithoscape.materials import get_set
from lithoscape.report import Details, write_report
from lithoscape.report.document import render, warnings
from lithoscape.validation import compare

VOID = {"meta", "img", "br"}


class Checker(html.parser.HTMLParser):
    """Tags must close in order; links must lead somewhere in the page; nothing may be loaded."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.loaded, self.images = [], set(), set(), [], 0

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.open += [] if tag in VOID else [tag]
        self.ids |= {given["id"]} if "id" in given else set()
        self.links |= {given["href"]} if "href" in given else set()
        self.loaded += [
            v for k, v in given.items() if k in ("src", "href") and not v.startswith(("data:", "#"))
        ]
        self.loaded += [tag] if tag in ("script", "link", "iframe") else []
        self.images += tag == "img"
        assert tag != "img" or given["alt"]

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag


def checked(text):
    checker = Checker()
    checker.feed(text)
    checker.close()
    assert checker.open == [] and checker.loaded == []
    assert checker.links <= {f"#{name}" for name in checker.ids}
    return checker


@pytest.fixture(scope="module")
def full(short, make_maps, case, tmp_path_factory):
    extra = {
        "materials": get_set("NMC622_half"),
        "case": case,
        "outcome": SimpleNamespace(status="finished", message="", remedy=""),
        "statistics": {"wall_time_s": 12.5, "newton_iterations": 812, "warnings": ["a warning"]},
        "mesh": "cracked cell, 2800 nodes",
        "variants": [{"variant": "base", "vertical": 28.6}, {"variant": "slow_tenth", "lateral": 4.5}],
        "electrolyte_valid": (0.0, 2000.0),
    }
    folder, rows = tmp_path_factory.mktemp("run"), compare(short, case)
    path = write_report(folder, short, make_maps(short, moments=2), rows, extra)
    return path.read_text(encoding="utf-8")


def test_a_full_report_is_one_sound_page_with_every_part(full):
    checker = checked(full)
    assert checker.ids == {
        "comparison", "curves", "lithiation", "maps", "targets", "variants", "run", "numerics"
    }  # fmt: skip
    assert checker.images == 10
    assert len(full) < 6_000_000
    for text in (
        "10.1039/d6eb00017g",
        "2800 nodes",
        "1672 nodes, 3182 triangles",
        "slow_tenth",
        "812",
        "a warning",
        "reached 2200 mol/m³",
    ):
        assert text in full
    assert 'name="viewport"' in full and "@media print" in full


def test_assumed_values_are_flagged_with_their_priors(full):
    cell = get_set("NMC622_half")
    assert full.count('<tr class="assumed">') >= len(cell.assumed)
    assert all(path in full for path in cell.assumed)


def test_every_target_is_in_the_table(full, case):
    table = full[full.index('<table class="comparison">') :]
    assert table[: table.index("</table>")].count('class="verdict ') == len(case.targets)


def small(record):
    return record.isel(time=slice(0, 40))


def test_a_failed_run_says_why_and_what_to_do(record):
    outcome = {"status": "failed", "message": "the solver stopped at 12 s", "remedy": "Try a finer mesh"}
    text = render(small(record).assign_attrs(status="failed"), None, None, Details(outcome=outcome))
    checked(text)
    assert 'badge failed">failed' in text
    assert "the solver stopped at 12 s. Try a finer mesh. What follows" in text


def test_a_status_in_the_record_is_enough(record):
    record = record.isel(time=slice(0, 1)).assign_attrs(status="interrupted", message="at 4 s")
    text = render(record, None, None, Details())
    assert 'badge interrupted">interrupted' in text and "at 4 s. What follows" in text


PARTIAL = {
    "no rows": lambda r: r.isel(time=slice(0, 0)),
    "one row": lambda r: r.isel(time=slice(0, 1)),
    "no steps": lambda r: small(r).drop_attrs(),
    "no gauge": lambda r: small(r).drop_vars(["Gauge state of lithiation", "Gauge signal"]),
    "no groups": lambda r: small(r).assign_attrs(gauge_groups="{}"),
    "no signal": lambda r: small(r).assign(
        {"Gauge state of lithiation": r["Gauge state of lithiation"][:40] * np.nan}
    ),
    "only voltage": lambda r: small(r)[["Voltage [V]"]],
    "nothing": lambda r: xr.Dataset(),
    "broken attributes": lambda r: small(r).assign_attrs(provenance="{", specification="[1]"),
}


@pytest.mark.parametrize("change", PARTIAL.values(), ids=PARTIAL)
def test_partial_records_still_make_a_sound_page(change, record, tmp_path):
    path = write_report(tmp_path / "deep" / "run", change(record))
    checked(path.read_text(encoding="utf-8"))
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_one_dimension_has_no_maps(record, fields):
    flat = fields.isel(cell=slice(0, 0))
    assert 'id="maps"' not in render(record.isel(time=slice(0, 1)), flat, None, Details())


def test_everything_quoted_is_escaped(record, rows):
    evil = "<script>alert('x')</script>&\""
    row = dataclasses.replace(rows[0], quantity=evil, reason=evil, source=evil, caveat=evil, conditions=evil)
    outcome = {"status": evil, "message": evil, "remedy": evil}
    details = Details(
        outcome=outcome, statistics={evil: evil}, mesh={evil: evil}, variants=[{evil: evil}], warnings=[evil],
        notes=evil, specification={evil: evil},
    )  # fmt: skip
    names = ("title", "scenario", "variant", "materials", "mesh")
    provenance = json.dumps({"versions": {"lithoscape": evil}, "revision": evil, "python": evil})
    attributes = dict.fromkeys(names, evil) | {"provenance": provenance}
    text = render(record.isel(time=slice(0, 1)).assign_attrs(attributes), None, [row], details)
    checked(text)
    assert "<script" not in text and "alert(&#x27;x&#x27;)" in text


def test_unknown_parts_are_refused(record, tmp_path):
    with pytest.raises(InputError, match="Did you mean 'materials'"):
        write_report(tmp_path, record, extra={"material": None})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("Maximum electrolyte concentration [mol.m-3]", 4100.0, "reached 4100 mol/m³"),
        ("Minimum electrolyte concentration [mol.m-3]", 0.2, "falls to 0.2 mol/m³"),
        ("Lithium balance error", -1e-3, r"only to 1\.0e-03"),
        ("Lithium balance error", float("nan"), "only to nan"),
    ],
)
def test_what_a_reader_must_not_miss_is_found(name, value, message, record):
    copy = small(record).copy(deep=True)
    details = Details(electrolyte_valid=(0.0, 4000.0))
    assert warnings(copy, details) == []
    copy[name].values[7] = value
    (found,) = warnings(copy, details)
    assert re.search(message, found)
