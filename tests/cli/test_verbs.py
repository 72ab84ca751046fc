"""Every verb: help with an example, quiet, machine-readable output, what it writes."""

import json
from pathlib import Path

import pytest

from lithoscape import cli
from lithoscape.scenario import json_schema

ROOT = Path(__file__).parents[2]
SMALL = Path(__file__).with_name("small_crack.yaml")
HALF = ROOT / "scenarios" / "half_cell_xu2019.yaml"
VERBS = [
    (),
    ("run",),
    ("check",),
    ("schema",),
    ("report",),
    ("fit",),
    ("generate",),
    ("measure",),
    ("mesh",),
    ("impedance",),
    ("segment",),
    ("tortuosity",),
    ("validate",),
    ("materials",),
    ("materials", "list"),
    ("materials", "show"),
    ("materials", "plot"),
    ("materials", "export"),
]


def test_every_verb_is_listed_here() -> None:
    own = {(c.name or c.callback.__name__,) for c in cli.app.registered_commands}
    inner = {("materials", c.name) for c in cli.materials_app.registered_commands}
    assert {(), ("materials",)} | own | inner == set(VERBS)


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_help_shows_an_example(verb, command) -> None:
    done = command(*verb, "--help")
    assert done.code == 0
    assert done.err == ""
    words = " ".join(done.out.split())
    assert f"Example: lithoscape {' '.join(verb)}".strip() in words
    assert command(*verb, "-h").out == done.out


def test_without_a_verb_there_is_help(command) -> None:
    done = command()
    assert "Usage: lithoscape" in done.out + done.err


# -- check ---------------------------------------------------------------------
def test_check_says_what_it_read(command) -> None:
    done = command("check", HALF)
    assert (done.code, done.err) == (0, "")
    assert done.out == "ok half_cell_xu2019.yaml, variant base: 4 steps, Xu2019\n"


def test_check_is_quiet(command) -> None:
    assert command("check", HALF, "--quiet").out == ""


def test_check_is_machine_readable(command, write) -> None:
    file = write("crack", {})
    done = json.loads(command("check", file, "--all", "--json").out)
    assert done["ok"] is True
    assert [v["variant"] for v in done["variants"]] == ["base", "coarse"]
    assert all(v["steps"] == 3 and v["materials"] == "NMC622_half" for v in done["variants"])


# -- run and report ------------------------------------------------------------
SHORT = ("--set", "protocol=[Rest for 1 s]", "--set", "geometry.cells=8", "--set", "solver.radial_nodes=5")


def test_run_is_quiet(command, here: Path) -> None:
    done = command("run", HALF, *SHORT, "--quiet")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert (here / "runs" / "half_cell_xu2019-base" / "report.html").is_file()


def test_run_is_machine_readable(command, here: Path) -> None:
    done = command("run", HALF, *SHORT, "--json", "--out", "there")
    assert (done.code, done.err) == (0, "")
    result = json.loads(done.out)
    assert (result["folder"], result["status"], result["verdicts"]) == ("there", "finished", None)
    assert result["statistics"]["accepted_steps"] > 5


def test_run_tells_where_it_is(command, here: Path) -> None:
    done = command("run", HALF, *SHORT, "--out", "there")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[:2] == ["NMC532 half cell, one cycle", "variant base, into there"]
    assert "  0% cycle 1 · Rest for 1 s" in lines
    assert lines[-2].startswith("finished in ")
    assert lines[-1] == "report: there/report.html"


def test_a_run_from_python(here: Path) -> None:
    import lithoscape as ls

    result = ls.run(SMALL, out=here / "run")
    assert result.solution.outcome.ok
    assert result.solution["Voltage [V]"].dims == ("time",)
    assert result.folder == here / "run"


def test_report_writes_the_report_again(command, here: Path) -> None:
    command("run", HALF, *SHORT, "--quiet", "--out", "there")
    file = here / "there" / "report.html"
    file.unlink()
    done = command("report", "there")
    assert (done.code, done.err, done.out) == (0, "", "report: there/report.html\n")
    assert "NMC532 half cell" in file.read_text(encoding="utf-8")
    assert command("report", "there", "--quiet", "--scenario", HALF).out == ""
    assert json.loads(command("report", "there", "--json").out) == {"report": "there/report.html"}


# -- schema --------------------------------------------------------------------
def test_schema_is_json(command) -> None:
    done = command("schema")
    schema = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert schema == json_schema()
    assert {"title", "materials", "geometry", "variants"} <= set(schema["properties"])
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("kind", ["scenario", "recipe", "segmentation", "fit"])
def test_the_published_schema_is_current(kind: str, command) -> None:
    """Renew it with ``lithoscape schema KIND > docs/KIND.schema.json``."""
    assert (ROOT / "docs" / f"{kind}.schema.json").read_text(encoding="utf-8") == command("schema", kind).out


def test_schemas_of_other_kinds_are_refused(command) -> None:
    done = command("schema", "recip")
    assert done.code == 2
    assert "'recipe'" in done.err


# -- materials -----------------------------------------------------------------
def test_materials_are_listed(command) -> None:
    done = command("materials", "list")
    assert done.code == 0
    assert all(name in done.out for name in ("Xu2019", "Chen2020", "NMC622_half"))
    rows = json.loads(command("materials", "list", "--json").out)
    assert [row[0] for row in rows if row[0] == "Xu2019"] == ["Xu2019"]


def test_materials_are_shown(command) -> None:
    assert "10.1149/" in command("materials", "show", "Chen2020").out
    rows = json.loads(command("materials", "show", "Chen2020", "--json").out)
    assert any("porosity" in " ".join(row) and "0.335" in " ".join(row) for row in rows)


def test_materials_are_plotted(command, here: Path) -> None:
    assert command("materials", "plot", "Xu2019").out == "plot: Xu2019.png\n"
    assert (here / "Xu2019.png").read_bytes()[:4] == b"\x89PNG"
    assert command("materials", "plot", "Xu2019", "--quiet", "--out", "a.svg").out == ""
    assert (here / "a.svg").is_file()


def test_materials_are_exported(command, here: Path) -> None:
    done = command("materials", "export", "Chen2020", "cell.json")
    assert done.code == 0
    assert all(line.startswith("note: ") for line in done.out.splitlines())
    assert json.loads((here / "cell.json").read_text())["Parameterisation"]
    assert command("materials", "export", "Chen2020", "cell.json", "--quiet").out == ""


def test_a_full_disk_is_one_line(command, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device", "record.nc")

    monkeypatch.setattr("lithoscape.records.save", full)
    done = command("run", HALF, *SHORT, "--quiet", "--out", "there")
    assert done.code == 1
    assert done.err.startswith("error: file system: No space left on device (got 'record.nc')")
    assert done.err.count("\n") == 1


def test_ctrl_c_before_a_run_begins(command, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("lithoscape.scenario.prepare", stop)
    done = command("check", HALF)
    assert done.code == 1
    assert "error: interrupted" in done.err
