"""The page docs/instruments.md: its snippets run and give what it says, its scenario is valid."""

import re
from pathlib import Path

import pytest
import yaml

from lithoscape.scenario.schema import Instruments

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "instruments.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_page_runs() -> None:
    names: dict = {}
    assert len(blocks("python")) == 6
    for block in blocks("python"):
        exec(compile(block, PAGE.name, "exec"), names)
    assert list(names["inside"].values()) == pytest.approx([0.738, 0.818, 0.998], abs=5e-4)
    assert names["known"].scatter_in_lithium(0.7) == pytest.approx(0.031, abs=5e-4)
    assert (float(names["refinement"]), float(names["calibration"])) == pytest.approx(
        (0.0036, 0.0118), abs=5e-5
    )
    assert (float(names["apart"]), float(names["error"])) == pytest.approx((0.045, 0.0055), abs=5e-5)
    assert names["picture"].grey.shape == (30, 50)
    assert names["seen"].sizes["sample"] > 200


def test_its_scenario_keys_are_valid() -> None:
    (text,) = blocks("yaml")
    Instruments.model_validate(yaml.safe_load(text)["instruments"])


def test_its_pictures_exist() -> None:
    pictures = re.findall(r"\]\((images/[^)]+)\)", PAGE.read_text(encoding="utf-8"))
    assert len(pictures) == 7
    assert all((PAGE.parent / name).is_file() for name in pictures)
