"""Virtual instruments: what a device in the laboratory would have seen, and how well.

Place, run, read, compare: ``gauge.boxes(surface)``, ``compton.boxes(surface)`` and ``plane.boxes()`` place
an instrument in the mesh for a probe (:class:`~lithoscape.probe.BoxAverages`); a run records what the probe
reads; ``by_reflection(record, ...)``, ``Acquisition(3.0).acquired(...)``, ``compton.exposed(...)`` and
``cycler.measure(record)`` make of it what was measured. Every reading has a standard uncertainty beside it:
``uncertainties(...)``, ``nmc622().uncertainty(...)``, ``lithium_uncertainty(...)``, ``Picture.uncertainty``.

What each of them assumes is in docs/instruments.md.
"""

from .acquisition import Acquisition, at_times
from .bragg import q_hexagonal, two_theta, wavelength
from .cell_volume import CellVolume, fitted, from_file, nmc622
from .collimator import Collimator, slit_period
from .compton import ComptonMap, lithium_uncertainty, mean_over
from .compton_calibration import SLine, nmc811, s_line
from .compton_profile import (
    CORE_OF_EQUATION,
    CORE_OF_TEXT,
    counting_uncertainty,
    momentum,
    noisy,
    s_parameter,
    scattered_energy,
)
from .cycler import Channel, Cycler
from .finite_crack import FiniteCrack, mixed
from .gauge_averages import average_uncertainty, averages, group_names, pattern_uncertainty, weighted_mean
from .gauge_record import averaged, by_reflection, in_sequence, seen_at, uncertainties
from .gauge_volume import GaugeMap, mean_of_signal
from .microscope import Optics, Picture, Plane, averaged_value, by_phase, by_value, photograph
from .waxs_phase import AMBIGUOUS, UNASSIGNED, Window, Windows, intensities, phases, shares, table

__all__ = [
    "AMBIGUOUS",
    "CORE_OF_EQUATION",
    "CORE_OF_TEXT",
    "UNASSIGNED",
    "Acquisition",
    "CellVolume",
    "Channel",
    "Collimator",
    "ComptonMap",
    "Cycler",
    "FiniteCrack",
    "GaugeMap",
    "Optics",
    "Picture",
    "Plane",
    "SLine",
    "Window",
    "Windows",
    "at_times",
    "average_uncertainty",
    "averaged",
    "averaged_value",
    "averages",
    "by_phase",
    "by_reflection",
    "by_value",
    "counting_uncertainty",
    "fitted",
    "from_file",
    "group_names",
    "in_sequence",
    "intensities",
    "lithium_uncertainty",
    "mean_of_signal",
    "mean_over",
    "mixed",
    "momentum",
    "nmc622",
    "nmc811",
    "noisy",
    "pattern_uncertainty",
    "phases",
    "photograph",
    "q_hexagonal",
    "s_line",
    "s_parameter",
    "scattered_energy",
    "seen_at",
    "shares",
    "slit_period",
    "table",
    "two_theta",
    "uncertainties",
    "wavelength",
    "weighted_mean",
]
