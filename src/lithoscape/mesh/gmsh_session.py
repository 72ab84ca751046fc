"""Gmsh as a tool that leaves no trace: one model, the same mesh every time, NumPy arrays out.

Gmsh works in micrometres here, because OpenCASCADE's tolerance of 1e-7 is absolute. Functions that use it
run on one process and return a whole :class:`.tessellation.Tessellation`; under MPI call them on one rank.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..errors import SolveError
from .tessellation import CORNERS, Kind, Tessellation, cell_sizes

UNIT = 1e-6
"""Length in m of one unit of the model."""

OPTIONS: Mapping[str, float] = {
    "General.Terminal": 0,
    "General.NumThreads": 1,  # with several, the order of nodes depends on who is first
    "Mesh.RandomSeed": 1,
    "Mesh.RandomFactor": 1e-9,
    "Mesh.RandomFactor3D": 1e-12,
    "Mesh.Algorithm": 6,  # frontal Delaunay
    "Mesh.Algorithm3D": 1,  # Delaunay
    "Mesh.ElementOrder": 1,
    "Mesh.MeshSizeFromPoints": 0,  # sizes come from fields alone
    "Mesh.MeshSizeFromCurvature": 0,
    "Mesh.MeshSizeExtendFromBoundary": 0,
    "Mesh.Optimize": 1,
    "Mesh.OptimizeNetgen": 1,
}

_GMSH_KIND: Mapping[int, tuple[int, Kind]] = {2: (2, "triangle"), 3: (4, "tetra")}
"""Dimension -> Gmsh's type of element, and ours."""

PRECISION = 1e-4
"""Of the division of curves into edges; with Gmsh's own 1e-9 that takes most of the time."""

Regions = Mapping[str, Sequence[int]]
"""Name -> tags of the surfaces (2D) or volumes (3D) of the model."""


@contextmanager
def session(name: str, precision: float = PRECISION) -> Iterator[Any]:
    """The gmsh module with an empty model and :data:`OPTIONS`; a session of the caller survives.

    ``precision`` is that of the division of curves: another one places nodes elsewhere.
    """
    import gmsh

    options = {**OPTIONS, "Mesh.LcIntegrationPrecision": precision}

    own = not gmsh.isInitialized()
    if own:
        gmsh.initialize(interruptible=False)
    before = {} if own else {key: gmsh.option.getNumber(key) for key in options}
    current = None if own else gmsh.model.getCurrent()
    try:
        for key, value in options.items():
            gmsh.option.setNumber(key, value)
        gmsh.model.add(name)
        yield gmsh
    finally:
        if own:
            gmsh.finalize()
        else:
            gmsh.model.remove()
            gmsh.model.setCurrent(current)
            for key, value in before.items():
                gmsh.option.setNumber(key, value)


def neighbours(gmsh: Any, regions: Regions, dim: int) -> dict[int, tuple[str, ...]]:
    """Names of the regions on both sides of every surface (3D) or curve (2D), in order of the alphabet."""
    owner = {tag: name for name, tags in regions.items() for tag in tags}
    faces = gmsh.model.getEntities(dim - 1)
    return {
        tag: tuple(sorted(owner[t] for t in gmsh.model.getAdjacencies(dim - 1, tag)[0] if t in owner))
        for _, tag in faces
    }


def mesh_model(gmsh: Any, regions: Regions, dim: int, provenance: Mapping[str, Any]) -> Tessellation:
    """Mesh the model and take the cells of ``regions``, in m; no facet has a name yet.

    Raises
    ------
    SolveError
        Gmsh gives up, or returns inverted or empty cells.
    """
    try:
        gmsh.model.mesh.generate(dim)
    except Exception as error:  # gmsh raises plain Exception
        raise _failed(str(error)) from error
    element, kind = _GMSH_KIND[dim]
    tags, coordinates, _ = gmsh.model.mesh.getNodes()
    blocks, labels = [], []
    present = {name: members for name, members in regions.items() if len(members)}
    for label, members in enumerate(present.values(), start=1):
        for entity in members:
            nodes = gmsh.model.mesh.getElementsByType(element, entity)[1]
            blocks.append(nodes.reshape(-1, CORNERS[kind]))
            labels.append(np.full(len(blocks[-1]), label, np.int32))
    used, cells = np.unique(np.concatenate(blocks), return_inverse=True)
    place = np.empty(int(tags.max()) + 1, np.int64)
    place[tags] = np.arange(len(tags))
    points = np.asarray(coordinates).reshape(-1, 3)[place[used], :dim] * UNIT
    cells = _oriented(kind, points, cells.reshape(-1, CORNERS[kind]).astype(np.int32))
    names = {name: label for label, name in enumerate(present, start=1)}
    origin = {"route": "gmsh", "gmsh": gmsh.__version__, **provenance}
    return Tessellation(kind, points, cells, np.concatenate(labels), names, provenance=origin)


def _oriented(kind: Kind, points: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Cells with positive size; Gmsh orients those of a plane with its normal, which may point down."""
    size = cell_sizes(kind, points, cells)
    if kind == "triangle":
        cells[size < 0] = cells[size < 0][:, [0, 2, 1]]
        size = np.abs(size)
    if not (size > 0).all():
        raise _failed(f"{int((size <= 0).sum())} inverted or empty cells")
    return cells


def _failed(why: str) -> SolveError:
    return SolveError(
        f"Gmsh could not mesh the geometry: {why}", field="sizing",
        remedy="Give smaller cells, or avoid parts that nearly touch",
    )  # fmt: skip


def stack_planes(extents: Sequence[float], centred: bool = False) -> dict[str, tuple[int, float]]:
    """Planes of a box of these extents [m]: name -> (axis, coordinate [m]).

    The last axis is the through-plane one and starts at the counter electrode: "negative" and "positive"
    are its ends; the others end in "side x low", "side x high" and, in 3D, "side y low", "side y high".
    """
    last = len(extents) - 1
    shift = 0.5 if centred else 0.0
    planes = {
        "negative": (last, -shift * extents[last]),
        "positive": (last, (1 - shift) * extents[last]),
    }
    for axis, extent in enumerate(extents[:last]):
        planes[f"side {'xy'[axis]} low"] = (axis, -shift * extent)
        planes[f"side {'xy'[axis]} high"] = (axis, (1 - shift) * extent)
    return planes
