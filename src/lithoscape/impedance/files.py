"""Measured spectra from files: Gamry .DTA, BioLogic EC-Lab .mpt, Scribner ZView/ZPlot .z."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from ..errors import InputError, nearest
from ..spectra import Spectrum

CM2 = 1e-4


@dataclass(frozen=True)
class _Table:
    """Column names, rows of text, and the sample's area [m2] if the file says it."""

    columns: list[str]
    rows: list[list[str]]
    area: float | None = None


def read_spectrum(path: str | Path, sweep: int | None = None) -> Spectrum:
    """Read a measured spectrum [ohm].

    Parameters
    ----------
    path:
        File that ends with .DTA, .mpt or .z, in any case.
    sweep:
        Which of several sweeps, from 1; needed if there are several.

    Returns
    -------
    Spectrum
        ``about`` holds the file's name and, as "area [m2]", the sample's area where the file gives it.

    Raises
    ------
    InputError
        Unknown ending, missing columns (named), no rows, numbers that cannot be read, several sweeps.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in _FORMATS:
        raise InputError(
            "no such format of impedance files", field="file", value=str(path),
            remedy=nearest(path.suffix, [".DTA", ".mpt", ".z"]),
        )  # fmt: skip
    try:
        lines = path.read_text(encoding="latin-1").splitlines()
    except OSError as error:
        raise InputError(
            f"the file cannot be read: {error.strerror}", field="file", value=str(path),
            remedy="Check the path",
        ) from None  # fmt: skip
    reader, names, sign = _FORMATS[kind]
    table = reader(lines, path)
    f, real, imaginary = (_column(table, name, path) for name in names)
    measured = f > 0  # rows of other techniques carry a zero
    f, z = f[measured], real[measured] + 1j * sign * imaginary[measured]
    if f.size == 0:
        raise InputError(
            "the file holds no impedance", field="file", value=path.name, remedy="Export it again"
        )
    f, z = _chosen(f, z, sweep, path)
    about: dict[str, object] = {"file": path.name}
    if table.area is not None:
        about["area [m2]"] = table.area
    return Spectrum(f, z, "ohm", about)


def _chosen(f: np.ndarray, z: np.ndarray, sweep: int | None, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """One sweep of several: a new one begins where the frequency jumps back."""
    step = np.diff(np.log(f))
    usual = np.sign(np.median(step)) if step.size else 1.0
    starts = [0, *(np.flatnonzero(step * usual < -1e-9) + 1).tolist(), f.size]
    parts = [slice(a, b) for a, b in pairwise(starts)]
    if sweep is None and len(parts) > 1:
        raise InputError(
            f"the file holds {len(parts)} sweeps", field="file", value=path.name,
            remedy=f"Say which one: sweep=1 to {len(parts)}",
        )  # fmt: skip
    chosen = 1 if sweep is None else sweep
    if not 1 <= chosen <= len(parts):
        raise InputError(
            "there is no such sweep", field="sweep", value=sweep, remedy=f"Valid: 1 to {len(parts)}"
        )
    part = parts[chosen - 1]
    return f[part], z[part]


def _column(table: _Table, name: str, path: Path) -> np.ndarray:
    """A column as numbers; decimal commas are understood."""
    if name not in table.columns:
        raise InputError(
            f"the column {name!r} is missing", field="file", value=path.name,
            remedy=f"Export it too. Columns of the file: {', '.join(table.columns) or 'none'}",
        )  # fmt: skip
    k = table.columns.index(name)
    try:
        return np.array([float(row[k].replace(",", ".")) for row in table.rows])
    except (ValueError, IndexError) as error:
        raise InputError(
            f"a row of the column {name!r} is no number: {error}", field="file", value=path.name,
            remedy="Look whether the file is complete",
        ) from None  # fmt: skip


def _gamry(lines: Sequence[str], path: Path) -> _Table:
    """Table ZCURVE: a line of names, one of units, rows that begin with a tab."""
    area = None
    for line in lines:
        parts = line.split("\t")
        if parts[0] == "AREA" and len(parts) > 2:
            area = float(parts[2].replace(",", ".")) * CM2
    start = next((k for k, line in enumerate(lines) if line.startswith("ZCURVE")), None)
    if start is None or len(lines) < start + 3:
        raise InputError(
            "there is no table ZCURVE",
            field="file",
            value=path.name,
            remedy="Give a file of an EIS experiment",
        )
    columns = [name.strip() for name in lines[start + 1].split("\t")]
    rows = []
    for line in lines[start + 3 :]:
        if not line.startswith("\t"):
            break
        rows.append(line.split("\t"))
    return _Table(columns, rows, area)


def _biologic(lines: Sequence[str], path: Path) -> _Table:
    """Header whose length it tells, "Nb header lines : n", the last line of which has the names."""
    match = next((m for line in lines[:5] if (m := re.match(r"Nb header lines\s*:\s*(\d+)", line))), None)
    if match is None or not 1 <= int(match[1]) <= len(lines):
        raise InputError(
            "the file does not say how long its header is", field="file", value=path.name,
            remedy="Export it from EC-Lab as text with header",
        )  # fmt: skip
    count = int(match[1])
    area = None
    for line in lines[:count]:
        found = re.match(r"Electrode surface area\s*:\s*([\d.,]+)\s*cm", line)
        area = float(found[1].replace(",", ".")) * CM2 if found else area
    columns = [name.strip() for name in lines[count - 1].split("\t")]
    return _Table(columns, [line.split("\t") for line in lines[count:] if line.strip()], area)


def _zview(lines: Sequence[str], path: Path) -> _Table:
    """A line with the names, "End Comments", rows parted by commas, tabs or blanks."""
    head = next((k for k, line in enumerate(lines) if "Freq(Hz)" in line), None)
    if head is None:
        raise InputError(
            "the column 'Freq(Hz)' is missing", field="file", value=path.name,
            remedy="Save the file from ZView or ZPlot with its comments",
        )  # fmt: skip
    end = next((k for k in range(head, len(lines)) if "End Comments" in lines[k]), head)
    columns = re.split(r"[\s,]+", lines[head].strip())
    rows = [re.split(r"[\s,]+", line.strip()) for line in lines[end + 1 :] if line.strip()]
    return _Table(columns, rows)


_FORMATS: dict[str, tuple[Callable[[Sequence[str], Path], _Table], tuple[str, str, str], float]] = {
    ".dta": (_gamry, ("Freq", "Zreal", "Zimag"), 1.0),
    ".mpt": (_biologic, ("freq/Hz", "Re(Z)/Ohm", "-Im(Z)/Ohm"), -1.0),
    ".z": (_zview, ("Freq(Hz)", "Z'(a)", "Z''(b)"), 1.0),
}
FORMATS = tuple(_FORMATS)
"""Endings of files that are read, in lower case."""
