"""What a study of the validation book asks for and what it returns.

A case file holds targets; the study beside it (a Python file of the same name with a function ``study``)
makes what they are compared with: records of runs, numbers by name, tables, pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import xarray as xr


@dataclass(frozen=True)
class Table:
    """Rows for the book; cells are shown as they are, numbers in four digits."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""


@dataclass(frozen=True)
class Picture:
    """A PNG file and what it shows."""

    file: Path
    caption: str


@dataclass
class Findings:
    """What a study found.

    Attributes
    ----------
    values:
        Numbers in SI, or patterns as text, by the names that targets give with the observable ``finding``.
    records:
        Records by name; targets name the one they read, else the first is read.
    tables, pictures, remarks:
        For the page of the book; remarks are paragraphs of Markdown.
    """

    values: dict[str, float | str] = field(default_factory=dict)
    records: dict[str, xr.Dataset] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


class Context(Protocol):
    """What a study is given.

    Attributes
    ----------
    folder:
        Folder of the case, kept between runs: pictures and intermediate files go there.
    quick:
        Whether the variant that runs in minutes is asked for.
    data:
        Folder of measured data and volumes (``LITHOSCAPE_DATA``), or None.
    """

    folder: Path
    quick: bool
    data: Path | None

    def run(
        self, scenario: str, variant: str | None = None, changes: Mapping[str, Any] | None = None
    ) -> xr.Dataset:
        """Record of a scenario (relative to the case file); run once, then read from the folder.

        ``changes`` are dotted keys of the scenario and their values.
        """

    def say(self, text: str) -> None:
        """Tell how far the study is."""


Study = Callable[[Context], Findings]
