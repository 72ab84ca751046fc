"""Reading a problem: state of lithiation at nodes, of particles, by depth; lithium inventories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dolfinx_solver  # noqa: F401
import numpy as np
import ufl
from dolfinx import fem, la
from dolfinx.mesh import entities_to_geometry
from mpi4py import MPI

from ..constants import FARADAY
from ..errors import InputError
from ..mesh.domain import Domain
from ..problem import Problem
from .particle import ParticleClass
from .resolved import COLLECTOR, end_of


class Lithiation:
    """State of lithiation (c_s / c_max) of one electrode, averaged over each particle.

    Attributes
    ----------
    classes:
        The electrode's particle classes.
    active:
        Cellwise active fractions (DG0), one per class: weights for averages.
    volume:
        Active volume that belongs to each local node, one array per class.
    """

    def __init__(self, problem: Problem, electrode: str = "positive") -> None:
        self.comm = problem.domain.comm
        self.classes = [
            c for c in problem.closures if isinstance(c, ParticleClass) and c.electrode == electrode
        ]
        if not self.classes:
            raise InputError("the cell has no such electrode", field="electrode", value=electrode)
        self.space = self.classes[0].flux.function_space
        self.active = [c.active for c in self.classes]
        self.volume = [_nodal_volume(c) for c in self.classes]
        self.owned = self.space.dofmap.index_map.size_local

    def by_class(self) -> list[np.ndarray]:
        """Particle-mean stoichiometry at all local nodes, 0 where the class is absent."""
        fields = []
        for c in self.classes:
            values = np.zeros(c.flux.x.array.size)
            values[c.nodes] = c.mean_stoichiometry()
            fields.append(values)
        return fields

    def nodal(self) -> np.ndarray:
        """Active-volume mean over the classes at all local nodes; NaN without active material."""
        weight = sum(self.volume, np.zeros_like(self.volume[0]))
        total = sum((v * x for v, x in zip(self.volume, self.by_class(), strict=True)), np.zeros_like(weight))
        return np.where(weight > 0, total / np.where(weight > 0, weight, 1.0), np.nan)

    def mean(self) -> float:
        """Mean state of lithiation of the whole electrode."""
        return self._sum(1.0) / self._volume()

    def lithium(self) -> float:
        """Lithium in the electrode's solid [mol per m2, m or 1 depending on dimension]."""
        pairs = zip(self.classes, self.volume, self.by_class(), strict=True)
        local = sum(c.material.c_max * float(v[: self.owned] @ x[: self.owned]) for c, v, x in pairs)
        return float(self.comm.allreduce(local, op=MPI.SUM))

    def delithiating(self) -> float:
        """Share of the active volume whose reaction is anodic (lithium leaves the solid)."""
        local = sum(
            float(v[: self.owned] @ (c.flux.x.array[: self.owned] > 0))
            for c, v in zip(self.classes, self.volume, strict=True)
        )
        return float(self.comm.allreduce(local, op=MPI.SUM)) / self._volume()

    def _sum(self, factor: float) -> float:
        pairs = zip(self.volume, self.by_class(), strict=True)
        local = factor * sum(float(v[: self.owned] @ x[: self.owned]) for v, x in pairs)
        return float(self.comm.allreduce(local, op=MPI.SUM))

    def _volume(self) -> float:
        local = sum(float(v[: self.owned].sum()) for v in self.volume)
        return float(self.comm.allreduce(local, op=MPI.SUM))

    def capacity(self) -> float:
        """Charge of all lithium sites of the electrode [C per area unit]."""
        local = sum(
            FARADAY * c.material.c_max * float(v[: self.owned].sum())
            for c, v in zip(self.classes, self.volume, strict=True)
        )
        return float(self.comm.allreduce(local, op=MPI.SUM))


def _nodal_volume(c: ParticleClass) -> np.ndarray:
    V = c.flux.function_space
    dn = ufl.dx(domain=V.mesh, metadata={"quadrature_rule": "vertex", "quadrature_degree": 1})
    vector = fem.assemble_vector(fem.form(c.active * ufl.TestFunction(V) * dn))
    vector.scatter_reverse(la.InsertMode.add)
    vector.scatter_forward()
    return vector.array.copy()


