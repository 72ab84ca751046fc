"""Particle size, porosity, mixing and turning of resolved NMC811 electrodes, as Lu et al. simulated them.

    python validation/multilength_nmc811.py --runs runs

reads the run folders that ``validation/packings.py`` makes (minutes each) and keeps what targets ask for in
results_multilength_nmc811.json. The study takes those folders if they are below its own (``runs/NAME``), else
what is kept; besides it runs equal electrodes with the homogenised model. Every number says its level.
"""

from __future__ import annotations

import argparse
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import packings
import xarray as xr
from drawing import BLUE, GREEN, GREY, ORANGE, RED, label, panels, picture
from multilength_homogenised import PARTS

from lithoscape.errors import InputError
from lithoscape.validation.study import Context, Findings, Table

KEPT = Path(__file__).with_name("results_multilength_nmc811.json")
HOMOGENISED = "../scenarios/packing_homogenised.yaml"
RATES = ("1C", "3C", "5C")
MIXES = {"8": ("packing_d8", "low_porosity"), "layered": ("bimodal_d8_d12", "layered"),
         "mixed": ("bimodal_d8_d12", ""), "12": ("packing_d12", "low_porosity")}  # fmt: skip
EQUAL = 0.01
"""Relative difference of capacities that counts as none in an order."""
EARLY, LATE = 0.42, 0.84
"""Mean states of lithiation at which the reaction is looked for."""


def study(context: Context) -> Findings:
    """See the module."""
    runs = context.folder / "runs"
    content = collected(runs) if any(runs.glob("packing_d8-*/record.nc")) else _kept()
    values = {**collected(context.folder / "none")["values"], **content["values"]}
    found = Findings(values={k: v if isinstance(v, str) else _number(v) for k, v in values.items()})
    found.remarks.append(
        f"Resolved level: {content['made_by']}; {len(content['runs'])} runs, package revisions "
        f"{', '.join(sorted(set(content['runs'].values())))}. These are not run again here unless their "
        "folders are given. Homogenised level: run now."
    )
    _explain(found, content)
    found.tables += [_depth_table(found.values), _capacity_table(found.values)]
    _homogenised(context, found)
    for part in PARTS:
        part(context, found)
    found.pictures.insert(0, _picture(context, found.values))
    return found


NEEDS = {
    "second_rise_d16": "packing_d16-base", "sizes_meet": "bimodal_d8_d12-base",
    "first_fall": "packing_d8-base", "second_rise": "packing_d8-base",
}  # fmt: skip
"""What happens in a run, if it does."""
UNTESTED = {
    "zone_of_100_um": "the criterion needs resolved particles, and no packing of 100 um has been run",
    "orientation_2d": "grain orientations are those of one particle image that is not public",
    "cracks_2d": "the cracked particle is one image that is not public",
    "particle_cases": "the particle is one image that is not public, and its figures are not printed",
    "layer_of_18": "of layers, 30 um has been run only",
    "shares_of_small": "of mixtures, half and half has been run only",
    "saturated_depth": "needs the tomogram of PC, which is not public, or its sizes by depth (supplement)",
}
"""Targets that nothing here can test, and why."""


def _explain(found: Findings, content: dict[str, Any]) -> None:
    """Why values are not there: the run is missing, or what is asked for does not happen in it."""
    values, turns = content["values"], content["values"].get("turns")
    told = {
        "first_fall": f"the unevenness next to the separator has no minimum (it {turns})",
        "second_rise": f"the unevenness next to the separator rises only once (it {turns})",
        "second_rise_d16": "the unevenness next to the separator rises only once",
        "sizes_meet": "next to the separator the larger spheres stay the more uneven to the end",
    }
    for name, run in NEEDS.items():
        found.values.setdefault(name, float("nan"))
        if name in values and values[name] is None and run in content["runs"]:
            found.unseen[name] = told[name]
    for name, value in found.values.items():
        if name not in found.unseen and (value == "unknown" or value != value):
            found.missing[name] = "the resolved run that it needs is not among those kept"
    found.missing |= UNTESTED


def _kept() -> dict[str, Any]:
    if not KEPT.is_file():
        raise InputError(
            "there are no results of resolved runs", field=KEPT.name,
            remedy="Run validation/packings.py, then validation/multilength_nmc811.py",
        )  # fmt: skip
    return dict(json.loads(KEPT.read_text(encoding="utf-8")))


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


