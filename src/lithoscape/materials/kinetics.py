"""Exchange current densities [A/m2].

Convention of every law here: the reaction current density is

    i = 2 i0 sinh(F eta / 2RT),   eta = phi_s - phi_e - U,

i > 0 anodic (delithiation). The factor 2 stands in front of i0, never inside.
Insertion laws take ``(c_e, c_s, c_max, T, m)``, lithium metal ``(c_e, T, m)``;
concentrations in mol/m3, T in K.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..constants import FARADAY
from . import checks
from .laws import arrhenius
from .maths import NUMPY, Maths

LITHIUM_SITE_DENSITY = 1.0 / 1.3e-5
"""Concentration of lithium in lithium metal [mol/m3], from 1.3e-5 m3/mol."""


def _symmetric(prefactor: float, c_e: Any, c_s: Any, c_max: Any, m: Maths) -> Any:
    """k sqrt(c_e) sqrt(c_s) sqrt(c_max - c_s), k in A m-2 (m3/mol)^1.5."""
    return prefactor * m.sqrt(c_e) * m.sqrt(c_s) * m.sqrt(c_max - c_s)


def chen2020_nmc811_exchange_current(c_e: Any, c_s: Any, c_max: Any, T: Any, m: Maths = NUMPY) -> Any:
    """NMC811 of the LG M50 cell [A/m2], 3.42e-6 sqrt(c_e c_s (c_max-c_s)), 17.8 kJ/mol.

    Source: Chen et al. 2020, doi 10.1149/1945-7111/ab9050.
    """
    return _symmetric(3.42e-6, c_e, c_s, c_max, m) * arrhenius(17800.0, T, m)


def chen2020_graphite_exchange_current(c_e: Any, c_s: Any, c_max: Any, T: Any, m: Maths = NUMPY) -> Any:
    """Graphite of the LG M50 cell [A/m2], 6.48e-7 sqrt(c_e c_s (c_max-c_s)), 35 kJ/mol.

    Source: Chen et al. 2020, doi 10.1149/1945-7111/ab9050.
    """
    return _symmetric(6.48e-7, c_e, c_s, c_max, m) * arrhenius(35000.0, T, m)


def oregan2022_nmc811_exchange_current(c_e: Any, c_s: Any, c_max: Any, T: Any, m: Maths = NUMPY) -> Any:
    """NMC811 of the LG M50 cell [A/m2], 5.028 A/m2 prefactor, exponent 0.43, 24.01 kJ/mol.

    Reference electrolyte concentration 1 M.
    Source: O'Regan et al. 2022, doi 10.1016/j.electacta.2022.140700.
    """
    x = c_s / c_max
    shape = (c_e / 1000.0) ** 0.57 * x**0.43 * (1.0 - x) ** 0.57
    return 5.028 * arrhenius(24010.0, T, m) * shape


def oregan2022_graphite_exchange_current(c_e: Any, c_s: Any, c_max: Any, T: Any, m: Maths = NUMPY) -> Any:
    """Graphite of the LG M50 cell [A/m2], 2.668 A/m2 prefactor, exponent 0.792, 40 kJ/mol.

    Reference electrolyte concentration 1 M.
    Source: O'Regan et al. 2022, doi 10.1016/j.electacta.2022.140700.
    """
    x = c_s / c_max
    shape = (c_e / 1000.0) ** 0.208 * x**0.792 * (1.0 - x) ** 0.208
    return 2.668 * arrhenius(40000.0, T, m) * shape


def xu2019_nmc532_exchange_current(c_e: Any, c_s: Any, c_max: Any, T: Any, m: Maths = NUMPY) -> Any:
    """NMC532 [A/m2], 5.76e-11 F sqrt(c_e c_s (c_max-c_s)), no temperature dependence.

    Source: Xu et al. 2019, J. Electrochem. Soc. 166 A3456 (no doi carried).
    """
    return _symmetric(5.76e-11 * FARADAY, c_e, c_s, c_max, m)


def marquis2019_lco_exchange_current(c_e: Any, c_s: Any, c_max: Any, T: Any, m: Maths = NUMPY) -> Any:
    """LiCoO2 [A/m2], 6e-7 sqrt(c_e c_s (c_max-c_s)), 39.57 kJ/mol.

    Source: Dualfoil value as used by Marquis et al. 2019, doi 10.1149/2.0341915jes.
    """
    return _symmetric(6e-7, c_e, c_s, c_max, m) * arrhenius(39570.0, T, m)


def marquis2019_graphite_exchange_current(c_e: Any, c_s: Any, c_max: Any, T: Any, m: Maths = NUMPY) -> Any:
    """Graphite MCMB 2528 [A/m2], 2e-5 sqrt(c_e c_s (c_max-c_s)), 37.48 kJ/mol.

    Source: Dualfoil value as used by Marquis et al. 2019, doi 10.1149/2.0341915jes.
    """
    return _symmetric(2e-5, c_e, c_s, c_max, m) * arrhenius(37480.0, T, m)


def xu2019_lithium_exchange_current(c_e: Any, T: Any, m: Maths = NUMPY) -> Any:
    """Lithium metal [A/m2], 3.5e-8 F c_Li^0.7 c_e^0.3: 70.6 A/m2 at 1 M.

    Source: Xu et al. 2019, J. Electrochem. Soc. 166 A3456 (no doi carried).
    """
    return 3.5e-8 * FARADAY * LITHIUM_SITE_DENSITY**0.7 * c_e**0.3


@dataclass(frozen=True)
class ReferenceExchange:
    """i0 = F k c_e^a c_s^a (c_max - c_s)^a [A/m2], given by its value at 1 M and x = 0.5.

    Parameters
    ----------
    i_ref:
        i0 at c_e = ``c_e_ref``, c_s = c_max/2 and 298.15 K [A/m2].
    exponent:
        a; 0.5 is the symmetric textbook form.
    energy:
        Activation energy [J/mol].
    c_e_ref:
        Reference electrolyte concentration [mol/m3].

    Source: textbook form (Newman and Thomas-Alyea, Electrochemical Systems).
    """

    i_ref: float
    exponent: float = 0.5
    energy: float = 0.0
    c_e_ref: float = 1000.0

    def __post_init__(self) -> None:
        checks.positive("exchange_current.i_ref", self.i_ref, "A/m2")
        checks.positive("exchange_current.exponent", self.exponent)
        checks.not_negative("exchange_current.energy", self.energy)
        checks.positive("exchange_current.c_e_ref", self.c_e_ref, "mol/m3")

    def __call__(self, c_e: Any, c_s: Any, c_max: Any, T: Any, m: Maths = NUMPY) -> Any:
        """Value at ``c_e``, ``c_s``, ``c_max`` [mol/m3], ``T`` [K]."""
        x = c_s / c_max
        a = self.exponent
        value = self.i_ref * (c_e / self.c_e_ref) ** a * (2.0 * x) ** a * (2.0 - 2.0 * x) ** a
        return value * arrhenius(self.energy, T, m) if self.energy else value

    def rate_constant(self, c_max: float) -> float:
        """k of i0 = F k c_e^a c_s^a (c_max - c_s)^a; for a = 0.5 in m^2.5 mol^-0.5 s^-1."""
        a = self.exponent
        return self.i_ref / (FARADAY * self.c_e_ref**a * (0.5 * c_max) ** (2.0 * a))
