"""What a study of the validation book asks for and what it returns.

A case file holds targets; the study beside it (a Python file of the same name with a function ``study``)
makes what they are compared with: records of runs, numbers by name, tables, pictures.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

import xarray as xr

from ..errors import InputError, LithoscapeError, SolveError


@dataclass(frozen=True)
class Table:
    """Rows for the book; cells are shown as they are, numbers in four digits."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""
    timing: bool = False
    """Whether the numbers change from run to run (times of computation); the book marks such tables."""


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
    unseen, missing:
        By the same names, why a value is not there: ``unseen`` if everything was simulated and what is asked
        for does not happen, ``missing`` if it could not be computed.
    records:
        Records by name; targets name the one they read, else the first is read.
    tables, pictures, remarks:
        For the page of the book; remarks are paragraphs of Markdown.
    """

    values: dict[str, float | str] = field(default_factory=dict)
    unseen: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
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

        ``changes`` are dotted keys of the scenario and their values. The record's attributes ``folder``
        (its run folder, with ``maps.nc``) and ``wall_time_s`` tell where it lies and what it cost.

        Raises
        ------
        SolveError
            The run failed.
        KeyboardInterrupt
            It was interrupted; the next call continues it.
        """

    def say(self, text: str) -> None:
        """Tell how far the study is."""


Study = Callable[[Context], Findings]


def require_data(context: Context, *parts: str) -> Path:
    """The file or folder ``parts`` below the data folder.

    Raises
    ------
    InputError
        LITHOSCAPE_DATA is not set, or has no such entry.
    """
    if context.data is None:
        raise InputError(
            "is not set, and this study reads measured data", field="LITHOSCAPE_DATA",
            remedy="Set it to the folder that holds measured/ and volumes/",
        )  # fmt: skip
    path = context.data.joinpath(*parts)
    if not path.exists():
        raise InputError(
            f"has no {'/'.join(parts)}", field="LITHOSCAPE_DATA", value=str(context.data),
            remedy="Set it to the folder that holds measured/ and volumes/",
        )  # fmt: skip
    return path


def load_study(path: Path) -> Study:
    """The function ``study`` of a Python file. Files of its folder can be imported by it.

    Raises
    ------
    InputError
        The file cannot be executed, or has no such function.
    """
    name = f"lithoscape_study_{path.stem}"
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses look their module up
    sys.path.insert(0, str(path.parent))
    try:
        specification.loader.exec_module(module)
    except Exception as error:
        raise InputError(f"cannot be loaded: {_told(error)}", field=path.name) from error
    finally:
        sys.path.remove(str(path.parent))
    study = getattr(module, "study", None)
    if not callable(study):
        raise InputError("has no function study(context)", field=path.name, remedy="Write one")
    return cast(Study, study)


def perform(study: Study, context: Context, name: str) -> Findings:
    """What the study found; whatever it raises becomes one error that names the case.

    Raises
    ------
    LithoscapeError
        The study's own (its exit code is kept), or a SolveError for anything else.
    """
    try:
        found = study(context)
    except LithoscapeError as error:
        raise type(error)(
            f"{name}: {error.message}", field=error.field, value=error.value, remedy=error.remedy
        ) from error
    except Exception as error:
        raise SolveError(
            f"the study failed: {_told(error)}", field=name, remedy="It is the study that has to be mended"
        ) from error
    if not isinstance(found, Findings):
        raise SolveError("the study returned no Findings", field=name, value=type(found).__name__)
    return found


def _told(error: Exception) -> str:
    """Kind, text and last line of an exception."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f" ({Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})"
    return f"{type(error).__name__}: {error}{place}"
