"""Figures of impedance spectra: Nyquist and Bode, one function per figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..spectra import Spectrum

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Labelled = Sequence[tuple[str, Spectrum]]
FAINT = "#9fbfe3"
"""Colour of the first of many spectra, a wide line under the others."""
COLOURS = ("#1f5fa8", "#c8641b", "#2b9348", "#6a3d9a", "#e0479e", "#5b5b5b", "#a67c00", "#008b8b")
UNITS = {"ohm.m2": ("Ω cm²", 1e4), "ohm": ("Ω", 1.0), "1": ("", 1.0)}
"""Unit of a spectrum -> what is drawn, and the factor to it."""
TALLEST = 1.1
"""Height of a Nyquist plot relative to its width, at most."""
MINUS = "\N{MINUS SIGN}"
HEAD = ("Spectrum", "Frequencies [Hz]", "Z at the highest [Ω cm²]", "Z at the lowest [Ω cm²]", "Voltage [V]")


def nyquist(spectra: Labelled, fitted: Labelled = ()) -> Figure:
    """Minus the imaginary over the real part, equal scales; ``fitted`` spectra as thin black lines.

    What rises steeply to low frequencies is cut where the picture would become taller than wide.
    """
    unit, factor = _unit(spectra)
    shown = np.concatenate([factor * s.impedance for _, s in (*spectra, *fitted)])
    (left, right), (low, high) = _limits(shown.real), _limits(np.append(-shown.imag, 0.0))
    if high - low > TALLEST * (right - left):
        low, high = -0.08 * TALLEST * (right - left), 0.92 * TALLEST * (right - left)
    share = (high - low) / (right - left)
    figure = _figure(6.4, float(np.clip(5.6 * share, 1.4, 6.2)) + 0.9 + 0.2 * -(-len(spectra) // 2))
    axis = figure.subplots()
    taken: list[np.ndarray] = []
    for k, (label, s) in enumerate(spectra):
        z, colour = factor * s.impedance, _colour(k, len(spectra))
        if fitted:
            axis.plot(z.real, -z.imag, "o", color=colour, ms=4, mfc="none", label=label)
            continue
        line = _smooth(s, z)
        axis.plot(line.real, -line.imag, "-", color=colour, lw=_line_width(k, len(spectra)), label=label)
        inside = (-z.imag < high) & (-z.imag > low)
        _decades(axis, s, np.where(inside, z, np.nan), colour, max(right - left, high - low), taken, k == 0)
    for label, s in fitted:
        line = _smooth(s, factor * s.impedance)
        axis.plot(line.real, -line.imag, color="0.1", lw=1.2, label=label)
    axis.axhline(0, color="0.6", lw=0.7, zorder=0)
    axis.set_aspect("equal", adjustable="box")
    axis.set(xlim=(left, right), ylim=(low, high))
    axis.set_xlabel(f"Re Z ({unit})" if unit else "Re Z")
    axis.set_ylabel(f"{MINUS}Im Z ({unit})" if unit else f"{MINUS}Im Z")
    _finish(figure, axis)
    return figure


def _colour(k: int, count: int) -> str:
    """Colours in turn; the first of many is faint."""
    return FAINT if count > 2 and k == 0 else COLOURS[k % len(COLOURS)]


def _line_width(k: int, count: int) -> float:
    """The first of many lines is wide, so that others upon it do not hide it."""
    return 1.8 if count < 3 else (4.0 if k == 0 else 1.4)


def _limits(values: np.ndarray) -> tuple[float, float]:
    """Lowest and highest value with a margin."""
    low, high = float(values.min()), float(values.max())
    margin = 0.08 * (high - low) or 0.5 * abs(high) or 1.0
    return low - margin, high + margin


def _smooth(s: Spectrum, z: np.ndarray) -> np.ndarray:
    """What is drawn between the points of a computed spectrum."""
    if z.size < 4:
        return z
    from scipy.interpolate import make_interp_spline

    log = np.log(s.frequencies)
    return np.asarray(make_interp_spline(log, z)(np.linspace(log[0], log[-1], 8 * z.size)))


def bode(spectra: Labelled, fitted: Labelled = ()) -> Figure:
    """Magnitude and phase over frequency."""
    figure = _figure(9.0, 4.8)
    upper, lower = figure.subplots(2, 1, sharex=True)
    unit, factor = _unit(spectra)
    styles = [
        (label, s, _colour(k, len(spectra)), bool(fitted), _line_width(k, len(spectra)))
        for k, (label, s) in enumerate(spectra)
    ]
    styles += [(label, s, "0.1", False, 1.2) for label, s in fitted]
    for label, s, colour, points, width in styles:
        look: dict[str, Any] = {"color": colour, "lw": width, "ms": 4, "mfc": "none" if points else colour}
        kind = "o" if points else "-"
        f, z = s.frequencies, factor * s.impedance
        if not points:
            z = _smooth(s, z)
            f = np.geomspace(f[0], f[-1], z.size)
        upper.semilogx(f, np.abs(z), kind, label=label, **look)
        lower.semilogx(f, -np.angle(z, deg=True), kind, **look)
    _scale(upper, factor * np.abs(np.concatenate([s.impedance for _, s in (*spectra, *fitted)])))
    upper.set_ylabel(f"|Z| ({unit})" if unit else "|Z|")
    lower.set_ylabel(f"{MINUS}phase (°)")
    lower.set_xlabel("Frequency (Hz)")
    every = np.concatenate([s.frequencies for _, s in spectra])
    lower.set_xlim(every.min(), every.max())
    _finish(figure, upper, lower)
    return figure


def write_figures(spectra: Labelled, folder: Path, fitted: Labelled = ()) -> list[Path]:
    """Write ``nyquist.png`` and ``bode.png``."""
    files = []
    for name, draw in (("nyquist", nyquist), ("bode", bode)):
        file = folder / f"{name}.png"
        draw(spectra, fitted).savefig(file, facecolor="white")
        files.append(file)
    return files


def kept_spectra(folder: Path) -> list[tuple[str, Spectrum]]:
    """Spectra that a run left in its folder, labelled by when they were taken; damaged files are left out."""
    found = []
    for file in folder.glob("spectrum_*.nc"):
        try:
            s = Spectrum.load(file)
        except InputError:
            continue
        found.append((float(s.about.get("step", 0)), s))
    return [(told(s), s) for _, s in sorted(found, key=lambda pair: pair[0])]


def told(spectrum: Spectrum) -> str:
    """When and in which state a spectrum was taken."""
    about, parts = spectrum.about, []
    if "Time [s]" in about:
        minutes = float(about["Time [s]"]) / 60
        parts.append(f"after {minutes:.4g} min" if minutes > 0 else "at the start")
    if "Voltage [V]" in about:
        parts.append(f"{float(about['Voltage [V]']):.3f} V")
    current = float(about.get("Current density [A.m-2]", 0.0))
    if abs(current) > 1e-6:
        parts.append(f"{current:.3g} A/m²")
    return ", ".join(parts) or "spectrum"


def row(label: str, spectrum: Spectrum) -> tuple[str, ...]:
    """The spectrum's line of a table headed by ``HEAD``."""
    f, z = spectrum.frequencies, spectrum.impedance * UNITS[spectrum.unit][1]
    voltage = spectrum.about.get("Voltage [V]")
    return (
        label, f"{f[0]:.3g} to {f[-1]:.3g}, {f.size} points", complex_text(z[-1]), complex_text(z[0]),
        "" if voltage is None else f"{float(voltage):.4f}",
    )  # fmt: skip


