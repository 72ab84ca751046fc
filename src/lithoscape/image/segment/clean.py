"""Steps that clean labels: opening, closing, holes, islands, votes of neighbours."""

from __future__ import annotations

from itertools import product
from typing import Annotated, ClassVar, Literal

import cc3d
import edt
import numpy as np
from pydantic import Field

from ...errors import InputError
from .kernels import fill_from_neighbours, vote, votes_around
from .stage import Micrometres, SegmentStep, Stage

Volume3 = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Clean(SegmentStep):
    """A step on labels."""

    needs_labels: ClassVar[bool] = True


class _OnPhase(_Clean):
    phase: str

    def named_phases(self) -> dict[str, str]:
        """The phase it works on."""
        return {"phase": self.phase}


class Opening(_OnPhase):
    """Take from a phase what no ball of the radius fits into; its neighbours get it, layer by layer."""

    step: Literal["opening"] = "opening"
    radius_um: Micrometres

    def apply(self, stage: Stage) -> Stage:
        """Erode, dilate, give the rest away."""
        labels = stage.labelled.copy()
        label = stage.phases.index(self.phase)
        mask = labels == label
        size, radius = stage.grid.voxel_size, _radius(stage, self.radius_um)
        core = _shrunk(mask, size, radius)
        free = mask & ~_grown(core, size, radius)
        changed = int(free.sum())
        while fill_from_neighbours(labels, free, label, len(stage.phases)):
            pass
        return stage.with_labels(labels, changed_voxels=changed)


class Closing(_OnPhase):
    """Give a phase the gaps between its parts that no ball of the radius fits into, from the phases ``over``.

    All other phases give way unless ``over`` names some.
    """

    step: Literal["closing"] = "closing"
    radius_um: Micrometres
    over: tuple[str, ...] | None = None

    def apply(self, stage: Stage) -> Stage:
        """Dilate, erode, take what was gained."""
        label = stage.phases.index(self.phase)
        labels = stage.labelled
        mask = labels == label
        size, radius = stage.grid.voxel_size, _radius(stage, self.radius_um)
        gained = _shrunk(_grown(mask, size, radius), size, radius) & ~mask
        if self.over is not None:
            gained &= np.isin(labels, [stage.phases.index(name) for name in self.over])
        out = np.where(gained, np.uint8(label), labels)
        return stage.with_labels(out, changed_voxels=int(gained.sum()))

    def named_phases(self) -> dict[str, str]:
        """The phase that grows and those that give way."""
        return {"phase": self.phase, **{f"over[{k}]": name for k, name in enumerate(self.over or ())}}


class FillHoles(_OnPhase):
    """Give a phase everything it encloses; what reaches the border of the image is not enclosed."""

    step: Literal["fill_holes"] = "fill_holes"
    largest_um3: Volume3 | None = None

    def apply(self, stage: Stage) -> Stage:
        """Clusters of all else that touch no border."""
        label = stage.phases.index(self.phase)
        outside = cc3d.connected_components(stage.labelled != label, connectivity=6)
        counts = np.bincount(outside.ravel())
        most = np.inf if self.largest_um3 is None else self.largest_um3 * 1e-18 / stage.grid.voxel_volume
        fill = counts <= most
        fill[0] = False
        for axis in range(3):
            for side in (0, -1):
                fill[np.unique(np.take(outside, side, axis=axis))] = False
        holes = fill[outside]
        out = np.where(holes, np.uint8(label), stage.labelled)
        return stage.with_labels(out, holes=int(fill.sum()), changed_voxels=int(holes.sum()))


class Islands(_Clean):
    """Give clusters of a phase below a volume to the phase that most of their faces border on.

    Voxels of a cluster touch by a face. Phases are treated in their order; every phase unless ``phase`` is
    given.
    """

    step: Literal["islands"] = "islands"
    smallest_voxels: Annotated[int, Field(ge=2, strict=True)] | None = None
    smallest_um3: Volume3 | None = None
    phase: str | None = None

    def apply(self, stage: Stage) -> Stage:
        """Phase by phase."""
        least = self.smallest_voxels or (self.smallest_um3 or 0) * 1e-18 / stage.grid.voxel_volume
        labels = stage.labelled.copy()
        count = changed = 0
        for label, name in enumerate(stage.phases):
            if self.phase in (None, name):
                clusters = cc3d.connected_components(labels == label, connectivity=6)
                sizes = np.bincount(clusters.ravel())
                faces = votes_around(labels, clusters, sizes.size - 1, len(stage.phases))
                small = (sizes < least) & (faces.sum(axis=1) > 0)
                small[0] = False
                to = np.where(small, faces.argmax(axis=1), label).astype(np.uint8)
                take = small[clusters]
                labels[take] = to[clusters[take]]
                count, changed = count + int(small.sum()), changed + int(take.sum())
        return stage.with_labels(labels, islands=count, changed_voxels=changed)

    def named_phases(self) -> dict[str, str]:
        """The phase, if only one is cleaned."""
        return {} if self.phase is None else {"phase": self.phase}

    def check(self, phases: tuple[str, ...]) -> None:
        """One of the two sizes."""
        if (self.smallest_voxels is None) == (self.smallest_um3 is None):
            raise InputError(
                "an island is smaller than a number of voxels or than a volume", field="smallest_um3",
                value=self.smallest_um3, remedy="Give smallest_voxels or smallest_um3",
            )  # fmt: skip


class Mode(_Clean):
    """Give every voxel the most frequent label in the ball around it; a tie keeps its own."""

    step: Literal["mode"] = "mode"
    radius_um: Micrometres

    def apply(self, stage: Stage) -> Stage:
        """Vote."""
        radius = _radius(stage, self.radius_um)
        labels = vote(stage.labelled, ball(radius, stage.grid.voxel_size), len(stage.phases))
        return stage.with_labels(labels, changed_voxels=int((labels != stage.labelled).sum()))


def ball(radius: float, voxel_size: tuple[float, float, float]) -> np.ndarray:
    """Offsets of the voxels whose centre is within ``radius`` [m] of a voxel's centre: (n, 3), sorted."""
    reach = [int(radius * (1 + 1e-9) / h) for h in voxel_size]
    offsets = np.array(list(product(*(range(-n, n + 1) for n in reach))), dtype=np.int64)
    near = ((offsets * np.array(voxel_size)) ** 2).sum(axis=1) <= radius**2 * (1 + 1e-9)
    return offsets[near]


def _radius(stage: Stage, radius_um: float) -> float:
    """The radius [m]; InputError if no neighbour lies within it."""
    if radius_um * 1e-6 * (1 + 1e-9) < min(stage.grid.voxel_size):
        raise InputError(
            "the radius is smaller than a voxel", field="radius_um", value=radius_um,
            remedy=f"The voxel measures {min(stage.grid.voxel_size) * 1e6:.4g} um",
        )  # fmt: skip
    return radius_um * 1e-6


def _shrunk(mask: np.ndarray, size: tuple[float, float, float], radius: float) -> np.ndarray:
    """Erosion by a ball; what lies beyond the border counts as inside."""
    if mask.all():
        return mask
    far: np.ndarray = edt.edt(mask, anisotropy=size, black_border=False) > radius * (1 + 1e-6)
    return far


def _grown(mask: np.ndarray, size: tuple[float, float, float], radius: float) -> np.ndarray:
    """Dilation by a ball."""
    if not mask.any():
        return mask
    return ~_shrunk(~mask, size, radius)
