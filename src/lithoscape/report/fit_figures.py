"""Figures of a fit, one function per figure; every one returns a Figure that belongs to nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..fit import ALL, Measurement, Objective, Parameter, Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CHI2_95 = 3.841
SUBSET_COLOURS = ("#1d2430", "#1f5fa8", "#c8641b", "#2b9348", "#6a3d9a")
FIT, START = "#1f5fa8", "0.6"
FARTHEST = 5.0
"""Largest residual that is drawn [standard deviations]."""


def curve(objective: Objective, found: Study, index: int) -> Figure:
    """One curve or spectrum: data with uncertainty, start and best fit; residuals below."""
    m = objective.measurements[index]
    if m.unit == "ohm cm2":
        return _nyquist(objective, found, index)
    figure = _figure(7.6, 4.4)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2.6, 1))
    order = np.argsort(m.axis)
    for evaluation, colour, label, style in (
        (found.start, START, "start", "--"), (found.best.at, FIT, "best fit", "-"),
    ):  # fmt: skip
        upper.plot(
            m.axis[order],
            evaluation.predictions[index].values[order],
            style,
            color=colour,
            lw=1.8,
            label=label,
        )
    upper.errorbar(
        m.axis, m.values, m.sigma, fmt="o", ms=4, color="#1d2430", lw=1, label="measured", zorder=3
    )
    rows = objective.rows[index]
    lower.axhspan(-1, 1, color="#e6eef8", lw=0)
    lower.axhline(0, color="0.4", lw=0.8)
    lower.plot(m.axis, np.clip(found.best.at.residual[rows], -FARTHEST, FARTHEST), "o", ms=4, color=FIT)
    upper.set_ylabel(_label(m))
    lower.set_ylabel("(fit - measured)\n/ uncertainty", fontsize=9)
    lower.set_xlabel(m.axis_label)
    upper.legend(frameon=False, fontsize=9)
    return _plain(figure)


def _nyquist(objective: Objective, found: Study, index: int) -> Figure:
    m, rows = objective.measurements[index], objective.rows[index]
    half = m.size // 2
    figure = _figure(8.6, 3.6)
    left, right = figure.subplots(1, 2, width_ratios=(1.3, 1))
    for evaluation, colour, label, style in (
        (found.start, START, "start", "s--"), (found.best.at, FIT, "best fit", "s-"),
    ):  # fmt: skip
        values = evaluation.predictions[index].values
        left.plot(values[:half], -values[half:], style, color=colour, ms=4, mfc="white", lw=1.4, label=label)
    left.errorbar(
        m.values[:half], -m.values[half:], m.sigma[half:], m.sigma[:half], fmt="o", ms=4, color="#1d2430",
        lw=1, label="measured", zorder=3,
    )  # fmt: skip
    left.set_xlabel("Re Z (ohm cm²)")
    left.set_ylabel("- Im Z (ohm cm²)")
    left.set_aspect("equal", adjustable="datalim")
    residual = found.best.at.residual[rows]
    right.axhspan(-1, 1, color="#e6eef8", lw=0)
    right.axhline(0, color="0.4", lw=0.8)
    right.semilogx(m.axis[:half], residual[:half], "o", ms=4, color=FIT, label="real")
    right.semilogx(m.axis[:half], residual[half:], "^", ms=5, mfc="white", color=FIT, label="imaginary")
    right.set_xlabel("Frequency (Hz)")
    right.set_ylabel("(fit - measured) / uncertainty", fontsize=9)
    for axis in (left, right):
        axis.legend(frameon=False, fontsize=9)
    return _plain(figure)


def numbers(objective: Objective, found: Study) -> Figure:
    """Single numbers: residuals of start and best fit in standard deviations, with the values beside."""
    chosen = [i for i, m in enumerate(objective.measurements) if m.size == 1]
    height = 0.9 + 0.32 * len(chosen)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, height), dpi=150)
    axis = figure.add_axes((0.36, 0.55 / height, 0.36, 1 - 0.75 / height))
    axis.axvspan(-1, 1, color="#d8efe0", lw=0)
    axis.axvline(0, color="0.5", lw=0.8)
    for k, i in enumerate(chosen):
        _number(axis, k, i, objective, found)
    for x, text, side in ((-0.03, "number", "right"), (1.05, "best fit", "left"), (1.3, "measured", "left")):
        axis.annotate(text, (x, -1), xycoords=("axes fraction", "data"), va="center", ha=side, fontsize=9,
                      weight="bold")  # fmt: skip
    axis.set_yticks([])
    axis.set_ylim(len(chosen) - 0.4, -1.5)
    axis.set_xlim(-FARTHEST - 0.2, FARTHEST + 0.2)
    axis.set_xlabel("(computed - measured) / uncertainty; hollow: at the start", fontsize=9)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.tick_params(labelsize=9)
    return figure


def _number(axis: Axes, k: int, i: int, objective: Objective, found: Study) -> None:
    m, row = objective.measurements[i], objective.rows[i].start
    value = found.best.at.predictions[i].values[0]
    unit = "" if m.unit == "-" else f" {m.unit}"
    shown = "not reached" if np.isnan(value) else f"{value:.4g}{unit}"
    texts = ((-0.03, m.name, "right"), (1.05, shown, "left"),
             (1.3, f"{m.values[0]:.4g} ± {m.sigma[0]:.2g}{unit}", "left"))  # fmt: skip
    for x, text, side in texts:
        axis.annotate(text, (x, k), xycoords=("axes fraction", "data"), va="center", ha=side, fontsize=8.5)
    for evaluation, face, colour in ((found.start, "white", START), (found.best.at, FIT, FIT)):
        r = float(evaluation.residual[row])
        marker = "o" if abs(r) <= FARTHEST else (">" if r > 0 else "<")
        axis.plot(np.clip(r, -FARTHEST, FARTHEST), k, marker, color=colour, mfc=face, ms=6, clip_on=False)


def correlation(objective: Objective, found: Study) -> Figure:
    """Correlations of the parameters, all data with priors."""
    names, values = objective.parameters.names, found.identifications[ALL].correlation
    size = 1.6 + 0.62 * len(names)
    figure = _figure(size + 0.8, size)
    axis = figure.subplots()
    image = axis.imshow(np.nan_to_num(values), vmin=-1, vmax=1, cmap="RdBu_r")
    for i in range(len(names)):
        for j in range(len(names)):
            colour = "white" if abs(values[i, j]) > 0.6 else "black"
            axis.text(j, i, f"{values[i, j]:.2f}", ha="center", va="center", fontsize=8, color=colour)
    axis.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axis.set_yticks(range(len(names)), names)
    figure.colorbar(image, ax=axis, shrink=0.8, label="correlation")
    return figure


def profiles(objective: Objective, found: Study) -> Figure:
    """delta chi2 along every parameter, one line per subset, and the parabola of the Fisher information."""
    k = len(objective.parameters)
    columns = min(k, 3)
    figure = _figure(3.3 * columns + 0.4, 2.9 * -(-k // columns) + 0.5)
    axes = np.atleast_1d(figure.subplots(-(-k // columns), columns, squeeze=False)).ravel()
    for axis, parameter, i in zip(axes, objective.parameters, range(k), strict=False):
        _profile(axis, parameter, i, found)
    for axis in axes[k:]:
        axis.set_visible(False)
    for axis in axes[:k:columns]:
        axis.set_ylabel("increase of chi²")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=4, frameon=False, fontsize=9)
    return _plain(figure)


def _profile(axis: Axes, parameter: Parameter, i: int, found: Study) -> None:
    for (name, members), colour in zip(found.profiles.items(), SUBSET_COLOURS * 3, strict=False):
        p = members[i]
        x = [parameter.natural(float(t)) for t in p.t]
        axis.plot(x, p.delta, "o-", color=colour, ms=3.5, lw=1.4, label=name)
    whole = found.profiles[ALL][i]
    deviation, centre = float(found.identifications[ALL].deviations[i]), float(found.best.t[i])
    if np.isfinite(deviation):
        low, high = np.clip([centre - 3 * deviation, centre + 3 * deviation], *parameter.box)
        t = np.linspace(low, high, 80)
        x = [parameter.natural(float(v)) for v in t]
        label = "all data, parabola"
        axis.plot(x, ((t - centre) / deviation) ** 2, ":", color="#1d2430", lw=1.2, label=label)
    axis.axhline(CHI2_95, color="#b3261e", lw=0.9, ls="--", label="95 %")
    if parameter.transform == "log" and max(parameter.natural(v) for v in whole.t) > 3 * min(
        parameter.natural(v) for v in whole.t
    ):
        axis.set_xscale("log")
    axis.set_ylim(0, 9)
    axis.set_xlabel(_named(parameter))


def identifiability(objective: Objective, found: Study) -> Figure:
    """How far each parameter is known by each subset: 95 % half-width over its scale; below 1 is known."""
    names, subsets = objective.parameters.names, found.identifications
    figure = _figure(8.6, 1.2 + 0.36 * len(names) * max(len(subsets), 2) / 1.6)
    axis = figure.subplots()
    height = 0.8 / len(subsets)
    for j, ((name, i), colour) in enumerate(zip(subsets.items(), SUBSET_COLOURS * 3, strict=False)):
        width = 1.96 * i.alone / objective.parameters.scale
        shown = np.where(np.isfinite(width), np.clip(width, 1e-4, 100), 100)
        place = np.arange(len(names)) + (j - (len(subsets) - 1) / 2) * height
        axis.barh(place, np.log10(shown) + 4, height * 0.9, left=-4, color=colour, label=name)
        for y, w in zip(place, width, strict=True):
            text = f"{w:.2g}" if np.isfinite(w) and w < 100 else "unknown"
            axis.text(np.log10(np.clip(w if np.isfinite(w) else 100, 1e-4, 100)) + 0.04, y, text,
                      va="center", fontsize=8)  # fmt: skip
    axis.axvline(0, color="#b3261e", lw=1, ls="--")
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.set_xlim(-4, 2.6)
    axis.set_xticks(range(-4, 3), [f"$10^{{{e}}}$" for e in range(-4, 3)])
    axis.set_xlabel("95 % half-width over the parameter's scale, data alone (left of the line: identified)")
    figure.legend(loc="outside upper left", ncols=4, frameon=False, fontsize=9)
    return _plain(figure)


def posterior(objective: Objective, found: Study) -> Figure:
    """Marginals and pairs of the samples, with 95 % quantiles."""
    assert found.posterior is not None
    samples, k = found.posterior.samples, len(objective.parameters)
    thin = samples[:: max(1, len(samples) // 4000)]
    figure = _figure(1.5 + 1.7 * k, 1.3 + 1.6 * k)
    axes = figure.subplots(k, k, squeeze=False)
    for i in range(k):
        for j in range(k):
            axis = axes[i, j]
            if j > i:
                axis.set_visible(False)
            elif i == j:
                axis.hist(samples[:, i], 40, color="#9bb8dd", lw=0)
                for q in found.posterior.quantiles[i]:
                    axis.axvline(q, color="#1d2430", lw=0.8, ls="--")
                axis.set_yticks([])
            else:
                axis.plot(thin[:, j], thin[:, i], ".", ms=1, color=FIT, alpha=0.25, rasterized=True)
            axis.tick_params(labelsize=7)
            axis.locator_params(nbins=4)
            axis.set_xlabel(_named(objective.parameters.members[j]) if i == k - 1 else "", fontsize=8)
            axis.set_ylabel(_named(objective.parameters.members[i]) if j == 0 and i else "", fontsize=8)
            if i < k - 1:
                axis.set_xticklabels([])
            if j > 0:
                axis.set_yticklabels([])
            axis.xaxis.offsetText.set_fontsize(7)
            axis.yaxis.offsetText.set_fontsize(7)
    return _plain(figure)


def screening(objective: Objective, found: Study) -> Figure:
    """Morris' mu* or Sobol's total index of each parameter, by group of data."""
    assert found.screening is not None
    s = found.screening
    column = s.measures.index("mu_star" if s.method == "morris" else "ST")
    figure = _figure(7.6, 1.2 + 0.45 * len(objective.parameters))
    axis = figure.subplots()
    height = 0.8 / len(s.values)
    for j, ((group, rows), colour) in enumerate(zip(s.values.items(), SUBSET_COLOURS[1:] * 3, strict=False)):
        place = np.arange(len(rows)) + (j - (len(s.values) - 1) / 2) * height
        axis.barh(place, rows[:, column], height * 0.9, xerr=rows[:, column + 1], color=colour, label=group,
                  error_kw={"lw": 1, "ecolor": "0.3"})  # fmt: skip
    axis.set_yticks(range(len(objective.parameters)), objective.parameters.names)
    axis.invert_yaxis()
    what = "mean elementary effect" if s.method == "morris" else "total Sobol index"
    axis.set_xlabel(f"{what} on log10(1 + chi²/n)")
    axis.legend(frameon=False, fontsize=9)
    return _plain(figure)


# -- helpers ---------------------------------------------------------------
def _named(parameter: Parameter) -> str:
    return f"{parameter.name} ({parameter.unit})" if parameter.unit else parameter.name


def _label(m: Measurement) -> str:
    names = {"V": "Voltage (V)", "%": "State of lithiation (%)"}
    return names.get(m.unit, f"{m.name} ({m.unit})")


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", dpi=150)


def _plain(figure: Any) -> Figure:
    for axis in figure.axes:
        axis.spines[["top", "right"]].set_visible(False)
    return figure
