"""Keeping fields: node maps gathered for pictures, and files that ParaView opens."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dolfinx_solver  # noqa: F401  (orders MPI before the compiled modules)
import numpy as np
import xarray as xr
from dolfinx import fem
from dolfinx.io import VTXWriter

from .models.observe import Lithiation
from .problem import Problem


class FieldMaps:
    """Node fields at chosen moments, gathered on rank 0 (2D), and ``fields.bp``.

    Variables and dimensions of :meth:`dataset`: node coordinates [m],
    ``triangles`` (cell, corner), ``region`` per triangle, and per moment the
    state of lithiation (NaN without active material), electrolyte
    concentration [mol/m3] and potential [V], reaction current density [A/m2].
    """

    NAMES = (
        "State of lithiation",
        "Electrolyte concentration [mol.m-3]",
        "Electrolyte potential [V]",
        "Reaction current density [A.m-2]",
    )

    def __init__(self, problem: Problem, lithiation: Lithiation, file: Path | None = None) -> None:
        self.problem, self.lithiation = problem, lithiation
        self.comm = problem.domain.comm
        self.space = problem.unknowns[0].function.function_space
        self.moments: list[str] = []
        self.times: list[float] = []
        self.values: dict[str, list[np.ndarray]] = {name: [] for name in self.NAMES}
        self._output = [fem.Function(self.space, name=name.split(" [")[0]) for name in self.NAMES]
        self._writer = None if file is None else VTXWriter(self.comm, str(file), self._output)

    def keep(self, name: str, time: float) -> None:
        """Keep the present fields under ``name``; ParaView gets them at ``time`` [s]."""
        self.moments.append(name)
        self.times.append(time)
        sol = self.lithiation.nodal()
        flux = sum((c.flux.x.array for c in self.lithiation.classes), np.zeros_like(sol))
        c_e, phi_e = (self.problem.unknowns[i].function.x.array for i in (0, 1))
        fields = (sol, c_e, phi_e, np.where(np.isnan(sol), np.nan, flux))
        for label, values in zip(self.NAMES, fields, strict=True):
            self.values[label].append(self._gather(values))
        self._write(time, fields)

    def restore(self, moments: Sequence[str], times: Sequence[float], values: Mapping[str, Any]) -> None:
        """Take over moments kept by an earlier run: gathered ``values`` of rank 0 (called by all ranks)."""
        moments, times = self.comm.bcast((list(moments), list(times)), root=0)
        index_map = self.space.dofmap.index_map
        local = np.arange(index_map.size_local + index_map.num_ghosts, dtype=np.int32)
        here = index_map.local_to_global(local)
        for k, (name, time) in enumerate(zip(moments, times, strict=True)):
            self.moments.append(name)
            self.times.append(time)
            fields = []
            for label in self.NAMES:
                whole = self.comm.bcast(values[label][k] if self.comm.rank == 0 else None, root=0)
                self.values[label].append(whole if self.comm.rank == 0 else np.empty(0))
                fields.append(whole[here])
            self._write(time, fields)

    def _write(self, time: float, fields: Sequence[np.ndarray]) -> None:
        if self._writer is None:
            return
        for function, values in zip(self._output, fields, strict=True):
            function.x.array[:] = np.nan_to_num(values, nan=-1.0)
        self._writer.write(time)

    def close(self) -> None:
        """Finish the ParaView file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def dataset(self) -> xr.Dataset:
        """All moments as one dataset on rank 0 (called by all ranks, empty on the others)."""
        x = np.stack([self._gather(c) for c in self.space.tabulate_dof_coordinates().T])
        triangles, region = self._triangles()
        if self.comm.rank != 0:
            return xr.Dataset()
        moment = ("moment", self.moments)
        data: dict[str, tuple[Any, ...]] = {
            name: (("moment", "node"), np.array(rows).reshape(len(self.moments), x.shape[1]), _units(name))
            for name, rows in self.values.items()
        }
        data |= {name: ("node", x[k], _units(name)) for k, name in enumerate(("x [m]", "y [m]"))}
        data |= {"triangles": (("cell", "corner"), triangles), "region": ("cell", region)}
        out = xr.Dataset(data, {"moment": moment, "time": ("moment", self.times, {"units": "s"})})
        out["region"].attrs["regions"] = json.dumps(dict(self.problem.domain.regions))
        return out

    def _gather(self, values: np.ndarray) -> np.ndarray:
        index_map = self.space.dofmap.index_map
        pieces = self.comm.gather(values[: index_map.size_local], root=0)
        return np.concatenate(pieces) if pieces is not None else np.empty(0)

    def _triangles(self) -> tuple[np.ndarray, np.ndarray]:
        domain = self.problem.domain
        owned = domain.mesh.topology.index_map(domain.dim).size_local
        local = self.space.dofmap.list[:owned]
        cells = self.space.dofmap.index_map.local_to_global(local.ravel().astype(np.int32)).reshape(
            local.shape
        )
        tags = domain.cell_values()[:owned]
        if cells.shape[1] == 4 and domain.dim == 2:
            cells = np.concatenate([cells[:, [0, 1, 3]], cells[:, [0, 3, 2]]])
            tags = np.concatenate([tags, tags])
        if domain.dim != 2:
            cells, tags = np.empty((0, 3), dtype=np.int64), np.empty(0, dtype=np.int32)
        pieces = self.comm.gather((cells, tags), root=0)
        if pieces is None:
            return np.empty((0, 3), dtype=np.int64), np.empty(0, dtype=np.int32)
        return np.concatenate([p[0] for p in pieces]), np.concatenate([p[1] for p in pieces])


def _units(name: str) -> dict[str, str]:
    """Attributes of a variable whose name ends with its unit; without one it is dimensionless."""
    return {"units": name.partition(" [")[2].rstrip("]") or "1"}
