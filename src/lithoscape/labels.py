"""Names and units of everything that is recorded, in one table.

Names follow PyBaMM's idiom, ``"Quantity [unit]"`` with ``.`` between units.
"""

from __future__ import annotations

UNITS: dict[str, str] = {
    "Time [s]": "s",
    "Voltage [V]": "V",
    "Current density [A.m-2]": "A.m-2",
    "C-rate": "1",
    "Discharge capacity [A.h.m-2]": "A.h.m-2",
    "Mean state of lithiation": "1",
    "Minimum electrolyte concentration [mol.m-3]": "mol.m-3",
    "Maximum electrolyte concentration [mol.m-3]": "mol.m-3",
    "Lithium in solid [mol.m-2]": "mol.m-2",
    "Lithium in electrolyte [mol.m-2]": "mol.m-2",
    "Precipitated salt [mol.m-2]": "mol.m-2",
    "Lithium balance error": "1",
    "Step": "1",
    "Cycle": "1",
    "Spread of state of lithiation": "1",
    "State of lithiation by depth": "1",
    "State of lithiation by layer": "1",
    "Spread of state of lithiation by depth": "1",
    "Share of active material by state of lithiation": "1",
    "Particle state of lithiation": "1",
    "Spread within particle": "1",
    "Lowest state of lithiation in particle": "1",
    "Highest state of lithiation in particle": "1",
    "Particle current density [A.m-2]": "A.m-2",
    "Gauge state of lithiation": "1",
    "Gauge signal": "1",
    "Gauge state of lithiation by reflection": "1",
    "Gauge signal by reflection": "1",
    "Gauge length [m]": "m",
    "Share of gauge volume in crack length": "1",
    "Gauge average state of lithiation": "1",
    "Gauge uncertainty": "1",
    "Gauge average uncertainty": "1",
    "Gauge state of lithiation as acquired": "1",
    "Time of acquisition [s]": "s",
    "Far state of lithiation": "1",
    "Far signal": "1",
    "Compton stoichiometry": "1",
    "Compton signal": "1",
    "Compton stoichiometry by pixel": "1",
    "Compton signal by pixel": "1",
    "Compton uncertainty": "1",
    "Compton calibration uncertainty": "1",
    "Compton stoichiometry as exposed": "1",
    "Time of exposure [s]": "s",
    "Cycler time [s]": "s",
    "Cycler voltage [V]": "V",
    "Cycler voltage uncertainty [V]": "V",
    "Cycler current density [A.m-2]": "A.m-2",
    "Cycler current density uncertainty [A.m-2]": "A.m-2",
    "Cycler out of range": "1",
    "Cycler step": "1",
    "Delithiating share of active material": "1",
}
"""Unit of every recorded variable; ``"1"`` is dimensionless."""


def unit(name: str) -> str:
    """Unit of the recorded variable ``name``; KeyError names the valid ones."""
    try:
        return UNITS[name]
    except KeyError:
        raise KeyError(f"no recorded variable {name!r}; known: {', '.join(UNITS)}") from None
