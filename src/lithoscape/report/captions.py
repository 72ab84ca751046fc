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
PARTICLES = (
    "State of lithiation of every particle against its depth, the separator on the left. Bars: standard "
    "deviation within the particle. Line and band: mean and standard deviation of all active material at "
    "a depth. A slope shows that transport through the electrolyte limits, long bars that diffusion in "
    "the solid does (after Lu et al., Energy Environ. Sci. 14 (2021) 5929, doi 10.1039/d1ee01388b, fig. "
    "3)."
)
HISTOGRAM = (
    "Active material by its state of lithiation at the same moments. A peak at the right end is material "
    "below the particles' surface that is full; the legend tells the share above 0.95 of all sites (fig. "
    "4 of the same work)."
)
SPREADS = (
    "Standard deviation of the state of lithiation within each particle at the same moments, against "
    "depth: the larger it is, the more diffusion in the solid limits there."
)
SPHERE = (
    " Dashed: a sphere by itself that takes the mean current of the electrode. Tinted: the depth in which "
    "particles spread at least as much on average."
)
DIFFERENCES = (
    "Left: difference between the highest and the lowest state of lithiation within a particle (fig. 5 of "
    "the same work). Right: current density at the surface of a particle over the mean of all reacting "
    "surface; above 1 the particle takes or gives more than its share. Above: means over thirds of the "
    "depth. Below: means over the particles in slices of the depth, separator on top; grey where there is "
    "nothing. A reaction that moves away from the separator and back shows how transport in electrolyte "
    "and solid take turns."
)
ONLY_DIFFERENCES = (
    "Difference between the highest and the lowest state of lithiation within a particle (fig. 5 of the "
    "same work). Above: means over thirds of the depth. Below: means over the particles in slices of the "
    "depth, separator on top; grey where there is nothing."
)
PICTURES = {
    "state_of_lithiation": "State of lithiation in the active material.",
    "reaction_current": (
        "Reaction current density at the surface of the active material; negative where lithium enters it."
    ),
    "electrolyte_concentration": "Salt concentration in the electrolyte.",
}
"""Name of a picture's file -> what it shows."""
FILM = "Film of the run. "

NYQUIST = (
    "Impedance, linearised at the state in which the step before it ended. Both axes have one scale; dots "
    "mark full decades of frequency."
)
BODE = "The same impedance over frequency: magnitude and phase."
