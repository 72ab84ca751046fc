"""The reduced model of a diffusion impedance: a few relaxations instead of a field.

Diffusion between an inlet held at 1 and an outlet, (K + s) c = g with G = sum g the conductance of the inlet,
takes up the flow Y(s) = G - g.(K + s)^-1 g. Projected (Galerkin) on a few vectors, K, the identity and g are
small matrices. K and the mass are symmetric and positive, so poles of Z = 1/Y are real and not positive, and
their residues positive: the model is passive and causal (obeys Kramers and Kronig) by construction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.linalg


@dataclass(frozen=True, eq=False)
class Projected:
    """A problem projected on a few vectors.

    Parameters
    ----------
    stiffness, mass:
        x_i.K x_j and x_i.x_j.
    source:
        x_i.g.
    inlet:
        G.
    shifts:
        Where the vectors solve the problem; as many as there are vectors.
    """

    stiffness: np.ndarray
    mass: np.ndarray
    source: np.ndarray
    inlet: float
    shifts: Sequence[float]

    @cached_property
    def values(self) -> np.ndarray:
        """Ritz values, rising: rates at which it relaxes with the inlet held."""
        return self._modes(self.stiffness)[0]

    @cached_property
    def vectors(self) -> np.ndarray:
        """Coordinates of the Ritz vectors, by column."""
        return self._modes(self.stiffness)[1]

    def _modes(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scale = 1 / np.sqrt(np.diag(self.mass))
        both = np.outer(scale, scale)
        values, vectors = scipy.linalg.eigh(matrix * both, self.mass * both)
        return values, scale[:, None] * vectors

    def coordinates(self, s: complex) -> np.ndarray:
        """The solution at s."""
        return np.asarray(self.vectors @ (self.vectors.T @ self.source / (s + self.values)))

    def admittance(self, s: complex | np.ndarray) -> np.ndarray:
        """Y(s)."""
        weights = (self.vectors.T @ self.source) ** 2
        return np.asarray(self.inlet - (weights / (np.asarray(s)[..., None] + self.values)).sum(axis=-1))

    def residual(self, s: complex | np.ndarray) -> np.ndarray:
        """What the residual of the solution at s is, as a multiple of one that is the same for all s.

        Residuals of a Galerkin projection on solutions at shifts are collinear: with Ritz values v_j they are
        prod (s - shift_j) / (s + v_j) (Druskin and Simoncini, Syst. Control Lett. 60 (2011) 546).
        """
        at = np.asarray(s)[..., None]
        return np.asarray(((at - np.array(self.shifts)) / (at + self.values)).prod(axis=-1))

    def relaxations(self, closed: bool) -> tuple[float, np.ndarray, np.ndarray]:
        """Z(s) = z0 + sum residue / (s - pole): z0, poles, residues.

        Poles are the rates at which the grid relaxes with nothing passing the inlet; ``closed``: nor the
        outlet, so that one of them is 0 and stands for what is stored at equilibrium.
        """
        rest = self.stiffness - np.outer(self.source, self.source) / self.inlet
        rates, modes = self._modes(rest)
        if closed:
            rates[0] = 0.0
        return 1 / self.inlet, -rates, (modes.T @ self.source / self.inlet) ** 2
