"""Valleys that least squares from one start do not leave."""

import numpy as np
import pytest
from formulas import Formula, measure

from lithoscape.fit import Parameter, Plan, study
from lithoscape.fit.search import search


def two_valleys(**p):
    """Misfit (a^2 - 4)^2 + (a + 2)^2 / 4: deep at -2, shallow near +2."""
    a = p["a"]
    return np.array([a * a - 4, 0.5 * (a + 2), p["b"]])


@pytest.fixture
def valleys(objective):
    parameters = [Parameter("a", 1.9, -4.0, 4.0), Parameter("b", 0.3, -1.0, 1.0)]
    return objective(parameters, [measure(np.zeros(3), 1.0)], Formula(two_valleys))


def quiet(**more):
    return Plan(solver_tolerance=1e-10, tolerance=1e-10, profiles=False, posterior="none", **more)


def test_a_search_finds_the_deeper_valley(valleys):
    near = study(valleys, quiet())
    found = study(valleys, quiet(search=16))
    stationary = np.roots([4, 0, -15.5, 1]).real.max()
    assert near.best.t[0] == pytest.approx(stationary, abs=1e-5)
    assert near.best.chi2 == pytest.approx(np.sum(two_valleys(a=stationary, b=0.0) ** 2), rel=1e-8)
    np.testing.assert_allclose(found.best.t, [-2.0, 0.0], atol=1e-6)


def test_the_start_is_kept_if_nothing_is_better(objective):
    made = objective(
        [Parameter("a", -2.0, -4.0, 4.0), Parameter("b", 0.0, -1.0, 1.0)],
        [measure(np.zeros(3), 1.0)],
        Formula(two_valleys),
    )
    np.testing.assert_array_equal(search(made, 7), [-2.0, 0.0])


def test_points_are_inside_the_bounds_and_as_many_as_asked_for(valleys):
    before = valleys.simulations
    search(valleys, 5)
    assert valleys.simulations - before == 6


def stepped(**p):
    """Misfit (a, 3 up to a = 0.5, b): least squares end on the near side of the step, the worse one."""
    return np.array([p["a"], 3.0 * (p["a"] < 0.5), p["b"]])


@pytest.fixture
def step(objective):
    parameters = [Parameter("a", -1.0, -4.0, 4.0), Parameter("b", 0.3, -1.0, 1.0)]
    return objective(parameters, [measure(np.zeros(3), 1.0)], Formula(stepped))


def with_profiles(**more):
    return Plan(solver_tolerance=1e-10, tolerance=1e-10, posterior="none", **more)


def test_a_profile_that_comes_below_the_best_fit_begins_it_again(step):
    found = study(step, with_profiles())
    assert (found.restarts, found.lower) == (1, 0.0)
    assert 0.5 <= found.best.t[0] < 0.75
    assert found.best.chi2 == pytest.approx(found.best.t[0] ** 2, abs=1e-6)


def test_what_stays_below_after_the_last_beginning_is_told(step):
    found = study(step, with_profiles(restarts=0))
    assert found.restarts == 0
    assert found.best.chi2 == pytest.approx(9.0, abs=1e-6)
    assert found.lower == pytest.approx(9.0 - 0.5**2, abs=0.3)
