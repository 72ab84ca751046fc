"""Calendering: compression along the through axis to a thickness or a porosity; the collector stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from ..errors import InputError
from ..image.grid import Grid
from ..image.volume import Instances, Volume
from .deform import Mode, Squeeze, particles_of, squeezed
from .placing import Face, note
from .shapes import Shape, rasterise
from .spheres import Ellipsoids, Spheres, rasterise_particles
from .structure import BACKGROUND, Step, Structure

FINEST = 1e-3
"""Relative width of the last interval when the growth of particles is sought."""


@dataclass(frozen=True)
class Pressed:
    """A calendered structure and what it took.

    Parameters
    ----------
    structure:
        The structure after.
    ratio:
        Thickness after over before, in whole voxels.
    growth:
        Factor on the size of the particles; 1 unless solid lost to overlaps is made good.
    """

    structure: Structure
    ratio: float
    growth: float


def calendered(
    structure: Structure,
    *,
    ratio: float | None = None,
    porosity: float | None = None,
    mode: Mode = "overlap",
    compensate: bool = False,
) -> Pressed:
    """Compress a structure along its through axis.

    Parameters
    ----------
    structure:
        What to compress. Its voxels keep their size, so thicknesses come in whole voxels.
    ratio:
        Thickness after over thickness before, or
    porosity:
        what to reach: the thickness is found by bisection and rounded up to a whole voxel; the particles grow
        by the per cent or less that meets the rest.
    mode:
        "overlap": particles keep their form and move closer, overlapping where they must; everything else is
        strained. "affine": everything is strained alike, which leaves the porosity as it is. Where a phase
        has no implicit function its voxels are resampled.
    compensate:
        Let the particles grow by a common factor, so that what overlaps take from the solid is made good
        (particles flow when pressed). The porosity is then met within what a voxel volume resolves.

    Raises
    ------
    InputError
        Not one of ratio and porosity, values outside 0..1, a porosity above the present or below what is
        possible, a porosity in affine mode, no particles in overlap mode, too few voxels for the change.
    """
    _check(structure, ratio, porosity, mode, compensate)
    grid, before = structure.grid, structure.fraction(BACKGROUND)
    slices = grid.shape[grid.through]
    if mode == "affine" and ratio is not None:
        count = _whole(grid, ratio)
        return Pressed(_press(structure, count, 1.0, mode), count / slices, 1.0)
    if not compensate:
        count = _whole(grid, ratio) if ratio is not None else _count(structure, float(porosity or 0.0))
        growth = 1.0 if porosity is None else _growth(structure, count, porosity)
        return Pressed(_press(structure, count, growth, mode), count / slices, growth)
    if porosity is not None:
        ratio = (1 - before) / (1 - porosity)
    count = _whole(grid, float(ratio or 0.0))
    target = 1 - (1 - before) * slices / count if porosity is None else porosity
    if target <= 0:
        raise InputError(
            "there is more solid than would fit into this thickness", field="thickness_ratio", value=ratio,
            remedy=f"Give more than {1 - before:.4g}, the solid fraction",
        )  # fmt: skip
    growth = _growth(structure, count, target)
    return Pressed(_press(structure, count, growth, mode), count / slices, growth)


class Calender(Step):
    """Compression by a calender, to ``thickness_ratio`` or to ``porosity``."""

    make: Literal["calender"]
    thickness_ratio: float | None = None
    porosity: float | None = None
    mode: Mode = "overlap"
    compensate: bool = False
    summary: ClassVar[str] = "compression along the through axis"

    def apply(self, structure: Structure, rng: np.random.Generator) -> Structure:
        """The compressed structure; nothing is random."""
        found = calendered(
            structure, ratio=self.thickness_ratio, porosity=self.porosity, mode=self.mode,
            compensate=self.compensate,
        )  # fmt: skip
        before, after = structure.fraction(BACKGROUND), found.structure.fraction(BACKGROUND)
        return note(
            found.structure, "calender", thickness_ratio_asked=self.thickness_ratio,
            thickness_ratio=found.ratio, porosity_before=before, porosity_asked=self.porosity,
            porosity=after, solid_lost_to_overlaps=1 - (1 - after) * found.ratio / (1 - before),
            particle_growth=found.growth,
        )  # fmt: skip


def _check(
    structure: Structure, ratio: float | None, porosity: float | None, mode: Mode, compensate: bool
) -> None:
    if (ratio is None) == (porosity is None):
        raise InputError(
            "a calender is set to a thickness or to a porosity", field="porosity", value=porosity,
            remedy="Give thickness_ratio or porosity, one of them",
        )  # fmt: skip
    if ratio is not None and not 0 < ratio <= 1:
        raise InputError(
            "a calendered electrode is thinner than before", field="thickness_ratio", value=ratio,
            remedy="Give more than 0 and at most 1",
        )  # fmt: skip
    if structure.fraction(BACKGROUND) >= 1:
        raise InputError(
            "there is nothing to compress", field="make", value="calender",
            remedy="Put the step that makes the electrode before this one",
        )  # fmt: skip
    if mode == "affine" and (porosity is not None or compensate):
        raise InputError(
            "straining everything alike keeps the porosity", field="mode", value=mode,
            remedy="Give a thickness_ratio without compensate, or the mode overlap",
        )  # fmt: skip
    if mode == "overlap" and not any(particles_of(shape) for shape in structure.shapes.values()):
        raise InputError(
            "no phase is made of particles that could move", field="mode", value=mode,
            remedy="Calender right after the packing, or give the mode affine with a thickness_ratio",
        )  # fmt: skip
    present = structure.fraction(BACKGROUND)
    if porosity is not None and not 0 < porosity < 1:
        raise InputError(
            "a porosity lies between 0 and 1", field="porosity", value=porosity, remedy="Give a fraction"
        )
    if porosity is not None and porosity > present:
        raise InputError(
            "a calender lowers the porosity", field="porosity", value=porosity,
            remedy=f"At present it is {present:.4g}; give less",
        )  # fmt: skip


def _whole(grid: Grid, ratio: float) -> int:
    """Slices after the compression; InputError if the voxels are too coarse to show it."""
    slices = grid.shape[grid.through]
    count = round(slices * ratio)
    if count < 1 or (count == slices and ratio < 1):
        raise InputError(
            f"{slices} voxels through the electrode are too few for this change", field="thickness_ratio",
            value=ratio, remedy="Take smaller voxels",
        )  # fmt: skip
    return count


def _count(structure: Structure, porosity: float) -> int:
    """Fewest slices that leave at least a porosity, by bisection; it falls with the thickness."""
    grid = structure.grid
    known: dict[int, float] = {grid.shape[grid.through]: structure.fraction(BACKGROUND)}

    def reached(count: int) -> float:
        if count not in known:
            known[count] = _press(structure, count, 1.0, "overlap").fraction(BACKGROUND)
        return known[count]

    low, high = _fewest(structure), grid.shape[grid.through]
    if reached(low) > porosity:
        raise InputError(
            "so low a porosity cannot be reached before the largest particle fills the thickness",
            field="porosity", value=porosity, remedy=f"Give at least {reached(low):.4g}, or compensate: true",
        )  # fmt: skip
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if reached(middle) < porosity else (low, middle)
    return high


def _fewest(structure: Structure) -> int:
    """Fewest slices that hold the largest particle."""
    grid = structure.grid
    found = [p for shape in structure.shapes.values() for p in particles_of(shape)]
    sizes = [float(np.max(p.extents[:, grid.through] if hasattr(p, "extents") else p.radii)) for p in found]
    fewest = int(np.ceil(2 * max(sizes) / grid.voxel_size[grid.through] - 1e-9))
    return min(max(fewest, 1), grid.shape[grid.through])


def _growth(structure: Structure, count: int, porosity: float) -> float:
    """Factor on the size of particles that gives a porosity in ``count`` slices, by bisection."""

    def excess(growth: float) -> float:
        return _press(structure, count, growth, "overlap").fraction(BACKGROUND) - porosity

    low, high = 1.0, 1.05
    if excess(low) <= 0:
        return low
    while excess(high) > 0:
        low, high = high, 1 + 2 * (high - 1)
        if high > 2:
            raise InputError(
                "no growth of the particles makes good for the overlaps", field="porosity", value=porosity,
                remedy="Give a higher porosity",
            )  # fmt: skip
    return _bisected(excess, low, high)


def _bisected(f: Callable[[float], float], low: float, high: float) -> float:
    """The zero of a falling function, to a part of :data:`FINEST` of where the search began."""
    smallest = FINEST * (high - low)
    while high - low > smallest:
        middle = (low + high) / 2
        low, high = (middle, high) if f(middle) > 0 else (low, middle)
    return (low + high) / 2


def _press(structure: Structure, count: int, growth: float, mode: Mode) -> Structure:
    """The structure in ``count`` slices; what two phases claim goes to the one of the lower label."""
    old = structure.grid
    grid = _thinner(old, count)
    squeeze = Squeeze(Face.of(old, "collector"), old.thickness, count / old.shape[old.through], growth)
    source = _sources(old, grid)
    named = sorted((label, name) for name, label in structure.volume.phases.items() if name != BACKGROUND)
    exact = [name for _, name in named if name in structure.shapes]
    if mode == "affine" and len(exact) < len(named):
        exact = []  # shapes and resampled voxels would contradict each other along their borders
    after = Structure.empty(grid)
    for name in exact:
        shape = squeezed(structure.shapes[name], squeeze, mode)
        after = after.paint(name, _inside(shape, grid), shape=shape)
    for _, name in named:
        if name not in exact:
            after = after.paint(name, structure.volume.mask(name).take(source, axis=grid.through))
    volume = _relabelled(after.volume, structure.volume)
    particles = {
        name: _moved_particles(instances, after, name, source)
        for name, instances in structure.particles.items()
        if name in after.volume.phases
    }
    return replace(after, volume=volume, particles=particles, figures=structure.figures)


def _inside(shape: Shape, grid: Grid) -> np.ndarray:
    """Voxels inside a shape; particles are drawn one by one, which is far quicker than asking every voxel."""
    if isinstance(shape, Spheres | Ellipsoids):
        return rasterise_particles(shape, grid) > 0
    return rasterise(shape, grid)


def _thinner(grid: Grid, count: int) -> Grid:
    """``grid`` with ``count`` slices, its collector's face where it was."""
    axis, slices = grid.through, grid.shape[grid.through]
    low = 0 if grid.collector == "low" else slices - count
    box = [slice(low, low + count) if k == axis else slice(None) for k in range(3)]
    return grid.crop(box)


