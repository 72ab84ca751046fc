"""Diffusion impedances in closed form: half space, films with either end, spheres.

All are 1 at the scale of ``resistance``: the limit at omega -> 0 of a film whose far side is held, R =
dV/dc times thickness over D F in the user's units. tau = L^2 / D [s] is the diffusion time of a film of
thickness L, or of a sphere of radius L (Barsoukov and Macdonald, Impedance Spectroscopy, 2005, ch. 2;
Jacobsen and West, Electrochim. Acta 40 (1995) 255, for other shapes).
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def half_space(omega: Array, resistance: float, tau: float) -> Array:
    """Warburg impedance R / sqrt(i omega tau)."""
    return np.asarray(resistance / np.sqrt(1j * np.asarray(omega) * tau))


def film_held(omega: Array, resistance: float, tau: float) -> Array:
    """Film whose far side keeps its concentration ("short"): R tanh(s) / s, s = sqrt(i omega tau)."""
    s = np.sqrt(1j * np.asarray(omega) * tau)
    return np.asarray(resistance * np.tanh(s) / s)


def film_closed(omega: Array, resistance: float, tau: float) -> Array:
    """Film whose far side is closed ("open"): R coth(s) / s, s = sqrt(i omega tau)."""
    s = np.sqrt(1j * np.asarray(omega) * tau)
    return np.asarray(resistance / (np.tanh(s) * s))


def sphere(omega: Array, resistance: float, tau: float) -> Array:
    """Sphere: R / (s coth(s) - 1), s = sqrt(i omega tau); at high frequency a half space."""
    s = np.sqrt(1j * np.asarray(omega) * tau)
    return np.asarray(resistance / (s / np.tanh(s) - 1.0))
