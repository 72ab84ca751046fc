"""Primary grains inside secondary particles: where they are, how their crystals lie.

Workflow::

    structure = Particle(make="particle", diameter_um=16).apply(Structure.empty(grid), rng)
    structure = Grains(make="grains", grain_size_um=1.2, pattern="radial").apply(structure, rng)
    grains = structure.particles["active grains"]                # labels, table of orientations
    diffusivity_tensor(grains.table["Orientation"].values, D_ab, D_c), grain_shape(grains, 1)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import cc3d
import numpy as np
import xarray as xr
from pydantic import Field
from scipy import ndimage

from ..errors import InputError
from ..image.grid import Grid
from ..image.volume import Instances
from .orientations import fixed_rotations, group_rotations, radial_rotations, random_rotations
from .placing import MICRO, note, positive
from .shapes import Complement, Intersection, Shape
from .spheres import Ellipsoids, Spheres
from .structure import Step, Structure
from .tessellation import Cell, Core, Tessellation, relaxed

Pattern = Literal["random", "radial", "double_layer", "single"]
Mode = Literal["auto", "random", "radial", "groups", "fixed"]
Micrometres = Annotated[float, Field(gt=0, allow_inf_nan=False)]


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


class Particle(Step):
    """One sphere or ellipsoid in the middle of the box."""

    make: Literal["particle"]
    phase: str = "active"
    diameter_um: Micrometres | tuple[Micrometres, Micrometres, Micrometres] = Field(
        description="diameter, or full axes along the three axes of the box"
    )

    def apply(self, structure: Structure, rng: np.random.Generator) -> Structure:
        """Paint it; exact shape, exact volume."""
        grid = structure.grid
        axes = self.diameter_um if isinstance(self.diameter_um, tuple) else (self.diameter_um,) * 3
        size = np.array(axes) * MICRO
        broad = [k for k in range(3) if grid.shape[k] > 1]
        if any(size[k] > grid.size[k] * (1 + 1e-9) for k in broad):
            raise InputError(
                "the particle is larger than the box", field="diameter_um", value=self.diameter_um,
                remedy=f"The box has the edges {grid.size} m",
            )  # fmt: skip
        if structure.volume.phases.get(self.phase) is not None:
            raise InputError(
                "this phase is there already", field="phase", value=self.phase,
                remedy="Make the particle first, or name another phase",
            )  # fmt: skip
        centre = np.array(grid.origin) + 0.5 * np.array(grid.size)
        shape: Spheres | Ellipsoids = Spheres(centre[None], size[:1] / 2)
        if len(set(axes)) > 1:
            shape = Ellipsoids(centre[None], size[None] / 2, np.eye(3)[None])
        made = structure.paint(self.phase, shape=shape)
        table = _table(
            np.array([1]),
            {
                "Volume [m3]": shape.volumes,
                "Equivalent diameter [m]": np.cbrt(6 / math.pi * shape.volumes),
                "Centroid [m]": centre[None],
                "Semi-axes [m]": size[None] / 2,
            },
        )
        labels = made.volume.occupied(self.phase).astype(np.int32)
        particles = {**made.particles, self.phase: Instances(labels, grid, self.phase, table)}
        return note(replace(made, particles=particles), "particle", fraction=made.fraction(self.phase))


class Grains(Step):
    """Divide every particle of a phase into grains and give each an orientation.

    The grains come as instances named after the phase: ``structure.particles["active grains"]``. Where the
    phase has no particles yet, its connected parts are taken for particles.
    """

    make: Literal["grains"]
    phase: str = "active"
    pattern: Pattern = "random"
    grain_size_um: Micrometres = Field(1.0, description="diameter of the sphere of the mean grain volume")
    aspect: float = Field(3.0, ge=1, le=50, description="length over width of radial columns")
    core_fraction: float = Field(2 / 3, gt=0, lt=1, description="of the radius, for double_layer")
    relaxation: int = Field(2, ge=0, le=100, description="rounds of Lloyd's relaxation")
    orientation: Mode = Field("auto", description="auto: radial in columns, else random")
    spread_deg: float = Field(0.0, ge=0, le=90, description="of radial and fixed orientations")
    c_axis: tuple[float, float, float] | None = Field(None, description="for fixed orientation")
    group_angles_deg: tuple[float, ...] = (0.0, 30.0, 60.0, 90.0)
    group_normal: Literal[0, 1, 2] = Field(2, description="axis across the section that groups are seen in")

    def apply(self, structure: Structure, rng: np.random.Generator) -> Structure:
        """Divide and orient."""
        if (self.orientation == "fixed") != (self.c_axis is not None):
            raise InputError(
                "a fixed orientation and a c axis go together", field="c_axis", value=self.c_axis,
                remedy="Give both or neither",
            )  # fmt: skip
        phase = structure.volume.mask(self.phase)
        if not phase.any():
            structure.volume.occupied(self.phase)
        size = self.grain_size_um * MICRO
        layout = Layout(self.pattern, size, self.aspect, self.core_fraction, self.relaxation)
        parents = particles_of(structure, self.phase)
        grains = subdivide(parents, layout, rng)
        rotations, groups = self._orient(grains, rng)
        table = grains.table.assign(
            {
                "Orientation": (("particle", "axis", "crystal axis"), rotations),
                "c axis": (("particle", "axis"), rotations[:, :, 2]),
                "Orientation group": ("particle", groups),
            }
        )
        made = replace(grains, table=table)
        n = table.sizes["particle"]
        told = {"number": n, "mean_diameter": float(_mean_size(table["Volume [m3]"].values, structure.grid))}
        done = replace(structure, particles={**structure.particles, f"{self.phase} grains": made})
        return note(done, "grains", **told)

    def _orient(self, grains: Instances, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Rotation of every grain, and its group (-1 without groups)."""
        t = grains.table
        n = t.sizes["particle"]
        groups = np.full(n, -1)
        if self.orientation == "groups":
            return group_rotations(n, self.group_angles_deg, self.group_normal, rng)
        if self.orientation == "fixed" and self.c_axis is not None:
            return fixed_rotations(n, self.c_axis, self.spread_deg, rng), groups
        columns = np.full(n, self.orientation == "radial")
        if self.orientation == "auto":
            columns = (t["Layer"].values == 2) | (self.pattern == "radial")
        radius = t["Centroid [m]"].values - t["Centre [m]"].values
        radius -= t["Period [m]"].values * _turns(radius, t["Period [m]"].values)
        rotations = random_rotations(n, rng)
        aligned = radial_rotations(_directions(radius), self.spread_deg, rng)
        return np.where(columns[:, None, None], aligned, rotations), groups


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
        centre, period = _centre(parents, number, points)
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
    return Instances(labels, grid, parents.phase, _table(np.arange(1, total + 1), joined))


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


