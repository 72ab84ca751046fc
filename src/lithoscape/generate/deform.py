"""Shapes compressed along one axis: strained with the space, or as rigid particles that follow it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from ..errors import InputError
from .placing import Face
from .shapes import Complement, Intersection, Shape, Union

Mode = Literal["overlap", "affine"]
STEP = 1e-9
"""Half the distance over which a slope is taken [m]: far below any radius, far above rounding."""


@dataclass(frozen=True)
class Deformed:
    """A shape strained along one axis: what was at ``level + x`` is at ``level + factor x``.

    The value at the place a point came from is divided by the length of its gradient after the strain. For a
    unit gradient with the component g along the axis that is sqrt(1 - g^2 + (g/factor)^2), so one slope is
    enough.

    Parameters
    ----------
    shape:
        The shape before.
    axis:
        Direction of the strain.
    level:
        Coordinate that stays where it is [m].
    factor:
        Length after over length before.
    """

    shape: Shape
    axis: int
    level: float
    factor: float

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Signed distance at ``points`` (n, 3) [m], to first order: shape (n,)."""
        before = np.array(points, float)
        before[:, self.axis] = self.level + (before[:, self.axis] - self.level) / self.factor
        value = self.shape(before)
        before[:, self.axis] += STEP
        ahead = self.shape(before)
        before[:, self.axis] -= 2 * STEP
        slope = np.clip((ahead - self.shape(before)) / (2 * STEP), -1.0, 1.0)
        return value / np.sqrt(1 - slope**2 + (slope / self.factor) ** 2)


@dataclass(frozen=True)
class Squeeze:
    """Compression of a box towards the collector.

    Parameters
    ----------
    face:
        The collector's face, which stays.
    thickness:
        Thickness before [m].
    ratio:
        Thickness after over thickness before.
    growth:
        Factor on the size of particles, 1 for none.
    """

    face: Face
    thickness: float
    ratio: float
    growth: float = 1.0


def is_particles(shape: Shape) -> bool:
    """Whether a shape is a set of particles: it has centres and sizes."""
    return hasattr(shape, "centres") and (hasattr(shape, "radii") or hasattr(shape, "semi_axes"))


def particles_of(shape: Shape) -> list[Any]:
    """Every set of particles in a shape, its unions, cuts and complements searched."""
    if isinstance(shape, Union | Intersection):
        return [found for part in shape.parts for found in particles_of(part)]
    if isinstance(shape, Complement):
        return particles_of(shape.part)
    return [shape] if is_particles(shape) else []


def squeezed(shape: Shape, squeeze: Squeeze, mode: Mode) -> Shape:
    """``shape`` after the compression: strained, or with its particles moved and everything else strained."""
    if mode == "overlap":
        if isinstance(shape, Union):
            return Union(tuple(squeezed(part, squeeze, mode) for part in shape.parts))
        if isinstance(shape, Intersection):
            return Intersection(tuple(squeezed(part, squeeze, mode) for part in shape.parts))
        if isinstance(shape, Complement):
            return Complement(squeezed(shape.part, squeeze, mode))
        if is_particles(shape):
            return moved(shape, squeeze)
    return Deformed(shape, squeeze.face.axis, squeeze.face.level, squeeze.ratio)


def moved(particles: Any, squeeze: Squeeze) -> Shape:
    """Particles of the same form at squeezed heights.

    A particle between the walls stays between them: with the half extent e its height h becomes
    e' + (h - e)(L' - 2 e')/(L - 2 e), where a prime means after; for a point that is the affine map.
    Particles that cross a wall, and packings that repeat through the thickness, follow the affine map of
    their centres.

    Raises
    ------
    InputError
        A particle higher than the electrode after the compression.
    """
    axis, face, before = squeeze.face.axis, squeeze.face, squeeze.thickness
    after = squeeze.ratio * before
    half = _half_heights(particles, axis)
    grown = half * squeeze.growth
    height = (particles.centres[:, axis] - face.level) * face.inward
    period = getattr(particles, "period", None)
    repeats = period is not None and period[axis] is not None
    inside = (height >= half * (1 - 1e-9)) & (height <= before - half * (1 - 1e-9)) & (not repeats)
    if inside.any() and 2 * grown[inside].max() > after:
        raise InputError(
            "a particle is higher than the electrode would be", field="thickness_ratio", value=squeeze.ratio,
            remedy=f"The largest measures {2 * grown[inside].max():.6g} m, the electrode {after:.6g} m",
        )  # fmt: skip
    room = np.where(inside, before - 2 * half, before)
    between = grown + (height - half) * (after - 2 * grown) / np.where(room > 0, room, 1.0)
    height = np.where(inside, between, height * squeeze.ratio)
    centres = np.array(particles.centres)
    centres[:, axis] = face.level + face.inward * height
    changes: dict[str, Any] = {"centres": centres}
    if repeats and period is not None:
        changes["period"] = tuple(p * squeeze.ratio if k == axis else p for k, p in enumerate(period))
    if squeeze.growth != 1.0:
        size = "radii" if hasattr(particles, "radii") else "semi_axes"
        changes[size] = getattr(particles, size) * squeeze.growth
    after_shape: Shape = replace(particles, **changes)
    return after_shape


def _half_heights(particles: Any, axis: int) -> np.ndarray:
    """Half the extent of every particle along the axis [m]."""
    if hasattr(particles, "extents"):
        extents: np.ndarray = np.asarray(particles.extents)[:, axis]
        return extents
    return np.asarray(particles.radii, float)
