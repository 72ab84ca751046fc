"""Which parameters the comparisons with the multi-channel-collimator XRD maps are made with."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lithoscape.validation.fitted import read_fitted

HERE = Path(__file__).resolve().parent
SCENARIO = "../scenarios/cracked_nmc622.yaml"
THIN = "../scenarios/cracked_nmc622_thin.yaml"
COARSE = {"geometry.cell_size_um": 12}
THICKNESS_UM = {"thick": 195.0, "thin": 145.0}


@dataclass(frozen=True)
class Model:
    """Changes of the scenario, and how they came about."""

    name: str
    words: str
    changes: dict[str, Any] = field(default_factory=dict)


def own_model() -> Model:
    """The fitted parameters if there are any, else the scenario as it stands."""
    fitted = read_fitted(HERE / "fitted" / "mcc_xrd_nmc622.yaml")
    if fitted is not None:
        return Model("fitted", "parameters fitted to the 0.8C cycle", dict(fitted.changes))
    return Model("as it stands", "the scenario as it stands (eps/tau by Bruggeman, nothing fitted)")


def limited_model() -> Model:
    """A model in which transport limits: the fitted one, or eps/tau matched to one number.

    The match (validation/transport_match.py) makes top minus bottom 27.3 % in the instrument's average after
    one discharge at 0.8C from a uniform state, beside a crack that hardly conducts.
    """
    own = own_model()
    if own.name == "fitted":
        return own
    content = json.loads((HERE / "transport_match.json").read_text(encoding="utf-8"))
    (row,) = (r for r in content["rows"] if r["rate"] == 0.8 and r["reading"].endswith("crack eps/tau 0.05"))
    changes = {
        "materials.electrolyte": content["electrolyte"],
        "electrode.transport": round(row["best"]["eps/tau"], 4),
        "geometry.crack.transport": 0.05,
    }
    words = f"eps/tau {changes['electrode.transport']:g} matched to 27.3 % at 0.8C, crack eps/tau 0.05"
    return Model("matched", words, changes)


def implied_transport() -> list[list[Any]]:
    """What 27.3 % asks for at each rate: rate, reading, eps/tau, tau at porosity 0.55, separation there."""
    content = json.loads((HERE / "transport_match.json").read_text(encoding="utf-8"))
    rows = []
    for r in content["rows"]:
        best, met = r["best"], r["met"]
        quantity = "far vertical" if r["reading"].startswith("far") else "vertical"
        rows.append(
            [
                f"{r['rate']:g}C", r["reading"],
                best["eps/tau"] if met else "none in 0.008 to 0.08", 0.55 / best["eps/tau"] if met else None,
                f"{best[quantity]:.1f} %" + ("" if met else " at most"),
            ]
        )  # fmt: skip
    return rows


def thin_changes(model: Model) -> dict[str, Any]:
    """The model's changes for the thinner electrode: what belongs to the material, and the crack to scale."""
    scale = THICKNESS_UM["thin"] / THICKNESS_UM["thick"]
    kept = {}
    for key, value in model.changes.items():
        if key in ("geometry.crack.depth_um", "geometry.crack.bottom_width_um"):
            kept[key] = value * scale if key.endswith("depth_um") else value
        elif not key.startswith(("geometry.half", "geometry.cell", "electrode.thickness", "cell.")) and not (
            key.startswith("electrode.active_loading")
        ):
            kept[key] = value
    return kept


MOMENTS: dict[str, tuple[int, int, float | str, str]] = {
    "0.8C discharge, its end": (1, 4, "end", "discharge"),
    "0.5C charge, after 2 min": (2, 1, 2.0, "charge"),
    "0.65C charge, after 2 min": (3, 1, 2.0, "charge"),
    "0.1C after 1.5C, after 2 min": (3, 6, 2.0, "discharge"),
    "0.1C after 1.5C, after 20 min": (3, 6, 20.0, "discharge"),
}
"""Map of the local reaction -> cycle and step from 1, when [min], mode of the cell."""


def with_moments() -> dict[str, Any]:
    """The change of the scenario that keeps these maps."""
    listed = []
    for name, (cycle, step, when, _) in MOMENTS.items():
        at = {"at": when} if isinstance(when, str) else {"after_min": when}
        listed.append({"name": name, "cycle": cycle, "step": step, **at})
    return {"output.moments": listed}
