"""Which cells conduct from where: parts of a phase that hang together by their facets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .facets import matched
from .tessellation import Tessellation


@dataclass(frozen=True)
class Connection:
    """How the regions of a role are connected to a boundary, through facets that their cells share.

    Parameters
    ----------
    regions:
        Names of the regions, together one conductor.
    source:
        The boundary from which current comes.
    parts:
        Number of connected parts.
    cells, size:
        Those that are connected to ``source``, their volume [m3] or area [m2].
    pockets, pocket_cells, pocket_size:
        Parts that are not, their cells and volume.
    through:
        Whether a part at ``source`` reaches the other boundary; None if the mesh has no other.
    """

    regions: tuple[str, ...]
    source: str
    parts: int
    cells: int
    size: float
    pockets: int
    pocket_cells: int
    pocket_size: float
    through: bool | None


@dataclass(frozen=True)
class Neighbours:
    """Facets of a mesh with the cells on both sides: ``first`` and ``second``, the latter -1 outside."""

    corners: np.ndarray
    first: np.ndarray
    second: np.ndarray


def connection(
    mesh: Tessellation, facets: Neighbours, regions: Sequence[str], source: str, target: str | None
) -> tuple[Connection, np.ndarray]:
    """How ``regions`` hang together from the boundary ``source`` to ``target``, and the cells that do not.

    Returns
    -------
    Connection
        The figures.
    numpy.ndarray
        Cells of the regions without a path to ``source``, by parts: 0 for all other cells, and 1 to the
        number of pockets; shape (cells,), int32.
    """
    inside = np.isin(mesh.tags, [mesh.regions[name] for name in regions])
    label, count = _parts(facets, inside)
    held = np.zeros(count, bool)
    held[label[_beside(mesh, facets, source, inside)]] = True
    reached = np.zeros(count, bool)
    if target is not None:
        reached[label[_beside(mesh, facets, target, inside)]] = True
    number = np.where(held, 0, np.cumsum(~held)).astype(np.int32)
    pocket = np.zeros(len(mesh.cells), np.int32)
    pocket[inside] = number[label[inside]]
    size = mesh.sizes()
    apart, joined = pocket > 0, inside & (pocket == 0)
    figures = Connection(
        tuple(regions), source, count, int(joined.sum()), float(size[joined].sum()), int((~held).sum()),
        int(apart.sum()), float(size[apart].sum()),
        bool((held & reached).any()) if target is not None else None,
    )  # fmt: skip
    return figures, pocket


def _parts(facets: Neighbours, inside: np.ndarray) -> tuple[np.ndarray, int]:
    """Number of the part of every cell inside (-1 elsewhere), and how many there are."""
    both = facets.second >= 0
    first, second = facets.first[both], facets.second[both]
    link = inside[first] & inside[second]
    row = np.cumsum(inside) - 1
    n = int(inside.sum())
    entries = (np.ones(int(link.sum()), bool), (row[first[link]], row[second[link]]))
    count, found = connected_components(coo_array(entries, shape=(n, n)).tocsr(), directed=False)
    label = np.full(len(inside), -1, np.int64)
    label[inside] = found
    return label, int(count) if n else 0


def _beside(mesh: Tessellation, facets: Neighbours, boundary: str, inside: np.ndarray) -> np.ndarray:
    """Cells inside with a facet on a boundary."""
    outer = np.flatnonzero(facets.second < 0)
    named = mesh.facets[mesh.facet_tags == mesh.boundaries[boundary]]
    rows = matched(named, facets.corners[outer])
    cells = facets.first[outer[rows[rows >= 0]]]
    return cells[inside[cells]]
