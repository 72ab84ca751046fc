"""Particles told apart: a phase split at its necks by a watershed on the distance map."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import cc3d
import numpy as np
import xarray as xr
from scipy.ndimage import gaussian_filter
from skimage.morphology import local_maxima
from skimage.segmentation import watershed

from ..errors import InputError
from .grid import Grid
from .particle_table import distance, gathered, necks, particle_table
from .volume import Instances, Volume

Method = Literal["watershed", "components"]


def split_particles(
    volume: Volume,
    phase: str,
    *,
    smoothing: float | None = None,
    min_depth: float | None = None,
    relative_depth: float = 0.1,
    neck: float = 0.85,
    min_volume: float | None = None,
    max_hole: float = 0.0,
    method: Method = "watershed",
) -> Instances:
    """Particles of a phase; touching ones are cut at their necks, rough ones stay whole.

    Every maximum of the smoothed Euclidean distance to the outside floods a basin. Two basins are one
    particle

    - if the pass between them is shallow: the lower summit rises less above it than ``min_depth`` or than
      ``relative_depth`` times itself (the dynamics of a maximum; Grimaud 1992, doi:10.1117/12.60650), or
    - if the neck is wide: the radius of the circle of its area exceeds ``neck`` times the inscribed radius
      of the smaller of the two. The area of a neck is the length of the sum of its face normals, exact for a
      plane however it lies to the voxels.

    A piece smaller than ``min_volume`` joins the neighbour with which it shares most area, or is left out if
    it has none. The box edge is no surface: a particle that it cuts is flooded from the edge.

    Parameters
    ----------
    volume:
        The labelled image.
    phase:
        Name of the phase.
    smoothing:
        Standard deviation of the Gaussian filter of the distance map [m]; without it one voxel (the cube
        root of its volume). 0 does not smooth.
    min_depth:
        Least height of a summit above the pass to its neighbour [m]; without it half a voxel.
    relative_depth:
        The same as a share of the lower summit's height.
    neck:
        Largest ratio of neck radius to inscribed radius at which two stay apart.
    min_volume:
        Least volume of a particle [m3]; without it that of eight voxels.
    max_hole:
        Enclosed voids up to this volume [m3] do not count in the distance map, so that pores and cracks
        inside a particle do not split it. They stay outside the particle.
    method:
        ``"watershed"``, or ``"components"``: what touches by a face is one particle.

    Returns
    -------
    Instances
        Particles 1..N in raster order, with the columns of :func:`particle_table`. Its attributes count the
        ``markers`` (maxima), those ``merged_depth``, ``merged_neck``, ``merged_small`` and ``dropped``. The
        pairs left apart at more than 80 % of ``neck`` are listed as ``"Suspicious pair"`` (dimensions pair,
        side) with their ``"Neck ratio"``.

    Raises
    ------
    InputError
        Unknown or empty phase, a bad parameter, no particle of ``min_volume``.
    """
    grid = volume.grid
    edge = grid.voxel_volume ** (1 / 3)
    smoothing = edge if smoothing is None else smoothing
    min_depth = 0.5 * edge if min_depth is None else min_depth
    min_volume = 8 * grid.voxel_volume if min_volume is None else min_volume
    _check(smoothing, min_depth, relative_depth, neck, min_volume, max_hole, method)
    mask = volume.occupied(phase)
    solid = _filled(mask, max_hole / grid.voxel_volume)
    depth = distance(solid, grid)
    if method == "components":
        labels, notes = components(solid), dict[str, int]()
        graph = Graph.of(labels, depth, depth, grid)
    else:
        smooth = smoothed(depth, solid, smoothing, grid)
        summits = local_maxima(smooth, connectivity=3) & solid
        # a phase that fills the box is one plateau, which has no maximum
        labels = flood(smooth, components(summits if summits.any() else solid, 26), solid)
        graph = Graph.of(labels, smooth, depth, grid)
        notes = {"markers": graph.count}
        graph, notes["merged_depth"] = graph.shallow(min_depth, relative_depth)
        graph, notes["merged_neck"] = graph.wide(neck)
    labels[~mask] = 0
    voxels = np.bincount(labels.ravel(), minlength=graph.count + 1)
    graph, kept, small = graph.small(voxels, min_volume, grid)
    notes |= small
    if not kept.any():
        raise InputError(
            "no particle is as large as the least volume", field="min_volume", value=min_volume,
            remedy="It is in cubic metres: a sphere of 1 um diameter has 5.2e-19 m3",
        )  # fmt: skip
    number = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    labels = number[graph.group][labels]
    table = particle_table(labels, grid).assign_attrs(notes)
    return Instances(labels, grid, phase, _with_suspects(table, graph, number, 0.8 * neck))


def smoothed(depth: np.ndarray, mask: np.ndarray, width: float, grid: Grid) -> np.ndarray:
    """Gaussian filter of the distance map, 0 outside the mask."""
    if width > 0:
        depth = gaussian_filter(depth, [width / h for h in grid.voxel_size], truncate=3.0)
    return np.where(mask, depth, np.float32(0))


def flood(height: np.ndarray, markers: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Basins of ``-height`` around the markers within the mask (int32)."""
    return watershed(-height, markers, mask=mask).astype(np.int32, copy=False)


