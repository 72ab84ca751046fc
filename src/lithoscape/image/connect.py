"""Connected clusters of a phase: what crosses the image, what reaches an electrode, what is cut off.

A cluster joins voxels that share a face (connectivity 6), which is what conducts on voxels; 26 joins over
edges and corners too. Voxel size plays no part: neighbours are neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cc3d
import numpy as np

from ..errors import InputError
from .grid import Grid
from .volume import Volume, label_counts

End = Literal["collector", "separator"]
Connectivity = Literal[6, 26]
Phase = str | Sequence[str]
"""One phase, or several taken together."""


@dataclass(frozen=True)
class Percolation:
    """How a phase hangs together. All shares are shares of the phase's voxels.

    Parameters
    ----------
    fractions:
        Share in clusters that touch both opposite faces of the image, for each of the three axes; 0 if none
        does.
    through:
        The same for the through axis, from collector to separator.
    collector, separator:
        Share in clusters that touch the collector face, the separator face.
    clusters:
        Number of clusters.
    isolated:
        Share in clusters that touch no face of the image.
    largest:
        Share of the largest cluster.
    connectivity:
        6 or 26.
    """

    fractions: tuple[float, float, float]
    through: float
    collector: float
    separator: float
    clusters: int
    isolated: float
    largest: float
    connectivity: int


def clusters(mask: np.ndarray, connectivity: Connectivity = 6) -> np.ndarray:
    """Number the clusters of a mask: 0 outside, 1..N inside, in the shape of the mask (unsigned).

    Parameters
    ----------
    mask:
        Voxels of a phase, three axes (bool).
    connectivity:
        6 (over faces) or 26 (over faces, edges and corners).

    Raises
    ------
    InputError
        Another connectivity, or no mask of three axes.
    """
    if connectivity not in (6, 26):
        raise InputError(
            "voxels connect over faces, or over edges and corners too", field="connectivity",
            value=connectivity, remedy="Give 6 or 26",
        )  # fmt: skip
    mask = np.asarray(mask)
    if mask.ndim != 3 or mask.dtype != np.bool_ or not mask.size:
        raise InputError(
            "clusters are those of a mask of three axes", field="mask", value=(mask.shape, str(mask.dtype)),
            remedy="Such as volume.mask('pore')",
        )  # fmt: skip
    return cc3d.connected_components(mask.view(np.uint8), connectivity=connectivity, binary_image=True)


def percolation(volume: Volume, phase: Phase, connectivity: Connectivity = 6) -> Percolation:
    """Measure how a phase is connected, from one labelling.

    Raises
    ------
    InputError
        No such phase, a phase without a voxel, or another connectivity.
    """
    labels = clusters(occupied(volume, phase), connectivity)
    sizes = label_counts(labels)
    sizes[0] = 0
    total = int(sizes.sum())

    def share(numbers: np.ndarray) -> float:
        return float(sizes[numbers].sum() / total)

    faces = [(_on_face(labels, axis, 0), _on_face(labels, axis, -1)) for axis in range(3)]
    a, b, c = (share(np.intersect1d(*pair)) for pair in faces)
    across = (a, b, c)
    touching = np.unique(np.concatenate([face for pair in faces for face in pair]))
    ends = faces[volume.grid.through][:: 1 if volume.grid.collector == "low" else -1]
    return Percolation(
        fractions=across,
        through=across[volume.grid.through],
        collector=share(ends[0]),
        separator=share(ends[1]),
        clusters=int(np.count_nonzero(sizes)),
        isolated=float((total - int(sizes[touching].sum())) / total),
        largest=float(sizes.max() / total),
        connectivity=connectivity,
    )


def percolating_mask(
    volume: Volume, phase: Phase, axis: int | None = None, connectivity: Connectivity = 6
) -> np.ndarray:
    """Voxels of a phase in clusters that touch both faces of an axis (bool); all False if none does.

    Parameters
    ----------
    axis:
        Array axis; without it the through axis.

    Raises
    ------
    InputError
        No such phase, a phase without a voxel, no such axis, or another connectivity.
    """
    axis = volume.grid.through if axis is None else axis
    if axis not in (0, 1, 2):
        raise InputError(
            "there is no such axis", field="axis", value=axis, remedy="Give 0, 1 or 2: pages, rows or columns"
        )
    labels = clusters(occupied(volume, phase), connectivity)
    return _members(labels, np.intersect1d(_on_face(labels, axis, 0), _on_face(labels, axis, -1)))


def connected_mask(volume: Volume, phase: Phase, to: End, connectivity: Connectivity = 6) -> np.ndarray:
    """Voxels of a phase in clusters that touch the collector face or the separator face (bool).

    Parameters
    ----------
    to:
        ``collector`` or ``separator``; where they lie is in the grid.

    Raises
    ------
    InputError
        No such phase, a phase without a voxel, no such end, or another connectivity.
    """
    face = _face_of(volume.grid, to)
    labels = clusters(occupied(volume, phase), connectivity)
    return _members(labels, _on_face(labels, volume.grid.through, face))


def _face_of(grid: Grid, to: End) -> int:
    """Index along the through axis of the face at one end: 0 or -1."""
    if to not in ("collector", "separator"):
        raise InputError(
            "an electrode ends at its collector and at the separator", field="to", value=to,
            remedy="Give collector or separator",
        )  # fmt: skip
    return 0 if (to == "collector") == (grid.collector == "low") else -1


def _on_face(labels: np.ndarray, axis: int, index: int) -> np.ndarray:
    """Clusters on a face of the image, ascending."""
    found = np.unique(np.take(labels, index, axis=axis))
    return found[found > 0]


def _members(labels: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Voxels of some clusters."""
    chosen = np.zeros(int(labels.max()) + 1, dtype=bool)
    chosen[numbers] = True
    return chosen[labels]


def occupied(volume: Volume, phase: Phase) -> np.ndarray:
    """Mask of one phase that must not be empty, or of several that must not all be."""
    names = [phase] if isinstance(phase, str) else list(phase)
    if not names:
        raise InputError(
            "name at least one phase", field="phase", value=names,
            remedy=f"There are {', '.join(volume.phases)}",
        )  # fmt: skip
    if len(names) == 1:
        return volume.occupied(names[0])
    mask = volume.mask(names)
    return mask if mask.any() else volume.occupied(names[0])
