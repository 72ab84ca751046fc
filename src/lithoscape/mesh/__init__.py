"""Meshes whose parts have names.

``layered_cell([Layer("separator", 25e-6, 20), ...])`` stacks layers in 1D, 2D or 3D;
``cracked_cell(CrackedCell(...))`` makes a cross-section with a tapering crack;
both give a frozen ``Domain``: mesh, tags, names of regions, boundaries and interfaces;
``mesh_volume(volume)`` meshes an image or exact shapes, ``voxel_mesh`` its voxels;
``stack_cell``, ``cracked_layers``, ``channel_cell``, ``hole_cell`` and ``particle_cell`` give a
``Tessellation`` (Gmsh), of which ``build.domain`` makes a ``Domain``;
``domain.measure("region", "crack")`` and ``domain.digest()`` say what it is.
"""

from .cad import CrackedCell, cracked_cell
from .cad_channels import ChannelCell, channel_cell
from .cad_cracks import CollectorGap, CrackedLayers, SheetCrack, cracked_layers
from .cad_holes import HoleCell, hole_cell
from .cad_particle import Lens, Particle, Slit, Void
from .cad_particle_mesh import particle_cell
from .cad_size import Sizing
from .cad_stack import Slab, StackCell, stack_cell
from .domain import Domain
from .files import read_mesh, write_mesh
from .mesher import MeshOptions, mesh_volume
from .quality import check, statistics
from .structured import Layer, layered_cell
from .tessellation import Tessellation
from .voxel import voxel_mesh

__all__ = [
    "ChannelCell",
    "CollectorGap",
    "CrackedCell",
    "CrackedLayers",
    "Domain",
    "HoleCell",
    "Layer",
    "Lens",
    "MeshOptions",
    "Particle",
    "SheetCrack",
    "Sizing",
    "Slab",
    "Slit",
    "StackCell",
    "Tessellation",
    "Void",
    "channel_cell",
    "check",
    "cracked_cell",
    "cracked_layers",
    "hole_cell",
    "layered_cell",
    "mesh_volume",
    "particle_cell",
    "read_mesh",
    "stack_cell",
    "statistics",
    "voxel_mesh",
    "write_mesh",
]
