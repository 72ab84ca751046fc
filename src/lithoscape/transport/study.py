"""Everything about the transport of one image: directions, depth, regions, what to hand over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from ..errors import InputError, nearest
from ..image import Volume
from ..image.measures import finite, tabulated
from ..image.profile import region_box, slab_boxes
from .handover import Layer, bpx_entry, scenario_entry, scenario_text
from .peers import effective_by, require
from .percolation import percolating
from .profile import alone, by_depth, by_region, layers_of, thirds
from .voxel import Transport, VoxelOptions

Progress = Callable[[float, str], None]
Heights = Mapping[str, tuple[float, float]]
DIRECTIONS = ("through", "in-plane", "all", "0", "1", "2")
ELECTROLYTE = ("pore", "electrolyte")
"""Phases whose transport is that of the electrolyte."""
TIGHTEST = 1e-10
"""Tolerance below which the voxel solver does not go."""
BLOCKED = "no cluster that conducts joins the two faces"


@dataclass(frozen=True)
class Plan:
    """What to find out.

    Parameters
    ----------
    conductors:
        Phase -> conductivity, in one unit of any kind; all others insulate.
    axes:
        Array axes along which.
    engine, boundary, tolerance:
        As for :func:`~lithoscape.transport.peers.effective_by`. Through the electrode the voxel solver goes
        to the square of the tolerance, so that the profile has the tolerance.
    slabs:
        Of the profile; about 20 if None.
    regions:
        Name -> heights above the collector [m]; thirds if None.
    """

    conductors: Mapping[str, float]
    axes: tuple[int, ...]
    engine: str = "voxel"
    boundary: str = "face"
    tolerance: float = 1e-3
    slabs: int | None = None
    regions: Heights | None = None


@dataclass(frozen=True, eq=False)
class Study:
    """What was found.

    Parameters
    ----------
    volume, plan:
        The image and what was asked.
    transports:
        By axis.
    blocked:
        Axis -> why nothing gets through.
    profile:
        Along the through axis, see :func:`~lithoscape.transport.profile.by_depth`; None without a potential.
    regions, cut:
        By region in place and, along all axes, alone; None likewise, or if not all axes were asked for.
    """

    volume: Volume
    plan: Plan
    transports: Mapping[int, Transport]
    blocked: Mapping[int, str] = field(default_factory=dict)
    profile: xr.Dataset | None = None
    regions: xr.Dataset | None = None
    cut: xr.Dataset | None = None

    def axis_name(self, axis: int) -> str:
        """``"axis 0 (through)"``."""
        return f"axis {axis} (through)" if axis == self.volume.grid.through else f"axis {axis}"

    @property
    def whole(self) -> Layer | None:
        """The electrode as one layer, if a single phase conducts and something gets through."""
        grid = self.volume.grid
        if len(self.plan.conductors) > 1 or grid.through not in self.transports:
            return None
        through = self.transports[grid.through]
        sides: list[float] = [
            self.transports[k].efficiency if k in self.transports else 0.0
            for k in grid.in_plane
            if k in self.transports or k in self.blocked
        ]
        in_plane = float(np.mean(sides)) if len(sides) == 2 else None
        return Layer("whole", 0.0, grid.thickness, through.porosity, through.efficiency, in_plane)

    @property
    def layers(self) -> list[Layer]:
        """The regions as layers of a homogenised model; none without them."""
        if self.regions is None or self.cut is None or len(self.plan.conductors) > 1:
            return []
        heights = self.plan.regions if self.plan.regions is not None else thirds(self.volume)
        return layers_of(self.volume, heights, self.regions, self.cut)

    def hand_over(self) -> dict[str, Any]:
        """Ready for a scenario file, BPX and the homogenised model; empty if it is not the electrolyte's."""
        whole = self.whole
        if whole is None or next(iter(self.plan.conductors)) not in ELECTROLYTE:
            return {}
        if whole.in_plane == 0:
            return {"bpx": bpx_entry(whole)}
        layers = [
            {
                "name": x.name, "low_m": x.low, "high_m": x.high, "porosity": x.porosity,
                "through": x.through, "in_plane": x.in_plane,
            }
            for x in self.layers
        ]  # fmt: skip
        return {
            "scenario": {"electrode": scenario_entry(whole)},
            "scenario_text": scenario_text(whole),
            "bpx": bpx_entry(whole),
            "layers": layers,
        }

    def plain(self) -> dict[str, Any]:
        """Everything as data for JSON; what is not defined or infinite is null."""
        grid, plan = self.volume.grid, self.plan
        found = {
            "image": {
                "shape": list(grid.shape), "voxel_size_m": list(grid.voxel_size),
                "through_axis": grid.through, "collector": grid.collector,
                "phases": dict(self.volume.phases), "provenance": dict(self.volume.provenance),
            },
            "conductors": dict(plan.conductors), "engine": plan.engine, "boundary": plan.boundary,
            "tolerance": plan.tolerance,
            "directions": [self.row(axis) for axis in plan.axes],
            "hand_over": self.hand_over(),
        }  # fmt: skip
        for name, data in (("profile", self.profile), ("regions", self.regions), ("alone", self.cut)):
            if data is not None:
                found[name] = tabulated(data)
        return {str(key): finite(value) for key, value in found.items()}

    def row(self, axis: int) -> dict[str, Any]:
        """The numbers of one direction by name."""
        head: dict[str, Any] = {"axis": axis, "through": axis == self.volume.grid.through}
        if axis in self.blocked:
            shares = self.volume.fractions()
            porosity = float(sum(shares[name] for name in self.plan.conductors))
            return head | {
                "porosity": porosity, "porosity_percolating": 0.0, "effective": 0.0, "efficiency": 0.0,
                "tau": np.inf, "tau_percolating": np.nan, "macmullin": np.inf, "note": self.blocked[axis],
            }  # fmt: skip
        t = self.transports[axis]
        return head | {
            "porosity": t.porosity, "porosity_percolating": t.porosity_percolating,
            "effective": t.effective, "efficiency": t.efficiency, "tau": t.tau,
            "tau_percolating": t.tau_percolating, "macmullin": t.macmullin, "error": t.error,
            "iterations": t.iterations, "seconds": t.seconds,
        }  # fmt: skip


