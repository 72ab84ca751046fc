"""Closed forms beside what the package computes: transport, diffusion in time, impedance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from drawing import BLUE, GREEN, ORANGE, label, panels, picture

from lithoscape.generate.spheres import Spheres
from lithoscape.image import Grid
from lithoscape.impedance import DiffusionOptions, diffusion_impedance, fit_line
from lithoscape.impedance.line import blocking_interface, de_levie
from lithoscape.impedance.warburg import film_closed, film_held
from lithoscape.materials import get_set
from lithoscape.models.sphere import charged_sphere
from lithoscape.spectra import Spectrum, log_frequencies
from lithoscape.transport.accuracy import STAIRS, raster, richardson
from lithoscape.transport.voxel import VoxelOptions, effective
from lithoscape.validation.references import sphere_arrays
from lithoscape.validation.study import Context, Findings, Table

PORES = {0: 1.0, 1: 0.0}
ARRAYS = (("simple", 0.3), ("body-centred", 0.5), ("face-centred", 0.5))
EDGE = 1e-5
D, R = 1e-14, 4e-6
"""Diffusivity [m2/s] and radius [m] of the sphere."""


@dataclass(frozen=True)
class Check:
    """A closed form: its name in the findings, what it is, exact and computed value, relative error."""

    name: str
    what: str
    exact: float
    found: float
    error: float


def study(context: Context) -> Findings:
    """Every check, a table, the curves."""
    found = Findings()
    arrays, lines = _arrays(context)
    checks = [*_channels(), *arrays]
    context.say("diffusion in a sphere")
    sphere, curve = _sphere()
    context.say("impedance")
    impedances, spectra = _impedance()
    checks += [*sphere, *impedances]
    found.values = {c.name: c.error for c in checks}
    rows = [[c.what, c.exact, c.found, f"{c.error:.1e}"] for c in checks]
    found.tables.append(Table("Closed forms", ["", "exact", "here", "relative error"], rows))
    found.pictures.append(_picture(context, lines, curve, spectra))
    return found


def relative(name: str, what: str, exact: float, found: float) -> Check:
    """A check of one number."""
    return Check(name, what, exact, found, abs(found / exact - 1))


# -- steady transport ----------------------------------------------------------
def _channels() -> list[Check]:
    options = VoxelOptions(1e-8)

    def solve(labels: np.ndarray, values: dict[int, float], axis: int = 0) -> Any:
        return effective(labels, values, axis, options=options)

    straight = np.ones((16, 12, 12), np.uint8)
    straight[:, 3:7, 2:8] = 0
    slabs = np.zeros((12, 8, 8), np.uint8)
    slabs[4:] = 1
    both = {0: 1.0, 1: 0.2}
    series, parallel = 12 / (4 + 8 / 0.2), (4 + 8 * 0.2) / 12
    return [
        relative("channel", "straight channel, tau", 1.0, solve(straight, PORES).tau),
        relative("series", "layers of 1 and 0.2 in series", series, solve(slabs, both).effective),
        relative("parallel", "the same side by side", parallel, solve(slabs, both, 1).effective),
    ]


def _arrays(context: Context) -> tuple[list[Check], dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Insulating spheres in cubic arrays: voxels extrapolated, against Rayleigh's multipoles."""
    sizes = (32, 64, 128) if context.quick else (32, 64, 128, 192)
    checks, lines = [], {}
    for array, fraction in ARRAYS:
        context.say(f"{array} array")
        exact = sphere_arrays.multipoles(array, fraction, 0.0)
        centres = EDGE * np.array(sphere_arrays.SITES[array], dtype=float)
        balls = Spheres(centres, np.full(len(centres), EDGE * sphere_arrays.radius(array, fraction)))
        values = []
        for n in sizes:
            eighth = raster(balls, Grid((n // 2,) * 3, EDGE / n), fraction).astype(np.uint8)
            values.append(effective(eighth, PORES, options=VoxelOptions(1e-6)).effective)
        limit = richardson([1 / n for n in sizes], values, STAIRS).limit
        key = array.replace("-", "_")
        checks.append(
            relative(f"array_{key}", f"{array} array, {fraction:g} of spheres, limit", exact, limit)
        )
        finest = f"the same, {sizes[-1]} voxels"
        checks.append(relative(f"array_{key}_voxels", finest, exact, values[-1]))
        lines[array] = (np.array(sizes), np.abs(np.array(values) / exact - 1))
    return checks, lines


# -- diffusion in time -----------------------------------------------------------
def charged(time: float, rate: float, start: float) -> float:
    """Surface of a sphere under a constant flux (Crank, The Mathematics of Diffusion, eq. 6.45)."""
    tau = D * time / R**2
    roots = _roots(400)
    series = float((np.exp(-(roots**2) * tau) / roots**2).sum())
    flux = rate * R**2 / (3 * D)
    return start + flux * (3 * tau + 0.2 - 2 * series)


def half_space(time: float, rate: float, start: float) -> float:
    """Surface of a half space under the same flux, (2 j / D) sqrt(D t / pi) (Sand 1901)."""
    return start + rate * R / 3 / D * 2 * np.sqrt(D * time / np.pi)


def _roots(count: int) -> np.ndarray:
    """Positive roots of tan x = x, by Newton's method from the asymptote."""
    x = (np.arange(1, count + 1) + 0.5) * np.pi
    x = x - 1 / x
    for _ in range(20):
        x = x - (np.sin(x) - x * np.cos(x)) / (x * np.sin(x))
    return np.asarray(x)


def _sphere() -> tuple[list[Check], tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    material = replace(get_set("NMC811_half").positive.material, diffusivity=D)
    rate, start = 1e-4, 0.3
    times = np.geomspace(0.05, 2000.0, 15)
    here = np.array([charged_sphere(material, R, start, rate, t, nodes=60).surface for t in times])
    exact = np.array([charged(t, rate, start) for t in times])
    sand = np.array([half_space(t, rate, start) for t in times])
    worst = float(np.abs((here - exact) / (exact - start)).max())
    early = int(np.argmin(np.abs(times - 0.4)))
    share = (here[early] - start) / (sand[early] - start)
    checks = [
        Check("crank", "sphere at constant flux, rise of the surface (worst of 15 times)",
              exact[-1] - start, here[-1] - start, worst),
        Check("sand", f"the same at {times[early]:.2g} s against a half space (Sand)",
              sand[early] - start, here[early] - start, abs(share - 1)),
    ]  # fmt: skip
    return checks, (times, here - start, exact - start, sand - start)


# -- impedance --------------------------------------------------------------------
def _impedance() -> tuple[list[Check], tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Straight channels against Warburg's films; a transmission line; Cottrell from the spectrum."""
    n, h, diffusivity = 200, 1e-6, 1e-10
    channel = np.ones((n, 4, 4), np.uint8)
    channel[:, 1:3, 1:3] = 0
    length = n * h
    checks, kept = [], None
    f = np.geomspace(1e-2, 1e2, 21) * diffusivity / length**2
    for outlet, law in (("absorbing", film_held), ("reflecting", film_closed)):
        s = diffusion_impedance(
            channel, 0, 0, frequencies=f, spacing=(h,) * 3, diffusivity=diffusivity, outlet=outlet,
            options=DiffusionOptions(1e-6),
        )  # fmt: skip
        exact = law(2 * np.pi * f, 4.0, length**2 / diffusivity)
        error = float(np.abs(s.normalised / exact - 1).max())
        middle = len(f) // 2
        checks.append(
            Check(f"warburg_{outlet}", f"channel, {outlet} outlet: |Z|, worst error of 21",
                  float(abs(exact[middle])), float(abs(s.normalised[middle])), error)
        )  # fmt: skip
        kept = kept or (f * length**2 / diffusivity, s.normalised, exact)
    assert kept is not None
    checks.append(_cottrell(kept))
    omega = 2 * np.pi * log_frequencies(1e-2, 1e5, 6)
    ionic = 2.5e-3
    z = de_levie(omega, ionic, blocking_interface(omega, 3.0))
    fitted = fit_line(Spectrum(omega / 2 / np.pi, z, "ohm.m2")).ionic
    checks.append(relative("line", "de Levie's line, resistance got back by a fit [ohm m2]", ionic, fitted))
    return checks, kept


def _cottrell(kept: tuple[np.ndarray, np.ndarray, np.ndarray]) -> Check:
    """At high frequency 1/Z is sqrt(i omega tau)/R; of a step that makes Cottrell's 1/sqrt(pi t)."""
    w, found, _ = kept
    k = int(np.argmin(np.abs(w - 30.0)))
    slope = float((1 / found[k]).real / np.sqrt(2 * np.pi * w[k] / 2) * 4.0)
    return Check("cottrell", "slope of the admittance over Cottrell's", 1.0, slope, abs(slope - 1))


# -- picture ------------------------------------------------------------------------
def _picture(context: Context, lines: Any, curve: Any, spectra: Any) -> Any:
    figure, axes = panels(3, width=3.5, height=3.1)
    for (array, (sizes, errors)), colour in zip(lines.items(), (BLUE, ORANGE, GREEN), strict=True):
        axes[0, 0].loglog(sizes, errors, "o-", ms=4, color=colour, label=array)
    guide = np.array([32, 128])
    axes[0, 0].loglog(guide, 0.02 * 32 / guide, "--", color="0.6", lw=1, label="first order")
    axes[0, 0].set_xticks([32, 64, 128], ["32", "64", "128"])
    axes[0, 0].minorticks_off()
    label(axes[0, 0], "voxels per edge of the cell", "relative error", "arrays of spheres")
    axes[0, 0].legend(fontsize=8, frameon=False)
    times, here, exact, sand = curve
    axes[0, 1].loglog(times, exact, color=BLUE, lw=3, alpha=0.35, label="Crank")
    axes[0, 1].loglog(times, sand, "--", color="0.5", lw=1, label="half space (Sand)")
    axes[0, 1].loglog(times, here, "o", color=BLUE, ms=3, label="here")
    label(axes[0, 1], "time [s]", "rise of the surface", "sphere at constant flux")
    axes[0, 1].legend(fontsize=8, frameon=False)
    _, found, exact = spectra
    axes[0, 2].plot(exact.real, -exact.imag, color=ORANGE, lw=3, alpha=0.4, label="R tanh(s)/s")
    axes[0, 2].plot(found.real, -found.imag, "o", color=ORANGE, ms=3, label="voxels")
    axes[0, 2].set(xlim=(0, 4.3), ylim=(0, 3.2), aspect="equal")
    label(axes[0, 2], "Re Z A D / L", "-Im Z A D / L", "channel, absorbing outlet")
    axes[0, 2].legend(fontsize=8, frameon=False, loc="upper left")
    caption = (
        "Left: voxels against Rayleigh's multipoles, before extrapolation. Middle: charged sphere. Right: "
        "diffusion impedance of a straight channel that fills a quarter of the section."
    )
    return picture(figure, context.folder, "closed_forms", caption)
