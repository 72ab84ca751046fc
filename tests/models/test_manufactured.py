"""The coupled homogenised equations against a manufactured solution, in space and in time.

The exact fields are chosen; the strong equations are written here a second
time, from the paper and not from the model's forms, and what they leave over is
appended to the model's rows as sources and boundary fluxes. The particles get
no source: for a flux that is constant in time

    c_s(r, t) = c_0 - (j/F) (3 t / R + r^2 / (2 D R))

solves Fick's law exactly, and phi_s := phi_e + U(c_surf) + (2RT/F) asinh(j/2i0)
satisfies Butler-Volmer exactly.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import dolfinx_solver  # noqa: F401
import numpy as np
import pytest
import ufl
from dolfinx import fem

from lithoscape.constants import FARADAY, GAS_CONSTANT
from lithoscape.materials import Electrolyte, get_electrolyte, get_set, ufl_maths
from lithoscape.mesh.structured import Layer, layered_cell
from lithoscape.models.homogenised import HomogenisedCell, Particles, Region, homogenised
from lithoscape.solver import Newton, Stepper, System, TimeOptions

L, WIDTH, T = 80e-6, 60e-6, 298.15
EPS, FRACTION, RADIUS, SIGMA, RESISTANCE, START = 0.35, 0.5, 4e-6, 2.0, 2e-3, 0.45
SET = get_set("Chen2020_half")
MATERIAL, LITHIUM = SET.positive.material, SET.negative
M = ufl_maths()
V_T = GAS_CONSTANT * T / FARADAY


def constant_electrolyte() -> Electrolyte:
    """Conductivity and diffusivity of c_e, constant transference number."""
    return replace(get_electrolyte("Nyman2008"), transference=0.26, thermodynamic_factor=1.4)


ELECTROLYTES = {
    "constant t+": constant_electrolyte,
    "t+(c) and TDF(c)": lambda: get_electrolyte("Landesfeind2019_EC_EMC_3_7"),
}


@dataclass
class Exact:
    """The chosen fields in UFL and the time constant they depend on."""

    c_e: object
    phi_e: object
    phi_s: object
    phi_n: object
    flux: object
    time: fem.Constant
    variable: object


def exact_fields(mesh, wave: bool) -> Exact:
    """Fields at ``time``: linear in it, or oscillating for the order in time."""
    time = fem.Constant(mesh, 0.0)
    t = ufl.variable(time)
    x = ufl.SpatialCoordinate(mesh)
    z = x[mesh.geometry.dim - 1] / L
    y = x[0] / WIDTH if mesh.geometry.dim == 2 else 0.0 * z
    swing = ufl.sin(t / 40.0) if wave else 0.01 * t
    c_e = 1000 + 200 * ufl.cos(2.0 * z + 0.3) * (1 + 0.3 * ufl.cos(2.5 * y)) * (1 + 0.5 * swing)
    phi_e = -0.3 - 0.04 * ufl.sin(1.5 * z) * (1 + 0.4 * ufl.cos(3 * y)) * (1 + 0.2 * swing)
    flux = -1.5 * (1 + 0.4 * ufl.cos(2 * z) * ufl.cos(2 * y))
    D = float(MATERIAL.diffusivity)
    x_s = START - flux / (FARADAY * MATERIAL.c_max) * (3 * t / RADIUS + RADIUS / (2 * D))
    i0 = MATERIAL.exchange_current(c_e, x_s * MATERIAL.c_max, MATERIAL.c_max, T, M)
    phi_s = phi_e + MATERIAL.ocp(x_s, M) + 2 * V_T * M.asinh(flux / (2 * i0))
    return Exact(c_e, phi_e, phi_s, -0.25 - 0.01 * swing, flux, time, t)


def tensor(dim: int) -> np.ndarray:
    """A transport tensor with off-diagonal entries."""
    return np.array([[0.3, 0.08], [0.08, 0.2]]) if dim == 2 else np.array([[0.2]])


def lithium_current(e: Exact):
    i0 = LITHIUM.exchange_current(e.c_e, T, M)
    return 2 * i0 * ufl.sinh((e.phi_n - e.phi_e) / (2 * V_T))


def strong(e: Exact, electrolyte: Electrolyte, dim: int):
    """Fluxes N, i_e, i_s and the sources of the salt and the two charge balances."""

    def law(f):
        return f(e.c_e, T, M) if callable(f) else f

    B = ufl.as_matrix(tensor(dim).tolist())
    t_plus, tdf = law(electrolyte.transference), law(electrolyte.thermodynamic_factor)
    drive = ufl.grad(e.phi_e) - 2 * V_T * (1 - t_plus) * tdf * ufl.grad(ufl.ln(e.c_e))
    i_e = -law(electrolyte.conductivity) * B * drive
    N = -law(electrolyte.diffusivity) * B * ufl.grad(e.c_e) + t_plus * i_e / FARADAY
    i_s = -SIGMA * ufl.grad(e.phi_s)
    reaction = 3 * FRACTION / RADIUS * e.flux
    salt = EPS * ufl.diff(e.c_e, e.variable) + ufl.div(N) - reaction / FARADAY
    return N, i_e, i_s, salt, ufl.div(i_e) - reaction, ufl.div(i_s) + reaction


def with_sources(problem, e: Exact, electrolyte: Electrolyte):
    """The problem whose solution is ``e``."""
    V = problem.unknowns[0].function.function_space
    msh, v = V.mesh, ufl.TestFunction(V)
    q = ufl.TestFunction(problem.unknowns[3].function.function_space)
    N, i_e, i_s, salt, ionic, electronic = strong(e, electrolyte, msh.geometry.dim)
    n, i_li = ufl.FacetNormal(msh), lithium_current(e)
    dx = ufl.Measure("dx", msh, metadata={"quadrature_degree": 6})
    ds = ufl.Measure("ds", msh, subdomain_data=problem.domain.facet_tags, metadata={"quadrature_degree": 6})
    negative, positive = (ds(problem.domain.boundary(k)) for k in ("negative", "positive"))
    charge = ufl.dot(i_e, n) * v * ds + i_li * v * negative - ionic * v * dx
    mass = ufl.dot(N, n) * v * ds + i_li / FARADAY * v * negative - salt * v * dx
    if not callable(electrolyte.transference):
        # the model subtracts t+/F times the ionic balance to remove migration
        mass = mass - electrolyte.transference / FARADAY * charge
    electrons = ufl.dot(i_s, n) * v * ds - e.phi_s / RESISTANCE * v * positive - electronic * v * dx
    added = (mass, charge, electrons, -i_li * q * negative)
    return replace(problem, residual=tuple(r + a for r, a in zip(problem.residual, added, strict=True)))


@dataclass
class Case:
    """A compiled manufactured problem."""

    exact: Exact
    problem: object
    stepper: Stepper

    def march(self, times: np.ndarray):
        """History after stepping through ``times``; the first is the start."""
        history = self.stepper.initial()
        for before, after in pairwise(times):
            self.exact.time.value = after
            attempt = self.stepper.attempt(history, after - before)
            assert attempt.state is not None, attempt.newton
            history = history.pushed(attempt.state)
        return history

    def errors(self) -> np.ndarray:
        """Relative L2 errors of c_e, phi_e, phi_s at the present time."""
        pairs = zip(
            (self.exact.c_e, self.exact.phi_e, self.exact.phi_s), self.problem.unknowns[:3], strict=True
        )
        dx = ufl.dx(metadata={"quadrature_degree": 6})
        size = fem.assemble_scalar(fem.form(fem.Constant(self.problem.domain.mesh, 1.0) * dx))
        out = []
        for exact, unknown in pairs:
            gap = fem.assemble_scalar(fem.form((unknown.function - exact) ** 2 * dx))
            out.append(np.sqrt(gap / size) / unknown.scale)
        return np.array(out)


def make(shape: str, cells: int, electrolyte: Electrolyte, wave: bool = False) -> Case:
    lateral = () if shape == "interval" else ((WIDTH, cells),)
    domain = layered_cell([Layer("positive", L, cells)], lateral=lateral, simplices=shape == "triangle")
    particles = Particles("active", MATERIAL, FRACTION, RADIUS, START)
    region = Region("positive", EPS, tensor(domain.dim), SIGMA, "positive", (particles,))
    cell = HomogenisedCell(
        (region,), electrolyte, LITHIUM, T, 30.0, contact_resistance=RESISTANCE, radial_nodes=5
    )
    plain = homogenised(domain, cell)
    e = exact_fields(domain.mesh, wave)
    problem = with_sources(plain, e, electrolyte)
    V = problem.unknowns[0].function.function_space
    points = V.element.interpolation_points
    for unknown, value in zip(problem.unknowns[:3], (e.c_e, e.phi_e, e.phi_s), strict=True):
        unknown.function.interpolate(fem.Expression(value, points))
    problem.unknowns[3].function.x.array[:] = -0.25
    closure = problem.closures[0]
    closure.flux.interpolate(fem.Expression(e.flux, points))
    j = closure.flux.x.array[closure.nodes][:, None]
    r = closure.grid.rho * RADIUS
    depth = j / (FARADAY * MATERIAL.c_max) * r**2 / (2 * float(MATERIAL.diffusivity) * RADIUS)
    closure.state[:] = START - depth
    problem.control.impose("current", 0.0)
    system = System(problem)
    return Case(e, problem, Stepper(system, Newton(system), TimeOptions()))


@pytest.mark.parametrize("name", list(ELECTROLYTES))
@pytest.mark.parametrize(
    "shape", ["interval", "quadrilateral", pytest.param("triangle", marks=pytest.mark.slow)]
)
def test_second_order_in_space(shape: str, name: str) -> None:
    errors = []
    for cells in (8, 16, 32):
        case = make(shape, cells, ELECTROLYTES[name]())
        case.march(np.array([0.0, 5.0, 12.0, 20.0]))
        errors.append(case.errors())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert orders[-1].min() > 1.9, (errors, orders)
    assert max(errors[-1]) < 2e-3


@pytest.mark.parametrize("name", list(ELECTROLYTES))
def test_second_order_in_time_with_uneven_steps(name: str) -> None:
    """Against very fine steps on the same mesh; steps grow and shrink by up to 1.6."""
    pattern = np.array([1.0, 1.3, 0.8, 1.1, 0.7, 1.1, 1.2, 0.8])
    case = make("interval", 10, ELECTROLYTES[name](), wave=True)
    initial = case.stepper.initial().now
    finals = []
    for repeats in (1, 2, 4, 8, 64):
        steps = np.tile(pattern, repeats)
        case.exact.time.value = 0.0
        case.stepper.load(initial)
        history = case.march(np.concatenate([[0.0], np.cumsum(steps) / steps.sum() * 60.0]))
        finals.append(
            np.concatenate([history.now.fields[i] / case.problem.unknowns[i].scale for i in range(3)])
        )
    errors = [abs(f - finals[-1]).max() for f in finals[:-1]]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert orders[-1] > 1.9, (errors, orders)
    assert orders.min() > 1.7, (errors, orders)
