"""Dependences switched off one at a time, to see which of them makes an effect.

Every switch changes laws of the set only, never an equation, and leaves them as they are at the electrolyte's
initial concentration c0:

``diffusion_potential``
    The concentration's effect on the local potential. Potentials of the electrolyte are those of a lithium
    reference electrode, so the set's U(x) has no concentration in it; Nernst's (RT/F) ln c and the liquid
    junction's (1 - 2 t+)(RT/F) ln c stand together in the ionic current
    i_e = -kappa B [grad phi_e - (2RT/F)(1 - t+)(1 + dln f/dln c) grad ln c] (Newman and Thomas-Alyea,
    Electrochemical Systems, ch. 12). The switch makes the thermodynamic factor 0, which leaves
    i_e = -kappa B grad phi_e. Salt diffusivities are with respect to concentration and keep their value.
``exchange_current``
    i0 of every insertion material is evaluated at c0 (its exponent of c_e becomes 0). Lithium metal keeps
    its law.
``electrolyte_conductivity``, ``electrolyte_diffusivity``, ``transference``, ``thermodynamic_factor``
    The law is its value at c0 and the set's temperature.
``solid_diffusivity``
    D_s of every insertion material is its value at x = 0.5 and the set's temperature.

:func:`graded_diffusivity` and :func:`.solubility.limited_solubility` add a dependence instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import InputError, nearest
from . import checks
from .laws import evaluate
from .maths import NUMPY, Maths
from .schema import ActiveMaterial, Electrode, Law, MaterialSet

MIDDLE = 0.5
"""Stoichiometry at which a solid diffusivity is taken."""


@dataclass(frozen=True)
class Constant:
    """A law of one argument and temperature that is one number, 0 included."""

    value: float

    def __call__(self, c: Any, T: Any, m: Maths = NUMPY) -> Any:
        """The number, in the shape of ``c``."""
        return self.value + 0.0 * c


@dataclass(frozen=True)
class AtConcentration:
    """An exchange current density that sees the electrolyte at ``c_e`` [mol/m3] wherever it is."""

    law: Law
    c_e: float

    def __call__(self, c_e: Any, c_s: Any, c_max: Any, T: Any, m: Maths = NUMPY) -> Any:
        """Value at ``c_s`` [mol/m3], ``T`` [K]."""
        return self.law(self.c_e + 0.0 * c_e, c_s, c_max, T, m)


@dataclass(frozen=True)
class Exponential:
    """D_s(x) = ``middle`` 10^(``decades`` (x - 1/2)) [m2/s]: ``decades`` from empty to full."""

    middle: float
    decades: float

    def __call__(self, x: Any, T: Any, m: Maths = NUMPY) -> Any:
        """Value at stoichiometry ``x``."""
        return self.middle * m.exp(2.302585092994046 * self.decades * (x - MIDDLE))


def with_electrolyte(m: MaterialSet, **laws: Any) -> MaterialSet:
    """The set with other laws of its electrolyte."""
    return replace(m, electrolyte=replace(m.electrolyte, **laws))


def with_materials(m: MaterialSet, changed: Callable[[ActiveMaterial], ActiveMaterial]) -> MaterialSet:
    """The set with every insertion material changed."""
    parts: dict[str, Any] = {}
    for name in ("positive", "negative"):
        electrode = getattr(m, name)
        if isinstance(electrode, Electrode):
            parts[name] = replace(electrode, material=changed(electrode.material))
    return replace(m, **parts)


def _frozen(name: str) -> Callable[[MaterialSet], MaterialSet]:
    """Switch that makes a law of the electrolyte its value at c0."""

    def switched(m: MaterialSet) -> MaterialSet:
        law = getattr(m.electrolyte, name)
        if not callable(law) or isinstance(law, Constant):
            raise InputError(
                f"{name} of {m.electrolyte.name} does not depend on the concentration",
                remedy="Leave this switch out, or choose another electrolyte",
            )
        value = float(evaluate(law, m.electrolyte.initial_concentration, m.temperature))
        # a plain number where one may stand: the migration of constant t+ is then eliminated exactly
        plain = name in ("transference", "thermodynamic_factor")
        return with_electrolyte(m, **{name: value if plain else Constant(value)})

    return switched


def _no_diffusion_potential(m: MaterialSet) -> MaterialSet:
    return with_electrolyte(m, thermodynamic_factor=Constant(0.0))


def _exchange_at_rest(m: MaterialSet) -> MaterialSet:
    c0 = m.electrolyte.initial_concentration
    return with_materials(m, lambda a: replace(a, exchange_current=AtConcentration(a.exchange_current, c0)))


def _constant_solid(m: MaterialSet) -> MaterialSet:
    def changed(a: ActiveMaterial) -> ActiveMaterial:
        if not callable(a.diffusivity):
            raise InputError(
                f"the diffusivity of {a.name} is constant already", remedy="Leave this switch out"
            )
        return replace(a, diffusivity=float(a.diffusivity(MIDDLE, m.temperature, NUMPY)))

    return with_materials(m, changed)


ABLATIONS: dict[str, Callable[[MaterialSet], MaterialSet]] = {
    "exchange_current": _exchange_at_rest,
    "electrolyte_conductivity": _frozen("conductivity"),
    "electrolyte_diffusivity": _frozen("diffusivity"),
    "transference": _frozen("transference"),
    "thermodynamic_factor": _frozen("thermodynamic_factor"),
    "solid_diffusivity": _constant_solid,
    "diffusion_potential": _no_diffusion_potential,
}
"""Switch -> the set without that dependence."""


def ablate(m: MaterialSet, names: Sequence[str]) -> MaterialSet:
    """A copy of the set with dependences switched off; the order of ``names`` does not matter.

    Raises
    ------
    InputError
        An unknown switch, one named twice, or a dependence that the set does not have.
    """
    for name in names:
        if name not in ABLATIONS:
            raise InputError("no such switch", value=name, remedy=nearest(name, list(ABLATIONS)))
    if len(set(names)) < len(names):
        raise InputError("a switch is named twice", value=list(names), remedy="Name each once")
    if {"diffusion_potential", "thermodynamic_factor"} <= set(names):
        raise InputError(
            "without diffusion potential the thermodynamic factor has no effect", value=list(names),
            remedy="Leave thermodynamic_factor out",
        )  # fmt: skip
    for name, switch in ABLATIONS.items():
        if name in names:
            m = switch(m)
    return m


def graded_diffusivity(m: MaterialSet, decades: float) -> MaterialSet:
    """The positive material with D_s(x) = D_s 10^(``decades`` (x - 1/2)), D_s being the set's constant.

    Raises
    ------
    InputError
        The set's diffusivity is a law of x already.
    """
    material = m.positive.material
    if callable(material.diffusivity):
        raise InputError(
            f"the diffusivity of {material.name} depends on the state of lithiation already", value=decades,
            remedy="Leave this out, or ablate solid_diffusivity instead",
        )  # fmt: skip
    checks.number("solid_diffusivity_decades", decades)
    law = Exponential(float(material.diffusivity), decades)
    return replace(m, positive=replace(m.positive, material=replace(material, diffusivity=law)))
