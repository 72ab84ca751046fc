"""Spectra against PyBaMM's EISSimulation of its Doyle-Fuller-Newman model."""

from dataclasses import replace

import numpy as np
import pybamm
import pybamm_reference as reference
from cells import cell_of, problem_of

from lithoscape.impedance import log_frequencies, spectrum

NAME, LAYER = "Xu2019", 0.2
F = log_frequencies(1e-3, 1e5, 3)


def peer(points: int) -> np.ndarray:
    """PyBaMM's half cell with double layers, ``points`` in x and 60 in r, close to the surface [ohm m2]."""
    model = pybamm.lithium_ion.DFN({"working electrode": "positive", "surface form": "differential"})
    values = reference.parameter_values(NAME)
    # ours has no double layer at the lithium
    layers = {"Positive": LAYER, "Negative": 1e-12}
    values.update(
        {f"{side} electrode double-layer capacity [F.m-2]": c for side, c in layers.items()},
        check_already_exists=False,
    )
    with reference._bare_equations(True):
        mesh = reference._mesh(model, points, 60, 6.0)
        solution = pybamm.EISSimulation(model, parameter_values=values, **mesh).solve(F)
    return np.asarray(solution.impedance) * reference.electrode_area(NAME)


def ours(cells: int) -> np.ndarray:
    cell = cell_of(NAME, radial_nodes=32)
    regions = tuple(replace(r, double_layer=LAYER if r.electrode else 0.0) for r in cell.regions)
    problem = problem_of(NAME, cells, replace(cell, regions=regions))
    return spectrum(problem, F, current_density=0.0).impedance


def test_a_half_cell() -> None:
    # ours converges with the second power of the mesh, PyBaMM's with the first
    coarse, fine = ours(20), ours(40)
    theirs = 2 * peer(80) - peer(40)
    limit = (4 * fine - coarse) / 3
    assert np.abs(fine / limit - 1).max() < 1e-3
    assert np.abs(theirs / limit - 1).max() < 2e-3
    # where neither mesh matters much: diffusion in particles and electrolyte
    slow = (F > 0.02) & (F < 10)
    assert np.abs(theirs / limit - 1)[slow].max() < 3e-4
