"""Where to start: the best of points spread over the whole box, for data that know several valleys."""

from __future__ import annotations

import numpy as np
from scipy.stats import qmc

from .objective import Objective


def search(objective: Objective, count: int, *, seed: int = 0) -> np.ndarray:
    """The best of the start and ``count`` points of a scrambled Sobol sequence, priors included.

    Least squares end in the valley that they start in. Data that a model can only meet in part, such as
    the order of events, make several.

    Returns
    -------
    Transformed parameters, shape (k,).
    """
    p = objective.parameters
    box = p.boxes
    # whole powers of 2 keep the sequence balanced; of those more than asked for are left out
    unit = qmc.Sobol(len(p), rng=seed).random_base2(max(int(np.ceil(np.log2(count))), 0))[:count]
    points = [p.start, *(box[:, 0] + unit * (box[:, 1] - box[:, 0]))]
    found = objective.many(points)
    misfit = [e.chi2 + float(np.sum(p.prior_residuals(t) ** 2)) for e, t in zip(found, points, strict=True)]
    return points[int(np.argmin(misfit))]
