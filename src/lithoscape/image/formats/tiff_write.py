"""TIFF stacks that ImageJ opens with their calibration, and Lithoscape with everything else."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from .header import Header
from .source import written
from .tiff_file import TAG

_CLASSIC = 2**32 - 2**25
"""Bytes that a TIFF with 32-bit positions holds beside its tags."""


def write_tiff(path: Path, values: np.ndarray, header: Header) -> None:
    """Write a stack with ZIP (deflate) compression; the header stands in a private tag of the first page.

    8-bit, 16-bit and single-precision stacks are ImageJ hyperstacks with voxel size in micrometres; other
    types and stacks above 4 GB are plain or Big TIFF, which ImageJ reads through Bio-Formats.
    """
    tag = (TAG, 2, 0, header.text(), True)
    common: dict[str, Any] = {"compression": "zlib", "photometric": "minisblack", "extratags": [tag]}
    with written(path) as (part,), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        if _suits_imagej(values):
            z, y, x = (h * 1e6 for h in header.edges() or (1e-6, 1e-6, 1e-6))
            metadata = {"axes": "ZYX", "spacing": z, "unit": "um"}
            tifffile.imwrite(
                part, values, imagej=True, resolution=(1 / x, 1 / y), metadata=metadata, **common
            )  # fmt: skip
        else:
            big = values.nbytes > _CLASSIC
            tifffile.imwrite(part, values, bigtiff=big, metadata={"axes": "ZYX"}, **common)


def _suits_imagej(values: np.ndarray) -> bool:
    # tifffile takes a last axis of one column for samples of a pixel.
    kinds = (np.uint8, np.uint16, np.float32)
    return values.dtype in kinds and values.nbytes <= _CLASSIC and values.shape[2] > 1
