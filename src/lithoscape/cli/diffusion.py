"""Diffusion impedance of an image: what the verb impedance does with one."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from .console import escape, progress_line
from .parse import parse_conductors, parse_crop, parse_voxel

Phase = Annotated[
    list[str] | None,
    typer.Option("--phase", metavar="NAME|NAME=LABEL", help="Image: a phase that conducts. Default: pore."),
]
Direction = Annotated[
    str, typer.Option(metavar="through|in-plane|all|0|1|2", help="Image: along which axes.")
]
Outlet = Annotated[str, typer.Option(metavar="absorbing|reflecting", help="Image: what the far end does.")]
Inlet = Annotated[
    str, typer.Option(metavar="separator|collector", help="Image: side of the inlet, through direction.")
]
Regions = Annotated[
    int | None, typer.Option(metavar="N", help="Image: N regions by depth, 1 at the separator.")
]
Diffusivity = Annotated[float, typer.Option(metavar="m2/s", help="Image: it only scales frequencies.")]


@dataclass(frozen=True)
class AskedOfImage:
    """What is asked for of an image, as on the command line."""

    phase: list[str] | None
    direction: str
    outlet: str
    inlet: str
    regions: int | None
    diffusivity: float
    voxel_um: str | None
    through: int | None
    collector: str | None
    crop: str | None
    dataset: str | None
    frequencies: Any = None
    """[Hz]; None: the usual ones of the image."""


def is_image(source: Path) -> bool:
    """Whether a file or folder is an image by its name."""
    from ..image.io import READERS

    return source.is_dir() or source.suffix.lower() in READERS


def diffusion(source: Path, asked: AskedOfImage, console: Any, out: Path | None, as_json: bool) -> None:
    """Solve, write and print."""
    from ..image.io import read_volume
    from ..impedance.diffusion_study import diffusion_study
    from ..report.diffusion_figures import diffusion_table, write_diffusion

    labels, conductors = parse_conductors(asked.phase, None)
    volume = read_volume(
        source, phases=labels, voxel_size=parse_voxel(asked.voxel_um), through=asked.through,
        collector=asked.collector, crop=parse_crop(asked.crop), dataset=asked.dataset,
    )  # fmt: skip
    shape = " × ".join(map(str, volume.grid.shape))
    console.print(f"[bold]{escape(str(source))}[/bold]\n{shape} voxels, {escape(' + '.join(conductors))}")
    with progress_line(console) as progress, _notes() as notes:
        found = diffusion_study(
            volume, conductors, directions=asked.direction, regions=asked.regions, outlet=asked.outlet,
            inlet=asked.inlet, diffusivity=asked.diffusivity, frequencies=asked.frequencies,
            progress=progress,
        )  # fmt: skip
    files = write_diffusion(found, out or Path("impedance") / source.name.split(".")[0])
    if as_json:
        blocked = [{"region": r, "axis": a, "why": why} for (r, a), why in found.blocked.items()]
        told = {
            "files": [str(f) for f in files],
            "spectra": found.plain(),
            "blocked": blocked,
            "notes": notes,
        }
        print(json.dumps(told))
        return
    console.print(diffusion_table(found))
    for (region, axis), why in found.blocked.items():
        console.print(f"[yellow]note:[/yellow] {escape(f'{region}, axis {axis}: {why}')}")
    for note in notes:
        console.print(f"[yellow]note:[/yellow] {escape(note)}")
    console.print("files: " + ", ".join(escape(str(file)) for file in files))


@contextmanager
def _notes() -> Iterator[list[str]]:
    """What is said of frequencies that voxels do not resolve, each once; other warnings go on."""
    from ..impedance.diffusion import DiffusionLengthWarning

    notes: list[str] = []
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", DiffusionLengthWarning)
        yield notes
    for warning in said:
        if issubclass(warning.category, DiffusionLengthWarning):
            notes.extend({str(warning.message)} - set(notes))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
