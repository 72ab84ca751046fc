"""Fluxes and interface laws shared by all models, written as in the papers.

Sign: current density i > 0 is anodic (oxidation; delithiation of the solid).
Every function works with UFL expressions and, where it takes ``m``, with NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ufl

from ..constants import FARADAY, thermal_voltage
from ..materials.maths import NUMPY, Maths, ufl_maths
from ..materials.schema import ActiveMaterial, Electrolyte

DEPLETION = 0.1
"""Concentration over which the laws approach their value at depletion [mol/m3]."""


@dataclass(frozen=True)
class Guard:
    """Interval of stoichiometry that laws are evaluated on; outside, U continues with ``slope`` [V]."""

    low: float
    high: float
    slope: float
    width: float = 0.0
    """Stoichiometry over which the slope sets in; 0: at once."""

    @property
    def laws(self) -> tuple[float, float]:
        """Interval on which laws are evaluated."""
        return self.low, self.high

    def beyond(self, x: Any, m: Maths = NUMPY) -> Any:
        """How far x lies outside the interval, negative below it; smooth if there is a width."""
        if self.width == 0:
            return x - m.clip(x, self.low, self.high)
        return (
            _ramp((x - self.high) / self.width, m) * self.width
            - _ramp((self.low - x) / self.width, m) * self.width
        )


PARTICLE_GUARD = Guard(1e-6, 1 - 1e-6, -1e5)
"""Of particles that are solved for by themselves: a volt is spent within 1e-5 of the guard, so that a full
or empty surface ends a half-cycle at the right capacity."""

SURFACE_GUARD = Guard(0.005, 0.99, -100.0, 1e-3)
"""Of surfaces that are nodes of a mesh, where the slope enters the coupled system."""


def _ramp(z: Any, m: Maths) -> Any:
    """ln(1 + exp z): rises smoothly from 0 to z, and leaves nothing behind where z is far below 0."""
    return m.where_less(z, 40.0, m.log(1 + m.exp(m.clip(z, -700.0, 40.0))), z)


def floored(c_e: Any, m: Maths = NUMPY) -> Any:
    """Electrolyte concentration kept positive, smoothly [mol/m3].

    (c + sqrt(c^2 + delta^2)) / 2 differs from c by delta^2/4c: 2.5e-6 mol/m3 at
    1 M. Where salt runs out it falls towards zero and never reaches it, so
    reaction and conduction die away instead of switching off at a kink.
    """
    return 0.5 * (c_e + m.sqrt(c_e * c_e + DEPLETION**2))


def guarded_ocp(material: ActiveMaterial, x: Any, m: Maths = NUMPY, guard: Guard = PARTICLE_GUARD) -> Any:
    """Open-circuit potential [V vs Li], continued linearly outside the guard."""
    beyond = guard.beyond(x, m)
    # the law's slope goes as the guard's sets in: a kink between the two makes Newton's method cycle
    return material.ocp(x - beyond, m) + guard.slope * beyond


def guarded_exchange_current(
    material: ActiveMaterial, c_e: Any, x: Any, T: float, m: Maths = NUMPY, guard: Guard = PARTICLE_GUARD
) -> Any:
    """Exchange current density [A/m2] at surface stoichiometry ``x``."""
    inside = x - guard.beyond(x, m)
    return material.exchange_current(floored(c_e, m), inside * material.c_max, material.c_max, T, m)


def limited_sinh(x: Any, limit: float = 20.0) -> Any:
    """UFL sinh, continued linearly (C1) beyond ``limit`` so that Newton cannot overflow."""
    m = ufl_maths()
    inside = m.clip(x, -limit, limit)
    return ufl.sinh(inside) + ufl.cosh(inside) * (x - inside)


def butler_volmer(i0: Any, overpotential: Any, T: float) -> Any:
    """Symmetric Butler-Volmer current i = 2 i0 sinh(F eta / 2RT) [A/m2], UFL."""
    return 2 * i0 * limited_sinh(overpotential / (2 * thermal_voltage(T)))


def insertion_current(
    material: ActiveMaterial, x: Any, c_e: Any, potential: Any, T: float, guard: Guard = SURFACE_GUARD
) -> Any:
    """Anodic current density [A/m2] at surface stoichiometry ``x`` and phi_s - phi_e = ``potential``, UFL."""
    m = ufl_maths()
    i0 = guarded_exchange_current(material, c_e, x, T, m, guard)
    return butler_volmer(i0, potential - guarded_ocp(material, x, m, guard), T)


def solid_diffusivity(material: ActiveMaterial, x: Any, T: float, guard: Guard = SURFACE_GUARD) -> Any:
    """D_s [m2/s] at UFL stoichiometry ``x``."""
    m, law = ufl_maths(), material.diffusivity
    return law(m.clip(x, *guard.laws), T, m) if callable(law) else ufl.as_ufl(float(law))


def electrolyte_value(law: Any, c_e: Any, T: float) -> Any:
    """A transport property at UFL concentration ``c_e``; plain numbers pass through."""
    return law(floored(c_e, ufl_maths()), T, ufl_maths()) if callable(law) else ufl.as_ufl(float(law))


def precipitate(electrolyte: Electrolyte, c_e: Any) -> Any:
    """Solid salt at UFL concentration ``c_e`` [mol/m3 of pores]; 0 where all dissolves."""
    law = electrolyte.precipitate
    return ufl.as_ufl(0.0) if law is None else law(c_e, ufl_maths())


def ionic_current(electrolyte: Electrolyte, B: Any, c_e: Any, phi_e: Any, T: float) -> Any:
    """Ionic current density [A/m2] of concentrated-solution theory.

    i_e = -kappa B [grad phi_e - (2RT/F)(1 - t+)(1 + dln f/dln c) grad ln c_e],
    B = eps/tau a tensor (Newman and Thomas-Alyea, Electrochemical Systems, ch. 12).
    """
    kappa = electrolyte_value(electrolyte.conductivity, c_e, T)
    t_plus = electrolyte_value(electrolyte.transference, c_e, T)
    tdf = electrolyte_value(electrolyte.thermodynamic_factor, c_e, T)
    factor = 2 * thermal_voltage(T) * (1 - t_plus) * tdf
    c = floored(c_e, ufl_maths())
    return -kappa * ufl.dot(B, ufl.grad(phi_e) - factor / c * ufl.grad(c_e))


def salt_diffusion(electrolyte: Electrolyte, B: Any, c_e: Any, T: float) -> Any:
    """Diffusive salt flux -D_e B grad c_e [mol/(m2 s)]."""
    return -electrolyte_value(electrolyte.diffusivity, c_e, T) * ufl.dot(B, ufl.grad(c_e))


def lithium_flux(electrolyte: Electrolyte, N_salt: Any, i_e: Any, c_e: Any, T: float) -> Any:
    """Lithium-ion flux N = -D_e B grad c_e + t+ i_e / F [mol/(m2 s)]."""
    return N_salt + electrolyte_value(electrolyte.transference, c_e, T) * i_e / FARADAY
