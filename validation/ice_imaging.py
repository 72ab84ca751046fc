"""Compton imaging of a cycle: S from 1-x, photons counted in every pixel, 1-x back from S.

The source does not say how many photons fall into the two windows: PHOTONS per pixel and exposure are
assumed, with which a pixel is worth about 0.03 in the discharged state. Everything else is eqs 6-9 and
Table 2 of Huang et al., Adv. Sci. 9 (2022) 2105723, doi 10.1002/advs.202105723.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ice_electrode as paper
import numpy as np
from drawing import BLUE, GREY, RED, REGION_COLOURS, label, panels, picture
from ice_runs import PIXEL, Cycle
from scipy import constants

from lithoscape.instruments import (
    SLine,
    lithium_uncertainty,
    momentum,
    nmc811,
    noisy,
    scattered_energy,
)
from lithoscape.validation.study import Context, Picture, Table

KEV = 1e3 * constants.electron_volt
ENERGY, ANGLE = 115 * KEV, 90.0
PEAK, RESOLUTION = 93.9 * KEV, 0.79 * KEV
"""Beam, scattering angle [degrees], published peak and width of the detector's lines (at 59.54 keV)."""
PHOTONS, ROWS, SEED = 5000.0, 20, 20220405
"""Assumed photons per pixel in both windows together; rows and columns of the map; of the noise."""
STATES = ("charged", "discharged")


@dataclass(frozen=True)
class Image:
    """A cycle as imaged: arrays (state, region, row, column), and means over the pixels (state, region).

    ``true`` is 1-x in the model, ``s`` the signal as counted, ``lithium`` 1-x read from it. ``counting`` is
    the standard uncertainty of a pixel, ``common`` that of the line, ``mean_error`` that of a mean by
    counting.
    """

    true: np.ndarray
    s: np.ndarray
    lithium: np.ndarray
    counting: np.ndarray
    common: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """1-x of a region as the experiment states it."""
        return np.asarray(self.lithium.mean(axis=(2, 3)))

    @property
    def mean_s(self) -> np.ndarray:
        """S of a region."""
        return np.asarray(self.s.mean(axis=(2, 3)))

    @property
    def mean_error(self) -> np.ndarray:
        """Of the mean over all pixels."""
        return np.asarray(np.sqrt((self.counting**2).sum(axis=(2, 3))) / self.counting[0, 0].size)


