"""Recipes of segmentation: a YAML file of steps that turns grey levels into the same labels every time."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from ...errors import InputError, nearest
from ...specification import read_mapping, relocated, validated
from ..volume import GreyImage, Volume
from .background import GaussianBackground, NormaliseSlices, PolynomialBackground
from .classifier import Classify
from .clean import Closing, FillHoles, Islands, Mode, Opening
from .denoise import Gaussian, Median, NonLocalMeans
from .rings import Rings
from .stage import Progress, SegmentStep, Stage, first_stage
from .threshold import Hysteresis, Manual, MultiOtsu, Otsu
from .watershed import Watershed

AnyStep = Annotated[
    NonLocalMeans | Median | Gaussian
    | PolynomialBackground | GaussianBackground | NormaliseSlices | Rings
    | Otsu | MultiOtsu | Manual | Hysteresis | Watershed | Classify
    | Opening | Closing | FillHoles | Islands | Mode,
    Field(discriminator="step"),
]  # fmt: skip
PACKAGES = (
    "lithoscape",
    "numpy",
    "scipy",
    "scikit-image",
    "scikit-learn",
    "edt",
    "connected-components-3d",
    "numba",
)
"""Packages whose version may move a label."""


class SegmentRecipe(BaseModel):
    """What a recipe file says.

    Parameters
    ----------
    phases:
        Names of the phases, the darkest first; label k of the result is ``phases[k]``.
    steps:
        What is done, in order; each names itself by ``step``.
    title, notes:
        For the reader.

    Raises
    ------
    InputError
        Fewer than two phases or two of one name, a step that names an unknown phase or does not suit the
        number of phases, cleaning before there are labels, no step that makes labels.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = ""
    notes: str = ""
    phases: Annotated[tuple[str, ...], Field(min_length=2, max_length=255)]
    steps: Annotated[tuple[AnyStep, ...], Field(min_length=1)]
    _folder: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _fits_together(self) -> SegmentRecipe:
        if len(set(self.phases)) < len(self.phases):
            raise InputError(
                "two phases have the same name", field="phases", value=list(self.phases),
                remedy="Give each phase a name of its own",
            )  # fmt: skip
        labelled = False
        for k, step in enumerate(self.steps):
            self._check_step(step, f"steps[{k}]", labelled)
            labelled = labelled or step.makes_labels
        if not labelled:
            raise InputError(
                "no step makes labels", field="steps", value=[step.step for step in self.steps],
                remedy="Add otsu, multi_otsu, manual, hysteresis, watershed or classify",
            )  # fmt: skip
        return self

    def _check_step(self, step: SegmentStep, field: str, labelled: bool) -> None:
        for key, name in step.named_phases().items():
            if name not in self.phases:
                raise InputError(
                    "there is no such phase", field=f"{field}.{key}", value=name,
                    remedy=nearest(name, self.phases),
                )  # fmt: skip
        if step.needs_labels and not labelled:
            raise InputError(
                "this step cleans labels, and there are none yet", field=field,
                value=getattr(step, "step", ""), remedy="Put it after a step that makes labels",
            )  # fmt: skip
        with at(field):
            step.check(self.phases)

    @property
    def folder(self) -> Path:
        """What files that the recipe names are relative to."""
        return self._folder

    def beside(self, folder: Path) -> SegmentRecipe:
        """The same recipe with its files relative to ``folder``."""
        copy = self.model_copy()
        copy._folder = folder
        return copy

    def plain(self) -> dict[str, Any]:
        """The recipe as plain data, defaults written out."""
        return self.model_dump(mode="json", exclude_none=True)


class at:
    """Within this context an InputError gets ``field`` before its own."""

    def __init__(self, field: str) -> None:
        self.field = field

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, InputError) and error.field != "image":
            inner = f".{error.field}" if error.field else ""
            raise relocated(error, f"{self.field}{inner}") from None


def load_recipe(path: Path | str) -> SegmentRecipe:
    """Read and check a recipe; files that it names are relative to it.

    Raises
    ------
    InputError
        Missing file, YAML that does not parse, unknown key or step (the nearest valid one is named), a value
        out of range, and what :class:`SegmentRecipe` refuses.
    """
    path = Path(path)
    return check_recipe(read_mapping(path, "recipe", "docs/")).beside(path.parent)


def check_recipe(raw: Any) -> SegmentRecipe:
    """A recipe of plain data; InputError names the key at fault."""
    return validated(SegmentRecipe, raw, kind="recipe", folder="docs/")


def save_recipe(recipe: SegmentRecipe, path: Path | str) -> Path:
    """Write a recipe with all defaults, so that it keeps its meaning if they change."""
    text = yaml.safe_dump(
        recipe.plain(), sort_keys=False, allow_unicode=True, width=100, default_flow_style=None
    )
    Path(path).write_text(text, encoding="utf-8")
    return Path(path)


def segment(image: GreyImage, recipe: SegmentRecipe, *, progress: Progress | None = None) -> Volume:
    """Labels of a grey-level image.

    Parameters
    ----------
    image:
        Grey levels; worked on in float32, the original stays as it is.
    recipe:
        The steps.
    progress:
        Called with the share done and the name of the step.

    Returns
    -------
    Volume
        Labels in the order of ``recipe.phases``. Its provenance holds the recipe, what every step found
        (levels, noise, accuracy, changed voxels), the versions of the packages, and the image's provenance.

    Raises
    ------
    InputError
        Values that are not finite, a constant image, levels outside the range, a phase without a voxel, and
        what the steps refuse; the field names the step.
    """
    last, found = None, []
    for _, stage in stages(image, recipe, progress):
        found.append(dict(stage.figures))
        last = stage
    assert last is not None  # a recipe has at least one step
    return labelled_volume(image, recipe, last, found)


def stages(
    image: GreyImage, recipe: SegmentRecipe, progress: Progress | None = None
) -> Iterator[tuple[Stage, Stage]]:
    """The stages before and after every step, one step at a time."""
    stage = first_stage(image, recipe.phases, recipe.folder)
    for k, step in enumerate(recipe.steps):
        if progress is not None:
            progress(k / len(recipe.steps), step.step)
        with at(f"steps[{k}]"):
            after = step.apply(stage)
            if after.labels is not None and after.labels is not stage.labels:
                _require_all_phases(after, step.step)
        yield stage, after
        stage = after
    if progress is not None:
        progress(1.0, "done")


def labelled_volume(
    image: GreyImage, recipe: SegmentRecipe, last: Stage, found: list[dict[str, Any]]
) -> Volume:
    """The result of the last step as a volume with its provenance."""
    steps = [{"step": s.step, **figures} for s, figures in zip(recipe.steps, found, strict=True)]
    told = {
        "recipe": recipe.plain(),
        "found": steps,
        "versions": _versions(),
        "image": dict(image.provenance),
    }
    phases = {name: k for k, name in enumerate(recipe.phases)}
    return Volume(last.labelled, image.grid, phases, provenance=told)


def _require_all_phases(stage: Stage, step: str) -> None:
    counts = np.bincount(stage.labelled.ravel(), minlength=len(stage.phases))
    for name, count in zip(stage.phases, counts, strict=True):
        if not count:
            raise InputError(
                f"after {step} this phase has no voxel", field="phases", value=name,
                remedy="Change the levels or this step, or take the phase out of the recipe",
            )  # fmt: skip


def _versions() -> dict[str, str]:
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "unknown"
    return versions
