"""Effective transport of electrodes.

Workflow::

    found = effective(volume.labels, {0: 1.0, 1: 0.0}, axis=0, spacing=(0.4e-6,) * 3)
    found.tau, found.porosity, found.error     # tortuosity factor, fraction that conducts, certified error
"""

from .flux import flux
from .percolation import percolating
from .periodic import Cell, periodic
from .voxel import Transport, VoxelOptions, effective

__all__ = ["Cell", "Transport", "VoxelOptions", "effective", "flux", "percolating", "periodic"]
