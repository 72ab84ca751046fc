"""The periodic cell problem: a mean gradient of one along an axis, everything else periodic.

The potential is x_axis + chi with chi periodic; the effective tensor is the mean of sigma (e_i + grad chi_i)
. (e_j + grad chi_j) (Bensoussan, Lions and Papanicolaou, Asymptotic Analysis for Periodic Structures,
North-Holland 1978, chapter 1), here with the finite volumes of :mod:`~lithoscape.transport.voxel`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numba
import numpy as np

from ..errors import InputError, SolveError
from .checks import check_conductivity, check_labels, check_memory, check_spacing, count_labels
from .conjugate import descend
from .graph import Graph, Hierarchy, hierarchy
from .pose import face_conductances, phases, transcode
from .voxel import VoxelOptions
from .wrapping import keep_endless


@dataclass(frozen=True)
class Cell:
    """Solution of a cell problem.

    Attributes
    ----------
    axis:
        Axis of the mean gradient.
    column:
        Mean flux over minus the mean gradient, along every axis of the image: a column of the effective
        tensor, in the units of the conductivities. Its own axis comes from the energy and has the error
        below; the others are means of the flux and are of first order in the potential, so their error
        (over the diagonal) is about the square root of it.
    porosity, porosity_endless:
        Volume fraction of the phases that conduct; in clusters that go on for ever along the axis.
    error:
        Bound of the relative error of ``column[axis]``.
    iterations:
        Steps of conjugate gradients.
    seconds:
        Wall time [s].
    corrector:
        chi [units of the spacing], with zero mean over what conducts, NaN elsewhere (float64), or None.
    """

    axis: int
    column: np.ndarray
    porosity: float
    porosity_endless: float
    error: float
    iterations: int
    seconds: float
    corrector: np.ndarray | None


def periodic(
    labels: np.ndarray,
    conductivity: Mapping[int, float],
    axis: int = 0,
    *,
    spacing: tuple[float, ...] = (1.0, 1.0, 1.0),
    options: VoxelOptions | None = None,
    keep_potential: bool = False,
) -> Cell:
    """Solve the cell problem of an image that is continued periodically along all axes.

    Parameters
    ----------
    labels, conductivity, axis, spacing:
        As for :func:`~lithoscape.transport.voxel.effective`.
    options:
        Tolerance and number of iterations; boundary and threads do not apply.
    keep_potential:
        Whether the corrector is returned.

    Raises
    ------
    InputError
        As for :func:`~lithoscape.transport.voxel.effective`; nothing conducts for ever along the axis.
    SolveError
        The tolerance was not met in the number of iterations allowed.
    """
    begun = time.perf_counter()
    options = options or VoxelOptions()
    given = check_labels(labels, axis, 1)
    spacing = check_spacing(spacing, given.ndim)
    check_memory(given.size, "periodic")
    values = check_conductivity(count_labels(given), conductivity)
    levels, phase = phases(values)
    code = transcode(given if given.ndim == 3 else given[:, :, None], phase)
    before, after = _endless(code, axis)
    sizes = np.array([*spacing, 1.0][:3])
    face = face_conductances(levels, sizes)
    run = _Run(code, face, sizes, axis)
    energy, converged = descend(
        run.precondition, run.step, run.advance, run.energy(), options.tolerance, options.max_iterations
    )
    volume = code.size * float(np.prod(sizes))
    column = run.flux() / volume
    half = energy.bound / 2
    diagonal = run.energy() - half
    column[axis] = diagonal / volume
    if not converged:
        raise SolveError(
            f"the conductance is not certain to {options.tolerance:g} after {len(energy.alpha)} iterations",
            field="tolerance", value=half / diagonal if np.isfinite(half) else None,
            remedy="Allow more iterations (max_iterations) or a larger tolerance",
        )  # fmt: skip
    return Cell(
        axis=axis,
        column=column[: given.ndim],
        porosity=before / given.size,
        porosity_endless=after / given.size,
        error=half / diagonal,
        iterations=len(energy.alpha),
        seconds=time.perf_counter() - begun,
        corrector=run.corrector().reshape(given.shape) if keep_potential else None,
    )


def _endless(code: np.ndarray, axis: int) -> tuple[int, int]:
    before, after = keep_endless(code, axis)
    if not after:
        raise InputError(
            f"no cluster of what conducts goes on for ever along axis {axis} of the periodic image",
            field="labels",
            remedy="Opposite faces have to fit; for an image that is not periodic use effective()",
        )
    return before, after


class _Run:
    """Network and vectors of one cell problem."""

    def __init__(self, code: np.ndarray, face: np.ndarray, sizes: np.ndarray, axis: int) -> None:
        self.code, self.face, self.sizes, self.axis = code, face, sizes, axis
        self.number = np.cumsum(code > 0, dtype=np.int32).reshape(code.shape) - 1
        n = int(self.number.flat[-1]) + 1
        pointer, column, value = np.zeros(n + 1, np.int32), np.empty(6 * n, np.int32), np.empty(6 * n)
        self.r = np.zeros(n)
        _network(code, self.number, face, float(sizes[axis]), axis, pointer, column, value, self.r)
        size = int(pointer[-1])
        self.pointer, self.column, self.value = pointer, column[:size].copy(), value[:size].copy()
        self.place = np.argwhere(code > 0).astype(np.int32)
        self.levels: Hierarchy = hierarchy(
            Graph(pointer, self.column, self.value.astype(np.float32), np.zeros(n, np.float32), self.place)
        )
        self.diagonal = np.add.reduceat(self.value, pointer[:-1]) if size else np.zeros(n)
        self.x, self.p, self.z = np.zeros(n), np.zeros(n), np.zeros(n)

    def precondition(self) -> float:
        """One multigrid cycle; r.z."""
        levels, n = self.levels, self.r.size
        levels.b[:n] = self.r
        levels.cycle()
        self.z = levels.x[:n].astype(np.float64)
        self.z -= self.z.mean()
        return float(self.r @ self.z)

    def step(self, beta: float) -> float:
        """The next direction and its product."""
        self.p = self.z + beta * self.p
        self.q = _product(self.pointer, self.column, self.value, self.diagonal, self.p)
        return float(self.p @ self.q)

    def advance(self, alpha: float) -> None:
        """The next iterate."""
        self.x += alpha * self.p
        self.r -= alpha * self.q

    def energy(self) -> float:
        """Energy of the iterate: sum of conductance times squared drop."""
        return float(_power(self.code, self.number, self.face, self.sizes, self.axis, self.x)[0])

    def flux(self) -> np.ndarray:
        """Sum of the flux over the image, by axis."""
        return np.asarray(_power(self.code, self.number, self.face, self.sizes, self.axis, self.x)[1])

    def corrector(self) -> np.ndarray:
        """The corrector in the shape of the image."""
        out = np.full(self.code.shape, np.nan)
        out[self.code > 0] = self.x - self.x.mean()
        return out


@numba.njit(cache=True, nogil=True)
def _network(
    code: np.ndarray,
    number: np.ndarray,
    face: np.ndarray,
    drop: float,
    axis: int,
    pointer: np.ndarray,
    column: np.ndarray,
    value: np.ndarray,
    source: np.ndarray,
) -> None:
    nx, ny, nz = code.shape
    size = 0
    for x in range(nx):
        for y in range(ny):
            for z in range(nz):
                if code[x, y, z] == 0:
                    continue
                i = number[x, y, z]
                for n in range(6):
                    d, sign = n >> 1, 1 - 2 * (n & 1)
                    u = (x + sign * (d == 0)) % nx
                    v = (y + sign * (d == 1)) % ny
                    w = (z + sign * (d == 2)) % nz
                    g = face[d, code[x, y, z], code[u, v, w]]
                    j = number[u, v, w]
                    if g == 0.0 or i == j:
                        continue
                    column[size], value[size] = j, g
                    size += 1
                    if d == axis:
                        source[i] += sign * g * drop
                pointer[i + 1] = size


@numba.njit(cache=True, nogil=True, fastmath=True)
def _product(
    pointer: np.ndarray, column: np.ndarray, value: np.ndarray, diagonal: np.ndarray, p: np.ndarray
) -> np.ndarray:
    out = np.empty_like(p)
    for i in range(p.size):
        total = diagonal[i] * p[i]
        for k in range(pointer[i], pointer[i + 1]):
            total -= value[k] * p[column[k]]
        out[i] = total
    return out


@numba.njit(cache=True, nogil=True)
def _power(
    code: np.ndarray, number: np.ndarray, face: np.ndarray, sizes: np.ndarray, axis: int, chi: np.ndarray
) -> tuple[float, np.ndarray]:
    """Power of the faces, and their flux times their distance by axis."""
    nx, ny, nz = code.shape
    power, flux = 0.0, np.zeros(3)
    for x in range(nx):
        for y in range(ny):
            for z in range(nz):
                if code[x, y, z] == 0:
                    continue
                for d in range(3):
                    u = (x + (d == 0)) % nx
                    v = (y + (d == 1)) % ny
                    w = (z + (d == 2)) % nz
                    g = face[d, code[x, y, z], code[u, v, w]]
                    if g == 0.0:
                        continue
                    drop = chi[number[u, v, w]] - chi[number[x, y, z]]
                    if d == axis:
                        drop += sizes[d]
                    power += g * drop * drop
                    flux[d] += g * drop * sizes[d]
    return power, flux
