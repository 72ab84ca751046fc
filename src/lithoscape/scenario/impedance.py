"""Impedance of what a scenario describes: at its start, or where its protocol ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from mpi4py import MPI

from ..errors import InputError, SolveError
from ..impedance.blocking import blocking_spectrum, pore_transport
from ..impedance.contributions import contributions
from ..impedance.line import fit_line
from ..models.homogenised import HomogenisedCell
from ..models.resolved import ResolvedCell
from ..simulate import Simulation
from ..solver.potentials import settle
from ..spectra import Spectrum
from .build import Plan
from .load import Loaded
from .phases import on_mesh
from .run import _options, prepare

Progress = Callable[[float, str], None]


def scenario_spectra(
    loaded: Loaded,
    frequencies: np.ndarray,
    when: str = "start",
    *,
    progress: Progress | None = None,
    comm: MPI.Comm = MPI.COMM_WORLD,
) -> list[Spectrum]:
    """Spectra of a scenario; nothing is written.

    Parameters
    ----------
    loaded:
        The scenario.
    frequencies:
        [Hz].
    when:
        "start": initial concentrations at rest. "end": after the protocol, under the current that flows
        there; spectra of impedance steps on the way come first.
    """
    _, simulation, spectra = _brought(loaded, when, progress, comm)
    time = simulation.recorder.rows.get("Time [s]", [0.0])[-1]
    return [*spectra, simulation.spectrum(frequencies, {"Time [s]": float(time)})]


def scenario_parts(
    loaded: Loaded,
    frequencies: np.ndarray,
    when: str = "start",
    *,
    progress: Progress | None = None,
    comm: MPI.Comm = MPI.COMM_WORLD,
) -> dict[str, Spectrum]:
    """Spectra with all processes and without each, at the state that ``when`` says."""
    plan, simulation, _ = _brought(loaded, when, progress, comm)
    problem = simulation.problem
    return contributions(
        problem.domain, _cell(plan, problem.domain.regions), frequencies,
        state=problem, current_density=simulation.current_density(),
    )  # fmt: skip


def scenario_blocking(
    loaded: Loaded,
    frequencies: np.ndarray,
    double_layer: float,
    *,
    progress: Progress | None = None,
    comm: MPI.Comm = MPI.COMM_WORLD,
) -> tuple[Spectrum, dict[str, Any]]:
    """Spectrum of the scenario's positive electrode without reaction, and what it tells of the pores.

    The second part is by name with unit: ionic resistance, tau / porosity, directional diffusivity; of a
    homogenised electrode its tortuosity too.
    """
    plan, _ = prepare(loaded)
    problem, _ = plan.problem(comm, None, progress)
    cell = _cell(plan, problem.domain.regions)
    found = blocking_spectrum(problem.domain, cell, frequencies, double_layer=double_layer)
    m = plan.materials
    homogenised = isinstance(plan.cell, HomogenisedCell)
    thickness = _thickness(plan, problem.domain)
    # of a microstructure the electronic rail is not known beforehand, and seldom matters
    line = fit_line(found, thickness / m.positive.effective_conductivity if homogenised else 0.0)
    c_e, T = m.electrolyte.initial_concentration, m.temperature
    value = lambda law: float(law(c_e, T)) if callable(law) else float(law)  # noqa: E731
    facts: dict[str, Any] = {
        "Ionic resistance [ohm.m2]": line.ionic, "Capacitance [F.m-2]": line.capacitance,
        "Largest deviation of the transmission line": line.residual,
    }  # fmt: skip
    porosity = m.positive.porosity if homogenised else 1.0
    pores = pore_transport(
        line.ionic, thickness, porosity, value(m.electrolyte.conductivity),
        value(m.electrolyte.diffusivity),
    )  # fmt: skip
    facts |= {"tau / porosity": pores.factor, "Directional diffusivity [m2.s-1]": pores.diffusivity}
    if homogenised:
        facts["Tortuosity"] = pores.tortuosity
    return found, facts


def _cell(plan: Plan, regions: Any) -> HomogenisedCell | ResolvedCell:
    """The cell as it was put on the mesh."""
    return on_mesh(plan.cell, regions) if isinstance(plan.cell, ResolvedCell) else plan.cell


def _thickness(plan: Plan, domain: Any) -> float:
    """Of the electrode [m]: the set's, or of a microstructure what is meshed without the separator."""
    if isinstance(plan.cell, HomogenisedCell):
        return plan.materials.positive.thickness
    x = domain.mesh.geometry.x
    extent = x.max(axis=0) - x.min(axis=0)
    through = int(np.argmax(extent))
    low, high = (
        domain.comm.allreduce(float(v), op=op)
        for v, op in ((x[:, through].min(), MPI.MIN), (x[:, through].max(), MPI.MAX))
    )
    separator = plan.scenario.geometry.separator_um  # type: ignore[union-attr]
    return high - low - (plan.materials.separator.thickness if separator is None else separator * 1e-6)


def _brought(
    loaded: Loaded, when: str, progress: Progress | None, comm: MPI.Comm
) -> tuple[Plan, Simulation, tuple[Spectrum, ...]]:
    """A simulation of the scenario at its start, at rest, or at its end; spectra on the way."""
    if when not in ("start", "end"):
        raise InputError("no such state", field="when", value=when, remedy='Valid: "start", "end"')
    plan, _ = prepare(loaded)
    problem, _ = plan.problem(comm, None, progress)
    simulation = Simulation(problem, plan.sequence, plan.base, options=_options(loaded), progress=progress)
    if when == "start":
        settle(simulation.system, 0.0)
        return plan, simulation, ()
    solution = simulation.run()
    if not solution.outcome.ok:
        raise SolveError(solution.outcome.message, remedy=solution.outcome.remedy)
    return plan, simulation, solution.spectra
