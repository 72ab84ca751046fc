"""Mesh files; the suffix decides the format.

=========================  ===========================================================================
``.msh``                   Gmsh, binary 4.1 or 2.2 written, any version read
``.xdmf``                  with ``NAME.h5``; for ParaView, meshio and DOLFINx
``.vtu``                   VTK, for ParaView
``.vtk .med .mesh .inp``   and others that meshio knows, with a sidecar ``NAME.SUFFIX.json``
=========================  ===========================================================================

The first three keep everything within the format: names of regions, boundaries and interfaces, values by
cell and provenance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path

import numpy as np

from ..errors import InputError, nearest
from ..image.formats.header import length_unit as metres_per
from ..image.formats.source import damaged, reading, written
from .file_content import Content, Part, content_of, header_text, joined, own_mesh, parse_header
from .file_foreign import Reading, Which, foreign_mesh
from .file_gmsh import read_gmsh, write_gmsh
from .file_meshio import READERS, WRITERS, read_meshio, require_same, write_meshio
from .file_vtk import read_vtu, write_vtu
from .file_xdmf import companions, read_xdmf, write_xdmf
from .tessellation import Tessellation

_OWN = (".msh", ".xdmf", ".vtu")


def write_mesh(mesh: Tessellation, path: str | PathLike[str], *, version: str = "4.1") -> Path:
    """Write a mesh with its names; files of that name are replaced once the new ones are complete.

    Parameters
    ----------
    mesh:
        Every cell and every listed facet has a tag from 1 up, and every tag a name.
    path:
        Its suffix is the format, see the module. Coordinates are written in metres.
    version:
        Of Gmsh's format, ``"4.1"`` or ``"2.2"``. A ``.msh`` holds the cells region by region, whatever their
        order in ``mesh``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        Unknown suffix or version, no such folder, a mesh that the format cannot hold, no way to write there.
    """
    path = Path(path)
    suffix = _suffix(path, (*_OWN, *WRITERS))
    if version not in ("4.1", "2.2"):
        raise InputError(
            "this version of Gmsh's format is not written", field="version", value=version,
            remedy="Give 4.1 or 2.2",
        )  # fmt: skip
    if not path.parent.is_dir():
        raise InputError(
            "there is no such folder", field="path", value=str(path.parent), remedy="Create it first"
        )
    if path.is_dir():
        raise InputError("this is a folder", field="path", value=str(path), remedy="Give a file name")
    content = content_of(mesh)
    if suffix == ".xdmf":
        paths = (path, *companions(path, content))
        with written(*paths) as parts:
            write_xdmf(content, paths, parts)
    elif suffix in WRITERS:
        _write_other(content, path, suffix)
    else:
        with written(path) as (part,):
            write_gmsh(content, part, version) if suffix == ".msh" else write_vtu(content, part)
    return path


def _write_other(content: Content, path: Path, suffix: str) -> None:
    """Through meshio, checked by reading it again, with the rest in a sidecar."""
    cells, *facets = content.parts
    beside = {**(content.header or {}), "tags": {p.kind: p.tags.tolist() for p in (cells, *facets)}}
    beside["values"] = {name: np.asarray(v).tolist() for name, v in cells.columns.items()}
    with written(path, _sidecar(path)) as (part, sidecar):
        write_meshio(content, part, suffix)
        require_same(content, read_meshio(part, file_format=WRITERS[suffix][0].removesuffix("42")), suffix)
        sidecar.write_text(header_text(beside), encoding="ascii")


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def read_mesh(
    path: str | PathLike[str],
    regions: Mapping[str, Which] | None = None,
    boundaries: Mapping[str, Which] | None = None,
    *,
    length_unit: str | None = None,
    through: int = 0,
    collector: str = "low",
    array: str | None = None,
) -> Tessellation:
    """A mesh from a file: one of Lithoscape's as it was written, another program's by what you say of it.

    Parameters
    ----------
    path:
        The file, see the module.
    regions:
        Name of a phase -> its tag, its physical name in the file, or a list of them; every cell must get a
        region. Without it the names in the file. Cells without a tag have the tag 0.
    boundaries:
        Name -> tag or physical name of facets on the outside. Without it the names in the file; if it has
        none, the planes of the box around the mesh as :func:`~lithoscape.mesh.outer.box_planes` names them.
    length_unit:
        Unit of the coordinates, such as ``"um"``. Needed for files that Lithoscape did not write, since
        hardly any format states it.
    through, collector:
        Coordinate from collector to separator and the end where the collector lies (``"low"``, ``"high"``),
        for planes of the box.
    array:
        Name of the values by cell that are the tags, if the file has several.

    Returns
    -------
    Tessellation
        Interfaces between regions are found anew in foreign files; inverted cells are turned, and points that
        no cell uses left out. Plane meshes have two coordinates.

    Raises
    ------
    InputError
        Missing or damaged file, no unit, cells of no region, a tag or name that is not there, several kinds
        of cell, none that fill a volume or a plane, facets of more than two cells.
    """
    path = Path(path)
    content = _open(path, array)
    own = content.header is not None
    if own and regions is None and boundaries is None:
        _require_metres(length_unit)
        return own_mesh(content, path)
    unit = _unit(length_unit, own)
    _check_box(through, collector)
    if content.header is None:
        return foreign_mesh(content, path, Reading(regions, boundaries, unit, through, collector, array))
    dim = own_mesh(content, path).dim
    names = {dim: content.header["regions"], dim - 1: content.header["boundaries"]}
    how = Reading(regions, boundaries, unit, through, collector, None)
    mesh = foreign_mesh(replace(content, names=names), path, how)
    return replace(mesh, provenance={**content.header["provenance"], "renamed from": path.name})


def _open(path: Path, array: str | None) -> Content:
    """The content of a file, with the header of its sidecar if it has one."""
    suffix = _suffix(path, (*_OWN, ".xmf", *READERS))
    if not path.is_file():
        beside = [f.name for f in path.parent.iterdir()] if path.parent.is_dir() else []
        close = nearest(path.name, beside).partition(" Valid:")[0] if beside else ""
        raise InputError(
            "there is no such file", field="path", value=str(path),
            remedy=close if close.startswith("Did") else "Check the name and the folder",
        )  # fmt: skip
    if suffix in (".xdmf", ".xmf"):
        return read_xdmf(path)
    if suffix == ".vtu":
        return read_vtu(path)
    if suffix == ".msh":
        with reading(path), path.open("rb") as file:
            start = file.read(1)
        return read_gmsh(path) if start == b"$" else read_meshio(path, array, "ansys")
    content = read_meshio(path, array)
    return _with_sidecar(content, path)


def _with_sidecar(content: Content, path: Path) -> Content:
    """Tags, values and header that Lithoscape wrote beside the file."""
    sidecar = _sidecar(path)
    if not sidecar.is_file():
        return content
    with reading(sidecar):
        header = parse_header(sidecar.read_text(encoding="utf-8"), sidecar)
        if header is None:
            return content
        parts = [joined(list(content.parts), kind) for kind in header["tags"]]
        if [len(part.cells) for part in parts] != [len(tags) for tags in header["tags"].values()]:
            raise damaged(path, f"{sidecar.name} describes another mesh")
        full = [Part(part.kind, part.cells, np.array(header["tags"][part.kind])) for part in parts]
        values = {name: np.array(v) for name, v in header["values"].items()}
        full[0] = replace(full[0], columns=values)
        return Content(content.points, tuple(full), {}, header)


def _suffix(path: Path, known: tuple[str, ...]) -> str:
    suffix = path.suffix.lower()
    if suffix not in known:
        raise InputError(
            "the suffix names no mesh format", field="path", value=path.name,
            remedy=f"Give one of {', '.join(dict.fromkeys(known))}",
        )  # fmt: skip
    return suffix


def _unit(text: str | None, own: bool) -> float:
    """Metres per unit of the coordinates."""
    if own:
        _require_metres(text)
        return 1.0
    unit = metres_per(text) if text is not None else None
    if unit is None:
        raise InputError(
            "the unit of the coordinates must be given: the file does not state it", field="length_unit",
            value=text, remedy="Such as length_unit='um', 'nm' or 'm'",
        )  # fmt: skip
    return unit


def _require_metres(text: str | None) -> None:
    if text is not None and metres_per(text) != 1.0:
        raise InputError(
            "Lithoscape wrote this file, in metres", field="length_unit", value=text, remedy="Leave it out"
        )


def _check_box(through: int, collector: str) -> None:
    if through not in (0, 1, 2) or collector not in ("low", "high"):
        raise InputError(
            "the collector lies at the low or high end of coordinate 0, 1 or 2", field="through",
            value=(through, collector), remedy="Such as through=2, collector='low'",
        )  # fmt: skip
