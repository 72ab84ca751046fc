"""Resolved electrodes whose impedance is known: a film, and a straight pore."""

from dataclasses import replace

import dolfinx_solver  # noqa: F401
import numpy as np
import pytest
from dolfinx import mesh
from mpi4py import MPI

from lithoscape.constants import FARADAY, thermal_voltage
from lithoscape.impedance import (
    blocking_spectrum,
    contributions,
    fit_line,
    log_frequencies,
    pore_transport,
    spectrum,
)
from lithoscape.impedance.warburg import film_closed
from lithoscape.materials import get_set
from lithoscape.mesh.domain import Domain, tag_facets
from lithoscape.mesh.structured import Layer, layered_cell
from lithoscape.models.resolved import Phase, ResolvedCell, resolved
from lithoscape.solver import System
from lithoscape.solver.frequency import Linearised, _Iterative
from lithoscape.solver.potentials import settle

SET = get_set("Xu2019")
MATERIAL = replace(SET.positive.material, diffusivity=1e-12)
START, FILM, GAP, SIGMA, CAPACITANCE, TRANSPORT = 0.5, 4e-6, 10e-6, 10.0, 20.0, 0.3
C_E, T = SET.electrolyte.initial_concentration, SET.temperature
KAPPA = float(SET.electrolyte.conductivity(C_E, T))
FREQUENCIES = log_frequencies(1e-3, 10, 4)
SALT = "electrolyte concentration"


def cell() -> ResolvedCell:
    """A film of active material with a double layer, behind a separator."""
    film = Phase("active", MATERIAL, START, SIGMA, double_layer=CAPACITANCE)
    return ResolvedCell(
        (film, Phase("separator", porosity=0.5, transport=TRANSPORT)), SET.electrolyte, SET.negative, T, 20.0
    )


def film(dim: int, n: int) -> Domain:
    """n cells through the film."""
    layers = [Layer("separator", GAP, max(n // 4, 2)), Layer("active", FILM, n)]
    return layered_cell(layers, lateral=[(1e-6, 2)] * (dim - 1), simplices=True, comm=MPI.COMM_SELF)


def closed_form(omega: np.ndarray) -> np.ndarray:
    """Lithium, separator, film: charge transfer and diffusion beside the double layer [ohm m2]."""
    c_max, V = MATERIAL.c_max, thermal_voltage(T)
    slope = -MATERIAL.ocp(START + 1e-30j).imag / 1e-30 / c_max
    D = float(MATERIAL.diffusivity)
    diffusion = film_closed(omega, slope * FILM / (D * FARADAY), FILM**2 / D)
    transfer = V / MATERIAL.exchange_current(C_E, START * c_max, c_max, T)
    interface = 1 / (1 / (transfer + diffusion) + 1j * omega * CAPACITANCE)
    lithium = V / SET.negative.exchange_current(C_E, T)
    return lithium + GAP / (KAPPA * TRANSPORT) + FILM / SIGMA + interface


def test_a_film_has_its_closed_form() -> None:
    found = []
    for n in (20, 40):
        s = spectrum(resolved(film(2, n), cell()), FREQUENCIES, current_density=0.0, frozen=[SALT])
        found.append(s.impedance)
    exact = closed_form(2 * np.pi * FREQUENCIES)
    errors = [np.abs(z / exact - 1).max() for z in found]
    assert errors[1] < 5e-5
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.05)
    assert np.abs((4 * found[1] - found[0]) / 3 / exact - 1).max() < 1e-5


def test_iterations_in_three_dimensions_find_the_same() -> None:
    system = System(resolved(film(3, 8), cell()))
    settle(system, 0.0)
    direct = Linearised(system)
    for iterative in (False, True):  # by factors, and by multigrid, of the real matrix
        lin = Linearised(system)
        lin._solver = _Iterative(lin, iterative)
        for omega in (1e-2, 10.0, 1e4):
            exact = direct.impedance(omega, direct.solve(omega))
            assert lin.impedance(omega, lin.solve(omega)) == pytest.approx(exact, rel=1e-6)
        assert lin.iterations < 3 * (15 if not iterative else 45)


def test_processes_of_a_film_are_told_apart() -> None:
    found = contributions(
        film(2, 20), cell(), np.array([1e-3]), processes=["solid diffusion", "charge transfer"]
    )
    omega = 2e-3 * np.pi
    c_max = MATERIAL.c_max
    transfer = thermal_voltage(T) / MATERIAL.exchange_current(C_E, START * c_max, c_max, T)
    share = found["all"].impedance[0] - found["without charge transfer"].impedance[0]
    # the double layer takes part of the current past it, at this frequency a thousandth
    assert share.real == pytest.approx(transfer, rel=5e-3)
    slope = -MATERIAL.ocp(START + 1e-30j).imag / 1e-30 / c_max
    D = float(MATERIAL.diffusivity)
    fast = slope / (1j * omega * FILM * FARADAY)  # stays: lithium that is stored
    diffusion = film_closed(omega, slope * FILM / (D * FARADAY), FILM**2 / D) - fast
    share = found["all"].impedance[0] - found["without solid diffusion"].impedance[0]
    assert share.real == pytest.approx(diffusion.real, rel=0.02)


# -- a straight pore ---------------------------------------------------------------------------
WIDTH, DEPTH, OPEN = 2e-6, 60e-6, 0.5


def comb(nx: int, ny: int) -> Domain:
    """A pore along half of the width beside active material, behind a separator."""
    total = GAP + DEPTH
    msh = mesh.create_rectangle(
        MPI.COMM_SELF, [[0.0, 0.0], [WIDTH, total]], [nx, ny], ghost_mode=mesh.GhostMode.shared_facet
    )
    count = msh.topology.index_map(2).size_local
    cells = np.arange(count, dtype=np.int32)
    x, y, _ = mesh.compute_midpoints(msh, 2, cells).T
    values = np.where(y < GAP, 1, np.where(x < OPEN * WIDTH, 2, 3)).astype(np.int32)
    facets, boundaries = tag_facets(
        msh, {"negative": lambda p: p[1] < 1e-12, "positive": lambda p: p[1] > total - 1e-12}
    )
    regions = {"separator": 1, "pore": 2, "active": 3}
    return Domain(msh, mesh.meshtags(msh, 2, cells, values), facets, regions, boundaries, "comb")


def test_a_straight_pore_has_no_tortuosity() -> None:
    capacitance, sigma = 0.1, 1e4
    phases = (
        Phase("active", MATERIAL, START, sigma), Phase("pore", porosity=1.0),
        Phase("separator", porosity=0.5, transport=TRANSPORT, wetted=1e-6),  # the wall is all that charges
    )  # fmt: skip
    pore = ResolvedCell(phases, SET.electrolyte, SET.negative, T, 20.0)
    found = blocking_spectrum(comb(8, 140), pore, log_frequencies(1, 1e4, 5), double_layer=capacitance)
    line = fit_line(found)
    transport = pore_transport(line.ionic, DEPTH, OPEN, KAPPA)
    assert transport.tortuosity == pytest.approx(1.0, abs=1e-3)
    assert transport.factor == pytest.approx(1 / OPEN, rel=1e-3)
    assert line.capacitance == pytest.approx(capacitance * DEPTH / WIDTH, rel=1e-4)
    assert line.residual < 1e-3
    # the separator is narrowed where it meets the pore
    assert line.series == pytest.approx(GAP / (KAPPA * TRANSPORT), rel=0.05)
