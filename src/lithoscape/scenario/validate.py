"""Validation cases: found, run through their studies, scored; runs are cached in the case's folder."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import xarray as xr

from .. import checkpoint as store
from .. import records
from ..errors import InputError, LithoscapeError, SolveError, nearest
from ..specification import relocated
from ..validation.book import Result
from ..validation.cases import Case, load_case
from ..validation.compare import compare_findings, write_json
from ..validation.fitted import Fitted, fitted_file, read_fitted
from ..validation.study import Findings, Study, load_study, perform
from .load import Loaded, load_scenario
from .run import CHECKPOINT, run_scenario
from .schema import Resolved

Say = Callable[[str], None]


@dataclass(frozen=True)
class CaseFile:
    """A case, its file, the study beside it if there is one, and what was fitted to it if anything."""

    path: Path
    case: Case
    study: Path | None
    fitted: Fitted | None


@dataclass
class CaseContext:
    """What a study is given; see :class:`lithoscape.validation.study.Context`."""

    folder: Path
    quick: bool
    data: Path | None
    beside: Path
    """Folder of the case file: scenarios are relative to it."""
    tell: Say | None = None
    used: list[Path] = field(default_factory=list)
    """Run folders that were asked for."""

    def run(
        self, scenario: str, variant: str | None = None, changes: Mapping[str, Any] | None = None
    ) -> xr.Dataset:
        """Record of a scenario: computed once, then read from the case's folder."""
        loaded = load_scenario((self.beside / scenario).resolve(), variant, changes)
        # targets are scored by the case, not once more by each run
        bare = loaded.scenario.model_copy(update={"validation": None})
        loaded = replace(loaded, scenario=bare)
        folder = self.folder / "runs" / f"{loaded.name}-{loaded.variant}-{run_digest(loaded)}"
        self.used.append(folder)
        record = _kept(folder)
        if record is None:
            self.say(f"{loaded.name}, variant {loaded.variant}")
            record = _computed(loaded, folder)
        if record.attrs.get("status") == "interrupted":
            raise KeyboardInterrupt  # not an error, which a study might take for a failed run and go on
        if record.attrs.get("status") != "finished":
            raise SolveError(
                f"the run did not finish: {record.attrs.get('message') or record.attrs.get('status')}",
                field=f"{loaded.name}, variant {loaded.variant}", value=str(folder),
                remedy="Other settings may do; remove the folder to try the same again",
            )  # fmt: skip
        return record.assign_attrs(folder=str(folder), wall_time_s=_wall_time(folder))

    def say(self, text: str) -> None:
        """Tell how far the study is."""
        if self.tell is not None:
            self.tell(text)


def run_digest(loaded: Loaded) -> str:
    """Hash of a scenario and of the recipe or mesh file it names (12 hex digits).

    Values that are defaults do not count, so that a key added to the schema leaves kept runs valid.
    """
    told = loaded.scenario.model_dump(mode="json", exclude_defaults=True)
    made = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    geometry = loaded.scenario.geometry
    if isinstance(geometry, Resolved):
        for name in (geometry.recipe, geometry.mesh):
            file = loaded.path.parent / (name or "")
            if name is not None and file.is_file():
                made.update(file.read_bytes())
    return made.hexdigest()[:12]


def _kept(folder: Path) -> xr.Dataset | None:
    """The record of an earlier run, unless that was interrupted."""
    if not (folder / "record.nc").is_file():
        return None
    record = records.load(folder / "record.nc")
    return None if record.attrs.get("status") == "interrupted" else record


def _computed(loaded: Loaded, folder: Path) -> xr.Dataset:
    """Run, or continue what was interrupted there."""
    from mpi4py import MPI

    if store.exists(folder / CHECKPOINT, MPI.COMM_WORLD):
        try:
            return run_scenario(loaded, folder, resume=True).solution.record
        except (InputError, ValueError, KeyError, EOFError, BadZipFile):
            pass  # a checkpoint of another number of ranks or version, or half a file: start anew
    return run_scenario(loaded, folder).solution.record


def _wall_time(folder: Path) -> float:
    """Time that the run took [s]; NaN if it is not known."""
    try:
        return float(json.loads((folder / "statistics.json").read_text())["wall_time_s"])
    except (OSError, ValueError, KeyError):
        return float("nan")


# -- cases -----------------------------------------------------------------
def case_files(folder: Path) -> dict[str, Path]:
    """Case files of a folder by name.

    Raises
    ------
    InputError
        There is no such folder, or no case in it.
    """
    found = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    if not found:
        raise InputError(
            "there are no case files here", field="--cases", value=str(folder),
            remedy="Give the folder that holds them, validation/ in the repository",
        )  # fmt: skip
    return found


