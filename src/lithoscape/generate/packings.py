"""Recipe steps that pack particles into the whole box: of one size or many, layered, graded, ellipsoidal."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import xarray as xr
from pydantic import BaseModel, ConfigDict, Discriminator, Field, model_validator
from pydantic_core import PydanticCustomError

from ..errors import InputError
from ..image.grid import Grid
from ..image.volume import Instances
from .packing import Form, Gradient, Layer, Packing, Periodic, Walls, pack, pack_gradient, pack_layers
from .placing import note
from .sizes import (
    Law,
    LogNormal,
    Mixture,
    Monodisperse,
    Normal,
    Sizes,
    Table,
    Weibull,
    Weight,
    bimodal,
    from_percentiles,
)
from .spheres import rasterise_particles
from .structure import Step, Structure

UM = 1e-6
MISSED = 5e-3
"""Relative error of a fraction that is worth a note."""
FEWEST_VOXELS = 8
"""Voxels across a particle below which its volume and surface on the voxels are coarse."""

Micrometres = Annotated[float, Field(gt=0, lt=1000, allow_inf_nan=False)]
Fraction = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Overlap = Annotated[float, Field(ge=0, le=0.5, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _refuse(text: str) -> PydanticCustomError:
    """A validation error with a plain sentence."""
    return PydanticCustomError("packing", "{text}", {"text": text})


class _Parametric(_Strict):
    """Parameters of a law, or its measured percentiles; the cut ends are optional."""

    d10_um: Micrometres | None = None
    d50_um: Micrometres | None = None
    d90_um: Micrometres | None = None
    by: Weight = Field("volume", description="what the percentiles count")
    smallest_um: Micrometres | None = Field(None, description="smallest diameter")
    largest_um: Micrometres | None = Field(None, description="largest diameter")

    law: ClassVar[Law]
    parameters: ClassVar[tuple[str, str]]

    @model_validator(mode="after")
    def _one_way(self) -> _Parametric:
        percentiles = [self.d10_um, self.d50_um, self.d90_um]
        own = [getattr(self, name) for name in self.parameters]
        if sum(all(x is not None for x in group) for group in (percentiles, own)) != 1 or (
            any(x is not None for x in percentiles) and any(x is not None for x in own)
        ):
            raise _refuse(f"give {' and '.join(self.parameters)}, or d10_um, d50_um and d90_um")
        return self

    def sizes(self) -> Sizes:
        """The distribution in metres."""
        if self.d10_um is not None and self.d50_um is not None and self.d90_um is not None:
            d10, d50, d90 = self.d10_um * UM, self.d50_um * UM, self.d90_um * UM
            made = from_percentiles(self.law, d10, d50, d90, self.by)
        else:
            made = self._made(*(getattr(self, name) for name in self.parameters))
        ends = {"low": self.smallest_um, "high": self.largest_um}
        return replace(made, **{k: v * UM for k, v in ends.items() if v is not None})  # type: ignore[type-var]

    def _made(self, first: float, second: float) -> Sizes:
        raise NotImplementedError


class NormalSizes(_Parametric):
    """Normal distribution by number, cut at three standard deviations."""

    kind: Literal["normal"]
    mean_um: Micrometres | None = None
    deviation_um: Micrometres | None = None
    law: ClassVar[Law] = "normal"
    parameters: ClassVar[tuple[str, str]] = ("mean_um", "deviation_um")

    def _made(self, first: float, second: float) -> Sizes:
        low = math.nan if self.smallest_um is None else self.smallest_um * UM
        return Normal(first * UM, second * UM, low)


class LogNormalSizes(_Parametric):
    """Log-normal distribution by number."""

    kind: Literal["lognormal"]
    median_um: Micrometres | None = None
    sigma: Positive | None = Field(None, description="standard deviation of ln(diameter)")
    law: ClassVar[Law] = "lognormal"
    parameters: ClassVar[tuple[str, str]] = ("median_um", "sigma")

    def _made(self, first: float, second: float) -> Sizes:
        return LogNormal(first * UM, second)


class WeibullSizes(_Parametric):
    """Weibull distribution by number."""

    kind: Literal["weibull"]
    scale_um: Micrometres | None = None
    shape: Positive | None = None
    law: ClassVar[Law] = "weibull"
    parameters: ClassVar[tuple[str, str]] = ("scale_um", "shape")

    def _made(self, first: float, second: float) -> Sizes:
        return Weibull(first * UM, second)


class TableSizes(_Strict):
    """A measured distribution: rows of diameter [um] and the share up to it."""

    kind: Literal["table"]
    by: Weight = "volume"
    rows: Annotated[list[tuple[Micrometres, Share]], Field(min_length=2)]

    def sizes(self) -> Sizes:
        """The distribution in metres."""
        d, share = np.array(self.rows).T
        return Table(d * UM, share, self.by)


class MixtureSizes(_Strict):
    """Diameters by their shares of the volume."""

    kind: Literal["mixture"]
    diameters_um: Annotated[list[Micrometres], Field(min_length=1)]
    shares: Annotated[list[Share], Field(min_length=1)]

    def sizes(self) -> Sizes:
        """The distribution in metres."""
        return Mixture(tuple(Monodisperse(d * UM) for d in self.diameters_um), tuple(self.shares))


Distribution = Annotated[
    NormalSizes | LogNormalSizes | WeibullSizes | TableSizes | MixtureSizes, Discriminator("kind")
]


class _Sized(_Strict):
    """One diameter or a distribution."""

    diameter_um: Micrometres | None = Field(None, description="diameter of all particles")
    distribution: Distribution | None = Field(None, description="distribution of diameters")

    @model_validator(mode="after")
    def _one_size(self) -> _Sized:
        if (self.diameter_um is None) == (self.distribution is None):
            raise _refuse("give diameter_um or distribution")
        return self

    def sizes(self) -> Sizes:
        """The distribution in metres."""
        return Monodisperse(self.diameter_um * UM) if self.distribution is None else self.distribution.sizes()  # type: ignore[operator]


class _Packed(Step):
    """What all packing steps take."""

    phase: str = "active"
    overlap: Overlap = Field(
        0.0, description="largest overlap of two particles, relative to the smaller radius"
    )
    periodic: Periodic = Field("in-plane", description="axes along which the packing repeats")
    walls: Walls = Field("inside", description="particles stay inside the box, or the box cuts them")

    def apply(self, structure: Structure, rng: np.random.Generator) -> Structure:
        """Pack the box and paint the particles over the pore."""
        grid = structure.grid
        packing, sizes, figures = self._pack(grid, rng)
        return _place(structure, self, packing, sizes, figures)

    def _pack(self, grid: Grid, rng: np.random.Generator) -> tuple[Packing, Sizes | None, dict[str, Any]]:
        raise NotImplementedError

    def _options(self, grid: Grid, rng: np.random.Generator) -> dict[str, Any]:
        return {
            "rng": rng, "through": grid.through, "periodic": self.periodic, "walls": self.walls,
            "overlap": self.overlap,
        }  # fmt: skip


class SpheresStep(_Packed, _Sized):
    """Spheres of one diameter or a distribution."""

    summary: ClassVar[str] = "spheres of one diameter or a distribution"
    make: Literal["spheres"]
    fraction: Fraction

    def _pack(self, grid: Grid, rng: np.random.Generator) -> tuple[Packing, Sizes | None, dict[str, Any]]:
        sizes = self.sizes()
        return pack(grid.size, sizes, self.fraction, **self._options(grid, rng)), sizes, {}


class BimodalStep(_Packed):
    """Spheres of two diameters, mixed at random."""

    summary: ClassVar[str] = "spheres of two diameters, mixed"
    make: Literal["bimodal"]
    fraction: Fraction
    small_um: Micrometres
    large_um: Micrometres
    small_share: Share = Field(description="share of the solid volume in the small spheres")

    @model_validator(mode="after")
    def _in_order(self) -> BimodalStep:
        if self.small_um >= self.large_um:
            raise _refuse("small_um is below large_um")
        return self

    def _pack(self, grid: Grid, rng: np.random.Generator) -> tuple[Packing, Sizes | None, dict[str, Any]]:
        sizes = bimodal(self.small_um * UM, self.large_um * UM, self.small_share)
        packing = pack(grid.size, sizes, self.fraction, **self._options(grid, rng))
        small = packing.radii < 0.25 * (self.small_um + self.large_um) * UM
        volumes = packing.shape.volumes
        return packing, sizes, {"small share": float(volumes[small].sum() / volumes.sum())}


class LayerSpec(_Sized):
    """One layer of a layered packing."""

    thickness_um: Annotated[float, Field(gt=0, le=1e5, allow_inf_nan=False)] | Literal["rest"] = "rest"
    fraction: Fraction | None = Field(None, description="if it differs from the step's")


class LayeredStep(_Packed):
    """Layers of spheres of different size or fraction, listed from the separator or the collector."""

    summary: ClassVar[str] = "layers of spheres of different size or fraction"
    make: Literal["layered"]
    fraction: Fraction
    start: Literal["separator", "collector"] = Field("separator", description="end at which the list starts")
    layers: Annotated[list[LayerSpec], Field(min_length=1)]

    def _pack(self, grid: Grid, rng: np.random.Generator) -> tuple[Packing, Sizes | None, dict[str, Any]]:
        edges = self._edges(grid.thickness)
        rising = (self.start == "collector") == (grid.collector == "low")
        layers = []
        for spec, a, b in zip(self.layers, edges[:-1], edges[1:], strict=True):
            low, high = (a, b) if rising else (grid.thickness - b, grid.thickness - a)
            layers.append(Layer(float(low), float(high), spec.sizes(), spec.fraction or self.fraction))
        packing = pack_layers(grid.size, layers, **self._options(grid, rng))
        levels = np.array([layer.low for layer in layers] + [layer.high for layer in layers])
        reached = packing.profile(np.unique(np.round(levels, 12)))
        asked = [layer.fraction for layer in layers]
        return packing, None, {
            "layer fractions asked": asked,
            "layer fractions": [float(x) for x in (reached if rising else reached[::-1])],
        }  # fmt: skip

    def _edges(self, thickness: float) -> np.ndarray:
        """Faces of the layers, from where the list starts [m]."""
        given = [0.0 if s.thickness_um == "rest" else s.thickness_um * UM for s in self.layers]
        rest = [k for k, s in enumerate(self.layers) if s.thickness_um == "rest"]
        left = thickness - sum(given)
        if len(rest) > 1 or (rest and left <= 0) or (not rest and abs(left) > 1e-6 * thickness):
            raise InputError(
                "the layers fill the thickness of the box", field="layers",
                value=[s.thickness_um for s in self.layers],
                remedy=f"They add up to {thickness / UM:.6g} um, or one of them has thickness_um: rest",
            )  # fmt: skip
        for k in rest:
            given[k] = left
        edges = np.concatenate([[0.0], np.cumsum(given)])
        edges[-1] = thickness
        return edges


class Level(_Strict):
    """A point of a profile, at a height above the collector."""

    height_um: Annotated[float, Field(ge=0, le=1e5, allow_inf_nan=False)]
    fraction: Fraction | None = None
    diameter_um: Micrometres | None = None


class GradedStep(_Packed):
    """Spheres whose fraction, size or both change linearly between given heights above the collector."""

    summary: ClassVar[str] = "spheres whose fraction or size follows a profile over depth"
    make: Literal["graded"]
    walls: Walls = "cut"
    fraction: Fraction | None = Field(None, description="where the profile gives none")
    diameter_um: Micrometres | None = Field(None, description="where the profile gives none")
    distribution: Distribution | None = Field(None, description="instead of a diameter, at all heights")
    profile: Annotated[list[Level], Field(min_length=1)]

    @model_validator(mode="after")
    def _complete(self) -> GradedStep:
        for key in ("fraction", "diameter_um"):
            own = getattr(self, key) is not None or (key == "diameter_um" and self.distribution is not None)
            given = [getattr(level, key) is not None for level in self.profile]
            if any(given) == own or any(given) != all(given):
                raise _refuse(f"give {key} once for all, or at every height of the profile")
        if self.diameter_um is not None and self.distribution is not None:
            raise _refuse("give diameter_um or distribution")
        return self

    def _pack(self, grid: Grid, rng: np.random.Generator) -> tuple[Packing, Sizes | None, dict[str, Any]]:
        heights = np.array([level.height_um * UM for level in self.profile])
        fractions = np.array([level.fraction or self.fraction for level in self.profile], float)
        sizes: Sizes | np.ndarray
        if self.distribution is not None:
            sizes = self.distribution.sizes()
        elif self.diameter_um is not None:
            sizes = Monodisperse(self.diameter_um * UM)
        else:
            sizes = np.array([level.diameter_um for level in self.profile], float) * UM
        if grid.collector == "high":
            heights, fractions = grid.thickness - heights[::-1], fractions[::-1]
            sizes = sizes if isinstance(sizes, Sizes) else sizes[::-1]
        gradient = Gradient(heights, fractions, sizes)
        packing = pack_gradient(grid.size, gradient, **self._options(grid, rng))
        figures = _profile_figures(packing, gradient, grid)
        return packing, sizes if isinstance(sizes, Sizes) else None, figures


class EllipsoidsStep(_Packed, _Sized):
    """Ellipsoids; the diameter is that of the sphere of equal volume."""

    summary: ClassVar[str] = "ellipsoids of given aspect, random or aligned"
    make: Literal["ellipsoids"]
    fraction: Fraction
    axes: tuple[Positive, Positive, Positive] = Field(
        (1.0, 1.0, 1.5), description="relative semi-axes; the third lies along the through axis if aligned"
    )
    aspect_spread: Share = Field(0.0, description="standard deviation of ln(aspect) between particles")
    orientation: Literal["random", "aligned"] = "random"
    tilt_degrees: Annotated[float, Field(ge=0, le=90)] = Field(
        0.0, description="of aligned ones, in each direction"
    )

    def _pack(self, grid: Grid, rng: np.random.Generator) -> tuple[Packing, Sizes | None, dict[str, Any]]:
        form = Form(self.axes, self.aspect_spread, self.orientation, math.radians(self.tilt_degrees))
        sizes = self.sizes()
        packing = pack(grid.size, sizes, self.fraction, form=form, **self._options(grid, rng))
        return packing, sizes, _lean(packing)


class PlateletsStep(_Packed):
    """Flat ellipsoids lying in the plane of the electrode, like graphite flakes."""

    summary: ClassVar[str] = "platelets that lie in the electrode's plane"
    make: Literal["platelets"]
    fraction: Fraction
    diameter_um: Micrometres = Field(description="across the flat face")
    thickness_um: Micrometres
    aspect_spread: Share = Field(0.0, description="standard deviation of ln(aspect) between particles")
    tilt_degrees: Annotated[float, Field(ge=0, le=90)] = Field(
        10.0, description="of the face, in each direction"
    )

    @model_validator(mode="after")
    def _flat(self) -> PlateletsStep:
        if self.thickness_um > self.diameter_um:
            raise _refuse("thickness_um is not above diameter_um")
        return self

    def _pack(self, grid: Grid, rng: np.random.Generator) -> tuple[Packing, Sizes | None, dict[str, Any]]:
        axes = (1.0, 1.0, self.thickness_um / self.diameter_um)
        form = Form(axes, self.aspect_spread, "aligned", math.radians(self.tilt_degrees))
        sizes = Monodisperse(float(np.cbrt(self.diameter_um**2 * self.thickness_um)) * UM)
        packing = pack(grid.size, sizes, self.fraction, form=form, **self._options(grid, rng))
        return packing, sizes, _lean(packing)


PACKINGS: tuple[type[Step], ...] = (
    SpheresStep, BimodalStep, LayeredStep, GradedStep, EllipsoidsStep, PlateletsStep,
)  # fmt: skip
"""The steps of this file."""


def _lean(packing: Packing) -> dict[str, float]:
    """Mean of P2(cos) of the third semi-axis to the through axis: 1 aligned, 0 random, -1/2 lying across."""
    assert packing.rotations is not None
    cosine = packing.rotations[:, packing.through, 2]
    return {"orientation parameter": float(1.5 * (cosine**2).mean() - 0.5)}


def _profile_figures(packing: Packing, gradient: Gradient, grid: Grid) -> dict[str, Any]:
    """Requested and reached fraction in slabs of about a largest diameter, from the collector up."""
    slabs = max(2, int(grid.thickness / (2 * packing.radii.max())))
    edges = np.linspace(0.0, grid.thickness, slabs + 1)
    fine = np.linspace(0.0, grid.thickness, 100 * slabs + 1)
    asked = np.interp(0.5 * (fine[1:] + fine[:-1]), gradient.heights, gradient.fractions)
    rows = {"fractions asked": asked.reshape(slabs, 100).mean(axis=1), "fractions": packing.profile(edges)}
    flip = slice(None, None, -1 if grid.collector == "high" else 1)
    return {f"slab {name}": [float(x) for x in values[flip]] for name, values in rows.items()}


def _place(
    structure: Structure, step: _Packed, packing: Packing, sizes: Sizes | None, figures: dict[str, Any]
) -> Structure:
    """Paint the particles over the pore, with their exact table and figures."""
    grid, shape, phase = structure.grid, packing.at(structure.grid.origin), step.phase
    labels = rasterise_particles(shape, grid)
    painted = structure.paint(phase, labels > 0, shape=shape)
    taken = painted.volume.mask(phase) & (structure.volume.labels != structure.volume.phases.get(phase, -1))
    labels = np.where(taken, labels, np.int32(0))
    table = xr.Dataset(
        {
            "Volume [m3]": ("particle", shape.volumes),
            "Equivalent diameter [m]": ("particle", 2 * packing.radii),
            "Centroid [m]": (("particle", "axis"), np.array(shape.centres)),
        },
        coords={"particle": np.arange(1, len(packing.radii) + 1), "axis": [0, 1, 2]},
    )
    if packing.semi_axes is not None:
        table["Semi-axes [m]"] = (("particle", "semi-axis"), packing.semi_axes)
    new = Instances(labels, grid, phase, table)
    particles = {**painted.particles, phase: _joined(painted.particles.get(phase), new)}
    voxels = float((labels > 0).mean())
    told = {**_told(packing, sizes, voxels), **figures}
    done = note(replace(painted, particles=particles), phase, **told)
    return done.noting(notes=[*structure.figures.get("notes", []), *_notes(packing, grid, phase, told)])


def _joined(old: Instances | None, new: Instances) -> Instances:
    """The particles of a phase that was packed before and those added to it, numbered on."""
    if old is None or not old.table.sizes.get("particle"):
        return new
    first = int(old.table["particle"].max())
    added = new.table.assign_coords(particle=new.table["particle"] + first)
    table = xr.merge([old.table, added], join="outer", compat="no_conflicts")
    return replace(new, labels=np.where(new.labels > 0, new.labels + first, old.labels), table=table)


def _told(packing: Packing, sizes: Sizes | None, voxels: float) -> dict[str, Any]:
    """What was asked and what came out."""
    told: dict[str, Any] = {
        "target fraction": packing.target,
        "fraction": packing.fraction,
        "fraction on voxels": voxels,
        "particles": len(packing.radii),
        "largest overlap": packing.overlap,
        "diameter rescale": packing.rescale,
    }
    if sizes is not None:
        statistic, p = sizes.test(2 * packing.radii)
        told |= {"Kolmogorov-Smirnov statistic": statistic, "Kolmogorov-Smirnov p-value": p}
    return told


def _notes(packing: Packing, grid: Grid, phase: str, told: dict[str, Any]) -> list[str]:
    """Warnings about the resolution, and why layers miss their fraction."""
    notes = []
    asked, reached = told.get("layer fractions asked", ()), told.get("layer fractions", ())
    if not np.allclose(reached, asked, rtol=MISSED, atol=0):
        notes.append(
            f"{phase}: layers miss their fraction by more than {MISSED:.1%}, as particles centred in one "
            "reach into the next; the fraction of the whole is as asked"
        )
    across = packing.radii if packing.semi_axes is None else packing.semi_axes.min(axis=1)
    voxels = 2 * float(across.min()) / max(grid.voxel_size)
    if voxels < FEWEST_VOXELS:
        notes.append(
            f"{phase}: the smallest particle is {voxels:.1f} voxels across; below {FEWEST_VOXELS} its volume "
            "and surface on the voxels are coarse"
        )
    return notes
