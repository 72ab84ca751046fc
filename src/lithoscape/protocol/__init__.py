"""Cycler protocols: lines of PyBaMM's experiment grammar, read and checked; no solver in here.

Workflow::

    sequence = parse_protocol(["Discharge at 0.8C until 2.5 V", "Rest until 3.6 V"])
    check_protocol(sequence, voltage_window=(2.0, 4.5), base=Base(c_rate_current_density=30.0))
    for step in sequence: control(step.kind, step.setpoint(base)); sides = step.directions(voltage)
    stop.gap(voltage, current_density, elapsed, base, side) > 0 for each stop and side: go on
"""

from .amount import parse_amount
from .check import check_protocol
from .frequency import FrequencyRange, parse_frequency
from .parse import parse_protocol, parse_step
from .quantity import Base, Quantity
from .sequence import Cycle, Sequence, Turn
from .step import Step
from .stop import Direction, Stop

__all__ = [
    "Base",
    "Cycle",
    "Direction",
    "FrequencyRange",
    "Quantity",
    "Sequence",
    "Step",
    "Stop",
    "Turn",
    "check_protocol",
    "parse_amount",
    "parse_frequency",
    "parse_protocol",
    "parse_step",
]
