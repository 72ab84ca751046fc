"""Where published sources contradict themselves, as data in our own words.

A file ``sources/contradictions.yaml`` beside the case files: a list of sources, each with ``doi``,
``short`` (authors and year) and ``rows`` of id, severity, finding (what does not fit, with the
arithmetic) and treatment (what is done about it here).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..specification import parse_yaml

FILE = Path("sources") / "contradictions.yaml"
SEVERITIES = ("high", "medium", "low", "ok")
"""``ok`` is a check that the source passes; the book leaves it out."""


@dataclass(frozen=True)
class Contradiction:
    """One thing in a source that does not fit another."""

    id: str
    severity: str
    finding: str
    treatment: str


@dataclass(frozen=True)
class Source:
    """A publication and its contradictions; ``seed`` is its number in the table of all facts."""

    doi: str
    short: str
    seed: str
    rows: tuple[Contradiction, ...]


def read_sources(folder: Path) -> tuple[Source, ...]:
    """All sources beside the case files of ``folder``; none if there is no such file.

    Raises
    ------
    InputError
        An entry lacks a key or has an unknown severity.
    """
    path = folder / FILE
    if not path.is_file():
        return ()
    content = parse_yaml(path.read_text(encoding="utf-8"))
    return tuple(_source(entry) for entry in content)


def _source(entry: Any) -> Source:
    try:
        rows = tuple(Contradiction(**{k: str(v) for k, v in row.items()}) for row in entry["rows"])
        source = Source(str(entry["doi"]), str(entry["short"]), str(entry["seed"]), rows)
    except (TypeError, KeyError) as error:
        raise InputError(f"an entry is not complete: {error}", field=str(FILE)) from error
    for row in rows:
        if row.severity not in SEVERITIES:
            raise InputError("no such severity", field=f"{FILE}: {row.id}", value=row.severity)
    return source