# -- resolved level ------------------------------------------------------------
def collected(runs: Path) -> dict[str, Any]:
    """Every figure that the run folders give; None where a run is missing or ended before."""
    values: dict[str, Any] = {}
    seen: dict[str, str] = {}

    def record(name: str, *parts: str) -> xr.Dataset | None:
        which = packings.variant(*parts)
        found = packings.record_of(runs, name, which)
        if found is not None:
            provenance = json.loads(found.attrs.get("provenance", "{}"))
            seen[f"{name}-{which}"] = str(provenance.get("revision", "unknown"))
        return found

    for name, size in packings.SIZES.items():
        for porosity, way in packings.POROSITIES.items():
            for rate, suffix in packings.RATES.items():
                one, key = record(name, way, suffix), f"d{size}_{porosity}_{rate}"
                values[f"capacity_{key}"] = _capacity(one)
                values |= _depths(one, size, key)
    for mix, (name, way) in MIXES.items():
        for rate in RATES:
            values[f"mix_{mix}_{rate}"] = _capacity(record(name, way, "" if rate == "3C" else rate))
    for rate in ("1C", "2C", "3C"):
        for turned in ("", "reversed"):
            one = record("graded_reversed", turned, "" if rate == "3C" else rate)
            values[f"graded_{turned or 'forward'}_{rate}"] = _capacity(one)
    values |= _front(record("packing_d8", ""))
    values["second_rise_d16"] = _turns(record("packing_d16", ""))["second_rise"]
    values["sizes_meet"] = _meeting(record("bimodal_d8_d12", ""))
    values |= _scatter(record("packing_d8", ""))
    values |= derived(values)
    made = "python validation/multilength_nmc811.py --runs runs, from run folders of validation/packings.py"
    return {"made_by": made, "level": "resolved", "runs": seen, "values": values}


def _capacity(record: xr.Dataset | None) -> float | None:
    """[A h/m2] to the cut-off."""
    return None if record is None else float(record["Discharge capacity [A.h.m-2]"].values[-1])


def _depths(record: xr.Dataset | None, size: int, key: str) -> dict[str, float | None]:
    """Depth limited by the solid at 60 % of the nominal charge, strictly and allowing 15 %."""
    names = (f"depth_{key}", f"depth85_{key}")
    if record is None or (_capacity(record) or 0) < 0.6 * packings.NOMINAL * 0.99:
        return dict.fromkeys(names)
    strict = packings.attribute(record, "solid_limited_depth", "60 % DoD")
    return dict(
        zip(names, (strict, packings.nearly(record, packings.at_moment(record, 0.6), size)), strict=True)
    )


def _front(record: xr.Dataset | None) -> dict[str, Any]:
    """Where the reaction is largest early and late; how the unevenness at the separator turns."""
    if record is None:
        return {**dict.fromkeys(("front_early", "front_late")), **_turns(None)}
    mean, current = (
        record["Mean state of lithiation"].values,
        record["Particle current density [A.m-2]"].values,
    )
    places: dict[str, Any] = {}
    for name, at in (("front_early", EARLY), ("front_late", LATE)):
        thirds = np.abs(packings.by_thirds(current[int(np.argmin(np.abs(mean - at)))], record))
        places[name] = ("separator", "middle", "collector")[int(np.argmax(thirds))]
    return places | _turns(record)


def _turns(record: xr.Dataset | None) -> dict[str, Any]:
    """Mean states at which the unevenness of particles next to the separator first falls and rises again."""
    if record is None:
        return dict.fromkeys(("first_fall", "second_rise", "turns"))
    turns = packings.turning_points(record)
    falls = [float(x) for x in re.findall(r"falls to ([\d.]+)", turns)]
    rises = [float(x) for x in re.findall(r"rises to ([\d.]+)", turns)]
    return {
        "first_fall": falls[0] if falls else None,
        "second_rise": rises[1] if len(rises) > 1 else None,
        "turns": turns,
    }


def _meeting(record: xr.Dataset | None) -> float | None:
    """Mean state at which small and large spheres in the separator's third are equally uneven.

    The last crossing: small ones are the less uneven before.
    """
    if record is None:
        return None
    large = record["Particle diameter [m]"].values > 10e-6
    near = record["Particle depth"].values < 1 / 3
    weight = record["Particle volume [m3]"].values
    uneven = (
        record["Highest state of lithiation in particle"] - record["Lowest state of lithiation in particle"]
    ).values
    small_one, large_one = (
        uneven[:, near & w] @ weight[near & w] / weight[near & w].sum() for w in (~large, large)
    )
    mean, gap = record["Mean state of lithiation"].values, large_one - small_one
    turns = np.flatnonzero((gap[:-1] > 0) & (gap[1:] <= 0))
    if not turns.size:
        return None
    k = int(turns[-1])
    return float(mean[k] + gap[k] / (gap[k] - gap[k + 1]) * (mean[k + 1] - mean[k]))


