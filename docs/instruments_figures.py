"""Draw the figures of docs/instruments.md: ``python docs/instruments_figures.py`` (about a minute).

The cross-section is scenarios/cracked_nmc622.yaml, variant matched_gauge, on a coarser mesh, with the
instruments of ``INSTRUMENTS``; its run folder is kept in a temporary folder, or in the one given.
"""

import sys
import tempfile
from pathlib import Path

import dolfinx_solver  # noqa: F401
import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

from lithoscape import instruments as ins
from lithoscape.scenario import load_scenario, run_scenario

HERE = Path(__file__).parent
IMAGES = HERE / "images"
UM, MM, A3 = 1e-6, 1e-3, 1e-30
INK, BLUE, RED, GREEN, GREY = "#222222", "#2c6fbb", "#c0392b", "#2e8b57", "#9a9a9a"
INSTRUMENTS = {
    "instruments.gauge_map.crack_length_um": 1300.0,
    "instruments.gauge_map.reflections_two_theta_deg": [3.3, 6.5],
    "instruments.gauge_map.pattern_time_s": 3.0,
    "instruments.gauge_map.sol_uncertainty": 0.003,
    "instruments.cycler": {
        "interval_s": 60.0, "trigger_mV": 10.0, "voltage_resolution_mV": 5.0, "voltage_noise_mV": 3.0,
        "current_resolution_A_m2": 0.01,
    },
}  # fmt: skip


def crossing(folder: Path) -> xr.Dataset:
    """Record of the discharge beside a crack; read again if it is there."""
    file = folder / "record.nc"
    if not file.is_file():
        changes = {
            "geometry.cell_size_um": 20.0,
            "solver.radial_nodes": 10,
            "solver.relative_tolerance": 1e-3,
        }
        loaded = load_scenario(
            HERE.parent / "scenarios" / "cracked_nmc622.yaml", "matched_gauge", changes | INSTRUMENTS
        )
        run_scenario(loaded, folder)
    return xr.load_dataset(file, engine="h5netcdf")


def axes(columns: int, width: float = 9.0, height: float = 3.4):
    """A row of panels."""
    figure, panels = plt.subplots(1, columns, figsize=(width, height), layout="constrained")
    for panel in np.atleast_1d(panels):
        panel.spines[["top", "right"]].set_visible(False)
    return figure, panels


def save(figure, name: str) -> None:
    """Write one figure."""
    figure.savefig(IMAGES / f"instruments_{name}.png", dpi=130)
    plt.close(figure)


def gauge_length() -> None:
    """Length against angle, and weights along the beam."""
    mcc, crack = ins.Collimator(), ins.FiniteCrack(1.3 * MM)
    figure, (left, right) = axes(2)
    angles = np.linspace(2.5, 9, 200)
    left.plot(angles, [1e3 * mcc.length(a) for a in angles], color=BLUE, label="slits and beam, eq. 1")
    left.plot(angles, [1e3 * mcc.collimated(a) for a in angles], color=BLUE, ls=":", label="slits alone")
    left.plot([3.3, 6.5], [1.3, 0.67], "o", color=RED, label="printed")
    left.axhline(1.3, color=GREY, lw=0.8, ls="--")
    left.text(8.9, 1.33, "crack length", color=INK, fontsize=8, ha="right")
    left.set(xlabel="scattering angle 2θ / °", ylabel="gauge length / mm", ylim=(0, 2), xlim=(2.5, 9))
    left.legend(frameon=False, fontsize=8, loc="lower left")
    x = np.linspace(-1.6, 1.6, 801)
    for angle, colour in ((3.3, RED), (6.5, BLUE)):
        share = crack.share(mcc, angle)
        right.plot(
            x, mcc.profile(x * MM, angle), color=colour, label=f"{angle}°: {100 * share:.1f} % in the crack"
        )
    right.axvspan(-0.65, 0.65, color=GREY, alpha=0.2, lw=0)
    right.text(0, 0.05, "crack", ha="center", fontsize=8, color=INK)
    right.set(xlabel="along the beam / mm", ylabel="weight", ylim=(0, 1.28), xlim=(-1.6, 1.6))
    right.legend(frameon=False, fontsize=8, loc="upper center", ncols=2, columnspacing=1.0)
    save(figure, "gauge_length")


