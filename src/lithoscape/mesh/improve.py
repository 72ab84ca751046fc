"""Slivers removed without spoiling surfaces: vertices slide, short edges collapse.

The measure of a cell is the smallest sine of its dihedral angles (its angles in 2D), negative if it is
inverted. Around every cell below the goal, vertices are tried a little to each side: anywhere inside a phase,
along the surface on one, along the line where three meet, within the faces of the box; surface vertices
are put back on the surface after each sweep. What is left collapses an edge into one of its ends, if all
regions around the vertex that goes also meet in that edge, so that no film or neck is closed. A step is only
taken if the worst cell around it becomes better.
"""

from __future__ import annotations

from dataclasses import replace

import numba
import numpy as np

from .angles import least_sine, quality
from .cut import Cut, differences, onto
from .levels import Levels

GOAL = 12.0
"""Cells with a smaller dihedral angle are worked on [degrees]."""
SWEEPS = 4
ROUNDS = 4
SETTLED = 6.0
"""Vertices go to their surface if that leaves this angle [degrees]."""


def improve(mesh: Cut, phase: np.ndarray, levels: Levels, goal: float = GOAL) -> tuple[Cut, np.ndarray]:
    """A mesh with fewer slivers, and the phase of every cell that is left.

    Parameters
    ----------
    mesh, phase:
        From :func:`.cut.cut`.
    levels:
        The surfaces to stay on.
    goal:
        Smallest dihedral angle aimed at [degrees].
    """
    least = float(np.sin(np.radians(goal)))
    worst = quality(mesh.points, mesh.cells)
    for _ in range(ROUNDS):
        if not (worst < least).any():
            break
        _slide(mesh, phase, levels, worst, least)
        mesh, phase, worst = _collapse(mesh, phase, worst, least)
    _settle(mesh, phase, levels, min(least, np.sin(np.radians(SETTLED))))
    return mesh, phase


def _settle(mesh: Cut, phase: np.ndarray, levels: Levels, least: float) -> None:
    """Loose vertices go to their surface, all of the way or half of it, if no cell gets flatter than that."""
    for part in (1.0, 1.0, 0.5, 1.0):
        near = np.flatnonzero(mesh.loose[mesh.cells].any(axis=1))
        cells = mesh.cells[near]
        vertices = np.unique(cells[mesh.loose[cells]])
        if not len(vertices):
            return
        start, stars = _stars(cells, mesh.loose, len(mesh.points))
        before = mesh.points[vertices].copy()
        allowed = np.minimum(_worst(mesh.points, cells, vertices, start, stars), least)
        around = _phases_around(phase[near], vertices, start, stars, len(levels.phases))
        count, order = around.sum(axis=1), np.argsort(~around, axis=1, kind="stable")
        edge = np.ptp(mesh.points[cells], axis=1).max(axis=1).mean()
        for k in (2, 3):
            rows = np.flatnonzero(count == k if k == 2 else count >= k)
            v = vertices[rows]
            found, good = onto(mesh.points[v], mesh.bound[v], order[rows, :k], np.full(len(v), edge), levels)
            mesh.points[v[good]] += part * (found[good] - mesh.points[v[good]])
        _undo(mesh.points, cells, vertices, start, stars, before, allowed)


def _slide(mesh: Cut, phase: np.ndarray, levels: Levels, worst: np.ndarray, least: float) -> None:
    """Move vertices; ``worst``, the quality of the cells, is kept up to date."""
    for _ in range(SWEEPS):
        core = np.zeros(len(mesh.points), bool)
        core[mesh.cells[worst < least]] = True
        near = np.flatnonzero(core[mesh.cells].any(axis=1))
        cells = mesh.cells[near]
        vertices = np.flatnonzero(core)
        start, stars = _stars(cells, core, len(mesh.points))
        before = mesh.points[vertices].copy()
        least_star = _worst(mesh.points, cells, vertices, start, stars)
        basis, phases, count = _directions(mesh, phase[near], cells, vertices, start, stars, levels)
        _search(mesh.points, cells, vertices, start, stars, basis, least)
        held = np.flatnonzero((count > 1) & (mesh.points[vertices] != before).any(axis=1))
        _put_back(mesh, vertices, held, phases, count, before, levels)
        _undo(mesh.points, cells, vertices, start, stars, before, least_star)
        worst[near] = quality(mesh.points, cells)
        if not (worst < least).any():
            break


