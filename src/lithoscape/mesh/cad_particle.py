"""Single particles: discs, spheres and ellipsoids with cracks from the surface, lens cracks and voids inside.

The particle's middle is the origin. Two semi-axes make a cross-section, three a body.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.optimize import nnls

from ..errors import InputError
from .cad_checks import at_most, counted, is_finite, not_negative, positive, vector
from .cad_size import Sizing

Vector = tuple[float, ...]


@dataclass(frozen=True)
class Slit:
    """A radial crack: a wedge from the surface inward, straight along its front.

    Its mid-plane holds the particle's middle, ``direction`` and, in 3D, the front, which is normal to
    ``direction``. It opens linearly from ``tip_width`` to ``width`` and cuts the body to both ends of its
    front.

    Parameters
    ----------
    direction:
        From the particle's middle to the middle of the mouth, 2 or 3 numbers of any length.
    width:
        At the surface, along ``direction`` [m].
    depth:
        From there inward [m].
    normal:
        Normal of the mid-plane, 3 numbers, at right angles to ``direction``; None in 2D.
    tip_width:
        At the front [m]; None is a quarter of ``width``, zero is sharp and makes cells as flat as the wedge.

    Raises
    ------
    InputError
        Vectors without direction or not at right angles, lengths that are not positive, a tip wider than
        the mouth.
    """

    direction: Vector
    width: float
    depth: float
    normal: Vector | None = None
    tip_width: float | None = None

    def __post_init__(self) -> None:
        dim = len(self.direction)
        _direction("slit.direction", self.direction, (2, 3))
        positive("slit.width", self.width)
        positive("slit.depth", self.depth)
        if self.tip_width is not None:
            not_negative("slit.tip_width", self.tip_width)
            at_most("slit.tip_width", self.tip_width, self.width, "the width at the surface")
        if (self.normal is None) != (dim == 2):
            raise InputError(
                "a crack has a normal in 3D and none in 2D", field="slit.normal", value=self.normal,
                remedy="Give three numbers at right angles to the direction, or None in 2D",
            )  # fmt: skip
        if self.normal is not None:
            _direction("slit.normal", self.normal, (3,))
            if abs(self.along @ unit(self.normal)) > 1e-6:
                raise InputError(
                    "the crack's plane does not hold its direction", field="slit.normal", value=self.normal,
                    remedy="Give a normal at right angles to the direction",
                )  # fmt: skip

    @classmethod
    def ring(
        cls, number: int, width: float, depth: float, *, dim: int = 3, start: float = 0.0,
        tip_width: float | None = None,
    ) -> tuple[Slit, ...]:  # fmt: skip
        """``number`` cracks at equal angles around the z axis (2D: the middle), from ``start`` [rad] on.

        In 3D their planes hold the z axis.
        """
        counted("number", number)
        angles = start + 2 * math.pi * np.arange(number) / number
        rest = (0.0,) * (dim - 2)
        return tuple(
            cls(
                (math.cos(a), math.sin(a), *rest), width, depth,
                None if dim == 2 else (-math.sin(a), math.cos(a), 0.0), tip_width,
            )
            for a in angles.tolist()
        )  # fmt: skip

    @property
    def along(self) -> np.ndarray:
        """Unit vector towards the mouth."""
        return unit(self.direction)

    @property
    def across(self) -> np.ndarray:
        """Unit normal of the mid-plane."""
        if self.normal is None:
            a, b = self.along
            return np.array([-b, a])
        normal = unit(self.normal)
        return unit(normal - (normal @ self.along) * self.along)

    @property
    def tip(self) -> float:
        """Width at the front [m]."""
        return self.width / 4 if self.tip_width is None else self.tip_width

    def half_spaces(self, semi_axes: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
        """Rows ``g`` and values ``h`` [m]: the wedge is where every g.x >= h, its front and two walls."""
        front = self.front(semi_axes)
        slope = (self.width - self.tip) / 2 / self.depth
        walls = [slope * self.along - side * self.across for side in (1.0, -1.0)]
        limit = slope * front - self.tip / 2
        return np.array([self.along, *walls]), np.array([front, limit, limit])

    def front(self, semi_axes: Sequence[float]) -> float:
        """Distance of the front from the particle's middle [m]."""
        return surface_distance(semi_axes, self.along) - self.depth


