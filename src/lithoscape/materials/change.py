"""Changing a frozen specification means copying it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from ..errors import InputError, nearest


def change[Spec](spec: Spec, values: Mapping[str, Any]) -> Spec:
    """A copy of ``spec`` with dotted fields replaced, validated anew.

    Parameters
    ----------
    spec:
        Any frozen specification, usually a material set.
    values:
        Dotted name -> new value, SI units; e.g.
        ``{"positive.particle_radius": 3e-6, "electrolyte": electrolyte}``.
    """
    for path, value in values.items():
        spec = _replace_at(spec, path.split("."), value, path)
    return spec


def value_at(spec: Any, path: str) -> Any:
    """The value at the dotted ``path`` of ``spec``."""
    for name in path.split("."):
        _require(spec, name, path)
        spec = getattr(spec, name)
    return spec


def _replace_at(spec: Any, names: list[str], value: Any, path: str) -> Any:
    name, rest = names[0], names[1:]
    _require(spec, name, path)
    return replace(spec, **{name: _replace_at(getattr(spec, name), rest, value, path) if rest else value})


def _require(spec: Any, name: str, path: str) -> None:
    known = [entry.name for entry in fields(spec)] if is_dataclass(spec) else []
    if name not in known:
        raise InputError(
            f"has no part {name!r}",
            field=path,
            remedy=nearest(name, known) if known else "Shorten the dotted name; this part is a leaf.",
        )
