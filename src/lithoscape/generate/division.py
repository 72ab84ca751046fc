"""Particles divided into grains: cells, the table that describes them, and their implicit functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cc3d
import numpy as np
import xarray as xr
from scipy import ndimage

from ..errors import InputError
from ..image.grid import Grid
from ..image.volume import Instances
from .placing import positive
from .shapes import Complement, Intersection, Shape
from .structure import Structure
from .tessellation import Cell, Core, Tessellation, relaxed

Pattern = Literal["random", "radial", "double_layer", "single"]


@dataclass(frozen=True)
class Layout:
    """How a particle is divided into grains.

    Parameters
    ----------
    pattern:
        "random": equiaxed cells; "radial": columns along the radius; "double_layer": equiaxed in the core,
        columns in the shell; "single": one grain.
    size:
        Diameter of the sphere (in a single page: of the disc) that has the mean volume of the grains [m].
    elongation:
        Length of a column over its width.
    core:
        Share of the radius that the core of a double layer takes.
    rounds:
        Rounds of Lloyd's relaxation; 0 leaves the cells of random points, uneven in size.
    """

    pattern: Pattern = "random"
    size: float = 1e-6
    elongation: float = 3.0
    core: float = 2 / 3
    rounds: int = 2

    def __post_init__(self) -> None:
        positive("grain_size", self.size)
        if not 1 <= self.elongation <= 50:
            raise InputError(
                "a column is 1 to 50 times as long as wide", field="aspect", value=self.elongation
            )
        if not 0 < self.core < 1:
            raise InputError(
                "the core takes a share of the radius between 0 and 1", field="core_fraction",
                value=self.core, remedy="Choose the pattern random or radial to have one layer",
            )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Division:
    """Grains of one particle.

    Parameters
    ----------
    own:
        Grain of every point, 0..n-1.
    seeds:
        (n, 3) [m].
    layer:
        0 for grains of the whole particle, 1 of the core, 2 of the shell (n,).
    elongation:
        Of each grain's cell (n,).
    matrix:
        Of the core, see :class:`Core`; zero without one.
    """

    own: np.ndarray
    seeds: np.ndarray
    layer: np.ndarray
    elongation: np.ndarray
    matrix: np.ndarray


def divide(
    points: np.ndarray,
    spacing: Sequence[float],
    layout: Layout,
    rng: np.random.Generator,
    centre: np.ndarray | None = None,
) -> Division:
    """Divide a particle, given by its voxel centres, into grains.

    Parameters
    ----------
    points:
        Voxel centres (n, 3) [m], in one piece (not wrapped around a box).
    spacing:
        Edges of a voxel [m]. Along an axis with all points in one page nothing varies.
    layout:
        Pattern and size.
    rng:
        Source of the seeds.
    centre:
        Centre of the particle [m]; the mean of the points if not given.

    Raises
    ------
    InputError
        Grains smaller than a few voxels, or a core or shell without voxels.
    """
    middle = points.mean(axis=0) if centre is None else np.asarray(centre, float)
    step = np.where(np.ptp(points, axis=0) > 0, np.asarray(spacing, float), 0.0)
    matrix = np.zeros((3, 3))
    if layout.pattern != "double_layer":
        stretch = layout.elongation if layout.pattern == "radial" else 1.0
        own, seeds = _cells(points, step, middle, stretch, layout, rng)
        return Division(own, seeds, np.zeros(len(seeds), int), np.full(len(seeds), stretch), matrix)
    matrix = core_matrix(points, middle, step, layout.core)
    inside = Core(middle, matrix)(points) < 0
    if inside.all() or not inside.any():
        raise InputError(
            "the core or the shell has no voxel", field="core_fraction", value=layout.core,
            remedy="Take a smaller voxel or another share",
        )  # fmt: skip
    core, core_seeds = _cells(points[inside], step, middle, 1.0, layout, rng)
    shell, shell_seeds = _cells(points[~inside], step, middle, layout.elongation, layout, rng)
    own = np.empty(len(points), dtype=np.int64)
    own[inside], own[~inside] = core, shell + len(core_seeds)
    counts = [len(core_seeds), len(shell_seeds)]
    seeds = np.concatenate([core_seeds, shell_seeds])
    return Division(
        own, seeds, np.repeat([1, 2], counts), np.repeat([1.0, layout.elongation], counts), matrix
    )


def core_matrix(points: np.ndarray, centre: np.ndarray, step: np.ndarray, share: float) -> np.ndarray:
    """Matrix of the ellipsoid with the particle's second moments, shrunk to ``share`` of the radius [m-2].

    An ellipsoid with semi-axes a has the second moments a^2/5 (an ellipse a^2/4), so that of an ellipsoidal
    particle the core is similar to it.
    """
    axes = np.flatnonzero(step > 0)
    if len(axes) < 2:
        raise InputError(
            "a particle of a single row of voxels has no core", field="pattern", value="double_layer"
        )
    apart = (points - centre)[:, axes]
    moments = apart.T @ apart / len(points) + np.diag(step[axes] ** 2) / 12
    matrix = np.zeros((3, 3))
    matrix[np.ix_(axes, axes)] = np.linalg.inv((2 + len(axes)) * moments) / share**2
    return matrix


def _cells(
    points: np.ndarray,
    step: np.ndarray,
    centre: np.ndarray,
    elongation: float,
    layout: Layout,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Cell of every point and the seeds; cells without points are left out."""
    n = 1 if layout.pattern == "single" else max(1, round(len(points) / _voxels(layout.size, step)))
    if n > 1 and len(points) < 4 * n:
        raise InputError(
            "the grains are smaller than four voxels", field="grain_size", value=layout.size,
            remedy="Take a smaller voxel or larger grains",
        )  # fmt: skip
    chosen = rng.choice(len(points), size=n, replace=False)
    seeds = points[chosen] + step * (rng.random((n, 3)) - 0.5)
    found = relaxed(Tessellation(seeds, centre, elongation), points, layout.rounds)
    own = found.nearest(points)
    there, own = np.unique(own, return_inverse=True)
    return own, found.seeds[there]


