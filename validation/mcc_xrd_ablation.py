"""What makes charge and discharge differ? Dependences of the model taken away one at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from mcc_xrd_parameters import COARSE, SCENARIO, Model

from lithoscape.errors import SolveError
from lithoscape.validation.reading import Frame, NotTestable, Reading
from lithoscape.validation.study import Context, Table

CYCLE = "0.8C"
ALL = ["diffusion_potential", "exchange_current", "electrolyte_diffusivity", "electrolyte_conductivity"]

ELECTROLYTES = {"Nyman": "Nyman2008", "Landesfeind": "Landesfeind2019_EC_EMC_3_7"}
OWN = ELECTROLYTES["Nyman"]
"""Of the scenario as it stands."""


def switches(model: Model) -> dict[str, dict[str, Any]]:
    """Name -> changes of the scenario, the whole model first."""
    graded = "materials.solid_diffusivity_decades"
    listed: dict[str, dict[str, Any]] = {
        "whole model": {},
        "no diffusion potential": {"materials.ablate": ["diffusion_potential"]},
        "i0 without c_e": {"materials.ablate": ["exchange_current"]},
        "D_e constant": {"materials.ablate": ["electrolyte_diffusivity"]},
        "kappa constant": {"materials.ablate": ["electrolyte_conductivity"]},
        "all four off": {"materials.ablate": ALL},
    }
    if graded in model.changes:
        listed["D_s constant"] = {"materials.ablate": ["solid_diffusivity"]}
        listed["D_s falls as it rose"] = {graded: -model.changes[graded]}
    else:
        listed["D_s tenfold lower when empty"] = {graded: 1.0}
        listed["D_s tenfold lower when full"] = {graded: -1.0}
    listed["laws beyond their range"] = {"materials.clamped": False}
    listed["salt precipitates at 3 mol/l"] = {"materials.solubility_mol_m3": 3000}
    electrolyte = "Landesfeind" if model.changes.get("materials.electrolyte", OWN) == OWN else "Nyman"
    listed[f"electrolyte of {electrolyte}"] = {"materials.electrolyte": ELECTROLYTES[electrolyte]}
    listed["crack closed (1D)"] = {"geometry.crack.transport": 1e-6}
    listed["crack open"] = {"geometry.crack.transport": 1.0}
    return listed


@dataclass(frozen=True)
class Measure:
    """Largest separations during charge (hold included) and CC discharge, the salt's extremes [mol/m3]."""

    vertical: tuple[float, float]
    lateral: tuple[float, float]
    salt: tuple[tuple[float, float], tuple[float, float]]
    moved: tuple[float, float]
    """Mean state of lithiation that each of them changes."""

    @staticmethod
    def asymmetry(pair: tuple[float, float]) -> float:
        """(discharge - charge) / (discharge + charge): 1 if there is nothing on charge, 0 if alike."""
        charge, discharge = pair
        return (discharge - charge) / max(discharge + charge, 1e-12)


def measured(record: xr.Dataset, frame: Frame) -> Measure:
    """What the instrument's averages say about the first cycle."""
    reading = Reading(record, frame)
    levels = list(frame.levels_um)
    vertical = np.abs(reading.level(levels[0]) - reading.level(levels[-1]))
    lateral = np.abs(reading.group(levels[-1], "near") - reading.group(levels[-1], "bulk"))
    low = reading.values("Minimum electrolyte concentration [mol.m-3]")
    high = reading.values("Maximum electrolyte concentration [mol.m-3]")
    c = np.concatenate([reading.step(CYCLE, mode).rows for mode in ("charge", "hold")])
    d = reading.step(CYCLE, "discharge").rows
    mean = reading.values("Mean state of lithiation")
    return Measure(
        (float(vertical[c].max()), float(vertical[d].max())),
        (float(lateral[c].max()), float(lateral[d].max())),
        ((float(low[c].min()), float(high[c].max())), (float(low[d].min()), float(high[d].max()))),
        (float(np.ptp(mean[c])), float(np.ptp(mean[d]))),
    )


