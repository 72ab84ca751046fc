"""XDMF with HDF5: ``NAME.xdmf`` and ``NAME.h5`` for the cells, ``NAME.facets.xdmf`` and ``.h5`` for facets.

ParaView and meshio open both; names of tags stand in an ``Information`` element, which meshio gives as field
data, the header in the data set ``lithoscape``. DOLFINx reads the mesh as ``XDMFFile.read_mesh(name="mesh")``
and tags as ``read_meshtags(mesh, "mesh", "region")``, from the other file ``(mesh, "facets", "facet")``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import h5py
import numpy as np

from ..errors import InputError
from ..image.formats.source import damaged, reading
from .file_content import HEADER, Content, Part, header_text, parse_header

TOPOLOGY = {
    "line": "Polyline", "triangle": "Triangle", "quad": "Quadrilateral", "tetra": "Tetrahedron",
    "hexahedron": "Hexahedron",
}  # fmt: skip
_KINDS = {name.lower(): kind for kind, name in TOPOLOGY.items()} | {"quadrilateral_4": "quad"}
_NUMBERS = {"f": "Float", "i": "Int", "u": "UInt"}
_FORMATS = {("Float", 8): "f8", ("Float", 4): "f4", ("Int", 4): "i4", ("Int", 8): "i8", ("UInt", 4): "u4"}


def companions(path: Path, content: Content) -> tuple[Path, ...]:
    """The files that are written beside ``path``.

    Raises
    ------
    InputError
        One of them exists and is no part of a mesh.
    """
    stored = path.with_suffix(".h5")
    if stored.exists():
        with reading(stored), h5py.File(stored) as data:
            if HEADER not in data:
                raise InputError(
                    "a file of this name holds something else than a mesh", field="path", value=stored.name,
                    remedy="Give the mesh another name: its numbers go into NAME.h5",
                )  # fmt: skip
    facets = path.with_name(path.stem + ".facets" + path.suffix)
    more = (facets, facets.with_suffix(".h5")) if len(content.parts) > 1 else ()
    return (stored, *more)


def write_xdmf(content: Content, paths: tuple[Path, ...], parts: tuple[Path, ...]) -> None:
    """Write the files ``paths`` (XDMF and HDF5 of cells, then of facets if any) under the names ``parts``."""
    with h5py.File(parts[1], "w") as data:
        data[HEADER] = np.frombuffer(header_text(content.header or {}).encode("ascii"), np.uint8)
        points = _item(data, paths[1].name, "points", content.points)
        cells, *facets = content.parts
        columns = {"region": cells.tags.astype(np.int32), **cells.columns}
        _save(_document(data, paths[1].name, "mesh", points, cells, columns), content, parts[0])
    for part in facets:  # DOLFINx opens the HDF5 file of the same name only
        with h5py.File(parts[3], "w") as data:
            columns = {"facet": part.tags.astype(np.int32)}
            _save(_document(data, paths[3].name, "facets", points, part, columns), content, parts[2])


def _save(tree: ET.Element, content: Content, path: Path) -> None:
    _describe(tree, content.names)
    text = ET.tostring(tree, encoding="unicode")
    path.write_text(f'<?xml version="1.0"?>\n{text}\n', encoding="utf-8")


def _document(
    data: h5py.File, stored: str, name: str, points: ET.Element, part: Part, columns: Mapping[str, Any]
) -> ET.Element:
    """One uniform grid with its attributes."""
    root = ET.Element("Xdmf", Version="3.0")
    grid = ET.SubElement(ET.SubElement(root, "Domain"), "Grid", Name=name, GridType="Uniform")
    count, corners = part.cells.shape
    shape = {"TopologyType": TOPOLOGY[part.kind], "NumberOfElements": str(count)}
    topology = ET.SubElement(grid, "Topology", {**shape, "NodesPerElement": str(corners)})
    topology.append(_item(data, stored, f"{name}/cells", part.cells))
    dim = points.get("Dimensions", "").split()[1]
    ET.SubElement(grid, "Geometry", GeometryType="XYZ"[: int(dim)]).append(points)
    for label, values in columns.items():
        attribute = ET.SubElement(grid, "Attribute", Name=label, AttributeType="Scalar", Center="Cell")
        attribute.append(_item(data, stored, f"{name}/{label.replace('/', '_')}", np.asarray(values)))
    return root


def _describe(tree: ET.Element, names: Mapping[int, Mapping[str, int]]) -> None:
    """Names of tags, in the way that meshio reads."""
    table = ET.Element("main")
    for dim, tags in names.items():
        for name, tag in tags.items():
            ET.SubElement(table, "map", key=name, dim=str(dim)).text = str(tag)
    grid = tree.find("Domain/Grid")
    assert grid is not None
    ET.SubElement(grid, "Information", Name="names").text = ET.tostring(table, encoding="unicode")


def _item(data: h5py.File, stored: str, name: str, values: np.ndarray) -> ET.Element:
    """Store values; the element that points to them."""
    values = np.ascontiguousarray(values)
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
    data.create_dataset(name, data=values)
    item = ET.Element("DataItem", Dimensions=" ".join(map(str, values.shape)), Format="HDF")
    item.set("NumberType", _NUMBERS[values.dtype.kind])
    item.set("Precision", str(values.dtype.itemsize))
    item.text = f"{stored}:/{name}"
    return item


def read_xdmf(path: Path) -> Content:
    """Read uniform grids of an XDMF file: Lithoscape's, meshio's, and DOLFINx's with its tags.

    The first grid that has points is the mesh; further ones hold tagged cells of it, as DOLFINx writes them.
    Of the names ``Attribute`` only those of cells are read.

    Raises
    ------
    InputError
        Damaged, its HDF5 file missing, no grid, mixed cells, points in another layout.
    """
    with reading(path):
        root = ET.parse(path).getroot()
        grids = [g for g in root.iter("Grid") if g.find("Topology") is not None]
        geometry = next((g.find("Geometry") for g in grids if g.find("Geometry/DataItem") is not None), None)
        if root.tag != "Xdmf" or geometry is None:
            raise damaged(path, "it holds no grid with points")
        points = _values(geometry, path)
        parts = [_part(grid, path) for grid in grids]
        header, stored = None, path.with_suffix(".h5")
        if stored.exists() and grids[0].get("Name") == "mesh":
            with h5py.File(stored) as data:
                if HEADER in data:
                    header = parse_header(data[HEADER][()].tobytes(), path)
        beside = path.with_name(path.stem + ".facets" + path.suffix)
        if header is not None and header["facets"]:
            if not beside.exists():
                raise damaged(path, f"{beside.name} is missing")
            parts.append(_part(next(ET.parse(beside).getroot().iter("Grid")), beside))
        first, *others = parts
        for part in (part for part in others if part.kind == first.kind):
            first = _with_columns_of(first, part)
        facets_of_it = tuple(part for part in others if part.kind != first.kind)
        return Content(points, (first, *facets_of_it), _names(grids[0]), header)


def _with_columns_of(first: Part, part: Part) -> Part:
    """``first`` with the values of cells that ``part`` lists once more; 0 for cells it leaves out."""
    rows = np.concatenate([np.sort(first.cells, axis=1), np.sort(part.cells, axis=1)])
    _, number = np.unique(rows, axis=0, return_inverse=True)
    place = np.full(number.max() + 1, -1)
    place[number.ravel()[len(first.cells) :]] = np.arange(len(part.cells))
    found = place[number.ravel()[: len(first.cells)]]
    columns = {
        name: np.where(found >= 0, values[found], np.zeros(1, values.dtype))
        for name, values in part.columns.items()
    }
    return Part(first.kind, first.cells, first.tags, {**first.columns, **columns})


def _part(grid: ET.Element, path: Path) -> Part:
    topology = grid.find("Topology")
    assert topology is not None
    name = topology.get("TopologyType") or topology.get("Type") or ""
    kind = _KINDS.get(name.lower())
    if kind is None:
        raise InputError(
            "the file holds cells that are not read", field="path", value=(path.name, name),
            remedy=f"Save cells of one kind: {', '.join(TOPOLOGY.values())}",
        )  # fmt: skip
    cells = _values(topology, path)
    columns = {}
    for attribute in grid.findall("Attribute"):
        if attribute.get("Center") == "Cell":
            values = _values(attribute, path)
            if values.size == len(cells):
                columns[attribute.get("Name", "")] = values.reshape(len(cells))
    own = {"mesh": "region", "facets": "facet"}.get(grid.get("Name", ""))
    tags = columns.pop(own) if own in columns else np.zeros(len(cells), np.int64)
    return Part(kind, cells.astype(np.int64), tags, columns)


def _values(parent: ET.Element, path: Path) -> np.ndarray:
    """Numbers of the only data item below ``parent``."""
    item = parent.find("DataItem")
    if item is None:
        raise damaged(path, f"{parent.tag} has no data")
    shape = [int(n) for n in item.get("Dimensions", "").split()]
    text = (item.text or "").strip()
    if item.get("Format") == "HDF":
        name, _, inside = text.rpartition(":")
        stored = path.parent / name
        if not stored.is_file():
            raise InputError(
                "the HDF5 file that belongs to the mesh is missing", field="path", value=name,
                remedy=f"Put it beside {path.name}",
            )  # fmt: skip
        with h5py.File(stored) as data:
            return np.asarray(data[inside][()]).reshape(shape)
    if item.get("Format") != "XML":
        raise damaged(path, f"data of the format {item.get('Format')} are not read")
    numbers = (item.get("NumberType") or item.get("DataType") or "Float", int(item.get("Precision", "4")))
    return np.array(text.split(), dtype=_FORMATS[numbers]).reshape(shape)


def _names(grid: ET.Element) -> dict[int, dict[str, int]]:
    names: dict[int, dict[str, int]] = {}
    information = grid.find("Information[@Name='names']")
    if information is not None and information.text:
        for entry in ET.fromstring(information.text):
            names.setdefault(int(entry.attrib["dim"]), {})[entry.attrib["key"]] = int(entry.text or 0)
    return names
