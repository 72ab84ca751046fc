"""Homogenised porous-electrode model in 1D, 2D or 3D with named regions.

The volume-averaged Newman model (Doyle, Fuller and Newman 1993; Newman and
Thomas-Alyea, Electrochemical Systems, ch. 22) on a mesh whose regions are
porous matrix, pure electrolyte (crack, channel) or separator. Unknowns are
c_e, phi_e everywhere, phi_s where electrons flow (zero at the positive
collector) and the potential of the negative terminal. One page, read from top
to bottom: specification, coefficients, forms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import basix.ufl
import numpy as np
import ufl
from dolfinx import fem
from mpi4py import MPI

from ..constants import FARADAY, thermal_voltage
from ..errors import InputError
from ..materials.maths import ufl_maths
from ..materials.schema import ActiveMaterial, Electrolyte, LithiumMetal
from ..mesh.domain import Domain
from ..problem import Control, Problem, Unknown
from . import terms
from .particle import ParticleClass
from .radial import RadialGrid

Coefficient = float | Callable[[np.ndarray], np.ndarray]
"""A number, or a function of coordinates (3, n) returning n values."""


@dataclass(frozen=True)
class Particles:
    """One class of active particles: fraction of the volume [-], radius [m]."""

    name: str
    material: ActiveMaterial
    active_fraction: Coefficient
    radius: Coefficient
    initial_stoichiometry: float


@dataclass(frozen=True)
class Region:
    """What fills one named region of the mesh.

    ``transport`` is eps/tau: a number, one value per axis, or a full tensor.
    ``conductivity`` [S/m] is the effective electronic one (None: insulating).
    ``electrode`` is "positive" or "negative" where particles live.
    """

    name: str
    porosity: Coefficient
    transport: Any
    conductivity: Coefficient | None = None
    electrode: str | None = None
    particles: tuple[Particles, ...] = ()
    double_layer: float = 0.0
    """Double-layer capacitance per interfacial area [F/m2]."""


@dataclass(frozen=True)
class HomogenisedCell:
    """Everything but the mesh. ``lithium`` None makes it a full cell.

    ``contact_resistance`` [ohm m2] sits between the positive electrode and its
    collector. ``radial_nodes`` discretise each sphere. ``current_scale`` [A/m2]
    is the natural current density (1C) that scales the equations.
    """

    regions: tuple[Region, ...]
    electrolyte: Electrolyte
    lithium: LithiumMetal | None
    temperature: float
    current_scale: float
    contact_resistance: float = 0.0
    radial_nodes: int = 16
    quadrature_degree: int = 2


def homogenised(domain: Domain, cell: HomogenisedCell) -> Problem:
    """Build the problem on ``domain``; every region of the mesh must be specified.

    Raises
    ------
    InputError
        A region of the mesh that ``cell`` does not fill, or fractions that exceed 1.
    """
    _check_regions(domain, cell)
    V = fem.functionspace(domain.mesh, ("Lagrange", 1))
    R = fem.functionspace(domain.mesh, basix.ufl.real_element(domain.mesh.basix_cell(), ()))
    c_e, phi_e, phi_s = (fem.Function(V, name=n) for n in ("c_e", "phi_e", "phi_s"))
    phi_n = fem.Function(R, name="phi_n")
    classes = _particle_classes(domain, cell, (c_e, phi_e, phi_s))
    coefficients = _Coefficients.build(domain, cell)
    forms = _Forms(domain, cell, coefficients, classes, (c_e, phi_e, phi_s, phi_n))
    control = forms.control
    area = domain.measure("boundary", "negative")
    current, charge = cell.current_scale * area, cell.current_scale * area / FARADAY
    V_T = thermal_voltage(cell.temperature)
    idle = _idle_dofs(domain, cell, V)
    layered = bool(forms.has_double_layer)
    unknowns = (
        Unknown("electrolyte concentration", "mol.m-3", c_e, 1000.0, charge, 1000.0, True),
        Unknown("electrolyte potential", "V", phi_e, V_T, current, V_T if layered else None, layered),
        Unknown("electrode potential", "V", phi_s, V_T, current, V_T if layered else None, layered, idle),
        Unknown("negative terminal potential", "V", phi_n, V_T, current, 1.0, False),
    )
    _initial_values(cell, classes, c_e, phi_e, phi_s, phi_n)
    return Problem(
        domain, unknowns, forms.storage(), forms.residual(), classes, control, forms.functionals(), area, 3
    )


@dataclass(frozen=True)
class _Coefficients:
    """Cellwise coefficients on the mesh."""

    porosity: fem.Function
    transport: fem.Function
    conductivity: fem.Function

    @classmethod
    def build(cls, domain: Domain, cell: HomogenisedCell) -> _Coefficients:
        d = domain.mesh.geometry.dim
        scalar = fem.functionspace(domain.mesh, ("DG", 0))
        tensor = fem.functionspace(domain.mesh, ("DG", 0, (d, d)))
        eps, sigma, B = fem.Function(scalar), fem.Function(scalar), fem.Function(tensor)
        for region in cell.regions:
            cells = domain.cells(region.name)
            eps.x.array[cells] = _on_cells(domain, cells, region.porosity)
            if region.conductivity is not None:
                sigma.x.array[cells] = _on_cells(domain, cells, region.conductivity)
            block = (cells[:, None] * d * d + np.arange(d * d)).ravel()
            B.x.array[block] = _tensor(domain, cells, region, d).ravel()
        return cls(eps, B, sigma)


class _Forms:
    """The variational forms, row by row."""

    def __init__(
        self,
        domain: Domain,
        cell: HomogenisedCell,
        coefficients: _Coefficients,
        classes: Sequence[ParticleClass],
        fields: tuple[fem.Function, ...],
    ) -> None:
        self.domain, self.cell, self.k, self.classes = domain, cell, coefficients, classes
        self.c_e, self.phi_e, self.phi_s, self.phi_n = fields
        self.v = ufl.TestFunction(self.c_e.function_space)
        self.q = ufl.TestFunction(self.phi_n.function_space)
        msh = domain.mesh
        metadata = {"quadrature_degree": cell.quadrature_degree}
        self.dx = ufl.Measure("dx", msh, subdomain_data=domain.cell_tags, metadata=metadata)
        # node-by-node (vertex) quadrature: storage and reaction act at single nodes
        self.dn = ufl.Measure("dx", msh, metadata={"quadrature_rule": "vertex", "quadrature_degree": 1})
        ds = ufl.Measure("ds", msh, subdomain_data=domain.facet_tags, metadata=metadata)
        self.ds_negative = ds(domain.boundary("negative"))
        self.ds_positive = ds(domain.boundary("positive"))
        self.control = Control(*(fem.Constant(msh, 0.0) for _ in range(6)))
        self.contact = fem.Constant(msh, max(cell.contact_resistance, 0.0))
        self.has_double_layer = any(r.double_layer > 0 for r in cell.regions)

    # -- what flows ---------------------------------------------------------
    def reaction(self) -> Any:
        """Sum over classes of a_k j_k [A/m3]; a = 3 eps_s / r is in each class's weight."""
        return sum(_specific_area(c) * c.flux for c in self.classes)

    def lithium_current(self) -> Any:
        """Anodic current density at the lithium electrode [A/m2]."""
        lithium = self.cell.lithium
        assert lithium is not None
        m = ufl_maths()
        i0 = lithium.exchange_current(terms.floored(self.c_e, m), self.cell.temperature, m)
        return terms.butler_volmer(i0, self.phi_n - self.phi_e, self.cell.temperature)

    def solid_current(self) -> Any:
        """Electronic current density -sigma grad phi_s [A/m2]."""
        return -self.k.conductivity * ufl.grad(self.phi_s)

    def terminal_current(self) -> Any:
        """Discharge current density through the negative terminal [A/m2]."""
        if self.cell.lithium is not None:
            return self.lithium_current()
        n, h = ufl.FacetNormal(self.domain.mesh), ufl.CellDiameter(self.domain.mesh)
        pull = 10 * self.k.conductivity / h * (self.phi_s - self.phi_n)
        return -(ufl.dot(self.solid_current(), n) + pull)

    def precipitate(self) -> Any:
        """Solid salt [mol/m3 of pores]."""
        return terms.precipitate(self.cell.electrolyte, self.c_e)

    # -- rows ---------------------------------------------------------------
    def storage(self) -> tuple[Any, ...]:
        """Stored quantity of each row: salt, dissolved or not, and the double layer's charge."""
        salt = self.k.porosity * (self.c_e + self.precipitate()) * self.v * self.dn
        if not self.has_double_layer:
            return salt, None, None, None
        layer = self._double_layer() * (self.phi_s - self.phi_e)
        t_plus = terms.electrolyte_value(self.cell.electrolyte.transference, self.c_e, self.cell.temperature)
        salt = (
            salt - (1 - t_plus if self._constant_transference() else 1) * layer / FARADAY * self.v * self.dn
        )
        return salt, -layer * self.v * self.dn, layer * self.v * self.dn, None

    def residual(self) -> tuple[Any, ...]:
        """The four rows: salt, ionic charge, electronic charge, control."""
        return self.salt_row(), self.ionic_row(), self.electronic_row(), self.control_row()

    def salt_row(self) -> Any:
        """div N = a j / F. With constant t+ the migration term is eliminated exactly."""
        el, T, v = self.cell.electrolyte, self.cell.temperature, self.v
        N = terms.salt_diffusion(el, self.k.transport, self.c_e, T)
        if self._constant_transference():
            share = 1 - float(el.transference)  # type: ignore[arg-type]
        else:
            i_e = terms.ionic_current(el, self.k.transport, self.c_e, self.phi_e, T)
            N, share = terms.lithium_flux(el, N, i_e, self.c_e, T), 1.0
        row = -ufl.inner(N, ufl.grad(v)) * self.dx - share * self.reaction() / FARADAY * v * self.dn
        if self.cell.lithium is not None:
            row -= share * self.lithium_current() / FARADAY * v * self.ds_negative
        return row

    def ionic_row(self) -> Any:
        """div i_e = a j."""
        el, T, v = self.cell.electrolyte, self.cell.temperature, self.v
        i_e = terms.ionic_current(el, self.k.transport, self.c_e, self.phi_e, T)
        row = -ufl.inner(i_e, ufl.grad(v)) * self.dx - self.reaction() * v * self.dn
        if self.cell.lithium is not None:
            row -= self.lithium_current() * v * self.ds_negative
        return row

    def electronic_row(self) -> Any:
        """div i_s = -a j; contact resistance and, in a full cell, the negative collector."""
        v = self.v
        row = -ufl.inner(self.solid_current(), ufl.grad(v)) * self.dx + self.reaction() * v * self.dn
        if self.cell.contact_resistance > 0:
            row += self.phi_s / self.contact * v * self.ds_positive
        if self.cell.lithium is None:
            # Nitsche's method (1971): an equipotential collector at the unknown phi_n
            n = ufl.FacetNormal(self.domain.mesh)
            symmetric = self.k.conductivity * ufl.dot(ufl.grad(v), n) * (self.phi_s - self.phi_n)
            row += (-self.terminal_current() * v - symmetric) * self.ds_negative
        return row

    def control_row(self) -> Any:
        """The cycler: current, voltage or power, chosen by weights."""
        c, i = self.control, self.terminal_current()
        volt = -self.phi_n
        stiffness = self.cell.current_scale / thermal_voltage(self.cell.temperature)
        row = c.weight_current * (i - c.current)
        row += c.weight_voltage * stiffness * (c.voltage - volt)
        row += c.weight_power * (volt * i - c.power)
        return row * self.q * self.ds_negative

    def functionals(self) -> dict[str, Any]:
        """Scalar forms: terminal current, lithium inventories [mol per area unit]."""
        return {
            "current": self._total_current(),
            "salt": self.k.porosity * (self.c_e + self.precipitate()) * self.dn,
            **self._solid_salt(),
        }

    def _solid_salt(self) -> dict[str, Any]:
        """What of the salt is solid, where that can be."""
        possible = self.cell.electrolyte.precipitate is not None
        return {"solid salt": self.k.porosity * self.precipitate() * self.dn} if possible else {}

    def _total_current(self) -> Any:
        """Discharge current through the terminal [A per area unit].

        In a full cell without double layer this is what the negative particles
        give away: the variationally consistent flux, free of the round-off in
        sigma/h times a difference of potentials.
        """
        if self.cell.lithium is not None or self.has_double_layer:
            return self.terminal_current() * self.ds_negative
        negative = [c for c in self.classes if c.electrode == "negative"]
        return sum(_specific_area(c) * c.flux for c in negative) * self.dn

    def _constant_transference(self) -> bool:
        return not callable(self.cell.electrolyte.transference)

    def _double_layer(self) -> Any:
        capacitance = fem.Function(self.k.porosity.function_space)
        for region in self.cell.regions:
            capacitance.x.array[self.domain.cells(region.name)] = region.double_layer
        return capacitance * sum(_specific_area(c) for c in self.classes)


