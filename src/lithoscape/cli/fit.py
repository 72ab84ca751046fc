"""Verb fit: parameters of scenarios from measurements."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from .app import Json, Quiet, app
from .console import complain, progress_line, terminal


@app.command(epilog="Example: [bold]lithoscape fit scenarios/fit_half_cell.yaml --out fits/half_cell[/bold]")
def fit(
    file: Annotated[Path, typer.Argument(metavar="FIT.yaml", help="What is fitted to what, and how.")],
    out: Annotated[Path | None, typer.Option(help="Folder; default fits/NAME.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the simulations that the folder holds.")
    ] = False,
    count: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes; default: as the file says.")
    ] = None,
    only_check: Annotated[bool, typer.Option("--check", help="Check the file, simulate nothing.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Fit parameters of scenarios to voltage, impedance and lithiation: values, intervals, what data know.

    Interrupted with Ctrl-C, it goes on with --resume, to the same numbers, without repeating simulations.
    """
    from ..scenario.fit import load_fit, run_fit

    console = terminal(quiet or as_json)
    loaded = load_fit(file)
    folder = out or Path("fits") / loaded.name
    if only_check:
        _tell_check(loaded, as_json, console)
        return
    console.print(f"[bold]{loaded.file.title}[/bold]\ninto {folder}")
    try:
        with progress_line(console) as progress:
            result = run_fit(loaded, folder, resume=resume, count=count, progress=progress)
    except KeyboardInterrupt:
        complain(f"interrupted. Go on with: lithoscape fit {file} --out {folder} --resume")
        raise typer.Exit(1) from None
    from ..scenario.fit_results import plain, write_results

    content = write_results(result)
    if as_json:
        print(json.dumps({"folder": str(folder), **plain(content)}, allow_nan=False))
    _tell(console, content, folder)
    if not content["converged"]:
        complain(f"the best fit was not found: {content['message']}. Raise iterations, or start elsewhere")
        raise typer.Exit(1)


def _tell_check(loaded: Any, as_json: bool, console: Console) -> None:
    numbers = sum(m.size for m in loaded.measurements)
    facts = {"fit": str(loaded.path), "ok": True, "parameters": list(loaded.parameters.names),
             "numbers": numbers}  # fmt: skip
    if as_json:
        print(json.dumps(facts))
    console.print(
        f"[green]ok[/green] {loaded.path.name}: {len(loaded.parameters)} parameters, {numbers} numbers"
    )


def _tell(console: Console, content: dict[str, Any], folder: Path) -> None:
    from rich.table import Table

    table = Table("parameter", "value", "95 % interval", "unit", "known from the data", title="best fit")
    for name, p in content["parameters"].items():
        low, high = p["interval_95"]
        known = "at a bound" if p["at_bound"] else ("yes" if p["identified"] else "no")
        table.add_row(name, f"{p['value']:.4g}", f"{low:.4g} to {high:.4g}", p["unit"], known)
    console.print(table)
    console.print(
        f"chi2 {content['chi2']:.4g} for {content['numbers']} numbers and {len(content['parameters'])} "
        f"parameters; {content['simulations']} simulations, {len(content['failed'])} of them short of data"
    )
    for note in content["notes"]:
        console.print(f"[yellow]note:[/yellow] {note}", markup=True)
    console.print(f"report: {folder / 'fit.html'}")
