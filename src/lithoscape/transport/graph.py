"""Networks of conductances and their coarsening: the lower levels of the voxel solver.

Nodes are aggregates of voxels. To coarsen, nodes are gathered in blocks of 2 x 2 x 2 of the next lattice and
each block is split into the parts that hang together over strong conductances, so that aggregates never reach
through a wall. Conductances between aggregates are those of the faces in parallel (Galerkin, piecewise
constant). That makes the coarse network too stiff, by 2 in a uniform lattice; corrections are enlarged
instead (Braess, Computing 55 (1995) 379).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numba
import numpy as np

from .percolation import find_root, unite

STRONG = 0.2
"""Nodes are gathered over conductances of at least this share of the largest of either node."""
SLOW = 0.4
"""A coarsening that leaves more than this share of the nodes is done again without blocks."""
FEW = 8
"""Nodes that are gathered at most then."""
TWICE = 0.4
"""A level of at most this share of the work of the level before is visited twice (W cycle)."""
DIRECT = 200
"""A network of at most so many nodes is solved directly."""
MOST_LEVELS = 30
ENLARGE = 1.8
"""Factor of the corrections by aggregates; 2 makes up for their stiffness in a uniform lattice."""


@dataclass(frozen=True)
class Graph:
    """A network: rows in compressed form, without diagonal.

    Attributes
    ----------
    pointer, column, value:
        Neighbours of the nodes (int32) and the conductances to them (float32).
    ground:
        Conductance of the nodes to places of given potential (float32).
    place:
        Lattice position of the nodes (int32, shape (nodes, 3)).
    """

    pointer: np.ndarray
    column: np.ndarray
    value: np.ndarray
    ground: np.ndarray
    place: np.ndarray

    @property
    def size(self) -> int:
        """Number of nodes."""
        return self.ground.size


@dataclass(frozen=True)
class Hierarchy:
    """Networks from fine to coarse, one behind the other in the same arrays.

    Attributes
    ----------
    first:
        Number of the first node of each level; then the total.
    pointer, column, value, inverse:
        Rows of all levels (columns count within their level), inverse diagonals.
    parent:
        Node of the next level, within that level.
    visits:
        How often each level is visited for one visit of the level before: twice if it is small enough.
    direct:
        Inverse of the matrix of the last level (float32).
    x, b:
        Work space.
    """

    first: np.ndarray
    pointer: np.ndarray
    column: np.ndarray
    value: np.ndarray
    inverse: np.ndarray
    parent: np.ndarray
    visits: np.ndarray
    direct: np.ndarray
    x: np.ndarray
    b: np.ndarray

    def cycle(self) -> None:
        """One multigrid cycle: from the residual of the first level in ``b`` its correction in ``x``."""
        _cycle(
            self.first, self.pointer, self.column, self.value, self.inverse, self.parent, self.visits,
            self.direct, self.x, self.b, ENLARGE,
        )  # fmt: skip


def hierarchy(finest: Graph) -> Hierarchy:
    """Coarsen a network until it can be solved directly."""
    graphs, parents = [finest], []
    while graphs[-1].size > DIRECT and len(graphs) < MOST_LEVELS:
        parent, coarse = coarsen(graphs[-1])
        if coarse.size > 0.95 * graphs[-1].size and (graphs[-1].place.max() == 0 or coarse.size < 2000):
            break
        parents.append(parent)
        graphs.append(coarse)
    parents.append(np.zeros(0, dtype=np.int32))
    sizes = np.array([graph.size for graph in graphs], dtype=np.int64)
    shifts = np.cumsum([0, *(graph.column.size for graph in graphs)])
    pointer = [graph.pointer[:-1].astype(np.int64) + s for graph, s in zip(graphs, shifts, strict=False)]
    total = int(sizes.sum())
    return Hierarchy(
        first=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        pointer=np.concatenate([*pointer, [shifts[-1]]]).astype(np.int64),
        column=np.concatenate([graph.column for graph in graphs]),
        value=np.concatenate([graph.value for graph in graphs]),
        inverse=np.concatenate([1.0 / diagonal(graph) for graph in graphs]).astype(np.float32),
        parent=np.concatenate(parents).astype(np.int32),
        visits=_visits([graph.column.size + graph.size for graph in graphs]),
        direct=_inverse(graphs[-1]),
        x=np.zeros(total, dtype=np.float32),
        b=np.zeros(total, dtype=np.float32),
    )


def _visits(work: list[int]) -> np.ndarray:
    visits = [1] + [2 if b <= TWICE * a else 1 for a, b in itertools.pairwise(work)]
    return np.array(visits, dtype=np.int64)


def diagonal(graph: Graph) -> np.ndarray:
    """Diagonal of the matrix of a network (float64)."""
    out = graph.ground.astype(np.float64)
    _add_rows(graph.pointer, graph.value, out)
    return out


@numba.njit(cache=True, nogil=True)
def _add_rows(pointer: np.ndarray, value: np.ndarray, out: np.ndarray) -> None:
    for i in range(out.size):
        for k in range(pointer[i], pointer[i + 1]):
            out[i] += value[k]


def _inverse(graph: Graph) -> np.ndarray:
    """Dense inverse; a network without ground gets one too weak to matter."""
    matrix = np.diag(diagonal(graph))
    rows = np.repeat(np.arange(graph.size), np.diff(graph.pointer))
    matrix[rows, graph.column] -= graph.value
    if not graph.ground.any():
        np.einsum("ii->i", matrix)[:] *= 1 + 1e-6
    inverse = np.linalg.inv(matrix)
    return np.ascontiguousarray((inverse + inverse.T) / 2, dtype=np.float32)


def coarsen(graph: Graph) -> tuple[np.ndarray, Graph]:
    """Aggregates of the nodes of a network (int32) and the network of the aggregates."""
    place = graph.place >> 1
    shape = place.max(axis=0) + 1
    block = np.ravel_multi_index(tuple(place.T), tuple(int(n) for n in shape))
    order, _ = _by_block(block, int(np.prod(shape)))
    rows = graph.pointer, graph.column, graph.value
    parent, count = _aggregate(*rows, block, order)
    if count > SLOW * graph.size:
        parent, count = _gather_few(*rows, graph.ground)
    members, first = _by_block(parent, count)
    pointer, column, value = _galerkin(*rows, parent, members, first, count)
    ground = np.bincount(parent, weights=graph.ground, minlength=count).astype(np.float32)
    return parent, Graph(pointer, column.copy(), value.copy(), ground, place[members[first[:-1]]])


@numba.njit(cache=True, nogil=True)
def _by_block(block: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes in the order of their blocks, and where each block begins."""
    first = np.zeros(count + 1, dtype=np.int64)
    for i in range(block.size):
        first[block[i] + 1] += 1
    for i in range(count):
        first[i + 1] += first[i]
    place = first[:-1].copy()
    order = np.empty(block.size, dtype=np.int32)
    for i in range(block.size):
        order[place[block[i]]] = i
        place[block[i]] += 1
    return order, first


