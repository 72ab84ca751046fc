"""The whole coupled system of the resolved model against chosen fields: second order in space.

The strong equations are written here a second time, from the papers; what the chosen fields leave over,
inside and at every surface, is added to the rows as a source.
"""

from dataclasses import replace
from typing import Any

import dolfinx_solver  # noqa: F401
import numpy as np
import pytest
import ufl
from dolfinx import fem
from mpi4py import MPI

from lithoscape.constants import FARADAY, GAS_CONSTANT
from lithoscape.materials import get_electrolyte, get_set, ufl_maths
from lithoscape.mesh import Tessellation
from lithoscape.mesh.build import domain
from lithoscape.models.resolved import Forms, Phase, ResolvedCell, resolved
from lithoscape.solver import Newton, NewtonOptions, System

A, B, H, T = 20e-6, 50e-6, 20e-6, 298.15
POROSITY, TRANSPORT, SIGMA = 0.6, np.array([[0.4, 0.0], [0.0, 0.25]]), 2.0
TENSOR, RATE, CURRENT = np.array([[1.0, 0.0], [0.0, 0.5]]), 0.01, 25.0
LITHIUM = get_set("Xu2019").negative
MATERIALS = {
    "D(x)": get_set("ORegan2022_half").positive.material,
    "D": get_set("Chen2020_half").positive.material,
}
ELECTROLYTES = {
    "t+(c), TDF(c)": get_electrolyte("Landesfeind2019_EC_EMC_3_7"),
    "t+": replace(get_electrolyte("Nyman2008"), transference=0.26, thermodynamic_factor=1.4),
}
M = ufl_maths()
V_T = GAS_CONSTANT * T / FARADAY
FINE = {"quadrature_degree": 6}


def rectangle(n: int) -> Tessellation:
    """Electrolyte left of x = A, active material right of it; n cells over 10 um."""
    columns, rows = round(B / 1e-5 * n), round(H / 1e-5 * n)
    x, y = np.meshgrid(np.linspace(0, B, columns + 1), np.linspace(0, H, rows + 1), indexing="ij")
    number = np.arange(x.size).reshape(x.shape)
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    halves = [np.stack(half, axis=-1).reshape(-1, 3) for half in ((a, b, c), (a, c, d))]
    cells = np.concatenate(halves).astype(np.int32)
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    tags = np.where(points[cells, 0].mean(axis=1) < A, 1, 2).astype(np.int32)
    made = Tessellation("triangle", points, cells, tags, {"pore": 1, "active": 2})
    planes = {"negative": (0, 0.0), "collector": (0, B), "side 1 low": (1, 0.0), "side 1 high": (1, H)}
    return made.with_facets(planes)


def chosen(x: Any, c_max: float, m: Any) -> tuple[Any, ...]:
    """c_e, phi_e, phi_s, c_s: no flux through the sides, phi_s zero and no lithium flux at the collector."""
    wave = m.cos(np.pi * x[1] / H)
    return (
        1000 + 150 * m.cos(0.8 * np.pi * x[0] / A + 0.4) * (1 + 0.4 * wave),
        -4.0 + 0.01 * m.sin(0.7 * np.pi * x[0] / A) * (1 + 0.5 * wave),
        0.01 * m.sin(0.4 * np.pi * (B - x[0]) / (B - A)) * (1 + 0.3 * wave),
        c_max * (0.5 + 0.05 * m.cos(np.pi * (x[0] - B) / (B - A)) * (1 + 0.5 * wave)),
    )