@dataclass(frozen=True)
class Lens:
    """A closed crack inside: two equal caps on a common rim (2D: two arcs).

    Parameters
    ----------
    centre:
        2 or 3 coordinates [m].
    radius:
        Of the rim [m].
    thickness:
        In the middle, below twice the radius [m].
    normal:
        Of the plane of the rim, 2 or 3 numbers of any length.

    Raises
    ------
    InputError
        Lengths that are not positive, a lens as thick as a ball, a normal without direction.
    """

    centre: Vector
    radius: float
    thickness: float
    normal: Vector

    def __post_init__(self) -> None:
        vector("lens.centre", self.centre, len(self.normal))
        _direction("lens.normal", self.normal, (2, 3))
        positive("lens.radius", self.radius)
        positive("lens.thickness", self.thickness)
        if self.thickness >= 2 * self.radius:
            raise InputError(
                "the lens is as thick as it is wide", field="lens.thickness", value=self.thickness,
                remedy=f"Give less than {2 * self.radius:.6g} m, or a Void for a ball",
            )  # fmt: skip

    @property
    def curvature(self) -> float:
        """Radius of the caps [m]."""
        h = self.thickness / 2
        return (self.radius**2 + h**2) / (2 * h)

    def boundary(self) -> np.ndarray:
        """Points on its rim and caps, shape (points, dim) [m]."""
        axis = unit(self.normal)
        angle = np.linspace(0.0, math.asin(min(1.0, self.radius / self.curvature)), 17)
        rise = self.curvature * (np.cos(angle) - 1) + self.thickness / 2
        if len(axis) == 2:
            ring = np.array([[-axis[1], axis[0]], [axis[1], -axis[0]]])
        else:
            first = unit(np.cross(axis, np.eye(3)[np.argmin(np.abs(axis))]))
            around = np.linspace(0, 2 * math.pi, 65)[:-1, None]
            ring = np.cos(around) * first + np.sin(around) * np.cross(axis, first)
        radial = self.curvature * np.sin(angle)[:, None, None] * ring
        caps = [radial + side * rise[:, None, None] * axis for side in (1, -1)]
        return np.concatenate(caps).reshape(-1, len(axis)) + np.array(self.centre)


@dataclass(frozen=True)
class Void:
    """A ball (2D: disc) of nothing inside.

    Parameters
    ----------
    centre:
        2 or 3 coordinates [m].
    radius:
        Above zero [m].

    Raises
    ------
    InputError
        A radius that is not positive, another count of coordinates.
    """

    centre: Vector
    radius: float

    def __post_init__(self) -> None:
        vector("void.centre", self.centre, 3 if len(self.centre) != 2 else 2)
        positive("void.radius", self.radius)

    def boundary(self) -> np.ndarray:
        """Points on its surface, shape (points, dim) [m]."""
        polar = np.linspace(0, math.pi, 33)
        around = np.linspace(0, 2 * math.pi, 65)[:-1]
        if len(self.centre) == 2:
            ring = np.column_stack([np.cos(around), np.sin(around)])
        else:
            p, a = (grid.ravel() for grid in np.meshgrid(polar, around))
            ring = np.column_stack([np.sin(p) * np.cos(a), np.sin(p) * np.sin(a), np.cos(p)])
        return np.array(self.centre) + self.radius * ring