def image(cycle: Cycle, line: SLine | None = None, photons: float = PHOTONS) -> Image:
    """Pixels of the model repeated over a map, through S with counting noise and back."""
    line = line or nmc811()
    across = -(-ROWS // cycle.pixels.shape[2])
    true = np.tile(cycle.pixels, (1, 1, across))[:, :, :ROWS]
    true = np.repeat(true[:, :, None, :], ROWS, axis=2)
    s = noisy(np.maximum(line.s(true), 0.01), photons, np.random.default_rng(SEED))
    counting, common = lithium_uncertainty(true, line, np.asarray(photons))
    return Image(true, s, line.lithium(s), counting, np.broadcast_to(common, true.shape))


def photons_for(uncertainty: float, lithium: float, line: SLine) -> float:
    """Photons in both windows with which 1-x is known to ``uncertainty`` by counting."""
    (one, _) = lithium_uncertainty(np.array(lithium), line, np.array(1.0))
    return float((one / uncertainty) ** 2)


def energies() -> dict[str, float]:
    """Peak [J], momentum per energy at the peak [a.u./J], momentum that the detector's width blurs [a.u.]."""
    peak = scattered_energy(ENERGY, ANGLE)
    step = 0.1 * KEV
    slope = float(np.ptp(momentum(np.array([peak - step, peak + step]), ENERGY, ANGLE))) / (2 * step)
    return {"compton_peak": peak, "momentum_slope": slope, "momentum_blur": slope * RESOLUTION}


# -- tables --------------------------------------------------------------------------
def image_table(cycles: dict[str, Cycle], line: SLine) -> Table:
    """Every region: published, in the model, as counted; S beside it."""
    rows: list[list[Any]] = []
    published = {
        "charged": (paper.CHARGED, paper.S_CHARGED),
        "discharged": (paper.DISCHARGED, paper.S_DISCHARGED),
    }
    for name, cycle in cycles.items():
        found = image(cycle, line)
        for j, state in enumerate(STATES):
            for k in range(3):
                x, s = (values[k] for values in published[state])
                rows.append([
                    name if j == k == 0 else "", state, k + 1, x, s, float(found.true[j, k].mean()),
                    float(line.s(found.true[j, k].mean())),
                    f"{found.mean[j, k]:.4f} ± {found.mean_error[j, k]:.4f} ± {found.common[j, k, 0, 0]:.4f}",
                    f"{found.counting[j, k, 0, 0]:.3f}", float(found.mean[j, k] - found.true[j, k].mean()),
                ])  # fmt: skip
    head = ["cell", "state", "region", "1-x, published", "S, published", "1-x, model", "S, model",
            "1-x, mean as counted ± counting ± line", "a pixel ±", "counted less model"]  # fmt: skip
    note = (
        f"{ROWS} x {ROWS} pixels of {1e3 * PIXEL:.2f} mm, {PHOTONS:.0f} photons per pixel in both windows "
        f"(assumed: not published). {photons_for(0.03, 0.05, line):.0f} photons make a pixel worth 0.03 when "
        f"charged (1-x = 0.05), {photons_for(0.03, 0.7, line):.0f} when discharged (0.70). The ratio "
        "of two counts is biased by S(1+S)/N, 0.001 here. Contents above the calibration "
        "(0.76) lie on the line's extension."
    )
    return Table("1-x by region through pixels, photons and S", head, rows, note)


def line_table(line: SLine) -> Table:
    """The calibration's points and what the line leaves."""
    s = [*paper.S_CHARGED, *paper.S_DISCHARGED]
    x = [*paper.CHARGED, *paper.DISCHARGED]
    rows = [
        [f"{'discharged' if n > 2 else 'charged'}, region {n % 3 + 1}", a, b, float(line.lithium(a)),
         f"{b - float(line.lithium(a)):+.4f}"]
        for n, (a, b) in enumerate(zip(s, x, strict=True))
    ]  # fmt: skip
    note = (
        f"1-x = {line.slope:.4f} S {line.intercept:+.4f}, least squares through the published table, scatter "
        f"{line.scatter:.4f}; entries are rounded to 0.01. Absolute values are worth 0.03 at best, by which "
        "table and capacity disagree."
    )
    return Table("Line between S and 1-x", ["point", "S", "1-x", "line", "residual"], rows, note)


def energy_table() -> Table:
    """Eq. 6 at 115 keV and 90 degrees."""
    e = energies()
    rows = [
        ["peak for electrons at rest [keV]", e["compton_peak"] / KEV, PEAK / KEV],
        ["photon energy per atomic unit of momentum [keV]", 1 / (e["momentum_slope"] * KEV), ""],
        ["width of the detector's lines [atomic units], 0.79 keV", e["momentum_blur"], ""],
    ]
    note = (
        "The window of valence electrons, |p| < 1, is two atomic units wide: the detector blurs it by almost "
        "half. This is in the published S and in the line, and it cancels as long as both have it."
    )
    return Table("Compton scattering of 115 keV by 90 degrees (eq. 6)", ["", "here", "published"], rows, note)


# -- pictures --------------------------------------------------------------------------
def map_picture(context: Context, cycle: Cycle, title: str, line: SLine) -> Picture:
    """Maps of 1-x by pixel, one per state and region."""
    found = image(cycle, line)
    figure, axes = panels(3, 2, width=2.6, height=2.45)
    edge, shown = 1e3 * PIXEL * ROWS, None
    for j, state in enumerate(STATES):
        for k in range(3):
            axis = axes[j, k]
            shown = axis.imshow(
                found.lithium[j, k], vmin=0, vmax=1, cmap="viridis", extent=(0, edge, 0, edge), origin="lower"
            )
            name = f"{state}, region {k + 1}\n{found.mean[j, k]:.3f} (published {_published(state)[k]:.2f})"
            label(axis, "mm" if j else "", "mm" if k == 0 else "", name)
    figure.colorbar(shown, ax=axes, shrink=0.7, label="1 - x")
    caption = (
        f"1-x by pixel of 0.27 mm as counted ({PHOTONS:.0f} photons per pixel, assumed), {title}. The model "
        "is even in plane: what varies is counting noise. Titles: mean of the region, and the published one."
    )
    return picture(figure, context.folder, "pixels", caption)


def _published(state: str) -> tuple[float, ...]:
    return paper.CHARGED if state == "charged" else paper.DISCHARGED


def line_picture(context: Context, cycle: Cycle, title: str, line: SLine) -> Picture:
    """The line with published points and simulated regions on it; residuals."""
    found = image(cycle, line)
    figure, axes = panels(2, width=4.2, height=3.2, gridspec_kw={"width_ratios": [1.5, 1]})
    s = np.linspace(0.55, 3.2, 50)
    axes[0, 0].plot(s, line.lithium(s), color=GREY, lw=1, label=f"{line.slope:.4f} S {line.intercept:+.4f}")
    axes[0, 0].plot(
        paper.S_CHARGED, paper.CHARGED, "s", mfc="none", color=RED, ms=6, label="charged, published"
    )
    axes[0, 0].plot(
        paper.S_DISCHARGED, paper.DISCHARGED, "s", mfc="none", color=BLUE, ms=6, label="discharged, published"
    )
    for j, (state, colour) in enumerate(zip(STATES, (RED, BLUE), strict=True)):
        axes[0, 0].errorbar(
            found.mean_s[j], found.true[j].mean(axis=(1, 2)), xerr=found.counting[j, :, 0, 0] / line.slope,
            fmt="o", ms=4, color=colour, lw=1, label=f"{state}, simulated",
        )  # fmt: skip
    label(axes[0, 0], "S-parameter", "1 - x", "calibration")
    axes[0, 0].legend(fontsize=7.5, frameon=False)
    place = np.arange(6)
    axes[0, 1].axhspan(-5, 5, color="0.92", label="rounding of the table")
    colours = [*REGION_COLOURS, *REGION_COLOURS]
    axes[0, 1].bar(place, 1e3 * line.residuals, 0.6, color=colours)
    axes[0, 1].axhline(0, color="0.4", lw=0.8)
    axes[0, 1].set_xticks(place, ["1", "2", "3", "1", "2", "3"])
    axes[0, 1].set_ylim(-7, 8.5)
    label(axes[0, 1], "region, charged | discharged", "point less line [0.001]", "residuals")
    axes[0, 1].legend(fontsize=7.5, frameon=False, loc="upper right")
    caption = (
        f"Left: line from S to 1-x, its points, and the regions simulated ({title}) as they are counted; "
        "bars are the noise of one pixel. Right: what the line leaves of the points."
    )
    return picture(figure, context.folder, "calibration", caption)
