"""The effective conductivity as a tensor.

*Periodic* cell problems give all nine entries: with the potentials t_i = x_i + chi_i of a mean gradient
of one along axis i,

    K_ij = mean of sigma grad t_i . grad t_j

(Bensoussan, Lions and Papanicolaou, Asymptotic Analysis for Periodic Structures, North-Holland 1978, chapter
1). It is symmetric and positive by construction, and as t_i makes its energy stationary, its error is of the
second order in those of the potentials, off the diagonal too. Opposite faces of the image must fit.

*Mixed* conditions, potentials on two opposite faces and no flux through the other four, need no fit and
suit cut-outs of electrodes. They give one number per direction, the diagonal of a structure whose axes
are those of the image; what they say off the diagonal is not defined, and 0 is put there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ..errors import InputError
from .percolation import percolating
from .periodic import periodic
from .voxel import VoxelOptions, effective
from .wrapping import keep_endless

Condition = Literal["periodic", "mixed"]


@dataclass(frozen=True, eq=False)
class Tensor:
    """Effective conductivity of an image along all directions.

    Parameters
    ----------
    conductivity:
        (3, 3), symmetric, in the units of the given ones; axis k is array axis k.
    reference:
        Largest of the given conductivities.
    porosity:
        Volume fraction that conducts.
    condition:
        ``periodic`` or ``mixed``.
    error:
        Bound of the relative error of each diagonal entry of the voxel model, (3,).
    """

    conductivity: np.ndarray
    reference: float
    porosity: float
    condition: Condition
    error: np.ndarray

    @property
    def efficiency(self) -> np.ndarray:
        """Conductivity over that of the phase, (3, 3): what a homogenised model takes as transport."""
        return self.conductivity / self.reference

    @property
    def tau(self) -> np.ndarray:
        """Tortuosity factors of the axes, porosity / efficiency (3,); infinite where nothing gets through."""
        with np.errstate(divide="ignore"):
            return np.asarray(self.porosity / np.diag(self.efficiency))

    @property
    def principal(self) -> tuple[np.ndarray, np.ndarray]:
        """Principal efficiencies, ascending (3,), and their directions, one column each (3, 3)."""
        values, directions = np.linalg.eigh(self.efficiency)
        return values, directions

    @property
    def anisotropy(self) -> float:
        """Largest over smallest principal efficiency."""
        values, _ = self.principal
        return float(values[-1] / values[0]) if values[0] > 0 else float("inf")

    def rotated(self, rotation: np.ndarray) -> Tensor:
        """The same material turned: R K R^T.

        Raises
        ------
        InputError
            No orthogonal (3, 3) matrix.
        """
        r = np.asarray(rotation, dtype=float)
        if r.shape != (3, 3) or np.abs(r @ r.T - np.eye(3)).max() > 1e-9:
            raise InputError(
                "a rotation is an orthogonal matrix", field="rotation", value=r.tolist(),
                remedy="Its columns are where the three axes go",
            )  # fmt: skip
        return replace(self, conductivity=r @ self.conductivity @ r.T)


def tensor(
    labels: np.ndarray,
    conductivity: Mapping[int, float],
    *,
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    condition: Condition = "periodic",
    options: VoxelOptions | None = None,
) -> Tensor:
    """Effective conductivity tensor of an image of three axes.

    Where no cluster goes through along an axis, that row and column are 0, which is exact.

    Raises
    ------
    InputError
        Another condition, or as :func:`.voxel.effective`.
    SolveError
        The tolerance was not met.
    """
    given = np.asarray(labels)
    if condition not in ("periodic", "mixed"):
        raise InputError(
            "there is no such condition at the faces", field="condition", value=condition,
            remedy="Give periodic or mixed",
        )  # fmt: skip
    if given.ndim != 3:
        raise InputError(
            "a tensor needs an image of three axes", field="labels", value=given.shape,
            remedy="A single slice is a stack of one page",
        )  # fmt: skip
    solve = _periodic if condition == "periodic" else _mixed
    found, error = solve(given, conductivity, spacing, options)
    conducting = np.isin(given, _conductors(conductivity))
    reference = max(float(v) for label, v in conductivity.items() if label in np.unique(given))
    return Tensor(found, reference, float(conducting.mean()), condition, error)


Solved = tuple[np.ndarray, np.ndarray]


def _conductors(conductivity: Mapping[int, float]) -> list[int]:
    return [label for label, value in conductivity.items() if value > 0]


def _mixed(
    labels: np.ndarray, conductivity: Mapping[int, float], spacing: tuple[float, float, float],
    options: VoxelOptions | None,
) -> Solved:  # fmt: skip
    found, error = np.zeros((3, 3)), np.zeros(3)
    conducting = np.isin(labels, _conductors(conductivity))
    for axis in range(3):
        if conducting.any() and not percolating(conducting, axis, trim=False).any():
            continue
        solved = effective(labels, conductivity, axis, spacing=spacing, options=options)
        found[axis, axis], error[axis] = solved.effective, solved.error
    return found, error


def _periodic(
    labels: np.ndarray, conductivity: Mapping[int, float], spacing: tuple[float, float, float],
    options: VoxelOptions | None,
) -> Solved:  # fmt: skip
    correctors: dict[int, np.ndarray] = {}
    error = np.zeros(3)
    conducting = np.isin(labels, _conductors(conductivity)).astype(np.uint8)
    for axis in range(3):
        if conducting.any() and not keep_endless(conducting.copy(), axis)[1]:
            continue
        cell = periodic(labels, conductivity, axis, spacing=spacing, options=options, keep_potential=True)
        assert cell.corrector is not None
        correctors[axis], error[axis] = cell.corrector, cell.error
    table = np.zeros(int(labels.max()) + 1)
    for label, value in conductivity.items():
        if label < table.size:
            table[label] = value
    return _energies(table[labels], correctors, spacing), error


def _energies(
    sigma: np.ndarray, correctors: Mapping[int, np.ndarray], spacing: tuple[float, float, float]
) -> np.ndarray:
    """Mean of sigma grad t_i . grad t_j over the faces of all voxels."""
    found = np.zeros((3, 3))
    for a, h in enumerate(spacing):
        beyond = np.roll(sigma, -1, axis=a)
        total = sigma + beyond
        mean = np.divide(2 * sigma * beyond, total, out=np.zeros_like(sigma), where=total > 0)
        gradients = {}
        for i, chi in correctors.items():
            gradient = (np.roll(chi, -1, axis=a) - chi) / h + float(i == a)
            # finite clusters follow the mean gradient until nothing flows in them
            gradients[i] = np.nan_to_num(gradient, nan=0.0)
        for i, first in gradients.items():
            for j, second in gradients.items():
                if j >= i:
                    found[i, j] += float((mean * first * second).mean())
    return np.triu(found) + np.triu(found, 1).T
