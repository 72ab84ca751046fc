"""Graded lattice of tetrahedra: body-centred cubic where it is uniform, conforming where its size changes.

Cubes of a balanced octree, each with a vertex at its centre. Two cubes of one size share four
tetrahedra around the line between their centres: the body-centred cubic lattice, dihedral angles of 60 and
90 degrees. Towards a larger cube, a face of the box or an internal plane, each centre takes the face itself.
Grading as in [1]_; the smallest dihedral angle of all these is 35 degrees.

References
----------
.. [1] F. Labelle, J. R. Shewchuk, ACM Trans. Graph. 26 (2007) 57, doi:10.1145/1276377.1276448
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np

Counts = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Lattice:
    """Vertices and tetrahedra of a box.

    Parameters
    ----------
    points:
        Shape (points, 3), in finest cells from the low corner of the box; halves are exact.
    cells:
        Shape (cells, 4), int32, positively oriented.
    bound:
        Bit k of every vertex: it lies on a plane across axis k (a face of the box or an internal plane)
        that it must not leave; uint8.
    beyond:
        Internal planes below every cell, uint8: 0 is the first layer.
    """

    points: np.ndarray
    cells: np.ndarray
    bound: np.ndarray
    beyond: np.ndarray


def lattice(
    counts: Counts, wanted: Sequence[np.ndarray], axis: int = 0, planes: Sequence[int] = ()
) -> Lattice:
    """Fill a box of ``counts`` finest cells.

    Parameters
    ----------
    counts:
        Finest cells along every axis.
    wanted:
        Entry k marks the finest cells that may be at most 2^k finest cells wide, shape ``counts``; cubes
        grow to ``2^len(wanted)`` where nothing is marked.
    axis, planes:
        Positions along this axis at which no tetrahedron crosses [finest cells].
    """
    level = balanced(counts, wanted, axis, planes)
    planes_array = np.array(sorted(planes), dtype=np.int64)
    size = np.array([2 * n + 1 for n in counts], dtype=np.int64)
    number = np.full(int(size.prod()), -1, np.int32)
    fine = np.array(counts, dtype=np.int64)
    count = _tetrahedra(level, fine, size, axis, planes_array, number, np.empty((0, 4), np.int32), False)
    cells = np.empty((count[0], 4), np.int32)
    number[:] = -1
    _tetrahedra(level, fine, size, axis, planes_array, number, cells, True)
    keys = np.empty(count[1], np.int64)
    used = np.flatnonzero(number >= 0)
    keys[number[used]] = used
    whole = np.stack(np.unravel_index(keys, tuple(size)), axis=1)
    bound = np.zeros(len(whole), np.uint8)
    for k in range(3):
        flat = (whole[:, k] == 0) | (whole[:, k] == size[k] - 1)
        if k == axis:
            flat |= np.isin(whole[:, k], 2 * planes_array)
        bound |= (flat << k).astype(np.uint8)
    points = whole / 2.0
    _orient(points, cells)
    middle = points[cells, axis].mean(axis=1)
    beyond = np.searchsorted(planes_array, middle).astype(np.uint8)
    return Lattice(points, cells, bound, beyond)


def balanced(
    counts: Counts, wanted: Sequence[np.ndarray], axis: int = 0, planes: Sequence[int] = ()
) -> np.ndarray:
    """Level of the cube over every finest cell (int8): 0 the finest; neighbours differ by one at most."""
    from scipy.ndimage import maximum_filter

    split = [np.asarray(wanted[0], bool)]
    for level in range(1, len(wanted) + 1):
        near = maximum_filter(split[-1], 3, mode="constant") if level > 1 else split[-1]
        parent = _halved(near)
        if level > 1:
            parent |= _reduced(wanted[level - 1], level)
        parent |= _straddling(counts, level, axis, planes)
        split.append(parent)
    out = np.full(counts, len(wanted), np.int8)
    for level in range(len(wanted), 0, -1):
        wide = split[level]
        for k in range(3):
            wide = np.repeat(wide, 2**level, axis=k)
        wide = wide[tuple(slice(n) for n in counts)]
        out[wide] = level - 1
    return out


def _halved(mask: np.ndarray) -> np.ndarray:
    """Whether any of the eight children is marked."""
    padded = np.pad(mask, [(0, n % 2) for n in mask.shape])
    a, b, c = (n // 2 for n in padded.shape)
    out: np.ndarray = padded.reshape(a, 2, b, 2, c, 2).any(axis=(1, 3, 5))
    return out


def _reduced(mask: np.ndarray, level: int) -> np.ndarray:
    out = np.asarray(mask, bool)
    for _ in range(level):
        out = _halved(out)
    return out


def _straddling(counts: Counts, level: int, axis: int, planes: Sequence[int]) -> np.ndarray:
    """Cubes that would stick out of the box or cross a plane."""
    edge = 2**level
    shape = tuple(-(-n // edge) for n in counts)
    out = np.zeros(shape, bool)
    for k, n in enumerate(counts):
        if n > 1 and n % edge:
            np.moveaxis(out, k, 0)[-1] = True
    for plane in planes:
        if plane % edge:
            np.moveaxis(out, axis, 0)[plane // edge] = True
    return out


def flat_lattice(
    counts: Counts, wanted: Sequence[np.ndarray], axis: int = 0, planes: Sequence[int] = ()
) -> Lattice:
    """Triangles in the plane of an image of one page: as :func:`lattice`, with one entry of ``counts`` 1.

    Squares with a vertex at the centre; the smallest angle is 45 degrees. Points lie in the middle of a page.
    """
    level = balanced(counts, wanted, axis, planes)
    flat = counts.index(1)
    p, q = (k for k in range(3) if k != flat)
    squares = np.take(level, 0, axis=flat)
    size = np.array([2 * counts[p] + 1, 2 * counts[q] + 1], dtype=np.int64)
    number = np.full(int(size.prod()), -1, np.int32)
    count = _triangles(squares, size, number, np.empty((0, 3), np.int32), False)
    cells = np.empty((count[0], 3), np.int32)
    number[:] = -1
    _triangles(squares, size, number, cells, True)
    keys = np.empty(count[1], np.int64)
    used = np.flatnonzero(number >= 0)
    keys[number[used]] = used
    points = np.full((len(keys), 3), 0.5)
    points[:, p], points[:, q] = keys // size[1] / 2, keys % size[1] / 2
    bound = np.full(len(keys), 1 << flat, np.uint8)
    for k in (p, q):
        level_set = (points[:, k] == 0) | (points[:, k] == counts[k])
        if k == axis:
            level_set |= np.isin(points[:, k], planes)
        bound |= (level_set << k).astype(np.uint8)
    beyond = np.searchsorted(np.sort(np.array(planes, float)), points[cells, axis].mean(axis=1)).astype(
        np.uint8
    )
    return Lattice(points, cells, bound, beyond)


@numba.njit(cache=True)
def _triangles(squares, size, number, cells, fill):  # type: ignore[no-untyped-def]
    """Count (triangles, vertices) of a plane lattice, and write them if ``fill``."""
    count = np.zeros(2, np.int64)
    rows, columns = squares.shape
    way = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    for y in range(rows):
        for x in range(columns):
            edge = 1 << squares[y, x]
            if y % edge or x % edge:
                continue
            for n in range(4):
                a0, a1 = 2 * (y + edge * way[n, 0]), 2 * (x + edge * way[n, 1])
                b0, b1 = 2 * (y + edge * way[(n + 1) % 4, 0]), 2 * (x + edge * way[(n + 1) % 4, 1])
                r = (y, y + edge, y, y - 1)[n]
                c = (x - 1, x, x + edge, x)[n]
                parted = 0 <= r < rows and 0 <= c < columns and squares[r, c] < squares[y, x]
                m0, m1 = (a0 + b0) // 2, (a1 + b1) // 2
                for part in range(2 if parted else 1):
                    s0, s1 = (m0, m1) if part == 1 else (a0, a1)
                    e0, e1 = (m0, m1) if parted and part == 0 else (b0, b1)
                    corners = ((2 * y + edge, 2 * x + edge), (s0, s1), (e0, e1))
                    for k in range(3):
                        key = corners[k][0] * size[1] + corners[k][1]
                        if number[key] < 0:
                            number[key] = count[1]
                            count[1] += 1
                        if fill:
                            cells[count[0], k] = number[key]
                    count[0] += 1
    return count


@numba.njit(cache=True)
def _name(number, size, z, y, x, count):  # type: ignore[no-untyped-def]
    """Number of the vertex at half units (z, y, x), given now if it is new."""
    key = (z * size[1] + y) * size[2] + x
    if number[key] < 0:
        number[key] = count[1]
        count[1] += 1
    return number[key]


@numba.njit(cache=True)
def _level(level, fine, z, y, x):  # type: ignore[no-untyped-def]
    """Level of the cube over a finest cell; 99 outside."""
    if z < 0 or y < 0 or x < 0 or z >= fine[0] or y >= fine[1] or x >= fine[2]:
        return 99
    return level[z, y, x]


@numba.njit(cache=True)
def _tetrahedra(level, fine, size, axis, planes, number, cells, fill):  # type: ignore[no-untyped-def]
    """Count (tetrahedra, vertices) of the lattice, and write them if ``fill``."""
    count = np.zeros(2, np.int64)
    corner = np.empty((4, 3), np.int64)
    at, mine, other = np.empty(3, np.int64), np.empty(3, np.int64), np.empty(3, np.int64)
    for z in range(fine[0]):
        for y in range(fine[1]):
            for x in range(fine[2]):
                here = level[z, y, x]
                edge = 1 << here
                if z % edge or y % edge or x % edge:
                    continue
                at[0], at[1], at[2] = z, y, x
                for k in range(3):
                    mine[k] = 2 * at[k] + edge
                for k in range(3):
                    for side in range(2):
                        for m in range(3):
                            other[m] = at[m]
                        other[k] = at[k] + edge if side == 1 else at[k] - 1
                        wall = at[k] + side * edge
                        there = _level(level, fine, other[0], other[1], other[2])
                        closed = there == 99
                        if k == axis and there == here:
                            for p in planes:
                                closed = closed or wall == p
                        if not closed and (there < here or (there == here and side == 0)):
                            continue
                        _corners(at, k, wall, edge, corner)
                        if closed:
                            other[0], other[1], other[2] = mine[0], mine[1], mine[2]
                            other[k] = 2 * wall
                            _around(
                                level, fine, size, k, here, mine, other, corner, number, count, cells, fill
                            )
                        elif there == here:
                            for m in range(3):
                                other[m] = mine[m]
                            other[k] = mine[k] + 2 * edge
                            _around(
                                level, fine, size, k, here, mine, other, corner, number, count, cells, fill
                            )
                        else:
                            far = 1 << there
                            for m in range(3):
                                other[m] = 2 * (other[m] - other[m] % far) + far
                            _both(size, mine, other, corner, number, count, cells, fill)
    return count


@numba.njit(cache=True)
def _corners(at, k, wall, edge, corner):  # type: ignore[no-untyped-def]
    """Corners of a face across axis ``k``, in order around it [half units]."""
    p, q = (k + 1) % 3, (k + 2) % 3
    for n in range(4):
        corner[n, k] = 2 * wall
        corner[n, p] = 2 * (at[p] + edge * (1 if n == 1 or n == 2 else 0))
        corner[n, q] = 2 * (at[q] + edge * (1 if n >= 2 else 0))


@numba.njit(cache=True)
def _parted(level, fine, a, b, here):  # type: ignore[no-untyped-def]
    """Whether a smaller cube has its corner in the middle of the edge from ``a`` to ``b`` [half units]."""
    low = np.empty(3, np.int64)
    along = 0
    for m in range(3):
        low[m] = min(a[m], b[m]) // 2
        if a[m] != b[m]:
            along = m
    p, q = (along + 1) % 3, (along + 2) % 3
    spot = np.empty(3, np.int64)
    for i in range(2):
        for j in range(2):
            spot[along] = low[along]
            spot[p] = low[p] - i
            spot[q] = low[q] - j
            if _level(level, fine, spot[0], spot[1], spot[2]) < here:
                return True
    return False


@numba.njit(cache=True)
def _around(level, fine, size, k, here, mine, other, corner, number, count, cells, fill):  # type: ignore[no-untyped-def]
    """Tetrahedra around the line from ``mine`` to ``other``: one per edge, two where it is parted."""
    for n in range(4):
        a, b = corner[n], corner[(n + 1) % 4]
        if _parted(level, fine, a, b, here):
            half = (a + b) // 2
            _write(size, mine, other, a, half, number, count, cells, fill)
            _write(size, mine, other, half, b, number, count, cells, fill)
        else:
            _write(size, mine, other, a, b, number, count, cells, fill)


@numba.njit(cache=True)
def _both(size, mine, other, corner, number, count, cells, fill):  # type: ignore[no-untyped-def]
    """Two tetrahedra on either side of a face towards a larger cube."""
    for centre in (mine, other):
        _write(size, centre, corner[0], corner[1], corner[2], number, count, cells, fill)
        _write(size, centre, corner[0], corner[2], corner[3], number, count, cells, fill)


@numba.njit(cache=True)
def _write(size, a, b, c, d, number, count, cells, fill):  # type: ignore[no-untyped-def]
    i = _name(number, size, a[0], a[1], a[2], count)
    j = _name(number, size, b[0], b[1], b[2], count)
    k = _name(number, size, c[0], c[1], c[2], count)
    m = _name(number, size, d[0], d[1], d[2], count)
    if fill:
        n = count[0]
        cells[n, 0], cells[n, 1], cells[n, 2], cells[n, 3] = i, j, k, m
    count[0] += 1


@numba.njit(cache=True)
def _orient(points, cells):  # type: ignore[no-untyped-def]
    """Swap two corners of every cell of negative volume."""
    for n in range(cells.shape[0]):
        a = points[cells[n, 0]]
        u, v, w = points[cells[n, 1]] - a, points[cells[n, 2]] - a, points[cells[n, 3]] - a
        volume = (
            u[0] * (v[1] * w[2] - v[2] * w[1])
            - u[1] * (v[0] * w[2] - v[2] * w[0])
            + u[2] * (v[0] * w[1] - v[1] * w[0])
        )
        if volume < 0:
            cells[n, 2], cells[n, 3] = cells[n, 3], cells[n, 2]
