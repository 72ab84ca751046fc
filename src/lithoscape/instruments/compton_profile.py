"""Compton scattering: energy of the peak, momentum of the electrons, S-parameter of a profile.

Huang et al., Adv. Sci. 9 (2022) 2105723, 10.1002/advs.202105723, eqs 6-9.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import constants

from ..errors import InputError
from .checks import finite, ordered, positive, scattering_angle

REST_ENERGY = constants.m_e * constants.c**2
"""Of the electron, m c^2 [J]."""
VALENCE = (0.0, 1.0)
"""|p| of valence electrons, eq. 8 [atomic units]."""
CORE_OF_EQUATION, CORE_OF_TEXT = (1.0, 5.0), (5.0, np.inf)
"""|p| of core electrons as printed in eq. 9, and as the text of the same section says [atomic units].

They contradict each other; the S-parameters published beside them belong to one that is not known.
"""


def scattered_energy(energy: float, angle: float) -> float:
    """Energy [J] of photons scattered by electrons at rest: the middle of the Compton peak.

    ``energy`` [J] is that of the incident photons, ``angle`` the scattering angle [degrees].
    """
    _check(energy, angle)
    return float(energy / (1 + energy / REST_ENERGY * (1 - np.cos(np.radians(angle)))))


def momentum(scattered: Any, energy: float, angle: float) -> np.ndarray:
    """Electron momentum p_z [atomic units] seen at energies ``scattered`` [J], eq. 6.

    Positive above the middle of the peak. One atomic unit is alpha m c.
    """
    _check(energy, angle)
    e2 = finite("compton.scattered_energy", scattered)
    cosine = np.cos(np.radians(angle))
    shift = e2 - energy + e2 * energy / REST_ENERGY * (1 - cosine)
    return np.asarray(
        shift / np.sqrt(energy**2 + e2**2 - 2 * energy * e2 * cosine) / constants.fine_structure
    )


def s_parameter(p: Any, profile: Any, core: tuple[float, float]) -> float:
    """S = (integral of J over |p| < 1) / (integral of J over |p| in ``core``), eqs 7-9.

    Parameters
    ----------
    p, profile:
        Momenta, rising [atomic units], and the Compton profile J there, linear in between.
    core:
        Window of |p| counted as core electrons. Explicit, because the source contradicts itself:
        :data:`CORE_OF_EQUATION` or :data:`CORE_OF_TEXT`. An infinite end is where the profile ends.

    Raises
    ------
    InputError
        An empty window, one outside the profile, or a core without intensity.
    """
    low, high = sl_sh(p, profile, core)
    if not high > 0:
        raise InputError(
            "no intensity in the core's window", field="compton.core", value=list(core),
            remedy="Choose a window that the profile covers",
        )  # fmt: skip
    return low / high


def sl_sh(p: Any, profile: Any, core: tuple[float, float]) -> tuple[float, float]:
    """The two integrals of :func:`s_parameter`, S_L and S_H."""
    p, profile = finite("compton.momentum", p), finite("compton.profile", profile)
    if p.size < 2 or p.shape != profile.shape or np.any(np.diff(p) <= 0):
        raise InputError(
            "a profile needs rising momenta and one value at each", field="compton.momentum",
            value=[p.shape, profile.shape], remedy="Sort by momentum and remove repeated points",
        )  # fmt: skip
    reach = min(-p[0], p[-1])
    low, high = core[0], min(core[1], reach) if np.isinf(core[1]) else core[1]
    low, high = ordered("compton.core", (low, high))
    if high > reach or reach < VALENCE[1] or low < 0:
        raise InputError(
            "the window reaches outside the profile", field="compton.core", value=[low, high],
            remedy=f"The profile covers |p| up to {reach:g}",
        )  # fmt: skip
    first = _integral(p, profile, -VALENCE[1], VALENCE[1])
    return first, _integral(p, profile, -high, -low) + _integral(p, profile, low, high)


def counting_uncertainty(s: Any, counts: Any) -> np.ndarray:
    """Standard uncertainty of S when ``counts`` photons fall into the two windows together.

    Both are Poisson: (u/S)^2 = 1/N_L + 1/N_H with N_L = N S/(1+S). S is taken as the ratio of counts.

    Raises
    ------
    InputError
        Counts or S that are not positive.
    """
    s, n = np.asarray(s, dtype=float), np.asarray(counts, dtype=float)
    for name, values in (("compton.s", s), ("compton.counts", n)):
        if not np.all(values > 0):
            raise InputError(
                "must be positive", field=name, value=float(np.min(values)), remedy="Give numbers above zero"
            )
    return np.asarray((1 + s) * np.sqrt(s / n))


def noisy(s: Any, counts: Any, rng: np.random.Generator) -> np.ndarray:
    """S as counted: Poisson numbers in both windows, their means as in :func:`counting_uncertainty`.

    InputError if a core window stays empty, which needs more photons.
    """
    counting_uncertainty(s, counts)
    s, n = np.broadcast_arrays(np.asarray(s, dtype=float), np.asarray(counts, dtype=float))
    low, high = rng.poisson(n * s / (1 + s)), rng.poisson(n / (1 + s))
    if np.any(high == 0):
        raise InputError(
            "a core window stayed empty", field="compton.counts", value=float(n.min()),
            remedy="Count longer, or average over more pixels",
        )  # fmt: skip
    return np.asarray(low / high)


def _integral(p: np.ndarray, profile: np.ndarray, low: float, high: float) -> float:
    inner = p[(p > low) & (p < high)]
    x = np.concatenate([[low], inner, [high]])
    return float(np.trapezoid(np.interp(x, p, profile), x))


def _check(energy: float, angle: float) -> None:
    positive("compton.energy", energy, "the photon energy in joule")
    scattering_angle("compton.angle", angle)
