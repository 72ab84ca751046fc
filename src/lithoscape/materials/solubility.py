"""Salt that precipitates: an electrolyte in which only so much salt dissolves.

A reversible equilibrium with solid salt that neither moves nor blocks pores: the unknown c_e counts all
salt, transport and reactions see the dissolved part (a regularised Stefan problem in enthalpy form, Elliott
and Ockendon, Weak and Variational Methods for Moving Boundary Problems, 1982).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..errors import InputError
from . import checks
from .ablate import with_electrolyte, with_materials
from .laws import evaluate
from .maths import NUMPY, Maths
from .schema import Electrolyte, Law, MaterialSet

WIDTH = 0.01
"""Concentration over which salt begins to precipitate, over the solubility."""


@dataclass(frozen=True)
class Dissolved:
    """Dissolved part of the salt: c far below the solubility, the solubility far above, smooth between.

    c - w ln(1 + exp((c - s)/w)) with w = :data:`WIDTH` s; s and c in mol/m3.
    """

    solubility: float

    def __call__(self, c: Any, m: Maths = NUMPY) -> Any:
        """Dissolved concentration at total concentration ``c``."""
        w = WIDTH * self.solubility
        z = m.clip((c - self.solubility) / w, -40.0, 40.0)
        beyond = m.where_less(c, self.solubility + 40.0 * w, w * m.log(1 + m.exp(z)), c - self.solubility)
        return c - beyond

    def share(self, c: Any, m: Maths = NUMPY) -> Any:
        """How much of added salt dissolves, the derivative by ``c``: 1 below, 0 above."""
        z = m.clip((c - self.solubility) / (WIDTH * self.solubility), -40.0, 40.0)
        return 1 / (1 + m.exp(z))


@dataclass(frozen=True)
class Saturating:
    """A law of the electrolyte that sees the dissolved salt; if ``mobile`` times the share that dissolves.

    ``potential`` for the thermodynamic factor, which multiplies grad ln c: grad ln of the dissolved
    concentration is share(c) c / dissolved(c) times that.
    """

    law: Law | float
    dissolved: Dissolved
    mobile: bool = False
    potential: bool = False

    def __call__(self, c: Any, T: Any, m: Maths = NUMPY) -> Any:
        """Value at total concentration ``c`` [mol/m3]."""
        salt = self.dissolved(c, m)
        value = evaluate(self.law, salt, T, m=m)
        if self.mobile or self.potential:
            value = value * self.dissolved.share(c, m)
        return value * c / salt if self.potential else value


@dataclass(frozen=True)
class SaturatingExchange:
    """An exchange current density that sees the dissolved salt."""

    law: Law
    dissolved: Dissolved

    def __call__(self, c_e: Any, c_s: Any, c_max: Any, T: Any, m: Maths = NUMPY) -> Any:
        """Value at ``c_e`` (all salt), ``c_s`` [mol/m3], ``T`` [K]."""
        return self.law(self.dissolved(c_e, m), c_s, c_max, T, m)


def limited_solubility(m: MaterialSet, solubility: float) -> MaterialSet:
    """The set with salt that precipitates beyond ``solubility`` [mol/m3], at once and reversibly.

    The unknown c_e is all salt; what exceeds the solubility lies still. Dissolved salt alone diffuses,
    conducts and reacts: flux D_e grad c_dissolved, every law at c_dissolved. Lithium metal keeps its law.

    Raises
    ------
    InputError
        A solubility that is not above the initial concentration.
    """
    checks.positive("solubility", solubility, "mol/m3")
    el: Electrolyte = m.electrolyte
    if solubility <= (1 + 10 * WIDTH) * el.initial_concentration:
        raise InputError(
            "the electrolyte starts near or above this solubility", value=solubility,
            remedy=f"Give more than {(1 + 10 * WIDTH) * el.initial_concentration:g} mol/m3",
        )  # fmt: skip
    d = Dissolved(solubility)
    constant = not callable(el.transference)
    m = with_electrolyte(
        m,
        conductivity=Saturating(el.conductivity, d),
        diffusivity=Saturating(el.diffusivity, d, mobile=True),
        transference=el.transference if constant else Saturating(el.transference, d),
        thermodynamic_factor=Saturating(el.thermodynamic_factor, d, potential=True),
    )
    return with_materials(m, lambda a: replace(a, exchange_current=SaturatingExchange(a.exchange_current, d)))
