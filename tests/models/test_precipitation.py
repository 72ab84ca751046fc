"""Salt that precipitates against exact solutions: a deposit at the foil, and a dissolving front (Stefan).

A separator so thick that its far end is not felt, D_e and t+ constant. All fluxes are per area of pores.
"""

from dataclasses import replace

import dolfinx_solver  # noqa: F401
import numpy as np
import pytest

from lithoscape.constants import FARADAY
from lithoscape.materials import get_electrolyte, get_set
from lithoscape.materials.ablate import Constant
from lithoscape.materials.solubility import WIDTH, Precipitate
from lithoscape.mesh.structured import Layer, layered_cell
from lithoscape.models.cell import porous_region
from lithoscape.models.homogenised import HomogenisedCell, Region, homogenised
from lithoscape.solver import Newton, NewtonOptions, Stepper, System

SET = get_set("ORegan2022_half")
EPS, B, D_E, T_PLUS, S = 0.5, 0.25, 3e-10, 0.26, 1200.0
D = D_E * B / EPS


class Rod:
    """Foil, thick separator and a positive electrode that is far away."""

    def __init__(self, length: float, cells: int, precipitate: Precipitate, start: float) -> None:
        electrolyte = replace(
            get_electrolyte("Nyman2008"), diffusivity=Constant(D_E), transference=T_PLUS,
            initial_concentration=start, precipitate=precipitate,
        )  # fmt: skip
        domain = layered_cell([Layer("separator", length, cells), Layer("positive", 7e-5, 4)])
        regions = (Region("separator", EPS, B), porous_region("positive", "positive", SET.positive))
        cell = HomogenisedCell(regions, electrolyte, SET.negative, 298.15, 30.0, radial_nodes=4)
        self.problem = homogenised(domain, cell)
        self.system = System(self.problem)
        self.stepper = Stepper(self.system, Newton(self.system, NewtonOptions(1e-9, 1e-12)))
        self.history = self.stepper.initial()
        space = self.problem.unknowns[0].function.function_space
        self.x = space.tabulate_dof_coordinates()[:, 0]
        self.total = self.system.functional("salt")

    def march(self, times: np.ndarray, flux) -> float:
        """Step through ``times`` with a flux of salt [mol/(m2 s)] from the foil; solid salt [mol/m2]."""
        for t in times:
            self.problem.control.impose("current", flux(t) * EPS * FARADAY / (1 - T_PLUS))
            attempt = self.stepper.attempt(self.history, t - self.history.now.time)
            assert attempt.state is not None, attempt.newton
            self.history = self.history.pushed(attempt.state)
        return self.system.functional("solid salt") / EPS

    @property
    def c_e(self) -> np.ndarray:
        return self.problem.unknowns[0].function.x.array


def deposited(t: float, begin: float, flux: float) -> float:
    """Solid at the surface of a half-space under constant flux, which precipitates from ``begin`` on.

    The surface follows 2 q sqrt(t / pi D) and then stays; what diffuses in is, by Duhamel's integral,
    q (2/pi) asin sqrt(begin/t).
    """
    return flux * 2 / np.pi * (t * np.arccos(np.sqrt(begin / t)) - np.sqrt(begin * (t - begin)))


def deposit(cells: int, steps: int, width: float = WIDTH) -> np.ndarray:
    """Relative errors of the deposit at 4 times its beginning, and once reversed current took some back."""
    begin, flux = 100.0, 200.0 / 2 * np.sqrt(np.pi * D / 100.0)
    rod = Rod(1.5e-3, cells, Precipitate(S, width), 1000.0)
    found = rod.march(400.0 * (np.arange(1, steps + 1) / steps) ** 2, lambda t: flux)
    at_end = deposited(400.0, begin, flux)
    assert abs(rod.system.functional("salt") / rod.total - 1) < 1e-12
    rod.history = rod.history.restarted()
    # the surface stays saturated, so diffusion into the half-space does not notice the reversal
    later = rod.march(400.0 + 40.0 * np.arange(1, 41) / 40, lambda t: -flux)
    exact = deposited(440.0, begin, flux) - 2 * flux * 40.0
    assert abs(rod.system.functional("salt") / rod.total - 1) < 1e-12
    return np.array([found / at_end, later / exact]) - 1


def front(cells: int, steps: int, width: float = WIDTH) -> float:
    """Error (rms) of dissolved salt [mol/m3] behind a front that moves at constant speed.

    c = s - P (exp(V (V t - x) / D) - 1) for x < V t and s beyond, where P of solid is left
    (Stefan's condition P V = D dc/dx).
    """
    solid, speed, end = 400.0, 6.4e-7, 400.0
    precipitate = Precipitate(S, width)
    start = S * (1 + precipitate.width * np.log(np.expm1(solid / S)))
    assert precipitate(start) == pytest.approx(solid, rel=1e-9)
    rod = Rod(6e-4, cells, precipitate, start)
    rod.march(
        end * np.arange(1, steps + 1) / steps,
        lambda t: -solid * speed * np.exp(speed**2 * t / D),
    )
    assert abs(rod.system.functional("salt") / rod.total - 1) < 1e-12
    ahead = speed * (speed * end - rod.x) / D
    gap = rod.c_e - S + solid * np.expm1(np.maximum(ahead, 0.0))
    return float(np.sqrt(np.mean(gap[rod.x < speed * end] ** 2)))


def test_a_deposit_grows_and_shrinks_as_duhamel_says() -> None:
    """What is left is supersaturation, proportional to the width."""
    errors = deposit(100, 50)
    assert np.abs(errors).max() < 3e-3
    wider = deposit(100, 50, 20 * WIDTH)
    assert np.abs(wider).min() > 5 * np.abs(errors).max()


def test_a_dissolving_front_moves_as_stefan_says() -> None:
    coarse, fine = front(30, 40), front(60, 80)
    assert fine < 0.4 * coarse
    assert fine < 1e-3 * 800, "of the drop behind the front"
    assert front(60, 80, 0.1 * WIDTH) == pytest.approx(fine, abs=0.1), "the width does not matter"
