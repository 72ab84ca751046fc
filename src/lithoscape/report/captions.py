"""What stands below the pictures of a report."""

from __future__ import annotations

TARGETS = (
    "Deviation of every simulated number from the measured one in units of its tolerance; inside the green "
    "band a target is met. Arrows lie further away than drawn; hollow marks are shown, but not "
    "counted. Not seen: what was measured does not happen in the simulation."
)
VOLTAGE = (
    "Voltage and applied current. Background: blue open circuit, yellow constant current, red constant "
    "voltage, grey slow discharge (any discharge after the first of a cycle)."
)
CAPACITY = "Voltage against the charge stored since the start of each cycle; stars mark its start and end."
SALT = "Lowest and highest salt concentration in the cell."
LEVELS = (
    "State of lithiation averaged over all gauge volumes of a level; levels are named with their depth below "
    "the separator-side surface. Dotted during the slow discharge."
)
GROUPS = (
    "Averages of the lateral groups at each level, sets shifted upwards by 0.13 per level as in the measured "
    "figures; the scale holds for the lowest set."
)
MULTIPLES = "The same averages without shift, one panel per level and cycle."
SECTION = (
    "Cross-section next to the crack, separator on top, current collector (brown) at the bottom, mirrored at "
    "the crack's plane of symmetry. Grey: no active material. State of lithiation at each moment."
)
SAMPLED = (
    " Below each: what the instrument samples, interpolated between its measuring points (circles; empty "
    "where it sees no active material). Red line: the crack's centre."
)
CONCENTRATION = (
    "Salt concentration at the same moments; a red line, if there is one, marks the limit of validity of the "
    "electrolyte's laws."
)
REACTION = (
    "Reaction current density at the active surface: red gives lithium away, blue takes it up. Both colours "
    "in one panel mean local currents against the overall one. Dark line: zero."
)
PRIORS = "Not measured for this cell; a fit may move them within these ranges (SI units)."