@dataclass(frozen=True)
class Particle:
    """One particle, alone or in a box of electrolyte.

    Parameters
    ----------
    semi_axes:
        Along x, y (disc, ellipse) or x, y, z (sphere, ellipsoid) [m].
    sizing:
        Size of the cells; ``size``, at most half a semi-axis, holds at the surface and at the walls
        of cracks, and gives way to half the radius of a void, and in a box to half the width of a slit.
    slits:
        Cracks from the surface, apart from each other.
    voids:
        Lens cracks and voids inside, apart from each other, the surface and the slits.
    box:
        Extents of the electrolyte around the particle [m], which fills the slits too; None for none.
    tip_size:
        Size at the fronts of slits and the rims of lenses [m]; None is the width of the front (half of
        ``size`` at a sharp one), or half the thickness of the lens, if that is smaller than ``size``.

    Raises
    ------
    InputError
        Cracks that reach the middle or each other, or as wide as the particle; voids that are not inside or
        touch something; a box that does not hold the particle; lengths that are not positive; cells larger
        than the particle.
    """

    semi_axes: Vector
    sizing: Sizing
    slits: tuple[Slit, ...] = ()
    voids: tuple[Lens | Void, ...] = ()
    box: Vector | None = None
    tip_size: float | None = None

    def __post_init__(self) -> None:
        for name in ("semi_axes", "slits", "voids"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.dim not in (2, 3):
            raise InputError(
                "a particle has two or three semi-axes", field="semi_axes", value=self.semi_axes,
                remedy="(r, r) is a disc, (r, r, r) a sphere",
            )  # fmt: skip
        positive("semi_axes", *self.semi_axes)
        self.sizing.check([half / 2 for half in self.semi_axes])
        if self.tip_size is not None:
            positive("tip_size", self.tip_size)
            at_most("tip_size", self.tip_size, self.sizing.size, "the size at the surface")
        self._check_slits()
        self._check_voids()
        if self.box is not None:
            self._check_box(tuple(self.box))

    @property
    def dim(self) -> int:
        """2 or 3."""
        return len(self.semi_axes)

    def _check_slits(self) -> None:
        for k, slit in enumerate(self.slits):
            here = f"slits[{k}]"
            if len(slit.direction) != self.dim:
                raise InputError(
                    "the crack and the particle differ in dimension", field=f"{here}.direction",
                    value=slit.direction, remedy=f"Give {self.dim} numbers",
                )  # fmt: skip
            reach = surface_distance(self.semi_axes, slit.along)
            if slit.depth >= reach:
                raise InputError(
                    "the crack reaches the particle's middle", field=f"{here}.depth", value=slit.depth,
                    remedy=f"Give less than {reach:.6g} m",
                )  # fmt: skip
            if slit.width >= min(self.semi_axes):
                raise InputError(
                    "the crack is as wide as the particle", field=f"{here}.width", value=slit.width,
                    remedy=f"Give less than {min(self.semi_axes):.6g} m",
                )  # fmt: skip
        for (j, first), (k, second) in combinations(enumerate(self.slits), 2):
            if meet(self.semi_axes, first, second):
                raise InputError(
                    f"the crack meets slits[{j}]", field=f"slits[{k}]", value=second.direction,
                    remedy="Give fewer, shallower or narrower cracks, or larger angles between them",
                )  # fmt: skip

    def _check_voids(self) -> None:
        for k, void in enumerate(self.voids):
            here = f"voids[{k}]"
            vector(f"{here}.centre", void.centre, self.dim)
            level = ((void.boundary() / np.array(self.semi_axes)) ** 2).sum(axis=1).max()
            if level > 0.98:
                raise InputError(
                    "the void is not inside of the particle", field=f"{here}.centre", value=void.centre,
                    remedy="Keep it at least one per cent of the radius below the surface",
                )  # fmt: skip
            for j, other in enumerate(self.voids[:k]):
                if math.dist(void.centre, other.centre) <= (void.radius + other.radius) * 1.01:
                    raise InputError(
                        f"the void touches the ball around voids[{j}]", field=f"{here}.centre",
                        value=void.centre, remedy="Move it away or make it smaller",
                    )  # fmt: skip
            for j, slit in enumerate(self.slits):
                if distance(slit, self.semi_axes, np.array(void.centre)) <= void.radius * 1.01:
                    raise InputError(
                        f"the ball around the void touches slits[{j}]", field=f"{here}.centre",
                        value=void.centre, remedy="Move it away or make it smaller",
                    )  # fmt: skip

    def _check_box(self, box: Vector) -> None:
        object.__setattr__(self, "box", box)
        vector("box", box, self.dim)
        for extent, half in zip(box, self.semi_axes, strict=True):
            if not (is_finite(extent) and extent > 2 * half * (1 + 1e-6)):
                raise InputError(
                    "the box does not hold the particle", field="box", value=box,
                    remedy=f"Give more than {tuple(2 * a for a in self.semi_axes)} m",
                )  # fmt: skip


def unit(direction: Sequence[float] | np.ndarray) -> np.ndarray:
    """The vector of length 1."""
    v = np.asarray(direction, float)
    return v / np.linalg.norm(v)


def surface_distance(semi_axes: Sequence[float], direction: np.ndarray) -> float:
    """From the middle of an ellipsoid to its surface along a unit vector [m]."""
    return float(1 / np.linalg.norm(direction / np.array(semi_axes)))


def meet(semi_axes: Sequence[float], first: Slit, second: Slit) -> bool:
    """Whether two wedges share a point of the ellipsoid: their nearest common point, in units of the axes."""
    g, h = (np.concatenate(x) for x in zip(*(s.half_spaces(semi_axes) for s in (first, second)), strict=True))
    scale = np.array(semi_axes)
    nearest = least_distance(g * scale, h)
    return nearest is not None and float(np.linalg.norm(nearest)) < 1


def distance(slit: Slit, semi_axes: Sequence[float], point: np.ndarray) -> float:
    """From a point to a wedge [m]."""
    g, h = slit.half_spaces(semi_axes)
    scale = max(semi_axes)
    found = least_distance(g, (h - g @ point) / scale)
    return math.inf if found is None else float(np.linalg.norm(found)) * scale


def least_distance(g: np.ndarray, h: np.ndarray) -> np.ndarray | None:
    """The shortest x with g x >= h, or None if there is none.

    Lawson and Hanson, Solving Least Squares Problems, chapter 23: the residual of a non-negative least
    squares problem.
    """
    norm = np.linalg.norm(g, axis=1)
    g, h = g / norm[:, None], h / norm
    target = np.append(np.zeros(g.shape[1]), 1.0)
    matrix = np.vstack([g.T, h])
    residual = matrix @ nnls(matrix, target)[0] - target
    if abs(residual[-1]) < 1e-12:
        return None
    return -residual[:-1] / residual[-1]


def _direction(field: str, value: Sequence[float], dims: tuple[int, ...]) -> None:
    if len(value) not in dims or not all(is_finite(v) for v in value) or not any(value):
        raise InputError(
            "must be a direction", field=field, value=tuple(value),
            remedy=f"Give {' or '.join(map(str, dims))} numbers that are not all zero",
        )  # fmt: skip
