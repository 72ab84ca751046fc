"""Multi-channel-collimator XRD: a map of gauge volumes and the averages over it.

The instrument sees the state of lithiation of the active material inside a
gauge volume (Morrison et al., EES Batteries 2026, 10.1039/d6eb00017g). Here
the volume is its beam cross-section; along the beam, parallel to the crack,
the electrode is taken as uniform, or as a crack of finite length by
:mod:`.finite_crack`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import InputError, nearest
from ..probe import Box


@dataclass(frozen=True)
class GaugeMap:
    """Gauge volumes on a grid of depths and lateral positions.

    Parameters
    ----------
    depths:
        Distance from the separator-side surface to the beam's centre [m].
    positions:
        Lateral distance from the crack's centre [m]; negative ones are seen
        mirrored, because the crack's mid-plane is a plane of symmetry.
    beam:
        Beam width and height [m].
    groups:
        Name -> positions averaged together ("near crack", "middle", "bulk").
    """

    depths: tuple[float, ...]
    positions: tuple[float, ...]
    beam: tuple[float, float]
    groups: Mapping[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        for axis in ("depths", "positions"):
            points = getattr(self, axis)
            if len(points) == 0 or len(set(points)) < len(points) or not np.all(np.isfinite(points)):
                raise InputError(
                    "needs at least one point, each only once",
                    field=f"instruments.gauge_map.{axis}_um",
                    value=[round(1e6 * p, 3) for p in points],
                    remedy="List every measured point once",
                )
        if not (len(self.beam) == 2 and all(0 < b < np.inf for b in self.beam)):
            raise InputError(
                "needs a positive width and height",
                field="instruments.gauge_map.beam_um",
                value=[round(1e6 * b, 3) for b in self.beam],
                remedy="Give the beam's width and height",
            )
        for name, members in self.groups.items():
            for x in members:
                if not np.any(np.isclose(self.positions, x, atol=1e-9)):
                    raise InputError(
                        "the group names a position that is not measured",
                        field=f"instruments.gauge_map.groups.{name}",
                        value=round(1e6 * x, 3),
                        remedy="Use positions of the map [um]: "
                        + ", ".join(f"{1e6 * p:g}" for p in self.positions),
                    )

    def boxes(self, surface: float) -> list[Box]:
        """Boxes in mesh coordinates, depth-major; ``surface`` is the separator-side surface [m]."""
        width, height = self.beam
        return [
            Box((x - width / 2, surface + d - height / 2), (x + width / 2, surface + d + height / 2), True)
            for d in self.depths
            for x in self.positions
        ]

    def far_boxes(self, surface: float, half_width: float) -> list[Box]:
        """One box per depth, as far from the crack's mid-plane as the cell reaches: ``half_width`` [m]."""
        width, height = self.beam
        return [
            Box((half_width - width, surface + d - height / 2), (half_width, surface + d + height / 2), True)
            for d in self.depths
        ]

    def members(self, name: str) -> list[int]:
        """Indices of the positions of a group; InputError names the nearest."""
        if name not in self.groups:
            raise InputError(
                "the gauge map has no such group", field="instruments.gauge_map.groups", value=name,
                remedy=nearest(name, list(self.groups)),
            )  # fmt: skip
        return [int(np.argmin(np.abs(np.asarray(self.positions) - x))) for x in self.groups[name]]

    @property
    def shape(self) -> tuple[int, int]:
        """(depths, positions)."""
        return len(self.depths), len(self.positions)

    def group_average(self, name: str, sol: np.ndarray) -> np.ndarray:
        """Plain mean over a group's points that give signal; ``sol`` has shape (..., depth, position)."""
        return mean_of_signal(sol[..., self.members(name)])

    def level_average(self, sol: np.ndarray) -> np.ndarray:
        """Plain mean over all points of each depth that give signal."""
        return mean_of_signal(sol)


def mean_of_signal(sol: np.ndarray) -> np.ndarray:
    """Mean over the last axis without NaN (points without active material); NaN if all are."""
    seen = ~np.isnan(sol)
    count = seen.sum(axis=-1)
    total = np.where(seen, sol, 0.0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
