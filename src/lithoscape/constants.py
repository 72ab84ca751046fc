"""Physical constants, once, from SciPy (CODATA)."""

from scipy import constants as _codata

FARADAY: float = _codata.physical_constants["Faraday constant"][0]
"""Faraday constant [C/mol]."""

GAS_CONSTANT: float = _codata.R
"""Molar gas constant [J/(mol K)]."""

REFERENCE_TEMPERATURE: float = 298.15
"""Temperature at which material laws are stated unless they say otherwise [K]."""

HOUR: float = _codata.hour
"""Seconds per hour."""

MILLIAMPERE_HOUR_PER_CM2: float = 1e-3 * _codata.hour / 1e-4
"""One mAh/cm2 in C/m2."""


def thermal_voltage(temperature: float = REFERENCE_TEMPERATURE) -> float:
    """Thermal voltage RT/F [V] at ``temperature`` [K]."""
    return GAS_CONSTANT * temperature / FARADAY
