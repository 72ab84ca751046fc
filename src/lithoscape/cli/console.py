"""What the command prints: progress, errors in one line, checks of file names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from ..errors import InputError


def terminal(quiet: bool) -> Console:
    """Where a verb prints; nowhere if ``quiet``."""
    return Console(quiet=quiet, soft_wrap=True, highlight=False)


@contextmanager
def progress_line(console: Console) -> Iterator[Callable[[float, str], None] | None]:
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


def complain(text: str) -> None:
    """One line on standard error."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(f"[red]error:[/red] {escape(' '.join(text.split()))}")


def require_suffix(file: Path, *suffixes: str) -> None:
    """InputError unless the name ends with one of the suffixes, in a folder that is there."""
    if file.suffix.lower() not in suffixes:
        raise InputError(
            "a file of this kind is not written", field="file", value=str(file),
            remedy=f"End its name with {' or '.join(suffixes)}",
        )  # fmt: skip
    if not file.parent.is_dir():
        raise InputError(
            "there is no such folder", field="file", value=str(file.parent), remedy="Make it first"
        )


def escape(text: str) -> str:
    """Text in which rich finds no markup."""
    from rich.markup import escape

    return escape(text)
