"""``lithoscape validate``: a tiny case from end to end, its caches, its errors, its book."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import xarray as xr
import yaml

from lithoscape.errors import SolveError
from lithoscape.scenario.validate import CaseContext, find_cases, validate_case
from lithoscape.validation.study import Findings

ROOT = Path(__file__).parents[2]
CASE = {
    "case": "tiny",
    "title": "A falling body",
    "citation": {"authors": "G. Galilei", "title": "T", "journal": "J", "year": 1638, "doi": "10/tiny"},
    "frame": {},
    "targets": [
        {"id": "time", "quantity": "Time of fall", "observable": "finding", "arguments": {"name": "time"},
         "value": 2.0, "unit": "min", "tolerance": {"value": 0.1, "reason": "a water clock"},
         "source": "p. 1", "status": "measured", "use": "validate"},
        {"id": "order", "quantity": "Who is first", "observable": "finding", "arguments": {"name": "order"},
         "value": "both", "unit": "pattern", "tolerance": {"reason": "seen"}, "source": "p. 2",
         "status": "measured", "use": "validate_qualitative"},
    ],
    "pins": {"time": {"tolerance": 0.01, "reason": "exact"}},
}  # fmt: skip
STUDY = """
from lithoscape.validation.study import Findings

def study(context):
    context.say("falling")
    return Findings({"time": 2 * 60.0 if context.quick else 180.0, "order": "both"})
