"""Watershed from confident grey levels: boundaries fall on the steepest slope, not on a level."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field
from scipy import ndimage

from ...errors import InputError
from .histogram import apply_levels, class_means, otsu_levels, sample
from .stage import Micrometres, SegmentStep, Stage
from .threshold import Level, ascending, inside

Fraction = Annotated[float, Field(ge=0, le=1)]


class Watershed(SegmentStep):
    """Flood the gradient magnitude from markers (Beucher and Meyer 1993; ``skimage.segmentation``).

    A voxel is a marker of its phase if it is confident and calm. Confident: its grey level has gone at least
    the fraction ``confidence`` of the way from the level at the phase's edge to the phase's mean. Calm: its
    gradient is among the lowest fraction ``calm`` of the image, which keeps the slope between a dark and a
    bright phase from being taken for a phase of medium grey. Levels are Otsu's unless given. The gradient
    is that of a Gaussian of ``sigma_um`` (one voxel unless given).
    """

    makes_labels: ClassVar[bool] = True
    step: Literal["watershed"] = "watershed"
    levels: Annotated[tuple[Level, ...], Field(min_length=1)] | None = None
    confidence: Fraction = 0.3
    calm: Annotated[float, Field(gt=0, le=1)] = 0.9
    sigma_um: Micrometres | None = None

    def apply(self, stage: Stage) -> Stage:
        """Markers, gradient, flooding."""
        from skimage.segmentation import watershed

        levels = self.levels or otsu_levels(stage.values, len(stage.phases))
        inside(levels, stage.values, "levels")
        sigma = (1.0, 1.0, 1.0) if self.sigma_um is None else stage.voxels(self.sigma_um)
        slope = ndimage.gaussian_gradient_magnitude(stage.values, sigma, mode="nearest")
        markers = self._markers(stage, levels, slope)
        found: dict[str, Any] = {"levels": list(levels)}
        counts = np.bincount(markers.ravel(), minlength=len(stage.phases) + 1)[1:]
        found["marker_voxels"] = {name: int(n) for name, n in zip(stage.phases, counts, strict=True)}
        if not counts.all():
            name = stage.phases[int(np.argmin(counts))]
            raise InputError(
                "no voxel is certain to be of this phase", field="confidence", value=name,
                remedy="Lower confidence, raise calm, or give levels",
            )  # fmt: skip
        labels = watershed(slope, markers) - 1
        return stage.with_labels(labels.astype(np.uint8), tuple(levels), **found)

    def _markers(self, stage: Stage, levels: tuple[float, ...], slope: np.ndarray) -> np.ndarray:
        """Phase number plus one at the markers, else 0."""
        means = class_means(sample(stage.values), levels)
        labels = apply_levels(stage.values, levels)
        steepest = np.quantile(sample(slope), self.calm)
        markers = np.zeros(stage.values.shape, np.int32)
        for k, mean in enumerate(means):
            mine = labels == k
            sure = mine & (slope <= steepest)
            if k > 0:
                sure &= stage.values >= levels[k - 1] + self.confidence * (mean - levels[k - 1])
            if k < len(levels):
                sure &= stage.values <= levels[k] + self.confidence * (mean - levels[k])
            markers[sure] = k + 1
        return markers

    def check(self, phases: tuple[str, ...]) -> None:
        """Levels, if given, ascend and are one fewer than the phases."""
        if self.levels is not None:
            ascending(self.levels, "levels")
        if self.levels is not None and len(self.levels) != len(phases) - 1:
            raise InputError(
                f"{len(phases)} phases have {len(phases) - 1} levels between them", field="levels",
                value=list(self.levels), remedy="Give one level between every two phases, ascending",
            )  # fmt: skip