def _directions(
    mesh: Cut, phase: np.ndarray, cells: np.ndarray, vertices: np.ndarray, start: np.ndarray,
    stars: np.ndarray, levels: Levels,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Unit directions each vertex may move in, zero beyond those; its phases; their number."""
    many = len(levels.phases)
    around = _phases_around(phase, vertices, start, stars, many)
    count = around.sum(axis=1)
    order = np.argsort(~around, axis=1, kind="stable")
    free = ((mesh.bound[vertices, None] >> np.arange(3)) & 1 == 0).astype(float)
    basis = np.zeros((len(vertices), 3, 3))
    basis[:, [0, 1, 2], [0, 1, 2]] = free
    size = np.full(len(vertices), 1e-3 * np.ptp(mesh.points[cells], axis=1).max(axis=1).mean())
    for k in (2, 3):
        rows = np.flatnonzero(count == k if k == 2 else count >= k)
        if not len(rows):
            continue
        slope = differences(mesh.points[vertices[rows]], order[rows, :k], 10 * size[rows], levels)[1]
        slope *= free[rows, None, :]
        slope /= np.maximum(np.linalg.norm(slope, axis=2, keepdims=True), 1e-300)
        project = np.einsum("nij,njk->nik", np.linalg.pinv(slope, rcond=1e-2), slope)
        tangent = (np.eye(3) - project) * free[rows, None, :] * free[rows, :, None]
        value, vector = np.linalg.eigh((tangent + tangent.transpose(0, 2, 1)) / 2)
        basis[rows] = (vector * (value[:, None, :] > 0.5)).transpose(0, 2, 1) * free[rows, None, :]
    basis[count == 0] = 0.0
    return basis, order, count


def _put_back(
    mesh: Cut, vertices: np.ndarray, held: np.ndarray, phases: np.ndarray, count: np.ndarray,
    before: np.ndarray, levels: Levels,
) -> None:  # fmt: skip
    """Surface vertices that were moved go to the nearest point of their surface."""
    for k in (2, 3):
        rows = held[count[held] == k] if k == 2 else held[count[held] >= k]
        if not len(rows):
            continue
        v = vertices[rows]
        length = np.maximum(4 * np.linalg.norm(mesh.points[v] - before[rows], axis=1), 1e-30)
        found, good = onto(mesh.points[v], mesh.bound[v], phases[rows, :k], length, levels)
        mesh.points[v[good]] = found[good]


def _collapse(
    mesh: Cut, phase: np.ndarray, worst: np.ndarray, least: float
) -> tuple[Cut, np.ndarray, np.ndarray]:
    """Collapse an edge of every cell below ``least`` where that helps."""
    core = np.zeros(len(mesh.points), bool)
    core[mesh.cells[worst < least]] = True
    near = np.flatnonzero(core[mesh.cells].any(axis=1))
    cells = mesh.cells[near].copy()
    start, stars = _stars(cells, core, len(mesh.points))
    order = np.argsort(worst[near], kind="stable")
    order = order[worst[near][order] < least]
    alive = _collapses(mesh.points, cells, phase[near], mesh.bound, core, start, stars, order)
    if alive.all():
        return mesh, phase, worst
    whole = mesh.cells.copy()
    whole[near] = cells
    worst[near] = quality(mesh.points, cells)
    keep = np.ones(len(whole), bool)
    keep[near] = alive
    return replace(mesh, cells=whole[keep], free=mesh.free[keep]), phase[keep], worst[keep]


@numba.njit(cache=True)
def _stars(cells, core, count):  # type: ignore[no-untyped-def]
    """Cells around every vertex of the core: first place of each vertex, and the cells."""
    start = np.zeros(count + 1, np.int64)
    for n in range(cells.shape[0]):
        for v in cells[n]:
            if core[v]:
                start[v + 1] += 1
    for v in range(count):
        start[v + 1] += start[v]
    place, stars = start[:-1].copy(), np.empty(start[-1], np.int32)
    for n in range(cells.shape[0]):
        for v in cells[n]:
            if core[v]:
                stars[place[v]] = n
                place[v] += 1
    return start, stars


@numba.njit(cache=True)
def _star_worst(points, cells, v, start, stars):  # type: ignore[no-untyped-def]
    least = 2.0
    for s in range(start[v], start[v + 1]):
        least = min(least, least_sine(points, cells[stars[s]]))
    return least


@numba.njit(cache=True)
def _worst(points, cells, vertices, start, stars):  # type: ignore[no-untyped-def]
    out = np.empty(vertices.size)
    for n in range(vertices.size):
        out[n] = _star_worst(points, cells, vertices[n], start, stars)
    return out


@numba.njit(cache=True)
def _phases_around(phase, vertices, start, stars, many):  # type: ignore[no-untyped-def]
    """Which phases meet at every vertex; cells without a phase do not count."""
    out = np.zeros((vertices.size, many), np.bool_)
    for n in range(vertices.size):
        for s in range(start[vertices[n]], start[vertices[n] + 1]):
            k = phase[stars[s]]
            if k >= 0:
                out[n, k] = True
    return out


@numba.njit(cache=True)
def _search(points, cells, vertices, start, stars, basis, goal):  # type: ignore[no-untyped-def]
    """Move vertices along their directions while the worst cell around them gets better."""
    for n in range(vertices.size):
        v = vertices[n]
        best = _star_worst(points, cells, v, start, stars)
        if best >= goal:
            continue
        reach = 0.0
        for s in range(start[v], start[v + 1]):
            for w in cells[stars[s]]:
                d = 0.0
                for k in range(3):
                    d += (points[w, k] - points[v, k]) ** 2
                reach = max(reach, d)
        step = 0.15 * np.sqrt(reach)
        old = points[v].copy()
        for _ in range(5):
            gained = False
            for k in range(3):
                if basis[n, k, 0] == 0 and basis[n, k, 1] == 0 and basis[n, k, 2] == 0:
                    continue
                for sign in (-1.0, 1.0):
                    old[:] = points[v]
                    points[v] = old + sign * step * basis[n, k]
                    now = _star_worst(points, cells, v, start, stars)
                    if now > best:
                        best, gained = now, True
                    else:
                        points[v] = old
            if not gained:
                step *= 0.5


@numba.njit(cache=True)
def _undo(points, cells, vertices, start, stars, before, worst):  # type: ignore[no-untyped-def]
    """Put vertices back whose star is worse than it was, until none is."""
    for _ in range(10):
        changed = False
        for n in range(vertices.size):
            v = vertices[n]
            moved = (
                points[v, 0] != before[n, 0] or points[v, 1] != before[n, 1] or points[v, 2] != before[n, 2]
            )
            if moved and _star_worst(points, cells, v, start, stars) < worst[n] - 1e-12:
                points[v] = before[n]
                changed = True
        if not changed:
            break


@numba.njit(cache=True)
def _collapses(points, cells, phase, bound, core, start, stars, order):  # type: ignore[no-untyped-def]
    """Collapse edges of the cells in ``order``; which cells are left."""
    alive = np.ones(cells.shape[0], np.bool_)
    locked = np.zeros(core.size, np.bool_)
    corners = cells.shape[1]
    for n in order:
        if not alive[n]:
            continue
        now = least_sine(points, cells[n])
        best, from_, to = now, -1, -1
        for i in range(corners):
            u = cells[n, i]
            if locked[u] or not core[u]:
                continue
            for j in range(corners):
                v = cells[n, j]
                if i == j or locked[v] or bound[u] & ~bound[v] != 0 or (bound[u] == 7):
                    continue
                got = _after(points, cells, phase, u, v, start, stars)
                if got > best:
                    best, from_, to = got, u, v
        if from_ < 0:
            continue
        for s in range(start[from_], start[from_ + 1]):
            c = stars[s]
            for w in cells[c]:
                locked[w] = True
            gone = False
            for k in range(corners):
                gone = gone or cells[c, k] == to
            if gone:
                alive[c] = False
            else:
                for k in range(corners):
                    if cells[c, k] == from_:
                        cells[c, k] = to
    return alive


@numba.njit(cache=True)
def _after(points, cells, phase, u, v, start, stars):  # type: ignore[no-untyped-def]
    """Worst cell left around ``u`` once it has become ``v``; -2 if regions would be torn."""
    least, corners = 2.0, cells.shape[1]
    trial = np.empty(corners, np.int32)
    for s in range(start[u], start[u + 1]):
        c = stars[s]
        has = False
        for k in range(corners):
            has = has or cells[c, k] == v
        if has:
            continue
        met = False
        for s2 in range(start[u], start[u + 1]):
            d = stars[s2]
            if phase[d] == phase[c]:
                for k in range(corners):
                    met = met or cells[d, k] == v
        if not met:
            return -2.0
        for k in range(corners):
            trial[k] = v if cells[c, k] == u else cells[c, k]
        least = min(least, least_sine(points, trial))
    return least
