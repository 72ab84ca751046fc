"""Graded electrodes: layers of a scenario arrive in the model, and add up to the whole."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lithoscape.errors import InputError
from lithoscape.scenario import build_plan, load_scenario, run_scenario

HALF = Path(__file__).parents[2] / "scenarios" / "half_cell_xu2019.yaml"
ICE = Path(__file__).parents[2] / "scenarios" / "freeze_cast_nmc811.yaml"


def half(**electrode: Any):
    geometry = {"clustering": 1, "cells": 20}
    changes = {"electrode": electrode, "geometry": geometry, "protocol": ["Discharge at 1C until 3.6 V"]}
    return load_scenario(HALF, "base", changes)


def layer(name: str, thickness: float, **changes: Any) -> dict[str, Any]:
    even = {"porosity": 0.3, "transport": 0.2, "active_fraction": 0.5}
    return {"name": name, "thickness_um": thickness, **even, **changes}


def test_equal_layers_are_the_whole_electrode(tmp_path: Path) -> None:
    even = {"porosity": 0.3, "transport": 0.2, "active_fraction": 0.5, "thickness_um": 50}
    one = run_scenario(half(**even), tmp_path / "one").solution.record
    two = run_scenario(half(layers=[layer("a", 25), layer("b", 25)]), tmp_path / "two").solution.record
    assert two["Voltage [V]"].values == pytest.approx(one["Voltage [V]"].values, abs=1e-8)
    assert two.sizes["time"] == one.sizes["time"]
    means = two["State of lithiation by layer"].values
    assert means.mean(axis=1) == pytest.approx(two["Mean state of lithiation"].values, abs=1e-5)
    assert list(two["layer"].values) == ["a", "b"]
    assert means[-1, 0] > means[-1, 1] + 1e-4  # the separator side fills first


def test_layers_are_means_weighted_by_what_is_active(tmp_path: Path) -> None:
    layers = [
        layer("top", 20, active_fraction=0.3),
        layer("bottom", 40, transport={"through": 0.05, "in_plane": 0.1}),
    ]
    record = run_scenario(half(layers=layers), tmp_path).solution.record
    weight = np.array([20 * 0.3, 40 * 0.5])
    total = record["State of lithiation by layer"].values @ weight / weight.sum()
    assert total == pytest.approx(record["Mean state of lithiation"].values, abs=1e-4)
    assert abs(record["Lithium balance error"].values).max() < 1e-8
    depth = record["State of lithiation by depth"].values[-1]
    assert depth[0] > depth[-1]


def test_the_set_shows_the_means() -> None:
    positive = build_plan(load_scenario(ICE, "base").scenario).materials.positive
    assert positive.thickness == pytest.approx(1e-3)
    assert positive.porosity == pytest.approx(0.2203, abs=1e-4)
    assert positive.active_fraction == pytest.approx((0.5065 + 0.5832 + 0.6865) / 3, abs=1e-5)


@pytest.mark.parametrize(
    ("electrode", "word"),
    [
        ({"layers": [layer("a", 25)], "porosity": 0.3}, "porosity"),
        ({"layers": [layer("a", 25)], "transport": 0.3}, "transport"),
        ({"layers": [layer("a", 25), layer("a", 25)]}, "names of their own"),
        ({"layers": [layer("separator", 25)]}, "names of their own"),
        ({"layers": [layer("a", 25, porosity=0.6)]}, "exceed 1"),
    ],
)
def test_layers_that_do_not_fit_are_refused(electrode: dict, word: str) -> None:
    with pytest.raises(InputError, match=word):
        half(**electrode)


def test_a_cracked_electrode_has_no_layers() -> None:
    cracked = Path(__file__).parents[1] / "cli" / "small_crack.yaml"
    changes = {"electrode": {"layers": [layer("a", 25)]}}
    try:
        loaded = load_scenario(cracked, "base", {"electrode.active_loading_mg_cm2": None, **changes})
    except InputError as error:
        assert "layers" in str(error)
    else:
        with pytest.raises(InputError, match="layered"):
            build_plan(loaded.scenario)
