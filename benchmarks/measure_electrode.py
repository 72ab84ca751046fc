"""A full measuring run of a real or generated electrode: time of every measure, peak memory.

    python benchmarks/measure_electrode.py [IMAGE] [VOXEL_UM]

Without an image: overlapping spheres and a film, 250 x 300 x 300 voxels, three phases.
Kernels are compiled on a small block first; the time of that is told apart.
"""

import resource
import sys
import time
from pathlib import Path

import numpy as np

from lithoscape.image import Grid, Volume, measure, read_volume


def generated() -> Volume:
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    field = gaussian_filter(np.random.default_rng(0).normal(size=(250, 300, 300)), 5)
    solid = field > np.quantile(field, 0.5)
    distance = distance_transform_edt(~solid)
    film = ~solid & (distance <= 1.5)
    return Volume(solid + 2 * film, Grid(solid.shape, 0.4e-6), {"pore": 0, "active": 1, "binder": 2})


def main() -> None:
    if len(sys.argv) > 1:
        edge = float(sys.argv[2]) * 1e-6 if len(sys.argv) > 2 else None
        volume = read_volume(Path(sys.argv[1]), voxel_size=edge)
    else:
        volume = generated()
    start = time.perf_counter()
    measure(volume.crop(slice(0, 40), slice(0, 40), slice(0, 40)))
    print(f"compiling or loading kernels: {time.perf_counter() - start:.1f} s")
    start = time.perf_counter()
    measured = measure(volume)
    total = time.perf_counter() - start
    for name, seconds in measured.seconds.items():
        print(f"{name:16s} {seconds:6.1f} s")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{'all':16s} {total:6.1f} s for {volume.grid.voxels / 1e6:.1f} million voxels; peak {memory:.2f} GB"
    )


if __name__ == "__main__":
    main()
