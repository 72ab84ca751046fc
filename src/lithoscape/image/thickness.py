"""Local thickness and intrusion: how wide a phase is, everywhere and as seen from a face.

The local thickness of a point is the diameter of the largest sphere that lies inside the phase and contains
the point [1]_. Its distribution by volume is the continuous pore (or particle) size distribution [2]_.
Intrusion asks the same of spheres that come in through a face, as mercury does: what lies behind a throat
counts with the width of the throat. The ratio of both medians tells how much narrower the throats are than
the bulges.

Accuracy. Spheres are found between the voxels (:mod:`.inscribed`). Layers across an axis are exact from two
voxels on. Placed and turned at random, from 5 voxels of diameter on, the median of balls errs by -0.6
voxels, of cylinders by -0.1 to -0.2 and of layers by +0.4 to 0; single ones by up to 0.9. The error does
not grow with the diameter: relative to it, it falls as voxel / diameter. Throats of intrusion are sought
from voxel centre to voxel centre and may come out half a voxel narrower. What is one voxel thick connects
through faces alone.

Edges of the image. Nothing is known beyond them: a sphere is centred inside the image and may reach across an
edge, and an edge is no wall. Within one radius of an edge thickness is a guess; ``margin`` leaves it out.

References
----------
.. [1] T. Hildebrand, P. Rüegsegger, J. Microsc. 185 (1997) 67, doi:10.1046/j.1365-2818.1997.1340694.x
.. [2] B. Münch, L. Holzer, J. Am. Ceram. Soc. 91 (2008) 4059, doi:10.1111/j.1551-2916.2008.02736.x
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import xarray as xr

from ..errors import InputError
from .grid import Grid, Side
from .inscribed import Spheres, each, inscribed, leans
from .volume import Volume

DIAGONAL = 0.87
"""Spheres of this radius pass diagonally between voxels; half a voxel's diagonal [voxels]."""
LEVELS = 4096
"""Steps of the radius in the search for the widest way in."""


@dataclass(frozen=True, eq=False)
class LocalThickness:
    """Diameters by volume.

    Parameters
    ----------
    phase:
        Name of the phase.
    map:
        Diameter of every voxel [m], float32; 0 outside the phase, and where nothing comes in. None if not
        kept.
    distribution:
        ``Cumulative`` (fraction of the volume with at least this ``diameter``) and ``Density`` [m-1].
    mean, mode, d10, d50, d90:
        Weighted by volume [m]; 10 % of the volume is thinner than ``d10``.
    accessible:
        Fraction of the phase that intrusion reaches; 1 for local thickness.
    """

    phase: str
    map: np.ndarray | None
    distribution: xr.Dataset
    mean: float
    mode: float
    d10: float
    d50: float
    d90: float
    accessible: float = 1.0


def local_thickness(
    volume: Volume,
    phase: str,
    *,
    margin: float = 0.0,
    keep_map: bool = True,
    bins: int = 64,
    spheres: Spheres | None = None,
) -> LocalThickness:
    """Diameter of the largest inscribed sphere around every voxel of a phase.

    Voxels may be of any shape; spheres are spheres in metres. Images of one page give discs.

    Parameters
    ----------
    volume:
        The image.
    phase:
        The phase to measure.
    margin:
        Distance from the faces of the image within which voxels are not counted [m]; half the largest
        diameter leaves out everything that an unseen neighbourhood could change. The map stays whole.
    keep_map:
        Whether to return the map (4 bytes per voxel).
    bins:
        Classes of the distribution, from 0 to the largest diameter.
    spheres:
        From :func:`~.inscribed.inscribed` of the same volume and phase, if at hand; saves half of the time.

    Raises
    ------
    InputError
        No such phase, a phase that fills the image, a margin that leaves none of it, more than 2^31 voxels.
    """
    counted = _inside(volume.grid, margin)
    spheres = _matching(volume, phase, spheres)
    ball = spheres.radius[spheres.own]
    diameters = spheres.paint(spheres.centre[spheres.own], ball, 2 * ball)
    # what no sphere holds, in edges and corners, gets the one around its own centre
    np.copyto(diameters, 2 * spheres.distance, where=diameters == 0)
    return _summary(phase, diameters, spheres.mask, counted, keep_map, bins)


