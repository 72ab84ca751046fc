"""Impedance spectrum of any problem at the state it holds.

The problem of the time steps, M du/dt + F(u) = 0 with its closures, linearised: (i omega M + J) u = b for a
unit of current (Lasia, Electrochemical Impedance Spectroscopy and its Applications, 2014, ch. 4; of porous
electrodes Meyers, Doyle, Darling and Newman, J. Electrochem. Soc. 147 (2000) 2930). Nothing is fitted and
nothing else is discretised: faradaic, double-layer, solid and electrolyte processes are those of the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import InputError
from ..problem import Problem
from ..solver import System
from ..solver.frequency import Linearised
from ..solver.potentials import settle
from ..solver.reduced import checked, impedances
from ..spectra import Spectrum


def spectrum(
    problem: Problem | System,
    frequencies: np.ndarray,
    *,
    current_density: float | None = None,
    imposed: str = "current",
    tolerance: float | None = None,
    frozen: Sequence[str] = (),
    about: dict[str, Any] | None = None,
) -> Spectrum:
    """Impedance per area of electrode [ohm m2] at the concentrations that the problem holds.

    Parameters
    ----------
    problem:
        A problem, or a system compiled from it.
    frequencies:
        [Hz], shape (n,).
    current_density:
        Direct current under which the impedance is taken [A/m2], discharge positive: potentials are made
        consistent with it first. None: the problem holds a consistent state, such as that a run ended with.
    imposed:
        "current" (galvanostatic) or "voltage" (potentiostatic); the results agree to round-off.
    tolerance:
        Relative error of a projection on a few solved frequencies; 0: solve at every frequency. None: 1e-6,
        or 1e-4 of systems too large to factorise.
    frozen:
        Names of unknowns that do not answer, such as "electrolyte concentration".
    about:
        Said in the spectrum beside voltage and current.

    Raises
    ------
    InputError
        Frequencies that are not positive, an unknown that the problem does not have.
    SolveError
        Potentials or an impedance that could not be found.
    """
    frequencies = checked(frequencies)
    system = problem if isinstance(problem, System) else System(problem)
    names = [u.name for u in system.problem.unknowns]
    for name in frozen:
        if name not in names:
            raise InputError(
                "no such unknown", field="frozen", value=name, remedy=f"Valid: {', '.join(names)}"
            )
    if imposed not in ("current", "voltage"):
        raise InputError("what is imposed is a current or a voltage", field="imposed", value=imposed)
    if current_density is not None:
        settle(system, current_density)
    linearised = Linearised(system, imposed, frozen)
    found = impedances(linearised, frequencies, tolerance)
    told = {
        "Voltage [V]": system.problem.voltage(),
        "Current density [A.m-2]": system.functional("current") / system.problem.area,
        "solves": linearised.solves,
        "unknowns": linearised.size,
        **(about or {}),
    }
    return Spectrum(frequencies, found, "ohm.m2", told)