def _scatter(record: xr.Dataset | None) -> dict[str, float | None]:
    """Lowest and highest particle mean in every third of the depth at 60 % of the nominal charge."""
    names = [f"particles_{which}_{k}" for which in ("low", "high") for k in (1, 2, 3)]
    if record is None:
        return dict.fromkeys(names)
    there = packings.at_moment(record, 0.6)["Particle state of lithiation"].values
    third = np.digitize(record["Particle depth"].values, [1 / 3, 2 / 3])
    ends = [float(end(there[third == k])) for end in (np.min, np.max) for k in range(3)]
    return dict(zip(names, ends, strict=True))


def derived(values: dict[str, Any]) -> dict[str, Any]:
    """Orders and relative differences of capacities; None or "unknown" where one is missing."""
    out: dict[str, Any] = {}
    for porosity in packings.POROSITIES:
        out[f"order_{porosity}_3C"] = ranked(
            {f"{d}": values[f"capacity_d{d}_{porosity}_3C"] for d in (8, 12, 16)}
        )
    for rate in RATES:
        out[f"order_mix_{rate}"] = ranked({mix: values[f"mix_{mix}_{rate}"] for mix in MIXES})
        for mix in ("mixed", "layered", "12"):
            out[f"loss_{mix}_{rate}"] = loss(values[f"mix_{mix}_{rate}"], values[f"mix_8_{rate}"])
    for rate in ("1C", "2C", "3C"):
        out[f"turned_{rate}"] = loss(values[f"graded_reversed_{rate}"], values[f"graded_forward_{rate}"])
    return out


def loss(one: float | None, reference: float | None) -> float | None:
    """Relative loss of ``one`` against ``reference``."""
    return None if one is None or reference is None else 1 - one / reference


def ranked(capacities: dict[str, float | None]) -> str:
    """Names by falling capacity; ``=`` within :data:`EQUAL`; what is missing is left out."""
    there = sorted(((v, k) for k, v in capacities.items() if v is not None), reverse=True)
    text = there[0][1] if there else "unknown"
    for (a, _), (b, name) in pairwise(there):
        text += f" {'=' if a - b <= EQUAL * a else '>'} {name}"
    return text


def _depth_table(values: dict[str, Any]) -> Table:
    rows = []
    for (size, porosity), published in packings.THEIRS.items():
        key = f"d{size}_{porosity}_3C"
        strict, near = (100 * values[f"{name}_{key}"] for name in ("depth", "depth85"))
        rows.append([f"{size} um", porosity, strict, near, published])
    head = ["spheres", "porosity", "strictly [%]", "to 85 % of the sphere's spread [%]", "published [%]"]
    note = "Resolved level, 3C, 60 % of 1.5 mAh/cm2. The 85 % were chosen after the strict numbers were seen."
    return Table("Depth limited by diffusion in the solid", head, rows, note)


def _capacity_table(values: dict[str, Any]) -> Table:
    rows = []
    for rate in RATES:
        for porosity in packings.POROSITIES:
            found = [values[f"capacity_d{d}_{porosity}_{rate}"] / 10 for d in (8, 12, 16)]
            rows.append([rate, f"{porosity} porosity", *(_shown(v) for v in found)])
    for rate in RATES:
        found = [values[f"mix_{mix}_{rate}"] / 10 for mix in MIXES]
        rows.append([rate, "low, 8 / layered / mixed / 12", " / ".join(_shown(v) for v in found), "", ""])
    for rate in ("1C", "2C", "3C"):
        found = [values[f"graded_{way}_{rate}"] / 10 for way in ("forward", "reversed")]
        rows.append([rate, "graded, forward / turned", " / ".join(_shown(v) for v in found), "", ""])
    note = "Resolved level, discharge to 2.8 V; 1C is 1.5 mA/cm2 (2.0 for the graded electrode). -: not run."
    return Table("Capacity [mAh/cm2]", ["rate", "electrode", "8 um", "12 um", "16 um"], rows, note)


