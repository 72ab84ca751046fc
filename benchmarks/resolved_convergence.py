"""How fine a resolved mesh must be: one packing on four meshes, extrapolated, with an error band.

    python benchmarks/resolved_convergence.py [--cells 7 10 14 20] [--rate 2] [--out convergence.json]

A box of 20 um with spheres of 10 um from their exact shapes behind 8 um of separator, NMC811 of Chen et al.
(2020) against lithium, from rest to 3.3 V. The meshes have 7 to 20 cells of the lattice along an edge of the
box. The current is the same on all of them: that of the true spheres. For every figure the table gives the
observed order of the three finest meshes, the value at cell size zero, and the band of the finest mesh (grid
convergence index of Roache, J. Fluids Eng. 116 (1994) 405: 1.25 times the distance to the extrapolated value,
3 times the last change where the order is not between 0.8 and 3).
"""

import argparse
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import dolfinx_solver  # noqa: F401
import numpy as np
from mpi4py import MPI
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq

from lithoscape.constants import FARADAY, HOUR
from lithoscape.generate import Structure, make
from lithoscape.generate.recipe import check_recipe
from lithoscape.materials import get_set
from lithoscape.mesh import MeshOptions, mesh_volume
from lithoscape.mesh.build import domain
from lithoscape.models import Phase, ResolvedCell, resolved
from lithoscape.models.observe import ResolvedLithiation
from lithoscape.protocol import Base, parse_protocol
from lithoscape.simulate import Moment, Options, Simulation
from lithoscape.solver import TimeOptions

UM = 1e-6
BOX, CUT_OFF = 20.0, 3.3
RECIPE = {
    "title": "Packing", "seed": 3, "size_um": [BOX, BOX, BOX], "voxel_um": 0.25,
    "steps": [{"make": "spheres", "phase": "active", "fraction": 0.45, "diameter_um": 10, "walls": "cut"}],
}  # fmt: skip
SET = get_set("Chen2020_half")
SHARES = (0.1, 0.3, 0.5)
"""Of the nominal discharge time: when state of lithiation and voltage are compared."""


@dataclass(frozen=True)
class Estimate:
    """Order observed on the three finest meshes (None: not monotone), value at cell size zero, band."""

    order: float | None
    value: float
    band: float


def simulation(structure: Structure, cells: int, rate: float) -> Simulation:
    """The discharge on one mesh."""
    options = MeshOptions(size=BOX / cells * UM, separator=8 * UM, match=False)
    mesh = mesh_volume(structure.volume, shapes=structure.shapes, options=options)
    positive, separator = SET.positive, SET.separator
    content = structure.volume.fractions()["active"] * BOX * UM
    one_c = FARADAY * positive.material.c_max * content * (0.95 - positive.initial_stoichiometry) / HOUR
    phases = (
        Phase("active", positive.material, positive.initial_stoichiometry, 10.0),
        Phase("pore", porosity=1.0, conductivity=10.0),
        Phase("separator", porosity=separator.porosity, transport=separator.transport_efficiency),
    )
    cell = ResolvedCell(phases, SET.electrolyte, SET.negative, 298.15, one_c)
    problem = resolved(domain(mesh, MPI.COMM_SELF), cell)
    moments = [Moment(f"{share:g}", 0, 0, share * HOUR / rate) for share in SHARES]
    return Simulation(
        problem, parse_protocol([f"Discharge at {rate:g}C until {CUT_OFF} V"]), Base(one_c, None),
        moments=moments, options=Options(time=TimeOptions(relative=2e-5)),
    )  # fmt: skip


def lithiation(run: Simulation) -> dict[str, float]:
    """Voltage, mean and spread of the state of lithiation, its mean at the surface."""
    problem = run.problem
    seen = ResolvedLithiation(problem, {"active": SET.positive.material.c_max})
    x, mean = seen.cells(), seen.mean()
    surface: Any = problem.assembly.surfaces[0]  # type: ignore[union-attr]
    x_s = problem.unknown("concentration in active").function.x.array[surface.c_s]
    return {
        "voltage [V]": problem.voltage(),
        "mean SoL": mean,
        "spread of SoL": float(np.sqrt(seen.volume @ (x - mean) ** 2 / seen.volume.sum())),
        "surface SoL": float(surface.area @ x_s / surface.area.sum() / SET.positive.material.c_max),
    }


