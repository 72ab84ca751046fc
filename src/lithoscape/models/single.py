"""One particle in a uniform electrolyte: its true shape, its grains, and nothing around it.

Fick's law with D_s(c_s), scalar or a tensor per grain, and Butler-Volmer at the surface (the particle of a
single-particle model, Atlung et al., J. Electrochem. Soc. 126 (1979) 1311, without its spherical symmetry).
The particle is an equipotential, the electrolyte keeps its concentration and is the zero of potential.
Unknowns are c_s and minus the particle's potential; current and power count per area of the surface,
discharge positive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import basix.ufl
import numpy as np
import ufl
from dolfinx import fem

from ..constants import FARADAY, thermal_voltage
from ..errors import InputError
from ..mesh.domain import Domain
from ..mesh.parts import one_sided, part
from ..problem import Control, Problem, Unknown
from . import terms
from .resolved import MIDDLE, NODES, Phase, anisotropy_of


@dataclass(frozen=True)
class SingleParticle:
    """Everything but the mesh.

    Parameters
    ----------
    phase:
        The active phase; its conductivity is not used.
    concentration:
        Of the electrolyte [mol/m3].
    temperature:
        [K].
    current_scale:
        1C [A per m2 of surface].
    surface:
        Boundary that reacts; None: the boundary "surface" if there is one, and all facets to other regions.
    """

    phase: Phase
    concentration: float
    temperature: float
    current_scale: float
    surface: str | None = None


def single_particle(domain: Domain, cell: SingleParticle) -> Problem:
    """Build the problem on the region of ``cell.phase``; other regions of the mesh take no part.

    Raises
    ------
    InputError
        A phase without a material, a region or boundary that the mesh lacks, no surface.
    """
    phase = cell.phase
    if phase.material is None or phase.initial_stoichiometry is None:
        raise InputError("a particle needs an active phase", field="phase", value=phase.name)
    material, solid = phase.material, part(domain, phase.name)
    V = fem.functionspace(solid.mesh, ("Lagrange", 1))
    R = fem.functionspace(domain.mesh, basix.ufl.real_element(domain.mesh.basix_cell(), ()))
    c_s, phi = fem.Function(V, name=f"c_s {phase.name}"), fem.Function(R, name="phi_n")
    control = Control(*(fem.Constant(domain.mesh, 0.0) for _ in range(6)))
    sides = _sides(domain, cell)
    y, q, c_max, T = ufl.TestFunction(V), ufl.TestFunction(R), material.c_max, cell.temperature
    tags = domain.cell_tags
    inside, nodes = (
        ufl.Measure("dx", domain.mesh, subdomain_data=tags, metadata=rule)(domain.region(phase.name))
        for rule in (MIDDLE, NODES)
    )
    stiffness = cell.current_scale / thermal_voltage(T)

    def reaction(side: Any) -> Any:
        return terms.insertion_current(material, side(c_s) / c_max, cell.concentration, -side(phi), T)

    def imposed(side: Any) -> Any:
        i, volt = -reaction(side), -side(phi)
        row = control.weight_current * (i - control.current)
        row += control.weight_voltage * stiffness * (control.voltage - volt)
        return row + control.weight_power * (volt * i - control.power)

    D = terms.solid_diffusivity(material, c_s / c_max, T)
    tensor = anisotropy_of(domain, phase)
    flux = ufl.dot(D * (ufl.Identity(domain.mesh.geometry.dim) if tensor is None else tensor), ufl.grad(c_s))
    rows = (
        ufl.inner(flux, ufl.grad(y)) * inside
        + sum(reaction(side) / FARADAY * side(y) * measure for side, measure in sides),
        sum(imposed(side) * side(q) * measure for side, measure in sides),
    )
    area = _area(domain, sides)
    c_s.x.array[:] = phase.initial_stoichiometry * c_max
    phi.x.array[:] = -float(
        terms.guarded_ocp(material, phase.initial_stoichiometry, guard=terms.SURFACE_GUARD)
    )
    current = cell.current_scale * area
    unknowns = (
        Unknown(f"concentration in {phase.name}", "mol.m-3", c_s, c_max, current / FARADAY, c_max, True),
        Unknown("negative terminal potential", "V", phi, thermal_voltage(T), current, 1.0, False),
    )
    functionals = {
        "current": sum(-reaction(side) * measure for side, measure in sides),
        f"lithium in {phase.name}": c_s * nodes,
    }
    return Problem(
        domain, unknowns, (c_s * y * nodes, None), rows, (), control, functionals, area, 1,
        (solid.entity_map,),
    )  # fmt: skip


def _sides(domain: Domain, cell: SingleParticle) -> Sequence[tuple[Any, Any]]:
    """(How a function is taken at it, measure) of every kind of surface there is."""
    found: list[tuple[Any, Any]] = []
    name = cell.surface or ("surface" if "surface" in domain.boundaries else None)
    if name is not None:
        ds = ufl.Measure("ds", domain.mesh, subdomain_data=domain.facet_tags, metadata=NODES)
        found.append((lambda f: f, ds(domain.boundary(name))))
    others = tuple(region for region in domain.regions if region != cell.phase.name)
    if cell.surface is None and others:
        facets = one_sided(domain, (cell.phase.name,), others)
        if domain.comm.allreduce(len(facets)):
            dS = ufl.Measure("dS", domain.mesh, subdomain_data=[(1, facets.ravel())], metadata=NODES)
            found.append((lambda f: f("+"), dS(1)))
    if not found:
        raise InputError(
            "the particle has no surface", field="surface", value=list(domain.boundaries),
            remedy='Name the boundary that reacts, or mesh it as "surface"',
        )  # fmt: skip
    return found


def _area(domain: Domain, sides: Sequence[tuple[Any, Any]]) -> float:
    """Size of the surface [m2], [m] in 2D."""
    one = fem.Constant(domain.mesh, 1.0)
    local = sum(float(fem.assemble_scalar(fem.form(side(one) * measure))) for side, measure in sides)
    area = float(domain.comm.allreduce(local))
    if not np.isfinite(area) or area <= 0:
        raise InputError("the surface of the particle has no area", field="surface", value=area)
    return area
