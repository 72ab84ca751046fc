"""Cracks that follow grain boundaries: rough sheets between the grains on either side of a plane."""

from __future__ import annotations

import edt
import numpy as np
from scipy import ndimage

from ..image.volume import Instances
from .division import grain_cells
from .tessellation import Core


def boundary_distance(
    grains: Instances, parent: int, points: np.ndarray, number: np.ndarray, side: np.ndarray | None = None
) -> np.ndarray:
    """Distance of points of one particle to the nearest boundary of their grain [m]: shape (n,).

    Boundaries are the cells' exact faces, and in particles of two layers also the surface of the core.

    Parameters
    ----------
    grains:
        See :class:`.grains.Grains`.
    parent:
        The particle.
    points, number:
        (n, 3) [m], and the grain that each lies in (n,).
    side:
        A side for every row of the table (bool); only boundaries between grains on different sides count.
        None for all boundaries.
    """
    t = grains.table
    row = np.searchsorted(t["particle"].values, number)
    layer = t["Layer"].values
    distance = np.full(len(points), np.inf)
    for one in np.unique(layer[row]):
        mine = np.flatnonzero(layer[row] == one)
        cells, members = grain_cells(grains, int(row[mine[0]]))
        if len(cells) > 1:
            distance[mine] = cells.faces(points[mine], None if side is None else side[members])[2]
        if one == 0:
            continue
        core = Core(cells.centre, t["Core matrix [m-2]"].values[row[mine[0]]], cells.period)
        far = np.abs(core(points[mine]))
        if side is not None:
            across = np.flatnonzero((t["Parent particle"].values == parent) & (layer == 3 - one))
            facing, theirs = grain_cells(grains, int(across[0]))
            same = side[theirs[facing.nearest(points[mine])]] == side[row[mine]]
            far = np.where(same, np.inf, far)
        distance[mine] = np.minimum(distance[mine], far)
    return distance


def boundary_crack(
    grains: Instances, parent: int, centre: np.ndarray, normal: np.ndarray, half: float
) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """The voxels of one crack and their distances from where it begins.

    The crack runs along all boundaries between a grain whose centroid lies above the plane through ``centre``
    and one whose centroid lies below: a single sheet that stays near the plane and cuts no grain off.

    Parameters
    ----------
    grains, parent:
        As for :func:`boundary_distance`.
    centre, normal:
        Of the plane (3,) [m], and a unit vector (3,).
    half:
        Half the width of the crack [m].

    Returns
    -------
    index, distance:
        Of the voxels, three arrays (n,); distance from ``centre`` (n,) [m].
    """
    t, grid = grains.table, grains.grid
    numbers, parents = t["particle"].values, t["Parent particle"].values
    cells, _ = grain_cells(grains, int(np.flatnonzero(parents == parent)[0]))
    start = cells.seen(centre[None])[0]
    side = (t["Centroid [m]"].values - cells.centre - start) @ normal > 0
    # the voxels that can be near a boundary between both sides, by a transform of the sides alone
    colour = np.zeros(int(numbers.max()) + 1, dtype=np.uint8)
    colour[numbers] = np.where(parents == parent, 1 + side, 0)
    box = ndimage.find_objects((colour[grains.labels] > 0).view(np.uint8))[0]
    sides = np.ascontiguousarray(colour[grains.labels[box]])
    near = np.zeros(sides.shape, bool)
    for one in (1, 2):
        across = edt.edt(sides != 3 - one, anisotropy=grid.voxel_size, black_border=False)
        near |= (sides == one) & (across < half + 2 * max(grid.voxel_size))
    index = tuple(i + s.start for i, s in zip(np.nonzero(near), box, strict=True))
    points = np.array(grid.origin) + (np.stack(index, axis=1) + 0.5) * grid.voxel_size
    inside = boundary_distance(grains, parent, points, grains.labels[index], side) < half
    far = np.linalg.norm(cells.seen(points[inside]) - start, axis=1)
    return tuple(i[inside] for i in index), far
