"""Recipes: a YAML file of steps that makes a microstructure, the same one every time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Discriminator, Field, SerializeAsAny, create_model

from ..errors import InputError, LithoscapeError
from ..image import GreyImage, Grid
from ..records import provenance
from ..specification import read_mapping, relocated, validated
from .scan import Scan
from .steps import STEPS
from .structure import Step, Structure

Progress = Callable[[float, str], None]
Micrometres = Annotated[float, Field(gt=0, le=1e5, allow_inf_nan=False)]
MOST_VOXELS = 2**31
"""Voxels above which a recipe is refused: labels, particles and distances no longer fit into 24 GB."""


class Recipe(BaseModel):
    """What a recipe file says. Lengths are in micrometres, as their keys tell.

    ``size_um`` lists the edges of the box in the order of the array axes; ``through`` is the axis from
    collector to separator.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    cite: str | None = Field(None, description="DOI of the work whose structure this follows")
    notes: str = ""
    seed: Annotated[int, Field(ge=0, lt=2**63, strict=True)]
    size_um: Annotated[tuple[Micrometres, Micrometres, Micrometres], Field(description="edges of the box")]
    voxel_um: Micrometres = Field(description="edge of the cubic voxels")
    through: Annotated[int, Field(ge=0, le=2, strict=True)] = 0
    collector: Literal["low", "high"] = "low"
    steps: Annotated[list[SerializeAsAny[Step]], Field(min_length=1)]
    scan: Scan | None = Field(None, description="grey-level scan of the result, to test segmentation")

    def grid(self) -> Grid:
        """The voxel lattice.

        Raises
        ------
        InputError
            The voxel does not divide the box to a thousandth of a voxel, or there are too many voxels.
        """
        counts = [length / self.voxel_um for length in self.size_um]
        whole = [round(count) for count in counts]
        if any(n < 1 or abs(count - n) > 1e-3 for count, n in zip(counts, whole, strict=True)):
            raise InputError(
                "the voxel must divide every edge of the box", field="voxel_um", value=self.voxel_um,
                remedy=f"size_um is {list(self.size_um)}",
            )  # fmt: skip
        if np.prod(whole, dtype=float) > MOST_VOXELS:
            raise InputError(
                f"the box would have {np.prod(whole, dtype=float):.2g} voxels", field="voxel_um",
                value=self.voxel_um, remedy=f"At most {MOST_VOXELS:.2g}: larger voxels or a smaller box",
            )  # fmt: skip
        edge = self.voxel_um * 1e-6
        return Grid((whole[0], whole[1], whole[2]), (edge, edge, edge), self.through, self.collector)

    def digest(self) -> str:
        """Hash of everything the recipe says (12 hex digits)."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def load_recipe(path: Path, seed: int | None = None) -> Recipe:
    """Read and validate a recipe file; ``seed`` replaces the file's own.

    Raises
    ------
    InputError
        Missing file, YAML that does not parse, unknown key, unknown step, value out of range.
    """
    raw = read_mapping(path, "recipe", "meshes/")
    return check_recipe(raw if seed is None else {**raw, "seed": seed})


def check_recipe(raw: dict[str, Any]) -> Recipe:
    """A recipe from plain data; InputError names the key."""
    checked = validated(_model(), raw, kind="recipe", folder="meshes/")
    return checked


def json_schema() -> dict[str, Any]:
    """JSON Schema of recipe files, for editors."""
    return _model().model_json_schema()


def make(recipe: Recipe, progress: Progress | None = None) -> Structure:
    """Carry out the steps of a recipe.

    Every step draws from a stream of its own, made of the seed and its place, so that changing one step
    leaves the random numbers of the others as they are.

    Raises
    ------
    InputError
        A step cannot be carried out on what the steps before it left; the field names the step.
    """
    structure = Structure.empty(recipe.grid())
    for k, step in enumerate(recipe.steps):
        name = str(getattr(step, "make", type(step).__name__))
        if progress is not None:
            progress(k / len(recipe.steps), name)
        try:
            structure = step.apply(structure, np.random.default_rng([recipe.seed, k]))
        except InputError as error:
            field = f"steps[{k}]" + (f".{error.field}" if error.field else "")
            raise relocated(error, field) from None
        except LithoscapeError as error:
            error.field = f"steps[{k}]" + (f".{error.field}" if error.field else "")
            raise
    if progress is not None:
        progress(1.0, "done")
    told = {
        "recipe": recipe.model_dump(mode="json", exclude_none=True),
        "hash": recipe.digest(),
        "versions": provenance()["versions"],
        "figures": structure.figures,
    }
    return replace(structure, volume=replace(structure.volume, provenance=told))


def scanned(recipe: Recipe, structure: Structure) -> GreyImage | None:
    """The grey-level scan that a recipe asks for; None if it asks for none.

    Raises
    ------
    InputError
        What :func:`~lithoscape.generate.phantom.phantom` refuses.
    """
    if recipe.scan is None:
        return None
    try:
        return recipe.scan.image(structure.volume, np.random.default_rng([recipe.seed, len(recipe.steps)]))
    except InputError as error:
        raise relocated(error, f"scan.{error.field}" if error.field else "scan") from None


@cache
def _model() -> type[Recipe]:
    """The recipe with its steps told apart by what they make."""
    union: Any = STEPS[0]
    for step in STEPS[1:]:
        union = union | step
    steps: Any = Annotated[list[Annotated[union, Discriminator("make")]], Field(min_length=1)]
    return create_model("Recipe", __base__=Recipe, steps=(steps, ...))