def _specific_area(particles: ParticleClass) -> Any:
    """a = 3 eps_s / r [1/m]; the radius is nodal, the fraction cellwise."""
    radius = fem.Function(particles.flux.function_space)
    radius.x.array[:] = 1.0
    radius.x.array[particles.nodes] = particles.radius
    return 3 * particles.active / radius


def _particle_classes(
    domain: Domain, cell: HomogenisedCell, fields: tuple[fem.Function, ...]
) -> tuple[ParticleClass, ...]:
    """One closure per (electrode, particle name), at the nodes its regions touch."""
    space = fem.functionspace(domain.mesh, ("DG", 0))
    found: dict[tuple[str, str], list[tuple[Region, Particles]]] = {}
    for region in cell.regions:
        for particles in region.particles:
            found.setdefault((str(region.electrode), particles.name), []).append((region, particles))
    classes = []
    for (electrode, name), members in found.items():
        first = members[0][1]
        active = fem.Function(space)
        for region, particles in members:
            cells = domain.cells(region.name)
            active.x.array[cells] = _on_cells(domain, cells, particles.active_fraction)
        V = fields[0].function_space
        nodes = _touching(domain, V, [region.name for region, _ in members])
        x = V.tabulate_dof_coordinates()[nodes].T
        radius = _values(first.radius, x)
        grid = RadialGrid.graded(cell.radial_nodes)
        state = np.full((nodes.size, grid.rho.size), first.initial_stoichiometry)
        flux = fem.Function(V, name=f"j {electrode} {name}")
        classes.append(
            ParticleClass(
                name, electrode, first.material, cell.temperature, radius, grid, nodes, flux,
                (0, 1, 2), fields, active, state,
            )
        )  # fmt: skip
    return tuple(classes)


