"""First-order elements on simplices by compiled loops: gradients, and where their entries go in a matrix.

Everything a row of first-order Lagrange functions needs when its coefficients are constant in every cell: the
products of the gradients of the basis functions, once, and loops that apply them or add them up.
"""

from __future__ import annotations

from dataclasses import dataclass

import dolfinx_solver  # noqa: F401  (orders MPI before the compiled modules)
import numba
import numpy as np
import ufl
from dolfinx import fem


@dataclass(frozen=True, eq=False)
class Simplices:
    """The owned cells of a mesh with a first-order Lagrange space.

    Parameters
    ----------
    dofs:
        (cells, corners) local degrees of freedom.
    volumes:
        [m3] ([m2] in 2D).
    stiffness:
        (cells, corners, corners): integral of grad phi_i . T grad phi_j, T a tensor per cell.
    indptr, indices:
        Pattern of a matrix over all local rows and columns, ghosts included.
    places:
        (cells, corners * corners) int32: entry of the pattern for every pair of corners.
    """

    dofs: np.ndarray
    volumes: np.ndarray
    stiffness: np.ndarray
    indptr: np.ndarray
    indices: np.ndarray
    places: np.ndarray

    @classmethod
    def of(cls, space: fem.FunctionSpace, tensors: np.ndarray | None = None) -> Simplices:
        """Of a first-order Lagrange space on triangles or tetrahedra; ``tensors`` (cells, d, d), if any."""
        msh = space.mesh
        dim = msh.topology.dim
        owned = msh.topology.index_map(dim).size_local
        dofs = np.ascontiguousarray(space.dofmap.list[:owned], dtype=np.int32)
        corners = msh.geometry.x[msh.geometry.dofmaps[0][:owned]][:, :, :dim]
        stiffness, volumes = _stiffness(np.ascontiguousarray(corners), tensors)
        u, v = ufl.TrialFunction(space), ufl.TestFunction(space)
        pattern = fem.create_matrix(fem.form(ufl.inner(ufl.grad(u), ufl.grad(v)) * ufl.dx))
        indptr, indices = np.asarray(pattern.indptr), np.asarray(pattern.indices)
        return cls(dofs, volumes, stiffness, indptr, indices, _places(dofs, indptr, indices))

    @property
    def rows(self) -> np.ndarray:
        """Row of every entry of the pattern."""
        return np.repeat(np.arange(self.indptr.size - 1), np.diff(self.indptr)).astype(np.int32)

    def means(self, values: np.ndarray) -> np.ndarray:
        """Value at the middle of every cell."""
        return _means(self.dofs, values)

    def lumped(self, factor: np.ndarray | None = None, size: int | None = None) -> np.ndarray:
        """Volume of every degree of freedom, times a factor by cell."""
        out = np.zeros(self.indptr.size - 1 if size is None else size)
        weight = self.volumes if factor is None else self.volumes * factor
        np.add.at(out, self.dofs, (weight / self.dofs.shape[1])[:, None])
        return out

    def flux(self, coefficient: np.ndarray, values: np.ndarray, out: np.ndarray) -> None:
        """Add the integral of a T grad u . grad phi_i to ``out``; coefficient a by cell."""
        _flux(self.dofs, self.stiffness, coefficient, values, out)

    def stiff(self, coefficient: np.ndarray, data: np.ndarray) -> None:
        """Add its derivative by u at constant a to the entries ``data`` of the pattern."""
        _stiff(self.stiffness, self.places, coefficient, data)

    def drift(self, slope: np.ndarray, values: np.ndarray, data: np.ndarray) -> None:
        """Add its derivative by what a depends on; ``slope`` is da by the value at the middle of a cell."""
        _drift(self.dofs, self.stiffness, self.places, slope, values, data)


@numba.njit(cache=True)
def _stiffness_of(corners, tensors, isotropic, stiffness, volumes):  # type: ignore[no-untyped-def]
    cells, n, dim = corners.shape
    jacobian = np.empty((dim, dim))
    gradients = np.empty((n, dim))
    turned = np.empty((n, dim))
    for c in range(cells):
        for i in range(dim):
            for k in range(dim):
                jacobian[i, k] = corners[c, i + 1, k] - corners[c, 0, k]
        inverse = np.linalg.inv(jacobian)
        volume = abs(np.linalg.det(jacobian)) / (2.0 if dim == 2 else 6.0)
        volumes[c] = volume
        for k in range(dim):
            gradients[0, k] = 0.0
            for i in range(dim):
                gradients[i + 1, k] = inverse[k, i]
                gradients[0, k] -= inverse[k, i]
        for i in range(n):
            for k in range(dim):
                if isotropic:
                    turned[i, k] = gradients[i, k]
                else:
                    turned[i, k] = 0.0
                    for m in range(dim):
                        turned[i, k] += tensors[c, k, m] * gradients[i, m]
        for i in range(n):
            for j in range(n):
                total = 0.0
                for k in range(dim):
                    total += gradients[i, k] * turned[j, k]
                stiffness[c, i, j] = volume * total


def _stiffness(corners: np.ndarray, tensors: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    cells, n, dim = corners.shape
    stiffness, volumes = np.empty((cells, n, n)), np.empty(cells)
    given = np.empty((0, dim, dim)) if tensors is None else np.ascontiguousarray(tensors, float)
    _stiffness_of(corners, given, tensors is None, stiffness, volumes)
    return stiffness, volumes


@numba.njit(cache=True)
def _places(dofs, indptr, indices):  # type: ignore[no-untyped-def]
    cells, n = dofs.shape
    out = np.empty((cells, n * n), np.int32)
    for c in range(cells):
        for i in range(n):
            first, last = indptr[dofs[c, i]], indptr[dofs[c, i] + 1]
            for j in range(n):
                low, high = first, last - 1
                while low < high:
                    middle = (low + high) // 2
                    if indices[middle] < dofs[c, j]:
                        low = middle + 1
                    else:
                        high = middle
                out[c, i * n + j] = low
    return out


@numba.njit(cache=True)
def _means(dofs, values):  # type: ignore[no-untyped-def]
    cells, n = dofs.shape
    out = np.empty(cells)
    for c in range(cells):
        total = 0.0
        for i in range(n):
            total += values[dofs[c, i]]
        out[c] = total / n
    return out


@numba.njit(cache=True)
def _flux(dofs, stiffness, coefficient, values, out):  # type: ignore[no-untyped-def]
    cells, n = dofs.shape
    for c in range(cells):
        for i in range(n):
            total = 0.0
            for j in range(n):
                total += stiffness[c, i, j] * values[dofs[c, j]]
            out[dofs[c, i]] += coefficient[c] * total


@numba.njit(cache=True)
def _stiff(stiffness, places, coefficient, data):  # type: ignore[no-untyped-def]
    cells, n, _ = stiffness.shape
    for c in range(cells):
        for i in range(n):
            for j in range(n):
                data[places[c, i * n + j]] += coefficient[c] * stiffness[c, i, j]


@numba.njit(cache=True)
def _drift(dofs, stiffness, places, slope, values, data):  # type: ignore[no-untyped-def]
    cells, n = dofs.shape
    for c in range(cells):
        for i in range(n):
            total = 0.0
            for j in range(n):
                total += stiffness[c, i, j] * values[dofs[c, j]]
            total *= slope[c] / n
            for j in range(n):
                data[places[c, i * n + j]] += total