@numba.njit(cache=True, nogil=True)
def _aggregate(
    pointer: np.ndarray, column: np.ndarray, value: np.ndarray, block: np.ndarray, order: np.ndarray
) -> tuple[np.ndarray, int]:
    """Gather the nodes of each block that hang together over strong conductances."""
    n = block.size
    largest = np.zeros(n, dtype=np.float32)
    root = np.arange(n).astype(np.int32)
    for i in range(n):
        for k in range(pointer[i], pointer[i + 1]):
            largest[i] = max(largest[i], value[k])
    for i in range(n):
        for k in range(pointer[i], pointer[i + 1]):
            j = column[k]
            if j < i and block[j] == block[i] and value[k] >= STRONG * max(largest[i], largest[j]):
                unite(root, i, j)
    return _numbered(root, order)


@numba.njit(cache=True, nogil=True)
def _gather_few(
    pointer: np.ndarray, column: np.ndarray, value: np.ndarray, ground: np.ndarray
) -> tuple[np.ndarray, int]:
    """Gather each node with its closest, a few at a time (after Notay, ETNA 37 (2010) 123)."""
    n = pointer.size - 1
    root = np.arange(n).astype(np.int32)
    many = np.ones(n, dtype=np.int8)
    for i in range(n):
        if many[find_root(root, i)] > 1:
            continue
        largest, total = np.float32(0.0), ground[i]
        for k in range(pointer[i], pointer[i + 1]):
            largest, total = max(largest, value[k]), total + value[k]
        best, closest = STRONG * largest, -1
        for k in range(pointer[i], pointer[i + 1]):
            # a node that hangs on one other is always welcome there
            room = many[find_root(root, column[k])] < FEW or value[k] > 0.5 * total
            if value[k] > best and room:
                best, closest = value[k], column[k]
        if closest >= 0:
            together = min(many[find_root(root, closest)] + 1, FEW)
            unite(root, i, closest)
            many[find_root(root, i)] = together
    return _numbered(root, np.arange(n).astype(np.int32))


