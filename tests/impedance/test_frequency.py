"""The linearised problem: what it answers, whatever is imposed and however it is solved."""

from dataclasses import replace

import numpy as np
import pytest
from cells import cell_of, problem_of

from lithoscape.errors import InputError, SolveError
from lithoscape.impedance import Spectrum, log_frequencies, spectrum
from lithoscape.impedance.warburg import sphere
from lithoscape.materials import get_set
from lithoscape.models.homogenised import HomogenisedCell
from lithoscape.models.radial import RadialGrid, surface_poles, tangent_poles, tangent_response
from lithoscape.problem import Problem
from lithoscape.solver import System
from lithoscape.solver.frequency import Linearised, _Iterative
from lithoscape.solver.potentials import settle
from lithoscape.solver.reduced import ReducedModel, reduce

WIDE = log_frequencies(1e-3, 1e5, 4)


def layered(name: str, capacitance: float = 0.2, **options: object) -> HomogenisedCell:
    """A cell of a set, with double layers."""
    cell = cell_of(name, **options)
    regions = (replace(r, double_layer=capacitance if r.electrode else 0.0) for r in cell.regions)
    return replace(cell, regions=tuple(regions))


def rested(problem: Problem, current: float = 0.0) -> System:
    """The problem with the potentials that belong to a current."""
    system = System(problem)
    settle(system, current)
    return system


# -- particles ---------------------------------------------------------------------------
@pytest.mark.parametrize(("nodes", "error"), [(12, 1e-5), (24, 1e-11)])
def test_a_sphere_answers_as_its_closed_form(nodes: int, error: float) -> None:
    D, R = 1e-14, 5e-6
    omega = np.geomspace(1e-3, 1e3, 13) * D / R**2
    rates, residues = surface_poles(RadialGrid.graded(nodes), np.array([D / R**2]), np.array([1.0]))
    found = (residues / (1j * omega[:, None] + rates)).sum(axis=1)
    # x_s = - (R^2 / D) / (s coth s - 1) for a unit of -dx/drho at the surface
    exact = -sphere(omega, R**2 / D, R**2 / D)
    assert np.abs(found / exact - 1).max() < error


def test_a_sphere_with_variable_diffusivity_answers_as_in_a_time_step() -> None:
    grid = RadialGrid.graded(10)
    rng = np.random.default_rng(3)
    profile = 0.5 + 0.2 * grid.rho**2 * np.array([[1.0], [-1.5]])
    diffusion = (1e-3 * (0.5 + profile), np.full_like(profile, 1e-3))
    surface = rng.uniform(0.5, 1.0, 2)
    rates, residues = tangent_poles(grid, profile, diffusion, surface)
    for rate in (1e-5, 1e-2, 10.0):
        none = np.zeros_like(profile)
        _, forced = tangent_response(grid, rate, profile, diffusion, none, surface)
        found = (residues / (rate + rates)).sum(axis=1)
        assert np.abs(found.imag).max() < 1e-12 * np.abs(found).max()
        np.testing.assert_allclose(found.real, forced[:, -1], rtol=1e-9)
    # whatever its diffusivity, what has crossed the surface stays
    np.testing.assert_allclose((rates == 0).sum(axis=1), 1)


def test_variable_diffusivity_that_is_constant_changes_nothing() -> None:
    name = "Xu2019"
    constant = problem_of(name, 8, layered(name))
    D = float(get_set(name).positive.material.diffusivity)
    cell = layered(name)
    law = replace(cell.regions[1].particles[0].material, diffusivity=lambda x, T, m: D + 0 * x)
    particles = (replace(cell.regions[1].particles[0], material=law),)
    varied = replace(cell, regions=(cell.regions[0], replace(cell.regions[1], particles=particles)))
    a = spectrum(constant, WIDE, current_density=0.0)
    b = spectrum(problem_of(name, 8, varied), WIDE, current_density=0.0)
    assert np.abs(a.impedance / b.impedance - 1).max() < 1e-9


