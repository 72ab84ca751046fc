"""Impedance of what a scenario describes: at its start, or where its protocol ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from mpi4py import MPI

from ..errors import SolveError
from ..simulate import Simulation
from ..solver.potentials import settle
from ..spectra import Spectrum
from .load import Loaded
from .run import _options, prepare

When = Literal["start", "end"]


def scenario_spectra(
    loaded: Loaded,
    frequencies: np.ndarray,
    when: When = "start",
    current_density: float = 0.0,
    *,
    progress: Callable[[float, str], None] | None = None,
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
        "start": initial concentrations, under ``current_density`` [A/m2]. "end": after the protocol, under
        the current that flows there; spectra of impedance steps on the way come first.
    """
    plan, _ = prepare(loaded)
    problem, _ = plan.problem(comm, None, progress)
    simulation = Simulation(problem, plan.sequence, plan.base, options=_options(loaded), progress=progress)
    if when == "start":
        settle(simulation.system, current_density)
        return [simulation.spectrum(frequencies, {"Time [s]": 0.0})]
    solution = simulation.run()
    if not solution.outcome.ok:
        raise SolveError(solution.outcome.message, remedy=solution.outcome.remedy)
    time = float(solution["Time [s]"].values[-1]) if solution.record.sizes.get("time", 0) else 0.0
    return [*solution.spectra, simulation.spectrum(frequencies, {"Time [s]": time})]
