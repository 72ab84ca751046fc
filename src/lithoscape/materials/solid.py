"""Lithium diffusivity in active materials, ``D(x, T, m)`` in m2/s.

A plain number in :class:`~.schema.ActiveMaterial` stands for a constant.
"""

from __future__ import annotations

from typing import Any

from ..constants import GAS_CONSTANT
from .laws import arrhenius
from .maths import NUMPY, Maths

_LN10 = 2.302585092994046


def _bell(x: Any, height: float, centre: float, width: float, m: Maths) -> Any:
    return height * m.exp(-((x - centre) ** 2) / width)


def oregan2022_nmc811_diffusivity(x: Any, T: Any, m: Maths = NUMPY) -> Any:
    """NMC811 of the LG M50 cell [m2/s]: decadic exponent with three bells.

    Includes the empirical factor 2.7 with which the authors' model is run.
    Validity: x in 0.25-0.9; activation temperature 1449 K.
    Source: O'Regan et al. 2022, doi 10.1016/j.electacta.2022.140700.
    """
    exponent = (
        -13.96
        + _bell(x, -0.9231, 0.3216, 0.002534, m)
        + _bell(x, -0.4066, 0.4532, 0.003926, m)
        + _bell(x, -0.993, 0.8098, 0.09924, m)
    )
    return 2.7 * m.exp(_LN10 * exponent) * arrhenius(1449.0 * GAS_CONSTANT, T, m)


def oregan2022_graphite_diffusivity(x: Any, T: Any, m: Maths = NUMPY) -> Any:
    """Graphite of the LG M50 cell [m2/s]: decadic exponent, slope and four bells.

    Includes the empirical factor 3.0321 with which the authors' model is run.
    Validity: x in 0.03-0.9; activation temperature 2092 K.
    Source: O'Regan et al. 2022, doi 10.1016/j.electacta.2022.140700.
    """
    exponent = (
        11.17 * x
        - 15.11
        + _bell(x, -1.553, 0.2031, 0.0006091, m)
        + _bell(x, -6.136, 0.5375, 0.06438, m)
        + _bell(x, -9.725, 0.9144, 0.0578, m)
        + _bell(x, 1.85, 0.5953, 0.001356, m)
    )
    return 3.0321 * m.exp(_LN10 * exponent) * arrhenius(2092.0 * GAS_CONSTANT, T, m)


def marquis2019_lco_diffusivity(x: Any, T: Any, m: Maths = NUMPY) -> Any:
    """LiCoO2 [m2/s]: 1e-13 at 298.15 K, 18.55 kJ/mol, independent of x.

    Source: Dualfoil value as used by Marquis et al. 2019, doi 10.1149/2.0341915jes.
    """
    return 1e-13 * arrhenius(18550.0, T, m) + 0.0 * x


def marquis2019_graphite_diffusivity(x: Any, T: Any, m: Maths = NUMPY) -> Any:
    """Graphite MCMB 2528 [m2/s]: 3.9e-14 at 298.15 K, 42.77 kJ/mol, independent of x.

    Source: Dualfoil value as used by Marquis et al. 2019, doi 10.1149/2.0341915jes.
    """
    return 3.9e-14 * arrhenius(42770.0, T, m) + 0.0 * x
