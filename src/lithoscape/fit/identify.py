"""What data can tell of parameters: Fisher information, covariance, and combinations that stay open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .derivatives import Derivatives
from .parameters import ParameterSet

Z95 = 1.959963984540054
"""Half-width of a 95 % interval in standard deviations."""
CHI2_95 = Z95**2
_NOTHING = 1e-10
"""Information, of a change by one scale, that counts as none."""


@dataclass(frozen=True)
class Combination:
    """An eigenvector of the Fisher information in units of the parameters' scales.

    ``information`` is what a move by one scale along ``direction`` adds to chi2; the combination is
    identified if its 95 % half-width is below one scale.
    """

    information: float
    direction: np.ndarray

    @property
    def identified(self) -> bool:
        """Whether the data know it to better than one scale."""
        return self.information > CHI2_95

    def text(self, names: tuple[str, ...]) -> str:
        """The combination in words, small parts left out: ``0.71 through - 0.70 D_s``."""
        order = np.argsort(-np.abs(self.direction))
        kept = [k for k in order if abs(self.direction[k]) > 0.15]
        sign = np.sign(self.direction[kept[0]]) or 1.0
        parts = [(sign * self.direction[k], names[k]) for k in kept]
        first, *others = parts
        return f"{first[0]:.2f} {first[1]}" + "".join(
            f" {'+' if w >= 0 else '-'} {abs(w):.2f} {n}" for w, n in others
        )


@dataclass(frozen=True)
class Identification:
    """What one subset of the data tells, at the best fit.

    Parameters
    ----------
    groups:
        Groups of data it is about.
    numbers:
        How many measured numbers these hold.
    fisher:
        J^T J of the data alone, in t, shape (k, k).
    combinations:
        Eigenvectors of the Fisher information in scales, best known first.
    covariance:
        Inverse of the Fisher information plus that of the priors, in t; infinite where there is none.
    alone:
        Standard deviations from the data alone, in t; infinite where these say nothing.
    """

    groups: tuple[str, ...]
    numbers: int
    fisher: np.ndarray
    combinations: tuple[Combination, ...]
    covariance: np.ndarray
    alone: np.ndarray

    @property
    def deviations(self) -> np.ndarray:
        """Standard deviations with priors, in t, shape (k,)."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def correlation(self) -> np.ndarray:
        """Correlation matrix; NaN where there is no variance to speak of."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.covariance / np.outer(self.deviations, self.deviations))

    @property
    def open(self) -> tuple[Combination, ...]:
        """Combinations that are not identified, the least known first."""
        return tuple(c for c in reversed(self.combinations) if not c.identified)

    def identified(self, scale: np.ndarray) -> np.ndarray:
        """Which parameters the data alone know to better than one scale (95 %), shape (k,)."""
        return np.asarray(Z95 * self.alone < scale)


def identify(
    parameters: ParameterSet, at: Derivatives, groups: tuple[str, ...], mask: np.ndarray
) -> Identification:
    """Local identifiability from the rows ``mask`` of a Jacobian.

    Source: Fisher information of independent normal errors, F = J^T J with J in standard deviations (Seber
    and Wild, Nonlinear Regression, 1989, ch. 2); eigenvalues in units of scales as in sloppy-model analysis
    (Gutenkunst et al., PLoS Comput. Biol. 3 (2007) e189).
    """
    J, s = at.jacobian[mask], parameters.scale
    fisher = J.T @ J
    prior = parameters.prior_jacobian(at.t)
    values, vectors = np.linalg.eigh(fisher * np.outer(s, s))
    order = np.argsort(values)[::-1]
    combinations = tuple(Combination(max(float(values[k]), 0.0), vectors[:, k]) for k in order)
    alone = np.sqrt(np.diag(_inverse(fisher, s)))
    covariance = _inverse(fisher + prior.T @ prior, s)
    return Identification(groups, int(mask.sum()), fisher, combinations, covariance, alone)


def _inverse(information: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Inverse of an information matrix; parameters that lie in its null space get infinite variance."""
    values, vectors = np.linalg.eigh(information * np.outer(scale, scale))
    known = values > _NOTHING * max(1.0, float(values[-1]))
    inverse = (vectors[:, known] / values[known]) @ vectors[:, known].T * np.outer(scale, scale)
    lost = (np.abs(vectors[:, ~known]) > 1e-4).any(axis=1)
    inverse[lost] = inverse[:, lost] = np.nan
    inverse[lost, lost] = np.inf
    return np.asarray(inverse)


def interval(parameters: ParameterSet, k: int, centre: float, deviation: float) -> tuple[float, float]:
    """95 % interval of parameter ``k`` (natural): 1.96 deviations of t both ways, within the bounds."""
    p = parameters.members[k]
    low, high = p.bounds
    reach = Z95 * deviation if np.isfinite(deviation) else np.inf
    ends = (max(low, centre - reach), min(high, centre + reach))
    bounds = (p.low, p.high)
    return tuple(p.natural(e) if np.isfinite(e) else b for e, b in zip(ends, bounds, strict=True))  # type: ignore[return-value]
