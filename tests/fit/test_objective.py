"""Evaluations: run once, kept on disk, failures counted and smooth, in this process or in others."""

import dataclasses

import numpy as np
import pytest
import xarray as xr
from formulas import Formula, measure

from lithoscape.errors import InputError, SolveError
from lithoscape.fit import (
    PENALTY,
    Parameter,
    Plan,
    Prediction,
    Store,
    Task,
    best_fit,
    digest,
    study,
    workers,
)

PARAMETERS = [Parameter("a", 1.0, 0.1, 10.0, "log"), Parameter("b", 0.5, 0.1, 10.0, "log")]
TRUTH = {"a": 3.0, "b": 1.5}
X = np.linspace(0, 3, 12)


def curve(a: float, b: float) -> np.ndarray:
    return a * np.exp(-b * X)


def data(seed=0):
    return measure(curve(**TRUTH) + 0.02 * np.random.default_rng(seed).normal(size=X.size), 0.02)


def test_points_are_evaluated_once(objective) -> None:
    formula = Formula(curve)
    made = objective(PARAMETERS, [data()], formula)
    t = made.parameters.start
    first, second = made.many([t, t])
    assert first.residual == pytest.approx(second.residual)
    made.at(t)
    assert (len(formula.calls), made.simulations) == (1, 1)


def test_an_interrupted_study_resumes_to_the_same_numbers(objective, tmp_path) -> None:
    plan = Plan(
        solver_tolerance=1e-6, posterior="surrogate", steps=200, screening="morris", screening_count=3
    )
    whole = study(objective(PARAMETERS, [data()], Formula(curve)), plan)

    def stopping(a, b):
        if len(interrupted.calls) > 25:
            raise KeyboardInterrupt
        return curve(a, b)

    interrupted = Formula(stopping)
    store = Store(tmp_path / "records")
    with pytest.raises(KeyboardInterrupt):
        study(objective(PARAMETERS, [data()], interrupted, store=store), plan)
    assert len(store) == 25
    rest = Formula(curve)
    again = study(objective(PARAMETERS, [data()], rest, store=store), plan)
    assert len(rest.calls) == whole.simulations - 25
    assert (again.best.t == whole.best.t).all()
    assert (
        again.identifications["all data"].covariance == whole.identifications["all data"].covariance
    ).all()
    assert (again.profiles["all data"][0].delta == whole.profiles["all data"][0].delta).all()
    assert (again.posterior.quantiles == whole.posterior.quantiles).all()
    assert (again.screening.values["voltage"] == whole.screening.values["voltage"]).all()


def test_a_damaged_record_is_computed_again(tmp_path) -> None:
    store = Store(tmp_path)
    store.put("ab12", xr.Dataset({"y": ("time", [1.0])}))
    assert store.get("ab12")["y"].values == [1.0]
    store.path("ab12").write_bytes(b"half a file")
    assert store.get("ab12") is None
    assert len(store) == 0


def test_digests_do_not_depend_on_order() -> None:
    assert digest({"a": 1.0, "b": 2.0}) == digest({"b": 2.0, "a": 1.0}) != digest({"a": 1.0, "b": 2.5})
    assert digest({"a": 1.0}) != digest({"a": float(np.nextafter(1.0, 2.0))})


def test_failures_are_penalties_that_lead_back(objective) -> None:
    """Simulations fail above a = 2; the fit is found below it, failures are counted with their reasons."""

    def fragile(a, b):
        if a > 2:
            raise SolveError("the solver stopped", remedy="Try another")
        return curve(a, b)

    target = measure(curve(1.8, 1.0), 0.02)
    made = objective(
        [dataclasses.replace(PARAMETERS[0], start=0.3), PARAMETERS[1]], [target], Formula(fragile)
    )
    best = best_fit(made, made.parameters.start, step=1e-3, tolerance=1e-8)
    assert best.converged
    assert made.parameters.natural(best.t) == pytest.approx({"a": 1.8, "b": 1.0}, rel=1e-4)
    near, far = made.many([made.parameters.internal({"a": a, "b": 0.5}) for a in (2.1, 5.0)])
    assert PENALTY**2 * X.size < near.chi2 < far.chi2
    assert near.faults == ("formula: the solver stopped. Try another",)
    assert [f.values["a"] for f in made.faults][-2:] == pytest.approx([2.1, 5.0])


