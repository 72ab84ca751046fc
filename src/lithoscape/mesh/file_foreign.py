"""Meshes of other programs: their tags become regions by what the user says, or by the names in the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, nearest
from .facets import matched, with_interfaces
from .file_content import FACET_KIND, TAG_ARRAYS, Content, Part, joined
from .outer import box_planes
from .tessellation import CORNERS, DIMENSION, Kind, Tessellation, facets_of

Which = int | str | Sequence[int | str]
"""A tag, a physical name, or several of them."""

_SPACE = ("tetra", "hexahedron", "wedge", "pyramid", "voxel")
_TURNED: Mapping[Kind, tuple[int, ...]] = {
    "triangle": (0, 2, 1), "quad": (0, 3, 2, 1), "tetra": (0, 2, 1, 3),
    "hexahedron": (4, 5, 6, 7, 0, 1, 2, 3),
}  # fmt: skip
"""Order of the corners that makes an inverted cell a proper one."""


@dataclass(frozen=True)
class Reading:
    """How a foreign file is to be understood; see :func:`~lithoscape.mesh.files.read_mesh`."""

    regions: Mapping[str, Which] | None
    boundaries: Mapping[str, Which] | None
    unit: float
    through: int
    collector: str
    array: str | None


def foreign_mesh(content: Content, path: Path, how: Reading) -> Tessellation:
    """The tessellation of a file that Lithoscape did not write."""
    kind = _kind(content.parts, path)
    cells = _with_array(joined(list(content.parts), kind), how.array, path)
    facets = _with_array(joined(list(content.parts), FACET_KIND[kind]), how.array, path, optional=True)
    dim = DIMENSION[kind]
    if how.through >= dim:
        raise InputError(
            "a mesh in the plane has the coordinates 0 and 1", field="through", value=how.through,
            remedy="Give 0 or 1",
        )  # fmt: skip
    regions, tags = _regions(cells, content.names.get(dim, {}), how.regions, path)
    points, corners, edge = _used(content.points, cells.cells, facets.cells, path)
    points = _plane(points, path) if dim == 2 else points
    mesh = Tessellation(kind, points * how.unit, corners, tags, regions, cell_data=cells.columns)
    _require_boxes(mesh, path)
    inverted = mesh.sizes() < 0
    corners[inverted] = corners[inverted][:, list(_TURNED[kind])]
    notes = [f"{int(inverted.sum())} inverted cells were turned"] if inverted.any() else []
    mesh = replace(mesh, cells=corners)
    facets = Part(facets.kind, edge, facets.tags)
    mesh, more = _with_boundaries(mesh, facets, content.names.get(dim - 1, {}), how, path)
    provenance: dict[str, Any] = {"route": "file", "file": path.name, "length_unit": how.unit}
    return replace(mesh, provenance={**provenance, "notes": [*notes, *more]})


def _kind(parts: Sequence[Part], path: Path) -> Kind:
    """The only kind of cell of the highest dimension."""
    count: dict[str, int] = {}
    for part in parts:
        count[part.kind] = count.get(part.kind, 0) + len(part.cells)
    count = {kind: n for kind, n in count.items() if n}
    solid = [kind for kind in count if kind.startswith(_SPACE)]
    flat = [kind for kind in count if kind.startswith(("triangle", "quad"))]
    found = solid or flat
    if not found:
        raise InputError(
            "the file has no cells that fill a volume or an area", field="path", value=(path.name, count),
            remedy="Export the volume mesh, not the surface or the geometry",
        )  # fmt: skip
    if len(found) > 1 or found[0] not in CORNERS:
        raise InputError(
            "all cells must be of one kind", field="path", value=(path.name, {k: count[k] for k in found}),
            remedy=f"Export first-order cells of one kind: {', '.join(CORNERS)}",
        )  # fmt: skip
    kind: Kind = found[0]  # type: ignore[assignment]
    return kind


def _with_array(part: Part, array: str | None, path: Path, *, optional: bool = False) -> Part:
    """``part`` with the tags of the named array; if it has none yet, of the array that must be meant."""
    if array is None or (optional and array not in part.columns):
        array = None if part.tags.any() else _likely(part.columns, optional)
        if array is None:
            return part
    if array not in part.columns:
        raise InputError(
            f"the cells of {path.name} have no values of this name", field="array", value=array,
            remedy=nearest(array, list(part.columns)),
        )  # fmt: skip
    if not _is_whole(part.columns[array]):
        raise InputError(
            "tags are whole numbers", field="array", value=array,
            remedy=f"Such arrays are {[name for name, v in part.columns.items() if _is_whole(v)]}",
        )  # fmt: skip
    rest = {name: v for name, v in part.columns.items() if name != array}
    return replace(part, tags=np.asarray(part.columns[array]).astype(np.int64), columns=rest)


def _likely(columns: Mapping[str, np.ndarray], optional: bool) -> str | None:
    """The array that a program keeps tags in, else the only one of integers, else of whole numbers."""
    integers = [name for name, v in columns.items() if np.asarray(v).dtype.kind in "iu"]
    likely = [name for name in TAG_ARRAYS if name in columns][:1] or integers
    likely = likely or [name for name, v in columns.items() if _is_whole(v)]
    if len(likely) > 1 and not optional:
        raise InputError(
            "several arrays could be the tags of the cells", field="array", value=likely,
            remedy="Name one of them by array",
        )  # fmt: skip
    return likely[0] if len(likely) == 1 else None


def _is_whole(values: np.ndarray) -> bool:
    values = np.asarray(values)
    return values.dtype.kind in "iu" or bool(np.isfinite(values).all() and (values == np.rint(values)).all())


def _regions(
    cells: Part, names: Mapping[str, int], wanted: Mapping[str, Which] | None, path: Path
) -> tuple[dict[str, int], np.ndarray]:
    """Names and tags from 1 up; every cell must get one."""
    values, count = np.unique(cells.tags, return_counts=True)
    found = dict(zip(values.tolist(), count.tolist(), strict=True))
    if wanted is None:
        wanted = {name: tag for name, tag in names.items() if tag in found}
    told = _told(found, names)
    table, tags = {}, np.zeros(len(cells.tags), np.int32)
    for number, (name, which) in enumerate(wanted.items(), start=1):
        for tag in _resolve(which, names, found, f"regions.{name}", told):
            here = cells.tags == tag
            if tags[here].any():
                raise InputError(
                    "one tag is given to two regions", field=f"regions.{name}", value=tag,
                    remedy="Give it to one of them",
                )  # fmt: skip
            tags[here] = number
        table[name] = number
    if left := {tag: n for tag, n in found.items() if not tags[cells.tags == tag].all()}:
        raise InputError(
            f"cells of {path.name} belong to no region; cells by tag: {told}", field="regions", value=left,
            remedy="Give every tag a name, such as regions={'active': 1, 'pore': 2}; untagged cells are 0",
        )  # fmt: skip
    return table, tags


def _told(found: Mapping[int, int], names: Mapping[str, int]) -> str:
    """What tags there are, with names and numbers of cells."""
    by_tag = {tag: name for name, tag in names.items()}
    items = list(found.items())[:12]
    return ", ".join(f"{t} ({by_tag[t]!r}): {n}" if t in by_tag else f"{t}: {n}" for t, n in items) or "none"


def _resolve(
    which: Which, names: Mapping[str, int], found: Mapping[int, int], field: str, told: str
) -> list[int]:
    """The tags that a user means; InputError for those that no cell has."""
    each = [which] if isinstance(which, int | str | np.integer) else list(which)
    tags = []
    for one in each:
        tag = names.get(one) if isinstance(one, str) else int(one)
        if tag is None or tag not in found:
            raise InputError(
                f"nothing in the file has this {'name' if isinstance(one, str) else 'tag'}", field=field,
                value=one, remedy=f"There are, with the number of cells: {told}",
            )  # fmt: skip
        tags.append(tag)
    return tags


def _used(
    points: np.ndarray, cells: np.ndarray, facets: np.ndarray, path: Path
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points that cells use, cells, and facets in the new numbers; facets of other points become -1."""
    if not np.isfinite(points).all() or cells.min() < 0 or cells.max() >= len(points):
        raise InputError(
            "cells name points that are not there, or points have no place", field="path", value=path.name,
            remedy="Export the mesh again",
        )  # fmt: skip
    used = np.zeros(len(points), bool)
    used[cells.ravel()] = True
    number = np.where(used, np.cumsum(used) - 1, -1)
    return points[used], number[cells].astype(np.int32), number[facets].astype(np.int32)


