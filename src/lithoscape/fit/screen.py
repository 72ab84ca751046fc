"""Screening: which parameters matter over their whole range, before anything is fitted (SALib).

Morris' elementary effects (Technometrics 33 (1991) 161; mu* of Campolongo et al. 2007) tell few from many
influential parameters with some tens of simulations; Sobol's indices (Saltelli et al. 2010) say which
share of the variance each explains, alone and with others, and need thousands: only of a fast model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from .objective import Evaluation, Objective

MORRIS, SOBOL = "morris", "sobol"
MORRIS_MEASURES = ("mu_star", "mu_star_conf", "sigma")
SOBOL_MEASURES = ("S1", "S1_conf", "ST", "ST_conf")


@dataclass(frozen=True)
class Screening:
    """Sensitivity of the misfit of each group of data.

    Parameters
    ----------
    method:
        "morris" or "sobol".
    simulated:
        Points that were simulated.
    measures:
        Names of the columns of ``values``: mu*, its confidence and sigma of Morris; S1, ST and their
        confidences of Sobol.
    values:
        Group of data -> shape (k, columns). The output is log10(1 + chi2/n) of the group.
    """

    method: str
    simulated: int
    measures: tuple[str, ...]
    values: dict[str, np.ndarray]


def screen(objective: Objective, method: str = MORRIS, count: int = 8, *, seed: int = 0) -> Screening:
    """Screen all parameters between their bounds.

    Parameters
    ----------
    count:
        Trajectories of Morris, each k + 1 points, or base samples of Sobol, a power of 2, k + 2 points each.

    Raises
    ------
    InputError
        An unknown method; a base sample of Sobol that is not a power of 2.
    """
    if method not in (MORRIS, SOBOL):
        raise InputError(
            "there is no such screening", field="screening.method", value=method,
            remedy=f"Valid: {MORRIS}, {SOBOL}",
        )  # fmt: skip
    if method == SOBOL and count & (count - 1):
        raise InputError(
            "a base sample is a power of 2", field="screening.count", value=count, remedy="For example 64"
        )
    box = objective.parameters.boxes
    problem: dict[str, Any] = {
        "num_vars": len(objective.parameters), "names": list(objective.parameters.names),
        "bounds": [[0.0, 1.0]] * len(objective.parameters),
    }  # fmt: skip
    unit = _sampled(problem, method, count, seed)
    found = objective.many(list(box[:, 0] + unit * (box[:, 1] - box[:, 0])))
    values: dict[str, np.ndarray] = {}
    measures: tuple[str, ...] = ()
    for group in objective.groups:
        measures, values[group] = _analysed(problem, method, unit, _misfit(objective, found, group), seed)
    return Screening(method, len(unit), measures, values)


def _misfit(objective: Objective, found: list[Evaluation], group: str) -> np.ndarray:
    mask = objective.mask((group,))
    chi2 = np.array([np.mean(e.residual[mask] ** 2) for e in found])
    return np.asarray(np.log10(1 + chi2))


def _sampled(problem: dict[str, Any], method: str, count: int, seed: int) -> np.ndarray:
    if method == MORRIS:
        from SALib.sample import morris

        return np.asarray(morris.sample(problem, count, num_levels=4, seed=seed))
    from SALib.sample import sobol

    return np.asarray(sobol.sample(problem, count, calc_second_order=False, seed=seed))


def _analysed(
    problem: dict[str, Any], method: str, unit: np.ndarray, output: np.ndarray, seed: int
) -> tuple[tuple[str, ...], np.ndarray]:
    if method == MORRIS:
        from SALib.analyze import morris

        found = morris.analyze(problem, unit, output, num_levels=4, seed=seed)
        names: tuple[str, ...] = MORRIS_MEASURES
    else:
        from SALib.analyze import sobol

        if np.ptp(output) == 0:
            return SOBOL_MEASURES, np.zeros((problem["num_vars"], 4))
        found = sobol.analyze(problem, output, calc_second_order=False, seed=seed)
        names = SOBOL_MEASURES
    columns = [np.asarray(np.ma.getdata(found[name]), dtype=float) for name in names]
    return names, np.stack(columns, axis=1)
