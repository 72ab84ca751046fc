"""Finding a step size at which a gap closes."""

import numpy as np
import pytest

from lithoscape.solver.events import locate

GAPS = {
    "line": lambda h: 3.0 - h,
    "steep at the end": lambda h: 1.0 - np.exp(8 * (h - 4.0)),
    "flat at the end": lambda h: (4.0 - h) ** 3,
    "kink": lambda h: 1.0 if h < 2 else 1.0 - 50 * (h - 2),
}


@pytest.mark.parametrize("name", GAPS)
def test_root_within_tolerance(name: str) -> None:
    gap, calls = GAPS[name], []

    def attempt(h: float):
        calls.append(h)
        return h, gap(h)

    step, found = locate(attempt, 5.0, gap(0.0), gap(5.0), 1e-4)
    assert abs(gap(step)) <= 1e-4
    assert found == step
    assert len(calls) <= 25


def test_failing_steps_shrink_the_interval() -> None:
    step, _ = locate(lambda h: None if h > 2.5 else (h, 2.0 - h), 5.0, 2.0, -3.0, 1e-6)
    assert step == pytest.approx(2.0, abs=1e-6)


def test_an_event_that_cannot_be_met_is_said_to_be() -> None:
    assert locate(lambda h: (h, 1.0 if h < 2 else -1.0), 5.0, 1.0, -1.0, 1e-6) is None
