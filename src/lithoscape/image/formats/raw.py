"""Bare numbers: ``.raw`` and ``.dat`` with a sidecar, and MetaImage headers (``.mhd``, ``.mha``)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

from ...errors import InputError, nearest
from .header import Header, Sidecar, length_unit, metres
from .source import Box, Source, damaged, mapped, native, reading, require_size, wrong_dimension

_SIDECARS = (".json", ".yaml", ".yml")

_ELEMENTS = {
    "MET_UCHAR": "u1", "MET_CHAR": "i1", "MET_USHORT": "u2", "MET_SHORT": "i2", "MET_UINT": "u4",
    "MET_INT": "i4", "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
}  # fmt: skip


def open_raw(path: Path, dataset: str | None = None) -> Source:
    """Open bare numbers that a sidecar describes, as a memory map.

    Raises
    ------
    InputError
        No sidecar, an unknown key in it, a type that is no number, or a size that is not the file's.
    """
    side = next((s for end in _SIDECARS if (s := path.with_name(path.name + end)).is_file()), None)
    if side is None:
        raise InputError(
            "a file of bare numbers does not say its shape", field="path", value=path.name,
            remedy=f"Write {path.name}.json beside it, such as "
            '{"shape": [100, 200, 200], "dtype": "uint8", "voxel_size_um": 0.4}',
        )  # fmt: skip
    header = _sidecar(side)
    if header.shape is None or header.dtype is None:
        raise InputError(
            f"{side.name} does not say everything", field="shape" if header.shape is None else "dtype",
            remedy="Give shape (pages, rows, columns) and dtype, such as [100, 200, 200] and uint8",
        )  # fmt: skip
    dtype = _dtype(header.dtype, header.byte_order, side)
    _require_size(path, dtype, header)
    shape = header.shape

    def read(box: Box) -> np.ndarray:
        return native(mapped(path, dtype, shape, header.offset, header.order)[box])

    return Source(path, shape, dtype, read, header.edges(), f"sidecar {side.name}", header)


def _sidecar(side: Path) -> Sidecar:
    text = side.read_text(encoding="utf-8", errors="replace")
    if side.suffix == ".json":
        return Sidecar.read(text, side)
    try:
        return Sidecar.of(yaml.safe_load(text), side)
    except yaml.YAMLError as error:
        raise damaged(side, error) from error


def _dtype(name: str, byte_order: str, side: Path) -> np.dtype:
    try:
        dtype = np.dtype(name)
    except (TypeError, ValueError, SyntaxError):
        dtype = np.dtype(object)
    if dtype.kind not in "buif":
        valid = ["uint8", "uint16", "uint32", "int8", "int16", "int32", "float32", "float64"]
        raise InputError(
            f"{side.name} names no type of number", field="dtype", value=name, remedy=nearest(name, valid)
        )
    # A type such as ">u2" states its own order; "uint16" leaves it to the key.
    return dtype if name.startswith((">", "<")) else dtype.newbyteorder(">" if byte_order == "big" else "<")


def _require_size(path: Path, dtype: np.dtype, header: Sidecar) -> None:
    shape = header.shape or (0, 0, 0)
    if min(shape) < 1:
        raise InputError(
            "an image has at least one voxel along every axis", field="shape", value=shape,
            remedy="Give pages, rows, columns",
        )  # fmt: skip
    size, needed = path.stat().st_size, header.offset + np.prod(shape, dtype=object) * dtype.itemsize
    if size != needed:
        raise InputError(
            f"shape, dtype and offset make {needed} bytes, {path.name} has {size}", field="shape",
            value=(shape, dtype.name, header.offset),
            remedy="Correct the sidecar; bytes before the image are its offset",
        )  # fmt: skip


def open_metaimage(path: Path, dataset: str | None = None) -> Source:
    """Open a MetaImage: an ASCII header, its numbers in another file or behind it.

    ``DimSize`` counts columns, rows, pages. The spacing counts only with ``DistanceUnits``; without it the
    header states a number of which nobody says what it measures.

    Raises
    ------
    InputError
        A header without the needed entries, compressed or split data, several channels, not three axes.
    """
    with reading(path):
        entries, end = _entries(path)
        dims = [int(n) for n in entries["DimSize"].split()]
        element = entries["ElementType"]
    _require_simple(path, entries)
    if len(dims) != 3:
        raise wrong_dimension(path, tuple(dims))
    shape = (dims[2], dims[1], dims[0])
    big = entries.get("BinaryDataByteOrderMSB", entries.get("ElementByteOrderMSB", "False")) == "True"
    dtype = np.dtype(_ELEMENTS[element]).newbyteorder(">" if big else "<")
    name = entries["ElementDataFile"]
    data = path if name == "LOCAL" else path.with_name(name)
    if not data.is_file():
        raise InputError(
            "the header names a data file that is not there", field="ElementDataFile", value=name,
            remedy=f"Put it beside {path.name}",
        )  # fmt: skip
    with reading(path):
        offset = _offset(entries, end, data, dtype, shape)
        require_size(data, dtype, shape, offset)
    voxel_size, notes = _spacing(path, entries)

    def read(box: Box) -> np.ndarray:
        return native(mapped(data, dtype, shape, offset, "C")[box])

    return Source(path, shape, dtype, read, voxel_size, "ElementSpacing", Header(), notes)


def _entries(path: Path) -> tuple[dict[str, str], int]:
    """Entries of the header, and the position after its last line."""
    entries: dict[str, str] = {}
    with path.open("rb") as file:
        while "ElementDataFile" not in entries:
            line = file.readline(4096)
            key, equals, value = line.decode("ascii").partition("=")
            if not equals:
                raise ValueError(f"no entry in the line {line[:40]!r}; ElementDataFile is missing")
            entries[key.strip()] = value.strip()
        return entries, file.tell()


def _require_simple(path: Path, entries: dict[str, str]) -> None:
    single = entries.get("ElementNumberOfChannels", "1") == "1"
    plain = entries.get("CompressedData", "False") != "True" and entries.get("BinaryData", "True") == "True"
    one_file = entries["ElementDataFile"].split()[:1] != ["LIST"] and "%" not in entries["ElementDataFile"]
    if not (single and plain and one_file and entries["ElementType"] in _ELEMENTS):
        raise InputError(
            "only uncompressed numbers of one channel in one file are read from a MetaImage", field="path",
            value=path.name, remedy="Save it without compression, or as a TIFF stack",
        )  # fmt: skip


def _offset(entries: dict[str, str], end: int, data: Path, dtype: np.dtype, shape: tuple[int, ...]) -> int:
    """Where the numbers start; HeaderSize -1 means at the end of the file, counted from behind."""
    if entries["ElementDataFile"] == "LOCAL":
        return end
    size = int(entries.get("HeaderSize", "0"))
    if size >= 0:
        return size
    return max(0, data.stat().st_size - int(np.prod(shape, dtype=object)) * dtype.itemsize)


def _spacing(
    path: Path, entries: dict[str, str]
) -> tuple[tuple[float, float, float] | None, tuple[str, ...]]:
    text = entries.get("ElementSpacing", entries.get("ElementSize", ""))
    unit = length_unit(entries.get("DistanceUnits", "?"))
    if not text:
        return None, ()
    if unit is None:
        return None, (f"{path.name} states the spacing {text} without a unit; it was not used",)
    with reading(path):
        x, y, z = (metres(float(h), unit) for h in text.split())
    return (z, y, x), ()
