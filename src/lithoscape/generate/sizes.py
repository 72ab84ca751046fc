"""Distributions of particle diameters, by number and by volume.

Every distribution is one of numbers: :meth:`Sizes.cdf` counts particles. Laboratories mostly report shares of
volume (laser diffraction), so each also knows :meth:`Sizes.volume_cdf`, from the partial third moment: the
integral of x^3 dF(x) up to d (Allen, Powder Sampling and Particle Size Determination, 2003, ch. 2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import optimize, special, stats

from ..errors import InputError

Weight = Literal["number", "volume"]


class Sizes:
    """A distribution of diameters [m]: subclasses give the first three methods."""

    def cdf(self, d: np.ndarray) -> np.ndarray:
        """Share of the particles, by number, with a diameter up to ``d`` [m]."""
        raise NotImplementedError

    def quantile(self, q: np.ndarray) -> np.ndarray:
        """Diameter [m] below which the share ``q`` of the particles lies, by number."""
        raise NotImplementedError

    def partial(self, d: np.ndarray) -> np.ndarray:
        """Integral of x^3 dF(x) from 0 to ``d`` [m3]; ``d`` may be infinite."""
        raise NotImplementedError

    @property
    def discrete(self) -> np.ndarray | None:
        """The diameters [m] there are, if they are a few values; None for a continuous distribution."""
        return None

    @property
    def mean_volume(self) -> float:
        """Mean volume of a particle [m3]."""
        return float(np.pi / 6 * self.partial(np.array(np.inf)))

    def volume_cdf(self, d: np.ndarray) -> np.ndarray:
        """Share of the particles' volume with a diameter up to ``d`` [m]."""
        return self.partial(np.asarray(d, float)) / self.partial(np.array(np.inf))

    def share(self, d: np.ndarray, by: Weight) -> np.ndarray:
        """Share up to ``d`` [m], by number or by volume."""
        return self.cdf(d) if by == "number" else self.volume_cdf(d)

    def percentile(self, q: float, by: Weight = "volume") -> float:
        """Diameter [m] below which the share ``q`` lies; d50 is ``percentile(0.5)``."""
        if by == "number":
            return float(self.quantile(np.array(q)))
        low, high = (float(self.quantile(np.array(x))) for x in (1e-12, 1 - 1e-12))
        if self.discrete is not None:
            return float(next(d for d in self.discrete if self.volume_cdf(d) >= q))
        return float(optimize.brentq(lambda d: float(self.volume_cdf(d)) - q, low, high, xtol=1e-12 * high))

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """``n`` independent diameters [m]."""
        return self.quantile(rng.random(n))

    def stratified(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """``n`` diameters [m], one from each n-th of the distribution, in random order.

        A small box so holds the distribution itself and not a chance sample of it: the empirical
        distribution deviates by less than 1/n from the true one.
        """
        return rng.permutation(self.quantile((np.arange(n) + rng.random(n)) / n))

    def test(self, diameters: np.ndarray) -> tuple[float, float]:
        """Kolmogorov-Smirnov statistic and p-value of diameters [m], each counted once.

        Of a distribution of a few values the nearest of them counts; the p-value is then conservative
        (Conover, J. Am. Stat. Assoc. 67, 591, 1972).
        """
        n, atoms = len(diameters), self.discrete
        if atoms is None:
            result = stats.ks_1samp(diameters, self.cdf)
            return float(result.statistic), float(result.pvalue)
        nearest = np.argmin(np.abs(np.log(np.asarray(diameters)[:, None] / atoms)), axis=1)
        found = np.cumsum(np.bincount(nearest, minlength=len(atoms))) / n
        statistic = float(np.abs(found - self.cdf(atoms)).max())
        return statistic, float(stats.kstwo.sf(statistic, n))


@dataclass(frozen=True)
class Monodisperse(Sizes):
    """One diameter [m]."""

    diameter: float

    def __post_init__(self) -> None:
        _lengths(diameter=self.diameter)

    @property
    def discrete(self) -> np.ndarray:
        """The one diameter."""
        return np.array([self.diameter])

    def cdf(self, d: np.ndarray) -> np.ndarray:
        """0 below the diameter, 1 from it on."""
        return np.where(np.asarray(d) >= self.diameter, 1.0, 0.0)

    def quantile(self, q: np.ndarray) -> np.ndarray:
        """The diameter."""
        return np.full(np.shape(q), self.diameter)

    def partial(self, d: np.ndarray) -> np.ndarray:
        """The diameter's cube from it on."""
        return self.cdf(d) * self.diameter**3


class _Truncated(Sizes):
    """A continuous law cut to ``low`` .. ``high``; ``_cdf``, ``_quantile``, ``_partial`` are uncut."""

    low: float
    high: float

    def _cdf(self, d: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _quantile(self, q: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _partial(self, d: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _ends(self, law: Callable[[np.ndarray], np.ndarray]) -> tuple[float, float]:
        return float(law(np.array(self.low))), float(law(np.array(self.high)))

    def cdf(self, d: np.ndarray) -> np.ndarray:
        """Share by number up to ``d`` [m] of the cut law."""
        a, b = self._ends(self._cdf)
        return (self._cdf(np.clip(d, self.low, self.high)) - a) / (b - a)

    def quantile(self, q: np.ndarray) -> np.ndarray:
        """Diameter [m] of the share ``q`` by number of the cut law."""
        a, b = self._ends(self._cdf)
        return np.clip(self._quantile(a + np.asarray(q) * (b - a)), self.low, self.high)

    def partial(self, d: np.ndarray) -> np.ndarray:
        """Partial third moment [m3] of the cut law."""
        a, b = self._ends(self._cdf)
        first = float(self._partial(np.array(self.low)))
        return (self._partial(np.clip(d, self.low, self.high)) - first) / (b - a)


@dataclass(frozen=True)
class Normal(_Truncated):
    """Normal distribution by number, cut at three standard deviations unless said otherwise.

    Parameters
    ----------
    mean, deviation:
        Of the uncut law [m].
    low, high:
        Smallest and largest diameter [m].
    """

    mean: float
    deviation: float
    low: float = np.nan
    high: float = np.nan

    def __post_init__(self) -> None:
        _lengths(mean=self.mean, deviation=self.deviation)
        if np.isnan(self.low):
            object.__setattr__(self, "low", self.mean - 3 * self.deviation)
        if np.isnan(self.high):
            object.__setattr__(self, "high", self.mean + 3 * self.deviation)
        _cut(self.low, self.high)

    def _z(self, d: np.ndarray) -> np.ndarray:
        return (np.asarray(d, float) - self.mean) / self.deviation

    def _cdf(self, d: np.ndarray) -> np.ndarray:
        return special.ndtr(self._z(d))

    def _quantile(self, q: np.ndarray) -> np.ndarray:
        return self.mean + self.deviation * special.ndtri(q)

    def _partial(self, d: np.ndarray) -> np.ndarray:
        # E[(m + s Z)^3; Z < z] from the partial moments of Z, by parts
        z, m, s = self._z(d), self.mean, self.deviation
        density = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
        i0, i1 = special.ndtr(z), -density
        i2, i3 = i0 - z * density, 2 * i1 - z * z * density
        return m**3 * i0 + 3 * m * m * s * i1 + 3 * m * s * s * i2 + s**3 * i3


@dataclass(frozen=True)
class LogNormal(_Truncated):
    """Log-normal distribution by number.

    Its volume is log-normally distributed too, with the median times exp(3 sigma^2) (Hatch and Choate,
    J. Franklin Inst. 207, 369, 1929).

    Parameters
    ----------
    median:
        By number [m].
    sigma:
        Standard deviation of the diameter's natural logarithm.
    low, high:
        Smallest and largest diameter [m].
    """

    median: float
    sigma: float
    low: float = 0.0
    high: float = np.inf

    def __post_init__(self) -> None:
        _lengths(median=self.median)
        _number(0, 3, sigma=self.sigma)
        _cut(self.low, self.high, 0.0)

    def _z(self, d: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return np.log(np.asarray(d, float) / self.median) / self.sigma

    def _cdf(self, d: np.ndarray) -> np.ndarray:
        return special.ndtr(self._z(d))

    def _quantile(self, q: np.ndarray) -> np.ndarray:
        return self.median * np.exp(self.sigma * special.ndtri(q))

    def _partial(self, d: np.ndarray) -> np.ndarray:
        return self.median**3 * np.exp(4.5 * self.sigma**2) * special.ndtr(self._z(d) - 3 * self.sigma)


@dataclass(frozen=True)
class Weibull(_Truncated):
    """Weibull distribution by number, F = 1 - exp(-(d/scale)^shape).

    Its third moment is an incomplete gamma function (Rinne, The Weibull Distribution, 2008, section 2.9).

    Parameters
    ----------
    scale:
        Diameter [m] at which F = 1 - 1/e.
    shape:
        Exponent; larger is narrower.
    low, high:
        Smallest and largest diameter [m].
    """

    scale: float
    shape: float
    low: float = 0.0
    high: float = np.inf

    def __post_init__(self) -> None:
        _lengths(scale=self.scale)
        _number(0, 100, shape=self.shape)
        _cut(self.low, self.high, 0.0)

    def _t(self, d: np.ndarray) -> np.ndarray:
        return (np.asarray(d, float) / self.scale) ** self.shape

    def _cdf(self, d: np.ndarray) -> np.ndarray:
        return -np.expm1(-self._t(d))

    def _quantile(self, q: np.ndarray) -> np.ndarray:
        return self.scale * (-np.log1p(-np.asarray(q))) ** (1 / self.shape)

    def _partial(self, d: np.ndarray) -> np.ndarray:
        a = 1 + 3 / self.shape
        return self.scale**3 * special.gamma(a) * special.gammainc(a, self._t(d))


@dataclass(frozen=True)
class Mixture(Sizes):
    """Several distributions together, by their shares of the volume; two of them make a bimodal powder.

    Raises
    ------
    InputError
        Not as many shares as parts, a share outside 0 to 1, a sum other than 1.
    """

    parts: tuple[Sizes, ...]
    shares: tuple[float, ...]

    def __post_init__(self) -> None:
        good = len(self.parts) == len(self.shares) and len(self.parts) > 0
        if not good or min(self.shares) < 0 or abs(sum(self.shares) - 1) > 1e-9:
            raise InputError(
                "the shares of the volume, one for each part, add up to 1", field="shares", value=self.shares,
                remedy="Such as 0.5 and 0.5",
            )  # fmt: skip

    @property
    def counts(self) -> np.ndarray:
        """Shares of the parts by number."""
        per_volume = np.array([s / p.mean_volume for s, p in zip(self.shares, self.parts, strict=True)])
        return per_volume / per_volume.sum()

    @property
    def discrete(self) -> np.ndarray | None:
        """All diameters of the parts if each part has a few values."""
        atoms = [p.discrete for p in self.parts]
        return None if any(a is None for a in atoms) else np.unique(np.concatenate(atoms))  # type: ignore[arg-type]

    def cdf(self, d: np.ndarray) -> np.ndarray:
        """Share by number up to ``d`` [m]."""
        return np.sum([c * p.cdf(d) for c, p in zip(self.counts, self.parts, strict=True)], axis=0)

    def partial(self, d: np.ndarray) -> np.ndarray:
        """Partial third moment [m3]."""
        return np.sum([c * p.partial(d) for c, p in zip(self.counts, self.parts, strict=True)], axis=0)

    def quantile(self, q: np.ndarray) -> np.ndarray:
        """Diameter [m] of the share ``q`` by number: the root of the distribution, by bisection."""
        q = np.asarray(q, float)
        if (atoms := self.discrete) is not None:
            return atoms[np.minimum(np.searchsorted(self.cdf(atoms), q), len(atoms) - 1)]
        ends = np.array([p.quantile(q) for p in self.parts])
        low, high = ends.min(axis=0), ends.max(axis=0)
        for _ in range(60):
            middle = 0.5 * (low + high)
            below = self.cdf(middle) < q
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return high

    def stratified(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """``n`` diameters [m]: every part has its whole number of particles, largest remainders first."""
        wanted = self.counts * n
        numbers = np.floor(wanted).astype(int)
        rest = np.argsort(numbers - wanted, kind="stable")[: n - numbers.sum()]
        numbers[rest] += 1
        drawn = [p.stratified(int(k), rng) for p, k in zip(self.parts, numbers, strict=True)]
        return rng.permutation(np.concatenate(drawn))


@dataclass(frozen=True, eq=False)
class Table(Sizes):
    """A measured distribution: diameters [m] and the share up to each, linear between them.

    Parameters
    ----------
    diameters:
        Ascending [m].
    shares:
        Ascending from 0 to 1.
    by:
        What the shares count: "number" or "volume".

    Raises
    ------
    InputError
        Fewer than two rows, columns that do not ascend, shares that do not run from 0 to 1.
    """

    diameters: np.ndarray
    shares: np.ndarray
    by: Weight = "volume"

    def __post_init__(self) -> None:
        d, f = np.asarray(self.diameters, float), np.asarray(self.shares, float)
        if d.ndim != 1 or d.size < 2 or d.shape != f.shape:
            raise InputError("a table has a diameter and a share in each of two rows or more",
                             field="diameters", value=d.shape)  # fmt: skip
        _lengths(diameters=float(d[0]))
        if not (np.diff(d) > 0).all() or not (np.diff(f) >= 0).all() or abs(f[0]) + abs(f[-1] - 1) > 1e-9:
            raise InputError(
                "diameters ascend, and shares ascend from 0 to 1", field="shares",
                value=(float(f[0]), float(f[-1])), remedy="Begin with the largest diameter of share 0",
            )  # fmt: skip
        object.__setattr__(self, "diameters", d)
        object.__setattr__(self, "shares", f)

    def _density(self) -> tuple[np.ndarray, np.ndarray]:
        """Particles in every interval, per total, and the interval's partial third moment [m3]."""
        a, b, share = self.diameters[:-1], self.diameters[1:], np.diff(self.shares)
        if self.by == "number":
            return share, share * (b**4 - a**4) / (4 * (b - a))
        # uniform in volume: dF_number ~ dF_volume / x^3
        number = share * (a**-2.0 - b**-2.0) / (2 * (b - a))
        return number / number.sum(), share / number.sum()

    def _within(self, d: np.ndarray, power: int) -> np.ndarray:
        """Share of its interval's integral of x^power dx up to ``d``, for every d and interval."""
        a, b = self.diameters[:-1], self.diameters[1:]
        x = np.clip(np.asarray(d, float)[..., None], a, b)
        return (x**power - a**power) / (b**power - a**power)

    def cdf(self, d: np.ndarray) -> np.ndarray:
        """Share by number up to ``d`` [m]."""
        number, _ = self._density()
        return self._within(d, 1 if self.by == "number" else -2) @ number

    def partial(self, d: np.ndarray) -> np.ndarray:
        """Partial third moment [m3]."""
        _, third = self._density()
        return self._within(d, 4 if self.by == "number" else 1) @ third

    def quantile(self, q: np.ndarray) -> np.ndarray:
        """Diameter [m] of the share ``q`` by number."""
        number, _ = self._density()
        edges = np.concatenate([[0.0], np.cumsum(number)])
        k = np.clip(np.searchsorted(edges, q, side="right") - 1, 0, len(number) - 1)
        a, b = self.diameters[k], self.diameters[k + 1]
        with np.errstate(invalid="ignore", divide="ignore"):
            t = np.where(number[k] > 0, (np.asarray(q) - edges[k]) / number[k], 0.0)
        t = np.clip(t, 0.0, 1.0)
        return a + t * (b - a) if self.by == "number" else (a**-2.0 + t * (b**-2.0 - a**-2.0)) ** -0.5


Law = Literal["normal", "lognormal", "weibull"]


def bimodal(small: float, large: float, share: float) -> Mixture:
    """Two diameters [m], ``share`` of the volume in the small ones."""
    return Mixture((Monodisperse(small), Monodisperse(large)), (share, 1 - share))


def from_percentiles(law: Law, d10: float, d50: float, d90: float, by: Weight = "volume") -> Sizes:
    """The distribution of this law that has three measured percentiles [m], by least squares in the shares.

    Raises
    ------
    InputError
        Percentiles that do not ascend, or that the law misses by more than 3 % of the particles or volume.
    """
    _lengths(d10=d10)
    if not d10 < d50 < d90 < np.inf:
        raise InputError("percentiles ascend: d10 < d50 < d90", field="d10, d50, d90", value=(d10, d50, d90))
    width = np.log(d90 / d10) / (2 * special.ndtri(0.9))
    start = np.array(
        {"normal": (d50, d50 * width), "lognormal": (d50, width), "weibull": (d50, 1.3 / width)}[law]
    )
    points, shares = np.array([d10, d50, d90]), np.array([0.1, 0.5, 0.9])

    def make(p: np.ndarray) -> Sizes:
        a, b = (float(x) for x in start * np.exp(p))
        if law == "normal":
            return Normal(a, min(b, 0.333 * a))
        return LogNormal(a, b) if law == "lognormal" else Weibull(a, b)

    def misfit(p: np.ndarray) -> np.ndarray:
        return make(p).share(points, by) - shares

    found = optimize.least_squares(
        misfit, np.zeros(2), bounds=(-2.0, 2.0), xtol=1e-14, ftol=1e-14, gtol=1e-14
    )
    if np.abs(found.fun).max() > 0.03:
        raise InputError(
            f"no {law} distribution has these percentiles", field="d10, d50, d90", value=(d10, d50, d90),
            remedy="Give another law or the measured table",
        )  # fmt: skip
    return make(found.x)


def _lengths(**values: float) -> None:
    """InputError unless every value is a credible diameter."""
    for name, value in values.items():
        if not 0 < value < 1e-3:
            raise InputError(
                "a diameter lies between 0 and 1 mm", field=name, value=value,
                remedy="It is in metres: 8 um is 8e-6",
            )  # fmt: skip


def _number(low: float, high: float, **values: float) -> None:
    for name, value in values.items():
        if not low < value < high:
            raise InputError(f"this lies between {low} and {high}", field=name, value=value)


def _cut(low: float, high: float, least: float = 1e-12) -> None:
    if not least <= low < high:
        raise InputError(
            "the smallest diameter is positive and below the largest", field="low, high", value=(low, high),
            remedy="Give the ends at which the distribution is cut, or a smaller deviation",
        )  # fmt: skip