def _sources(old: Grid, new: Grid) -> np.ndarray:
    """Slice of the old grid from which each slice of the new one came, the nearest."""
    n, m = old.shape[old.through], new.shape[old.through]
    return np.minimum(((np.arange(m) + 0.5) * n / m).astype(int), n - 1)


def _relabelled(volume: Volume, like: Volume) -> Volume:
    """``volume`` with the labels, properties and provenance of the structure it came from."""
    table = np.zeros(max(volume.phases.values()) + 1, like.labels.dtype)
    for name, label in volume.phases.items():
        table[label] = like.phases[name]
    return replace(like, labels=table[volume.labels], grid=volume.grid)


def _moved_particles(instances: Instances, after: Structure, name: str, source: np.ndarray) -> Instances:
    """Particle numbers after the compression; the table, true before it, is left behind.

    Particles that moved are found again through their shape, others are resampled.
    """
    grid, mask = after.grid, after.volume.mask(name)
    found = particles_of(after.shapes[name]) if name in after.shapes else []
    if len(found) == 1 and hasattr(found[0], "nearest") and instances.labels.max() <= len(found[0].centres):
        labels = np.zeros(grid.shape, np.int32)
        places = np.argwhere(mask)
        points = np.asarray(grid.origin) + (places + 0.5) * np.asarray(grid.voxel_size)
        labels[mask] = found[0].nearest(points) + 1
    else:
        labels = np.where(mask, instances.labels.take(source, axis=grid.through), 0)
    return Instances(labels, grid, name)
