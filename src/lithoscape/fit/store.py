"""Records on disk by the hash of what they are records of: a second look costs nothing.

The name of a file is the digest of experiment and parameters (as signac names jobs by their state point), so
a study that was interrupted finds what it has, whatever the order it asks in.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from .. import records
from ..errors import InputError


def digest(content: Mapping[str, Any]) -> str:
    """Hash of plain data, the same for the same content in any order of keys (24 hex digits)."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]


@dataclass(frozen=True)
class Store:
    """A folder of records."""

    folder: Path

    def path(self, key: str) -> Path:
        """File of the record ``key``."""
        return self.folder / key[:2] / f"{key}.nc"

    def get(self, key: str) -> xr.Dataset | None:
        """The record, or None; a file that cannot be read (a disk that was full) counts as none."""
        path = self.path(key)
        if not path.is_file():
            return None
        try:
            return records.load(path)
        except InputError:
            path.unlink(missing_ok=True)
            return None

    def put(self, key: str, record: xr.Dataset) -> None:
        """Write a record; readers see all of it or nothing, also if two processes write the same one."""
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        own = path.with_name(f"{key}.{os.getpid()}.nc")
        records.save(record, own)
        own.replace(path)

    def __len__(self) -> int:
        return sum(1 for path in self.folder.glob("??/*.nc") if path.stem.count(".") == 0)
