"""What the fit to the 0.8C cycle found, for the page of the thick cracked electrode.

The summary validation/fitted/CASE.json is made by keep_fit.py from the folder of a fit; without it, or
without the parameters beside it, the page shows nothing of a fit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from drawing import BLUE, GREY, ORANGE, picture
from matplotlib.figure import Figure

from lithoscape.errors import InputError
from lithoscape.fit.identify import Z95
from lithoscape.validation.cases import Case
from lithoscape.validation.fitted import read_fitted
from lithoscape.validation.study import Findings, Picture, Table

HERE = Path(__file__).resolve().parent
ALL = "all data"
COLOURS = (ORANGE, BLUE, GREY)
BAD_FIT = 2.0
"""chi2 per degree of freedom above which the model does not describe the data."""
LOWER = 0.1
"""chi2 below that of the best fit, found by a profile, above which the page says so."""
ROUGH = 0.2
"""Relative change of a derivative with the step of its difference above which the page warns."""
WORDS = {
    "through": "eps/tau of the matrix, through the electrode",
    "ratio": "eps/tau in the plane over that through it",
    "crack": "eps/tau in the crack",
    "D_s": "solid diffusivity (geometric mean)",
    "D_s_slope": "decades that it rises by from empty to full",
    "i0": "exchange current density",
    "initial": "SoL at the start",
}
Summary = Mapping[str, Any]


def read_summary(name: str, folder: Path = HERE / "fitted") -> Summary | None:
    """The summary of the fit of a case; None if there is none, or no parameters beside it.

    Raises
    ------
    InputError
        Summary and parameters are of different fits.
    """
    file, fitted = folder / f"{name}.json", read_fitted(folder / f"{name}.yaml")
    if fitted is None or not file.is_file():
        return None
    summary = json.loads(file.read_text(encoding="utf-8"))
    if summary["changes"] != dict(fitted.changes):
        raise InputError(
            "summary and parameters belong to different fits", field=f"validation/fitted/{name}.json",
            remedy="Make both with python validation/keep_fit.py FITFOLDER",
        )  # fmt: skip
    return summary


def add(found: Findings, case: Case, summary: Summary, folder: Path) -> None:
    """Put what the fit found on the page; the picture goes into ``folder``."""
    found.remarks += [verdict(summary), *([answer(summary)] if _alone(summary) else [])]
    found.tables += [parameters(summary), data(summary, case), identifiability(summary), numbers(summary)]
    if summary["time"]:
        found.tables.append(times(summary))
    found.pictures.append(half_widths(summary, folder))


# -- in words ----------------------------------------------------------------
def verdict(summary: Summary) -> str:
    """How well the model describes what it was fitted to, and whether the derivatives can be trusted."""
    free, parts = summary["degrees_of_freedom"], []
    text = f"**The fit.** chi² is {summary['chi2']:.3g} for {summary['numbers']} numbers and "
    text += f"{len(summary['parameters'])} parameters"
    if free > 0:
        text += f", {summary['chi2'] / free:.3g} per degree of freedom"
    parts.append(f"{text}; at the start it was {summary['chi2_at_start']:.3g}.")
    if free > 0 and summary["chi2"] / free > BAD_FIT:
        parts.append(
            "The model does not describe all of the data within their uncertainties, so deviations and "
            "intervals below, which take it to be true, are too narrow: they say what the data react to."
        )
    if worst := [d["name"] for d in summary["data"] if d["chi2"] > 9 * d["numbers"]]:
        parts.append(f"More than three uncertainties away: {', '.join(f'`{n}`' for n in worst)}.")
    rough = {n: p["change_with_step"] for n, p in summary["parameters"].items()
             if p["change_with_step"] > ROUGH}  # fmt: skip
    if rough:
        said = ", ".join(f"{n} ({100 * v:.0f} %)" for n, v in rough.items())
        parts.append(
            f"Derivatives that change with the step of their difference: {said}. "
            "What is said of these parameters is rough."
        )
    profiles, curved = summary["profiles"].get(ALL, {}), summary["parameters"]
    if narrow := [n for n, p in profiles.items() if _width(p) < 0.5 * _width(curved[n])]:
        parts.append(
            f"Profiles less than half as wide as the curvature says: {_listed(narrow)}. chi² is no parabola "
            "there; it has steps where a feature of the curves appears or vanishes (docs/fit.md)."
        )
    if summary["found_below"] > LOWER:
        parts.append(
            f"On the way, the profiles came upon places where chi² with priors is lower by "
            f"{summary['found_below']:.3g} than at the best fit: it is not the least, and profile intervals, "
            "which count from the least of each profile, need not contain it."
        )
    if not summary["converged"]:
        parts.append(f"The best fit was not found: {summary['message']}")
    return " ".join(parts)


def answer(summary: Summary) -> str:
    """What the fit says to the source's expectation that SoL identifies what voltage alone does not."""
    subsets = summary["identifiability"]
    whole = subsets[ALL]
    alone = subsets[_alone(summary)[0]]
    one, both = _known(alone), _known(whole)
    gained, names = [n for n in both if n not in one], list(summary["parameters"])
    more = len(whole["combinations_identified"]) - len(alone["combinations_identified"])
    if gained:
        verb = "is" if len(gained) == 1 else "are"
        does = f"**They do**: {_listed(gained)} {verb} identified once the SoL are added"
    elif more > 0:
        does = f"**They do in part**: combinations gained: {more}, but no parameter by itself"
    else:
        does = "**They do not here**: no parameter and no combination is gained"
    left = [n for n in names if n not in both]
    text = (
        "The source concludes that states of lithiation should make parameters identifiable that "
        f"electrochemical data alone leave open. {does}. The voltage alone ({alone['numbers']} numbers) "
        f"identifies {len(one)} of {len(names)} parameters, and of as many combinations of them "
        f"{len(alone['combinations_identified'])}; with the SoL ({whole['numbers'] - alone['numbers']} "
        f"numbers) it is {len(both)}, and {len(whole['combinations_identified'])}. "
        f"{_listed(left) or 'Nothing'} {'stays' if len(left) < 2 else 'stay'} open."
    )
    if alone["numbers"] < len(names):
        text += (
            f" Mind that {alone['numbers']} numbers cannot confine more than {alone['numbers']} "
            "combinations, whatever they are: compared are the numbers that the source prints, not a voltage "
            "curve with maps."
        )
    return text


