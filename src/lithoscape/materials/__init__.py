"""Material laws and cited material sets.

Workflow: ``cell = get_set("Chen2020_half")`` gives a frozen, validated set;
``change(cell, {"positive.particle_radius": 3e-6})`` copies it with new values;
``cell.positive.material.ocp(x)`` evaluates a law on numbers, and
``cell.positive.material.ocp(x, ufl_maths())`` the same law in a form.
"""

from .change import change, value_at
from .electrolyte import get_electrolyte, list_electrolytes
from .kinetics import ReferenceExchange
from .maths import NUMPY, derivative, ufl_maths
from .schema import (
    ActiveMaterial,
    Assumed,
    Electrode,
    Electrolyte,
    LithiumMetal,
    MaterialSet,
    Separator,
)
from .sets import get_set, list_sets
from .tables import Table, ocp_table, packaged_ocp, read_table

__all__ = [
    "NUMPY",
    "ActiveMaterial",
    "Assumed",
    "Electrode",
    "Electrolyte",
    "LithiumMetal",
    "MaterialSet",
    "ReferenceExchange",
    "Separator",
    "Table",
    "change",
    "derivative",
    "get_electrolyte",
    "get_set",
    "list_electrolytes",
    "list_sets",
    "ocp_table",
    "packaged_ocp",
    "read_table",
    "ufl_maths",
    "value_at",
]
