"""Facets of a tessellation anew, after its regions or its names have changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from .tessellation import FACETS, Tessellation


def with_interfaces(mesh: Tessellation, boundaries: Mapping[str, np.ndarray] | None = None) -> Tessellation:
    """A copy whose interfaces follow from its regions, with boundaries of its own.

    Parameters
    ----------
    mesh:
        Its interfaces are not looked at.
    boundaries:
        Name -> corners of the facets, shape (facets, corners of a facet); by default those of the mesh.

    Raises
    ------
    ValueError
        A facet that belongs to more than two cells.
    """
    if boundaries is None:
        boundaries = {name: mesh.facets[mesh.facet_tags == tag] for name, tag in mesh.boundaries.items()}
    derived = mesh.with_facets({})
    width = len(FACETS[mesh.kind][0])
    outer = [np.asarray(corners).reshape(-1, width) for corners in boundaries.values()]
    tags = [np.full(len(corners), k, np.int32) for k, corners in enumerate(outer, start=1)]
    shift = len(outer)
    return replace(
        derived,
        facets=np.concatenate([*outer, derived.facets.reshape(-1, width)]).astype(np.int32),
        facet_tags=np.concatenate([*tags, derived.facet_tags + shift]).astype(np.int32),
        boundaries={name: k for k, name in enumerate(boundaries, start=1)},
        interfaces={name: tag + shift for name, tag in derived.interfaces.items()},
    )


def matched(facets: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Row of ``among`` that has the same corners in any order, or -1; shape (facets,)."""
    rows = np.concatenate([np.sort(among, axis=1), np.sort(facets, axis=1)]).astype(np.int64)
    _, number = np.unique(rows, axis=0, return_inverse=True)
    number = number.ravel()
    row = np.full(number.max(initial=-1) + 1, -1, np.int64)
    row[number[: len(among)]] = np.arange(len(among))
    return row[number[len(among) :]]
