"""Numbers of the quick variants that may not drift unnoticed.

A case file pins targets or findings with a tolerance and its reason; the file of drift holds the values they
had when it was written. Values are in the units of the targets, findings in SI.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError, nearest
from .book import Result

Value = float | str | None


def require_quick(file: Path | None, full: bool) -> None:
    """Drift is a matter of the quick variants: InputError if it is asked of the full ones."""
    if file is not None and full:
        raise InputError("pins belong to the quick variants", field="--drift", remedy="Leave --full out")


def pinned(result: Result) -> dict[str, Value]:
    """Values of the pinned targets and findings of a case.

    Raises
    ------
    InputError
        A pin that is neither a target nor a finding.
    """
    rows = {row.id: row.simulated for row in result.rows}
    known: dict[str, Any] = {**result.findings.values, **rows}
    for name in result.case.pins:
        if name not in known:
            raise InputError(
                "neither a target nor a finding", field=f"{result.case.name}: pins", value=name,
                remedy=nearest(name, list(known)),
            )  # fmt: skip
    return {name: known[name] for name in result.case.pins}


def write_drift(file: Path, results: Sequence[Result]) -> Path:
    """Write (or renew) the pinned values of these cases; others in the file stay."""
    content = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    for result in results:
        if not result.case.pins:
            continue
        content[result.case.name] = {
            name: {"value": _rounded(value),
                   "tolerance": result.case.pins[name].tolerance, "reason": result.case.pins[name].reason}
            for name, value in pinned(result).items()
        }  # fmt: skip
    text = json.dumps(dict(sorted(content.items())), indent=2, ensure_ascii=False, allow_nan=False)
    file.write_text(text + "\n", encoding="utf-8")
    return file


def _rounded(value: Value) -> Value:
    """Six digits, so that files written on two machines agree."""
    return value if not isinstance(value, float) else float(f"{value:.6g}")


def drifted(file: Path, result: Result) -> list[str]:
    """What has moved further than its tolerance since ``file`` was written, one line each."""
    content = json.loads(file.read_text(encoding="utf-8")).get(result.case.name, {})
    now, moved = pinned(result), []
    for name in sorted({*content, *now}):
        if name not in content or name not in now:
            moved.append(f"{result.case.name}.{name}: pinned in only one of case file and {file.name}")
            continue
        before, value, allowed = content[name]["value"], now[name], result.case.pins[name].tolerance
        same = before == value
        if isinstance(before, int | float) and isinstance(value, int | float):
            same = abs(before - value) <= allowed
        if not same:
            moved.append(f"{result.case.name}.{name}: {before} became {value} (tolerance {allowed:g})")
    return moved
