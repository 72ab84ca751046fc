"""Scales, bounds and priors of parameters."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from lithoscape.errors import InputError
from lithoscape.fit import Parameter, ParameterSet, Prior


@pytest.mark.parametrize("transform", ["linear", "log", "logit"])
def test_scales_go_both_ways_and_have_their_slope(transform: str) -> None:
    p = Parameter("p", 0.3, 0.1, 2.0, transform)
    for value in (0.11, 0.3, 1.9):
        t = p.internal(value)
        assert p.natural(t) == pytest.approx(value, rel=1e-12)
        h = 1e-6
        assert p.slope(t) == pytest.approx((p.natural(t + h) - p.natural(t - h)) / (2 * h), rel=1e-7)
    low, high = p.bounds
    assert p.natural(max(low, -700)) == pytest.approx(0.1, rel=1e-9)
    assert p.natural(min(high, 700)) == pytest.approx(2.0, rel=1e-9)


def test_scales_of_order_one() -> None:
    assert Parameter("p", 1.0, 0.0, 4.0).scale == 1.0
    assert Parameter("p", 1.0, 0.01, 100.0, "log").scale == 1.0
    assert Parameter("p", 1.0, 0.9, 1.1, "log").scale == pytest.approx(0.25 * math.log(1.1 / 0.9))


@pytest.mark.parametrize("transform", ["linear", "log", "logit"])
@pytest.mark.parametrize(
    ("prior", "law"),
    [
        (Prior("normal", 1.0, 0.3), stats.norm(1.0, 0.3)),
        (Prior("lognormal", 0.8, 1.5), stats.lognorm(math.log(1.5), scale=0.8)),
        (Prior(), stats.uniform(0.2, 2.8)),
    ],
    ids=["normal", "lognormal", "uniform"],
)
def test_priors_keep_their_meaning_on_every_scale(prior: Prior, law, transform: str) -> None:
    """The share below 1 is that of the law cut off at the bounds, whatever the scale."""
    p = Parameter("p", 1.0, 0.2, 3.0, transform, prior)
    low, high = (max(p.bounds[0], -40.0), min(p.bounds[1], 40.0))
    density = lambda t: math.exp(p.log_prior(t))  # noqa: E731
    below = integrate.quad(density, low, p.internal(1.0), epsabs=1e-11)[0]
    total = below + integrate.quad(density, p.internal(1.0), high, epsabs=1e-11)[0]
    cut = law.cdf(3.0) - law.cdf(0.2)
    assert below / total == pytest.approx((law.cdf(1.0) - law.cdf(0.2)) / cut, abs=1e-7)
    assert p.log_prior(p.bounds[0] - 0.1) == -math.inf


def test_priors_as_residuals_and_their_slopes() -> None:
    members = (
        Parameter("a", 1.0, 0.2, 3.0, "log", Prior("normal", 1.2, 0.3)),
        Parameter("b", 1.0, 0.2, 3.0),
        Parameter("c", 1.0, 0.2, 3.0, "logit", Prior("lognormal", 0.8, 1.5)),
    )
    p = ParameterSet(members)
    t = p.internal({"a": 1.5, "b": 1.0, "c": 1.2})
    assert p.prior_residuals(t) == pytest.approx([1.0, 1.0])
    numeric = np.array([
        (p.prior_residuals(t + h) - p.prior_residuals(t - h)) / 2e-6 for h in 1e-6 * np.eye(3)
    ]).T  # fmt: skip
    assert p.prior_jacobian(t) == pytest.approx(numeric, rel=1e-7, abs=1e-12)


def test_lmfit_gets_the_fitting_scale() -> None:
    p = ParameterSet((Parameter("a", 1.0, 0.1, 10.0, "log"), Parameter("b", 1.0, 0.1, 10.0, "logit")))
    made = p.lmfit(p.start)
    assert (made["a"].value, made["a"].min, made["a"].max) == pytest.approx((0, math.log(0.1), math.log(10)))
    assert not np.isfinite(made["b"].max)


BAD = {
    "bounds reversed": (lambda: Parameter("p", 1.0, 2.0, 0.5), "parameters.p", "low < high"),
    "bounds not finite": (lambda: Parameter("p", 1.0, 0.0, math.inf), "parameters.p", "finite"),
    "start outside": (lambda: Parameter("p", 5.0, 0.0, 2.0), "parameters.p.start", "(got 5.0)"),
    "start on a bound": (lambda: Parameter("p", 2.0, 0.0, 2.0), "parameters.p.start", "between"),
    "log of zero": (lambda: Parameter("p", 1.0, 0.0, 2.0, "log"), "parameters.p.low", "above 0"),
    "lognormal below zero": (
        lambda: Parameter("p", 1.0, -1.0, 2.0, "linear", Prior("lognormal", 1.0, 2.0)),
        "parameters.p.low",
        "above 0",
    ),
    "transform": (lambda: Parameter("p", 1.0, 0.0, 2.0, "lgo"), "parameters.p.transform", "'log'"),
    "prior": (lambda: Prior("gaussian"), "prior.kind", "normal"),
    "no deviation": (lambda: Prior("normal", 1.0, 0.0), "prior", "above 0"),
    "factor below one": (lambda: Prior("lognormal", 1.0, 0.5), "prior", "above 1"),
    "name": (lambda: Parameter("a b", 1.0, 0.0, 2.0), "parameters", "'a b'"),
    "none": (lambda: ParameterSet(()), "parameters", "at least one"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_parameters(name: str) -> None:
    make, field, text = BAD[name]
    with pytest.raises(InputError) as error:
        make()
    assert error.value.field == field
    assert text in str(error.value)
