"""Verbs of images: generate, measure, segment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .app import Json, Quiet, app
from .console import progress_line, require_suffix, terminal
from .parse import parse_crop, parse_phases, parse_regions, parse_voxel

VoxelSize = Annotated[
    str | None,
    typer.Option("--voxel-um", metavar="UM", help="Voxel edge [um], or three: pages,rows,columns."),
]
Through = Annotated[
    int | None, typer.Option(min=0, max=2, help="Axis from collector to separator; 0 = pages.")
]
Collector = Annotated[
    str | None, typer.Option(metavar="low|high", help="End of that axis at which the collector lies.")
]
Crop = Annotated[
    str | None, typer.Option(metavar="A:B,C:D,E:F", help="Read only these pages, rows and columns.")
]
Dataset = Annotated[str | None, typer.Option(help="Dataset of an HDF5 file.")]


@app.command(epilog="Example: [bold]lithoscape generate meshes/packing_d8.yaml -o packing.tif[/bold]")
def generate(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE.yaml", help="Recipe file.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="VOLUME", help="Image; default RECIPE.tif here.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed instead of the recipe's.")] = None,
    particles: Annotated[bool, typer.Option("--particles", help="Write the particle numbers too.")] = False,
    preview: Annotated[bool, typer.Option(help="Draw the preview PNG.")] = True,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Make a microstructure from a recipe: image, preview, what was asked and came out."""
    from ..generate import load_recipe, make, scanned
    from ..report.generated import facts, write_generated
    from ..report.slices import spoken

    target = out or Path(f"{recipe.stem}.tif")
    require_suffix(target, ".tif", ".tiff", ".vti", ".npy", ".h5")
    loaded = load_recipe(recipe, seed)
    console = terminal(quiet or as_json)
    console.print(f"[bold]{loaded.title}[/bold]\nseed {loaded.seed}, into {target}")
    with progress_line(console) as progress:
        structure = make(loaded, progress)
    scan = scanned(loaded, structure)
    written = write_generated(
        structure, target, title=loaded.title, scan=scan, particles=particles, picture=preview
    )
    told = facts(structure)
    if as_json:
        print(json.dumps({"files": [str(file) for file in written], **told}))
        return
    for name, share in told["fractions"].items():
        console.print(f"{name}: {share:.4f}")
    for line in spoken(structure.figures):
        console.print(line)
    console.print("files: " + ", ".join(str(file) for file in written))


@app.command(
    epilog="Example: [bold]lithoscape measure electrode.tif --voxel-um 0.398 "
    "--phase pore=0 --phase active=1 --phase binder=2[/bold]"
)
def measure(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="Labelled image, or a folder of slices.")],
    voxel_um: VoxelSize = None,
    phase: Annotated[
        list[str] | None, typer.Option("--phase", metavar="NAME=LABEL", help="Name of a label; repeat.")
    ] = None,
    through: Through = None,
    collector: Collector = None,
    crop: Crop = None,
    dataset: Dataset = None,
    what: Annotated[
        list[str] | None, typer.Option("--what", metavar="MEASURE", help="Only this measure; repeat.")
    ] = None,
    slabs: Annotated[int | None, typer.Option(min=1, help="Slabs of the profiles.")] = None,
    region: Annotated[
        list[str] | None,
        typer.Option("--region", metavar="NAME=LOW:HIGH", help="Heights above the collector [um]; repeat."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder; default IMAGE-measures.")] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Measure a microstructure: table, JSON, a page with sections, profiles and distributions."""
    from ..image.io import read_volume
    from ..image.measure import check
    from ..image.measure import measure as measure_volume
    from ..report.measured import terminal_table, write_measured

    regions = parse_regions(region)
    folder = out or Path(f"{image.name.split('.')[0]}-measures")
    volume = read_volume(
        image, phases=parse_phases(phase), voxel_size=parse_voxel(voxel_um), through=through,
        collector=collector, crop=parse_crop(crop), dataset=dataset,
    )  # fmt: skip
    check(volume, what=what, slabs=slabs, regions=regions)
    console = terminal(quiet or as_json)
    console.print(f"[bold]{image}[/bold]\n{' × '.join(map(str, volume.grid.shape))} voxels, into {folder}")
    with progress_line(console) as progress:
        measured = measure_volume(volume, what=what, slabs=slabs, regions=regions, progress=progress)
    files = write_measured(measured, folder, title=image.name)
    if as_json:
        print(json.dumps({"files": [str(file) for file in files], **measured.plain()}))
        return
    for table in terminal_table(measured.rows):
        console.print(table)
    for name, why in measured.skipped.items():
        console.print(f"[yellow]note:[/yellow] {name}: {why}")
    console.print("files: " + ", ".join(str(file) for file in files))


@app.command(
    epilog="Example: [bold]lithoscape segment scan.tif recipe.yaml --voxel-um 0.4 -o labels.tif[/bold]"
)
def segment(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="Grey-level image, or a folder of slices.")],
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE.yaml", help="Steps from grey levels to labels.")],
    voxel_um: VoxelSize = None,
    through: Through = None,
    collector: Collector = None,
    crop: Crop = None,
    dataset: Dataset = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="VOLUME", help="Image; default IMAGE-labels.tif.")
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Turn grey levels into labels by a recipe; beside the result lie pictures of every step."""
    from ..image.io import read_grey, write_volume
    from ..image.segment import load_recipe, run_recipe

    target = out or Path(f"{image.name.split('.')[0]}-labels.tif")
    require_suffix(target, ".tif", ".tiff", ".vti", ".npy")
    loaded = load_recipe(recipe)
    grey = read_grey(
        image, voxel_size=parse_voxel(voxel_um), through=through, collector=collector,
        crop=parse_crop(crop), dataset=dataset,
    )  # fmt: skip
    console = terminal(quiet or as_json)
    folder = target.with_name(target.name.split(".")[0] + "-steps")
    console.print(f"[bold]{image}[/bold]\n{len(loaded.steps)} steps, into {target}, pictures in {folder}")
    with progress_line(console) as progress:
        volume = run_recipe(grey, loaded, folder, progress=progress)
    write_volume(volume, target)
    if as_json:
        print(json.dumps({"file": str(target), "steps": str(folder), "fractions": volume.fractions()}))
        return
    for name, share in volume.fractions().items():
        console.print(f"{name}: {share:.4f}")
