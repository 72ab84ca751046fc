"""Reading a homogenised problem: state of lithiation at nodes, lithium inventories."""

from __future__ import annotations

import dolfinx_solver  # noqa: F401
import numpy as np
import ufl
from dolfinx import fem, la
from mpi4py import MPI

from ..constants import FARADAY
from ..errors import InputError
from ..problem import Problem
from .particle import ParticleClass


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
