"""Descriptions and figures of material sets."""

import io

import pytest

from lithoscape.materials import get_set, list_sets
from lithoscape.report.materials import describe_set, parameter_rows, plot_set, set_overview


@pytest.mark.parametrize("name", list_sets())
def test_descriptions_name_every_assumption_and_source(name):
    from rich.console import Console

    stream = io.StringIO()
    Console(file=stream, width=400).print(describe_set(name))
    text, cell = stream.getvalue(), get_set(name)
    assert cell.positive.material.name in text and cell.electrolyte.name in text
    assert all(path in text for path in cell.assumed)
    assert ("assumed" in text) == bool(cell.assumed)
    assert "range of NMC sets [m2/s]" in text or name != "NMC622_half"


def test_rows_are_unique_and_in_readable_units():
    rows = list(parameter_rows(get_set("Chen2020")))
    assert len({row[0] for row in rows}) == len(rows)
    values = {row[0]: (row[1], row[2]) for row in rows}
    assert values["positive.thickness"] == ("75.6", "µm")
    assert values["negative.porosity"] == ("0.25", "")


def test_overview_lists_all_sets():
    assert [row[0] for row in set_overview()] == list_sets()


@pytest.mark.parametrize("name", ["NMC622_half", "ORegan2022"])
def test_figures_are_written(name, tmp_path):
    path = plot_set(name, tmp_path / "deep" / f"{name}.png")
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and path.stat().st_size > 50_000