def _shown(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "-"


# -- homogenised level -----------------------------------------------------------
def _homogenised(context: Context, found: Findings) -> None:
    """The same packings with the homogenised model: capacity by size and rate, salt at the end."""
    rates = ("3C",) if context.quick else RATES
    rows = []
    for porosity, variant in (("high", None), ("low", "low_porosity")):
        for rate in rates:
            capacities: dict[str, float | None] = {}
            for size in (8, 12, 16):
                context.say(f"homogenised, {size} um, {porosity} porosity, {rate}")
                changes = {
                    "electrode.particle_radius_um": size / 2,
                    "protocol": [f"Discharge at {rate} until 2.8 V"],
                }
                record = context.run(HOMOGENISED, variant or "base", changes)
                value = _capacity(record)
                capacities[str(size)] = value
                found.values[f"homogenised_d{size}_{porosity}_{rate}"] = float(value or np.nan)
                there = found.values[f"capacity_d{size}_{porosity}_{rate}"]
                rows.append([rate, porosity, size, (value or np.nan) / 10, _shown(float(there) / 10)])
            found.values[f"homogenised_order_{porosity}_{rate}"] = ranked(capacities)
    _within_scatter(context, found)
    head = ["rate", "porosity", "spheres [um]", "homogenised [mAh/cm2]", "resolved [mAh/cm2]"]
    note = "eps/tau of the electrode: that of the domain between the spheres, times 0.57^1.5 for the spheres."
    found.tables.append(Table("The same electrodes, homogenised", head, rows, note))


def _within_scatter(context: Context, found: Findings) -> None:
    """Whether thirds of the homogenised electrode lie between the particle means of the resolved one."""
    low, high = (
        np.array([float(found.values.get(f"particles_{w}_{k}", np.nan)) for k in (1, 2, 3)])
        for w in ("low", "high")
    )
    if not np.isfinite(low + high).all():
        found.missing["within_scatter"] = "the means of particles are not among the results kept"
        return
    third = {"thickness_um": 20.0, "porosity": 0.28, "active_fraction": 0.43, "transport": 0.0371}
    layers = [{"name": f"third {k}", **third} for k in (1, 2, 3)]
    whole = dict.fromkeys(("thickness_um", "porosity", "active_fraction"))
    record = context.run(
        HOMOGENISED, "base",
        {"electrode": {**whole, "transport": "bruggeman", "layers": layers}, "geometry.cells": 10},
    )  # fmt: skip
    thirds = packings.at_moment(record, 0.6)["State of lithiation by layer"].values
    inside = (thirds >= low) & (thirds <= high)
    found.values["within_scatter"] = "within" if inside.all() else "outside"
    rows = [
        [name, float(s), f"{a:.3f} to {b:.3f}"]
        for name, s, a, b in zip(("separator", "middle", "collector"), thirds, low, high, strict=True)
    ]
    head = ["third at the", "homogenised", "means of resolved particles"]
    title = "State of lithiation at 60 % of the charge, 8 um, porosity 0.28, 3C"
    found.tables.append(Table(title, head, rows))


# -- picture ------------------------------------------------------------------------
def _picture(context: Context, values: dict[str, Any]) -> Any:
    figure, axes = panels(3, width=3.5, height=3.1)
    place = np.arange(5)
    keys = [f"d{d}_{p}_3C" for d, p in packings.THEIRS]
    for shift, name, colour, text in ((0, "depth", BLUE, "strictly"), (1, "depth85", GREEN, "allowing 15 %")):
        heights = [100 * values[f"{name}_{k}"] for k in keys]
        axes[0, 0].bar(place + 0.27 * shift, heights, 0.27, color=colour, label=text)
    axes[0, 0].bar(place - 0.27, list(packings.THEIRS.values()), 0.27, color=GREY, label="published")
    axes[0, 0].set_xticks(place, [f"{d} µm\n{p}" for d, p in packings.THEIRS], fontsize=7)
    axes[0, 0].set_ylim(0, 145)
    axes[0, 0].legend(fontsize=7, frameon=False, ncols=2, loc="upper left")
    label(axes[0, 0], "", "limited depth [%]", "depth limited by the solid, 3C")
    rates = np.array([1, 3, 5])
    for mix, colour in zip(MIXES, (BLUE, GREEN, ORANGE, RED), strict=True):
        shown = np.array([values[f"mix_{mix}_{r}"] / 10 for r in RATES])
        kept = np.isfinite(shown)
        text = {"8": "8 µm", "12": "12 µm", "layered": "8 µm over 12 µm"}.get(mix, mix)
        axes[0, 1].plot(rates[kept], shown[kept], "o-", color=colour, ms=4, label=text)
    label(axes[0, 1], "rate [C of 1.5 mAh/cm²]", "capacity [mAh/cm²]", "mixed and layered, low porosity")
    axes[0, 1].legend(fontsize=7.5, frameon=False)
    for way, colour, text in (("forward", BLUE, "dense at the collector"), ("reversed", RED, "turned round")):
        shown = [values[f"graded_{way}_{r}C"] / 10 for r in (1, 2, 3)]
        axes[0, 2].plot([1, 2, 3], shown, "o-", color=colour, ms=4, label=text)
    label(axes[0, 2], "rate [C of 2.0 mAh/cm²]", "capacity [mAh/cm²]", "graded electrode")
    axes[0, 2].legend(fontsize=7.5, frameon=False)
    caption = "Resolved level: depth limited by the solid, two sizes, and a graded electrode turned round."
    return picture(figure, context.folder, "multilength", caption)


def main() -> None:
    """Read run folders, write what is kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--out", type=Path, default=KEPT)
    given = parser.parse_args()
    given.out.write_text(
        json.dumps(collected(given.runs), indent=1, allow_nan=False) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
