"""Published numbers of the freeze-cast electrode that do not go together, and what would reconcile each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ice_electrode as paper
import numpy as np

from lithoscape.validation.study import Table


@dataclass(frozen=True)
class Cell:
    """What the half cell is made of.

    Active fractions by region, active mass [kg/m2]; diffusivity [m2/s], conductivity [S/m] and transference
    number of the electrolyte at 1 M; current density of 1C [A/m2]; stoichiometries in equilibrium at
    the upper and the lower voltage limit of the material set.
    """

    active: np.ndarray
    mass: float
    diffusivity: float
    conductivity: float
    transference: float
    one_c: float
    window: tuple[float, float]


@dataclass(frozen=True)
class Rates:
    """Current that is applied, and what the published structure and free electrolyte carry per 1 M [A/m2]."""

    applied: float
    limit: float
    free: float
    ohmic: float

    @property
    def share(self) -> float:
        """Limit over applied."""
        return self.limit / self.applied


def rates(cell: Cell) -> Rates:
    """Steady diffusion of salt over 1 M, and the ohmic drop at 0.5C [V]."""
    applied, slabs = paper.RATE * paper.AREAL, paper.published()
    nothing = [paper.Slab(paper.THICKNESS, 1.0)]
    limits = [
        paper.limiting_current(1000.0, s, cell.diffusivity, cell.transference) for s in (slabs, nothing)
    ]
    return Rates(applied, *limits, paper.ohmic_drop(applied, slabs, cell.conductivity))


def figures(cell: Cell) -> dict[str, float | str]:
    """The numbers of the table by name, SI."""
    r = rates(cell)
    through, across = paper.implied_diffusivities()
    return {
        "applied_over_limit": 1 / r.share,
        "limit": r.limit,
        "implied_diffusivity": float(np.mean([*through, *across])),
        "porosity_for_capacity": paper.porosity_for(paper.AREAL),
        "capacity_of_swing": 3600 * paper.mean_swing() * paper.full_capacity(),
        "implied_ratio": float(np.mean([*through, *across])) / cell.diffusivity,
        "mean_swing": paper.mean_swing(),
        "core_electrons": paper.most_core_electrons(),
    }


def table(cell: Cell, swing_order: str) -> Table:
    """One row for each; the last column holds what has to be changed alone, computed."""
    rows = [*_rate(cell), _diffusivity(cell), _capacity(), *_lithium(cell, swing_order), _electrons()]
    head = ["published", "implies", "against", "reconciled by any one of"]
    note = (
        "Computed from the published inputs; densities of 4.78, 1.9 and 1.5 g/cm3 for NMC811, carbon and "
        "binder, "
        "electrolyte Nyman 2008."
    )
    return Table("Published numbers that do not go together", head, rows, note)


def _rate(cell: Cell) -> list[list[Any]]:
    r = rates(cell)
    thin = 1e3 * paper.thickness_for(r.share, paper.THICKNESS)
    needed = cell.conductivity * r.ohmic / paper.OVERPOTENTIAL
    return [
        [
            f"0.5C of {paper.AREAL / 10:g} mAh/cm2 through the published eps/tau",
            f"{r.applied:.4g} A/m2",
            f"{r.limit:.3g} A/m2 for 1 M of salt; {r.free:.3g} with no electrode in the way",
            f"{paper.RATE * r.share:.2g}C; D of {cell.diffusivity / r.share:.2g} m2/s; {thin:.2g} mm; "
            f"eps/tau times {1 / r.share:.0f} (impossible, above 1); {1 / r.share:.0f} M over the depth "
            "(impossible); "
            f"1 - t+ of {(1 - cell.transference) * r.share:.2g} in place of {1 - cell.transference:.2g}",
        ],
        [
            "the same",
            f"{r.ohmic:.2g} V of ohmic drop",
            f"{paper.OVERPOTENTIAL:.2f} V of overpotential from 0.5C to 2C",
            f"{needed:.2g} S/m in place of {cell.conductivity:.2g}; "
            f"{paper.RATE * paper.OVERPOTENTIAL / r.ohmic:.2g}C",
        ],
    ]


def _diffusivity(cell: Cell) -> list[Any]:
    through, across = paper.implied_diffusivities()
    every = [*through, *across]
    ratio = cell.diffusivity / float(np.mean(every))
    return [
        "D_directional, six values",
        f"D = {min(every):.4g} to {max(every):.4g} m2/s",
        f"{cell.diffusivity:.3g} m2/s of a 1 M electrolyte",
        f"D_directional times {ratio:.3g}; tau divided by {ratio:.3g} (impossible, below 1); an electrolyte "
        f"of {float(np.mean(every)):.2g} m2/s. Only eps/tau is used here",
    ]


def _capacity() -> list[Any]:
    mean = float(np.mean(paper.POROSITY))
    ratio = paper.AREAL / paper.areal_capacity(mean)
    return [
        f"{paper.AREAL / 10:g} mAh/cm2 at {paper.CAPACITY:g} mAh/g in 1 mm",
        f"porosity {paper.porosity_for(paper.AREAL):.3f}",
        f"{mean:.3f}",
        f"{paper.AREAL / ratio / 10:.3g} mAh/cm2; {paper.CAPACITY * ratio:.4g} mAh/g; "
        f"{1e3 * paper.THICKNESS * ratio:.3g} mm; NMC811 of "
        f"{paper.density_for(paper.AREAL, mean):.0f} kg/m3 in place of {paper.DENSITIES['NMC811']:.0f}",
    ]


def _lithium(cell: Cell, swing_order: str) -> list[list[Any]]:
    swing, full = paper.mean_swing(), paper.full_capacity()
    charged, discharged = float(np.mean(paper.CHARGED)), float(np.mean(paper.DISCHARGED))
    low, high = cell.window
    return [
        [
            f"mean swing of 1-x {swing:.3f}", f"{swing * full:.4g} mAh/g", f"{paper.CAPACITY:g} mAh/g",
            f"a swing of {paper.CAPACITY / full:.3f}",
        ],
        [
            f"1-x = {charged:.2f} charged, {discharged:.2f} discharged, on average",
            f"{(1 - charged) * full:.4g} mAh/g taken out of LiNi0.8Mn0.1Co0.1O2",
            f"1-x = {low:.2f} at the upper and {high:.2f} at the lower limit, in equilibrium",
            f"an offset of {low - charged:+.2f} charged and {high - discharged:+.2f} discharged",
        ],
        [
            "1-x highest at the separator after charge, too", f"regions by swing: {swing_order}",
            "after charge 3 > 2 > 1 for any limit in the electrolyte",
            f"an offset that falls by {paper.CHARGED[0] - paper.CHARGED[2]:.2f} or more from region 1 to 3",
        ],
    ]  # fmt: skip


def _electrons() -> list[Any]:
    most = paper.most_core_electrons()
    return [
        f"S from {paper.S_CHARGED[0]:g} to {paper.S_DISCHARGED[0]:g} in region 1 for "
        f"{paper.swings()[0]:.2f} electrons",
        f"at most {most:.2f} core electrons in S_H",
        f"{paper.ELECTRONS:.3g} electrons of the formula unit",
        f"S_H of {most / paper.ELECTRONS:.1%} of all electrons; neither 1 < |p| < 5 nor |p| > 5 holds so few",
    ]
