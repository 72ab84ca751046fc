"""Small pieces of Markdown: tables whose cells cannot break them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def cell(value: Any) -> str:
    """A table cell: numbers in four digits, text with bars and line ends made harmless."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return "–" if value != value else f"{value + 0.0:.4g}"
    return " ".join(str(value).replace("|", "\\|").split())


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *([cell(value) for value in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def paragraph(text: str) -> str:
    """Text on one line per paragraph."""
    return "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))
