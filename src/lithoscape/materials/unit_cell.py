"""Unit-cell volume against lithiation, what diffraction reads the lithiation from."""

from __future__ import annotations

from functools import lru_cache

from .tables import Table, read_table

NMC622_VOLUME_AT_FULL = 101.4e-30
"""Volume of the hexagonal cell at x = 1 [m3]."""


@lru_cache(maxsize=1)
def strauss2018_nmc622_volume_ratio() -> Table:
    """V(x)/V(1) of NMC622; call it with x. Readings scatter by 0.03 in x.

    Falls slowly to x = 0.5 (0.986) and faster below (0.968 at 0.31), so a
    lithiation read from V is best determined where V is steep.
    Source: Strauss et al. 2018, doi 10.1021/acsenergylett.8b00275, as read by a
    third party.
    """
    x, y, citation = read_table("nmc622_unit_cell")
    return Table(tuple(x), tuple(y), "nmc622_unit_cell", citation, extend="linear")
