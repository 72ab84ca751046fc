"""Exceptions that say what is wrong, where, and what to do about it.

Every error a user can cause names the *field*, the *value* found there and the
*remedy*; the command line prints exactly that and exits with ``exit_code``.
"""

from __future__ import annotations

from typing import Any


class LithoscapeError(Exception):
    """Base of all errors raised on purpose.

    Parameters
    ----------
    message:
        What is wrong, one sentence.
    field:
        Name of the input at fault, dotted (``"geometry.crack.width_um"``).
    value:
        The offending value.
    remedy:
        What to do, one sentence.
    """

    exit_code = 1

    def __init__(
        self, message: str, *, field: str | None = None, value: Any = None, remedy: str | None = None
    ) -> None:
        self.message = message
        self.field = field
        self.value = value
        self.remedy = remedy
        super().__init__(self.describe())

    def describe(self) -> str:
        """The error as one line: field, message, value, remedy."""
        parts = [f"{self.field}: {self.message}" if self.field else self.message]
        if self.value is not None:
            parts.append(f"(got {self.value!r})")
        text = " ".join(parts)
        return f"{text}. {self.remedy}" if self.remedy else text


class InputError(LithoscapeError):
    """Bad input: a file, a key, a unit, a number. Exit code 2."""

    exit_code = 2


class MeshError(LithoscapeError):
    """A mesh on which nothing should be computed; the message lists every fault. Exit code 1."""


class SolveError(LithoscapeError):
    """A computation could not be finished. What was computed is kept. Exit code 1."""


class StaircaseWarning(UserWarning):
    """Surfaces follow the faces of voxels: their area is too large by a known factor."""


def nearest(name: str, valid: list[str] | tuple[str, ...]) -> str:
    """Remedy text that offers the valid name nearest to ``name``."""
    import difflib

    hits = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    listed = ", ".join(sorted(valid))
    return f"Did you mean {hits[0]!r}? Valid: {listed}" if hits else f"Valid: {listed}"
