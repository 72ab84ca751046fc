"""Transmission lines, and the electrodes that they stand for."""

from dataclasses import replace

import numpy as np
import pytest
from cells import cell_of, layers

from lithoscape.errors import InputError
from lithoscape.impedance import (
    Spectrum,
    blocking_cell,
    blocking_interface,
    blocking_spectrum,
    de_levie,
    fit_line,
    ladder,
    log_frequencies,
    pore_transport,
    two_rails,
)
from lithoscape.materials import get_set
from lithoscape.mesh.structured import layered_cell

OMEGA = np.logspace(-2, 5, 15)
IONIC, ELECTRONIC, CAPACITANCE = 1e-3, 3e-4, 5.0


@pytest.mark.parametrize("electronic", [ELECTRONIC, 1e-16])
def test_a_ladder_becomes_the_line(electronic: float) -> None:
    interface = blocking_interface(OMEGA, CAPACITANCE)
    exact = two_rails(OMEGA, IONIC, electronic, interface)
    errors = []
    for n in (200, 400):
        found = ladder(np.full(n, IONIC / n), np.full(n, electronic / n), np.tile(interface[:, None] * n, n))
        errors.append(np.abs(found / exact - 1).max())
    assert errors[1] < 1e-3
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.1)


def test_limits_of_the_line() -> None:
    interface = blocking_interface(OMEGA, CAPACITANCE, 0.9)
    line = two_rails(OMEGA, IONIC, 1e-14, interface)
    np.testing.assert_allclose(line, de_levie(OMEGA, IONIC, interface), rtol=1e-9)
    # the rails in parallel at high frequency, a third of them each and the capacitance at low frequency
    high = two_rails(1e12, IONIC, ELECTRONIC, blocking_interface(1e12, CAPACITANCE))
    assert high == pytest.approx(IONIC * ELECTRONIC / (IONIC + ELECTRONIC), rel=1e-3)
    low = two_rails(1e-6, IONIC, ELECTRONIC, blocking_interface(1e-6, CAPACITANCE))
    assert low == pytest.approx((IONIC + ELECTRONIC) / 3 - 1j / (1e-6 * CAPACITANCE), rel=1e-9)
    assert low.real == pytest.approx((IONIC + ELECTRONIC) / 3, rel=1e-4)
    # exchanging the rails changes nothing
    np.testing.assert_allclose(
        two_rails(OMEGA, IONIC, ELECTRONIC, interface), two_rails(OMEGA, ELECTRONIC, IONIC, interface)
    )


def test_a_ladder_of_one_element() -> None:
    z = ladder(np.array([2.0]), np.array([4.0]), np.array([[5.0 - 1j]]))
    assert z[0] == 5.0 - 1j + 3.0


def test_a_line_is_recovered_with_its_errors() -> None:
    f = log_frequencies(1e-2, 1e5, 8)
    exact = 2e-3 + two_rails(2 * np.pi * f, IONIC, ELECTRONIC, blocking_interface(2 * np.pi * f, 5.0, 0.9))
    found = fit_line(Spectrum(f, exact), electronic=None, exponent=None)
    assert (found.series, found.ionic, found.electronic) == pytest.approx((2e-3, IONIC, ELECTRONIC), rel=1e-6)
    assert (found.capacitance, found.exponent) == pytest.approx((5.0, 0.9), rel=1e-6)
    np.testing.assert_allclose(found.impedance(2 * np.pi * f), exact, rtol=1e-7)
    rng = np.random.default_rng(5)
    noise = 1 + 1e-3 * (rng.normal(size=f.size) + 1j * rng.normal(size=f.size))
    noisy = fit_line(Spectrum(f, exact * noise), electronic=ELECTRONIC, exponent=None)
    assert abs(noisy.ionic - IONIC) < 4 * noisy.errors["ionic"]
    assert 1e-4 * IONIC < noisy.errors["ionic"] < 1e-2 * IONIC
    assert "electronic" not in noisy.errors


