"""Every step a recipe may name."""

from __future__ import annotations

from .channels import Channels, HoleArray
from .cracks import Crack, CrackNetwork
from .fields import GaussianField
from .packings import BimodalStep, EllipsoidsStep, GradedStep, LayeredStep, PlateletsStep, SpheresStep
from .structure import Step

STEPS: tuple[type[Step], ...] = (
    SpheresStep,
    BimodalStep,
    LayeredStep,
    GradedStep,
    EllipsoidsStep,
    PlateletsStep,
    Channels,
    HoleArray,
    Crack,
    CrackNetwork,
    GaussianField,
)
"""Step classes; each names itself by ``make``."""
