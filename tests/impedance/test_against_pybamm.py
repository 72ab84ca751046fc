"""Spectra against PyBaMM's EISSimulation of its Doyle-Fuller-Newman model."""

from dataclasses import replace

import numpy as np
from cells import cell_of, problem_of

from lithoscape.impedance import log_frequencies, spectrum
from lithoscape.validation.references import pybamm_reference as reference

NAME, LAYER = "Xu2019", 0.2
F = log_frequencies(1e-3, 1e5, 3)


def peer(points: int) -> np.ndarray:
    """PyBaMM's half cell with double layers, ``points`` in x [ohm m2]; there is none at the lithium here."""
    return reference.half_cell_spectrum(NAME, F, LAYER, points)


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
