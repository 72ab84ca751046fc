"""Any number of frequencies for a few solves: rational Krylov projection of a linearised problem.

Solutions at some frequencies, real and imaginary parts, span a space on which the whole system is projected
(Ruhe, Linear Algebra Appl. 58 (1984) 391; Grimme, PhD thesis, University of Illinois, 1997). Closures are not
approximated: their transfer functions are evaluated at every frequency and projected. The next frequency is
where the residual of the projection is largest; what the projection had said there, against the solve, is its
error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mpi4py import MPI

from ..errors import InputError, SolveError
from .frequency import Linearised

TOLERANCE, ITERATIVE_TOLERANCE = 1e-6, 1e-4
"""Usual relative error of impedances of systems that are factorised, and of larger ones."""
SMALL = 3000
"""Unknowns below which factors at every frequency cost less than a projection."""
_MOST = 60
_AGREEING = 2
"""Solves in a row that the projection must have foreseen to within the tolerance."""
_CANDIDATES = 32
"""Frequencies at most that are looked at for the next solve."""


@dataclass
class ReducedModel:
    """A linearised problem projected on a few solutions; gives impedances [ohm m2] anywhere between them.

    Parameters
    ----------
    linearised:
        What is projected.
    shifts:
        Angular frequencies that were solved for [rad/s].
    foreseen:
        Relative error of the projection at each of ``shifts`` before it was solved for.
    """

    linearised: Linearised
    shifts: list[float] = field(default_factory=list)
    foreseen: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        # orthonormal basis, J and M times it, owned rows; then projected
        self.basis, self._steady, self._mass = (np.empty((self.linearised.system.size, 0)) for _ in range(3))
        self._small: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        self._gram = np.empty((0, 0))

    @property
    def error(self) -> float:
        """The largest of the last errors found by solving."""
        return max(self.foreseen[-_AGREEING:], default=np.inf)

    def extend(self, omega: float) -> None:
        """Solve at one more frequency, note how well that was foreseen, and project on it too."""
        lin, known = self.linearised, bool(self.shifts)
        start = self.basis @ self._coordinates(omega) if known else None
        found = lin.solve(omega, start)
        exact = lin.impedance(omega, found)
        self.foreseen.append(np.inf if start is None else abs(lin.impedance(omega, start) / exact - 1))
        self.shifts.append(float(omega))
        for part in (found.real, found.imag):
            self._orthonormalise(part)
        self._project()

    def impedances(self, omegas: np.ndarray) -> np.ndarray:
        """Impedances [ohm m2] at angular frequencies [rad/s]."""
        lin = self.linearised
        return np.array([lin.impedance(w, self.basis @ self._coordinates(w)) for w in omegas])

    def residual(self, omega: float) -> float:
        """Norm of what the projection leaves, relative to the right-hand side."""
        lin, y = self.linearised, self._coordinates(omega)
        if lin.responses:
            left = lin.right - self._times(1j * omega) @ y
            return float(np.sqrt(self._sum(np.vdot(left, left).real) / self._sum(lin.right @ lin.right)))
        z = np.concatenate([[-1.0], y, 1j * omega * y])
        return float(np.sqrt(max((z.conj() @ self._gram @ z).real, 0.0) / self._gram[0, 0]))

    def _coordinates(self, omega: float) -> np.ndarray:
        """Solution of the projected system."""
        assert self._small is not None
        right, steady, mass = self._small
        matrix = steady + 1j * omega * mass
        if self.linearised.responses:
            matrix = matrix + self._sum(self._closures(1j * omega))
        return np.asarray(np.linalg.solve(matrix, right.astype(complex)))

    def _closures(self, rate: complex) -> np.ndarray:
        """What the closures add to the projected system, by the rows of this process."""
        out = np.zeros((self.basis.shape[1],) * 2, dtype=complex)
        for rows, columns, factor in self._closure_terms(rate):
            out += self.basis[rows].T @ (factor[:, None] * self.basis[columns])
        return out

    def _closure_terms(self, rate: complex) -> Any:
        """(Rows, columns, factor) of node-diagonal entries."""
        lin = self.linearised
        transfers, offsets = lin.transfers(rate), lin.system.offsets
        for i, j, (k, a, ok, weight), nodes in lin.system.closure_terms():
            yield offsets[i] + nodes, offsets[j] + nodes, weight * transfers[k][a][ok]

    def _times(self, rate: complex) -> np.ndarray:
        """The system at a rate times the basis."""
        out = self._steady + rate * self._mass
        for rows, columns, factor in self._closure_terms(rate):
            out[rows] += factor[:, None] * self.basis[columns]
        out[self.linearised.still] = 0.0
        return out

    def _orthonormalise(self, vector: np.ndarray) -> None:
        """One more vector of the basis, unless it is nothing new."""
        whole = float(np.sqrt(self._sum(vector @ vector)))
        if whole == 0.0:
            return
        vector = vector / whole
        for _ in range(2):
            vector = vector - self.basis @ self._sum(self.basis.T @ vector)
        norm = float(np.sqrt(self._sum(vector @ vector)))
        if norm < 1e-12:
            return
        vector = vector / norm
        steady, mass = self.linearised.multiply(vector)
        self.basis = np.column_stack([self.basis, vector])
        self._steady = np.column_stack([self._steady, steady])
        self._mass = np.column_stack([self._mass, mass])

    def _project(self) -> None:
        V, right = self.basis, self.linearised.right
        self._small = (
            self._sum(V.T @ right),
            self._sum(V.T @ self._steady),
            self._sum(V.T @ self._mass),
        )
        if not self.linearised.responses:
            every = np.column_stack([right, self._steady, self._mass])
            self._gram = self._sum(every.T @ every)

    def _sum(self, local: Any) -> Any:
        comm = self.linearised.system.comm
        return local if comm.size == 1 else comm.allreduce(local, op=MPI.SUM)


def reduce(linearised: Linearised, frequencies: np.ndarray, tolerance: float = TOLERANCE) -> ReducedModel:
    """Project until impedances at ``frequencies`` [Hz] are within ``tolerance``.

    Raises
    ------
    InputError
        No frequency, or one that is not positive and finite.
    SolveError
        The tolerance is not reached.
    """
    omegas = np.unique(2 * np.pi * checked(frequencies))
    model = ReducedModel(linearised)
    left = omegas[np.unique(np.linspace(0, omegas.size - 1, _CANDIDATES).round().astype(int))]
    for omega in np.unique([left[0], left[-1]]):
        model.extend(omega)
    left = np.setdiff1d(left, model.shifts)
    before: np.ndarray | None = None
    while left.size and not (len(model.shifts) >= 2 + _AGREEING and model.error <= tolerance):
        if len(model.shifts) >= _MOST:
            raise SolveError(
                f"the impedance is not within the tolerance after {_MOST} solves", field="tolerance",
                value=tolerance, remedy="Ask for a narrower range of frequencies or a larger tolerance",
            )  # fmt: skip
        if len(model.shifts) == 2:
            chosen = left.size // 2
        else:
            chosen, before = _most_doubtful(model, left, before)
        model.extend(left[chosen])
        left = np.delete(left, chosen)
        before = None if before is None else np.delete(before, chosen)
    return model


def _most_doubtful(
    model: ReducedModel, omegas: np.ndarray, before: np.ndarray | None
) -> tuple[int, np.ndarray]:
    """Where the residual, and what the last solve changed, are largest together; the impedances now."""
    now = model.impedances(omegas)
    doubt = np.array([model.residual(omega) for omega in omegas])
    if before is not None:
        doubt = doubt * np.abs(now / before - 1)
    return int(np.argmax(doubt)), now


def impedances(linearised: Linearised, frequencies: np.ndarray, tolerance: float | None = None) -> np.ndarray:
    """Impedances [ohm m2] at ``frequencies`` [Hz], each solved for or projected, whichever takes less.

    Parameters
    ----------
    tolerance:
        Relative; None: ``TOLERANCE``, or ``ITERATIVE_TOLERANCE`` of systems that are solved by iterations.
        0: solve at every frequency.

    Raises
    ------
    InputError
        No frequency, or one that is not positive and finite; a negative tolerance.
    SolveError
        The tolerance is not reached.
    """
    omegas = 2 * np.pi * checked(frequencies)
    if tolerance is None:
        tolerance = ITERATIVE_TOLERANCE if linearised.iterative else TOLERANCE
        tolerance = 0.0 if not linearised.iterative and linearised.size < SMALL else tolerance
    if not 0 <= tolerance < 1:
        raise InputError(
            "a relative tolerance lies between 0 and 1", field="tolerance", value=tolerance,
            remedy="Such as 1e-4; 0 solves at every frequency",
        )  # fmt: skip
    if tolerance == 0:
        return np.array([linearised.impedance(w, linearised.solve(w)) for w in omegas])
    return reduce(linearised, omegas / (2 * np.pi), tolerance).impedances(omegas)


def checked(frequencies: np.ndarray) -> np.ndarray:
    """Frequencies [Hz] as an array; InputError unless there are some, positive and finite."""
    values = np.atleast_1d(np.asarray(frequencies, dtype=float))
    if values.size == 0 or not (np.isfinite(values).all() and values.min() > 0):
        raise InputError(
            "frequencies are positive and finite", field="frequencies [Hz]",
            value=values.tolist() if values.size < 5 else f"{values.size} of them",
            remedy="Such as 0.01 to 1e5",
        )  # fmt: skip
    return values
