"""The first coarsening: from voxels in blocks of 4 x 4 x 4 to a network of aggregates.

A block is one 64-bit word, voxel (x, y, z) its bit 16 x + 4 y + z, and the links between voxels along an axis
are another. The parts of a block that hang together grow from their lowest bit by shifts, and faces between
parts are counted as bits.
"""

from __future__ import annotations

import numba
import numpy as np

from .colours import Layout
from .graph import STRONG, Graph

EDGE = 4
"""Voxels along the edge of a block."""

_ONE = np.uint64(1)
_SHIFT = (np.uint64(16), np.uint64(4), np.uint64(1))
# voxels on the low side of a block by axis; those on the high side are as many shifts of _ACROSS away
_LOW = (np.uint64(0x000000000000FFFF), np.uint64(0x000F000F000F000F), np.uint64(0x1111111111111111))
_ACROSS = (np.uint64(48), np.uint64(12), np.uint64(3))


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
    blocks = tuple((n + EDGE - 1) // EDGE for n in code.shape)
    begin = np.zeros(int(np.prod(blocks)) + 1, dtype=np.int32)
    part, even = _parts(code, _strong(face), begin, layout)
    members = np.zeros(part.size + 1, dtype=np.int32)
    member = np.empty(even, dtype=np.int32)
    ground = np.zeros(part.size, dtype=np.float32)
    place = np.empty((part.size, 3), dtype=np.int32)
    _describe(
        code.shape, begin, part, first, last, layout.origin, layout.strides, members, member, ground, place
    )
    rows = np.zeros(part.size + 1, dtype=np.int32)
    size = 6 * part.size + 4096
    column, value = np.empty(size, dtype=np.int32), np.empty(size, dtype=np.float32)
    block = 0
    while (block := _connect(code, begin, part, face, block, rows, column, value)) >= 0:
        size += size // 2
        column, value = _longer(column, size), _longer(value, size)
    return Graph(rows, column[: rows[-1]], value[: rows[-1]], ground, place), members, member


def _longer(array: np.ndarray, size: int) -> np.ndarray:
    out = np.empty(size, dtype=array.dtype)
    out[: array.size] = array
    return out


def _strong(face: np.ndarray) -> np.ndarray:
    """Faces over which voxels are gathered, by axis and phases."""
    own = np.einsum("kii->ik", face).max(axis=1)
    largest = np.maximum(own[:, None], own[None, :])
    return (face > 0) & (face >= STRONG * largest)


def _parts(code: np.ndarray, strong: np.ndarray, begin: np.ndarray, layout: Layout) -> tuple[np.ndarray, int]:
    """Voxels of each part of each block, as words; how many of all of them are even."""
    size = begin.size + begin.size // 2 + 4096
    part = np.empty(size, dtype=np.uint64)
    block = 0
    while (block := _fill_parts(code, strong, block, begin, part)) >= 0:
        size += size // 2
        part = _longer(part, size)
    part = part[: begin[-1]].copy()
    return part, int(_count_even(code.shape, begin, part, layout.origin, layout.strides))


@numba.njit(cache=True, nogil=True, inline="always")
def _count_bits(v: np.uint64) -> np.uint64:
    v = v - ((v >> _ONE) & np.uint64(0x5555555555555555))
    v = (v & np.uint64(0x3333333333333333)) + ((v >> np.uint64(2)) & np.uint64(0x3333333333333333))
    v = (v + (v >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (v * np.uint64(0x0101010101010101)) >> np.uint64(56)


@numba.njit(cache=True, nogil=True, inline="always")
def _lowest(v: np.uint64) -> np.uint64:
    """Number of the lowest bit."""
    return _count_bits((v & (~v + _ONE)) - _ONE)


@numba.njit(cache=True, nogil=True)
def _word(code: np.ndarray, x0: int, y0: int, z0: int) -> np.uint64:
    """Voxels of a block that conduct."""
    nx, ny, nz = code.shape
    word = np.uint64(0)
    if z0 + 4 <= nz:
        for x in range(x0, min(x0 + 4, nx)):
            for y in range(y0, min(y0 + 4, ny)):
                row = code[x, y, z0 : z0 + 4]
                bits = (
                    np.uint64(row[0] != 0)
                    | (np.uint64(row[1] != 0) << np.uint64(1))
                    | (np.uint64(row[2] != 0) << np.uint64(2))
                    | (np.uint64(row[3] != 0) << np.uint64(3))
                )
                word |= bits << np.uint64(16 * (x - x0) + 4 * (y - y0))
        return word
    for x in range(x0, min(x0 + 4, nx)):
        for y in range(y0, min(y0 + 4, ny)):
            for z in range(z0, nz):
                if code[x, y, z]:
                    word |= _ONE << np.uint64(16 * (x - x0) + 4 * (y - y0) + z - z0)
    return word


@numba.njit(cache=True, nogil=True)
def _links(
    code: np.ndarray, allowed: np.ndarray, word: np.uint64, axis: int, x0: int, y0: int, z0: int
) -> np.uint64:
    """Voxels of a block that are linked, as their phases allow, to the next along an axis."""
    shift = _SHIFT[axis]
    links = word & (word >> shift) & ~(_LOW[axis] << _ACROSS[axis])
    if allowed.shape[1] == 2:
        return links if allowed[axis, 1, 1] else np.uint64(0)
    out, rest = np.uint64(0), links
    while rest:
        v = _lowest(rest)
        rest &= rest - _ONE
        n = np.int64(v)
        x, y, z = x0 + (n >> 4), y0 + ((n >> 2) & 3), z0 + (n & 3)
        u, w, t = x + (axis == 0), y + (axis == 1), z + (axis == 2)
        if allowed[axis, code[x, y, z], code[u, w, t]]:
            out |= _ONE << v
    return out


@numba.njit(cache=True, nogil=True)
def _fill_parts(code: np.ndarray, strong: np.ndarray, block: int, begin: np.ndarray, part: np.ndarray) -> int:
    """Parts from a block on; the block at which the array was full, or -1."""
    my, mz = (code.shape[1] + 3) // 4, (code.shape[2] + 3) // 4
    size = 0 + begin[block]
    for b in range(block, begin.size - 1):
        if size + 64 > part.size:
            return b
        x0, y0, z0 = 4 * (b // (my * mz)), 4 * (b // mz % my), 4 * (b % mz)
        rest = _word(code, x0, y0, z0)
        if rest:
            a = _links(code, strong, rest, 0, x0, y0, z0)
            c = _links(code, strong, rest, 1, x0, y0, z0)
            d = _links(code, strong, rest, 2, x0, y0, z0)
        while rest:
            grown, before = rest & (~rest + _ONE), np.uint64(0)
            while grown != before:
                before = grown
                grown |= ((grown & d) << _SHIFT[2]) | ((grown >> _SHIFT[2]) & d)
                grown |= ((grown & c) << _SHIFT[1]) | ((grown >> _SHIFT[1]) & c)
                grown |= ((grown & a) << _SHIFT[0]) | ((grown >> _SHIFT[0]) & a)
            part[size] = grown
            size += 1
            rest &= ~grown
        begin[b + 1] = size
    return -1


@numba.njit(cache=True, nogil=True, inline="always")
def _even(flat: int) -> np.uint64:
    """Voxels of a block at even places, if its first voxel is at this place."""
    # strides are odd: the parity of a voxel is that of x + y + z
    even = np.uint64(0x5A5AA5A55A5AA5A5)
    return ~even if flat & 1 else even


@numba.njit(cache=True, nogil=True)
def _count_even(
    shape: tuple[int, int, int],
    begin: np.ndarray,
    part: np.ndarray,
    origin: int,
    strides: tuple[int, int, int],
) -> int:
    my, mz = (shape[1] + 3) // 4, (shape[2] + 3) // 4
    total = 0
    for b in range(begin.size - 1):
        x0, y0, z0 = 4 * (b // (my * mz)), 4 * (b // mz % my), 4 * (b % mz)
        even = _even(origin + x0 * strides[0] + y0 * strides[1] + z0)
        for n in range(begin[b], begin[b + 1]):
            total += int(_count_bits(part[n] & even))
    return total


@numba.njit(cache=True, nogil=True)
def _describe(
    shape: tuple[int, int, int],
    begin: np.ndarray,
    part: np.ndarray,
    first: np.ndarray,
    last: np.ndarray,
    origin: int,
    strides: tuple[int, int, int],
    members: np.ndarray,
    member: np.ndarray,
    ground: np.ndarray,
    place: np.ndarray,
) -> None:
    """Place, even voxels and conductance to the ends of each aggregate."""
    nx, my, mz = shape[0], (shape[1] + 3) // 4, (shape[2] + 3) // 4
    size = 0
    for b in range(begin.size - 1):
        x0, y0, z0 = 4 * (b // (my * mz)), 4 * (b // mz % my), 4 * (b % mz)
        corner = origin + x0 * strides[0] + y0 * strides[1] + z0
        at_end = x0 == 0 or x0 + 4 >= nx
        for n in range(begin[b], begin[b + 1]):
            place[n, 0], place[n, 1], place[n, 2] = x0 >> 2, y0 >> 2, z0 >> 2
            rest = part[n] if at_end else part[n] & _even(corner)
            while rest:
                v = np.int64(_lowest(rest))
                rest &= rest - _ONE
                x, y, z = v >> 4, (v >> 2) & 3, v & 3
                flat = corner + x * strides[0] + y * strides[1] + z
                if not flat & 1:
                    member[size] = flat >> 1
                    size += 1
                if x0 + x == 0:
                    ground[n] += first[y0 + y, z0 + z]
                if x0 + x == nx - 1:
                    ground[n] += last[y0 + y, z0 + z]
            members[n + 1] = size


@numba.njit(cache=True, nogil=True)
def _sum_faces(
    code: np.ndarray, face: np.ndarray, axis: int, hit: np.uint64, x0: int, y0: int, z0: int, step: int
) -> float:
    """Conductance of the faces of these voxels of a block towards one side."""
    if face.shape[1] == 2:
        return float(_count_bits(hit)) * face[axis, 1, 1]
    total = 0.0
    while hit:
        v = np.int64(_lowest(hit))
        hit &= hit - _ONE
        x, y, z = x0 + (v >> 4), y0 + ((v >> 2) & 3), z0 + (v & 3)
        u, w, t = x + step * (axis == 0), y + step * (axis == 1), z + step * (axis == 2)
        total += face[axis, code[x, y, z], code[u, w, t]]
    return total


@numba.njit(cache=True, nogil=True)
def _outside(
    code: np.ndarray,
    begin: np.ndarray,
    part: np.ndarray,
    face: np.ndarray,
    b: int,
    n: int,
    size: int,
    column: np.ndarray,
    value: np.ndarray,
) -> int:
    """Faces of a part towards the parts of the six neighbouring blocks."""
    mx, my, mz = (code.shape[0] + 3) // 4, (code.shape[1] + 3) // 4, (code.shape[2] + 3) // 4
    bx, by, bz = b // (my * mz), b // mz % my, b % mz
    x0, y0, z0 = 4 * bx, 4 * by, 4 * bz
    inner = ((bx, mx, my * mz), (by, my, mz), (bz, mz, 1))
    for axis in range(3):
        here, blocks, jump = inner[axis]
        low, across = _LOW[axis], _ACROSS[axis]
        if here > 0 and part[n] & low:
            for other in range(begin[b - jump], begin[b - jump + 1]):
                hit = part[n] & low & (part[other] >> across)
                if hit:
                    column[size] = other
                    value[size] = _sum_faces(code, face, axis, hit, x0, y0, z0, -1)
                    size += 1
        if here < blocks - 1 and (part[n] >> across) & low:
            for other in range(begin[b + jump], begin[b + jump + 1]):
                hit = (part[n] >> across) & low & part[other]
                if hit:
                    column[size] = other
                    value[size] = _sum_faces(code, face, axis, hit << across, x0, y0, z0, 1)
                    size += 1
    return size


@numba.njit(cache=True, nogil=True)
def _inside(
    code: np.ndarray,
    begin: np.ndarray,
    part: np.ndarray,
    face: np.ndarray,
    b: int,
    n: int,
    size: int,
    column: np.ndarray,
    value: np.ndarray,
) -> int:
    """Weak faces of a part towards the other parts of its block."""
    my, mz = (code.shape[1] + 3) // 4, (code.shape[2] + 3) // 4
    x0, y0, z0 = 4 * (b // (my * mz)), 4 * (b // mz % my), 4 * (b % mz)
    for other in range(begin[b], begin[b + 1]):
        if other == n:
            continue
        total = np.float32(0.0)
        for axis in range(3):
            shift, low, across = _SHIFT[axis], _LOW[axis], _ACROSS[axis]
            up = part[n] & ~(low << across) & (part[other] >> shift)
            down = part[n] & ~low & (part[other] << shift)
            total += _sum_faces(code, face, axis, up, x0, y0, z0, 1)
            total += _sum_faces(code, face, axis, down, x0, y0, z0, -1)
        if total > 0.0:
            column[size], value[size] = other, total
            size += 1
    return size


@numba.njit(cache=True, nogil=True)
def _connect(
    code: np.ndarray,
    begin: np.ndarray,
    part: np.ndarray,
    face: np.ndarray,
    block: int,
    rows: np.ndarray,
    column: np.ndarray,
    value: np.ndarray,
) -> int:
    """Rows of the network from a block on; the block at which the arrays were full, or -1."""
    size: int = rows[begin[block]]
    for b in range(block, begin.size - 1):
        many = begin[b + 1] - begin[b]
        if size + many * (64 + 6 * 16) > column.size:
            return b
        for n in range(begin[b], begin[b + 1]):
            size = _outside(code, begin, part, face, b, n, size, column, value)
            if many > 1:
                size = _inside(code, begin, part, face, b, n, size, column, value)
            rows[n + 1] = size
    return -1