def _plane(points: np.ndarray, path: Path) -> np.ndarray:
    """Points of a plane mesh with two coordinates: the constant one is dropped."""
    if points.shape[1] == 2:
        return points
    extent = np.ptp(points, axis=0)
    flat = np.flatnonzero(extent <= 1e-12 * extent.max())
    if not len(flat):
        raise InputError(
            "the file holds a surface in space, not cells that fill a volume", field="path", value=path.name,
            remedy="Export the volume mesh, or a plane one across a coordinate",
        )  # fmt: skip
    return np.delete(points, flat[-1], axis=1)


def _require_boxes(mesh: Tessellation, path: Path) -> None:
    """InputError if quadrilaterals or hexahedra are no parallelograms: their volume would be wrong."""
    if mesh.kind not in ("quad", "hexahedron"):
        return
    p = mesh.points[mesh.cells]
    pairs = ((1, 0, 2, 3), (5, 4, 6, 7), (1, 0, 5, 4), (3, 0, 7, 4))[: 1 if mesh.kind == "quad" else 4]
    size = np.abs(p - p[:, :1]).max()
    skew = max(np.abs((p[:, a] - p[:, b]) - (p[:, c] - p[:, d])).max() for a, b, c, d in pairs)
    if skew > 1e-6 * size:
        raise InputError(
            "quadrilaterals and hexahedra must be boxes or parallelepipeds", field="path", value=path.name,
            remedy="Split the cells into triangles or tetrahedra",
        )  # fmt: skip