def _centre(
    parents: Instances, number: int, points: np.ndarray
) -> tuple[np.ndarray, tuple[float, float, float]]:
    """Centre of a particle, and the edges of the box along which it may go round."""
    table, size = parents.table, parents.grid.size
    none = (0.0, 0.0, 0.0)
    if "Centroid [m]" not in table or number not in table["particle"].values:
        return points.mean(axis=0), none
    row = table.sel(particle=number)
    centre = np.asarray(row["Centroid [m]"].values, float)
    if "Equivalent diameter [m]" not in table:
        return centre, none
    diameter = float(row["Equivalent diameter [m]"])
    far = np.abs(points - centre).max(axis=0)
    a, b, c = (s if diameter < s and f > s / 2 else 0.0 for s, f in zip(size, far, strict=True))
    return centre, (a, b, c)


def _table(numbers: np.ndarray, columns: dict[str, np.ndarray]) -> xr.Dataset:
    dims = {"Core matrix [m-2]": ("axis", "axis 2")}
    variables = {}
    for name, values in columns.items():
        more = dims.get(name, ("axis",) * (values.ndim - 1))
        unit = name[name.index("[") + 1 : -1] if name.endswith("]") else "1"
        variables[name] = (("particle", *more), values, {"units": unit})
    return xr.Dataset(variables, {"particle": numbers, "axis": [0, 1, 2]})


def _directions(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1.0)


def _turns(apart: np.ndarray, period: np.ndarray) -> np.ndarray:
    return np.round(apart / np.where(period > 0, period, np.inf))


def _mean_size(volumes: np.ndarray, grid: Grid) -> float:
    """Diameter of the sphere, in a single page of the disc, of the mean grain volume [m]."""
    flat = [h for n, h in zip(grid.shape, grid.voxel_size, strict=True) if n == 1]
    mean = float(volumes.mean())
    if len(flat) == 1:
        return math.sqrt(4 / math.pi * mean / flat[0])
    return math.cbrt(6 / math.pi * mean)
