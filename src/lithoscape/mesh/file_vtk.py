"""VTK's ``.vtu`` for ParaView: cells and named facets in one grid, told apart by two arrays.

``region`` is the tag of a cell (0 on facets), ``facet`` that of a facet (0 on cells); values by cell are 0 on
facets. The header stands in a field array of bytes, which meshio can read too (it refuses texts).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..image.formats.source import damaged, reading
from .file_content import HEADER, Content, Part, header_text, parse_header

NUMBERS = {"line": 3, "triangle": 5, "tetra": 10, "hexahedron": 12, "quad": 9}
"""VTK's number of a kind of cell."""
_OTHERS = {1: "vertex", 13: "wedge", 14: "pyramid", 21: "line3", 22: "triangle6", 24: "tetra10", 11: "voxel"}
_KINDS = {number: kind for kind, number in NUMBERS.items()} | _OTHERS


def merged(content: Content) -> dict[str, np.ndarray]:
    """Arrays over all parts in turn: ``region``, ``facet`` and the columns."""
    cells, *facets = content.parts
    zeros = np.zeros(sum(len(part.cells) for part in facets), np.int32)
    arrays = {"region": np.concatenate([cells.tags.astype(np.int32), zeros])}
    tags = [np.zeros(len(cells.cells), np.int32), *(part.tags.astype(np.int32) for part in facets)]
    arrays["facet"] = np.concatenate(tags)
    for name, values in cells.columns.items():
        values = np.asarray(values)
        values = values.astype(np.uint8) if values.dtype.kind == "b" else values
        arrays[name] = np.concatenate([values, zeros.astype(values.dtype)])
    return arrays


def write_vtu(content: Content, path: Path) -> None:
    """Write a compressed ``.vtu``; points in the plane get the third coordinate 0."""
    from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkUnstructuredGrid
    from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridWriter

    grid, place = vtkUnstructuredGrid(), np.zeros((len(content.points), 3))
    place[:, : content.points.shape[1]] = content.points
    points = vtkPoints()
    points.SetData(numpy_to_vtk(place, deep=True))
    grid.SetPoints(points)
    corners = np.concatenate([np.full(len(p.cells), p.cells.shape[1], np.int64) for p in content.parts])
    offsets = np.concatenate([[0], np.cumsum(corners)])
    flat = np.concatenate([p.cells.ravel() for p in content.parts]).astype(np.int64)
    cells = vtkCellArray()
    cells.SetData(numpy_to_vtkIdTypeArray(offsets, deep=True), numpy_to_vtkIdTypeArray(flat, deep=True))
    types = np.concatenate([np.full(len(p.cells), NUMBERS[p.kind], np.uint8) for p in content.parts])
    grid.SetCells(numpy_to_vtk(types, deep=True), cells)
    for name, values in merged(content).items():
        array = numpy_to_vtk(np.ascontiguousarray(values), deep=True)
        array.SetName(name)
        grid.GetCellData().AddArray(array)
    text = np.frombuffer(header_text(content.header or {}).encode("ascii"), np.uint8)
    header = numpy_to_vtk(text, deep=True)
    header.SetName(HEADER)
    grid.GetFieldData().AddArray(header)
    writer = vtkXMLUnstructuredGridWriter()
    writer.SetFileName(str(path))
    writer.SetInputData(grid)
    writer.SetDataModeToBinary()
    with _listening() as heard:
        if not writer.Write():
            raise OSError(heard() or "the VTK writer failed")


@contextmanager
def _listening() -> Iterator[Callable[[], str]]:
    """What VTK would print and pass over: a function that gives it."""
    from vtkmodules.vtkCommonCore import vtkLogger, vtkOutputWindow, vtkStringOutputWindow

    before, window = vtkOutputWindow.GetInstance(), vtkStringOutputWindow()
    verbosity = vtkLogger.GetCurrentVerbosityCutoff()
    vtkOutputWindow.SetInstance(window)
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)
    try:
        yield lambda: window.GetOutput().partition("): ")[2].partition("\n")[0].strip()
    finally:
        vtkLogger.SetStderrVerbosity(verbosity)
        vtkOutputWindow.SetInstance(before)


def read_vtu(path: Path) -> Content:
    """Read a ``.vtu`` of any encoding; InputError if it is damaged or holds no cells."""
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridReader

    reader = vtkXMLUnstructuredGridReader()
    with reading(path), _listening() as heard:
        if not reader.CanReadFile(str(path)):
            raise damaged(path, "VTK does not know it as an unstructured grid")
        reader.SetFileName(str(path))
        reader.Update()
        grid = reader.GetOutput()
        if complaint := heard():
            raise damaged(path, complaint)
        if not grid.GetNumberOfCells():
            raise damaged(path, "it holds no cells")
        cells = grid.GetCells()
        numbers = [cells.GetOffsetsArray(), cells.GetConnectivityArray(), _types(grid)]
        offsets, flat, types = (np.array(vtk_to_numpy(a)) for a in numbers)
        data = grid.GetCellData()
        arrays = [data.GetArray(k) for k in range(data.GetNumberOfArrays()) if data.GetArray(k) is not None]
        columns = {a.GetName(): vtk_to_numpy(a) for a in arrays if a.GetNumberOfComponents() == 1}
        stored = grid.GetFieldData().GetArray(HEADER)
        text = vtk_to_numpy(stored).astype(np.uint8).tobytes() if stored is not None else None
        header = parse_header(text, path) if text is not None else None
        parts = _split(offsets, flat, types, columns, own=header is not None)
        return Content(np.array(vtk_to_numpy(grid.GetPoints().GetData()), float), parts, {}, header)


def _types(grid: Any) -> Any:
    """Numbers of the kinds of all cells."""
    try:
        return grid.GetCellTypes()
    except TypeError:  # VTK before 9.6 has another method of this name
        return grid.GetCellTypesArray()


def _split(
    offsets: np.ndarray, flat: np.ndarray, types: np.ndarray, columns: dict[str, np.ndarray], *, own: bool
) -> tuple[Part, ...]:
    """One part per kind; the arrays of Lithoscape's own files become tags."""
    parts = []
    size = np.diff(offsets)
    for number in np.unique(types):
        rows = np.flatnonzero(types == number)
        count = int(size[rows[0]])
        cells = flat[offsets[rows][:, None] + np.arange(count)].astype(np.int64)
        values = {name: np.array(column[rows]) for name, column in columns.items()}
        tags = np.zeros(len(rows), np.int64)
        if own:
            tags = values.pop("region") + values.pop("facet")
        parts.append(Part(_KINDS.get(int(number), f"VTK cell {number}"), cells, tags, values))
    return tuple(parts)