def intrusion(
    volume: Volume,
    phase: str,
    *,
    axis: int | None = None,
    side: Side | None = None,
    margin: float = 0.0,
    keep_map: bool = True,
    bins: int = 64,
    spheres: Spheres | None = None,
) -> LocalThickness:
    """Diameter of the largest sphere around every voxel that comes in through a face of the image.

    Simulated mercury intrusion [2]_: a sphere rolls from the face through the phase without leaving it.
    Figures are of the volume that is reached; ``accessible`` is its fraction.

    Parameters
    ----------
    volume, phase, margin, keep_map, bins, spheres:
        As for :func:`local_thickness`.
    axis:
        Axis across the inlet face; the through axis if not given.
    side:
        End of the axis at which the face lies; the separator's side of the through axis if not given, else
        low.

    Raises
    ------
    InputError
        As :func:`local_thickness`; no such axis or side; nothing of the phase lies in the face.
    """
    grid = volume.grid
    axis, side = _face(grid, axis, side)
    counted = _inside(grid, margin)
    spheres = _matching(volume, phase, spheres)
    inlet = _inlet(spheres.mask, axis, side)
    pitch = np.array(grid.voxel_size)
    reach = spheres.distance
    wide = reach.copy()
    wide.ravel()[spheres.voxel] = np.maximum(spheres.radius, wide.ravel()[spheres.voxel])
    step = float(wide.max()) / LEVELS
    cap = np.zeros(wide.shape, dtype=np.uint16)
    each(cap.shape[0], lambda a, b: _steps(wide, step, cap, a, b))
    level = _flood(cap, inlet, DIAGONAL * pitch.max() / step)
    value = np.multiply(level, np.float32(step), out=wide)
    reach = np.minimum(value, reach)
    rim = np.zeros(level.shape, dtype=bool)
    each(level.shape[0], lambda a, b: _rims(value, reach, pitch, rim, a, b))
    edge = np.flatnonzero(rim)
    centre = (np.stack(np.unravel_index(edge, grid.shape), axis=1) * pitch).astype(np.float32)
    diameters = spheres.paint(centre, reach.ravel()[edge], 2 * value.ravel()[edge])
    np.maximum(diameters, 2 * value, out=diameters)
    return _summary(phase, diameters, spheres.mask, counted, keep_map, bins)


def bottleneck(thickness: LocalThickness, intruded: LocalThickness) -> float:
    """Median width of the throats over that of the bulges, d50 / d50.

    Its square is the constrictivity of Holzer et al., J. Mater. Sci. 48 (2013) 2934,
    doi:10.1007/s10853-012-6968-z.
    """
    return intruded.d50 / thickness.d50


def _matching(volume: Volume, phase: str, spheres: Spheres | None) -> Spheres:
    if spheres is None:
        return inscribed(volume, phase)
    if spheres.phase != phase or spheres.grid != volume.grid:
        raise InputError(
            "these spheres are of another phase or image", field="spheres", value=spheres.phase,
            remedy="Leave them out",
        )  # fmt: skip
    return spheres


def _inlet(mask: np.ndarray, axis: int, side: Side) -> np.ndarray:
    """Flat indices of the voxels of the phase in a face."""
    face = np.zeros(mask.shape, dtype=bool)
    np.moveaxis(face, axis, 0)[0 if side == "low" else -1] = True
    inlet = np.flatnonzero(face & (mask != 0)).astype(np.int32)
    if not inlet.size:
        raise InputError(
            "nothing of this phase lies in the inlet face", field="side", value=(axis, side),
            remedy="Choose another face",
        )  # fmt: skip
    return inlet


def _face(grid: Grid, axis: int | None, side: Side | None) -> tuple[int, Side]:
    if axis not in (None, 0, 1, 2):
        raise InputError(
            "there is no such axis", field="axis", value=axis, remedy="Give 0, 1 or 2: pages, rows or columns"
        )
    if side not in (None, "low", "high"):
        raise InputError("a face lies at one end of an axis", field="side", value=side, remedy="low or high")
    axis = grid.through if axis is None else axis
    separator: Side = "high" if grid.collector == "low" else "low"
    return axis, side or (separator if axis == grid.through else "low")


def _inside(grid: Grid, margin: float) -> tuple[slice, slice, slice]:
    """Box of the voxels whose centre lies at least ``margin`` from every face; flat axes stay whole."""
    box = []
    for n, h in zip(grid.shape, grid.voxel_size, strict=True):
        cut = int(np.ceil(margin / h - 0.5 - 1e-9)) if n > 1 and margin > 0 else 0
        if not 0 <= margin < np.inf or 2 * cut >= n:
            raise InputError(
                "the margin leaves nothing of the image", field="margin", value=margin,
                remedy=f"Give metres, less than half of {grid.size}",
            )  # fmt: skip
        box.append(slice(cut, n - cut))
    a, b, c = box
    return a, b, c


