"""Primary grains inside secondary particles: where they are, how their crystals lie.

Workflow::

    structure = Particle(make="particle", diameter_um=16).apply(Structure.empty(grid), rng)
    structure = Grains(make="grains", grain_size_um=1.2, pattern="radial").apply(structure, rng)
    grains = structure.particles["active grains"]                # labels, table of orientations
    diffusivity_tensor(grains.table["Orientation"].values, D_ab, D_c), grain_shape(grains, 1)
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ..errors import InputError
from ..image.grid import Grid
from ..image.volume import Instances
from .division import Layout, Pattern, grain_shape, grain_table, particles_of, subdivide
from .orientations import (
    diffusivity_tensor,
    fixed_rotations,
    group_rotations,
    radial_rotations,
    random_rotations,
)
from .placing import MICRO, note
from .spheres import Ellipsoids, Spheres
from .structure import Step, Structure

__all__ = ["Grains", "Particle", "diffusivity_tensor", "grain_shape"]

Mode = Literal["auto", "random", "radial", "groups", "fixed"]
Micrometres = Annotated[float, Field(gt=0, allow_inf_nan=False)]


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
        table = grain_table(
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
        diameter = float(_mean_size(table["Volume [m3]"].values, structure.grid))
        done = replace(structure, particles={**structure.particles, f"{self.phase} grains": made})
        return note(done, "grains", number=n, mean_diameter_m=diameter)

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
