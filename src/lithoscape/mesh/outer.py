"""Names of the planes around an image's box."""

from __future__ import annotations

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
    ends = {axis: (grid.origin[axis], grid.origin[axis] + grid.size[axis]) for axis in axes}
    low, high = ends[grid.through]
    place = axes.index(grid.through)
    near, far = (low, high) if grid.collector == "low" else (high, low)
    planes = {"collector": (place, near), "separator": (place, far)}
    sides = [axis for axis in axes if axis != grid.through]
    for number, axis in enumerate(sides, start=1):
        for end, level in zip(("low", "high"), ends[axis], strict=True):
            planes[f"side {number} {end}"] = (axes.index(axis), level)
    return planes
