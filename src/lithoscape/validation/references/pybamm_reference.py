"""Reference discharges from PyBaMM's Doyle-Fuller-Newman model.

Tests, benchmarks and the validation book import it. Every run uses tight IDAKLU tolerances and a
mesh on which PyBaMM itself has converged (``CONVERGED``). Currents follow
PyBaMM's convention: C-rate times nominal cell capacity, discharge positive;
:func:`current_density` gives the same in A/m2 of electrode.

Where PyBaMM differs from the bare equations (all invisible before the last
percent of a discharge, and all switched off with ``bare=True``):

* it adds exponential asymptotes to every open-circuit potential near x = 0 and 1;
* it regularises the powers in exchange currents with a relative width of 1e-3;
* it floors c_e at 10 mol/m3 in the conductivity and the diffusivity.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

os.environ.setdefault("PYBAMM_DISABLE_TELEMETRY", "true")

import pybamm
from pybamm.parameters import lithium_ion_parameters
from scipy.interpolate import PchipInterpolator

HALF_CELLS = {"Xu2019": "Xu2019", "Chen2020_half": "Chen2020", "ORegan2022_half": "ORegan2022"}
"""Half-cell set -> PyBaMM parameter set that carries its positive electrode."""

CONVERGED: dict[str, dict[str, int]] = {
    "Xu2019": {"x": 80, "r": 120},
    "Chen2020_half": {"x": 160, "r": 120},
    "ORegan2022_half": {"x": 160, "r": 120},
    "Chen2020": {"x": 160, "r": 80},
}
"""Points per x-domain and per particle radius (exponential mesh, stretch 2).

On these meshes the voltage over 99 % of the discharge is within 0.09 mV rms of
the mesh-free limit at C/2, 1C and 3C; :func:`limit_in_x` takes that to 0.02 mV.
The exception is Chen2020 at 3C, where the electrolyte is depleted: 0.25 mV at
x = 160, 0.12 mV at 320, 0.08 mV at 480; use ``limit_in_x(..., x=480)`` there.
"""


@dataclass(frozen=True)
class Discharge:
    """A reference run: time [s], voltage [V], end time [s], wall time of the solve [s]."""

    time: np.ndarray
    voltage: np.ndarray
    end_time: float
    wall_time: float
    current_density: float
    step_ends: tuple[float, ...] = ()
    """Ends of the steps of an experiment [s]."""


def parameter_values(set_name: str) -> pybamm.ParameterValues:
    """PyBaMM's parameters for ``set_name``; half cells get Xu 2019's lithium metal."""
    values = pybamm.ParameterValues(HALF_CELLS.get(set_name, set_name))
    if set_name in HALF_CELLS and set_name != "Xu2019":
        lithium = pybamm.ParameterValues("Xu2019")
        names = [n for n in lithium if n.startswith("Negative electrode") or "ithium metal" in n]
        values.update({name: lithium[name] for name in names}, check_already_exists=False)
        # against lithium the initial state lies above the full cell's upper limit
        values["Upper voltage cut-off [V]"] = max(4.3, values["Upper voltage cut-off [V]"])
    return values


def electrode_area(set_name: str) -> float:
    """Electrode area that carries the nominal capacity [m2]."""
    values = parameter_values(set_name)
    parallel = values["Number of electrodes connected in parallel to make a cell"]
    return float(values["Electrode height [m]"] * values["Electrode width [m]"] * parallel)


def current_density(set_name: str, c_rate: float) -> float:
    """Discharge current density of ``c_rate`` in PyBaMM's sense [A/m2]: C-rate * capacity / area."""
    nominal = float(parameter_values(set_name)["Nominal cell capacity [A.h]"])
    return c_rate * nominal / electrode_area(set_name)


def half_cell_dfn(set_name: str, protocol: float | Sequence[str] = 1.0, **options: Any) -> Discharge:
    """Discharge (C-rate) or experiment (strings) of a half cell; see :func:`full_cell_dfn`."""
    model = pybamm.lithium_ion.DFN({"working electrode": "positive"})
    return _run(model, set_name, protocol, **options)


