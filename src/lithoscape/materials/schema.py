"""What a material set is: frozen specifications, validated at construction.

Law signatures (``m`` is the maths namespace of :mod:`.maths`, last, defaulting
to NumPy; x is the stoichiometry c_s/c_max of the set's own frame):

* open-circuit potential ``U(x, m) -> V``
* solid diffusivity ``D(x, T, m) -> m2/s``
* exchange current density ``i0(c_e, c_s, c_max, T, m) -> A/m2``, to be used in
  ``i = 2 i0 sinh(F eta / 2RT)``, i > 0 anodic (delithiation of the solid)
* lithium metal ``i0(c_e, T, m) -> A/m2`` with the same factor 2
* electrolyte ``kappa(c_e, T, m) -> S/m``, ``D(c_e, T, m) -> m2/s``,
  ``t_plus(c_e, T, m)``, ``tdf(c_e, T, m)`` (1 + dln f/dln c)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ..constants import REFERENCE_TEMPERATURE

Law = Callable[..., Any]


@dataclass(frozen=True)
class Assumed:
    """A value that no measurement of this material backs.

    ``low``..``high`` is the prior range a fit may use; ``log`` if the prior is
    log-uniform; ``reason`` says where the value comes from.
    """

    low: float
    high: float
    reason: str
    log: bool = False


@dataclass(frozen=True)
class Electrolyte:
    """Concentrated binary electrolyte. Concentrations in mol/m3."""

    name: str
    citation: str
    conductivity: Law
    diffusivity: Law
    transference: Law | float
    thermodynamic_factor: Law | float = 1.0
    initial_concentration: float = 1000.0
    valid: tuple[float, float] = (0.0, 4000.0)


@dataclass(frozen=True)
class ActiveMaterial:
    """One insertion material: potentials in V vs Li, c_max in mol/m3, SI else."""

    name: str
    citation: str
    ocp: Law
    diffusivity: Law | float
    exchange_current: Law
    c_max: float
    stoichiometry: tuple[float, float]
    """Valid stoichiometry interval (lowest, highest) of the laws."""
    density: float | None = None
    """Crystal density [kg/m3], for loadings."""


@dataclass(frozen=True)
class Electrode:
    """A porous electrode of one active material."""

    material: ActiveMaterial
    thickness: float
    porosity: float
    active_fraction: float
    particle_radius: float
    conductivity: float
    """Electronic conductivity of the bulk solid [S/m]."""
    bruggeman_electrolyte: float = 1.5
    """Transport efficiency eps/tau = porosity**b."""
    bruggeman_solid: float = 1.5
    """Effective electronic conductivity = conductivity * active_fraction**b."""
    initial_stoichiometry: float = 0.5
    double_layer: float = 0.0
    """Double-layer capacitance [F/m2]; 0 switches it off."""


@dataclass(frozen=True)
class LithiumMetal:
    """Lithium counter electrode."""

    exchange_current: Law
    citation: str


@dataclass(frozen=True)
class Separator:
    """Separator: thickness [m], porosity, Bruggeman exponent."""

    thickness: float
    porosity: float
    bruggeman_electrolyte: float = 1.5


@dataclass(frozen=True)
class MaterialSet:
    """A cell's worth of materials. ``negative`` lithium metal makes it a half cell."""

    name: str
    citation: str
    positive: Electrode
    negative: Electrode | LithiumMetal
    separator: Separator
    electrolyte: Electrolyte
    temperature: float = REFERENCE_TEMPERATURE
    voltage_limits: tuple[float, float] = (2.5, 4.2)
    assumed: Mapping[str, Assumed] = field(default_factory=lambda: MappingProxyType({}))
    """Dotted parameter name -> why it is only assumed, with its prior range."""

    @property
    def is_half_cell(self) -> bool:
        """Whether the counter electrode is lithium metal."""
        return isinstance(self.negative, LithiumMetal)
