"""Every step a recipe may name."""

from __future__ import annotations

from .structure import Step

STEPS: tuple[type[Step], ...] = ()
"""Step classes; each names itself by ``make``."""
