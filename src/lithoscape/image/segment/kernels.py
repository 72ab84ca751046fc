"""Votes of neighbouring voxels, compiled."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def vote(labels: np.ndarray, offsets: np.ndarray, classes: int) -> np.ndarray:
    """Most frequent label among the voxels at ``offsets`` (n, 3); ties keep the own, then the lowest."""
    depth, rows, columns = labels.shape
    out = np.empty_like(labels)
    counts = np.zeros(classes, np.int64)
    for i in range(depth):
        for j in range(rows):
            for k in range(columns):
                counts[:] = 0
                for n in range(offsets.shape[0]):
                    a, b, c = i + offsets[n, 0], j + offsets[n, 1], k + offsets[n, 2]
                    if 0 <= a < depth and 0 <= b < rows and 0 <= c < columns:
                        counts[labels[a, b, c]] += 1
                best = labels[i, j, k]
                for label in range(classes):
                    if counts[label] > counts[best]:
                        best = label
                out[i, j, k] = best
    return out


@njit(cache=True)
def fill_from_neighbours(labels: np.ndarray, free: np.ndarray, losing: int, classes: int) -> bool:
    """Give free voxels to the most frequent neighbour that is not ``losing``, in place; False if none.

    One layer per call: all votes are cast before any counts, so the order of voxels does not matter.
    """
    depth, rows, columns = labels.shape
    given = False
    counts = np.zeros(classes, np.int64)
    was_free = free.copy()
    for i in range(depth):
        for j in range(rows):
            for k in range(columns):
                if not was_free[i, j, k]:
                    continue
                counts[:] = 0
                for a in range(max(0, i - 1), min(depth, i + 2)):
                    for b in range(max(0, j - 1), min(rows, j + 2)):
                        for c in range(max(0, k - 1), min(columns, k + 2)):
                            if not was_free[a, b, c]:
                                counts[labels[a, b, c]] += 1
                counts[losing] = 0
                best = np.argmax(counts)
                if counts[best] > 0:
                    labels[i, j, k] = best
                    free[i, j, k] = False
                    given = True
    return given


@njit(cache=True)
def votes_around(labels: np.ndarray, clusters: np.ndarray, count: int, classes: int) -> np.ndarray:
    """Faces that clusters 1 to ``count`` share with every label outside them: (count + 1, classes)."""
    depth, rows, columns = labels.shape
    faces = np.zeros((count + 1, classes), np.int64)
    for i in range(depth):
        for j in range(rows):
            for k in range(columns):
                mine = clusters[i, j, k]
                for n in range(3):
                    a, b, c = i + (n == 0), j + (n == 1), k + (n == 2)
                    if a == depth or b == rows or c == columns:
                        continue
                    other = clusters[a, b, c]
                    if mine != other:
                        faces[mine, labels[a, b, c]] += 1
                        faces[other, labels[i, j, k]] += 1
    return faces
