"""Verb of meshes."""

from __future__ import annotations

import json
import resource
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from ..errors import InputError, MeshError, StaircaseWarning, nearest
from .app import Json, Quiet, app
from .console import escape, progress_line, require_suffix, terminal
from .images import Collector, Crop, Dataset, Through, VoxelSize
from .parse import parse_crop, parse_phases, parse_voxel

if TYPE_CHECKING:
    from ..image import Instances, Volume
    from ..mesh.mesher import Progress, Shapes
    from ..mesh.tessellation import Tessellation

ROUTES = ("lattice", "hexahedron", "tetra")
MICRO = 1e-6


@dataclass(frozen=True)
class Source:
    """What is meshed: an image, and what a recipe knows beyond it."""

    volume: Volume
    shapes: Shapes | None
    particles: dict[str, Instances]


@app.command(
    epilog="Example: [bold]lithoscape mesh meshes/packing_d8.yaml -o packing.xdmf --separator-um 10[/bold]"
)
def mesh(
    source: Annotated[Path, typer.Argument(metavar="IMAGE|RECIPE", help="Labelled image, or recipe file.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="MESH", help="Default NAME.xdmf.")
    ] = None,
    size_um: Annotated[float | None, typer.Option(help="Cells at surfaces [um]; default two voxels.")] = None,
    separator_um: Annotated[float, typer.Option(help="Thickness of a separator to append [um].")] = 0.0,
    coarsest: Annotated[int, typer.Option(help="How often cells double away from surfaces.")] = 3,
    particles: Annotated[
        str | None, typer.Option("--particles", metavar="PHASE", help="Keep its particles apart, numbered.")
    ] = None,
    exact: Annotated[bool, typer.Option(help="Use the exact shapes of a recipe where it has them.")] = True,
    match: Annotated[bool, typer.Option(help="Make phase volumes those of the image.")] = True,
    route: Annotated[str, typer.Option(help="lattice, or voxels: hexahedron, tetra.")] = "lattice",
    disconnected: Annotated[
        str, typer.Option(help="Cells without a path: drop (to 'inactive'), keep, or refuse.")
    ] = "drop",
    min_angle: Annotated[float, typer.Option(help="Refuse a mesh with a smaller angle [degrees].")] = 2.0,
    voxel_um: VoxelSize = None,
    phase: Annotated[
        list[str] | None, typer.Option("--phase", metavar="NAME=LABEL", help="Name of a label; repeat.")
    ] = None,
    through: Through = None,
    collector: Collector = None,
    crop: Crop = None,
    dataset: Dataset = None,
    picture: Annotated[bool, typer.Option(help="Draw the picture.")] = True,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Mesh an image or a recipe: smooth surfaces, named regions and interfaces, phase volumes kept."""
    if route not in ROUTES:
        raise InputError(
            "there is no such route to a mesh", field="--route", value=route, remedy=nearest(route, ROUTES)
        )
    from ..mesh.quality import Disconnected

    if disconnected not in get_args(Disconnected):
        raise InputError(
            "there is no such way to treat cells without a path", field="--disconnected", value=disconnected,
            remedy=nearest(disconnected, get_args(Disconnected)),
        )  # fmt: skip
    target = out or Path(f"{source.name.split('.')[0]}.xdmf")
    require_suffix(target, ".xdmf", ".vtu", ".msh")
    reading: dict[str, Any] = {
        "phases": parse_phases(phase), "voxel_size": parse_voxel(voxel_um), "through": through,
        "collector": collector, "crop": parse_crop(crop), "dataset": dataset,
    }  # fmt: skip
    found = _source(source, reading, particles, exact)
    console = terminal(quiet or as_json)
    shape = " × ".join(map(str, found.volume.grid.shape))
    console.print(f"[bold]{escape(str(source))}[/bold]\n{shape} voxels, into {escape(str(target))}")
    start = time.perf_counter()
    from ..mesh.mesher import MeshOptions

    options = MeshOptions(None if size_um is None else size_um * MICRO, coarsest, separator_um * MICRO, match)
    with progress_line(console) as progress, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", StaircaseWarning)
        made = _made(found, route, options, progress)
    facts, files = _written(found, made, target, disconnected, min_angle, start, picture)
    if as_json:
        print(json.dumps({"files": [str(file) for file in files], **facts}))
        return
    from ..report.meshed import mesh_tables

    for table in mesh_tables(facts):
        console.print(table)
    for note in [*(str(w.message) for w in told), *_too_thin(made), *facts["notes"]]:
        console.print(f"[yellow]note:[/yellow] {escape(note)}")
    console.print("files: " + ", ".join(str(file) for file in files))


def _source(path: Path, reading: dict[str, Any], particles: str | None, exact: bool) -> Source:
    """The image of a file, or the structure of a recipe."""
    if path.suffix.lower() not in (".yaml", ".yml"):
        from ..image import split_particles
        from ..image.io import read_volume

        volume = read_volume(path, **reading)
        found = {} if particles is None else {particles: split_particles(volume, particles)}
        return Source(volume, None, found)
    from ..generate import load_recipe, make

    structure = make(load_recipe(path))
    volume = structure.volume
    present = [name for name, share in volume.fractions().items() if share > 0]
    shapes = {name: shape for name, shape in structure.shapes.items() if name in present}
    whole = exact and particles is None and len(shapes) == len(present) - 1
    chosen = {}
    if particles is not None:
        volume.occupied(particles)
        known = structure.particles.get(particles)
        if known is None:
            from ..image import split_particles

            known = split_particles(volume, particles)
        chosen = {particles: known}
    return Source(volume, shapes if whole else None, chosen)


def _made(found: Source, route: str, options: Any, progress: Progress | None) -> Tessellation:
    if route != "lattice":
        from ..mesh.voxel import voxel_mesh

        return voxel_mesh(found.volume, cast(Any, route))
    from ..mesh.mesher import mesh_volume

    return mesh_volume(
        found.volume, shapes=found.shapes, particles=found.particles, options=options, progress=progress
    )


def _too_thin(made: Tessellation) -> list[str]:
    """What the cells were too large for."""
    lost = made.provenance.get("figures", {}).get("lost", {})
    return [
        f"{share:.2%} of {name} is too thin for these cells and was lost where it is; the table says what "
        "its volume came to. Give a smaller --size-um"
        for name, share in lost.items()
        if share > 1e-3
    ]


def _written(
    found: Source,
    made: Tessellation,
    target: Path,
    disconnected: str,
    least: float,
    start: float,
    picture: bool,
) -> tuple[dict[str, Any], list[Path]]:
    """Check the mesh and write it with its picture and figures."""
    from ..mesh.files import write_mesh
    from ..mesh.quality import check
    from ..report.meshed import mesh_facts, write_facts, write_mesh_picture

    grid = found.volume.grid
    box = (made.points.min(axis=0).tolist(), made.points.max(axis=0).tolist())
    beside = target.with_name(target.name.split(".")[0])
    try:
        report = check(made, box=box, min_dihedral=least, on_disconnected=cast(Any, disconnected))
    except MeshError as error:
        kept = write_mesh(made, beside.with_suffix(".refused.vtu"))
        raise MeshError(f"{error}. The refused mesh is in {kept}") from error
    whole = float(made.sizes().sum()) - made.region_sizes().get("separator", 0.0)
    asked = {name: share * whole for name, share in found.volume.fractions().items() if share > 0}
    seconds = time.perf_counter() - start
    memory = 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    facts = mesh_facts(report, asked, seconds, memory)
    files = [write_mesh(report.mesh, target)]
    files.append(write_facts(facts, beside.with_suffix(".json")))
    if picture:
        low = grid.collector == "low"
        files.append(
            write_mesh_picture(
                report.mesh, beside.with_suffix(".png"), through=grid.through, collector_low=low
            )
        )
    return facts, files
