"""What each process adds to an impedance: the spectrum with and without it.

A process is switched off by making it a million times faster, or absent, at the same concentrations;
potentials are made consistent again. Contributions are differences to the whole and do not add up to it
where processes share their place (a double layer beside charge transfer, diffusion behind it).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import InputError
from ..mesh.domain import Domain
from ..models.homogenised import HomogenisedCell, homogenised
from ..models.resolved import ResolvedCell, resolved
from ..problem import Problem
from ..spectra import Spectrum
from .spectrum import spectrum
from .switch import Cell, processes_of, switched_off


def build(domain: Domain, cell: Cell) -> Problem:
    """The problem of a homogenised or resolved cell."""
    return resolved(domain, cell) if isinstance(cell, ResolvedCell) else homogenised(domain, cell)


def contributions(
    domain: Domain,
    cell: HomogenisedCell | ResolvedCell,
    frequencies: np.ndarray,
    *,
    processes: Sequence[str] | None = None,
    state: Problem | None = None,
    current_density: float = 0.0,
    tolerance: float | None = None,
) -> dict[str, Spectrum]:
    """Spectra of the whole ("all") and without each process ("without charge transfer", ...).

    Parameters
    ----------
    domain, cell:
        Mesh and specification.
    frequencies:
        [Hz].
    processes:
        Names from :data:`~lithoscape.impedance.switch.PROCESSES`; None: all that the cell has.
    state:
        A problem built from the same mesh and specification, whose concentrations are taken; None: the
        initial ones.
    current_density:
        Direct current under which the spectra are taken [A/m2], discharge positive.
    tolerance:
        As of :func:`~lithoscape.impedance.spectrum.spectrum`.

    Raises
    ------
    InputError
        An unknown process, a state of another problem.
    """
    chosen = processes_of(cell) if processes is None else tuple(processes)
    variants = {"all": cell} | {f"without {name}": switched_off(cell, name) for name in chosen}
    out = {}
    for name, variant in variants.items():
        problem = build(domain, variant)
        if state is not None:
            copy_state(state, problem)
        out[name] = spectrum(
            problem, frequencies, current_density=current_density, tolerance=tolerance, about={"cell": name}
        )
    return out


def copy_state(source: Problem, target: Problem) -> None:
    """Values of all unknowns and closures from one problem into another on the same mesh."""
    a, b = source.unknowns, target.unknowns
    if [u.function.x.array.size for u in a] != [u.function.x.array.size for u in b]:
        raise InputError(
            "the state is that of another problem", field="state", value=[u.name for u in a],
            remedy="Build both from the same mesh and specification",
        )  # fmt: skip
    for old, new in zip(a, b, strict=True):
        new.function.x.array[:] = old.function.x.array
    for past, now in zip(source.closures, target.closures, strict=True):
        now.state[:] = past.state
        now.flux.x.array[:] = past.flux.x.array
