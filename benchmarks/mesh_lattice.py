"""Meshes of a real electrode and of a generated one: time of every step, size, memory, errors of the volumes.

    python benchmarks/mesh_lattice.py IMAGE [EDGE ...] [--voxel-um 0.4] [--separator-um 0]

IMAGE has the labels 0 pore, 1 active, 2 binder; its crops have 100, 150 and 200 voxels an edge if none are
given. The packing of meshes/binder.yaml follows, 100 x 80 x 80 voxels (leave IMAGE out for it alone). Cells
have the default size, two voxels. Each mesh is made in a process of its own: the peak memory is that of this
mesh; kernels are compiled on a small block before, which does not count as time.
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

from lithoscape.generate import load_recipe, make
from lithoscape.image import Volume, read_volume
from lithoscape.mesh.mesher import MeshOptions, mesh_volume
from lithoscape.mesh.quality import statistics

PHASES = {"pore": 0, "active": 1, "binder": 2}
RECIPE = Path(__file__).parents[1] / "meshes" / "binder.yaml"
STEPS = ("lattice_s", "cut_s", "slivers_s", "names_s")
COLUMNS = (
    f"{'case':>10s} {'voxels':>9s} {'cells':>9s} {'points':>9s} {'total s':>8s} "
    + " ".join(f"{name[:-2] + ' s':>9s}" for name in STEPS)
    + f" {'rounds':>6s} {'GB':>6s} {'angle':>6s} {'sum':>9s}  errors of the volumes, areas"
)


def cropped(image: str, edge: int, voxel: float) -> Volume:
    """A cube out of the middle of the image, at most as large as the image."""
    whole = read_volume(Path(image), voxel_size=voxel)
    box = [slice((n - min(n, edge)) // 2, (n - min(n, edge)) // 2 + min(n, edge)) for n in whole.grid.shape]
    part = whole.crop(*box)
    return Volume(part.labels, part.grid, PHASES)


def measured(case: str, image: str, voxel: float, separator: float) -> dict:
    """One mesh: what it took and how good it is."""
    volume = make(load_recipe(RECIPE)).volume if case == "packing" else cropped(image, int(case), voxel)
    warm = volume.crop(*(slice(0, min(n, 16)) for n in volume.grid.shape))
    warm_labels = warm.labels.copy()
    warm_labels[:5], warm_labels[5:10], warm_labels[10:] = 0, 1, 2
    thin = MeshOptions(separator=4 * max(volume.grid.voxel_size) if separator else 0.0)
    mesh_volume(warm.with_labels(warm_labels, phases=PHASES), options=thin)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    mesh = mesh_volume(volume, options=MeshOptions(separator=separator))
    total = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    whole = volume.grid.voxels * volume.grid.voxel_volume
    sizes, figures = mesh.region_sizes(), mesh.provenance["figures"]
    box = whole + sizes.get("separator", 0.0)
    shares = {name: share for name, share in volume.fractions().items() if share > 0}
    return {
        "case": case, "voxels": volume.grid.voxels, "cells": len(mesh.cells), "points": len(mesh.points),
        "total": total, "steps": [figures[name] for name in STEPS], "rounds": figures["rounds"],
        "gb": peak / 1e6, "before_gb": before / 1e6, "angle": statistics(mesh).smallest_angle,
        "sum": float(mesh.sizes().sum()) / box - 1,
        "errors": {name: sizes[name] / whole / share - 1 for name, share in shares.items()},
        "areas": {name: mesh.facet_sizes()[name] / whole for name in mesh.interfaces},
    }  # fmt: skip


def line(row: dict) -> str:
    errors = ", ".join(f"{name} {100 * value:+.2f} %" for name, value in row["errors"].items())
    areas = ", ".join(f"{name} {value:.4g} /m" for name, value in row["areas"].items())
    return (
        f"{row['case']:>10s} {row['voxels']:9d} {row['cells']:9d} {row['points']:9d} {row['total']:8.1f} "
        + " ".join(f"{seconds:9.1f}" for seconds in row["steps"])
        + f" {row['rounds']:6d} {row['gb']:6.2f} {row['angle']:6.2f} {row['sum']:9.1e}  {errors}; {areas}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("image", nargs="?")
    parser.add_argument("edges", nargs="*", type=int, default=[100, 150, 200])
    parser.add_argument("--voxel-um", type=float, default=0.4)
    parser.add_argument("--separator-um", type=float, default=0.0)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        row = measured(given.case, given.image, given.voxel_um * 1e-6, given.separator_um * 1e-6)
        print("ROW" + json.dumps(row))
        return
    cases = [*(str(edge) for edge in (given.edges if given.image else [])), "packing"]
    options = [f"--voxel-um={given.voxel_um}", f"--separator-um={given.separator_um}"]
    print(COLUMNS, flush=True)
    for case in cases:
        command = [
            sys.executable, __file__, *([given.image] if given.image else []), *options, "--case", case
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        rows = [text for text in done.stdout.splitlines() if text.startswith("ROW")]
        if done.returncode or not rows:
            raise SystemExit(f"{case}: {done.stderr[-2000:]}")
        print(line(json.loads(rows[0][3:])), flush=True)


if __name__ == "__main__":
    main()
