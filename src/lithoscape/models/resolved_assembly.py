"""The rows of the resolved model by compiled loops: the same numbers as its forms, many times faster.

First-order elements, coefficients at the middle of cells, storage and reaction at nodes: every bulk term is a
cell's stiffness times a number, every surface term couples the unknowns of one vertex. The forms of
:mod:`.resolved` are the statement; a test holds both against each other to round-off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from dolfinx import fem

from ..constants import FARADAY, thermal_voltage
from ..materials.maths import NUMPY
from ..mesh.parts import Part
from ..mesh.simplex import Simplices
from ..problem import Control
from . import terms

TINY = 1e-30
"""Complex step of the law derivatives (Squire and Trapp, SIAM Review 40 (1998) 110)."""
C_E, PHI_E, PHI_S, PHI_N, C_S = 0, 1, 2, 3, 4
"""Numbers of the unknowns; active phases follow from C_S on."""

_NEAR, _STEEP, _SETTLING = 0.03, 5.0, 12
"""Farthest that surfaces are moved, slope of the potential from which they are [V], trials."""

Block = tuple[int, int, np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Surface:
    """Where an active phase meets electrolyte: degrees of freedom and area [m2] of every node."""

    c_s: np.ndarray
    phi_s: np.ndarray
    ions: np.ndarray
    area: np.ndarray


@dataclass(frozen=True, eq=False)
class Reaction:
    """Current density [A/m2] and its derivatives by c_s, c_e and phi_s - phi_e."""

    i: np.ndarray
    by_c_s: np.ndarray
    by_c_e: np.ndarray
    by_potential: np.ndarray


def split(law: Any, x: np.ndarray, *rest: Any) -> tuple[np.ndarray, np.ndarray]:
    """Value and derivative of a law, or of a number."""
    if not callable(law):
        return np.full(x.shape, float(law)), np.zeros(x.shape)
    found = np.asarray(law(x + 1j * TINY, *rest)) + np.zeros(x.shape)
    return np.ascontiguousarray(found.real), np.ascontiguousarray(found.imag) / TINY


def limited_sinh(x: np.ndarray, limit: float = 20.0) -> tuple[np.ndarray, np.ndarray]:
    """sinh, continued linearly beyond ``limit`` as :func:`.terms.limited_sinh`, and its derivative."""
    inside = np.clip(x, -limit, limit)
    slope = np.cosh(inside)
    return np.sinh(inside) + slope * (x - inside), slope


class ResolvedAssembly:
    """Rows and derivatives of a resolved problem, see :class:`~lithoscape.problem.Assembly`."""

    def __init__(self, forms: Any) -> None:
        self.cell, self.u, self.active = forms.cell, forms.u, forms.active
        self.control: Control = forms.control
        self.T = self.cell.temperature
        u = self.u
        self.ions = Simplices.of(u.c_e.function_space, _on_part(u.ions, forms.transport))
        self.electrons = Simplices.of(u.phi_s.function_space)
        self.sigma = _on_part(u.electrons, forms.sigma)
        self.solids = [
            Simplices.of(c.function_space, None if tensor is None else _on_part(part, tensor))
            for c, part, tensor in zip(u.c_s, u.solids, forms.anisotropy, strict=True)
        ]
        self.sizes = [f.x.array.size for f in (u.c_e, u.phi_e, u.phi_s, u.phi_n, *u.c_s)]
        self.salt = self.ions.lumped(_on_part(u.ions, forms.porosity), self.sizes[C_E])
        self.lithium = [s.lumped(size=n) for s, n in zip(self.solids, self.sizes[C_S:], strict=True)]
        self.surfaces = [_surface(forms, k) for k in range(len(self.active))]
        self.foil, self.crowding = _foil(forms), forms.crowding
        self.share = forms._share()
        self._stiff_electrons: np.ndarray | None = None
        self.entries = list(self._entries())
        self.mass_entries = list(self._mass_entries())

    # -- values ---------------------------------------------------------------------------
    def storage(self) -> list[np.ndarray | None]:
        """Salt, charge of the double layers, lithium in the solids."""
        u = self.u
        salt = self.salt * (u.c_e.x.array + self._precipitate()[0])
        out: list[np.ndarray | None] = [salt, None, None, None]
        out += [m * c.x.array for m, c in zip(self.lithium, u.c_s, strict=True)]
        if not any(p.double_layer > 0 for p in self.active):
            return out
        ionic, electronic = np.zeros(self.sizes[PHI_E]), np.zeros(self.sizes[PHI_S])
        for phase, s in zip(self.active, self.surfaces, strict=True):
            charge = phase.double_layer * s.area * (u.phi_s.x.array[s.phi_s] - u.phi_e.x.array[s.ions])
            np.subtract.at(salt, s.ions, self.share / FARADAY * charge)
            np.subtract.at(ionic, s.ions, charge)
            np.add.at(electronic, s.phi_s, charge)
        out[PHI_E], out[PHI_S] = ionic, electronic
        return out

    def residual(self) -> list[np.ndarray]:
        """Salt, ionic charge, electronic charge, control, lithium in every active phase."""
        u = self.u
        out = [np.zeros(n) for n in self.sizes]
        c_e, phi_e = u.c_e.x.array, u.phi_e.x.array
        for row, column, a, _ in self._transport():
            self.ions.flux(a, (c_e, phi_e)[column], out[row])
        self.electrons.flux(self.sigma, u.phi_s.x.array, out[PHI_S])
        for k, s in enumerate(self.surfaces):
            D, _ = self._diffusivity(k)
            self.solids[k].flux(D, u.c_s[k].x.array, out[C_S + k])
            current = s.area * self._reaction(k).i
            np.subtract.at(out[C_E], s.ions, self.share / FARADAY * current)
            np.subtract.at(out[PHI_E], s.ions, current)
            np.add.at(out[PHI_S], s.phi_s, current)
            np.add.at(out[C_S + k], s.c_s, current / FARADAY)
        nodes, area = self.foil
        i, _, _ = self._foil_current()
        np.subtract.at(out[C_E], nodes, self.share / FARADAY * area * i)
        np.subtract.at(out[PHI_E], nodes, area * i)
        out[PHI_N][:] = (area * self._imposed(i)[0]).sum()
        return out

    # -- derivatives ----------------------------------------------------------------------
    def tangent(self) -> list[np.ndarray]:
        """dF/du at ``entries``."""
        return self._tangent(None)

    def condensed(self, rate: float) -> list[np.ndarray]:
        """As :meth:`tangent`, but surfaces answer to potentials as they do once c_s has followed.

        A change of potential moves the surface concentration, and that most of the potential difference: what
        is left of the reaction's conductance is storage / (storage + dj/dc_s), node by node, with the storage
        that diffusion reaches within a step.
        """
        return self._tangent(rate)

    def _tangent(self, rate: float | None) -> list[np.ndarray]:
        u = self.u
        values = (u.c_e.x.array, u.phi_e.x.array)
        count = self.ions.indices.size
        bulk = {(i, j): np.zeros(count) for i in (C_E, PHI_E) for j in (C_E, PHI_E)}
        for row, column, a, by_c in self._transport():
            self.ions.stiff(a, bulk[row, column])
            self.ions.drift(by_c, values[column], bulk[row, C_E])
        out = [bulk[i, j] for i in (C_E, PHI_E) for j in (C_E, PHI_E)]
        if self._stiff_electrons is None:
            self._stiff_electrons = np.zeros(self.electrons.indices.size)
            self.electrons.stiff(self.sigma, self._stiff_electrons)
        out.append(self._stiff_electrons)
        for k, s in enumerate(self.surfaces):
            D, by_c = self._diffusivity(k)
            data = np.zeros(self.solids[k].indices.size)
            self.solids[k].stiff(D, data)
            if callable(self.active[k].material.diffusivity):
                self.solids[k].drift(by_c, u.c_s[k].x.array, data)
            out.append(data)
            eased = None if rate is None else self._storage_of_surface(k, D, rate)
            out += self._surface_tangent(s, self._reaction(k), eased)
        return out + self._foil_tangent()

    def _storage_of_surface(self, k: int, D: np.ndarray, rate: float) -> np.ndarray:
        """Storage times rate at the nodes of a surface [m3/s]: of the node, or of what diffusion reaches."""
        s = self.surfaces[k]
        deep = s.area * np.sqrt(rate * float(D.mean() if D.size else 0.0))
        return np.hypot(rate * self.lithium[k][s.c_s], deep)

    def _surface_tangent(self, s: Surface, r: Reaction, storage: np.ndarray | None) -> list[np.ndarray]:
        left = 1.0
        if storage is not None:
            left = storage / (storage + np.maximum(s.area * r.by_c_s, 0.0) / FARADAY)
        by_potential = left * s.area * r.by_potential
        columns = (left * s.area * r.by_c_e, -by_potential, by_potential, s.area * r.by_c_s)
        return [w * column for w in (-self.share / FARADAY, -1.0, 1.0, 1 / FARADAY) for column in columns]

    def _foil_tangent(self) -> list[np.ndarray]:
        i, by_c, by_phi = self._foil_current()
        _, area = self.foil
        columns = (area * by_c, -area * by_phi, area * by_phi)
        out = [w * column for w in (-self.share / FARADAY, -1.0) for column in columns]
        _, by_i, by_n = self._imposed(i)
        last = np.array([(by_i * columns[2] + area * by_n).sum()])
        return [*out, by_i * columns[0], by_i * columns[1], last]

    @property
    def proportional(self) -> bool:
        """Whether everything stored is proportional to the unknowns: no salt precipitates."""
        return self.cell.electrolyte.precipitate is None

    def mass(self) -> list[np.ndarray]:
        """dq/du at ``mass_entries``."""
        out = [self.salt * (1.0 + self._precipitate()[1]), *self.lithium]
        for phase, s in zip(self.active, self.surfaces, strict=True):
            if phase.double_layer > 0:
                q = phase.double_layer * s.area
                out += [sign * w * q for w in (-self.share / FARADAY, -1.0, 1.0) for sign in (-1.0, 1.0)]
        return out

    # -- laws -----------------------------------------------------------------------------
    def _precipitate(self) -> tuple[np.ndarray, np.ndarray]:
        """Solid salt at the nodes [mol/m3 of pores], and its derivative by c_e."""
        law = self.cell.electrolyte.precipitate
        return split(0.0 if law is None else law, self.u.c_e.x.array)

    def _transport(self) -> list[tuple[int, int, np.ndarray, np.ndarray]]:
        """(row, field, a, da/dc_e): row gets the integral of a B grad field . grad v."""
        el, T = self.cell.electrolyte, self.T
        c = self.ions.means(self.u.c_e.x.array)
        z = terms.floored(c + 1j * TINY)
        law = lambda f: f(z, T, NUMPY) if callable(f) else float(f)  # noqa: E731
        kappa, D, t_plus = law(el.conductivity), law(el.diffusivity), law(el.transference)
        factor = 2 * thermal_voltage(T) * (1 - t_plus) * law(el.thermodynamic_factor) / z
        pairs: list[tuple[int, int, Any]] = [(PHI_E, PHI_E, kappa), (PHI_E, C_E, -kappa * factor)]
        if callable(el.transference):
            pairs += [
                (C_E, C_E, D - t_plus * kappa * factor / FARADAY),
                (C_E, PHI_E, t_plus * kappa / FARADAY),
            ]
        else:
            pairs.append((C_E, C_E, D))
        return [(row, column, *_parts(a, c.size)) for row, column, a in pairs]

    def _diffusivity(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """D_s by cell, and its derivative by c_s."""
        material, guard = self.active[k].material, terms.SURFACE_GUARD
        if not callable(material.diffusivity):
            return np.full(self.solids[k].volumes.size, float(material.diffusivity)), np.empty(0)
        c = self.solids[k].means(self.u.c_s[k].x.array)
        x = NUMPY.clip((c + 1j * TINY) / material.c_max, guard.low, guard.high)
        return _parts(material.diffusivity(x, self.T, NUMPY), c.size)

    def _reaction(self, k: int) -> Reaction:
        """Butler-Volmer at the nodes of an active phase."""
        u, s, material, guard = self.u, self.surfaces[k], self.active[k].material, terms.SURFACE_GUARD
        c_s, c_e = u.c_s[k].x.array[s.c_s], u.c_e.x.array[s.ions]
        x = (c_s + 1j * TINY) / material.c_max
        ocp = terms.guarded_ocp(material, x, guard=guard)
        i0 = terms.guarded_exchange_current(material, c_e, x, self.T, guard=guard)
        by_c_e = (
            terms.guarded_exchange_current(material, c_e + 1j * TINY, x.real, self.T, guard=guard).imag / TINY
        )
        V = thermal_voltage(self.T)
        sinh, cosh = limited_sinh((u.phi_s.x.array[s.phi_s] - u.phi_e.x.array[s.ions] - ocp.real) / (2 * V))
        by_potential = i0.real * cosh / V
        by_c_s = 2 * i0.imag / TINY * sinh - by_potential * ocp.imag / TINY
        return Reaction(2 * i0.real * sinh, by_c_s, 2 * by_c_e * sinh, by_potential)

    # -- what Newton's method is told -----------------------------------------------------
    def currents(self, changes: Sequence[np.ndarray] | None = None) -> list[np.ndarray]:
        """Current density at the surface's nodes [A/m2] by active phase; linearly continued by ``changes``.

        ``changes`` are those of all unknowns, local and in their units.
        """
        out = []
        for k, s in enumerate(self.surfaces):
            r = self._reaction(k)
            if changes is None:
                out.append(r.i)
                continue
            potential = changes[PHI_S][s.phi_s] - changes[PHI_E][s.ions]
            i = r.i + r.by_c_s * changes[C_S + k][s.c_s] + r.by_c_e * changes[C_E][s.ions]
            out.append(i + r.by_potential * potential)
        return out

    def settle(self, currents: Sequence[np.ndarray]) -> None:
        """Move surface concentrations so that the currents are these, where a little suffices.

        At a full or empty surface the potential is steep, and the reaction an exponential of it: extrapolated
        concentrations meet currents that are off by orders of magnitude, and Newton's method comes back by
        one thermal voltage a step. There the current says what the concentration is, not the other way
        round. Differences that Newton's method can deal with are left alone.
        """
        V = thermal_voltage(self.T)
        for k, (s, i) in enumerate(zip(self.surfaces, currents, strict=True)):
            material = self.active[k].material
            values = self.u.c_s[k].x.array
            x = first = values[s.c_s] / material.c_max
            phi = self.u.phi_s.x.array[s.phi_s] - self.u.phi_e.x.array[s.ions]
            c_e = self.u.c_e.x.array[s.ions]
            far, gap, steepest = np.zeros(x.size, bool), np.zeros(x.size), np.zeros(x.size)
            for trial in range(_SETTLING):
                ocp = terms.guarded_ocp(material, x + 1j * TINY, guard=terms.SURFACE_GUARD)
                i0 = terms.guarded_exchange_current(material, c_e, x, self.T, guard=terms.SURFACE_GUARD)
                eta = 2 * V * np.arcsinh(i / np.maximum(2 * i0, 1e-300))
                gap = phi - eta - ocp.real
                far = np.abs(gap) > V if trial == 0 else far
                if not far.any():
                    break
                slope = np.minimum(ocp.imag / TINY, -_STEEP)
                steepest = np.minimum(steepest, slope)
                x = np.where(far, x + np.clip(gap / slope, -_NEAR / 2, _NEAR / 2), x)
            moved = far & (steepest < -_STEEP) & (np.abs(x - first) < _NEAR) & (np.abs(gap) < V)
            values[s.c_s[moved]] = x[moved] * material.c_max

    def _foil_current(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Anodic current density at the lithium, by node, and its derivatives by c_e and phi_n - phi_e."""
        nodes, _ = self.foil
        u, V = self.u, thermal_voltage(self.T)
        c = terms.floored(u.c_e.x.array[nodes] + 1j * TINY)
        i0 = np.asarray(self.cell.lithium.exchange_current(c, self.T, NUMPY)) + np.zeros(nodes.size) * 1j
        sinh, cosh = limited_sinh((u.phi_n.x.array[0] - u.phi_e.x.array[nodes]) / (2 * V))
        return 2 * i0.real * sinh, 2 * i0.imag / TINY * sinh, i0.real * cosh / V

    def _imposed(self, i: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
        """Control row per area, its derivatives by i and by phi_n at constant i."""
        c = self.control
        volt = -float(self.u.phi_n.x.array[0])
        wi, wv, wp = (float(w.value) for w in (c.weight_current, c.weight_voltage, c.weight_power))
        stiffness = self.cell.current_scale / thermal_voltage(self.T)
        value = wi * (i - self.crowding * float(c.current)) + wv * stiffness * (float(c.voltage) - volt)
        value = value + wp * (volt * i - self.crowding * float(c.power))
        return value, wi + wp * volt, wv * stiffness - wp * i

    # -- places ---------------------------------------------------------------------------
    def _entries(self) -> Any:
        """Blocks in the order of :meth:`tangent`."""
        for i in (C_E, PHI_E):
            for j in (C_E, PHI_E):
                yield i, j, self.ions.rows, self.ions.indices
        yield PHI_S, PHI_S, self.electrons.rows, self.electrons.indices
        for k, s in enumerate(self.surfaces):
            yield C_S + k, C_S + k, self.solids[k].rows, self.solids[k].indices
            at = {C_E: s.ions, PHI_E: s.ions, PHI_S: s.phi_s, C_S + k: s.c_s}
            for i in at:
                for j in at:
                    yield i, j, at[i], at[j]
        nodes, _ = self.foil
        zero = np.zeros(nodes.size, np.int32)
        for i in (C_E, PHI_E):
            yield i, C_E, nodes, nodes
            yield i, PHI_E, nodes, nodes
            yield i, PHI_N, nodes, zero
        yield PHI_N, C_E, zero, nodes
        yield PHI_N, PHI_E, zero, nodes
        yield PHI_N, PHI_N, zero[:1] if nodes.size else np.zeros(1, np.int32), np.zeros(1, np.int32)

    def _mass_entries(self) -> Any:
        """Blocks in the order of :meth:`mass`."""
        every = [np.arange(n, dtype=np.int32) for n in self.sizes]
        yield C_E, C_E, every[C_E], every[C_E]
        for k in range(len(self.active)):
            yield C_S + k, C_S + k, every[C_S + k], every[C_S + k]
        for phase, s in zip(self.active, self.surfaces, strict=True):
            if phase.double_layer > 0:
                for i, rows in ((C_E, s.ions), (PHI_E, s.ions), (PHI_S, s.phi_s)):
                    yield i, PHI_E, rows, s.ions
                    yield i, PHI_S, rows, s.phi_s


def _parts(value: Any, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Real and imaginary part of cell values: a coefficient and its derivative."""
    full = np.broadcast_to(np.asarray(value, dtype=complex), (size,))
    return np.ascontiguousarray(full.real), np.ascontiguousarray(full.imag) / TINY


def _on_part(part: Part, function: fem.Function) -> np.ndarray:
    """Cellwise values of the parent on the owned cells of a part; tensors as (cells, d, d)."""
    values = function.x.array
    size = function.function_space.dofmap.bs
    cells = part.cells[: part.owned]
    if size == 1:
        return np.ascontiguousarray(values[cells])
    d = part.domain.mesh.geometry.dim
    return np.ascontiguousarray(values.reshape(-1, d, d)[cells])


def _surface(forms: Any, k: int) -> Surface:
    """Nodes of the surface of active phase k, the wetted area that this process adds to each."""
    u, domain = forms.u, forms.domain
    corners, size = facet_corners(domain, forms.surfaces[k][:, :2])
    wetted = forms.wetted.x.array[forms.surfaces[k][:, 2]]
    share = np.zeros(int(corners.max(initial=-1)) + 1)
    np.add.at(share, corners, (wetted * size / corners.shape[1])[:, None])
    vertices = np.flatnonzero(share)
    c_s, phi_s, ions = (
        part.dofs_of_vertices(f.function_space)[vertices]
        for part, f in ((u.solids[k], u.c_s[k]), (u.electrons, u.phi_s), (u.ions, u.c_e))
    )
    return Surface(c_s, phi_s, ions, share[vertices])


def _foil(forms: Any) -> tuple[np.ndarray, np.ndarray]:
    """Nodes of the electrolyte at the lithium, and the area that this process adds to each."""
    u = forms.u
    corners, size = facet_corners(forms.domain, forms.lithium)
    dofs = u.ions.dofs_of_vertices(u.c_e.function_space)
    share = np.zeros(int(corners.max(initial=-1)) + 1)
    np.add.at(share, corners, (size / corners.shape[1])[:, None])
    vertices = np.flatnonzero(share)
    return dofs[vertices].astype(np.int32), share[vertices]


def facet_corners(domain: Any, sides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and size of facets given as (cell, local facet)."""
    msh, dim = domain.mesh, domain.dim
    msh.topology.create_connectivity(dim, 0)
    of_cell = msh.topology.connectivity(dim, 0).array.reshape(-1, dim + 1)
    others = np.array([[c for c in range(dim + 1) if c != f] for f in range(dim + 1)])
    rows = sides[:, 0].astype(np.int64)
    local = others[sides[:, 1]]
    vertices = of_cell[rows[:, None], local]
    points = msh.geometry.x[msh.geometry.dofmaps[0][rows[:, None], local]]
    if dim == 2:
        size = np.linalg.norm(points[:, 1] - points[:, 0], axis=1)
    else:
        size = np.linalg.norm(np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]), axis=1) / 2
    return vertices, size
