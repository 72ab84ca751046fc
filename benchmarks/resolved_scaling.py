"""Discharge of a resolved packing at several sizes: wall time, its split, memory, cost per unknown.

    python benchmarks/resolved_scaling.py [--size-um 2.5 1.8 0.85] [--rate 1] [--ranks 2] [--tolerance 1e-3]
        [--minutes 60]

A packing of 8 um spheres, 60 x 50 x 50 um, cut at its ends, behind 10 um of separator, of the NMC811 half
cell of Chen et al. (2020), from rest to 2.7 V. Each size runs in processes of its own, one thread each. The
last line gives the exponent of the cost against the number of unknowns.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import dolfinx_solver  # noqa: F401
import numpy as np
from mpi4py import MPI

from lithoscape.constants import FARADAY, HOUR
from lithoscape.generate import make
from lithoscape.generate.recipe import check_recipe
from lithoscape.materials import get_set
from lithoscape.mesh import MeshOptions, check, mesh_volume
from lithoscape.mesh.build import domain
from lithoscape.models import Phase, ResolvedCell, resolved
from lithoscape.protocol import Base, parse_protocol
from lithoscape.simulate import Options, Simulation
from lithoscape.solver import TimeOptions

UM = 1e-6
RECIPE = {
    "title": "Packing", "seed": 8, "size_um": [60, 50, 50], "voxel_um": 0.5,
    "steps": [{"make": "spheres", "phase": "active", "fraction": 0.43, "diameter_um": 8, "walls": "cut"}],
}  # fmt: skip
FULL = 0.95
"""Mean state of lithiation at which 1C has passed an hour."""


def meshed(size: float):
    """The electrode, on one process."""
    structure = make(check_recipe(RECIPE))
    options = MeshOptions(size=size, separator=10 * UM)
    return check(
        mesh_volume(structure.volume, shapes=structure.shapes, options=options), on_disconnected="drop"
    ).mesh


def simulation(size: float, rate: float, minutes: float, tolerance: float) -> tuple[Simulation, float]:
    """What is run, and the seconds that the mesh took."""
    comm, began = MPI.COMM_WORLD, time.perf_counter()
    cells = domain(meshed(size) if comm.rank == 0 else None, comm)
    seconds = time.perf_counter() - began
    materials = get_set("Chen2020_half")
    positive, separator = materials.positive, materials.separator
    start, c_max = positive.initial_stoichiometry, positive.material.c_max
    content = cells.measure("region", "active") / cells.measure("boundary", "counter electrode")
    one_c = FARADAY * c_max * content * (FULL - start) / HOUR
    phases = (
        Phase("active", positive.material, start, 10.0),
        Phase("pore", porosity=1.0),
        Phase("separator", porosity=separator.porosity, transport=separator.transport_efficiency),
    )
    problem = resolved(cells, ResolvedCell(phases, materials.electrolyte, materials.negative, 298.15, one_c))
    lines = [f"Discharge at {rate:g}C for {minutes:g} minutes or until 2.7 V"]
    options = Options(time=TimeOptions(relative=tolerance))
    made = Simulation(problem, parse_protocol(lines), Base(one_c, None), options=options)
    made.probes["Lithium in solid [mol.m-2]"] = lambda: made.system.functional("lithium in active")
    made.probes["Lithium in electrolyte [mol.m-2]"] = lambda: made.system.functional("salt")
    return made, seconds


def one(size: float, rate: float, minutes: float, tolerance: float) -> None:
    """One size, in this process."""
    run, seconds = simulation(size, rate, minutes, tolerance)
    done = run.run()
    record, comm = done.record, MPI.COMM_WORLD
    passed = record["Discharge capacity [A.h.m-2]"].values * HOUR * run.problem.area / FARADAY
    content = record["Lithium in solid [mol.m-2]"].values + record["Lithium in electrolyte [mol.m-2]"].values
    memory = comm.allreduce(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
    if comm.rank == 0:
        row = {
            **done.statistics, "status": done.outcome.status, "mesh_s": seconds, "gb": memory,
            "size_um": size / UM, "end_s": float(record["time"][-1]), "half_v": float(
                np.interp(1800.0, record["time"].values, record["Voltage [V]"].values)),
            "balance": float(np.abs(content - content[0] - passed).max() / content[0]),
        }  # fmt: skip
        print("ROW " + json.dumps(row))


COLUMNS = (
    "size um", "unknowns", "mesh s", "wall s", "steps", "rejected", "Newton", "Krylov", "p.c.", "assembly %",
    "p.c. %", "Krylov %", "us per unknown and Newton", "GB", "kB per unknown", "balance", "end s",
)  # fmt: skip


def table(rows: list[dict]) -> None:
    """All sizes, and the exponent of the cost."""
    print(" | ".join(COLUMNS))
    for r in rows:
        wall, n, newton = r["wall_time_s"], r["unknowns"], r["newton_iterations"]
        parts = ("assembly_time_s", "preconditioner_time_s", "krylov_time_s")
        shares = [f"{100 * r.get(k, 0.0) / wall:.0f}" for k in parts]
        cells = [
            f"{r['size_um']:.2f}", n, f"{r['mesh_s']:.1f}", f"{wall:.1f}", r["accepted_steps"],
            r["rejected_steps"], newton, r.get("krylov_iterations", 0),
            r.get("preconditioners", r["factorisations"]), *shares, f"{1e6 * wall / n / newton:.2f}",
            f"{r['gb']:.1f}", f"{1e6 * r['gb'] / n:.1f}", f"{r['balance']:.1e}", f"{r['end_s']:.0f}",
        ]  # fmt: skip
        print(" | ".join(str(c).rjust(len(name)) for c, name in zip(cells, COLUMNS, strict=True)))
    if len(rows) > 1:
        size = np.log([r["unknowns"] for r in rows])
        cost = np.log([r["wall_time_s"] / r["newton_iterations"] for r in rows])
        print(f"cost of a Newton iteration ~ unknowns^{np.polyfit(size, cost, 1)[0]:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--size-um", type=float, nargs="+", default=[2.5, 1.8, 0.85])
    parser.add_argument("--rate", type=float, default=1.0)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--tolerance", type=float, default=1e-3, help="of time steps, as in the scenarios")
    parser.add_argument("--minutes", type=float, default=90.0)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        one(given.size_um[0] * UM, given.rate, given.minutes, given.tolerance)
        return
    rows = []
    for size in given.size_um:
        own = [sys.executable, __file__, "--one", "--size-um", str(size), "--rate", str(given.rate)]
        own += ["--minutes", str(given.minutes), "--tolerance", str(given.tolerance)]
        launch = (
            [str(Path(sys.executable).parent / "mpiexec"), "-n", str(given.ranks)] if given.ranks > 1 else []
        )
        out = subprocess.run([*launch, *own], capture_output=True, text=True, check=False)
        found = [line for line in out.stdout.splitlines() if line.startswith("ROW ")]
        if not found:
            raise SystemExit(out.stderr[-3000:])
        rows.append(json.loads(found[0][4:]))
        table(rows)


if __name__ == "__main__":
    main()
