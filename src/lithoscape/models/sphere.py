"""One sphere at constant current: the yardstick for what solid diffusion alone does to a particle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp

from ..errors import InputError
from ..materials.maths import NUMPY
from ..materials.schema import ActiveMaterial
from .radial import RadialGrid
from .terms import SURFACE_GUARD

FULL = (0.005, 0.99)
"""Surface stoichiometry at which a sphere can take or give no more at constant current."""


@dataclass(frozen=True)
class SphereState:
    """A sphere after some time at constant current.

    Attributes
    ----------
    time:
        [s]; that of the full surface if it came before.
    mean, spread, surface:
        State of lithiation: volume mean, standard deviation over the volume, at the surface.
    full:
        Whether the surface was full (or empty) before the time asked for.
    """

    time: float
    mean: float
    spread: float
    surface: float
    full: bool


def charged_sphere(
    material: ActiveMaterial,
    radius: float,
    initial: float,
    rate: float,
    time: float,
    temperature: float = 298.15,
    nodes: int = 40,
) -> SphereState:
    """Spherical diffusion with D_s(x) under a constant flux (Crank, The Mathematics of Diffusion, ch. 6).

    Parameters
    ----------
    radius:
        [m].
    initial:
        State of lithiation at the start, everywhere.
    rate:
        d(mean)/dt [1/s]; positive lithiates.
    time:
        How long [s].
    nodes:
        Along the radius.

    Raises
    ------
    InputError
        A radius or a time that is not positive.
    """
    for name, value in (("radius", radius), ("time", time)):
        if not 0 < value < np.inf:
            raise InputError("this is not positive", field=name, value=value)
    grid = RadialGrid.graded(nodes)
    weighted = grid.gradient.T * grid.volume

    def slope(t: float, x: np.ndarray) -> np.ndarray:
        law = material.diffusivity
        inside = np.clip(x, *SURFACE_GUARD.laws)
        D = law(inside, temperature, NUMPY) if callable(law) else float(law)
        out = -weighted @ (D * (grid.gradient @ x)) / radius**2
        out[-1] += rate / 3.0
        return np.asarray(out / grid.volume)

    def low(t: float, x: np.ndarray) -> float:
        return float(x[-1] - FULL[0])

    def high(t: float, x: np.ndarray) -> float:
        return float(FULL[1] - x[-1])

    low.terminal = high.terminal = True  # type: ignore[attr-defined]
    found = solve_ivp(
        slope, (0.0, time), np.full(nodes, initial), "BDF", events=(low, high), rtol=1e-7, atol=1e-9
    )
    x, reached = found.y[:, -1], float(found.t[-1])
    mean = float(grid.mean(x))
    spread = float(np.sqrt(max(float(grid.mean(x * x)) - mean**2, 0.0)))
    return SphereState(reached, mean, spread, float(x[-1]), found.status == 1)


def limited_depth(
    depth: np.ndarray, spread: np.ndarray, weight: np.ndarray, reference: float, window: float
) -> float:
    """Share of the electrode's depth, from the separator, in which diffusion in the solid limits.

    There the state of lithiation spreads within particles at least as much as in a sphere by itself that
    takes the same mean current (criterion of Lu et al., Energy Environ. Sci. 14 (2021) 5929, section 3.3).

    Parameters
    ----------
    depth, spread, weight:
        Of every particle: depth (0 at the separator, 1 at the collector), spread within, weight in means.
    reference:
        Spread in the sphere by itself.
    window:
        Depth over which particles are averaged.
    """
    places = np.linspace(0.0, 1.0, 201)
    near = np.abs(depth[None, :] - np.clip(places, window / 2, 1 - window / 2)[:, None]) <= window / 2
    total = near @ weight
    there = total > 0
    if not there.any():
        return 0.0
    mean = np.interp(places, places[there], (near @ (weight * spread))[there] / total[there])
    below = np.flatnonzero(mean < reference)
    if not below.size:
        return 1.0
    k = int(below[0])
    if k == 0:
        return 0.0
    share = (mean[k - 1] - reference) / (mean[k - 1] - mean[k])
    return float(places[k - 1] + share * (places[k] - places[k - 1]))
