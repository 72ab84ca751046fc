"""From grey levels to labels: a recipe of steps that gives the same labels every time.

Workflow::

    recipe = load_recipe("segmentation.yaml")
    volume = run_recipe(image, recipe, "segmentation/")     # a picture after every step, labels at the end
    iou(truth, volume)                                      # where the truth is known
"""

from .compare import boundary_distance, iou
from .recipe import SegmentRecipe, check_recipe, load_recipe, save_recipe, segment
from .run import run_recipe
from .scribbles import Scribble
from .stage import SegmentStep

__all__ = [
    "Scribble",
    "SegmentRecipe",
    "SegmentStep",
    "boundary_distance",
    "check_recipe",
    "iou",
    "load_recipe",
    "run_recipe",
    "save_recipe",
    "segment",
]