def components(mask: np.ndarray, connectivity: Literal[6, 26] = 6) -> np.ndarray:
    """Numbers 1..N of the connected parts of a mask, in raster order (int32)."""
    found = cc3d.connected_components(np.ascontiguousarray(mask), connectivity=connectivity)
    return found.astype(np.int32)


@dataclass(frozen=True, eq=False)
class Graph:
    """Regions and the necks between them.

    Parameters
    ----------
    group:
        Region of every label that was flooded; entry 0 is the outside.
    summit, radius:
        Largest smoothed and unsmoothed distance in every region [m].
    pairs:
        Touching regions, shape (necks, 2), the lower number first.
    saddle:
        Height of the pass between the two [m].
    area:
        Sum of the face normals of the neck, shape (necks, 3) [m2].
    """

    group: np.ndarray
    summit: np.ndarray
    radius: np.ndarray
    pairs: np.ndarray
    saddle: np.ndarray
    area: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray, height: np.ndarray, depth: np.ndarray, grid: Grid) -> Graph:
        """The graph of a labelled image."""
        count = int(labels.max())
        summit, radius = np.zeros(count + 1), np.zeros(count + 1)
        inside = np.flatnonzero(labels)
        owner = labels.ravel()[inside]
        np.maximum.at(summit, owner, height.ravel()[inside])
        np.maximum.at(radius, owner, depth.ravel()[inside])
        return cls(np.arange(count + 1), summit, radius, *necks(labels, height, grid))

    @property
    def count(self) -> int:
        """Number of regions before any was merged."""
        return len(self.group) - 1

    def ratio(self) -> np.ndarray:
        """Radius of each neck over the smaller inscribed radius of its two regions."""
        width = np.sqrt(np.linalg.norm(self.area, axis=1) / np.pi)
        return width / self.radius[self.pairs].min(axis=1)

    def joined(self, parent: np.ndarray) -> Graph:
        """The graph after each region became part of ``parent`` of it."""
        summit, radius = np.zeros_like(self.summit), np.zeros_like(self.radius)
        np.maximum.at(summit, parent, self.summit)
        np.maximum.at(radius, parent, self.radius)
        necks_left = gathered(parent[self.pairs], self.saddle, self.area)
        return replace(self, group=parent[self.group], summit=summit, radius=radius,
                       **dict(zip(("pairs", "saddle", "area"), necks_left, strict=True)))  # fmt: skip

    def shallow(self, least: float, share: float) -> tuple[Graph, int]:
        """Regions joined over shallow passes, highest pass first; and how many went."""
        parent, summit = np.arange(len(self.group)), self.summit.copy()
        for i in np.argsort(-self.saddle, kind="stable"):
            a, b = (_root(parent, int(k)) for k in self.pairs[i])
            if a == b:
                continue
            lower = min(summit[a], summit[b])
            if lower - self.saddle[i] < max(least, share * lower):
                summit[min(a, b)] = max(summit[a], summit[b])
                parent[max(a, b)] = min(a, b)
        return self._flattened(parent)

    def wide(self, neck: float) -> tuple[Graph, int]:
        """Regions joined over wide necks, widest first; and how many went."""
        graph, merged = self, 0
        while len(graph.pairs) and (ratio := graph.ratio()).max() > neck:
            # necks that are the widest of both their regions do not influence each other
            parent, taken = np.arange(len(graph.group)), np.zeros(len(graph.group), bool)
            for i in np.argsort(-ratio, kind="stable"):
                if ratio[i] <= neck:
                    break
                a, b = graph.pairs[i]
                if not (taken[a] or taken[b]):
                    parent[b] = a
                    merged += 1
                taken[[a, b]] = True
            graph = graph.joined(parent)
        return graph, merged

    def small(self, voxels: np.ndarray, least: float, grid: Grid) -> tuple[Graph, np.ndarray, dict[str, int]]:
        """Small regions joined to their closest neighbour; which regions are kept; how many went."""
        parent = np.arange(len(self.group))
        size = np.bincount(self.group, voxels, len(parent)) * grid.voxel_volume
        size[0] = 0.0
        areas = np.linalg.norm(self.area, axis=1)
        for a in np.argsort(size, kind="stable"):
            mine = (self.pairs == a).any(axis=1) if 0 < size[a] < least else np.zeros(len(areas), bool)
            if mine.any():
                pair = self.pairs[np.flatnonzero(mine)[areas[mine].argmax()]]
                parent[_root(parent, int(a))] = _root(parent, int(pair[0] if pair[1] == a else pair[1]))
        graph, merged = self._flattened(parent)
        size = np.bincount(graph.group, voxels, len(parent)) * grid.voxel_volume
        size[0] = 0.0
        kept = (size >= least * (1 - 1e-9)) & (size > 0)
        dropped = int(((size > 0) & ~kept).sum())
        return graph, kept, {"merged_small": merged, "dropped": dropped}

    def _flattened(self, parent: np.ndarray) -> tuple[Graph, int]:
        roots = np.array([_root(parent, k) for k in range(len(parent))])
        return self.joined(roots), int((roots != np.arange(len(roots))).sum())


