"""What is watched and kept during the run of a resolved electrode."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ..errors import InputError
from ..field_files import FieldFiles, Snapshot
from ..models.observe import ResolvedLithiation, orientation
from ..models.resolved import ResolvedCell
from ..models.sphere import charged_sphere, limited_depth
from ..problem import Problem
from ..report.resolved_pictures import write_state_pictures
from ..resolved_fields import ResolvedFields
from ..simulate import Simulation
from .build import FRAME, UM, Plan
from .devices import COMPTON, COMPTON_SIGNAL, modes, with_readings
from .phases import active_phases, on_mesh
from .placing import ResolvedCompton

SLABS = 24
"""Slices of the electrode's depth in which the lithiation is averaged."""
BINS = 100
FIELDS, PICTURES, MOMENTS = "fields", "pictures", "moments.json"
"""Folders of a run for fields and pictures; list of the moments kept, in the former."""
TABLE = {
    "Particle state of lithiation": "mean",
    "Spread within particle": "spread",
    "Lowest state of lithiation in particle": "lowest",
    "Highest state of lithiation in particle": "highest",
}
"""Recorded variable -> column of the table of particles."""


class ResolvedObservers:
    """Probes by particle, depth and state of lithiation; fields and pictures at moments."""

    def __init__(self, plan: Plan, problem: Problem, folder: Path) -> None:
        assert isinstance(plan.cell, ResolvedCell)
        self.plan, self.problem, self.folder, self.cell = (
            plan,
            problem,
            folder,
            on_mesh(plan.cell, problem.domain.regions),
        )
        self.comm = problem.domain.comm
        self.lithiation = ResolvedLithiation(problem, active_phases(self.cell))
        self.first = self.lithiation.particles()
        self.through = orientation(problem.domain)
        self.fields = ResolvedFields(problem, self.cell)
        keep = plan.scenario.output.fields
        self.files = FieldFiles(self.fields, folder / FIELDS) if keep else None
        self._state: dict[str, Any] = {}
        self.times: dict[str, float] = {}
        self.probes: dict[str, Callable[[], Any]] = {"Mean state of lithiation": self._mean}
        self.probes["Spread of state of lithiation"] = self.lithiation.spread
        for name, column in TABLE.items():
            self.probes[name] = self._column(column)
        self.probes["Particle current density [A.m-2]"] = lambda: self.fields.particle_currents().current
        self.probes["State of lithiation by depth"] = lambda: self._profile(1)
        self.probes["Spread of state of lithiation by depth"] = lambda: self._profile(2)
        self.probes["Share of active material by state of lithiation"] = lambda: self.lithiation.histogram(
            BINS
        )[1]
        self.coordinates: dict[str, dict[str, Any]] = {
            **{
                name: {"particle": self.first.number} for name in (*TABLE, "Particle current density [A.m-2]")
            },
            "State of lithiation by depth": {"slab": self.lithiation.profile(SLABS)[0]},
            "Spread of state of lithiation by depth": {"slab": self.lithiation.profile(SLABS)[0]},
            "Share of active material by state of lithiation": {"sol": (np.arange(BINS) + 0.5) / BINS},
        }

        self.compton = self._place_compton()

    def _place_compton(self) -> ResolvedCompton | None:
        spec = self.plan.devices.compton
        if spec is None:
            return None
        if spec.pixel_um is not None:
            raise InputError(
                "pixels are for homogenised cells", field="instruments.compton.pixel_um", value=spec.pixel_um,
                remedy="Leave it out: regions are averaged over the whole electrode",
            )  # fmt: skip
        regions = ResolvedCompton(spec, self.lithiation, self.problem.area)
        self.probes[COMPTON] = regions
        self.coordinates[COMPTON] = {"region": np.arange(1, regions.camera.regions + 1)}
        return regions

    # a record asks for several columns of one state: the first probe of a row computes them all
    def _mean(self) -> float:
        self._state = {"particles": self.lithiation.particles(), "profile": self.lithiation.profile(SLABS)}
        return self.lithiation.mean()

    def _column(self, name: str) -> Callable[[], np.ndarray]:
        return lambda: np.asarray(getattr(self._state["particles"], name))

    def _profile(self, k: int) -> np.ndarray:
        return np.asarray(self._state["profile"][k])

    def start(self, simulation: Simulation) -> None:
        """Probes that need the compiled system: lithium in salt and solid."""
        system, area = simulation.system, self.problem.area
        names = [f"lithium in {name}" for name in active_phases(self.cell)]
        self.probes["Lithium in electrolyte [mol.m-2]"] = lambda: system.functional("salt") / area
        if "solid salt" in system.functionals:
            self.probes["Precipitated salt [mol.m-2]"] = lambda: system.functional("solid salt") / area
        self.probes["Lithium in solid [mol.m-2]"] = lambda: (
            sum(system.functional(name) for name in names) / area
        )
        simulation.probes = self.probes

    def keep(self, name: str, time: float) -> None:
        """Keep all fields at a moment, as files; the folder holds the list for a resumed run."""
        self.times[name] = time
        if self.files is None:
            return
        self.files.keep(name, time)
        if self.comm.rank == 0:
            (self.files.folder / MOMENTS).write_text(json.dumps(self.files.moments) + "\n")

    def restore(self, landed: frozenset[str]) -> None:
        """Moments that lie before the checkpoint; later ones come again."""
        if self.files is None:
            return
        known: list[tuple[str, float]] = []
        file = self.files.folder / MOMENTS
        if self.comm.rank == 0 and landed and file.is_file():
            known = [(name, time) for name, time in json.loads(file.read_text()) if name in landed]
        self.times = dict(self.comm.bcast(known, root=0))
        self.files.restore([name for name, _ in known], [time for _, time in known])

    def annotated(self, record: xr.Dataset) -> xr.Dataset:
        """The record with what does not change in time: where particles are, and how large."""
        table, d = self.first, self.problem.domain.dim
        size = 2 * (table.volume / np.pi) ** 0.5 if d == 2 else (6 * table.volume / np.pi) ** (1 / 3)
        fixed = {
            "Particle depth": (table.depth, "1"),
            "Particle volume [m3]": (table.volume, "m3" if d == 3 else "m2"),
            "Particle diameter [m]": (size, "m"),
            "Particle reaction area [m2]": (self.fields.particle_currents().area, "m2" if d == 3 else "m"),
        }
        record = record.assign_coords(particle=("particle", table.number))
        for name, (values, unit) in fixed.items():
            record[name] = ("particle", values, {"units": unit})
        if self.compton is not None:
            record[COMPTON_SIGNAL] = ("region", self.compton.signal, {"units": "1"})
        record = record.assign_attrs(gauge_groups="{}", **self._against_sphere(record))
        return with_readings(record, self.plan.devices, modes(self.plan.sequence))

    def _against_sphere(self, record: xr.Dataset) -> dict[str, str]:
        """Spread in a sphere by itself at the moments, and how deep particles spread as much."""
        diameter = self.plan.scenario.output.single_particle_um
        phase = next(p for p in self.cell.phases if p.material is not None)
        moments = {
            m.name: time for m in self.plan.moments if (time := self.times.get(m.name)) and not m.optional
        }
        if diameter is None or not moments:
            return {}
        assert phase.material is not None and phase.initial_stoichiometry is not None
        spreads, depths = {}, {}
        whole = self.first.volume > 0.5 * np.pi / 6 * (diameter * UM) ** 3
        for name, time in moments.items():
            row = int(np.argmin(np.abs(record["time"].values - time)))
            gained = float(record["Mean state of lithiation"][row] - record["Mean state of lithiation"][0])
            sphere = charged_sphere(
                phase.material, 0.5 * diameter * UM, phase.initial_stoichiometry, gained / time, time,
                self.cell.temperature,
            )  # fmt: skip
            spreads[name] = sphere.spread
            depths[name] = limited_depth(
                self.first.depth[whole], record["Spread within particle"].values[row][whole],
                self.first.volume[whole], sphere.spread, diameter * UM / self.lithiation.thickness,
            )  # fmt: skip
        return {"single_particle_spread": json.dumps(spreads), "solid_limited_depth": json.dumps(depths)}

    def finish(self, record: xr.Dataset) -> xr.Dataset | None:
        """Keep the fields at the end, and draw what was kept (called by all ranks)."""
        if self.files is None or not record.sizes.get("time", 0):
            return None
        self.keep("end", float(record["time"].values[-1]))
        if self.plan.scenario.output.pictures:
            snapshots = self.files.snapshots()
            if self.comm.rank == 0:
                self._draw(snapshots)
        return None

    def _draw(self, snapshots: list[Snapshot]) -> None:
        """Pictures of the moments, and the film of everything."""
        axis, separator_high = self.through
        named = [s.name for s in snapshots if not s.name.startswith(FRAME)]
        told = [replace(s, name="") if s.name.startswith(FRAME) else s for s in snapshots]
        write_state_pictures(
            sorted(told, key=lambda s: s.time), self.folder / PICTURES, through=axis,
            collector_low=separator_high, stills=named, animation=self.plan.scenario.output.animation,
        )  # fmt: skip
