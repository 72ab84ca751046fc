"""Carbon-binder domain: a film on the solid, or necks between particles, or anything in between.

Every pore voxel has a score, d1 + b d2: its distance d1 from the nearest particle and, weighted by the
bridging b, its distance d2 from the next one. With b = 0 a level of the score is a film of even thickness.
With b = 1 it is a set of confocal spheroids around neighbouring particles, that is necks. In between films
thicken at necks. The voxels with the lowest scores become binder, as many as the fraction asks for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

import cc3d
import edt
import numba
import numpy as np
from pydantic import Field
from scipy import ndimage

from ..errors import InputError, nearest
from ..image.grid import Grid
from ..image.thickness import local_thickness
from .defects import VOID
from .fields import gaussian_field
from .placing import MICRO, note, positive
from .sampled import Sampled, as_distance, lowest
from .structure import BACKGROUND, Step, Structure

SMOOTHING = 1.0
"""Standard deviation of the filter that takes the steps of the voxels out of the score [voxels]."""
PLATEAU = 0.9
"""How far pore diameter replaces the film's thickness; the rest ranks voxels in pores of equal width."""
Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]


def two_distances(labels: np.ndarray, grid: Grid, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Distance of every voxel from the nearest particle and from the next other one [m].

    Parameters
    ----------
    labels:
        Particle numbers, 0 for none; shape of the grid.
    grid:
        Voxel size.
    reach:
        Distance beyond which no particle is looked for [m].

    Returns
    -------
    first, second:
        Distances to the voxel faces (half a voxel less than between centres), at most ``reach``; inside a
        particle the first is negative: the depth below its surface.
    """
    half = 0.5 * min(grid.voxel_size)
    depth = edt.edt(labels.astype(np.uint32), anisotropy=grid.voxel_size, black_border=False)
    inside = labels > 0
    first = np.where(inside, half - np.minimum(depth, reach), reach).astype(np.float32)
    second = np.full(grid.shape, reach, dtype=np.float32)
    owner = labels.astype(np.int32)
    pad = np.ceil(reach / np.array(grid.voxel_size)).astype(int)
    # piece by piece: a particle that goes round the box would have the whole box to itself
    pieces = cc3d.connected_components(labels, connectivity=26)
    for piece, box in enumerate(ndimage.find_objects(pieces), 1):
        if box is None:
            continue
        wide = tuple(
            slice(max(s.start - p, 0), min(s.stop + p, n))
            for s, p, n in zip(box, pad, grid.shape, strict=True)
        )
        there = pieces[wide] == piece
        number = labels[wide].ravel()[int(there.argmax())]
        away = edt.edt(~there, anisotropy=grid.voxel_size, black_border=False)
        _offer(away, half, reach, number, first[wide], second[wide], owner[wide])
    return first, second


@numba.njit(cache=True)
def _offer(away, half, reach, number, first, second, owner):  # type: ignore[no-untyped-def]
    """Let one piece of particle ``number`` into the two nearest of every voxel, if it is near enough."""
    n0, n1, n2 = away.shape
    for i in range(n0):
        for j in range(n1):
            for k in range(n2):
                d = away[i, j, k]
                if d == 0.0 or d - half >= reach:
                    continue
                d -= half
                if owner[i, j, k] == number:
                    first[i, j, k] = min(first[i, j, k], d)
                elif d < first[i, j, k]:
                    second[i, j, k] = first[i, j, k]
                    first[i, j, k], owner[i, j, k] = d, number
                elif d < second[i, j, k]:
                    second[i, j, k] = d


def binder_score(structure: Structure, on: Sequence[str], bridging: float) -> np.ndarray:
    """Score of every voxel [m]: low where binder collects; smooth over voxels, negative inside the solid.

    Where particles are not told apart, or there is only one, the local pore diameter (of the largest sphere
    in the pore) stands for the distance of the next particle.

    Parameters
    ----------
    structure:
        What there is so far.
    on:
        Phases that binder sits on.
    bridging:
        0 for a film, 1 for necks only.

    Raises
    ------
    InputError
        A bridging outside 0 to 1, a phase that is not there or has no voxel.
    """
    if not 0 <= bridging <= 1:
        raise InputError("bridging lies between 0 and 1", field="bridging", value=bridging)
    grid = structure.grid
    labels = _numbered(structure, on)
    solid = labels > 0
    half = 0.5 * min(grid.voxel_size)
    out = edt.edt(~solid, anisotropy=grid.voxel_size, black_border=False)
    if bridging > 0 and int(labels.max()) > 1:
        first, second = two_distances(labels, grid, float(out.max()) + max(grid.voxel_size))
        return _smooth(first + bridging * second, grid)
    depth = edt.edt(solid, anisotropy=grid.voxel_size, black_border=False)
    first = np.where(solid, half - np.minimum(depth, math.hypot(*grid.size)), out - half)
    score = _smooth((1 - PLATEAU * bridging) * first, grid)
    return score if bridging == 0 else score + bridging * _pore_width(structure, ~solid)


def _smooth(values: np.ndarray, grid: Grid) -> np.ndarray:
    sigma = [SMOOTHING if n > 1 else 0.0 for n in grid.shape]
    return ndimage.gaussian_filter(values.astype(np.float64), sigma, mode="nearest")


def _pore_width(structure: Structure, free: np.ndarray) -> np.ndarray:
    """Local pore diameter [m], smoothed within the pore and continued a little into the solid."""
    grid = structure.grid
    pore = structure.volume.mask(BACKGROUND)
    width = local_thickness(structure.volume, BACKGROUND).map
    weight = _smooth(pore, grid)
    mean = _smooth(np.where(pore, 0.0 if width is None else width, 0.0), grid) / np.maximum(weight, 1e-3)
    return np.where(free | (weight > 1e-3), mean, 0.0)


def _numbered(structure: Structure, on: Sequence[str]) -> np.ndarray:
    """Particles of all phases that binder sits on, numbered through; all 1 where some are not told apart."""
    labels = np.zeros(structure.grid.shape, dtype=np.int32)
    known = all(phase in structure.particles for phase in on)
    total = 0
    for phase in on:
        mask = structure.volume.occupied(phase)
        if not known:
            labels[mask] = 1
            continue
        own = np.where(mask, structure.particles[phase].labels, 0)
        there = np.bincount(own.ravel()) > 0
        there[0] = False
        number = np.where(there, np.cumsum(there) + total, 0)
        # voxels of the phase that belong to no particle stay solid, as one more
        total = int(number.max(initial=total)) + 1
        labels = np.where(own > 0, number[own], np.where(mask, total, labels)).astype(np.int32)
    return labels


def binder_fraction(
    fraction: float | None, solid_fraction: float | None, nanoporosity: float, available: float
) -> float:
    """Volume fraction of the binder domain, its nanopores included.

    Parameters
    ----------
    fraction:
        Of the domain in the electrode; or None.
    solid_fraction:
        Of carbon and binder without the nanopores: the domain takes solid_fraction / (1 - nanoporosity).
    nanoporosity:
        Pores within the domain, 0 to below 1.
    available:
        Fraction of pore there is.

    Raises
    ------
    InputError
        Both or neither fraction, a number out of range, more than the pore holds.
    """
    if (fraction is None) == (solid_fraction is None):
        raise InputError(
            "give the fraction of the binder domain or that of its solid", field="fraction",
            value=(fraction, solid_fraction), remedy="One of fraction and solid_fraction",
        )  # fmt: skip
    if not 0 <= nanoporosity < 1:
        raise InputError("a nanoporosity lies between 0 and 1", field="nanoporosity", value=nanoporosity)
    field = "solid_fraction" if fraction is None else "fraction"
    total = float(solid_fraction or 0.0) / (1 - nanoporosity) if fraction is None else float(fraction)
    if not 0 < total < 1:
        raise InputError(
            "the binder domain takes a fraction between 0 and 1", field=field, value=total,
            remedy="A solid fraction is divided by 1 - nanoporosity",
        )  # fmt: skip
    if total > available + 1e-12:
        raise InputError(
            f"the binder domain would take {total:.4g} of the electrode, but only {available:.4g} is pore",
            field=field, value=fraction if fraction is not None else solid_fraction,
            remedy="Take less binder or fewer particles",
        )  # fmt: skip
    return total


class Binder(Step):
    """Carbon-binder domain of an exact volume, as a film (bridging 0) or in necks (bridging 1).

    Its shape is a spline through the score on the voxels: smooth, accurate to a fraction of a voxel, not
    exact. It needs the shapes of the particles; where they have none, it has none.
    """

    make: Literal["binder"]
    phase: str = "binder"
    fraction: Share | None = Field(None, description="of the electrode, nanopores included")
    solid_fraction: Share | None = Field(None, description="of the electrode, without the nanopores")
    nanoporosity: float = Field(0.0, ge=0, lt=1)
    bridging: float = Field(0.5, ge=0, le=1, description="0: even film, 1: only necks")
    on: tuple[str, ...] | None = Field(None, description="phases it sits on; all solids if not given")
    patchiness: float = Field(0.0, ge=0, le=10, description="noise over the score's spread; at 1 it prevails")
    correlation_um: float = Field(2.0, gt=0, allow_inf_nan=False, description="size of the patches")

    def apply(self, structure: Structure, rng: np.random.Generator) -> Structure:
        """Rank the pore and fill what ranks first."""
        grid = structure.grid
        on = self._solids(structure)
        pore = structure.volume.mask(BACKGROUND)
        target = binder_fraction(self.fraction, self.solid_fraction, self.nanoporosity, float(pore.mean()))
        count = round(target * grid.voxels)
        if count == 0:
            raise InputError("this is less than a voxel of binder", field="fraction", value=target)
        score = binder_score(structure, on, self.bridging)
        if self.patchiness > 0:
            length = positive("correlation", self.correlation_um * MICRO)
            noise = gaussian_field(grid, length, rng, periodic=False)
            score = score + self.patchiness * float(score[pore].std()) * noise
        mask, level = lowest(score, pore, count)
        shape = Sampled(grid, as_distance(score - level, grid))
        done = structure.paint(self.phase, mask, shape=shape)
        before = dict(done.volume.properties)
        before[self.phase] = {**before.get(self.phase, {}), "nanoporosity": self.nanoporosity}
        done = replace(done, volume=replace(done.volume, properties=before))
        reached = float(mask.mean())
        return note(done, "binder", fraction=reached, solid_fraction=reached * (1 - self.nanoporosity))

    def _solids(self, structure: Structure) -> tuple[str, ...]:
        """Phases that binder sits on, checked."""
        fractions = structure.volume.fractions()
        there = [p for p, f in fractions.items() if f > 0 and p not in (BACKGROUND, VOID, self.phase)]
        for phase in self.on or ():
            if phase not in structure.volume.phases or phase in (BACKGROUND, self.phase):
                raise InputError(
                    "binder cannot sit on this phase", field="on", value=phase, remedy=nearest(phase, there)
                )
        if not there and not self.on:
            raise InputError(
                "there is nothing for the binder to sit on", field="on", value=[],
                remedy="Put the step that makes the particles before this one",
            )  # fmt: skip
        return self.on or tuple(there)
