"""Particles with their reaction: derivatives, roots at extremes, exactness of D(x)."""

from dataclasses import replace
from types import SimpleNamespace

import dolfinx_solver  # noqa: F401
import numpy as np
import pytest

from lithoscape.constants import FARADAY
from lithoscape.materials import get_set
from lithoscape.models.particle import ParticleClass, ReactionPoint, balance_reaction
from lithoscape.models.radial import RadialGrid
from lithoscape.models.terms import guarded_exchange_current, guarded_ocp

T = 298.15
NMC = get_set("ORegan2022_half").positive.material
SETS = {"D(x)": NMC, "constant D": replace(NMC, diffusivity=4e-15)}


def nodal(values: np.ndarray) -> SimpleNamespace:
    """What a particle class needs of a function: its array."""
    return SimpleNamespace(x=SimpleNamespace(array=values))


def particles(material, nodes: int = 5, radial: int = 10) -> ParticleClass:
    rng = np.random.default_rng(3)
    c_e, phi_e = rng.uniform(400, 1600, nodes), rng.normal(0, 0.01, nodes)
    state = (
        rng.uniform(0.4, 0.6, (nodes, 1))
        + 0.02 * rng.normal(size=(nodes, 1)) * RadialGrid.graded(radial).rho ** 2
    )
    phi_s = guarded_ocp(material, state[:, -1]) + rng.normal(0, 0.05, nodes)
    fields = tuple(nodal(v) for v in (c_e, phi_e, phi_s))
    radius = np.linspace(2e-6, 6e-6, nodes)
    return ParticleClass(
        "active", "positive", material, T, radius, RadialGrid.graded(radial), np.arange(nodes),
        nodal(np.zeros(nodes)), (0, 1, 2), fields, nodal(np.ones(nodes)), state,
    )  # fmt: skip


@pytest.mark.parametrize("name", SETS)
def test_tangents_are_the_derivatives_of_the_converged_flux(name: str) -> None:
    p = particles(SETS[name])
    p.begin(1 / 20.0, -p.state / 20.0)
    tangents = p.update()
    for k, (tangent, step) in enumerate(zip(tangents, (1e-3, 1e-7, 1e-7), strict=True)):
        values = p.fields[k].x.array
        sides = []
        for sign in (1, -1):
            values += sign * step
            p.update()
            sides.append(p.flux.x.array.copy())
            values -= sign * step
        assert (sides[0] - sides[1]) / (2 * step) == pytest.approx(tangent, rel=2e-6)


@pytest.mark.parametrize("name", SETS)
def test_the_converged_profile_solves_the_nonlinear_step(name: str) -> None:
    """Rate x - div(D(x) grad x) + history = 0 and Butler-Volmer, checked from scratch."""
    p, rate = particles(SETS[name]), 1 / 200.0
    old = p.state.copy()
    p.begin(rate, -rate * old)
    p.update()
    x, j, g = p.advance(), p.flux.x.array, p.grid
    D = p.material.diffusivity(x, T) if callable(p.material.diffusivity) else p.material.diffusivity
    flow = (D * (x @ g.gradient.T) * g.volume) @ g.gradient / p.radius[:, None] ** 2
    row = rate * (x - old) * g.volume + flow
    row[:, -1] += j / (p.radius * FARADAY * p.material.c_max)
    assert abs(row).max() < 1e-13
    c_e, phi_e, phi_s = (f.x.array for f in p.fields)
    i0 = guarded_exchange_current(p.material, c_e, x[:, -1], T)
    eta = phi_s - phi_e - guarded_ocp(p.material, x[:, -1])
    assert j == pytest.approx(2 * i0 * np.sinh(eta * FARADAY / (2 * 8.314462618 * T)), rel=1e-9)


@pytest.mark.parametrize("name", SETS)
def test_lithium_of_the_particles_changes_by_the_flux_to_round_off(name: str) -> None:
    p, rate = particles(SETS[name]), 1 / 50.0
    before = p.grid.mean(p.state)
    p.begin(rate, -rate * p.state)
    p.update()
    lost = 3 * p.flux.x.array / (p.radius * FARADAY * p.material.c_max) / rate
    assert abs(lost).min() > 1e-7
    assert before - p.grid.mean(p.advance()) == pytest.approx(lost, abs=1e-14)


def test_a_second_call_starts_from_the_solved_particles() -> None:
    """Nothing changed: D(x) is not evaluated again."""
    calls = []

    def counted(x, T, m):
        calls.append(1)
        return NMC.diffusivity(x, T, m)

    p = particles(replace(NMC, diffusivity=counted))
    p.begin(1 / 20.0, -p.state / 20.0)
    p.update()
    first = p.flux.x.array.copy()
    count = len(calls)
    p.update()
    assert count <= 5
    assert len(calls) == count
    assert p.flux.x.array == pytest.approx(first, rel=1e-12)


@pytest.mark.parametrize("overpotential", [-3.0, -0.5, 0.0, 0.5, 3.0])
@pytest.mark.parametrize("free", [-0.01, 1e-7, 0.5, 1 - 1e-7, 1.01])
@pytest.mark.parametrize("forced", [-1e-1, -1e-3, -1e-6])
def test_the_reaction_has_a_root_at_every_extreme(overpotential: float, free: float, forced: float) -> None:
    """Full, empty and beyond; volts of overpotential; any start."""
    one = np.ones(1)
    ocp = guarded_ocp(NMC, np.clip(free, 0.01, 0.99))
    point = ReactionPoint(1000.0 * one, (ocp + overpotential) * one, free * one, forced * one)
    roots = [balance_reaction(NMC, T, point, start * one).j[0] for start in (-100.0, 0.0, 100.0)]
    assert np.all(np.isfinite(roots))
    if 0 < free < 1:
        assert roots == pytest.approx([roots[1]] * 3, rel=1e-8, abs=1e-10)
    for j in roots:
        x = free + forced * j
        i0 = guarded_exchange_current(NMC, 1000.0, x, T)
        balance = guarded_ocp(NMC, x) + 2 * 8.314462618 * T / FARADAY * np.arcsinh(j / (2 * i0))
        assert balance == pytest.approx(point.potential[0], abs=1e-6)
