"""Material sets for reading: a table of every parameter and a sheet of every law."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..materials.laws import evaluate
from ..materials.schema import Assumed, Electrode, LithiumMetal, MaterialSet
from ..materials.sets import get_set

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.console import Group

Row = tuple[str, str, str, str]
"""Parameter (dotted), value, unit, note."""

_ELECTRODE_FIELDS = (
    ("thickness", 1e6, "µm"),
    ("porosity", 1.0, ""),
    ("active_fraction", 1.0, ""),
    ("particle_radius", 1e6, "µm"),
    ("conductivity", 1.0, "S/m"),
    ("bruggeman_electrolyte", 1.0, ""),
    ("bruggeman_solid", 1.0, ""),
    ("initial_stoichiometry", 1.0, ""),
    ("double_layer", 1.0, "F/m²"),
)


def describe_set(name: str) -> Group:
    """Everything about the set ``name`` as a rich renderable.

    Values in the units shown; "assumed" rows carry the range a fit may use and
    the reason; laws are given by their value at a reference state.
    """
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    materials = get_set(name)
    parameters = Table("Parameter", "Value", "Unit", "Note", title=materials.name, title_justify="left")
    parameters.columns[1].justify = "right"
    for row in parameter_rows(materials):
        style = "yellow" if row[3].startswith("assumed") else None
        parameters.add_row(*(Text(cell) for cell in row), style=style)
    parts: list[Any] = [parameters, Text(f"Source: {materials.citation}")]
    if materials.assumed:
        assumed = Table("Assumed", "Low (SI)", "High (SI)", "Prior", "Reason", title="Not measured")
        assumed.title_justify = "left"
        for path, entry in sorted(materials.assumed.items()):
            assumed.add_row(path, f"{entry.low:g}", f"{entry.high:g}", _prior(entry), Text(entry.reason))
        parts.append(assumed)
    return Group(*parts)


def set_overview() -> list[tuple[str, str, str, int]]:
    """Name, cell, electrolyte and number of assumed values of every set."""
    from ..materials.sets import list_sets

    rows = []
    for name in list_sets():
        cell = get_set(name)
        other = cell.negative.material.name if isinstance(cell.negative, Electrode) else "Li"
        kind = f"{cell.positive.material.name} | {other}"
        rows.append((name, kind, cell.electrolyte.name, len(cell.assumed)))
    return rows


def parameter_rows(materials: MaterialSet) -> Iterator[Row]:
    """Every parameter of ``materials`` as (dotted name, value, unit, note)."""
    yield from _electrode_rows(materials, "positive", materials.positive)
    if isinstance(materials.negative, LithiumMetal):
        i0 = evaluate(materials.negative.exchange_current, 1000.0, materials.temperature)
        yield _row(materials, "negative.exchange_current", i0, "A/m²", "lithium metal, at 1 M")
    else:
        yield from _electrode_rows(materials, "negative", materials.negative)
    separator = materials.separator
    yield _row(materials, "separator.thickness", 1e6 * separator.thickness, "µm")
    yield _row(materials, "separator.porosity", separator.porosity, "")
    yield _row(materials, "separator.bruggeman_electrolyte", separator.bruggeman_electrolyte, "")
    yield from _electrolyte_rows(materials)
    yield _row(materials, "temperature", materials.temperature, "K")
    low, high = materials.voltage_limits
    yield ("voltage_limits", f"{low:g} to {high:g}", "V", "")


def _electrode_rows(materials: MaterialSet, side: str, electrode: Electrode) -> Iterator[Row]:
    material, T = electrode.material, materials.temperature
    x, c_max = electrode.initial_stoichiometry, electrode.material.c_max
    yield (f"{side}.material", material.name, "", material.citation)
    for field, factor, unit in _ELECTRODE_FIELDS:
        yield _row(materials, f"{side}.{field}", factor * getattr(electrode, field), unit)
    prefix = f"{side}.material"
    yield _row(materials, f"{prefix}.c_max", c_max, "mol/m³")
    if material.density is not None:
        yield _row(materials, f"{prefix}.density", material.density, "kg/m³")
    low, high = material.stoichiometry
    yield (f"{prefix}.stoichiometry", f"{low:g} to {high:g}", "", "validity of the laws")
    yield _row(materials, f"{prefix}.ocp", material.ocp(x), "V", "at the initial stoichiometry")
    yield _row(
        materials, f"{prefix}.diffusivity", evaluate(material.diffusivity, 0.5, T), "m²/s", "at x = 0.5"
    )
    i0 = material.exchange_current(1000.0, 0.5 * c_max, c_max, T)
    yield _row(materials, f"{prefix}.exchange_current", i0, "A/m²", "at 1 M, x = 0.5; i = 2 i0 sinh(Fη/2RT)")


def _electrolyte_rows(materials: MaterialSet) -> Iterator[Row]:
    electrolyte, T = materials.electrolyte, materials.temperature
    note = _assumption(materials, "electrolyte")
    yield ("electrolyte", electrolyte.name, "", note or electrolyte.citation)
    c_e = electrolyte.initial_concentration
    yield _row(materials, "electrolyte.initial_concentration", c_e, "mol/m³")
    low, high = electrolyte.valid
    yield ("electrolyte.valid", f"{low:g} to {high:g}", "mol/m³", "validity of the laws")
    for field, unit in (
        ("conductivity", "S/m"),
        ("diffusivity", "m²/s"),
        ("transference", ""),
        ("thermodynamic_factor", ""),
    ):
        value = evaluate(getattr(electrolyte, field), c_e, T)
        yield _row(materials, f"electrolyte.{field}", value, unit, "at the initial concentration")


def _row(materials: MaterialSet, path: str, value: Any, unit: str, note: str = "") -> Row:
    assumption = _assumption(materials, path)
    notes = "; ".join(text for text in (assumption, note) if text)
    return path, f"{float(np.asarray(value)):.6g}", unit, notes


def _assumption(materials: MaterialSet, path: str) -> str:
    """``"assumed"`` if the value at ``path``, or a part of it, is only assumed."""
    hits = [key for key in materials.assumed if key == path or key.startswith(f"{path}.")]
    return "assumed" if any(key == path or path.endswith("exchange_current") for key in hits) else ""


def _prior(entry: Assumed) -> str:
    return "log-uniform" if entry.log else "uniform"


# ------------------------------------------------------------------ plotting

_BLUE, _ORANGE, _GREY = "#1f5fa8", "#c8641b", "#5b5b5b"


def plot_set(name: str, path: str | Path) -> Path:
    """Draw the laws of the set ``name`` to a PNG and return its path.

    Panels: open-circuit potential, solid diffusivity and exchange current over
    stoichiometry; conductivity, salt diffusivity, transference number and
    thermodynamic factor over concentration. Shaded: outside the validity range.
    """
    import matplotlib

    matplotlib.use("Agg", force=False)
    from matplotlib.figure import Figure

    materials, path = get_set(name), Path(path)
    figure = Figure(figsize=(11.0, 6.4), layout="constrained", dpi=150)
    axes = figure.subplots(2, 4)
    headline = f"{materials.name} at {materials.temperature:g} K, electrolyte {materials.electrolyte.name}"
    figure.suptitle(headline, x=0.01, ha="left", weight="bold", fontsize=12)
    figure.supxlabel("shaded: outside the stated validity; dotted: continuation used there", fontsize=9)
    _plot_solid(axes, materials)
    _plot_electrolyte(axes, materials)
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
        axis.xaxis.label.set_size(9)
        axis.set_title(axis.get_title(), fontsize=9.5)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, facecolor="white")
    return path


def _electrodes(materials: MaterialSet) -> list[tuple[str, Electrode, str]]:
    found = [("positive", materials.positive, _BLUE)]
    if isinstance(materials.negative, Electrode):
        found.append(("negative", materials.negative, _ORANGE))
    return found


def _plot_solid(axes: Any, materials: MaterialSet) -> None:
    """Potential, diffusivity and exchange current over stoichiometry."""
    T, sides = materials.temperature, _electrodes(materials)
    potentials = [axes[0, 0], axes[0, 1]] if len(sides) == 2 else [axes[0, 0]]
    for axis, (side, electrode, colour) in zip(potentials, sides, strict=True):
        axis.set_title(f"Open-circuit potential [V vs Li]\n{electrode.material.name} ({side})")
        axis.margins(y=0.08)
        _over_x(axis, electrode, electrode.material.ocp, colour)
    diffusion, exchange = (axes[0, 2], axes[0, 3]) if len(sides) == 2 else (axes[0, 1], axes[0, 2])
    diffusion.set_title("Solid diffusivity [m²/s]\n")
    exchange.set_title("Exchange current density [A/m²]\nat 1 M")
    for side, electrode, colour in sides:
        material = electrode.material

        def i0(x: Any, material: Any = material) -> Any:
            return material.exchange_current(1000.0, x * material.c_max, material.c_max, T)

        def D_s(x: Any, material: Any = material) -> Any:
            return evaluate(material.diffusivity, x, T) * np.ones_like(x)

        shade = len(sides) == 1
        _over_x(diffusion, electrode, D_s, colour, label=side, shade=shade)
        _over_x(exchange, electrode, i0, colour, label=side, shade=shade)
    _log_scale(diffusion)
    exchange.set_ylim(bottom=0.0)
    for axis in (diffusion, exchange):
        if len(sides) == 2:
            axis.legend(fontsize=8, frameon=False)
    if len(sides) == 1:
        _plot_lithium(axes[0, 3], materials)


def _over_x(
    axis: Axes,
    electrode: Electrode,
    law: Callable[[Any], Any],
    colour: str,
    label: str = "",
    shade: bool = True,
) -> None:
    """Draw a law of x: solid where valid, dotted (and the ground shaded) elsewhere."""
    low, high = electrode.material.stoichiometry
    inside = np.linspace(max(low, 2e-3), min(high, 0.998), 600)
    axis.plot(inside, law(inside), color=colour, lw=1.6, label=label or None)
    axis.set_xlim(0.0, 1.0)
    axis.set_xlabel("stoichiometry x")
    if shade:
        for ends in ((0.0, low), (high, 1.0)):
            if ends[1] - ends[0] > 0.01:
                beyond = np.linspace(max(ends[0], 0.02), min(ends[1], 0.99), 100)
                axis.axvspan(*ends, color="0.93", lw=0)
                _extension(axis, beyond, law(beyond), law(inside), colour)


def _extension(axis: Axes, x: Any, y: Any, trusted: Any, colour: str) -> None:
    """Dotted continuation, only where it stays near the trusted values."""
    span = np.ptp(trusted) or abs(float(np.mean(trusted)))
    near = (y > np.min(trusted) - 0.35 * span) & (y < np.max(trusted) + 0.35 * span) & np.isfinite(y)
    axis.plot(np.where(near, x, np.nan), np.where(near, y, np.nan), color=colour, lw=1.0, ls=":")


def _log_scale(axis: Axes) -> None:
    """Logarithmic ordinate that spans at least two decades, for constants too."""
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    middle = np.sqrt(low * high)
    axis.set_ylim(min(low, middle / 10.0), max(high, middle * 10.0))


def _plot_lithium(axis: Axes, materials: MaterialSet) -> None:
    assert isinstance(materials.negative, LithiumMetal)
    c = np.linspace(1.0, 3000.0, 400)
    law = materials.negative.exchange_current
    axis.plot(c / 1000.0, evaluate(law, c, materials.temperature), color=_ORANGE, lw=1.6)
    axis.set_title("Exchange current density [A/m²]\nlithium metal")
    axis.set_xlabel("salt concentration [mol/L]")
    axis.set_xlim(0.0, 3.0)
    axis.set_ylim(bottom=0.0)


def _plot_electrolyte(axes: Any, materials: MaterialSet) -> None:
    """The four electrolyte laws over concentration."""
    electrolyte, T = materials.electrolyte, materials.temperature
    low, high = electrolyte.valid
    top = max(3000.0, 1.15 * high)
    c = np.unique(np.concatenate([np.linspace(1.0, top, 500), [low, high]]))
    inside = (c >= low) & (c <= high)
    panels = (
        ("Conductivity [S/m]", electrolyte.conductivity, 1.0),
        ("Salt diffusivity [10⁻¹⁰ m²/s]", electrolyte.diffusivity, 1e10),
        ("Cation transference number", electrolyte.transference, 1.0),
        ("Thermodynamic factor", electrolyte.thermodynamic_factor, 1.0),
    )
    for axis, (title, law, factor) in zip(axes[1], panels, strict=True):
        values = factor * evaluate(law, c, T) * np.ones_like(c)
        axis.axvspan(high / 1000.0, top / 1000.0, color="0.93", lw=0)
        axis.plot(c[inside] / 1000.0, values[inside], color=_GREY, lw=1.6)
        axis.plot(c[c >= high] / 1000.0, values[c >= high], color=_GREY, lw=1.0, ls=":")
        axis.set_title(title)
        axis.set_xlabel("salt concentration [mol/L]")
        axis.set_xlim(0.0, top / 1000.0)
        axis.set_ylim(0.0, 1.08 * float(np.max(values)))
