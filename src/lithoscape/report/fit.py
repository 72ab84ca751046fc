"""The page of a fit: fit.html, which needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..fit import Objective, Study
from . import page


@dataclass(frozen=True)
class FitPage:
    """What the page is about; ``content`` is that of results.json."""

    title: str
    description: str
    objective: Objective
    study: Study
    content: Mapping[str, Any]


def write_fit_page(folder: Path, fitted: FitPage) -> Path:
    """Write ``fit.html`` into ``folder``."""
    path = folder / "fit.html"
    path.write_text(page.document(fitted.title, [f"<h1>{fitted.title}</h1>"]), encoding="utf-8")
    return path
