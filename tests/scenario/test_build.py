"""From a scenario to materials, geometry, model and protocol: nothing is lost, nothing is asked twice."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lithoscape.errors import InputError
from lithoscape.materials import get_set
from lithoscape.scenario import build_plan, load_scenario, run_scenario

SMALL = Path(__file__).parents[1] / "cli" / "small_crack.yaml"
HALF = Path(__file__).parents[2] / "scenarios" / "half_cell_xu2019.yaml"


def plan_of(file: Path, **changes: Any):
    return build_plan(
        load_scenario(file, "base", {k.replace("__", "."): v for k, v in changes.items()}).scenario
    )


def test_the_electrode_is_changed_at_once() -> None:
    """More pores and less active material than the set: valid together, in either order not."""
    for porosity, active in ((0.6, 0.3), (0.2, 0.7)):
        positive = plan_of(
            HALF, electrode={"porosity": porosity, "active_fraction": active}
        ).materials.positive
        assert (positive.porosity, positive.active_fraction) == (porosity, active)


def test_what_the_electrode_says_arrives() -> None:
    m = plan_of(
        HALF,
        electrode={"thickness_um": 50, "particle_radius_um": 3.0},
        materials__changes={"separator.porosity": 0.5, "positive.conductivity": 7.0},
        materials__electrolyte="Nyman2008",
    ).materials
    assert m.positive.thickness == pytest.approx(50e-6)
    assert m.positive.particle_radius == pytest.approx(3e-6)
    assert m.positive.initial_stoichiometry == 0.9
    assert m.positive.porosity == get_set("Xu2019").positive.porosity
    assert (m.separator.porosity, m.positive.conductivity) == (0.5, 7.0)
    assert "Nyman" in m.electrolyte.name


def test_the_loading_fills_the_uncracked_volume() -> None:
    """32 mg/cm2 over 195 um minus half of (25 + 21) um times 175 um in 120 um of width."""
    plan = plan_of(SMALL)
    open_share = 23 * 175 / (120 * 195)
    density = plan.materials.positive.material.density
    expected = 0.32 / (density * 195e-6 * (1 - open_share))
    assert plan.materials.positive.active_fraction == pytest.approx(expected, rel=1e-12)
    plain = plan_of(SMALL, electrode__active_loading_mg_cm2=None, electrode__active_fraction=0.3)
    assert plain.materials.positive.active_fraction == 0.3


def test_the_mesh_holds_the_loading() -> None:
    plan = plan_of(SMALL)
    mass = plan.mesh().measure("region", "positive") * plan.materials.positive.active_fraction
    mass *= plan.materials.positive.material.density / 120e-6
    assert mass == pytest.approx(0.32, rel=1e-9)


def test_one_c_is_the_stated_capacity_in_an_hour() -> None:
    base = plan_of(SMALL, cell={"capacity_mAh_cm2": 5, "area_cm2": 2}).base
    assert base.c_rate_current_density == pytest.approx(50.0)
    assert base.area == pytest.approx(2e-4)


def region(plan, name: str):
    return next(r for r in plan.cell.regions if r.name == name)


def test_transport_factors() -> None:
    assert region(plan_of(HALF), "positive").transport == get_set("Xu2019").positive.transport_efficiency
    assert region(plan_of(HALF, electrode={"transport": 0.07}), "positive").transport == 0.07
    axes = {"through": 0.05, "in_plane": 0.2}
    assert tuple(region(plan_of(SMALL, electrode__transport=axes), "positive").transport) == (0.2, 0.05)
    assert tuple(region(plan_of(HALF, electrode={"transport": axes}), "positive").transport) == (0.05,)
    assert region(plan_of(SMALL), "crack").porosity == 1.0


@pytest.mark.slow
def test_through_and_in_plane_are_felt_where_they_say(tmp_path: Path) -> None:
    """A uniform cell in 2D: the salt's spread follows the factor through the plane, not the one in it."""

    def spread(number: int, through: float, in_plane: float) -> float:
        changes = {
            "electrode": {"transport": {"through": through, "in_plane": in_plane}},
            "geometry": {"kind": "layered", "cells": 8, "lateral_um": [40.0], "lateral_cells": 2},
            "protocol": ["Charge at 3C for 60 seconds"],
        }
        result = run_scenario(load_scenario(HALF, "base", changes), tmp_path / str(number))
        assert result.solution.outcome.ok, result.solution.outcome.message
        return float(np.ptp([result.solution[f"{m} electrolyte concentration [mol.m-3]"].values[-1]
                             for m in ("Minimum", "Maximum")]))  # fmt: skip

    plain, lateral, through = spread(0, 0.2, 0.2), spread(1, 0.2, 0.8), spread(2, 0.8, 0.2)
    assert lateral == pytest.approx(plain, rel=1e-6)
    assert through < 0.8 * plain


def test_moments_count_from_one() -> None:
    moments = plan_of(SMALL).moments
    assert [(m.name, m.cycle, m.step, m.after) for m in moments] == [
        ("begin", 0, 0, "start"),
        ("two minutes", 0, 0, 120.0),
        ("rested", 0, 1, "end"),
        ("discharged", 0, 2, "end"),
    ]


def test_moments_named_like_their_place_are_refused() -> None:
    moment = [{"name": "end", "cycle": 1, "step": 1, "after_min": 1.0}]
    with pytest.raises(InputError, match="names of their own"):
        plan_of(SMALL, output__moments=moment)


@pytest.mark.parametrize(
    ("x", "lines"),
    [
        (0.3, ["Discharge at 1C until 3.6 V"]),
        (0.3, ["Rest for 1 s", "Hold at 4.2 V until C/20", "Charge at 1C until 3.7 V"]),
        (0.3, ["Rest until 3.7 V or for 1 s"]),
        (0.097, ["Charge at 1C until 4.2 V"]),  # as full as the limit says, to a millivolt
    ],
)
def test_initial_states_that_the_protocol_can_use(x: float, lines: list[str]) -> None:
    assert len(plan_of(HALF, initial={"state_of_lithiation": x}, protocol=lines).sequence) == len(lines)
