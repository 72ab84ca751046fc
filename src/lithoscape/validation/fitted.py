"""What a fit left for the book: changes of a scenario, and the targets they were fitted to.

A file ``fitted/CASE.yaml`` beside the case file::

    changes: {electrode.transport: 0.03, materials.changes.positive.material.diffusivity: 3.0e-15}
    fitted_on: [vert_sep_08, lat_sep_08]      # ids of targets; all others are predictions
    note: How, with which command, from which start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError, nearest
from ..specification import read_mapping

FOLDER = "fitted"


@dataclass(frozen=True)
class Fitted:
    """Dotted scenario key -> value, ids of the targets used, and where it comes from."""

    changes: Mapping[str, Any] = field(default_factory=dict)
    fitted_on: tuple[str, ...] = ()
    note: str = ""


def fitted_file(case_file: Path) -> Path:
    """Where the fitted parameters of a case would lie."""
    return case_file.parent / FOLDER / case_file.name


def read_fitted(path: Path) -> Fitted | None:
    """The fitted parameters in ``path``; None if there is no such file.

    Raises
    ------
    InputError
        The file is there but does not say what it should.
    """
    if not path.is_file():
        return None
    content = read_mapping(path, "file of fitted parameters", "validation/fitted/")
    valid = ("changes", "fitted_on", "note")
    for key in content:
        if key not in valid:
            raise InputError("unknown key", field=path.name, value=key, remedy=nearest(str(key), valid))
    changes, ids = content.get("changes"), content.get("fitted_on", [])
    if not isinstance(changes, dict) or not all(isinstance(key, str) for key in changes):
        raise InputError(
            "must map dotted keys of the scenario to values", field=f"{path.name}: changes", value=changes
        )
    if not isinstance(ids, list) or not all(isinstance(i, str) for i in ids):
        raise InputError("must be a list of target ids", field=f"{path.name}: fitted_on", value=ids)
    return Fitted(dict(changes), tuple(ids), str(content.get("note", "")))
