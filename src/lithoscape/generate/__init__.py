"""Generated microstructures: packings, structured electrodes, grains, random media; seeded and reproducible.

Workflow::

    structure = make(load_recipe(Path("meshes/packing_d8.yaml")))   # the same voxels every time
    structure.volume.fractions(), structure.figures                  # what came out, and what was asked
    structure.shapes["active"](points)                               # signed distance, for smooth meshes
    structure.particles["active"].table                              # every particle
"""

from .packing import Form, Gradient, Layer, Packing, pack, pack_gradient, pack_layers
from .phantom import phantom
from .recipe import Recipe, check_recipe, json_schema, load_recipe, make, scanned
from .shapes import Complement, HalfSpace, Intersection, Shape, Union, minus, rasterise, union
from .spheres import Ellipsoids, Spheres, rasterise_particles
from .steps import STEPS
from .structure import Step, Structure

__all__ = [
    "STEPS",
    "Complement",
    "Ellipsoids",
    "Form",
    "Gradient",
    "HalfSpace",
    "Intersection",
    "Layer",
    "Packing",
    "Recipe",
    "Shape",
    "Spheres",
    "Step",
    "Structure",
    "Union",
    "check_recipe",
    "json_schema",
    "load_recipe",
    "make",
    "minus",
    "pack",
    "pack_gradient",
    "pack_layers",
    "phantom",
    "rasterise",
    "rasterise_particles",
    "scanned",
    "union",
]
