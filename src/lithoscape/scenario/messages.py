"""From what pydantic found wrong to one message that names the key, the value and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from ..errors import InputError, nearest
from .schema import TAGGED

_REMEDIES = {
    "finite_number": "Give a finite number",
    "greater_than": "Give a number above {gt:g}",
    "greater_than_equal": "Give at least {ge:g}",
    "less_than": "Give a number below {lt:g}",
    "less_than_equal": "Give at most {le:g}",
    "too_short": "Give at least {min_length}",
    "too_long": "Give at most {max_length}",
    "int_type": "Give a whole number, written without a decimal point",
    "float_type": "Give a number",
    "bool_type": "Write true or false",
    "string_type": "Give text; put quotes around a number",
    "list_type": "Give a list, [a, b] or lines that begin with a dash",
    "dict_type": "Give keys and values, indented below it",
    "literal_error": "Valid: {expected}",
    "union_tag_invalid": "Valid: {expected_tags}",
    "missing": "Add it; the files in scenarios/ show how",
}
_NUMBERS = ("float_type", "int_type")


def as_input_error(model: type[BaseModel], error: ValidationError, prefix: str = "") -> InputError:
    """The most telling of the errors that pydantic found; ``prefix`` goes before the dotted key."""
    found = error.errors()
    first = next((e for e in found if e["type"] == "extra_forbidden"), found[0])
    field = prefix + dotted(plain(first["loc"]))
    value = first.get("input")
    if first["type"].startswith("union_tag"):
        field, value = f"{field}.kind", first["ctx"].get("tag", "no kind")
    if first["type"] == "extra_forbidden":
        key = str(first["loc"][-1])
        remedy = nearest(key, _keys_at(model, first["loc"][:-1]))
        return InputError("unknown key", field=field, value=key, remedy=remedy)
    if isinstance(value, dict):
        value = None if first["type"] == "missing" else sorted(map(str, value))
    remedy = _remedy(first["type"], value, first.get("ctx", {}))
    if value is None and first["type"] != "missing":
        return InputError("nothing is given here", field=field, remedy=f"{remedy}, or leave the key out")
    return InputError(_message(first), field=field, value=value, remedy=remedy)


def relocated(error: InputError, field: str, value: Any = None) -> InputError:
    """The same error at the key of the scenario file that caused it."""
    value = error.value if value is None else value
    return InputError(error.message, field=field, value=value, remedy=error.remedy)


def dotted(loc: Sequence[int | str]) -> str:
    """``("protocol", 1, "steps", 3)`` as ``protocol[1].steps[3]``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return text.removeprefix(".") or "scenario"


def plain(loc: Sequence[int | str]) -> list[int | str]:
    """A place without the names of alternatives that pydantic puts between the keys."""
    geometry = loc[:1] == ("geometry",)
    return [
        part
        for k, part in enumerate(loc)
        if part not in ("<number>", "<text>", "<cycle>", "<axes>", "[key]")
        and not (geometry and k == 1 and part in TAGGED)
    ]


def _message(first: Any) -> str:
    if first["type"] == "missing":
        return "this key is required"
    if first["type"].startswith("union_tag"):
        return "there is no such kind"
    text = str(first["msg"]).removeprefix("Value error, ")
    return text[0].lower() + text[1:]


def _remedy(kind: str, value: Any, context: dict[str, Any]) -> str:
    if "remedy" in context:
        return str(context["remedy"])
    if kind in _NUMBERS and isinstance(value, str):
        return "Give a plain number without quotes; the unit is part of the key"
    if kind.startswith("less_than") and context.get("le", context.get("lt")) == 1:
        return "Give a fraction between 0 and 1, not a percentage"
    if kind == "union_tag_not_found":
        return "Add kind: layered or kind: cracked"
    if context.get("expected") == "'bruggeman'":
        return "Write bruggeman, a number, or {through: NUMBER, in_plane: NUMBER}"
    if kind.startswith("model"):
        kind = "dict_type"
    return _REMEDIES.get(kind, "See the files in scenarios/ or `lithoscape schema`").format(**context)


def _keys_at(model: type[BaseModel], loc: Sequence[int | str]) -> list[str]:
    """Valid keys of the model that the place leads to."""
    here: list[type[BaseModel]] = [model]
    for part in loc:
        if part in TAGGED and TAGGED[str(part)] in here:
            here = [TAGGED[str(part)]]
            continue
        fields = [m.model_fields[part] for m in here if isinstance(part, str) and part in m.model_fields]
        here = [inner for f in fields for inner in _models_in(f.annotation)] or here
    return sorted({key for m in here for key in m.model_fields})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in getattr(annotation, "__args__", ()) for found in _models_in(part)]
