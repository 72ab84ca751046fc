"""Measured targets and how a record compares with them.

Workflow::

    case = load_case("validation/mcc_xrd_nmc622.yaml")   # facts with citation and tolerance
    rows = compare(record, case)                         # measured, simulated, verdict, reason
    write_json(rows, "comparison.json", case); Console().print(as_table(rows))
    summary(rows)                                        # {"met": ..., "not met": ..., "not testable": ...}
"""

from .cases import Case, Citation, Target, Tolerance, load_case, parse_case
from .compare import Row, as_html, as_table, compare, summary, to_dict, write_json
from .observables import OBSERVABLES
from .reading import CycleKey, Frame, NotSeen, NotTestable, Reading

__all__ = [
    "OBSERVABLES",
    "Case",
    "Citation",
    "CycleKey",
    "Frame",
    "NotSeen",
    "NotTestable",
    "Reading",
    "Row",
    "Target",
    "Tolerance",
    "as_html",
    "as_table",
    "compare",
    "load_case",
    "parse_case",
    "summary",
    "to_dict",
    "write_json",
]
