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

_ON_FACET = 1e-9
"""Reference coordinates this little outside count as on the facet."""


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
        Samples per box edge (midpoint rule). Where a weight jumps inside a box, 16 leave up to
        2 % of the box in the signal and 0.03 box widths in the mean place, 64 a tenth of that.

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
        samples = [box.samples(per_axis) for box in boxes]
        points = np.concatenate([np.empty((0, 3)), *samples])
        row = np.repeat(np.arange(len(boxes)), [len(s) for s in samples])
        share = np.repeat([1.0 / len(s) for s in samples], [len(s) for s in samples])
        cells, values = _located(domain, points)
        found = cells >= 0
        _require_inside(domain, np.bincount(row[found], minlength=len(boxes)), samples, boxes)
        row, cells = row[found], cells[found]
        values = share[found, None] * values[found]
        nodes = space.dofmap.list[cells]
        index = (np.repeat(row, nodes.shape[1]), nodes.ravel())
        self.matrices = [
            sparse.csr_matrix(((w.x.array[cells][:, None] * values).ravel(), index), shape=shape)
            for w in weights
        ]
        total = sum((np.asarray(m.sum(axis=1)).ravel() for m in self.matrices), np.zeros(len(boxes)))
        self.signal = self.comm.allreduce(total, op=MPI.SUM)

    def __call__(self, fields: Sequence[np.ndarray]) -> np.ndarray:
        """Averages (boxes,) of the local node values, one array per weight; NaN without signal."""
        local = sum((m @ f for m, f in zip(self.matrices, fields, strict=True)), np.zeros(self.signal.size))
        total = self.comm.allreduce(local, op=MPI.SUM)
        return np.where(self.signal > 0, total / np.where(self.signal > 0, self.signal, 1.0), np.nan)


def _located(domain: Domain, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One owned cell per point on exactly one rank, -1 elsewhere, and its basis values there.

    Bounding boxes give the candidates, reference coordinates decide. (The
    distances of ``compute_colliding_cells`` have absolute tolerances, which at
    these lengths take in cells that are a fraction of a micrometre away.)
    """
    extent = float(np.ptp(domain.mesh.geometry.x, axis=0).max(initial=0.0))
    tree = geometry.bb_tree(domain.mesh, domain.dim, padding=1e-9 * extent)
    candidates = geometry.compute_collisions_points(tree, points)
    owned = candidates.array < domain.mesh.topology.index_map(domain.dim).size_local
    point = np.repeat(np.arange(points.shape[0]), np.diff(candidates.offsets))[owned]
    candidate = candidates.array[owned]
    reference, basis = _reference(domain, points[point], candidate)
    inside = _depth(domain, reference) > -_ON_FACET
    hit, first_hit = np.unique(point[inside], return_index=True)
    cells = np.full(points.shape[0], -1, dtype=np.int32)
    values = np.zeros((points.shape[0], basis.shape[1]))
    cells[hit], values[hit] = candidate[inside][first_hit], basis[inside][first_hit]
    rank = np.where(cells >= 0, domain.comm.rank, domain.comm.size).astype(np.int32)
    first = np.empty_like(rank)
    domain.comm.Allreduce(rank, first, op=MPI.MIN)
    cells[first != domain.comm.rank] = -1
    return cells, values


def _depth(domain: Domain, reference: np.ndarray) -> np.ndarray:
    """How far inside the reference cell; negative outside."""
    low = reference.min(axis=1, initial=np.inf)
    simplex = reference.shape[1] + 1 == domain.mesh.geometry.dofmaps[0].shape[1]
    high = 1.0 - reference.sum(axis=1) if simplex else (1.0 - reference).min(axis=1, initial=np.inf)
    return np.minimum(low, high)


def _require_inside(
    domain: Domain, found: np.ndarray, samples: Sequence[np.ndarray], boxes: Sequence[Box]
) -> None:
    inside = domain.comm.allreduce(found, op=MPI.SUM)
    for count, points, box in zip(inside, samples, boxes, strict=True):
        if count < 0.999 * len(points):
            raise InputError(
                "a probe box reaches outside the mesh",
                field="instruments",
                value={"lower_um": _um(box.lower), "upper_um": _um(box.upper)},
                remedy="Move the box into the cell, or make the cell larger",
            )


def _um(x: tuple[float, ...]) -> list[float]:
    return [round(1e6 * v, 3) for v in x]


def _reference(domain: Domain, points: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reference coordinates in given cells and the P1 (Q1) basis there, shape (n, nodes per cell).

    Newton's method, all points at once; exact after one iteration where the map is affine.
    """
    geo = domain.mesh.geometry
    element = fem.functionspace(domain.mesh, ("Lagrange", 1)).element.basix_element
    x = geo.x[geo.dofmaps[0][cells], : geo.dim]
    reference = np.full((cells.size, domain.dim), 1.0 / (domain.dim + 1))
    size = np.abs(x - x[:, :1]).max(initial=1e-300)
    for _ in range(20):
        table = element.tabulate(1, reference)[..., 0]
        gap = points[:, : geo.dim] - np.einsum("pn,png->pg", table[0], x)
        if np.abs(gap).max(initial=0.0) < 1e-10 * size:
            break
        jacobian = np.einsum("dpn,png->pgd", table[1:], x)
        reference += np.linalg.solve(jacobian, gap[..., None])[..., 0]
    return reference, np.asarray(element.tabulate(0, reference)[0, ..., 0])