def full_cell_dfn(set_name: str, protocol: float | Sequence[str] = 1.0, **options: Any) -> Discharge:
    """Discharge or experiment of a full cell from the set's initial state.

    Parameters
    ----------
    set_name:
        ``"Chen2020"``, ``"ORegan2022"``, ``"Marquis2019"``.
    protocol:
        C-rate of a constant-current discharge to the lower cut-off, or a list of
        experiment lines such as ``"Discharge at 1C until 2.5 V"``.
    options:
        ``x``, ``r`` points; ``stretch`` of the radial mesh towards the surface (0 =
        uniform); ``cut_off`` [V]; ``samples`` of the returned curve; ``tolerance``;
        ``bare`` removes PyBaMM's additions to the equations; ``parameters`` overrides.
    """
    return _run(pybamm.lithium_ion.DFN(), set_name, protocol, **options)


def _run(
    model: Any,
    set_name: str,
    protocol: float | Sequence[str],
    *,
    x: int | None = None,
    r: int | None = None,
    stretch: float = 2.0,
    cut_off: float | None = None,
    samples: int = 500,
    tolerance: float = 1e-8,
    bare: bool = False,
    parameters: dict[str, Any] | None = None,
) -> Discharge:
    values = parameter_values(set_name)
    if cut_off is not None:
        values["Lower voltage cut-off [V]"] = cut_off
    values.update(parameters or {}, check_already_exists=False)
    converged = CONVERGED.get(set_name, {"x": 40, "r": 40})
    mesh = _mesh(model, x or converged["x"], r or converged["r"], stretch)
    solver = pybamm.IDAKLUSolver(rtol=tolerance, atol=tolerance)
    with _bare_equations(bare):
        if isinstance(protocol, int | float):
            return _constant_current(model, values, float(protocol), set_name, solver, mesh, samples)
        return _experiment(model, values, protocol, set_name, solver, mesh)


