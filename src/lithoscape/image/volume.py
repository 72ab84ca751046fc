"""Images: a labelled volume, its grey-level counterpart, and particle instances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr

from ..errors import InputError, nearest
from .grid import Grid


@dataclass(frozen=True, eq=False)
class Volume:
    """Labelled microstructure: what measuring, meshing and transport take.

    Parameters
    ----------
    labels:
        Whole numbers 0 to 65535, shape of the grid; kept read-only, without a copy if already ``uint8`` or
        ``uint16``.
    grid:
        Voxel size and orientation.
    phases:
        Name of a phase -> its label. Every label that occurs has a name.
    properties:
        Name of a phase -> its named properties in SI, such as ``{"binder": {"nanoporosity": 0.47}}``.
    provenance:
        Where the image came from: file, recipe, seed, citation.

    Raises
    ------
    InputError
        Not three axes, a label without a name, two phases of one label, properties of an unknown phase.
    """

    labels: np.ndarray
    grid: Grid
    phases: Mapping[str, int]
    properties: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        labels = _compact(self.labels, self.grid)
        phases = {str(name): int(label) for name, label in self.phases.items()}
        if not phases or len(set(phases.values())) < len(phases) or min(phases.values()) < 0:
            raise InputError(
                "each phase has a label of its own", field="phases", value=phases,
                remedy="Such as {'pore': 0, 'active': 1, 'binder': 2}",
            )  # fmt: skip
        found = np.flatnonzero(label_counts(labels))
        if unknown := [int(label) for label in found if label not in phases.values()]:
            raise InputError(
                "the image holds labels that no phase names", field="phases", value=unknown[:10],
                remedy=f"Name every label; named are {phases}",
            )  # fmt: skip
        for name in self.properties:
            if name not in phases:
                raise InputError(
                    "there is no such phase", field="properties", value=name,
                    remedy=nearest(name, list(phases)),
                )  # fmt: skip
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "phases", phases)

    def label(self, phase: str) -> int:
        """Label of ``phase``; InputError names the nearest."""
        if phase not in self.phases:
            raise InputError(
                "there is no such phase", field="phase", value=phase,
                remedy=nearest(phase, list(self.phases)),
            )  # fmt: skip
        return self.phases[phase]

    def mask(self, phase: str | Sequence[str]) -> np.ndarray:
        """Voxels of a phase, or of several together (bool)."""
        names = [phase] if isinstance(phase, str) else list(phase)
        masks = [self.labels == self.label(name) for name in names]
        return masks[0] if len(masks) == 1 else np.logical_or.reduce(masks)

    def occupied(self, phase: str) -> np.ndarray:
        """Mask of a phase that must not be empty; InputError if it is."""
        mask = self.mask(phase)
        if not mask.any():
            raise InputError(
                "this phase has no voxel in the image", field="phase", value=phase,
                remedy="Check the labels, the crop or the threshold",
            )  # fmt: skip
        return mask

    def fractions(self) -> dict[str, float]:
        """Volume fraction of every phase."""
        counts = label_counts(self.labels, max(self.phases.values()) + 1)
        return {name: float(counts[label] / self.labels.size) for name, label in self.phases.items()}

    def crop(self, *box: slice) -> Volume:
        """The block ``labels[box]``, its coordinates kept; trailing axes may be left out."""
        slices = (*box, *(slice(None),) * (3 - len(box)))
        return replace(self, labels=self.labels[slices], grid=self.grid.crop(slices))

    def with_labels(self, labels: np.ndarray, **changes: Any) -> Volume:
        """A copy with other labels of the same shape, and other changes if given."""
        return replace(self, labels=labels, **changes)


@dataclass(frozen=True, eq=False)
class GreyImage:
    """Grey levels of a tomogram; the values are kept as they came (a memory map stays one).

    Raises
    ------
    InputError
        Not three axes, shape differs from the grid's, or values that are no real numbers.
    """

    values: np.ndarray
    grid: Grid
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_shape(self.values, self.grid)
        if self.values.dtype.kind not in "uif":
            raise InputError(
                "grey levels are real numbers", field="values", value=str(self.values.dtype),
                remedy="Convert a colour image to one channel first",
            )  # fmt: skip

    def crop(self, *box: slice) -> GreyImage:
        """The block ``values[box]``, its coordinates kept."""
        slices = (*box, *(slice(None),) * (3 - len(box)))
        return replace(self, values=self.values[slices], grid=self.grid.crop(slices))


@dataclass(frozen=True, eq=False)
class Instances:
    """Particles told apart: 0 is none, 1..N are the particles of one phase.

    Parameters
    ----------
    labels:
        Particle number of every voxel (int32).
    grid:
        Voxel size and orientation.
    phase:
        The phase whose particles these are.
    table:
        One row per particle: dimension and coordinate ``particle``; columns named with units, such as
        ``"Volume [m3]"``, ``"Centroid [m]"`` (with dimension ``axis``).
    """

    labels: np.ndarray
    grid: Grid
    phase: str
    table: xr.Dataset = field(default_factory=xr.Dataset)

    def __post_init__(self) -> None:
        require_shape(self.labels, self.grid)
        if self.labels.dtype.kind not in "ui":
            raise InputError(
                "particle numbers are whole numbers", field="labels", value=str(self.labels.dtype),
                remedy="Give 0 for no particle and 1..N for the particles",
            )  # fmt: skip
        object.__setattr__(self, "labels", np.asarray(self.labels, dtype=np.int32))

    @property
    def numbers(self) -> np.ndarray:
        """The particle numbers that occur, ascending."""
        found = np.unique(self.labels)
        return found[found > 0]


def label_counts(labels: np.ndarray, at_least: int = 1) -> np.ndarray:
    """Voxels of every label from 0 up, page by page (``bincount`` needs eight bytes per voxel)."""
    counts = np.zeros(max(at_least, int(labels.max()) + 1), dtype=np.int64)
    for page in labels:
        counts += np.bincount(page.ravel(), minlength=counts.size)
    return counts


def require_shape(values: np.ndarray, grid: Grid) -> None:
    """InputError unless ``values`` has three axes and the grid's shape."""
    if values.ndim != 3 or values.shape != grid.shape:
        raise InputError(
            f"an image of the shape {grid.shape} is needed", field="shape", value=values.shape,
            remedy="Three axes: pages, rows, columns; a single slice is a stack of one page",
        )  # fmt: skip


def _compact(labels: np.ndarray, grid: Grid) -> np.ndarray:
    """Read-only labels in one or two bytes per voxel."""
    labels = np.asarray(labels)
    require_shape(labels, grid)
    if labels.dtype.kind not in "bui":
        raise InputError(
            "labels are whole numbers", field="labels", value=str(labels.dtype),
            remedy="Segment a grey-level image first",
        )  # fmt: skip
    if labels.dtype not in (np.uint8, np.uint16):
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or high > 65535:
            raise InputError(
                "labels lie between 0 and 65535", field="labels", value=(low, high),
                remedy="Particle numbers belong into Instances",
            )  # fmt: skip
        labels = labels.astype(np.uint8 if high < 256 else np.uint16)
    view = labels.view()
    view.flags.writeable = False
    return view
