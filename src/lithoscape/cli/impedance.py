"""Verb impedance: spectra of scenarios, of measured files with fits, and of images."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import InputError, nearest
from .app import Json, Quiet, app
from .console import escape, progress_line, terminal
from .diffusion import (
    AskedOfImage,
    Diffusivity,
    Direction,
    Inlet,
    Outlet,
    Phase,
    Regions,
    diffusion,
    is_image,
)
from .images import Collector, Crop, Dataset, Through, VoxelSize
from .runs import Changes, Variant

SCENARIOS, MEASURED = (".yaml", ".yml"), (".dta", ".mpt", ".z")
OF_SCENARIO = ("variant", "changes", "at", "parts", "blocking")
OF_IMAGE = (
    "phase", "direction", "outlet", "inlet", "regions", "diffusivity", "voxel_um", "through", "collector",
    "crop", "dataset",
)  # fmt: skip
FREQUENCIES = ("lowest", "highest", "per_decade")
MEANT_FOR = {
    "scenario": {*OF_SCENARIO, *FREQUENCIES, "fit"}, "measured spectrum": {"sweep", "fit"},
    "image": {*OF_IMAGE, *FREQUENCIES},
}  # fmt: skip
"""What a source is -> the options that mean something for it."""
STATES = ("start", "end")
DEVIATION = "Largest deviation of the transmission line"
_NO_LINE = (
    "this electrode is no uniform transmission line at these frequencies, its ionic resistance a rough one. "
    "Choose frequencies around the bend, or a larger electrode"
)


@app.command(
    epilog="Example: [bold]lithoscape impedance scenarios/half_cell_xu2019.yaml --from '10 mHz' "
    "--set materials.changes.positive.double_layer=0.2[/bold]"
)
def impedance(
    context: typer.Context,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE", help="Scenario (.yaml), measured spectrum (.DTA, .mpt, .z) or image."
        ),
    ],
    variant: Variant = None,
    changes: Changes = None,
    at: Annotated[str, typer.Option(help="start: initial state at rest; end: after the protocol.")] = "start",
    lowest: Annotated[
        str, typer.Option("--from", help="Lowest frequency; images have a range of their own.")
    ] = "10 mHz",
    highest: Annotated[str, typer.Option("--to", help="Highest frequency.")] = "100 kHz",
    per_decade: Annotated[float, typer.Option(help="Points per decade.")] = 10.0,
    parts: Annotated[
        bool, typer.Option("--parts", help="Also without each process: what it contributes.")
    ] = False,
    blocking: Annotated[
        float | None,
        typer.Option(
            metavar="F/m2", help="Electrode that does not react, with this double layer: ionic resistance."
        ),
    ] = None,
    fit: Annotated[
        str | None, typer.Option(help="Circuit to fit: randles, line, or R0-p(R1,C1)-Wo1.")
    ] = None,
    sweep: Annotated[int | None, typer.Option(help="Which sweep of a measured file, from 1.")] = None,
    phase: Phase = None,
    direction: Direction = "through",
    outlet: Outlet = "absorbing",
    inlet: Inlet = "separator",
    regions: Regions = None,
    diffusivity: Diffusivity = 3e-10,
    voxel_um: VoxelSize = None,
    through: Through = None,
    collector: Collector = None,
    crop: Crop = None,
    dataset: Dataset = None,
    out: Annotated[Path | None, typer.Option(help="Folder; default impedance/NAME.")] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Impedance spectrum: Nyquist and Bode plots, a table, data as netCDF; fits of circuits.

    Of an image the diffusion impedance of a phase, voxel by voxel.
    """
    console = terminal(quiet or as_json)
    kind = source.suffix.lower()
    if kind in SCENARIOS:
        _check_options(context, "scenario")
        asked = _Asked(variant, changes or [], _state(at), (lowest, highest), per_decade, parts, blocking)
        with progress_line(console) as progress:
            found, name = _of_scenario(source, asked, progress)
    elif kind in MEASURED:
        _check_options(context, "measured spectrum")
        found, name = _of_file(source, sweep), source.stem
    elif is_image(source):
        _check_options(context, "image")
        named = any(_given(context, name) for name in FREQUENCIES)
        image = AskedOfImage(
            phase, direction, outlet, inlet, regions, diffusivity, voxel_um, through, collector, crop,
            dataset, _frequencies((lowest, highest), per_decade) if named else None,
        )  # fmt: skip
        return diffusion(source, image, console, out, as_json)
    else:
        raise InputError(
            "no impedance is known of such a file", field="source", value=str(source),
            remedy="Give a scenario (.yaml), a measured spectrum (.DTA, .mpt, .z) or an image",
        )  # fmt: skip
    _report(console, found, out or Path("impedance") / name, fit, as_json)


