"""Effective conductivity and tortuosity of a labelled image, voxel by voxel.

Finite volumes: one potential for each conducting voxel, harmonic means of the conductivities over the faces.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..errors import SolveError
from .checks import (
    check_conductivity,
    check_labels,
    check_memory,
    check_options,
    check_spacing,
    count_labels,
    memory_kind,
)
from .dirichlet import solve
from .pose import Posed, pose


@dataclass(frozen=True)
class VoxelOptions:
    """How to solve.

    Parameters
    ----------
    tolerance:
        Relative error of the conductance of the voxel model that is certified, 1e-10 to 0.1.
    boundary:
        Where potentials are imposed: "face", on the outer faces, half a voxel from the first centres; "node",
        in the centres of the first and the last layer.
    threads:
        Threads to share the work; the result depends on them to round-off at most.
    max_iterations:
        Steps at which to give up.

    Raises
    ------
    InputError
        A value out of range.
    """

    tolerance: float = 1e-3
    boundary: str = "face"
    threads: int = 1
    max_iterations: int = 200

    def __post_init__(self) -> None:
        check_options(self.tolerance, self.boundary, self.threads, self.max_iterations)


@dataclass(frozen=True)
class Transport:
    """Steady conduction (or diffusion) through an image along one axis.

    Attributes
    ----------
    axis:
        0, 1 or 2 of the image as given.
    effective:
        Effective conductivity: conductance x length / area, in the units of the conductivities.
    efficiency:
        Effective conductivity over that of the conducting phase, the largest if there are several.
    porosity:
        Volume fraction of the phases that conduct.
    porosity_percolating:
        Volume fraction of their voxels in clusters that connect both faces.
    error:
        Bound of the relative error of the conductance of the voxel model. It says nothing of what voxels
        miss of the true shape.
    iterations:
        Steps of conjugate gradients.
    seconds:
        Wall time, everything included [s].
    potential:
        1 at the inlet face (the low end of the axis), 0 at the outlet; NaN where nothing flows (float32), or
        None if not kept.
    boundary, spacing, conductivity:
        As given.
    """

    axis: int
    effective: float
    efficiency: float
    porosity: float
    porosity_percolating: float
    error: float
    iterations: int
    seconds: float
    potential: np.ndarray | None
    boundary: str = "face"
    spacing: tuple[float, ...] = (1.0, 1.0, 1.0)
    conductivity: Mapping[int, float] = field(default_factory=dict)

    @property
    def tau(self) -> float:
        """Tortuosity factor: porosity / efficiency, with all voxels that conduct."""
        return self.porosity / self.efficiency

    @property
    def tau_percolating(self) -> float:
        """Tortuosity factor with the porosity that connects both faces."""
        return self.porosity_percolating / self.efficiency

    @property
    def macmullin(self) -> float:
        """MacMullin number: conductivity of the phase over the effective one."""
        return 1.0 / self.efficiency


def effective(
    labels: np.ndarray,
    conductivity: Mapping[int, float],
    axis: int = 0,
    *,
    spacing: tuple[float, ...] = (1.0, 1.0, 1.0),
    options: VoxelOptions | None = None,
    keep_potential: bool = False,
) -> Transport:
    """Effective conductivity of an image along an axis, no flux through the other faces.

    Parameters
    ----------
    labels:
        Phase of the voxels, integers, two or three axes.
    conductivity:
        Conductivity (or diffusivity) of each label that occurs, in any unit; 0 for a phase that does not
        conduct.
    axis:
        Axis along which it conducts; the inlet is its low end.
    spacing:
        Size of a voxel along each axis [m, or any other unit].
    options:
        Tolerance, boundary, threads.
    keep_potential:
        Whether the potential is returned.

    Raises
    ------
    InputError
        Labels without a conductivity, conductivities that are negative or not finite, an image too thin
        along the axis or too large for memory, or a conducting phase that does not reach across.
    SolveError
        The tolerance was not met in the number of iterations allowed.
    """
    begun = time.perf_counter()
    options = options or VoxelOptions()
    inner = 0 if options.boundary == "face" else 1
    given = check_labels(labels, axis, 2 + inner)
    spacing = check_spacing(spacing, given.ndim)
    check_memory(given.size, "single")
    values = check_conductivity(count_labels(given), conductivity)
    check_memory(given.size, memory_kind(values.values(), options.tolerance))
    # A plane image gets its third axis in the middle: rows along the last axis are to be long.
    order = (axis, *(a for a in (0, 1, 2) if a != axis)) if given.ndim == 3 else (axis, 2, 1 - axis)
    grid = np.transpose(given if given.ndim == 3 else given[:, :, None], order)
    sizes = np.array([*spacing, 1.0][:3])[list(order)]
    posed = pose(grid, values, sizes, options.boundary, axis)
    found = solve(posed.problem, options.tolerance, options.max_iterations, options.threads, keep_potential)
    if not found.converged:
        raise SolveError(
            f"the conductance is not certain to {options.tolerance:g} after {found.iterations} iterations",
            field="tolerance", value=found.bound / found.conductance if np.isfinite(found.bound) else None,
            remedy="Allow more iterations (max_iterations) or a larger tolerance",
        )  # fmt: skip
    area = grid.shape[1] * sizes[1] * grid.shape[2] * sizes[2]
    sigma = found.conductance * (grid.shape[0] - inner) * sizes[0] / area
    potential = found.potential
    if potential is not None:
        whole = _with_ends(potential, posed) if inner else potential
        potential = np.ascontiguousarray(np.transpose(whole, np.argsort(order)).reshape(given.shape))
    return Transport(
        axis=axis,
        effective=float(sigma),
        efficiency=float(sigma / max(values.values())),
        porosity=posed.conducting / given.size,
        porosity_percolating=posed.crossing / given.size,
        error=found.bound / found.conductance,
        iterations=found.iterations,
        seconds=time.perf_counter() - begun,
        potential=potential,
        boundary=options.boundary,
        spacing=spacing,
        conductivity=dict(conductivity),
    )


def _with_ends(inner: np.ndarray, posed: Posed) -> np.ndarray:
    """The potential with the layers that hold the potentials imposed."""
    ends = [
        np.where(code > 0, np.float32(v), np.float32(np.nan))
        for code, v in zip(posed.ends, (1, 0), strict=True)
    ]
    return np.concatenate([ends[0][None], inner, ends[1][None]])
