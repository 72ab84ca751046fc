"""Parameters of a fit: bounds, the scale they are fitted on, and what is believed beforehand."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError, nearest

if TYPE_CHECKING:
    import lmfit

TRANSFORMS = ("linear", "log", "logit")
PRIORS = ("uniform", "normal", "lognormal")


@dataclass(frozen=True)
class Prior:
    """What is believed of a parameter before the data, in its natural units.

    Parameters
    ----------
    kind:
        "uniform" between the bounds; "normal" with mean ``centre`` and standard deviation ``width``;
        "lognormal" with median ``centre`` and ``width`` as the factor of one standard deviation (above 1).
        All are cut off at the bounds.
    centre, width:
        See ``kind``; not used by "uniform".
    """

    kind: str = "uniform"
    centre: float = math.nan
    width: float = math.nan

    def __post_init__(self) -> None:
        if self.kind not in PRIORS:
            raise InputError(
                "there is no such prior", field="prior.kind", value=self.kind,
                remedy=nearest(str(self.kind), PRIORS),
            )  # fmt: skip
        if self.kind == "normal" and not (math.isfinite(self.centre) and 0 < self.width < math.inf):
            raise InputError(
                "a normal prior has a mean and a standard deviation above 0", field="prior",
                value=(self.centre, self.width), remedy="Give both, in the parameter's own unit",
            )  # fmt: skip
        if self.kind == "lognormal" and not (0 < self.centre < math.inf and 1 < self.width < math.inf):
            raise InputError(
                "a lognormal prior has a median above 0 and a factor above 1", field="prior",
                value=(self.centre, self.width), remedy="A factor of 2 says: within a factor of 2, to 68 %",
            )  # fmt: skip

    @property
    def informs(self) -> bool:
        """Whether it says more than the bounds."""
        return self.kind != "uniform"

    def residual(self, value: float) -> float:
        """Distance of ``value`` from the centre in standard deviations; 0 of a uniform prior."""
        if self.kind == "normal":
            return (value - self.centre) / self.width
        if self.kind == "lognormal":
            return math.log(value / self.centre) / math.log(self.width)
        return 0.0

    def log_density(self, value: float) -> float:
        """Logarithm of the density per natural unit, up to a constant."""
        found = -0.5 * self.residual(value) ** 2
        return found - math.log(value) if self.kind == "lognormal" else found


@dataclass(frozen=True)
class Parameter:
    """One fitted number.

    Parameters
    ----------
    name:
        Of its own; an identifier.
    start, low, high:
        Where the fit starts, and the bounds, in natural units.
    transform:
        Scale of the fit, t(p): "linear" p, "log" ln p, "logit" ln((p - low)/(high - p)).
    prior:
        See :class:`Prior`.
    unit:
        Of the natural value, for people.

    Raises
    ------
    InputError
        Bounds that are reversed or not finite, a start outside, a logarithm of what is not positive.
    """

    name: str
    start: float
    low: float
    high: float
    transform: str = "linear"
    prior: Prior = Prior()
    unit: str = ""

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise InputError(
                "a parameter's name is made of letters, digits and _", field="parameters", value=self.name,
                remedy="For example through or D_s",
            )  # fmt: skip
        where = f"parameters.{self.name}"
        if self.transform not in TRANSFORMS:
            raise InputError(
                "there is no such transform", field=f"{where}.transform", value=self.transform,
                remedy=nearest(str(self.transform), TRANSFORMS),
            )  # fmt: skip
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise InputError(
                "the lower bound is not below the upper one", field=where, value=(self.low, self.high),
                remedy="Give low < high, both finite",
            )  # fmt: skip
        inside = self.low < self.start < self.high
        if not inside:
            raise InputError(
                f"the start is not between the bounds {self.low:g} and {self.high:g}",
                field=f"{where}.start", value=self.start, remedy="Move the start or the bounds",
            )  # fmt: skip
        if self.low <= 0 and (self.transform == "log" or self.prior.kind == "lognormal"):
            raise InputError(
                "a logarithm needs values above 0", field=f"{where}.low", value=self.low,
                remedy="Raise the lower bound, or choose transform linear or logit and another prior",
            )  # fmt: skip

    # -- the scale of the fit -------------------------------------------------
    def internal(self, value: float) -> float:
        """t of a natural value."""
        if self.transform == "log":
            return math.log(value)
        if self.transform == "logit":
            return math.log((value - self.low) / (self.high - value))
        return float(value)

    def natural(self, t: float) -> float:
        """Natural value of t."""
        if self.transform == "log":
            return math.exp(t)
        if self.transform == "logit":
            return self.low + (self.high - self.low) * _logistic(t)
        return float(t)

    def slope(self, t: float) -> float:
        """dp/dt."""
        if self.transform == "log":
            return math.exp(t)
        if self.transform == "logit":
            s = _logistic(t)
            return (self.high - self.low) * s * (1 - s)
        return 1.0

    @property
    def bounds(self) -> tuple[float, float]:
        """Bounds of t; a logit has none."""
        if self.transform == "logit":
            return -math.inf, math.inf
        return self.internal(self.low), self.internal(self.high)

    @property
    def box(self) -> tuple[float, float]:
        """Finite interval of t to sample from: the bounds; of a logit all but a share of 1e-3 at each end."""
        if self.transform != "logit":
            return self.bounds
        width = 1e-3 * (self.high - self.low)
        return self.internal(self.low + width), self.internal(self.high - width)

    @property
    def scale(self) -> float:
        """A change of t that counts as order one.

        One e-fold of a logarithm or of odds, but never more than a quarter of the box; a quarter of it if
        linear.
        """
        low, high = self.box
        quarter = 0.25 * (high - low)
        return quarter if self.transform == "linear" else min(1.0, quarter)

    def log_prior(self, t: float) -> float:
        """Logarithm of the prior's density per unit of t (natural density times dp/dt); -inf outside."""
        low, high = self.bounds
        if not low <= t <= high:
            return -math.inf
        slope = self.slope(t)
        return self.prior.log_density(self.natural(t)) + math.log(slope) if slope > 0 else -math.inf


