"""Frequencies of an impedance step: "EIS from 10 mHz to 100 kHz with 10 points per decade"."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from ..errors import InputError

_FREQUENCY = re.compile(r"(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(?P<unit>\S*)")
_PREFIXES = {"u": 1e-6, "µ": 1e-6, "μ": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "K": 1e3, "M": 1e6}
"""Here m and M differ, as everywhere else in the laboratory."""
_LINE = re.compile(
    r"EIS\s+from\s+(?P<first>.+?)\s+to\s+(?P<last>.+?)(?:\s+with\s+(?P<count>\S+)\s+points?\s+per\s+decade)?",
    re.IGNORECASE,
)
_EXAMPLE = 'Write "EIS from 10 mHz to 100 kHz", and if need be "with 10 points per decade"'
PER_DECADE = 10.0


@dataclass(frozen=True)
class FrequencyRange:
    """Frequencies on a logarithmic scale, both ends included.

    Parameters
    ----------
    lowest, highest:
        [Hz].
    per_decade:
        Points in every decade, at least.
    """

    lowest: float
    highest: float
    per_decade: float = PER_DECADE

    def __post_init__(self) -> None:
        if not (0 < self.lowest < self.highest < math.inf):
            raise InputError(
                "a range of frequencies has two ends above zero", value=(self.lowest, self.highest),
                remedy=_EXAMPLE,
            )  # fmt: skip
        if not (1 <= self.per_decade <= 1000):
            raise InputError("1 to 1000 points per decade", value=self.per_decade, remedy="Ten are usual")

    def describe(self) -> str:
        """Canonical text that the parser reads back."""
        ends = f"from {float(self.lowest)!r} Hz to {float(self.highest)!r} Hz"
        return f"EIS {ends} with {float(self.per_decade)!r} points per decade"


def parse_range(line: str) -> FrequencyRange:
    """Read the line of an impedance step; the ends may come in either order.

    Raises
    ------
    InputError
        Another form, a unit that is no frequency, equal ends.
    """
    match = _LINE.fullmatch(line)
    if match is None:
        raise InputError("cannot read this impedance step", value=line, remedy=_EXAMPLE)
    ends = sorted(parse_frequency(match[name]) for name in ("first", "last"))
    if match["count"] is None:
        return FrequencyRange(*ends)
    try:
        count = float(match["count"])
    except ValueError:
        raise InputError("not a number of points", value=match["count"], remedy=_EXAMPLE) from None
    return FrequencyRange(ends[0], ends[1], count)


def parse_frequency(text: str) -> float:
    """A frequency with its unit, such as ``"10 mHz"`` or ``"1e5 Hz"`` [Hz]."""
    match = _FREQUENCY.fullmatch(text.strip())
    unit = "" if match is None else match["unit"]
    if match is None or unit[-2:].lower() != "hz" or unit[:-2] not in _PREFIXES:
        raise InputError(
            "cannot read this frequency", value=text, remedy="Valid: uHz, mHz, Hz, kHz, MHz after a number"
        )
    return float(match["number"]) * _PREFIXES[unit[:-2]]
