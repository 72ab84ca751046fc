"""What a segmentation has come to between two steps, and what a step is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ...errors import InputError
from ..grid import Grid
from ..volume import GreyImage

Progress = Callable[[float, str], None]
Micrometres = Annotated[float, Field(gt=0, le=1e5, allow_inf_nan=False)]
Axis = Annotated[int, Field(ge=0, le=2, strict=True)]


@dataclass(frozen=True, eq=False)
class Stage:
    """Grey levels and labels between two steps.

    Parameters
    ----------
    values:
        Grey levels (float32), shape of the grid.
    grid:
        Voxel size and orientation.
    phases:
        Names of the phases, the darkest first; label k is ``phases[k]``.
    labels:
        Labels (uint8) once a step has made them.
    levels:
        Grey levels between the phases, in the values as they are now; empty once these have changed.
    folder:
        What files that the recipe names are relative to.
    figures:
        What the last step found, name -> plain data.
    """

    values: np.ndarray
    grid: Grid
    phases: tuple[str, ...]
    labels: np.ndarray | None = None
    levels: tuple[float, ...] = ()
    folder: Path = Path()
    figures: Mapping[str, Any] = field(default_factory=dict)

    def with_values(self, values: np.ndarray, **figures: Any) -> Stage:
        """The stage with other grey levels."""
        return replace(self, values=values.astype(np.float32, copy=False), levels=(), figures=figures)

    def with_labels(self, labels: np.ndarray, at: tuple[float, ...] | None = None, **figures: Any) -> Stage:
        """The stage with other labels, made ``at`` these levels if given."""
        levels = self.levels if at is None else at
        return replace(self, labels=labels.astype(np.uint8, copy=False), levels=levels, figures=figures)

    @property
    def labelled(self) -> np.ndarray:
        """The labels; a recipe checks beforehand that there are some."""
        if self.labels is None:
            raise InputError("there are no labels yet", field="steps", remedy="Put a threshold before it")
        return self.labels

    def voxels(self, length_um: float) -> tuple[float, float, float]:
        """A length [um] in voxels along the three axes."""
        a, b, c = (length_um * 1e-6 / h for h in self.grid.voxel_size)
        return a, b, c


class SegmentStep(BaseModel):
    """One step: a frozen specification. A subclass names itself by ``step: Literal["..."]``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    makes_labels: ClassVar[bool] = False
    needs_labels: ClassVar[bool] = False

    def apply(self, stage: Stage) -> Stage:
        """The stage after this step."""
        raise NotImplementedError

    def named_phases(self) -> dict[str, str]:
        """Phases that the step names, by the key at which it does."""
        return {}

    def check(self, phases: tuple[str, ...]) -> None:
        """InputError if the step cannot be carried out for these phases."""


def first_stage(image: GreyImage, phases: tuple[str, ...], folder: Path) -> Stage:
    """The image as float32; InputError counts the values that are no numbers."""
    values = np.array(image.values, dtype=np.float32, order="C")
    wrong = sum(int(page.size - np.count_nonzero(np.isfinite(page))) for page in values)
    if wrong:
        raise InputError(
            f"{wrong} of {values.size} grey levels are not finite numbers", field="image",
            remedy="Crop the image to where it is defined, or fill these voxels before segmenting",
        )  # fmt: skip
    return Stage(values, image.grid, phases, folder=folder)
