"""Where the reflections of a hexagonal cell lie: q, angle, energy.

q = 2 pi sqrt(4/3 (h^2 + hk + k^2)/a^2 + l^2/c^2), 2 theta = 2 asin(q lambda / (4 pi)).
"""

from __future__ import annotations

import numpy as np
from scipy import constants

from ..errors import InputError
from .checks import positive


def q_hexagonal(hkl: tuple[int, int, int], a: float, c: float) -> float:
    """Momentum transfer of the reflection ``hkl`` [1/m]; ``a`` and ``c`` [m]."""
    h, k, m = hkl
    positive("bragg.a", a, "the lattice parameter in metres")
    positive("bragg.c", c, "the lattice parameter in metres")
    if (h, k, m) == (0, 0, 0):
        raise InputError(
            "no planes have these indices", field="bragg.hkl", value=hkl, remedy="Give a reflection"
        )
    return float(2 * np.pi * np.sqrt(4 / 3 * (h * h + h * k + k * k) / a**2 + m * m / c**2))


def two_theta(q: float, energy: float) -> float:
    """Scattering angle [degrees] of momentum transfer ``q`` [1/m] for photons of ``energy`` [J]."""
    sine = positive("bragg.q", q, "the momentum transfer in 1/m") * wavelength(energy) / (4 * np.pi)
    if sine >= 1:
        raise InputError(
            "photons of this energy are not scattered that far", field="bragg.q", value=q,
            remedy=f"Stay below {4 * np.pi / wavelength(energy):.4g} 1/m, or give a higher energy",
        )  # fmt: skip
    return float(np.degrees(2 * np.arcsin(sine)))


def wavelength(energy: float) -> float:
    """Wavelength [m] of photons of ``energy`` [J]."""
    return constants.h * constants.c / positive("bragg.energy", energy, "the photon energy in joule")
