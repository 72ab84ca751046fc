"""How far cells are from flat: the smallest sine of their angles."""

from __future__ import annotations

import numba
import numpy as np


def quality(points: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Smallest sine of the (dihedral) angles of every cell, negative if inverted; shape (cells,)."""
    out = np.empty(len(cells))
    _qualities(points, cells, out)
    return out


@numba.njit(cache=True)
def least_sine(p, c):  # type: ignore[no-untyped-def]
    """Smallest sine of the dihedral angles of a tetrahedron, or of the angles of a triangle."""
    if c.size == 3:
        return _flat_sine(p, c)
    x = np.empty((4, 3))
    for i in range(4):
        for k in range(3):
            x[i, k] = p[c[i], k]
    area = np.empty(4)
    for f in range(4):
        a, b, d = x[(f + 1) % 4], x[(f + 2) % 4], x[(f + 3) % 4]
        u0, u1, u2 = b[0] - a[0], b[1] - a[1], b[2] - a[2]
        v0, v1, v2 = d[0] - a[0], d[1] - a[1], d[2] - a[2]
        area[f] = np.sqrt((u1 * v2 - u2 * v1) ** 2 + (u2 * v0 - u0 * v2) ** 2 + (u0 * v1 - u1 * v0) ** 2)
    u, v, w = x[1] - x[0], x[2] - x[0], x[3] - x[0]
    six = (
        u[0] * (v[1] * w[2] - v[2] * w[1])
        - u[1] * (v[0] * w[2] - v[2] * w[0])
        + u[2] * (v[0] * w[1] - v[1] * w[0])
    )
    least = 2.0
    for i in range(4):
        for j in range(i):
            length = np.sqrt((x[i, 0] - x[j, 0]) ** 2 + (x[i, 1] - x[j, 1]) ** 2 + (x[i, 2] - x[j, 2]) ** 2)
            k = 0
            while k in (i, j):
                k += 1
            m = 6 - i - j - k
            product = area[k] * area[m]
            least = min(least, six * length / product if product > 0 else 0.0)
    return least


@numba.njit(cache=True)
def _flat_sine(p, c):  # type: ignore[no-untyped-def]
    a, b, d = p[c[0]], p[c[1]], p[c[2]]
    u0, u1, u2 = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    v0, v1, v2 = d[0] - a[0], d[1] - a[1], d[2] - a[2]
    # in a plane across an axis one of these three is not zero: positive if the other two axes turn in order
    twice = (u1 * v2 - u2 * v1) + (u0 * v2 - u2 * v0) + (u0 * v1 - u1 * v0)
    e0 = u0 * u0 + u1 * u1 + u2 * u2
    e1 = (d[0] - b[0]) ** 2 + (d[1] - b[1]) ** 2 + (d[2] - b[2]) ** 2
    e2 = v0 * v0 + v1 * v1 + v2 * v2
    largest = np.sqrt(max(e0 * e1, max(e1 * e2, e2 * e0)))
    return twice / largest if largest > 0 else 0.0


@numba.njit(cache=True, nogil=True)
def _qualities(points, cells, out):  # type: ignore[no-untyped-def]
    for n in range(cells.shape[0]):
        out[n] = least_sine(points, cells[n])
