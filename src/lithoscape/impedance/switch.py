"""Cells in which one process is switched off: made so fast that nothing of it is left, or absent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..errors import InputError, nearest
from ..materials.schema import ActiveMaterial, Electrolyte
from ..models.homogenised import HomogenisedCell
from ..models.resolved import ResolvedCell

Cell = HomogenisedCell | ResolvedCell
FASTER = 1e6
"""How much faster a process becomes that is switched off: what is left of its impedance is 1e-6."""


def scaled(law: Any, factor: float) -> Any:
    """A law, or a number, times a factor."""
    if law is None:
        return None
    return (lambda *args: factor * law(*args)) if callable(law) else factor * law


def with_materials(cell: Cell, changed: Callable[[ActiveMaterial], ActiveMaterial]) -> Cell:
    """The cell with every active material changed."""
    if isinstance(cell, ResolvedCell):
        phases = [p if p.material is None else replace(p, material=changed(p.material)) for p in cell.phases]
        return replace(cell, phases=tuple(phases))
    regions = [
        replace(r, particles=tuple(replace(p, material=changed(p.material)) for p in r.particles))
        for r in cell.regions
    ]
    return replace(cell, regions=tuple(regions))


def with_parts(cell: Cell, **changes: Callable[[Any], Any]) -> Cell:
    """The cell with fields of all its regions or phases changed by functions of their values."""
    if isinstance(cell, ResolvedCell):
        return replace(
            cell,
            phases=tuple(
                replace(p, **{k: f(getattr(p, k)) for k, f in changes.items()}) for p in cell.phases
            ),
        )
    return replace(
        cell,
        regions=tuple(replace(r, **{k: f(getattr(r, k)) for k, f in changes.items()}) for r in cell.regions),
    )


def _electrolyte(cell: Cell, **changes: Any) -> Cell:
    electrolyte: Electrolyte = replace(cell.electrolyte, **changes)
    return replace(cell, electrolyte=electrolyte)


def _without_electronic(cell: Cell) -> Cell:
    out = with_parts(cell, conductivity=lambda s: scaled(s, FASTER))
    return replace(out, contact_resistance=0.0) if isinstance(out, HomogenisedCell) else out


def _without_counter(cell: Cell, factor: float = FASTER) -> Cell:
    if cell.lithium is None:
        return cell
    law = cell.lithium.exchange_current
    return replace(cell, lithium=replace(cell.lithium, exchange_current=scaled(law, factor)))


_SWITCHES: dict[str, Callable[[Cell], Cell]] = {
    "charge transfer": lambda cell: with_materials(
        cell, lambda m: replace(m, exchange_current=scaled(m.exchange_current, FASTER))
    ),
    "solid diffusion": lambda cell: with_materials(
        cell, lambda m: replace(m, diffusivity=scaled(m.diffusivity, FASTER))
    ),
    "electrolyte diffusion": lambda cell: _electrolyte(
        cell, diffusivity=scaled(cell.electrolyte.diffusivity, FASTER)
    ),
    "ionic resistance": lambda cell: _electrolyte(
        cell, conductivity=scaled(cell.electrolyte.conductivity, FASTER)
    ),
    "electronic resistance": _without_electronic,
    "lithium electrode": _without_counter,
    "double layer": lambda cell: with_parts(cell, double_layer=lambda c: 0.0),
}
PROCESSES = tuple(_SWITCHES)
"""Processes that can be switched off."""


def processes_of(cell: Cell) -> tuple[str, ...]:
    """Processes that the cell has."""
    parts = cell.phases if isinstance(cell, ResolvedCell) else cell.regions
    layered = any(p.double_layer > 0 for p in parts)
    lacking = {"double layer"} if not layered else set()
    lacking |= {"lithium electrode"} if cell.lithium is None else set()
    return tuple(p for p in PROCESSES if p not in lacking)


def switched_off(cell: Cell, process: str) -> Cell:
    """The cell without a process; InputError if there is no such process."""
    if process not in _SWITCHES:
        raise InputError(
            "no such process", field="process", value=process, remedy=nearest(process, list(PROCESSES))
        )
    return _SWITCHES[process](cell)
