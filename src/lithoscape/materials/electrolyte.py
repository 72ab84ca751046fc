"""Electrolyte laws: conductivity, diffusivity, transference, thermodynamic factor.

All laws take ``(c_e, T, m)`` with c_e in mol/m3 and T in K. The diffusivity is
the salt diffusivity of concentrated solution theory with respect to
concentration; the transference number is that of the cation relative to the
solvent; the thermodynamic factor (TDF) is 1 + dln f/dln c.

Published fits are polynomials that turn back up outside their data. Every
electrolyte therefore comes in two forms: *clamped* (default; the laws' argument
is held inside ``Electrolyte.valid``, C0) and *published* (``clamped=False``;
for comparison with other codes that use the bare fit).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import InputError, nearest
from .laws import Clamped, arrhenius
from .maths import NUMPY, Maths
from .schema import Electrolyte, Law

LOWEST = 1.0
"""Lower clamp of every law's argument [mol/m3]: keeps kappa > 0 and its derivative finite."""


def nyman2008_conductivity(c_e: Any, T: Any, m: Maths = NUMPY) -> Any:
    """Conductivity [S/m] of LiPF6 in EC:EMC 3:7, no temperature dependence.

    Validity: to about 2 M; rises again above 2.7 M.
    Source: Nyman, Behm, Lindbergh 2008, doi 10.1016/j.electacta.2008.04.023.
    """
    c = c_e / 1000.0
    return 0.1297 * c**3 - 2.51 * c * m.sqrt(c) + 3.329 * c


def nyman2008_diffusivity(c_e: Any, T: Any, m: Maths = NUMPY) -> Any:
    """Salt diffusivity [m2/s] of LiPF6 in EC:EMC 3:7, no temperature dependence.

    Validity: to about 2 M; the parabola has its minimum at 2.26 M and then rises.
    Source: Nyman, Behm, Lindbergh 2008, doi 10.1016/j.electacta.2008.04.023.
    """
    c = c_e / 1000.0
    return 8.794e-11 * c**2 - 3.972e-10 * c + 4.862e-10


@dataclass(frozen=True)
class LandesfeindConductivity:
    """Conductivity [S/m], Landesfeind and Gasteiger 2019 form with coefficients ``p``.

    Validity: stated per solvent below. Source: doi 10.1149/2.0571912jes.
    """

    p: tuple[float, ...]

    def __call__(self, c_e: Any, T: Any, m: Maths = NUMPY) -> Any:
        """Value at ``c_e`` [mol/m3], ``T`` [K]."""
        p1, p2, p3, p4, p5, p6 = self.p
        c = c_e / 1000.0
        hot = m.exp(1000.0 / T)
        numerator = 1.0 + p3 * m.sqrt(c) + p4 * (1.0 + p5 * hot) * c
        millisiemens_per_cm = p1 * (1.0 + (T - p2)) * c * numerator / (1.0 + p6 * hot * c**4)
        return millisiemens_per_cm / 10.0


@dataclass(frozen=True)
class LandesfeindDiffusivity:
    """Salt diffusivity [m2/s], Landesfeind and Gasteiger 2019 form.

    Validity: stated per solvent below. Source: doi 10.1149/2.0571912jes.
    """

    p: tuple[float, ...]

    def __call__(self, c_e: Any, T: Any, m: Maths = NUMPY) -> Any:
        """Value at ``c_e`` [mol/m3], ``T`` [K]."""
        p1, p2, p3, p4 = self.p
        c = c_e / 1000.0
        return p1 * m.exp(p2 * c) * m.exp(p3 / T) * m.exp(p4 * c / T) * 1e-10


@dataclass(frozen=True)
class LandesfeindCubic:
    """Transference number or TDF, Landesfeind and Gasteiger 2019: a cubic in (c, T).

    Validity: stated per solvent below. Source: doi 10.1149/2.0571912jes.
    """

    p: tuple[float, ...]

    def __call__(self, c_e: Any, T: Any, m: Maths = NUMPY) -> Any:
        """Value at ``c_e`` [mol/m3], ``T`` [K]."""
        p1, p2, p3, p4, p5, p6, p7, p8, p9 = self.p
        c = c_e / 1000.0
        linear = p1 + p2 * c + p3 * T
        square = p4 * c**2 + p5 * c * T + p6 * T**2
        return linear + square + p7 * c**3 + p8 * c**2 * T + p9 * c * T**2


def valoen2005_conductivity(c_e: Any, T: Any, m: Maths = NUMPY) -> Any:
    """Conductivity [S/m] of LiPF6 in PC:EC:DMC 10:27:63 v/v.

    Validity: used here to 3 M; the fit rises again above 4.6 M.
    Source: Valoen and Reimers 2005, doi 10.1149/1.1872737, eq 17.
    """
    c = c_e / 1000.0
    a0 = -10.5 + 0.0740 * T - 6.96e-5 * T**2
    a1 = 0.668 - 0.0178 * T + 2.80e-5 * T**2
    a2 = 0.494 - 8.86e-4 * T
    return 0.1 * c * (a0 + a1 * c + a2 * c**2) ** 2


