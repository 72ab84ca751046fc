"""PyBaMM beside the homogenised model: DFN half cell, full cell, single particle, impedance."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace
from typing import Any

import numpy as np
from drawing import BLUE, ORANGE, RED, label, panels, picture
from mpi4py import MPI
from scipy.interpolate import PchipInterpolator

from lithoscape.constants import FARADAY
from lithoscape.impedance import log_frequencies, spectrum
from lithoscape.materials import get_set
from lithoscape.mesh.structured import Layer, layered_cell
from lithoscape.models.cell import cell_from_set
from lithoscape.models.homogenised import homogenised
from lithoscape.models.sphere import charged_sphere
from lithoscape.problem import Problem
from lithoscape.protocol import Base, parse_protocol
from lithoscape.simulate import Options, Simulation
from lithoscape.solver import TimeOptions
from lithoscape.validation.references import pybamm_reference as reference
from lithoscape.validation.study import Context, Findings, Table

CASES = (("Xu2019", 1.0), ("Xu2019", 0.5), ("Xu2019", 3.0), ("Chen2020", 1.0))
QUICK = CASES[:1]
LAYER = 0.2
"""Double layer of the impedance [F/m2]."""
POINTS = 200


def study(context: Context) -> Findings:
    """Differences of voltage, end time, surface stoichiometry and impedance."""
    found, curves = Findings(), {}
    rows: list[list[Any]] = []
    for name, rate in QUICK if context.quick else CASES:
        context.say(f"{name} at {rate:g}C")
        curves[name, rate] = _discharge(name, rate)
        rms, end = _differences(*curves[name, rate][:2], *curves[name, rate][2:])
        key = f"{name.lower()}_{rate:g}C".replace(".", "_")
        found.values |= {f"{key}_rms": rms, f"{key}_end": end}
        rows.append([name, f"{rate:g}C", 1e3 * rms, 100 * end])
    head = ["set", "rate", "rms of voltage [mV]", "end time [%]"]
    note = "Voltages at equal shares of the discharge; PyBaMM extrapolated to an infinitely fine mesh in x."
    found.tables.append(Table("Discharges", head, rows, note))
    context.say("single particle")
    particle = _particle(found)
    context.say("impedance")
    impedance = _impedance(found, context.quick)
    found.pictures += [_curve_picture(context, curves), _other_picture(context, particle, impedance)]
    return found


def _problem(name: str, cells: int, radial: int, layer: float = 0.0) -> Problem:
    m = get_set(name)
    stack = [Layer("separator", m.separator.thickness, max(cells // 2, 3), 4.0)]
    stack.append(Layer("positive", m.positive.thickness, cells, 4.0))
    if not m.is_half_cell:
        stack.insert(0, Layer("negative", m.negative.thickness, cells, 4.0))  # type: ignore[union-attr]
    cell = cell_from_set(m, reference.current_density(name, 1.0), radial_nodes=radial)
    regions = tuple(replace(r, double_layer=layer if r.electrode else 0.0) for r in cell.regions)
    return homogenised(layered_cell(stack, comm=MPI.COMM_SELF), replace(cell, regions=regions))


Curve = tuple[np.ndarray, np.ndarray]


def _discharge(name: str, rate: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Time and voltage there and here."""
    run = reference.half_cell_dfn if get_set(name).is_half_cell else reference.full_cell_dfn
    with contextlib.redirect_stdout(io.StringIO()):
        peer = reference.limit_in_x(run, name, rate, bare=True)
    base = Base(reference.current_density(name, 1.0), 1.0)
    lines = parse_protocol([f"Discharge at {rate}C until {peer.voltage[-1]:.6f} V"])
    options = Options(time=TimeOptions(relative=1e-4))
    record = Simulation(_problem(name, 40, 16), lines, base, options=options).run().record
    return peer.time, peer.voltage, record["time"].values, record["Voltage [V]"].values


def _differences(t0: np.ndarray, v0: np.ndarray, t1: np.ndarray, v1: np.ndarray) -> tuple[float, float]:
    """Rms of the voltage at equal shares of the discharge [V], relative difference of the end times."""
    share = np.linspace(0.005, 0.99, POINTS)
    kept = np.append(np.diff(t1) > 0, True)
    here = PchipInterpolator(t1[kept] / t1[-1], v1[kept])(share)
    there = np.interp(share, t0 / t0[-1], v0)
    return float(np.sqrt(np.mean((here - there) ** 2))), float(t1[-1] / t0[-1] - 1)


