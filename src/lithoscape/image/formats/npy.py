"""NumPy files, with a JSON sidecar for what the array cannot carry."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ...errors import InputError
from .header import Header, Sidecar
from .source import Box, Source, native, reading, written, wrong_dimension


def sidecar_of(path: Path) -> Path:
    """Where the sidecar of ``path`` stands: NAME.npy.json."""
    return path.with_name(path.name + ".json")


def open_npy(path: Path, dataset: str | None = None) -> Source:
    """Open a ``.npy`` as a memory map; its sidecar is read if there is one.

    Raises
    ------
    InputError
        Not a NumPy file, cut short, Python objects, not three axes, or a sidecar of another shape.
    """
    with reading(path):
        values = np.lib.format.open_memmap(path, mode="r")
    shape, dtype = values.shape, values.dtype
    if len(shape) != 3:
        raise wrong_dimension(path, shape)
    side = sidecar_of(path)
    header = Sidecar.read(side.read_text(encoding="utf-8"), side) if side.is_file() else Sidecar()
    if header.shape is not None and header.shape != shape:
        raise InputError(
            f"{side.name} describes an image of the shape {shape}, not this one", field="shape",
            value=header.shape, remedy="The array was replaced: correct or delete the sidecar",
        )  # fmt: skip

    def read(box: Box) -> np.ndarray:
        with reading(path):
            return native(np.lib.format.open_memmap(path, mode="r")[box])

    return Source(path, shape, dtype, read, header.edges(), f"sidecar {side.name}", header)


def write_npy(path: Path, values: np.ndarray, header: Header) -> None:
    """Write an array and its sidecar; both appear, or neither."""
    with written(path, sidecar_of(path)) as (array, side):
        with array.open("wb") as file:
            np.save(file, values, allow_pickle=False)
        content = {**json.loads(header.text()), "shape": values.shape, "dtype": str(values.dtype)}
        side.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