def valoen2005_diffusivity(c_e: Any, T: Any, m: Maths = NUMPY) -> Any:
    """Salt diffusivity [m2/s] of LiPF6 in PC:EC:DMC 10:27:63 v/v.

    The paper's logarithm is decadic. Validity: used here to 3 M.
    Source: Valoen and Reimers 2005, doi 10.1149/1.1872737, eq 14.
    """
    c = c_e / 1000.0
    exponent = -4.43 - 54.0 / (T - (229.0 + 5.0 * c)) - 0.22 * c
    return 1e-4 * m.exp(LN10 * exponent)


def capiglia1999_conductivity(c_e: Any, T: Any, m: Maths = NUMPY) -> Any:
    """Conductivity [S/m] of LiPF6 in EC:DMC, Dualfoil's cubic, 34.7 kJ/mol.

    Validity: to 3 M (minimum at 3.25 M); 0.091 S/m remains at zero concentration.
    Source: Capiglia et al., J. Power Sources 81-82 (1999) 859, fit of Dualfoil as
    used by Marquis et al. 2019, doi 10.1149/2.0341915jes.
    """
    c = c_e / 1000.0
    cubic = 0.0911 + 1.9101 * c - 1.052 * c**2 + 0.1554 * c**3
    return cubic * arrhenius(34700.0, T, m)


def capiglia1999_diffusivity(c_e: Any, T: Any, m: Maths = NUMPY) -> Any:
    """Salt diffusivity [m2/s] of LiPF6 in EC:DMC, Dualfoil's exponential, 37.04 kJ/mol.

    Validity: to 3 M. Source: Capiglia et al., J. Power Sources 81-82 (1999) 859,
    fit of Dualfoil as used by Marquis et al. 2019, doi 10.1149/2.0341915jes.
    """
    return 5.34e-10 * m.exp(-0.65 * c_e / 1000.0) * arrhenius(37040.0, T, m)


LN10 = 2.302585092994046
"""Natural logarithm of 10."""


def nyman2008(clamped: bool = True) -> Electrolyte:
    """LiPF6 in EC:EMC 3:7. Clamp: 2 M, below the minimum of D (2.26 M) and kappa (2.7 M).

    t+ = 0.2594 constant; the TDF is not carried by open parameter sets: 1.
    Source: doi 10.1016/j.electacta.2008.04.023.
    """
    return _assemble(
        "Nyman2008",
        "Nyman, Behm, Lindbergh 2008, doi 10.1016/j.electacta.2008.04.023",
        (nyman2008_conductivity, nyman2008_diffusivity, 0.2594, 1.0),
        highest=2000.0,
        clamped=clamped,
    )


def landesfeind2019_ec_emc(clamped: bool = True) -> Electrolyte:
    """LiPF6 in EC:EMC 3:7 w/w. Clamp: 2.3 M, where the fit of t+ has its minimum (0.097).

    Source: Landesfeind and Gasteiger 2019, doi 10.1149/2.0571912jes.
    """
    return _assemble(
        "Landesfeind2019_EC_EMC_3_7",
        _LANDESFEIND,
        (
            LandesfeindConductivity((5.21e-1, 2.28e2, -1.06, 3.53e-1, -3.59e-3, 1.48e-3)),
            LandesfeindDiffusivity((1.01e3, 1.01, -1.56e3, -4.87e2)),
            LandesfeindCubic(
                (-1.28e1, -6.12, 8.21e-2, 9.04e-1, 3.18e-2, -1.27e-4, 1.75e-2, -3.12e-3, -3.96e-5)
            ),
            LandesfeindCubic(
                (2.57e1, -4.51e1, -1.77e-1, 1.94, 2.95e-1, 3.08e-4, 2.59e-1, -9.46e-3, -4.54e-4)
            ),
        ),
        highest=2300.0,
        clamped=clamped,
    )


def landesfeind2019_ec_dmc(clamped: bool = True) -> Electrolyte:
    """LiPF6 in EC:DMC 1:1 w/w. Clamp: 3 M, just below the minimum of t+ (0.14 at 3.1 M).

    Source: Landesfeind and Gasteiger 2019, doi 10.1149/2.0571912jes.
    """
    return _assemble(
        "Landesfeind2019_EC_DMC_1_1",
        _LANDESFEIND,
        (
            LandesfeindConductivity((7.98e-1, 2.28e2, -1.22, 5.09e-1, -4e-3, 3.79e-3)),
            LandesfeindDiffusivity((1.47e3, 1.33, -1.69e3, -5.63e2)),
            LandesfeindCubic(
                (-7.91, 2.45e-1, 5.28e-2, 6.98e-1, -1.08e-2, -8.21e-5, 7.43e-4, -2.22e-3, 3.07e-5)
            ),
            LandesfeindCubic((-5.58, 7.17, 3.80e-2, 1.91, -6.65e-2, -5.08e-5, 1.1e-1, -6.10e-3, 1.51e-4)),
        ),
        highest=3000.0,
        clamped=clamped,
    )


