"""Pores left by ice: lamellae or cells along the freezing direction, as one random wave field.

The field is a sum of plane waves over the lattice of wave vectors that fit the box in plane. Their weights
follow the local spacing of the lamellae, so that with growing spacing some lamellae end and the others widen,
as they do behind a freezing front. Lamellae are the places where the *phase* of the field is near zero; they
keep their width and run on until two of them merge. Cells are the places where its real part is high.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numba
import numpy as np

from ..errors import InputError
from ..image.grid import Grid
from .placing import Curve, Face, positive

Pattern = Literal["lamellar", "cellular"]
NODES = 129
"""Heights at which the weights of the waves are kept; linear in between."""
MOST_WAVES = 200_000
"""Waves above which a box is refused: their weights would fill gigabytes."""
FAINT = 1e-3
"""Weights below this part of the largest are left out."""


@dataclass(frozen=True, eq=False)
class IcePores:
    """Pores where the score of a wave field lies below a level that depends on height.

    Parameters
    ----------
    face:
        The collector's face; heights count from it.
    axes:
        The two in-plane axes.
    pattern:
        The score is |phase|/pi for "lamellar", minus the normalised real part for "cellular".
    orders:
        Whole waves in the box along ``axes``, shape (m, 2).
    base:
        Wave numbers of one whole wave along ``axes`` [rad/m].
    tilts:
        Wave numbers along the through axis, shape (m,) [rad/m].
    phases:
        Shape (m,) [rad].
    heights:
        Where the weights are given, ascending and evenly spaced, shape (k,) [m].
    weights:
        Weights of the waves, squares summing to one at every height, shape (k, m).
    level:
        Score below which there is pore, over height.
    """

    face: Face
    axes: tuple[int, int]
    pattern: Pattern
    orders: np.ndarray
    base: tuple[float, float]
    tilts: np.ndarray
    phases: np.ndarray
    heights: np.ndarray
    weights: np.ndarray
    level: Curve

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Signed distance at ``points`` (n, 3) [m], to first order: shape (n,), negative in a pore.

        The score minus the level, over the length of its gradient.
        """
        points = np.asarray(points, float)
        height = self.face.depth(points)
        place = np.column_stack([points[:, self.axes], height])
        field, slopes = _field(
            place, self.orders * np.asarray(self.base), self.tilts, self.phases, self.heights, self.weights
        )
        if self.pattern == "lamellar":
            turn = np.angle(field)
            size = np.maximum(np.abs(field) ** 2, 1e-30)[:, None]
            gradient = np.imag(np.conj(field)[:, None] * slopes) / size / math.pi
            gradient *= np.where(turn < 0, -1.0, 1.0)[:, None]
        else:
            gradient = -math.sqrt(2) * slopes.real
        gradient[:, 2] -= self.level.slope(height)
        length = np.sqrt((gradient**2).sum(axis=1))
        value: np.ndarray = (self._score(field) - self.level(height)) / np.maximum(length, 1e-30)
        return value

    def score(self, grid: Grid, height: float) -> np.ndarray:
        """Score at the voxel centres of one slice across the through axis, shape of the slice."""
        at = np.interp(height, self.heights, np.arange(len(self.heights)))
        k = min(int(at), len(self.heights) - 2)
        weight = (1 - (at - k)) * self.weights[k] + (at - k) * self.weights[k + 1]
        low = self.orders.min(axis=0)
        spread = self.orders.max(axis=0) - low + 1
        table = np.zeros(spread, complex)
        table[tuple((self.orders - low).T)] = weight * np.exp(1j * (self.tilts * height + self.phases))
        sides = [
            np.exp(1j * self.base[d] * np.outer(grid.centres(axis), low[d] + np.arange(spread[d])))
            for d, axis in enumerate(self.axes)
        ]
        return self._score(sides[0] @ table @ sides[1].T)

    def _score(self, field: np.ndarray) -> np.ndarray:
        if self.pattern == "lamellar":
            return np.abs(np.angle(field)) / math.pi
        return -math.sqrt(2) * field.real


