"""Verb impedance: spectra of scenarios and of measured files, with fits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import InputError, nearest
from .app import Json, Quiet, app
from .console import progress_line, terminal
from .runs import Changes, Variant

SCENARIOS = (".yaml", ".yml")


@app.command(
    epilog="Example: [bold]lithoscape impedance scenarios/half_cell_xu2019.yaml --from '10 mHz' "
    "--set materials.changes.positive.double_layer=0.2[/bold]"
)
def impedance(
    source: Annotated[Path, typer.Argument(metavar="SCENARIO.yaml", help="Scenario file.")],
    variant: Variant = None,
    changes: Changes = None,
    at: Annotated[str, typer.Option(help="start: initial state; end: after the protocol.")] = "start",
    lowest: Annotated[str, typer.Option("--from", help="Lowest frequency.")] = "10 mHz",
    highest: Annotated[str, typer.Option("--to", help="Highest frequency.")] = "100 kHz",
    per_decade: Annotated[float, typer.Option(help="Points per decade.")] = 10.0,
    fit: Annotated[str | None, typer.Option(help="Circuit to fit, such as R0-p(R1,C1)-Wo1.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder; default impedance/NAME.")] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Impedance spectrum: Nyquist and Bode plots, a table, data as netCDF; fits of circuits."""
    from ..protocol import FrequencyRange, parse_frequency
    from ..spectra import log_frequencies

    ends = sorted((parse_frequency(lowest), parse_frequency(highest)))
    span = FrequencyRange(ends[0], ends[1], per_decade)
    frequencies = log_frequencies(span.lowest, span.highest, span.per_decade)
    console = terminal(quiet or as_json)
    if at not in ("start", "end"):
        raise InputError("no such state", field="--at", value=at, remedy=nearest(at, ["start", "end"]))
    if source.suffix.lower() not in SCENARIOS:
        raise InputError(
            "no impedance is known of such a file", field="source", value=str(source),
            remedy="Give a scenario, a file that ends with .yaml",
        )  # fmt: skip
    with progress_line(console) as progress:
        found, name = _of_scenario(source, variant, changes, frequencies, at, progress)
    folder = out or Path("impedance") / name
    _report(console, found, folder, fit, as_json)


def _of_scenario(
    source: Path, variant: str | None, changes: list[str] | None, frequencies: Any, at: Any, progress: Any
) -> tuple[list[Any], str]:
    """Spectra of a scenario and a name for their folder."""
    from ..scenario import load_scenario, parse_changes
    from ..scenario.impedance import scenario_spectra

    loaded = load_scenario(source, variant, parse_changes(changes or []))
    return scenario_spectra(loaded, frequencies, at, progress=progress), f"{loaded.name}-{loaded.variant}"


def _report(console: Any, found: list[Any], folder: Path, fit: str | None, as_json: bool) -> None:
    """Write data and figures; print the table and the fit, or everything as JSON."""
    from ..report.spectrum_figures import told, write_figures

    folder.mkdir(parents=True, exist_ok=True)
    labelled = [(told(s), s) for s in found]
    files = [s.save(folder / f"spectrum_{k}.nc") for k, s in enumerate(found, 1)]
    files += write_figures(labelled, folder)
    if as_json:
        print(json.dumps({"files": [str(f) for f in files], "spectra": [_plain(s) for s in found]}))
        return
    for label, s in labelled:
        console.print(_table(label, s))
    console.print("files: " + ", ".join(str(f) for f in files))


def _plain(spectrum: Any) -> dict[str, Any]:
    """A spectrum as plain data."""
    return {
        "unit": spectrum.unit,
        "frequency_Hz": spectrum.frequencies.tolist(),
        "real": spectrum.impedance.real.tolist(),
        "imaginary": spectrum.impedance.imag.tolist(),
        "about": dict(spectrum.about),
    }


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