def _voxels(size: float, step: np.ndarray) -> float:
    """Voxels of a ball of diameter ``size``; of a disc, a line if the particle is that flat."""
    edges = step[step > 0]
    ball = {0: 1.0, 1: size, 2: math.pi / 4 * size**2, 3: math.pi / 6 * size**3}[len(edges)]
    return ball / float(np.prod(edges))


def grain_shape(grains: Instances, number: int) -> Shape:
    """Implicit function of one grain: its cell, cut by core or shell; negative inside.

    The particle's own surface is not part of it: intersect with the particle's shape. It is exact
    (first-order distance near the faces), and all grains of a particle together fill space without gap or
    overlap.

    Raises
    ------
    InputError
        There is no such grain.
    """
    numbers = grains.table["particle"].values
    found = np.flatnonzero(numbers == number)
    if found.size == 0:
        raise InputError(
            "there is no such grain", field="number", value=number,
            remedy=f"Give {numbers.min()} to {numbers.max()}",
        )  # fmt: skip
    row = int(found[0])
    cells, members = grain_cells(grains, row)
    cell = Cell(cells, int(np.flatnonzero(members == row)[0]))
    layer = int(grains.table["Layer"].values[row])
    if layer == 0:
        return cell
    core = Core(cells.centre, grains.table["Core matrix [m-2]"].values[row], cells.period)
    return Intersection((cell, core if layer == 1 else Complement(core)))


def grain_cells(grains: Instances, row: int) -> tuple[Tessellation, np.ndarray]:
    """The tessellation that the grain in ``row`` of the table belongs to, and the rows of its cells."""
    t = grains.table
    same = (t["Parent particle"] == t["Parent particle"][row]) & (t["Layer"] == t["Layer"][row])
    members = np.flatnonzero(same.values)
    a, b, c = (float(x) for x in t["Period [m]"].values[row])
    stretch = float(t["Elongation"].values[row])
    return Tessellation(
        t["Seed [m]"].values[members], t["Centre [m]"].values[row], stretch, (a, b, c)
    ), members


