"""How a run ended: a status with a remedy, never a silent number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """``status`` is "finished", "failed" or "interrupted"; a failure says what to try."""

    status: str
    message: str = ""
    remedy: str = ""

    @property
    def ok(self) -> bool:
        """Whether everything asked for was computed."""
        return self.status == "finished"
