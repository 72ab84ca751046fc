"""The ``lithoscape`` command: verbs only, the work is done in the rooms below.

Exit codes: 0 done, 1 a computation failed (what was computed is kept), 2 bad input.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from .errors import InputError, LithoscapeError

app = typer.Typer(
    name="lithoscape",
    help="Simulate lithium-ion electrodes and compare them with operando measurements.",
    epilog="Example: [bold]lithoscape run scenarios/cracked_nmc622.yaml[/bold]",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
materials_app = typer.Typer(
    no_args_is_help=True,
    help="Material sets: list, show, plot, and BPX files.",
    epilog="Example: [bold]lithoscape materials show NMC622_half[/bold]",
)
app.add_typer(materials_app, name="materials")

_CTRL_C = 130
"""What typer turns a KeyboardInterrupt into."""

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
ScenarioPath = Annotated[Path, typer.Argument(metavar="SCENARIO.yaml", help="Scenario file.")]
Variant = Annotated[str | None, typer.Option(help="Variant of the scenario; default: the file's own.")]
Changes = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one key of the scenario.")
]


@app.command(
    epilog="Example: [bold]lithoscape run scenarios/cracked_nmc622.yaml --variant three_cycles[/bold]"
)
def run(
    scenario: ScenarioPath,
    variant: Variant = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; default runs/SCENARIO-VARIANT.")] = None,
    changes: Changes = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the last checkpoint.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Run a scenario: record, field maps, comparison with measurements, report."""
    from mpi4py import MPI

    from .scenario import load_scenario, parse_changes, run_scenario

    console = _console(quiet or as_json or MPI.COMM_WORLD.rank > 0)
    loaded = load_scenario(scenario, variant, parse_changes(changes or []))
    folder = out or Path("runs") / f"{loaded.name}-{loaded.variant}"
    console.print(f"[bold]{loaded.scenario.title}[/bold]\nvariant {loaded.variant}, into {folder}")
    with _progress(console) as progress:
        result = run_scenario(loaded, folder, resume=resume, progress=progress)
    if MPI.COMM_WORLD.rank == 0:
        _summary(console, result, as_json)
    outcome = result.solution.outcome
    if not outcome.ok:
        if MPI.COMM_WORLD.rank == 0:
            _complain(f"{outcome.status}: {outcome.message}. {outcome.remedy}")
        raise typer.Exit(1)