def _particle(found: Findings) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """PyBaMM's single-particle model against a sphere at the same mean current: surface stoichiometry."""
    m, rate = get_set("Xu2019"), 1.0
    p = m.positive
    current = reference.current_density("Xu2019", rate)
    speed = current / (FARADAY * p.thickness * p.active_fraction * p.material.c_max)
    times = np.linspace(0.0, 1800.0, 13)
    with contextlib.redirect_stdout(io.StringIO()):
        mean, surface = reference.half_cell_spm("Xu2019", rate, times)
    here = np.array(
        [charged_sphere(p.material, p.particle_radius, mean[0], speed, t).surface for t in times[1:]]
    )
    gap = here - surface[1:]
    found.values["spm_surface"] = float(np.abs(gap).max())
    rows = [[f"{t:.0f}", s, h] for t, s, h in zip(times[1::3], surface[1::3], here[::3], strict=True)]
    found.tables.append(
        Table("Surface of a single particle, Xu2019 at 1C", ["time [s]", "PyBaMM SPM", "here"], rows)
    )
    return times[1:], surface[1:], here


def _impedance(found: Findings, quick: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Spectra of the half cell at rest; both extrapolated in the mesh."""
    f = log_frequencies(1e-3, 1e5, 2 if quick else 5)
    coarse, fine = (
        spectrum(_problem("Xu2019", n, 32, LAYER), f, current_density=0.0).impedance for n in (20, 40)
    )
    here = (4 * fine - coarse) / 3
    points = (40, 20) if quick else (80, 40)
    with contextlib.redirect_stdout(io.StringIO()):
        first, second = (reference.half_cell_spectrum("Xu2019", f, LAYER, n) for n in points)
    there = 2 * first - second
    found.values["impedance"] = float(np.abs(there / here - 1).max())
    return f, there, here


def _curve_picture(context: Context, curves: dict[tuple[str, float], Any]) -> Any:
    figure, axes = panels(2, width=4.0, height=3.0)
    for k, ((name, rate), (t0, v0, t1, v1)) in enumerate(curves.items()):
        colour = (BLUE, ORANGE, RED, "#2b8a4b")[k % 4]
        kept = np.append(np.diff(t1) > 0, True)
        share = np.linspace(0.002, 1, 300)
        here = PchipInterpolator(t1[kept] / t1[-1], v1[kept])(share)
        there = np.interp(share, t0 / t0[-1], v0)
        axes[0, 0].plot(share, there, color=colour, lw=3, alpha=0.35)
        axes[0, 0].plot(share, here, color=colour, lw=1, label=f"{name}, {rate:g}C")
        axes[0, 1].plot(share[share < 0.99], 1e3 * (here - there)[share < 0.99], color=colour, lw=1)
    axes[0, 0].plot([], [], color="0.3", lw=3, alpha=0.35, label="PyBaMM")
    label(axes[0, 0], "share of the discharge", "voltage [V]", "voltage")
    label(axes[0, 1], "share of the discharge", "difference [mV]", "here less PyBaMM")
    axes[0, 1].axhline(0, color="0.7", lw=0.8)
    axes[0, 0].legend(fontsize=8, frameon=False)
    caption = "Discharges: PyBaMM's DFN (wide) and the homogenised model (thin); right, the difference."
    return picture(figure, context.folder, "discharges", caption)


def _other_picture(context: Context, particle: Any, impedance: Any) -> Any:
    figure, axes = panels(3, width=3.3, height=3.0)
    time, there, here = particle
    axes[0, 0].plot(time, there, color=BLUE, lw=3, alpha=0.35, label="PyBaMM SPM")
    axes[0, 0].plot(time, here, "o", color=BLUE, ms=3, label="here")
    label(axes[0, 0], "time [s]", "surface stoichiometry", "single particle, 1C")
    axes[0, 0].legend(fontsize=8, frameon=False)
    f, there, here = impedance
    scale = 1e4
    axes[0, 1].plot(scale * there.real, -scale * there.imag, color=ORANGE, lw=3, alpha=0.4, label="PyBaMM")
    axes[0, 1].plot(scale * here.real, -scale * here.imag, "o", color=ORANGE, ms=3, label="here")
    label(axes[0, 1], "Re Z [Ω cm²]", "-Im Z [Ω cm²]", "half cell at rest")
    axes[0, 1].legend(fontsize=8, frameon=False)
    axes[0, 2].loglog(f, np.abs(there / here - 1), "o-", color=ORANGE, ms=3, lw=1)
    label(axes[0, 2], "frequency [Hz]", "relative difference", "|PyBaMM / here - 1| of the impedance")
    caption = "Surface of a single particle; impedance of the Xu2019 half cell (0.2 F/m²); its difference."
    return picture(figure, context.folder, "particle_impedance", caption)
