"""Verb of the validation book: validate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from .app import Json, Quiet, app
from .console import complain, escape, terminal


@app.command(epilog="Example: [bold]lithoscape validate mcc_xrd_nmc622 --full --book docs/validation[/bold]")
def validate(
    cases: Annotated[
        list[str] | None, typer.Argument(metavar="[CASE]...", help="Names or files; default: all.")
    ] = None,
    folder: Annotated[Path, typer.Option("--cases", help="Folder of the case files.")] = Path("validation"),
    listed: Annotated[bool, typer.Option("--list", help="List the cases and stop.")] = False,
    full: Annotated[
        bool, typer.Option("--full/--quick", help="Everything, or what takes minutes only.")
    ] = False,
    out: Annotated[
        Path, typer.Option(help="Folder of runs and results; runs found there are not computed again.")
    ] = Path("runs/validation"),
    book: Annotated[Path | None, typer.Option(help="Render the pages into this folder.")] = None,
    drift: Annotated[
        Path | None, typer.Option(help="Write the pinned numbers of the quick variants into this file.")
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Compare simulations with measurements, case by case: targets met, not met, not testable.

    Ends with 0 whether targets are met or not, 1 if something could not be computed.
    """
    from ..scenario.validate import find_cases, validate_cases
    from ..validation.book import write_book
    from ..validation.drift import require_quick, write_drift

    require_quick(drift, full)
    console = terminal(quiet or as_json)
    files = find_cases(cases or [], folder)
    if listed:
        _list(files, as_json, quiet)
        return

    def tell(text: str) -> None:
        console.print(escape(text))

    try:
        results, failures = validate_cases(files, out, quick=not full, tell=tell)
    except KeyboardInterrupt:
        complain(f"interrupted; what was computed is in {out}. The same command goes on from there")
        raise typer.Exit(1) from None
    if book is not None:
        write_book(book, results, folder)
    if drift is not None:
        write_drift(drift, results)
    _summary(console, results, as_json)
    if book is not None:
        console.print(f"book: {book / 'README.md'}")
    for failure in failures:
        complain(failure.error.describe())
    if failures:
        raise typer.Exit(max(failure.error.exit_code for failure in failures))


def _list(files: Any, as_json: bool, quiet: bool) -> None:
    if as_json:
        rows = [
            {"case": f.case.name, "title": f.case.title, "targets": len(f.case.targets),
             "study": f.study is not None, "fitted": f.fitted is not None}
            for f in files
        ]  # fmt: skip
        print(json.dumps(rows))
        return
    for f in files:
        scored = sum(t.scored for t in f.case.targets)
        terminal(quiet).print(escape(f"{f.case.name}: {f.case.title} ({scored} scored targets)"))


def _summary(console: Any, results: Any, as_json: bool) -> None:
    from ..validation.compare import as_table, summary

    if as_json:
        told = [
            {"case": r.case.name, "variant": r.variant, "verdicts": summary(r.rows),
             "rows": [row.as_dict() for row in r.rows]}
            for r in results
        ]  # fmt: skip
        print(json.dumps(told, allow_nan=False))
        return
    for r in results:
        if len(results) == 1:
            console.print(as_table([row for row in r.rows if row.scored], r.case.title))
        counts = ", ".join(f"{count} {verdict}" for verdict, count in summary(r.rows).items())
        console.print(escape(f"{r.case.name} ({r.variant}): {counts}"))
