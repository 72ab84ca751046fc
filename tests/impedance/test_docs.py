"""The snippets of docs/impedance.md run, one after another."""

import re
from pathlib import Path

import dolfinx_solver  # noqa: F401
import pytest
import yaml

from lithoscape.protocol import parse_protocol

PAGE = Path(__file__).parents[2] / "docs" / "impedance.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_page_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    assert len(blocks("python")) == 4
    for block in blocks("python"):
        exec(compile(block, PAGE.name, "exec"), names)
    assert names["pores"].tortuosity == pytest.approx(1.738, rel=5e-3)
    assert names["measured"].impedance == pytest.approx(names["z"].impedance, rel=1e-5)


def test_its_protocol_is_one() -> None:
    (text,) = blocks("yaml")
    modes = [step.mode for step in parse_protocol(yaml.safe_load(text)["protocol"])]
    assert modes == ["discharge", "impedance", "rest", "impedance"]