def test_a_reaction_answers_as_in_a_time_step() -> None:
    problem = problem_of("Xu2019", 5, layered("Xu2019"))
    rested(problem, 96.0)
    (particles,) = problem.closures
    rate = 1e9
    found = particles.response()(rate)
    particles.begin(rate, -rate * particles.state)
    exact = particles.update()
    for a, b in zip(found, exact, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    # the reaction depends on the salt, under load
    assert np.abs(exact[0]).max() > 1e-4


# -- what is imposed -----------------------------------------------------------------------
@pytest.mark.parametrize("current", [0.0, 24.0])
@pytest.mark.parametrize("name", ["Xu2019", "Chen2020"])
def test_galvanostatic_and_potentiostatic_agree(name: str, current: float) -> None:
    problem = problem_of(name, 6, layered(name))
    a = spectrum(problem, WIDE, current_density=current)
    b = spectrum(problem, WIDE, current_density=current, imposed="voltage")
    assert a.about["Current density [A.m-2]"] == pytest.approx(current, abs=1e-6)
    assert np.abs(a.impedance / b.impedance - 1).max() < 1e-8
    assert a.impedance.real.min() > 0
    control = problem.control
    assert [float(w.value) for w in (control.weight_current, control.weight_voltage)] == [1.0, 0.0]


def test_a_load_changes_the_impedance() -> None:
    problem = problem_of("Xu2019", 6, layered("Xu2019"))
    rest, load = (spectrum(problem, WIDE, current_density=i).impedance for i in (0.0, 48.0))
    # an exponential of the overpotential: charge transfer becomes easier
    k = int(np.argmin(np.abs(WIDE - 1.0)))
    assert load[k].real < 0.97 * rest[k].real


def test_potentials_that_do_not_exist_are_refused() -> None:
    with pytest.raises(SolveError, match="no potentials for this current"):
        spectrum(problem_of("Xu2019", 4), WIDE, current_density=float("inf"))


def test_what_is_held_does_not_answer() -> None:
    system = rested(problem_of("Xu2019", 6, layered("Xu2019")))
    lin = Linearised(system, frozen=["electrolyte concentration"])
    u = lin.solve(1.0)
    assert np.all(u[: system.owned[0]] == 0)
    assert np.abs(u[system.owned[0] :]).max() > 0
    with pytest.raises(InputError, match="no such unknown"):
        spectrum(system, WIDE, frozen=["salt"])


# -- projection and iteration -----------------------------------------------------------------
@pytest.mark.parametrize("tolerance", [1e-3, 1e-6])
def test_a_projection_says_its_error(tolerance: float) -> None:
    system = rested(problem_of("Xu2019", 20, layered("Xu2019")))
    frequencies = log_frequencies(1e-3, 1e5, 10)
    exact = spectrum(system, frequencies, tolerance=0)
    lin = Linearised(system)
    model = reduce(lin, frequencies, tolerance)
    found = model.impedances(2 * np.pi * frequencies)
    assert model.error <= tolerance
    assert np.abs(found / exact.impedance - 1).max() < 3 * tolerance
    assert lin.solves == len(model.shifts) < 20
    # between the frequencies asked for it holds as well
    between = np.sqrt(frequencies[1:] * frequencies[:-1])
    direct = spectrum(system, between, tolerance=0).impedance
    assert np.abs(model.impedances(2 * np.pi * between) / direct - 1).max() < 3 * tolerance


def test_the_residual_is_that_of_the_projected_solution() -> None:
    system = rested(problem_of("Xu2019", 6, layered("Xu2019")))
    model = ReducedModel(Linearised(system))
    for omega in (0.1, 1e3):
        model.extend(omega)
        assert model.residual(omega) < 1e-8
    assert model.residual(10.0) > 1e-3


def test_a_projection_that_is_not_reached_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lithoscape.solver.reduced._MOST", 4)
    with pytest.raises(SolveError, match="not within the tolerance after 4 solves"):
        spectrum(rested(problem_of("Xu2019", 6, layered("Xu2019"))), WIDE, tolerance=1e-9)


@pytest.mark.parametrize("frozen", [(), ("electrolyte concentration",)])
def test_iterations_find_what_factors_find(frozen: tuple[str, ...]) -> None:
    system = rested(problem_of("Xu2019", 12, layered("Xu2019")), 12.0)
    lin = Linearised(system, frozen=frozen)
    for omega in (1e-2, 10.0, 1e5):
        exact = lin.solve(omega)
        other = Linearised(system, frozen=frozen)
        other._solver = _Iterative(other, False)
        found = other.solve(omega)
        assert np.linalg.norm(found - exact) < 1e-6 * np.linalg.norm(exact)
        assert other.impedance(omega, found) == pytest.approx(lin.impedance(omega, exact), rel=1e-7)
        assert other.iterations < 40


# -- what is refused -----------------------------------------------------------------------------
@pytest.mark.parametrize("frequencies", [[], [0.0, 1.0], [-1.0], [np.nan]])
def test_frequencies_are_positive(frequencies: list[float]) -> None:
    with pytest.raises(InputError, match="positive"):
        spectrum(problem_of("Xu2019", 4), np.array(frequencies), current_density=0.0)


@pytest.mark.parametrize("ends", [(1.0, 1.0), (0.0, 1.0), (2.0, 1.0), (1.0, np.inf)])
def test_a_range_rises(ends: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="rises"):
        log_frequencies(*ends)


def test_a_range_has_both_ends_and_enough_points() -> None:
    f = log_frequencies(1e-2, 1e5, 10)
    assert (f.size, f[0], f[-1]) == (71, pytest.approx(1e-2), pytest.approx(1e5))
    with pytest.raises(InputError, match="points per decade"):
        log_frequencies(1e-2, 1e5, 0.5)


def test_a_spectrum_is_kept_as_it_is(tmp_path) -> None:
    given = Spectrum(np.array([10.0, 1.0]), np.array([1 - 1j, 2 - 3j]), "ohm", {"cell": "a"})
    read = Spectrum.load(given.save(tmp_path / "x.nc"))
    assert read.frequencies.tolist() == [1.0, 10.0]
    assert read.impedance.tolist() == [2 - 3j, 1 - 1j]
    assert (read.unit, read.about) == ("ohm", {"cell": "a"})
    assert read.per_area(2e-4).impedance[0] == pytest.approx((2 - 3j) * 2e-4)
    with pytest.raises(InputError, match="occurs twice"):
        Spectrum(np.array([1.0, 1.0]), np.array([1, 2]))
    with pytest.raises(InputError, match="finite"):
        Spectrum(np.array([1.0]), np.array([np.nan]))