def landesfeind2019_emc_fec(clamped: bool = True) -> Electrolyte:
    """LiPF6 in EMC:FEC 19:1 w/w. Clamp: 1.5 M; the fitted t+ falls below zero near 2 M.

    Source: Landesfeind and Gasteiger 2019, doi 10.1149/2.0571912jes.
    """
    return _assemble(
        "Landesfeind2019_EMC_FEC_19_1",
        _LANDESFEIND,
        (
            LandesfeindConductivity((2.51e-2, 1.75e2, 1.23, 2.05e-1, -8.81e-2, 2.83e-3)),
            LandesfeindDiffusivity((5.86e2, 1.33, -1.38e3, -5.82e2)),
            LandesfeindCubic((-1.22e1, -3.05, 8.38e-2, 1.78, 1.51e-3, -1.37e-4, -2.45e-2, -5.15e-3, 2.14e-5)),
            LandesfeindCubic((3.22, -1.01e1, -1.58e-2, 6.12, 2.96e-2, 2.42e-5, -2.22e-1, -1.57e-2, 6.30e-6)),
        ),
        highest=1500.0,
        clamped=clamped,
    )


def valoen2005(clamped: bool = True) -> Electrolyte:
    """LiPF6 in PC:EC:DMC 10:27:63 v/v (often miscalled EC:DMC). Clamp: 3 M.

    t+ = 0.38 constant. TDF 1, as parameter sets use it; the paper's own
    concentration-dependent factor is not carried.
    Source: Valoen and Reimers 2005, doi 10.1149/1.1872737.
    """
    return _assemble(
        "Valoen2005",
        "Valoen and Reimers 2005, doi 10.1149/1.1872737",
        (valoen2005_conductivity, valoen2005_diffusivity, 0.38, 1.0),
        highest=3000.0,
        clamped=clamped,
    )


def capiglia1999(clamped: bool = True) -> Electrolyte:
    """LiPF6 in EC:DMC, Dualfoil's fit. Clamp: 3 M, below the minimum of kappa (3.25 M).

    t+ = 0.4 and TDF 1 as in Marquis et al. 2019, doi 10.1149/2.0341915jes.
    """
    return _assemble(
        "Capiglia1999",
        "Capiglia et al., J. Power Sources 81-82 (1999) 859 (Dualfoil fit), doi 10.1149/2.0341915jes",
        (capiglia1999_conductivity, capiglia1999_diffusivity, 0.4, 1.0),
        highest=3000.0,
        clamped=clamped,
    )


_LANDESFEIND = "Landesfeind and Gasteiger 2019, doi 10.1149/2.0571912jes"

_FACTORIES: dict[str, Callable[[bool], Electrolyte]] = {
    "Nyman2008": nyman2008,
    "Landesfeind2019_EC_EMC_3_7": landesfeind2019_ec_emc,
    "Landesfeind2019_EC_DMC_1_1": landesfeind2019_ec_dmc,
    "Landesfeind2019_EMC_FEC_19_1": landesfeind2019_emc_fec,
    "Valoen2005": valoen2005,
    "Capiglia1999": capiglia1999,
}


def list_electrolytes() -> list[str]:
    """Names that :func:`get_electrolyte` knows."""
    return sorted(_FACTORIES)


def get_electrolyte(name: str, clamped: bool = True) -> Electrolyte:
    """The electrolyte ``name``, clamped to its validity range or as published."""
    try:
        factory = _FACTORIES[name]
    except KeyError:
        raise InputError(
            "no such electrolyte",
            field="electrolyte",
            value=name,
            remedy=nearest(name, list_electrolytes()),
        ) from None
    return factory(clamped)


def _assemble(
    name: str,
    citation: str,
    laws: tuple[Law, Law, Law | float, Law | float],
    *,
    highest: float,
    clamped: bool,
) -> Electrolyte:
    """An electrolyte from its four laws, each clamped if asked for."""

    def held(law: Any) -> Any:
        return Clamped(law, LOWEST, highest) if clamped and callable(law) else law

    conductivity, diffusivity, transference, factor = laws
    return Electrolyte(
        name=name if clamped else f"{name} (published form)",
        citation=citation,
        conductivity=held(conductivity),
        diffusivity=held(diffusivity),
        transference=held(transference),
        thermodynamic_factor=held(factor),
        valid=(LOWEST, highest),
    )
