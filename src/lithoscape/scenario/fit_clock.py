"""How long a fit took, over all the runs that it was continued in."""

from __future__ import annotations

import json
import time
from pathlib import Path


class Clock:
    """Seconds of every run of a fit, kept in a file of its folder.

    The file is renewed while the fit goes on, so that a run that was killed counts up to its last simulation.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.earlier: list[float] = []
        if file.is_file():
            self.earlier = json.loads(file.read_text(encoding="utf-8"))["runs_s"]
        self.begun = time.monotonic()
        self.written = -1.0

    @property
    def runs(self) -> list[float]:
        """Seconds of each run, the one that goes on last."""
        return [*self.earlier, time.monotonic() - self.begun]

    def keep(self, at_least_every: float = 0.0) -> None:
        """Write the file, unless that was done less than so many seconds ago."""
        now = time.monotonic()
        if self.written >= 0 and now - self.written < at_least_every:
            return
        own = self.file.with_name(f"{self.file.name}.part")
        own.write_text(json.dumps({"runs_s": self.runs}) + "\n", encoding="utf-8")
        own.replace(self.file)
        self.written = now
