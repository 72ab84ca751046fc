"""Images of electrodes: read, segment, follow through a series, measure.

Workflow::

    volume = read_volume("electrode.tif", phases={"pore": 0, "active": 1}, voxel_size=0.4e-6)
    volume = segment(read_grey("scan.tif"), load_recipe("steps.yaml"))    # lithoscape.image.segment
    particles = split_particles(volume, "active")                          # every particle and its table
    measure(volume).value("Specific surface area [m-1]", "active")         # measures, profiles, regions
"""

from .grid import Grid
from .io import read_grey, read_instances, read_volume, write_grey, write_instances, write_volume
from .measure import measure
from .measures import Measures
from .particles import split_particles
from .volume import GreyImage, Instances, Volume

__all__ = [
    "GreyImage",
    "Grid",
    "Instances",
    "Measures",
    "Volume",
    "measure",
    "read_grey",
    "read_instances",
    "read_volume",
    "split_particles",
    "write_grey",
    "write_instances",
    "write_volume",
]
