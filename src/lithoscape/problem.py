"""The contract between models and solvers.

A model hands over a :class:`Problem`: unknown fields ``u``, a storage ``q(u)``
and a residual ``F(u)`` such that ``d q(u)/dt + F(u) = 0``, node-local states
that are eliminated (:class:`Closure`), one electrical control row and the
functionals to watch. Time stepping, steady solves and impedance all start
from this one statement; no solver knows a model and no model knows a solver.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import dolfinx_solver  # noqa: F401  (orders MPI before the compiled modules)
import numpy as np
from dolfinx import fem

from .mesh.domain import Domain


@dataclass(frozen=True)
class Unknown:
    """One unknown field, in SI.

    ``scale`` is its natural size, used for norms and for scaling the linear
    system; ``row_scale`` that of its equation; ``error_scale`` what the time
    step's relative tolerance refers to (None: not controlled). ``constrained`` are local degrees of
    freedom that keep the value the function has.
    """

    name: str
    unit: str
    function: fem.Function
    scale: float
    row_scale: float
    error_scale: float | None
    differential: bool
    constrained: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int32))
    limits: tuple[np.ndarray, np.ndarray] | None = None
    """Lowest and highest value of every local degree of freedom that an iteration may try."""


class Closure(Protocol):
    """States that live at single nodes and couple to the fields by one flux.

    The residual contains the nodal function :attr:`flux` linearly. For given
    nodal values of the fields ``inputs`` the closure finds the flux together
    with its internal states, and the exact derivatives of the flux.
    """

    name: str
    flux: fem.Function
    inputs: tuple[int, ...]
    nodes: np.ndarray
    state: np.ndarray
    """Internal states at the nodes, shape (nodes, states per node)."""

    def begin(self, rate: float, history: np.ndarray) -> None:
        """Fix ``d state/dt = rate * state + history`` for the coming solve."""

    def update(self) -> tuple[np.ndarray, ...]:
        """Set :attr:`flux` from the current fields; return d flux/d input at the nodes."""

    def advance(self) -> np.ndarray:
        """Internal states that belong to the current flux, shape of :attr:`state`."""

    def guess(self) -> np.ndarray:
        """Copy of the nodal flux, to restore after a failed attempt."""

    def response(self) -> Callable[[complex], tuple[np.ndarray, ...]]:
        """Linearised about the present state: d/dt -> d flux/d input at the nodes, which may be complex."""


class Assembly(Protocol):
    """A problem's own way to its rows: the numbers of its forms, faster.

    Vectors are local, one per unknown, ghosts included: what this process contributes. Matrix entries come as
    (i, j, rows, columns) of local degrees of freedom, values in the same order; those of one place add up.
    """

    entries: list[tuple[int, int, np.ndarray, np.ndarray]]
    mass_entries: list[tuple[int, int, np.ndarray, np.ndarray]]

    def storage(self) -> list[np.ndarray | None]:
        """Stored quantity of every row."""

    def residual(self) -> list[np.ndarray]:
        """F(u), row by row."""

    def tangent(self) -> list[np.ndarray]:
        """dF/du at ``entries``."""

    @property
    def proportional(self) -> bool:
        """Whether everything stored is proportional to the unknowns."""

    def mass(self) -> list[np.ndarray]:
        """dq/du at ``mass_entries``."""

    def condensed(self, rate: float) -> list[np.ndarray]:
        """As :meth:`tangent`, for a preconditioner: as if the "smooth" block had been solved for, roughly."""

    def currents(self, changes: Sequence[np.ndarray] | None = None) -> list[np.ndarray]:
        """Reaction rates at nodes for the present unknowns, or linearly continued by ``changes`` of them."""

    def settle(self, currents: Sequence[np.ndarray]) -> None:
        """Move unknowns at nodes so that reaction rates are these, where that takes little."""


@dataclass(frozen=True)
class Control:
    """The switchable row that says what the cycler imposes.

    ``current``, ``voltage`` and ``power`` are the set points (A/m2, V, W/m2 of
    cell area; discharge positive); exactly one of the ``weight_*`` is 1.
    Changing them recompiles nothing.
    """

    current: fem.Constant
    voltage: fem.Constant
    power: fem.Constant
    weight_current: fem.Constant
    weight_voltage: fem.Constant
    weight_power: fem.Constant

    def impose(self, kind: str, value: float) -> None:
        """Impose ``kind`` ("current", "voltage", "power") at ``value``."""
        for name in ("current", "voltage", "power"):
            getattr(self, f"weight_{name}").value = 1.0 if name == kind else 0.0
        getattr(self, kind).value = value


@dataclass(frozen=True)
class Problem:
    """d q(u)/dt + F(u) = 0 with node-local closures and one control row.

    ``storage[i]`` (or None) and ``residual[i]`` are UFL forms tested with the
    test function of ``unknowns[i]``. ``functionals`` are scalar forms;
    "current" must be the discharge current integrated over the terminal, whose
    size is ``area`` (m2, m or 1 for 3D, 2D, 1D). ``voltage`` reads the
    terminal voltage from the unknowns.
    """

    domain: Domain
    unknowns: tuple[Unknown, ...]
    storage: tuple[Any, ...]
    residual: tuple[Any, ...]
    closures: tuple[Closure, ...]
    control: Control
    functionals: Mapping[str, Any]
    area: float
    terminal: int
    """Index of the unknown that is minus the terminal voltage."""
    entity_maps: tuple[Any, ...] = ()
    """Of the submeshes that unknowns live on, to the mesh of ``domain``."""
    blocks: tuple[tuple[str, tuple[int, ...]], ...] = ()
    """How an iterative solver takes the unknowns apart: "smooth" (storage rules) or "multigrid" (diffusion or
    conduction rules), and the unknowns that belong together, in the order they are solved for. Empty: it
    does not."""
    assembly: Assembly | None = None
    """The problem's own way to its rows, if it has one; else the forms are assembled."""

    def unknown(self, name: str) -> Unknown:
        """The unknown of that name."""
        return next(u for u in self.unknowns if u.name == name)

    def voltage(self) -> float:
        """Terminal voltage [V] (positive collector is the zero of potential)."""
        function = self.unknowns[self.terminal].function
        owned = function.function_space.dofmap.index_map.size_local
        return -float(self.domain.comm.allreduce(float(function.x.array[:owned].sum())))
