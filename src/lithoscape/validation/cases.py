"""Measured targets as data: a YAML file with citation, where to look, and what was found.

A target names an observable of :mod:`.observables` and its arguments, the measured value
with unit, a tolerance with its reason, and where the number stands in the source. Values:

* a number, met within the tolerance;
* a list of two, a range whose ends may be null (open), widened by the tolerance;
* a text, a pattern that must be found exactly;
* the text :data:`ABSENT`: what the observable looks for must not occur. An event that was measured and does
  not occur in a simulation is "not met"; of an event that was measured *not* to occur, the same is "met".
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml
from scipy.constants import electron_volt

from ..errors import InputError, nearest
from .observables import OBSERVABLES
from .reading import CycleKey, Frame

UNITS: dict[str, float] = {
    "-": 1.0,
    "%": 100.0,
    "% SoL": 100.0,
    "%/um": 1e-4,
    "min": 1.0 / 60.0,
    "mAh/cm2": 0.1,
    "mAh/g": 1.0 / 3600.0,
    "C": 1.0,
    "V": 1.0,
    "mV": 1e3,
    "s": 1.0,
    "h": 1.0 / 3600.0,
    "um": 1e6,
    "1/um": 1e-6,
    "mol/m3": 1.0,
    "m2/s": 1.0,
    "keV": 1e-3 / electron_volt,
    "ohm cm2": 1e4,
    "pattern": 1.0,
}
"""Unit of a target -> factor from the SI value of its observable ("C": rates as they are; capacities in
A.h.m-2 and C/kg)."""

ABSENT = "does not occur"
"""Value of a target whose observable must find nothing; its unit is ``pattern``."""

USES = ("validate", "validate_qualitative", "trap", "context")
"""The first two are scored; a trap and context are shown beside them."""
STATUSES = ("measured", "derived", "setpoint")
KEYS = (
    "case", "title", "citation", "frame", "targets", "not_scored", "notes", "tolerances", "scenario",
    "variants", "quick_variants", "pins",
)  # fmt: skip
"""Keys of a case file; the first five are required."""
ROLES = ("near", "middle", "bulk")
"""What a lateral group is for."""


@dataclass(frozen=True)
class Citation:
    """Where the targets were published; ``doi`` is empty for a book."""

    authors: str
    title: str
    journal: str
    year: int
    doi: str


@dataclass(frozen=True)
class Tolerance:
    """Allowed distance in the target's unit, and why; no value for a pattern."""

    reason: str
    value: float | None = None


@dataclass(frozen=True)
class Target:
    """One measured fact.

    Parameters
    ----------
    id:
        Stable key; ``entry`` is the key of the fact in the table of all facts of the source
        (several targets may read one fact).
    quantity:
        What it is, for people.
    observable, arguments:
        Function of :data:`.observables.OBSERVABLES` and what it is called with.
    record:
        Name of the study's record that is read (None: its first).
    value, unit, tolerance:
        What was found, in ``unit`` of :data:`UNITS`.
    conditions, source, status, use, caveat, uncertainty:
        Under which conditions, where it stands, how it was obtained, how it is used,
        what to mind, and the uncertainty stated in the source (null: none stated).
    """

    id: str
    quantity: str
    observable: str
    value: float | tuple[float | None, float | None] | str
    unit: str
    tolerance: Tolerance
    source: str
    status: str
    use: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    record: str | None = None
    conditions: str = ""
    entry: str = ""
    caveat: str | None = None
    uncertainty: str | None = None

    @property
    def scored(self) -> bool:
        """Whether the target counts in a summary."""
        return self.use in USES[:2]


