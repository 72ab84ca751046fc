"""Tortuosity of voxel images: time, iterations and memory of this package and its peers, in one run.

Usage::

    python benchmarks/transport_voxel.py [--sizes 64 128] [--media blobs packing] [--repeats 3] [--threads 1]
        [--porosity 0.5] [--peers PYTHON] [--skip gamg porespy taufactor] [--picture transport_voxel.png]

Every solver gets the same images, each in a process of its own with one thread (unless ``--threads`` says
otherwise for ours). TauFactor (which needs PyTorch) and PoreSpy's tortuosity_fd (which needs OpenPNM and
PyAMG) run under another interpreter if ``--peers`` names one. A small image is solved first, so compilation
does not count; then the median of the repeats, from labels to tortuosity, everything included. Tolerances:
ours 1e-3 on tau, certified; TauFactor conv_crit 1e-3; PoreSpy ftol 1e-3 (its default); PETSc's conjugate
gradients with GAMG 1e-4 on the residual, the matrix assembled in the time. "error" is the difference to ours
at 1e-6. Memory is the growth of the peak of the process over what it held before, per voxel.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def ours(labels: np.ndarray, threads: int, tolerance: float = 1e-3) -> dict:
    from lithoscape.transport import VoxelOptions, effective

    found = effective(labels, {0: 1.0, 1: 0.0}, options=VoxelOptions(tolerance=tolerance, threads=threads))
    return {"tau": found.tau, "iterations": found.iterations}


def taufactor(labels: np.ndarray, threads: int) -> dict:
    import taufactor as tf
    import torch

    torch.set_num_threads(threads)
    solver = tf.Solver(labels == 0, device="cpu")
    tau = solver.solve(conv_crit=1e-3, verbose=False, iter_limit=100_000)
    return {"tau": float(np.ravel(np.asarray(tau))[0]), "iterations": int(getattr(solver, "iter", 0))}


def porespy(labels: np.ndarray, threads: int) -> dict:
    import porespy as ps

    found = ps.simulations.tortuosity_fd(labels == 0, 0)
    tau = found.tortuosity * found.original_porosity / found.effective_porosity
    return {"tau": float(tau), "iterations": 0}


def gamg(labels: np.ndarray, threads: int) -> dict:
    """Assembled by NumPy, solved by PETSc."""
    import dolfinx_solver  # noqa: F401
    import scipy.sparse as sparse
    from petsc4py import PETSc

    from lithoscape.transport import percolating

    pore = percolating(labels == 0, trim=False)
    number = np.cumsum(pore, dtype=np.int32).reshape(pore.shape) - 1
    n, pairs = int(number.flat[-1]) + 1, []
    for axis in range(3):
        a, b = (
            tuple(slice(*c) if k == axis else slice(None) for k in range(3)) for c in ((0, -1), (1, None))
        )
        both = pore[a] & pore[b]
        pairs.append((number[a][both], number[b][both]))
    i, j = (np.concatenate(side) for side in zip(*pairs, strict=True))
    matrix = sparse.coo_matrix((np.full(i.size, -1.0), (i, j)), shape=(n, n)).tocsr()
    matrix = matrix + matrix.T
    ends = np.zeros(n)
    ends[number[0][pore[0]]] += 2
    ends[number[-1][pore[-1]]] += 2
    inlet = np.zeros(n)
    inlet[number[0][pore[0]]] = 2
    matrix = (matrix + sparse.diags(ends - np.asarray(matrix.sum(axis=1)).ravel())).tocsr()
    A = PETSc.Mat().createAIJ((n, n), csr=(matrix.indptr, matrix.indices, matrix.data))
    ksp = PETSc.KSP().create()
    ksp.setOperators(A)
    ksp.setType("cg")
    ksp.getPC().setType("gamg")
    ksp.setTolerances(rtol=1e-4)
    x, b = A.createVecs()
    b.array = inlet
    ksp.solve(b, x)
    efficiency = float(inlet @ (1 - x.array)) * labels.shape[0] / labels[0].size
    return {"tau": float((labels == 0).mean() / efficiency), "iterations": ksp.getIterationNumber()}


SOLVERS = {"ours": ours, "gamg": gamg, "porespy": porespy, "taufactor": taufactor}
NAMES = {
    "ours": "Lithoscape",
    "gamg": "PETSc GAMG CG",
    "porespy": "PoreSpy tortuosity_fd",
    "taufactor": "TauFactor (CPU)",
}


def worker(name: str, path: str, threads: int, repeats: int) -> None:
    """Solve one image repeatedly and print what was measured as a line of JSON."""
    labels = np.load(path)
    solve = SOLVERS[name]
    solve(small(), threads)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        found = solve(labels, threads)
        seconds.append(time.perf_counter() - begun)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found["seconds"] = statistics.median(seconds)
    found["bytes"] = 1024 * (peak - before) / labels.size
    print(json.dumps(found))


def small() -> np.ndarray:
    """The image of the first call: a channel and some blind cubes."""
    labels = ((np.indices((24, 24, 24)) // 3).sum(axis=0) % 2).astype(np.uint8)
    labels[:, :12] = 0
    return labels


def image(kind: str, n: int, porosity: float) -> np.ndarray:
    """Labels of a medium, 0 its pores."""
    import porespy as ps

    if kind == "blobs":
        return np.where(
            ps.generators.blobs([n] * 3, porosity=porosity, blobiness=n / 48, seed=1), 0, 1
        ).astype(np.uint8)
    pores = ps.generators.overlapping_spheres([n] * 3, r=max(n // 16, 4), porosity=porosity, seed=1)
    return np.where(pores, 0, 1).astype(np.uint8)


def measure(name: str, path: Path, arguments: argparse.Namespace) -> dict | None:
    """One solver on one image in a process of its own."""
    peer = name in ("porespy", "taufactor")
    python = arguments.peers if peer and arguments.peers else sys.executable
    threads = arguments.threads if name == "ours" else 1
    command = [python, __file__, "--worker", name, str(path), str(threads), str(arguments.repeats)]
    single = {f"{key}_NUM_THREADS": "1" for key in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **single})
    if done.returncode:
        print(f"  {NAMES[name]}: not run ({done.stderr.strip().splitlines()[-1][:90]})")
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def picture(rows: list[dict], path: str) -> None:
    """Time per voxel against the number of voxels."""
    import matplotlib.pyplot as plt

    kinds = sorted({row["kind"] for row in rows})
    figure, axes = plt.subplots(1, len(kinds), figsize=(4.6 * len(kinds), 3.8), sharey=True, squeeze=False)
    for axis, kind in zip(axes[0], kinds, strict=True):
        for name in SOLVERS:
            found = [(r["n"], r["ns"]) for r in rows if r["kind"] == kind and r["name"] == name]
            if found:
                axis.loglog(*zip(*found, strict=True), marker="o", label=NAMES[name])
        sizes = sorted({row["n"] for row in rows})
        axis.set_xticks(sizes, [f"{n}³" for n in sizes])
        axis.minorticks_off()
        axis.set(title=kind, xlabel="voxels")
        axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("time per voxel [ns]")
    axes[0, -1].legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", type=int, default=[64, 128])
    parser.add_argument("--media", nargs="+", choices=("blobs", "packing"), default=["blobs", "packing"])
    parser.add_argument("--porosity", type=float, default=0.5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--peers")
    parser.add_argument("--skip", nargs="*", default=[])
    parser.add_argument("--picture")
    arguments = parser.parse_args()
    rows = []
    heads = ("medium", "voxels", "solver", "tau", "error", "steps", "s", "ns/voxel", "B/voxel", "ratio")
    print("{:9} {:>7} {:22} {:>8} {:>9} {:>6} {:>9} {:>9} {:>8} {:>7}".format(*heads))
    for kind in arguments.media:
        for n in arguments.sizes:
            labels = image(kind, n, arguments.porosity)
            reference, base = ours(labels, 1, 1e-6)["tau"], None
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "labels.npy"
                np.save(path, labels)
                for name in SOLVERS:
                    found = None if name in arguments.skip else measure(name, path, arguments)
                    if found is None:
                        continue
                    base = base or found["seconds"]
                    ns = 1e9 * found["seconds"] / labels.size
                    rows.append({"kind": kind, "n": n, "name": name, "ns": ns})
                    line = f"{kind:9} {n:>5}^3 {NAMES[name]:22} {found['tau']:8.4f}"
                    line += f" {found['tau'] / reference - 1:9.1e} {found['iterations'] or '-':>6}"
                    line += f" {found['seconds']:9.3f} {ns:9.1f} {found['bytes']:8.0f}"
                    print(f"{line} {found['seconds'] / base:7.1f}", flush=True)
    if arguments.picture:
        picture(rows, arguments.picture)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    else:
        main()
