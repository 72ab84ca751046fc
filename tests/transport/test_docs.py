"""The snippets of docs/transport.md run, one after another, and give what the page says."""

import re
from pathlib import Path

import dolfinx_solver  # noqa: F401
import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_page_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs" / "transport.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 5
    monkeypatch.chdir(ROOT)
    names: dict = {}
    for block in blocks:
        exec(compile(block, "docs/transport.md", "exec"), names)
    found = names["found"]
    assert found.row(0)["tau"] == pytest.approx(1.466, abs=1e-3)
    assert "electrode:\n  porosity: 0.5699" in capsys.readouterr().out
    assert names["check"][0].ours.efficiency == pytest.approx(0.381, abs=1e-3)
    assert names["smooth"].efficiency == pytest.approx(0.418, abs=2e-3)
    assert names["size"]["Samples"].values.tolist() == [8, 8]
    assert names["k"].condition == "mixed"
