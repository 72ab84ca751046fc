"""The part of a recipe that turns its result into a grey-level scan of known truth."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ..image import GreyImage, Volume
from .phantom import RingFault, UnevenLight, phantom

Finite = Annotated[float, Field(allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rings(_Strict):
    """Ring artefacts: number, height of the strongest [grey levels]."""

    amplitude: NotNegative
    number: Annotated[int, Field(ge=1, le=10_000)] = 8


class Scan(_Strict):
    """What the scanner does to the microstructure; see :func:`lithoscape.generate.phantom.phantom`.

    Levels and amplitudes are grey levels; ``blur_um`` is a standard deviation.
    """

    grey: dict[str, Finite] = Field(description="grey level of every phase")
    blur_um: NotNegative = 0.0
    edge_contrast: Finite = 0.0
    cupping: Finite = 0.0
    tilt: Finite = 0.0
    rings: Rings | None = None
    noise: NotNegative = 0.0
    photons: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        None, description="photons behind the brightest phase, instead of noise"
    )
    bits: Literal[8, 16] | None = 16

    def image(self, volume: Volume, rng: np.random.Generator) -> GreyImage:
        """The grey-level image; InputError as :func:`~lithoscape.generate.phantom.phantom`."""
        uneven = UnevenLight(self.cupping, self.tilt) if self.cupping or self.tilt else None
        return phantom(
            volume,
            grey=self.grey,
            blur=self.blur_um * 1e-6,
            edge_contrast=self.edge_contrast,
            background=uneven,
            rings=RingFault(self.rings.amplitude, self.rings.number) if self.rings else None,
            noise=self.noise,
            counts=self.photons,
            bits=self.bits,
            rng=rng,
        )
