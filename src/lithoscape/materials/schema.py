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
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from ..constants import FARADAY, REFERENCE_TEMPERATURE
from ..errors import InputError
from . import checks

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

    def __post_init__(self) -> None:
        checks.interval("assumed (low, high)", (self.low, self.high))
        if self.log:
            checks.positive("assumed low of a log-uniform prior", self.low)


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
    """Concentrations between which the laws are trusted [mol/m3]; a clamped
    electrolyte evaluates its laws nowhere else."""
    precipitate: Law | None = None
    """Solid salt in equilibrium with the dissolved, ``p(c_e, m) -> mol/m3`` of pores; None: all dissolves."""

    def __post_init__(self) -> None:
        checks.law("electrolyte.conductivity", self.conductivity)
        checks.law("electrolyte.diffusivity", self.diffusivity)
        checks.law("electrolyte.transference", self.transference, constant_allowed=True)
        checks.law("electrolyte.thermodynamic_factor", self.thermodynamic_factor, constant_allowed=True)
        if self.precipitate is not None:
            checks.law("electrolyte.precipitate", self.precipitate)
        checks.positive("electrolyte.initial_concentration", self.initial_concentration, "mol/m3")
        checks.interval("electrolyte.valid", self.valid, low=0.0)


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

    def __post_init__(self) -> None:
        checks.law("material.ocp", self.ocp)
        checks.law("material.diffusivity", self.diffusivity, constant_allowed=True)
        checks.law("material.exchange_current", self.exchange_current)
        checks.positive("material.c_max", self.c_max, "mol/m3")
        checks.interval("material.stoichiometry", self.stoichiometry, low=0.0, high=1.0)
        if self.density is not None:
            checks.positive("material.density", self.density, "kg/m3")


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

    def __post_init__(self) -> None:
        for name, unit in (("thickness", "m"), ("particle_radius", "m"), ("conductivity", "S/m")):
            checks.positive(f"electrode.{name}", getattr(self, name), unit)
        checks.fraction("electrode.porosity", self.porosity)
        checks.fraction("electrode.active_fraction", self.active_fraction)
        total = self.porosity + self.active_fraction
        if total > 1.0 + 1e-12:
            raise InputError(
                "porosity + active_fraction exceeds 1",
                field="electrode.porosity",
                value=total,
                remedy="Reduce one of them; what is left of 1 is binder and carbon.",
            )
        checks.not_negative("electrode.bruggeman_electrolyte", self.bruggeman_electrolyte)
        checks.not_negative("electrode.bruggeman_solid", self.bruggeman_solid)
        checks.not_negative("electrode.double_layer", self.double_layer)
        checks.interval("electrode.initial_stoichiometry", (0.0, self.initial_stoichiometry), 0.0, 1.0)

    @property
    def surface_per_volume(self) -> float:
        """Active surface per electrode volume of equal spheres, 3 eps_s / r [1/m]."""
        return 3.0 * self.active_fraction / self.particle_radius

    @property
    def effective_conductivity(self) -> float:
        """Electronic conductivity of the porous solid [S/m]."""
        return self.conductivity * self.active_fraction**self.bruggeman_solid

    @property
    def transport_efficiency(self) -> float:
        """eps/tau of the pore space."""
        return self.porosity**self.bruggeman_electrolyte

    @property
    def capacity(self) -> float:
        """Lithium sites per electrode area as charge, F c_max eps_s L [C/m2]."""
        return FARADAY * self.material.c_max * self.active_fraction * self.thickness


@dataclass(frozen=True)
class LithiumMetal:
    """Lithium counter electrode."""

    exchange_current: Law
    citation: str

    def __post_init__(self) -> None:
        checks.law("lithium.exchange_current", self.exchange_current)


@dataclass(frozen=True)
class Separator:
    """Separator: thickness [m], porosity, Bruggeman exponent."""

    thickness: float
    porosity: float
    bruggeman_electrolyte: float = 1.5

    def __post_init__(self) -> None:
        checks.positive("separator.thickness", self.thickness, "m")
        checks.fraction("separator.porosity", self.porosity)
        checks.not_negative("separator.bruggeman_electrolyte", self.bruggeman_electrolyte)

    @property
    def transport_efficiency(self) -> float:
        """eps/tau of the separator."""
        return self.porosity**self.bruggeman_electrolyte


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
    assumed: Mapping[str, Assumed] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    """Dotted parameter name -> why it is only assumed, with its prior range."""

    def __post_init__(self) -> None:
        checks.positive("temperature", self.temperature, "K")
        checks.interval("voltage_limits", self.voltage_limits)
        for name, entry in self.assumed.items():
            if not isinstance(entry, Assumed):
                raise InputError(
                    "must map a dotted name to Assumed(...)", field=f"assumed[{name!r}]", value=entry
                )
        object.__setattr__(self, "assumed", MappingProxyType(dict(self.assumed)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle through the constructor (a mapping proxy does not pickle)."""
        values = [getattr(self, entry.name) for entry in fields(self)]
        return type(self), tuple(dict(v) if isinstance(v, MappingProxyType) else v for v in values)

    @property
    def is_half_cell(self) -> bool:
        """Whether the counter electrode is lithium metal."""
        return isinstance(self.negative, LithiumMetal)