@dataclass(frozen=True)
class Pin:
    """A number of the quick variant that may not drift by more than ``tolerance`` (its own unit), and why."""

    tolerance: float
    reason: str

    def __post_init__(self) -> None:
        if isinstance(self.tolerance, bool) or not isinstance(self.tolerance, int | float):
            raise InputError("is not a number", field="pins.tolerance", value=self.tolerance)
        if not self.tolerance > 0:
            raise InputError(
                "must be positive", field="pins.tolerance", value=self.tolerance,
                remedy="Give the change of the number that is still none",
            )  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A set of targets from one experiment.

    Parameters
    ----------
    name, title, citation:
        Identity.
    frame:
        Levels, groups and cycles of the experiment.
    targets:
        What was found.
    not_scored:
        Facts of the source that no target reads -> the reason.
    notes:
        What holds for all targets.
    scenario, variants, quick_variants:
        What a case without a study of its own runs: a scenario file (relative to the case file) and
        its variants; the records bear the variants' names.
    pins:
        Target or finding -> how far its value in the quick variant may drift.
    """

    name: str
    title: str
    citation: Citation
    frame: Frame
    targets: tuple[Target, ...]
    not_scored: Mapping[str, str] = field(default_factory=dict)
    notes: str = ""
    scenario: str | None = None
    variants: tuple[str, ...] = ()
    quick_variants: tuple[str, ...] = ()
    pins: Mapping[str, Pin] = field(default_factory=dict)

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for target in self.targets:
            if target.id in seen:
                raise InputError("two targets share this id", field="targets.id", value=target.id)
            seen.add(target.id)


def load_case(path: str | Path) -> Case:
    """Read and check a case file; unknown keys are refused with the nearest valid one."""
    path = Path(path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            "cannot be read", field=str(path), remedy=error.strerror or "Check the path"
        ) from error
    except yaml.YAMLError as error:
        raise InputError(f"is not valid YAML: {error}", field=str(path)) from error
    return parse_case(content)


def parse_case(content: Any) -> Case:
    """A case from the content of its file."""
    content = _mapping(content, "case file", KEYS)
    for key in KEYS[:5]:
        if key not in content:
            raise InputError("is missing", field=key, remedy="Every case needs it")
    frame = _frame(content["frame"])
    shared = {
        name: _build(Tolerance, entry, f"tolerances.{name}")
        for name, entry in _mapping(content.get("tolerances", {}), "tolerances").items()
    }
    if not isinstance(content["targets"], list):
        raise InputError("must be a list", field="targets")
    return Case(
        name=str(content["case"]),
        title=str(content["title"]),
        citation=_build(Citation, content["citation"], "citation"),
        frame=frame,
        targets=tuple(_target(entry, k, frame, shared) for k, entry in enumerate(content["targets"])),
        not_scored=dict(_mapping(content.get("not_scored", {}), "not_scored")),
        notes=str(content.get("notes", "")),
        scenario=_text(content, "scenario"),
        variants=_texts(content, "variants"),
        quick_variants=_texts(content, "quick_variants"),
        pins={
            name: _build(Pin, entry, f"pins.{name}")
            for name, entry in _mapping(content.get("pins", {}), "pins").items()
        },
    )


def _text(content: Mapping[str, Any], key: str) -> str | None:
    value = content.get(key)
    if value is not None and not isinstance(value, str):
        raise InputError("must be text", field=key, value=value)
    return value


def _texts(content: Mapping[str, Any], key: str) -> tuple[str, ...]:
    values = content.get(key, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InputError("must be a list of names", field=key, value=values)
    if values and content.get("scenario") is None:
        raise InputError("variants need a scenario", field=key, remedy="Give the key scenario, too")
    return tuple(values)


def _frame(entry: Any) -> Frame:
    entry = dict(_mapping(entry, "frame", _names(Frame)))
    cycles = _mapping(entry.get("cycles", {}), "frame.cycles")
    entry["cycles"] = {name: _build(CycleKey, key, f"frame.cycles.{name}") for name, key in cycles.items()}
    groups = _mapping(entry.get("groups", {}), "frame.groups", ROLES)
    entry["groups"] = dict(groups)
    levels = _mapping(entry.get("levels_um", {}), "frame.levels_um")
    entry["levels_um"] = {str(name): float(depth) for name, depth in levels.items()}
    return Frame(**entry)


def _target(entry: Any, number: int, frame: Frame, shared: Mapping[str, Tolerance]) -> Target:
    label = entry.get("id") if isinstance(entry, dict) else None
    where = f"targets[{label or number}]"
    entry = dict(_mapping(entry, where, _names(Target)))
    tolerance = entry.get("tolerance")
    if isinstance(tolerance, str):
        if tolerance not in shared:
            raise InputError(
                "no such shared tolerance",
                field=f"{where}.tolerance",
                value=tolerance,
                remedy=nearest(tolerance, list(shared)),
            )
        entry["tolerance"] = shared[tolerance]
    elif tolerance is not None:
        entry["tolerance"] = _build(Tolerance, tolerance, f"{where}.tolerance")
    if isinstance(entry.get("value"), list):
        entry["value"] = tuple(entry["value"])
    target: Target = _build(Target, entry, where)
    _check_words(target, where)
    _check_value(target, where)
    _check_arguments(target, frame, where)
    return target


def _check_words(target: Target, where: str) -> None:
    choices = {"unit": tuple(UNITS), "use": USES, "status": STATUSES, "observable": tuple(OBSERVABLES)}
    for name, valid in choices.items():
        value = getattr(target, name)
        if value not in valid:
            raise InputError(
                f"no such {name}", field=f"{where}.{name}", value=value, remedy=nearest(str(value), valid)
            )


def _check_value(target: Target, where: str) -> None:
    value, tolerance = target.value, target.tolerance.value
    if isinstance(value, str) != (target.unit == "pattern"):
        raise InputError("a text has the unit 'pattern', and only a text", field=f"{where}.unit")
    if isinstance(value, str):
        return
    if isinstance(value, tuple):
        numbers = [v for v in value if v is not None]
        fits = len(value) == 2 and numbers and numbers == sorted(numbers)
    else:
        numbers, fits = [value], True
    if not fits or any(isinstance(v, bool) or not isinstance(v, int | float) for v in numbers):
        raise InputError(
            "not a value",
            field=f"{where}.value",
            value=value,
            remedy="Give a number, a range [low, high] (null for an open end) or a text",
        )
    if tolerance is None or tolerance < 0:
        raise InputError("a number needs a tolerance of at least 0", field=f"{where}.tolerance.value")


def _check_arguments(target: Target, frame: Frame, where: str) -> None:
    """The arguments are exactly those of the observable, and name what the frame has."""
    names = list(inspect.signature(OBSERVABLES[target.observable]).parameters)[1:]
    for given in target.arguments:
        if given not in names:
            raise InputError(
                f"{target.observable} has no such argument",
                field=f"{where}.arguments",
                value=given,
                remedy=nearest(given, names),
            )
    if missing := [name for name in names if name not in target.arguments]:
        raise InputError(f"{target.observable} also needs {', '.join(missing)}", field=f"{where}.arguments")
    known = {
        **dict.fromkeys(("cycle", "slow", "fast"), frame.cycles),
        **dict.fromkeys(("level", "upper", "lower", "first", "second"), frame.levels_um),
    }
    for name, value in target.arguments.items():
        if name in known and value not in known[name]:
            raise InputError(
                f"the frame has no such {name}",
                field=f"{where}.arguments.{name}",
                value=value,
                remedy=nearest(str(value), list(known[name])),
            )


# -- small readers ---------------------------------------------------------
def _names(cls: Any) -> tuple[str, ...]:
    return tuple(f.name for f in fields(cls))


def _mapping(entry: Any, where: str, valid: tuple[str, ...] | None = None) -> Mapping[str, Any]:
    if not isinstance(entry, dict):
        raise InputError("must be a mapping of names to values", field=where)
    for key in entry:
        if valid is not None and key not in valid:
            raise InputError("unknown key", field=where, value=key, remedy=nearest(str(key), valid))
    return entry


def _build(cls: Any, entry: Any, where: str) -> Any:
    """A dataclass from a mapping; unknown and missing keys are refused."""
    entry = _mapping(entry, where, _names(cls))
    required = [f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING]
    if missing := [name for name in required if name not in entry]:
        raise InputError(f"needs {', '.join(missing)}", field=where)
    return cls(**entry)
