"""A whole fit: screening, best fit, identifiability with subsets of the data, profiles, posterior."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from .derivatives import Derivatives, best_step, derivatives, noise
from .identify import Identification, identify
from .least_squares import BestFit, best_fit
from .objective import Evaluation, Fault, Objective
from .posterior import MODEL, SURROGATE, Posterior, model, sample, surrogate
from .profile import Profile, profile
from .screen import Screening, screen
from .search import search

ALL = "all data"
NONE = "none"
SHORTEST = 0.05
"""Shortest step of a difference as a share of that which the solver's tolerance asks for."""
NOISY = 0.1
"""Relative error by noise above which a short step is not used."""
LOWER = 0.3
"""How far below the best fit, in chi2, a profile must come for the fit to start again from there."""


@dataclass(frozen=True)
class Plan:
    """What to do.

    Parameters
    ----------
    solver_tolerance:
        Local tolerance of the simulations, which sets the steps of differences.
    subsets:
        Name -> groups of data to look at apart from all.
    tolerance, most:
        See :func:`.least_squares.best_fit`.
    search:
        Points spread over the box that are tried first; the fit starts at the best. 0: at the start given.
    screening, screening_count:
        "none", "morris" or "sobol", and how many trajectories or base samples.
    profiles:
        Whether profile likelihoods are computed; of ``profiles_of_subsets`` also without part of the data.
    restarts:
        How often the fit may begin again where a profile came below it.
    posterior, walkers, steps:
        "none", "surrogate" or "model"; how many walkers, how many steps each.
    seed:
        Of everything random.
    """

    solver_tolerance: float = 3e-4
    subsets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tolerance: float = 1e-4
    most: int = 40
    search: int = 0
    screening: str = NONE
    screening_count: int = 8
    profiles: bool = True
    restarts: int = 2
    profiles_of_subsets: bool = True
    posterior: str = SURROGATE
    walkers: int = 32
    steps: int = 4000
    seed: int = 0


@dataclass(frozen=True)
class Study:
    """What a fit found.

    Parameters
    ----------
    start, best:
        Evaluation at the start; the best fit.
    at:
        Derivatives at the best fit.
    step_error:
        Relative change of each column of the Jacobian with the step of its difference, shape (k,).
    noise:
        Solver noise of each residual [standard deviations], shape (m,).
    noise_error:
        Relative error that this noise makes in each column of the Jacobian, shape (k,).
    identifications:
        "all data" and the subsets -> what they tell.
    profiles:
        The same -> profiles by parameter.
    posterior, screening:
        If asked for.
    faults:
        Simulations that failed or did not reach what was measured.
    simulations:
        Records used, those found in the store included.
    restarts:
        How often the fit was begun again because a profile had come below it.
    lower:
        By how much a profile is below the best fit nevertheless; 0 if none is.
    """

    start: Evaluation
    best: BestFit
    at: Derivatives
    step_error: np.ndarray
    noise: np.ndarray
    noise_error: np.ndarray
    identifications: Mapping[str, Identification]
    profiles: Mapping[str, tuple[Profile, ...]]
    posterior: Posterior | None
    screening: Screening | None
    faults: tuple[Fault, ...]
    simulations: int
    restarts: int
    lower: float


def study(objective: Objective, plan: Plan, say: Callable[[float, str], None] | None = None) -> Study:
    """Carry out ``plan``; every simulation goes through the store, so an interrupted study repeats nothing.

    Parameters
    ----------
    say:
        Called with (share of the stages that is done, what is done now).
    """
    say = say or (lambda share, text: None)
    p = objective.parameters
    say(0.0, "start")
    start = objective.at(p.start)
    screening = None
    if plan.screening != NONE:
        say(0.05, f"screening ({plan.screening})")
        screening = screen(objective, plan.screening, plan.screening_count, seed=plan.seed)
    first = p.start
    if plan.search:
        say(0.1, f"search, {plan.search} points")
        first = search(objective, plan.search, seed=plan.seed)
    again, stage = 0, "best fit"
    while True:
        found = _fitted(objective, plan, first, stage, say)
        lower, first = _below(found.profiles.get(ALL, ()), found.best.t)
        if lower < LOWER or again == plan.restarts:
            break
        again, stage = again + 1, f"best fit again: a profile came {lower:.2g} below it in chi2"
    posterior = None
    if plan.posterior != NONE:
        say(0.95, f"posterior ({plan.posterior})")
        posterior = _posterior(objective, plan, found.at, found.identifications[ALL])
    say(1.0, "done")
    return Study(
        start, *found, posterior, screening, tuple(objective.faults), objective.simulations,
        again, lower if lower >= LOWER else 0.0,
    )  # fmt: skip


