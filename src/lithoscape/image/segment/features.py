"""What the pixel classifier knows of a voxel: grey level, slope and curvature at several scales."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .blocks import Box


def names(sigmas: tuple[float, ...]) -> list[str]:
    """Names of the features, in the order of :func:`features`."""
    per_scale = ("gaussian", "gradient", "hessian 1", "hessian 2", "hessian 3")
    return [f"{name}, sigma {s:g}" for s in sigmas for name in per_scale] + ["median 3"]


def margin(sigmas: tuple[float, ...]) -> int:
    """Voxels around a block on which its features depend: the cut Gaussian and two differences."""
    return int(4 * max(sigmas) + 0.5) + 3


def features(values: np.ndarray, sigmas: tuple[float, ...]) -> np.ndarray:
    """Features of every voxel, shape (*values.shape, n), float32.

    Per scale (``skimage.feature.multiscale_basic_features``): the Gaussian, the Sobel gradient of it and the
    eigenvalues of its Hessian, largest first; last the median over 3 x 3 x 3 voxels. Scales are in voxels.
    """
    from skimage.feature import multiscale_basic_features

    parts = [
        multiscale_basic_features(values, sigma_min=s, sigma_max=s, num_sigma=1, workers=1) for s in sigmas
    ]
    median = ndimage.median_filter(values, size=3)[..., None]
    return np.concatenate([*parts, median], axis=-1, dtype=np.float32)


def of_block(values: np.ndarray, outer: Box, inner: Box, sigmas: tuple[float, ...]) -> np.ndarray:
    """Features of the voxels of a block, (voxels, n), from the block with its margin."""
    found = features(np.ascontiguousarray(values[outer]), sigmas)[inner]
    return found.reshape(-1, found.shape[-1])
