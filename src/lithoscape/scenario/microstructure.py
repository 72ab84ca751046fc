"""From what a scenario says of a microstructure to a checked mesh of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI

from ..errors import InputError, LithoscapeError, MeshError
from ..generate import Recipe, Structure, check_recipe, make
from ..image import Instances, Volume, split_particles
from ..image.io import read_volume
from ..mesh import read_mesh, write_mesh
from ..mesh.build import domain
from ..mesh.domain import Domain
from ..mesh.mesher import MeshOptions, Shapes, mesh_volume
from ..mesh.particles import with_particles
from ..mesh.quality import Report, check
from ..mesh.tessellation import Tessellation
from ..specification import read_mapping, relocated
from .schema import ImageSpec, Resolved

UM = 1e-6
DATA = "LITHOSCAPE_DATA"
"""Variable of the environment that names a folder of large images."""
Progress = Callable[[float, str], None]


@dataclass(frozen=True, eq=False)
class Microstructure:
    """A microstructure that can be meshed; its files have been found, its recipe is valid.

    Parameters
    ----------
    spec:
        What the scenario says.
    source:
        File of the image or the mesh; of the recipe if there is one.
    recipe:
        With its changes.
    separator:
        Thickness of the separator that is appended [m].
    active:
        The first active phase: the one whose particles are told apart.
    electrolyte, conductor:
        Regions through which ions go, and electrons.
    """

    spec: Resolved
    source: Path
    recipe: Recipe | None
    separator: float
    active: str
    electrolyte: tuple[str, ...]
    conductor: tuple[str, ...]

    def mesh(self, progress: Progress | None = None) -> Report:
        """Make or read the mesh, and check it: cells without a path go to the region "inactive".

        Raises
        ------
        InputError
            Files, phases or sizes that do not fit.
        MeshError
            A mesh on which nothing should be computed.
        """
        made = read_mesh(self.source) if self.spec.mesh is not None else self._made(progress)
        known = set(made.regions) - {"inactive"}
        for name in (*self.spec.phases, "separator"):
            if name not in known:
                raise InputError(
                    "the mesh has no such region", field="geometry.phases", value=name,
                    remedy=f"It has {', '.join(sorted(known))}",
                )  # fmt: skip
        if unknown := known - {*self.spec.phases, "separator"}:
            raise InputError(
                "the mesh has a region without a phase", field="geometry.phases", value=min(unknown),
                remedy="Say what it is made of",
            )  # fmt: skip
        return check(
            made, electrolyte=self.electrolyte, conductor=self.conductor, on_disconnected="drop",
            min_dihedral=0.0 if self.spec.mesh is not None else 2.0, through=False,
        )  # fmt: skip

    def _made(self, progress: Progress | None) -> Tessellation:
        volume, shapes, particles = self._voxels(progress)
        if self.spec.reversed:
            volume, shapes, particles = _turned(volume, shapes, particles)
        missing = [name for name in self.spec.phases if name not in ("separator", *volume.phases)]
        if missing:
            raise InputError(
                "the microstructure has no such phase", field="geometry.phases", value=missing[0],
                remedy=f"It has {', '.join(volume.phases)}",
            )  # fmt: skip
        size = None if self.spec.cell_size_um is None else self.spec.cell_size_um * UM
        options = MeshOptions(size, self.spec.coarsest, self.separator)
        try:
            made = mesh_volume(volume, shapes=shapes, options=options, progress=progress)
        except InputError as error:
            key = {"size": "cell_size_um", "separator": "separator_um"}.get(str(error.field), error.field)
            raise relocated(error, f"geometry.{key}") from None
        return made if made.dim == 2 else with_particles(made, particles)

    def _voxels(self, progress: Progress | None) -> tuple[Volume, Shapes | None, Instances]:
        """Image, exact shapes where all phases have one, and particles."""
        if self.recipe is not None:
            structure = _structure(self.recipe, progress)
            volume = structure.volume
            present = [name for name, share in volume.fractions().items() if share > 0]
            shapes = {name: shape for name, shape in structure.shapes.items() if name in present}
            particles = structure.particles.get(self.active)
            whole = shapes if len(shapes) == len(present) - 1 else None
            return volume, whole, particles or _split(volume, self.active)
        assert self.spec.image is not None
        volume = _read(self.spec.image, self.source)
        return volume, None, _split(volume, self.active)


def microstructure(
    spec: Resolved, folder: Path, separator: float, active: str, roles: Mapping[str, tuple[str, ...]]
) -> Microstructure:
    """Find the files and check the recipe; nothing is meshed.

    Parameters
    ----------
    folder:
        Of the scenario file; files are relative to it.
    separator:
        Of the material set [m].
    active, roles:
        The first active phase; regions of the roles "electrolyte" and "conductor".

    Raises
    ------
    InputError
        A missing file, a recipe that is not valid.
    """
    thickness = separator if spec.separator_um is None else spec.separator_um * UM
    recipe = None
    if spec.recipe is not None:
        source = folder / spec.recipe
        recipe = _recipe(spec, source)
    elif spec.image is not None:
        source = _found(folder, spec.image.file, "geometry.image.file")
    else:
        source = _found(folder, str(spec.mesh), "geometry.mesh")
        if spec.reversed or spec.separator_um is not None or spec.cell_size_um is not None:
            raise InputError(
                "a mesh from a file is taken as it is", field="geometry.mesh", value=spec.mesh,
                remedy="Remove reversed, separator_um and cell_size_um",
            )  # fmt: skip
    return Microstructure(
        spec, source, recipe, thickness, active, tuple(roles["electrolyte"]), tuple(roles["conductor"])
    )


def shared_mesh(
    micro: Microstructure, kept: Path | None, comm: MPI.Comm, progress: Progress | None = None
) -> tuple[Domain, list[str]]:
    """Mesh on process 0, shared by all; what was cut off, in words.

    Parameters
    ----------
    kept:
        File the mesh is written to; a mesh of an earlier run there is taken instead of making it again
        (the caller removes it if it is another run's).
    """
    made: Tessellation | None = None
    notes: list[str] = []
    error: LithoscapeError | None = None
    if comm.rank == 0:
        try:
            made, notes = _kept(kept) or _meshed(micro, kept, progress)
        except LithoscapeError as found:
            error = found
    told = comm.bcast(None if error is None else (type(error), error.__dict__), root=0)
    if told is not None:
        kind, state = told
        raise kind(state["message"], field=state["field"], value=state["value"], remedy=state["remedy"])
    return domain(made, comm, f"resolved, {micro.source.stem}"), comm.bcast(notes, root=0)


def _meshed(
    micro: Microstructure, kept: Path | None, progress: Progress | None
) -> tuple[Tessellation, list[str]]:
    report = micro.mesh(progress)
    notes = list(report.notes)
    made = replace(report.mesh, provenance={**report.mesh.provenance, "notes": notes})
    if kept is not None:
        write_mesh(made, kept)
    return made, notes


def _kept(file: Path | None) -> tuple[Tessellation, list[str]] | None:
    """The mesh of an interrupted run; None if there is none that can be read."""
    if file is None or not file.is_file():
        return None
    try:
        made = read_mesh(file)
    except (InputError, MeshError):
        return None
    return made, list(made.provenance.get("notes", []))


def _recipe(spec: Resolved, file: Path) -> Recipe:
    """The recipe with its changes."""
    try:
        raw = read_mapping(file, "recipe", "meshes/")
    except InputError as error:
        raise relocated(error, "geometry.recipe") from None
    try:
        return check_recipe({**raw, **spec.recipe_changes})
    except InputError as error:
        field = str(error.field)
        changed = field.split(".")[0].split("[")[0] in spec.recipe_changes
        place = f"geometry.recipe_changes.{field}" if changed else f"{file.name}: {field}"
        raise relocated(error, place) from None


def _structure(recipe: Recipe, progress: Progress | None) -> Structure:
    try:
        return make(recipe, progress)
    except LithoscapeError as error:
        error.field = f"geometry.recipe: {error.field}"
        raise


def _found(folder: Path, name: str, field: str) -> Path:
    """A file relative to the scenario, or to the folder of large images."""
    data = os.environ.get(DATA)
    places = [folder / name, *([Path(data) / name] if data else [])]
    for place in places:
        if place.exists():
            return place
    raise InputError(
        "there is no such file", field=field, value=name,
        remedy="Give its path relative to the scenario file"
        + ("" if data else f", or set {DATA} to the folder that holds it"),
    )  # fmt: skip


def _read(spec: ImageSpec, file: Path) -> Volume:
    """The image of the scenario."""
    voxel: Any = spec.voxel_um
    size = None if voxel is None else [UM * v for v in voxel] if isinstance(voxel, list) else UM * voxel
    try:
        return read_volume(
            file, phases=spec.phases or None, voxel_size=size, through=spec.through, collector=spec.collector,
            crop=[slice(*span) for span in spec.crop] or None, dataset=spec.dataset,
        )  # fmt: skip
    except InputError as error:
        field = {"voxel_size": "voxel_um", "path": "file"}.get(str(error.field), error.field)
        raise relocated(error, f"geometry.image.{field}") from None


def _split(volume: Volume, active: str) -> Instances:
    """Particles told apart by a watershed."""
    try:
        volume.occupied(active)
    except InputError as error:
        raise relocated(error, "geometry.phases") from None
    return split_particles(volume, active)


def _turned(
    volume: Volume, shapes: Shapes | None, particles: Instances
) -> tuple[Volume, Shapes | None, Instances]:
    """The electrode turned round: what was at the collector faces the separator."""
    grid, axis = volume.grid, volume.grid.through
    twice = 2 * grid.origin[axis] + grid.size[axis]

    def mirrored(shape: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
        def distance(points: np.ndarray) -> np.ndarray:
            seen = np.array(points, dtype=float)
            seen[:, axis] = twice - seen[:, axis]
            return shape(seen)

        return distance

    turned = None if shapes is None else {name: mirrored(shape) for name, shape in shapes.items()}
    labels = np.ascontiguousarray(np.flip(volume.labels, axis))
    numbers = np.ascontiguousarray(np.flip(particles.labels, axis))
    return volume.with_labels(labels), turned, replace(particles, labels=numbers)
