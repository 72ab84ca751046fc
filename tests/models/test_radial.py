"""Radial diffusion against Crank's solutions of the sphere, a manufactured profile and round-off."""

from itertools import pairwise

import dolfinx_solver  # noqa: F401
import numpy as np
import pytest
from scipy.optimize import brentq

from lithoscape.models.radial import RadialGrid, linear_response, tangent_response

ONE = np.ones(1)


def crank_constant_flux(rho: np.ndarray, tau: float, terms: int = 60) -> np.ndarray:
    """x of a unit sphere with D = 1 and unit outflux from x = 0 (Crank 1975, eq. 6.45)."""
    roots = [
        brentq(lambda a: np.sin(a) - a * np.cos(a), n * np.pi, (n + 0.5) * np.pi) for n in range(1, terms)
    ]
    series = sum(np.sin(a * rho) / (a * a * np.sin(a)) * np.exp(-a * a * tau) for a in roots)
    return -(3 * tau + rho**2 / 2 - 0.3 - 2 / rho * series)


def crank_mean_uptake(tau: float, terms: int = 200) -> float:
    """Mean of a unit sphere of x = 0 whose surface is held at 1 (Crank 1975, eq. 6.20)."""
    n = np.arange(1, terms)
    return 1 - 6 / np.pi**2 * float(np.sum(np.exp(-((n * np.pi) ** 2) * tau) / n**2))


def bdf2(grid, start, tau, steps, flux):
    """March from ``start`` (at times tau[0] and tau[0] + dt) to tau[1]; ``flux(free, forced)``."""
    dt = (tau[1] - tau[0]) / steps
    older, old = start(tau[0]), start(tau[0] + dt)
    for _ in range(steps - 1):
        source = (2 * old - 0.5 * older)[None, :] / dt
        free, forced = linear_response(grid, 1.5 / dt, ONE, source, ONE)
        older, old = old, (free + forced * flux(free[0, -1], forced[0, -1]))[0]
    return old


def test_volumes_and_gradient_are_those_of_the_sphere() -> None:
    grid = RadialGrid.graded(9)
    assert grid.volume.sum() == pytest.approx(1 / 3, abs=1e-15)
    assert grid.rho[-1] == 1.0
    assert np.all(grid.volume > 0)
    assert grid.volume @ grid.rho**8 == pytest.approx(1 / 11, rel=1e-13)
    assert grid.gradient @ grid.rho**6 == pytest.approx(6 * grid.rho**5, abs=1e-11)
    assert grid.mean(grid.rho**2) == pytest.approx(0.6, rel=1e-13)


@pytest.mark.parametrize("p", [1e-3, 1.0, 30.0, 30j, 300j])
def test_surface_response_converges_exponentially(p: complex) -> None:
    """Any rate, real or i omega: x_s / j = -1 / (sqrt(p) coth sqrt(p) - 1)."""
    root = np.sqrt(p + 0j)
    exact = -1 / (root / np.tanh(root) - 1)
    errors = []
    for nodes in (4, 8, 12, 16):
        _, forced = linear_response(RadialGrid.graded(nodes), p, ONE, np.zeros((1, nodes)), ONE)
        errors.append(abs(forced[0, -1] / exact - 1))
    assert errors[-1] < 1e-12
    for coarse, fine in pairwise(errors):
        assert fine < max(coarse / 30, 1e-13)


def test_constant_flux_is_cranks_series_with_second_order_in_time() -> None:
    grid = RadialGrid.graded(12)
    exact = crank_constant_flux(grid.rho, 0.2)
    errors = [
        abs(
            bdf2(grid, lambda t: crank_constant_flux(grid.rho, t), (0.02, 0.2), n, lambda a, b: 1.0) - exact
        ).max()
        for n in (20, 40, 80)
    ]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert orders.min() > 1.9, (errors, orders)
    assert errors[-1] < 3e-5


def test_constant_flux_converges_exponentially_in_r() -> None:
    errors = []
    for nodes in (4, 6, 8):
        grid = RadialGrid.graded(nodes)
        x = bdf2(grid, lambda t, g=grid: crank_constant_flux(g.rho, t), (0.02, 0.06), 3000, lambda a, b: 1.0)
        errors.append(abs(x - crank_constant_flux(grid.rho, 0.06)).max())
    assert errors[1] < errors[0] / 20, errors
    assert errors[2] < 1e-6, errors


