"""Steps that make labels of grey levels: Otsu's criterion, given levels, hysteresis."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from ...errors import InputError
from .histogram import apply_levels, class_means, histogram, otsu_levels
from .stage import SegmentStep, Stage

Level = Annotated[float, Field(allow_inf_nan=False)]


class Otsu(SegmentStep):
    """One level between two phases, by Otsu's criterion."""

    makes_labels: ClassVar[bool] = True
    step: Literal["otsu"] = "otsu"

    def apply(self, stage: Stage) -> Stage:
        """Label by the level found."""
        return thresholded(stage, otsu_levels(stage.values, 2))

    def check(self, phases: tuple[str, ...]) -> None:
        """Two phases."""
        two_phases(self.step, phases, "Take multi_otsu")


class MultiOtsu(SegmentStep):
    """Levels between any number of phases, by Otsu's criterion. ``classes`` is the number of phases."""

    makes_labels: ClassVar[bool] = True
    step: Literal["multi_otsu"] = "multi_otsu"
    classes: Annotated[int, Field(ge=2, le=5, strict=True)] | None = None

    def apply(self, stage: Stage) -> Stage:
        """Label by the levels found."""
        return thresholded(stage, otsu_levels(stage.values, len(stage.phases)))

    def check(self, phases: tuple[str, ...]) -> None:
        """As many classes as phases, at most five: the search takes 256 to the power of the levels."""
        if self.classes not in (None, len(phases)):
            raise InputError(
                f"the recipe names {len(phases)} phases", field="classes", value=self.classes,
                remedy="Name every class under phases, the darkest first",
            )  # fmt: skip
        if len(phases) > 5:
            raise InputError(
                "Otsu's criterion tells at most five phases apart", field="phases", value=list(phases),
                remedy="Take manual levels or classify",
            )  # fmt: skip


class Manual(SegmentStep):
    """Given grey levels between the phases, ascending."""

    makes_labels: ClassVar[bool] = True
    step: Literal["manual"] = "manual"
    levels: Annotated[tuple[Level, ...], Field(min_length=1)]

    def apply(self, stage: Stage) -> Stage:
        """Label by the levels."""
        inside(self.levels, stage.values, "levels")
        return thresholded(stage, self.levels)

    def check(self, phases: tuple[str, ...]) -> None:
        """Ascending, one fewer than phases."""
        ascending(self.levels, "levels")
        if len(self.levels) != len(phases) - 1:
            raise InputError(
                f"{len(phases)} phases have {len(phases) - 1} levels between them", field="levels",
                value=list(self.levels), remedy="Give one level between every two phases, ascending",
            )  # fmt: skip


class Hysteresis(SegmentStep):
    """Bright are voxels above ``high``, and those above ``low`` that are connected to them.

    Canny, IEEE Trans. Pattern Anal. Mach. Intell. 8, 679, 1986, 10.1109/TPAMI.1986.4767851.
    """

    makes_labels: ClassVar[bool] = True
    step: Literal["hysteresis"] = "hysteresis"
    low: Level
    high: Level

    def apply(self, stage: Stage) -> Stage:
        """Label by connection."""
        from skimage.filters import apply_hysteresis_threshold

        inside((self.low, self.high), stage.values, "low, high")
        bright = apply_hysteresis_threshold(stage.values, self.low, self.high)
        levels = (self.low, self.high)
        return stage.with_labels(bright.astype(np.uint8), levels, levels=list(levels))

    def check(self, phases: tuple[str, ...]) -> None:
        """Two phases, ascending levels."""
        two_phases(self.step, phases, "Take manual or multi_otsu")
        ascending((self.low, self.high), "low, high")


def thresholded(stage: Stage, levels: tuple[float, ...]) -> Stage:
    """Labels by levels, with the levels and the mean grey level of every phase as figures."""
    means = dict(zip(stage.phases, map(float, class_means(stage.values, levels)), strict=True))
    return stage.with_labels(apply_levels(stage.values, levels), levels, levels=list(levels), means=means)


def two_phases(step: str, phases: tuple[str, ...], remedy: str) -> None:
    """InputError unless there are two phases."""
    if len(phases) != 2:
        raise InputError(f"{step} tells two phases apart", field="phases", value=list(phases), remedy=remedy)


def ascending(levels: tuple[float, ...], field: str) -> None:
    """InputError unless every level is above the one before it."""
    if any(not a < b for a, b in pairwise(levels)):
        raise InputError(
            "the levels do not ascend", field=field, value=list(levels),
            remedy="Give the level between the two darkest phases first",
        )  # fmt: skip


def inside(levels: tuple[float, ...], values: np.ndarray, field: str) -> None:
    """InputError unless the levels lie inside the range of grey levels; a constant image has none."""
    histogram(values)
    low, high = float(values.min()), float(values.max())
    if any(not low < level < high for level in levels):
        raise InputError(
            f"the grey levels at this step lie between {low:.6g} and {high:.6g}", field=field,
            value=list(levels), remedy="Give levels inside this range; earlier steps may have moved it",
        )  # fmt: skip
