"""Impedance spectra: time of a half cell against PyBaMM's, and of a resolved electrode by number of unknowns.

Usage::

    python benchmarks/impedance_spectrum.py [half] [resolved UNKNOWNS ...]

Without arguments the half cell, and resolved electrodes of 20,000 and 200,000 unknowns. Half cell: 81
frequencies from 1 mHz to 100 kHz, a model already compiled and at rest; PyBaMM on 40 points per domain and
40 per radius, here 40 cells and 24 radial nodes; best of three. "deviation" is the largest from the limits
of infinitely fine meshes of this package. Resolved: a packing with double layers, 71 frequencies from 10
mHz to 100 kHz to 1e-4; the time is that from a compiled problem at rest to the spectrum.
"""

import os
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "peers"))

import dolfinx_solver  # noqa: F401
import numpy as np
from cells import cell_of, problem_of

from lithoscape.impedance import log_frequencies, spectrum
from lithoscape.scenario import load_scenario, prepare
from lithoscape.solver import System
from lithoscape.solver.frequency import Linearised
from lithoscape.solver.potentials import settle
from lithoscape.solver.reduced import reduce
from lithoscape.validation.references import pybamm_reference as reference

ROOT = Path(__file__).parents[1]
NAME, LAYER, REPEATS = "Xu2019", 0.2, 3
HALF = log_frequencies(1e-3, 1e5, 10)
RESOLVED = log_frequencies(1e-2, 1e5, 10)
SIZES = {20_000: 1.0, 60_000: 0.66, 200_000: 0.42}
"""Unknowns -> size of cells at surfaces [um], about."""


def peer(points: int, radial: int, stretch: float = 6.0) -> tuple[np.ndarray, float]:
    """PyBaMM's spectrum [ohm m2] and seconds."""
    import pybamm

    model = pybamm.lithium_ion.DFN({"working electrode": "positive", "surface form": "differential"})
    values = reference.parameter_values(NAME)
    sides = {"Positive": LAYER, "Negative": 1e-12}
    values.update(
        {f"{side} electrode double-layer capacity [F.m-2]": c for side, c in sides.items()},
        check_already_exists=False,
    )
    with reference._bare_equations(True):
        simulation = pybamm.EISSimulation(
            model, parameter_values=values, **reference._mesh(model, points, radial, stretch)
        )
        simulation.solve(HALF)
        seconds = np.inf
        for _ in range(REPEATS):
            start = time.perf_counter()
            solution = simulation.solve(HALF)
            seconds = min(seconds, time.perf_counter() - start)
    return np.asarray(solution.impedance) * reference.electrode_area(NAME), seconds


def ours(cells: int, radial: int) -> tuple[np.ndarray, float]:
    """Spectrum [ohm m2] and seconds."""
    cell = cell_of(NAME, radial_nodes=radial)
    regions = tuple(replace(r, double_layer=LAYER if r.electrode else 0.0) for r in cell.regions)
    system = System(problem_of(NAME, cells, replace(cell, regions=regions)))
    settle(system, 0.0)
    seconds = np.inf
    for _ in range(REPEATS):
        start = time.perf_counter()
        found = spectrum(system, HALF)
        seconds = min(seconds, time.perf_counter() - start)
    return found.impedance, seconds


def half_cell() -> None:
    """Table of the half cell."""
    fine, finer = ours(80, 40)[0], ours(160, 40)[0]
    limit = (4 * finer - fine) / 3
    print("| half cell | unknowns per domain | seconds | deviation |\n|---|---|---|---|")
    for points, radial in ((40, 40), (80, 60)):
        z, seconds = peer(points, radial)
        print(f"| PyBaMM EISSimulation | {points} | {seconds:.3f} | {np.abs(z / limit - 1).max():.1e} |")
    for cells, radial in ((40, 24), (80, 32)):
        z, seconds = ours(cells, radial)
        print(f"| lithoscape | {cells} | {seconds:.3f} | {np.abs(z / limit - 1).max():.1e} |")


def resolved(unknowns: int) -> None:
    """One row of the resolved electrode."""
    size = SIZES.get(unknowns, 1.0 * (20_000 / unknowns) ** (1 / 3))
    changes = {
        "geometry.cell_size_um": size,
        "geometry.recipe_changes.voxel_um": 6 / np.ceil(6 / min(0.5, 0.8 * size)),  # divides the edges
        "geometry.phases.active.double_layer_F_m2": LAYER,
    }
    loaded = load_scenario(ROOT / "tests" / "scenario" / "small_packing.yaml", None, changes)
    problem, _ = prepare(loaded)[0].problem()
    system = System(problem)
    start = time.perf_counter()
    settle(system, 0.0)
    rest = time.perf_counter() - start
    start = time.perf_counter()
    linearised = Linearised(system)
    model = reduce(linearised, RESOLVED, 1e-4)
    model.impedances(2 * np.pi * RESOLVED)
    seconds = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"| {linearised.size} | {rest:.1f} | {seconds:.1f} | {linearised.solves} | {linearised.iterations} "
        f"| {model.error:.1e} | {memory:.1f} |",
        flush=True,
    )


def main() -> None:
    words = sys.argv[1:] or ["half", "resolved", "20000", "200000"]
    if "half" in words:
        half_cell()
    if "resolved" in words:
        print("| unknowns | at rest [s] | spectrum [s] | solves | iterations | error | memory [GB] |")
        print("|---|---|---|---|---|---|---|")
        for word in words:
            if word.isdecimal():
                resolved(int(word))


if __name__ == "__main__":
    main()
