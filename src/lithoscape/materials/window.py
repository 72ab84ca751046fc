"""Stoichiometries that the voltage limits allow at equilibrium."""

from __future__ import annotations

from .schema import LithiumMetal, MaterialSet

EDGE = 1e-3
"""Stoichiometries closer than this to 0 or 1 are not looked at."""

Window = tuple[float, float]


def open_circuit_voltage(materials: MaterialSet, charge: float = 0.0) -> float:
    """Equilibrium voltage [V] after ``charge`` [C/m2] of discharge from the initial state."""
    positive, negative = materials.positive, materials.negative
    x = positive.initial_stoichiometry + charge / positive.capacity
    voltage = float(positive.material.ocp(x))
    if isinstance(negative, LithiumMetal):
        return voltage
    return voltage - float(negative.material.ocp(negative.initial_stoichiometry - charge / negative.capacity))


def charge_window(materials: MaterialSet) -> Window:
    """Charges [C/m2], from the initial state, at the upper and at the lower voltage limit.

    The first is usually negative or near zero (fully charged), the second the
    equilibrium capacity left. A limit beyond the stoichiometry range gives the
    end of that range.
    """
    from scipy.optimize import brentq

    low, high = _possible(materials)
    ends = []
    for limit, end in zip(reversed(materials.voltage_limits), (low, high), strict=True):
        excess = [open_circuit_voltage(materials, q) - limit for q in (low, high)]
        inside = excess[0] > 0.0 > excess[1]
        ends.append(
            brentq(lambda q, v=limit: open_circuit_voltage(materials, q) - v, low, high, xtol=1e-9)
            if inside
            else end
        )
    return ends[0], ends[1]


def stoichiometry_window(materials: MaterialSet) -> tuple[Window, Window | None]:
    """(lowest, highest) stoichiometry of the positive and of the negative (None for lithium)."""
    charged, discharged = charge_window(materials)
    positive, negative = materials.positive, materials.negative
    first = positive.initial_stoichiometry
    p = (first + charged / positive.capacity, first + discharged / positive.capacity)
    if isinstance(negative, LithiumMetal):
        return p, None
    first = negative.initial_stoichiometry
    return p, (first - discharged / negative.capacity, first - charged / negative.capacity)


def _possible(materials: MaterialSet) -> Window:
    """Charges that keep every stoichiometry between EDGE and 1 - EDGE."""
    positive, negative = materials.positive, materials.negative
    low = (EDGE - positive.initial_stoichiometry) * positive.capacity
    high = (1.0 - EDGE - positive.initial_stoichiometry) * positive.capacity
    if isinstance(negative, LithiumMetal):
        return low, high
    fullest = (negative.initial_stoichiometry - 1.0 + EDGE) * negative.capacity
    emptiest = (negative.initial_stoichiometry - EDGE) * negative.capacity
    return max(low, fullest), min(high, emptiest)
