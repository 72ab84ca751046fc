"""Material laws and cited material sets.

Workflow: ``cell = get_set("Chen2020_half")`` gives a frozen, validated set;
``change(cell, {"positive.particle_radius": 3e-6})`` copies it with new values;
``cell.positive.material.ocp(x)`` evaluates a law on numbers, and
``cell.positive.material.ocp(x, ufl_maths())`` the same law in a form.
"""

from .bpx import read_bpx, write_bpx
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
from .unit_cell import strauss2018_nmc622_volume_ratio
from .window import charge_window, open_circuit_voltage, stoichiometry_window

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
    "charge_window",
    "derivative",
    "get_electrolyte",
    "get_set",
    "list_electrolytes",
    "list_sets",
    "ocp_table",
    "open_circuit_voltage",
    "packaged_ocp",
    "read_bpx",
    "read_table",
    "stoichiometry_window",
    "strauss2018_nmc622_volume_ratio",
    "ufl_maths",
    "value_at",
    "write_bpx",
]