def find_cases(names: Sequence[str], folder: Path) -> list[CaseFile]:
    """The named cases (names of ``folder``, or paths of files), or all of the folder.

    Raises
    ------
    InputError
        An unknown name, a file that is no case, a case that says neither study nor scenario.
    """
    paths = []
    for name in names:
        if name.endswith((".yaml", ".yml")):
            paths.append(Path(name))
            continue
        known = case_files(folder)
        if name not in known:
            raise InputError(
                "there is no such case", field="CASE", value=name, remedy=nearest(name, [*known])
            )
        paths.append(known[name])
    return [_case_file(path) for path in paths or case_files(folder).values()]


def _case_file(path: Path) -> CaseFile:
    try:
        case = load_case(path)
    except InputError as error:
        at = "" if error.field in (None, str(path)) else f": {error.field}"
        raise relocated(error, f"{path.name}{at}") from None
    if case.name != path.stem:
        raise InputError(
            "a case bears the name of its file", field=f"{path.name}: case", value=case.name,
            remedy=f"Write case: {path.stem}",
        )  # fmt: skip
    study = path.with_suffix(".py")
    if not study.is_file() and case.scenario is None:
        raise InputError(
            "the case does not say what to run", field=path.name, value=None,
            remedy=f"Write {study.name} with a function study(context), or give the key scenario",
        )  # fmt: skip
    return CaseFile(path, case, study if study.is_file() else None, read_fitted(fitted_file(path)))


def data_folder() -> Path | None:
    """The folder that LITHOSCAPE_DATA names, or None if it is not set.

    Raises
    ------
    InputError
        It is set to something that is no folder.
    """
    name = os.environ.get("LITHOSCAPE_DATA")
    if not name:
        return None
    if not Path(name).is_dir():
        raise InputError(
            "is no folder", field="LITHOSCAPE_DATA", value=name, remedy="Correct it, or unset it"
        )
    return Path(name)


# -- running them ----------------------------------------------------------
def validate_case(
    file: CaseFile, folder: Path, *, quick: bool, data: Path | None = None, tell: Say | None = None
) -> Result:
    """Run the study of a case (or its scenario) into ``folder`` and score every target.

    Raises
    ------
    InputError
        Bad input, or a study that lacks what a target names.
    SolveError
        A run or the study failed.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"the folder cannot be written: {error.strerror}", field="--out", value=str(folder),
            remedy="Choose another folder",
        ) from None  # fmt: skip
    context = CaseContext(folder, quick, data, file.path.parent.resolve(), tell)
    study = load_study(file.study) if file.study is not None else _plain_study(file.case)
    findings = perform(study, context, file.case.name)
    fitted = file.fitted.fitted_on if file.fitted is not None else ()
    if unknown := [name for name in fitted if name not in {t.id for t in file.case.targets}]:
        raise InputError(
            "no such target", field=f"{fitted_file(file.path).name}: fitted_on", value=unknown[0],
            remedy=nearest(unknown[0], [t.id for t in file.case.targets]),
        )  # fmt: skip
    rows = compare_findings(findings, file.case, fitted=fitted, complete=not quick)
    write_json(rows, folder / "comparison.json", file.case)
    return Result(file.case, findings, rows, quick, file.fitted)


def _plain_study(case: Case) -> Study:
    """The study of a case that only names a scenario: its variants are run, records bear their names."""

    def study(context: Any) -> Findings:
        found = Findings()
        quick = case.quick_variants or case.variants
        for variant in (quick if context.quick else case.variants) or (None,):
            record = context.run(case.scenario, variant)
            found.records[variant or str(record.attrs["variant"])] = record
        return found

    return study


@dataclass(frozen=True)
class Failure:
    """A case that could not be finished, and why."""

    name: str
    error: LithoscapeError


def validate_cases(
    files: Sequence[CaseFile], folder: Path, *, quick: bool, tell: Say | None = None
) -> tuple[list[Result], list[Failure]]:
    """Every case in turn, each in a folder of its own; one that fails does not stop the others."""
    data, results, failures = data_folder(), [], []
    for file in files:
        name = file.case.name

        def told(text: str, name: str = name) -> None:
            if tell is not None:
                tell(f"{name}: {text}")

        place = folder / f"{name}-{'quick' if quick else 'full'}"
        try:
            results.append(validate_case(file, place, quick=quick, data=data, tell=told))
        except LithoscapeError as error:
            failures.append(Failure(name, error))
    return results, failures