class _Fitted(NamedTuple):
    """What follows from one place to start at; as in :class:`Study`."""

    best: BestFit
    at: Derivatives
    step_error: np.ndarray
    noise: np.ndarray
    noise_error: np.ndarray
    identifications: Mapping[str, Identification]
    profiles: Mapping[str, tuple[Profile, ...]]


def _fitted(
    objective: Objective, plan: Plan, first: np.ndarray, stage: str, say: Callable[[float, str], None]
) -> _Fitted:
    p = objective.parameters
    say(0.2, stage)
    one_sided = best_step(plan.solver_tolerance, central=False)
    best = best_fit(objective, first, step=one_sided, tolerance=plan.tolerance, most=plan.most)
    say(0.4, "derivatives")
    at, step_error, rough, noise_error = _derivatives(objective, best.t, plan)
    subsets = {ALL: objective.groups, **plan.subsets}
    found = {name: identify(p, at, tuple(g), objective.mask(g)) for name, g in subsets.items()}
    say(0.5, "profiles")
    profiles = _profiles(objective, plan, at, found, say) if plan.profiles else {}
    return _Fitted(best, at, step_error, rough, noise_error, found, profiles)


def _below(profiles: Sequence[Profile], t: np.ndarray) -> tuple[float, np.ndarray]:
    """How far the lowest place of any profile is below the best fit ``t``, and that place.

    Least squares end in the valley that they start in, and at steps of an observable; profiles may step over
    both, as MINOS does, which then begins again (James and Roos, Comput. Phys. Commun. 10 (1975) 343).
    """
    depth, place = 0.0, t
    for k, p in enumerate(profiles):
        here = float(p.delta[np.argmin(np.abs(p.t - t[k]))])
        if here > depth:
            depth, place = here, p.others[np.argmin(p.delta)]
    return depth, place


def _derivatives(
    objective: Objective, t: np.ndarray, plan: Plan
) -> tuple[Derivatives, np.ndarray, np.ndarray, np.ndarray]:
    """Derivatives, their change with the step, the noise, and the error that it makes in them.

    The first step is that of the solver's tolerance. A second one is as short as the standard deviations that
    follow, so that curvature beyond them does not count; it is kept unless noise spoils it.
    """
    p, step = objective.parameters, best_step(plan.solver_tolerance)
    rough = noise(objective, t, step, plan.seed)
    first = derivatives(objective, t, step)
    expected = identify(p, first, (), np.ones(objective.size, dtype=bool)).deviations / p.scale
    second = derivatives(objective, t, np.clip(expected, SHORTEST * step, 0.5 * step))
    change = _relative(second.jacobian - first.jacobian, first.jacobian)
    errors = [_relative(rough[:, None] / (np.sqrt(2) * d.steps), d.jacobian) for d in (first, second)]
    spoilt = bool(errors[1].max() > NOISY)
    return (first, change, rough, errors[0]) if spoilt else (second, change, rough, errors[1])


def _relative(change: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Column norms of ``change`` over those of ``of``; 0 where both vanish."""
    size = np.linalg.norm(of, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(size > 0, np.linalg.norm(change, axis=0) / size, 0.0))


def _profiles(
    objective: Objective,
    plan: Plan,
    at: Derivatives,
    found: Mapping[str, Identification],
    say: Callable[[float, str], None],
) -> dict[str, tuple[Profile, ...]]:
    names = list(found) if plan.profiles_of_subsets else [ALL]
    out: dict[str, tuple[Profile, ...]] = {}
    for i, name in enumerate(names):
        rows = objective.mask(found[name].groups)
        members = []
        for k, parameter in enumerate(objective.parameters.names):
            share = (i + k / len(objective.parameters)) / len(names)
            say(0.5 + 0.45 * share, f"profile of {parameter}, {name}")
            deviation = float(found[name].deviations[k])
            members.append(profile(objective, at.t, at.jacobian, rows, k, deviation, found[name].groups))
        out[name] = tuple(members)
    return out


def _posterior(objective: Objective, plan: Plan, at: Derivatives, whole: Identification) -> Posterior:
    likelihood = model(objective) if plan.posterior == MODEL else surrogate(at)
    return sample(
        objective.parameters, likelihood, at.t, whole.covariance,
        method=plan.posterior, walkers=plan.walkers, steps=plan.steps, seed=plan.seed,
    )  # fmt: skip