def ablated(context: Context, model: Model, frame: Frame) -> dict[str, Measure | str]:
    """Measure of every switch, or why there is none."""
    found: dict[str, Measure | str] = {}
    for name, changes in switches(model).items():
        try:
            record = context.run(SCENARIO, "quick", {**model.changes, **COARSE, **changes})
            found[name] = measured(record, frame)
        except (SolveError, NotTestable) as error:
            found[name] = error.message
    return found


def as_table(found: dict[str, Measure | str], model: Model) -> Table:
    """The ablations for the book."""
    columns = [
        "model", "vertical, charge [% SoL]", "vertical, discharge [% SoL]", "asymmetry",
        "lateral, charge [% SoL]", "lateral, discharge [% SoL]", "asymmetry",
        "salt on charge [mol/l]", "salt on discharge [mol/l]", "moved on charge, discharge [% SoL]",
    ]  # fmt: skip
    rows = []
    for name, m in found.items():
        if isinstance(m, str):
            rows.append([name, m, *[None] * (len(columns) - 2)])
            continue
        rows.append(
            [
                name,
                *(f"{100 * v:.1f}" for v in m.vertical), f"{m.asymmetry(m.vertical):.2f}",
                *(f"{100 * v:.1f}" for v in m.lateral), f"{m.asymmetry(m.lateral):.2f}",
                *(f"{max(low, 0.0) / 1000:.2f} to {high / 1000:.2f}" for low, high in m.salt),
                ", ".join(f"{100 * x:.0f}" for x in m.moved),
            ]
        )  # fmt: skip
    note = f"""
Largest differences during the first (0.8C) charge, its constant-voltage hold included, and the CC
discharge, between level averages (top and bottom) and between near crack and bulk in the bottom level;
asymmetry is (discharge - charge)/(discharge + charge). Base: {model.words}; mesh of 12 µm. "All four off"
takes away every effect of the salt's concentration on potential, rate and transport but its transference
number. Switches are `materials.ablate` of a scenario and act on laws only, see
`lithoscape.materials.ablate`; precipitation is `materials.solubility_mol_m3`; a closed crack leaves equal
columns.
"""
    return Table("Which dependence makes charge and discharge differ?", columns, rows, note)


def told(found: dict[str, Measure | str]) -> str:
    """The ablations in a sentence or two."""
    whole = found["whole model"]
    if isinstance(whole, str):
        return f"The ablations have no base: {whole}."
    others = {k: m for k, m in found.items() if isinstance(m, Measure) and k != "whole model"}
    parts = [
        "The source sees hardly any lateral separation on charge and a vertical one that closes in the hold: "
        "an asymmetry near 1 laterally, clearly above 0 vertically."
    ]
    for kind in ("vertical", "lateral"):
        before = whole.asymmetry(getattr(whole, kind))
        change = {k: m.asymmetry(getattr(m, kind)) - before for k, m in others.items()}
        ranked = sorted(change, key=lambda k: -abs(change[k]))[:3]
        moved = ", ".join(f"{k} ({before + change[k]:+.2f})" for k in ranked)
        least = min(change, key=lambda k: abs(change[k]))
        parts.append(
            f"The {kind} asymmetry of the whole model is {before:+.2f}; it changes most with {moved} and "
            f"least with {least} ({before + change[least]:+.2f})."
        )
    i0 = found.get("i0 without c_e")
    if isinstance(i0, Measure):
        shift = i0.asymmetry(i0.vertical) - whole.asymmetry(whole.vertical)
        parts.append(
            "The dependence of i0 on the salt, which the source thinks most likely, moves the vertical "
            f"asymmetry by {-shift:+.2f} when it is put in."
        )
    return "**Charge against discharge.** " + " ".join(parts)
