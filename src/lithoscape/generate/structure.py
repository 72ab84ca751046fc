"""What every generator takes and returns: a volume, the shapes behind it, the particles in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from ..errors import InputError
from ..image import Grid, Instances, Volume
from .shapes import Shape, minus, rasterise, union

BACKGROUND = "pore"
"""The phase everything starts as; it has no shape of its own, it is what the others leave."""


@dataclass(frozen=True, eq=False)
class Structure:
    """A generated microstructure.

    Parameters
    ----------
    volume:
        The labelled image.
    shapes:
        Implicit function of every phase that has an exact one; one made or cut on voxels has none.
    particles:
        Particles by phase, with the table that the generator knows exactly.
    figures:
        What was asked and what came out, name -> number or text, for the preview and for tests.
    """

    volume: Volume
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    particles: Mapping[str, Instances] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def empty(cls, grid: Grid) -> Structure:
        """Nothing but pore."""
        return cls(Volume(np.zeros(grid.shape, np.uint8), grid, {BACKGROUND: 0}))

    @property
    def grid(self) -> Grid:
        """Voxel size and orientation."""
        return self.volume.grid

    def paint(
        self,
        phase: str,
        mask: np.ndarray | None = None,
        *,
        shape: Shape | None = None,
        over: Sequence[str] = (BACKGROUND,),
    ) -> Structure:
        """Give voxels to ``phase``, out of the phases ``over`` only.

        Parameters
        ----------
        phase:
            A new phase, one there is, or "pore" to cut.
        mask:
            Voxels to paint; without it those whose centre lies inside ``shape``.
        shape:
            The exact geometry of the mask. Without one, the painted phase and every phase that loses voxels
            to it have no implicit function any more.
        over:
            Phases that give way; everything else stays.
        """
        if mask is None:
            if shape is None:
                raise InputError("paint takes a mask or a shape", field="shape", remedy="Give one of them")
            mask = rasterise(shape, self.grid)
        phases = dict(self.volume.phases)
        label = phases.setdefault(phase, max(phases.values()) + 1)
        losing = [name for name in over if name in phases and name != phase]
        take = mask & np.isin(self.volume.labels, [phases[name] for name in losing])
        hit = [name for name in losing if (take & (self.volume.labels == phases[name])).any()]
        labels = np.where(take, self.volume.labels.dtype.type(label), self.volume.labels)
        return replace(
            self,
            volume=self.volume.with_labels(labels, phases=phases),
            shapes=self._reshaped(phase, shape, losing, hit),
            particles=self._cut(phase, take),
        )

    def _reshaped(
        self, phase: str, shape: Shape | None, losing: Sequence[str], hit: Sequence[str]
    ) -> dict[str, Shape]:
        shapes = dict(self.shapes)
        known = {name for name in self.volume.phases if name != BACKGROUND}
        staying = known - set(losing) - {phase}
        for name in hit:
            if name in shapes:
                if shape is None:
                    del shapes[name]
                else:
                    shapes[name] = minus(shapes[name], shape)
        if phase == BACKGROUND:
            return shapes
        whole = shape is not None and staying <= set(self.shapes) and (phase not in known or phase in shapes)
        if not whole or shape is None:
            shapes.pop(phase, None)
            return shapes
        new = minus(shape, union([self.shapes[name] for name in sorted(staying)])) if staying else shape
        shapes[phase] = union([shapes[phase], new]) if phase in shapes else new
        return shapes

    def _cut(self, phase: str, take: np.ndarray) -> dict[str, Instances]:
        """Particles without the voxels that another phase took."""
        return {
            name: p if name == phase else replace(p, labels=np.where(take, np.int32(0), p.labels))
            for name, p in self.particles.items()
        }

    def noting(self, **figures: Any) -> Structure:
        """A copy with further figures."""
        return replace(self, figures={**self.figures, **figures})

    def fraction(self, phase: str) -> float:
        """Volume fraction of a phase on the voxels; 0 if there is none."""
        return self.volume.fractions().get(phase, 0.0)


class Step(BaseModel):
    """One step of a recipe: a frozen specification that turns a structure into the next.

    A subclass names itself by ``make: Literal["..."]``, carries units in its key names (``diameter_um``), and
    overrides :meth:`apply`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    summary: ClassVar[str] = ""

    def apply(self, structure: Structure, rng: np.random.Generator) -> Structure:
        """The structure after this step; all randomness comes from ``rng``."""
        raise NotImplementedError
