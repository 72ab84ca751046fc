"""Suppression of ring artefacts, the traces of unequal detector pixels in a tomogram."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from scipy import ndimage

from .stage import Axis, SegmentStep, Stage

FEWEST = 16
"""Voxels on a circle below which its median is not trusted."""


class Rings(SegmentStep):
    """Subtract the median over each circle about the rotation axis of what a median filter takes out.

    The idea of Sijbers and Postnov, Phys. Med. Biol. 49, N247, 2004, 10.1088/0031-9155/49/14/N06, without
    their resampling to polar coordinates. Rings narrower than half of ``width_voxels`` are found; edges of
    particles are not, as no circle follows them. Profiles are averaged over ``slices`` neighbours along the
    axis, since a defective pixel row is seldom alone; 1 corrects every slice by itself, 0 takes the mean of
    all.

    ``centre`` is where the axis meets the slice, in voxels along the two other axes; the middle unless given.
    """

    step: Literal["rings"] = "rings"
    axis: Axis = 0
    centre: tuple[float, float] | None = None
    width_voxels: Annotated[int, Field(ge=3, le=51, strict=True)] = 9
    slices: Annotated[int, Field(ge=0, le=999, strict=True)] = 1

    def apply(self, stage: Stage) -> Stage:
        """Profiles of all slices, then the correction."""
        values = np.moveaxis(stage.values, self.axis, 0)
        radius = self._radius(values.shape[1:])
        circle = np.round(radius).astype(np.intp)
        order = np.argsort(circle, axis=None, kind="stable")
        counts = np.bincount(circle.ravel())
        bounds = np.cumsum(counts)[:-1]
        profiles = np.stack([self._profile(page, order, bounds, counts) for page in values])
        if self.slices == 0:
            profiles[:] = profiles.mean(axis=0)
        elif self.slices > 1:
            profiles = ndimage.uniform_filter1d(profiles, self.slices, axis=0, mode="nearest")
        out = np.empty_like(values)
        radii = np.arange(counts.size)
        for k, page in enumerate(values):
            out[k] = page - np.interp(radius, radii, profiles[k])
        strongest = float(np.abs(profiles).max())
        return stage.with_values(np.ascontiguousarray(np.moveaxis(out, 0, self.axis)), strongest=strongest)

    def _radius(self, shape: tuple[int, ...]) -> np.ndarray:
        """Distance of every voxel of a slice from the axis [voxels]."""
        middle = ((shape[0] - 1) / 2, (shape[1] - 1) / 2) if self.centre is None else self.centre
        rows, columns = np.ogrid[: shape[0], : shape[1]]
        return np.hypot(rows - middle[0], columns - middle[1])

    def _profile(
        self, page: np.ndarray, order: np.ndarray, bounds: np.ndarray, counts: np.ndarray
    ) -> np.ndarray:
        """Ring height against radius of one slice."""
        rest = (page - ndimage.median_filter(page, size=self.width_voxels, mode="nearest")).ravel()[order]
        profile = np.array([np.median(part) if part.size else 0.0 for part in np.split(rest, bounds)])
        profile[counts < FEWEST] = 0
        return profile
