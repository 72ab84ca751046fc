"""Lithium and charge are conserved to round-off through currents, holds and rests."""

from dataclasses import dataclass, replace

import dolfinx_solver  # noqa: F401
import numpy as np
import pytest
import ufl
from cells import TIGHT, cell_of, problem_of, simulation
from dolfinx import fem

from lithoscape.constants import FARADAY, HOUR
from lithoscape.materials import get_electrolyte
from lithoscape.models.observe import Lithiation

CAPACITANCE = 0.2
HALF = [
    "Discharge at 2C for 400 seconds",
    "Hold at 3.9 V for 200 seconds",
    "Rest for 200 seconds",
    "Charge at 1C for 300 seconds",
]
FULL = [
    "Discharge at 1C for 600 seconds",
    "Rest for 100 seconds",
    "Charge at 1C for 300 seconds",
    "Hold at 4.0 V for 200 seconds",
]


class Books:
    """Inventories and currents at every accepted step."""

    def __init__(self, problem) -> None:
        self.lines: list[dict[str, float]] = []
        names = {c.electrode for c in problem.closures}
        self.solid = {name: Lithiation(problem, name) for name in names}
        V = problem.unknowns[0].function.function_space
        dn = ufl.dx(domain=V.mesh, metadata={"quadrature_rule": "vertex", "quadrature_degree": 1})
        self.reaction = [
            (c.electrode, fem.form(3 * c.active / radius_of(c) * c.flux * dn)) for c in problem.closures
        ]
        phi_e, phi_s = (problem.unknowns[k].function for k in (1, 2))
        stored = sum(3 * c.active / radius_of(c) for c in problem.closures) * CAPACITANCE * (phi_s - phi_e)
        self.layer = fem.form(stored / FARADAY * dn)
        self.salt = fem.form(problem.functionals["salt"])
        self.current = fem.form(problem.functionals["current"])

    def note(self) -> float:
        """Write one line; called at every accepted step."""
        line = {"salt": fem.assemble_scalar(self.salt), "layer": fem.assemble_scalar(self.layer)}
        line["current"] = fem.assemble_scalar(self.current)
        for name, lithiation in self.solid.items():
            line[name] = lithiation.lithium()
            line[f"current {name}"] = sum(fem.assemble_scalar(f) for e, f in self.reaction if e == name)
        self.lines.append(line)
        return 0.0

    def column(self, name: str) -> np.ndarray:
        """One quantity at all accepted steps."""
        return np.array([line[name] for line in self.lines])


def radius_of(c):
    """Nodal radius as the specific area needs it."""
    radius = fem.Function(c.flux.function_space)
    radius.x.array[:] = 1.0
    radius.x.array[c.nodes] = c.radius
    return radius


def two_classes(name: str):
    """Half of the active material in particles of half the size."""
    cell = cell_of(name)
    *others, positive = cell.regions
    (large,) = positive.particles
    half = 0.5 * large.active_fraction
    pair = (
        replace(large, name="large", active_fraction=half),
        replace(large, name="small", active_fraction=half, radius=0.5 * large.radius),
    )
    return replace(cell, regions=(*others, replace(positive, particles=pair)))


def layered(name: str):
    """A double layer on the positive electrode."""
    cell = cell_of(name)
    return replace(
        cell,
        regions=tuple(replace(r, double_layer=CAPACITANCE if r.electrode else 0.0) for r in cell.regions),
    )


CASES = {
    "half cell": ("Xu2019", HALF, cell_of("Xu2019")),
    "D(x)": ("ORegan2022_half", HALF, cell_of("ORegan2022_half")),
    "full cell": ("Chen2020", FULL, cell_of("Chen2020")),
    "t+(c)": (
        "Xu2019",
        HALF,
        replace(cell_of("Xu2019"), electrolyte=get_electrolyte("Landesfeind2019_EC_EMC_3_7")),
    ),
    "two classes": ("Xu2019", HALF, two_classes("Xu2019")),
    "double layer": ("Xu2019", HALF, layered("Xu2019")),
}


ROUND_OFF = 1e-10


@dataclass
class Run:
    """A finished run."""

    case: str
    books: Books
    passed: np.ndarray
    """Lithium that the charge through the terminal stands for [mol/m2]."""
    stepped: np.ndarray
    """Where time moved: the first line of a step holds potentials found before its concentrations moved."""


@pytest.fixture(scope="module", params=list(CASES))
def run(request) -> Run:
    """One run of every case."""
    name, lines, cell = CASES[request.param]
    problem = problem_of(name, 6, cell)
    books = Books(problem)
    solution = simulation(
        problem, name, lines, 1e-3, TIGHT, probes={"Lithium balance error": books.note}
    ).run()
    assert solution.outcome.ok, solution.outcome.message
    passed = solution["Discharge capacity [A.h.m-2]"].values * HOUR / FARADAY
    return Run(request.param, books, passed, np.diff(solution["Time [s]"].values, prepend=0.0) > 0)


def test_lithium_is_conserved(run: Run) -> None:
    """What the positive electrode and the salt gain came through the terminal."""
    salt, positive = run.books.column("salt"), run.books.column("positive")
    if run.case == "full cell":
        # it keeps all of its lithium, and its salt by itself
        total = salt + positive + run.books.column("negative")
        assert salt == pytest.approx(np.full_like(salt, salt[0]), rel=1e-10)
    else:
        total = salt + positive - run.passed
    if run.case == "double layer":
        # cations pulled to the charged surface are neither salt nor intercalated
        total = total - run.books.column("layer")
    moved = abs(positive - positive[0]).max()
    assert moved > 0.02 * positive[0]
    assert abs(total - total[0]).max() < 1e-10 * moved


def test_the_terminal_current_is_what_reacts(run: Run) -> None:
    current = run.books.column("current")
    for electrode, sign in (("positive", -1), ("negative", 1)):
        if electrode not in run.books.solid:
            continue
        difference = abs(sign * run.books.column(f"current {electrode}") - current)[run.stepped].max()
        if run.case == "double layer":
            assert difference > 1e-4 * abs(current).max()  # the layer charges
        else:
            assert difference < ROUND_OFF * abs(current).max()


def test_the_positive_electrode_takes_up_the_charge_passed(run: Run) -> None:
    gained = run.books.column("positive") - run.books.column("positive")[0]
    if run.case != "double layer":
        assert abs(gained - run.passed).max() < ROUND_OFF * abs(run.passed).max()
