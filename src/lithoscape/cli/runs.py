"""Verbs of scenarios: run, check, schema, report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from .app import Json, Quiet, app
from .console import complain, progress_line, terminal

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

    from ..scenario import load_scenario, parse_changes, run_scenario

    console = terminal(quiet or as_json or MPI.COMM_WORLD.rank > 0)
    loaded = load_scenario(scenario, variant, parse_changes(changes or []))
    folder = out or Path("runs") / f"{loaded.name}-{loaded.variant}"
    console.print(f"[bold]{loaded.scenario.title}[/bold]\nvariant {loaded.variant}, into {folder}")
    with progress_line(console) as progress:
        result = run_scenario(loaded, folder, resume=resume, progress=progress)
    if MPI.COMM_WORLD.rank == 0:
        _summary(console, result, as_json)
    outcome = result.solution.outcome
    if not outcome.ok:
        if MPI.COMM_WORLD.rank == 0:
            complain(f"{outcome.status}: {outcome.message}. {outcome.remedy}")
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
    from ..scenario import load_scenario, parse_changes, prepare, variant_names

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
        terminal(quiet or as_json).print(
            f"[green]ok[/green] {scenario.name}, variant {row['variant']}: "
            f"{row['steps']} steps, {row['materials']}"
        )


@app.command(epilog="Example: [bold]lithoscape schema recipe > recipe.schema.json[/bold]")
def schema(
    kind: Annotated[str, typer.Argument(metavar="[scenario|recipe|segmentation|fit]")] = "scenario",
) -> None:
    """Print the JSON Schema of scenario files, fits, recipes of generators or segmentation, for editors."""
    from ..errors import InputError, nearest

    if kind == "scenario":
        from ..scenario import json_schema as of_scenarios

        told = of_scenarios()
    elif kind == "recipe":
        from ..generate import json_schema as of_recipes

        told = of_recipes()
    elif kind == "segmentation":
        from ..image.segment import SegmentRecipe

        told = SegmentRecipe.model_json_schema()
    elif kind == "fit":
        from ..scenario.fit import json_schema as of_fits

        told = of_fits()
    else:
        raise InputError(
            "there is no such kind of file", field="kind", value=kind,
            remedy=nearest(kind, ["scenario", "recipe", "segmentation", "fit"]),
        )  # fmt: skip
    print(json.dumps(told, indent=2))


@app.command(epilog="Example: [bold]lithoscape report runs/cracked_nmc622-quick[/bold]")
def report(
    folder: Annotated[Path, typer.Argument(metavar="RUN_FOLDER", help="Folder of an earlier run.")],
    scenario: Annotated[Path | None, typer.Option(help="Scenario file, to compare with its targets.")] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write the report of an earlier run again."""
    from ..scenario import load_scenario, rewrite_report

    file = rewrite_report(folder, None if scenario is None else load_scenario(scenario))
    if as_json:
        print(json.dumps({"report": str(file)}))
    terminal(quiet or as_json).print(f"report: {file}")


def _summary(console: Console, result: Any, as_json: bool) -> None:
    from ..validation.compare import summary

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

    from ..validation.compare import measured_text, simulated_text, summary, tolerance_text

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
