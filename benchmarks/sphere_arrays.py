"""Cubic arrays of spheres: voxels, extrapolated voxels and finite elements against Rayleigh's method.

Usage::

    python benchmarks/sphere_arrays.py [simple|body-centred|face-centred ...] [--fine]

An eighth of the cubic cell is enough, because its planes are planes of symmetry. Errors are relative, in
thousandths; sizes are voxels, or cells at surfaces, per edge of the whole cell; the order is a fit over all
sizes shown. ``--fine`` adds 256 voxels.
"""

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

import dolfinx_solver  # noqa: F401
import numpy as np
from mpi4py import MPI

from lithoscape.generate.spheres import Spheres
from lithoscape.image import Grid, Volume
from lithoscape.mesh import MeshOptions, mesh_volume
from lithoscape.mesh.build import domain
from lithoscape.transport.accuracy import STAIRS, raster, richardson
from lithoscape.transport.fem import FemOptions, effective_on_mesh
from lithoscape.transport.voxel import VoxelOptions, effective
from lithoscape.validation.references import sphere_arrays as reference

EDGE = 1e-5
"""Of the cubic cell [m]."""
CASES = [("simple", 0.3), ("body-centred", 0.5), ("face-centred", 0.5)]
RATIOS = (0.0, 10.0)
VOXELS = (32, 64, 128)
CELLS = {1: (8, 16, 32, 64), 2: (8, 16, 32)}


def spheres(array: str, fraction: float) -> Spheres:
    """Those of an eighth of the cell, and beyond it."""
    centres = EDGE * np.array(reference.SITES[array], dtype=float)
    return Spheres(centres, np.full(len(centres), EDGE * reference.radius(array, fraction)))


def on_voxels(array: str, fraction: float, ratio: float, sizes=VOXELS, matched: bool = False) -> list[float]:
    """Effective conductivities at so many voxels per edge of the cell."""
    shape, found = spheres(array, fraction), []
    for n in sizes:
        grid = Grid((n // 2,) * 3, EDGE / n)
        labels = raster(shape, grid, fraction if matched else None).astype(np.uint8)
        solved = effective(labels, {0: 1.0, 1: ratio}, 0, options=VoxelOptions(1e-7))
        found.append(solved.effective)
    return found


def on_meshes(array: str, fraction: float, ratio: float, degree: int) -> list[float]:
    """The same on meshes of the exact spheres."""
    shape, found = spheres(array, fraction), []
    for n in CELLS[degree]:
        grid = Grid((n // 2,) * 3, EDGE / n)
        volume = Volume(raster(shape, grid).astype(np.uint8), grid, {"matrix": 0, "spheres": 1})
        options = MeshOptions(size=EDGE / n, coarsest=0, match=False)
        mesh = domain(mesh_volume(volume, shapes={"spheres": shape}, options=options), MPI.COMM_SELF)
        asked = {"matrix": 1.0, "spheres": ratio}
        found.append(effective_on_mesh(mesh, asked, 0, options=FemOptions(degree)).effective)
    return found


def line(name: str, sizes, values, exact: float) -> str:
    """Errors and their order."""
    errors = np.abs(np.array(values) / exact - 1)
    order = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    told = ", ".join(f"{1e3 * (v / exact - 1):+.2f} ({n})" for n, v in zip(sizes, values, strict=True))
    return f"  {name}: {told}; order {order:.2f}"


def main(arrays: list[str], fine: bool) -> None:
    """Print every case."""
    sizes = (*VOXELS, 256) if fine else VOXELS
    for array, fraction in CASES:
        if arrays and array not in arrays:
            continue
        for ratio in RATIOS:
            exact = reference.multipoles(array, fraction, ratio, 19)
            print(f"{array}, fraction {fraction}, spheres conduct {ratio:g} times: {exact:.6f}", flush=True)
            for matched in (False, True):
                values = on_voxels(array, fraction, ratio, sizes, matched)
                name = "voxels, volume matched" if matched else "voxels"
                print(line(name, sizes, values, exact), flush=True)
                limit = richardson([1 / n for n in sizes], values, STAIRS)
                print(
                    f"    extrapolated: {1e3 * (limit.limit / exact - 1):+.2f}, estimated error "
                    f"{1e3 * limit.error / exact:.2f}"
                )
            for degree, cells in CELLS.items():
                values = on_meshes(array, fraction, ratio, degree)
                print(line(f"elements of order {degree}", cells, values, exact), flush=True)


if __name__ == "__main__":
    main([a for a in sys.argv[1:] if not a.startswith("--")], "--fine" in sys.argv)