def spacing(pattern: Pattern, porosity: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Wavelength of the field for a porosity and a pore width [m].

    Lamellae of the width w take the fraction p of their spacing: w / p. Cells: the mean chord of the places
    where a Gaussian field of unit variance and wave number k (isotropic in plane, so that its slope along a
    line has the variance k^2/2) exceeds u is p over the rate of upcrossings, k/sqrt(2) exp(-u^2/2)/(2 pi)
    (Rice 1944, doi:10.1002/j.1538-7305.1944.tb00874.x), and a circle of the diameter w has the mean chord pi
    w/4.
    """
    if pattern == "lamellar":
        return width / porosity
    from scipy.special import ndtri

    u = ndtri(1 - porosity)
    return math.pi * width / 4 * np.exp(-(u**2) / 2) / (math.sqrt(2) * porosity)


def ice_pores(
    grid: Grid,
    rng: np.random.Generator,
    *,
    porosity: Curve,
    width: Curve,
    pattern: Pattern = "lamellar",
    orientation: float = 0.0,
    misorientation: float = 0.2,
    disorder: float = 0.1,
    correlation: float | None = None,
) -> IcePores:
    """Ice pores whose porosity and width follow profiles over the height from the collector.

    The level is left at the porosity's expectation; :func:`levelled` meets it exactly on a grid.

    Parameters
    ----------
    grid:
        The box; the pattern is periodic in plane. The voxel size does not enter.
    rng:
        Source of the phases and tilts.
    porosity, width:
        Over the height above the collector [m]; widths in metres.
    pattern:
        "lamellar" or "cellular".
    orientation:
        Angle of the lamellae to the first in-plane axis [rad].
    misorientation:
        Standard deviation of their direction [rad].
    disorder:
        Standard deviation of their spacing, relative.
    correlation:
        Length along the through axis over which they move by about their spacing [m]; None keeps them
        straight.

    Raises
    ------
    InputError
        Porosity not between 0 and 1, widths that are not positive, a spacing of more than half the box.
    """
    positive("disorder", disorder)
    positive("misorientation", misorientation)
    heights = np.linspace(0, grid.thickness, NODES)
    _check_profiles(porosity, width)
    wavelength = spacing(pattern, porosity(heights), width(heights))
    sides = [grid.size[k] for k in grid.in_plane]
    if wavelength.max() > min(sides) / 2:
        raise InputError(
            f"pores of this width and porosity lie up to {wavelength.max():.6g} m apart", field="size_um",
            value=min(sides), remedy="Give a box of at least twice that in plane, or narrower pores",
        )  # fmt: skip
    base = (2 * math.pi / sides[0], 2 * math.pi / sides[1])
    isotropic = pattern == "cellular"
    number = 2 * math.pi / wavelength
    orders, weights = _spectrum(base, number, isotropic, orientation, misorientation, disorder)
    phases = rng.uniform(0, 2 * math.pi, len(orders))
    wander = rng.standard_normal(len(orders))
    tilts = wander / positive("correlation", correlation) if correlation is not None else 0 * wander
    start = Curve((0.0,), (0.5,))
    return IcePores(
        Face.of(grid, "collector"),
        grid.in_plane,
        pattern,
        orders,
        base,
        tilts,
        phases,
        heights,
        weights,
        start,
    )


def levelled(pores: IcePores, grid: Grid, porosity: Curve) -> tuple[IcePores, np.ndarray]:
    """``pores`` with the level that gives every slice of ``grid`` its porosity, and their voxels (bool).

    Within a slice the level lies halfway between two voxels' scores. What rounding to whole voxels leaves
    over is carried to the next slice.
    """
    heights = grid.heights()
    voxels = np.empty((len(heights), *(grid.shape[k] for k in grid.in_plane)), bool)
    levels, asked, given = np.empty(len(heights)), 0.0, 0
    for i in np.argsort(heights):
        score = pores.score(grid, heights[i])
        asked += float(porosity(heights[i])) * score.size
        count = min(max(round(asked) - given, 1), score.size - 1)
        given += count
        below, above = np.partition(score.ravel(), (count - 1, count))[count - 1 : count + 1]
        levels[i] = (below + above) / 2
        voxels[i] = score < levels[i]
    order = np.argsort(heights)
    level = Curve(tuple(heights[order].tolist()), tuple(levels[order].tolist()))
    return replace(pores, level=level), np.ascontiguousarray(np.moveaxis(voxels, 0, grid.through))


def _check_profiles(porosity: Curve, width: Curve) -> None:
    if not all(0 < p < 1 for p in porosity.values):
        raise InputError(
            "a porosity lies between 0 and 1", field="porosity", value=list(porosity.values),
            remedy="Give fractions, not per cent",
        )  # fmt: skip
    for value in width.values:
        positive("pore_width", value)


def _spectrum(
    base: tuple[float, float],
    number: np.ndarray,
    isotropic: bool,
    orientation: float,
    misorientation: float,
    disorder: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Whole waves in the box and their weights at every height, for local wave numbers ``number`` [rad/m].

    Gaussian in the wave number and in the direction across the lamellae; never narrower than half the
    distance of neighbouring waves, so that a small box has some. InputError if the box holds too many of
    them.
    """
    reach = number.max() * (1 + 4 * disorder) + 4 * max(base)
    most = [int(reach / b) + 1 for b in base]
    if 4 * math.prod(most) > MOST_WAVES:
        raise InputError(
            "so narrow pores in so wide a box need too many waves", field="size_um",
            value=(2 * math.pi / base[0], 2 * math.pi / base[1]),
            remedy="Take a box of at most about a hundred pore distances in plane; it is periodic",
        )  # fmt: skip
    mesh = np.meshgrid(*(np.arange(-m, m + 1) for m in most), indexing="ij")
    orders = np.stack(mesh, axis=-1).reshape(-1, 2)
    orders = orders[(orders != 0).any(axis=1)]
    vectors = orders * np.asarray(base)
    size = np.hypot(*vectors.T)
    spread = np.maximum(disorder * number, max(base) / 2)[:, None]
    log = -((size - number[:, None]) ** 2) / (4 * spread**2) - np.log(size) / 2
    if not isotropic:
        across = np.array([-math.sin(orientation), math.cos(orientation)])
        turned = np.arccos(np.clip(vectors @ across / size, -1, 1))
        log = log - turned**2 / (4 * misorientation**2)
    weights = np.exp(log - log.max(axis=1, keepdims=True))
    weights[weights < FAINT] = 0
    used = (weights > 0).any(axis=0)
    weights = weights[:, used]
    return orders[used], weights / np.sqrt((weights**2).sum(axis=1, keepdims=True))


@numba.njit(cache=True)
def _field(
    place: np.ndarray,
    vectors: np.ndarray,
    tilts: np.ndarray,
    phases: np.ndarray,
    heights: np.ndarray,
    weights: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Complex field and its gradient along the in-plane axes and the height, at places (n, 3)."""
    field = np.zeros(len(place), np.complex128)
    slopes = np.zeros((len(place), 3), np.complex128)
    step = heights[1] - heights[0]
    for p in range(len(place)):
        x, y, h = place[p]
        at = min(max((h - heights[0]) / step, 0.0), len(heights) - 1.0)
        k = min(int(at), len(heights) - 2)
        for i in range(len(phases)):
            low, high = weights[k, i], weights[k + 1, i]
            if low == 0.0 and high == 0.0:
                continue
            angle = vectors[i, 0] * x + vectors[i, 1] * y + tilts[i] * h + phases[i]
            wave = complex(math.cos(angle), math.sin(angle))
            value = (low + (at - k) * (high - low)) * wave
            field[p] += value
            slopes[p, 0] += 1j * vectors[i, 0] * value
            slopes[p, 1] += 1j * vectors[i, 1] * value
            slopes[p, 2] += 1j * tilts[i] * value + (high - low) / step * wave
    return field, slopes
