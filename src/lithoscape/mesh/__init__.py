"""Meshes whose parts have names.

``layered_cell([Layer("separator", 25e-6, 20), ...])`` stacks layers in 1D, 2D or 3D;
``cracked_cell(CrackedCell(...))`` makes a cross-section with a tapering crack;
both give a frozen ``Domain``: mesh, tags, names of regions and boundaries;
``domain.measure("region", "crack")`` and ``domain.digest()`` say what it is.
"""

from .cad import CrackedCell, cracked_cell
from .domain import Domain
from .structured import Layer, layered_cell

__all__ = ["CrackedCell", "Domain", "Layer", "cracked_cell", "layered_cell"]
