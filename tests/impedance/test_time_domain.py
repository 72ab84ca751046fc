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
AMPLITUDE, PERIODS, STEPS = 1e-3, 3, 60
"""Current [A/m2], periods, steps in each."""


def layered() -> HomogenisedCell:
    cell = cell_of("Xu2019", radial_nodes=16)
    regions = (replace(r, double_layer=0.2 if r.electrode else 0.0) for r in cell.regions)
    return replace(cell, regions=tuple(regions))


def driven(frequency: float, current: float, steps: int) -> complex:
    """Impedance from a simulation in time: a direct current that is small, and a sine upon it [ohm m2]."""
    problem = problem_of("Xu2019", 8, layered())
    system = System(problem)
    settle(system, current)
    stepper = Stepper(system, Newton(system, TIGHT))
    history = stepper.initial()
    dt = 1 / (frequency * steps)
    time, voltage = [], []
    for k in range(1, PERIODS * steps + 1):
        problem.control.impose("current", current + AMPLITUDE * np.sin(2 * np.pi * frequency * k * dt))
        tried = stepper.attempt(history, dt)
        assert tried.state is not None, tried.newton.reason
        history = history.pushed(tried.state)
        time.append(k * dt)
        voltage.append(problem.voltage())
    t, v = (np.array(x[-2 * steps :]) for x in (time, voltage))
    w = 2 * np.pi * frequency
    drift = [np.ones_like(t), t - t[0], (t - t[0]) ** 2, (t - t[0]) ** 3]
    columns = np.column_stack([np.sin(w * t), np.cos(w * t), *drift])
    scale = np.abs(columns).max(axis=0)
    (s, c, *_), *_ = np.linalg.lstsq(columns / scale, v, rcond=None)
    return -complex(s / scale[0], c / scale[1]) / AMPLITUDE


@pytest.mark.parametrize("frequency", [0.1, 30.0, 1000.0])
def test_three_frequencies_in_time(frequency: float) -> None:
    problem = problem_of("Xu2019", 8, layered())
    exact = spectrum(problem, np.array([frequency]), current_density=0.0).impedance[0]
    coarse, fine = (driven(frequency, 0.0, steps) for steps in (STEPS, 2 * STEPS))
    errors = [abs(z / exact - 1) for z in (coarse, fine)]
    # second order in the time step, and what is left of the beginning
    assert errors[1] < 2e-3
    assert abs((4 * fine - coarse) / 3 / exact - 1) < 1e-3


def test_the_slope_at_low_frequency_is_that_of_the_potential() -> None:
    name = "Xu2019"
    electrode = get_set(name).positive
    problem = problem_of(name, 8, layered())
    f = 1e-7
    z = spectrum(problem, np.array([f]), current_density=0.0).impedance[0]
    x = electrode.initial_stoichiometry
    slope = electrode.material.ocp(x + 1e-30j).imag / 1e-30
    sites = FARADAY * electrode.material.c_max * electrode.active_fraction * electrode.thickness
    assert -z.imag * 2 * np.pi * f == pytest.approx(-slope / sites, rel=1e-4)


def test_the_resistance_at_low_frequency_is_that_of_a_direct_current() -> None:
    name, current = "Xu2019", 1e-3
    electrode = get_set(name).positive
    problem = problem_of(name, 8, layered())
    exact = spectrum(problem, np.array([1e-6]), current_density=0.0).impedance[0].real
    system = System(problem)
    settle(system, current)
    stepper = Stepper(system, Newton(system, TIGHT))
    history = stepper.initial()
    problem.control.impose("current", current)
    for dt in np.geomspace(1e-3, 4000.0, 60):
        tried = stepper.attempt(history, dt)
        assert tried.state is not None, tried.newton.reason
        history = history.pushed(tried.state)
    (particles,) = problem.closures
    mean = float(particles.mean_stoichiometry().mean())
    rest = float(electrode.material.ocp(mean))
    # diffusion has come to its profile: what is left is a resistance
    assert (rest - problem.voltage()) / current == pytest.approx(exact, rel=2e-3)