def _root(parent: np.ndarray, k: int) -> int:
    while parent[k] != k:
        parent[k] = parent[parent[k]]
        k = int(parent[k])
    return k


def _filled(mask: np.ndarray, voxels: float) -> np.ndarray:
    """The mask with enclosed voids of up to so many voxels closed."""
    if voxels < 1:
        return mask
    holes = components(~mask)
    size = np.bincount(holes.ravel())
    size[0] = 0
    for axis in range(3):
        for page in (0, -1):
            size[np.unique(holes.take(page, axis))] = 0
    return mask | ((size > 0) & (size <= voxels))[holes]


def _with_suspects(table: xr.Dataset, graph: Graph, number: np.ndarray, least: float) -> xr.Dataset:
    """The table with the pairs whose neck is wide, though not wide enough to join."""
    pairs, ratio = number[graph.pairs], graph.ratio()
    keep = (ratio > least) & (pairs > 0).all(axis=1)
    order = np.flatnonzero(keep)[np.argsort(-ratio[keep], kind="stable")]
    one = {"units": "1"}
    return table.assign(
        {"Suspicious pair": (("pair", "side"), pairs[order], one), "Neck ratio": ("pair", ratio[order], one)}
    )


def _check(
    smoothing: float, min_depth: float, share: float, neck: float, least: float, hole: float, method: str
) -> None:
    lengths = {"smoothing": smoothing, "min_depth": min_depth, "min_volume": least, "max_hole": hole}
    for name, value in lengths.items():
        if not 0 <= value < 1e-3:
            raise InputError(
                "this is a length or volume that is not negative, in metres", field=name, value=value,
                remedy="1 um is 1e-6 m, 1 um3 is 1e-18 m3",
            )  # fmt: skip
    if not 0 <= share < 1:
        raise InputError(
            "a share of the height lies between 0 and 1", field="relative_depth", value=share,
            remedy="Usual is 0.1; larger joins more",
        )  # fmt: skip
    if not neck > 0:
        raise InputError(
            "a ratio of radii is positive",
            field="neck",
            value=neck,
            remedy="Usual is 0.85; smaller joins more",
        )
    if method not in get_args(Method):
        raise InputError(
            "there is no such way to tell particles apart", field="method", value=method,
            remedy=f"Give one of {', '.join(get_args(Method))}",
        )  # fmt: skip
