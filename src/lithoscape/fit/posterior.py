"""The posterior density of the parameters, sampled by an ensemble of walkers (emcee).

Sampled is the density per unit of t, with priors stated in natural units and carried over with dp/dt; samples
are given back in natural units. Foreman-Mackey et al., PASP 125 (2013) 306.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import SolveError
from .derivatives import Derivatives
from .objective import Objective
from .parameters import ParameterSet

LogLikelihood = Callable[[np.ndarray], np.ndarray]
"""Points (n, k) in t -> -chi2/2 of each."""

SURROGATE, MODEL = "surrogate", "model"


@dataclass(frozen=True)
class Posterior:
    """Samples of the posterior.

    Parameters
    ----------
    method:
        "surrogate": residuals are continued from the best fit as quadratics along each parameter; "model":
        every sample is a simulation.
    samples:
        Natural values, shape (n, k).
    quantiles:
        2.5, 50 and 97.5 % of each parameter, shape (k, 3).
    autocorrelation:
        Steps after which a walker has forgotten, per parameter; NaN if the chain is too short to tell.
    acceptance:
        Mean share of accepted moves.
    """

    method: str
    samples: np.ndarray
    quantiles: np.ndarray
    autocorrelation: np.ndarray
    acceptance: float

    @property
    def long_enough(self) -> bool:
        """Whether the chain is 50 autocorrelation times long, as emcee asks for."""
        return bool(np.isfinite(self.autocorrelation).all())


def surrogate(at: Derivatives) -> LogLikelihood:
    """-chi2/2 with r(t) = r + J d + diag(H) d^2 / 2 around a point, nothing simulated."""
    basis = np.concatenate([at.at.residual[:, None], at.jacobian, 0.5 * at.curvature], axis=1)
    gram = basis.T @ basis

    def value(points: np.ndarray) -> np.ndarray:
        d = points - at.t
        terms = np.concatenate([np.ones((len(d), 1)), d, d**2], axis=1)
        return np.asarray(-0.5 * np.einsum("ni,ij,nj->n", terms, gram, terms))

    return value


def model(objective: Objective) -> LogLikelihood:
    """-chi2/2 of the simulations, evaluated by all workers at once."""
    return lambda points: np.array([-0.5 * e.chi2 for e in objective.many(list(points))])


def sample(
    parameters: ParameterSet,
    likelihood: LogLikelihood,
    centre: np.ndarray,
    covariance: np.ndarray,
    *,
    method: str,
    walkers: int = 32,
    steps: int = 2000,
    seed: int = 0,
) -> Posterior:
    """Sample the posterior; the first fifth of the chain is thrown away.

    Parameters
    ----------
    centre, covariance:
        Where walkers begin, in t; infinite variances are taken as a tenth of a scale.

    Raises
    ------
    SolveError
        No walker could be placed.
    """
    import emcee

    rng = np.random.default_rng(seed)
    start = _ball(parameters, centre, covariance, max(walkers, 2 * len(parameters) + 2), rng)

    def log_density(points: np.ndarray) -> np.ndarray:
        prior = np.array([parameters.log_prior(t) for t in points])
        found = np.full(len(points), -np.inf)
        inside = np.isfinite(prior)
        if inside.any():
            found[inside] = prior[inside] + likelihood(points[inside])
        return found

    sampler = emcee.EnsembleSampler(*start.shape, log_density, vectorize=True)
    sampler.random_state = np.random.RandomState(seed).get_state()
    sampler.run_mcmc(start, steps)
    thrown = steps // 5
    chain = sampler.get_chain(discard=thrown, flat=True)
    natural = np.array([[p.natural(x) for p, x in zip(parameters, t, strict=True)] for t in chain])
    tau = emcee.autocorr.integrated_time(sampler.get_chain(discard=thrown), quiet=True, tol=0)
    tau = np.where(50 * tau < steps - thrown, tau, np.nan)
    quantiles = np.quantile(natural, [0.025, 0.5, 0.975], axis=0).T
    return Posterior(method, natural, quantiles, tau, float(np.mean(sampler.acceptance_fraction)))


def _ball(
    parameters: ParameterSet, centre: np.ndarray, covariance: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Walkers around the centre, all within the bounds, shape (count, k)."""
    width = np.sqrt(np.diag(covariance))
    width = np.where(np.isfinite(width), np.minimum(width, parameters.scale), 0.1 * parameters.scale)
    placed: list[np.ndarray] = []
    for _ in range(1000 * count):
        t = centre + 0.5 * width * rng.normal(size=centre.size)
        if np.isfinite(parameters.log_prior(t)):
            placed.append(t)
        if len(placed) == count:
            return np.array(placed)
    raise SolveError(
        "no walkers could be placed within the bounds", field="posterior",
        remedy="Widen the bounds: the best fit lies on one",
    )  # fmt: skip