def plan(
    volume: Volume,
    conductors: Mapping[str, float],
    *,
    directions: str = "through",
    engine: str = "voxel",
    boundary: str | None = None,
    tolerance: float = 1e-3,
    slabs: int | None = None,
    regions: Heights | None = None,
) -> Plan:
    """What is asked, checked against the image before anything is computed.

    Parameters
    ----------
    volume:
        The image.
    conductors:
        Phase -> conductivity.
    directions:
        One of :data:`DIRECTIONS`.
    engine, boundary, tolerance, slabs, regions:
        As for :class:`Plan`; the boundary is the engine's own if not given.

    Raises
    ------
    InputError
        An unknown or empty phase, a conductivity that is not positive, an unknown direction or engine, one
        that is not installed or cannot do as asked, a tolerance out of range, slabs or regions that do not
        fit.
    """
    if not conductors:
        raise InputError(
            "name the phase that conducts", field="phase", value=None,
            remedy=f"There are {', '.join(volume.phases)}",
        )  # fmt: skip
    for name, value in conductors.items():
        volume.occupied(name)
        if not 0 < value < np.inf:
            raise InputError(
                "a conductivity is a positive number", field=f"conductivity.{name}", value=value,
                remedy="Leave a phase out if it insulates",
            )  # fmt: skip
    ends = require(engine, boundary)
    VoxelOptions(tolerance, ends)
    slab_boxes(volume.grid, slabs)
    for name, region in (regions or {}).items():
        region_box(volume.grid, name, region)
    return Plan(
        dict(conductors), _axes(volume, directions), engine, ends, tolerance, slabs,
        None if regions is None else dict(regions),
    )  # fmt: skip


def study(volume: Volume, asked: Plan, progress: Progress | None = None) -> Study:
    """Solve what was planned.

    A direction along which nothing gets through is reported as blocked beside others; profile and regions
    belong to the engine ``voxel`` and the through axis.

    Raises
    ------
    InputError
        Nothing gets through in any direction that was asked for.
    SolveError
        No convergence.
    """
    tell = progress or (lambda done, name: None)
    conductivity = dict.fromkeys(volume.phases.values(), 0.0)
    conductivity |= {volume.label(name): value for name, value in asked.conductors.items()}
    mask = volume.mask(list(asked.conductors))
    blocked = {k: BLOCKED for k in asked.axes if not percolating(mask, k, trim=False).any()}
    if len(blocked) == len(asked.axes):
        raise InputError(
            f"{BLOCKED} along {' or '.join(f'axis {k}' for k in asked.axes)}", field="phase",
            value=" + ".join(asked.conductors), remedy="Choose another direction, phase or crop",
        )  # fmt: skip
    found: dict[int, Transport] = {}
    for k, axis in enumerate(a for a in asked.axes if a not in blocked):
        tell(k / (len(asked.axes) + 1), f"axis {axis}")
        # powers of layers are of the first order in the potential, the conductance is of the second
        profiled = asked.engine == "voxel" and axis == volume.grid.through
        found[axis] = effective_by(
            asked.engine, volume.labels, conductivity, axis, spacing=volume.grid.voxel_size,
            tolerance=max(asked.tolerance**2, TIGHTEST) if profiled else asked.tolerance,
            boundary=asked.boundary, keep_potential=asked.engine != "fem",
        )  # fmt: skip
    tell(len(asked.axes) / (len(asked.axes) + 1), "depth and regions")
    parts = _by_place(volume, asked, found, conductivity)
    tell(1.0, "done")
    return Study(volume, asked, found, blocked, *parts)


def _by_place(
    volume: Volume, asked: Plan, found: Mapping[int, Transport], conductivity: Mapping[int, float]
) -> tuple[xr.Dataset | None, xr.Dataset | None, xr.Dataset | None]:
    """Profile, regions in place, regions alone, where they can be told."""
    grid = volume.grid
    through = found.get(grid.through)
    if asked.engine != "voxel" or through is None or through.potential is None:
        return None, None, None
    profile = by_depth(volume, through, asked.slabs)
    if asked.regions is None and grid.shape[grid.through] < 3:
        return profile, None, None
    regions = by_region(volume, through, asked.regions)
    if len(asked.axes) < 3:
        return profile, regions, None
    options = VoxelOptions(asked.tolerance, asked.boundary)
    return profile, regions, alone(volume, conductivity, asked.regions, options=options)


def _axes(volume: Volume, directions: str) -> tuple[int, ...]:
    grid = volume.grid
    named: dict[str, Sequence[int]] = {
        "through": (grid.through,), "in-plane": grid.in_plane, "all": (0, 1, 2),
        "0": (0,), "1": (1,), "2": (2,),
    }  # fmt: skip
    if directions not in named:
        raise InputError(
            "there is no such direction", field="direction", value=directions,
            remedy=nearest(directions, DIRECTIONS),
        )  # fmt: skip
    return tuple(named[directions])
