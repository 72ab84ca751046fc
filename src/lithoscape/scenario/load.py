"""Reading a scenario file: YAML, variants, validation; one clear error."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from ..errors import InputError, nearest
from .schema import Cracked, Layered, Scenario, ScenarioFile

BASE = "base"
"""Name of the scenario without any variant."""


@dataclass(frozen=True)
class Loaded:
    """A validated scenario, where it came from and which variant it is."""

    scenario: Scenario
    path: Path
    variant: str

    @property
    def name(self) -> str:
        """File stem."""
        return self.path.stem

    def digest(self) -> str:
        """Hash of everything the scenario says (12 hex digits)."""
        text = json.dumps(self.scenario.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def load_scenario(path: Path, variant: str | None = None, changes: Mapping[str, Any] | None = None) -> Loaded:
    """Read and validate ``path`` with ``variant`` laid over it (None: the file's default).

    ``changes`` are dotted keys with values that are laid over that in turn.

    Raises
    ------
    InputError
        Missing file, YAML that does not parse, unknown key, value or variant.
    """
    raw = _read(path)
    file = _validated(ScenarioFile, raw)
    chosen = variant or file.default_variant or BASE
    if chosen != BASE and chosen not in file.variants:
        raise InputError(
            "the scenario has no such variant",
            field="variant",
            value=chosen,
            remedy=nearest(chosen, [BASE, *file.variants]),
        )
    merged = {k: v for k, v in raw.items() if k not in ("default_variant", "variants")}
    if chosen != BASE:
        merged = _overlaid(merged, file.variants[chosen])
    for key, value in (changes or {}).items():
        for part in reversed(key.split(".")):
            value = {part: value}
        merged = _overlaid(merged, value)
    return Loaded(_validated(Scenario, merged), path, chosen)


def parse_changes(entries: list[str]) -> dict[str, Any]:
    """``["electrode.transport=0.05"]`` as dotted keys and YAML values."""
    changes = {}
    for entry in entries:
        key, equals, text = entry.partition("=")
        if not equals or not key.strip():
            raise InputError(
                "a change reads KEY=VALUE", field="--set", value=entry,
                remedy="For example --set electrode.transport=0.05",
            )  # fmt: skip
        changes[key.strip()] = yaml.safe_load(text)
    return changes


def variant_names(path: Path) -> list[str]:
    """All variants of a file, the base first."""
    return [BASE, *_validated(ScenarioFile, _read(path)).variants]


def json_schema() -> dict[str, Any]:
    """JSON Schema of scenario files, for editors."""
    return ScenarioFile.model_json_schema()


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        near = sorted(p.name for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
        raise InputError(
            "there is no such scenario file",
            field="scenario",
            value=str(path),
            remedy=nearest(path.name, near) if near else "Give the path of a YAML file",
        )
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else str(error)
        problem = getattr(error, "problem", None) or "not readable as text"
        raise InputError(
            f"the file is not valid YAML: {problem}",
            field=path.name,
            value=place,
            remedy="Check indentation, colons and quotes there",
        ) from None
    if not isinstance(raw, dict):
        raise InputError(
            "a scenario is a mapping of keys", field=path.name, value=type(raw).__name__,
            remedy="Start from a file in scenarios/",
        )  # fmt: skip
    return raw


def _overlaid(base: Any, over: Any) -> Any:
    """``over`` laid on ``base``: mappings merge, everything else is replaced."""
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        return {
            k: _overlaid(base[k], over[k]) if k in base and k in over else {**base, **over}[k]
            for k in {**base, **over}
        }
    return over


def _validated[Model: BaseModel](model: type[Model], raw: Mapping[str, Any]) -> Model:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise _as_input_error(model, error) from None


def _as_input_error(model: type[BaseModel], error: ValidationError) -> InputError:
    first = error.errors()[0]
    loc = [p for p in first["loc"] if p not in ("layered", "cracked", "function-after", "Transport")]
    field = ".".join(str(p) for p in loc) or "scenario"
    value = first.get("input")
    if isinstance(value, dict):
        value = sorted(value)
    if first["type"] == "extra_forbidden":
        valid = _keys_at(model, loc[:-1])
        return InputError("unknown key", field=field, value=str(loc[-1]), remedy=nearest(str(loc[-1]), valid))
    if first["type"] == "missing":
        return InputError(
            "this key is required", field=field, remedy="Add it; `lithoscape check` shows an example"
        )
    message = first["msg"].removeprefix("Value error, ")
    remedy = "Units are part of the key; give a plain number" if isinstance(value, str) else None
    return InputError(message[0].lower() + message[1:], field=field, value=value, remedy=remedy)


def _keys_at(model: Any, loc: list[Any]) -> list[str]:
    """Valid keys of the model that the path leads to."""
    for part in loc:
        if part == "geometry":
            return (
                sorted({*Layered.model_fields, *Cracked.model_fields}) if part == loc[-1] else _crack_keys()
            )
        annotation = getattr(model, "model_fields", {}).get(part)
        inner = _model_in(annotation.annotation) if annotation is not None else model
        model = inner or model
    return sorted(model.model_fields)


def _crack_keys() -> list[str]:
    return sorted(Cracked.model_fields["crack"].annotation.model_fields)  # type: ignore[union-attr]


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = _model_in(part)
        if found is not None:
            return found
    return None
