"""Parameters from measurements: what they are, how well they are known, and which data know them.

Nothing here knows a scenario: experiments are callables that turn parameter values into records::

    with workers(2, Store(folder)) as work:
        objective = Objective(parameters, measurements, experiments, work)
        found = study(objective, Plan(subsets={"voltage only": ("voltage",)}))
"""

from .derivatives import Derivatives, best_step, derivatives, noise
from .follow import Follower
from .identify import Combination, Identification, identify, interval
from .least_squares import BestFit, best_fit
from .measurement import PENALTY, Measurement, Prediction
from .objective import Evaluation, Fault, Objective
from .parameters import Parameter, ParameterSet, Prior
from .posterior import Posterior, sample, surrogate
from .profile import Profile, profile
from .screen import Screening, screen
from .store import Store, digest
from .study import ALL, Plan, Study, study
from .workers import Experiment, Task, workers

__all__ = [
    "ALL",
    "PENALTY",
    "BestFit",
    "Combination",
    "Derivatives",
    "Evaluation",
    "Experiment",
    "Fault",
    "Follower",
    "Identification",
    "Measurement",
    "Objective",
    "Parameter",
    "ParameterSet",
    "Plan",
    "Posterior",
    "Prediction",
    "Prior",
    "Profile",
    "Screening",
    "Store",
    "Study",
    "Task",
    "best_fit",
    "best_step",
    "derivatives",
    "digest",
    "identify",
    "interval",
    "noise",
    "profile",
    "sample",
    "screen",
    "study",
    "surrogate",
    "workers",
]
