"""The assembled Jacobian against finite differences of the residual, for every variant of the cell."""

from dataclasses import replace

import dolfinx_solver  # noqa: F401
import numpy as np
import pytest
from cells import cell_of, problem_of

from lithoscape.materials import get_electrolyte
from lithoscape.materials.solubility import Precipitate
from lithoscape.solver import System


def with_layer(cell):
    return replace(
        cell, regions=tuple(replace(r, double_layer=0.2 if r.electrode else 0.0) for r in cell.regions)
    )


def precipitating(cell):
    """At about the solubility, smooth over what the cell is moved by."""
    return replace(cell, electrolyte=replace(cell.electrolyte, precipitate=Precipitate(1050.0, 0.1)))


VARIANTS = {
    "half cell": ("Xu2019", cell_of("Xu2019")),
    "D(x)": ("ORegan2022_half", cell_of("ORegan2022_half")),
    "full cell": ("Chen2020", cell_of("Chen2020")),
    "t+(c)": (
        "Xu2019",
        replace(cell_of("Xu2019"), electrolyte=get_electrolyte("Landesfeind2019_EC_EMC_3_7")),
    ),
    "precipitation": ("Xu2019", precipitating(cell_of("Xu2019"))),
    "double layer": ("Xu2019", with_layer(cell_of("Xu2019"))),
    "contact resistance": ("Xu2019", cell_of("Xu2019", contact_resistance=1e-3)),
}


def disturbed(problem, system, rng) -> None:
    """Move every free unknown away from rest."""
    update = 0.1 * rng.normal(size=system.size)
    for i in range(len(system.functions)):
        update[system.offsets[i] : system.offsets[i + 1]][~system.free[i][: system.owned[i]]] = 0.0
    system.add(update)


@pytest.mark.parametrize("kind", ["current", "voltage", "power"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_jacobian(variant: str, kind: str) -> None:
    problem = problem_of(VARIANTS[variant][0], 5, VARIANTS[variant][1])
    system, rng, rate = System(problem), np.random.default_rng(5), 1e-2
    problem.control.impose(kind, {"current": 20.0, "voltage": 3.9, "power": 80.0}[kind])
    for closure in problem.closures:
        closure.begin(rate, -rate * closure.state)
    history = -rate * system.storage()
    disturbed(problem, system, rng)
    base = system.get()

    def residual() -> np.ndarray:
        for closure in problem.closures:
            closure.update()
        return system.residual(rate, history)

    A = system.assemble(rate, [closure.update() for closure in problem.closures])
    product, into = A.createVecs()
    for i in range(len(system.functions)):
        direction = np.zeros(system.size)
        part = slice(system.offsets[i], system.offsets[i + 1])
        direction[part] = np.where(system.free[i][: system.owned[i]], rng.normal(size=system.owned[i]), 0.0)
        product.array[:] = direction
        A.mult(product, into)
        values = []
        for sign in (1, -1):
            system.set(base)
            system.add(direction, sign * 1e-5)
            values.append(residual())
        system.set(base)
        finite = (values[0] - values[1]) / 2e-5
        for k in range(len(system.functions)):
            row = slice(system.offsets[k], system.offsets[k + 1])
            scale = max(abs(finite[row]).max(), 1e-3 * abs(finite).max())
            assert abs(into.array[row] - finite[row]).max() <= 1e-6 * scale, (i, k)
