"""Which way surfaces face, and how far lines run inside a phase in each direction."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np

from ..errors import InputError
from .connect import Phase, occupied
from .surface import DIRECTIONS, CellCounts, cell_counts
from .volume import Volume

_CHUNKS = 32


@dataclass(frozen=True, eq=False)
class Normals:
    """Distribution of the normals of a surface, weighted by area.

    Parameters
    ----------
    tensor:
        Mean of n n^T over the surface, shape (3, 3), trace 1; a third of the unit tensor if it faces all
        directions alike, 1 in one direction for parallel planes, 1/2 across the axis of parallel cylinders.
    eigenvalues:
        Of the tensor, largest first, shape (3,).
    eigenvectors:
        Their unit vectors as columns, shape (3, 3); components along the array axes.
    anisotropy:
        1 - smallest / largest eigenvalue: 0 for all directions alike.
    cosines:
        Edges of bins of the cosine between the normal that points out of the phase and the direction from
        collector to separator, shape (bins + 1,); bins of equal width in the cosine hold equal solid angles.
    shares:
        Share of the area in each bin, shape (bins,).
    """

    tensor: np.ndarray
    eigenvalues: np.ndarray
    eigenvectors: np.ndarray
    anisotropy: float
    cosines: np.ndarray
    shares: np.ndarray


@dataclass(frozen=True, eq=False)
class Intercepts:
    """Mean length of the chords that a phase cuts from lines, by direction.

    Parameters
    ----------
    axes:
        Along the three array axes [m]; infinite where no line leaves the phase.
    directions:
        The 13 lattice directions as unit vectors, shape (13, 3).
    lengths:
        Along them [m], shape (13,).
    principal:
        Half axes of the fitted ellipsoid, longest first [m], shape (3,); infinite along a direction in which
        nothing ends.
    vectors:
        Their directions as columns, shape (3, 3).
    anisotropy:
        1 - shortest / longest half axis.
    """

    axes: tuple[float, float, float]
    directions: np.ndarray
    lengths: np.ndarray
    principal: np.ndarray
    vectors: np.ndarray
    anisotropy: float


def surface_normals(volume: Volume, phase: Phase, sigma: float = 1.0, bins: int = 20) -> Normals:
    """Orientation of the surface of a phase, from the gradient of the smoothed phase.

    The gradient of the indicator function, smoothed by a Gaussian, points along the normal, and the integral
    of its magnitude is the area (coarea formula); so its magnitude is the weight. At the faces of the image
    the phase goes on as its mirror image.

    Parameters
    ----------
    phase:
        One phase, or several together.
    sigma:
        Standard deviation of the Gaussian along each axis, in voxels. Details below 2 sigma are lost.
    bins:
        Bins of the cosine.

    Raises
    ------
    InputError
        No such phase, one without a voxel or without a surface, sigma outside 0.5 to 10, or no bins.

    Notes
    -----
    Measured with sigma 1. Eigenvalues of balls, exact 1/3, in the mean: 0.347, 0.332, 0.322 at radius 3
    voxels, 0.340, 0.333, 0.327 at 5, 0.3348, 0.3335, 0.3317 at 10 (a single ball is off by up to 0.03, 0.02,
    0.004); on voxels 1:1:3 the coarse axis is low (0.309 at radius 12, 4 voxels of that axis; 0.323 at 30).
    Planes, exact 1: 1.000 along an axis, 0.990 for (110), 0.973 for (610), whose direction is found to 0.2
    degrees. Normals keep the pull of the lattice by a few degrees, so bins much finer than 0.1 show it.
    """
    if not 0.5 <= sigma <= 10 or bins < 1:
        raise InputError(
            "the gradient is taken over half a voxel to ten", field="sigma", value=(sigma, bins),
            remedy="Take sigma 1.0 and at least one bin",
        )  # fmt: skip
    mask, grid = _with_surface(volume, phase), volume.grid
    up = 1.0 if grid.collector == "low" else -1.0
    smooth, slope = _kernels(sigma)
    radius = smooth.size // 2
    scale = -1 / np.array(grid.voxel_size)  # the phase falls off along its outward normal
    at0, at1, at2 = (_mirrored(n, radius) for n in grid.shape)
    sums, binned = _accumulate(mask, at0, at1, at2, smooth, slope, scale, grid.through, up, bins)
    tensor = (sums + np.triu(sums, 1).T) / np.trace(sums)
    values, vectors = np.linalg.eigh(tensor)
    return Normals(
        tensor=tensor,
        eigenvalues=values[::-1],
        eigenvectors=vectors[:, ::-1],
        anisotropy=float(1 - max(values[0], 0.0) / values[2]),
        cosines=np.linspace(-1, 1, bins + 1),
        shares=binned / binned.sum(),
    )


def mean_intercepts(volume: Volume, phase: Phase, *, counts: CellCounts | None = None) -> Intercepts:
    """Mean intercept length of a phase by direction, and the ellipsoid through it (fabric).

    Along a direction, the length of line inside the phase over half the number of crossings of its surface;
    1/length^2 is fitted by a quadratic form over the 13 lattice directions (Harrigan and Mann, J. Mater. Sci.
    19 (1984) 761, doi:10.1007/BF00540446). Exact for parallel planes, whose form has rank one.

    Parameters
    ----------
    phase:
        One phase, or several together.
    counts:
        ``cell_counts(volume, "interior")``, if it is there already.

    Raises
    ------
    InputError
        No such phase, one without a voxel or without a surface, or an image of one voxel along an axis.
    """
    _with_surface(volume, phase)
    grid = volume.grid
    if min(grid.shape) < 2:
        raise InputError(
            "lines need two voxels along each axis", field="shape", value=grid.shape, remedy="Give a stack"
        )
    if counts is None or counts.edges != "interior":
        counts = cell_counts(volume, "interior")
    steps = DIRECTIONS * np.array(grid.voxel_size)
    step = np.linalg.norm(steps, axis=1)
    cells = math.prod(n - 1 for n in grid.shape)
    crossings = counts.between(phase) / cells / step  # per length of line
    fraction = counts.inside(phase) / cells  # of the same cells, or a lone body in a box would be mismeasured
    with np.errstate(divide="ignore"):
        lengths = 2 * fraction / crossings
    unit = steps / step[:, None]
    principal, vectors = _ellipsoid(unit, crossings / (2 * fraction))
    axial = [int(np.flatnonzero(np.abs(row) == 1)[0]) for row in np.eye(3) @ unit.T]
    return Intercepts(
        axes=(float(lengths[axial[0]]), float(lengths[axial[1]]), float(lengths[axial[2]])),
        directions=unit,
        lengths=lengths,
        principal=principal,
        vectors=vectors,
        anisotropy=float(1 - principal[2] / principal[0]),
    )


def _with_surface(volume: Volume, phase: Phase) -> np.ndarray:
    mask = occupied(volume, phase)
    if mask.all():
        raise InputError(
            "this phase fills the image and has no surface in it", field="phase", value=phase,
            remedy="Check the labels or the crop",
        )  # fmt: skip
    return mask


def _ellipsoid(unit: np.ndarray, inverse: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Half axes, longest first, and directions of the ellipsoid with u^T M u = 1/length^2."""
    x, y, z = unit.T
    terms = np.stack([x * x, y * y, z * z, 2 * y * z, 2 * x * z, 2 * x * y], axis=1)
    a, b, c, d, e, f = np.linalg.lstsq(terms, inverse**2, rcond=None)[0]
    values, vectors = np.linalg.eigh(np.array([[a, f, e], [f, b, d], [e, d, c]]))
    values = np.where(values > 1e-12 * values[2], values, 0.0)
    with np.errstate(divide="ignore"):
        return 1 / np.sqrt(values), vectors


