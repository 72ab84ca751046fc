"""Shapes of cells: angles, aspect ratios, lengths of edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numba
import numpy as np

from .tessellation import SPAN, Kind, Tessellation

PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
BIN = 10.0
"""Width of a bin of the histogram of angles [degree]."""


@dataclass(frozen=True)
class Statistics:
    """Shapes of the cells of a mesh.

    Angles are dihedral angles in 3D and angles between edges in 2D, in degrees: 70.53 for the regular
    tetrahedron, 60 for the regular triangle, 90 for boxes. The aspect ratio of a simplex is its longest edge
    over the radius of its inscribed ball, divided by that of the regular one (2 sqrt(6) for a tetrahedron,
    2 sqrt(3) for a triangle); that of a box is its longest edge over its smallest height. Both are 1 at best.

    Parameters
    ----------
    kind, cells, points:
        Kind of cell, numbers of cells and points.
    region_cells, region_sizes:
        Cells of every region, and its volume [m3] or area [m2].
    smallest_angle, largest_angle:
        Of all cells.
    angle_percentiles:
        Of the smallest angle of every cell: percentile -> angle.
    angle_histogram:
        How many of all angles lie in [0, 10), [10, 20), ... [170, 180].
    aspect_percentiles, largest_aspect:
        Of the aspect ratios of all cells.
    shortest_edge, mean_edge, longest_edge:
        Lengths [m]; the mean counts an edge as often as cells have it.
    """

    kind: Kind
    cells: int
    points: int
    region_cells: Mapping[str, int]
    region_sizes: Mapping[str, float]
    smallest_angle: float
    largest_angle: float
    angle_percentiles: Mapping[int, float]
    angle_histogram: tuple[int, ...]
    aspect_percentiles: Mapping[int, float]
    largest_aspect: float
    shortest_edge: float
    mean_edge: float
    longest_edge: float

    def plain(self) -> dict[str, Any]:
        """Everything as plain data, for provenance and reports."""
        return asdict(self)


@dataclass(frozen=True)
class Shapes:
    """What :func:`shapes` knows of every cell: angles [degree], aspect ratio, edges [m]; shape (cells,)."""

    smallest_angle: np.ndarray
    largest_angle: np.ndarray
    aspect: np.ndarray
    shortest_edge: np.ndarray
    mean_edge: np.ndarray
    longest_edge: np.ndarray
    histogram: np.ndarray


def statistics(mesh: Tessellation, cells: Shapes | None = None) -> Statistics:
    """Shapes of a mesh in numbers; ``cells`` if :func:`shapes` has run already."""
    s = cells if cells is not None else shapes(mesh)
    count = np.bincount(mesh.tags, minlength=max(mesh.regions.values(), default=0) + 1)

    def spread(values: np.ndarray) -> dict[int, float]:
        found = np.percentile(values, PERCENTILES)
        return {p: float(v) for p, v in zip(PERCENTILES, found, strict=True)}

    return Statistics(
        mesh.kind, len(mesh.cells), len(mesh.points),
        {name: int(count[tag]) for name, tag in mesh.regions.items()}, mesh.region_sizes(),
        float(s.smallest_angle.min()), float(s.largest_angle.max()), spread(s.smallest_angle),
        tuple(s.histogram.tolist()), spread(s.aspect), float(s.aspect.max()),
        float(s.shortest_edge.min()), float(s.mean_edge.mean()), float(s.longest_edge.max()),
    )  # fmt: skip


def shapes(mesh: Tessellation) -> Shapes:
    """Angles, aspect ratio and edges of every cell; definitions at :class:`Statistics`.

    A cell without volume has the smallest angle 0 and an infinite aspect ratio.
    """
    points = np.zeros((len(mesh.points), 3))
    points[:, : mesh.points.shape[1]] = mesh.points
    cells = np.ascontiguousarray(mesh.cells, np.int32)
    out = np.empty((6, len(cells)))
    histogram = np.zeros(round(180 / BIN), np.int64)
    if mesh.kind == "tetra":
        _tetrahedra(points, cells, out, histogram)
    elif mesh.kind == "triangle":
        _triangles(points, cells, out, histogram)
    else:
        _boxes(points, cells[:, list(SPAN[mesh.kind])], out, histogram)
    low, high, ratio, *lengths = out
    return Shapes(low, high, ratio, lengths[0], lengths[1], lengths[2], histogram)


@numba.njit(cache=True, inline="always")
def _dot(a, b):  # type: ignore[no-untyped-def]
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@numba.njit(cache=True, inline="always")
def _less(a, b):  # type: ignore[no-untyped-def]
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


@numba.njit(cache=True, inline="always")
def _cross(a, b):  # type: ignore[no-untyped-def]
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@numba.njit(cache=True)
def _tetrahedra(points, cells, out, histogram):  # type: ignore[no-untyped-def]
    angle, length, normal = np.empty(6), np.empty(6), np.empty((4, 3))
    for n in range(cells.shape[0]):
        c = cells[n]
        area = 0.0
        for f in range(4):  # twice the area vectors against the corners, all outward or all inward
            a = points[c[(f + 1) % 4]]
            v = _cross(_less(points[c[(f + 2) % 4]], a), _less(points[c[(f + 3) % 4]], a))
            sign = 1.0 if f % 2 else -1.0
            for k in range(3):
                normal[f, k] = sign * v[k]
            area += 0.5 * np.sqrt(_dot(v, v))
        pair = 0
        for i in range(4):
            for j in range(i):
                edge = _less(points[c[i]], points[c[j]])
                length[pair] = np.sqrt(_dot(edge, edge))
                v, cosine = _cross(normal[i], normal[j]), -_dot(normal[i], normal[j])
                sine = np.sqrt(_dot(v, v))
                angle[pair] = np.degrees(np.arctan2(sine, cosine)) if sine > 0 or cosine != 0 else 0.0
                pair += 1
        volume = abs(_dot(normal[0], _less(points[c[1]], points[c[0]]))) / 6
        ratio = length.max() * area / (3 * volume) / (2 * np.sqrt(6.0)) if volume > 0 else np.inf
        _keep(angle, length, ratio, out, n, histogram)


@numba.njit(cache=True)
def _triangles(points, cells, out, histogram):  # type: ignore[no-untyped-def]
    angle, length = np.empty(3), np.empty(3)
    for n in range(cells.shape[0]):
        double = 0.0
        for k in range(3):
            a = points[cells[n, k]]
            u, v = _less(points[cells[n, (k + 1) % 3]], a), _less(points[cells[n, (k + 2) % 3]], a)
            w = _cross(u, v)
            double = np.sqrt(_dot(w, w))
            angle[k] = np.degrees(np.arctan2(double, _dot(u, v)))
            length[k] = np.sqrt(_dot(u, u))
        ratio = length.max() * length.sum() / double / (2 * np.sqrt(3.0)) if double > 0 else np.inf
        _keep(angle, length, ratio, out, n, histogram)


@numba.njit(cache=True)
def _keep(angle, length, ratio, out, n, histogram):  # type: ignore[no-untyped-def]
    out[0, n], out[1, n], out[2, n] = angle.min(), angle.max(), ratio
    out[3, n], out[4, n], out[5, n] = length.min(), length.mean(), length.max()
    for k in range(angle.size):
        histogram[min(int((angle[k] + 1e-9) / BIN), histogram.size - 1)] += 1


def _boxes(points: np.ndarray, corners: np.ndarray, out: np.ndarray, histogram: np.ndarray) -> None:
    """Parallelograms and parallelepipeds, from the edges at their first corner."""
    edges = points[corners[:, 1:]] - points[corners[:, :1]]
    length = np.linalg.norm(edges, axis=2)
    dim = edges.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        if dim == 2:
            u, v = edges[:, 0], edges[:, 1]
            area = np.linalg.norm(np.cross(u, v), axis=1)
            angle = np.degrees(np.arctan2(area, (u * v).sum(axis=1)))[:, None]
            height = area[:, None] / length[:, ::-1]
        else:
            normal = np.stack([np.cross(edges[:, (k + 1) % 3], edges[:, (k + 2) % 3]) for k in range(3)], 1)
            size = np.linalg.norm(normal, axis=2)
            height = np.abs((normal * edges).sum(axis=2)) / size
            cosine = [
                -(normal[:, k] * normal[:, k - 1]).sum(axis=1) / (size[:, k] * size[:, k - 1])
                for k in range(3)
            ]
            angle = np.degrees(np.arccos(np.clip(np.stack(cosine, axis=1), -1, 1)))
        angle = np.nan_to_num(np.concatenate([angle, 180 - angle], axis=1))
        ratio = length.max(axis=1) / np.nan_to_num(height).min(axis=1)
    out[0], out[1], out[2] = angle.min(axis=1), angle.max(axis=1), ratio
    out[3], out[4], out[5] = length.min(axis=1), length.mean(axis=1), length.max(axis=1)
    found, _ = np.histogram(
        np.minimum(np.repeat(angle, 2, axis=1) + 1e-9, 180.0), bins=len(histogram), range=(0, 180)
    )
    histogram += found
