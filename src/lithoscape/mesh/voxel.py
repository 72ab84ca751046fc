"""Baseline meshes whose cells are the voxels of an image: exact volumes, staircase surfaces."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import get_args

import numpy as np

from ..errors import InputError, StaircaseWarning, nearest
from ..image.volume import Volume, label_counts
from .outer import flat_axis, outer_planes
from .tessellation import DIMENSION, Kind, Tessellation

STAIRCASE = {2: 4 / math.pi, 3: 1.5}
"""Length or area of voxel faces over that of the smooth surface, all directions being equally frequent.

A unit of surface with the normal n has the voxel area |n1| + |n2| (+ |n3|); its mean is 2 * 2/pi in 2D and
3 * 1/2 in 3D. A plane along the axes has none of it.
"""

_QUAD = ((0, 0), (1, 0), (1, 1), (0, 1))
_HEXAHEDRON = tuple((i, j, k) for k in (0, 1) for i, j in _QUAD)
_CUT: dict[Kind, tuple[tuple[int, ...], ...]] = {
    "quad": ((0, 1, 2, 3),),
    "triangle": ((0, 1, 2), (0, 2, 3)),
    "hexahedron": (tuple(range(8)),),
    "tetra": ((0, 1, 2, 6), (0, 2, 3, 6), (0, 3, 7, 6), (0, 7, 4, 6), (0, 4, 5, 6), (0, 5, 1, 6)),
}
"""Corners of the pieces of a voxel; six tetrahedra around the diagonal 0-6 fit those of every neighbour."""


def voxel_mesh(
    volume: Volume, kind: Kind = "hexahedron", phases: Sequence[str] | None = None
) -> Tessellation:
    """A mesh of whole voxels, or of voxels cut into simplices; for comparison, not for reactions.

    Surfaces are staircases: their area is 1.5 times the true one in 3D, their length 4/pi times in 2D, as a
    mean over directions and at any resolution. A reaction on them is too fast by that factor.

    Parameters
    ----------
    volume:
        Labelled image; one page of it (an axis of one voxel across the through axis) for cells in the plane.
    kind:
        ``"hexahedron"`` or ``"tetra"`` (six per voxel) in 3D, ``"quad"`` or ``"triangle"`` (two) in 2D.
    phases:
        What is meshed, by default all that occurs. Facets towards phases left out have no name.

    Returns
    -------
    Tessellation
        Regions named after the phases, outer planes by :func:`~lithoscape.mesh.outer.outer_planes`, and
        interfaces; points in the coordinates of the grid [m]. ``provenance["area_factor"]`` is the factor.

    Raises
    ------
    InputError
        Unknown kind or phase, a phase without voxels, cells in the plane of an image with several pages.

    Warns
    -----
    StaircaseWarning
        Always.
    """
    if kind not in get_args(Kind):
        raise InputError(
            "there is no such kind of cell", field="kind", value=kind, remedy=nearest(kind, get_args(Kind))
        )
    dim = DIMENSION[kind]
    regions, tags = _regions(volume, phases)
    planes = outer_planes(volume.grid, dim)
    axes = [axis for axis in range(3) if dim == 3 or axis != flat_axis(volume.grid)]
    if dim == 2:
        tags = tags.squeeze(axis=flat_axis(volume.grid))
    points, cells, cell_tags = _cells(tags, kind)
    h, origin = np.array(volume.grid.voxel_size)[axes], np.array(volume.grid.origin)[axes]
    warnings.warn(
        f"the surfaces of a voxel mesh are staircases, {STAIRCASE[dim]:.4g} times too large on average",
        StaircaseWarning, stacklevel=2,
    )  # fmt: skip
    provenance = {
        "route": "voxels", "kind": kind, "voxel_size": list(volume.grid.voxel_size),
        "area_factor": STAIRCASE[dim], "image": dict(volume.provenance),
    }  # fmt: skip
    mesh = Tessellation(kind, origin + points * h, cells, cell_tags, regions, provenance=provenance)
    return mesh.with_facets(planes)


def _regions(volume: Volume, phases: Sequence[str] | None) -> tuple[dict[str, int], np.ndarray]:
    """Names and tags from 1 up, and the tag of every voxel; 0 is left out."""
    counts = label_counts(volume.labels, max(volume.phases.values()) + 1)
    if phases is None:
        names = [name for name, label in volume.phases.items() if counts[label]]
    else:
        names = [phases] if isinstance(phases, str) else list(phases)
    if not names:
        raise InputError(
            "no phase is named", field="phases", value=phases, remedy=f"Give some of {list(volume.phases)}"
        )
    table = np.zeros(counts.size, np.int32)
    for tag, name in enumerate(names, start=1):
        if not counts[volume.label(name)]:
            raise InputError(
                "this phase has no voxel in the image", field="phases", value=name,
                remedy="Leave it out, or check the labels and the crop",
            )  # fmt: skip
        table[volume.label(name)] = tag
    return {name: tag for tag, name in enumerate(names, start=1)}, table[volume.labels]


def _cells(tags: np.ndarray, kind: Kind) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Corners in voxels, cells and their tags; corners that no cell uses are left out."""
    corners = _QUAD if tags.ndim == 2 else _HEXAHEDRON
    lattice = tuple(n + 1 for n in tags.shape)
    voxels = np.argwhere(tags > 0)
    place = [np.ravel_multi_index(tuple((voxels + c).T), lattice) for c in corners]
    used = np.zeros(math.prod(lattice), bool)
    for column in place:
        used[column] = True
    number = np.cumsum(used, dtype=np.int64) - 1
    block = np.stack([number[column] for column in place], axis=1).astype(np.int32)
    cut = np.array(_CUT[kind])
    cells = np.ascontiguousarray(block[:, cut].reshape(-1, cut.shape[1]))
    points = np.stack(np.unravel_index(np.flatnonzero(used), lattice), axis=1).astype(float)
    return points, cells, np.repeat(tags[tags > 0], len(cut)).astype(np.int32)
