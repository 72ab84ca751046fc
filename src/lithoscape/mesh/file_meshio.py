"""Formats that meshio knows. What they have no room for stands in a sidecar ``NAME.SUFFIX.json``."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..image.formats.source import damaged, reading
from .file_content import TAG_ARRAYS, Content, Part

WRITERS = {
    ".vtk": ("vtk42", "region"), ".med": ("med", "cell_tags"), ".mesh": ("medit", "medit:ref"),
    ".inp": ("abaqus", ""), ".avs": ("avsucd", "avsucd:material"), ".bdf": ("nastran", "nastran:ref"),
    ".nas": ("nastran", "nastran:ref"), ".exo": ("exodus", ""), ".e": ("exodus", ""),
}  # fmt: skip
"""Suffix -> meshio's format, and the array of whole numbers that it keeps for every cell (or none).

Those that kept volumes and facets of all four kinds of cell, exodus apart, whose library is no dependency.
VTK 4.2, since ParaView does not know the names of number types that meshio writes into 5.1.
"""

READERS = (
    *WRITERS, ".ex2", ".meshb", ".fem", ".cgns", ".su2", ".ugrid", ".vol", ".mdpa", ".f3grid", ".hmf",
    ".h5m", ".xml", ".dat", ".tec", ".post", ".dato", ".ele",
)  # fmt: skip
"""Suffixes that are read, apart from those with a reader of their own."""


def write_meshio(content: Content, path: Path, suffix: str) -> None:
    """Write points, cells and, where the format has an array for them, tags.

    Raises
    ------
    InputError
        The format lacks a library, or cannot hold such a mesh.
    """
    import meshio

    name, array = WRITERS[suffix]
    tags = [np.asarray(part.tags, np.int32) for part in content.parts]
    blocks = [(part.kind, part.cells) for part in content.parts]
    points = content.points if suffix == ".su2" else _in_space(content.points)
    mesh = meshio.Mesh(points, blocks, cell_data={array: tags} if array else {})
    try:
        with _quiet() as heard:
            meshio.write(path, mesh, file_format=name)
    except ImportError as error:
        raise _no_library(suffix, error) from error
    except (Exception, SystemExit) as error:
        raise _unsuited(suffix, str(error) or heard.getvalue()) from error


def _in_space(points: np.ndarray) -> np.ndarray:
    return np.pad(points, ((0, 0), (0, 3 - points.shape[1])))


def require_same(content: Content, read: Content, suffix: str) -> None:
    """InputError if what was read back has other cells, or points that differ by 1e-9 of the extent."""
    extent = float(np.ptp(content.points, axis=0).max())
    dim = content.points.shape[1]
    for part in content.parts:
        same = [p for p in read.parts if p.kind == part.kind]
        cells = np.concatenate([p.cells for p in same]) if same else np.empty((0, 0))
        if not np.array_equal(cells, part.cells):
            raise _unsuited(suffix, f"it does not keep the {part.kind} cells as they are")
    if (
        len(read.points) != len(content.points)
        or np.abs(read.points[:, :dim] - content.points).max() > 1e-9 * extent
    ):
        raise _unsuited(suffix, "it does not keep the points with nine digits")


def read_meshio(path: Path, array: str | None = None, file_format: str | None = None) -> Content:
    """Read any format of meshio; ``array`` names the values by cell that are tags.

    Without it, the array that is meant for tags in the format, else named sets of cells, else the only array
    of whole numbers.
    """
    import meshio

    try:
        with reading(path), _quiet() as heard:
            try:
                mesh = meshio.read(path, file_format=file_format)
            except SystemExit as stop:  # meshio ends the process where others raise
                raise damaged(path, " ".join(heard.getvalue().split()) or "meshio gives up") from stop
            except ImportError as error:
                raise _no_library(path.suffix, error) from error
    except MemoryError as error:
        raise damaged(path, error) from error
    columns = [
        {name: np.asarray(v[k]) for name, v in mesh.cell_data.items() if np.ndim(v[k]) == 1}
        for k in range(len(mesh.cells))
    ]
    names: dict[int, dict[str, int]] = {}
    for name, value in mesh.field_data.items():
        if np.size(value) == 2:
            names.setdefault(int(np.ravel(value)[1]), {})[str(name)] = int(np.ravel(value)[0])
    tags = _tags(mesh, columns, names, array)
    parts = [
        Part(block.type, np.asarray(block.data, np.int64), t, c)
        for block, t, c in zip(mesh.cells, tags, columns, strict=True)
    ]
    return Content(np.asarray(mesh.points, float), tuple(parts), names)


def _tags(
    mesh: Any, columns: list[dict[str, np.ndarray]], names: dict[int, dict[str, int]], array: str | None
) -> list[np.ndarray]:
    zeros = [np.zeros(len(block.data), np.int64) for block in mesh.cells]
    if array is not None:
        return zeros  # chosen among the columns later
    known = [name for name in TAG_ARRAYS if any(name in c for c in columns)]
    if known:
        found = [c.get(known[0], z).astype(np.int64) for c, z in zip(columns, zeros, strict=True)]
        for tag, labels in (getattr(mesh, "cell_tags", None) or {}).items():  # Salome's families
            for part, block in zip(found, mesh.cells, strict=True):
                if labels and (part == tag).any():
                    names.setdefault(block.dim, {})[str(labels[0])] = int(tag)
        return found
    for number, (name, members) in enumerate(mesh.cell_sets.items(), start=1):
        for k, (block, rows) in enumerate(zip(mesh.cells, members, strict=True)):
            if rows is not None and len(rows):
                zeros[k][np.asarray(rows, int)] = number
                names.setdefault(block.dim, {})[str(name)] = number
    return zeros


def _unsuited(suffix: str, why: str) -> InputError:
    return InputError(
        f"the format cannot hold this mesh ({why.strip()[:200]})", field="path", value=suffix,
        remedy="Give .msh, .xdmf or .vtu, which keep everything",
    )  # fmt: skip


def _no_library(suffix: str, error: ImportError) -> InputError:
    return InputError(
        f"this format needs the package {error.name}", field="path", value=suffix,
        remedy="Install it, or give .msh, .xdmf or .vtu",
    )  # fmt: skip


@contextlib.contextmanager
def _quiet() -> Iterator[io.StringIO]:
    """What meshio prints, as text; numbers that break off in the middle of a text file are an error."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", message=".*could not be read to its end")
        yield text
