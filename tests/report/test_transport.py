"""Pictures and tables of transport: what is drawn of which direction, and what is left out."""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from lithoscape.image import Grid, Volume
from lithoscape.report.transport import flux_figure, profile_figure, terminal_tables, write_study
from lithoscape.transport.study import Study, plan, study


def made(directions: str = "all", through: int = 0, **options) -> Study:
    noise = gaussian_filter(np.random.default_rng(0).normal(size=(18, 14, 12)), 1.2)
    volume = Volume(
        (noise > 0.02).astype(np.uint8), Grid(noise.shape, 1e-6, through), {"pore": 0, "active": 1}
    )
    return study(volume, plan(volume, {"pore": 1.0}, directions=directions, **options))


def texts(figure) -> str:
    found = [figure._suptitle.get_text()] if figure._suptitle else []
    for axis in figure.axes:
        found += [axis.get_title(), axis.get_xlabel(), axis.get_ylabel()]
    return " | ".join(found)


def test_the_flux_is_drawn_along_and_across() -> None:
    found = made(through=1)
    told = texts(flux_figure(found, "an image"))
    assert "an image: pore, axis 1 (through)" in told
    assert f"τ = {found.transports[1].tau:.4g}" in told
    assert "potential" in told
    assert "µm above the collector" in told
    side = texts(flux_figure(made("2", through=1)))
    assert "axis 2, τ" in side
    assert "across, at" in side


def test_the_profile_has_slabs_and_regions() -> None:
    figure = profile_figure(made(slabs=5))
    first, second, third, fourth = figure.axes
    assert [len(a.lines) for a in (first, second, third, fourth)] == [4, 7, 7, 1]
    assert len(second.lines[0].get_ydata()) == 5
    assert fourth.lines[0].get_xdata().mean() == pytest.approx(1)
    assert second.get_ylim() == (0, 18)


def test_without_a_potential_there_are_no_pictures(tmp_path: Path) -> None:
    found = made("through", engine="fem")
    assert flux_figure(found) is None
    assert profile_figure(found) is None
    files = write_study(found, tmp_path / "new", title="x")
    assert [file.name for file in files] == ["transport.json"]


def test_tables_have_a_column_per_direction_and_region() -> None:
    directions, regions = terminal_tables(made())
    assert [c.header for c in directions.columns] == ["", "axis 0 (through)", "axis 1", "axis 2"]
    assert [c.header for c in regions.columns][1:] == ["separator third", "middle third", "collector third"]
    assert len(terminal_tables(made("1"))) == 1