def _touching(domain: Domain, V: fem.FunctionSpace, regions: Sequence[str]) -> np.ndarray:
    """Local dofs of P1 nodes that belong to a cell of the named regions on any rank."""
    mark = fem.Function(V)
    cells = domain.cells(*regions)
    mark.x.array[np.unique(V.dofmap.list[cells])] = 1.0
    _spread(mark)
    return np.flatnonzero(mark.x.array > 0.5).astype(np.int32)


def _spread(mark: fem.Function) -> None:
    from dolfinx import la

    mark.x.scatter_reverse(la.InsertMode.add)
    mark.x.scatter_forward()


def _idle_dofs(domain: Domain, cell: HomogenisedCell, V: fem.FunctionSpace) -> np.ndarray:
    """phi_s dofs without conducting cells, and the grounded positive collector."""
    conducting = [r.name for r in cell.regions if r.conductivity is not None]
    n = V.dofmap.index_map.size_local + V.dofmap.index_map.num_ghosts
    idle = np.setdiff1d(np.arange(n, dtype=np.int32), _touching(domain, V, conducting))
    if cell.contact_resistance > 0:
        return idle
    facets = domain.facet_tags.find(domain.boundary("positive")[0])
    domain.mesh.topology.create_connectivity(domain.dim - 1, domain.dim)
    mark = fem.Function(V)
    mark.x.array[fem.locate_dofs_topological(V, domain.dim - 1, facets)] = 1.0
    _spread(mark)
    return np.union1d(idle, np.flatnonzero(mark.x.array > 0.5)).astype(np.int32)


