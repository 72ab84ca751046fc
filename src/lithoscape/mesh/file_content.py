"""What a mesh file holds, whatever its format, and the header by which Lithoscape knows its own files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..image.formats.header import plain
from ..image.formats.source import damaged
from .tessellation import CORNERS, FACETS, Kind, Tessellation

HEADER = "lithoscape"
"""Key of the header's version in itself; name of the array that holds it in VTK and HDF5 files."""

TAG_ARRAYS = (
    "gmsh:physical", "cell_tags", "region", "medit:ref", "nastran:ref", "avsucd:material", "su2:tag",
    "ugrid:ref", "netgen:index", "flac3d:group",
)  # fmt: skip
"""Arrays that programs keep tags of cells in, the likelier first."""

FACET_KIND: Mapping[Kind, str] = {
    "triangle": "line", "quad": "line", "tetra": "triangle", "hexahedron": "quad"
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """Cells of one kind (meshio's name for it): corners, tag (0 is none) and further values of each."""

    kind: str
    cells: np.ndarray
    tags: np.ndarray
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Content:
    """Points as the file states them, parts in its order, names of tags by dimension, and the header."""

    points: np.ndarray
    parts: tuple[Part, ...]
    names: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    header: Mapping[str, Any] | None = None


def header_of(mesh: Tessellation) -> dict[str, Any]:
    """What the format of a file may have no room for, in plain data.

    Raises
    ------
    InputError
        No cells, a tag below 1, without a name or with two.
    """
    _check_tags("regions", mesh.tags, mesh.regions)
    names = {**mesh.boundaries, **mesh.interfaces}
    if len(names) < len(mesh.boundaries) + len(mesh.interfaces):
        raise InputError(
            "a boundary and an interface share a name", field="interfaces", value=list(mesh.interfaces),
            remedy="Give each a name of its own",
        )  # fmt: skip
    _check_tags("boundaries", mesh.facet_tags, names)
    if not len(mesh.cells):
        raise InputError("the mesh has no cells", field="mesh", value=0, remedy="Make it anew")
    return {
        HEADER: 1, "kind": "mesh", "cell": mesh.kind, "dim": mesh.points.shape[1], "unit": "m",
        "points": len(mesh.points), "cells": len(mesh.cells), "facets": len(mesh.facets),
        "regions": dict(mesh.regions), "boundaries": dict(mesh.boundaries),
        "interfaces": dict(mesh.interfaces),
        "columns": {name: np.asarray(values).dtype.str for name, values in mesh.cell_data.items()},
        "provenance": dict(mesh.provenance),
    }  # fmt: skip


def _check_tags(field_name: str, tags: np.ndarray, names: Mapping[str, int]) -> None:
    known = list(names.values())
    wrong = sorted({int(t) for t in np.unique(tags)} - set(known))
    if wrong or min(known, default=1) < 1 or len(set(known)) < len(known):
        raise InputError(
            "every tag is a number from 1 up with one name", field=field_name,
            value={"names": dict(names), "without a name": wrong[:10]}, remedy="Name every tag that occurs",
        )  # fmt: skip


def header_text(header: Mapping[str, Any]) -> str:
    """The header as one line of plain ASCII."""
    return json.dumps(header, default=plain)


def parse_header(text: str | bytes, path: Path) -> dict[str, Any] | None:
    """The header in a JSON text; None if it is somebody else's; InputError if it is broken."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise damaged(path, error) from error
    if not isinstance(found, dict) or HEADER not in found:
        return None
    if found[HEADER] != 1 or found.get("kind") != "mesh":
        raise InputError(
            "the file is none of the meshes that this version of Lithoscape knows", field="path",
            value=(path.name, found.get("kind"), found[HEADER]), remedy="Read it with the version it is of",
        )  # fmt: skip
    return found


def content_of(mesh: Tessellation) -> Content:
    """Cells with their columns, and the named facets."""
    header = header_of(mesh)
    parts = [Part(mesh.kind, mesh.cells, mesh.tags, dict(mesh.cell_data))]
    if len(mesh.facets):
        parts.append(Part(FACET_KIND[mesh.kind], mesh.facets, mesh.facet_tags))
    names = {mesh.dim: dict(mesh.regions), mesh.dim - 1: {**mesh.boundaries, **mesh.interfaces}}
    return Content(mesh.points, tuple(parts), names, header)


def joined(parts: list[Part], kind: str) -> Part:
    """All parts of a kind as one; columns that some of them lack are left out."""
    same = [part for part in parts if part.kind == kind]
    if not same:
        return Part(kind, np.empty((0, 0), np.int64), np.empty(0, np.int64))
    shared = set.intersection(*(set(part.columns) for part in same))
    columns = {
        name: np.concatenate([part.columns[name] for part in same])
        for name in same[0].columns if name in shared
    }  # fmt: skip
    cells = np.concatenate([part.cells for part in same])
    return Part(kind, cells, np.concatenate([part.tags for part in same]), columns)


def own_mesh(content: Content, path: Path) -> Tessellation:
    """The tessellation of a file that Lithoscape wrote; InputError if header and numbers disagree."""
    header = content.header
    assert header is not None
    kind: Kind = header["cell"]
    if kind not in CORNERS:
        raise damaged(path, f"{kind} is no kind of cell")
    cells, facets = joined(list(content.parts), kind), joined(list(content.parts), FACET_KIND[kind])
    facet_corners = len(FACETS[kind][0])
    found = (len(content.points), len(cells.cells), len(facets.cells))
    stated = tuple(header[key] for key in ("points", "cells", "facets"))
    if found != stated:
        raise damaged(path, f"points, cells and facets: {found} are there, {stated} were written")
    named = {**header["boundaries"], **header["interfaces"]}
    missing = set(header["columns"]) - set(cells.columns)
    strange = set(np.unique(cells.tags).tolist()) - set(header["regions"].values())
    strange |= set(np.unique(facets.tags).tolist()) - set(named.values())
    if missing or strange:
        raise damaged(path, f"values {sorted(missing)} are missing, tags {sorted(strange)} have no name")
    columns = {name: cells.columns[name].astype(np.dtype(kind)) for name, kind in header["columns"].items()}
    return Tessellation(
        kind,
        np.ascontiguousarray(content.points[:, : header["dim"]], dtype=float),
        np.ascontiguousarray(cells.cells, dtype=np.int32),
        cells.tags.astype(np.int32),
        header["regions"],
        facets.cells.reshape(-1, facet_corners).astype(np.int32),
        facets.tags.astype(np.int32),
        header["boundaries"],
        header["interfaces"],
        columns,
        header["provenance"],
    )
