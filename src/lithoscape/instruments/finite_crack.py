"""Cracks that end within the gauge volume: the material before and behind mixes in.

A simulated cross-section is one through the crack. Along the beam, which is parallel to the crack, the same
cross-section is taken to hold over the crack's length, and beyond its ends the electrode far from the crack
at the same depth (ends are sharp; diffusion around them is left out, it reaches about as far as the crack
sees sideways). Diffracted intensity is proportional to the active material in the beam, so that

    SoL = (p s SoL_c + (1 - p) s_far SoL_far) / (p s + (1 - p) s_far),

p the share of the gauge volume's weight between the ends of the crack, s the active fraction seen. A volume
within the crack diffracts little by itself: what it shows is mostly the electrode beyond the crack's ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from .checks import positive
from .collimator import Collimator


@dataclass(frozen=True)
class FiniteCrack:
    """A crack parallel to the beam.

    Parameters
    ----------
    length:
        From end to end [m].
    offset:
        Of its middle from the centre of the gauge volume, along the beam [m].
    """

    length: float
    offset: float = 0.0

    def __post_init__(self) -> None:
        positive("instruments.gauge_map.crack_length", self.length, "the length of the crack in metres")
        if not np.isfinite(self.offset):
            raise InputError(
                "must be finite", field="instruments.gauge_map.crack_offset", value=self.offset,
                remedy="Give the distance along the beam in metres",
            )  # fmt: skip

    def share(self, collimator: Collimator, two_theta: float) -> float:
        """Share of the gauge volume's weight between the ends of the crack."""
        half = 0.5 * self.length
        return collimator.share(self.offset - half, self.offset + half, two_theta)

    def shares(self, collimator: Collimator, angles: Sequence[float]) -> np.ndarray:
        """:meth:`share` for every angle [degrees]; InputError without any."""
        if len(angles) == 0:
            raise InputError(
                "there is no reflection", field="instruments.gauge_map.reflections_two_theta_deg", value=[],
                remedy="Give the angle of at least one",
            )  # fmt: skip
        return np.array([self.share(collimator, angle) for angle in angles])


def mixed(
    sol: np.ndarray, signal: np.ndarray, far_sol: np.ndarray, far_signal: np.ndarray, share: float
) -> tuple[np.ndarray, np.ndarray]:
    """State of lithiation and active fraction that a gauge volume sees, longer than the crack or not.

    Parameters
    ----------
    sol, signal:
        In the cross-section; ``sol`` NaN where there is no signal, as the probe gives it.
    far_sol, far_signal:
        Far from the crack at the same depth, broadcast against the former.
    share:
        Of the weight that lies between the crack's ends, 0 to 1.

    Returns
    -------
    sol, signal:
        Of the mixture; NaN where neither part gives signal.
    """
    if not 0.0 <= share <= 1.0 + 1e-12:
        raise InputError("a share lies between 0 and 1", field="share", value=share, remedy="Give a fraction")
    near, far = share * np.asarray(signal, dtype=float), (1.0 - share) * np.asarray(far_signal, dtype=float)
    total = near + far
    value = np.where(near > 0, near * sol, 0.0) + np.where(far > 0, far * far_sol, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        seen = np.where(total > 0, value / total, np.nan)
    return seen, np.broadcast_to(total, seen.shape).copy()
