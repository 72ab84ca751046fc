"""Many spheres or ellipsoids as one implicit function, on voxels, and as an exact volume.

Particles are found through a lattice of cells, each of which lists the particles whose bounding box touches
it. A point asks its own cell first, then rings of cells around it until no nearer surface can lie outside:
the answer is that of a search through all particles, for any mixture of sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numba
import numpy as np

from ..errors import InputError
from ..image.grid import Grid

Period = Sequence[float | None]


@dataclass(frozen=True)
class Cells:
    """Lattice of cells over the particles: corner, edges [m], numbers, and the particles of each cell."""

    corner: np.ndarray
    width: np.ndarray
    number: np.ndarray
    start: np.ndarray
    items: np.ndarray


class _Particles:
    """What spheres and ellipsoids share: the search, and the data that the kernels take."""

    centres: np.ndarray
    period: tuple[float | None, ...] | None
    _inverse: np.ndarray
    _radius: np.ndarray

    @property
    def extents(self) -> np.ndarray:
        """Half the edges of every particle's bounding box, (n, 3) [m]."""
        raise NotImplementedError

    @property
    def volumes(self) -> np.ndarray:
        """Volume of every particle, walls and overlaps apart, (n,) [m3]."""
        raise NotImplementedError

    @property
    def _slimmest(self) -> float:
        """Smallest ratio of shortest to longest semi-axis: bounds first-order against true distance."""
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.centres)

    @property
    def periods(self) -> np.ndarray:
        """Period along each axis [m]; 0 where there is none."""
        return np.array([p or 0.0 for p in (self.period or (None,) * 3)])

    @cached_property
    def cells(self) -> Cells:
        """The lattice of cells, built at the first question."""
        extents, periods = self.extents * (1 + 1e-9), self.periods
        low = np.where(periods > 0, 0.0, (self.centres - extents).min(axis=0))
        size = np.where(periods > 0, periods, (self.centres + extents).max(axis=0) - low)
        wish = max(float(extents.mean()), float(np.prod(size) / 1e6) ** (1 / 3))
        number = np.maximum(1, np.floor(size / wish)).astype(np.int64)
        width = size / number
        start, items = _register(self.centres, extents, low, width, number, periods)
        return Cells(low, width, number, start, items)

    def _ask(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        points = np.ascontiguousarray(points, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 3:
            raise InputError("points have the shape (n, 3)", field="points", value=points.shape)
        c = self.cells
        return _search(
            points, self.centres, self._inverse, self._radius, self.periods, self._slimmest,
            c.corner, c.width, c.number, c.start, c.items,
        )  # fmt: skip

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Signed distance at ``points`` (n, 3) [m] to the union of the particles: shape (n,)."""
        return self._ask(points)[0]

    def nearest(self, points: np.ndarray) -> np.ndarray:
        """Index 0..N-1 of the particle with the smallest signed distance at each of ``points`` (n, 3) [m]."""
        return self._ask(points)[1]


@dataclass(frozen=True, eq=False)
class Spheres(_Particles):
    """Union of spheres: the smallest of |p - c| - r.

    Outside it is the exact distance; inside an overlap it is the usual smallest value of the parts, which
    underestimates the depth.

    Parameters
    ----------
    centres:
        (n, 3) [m], coordinate k along array axis k.
    radii:
        (n,) [m].
    period:
        Length after which the packing repeats along each axis [m]; None along an axis, or altogether, where
        it does not.

    Raises
    ------
    InputError
        No sphere, shapes that do not fit, a radius or a period that is not positive.
    """

    centres: np.ndarray
    radii: np.ndarray
    period: tuple[float | None, ...] | None = None
    _inverse: np.ndarray = field(init=False, repr=False)
    _radius: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _keep(self, centres=(-1, 3), radii=(-1,))
        object.__setattr__(self, "_inverse", np.zeros((1, 3, 3)))
        object.__setattr__(self, "_radius", self.radii)

    @property
    def extents(self) -> np.ndarray:
        """Half the edges of every bounding box, (n, 3) [m]."""
        return np.repeat(self.radii[:, None], 3, axis=1)

    @property
    def volumes(self) -> np.ndarray:
        """Volume of every sphere (n,) [m3]."""
        return 4 / 3 * np.pi * self.radii**3

    @property
    def _slimmest(self) -> float:
        return 1.0


@dataclass(frozen=True, eq=False)
class Ellipsoids(_Particles):
    """Union of ellipsoids, distance to first order near the surface.

    With q = |A(p - c)|, A = diag(1/a) R^T, the value is (q - 1)/|grad q|: zero on the surface with a gradient
    of length one (Taubin, IEEE Trans. Pattern Anal. Mach. Intell. 13, 1115, 1991). As q is convex, it never
    exceeds the true distance outside.

    Parameters
    ----------
    centres:
        (n, 3) [m], coordinate k along array axis k.
    semi_axes:
        (n, 3) [m].
    rotations:
        (n, 3, 3); column j of a rotation is the direction of semi-axis j.
    period:
        As for :class:`Spheres`.

    Raises
    ------
    InputError
        No ellipsoid, shapes that do not fit, a length that is not positive, a matrix that is no rotation.
    """

    centres: np.ndarray
    semi_axes: np.ndarray
    rotations: np.ndarray
    period: tuple[float | None, ...] | None = None
    _inverse: np.ndarray = field(init=False, repr=False)
    _radius: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _keep(self, centres=(-1, 3), semi_axes=(-1, 3), rotations=(-1, 3, 3))
        identity = self.rotations @ self.rotations.transpose(0, 2, 1)
        if np.abs(identity - np.eye(3)).max() > 1e-9:
            raise InputError("a rotation is an orthogonal matrix", field="rotations")
        inverse = self.rotations.transpose(0, 2, 1) / self.semi_axes[:, :, None]
        object.__setattr__(self, "_inverse", np.ascontiguousarray(inverse))
        object.__setattr__(self, "_radius", np.zeros(len(self.centres)))

    @property
    def extents(self) -> np.ndarray:
        """Half the edges of every bounding box, (n, 3) [m]."""
        return np.sqrt(((self.rotations * self.semi_axes[:, None, :]) ** 2).sum(axis=2))

    @property
    def volumes(self) -> np.ndarray:
        """Volume of every ellipsoid (n,) [m3]."""
        return 4 / 3 * np.pi * self.semi_axes.prod(axis=1)

    @property
    def _slimmest(self) -> float:
        return float((self.semi_axes.min(axis=1) / self.semi_axes.max(axis=1)).min())


def rasterise_particles(shape: Spheres | Ellipsoids, grid: Grid) -> np.ndarray:
    """Particle of every voxel (int32, shape of the grid): 0 none, i + 1 the particle ``i``.

    A voxel belongs to a particle if its centre lies inside; in overlaps the particle it lies deepest in wins.
    """
    labels = np.zeros(grid.shape, dtype=np.int32)
    _paint(
        labels, np.array(grid.origin), np.array(grid.voxel_size), shape.centres, shape.extents * (1 + 1e-9),
        shape._inverse, shape._radius, shape.periods,
    )  # fmt: skip
    return labels


def filled_volumes(
    shape: Spheres | Ellipsoids,
    low: Sequence[float],
    high: Sequence[float],
    *,
    axis: int = 0,
    edges: np.ndarray | None = None,
    spacing: float | None = None,
) -> np.ndarray:
    """Volume of the union of the particles within a box, slab by slab along ``axis`` [m3].

    Along lines parallel to ``axis`` the chords are exact, overlaps and walls included; across, the midpoint
    rule on lines of the given spacing, by default a twelfth of the mean radius of equal volume.

    Parameters
    ----------
    low, high:
        Corners of the box [m].
    axis:
        Direction of the lines.
    edges:
        Ascending limits of the slabs [m]; by default the box itself.
    spacing:
        Distance of the lines [m].
    """
    low_, high_ = np.array(low, float), np.array(high, float)
    limits = np.array([low_[axis], high_[axis]]) if edges is None else np.asarray(edges, float)
    if spacing is None:
        spacing = float(np.mean(np.cbrt(shape.volumes / (4 / 3 * np.pi)))) / 12
    a, b = (k for k in range(3) if k != axis)
    lines = np.array([max(8, int(np.ceil((high_[k] - low_[k]) / spacing))) for k in (a, b)])
    step = (high_ - low_)[[a, b]] / lines
    order = np.array([a, b, axis])
    inverse = shape._inverse if not shape._radius.any() else np.eye(3) / shape._radius[:, None, None]
    first, last, start = _chords(
        shape.centres[:, order], np.ascontiguousarray(inverse[:, :, order]), shape.extents[:, order],
        shape.periods[order], low_[order], high_[order], step, lines,
    )  # fmt: skip
    return _merge(first, last, start, limits) * step[0] * step[1]


def _keep(shape: Spheres | Ellipsoids, **wanted: tuple[int, ...]) -> None:
    """Store the arrays as read-only float64 of the wanted shapes; InputError if they do not fit."""
    n = len(shape.centres)
    for name, dims in wanted.items():
        array = np.array(getattr(shape, name), dtype=np.float64, order="C")
        if n == 0 or array.shape != (n, *dims[1:]) or not np.isfinite(array).all():
            raise InputError(
                f"{name} of at least one particle have the shape (n, {', '.join(map(str, dims[1:]))})",
                field=name, value=array.shape,
            )  # fmt: skip
        if name in ("radii", "semi_axes") and array.min() <= 0:
            raise InputError("radii and semi-axes are positive", field=name, value=float(array.min()))
        array.flags.writeable = False
        object.__setattr__(shape, name, array)
    period = shape.period
    if period is not None and (len(period) != 3 or any(p is not None and not p > 0 for p in period)):
        raise InputError("a period is a positive length or None for each axis", field="period", value=period)


@numba.njit(cache=True, inline="always")
def _near(x: float, period: float) -> float:
    """``x`` shifted by whole periods to the smallest size."""
    return x - period * np.rint(x / period) if period > 0 else x


@numba.njit(cache=True, inline="always")
def _distance(x: float, y: float, z: float, i: int, inverse: np.ndarray, radius: np.ndarray) -> float:
    """Signed distance to particle ``i`` at (x, y, z) from its centre."""
    if radius[i] > 0:
        return np.sqrt(x * x + y * y + z * z) - radius[i]
    A = inverse[i]
    u = A[0, 0] * x + A[0, 1] * y + A[0, 2] * z
    v = A[1, 0] * x + A[1, 1] * y + A[1, 2] * z
    w = A[2, 0] * x + A[2, 1] * y + A[2, 2] * z
    q = np.sqrt(u * u + v * v + w * w)
    gx = A[0, 0] * u + A[1, 0] * v + A[2, 0] * w
    gy = A[0, 1] * u + A[1, 1] * v + A[2, 1] * w
    gz = A[0, 2] * u + A[1, 2] * v + A[2, 2] * w
    g = np.sqrt(gx * gx + gy * gy + gz * gz)
    if g == 0.0:  # the very centre: the value along the shortest axis
        return -1.0 / np.sqrt((A * A).sum(axis=1).max())
    return (q - 1.0) * q / g


@numba.njit(cache=True)
def _span(low: float, high: float, corner: float, width: float, n: int, period: float) -> tuple[int, int]:
    """First and last cell that an interval touches, not wrapped, and each cell once."""
    first = int(np.floor((low - corner) / width))
    last = int(np.floor((high - corner) / width))
    if period > 0:
        return first, min(last, first + n - 1)
    return max(first, 0), min(last, n - 1)


@numba.njit(cache=True)
def _register(
    centres: np.ndarray, extents: np.ndarray, corner: np.ndarray, width: np.ndarray, number: np.ndarray,
    period: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Particles by cell: those of cell c are ``items[start[c]:start[c + 1]]``."""
    start = np.zeros(number.prod() + 1, np.int64)
    items = np.empty(0, np.int64)
    lo, hi = np.empty(3, np.int64), np.empty(3, np.int64)
    for fill in range(2):
        for i in range(centres.shape[0]):
            for k in range(3):
                lo[k], hi[k] = _span(
                    centres[i, k] - extents[i, k], centres[i, k] + extents[i, k],
                    corner[k], width[k], number[k], period[k],
                )  # fmt: skip
            for a in range(lo[0], hi[0] + 1):
                for b in range(lo[1], hi[1] + 1):
                    for c in range(lo[2], hi[2] + 1):
                        cell = ((a % number[0]) * number[1] + b % number[1]) * number[2] + c % number[2]
                        if fill == 0:
                            start[cell + 1] += 1
                        else:
                            items[start[cell]] = i
                            start[cell] += 1
        if fill == 0:
            start = np.cumsum(start)
            items = np.empty(start[-1], np.int64)
    start[1:] = start[:-1].copy()
    start[0] = 0
    return start, items


@numba.njit(cache=True, nogil=True)
def _search(
    points: np.ndarray, centres: np.ndarray, inverse: np.ndarray, radius: np.ndarray, period: np.ndarray,
    slimmest: float, corner: np.ndarray, width: np.ndarray, number: np.ndarray, start: np.ndarray,
    items: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Smallest signed distance at every point, and whose it is."""
    values, ids = np.empty(points.shape[0]), np.empty(points.shape[0], np.int64)
    own, step, rings = np.empty(3, np.int64), width.min() * slimmest, number.max()
    for n in range(points.shape[0]):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        gap = np.inf  # way to the nearest wall of the own cell: what it does not list lies behind that
        for k in range(3):
            place = (points[n, k] - corner[k]) / width[k]
            cell = int(np.floor(place))
            own[k] = cell % number[k] if period[k] > 0 else min(max(cell, 0), number[k] - 1)
            within = place - cell if period[k] > 0 or cell == own[k] else 0.0
            gap = min(gap, within * width[k], (1 - within) * width[k])
        best, who, ring = np.inf, 0, 0
        while ring <= rings and (ring == 0 or (best > 0.0 and gap * slimmest + (ring - 1) * step < best)):
            for a in range(-ring, ring + 1):
                ca = _wrapped(own[0] + a, a, number[0], period[0])
                for b in range(-ring, ring + 1):
                    cb = _wrapped(own[1] + b, b, number[1], period[1])
                    face = abs(a) == ring or abs(b) == ring
                    for c in range(-ring, ring + 1, 1 if face or ring == 0 else 2 * ring):
                        cc = _wrapped(own[2] + c, c, number[2], period[2])
                        if ca < 0 or cb < 0 or cc < 0:
                            continue
                        at = (ca * number[1] + cb) * number[2] + cc
                        for m in range(start[at], start[at + 1]):
                            i = items[m]
                            dx, dy = _near(x - centres[i, 0], period[0]), _near(y - centres[i, 1], period[1])
                            dz = _near(z - centres[i, 2], period[2])
                            value = _distance(dx, dy, dz, i, inverse, radius)
                            if value < best or (value == best and i < who):
                                best, who = value, i
            ring += 1
        values[n], ids[n] = best, who
    return values, ids


@numba.njit(cache=True, inline="always")
def _wrapped(cell: int, offset: int, n: int, period: float) -> int:
    """The cell's index, or -1 if there is none or it has been asked as its own image."""
    if period > 0:
        return cell % n if abs(offset) <= n // 2 else -1
    return cell if 0 <= cell < n else -1


@numba.njit(cache=True)
def _paint(
    labels: np.ndarray, origin: np.ndarray, voxel: np.ndarray, centres: np.ndarray, extents: np.ndarray,
    inverse: np.ndarray, radius: np.ndarray, period: np.ndarray,
) -> None:  # fmt: skip
    """Each particle, and each of its images in the grid, paints its bounding box."""
    for i in range(centres.shape[0]):
        images = np.zeros((3, 2), np.int64)
        for k in range(3):
            if period[k] > 0:
                end = origin[k] + labels.shape[k] * voxel[k]
                images[k, 0] = int(np.ceil((origin[k] - centres[i, k] - extents[i, k]) / period[k]))
                images[k, 1] = int(np.floor((end - centres[i, k] + extents[i, k]) / period[k]))
        for u in range(images[0, 0], images[0, 1] + 1):
            for v in range(images[1, 0], images[1, 1] + 1):
                for w in range(images[2, 0], images[2, 1] + 1):
                    shift = np.array([u * period[0], v * period[1], w * period[2]])
                    _paint_one(labels, origin, voxel, centres, extents, inverse, radius, period, i, shift)


@numba.njit(cache=True)
def _paint_one(
    labels: np.ndarray, origin: np.ndarray, voxel: np.ndarray, centres: np.ndarray, extents: np.ndarray,
    inverse: np.ndarray, radius: np.ndarray, period: np.ndarray, i: int, shift: np.ndarray,
) -> None:  # fmt: skip
    """Paint one image of particle ``i``; what it overlaps keeps the voxels that lie deeper in it."""
    lo, hi = np.empty(3, np.int64), np.empty(3, np.int64)
    for k in range(3):
        middle = (centres[i, k] + shift[k] - origin[k]) / voxel[k] - 0.5
        lo[k] = max(0, int(np.floor(middle - extents[i, k] / voxel[k])))
        hi[k] = min(labels.shape[k] - 1, int(np.ceil(middle + extents[i, k] / voxel[k])))
    for a in range(lo[0], hi[0] + 1):
        x = origin[0] + (a + 0.5) * voxel[0]
        for b in range(lo[1], hi[1] + 1):
            y = origin[1] + (b + 0.5) * voxel[1]
            for c in range(lo[2], hi[2] + 1):
                z = origin[2] + (c + 0.5) * voxel[2]
                # the same arithmetic as the search, so that no voxel on the surface decides otherwise
                dx, dy = _near(x - centres[i, 0], period[0]), _near(y - centres[i, 1], period[1])
                value = _distance(dx, dy, _near(z - centres[i, 2], period[2]), i, inverse, radius)
                if value >= 0:
                    continue
                j = labels[a, b, c] - 1
                if j >= 0 and j != i:
                    dx, dy = _near(x - centres[j, 0], period[0]), _near(y - centres[j, 1], period[1])
                    if _distance(dx, dy, _near(z - centres[j, 2], period[2]), j, inverse, radius) <= value:
                        continue
                labels[a, b, c] = i + 1


@numba.njit(cache=True)
def _chords(
    centres: np.ndarray, inverse: np.ndarray, extents: np.ndarray, period: np.ndarray, low: np.ndarray,
    high: np.ndarray, step: np.ndarray, lines: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Where lines along the last axis enter and leave the particles, by line; |A d| = 1 solved for z."""
    start = np.zeros(lines[0] * lines[1] + 1, np.int64)
    first, last = np.empty(0), np.empty(0)
    images = np.zeros((3, 2), np.int64)
    for fill in range(2):
        for i in range(centres.shape[0]):
            A = inverse[i]
            zz = (A[:, 2] ** 2).sum()
            for k in range(3):
                if period[k] > 0:
                    images[k, 0] = int(np.ceil((low[k] - centres[i, k] - extents[i, k]) / period[k]))
                    images[k, 1] = int(np.floor((high[k] - centres[i, k] + extents[i, k]) / period[k]))
            for u in range(images[0, 0], images[0, 1] + 1):
                x0 = centres[i, 0] + u * period[0]
                a0 = max(0, int(np.ceil((x0 - extents[i, 0] - low[0]) / step[0] - 0.5)))
                a1 = min(lines[0] - 1, int(np.floor((x0 + extents[i, 0] - low[0]) / step[0] - 0.5)))
                for v in range(images[1, 0], images[1, 1] + 1):
                    y0 = centres[i, 1] + v * period[1]
                    b0 = max(0, int(np.ceil((y0 - extents[i, 1] - low[1]) / step[1] - 0.5)))
                    b1 = min(lines[1] - 1, int(np.floor((y0 + extents[i, 1] - low[1]) / step[1] - 0.5)))
                    for a in range(a0, a1 + 1):
                        x = low[0] + (a + 0.5) * step[0] - x0
                        for b in range(b0, b1 + 1):
                            y = low[1] + (b + 0.5) * step[1] - y0
                            s = A[:, 0] * x + A[:, 1] * y
                            half = (s * A[:, 2]).sum() / zz
                            root = half * half - ((s * s).sum() - 1.0) / zz
                            if root <= 0:
                                continue
                            root, line = np.sqrt(root), a * lines[1] + b
                            for w in range(images[2, 0], images[2, 1] + 1):
                                if fill == 0:
                                    start[line + 1] += 1
                                    continue
                                z = centres[i, 2] + w * period[2] - half
                                first[start[line]], last[start[line]] = z - root, z + root
                                start[line] += 1
        if fill == 0:
            start = np.cumsum(start)
            first, last = np.empty(start[-1]), np.empty(start[-1])
    start[1:] = start[:-1].copy()
    start[0] = 0
    return first, last, start


@numba.njit(cache=True)
def _merge(first: np.ndarray, last: np.ndarray, start: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Length of the union of the intervals of all lines, slab by slab."""
    total = np.zeros(edges.size - 1)
    for line in range(start.size - 1):
        begin, end = first[start[line] : start[line + 1]], last[start[line] : start[line + 1]]
        order, reach = np.argsort(begin), -np.inf
        for m in order:
            a, b = max(begin[m], reach), end[m]
            if b <= a:
                continue
            reach = b
            for k in range(total.size):
                total[k] += max(0.0, min(b, edges[k + 1]) - max(a, edges[k]))
    return total
