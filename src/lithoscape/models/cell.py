"""From a material set to the regions of a homogenised cell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..materials.schema import Electrode, LithiumMetal, MaterialSet, Separator
from .homogenised import HomogenisedCell, Particles, Region


def porous_region(name: str, role: str, electrode: Electrode, **overrides: Any) -> Region:
    """Porous electrode region; ``overrides`` replace fields of the :class:`Region`.

    Parameters
    ----------
    name:
        Region name in the mesh.
    role:
        "positive" or "negative".
    electrode:
        Porosity, active fraction, radius, Bruggeman exponents of a material set.
    """
    particles = Particles(
        "active",
        electrode.material,
        electrode.active_fraction,
        electrode.particle_radius,
        electrode.initial_stoichiometry,
    )
    region = Region(
        name,
        electrode.porosity,
        electrode.transport_efficiency,
        conductivity=electrode.effective_conductivity,
        electrode=role,
        particles=(particles,),
        double_layer=electrode.double_layer,
    )
    return replace(region, **overrides)


def separator_region(name: str, separator: Separator) -> Region:
    """Separator region: porous, inert, insulating."""
    return Region(name, separator.porosity, separator.transport_efficiency)


def open_region(name: str, transport: float = 1.0) -> Region:
    """Crack or channel: pure electrolyte; ``transport`` below 1 if it is not open and straight."""
    return Region(name, 1.0, transport)


def cell_from_set(materials: MaterialSet, current_scale: float, **options: Any) -> HomogenisedCell:
    """Cell of regions "separator", "positive" and, in a full cell, "negative".

    ``options`` are fields of :class:`HomogenisedCell` (contact resistance,
    radial nodes, ...).
    """
    regions = [separator_region("separator", materials.separator)]
    regions.append(porous_region("positive", "positive", materials.positive))
    lithium = materials.negative if isinstance(materials.negative, LithiumMetal) else None
    if isinstance(materials.negative, Electrode):
        regions.insert(0, porous_region("negative", "negative", materials.negative))
    return HomogenisedCell(
        tuple(regions), materials.electrolyte, lithium, materials.temperature, current_scale, **options
    )
