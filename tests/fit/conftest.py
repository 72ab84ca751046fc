"""Objectives that evaluate in this process."""

import numpy as np
import pytest
from formulas import Formula, measure

from lithoscape.fit import Objective, Parameter, ParameterSet, workers


@pytest.fixture
def objective():
    """``objective(parameters, measurements, experiment)`` that evaluates in this process."""

    def make(parameters, measurements, *experiments, store=None) -> Objective:
        with workers(1, store) as work:
            return Objective(ParameterSet(tuple(parameters)), measurements, experiments, work)

    return make


@pytest.fixture
def line(objective):
    """A linear model y = A p with noise, its objective, and the closed-form estimate and covariance."""

    def make(seed=1, rows=30, sigma=0.1, names="abc", low=-10.0, high=10.0):
        rng = np.random.default_rng(seed)
        A = rng.normal(size=(rows, len(names)))
        y = A @ np.arange(1.0, 1 + len(names)) + sigma * rng.normal(size=rows)
        made = objective(
            [Parameter(n, 0.5, low, high) for n in names],
            [measure(y, sigma)],
            Formula(lambda **p: A @ np.array(list(p.values()))),
        )
        return made, np.linalg.lstsq(A, y, rcond=None)[0], sigma**2 * np.linalg.inv(A.T @ A)

    return make