def _kernels(sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian and its derivative at whole voxels, exact for constants and for straight ramps."""
    radius = math.ceil(3.5 * sigma)
    x = np.arange(-radius, radius + 1, dtype=float)
    smooth = np.exp(-0.5 * (x / sigma) ** 2)
    slope = x * smooth
    return (smooth / smooth.sum()).astype(np.float32), (slope / (slope @ x)).astype(np.float32)


def _mirrored(size: int, radius: int) -> np.ndarray:
    """Index inside the image of the voxels -radius to size + radius - 1 of its reflected continuation."""
    index = np.arange(-radius, size + radius) % (2 * size)
    return np.where(index < size, index, 2 * size - 1 - index)


@numba.njit(cache=True, parallel=True)
def _accumulate(mask, at0, at1, at2, smooth, slope, scale, through, up, bins):  # type: ignore[no-untyped-def]
    """Sums of g g^T/|g| and of |g| by cosine; page sums are added in order, whatever the threads."""
    n0 = mask.shape[0]
    tensors, shares = np.zeros((n0, 3, 3)), np.zeros((n0, bins))
    for chunk in numba.prange(_CHUNKS):
        for i in range(chunk * n0 // _CHUNKS, (chunk + 1) * n0 // _CHUNKS):
            _page(mask, i, at0, at1, at2, smooth, slope, scale, through, up, tensors[i], shares[i])
    tensor, share = np.zeros((3, 3)), np.zeros(bins)
    for i in range(n0):
        tensor += tensors[i]
        share += shares[i]
    return tensor, share


@numba.njit(cache=True)
def _page(  # type: ignore[no-untyped-def]
    mask, i, at0, at1, at2, smooth, slope, scale, through, up, tensor, share
):
    """One page: smoothed and differentiated across pages, then rows, then columns."""
    width, n1, n2 = smooth.size, mask.shape[1], mask.shape[2]
    radius = width // 2
    s0 = np.zeros((n1, n2), dtype=np.float32)
    d0 = np.zeros((n1, n2), dtype=np.float32)
    for t in range(width):
        page, a, b = mask[at0[i + t]], smooth[t], slope[t]
        for j in range(n1):
            for k in range(n2):
                if page[j, k]:
                    s0[j, k] += a
                    d0[j, k] += b
    rows = np.empty((3, n2 + 2 * radius), dtype=np.float32)
    g = np.empty((3, n2), dtype=np.float32)
    for j in range(n1):
        rows[:] = 0
        for t in range(width):
            r, a, b = at1[j + t], smooth[t], slope[t]
            for k in range(n2):
                rows[0, radius + k] += a * d0[r, k]
                rows[1, radius + k] += b * s0[r, k]
                rows[2, radius + k] += a * s0[r, k]
        for k in range(radius):
            for c in range(3):
                rows[c, k] = rows[c, radius + at2[k]]
                rows[c, n2 + radius + k] = rows[c, radius + at2[n2 + radius + k]]
        g[:] = 0
        for t in range(width):
            a, b = smooth[t], slope[t]
            for k in range(n2):
                g[0, k] += a * rows[0, k + t]
                g[1, k] += a * rows[1, k + t]
                g[2, k] += b * rows[2, k + t]
        _add_row(g, scale, through, up, tensor, share)


@numba.njit(cache=True)
def _add_row(g, scale, through, up, tensor, share):  # type: ignore[no-untyped-def]
    """Add the gradients of a row to the sums; of the tensor the upper triangle."""
    least = 1e-3 * np.abs(scale).min()  # far above the rounding of the sums, far below a surface
    for k in range(g.shape[1]):
        x, y, z = g[0, k] * scale[0], g[1, k] * scale[1], g[2, k] * scale[2]
        length = math.sqrt(x * x + y * y + z * z)
        if length > least:
            tensor[0, 0] += x * x / length
            tensor[1, 1] += y * y / length
            tensor[2, 2] += z * z / length
            tensor[0, 1] += x * y / length
            tensor[0, 2] += x * z / length
            tensor[1, 2] += y * z / length
            cosine = up * (x if through == 0 else (y if through == 1 else z)) / length
            share[min(int((cosine + 1) / 2 * share.size), share.size - 1)] += length
