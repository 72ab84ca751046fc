"""Whether a run can start: the initial state against the materials and the first step."""

from __future__ import annotations

from ..errors import InputError
from ..materials import MaterialSet
from ..materials.window import open_circuit_voltage
from ..protocol import Sequence, Step

MARGIN = 5e-3
"""How far beyond a stop the open-circuit voltage may be before the first step counts as over [V]."""


def check_start(materials: MaterialSet, sequence: Sequence, slack: float, *, given: bool) -> None:
    """Refuse an initial state that the materials or the protocol have no use for.

    Parameters
    ----------
    slack:
        How far the open-circuit voltage may be beyond the set's limits [V].
    given:
        Whether the scenario states the initial state itself (else it is the set's).
    """
    field = "initial.state_of_lithiation" if given else "materials"
    x = materials.positive.initial_stoichiometry
    lowest, highest = materials.positive.material.stoichiometry
    if not lowest <= x <= highest:
        raise InputError(
            f"{materials.positive.material.name} is not known at this state of lithiation",
            field=field, value=x, remedy=f"Choose {lowest:g} to {highest:g}",
        )  # fmt: skip
    voltage = open_circuit_voltage(materials)
    low, high = materials.voltage_limits
    if not low - slack <= voltage <= high + slack:
        raise InputError(
            f"the cell starts at {voltage:.3f} V, outside the limits of {materials.name}",
            field=field, value=x, remedy=f"Choose a state between {low:g} and {high:g} V",
        )  # fmt: skip
    first = next((step for step in sequence if step.kind not in ("rest", "impedance")), None)
    if first is not None and first.kind != "voltage":
        _check_first(first, voltage, field, x)


def _check_first(step: Step, voltage: float, field: str, x: float) -> None:
    for stop in step.stops:
        if stop.quantity != "voltage":
            continue
        falling = stop.side("falling" if step.mode == "discharge" else "rising") == "falling"
        beyond = stop.value - voltage if falling else voltage - stop.value
        if beyond > MARGIN:
            raise InputError(
                f"the cell starts at {voltage:.3f} V, so {step.text!r} would be over before it starts",
                field=field, value=x,
                remedy=f"Choose a {'lower' if falling else 'higher'} state of lithiation, or another stop",
            )  # fmt: skip