def _alone(summary: Summary) -> list[str]:
    """Names of the subsets without any SoL."""
    return [name for name, s in summary["identifiability"].items() if s["groups"] == ["voltage"]]


def _known(subset: Mapping[str, Any]) -> list[str]:
    return [name for name, yes in subset["identified"].items() if yes]


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


# -- tables ------------------------------------------------------------------
def parameters(summary: Summary) -> Table:
    """Start, bounds, prior, value, interval, and whether the data know it."""
    rows = []
    for name, p in summary["parameters"].items():
        known = "at a bound" if p["at_bound"] else ("yes" if p["identified"] else "no")
        rows.append(
            [f"{name}: {WORDS[name]}" if name in WORDS else name, p["unit"] or "–", p["start"],
             _range(p["bounds"]), p["prior"], p["value"], _range(p["interval_95"]), known]
        )  # fmt: skip
    columns = ("parameter", "unit", "start", "bounds", "prior", "best fit", "95 % interval", "identified")
    note = (
        f"`{summary['made_by']}`. Intervals come from the curvature at the best fit, priors included, cut "
        "off at the bounds; identified means by all data without priors."
    )
    return Table("Fitted parameters", columns, rows, note)


def data(summary: Summary, case: Case) -> Table:
    """What was fitted, and how far from it the best fit is."""
    quantity = {t.id: f"{t.quantity} `{t.id}`" for t in case.targets}
    rows = []
    for d in summary["data"]:
        name = quantity.get(d["name"], d["name"].replace("_", " "))
        single = d["numbers"] == 1
        shown = [d["measured"], d["uncertainty"], d["fitted"], d["residual"]] if single else [None] * 4
        if single and d["residual"] is not None:
            shown[-1] = f"{d['residual']:+.2f}"
        rows.append([name, d["group"], d["unit"], *shown, d["chi2"], d["chi2_at_start"], d["missing"] or ""])
    columns = (
        "number", "group", "unit", "measured", "uncertainty", "fitted", "off by [uncertainties]", "chi²",
        "chi² at the start", "not reached",
    )  # fmt: skip
    note = "Uncertainties are the tolerances of the targets; these numbers are fitted, not predicted."
    return Table("What was fitted, and how well", columns, rows, note)


def identifiability(summary: Summary) -> Table:
    """Deviations without priors by subset of the data, and profile-likelihood intervals."""
    subsets, order = summary["identifiability"], _order(summary)
    profiles: Mapping[str, Any] = summary["profiles"].get(ALL, {})
    rows: list[list[Any]] = []
    for name, p in summary["parameters"].items():
        scale = "ln" if p["transform"] == "log" else p["transform"]
        cells = [_deviation(subsets[s], name) for s in order]
        profile = _profile(profiles[name]) if name in profiles else "–"
        rows.append([f"{name} ({scale})", *cells, profile])
    counts = [f"{len(subsets[s]['combinations_identified'])} of {subsets[s]['combinations']}" for s in order]
    rows.append(["combinations identified", *counts, ""])
    rows.append(["measured numbers", *(str(subsets[s]["numbers"]) for s in order), ""])
    columns = ("standard deviation of", *order, "95 % by profile likelihood, all data")
    note = (
        "Standard deviations of the parameter on the scale of the fit, by the data alone, without priors, "
        "and whether that identifies it: 95 % within one e-fold of a logarithm, or a quarter of the bounds. "
        "Profiles include the priors; ≤ and ≥ mark ends at which the data do not bound the parameter."
    )
    return Table("What the data know, with and without the SoL", columns, rows, note)


