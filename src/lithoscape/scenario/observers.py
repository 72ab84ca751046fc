"""What is watched and kept during the run of a homogenised cell."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ..fields import FieldMaps
from ..models.observe import Lithiation
from ..probe import Box, BoxAverages
from ..problem import Problem
from ..simulate import Simulation
from .build import Plan
from .devices import modes, with_readings
from .placing import Placed
from .schema import Layered

MOMENTS = "moments.npz"
SLABS = 24
"""Slices of a graded electrode's depth."""
SAMPLES = (64, 24, 12)
"""Per edge of a slice, by lateral axes."""


class HomogenisedObservers:
    """Probes and field maps of a homogenised cell."""

    def __init__(self, plan: Plan, problem: Problem, folder: Path) -> None:
        self.plan, self.problem, self.folder = plan, problem, folder
        self.comm = problem.domain.comm
        self.lithiation = Lithiation(problem)
        self.maps = FieldMaps(problem, self.lithiation, self._fields_file())
        self.probes: dict[str, Callable[[], Any]] = {
            "Mean state of lithiation": self.lithiation.mean,
            "Lithium in solid [mol.m-2]": lambda: self.lithiation.lithium() / problem.area,
            "Delithiating share of active material": self.lithiation.delithiating,
        }
        self.coordinates: dict[str, dict[str, Any]] = {}
        self.placed = Placed(plan, problem, self.lithiation)
        self.probes |= self.placed.probes
        self.coordinates |= self.placed.coordinates
        if plan.scenario.electrode.layers:
            self._place_layers()

    def _fields_file(self) -> Path | None:
        return self.folder / "fields.bp" if self.plan.scenario.output.fields and self.plan.moments else None

    def _place_layers(self) -> None:
        """Means over the layers of a graded electrode, and a profile over its depth from the separator."""
        layers = self.plan.scenario.electrode.layers
        cuts = np.concatenate([[0.0], np.cumsum([1e-6 * layer.thickness_um for layer in layers])])
        slabs = np.linspace(0.0, cuts[-1], SLABS + 1)
        for name, dimension, edges, places in (
            ("State of lithiation by layer", "layer", cuts, [layer.name for layer in layers]),
            ("State of lithiation by depth", "slab", slabs, (np.arange(SLABS) + 0.5) / SLABS),
        ):
            averages = self._slab_averages(edges + self.plan.surface)
            self.probes[name] = partial(lambda a: a(self.lithiation.by_class()), averages)
            self.coordinates[name] = {dimension: places}

    def _slab_averages(self, edges: np.ndarray) -> BoxAverages:
        """Averages between heights of the last axis, over the whole width."""
        g = self.plan.scenario.geometry
        width = [1e-6 * w for w in g.lateral_um] if isinstance(g, Layered) else []
        boxes = [
            Box((*(0.0 for _ in width), float(low)), (*width, float(high))) for low, high in pairwise(edges)
        ]
        return BoxAverages(
            self.problem.domain, self.lithiation.space, self.lithiation.active, boxes, SAMPLES[len(width)]
        )

    def start(self, simulation: Simulation) -> None:
        """Probes that need the compiled system: salt and the lithium balance."""
        system, area = simulation.system, self.problem.area
        self.probes["Lithium in electrolyte [mol.m-2]"] = lambda: system.functional("salt") / area
        if "solid salt" in system.functionals:
            self.probes["Precipitated salt [mol.m-2]"] = lambda: system.functional("solid salt") / area
        simulation.probes = self.probes

    def keep(self, name: str, time: float) -> None:
        """Keep all fields at a moment, and a copy on disk for a resumed run."""
        self.maps.keep(name, time)
        if self.comm.rank == 0:
            data = {label: np.array(rows) for label, rows in self.maps.values.items()}
            labels = np.array([self.maps.moments, [repr(t) for t in self.maps.times]])
            temporary = self.folder / f"{MOMENTS}.part"
            with temporary.open("wb") as handle:
                np.savez(handle, labels=labels, **data)  # type: ignore[arg-type]
            temporary.replace(self.folder / MOMENTS)

    def restore(self, landed: frozenset[str]) -> None:
        """Moments that lie before the checkpoint; later ones come again."""
        names, times, values = [], [], {}
        if self.comm.rank == 0 and landed and (self.folder / MOMENTS).is_file():
            with np.load(self.folder / MOMENTS) as data:
                chosen = [k for k, name in enumerate(data["labels"][0]) if str(name) in landed]
                names, times = ([str(label) for label in row[chosen]] for row in data["labels"])
                values = {label: list(data[label][chosen]) for label in self.maps.values}
        self.maps.restore(names, [float(t) for t in times], values)

    def annotated(self, record: xr.Dataset) -> xr.Dataset:
        """The record with what does not change in time, and what the instruments read of it."""
        record = record.copy()
        for name, (dims, values, attributes) in self.placed.fixed.items():
            record[name] = (dims, values, attributes)
        gauge = self.plan.devices.gauge
        groups = {} if gauge is None else {k: list(v) for k, v in gauge.groups.items()}
        record = record.assign_attrs(gauge_groups=json.dumps(groups))
        return with_readings(record, self.plan.devices, modes(self.plan.sequence))

    def finish(self, record: xr.Dataset) -> xr.Dataset | None:
        """Close files; the maps on rank 0 if there are any to draw (called by all ranks)."""
        self.maps.close()
        maps = self.maps.dataset()
        drawable = bool(self.maps.moments) and self.problem.domain.dim == 2 and self.comm.rank == 0
        return maps if drawable else None
