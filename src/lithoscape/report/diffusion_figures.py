"""Diffusion impedances of an image: Nyquist plots by region, one line for each direction; the table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..impedance.diffusion import DiffusionSpectrum
from ..impedance.diffusion_study import WHOLE, DiffusionStudy
from .spectrum_figures import MINUS, frequency_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"through": "#1f5fa8", "in plane": "#c8641b"}
MARK = "#d11a2a"
"""Colour of the characteristic frequency."""
CHARACTERISTIC, SLOPE = "ω = D/L²", "45°"
ACROSS = 3
"""Panels side by side."""
SMOOTH = 400
TALLEST = 1.5
"""Height of a panel relative to the largest real part, where the imaginary part grows without bound."""


def nyquist_by_region(study: DiffusionStudy) -> Figure:
    """Z~ in one panel for each region, with D / L^2 marked and the slope of 45 degrees."""
    from matplotlib.figure import Figure

    regions = [r for r in study.regions if any(place[0] == r for place in study.spectra)]
    columns = min(ACROSS, len(regions))
    rows = -(-len(regions) // columns)
    closed = any(s.outlet == "reflecting" for s in study.spectra.values())
    size = (4.0 * columns + (1.6 if columns == 1 else 0.4), (4.6 if closed else 2.3) * rows + 0.7)
    figure = Figure(figsize=size, layout="constrained", dpi=150)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, region in zip(axes, regions, strict=False):
        _panel(axis, study, region, closed)
    for axis in axes[len(regions) :]:
        axis.set_visible(False)
    handles: dict[str, Any] = {}
    for axis in axes:
        lines, labels = axis.get_legend_handles_labels()
        handles |= dict(zip(labels, lines, strict=True))
    names = sorted(
        handles,
        key=lambda name: (name == SLOPE, name == CHARACTERISTIC, not name.startswith("through"), name),
    )
    figure.legend(
        [handles[name] for name in names], names, loc="outside upper left", frameon=False, fontsize=8,
        ncols=min(len(names), 2 * columns + 1),
    )  # fmt: skip
    return figure


def _panel(axis: Axes, study: DiffusionStudy, region: str, closed: bool) -> None:
    shown = {place[1]: s for place, s in study.spectra.items() if place[0] == region}
    lines = {k: _line(s) for k, s in shown.items()}
    right = max(float(_reach(s, lines[k])) for k, s in shown.items())
    height = TALLEST * right if closed else max(float((-z.imag).max()) for z in lines.values())
    planes = 0
    for k, z in lines.items():
        name = study.direction(k)
        kind = name.split(" (")[0]
        style = ":" if kind == "in plane" and planes else "-"
        planes += kind == "in plane"
        axis.plot(z.real, -z.imag, style, color=COLOURS[kind], lw=1.8, label=name)
        mark = shown[k].at(np.array([shown[k].characteristic_frequency]))[0] * _scale(shown[k])
        axis.plot(mark.real, -mark.imag, "o", color=MARK, ms=5, zorder=4, label=CHARACTERISTIC)
    end = 0.98 * min(1.1 * right, 1.1 * height)
    axis.plot([0, end], [0, end], color="0.25", lw=1, ls=(0, (2, 2)), label=SLOPE, zorder=0)
    axis.set(xlim=(0, 1.1 * right), ylim=(0, 1.1 * height), xlabel="Re Z̃", ylabel=f"{MINUS}Im Z̃")
    axis.set_aspect("equal", adjustable="box")
    if region != WHOLE:
        axis.set_title(region, fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8)


def _scale(s: DiffusionSpectrum) -> float:
    return s.diffusivity / s.length


def _line(s: DiffusionSpectrum) -> np.ndarray:
    """Z~ over the range of the spectrum, and on to the steady limit if there is one."""
    lowest = s.frequencies[0] * (1.0 if s.steady is None else 1e-3)
    return s.at(np.geomspace(lowest, s.frequencies[-1], SMOOTH)) * _scale(s)


def _reach(s: DiffusionSpectrum, z: np.ndarray) -> float:
    """Largest real part."""
    return float(s.steady or z.real.max())


def write_diffusion(study: DiffusionStudy, folder: Path) -> list[Path]:
    """Write ``spectrum_1.nc`` and so on, and ``nyquist.png``; the folder is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for k, ((region, axis), s) in enumerate(study.spectra.items(), 1):
        spectrum = s.spectrum()
        told = {**spectrum.about, "region": region, "direction": study.direction(axis)}
        files.append(type(spectrum)(spectrum.frequencies, spectrum.impedance, "1", told).save(
            folder / f"spectrum_{k}.nc"
        ))  # fmt: skip
    file = folder / "nyquist.png"
    nyquist_by_region(study).savefig(file, facecolor="white")
    return [*files, file]


def diffusion_table(study: DiffusionStudy) -> Any:
    """One line for each region and direction; the limit of low frequency, or Re Z~ at the lowest one."""
    from rich.table import Table

    closed = any(s.outlet == "reflecting" for s in study.spectra.values())
    limit = "Re Z̃" if closed else "τ/ε"
    table = Table("region", "axis", "ε", "reached", limit, "τ", "D/(2πL²)", "error")
    for column in table.columns[2:]:
        column.justify = "right"
    for column in table.columns[:2]:
        column.no_wrap = True
    for (region, axis), s in study.spectra.items():
        value = float(s.normalised[0].real) if s.steady is None else s.steady
        table.add_row(
            region, study.direction(axis, short=True), f"{s.porosity:.4f}", f"{s.porosity_reached:.4f}",
            f"{value:.4g}", "–" if s.tau is None else f"{s.tau:.4g}",
            frequency_text(s.characteristic_frequency), f"{s.error:.0e}",
        )  # fmt: skip
    return table
