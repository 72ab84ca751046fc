"""Measured targets and how a record compares with them.

Workflow::

    case = load_case("validation/mcc_xrd_nmc622.yaml")   # facts with citation and tolerance
    rows = compare(record, case)                         # measured, simulated, verdict, reason
    write_json(rows, "comparison.json", case); Console().print(as_table(rows))
    summary(rows)                                        # {"met": ..., "not met": ..., "not testable": ...}

The book of all cases is made by :mod:`.book`; what a study is given and returns stands in :mod:`.study`.
"""

from .book import Result, write_book
from .cases import Case, Citation, Pin, Target, Tolerance, load_case, parse_case
from .compare import Row, as_html, as_table, compare, compare_findings, summary, to_dict, write_json
from .fitted import Fitted, read_fitted
from .observables import OBSERVABLES
from .reading import CycleKey, Frame, NotSeen, NotTestable, Reading
from .study import Findings, Picture, Table, load_study, require_data

__all__ = [
    "OBSERVABLES",
    "Case",
    "Citation",
    "CycleKey",
    "Findings",
    "Fitted",
    "Frame",
    "NotSeen",
    "NotTestable",
    "Picture",
    "Pin",
    "Reading",
    "Result",
    "Row",
    "Table",
    "Target",
    "Tolerance",
    "as_html",
    "as_table",
    "compare",
    "compare_findings",
    "load_case",
    "load_study",
    "parse_case",
    "read_fitted",
    "require_data",
    "summary",
    "to_dict",
    "write_book",
    "write_json",
]