@dataclass(frozen=True)
class ParticleTable:
    """What is known of every particle at one time.

    Attributes
    ----------
    number:
        Of the particle, ascending.
    volume:
        [m3] ([m2] in 2D).
    depth:
        Distance of its middle from the separator, as a share of the electrode's thickness.
    mean, spread, lowest, highest:
        State of lithiation c_s / c_max: volume mean, standard deviation within the particle, and the extremes
        of its nodes.
    """

    number: np.ndarray
    volume: np.ndarray
    depth: np.ndarray
    mean: np.ndarray
    spread: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray


class ResolvedLithiation:
    """State of lithiation of the active phases of a resolved problem.

    Parameters
    ----------
    problem:
        From :func:`.resolved.resolved` or :func:`.single.single_particle`.
    materials:
        Active phase -> c_max [mol/m3].
    axis, separator_high:
        Coordinate of the mesh through the electrode, and whether the separator is at its high end; without
        them found from where the collector is, see :func:`orientation`.

    ``thickness`` is that of the active material [m]. Particles are those of
    ``domain.cell_data["particle"]``; without that every active phase counts as one.
    """

    def __init__(
        self,
        problem: Problem,
        materials: Mapping[str, float],
        axis: int | None = None,
        separator_high: bool | None = None,
    ) -> None:
        domain = problem.domain
        found = orientation(domain) if axis is None or separator_high is None else (0, True)
        axis = found[0] if axis is None else axis
        separator_high = found[1] if separator_high is None else separator_high
        self.comm, dim = domain.comm, domain.dim
        owned = domain.mesh.topology.index_map(dim).size_local
        corners = domain.mesh.geometry.x[domain.mesh.geometry.dofmaps[0]][:, :, :dim]
        numbers = domain.cell_data.get("particle")
        self.phases: list[tuple[Any, np.ndarray, float]] = []
        volumes, depths, labels, ends = [], [], [], np.full(2, -np.inf)
        for k, (name, c_max) in enumerate(materials.items(), start=1):
            function = problem.unknown(f"concentration in {name}").function
            cells = domain.cells(name)
            cells = cells[cells < owned]
            count = function.function_space.mesh.topology.index_map(dim).size_local
            self.phases.append((function, function.function_space.dofmap.list[:count], c_max))
            edges = corners[cells, 1:] - corners[cells, :1]
            volumes.append(np.abs(np.linalg.det(edges)) / (6.0 if dim == 3 else 2.0))
            depths.append(corners[cells, :, axis].mean(axis=1))
            through = corners[cells, :, axis]
            ends = np.maximum(ends, [-through.min(initial=np.inf), through.max(initial=-np.inf)])
            labels.append(np.full(cells.size, k) if numbers is None else numbers[cells])
        self.volume, self.place = np.concatenate(volumes), np.concatenate(depths)
        self.label = np.concatenate(labels).astype(np.int64)
        ends = self._reduce(ends, MPI.MAX)
        low, high = -ends[0], ends[1]
        self.thickness = float(high - low)
        share = (self.place - low) / (high - low)
        self.depth = 1 - share if separator_high else share
        self.size = int(self._reduce(np.array([self.label.max(initial=0)]), MPI.MAX)[0]) + 1

    def _reduce(self, values: np.ndarray, how: Any = MPI.SUM) -> np.ndarray:
        sent = np.ascontiguousarray(values, dtype=float)
        got = np.empty_like(sent)
        self.comm.Allreduce(sent, got, op=how)
        return got

    def corners(self) -> np.ndarray:
        """State of lithiation at the corners of every active cell of this process, (cells, corners)."""
        return np.concatenate([f.x.array[dofs] / c_max for f, dofs, c_max in self.phases])

    def cells(self) -> np.ndarray:
        """State of lithiation at the middle of every active cell of this process."""
        return self.corners().mean(axis=1)

    def mean(self) -> float:
        """Mean state of lithiation of all active material."""
        totals = self._reduce(np.array([self.volume @ self.cells(), self.volume.sum()]))
        return float(totals[0] / totals[1])

    def spread(self) -> float:
        """Standard deviation of the state of lithiation over all active material."""
        corners = self.corners()
        weights = (np.ones(len(corners)), corners.mean(axis=1), _mean_square(corners))
        volume, first, second = self._reduce(np.array([self.volume @ w for w in weights]))
        return float(_deviation(volume, first, second))

    def particles(self) -> ParticleTable:
        """Every particle."""
        corners, n = self.corners(), self.size
        x = corners.mean(axis=1)
        weights = (1.0, self.depth, x, _mean_square(corners))
        sums = [np.bincount(self.label, self.volume * w, n) for w in weights]
        volume, depth, mean, square = self._reduce(np.array(sums))
        low, high = np.full(n, np.inf), np.full(n, -np.inf)
        np.minimum.at(low, self.label, corners.min(axis=1))
        np.maximum.at(high, self.label, corners.max(axis=1))
        low, high = self._reduce(low, MPI.MIN), self._reduce(high, MPI.MAX)
        there = np.flatnonzero(volume > 0)
        v = volume[there]
        return ParticleTable(
            there, v, depth[there] / v, mean[there] / v, _deviation(v, mean[there], square[there]),
            low[there], high[there],
        )  # fmt: skip

    def profile(self, slabs: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Middle of every slab of depth, volume mean and standard deviation of what lies in it."""
        corners = self.corners()
        slab = np.minimum((self.depth * slabs).astype(np.int64), slabs - 1)
        weights = (np.ones(len(corners)), corners.mean(axis=1), _mean_square(corners))
        sums = [np.bincount(slab, self.volume * w, slabs) for w in weights]
        volume, first, second = self._reduce(np.array(sums))
        with np.errstate(invalid="ignore", divide="ignore"):
            return (np.arange(slabs) + 0.5) / slabs, first / volume, _deviation(volume, first, second)

    def histogram(self, bins: int = 50) -> tuple[np.ndarray, np.ndarray]:
        """Edges from 0 to 1, and the share of active volume between them; the ends hold what is outside."""
        edges = np.linspace(0, 1, bins + 1)
        place = np.clip((self.cells() * bins).astype(np.int64), 0, bins - 1)
        share = self._reduce(np.bincount(place, self.volume, bins))
        return edges, share / share.sum()


def orientation(domain: Domain) -> tuple[int, bool]:
    """Coordinate through the electrode, and whether the separator is at its high end.

    The collector is a plane: the coordinate in which its facets do not differ is the one.

    Raises
    ------
    InputError
        No boundary of the collector, or one that is no plane across a coordinate.
    """
    name = end_of(domain, COLLECTOR)
    d = domain.dim
    facets = domain.facet_tags.indices[np.isin(domain.facet_tags.values, domain.boundary(name))]
    domain.mesh.topology.create_connectivity(d - 1, d)
    nodes = np.unique(entities_to_geometry(domain.mesh, d - 1, facets.astype(np.int32)))
    x = domain.mesh.geometry.x[:, :d]
    ends = np.full((4, d), -np.inf)
    for row, values in ((0, x[nodes]), (2, x)):
        if len(values):
            ends[row : row + 2] = -values.min(axis=0), values.max(axis=0)
    domain.comm.Allreduce(MPI.IN_PLACE, ends, op=MPI.MAX)
    low, high, bottom, top = -ends[0], ends[1], -ends[2], ends[3]
    axis = int(np.argmin((high - low) / (top - bottom)))
    if not high[axis] - low[axis] <= 1e-6 * (top - bottom)[axis]:
        raise InputError(
            "the collector is no plane across a coordinate", field="boundary", value=name,
            remedy="Give axis and separator_high",
        )  # fmt: skip
    return axis, bool(low[axis] - bottom[axis] < top[axis] - high[axis])


def _mean_square(corners: np.ndarray) -> np.ndarray:
    """Mean of the square of a linear function over simplices with these values at the corners."""
    n = corners.shape[1]
    return np.asarray(((corners**2).sum(axis=1) + corners.sum(axis=1) ** 2) / (n * (n + 1)))


def _deviation(volume: Any, first: Any, second: Any) -> Any:
    """Standard deviation from integrals of 1, x and x^2."""
    return np.sqrt(np.maximum(second / volume - (first / volume) ** 2, 0.0))
