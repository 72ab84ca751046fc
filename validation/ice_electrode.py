"""What the published numbers of the freeze-cast NMC811 electrode imply for each other, in closed form.

Source of the numbers: Huang et al., Adv. Sci. 9 (2022) 2105723, doi 10.1002/advs.202105723 (Tables 1 and 2,
sections 2.2 to 2.4). Everything else is arithmetic; SI.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lithoscape.constants import FARADAY

THICKNESS = 1e-3
POROSITY = (0.333, 0.232, 0.096)
TAU_THROUGH = (1.1, 2.3, 2.8)
TAU_IN_PLANE = (8.7, 10.5, 11.2)
D_THROUGH = (42.1e-13, 14.0e-13, 4.8e-13)
D_IN_PLANE = (5.3e-13, 3.1e-13, 1.2e-13)
"""Table 1 [m2/s], regions from the separator to the collector."""
CHARGED, DISCHARGED = (0.10, 0.03, 0.00), (0.76, 0.73, 0.61)
S_CHARGED, S_DISCHARGED = (0.88, 0.72, 0.65), (2.40, 2.34, 2.06)
"""Table 2: 1-x and S-parameter."""
CAPACITY = 188.0
"""Discharge capacity at 0.5C [A h/kg]."""
AREAL = 570.0
"""The same per area [A h/m2]."""
RATE = 0.5
OVERPOTENTIAL = 0.20
"""Stated for 0.5C to 2C [V]."""
WEIGHTS = {"NMC811": 0.90, "carbon": 0.05, "binder": 0.05}
DENSITIES = {"NMC811": 4780.0, "carbon": 1900.0, "binder": 1500.0}
"""[kg/m3]; not in the source: crystal density, carbon black, a water-based binder."""
MOLAR_MASS = 6.94e-3 + 0.8 * 58.693e-3 + 0.1 * 54.938e-3 + 0.1 * 58.933e-3 + 2 * 15.999e-3
"""LiNi0.8Mn0.1Co0.1O2 [kg/mol]."""
ELECTRONS = 3 + 0.8 * 28 + 0.1 * 25 + 0.1 * 27 + 2 * 8
"""Electrons of the formula unit."""
PORE_WIDTH, VOXELS = 3e-6, (3.24e-6, 7.91e-6)
"""Widest pores at the collector, and the voxels of the two tomographs [m]."""


@dataclass(frozen=True)
class Slab:
    """A layer that salt has to cross: thickness [m] and transport efficiency eps/tau."""

    thickness: float
    efficiency: float


def published() -> list[Slab]:
    """The three regions as published, from the separator."""
    return [Slab(THICKNESS / 3, e / t) for e, t in zip(POROSITY, TAU_THROUGH, strict=True)]


def length(slabs: Sequence[Slab]) -> float:
    """Length of free electrolyte with the resistance of the slabs [m].

    The ionic current enters in full at the first face and is taken up evenly over the depth, so every slab
    counts with the mean of its share: sum of f_k h_k / B_k.
    """
    total, passed, found = sum(s.thickness for s in slabs), 0.0, 0.0
    for slab in slabs:
        share = 1 - (passed + slab.thickness / 2) / total
        found += share * slab.thickness / slab.efficiency
        passed += slab.thickness
    return found


def limiting_current(drop: float, slabs: Sequence[Slab], diffusivity: float, transference: float) -> float:
    """Steady current density that costs a salt difference ``drop`` [mol/m3] over the slabs [A/m2].

    i = F D dc / ((1 - t+) length), Newman and Thomas-Alyea, Electrochemical Systems, ch. 22.
    """
    return FARADAY * diffusivity * drop / ((1 - transference) * length(slabs))


def ohmic_drop(current: float, slabs: Sequence[Slab], conductivity: float) -> float:
    """Potential difference of the electrolyte over the slabs at even salt [V]."""
    return current * length(slabs) / conductivity


def thickness_for(current_ratio: float, thickness: float) -> float:
    """Thickness that brings the limit up to the applied current at the same C-rate [m].

    ``current_ratio`` is the limit over the applied current: one falls, the other grows with the thickness.
    """
    return thickness * math.sqrt(current_ratio)


def implied_diffusivities() -> tuple[list[float], list[float]]:
    """D_directional tau/eps of Table 1, through and in plane [m2/s]."""
    rows = ((D_THROUGH, TAU_THROUGH), (D_IN_PLANE, TAU_IN_PLANE))
    through, across = (
        [d * tau / eps for d, tau, eps in zip(ds, taus, POROSITY, strict=True)] for ds, taus in rows
    )
    return through, across


def coating_density(porosity: float) -> float:
    """Mass per volume of a coating of WEIGHTS with this porosity [kg/m3]."""
    return (1 - porosity) / sum(w / DENSITIES[name] for name, w in WEIGHTS.items())


def active_share() -> float:
    """NMC811 per volume of solid."""
    return WEIGHTS["NMC811"] / DENSITIES["NMC811"] * coating_density(0.0)


def areal_capacity(porosity: float, capacity: float = CAPACITY, thickness: float = THICKNESS) -> float:
    """Capacity per area of a coating [A h/m2]."""
    return WEIGHTS["NMC811"] * coating_density(porosity) * thickness * capacity


def porosity_for(areal: float, capacity: float = CAPACITY, thickness: float = THICKNESS) -> float:
    """Porosity that leaves room for a capacity per area."""
    return 1 - areal / areal_capacity(0.0, capacity, thickness)


def density_for(areal: float, porosity: float) -> float:
    """Density of NMC811 with which a coating of this porosity holds a capacity per area [kg/m3]."""
    solid = (1 - porosity) * THICKNESS
    coating = areal / CAPACITY / WEIGHTS["NMC811"]
    rest = sum(coating * WEIGHTS[name] / DENSITIES[name] for name in ("carbon", "binder"))
    return areal / CAPACITY / (solid - rest)


def full_capacity() -> float:
    """One lithium per formula unit [A h/kg]."""
    return FARADAY / 3600 / MOLAR_MASS


def swings() -> list[float]:
    """Discharged less charged 1-x by region."""
    return [d - c for d, c in zip(DISCHARGED, CHARGED, strict=True)]


def mean_swing() -> float:
    """Mean over the regions, each by its solid."""
    solid = [1 - e for e in POROSITY]
    return sum(w * s for w, s in zip(solid, swings(), strict=True)) / sum(solid)


def most_core_electrons() -> float:
    """Electrons that S_H of region 1 can hold if S = S_L/S_H is of plain profiles.

    Lithium brings one electron: S_L cannot grow by more than the swing of 1-x between the two states,
    (S_d - S_c) S_H <= swing, if S_H stays.
    """
    return swings()[0] / (S_DISCHARGED[0] - S_CHARGED[0])
