"""What the tests of CAD meshes ask of every one of them."""

import numpy as np

from lithoscape.mesh.shape import statistics
from lithoscape.mesh.tessellation import Tessellation, facets_of

UM = 1e-6


def prove(
    mesh: Tessellation, extents: tuple[float, ...] | None, least_angle: float, low: float = 0.0
) -> None:
    """Cells fill the box once, every outer facet and every interface has its name, angles are not flat."""
    assert mesh.sizes().min() > 0
    corners, first, second = facets_of(mesh.kind, mesh.cells)
    named = dict(
        zip(map(tuple, np.sort(mesh.facets, axis=1).tolist()), mesh.facet_tags.tolist(), strict=True)
    )
    outer = {tuple(f) for f in np.sort(corners[second < 0], axis=1).tolist()}
    between = (second >= 0) & (mesh.tags[first] != mesh.tags[second])
    inner = {tuple(f) for f in np.sort(corners[between], axis=1).tolist()}
    assert set(named) == outer | inner
    assert {named[f] for f in outer} == set(mesh.boundaries.values())
    assert {named[f] for f in inner} == set(mesh.interfaces.values())
    assert set(np.unique(mesh.tags).tolist()) == set(mesh.regions.values())
    assert statistics(mesh).smallest_angle > least_angle
    if extents is not None:
        _fill(mesh, extents, low)


def _fill(mesh: Tessellation, extents: tuple[float, ...], low: float) -> None:
    whole = float(np.prod(extents))
    hollow = "void" in mesh.boundaries
    assert hollow or abs(sum(mesh.region_sizes().values()) / whole - 1) < 1e-12
    start = low * np.array(extents)
    assert np.abs(mesh.points.min(axis=0) - start).max() < 1e-12 * max(extents)
    assert np.abs(mesh.points.max(axis=0) - start - extents).max() < 1e-12 * max(extents)
    last = len(extents) - 1
    planes = {"negative": last, "positive": last}
    planes |= {f"side {'xy'[k]} {end}": k for k in range(last) for end in ("low", "high")}
    areas = mesh.facet_sizes()
    assert set(mesh.boundaries) - {"void"} == set(planes)
    for name, axis in planes.items():
        assert abs(areas[name] / (whole / extents[axis]) - 1) < 1e-12
        tag = mesh.boundaries[name]
        level = mesh.points[mesh.facets[mesh.facet_tags == tag], axis]
        high = name == "positive" or name.endswith("high")
        assert np.abs(level - start[axis] - high * extents[axis]).max() < 1e-12 * max(extents)


def same(a: Tessellation, b: Tessellation) -> bool:
    """Whether two meshes are the same arrays and names."""
    arrays = ("points", "cells", "tags", "facets", "facet_tags")
    names = ("kind", "regions", "boundaries", "interfaces", "provenance")
    equal = all(np.array_equal(getattr(a, k), getattr(b, k)) for k in arrays)
    return equal and all(getattr(a, k) == getattr(b, k) for k in names)


def longest_edges(mesh: Tessellation) -> np.ndarray:
    """Of every cell, shape (cells,) [m]."""
    x = mesh.points[mesh.cells]
    pairs = [(i, j) for i in range(x.shape[1]) for j in range(i)]
    return np.max([np.linalg.norm(x[:, i] - x[:, j], axis=1) for i, j in pairs], axis=0)


def middles(mesh: Tessellation) -> np.ndarray:
    """Of the cells, shape (cells, dim) [m]."""
    return mesh.points[mesh.cells].mean(axis=1)


def mean_edge(mesh: Tessellation, name: str) -> float:
    """Of the facets of a boundary or interface [m]."""
    x = mesh.points[mesh.facets[mesh.facet_tags == {**mesh.boundaries, **mesh.interfaces}[name]]]
    return float(np.mean([np.linalg.norm(x[:, k] - x[:, k - 1], axis=1).mean() for k in range(x.shape[1])]))


def order(sizes: list[float], errors: list[float]) -> float:
    """Least-squares slope of the errors over the sizes, both logarithmic."""
    return float(np.polyfit(np.log(sizes), np.log(np.abs(errors)), 1)[0])
