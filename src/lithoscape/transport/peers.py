"""Other solvers through the interface of this one: the same image, the same definition, the same return type.

=============  ====================================================================  ==================
engine         what it is                                                            ends
=============  ====================================================================  ==================
``voxel``      finite volumes on voxels, :mod:`.voxel`                               ``face``, ``node``
``fem``        finite elements on a mesh with smooth surfaces, :mod:`.fem`           ``face``
``porespy``    PoreSpy's ``tortuosity_fd``: finite differences, OpenPNM and PyAMG    ``node``
``taufactor``  TauFactor's ``Solver``: over-relaxation in PyTorch                    ``face``
=============  ====================================================================  ==================

PoreSpy imposes the potentials in the centres of the first and the last layer (``node``), TauFactor on the
outer faces (``face``); PoreSpy divides by the percolating porosity, TauFactor by the whole. Both are kept
apart here: ``tau`` is with the whole porosity and ``tau_percolating`` with the percolating one, whoever
solved.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError, SolveError, nearest
from .checks import check_conductivity, count_labels
from .percolation import percolating
from .voxel import Transport, VoxelOptions, effective

Spacing = tuple[float, float, float]
CUBE = (1.0, 1.0, 1.0)
MOST_SWEEPS = 200_000
"""Sweeps at which TauFactor gives up."""


@dataclass(frozen=True)
class Engine:
    """A solver of the table above.

    Parameters
    ----------
    boundaries:
        Where it can impose potentials, its own choice first.
    needs:
        Modules that must be installed.
    remedy:
        How to get them.
    """

    boundaries: tuple[str, ...]
    needs: tuple[str, ...] = ()
    remedy: str = ""


ENGINES: Mapping[str, Engine] = {
    "voxel": Engine(("face", "node")),
    "fem": Engine(("face",)),
    "porespy": Engine(("node",), ("porespy", "openpnm", "pyamg"), "pip install 'lithoscape[peers]'"),
    "taufactor": Engine(("face",), ("taufactor", "torch"), "pip install 'lithoscape[taufactor]'"),
}
PEERS = ("porespy", "taufactor")


def installed(engine: str) -> bool:
    """Whether what an engine needs is there; InputError for an unknown engine."""
    return all(importlib.util.find_spec(name) is not None for name in _engine(engine).needs)


def require(engine: str, boundary: str | None = None) -> str:
    """The boundary an engine will use; InputError if it is unknown, not installed or cannot do as asked."""
    known = _engine(engine)
    if not installed(engine):
        missing = [name for name in known.needs if importlib.util.find_spec(name) is None]
        raise InputError(
            f"this engine needs {' and '.join(missing)}, which is not installed", field="engine",
            value=engine, remedy=known.remedy,
        )  # fmt: skip
    if boundary is not None and boundary not in known.boundaries:
        raise InputError(
            f"the engine {engine} imposes potentials in one way only", field="boundary", value=boundary,
            remedy=f"Give {' or '.join(known.boundaries)}, or choose the engine voxel",
        )  # fmt: skip
    return known.boundaries[0] if boundary is None else boundary


def effective_by(
    engine: str,
    labels: np.ndarray,
    conductivity: Mapping[int, float],
    axis: int = 0,
    *,
    spacing: Spacing = CUBE,
    tolerance: float = 1e-3,
    boundary: str | None = None,
    keep_potential: bool = False,
) -> Transport:
    """Effective conductivity of an image by the named engine.

    Parameters
    ----------
    engine:
        Of :data:`ENGINES`.
    labels, conductivity, axis, spacing, keep_potential:
        As for :func:`.voxel.effective`. PoreSpy and TauFactor take one conducting phase and cubic voxels.
    tolerance:
        As the engine understands it: relative error of the conductance for ``voxel`` and ``fem``, relative
        difference of the fluxes for PoreSpy (inlet and outlet) and TauFactor (largest and smallest layer).
    boundary:
        ``face`` or ``node``; the engine's own if not given.

    Raises
    ------
    InputError
        An unknown engine, one that is not installed, or what it cannot do; nothing that conducts across.
    SolveError
        No convergence.
    """
    ends = require(engine, boundary)
    if engine == "voxel":
        return effective(
            labels, conductivity, axis, spacing=spacing, options=VoxelOptions(tolerance, ends),
            keep_potential=keep_potential,
        )  # fmt: skip
    if engine == "fem":
        from .fem import effective_of_image

        return effective_of_image(labels, conductivity, axis, spacing=spacing, tolerance=tolerance)
    began = time.perf_counter()
    mask, sigma = _one_phase(engine, labels, conductivity, spacing)
    crossing = percolating(mask, axis, trim=False)
    if not crossing.any():
        raise InputError(
            "nothing that conducts reaches from one face to the other", field="axis", value=axis,
            remedy="Choose another direction or phase",
        )  # fmt: skip
    solve = _SOLVERS[engine]
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), _silent():
        warnings.simplefilter("ignore")
        efficiency, steps, potential = solve(mask, axis, tolerance)
    if potential is not None:
        potential = np.where(crossing, potential, np.nan).astype(np.float32)
    return Transport(
        axis, sigma * efficiency, efficiency, float(mask.mean()), float(crossing.mean()), tolerance, steps,
        time.perf_counter() - began, potential if keep_potential else None, ends, spacing,
        dict(conductivity),
    )  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """One engine beside the voxel solver of this package on one image, in the definition of that engine.

    Parameters
    ----------
    engine:
        The other one.
    theirs, ours:
        What they found.
    """

    engine: str
    theirs: Transport
    ours: Transport

    @property
    def difference(self) -> float:
        """Relative difference of the tortuosity factors, theirs over ours less one."""
        return self.theirs.tau / self.ours.tau - 1

    @property
    def speedup(self) -> float:
        """Their time over ours."""
        return self.theirs.seconds / self.ours.seconds


def cross_check(
    labels: np.ndarray,
    conductivity: Mapping[int, float],
    axis: int = 0,
    *,
    engines: Sequence[str] = PEERS,
    tolerance: float = 1e-3,
    spacing: Spacing = CUBE,
) -> list[Comparison]:
    """Every engine beside the voxel solver on one image; errors as :func:`effective_by`."""
    return [
        Comparison(
            name,
            effective_by(name, labels, conductivity, axis, tolerance=tolerance, spacing=spacing),
            effective_by(
                "voxel", labels, conductivity, axis, tolerance=tolerance, spacing=spacing,
                boundary=require(name),
            ),
        )
        for name in engines
    ]  # fmt: skip


def _engine(name: str) -> Engine:
    if name not in ENGINES:
        raise InputError(
            "there is no such engine", field="engine", value=name, remedy=nearest(name, list(ENGINES))
        )
    return ENGINES[name]


def _one_phase(
    engine: str, labels: np.ndarray, conductivity: Mapping[int, float], spacing: Spacing
) -> tuple[np.ndarray, float]:
    """Mask of the conducting phase and its conductivity."""
    given = np.asarray(labels)
    values = set(check_conductivity(count_labels(given), conductivity).values()) - {0.0}
    if len(values) != 1:
        raise InputError(
            f"the engine {engine} solves one conducting phase", field="conductivity",
            value=dict(conductivity), remedy="Choose the engine voxel or fem for several",
        )  # fmt: skip
    if max(spacing) > min(spacing) * (1 + 1e-6):
        raise InputError(
            f"the engine {engine} takes cubic voxels", field="spacing", value=tuple(spacing),
            remedy="Choose the engine voxel or fem",
        )  # fmt: skip
    if given.ndim != 3:
        raise InputError(
            f"the engine {engine} takes three axes", field="labels", value=given.shape,
            remedy="A single slice is a stack of one page",
        )  # fmt: skip
    return np.isin(given, [label for label, value in conductivity.items() if value > 0]), values.pop()


Found = tuple[float, int, np.ndarray | None]
"""Efficiency, steps, potential from 1 to 0."""


def _by_porespy(mask: np.ndarray, axis: int, tolerance: float) -> Found:
    # OpenPNM imports petsc4py if it is there, and that needs MPI to be found first
    import dolfinx_solver  # noqa: F401
    from porespy.simulations import tortuosity_fd

    found = tortuosity_fd(mask, axis, ftol=tolerance)
    if not found.converged:
        raise SolveError(
            "PoreSpy did not reach the tolerance", field="tolerance", value=tolerance,
            remedy="Allow a larger one",
        )  # fmt: skip
    return 1 / float(found.formation_factor), 0, np.asarray(found.im_conc)


def _by_taufactor(mask: np.ndarray, axis: int, tolerance: float) -> Found:
    import taufactor

    image = np.ascontiguousarray(np.moveaxis(mask, axis, 0).astype(np.uint8))
    solver = taufactor.Solver(image, device="cpu")
    solver.solve(iter_limit=MOST_SWEEPS, verbose=False, conv_crit=tolerance)
    if not solver.converged:
        raise SolveError(
            f"TauFactor did not reach the tolerance in {MOST_SWEEPS} sweeps", field="tolerance",
            value=tolerance, remedy="Allow a larger one; its single precision ends near 1e-5",
        )  # fmt: skip
    field = solver.field[0, 1:-1, 1:-1, 1:-1].cpu().numpy()
    return float(solver.D_rel[0]), int(solver.iter), np.moveaxis(0.5 - field, 0, axis)


_SOLVERS: Mapping[str, Callable[[np.ndarray, int, float], Found]] = {
    "porespy": _by_porespy,
    "taufactor": _by_taufactor,
}


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """No lines of other packages' loggers."""
    import logging

    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