@numba.njit(cache=True, nogil=True)
def _numbered(root: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, int]:
    """Number of the aggregate of every node, and how many there are."""
    parent = np.full(root.size, -1, dtype=np.int32)
    count = 0
    for i in order:
        r = find_root(root, i)
        if parent[r] < 0:
            parent[r] = count
            count += 1
        parent[i] = parent[r]
    return parent, count


@numba.njit(cache=True, nogil=True)
def _galerkin(
    pointer: np.ndarray,
    column: np.ndarray,
    value: np.ndarray,
    parent: np.ndarray,
    members: np.ndarray,
    first: np.ndarray,
    count: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = np.zeros(count + 1, dtype=np.int32)
    columns = np.empty(column.size, dtype=np.int32)
    values = np.empty(column.size, dtype=np.float32)
    seen = np.full(count, -1, dtype=np.int64)
    size = 0
    for a in range(count):
        begin = size
        for m in range(first[a], first[a + 1]):
            i = members[m]
            for k in range(pointer[i], pointer[i + 1]):
                c = parent[column[k]]
                if c == a:
                    continue
                if seen[c] < begin:
                    seen[c] = size
                    columns[size] = c
                    values[size] = 0.0
                    size += 1
                values[seen[c]] += value[k]
        rows[a + 1] = size
    return rows, columns[:size], values[:size]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _sweep(
    begin: int,
    end: int,
    pointer: np.ndarray,
    column: np.ndarray,
    value: np.ndarray,
    inverse: np.ndarray,
    x: np.ndarray,
    b: np.ndarray,
    step: int,
) -> None:
    """Gauss-Seidel over one level, upwards (1) or downwards (-1)."""
    i = begin if step > 0 else end - 1
    for _ in range(end - begin):
        total = b[i]
        for k in range(pointer[i], pointer[i + 1]):
            total += value[k] * x[begin + column[k]]
        x[i] = total * inverse[i]
        i += step


@numba.njit(cache=True, nogil=True, fastmath=True)
def _restrict(
    begin: int,
    end: int,
    pointer: np.ndarray,
    column: np.ndarray,
    value: np.ndarray,
    inverse: np.ndarray,
    parent: np.ndarray,
    x: np.ndarray,
    b: np.ndarray,
) -> None:
    """Residual of one level, summed over the aggregates of the next."""
    for i in range(begin, end):
        total = b[i] - x[i] / inverse[i]
        for k in range(pointer[i], pointer[i + 1]):
            total += value[k] * x[begin + column[k]]
        b[end + parent[i]] += total


@numba.njit(cache=True, nogil=True, fastmath=True)
def _cycle(
    first: np.ndarray,
    pointer: np.ndarray,
    column: np.ndarray,
    value: np.ndarray,
    inverse: np.ndarray,
    parent: np.ndarray,
    visits: np.ndarray,
    direct: np.ndarray,
    x: np.ndarray,
    b: np.ndarray,
    enlarge: float,
) -> None:
    """One cycle for the first level: ``b`` given, ``x`` found."""
    last = first.size - 2
    done = np.zeros(last + 1, dtype=np.int64)
    x[first[0] : first[1]] = 0.0
    level = 0
    while True:
        begin, end = first[level], first[level + 1]
        if level == last:
            for i in range(end - begin):
                total = np.float32(0.0)
                for j in range(end - begin):
                    total += direct[i, j] * b[begin + j]
                x[begin + i] = total
        else:
            _sweep(begin, end, pointer, column, value, inverse, x, b, 1)
            x[end : first[level + 2]] = 0.0
            b[end : first[level + 2]] = 0.0
            _restrict(begin, end, pointer, column, value, inverse, parent, x, b)
            level += 1
            continue
        while level > 0:
            level -= 1
            begin, end = first[level], first[level + 1]
            # once visited, a correction is not enlarged: factors would multiply from level to level
            factor = np.float32(enlarge if visits[level + 1] > 1 else 1.0)
            for i in range(begin, end):
                x[i] += factor * x[end + parent[i]]
            _sweep(begin, end, pointer, column, value, inverse, x, b, -1)
            done[level] += 1
            if level > 0 and done[level] < visits[level]:
                break
            done[level] = 0
        if level == 0:
            return
