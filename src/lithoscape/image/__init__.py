"""Images of electrodes: read, segment, follow through a series, measure.

Workflow::

    volume = Volume(labels, Grid(labels.shape, voxel_size), {"pore": 0, "active": 1})
    volume.fractions()
"""

from .grid import Grid
from .volume import GreyImage, Instances, Volume

__all__ = ["GreyImage", "Grid", "Instances", "Volume"]