"""


@pytest.fixture
def tiny(here):
    """``tiny(study, **changes)``: a folder ``cases`` with one case."""

    def make(study: str | None = STUDY, **changes) -> Path:
        folder = here / "cases"
        folder.mkdir(exist_ok=True)
        content = yaml.safe_dump({**CASE, **changes}, sort_keys=False)
        (folder / "tiny.yaml").write_text(content, encoding="utf-8")
        if study is not None:
            (folder / "tiny.py").write_text(study, encoding="utf-8")
        return folder

    return make


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_case_is_run_scored_and_written_into_the_book(command, tiny, here: Path) -> None:
    tiny()
    done = command("validate", "--cases", "cases", "--book", "book")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[0] == "tiny: falling"
    assert done.out.splitlines()[-2:] == [
        "tiny (quick): 2 met, 0 not met, 0 not testable",
        "book: book/README.md",
    ]
    text = (here / "book" / "tiny.md").read_text(encoding="utf-8")
    assert "| Time of fall `time` | 2 min | 2 min | ± 0.1 min | **met** |" in text
    assert "| [A falling body](tiny.md) | quick | 2 | 0 | 0 |" in (here / "book" / "README.md").read_text()
    told = json.loads((here / "runs" / "validation" / "tiny-quick" / "comparison.json").read_text())
    assert told["summary"] == {"met": 2, "not met": 0, "not testable": 0}


def test_the_book_is_the_same_every_time(command, tiny, here: Path) -> None:
    tiny()
    for folder in ("one", "two"):
        assert command("validate", "--cases", "cases", "--book", folder, "--quiet").out == ""
    one = tree(here / "one")
    assert one == tree(here / "two")
    command("validate", "--cases", "cases", "--book", "one", "--quiet")
    assert tree(here / "one") == one


def test_targets_that_are_not_met_are_no_failure(command, tiny) -> None:
    tiny()
    done = command("validate", "tiny", "--cases", "cases", "--full", "--json")
    assert (done.code, done.err) == (0, "")
    (told,) = json.loads(done.out)
    assert (told["case"], told["variant"]) == ("tiny", "full")
    assert told["verdicts"] == {"met": 1, "not met": 1, "not testable": 0}
    assert told["rows"][0]["simulated"] == 3.0


def test_cases_are_listed(command, tiny) -> None:
    tiny()
    done = command("validate", "--cases", "cases", "--list")
    assert done.out == "tiny: A falling body (2 scored targets)\n"
    assert command("validate", "--cases", "cases", "--list", "--quiet").out == ""
    (row,) = json.loads(command("validate", "--cases", "cases", "--list", "--json").out)
    assert row == {
        "case": "tiny", "title": "A falling body", "targets": 2, "study": True, "fitted": False
    }  # fmt: skip


def test_the_cases_of_the_repository_can_be_read() -> None:
    assert "mcc_xrd_nmc622" in [file.case.name for file in find_cases([], ROOT / "validation")]


def test_pinned_numbers_are_written(command, tiny, here: Path) -> None:
    tiny()
    assert command("validate", "--cases", "cases", "--drift", "drift.json", "--quiet").code == 0
    told = json.loads((here / "drift.json").read_text())
    assert told == {"tiny": {"time": {"value": 2.0, "tolerance": 0.01, "reason": "exact"}}}
    done = command("validate", "--cases", "cases", "--drift", "drift.json", "--full")
    assert done.code == 2
    assert "Leave --full out" in done.err


# -- errors ------------------------------------------------------------------
def refused(command, *words: str) -> str:
    """The one line of an error, with exit code 2."""
    done = command("validate", "--cases", "cases", *words)
    assert done.code == 2
    assert done.err.count("\n") == 1
    return done.err


def test_unknown_cases_are_refused(command, tiny) -> None:
    tiny()
    assert "CASE: there is no such case (got 'tini'). Did you mean 'tiny'?" in refused(command, "tini")
    assert "cannot be read" in refused(command, "none.yaml")
    assert "no case files" in command("validate", "--cases", "elsewhere").err


def test_unknown_observables_and_findings_are_refused(command, tiny) -> None:
    (time, order) = CASE["targets"]
    tiny(targets=[{**time, "observable": "findin"}])
    assert "targets[time].observable: no such observable (got 'findin')" in refused(command)
    tiny(targets=[{**time, "arguments": {"name": "tim"}}, order], pins={})
    assert "reports no such finding (got 'tim'). Did you mean 'time'?" in refused(command, "--full")
    tiny(targets=[{**time, "record": "film"}, order])
    assert "reports no such record (got 'film')" in refused(command, "--full")


def test_a_quick_study_may_leave_findings_out(command, tiny) -> None:
    tiny(targets=[{**CASE["targets"][0], "arguments": {"name": "tim"}}])
    done = command("validate", "--cases", "cases", "--json")
    assert json.loads(done.out)[0]["rows"][0]["reason"] == "the study did not report 'tim'"
    assert json.loads(done.out)[0]["verdicts"]["not testable"] == 1


@pytest.mark.parametrize(
    ("study", "code", "message"),
    [
        ("def study(context): return {}['x']", 1, "tiny: the study failed: KeyError: 'x' (tiny.py:1)"),
        ("def study(context): return 1", 1, "tiny: the study returned no Findings (got 'int')"),
        ("def studie(context): return 1", 2, "tiny.py: has no function study(context)"),
        ("import nowhere_to_be_found", 2, "tiny.py: cannot be loaded: ModuleNotFoundError"),
        (
            "from lithoscape.validation import require_data\n"
            "def study(context): return require_data(context, 'measured', 'x.csv')",
            2,
            "LITHOSCAPE_DATA: tiny: is not set, and this study reads measured data",
        ),
    ],
)
def test_studies_that_fail_are_one_line(study, code, message, command, tiny, monkeypatch) -> None:
    monkeypatch.delenv("LITHOSCAPE_DATA", raising=False)
    tiny(study)
    done = command("validate", "--cases", "cases")
    assert done.code == code
    assert message in done.err
    assert done.err.count("\n") == 1


def test_missing_data_are_one_line(command, tiny, here: Path, monkeypatch) -> None:
    tiny(
        "from lithoscape.validation import require_data\n"
        "def study(context): return require_data(context, 'measured', 'x.csv')"
    )
    monkeypatch.setenv("LITHOSCAPE_DATA", str(here / "nowhere"))
    assert "LITHOSCAPE_DATA: is no folder" in refused(command)
    monkeypatch.setenv("LITHOSCAPE_DATA", str(here))
    assert "has no measured/x.csv" in refused(command)


def test_a_case_that_fails_does_not_stop_the_others(command, tiny, here: Path) -> None:
    folder = tiny("def study(context): raise ValueError('no')")
    other = {**CASE, "case": "other"}
    (folder / "other.yaml").write_text(yaml.safe_dump(other), encoding="utf-8")
    (folder / "other.py").write_text(STUDY, encoding="utf-8")
    done = command("validate", "--cases", "cases", "--book", "book")
    assert done.code == 1
    assert "other (quick): 2 met" in done.out
    assert (here / "book" / "other.md").is_file()
    assert not (here / "book" / "tiny.md").exists()


def test_a_case_without_anything_to_run_is_refused(command, tiny) -> None:
    tiny(study=None)
    assert "the case does not say what to run. Write tiny.py" in refused(command)
    tiny(study=None, variants=["a"])
    assert "variants need a scenario" in refused(command)
    tiny(case="tinny")
    assert "Write case: tiny" in refused(command)


# -- fitted ------------------------------------------------------------------
def test_what_was_fitted_is_marked(command, tiny, here: Path) -> None:
    folder = tiny() / "fitted"
    folder.mkdir()
    (folder / "tiny.yaml").write_text("changes: {g: 9.8}\nfitted_on: [time]\nnote: By eye.\n")
    command("validate", "--cases", "cases", "--book", "book", "--quiet")
    text = (here / "book" / "tiny.md").read_text(encoding="utf-8")
    assert "| **met** | fitted |" in text
    assert "| **met** | predicted |" in text
    assert "Parameters come from a fit (`validation/fitted/tiny.yaml`) to `time`.\n\nBy eye." in text
    (folder / "tiny.yaml").write_text("changes: {g: 9.8}\nfitted_on: [tim]\n")
    assert "tiny.yaml: fitted_on: no such target (got 'tim'). Did you mean 'time'?" in refused(command)
    (folder / "tiny.yaml").write_text("change: {g: 9.8}\n")
    assert "unknown key (got 'change'). Did you mean 'changes'?" in refused(command)
    (folder / "tiny.yaml").write_text("changes: 1\n")
    assert "must map dotted keys" in refused(command)


# -- runs --------------------------------------------------------------------
SHORT = {
    "protocol": ["Rest for 1 s"], "geometry.cells": 8, "solver.radial_nodes": 5,
}  # fmt: skip
HALF = ROOT / "scenarios" / "half_cell_xu2019.yaml"


def test_runs_are_kept_and_continued(here: Path, monkeypatch) -> None:
    from lithoscape.scenario import validate

    calls = []
    real = validate.run_scenario

    def counted(loaded, folder, **options):
        calls.append(options)
        return real(loaded, folder, **options)

    monkeypatch.setattr(validate, "run_scenario", counted)
    context = CaseContext(here / "out", True, None, HALF.parent)
    one = context.run(HALF.name, None, SHORT)
    again = context.run(HALF.name, None, SHORT)
    assert len(calls) == 1
    assert one.identical(again)
    assert Path(one.attrs["folder"]).is_dir()
    assert one.attrs["wall_time_s"] > 0
    context.run(HALF.name, None, {**SHORT, "electrode.porosity": 0.4})
    assert len(calls) == 2


def test_interrupted_runs_continue(here: Path, monkeypatch) -> None:
    """A run that was interrupted is told as such, and the next call goes on from its checkpoint."""
    from lithoscape import records
    from lithoscape.scenario import validate

    context = CaseContext(here / "out", True, None, HALF.parent)
    changes = {**SHORT, "solver.checkpoint_every": 1}
    record = context.run(HALF.name, None, changes)
    folder = Path(record.attrs["folder"])
    assert list(folder.glob("checkpoint*"))
    calls = []
    real = validate.run_scenario

    def watched(loaded, folder, **options):
        calls.append(options)
        return real(loaded, folder, **options)

    monkeypatch.setattr(validate, "run_scenario", watched)
    records.save(record.assign_attrs(status="interrupted"), folder / "record.nc")
    again = context.run(HALF.name, None, changes)
    assert calls == [{"resume": True}]
    assert again["time"].values[-1] == record["time"].values[-1]
    # a checkpoint that cannot be used is no obstacle
    records.save(record.assign_attrs(status="interrupted"), folder / "record.nc")
    for file in folder.glob("checkpoint*"):
        file.write_bytes(b"x")
    again = context.run(HALF.name, None, changes)
    assert again["time"].values[-1] == record["time"].values[-1]


def test_an_interruption_ends_the_study(command, tiny, here: Path, monkeypatch) -> None:
    """A study that puts up with failed runs does not put up with an interruption."""
    from lithoscape.scenario import validate

    monkeypatch.setattr(validate, "_kept", lambda folder: None)
    broken = xr.Dataset(attrs={"status": "interrupted", "message": "at 3 s"})
    monkeypatch.setattr(validate, "_computed", lambda loaded, folder: broken)
    tiny(
        "from lithoscape.errors import SolveError\n"
        "def study(context):\n"
        f"    try: context.run({str(HALF)!r})\n"
        "    except SolveError: return 1\n"
    )
    done = command("validate", "--cases", "cases")
    assert done.code == 1
    assert "error: interrupted; what was computed is in runs/validation" in done.err


def test_kept_runs_outlive_new_keys_of_the_schema() -> None:
    from lithoscape.scenario import load_scenario
    from lithoscape.scenario.schema import Scenario
    from lithoscape.scenario.validate import run_digest

    class Newer(Scenario):
        """The schema of a later version."""

        title_of_axis: str | None = None

    loaded = load_scenario(HALF)
    plain = run_digest(loaded)
    assert plain == run_digest(load_scenario(HALF, None, {"materials.ablate": []}))
    later = Newer.model_validate(loaded.scenario.model_dump(mode="json"))
    assert plain == run_digest(replace(loaded, scenario=later))
    assert plain != run_digest(load_scenario(HALF, None, {"materials.ablate": ["exchange_current"]}))


def test_a_run_that_fails_is_told_and_not_tried_again(here: Path, monkeypatch) -> None:
    from lithoscape import records
    from lithoscape.scenario import validate

    context = CaseContext(here / "out", True, None, HALF.parent)
    record = context.run(HALF.name, None, SHORT)
    file = Path(record.attrs["folder"]) / "record.nc"
    broken = record.assign_attrs(status="failed", message="no convergence")
    records.save(broken, file)
    monkeypatch.setattr(validate, "run_scenario", None)
    with pytest.raises(SolveError, match="did not finish: no convergence"):
        context.run(HALF.name, None, SHORT)


def test_a_case_may_name_a_scenario_instead_of_a_study(tiny, here: Path) -> None:
    content = yaml.safe_load(HALF.read_text(encoding="utf-8"))
    content |= {"protocol": SHORT["protocol"], "variants": {"a": {}, "b": {"electrode": {"porosity": 0.4}}}}
    content["geometry"]["cells"], content["solver"] = 8, {"radial_nodes": 5}
    content.pop("default_variant", None)
    (here / "scenario.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    target = {**CASE["targets"][0], "observable": "nominal_capacity", "arguments": {}, "unit": "mAh/cm2",
              "value": 1, "record": "b"}  # fmt: skip
    case = tiny(
        study=None, targets=[target], pins={}, scenario="../scenario.yaml", variants=["a", "b"],
        quick_variants=["b"],
    )  # fmt: skip
    (file,) = find_cases([], case)
    quick = validate_case(file, here / "out", quick=True)
    assert isinstance(quick.findings, Findings)
    assert list(quick.findings.records) == ["b"]
    assert quick.rows[0].simulated == pytest.approx(10 * content["cell"]["capacity_mAh_cm2"] / 10)
    full = validate_case(file, here / "out", quick=False)
    assert list(full.findings.records) == ["a", "b"]
