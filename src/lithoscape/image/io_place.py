"""Where the voxels of a file lie: crop, voxel size, orientation, and the record of how it was read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import InputError
from .formats import Box, Source
from .grid import Grid, edges

CONTRADICTION = 1e-3
"""Relative difference of voxel sizes from which a note is made."""

HASHED_WHOLE = 2**30
"""Bytes up to which a block is hashed completely."""

_FACTS = ("file", "bytes", "sha256", "sha256_of", "crop", "voxel_size_from")


def block(crop: Sequence[slice] | None, shape: tuple[int, int, int]) -> Box:
    """The crop as three slices with bounds; InputError unless it is a block inside the image."""
    slices = () if crop is None else tuple(crop)
    problem = len(slices) > 3 or not all(isinstance(s, slice) for s in slices)
    if not problem:
        slices += (slice(None),) * (3 - len(slices))
        bounds = [s.indices(n) for s, n in zip(slices, shape, strict=True)]
        beyond = any((s.stop or 0) > n for s, n in zip(slices, shape, strict=True))
        problem = beyond or any(step != 1 or start >= stop for start, stop, step in bounds)
    if problem:
        raise InputError(
            "a crop is a block inside the image", field="crop", value=str(crop),
            remedy=f"Give start:stop for up to three axes inside the shape {shape}",
        )  # fmt: skip
    a, b, c = (slice(start, stop) for start, stop, _ in bounds)
    return a, b, c


def place(
    source: Source, voxel_size: float | Sequence[float] | None, through: int | None, collector: str | None
) -> tuple[Grid, tuple[str, ...]]:
    """The grid of the whole image, and notes; InputError if nobody knows the voxel size."""
    notes, stated = source.notes, source.voxel_size
    if voxel_size is not None:
        chosen = edges(voxel_size)
        if stated is not None and not np.allclose(chosen, stated, rtol=CONTRADICTION, atol=0):
            notes += (f"the file states voxels of {_metres(stated)}; {_metres(chosen)} was given and used",)
    elif stated is None:
        raise InputError(
            "the file carries no voxel size" + "".join(f"; {note}" for note in notes), field="voxel_size",
            remedy="Give voxel_size in metres (--voxel-um on the command line)",
        )  # fmt: skip
    else:
        chosen = _credible(stated, source)
    header = source.header
    grid = Grid(
        source.shape,
        chosen,
        through if through is not None else (header.through or 0),
        collector if collector is not None else (header.collector or "low"),  # type: ignore[arg-type]
        header.origin or (0.0, 0.0, 0.0),
    )
    return grid, notes


def _credible(stated: tuple[float, float, float], source: Source) -> tuple[float, float, float]:
    try:
        return edges(stated)
    except InputError as error:
        raise InputError(
            f"the file states a voxel size that is none ({source.calibration})", field="voxel_size",
            value=stated, remedy="Give voxel_size in metres (--voxel-um on the command line)",
        ) from error  # fmt: skip


def record(
    source: Source, values: np.ndarray, box: Box, notes: tuple[str, ...], voxel_size: Any
) -> dict[str, Any]:
    """Provenance of what was read: that of the file, and how it was read.

    Keys: ``file`` (name without folder), ``bytes`` of it, ``sha256`` of the block in C order and
    ``sha256_of`` what, ``crop`` (start and stop of each axis, None for all), ``voxel_size_from``, ``notes``.
    If the file was itself written from something read, that reading moves into the list ``earlier``.
    """
    before = dict(source.header.provenance)
    facts = {key: before.pop(key) for key in _FACTS if key in before}
    earlier = [*before.pop("earlier", []), *([facts] if facts else [])]
    digest, of = fingerprint(values)
    return {
        **before,
        **({"earlier": earlier} if earlier else {}),
        "file": source.path.name,
        "bytes": source.path.stat().st_size if source.path.is_file() else None,
        "sha256": digest,
        "sha256_of": of,
        "crop": None if box == source.whole else [[s.start, s.stop] for s in box],
        "voxel_size_from": "caller" if voxel_size is not None else source.calibration,
        "notes": [*before.get("notes", []), *notes],
    }


def fingerprint(values: np.ndarray) -> tuple[str, str]:
    """SHA-256 of an array, page by page in C order, and what of it was hashed."""
    stride = max(1, -(-values.nbytes // HASHED_WHOLE))
    digest = hashlib.sha256()
    for page in values[::stride]:
        digest.update(np.ascontiguousarray(page))
    return digest.hexdigest(), "block" if stride == 1 else f"every page of {stride}"


def _metres(lengths: tuple[float, ...]) -> str:
    return "(" + ", ".join(f"{h:.6g}" for h in lengths) + ") m"
