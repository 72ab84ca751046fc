"""The log of a run folder: what was run, every protocol step, how it ended."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import xarray as xr


class RunLog:
    """Appends lines with a time stamp to ``log.txt`` in a run folder; silent off rank 0."""

    def __init__(self, folder: Path, active: bool = True) -> None:
        self.file = folder / "log.txt" if active else None
        self._step = ""

    def line(self, text: str) -> None:
        """Append one line."""
        if self.file is None:
            return
        stamp = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        with self.file.open("a", encoding="utf-8") as handle:
            handle.write(f"{stamp}  {text}\n")

    def progress(self, fraction: float, text: str) -> None:
        """Note a protocol step when it begins; called at every accepted time step."""
        step = text.rsplit(" · ", 2)[0]
        if step != self._step:
            self._step = step
            self.line(f"{fraction:4.0%}  {text}")

    def end(self, record: xr.Dataset, outcome: Any, statistics: dict[str, Any]) -> None:
        """Note how the run ended, its statistics, warnings and lithium balance."""
        for warning in statistics.get("warnings", []):
            self.line(f"warning: {warning}")
        if "Lithium balance error" in record:
            error = float(abs(record["Lithium balance error"]).max())
            self.line(f"largest relative lithium balance error {error:.2e}")
        numbers = {k: v for k, v in statistics.items() if k != "warnings"}
        self.line(f"statistics {json.dumps(numbers)}")
        self.line(" ".join(part for part in (outcome.status, outcome.message, outcome.remedy) if part))
