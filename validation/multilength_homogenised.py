"""What the homogenised model says of Lu et al.: thickness, two commercial electrodes, turning one round.

Seconds a run. Every number is of the homogenised level; the resolved ones are in multilength_nmc811.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from commercial_nmc811 import ELECTRODES, PC, SLOPE, changes, graded
from drawing import BLUE, GREEN, GREY, ORANGE, label, panels, picture
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq

from lithoscape.validation.study import Context, Findings, Table

SCENARIO = "../scenarios/packing_homogenised.yaml"
COARSE = {"geometry.cells": 15, "solver.radial_nodes": 10, "solver.relative_tolerance": 1e-3}
"""Enough for crossings to 15 %."""
THICKNESSES = (60, 100, 140)
RATES = {"high": (1, 2, 3, 5), "low": (0.5, 1, 2, 3)}
POROSITIES = {"high": "base", "low": "low_porosity"}
Curves = dict[tuple[int, str], dict[float, float]]
"""(thickness, porosity) -> rate [C] -> capacity [A h/m2]."""
NOMINAL = 15.0
"""Capacity of 60 um that 1C moves in an hour [A h/m2]."""
CROSSINGS = {(60, 100, "low"): 3.5, (60, 100, "high"): 5.0, (100, 140, "low"): 1.3, (100, 140, "high"): 2.8}
"""(thin [um], thick [um], porosity) -> rate beyond which the thick one gives less in the source [C]."""
LATER = "computed by the full variant only"
FADES = {"sc": 18, "pc": 30}
"""Measured loss at 2C [%]."""
LAYER = 10e-6
"""First layer of large particles at the separator of the turned electrode [m] ("larger than 10 um")."""


def capacity(record: xr.Dataset) -> float:
    """To the cut-off [A h/m2]."""
    return float(record["Discharge capacity [A.h.m-2]"].values[-1])


# -- thickness ---------------------------------------------------------------------
def crossing(rates: Sequence[float], thin: Sequence[float], thick: Sequence[float]) -> float | str:
    """Rate beyond which the thick electrode gives less than the thin one; a text if there is none.

    Capacities are interpolated over the logarithm of the rate.
    """
    x, gap = np.log(rates), np.asarray(thick) - np.asarray(thin)
    if gap[0] <= 0:
        return f"the thicker electrode gives less from {rates[0]:g}C on"
    below = np.flatnonzero(gap <= 0)
    if not below.size:
        return f"the thicker electrode gives more up to {rates[-1]:g}C"
    k = int(below[0])
    curve = PchipInterpolator(x, gap)
    return float(np.exp(brentq(lambda s: float(curve(s)), x[k - 1], x[k])))


def kept_up_to(rates: Sequence[float], shares: Sequence[float], share: float) -> float:
    """Highest rate at which ``share`` is still kept, interpolated; NaN outside the rates."""
    if not min(shares) < share < max(shares):
        return float("nan")
    curve = PchipInterpolator(np.log(rates), shares)
    return float(np.exp(brentq(lambda s: float(curve(s)) - share, np.log(rates[0]), np.log(rates[-1]))))


def thicknesses(context: Context, found: Findings) -> None:
    """Rates beyond which a thicker electrode gives less, and how far 80 % is kept."""
    names = [f"crossing_{a}_{b}_{p}" for a, b, p in CROSSINGS] + ["kept_80"]
    if context.quick:
        found.missing |= dict.fromkeys(names, LATER)
        return
    got: Curves = {}
    for porosity, rates in RATES.items():
        for thickness in THICKNESSES:
            context.say(f"homogenised, {thickness} um, {porosity} porosity")
            got[thickness, porosity] = {
                rate: _discharged(context, thickness, porosity, rate) for rate in rates
            }
    rows = []
    for (thin, thick, porosity), published in CROSSINGS.items():
        name = f"crossing_{thin}_{thick}_{porosity}"
        value = _refined(context, got, thin, thick, porosity)
        if isinstance(value, str):
            found.unseen[name] = value
        else:
            found.values[name] = value
        late = "" if isinstance(value, str) else f"{published / value:.2g}"
        rows.append([f"{thick} um below {thin} um", porosity, value, published, late])
    slow = _discharged(context, 140, "low", 0.1)
    kept = dict(sorted({0.1: slow, **got[140, "low"]}.items()))  # the crossings have added rates at its end
    found.values["kept_80"] = kept_up_to(list(kept), [c / slow for c in kept.values()], 0.8)
    head = ["", "porosity", "beyond, here [C]", "beyond, published [C]", "published over here"]
    note = (
        "Homogenised, 8 um, discharge to 2.8 V. 1C is 1.5 mA/cm2 for every 60 um of thickness: that the "
        "stated 1.5 mAh/cm2 holds for all thicknesses is impossible at one volume fraction. All four are "
        "early by a similar factor: the limit is the electrolyte's, and eps/tau of these electrodes is not "
        "published (here that of the resolved packings); one about that factor larger would reconcile them."
    )
    found.tables.append(Table("Where a thicker electrode gives less", head, rows, note))
    found.pictures.append(_thickness_picture(context, got))


def _refined(context: Context, got: Curves, thin: int, thick: int, porosity: str) -> float | str:
    """The crossing between the rates, with both electrodes run once more next to it."""
    pair = got[thin, porosity], got[thick, porosity]

    def found() -> float | str:
        rates = sorted({*pair[0]} & {*pair[1]})
        return crossing(rates, *([curve[r] for r in rates] for curve in pair))

    value = found()
    if isinstance(value, str):
        return value
    near = float(f"{value:.2g}")
    for thickness, curve in zip((thin, thick), pair, strict=True):
        curve[near] = _discharged(context, thickness, porosity, near)
    return found()


def _discharged(context: Context, thickness: int, porosity: str, rate: float) -> float:
    return capacity(context.run(SCENARIO, POROSITIES[porosity], _thick(thickness, rate)))


def _thick(thickness: int, rate: float) -> dict[str, Any]:
    return {
        **COARSE, "electrode.thickness_um": thickness, "cell.capacity_mAh_cm2": NOMINAL / 10 * thickness / 60,
        "protocol": [f"Discharge at {rate:g}C until 2.8 V"],
    }  # fmt: skip


# -- commercial electrodes -----------------------------------------------------------
def commercial(context: Context, found: Findings) -> None:
    """Loss at 2C of single crystals and polycrystals; the latter turned, salt in its first particles."""
    names = [f"fade_{e}{r}" for e in ELECTRODES for r in ("", "_domain")]
    names += [f"areal_{e}" for e in ELECTRODES] + ["rpc_2C", "rpc_3C", "salt_ratio_end"]
    if context.quick:
        found.missing |= dict.fromkeys([*names, "salt_ratio"], LATER)
        return
    rows = []
    for name, one in ELECTRODES.items():
        for reading, suffix in (("electrode", ""), ("domain", "_domain")):
            context.say(f"homogenised, {name.upper()}, porosity of the {reading}")
            runs = [context.run(SCENARIO, "base", COARSE | changes(one, r, reading)) for r in (0.1, 2)]
            slow, fast = map(capacity, runs)
            found.values[f"fade_{name}{suffix}"] = 1 - fast / slow
            found.values.setdefault(f"areal_{name}", slow)
            rows.append([name.upper(), f"of the {reading}", slow / 10, fast / 10, 100 * (1 - fast / slow),
                         FADES[name]])  # fmt: skip
    head = ["electrode", "porosity is", "C/10 [mAh/cm2]", "2C [mAh/cm2]", "lost at 2C [%]", "measured [%]"]
    factors = " and ".join(f"{one.c_max() / 49340:.2f} ({n.upper()})" for n, one in ELECTRODES.items())
    note = (
        f"Homogenised. c_max of the set times {factors}, so that the electrode holds the measured capacity; "
        "radius from the measured area; the measured ratio of 1.3 in D_s is not applied. The published "
        "porosity may be of the electrode or of the domain between the particles: both are run."
    )
    found.tables.append(Table("Commercial electrodes", head, rows, note))
    _turned(context, found)


def _turned(context: Context, found: Findings) -> None:
    """PC graded as measured and turned round, 1C to 3C; salt over its first particles at the end of 3C."""
    extra = COARSE | {"geometry.cells": 8, "geometry.lateral_um": [10.0], "geometry.lateral_cells": 1}
    moments = {"output.moments": [{"name": "the end", "cycle": 1, "step": 1, "at": "end"}]}
    rows, last = [], None
    for rate in (1, 2, 3):
        context.say(f"homogenised, PC turned round, {rate}C")
        both = [
            context.run(SCENARIO, "base", extra | moments | graded(PC, rate, turned))
            for turned in (False, True)
        ]
        forward, back = map(capacity, both)
        found.values[f"rpc_{rate}C"] = 1 - back / forward
        rows.append([f"{rate}C", forward / 10, back / 10, f"{100 * (1 - back / forward):+.1f}"])
        last = both[1]
    head = ["rate", "as measured [mAh/cm2]", "turned round [mAh/cm2]", "lost by turning [%]"]
    note = (
        f"Homogenised, three layers whose active fraction differs by {100 * SLOPE:.0f} % between the faces; "
        "one particle size (in the source larger particles lie at the collector, too)."
    )
    found.tables.append(Table("PC turned round", head, rows, note))
    assert last is not None
    reached = capacity(last) / PC.capacity
    ratio, ends = salt_ratio(last)
    found.values["salt_ratio_end"] = ratio
    reason = (
        f"the discharge at 3C ends at {100 * reached:.0f} % of the charge, before the 65 % of the source; at "
        f"its end salt falls from {ends[0]:.0f} to {ends[1]:.0f} mol/m3 over the first {1e6 * LAYER:.0f} um"
    )
    found.missing |= {"salt_ratio": reason}


def salt_ratio(record: xr.Dataset) -> tuple[float, tuple[float, float]]:
    """Salt one layer of particles deep over that at the separator's face, and both [mol/m3]."""
    with xr.open_dataset(Path(record.attrs["folder"]) / "maps.nc") as maps:
        salt = maps["Electrolyte concentration [mol.m-3]"].values[-1]
        height, x = maps["y [m]"].values, maps["x [m]"].values
    face = 25e-6
    left = x < 1e-9
    order = np.argsort(height[left])
    first, deep = np.interp([face, face + LAYER], height[left][order], salt[left][order])
    return float(deep / first), (float(first), float(deep))