def complex_text(z: complex) -> str:
    """Such as ``"12.3 - 4.56i"``, with a proper minus."""
    sign = MINUS if z.imag < 0 else "+"
    return f"{z.real:.4g} {sign} {abs(z.imag):.4g}i"


def _unit(spectra: Labelled) -> tuple[str, float]:
    units = {s.unit for _, s in spectra}
    if len(units) != 1:
        raise InputError("spectra in one figure share their unit", value=sorted(units))
    return UNITS[units.pop()]


def _scale(axis: Axes, values: np.ndarray) -> None:
    """Logarithmic where magnitudes differ by more than five times, else from zero."""
    if values.max() > 5 * values.min():
        from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

        axis.set_yscale("log")
        close = values.max() < 200 * values.min()
        axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if close else (1.0,)))
        axis.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.yaxis.set_minor_formatter(NullFormatter())
    else:
        axis.set_ylim(0, 1.08 * float(values.max()))


def _decades(
    axis: Axes, s: Spectrum, z: np.ndarray, colour: str, size: float, taken: list[np.ndarray], named: bool
) -> None:
    """Dots at full decades of frequency, with the frequency where there is room."""
    log = np.log10(s.frequencies)
    for decade in range(int(np.ceil(log[0] - 1e-9)), int(np.floor(log[-1] + 1e-9)) + 1):
        at = np.array([np.interp(decade, log, z.real), -np.interp(decade, log, z.imag)])
        if not np.isfinite(at).all():
            continue
        axis.plot(*at, "o", color=colour, ms=4)
        if named and all(np.any(np.abs(at - other) > (0.15 * size, 0.05 * size)) for other in taken):
            taken.append(at)
            axis.annotate(
                frequency_text(10.0**decade), tuple(at), xytext=(4, -9), textcoords="offset points",
                fontsize=7, color="0.35",
            )  # fmt: skip


def frequency_text(f: float) -> str:
    """``"10 mHz"``."""
    for scale, prefix in ((1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ")):
        if f >= 0.9999 * scale:
            return f"{f / scale:.3g} {prefix}Hz"
    return f"{f:.3g} Hz"


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", dpi=150)


def _finish(figure: Figure, *axes: Axes) -> None:
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=9)
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside upper left", frameon=False, fontsize=9, ncols=2
    )