def gauge_map(record: xr.Dataset) -> None:
    """The bottom level at the end of the discharge, and a map taken point by point."""
    figure, (left, right) = axes(2)
    x, bottom = 1e6 * record["position"].values, -1
    left.axvspan(-25, 25, color=GREY, alpha=0.2, lw=0)
    left.plot(
        x, 100 * record["Gauge state of lithiation"].values[-1, bottom], "s", ms=5, mfc="none", color=INK,
        label="cross-section",
    )  # fmt: skip
    for k, (angle, colour) in enumerate(((3.3, RED), (6.5, BLUE))):
        seen = 100 * record["Gauge state of lithiation by reflection"].values[-1, k, bottom]
        error = 100 * record["Gauge uncertainty"].values[k, bottom]
        left.errorbar(
            x + 0.8 * (2 * k - 1), seen, error, fmt="o", ms=3, lw=1, color=colour,
            label=f"{angle}°",
        )  # fmt: skip
    left.set(xlabel="distance from the crack's middle / µm", ylabel="state of lithiation / %")
    left.set_title("135 µm deep, end of discharge", fontsize=9, loc="left")
    left.legend(frameon=False, fontsize=8)
    acquired = record["Gauge state of lithiation as acquired"].transpose(
        "map", "reflection", "depth", "position"
    )
    when = record["Time of acquisition [s]"].values
    time = record["time"].values / 60
    for level, colour in ((0, RED), (2, BLUE)):
        whole = record["Gauge state of lithiation by reflection"].values[:, 1, level, -1]
        right.plot(
            time, 100 * whole, color=colour, lw=1, label=f"{1e6 * record['depth'].values[level]:.0f} µm deep"
        )
        mid = when.reshape(when.shape[0], -1).mean(axis=1) / 60
        right.plot(mid, 100 * acquired.values[:, 1, level, -1], ".", color=colour, ms=5)
    right.set(xlabel="time / min", ylabel="state of lithiation / %")
    right.set_title("bulk: run (line), maps of 144 s at their middle (dots)", fontsize=9, loc="left")
    right.legend(frameon=False, fontsize=8)
    save(figure, "gauge_map")


def cell_volume() -> None:
    """Anchors and lines of NMC622; uncertainty of a reading and of a difference."""
    known = ins.nmc622()
    figure, (left, right) = axes(2)
    x = np.linspace(0.3, 1.03, 300)
    volume = known.volume(x)
    own, common = known.uncertainty(volume, 0.01 * A3)
    anchors = np.genfromtxt(
        Path(ins.__file__).parent / "data" / "nmc622_cell_strauss2018.csv", delimiter=",", skip_header=3
    )
    left.fill_between(
        x, (volume - common * known.slope(x)) / A3, (volume + common * known.slope(x)) / A3, color=BLUE,
        alpha=0.2, lw=0, label="standard uncertainty",
    )  # fmt: skip
    left.plot(x, volume / A3, color=BLUE, label="fitted lines")
    left.plot(anchors[:, 0], anchors[:, 3], "o", ms=4, color=INK, label="anchors")
    left.set(xlabel="lithium content x", ylabel="volume of the cell / Å³")
    left.legend(frameon=False, fontsize=8)
    second = np.linspace(0.5, 0.9, 100)
    apart = known.difference(known.volume(0.9), known.volume(second), 0.01 * A3)
    right.plot(x, 100 * np.hypot(own, common), color=BLUE, label="of x, against x")
    right.plot(second, 100 * apart[1], color=RED, label="of 0.9 - x, against x")
    right.plot(x, 100 * own, color=GREY, ls=":", label="refinement alone (0.01 Å³)")
    right.set(xlabel="lithium content x", ylabel="standard uncertainty / %", ylim=(0, 2.6))
    right.legend(frameon=False, fontsize=8)
    save(figure, "cell_volume")


def compton() -> None:
    """Calibration, and regions of a profile with counting noise."""
    line, rng = ins.nmc811(), np.random.default_rng(1)
    figure, (left, right) = axes(2)
    s = np.linspace(0.5, 2.6, 50)
    table = np.genfromtxt(
        Path(ins.__file__).parent / "data" / "compton_nmc811_huang2022.csv", delimiter=",", skip_header=2
    )
    left.plot(s, line.lithium(s), color=BLUE, label=f"1-x = {line.slope:.4f} S - {-line.intercept:.4f}")
    left.plot(table[:, 0], table[:, 1], "o", ms=4, color=INK, label="Table 2")
    left.set(xlabel="S-parameter", ylabel="lithium content 1-x")
    left.legend(frameon=False, fontsize=8)
    depth = np.linspace(0, 1, 400)
    profile = 0.78 - 0.2 * depth**2.5
    right.plot(depth, profile, color=GREY, label="electrode")
    edges = np.linspace(0, 1, 4)
    for k in range(3):
        inside = (depth >= edges[k]) & (depth <= edges[k + 1])
        true = profile[inside].mean()
        right.hlines(
            true, edges[k], edges[k + 1], color=INK, lw=1, label="mean of a region" if k == 0 else None
        )
        for counts, colour, shift in ((2_000, RED, -0.04), (50_000, BLUE, 0.04)):
            seen = line.lithium(ins.noisy(line.s(true), counts, rng))
            own, common = ins.lithium_uncertainty(np.asarray(true), line, np.asarray(counts))
            right.errorbar(
                0.5 * (edges[k] + edges[k + 1]) + shift, seen, np.hypot(own, common), fmt="o", ms=4, lw=1,
                color=colour, label=f"{counts} photons" if k == 0 else None,
            )  # fmt: skip
    for edge in edges[1:-1]:
        right.axvline(edge, color=GREY, lw=0.6, ls="--")
    right.set(xlabel="depth / thickness", ylabel="lithium content 1-x", ylim=(0.5, 0.92))
    right.legend(frameon=False, fontsize=8, loc="lower left")
    save(figure, "compton")


