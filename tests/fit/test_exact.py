"""Fits against exact answers: closed forms, chi2, Gaussians, coverage of intervals."""

import numpy as np
import pytest
from formulas import Formula, measure, part
from scipy import stats
from scipy.linalg import null_space

from lithoscape.fit import (
    ALL,
    Follower,
    Parameter,
    Plan,
    Prior,
    best_fit,
    best_step,
    derivatives,
    identify,
    interval,
    noise,
    profile,
    sample,
    screen,
    study,
    surrogate,
)
from lithoscape.fit.identify import CHI2_95
from lithoscape.fit.posterior import model


def test_a_linear_model_has_its_closed_form(line) -> None:
    objective, expected, covariance = line()
    found = study(objective, Plan(solver_tolerance=1e-8, posterior="none"))
    assert found.best.converged
    assert found.best.t == pytest.approx(expected, abs=1e-6)
    whole = found.identifications[ALL]
    assert whole.covariance == pytest.approx(covariance, rel=1e-6)
    low, high = interval(objective.parameters, 1, found.best.t[1], whole.deviations[1])
    assert high - low == pytest.approx(2 * 1.959964 * np.sqrt(covariance[1, 1]), rel=1e-6)
    for k, p in enumerate(found.profiles[ALL]):
        assert p.delta == pytest.approx((p.t - found.best.t[k]) ** 2 / covariance[k, k], rel=1e-4, abs=1e-6)
        assert p.high - expected[k] == pytest.approx(np.sqrt(CHI2_95 * covariance[k, k]), rel=1e-4)
        assert expected[k] - p.low == pytest.approx(np.sqrt(CHI2_95 * covariance[k, k]), rel=1e-4)
        assert not (p.open_low or p.open_high)


def test_priors_add_their_information(objective) -> None:
    """One number 3 +- 1 and a belief of 0 +- 2: the mean is 2.4 and the variance 0.8."""
    made = objective(
        [Parameter("a", 1.0, -10.0, 10.0, prior=Prior("normal", 0.0, 2.0))],
        [measure([3.0], 1.0)],
        Formula(lambda a: np.array([a])),
    )
    found = study(made, Plan(solver_tolerance=1e-8, posterior="none", profiles=False))
    assert found.best.t[0] == pytest.approx(2.4, abs=1e-5)
    assert found.identifications[ALL].covariance[0, 0] == pytest.approx(0.8, rel=1e-6)
    assert found.identifications[ALL].alone[0] == pytest.approx(1.0, rel=1e-6)


def test_a_profile_of_a_curved_model_is_its_likelihood(objective) -> None:
    """Of one parameter and one number y = p^2, delta chi2 is ((p^2 - 4)/sigma)^2: far from a parabola."""
    made = objective(
        [Parameter("p", 1.0, 0.0, 6.0)], [measure([4.0], 2.0)], Formula(lambda p: np.array([p**2]))
    )
    best = best_fit(made, made.parameters.start, step=1e-4, tolerance=1e-10)
    at = derivatives(made, best.t, 1e-4)
    deviation = float(identify(made.parameters, at, (), np.ones(1, bool)).deviations[0])
    assert deviation == pytest.approx(0.5, rel=1e-5)
    fine = tuple(np.arange(0.05, 6.0, 0.05))
    found = profile(made, best.t, at.jacobian, np.ones(1, bool), 0, deviation, distances=fine)
    assert found.delta == pytest.approx(((found.t**2 - 4) / 2) ** 2, abs=1e-6)
    assert found.high == pytest.approx(np.sqrt(4 + 2 * np.sqrt(CHI2_95)), abs=2e-3)
    assert found.low == pytest.approx(np.sqrt(4 - 2 * np.sqrt(CHI2_95)), abs=2e-3)


