"""Instruments placed in the mesh: probes by name, their coordinates, what stays fixed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..instruments import GaugeMap
from ..instruments.gauge_record import FAR, FAR_SIGNAL, GAUGE, SIGNAL
from ..mesh.cad import CrackedCell
from ..models.observe import Lithiation, ResolvedLithiation
from ..probe import Box, BoxAverages
from ..problem import Problem
from .build import Plan
from .devices import COMPTON, COMPTON_PIXELS, COMPTON_SIGNAL, PIXEL_SIGNAL, compton_map
from .schema import ComptonSpec, Layered

UM = 1e-6
SAMPLES = (1024, 96, 24)
"""Per edge of a Compton region, by lateral axes."""
PIXEL_SAMPLES = 16
Fixed = dict[str, tuple[Any, np.ndarray, dict[str, str]]]


class Placed:
    """Probes of the instruments of a homogenised cell.

    Attributes
    ----------
    probes, coordinates:
        For :class:`~lithoscape.simulate.Simulation`.
    fixed:
        What does not change in time: dimensions, values, attributes by name.
    """

    def __init__(self, plan: Plan, problem: Problem, lithiation: Lithiation) -> None:
        self.plan, self.problem, self.lithiation = plan, problem, lithiation
        self.probes: dict[str, Callable[[], Any]] = {}
        self.coordinates: dict[str, dict[str, Any]] = {}
        self.fixed: Fixed = {}
        if plan.devices.gauge is not None:
            self._place_gauge(plan.devices.gauge)
        if plan.devices.compton is not None:
            self._place_compton(plan.devices.compton)

    def _watch(
        self,
        names: tuple[str, str],
        boxes: Sequence[Box],
        coordinates: dict[str, Any],
        per_axis: int = 16,
    ) -> None:
        """Averages over ``boxes`` under the first name, the active fraction seen under the second."""
        shape = tuple(len(points) for points in coordinates.values())
        averages = BoxAverages(
            self.problem.domain, self.lithiation.space, self.lithiation.active, boxes, per_axis
        )
        self.probes[names[0]] = lambda: averages(self.lithiation.by_class()).reshape(shape)
        self.coordinates[names[0]] = coordinates
        self.fixed[names[1]] = (tuple(coordinates), averages.signal.reshape(shape), {"units": "1"})

    def _place_gauge(self, gauge: GaugeMap) -> None:
        surface, geometry = self.plan.surface, self.plan.geometry
        place = {"depth": gauge.depths, "position": gauge.positions}
        self._watch((GAUGE, SIGNAL), gauge.boxes(surface), place)
        if self.plan.devices.reading is not None and self.plan.devices.reading.crack is not None:
            assert isinstance(geometry, CrackedCell)
            far = gauge.far_boxes(surface, geometry.half_width)
            self._watch((FAR, FAR_SIGNAL), far, {"depth": gauge.depths})

    def _place_compton(self, spec: ComptonSpec) -> None:
        surface, lateral = self.plan.surface, self._lateral()
        camera = compton_map(spec, self.plan.materials.positive.thickness)
        regions = {"region": np.arange(1, camera.regions + 1)}
        boxes = camera.boxes(surface, lateral)
        self._watch((COMPTON, COMPTON_SIGNAL), boxes, regions, SAMPLES[len(lateral)])
        if spec.pixel_um is not None:
            boxes, shape = camera.pixel_boxes(surface, lateral)
            axes = {
                f"pixel_{name}": (np.arange(n) + 0.5) * spec.pixel_um * UM
                for name, n in zip("xy", shape[1:], strict=False)
            }
            self._watch((COMPTON_PIXELS, PIXEL_SIGNAL), boxes, regions | axes, PIXEL_SAMPLES)

    def _lateral(self) -> list[float]:
        """Extents of the cell across the electrode [m]."""
        g = self.plan.scenario.geometry
        if isinstance(self.plan.geometry, CrackedCell):
            return [self.plan.geometry.half_width]
        return [w * UM for w in g.lateral_um] if isinstance(g, Layered) else []


class ResolvedCompton:
    """Compton regions of a resolved electrode: means over the active cells whose middle lies in the beam.

    ``area`` is that of the electrode [m2] ([m] in 2D).
    """

    def __init__(self, spec: ComptonSpec, lithiation: ResolvedLithiation, area: float) -> None:
        self.lithiation = lithiation
        self.camera = compton_map(spec, lithiation.thickness)
        deep = lithiation.depth * lithiation.thickness
        self.members = [(deep >= a) & (deep < b) for a, b in self.camera.spans()]
        self.volumes = self._sums(np.ones_like(deep))
        heights = np.array([b - a for a, b in self.camera.spans()])
        self.signal = self.volumes / (heights * area)
        """Active fraction of what is seen."""

    def __call__(self) -> np.ndarray:
        """State of lithiation of every region; NaN without active material."""
        total = self._sums(self.lithiation.cells())
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(total / self.volumes)

    def _sums(self, values: np.ndarray) -> np.ndarray:
        local = np.array([float(self.lithiation.volume[m] @ values[m]) for m in self.members])
        return np.asarray(self.lithiation.comm.allreduce(local))
