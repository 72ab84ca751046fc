"""A plane section drawn along the second axis: prisms, each cut into three tetrahedra."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .cad_checks import counted, positive
from .tessellation import Tessellation, cell_sizes


def sweep(section: Tessellation, length: float, cells: int) -> Tessellation:
    """Tetrahedra over ``section`` times ``length``; (x, y) becomes (x, z), regions keep their names.

    Every quadrilateral side is cut by the diagonal from its lower numbered corner, so neighbours agree.

    Parameters
    ----------
    section:
        Triangles; the names of its facets are not kept.
    length:
        Along the new axis y [m].
    cells:
        Layers of cells along it.

    Raises
    ------
    InputError
        A length that is not positive, no layer.
    """
    positive("length", length)
    counted("cells_along", cells)
    n = len(section.points)
    y = np.linspace(0.0, length, cells + 1)
    points = np.empty((cells + 1, n, 3))
    points[:, :, 0], points[:, :, 2] = section.points.T
    points[:, :, 1] = y[:, None]
    low = np.sort(section.cells, axis=1)
    a, b, c = low.T
    d, e, f = (low + n).T
    tets = np.stack([[a, b, c, f], [a, b, e, f], [a, d, e, f]]).transpose(2, 0, 1).reshape(-1, 4)
    all_cells = (tets[None] + n * np.arange(cells)[:, None, None]).reshape(-1, 4).astype(np.int32)
    flat = points.reshape(-1, 3)
    inverted = cell_sizes("tetra", flat, all_cells) < 0
    all_cells[inverted] = all_cells[inverted][:, [0, 1, 3, 2]]
    return replace(
        section,
        kind="tetra", points=flat, cells=all_cells, tags=np.tile(np.repeat(section.tags, 3), cells),
        facets=np.empty((0, 3), np.int32), facet_tags=np.empty(0, np.int32), boundaries={}, interfaces={},
        cell_data={},
    )  # fmt: skip