def test_held_surface_takes_up_what_crank_says() -> None:
    """A discontinuous start: steps grow with time, backward Euler, first order."""
    grid, errors = RadialGrid.graded(24), []
    for steps in (200, 400, 800):
        times = 0.1 * np.linspace(0.0, 1.0, steps + 1) ** 3
        x = np.append(np.zeros(23), 1.0)
        for h in np.diff(times):
            free, forced = linear_response(grid, 1 / h, ONE, x[None, :] / h, ONE)
            x = (free + forced * (1 - free[0, -1]) / forced[0, -1])[0]
        errors.append(abs(grid.mean(x) - crank_mean_uptake(0.1)))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert orders == pytest.approx(1.0, abs=0.1), (errors, orders)
    assert errors[-1] < 1e-3


def conductivity(x: np.ndarray) -> np.ndarray:
    return 0.2 + x**2 + 0.5 * np.sin(4 * x)


def solve_nonlinear(nodes: int) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """rate x - div(D(x) grad x) = source for x = 0.5 + 0.3 cos(2 rho^2); exact, found, Newton steps."""
    grid, rate = RadialGrid.graded(nodes), 2.0
    s = grid.rho**2
    exact = 0.5 + 0.3 * np.cos(2 * s)
    # with x' = dx/ds: div(D grad x) = 6 D x' + 4 s (D x')'
    first, second = -0.6 * np.sin(2 * s), -1.2 * np.cos(2 * s)
    D, dD = conductivity(exact), 2 * exact + 2 * np.cos(4 * exact)
    source = rate * exact - (6 * D * first + 4 * s * (D * second + dD * first**2))
    influx = (D * 2 * first)[-1]
    x, steps = np.full((1, nodes), 0.5), []
    for _ in range(12):
        law = conductivity(x + 1e-30j)
        free, forced = tangent_response(grid, rate, x, (law.real, law.imag / 1e-30), source[None, :], ONE)
        new = free - forced * influx
        steps.append(float(abs(new - x).max()))
        x = new
    return exact, x[0], steps


def test_nonlinear_diffusivity_converges_exponentially_to_a_manufactured_profile() -> None:
    errors = []
    for nodes in (5, 9, 13, 17):
        exact, found, _ = solve_nonlinear(nodes)
        errors.append(abs(found - exact).max())
    assert errors[-1] < 1e-8, errors
    assert all(b < a / 10 for a, b in pairwise(errors)), errors


def test_tangent_of_a_nonlinear_diffusivity_is_exact() -> None:
    """Newton with the exact tangent squares its error each time."""
    _, _, steps = solve_nonlinear(12)
    late = [k for k, step in enumerate(steps) if 1e-12 < step < 1e-2]
    assert steps[-1] < 1e-12
    for k in late[1:]:
        assert steps[k] < 30 * steps[k - 1] ** 2, steps


def test_linear_and_tangent_responses_agree_for_constant_diffusivity() -> None:
    rng = np.random.default_rng(1)
    grid, source = RadialGrid.graded(10), rng.normal(size=(3, 10))
    diffusion, surface = np.array([0.3, 1.0, 20.0]), np.array([1.0, 2.0, 0.5])
    linear = linear_response(grid, 0.7, diffusion, source, surface)
    constant = (np.repeat(diffusion[:, None], 10, axis=1), np.zeros((3, 10)))
    tangent = tangent_response(grid, 0.7, rng.uniform(size=(3, 10)), constant, source, surface)
    for a, b in zip(linear, tangent, strict=True):
        assert b == pytest.approx(a, rel=1e-11, abs=1e-12)


@pytest.mark.parametrize("nonlinear", [False, True])
def test_the_mean_changes_by_what_crosses_the_surface_to_round_off(nonlinear: bool) -> None:
    rng = np.random.default_rng(2)
    nodes, rate, surface = 16, 0.37, np.array([1.0, 3.0])
    grid, source, profile = (
        RadialGrid.graded(nodes),
        rng.normal(size=(2, nodes)),
        rng.uniform(size=(2, nodes)),
    )
    if nonlinear:
        law = conductivity(profile + 1e-30j)
        free, forced = tangent_response(grid, rate, profile, (law.real, law.imag / 1e-30), source, surface)
    else:
        free, forced = linear_response(grid, rate, np.array([0.2, 5.0]), source, surface)
    assert rate * grid.mean(free) == pytest.approx(grid.mean(source), abs=1e-13)
    assert rate * grid.mean(forced) == pytest.approx(-3 * surface, rel=1e-13)
