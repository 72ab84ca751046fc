"""An image file that has been opened but not read, and what every format shares."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...errors import InputError, LithoscapeError
from .header import Header

Box = tuple[slice, slice, slice]
"""Half-open bounds along the three array axes."""


@dataclass(frozen=True)
class Source:
    """What a file says about its image, and how to get a block of it.

    Parameters
    ----------
    path:
        The file, or the folder of slices.
    shape, dtype:
        Of the whole image; pages, rows, columns.
    read:
        Block of a box, in the machine's byte order. A memory map where the file allows one.
    voxel_size:
        Edges of a voxel as the file states them, unchecked [m]; None if it states none.
    calibration:
        Where in the file the voxel size stands.
    header:
        What Lithoscape, or a sidecar, wrote about the image.
    notes:
        What a reader should know about how the file was understood.
    """

    path: Path
    shape: tuple[int, int, int]
    dtype: np.dtype
    read: Callable[[Box], np.ndarray]
    voxel_size: tuple[float, float, float] | None = None
    calibration: str = ""
    header: Header = field(default_factory=Header)
    notes: tuple[str, ...] = ()

    @property
    def whole(self) -> Box:
        """The box of all voxels."""
        a, b, c = (slice(0, n) for n in self.shape)
        return a, b, c


def native(block: np.ndarray) -> np.ndarray:
    """``block`` in the machine's byte order (compiled kernels know no other); unchanged if it is already."""
    if block.dtype.isnative:
        return block
    return block.astype(block.dtype.newbyteorder("="))


def mapped(path: Path, dtype: np.dtype, shape: tuple[int, ...], offset: int, order: str) -> np.ndarray:
    """Read-only memory map of numbers that lie in ``path`` one after the other; InputError if they cannot.

    Map anew for every block: the pages that a block touched are then given back with it.
    """
    require_size(path, dtype, shape, offset)
    return np.memmap(path, dtype, "r", offset, shape, "F" if order == "F" else "C")


def require_size(path: Path, dtype: np.dtype, shape: tuple[int, ...], offset: int) -> None:
    """InputError if ``path`` ends before numbers of this shape do."""
    size, needed = path.stat().st_size, offset + math.prod(shape) * dtype.itemsize
    if size < needed:
        raise damaged(path, f"{needed} bytes are needed for {shape} of {dtype}, {size} are there")


def damaged(path: Path, why: object) -> InputError:
    """The error of a file that is broken off or overwritten."""
    text = str(why) or type(why).__name__
    return InputError(
        f"the file is damaged or incomplete ({text[:200]})", field="path", value=path.name,
        remedy="Copy or export it again",
    )  # fmt: skip


def wrong_dimension(path: Path, shape: tuple[int, ...], why: str = "") -> InputError:
    """The error of a file whose numbers have no three axes."""
    reason = "a single slice has no depth" if len(shape) == 2 else f"it has {len(shape)} axes"
    return InputError(
        f"an image has three axes; {why or reason}", field="path", value=(path.name, tuple(shape)),
        remedy="Give a stack of slices, a folder of them, or one channel and one moment of a series",
    )  # fmt: skip


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Whatever a library raises about the content of ``path`` becomes an InputError.

    A damaged file makes the libraries raise almost anything (struct.error, zlib.error, IndexError,
    MemoryError of an absurd shape), so everything is caught that this package did not raise itself.
    """
    try:
        yield
    except LithoscapeError:
        raise
    except PermissionError as error:
        raise InputError(
            "the file may not be read", field="path", value=path.name, remedy="Check its permissions"
        ) from error
    except Exception as error:
        raise damaged(path, error) from error


@contextmanager
def written(*paths: Path) -> Iterator[tuple[Path, ...]]:
    """Temporary files that replace ``paths`` only once all of them are complete."""
    parts = tuple(path.with_name(path.name + ".part") for path in paths)
    try:
        yield parts
        for part, path in zip(parts, paths, strict=True):
            part.replace(path)
    except OSError as error:
        raise InputError(
            f"the file cannot be written ({error.strerror or error})", field="path", value=paths[0].name,
            remedy="Check the permissions of the folder and the space left on the disk",
        ) from error  # fmt: skip
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
