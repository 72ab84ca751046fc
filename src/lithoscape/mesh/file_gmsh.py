"""Gmsh's ``.msh``: written as binary 4.1 or 2.2 with physical names, read by Gmsh itself (any version).

The header stands in a ``$Comments`` section at the end, values by cell in ``$ElementData`` sections, where
the elements of the boundary have the value 0 (meshio 5.3 cannot read such a section in version 2.2). Gmsh's
documentation, "MSH file format", describes all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..errors import InputError
from ..image.formats.source import damaged, reading
from .file_content import Content, Part, header_text, parse_header
from .gmsh_session import session

ELEMENTS = {"line": (1, 1), "triangle": (2, 2), "quad": (3, 2), "tetra": (4, 3), "hexahedron": (5, 3)}
"""Gmsh's number and the dimension of a kind of cell."""

_OTHERS = {
    6: "wedge", 7: "pyramid", 8: "line3", 9: "triangle6", 10: "quad9", 11: "tetra10", 12: "hexahedron27",
    13: "wedge18", 14: "pyramid14", 15: "vertex", 16: "quad8", 17: "hexahedron20",
}  # fmt: skip
_KINDS = {number: kind for kind, (number, _) in ELEMENTS.items()} | _OTHERS
_COMMENT = b"\n$Comments\n"


def write_gmsh(content: Content, path: Path, version: str = "4.1") -> None:
    """Write a binary ``.msh``; elements come region by region, each of its tag and physical name."""
    blocks = _blocks(content.parts)
    points = np.zeros((len(content.points), 3))
    points[:, : content.points.shape[1]] = content.points
    with path.open("wb") as file:
        file.write(f"$MeshFormat\n{version} 1 8\n".encode() + np.int32(1).tobytes())
        file.write(b"\n$EndMeshFormat\n")
        _names(file, content)
        if version == "4.1":
            _entities(file, blocks, points)
            _nodes_41(file, points, blocks)
            _elements_41(file, blocks)
        else:
            _nodes_22(file, points)
            _elements_22(file, blocks)
        _columns(file, blocks)
        text = header_text(content.header or {})
        file.write(_COMMENT + text.encode("ascii") + b"\n$EndComments\n")


def _blocks(parts: tuple[Part, ...]) -> list[Part]:
    """One part per kind and tag, cells in their order, those of the highest dimension first."""
    return [
        Part(
            part.kind, part.cells[part.tags == tag], np.array([tag]),
            {name: np.asarray(values)[part.tags == tag] for name, values in part.columns.items()},
        )
        for part in parts
        for tag in np.unique(part.tags)
    ]  # fmt: skip


def _names(file: BinaryIO, content: Content) -> None:
    lines = [
        f'{dim} {tag} "{name.replace(chr(34), chr(39))}"'
        for dim, table in sorted(content.names.items())
        for name, tag in table.items()
    ]
    text = "\n".join(["$PhysicalNames", str(len(lines)), *lines, "$EndPhysicalNames", ""])
    file.write(text.encode())


def _entities(file: BinaryIO, blocks: list[Part], points: np.ndarray) -> None:
    """One entity per part, its number being the tag, with its box and its physical group."""
    file.write(b"$Entities\n")
    dims = [ELEMENTS[block.kind][1] for block in blocks]
    file.write(np.array([dims.count(d) for d in range(4)], np.uint64).tobytes())
    for dim in range(4):
        for block in (b for b, d in zip(blocks, dims, strict=True) if d == dim):
            corners = points[block.cells.ravel()]
            tag = int(block.tags[0])
            file.write(np.int32(tag).tobytes())
            file.write(corners.min(axis=0).tobytes() + corners.max(axis=0).tobytes())
            file.write(np.uint64(1).tobytes() + np.int32(tag).tobytes() + np.uint64(0).tobytes())
    file.write(b"\n$EndEntities\n")


def _nodes_41(file: BinaryIO, points: np.ndarray, blocks: list[Part]) -> None:
    """All nodes in one block, that of the first region."""
    n = len(points)
    file.write(b"$Nodes\n" + np.array([1, n, 1, n], np.uint64).tobytes())
    file.write(np.array([ELEMENTS[blocks[0].kind][1], blocks[0].tags[0], 0], np.int32).tobytes())
    file.write(np.uint64(n).tobytes() + np.arange(1, n + 1, dtype=np.uint64).tobytes() + points.tobytes())
    file.write(b"\n$EndNodes\n")


def _elements_41(file: BinaryIO, blocks: list[Part]) -> None:
    total = sum(len(block.cells) for block in blocks)
    file.write(b"$Elements\n" + np.array([len(blocks), total, 1, total], np.uint64).tobytes())
    start = 1
    for block in blocks:
        number, dim = ELEMENTS[block.kind]
        n = len(block.cells)
        file.write(np.array([dim, block.tags[0], number], np.int32).tobytes() + np.uint64(n).tobytes())
        rows = np.column_stack([np.arange(start, start + n), block.cells.astype(np.int64) + 1])
        file.write(rows.astype(np.uint64).tobytes())
        start += n
    file.write(b"\n$EndElements\n")


def _nodes_22(file: BinaryIO, points: np.ndarray) -> None:
    rows = np.empty(len(points), [("number", np.int32), ("x", np.float64, 3)])
    rows["number"], rows["x"] = np.arange(1, len(points) + 1), points
    file.write(f"$Nodes\n{len(points)}\n".encode() + rows.tobytes() + b"\n$EndNodes\n")


