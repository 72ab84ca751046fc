"""Fields of a resolved run on disk: one ``.vtu`` per part and moment, one ``.pvd`` per part for ParaView.

Rank 0 holds and writes everything; nothing here knows how the fields were computed::

    files = FieldFiles(ResolvedFields(problem, cell), folder / "fields")
    files.keep("end of discharge", 3600.0)       # end_of_discharge_solid.vtu, ..., solid.pvd, ...
    files.restore(["end of discharge"], [3600.0])  # a resumed run goes on with these
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .errors import InputError, SolveError

SOLID, ELECTROLYTE, SURFACE = "solid", "electrolyte", "surface"
PARTS = (SOLID, ELECTROLYTE, SURFACE)
REGIONS = "regions.json"
"""Name -> number of the array "Region" in the files beside it."""


@dataclass(frozen=True, eq=False)
class FieldMesh:
    """Cells of one part of a mesh.

    Attributes
    ----------
    kind:
        "tetra", "triangle" or "line".
    points:
        Nodes, shape (n, 3) [m]; in 2D the third coordinate is 0.
    cells:
        Nodes of each cell, shape (m, corners), int32.
    cell_data:
        Values that do not change with time, shape (m,) each: "Region", "Particle", ...
    regions:
        Name -> number in "Region".
    """

    kind: str
    points: np.ndarray
    cells: np.ndarray
    cell_data: Mapping[str, np.ndarray]
    regions: Mapping[str, int] = field(default_factory=dict)

    @property
    def sizes(self) -> np.ndarray:
        """Volume, area or length of each cell, shape (m,) [m3, m2, m]."""
        edges = self.points[self.cells[:, 1:]] - self.points[self.cells[:, :1]]
        squares = np.linalg.det(np.einsum("cik,cjk->cij", edges, edges))
        found: np.ndarray = np.sqrt(np.maximum(squares, 0.0)) / {1: 1, 2: 2, 3: 6}[edges.shape[1]]
        return found


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All fields at one moment.

    Attributes
    ----------
    name, time:
        Of the moment [s].
    meshes:
        "solid", "electrolyte", "surface" -> their cells; the same objects at every moment.
    values:
        Part -> name with unit -> values at its nodes, shape (n,). NaN where a field is not defined.
    """

    name: str
    time: float
    meshes: Mapping[str, FieldMesh]
    values: Mapping[str, Mapping[str, np.ndarray]]


class Source(Protocol):
    """What fields are kept of, see :class:`.resolved_fields.ResolvedFields`."""

    @property
    def comm(self) -> Any:
        """Communicator of the processes that call together."""

    @property
    def meshes(self) -> Mapping[str, FieldMesh] | None:
        """Parts, on rank 0."""

    def snapshot(self, name: str, time: float) -> Snapshot | None:
        """The present fields, on rank 0."""


