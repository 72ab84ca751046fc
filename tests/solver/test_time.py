"""Steps: consistent starts, errors that are what was asked for, failures that leave nothing behind."""

import dolfinx_solver  # noqa: F401
import numpy as np
import pytest
from cells import ONE_C, problem_of, simulation

from lithoscape.solver import Newton, Stepper, System


@pytest.fixture(scope="module")
def stepper() -> Stepper:
    system = System(problem_of("Xu2019", 6))
    return Stepper(system, Newton(system))


@pytest.fixture
def start(stepper: Stepper):
    """Rest, with nothing imposed."""
    p = stepper.system.problem
    p.control.impose("current", 0.0)
    if not hasattr(stepper, "rest"):
        stepper.rest = stepper.initial()
    stepper.load(stepper.rest.now)
    return stepper.rest


def test_a_frozen_solve_moves_potentials_only(stepper: Stepper, start) -> None:
    p = stepper.system.problem
    p.control.impose("current", 2 * ONE_C["Xu2019"])
    frozen = stepper.frozen(start)
    assert frozen.now.time == start.now.time
    assert np.array_equal(frozen.now.fields[0], start.now.fields[0])
    assert np.array_equal(frozen.now.internal[0], start.now.internal[0])
    assert stepper.system.functional("current") == pytest.approx(2 * ONE_C["Xu2019"], rel=1e-7)
    assert abs(frozen.now.fields[3] - start.now.fields[3]).max() > 1e-3


def test_rest_stays_at_rest(stepper: Stepper, start) -> None:
    attempt = stepper.attempt(start, 600.0)
    assert attempt.state is not None
    for before, after, unknown in zip(
        start.now.fields, attempt.state.fields, stepper.system.problem.unknowns, strict=True
    ):
        assert abs(after - before).max() < 1e-7 * unknown.scale


def test_a_failed_attempt_leaves_the_state_as_it_was(stepper: Stepper, start) -> None:
    """More current than the solid can take in one step: no state, nothing moved."""
    p = stepper.system.problem
    p.control.impose("current", 500 * ONE_C["Xu2019"])
    attempt = stepper.attempt(start, 3600.0)
    assert attempt.state is None
    assert attempt.newton.reason
    for function, before in zip(stepper.system.functions, start.now.fields, strict=True):
        assert np.array_equal(function.x.array, before)
    assert np.array_equal(p.closures[0].state, start.now.internal[0])


def test_the_tolerance_controls_the_error() -> None:
    """Ten times tighter tolerances: errors fall at least fivefold, with more steps."""
    ends, steps = [], []
    for relative in (1e-2, 1e-3, 1e-4, 1e-6):
        problem = problem_of("Xu2019", 6)
        solution = simulation(problem, "Xu2019", ["Discharge at 2C for 900 seconds"], relative).run()
        ends.append(solution["Voltage [V]"].values[-1])
        steps.append(solution.statistics["accepted_steps"])
    errors = abs(np.array(ends[:-1]) - ends[-1])
    assert errors[1] < errors[0] / 3, errors
    assert errors[2] < errors[1] / 3, errors
    assert errors[2] < 1e-4
    assert steps == sorted(steps)