def numbers(summary: Summary) -> Table:
    """Sums of squares and what it took."""
    rows = [
        ["chi² at the start", summary["chi2_at_start"]],
        ["chi² at the best fit", summary["chi2"]],
        ["of the priors, on top", summary["chi2_of_priors"]],
        ["measured numbers", summary["numbers"]],
        ["degrees of freedom", summary["degrees_of_freedom"]],
        ["simulations", summary["simulations"]],
        ["of these short of some of the data", summary["short_of_data"]],
        ["ended with", summary["message"]],
    ]
    return Table("The fit in numbers", ("quantity", "value"), rows)


def times(summary: Summary) -> Table:
    """What the fit cost."""
    t, every = summary["time"], summary["simulations"]
    rows = [
        ["runs that were timed, together [min]", t["whole_s"] / 60],
        ["simulations in them, of all", f"{t['timed']} of {every}"],
        ["one simulation, median [s]", t["median_simulation_s"]],
        ["all of them at that median, one after the other [min]", every * t["median_simulation_s"] / 60],
    ]
    note = "One process and one thread each; the machine was shared with other work."
    if t["timed"] < every:
        note += (
            " The other simulations were found in the store when the runs began, and are not in their time."
        )
    return Table("Time of the fit", ("quantity", "value"), rows, note, timing=True)


def _order(summary: Summary) -> list[str]:
    """Subsets with all data last."""
    return [*(s for s in summary["identifiability"] if s != ALL), ALL]


def _deviation(subset: Mapping[str, Any], name: str) -> str:
    value, known = subset["deviation"][name], subset["identified"][name]
    return "not confined" if value is None else f"{value:.3g}, {'yes' if known else 'no'}"


def _profile(p: Mapping[str, Any]) -> str:
    low, high = p["interval_95"]
    return f"{'≤ ' if p['open'][0] else ''}{low:.4g} to {'≥ ' if p['open'][1] else ''}{high:.4g}"


def _width(known: Mapping[str, Any]) -> float:
    low, high = known["interval_95"]
    return high - low


def _range(ends: list[float]) -> str:
    return f"{ends[0]:.3g} to {ends[1]:.3g}"


# -- picture -----------------------------------------------------------------
def half_widths(summary: Summary, folder: Path) -> Picture:
    """95 % half-width over the scale of each parameter, by subset of the data."""
    names, order = list(summary["parameters"]), _order(summary)
    scale = np.array([p["scale"] for p in summary["parameters"].values()])
    width = {s: Z95 * _deviations(summary, s) / scale for s in order}
    finite = np.concatenate([w[np.isfinite(w)] for w in width.values()])
    right = 10 ** np.ceil(np.log10(max(finite.max(initial=1.0), 1.0)) + 0.6)
    left = 10 ** np.floor(np.log10(min(finite.min(initial=0.1), 0.1)) - 0.2)
    figure = Figure(figsize=(8.6, 0.5 * len(names) + 1.3), layout="constrained")
    axis, place, apart = figure.subplots(), np.arange(len(names)), 0.6 / len(order)
    axis.axvspan(left, 1.0, color="#e9f5ec", lw=0, zorder=0)
    for k, (s, colour) in enumerate(zip(order, COLOURS, strict=False)):
        at = place + apart * (k - 0.5 * (len(order) - 1))
        known = np.isfinite(width[s])
        axis.hlines(at[known], left, width[s][known], color=colour, lw=1.5)
        axis.hlines(at[~known], left, right, color=colour, lw=1.0, linestyles=":")
        axis.plot(width[s][known], at[known], "o", ms=6, color=colour, label=s)
        axis.plot(np.full((~known).sum(), right), at[~known], ">", ms=7, color=colour, clip_on=False)
    axis.axvline(1.0, color="#2b8a4b", lw=1.2)
    axis.set(xscale="log", xlim=(left, right), ylim=(len(names) - 0.5, -0.5))
    axis.set_yticks(place, [WORDS.get(n, n) for n in names], fontsize=8)
    axis.set_xlabel("95 % half-width by the data alone / scale of the parameter", fontsize=9)
    axis.set_title("green: identified", fontsize=9, loc="left", color="#2b8a4b")
    axis.grid(alpha=0.25, axis="x")
    axis.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper right", ncols=len(order), fontsize=8, frameon=False)
    caption = (
        "What the data know of each parameter with and without the states of lithiation: 95 % half-width "
        "without priors over the parameter's scale (one e-fold of a logarithm, a quarter of the bounds). "
        "Dotted, with an arrow: not confined, since the data do not react to it or others make up for it."
    )
    return picture(figure, folder, "identifiability", caption)


def _deviations(summary: Summary, subset: str) -> np.ndarray:
    found = summary["identifiability"][subset]["deviation"]
    return np.array([np.inf if found[n] is None else found[n] for n in summary["parameters"]])
