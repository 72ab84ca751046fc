"""Steps that take slow changes of brightness away: smooth background, slices of different brightness."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from scipy import ndimage

from ...errors import InputError
from .histogram import apply_levels, class_means, otsu_levels
from .stage import Axis, Micrometres, SegmentStep, Stage

By = Literal["subtract", "divide"]
FIT = 200_000
"""Voxels that a background is fitted to, on an even lattice."""
ROUNDS = 12
SETTLED = 1e-3
"""Change of the background, relative to the spread of the image, at which the fit ends."""


class PolynomialBackground(SegmentStep):
    """Remove a polynomial of position, fitted together with the grey levels of the phases.

    Model: value = level of the voxel's phase + polynomial (or times one plus the polynomial), as in Wells et
    al., IEEE Trans. Med. Imaging 15, 429, 1996, 10.1109/42.511747, with phases told apart by Otsu's levels
    instead of probabilities. Fitting phases and background in turn keeps a denser region from being taken
    for a brighter background, as long as the phases can be told apart to begin with.
    """

    step: Literal["polynomial_background"] = "polynomial_background"
    order: Annotated[int, Field(ge=1, le=4, strict=True)] = 2
    by: By = "subtract"

    def apply(self, stage: Stage) -> Stage:
        """Fit on a sample, remove page by page."""
        stride = max(1, round((stage.values.size / FIT) ** (1 / 3)))
        lattice = tuple(slice(min(stride, n) // 2, None, stride) for n in stage.grid.shape)
        values = stage.values[lattice].astype(np.float64).ravel()
        positions = [_unit(n)[part] for n, part in zip(stage.grid.shape, lattice, strict=True)]
        basis = np.stack([term.ravel() for term in self._terms(positions)], axis=1)
        weights, rounds = self._fit(values, basis - basis.mean(axis=0), len(stage.phases))
        offset = float(basis.mean(axis=0) @ weights)
        out = np.empty_like(stage.values)
        for k, page in enumerate(stage.values):
            here = [_unit(stage.grid.shape[0])[k : k + 1], *map(_unit, stage.grid.shape[1:])]
            background = sum(w * t[0] for w, t in zip(weights, self._terms(here), strict=True)) - offset
            out[k] = page - background if self.by == "subtract" else page / (1 + background)
        removed = basis @ weights
        return stage.with_values(out, peak_to_peak=float(np.ptp(removed)), rounds=rounds)

    def _terms(self, positions: list[np.ndarray]) -> Iterator[np.ndarray]:
        """Monomials of the degrees 1 to ``order`` in positions between -1 and 1."""
        z, y, x = np.meshgrid(*positions, indexing="ij", sparse=True)
        shape = np.broadcast_shapes(z.shape, y.shape, x.shape)
        for i, j, k in product(range(self.order + 1), repeat=3):
            if 1 <= i + j + k <= self.order:
                yield np.broadcast_to(z**i * y**j * x**k, shape)

    def _fit(self, values: np.ndarray, basis: np.ndarray, classes: int) -> tuple[np.ndarray, int]:
        """Weights of the monomials and the number of rounds; phases and weights in turn."""
        weights, rounds = np.zeros(basis.shape[1]), 0
        scale = float(values.std()) if self.by == "subtract" else 1.0
        change = np.inf
        while change > SETTLED * scale and rounds < ROUNDS:
            before = basis @ weights
            flat = values - before if self.by == "subtract" else values / (1 + before)
            levels = otsu_levels(flat.reshape(1, 1, -1), classes)
            labels = apply_levels(flat, levels)
            if self.by == "subtract":
                weights = _with_levels(values, basis, labels, classes)
            else:
                means = class_means(flat, levels)
                if not (means > 0).all():
                    raise _not_positive(self.by)
                weights = np.linalg.lstsq(basis, values / means[labels] - 1, rcond=None)[0]
            change = float(np.abs(basis @ weights - before).max())
            rounds += 1
        return weights, rounds


class GaussianBackground(SegmentStep):
    """Remove the mean over a wide Gaussian.

    Right only where ``sigma_um`` is several particles wide and the structure the same all over: a large dense
    region is darkened. Prefer polynomial_background.
    """

    step: Literal["gaussian_background"] = "gaussian_background"
    sigma_um: Micrometres
    by: By = "subtract"

    def apply(self, stage: Stage) -> Stage:
        """Remove, and keep the mean of the image."""
        wide = ndimage.gaussian_filter(stage.values, stage.voxels(self.sigma_um), mode="nearest")
        mean = np.float32(stage.values.mean(dtype=np.float64))
        if self.by == "divide" and float(wide.min()) <= 0:
            raise _not_positive(self.by)
        peak = float(np.ptp(wide))
        out = stage.values - wide + mean if self.by == "subtract" else stage.values / wide * mean
        return stage.with_values(out, peak_to_peak=peak)


class NormaliseSlices(SegmentStep):
    """Give every slice across an axis the mean and the standard deviation of the image.

    For slices of different exposure (serial sections). Wrong where the fractions of the phases change along
    the axis.
    """

    step: Literal["normalise_slices"] = "normalise_slices"
    axis: Axis = 0

    def apply(self, stage: Stage) -> Stage:
        """Shift and scale slice by slice."""
        across = tuple(k for k in range(3) if k != self.axis)
        mean = stage.values.mean(axis=across, keepdims=True, dtype=np.float64)
        std = stage.values.std(axis=across, keepdims=True, dtype=np.float64)
        if not (std > 0).all():
            raise InputError(
                "a slice has the same grey level everywhere", field="axis", value=self.axis,
                remedy=f"Crop slice {int(np.argmin(std))} away, or leave this step out",
            )  # fmt: skip
        gain = std.mean() / std
        out = stage.values * gain.astype(np.float32) + (mean.mean() - mean * gain).astype(np.float32)
        return stage.with_values(out, lowest_gain=float(gain.min()), highest_gain=float(gain.max()))


def _with_levels(values: np.ndarray, basis: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Least squares of class levels and weights together; the weights."""
    counts = np.maximum(np.bincount(labels, minlength=classes), 1)

    def centred(column: np.ndarray) -> np.ndarray:
        return column - (np.bincount(labels, weights=column, minlength=classes) / counts)[labels]

    inner = np.stack([centred(column) for column in basis.T], axis=1)
    return np.linalg.lstsq(inner, centred(values), rcond=None)[0]


def _not_positive(by: str) -> InputError:
    return InputError(
        "dividing by a background needs positive grey levels", field="by", value=by,
        remedy="Take by: subtract",
    )  # fmt: skip


def _unit(n: int) -> np.ndarray:
    """Positions of ``n`` voxel centres in the interval -1 to 1."""
    return (2 * np.arange(n) + 1) / n - 1
