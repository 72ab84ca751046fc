"""Bad input: one message with key, value and remedy, exit code 2, no traceback, nothing written."""

import os
from pathlib import Path

import pytest

LINES = "protocol"
GAUGE = "instruments/gauge_map"

# name: (base, changes, start of the message, value in it, remedy in it)
BAD = {
    "unknown key": ("half", {"tilte": "x"}, "tilte: unknown key", "'tilte'", "'title'"),
    "unknown nested key": (
        "half",
        {"electrode/porosty": 0.3},
        "electrode.porosty: unknown key",
        "'porosty'",
        "'porosity'",
    ),
    "unknown key in the crack": (
        "crack",
        {"geometry/crack/depth": 3},
        "geometry.crack.depth: unknown key",
        "'depth'",
        "'depth_um'",
    ),
    "key of another geometry": (
        "crack",
        {"geometry/clustering": 3.0},
        "geometry.clustering: unknown",
        "'clustering'",
        "half_width_um",
    ),
    "unknown key in a variant": (
        "crack",
        {"variants/coarse": {"geometry": {"cell_sise_um": 9}}},
        "variants.coarse.geometry.cell_sise_um: unknown key",
        "'cell_sise_um'",
        "'cell_size_um'",
    ),
    "unknown key in a cycle": (
        "half",
        {LINES: [{"cycle": "a", "stps": []}]},
        "protocol[0].stps: unknown key",
        "'stps'",
        "'steps'",
    ),
    "wrong unit": (
        "half",
        {"electrode/thickness_mm": 0.1},
        "electrode.thickness_mm: unknown key",
        "'thickness_mm'",
        "'thickness_um'",
    ),
    "missing key": ("half", {"cell": None}, "cell: this key is required", "", "scenarios/"),
    "missing key of one form": (
        "half",
        {"electrode/transport": {"through": 0.1}},
        "electrode.transport.in_plane: this key",
        "",
        "Add it",
    ),
    "number with a unit": (
        "crack",
        {"electrode/thickness_um": "195 um"},
        "electrode.thickness_um: ",
        "'195 um'",
        "plain number",
    ),
    "number as text": (
        "crack",
        {"geometry/crack/depth_um": "175"},
        "geometry.crack.depth_um: ",
        "'175'",
        "without quotes",
    ),
    "truth for a number": (
        "half",
        {"electrode/thickness_um": True},
        "electrode.thickness_um: ",
        "True",
        "Give a number",
    ),
    "not a number": (
        "half",
        {"electrode/thickness_um": float("nan")},
        "electrode.thickness_um: ",
        "nan",
        "finite",
    ),
    "infinite": (
        "half",
        {"cell/capacity_mAh_cm2": float("inf")},
        "cell.capacity_mAh_cm2: ",
        "inf",
        "finite",
    ),
    "absurdly large": (
        "half",
        {"cell/capacity_mAh_cm2": 1e300},
        "cell.capacity_mAh_cm2: ",
        "1e+300",
        "at most",
    ),
    "negative": ("half", {"electrode/thickness_um": -1}, "electrode.thickness_um: ", "-1", "above 0"),
    "fraction above 1": ("half", {"electrode/porosity": 33}, "electrode.porosity: ", "33", "percentage"),
    "lithiation in percent": (
        "half",
        {"initial/state_of_lithiation": 90},
        "initial.state_of_lithiation: ",
        "90",
        "percentage",
    ),
    "fractions beyond 1": (
        "half",
        {"electrode": {"porosity": 0.6, "active_fraction": 0.5}},
        "electrode.porosity: porosity + active",
        "1.1",
        "Reduce",
    ),
    "loading too high": (
        "crack",
        {"electrode/active_loading_mg_cm2": 60},
        "electrode.active_loading_mg_cm2: ",
        "60",
        "Reduce the loading",
    ),
    "loading given twice": (
        "crack",
        {"electrode/active_fraction": 0.3},
        "electrode: the amount",
        "active_fraction",
        "not both",
    ),
    "loading without density": (
        "half",
        {"electrode/active_loading_mg_cm2": 10},
        "electrode.active_loading_mg_cm2: ",
        "10",
        "active_fraction",
    ),
    "transport above 1": (
        "half",
        {"electrode/transport": 1.2},
        "electrode.transport: ",
        "1.2",
        "fraction",
    ),
    "transport misspelt": (
        "half",
        {"electrode/transport": "brugman"},
        "electrode.transport: ",
        "'brugman'",
        "bruggeman",
    ),
    "axis misspelt": (
        "half",
        {"electrode/transport": {"through": 0.1, "inplane": 0.2}},
        "electrode.transport.inplane: ",
        "'inplane'",
        "'in_plane'",
    ),
    "crack wider than the cell": (
        "crack",
        {"geometry/crack/width_um": 300},
        "geometry.crack.width_um: the crack is wider",
        "300 um",
        "240 um",
    ),
    "crack too deep": (
        "crack",
        {"geometry/crack/depth_um": 196},
        "geometry.crack.depth_um: the crack is deeper",
        "196 um",
        "195 um",
    ),
    "crack widens": (
        "crack",
        {"geometry/crack/bottom_width_um": 51},
        "geometry.crack.bottom_width_um: ",
        "51 um",
        "50 um",
    ),
    "no such geometry": (
        "crack",
        {"geometry/kind": "craked"},
        "geometry.kind: there is no such kind",
        "'craked'",
        "'cracked'",
    ),
    "no kind of geometry": ("crack", {"geometry/kind": None}, "geometry.kind: ", "no kind", "Add kind"),
    "geometry is a number": ("half", {"geometry": 5}, "geometry: ", "5", "keys and values"),
    "too many axes": (
        "half",
        {"geometry/lateral_um": [9, 9, 9]},
        "geometry.lateral_um: ",
        "[9, 9, 9]",
        "at most 2",
    ),
    "half of a count": (
        "half",
        {"solver/radial_nodes": 24.5},
        "solver.radial_nodes: ",
        "24.5",
        "whole number",
    ),
    "gauge below the electrode": (
        "crack",
        {f"{GAUGE}/depths_um": [25, 191]},
        "instruments.gauge_map.depths_um: ",
        "191",
        "5 to 190 um",
    ),
    "gauge above the electrode": (
        "crack",
        {f"{GAUGE}/depths_um": [4, 135]},
        "instruments.gauge_map.depths_um: ",
        "4",
        "5 to 190 um",
    ),
    "gauge outside the mesh": (
        "crack",
        {f"{GAUGE}/positions_um": [-5, 5, 35, 105, 118]},
        "instruments.gauge_map.positions_um: ",
        "118",
        "120 um",
    ),
    "gauge nowhere": (
        "crack",
        {f"{GAUGE}/depths_um": []},
        "instruments.gauge_map.depths_um: ",
        "[]",
        "at least 1",
    ),
    "gauge twice": (
        "crack",
        {f"{GAUGE}/depths_um": [25, 25]},
        "instruments.gauge_map.depths_um: ",
        "[25.0, 25.0]",
        "once",
    ),
    "unmeasured position": (
        "crack",
        {f"{GAUGE}/groups/bulk": [106]},
        "instruments.gauge_map.groups.bulk: ",
        "106",
        "-5, 5, 35, 105",
    ),
    "gauge in one dimension": (
        "half",
        {GAUGE: {"depths_um": [9], "positions_um": [0], "beam_um": [2, 2], "groups": {}}},
        "instruments.gauge_map: ",
        "'layered'",
        "cracked",
    ),
    "unknown set": ("half", {"materials/set": "Xu2018"}, "materials.set: ", "'Xu2018'", "'Xu2019'"),
    "unknown electrolyte": (
        "half",
        {"materials/electrolyte": "Nyman"},
        "materials.electrolyte: ",
        "'Nyman'",
        "'Nyman2008'",
    ),
    "unknown change": (
        "half",
        {"materials/changes": {"positive.radius": 1.0}},
        "materials.changes.positive.radius: ",
        "1.0",
        "'particle_radius'",
    ),
    "change of a group": (
        "half",
        {"materials/changes": {"positive": 1.0}},
        "materials.changes.positive: ",
        "1.0",
        "after a dot",
    ),
    "change out of range": (
        "half",
        {"materials/changes": {"separator.porosity": 1.4}},
        "materials.changes.separator.porosity: ",
        "1.4",
        "fraction",
    ),
    "change of what is given": (
        "crack",
        {"materials/changes": {"positive.thickness": 1e-4}},
        "materials.changes.positive.thickness: this value is given twice",
        "0.0001",
        "electrode.thickness_um",
    ),
    "full cell with a crack": (
        "crack",
        {"materials/set": "Chen2020"},
        "materials.set: cracked",
        "'Chen2020'",
        "half-cell",
    ),
    "no steps": ("half", {LINES: []}, "protocol: ", "[]", "at least 1"),
    "a line, not a list": ("half", {LINES: "Rest for 1 s"}, "protocol: ", "'Rest for 1 s'", "list"),
    "a step that is a number": (
        "half",
        {LINES: [{"cycle": "a", "steps": [5]}]},
        "protocol[0].steps[0]: ",
        "5",
        "text",
    ),
    "no repeats": (
        "half",
        {LINES: [{"cycle": "a", "steps": ["Rest for 1 s"], "repeat": 0}]},
        "protocol[0].repeat: ",
        "0",
        "at least 1",
    ),
    "unreachable stop": (
        "half",
        {LINES: ["Charge at 1C until 6 V"]},
        "protocol[0]: the stop",
        "6.0 V",
        "3 to 4.7 V",
    ),
    "hold outside": ("half", {LINES: ["Hold at 6 V until C/20"]}, "protocol[0]: ", "6 V", "3 to 4.7 V"),
    "step without stop": (
        "half",
        {LINES: ["Charge at 1C"]},
        "protocol[0]: the step never ends",
        "'Charge at 1C'",
        "for 1 hour",
    ),
    "unknown unit": (
        "half",
        {LINES: ["Rest for 1 s", {"cycle": "a", "steps": ["Rest for 1 s", "Charge at 1 furlong for 1 s"]}]},
        "protocol[1].steps[1]: unknown unit",
        "'1 furlong'",
        "mA",
    ),
    "amperes without area": (
        "half",
        {LINES: ["Charge at 1 A until 4 V"]},
        "protocol[0]: ",
        "1.0 A",
        "electrode area",
    ),
    "watts without area": (
        "half",
        {LINES: ["Charge at 1 W until 4 V"]},
        "protocol[0]: ",
        "1.0 W",
        "electrode area",
    ),
    "moment of no step": (
        "crack",
        {"output/moments/0/step": 9},
        "output.moments[0]: ",
        "cycle 1, step 9",
        "from 1",
    ),
    "moment of step 0": ("crack", {"output/moments/0/step": 0}, "output.moments[0].step: ", "0", "1"),
    "moment at two times": (
        "crack",
        {"output/moments/0/after_min": 1},
        "output.moments[0]: a moment needs one time",
        "after_min",
        "either",
    ),
    "moment named twice": (
        "crack",
        {"output/moments/1/name": "begin"},
        "output.moments[1].name: ",
        "'begin'",
        "another name",
    ),
    "no targets": ("half", {"validation": "targets.yaml"}, "validation: ", "'targets.yaml'", "relative"),
    "no such default": (
        "crack",
        {"default_variant": "corse"},
        "default_variant: ",
        "'corse'",
        "'coarse'",
    ),
    "variant named base": ("crack", {"variants/base": {}}, "variants: ", "'base'", "another name"),
    "emptier than the laws": (
        "half",
        {"initial/state_of_lithiation": 0.05},
        "initial.state_of_lithiation: ",
        "0.05",
        "0.09 to 0.99",
    ),
    "fuller than the laws": (
        "crack",
        {"initial/state_of_lithiation": 0.999},
        "initial.state_of_lithiation: ",
        "0.999",
        "0.3225 to 0.9875",
    ),
    "too charged for the first step": (
        "half",
        {"initial/state_of_lithiation": 0.3, LINES: ["Rest for 1 s", "Charge at 1C until 3.7 V"]},
        "initial.state_of_lithiation: ",
        "0.3",
        "higher state",
    ),
    "too empty for the first step": (
        "half",
        {LINES: ["Discharge at 1C until 3.9 V"]},
        "initial.state_of_lithiation: ",
        "0.9",
        "lower state",
    ),
}


