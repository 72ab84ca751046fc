"""The voxel model once more, assembled as a sparse matrix and factorised; and random media to try it on."""

from collections.abc import Mapping

import numpy as np
import scipy.sparse as sparse
from scipy.ndimage import gaussian_filter
from scipy.sparse.linalg import spsolve


def conductivities(labels: np.ndarray, conductivity: Mapping[int, float]) -> np.ndarray:
    """Conductivity of every voxel."""
    out = np.zeros(labels.shape)
    for label, value in conductivity.items():
        out[labels == label] = value
    return out


def faces(sigma: np.ndarray, sizes: np.ndarray, periodic: bool):
    """Pairs of voxels by axis and the conductance between them."""
    number, volume = np.arange(sigma.size).reshape(sigma.shape), np.prod(sizes)
    for axis in range(3):
        a, b, i, j = sigma, np.roll(sigma, -1, axis), number, np.roll(number, -1, axis)
        if not periodic:
            cut = tuple(slice(None, -1) if k == axis else slice(None) for k in range(3))
            a, b, i, j = a[cut], b[cut], i[cut], j[cut]
        mean = np.where(a * b > 0, 2 * a * b / np.where(a + b > 0, a + b, 1), 0.0)
        yield axis, i.ravel(), j.ravel(), mean.ravel() * volume / sizes[axis] ** 2


def laplacian(n: int, i: np.ndarray, j: np.ndarray, g: np.ndarray) -> sparse.csr_matrix:
    """Matrix of a network."""
    off = sparse.coo_matrix((g, (i, j)), shape=(n, n))
    off = off + off.T
    return sparse.diags(np.asarray(off.sum(axis=1)).ravel()) - off


def connected_to(matrix: sparse.csr_matrix, seeds: np.ndarray) -> np.ndarray:
    """Nodes of the clusters that hold a seed."""
    from scipy.sparse.csgraph import connected_components

    _, cluster = connected_components(matrix != 0, directed=False)
    return np.isin(cluster, np.unique(cluster[seeds]))


def direct(labels, conductivity, axis=0, spacing=(1.0, 1.0, 1.0), boundary="face") -> float:
    """Effective conductivity by a sparse factorisation."""
    sigma = np.moveaxis(conductivities(labels, conductivity), axis, 0)
    sizes = np.array([spacing[axis], *(h for k, h in enumerate(spacing) if k != axis)], dtype=float)
    n, layers = sigma.size, sigma.shape[0]
    matrix = sum(laplacian(n, i, j, g) for _, i, j, g in faces(sigma, sizes, periodic=False))
    layer = np.repeat(np.arange(layers), n // layers)
    area = sigma[0].size * sizes[1] * sizes[2]
    if boundary == "face":
        half = 2 * sigma.ravel() * np.prod(sizes) / sizes[0] ** 2
        inlet, outlet = np.where(layer == 0, half, 0), np.where(layer == layers - 1, half, 0)
        matrix = (matrix + sparse.diags(inlet + outlet)).tocsr()
        free = connected_to(matrix, np.flatnonzero(inlet + outlet > 0)) & (sigma.ravel() > 0)
        x = np.zeros(n)
        x[free] = spsolve(matrix[free][:, free].tocsc(), inlet[free])
        return float(inlet @ (1 - x)) * layers * sizes[0] / area
    fixed = (layer == 0) | (layer == layers - 1)
    matrix = matrix.tocsr()
    free = connected_to(matrix, np.flatnonzero(fixed)) & (sigma.ravel() > 0) & ~fixed
    x = (layer == 0) * 1.0
    x[free] = spsolve(matrix[free][:, free].tocsc(), -(matrix[free][:, fixed] @ x[fixed]))
    return float((matrix @ x)[layer == 0].sum()) * (layers - 1) * sizes[0] / area


def direct_periodic(labels, conductivity, axis, spacing=(1.0, 1.0, 1.0)) -> np.ndarray:
    """Column of the periodic effective tensor by a sparse factorisation, one node of each cluster held."""
    sigma, sizes = conductivities(labels, conductivity), np.asarray(spacing, dtype=float)
    n = sigma.size
    parts = list(faces(sigma, sizes, periodic=True))
    matrix = sum(laplacian(n, i, j, g) for _, i, j, g in parts).tocsr()
    from scipy.sparse.csgraph import connected_components

    _, cluster = connected_components(matrix != 0, directed=False)
    held = np.zeros(n, dtype=bool)
    held[np.unique(cluster, return_index=True)[1]] = True
    source = np.zeros(n)
    for k, i, j, g in parts:
        if k == axis:
            np.add.at(source, i, g * sizes[k])
            np.add.at(source, j, -g * sizes[k])
    x = np.zeros(n)
    x[~held] = spsolve(matrix[~held][:, ~held].tocsc(), source[~held])
    flux = [float(np.sum(g * (x[j] - x[i] + (k == axis) * sizes[k]) * sizes[k])) for k, i, j, g in parts]
    return np.array(flux) / (n * np.prod(sizes))


def random_medium(rng: np.random.Generator, shape, fraction: float, width: float, mode="reflect"):
    """Label 0 with about this volume fraction, 1 elsewhere: a smoothed random field cut at a level."""
    field = gaussian_filter(rng.normal(size=shape), width, mode=mode)
    return (field > np.quantile(field, fraction)).astype(np.uint8)
