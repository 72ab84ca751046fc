"""VTK images (``.vti``): cell data, X along array axis 0, so that ParaView shows the same coordinates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError, nearest
from .header import Header
from .source import Box, Source, damaged, native, reading, written, wrong_dimension

_FIELD = "lithoscape"
"""Name of the field array that holds the header as JSON."""

_NAMES = {"volume": "label", "grey": "grey", "instances": "particle"}
"""Name of the cell array, by what it holds."""


def open_vti(path: Path, dataset: str | None = None) -> Source:
    """Open a VTK image; its array is read whole, whatever the crop.

    Spacing counts as metres in Lithoscape's own files only: the format knows no unit.

    Raises
    ------
    InputError
        No VTK image, damaged, no array or several, no array of that name, not three axes.
    """
    with reading(path):
        image, complaint = _load(path)
    if complaint:
        raise damaged(path, complaint)
    data, shape, notes = _data(image, path)
    name = _choose(data, path, dataset)
    array = data.GetArray(name)
    if array.GetNumberOfComponents() != 1:
        raise InputError(
            "the array holds several numbers per voxel", field="dataset", value=name,
            remedy="Name an array of labels or grey levels",
        )  # fmt: skip
    header = _header(image, path)
    if header.kind is None:
        spacing = ", ".join(f"{h:.6g}" for h in image.GetSpacing())
        notes = (*notes, f"the spacing ({spacing}) of a VTK image has no unit; it was not used")
    values = _values(array, shape)

    def read(box: Box) -> np.ndarray:
        return native(values[box])

    where = "Lithoscape header" if header.kind else ""
    return Source(path, shape, values.dtype, read, header.edges(), where, header, notes)


@contextmanager
def _listening() -> Iterator[Callable[[], str]]:
    """What VTK would print, and then go on as if nothing had happened: a function that gives it as text."""
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


def _load(path: Path) -> tuple[Any, str]:
    """The image of a file, and what the reader complained of."""
    from vtkmodules.vtkIOXML import vtkXMLImageDataReader

    reader = vtkXMLImageDataReader()
    with _listening() as heard:
        if not reader.CanReadFile(str(path)):
            raise InputError(
                "this is no VTK image file", field="path", value=path.name,
                remedy="Save it as XML image data (.vti)",
            )  # fmt: skip
        reader.SetFileName(str(path))
        reader.Update()
        return reader.GetOutput(), heard()


def _data(image: Any, path: Path) -> tuple[Any, tuple[int, int, int], tuple[str, ...]]:
    """Cell data and its shape; point data of an image that has no cells' data."""
    points = image.GetDimensions()
    cells = image.GetCellData()
    if min(points) < 1:  # a header cut short gives an empty image, and no complaint
        raise damaged(path, "it holds no image")
    of_cells = cells.GetNumberOfArrays() > 0
    a, b, c = (n - 1 for n in points) if of_cells else points
    if min(a, b, c) < 1:
        raise wrong_dimension(path, tuple(n for n in (a, b, c) if n > 0))
    if of_cells:
        return cells, (a, b, c), ()
    return image.GetPointData(), (a, b, c), ("the points of the VTK image are its voxels",)


def _choose(data: Any, path: Path, dataset: str | None) -> str:
    known = [data.GetArrayName(k) for k in range(data.GetNumberOfArrays())]
    if dataset is not None and dataset not in known:
        raise InputError(
            f"{path.name} has no array of this name", field="dataset", value=dataset,
            remedy=nearest(dataset, known),
        )  # fmt: skip
    if dataset is None and len(known) != 1:
        raise InputError(
            "the file holds several arrays" if known else "the file holds no array", field="dataset",
            value=known, remedy="Name one of them by dataset" if known else "Save it with its cell data",
        )  # fmt: skip
    return dataset if dataset is not None else str(known[0])


def _header(image: Any, path: Path) -> Header:
    field = image.GetFieldData().GetAbstractArray(_FIELD)
    return Header.read(field.GetValue(0), path) if field is not None else Header()


def _values(array: Any, shape: tuple[int, int, int]) -> np.ndarray:
    from vtkmodules.util.numpy_support import vtk_to_numpy

    return np.ascontiguousarray(vtk_to_numpy(array).reshape(shape, order="F"))


def write_vti(path: Path, values: np.ndarray, header: Header) -> None:
    """Write an image with its voxel size and origin in metres as cell data, compressed.

    The header stands in a field array; ParaView shows it, other programs pass over it.
    """
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonCore import vtkStringArray
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkIOXML import vtkXMLImageDataWriter

    image = vtkImageData()
    image.SetDimensions(*(n + 1 for n in values.shape))
    image.SetSpacing(*(header.edges() or (1.0, 1.0, 1.0)))
    image.SetOrigin(*(header.origin or (0.0, 0.0, 0.0)))
    array = numpy_to_vtk(native(values).ravel(order="F"), deep=False)
    array.SetName(_NAMES[header.kind or "grey"])
    image.GetCellData().SetScalars(array)
    text = vtkStringArray()
    text.SetName(_FIELD)
    text.InsertNextValue(header.text())
    image.GetFieldData().AddArray(text)
    with written(path) as (part,), _listening() as heard:
        writer = vtkXMLImageDataWriter()
        writer.SetFileName(str(part))
        writer.SetInputData(image)
        if not writer.Write():
            raise OSError(heard() or "the VTK writer failed")
