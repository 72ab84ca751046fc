"""Verbs of material sets: list, show, plot, export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .app import Json, Quiet, app
from .console import require_suffix, terminal

materials_app = typer.Typer(
    no_args_is_help=True,
    help="Material sets: list, show, plot, and BPX files.",
    epilog="Example: [bold]lithoscape materials show NMC622_half[/bold]",
)
app.add_typer(materials_app, name="materials")


@materials_app.command("list", epilog="Example: [bold]lithoscape materials list[/bold]")
def materials_list(as_json: Json = False) -> None:
    """List the material sets."""
    from rich.table import Table

    from ..report.materials import set_overview

    rows = set_overview()
    if as_json:
        print(json.dumps([list(row) for row in rows]))
        return
    table = Table("set", "cell", "electrolyte", "assumed values")
    for row in rows:
        table.add_row(*(str(value) for value in row))
    terminal(False).print(table)


@materials_app.command("show", epilog="Example: [bold]lithoscape materials show NMC622_half[/bold]")
def materials_show(name: str, as_json: Json = False) -> None:
    """Show one set: parameters, units, citations, assumed values with their priors."""
    from ..materials import get_set
    from ..report.materials import describe_set, parameter_rows

    if as_json:
        print(json.dumps([list(map(str, row)) for row in parameter_rows(get_set(name))]))
        return
    terminal(False).print(describe_set(name))


@materials_app.command("plot", epilog="Example: [bold]lithoscape materials plot NMC622_half[/bold]")
def materials_plot(
    name: str,
    out: Annotated[Path | None, typer.Option(help="PNG file; default NAME.png.")] = None,
    quiet: Quiet = False,
) -> None:
    """Plot a set's laws: potential, diffusivities, exchange current, electrolyte."""
    from ..report.materials import plot_set

    target = out or Path(f"{name}.png")
    require_suffix(target, ".png", ".pdf", ".svg")
    file = plot_set(name, target)
    terminal(quiet).print(f"plot: {file}")


@materials_app.command(
    "export", epilog="Example: [bold]lithoscape materials export Chen2020 cell.json[/bold]"
)
def materials_export(
    name: str,
    file: Path,
    allow_lossy: Annotated[
        bool, typer.Option("--allow-lossy", help="Write laws that BPX can only approximate.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Write a material set as a BPX file; prints what BPX cannot say."""
    from ..materials import get_set
    from ..materials.bpx import write_bpx

    require_suffix(file, ".json")
    for note in write_bpx(get_set(name), file, allow_lossy=allow_lossy):
        terminal(quiet).print(f"note: {note}")
