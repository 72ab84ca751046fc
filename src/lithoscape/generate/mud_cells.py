"""The pattern of a drying crust: Voronoi cells in plane, periodic, with exact distances and areas."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial import KDTree

from ..errors import InputError
from ..image.grid import Grid
from .placing import positive

NEIGHBOURS = 16
"""Seeds among which the nearest cell wall is looked for; near a wall two are enough."""


@dataclass(frozen=True, eq=False)
class MudCells:
    """Walls between the Voronoi cells of seeds, repeated in plane.

    Parameters
    ----------
    axes:
        The two in-plane axes.
    seeds:
        Positions along ``axes``, shape (n, 2) [m].
    period:
        Lengths of the pattern along ``axes`` [m].
    """

    axes: tuple[int, int]
    seeds: np.ndarray
    period: tuple[float, float]
    images: np.ndarray = field(init=False, repr=False)
    tree: KDTree = field(init=False, repr=False)

    def __post_init__(self) -> None:
        shifts = np.array([(i, j) for i in (0, -1, 1) for j in (0, -1, 1)]) * self.period
        images = (np.asarray(self.seeds, float) + shifts[:, None, :]).reshape(-1, 2)
        object.__setattr__(self, "images", images)
        object.__setattr__(self, "tree", KDTree(images))

    def nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distance to the nearest wall (n,) [m] and its gradient (n, 3), at points (n, 3).

        The wall between the cells of a and b lies (|p - b|^2 - |p - a|^2) / (2 |b - a|) from p.
        """
        p = np.mod(points[:, self.axes], self.period)
        _, index = self.tree.query(p, k=min(NEIGHBOURS, len(self.images)))
        near = self.images[index]
        own, others = near[:, :1], near[:, 1:]
        apart = others - own
        length = np.linalg.norm(apart, axis=2)
        middle = (own + others) / 2
        distance = np.einsum("nkd,nkd->nk", middle - p[:, None], apart) / length
        which = distance.argmin(axis=1)[:, None]
        gradient = np.zeros((len(p), 3))
        towards = np.take_along_axis(apart / length[..., None], which[..., None], axis=1)[:, 0]
        gradient[:, self.axes] = -towards
        return np.take_along_axis(distance, which, axis=1)[:, 0], gradient

    def wall_fraction(self, width: float) -> float:
        """Area fraction of walls of a full ``width`` [m]: exact, by shrinking every cell by half of it."""
        if width <= 0:
            return 0.0
        left = 0.0
        for seed in self.seeds:
            _, index = self.tree.query(seed, k=min(3 * NEIGHBOURS, len(self.images)))
            apart = self.images[index[1:]] - seed
            reach = max(self.period)
            cell = seed + reach * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], float)
            for direction in apart:
                length = float(np.linalg.norm(direction))
                cell = _clip(cell, seed, direction / length, length / 2 - width / 2)
            left += _area(cell)
        return 1 - left / math.prod(self.period)


def mud_cells(grid: Grid, rng: np.random.Generator, *, size: float, relaxation: int) -> MudCells:
    """Random cells over the whole box.

    Parameters
    ----------
    grid:
        The box.
    rng:
        Source of the seeds; the voxel size does not enter.
    size:
        Square root of the mean area of a cell [m].
    relaxation:
        Rounds of moving each seed to the middle of its cell (Lloyd 1982, doi:10.1109/TIT.1982.1056489): 0 is
        a Poisson pattern, a few give the even cells of a drying crust.

    Raises
    ------
    InputError
        A size that is not positive or above the box, a negative number of rounds.
    """
    period = (grid.size[grid.in_plane[0]], grid.size[grid.in_plane[1]])
    count = round(math.prod(period) / positive("size", size) ** 2)
    if count < 2:
        raise InputError(
            "a network has at least two cells in the box", field="size", value=size,
            remedy=f"The box is {period[0]:.6g} by {period[1]:.6g} m in plane; or take a single crack",
        )  # fmt: skip
    if relaxation < 0:
        raise InputError(
            "rounds are counted from zero", field="relaxation", value=relaxation, remedy="Give 0 to 10"
        )
    seeds = rng.uniform(0, 1, (count, 2)) * period
    for _ in range(relaxation):
        seeds = _relaxed(seeds, period)
    start = [grid.origin[k] for k in grid.in_plane]
    return MudCells(grid.in_plane, np.mod(seeds + start, period), period)


def _relaxed(seeds: np.ndarray, period: tuple[float, float]) -> np.ndarray:
    """Seeds moved to the middles of their cells, sampled by about 400 points a cell."""
    spacing = math.sqrt(math.prod(period) / (400 * len(seeds)))
    x, y = ((np.arange(n := max(8, round(p / spacing))) + 0.5) * p / n for p in period)
    points = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
    _, owner = KDTree(np.mod(seeds, period), boxsize=period).query(points)
    away = points - seeds[owner]
    away -= period * np.round(away / period)
    number = np.bincount(owner, minlength=len(seeds))
    total = np.stack([np.bincount(owner, weights=away[:, k], minlength=len(seeds)) for k in (0, 1)], axis=1)
    moved: np.ndarray = np.mod(seeds + total / np.maximum(number, 1)[:, None], period)
    return moved


def _clip(polygon: np.ndarray, origin: np.ndarray, direction: np.ndarray, level: float) -> np.ndarray:
    """The part of a convex polygon whose distance from ``origin`` along ``direction`` is below ``level``."""
    if len(polygon) == 0:
        return polygon
    height = (polygon - origin) @ direction - level
    kept = []
    for k in range(len(polygon)):
        a, b = height[k - 1], height[k]
        if (a < 0) != (b < 0):
            kept.append(polygon[k - 1] + (polygon[k] - polygon[k - 1]) * a / (a - b))
        if b < 0:
            kept.append(polygon[k])
    return np.array(kept).reshape(-1, 2)


def _area(polygon: np.ndarray) -> float:
    """Area of a polygon by the shoelace formula."""
    x, y = polygon[:, 0], polygon[:, 1]
    return float(abs((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2) if len(polygon) else 0.0
