"""Freeze-cast electrodes: aligned pores whose porosity and width are prescribed over the height."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar, Literal

import cc3d
import numpy as np
from pydantic import BaseModel, ConfigDict
from skimage.measure import perimeter_crofton

from ..errors import InputError
from ..image.grid import Grid
from .ice_pores import Pattern, ice_pores, levelled
from .placing import MICRO, Curve, cut, note, positive
from .shapes import Complement
from .structure import BACKGROUND, Step, Structure

LARGEST = 2 * 10**8
"""Voxels up to which the connection of the pores is looked at (four bytes each)."""


class Region(BaseModel):
    """A layer of the electrode between two heights above the collector, and its mean porosity."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    from_um: float
    to_um: float
    porosity: float


def region_profile(
    regions: Sequence[tuple[float, float, float]], thickness: float, blend: float | None = None
) -> Curve:
    """Porosity over height that has the given mean in every region and no jumps.

    Plateaus, joined by linear ramps of the length b centred on the bounds. A ramp moves (q_j - q_i) b/8 of
    pore from one plateau to its neighbour, so the plateaus q follow from the means by a small linear system.

    Parameters
    ----------
    regions:
        (from, to, mean porosity), heights above the collector [m].
    thickness:
        Height of the electrode [m]; the regions fill it.
    blend:
        Length of the ramps [m]; half the thinnest region if not given.

    Raises
    ------
    InputError
        Regions that overlap, leave gaps or end elsewhere than the electrode, ramps longer than a region,
        means that cannot be had with such ramps.
    """
    ordered = sorted(regions)
    bounds = [low for low, _, _ in ordered] + [ordered[-1][1] if ordered else 0.0]
    tolerance = 1e-6 * thickness
    joined = all(abs(a[1] - b[0]) <= tolerance for a, b in pairwise(ordered))
    if not joined or abs(bounds[0]) > tolerance or abs(bounds[-1] - thickness) > tolerance:
        raise InputError(
            "regions follow each other from the collector to the separator without gap or overlap",
            field="regions", value=[(low, high) for low, high, _ in ordered],
            remedy=f"The first starts at 0, the last ends at {thickness:.6g} m",
        )  # fmt: skip
    lengths = np.diff(bounds)
    means = np.array([p for _, _, p in ordered])
    if (lengths <= 0).any() or not ((means > 0) & (means < 1)).all():
        raise InputError(
            "a region has a height, and a porosity between 0 and 1", field="regions", value=ordered,
            remedy="Give fractions, not per cent",
        )  # fmt: skip
    ramp = lengths.min() / 2 if blend is None else positive("blend", blend)
    if ramp > lengths.min() * (1 + 1e-9):
        raise InputError(
            "the ramps between regions are longer than a region", field="blend", value=blend,
            remedy=f"Give at most {lengths.min():.6g} m",
        )  # fmt: skip
    share = ramp / 8
    matrix = np.diag(lengths)
    for i in range(len(means) - 1):
        matrix[i : i + 2, i : i + 2] += share * np.array([[-1, 1], [1, -1]])
    plateaus = np.linalg.solve(matrix, means * lengths)
    if not ((plateaus > 0) & (plateaus < 1)).all():
        raise InputError(
            "no porosity between 0 and 1 has these means and such long ramps", field="blend", value=ramp,
            remedy="Give a shorter ramp",
        )  # fmt: skip
    nodes = [(0.0, plateaus[0])]
    for bound, (a, b) in zip(bounds[1:-1], pairwise(plateaus), strict=True):
        nodes += [(bound - ramp / 2, a), (bound + ramp / 2, b)]
    nodes.append((thickness, plateaus[-1]))
    kept = [node for k, node in enumerate(nodes) if k == 0 or node[0] > nodes[k - 1][0] + 1e-9 * thickness]
    return Curve(tuple(float(z) for z, _ in kept), tuple(float(p) for _, p in kept))


