"""Figures and documents of records, for people.

Workflow::

    write_report(folder, record, maps, rows, {"materials": cell, "statistics": numbers})  # report.html
    figures.level_averages(record).savefig("levels.png")                                  # one figure
    maps.sol_maps(record, fields).savefig("maps.png")
"""

from .document import Details, write_report

__all__ = ["Details", "write_report"]
