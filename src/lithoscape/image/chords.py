"""Chords: how far a straight line along an axis stays within a phase.

A chord is a run of voxels of the phase. Those that end at the edge of the image are longer than seen: they
are left out of the distribution and counted apart. Long ones are cut more often, so the means of the
complete ones are right for objects that lie within the image, and too small for a medium that goes on
beyond it. For a medium there are two means without that bias: by number, the line within the phase per pair
of boundaries crossed [1]_, ``4 eps / s`` if isotropic with the surface s per volume; by length, from the
lineal path, the probability L(z) that a rod of length z lies wholly in the phase [2]_: ``2 / eps`` times
its integral. Gaps below a voxel are not seen, which makes a mean too large by about half a voxel where
chords of all lengths occur.

References
----------
.. [1] S. Torquato, B. Lu, Phys. Rev. E 47 (1993) 2950, doi:10.1103/PhysRevE.47.2950
.. [2] B. Lu, S. Torquato, Phys. Rev. A 45 (1992) 922, doi:10.1103/PhysRevA.45.922
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import xarray as xr

from .volume import Volume


@dataclass(frozen=True, eq=False)
class Chords:
    """Chords of a phase along one axis.

    Parameters
    ----------
    phase, axis:
        What was measured.
    distribution:
        Against ``length``, the whole numbers of voxels that occur: ``Count`` of complete chords and their
        ``Density`` [m-1]. Against ``rod``: ``Lineal path``, of a rod between voxel centres.
    complete, cut:
        Number of chords within the image, and of those that an edge of the image cuts.
    mean, mean_by_length:
        Mean of the complete chords by number, and by length as a point of the phase sees it [m]; nan if there
        is none.
    mean_crossings, mean_by_path:
        The same for a medium that goes on beyond the edges [m]. Without a boundary across the axis the first
        is infinite, and the second comes out as about twice the image.
    """

    phase: str
    axis: int
    distribution: xr.Dataset
    complete: int
    cut: int
    mean: float
    mean_by_length: float
    mean_crossings: float
    mean_by_path: float


def chords(volume: Volume, phase: str) -> tuple[Chords, Chords, Chords]:
    """Chords of a phase along the three axes.

    Raises
    ------
    InputError
        No such phase, or no voxel of it.
    """
    mask = volume.occupied(phase).view(np.uint8)
    a, b, c = (_along(mask, axis, volume.grid.voxel_size[axis], phase) for axis in range(3))
    return a, b, c


def _along(mask: np.ndarray, axis: int, h: float, phase: str) -> Chords:
    n = mask.shape[axis]
    runs = np.zeros((3, n + 1), dtype=np.int64)
    for page in mask if axis else np.moveaxis(mask, 1, 0):
        _count(page if axis == 2 else page.T, runs)
    length = np.arange(n + 1)
    complete, cut = int(runs[0].sum()), int(runs[1:].sum())
    first, second = (float((runs[0] * length**power).sum()) for power in (1, 2))
    boundaries = 2 * complete + int(runs[1].sum())
    inside = float((runs.sum(axis=0) * length).sum())
    table = _distribution(runs, h, mask.size // n, phase, axis)
    path = table["Lineal path"].values
    return Chords(
        phase, axis, table, complete, cut,
        first / complete * h if complete else np.nan,
        second / first * h if complete else np.nan,
        2 * inside * h / boundaries if boundaries else np.inf,
        float(2 * path.sum() / path[0] - 1) * h,
    )  # fmt: skip


def _distribution(runs: np.ndarray, h: float, lines: int, phase: str, axis: int) -> xr.Dataset:
    n = runs.shape[1] - 1
    every, length = runs.sum(axis=0), np.arange(n + 1)
    # a run of l voxels holds l - k + 1 rods of k voxels: sums of sums from the long end
    rods = np.cumsum(np.cumsum(every[::-1]))[::-1][1:]
    last = int(np.flatnonzero(runs[0])[-1]) if runs[0].any() else 0
    counts = runs[0, 1 : last + 1]
    density = counts / (counts.sum() * h) if counts.size else counts.astype(float)
    metre = {"units": "m", "axis": axis}
    return xr.Dataset(
        {
            "Count": ("length", counts, {"units": "1"}),
            "Density": ("length", density, {"units": "m-1"}),
            "Lineal path": ("rod", rods / (np.arange(n, 0, -1) * float(lines)), {"units": "1"}),
        },
        {
            "length": ("length", length[1 : last + 1] * h, metre),
            "rod": ("rod", length[:-1] * h, metre),
        },
        {"phase": phase},
    )


@numba.njit(cache=True, nogil=True)
def _count(page, runs):  # type: ignore[no-untyped-def]
    """Add the runs along the rows of a page by length: complete, cut at one end, cut at both."""
    n = page.shape[1]
    for y in range(page.shape[0]):
        begin = -1
        for x in range(n):
            if page[y, x] != 0:
                if begin < 0:
                    begin = x
            elif begin >= 0:
                runs[1 if begin == 0 else 0, x - begin] += 1
                begin = -1
        if begin >= 0:
            runs[2 if begin == 0 else 1, n - begin] += 1