def test_what_is_not_identified_is_said(objective) -> None:
    """Only a + b = 2.05 +- 0.07 is measured: a - b stays open, until the other one meets its bound at 4."""
    made = objective(
        [Parameter("a", 1.0, -4.0, 4.0), Parameter("b", 1.5, -4.0, 4.0)],
        [measure([2.0, 2.1], 0.1)],
        Formula(lambda a, b: np.full(2, a + b)),
    )
    found = study(made, Plan(solver_tolerance=1e-8, posterior="none"))
    whole = found.identifications[ALL]
    assert [c.identified for c in whole.combinations] == [True, False]
    assert abs(whole.open[0].direction @ [1, 1]) < 1e-6
    assert np.isinf(whole.alone).all()
    assert not whole.identified(made.parameters.scale).any()
    assert whole.open[0].text(("a", "b")) in ("0.71 a - 0.71 b", "0.71 b - 0.71 a")
    for p in found.profiles[ALL]:
        assert (p.open_low, p.open_high) == (False, True)
        assert p.delta[p.t > -1.95].max() < 1e-3
        assert p.low == pytest.approx(2.05 - 4 - 1.959964 * 0.1 / np.sqrt(2), abs=0.01)
    assert interval(made.parameters, 0, found.best.t[0], np.inf) == (-4.0, 4.0)


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_bound_stops_one_parameter_and_not_the_other(objective, side: float) -> None:
    """(a + b - 2)^2 + (b - 0.3)^2 with a held by its bound at 1 is least at b = 0.65, not at 0.3."""
    A = np.array([[1.0, 1.0], [0.0, 1.0]])
    made = objective(
        [Parameter(n, 0.5, -1.0, 1.0) for n in "ab"],
        [measure(side * np.array([2.0, 0.3]), 1.0)],
        Formula(lambda a, b: A @ [a, b]),
    )
    t = side * np.array([1.0, 0.4])
    follower = Follower(made, np.ones(2, dtype=bool), A)
    step = follower.step(follower.residual(t), t, np.ones(2, dtype=bool))
    assert step == pytest.approx(side * np.array([0.0, 0.25]), abs=1e-6)


def test_subsets_of_the_data_know_different_things(objective) -> None:
    rng = np.random.default_rng(3)
    A, B = rng.normal(size=(20, 2)) * [1, 0], rng.normal(size=(10, 2)) * [0.4, 1]
    made = objective(
        [Parameter("a", 1.0, -4.0, 4.0), Parameter("b", 1.5, -4.0, 4.0)],
        [
            measure(np.zeros(20), 0.1, "voltage", predict=part(0, 20)),
            measure(np.zeros(10), 0.2, "SoL", predict=part(20, 30)),
        ],
        Formula(lambda a, b: np.concatenate([A, B]) @ [a, b]),
    )
    plan = Plan(
        solver_tolerance=1e-8, posterior="none", subsets={"voltage only": ("voltage",), "SoL only": ("SoL",)}
    )
    found = study(made, plan)
    known = {name: i.identified(made.parameters.scale).tolist() for name, i in found.identifications.items()}
    assert known == {"all data": [True, True], "voltage only": [True, False], "SoL only": [True, True]}
    sol = found.identifications["SoL only"]
    assert sol.fisher == pytest.approx(B.T @ B / 0.04, rel=1e-6)
    whole = found.identifications[ALL]
    assert whole.fisher == pytest.approx(A.T @ A / 0.01 + B.T @ B / 0.04, rel=1e-6)
    assert (sol.numbers, whole.numbers) == (10, 30)
    assert found.profiles["voltage only"][1].open_low
    assert not found.profiles["SoL only"][1].open_low


@pytest.mark.parametrize("method", ["surrogate", "model"])
def test_samples_of_a_gaussian(line, method: str) -> None:
    objective, expected, covariance = line(names="ab")
    at = derivatives(objective, expected, 1e-3)
    likelihood = surrogate(at) if method == "surrogate" else model(objective)
    steps = 4000 if method == "surrogate" else 300
    found = sample(
        objective.parameters, likelihood, expected, covariance, method=method, walkers=24, steps=steps, seed=2
    )
    deviations = np.sqrt(np.diag(covariance))
    # standard errors: about 1/sqrt(walkers * kept steps / autocorrelation of some 25 steps)
    close = 5 / np.sqrt(24 * 0.8 * steps / 25)
    assert np.abs(found.samples.mean(axis=0) - expected).max() < close * deviations.max()
    assert np.cov(found.samples.T) / covariance == pytest.approx(np.ones((2, 2)), abs=2 * close + 0.02)
    quantiles = expected[:, None] + deviations[:, None] * stats.norm.ppf([0.025, 0.5, 0.975])
    assert np.abs(found.quantiles - quantiles).max() < 2.5 * close * deviations.max()
    if method == "surrogate":
        assert found.long_enough


def test_samples_keep_within_bounds_and_priors(objective) -> None:
    """One number that says nothing: the samples are those of the prior, here cut off at 1."""
    made = objective(
        [Parameter("p", 0.9, 0.01, 1.0, "log", Prior("lognormal", 1.0, 2.0))], [measure([0.0], 1e6)],
        Formula(lambda p: np.array([p])),
    )  # fmt: skip
    found = sample(
        made.parameters, model(made), np.array([-0.5]), np.array([[np.inf]]), method="model", walkers=20,
        steps=600, seed=1,
    )  # fmt: skip
    assert found.samples.min() >= 0.01 and found.samples.max() <= 1.0
    half = np.log(2.0) * stats.norm.ppf(0.25)
    assert np.log(found.quantiles[0, 1]) == pytest.approx(half, abs=0.06)


TIMES = np.linspace(0, 4, 25)


def decay(height: float, rate: float) -> np.ndarray:
    return height * np.exp(-rate * TIMES)


