"""Reading and writing images; the suffix of the file decides its format.

========================  ============================================================================
``.tif`` ``.tiff``        stacks: plain, ImageJ, OME, Lithoscape's own; read and written
a folder                  of slices, one TIFF each, in natural order of their names; read
``.raw`` ``.dat``         bare numbers with a sidecar ``NAME.raw.json`` or ``.yaml``; read
``.mhd`` ``.mha``         MetaImage, uncompressed; read
``.h5`` ``.hdf5`` ...     HDF5 and NeXus (``.nxs``, ``.nx``); read
``.npy``                  NumPy with a sidecar ``NAME.npy.json``; read and written
``.vti``                  VTK image data, for ParaView; read and written
========================  ============================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, nearest
from .formats import (
    Header,
    Source,
    open_folder,
    open_hdf5,
    open_metaimage,
    open_npy,
    open_raw,
    open_tiff,
    open_vti,
    write_npy,
    write_tiff,
    write_vti,
)
from .grid import Grid
from .io_labels import check_phases, named, whole_numbers
from .io_place import block, place, record
from .io_table import from_plain, to_plain
from .volume import GreyImage, Instances, Volume

READERS: dict[str, Callable[[Path, str | None], Source]] = {
    ".tif": open_tiff, ".tiff": open_tiff,
    ".raw": open_raw, ".dat": open_raw,
    ".mhd": open_metaimage, ".mha": open_metaimage,
    ".h5": open_hdf5, ".hdf5": open_hdf5, ".nxs": open_hdf5, ".nx": open_hdf5,
    ".npy": open_npy, ".vti": open_vti,
}  # fmt: skip
"""Opening function by suffix."""

WRITERS: dict[str, Callable[[Path, np.ndarray, Header], None]] = {
    ".tif": write_tiff, ".tiff": write_tiff, ".npy": write_npy, ".vti": write_vti
}  # fmt: skip
"""Writing function by suffix."""

FilePath = str | PathLike[str]


def read_volume(
    path: FilePath,
    *,
    phases: Mapping[str, int] | None = None,
    voxel_size: float | Sequence[float] | None = None,
    through: int | None = None,
    collector: str | None = None,
    crop: Sequence[slice] | None = None,
    dataset: str | None = None,
) -> Volume:
    """A labelled image from a file.

    Parameters
    ----------
    path:
        File or folder, see the module.
    phases:
        Name of a phase -> its label. Without them those of the file, or ``"phase 0"``, ``"phase 85"``.
    voxel_size:
        One edge or three (pages, rows, columns) [m]. It wins over the file; a contradiction of more than
        0.1 % is noted in the provenance.
    through, collector:
        Orientation, see :class:`~lithoscape.image.grid.Grid`; without them the file's, or 0 and ``"low"``.
    crop:
        Block to read, start:stop along each axis; trailing axes may be left out. Only what it needs is read,
        except that a phase which the block lacks is looked for in the rest of the file. Coordinates stay
        those of the whole image.
    dataset:
        Dataset of an HDF5 file or array of a VTK file.

    Returns
    -------
    Volume
        Its provenance has the file name, the voxel size's source, the crop, notes, and the SHA-256 of the
        labels (see :func:`~lithoscape.image.io_place.record`), added to the provenance that the file carries.

    Raises
    ------
    InputError
        Missing or damaged file, not three axes, no voxel size, a named phase that the whole file lacks, a
        label without a name, grey levels instead of labels.
    """
    source = _open(path, dataset)
    _require_kind(source, "volume")
    box = block(crop, source.shape)
    grid, notes = place(source, voxel_size, through, collector)
    labels = whole_numbers(source.read(box), source.path)
    header = source.header
    own = header.phases if header.phases else None
    if phases is None:
        names = own or named(labels, source.path)
    else:
        names = check_phases(phases, labels, source, box)
        if own and names != own:
            notes += (f"the phases {own} of the file were named anew",)
    properties = {name: values for name, values in header.properties.items() if name in names}
    return Volume(labels, grid.crop(box), names, properties, record(source, labels, box, notes, voxel_size))


def read_grey(
    path: FilePath,
    *,
    voxel_size: float | Sequence[float] | None = None,
    through: int | None = None,
    collector: str | None = None,
    crop: Sequence[slice] | None = None,
    dataset: str | None = None,
) -> GreyImage:
    """A grey-level image from a file; a memory map where the file allows one.

    Parameters and errors are those of :func:`read_volume`, but for the phases. The digest in the provenance
    of an image above 1 GiB is that of evenly spaced pages.
    """
    source = _open(path, dataset)
    _require_kind(source, "grey")
    box = block(crop, source.shape)
    grid, notes = place(source, voxel_size, through, collector)
    values = source.read(box)
    if values.dtype.kind == "b":
        values = values.view(np.uint8)
    return GreyImage(values, grid.crop(box), record(source, values, box, notes, voxel_size))


def read_instances(
    path: FilePath,
    *,
    phase: str | None = None,
    voxel_size: float | Sequence[float] | None = None,
    through: int | None = None,
    collector: str | None = None,
    crop: Sequence[slice] | None = None,
    dataset: str | None = None,
) -> Instances:
    """Numbered particles from a file.

    Parameters and errors are those of :func:`read_volume`; ``phase`` names the phase whose particles these
    are, if the file does not. A crop comes without the table, whose rows describe whole particles.
    """
    source = _open(path, dataset)
    _require_kind(source, "instances")
    phase = phase or source.header.phase
    if phase is None:
        raise InputError(
            "the file does not say whose particles it holds", field="phase", value=source.path.name,
            remedy="Give phase, such as 'active'",
        )  # fmt: skip
    box = block(crop, source.shape)
    grid, _ = place(source, voxel_size, through, collector)
    labels = whole_numbers(source.read(box), source.path)
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= 2**31:
        raise InputError(
            "particle numbers lie between 0 and 2147483647", field="path",
            value=(source.path.name, low, high), remedy="Give 0 for no particle and 1..N for the particles",
        )  # fmt: skip
    table = source.header.table if box == source.whole else None
    return Instances(labels, grid.crop(box), phase, from_plain(table, source.path))


def write_volume(volume: Volume, path: FilePath) -> Path:
    """Write a volume with everything that belongs to it; :func:`read_volume` gives it back.

    Parameters
    ----------
    volume:
        What to write.
    path:
        ``.tif``, ``.npy`` or ``.vti``. A file of that name is replaced once the new one is complete.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        Unknown suffix, no such folder, or no way to write there.
    """
    properties = {name: dict(values) for name, values in volume.properties.items()}
    phases = dict(volume.phases)
    header = _header("volume", volume.grid, volume.provenance, phases=phases, properties=properties)
    return _write(path, volume.labels, header)


def write_grey(image: GreyImage, path: FilePath) -> Path:
    """Write a grey-level image; arguments and errors as for :func:`write_volume`."""
    return _write(path, image.values, _header("grey", image.grid, image.provenance))


def write_instances(instances: Instances, path: FilePath) -> Path:
    """Write numbered particles with their table; arguments and errors as for :func:`write_volume`."""
    labels = instances.labels
    if labels.min() >= 0 and labels.max() < 65536:
        labels = labels.astype(np.uint16)  # half the size, and ImageJ knows it
    table = to_plain(instances.table)
    return _write(path, labels, _header("instances", instances.grid, {}, phase=instances.phase, table=table))


def _header(kind: str, grid: Grid, provenance: Mapping[str, Any], **content: Any) -> Header:
    where = {key: getattr(grid, key) for key in ("voxel_size", "origin", "through", "collector")}
    known = {str(key): value for key, value in provenance.items()}
    return Header.model_validate({"lithoscape": 1, "kind": kind, "provenance": known, **where, **content})


def _open(path: FilePath, dataset: str | None) -> Source:
    """The source of a file or folder; InputError if there is none or its suffix is unknown."""
    path = Path(path)
    if not path.exists():
        beside = [f.name for f in path.parent.iterdir()] if path.parent.is_dir() else []
        close = nearest(path.name, beside).partition(" Valid:")[0] if beside else ""
        raise InputError(
            "there is no such file", field="path", value=str(path),
            remedy=close if close.startswith("Did") else "Check the name and the folder",
        )  # fmt: skip
    opener = open_folder if path.is_dir() else READERS.get(path.suffix.lower())
    if opener is None:
        raise InputError(
            "the suffix names no image format", field="path", value=path.name,
            remedy=f"Readable: a folder of TIFF slices, {', '.join(READERS)}",
        )  # fmt: skip
    if dataset is not None and opener not in (open_hdf5, open_vti):
        raise InputError(
            "only HDF5 and VTK files have datasets", field="dataset", value=dataset, remedy="Leave it out"
        )
    source = opener(path, dataset)
    if min(source.shape) < 1:
        raise InputError(
            "the image has no voxel", field="path", value=(path.name, source.shape), remedy="Export it again"
        )
    return source


def _require_kind(source: Source, wanted: str) -> None:
    """InputError if the file says that it holds something else; labels may be read as grey levels."""
    kind = source.header.kind
    if kind in (None, wanted) or (wanted, kind) == ("grey", "volume"):
        return
    what = {"volume": "a labelled volume", "grey": "grey levels", "instances": "particle numbers"}[str(kind)]
    remedy = "Segment it first" if (wanted, kind) == ("volume", "grey") else f"Read it by read_{kind}"
    raise InputError(f"the file holds {what}", field="path", value=source.path.name, remedy=remedy)


def _write(path: FilePath, values: np.ndarray, header: Header) -> Path:
    path = Path(path)
    writer = WRITERS.get(path.suffix.lower())
    if writer is None or path.name.lower().endswith((".ome.tif", ".ome.tiff")):
        raise InputError(
            "the suffix names no format that is written", field="path", value=path.name,
            remedy=f"Give one of {', '.join(WRITERS)}",
        )  # fmt: skip
    if not path.parent.is_dir():
        raise InputError(
            "there is no such folder", field="path", value=str(path.parent), remedy="Create it first"
        )
    if path.is_dir():
        raise InputError("this is a folder", field="path", value=str(path), remedy="Give a file name")
    writer(path, values, header)
    return path
