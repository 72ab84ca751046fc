"""Discharges of the homogenised model against PyBaMM's DFN: accuracy and time in one run.

Usage::

    python benchmarks/homogenised_vs_pybamm.py [set ...]

Reference voltages are PyBaMM's on converged meshes, extrapolated in x, without
its additions to the equations. "rms" compares at equal fractions of the
discharge time, over all of it and over its first 99 %. Times are the solve
alone, of a model already compiled: PyBaMM on 20 points per domain and 20 per
radius, its default, with IDAKLU at 1e-6; here 40 cells per electrode, 16 radial
nodes, default tolerances. Both are run three times; the best counts.
"""

import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "peers"))

import dolfinx_solver  # noqa: F401
import numpy as np
from cells import layers
from scipy.interpolate import PchipInterpolator

from lithoscape.materials import get_set
from lithoscape.mesh.structured import layered_cell
from lithoscape.models.cell import cell_from_set
from lithoscape.models.homogenised import homogenised
from lithoscape.protocol import Base, parse_protocol
from lithoscape.simulate import Simulation
from lithoscape.validation.references import pybamm_reference as reference

SETS = ("Xu2019", "Chen2020_half", "ORegan2022_half", "Chen2020")
RATES = (0.5, 1.0, 3.0)
REPEATS = 3


def ours(name: str, rate: float, voltage: float):
    """Fastest of the runs: solution and seconds."""
    one, materials = reference.current_density(name, 1.0), get_set(name)
    lines = parse_protocol([f"Discharge at {rate}C until {voltage:.6f} V"])
    best = np.inf
    for _ in range(REPEATS):
        problem = homogenised(
            layered_cell(layers(materials, 40, 4.0)), cell_from_set(materials, one, radial_nodes=16)
        )
        run = Simulation(problem, lines, Base(one, 1.0))
        start = time.perf_counter()
        solution = run.run()
        best = min(best, time.perf_counter() - start)
        if not solution.outcome.ok:
            raise RuntimeError(f"{name} at {rate}C: {solution.outcome.message}")
    return solution, best


def differences(solution, peer) -> tuple[float, float, float]:
    """Rms over all and over 99 % [mV], end time difference [%]."""
    end, volts = solution["Time [s]"].values, solution["Voltage [V]"].values
    keep = np.append(np.diff(end) > 0, True)
    curve = PchipInterpolator(end[keep], volts[keep])
    fraction = peer.time / peer.end_time
    gap = 1e3 * (curve(fraction * end[-1]) - peer.voltage)[1:]
    early = fraction[1:] <= 0.99
    rms = [float(np.sqrt(np.mean(g**2))) for g in (gap, gap[early])]
    return rms[0], rms[1], 100 * (end[-1] / peer.end_time - 1)


def main(names: tuple[str, ...]) -> None:
    print("set              rate   rms [mV]  rms 99%   end [%]    here [s]  PyBaMM [s]  ratio")
    for name in names:
        run = reference.half_cell_dfn if get_set(name).is_half_cell else reference.full_cell_dfn
        for rate in RATES:
            peer = reference.limit_in_x(run, name, rate, bare=True)
            quick = min(run(name, rate, x=20, r=20, tolerance=1e-6).wall_time for _ in range(REPEATS))
            solution, seconds = ours(name, rate, float(peer.voltage[-1]))
            whole, early, end = differences(solution, peer)
            print(
                f"{name:16s} {rate:4.1f} {whole:10.3f} {early:8.3f} {end:+9.4f} "
                f"{seconds:11.3f} {quick:11.3f} {seconds / quick:6.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or SETS)
