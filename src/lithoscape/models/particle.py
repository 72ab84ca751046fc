"""Insertion particles at the nodes of a porous electrode, one class of them.

At every node a sphere with radial Fick diffusion (Doyle, Fuller and Newman,
J. Electrochem. Soc. 140 (1993) 1526) reacts by Butler-Volmer kinetics. The
profile and the flux are found together for given node values of c_e, phi_e and
phi_s, so the global system keeps only those fields.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from dolfinx import fem

from ..constants import FARADAY, thermal_voltage
from ..materials.maths import NUMPY
from ..materials.schema import ActiveMaterial
from .radial import RadialGrid, affine_profile
from .terms import STOICHIOMETRY_GUARD, guarded_exchange_current, guarded_ocp

_TINY = 1e-30
"""Complex step of the law derivatives (Squire and Trapp 1998)."""


@dataclass
class ReactionPoint:
    """Node values that the reaction balances: everything in SI, shape (m,)."""

    c_e: np.ndarray
    potential: np.ndarray
    """phi_s - phi_e [V]."""
    free: np.ndarray
    """Surface stoichiometry without flux."""
    forced: np.ndarray
    """Change of surface stoichiometry per A/m2 of anodic current (< 0)."""


def _residual(material: ActiveMaterial, T: float, p: ReactionPoint, j: np.ndarray) -> tuple[np.ndarray, ...]:
    """phi_s - phi_e - U - (2RT/F) asinh(j / 2 i0) and its derivative by j."""
    x = p.free + p.forced * j + 1j * _TINY
    ocp = guarded_ocp(material, x)
    i0 = guarded_exchange_current(material, p.c_e, x, T)
    value, slope = i0.real, i0.imag / _TINY
    y = j / (2 * value)
    steep = 2 * thermal_voltage(T) / np.sqrt(1 + y * y)
    f = p.potential - ocp.real - 2 * thermal_voltage(T) * np.arcsinh(y)
    df = -ocp.imag / _TINY * p.forced - steep * (1 - 2 * y * slope * p.forced) / (2 * value)
    return f, df


def balance_reaction(
    material: ActiveMaterial, T: float, p: ReactionPoint, j: np.ndarray, tolerance: float = 1e-12
) -> np.ndarray:
    """Current density j [A/m2] with ``phi_s - phi_e = U(x_s(j)) + eta(j)``.

    Newton on the logarithmic (asinh) form, kept inside a shrinking bracket: the
    residual falls monotonically with j, so the root is unique.
    """
    low = np.full_like(j, -np.inf)
    high = np.full_like(j, np.inf)
    for _ in range(80):
        f, df = _residual(material, T, p, j)
        low, high = np.where(f > 0, j, low), np.where(f <= 0, j, high)
        step = -f / np.minimum(df, -1e-300)
        new = j + step
        outside = (new <= low) | (new >= high)
        if outside.any():
            both = np.isfinite(low) & np.isfinite(high)
            middle = np.where(both, 0.5 * (np.where(both, low, 0.0) + np.where(both, high, 0.0)), new)
            new = np.where(outside, middle, new)
        j = new
        if np.all(np.abs(step) <= tolerance * (np.abs(j) + 1e-6)):
            break
    return j


@dataclass
class ParticleClass:
    """Closure (see :class:`lithoscape.problem.Closure`) of one class of spheres.

    ``radius`` [m] has shape (m,) with m the number of nodes; ``state`` is the
    stoichiometry profile, shape (m, n).
    """

    name: str
    electrode: str
    material: ActiveMaterial
    temperature: float
    radius: np.ndarray
    grid: RadialGrid
    nodes: np.ndarray
    flux: fem.Function
    inputs: tuple[int, ...]
    fields: tuple[fem.Function, ...]
    """c_e, phi_e, phi_s."""
    active: fem.Function
    """Volume fraction of this class, cellwise; kept for probes."""
    state: np.ndarray
    _rate: float = 0.0
    _history: np.ndarray = field(default_factory=lambda: np.empty(0))
    _free: np.ndarray = field(default_factory=lambda: np.empty(0))
    _forced: np.ndarray = field(default_factory=lambda: np.empty(0))

    @property
    def _surface(self) -> np.ndarray:
        return 1.0 / (self.radius * FARADAY * self.material.c_max)

    @property
    def _constant_diffusivity(self) -> bool:
        return not callable(self.material.diffusivity)

    def begin(self, rate: float, history: np.ndarray) -> None:
        """Fix the time derivative ``rate x + history`` of the coming solve."""
        self._rate, self._history = rate, history
        if self._constant_diffusivity:
            self._linearise(None)
        else:
            self._profile = self.state.copy()

    def _linearise(self, profile: np.ndarray | None) -> None:
        g = self.grid
        scale = 1.0 / self.radius[:, None] ** 2
        source = -self._history * g.volume
        if profile is None:
            D = float(self.material.diffusivity)  # type: ignore[arg-type]
            conductance, tilt = D * scale * g.conductance, None
        else:
            low, high = STOICHIOMETRY_GUARD
            face = 0.5 * (profile[:, 1:] + profile[:, :-1])
            inside = NUMPY.clip(face + 1j * _TINY, low, high)
            D = self.material.diffusivity(inside, self.temperature, NUMPY)  # type: ignore[operator]
            conductance = np.real(D) * scale * g.conductance
            jump = np.diff(profile, axis=1)
            tilt = 0.5 * np.imag(D) / _TINY * jump * scale * g.conductance
            push = tilt * (profile[:, 1:] + profile[:, :-1])
            source[:, :-1] -= push
            source[:, 1:] += push
        self._free, self._forced = affine_profile(g, self._rate, source, conductance, tilt, self._surface)

    def update(self) -> tuple[np.ndarray, ...]:
        """Solve particles and reaction at the current fields; return dj/d(c_e, phi_e, phi_s)."""
        c_e, phi_e, phi_s = (f.x.array[self.nodes] for f in self.fields)
        j = self.flux.x.array[self.nodes]
        for _ in range(1 if self._constant_diffusivity else 30):
            if not self._constant_diffusivity:
                self._linearise(self._profile)
            point = ReactionPoint(c_e, phi_s - phi_e, self._free[:, -1], self._forced[:, -1])
            j = balance_reaction(self.material, self.temperature, point, j)
            if self._constant_diffusivity:
                break
            profile = self._free + self._forced * j[:, None]
            change = np.max(np.abs(profile - self._profile), initial=0.0)
            self._profile = profile
            if change < 1e-12:
                break
        self.flux.x.array[self.nodes] = j
        return self._tangent(point, j)

    def _tangent(self, p: ReactionPoint, j: np.ndarray) -> tuple[np.ndarray, ...]:
        _, df = _residual(self.material, self.temperature, p, j)
        x = p.free + p.forced * j
        i0 = guarded_exchange_current(self.material, p.c_e + 1j * _TINY, x, self.temperature)
        y = j / (2 * i0.real)
        by_c = 2 * thermal_voltage(self.temperature) * y / np.sqrt(1 + y * y) * i0.imag / _TINY / i0.real
        return -by_c / df, 1.0 / df, -1.0 / df

    def advance(self) -> np.ndarray:
        """Stoichiometry profiles that belong to the current flux, shape (m, n)."""
        return self._free + self._forced * self.flux.x.array[self.nodes][:, None]

    def guess(self) -> np.ndarray:
        """Copy of the flux at all local nodes."""
        return self.flux.x.array.copy()

    def mean_stoichiometry(self) -> np.ndarray:
        """Particle-mean stoichiometry at the nodes, shape (m,)."""
        return self.grid.mean(self.state)