def test_an_inductive_spectrum_is_no_blocking_electrode() -> None:
    f = log_frequencies(1, 1e5)
    with pytest.raises(InputError, match="capacitive at all frequencies"):
        fit_line(Spectrum(f, 1e-3 + 2j * np.pi * f * 1e-8 + 1 / (2j * np.pi * f)))


# -- a homogenised electrode -----------------------------------------------------------------
NAME = "Xu2019"
SET = get_set(NAME)
KAPPA = float(SET.electrolyte.conductivity(SET.electrolyte.initial_concentration, SET.temperature))
LENGTH = SET.positive.thickness
RAIL = LENGTH / SET.positive.effective_conductivity


def test_the_tortuosity_put_in_is_recovered() -> None:
    f = log_frequencies(1, 1e5, 5)
    found = blocking_spectrum(layered_cell(layers(SET, 40)), cell_of(NAME), f, double_layer=0.1)
    separator = SET.separator.thickness / (KAPPA * SET.separator.transport_efficiency)
    ionic = LENGTH / (KAPPA * SET.positive.transport_efficiency)
    capacitance = 0.1 * SET.positive.surface_per_volume * LENGTH
    exact = separator + two_rails(found.omega, ionic, RAIL, blocking_interface(found.omega, capacitance))
    assert np.abs(found.impedance / exact - 1).max() < 2e-3
    line = fit_line(found, RAIL)
    assert line.capacitance == pytest.approx(capacitance, rel=1e-3)
    D = float(SET.electrolyte.diffusivity(1000.0, SET.temperature))
    pores = pore_transport(line.ionic, LENGTH, SET.positive.porosity, KAPPA, D)
    tau = SET.positive.porosity / SET.positive.transport_efficiency
    assert pores.tortuosity == pytest.approx(tau, rel=0.005)
    assert pores.diffusivity == pytest.approx(D * SET.positive.transport_efficiency, rel=0.005, abs=0)


def test_salt_that_answers_changes_little() -> None:
    f = log_frequencies(1, 1e4, 2)
    domain = layered_cell(layers(SET, 10))
    a, b = (
        blocking_spectrum(domain, cell_of(NAME), f, double_layer=0.1, salt=salt).impedance
        for salt in (False, True)
    )
    assert 1e-5 < np.abs(a / b - 1).max() < 1e-2


def test_without_a_double_layer_there_is_nothing_to_measure() -> None:
    with pytest.raises(InputError, match="without a double layer"):
        blocking_cell(cell_of(NAME))
    with pytest.raises(InputError, match="needs a double layer"):
        blocking_cell(cell_of(NAME), 0.0)
    with pytest.raises(InputError, match="from a half cell"):
        blocking_cell(cell_of("Chen2020"), 0.1)
    layered = replace(
        cell_of(NAME), regions=tuple(replace(r, double_layer=0.3) for r in cell_of(NAME).regions)
    )
    assert blocking_cell(layered).regions[1].double_layer == 0.3


def test_directional_diffusivity_of_the_freeze_cast_electrode() -> None:
    # Huang et al., table 1, region 1 through the plane: eps 0.333, tau 1.1, D 42.1e-9 cm2/s; eq. 4 gives the
    # free electrolyte's diffusivity that all rows of the table share
    rows = [(0.333, 8.7, 5.3), (0.232, 10.5, 3.1), (0.096, 11.2, 1.2), (0.333, 1.1, 42.1), (0.232, 2.3, 14.0)]
    free = [1e-13 * d * tau / eps for eps, tau, d in rows]
    assert max(free) / min(free) < 1.03
    eps, tau, d = rows[3]
    found = pore_transport(tau / eps * 1e-3 / 1.1, 1e-3, eps, 1.1, free[3])
    assert (found.tortuosity, found.diffusivity) == pytest.approx((tau, 1e-13 * d), abs=0)


@pytest.mark.parametrize(
    "field", ["ionic_resistance", "thickness", "porosity", "conductivity", "diffusivity"]
)
def test_transport_of_pores_wants_positive_numbers(field: str) -> None:
    values = {"ionic_resistance": 1e-3, "thickness": 1e-4, "porosity": 0.3, "conductivity": 1.0}
    with pytest.raises(InputError, match=field):
        pore_transport(**{**values, field: -1.0})
