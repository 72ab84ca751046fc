"""Multi-channel collimator: how long the gauge volume is, and how it weighs the material along the beam.

Rays from the sample reach the detector if they pass one slit of the inner and the slit behind it of the outer
ring. A point at distance s from the centre along the beam is s sin(2 theta) beside the line through the two
slits; the shadow of the outer slit, projected from there onto the inner ring, moves by s sin(2 theta)
(1 - r1/r2). What of it falls on the inner slit is the convolution of two boxes: a trapezoid, whose full width
at half maximum is that of the wider box. With the inner slit the wider, this is the first term of eq. 1 of
Morrison et al., EES Batteries 2026, 10.1039/d6eb00017g,

    l = a / ((1 - r1/r2) sin(2 theta)) + dy / tan(2 theta);

slits of equal angular opening give a triangle. The second term is the projection of the beam's width. (Width
of a convolution and sum of widths differ: with these slits the folded profile is 10 % narrower than l. The
length of eq. 1 is used, because that is what experiments state.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from .checks import positive, scattering_angle


@dataclass(frozen=True)
class Collimator:
    """Slits and beam that bound a gauge volume.

    Parameters
    ----------
    slit:
        Opening a of the inner slits [m]: not their period. The source does not state it; its two printed
        lengths ask for 48.6 and 49.4 um, while a period of 0.8 degrees at 50 mm (0.70 mm) would make the
        gauge volume 16 mm long.
    inner, outer:
        Distances r1 and r2 of the slits from the sample [m].
    beam_width:
        Width of the beam in the scattering plane [m].
    flat:
        Flat top of the profile along the beam as a share of its width at half maximum: 0 is a triangle (slits
        of equal angular opening), 1 a box, in between a trapezoid.

    Raises
    ------
    InputError
        Lengths that are not positive, an outer ring within the inner one, ``flat`` outside 0..1.
    """

    slit: float = 50e-6
    inner: float = 50e-3
    outer: float = 200e-3
    beam_width: float = 10e-6
    flat: float = 0.0

    def __post_init__(self) -> None:
        for name in ("slit", "inner", "outer", "beam_width"):
            positive(f"collimator.{name}", getattr(self, name), "a length in metres above zero")
        if self.outer <= self.inner:
            raise InputError(
                "the outer slits lie behind the inner ones", field="collimator.outer", value=self.outer,
                remedy=f"Give a distance above {self.inner:g} m",
            )  # fmt: skip
        if not 0.0 <= self.flat <= 1.0:
            raise InputError(
                "a flat top is a share of the width", field="collimator.flat", value=self.flat,
                remedy="Give 0 for a triangle to 1 for a box",
            )  # fmt: skip

    def length(self, two_theta: float) -> float:
        """Length of the gauge volume at ``two_theta`` [degrees]: full width at half maximum [m], eq. 1."""
        return self.collimated(two_theta) + self.beam_width / np.tan(np.radians(two_theta))

    def collimated(self, two_theta: float) -> float:
        """First term of eq. 1: what the slits alone let through [m]."""
        angle = np.radians(_checked(two_theta))
        return self.slit / ((1.0 - self.inner / self.outer) * float(np.sin(angle)))

    def slit_for(self, length: float, two_theta: float) -> float:
        """Slit opening that makes the gauge volume ``length`` [m] long at ``two_theta`` [degrees]."""
        angle = np.radians(_checked(two_theta))
        rest = positive("gauge_length", length, "a length in metres") - self.beam_width / np.tan(angle)
        if rest <= 0:
            raise InputError(
                "the beam alone makes the gauge volume longer", field="gauge_length", value=length,
                remedy="Give a longer gauge volume or a narrower beam",
            )  # fmt: skip
        return float(rest * (1.0 - self.inner / self.outer) * np.sin(angle))

    def profile(self, along: np.ndarray, two_theta: float) -> np.ndarray:
        """Weight at distances ``along`` the beam from the centre [m]; 1 in the middle, 0.5 at +-length/2."""
        width, flat = self.length(two_theta), min(self.flat, 1 - 1e-12)
        ramp = (0.5 * width * (2 - flat) - np.abs(along)) / (width * (1 - flat))
        return np.clip(ramp, 0.0, 1.0)

    def share(self, low: float, high: float, two_theta: float) -> float:
        """Part of the weight between ``low`` and ``high`` along the beam [m from the centre]; exact."""
        if not low <= high:
            raise InputError(
                "the interval along the beam is empty", field="collimator.interval", value=[low, high],
                remedy="Give its lower, then its upper end",
            )  # fmt: skip
        width = self.length(two_theta)
        return float(self._below(high / width) - self._below(low / width))

    def _below(self, z: float) -> float:
        """Part of the weight below ``z``, in widths; the profile in widths has the area 1."""
        side, z = float(np.sign(z)), abs(z)
        top, foot = 0.5 * self.flat, 0.5 * (2 - self.flat)
        area = min(z, top)
        if z > top:
            # (foot - u) / (foot - top) from the end of the flat top on
            u = min(z, foot)
            area += ((foot - top) ** 2 - (foot - u) ** 2) / (2 * (foot - top)) if foot > top else 0.0
        return 0.5 + side * area


def slit_period(degrees: float, radius: float) -> float:
    """Distance from slit to slit along a ring [m]: what ``degrees`` between slits make at ``radius`` [m].

    Not the ``slit`` of a :class:`Collimator`, which is the opening.
    """
    angle = scattering_angle("collimator.slit_separation_deg", degrees)
    return float(np.radians(angle)) * positive("collimator.radius", radius, "a length in metres")


def _checked(two_theta: float) -> float:
    angle = scattering_angle("two_theta_deg", two_theta)
    if angle >= 90.0:
        raise InputError(
            "eq. 1 holds for forward scattering", field="two_theta_deg", value=two_theta,
            remedy="Give 2 theta between 0 and 90 degrees",
        )  # fmt: skip
    return angle
