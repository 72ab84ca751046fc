"""The command itself, and the options that several verbs share."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    name="lithoscape",
    help="Simulate lithium-ion electrodes and compare them with operando measurements.",
    epilog="Example: [bold]lithoscape run scenarios/cracked_nmc622.yaml[/bold]",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
