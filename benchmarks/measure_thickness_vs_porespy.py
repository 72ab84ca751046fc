"""Local thickness against porespy.filters.local_thickness: accuracy and time in one run.

Usage::

    python benchmarks/measure_thickness_vs_porespy.py [edge in voxels | labels.tif label]

Accuracy: balls, cylinders and layers of random diameters, placed and turned at random (fixed seed); mean and
worst error of their volume-weighted median diameter, in voxels. Time: a smoothed random field of the edge
given (100 if not), or a labelled stack, all on the same voxels; the first calls compile and do not count,
then the better of two. PoreSpy's default knows whole radii only; its "legacy" way takes 25 radii on a
logarithmic scale. All may use every thread.
"""

import sys
import time

import numpy as np
import porespy
import tifffile
from scipy.ndimage import gaussian_filter

from lithoscape.image import Grid, Volume
from lithoscape.image.thickness import local_thickness

H = 1e-6


def ours(mask: np.ndarray) -> np.ndarray:
    """Diameters [voxels]."""
    found = local_thickness(Volume(mask.astype(np.uint8), Grid(mask.shape, H), {"out": 0, "in": 1}), "in")
    return found.map / H


def whole(mask: np.ndarray) -> np.ndarray:
    """PoreSpy's diameters by whole radii [voxels]."""
    return 2.0 * np.asarray(porespy.filters.local_thickness(mask))


def legacy(mask: np.ndarray) -> np.ndarray:
    """PoreSpy's diameters by 25 radii [voxels]."""
    return 2.0 * np.asarray(porespy.filters.local_thickness(mask, method="legacy"))


WAYS = (("ours", ours), ("PoreSpy", whole), ("PoreSpy legacy", legacy))


def shape(kind: str, d: float, rng: np.random.Generator) -> tuple[np.ndarray, tuple[slice, ...]]:
    """A shape and the voxels far enough from the faces."""
    n = round(d + 8 if kind == "ball" else 2.5 * d + 8)
    x = np.moveaxis(np.indices((n, n, n)), 0, -1) - (n - 1) / 2 - rng.uniform(-0.5, 0.5, 3)
    u = rng.normal(size=3)
    along = x @ (u / np.linalg.norm(u))
    square = (x**2).sum(axis=-1)
    distance = {"ball": square, "cylinder": square - along**2, "layer": along**2}[kind]
    cut = 0 if kind == "ball" else round(0.75 * d)
    return distance < d**2 / 4, (slice(cut, n - cut),) * 3


def accuracy() -> None:
    """Errors of all, in voxels."""
    print(" " * 24 + "".join(f"{name:>24s}" for name, _ in WAYS))
    print(f"{'shape':>12s}{'diameter':>12s}" + f"{'mean':>15s}{'worst':>9s}" * len(WAYS))
    for kind in ("ball", "cylinder", "layer"):
        for low in (4.0, 8.0, 16.0):
            rng, errors = np.random.default_rng(0), []
            for _ in range(6):
                d = rng.uniform(low, 1.5 * low)
                mask, box = shape(kind, d, rng)
                errors.append([np.median(way(mask)[box][mask[box]]) - d for _, way in WAYS])
            figures = np.stack([np.mean(errors, axis=0), np.abs(errors).max(axis=0)], axis=1)
            print(
                f"{kind:>12s}{low:6.0f}-{1.5 * low:<5.0f}" + "".join(f"{m:15.2f}{w:9.2f}" for m, w in figures)
            )


def sample(arguments: list[str]) -> np.ndarray:
    """The image to time on."""
    if len(arguments) > 1:
        return tifffile.imread(arguments[0]) == int(arguments[1])
    n = int(arguments[0]) if arguments else 100
    return gaussian_filter(np.random.default_rng(0).normal(size=(n, n, n)), 4) > 0


def best(way, mask: np.ndarray) -> tuple[float, float]:
    """Seconds of the faster of two runs, and the median diameter."""
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        found = way(mask)
        seconds.append(time.perf_counter() - start)
    return min(seconds), float(np.median(found[mask]))


def main() -> None:
    """Table of errors, then times and their ratio to ours."""
    accuracy()
    mask = sample(sys.argv[1:])
    print(f"\n{mask.shape}, {mask.sum()} voxels of the phase")
    first = None
    for name, way in WAYS:
        seconds, median = best(way, mask)
        first = first or seconds
        print(f"{name:16s}{seconds:8.2f} s ({seconds / first:4.1f})   d50 {median:6.2f} voxels")


if __name__ == "__main__":
    main()
