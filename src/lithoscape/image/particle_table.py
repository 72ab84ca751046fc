"""One row per particle: size, shape, place, grey level."""

from __future__ import annotations

from itertools import product

import edt
import numpy as np
import xarray as xr
from numba import njit
from scipy.spatial import SphericalVoronoi

from ..errors import InputError
from .grid import Grid
from .volume import GreyImage, require_shape

LARGEST_NUMBER = 50_000_000
"""Particle numbers index arrays; larger ones are identifiers that want renumbering."""

SURFACE_BIAS = (
    "Crofton, 13 directions: spheres of 4 voxels' radius and more within 1 %, flat faces within 7 %"
)


def particle_table(labels: np.ndarray, grid: Grid, grey: GreyImage | None = None) -> xr.Dataset:
    """Size, shape, place and grey level of every particle.

    ======================== ===============================================================================
    column                   meaning
    ======================== ===============================================================================
    Volume [m3]              voxels times their volume
    Surface area [m2]        whole outline, contacts included, the cut by the box edge not: Crofton's formula
                             on 13 directions with weights of the Voronoi cells of the directions (Ohser and
                             Schladitz 2009, 3D Images of Materials Structures, ch. 4). Spheres of 4 voxels'
                             radius and more come out within 1 %, planes within 7 %
    Contact area [m2]        shared with other particles: of every neighbour the length of the sum of the face
                             normals, exact for a plane however it lies to the voxels
    Equivalent diameter [m]  of the sphere of the same volume
    Sphericity               surface of that sphere over the surface (Wadell 1935, doi:10.1086/624298)
    Centroid [m]             mean of the voxel centres (dimension axis)
    Principal axes [m]       full axes of the ellipsoid of the same second moments, longest first (dimension
                             principal)
    Principal directions     unit vectors along them (dimensions principal, axis)
    Mean grey, Std grey      of the particle's voxels, if an image is given
    Touches box edge         whether a voxel lies at the edge of the image
    Inscribed radius [m]     largest distance of a voxel centre to one outside the particle; the box edge is
                             no surface
    Height above collector [m]  of the centroid
    ======================== ===============================================================================

    Parameters
    ----------
    labels:
        Particle number of every voxel, 0 for none; shape of the grid.
    grid:
        Voxel size and orientation.
    grey:
        Image on the same voxels.

    Returns
    -------
    xarray.Dataset
        Dimension and coordinate ``particle``, ``units`` on every variable.

    Raises
    ------
    InputError
        Wrong shape, numbers that are negative or beyond 50 million, no particle at all.
    """
    labels = _numbers(labels, grid)
    values = np.zeros((1, 1, 1), np.uint8) if grey is None else np.asarray(grey.values)
    if grey is not None:
        require_shape(values, grid)
    middle = float(values[:: max(1, len(values) // 8)].mean())
    sums, moments, surface, edge = _accumulate(
        labels, values, grey is not None, middle,
        directions(), crofton_weights(grid.voxel_size), int(labels.max()) + 1,
    )  # fmt: skip
    particle = np.flatnonzero(sums[:, 0] > 0)
    count = sums[particle, 0]
    data = _sizes(count * grid.voxel_volume, surface[particle])
    data["Contact area [m2]"] = contact_area(labels, grid, len(sums))[particle]
    centre = sums[particle, 1:4] / count[:, None]
    data["Centroid [m]"] = np.array(grid.origin) + (centre + 0.5) * grid.voxel_size
    data |= _ellipsoids(moments[particle] / count[:, None], centre, grid)
    if grey is not None:
        mean = sums[particle, 4] / count
        data["Mean grey"] = middle + mean
        data["Std grey"] = np.sqrt(np.maximum(sums[particle, 5] / count - mean**2, 0.0))
    data["Touches box edge"] = edge[particle]
    radius = np.zeros(len(sums))
    _largest(labels, distance(labels, grid), radius)
    data["Inscribed radius [m]"] = radius[particle]
    data["Height above collector [m]"] = _heights(data["Centroid [m]"], grid)
    return _dataset(data, particle)


def distance(labels: np.ndarray, grid: Grid) -> np.ndarray:
    """Distance of every voxel to the nearest voxel of another label [m] (float32); the box edge is none.

    ``labels`` may be a mask. One thread, so that the result cannot depend on their number.
    """
    source = labels.view(np.uint8) if labels.dtype == bool else labels
    # in voxels, not metres: the squares of metres underflow in single precision
    edge = grid.voxel_size[0]
    relative = tuple(h / edge for h in grid.voxel_size)
    found = edt.edt(np.ascontiguousarray(source), anisotropy=relative, black_border=False, parallel=1)
    # a phase that fills the box has no surface; the box limits its depth
    np.minimum(found, np.float32(max(grid.size) / edge), out=found)
    found *= np.float32(edge)
    return found


def necks(labels: np.ndarray, height: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of labels that share faces, the highest point of each interface, and its vector area [m2]."""
    pairs, saddles, areas = [], [], []
    for axis in range(3):
        low = tuple(slice(None, -1) if k == axis else slice(None) for k in range(3))
        high = tuple(slice(1, None) if k == axis else slice(None) for k in range(3))
        a, b = labels[low], labels[high]
        meet = (a != b) & (a > 0) & (b > 0)
        pairs.append(np.stack([a[meet], b[meet]], axis=1))
        saddles.append(np.minimum(height[low][meet], height[high][meet]))
        normal = np.zeros(3)
        normal[axis] = grid.voxel_volume / grid.voxel_size[axis]
        areas.append(np.broadcast_to(normal, (len(pairs[-1]), 3)))
    return gathered(np.concatenate(pairs), np.concatenate(saddles), np.concatenate(areas))


def gathered(
    pairs: np.ndarray, saddle: np.ndarray, area: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One row per pair of different regions: highest saddle, summed area, normals from low to high number."""
    apart = pairs[:, 0] != pairs[:, 1]
    pairs, saddle, area = pairs[apart].astype(np.int64), saddle[apart], area[apart]
    turned = np.where(pairs[:, 0] < pairs[:, 1], 1.0, -1.0)
    pairs = np.sort(pairs, axis=1)
    base = int(pairs.max(initial=0)) + 1
    keys, row = np.unique(pairs[:, 0] * base + pairs[:, 1], return_inverse=True)
    highest = np.zeros(len(keys))
    np.maximum.at(highest, row, saddle)
    total = np.stack([np.bincount(row, turned * area[:, k], len(keys)) for k in range(3)], axis=1)
    return np.stack([keys // base, keys % base], axis=1), highest, total


def contact_area(labels: np.ndarray, grid: Grid, size: int) -> np.ndarray:
    """Area [m2] that the labels 0 to ``size`` - 1 share with others that are not 0."""
    pairs, _, normals = necks(labels, np.broadcast_to(np.float32(0), labels.shape), grid)
    area = np.linalg.norm(normals, axis=1)
    return np.bincount(pairs[:, 0], area, size) + np.bincount(pairs[:, 1], area, size)


def crofton_weights(voxel_size: tuple[float, float, float]) -> np.ndarray:
    """Area [m2] that a change of label along each of the 13 directions stands for.

    S = 2 <crossings per area across the lines>, the mean taken over all directions (Crofton): every direction
    has the solid angle that is closer to it than to the others.
    """
    steps = directions()
    vectors = steps * np.array(voxel_size) / max(voxel_size)
    length = np.linalg.norm(vectors, axis=1)
    unit = vectors / length[:, None]
    share = SphericalVoronoi(np.concatenate([unit, -unit])).calculate_areas()[:13] / (2 * np.pi)
    volume = np.prod(voxel_size)
    return 2 * share * volume / (length * max(voxel_size))


def directions() -> np.ndarray:
    """The 13 neighbours of a voxel that come after it in C order, shape (13, 3)."""
    return np.array([step for step in product((-1, 0, 1), repeat=3) if step > (0, 0, 0)])


def _numbers(labels: np.ndarray, grid: Grid) -> np.ndarray:
    require_shape(labels, grid)
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high > LARGEST_NUMBER:
        raise InputError(
            f"particle numbers lie between 0 and {LARGEST_NUMBER}", field="labels", value=(low, high),
            remedy="Renumber the particles 1..N",
        )  # fmt: skip
    if high == 0:
        raise InputError(
            "there is no particle in the image", field="labels", value=0,
            remedy="Check the segmentation; 0 stands for no particle",
        )  # fmt: skip
    return np.ascontiguousarray(labels, dtype=np.int32)


def _sizes(volume: np.ndarray, surface: np.ndarray) -> dict[str, np.ndarray]:
    diameter = np.cbrt(6 * volume / np.pi)
    with np.errstate(divide="ignore"):  # a particle that fills the box has no surface
        sphericity = np.where(surface > 0, np.pi * diameter**2 / surface, np.nan)
    return {
        "Volume [m3]": volume,
        "Surface area [m2]": surface,
        "Equivalent diameter [m]": diameter,
        "Sphericity": sphericity,
    }


def _ellipsoids(squares: np.ndarray, centre: np.ndarray, grid: Grid) -> dict[str, np.ndarray]:
    """Axes of the ellipsoids of the same second moments: variance along a semi-axis a is a^2/5."""
    pairs = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
    spread = np.zeros((len(centre), 3, 3))
    for k, (i, j) in enumerate(pairs):
        # a voxel is a box, not a point: variance h^2/12 along its edges
        own = 1 / 12 if i == j else 0.0
        value = (squares[:, k] - centre[:, i] * centre[:, j] + own) * grid.voxel_size[i] * grid.voxel_size[j]
        spread[:, i, j] = spread[:, j, i] = value
    scale = max(grid.voxel_size) ** 2
    variance, vectors = np.linalg.eigh(spread / scale)
    axes = 2 * np.sqrt(5 * np.maximum(variance[:, ::-1], 0.0) * scale)
    return {"Principal axes [m]": axes, "Principal directions": np.swapaxes(vectors, 1, 2)[:, ::-1]}


def _heights(centroid: np.ndarray, grid: Grid) -> np.ndarray:
    up = centroid[:, grid.through] - grid.origin[grid.through]
    return up if grid.collector == "low" else grid.thickness - up


def _dataset(data: dict[str, np.ndarray], particle: np.ndarray) -> xr.Dataset:
    dims = {
        "Centroid [m]": ("axis",),
        "Principal axes [m]": ("principal",),
        "Principal directions": ("principal", "axis"),
    }
    variables = {
        name: (("particle", *dims.get(name, ())), values, {"units": unit_of(name)})
        for name, values in data.items()
    }
    coords = {"particle": ("particle", particle, {"units": "1"})}
    table = xr.Dataset(variables, coords)
    table["Surface area [m2]"].attrs["estimator"] = SURFACE_BIAS
    return table


def unit_of(name: str) -> str:
    """Unit that a column's name ends in; "1" without one."""
    return name[name.index("[") + 1 : -1] if name.endswith("]") else "1"


@njit(cache=True)
def _accumulate(labels, values, coloured, middle, steps, weights, size):  # type: ignore[no-untyped-def]
    """Sums over the voxels of every particle: (count, indices, grey), products of indices, surface, edge."""
    n0, n1, n2 = labels.shape
    sums = np.zeros((size, 6))
    moments = np.zeros((size, 6))
    surface = np.zeros(size)
    edge = np.zeros(size, np.bool_)
    for i in range(n0):
        for j in range(n1):
            for k in range(n2):
                a = labels[i, j, k]
                if a > 0:
                    sums[a, 0] += 1
                    sums[a, 1] += i
                    sums[a, 2] += j
                    sums[a, 3] += k
                    moments[a, 0] += i * i
                    moments[a, 1] += j * j
                    moments[a, 2] += k * k
                    moments[a, 3] += i * j
                    moments[a, 4] += i * k
                    moments[a, 5] += j * k
                    if i == 0 or j == 0 or k == 0 or i == n0 - 1 or j == n1 - 1 or k == n2 - 1:
                        edge[a] = True
                    if coloured:
                        grey = values[i, j, k] - middle
                        sums[a, 4] += grey
                        sums[a, 5] += grey * grey
                for d in range(13):
                    w = weights[d]
                    p, q, r = i + steps[d, 0], j + steps[d, 1], k + steps[d, 2]
                    if p >= n0 or q < 0 or q >= n1 or r < 0 or r >= n2:
                        continue
                    b = labels[p, q, r]
                    if a == b:
                        continue
                    if a > 0:
                        surface[a] += w
                    if b > 0:
                        surface[b] += w
    return sums, moments, surface, edge


@njit(cache=True)
def _largest(labels, values, largest):  # type: ignore[no-untyped-def]
    """Largest value over every particle, into ``largest``."""
    for label, value in zip(labels.flat, values.flat):  # noqa: B905
        if value > largest[label]:
            largest[label] = value
