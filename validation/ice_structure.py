"""The generated freeze-cast structure: transport of its regions, steady and as diffusion impedance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import least_squares

from lithoscape.generate import make
from lithoscape.generate.recipe import check_recipe
from lithoscape.image import Volume
from lithoscape.impedance import DiffusionSpectrum, diffusion_study
from lithoscape.impedance.warburg import film_held
from lithoscape.specification import read_mapping
from lithoscape.transport.profile import thirds
from lithoscape.transport.study import Study, plan, study

RECIPES = Path(__file__).parents[1] / "meshes"
PORES = {"pore": 1.0}


def built(name: str, changes: Mapping[str, Any] | None = None) -> Volume:
    """The volume of a recipe of ``meshes/`` with keys replaced."""
    raw = read_mapping(RECIPES / f"{name}.yaml", "recipe", "meshes/")
    return make(check_recipe({**raw, **(changes or {})})).volume


@dataclass(frozen=True)
class Steady:
    """Transport of the three regions, from the separator to the collector.

    ``through`` is in place (resistances add up), ``alone`` and ``sides`` (two directions) of regions cut out;
    ``share`` of the resistance of the whole.
    """

    porosity: np.ndarray
    through: np.ndarray
    alone: np.ndarray
    sides: np.ndarray
    share: np.ndarray

    @property
    def in_plane(self) -> np.ndarray:
        """Mean of both directions, as the homogenised model takes it."""
        return np.asarray(self.sides.mean(axis=1))


def steady(volume: Volume) -> Steady:
    """By the voxel solver."""
    return of_study(study(volume, plan(volume, PORES, directions="all")), volume)


def of_study(found: Study, volume: Volume) -> Steady:
    """Regions from the separator down; where nothing gets through the efficiency is 0."""
    order = list(reversed(list(thirds(volume))))
    place, cut = found.regions.sel(region=order), found.cut.sel(region=order)
    efficiency = np.nan_to_num(cut["Transport efficiency"].values)
    through = volume.grid.through
    return Steady(
        place["Porosity"].values, place["Transport efficiency"].values, efficiency[:, through],
        efficiency[:, list(volume.grid.in_plane)], place["Share of the resistance"].values,
    )  # fmt: skip


def impedances(volume: Volume, diffusivity: float, outlet: str = "absorbing") -> dict:
    """(region from 1 at the separator, axis) -> diffusion impedance; blocked ones are missing."""
    found = diffusion_study(
        volume, PORES, directions="all", regions=3, outlet=outlet, diffusivity=diffusivity
    )
    return {(int(region.split()[-1]), axis): s for (region, axis), s in found.spectra.items()}


def line_fit(spectrum: DiffusionSpectrum) -> tuple[float, float]:
    """Tortuosity by a uniform transmission line fitted to a spectrum, and the misfit (rms over size).

    R tanh(s)/s with R and the time constant free, relative deviations of real and imaginary parts alike: what
    the source does with its own spectra (eq 3), if K0 is read as the electrolyte's conductivity.
    """
    z, omega = spectrum.normalised, 2 * np.pi * spectrum.frequencies
    scale = 1 / np.abs(z)

    def residuals(p: np.ndarray) -> np.ndarray:
        gap = (film_held(omega, np.exp(p[0]), np.exp(p[1])) - z) * scale
        return np.concatenate([gap.real, gap.imag])

    start = np.log([abs(z[0]), spectrum.length**2 / spectrum.diffusivity])
    found = least_squares(residuals, start)
    return float(spectrum.porosity * np.exp(found.x[0])), float(np.sqrt(2 * np.mean(found.fun**2)))


def coarsened(mask: np.ndarray, factor: int) -> np.ndarray:
    """A mask in voxels ``factor`` times as large: pore where at least half of the block is."""
    cut = tuple(slice(0, n - n % factor) for n in mask.shape)
    shape = [k for n in mask[cut].shape for k in (n // factor, factor)]
    return np.asarray(mask[cut].reshape(shape).mean(axis=(1, 3, 5)) >= 0.5)