def complains(done, *parts: str) -> None:
    """One line on standard error with all parts, exit code 2, no traceback."""
    assert done.code == 2, done
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1, done.err
    assert "Traceback" not in done.err
    for part in parts:
        assert part in done.err, f"{part!r} is not in {done.err!r}"


@pytest.mark.parametrize("name", BAD)
def test_bad_scenarios(name: str, command, write, here: Path) -> None:
    base, edits, start, value, remedy = BAD[name]
    done = command("check", write(base, edits), "--all")
    complains(done, f"error: {start}", value, remedy)
    assert done.out == ""
    assert [p.name for p in here.iterdir()] == ["scenario.yaml"]


@pytest.mark.parametrize("name", ["unknown nested key", "crack too deep", "no targets", "unreachable stop"])
def test_run_refuses_before_it_writes(name: str, command, write, here: Path) -> None:
    base, edits, start, *_ = BAD[name]
    complains(command("run", write(base, edits), "--quiet"), f"error: {start}")
    assert [p.name for p in here.iterdir()] == ["scenario.yaml"]


TEXTS = {
    "a: [1\nb: 2\n": ("not valid YAML", "line 2, column 2"),
    "title: x\n  cell: 3\n": ("not valid YAML", "line 2, column 7"),
    "title: x\ntitle: y\n": ("the key 'title' stands twice", "line 2, column 1"),
    "- 1\n": ("a scenario is a mapping of keys", "'list'"),
    "": ("a scenario is a mapping of keys", "empty"),
    "a: \x07\n": ("not valid YAML", "#x0007"),
}


