"""Half cells assembled from tables and priors, where no coherent published set exists.

Every value that no measurement of this material backs is listed in
``MaterialSet.assumed`` with the range a fit may use. Names are dotted paths
into the set, so that :func:`~.change.change` can set them.
"""

from __future__ import annotations

from ..errors import InputError, nearest
from . import ocp, solid
from .electrolyte import get_electrolyte
from .kinetics import ReferenceExchange, oregan2022_nmc811_exchange_current
from .published import LITHIUM_ASSUMED, OREGAN, XU, lithium_metal
from .schema import ActiveMaterial, Assumed, Electrode, MaterialSet, Separator
from .tables import packaged_ocp

NMC622_DENSITY = 4750.0
"""Crystal density of NMC622 [kg/m3]."""

NMC622_C_MAX = 49004.0
"""276.5 mAh/g times 4.75 g/cm3 over the Faraday constant [mol/m3]."""

THICK_LOADING = 0.32
"""NMC622 mass per area of the thick electrode of doi 10.1039/d6eb00017g [kg/m2]."""

THICK_THICKNESS = 195e-6
"""Dry thickness of the same electrode [m]."""

_SHARED = LITHIUM_ASSUMED | {
    "positive.bruggeman_electrolyte": Assumed(
        1.5, 4.0, "no transport measurement; 1.5 is the sphere-pack value, thick electrodes need more"
    ),
    "positive.conductivity": Assumed(
        0.17, 100.0, "effective electronic conductivity; open NMC sets span this range", log=True
    ),
    "separator.bruggeman_electrolyte": Assumed(1.5, 2.5, "no transport measurement of the separator"),
    "temperature": Assumed(293.15, 303.15, "room temperature, not stated"),
    "separator.thickness": Assumed(16e-6, 30e-6, "separator not stated; Celgard 2325 class"),
    "separator.porosity": Assumed(0.39, 0.55, "separator not stated; Celgard 2325 class"),
    "electrolyte": Assumed(
        0.0, 1.0, "mixing weight from Nyman2008 (0) to Landesfeind2019_EC_EMC_3_7 (1): run both"
    ),
}


def nmc622_half() -> MaterialSet:
    """NMC622 | Li, thick electrode (195 um, 32 mg/cm2), mostly priors.

    Geometry and loading: doi 10.1039/d6eb00017g. Potential: packaged table
    (digitised, not peer reviewed) covering x = 0.3225-0.9875; reaching 4.3 V
    uses its straight extension to x = 0.303. Electrolyte: Nyman 2008, clamped.
    """
    table = packaged_ocp("nmc622_hanyang_ocp")
    nmc622 = ActiveMaterial(
        name="NMC622",
        citation=table.citation,
        ocp=table,
        diffusivity=5e-15,
        exchange_current=ReferenceExchange(2.5),
        c_max=NMC622_C_MAX,
        stoichiometry=(table.x[0], table.x[-1]),
        density=NMC622_DENSITY,
    )
    positive = Electrode(
        material=nmc622,
        thickness=THICK_THICKNESS,
        porosity=0.55,
        active_fraction=THICK_LOADING / THICK_THICKNESS / NMC622_DENSITY,
        particle_radius=4e-6,
        conductivity=1.0,
        bruggeman_solid=0.0,
        initial_stoichiometry=0.9,
    )
    return MaterialSet(
        name="NMC622_half",
        citation=f"geometry doi 10.1039/d6eb00017g; potential {table.citation}; lithium {XU}",
        positive=positive,
        negative=lithium_metal(),
        separator=Separator(thickness=25e-6, porosity=0.39),
        electrolyte=get_electrolyte("Nyman2008"),
        voltage_limits=(2.5, 4.3),
        assumed=_SHARED | _nmc622_priors(),
    )


