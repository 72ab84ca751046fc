"""Transmission lines of porous electrodes: two rails, ionic and electronic, and what connects them.

R_ion and R_el are the resistances of a whole rail [ohm m2 of electrode area], Z_interface that of the whole
interface between the rails. The current enters the ionic rail at the separator and leaves the electronic
one at the collector (de Levie, Electrochim. Acta 8 (1963) 751; with two rails Bisquert, Phys. Chem. Chem.
Phys. 2 (2000) 4185).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError, SolveError
from ..spectra import Spectrum


def blocking_interface(omega: np.ndarray, capacitance: float, exponent: float = 1.0) -> np.ndarray:
    """1 / (Q (i omega)^a): a capacitance [F/m2 of electrode area], or a constant phase element if a < 1."""
    return np.asarray(1.0 / (capacitance * (1j * np.asarray(omega)) ** exponent))


def de_levie(omega: np.ndarray, ionic: float, interface: np.ndarray) -> np.ndarray:
    """One rail: sqrt(R_ion Z) coth(sqrt(R_ion / Z)) with Z the ``interface`` [ohm m2]."""
    s = np.sqrt(ionic / np.asarray(interface, dtype=complex))
    return np.asarray(ionic / (s * np.tanh(s)))


def two_rails(omega: np.ndarray, ionic: float, electronic: float, interface: np.ndarray) -> np.ndarray:
    """Both rails of any resistance; :func:`de_levie` is its limit for ``electronic`` = 0.

    Z = R_i R_e / R (1 + 2 / (s sinh s)) + (R_i^2 + R_e^2) / R coth(s) / s, R = R_i + R_e, s = sqrt(R / Z).
    """
    total = ionic + electronic
    s = np.sqrt(total / np.asarray(interface, dtype=complex))
    over_sinh = -2.0 * np.exp(-s) / np.expm1(-2.0 * s)  # sinh itself overflows at high frequency
    mixed = ionic * electronic / total * (1.0 + 2.0 * over_sinh / s)
    return np.asarray(mixed + (ionic**2 + electronic**2) / total / (s * np.tanh(s)))


def ladder(ionic: np.ndarray, electronic: np.ndarray, interface: np.ndarray) -> np.ndarray:
    """A ladder of N elements, resistances that may differ from element to element.

    Parameters
    ----------
    ionic, electronic:
        Resistance of each element of the rails [ohm m2], (N,), from separator to collector.
    interface:
        Impedance of the interface of each element at each frequency [ohm m2], (frequencies, N); in the middle
        of the element.

    Returns
    -------
    Impedance [ohm m2], (frequencies,).
    """
    from scipy.linalg import solve_banded

    i, e = np.asarray(ionic, dtype=float), np.asarray(electronic, dtype=float)
    out = np.empty(len(interface), dtype=complex)
    ions, electrons = (0.5 * (r[1:] + r[:-1]) for r in (i, e))  # between the middles of elements
    for k, z in enumerate(np.asarray(interface, dtype=complex)):
        # Kirchhoff for the ionic current x between elements; a unit enters at the separator, none is left
        # at the collector: (ions + electrons) x_j + z_j (x_j - x_(j-1)) + z_(j+1) (x_j - x_(j+1)) = electrons
        n = i.size - 1
        if n == 0:
            out[k] = z[0] + 0.5 * i[0] + 0.5 * e[0]
            continue
        bands = np.zeros((3, n), dtype=complex)
        bands[1] = ions + electrons + z[:-1] + z[1:]
        bands[0, 1:], bands[2, :-1] = -z[1:-1], -z[1:-1]
        right = electrons.astype(complex)
        right[0] += z[0]
        x = solve_banded((1, 1), bands, right)
        drop = z[-1] * x[-1] + np.sum(ions * x)  # along the ionic rail, then through the last element
        out[k] = 0.5 * i[0] + 0.5 * e[-1] + drop
    return out


@dataclass(frozen=True)
class LineFit:
    """A transmission line fitted to a spectrum; resistances [ohm m2], their standard errors beside them."""

    series: float
    ionic: float
    electronic: float
    capacitance: float
    exponent: float
    errors: dict[str, float]
    residual: float
    """Largest relative deviation."""

    def impedance(self, omega: np.ndarray) -> np.ndarray:
        """Impedance [ohm m2] of the fitted line."""
        interface = blocking_interface(omega, self.capacitance, self.exponent)
        return self.series + two_rails(omega, self.ionic, self.electronic, interface)


def fit_line(spectrum: Spectrum, electronic: float | None = 0.0, exponent: float | None = 1.0) -> LineFit:
    """Fit series resistance, rails and capacitance of a blocking electrode.

    Parameters
    ----------
    spectrum:
        Of an electrode without reaction.
    electronic:
        Resistance of the electronic rail [ohm m2]; None: fitted. The rails may be exchanged without changing
        the impedance: the larger of the two is then called ionic.
    exponent:
        Of the interface; None: fitted (constant phase element).

    Raises
    ------
    SolveError
        The fit does not converge.
    """
    from scipy.optimize import least_squares

    omega, z = spectrum.omega, spectrum.impedance
    if np.any(z.imag > 0.01 * np.abs(z)):
        raise InputError(
            "a blocking electrode is capacitive at all frequencies", field="spectrum",
            value=f"{int(np.sum(z.imag > 0))} of {z.size} points with Im Z > 0",
            remedy="Remove the inductive part, or fit a circuit",
        )  # fmt: skip
    names, start = _first_guess(omega, z, electronic, exponent)

    def line(p: np.ndarray) -> np.ndarray:
        values = dict(zip(names, np.exp(p), strict=True))
        if electronic is not None:
            values["electronic"] = electronic
        if exponent is not None:
            values["exponent"] = exponent
        interface = blocking_interface(omega, values["capacitance"], values["exponent"])
        rails = two_rails(omega, values["ionic"], values["electronic"], interface)
        return np.asarray(values["series"] + rails)

    def gap(p: np.ndarray) -> np.ndarray:
        d = (line(p) - z) / np.abs(z)
        return np.concatenate([d.real, d.imag])

    most = np.where(np.array(names) == "exponent", 1e-12, np.inf)
    found = least_squares(
        gap, np.log(start), bounds=(-np.inf, most), xtol=1e-14, ftol=1e-14, gtol=1e-14, max_nfev=2000
    )
    if not found.success:
        raise SolveError("the transmission line could not be fitted", remedy="Look at the spectrum")
    free = max(found.fun.size - found.x.size, 1)
    covariance = np.linalg.pinv(found.jac.T @ found.jac) * float(found.fun @ found.fun) / free
    values = {name: float(v) for name, v in zip(names, np.exp(found.x), strict=True)}
    spread = np.sqrt(np.diag(covariance))
    errors = {name: float(values[name] * s) for name, s in zip(names, spread, strict=True)}
    if values.get("electronic", 0.0) > values["ionic"]:
        for table in (values, errors):
            table["ionic"], table["electronic"] = table["electronic"], table["ionic"]
    return LineFit(
        values["series"], values["ionic"], values.get("electronic", electronic or 0.0), values["capacitance"],
        values.get("exponent", exponent or 1.0), errors, float(np.abs(line(found.x) / z - 1).max()),
    )  # fmt: skip


def _first_guess(
    omega: np.ndarray, z: np.ndarray, electronic: float | None, exponent: float | None
) -> tuple[list[str], np.ndarray]:
    """Names of what is fitted, and first values from both ends of the spectrum."""
    high = max(float(z.real[-1]), 1e-30)
    ionic = 3.0 * max(float(z.real[0]) - high, 1e-3 * high)
    values = {"series": high, "ionic": ionic, "capacitance": float(-1.0 / (omega[0] * z.imag[0]))}
    if electronic is None:
        values["electronic"] = 0.1 * ionic
    if exponent is None:
        values["exponent"] = 0.95
    return list(values), np.array(list(values.values()))
