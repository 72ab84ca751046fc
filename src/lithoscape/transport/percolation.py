"""Which voxels conduct from one face to the other: clusters from runs of voxels, dead ends taken away.

Clusters join voxels over faces. Rows along the last axis are cut into runs, and runs of neighbouring rows
that overlap are joined (union-find by the smallest number), so the work is that of the runs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from ..errors import InputError


@dataclass(frozen=True)
class Crossing:
    """What a clean-up of a grid found [voxels].

    Attributes
    ----------
    conducting:
        Conducting voxels before.
    crossing:
        Those in clusters that touch both faces.
    reach:
        Layers, counted from the first face, that its clusters get to.
    """

    conducting: int
    crossing: int
    reach: int


def keep_crossing(
    code: np.ndarray, first: np.ndarray, last: np.ndarray, transverse_periodic: bool = False
) -> Crossing:
    """Set to zero, in place, the voxels of clusters that do not touch both faces of the first axis.

    Parameters
    ----------
    code:
        Phase of the voxels (uint8, contiguous, three axes), 0 where nothing conducts.
    first, last:
        Voxels of the first and the last layer that touch the faces (bool, two axes).
    transverse_periodic:
        Whether clusters go on over the faces of the second and third axis.
    """
    rows, start, stop = _runs(code)
    root = np.arange(start.size, dtype=np.int32)
    _join(code.shape, rows, start, stop, root, transverse_periodic)
    kept, reach = _keep(code, rows, start, stop, root, first, last)
    return Crossing(int(np.subtract(stop, start, dtype=np.int64).sum()), int(kept), int(reach))


def percolating(
    mask: np.ndarray, axis: int = 0, transverse_periodic: bool = False, trim: bool = True
) -> np.ndarray:
    """Voxels of a phase through which something flows from one face to the other.

    Parameters
    ----------
    mask:
        Voxels of the phase, three axes (bool).
    axis:
        Axis across.
    transverse_periodic:
        Whether the image goes on periodically over the other four faces.
    trim:
        Whether dead ends are taken away too: voxels with one neighbour, again and again (dead ends that
        contain a loop stay).

    Returns
    -------
    Mask of the same shape; without a voxel if nothing crosses.

    Raises
    ------
    InputError
        No mask of three axes, or no such axis.
    """
    mask = np.asarray(mask)
    if mask.ndim != 3 or mask.dtype != np.bool_ or not mask.size:
        raise InputError(
            "this is no mask of three axes", field="mask", value=(mask.shape, str(mask.dtype)),
            remedy="Give the voxels of a phase, such as labels == 0",
        )  # fmt: skip
    if axis not in (0, 1, 2):
        raise InputError("there is no such axis", field="axis", value=axis, remedy="Give 0, 1 or 2")
    code = np.array(np.moveaxis(mask, axis, 0), dtype=np.uint8, order="C")
    first, last = code[0] > 0, code[-1] > 0
    keep_crossing(code, first, last, transverse_periodic)
    if trim:
        trim_dead_ends(code, first, last, transverse_periodic)
    return np.ascontiguousarray(np.moveaxis(code.view(np.bool_), 0, axis))


def trim_dead_ends(
    code: np.ndarray, first: np.ndarray, last: np.ndarray, transverse_periodic: bool = False
) -> int:
    """Set to zero, in place, voxels with a single neighbour until there is none; how many there were.

    A face that a voxel touches counts as a neighbour.
    """
    return int(_trim(code, first, last, transverse_periodic))


@numba.njit(cache=True, nogil=True)
def _count_runs(code: np.ndarray, rows: np.ndarray) -> None:
    nx, ny, nz = code.shape
    total = 0
    for x in range(nx):
        for y in range(ny):
            row = code[x, y]
            count = 1 if row[0] else 0
            for z in range(1, nz):
                count += (row[z] != 0) & (row[z - 1] == 0)
            rows[x * ny + y] = total
            total += count
    rows[nx * ny] = total


@numba.njit(cache=True, nogil=True)
def _fill_runs(code: np.ndarray, rows: np.ndarray, start: np.ndarray, stop: np.ndarray) -> None:
    nx, ny, nz = code.shape
    for x in range(nx):
        for y in range(ny):
            row, k, before = code[x, y], rows[x * ny + y], False
            for z in range(nz):
                inside = row[z] != 0
                if inside and not before:
                    start[k] = z
                if before and not inside:
                    stop[k] = z
                    k += 1
                before = inside
            if before:
                stop[k] = nz


def _runs(code: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = np.empty(code.shape[0] * code.shape[1] + 1, dtype=np.int64)
    _count_runs(code, rows)
    start = np.empty(rows[-1], dtype=np.int32)
    stop = np.empty(rows[-1], dtype=np.int32)
    _fill_runs(code, rows, start, stop)
    return rows, start, stop


@numba.njit(cache=True, nogil=True)
def find_root(root: np.ndarray, i: int) -> int:
    """Root of a tree, halving the path to it."""
    while root[i] != i:
        root[i] = root[root[i]]
        i = root[i]
    return i


@numba.njit(cache=True, nogil=True)
def unite(root: np.ndarray, i: int, j: int) -> None:
    """Join two trees; the smaller number becomes the root."""
    a, b = find_root(root, i), find_root(root, j)
    if a < b:
        root[b] = a
    elif b < a:
        root[a] = b


@numba.njit(cache=True, nogil=True)
def _join_rows(
    rows: np.ndarray, start: np.ndarray, stop: np.ndarray, root: np.ndarray, here: int, there: int
) -> None:
    i, j = rows[here], rows[there]
    end_i, end_j = rows[here + 1], rows[there + 1]
    while i < end_i and j < end_j:
        if start[i] < stop[j] and start[j] < stop[i]:
            unite(root, i, j)
        if stop[i] < stop[j]:
            i += 1
        else:
            j += 1


@numba.njit(cache=True, nogil=True)
def _join(
    shape: tuple[int, int, int],
    rows: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    root: np.ndarray,
    periodic: bool,
) -> None:
    nx, ny, nz = shape
    for x in range(nx):
        for y in range(ny):
            here = x * ny + y
            if y:
                _join_rows(rows, start, stop, root, here, here - 1)
            if x:
                _join_rows(rows, start, stop, root, here, here - ny)
            low, high = rows[here], rows[here + 1] - 1
            if periodic and high > low and start[low] == 0 and stop[high] == nz:
                unite(root, low, high)
        if periodic:
            _join_rows(rows, start, stop, root, x * ny, x * ny + ny - 1)


@numba.njit(cache=True, nogil=True)
def _touch(
    x: int,
    mark: int,
    face: np.ndarray,
    rows: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    root: np.ndarray,
    marks: np.ndarray,
) -> None:
    ny = face.shape[0]
    for y in range(ny):
        for k in range(rows[x * ny + y], rows[x * ny + y + 1]):
            for z in range(start[k], stop[k]):
                if face[y, z]:
                    marks[find_root(root, k)] |= mark
                    break


@numba.njit(cache=True, nogil=True)
def _keep(
    code: np.ndarray,
    rows: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    root: np.ndarray,
    first: np.ndarray,
    last: np.ndarray,
) -> tuple[int, int]:
    nx, ny = code.shape[:2]
    marks = np.zeros(root.size, dtype=np.uint8)
    _touch(0, 1, first, rows, start, stop, root, marks)
    _touch(nx - 1, 2, last, rows, start, stop, root, marks)
    kept, reach = 0, 0
    for x in range(nx):
        for y in range(ny):
            for k in range(rows[x * ny + y], rows[x * ny + y + 1]):
                mark = marks[find_root(root, k)]
                if mark & 1:
                    reach = x + 1
                if mark == 3:
                    kept += stop[k] - start[k]
                else:
                    code[x, y, start[k] : stop[k]] = 0
    return kept, reach


@numba.njit(cache=True, nogil=True)
def _step(code: np.ndarray, x: int, y: int, z: int, periodic: bool) -> tuple[int, int, int, int]:
    """Number of neighbours and the place of one of them."""
    nx, ny, nz = code.shape
    count, a, b, c = 0, 0, 0, 0
    for s in range(6):
        i, j, k = x, y, z
        move = 1 - 2 * (s & 1)
        if s < 2:
            i += move
        elif s < 4:
            j += move
        else:
            k += move
        if periodic:
            j, k = j % ny, k % nz
        if 0 <= i < nx and 0 <= j < ny and 0 <= k < nz and code[i, j, k]:
            count += 1
            a, b, c = i, j, k
    return count, a, b, c


@numba.njit(cache=True, nogil=True)
def _trim(code: np.ndarray, first: np.ndarray, last: np.ndarray, periodic: bool) -> int:
    nx, ny, nz = code.shape
    removed = 0
    for x in range(nx):
        for y in range(ny):
            for z in range(nz):
                i, j, k = x, y, z
                while code[i, j, k]:
                    count, a, b, c = _step(code, i, j, k, periodic)
                    count += (i == 0 and first[j, k]) + (i == nx - 1 and last[j, k])
                    if count > 1:
                        break
                    code[i, j, k] = 0
                    removed += 1
                    if count == 1:
                        i, j, k = a, b, c
    return removed