def _nmc622_priors() -> dict[str, Assumed]:
    return {
        "positive.porosity": Assumed(0.52, 0.58, "stated 0.55; mass and thickness give 0.52-0.58"),
        "positive.material.ocp": Assumed(-0.02, 0.02, "offset [V]; digitised, not peer reviewed"),
        "positive.material.c_max": Assumed(
            47500.0, 50500.0, "theoretical 276.5 mAh/g times 4.75 g/cm3, not measured"
        ),
        "positive.material.density": Assumed(4600.0, 4800.0, "crystal density, not measured here"),
        "positive.material.diffusivity": Assumed(
            1e-15, 1e-14, "no open NMC622 measurement; range of NMC sets [m2/s]", log=True
        ),
        "positive.material.exchange_current.i_ref": Assumed(
            1.0, 5.0, "range of open NMC sets at 1 M, x = 0.5 [A/m2]", log=True
        ),
        "positive.particle_radius": Assumed(2e-6, 6e-6, "not stated; typical secondary particles"),
        "positive.initial_stoichiometry": Assumed(
            0.85, 0.95, "discharged state after formation, absolute lithiation not known"
        ),
    }


NMC811_POTENTIALS = ("hanyang", "sturm2019", "chen2020")
"""Potentials that :func:`nmc811_half` offers."""


def nmc811_half(potential: str = "hanyang") -> MaterialSet:
    """NMC811 | Li, geometry of a commercial electrode, flagged substitutes.

    Kinetics and D_s(x): O'Regan 2022, doi 10.1016/j.electacta.2022.140700.
    ``potential``: ``"hanyang"`` (digitised, x 0.33-0.985), ``"sturm2019"`` (doi
    10.1016/j.jpowsour.2018.11.043, x 0.216-0.776) or ``"chen2020"`` (analytic).
    c_max 49340 mol/m3 of Sturm 2019. Electrolyte: Nyman 2008, clamped.
    """
    if potential not in NMC811_POTENTIALS:
        raise InputError(
            "no such NMC811 potential", field="potential", value=potential,
            remedy=nearest(potential, NMC811_POTENTIALS),
        )  # fmt: skip
    table = None if potential == "chen2020" else packaged_ocp(f"nmc811_{potential}_ocp")
    nmc811 = ActiveMaterial(
        name="NMC811",
        citation=f"{OREGAN}; potential {table.citation if table else 'doi 10.1149/1945-7111/ab9050'}",
        ocp=table or ocp.chen2020_nmc811_ocp,
        diffusivity=solid.oregan2022_nmc811_diffusivity,
        exchange_current=oregan2022_nmc811_exchange_current,
        c_max=49340.0,
        stoichiometry=(table.x[0], table.x[-1]) if table else (0.2661, 0.9084),
        density=4780.0,
    )
    positive = Electrode(
        material=nmc811, thickness=75.6e-6, porosity=0.335, active_fraction=0.6,
        particle_radius=5.22e-6, conductivity=0.8473, bruggeman_solid=0.0, initial_stoichiometry=0.9,
    )  # fmt: skip
    return MaterialSet(
        name="NMC811_half" if potential == "hanyang" else f"NMC811_half_{potential}",
        citation=f"{nmc811.citation}; lithium {XU}",
        positive=positive,
        negative=lithium_metal(),
        separator=Separator(thickness=25e-6, porosity=0.39),
        electrolyte=get_electrolyte("Nyman2008"),
        voltage_limits=(2.5, 4.3),
        assumed=_SHARED | _nmc811_priors(),
    )


def _nmc811_priors() -> dict[str, Assumed]:
    return {
        "positive.thickness": Assumed(50e-6, 300e-6, "placeholder geometry: set it to your electrode"),
        "positive.porosity": Assumed(0.25, 0.5, "placeholder geometry: set it to your electrode"),
        "positive.active_fraction": Assumed(0.4, 0.7, "placeholder geometry: set it to your electrode"),
        "positive.particle_radius": Assumed(2e-6, 8e-6, "LG M50 value, not this material"),
        "positive.material.ocp": Assumed(-0.02, 0.02, "offset [V]; tables and fits differ by this much"),
        "positive.material.c_max": Assumed(
            47500.0, 51800.0, "Sturm 2019 with the stoichiometry frame of another potential"
        ),
        "positive.material.density": Assumed(4600.0, 4800.0, "crystal density, not measured here"),
        "positive.material.diffusivity": Assumed(
            0.2, 5.0, "factor on O'Regan's D_s(x), whose frame (c_max 51765) differs", log=True
        ),
        "positive.material.exchange_current": Assumed(
            0.4, 2.0, "factor on O'Regan's i0 (2.5 A/m2 at 1 M, x = 0.5)", log=True
        ),
        "positive.initial_stoichiometry": Assumed(0.85, 0.95, "discharged state, not measured"),
    }