class Exact:
    """The chosen fields and what flows in them."""

    def __init__(self, cells: Any, material: Any, electrolyte: Any) -> None:
        x = ufl.SpatialCoordinate(cells.mesh)
        self.fields = self.c_e, self.phi_e, self.phi_s, self.c_s = chosen(x, material.c_max, ufl)
        self.phi_n = -4.02
        self.material, self.electrolyte = material, electrolyte

    def law(self, law: Any) -> Any:
        return law(self.c_e, T, M) if callable(law) else law

    def ionic(self) -> Any:
        """i_e = -kappa B (grad phi_e - 2RT/F (1 - t+) TDF grad ln c_e)."""
        el = self.electrolyte
        pull = 2 * V_T * (1 - self.law(el.transference)) * self.law(el.thermodynamic_factor)
        field = ufl.grad(self.phi_e) - pull / self.c_e * ufl.grad(self.c_e)
        return -self.law(el.conductivity) * ufl.dot(ufl.as_matrix(TRANSPORT), field)

    def salt(self) -> Any:
        """-D B grad c_e, with the migration t+ i_e/F if t+ depends on the concentration."""
        N = -self.law(self.electrolyte.diffusivity) * ufl.dot(ufl.as_matrix(TRANSPORT), ufl.grad(self.c_e))
        t_plus = self.electrolyte.transference
        return N + self.law(t_plus) * self.ionic() / FARADAY if callable(t_plus) else N

    def solid(self) -> Any:
        x, D = self.c_s / self.material.c_max, self.material.diffusivity
        D = D(x, T, M) if callable(D) else D
        return -D * ufl.dot(ufl.as_matrix(TENSOR), ufl.grad(self.c_s))

    def reaction(self) -> Any:
        """i0 (exp(F eta/2RT) - exp(-F eta/2RT))."""
        x = self.c_s / self.material.c_max
        i0 = self.material.exchange_current(self.c_e, self.c_s, self.material.c_max, T, M)
        eta = self.phi_s - self.phi_e - self.material.ocp(x, M)
        return i0 * (ufl.exp(eta / (2 * V_T)) - ufl.exp(-eta / (2 * V_T)))

    def lithium(self) -> Any:
        eta = self.phi_n - self.phi_e
        i0 = LITHIUM.exchange_current(self.c_e, T, M)
        return i0 * (ufl.exp(eta / (2 * V_T)) - ufl.exp(-eta / (2 * V_T)))

    def sources(self, f: Forms) -> tuple[Any, ...]:
        """What is left of every row, with the sign that takes it away."""
        n = ufl.FacetNormal(f.domain.mesh)
        pore, active = (f.dx(f.domain.region(name), metadata=FINE) for name in ("pore", "active"))
        dS, foil = f.dS(1), f.ds_lithium  # one facet rule per form: FFCx mixes up the cells of several
        t_plus = self.electrolyte.transference
        share = (1.0 if callable(t_plus) else 1.0 - t_plus) / FARADAY
        i, i_n, N, i_e, i_s = (
            self.reaction(),
            self.lithium(),
            self.salt(),
            self.ionic(),
            -SIGMA * ufl.grad(self.phi_s),
        )
        v, w, y = f.v, f.w, f.y[0]
        salt = ufl.div(N) * v * pore
        salt -= (ufl.dot(N, n) + share * i_n) * v * foil
        salt -= (ufl.dot(N("-"), n("-")) + share * i("+")) * v("-") * dS
        ionic = ufl.div(i_e) * v * pore - (ufl.dot(i_e, n) + i_n) * v * foil
        ionic -= (ufl.dot(i_e("-"), n("-")) + i("+")) * v("-") * dS
        electronic = ufl.div(i_s) * w * active - (ufl.dot(i_s("+"), n("+")) - i("+")) * w("+") * dS
        solid = ufl.div(self.solid()) * y * active
        solid -= (ufl.dot(self.solid()("+"), n("+")) - i("+") / FARADAY) * y("+") * dS
        control = (i_n - CURRENT) * f.q * foil
        return -salt, -ionic, -electronic, -control, -solid


def errors(n: int, material: str, electrolyte: str) -> np.ndarray:
    """L2 errors of c_e, phi_e, phi_s, c_s in their scales, and of phi_n."""
    cells = domain(rectangle(n), MPI.COMM_SELF)
    exact = Exact(cells, MATERIALS[material], ELECTROLYTES[electrolyte])
    phases = (
        Phase("active", exact.material, 0.5, SIGMA, anisotropy=TENSOR),
        Phase("pore", porosity=POROSITY, transport=TRANSPORT),
    )
    cell = ResolvedCell(phases, exact.electrolyte, LITHIUM, T, CURRENT)
    problem = resolved(cells, cell, sources=exact.sources)
    unknowns = [problem.unknowns[k] for k in (0, 1, 2, 4)]
    for k, unknown in enumerate(unknowns):
        x = unknown.function.function_space.tabulate_dof_coordinates().T
        unknown.function.x.array[:] = chosen(x, exact.material.c_max, np)[k]
    problem.unknowns[3].function.x.array[:] = exact.phi_n
    problem.control.impose("current", CURRENT)
    system = System(problem)
    history = -RATE * system.storage()
    done = Newton(system, NewtonOptions(update=1e-9, residual=1e-12)).solve(RATE, history)
    assert done.converged, done.reason
    out = []
    dx = ufl.Measure("dx", cells.mesh, subdomain_data=cells.cell_tags, metadata=FINE)
    for unknown, value, name in zip(
        unknowns, exact.fields, ("pore", "pore", "active", "active"), strict=True
    ):
        form = fem.form(
            (unknown.function - value) ** 2 * dx(cells.region(name)), entity_maps=list(problem.entity_maps)
        )
        out.append(np.sqrt(fem.assemble_scalar(form) / cells.measure("region", name)) / unknown.scale)
    return np.array([*out, abs(problem.unknowns[3].function.x.array[0] - exact.phi_n) / V_T])


@pytest.mark.parametrize(("material", "electrolyte"), [("D", "t+"), ("D(x)", "t+(c), TDF(c)")])
def test_second_order_in_space(material: str, electrolyte: str) -> None:
    found = np.array([errors(n, material, electrolyte) for n in (8, 16, 32)])
    orders = np.log2(found[:-1] / found[1:])
    assert (orders[-1, :4] > 1.95).all(), orders
    assert orders[-1, 4] > 1.8, orders  # one number, made of errors that partly cancel
    assert (found[-1] < 1e-4).all(), found
