"""Published cells, value for value as open parameter sets carry them.

All numbers equal PyBaMM's parameter sets of the same name (version 26), so that
the two codes can be compared; the electrolytes are therefore the *published*
(unclamped) forms. Clamp them for work outside 2-3 M:
``dataclasses.replace(cell, electrolyte=get_electrolyte("Nyman2008"))``.
"""

from __future__ import annotations

from dataclasses import replace

from . import kinetics, ocp, solid
from .electrolyte import get_electrolyte
from .schema import ActiveMaterial, Assumed, Electrode, LithiumMetal, MaterialSet, Separator

CHEN = "Chen et al. 2020, doi 10.1149/1945-7111/ab9050"
OREGAN = "O'Regan et al. 2022, doi 10.1016/j.electacta.2022.140700"
XU = "Xu et al. 2019, J. Electrochem. Soc. 166 A3456"
MOHTAT = "Mohtat et al. 2020, doi 10.1149/1945-7111/aba5d1"
MARQUIS = "Marquis et al. 2019, doi 10.1149/2.0341915jes"


LITHIUM_ASSUMED = {
    "negative.exchange_current": Assumed(
        7.0, 700.0, "lithium i0 at 1 M [A/m2] taken from Xu 2019; a factor 10 either way", log=True
    )
}
"""Flag of every half cell but Xu 2019's own: the lithium kinetics are borrowed."""


def lithium_metal() -> LithiumMetal:
    """Lithium metal with the kinetics of Xu 2019 (70.6 A/m2 at 1 M)."""
    return LithiumMetal(kinetics.xu2019_lithium_exchange_current, XU)


def xu2019() -> MaterialSet:
    """Half cell NMC532 | Li, Valoen-Reimers electrolyte in its published form.

    Source: Xu et al. 2019, J. Electrochem. Soc. 166 A3456; potential of Mohtat et
    al. 2020, doi 10.1149/1945-7111/aba5d1. Starts at 4.2 V (x = 0.096).
    """
    nmc532 = ActiveMaterial(
        name="NMC532",
        citation=f"{XU}; {MOHTAT}",
        ocp=ocp.mohtat2020_nmc532_ocp,
        diffusivity=1e-14,
        exchange_current=kinetics.xu2019_nmc532_exchange_current,
        c_max=48230.0,
        stoichiometry=(0.09, 0.99),
    )
    positive = Electrode(
        material=nmc532,
        thickness=42e-6,
        porosity=0.331,
        active_fraction=0.518,
        particle_radius=5.3e-6,
        conductivity=100.0,
        initial_stoichiometry=4631.0 / 48230.0,
    )
    return MaterialSet(
        name="Xu2019",
        citation=f"{XU}; {MOHTAT}; Valoen and Reimers 2005, doi 10.1149/1.1872737",
        positive=positive,
        negative=lithium_metal(),
        separator=Separator(thickness=25e-6, porosity=0.39),
        electrolyte=get_electrolyte("Valoen2005", clamped=False),
        voltage_limits=(3.5, 4.2),
    )


def chen2020() -> MaterialSet:
    """LG M50 cell NMC811 | graphite-SiOx, Nyman electrolyte in its published form.

    Electronic conductivities are effective values (solid exponent 0).
    Source: Chen et al. 2020, doi 10.1149/1945-7111/ab9050.
    """
    nmc811 = ActiveMaterial(
        name="NMC811",
        citation=CHEN,
        ocp=ocp.chen2020_nmc811_ocp,
        diffusivity=4e-15,
        exchange_current=kinetics.chen2020_nmc811_exchange_current,
        c_max=63104.0,
        stoichiometry=(0.2661, 0.9084),
    )
    graphite = ActiveMaterial(
        name="graphite-SiOx",
        citation=CHEN,
        ocp=ocp.chen2020_graphite_ocp,
        diffusivity=3.3e-14,
        exchange_current=kinetics.chen2020_graphite_exchange_current,
        c_max=33133.0,
        stoichiometry=(0.0279, 0.9014),
    )
    return MaterialSet(
        name="Chen2020",
        citation=f"{CHEN}; Nyman et al. 2008, doi 10.1016/j.electacta.2008.04.023",
        positive=_lgm50_positive(nmc811, conductivity=0.18, initial=17038.0 / 63104.0),
        negative=_lgm50_negative(graphite, initial=29866.0 / 33133.0),
        separator=Separator(thickness=12e-6, porosity=0.47),
        electrolyte=get_electrolyte("Nyman2008", clamped=False),
        voltage_limits=(2.5, 4.2),
    )


def chen2020_half() -> MaterialSet:
    """The positive electrode of Chen2020 against lithium metal (kinetics of Xu 2019)."""
    return _half(chen2020(), "Chen2020_half", upper=4.3)


