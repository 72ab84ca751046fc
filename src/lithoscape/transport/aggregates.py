"""The first coarsening: from voxels in blocks of 2 x 2 x 2 to a network of aggregates."""

from __future__ import annotations

import numba
import numpy as np

from .colours import Layout
from .graph import STRONG, Graph

# The twelve pairs of neighbours in a block, voxel number 4 x + 2 y + z, by axis.
_PAIRS = np.array(
    [(i, i | bit, axis) for axis, bit in enumerate((4, 2, 1)) for i in range(8) if not i & bit],
    dtype=np.int64,
)


def aggregate(
    code: np.ndarray, face: np.ndarray, first: np.ndarray, last: np.ndarray, layout: Layout
) -> tuple[Graph, np.ndarray, np.ndarray]:
    """Gather the voxels of each block that hang together over strong faces.

    Parameters
    ----------
    code:
        Phase of the voxels (uint8), 0 where nothing conducts.
    face:
        Conductance of a face by axis and the phases of its voxels (float32, shape (3, phases, phases)).
    first, last:
        Conductance of the voxels of the first and the last layer to the ends (float32, two axes).
    layout:
        Where the voxels are in two colours.

    Returns
    -------
    The network of aggregates; where the even voxels of each begin, and their places.
    """
    number = np.full(code.shape, -1, dtype=np.int32)
    strong = _strong(face)
    count, even = _number(code, strong, layout.origin, layout.strides, number)
    members = np.zeros(count + 1, dtype=np.int32)
    member = np.empty(even, dtype=np.int32)
    ground = np.zeros(count, dtype=np.float32)
    place = np.empty((count, 3), dtype=np.int32)
    _describe(code, number, first, last, layout.origin, layout.strides, members, member, ground, place)
    rows = np.zeros(count + 1, dtype=np.int32)
    size = int(6.6 * count) + 1024
    column, value = np.empty(size, dtype=np.int32), np.empty(size, dtype=np.float32)
    block = 0
    while True:
        block = _connect(code, number, face, block, rows, column, value)
        if block < 0:
            break
        grown = column.size + column.size // 3 + 1024
        column, value = np.resize(column, grown), np.resize(value, grown)
    return Graph(rows, column[: rows[-1]], value[: rows[-1]], ground, place), members, member


def _strong(face: np.ndarray) -> np.ndarray:
    """Faces over which voxels are gathered, by axis and phases."""
    own = np.einsum("kii->ik", face).max(axis=1)
    largest = np.maximum(own[:, None], own[None, :])
    return (face > 0) & (face >= STRONG * largest)


@numba.njit(cache=True, nogil=True)
def _number(
    code: np.ndarray, strong: np.ndarray, origin: int, strides: tuple[int, int, int], number: np.ndarray
) -> tuple[int, int]:
    """Number the aggregates, block by block; how many, and how many even voxels they hold."""
    nx, ny, nz = code.shape
    phase, part, name = np.zeros(8, np.uint8), np.zeros(8, np.int64), np.zeros(8, np.int64)
    count, even = 0, 0
    for bx in range(0, nx, 2):
        for by in range(0, ny, 2):
            for bz in range(0, nz, 2):
                filled = 0
                for v in range(8):
                    x, y, z = bx + (v >> 2), by + ((v >> 1) & 1), bz + (v & 1)
                    phase[v] = code[x, y, z] if x < nx and y < ny and z < nz else 0
                    if phase[v]:
                        filled += 1
                        even += 1 - ((origin + x * strides[0] + y * strides[1] + z) & 1)
                if filled == 0:
                    continue
                _split(phase, strong, part)
                for v in range(8):
                    if phase[v]:
                        if part[v] == v:
                            name[v] = count
                            count += 1
                        number[bx + (v >> 2), by + ((v >> 1) & 1), bz + (v & 1)] = name[part[v]]
    return count, even


@numba.njit(cache=True, nogil=True, inline="always")
def _split(phase: np.ndarray, strong: np.ndarray, part: np.ndarray) -> None:
    """Parts of a block: the smallest number of a voxel each hangs together with."""
    for v in range(8):
        part[v] = v
    changed = True
    while changed:
        changed = False
        for e in range(12):
            i, j = _PAIRS[e, 0], _PAIRS[e, 1]
            if part[i] != part[j] and strong[_PAIRS[e, 2], phase[i], phase[j]]:
                part[i] = part[j] = min(part[i], part[j])
                changed = True


