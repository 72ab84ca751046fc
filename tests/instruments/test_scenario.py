"""Instruments of scenario files: what a run records with them, and that nothing changes without them."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import dolfinx_solver  # noqa: F401
import numpy as np
import pytest
import xarray as xr
import yaml

from lithoscape.errors import InputError
from lithoscape.instruments import Acquisition, at_times, mean_over, mixed, nmc811, seen_at, weighted_mean
from lithoscape.scenario import load_scenario, run_scenario
from lithoscape.scenario.build import build_plan
from lithoscape.scenario.devices import with_readings
from lithoscape.scenario.placing import Placed
from lithoscape.validation.reading import Frame, Reading

GAUGE_MAP = {
    "depths_um": [25, 80], "positions_um": [-10, 25, 35, 60], "beam_um": [10, 10],
    "groups": {"near": [-10, 25], "far": [60]},
}  # fmt: skip
MORE = {
    "crack_length_um": 1300, "reflections_two_theta_deg": [3.3, 6.5], "pattern_time_s": 3,
    "weighting": "signal", "sol_uncertainty": 0.004,
}  # fmt: skip
CELL = {
    "title": "tiny cracked cell",
    "materials": {"set": "NMC622_half", "electrolyte": "Nyman2008"},
    "geometry": {
        "kind": "cracked", "half_width_um": 90, "cell_size_um": 40,
        "crack": {"width_um": 50, "bottom_width_um": 42, "depth_um": 120},
    },
    "electrode": {"thickness_um": 150, "porosity": 0.5, "active_fraction": 0.35, "transport": 0.05},
    "cell": {"capacity_mAh_cm2": 4.0},
    "initial": {"state_of_lithiation": 0.45},
    "protocol": ["Discharge at 1C for 4 minutes", "Rest for 4 minutes"],
    "output": {"fields": False},
    "solver": {"radial_nodes": 5, "relative_tolerance": 1e-2},
}  # fmt: skip
COMPTON = {"regions": 3, "pixel_um": 40, "region_time_min": 1, "counts": 20000}
CYCLER = {
    "interval_s": 30, "trigger_mV": 5, "voltage_resolution_mV": 1, "voltage_noise_mV": 0.5,
    "voltage_range_V": [0, 5], "current_resolution_A_m2": 0.01,
}  # fmt: skip


def loaded(folder: Path, instruments: dict[str, Any], **changes: Any):
    file = folder / "tiny.yaml"
    file.write_text(yaml.safe_dump({**CELL, **changes, "instruments": instruments}), encoding="utf-8")
    return load_scenario(file)


def run(folder: Path, instruments: dict[str, Any], **changes: Any) -> xr.Dataset:
    folder.mkdir()
    result = run_scenario(loaded(folder, instruments, **changes), folder / "run")
    assert result.solution.outcome.ok
    return result.solution.record


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, xr.Dataset]:
    folder = tmp_path_factory.mktemp("instruments")
    full = {"gauge_map": GAUGE_MAP | MORE, "compton": COMPTON, "cycler": CYCLER}
    return {
        "plain": run(folder / "plain", {"gauge_map": GAUGE_MAP}),
        "full": run(folder / "full", full),
        "saved": xr.load_dataset(folder / "full" / "run" / "record.nc", engine="h5netcdf"),
    }


def test_without_the_new_keys_a_record_is_what_it_was(records: dict[str, xr.Dataset]) -> None:
    plain, full = records["plain"], records["full"]
    new = {str(name) for name in full.data_vars} - {str(name) for name in plain.data_vars}
    assert all(name.split()[0] in ("Gauge", "Far", "Share", "Time", "Compton", "Cycler") for name in new)
    assert set(plain.dims) == {"time", "depth", "position"}
    for name in plain.data_vars:
        assert plain[name].values == pytest.approx(full[name].values, rel=1e-12, abs=1e-12, nan_ok=True)
    assert set(records["saved"].data_vars) == set(full.data_vars)


def test_reflections_mix_in_what_is_far_from_the_crack(records: dict[str, xr.Dataset]) -> None:
    r = records["full"]
    share = r["Share of gauge volume in crack length"].values
    assert share == pytest.approx([0.738, 0.998], abs=1e-3)
    sol, signal = r["Gauge state of lithiation"].values, r["Gauge signal"].values
    far, far_signal = r["Far state of lithiation"].values, r["Far signal"].values
    assert far_signal == pytest.approx(0.35, rel=1e-9)
    expected, weight = mixed(sol[-1], signal, far[-1][:, None], far_signal[:, None], share[0])
    seen = r["Gauge state of lithiation by reflection"].values
    assert seen[-1, 0] == pytest.approx(expected, rel=1e-12)
    assert r["Gauge signal by reflection"].values[0] == pytest.approx(weight, rel=1e-12)
    # within the crack (position 0) there is no material of its own, only the electrode beyond its ends
    assert np.isnan(sol[:, 0, 0]).all()
    assert seen[:, 0, :, 0] == pytest.approx(far, rel=1e-12)
    assert r["Gauge average state of lithiation"].sel(group="all").values[-1] == pytest.approx(
        weighted_mean(seen[-1], r["Gauge signal by reflection"].values), rel=1e-12
    )


def test_the_book_can_read_a_reflection_in_place_of_the_cross_section(records) -> None:
    r = records["full"]
    plan_reading = devices_of(r)
    variant = seen_at(r, plan_reading.collimator, plan_reading.crack, 3.3)
    frame = Frame({"top": 25.0}, {"near": "near"}, {})
    there = Reading(variant, frame).group("top", "near")
    seen = r["Gauge state of lithiation by reflection"].values[:, 0, 0, :2]
    assert there == pytest.approx(seen.mean(axis=1), rel=1e-12)


def devices_of(record: xr.Dataset):
    """The gauge reading of the scenario that a record carries."""
    from lithoscape.scenario.schema import Scenario

    scenario = Scenario.model_validate(json.loads(record.attrs["specification"]))
    return build_plan(scenario).devices.reading


def test_maps_are_acquired_point_by_point(records: dict[str, xr.Dataset]) -> None:
    r = records["full"]
    when = r["Time of acquisition [s]"].values
    assert when.shape == (20, 2, 4)
    assert when == pytest.approx(Acquisition(3.0).times((2, 4), 20))
    seen = r["Gauge state of lithiation by reflection"]
    expected = at_times(r["time"].values, seen.values[:, 1, 1, 2], when[:, 1, 2])
    got = r["Gauge state of lithiation as acquired"].transpose("map", "reflection", "depth", "position")
    assert got.values[:, 1, 1, 2] == pytest.approx(expected, rel=1e-12)


def test_uncertainty_grows_where_the_signal_is_sparse(records: dict[str, xr.Dataset]) -> None:
    r = records["full"]
    signal, each = r["Gauge signal by reflection"].values, r["Gauge uncertainty"].values
    expected = 0.004 * np.sqrt(signal.max() / signal)
    assert each[0] == pytest.approx(expected[0], rel=1e-9)
    assert each[0].max() > 1.5 * each.min() == pytest.approx(0.006)
    # at 6.5 degrees a volume within the crack has no pattern worth the name
    assert np.isinf(each[1, 0]).tolist() == [True, False, False, False]
    assert np.isnan(r["Gauge state of lithiation by reflection"].values[-1, 1, 0]).tolist() == [
        True,
        *[False] * 3,
    ]


def test_compton_regions(records: dict[str, xr.Dataset]) -> None:
    r = records["full"]
    regions, signal = r["Compton stoichiometry"].values, r["Compton signal"].values
    # thirds of the electrode weighted by active material make up its mean
    total = (regions * signal).sum(axis=1) / signal.sum()
    assert total == pytest.approx(r["Mean state of lithiation"].values, abs=2e-4)
    assert np.all(np.diff(regions[-1]) < 0)
    own = r["Compton uncertainty"].values
    s = nmc811().s(regions)
    counts = 20000 * signal / signal.max()
    assert own == pytest.approx(nmc811().slope * (1 + s) * np.sqrt(s / counts), rel=1e-9)
    start = r["time"].values[r["Step"].values == 1][0]
    exposed = r["Compton stoichiometry as exposed"].values
    assert r["Time of exposure [s]"].values[0] == pytest.approx(start + np.array([30.0, 90.0, 150.0]))
    expected = [mean_over(r["time"].values, regions[:, k], start + 60 * k, 60.0) for k in range(3)]
    assert exposed[0] == pytest.approx(np.array(expected), rel=1e-12)


def test_compton_pixels(records: dict[str, xr.Dataset]) -> None:
    r = records["full"]
    pixels, signal = r["Compton stoichiometry by pixel"], r["Compton signal by pixel"].values
    assert pixels.dims == ("time", "region", "pixel_x")
    assert pixels["pixel_x"].values == pytest.approx([20e-6, 60e-6])
    # the crack takes most of the first pixel, nothing of the second
    assert signal[0, 1] == pytest.approx(0.35, rel=1e-9)
    assert signal[0, 0] == pytest.approx(0.35 * (1 - 24.17 / 40), rel=0.03)


def test_the_cycler_samples_the_run(records: dict[str, xr.Dataset]) -> None:
    r = records["full"]
    time, volts = r["Cycler time [s]"].values, r["Cycler voltage [V]"].values
    assert np.diff(time).max() <= 30 + 1e-9
    truth = np.interp(time, r["time"].values, r["Voltage [V]"].values)
    inside = ~np.isin(time, [240.0])
    assert abs(volts - truth)[inside].max() < 5 * r["Cycler voltage uncertainty [V]"].values[0]
    assert set(r["Cycler step"].values) == {0.0, 1.0}
    # by time alone samples would be up to 65 mV apart; readings scatter, by 5 deviations of a difference here
    within = np.diff(r["Cycler step"].values) == 0
    scatter = 5 * np.sqrt(2) * r["Cycler voltage uncertainty [V]"].values[0]
    assert abs(np.diff(volts))[within].max() < 5e-3 + scatter


@pytest.mark.mpi
@pytest.mark.slow
def test_two_processes_read_what_one_does(records: dict[str, xr.Dataset], tmp_path: Path) -> None:
    """Boxes that the processes share, the noise of the cycler and what is acquired in sequence included."""
    full = {"gauge_map": GAUGE_MAP | MORE, "compton": COMPTON, "cycler": CYCLER}
    file = loaded(tmp_path, full).path
    launcher = str(Path(sys.executable).with_name("mpiexec"))
    words = [launcher, "-n", "2", sys.executable, "-m", "lithoscape", "run", str(file), "--json"]
    done = subprocess.run(
        [*words, "--out", str(tmp_path / "run")], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout)["statistics"]["ranks"] == 2
    one, two = records["saved"], xr.load_dataset(tmp_path / "run" / "record.nc", engine="h5netcdf")
    assert set(two.variables) == set(one.variables)
    for name in one.data_vars:
        assert two[name].dims == one[name].dims, name
        assert two[name].values == pytest.approx(one[name].values, rel=1e-7, abs=1e-9, nan_ok=True), name
    for name in ("steps", "gauge_groups", "specification", "status"):
        assert two.attrs[name] == one.attrs[name], name


def test_a_run_too_short_for_a_map_says_so(tmp_path: Path) -> None:
    plan = build_plan(loaded(tmp_path, {"gauge_map": GAUGE_MAP | {"pattern_time_s": 100}}).scenario)
    record = xr.Dataset(
        {"Gauge state of lithiation": (("time", "depth", "position"), np.zeros((2, 2, 4)))},
        {"time": [0.0, 700.0], "depth": [25e-6, 80e-6], "position": np.arange(4.0)},
    )
    out = with_readings(record, plan.devices, [(0, "rest")])
    (note,) = json.loads(out.attrs["instrument_notes"])
    assert "700" in note
    assert set(out.data_vars) == set(record.data_vars)
    assert with_readings(record.isel(time=slice(0)), plan.devices, []).identical(record.isel(time=slice(0)))


def test_linear_fields_in_compton_regions_are_exact(tmp_path: Path) -> None:
    """A layered cell, SoL set to 0.3 + 1000 m^-1 depth: the mean of a region is the value at its middle."""
    layered = {"kind": "layered", "cells": 7, "clustering": 1.0}
    plan = build_plan(
        loaded(tmp_path, {"compton": {"edges_um": [0, 30, 150], "beam_um": 20}}, geometry=layered).scenario
    )
    problem, _ = plan.problem()
    from lithoscape.models.observe import Lithiation

    lithiation = Lithiation(problem)
    depth = lithiation.space.tabulate_dof_coordinates()[:, 0] - plan.surface
    lithiation.by_class = lambda: [0.3 + 1000 * depth]  # type: ignore[method-assign]
    placed = Placed(plan, problem, lithiation)
    assert placed.probes["Compton stoichiometry"]() == pytest.approx([0.315, 0.39], rel=1e-9)
    assert placed.fixed["Compton signal"][1] == pytest.approx([0.35, 0.35], rel=1e-9)


def test_compton_pixels_in_three_dimensions(tmp_path: Path) -> None:
    """SoL 0.3 + 1000 x + 500 y + 2000 depth over 80 by 60 um: a pixel reads its middle."""
    from lithoscape.models.observe import Lithiation

    block = {"kind": "layered", "cells": 4, "clustering": 1.0, "lateral_um": [80, 60], "lateral_cells": 2}
    spec = {"compton": {"regions": 2, "pixel_um": 40}}
    plan = build_plan(loaded(tmp_path, spec, geometry=block).scenario)
    problem, _ = plan.problem()
    lithiation = Lithiation(problem)
    x = lithiation.space.tabulate_dof_coordinates()
    field = 0.3 + x @ [1000.0, 500.0, 2000.0] - 2000 * plan.surface
    lithiation.by_class = lambda: [field]  # type: ignore[method-assign]
    placed = Placed(plan, problem, lithiation)
    pixels = placed.probes["Compton stoichiometry by pixel"]()
    assert pixels.shape == (2, 2, 1)
    assert list(placed.coordinates["Compton stoichiometry by pixel"]) == ["region", "pixel_x", "pixel_y"]
    assert pixels[:, :, 0] == pytest.approx(np.array([[0.405, 0.445], [0.555, 0.595]]), rel=1e-9)
    assert placed.probes["Compton stoichiometry"]() == pytest.approx([0.43, 0.58], rel=1e-9)


def test_linear_fields_in_gauge_volumes_are_exact(tmp_path: Path) -> None:
    """SoL 0.3 + 1000 m^-1 depth + 500 m^-1 x: whole gauge volumes read their middle, the crack none."""
    from lithoscape.models.observe import Lithiation

    plan = build_plan(loaded(tmp_path, {"gauge_map": GAUGE_MAP | {"crack_length_um": 1300}}).scenario)
    problem, _ = plan.problem()
    lithiation = Lithiation(problem)
    x = lithiation.space.tabulate_dof_coordinates()
    lithiation.by_class = lambda: [0.3 + 1000 * (x[:, 1] - plan.surface) + 500 * x[:, 0]]  # type: ignore[method-assign]
    placed = Placed(plan, problem, lithiation)
    sol = placed.probes["Gauge state of lithiation"]()
    assert sol[:, 2:] == pytest.approx(np.array([[0.3425, 0.355], [0.3975, 0.41]]), rel=1e-9)
    assert np.isnan(sol[:, 0]).all()
    assert placed.probes["Far state of lithiation"]() == pytest.approx([0.3675, 0.4225], rel=1e-9)


REFUSED = {
    "angle 0": ({"gauge_map": GAUGE_MAP | MORE | {"reflections_two_theta_deg": [0]}}, "reflections"),
    "no length": ({"gauge_map": GAUGE_MAP | {"reflections_two_theta_deg": [3.3]}}, "instruments.gauge_map"),
    "twice": ({"gauge_map": GAUGE_MAP | MORE | {"reflections_two_theta_deg": [3, 3]}}, "reflections"),
    "no time": ({"gauge_map": GAUGE_MAP | {"pattern_time_s": 0}}, "pattern_time_s"),
    "uncertainty": ({"gauge_map": GAUGE_MAP | {"sol_uncertainty": -0.1}}, "sol_uncertainty"),
    "weighting": ({"gauge_map": GAUGE_MAP | {"weighting": "intensity"}}, "weighting"),
    "slits": ({"gauge_map": GAUGE_MAP | {"collimator": {"outer_mm": 10}}}, "collimator"),
    "deep": ({"compton": {"edges_um": [0, 151]}}, "instruments.compton.edges_um"),
    "edges": ({"compton": {"edges_um": [50, 40]}}, "instruments.compton.edges_um"),
    "beam": ({"compton": {"beam_um": 60}}, "instruments.compton.beam_um"),
    "counts": ({"compton": {"counts": 0}}, "instruments.compton.counts"),
    "range": ({"cycler": CYCLER | {"voltage_range_V": [5, 0]}}, "instruments.cycler.voltage_range"),
    "noise": ({"cycler": CYCLER | {"voltage_noise_mV": 0}}, "instruments.cycler.voltage_noise_mV"),
    "trigger": ({"cycler": CYCLER | {"trigger_mV": -1}}, "instruments.cycler.trigger_mV"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_instruments_that_do_not_fit_are_refused_before_meshing(name: str, tmp_path: Path) -> None:
    instruments, field = REFUSED[name]
    with pytest.raises(InputError) as caught:
        build_plan(loaded(tmp_path, instruments).scenario)
    assert field in str(caught.value.field)
    assert caught.value.remedy


def test_pixels_wider_than_the_cell_are_refused(tmp_path: Path) -> None:
    plan = build_plan(loaded(tmp_path, {"compton": {"pixel_um": 270}}).scenario)
    with pytest.raises(InputError, match="larger than the electrode"):
        Placed(plan, *_problem(plan))


def _problem(plan):
    from lithoscape.models.observe import Lithiation

    plan = replace(plan)
    problem, _ = plan.problem()
    return problem, Lithiation(problem)