def oregan2022() -> MaterialSet:
    """LG M50 cell with D_s(x) and concentration-dependent transference and TDF.

    Landesfeind EC:EMC electrolyte in its published form; laws include the
    factors (2.7 and 3.0321 on D_s) with which the authors' model is run; the
    positive conductivity is 0.8473 S/m at 298.15 K (3.5 kJ/mol, not carried).
    Source: O'Regan et al. 2022, doi 10.1016/j.electacta.2022.140700.
    """
    nmc811 = ActiveMaterial(
        name="NMC811",
        citation=f"{OREGAN}; {CHEN}",
        ocp=ocp.chen2020_nmc811_ocp,
        diffusivity=solid.oregan2022_nmc811_diffusivity,
        exchange_current=kinetics.oregan2022_nmc811_exchange_current,
        c_max=51765.0,
        stoichiometry=(0.25, 0.91),
    )
    graphite = ActiveMaterial(
        name="graphite-SiOx",
        citation=f"{OREGAN}; {CHEN}",
        ocp=ocp.chen2020_graphite_ocp,
        diffusivity=solid.oregan2022_graphite_diffusivity,
        exchange_current=kinetics.oregan2022_graphite_exchange_current,
        c_max=29583.0,
        stoichiometry=(0.01, 0.98),
    )
    return MaterialSet(
        name="ORegan2022",
        citation=f"{OREGAN}; Landesfeind and Gasteiger 2019, doi 10.1149/2.0571912jes",
        positive=_lgm50_positive(nmc811, conductivity=0.8473, initial=13975.0 / 51765.0),
        negative=_lgm50_negative(graphite, initial=28866.0 / 29583.0),
        separator=Separator(thickness=12e-6, porosity=0.47),
        electrolyte=get_electrolyte("Landesfeind2019_EC_EMC_3_7", clamped=False),
        voltage_limits=(2.5, 4.4),
    )


def oregan2022_half() -> MaterialSet:
    """The positive electrode of ORegan2022 against lithium metal (kinetics of Xu 2019)."""
    return _half(oregan2022(), "ORegan2022_half", upper=4.4)


def marquis2019() -> MaterialSet:
    """Kokam cell LiCoO2 | graphite MCMB, Capiglia electrolyte in its published form.

    Source: Marquis et al. 2019, doi 10.1149/2.0341915jes, values of Dualfoil.
    """
    lco = ActiveMaterial(
        name="LiCoO2",
        citation=MARQUIS,
        ocp=ocp.marquis2019_lco_ocp,
        diffusivity=solid.marquis2019_lco_diffusivity,
        exchange_current=kinetics.marquis2019_lco_exchange_current,
        c_max=51217.9257309275,
        stoichiometry=(0.4, 0.98),
    )
    graphite = ActiveMaterial(
        name="graphite MCMB 2528",
        citation=MARQUIS,
        ocp=ocp.marquis2019_graphite_ocp,
        diffusivity=solid.marquis2019_graphite_diffusivity,
        exchange_current=kinetics.marquis2019_graphite_exchange_current,
        c_max=24983.2619938437,
        stoichiometry=(0.01, 0.95),
    )
    positive = Electrode(
        material=lco, thickness=1e-4, porosity=0.3, active_fraction=0.5, particle_radius=1e-5,
        conductivity=10.0, initial_stoichiometry=30730.7554385565 / 51217.9257309275,
    )  # fmt: skip
    negative = Electrode(
        material=graphite, thickness=1e-4, porosity=0.3, active_fraction=0.6, particle_radius=1e-5,
        conductivity=100.0, initial_stoichiometry=19986.609595075 / 24983.2619938437,
    )  # fmt: skip
    return MaterialSet(
        name="Marquis2019",
        citation=f"{MARQUIS}; Capiglia et al., J. Power Sources 81-82 (1999) 859",
        positive=positive,
        negative=negative,
        separator=Separator(thickness=25e-6, porosity=1.0),
        electrolyte=get_electrolyte("Capiglia1999", clamped=False),
        voltage_limits=(3.105, 4.1),
    )


def _lgm50_positive(material: ActiveMaterial, conductivity: float, initial: float) -> Electrode:
    return Electrode(
        material=material, thickness=75.6e-6, porosity=0.335, active_fraction=0.665,
        particle_radius=5.22e-6, conductivity=conductivity, bruggeman_solid=0.0,
        initial_stoichiometry=initial,
    )  # fmt: skip


def _lgm50_negative(material: ActiveMaterial, initial: float) -> Electrode:
    return Electrode(
        material=material, thickness=85.2e-6, porosity=0.25, active_fraction=0.75,
        particle_radius=5.86e-6, conductivity=215.0, bruggeman_solid=0.0,
        initial_stoichiometry=initial,
    )  # fmt: skip


def _half(cell: MaterialSet, name: str, upper: float) -> MaterialSet:
    """The positive of ``cell`` against lithium metal, lower limit 2.5 V, else unchanged.

    The upper limit has to rise: the same electrode state is some 0.1 V higher
    against lithium than against graphite (4.27 V at the initial state).
    """
    return replace(
        cell,
        name=name,
        citation=f"{cell.citation}; lithium: {XU}",
        negative=lithium_metal(),
        voltage_limits=(cell.voltage_limits[0], upper),
        assumed=LITHIUM_ASSUMED,
    )
