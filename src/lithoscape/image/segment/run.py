"""Carrying out a recipe with a picture after every step."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from ..volume import GreyImage, Volume
from .classifier import Classify
from .preview import draw_step
from .recipe import SegmentRecipe, labelled_volume, save_recipe, stages
from .stage import Progress, Stage

RECIPE_FILE = "recipe.yaml"
FOUND_FILE = "found.json"


def run_recipe(
    image: GreyImage, recipe: SegmentRecipe, out_folder: Path | str, *, progress: Progress | None = None
) -> Volume:
    """:func:`segment`, with files that tell how it came about.

    Writes into ``out_folder``: after every step a picture ``01_rings.png``, ``02_otsu.png`` and so on, the
    ``recipe.yaml`` with the file of scribbles that it names, and ``found.json``, what the steps found.

    Raises
    ------
    InputError
        As :func:`segment`. Pictures of the steps before the failing one are kept.
    """
    folder = Path(out_folder)
    folder.mkdir(parents=True, exist_ok=True)
    _copy_recipe(recipe, folder)
    found: list[dict[str, Any]] = []
    last: Stage | None = None
    for before, after in stages(image, recipe, progress):
        k, step = len(found), recipe.steps[len(found)]
        draw_step(before, after, f"{k + 1}  {step.step}", folder / f"{k + 1:02d}_{step.step}.png")
        found.append(dict(after.figures))
        last = after
    assert last is not None  # a recipe has at least one step
    volume = labelled_volume(image, recipe, last, found)
    told = {**volume.provenance, "fractions": volume.fractions()}
    (folder / FOUND_FILE).write_text(json.dumps(told, indent=1, default=str) + "\n", encoding="utf-8")
    return volume


def _copy_recipe(recipe: SegmentRecipe, folder: Path) -> None:
    """The recipe and the files it names, so that the folder is enough to repeat the work."""
    steps = []
    for step in recipe.steps:
        if isinstance(step, Classify) and step.file is not None and (recipe.folder / step.file).is_file():
            source = recipe.folder / step.file
            if source.resolve() != (folder / source.name).resolve():
                shutil.copyfile(source, folder / source.name)
            step = step.model_copy(update={"file": source.name})
        steps.append(step)
    save_recipe(recipe.model_copy(update={"steps": tuple(steps)}), folder / RECIPE_FILE)
