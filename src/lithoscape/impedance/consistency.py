"""Whether a spectrum can be that of a linear, causal, stationary system: the linear Kramers-Kronig test.

A resistance, an inductance, a capacitance and many RC elements with fixed time constants satisfy the
relations by themselves; what they cannot follow does not (Boukamp, J. Electrochem. Soc. 142 (1995) 1885;
number of elements after Schonleber, Klotz and Ivers-Tiffee, Electrochim. Acta 131 (2014) 20).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..spectra import Spectrum


@dataclass(frozen=True)
class KramersKronig:
    """Residuals relative to |Z|, complex, (n,), and the number of RC elements."""

    residuals: np.ndarray
    elements: int

    @property
    def largest(self) -> float:
        """Largest residual."""
        return float(np.abs(self.residuals).max())

    @property
    def rms(self) -> float:
        """Root mean square of the residuals."""
        return float(np.sqrt(np.mean(np.abs(self.residuals) ** 2)))


def kramers_kronig(spectrum: Spectrum, elements: int | None = None) -> KramersKronig:
    """Fit elements that satisfy the Kramers-Kronig relations and return what they leave.

    Parameters
    ----------
    spectrum:
        Of at least five frequencies.
    elements:
        RC elements; None: as many as the data support before noise is followed, at most one per frequency.

    Raises
    ------
    InputError
        Fewer than five frequencies.
    """
    n = spectrum.frequencies.size
    if n < 5:
        raise InputError(
            "the Kramers-Kronig test needs five frequencies", field="spectrum", value=n,
            remedy="Measure more frequencies",
        )  # fmt: skip
    if elements is not None:
        return _fit(spectrum, elements)
    fits = [_fit(spectrum, count) for count in range(3, n + 1)]
    return min(fits, key=lambda k: 2 * n * np.log(max(k.rms, 1e-300) ** 2) + (k.elements + 3) * np.log(2 * n))


def _fit(spectrum: Spectrum, elements: int) -> KramersKronig:
    omega, z = spectrum.omega, spectrum.impedance
    tau = np.geomspace(1 / omega[-1], 1 / omega[0], elements)
    rc = 1 / (1 + 1j * omega[:, None] * tau)
    others = np.column_stack([np.ones_like(z), 1j * omega / omega[-1], omega[0] / (1j * omega)])
    weight = 1 / np.abs(z)
    matrix = np.column_stack([rc, others]) * weight[:, None]
    stacked = np.vstack([matrix.real, matrix.imag])
    target = z * weight
    scale = np.linalg.norm(stacked, axis=0)
    x, *_ = np.linalg.lstsq(stacked / scale, np.concatenate([target.real, target.imag]), rcond=1e-13)
    return KramersKronig(matrix @ (x / scale) - target, elements)
