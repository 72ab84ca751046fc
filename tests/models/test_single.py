"""One particle: the sphere of the textbooks, current and voltage, anisotropy, bad input."""

from dataclasses import replace

import dolfinx_solver  # noqa: F401
import numpy as np
import pytest
from mpi4py import MPI
from scipy.optimize import brentq

from lithoscape.constants import FARADAY, thermal_voltage
from lithoscape.errors import InputError
from lithoscape.image import Grid, Volume
from lithoscape.materials import get_set
from lithoscape.mesh import MeshOptions, mesh_volume
from lithoscape.mesh.build import domain
from lithoscape.mesh.domain import Domain
from lithoscape.models.resolved import Phase
from lithoscape.models.single import SingleParticle, single_particle
from lithoscape.solver import Newton, NewtonOptions, Stepper, System

NMC = replace(get_set("Chen2020_half").positive.material, diffusivity=4e-15)
R, START, CURRENT = 4e-6, 0.3, 1.5
CELL = SingleParticle(Phase("active", NMC, START, 1.0), 1000.0, 298.15, CURRENT)


def ball(size: float) -> Domain:
    """A sphere in a box of electrolyte, from its exact shape."""
    grid = Grid((20, 20, 20), 0.5e-6)
    centre = np.array([5.1e-6, 4.95e-6, 5.05e-6])

    def shape(points: np.ndarray) -> np.ndarray:
        return np.linalg.norm(points - centre, axis=1) - R

    labels = (shape(grid.points()) < 0).reshape(grid.shape).astype(np.uint8)
    volume = Volume(labels, grid, {"pore": 0, "active": 1})
    mesh = mesh_volume(volume, shapes={"active": shape}, options=MeshOptions(size=size, match=False))
    return domain(mesh, MPI.COMM_SELF)


def crank(time: float) -> float:
    """Surface stoichiometry of a sphere after constant flux (Crank, Mathematics of Diffusion, eq. 6.45)."""
    D, flux = 4e-15, CURRENT / FARADAY
    roots = [
        brentq(lambda a: np.tan(a) - a, (n - 0.5) * np.pi + 1e-9, (n + 0.5) * np.pi - 1e-9)
        for n in range(1, 60)
    ]
    a = np.array(roots)
    tau = D * time / R**2
    series = 3 * tau + 0.5 - 0.3 - 2 * (np.exp(-(a**2) * tau) / a**2).sum()
    return START + flux * R / D * series / NMC.c_max


def potential(x: float) -> float:
    """Of a surface at stoichiometry x that takes up the current."""
    i0 = NMC.exchange_current(1000.0, x * NMC.c_max, NMC.c_max, 298.15)
    return float(NMC.ocp(x) - 2 * thermal_voltage(298.15) * np.arcsinh(CURRENT / (2 * i0)))


def charged(
    cells: Domain,
    cell: SingleParticle,
    time: float,
    steps: int,
    kind: str = "current",
    value: float = CURRENT,
):
    problem = single_particle(cells, cell)
    system = System(problem)
    stepper = Stepper(system, Newton(system, NewtonOptions(update=1e-10, residual=1e-12)))
    problem.control.impose(kind, value)
    history = stepper.frozen(stepper.initial())
    for dt in np.diff([0.0, *(time * np.geomspace(1e-7, 1, steps))]):
        tried = stepper.attempt(history, dt)
        assert tried.state is not None, tried.newton.reason
        history = history.pushed(tried.state)
    return problem, system, history.now


def test_a_sphere_follows_the_series() -> None:
    time, found = 600.0, []
    for size in (2e-6, 1e-6):
        cells = ball(size)
        problem, system, now = charged(cells, CELL, time, 60)
        volume, area = cells.measure("region", "active"), problem.area
        # the polyhedron has its own volume per area: mean values to round-off, the rest to second order
        mean = system.functional("lithium in active") / volume / NMC.c_max
        assert mean == pytest.approx(START + CURRENT * area * time / (FARADAY * volume * NMC.c_max), rel=1e-6)
        assert now.charge == pytest.approx(CURRENT * area * time, rel=1e-6)
        found.append(abs(problem.voltage() - potential(crank(time))))
    assert found[1] < 1e-3, found
    assert found[1] < found[0] / 3, found


def test_at_a_voltage_the_surface_comes_to_equilibrium() -> None:
    cells = ball(2e-6)
    problem, _, now = charged(cells, CELL, 3e5, 120, "voltage", 3.9)
    x = problem.unknowns[0].function.x.array / NMC.c_max
    assert NMC.ocp(x.mean()) == pytest.approx(3.9, abs=1e-4)
    assert np.ptp(x) < 1e-3
    assert abs(now.current) < 1e-3 * CURRENT * problem.area


def test_slow_grains_make_a_steeper_particle() -> None:
    cells, spreads = ball(2e-6), []
    for tensor in (None, np.diag([1.0, 1.0, 0.1])):
        cell = replace(CELL, phase=replace(CELL.phase, anisotropy=tensor))
        problem, _, _ = charged(cells, cell, 300.0, 20)
        spreads.append(np.ptp(problem.unknowns[0].function.x.array))
    assert spreads[1] > 1.1 * spreads[0]


def test_bad_input() -> None:
    cells = ball(2e-6)
    for cell, field in (
        (replace(CELL, phase=Phase("pore", porosity=1.0)), "phase"),
        (replace(CELL, phase=replace(CELL.phase, name="grain")), "region"),
        (replace(CELL, surface="skin"), "boundary"),
    ):
        with pytest.raises(InputError) as caught:
            single_particle(cells, cell)
        assert caught.value.field == field