def limit_in_x(run: Callable[..., Discharge], set_name: str, c_rate: float, **options: Any) -> Discharge:
    """Constant-current discharge extrapolated to an infinitely fine x-mesh.

    PyBaMM converges with the first power of 1/x, whatever the order of its
    boundary extrapolation (from x = 80, with a depleted electrolyte from 240).
    Curves on half and on all of the points of ``CONVERGED`` (or of ``x``) are
    combined at equal fractions of their discharge times: 2 V(x) - V(x/2), and
    the end times likewise.
    """
    x = options.pop("x", None) or CONVERGED[set_name]["x"]
    fine, coarse = (run(set_name, c_rate, x=points, **options) for points in (x, x // 2))
    end = 2.0 * fine.end_time - coarse.end_time
    return Discharge(
        np.linspace(0.0, end, len(fine.time)),
        2.0 * fine.voltage - coarse.voltage,
        end,
        fine.wall_time + coarse.wall_time,
        fine.current_density,
    )


def _constant_current(
    model: Any, values: Any, c_rate: float, set_name: str, solver: Any, mesh: dict[str, Any], samples: int
) -> Discharge:
    horizon = 3600.0 / c_rate * 2.0
    # with depleted salt there are so many steps that the states of all of them fill the memory
    solver = pybamm.IDAKLUSolver(rtol=solver.rtol, atol=solver.atol, output_variables=["Voltage [V]"])
    simulation = pybamm.Simulation(model, parameter_values=values, C_rate=c_rate, solver=solver, **mesh)
    simulation.build()
    start = time.perf_counter()
    solution = simulation.solve([0.0, horizon])
    wall = time.perf_counter() - start
    end = float(solution.t[-1])
    times, first = np.unique(solution.t, return_index=True)
    curve = PchipInterpolator(times, np.asarray(solution["Voltage [V]"].data)[first])
    grid = np.linspace(0.0, end, samples)
    voltage = curve(grid)
    return Discharge(grid, voltage, end, wall, current_density(set_name, c_rate))


def _experiment(
    model: Any, values: Any, lines: Sequence[str], set_name: str, solver: Any, mesh: dict[str, Any]
) -> Discharge:
    experiment = pybamm.Experiment([tuple(lines)], period="10 seconds")
    simulation = pybamm.Simulation(
        model, parameter_values=values, experiment=experiment, solver=solver, **mesh
    )
    start = time.perf_counter()
    solution = simulation.solve()
    wall = time.perf_counter() - start
    return Discharge(
        np.asarray(solution["Time [s]"].entries),
        np.asarray(solution["Voltage [V]"].entries),
        float(solution.t[-1]),
        wall,
        current_density(set_name, 1.0),
        tuple(float(step.t[-1]) for cycle in solution.cycles for step in cycle.steps),
    )


def _mesh(model: Any, x: int, r: int, stretch: float) -> dict[str, Any]:
    points = {"x_n": x, "x_s": x, "x_p": x, "r_n": r, "r_p": r}
    submesh = dict(model.default_submesh_types)
    if stretch:
        radial = pybamm.MeshGenerator(
            pybamm.Exponential1DSubMesh, submesh_params={"side": "right", "stretch": stretch}
        )
        for name in submesh:
            if name.endswith("particle"):
                submesh[name] = radial
    return {"var_pts": points, "submesh_types": submesh}


@contextmanager
def _bare_equations(bare: bool) -> Iterator[None]:
    """Remove PyBaMM's asymptotes, regularisation and floors while ``bare``."""
    if not bare:
        yield
        return
    asymptotes = lithium_ion_parameters.U_asymptotes
    kept = dict(pybamm.settings.tolerances)
    try:
        lithium_ion_parameters.U_asymptotes = lambda sto: 0.0 * sto
        pybamm.settings.tolerances.update({"reg_power": 1e-9, "D_e__c_e": 1e-3, "kappa_e__c_e": 1e-3})
        yield
    finally:
        lithium_ion_parameters.U_asymptotes = asymptotes
        pybamm.settings.tolerances.update(kept)


def half_cell_spectrum(set_name: str, frequencies: np.ndarray, layer: float, x: int) -> np.ndarray:
    """PyBaMM's EISSimulation of a half cell at its initial state, without current [ohm m2].

    Double layers of ``layer`` [F/m2] in the electrode and none at the lithium; ``x`` points per domain, 60 in
    the particles, close to the surface.
    """
    model = pybamm.lithium_ion.DFN({"working electrode": "positive", "surface form": "differential"})
    values = parameter_values(set_name)
    layers = {"Positive": layer, "Negative": 1e-12}
    values.update(
        {f"{side} electrode double-layer capacity [F.m-2]": c for side, c in layers.items()},
        check_already_exists=False,
    )
    with _bare_equations(True):
        simulation = pybamm.EISSimulation(model, parameter_values=values, **_mesh(model, x, 60, 6.0))
        solution = simulation.solve(frequencies)
    return np.asarray(solution.impedance) * electrode_area(set_name)


def half_cell_spm(set_name: str, c_rate: float, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """PyBaMM's single-particle model of a half cell on a constant-current discharge.

    Returns the mean and the surface stoichiometry at ``times`` [s] (fewer if it ends before).
    """
    model = pybamm.lithium_ion.SPM({"working electrode": "positive"})
    values = parameter_values(set_name)
    solver = pybamm.IDAKLUSolver(rtol=1e-8, atol=1e-8)
    simulation = pybamm.Simulation(
        model, parameter_values=values, C_rate=c_rate, solver=solver, **_mesh(model, 20, 120, 2.0)
    )
    solution = simulation.solve([0.0, float(times[-1])])
    reached = times[times <= solution.t[-1]]
    names = ("Average positive particle stoichiometry", "Positive particle surface stoichiometry")
    mean, surface = (np.asarray(solution[name](reached)) for name in names)
    return mean.reshape(-1, reached.size).mean(axis=0), surface.reshape(-1, reached.size).mean(axis=0)
