"""Steps that take noise away: non-local means, median, Gaussian."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from scipy import ndimage

from .blocks import blocks, slab
from .stage import Micrometres, SegmentStep, Stage

SLAB = 4_000_000
"""Voxels of a slab of non-local means, its margin apart: about 0.3 GB of work space."""


class NonLocalMeans(SegmentStep):
    """Mean over voxels whose neighbourhoods look alike; edges stay sharp.

    Buades, Coll and Morel, CVPR 2005, 10.1109/CVPR.2005.38, in 3D with the fast distance of Darbon et al.,
    ISBI 2008, 10.1109/ISBI.2008.4541250 (``skimage.restoration.denoise_nl_means``). ``strength`` is the decay
    h in multiples of the noise, which is estimated if not given.
    """

    step: Literal["non_local_means"] = "non_local_means"
    strength: Annotated[float, Field(gt=0, le=10)] = 0.4
    patch_voxels: Annotated[int, Field(ge=3, le=15, strict=True)] = 5
    reach_voxels: Annotated[int, Field(ge=1, le=15, strict=True)] = 3
    noise: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None

    def apply(self, stage: Stage) -> Stage:
        """Filter slab by slab."""
        from skimage.restoration import denoise_nl_means

        sigma = noise_level(stage.values) if self.noise is None else self.noise
        if sigma == 0:
            return stage.with_values(stage.values, noise=0.0)
        out = np.empty_like(stage.values)
        margin = self.reach_voxels + self.patch_voxels // 2 + 1
        for outer, core, inner in blocks(stage.grid.shape, slab(stage.grid.shape, SLAB), margin):
            # double precision: the fast distance is a difference of running sums over the whole slab
            part = denoise_nl_means(
                stage.values[outer].astype(np.float64), self.patch_voxels, self.reach_voxels,
                h=self.strength * sigma, sigma=sigma, fast_mode=True,
            )  # fmt: skip
            out[core] = part[inner]
        return stage.with_values(out, noise=sigma)


class Median(SegmentStep):
    """Median over a cube of voxels."""

    step: Literal["median"] = "median"
    edge_voxels: Literal[3, 5, 7, 9] = 3

    def apply(self, stage: Stage) -> Stage:
        """Filter the whole image."""
        return stage.with_values(ndimage.median_filter(stage.values, size=self.edge_voxels, mode="nearest"))


class Gaussian(SegmentStep):
    """Mean with Gaussian weights; rounds edges off by sigma squared over their radius."""

    step: Literal["gaussian"] = "gaussian"
    sigma_um: Micrometres

    def apply(self, stage: Stage) -> Stage:
        """Filter the whole image."""
        sigma = stage.voxels(self.sigma_um)
        return stage.with_values(ndimage.gaussian_filter(stage.values, sigma, mode="nearest"))


def noise_level(values: np.ndarray) -> float:
    """Standard deviation of white noise in an image.

    The finest diagonal Haar coefficient sees noise but no flat region, plane or most edges; its median
    absolute value is 0.6745 of the noise (Donoho and Johnstone, Biometrika 81, 425, 1994,
    10.1093/biomet/81.3.425). Noise that is correlated between neighbours is underestimated.
    """
    detail = values.astype(np.float32, copy=False)
    for axis, n in enumerate(values.shape):
        if n >= 2:
            even, odd = [slice(None)] * 3, [slice(None)] * 3
            even[axis], odd[axis] = slice(0, n - n % 2, 2), slice(1, None, 2)
            detail = (detail[tuple(even)] - detail[tuple(odd)]) / np.float32(np.sqrt(2))
    return float(np.median(np.abs(detail)) / 0.6744897501960817)
