"""Analytic open-circuit potentials ``U(x, m)`` in V against Li/Li+.

x is the stoichiometry c_s/c_max in the frame of the set that fitted the law;
laws of different sets must not be spliced. All fall with x over their window.
Tabulated potentials are in :mod:`.tables`.
"""

from __future__ import annotations

from typing import Any

from .maths import NUMPY, Maths


def chen2020_nmc811_ocp(x: Any, m: Maths = NUMPY) -> Any:
    """NMC811 of the LG M50 cell [V]. Validity: x in 0.2661-0.9084.

    Source: Chen et al. 2020, doi 10.1149/1945-7111/ab9050.
    """
    return (
        -0.8090 * x
        + 4.4875
        - 0.0428 * m.tanh(18.5138 * (x - 0.5542))
        - 17.7326 * m.tanh(15.7890 * (x - 0.3117))
        + 17.5842 * m.tanh(15.9308 * (x - 0.3120))
    )


def chen2020_graphite_ocp(x: Any, m: Maths = NUMPY) -> Any:
    """Graphite (with SiOx) of the LG M50 cell [V]. Validity: x in 0.0279-0.9014.

    Source: Chen et al. 2020, doi 10.1149/1945-7111/ab9050.
    """
    return (
        1.9793 * m.exp(-39.3631 * x)
        + 0.2482
        - 0.0909 * m.tanh(29.8538 * (x - 0.1234))
        - 0.04478 * m.tanh(14.9159 * (x - 0.2769))
        - 0.0205 * m.tanh(30.4444 * (x - 0.6103))
    )


def mohtat2020_nmc532_ocp(x: Any, m: Maths = NUMPY) -> Any:
    """NMC532 [V], the potential of the Xu2019 half cell as open sets carry it.

    Validity: not stated with the fit; used between 0.09 (4.2 V) and 0.99 (below
    3.5 V), the window the half cell is cycled in. Falls monotonically there.
    Source: Mohtat et al. 2020, doi 10.1149/1945-7111/aba5d1.
    """
    polynomial = 4.3452 + x * (-1.6518 + x * (1.6225 + x * (-2.0843 + x * (3.5146 - 2.2166 * x))))
    return polynomial - 0.5623e-4 * m.exp(109.451 * x - 100.006)


def marquis2019_lco_ocp(x: Any, m: Maths = NUMPY) -> Any:
    """LiCoO2 [V], Dualfoil's fit with the stoichiometry stretched by 1.062.

    Validity: about 0.4-0.95. Source: Dualfoil fit as used by Marquis et al. 2019,
    doi 10.1149/2.0341915jes.
    """
    s = 1.062 * x
    return (
        2.16216
        + 0.07645 * m.tanh(30.834 - 54.4806 * s)
        + 2.1581 * m.tanh(52.294 - 50.294 * s)
        - 0.14169 * m.tanh(11.0923 - 19.8543 * s)
        + 0.2051 * m.tanh(1.4684 - 5.4888 * s)
        + 0.2531 * m.tanh((0.56478 - s) / 0.1316)
        - 0.02167 * m.tanh((s - 0.525) / 0.006)
    )


def marquis2019_graphite_ocp(x: Any, m: Maths = NUMPY) -> Any:
    """Graphite MCMB 2528 [V], Dualfoil's fit.

    Validity: about 0.01-0.95; the fit rises by 0.04 mV between x = 0.313 and 0.334
    (kept as published). Source: Dualfoil fit as used by Marquis et al. 2019,
    doi 10.1149/2.0341915jes.
    """
    return (
        0.194
        + 1.5 * m.exp(-120.0 * x)
        + 0.0351 * m.tanh((x - 0.286) / 0.083)
        - 0.0045 * m.tanh((x - 0.849) / 0.119)
        - 0.035 * m.tanh((x - 0.9233) / 0.05)
        - 0.0147 * m.tanh((x - 0.5) / 0.034)
        - 0.102 * m.tanh((x - 0.194) / 0.142)
        - 0.022 * m.tanh((x - 0.9) / 0.0164)
        - 0.011 * m.tanh((x - 0.124) / 0.0226)
        + 0.0155 * m.tanh((x - 0.105) / 0.029)
    )
