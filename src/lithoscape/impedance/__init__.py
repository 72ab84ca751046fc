"""Impedance: of models at any state, of circuits and transmission lines, of measured files.

Workflow::

    z = spectrum(problem, log_frequencies(1e-2, 1e5))       # any model, linearised at the state it holds
    parts = contributions(domain, cell, log_frequencies(1e-2, 1e5))     # what each process adds
    found = fit(z, "R0-p(R1,C1)-Wo1")                       # circuits, with confidence intervals
    check = kramers_kronig(read_spectrum(Path("cell.DTA")))
"""

from .spectrum import spectrum

__all__ = ["spectrum"]
