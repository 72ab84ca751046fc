"""Another package's tortuosity beside the voxel solver here: results kept, and live ones if installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from drawing import BLUE, ORANGE, label, panels, picture
from peer_images import IMAGES, QUICK, available, digest, kept, ours, theirs

from lithoscape.transport.peers import ENGINES
from lithoscape.validation.study import Context, Findings, Table

NAMES = {"taufactor": "TauFactor", "porespy": "PoreSpy"}


def compared(engine: str, context: Context) -> Findings:
    """Largest relative difference of the efficiency over the images, kept and live.

    A kept result counts only for the very image it was found on (by digest). ``live_difference`` is NaN
    where the package is not installed.
    """
    file = Path(__file__).with_name(f"results_{engine}.json")
    content, found, rows = kept(file), Findings(), []
    names = [n for n in IMAGES if n in QUICK] if context.quick else list(IMAGES)
    before, live = {}, {}
    for name in names:
        context.say(name)
        image = IMAGES[name]()
        mine = ours(engine, image)
        same = content["images"].get(name, {}).get("digest") == digest(image)
        before[name] = content["images"][name]["efficiency"] / mine["efficiency"] - 1 if same else np.nan
        there = theirs(engine, image)["efficiency"] if available(engine) else np.nan
        live[name] = there / mine["efficiency"] - 1
        rows.append(
            [name, mine["porosity"], content["images"][name]["efficiency"] if same else "other image",
             mine["efficiency"], f"{before[name]:+.2e}", f"{live[name]:+.2e}" if available(engine) else "-"]
        )  # fmt: skip
    found.values = {"kept_difference": _worst(before), "live_difference": _worst(live)}
    versions = ", ".join(f"{k} {v}" for k, v in content["versions"].items())
    head = ["image", "porosity", f"{NAMES[engine]}, kept", "here, now", "kept / here - 1", "live / here - 1"]
    found.tables.append(
        Table(
            "Transport efficiency eps/tau along the first axis", head, rows,
            f"Kept: {content['made_by']} ({versions}, tolerance {content['tolerance']:g}). Here: "
            f"tolerance 1e-7, "
            f"potentials imposed where {NAMES[engine]} does ({ENGINES[engine].boundaries[0]}).",
        )
    )  # fmt: skip
    if not available(engine):
        missing = " and ".join(ENGINES[engine].needs)
        found.remarks.append(f"Not installed here: one of {missing} ({ENGINES[engine].remedy}).")
    found.pictures.append(_picture(engine, context, names, before, live))
    return found


def _worst(differences: dict[str, float]) -> float:
    values = np.array(list(differences.values()))
    return float("nan") if np.isnan(values).any() else float(np.abs(values).max())


def _picture(engine: str, context: Context, names: list[str], before: dict, live: dict):  # type: ignore[no-untyped-def, type-arg]
    figure, axes = panels(1, width=6.4, height=0.5 * len(names) + 1.2)
    axis, place = axes[0, 0], np.arange(len(names))
    other = NAMES[engine]
    for values, colour, mark, name in (
        (before, BLUE, "o", f"{other}, result kept"), (live, ORANGE, "x", f"{other}, run here")
    ):  # fmt: skip
        shown = np.array([abs(values[n]) for n in names])
        if np.isfinite(shown).any():
            axis.plot(np.maximum(shown, 1e-8), place, mark, color=colour, label=name)
    axis.set_xscale("log")
    axis.set_xlim(5e-9, 1e-1)
    axis.axvline(1e-3, color="0.6", lw=1, ls="--")
    axis.text(1.2e-3, -0.4, "tolerance", fontsize=8, color="0.4", va="center")
    axis.set_yticks(place, names)
    axis.set_ylim(len(names) - 0.5, -0.5)
    label(axis, "relative difference of ε/τ (below 1e-8: shown there)", "")
    if axis.lines[:-1]:  # besides the line of the tolerance
        axis.legend(fontsize=8, frameon=False, loc="lower right")
    return picture(
        figure, context.folder, "differences",
        f"{NAMES[engine]} against the voxel solver here on the same images; dashed: the tolerance of the "
        f"targets.",
    )  # fmt: skip
