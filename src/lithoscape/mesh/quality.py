"""The gate before a computation: shapes, fit, names and connections of a mesh.

``check(mesh, box=(low, high), min_dihedral=5.0)`` returns a :class:`Report` or raises a ``MeshError`` that
lists every fault; ``statistics(mesh)`` gives the shapes alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from scipy.spatial import cKDTree

from ..errors import InputError, MeshError, nearest
from .connected import Connection, Neighbours, connection
from .facets import with_interfaces
from .shape import Shapes, Statistics, shapes, statistics
from .tessellation import FACETS, Tessellation, facets_of

__all__ = ["Report", "check", "statistics"]

Disconnected = Literal["refuse", "drop", "keep"]
ELECTROLYTE = ("pore", "electrolyte", "separator")
"""Names of regions that conduct ions."""
CONDUCTOR = ("active", "binder")
"""Names of regions that conduct electrons."""
SEPARATORS = ("separator", "counter electrode", "negative")
"""Names of the boundary from which ions come, the likelier first."""
COLLECTORS = ("collector", "positive")
"""Names of the boundary from which electrons come."""
INACTIVE = "inactive"
"""Region of cells that were dropped."""

_PLACES = 3
"""How many places a fault names."""


WITHOUT = {"ions": " without ions", "electrons": " without electrons"}
"""What the names of regions end with that conduct only in one of their two ways."""


@dataclass(frozen=True)
class Report:
    """What :func:`check` found in a mesh that it let pass.

    Parameters
    ----------
    mesh:
        The mesh, with pockets in a region of their own if they were dropped.
    statistics:
        Shapes of its cells.
    electrolyte, conductor:
        How the phases hang together; None if the mesh has none of the regions, or not the boundary.
    dropped_cells, dropped_size:
        Cells that went to the region ``"inactive"``, and their volume [m3] or area [m2].
    notes:
        What is cut off, whether it was kept or dropped.
    """

    mesh: Tessellation
    statistics: Statistics
    electrolyte: Connection | None
    conductor: Connection | None
    dropped_cells: int = 0
    dropped_size: float = 0.0
    notes: tuple[str, ...] = ()


def check(
    mesh: Tessellation,
    *,
    box: tuple[Sequence[float], Sequence[float]] | None = None,
    min_dihedral: float = 0.0,
    electrolyte: Sequence[str] | None = None,
    conductor: Sequence[str] | None = None,
    on_disconnected: Disconnected = "refuse",
    through: bool = True,
) -> Report:
    """Let a mesh pass that can be computed on, or list everything that is wrong with it.

    Parameters
    ----------
    mesh:
        What is checked. Its cells are compared as they are: nothing is repaired.
    box:
        Lower and upper corner of the box that the cells fill, in the coordinates of the mesh [m]. Without it
        neither the sum of volumes nor the outer facets are checked.
    min_dihedral:
        Smallest angle that is allowed [degree], see :class:`Statistics`.
    electrolyte, conductor:
        Regions that conduct ions, and electrons; by default those of the mesh among :data:`ELECTROLYTE` and
        :data:`CONDUCTOR`. Ions come from the boundary ``"separator"`` (or ``"negative"``), electrons from
        ``"collector"`` (or ``"positive"``).
    on_disconnected:
        What becomes of cells without a path to that boundary: ``"refuse"`` the mesh, ``"drop"`` them into a
        region ``"inactive"`` that conducts nothing and belongs to no phase (the volume of the mesh stays,
        that of the phase shrinks; a phase of both roles that lacks one path goes to the region ``"NAME
        without ions"`` or ``"NAME without electrons"``), or ``"keep"`` them, which makes their potential
        undetermined. A role that starts nowhere or does not go through is refused; with ``"keep"`` that is
        noted, too.
    through:
        Whether the electrolyte must also reach the boundary of the electrons.

    Returns
    -------
    Report
        Figures, and the mesh that is to be used.

    Raises
    ------
    MeshError
        All faults at once, each with its number and the places of the first ones.
    InputError
        A region that the mesh lacks, or an option that there is not.
    """
    if on_disconnected not in get_args(Disconnected):
        raise InputError(
            "there is no such way to treat cells without a path", field="on_disconnected",
            value=on_disconnected, remedy=nearest(str(on_disconnected), get_args(Disconnected)),
        )  # fmt: skip
    ions = _regions(mesh, "electrolyte", electrolyte, ELECTROLYTE)
    electrons = _regions(mesh, "conductor", conductor, CONDUCTOR)
    cells = shapes(mesh)
    faults = [*_names(mesh), *_points(mesh), *_shapes(mesh, cells, min_dihedral)]
    try:
        facets = Neighbours(*facets_of(mesh.kind, mesh.cells))
    except ValueError:
        raise _refused([*faults, _crowded(mesh)]) from None
    if box is not None:
        faults += _fit(mesh, facets, *(np.asarray(corner, float) for corner in box))
    near, far = _boundary(mesh, SEPARATORS), _boundary(mesh, COLLECTORS)
    found = [
        connection(mesh, facets, names, source, target)
        for names, source, target in ((ions, near, far if through else None), (electrons, far, None))
        if names and source is not None
    ]
    unfit = _unfit([each for each, _ in found])
    lost, notes = _cut_off(mesh, found, on_disconnected, faults)
    halves = _one_path(mesh, found, lost) if on_disconnected == "drop" else {}
    (notes if on_disconnected == "keep" else faults).extend(unfit)
    if faults:
        raise _refused(faults)
    size = float(mesh.sizes()[lost].sum())
    passed = _dropped(_parted(mesh, halves), lost, size)
    by_role = {each.source: each for each, _ in found}
    return Report(
        passed, statistics(passed, cells), by_role.get(near or ""), by_role.get(far or ""),
        int(lost.sum()), size, tuple(notes),
    )  # fmt: skip


def _regions(
    mesh: Tessellation, field: str, names: Sequence[str] | None, known: Sequence[str]
) -> tuple[str, ...]:
    """Regions of a role: those given, which must exist, or those of the mesh that are known."""
    if names is None:
        return tuple(name for name in known if name in mesh.regions)
    for name in [names] if isinstance(names, str) else names:
        if name not in mesh.regions:
            raise InputError(
                "the mesh has no such region", field=field, value=name,
                remedy=nearest(name, list(mesh.regions)),
            )  # fmt: skip
    return (names,) if isinstance(names, str) else tuple(names)


def _boundary(mesh: Tessellation, names: Sequence[str]) -> str | None:
    return next((name for name in names if name in mesh.boundaries), None)


def _refused(faults: Sequence[str]) -> MeshError:
    count = "a fault" if len(faults) == 1 else f"{len(faults)} faults"
    return MeshError(
        f"the mesh has {count}: " + "; ".join(faults), field="mesh",
        remedy="Mesh again with other sizes, or treat the image first",
    )  # fmt: skip


def _at(places: np.ndarray) -> str:
    """The first of the places, shape (places, dimension) [m], in micrometres."""
    texts = ["(" + ", ".join(f"{1e6 * x:.4g}" for x in place) + ")" for place in places[:_PLACES]]
    return f" at {', '.join(texts)} um" + (" and elsewhere" if len(places) > _PLACES else "")


def _middles(mesh: Tessellation, cells: np.ndarray) -> np.ndarray:
    """Middle of the first few of the cells that a mask or indices select."""
    rows = np.flatnonzero(cells) if cells.dtype == bool else cells
    return np.asarray(mesh.points[mesh.cells[rows[: _PLACES + 1]]].mean(axis=1))


def _names(mesh: Tessellation) -> list[str]:
    """Tags without names and names without cells or facets."""
    faults = []
    lost = ~np.isin(mesh.tags, list(mesh.regions.values()))
    if lost.any():
        faults.append(f"{int(lost.sum())} cells belong to no named region" + _at(_middles(mesh, lost)))
    tables = {"region": (mesh.regions, mesh.tags), "boundary": (mesh.boundaries, mesh.facet_tags)}
    tables["interface"] = (mesh.interfaces, mesh.facet_tags)
    for kind, (names, tags) in tables.items():
        if empty := [name for name, tag in names.items() if not (tags == tag).any()]:
            faults.append(f"nothing has the tag of the {kind} {', '.join(map(repr, empty))}")
    named = [*mesh.boundaries.values(), *mesh.interfaces.values()]
    strange = ~np.isin(mesh.facet_tags, named)
    if strange.any():
        faults.append(f"{int(strange.sum())} facets have a tag without a name")
    return faults


def _points(mesh: Tessellation) -> list[str]:
    """Points that no cell uses, and points at the same place."""
    faults = []
    used = np.zeros(len(mesh.points), bool)
    used[mesh.cells.ravel()] = True
    if not used.all():
        spare = mesh.points[~used]
        faults.append(f"{len(spare)} points belong to no cell" + _at(spare))
    reach = float(np.ptp(mesh.points, axis=0).max()) * 1e-9
    pairs = cKDTree(mesh.points).query_pairs(reach, output_type="ndarray")
    if len(pairs):
        faults.append(f"{len(pairs)} pairs of points lie at one place" + _at(mesh.points[pairs[:, 0]]))
    return faults


def _shapes(mesh: Tessellation, cells: Shapes, least: float) -> list[str]:
    """Cells that are inverted, flat, or slivers."""
    size = mesh.sizes() if mesh.points.shape[1] == mesh.dim else np.abs(mesh.sizes())
    flat = np.abs(size) <= 1e-9 * cells.longest_edge**mesh.dim
    inverted = (size < 0) & ~flat
    sliver = (cells.smallest_angle < least) & ~flat
    worst = cells.smallest_angle.min(where=sliver, initial=180.0)
    told = {
        "cells are inverted": inverted,
        "cells have no volume": flat,
        f"cells have an angle below {least:g} degrees (the smallest is {worst:.3g})": sliver,
    }
    return [
        f"{int(mask.sum())} {text}" + _at(_middles(mesh, mask)) for text, mask in told.items() if mask.any()
    ]


def _crowded(mesh: Tessellation) -> str:
    """The fault of facets that more than two cells share; slow, since hardly ever needed."""
    corners = np.concatenate([mesh.cells[:, list(facet)] for facet in FACETS[mesh.kind]])
    facets, count = np.unique(np.sort(corners, axis=1), axis=0, return_counts=True)
    crowded = facets[count > 2]
    middle = mesh.points[crowded[: _PLACES + 1]].mean(axis=1)
    return f"{len(crowded)} facets belong to more than two cells" + _at(middle)


def _fit(mesh: Tessellation, facets: Neighbours, low: np.ndarray, high: np.ndarray) -> list[str]:
    """Whether the cells fill the box, and nothing but the box."""
    faults = []
    whole, total = float(np.prod(high - low)), float(mesh.sizes().sum())
    if abs(total - whole) > 1e-12 * whole:
        faults.append(
            f"the cells fill {total:.12g} of the box of {whole:.12g} (relative difference "
            f"{total / whole - 1:.2g})"
        )
    corners = facets.corners[facets.second < 0]
    place = mesh.points[corners]
    reach = float((high - low).max()) * 1e-9
    on = (np.abs(place - low) <= reach).all(axis=1) | (np.abs(place - high) <= reach).all(axis=1)
    off = ~on.any(axis=1)
    if off.any():
        faults.append(
            f"{int(off.sum())} outer facets lie on no plane of the box" + _at(place[off].mean(axis=1))
        )
    return faults


def _unfit(found: Iterable[Connection]) -> list[str]:
    """Roles that start nowhere, or do not go through."""
    faults = []
    for each in found:
        names = " + ".join(each.regions)
        if not each.cells:
            faults.append(f"no cell of {names} touches the boundary {each.source!r}")
        elif each.through is False:
            faults.append(f"{names} does not percolate from {each.source!r} to the other side")
    return faults


def _cut_off(
    mesh: Tessellation, found: Sequence[tuple[Connection, np.ndarray]], way: Disconnected, faults: list[str]
) -> tuple[np.ndarray, list[str]]:
    """Cells to be dropped, and what is to be noted; what must not be goes to ``faults``."""
    member = np.zeros(len(mesh.cells), bool)
    connected = np.zeros(len(mesh.cells), bool)
    texts = []
    for each, pocket in found:
        inside = np.isin(mesh.tags, [mesh.regions[name] for name in each.regions])
        member |= inside
        connected |= inside & (pocket == 0)
        if each.pockets and each.cells:
            _, first = np.unique(pocket, return_index=True)
            texts.append(
                f"{each.pockets} part{'s'[: each.pockets > 1]} of {' + '.join(each.regions)} "
                f"({each.pocket_cells} cells, {each.pocket_size:.4g} m{mesh.dim}) "
                f"{'have' if each.pockets > 1 else 'has'} no path to {each.source!r}"
                + _at(_middles(mesh, np.delete(first, 0) if (pocket == 0).any() else first))
            )
    lost = member & ~connected
    if way == "refuse":
        faults += texts
    return (lost if way == "drop" else np.zeros_like(lost)), (texts if way != "refuse" else [])


def _one_path(
    mesh: Tessellation, found: Sequence[tuple[Connection, np.ndarray]], lost: np.ndarray
) -> dict[str, np.ndarray]:
    """Cells of a phase of both roles that lack the path of one: name of their region -> which."""
    halves = {}
    for each, pocket in found:
        suffix = WITHOUT["electrons" if each.source in COLLECTORS else "ions"]
        for name in each.regions:
            cells = (pocket > 0) & ~lost & (mesh.tags == mesh.regions[name])
            if cells.any():
                halves[name + suffix] = cells
    return halves


def _parted(mesh: Tessellation, parts: Mapping[str, np.ndarray]) -> Tessellation:
    """The mesh with some cells in regions of their own."""
    if not parts:
        return mesh
    tags, regions = mesh.tags.copy(), dict(mesh.regions)
    for name, cells in parts.items():
        regions.setdefault(name, max(regions.values()) + 1)
        tags[cells] = regions[name]
    regions = {name: tag for name, tag in regions.items() if (tags == tag).any()}
    return with_interfaces(replace(mesh, tags=tags, regions=regions))


def _dropped(mesh: Tessellation, lost: np.ndarray, size: float) -> Tessellation:
    """The mesh with the lost cells in a region of their own; regions that lost all are gone."""
    if not lost.any():
        return mesh
    new = mesh.regions.get(INACTIVE, max(mesh.regions.values()) + 1)
    tags = np.where(lost, new, mesh.tags).astype(np.int32)
    regions = {**mesh.regions, INACTIVE: new}
    regions = {name: tag for name, tag in regions.items() if (tags == tag).any()}
    provenance = {**mesh.provenance, INACTIVE: {"cells": int(lost.sum()), "size": size}}
    return with_interfaces(replace(mesh, tags=tags, regions=regions, provenance=provenance))