@pytest.mark.parametrize("text", TEXTS)
def test_text_that_is_no_scenario(text: str, command, here: Path) -> None:
    (here / "s.yaml").write_text(text, encoding="utf-8")
    complains(command("check", here / "s.yaml"), "error: s.yaml: ", *TEXTS[text])


def test_bytes_that_are_no_text(command, here: Path) -> None:
    (here / "s.yaml").write_bytes(b"\xff\xfe\x00a")
    complains(command("check", here / "s.yaml"), "error: s.yaml: ", "not readable as text")


def test_targets_that_are_no_targets(command, write, here: Path) -> None:
    (here / "targets.yaml").write_text("tilte: x\n", encoding="utf-8")
    complains(command("check", write("half", {"validation": "targets.yaml"})), "error: validation: targets")


def test_files_and_variants_that_are_not_there(command, write, here: Path) -> None:
    file = write("crack", {})
    complains(command("check", "scenari.yaml"), "error: scenario: ", "'scenari.yaml'", "'scenario.yaml'")
    complains(command("check", here), "error: scenario: ")
    complains(command("check", file, "--variant", "corse"), "error: variant: ", "'corse'", "'coarse'")
    complains(command("check", file, "--variant", ""), "error: variant: ", "Valid: base, coarse")


@pytest.mark.parametrize(
    ("entry", "parts"),
    {
        "electrode.porosity": ("--set: ", "'electrode.porosity'", "KEY=VALUE"),
        "=5": ("--set: ", "'=5'", "KEY=VALUE"),
        "electrode.porosity=": ("--set: ", "'electrode.porosity='", "null"),
        "electrode..porosity=1": ("--set: ", "KEY=VALUE"),
        "electrode.porosty=0.3": ("--set electrode.porosty: unknown key", "'porosity'"),
        "electrode.porosity=[1": ("--set electrode.porosity: the value is not valid YAML", "'[1'"),
        "electrode.porosity=a: b: c": ("--set electrode.porosity: the value is not valid YAML", "a: b: c"),
        "electrode.porosity=0.3 V": ("--set electrode.porosity: ", "'0.3 V'", "plain number"),
        "electrode=5": ("--set electrode: ", "5", "keys and values"),
        "variants.x=5": ("--set variants: unknown key",),
        "materials.changes.positive.radius=1.0": ("materials.changes.positive.radius: ", "particle_radius"),
    }.items(),
)
def test_bad_changes(entry: str, parts: tuple[str, ...], command, write) -> None:
    complains(command("check", write("half", {}), "--set", entry), *parts)


