"""Small callables from which laws are assembled.

They are frozen dataclasses, not closures, so that a material set can be
compared, pickled and sent to another process. Each passes the maths namespace
``m`` on, so the assembled law serves numbers and forms alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..constants import GAS_CONSTANT, REFERENCE_TEMPERATURE
from .maths import NUMPY, Maths
from .schema import Law


def arrhenius(energy: float, T: Any, m: Maths = NUMPY, reference: float = REFERENCE_TEMPERATURE) -> Any:
    """Arrhenius factor exp(E/R (1/T_ref - 1/T)), 1 at the reference temperature.

    ``energy`` in J/mol (positive: faster when hotter), ``T`` in K.
    Source: textbook definition, doi-less.
    """
    return m.exp(energy / GAS_CONSTANT * (1.0 / reference - 1.0 / T))


@dataclass(frozen=True)
class Clamped:
    """A law whose first argument is held inside [``low``, ``high``] (continuous, C0).

    Outside the interval the law keeps its end value and its derivative is zero.
    """

    law: Law
    low: float
    high: float

    def __call__(self, c: Any, T: Any, m: Maths = NUMPY) -> Any:
        """Value at the clamped ``c`` and ``T`` [K]."""
        return self.law(m.clip(c, self.low, self.high), T, m)


@dataclass(frozen=True)
class Activated:
    """A law of one argument times an Arrhenius factor: f(x, T) = f(x) exp(E/R (1/T_ref - 1/T))."""

    law: Law | float
    energy: float = 0.0
    reference: float = REFERENCE_TEMPERATURE

    def __call__(self, x: Any, T: Any, m: Maths = NUMPY) -> Any:
        """Value at ``x``."""
        value = self.law(x, m) if callable(self.law) else self.law + 0.0 * x
        return value * arrhenius(self.energy, T, m, self.reference) if self.energy else value


def evaluate(law: Law | float, *arguments: Any, m: Maths = NUMPY) -> Any:
    """Value of ``law`` at ``arguments``; a plain number stands for a constant law."""
    return law(*arguments, m) if callable(law) else law
