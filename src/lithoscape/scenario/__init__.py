"""Scenario files: schema, loading, building and running.

``loaded = load_scenario(path, variant)`` validates the file; ``build_plan``
resolves it to materials, mesh, model and protocol; ``run_scenario`` runs it
into a folder with record, maps, fields, comparison and report.
"""

from .build import Plan, build_plan
from .load import Loaded, json_schema, load_scenario, parse_changes, variant_names
from .run import RunResult, prepare, rewrite_report, run_scenario

__all__ = [
    "Loaded",
    "Plan",
    "RunResult",
    "build_plan",
    "json_schema",
    "load_scenario",
    "parse_changes",
    "prepare",
    "rewrite_report",
    "run_scenario",
    "variant_names",
]
