"""Gaussian random fields of a given covariance, and random media cut from them at levels.

A field of the covariance rho(r) is white noise times the square root of the spectrum, by FFT on a torus
(circulant embedding: Wood and Chan, J. Comput. Graph. Stat. 3 (1994) 409,
doi:10.1080/10618600.1994.10474655). Cutting it at a level gives a two-phase medium whose statistics follow
in closed form (Berk, Phys. Rev. A 44 (1991) 5069, doi:10.1103/PhysRevA.44.5069; Teubner, Europhys. Lett. 14
(1991) 403).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from scipy import fft, integrate, special

from ..errors import InputError, nearest
from ..image.grid import Grid
from .placing import MICRO, note, positive
from .sampled import Sampled, as_distance, lowest
from .structure import BACKGROUND, Step, Structure

Covariance = Literal["gaussian", "exponential", "matern"]
Rule = Literal["levels", "nested"]
CLIPPED = 0.01
"""Share of the variance in negative eigenvalues above which a box is too small for its correlation."""
Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


def correlation(r: np.ndarray, covariance: str = "gaussian", smoothness: float = 1.5) -> np.ndarray:
    """Correlation at the distance ``r``, in correlation lengths.

    gaussian exp(-r^2/2), exponential exp(-r), matern 2^(1-nu)/Gamma(nu) (sqrt(2 nu) r)^nu K_nu(sqrt(2 nu) r)
    of smoothness nu (Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, section 4.2);
    nu = 1/2 is the exponential, nu -> infinity the gaussian.

    Raises
    ------
    InputError
        Unknown covariance, or a smoothness outside 0.1 to 50.
    """
    r = np.asarray(r, float)
    if covariance == "gaussian":
        return np.exp(-0.5 * r**2)
    if covariance == "exponential":
        return np.exp(-r)
    if covariance != "matern":
        names = ["gaussian", "exponential", "matern"]
        raise InputError(
            "there is no such covariance", field="covariance", value=covariance,
            remedy=nearest(covariance, names),
        )  # fmt: skip
    if not 0.1 <= smoothness <= 50:
        raise InputError(
            "a smoothness lies between 0.1 and 50", field="smoothness", value=smoothness,
            remedy="0.5 is the exponential covariance, above 10 it is nearly the gaussian",
        )  # fmt: skip
    x = np.sqrt(2 * smoothness) * np.maximum(r, 1e-12)
    with np.errstate(over="ignore", invalid="ignore"):
        log = (1 - smoothness) * math.log(2) - special.gammaln(smoothness) + smoothness * np.log(x) - x
        return np.where(r < 1e-10, 1.0, np.exp(log) * special.kve(smoothness, x))


def gaussian_field(
    grid: Grid,
    length: float | Sequence[float],
    rng: np.random.Generator,
    *,
    covariance: Covariance = "gaussian",
    smoothness: float = 1.5,
    periodic: bool = True,
) -> np.ndarray:
    """A Gaussian field of mean 0 and variance 1 on the voxel centres.

    Parameters
    ----------
    grid:
        The box.
    length:
        Correlation length, or one along each axis [m].
    rng:
        Source of the white noise.
    covariance, smoothness:
        See :func:`correlation`.
    periodic:
        Whether the field repeats with the box along all axes; otherwise it is cut out of a larger torus.

    Returns
    -------
    field:
        Shape of the grid, float64.

    Raises
    ------
    InputError
        A length that is not positive, or so long that no field on the torus has this covariance.
    """
    lengths = [float(x) for x in (length if isinstance(length, Sequence) else [length] * 3)]
    if len(lengths) != 3:
        raise InputError("a correlation length is one number or three", field="correlation", value=lengths)
    for x in lengths:
        positive("correlation", x)
    shape = [
        n if periodic or n == 1 else fft.next_fast_len(n + math.ceil(8 * x / h), real=True)
        for n, x, h in zip(grid.shape, lengths, grid.voxel_size, strict=True)
    ]
    square = np.zeros(shape)
    for k, (n, x, h) in enumerate(zip(shape, lengths, grid.voxel_size, strict=True)):
        lag = np.minimum(np.arange(n), n - np.arange(n)) * h / x
        square = square + (lag**2).reshape([-1 if j == k else 1 for j in range(3)])
    spectrum = fft.rfftn(correlation(np.sqrt(square), covariance, smoothness)).real
    twice = np.full(spectrum.shape[2], 2.0)  # the half that is not stored
    twice[0] = 1.0
    if shape[2] % 2 == 0:
        twice[-1] = 1.0
    clipped = float((np.minimum(spectrum, 0.0) @ twice).sum()) / -math.prod(shape)
    if clipped > CLIPPED:
        raise InputError(
            "the correlation length is too long for the box", field="correlation", value=lengths,
            remedy="Take a larger box, a shorter length or periodic: false",
        )  # fmt: skip
    spectrum = np.maximum(spectrum, 0.0)
    noise = fft.rfftn(rng.standard_normal(shape))
    field = fft.irfftn(noise * np.sqrt(spectrum / (1 + clipped)), s=shape)
    return np.ascontiguousarray(field[tuple(slice(0, n) for n in grid.shape)])


def cut_covariance(rho: np.ndarray, fraction: float) -> np.ndarray:
    """Covariance S2 - fraction^2 of the phase where a Gaussian field lies below its quantile ``fraction``.

    With t the quantile, 1/(2 pi) int_0^rho exp(-t^2/(1+s)) / sqrt(1-s^2) ds (Berk 1991); at one half it is
    arcsin(rho)/(2 pi).

    Parameters
    ----------
    rho:
        Correlation of the field, -1 to 1.
    fraction:
        Volume fraction of the phase, between 0 and 1.
    """
    if not 0 < fraction < 1:
        raise InputError("a fraction lies between 0 and 1", field="fraction", value=fraction)
    t2 = float(special.ndtri(fraction)) ** 2
    # s = sin(a) takes the root out of the integrand
    values = [
        integrate.quad(lambda a: math.exp(-t2 / (1 + math.sin(a))), 0.0, math.asin(r))[0]
        for r in np.ravel(rho)
    ]
    return np.reshape(values, np.shape(rho)) / (2 * math.pi)


def whole_numbers(fractions: Mapping[str, float], total: int) -> dict[str, int]:
    """Voxels of every phase, each within one of ``fraction * total``, their sum of the sum.

    Raises
    ------
    InputError
        No phase, a share that is not positive, shares that add up to more than 1, a phase below one voxel.
    """
    for name, share in fractions.items():
        if not (math.isfinite(share) and 0 < share <= 1):
            raise InputError(
                "a fraction lies between 0 and 1", field=f"fractions.{name}", value=share,
                remedy="Leave out a phase that should not be there",
            )  # fmt: skip
    if not fractions or sum(fractions.values()) > 1 + 1e-9:
        raise InputError(
            "fractions add up to at most 1", field="fractions", value=dict(fractions),
            remedy="What they leave stays as it was",
        )  # fmt: skip
    ends = [round(x * total) for x in np.minimum(np.cumsum(list(fractions.values())), 1.0)]
    counts = dict(zip(fractions, np.diff([0, *ends]).tolist(), strict=True))
    for name, count in counts.items():
        if count == 0:
            raise InputError(
                "this phase would not have a single voxel", field=f"fractions.{name}", value=fractions[name],
                remedy="Take a larger box or a smaller voxel",
            )  # fmt: skip
    return counts


class GaussianField(Step):
    """Phases cut from Gaussian random fields, each at exactly its fraction of the box.

    With ``rule: levels`` all phases come from one field and touch in the order given; with ``nested`` each
    phase has a field of its own and takes its share of what is left, so that any two may touch
    (plurigaussian: Armstrong et al., Plurigaussian Simulations in Geosciences, 2011).
    """

    make: Literal["gaussian_field"]
    fractions: dict[str, Share] = Field(description="phase -> fraction of the box; the rest stays as it was")
    correlation_um: float | tuple[float, float, float]
    covariance: Covariance = "gaussian"
    smoothness: float = Field(1.5, ge=0.1, le=50, description="of the matern covariance")
    periodic: bool = True
    rule: Rule = "levels"
    over: tuple[str, ...] = (BACKGROUND,)

    def apply(self, structure: Structure, rng: np.random.Generator) -> Structure:
        """Cut the phases one after the other."""
        refuse_own(self.fractions, self.over)
        counts = whole_numbers(self.fractions, structure.grid.voxels)
        there = structure.volume.mask(self.over)
        values = np.empty(0)
        for number, (phase, count) in enumerate(counts.items()):
            if number == 0 or self.rule == "nested":
                values = self._field(structure.grid, rng)
            mask, level = lowest(values, there, count)
            there = there & ~mask
            shape = Sampled(structure.grid, as_distance(values - level, structure.grid))
            structure = structure.paint(phase, mask, shape=shape, over=self.over)
        reached = {f"fraction_of_{phase}": structure.fraction(phase) for phase in counts}
        return note(structure, "gaussian field", **reached)

    def _field(self, grid: Grid, rng: np.random.Generator) -> np.ndarray:
        micro = self.correlation_um
        length = [x * MICRO for x in micro] if isinstance(micro, tuple) else micro * MICRO
        return gaussian_field(
            grid, length, rng,
            covariance=self.covariance, smoothness=self.smoothness, periodic=self.periodic,
        )  # fmt: skip


def refuse_own(phases: Mapping[str, float], over: Sequence[str]) -> None:
    """InputError if a phase is to be painted over itself."""
    for phase in phases:
        if phase in over:
            raise InputError(
                "a phase cannot give way to itself", field="over", value=phase,
                remedy="Leave it out of one of the two; what the fractions leave stays as it was",
            )  # fmt: skip
