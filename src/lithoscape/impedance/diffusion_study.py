"""Diffusion impedances of an image: along several axes, of the whole or of regions by depth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ..errors import InputError, nearest
from ..image import Volume
from .diffusion import Blocked, DiffusionOptions, DiffusionSpectrum, diffusion_impedance

SIDES = ("separator", "collector")
DIRECTIONS = ("through", "in-plane", "all", "0", "1", "2")
WHOLE = "whole"
Place = tuple[str, int]
"""Region and axis."""
Progress = Callable[[float, str], None]


@dataclass(frozen=True, eq=False)
class DiffusionStudy:
    """What was found of an image.

    Attributes
    ----------
    volume:
        The image.
    phases:
        Names of the phases through which it diffuses.
    spectra:
        By region and axis.
    blocked:
        Why there is none.
    """

    volume: Volume
    phases: tuple[str, ...]
    spectra: Mapping[Place, DiffusionSpectrum]
    blocked: Mapping[Place, str]

    @property
    def regions(self) -> list[str]:
        """Regions in order."""
        return list(dict.fromkeys(region for region, _ in (*self.spectra, *self.blocked)))

    def direction(self, axis: int, short: bool = False) -> str:
        """Such as ``"through (axis 0)"``, or in short ``"0 through"``."""
        kind = "through" if axis == self.volume.grid.through else "in plane"
        return f"{axis} {kind}" if short else f"{kind} (axis {axis})"

    def plain(self) -> list[dict[str, Any]]:
        """Every spectrum as plain data."""
        rows = []
        for (region, axis), s in self.spectra.items():
            rows.append(
                {
                    "region": region,
                    "direction": self.direction(axis),
                    "about": dict(s.spectrum().about),
                    "frequency_Hz": s.frequencies.tolist(),
                    "real": s.normalised.real.tolist(),
                    "imaginary": s.normalised.imag.tolist(),
                    "iterations": s.iterations,
                    "seconds": s.seconds,
                }
            )
        return rows


def diffusion_study(
    volume: Volume,
    conductors: Mapping[str, float],
    *,
    directions: str = "through",
    regions: int | None = None,
    outlet: str = "absorbing",
    inlet: str = "separator",
    diffusivity: float = 1.0,
    frequencies: np.ndarray | None = None,
    options: DiffusionOptions | None = None,
    progress: Progress | None = None,
) -> DiffusionStudy:
    """Diffusion impedances of an image.

    Parameters
    ----------
    volume:
        The image.
    conductors:
        Phase -> its diffusivity in units of ``diffusivity``.
    directions:
        "through" (collector to separator), "in-plane", "all", or the number of an axis.
    regions:
        Regions of even height, each cut out and solved alone; 1 is at the separator. None: the whole image.
    outlet:
        As for :func:`~lithoscape.impedance.diffusion.diffusion_impedance`.
    inlet:
        Side with the inlet along the through axis, "separator" or "collector"; it is the low end in plane.
    diffusivity:
        [m2/s].
    frequencies:
        [Hz], shape (n,); each spectrum has its usual ones if not given.
    options:
        Of each spectrum.
    progress:
        Told the share done and what is being solved.

    Raises
    ------
    InputError
        An unknown phase, direction or side, regions of less than two layers, or nothing gets through
        anywhere.
    SolveError
        A tolerance that was not met.
    """
    tell = progress or (lambda done, name: None)
    labels = dict.fromkeys(volume.phases.values(), 0.0)
    for name, value in conductors.items():
        volume.occupied(name)
        labels[volume.label(name)] = float(value)
    if inlet not in SIDES:
        raise InputError("there is no such side", field="inlet", value=inlet, remedy=nearest(inlet, SIDES))
    axes, boxes = _axes(volume, directions), _boxes(volume, regions)
    collector_low = volume.grid.collector == "low"
    found: dict[Place, DiffusionSpectrum] = {}
    blocked: dict[Place, str] = {}
    for k, (region, axis) in enumerate((region, axis) for region in boxes for axis in axes):
        tell(k / (len(boxes) * len(axes)), f"{region}, axis {axis}")
        high = axis == volume.grid.through and (inlet == "separator") == collector_low
        here = {int(label): labels[int(label)] for label in np.unique(volume.labels[boxes[region]])}
        if not any(here.values()):
            blocked[region, axis] = f"{' + '.join(conductors)} does not occur there"
            continue
        try:
            found[region, axis] = diffusion_impedance(
                volume.labels, here, axis, frequencies=frequencies,
                spacing=volume.grid.voxel_size, diffusivity=diffusivity, outlet=outlet,
                inlet="high" if high else "low", box=boxes[region], options=options,
                name=" + ".join(conductors),
            )  # fmt: skip
        except Blocked as why:
            blocked[region, axis] = why.message
    if not found:
        raise InputError(
            f"{' + '.join(conductors)} connects inlet and outlet nowhere: {next(iter(blocked.values()))}",
            field="phase", value=", ".join(conductors), remedy="Choose another direction, phase or crop",
        )  # fmt: skip
    tell(1.0, "done")
    return DiffusionStudy(volume, tuple(conductors), found, blocked)


def _axes(volume: Volume, directions: str) -> tuple[int, ...]:
    grid = volume.grid
    if directions not in DIRECTIONS:
        raise InputError(
            "there is no such direction", field="direction", value=directions,
            remedy=nearest(directions, DIRECTIONS),
        )  # fmt: skip
    named = {"through": (grid.through,), "in-plane": grid.in_plane, "all": (grid.through, *grid.in_plane)}
    return named.get(directions) or (int(directions),)


def _boxes(volume: Volume, regions: int | None) -> dict[str, tuple[slice, ...]]:
    """Blocks of voxels by name, from the separator on."""
    if regions is None:
        return {WHOLE: (slice(None),) * 3}
    layers = volume.grid.shape[volume.grid.through]
    if not 1 <= regions <= layers // 2:
        raise InputError(
            "regions are of two layers of voxels at least", field="regions", value=regions,
            remedy=f"Give 1 to {layers // 2}",
        )  # fmt: skip
    cuts = np.round(np.linspace(0, layers, regions + 1)).astype(int)
    parts = [slice(int(a), int(b)) for a, b in pairwise(cuts)]
    if volume.grid.collector == "low":
        parts.reverse()
    boxes = {}
    for k, part in enumerate(parts, 1):
        box = [slice(None)] * 3
        box[volume.grid.through] = part
        boxes[f"region {k}"] = tuple(box)
    return boxes