class FieldFiles:
    """Files of a series of moments, for ParaView and for pictures.

    Parameters
    ----------
    fields:
        What is written.
    folder:
        Is made if it is not there. ``NAME_solid.vtu``, ``NAME_electrolyte.vtu`` and ``NAME_surface.vtu`` go
        there (NAME with ``_`` for all but letters, digits, ``.`` and ``-``), and the series ``solid.pvd``,
        ``electrolyte.pvd``, ``surface.pvd`` [s] with ``regions.json``.

    Every file is written under another name first: one that is there is whole. All methods are called by all
    ranks and write on rank 0; an error there is raised on every rank.
    """

    def __init__(self, fields: Source, folder: Path) -> None:
        self.fields, self.folder = fields, Path(folder)
        self.moments: list[tuple[str, float]] = []
        self._on_root(self._begin)

    def keep(self, name: str, time: float) -> None:
        """Write the present fields under ``name``; ParaView shows them at ``time`` [s].

        A moment of the same name takes the place of the earlier one.

        Raises
        ------
        InputError
            A name that gives the same files as another moment's, or none.
        SolveError
            The files cannot be written.
        """
        stem = self._stem(name)
        snapshot = self.fields.snapshot(name, time)

        def write() -> None:
            assert snapshot is not None
            for part, mesh in snapshot.meshes.items():
                write_vtu(mesh, snapshot.values[part], self._file(stem, part))

        self._on_root(write)
        self.moments = [moment for moment in self.moments if moment[0] != name] + [(name, float(time))]
        self._on_root(self._list)

    def restore(self, names: Sequence[str], times: Sequence[float]) -> None:
        """Go on from the moments that an earlier run kept; others leave the series.

        What rank 0 gives counts, as in :meth:`.fields.FieldMaps.restore`.

        Raises
        ------
        InputError
            A file of one of them is not there, or two have the same files.
        """
        comm = self.fields.comm
        given = comm.bcast(list(zip(names, map(float, times), strict=True)), root=0)
        self.moments = []
        for name, time in given:
            stem = self._stem(name)
            missing = [p.name for p in (self._file(stem, part) for part in PARTS) if not p.is_file()]
            if missing := comm.bcast(missing, root=0):
                raise InputError(
                    f"the fields kept at {name!r} are not there", field="--resume", value=missing,
                    remedy="Run without --resume to compute them again",
                )  # fmt: skip
            self.moments.append((name, time))
        self._on_root(self._list)

    def snapshots(self) -> list[Snapshot]:
        """All moments read back from the files, on rank 0; empty on the others.

        Raises
        ------
        InputError
            A file is missing or damaged.
        """
        meshes, found, error = self.fields.meshes, [], None
        if meshes is not None:
            try:
                found = [self._read(name, time, meshes) for name, time in self.moments]
            except InputError as caught:
                error = caught
        if error := self.fields.comm.bcast(error, root=0):
            raise error
        return found

    def _read(self, name: str, time: float, meshes: Mapping[str, FieldMesh]) -> Snapshot:
        values = {}
        for part, mesh in meshes.items():
            path = self._file(self._stem(name, new=False), part)
            values[part] = read_vtu(path)[1]
            if any(len(column) != len(mesh.points) for column in values[part].values()):
                raise InputError("the file is of another mesh", field="fields", value=path.name)
        return Snapshot(name, time, meshes, values)

    def _file(self, stem: str, part: str) -> Path:
        return self.folder / f"{stem}_{part}.vtu"

    def _stem(self, name: str, new: bool = True) -> str:
        stem = file_stem(name)
        taken = [kept for kept, _ in self.moments if kept != name and file_stem(kept) == stem]
        if not stem or (new and taken):
            raise InputError(
                "a moment needs a name that makes a file name of its own", field="output.moments", value=name,
                remedy=f"{taken[0]!r} has the same files" if taken else "Use letters or digits",
            )  # fmt: skip
        return stem

    def _begin(self) -> None:
        """Folder and names of the regions."""
        self.folder.mkdir(parents=True, exist_ok=True)
        assert self.fields.meshes is not None
        regions = {
            name: number for mesh in self.fields.meshes.values() for name, number in mesh.regions.items()
        }
        _replace(self.folder / REGIONS, lambda part: part.write_text(json.dumps(regions, indent=2) + "\n"))

    def _list(self) -> None:
        """Bring the series up to date."""
        for part in PARTS:
            entries = [(time, self._file(file_stem(name), part).name) for name, time in self.moments]
            write_pvd(sorted(entries), self.folder / f"{part}.pvd")

    def _on_root(self, action: Callable[[], None]) -> None:
        """Do something on rank 0; if it fails there, every rank raises."""
        comm, reason = self.fields.comm, None
        if comm.rank == 0:
            try:
                action()
            except OSError as error:
                reason = error.strerror or str(error)
        if reason := comm.bcast(reason, root=0):
            raise SolveError(
                f"the fields cannot be written: {reason}", field="fields", value=str(self.folder),
                remedy="Make room, or choose another folder",
            )  # fmt: skip


def file_stem(name: str) -> str:
    """A name as it stands in file names: ``"1C, end"`` becomes ``1C_end``."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("_.")


def write_vtu(mesh: FieldMesh, values: Mapping[str, np.ndarray], path: Path) -> None:
    """Write a part with ``values`` at its nodes as binary, compressed ``.vtu``; OSError if that fails."""
    import meshio

    cell_data = {name: [column] for name, column in mesh.cell_data.items()}
    whole = meshio.Mesh(mesh.points, [(mesh.kind, mesh.cells)], dict(values), cell_data)
    _replace(path, lambda part: meshio.vtu.write(part, whole, binary=True, compression="zlib"))


def read_vtu(path: Path) -> tuple[FieldMesh, dict[str, np.ndarray]]:
    """Cells of a file of :func:`write_vtu`, and the values at its nodes.

    Raises
    ------
    InputError
        The file is not there, or not such a file.
    """
    import meshio

    try:
        found = meshio.vtu.read(path)
        (block,) = found.cells
    except (OSError, ValueError, KeyError, ET.ParseError, meshio.ReadError) as error:
        raise InputError(f"fields cannot be read: {error}", field="fields", value=path.name) from error
    cell_data = {name: columns[0] for name, columns in found.cell_data.items()}
    mesh = FieldMesh(block.type, found.points, np.asarray(block.data, np.int32), cell_data)
    return mesh, {name: np.asarray(column) for name, column in found.point_data.items()}


def write_pvd(entries: Sequence[tuple[float, str]], path: Path) -> None:
    """Write a ParaView collection of (time [s], file name beside it)."""
    root = ET.Element("VTKFile", type="Collection", version="0.1", byte_order="LittleEndian")
    collection = ET.SubElement(root, "Collection")
    for time, name in entries:
        ET.SubElement(collection, "DataSet", timestep=repr(float(time)), group="", part="0", file=name)
    ET.indent(root)
    _replace(path, lambda part: ET.ElementTree(root).write(part, encoding="utf-8", xml_declaration=True))


def _replace(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file under another name and put it in its place; a failed write leaves the old file."""
    temporary = path.with_name(path.name + ".part")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
