"""Generated microstructures: packings, structured electrodes, grains, random media; seeded and reproducible.

Workflow::

    structure = Structure.empty(Grid((120, 80, 80), 0.5e-6))     # all pore
    structure = structure.paint("active", shape=HalfSpace(0, 20e-6))
    structure.volume.fractions(), structure.shapes["active"]     # labels, and the implicit function
"""

from .shapes import Complement, HalfSpace, Intersection, Shape, Union, minus, rasterise, union
from .structure import Step, Structure

__all__ = [
    "Complement",
    "HalfSpace",
    "Intersection",
    "Shape",
    "Step",
    "Structure",
    "Union",
    "minus",
    "rasterise",
    "union",
]