@dataclass(frozen=True)
class _Asked:
    """What is asked for of a scenario."""

    variant: str | None
    changes: list[str]
    at: str
    ends: tuple[str, str]
    per_decade: float
    parts: bool
    blocking: float | None


@dataclass(frozen=True)
class _Found:
    """A labelled spectrum, and what else is to be said of it."""

    label: str
    spectrum: Any
    facts: dict[str, Any]


def _given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _check_options(context: typer.Context, kind: str) -> None:
    """Refuse what would be ignored."""
    for parameter in context.command.params:
        name = str(parameter.name)
        others = [other for other, names in MEANT_FOR.items() if name in names]
        if others and kind not in others and _given(context, name):
            raise InputError(
                f"this means nothing for the impedance of this {kind}", field=parameter.opts[0],
                value=context.params[name], remedy=f"Leave it out, or give a {' or a '.join(others)}",
            )  # fmt: skip


def _frequencies(ends: tuple[str, str], per_decade: float) -> Any:
    """Frequencies between two ends as on the command line [Hz]."""
    from ..protocol import FrequencyRange, parse_frequency
    from ..spectra import log_frequencies

    low, high = sorted(parse_frequency(end) for end in ends)
    span = FrequencyRange(low, high, per_decade)
    return log_frequencies(span.lowest, span.highest, span.per_decade)


def _state(at: str) -> str:
    if at not in STATES:
        raise InputError("no such state", field="--at", value=at, remedy=nearest(at, list(STATES)))
    return at


def _of_scenario(source: Path, asked: _Asked, progress: Any) -> tuple[list[_Found], str]:
    """Spectra of a scenario, and a name for their folder."""
    from ..report.spectrum_figures import told
    from ..scenario import load_scenario, parse_changes
    from ..scenario.impedance import scenario_blocking, scenario_parts, scenario_spectra

    frequencies = _frequencies(asked.ends, asked.per_decade)
    loaded = load_scenario(source, asked.variant, parse_changes(asked.changes))
    name = f"{loaded.name}-{loaded.variant}"
    if asked.blocking is not None:
        spectrum, facts = scenario_blocking(loaded, frequencies, asked.blocking, progress=progress)
        return [_Found("blocking electrode", spectrum, facts)], name
    if asked.parts:
        found = scenario_parts(loaded, frequencies, asked.at, progress=progress)
        return [_Found(label, spectrum, {}) for label, spectrum in found.items()], name
    spectra = scenario_spectra(loaded, frequencies, asked.at, progress=progress)
    return [_Found(told(s), s, {}) for s in spectra], name


def _of_file(source: Path, sweep: int | None) -> list[_Found]:
    """A measured spectrum and whether it is consistent."""
    from ..impedance import kramers_kronig, read_spectrum

    spectrum = read_spectrum(source, sweep)
    facts: dict[str, Any] = {}
    if spectrum.frequencies.size >= 5:
        test = kramers_kronig(spectrum)
        facts = {"Kramers-Kronig residual, rms": test.rms, "Kramers-Kronig residual, largest": test.largest}
    return [_Found(source.name, spectrum, facts)]