def test_usage_errors(command, write) -> None:
    file = write("half", {})
    for words in (["check"], ["chek", file], ["check", file, "--foo"], ["run", file, "--out"]):
        done = command(*words)
        assert done.code == 2
        assert "Error: " in done.err
        assert "Traceback" not in done.err


# -- folders -------------------------------------------------------------------
def test_folders_that_cannot_be_written(command, write, here: Path) -> None:
    file = write("half", {})
    (here / "taken").write_text("x", encoding="utf-8")
    for folder in ("taken", "taken/below"):
        complains(
            command("run", file, "--out", folder, "--quiet"), "error: --out: ", f"'{folder}'", "another"
        )
    assert (here / "taken").read_text(encoding="utf-8") == "x"


def test_a_folder_without_rights(command, write, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "locked").mkdir(mode=0o555)
    access = os.access  # the superuser may write anywhere
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and access(path, mode))
    done = command("run", write("half", {}), "--out", "locked", "--quiet")
    complains(done, "error: --out: the run folder cannot be written", "'locked'")
    assert not list((here / "locked").iterdir())


def test_resuming_where_nothing_was(command, write, here: Path) -> None:
    done = command("run", write("half", {}), "--out", "fresh", "--resume", "--quiet")
    complains(done, "error: --resume: there is no checkpoint", "'fresh'", "without --resume")
    assert not (here / "fresh").exists()


def test_reports_of_no_run(command, here: Path) -> None:
    complains(command("report", here), "error: folder: ", "lithoscape run")
    (here / "record.nc").write_text("x", encoding="utf-8")
    complains(command("report", here), "error: record: this is not a record", "again")


def test_material_files(command, here: Path) -> None:
    complains(command("materials", "show", "Xu2018"), "'Xu2018'", "'Xu2019'")
    complains(command("materials", "plot", "Xu2019", "--out", "a.foo"), "error: file: ", "'a.foo'", ".png")
    complains(command("materials", "plot", "Xu2019", "--out", "no/a.png"), "error: file: ", "'no'", "Make it")
    complains(command("materials", "export", "Chen2020", "no/a.json"), "error: file: ", "'no'")
    assert not list(here.iterdir())


def test_in_a_process_of_its_own(spawn, write, here: Path) -> None:
    child = spawn("run", write("half", {"electrode/porosity": 33}), cwd=here)
    out, err = child.communicate(timeout=120)
    assert child.returncode == 2
    assert out == ""
    assert err.startswith("error: electrode.porosity: ")
    assert err.count("\n") == 1
    assert [p.name for p in here.iterdir()] == ["scenario.yaml"]