# -- picture ---------------------------------------------------------------------------
def _thickness_picture(context: Context, got: Curves) -> Any:
    figure, axes = panels(2, width=4.0, height=3.2, sharey=True, sharex=True)
    for axis, porosity, title in zip(
        axes[0], ("high", "low"), ("porosity 0.28", "porosity 0.23"), strict=True
    ):
        for thickness, colour in zip(THICKNESSES, (BLUE, GREEN, ORANGE), strict=True):
            rates = sorted(got[thickness, porosity])
            values = [got[thickness, porosity][r] / 10 for r in rates]
            axis.plot(rates, values, "o-", color=colour, ms=4, label=f"{thickness} µm")
        for (_, _, which), published in CROSSINGS.items():
            if which == porosity:
                axis.axvline(published, color=GREY, lw=1, ls="--")
        axis.set_xscale("log")
        axis.set_xticks((0.5, 1, 2, 3, 5), ["0.5", "1", "2", "3", "5"])
        axis.minorticks_off()
        axis.set_ylim(bottom=0)
        label(
            axis,
            "rate [C of 1.5 mAh/cm² per 60 µm]",
            "capacity [mAh/cm²]" if axis is axes[0, 0] else "",
            title,
        )
    axes[0, 0].set_xlim(0.45, 5.6)
    axes[0, 1].plot([], [], "--", color=GREY, lw=1, label="published crossings")
    axes[0, 1].legend(fontsize=8, frameon=False)
    caption = (
        "Homogenised level: areal capacity of 8 µm electrodes of three thicknesses. Dashed: rates beyond "
        "which, in the source, 140 µm gives less than 100 µm (left) and 100 µm less than 60 µm (right)."
    )
    return picture(figure, context.folder, "thickness", caption)


Maker = Callable[[Context, Findings], None]
PARTS: tuple[Maker, ...] = (thicknesses, commercial)