def _logistic(t: float) -> float:
    if t >= 0:
        return 1.0 / (1.0 + math.exp(-t))
    e = math.exp(t)
    return e / (1.0 + e)


@dataclass(frozen=True)
class ParameterSet:
    """All fitted parameters, in order."""

    members: tuple[Parameter, ...]

    def __post_init__(self) -> None:
        if not self.members:
            raise InputError("nothing is fitted", field="parameters", remedy="Give at least one parameter")
        names = [p.name for p in self.members]
        if len(set(names)) < len(names):
            raise InputError("two parameters share a name", field="parameters", value=names)

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.members)

    @property
    def names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(p.name for p in self.members)

    @property
    def start(self) -> np.ndarray:
        """t of the starting values, shape (k,)."""
        return np.array([p.internal(p.start) for p in self.members])

    @property
    def scale(self) -> np.ndarray:
        """:attr:`Parameter.scale` of each, shape (k,)."""
        return np.array([p.scale for p in self.members])

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds of t, each of shape (k,)."""
        low, high = zip(*(p.bounds for p in self.members), strict=True)
        return np.array(low), np.array(high)

    @property
    def boxes(self) -> np.ndarray:
        """:attr:`Parameter.box` of each, shape (k, 2)."""
        return np.array([p.box for p in self.members])

    def natural(self, t: Sequence[float] | np.ndarray) -> dict[str, float]:
        """Natural values by name."""
        return {p.name: p.natural(float(x)) for p, x in zip(self.members, t, strict=True)}

    def internal(self, values: Mapping[str, float]) -> np.ndarray:
        """t of natural values by name."""
        return np.array([p.internal(values[p.name]) for p in self.members])

    def clipped(self, t: np.ndarray) -> np.ndarray:
        """t moved into the bounds."""
        low, high = self.bounds
        return np.clip(t, low, high)

    def prior_residuals(self, t: np.ndarray) -> np.ndarray:
        """Distances from the centres of the priors that inform, in standard deviations."""
        return np.array(
            [p.prior.residual(p.natural(float(x))) for p, x in zip(self.members, t, strict=True)
             if p.prior.informs]
        )  # fmt: skip

    def prior_jacobian(self, t: np.ndarray) -> np.ndarray:
        """d(prior residuals)/dt, shape (informing priors, k)."""
        rows = []
        for k, (p, x) in enumerate(zip(self.members, t, strict=True)):
            if p.prior.informs:
                row, value = np.zeros(len(self)), p.natural(float(x))
                normal = p.prior.kind == "normal"
                width = p.prior.width if normal else value * math.log(p.prior.width)
                row[k] = p.slope(float(x)) / width
                rows.append(row)
        return np.array(rows).reshape(-1, len(self))

    def log_prior(self, t: np.ndarray) -> float:
        """Sum of :meth:`Parameter.log_prior`."""
        return sum(p.log_prior(float(x)) for p, x in zip(self.members, t, strict=True))

    def lmfit(self, t: np.ndarray) -> lmfit.Parameters:
        """The parameters as lmfit knows them: values and bounds of t."""
        import lmfit

        made = lmfit.Parameters()
        for p, x in zip(self.members, t, strict=True):
            low, high = p.bounds
            made.add(p.name, value=float(x), min=low, max=high)
        return made
