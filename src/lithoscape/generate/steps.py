"""Every step a recipe may name."""

from __future__ import annotations

from .agglomerates import Agglomerates
from .binder import Binder
from .calender import Calender
from .channels import Channels, HoleArray
from .cracks import Crack, CrackNetwork
from .defects import ParticleCracks, Voids
from .fields import GaussianField
from .freeze_cast import FreezeCast
from .grains import Grains, Particle
from .packings import BimodalStep, EllipsoidsStep, GradedStep, LayeredStep, PlateletsStep, SpheresStep
from .porespy_media import PoreSpy
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
    FreezeCast,
    Calender,
    Particle,
    Grains,
    Voids,
    ParticleCracks,
    Binder,
    Agglomerates,
    GaussianField,
    PoreSpy,
)
"""Step classes; each names itself by ``make``."""