def _with_boundaries(
    mesh: Tessellation, facets: Part, names: Mapping[str, int], how: Reading, path: Path
) -> tuple[Tessellation, list[str]]:
    """Interfaces derived, boundaries those of the file; the planes of the box if it has none."""
    values, count = np.unique(facets.tags, return_counts=True)
    found = dict(zip(values.tolist(), count.tolist(), strict=True))
    wanted = how.boundaries
    if wanted is None:
        wanted = {name: tag for name, tag in names.items() if tag in found}
    try:
        if not wanted:
            low, high = mesh.points.min(axis=0), mesh.points.max(axis=0)
            mesh = mesh.with_facets(box_planes(low.tolist(), high.tolist(), how.through, how.collector))
            there = {name: tag for name, tag in mesh.boundaries.items() if (mesh.facet_tags == tag).any()}
            return replace(mesh, boundaries=there), []
        corners, _, second = facets_of(mesh.kind, mesh.cells)
    except ValueError as error:
        raise InputError(
            str(error), field="path", value=path.name, remedy="Remove cells that overlap or are there twice"
        ) from error
    row = matched(facets.cells, corners)
    inside = (row < 0) | (second[row] >= 0)
    told = _told(found, names)
    boundaries: dict[str, np.ndarray] = {}
    notes = []
    for name, which in wanted.items():
        rows = np.isin(facets.tags, _resolve(which, names, found, f"boundaries.{name}", told))
        if not inside[rows].any():
            boundaries[name] = facets.cells[rows]
        elif how.boundaries is None:
            notes.append(f"the facets {name!r} of the file do not all lie on the outside; left out")
        else:
            raise InputError(
                "facets of a boundary lie inside the mesh, or are no facets of its cells",
                field=f"boundaries.{name}", value=int(inside[rows].sum()),
                remedy="Interfaces are found by themselves: 'active | pore' lies between two regions",
            )  # fmt: skip
    return with_interfaces(mesh, boundaries), notes
