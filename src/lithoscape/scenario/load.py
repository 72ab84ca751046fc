"""Reading a scenario file: YAML, variants, validation; one clear error."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from ..errors import InputError, nearest
from .messages import as_input_error
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
    raw = _read(path)
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
            changes[key] = yaml.load(text, _Loader)
        except yaml.YAMLError as error:
            raise InputError(
                f"the value is not valid YAML: {getattr(error, 'problem', None) or 'unreadable'}",
                field=f"--set {key}", value=text,
                remedy="For example 0.05, [1, 2] or {through: 0.1, in_plane: 0.2}",
            ) from None  # fmt: skip
    return changes


def variant_names(path: Path) -> list[str]:
    """All variants of a file, the base first."""
    return [BASE, *_checked_file(_read(path)).variants]


def json_schema() -> dict[str, Any]:
    """JSON Schema of scenario files, for editors."""
    return ScenarioFile.model_json_schema()


class _Loader(yaml.SafeLoader):
    """YAML in which 1e-4 is a number, as in version 1.2, and a key may stand only once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse repeated keys; later ones would silently win."""
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value!r} stands twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


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
        raw = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from None
    if not isinstance(raw, dict):
        raise InputError(
            "a scenario is a mapping of keys", field=path.name,
            value="an empty file" if raw is None else type(raw).__name__,
            remedy="Start from a file in scenarios/",
        )  # fmt: skip
    return raw


def _unreadable(path: Path, error: yaml.YAMLError | UnicodeDecodeError) -> InputError:
    mark = getattr(error, "problem_mark", None)
    place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else " ".join(str(error).split())
    problem = getattr(error, "problem", None) or "not readable as text"
    return InputError(
        f"the file is not valid YAML: {problem}",
        field=path.name,
        value=place,
        remedy="Check indentation, colons and quotes there",
    )


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
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise as_input_error(model, error, prefix) from None
