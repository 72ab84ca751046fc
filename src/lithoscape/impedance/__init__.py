"""Impedance: of models at any state, of circuits and transmission lines, of measured files.

Workflow::

    z = spectrum(problem, log_frequencies(1e-2, 1e5), current_density=0.0)  # any model, linearised at its
    state parts = contributions(domain, cell, log_frequencies(1e-2, 1e5))         # with and without each
    process line = fit_line(blocking_spectrum(domain, cell, log_frequencies(1, 1e6), double_layer=0.1))
    found = fit(z, "R0-p(R1-W1,CPE1)"); test = kramers_kronig(read_spectrum("cell.DTA"))
"""

from ..spectra import Spectrum, log_frequencies
from .blocking import PoreTransport, blocking_cell, blocking_spectrum, pore_transport
from .circuit import CIRCUITS, Circuit, CircuitFit, fit, parse_circuit
from .consistency import KramersKronig, kramers_kronig
from .contributions import contributions
from .diffusion import DiffusionOptions, DiffusionSpectrum, diffusion_impedance
from .diffusion_study import DiffusionStudy, diffusion_study
from .files import read_spectrum
from .gitt import Titration, gitt_protocol, titrations
from .line import LineFit, blocking_interface, de_levie, fit_line, ladder, two_rails
from .relaxation import Relaxation, relaxation_times
from .spectrum import spectrum
from .switch import PROCESSES, switched_off

__all__ = [
    "CIRCUITS",
    "PROCESSES",
    "Circuit",
    "CircuitFit",
    "DiffusionOptions",
    "DiffusionSpectrum",
    "DiffusionStudy",
    "KramersKronig",
    "LineFit",
    "PoreTransport",
    "Relaxation",
    "Spectrum",
    "Titration",
    "blocking_cell",
    "blocking_interface",
    "blocking_spectrum",
    "contributions",
    "de_levie",
    "diffusion_impedance",
    "diffusion_study",
    "fit",
    "fit_line",
    "gitt_protocol",
    "kramers_kronig",
    "ladder",
    "log_frequencies",
    "parse_circuit",
    "pore_transport",
    "read_spectrum",
    "relaxation_times",
    "spectrum",
    "switched_off",
    "titrations",
    "two_rails",
]