def _report(console: Any, found: list[_Found], folder: Path, circuit: str | None, as_json: bool) -> None:
    """Write data and figures; print the tables and fits, or everything as JSON."""
    from ..report.spectrum_figures import write_figures

    fits = [] if circuit is None else [(f.label, f.spectrum, _fitted(f.spectrum, circuit)) for f in found]
    folder.mkdir(parents=True, exist_ok=True)
    files = [f.spectrum.save(folder / f"spectrum_{k}.nc") for k, f in enumerate(found, 1)]
    lines = [
        ("fit" if len(fits) == 1 else f"fit, {label}", result.spectrum(s.frequencies, s.unit))
        for label, s, result in fits
    ]
    files += write_figures([(f.label, f.spectrum) for f in found], folder, lines)
    if as_json:
        spectra = [_plain(f) for f in found]
        fitted = [_plain_fit(label, result) for label, _, result in fits]
        print(json.dumps({"files": [str(f) for f in files], "spectra": spectra, "fits": fitted}))
        return
    for f in found:
        console.print(_table(f.label, f.spectrum))
        for key, value in f.facts.items():
            console.print(escape(f"{key}: {value:.5g}"))
        if f.facts.get(DEVIATION, 0.0) > 0.05:
            console.print(f"[yellow]note:[/yellow] {_NO_LINE}")
    for label, s, result in fits:
        console.print(_fit_table(label, s, result))
    console.print("files: " + ", ".join(escape(str(f)) for f in files))


def _fitted(spectrum: Any, circuit: str) -> Any:
    from ..impedance import fit

    return fit(spectrum, circuit)


def _plain(found: _Found) -> dict[str, Any]:
    """A spectrum as plain data."""
    s = found.spectrum
    return {
        "label": found.label,
        "unit": s.unit,
        "frequency_Hz": s.frequencies.tolist(),
        "real": s.impedance.real.tolist(),
        "imaginary": s.impedance.imag.tolist(),
        "about": {**s.about, **found.facts},
    }


def _plain_fit(label: str, result: Any) -> dict[str, Any]:
    """A fit as plain data."""
    parameters = {
        name: {"value": value, "low": result.low[name], "high": result.high[name]}
        for name, value in result.values.items()
    }
    return {
        "label": label, "circuit": result.circuit.text, "parameters": parameters, "residual": result.residual
    }  # fmt: skip


def _fit_table(label: str, spectrum: Any, result: Any) -> Any:
    """Parameters with their 95 % confidence intervals."""
    from rich.table import Table

    per_area = spectrum.unit == "ohm.m2"
    table = Table("parameter", "value", "95 % low", "95 % high", "unit")
    table.title = f"{result.circuit.text} of {label}: {100 * result.residual:.2g} % rms"
    for (name, value), unit in zip(result.values.items(), result.circuit.units, strict=True):
        shown = _per_area(unit) if per_area else unit
        table.add_row(name, f"{value:.5g}", f"{result.low[name]:.5g}", f"{result.high[name]:.5g}", shown)
    return table


def _per_area(unit: str) -> str:
    """A unit of impedance.py for a spectrum per area of electrode."""
    if unit.startswith("Ohm^-1") or unit.startswith("F"):
        return f"{unit} m^-2"
    return f"{unit} m^2" if unit.startswith(("Ohm", "H")) else unit


def _table(label: str, spectrum: Any) -> Any:
    """Impedance at about two frequencies of every decade."""
    import numpy as np
    from rich.table import Table

    from ..report.spectrum_figures import UNITS, frequency_text

    unit, factor = UNITS[spectrum.unit]
    table = Table("frequency", f"Re Z ({unit})", f"-Im Z ({unit})", "phase (°)", title=label)
    for column in table.columns:
        column.justify = "right"
    count = 1 + int(np.ceil(2 * np.log10(spectrum.frequencies[-1] / spectrum.frequencies[0])))
    chosen = np.unique(np.linspace(0, spectrum.frequencies.size - 1, count).round().astype(int))
    for k in chosen[::-1]:
        z = factor * spectrum.impedance[k]
        phase = np.angle(z, deg=True)
        table.add_row(
            frequency_text(float(spectrum.frequencies[k])), f"{z.real:.5g}", f"{-z.imag:.5g}", f"{phase:.1f}"
        )
    return table
