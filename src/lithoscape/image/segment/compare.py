"""How well found labels agree with the truth."""

from __future__ import annotations

import edt
import numpy as np

from ...errors import InputError, nearest
from ..volume import Volume


def iou(truth: Volume, found: Volume) -> dict[str, float]:
    """Intersection over union of every phase of the truth (Jaccard index): 1 is agreement, 0 is none.

    Phases are compared by name. One without a voxel in either image is left out.

    Raises
    ------
    InputError
        Different shapes, or a phase of the truth that the found image does not name.
    """
    _require_comparable(truth, found)
    scores = {}
    for name in truth.phases:
        a, b = truth.mask(name), found.mask(name)
        union = int(np.count_nonzero(a | b))
        if union:
            scores[name] = int(np.count_nonzero(a & b)) / union
    return scores


def boundary_distance(truth: Volume, found: Volume, phase: str) -> dict[str, float]:
    """Distances between the boundaries of a phase in two images [m].

    The boundary is made of the voxels of the phase that touch another phase by a face, not of those at the
    border of the image. Distances run from every boundary voxel to the nearest of the other image, both ways.

    Returns
    -------
    dict
        ``"mean"``, ``"95 %"`` and ``"largest"`` (Hausdorff) [m].

    Raises
    ------
    InputError
        Different shapes, unknown phase, or a phase without a boundary in one of the images.
    """
    _require_comparable(truth, found)
    edges = [_boundary(volume.mask(phase)) for volume in (truth, found)]
    for volume, edge in zip(("truth", "found"), edges, strict=True):
        if not edge.any():
            raise InputError(
                f"this phase has no boundary in the {volume} image", field="phase", value=phase,
                remedy="Compare the fractions first",
            )  # fmt: skip
    size = truth.grid.voxel_size
    apart = [
        edt.edt(~other, anisotropy=size, black_border=False)[edge]
        for edge, other in (edges, edges[::-1])
    ]  # fmt: skip
    distances = np.concatenate(apart)
    return {
        "mean": float(distances.mean(dtype=np.float64)),
        "95 %": float(np.quantile(distances, 0.95)),
        "largest": float(distances.max()),
    }


def _boundary(mask: np.ndarray) -> np.ndarray:
    """Voxels of a mask that share a face with a voxel outside it."""
    edge = np.zeros_like(mask)
    for axis in range(3):
        a = np.moveaxis(mask, axis, 0)
        e = np.moveaxis(edge, axis, 0)
        e[:-1] |= a[:-1] & ~a[1:]
        e[1:] |= a[1:] & ~a[:-1]
    return edge


def _require_comparable(truth: Volume, found: Volume) -> None:
    if truth.grid.shape != found.grid.shape:
        raise InputError(
            "only images of the same shape can be compared", field="found", value=found.grid.shape,
            remedy=f"The truth has the shape {truth.grid.shape}",
        )  # fmt: skip
    for name in truth.phases:
        if name not in found.phases:
            raise InputError(
                "the found image does not name this phase", field="found", value=name,
                remedy=nearest(name, list(found.phases)),
            )  # fmt: skip
