"""Clusters of a periodic image that go on for ever along an axis.

Union-find with displacements: each voxel knows how many periods lie between it and the root of its cluster. A
face that joins two voxels of one cluster over another number of periods closes a loop around the image.
"""

from __future__ import annotations

import numba
import numpy as np


def keep_endless(code: np.ndarray, axis: int) -> tuple[int, int]:
    """Set to zero, in place, the voxels of clusters that do not wrap around along an axis.

    Parameters
    ----------
    code:
        Phase of the voxels (uint8, three axes), periodic; 0 where nothing conducts.
    axis:
        Axis along which the clusters are to go on.

    Returns
    -------
    Voxels that conduct, and those that are left.
    """
    root = np.where(code.ravel() > 0, np.arange(code.size, dtype=np.int32), np.int32(-1))
    away = np.zeros((code.size, 3), dtype=np.int16)
    endless = np.zeros((code.size, 3), dtype=np.bool_)
    _join(code, root, away, endless)
    return _keep(code.reshape(-1), root, away, endless[:, axis])


@numba.njit(cache=True, nogil=True)
def _find(root: np.ndarray, away: np.ndarray, i: int) -> int:
    """Root of a voxel; afterwards the voxel points to it, with the displacement."""
    top = i
    a, b, c = 0, 0, 0
    while root[top] != top:
        a, b, c = a + away[top, 0], b + away[top, 1], c + away[top, 2]
        top = root[top]
    while root[i] != top and i != top:
        following = root[i]
        da, db, dc = away[i, 0], away[i, 1], away[i, 2]
        root[i] = top
        away[i, 0], away[i, 1], away[i, 2] = a, b, c
        a, b, c = a - da, b - db, c - dc
        i = following
    return top


@numba.njit(cache=True, nogil=True)
def _join(code: np.ndarray, root: np.ndarray, away: np.ndarray, endless: np.ndarray) -> None:
    nx, ny, nz = code.shape
    step = np.zeros(3, dtype=np.int64)
    for x in range(nx):
        for y in range(ny):
            for z in range(nz):
                if code[x, y, z] == 0:
                    continue
                i = (x * ny + y) * nz + z
                for axis in range(3):
                    u = (x + 1) % nx if axis == 0 else x
                    v = (y + 1) % ny if axis == 1 else y
                    w = (z + 1) % nz if axis == 2 else z
                    if code[u, v, w] == 0:
                        continue
                    j = (u * ny + v) * nz + w
                    step[:] = 0
                    step[0], step[1], step[2] = (
                        u <= x and axis == 0,
                        v <= y and axis == 1,
                        w <= z and axis == 2,
                    )
                    a, b = _find(root, away, i), _find(root, away, j)
                    for d in range(3):
                        # where the root of j lies as seen from the root of i
                        step[d] += (away[j, d] if j != b else 0) - (away[i, d] if i != a else 0)
                    if a == b:
                        for d in range(3):
                            endless[a, d] |= step[d] != 0
                        continue
                    low, high, sign = (a, b, -1) if a < b else (b, a, 1)
                    root[high] = low
                    for d in range(3):
                        away[high, d] = sign * step[d]
                        endless[low, d] |= endless[high, d]


@numba.njit(cache=True, nogil=True)
def _keep(code: np.ndarray, root: np.ndarray, away: np.ndarray, endless: np.ndarray) -> tuple[int, int]:
    before, after = 0, 0
    for i in range(code.size):
        if code[i] == 0:
            continue
        before += 1
        if endless[_find(root, away, i)]:
            after += 1
        else:
            code[i] = 0
    return before, after
