"""Histogram of an image and the thresholds that follow from it."""

from __future__ import annotations

import numpy as np

from ...errors import InputError

BINS = 256
SAMPLE = 4_000_000
TAIL = 1e-4
"""Share of voxels at either end that the histogram gathers in its outermost bins."""


def sample(values: np.ndarray, most: int = SAMPLE) -> np.ndarray:
    """At most about ``most`` values, evenly from the whole image (flat)."""
    flat = values.reshape(-1)
    # an odd step does not fall in with the usual even edges of images
    return flat[:: max(1, -(-flat.size // most)) | 1]


def histogram(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts and centres of 256 bins over all but the farthest values; InputError for a constant image."""
    low, high = np.quantile(sample(values), (TAIL, 1 - TAIL)).astype(float)
    if not high > low:
        low, high = float(values.min()), float(values.max())
    if not high > low:
        raise InputError(
            "every voxel has the same grey level", field="image", value=low,
            remedy="There is nothing to tell apart: check the file, the crop and the steps before this one",
        )  # fmt: skip
    counts = np.zeros(BINS, np.int64)
    for page in values:
        counts += np.histogram(np.clip(page, low, high), BINS, (low, high))[0]
    edges = np.linspace(low, high, BINS + 1)
    return counts, (edges[1:] + edges[:-1]) / 2


def otsu_levels(values: np.ndarray, classes: int) -> tuple[float, ...]:
    """Grey levels between ``classes`` classes of least variance inside them.

    Otsu, IEEE Trans. Syst. Man Cybern. 9, 62, 1979, 10.1109/TSMC.1979.4310076; several levels after Liao et
    al., J. Inf. Sci. Eng. 17, 713, 2001 (``skimage.filters.threshold_multiotsu``).

    Raises
    ------
    InputError
        A constant image, or fewer different grey levels than classes.
    """
    from skimage.filters import threshold_multiotsu

    counts, centres = histogram(values)
    filled = int(np.count_nonzero(counts))
    if filled < classes:
        raise InputError(
            f"the image has only {filled} different grey levels", field="image", value=f"{classes} phases",
            remedy="Name fewer phases, or check the steps before this one",
        )  # fmt: skip
    return tuple(float(t) for t in threshold_multiotsu(classes=classes, hist=(counts, centres)))


def apply_levels(values: np.ndarray, levels: tuple[float, ...]) -> np.ndarray:
    """Number of levels below every value (uint8)."""
    labels = np.zeros(values.shape, np.uint8)
    for level in levels:
        labels += values > level
    return labels


def class_means(values: np.ndarray, levels: tuple[float, ...]) -> np.ndarray:
    """Mean grey level of every class of an image (or of a sample)."""
    labels = apply_levels(values, levels).ravel()
    counts = np.bincount(labels, minlength=len(levels) + 1)
    sums = np.bincount(labels, weights=values.ravel(), minlength=len(levels) + 1)
    return sums / np.maximum(counts, 1)
