"""Reading a scenario file: YAML, variants, validation; one clear error."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from ..errors import InputError, nearest
from ..specification import parse_yaml, read_mapping, validated
from .schema import Scenario, ScenarioFile

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
    raw = read_mapping(path, "scenario", "scenarios/")
    file = _checked_file(raw)
    chosen = file.default_variant or BASE if variant is None else variant
    _require_variant("variant", chosen, file)
    merged = {k: v for k, v in raw.items() if k not in ("default_variant", "variants")}
    scenario = _validated(Scenario, merged)
    if chosen != BASE:
        merged = _overlaid(merged, file.variants[chosen])
        scenario = _validated(Scenario, merged, f"variants.{chosen}.")
    if changes:
        for key, value in changes.items():
            merged = _overlaid(merged, _nested(key, value))
        scenario = _validated(Scenario, merged, "--set ")
    return Loaded(scenario, path, chosen)


def parse_changes(entries: list[str]) -> dict[str, Any]:
    """``["electrode.transport=0.05"]`` as dotted keys and YAML values."""
    changes = {}
    for entry in entries:
        key, equals, text = (part.strip() for part in entry.partition("="))
        if not (equals and text) or not all(key.split(".")):
            raise InputError(
                "a change reads KEY=VALUE", field="--set", value=entry,
                remedy="For example --set electrode.transport=0.05; =null restores a default",
            )  # fmt: skip
        try:
            changes[key] = parse_yaml(text)
        except yaml.YAMLError as error:
            raise InputError(
                f"the value is not valid YAML: {getattr(error, 'problem', None) or 'unreadable'}",
                field=f"--set {key}", value=text,
                remedy="For example 0.05, [1, 2] or {through: 0.1, in_plane: 0.2}",
            ) from None  # fmt: skip
    return changes


def variant_names(path: Path) -> list[str]:
    """All variants of a file, the base first."""
    return [BASE, *_checked_file(read_mapping(path, "scenario", "scenarios/")).variants]


def json_schema() -> dict[str, Any]:
    """JSON Schema of scenario files, for editors."""
    return ScenarioFile.model_json_schema()


def _checked_file(raw: Mapping[str, Any]) -> ScenarioFile:
    file = _validated(ScenarioFile, raw)
    if BASE in file.variants:
        raise InputError(
            "this name is the file without any variant", field="variants", value=BASE,
            remedy="Choose another name",
        )  # fmt: skip
    if file.default_variant is not None:
        _require_variant("default_variant", file.default_variant, file)
    return file


def _require_variant(field: str, name: str, file: ScenarioFile) -> None:
    if name != BASE and name not in file.variants:
        raise InputError(
            "the scenario has no such variant",
            field=field,
            value=name,
            remedy=nearest(name, [BASE, *file.variants]),
        )


def _nested(key: str, value: Any) -> dict[str, Any]:
    """A dotted key as nested mappings; the names below ``materials.changes`` are dotted themselves."""
    prefix = "materials.changes."
    parts = key.split(".")
    if key.startswith(prefix):
        parts = ["materials", "changes", key.removeprefix(prefix)]
    for part in reversed(parts):
        value = {part: value}
    return dict(value)


def _overlaid(base: Any, over: Any) -> Any:
    """``over`` laid on ``base``: mappings merge, everything else is replaced."""
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        return {
            k: _overlaid(base[k], over[k]) if k in base and k in over else {**base, **over}[k]
            for k in {**base, **over}
        }
    return over


def _validated[Model: BaseModel](model: type[Model], raw: Mapping[str, Any], prefix: str = "") -> Model:
    forms = {"'bruggeman'": "Write bruggeman, a number, or {through: NUMBER, in_plane: NUMBER}"}
    return validated(model, raw, prefix, remedies=forms)