@app.command(epilog="Example: [bold]lithoscape check scenarios/cracked_nmc622.yaml[/bold]")
def check(
    scenario: ScenarioPath,
    variant: Variant = None,
    changes: Changes = None,
    every: Annotated[bool, typer.Option("--all", help="Check every variant of the file.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Validate a scenario without solving: keys, units, materials, geometry, protocol."""
    from .scenario import load_scenario, parse_changes, prepare, variant_names

    names: list[str | None] = list(variant_names(scenario)) if every else [variant]
    rows = []
    for name in names:
        loaded = load_scenario(scenario, name, parse_changes(changes or []))
        plan, _ = prepare(loaded)
        rows.append(
            {"variant": loaded.variant, "steps": len(plan.sequence), "materials": plan.materials.name}
        )
    if as_json:
        print(json.dumps({"scenario": str(scenario), "ok": True, "variants": rows}))
    for row in rows:
        _console(quiet or as_json).print(
            f"[green]ok[/green] {scenario.name}, variant {row['variant']}: "
            f"{row['steps']} steps, {row['materials']}"
        )


@app.command(epilog="Example: [bold]lithoscape schema > scenario.schema.json[/bold]")
def schema() -> None:
    """Print the JSON Schema of scenario files, for editors."""
    from .scenario import json_schema

    print(json.dumps(json_schema(), indent=2))


@app.command(epilog="Example: [bold]lithoscape report runs/cracked_nmc622-quick[/bold]")
def report(
    folder: Annotated[Path, typer.Argument(metavar="RUN_FOLDER", help="Folder of an earlier run.")],
    scenario: Annotated[Path | None, typer.Option(help="Scenario file, to compare with its targets.")] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write the report of an earlier run again."""
    from .scenario import load_scenario, rewrite_report

    file = rewrite_report(folder, None if scenario is None else load_scenario(scenario))
    if as_json:
        print(json.dumps({"report": str(file)}))
    _console(quiet or as_json).print(f"report: {file}")


@materials_app.command("list", epilog="Example: [bold]lithoscape materials list[/bold]")
def materials_list(as_json: Json = False) -> None:
    """List the material sets."""
    from rich.table import Table

    from .report.materials import set_overview

    rows = set_overview()
    if as_json:
        print(json.dumps([list(row) for row in rows]))
        return
    table = Table("set", "cell", "electrolyte", "assumed values")
    for row in rows:
        table.add_row(*(str(value) for value in row))
    _console(False).print(table)


@materials_app.command("show", epilog="Example: [bold]lithoscape materials show NMC622_half[/bold]")
def materials_show(name: str, as_json: Json = False) -> None:
    """Show one set: parameters, units, citations, assumed values with their priors."""
    from .materials import get_set
    from .report.materials import describe_set, parameter_rows

    if as_json:
        print(json.dumps([list(map(str, row)) for row in parameter_rows(get_set(name))]))
        return
    _console(False).print(describe_set(name))


@materials_app.command("plot", epilog="Example: [bold]lithoscape materials plot NMC622_half[/bold]")
def materials_plot(
    name: str,
    out: Annotated[Path | None, typer.Option(help="PNG file; default NAME.png.")] = None,
    quiet: Quiet = False,
) -> None:
    """Plot a set's laws: potential, diffusivities, exchange current, electrolyte."""
    from .report.materials import plot_set

    target = out or Path(f"{name}.png")
    _require_suffix(target, ".png", ".pdf", ".svg")
    file = plot_set(name, target)
    _console(quiet).print(f"plot: {file}")


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
    from .materials import get_set
    from .materials.bpx import write_bpx

    _require_suffix(file, ".json")
    for note in write_bpx(get_set(name), file, allow_lossy=allow_lossy):
        _console(quiet).print(f"note: {note}")


def _console(quiet: bool) -> Console:
    return Console(quiet=quiet, soft_wrap=True, highlight=False)


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[float, str], None] | None]:
    """A progress line; without a terminal one line per protocol step instead."""
    if console.quiet:
        yield None
        return
    if not console.is_terminal:
        last = {"text": ""}

        def lines(fraction: float, text: str) -> None:
            step = text.rsplit(" · ", 2)[0]
            if step != last["text"]:
                last["text"] = step
                console.print(f"{fraction:4.0%} {step}")

        yield lines
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("compiling", total=1.0)
        yield lambda fraction, text: bar.update(task, completed=fraction, description=text)


def _summary(console: Console, result: Any, as_json: bool) -> None:
    from .validation.compare import summary

    outcome, statistics = result.solution.outcome, result.solution.statistics
    rows = result.comparison
    if as_json:
        verdicts = None if rows is None else summary(rows)
        out = {"folder": str(result.folder), "status": outcome.status, "message": outcome.message}
        print(json.dumps({**out, "statistics": statistics, "verdicts": verdicts}))
        return
    if rows:
        console.print(_verdicts(rows))
    for warning in statistics["warnings"]:
        console.print(f"[yellow]note:[/yellow] {warning}")
    console.print(
        f"{outcome.status} in {statistics['wall_time_s']:.1f} s: {statistics['accepted_steps']} steps, "
        f"{statistics['unknowns']} unknowns, {statistics['ranks']} rank(s)"
    )
    console.print(f"report: {result.folder / 'report.html'}")


def _verdicts(rows: Any) -> Any:
    from rich.table import Table

    from .validation.compare import measured_text, simulated_text, summary, tolerance_text

    table = Table(
        "observable", "measured", "simulated", "tolerance", "verdict", title="measured and simulated"
    )
    for row in rows:
        if row.scored and row.verdict != "not testable":
            table.add_row(
                row.quantity, measured_text(row), simulated_text(row), tolerance_text(row), row.verdict
            )
    table.caption = ", ".join(f"{count} {verdict}" for verdict, count in summary(rows).items())
    return table


def main() -> None:
    """Entry point: errors become one line and an exit code, never a traceback."""
    try:
        code = app(prog_name="lithoscape", standalone_mode=False)  # what typer.Exit was raised with
        if code == _CTRL_C:
            _complain("interrupted before there was anything to keep. Run it again")
            code = 1
        if isinstance(code, int) and code:
            sys.exit(code)
    except LithoscapeError as error:
        if _is_first():
            _complain(error.describe())
        sys.exit(error.exit_code)
    except OSError as error:
        place = "" if error.filename is None else f" (got {str(error.filename)!r})"
        _complain(f"file system: {error.strerror or error}{place}. Check the path, its rights and free space")
        sys.exit(1)
    except Exception as error:
        if type(error).__module__.startswith(("click", "typer")):
            error.show()  # type: ignore[attr-defined]
            sys.exit(2)
        raise


def _is_first() -> bool:
    """Whether this is the process that speaks; every process meets the same error."""
    if "mpi4py.MPI" not in sys.modules:
        return True
    from mpi4py import MPI

    return bool(MPI.COMM_WORLD.rank == 0)


def _complain(text: str) -> None:
    """One line on standard error."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(f"[red]error:[/red] {_escape(' '.join(text.split()))}")


def _require_suffix(file: Path, *suffixes: str) -> None:
    if file.suffix.lower() not in suffixes:
        raise InputError(
            "a file of this kind is not written", field="file", value=str(file),
            remedy=f"End its name with {' or '.join(suffixes)}",
        )  # fmt: skip
    if not file.parent.is_dir():
        raise InputError(
            "there is no such folder", field="file", value=str(file.parent), remedy="Make it first"
        )


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)


if __name__ == "__main__":
    main()
