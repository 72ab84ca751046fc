"""Verb of effective transport."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .app import Json, Quiet, app
from .console import escape, progress_line, terminal
from .images import Collector, Crop, Dataset, Through, VoxelSize
from .parse import parse_conductors, parse_crop, parse_regions, parse_voxel


@app.command(
    epilog="Example: [bold]lithoscape tortuosity electrode.tif --voxel-um 0.398 "
    "--phase pore --direction all[/bold]"
)
def tortuosity(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="Labelled image, or a folder of slices.")],
    phase: Annotated[
        list[str] | None,
        typer.Option(
            "--phase", metavar="NAME|NAME=LABEL",
            help="A phase that conducts; with =LABEL the name of a label. Repeat. Default: pore.",
        ),
    ] = None,
    conductivity: Annotated[
        list[str] | None,
        typer.Option(
            "--conductivity", metavar="NAME=VALUE", help="A conductor among several; one unit for all."
        ),
    ] = None,
    direction: Annotated[
        str, typer.Option(metavar="through|in-plane|all|0|1|2", help="Along which axes.")
    ] = "through",
    engine: Annotated[
        str, typer.Option(metavar="voxel|fem|porespy|taufactor", help="Who solves; the last two are peers.")
    ] = "voxel",
    boundary: Annotated[
        str | None,
        typer.Option(metavar="face|node", help="Potentials on faces, or in the first and last centres."),
    ] = None,
    tolerance: Annotated[float, typer.Option(help="Relative error of the conductance.")] = 1e-3,
    slabs: Annotated[int | None, typer.Option(min=1, help="Slabs of the depth profile.")] = None,
    region: Annotated[
        list[str] | None,
        typer.Option("--region", metavar="NAME=LOW:HIGH", help="Heights above the collector [um]; repeat."),
    ] = None,
    voxel_um: VoxelSize = None,
    through: Through = None,
    collector: Collector = None,
    crop: Crop = None,
    dataset: Dataset = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder; default IMAGE-transport.")] = None,
    pictures: Annotated[bool, typer.Option(help="Draw flux and depth profile.")] = True,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Solve transport through an image: tortuosity, efficiency, depth profile, flux picture."""
    from ..image.io import read_volume
    from ..report.transport import terminal_tables, write_study
    from ..transport.study import plan, study

    labels, conductors = parse_conductors(phase, conductivity)
    regions = parse_regions(region)
    folder = out or Path(f"{image.name.split('.')[0]}-transport")
    volume = read_volume(
        image, phases=labels, voxel_size=parse_voxel(voxel_um), through=through, collector=collector,
        crop=parse_crop(crop), dataset=dataset,
    )  # fmt: skip
    asked = plan(
        volume, conductors, directions=direction, engine=engine, boundary=boundary, tolerance=tolerance,
        slabs=slabs, regions=regions,
    )  # fmt: skip
    console = terminal(quiet or as_json)
    shape = " × ".join(map(str, volume.grid.shape))
    console.print(f"[bold]{escape(str(image))}[/bold]\n{shape} voxels, into {escape(str(folder))}")
    with progress_line(console) as progress:
        found = study(volume, asked, progress)
    files = write_study(found, folder, title=image.name, pictures=pictures)
    if as_json:
        print(json.dumps({"files": [str(file) for file in files], **found.plain()}))
        return
    for table in terminal_tables(found):
        console.print(table)
    for axis, why in found.blocked.items():
        console.print(f"[yellow]note:[/yellow] axis {axis}: {why}")
    if text := found.hand_over().get("scenario_text"):
        console.print(f"for a scenario file:\n{text.rstrip()}")
    console.print("files: " + ", ".join(str(file) for file in files))
