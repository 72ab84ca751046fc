"""Titrations: what the formula of Weppner and Huggins makes of cells whose diffusivity is known."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from cells import layers

from lithoscape.errors import InputError
from lithoscape.impedance import Titration, gitt_protocol, titrations
from lithoscape.materials import get_set
from lithoscape.mesh.structured import layered_cell
from lithoscape.models.cell import cell_from_set
from lithoscape.models.homogenised import homogenised
from lithoscape.models.radial import RadialGrid
from lithoscape.protocol import Base, parse_protocol
from lithoscape.simulate import Options, Simulation
from lithoscape.solver import TimeOptions

D = 1e-14
SET = get_set("Xu2019")
RADIUS = SET.positive.particle_radius


def titrated(thickness: float, pulse: str) -> list[Titration]:
    """Two pulses at C/5 on an electrode of a thickness."""
    one = 24.0 * thickness / 42e-6
    materials = replace(SET, positive=replace(SET.positive, thickness=thickness, initial_stoichiometry=0.5))
    problem = homogenised(layered_cell(layers(materials, 6)), cell_from_set(materials, one, radial_nodes=16))
    sequence = parse_protocol(gitt_protocol("C/5", pulse, "3 hours", "2.5 V", 2))
    options = Options(time=TimeOptions(relative=3e-5))
    solution = Simulation(problem, sequence, Base(one, 1.0), options=options).run()
    assert solution.outcome.ok
    return titrations(solution.record, RADIUS)


def expected(pulse: float) -> float:
    """D that the formula makes of a sphere on its own, over the true one, from all the sphere's modes."""
    grid = RadialGrid.graded(40)
    tau = D * pulse / RADIUS**2
    t = np.linspace(np.sqrt(0.1 * tau), np.sqrt(tau), 200) ** 2
    share, rates = grid.modes[-1, 1:] ** 2, grid.rates[1:]
    surface = 3 * t + ((1 - np.exp(-rates * t[:, None])) / rates) @ share
    slope = np.polyfit(np.sqrt(t), surface, 1)[0]
    return float(4 / np.pi / 9 * (3 * tau / tau / slope) ** 2)


def test_pulses_on_a_thin_electrode_give_what_a_sphere_gives() -> None:
    # the formula is that of a half space: the longer the pulse, the smaller D comes out
    for pulse, ratio in ((10, 0.869), (60, 0.704)):
        assert expected(pulse) == pytest.approx(ratio, abs=2e-3)
        found = titrated(2e-6, f"{pulse} seconds")
        assert len(found) == 2
        assert found[0].pulse == pytest.approx(pulse)
        assert abs(found[0].drift) < 1e-2
        assert found[0].diffusivity / D == pytest.approx(ratio, abs=0.02)
    assert 0.95 < expected(0.5) < 1.0


def test_a_long_pulse_and_a_thick_electrode_mislead() -> None:
    long = titrated(2e-6, "600 seconds")[0]
    assert long.diffusivity < 0.4 * D
    assert "curvature" in long.doubtful
    thick = titrated(42e-6, "10 seconds")[0]
    # salt that diffuses meanwhile is taken for lithium in the particles
    assert thick.diffusivity < 0.7 * D


def made(diffusivity: float, change: float = -0.01, tau: float = 100.0, drift: float = 0.0) -> xr.Dataset:
    """A record as the formula imagines it: a rest, a pulse along sqrt(t), a rest."""
    t = np.linspace(0, tau, 400)
    slope = change / tau * np.sqrt(4 / np.pi / diffusivity) * RADIUS / 3
    after = np.linspace(0, 1e4, 50)
    time = np.concatenate([[0.0, 1.0], 1 + t, 1 + tau + after])
    late = 4.0 + change * (1 + drift * (after / 1e4 - 1))
    voltage = np.concatenate([[4.0, 4.0], 4.0 - 0.05 + slope * np.sqrt(t), late])
    step = np.repeat([0.0, 1.0, 2.0], [2, t.size, after.size])
    names = {"Voltage [V]": voltage, "Current density [A.m-2]": 5.0 * (step == 1), "Step": step}
    return xr.Dataset({k: ("time", v) for k, v in names.items()}, {"time": time})


def test_the_formula_inverts_its_own_assumptions() -> None:
    (found,) = titrations(made(3e-15), RADIUS)
    assert found.diffusivity == pytest.approx(3e-15, rel=1e-3, abs=0)
    assert (found.voltage, found.change, found.pulse) == pytest.approx((4.0, -0.01, 100.0))
    assert found.curvature < 1e-3
    assert found.doubtful == "the pulse is longer than diffusion takes to feel the sphere's curvature"
    assert titrations(made(3e-16), RADIUS)[0].doubtful == ""
    assert titrations(made(3e-16, drift=0.5), RADIUS)[0].doubtful == "the rest was too short"


def test_the_protocol_is_one_that_is_read() -> None:
    sequence = parse_protocol(gitt_protocol("C/10", "10 minutes", "1 hour", "4.3 V", 3, "Charge"))
    assert [step.mode for step in sequence] == ["rest"] + ["charge", "rest"] * 3
    with pytest.raises(InputError, match="discharges or charges"):
        gitt_protocol("C/10", "10 minutes", "1 hour", "4.3 V", 3, "Hold")
    with pytest.raises(InputError, match="has pulses"):
        gitt_protocol("C/10", "10 minutes", "1 hour", "4.3 V", 0)


def test_records_must_suffice() -> None:
    record = made(3e-15)
    with pytest.raises(InputError, match="lacks a variable"):
        titrations(record.drop_vars("Step"), RADIUS)
    with pytest.raises(InputError, match="window"):
        titrations(record, RADIUS, (0.5, 0.5))
    with pytest.raises(InputError, match="no pulse between two rests"):
        titrations(record.isel(time=record["Step"].values > 0), RADIUS)
