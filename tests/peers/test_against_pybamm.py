"""Discharges and protocols against PyBaMM's Doyle-Fuller-Newman model.

A discharge is compared with PyBaMM's limit of an infinitely fine x-mesh at
equal fractions of the discharge times, which separates the shape of the curve
(rms) from the capacity (end time). Half cells of Chen2020 and ORegan2022 reach
2.5 V only when their particles are full; the voltage then falls vertically, so
shape is judged over the first 99 % and the fall by the end time.
"""

import dolfinx_solver  # noqa: F401
import numpy as np
import pytest
from cells import layers
from scipy.interpolate import PchipInterpolator

from lithoscape.materials import get_set
from lithoscape.mesh.structured import layered_cell
from lithoscape.models.cell import cell_from_set
from lithoscape.models.homogenised import homogenised
from lithoscape.protocol import Base, parse_protocol
from lithoscape.simulate import Options, Simulation, Solution
from lithoscape.solver import TimeOptions
from lithoscape.validation.references import pybamm_reference as reference

FALLS = ("Chen2020_half", "ORegan2022_half")


def ours(name: str, lines: list[str], cells: int = 40, relative: float = 1e-4) -> Solution:
    """The same cell here; ``relative`` is the tolerance of the time steps."""
    one = reference.current_density(name, 1.0)
    materials = get_set(name)
    domain = layered_cell(layers(materials, cells, 4.0))
    problem = homogenised(domain, cell_from_set(materials, one, radial_nodes=16))
    options = Options(time=TimeOptions(relative=relative))
    solution = Simulation(problem, parse_protocol(lines), Base(one, 1.0), options=options).run()
    assert solution.outcome.ok, solution.outcome.message
    return solution


def interpolated(time: np.ndarray, voltage: np.ndarray) -> PchipInterpolator:
    keep = np.append(np.diff(time) > 0, True)
    return PchipInterpolator(time[keep], voltage[keep])


def shape(solution: Solution, peer: reference.Discharge, upto: float) -> float:
    """Rms voltage difference [V] over the first part of the discharge, at equal fractions of it."""
    time = solution["Time [s]"].values
    part = peer.time[(peer.time > 0) & (peer.time <= upto * peer.end_time)] / peer.end_time
    there = np.interp(part, peer.time / peer.end_time, peer.voltage)
    return float(
        np.sqrt(np.mean((interpolated(time, solution["Voltage [V]"].values)(part * time[-1]) - there) ** 2))
    )


CASES = [
    pytest.param(name, rate, marks=() if (name, rate) == ("Xu2019", 1.0) else pytest.mark.slow)
    for name in ("Xu2019", "Chen2020_half", "ORegan2022_half", "Chen2020")
    for rate in (0.5, 1.0, 3.0)
]


@pytest.mark.parametrize(("name", "rate"), CASES)
def test_discharge(name: str, rate: float) -> None:
    run = reference.half_cell_dfn if get_set(name).is_half_cell else reference.full_cell_dfn
    peer = reference.limit_in_x(run, name, rate, bare=True)
    solution = ours(name, [f"Discharge at {rate}C until {peer.voltage[-1]:.6f} V"])
    assert solution["Time [s]"].values[-1] == pytest.approx(peer.end_time, rel=5e-4)
    assert shape(solution, peer, 0.99) < 0.5e-3
    if name not in FALLS:
        assert shape(solution, peer, 1.0) < 0.5e-3


PROTOCOLS = {
    "Xu2019": [
        "Discharge at 1C until 3.7 V",
        "Charge at 1C until 4.1 V",
        "Hold at 4.1 V until C/20",
        "Rest for 10 minutes",
        "Discharge at 1C until 3.6 V",
    ],
    "Chen2020": [
        "Discharge at 1C until 3.2 V",
        "Charge at 1C until 4.1 V",
        "Hold at 4.1 V until C/20",
        "Rest for 10 minutes",
        "Discharge at 1C until 3.0 V",
    ],
}


def step_ends(time: np.ndarray) -> np.ndarray:
    """Times at which steps ended: they are recorded twice."""
    return np.append(time[:-1][np.diff(time) <= 0], time[-1])


@pytest.mark.slow
@pytest.mark.parametrize("name", list(PROTOCOLS))
def test_protocol(name: str) -> None:
    lines = PROTOCOLS[name]
    run = reference.half_cell_dfn if get_set(name).is_half_cell else reference.full_cell_dfn
    peer = run(name, lines, bare=True)
    # the end of a hold hangs on a slowly falling current, and so on the steps
    solution = ours(name, lines, relative=1e-6)
    mine, theirs = step_ends(solution["Time [s]"].values), peer.step_ends
    assert len(mine) == len(theirs) == len(lines)
    assert mine == pytest.approx(theirs, rel=5e-4)
    time, voltage, gaps = solution["Time [s]"].values, solution["Voltage [V]"].values, []
    pieces = np.split(np.arange(time.size), 1 + np.flatnonzero(np.diff(time) <= 0))
    for k, piece in enumerate(pieces):
        curve = interpolated(time[piece], voltage[piece])
        start_mine, start_theirs = (0.0 if k == 0 else ends[k - 1] for ends in (mine, theirs))
        inside = (peer.time > start_theirs + 0.02) & (peer.time < theirs[k] - 0.02)
        part = (peer.time[inside] - start_theirs) / (theirs[k] - start_theirs)
        gaps.append(curve(start_mine + part * (mine[k] - start_mine)) - peer.voltage[inside])
    rms = [float(np.sqrt(np.mean(gap**2))) for gap in gaps]
    assert max(rms) < 0.5e-3, rms
