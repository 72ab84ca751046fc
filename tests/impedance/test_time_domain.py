"""The linearised model against the model itself: small sinusoidal currents in time, and direct currents."""

from dataclasses import replace

import numpy as np
import pytest
from cells import cell_of, problem_of

from lithoscape.constants import FARADAY
from lithoscape.impedance import spectrum
from lithoscape.materials import get_set
from lithoscape.models.homogenised import HomogenisedCell
from lithoscape.solver import Newton, NewtonOptions, Stepper, System
from lithoscape.solver.potentials import settle

TIGHT = NewtonOptions(update=1e-12, residual=1e-13)
AMPLITUDE, PERIODS, STEPS = 1e-2, 3, 40
"""Current [A/m2], periods, steps in each."""


def layered() -> HomogenisedCell:
    cell = cell_of("Xu2019", radial_nodes=12)
    regions = (replace(r, double_layer=0.2 if r.electrode else 0.0) for r in cell.regions)
    return replace(cell, regions=tuple(regions))


def course(
    frequency: float, current: float, steps: int, amplitude: float, periods: int = PERIODS
) -> tuple[np.ndarray, System]:
    """Voltage over periods of a sine upon a direct current [V], and the system at its end."""
    problem = problem_of("Xu2019", 5, layered())
    system = System(problem)
    settle(system, current)
    stepper = Stepper(system, Newton(system, TIGHT))
    history = stepper.initial()
    dt = 1 / (frequency * steps)
    voltage = []
    for k in range(1, periods * steps + 1):
        problem.control.impose("current", current + amplitude * np.sin(2 * np.pi * k / steps))
        tried = stepper.attempt(history, dt)
        assert tried.state is not None, tried.newton.reason
        history = history.pushed(tried.state)
        voltage.append(problem.voltage())
    return np.array(voltage), system


def driven(frequency: float, current: float, steps: int) -> complex:
    """Impedance [ohm m2] from simulations in time: what a small sine adds to the course without it."""
    v, _ = course(frequency, current, steps, AMPLITUDE)
    if current != 0:
        v = v - course(frequency, current, steps, 0.0)[0]
    v = v[-2 * steps :]
    t = np.arange(v.size) / steps
    drift = [np.ones_like(t), t, t**2, t**3]
    columns = np.column_stack(
        [np.sin(2 * np.pi * (t + 1 / steps)), np.cos(2 * np.pi * (t + 1 / steps)), *drift]
    )
    (s, c, *_), *_ = np.linalg.lstsq(columns, v, rcond=None)
    return -complex(s, c) / AMPLITUDE


@pytest.mark.parametrize(
    ("frequency", "current"), [(0.1, 0.0), (30.0, 0.0), (1000.0, 0.0), (30.0, 96.0)], ids=str
)
def test_frequencies_in_time_at_rest_and_under_load(frequency: float, current: float) -> None:
    # under load the state moves on: that in the middle of the periods which are looked at
    _, middle = course(frequency, current, STEPS, 0.0, PERIODS - 1)
    exact = spectrum(middle, np.array([frequency])).impedance[0]
    coarse, fine = (driven(frequency, current, steps) for steps in (STEPS, 2 * STEPS))
    errors = [abs(z / exact - 1) for z in (coarse, fine)]
    # second order in the time step, and what is left of the beginning
    assert errors[1] < 1e-3
    assert abs((4 * fine - coarse) / 3 / exact - 1) < 5e-4


def test_the_slope_at_low_frequency_is_that_of_the_potential() -> None:
    name = "Xu2019"
    electrode = get_set(name).positive
    problem = problem_of(name, 5, layered())
    f = 1e-7
    z = spectrum(problem, np.array([f]), current_density=0.0).impedance[0]
    x = electrode.initial_stoichiometry
    slope = electrode.material.ocp(x + 1e-30j).imag / 1e-30
    sites = FARADAY * electrode.material.c_max * electrode.active_fraction * electrode.thickness
    assert -z.imag * 2 * np.pi * f == pytest.approx(-slope / sites, rel=1e-4)


def test_the_resistance_at_low_frequency_is_that_of_a_direct_current() -> None:
    name, current = "Xu2019", 1e-3
    electrode = get_set(name).positive
    problem = problem_of(name, 5, layered())
    exact = spectrum(problem, np.array([1e-6]), current_density=0.0).impedance[0].real
    system = System(problem)
    settle(system, current)
    stepper = Stepper(system, Newton(system, TIGHT))
    history = stepper.initial()
    problem.control.impose("current", current)
    for dt in np.geomspace(1e-2, 4000.0, 45):
        tried = stepper.attempt(history, dt)
        assert tried.state is not None, tried.newton.reason
        history = history.pushed(tried.state)
    (particles,) = problem.closures
    mean = float(particles.mean_stoichiometry().mean())
    rest = float(electrode.material.ocp(mean))
    # diffusion has come to its profile: what is left is a resistance
    assert (rest - problem.voltage()) / current == pytest.approx(exact, rel=2e-3)
