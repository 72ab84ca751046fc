"""The two commercial NMC811 electrodes of Lu et al., homogenised: single crystals (SC) and polycrystals (PC).

Source: Energy Environ. Sci. 14 (2021) 5929, doi 10.1039/d1ee01388b, sections 2.1, 2.2 and 3.5. Laws are those
of the set NMC811_half; its c_max is lowered until the electrode holds the measured capacity between them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq

from lithoscape.constants import FARADAY
from lithoscape.materials import get_set

WINDOW = (2.8, 4.2)
"""Limits of the measurement [V]."""
PACKED = 3300.0
"""Density of the coating [kg/m3]."""


@dataclass(frozen=True)
class Commercial:
    """What is published of one electrode, SI.

    ``loading`` is active mass per area, ``active`` the share of it in the coating's mass, ``fraction`` that
    of the volume by tomography, ``porosity`` and ``tau`` are those of the model of the domain between the
    particles, ``area`` is per volume of the electrode, ``capacity`` as measured at C/10 [A h/m2].
    """

    loading: float
    active: float
    fraction: float
    porosity: float
    tau: float
    area: float
    capacity: float

    @property
    def thickness(self) -> float:
        """From loading and density [m]."""
        return self.loading / self.active / PACKED

    @property
    def radius(self) -> float:
        """Of spheres with the measured area [m]."""
        return 3 * self.fraction / self.area

    def c_max(self) -> float:
        """That holds the measured capacity between the limits, in equilibrium [mol/m3]."""
        empty, full = stoichiometries()
        sites = 3600 * self.capacity / FARADAY / (full - empty)
        return sites / (self.fraction * self.thickness)


SC = Commercial(0.167, 0.955, 0.605, 0.203, 5.1, 1.23e6, 24.9)
PC = Commercial(0.180, 0.964, 0.621, 0.218, 8.4, 0.56e6, 27.7)
ELECTRODES = {"sc": SC, "pc": PC}
SLOPE = 0.2
"""Relative difference of the active fraction between the two faces of PC (section 3.5)."""


def stoichiometries() -> tuple[float, float]:
    """Of the set's potential at the upper and the lower limit."""
    material = get_set("NMC811_half").positive.material
    law: Callable[..., Any] = material.ocp
    low, high = material.stoichiometry

    def at(voltage: float) -> float:
        gap = [float(law(x)) - voltage for x in (low, high)]
        if gap[0] * gap[1] > 0:  # the table ends before the limit
            return low if abs(gap[0]) < abs(gap[1]) else high
        return float(brentq(lambda x: float(law(x)) - voltage, low, high))

    return at(WINDOW[1]), at(WINDOW[0])


def changes(one: Commercial, rate: float, reading: str = "electrode") -> dict[str, Any]:
    """Changes that turn the homogenised packing into ``one``, discharged at ``rate``.

    ``reading`` says what the published porosity is a share of: of the electrode, or of the domain between the
    particles, which leaves less pore and adds the detour round the particles (Bruggeman).
    """
    porosity, transport = one.porosity, one.porosity / one.tau
    if reading == "domain":
        between = 1 - one.fraction
        porosity, transport = porosity * between, transport * between**1.5
    return {
        **_common(one, rate),
        "electrode.thickness_um": 1e6 * one.thickness,
        "electrode.porosity": porosity,
        "electrode.transport": transport,
        "electrode.active_fraction": one.fraction,
    }


def graded(one: Commercial, rate: float, turned: bool) -> dict[str, Any]:
    """The same with an active fraction that grows towards the collector, or towards the separator if turned.

    Three layers; porosity is what the particles leave, in the published proportion, at the published tau.
    """
    steps = np.array([-1.0, 0.0, 1.0]) * SLOPE / 2 * (2 / 3) * (-1 if turned else 1)
    layers = [
        {
            "name": f"layer {k + 1}", "thickness_um": 1e6 * one.thickness / 3,
            "active_fraction": float(one.fraction * (1 + s)),
            "porosity": float(one.porosity * (1 - one.fraction * (1 + s)) / (1 - one.fraction)),
        }
        for k, s in enumerate(steps)
    ]  # fmt: skip
    for layer in layers:
        layer["transport"] = layer["porosity"] / one.tau
    whole = dict.fromkeys(("thickness_um", "porosity", "active_fraction", "transport"))
    return {**_common(one, rate), "electrode": {**whole, "transport": "bruggeman", "layers": layers}}


def _common(one: Commercial, rate: float) -> dict[str, Any]:
    return {
        "materials.changes": {
            "separator.thickness": 25e-6, "positive.conductivity": 10.0,
            "positive.material.c_max": one.c_max(),
        },
        "electrode.particle_radius_um": 1e6 * one.radius,
        "cell.capacity_mAh_cm2": one.capacity / 10,
        "initial.state_of_lithiation": stoichiometries()[0],
        "protocol": [f"Discharge at {rate:g}C until {WINDOW[0]:g} V"],
    }  # fmt: skip
