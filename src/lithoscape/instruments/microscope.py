"""Pictures a microscope would take: a plane of a field or of an image, blurred, in pixels, with noise.

The signal of a point is a grey level by phase or by value; the optics spread it (a Gaussian of given width),
a pixel averages what falls on it, photons are counted, and the number is rounded to the camera's steps.
Assumed: an infinitely thin plane, a point spread that is the same everywhere, no charging, no shadows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..errors import InputError
from ..image import Volume
from ..probe import Box
from .checks import finite, positive, uncertainty

FIELD = "microscope"


@dataclass(frozen=True)
class Plane:
    """A rectangle on which a field is sampled, in points of a square grid.

    Parameters
    ----------
    lower, upper:
        Corners [m]; in 3D exactly one coordinate is the same in both: across that axis the plane lies.
    step:
        Distance of the points [m].

    Raises
    ------
    InputError
        Corners that span no plane, or a step larger than an edge.
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    step: float

    def __post_init__(self) -> None:
        positive(f"{FIELD}.step", self.step, "the distance of points in metres")
        sides = np.subtract(self.upper, self.lower)
        if len(self.lower) not in (2, 3) or np.any(sides < 0) or np.count_nonzero(sides) != 2:
            raise InputError(
                "two corners span a plane across one axis", field=f"{FIELD}.upper",
                value=[list(self.lower), list(self.upper)],
                remedy="Give lower and upper corners that differ in two coordinates",
            )  # fmt: skip
        if self.step > sides[sides > 0].min() * (1 + 1e-9):
            raise InputError(
                "the step is larger than the plane", field=f"{FIELD}.step", value=self.step,
                remedy=f"Stay within {sides[sides > 0].min():g} m",
            )  # fmt: skip

    @property
    def axes(self) -> tuple[int, int]:
        """The two axes of the picture: columns run along the first, rows along the second."""
        first, second = np.flatnonzero(np.subtract(self.upper, self.lower))
        return int(first), int(second)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the picture."""
        sides = np.subtract(self.upper, self.lower)
        columns, rows = (int(sides[a] / self.step * (1 + 1e-9)) for a in self.axes)
        return rows, columns

    def boxes(self) -> list[Box]:
        """Points as boxes without extent, row-major, for :class:`~lithoscape.probe.BoxAverages`.

        With ``per_axis=1`` the probe reads the field at the points; its signal is the weight there.
        """
        rows, columns = self.shape
        found = []
        for j in range(rows):
            for i in range(columns):
                point = list(self.lower)
                for axis, k in zip(self.axes, (i, j), strict=True):
                    point[axis] += (k + 0.5) * self.step
                found.append(Box(tuple(point), tuple(point)))
        return found


@dataclass(frozen=True)
class Optics:
    """What lies between the plane and the picture.

    Parameters
    ----------
    pixel:
        Edge of a pixel on the plane [m]; a whole multiple of the step of the plane.
    resolution:
        Full width at half maximum of the point spread [m].
    photons:
        Counted in a pixel of grey level 1; None: no noise.
    bits:
        Of the camera: grey levels 0 to 1 become whole numbers; None: they stay.
    """

    pixel: float
    resolution: float
    photons: float | None = None
    bits: int | None = None

    def __post_init__(self) -> None:
        positive(f"{FIELD}.pixel", self.pixel, "the edge of a pixel in metres")
        positive(f"{FIELD}.resolution", self.resolution, "a full width at half maximum in metres")
        if self.photons is not None:
            positive(f"{FIELD}.photons", self.photons, "photons per pixel, or None for none of their noise")
        if self.bits is not None and not 1 <= self.bits <= 16:
            raise InputError(
                "a camera has 1 to 16 bits", field=f"{FIELD}.bits", value=self.bits, remedy="Give 8, 12 or 16"
            )


@dataclass(frozen=True, eq=False)
class Picture:
    """Grey levels (rows, columns), 0 to 1, and their standard uncertainty; ``pixel`` in m."""

    grey: np.ndarray
    uncertainty: np.ndarray
    pixel: float


def photograph(grey: np.ndarray, step: float, optics: Optics, seed: int = 0) -> Picture:
    """The picture of grey levels on a plane.

    Parameters
    ----------
    grey:
        (rows, columns), 0 to 1, at points ``step`` [m] apart.
    seed:
        Of the noise.

    Raises
    ------
    InputError
        Levels outside 0..1 or not finite, a pixel that is no multiple of the step, a plane smaller than a
        pixel.
    """
    grey = finite(f"{FIELD}.grey", grey)
    if grey.ndim != 2 or grey.size == 0 or grey.min() < 0 or grey.max() > 1:
        raise InputError(
            "a plane of grey levels lies between 0 and 1", field=f"{FIELD}.grey",
            value=[float(grey.min(initial=0)), float(grey.max(initial=0))],
            remedy="Use by_value or by_phase, which give such levels",
        )  # fmt: skip
    sigma = optics.resolution / (2 * np.sqrt(2 * np.log(2))) / positive(f"{FIELD}.step", step)
    sharp = _binned(ndimage.gaussian_filter(grey, sigma, mode="nearest", truncate=6.0), optics.pixel / step)
    seen, variance = sharp, np.zeros_like(sharp)
    if optics.photons is not None:
        rng = np.random.default_rng(seed)
        seen = rng.poisson(sharp * optics.photons) / optics.photons
        variance = variance + sharp / optics.photons
    if optics.bits is not None:
        steps = 2**optics.bits - 1
        seen = np.round(np.clip(seen, 0, 1) * steps) / steps
        variance = variance + 1 / (12 * steps**2)
    return Picture(seen, np.sqrt(variance), optics.pixel)


def by_value(values: np.ndarray, low: float, high: float, without: float = 0.0) -> np.ndarray:
    """Grey levels linear in a field from ``low`` (0) to ``high`` (1), cut off beyond; NaN is ``without``."""
    if not low < high:
        raise InputError(
            "the range of grey levels is empty", field=f"{FIELD}.range", value=[low, high],
            remedy="Give the value of black, then that of white",
        )  # fmt: skip
    return np.where(np.isnan(values), without, np.clip((values - low) / (high - low), 0, 1))


def by_phase(volume: Volume, axis: int, index: int, grey: Mapping[str, float]) -> np.ndarray:
    """Grey levels of a slice of an image: plane ``index`` across ``axis``, one level per phase.

    InputError for a plane outside the image, or a phase without a level between 0 and 1.
    """
    if not (0 <= axis < 3 and 0 <= index < volume.labels.shape[axis]):
        raise InputError(
            "the plane lies outside the image", field=f"{FIELD}.index", value=[axis, index],
            remedy=f"The image has {volume.labels.shape} voxels",
        )  # fmt: skip
    levels = np.full(max(volume.phases.values()) + 1, np.nan)
    for name, level in grey.items():
        levels[volume.label(name)] = level
    plane = levels[np.take(volume.labels, index, axis=axis)]
    if not np.all((plane >= 0) & (plane <= 1)):
        raise InputError(
            "every phase needs a grey level from 0 to 1", field=f"{FIELD}.grey", value=dict(grey),
            remedy=f"Phases: {', '.join(volume.phases)}",
        )  # fmt: skip
    return plane


def averaged_value(picture: Picture, low: float, high: float) -> tuple[float, float]:
    """Mean of the field a picture by :func:`by_value` was taken of, and its standard uncertainty."""
    scale = high - low
    error = uncertainty(f"{FIELD}.uncertainty", picture.uncertainty)
    return float(low + scale * picture.grey.mean()), float(scale * np.sqrt((error**2).sum()) / error.size)


def _binned(values: np.ndarray, ratio: float) -> np.ndarray:
    """Means over blocks of ``ratio`` by ``ratio`` points; what does not fill a block is cut off."""
    n = round(ratio)
    if n < 1 or abs(ratio - n) > 1e-6 * n:
        raise InputError(
            "a pixel is a whole multiple of the plane's step", field=f"{FIELD}.pixel", value=ratio,
            remedy="Sample the plane finer, or change the pixel",
        )  # fmt: skip
    rows, columns = (s // n for s in values.shape)
    if rows == 0 or columns == 0:
        raise InputError(
            "the plane is smaller than a pixel", field=f"{FIELD}.pixel", value=ratio,
            remedy="Choose a larger plane or a smaller pixel",
        )  # fmt: skip
    return values[: rows * n, : columns * n].reshape(rows, n, columns, n).mean(axis=(1, 3))