def test_stated_intervals_hold_the_truth_as_often_as_they_say(objective) -> None:
    """200 replicas of a nonlinear model, every one a full fit: 95 % intervals cover 95 +- 4 %."""
    truth = {"height": 2.0, "rate": 0.7}
    parameters = [Parameter("height", 1.0, 0.1, 10.0, "log"), Parameter("rate", 1.0, 0.05, 5.0, "log")]
    rng, count = np.random.default_rng(11), 200
    held, squares, differences = np.zeros(2), [], []
    for k in range(count):
        y = decay(**truth) + 0.05 * rng.normal(size=TIMES.size)
        made = objective(parameters, [measure(y, 0.05)], Formula(decay))
        best = best_fit(made, made.parameters.start, step=1e-4, tolerance=1e-8)
        at = derivatives(made, best.t, 1e-3)
        mask = np.ones(TIMES.size, dtype=bool)
        found = identify(made.parameters, at, (), mask)
        ends = [interval(made.parameters, i, best.t[i], found.deviations[i]) for i in range(2)]
        held += [low <= truth[p.name] <= high for (low, high), p in zip(ends, parameters, strict=True)]
        squares.append(best.chi2)
        if k < 10:  # Gauss-Newton with an updated Jacobian from the truth finds the same minimum
            t = made.parameters.internal(truth)
            follower = Follower(made, mask, derivatives(made, t, 1e-3).jacobian)
            near, _ = follower.minimise(t, np.ones(2, dtype=bool), tolerance=1e-8)
            differences.append((near - best.t) / found.deviations)
    assert np.abs(differences).max() < 0.01
    spread = 3 * np.sqrt(0.95 * 0.05 / count)
    assert np.abs(held / count - 0.95).max() < spread
    assert stats.kstest(squares, stats.chi2(TIMES.size - 2).cdf).pvalue > 0.01


def test_noise_is_measured(objective) -> None:
    """Noise of known size, a function of the parameters that repeats; smooth parts are left out."""
    made = objective(
        [Parameter("p", 1.0, 0.1, 10.0, "log")],
        [measure(np.zeros(400), 1.0)],
        Formula(lambda p: 50 * p**2 + 1e-3 * np.random.default_rng(int(1e13 * p) % 2**32).normal(size=400)),
    )
    found = noise(made, np.array([0.1]), best_step(3e-4))
    assert np.sqrt(np.mean(found**2)) == pytest.approx(1e-3, rel=0.1)


def test_steps_follow_the_solver() -> None:
    assert best_step(3e-4) == pytest.approx(0.0965, abs=1e-4)
    assert best_step(1e-4, central=False) == pytest.approx(0.02)


def test_differences_at_bounds_are_one_sided(objective) -> None:
    made = objective(
        [Parameter("p", 1.0, 0.0, 4.0)],
        [measure([0.0, 0.0], 1.0)],
        Formula(lambda p: np.array([3 * p, p**2])),
    )
    at = derivatives(made, np.array([4.0]), 0.1)
    assert at.jacobian[:, 0] == pytest.approx([3.0, 7.9])
    assert (at.curvature == 0).all()
    middle = derivatives(made, np.array([2.0]), 0.1)
    assert middle.jacobian[:, 0] == pytest.approx([3.0, 4.0])
    assert middle.curvature[:, 0] == pytest.approx([0.0, 2.0], abs=1e-9)


def test_screening_finds_what_matters(objective) -> None:
    parameters = [Parameter(n, 0.5, 0.0, 1.0) for n in "abc"]
    made = objective(parameters, [measure(np.zeros(3), 1.0)], Formula(lambda a, b, c: np.full(3, 10 * a + b)))
    found = screen(made, "morris", 10)
    strength = found.values["voltage"][:, 0]
    assert strength[0] > 4 * strength[1] > 0
    assert strength[2] == 0
    assert found.simulated == 40
    total = screen(made, "sobol", 64).values["voltage"][:, 2]
    assert total[0] > 0.9
    assert total[2] == pytest.approx(0, abs=1e-12)


def test_the_null_space_is_that_of_the_jacobian(objective) -> None:
    A = np.random.default_rng(0).normal(size=(2, 3))
    made = objective(
        [Parameter(n, 0.5, -2.0, 2.0) for n in "abc"], [measure(np.zeros(3), 0.01)],
        Formula(lambda **p: np.append(A @ np.array(list(p.values())), 0.0)),
    )  # fmt: skip
    at = derivatives(made, np.zeros(3), 1e-2)
    found = identify(made.parameters, at, (), np.ones(3, bool)).open
    assert len(found) == 1
    assert abs(found[0].direction @ null_space(A)[:, 0]) == pytest.approx(1.0, abs=1e-9)
