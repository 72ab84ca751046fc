"""Cycles of the freeze-cast half cell: at any rate, with any factor on the electrolyte's transport."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from mpi4py import MPI
from scipy.optimize import brentq

from lithoscape.errors import SolveError
from lithoscape.instruments import ComptonMap
from lithoscape.materials.schema import Electrolyte
from lithoscape.scenario import build_plan, load_scenario
from lithoscape.scenario.devices import COMPTON_PIXELS, EXPOSED
from lithoscape.scenario.observers import HomogenisedObservers
from lithoscape.simulate import Options, Simulation
from lithoscape.solver import TimeOptions

SCENARIO = Path(__file__).parents[1] / "scenarios" / "freeze_cast_nmc811.yaml"
REGIONS, BEAM, PIXEL, EXPOSURE = 3, 250e-6, 270e-6, 719.9
"""Depth regions, height of the sheet beam and edge of a pixel [m], exposure of a region [s] (12 min, less
what rounding takes)."""
CAMERA = {
    "instruments.compton": {"regions": REGIONS, "beam_um": 1e6 * BEAM, "region_time_min": EXPOSURE / 60}
}
"""Changes that place the instrument in a scenario: a sheet beam in the middle of every third."""
WIDE = 4
"""Pixels across the electrode where it has a second dimension."""


@dataclass(frozen=True)
class Cycle:
    """What a charge, a rest, a discharge and a rest came to.

    ``charged`` and ``discharged`` are 1-x by region as the instrument sees them during the rests, and
    ``pixels`` (state, region, pixel) the same by pixel; ``full`` and ``empty`` are the profiles over the
    depth at the ends of charge and discharge. Capacities in A h/m2 (charge, discharge), salt in mol/m3
    (lowest, highest of the run).
    """

    rate: float
    factor: float
    charged: np.ndarray
    discharged: np.ndarray
    pixels: np.ndarray
    slab: np.ndarray
    full: np.ndarray
    empty: np.ndarray
    capacities: tuple[float, float]
    salt: tuple[float, float]
    record: xr.Dataset

    @property
    def swing(self) -> np.ndarray:
        """By region."""
        return np.asarray(self.discharged - self.charged)


def scaled(electrolyte: Electrolyte, factor: float) -> Electrolyte:
    """The electrolyte with conductivity and diffusivity times ``factor``."""
    kappa, diffusivity = electrolyte.conductivity, electrolyte.diffusivity
    return replace(
        electrolyte,
        conductivity=lambda *a, **k: factor * kappa(*a, **k),
        diffusivity=lambda *a, **k: factor * diffusivity(*a, **k),
    )


def protocol(rate: float) -> list[str]:
    """One cycle as in the source, at another rate."""
    pause = "Rest for 36 minutes"
    return [f"Charge at {rate:.8g}C until 4.3 V", pause, f"Discharge at {rate:.8g}C until 2.8 V", pause]


def run_cycle(
    rate: float, factor: float, folder: Path, quick: bool, changes: Mapping[str, Any] | None = None
) -> Cycle:
    """Run one cycle through the instrument; a SolveError if it does not end."""
    longest = max(30.0, 3600 / rate / 100)
    laid = {"protocol": protocol(rate), "solver.largest_step_s": longest, **CAMERA, **(changes or {})}
    loaded = load_scenario(SCENARIO, "quick" if quick else "base", laid)
    plan = build_plan(loaded.scenario, SCENARIO.parent)
    cell = replace(plan.cell, electrolyte=scaled(plan.cell.electrolyte, factor))  # type: ignore[arg-type, union-attr]
    plan = replace(plan, cell=cell)
    problem, _ = plan.problem(MPI.COMM_SELF)
    observers = HomogenisedObservers(plan, problem, folder)
    solver = loaded.scenario.solver
    options = Options(time=TimeOptions(relative=solver.relative_tolerance, largest=solver.largest_step_s))
    simulation = Simulation(
        problem, plan.sequence, plan.base,
        probes=observers.probes, coordinates=observers.coordinates, options=options,
    )  # fmt: skip
    observers.start(simulation)
    solution = simulation.run()
    if not solution.outcome.ok:
        raise SolveError(solution.outcome.message, field="rate", value=rate, remedy=solution.outcome.remedy)
    return read_cycle(observers.annotated(solution.record), rate, factor)


def read_cycle(record: xr.Dataset, rate: float, factor: float = 1.0) -> Cycle:
    """A recorded cycle as the instrument and the cycler read it."""
    step = np.round(record["Step"].values).astype(int)
    ends = [int(np.flatnonzero(step == k)[-1]) for k in range(3)]
    states = record[EXPOSED].values
    depth, charge = record["State of lithiation by depth"], record["Discharge capacity [A.h.m-2]"].values
    salt = [record[f"{w} electrolyte concentration [mol.m-3]"].values for w in ("Minimum", "Maximum")]
    return Cycle(
        rate, factor, *states, by_pixel(record), record["slab"].values,
        depth.values[ends[0]], depth.values[ends[2]],
        (float(-charge[ends[0]]), float(charge[ends[2]] - charge[ends[1]])),
        (float(salt[0].min()), float(salt[1].max())), record,
    )  # fmt: skip


def by_pixel(record: xr.Dataset) -> np.ndarray:
    """1-x (state, region, pixel) over the exposures after charge and discharge.

    A cell of one dimension is even in plane: each of its pixels holds the mean of the region.
    """
    if COMPTON_PIXELS not in record:
        return np.repeat(record[EXPOSED].values[:, :, None], WIDE, axis=2)
    camera = ComptonMap(tuple(np.linspace(0, 1e-3, REGIONS + 1)), PIXEL, BEAM, EXPOSURE)
    starts = record["Time of exposure [s]"].values[:, 0] - EXPOSURE / 2
    return np.stack([camera.exposed(record[COMPTON_PIXELS], float(s)).values for s in starts])


def in_pixels(quick: bool) -> dict[str, Any]:
    """Changes that give the cell a second dimension of :data:`WIDE` pixels; none in the quick variant."""
    if quick:
        return {}
    wide = 1e6 * PIXEL * WIDE
    pixels = {**CAMERA["instruments.compton"], "pixel_um": 1e6 * PIXEL}
    return {
        "geometry.lateral_um": [wide], "geometry.lateral_cells": 2, "geometry.cells": 24,
        "instruments.compton": pixels,
    }  # fmt: skip


def weighted(cycle: Cycle, weights: np.ndarray) -> float:
    """Mean swing, regions by their active material."""
    return float(np.average(cycle.swing, weights=weights))


def search(
    run: Callable[[float], Cycle], swing: Callable[[Cycle], float], wanted: float, low: float, high: float,
    precision: float,
) -> tuple[float, list[tuple[float, Cycle]]]:  # fmt: skip
    """Where between ``low`` and ``high`` the swing is as wanted, to a relative ``precision``; all tried.

    NaN if it is not reached in between.
    """
    tried: dict[float, Cycle] = {}

    def excess(logarithm: float) -> float:
        value = math.exp(logarithm)
        if value not in tried:
            tried[value] = run(value)
        return swing(tried[value]) - wanted

    ends = math.log(low), math.log(high)
    if excess(ends[0]) * excess(ends[1]) > 0:
        return float("nan"), sorted(tried.items())
    root = math.exp(brentq(excess, *ends, xtol=precision, rtol=1e-12))
    return root, sorted(tried.items())