def _initial_values(
    cell: HomogenisedCell,
    classes: Sequence[ParticleClass],
    c_e: fem.Function,
    phi_e: fem.Function,
    phi_s: fem.Function,
    phi_n: fem.Function,
) -> None:
    """Rest at the initial stoichiometries: no current anywhere, a good start for Newton."""
    c_e.x.array[:] = cell.electrolyte.initial_concentration
    rest = {c.electrode: _rest_potential(c) for c in classes}
    phi_e.x.array[:] = -rest["positive"]
    phi_n.x.array[:] = rest.get("negative", 0.0) - rest["positive"]
    for c in classes:
        if c.electrode == "negative":
            phi_s.x.array[c.nodes] = rest["negative"] - rest["positive"]


def _rest_potential(c: ParticleClass) -> float:
    comm = c.flux.function_space.mesh.comm
    local = float(terms.guarded_ocp(c.material, c.state[0, -1])) if c.nodes.size else -np.inf
    return float(comm.allreduce(local, op=MPI.MAX))


def _values(coefficient: Coefficient, x: np.ndarray) -> np.ndarray:
    value = coefficient(x) if callable(coefficient) else coefficient
    return np.broadcast_to(np.asarray(value, dtype=float), (x.shape[1],)).copy()


def _on_cells(domain: Domain, cells: np.ndarray, coefficient: Coefficient) -> np.ndarray:
    return _values(coefficient, _midpoints(domain, cells).T)