def _elements_22(file: BinaryIO, blocks: list[Part]) -> None:
    total = sum(len(block.cells) for block in blocks)
    file.write(f"$Elements\n{total}\n".encode())
    start = 1
    for block in blocks:
        n = len(block.cells)
        file.write(np.array([ELEMENTS[block.kind][0], n, 2], np.int32).tobytes())
        tags = np.full((n, 2), block.tags[0])
        rows = np.column_stack([np.arange(start, start + n), tags, block.cells.astype(np.int64) + 1])
        file.write(rows.astype(np.int32).tobytes())
        start += n
    file.write(b"\n$EndElements\n")


def _columns(file: BinaryIO, blocks: list[Part]) -> None:
    """A section for each column; meshio wants a value for every element."""
    for name in blocks[0].columns:
        values = np.concatenate([b.columns.get(name, np.zeros(len(b.cells))) for b in blocks])
        rows = np.empty(len(values), [("number", np.int32), ("value", np.float64)])
        rows["number"], rows["value"] = np.arange(1, len(values) + 1), values
        file.write(f'$ElementData\n1\n"{name}"\n1\n0.0\n3\n0\n1\n{len(values)}\n'.encode())
        file.write(rows.tobytes() + b"\n$EndElementData\n")


def read_gmsh(path: Path) -> Content:
    """Read a ``.msh`` through Gmsh; parts are its entities, tags their physical groups (0 without one).

    Raises
    ------
    InputError
        Damaged, no mesh, or an entity in several physical groups.
    """
    header = _header(path)
    with reading(path), _gmsh() as gmsh:
        gmsh.open(str(path))
        numbers, flat, _ = gmsh.model.mesh.getNodes()
        if not len(numbers):
            raise damaged(path, "it holds no nodes")
        order = np.argsort(numbers)
        rank = np.full(int(numbers.max()) + 1, -1, np.int64)
        rank[numbers[order]] = np.arange(len(numbers))
        parts, elements = _parts(gmsh, rank, path)
        parts = _with_columns(gmsh, parts, elements)
        names: dict[int, dict[str, int]] = {}
        for dim, tag in gmsh.model.getPhysicalGroups():
            if name := gmsh.model.getPhysicalName(dim, tag):
                names.setdefault(dim, {})[name] = tag
        return Content(flat.reshape(-1, 3)[order], tuple(parts), names, header)


def _header(path: Path) -> dict[str, Any] | None:
    """The header at the end of one of Lithoscape's own files."""
    with reading(path), path.open("rb") as file:
        data = file.read()
    _, mark, text = data.rpartition(_COMMENT)
    if not mark or not text.lstrip().startswith(b"{"):
        return None
    line, end, _ = text.partition(b"\n$EndComments")
    if not end:
        raise damaged(path, "it breaks off in the header")
    return parse_header(line, path)


@contextmanager
def _gmsh() -> Iterator[Any]:
    """Gmsh with a model of its own; the views that a file brings go with it."""
    with session("lithoscape mesh file") as gmsh:
        views = set(gmsh.view.getTags())
        try:
            yield gmsh
        finally:
            for view in set(gmsh.view.getTags()) - views:
                gmsh.view.remove(view)


def _parts(gmsh: Any, rank: np.ndarray, path: Path) -> tuple[list[Part], list[np.ndarray]]:
    """Parts of all entities, and the numbers of their elements."""
    parts, elements = [], []
    for dim, entity in gmsh.model.getEntities():
        groups = gmsh.model.getPhysicalGroupsForEntity(dim, entity)
        if len(groups) > 1:
            raise InputError(
                "cells belong to several physical groups", field="path", value=(path.name, groups.tolist()),
                remedy="Save the mesh with one physical group for every part",
            )  # fmt: skip
        tag = int(groups[0]) if len(groups) else 0
        for number, tags, corners in zip(*gmsh.model.mesh.getElements(dim, entity), strict=True):
            kind = _KINDS.get(int(number), f"Gmsh element {number}")
            cells = rank[corners.reshape(len(tags), -1)]
            if (cells < 0).any():
                raise damaged(path, "cells name nodes that are not there")
            parts.append(Part(kind, cells, np.full(len(tags), tag)))
            elements.append(tags)
    return parts, elements


def _with_columns(gmsh: Any, parts: list[Part], elements: list[np.ndarray]) -> list[Part]:
    """``parts`` with the scalar values by element that the file holds."""
    columns: list[dict[str, np.ndarray]] = [{} for _ in parts]
    for index, view in enumerate(gmsh.view.getTags()):
        kind, tags, data, _, components = gmsh.view.getHomogeneousModelData(view, 0)
        if kind != "ElementData" or components != 1:
            continue
        name = gmsh.option.getString(f"View[{index}].Name")
        table = np.full(max(int(t.max()) for t in [tags, *elements] if len(t)) + 1, np.nan)
        table[tags] = data
        for column, numbers in zip(columns, elements, strict=True):
            if np.isin(numbers, tags).all():
                column[name] = table[numbers]
    return [Part(p.kind, p.cells, p.tags, c) for p, c in zip(parts, columns, strict=True)]
