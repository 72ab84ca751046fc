"""Opening a TIFF so that nothing tifffile says about it is lost, and nothing of it leaks."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from ...errors import InputError
from .source import damaged, reading

TAG = 65123
"""Private tag of Lithoscape's own header (JSON); the numbers from 65000 up are free for private use."""

_HARMLESS = ("shaped series",)
"""Complaints about a description that an editor left behind; the pages themselves are intact."""

_LOSSES = ("missing", "zeroed", "corrupted", "incompletely", "not read", "contains no pages", "invalid off")
"""Words of tifffile's warnings that mean a loss of data."""


class _Records(logging.Filter):
    """Keeps what the thread that made it logs, and lets nothing of that pass on to any handler."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[tuple[int, str]] = []
        self.thread = threading.get_ident()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record passes on."""
        if threading.get_ident() != self.thread:
            return True
        if record.levelno >= logging.WARNING:
            self.records.append((record.levelno, record.getMessage()))
        return False


@contextmanager
def tiff_file(path: Path) -> Iterator[tuple[tifffile.TiffFile, list[str]]]:
    """An open TIFF and the list of what tifffile complained of; a loss of data is an InputError.

    tifffile logs a broken chain of pages and returns the pages before the break. Such a record is raised
    when the block ends, others are left in the list.
    """
    logger, heard = logging.getLogger("tifffile"), _Records()
    logger.addFilter(heard)
    complaints: list[str] = []
    try:
        with reading(path), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                with tifffile.TiffFile(path) as tif:
                    yield tif, complaints
            except tifffile.TiffFileError as error:
                raise _no_tiff(path, error) from error
            except Exception as error:
                # A broken file looks like one of few pages: say what was logged, not what follows from it.
                if lost := _sort(heard.records, []):
                    raise damaged(path, lost) from error
                raise
            if lost := _sort(heard.records, complaints):
                raise damaged(path, lost)
    finally:
        logger.removeFilter(heard)


def _no_tiff(path: Path, error: Exception) -> InputError:
    return InputError(
        f"this is no TIFF file ({error})", field="path", value=path.name,
        remedy="Check the name; export the image again as TIFF",
    )  # fmt: skip


def _sort(records: list[tuple[int, str]], complaints: list[str]) -> str:
    """The first record that means a loss of data, without its address; the others go to ``complaints``."""
    for level, text in records:
        message = text.split("> ", 1)[-1]
        harmless = any(words in text for words in _HARMLESS)
        if not harmless and (level >= logging.ERROR or any(word in text for word in _LOSSES)):
            return message
        complaints.append(f"tifffile: {message}")
    return ""


def require_data(page: Any, size: int, path: Path) -> None:
    """InputError unless every strip or tile of ``page`` lies inside the ``size`` bytes of its file."""
    if any(count == 0 for count in page.databytecounts):
        raise damaged(path, f"page {page.index} lacks a strip")
    end = max((o + c for o, c in zip(page.dataoffsets, page.databytecounts, strict=False)), default=0)
    if end > size:
        raise damaged(path, f"page {page.index} ends at byte {end}, the file at byte {size}")
    frame = page.keyframe
    needed = frame.nbytes if frame.compression == 1 and not frame.is_tiled else 0
    if sum(page.databytecounts) < needed:
        raise damaged(path, f"page {page.index} holds {sum(page.databytecounts)} of {needed} bytes")


def number_type(page: Any, path: Path) -> np.dtype:
    """Type of the numbers of a page; InputError for one that NumPy does not have."""
    if page.dtype is None:
        raise InputError(
            "the numbers are of no known type", field="path", value=(path.name, page.bitspersample),
            remedy="Save the stack with 8, 16 or 32 bits per voxel",
        )  # fmt: skip
    return np.dtype(page.dtype)


def decode(page: Any, path: Path) -> np.ndarray:
    """Numbers of one page (rows, columns).

    tifffile decodes LZW and some others only with an optional package; libtiff, by way of Pillow, does too.
    """
    try:
        return np.asarray(page.asarray())
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
    return _decode_pillow(page, path)


def _decode_pillow(page: Any, path: Path) -> np.ndarray:
    from PIL import Image

    unsupported = InputError(
        f"the compression {page.keyframe.compression.name} cannot be read", field="path", value=path.name,
        remedy="Save the stack uncompressed or with ZIP (deflate) compression",
    )  # fmt: skip
    try:
        with Image.open(path) as image:
            image.seek(page.index)
            values = np.asarray(image)
    except (OSError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise unsupported from error
    expected = page.keyframe
    if values.shape != expected.shape[-2:] or values.dtype.itemsize != expected.dtype.itemsize:
        raise unsupported
    return values
