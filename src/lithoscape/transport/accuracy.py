"""Beyond the staircase: voxel results at several voxel sizes, extrapolated to none.

A voxel image replaces smooth surfaces by stairs and derivatives by differences. The error falls about
with the first power of the voxel edge h, so results at two sizes or more give the limit (Richardson,
Phil. Trans. R. Soc. A 210 (1911) 307). Stairs do not fall evenly: which voxels a surface takes changes
with h as if by chance. So a line is fitted to all sizes, the finer the more weight, rather than drawn
through the last two; and rasters that hold the same volume of the phase at every size (:func:`raster`)
scatter less.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter
from scipy.optimize import brentq

from ..errors import InputError
from ..image import Grid
from .voxel import VoxelOptions, effective

ORDERS = (0.4, 5.0)
"""Observed orders that are believed; outside, values are not yet on their way to a limit."""
STAIRS = 1.0
"""Order of the error of stairs."""
SMALLEST = 4
"""Voxels that the shortest edge of a coarsened image needs."""


@dataclass(frozen=True)
class Extrapolation:
    """Values at several sizes and what they tend to.

    Parameters
    ----------
    sizes:
        From coarse to fine.
    values:
        Results at these sizes.
    limit:
        Extrapolated to size zero.
    order:
        Of the error in the size that was taken.
    observed:
        The order that the three finest values show; None if they show none that is credible.
    error:
        Estimate of the error of ``limit``: half of what was added to the finest value, or twice the standard
        error of the fit if that is more.
    """

    sizes: tuple[float, ...]
    values: tuple[float, ...]
    limit: float
    order: float
    observed: float | None
    error: float


def richardson(sizes: Sequence[float], values: Sequence[float], order: float | None = None) -> Extrapolation:
    """Limit of values whose error is a power of the size: v = limit + c h^order, weights 1/h^2.

    Parameters
    ----------
    sizes:
        At least two, different.
    values:
        One for each.
    order:
        If known; :data:`STAIRS` for voxels. Without it the observed one, which is for smooth errors.

    Raises
    ------
    InputError
        Fewer than two sizes, sizes that are not positive or not different, values that are not finite; no
        order where none can be observed.
    """
    h, v = np.asarray(sizes, dtype=float), np.asarray(values, dtype=float)
    if h.size < 2 or h.shape != v.shape or not (h > 0).all() or np.unique(h).size < h.size:
        raise InputError(
            "an extrapolation needs a value at each of two sizes or more", field="sizes", value=list(sizes),
            remedy="Give different positive sizes, and one value for each",
        )  # fmt: skip
    if not np.isfinite(v).all():
        raise InputError("values are finite", field="values", value=list(values), remedy="Leave them out")
    turn = np.argsort(-h)
    h, v = h[turn], v[turn]
    observed = _observed(h[-3:], v[-3:]) if h.size > 2 else None
    taken = observed if order is None else order
    if taken is None or not 0 < taken < np.inf:
        raise InputError(
            "these values show no order at which they converge", field="order", value=order,
            remedy="Give the order, 1 for voxels, or three finer sizes",
        )  # fmt: skip
    limit, spread = _fitted(h, v, taken)
    error = max(abs(limit - float(v[-1])) / 2, 2 * spread)
    return Extrapolation(tuple(map(float, h)), tuple(map(float, v)), limit, float(taken), observed, error)


def _fitted(h: np.ndarray, v: np.ndarray, order: float) -> tuple[float, float]:
    """Limit and its standard error; 0 from two values, which leave nothing over."""
    weight = 1 / (h / h.min()) ** 2
    columns = np.stack([np.ones_like(h), (h / h.min()) ** order], axis=1) * weight[:, None]
    found, *_ = np.linalg.lstsq(columns, v * weight)
    if h.size < 3:
        return float(found[0]), 0.0
    rest = columns @ found - v * weight
    covariance = np.linalg.inv(columns.T @ columns) * float(rest @ rest) / (h.size - 2)
    return float(found[0]), float(np.sqrt(covariance[0, 0]))


def _observed(h: np.ndarray, v: np.ndarray) -> float | None:
    """Order that three values show, or None if they show none that is credible."""
    first, second = v[0] - v[1], v[1] - v[2]
    if first * second <= 0:
        return None

    def excess(p: float) -> float:
        return float((h[0] ** p - h[1] ** p) / (h[1] ** p - h[2] ** p) - first / second)

    if excess(ORDERS[0]) * excess(ORDERS[1]) > 0:
        return None
    return float(brentq(excess, *ORDERS))


def raster(
    distance: Callable[[np.ndarray], np.ndarray], grid: Grid, fraction: float | None = None
) -> np.ndarray:
    """Voxels inside a shape (bool), as many as its volume asks for.

    Parameters
    ----------
    distance:
        Signed distances at points (n, 3) [m], negative inside.
    grid:
        Of the image.
    fraction:
        Share of the grid that lies inside, if known: the voxels whose centres lie deepest are taken, as many
        as make up the share. Without it, voxels whose centre lies inside.

    Raises
    ------
    InputError
        A fraction outside 0 to 1.
    """
    depth = np.concatenate([distance(grid.points(k, k + 1)) for k in range(grid.shape[0])])
    if fraction is None:
        return (depth < 0).reshape(grid.shape)
    if not 0 < fraction < 1:
        raise InputError(
            "a fraction lies between 0 and 1", field="fraction", value=fraction, remedy="Leave it out"
        )
    inside = np.zeros(depth.size, dtype=bool)
    inside[np.argsort(depth, kind="stable")[: round(fraction * depth.size)]] = True
    return inside.reshape(grid.shape)


def extrapolated(
    labels_at: Callable[[tuple[int, int, int]], np.ndarray],
    shapes: Sequence[tuple[int, int, int]],
    size: Sequence[float],
    conductivity: Mapping[int, float],
    axis: int = 0,
    *,
    order: float = STAIRS,
    options: VoxelOptions | None = None,
) -> Extrapolation:
    """Effective conductivity of exact shapes, from rasters of several resolutions.

    Parameters
    ----------
    labels_at:
        Shape of an image -> labels of the same block of material at that resolution.
    shapes:
        Two or more, coarse to fine, of one proportion.
    size:
        Edges of the block [m].
    conductivity, axis, options:
        As for :func:`~lithoscape.transport.voxel.effective`.
    order:
        Of the error in the voxel edge.

    Returns
    -------
    Extrapolation
        Its sizes are cube roots of the volume of a voxel [m].

    Raises
    ------
    InputError
        As both.
    """
    options = options or VoxelOptions()
    found = []
    for shape in shapes:
        edges = tuple(s / n for s, n in zip(size, shape, strict=True))
        solved = effective(labels_at(shape), conductivity, axis, spacing=edges, options=options)
        found.append((float(np.prod(edges)) ** (1 / 3), solved.effective))
    return richardson([h for h, _ in found], [v for _, v in found], order)


def extrapolated_image(
    labels: np.ndarray,
    conductivity: Mapping[int, float],
    axis: int = 0,
    *,
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
    levels: int = 3,
    order: float = STAIRS,
    options: VoxelOptions | None = None,
) -> Extrapolation:
    """Effective conductivity of an image, from itself and coarser copies.

    An image holds nothing finer than its voxels, so this guesses the smooth surfaces from how the result
    changes when the image is blurred once and twice. It is for structures that are resolved: where throats
    are a few voxels wide, coarser copies close them, and there is no limit to be had.

    Parameters
    ----------
    labels, conductivity, axis, spacing, options:
        As for :func:`~lithoscape.transport.voxel.effective`.
    levels:
        Sizes altogether, each twice the one before.
    order:
        Of the error in the voxel edge.

    Raises
    ------
    InputError
        Fewer than two levels, or an image too small for them; as
        :func:`~lithoscape.transport.voxel.effective`, of a coarser copy too.
    """
    if levels < 2 or min(np.shape(labels)) // 2 ** (levels - 1) < SMALLEST:
        raise InputError(
            f"every level needs {SMALLEST} voxels along each edge", field="levels", value=levels,
            remedy="Give two or three levels, or a larger image",
        )  # fmt: skip
    options = options or VoxelOptions()
    found, factor = [], 1
    for _ in range(levels):
        image = coarsened(labels, factor)
        edges = tuple(factor * h for h in spacing)
        found.append((edges[axis], effective(image, conductivity, axis, spacing=edges, options=options)))
        factor *= 2
    return richardson([h for h, _ in found], [t.effective for _, t in found], order)


def coarsened(labels: np.ndarray, factor: int) -> np.ndarray:
    """An image of voxels ``factor`` times as long, the volume of every label kept.

    Each voxel takes the label with the largest share of it; a constant is added to the shares of every label
    until as much of it is left as there was. Voxels at the far ends that fill no block are left out.

    Raises
    ------
    InputError
        A factor below 1 or larger than the image.
    """
    labels = np.asarray(labels)
    if not 1 <= factor <= min(labels.shape):
        raise InputError(
            "images are coarsened by a whole number", field="factor", value=factor,
            remedy=f"Give 1 to {min(labels.shape)}",
        )  # fmt: skip
    if factor == 1:
        return labels
    n = [size // factor for size in labels.shape]
    cut = labels[tuple(slice(k * factor) for k in n)]
    blocks = cut.reshape(n[0], factor, n[1], factor, n[2], factor)
    names = np.unique(cut)
    shares = np.stack([(blocks == name).mean(axis=(1, 3, 5), dtype=np.float32) for name in names])
    wanted = shares.mean(axis=(1, 2, 3))
    # neighbours decide between equal shares, which halves of a block would be otherwise
    shares += 0.3 / factor**3 * np.stack([uniform_filter(share, 3, mode="nearest") for share in shares])
    return names[_matched(shares, wanted)].astype(labels.dtype)


def _matched(shares: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Index of the largest share, shifted so that each index has its wanted part of the image."""
    shift, step = np.zeros(len(wanted), dtype=np.float32), 0.25
    best, least = shares.argmax(axis=0), np.inf
    for _ in range(40):
        chosen = (shares + shift[:, None, None, None]).argmax(axis=0)
        off = wanted - np.bincount(chosen.ravel(), minlength=len(wanted)) / chosen.size
        if np.abs(off).max() < least:
            best, least = chosen, float(np.abs(off).max())
        if least < 1e-3:
            break
        shift += (step * np.sign(off)).astype(np.float32)
        step *= 0.8
    return best
