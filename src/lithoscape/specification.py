"""Files that say what to do: YAML read strictly, checked by pydantic, one clear error.

Shared by every kind of file a user writes: scenarios, recipes of generators and of segmentation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from .errors import InputError, nearest

_REMEDIES = {
    "finite_number": "Give a finite number",
    "greater_than": "Give a number above {gt:g}",
    "greater_than_equal": "Give at least {ge:g}",
    "less_than": "Give a number below {lt:g}",
    "less_than_equal": "Give at most {le:g}",
    "too_short": "Give at least {min_length}",
    "too_long": "Give at most {max_length}",
    "int_type": "Give a whole number, written without a decimal point",
    "int_from_float": "Give a whole number",
    "float_type": "Give a number",
    "bool_type": "Write true or false",
    "string_type": "Give text; put quotes around a number",
    "list_type": "Give a list, [a, b] or lines that begin with a dash",
    "tuple_type": "Give a list, [a, b] or lines that begin with a dash",
    "dict_type": "Give keys and values, indented below it",
    "literal_error": "Valid: {expected}",
    "missing": "Add it; the files in {folder} show how",
}
_NUMBERS = ("float_type", "int_type", "float_parsing", "int_parsing")


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


def parse_yaml(text: str) -> Any:
    """Plain data of a YAML text; yaml.YAMLError if it is none."""
    return yaml.load(text, _Loader)


def read_mapping(path: Path, kind: str, folder: str) -> dict[str, Any]:
    """The mapping in a YAML file.

    Parameters
    ----------
    path:
        The file.
    kind:
        What the file is, for messages: "scenario", "recipe".
    folder:
        Where examples of it lie, for remedies: "scenarios/".

    Raises
    ------
    InputError
        No such file, not text, not YAML, a key that stands twice, not a mapping.
    """
    if not path.is_file():
        near = sorted(p.name for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
        raise InputError(
            f"there is no such {kind} file", field=kind, value=str(path),
            remedy=nearest(path.name, near) if near else "Give the path of a YAML file",
        )  # fmt: skip
    try:
        raw = parse_yaml(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from None
    if not isinstance(raw, dict):
        raise InputError(
            f"a {kind} is a mapping of keys", field=path.name,
            value="an empty file" if raw is None else type(raw).__name__,
            remedy=f"Start from a file in {folder}",
        )  # fmt: skip
    return raw


def validated[Model: BaseModel](
    model: type[Model],
    raw: Any,
    prefix: str = "",
    *,
    kind: str = "scenario",
    folder: str = "scenarios/",
    remedies: Mapping[str, str] | None = None,
) -> Model:
    """``raw`` as ``model``; what pydantic finds wrong becomes one InputError with a dotted field.

    ``prefix`` goes before the field; ``remedies`` maps pydantic's ``expected`` text to a better remedy.
    """
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise _as_input_error(model, error, prefix, kind, folder, remedies or {}) from None


def relocated(error: InputError, field: str, value: Any = None) -> InputError:
    """The same error at the key of the file that caused it."""
    value = error.value if value is None else value
    return InputError(error.message, field=field, value=value, remedy=error.remedy)


def _unreadable(path: Path, error: yaml.YAMLError | UnicodeDecodeError) -> InputError:
    mark = getattr(error, "problem_mark", None)
    place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else " ".join(str(error).split())
    problem = getattr(error, "problem", None) or "not readable as text"
    return InputError(
        f"the file is not valid YAML: {problem}", field=path.name, value=place,
        remedy="Check indentation, colons and quotes there",
    )  # fmt: skip


def _as_input_error(
    model: type[BaseModel],
    error: ValidationError,
    prefix: str,
    kind: str,
    folder: str,
    remedies: Mapping[str, str],
) -> InputError:
    """The most telling of the errors that pydantic found."""
    found = error.errors()
    first = next((e for e in found if e["type"] == "extra_forbidden"), found[0])
    keys, models = _walk(model, first["loc"])
    field, value = prefix + (_dotted(keys) or kind), first.get("input")
    if first["type"] == "extra_forbidden":
        key = str(first["loc"][-1])
        valid = sorted({k for m in models for k in m.model_fields})
        return InputError("unknown key", field=field, value=key, remedy=nearest(key, valid))
    if first["type"].startswith("union_tag"):
        return _no_such_kind(first, field, models)
    if isinstance(value, dict | BaseModel):
        value = None if first["type"] == "missing" else sorted(map(str, dict(value)))
    remedy = remedies.get(first.get("ctx", {}).get("expected", "")) or _remedy(first, value, kind, folder)
    if value is None and first["type"] != "missing":
        return InputError("nothing is given here", field=field, remedy=f"{remedy}, or leave the key out")
    return InputError(_message(first), field=field, value=value, remedy=remedy)


def _no_such_kind(first: Any, field: str, models: Sequence[type[BaseModel]]) -> InputError:
    key = first["ctx"]["discriminator"].strip("'")
    tags = sorted({str(t) for m in models if key in m.model_fields for t in _literals(m, key)})
    tag = first["ctx"].get("tag")
    remedy = nearest(tag, tags) if tag else f"Add {f' or {key}: '.join([f'{key}: {tags[0]}', *tags[1:]])}"
    return InputError(
        "there is no such kind", field=f"{field}.{key}", value=tag or f"no {key}", remedy=remedy
    )


def _dotted(loc: Sequence[int | str]) -> str:
    """``("protocol", 1, "steps", 3)`` as ``protocol[1].steps[3]``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return text.removeprefix(".")


def _walk(model: type[BaseModel], loc: Sequence[int | str]) -> tuple[list[int | str], list[type[BaseModel]]]:
    """The keys of a place as the file writes them, and the models that could stand there.

    pydantic puts the names of alternatives between the keys: tags of discriminated unions, and tags in angle
    brackets of our own.
    """
    here: list[type[BaseModel]] = [model]
    keys: list[int | str] = []
    for k, part in enumerate(loc):
        if isinstance(part, str) and (part == "[key]" or part.startswith("<")):
            continue
        fields = [m.model_fields[part] for m in here if isinstance(part, str) and part in m.model_fields]
        chosen = [m for m in here if any(part in _literals(m, key) for key in m.model_fields)]
        if not fields and chosen and isinstance(part, str) and k < len(loc) - 1:
            here = chosen
            continue
        keys.append(part)
        here = [inner for f in fields for inner in _models_in([f.annotation, *f.metadata])] or here
    return keys, here


def _literals(model: type[BaseModel], key: str) -> tuple[Any, ...]:
    annotation = model.model_fields[key].annotation
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    parts = annotation if isinstance(annotation, list) else getattr(annotation, "__args__", ())
    return [found for part in parts for found in _models_in(part)]


def _message(first: Any) -> str:
    if first["type"] == "missing":
        return "this key is required"
    text = str(first["msg"]).removeprefix("Value error, ")
    return text[0].lower() + text[1:]


def _remedy(first: Any, value: Any, kind: str, folder: str) -> str:
    context, name = first.get("ctx", {}), first["type"]
    if "remedy" in context:
        return str(context["remedy"])
    if name in _NUMBERS and isinstance(value, str):
        return "Give a plain number without quotes; the unit is part of the key"
    if name.startswith("less_than") and context.get("le", context.get("lt")) == 1:
        return "Give a fraction between 0 and 1, not a percentage"
    if name.startswith("model"):
        name = "dict_type"
    other = f"See the files in {folder}" + (" or `lithoscape schema`" if kind == "scenario" else "")
    return _REMEDIES.get(name, other).format(**context, folder=folder)