@numba.njit(cache=True, nogil=True)
def _describe(
    code: np.ndarray,
    number: np.ndarray,
    first: np.ndarray,
    last: np.ndarray,
    origin: int,
    strides: tuple[int, int, int],
    members: np.ndarray,
    member: np.ndarray,
    ground: np.ndarray,
    place: np.ndarray,
) -> None:
    nx, ny, nz = code.shape
    for x in range(nx):
        for y in range(ny):
            for z in range(nz):
                a = number[x, y, z]
                if a < 0:
                    continue
                members[a + 1] += 1 - ((origin + x * strides[0] + y * strides[1] + z) & 1)
                if x == 0:
                    ground[a] += first[y, z]
                if x == nx - 1:
                    ground[a] += last[y, z]
                place[a, 0], place[a, 1], place[a, 2] = x >> 1, y >> 1, z >> 1
    for a in range(members.size - 1):
        members[a + 1] += members[a]
    slot = members[:-1].copy()
    for x in range(nx):
        for y in range(ny):
            for z in range(nz):
                a = number[x, y, z]
                flat = origin + x * strides[0] + y * strides[1] + z
                if a >= 0 and not flat & 1:
                    member[slot[a]] = flat >> 1
                    slot[a] += 1


@numba.njit(cache=True, nogil=True)
def _connect(
    code: np.ndarray,
    number: np.ndarray,
    face: np.ndarray,
    block: int,
    rows: np.ndarray,
    column: np.ndarray,
    value: np.ndarray,
) -> int:
    """Rows of the network from a block on; the block at which the arrays were full, or -1."""
    nx, ny, nz = code.shape
    mx, my, mz = (nx + 1) // 2, (ny + 1) // 2, (nz + 1) // 2
    size, row = 0, 0
    if block:
        row = _first_of(number, block, my, mz)
        size = rows[row]
    for b in range(block, mx * my * mz):
        if size + 64 > column.size:
            return b
        bx, by, bz = 2 * (b // (my * mz)), 2 * (b // mz % my), 2 * (b % mz)
        while True:
            begin, found = size, False
            for v in range(8):
                x, y, z = bx + (v >> 2), by + ((v >> 1) & 1), bz + (v & 1)
                if x >= nx or y >= ny or z >= nz or number[x, y, z] != row:
                    continue
                found = True
                c = code[x, y, z]
                for n in range(6):
                    axis, i, j, k = _neighbour(n, x, y, z)
                    if 0 <= i < nx and 0 <= j < ny and 0 <= k < nz:
                        g = face[axis, c, code[i, j, k]]
                        size = _insert(row, number[i, j, k], g, begin, size, column, value)
            if not found:
                break
            row += 1
            rows[row] = size
    return -1


@numba.njit(cache=True, nogil=True, inline="always")
def _neighbour(n: int, x: int, y: int, z: int) -> tuple[int, int, int, int]:
    """Axis and place of the n-th neighbour."""
    step = 2 * (n & 1) - 1
    axis = n >> 1
    return axis, x + step * (axis == 0), y + step * (axis == 1), z + step * (axis == 2)


@numba.njit(cache=True, nogil=True)
def _first_of(number: np.ndarray, block: int, my: int, mz: int) -> int:
    """Number of the first aggregate from a block on."""
    nx, ny, nz = number.shape
    for b in range(block, ((nx + 1) // 2) * my * mz):
        bx, by, bz = 2 * (b // (my * mz)), 2 * (b // mz % my), 2 * (b % mz)
        least = -1
        for x in range(bx, min(bx + 2, nx)):
            for y in range(by, min(by + 2, ny)):
                for z in range(bz, min(bz + 2, nz)):
                    a = number[x, y, z]
                    if a >= 0 and (least < 0 or a < least):
                        least = a
        if least >= 0:
            return least
    return 0


@numba.njit(cache=True, nogil=True, inline="always")
def _insert(
    row: int, other: int, g: float, begin: int, size: int, column: np.ndarray, value: np.ndarray
) -> int:
    """Add a conductance to a row."""
    if other < 0 or other == row or g == 0.0:
        return size
    for k in range(begin, size):
        if column[k] == other:
            value[k] += g
            return size
    column[size] = other
    value[size] = g
    return size + 1
