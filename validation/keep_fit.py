"""Keep a fit for the validation book: its parameters, and a summary of what it found.

    python validation/keep_fit.py FITFOLDER [--fit scenarios/fit_mcc_xrd.yaml]

FITFOLDER is what `lithoscape fit` left. For every fitted/CASE.fitted.yaml in it, validation/fitted/ receives
CASE.yaml (what studies read) and CASE.json (what the page of the case shows).
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lithoscape.errors import InputError, LithoscapeError
from lithoscape.scenario.fit import load_fit
from lithoscape.validation.fitted import read_fitted

HERE = Path(__file__).resolve().parent
SUFFIX = ".fitted.yaml"
WHOLE = (
    "title", "chi2", "chi2_at_start", "chi2_of_priors", "numbers", "degrees_of_freedom", "converged",
    "message", "simulations",
)  # fmt: skip
"""Entries that are kept as they are."""
OF_A_PARAMETER = (
    "value", "unit", "interval_95", "transform", "identified", "at_bound", "start", "bounds",
)  # fmt: skip


def keep(folder: Path, fit: Path, into: Path = HERE / "fitted") -> list[Path]:
    """Copy parameters and summary of the fit in ``folder``; the files written.

    Raises
    ------
    InputError
        The folder holds no finished fit, or one of another file than ``fit``.
    """
    found = sorted((folder / "fitted").glob(f"*{SUFFIX}"))
    results = folder / "results.json"
    if not results.is_file() or not found:
        raise InputError(
            "holds no finished fit of a validation case", field="FITFOLDER", value=str(folder),
            remedy="Wait for the fit to end, or continue it with --resume",
        )  # fmt: skip
    content = json.loads(results.read_text(encoding="utf-8"))
    into.mkdir(parents=True, exist_ok=True)
    written = []
    for file in found:
        stem = file.name.removesuffix(SUFFIX)
        parameters, summary = into / f"{stem}.yaml", into / f"{stem}.json"
        fitted = read_fitted(file)
        assert fitted is not None
        told = reduced(content, fit) | {"changes": dict(fitted.changes), "fitted_on": list(fitted.fitted_on)}
        shutil.copyfile(file, parameters)
        summary.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        written += [parameters, summary]
    return written


def reduced(content: Mapping[str, Any], fit: Path) -> dict[str, Any]:
    """What the page shows of results.json; bounds are checked against the file that was fitted.

    Raises
    ------
    InputError
        Parameters or their bounds are not those of ``fit``.
    """
    loaded = load_fit(fit)
    said = {p.name: (p.low, p.high, p.start) for p in loaded.parameters}
    found = {n: (*p["bounds"], p["start"]) for n, p in content["parameters"].items()}
    if said != found:
        raise InputError(
            "is not the file of this fit: parameters, bounds or starts differ", field="--fit", value=str(fit),
            remedy="Name the file that was fitted",
        )  # fmt: skip
    derivatives = content["derivatives"]
    return {
        "made_by": f"lithoscape fit scenarios/{fit.name}",
        "revision": content["provenance"]["revision"],
        **{key: content[key] for key in WHOLE},
        "short_of_data": len(content["failed"]),
        "time": content.get("time"),
        "parameters": {
            p.name: {
                **{key: content["parameters"][p.name][key] for key in OF_A_PARAMETER},
                "prior": _prior(p.prior), "scale": p.scale,
                "change_with_step": derivatives["change_with_step"][p.name],
                "error_from_noise": derivatives["error_from_noise"][p.name],
            }
            for p in loaded.parameters
        },
        "data": [_datum(d) for d in content["data"]],
        "identifiability": {name: _subset(i) for name, i in content["identifiability"].items()},
        "profiles": {
            name: {n: {key: p[key] for key in ("interval_95", "open")} for n, p in members.items()}
            for name, members in content["profiles"].items()
        },
        "found_below": _found_below(content),
    }  # fmt: skip


def _found_below(content: Mapping[str, Any]) -> float:
    """By how much chi2 with priors is lower at some place of a profile of all data than at the best fit."""
    below = [0.0]
    for name, p in content["profiles"].get("all data", {}).items():
        best = content["parameters"][name]["value"]
        k = min(range(len(p["values"])), key=lambda k: abs(p["values"][k] - best))
        below.append(p["delta_chi2"][k])
    return max(below)


def _prior(prior: Any) -> str:
    if prior.kind == "normal":
        return f"normal, {prior.centre:g} ± {prior.width:g}"
    if prior.kind == "lognormal":
        return f"lognormal, {prior.centre:g} within a factor of {prior.width:g}"
    return "uniform within the bounds"


def _datum(d: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: d[key] for key in ("name", "group", "unit", "numbers", "chi2", "chi2_at_start", "missing")}
    if d["numbers"] == 1:
        kept |= {key: d[key] for key in ("measured", "uncertainty", "fitted")}
        there = d["fitted"] is not None
        kept["residual"] = (d["fitted"] - d["measured"]) / d["uncertainty"] if there else None
    return kept


def _subset(i: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: i[key] for key in ("groups", "numbers", "identified")}
    kept["deviation"] = i["deviation_without_priors"]
    kept["combinations"] = len(i["combinations"])
    kept["combinations_identified"] = [c["direction"] for c in i["combinations"] if c["identified"]]
    return kept


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", metavar="FITFOLDER", type=Path)
    parser.add_argument("--fit", type=Path, default=HERE.parent / "scenarios" / "fit_mcc_xrd.yaml")
    given = parser.parse_args()
    try:
        for file in keep(given.folder, given.fit):
            print(file.relative_to(HERE.parent))
    except LithoscapeError as error:
        print(f"error: {error.describe()}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
