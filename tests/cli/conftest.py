"""The command line in this process and in one of its own, and the files it is tried on."""

import copy
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from lithoscape import cli

ROOT = Path(__file__).parents[2]
SMALL = Path(__file__).with_name("small_crack.yaml")


@dataclass
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(monkeypatch, capsys):
    """``command("check", file)`` as typed, in this process."""

    def call(*words) -> Done:
        monkeypatch.setattr(sys, "argv", ["lithoscape", *map(str, words)])
        capsys.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as done:
            code = int(done.code or 0)
        return Done(code, *capsys.readouterr())

    return call


@pytest.fixture
def spawn():
    """Start ``lithoscape`` as a process of its own."""

    def start(*words, **options) -> subprocess.Popen:
        program = [sys.executable, "-m", "lithoscape", *map(str, words)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error::RuntimeWarning"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(program, env=environment, **pipes, **options)

    return start


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def changed(base: dict, edits: dict) -> dict:
    """A copy of a scenario with dotted keys replaced (numbers are places in lists); None deletes."""
    out = copy.deepcopy(base)
    for path, value in edits.items():
        *parts, last = path.split("/")
        inner = out
        for part in parts:
            inner = inner[int(part)] if isinstance(inner, list) else inner.setdefault(part, {})
        if value is None:
            del inner[last]
        else:
            inner[int(last) if isinstance(inner, list) else last] = value
    return out


@pytest.fixture
def write(here):
    """``write("half", {"electrode/porosity": 2.0})``: a scenario with changes, as a file."""
    half = yaml.safe_load((ROOT / "scenarios" / "half_cell_xu2019.yaml").read_text(encoding="utf-8"))
    small = yaml.safe_load(SMALL.read_text(encoding="utf-8"))
    small["variants"] = {"coarse": {"geometry": {"cell_size_um": 60.0}}}

    def make(base: str, edits: dict, name: str = "scenario.yaml") -> Path:
        file = here / name
        content = changed({"half": half, "crack": small}[base], edits)
        file.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
        return file

    return make
