"""Models: equations in, a problem out.

``cell = cell_from_set(get_set("Xu2019"), current_scale)`` names the regions and their laws;
``problem = homogenised(domain, cell)`` states them on a mesh (:mod:`lithoscape.problem`);
``resolved(domain, ResolvedCell(phases, ...))`` does so with every particle meshed, and
``single_particle(domain, cell)`` for one particle by itself;
a solver takes it from there, without knowing which model it is;
``Lithiation(problem)`` reads the state of lithiation back.
"""

import dolfinx_solver  # noqa: F401  (orders MPI before the compiled modules)

from .cell import cell_from_set, open_region, porous_region, separator_region
from .homogenised import HomogenisedCell, Particles, Region, homogenised
from .observe import Lithiation
from .particle import ParticleClass
from .resolved import Phase, ResolvedCell, resolved
from .single import SingleParticle, single_particle

__all__ = [
    "HomogenisedCell",
    "Lithiation",
    "ParticleClass",
    "Particles",
    "Phase",
    "Region",
    "ResolvedCell",
    "SingleParticle",
    "cell_from_set",
    "homogenised",
    "open_region",
    "porous_region",
    "resolved",
    "separator_region",
    "single_particle",
]