def _summary(
    phase: str,
    diameters: np.ndarray,
    mask: np.ndarray,
    counted: tuple[slice, slice, slice],
    keep_map: bool,
    bins: int,
) -> LocalThickness:
    total = int(np.count_nonzero(mask[counted]))
    values = diameters[counted]
    values = values[values > 0]
    if not values.size:
        raise InputError(
            "no voxel to count is left of this phase", field="margin", value=phase,
            remedy="Give a smaller margin, or another inlet face",
        )  # fmt: skip
    counts, edges = np.histogram(values, bins=bins, range=(0.0, float(values.max())))
    centres = (edges[1:] + edges[:-1]) / 2
    share = counts / values.size
    width = edges[1] - edges[0]
    below = np.concatenate([[0.0], np.cumsum(share)])
    metre = {"units": "m"}
    distribution = xr.Dataset(
        {
            "Density": ("middle", share / width, {"units": "m-1"}),
            "Cumulative": ("diameter", np.clip(1 - below, 0, 1), {"units": "1"}),
        },
        {"middle": ("middle", centres, metre), "diameter": ("diameter", edges, metre)},
        {"phase": phase},
    )
    d10, d50, d90 = (float(d) for d in np.quantile(values, [0.1, 0.5, 0.9]))
    mean, mode = float(values.mean(dtype=np.float64)), float(centres[np.argmax(counts)])
    kept = diameters if keep_map else None
    return LocalThickness(phase, kept, distribution, mean, mode, d10, d50, d90, values.size / total)


@numba.njit(cache=True, nogil=True)
def _steps(wide, step, cap, first, last):  # type: ignore[no-untyped-def]
    """Radii in steps, at least 1 within the phase; 0 outside."""
    _, ny, nx = wide.shape
    for z in range(first, last):
        for y in range(ny):
            for x in range(nx):
                if wide[z, y, x] > 0:
                    cap[z, y, x] = max(1, min(LEVELS, int(wide[z, y, x] / step)))


@numba.njit(cache=True, nogil=True)
def _flood(cap, inlet, safe):  # type: ignore[no-untyped-def]
    """Level of the widest way from the inlet: the smallest radius along it, in steps; 0 if there is none.

    Buckets by level, highest first; ``cap`` is used up. Ways below the level ``safe`` do not pass diagonally
    between voxels.
    """
    nz, ny, nx = cap.shape
    level = np.zeros(cap.shape, np.uint16)
    head = np.full(LEVELS + 1, -1, np.int32)
    following = np.empty(cap.size, np.int32)
    free, reached = cap.ravel(), level.ravel()
    for v in inlet:
        n = free[v]
        reached[v], free[v] = n, 0
        following[v], head[n] = head[n], v
    for now in range(LEVELS, 0, -1):
        while head[now] >= 0:
            v = head[now]
            head[now] = following[v]
            z, rest = divmod(v, ny * nx)
            y, x = divmod(rest, nx)
            for p in range(max(z - 1, 0), min(z + 2, nz)):
                for q in range(max(y - 1, 0), min(y + 2, ny)):
                    for r in range(max(x - 1, 0), min(x + 2, nx)):
                        n = cap[p, q, r]
                        if n == 0:
                            continue
                        n = min(n, now)
                        if n < safe and abs(p - z) + abs(q - y) + abs(r - x) > 1:
                            continue
                        w = (p * ny + q) * nx + r
                        reached[w], free[w] = n, 0
                        following[w], head[n] = head[n], w
    return level


@numba.njit(cache=True, nogil=True)
def _rims(value, reach, pitch, rim, first, last):  # type: ignore[no-untyped-def]
    """Voxels whose sphere adds something: with a lower neighbour along an axis, not on a slope to a larger.

    Where all neighbours are as wide, a voxel of the sphere is either as wide itself or lies beyond such a
    rim.
    """
    nz, ny, nx = value.shape
    for z in range(first, last):
        for y in range(ny):
            for x in range(nx):
                if value[z, y, x] == 0:
                    continue
                for i, j, k in ((-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0), (0, 0, -1), (0, 0, 1)):
                    p, q, r = z + i, y + j, x + k
                    inside = 0 <= p < nz and 0 <= q < ny and 0 <= r < nx
                    if inside and value[p, q, r] < value[z, y, x]:
                        rim[z, y, x] = not leans(value, reach, pitch, z, y, x)
                        break
