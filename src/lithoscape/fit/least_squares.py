"""The best fit: least squares over residuals and priors (lmfit, trust region within the bounds)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import SolveError
from .derivatives import derivatives
from .objective import Evaluation, Objective


@dataclass(frozen=True)
class BestFit:
    """Where the sum of squares is least.

    Parameters
    ----------
    t, at:
        The point and its evaluation.
    priors:
        Sum of squares of the priors' residuals there.
    converged, message:
        Whether the method stopped by itself, and why.
    path:
        chi2 with priors of every point looked at, in order.
    """

    t: np.ndarray
    at: Evaluation
    priors: float
    converged: bool
    message: str
    path: tuple[float, ...]

    @property
    def chi2(self) -> float:
        """Of the data alone."""
        return self.at.chi2


def best_fit(
    objective: Objective,
    start: np.ndarray,
    *,
    step: float,
    tolerance: float = 1e-4,
    most: int = 40,
) -> BestFit:
    """Least squares from ``start``.

    Parameters
    ----------
    step:
        Of one-sided differences, see :func:`.derivatives.best_step`.
    tolerance:
        Relative change of chi2 at which it ends; not below the solver's own.
    most:
        Points to look at, those of differences apart.

    Raises
    ------
    SolveError
        The experiment cannot be simulated at the start.
    """
    import lmfit

    first = objective.at(start)
    if first.faults and not any(np.isfinite(p.values).any() for p in first.predictions):
        raise SolveError(
            f"the simulation fails where the fit starts: {first.faults[0]}", field="parameters.start",
            value=objective.parameters.natural(start),
            remedy="Run the scenario with these values first, and choose a start that works",
        )  # fmt: skip
    parameters, path = objective.parameters, []

    def point(values: Any) -> np.ndarray:
        return np.array([values[name].value for name in parameters.names])

    def residual(values: Any) -> np.ndarray:
        t = point(values)
        found = np.concatenate([objective.at(t).residual, parameters.prior_residuals(t)])
        path.append(float(found @ found))
        return found

    def jacobian(values: Any) -> np.ndarray:
        t = point(values)
        found = derivatives(objective, t, step, central=False).jacobian
        return np.concatenate([found, parameters.prior_jacobian(t)])

    # xtol is relative to the size of t, and a logarithm may be large: it must not end a fit by itself
    limits = {"ftol": tolerance, "xtol": 1e-4 * tolerance, "gtol": 1e-10, "x_scale": parameters.scale}
    result = lmfit.minimize(
        residual, parameters.lmfit(start), method="least_squares", jac=jacobian, max_nfev=most,
        calc_covar=False, **limits,
    )  # fmt: skip
    t = point(result.params)
    prior = parameters.prior_residuals(t)
    return BestFit(
        t, objective.at(t), float(prior @ prior), bool(result.success) and not result.aborted,
        str(result.message), tuple(path),
    )  # fmt: skip
