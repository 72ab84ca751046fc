"""Salt that precipitates: an electrolyte in which only so much salt dissolves.

A reversible equilibrium with solid salt that neither moves nor blocks pores. The unknown c_e is the dissolved
salt, which alone moves, conducts and reacts; a volume of pores stores c_e + solid(c_e), and solid(c_e) rises
so steeply at the solubility that c_e hardly can (the apparent-capacity form of a Stefan problem: Elliott and
Ockendon, Weak and Variational Methods for Moving Boundary Problems, 1982). With all salt as the unknown and a
diffusivity of 0 beyond the solubility the same equations lock on a mesh: between a node that holds solid and
one that does not, nothing would flow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from . import checks
from .ablate import with_electrolyte
from .maths import NUMPY, Maths
from .schema import MaterialSet

WIDTH = 1e-4
"""Supersaturation of as much solid salt as dissolves, over the solubility: 0.3 mol/m3 at 3 mol/l."""


@dataclass(frozen=True)
class Precipitate:
    """Solid salt [mol/m3 of pores] in equilibrium with the dissolved, s ln(1 + exp((c_e - s)/(width s))).

    Next to nothing below the solubility s [mol/m3], (c_e - s)/width above it.
    """

    solubility: float
    width: float = WIDTH

    def __call__(self, c: Any, m: Maths = NUMPY) -> Any:
        """Solid salt at dissolved concentration ``c``."""
        z = (c - self.solubility) / (self.width * self.solubility)
        soft = m.log(1 + m.exp(m.clip(z, -700.0, 40.0)))
        return self.solubility * m.where_less(z, 40.0, soft, z)


def limited_solubility(m: MaterialSet, solubility: float) -> MaterialSet:
    """The set with salt that precipitates beyond ``solubility`` [mol/m3], at once and reversibly.

    Laws stay as they are: every one of them, lithium metal's too, sees the dissolved salt.

    Raises
    ------
    InputError
        A solubility that is not above the initial concentration.
    """
    checks.positive("solubility", solubility, "mol/m3")
    lowest = 1.01 * m.electrolyte.initial_concentration
    if solubility <= lowest:
        raise InputError(
            "the electrolyte starts near or above this solubility", value=solubility,
            remedy=f"Give more than {lowest:g} mol/m3",
        )  # fmt: skip
    return with_electrolyte(m, precipitate=Precipitate(solubility))
