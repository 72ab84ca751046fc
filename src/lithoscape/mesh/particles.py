"""Particles that touch kept apart in the mesh: neighbours get different colours, a colour is a phase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import distance_transform_edt, maximum_filter, minimum_filter

from ..errors import InputError, nearest
from ..image import Instances, Volume
from .tessellation import Tessellation


@dataclass(frozen=True, eq=False)
class Coloured:
    """An image whose particles have colours instead of their phase.

    Parameters
    ----------
    volume:
        The image; a phase with particles is parted into ``"NAME 1"``, ``"NAME 2"``, ...
    colours:
        Phase -> names of its colours.
    labels:
        Particle number of every voxel, int32; 0 where there is none.
    """

    volume: Volume
    colours: Mapping[str, tuple[str, ...]]
    labels: np.ndarray | None

    def parts(self, phase: str) -> tuple[str, ...]:
        """Colours of a phase, or the phase itself."""
        return self.colours.get(phase, (phase,))

    def phase(self, part: str) -> str:
        """The phase a colour belongs to."""
        return next((name for name, parts in self.colours.items() if part in parts), part)


def coloured(volume: Volume, particles: Mapping[str, Instances]) -> Coloured:
    """Colour the particles of some phases so that no two of one colour come within two voxels.

    Raises
    ------
    InputError
        Particles of another image or of an unknown phase.
    """
    if not particles:
        return Coloured(volume, {}, None)
    labels, phases = volume.labels.astype(np.int32), dict(volume.phases)
    numbers, colours = np.zeros(labels.shape, np.int32), {}
    for name, found in particles.items():
        if found.grid.shape != volume.grid.shape:
            raise InputError(
                "the particles are of another image", field="particles", value=found.grid.shape,
                remedy=f"The image has {volume.grid.shape} voxels",
            )  # fmt: skip
        mask = volume.occupied(name)
        own = _everywhere(found.labels, mask)
        colour = _colours(own)
        count = int(colour.max())
        parts = tuple(f"{name} {k}" for k in range(1, count + 1))
        first = max(phases.values()) + 1
        labels = np.where(mask, first - 1 + colour[own], labels)
        del phases[name]
        phases |= {part: first + k for k, part in enumerate(parts)}
        colours[name] = parts
        numbers[mask] = own[mask]
    return Coloured(volume.with_labels(labels, phases=phases), colours, numbers)


def _everywhere(labels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Particle numbers of all voxels of the phase; those without one get the nearest."""
    missing = mask & (labels == 0)
    out = np.where(mask, labels, 0).astype(np.int32)
    if missing.any():
        nearest = distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
        out[missing] = labels[tuple(n[missing] for n in nearest)]
    return out


def _colours(labels: np.ndarray) -> np.ndarray:
    """Colour 1, 2, ... of every particle number (entry 0 is 0): greedy, most neighbours first."""
    high = maximum_filter(labels, 5)
    low = minimum_filter(np.where(labels > 0, labels, np.iinfo(np.int32).max), 5)
    count = int(labels.max())
    pairs = [
        np.stack([labels[m], other[m]]) for other in (high, low) for m in [(labels > 0) & (other != labels)]
    ]
    near = np.unique(np.sort(np.concatenate(pairs, axis=1), axis=0), axis=1).T
    neighbours: list[set[int]] = [set() for _ in range(count + 1)]
    for a, b in near.tolist():
        neighbours[a].add(b)
        neighbours[b].add(a)
    colour = np.zeros(count + 1, np.int32)
    present = np.unique(labels[labels > 0])
    for v in sorted(present.tolist(), key=lambda v: (-len(neighbours[v]), v)):
        taken = {int(colour[w]) for w in neighbours[v]}
        colour[v] = next(k for k in range(1, count + 2) if k not in taken)
    return colour


def numbered(split: Coloured, centres: np.ndarray, phase: np.ndarray, phases: Sequence[str]) -> np.ndarray:
    """Particle number of every cell: that of the nearest voxel of its colour; 0 without particles."""
    grid, out = split.volume.grid, np.zeros(len(centres), np.int32)
    assert split.labels is not None
    place = np.floor((centres - grid.origin) / grid.voxel_size).astype(np.int64)
    place = np.clip(place, 0, np.array(grid.shape) - 1)
    for parts in split.colours.values():
        for part in parts:
            mine = np.flatnonzero(phase == list(phases).index(part))
            here = tuple(place[mine].T)
            value = np.where(split.volume.mask(part)[here], split.labels[here], 0)
            lost = value == 0
            if lost.any():
                nearest = distance_transform_edt(
                    ~split.volume.mask(part), return_distances=False, return_indices=True
                )
                there = tuple(n[tuple(h[lost] for h in here)] for n in nearest)
                value[lost] = split.labels[there]
            out[mine] = value
    return out


def with_particles(made: Tessellation, found: Instances) -> Tessellation:
    """A mesh whose cells of the particles' phase carry the number of the particle they lie in (0 elsewhere).

    The surfaces between particles that touch are not kept: a cell counts where its middle is.

    Raises
    ------
    InputError
        A phase that the mesh lacks, an image without particles, a mesh in the plane.
    """
    region = found.phase
    if region not in made.regions:
        raise InputError(
            "the mesh has no region of these particles", field="found", value=region,
            remedy=nearest(region, list(made.regions)),
        )  # fmt: skip
    if made.dim != 3 or not found.labels.any():
        raise InputError(
            "cells get numbers from particles in three dimensions", field="found", value=made.dim
        )
    grid = found.grid
    mine = np.flatnonzero(made.tags == made.regions[region])
    centres = made.points[made.cells[mine]].mean(axis=1)
    place = np.floor((centres - grid.origin) / grid.voxel_size).astype(np.int64)
    here = tuple(np.clip(place, 0, np.array(grid.shape) - 1).T)
    value = found.labels[here]
    lost = value == 0
    if lost.any():
        back = distance_transform_edt(
            found.labels == 0, sampling=grid.voxel_size, return_distances=False, return_indices=True
        )
        value[lost] = found.labels[tuple(n[tuple(h[lost] for h in here)] for n in back)]
    numbers = np.zeros(len(made.cells), np.int32)
    numbers[mine] = value
    return replace(made, cell_data={**made.cell_data, "particle": numbers})