def _midpoints(domain: Domain, cells: np.ndarray) -> np.ndarray:
    from dolfinx import mesh

    return mesh.compute_midpoints(domain.mesh, domain.dim, cells)


def _tensor(domain: Domain, cells: np.ndarray, region: Region, d: int) -> np.ndarray:
    """Transport tensor per cell, shape (cells, d, d), from a number, axis values or a tensor."""
    spec = region.transport
    if callable(spec):
        spec = np.asarray(spec(_midpoints(domain, cells).T), dtype=float)
        if spec.ndim == 1:
            return spec[:, None, None] * np.eye(d)
        return np.moveaxis(spec, -1, 0) if spec.ndim == 3 else spec.T[:, :, None] * np.eye(d)
    array = np.asarray(spec, dtype=float)
    if array.ndim == 0:
        array = array * np.eye(d)
    elif array.shape == (d,):
        array = np.diag(array)
    if array.shape != (d, d):
        raise InputError(
            f"transport needs a number, {d} axis values or a {d}x{d} tensor",
            field=f"regions.{region.name}.transport",
            value=spec,
            remedy="Give eps/tau as a scalar for an isotropic region",
        )
    return np.broadcast_to(array, (cells.size, d, d))


def _check_regions(domain: Domain, cell: HomogenisedCell) -> None:
    missing = set(domain.regions) - {r.name for r in cell.regions}
    if missing:
        raise InputError(
            "the mesh has regions without a specification",
            field="regions",
            value=sorted(missing),
            remedy="Give every region of the mesh a porosity and a transport factor",
        )
    for region in cell.regions:
        domain.region(region.name)
        x = _midpoints(domain, domain.cells(region.name)).T
        solid = sum((_values(p.active_fraction, x) for p in region.particles), np.zeros(x.shape[1]))
        total = _values(region.porosity, x) + solid
        if total.size and total.max() > 1 + 1e-12:
            raise InputError(
                "porosity and active fractions together exceed 1",
                field=f"regions.{region.name}",
                value=round(float(total.max()), 6),
                remedy="Reduce the porosity or the active fraction",
            )