def waxs() -> None:
    """Windows, and where the reflections of NMC622 go."""
    figure, (left, right) = axes(2)
    graphite, nmc = ins.table("graphite"), ins.table("NMC622")
    colours = {"LiC6": GREEN, "LiC12": BLUE, "graphite": RED, "lithiated": GREEN, "delithiated": RED}
    q = np.linspace(1.62, 1.95, 400)
    chances = graphite.probabilities(q * 1e10, 0.004e10)
    for k, name in enumerate(graphite.labels[:-1]):
        left.plot(q, chances[:, k], color=colours.get(name, GREY), label=name)
    left.set(xlabel="q / Å⁻¹", ylabel="probability of the label", ylim=(0, 1.3))
    left.set_title("graphite, q known to 0.004 Å⁻¹", fontsize=9, loc="left")
    left.legend(frameon=False, fontsize=8, ncols=4, loc="upper center", columnspacing=0.9, handlelength=1.2)
    for w in nmc.windows:
        right.axvspan(w.low / 1e10, w.high / 1e10, ymax=0.72, color=colours[w.label], alpha=0.25, lw=0)
        right.text(
            0.5e-10 * (w.low + w.high), 0.62, w.label, rotation=90, ha="center", va="center", fontsize=8
        )
    states = {"x = 1": (2.869e-10, 14.22e-10), "x = 0.46": (2.817e-10, 14.50e-10)}
    for (name, cell), marker in zip(states.items(), ("o", "s"), strict=True):
        for hkl, colour in (((1, 1, 3), INK), ((1, 1, 0), GREY)):
            label = f"{''.join(map(str, hkl))}, {name}"
            right.plot(ins.q_hexagonal(hkl, *cell) / 1e10, 0.25, marker, color=colour, label=label)
    right.set(xlabel="q / Å⁻¹", ylim=(0, 1.3), xlim=(4.34, 4.68), yticks=[])
    right.spines["left"].set_visible(False)
    right.set_title("NMC622", fontsize=9, loc="left")
    right.legend(frameon=False, fontsize=8, ncols=2, loc="upper center")
    save(figure, "waxs")


def microscope() -> None:
    """A crack with a lithiated rim: the field, and two pictures of it."""
    step, n = 0.25 * UM, 480
    x, y = (np.arange(n) + 0.5) * step / UM, (np.arange(n // 2) + 0.5)[:, None] * step / UM
    field = 0.55 + 0.3 * np.exp(-abs(x - 60) / 20) - 0.001 * y
    field = np.where(abs(x - 60) < 4 + 0.02 * (60 - y), np.nan, field)
    grey = ins.by_value(field, 0.4, 0.9)
    pictures = [
        ins.Picture(grey, np.zeros_like(grey), step),
        ins.photograph(grey, step, ins.Optics(0.5 * UM, 1 * UM, photons=2000, bits=8)),
        ins.photograph(grey, step, ins.Optics(2 * UM, 6 * UM, photons=100, bits=8)),
    ]
    titles = ("field", "1 µm resolution, 2000 photons", "6 µm resolution, 100 photons")
    figure, panels = axes(3, 9.0, 1.9)
    for panel, picture, title in zip(panels, pictures, titles, strict=True):
        panel.imshow(picture.grey, cmap="gray", vmin=0, vmax=1, extent=(0, 120, 60, 0))
        panel.set_title(title, fontsize=9, loc="left")
        panel.set(xlabel="µm", xticks=[0, 60, 120], yticks=[0, 60])
    save(figure, "microscope")


def cycler(record: xr.Dataset) -> None:
    """The end of the discharge as run and as written down."""
    figure, (left, right) = axes(2)
    time = record["time"].values / 60
    for panel in (left, right):
        panel.plot(time, record["Voltage [V]"], color=GREY, lw=1, label="run")
        panel.errorbar(
            record["Cycler time [s]"] / 60, record["Cycler voltage [V]"],
            record["Cycler voltage uncertainty [V]"], fmt=".", ms=4, lw=0.8, color=BLUE,
            label="every minute or 10 mV",
        )  # fmt: skip
        panel.set(xlabel="time / min", ylabel="voltage / V")
    middle = 0.5 * time[-1]
    level = np.interp(middle, time, record["Voltage [V]"].values)
    right.set(xlim=(middle - 4, middle + 4), ylim=(level - 0.04, level + 0.04))
    right.set_title("8 min of it: steps of 5 mV, noise of 3 mV", fontsize=9, loc="left")
    left.legend(frameon=False, fontsize=8)
    save(figure, "cycler")


def main() -> None:
    """All figures."""
    plt.rcParams.update({"font.size": 9, "axes.linewidth": 0.8})
    IMAGES.mkdir(exist_ok=True)
    for draw in (gauge_length, cell_volume, compton, waxs, microscope):
        draw()
    with tempfile.TemporaryDirectory() as temporary:
        record = crossing(Path(sys.argv[1] if len(sys.argv) > 1 else temporary))
    gauge_map(record)
    cycler(record)


if __name__ == "__main__":
    main()
