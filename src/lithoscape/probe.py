"""Probes: what to read from the fields at every step, compiled once.

A probe maps node values to numbers through a sparse weight matrix that is
built when it is declared; evaluating it is one product per step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import dolfinx_solver  # noqa: F401  (orders MPI before the compiled modules)
import numpy as np
from dolfinx import fem, geometry
from mpi4py import MPI
from scipy import sparse

from .errors import InputError
from .mesh.domain import Domain


@dataclass(frozen=True)
class Box:
    """Axis-aligned box [m]; coordinates folded at the plane x = 0 if ``mirrored``."""

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    mirrored: bool = False

    def samples(self, per_axis: int) -> np.ndarray:
        """Midpoint-rule points (n, 3)."""
        axes = [
            low + (np.arange(per_axis) + 0.5) * (high - low) / per_axis
            for low, high in zip(self.lower, self.upper, strict=True)
        ]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
        points = np.zeros((grid.shape[0], 3))
        points[:, : grid.shape[1]] = grid
        if self.mirrored:
            points[:, 0] = np.abs(points[:, 0])
        return points


class BoxAverages:
    """Weighted averages of a P1 field over boxes: int w u dx / int w dx.

    Parameters
    ----------
    domain, space:
        The mesh and its P1 space.
    weights:
        Cellwise weight functions (DG0), one per field that is averaged together;
        for a state of lithiation the active fraction of each particle class.
    boxes:
        The boxes.
    per_axis:
        Samples per box edge (midpoint rule).

    Attributes
    ----------
    signal:
        Mean weight in each box, shape (boxes,): the active fraction seen.
    """

    def __init__(
        self,
        domain: Domain,
        space: fem.FunctionSpace,
        weights: Sequence[fem.Function],
        boxes: Sequence[Box],
        per_axis: int = 16,
    ) -> None:
        self.comm = domain.comm
        dofs = space.dofmap.index_map.size_local + space.dofmap.index_map.num_ghosts
        shape = (len(boxes), dofs)
        entries = [_Entries() for _ in weights]
        for b, box in enumerate(boxes):
            points = box.samples(per_axis)
            cells = _owned_cells(domain, points)
            _require_inside(domain, cells, box)
            found = cells >= 0
            values = _basis(domain, points[found], cells[found])
            nodes = space.dofmap.list[cells[found]]
            for entry, weight in zip(entries, weights, strict=True):
                w = weight.x.array[cells[found]][:, None] * values / points.shape[0]
                entry.add(np.full(nodes.size, b), nodes.ravel(), w.ravel())
        self.matrices = [entry.matrix(shape) for entry in entries]
        total = sum((np.asarray(m.sum(axis=1)).ravel() for m in self.matrices), np.zeros(len(boxes)))
        self.signal = self.comm.allreduce(total, op=MPI.SUM)

    def __call__(self, fields: Sequence[np.ndarray]) -> np.ndarray:
        """Averages (boxes,) of the local node values, one array per weight; NaN without signal."""
        local = sum((m @ f for m, f in zip(self.matrices, fields, strict=True)), np.zeros(self.signal.size))
        total = self.comm.allreduce(local, op=MPI.SUM)
        return np.where(self.signal > 0, total / np.where(self.signal > 0, self.signal, 1.0), np.nan)


class _Entries:
    def __init__(self) -> None:
        self.rows: list[np.ndarray] = []
        self.cols: list[np.ndarray] = []
        self.data: list[np.ndarray] = []

    def add(self, rows: np.ndarray, cols: np.ndarray, data: np.ndarray) -> None:
        self.rows.append(rows)
        self.cols.append(cols)
        self.data.append(data)

    def matrix(self, shape: tuple[int, int]) -> sparse.csr_matrix:
        triple = (np.concatenate(self.data), (np.concatenate(self.rows), np.concatenate(self.cols)))
        return sparse.csr_matrix(triple, shape=shape)


def _owned_cells(domain: Domain, points: np.ndarray) -> np.ndarray:
    """One owned cell per point on exactly one rank, -1 elsewhere."""
    tree = geometry.bb_tree(domain.mesh, domain.dim)
    candidates = geometry.compute_collisions_points(tree, points)
    colliding = geometry.compute_colliding_cells(domain.mesh, candidates, points)
    owned = domain.mesh.topology.index_map(domain.dim).size_local
    cells = np.full(points.shape[0], -1, dtype=np.int32)
    for i in range(points.shape[0]):
        links = colliding.links(i)
        links = links[links < owned]
        if links.size:
            cells[i] = links[0]
    rank = np.where(cells >= 0, domain.comm.rank, domain.comm.size).astype(np.int32)
    first = np.empty_like(rank)
    domain.comm.Allreduce(rank, first, op=MPI.MIN)
    cells[first != domain.comm.rank] = -1
    return cells


def _require_inside(domain: Domain, cells: np.ndarray, box: Box) -> None:
    inside = domain.comm.allreduce(int(np.count_nonzero(cells >= 0)), op=MPI.SUM)
    if inside < 0.999 * cells.size:
        raise InputError(
            "a probe box reaches outside the mesh",
            field="instruments",
            value={"lower_um": _um(box.lower), "upper_um": _um(box.upper)},
            remedy="Move the box into the cell, or make the cell larger",
        )


def _um(x: tuple[float, ...]) -> list[float]:
    return [round(1e6 * v, 3) for v in x]


def _basis(domain: Domain, points: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """P1 (Q1) basis values at points, shape (n, nodes per cell)."""
    geometry_dofs = domain.mesh.geometry.dofmaps[0]
    cmap = domain.mesh.geometry.cmap
    nodes = geometry_dofs.shape[1]
    values = np.empty((cells.size, nodes))
    element = fem.functionspace(domain.mesh, ("Lagrange", 1)).element.basix_element
    gdim = domain.mesh.geometry.dim
    for i, cell in enumerate(cells):
        x = domain.mesh.geometry.x[geometry_dofs[cell], :gdim]
        reference = cmap.pull_back(points[i : i + 1, :gdim], x)
        values[i] = element.tabulate(0, reference)[0, 0, :, 0]
    return values
