"""The snippets of docs/fit.md run."""

import re
from pathlib import Path

import pytest
import yaml

from lithoscape.scenario.fit import load_fit

PAGE = Path(__file__).parents[2] / "docs" / "fit.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_page_runs() -> None:
    names: dict = {}
    (block,) = blocks("python")
    exec(compile(block, PAGE.name, "exec"), names)
    assert names["parameters"].natural(names["found"].best.t) == pytest.approx(
        {"height": 2.0, "rate": 0.7}, rel=0.05
    )


def test_its_file_is_one(tmp_path: Path) -> None:
    (block,) = blocks("yaml")
    content = yaml.safe_load(block)
    scenario = PAGE.parents[1] / "scenarios" / Path(content["experiments"]["slow"]["scenario"]).name
    content["experiments"]["slow"]["scenario"] = str(scenario)
    (tmp_path / "fit.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    assert load_fit(tmp_path / "fit.yaml").measurements[0].size == 3