class FreezeCast(Step):
    """Lamellar or cellular pores along the through axis. Heights are counted from the collector.

    In an empty box the walls between the pores become ``phase``; where ``over`` names phases, the pores are
    cut into those. ``porosity`` and ``pore_width_um`` are one number or [height_um, value] pairs; ``regions``
    give the mean porosity of layers instead.
    """

    make: Literal["freeze_cast"]
    porosity: float | tuple[tuple[float, float], ...] | None = None
    regions: tuple[Region, ...] | None = None
    blend_um: float | None = None
    pore_width_um: float | tuple[tuple[float, float], ...]
    pattern: Pattern = "lamellar"
    orientation_deg: float = 0.0
    misorientation_deg: float = 12.0
    disorder: float = 0.1
    correlation_um: float | None = None
    phase: str = "active"
    over: tuple[str, ...] | None = None
    summary: ClassVar[str] = "aligned pores of freeze casting"

    def porosity_profile(self, grid: Grid) -> Curve:
        """Porosity over height in metres; InputError unless it is given one way."""
        if (self.porosity is None) == (self.regions is None):
            raise InputError(
                "the porosity is given once", field="porosity", value=self.porosity,
                remedy="Give porosity or regions",
            )  # fmt: skip
        if self.regions is None:
            return _profile(self.porosity, grid, 1.0, "porosity")
        parts = [(r.from_um * MICRO, r.to_um * MICRO, r.porosity) for r in self.regions]
        return region_profile(parts, grid.thickness, None if self.blend_um is None else self.blend_um * MICRO)

    def apply(self, structure: Structure, rng: np.random.Generator) -> Structure:
        """The structure with the pores; the slices meet the porosity to a voxel."""
        grid, porosity = structure.grid, self.porosity_profile(structure.grid)
        width = _profile(self.pore_width_um, grid, MICRO, "pore_width_um")
        if self.over is None and len(structure.volume.phases) > 1:
            raise InputError(
                "there is an electrode in the box already", field="over", value=None,
                remedy="Name the phases to cut the pores into, or start from an empty box",
            )  # fmt: skip
        pores = ice_pores(
            grid, rng, porosity=porosity, width=width, pattern=self.pattern,
            orientation=math.radians(self.orientation_deg), disorder=self.disorder,
            misorientation=math.radians(self.misorientation_deg),
            correlation=None if self.correlation_um is None else self.correlation_um * MICRO,
        )  # fmt: skip
        pores, voxels = levelled(pores, grid, porosity)
        if self.over is None:
            after = structure.paint(self.phase, ~voxels, shape=Complement(pores), over=(BACKGROUND,))
        else:
            after = cut(structure, pores, self.over, voxels)[0]
        return note(after, "freeze-cast pores", **_figures(grid, porosity, width, voxels, self.pattern))


def thirds(grid: Grid, values: np.ndarray) -> list[float]:
    """Means of a profile over the slices (in index order) in the thirds from collector to separator."""
    total = np.concatenate([[0.0], np.cumsum(values[np.argsort(grid.heights())])])
    bounds = np.interp(np.arange(4) * len(values) / 3, np.arange(len(total)), total)
    return [float(part) for part in np.diff(bounds) * 3 / len(values)]


def through_connected(grid: Grid, pore: np.ndarray) -> float:
    """Part of the pore voxels in pieces that reach from collector to separator (6 neighbours)."""
    pieces = cc3d.connected_components(np.ascontiguousarray(pore), connectivity=6)
    low, high = (np.unique(pieces.take(k, axis=grid.through)) for k in (0, -1))
    both = np.intersect1d(low, high)
    return float(np.isin(pieces, both[both > 0]).sum() / max(pore.sum(), 1))


def slice_width(grid: Grid, slices: np.ndarray, pattern: Pattern) -> float:
    """Width of pores from area over perimeter in slices (first axis): 2A/P of slits, 4A/P of cells [m].

    The perimeter is Crofton's, in four directions.
    """
    edge = grid.voxel_size[grid.in_plane[0]]
    area = float(slices.sum()) * edge
    border = sum(float(perimeter_crofton(one, directions=4)) for one in slices)
    return (2 if pattern == "lamellar" else 4) * area / max(border, 1e-30)


def _profile(
    given: float | tuple[tuple[float, float], ...] | None, grid: Grid, unit: float, field: str
) -> Curve:
    """A profile over the height [m] from one number or [height_um, value] pairs, the value in ``unit``."""
    if not isinstance(given, tuple):
        return Curve((0.0,), (float(given or 0.0) * unit,))
    curve = Curve(tuple(z * MICRO for z, _ in given), tuple(value * unit for _, value in given))
    if min(curve.positions) < 0 or max(curve.positions) > grid.thickness * (1 + 1e-9):
        raise InputError(
            "the profile leaves the electrode", field=field, value=list(given),
            remedy=f"Heights lie between 0 and {grid.thickness / MICRO:.6g} um above the collector",
        )  # fmt: skip
    return curve


def _figures(grid: Grid, porosity: Curve, width: Curve, voxels: np.ndarray, pattern: Pattern) -> dict:
    """What was asked and what came out."""
    heights = grid.heights()
    by_slice = voxels.mean(axis=grid.in_plane)
    order = np.moveaxis(voxels, grid.through, 0)[np.argsort(heights)]
    end = max(1, len(heights) // 50)
    return {
        "porosity_of_thirds_asked": [round(p, 6) for p in thirds(grid, porosity(heights))],
        "porosity_of_thirds": [round(p, 6) for p in thirds(grid, by_slice)],
        "pore_width_at_collector_asked_m": float(width(heights[:1] * 0)[0]),
        "pore_width_at_separator_asked_m": float(width(np.array([grid.thickness]))[0]),
        "pore_width_at_collector_m": slice_width(grid, order[:end], pattern),
        "pore_width_at_separator_m": slice_width(grid, order[-end:], pattern),
        "pore_through_connected": through_connected(grid, voxels) if voxels.size <= LARGEST else None,
    }
