"""Distribution of relaxation times of a spectrum.

Z = R + i omega L + 1 / (i omega C) + integral of gamma(ln tau) / (1 + i omega tau) over ln tau, gamma >= 0,
by Tikhonov regularisation (Wan, Saccoccio, Chen and Ciucci, Electrochim. Acta 184 (2015) 483; non-negative
least squares as in Danzer, Batteries 5 (2019) 53). The package pyimpspec is the peer in the tests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..spectra import Spectrum


@dataclass(frozen=True)
class Relaxation:
    """Time constants tau [s] and gamma(ln tau) in the unit of the spectrum, (m,); what stands in series.

    ``resistance``, ``inductance`` and ``elastance`` (1/C) are the rest of the spectrum; ``residual`` the
    root mean square of the relative deviations.
    """

    tau: np.ndarray
    gamma: np.ndarray
    resistance: float
    inductance: float
    elastance: float
    residual: float

    def polarisation(self, low: float = 0.0, high: float = np.inf) -> float:
        """Resistance of the processes with time constants between ``low`` and ``high`` [s]."""
        chosen = (self.tau >= low) & (self.tau <= high)
        return float(self.gamma[chosen].sum() * np.log(self.tau[1] / self.tau[0]))

    def peaks(self) -> list[tuple[float, float]]:
        """(Time constant [s], gamma) of the local maxima, the highest first."""
        g = np.concatenate([[0.0], self.gamma, [0.0]])
        top = np.flatnonzero((g[1:-1] > g[:-2]) & (g[1:-1] >= g[2:]) & (g[1:-1] > 1e-3 * g.max()))
        return sorted(((float(self.tau[k]), float(self.gamma[k])) for k in top), key=lambda p: -p[1])


def relaxation_times(
    spectrum: Spectrum, strength: float = 1e-3, per_decade: int = 10, *, capacitive: bool = True
) -> Relaxation:
    """Distribution of relaxation times of a spectrum.

    Parameters
    ----------
    spectrum:
        At least five frequencies.
    strength:
        Weight of the second differences of gamma; smaller for data with less noise.
    per_decade:
        Time constants per decade; they reach a decade beyond the frequencies on both sides.
    capacitive:
        Whether a capacitance may stand in series (insertion, blocking).

    Raises
    ------
    InputError
        Too few frequencies, a strength that is not above zero.
    """
    from scipy.optimize import nnls

    omega, z = spectrum.omega, spectrum.impedance
    if omega.size < 5:
        raise InputError("relaxation times need five frequencies", field="spectrum", value=omega.size)
    if not 0 < strength < np.inf or per_decade < 1:
        raise InputError(
            "the strength is above zero", field="strength", value=strength, remedy="Such as 1e-3"
        )
    decades = np.log10(omega[-1] / omega[0]) + 2
    tau = np.geomspace(0.1 / omega[-1], 10 / omega[0], int(np.ceil(decades * per_decade)) + 1)
    step = np.log(tau[1] / tau[0])
    others = [np.ones_like(z), 1j * omega / omega[-1]]
    others += [omega[0] / (1j * omega)] if capacitive else []
    unit = float(np.abs(z).max())
    weight = unit / np.abs(z)
    matrix = np.column_stack([step / (1 + 1j * omega[:, None] * tau), *others]) * weight[:, None]
    second = np.diff(np.eye(tau.size), 2, axis=0) / step**2 * np.sqrt(step) * strength
    smooth = np.column_stack([second, np.zeros((second.shape[0], len(others)))])
    target = z * weight / unit
    rows = np.vstack([matrix.real, matrix.imag, smooth])
    right = np.concatenate([target.real, target.imag, np.zeros(second.shape[0])])
    x, _ = nnls(rows, right, maxiter=100 * rows.shape[1])
    deviation = (matrix @ x - target) * unit / (np.abs(z) * weight)
    rest = unit * x[tau.size :]
    elastance = float(rest[2] * omega[0]) if capacitive else 0.0
    return Relaxation(
        tau, unit * x[: tau.size], float(rest[0]), float(rest[1] / omega[-1]), elastance,
        float(np.sqrt(np.mean(np.abs(deviation) ** 2))),
    )  # fmt: skip
