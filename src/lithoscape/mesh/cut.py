"""Tetrahedra of a lattice cut along the surfaces between phases, any number of phases at once.

Every vertex carries the set of phases it belongs to: one inside a phase, two on a surface, three on a line.
An edge whose ends share no phase crosses a surface.

1. *Snap* [1]_: where a crossing is near a vertex, the vertex moves there and belongs to both phases. A vertex
   near crossings into two other phases moves to the line where all three meet.
2. *Cut*: crossings that are left become vertices. Cells with several are bisected at the first of them in an
   order that all cells share, so neighbours agree on the faces between them whatever their number of phases.
   New edges may cross a third phase; this repeats until none does.
3. *Name*: a cell has the phase its vertices share; where they share several, or none, that at its middle.

References
----------
.. [1] F. Labelle, J. R. Shewchuk, ACM Trans. Graph. 26 (2007) 57, doi:10.1145/1276377.1276448
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np

from .angles import quality
from .levels import Levels

SNAP = 0.30
"""A crossing within this share of an edge moves the vertex."""
JOIN = 0.15
"""A crossing within this share of a new edge makes its end part of the other phase, where it is."""
SHORT = 0.5
"""A vertex moves by no more than this share of its edge to meet a line or to stay in a plane."""
FLAT = 0.07
"""Sine of the smallest angle below which a cell is too flat to snap to."""
EVERY = np.uint32(0xFFFFFFFF)
"""Set of a vertex that meets no surface."""


@dataclass(eq=False)
class Cut:
    """A mesh being cut: positions [m], phase sets (bit k: phase k), bound axes, cells.

    ``free`` marks the cells that have phases; the others are only split along with them. ``loose`` marks
    vertices that belong to a surface but do not lie on it.
    """

    points: np.ndarray
    sets: np.ndarray
    bound: np.ndarray
    cells: np.ndarray
    free: np.ndarray
    loose: np.ndarray


def cut(
    points: np.ndarray, cells: np.ndarray, bound: np.ndarray, free: np.ndarray, levels: Levels,
    values: np.ndarray | None = None,
) -> tuple[Cut, np.ndarray]:  # fmt: skip
    """Cut a mesh along the surfaces of ``levels``.

    Parameters
    ----------
    points, cells:
        Shape (points, 3) [m] and (cells, 4) or (cells, 3), int32.
    bound:
        Bit k: the vertex keeps its coordinate k.
    free:
        Cells that have phases.
    levels:
        The phases.
    values:
        Of the levels at the points, if at hand.

    Returns
    -------
    Cut, numpy.ndarray
        The mesh, and the phase number of every cell (int32; -1 where not free).
    """
    values = levels(points) if values is None else values
    label = values.argmax(axis=1)
    sets = np.uint32(1) << label.astype(np.uint32)
    inner = np.zeros(len(points), bool)
    inner[cells[free]] = True
    sets[~inner] = EVERY
    mesh = Cut(points.copy(), sets, bound, cells, free, np.zeros(len(points), bool))
    _snap(mesh, levels, label, values)
    while _divide(mesh, levels):
        pass
    return mesh, _phases(mesh, levels)


# -- snapping -------------------------------------------------------------------------
def _snap(mesh: Cut, levels: Levels, label: np.ndarray, values: np.ndarray) -> None:
    edges = _crossing(mesh.cells[mesh.free], mesh.sets)
    if not len(edges):
        return
    at = _roots(mesh.points, edges, label[edges], levels, values)
    ends = np.concatenate([edges, edges[:, ::-1]])
    share = np.concatenate([at, 1 - at])
    near = np.flatnonzero(share < SNAP)
    order = near[np.argsort(share[near], kind="stable")]
    chosen = np.full(len(mesh.points), -1, np.int64)
    third = np.full(len(mesh.points), -1, np.int64)
    _choose(order, ends, label, mesh.sets, chosen, third)
    moved = np.flatnonzero(chosen >= 0)
    other = ends[chosen[moved], 1]
    target = mesh.points[moved] + share[chosen[moved], None] * (mesh.points[other] - mesh.points[moved])
    along = (mesh.bound[moved] & ~mesh.bound[other]) == 0
    length = np.linalg.norm(mesh.points[other] - mesh.points[moved], axis=1)
    held = np.flatnonzero(~along)
    pair = np.stack([label[moved], label[other]], axis=1)
    target[held], there = onto(
        mesh.points[moved[held]], mesh.bound[moved[held]], pair[held], length[held], levels
    )
    stay = moved[held[~there]]
    _give_up(mesh, stay, label)
    third[stay] = -1
    lines = np.flatnonzero(third[moved] >= 0)
    triple = np.column_stack([pair[lines], third[moved[lines]]])
    found, good = onto(mesh.points[moved[lines]], mesh.bound[moved[lines]], triple, length[lines], levels)
    lines, found, triple = lines[good], found[good], triple[good]
    target[lines] = found
    mesh.sets[moved[lines]] |= np.uint32(1) << triple[:, 2].astype(np.uint32)
    start = mesh.points[moved].copy()
    mesh.points[moved] = target
    _untangle(mesh, moved, start, label)


def _give_up(mesh: Cut, vertices: np.ndarray, label: np.ndarray) -> None:
    """Vertices that cannot reach their surface are in one phase again: their edges will be cut."""
    mesh.sets[vertices] = np.uint32(1) << label[vertices].astype(np.uint32)


def _untangle(mesh: Cut, moved: np.ndarray, start: np.ndarray, label: np.ndarray) -> None:
    """Vertices that flattened a cell go half of their way back, four times, then all of it."""
    place = np.full(len(mesh.points), -1, np.int64)
    place[moved] = np.arange(len(moved))
    near = mesh.cells[(place[mesh.cells] >= 0).any(axis=1)]
    for k in range(5):
        flat = near[quality(mesh.points, near) < FLAT]
        back = np.unique(place[flat])
        back = back[back >= 0]
        if not len(back):
            return
        way = 0.0 if k == 4 else 0.5
        mesh.loose[moved[back]] = k < 4
        if k == 4:
            _give_up(mesh, moved[back], label)
        mesh.points[moved[back]] = start[back] + way * (mesh.points[moved[back]] - start[back])


def _crossing(cells: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """Edges whose ends share no phase, each once, lower vertex first."""
    keys = _crossing_keys(cells, sets, sets.size)
    keys = np.unique(keys)
    return np.stack([keys // sets.size, keys % sets.size], axis=1)


def _roots(
    points: np.ndarray, edges: np.ndarray, phases: np.ndarray, levels: Levels, values: np.ndarray
) -> np.ndarray:
    """Where along every edge the two phases are equal, in (0, 1)."""
    start, step = points[edges[:, 0]], points[edges[:, 1]] - points[edges[:, 0]]

    def difference(at: np.ndarray, some: np.ndarray) -> np.ndarray:
        value = levels(start[some] + at[:, None] * step[some])
        k = np.arange(len(some))
        out: np.ndarray = value[k, phases[some, 0]] - value[k, phases[some, 1]]
        return out

    first, last = (values[edges[:, k, None], phases] @ [1.0, -1.0] for k in (0, 1))
    return bracketed(difference, first, last)


def bracketed(
    difference: Callable[[np.ndarray, np.ndarray], np.ndarray], first: np.ndarray, last: np.ndarray,
    steps: int = 8,
) -> np.ndarray:  # fmt: skip
    """Roots in (0, 1) of functions that fall from ``first`` to ``last``, by the Illinois rule."""
    rows = np.arange(len(first))
    low, high = np.zeros(len(rows)), np.ones(len(rows))
    f_low, f_high = np.maximum(first, 1e-300), np.minimum(last, -1e-300)
    at = np.full(len(rows), 0.5)
    side = np.zeros(len(rows), np.int8)
    open_ = rows.copy()
    for _ in range(steps):
        at[open_] = low[open_] + (high - low)[open_] * f_low[open_] / (f_low - f_high)[open_]
        f = difference(at[open_], open_)
        up = f > 0
        a, b = open_[up], open_[~up]
        f_high[a] = np.where(side[a] == 1, f_high[a] / 2, f_high[a])
        f_low[b] = np.where(side[b] == -1, f_low[b] / 2, f_low[b])
        low[a], f_low[a], side[a] = at[a], f[up], 1
        high[b], f_high[b], side[b] = at[b], f[~up], -1
        scale = np.abs(f_low[open_] - f_high[open_])
        open_ = open_[(np.abs(f) > 1e-4 * scale) & ((high - low)[open_] > 1e-4)]
        if not len(open_):
            break
    return np.clip(at, 1e-6, 1 - 1e-6)


def onto(
    start: np.ndarray, bound: np.ndarray, phases: np.ndarray, length: np.ndarray, levels: Levels
) -> tuple[np.ndarray, np.ndarray]:
    """Nearest points at which the given phases are equal, by Gauss-Newton within the free axes.

    Where that is farther than SHORT edges, or there is none, the point stays. Returns points, found or not.
    """
    at, rows = start.copy(), np.arange(len(start))
    free = (bound[:, None] >> np.arange(3)) & 1 == 0
    if not len(start):
        return at, np.zeros(0, bool)
    for _ in range(3):
        value, slope = differences(at, phases, 1e-2 * length, levels)
        slope = slope * free[:, None, :]
        step = np.einsum("nij,nj->ni", np.linalg.pinv(slope, rcond=1e-2), value)
        at = np.where(free, at - step, start)
        far = np.linalg.norm(at - start, axis=1) > length
        at[far] = start[far]
    value, slope = differences(at, phases, 1e-2 * length, levels)
    left = np.abs(value).max(axis=1) / np.maximum(np.linalg.norm(slope, axis=2).max(axis=1), 1e-300)
    good = (np.linalg.norm(at - start, axis=1) <= SHORT * length) & (left < 0.05 * length)
    at[rows[~good]] = start[~good]
    return at, good


def differences(
    at: np.ndarray, phases: np.ndarray, step: np.ndarray, levels: Levels
) -> tuple[np.ndarray, np.ndarray]:
    """First phase less the others at points, shape (n, phases - 1), and its slope, (n, phases - 1, 3)."""
    rows = np.arange(len(at))[:, None]

    def value(points: np.ndarray) -> np.ndarray:
        v = levels(points)[rows, phases]
        out: np.ndarray = v[:, :1] - v[:, 1:]
        return out

    slope = np.empty((len(at), phases.shape[1] - 1, 3))
    for k in range(3):
        away = np.zeros_like(at)
        away[:, k] = step
        slope[:, :, k] = (value(at + away) - value(at - away)) / (2 * step[:, None])
    return value(at), slope


@numba.njit(cache=True)
def _choose(order, ends, label, sets, chosen, third):  # type: ignore[no-untyped-def]
    """Snap vertices from the nearest crossing on; crossings of a vertex that has moved are gone."""
    for e in order:
        v, w = ends[e, 0], ends[e, 1]
        bit = np.uint32(1) << np.uint32(label[w])
        if chosen[v] >= 0:
            if sets[v] & sets[w] == 0 and third[v] < 0 and sets[v] & bit == 0:
                third[v] = label[w]
        elif sets[v] & sets[w] == 0:
            chosen[v] = e
            sets[v] |= bit


# -- cutting --------------------------------------------------------------------------
def _divide(mesh: Cut, levels: Levels) -> bool:
    """Make vertices of the crossings there are and bisect the cells; whether there were any."""
    for _ in range(8):
        edges = _crossing(mesh.cells[mesh.free], mesh.sets)
        if not len(edges):
            return False
        at, first, second = _between(mesh, edges, levels)
        low, high = at < JOIN, at > 1 - JOIN
        if not (low | high).any():
            break
        np.bitwise_or.at(mesh.sets, edges[low, 0], second[low])
        np.bitwise_or.at(mesh.sets, edges[high, 1], first[high])
        mesh.loose[edges[low, 0]] = True
        mesh.loose[edges[high, 1]] = True
    number = len(mesh.points) + np.arange(len(edges))
    ends = mesh.points[edges]
    new = ends[:, 0] + at[:, None] * (ends[:, 1] - ends[:, 0])
    rank = np.empty(len(edges), np.int64)
    rank[np.argsort(-np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1), kind="stable")] = np.arange(len(edges))
    slots, rows = _table(edges[:, 0] * (2**31) + edges[:, 1])
    mesh.points = np.concatenate([mesh.points, new])
    # all phases of both ends: a new edge that still crosses a surface then involves one more, and that ends
    mesh.sets = np.concatenate([mesh.sets, mesh.sets[edges[:, 0]] | mesh.sets[edges[:, 1]]])
    mesh.bound = np.concatenate([mesh.bound, mesh.bound[edges[:, 0]] & mesh.bound[edges[:, 1]]])
    mesh.loose = np.concatenate([mesh.loose, np.zeros(len(edges), bool)])
    touched = np.zeros(len(mesh.points), bool)
    touched[edges] = True
    parted = _parted(mesh.cells, touched, slots, rows)
    old, old_free = mesh.cells[parted], mesh.free[parted]
    none = np.empty((0, old.shape[1]), np.int32)
    count = _bisect(old, old_free, slots, rows, rank, number, none, old_free[:0], False)
    cells, free = np.empty((count, old.shape[1]), np.int32), np.empty(count, bool)
    _bisect(old, old_free, slots, rows, rank, number, cells, free, True)
    mesh.cells = np.concatenate([mesh.cells[~parted], cells])
    mesh.free = np.concatenate([mesh.free[~parted], free])
    return True


def _between(mesh: Cut, edges: np.ndarray, levels: Levels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Crossing along every edge, and the bit of the phase on either side of it."""
    start, step = mesh.points[edges[:, 0]], mesh.points[edges[:, 1]] - mesh.points[edges[:, 0]]
    bits = np.arange(len(levels.phases), dtype=np.uint32)
    one, two = ((mesh.sets[edges[:, k], None] >> bits) & 1 == 1 for k in (0, 1))

    def parts(at: np.ndarray, some: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value = levels(start[some] + at[:, None] * step[some])
        return np.where(one[some], value, -np.inf), np.where(two[some], value, -np.inf)

    def difference(at: np.ndarray, some: np.ndarray) -> np.ndarray:
        a, b = parts(at, some)
        out: np.ndarray = a.max(axis=1) - b.max(axis=1)
        return out

    rows = np.arange(len(edges))
    low, high = np.zeros(len(edges)), np.ones(len(edges))
    at = bracketed(difference, difference(low, rows), difference(high, rows))
    a, b = parts(at, rows)
    first, second = (np.uint32(1) << v.argmax(axis=1).astype(np.uint32) for v in (a, b))
    return at, first, second


@numba.njit(cache=True)
def _crossing_keys(cells, sets, count):  # type: ignore[no-untyped-def]
    total, corners = 0, cells.shape[1]
    for turn in range(2):
        if turn == 1:
            keys = np.empty(total, np.int64)
            total = 0
        for n in range(cells.shape[0]):
            for i in range(corners):
                for j in range(i):
                    u, v = cells[n, i], cells[n, j]
                    if sets[u] & sets[v] == 0:
                        if turn == 1:
                            keys[total] = np.int64(min(u, v)) * count + max(u, v)
                        total += 1
    return keys


@numba.njit(cache=True)
def _table(keys):  # type: ignore[no-untyped-def]
    """Open addressing: place -> key (or -1), place -> row."""
    size = 16
    while size < 2 * keys.size:
        size *= 2
    slots, rows = np.full(size, -1, np.int64), np.empty(size, np.int32)
    for n in range(keys.size):
        k = _hash(keys[n]) & (size - 1)
        while slots[k] >= 0:
            k = (k + 1) & (size - 1)
        slots[k], rows[k] = keys[n], n
    return slots, rows


@numba.njit(cache=True)
def _hash(key):  # type: ignore[no-untyped-def]
    x = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    return np.int64((x ^ (x >> np.uint64(29))) & np.uint64(0x3FFFFFFFFFFFFFFF))


@numba.njit(cache=True)
def _row(u, v, slots, rows):  # type: ignore[no-untyped-def]
    """Row of an edge in the table; -1 if it is not there."""
    key = np.int64(min(u, v)) * 2147483648 + np.int64(max(u, v))
    k = _hash(key) & (slots.size - 1)
    while slots[k] >= 0:
        if slots[k] == key:
            return rows[k]
        k = (k + 1) & (slots.size - 1)
    return -1


@numba.njit(cache=True)
def _parted(cells, ends, slots, rows):  # type: ignore[no-untyped-def]
    """Cells with an edge of the table; ``ends`` marks the vertices of such edges."""
    out = np.zeros(cells.shape[0], np.bool_)
    for n in range(cells.shape[0]):
        for i in range(cells.shape[1]):
            if not ends[cells[n, i]]:
                continue
            for j in range(i):
                if ends[cells[n, j]] and _row(cells[n, i], cells[n, j], slots, rows) >= 0:
                    out[n] = True
    return out


@numba.njit(cache=True)
def _bisect(cells, free, slots, rows, rank, number, out, out_free, fill):  # type: ignore[no-untyped-def]
    """Bisect all cells at the edges of the table, lowest rank first; how many there are then."""
    corners = cells.shape[1]
    stack = np.empty((64, corners), np.int32)
    count = 0
    for n in range(cells.shape[0]):
        stack[0] = cells[n]
        depth = 1
        while depth > 0:
            depth -= 1
            cell = stack[depth].copy()
            best, a, b = -1, 0, 0
            for i in range(corners):
                for j in range(i):
                    r = _row(cell[i], cell[j], slots, rows)
                    if r >= 0 and (best < 0 or rank[r] < rank[best]):
                        best, a, b = r, i, j
            if best >= 0:
                stack[depth] = cell
                stack[depth, a] = number[best]
                stack[depth + 1] = cell
                stack[depth + 1, b] = number[best]
                depth += 2
                continue
            if fill:
                out[count] = cell
                out_free[count] = free[n]
            count += 1
    return count


# -- naming ---------------------------------------------------------------------------
def _phases(mesh: Cut, levels: Levels) -> np.ndarray:
    """Phase of every cell that is free; -1 else."""
    sets = mesh.sets[mesh.cells]
    common, any_ = np.bitwise_and.reduce(sets, axis=1), np.bitwise_or.reduce(sets, axis=1)
    allowed = np.where(common > 0, common, any_)
    allowed = np.where(allowed == EVERY, np.uint32(2 ** len(levels.phases) - 1), allowed)
    single = (allowed & (allowed - np.uint32(1))) == 0
    out = np.full(len(mesh.cells), -1, np.int32)
    out[mesh.free & single] = np.log2(allowed[mesh.free & single]).astype(np.int32)
    rest = np.flatnonzero(mesh.free & ~single)
    value = levels(mesh.points[mesh.cells[rest]].mean(axis=1))
    bits = np.arange(len(levels.phases), dtype=np.uint32)
    value = np.where((allowed[rest, None] >> bits) & 1 == 1, value, -np.inf)
    out[rest] = value.argmax(axis=1)
    return out
