"""Agglomerates: large round regions of another composition in an electrode, homogenised or resolved.

Silicon-graphite electrodes made from slurry hold silicon-rich agglomerates with a median radius of 20 um
(doi:10.1039/d4ee00590b, figure 6).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
import xarray as xr
from pydantic import Field

from ..errors import InputError
from ..image.volume import Instances
from .fields import gaussian_field, refuse_own, whole_numbers
from .packing import Packing, pack
from .placing import MICRO, note, positive
from .sampled import lowest
from .sizes import LogNormal, Monodisperse, Sizes
from .spheres import rasterise_particles
from .structure import BACKGROUND, Step, Structure

REGION = "agglomerate"
"""Name of the instances, and of the phase of homogenised agglomerates."""
Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Micrometres = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def agglomerate_sizes(
    median: float,
    sigma: float,
    box: tuple[float, float, float],
    smallest: float,
    largest: float | None = None,
) -> Sizes:
    """Distribution of diameters: log-normal by number, cut so that every agglomerate fits into the box.

    Parameters
    ----------
    median:
        Of the radius, before the cut [m].
    sigma:
        Standard deviation of ln(radius); 0 for equal ones.
    box:
        Edges [m].
    smallest, largest:
        Radii at which the distribution is cut [m]; without the largest it is 0.45 of the shortest edge.

    Raises
    ------
    InputError
        A length that is not positive, a largest radius that does not fit, nothing left between the ends.
    """
    positive("median_radius", median)
    most = 0.45 * min(box)
    if largest is not None and largest > 0.5 * min(box):
        raise InputError(
            "the largest agglomerate does not fit into the box", field="largest_radius_um", value=largest,
            remedy=f"At most {0.5 * min(box):.3g} m, half the shortest edge",
        )  # fmt: skip
    most = most if largest is None else largest
    if not smallest < most or (sigma == 0 and not smallest <= median <= most):
        raise InputError(
            "agglomerates of this size do not fit into the box", field="median_radius_um", value=median,
            remedy=f"Radii lie between {smallest:.3g} and {most:.3g} m here: take a larger box",
        )  # fmt: skip
    if sigma == 0:
        return Monodisperse(2 * median)
    return LogNormal(2 * median, sigma, 2 * smallest, 2 * most)


def fill(
    structure: Structure,
    region: np.ndarray,
    composition: Mapping[str, float],
    length: float,
    rng: np.random.Generator,
) -> Structure:
    """Give the pore in a region a composition, each phase at exactly its fraction of the region.

    Every phase has a Gaussian field of its own and takes its share of what the phases before it left, so
    that any two may touch. "pore" may be named; it is also what fractions below 1 leave.

    Parameters
    ----------
    structure:
        What there is.
    region:
        Voxels (bool), all of them pore.
    composition:
        Phase -> fraction of the region.
    length:
        Correlation length of the fields [m].
    rng:
        Source of the fields.

    Raises
    ------
    InputError
        Fractions that add up to more than 1, or with pore to less, one that is not positive, a region that is
        not all pore.
    """
    total = sum(composition.values())
    if BACKGROUND in composition and abs(total - 1) > 1e-6:
        raise InputError(
            "with the pore named, fractions add up to 1", field="composition", value=dict(composition),
            remedy=f"They add up to {total:.6g}; leave the pore out to have it take the rest",
        )  # fmt: skip
    if (region & ~structure.volume.mask(BACKGROUND)).any():
        raise InputError(
            "the region is not empty", field="composition", value=dict(composition),
            remedy="Fill it before other phases are put there",
        )  # fmt: skip
    counts = whole_numbers(composition, int(region.sum()))
    left = region
    for phase, count in counts.items():
        if phase == BACKGROUND:
            continue
        field = gaussian_field(structure.grid, length, rng, periodic=False)
        mask, _ = lowest(field, left, count)
        structure = structure.paint(phase, mask)
        left = left & ~mask
    return structure


class Agglomerates(Step):
    """Spherical agglomerates of a log-normal radius, up to a volume share, that do not overlap.

    With ``resolved: false`` they are one phase, ``agglomerate``, with its composition as properties; else
    they are filled with their phases voxel by voxel. A ``matrix`` composition fills the pore around them
    likewise.
    """

    make: Literal["agglomerates"]
    fraction: Share = Field(description="volume share of the agglomerates")
    median_radius_um: Micrometres = 20.0
    sigma: float = Field(0.4, ge=0, lt=2, description="standard deviation of ln(radius)")
    largest_radius_um: Micrometres | None = Field(None, description="by default what fits into the box")
    composition: dict[str, Share] = Field(description="phase -> fraction inside the agglomerates")
    matrix: dict[str, Share] | None = Field(None, description="phase -> fraction around them")
    resolved: bool = True
    feature_um: Micrometres = Field(2.0, description="size of the phases inside the agglomerates")
    matrix_feature_um: Micrometres = Field(5.0, description="size of the phases around them")
    walls: Literal["inside", "cut"] = Field("inside", description="of the box across the through axis")

    def apply(self, structure: Structure, rng: np.random.Generator) -> Structure:
        """Place them, then fill inside and outside."""
        grid = structure.grid
        self._check(structure)
        pore = structure.volume.mask(BACKGROUND)
        sizes = agglomerate_sizes(
            self.median_radius_um * MICRO, self.sigma, grid.size, max(grid.voxel_size),
            None if self.largest_radius_um is None else self.largest_radius_um * MICRO,
        )  # fmt: skip
        packing = pack(grid.size, sizes, self.fraction, rng=rng, through=grid.through, walls=self.walls)
        shape = packing.at(grid.origin)
        labels = np.where(pore, rasterise_particles(shape, grid), np.int32(0))
        inside = labels > 0
        if self.resolved:
            done = fill(structure, inside, self.composition, self.feature_um * MICRO, rng)
        else:
            whole_numbers(self.composition, grid.voxels)
            done = structure.paint(REGION, inside, shape=shape)
            told = {f"{phase} fraction": share for phase, share in self.composition.items()}
            properties = {**done.volume.properties, REGION: told}
            done = replace(done, volume=replace(done.volume, properties=properties))
        if self.matrix is not None:
            done = fill(done, pore & ~inside, self.matrix, self.matrix_feature_um * MICRO, rng)
        regions = Instances(labels, grid, REGION, _table(packing, shape.centres))
        done = replace(done, particles={**done.particles, REGION: regions})
        statistic, p_value = sizes.test(2 * packing.radii)
        return note(
            done, "agglomerates", number=len(packing.radii), fraction=float(inside.mean()),
            exact_fraction=packing.fraction, median_radius_m=float(np.median(packing.radii)),
            **{"Kolmogorov-Smirnov statistic": statistic, "Kolmogorov-Smirnov p-value": p_value},
        )  # fmt: skip

    def _check(self, structure: Structure) -> None:
        """InputError for compositions that cannot be, before anything is placed."""
        for name in ("composition", "matrix"):
            given: Mapping[str, float] | None = getattr(self, name)
            if given is None:
                continue
            if not given or sum(given.values()) > 1 + 1e-9:
                raise InputError(
                    "fractions of a composition add up to at most 1", field=name, value=dict(given),
                    remedy="What they leave is pore",
                )  # fmt: skip
            refuse_own(given, (REGION,))
        if structure.fraction(BACKGROUND) == 0:
            raise InputError("there is no pore left to put agglomerates in", field="fraction", value=0.0)


def _table(packing: Packing, centres: np.ndarray) -> xr.Dataset:
    volume = 4 / 3 * np.pi * packing.radii**3
    return xr.Dataset(
        {
            "Volume [m3]": ("particle", volume, {"units": "m3"}),
            "Radius [m]": ("particle", np.array(packing.radii), {"units": "m"}),
            "Equivalent diameter [m]": ("particle", 2 * packing.radii, {"units": "m"}),
            "Centroid [m]": (("particle", "axis"), np.array(centres), {"units": "m"}),
        },
        {"particle": np.arange(1, len(packing.radii) + 1), "axis": [0, 1, 2]},
    )