def one(structure: Structure, cells: int, rate: float) -> dict[str, Any]:
    """All figures of one mesh."""
    began = time.perf_counter()
    run = simulation(structure, cells, rate)
    figures: dict[str, float] = {}

    def keep(name: str, now: float) -> None:
        figures.update({f"{what} at {float(name):.0%}": value for what, value in lithiation(run).items()})

    run.on_moment = keep
    done = run.run()
    if not done.outcome.ok:
        raise SystemExit(done.outcome.message)
    voltage, passed = done["Voltage [V]"].values, done["Discharge capacity [A.h.m-2]"].values
    figures["capacity at cut-off [A.h.m-2]"] = float(passed[-1])
    mesh = run.problem.domain
    return {
        "cells": cells, "size_um": BOX / cells, "unknowns": done.statistics["unknowns"],
        "steps": done.statistics["accepted_steps"], "seconds": time.perf_counter() - began,
        "active_um3": mesh.measure("region", "active") / UM**3,
        "surface_um2": mesh.measure("interface", "active | pore") / UM**2,
        "curve": [done["Time [s]"].values.tolist(), voltage.tolist()], "figures": figures,
    }  # fmt: skip


def richardson(sizes: np.ndarray, values: np.ndarray) -> Estimate:
    """From the three finest meshes, coarse to fine."""
    (h1, h2, h3), (f1, f2, f3) = sizes[-3:], values[-3:]
    if (f1 - f2) * (f2 - f3) <= 0:
        return Estimate(None, float(f3), float(3 * max(abs(f3 - f2), abs(f2 - f1))))

    def off(p: float) -> float:
        return float((f1 - f2) / (f2 - f3) - (h1**p - h2**p) / (h2**p - h3**p))

    low, high = 0.05, 8.0
    order = float(brentq(off, low, high)) if off(low) * off(high) < 0 else None
    if order is None or not 0.8 <= order <= 3:
        return Estimate(order, float(f3), float(3 * abs(f3 - f2)))
    value = f3 + (f3 - f2) * h3**order / (h2**order - h3**order)
    return Estimate(order, float(value), float(1.25 * abs(value - f3)))


def curves(rows: list[dict[str, Any]]) -> list[float]:
    """Rms difference of V(t) from the finest mesh [mV], over 98 % of the shortest discharge."""
    last = 0.98 * min(row["curve"][0][-1] for row in rows)
    at, found = np.linspace(0.005 * last, last, 400), []
    for row in rows:
        t, v = (np.array(each) for each in row["curve"])
        keep = np.append(np.diff(t) > 0, True)
        found.append(PchipInterpolator(t[keep], v[keep])(at))
    return [float(1e3 * np.sqrt(np.mean((v - found[-1]) ** 2))) for v in found]


def report(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The table, printed, and what is written."""
    for row, gap in zip(rows, curves(rows), strict=True):
        print(
            f"{row['size_um']:.2f} um: {row['unknowns']} unknowns, {row['steps']} steps, "
            f"{row['seconds']:.0f} s, solid {row['active_um3']:.1f} um3, surface {row['surface_um2']:.1f} "
            f"um2, V(t) from the finest {gap:.2f} mV rms"
        )
        row["from_finest_mV"] = gap
    sizes, out = np.array([row["size_um"] for row in rows]), {}
    print(f"{'figure':32}" + "".join(f"{h:>9.2f} um" for h in sizes) + "   order  at zero   band")
    for name in rows[-1]["figures"]:
        values = np.array([row["figures"].get(name, np.nan) for row in rows])
        found = richardson(sizes, values)
        out[name] = {"values": values.tolist(), **asdict(found)}
        order = "   -" if found.order is None else f"{found.order:.2f}"
        row_text = "".join(f"{v:12.5f}" for v in values)
        print(f"{name:32}{row_text}   {order}  {found.value:.5f}  {found.band:.5f}")
    return {"meshes": rows, "figures": out}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cells", type=int, nargs="+", default=[7, 10, 14, 20])
    parser.add_argument("--rate", type=float, default=2.0)
    parser.add_argument("--out", type=Path, default=Path("resolved_convergence.json"))
    given = parser.parse_args()
    if len(given.cells) < 3 or given.cells != sorted(set(given.cells)):
        parser.error("give at least three meshes, coarse to fine")
    structure, rows = make(check_recipe(RECIPE)), []
    for cells in given.cells:
        rows.append(one(structure, cells, given.rate))
        print(f"{rows[-1]['size_um']:.2f} um done in {rows[-1]['seconds']:.0f} s", flush=True)
    given.out.write_text(json.dumps(report(rows), indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
