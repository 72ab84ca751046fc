"""Every file in scenarios/: each variant is valid, and the runs end where they ended."""

import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml

from lithoscape.scenario import load_scenario, prepare, run_scenario, variant_names

FOLDER = Path(__file__).parents[2] / "scenarios"
FILES = sorted(file for file in FOLDER.glob("*.yaml") if not file.name.startswith("fit_"))
VARIANTS = [(file.stem, name) for file in FILES for name in variant_names(file)]

HALF = {0: (4932.4, 4.2), 1: (5912.1, 4.2), 3: (12005.6, 3.5)}
FULL = {0: (3555.2, 2.5), 2: (11472.1, 4.2), 3: (13930.9, 4.2)}
"""End of protocol steps: time [s], voltage [V]."""

CRACKED = {
    # end of step: time [s], mean SoL, SoL 90 um from the crack's edge at 25, 80 and 135 um depth
    0: (3940.6, 0.35863, (0.35275, 0.35724, 0.35958)),
    1: (4187.9, 0.33484, (0.33052, 0.33373, 0.33543)),
    3: (9052.4, 0.96192, (0.96930, 0.96400, 0.96078)),
}


def ran(name: str, folder: Path, variant: str | None = None) -> xr.Dataset:
    """The record of a whole run."""
    result = run_scenario(load_scenario(FOLDER / f"{name}.yaml", variant), folder / "run")
    assert result.solution.outcome.ok, result.solution.outcome.message
    assert abs(result.solution["Lithium balance error"].values).max() < 1e-7
    return result.solution.record


def end(record: xr.Dataset, step: int) -> int:
    """Row at which a protocol step ends (counted from 0)."""
    return int(np.flatnonzero(record["Step"].values == step)[-1])


def test_there_are_scenarios() -> None:
    assert {"cracked_nmc622", "half_cell_xu2019", "full_cell_chen2020"} <= {file.stem for file in FILES}
    assert ("cracked_nmc622", "three_cycles") in VARIANTS


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_every_variant_is_valid(name: str, variant: str) -> None:
    file = FOLDER / f"{name}.yaml"
    if "file: volumes/" in file.read_text(encoding="utf-8") and "LITHOSCAPE_DATA" not in os.environ:
        pytest.skip("the image is not here: LITHOSCAPE_DATA is not set")
    plan, case = prepare(load_scenario(file, variant))
    assert len(plan.sequence) >= 1
    stated = yaml.safe_load(file.read_text(encoding="utf-8")).get("validation")
    assert (case is None) == (stated is None)


@pytest.mark.parametrize(("name", "ends"), [("half_cell_xu2019", HALF), ("full_cell_chen2020", FULL)])
def test_one_dimensional_runs_end_where_they_ended(name: str, ends: dict, tmp_path: Path) -> None:
    record = ran(name, tmp_path)
    for step, (time, voltage) in ends.items():
        row = end(record, step)
        assert record["time"].values[row] == pytest.approx(time, rel=1e-3)
        assert record["Voltage [V]"].values[row] == pytest.approx(voltage, abs=1e-4)
    assert end(record, max(ends)) == record.sizes["time"] - 1


@pytest.mark.slow
def test_the_cracked_cell_ends_where_it_ended(tmp_path: Path) -> None:
    record = ran("cracked_nmc622", tmp_path, "quick")
    gauge = record["Gauge state of lithiation"]
    bulk = list(record["position"].values).index(pytest.approx(115e-6))
    for step, (time, mean, levels) in CRACKED.items():
        row = end(record, step)
        assert record["time"].values[row] == pytest.approx(time, rel=1e-3)
        assert record["Mean state of lithiation"].values[row] == pytest.approx(mean, abs=5e-4)
        assert gauge.values[row, :, bulk] == pytest.approx(levels, abs=1e-3)
    assert end(record, 5) == record.sizes["time"] - 1
    signal = record["Gauge signal"].values
    within = np.abs(record["position"].values) < 16e-6
    assert np.all(signal[:, within] == 0.0)
    assert np.all(np.isnan(gauge.values[:, :, within]))
    assert signal[:, bulk] == pytest.approx(0.35137, abs=1e-5)
    # the box at the crack's edge, 20 to 30 um, sees more of the matrix the deeper it is
    edge = list(record["position"].values).index(pytest.approx(25e-6))
    matrix = (30 - (25 - 4 * np.array([25, 80, 135]) / 175)) / 10
    assert signal[:, edge] / signal[:, bulk] == pytest.approx(matrix, abs=0.04)
    assert (tmp_path / "run" / "report.html").stat().st_size > 1e5
    assert (tmp_path / "run" / "comparison.json").is_file()
