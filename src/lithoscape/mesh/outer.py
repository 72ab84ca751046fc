"""Names of the planes around an image's box."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InputError
from ..image.grid import Grid


def flat_axis(grid: Grid) -> int:
    """The axis that a mesh in the plane leaves out: the first of one voxel that is not the through axis.

    Raises
    ------
    InputError
        Every axis but the through axis has several voxels.
    """
    flat = [axis for axis in grid.in_plane if grid.shape[axis] == 1]
    if not flat:
        raise InputError(
            f"a mesh in the plane needs an image of one page across its through axis {grid.through}",
            field="volume", value=grid.shape,
            remedy="Crop one page, or name another through axis when the image is read",
        )  # fmt: skip
    return flat[0]


def outer_planes(grid: Grid, dim: int = 3) -> dict[str, tuple[int, float]]:
    """Planes of the box of ``grid``: name -> (coordinate of the mesh, where it lies [m], origin included).

    Parameters
    ----------
    grid:
        Of the image.
    dim:
        3, or 2 for a mesh in the plane, whose two coordinates are the axes apart from :func:`flat_axis`.

    Returns
    -------
    dict
        ``"collector"`` and ``"separator"`` at the two ends of the through axis; ``"side 1 low"`` and
        ``"side 1 high"`` at those of the first of the other axes, ``"side 2 low"`` and ``"side 2 high"`` at
        those of the second one (3D only).

    Raises
    ------
    InputError
        ``dim`` 2 and no axis of one voxel to leave out.
    """
    axes = [axis for axis in range(3) if dim == 3 or axis != flat_axis(grid)]
    low = [grid.origin[axis] for axis in axes]
    high = [grid.origin[axis] + grid.size[axis] for axis in axes]
    return box_planes(low, high, axes.index(grid.through), grid.collector)


def box_planes(
    low: Sequence[float], high: Sequence[float], through: int, collector: str
) -> dict[str, tuple[int, float]]:
    """:func:`outer_planes` of a box from ``low`` to ``high`` in two or three coordinates [m]."""
    ends = [(float(a), float(b)) for a, b in zip(low, high, strict=True)]
    near, far = ends[through] if collector == "low" else ends[through][::-1]
    planes = {"collector": (through, near), "separator": (through, far)}
    sides = [axis for axis in range(len(ends)) if axis != through]
    for number, axis in enumerate(sides, start=1):
        for end, level in zip(("low", "high"), ends[axis], strict=True):
            planes[f"side {number} {end}"] = (axis, level)
    return planes