def particles_of(structure: Structure, phase: str) -> Instances:
    """The particles of a phase: as generated, else its connected parts (over faces)."""
    if phase in structure.particles:
        return structure.particles[phase]
    labels = cc3d.connected_components(structure.volume.occupied(phase), connectivity=6)
    return Instances(labels, structure.grid, phase)


def subdivide(parents: Instances, layout: Layout, rng: np.random.Generator) -> Instances:
    """Divide all particles; the table has one row per grain, without orientations.

    A particle that goes round a periodic box is divided in one piece if the table of its generator gives its
    centre and a diameter smaller than the box.
    """
    grid = parents.grid
    labels = np.zeros(grid.shape, dtype=np.int32)
    rows: list[dict[str, np.ndarray]] = []
    total = 0
    for number, box in enumerate(ndimage.find_objects(parents.labels), 1):
        if box is None:
            continue
        index = np.argwhere(parents.labels[box] == number) + [s.start for s in box]
        points = np.array(grid.origin) + (index + 0.5) * grid.voxel_size
        centre, period = particle_centre(parents, number, points)
        whole = Tessellation(centre[None], centre, 1.0, period).seen(points) + centre
        found = divide(whole, grid.voxel_size, layout, rng, centre)
        labels[tuple(index.T)] = found.own + total + 1
        rows.append(_rows(found, whole, number, centre, period, grid))
        total += len(found.seeds)
    if not rows:
        raise InputError(
            "there are no particles to divide", field="phase", value=parents.phase,
            remedy="Put the step that makes them before this one",
        )  # fmt: skip
    joined = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    return Instances(labels, grid, parents.phase, grain_table(np.arange(1, total + 1), joined))


def _rows(
    found: Division, points: np.ndarray, parent: int, centre: np.ndarray, period: Sequence[float], grid: Grid
) -> dict[str, np.ndarray]:
    n = len(found.seeds)
    count = np.bincount(found.own, minlength=n)
    centroid = np.stack([np.bincount(found.own, points[:, k], n) for k in range(3)], axis=1) / count[:, None]
    return {
        "Volume [m3]": count * grid.voxel_volume,
        "Centroid [m]": centroid,
        "Parent particle": np.full(n, parent),
        "Layer": found.layer,
        "Seed [m]": found.seeds,
        "Centre [m]": np.repeat(centre[None], n, axis=0),
        "Elongation": found.elongation,
        "Core matrix [m-2]": np.repeat(found.matrix[None], n, axis=0),
        "Period [m]": np.repeat(np.array(period)[None], n, axis=0),
    }


def particle_centre(
    parents: Instances, number: int, points: np.ndarray | None = None
) -> tuple[np.ndarray, tuple[float, float, float]]:
    """Centre of a particle (3,), and the edges of the box along which it goes round, else 0 [m].

    Without a table of the generator it is the mean of the voxel centres ``points`` (n, 3) [m], found if not
    given.
    """
    table, grid = parents.table, parents.grid
    none = (0.0, 0.0, 0.0)
    if points is None:
        index = np.argwhere(parents.labels == number)
        points = np.array(grid.origin) + (index + 0.5) * grid.voxel_size
    if "Centroid [m]" not in table or number not in table["particle"].values:
        return points.mean(axis=0), none
    row = table.sel(particle=number)
    centre = np.asarray(row["Centroid [m]"].values, float)
    if "Equivalent diameter [m]" not in table:
        return centre, none
    diameter = float(row["Equivalent diameter [m]"])
    far = np.abs(points - centre).max(axis=0)
    a, b, c = (s if diameter < s and f > s / 2 else 0.0 for s, f in zip(grid.size, far, strict=True))
    return centre, (a, b, c)


def grain_table(numbers: np.ndarray, columns: dict[str, np.ndarray]) -> xr.Dataset:
    """Columns by name as a table with units, one row per number."""
    dims = {"Core matrix [m-2]": ("axis", "axis 2")}
    variables = {}
    for name, values in columns.items():
        more = dims.get(name, ("axis",) * (values.ndim - 1))
        unit = name[name.index("[") + 1 : -1] if name.endswith("]") else "1"
        variables[name] = (("particle", *more), values, {"units": unit})
    return xr.Dataset(variables, {"particle": numbers, "axis": [0, 1, 2]})
