"""HDF5 and NeXus files: datasets of three axes, voxel sizes from attributes or axes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ...errors import InputError, nearest
from .hdf5_calibration import calibration
from .nexus import default_signal
from .source import Box, Source, native, reading, wrong_dimension


def open_hdf5(path: Path, dataset: str | None = None) -> Source:
    """Open one dataset; blocks are read as hyperslabs.

    Without a name it is the default of the NeXus file, or else the only dataset of three axes.

    Raises
    ------
    InputError
        No HDF5, no such dataset (the nearest is named), several or none of three axes, an array that is no
        number, a compression that is not installed, parts of a virtual dataset that are missing.
    """
    with reading(path):
        try:
            file = h5py.File(path, "r")
        except PermissionError:
            raise
        except OSError as error:
            raise InputError(
                "this is no HDF5 file, or it is damaged", field="path", value=path.name,
                remedy="Copy or export it again",
            ) from error  # fmt: skip
        with file:
            node = _choose(file, path, dataset)
            _require_readable(node, path)
            voxel_size, where, notes = calibration(file, node)
            name, shape, dtype = node.name, node.shape, np.dtype(node.dtype)
            target = node.file.filename  # another file if an external link led there
            if dataset is None:
                notes = (*notes, f"dataset {name}")

    def read(box: Box) -> np.ndarray:
        with reading(path), h5py.File(target, "r") as again:
            return native(np.asarray(again[name][box]))

    return Source(path, shape, dtype, read, voxel_size, where, notes=notes)


def _choose(file: h5py.File, path: Path, name: str | None) -> h5py.Dataset:
    if name is not None:
        return _named(file, path, name)
    if (signal := default_signal(file)) is not None and signal.ndim == 3:
        return signal
    found = {node.name: node for node in _datasets(file) if node.ndim == 3 and node.dtype.kind in "buif"}
    if len(found) == 1:
        return next(iter(found.values()))
    if not found:
        others = {node.name: node.shape for node in _datasets(file)}
        raise InputError(
            "no dataset of this file has three axes", field="dataset", value=dict(list(others.items())[:8]),
            remedy="Give a file that holds a stack",
        )  # fmt: skip
    raise InputError(
        "several datasets of this file have three axes", field="dataset",
        value={key: node.shape for key, node in found.items()}, remedy="Name one of them by dataset",
    )  # fmt: skip


def _named(file: h5py.File, path: Path, name: str) -> h5py.Dataset:
    node = _get(file, name)
    if isinstance(node, h5py.Dataset):
        return node
    known = [item.name for item in _datasets(file)]
    close = nearest("/" + name.strip("/"), known)
    raise InputError(f"{path.name} has no dataset of this name", field="dataset", value=name, remedy=close)


def _get(group: h5py.Group, name: str) -> Any:
    """A member, None if its link leads nowhere."""
    try:
        return group.get(name)
    except (KeyError, OSError, ValueError):
        return None


def _datasets(group: h5py.Group, seen: set[Any] | None = None) -> Iterator[h5py.Dataset]:
    """All datasets below ``group``, each once, through soft and external links too."""
    seen = set() if seen is None else seen
    for name in group:
        node = _get(group, name)
        if node is None:
            continue
        info = h5py.h5o.get_info(node.id)
        if (key := (info.fileno, info.addr)) in seen:
            continue
        seen.add(key)
        if isinstance(node, h5py.Dataset):
            yield node
        elif isinstance(node, h5py.Group):
            yield from _datasets(node, seen)


def _require_readable(node: h5py.Dataset, path: Path) -> None:
    if node.dtype.kind not in "buif":
        raise InputError(
            "a dataset holds real numbers", field="dataset", value=(node.name, str(node.dtype)),
            remedy="Name the dataset of the image",
        )  # fmt: skip
    if node.ndim != 3:
        raise wrong_dimension(path, node.shape, f"{node.name} has {node.ndim}")
    for number in range(node.id.get_create_plist().get_nfilters()):
        code, _, _, label = node.id.get_create_plist().get_filter(number)
        if not h5py.h5z.filter_avail(code):
            raise InputError(
                f"the compression of {node.name} is not installed", field="dataset",
                value=label.decode("ascii", "replace") or code,
                remedy="Repack it: h5repack -f GZIP=4 in.h5 out.h5",
            )  # fmt: skip
    if node.is_virtual:  # HDF5 fills what it does not find with zeros, without a word
        parts = {part.file_name for part in node.virtual_sources()} - {"."}
        if lost := sorted(n for n in parts if "%" not in n and not (path.parent / n).is_file()):
            raise InputError(
                f"{node.name} is put together from files that are not there", field="dataset",
                value=lost[:5], remedy=f"Put them beside {path.name}",
            )  # fmt: skip