def test_a_fit_that_cannot_start_says_so(objective) -> None:
    def broken(a, b):
        raise SolveError("the solver stopped")

    made = objective(PARAMETERS, [data()], Formula(broken))
    with pytest.raises(SolveError, match="fails where the fit starts"):
        best_fit(made, made.parameters.start, step=1e-3)


def test_faults_of_the_program_go_through(objective) -> None:
    def wrong(a, b):
        raise TypeError("a mistake")

    with pytest.raises(TypeError):
        objective(PARAMETERS, [data()], Formula(wrong)).at(np.zeros(2))


def test_values_beyond_a_record_are_continuous() -> None:
    one = measure([1.0, 2.0], 0.1)
    reached = one.residual(Prediction(np.array([1.0, 2.1]), np.array([0.0, 0.0])), 0.0)
    nearly = one.residual(Prediction(np.array([1.0, 2.1]), np.array([0.0, 1e-6])), 0.0)
    far = one.residual(Prediction(np.array([1.0, 2.1]), np.array([0.0, 0.5])), 0.0)
    assert nearly == pytest.approx(reached, abs=1e-4)
    assert far[1] == pytest.approx(reached[1] + 0.5 * PENALTY)


def test_a_record_that_ends_early_never_makes_up_for_a_difference() -> None:
    one = measure([1.0, 2.0], 0.1)
    low = one.residual(Prediction(np.array([1.0, 1.0]), np.array([0.0, 0.5])), 0.0)
    np.testing.assert_allclose(low, [0.0, -10 - 0.5 * PENALTY])


def test_other_processes_give_the_same(tmp_path) -> None:
    """A class made here is sent by value; a failure there is a failure here."""

    class Sent:
        name = "sent"

        def digest(self, values):
            return digest(dict(values))

        def simulate(self, values):
            if values["a"] > 5:
                raise ArithmeticError("too much")
            return xr.Dataset({"y": ("time", values["a"] * np.arange(3.0))})

    tasks = [Task.of(Sent(), {"a": float(a)}) for a in (1, 2, 9)]
    done: list[int] = []
    with workers(1, None) as work:
        here = work(tasks, done.append)
    with workers(2, Store(tmp_path)) as work:
        there = work(tasks, done.append)
    assert sorted(done) == [0, 0, 1, 1, 2, 2]
    assert all("wall_time_s" in record.attrs for record in (*here, *there))
    for record in (*here, *there):
        del record.attrs["wall_time_s"]  # all that may differ
    assert all(a.identical(b) for a, b in zip(here, there, strict=True))
    assert here[2].attrs["status"] == "failed"
    assert len(Store(tmp_path)) == 3


def test_more_parameters_than_data(objective) -> None:
    with pytest.raises(InputError, match="2 parameters cannot be fitted to 1 measured"):
        objective(PARAMETERS, [measure([1.0], 0.1)], Formula(curve))


def test_an_experiment_that_there_is_not(objective) -> None:
    with pytest.raises(InputError, match="no such experiment"):
        objective(PARAMETERS, [measure([1.0, 2.0], 0.1, experiment="other")], Formula(curve))


@pytest.mark.parametrize("sigma", [0.0, -1.0, np.nan])
def test_uncertainties_are_above_zero(sigma: float) -> None:
    with pytest.raises(InputError, match="uncertainty above 0"):
        measure([1.0, 2.0], sigma)


def test_units_are_stated() -> None:
    with pytest.raises(InputError, match="unit is missing"):
        dataclasses.replace(measure([1.0], 1.0), unit="")
