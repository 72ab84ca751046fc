"""Electrochemistry with every particle resolved, in 2D or 3D.

The equations of Newman's group on the phases themselves (Newman and Thomas-Alyea, Electrochemical Systems,
ch. 11, 12 and 22; on tomography: Lu et al., Nat. Commun. 11 (2020) 2079): Fick in the active material, Ohm
where electrons flow, concentrated-solution theory where ions do, Butler-Volmer at the surfaces between.
Unknowns are c_e and phi_e on the electrolyte's part of the mesh, phi_s on the electrons' part (zero at the
collector), the potential of the lithium counter electrode, and one c_s per active phase. One page, read from
top to bottom: specification, parts, forms.

Storage and reaction act at single nodes (vertex quadrature), coefficients at the middle of cells: second
order for first-order elements, lithium conserved to round-off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import basix.ufl
import numpy as np
import ufl
from dolfinx import fem, la

from ..constants import FARADAY, thermal_voltage
from ..errors import InputError, nearest
from ..materials.maths import ufl_maths
from ..materials.schema import ActiveMaterial, Electrolyte, LithiumMetal
from ..mesh.domain import Domain
from ..mesh.parts import Part, one_sided, part
from ..problem import Control, Problem, Unknown
from . import terms
from .resolved_assembly import ResolvedAssembly, facet_corners

INERT = ("inactive",)
"""Regions that take part in nothing."""
LITHIUM = ("counter electrode", "negative", "separator")
"""Names of the boundary at which the lithium is, the likelier first."""
COLLECTOR = ("collector", "positive")

NODES: dict[str, Any] = {"quadrature_rule": "vertex", "quadrature_degree": 1}
MIDDLE: dict[str, Any] = {"quadrature_degree": 1}

Tensors = np.ndarray | Callable[[Domain, np.ndarray], np.ndarray]
"""One tensor (d, d), or a function of domain and local cells that returns one for each, (cells, d, d)."""


@dataclass(frozen=True)
class Phase:
    """What one region of the mesh is made of.

    Parameters
    ----------
    name:
        Region.
    material, initial_stoichiometry:
        Of an active phase.
    conductivity:
        Electronic one [S/m]; None: no electrons.
    porosity, transport:
        Share of electrolyte, and eps/tau: a number or a tensor (d, d). Porosity 0: no ions.
    wetted:
        Share of its surface with active material at which there is electrolyte.
    double_layer:
        Of an active phase [F/m2].
    anisotropy:
        Of an active phase: tensor that D_s is multiplied with, one or one per cell (grains).
    """

    name: str
    material: ActiveMaterial | None = None
    initial_stoichiometry: float | None = None
    conductivity: float | None = None
    porosity: float = 0.0
    transport: Any = 1.0
    wetted: float = 1.0
    double_layer: float = 0.0
    anisotropy: Tensors | None = None

    def __post_init__(self) -> None:
        field = f"phases.{self.name}"
        if not 0 <= self.porosity <= 1:
            raise InputError(
                "a porosity lies between 0 and 1", field=f"{field}.porosity", value=self.porosity
            )
        if not 0 < self.wetted <= 1:
            raise InputError("a wetted share lies in (0, 1]", field=f"{field}.wetted", value=self.wetted)
        if self.conductivity is not None and not 0 < self.conductivity < np.inf:
            raise InputError(
                "a conductivity is positive", field=f"{field}.conductivity", value=self.conductivity,
                remedy="Give S/m, or None for an insulator",
            )  # fmt: skip
        if self.material is None:
            return
        if self.porosity > 0 or self.conductivity is None:
            raise InputError(
                "active material is dense and conducts electrons", field=field,
                value=f"porosity {self.porosity:g}, conductivity {self.conductivity}",
                remedy="Give it a conductivity and no porosity",
            )  # fmt: skip
        x = self.initial_stoichiometry
        if x is None or not 0 < x < 1:
            raise InputError(
                "active material starts from a stoichiometry", field=f"{field}.initial_stoichiometry",
                value=x, remedy="Give a number between 0 and 1",
            )  # fmt: skip


@dataclass(frozen=True)
class ResolvedCell:
    """Everything but the mesh; ``current_scale`` [A/m2 of cell area] is 1C and scales the equations."""

    phases: tuple[Phase, ...]
    electrolyte: Electrolyte
    lithium: LithiumMetal
    temperature: float
    current_scale: float


@dataclass(frozen=True, eq=False)
class Fields:
    """The unknown functions, and the parts of the mesh they live on."""

    ions: Part
    electrons: Part
    solids: tuple[Part, ...]
    c_e: fem.Function
    phi_e: fem.Function
    phi_s: fem.Function
    phi_n: fem.Function
    c_s: tuple[fem.Function, ...]


def resolved(
    domain: Domain, cell: ResolvedCell, *, compiled: bool = True,
    sources: Callable[[Forms], Sequence[Any]] | None = None,
) -> Problem:  # fmt: skip
    """Build the problem on ``domain``.

    Parameters
    ----------
    domain:
        With a region for every phase, and the boundaries of the collector and the lithium.
    cell:
        Phases and laws. Regions named "inactive" need none: nothing happens there.
    compiled:
        Whether rows come from compiled loops, or from the forms themselves (the same numbers, slower).
    sources:
        Called with the forms; returns one form per unknown that is added to its row (verification).

    Raises
    ------
    InputError
        Cells that are no simplices, a region without a phase, a phase without a region, no boundary for the
        lithium or the collector, no electrolyte at the lithium, no surface to active material.
    """
    active = _checked(domain, cell)
    fields = _fields(domain, cell, active)
    forms = Forms(domain, cell, active, fields)
    lithium = end_of(domain, LITHIUM)
    area = domain.measure("boundary", lithium)
    current = cell.current_scale * area
    V_T = thermal_voltage(cell.temperature)
    layered = any(p.double_layer > 0 for p in active)
    inertia = V_T if layered else None
    salt = Unknown(
        "electrolyte concentration", "mol.m-3", fields.c_e, 1000.0, current / FARADAY, 1000.0, True
    )
    unknowns = [
        salt,
        Unknown("electrolyte potential", "V", fields.phi_e, V_T, current, inertia, layered),
        Unknown("electrode potential", "V", fields.phi_s, V_T, current, inertia, layered, forms.grounded()),
        Unknown("negative terminal potential", "V", fields.phi_n, V_T, current, 1.0, False),
    ]
    for k, (phase, c_s) in enumerate(zip(active, fields.c_s, strict=True)):
        assert phase.material is not None
        c_max = phase.material.c_max
        name = f"concentration in {phase.name}"
        unknowns.append(
            Unknown(
                name, "mol.m-3", c_s, c_max, current / FARADAY, c_max, True, limits=forms.surface_limits(k)
            )
        )
    _at_rest(cell, active, fields)
    residual = forms.residual()
    if sources is not None:
        residual = tuple(r + s for r, s in zip(residual, sources(forms), strict=True))
    maps = tuple(p.entity_map for p in (fields.ions, fields.electrons, *fields.solids))
    solids = tuple(range(4, len(unknowns)))
    blocks = ("smooth", solids), ("multigrid", (0,)), ("multigrid", (1, 2, 3))
    own = ResolvedAssembly(forms) if compiled and sources is None else None
    return Problem(
        domain, tuple(unknowns), forms.storage(), residual, (), forms.control, forms.functionals(), area, 3,
        maps, blocks, own,
    )  # fmt: skip


class Forms:
    """The variational forms, row by row."""

    def __init__(self, domain: Domain, cell: ResolvedCell, active: Sequence[Phase], fields: Fields) -> None:
        self.domain, self.cell, self.active, self.u = domain, cell, tuple(active), fields
        self.v = ufl.TestFunction(fields.c_e.function_space)
        self.w = ufl.TestFunction(fields.phi_s.function_space)
        self.q = ufl.TestFunction(fields.phi_n.function_space)
        self.y = [ufl.TestFunction(c.function_space) for c in fields.c_s]
        self.porosity, self.transport, self.sigma, self.wetted = _coefficients(domain, cell)
        msh, tags = domain.mesh, domain.cell_tags
        self.dx = ufl.Measure("dx", msh, subdomain_data=tags, metadata=MIDDLE)
        self.dn = ufl.Measure("dx", msh, subdomain_data=tags, metadata=NODES)
        self.in_ions = domain.region(*fields.ions.regions)
        self.in_electrons = domain.region(*fields.electrons.regions)
        self.anisotropy = [anisotropy_of(domain, p) for p in active]
        self.surfaces = surfaces(domain, cell, active)
        shares = [(k, facets.ravel()) for k, facets in enumerate(self.surfaces, start=1)]
        self.dS = ufl.Measure("dS", msh, subdomain_data=shares, metadata=NODES)
        self.lithium, self.crowding = lithium_facets(domain, fields.ions)
        ends = ufl.Measure("ds", msh, subdomain_data=[(1, self.lithium.ravel())], metadata=NODES)
        self.ds_lithium = ends(1)
        self.control = Control(*(fem.Constant(msh, 0.0) for _ in range(6)))

    # -- what flows -----------------------------------------------------------------------
    def reaction(self, k: int) -> Any:
        """Anodic current density of active phase k per facet area [A/m2], from "+" (solid) to "-"."""
        phase = self.active[k]
        assert phase.material is not None
        x = self.u.c_s[k]("+") / phase.material.c_max
        potential, T = self.u.phi_s("+") - self.u.phi_e("-"), self.cell.temperature
        return self.wetted("-") * terms.insertion_current(phase.material, x, self.u.c_e("-"), potential, T)

    def layer(self, k: int) -> Any:
        """Charge of the double layer of active phase k per facet area [C/m2]."""
        return self.active[k].double_layer * self.wetted("-") * (self.u.phi_s("+") - self.u.phi_e("-"))

    def lithium_current(self) -> Any:
        """Anodic current density at the lithium [A/m2]: the discharge current of the cell."""
        m = ufl_maths()
        i0 = self.cell.lithium.exchange_current(terms.floored(self.u.c_e, m), self.cell.temperature, m)
        return terms.butler_volmer(i0, self.u.phi_n - self.u.phi_e, self.cell.temperature)

    def diffusivity(self, k: int) -> Any:
        """D_s of active phase k [m2/s], a tensor if it has an anisotropy."""
        material = self.active[k].material
        assert material is not None
        scalar = terms.solid_diffusivity(material, self.u.c_s[k] / material.c_max, self.cell.temperature)
        tensor = self.anisotropy[k]
        return scalar * (ufl.Identity(self.domain.mesh.geometry.dim) if tensor is None else tensor)

    def precipitate(self) -> Any:
        """Solid salt [mol/m3 of pores]."""
        return terms.precipitate(self.cell.electrolyte, self.u.c_e)

    # -- rows -----------------------------------------------------------------------------
    def storage(self) -> tuple[Any, ...]:
        """Stored quantity of each row: salt, the double layer's charge, lithium in the solid."""
        salt = self.porosity * (self.u.c_e + self.precipitate()) * self.v * self.dn(self.in_ions)
        solid = [
            c * y * self.dn(self.domain.region(p.name))
            for c, y, p in zip(self.u.c_s, self.y, self.active, strict=True)
        ]
        layered = [k for k in self._phases() if self.active[k].double_layer > 0]
        if not layered:
            return salt, None, None, None, *solid
        share, v, w = self._share() / FARADAY, self.v("-"), self.w("+")
        charge = [(self.layer(k), self.dS(k + 1)) for k in layered]
        return (
            salt - sum(share * q * v * dS for q, dS in charge),
            -sum(q * v * dS for q, dS in charge),
            sum(q * w * dS for q, dS in charge),
            None,
            *solid,
        )

    def residual(self) -> tuple[Any, ...]:
        """Salt, ionic charge, electronic charge, control, lithium in every active phase."""
        rows = self.salt_row(), self.ionic_row(), self.electronic_row(), self.control_row()
        return *rows, *(self.solid_row(k) for k in range(len(self.active)))

    def salt_row(self) -> Any:
        """div N = 0 within, i/F at surfaces. With constant t+ the migration is eliminated exactly."""
        el, T, u = self.cell.electrolyte, self.cell.temperature, self.u
        N = terms.salt_diffusion(el, self.transport, u.c_e, T)
        if callable(el.transference):
            i_e = terms.ionic_current(el, self.transport, u.c_e, u.phi_e, T)
            N = terms.lithium_flux(el, N, i_e, u.c_e, T)
        share = self._share() / FARADAY
        row = -ufl.inner(N, ufl.grad(self.v)) * self.dx(self.in_ions)
        row -= share * self.lithium_current() * self.v * self.ds_lithium
        return row - sum(share * self.reaction(k) * self.v("-") * self.dS(k + 1) for k in self._phases())

    def ionic_row(self) -> Any:
        """div i_e = 0 within, i at surfaces."""
        u = self.u
        i_e = terms.ionic_current(
            self.cell.electrolyte, self.transport, u.c_e, u.phi_e, self.cell.temperature
        )
        row = -ufl.inner(i_e, ufl.grad(self.v)) * self.dx(self.in_ions)
        row -= self.lithium_current() * self.v * self.ds_lithium
        return row - sum(self.reaction(k) * self.v("-") * self.dS(k + 1) for k in self._phases())

    def electronic_row(self) -> Any:
        """div(sigma grad phi_s) = 0 within, i at surfaces; zero at the collector."""
        row = self.sigma * ufl.inner(ufl.grad(self.u.phi_s), ufl.grad(self.w)) * self.dx(self.in_electrons)
        return row + sum(self.reaction(k) * self.w("+") * self.dS(k + 1) for k in self._phases())

    def solid_row(self, k: int) -> Any:
        """dc_s/dt = div(D_s grad c_s) within, -i/F at the surface."""
        flux = ufl.dot(self.diffusivity(k), ufl.grad(self.u.c_s[k]))
        row = ufl.inner(flux, ufl.grad(self.y[k])) * self.dx(self.domain.region(self.active[k].name))
        return row + self.reaction(k) / FARADAY * self.y[k]("+") * self.dS(k + 1)

    def control_row(self) -> Any:
        """The cycler: current, voltage or power per area of the cell, chosen by weights."""
        c, i, volt = self.control, self.lithium_current(), -self.u.phi_n
        stiffness = self.cell.current_scale / thermal_voltage(self.cell.temperature)
        row = c.weight_current * (i - self.crowding * c.current)
        row += c.weight_voltage * stiffness * (c.voltage - volt)
        row += c.weight_power * (volt * i - self.crowding * c.power)
        return row * self.q * self.ds_lithium

    def functionals(self) -> dict[str, Any]:
        """Terminal current [A], lithium in electrolyte and solid [mol], current of every active phase [A]."""
        out = {"current": self.lithium_current() * self.ds_lithium}
        out["salt"] = self.porosity * (self.u.c_e + self.precipitate()) * self.dn(self.in_ions)
        if self.cell.electrolyte.precipitate is not None:
            out["solid salt"] = self.porosity * self.precipitate() * self.dn(self.in_ions)
        for k, p in enumerate(self.active):
            out[f"lithium in {p.name}"] = self.u.c_s[k] * self.dn(self.domain.region(p.name))
            out[f"current of {p.name}"] = self.reaction(k) * self.dS(k + 1)
        return out

    # -- helpers --------------------------------------------------------------------------
    def grounded(self) -> np.ndarray:
        """phi_s at the collector."""
        msh, V = self.u.electrons.mesh, self.u.phi_s.function_space
        facets = self.domain.facet_tags.find(self.domain.boundary(end_of(self.domain, COLLECTOR))[0])
        dofs = self.u.electrons.dofs_of_vertices(V)
        topology, dim = self.domain.mesh.topology, self.domain.dim
        topology.create_connectivity(dim - 1, 0)
        corners = topology.connectivity(dim - 1, 0).array.reshape(-1, dim)[facets]
        mark = fem.Function(V)
        found = dofs[np.unique(corners)]
        mark.x.array[found[found >= 0]] = 1.0
        mark.x.scatter_reverse(la.InsertMode.add)
        mark.x.scatter_forward()
        held = np.flatnonzero(mark.x.array > 0.5).astype(np.int32)
        if msh.comm.allreduce(held.size) == 0:
            raise InputError(
                "no conducting phase touches the collector", field="phases",
                value=list(self.u.electrons.regions),
                remedy="Mesh an electrode whose conducting phase reaches the collector",
            )  # fmt: skip
        return held

    def surface_limits(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Concentrations that nodes at the surface may try: a volt beyond the guard, no more.

        Without that an overshoot of Newton's method meets an overpotential of many volts, and an exponential
        is left behind by one thermal voltage a step.
        """
        V, guard, material = self.u.c_s[k].function_space, terms.SURFACE_GUARD, self.active[k].material
        assert material is not None
        corners, _ = facet_corners(self.domain, self.surfaces[k][:, :2])
        mark = fem.Function(V)
        mark.x.array[self.u.solids[k].dofs_of_vertices(V)[np.unique(corners)]] = 1.0
        mark.x.scatter_reverse(la.InsertMode.add)
        mark.x.scatter_forward()
        at, beyond = mark.x.array > 0.5, -1.0 / guard.slope
        low = np.where(at, (guard.low - beyond) * material.c_max, -np.inf)
        return low, np.where(at, (guard.high + beyond) * material.c_max, np.inf)

    def _share(self) -> Any:
        """Part of the reaction's lithium that the salt row sees."""
        t_plus = self.cell.electrolyte.transference
        return 1.0 if callable(t_plus) else 1.0 - float(t_plus)

    def _phases(self) -> range:
        return range(len(self.active))


def surfaces(domain: Domain, cell: ResolvedCell, active: Sequence[Phase]) -> list[np.ndarray]:
    """Facets of every active phase to electrolyte, (facets, 4), the solid first.

    Raises
    ------
    InputError
        An active phase that meets no electrolyte anywhere.
    """
    wet = tuple(p.name for p in cell.phases if p.porosity > 0)
    found = [one_sided(domain, (p.name,), wet) for p in active]
    for phase, facets in zip(active, found, strict=True):
        if domain.comm.allreduce(len(facets)) == 0:
            raise InputError(
                "an active phase has no surface to electrolyte", field=f"phases.{phase.name}", value=0.0,
                remedy=f"Look at the mesh: regions with electrolyte are {', '.join(wet)}",
            )  # fmt: skip
    return found


def lithium_facets(domain: Domain, ions: Part) -> tuple[np.ndarray, float]:
    """Owned facets (cell, facet) at which electrolyte meets the lithium; area of that end per area of them.

    The end of a mesh without a separator also shows the cut faces of particles: no current leaves there.

    Raises
    ------
    InputError
        No electrolyte at the lithium.
    """
    msh, dim, name = domain.mesh, domain.dim, end_of(domain, LITHIUM)
    msh.topology.create_connectivity(dim - 1, dim)
    facets = domain.facet_tags.find(domain.boundary(name)[0])
    facets = facets[facets < msh.topology.index_map(dim - 1).size_local].astype(np.int32)
    found = fem.compute_integration_domains(fem.IntegralType.exterior_facet, msh.topology, facets)
    sides = np.asarray(found, dtype=np.int32).reshape(-1, 2)
    _, size = facet_corners(domain, sides)
    wet = np.isin(domain.cell_values()[sides[:, 0]], domain.region(*ions.regions))
    whole, touched = (float(domain.comm.allreduce(part)) for part in (size.sum(), size[wet].sum()))
    if touched == 0:
        raise InputError("no electrolyte touches the lithium", field=f"boundary.{name}", value=0.0)
    return sides[wet], whole / touched


def _checked(domain: Domain, cell: ResolvedCell) -> list[Phase]:
    """The active phases; InputError unless mesh and phases fit together."""
    kind = domain.mesh.topology.cell_name()
    if kind not in ("triangle", "tetrahedron"):
        raise InputError("resolved cells are triangles or tetrahedra", field="domain", value=kind)
    names = [p.name for p in cell.phases]
    for name in domain.regions:
        if name not in (*names, *INERT):
            raise InputError(
                "the mesh has a region without a phase", field="phases", value=name,
                remedy=f"Say what it is made of. {nearest(name, names)}",
            )  # fmt: skip
    domain.region(*names)
    for allowed in (LITHIUM, COLLECTOR):
        end_of(domain, allowed)
    active = [p for p in cell.phases if p.material is not None]
    if not active or not any(p.porosity > 0 for p in cell.phases):
        raise InputError(
            "a cell needs an active phase and one with electrolyte", field="phases", value=names,
            remedy="Give one phase a material and another a porosity",
        )  # fmt: skip
    return active


def end_of(domain: Domain, names: Sequence[str]) -> str:
    """The first of some names of an end that the mesh has; InputError if it has none."""
    found = next((name for name in names if name in domain.boundaries), None)
    if found is None:
        raise InputError(
            "the mesh lacks a boundary", field="boundary", value=list(domain.boundaries),
            remedy=f"Name one of its ends {names[0]!r}",
        )  # fmt: skip
    return found


def _fields(domain: Domain, cell: ResolvedCell, active: Sequence[Phase]) -> Fields:
    ions = part(domain, *(p.name for p in cell.phases if p.porosity > 0))
    electrons = part(domain, *(p.name for p in cell.phases if p.conductivity is not None))
    solids = tuple(part(domain, p.name) for p in active)
    V, W = (fem.functionspace(each.mesh, ("Lagrange", 1)) for each in (ions, electrons))
    R = fem.functionspace(domain.mesh, basix.ufl.real_element(domain.mesh.basix_cell(), ()))
    c_s = tuple(
        fem.Function(fem.functionspace(solid.mesh, ("Lagrange", 1)), name=f"c_s {phase.name}")
        for solid, phase in zip(solids, active, strict=True)
    )
    c_e, phi_e = (fem.Function(V, name=name) for name in ("c_e", "phi_e"))
    phi_s, phi_n = fem.Function(W, name="phi_s"), fem.Function(R, name="phi_n")
    return Fields(ions, electrons, solids, c_e, phi_e, phi_s, phi_n, c_s)


def _coefficients(domain: Domain, cell: ResolvedCell) -> tuple[fem.Function, ...]:
    """Porosity, transport tensor, electronic conductivity [S/m] and wetted share, by cell."""
    d = domain.mesh.geometry.dim
    scalar = fem.functionspace(domain.mesh, ("DG", 0))
    eps, sigma, wetted = (fem.Function(scalar) for _ in range(3))
    B = fem.Function(fem.functionspace(domain.mesh, ("DG", 0, (d, d))))
    for phase in cell.phases:
        cells = domain.cells(phase.name)
        eps.x.array[cells] = phase.porosity
        wetted.x.array[cells] = phase.wetted
        sigma.x.array[cells] = phase.conductivity or 0.0
        if phase.porosity > 0:
            tensor = (
                np.asarray(phase.transport, float) * np.eye(d)
                if np.ndim(phase.transport) == 0
                else phase.transport
            )
            _put(B, cells, np.asarray(tensor, float), f"phases.{phase.name}.transport")
    return eps, B, sigma, wetted


def anisotropy_of(domain: Domain, phase: Phase) -> fem.Function | None:
    """The tensor that D_s is multiplied with, by cell; None if there is none."""
    d = domain.mesh.geometry.dim
    if phase.anisotropy is None:
        return None
    A = fem.Function(fem.functionspace(domain.mesh, ("DG", 0, (d, d))))
    cells = domain.cells(phase.name)
    given = phase.anisotropy(domain, cells) if callable(phase.anisotropy) else phase.anisotropy
    _put(A, cells, np.asarray(given, float), f"phases.{phase.name}.anisotropy")
    return A


def _put(function: fem.Function, cells: np.ndarray, values: np.ndarray, field: str) -> None:
    """Tensors into a cellwise function; InputError unless symmetric and positive definite."""
    d = function.function_space.mesh.geometry.dim
    if values.shape not in ((d, d), (cells.size, d, d)):
        raise InputError(
            f"a tensor has the shape ({d}, {d}), or one per cell", field=field, value=values.shape,
            remedy="Give a number for an isotropic phase",
        )  # fmt: skip
    values = np.broadcast_to(values, (cells.size, d, d))
    if values.size and not (
        np.isfinite(values).all()
        and np.allclose(values, values.transpose(0, 2, 1))
        and np.linalg.eigvalsh(values).min() > 0
    ):
        raise InputError("a tensor is symmetric and positive definite", field=field, value=values[0].tolist())
    function.x.array.reshape(-1, d, d)[cells] = values


def _at_rest(cell: ResolvedCell, active: Sequence[Phase], fields: Fields) -> None:
    """Initial concentrations; potentials of the first active phase at rest."""
    fields.c_e.x.array[:] = cell.electrolyte.initial_concentration
    for phase, c_s in zip(active, fields.c_s, strict=True):
        assert phase.material is not None and phase.initial_stoichiometry is not None
        c_s.x.array[:] = phase.initial_stoichiometry * phase.material.c_max
    first = active[0]
    assert first.material is not None
    rest = float(terms.guarded_ocp(first.material, first.initial_stoichiometry, guard=terms.SURFACE_GUARD))
    fields.phi_e.x.array[:] = -rest
    fields.phi_n.x.array[:] = -rest
