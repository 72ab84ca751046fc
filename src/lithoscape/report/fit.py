"""The page of a fit: fit.html, one file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from ..fit import Objective, Study
from . import fit_figures as figures
from . import page

MOST_FAULTS = 12
"""Simulations short of data that are listed."""
BAD_FIT = 2.0
"""chi2 per degree of freedom above which the page warns."""


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
    temporary = path.with_name("fit.html.part")
    temporary.write_text(render(fitted), encoding="utf-8")
    temporary.replace(path)
    return path


def render(fitted: FitPage) -> str:
    """The page as HTML."""
    sections = [
        ("parameters", "Parameters", _parameters(fitted)),
        ("data", "Fit and data", _data(fitted)),
        ("identifiability", "What the data know", _identifiability(fitted)),
        ("profiles", "Profile likelihoods", _profiles(fitted)),
        ("posterior", "Posterior", _posterior(fitted)),
        ("screening", "Screening", _screening(fitted)),
        ("numerics", "Derivatives, noise and failed simulations", _numerics(fitted)),
    ]
    shown = [(a, t, text) for a, t, parts in sections if (text := page.section(a, t, parts))]
    links = " ".join(f'<a href="#{a}">{escape(t)}</a>' for a, t, _ in shown)
    c = fitted.content
    state = "finished" if c["converged"] else "failed"
    facts = (
        f"chi² {c['chi2']:.4g} for {c['numbers']} numbers and {len(c['parameters'])} parameters · "
        f"{c['simulations']} simulations"
    )
    body = [
        f"<h1>{escape(fitted.title)}</h1>",
        f'<p><span class="badge {state}">{escape(c["message"])}</span> {escape(facts)}</p>',
        page.paragraph(fitted.description) if fitted.description else "",
        f"<nav>{links}</nav>",
        page.box(_warnings(fitted)),
        *(text for *_, text in shown),
    ]
    return page.document(fitted.title, body)


def _warnings(fitted: FitPage) -> list[str]:
    c, found = fitted.content, []
    if not c["converged"]:
        found.append(f"The best fit was not found: {c['message']}")
    reduced = c["chi2"] / max(c["degrees_of_freedom"], 1)
    if reduced > BAD_FIT:
        found.append(
            f"chi² is {reduced:.3g} per degree of freedom: the model does not describe the data within the "
            "uncertainties stated, and the intervals below are too narrow to be believed."
        )
    for name, p in c["parameters"].items():
        if p["at_bound"]:
            found.append(f"{name} lies at one of its bounds; its interval is that of the data within them.")
        elif not p["identified"]:
            found.append(
                f"{name} is not identified by the data; what is stated comes from its prior or bounds."
            )
    if c["lower_by"]:
        found.append(
            f"A profile came {c['lower_by']:.2g} below the best fit in chi² although the fit was begun again "
            f"{c['restarts']} times: there are several valleys, or steps; try a longer search."
        )
    noisy = [n for n, e in c["derivatives"]["error_from_noise"].items() if e > 0.1]
    if noisy:
        found.append(f"Derivatives of {', '.join(noisy)} are uncertain by the solver's noise.")
    return found


def _parameters(fitted: FitPage) -> list[str]:
    rows = []
    profiles: Mapping[str, Any] = next(iter(fitted.content["profiles"].values()), {})
    for name, p in fitted.content["parameters"].items():
        low, high = p["interval_95"]
        row = [name, p["unit"] or "–", f"{p['value']:.4g}", f"{low:.4g} to {high:.4g}"]
        if profiles:
            row.append(_profile_interval(profiles[name]))
        known = "at a bound" if p["at_bound"] else ("yes" if p["identified"] else "no")
        rows.append([*row, known, f"{p['start']:.4g}", f"{p['bounds'][0]:.3g} to {p['bounds'][1]:.3g}"])
    head = ["parameter", "unit", "best fit", "95 % (curvature)"]
    head += ["95 % (profile)"] if profiles else []
    head += ["known", "start", "bounds"]
    return [
        page.table(head, rows),
        page.picture(
            figures.correlation(fitted.objective, fitted.study),
            "Correlation of the parameters, from the Fisher information of all data and the priors.",
            shape="natural",
        ),
    ]


def _profile_interval(p: Mapping[str, Any]) -> str:
    ends = [f"{v:.4g}" for v in p["interval_95"]]
    marks = ["≤ " if p["open"][0] else "", "≥ " if p["open"][1] else ""]
    return f"{marks[0]}{ends[0]} to {marks[1]}{ends[1]}"


def _data(fitted: FitPage) -> list[str]:
    o, found, parts = fitted.objective, fitted.study, []
    for i, m in enumerate(o.measurements):
        if m.size > 1:
            rows = o.rows[i]
            chi2 = float(found.best.at.residual[rows] @ found.best.at.residual[rows])
            caption = (
                f"{m.name}: measured, at the start and at the best fit; chi² {chi2:.3g} of {m.size} numbers."
            )
            parts.append(page.picture(figures.curve(o, found, i), caption))
    if any(m.size == 1 for m in o.measurements):
        caption = "Single numbers, computed minus measured in units of their uncertainty."
        parts.append(page.picture(figures.numbers(o, found), caption))
    cells = [
        [
            d["name"],
            d["group"],
            d["numbers"],
            f"{d['chi2_at_start']:.4g}",
            f"{d['chi2']:.4g}",
            d["missing"] or "",
        ]
        for d in fitted.content["data"]
    ]
    return [*parts, page.table(["data", "group", "numbers", "chi² at start", "chi²", "not reached"], cells)]


def _identifiability(fitted: FitPage) -> list[str]:
    parts = [
        page.paragraph(
            "A combination of parameters is called identified if the data alone confine it, to 95 %, within "
            "one scale: one e-fold of a parameter fitted on a logarithm, a quarter of the bounds of another. "
            "Local, from the Fisher information at the best fit, for all data and for each subset."
        ),
        page.picture(
            figures.identifiability(fitted.objective, fitted.study),
            "95 % half-width of every parameter over its scale, without priors, for each subset of the data.",
        ),
    ]
    rows = []
    for name, entry in fitted.content["identifiability"].items():
        known = [n for n, yes in entry["identified"].items() if yes]
        lost = [c["direction"] for c in entry["combinations"] if not c["identified"]]
        rows.append([name, entry["numbers"], ", ".join(known) or "none", "; ".join(lost) or "none"])
    head = ["data", "numbers", "parameters identified", "combinations not identified (in scales)"]
    return [*parts, page.table(head, rows)]


def _profiles(fitted: FitPage) -> list[str]:
    if not fitted.content["profiles"]:
        return []
    rows = [
        [parameter, name, _profile_interval(p), "yes" if not any(p["open"]) else "no"]
        for name, members in fitted.content["profiles"].items()
        for parameter, p in members.items()
    ]
    return [
        page.picture(
            figures.profiles(fitted.objective, fitted.study),
            "Increase of chi² when one parameter is held elsewhere and all others follow; below 3.84 lies "
            "the 95 % interval. Dotted: the parabola that the curvature at the best fit predicts.",
        ),
        page.table(["parameter", "data", "95 % interval", "bounded"], rows),
    ]


def _posterior(fitted: FitPage) -> list[str]:
    p = fitted.content["posterior"]
    if p is None:
        return []
    how = {
        "surrogate": "Sampled on a surrogate, not on the model: residuals continued from the best fit as "
        "quadratics along each parameter. It is as good as these are over the width of the samples; compare "
        "with the profiles.",
        "model": "Every sample is a simulation.",
    }[p["method"]]
    chain = "" if p["long_enough"] else " The chain is too short for its autocorrelation: use more steps."
    caption = f"Posterior with priors ({p['method']}), {p['samples']} samples; dashed: 2.5, 50 and 97.5 %."
    rows = [[name, *(f"{v:.4g}" for v in q)] for name, q in p["quantiles_2.5_50_97.5"].items()]
    return [
        page.paragraph(how + chain),
        page.picture(figures.posterior(fitted.objective, fitted.study), caption, shape="natural"),
        page.table(["parameter", "2.5 %", "median", "97.5 %"], rows),
    ]


def _screening(fitted: FitPage) -> list[str]:
    if fitted.content["screening"] is None:
        return []
    s = fitted.content["screening"]
    caption = f"{s['method'].capitalize()} screening over the whole range, {s['simulations']} simulations."
    return [page.picture(figures.screening(fitted.objective, fitted.study), caption)]


def _numerics(fitted: FitPage) -> list[str]:
    d, failed = fitted.content["derivatives"], fitted.content["failed"]
    rows = [
        [n, f"{d['steps'][n]:.3g}", f"{d['change_with_step'][n]:.2g}", f"{d['error_from_noise'][n]:.2g}"]
        for n in d["steps"]
    ]
    head = ["parameter", "step (fitting scale)", "change with a longer step", "error by noise"]
    told = [
        [f["experiment"], ", ".join(f"{k} {v:.4g}" for k, v in f["values"].items()), f["reason"]]
        for f in failed[:MOST_FAULTS]
    ]
    text = (
        f"{len(failed)} of {fitted.content['simulations']} simulations failed or ended before some of the "
        "data; they count with a penalty that grows smoothly with the distance from what works."
    )
    return [
        page.table(head, rows),
        page.paragraph(text),
        page.table(["experiment", "parameters", "reason"], told),
        *(page.paragraph(note, "note") for note in fitted.content.get("notes", ())),
    ]
