"""Diffusion impedance of a random medium: 26 frequencies against steady and complex solves, and their error.

    python benchmarks/impedance_diffusion.py [EDGE ...]

Complex solves are those of a conjugate-orthogonal conjugate-gradient method (van der Vorst and Melissen, IEEE
Trans. Magn. 26 (1990) 706) on the same voxels with the same multigrid cycle at the real shift omega, to an
error of the impedance of the same tolerance; their time is that of all 26 over 26 (vectors in NumPy: compare
cycles, too). Peak memory is that of the process so far.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
from scipy.ndimage import gaussian_filter

from lithoscape.impedance.diffusion import DiffusionOptions, _pose, diffusion_impedance
from lithoscape.impedance.voxel_projection import times
from lithoscape.impedance.voxel_shifted import ShiftedGrid
from lithoscape.transport.voxel import VoxelOptions, effective

POROSITY, WIDTH = 0.5, 2.5


def medium(edge: int) -> np.ndarray:
    """Level set of a smoothed random field; 0 is the pore."""
    noise = gaussian_filter(np.random.default_rng(1).standard_normal((edge,) * 3, dtype=np.float32), WIDTH)
    return (noise > np.quantile(noise, POROSITY)).astype(np.uint8)


class Complex:
    """Complex solves on the grid of an image, the real and the imaginary part preconditioned in turn."""

    def __init__(self, labels: np.ndarray, outlet: str) -> None:
        problem, _ = _pose(labels, {0: 1.0, 1: 0.0}, np.ones(3), outlet, ("pore", 0, "low"))
        self.grid = ShiftedGrid(problem, np.dtype(np.float32))
        self.inlet = problem.first.sum()
        self.source = np.concatenate(self.grid.source).astype(np.complex128)
        self.start = np.concatenate(self.grid.occupied) * complex(outlet == "reflecting")

    def admittance(self, rate: float, tolerance: float) -> tuple[complex, int]:
        """Flow that enters, and the iterations it took."""
        shifted = self.grid.at(rate)

        def precondition(v: np.ndarray) -> np.ndarray:
            even, odd = (part.astype(np.float32) for part in self._pair(v))
            return np.concatenate(shifted.cycle((even, odd)))

        x = self.start.copy()
        r = self.source - self._times(x.real) - 1j * rate * x
        p, rho, last = None, 0j, None
        for k in range(1, 200):
            z = precondition(r.real) + 1j * precondition(r.imag)
            new = r @ z
            p = z if p is None else z + (new / rho) * p
            rho = new
            q = self._times(p.real) + 1j * self._times(p.imag) + 1j * rate * p
            alpha = rho / (p @ q)
            x += alpha * p
            r -= alpha * q
            flow = self.inlet - self.source @ x
            if last is not None and abs(flow - last) < 0.1 * tolerance * abs(flow):
                return flow, k
            last = flow
        raise RuntimeError("no convergence")

    def _pair(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        half = v.size // 2
        return v[:half], v[half:]

    def _times(self, v: np.ndarray) -> np.ndarray:
        return np.concatenate(times(self.grid, self._pair(v)))


def row(edge: int, outlet: str) -> None:
    """Times of one image."""
    labels = medium(edge)
    begun = time.process_time()
    found = diffusion_impedance(labels, 0, outlet=outlet)
    whole = time.process_time() - begun
    steady = {}
    for tolerance in (1e-3, 3e-4):
        begun = time.process_time()
        effective(labels, {0: 1.0, 1: 0.0}, options=VoxelOptions(tolerance))
        steady[tolerance] = time.process_time() - begun
    print(
        f"{edge}^3 {outlet}: {found.frequencies.size} frequencies {whole:.2f} s CPU, {found.solves} real "
        f"solves, {found.iterations + found.solves} cycles, error estimate {found.error:.1e}; "
        f"{whole / steady[1e-3]:.1f} steady solves to 1e-3, {whole / steady[3e-4]:.1f} to 3e-4"
    )
    reference = diffusion_impedance(labels, 0, outlet=outlet, options=DiffusionOptions(1e-7))
    error = np.abs(found.impedance / reference.impedance - 1).max()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"    against tolerance 1e-7: {error:.1e}; peak memory {peak / labels.size:.0f} B/voxel")
    if edge > 128:
        return
    direct, rates = Complex(labels, outlet), 2 * np.pi * found.frequencies
    begun = time.process_time()
    flows, counts = zip(*(direct.admittance(rate, 3e-4) for rate in rates), strict=True)
    mean = (time.process_time() - begun) / rates.size
    z = edge**2 / np.array(flows)
    print(
        f"    complex solves: {mean:.2f} s CPU each ({2 * np.mean(counts):.1f} cycles), so the whole is "
        f"{whole / mean:.1f} of them; against each other {np.abs(found.impedance / z - 1).max():.1e}"
    )


if __name__ == "__main__":
    diffusion_impedance(medium(16), 0)
    effective(medium(16), {0: 1.0, 1: 0.0})
    for size in [int(word) for word in sys.argv[1:]] or [100]:
        for end in ("absorbing", "reflecting"):
            row(size, end)
