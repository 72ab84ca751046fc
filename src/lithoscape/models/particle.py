"""Insertion particles at the nodes of a porous electrode, one class of them.

At every node a sphere with radial Fick diffusion (Doyle, Fuller and Newman,
J. Electrochem. Soc. 140 (1993) 1526) reacts by Butler-Volmer kinetics. The
profile and the flux are found together for given node values of c_e, phi_e and
phi_s, so the global system keeps only those fields.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from dolfinx import fem

from ..constants import FARADAY, thermal_voltage
from ..materials.maths import NUMPY
from ..materials.schema import ActiveMaterial
from .radial import RadialGrid, linear_response, surface_poles, tangent_poles, tangent_response
from .terms import PARTICLE_GUARD, guarded_exchange_current, guarded_ocp

_TINY = 1e-30
"""Complex step of the law derivatives (Squire and Trapp 1998)."""

_LINEARISATIONS = 30
"""Most Newton steps of a sphere with D(x) per call."""

_PROFILE_STEP = 1e-6
"""Change of stoichiometry in a Newton step after which its tangent is exact to round-off."""


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


@dataclass
class Balance:
    """A solved reaction: current density j, exchange current i0, d residual/dj and 2 y / sqrt(1 + y^2)."""

    j: np.ndarray
    i0: np.ndarray
    slope: np.ndarray
    ratio: np.ndarray


def _residual(
    material: ActiveMaterial, T: float, p: ReactionPoint, j: np.ndarray
) -> tuple[np.ndarray, Balance]:
    """phi_s - phi_e - U - (2RT/F) asinh(j / 2 i0) with its derivative by j, and what it came from."""
    x = p.free + p.forced * j + 1j * _TINY
    ocp = guarded_ocp(material, x)
    i0 = guarded_exchange_current(material, p.c_e, x, T)
    value, by_x = i0.real, i0.imag / _TINY
    y = 0.5 * j / value
    root = np.sqrt(1.0 + y * y)
    double = 2.0 * thermal_voltage(T)
    f = p.potential - ocp.real - double * np.arcsinh(y)
    slope = (double * y / (value * root) * by_x - ocp.imag / _TINY) * p.forced - double / (2 * value * root)
    return f, Balance(j, value, np.minimum(slope, -1e-300), double * y / root)


def balance_reaction(
    material: ActiveMaterial, T: float, p: ReactionPoint, j: np.ndarray, tolerance: float = 1e-8
) -> Balance:
    """Current density j [A/m2] with ``phi_s - phi_e = U(x_s(j)) + eta(j)``.

    Newton on the logarithmic (asinh) form, kept inside a shrinking bracket. The
    residual falls monotonically with j, so that the root is unique, as long as
    ``free`` lies between 0 and 1. Steps fill or empty the surface once at most;
    they shrink quadratically: after one of relative size ``tolerance`` the error
    is its square.
    """
    low, high = np.full_like(j, -np.inf), np.full_like(j, np.inf)
    longest = last = -1.0 / p.forced
    for _ in range(100):
        f, found = _residual(material, T, p, j)
        step = np.clip(-f / found.slope, -longest, longest)
        if np.all(np.abs(step) <= tolerance * (np.abs(j) + 1e-6)):
            return replace(found, j=j + step)
        low, high = np.where(f > 0, j, low), np.where(f <= 0, j, high)
        new = j + step
        bad = (new <= low) | (new >= high) | (2 * np.abs(step) > np.abs(last))
        if bad.any():
            bad &= np.isfinite(low) & np.isfinite(high)
            new[bad] = 0.5 * (low[bad] + high[bad])
        last, j = new - j, new
    return replace(found, j=j)


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
    _rate: float = field(default=0.0, repr=False)
    _source: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)
    _surface: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)
    _profile: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)
    _free: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)
    _forced: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)

    @property
    def _constant_diffusivity(self) -> bool:
        return not callable(self.material.diffusivity)

    def begin(self, rate: float, history: np.ndarray) -> None:
        """Fix the time derivative ``rate x + history`` of the coming solve."""
        self._rate, self._source = rate, -history
        self._surface = 1.0 / (self.radius * FARADAY * self.material.c_max)
        if self._constant_diffusivity:
            diffusion = float(self.material.diffusivity) / self.radius**2  # type: ignore[arg-type]
            self._free, self._forced = linear_response(
                self.grid, rate, diffusion, self._source, self._surface
            )
        else:
            self._linearise(self.state)

    def _linearise(self, profile: np.ndarray) -> None:
        """Affine response of the spheres with D(x) linearised about ``profile``."""
        self._profile = profile
        self._free, self._forced = tangent_response(
            self.grid, self._rate, profile, self._diffusion(profile), self._source, self._surface
        )

    def _diffusion(self, profile: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """D(x)/R^2 [1/s] and its derivative by x, each (m, n)."""
        inside = NUMPY.clip(profile + 1j * _TINY, PARTICLE_GUARD.low, PARTICLE_GUARD.high)
        D = self.material.diffusivity(inside, self.temperature, NUMPY)  # type: ignore[operator]
        scale = 1.0 / self.radius[:, None] ** 2
        return D.real * scale, D.imag / _TINY * scale

    def update(self) -> tuple[np.ndarray, ...]:
        """Solve particles and reaction at the current fields; return dj/d(c_e, phi_e, phi_s)."""
        c_e, phi_e, phi_s = (f.x.array[self.nodes] for f in self.fields)
        j = self.flux.x.array[self.nodes]
        for _ in range(_LINEARISATIONS):
            point = ReactionPoint(c_e, phi_s - phi_e, self._free[:, -1], self._forced[:, -1])
            found = balance_reaction(self.material, self.temperature, point, j)
            if self._constant_diffusivity:
                break
            j = found.j
            profile = self._free + self._forced * j[:, None]
            # Newton's error is the square of its step: no need to linearise again
            if np.max(np.abs(profile - self._profile), initial=0.0) < _PROFILE_STEP:
                break
            self._linearise(profile)
        self.flux.x.array[self.nodes] = found.j
        return self._tangent(point, found)

    def _tangent(self, p: ReactionPoint, found: Balance) -> tuple[np.ndarray, ...]:
        x = p.free + p.forced * found.j
        i0 = guarded_exchange_current(self.material, p.c_e + 1j * _TINY, x, self.temperature)
        by_c = found.ratio * i0.imag / _TINY / found.i0
        return -by_c / found.slope, 1.0 / found.slope, -1.0 / found.slope

    def response(self) -> Callable[[complex], tuple[np.ndarray, ...]]:
        """Exact transfer functions about the present state: rate s [1/s] -> dj/d(c_e, phi_e, phi_s).

        With s = i omega they are the particles' admittances: charge transfer in series with
        radial diffusion (Sikha and White, J. Electrochem. Soc. 154 (2007) A43), for D(x) too.
        """
        c_e = self.fields[0].x.array[self.nodes]
        j = self.flux.x.array[self.nodes]
        surface = 1.0 / (self.radius * FARADAY * self.material.c_max)
        if self._constant_diffusivity:
            diffusion = float(self.material.diffusivity) / self.radius**2  # type: ignore[arg-type]
            rates, residues = surface_poles(self.grid, diffusion, surface)
        else:
            rates, residues = tangent_poles(self.grid, self.state, self._diffusion(self.state), surface)
        x = self.state[:, -1]
        ocp = guarded_ocp(self.material, x + 1j * _TINY)
        i0 = guarded_exchange_current(self.material, c_e, x + 1j * _TINY, self.temperature)
        i0_by_c = guarded_exchange_current(self.material, c_e + 1j * _TINY, x, self.temperature).imag / _TINY
        y = 0.5 * j / i0.real
        double, root = 2.0 * thermal_voltage(self.temperature), np.sqrt(1.0 + y * y)
        ratio = double * y / (i0.real * root)  # - d(overpotential)/d(i0)
        by_x = ratio * i0.imag / _TINY - ocp.imag / _TINY
        transfer = double / (2 * i0.real * root)

        def at(rate: complex) -> tuple[np.ndarray, ...]:
            slope = by_x * (residues / (rate + rates)).sum(axis=1) - transfer
            return -ratio * i0_by_c / slope, 1.0 / slope, -1.0 / slope

        return at

    def advance(self) -> np.ndarray:
        """Stoichiometry profiles that belong to the current flux, shape (m, n)."""
        return self._free + self._forced * self.flux.x.array[self.nodes][:, None]

    def guess(self) -> np.ndarray:
        """Copy of the flux at all local nodes."""
        return self.flux.x.array.copy()

    def mean_stoichiometry(self) -> np.ndarray:
        """Particle-mean stoichiometry at the nodes, shape (m,)."""
        return self.grid.mean(self.state)
