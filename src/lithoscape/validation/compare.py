"""A record against a case: one row per target, never a number without its verdict and reason."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Container, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from ..errors import InputError, nearest
from .cases import ABSENT, UNITS, Case, Target
from .observables import OBSERVABLES
from .reading import NotSeen, NotTestable, Reading
from .study import Findings

if TYPE_CHECKING:
    from rich.table import Table

MET, NOT_MET, NOT_TESTABLE = "met", "not met", "not testable"
VERDICTS = (MET, NOT_MET, NOT_TESTABLE)

Measured = float | tuple[float | None, float | None] | str


@dataclass(frozen=True)
class Row:
    """One target and what the record says about it.

    ``measured``, ``simulated`` and ``tolerance`` are in ``unit``. ``simulated`` is None if
    nothing could be computed or the feature does not occur; ``reason`` says which. A feature whose absence
    was measured, and that does not occur, has the text :data:`.cases.ABSENT`.
    """

    id: str
    quantity: str
    measured: Measured
    simulated: float | str | None
    unit: str
    tolerance: float | None
    verdict: str
    reason: str
    source: str
    caveat: str
    conditions: str = ""
    use: str = "validate"
    fitted: bool = False
    """Whether parameters were fitted to this target; else what is simulated is a prediction."""

    @property
    def scored(self) -> bool:
        """Whether the row counts in a summary."""
        return self.use.startswith("validate")

    @property
    def deviation(self) -> float | None:
        """Signed distance of a number from the measured value or range, in ``unit``."""
        if not isinstance(self.simulated, float) or isinstance(self.measured, str):
            return None
        return distance(self.simulated, self.measured)

    def as_dict(self) -> dict[str, Any]:
        """Plain data; a range as a list."""
        return asdict(self)


def compare(record: xr.Dataset, case: Case) -> list[Row]:
    """Every target of ``case`` looked up in ``record``; what cannot be is "not testable"."""
    reading = Reading(record, case.frame)
    return [_row(reading, target) for target in case.targets]


def compare_findings(
    findings: Findings, case: Case, *, fitted: Container[str] = (), complete: bool = True
) -> list[Row]:
    """Every target of ``case`` looked up in what a study found.

    Parameters
    ----------
    findings:
        Records and numbers of the study.
    fitted:
        Ids of the targets that parameters were fitted to.
    complete:
        Whether the study was to make everything. If not (a quick variant), a record or number that
        is not there makes its targets "not testable".

    Raises
    ------
    InputError
        A complete study that lacks a record or number which a target names.
    """
    if complete:
        _require_named(findings, case)
    rows = []
    for target in case.targets:
        record = _record_of(findings, target.record)
        reading = Reading(record, case.frame, findings.values, findings.unseen, findings.missing)
        row = _row(reading, target)
        rows.append(replace(row, fitted=target.id in fitted))
    return rows


def _record_of(findings: Findings, name: str | None) -> xr.Dataset:
    """The named record (None: the first); an empty one if it was not made."""
    if name is None:
        return next(iter(findings.records.values()), xr.Dataset())
    return findings.records.get(name, xr.Dataset())


def _require_named(findings: Findings, case: Case) -> None:
    named = list({**findings.values, **findings.unseen, **findings.missing})
    for target in case.targets:
        asked = target.arguments.get("name") if target.observable == "finding" else None
        for kind, name, known in (
            ("record", target.record, list(findings.records)),
            ("finding", asked, named),
        ):
            if name is not None and name not in known:
                raise InputError(
                    f"the study of {case.name} reports no such {kind}", field=f"targets[{target.id}].{kind}",
                    value=name, remedy=nearest(str(name), known) if known else f"It reports no {kind} at all",
                )  # fmt: skip


def distance(value: float, measured: float | tuple[float | None, float | None]) -> float:
    """Signed distance from a number, or from the nearest end of a range (0 inside)."""
    if not isinstance(measured, tuple):
        return value - measured
    low, high = measured
    if low is not None and value < low:
        return value - low
    return value - high if high is not None and value > high else 0.0


def _row(reading: Reading, target: Target) -> Row:
    simulated: float | str | None = None
    try:
        value = OBSERVABLES[target.observable](reading, **target.arguments)
    except NotTestable as error:
        verdict, reason = NOT_TESTABLE, error.message
    except NotSeen as error:
        absent = target.value == ABSENT
        simulated = ABSENT if absent else None
        verdict, reason = (MET if absent else NOT_MET), error.message
    else:
        simulated = value if isinstance(value, str) else UNITS[target.unit] * value
        verdict, reason = _judge(simulated, target)
    return Row(
        id=target.id,
        quantity=target.quantity,
        measured=target.value if isinstance(target.value, str | tuple) else float(target.value),
        simulated=simulated if simulated is None or isinstance(simulated, str) else float(simulated),
        unit=target.unit,
        tolerance=target.tolerance.value,
        verdict=verdict,
        reason=reason,
        source=target.source,
        caveat=target.caveat or "",
        conditions=target.conditions,
        use=target.use,
    )


def _judge(simulated: float | str, target: Target) -> tuple[str, str]:
    """Verdict and reason for a value that was computed, both in the target's unit."""
    because = target.tolerance.reason
    if target.value == ABSENT:
        return NOT_MET, f"it occurs; {because}"
    if isinstance(simulated, str) or isinstance(target.value, str):
        same = simulated == target.value
        return (MET, because) if same else (NOT_MET, f"another pattern; {because}")
    if not math.isfinite(simulated):
        return NOT_TESTABLE, "the observable is not a finite number"
    allowed, off = float(target.tolerance.value or 0.0), distance(simulated, target.value)
    unit = "" if target.unit == "-" else f" {_pretty(target.unit)}"
    verdict = MET if abs(off) <= allowed else NOT_MET
    if isinstance(target.value, tuple) and off == 0.0:
        return verdict, f"within the range; tolerance: {because}"
    if abs(off) <= 1e-9 * max(allowed, abs(float(simulated))):
        return verdict, f"no difference; tolerance: {because}"
    return verdict, f"off by {off:+.3g}{unit}; tolerance: {because}"


# -- summaries and text ----------------------------------------------------
def summary(rows: Sequence[Row]) -> dict[str, int]:
    """Verdict -> number of scored rows (traps and context do not count)."""
    return {verdict: sum(r.verdict == verdict for r in rows if r.scored) for verdict in VERDICTS}


def measured_text(row: Row) -> str:
    """The measured value with its unit: ``"4.5 % SoL"``, ``"25 to 75 %"``, ``"at least 1 % SoL"``."""
    unit = "" if row.unit in ("-", "pattern") else f" {_pretty(row.unit)}"
    if isinstance(row.measured, str):
        return row.measured
    if not isinstance(row.measured, tuple):
        return f"{row.measured:.4g}{unit}"
    low, high = row.measured
    if low is None or high is None:
        return f"at least {low:.4g}{unit}" if high is None else f"at most {high:.4g}{unit}"
    return f"{low:.4g} to {high:.4g}{unit}"


def simulated_text(row: Row) -> str:
    """The simulated value with its unit, or why there is none in one or two words."""
    if row.simulated is None:
        return "not seen" if row.verdict == NOT_MET else "–"
    if isinstance(row.simulated, str):
        return row.simulated
    unit = "" if row.unit in ("-", "pattern") else f" {_pretty(row.unit)}"
    return f"{row.simulated:.3g}{unit}"


def tolerance_text(row: Row) -> str:
    """The tolerance with its unit; a pattern has none."""
    if row.tolerance is None:
        return "exact" if row.unit == "pattern" else "–"
    unit = "" if row.unit == "-" else f" {_pretty(row.unit)}"
    return f"± {row.tolerance:.3g}{unit}"


def _pretty(unit: str) -> str:
    pretty = {"%/um": "%/µm", "mAh/cm2": "mAh/cm²", "um": "µm", "1/um": "1/µm", "mol/m3": "mol/m³"}
    return {**pretty, "m2/s": "m²/s", "ohm cm2": "Ω cm²"}.get(unit, unit)


# -- documents -------------------------------------------------------------
def to_dict(rows: Sequence[Row], case: Case | None = None) -> dict[str, Any]:
    """The comparison as plain data."""
    content: dict[str, Any] = {"summary": summary(rows), "rows": [row.as_dict() for row in rows]}
    if case is not None:
        content = {"case": case.name, "title": case.title, "citation": asdict(case.citation), **content}
    return content


def write_json(rows: Sequence[Row], path: str | Path, case: Case | None = None) -> Path:
    """Write the comparison as strict JSON."""
    path = Path(path)
    text = json.dumps(to_dict(rows, case), indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def as_table(rows: Sequence[Row], title: str = "") -> Table:
    """The comparison for a terminal."""
    from rich.table import Table
    from rich.text import Text

    table = Table("Quantity", "Measured", "Simulated", "Tolerance", "Verdict", "Reason", title=title or None)
    styles = {MET: "green", NOT_MET: "red", NOT_TESTABLE: "yellow"}
    for row in rows:
        name = f"{row.quantity} ({row.conditions})" if row.conditions else row.quantity
        cells = (name, measured_text(row), simulated_text(row), tolerance_text(row))
        mark = row.verdict if row.scored else f"({row.verdict})"
        table.add_row(*(Text(c) for c in cells), Text(mark, style=styles[row.verdict]), Text(row.reason))
    return table


def as_html(rows: Sequence[Row]) -> str:
    """The comparison as an HTML table (class ``comparison``), everything escaped."""
    head = ("Quantity", "Measured", "Simulated", "Tolerance", "Verdict", "Reason")
    lines = ['<table class="comparison">', "<thead><tr>", *(f"<th>{h}</th>" for h in head), "</tr></thead>"]
    lines.append("<tbody>")
    lines += [_html_row(row, head) for row in rows]
    return "\n".join([*lines, "</tbody></table>"])


def _html_row(row: Row, head: Sequence[str]) -> str:
    e = html.escape
    name = f'<b>{e(row.quantity)}</b><br><span class="note">{e(row.conditions)}</span>'
    reason = e(row.reason)
    if row.caveat:
        reason += f'<br><span class="note">Mind: {e(row.caveat)}</span>'
    reason += f'<br><span class="note">{e(row.source)}</span>'
    kind = row.verdict.replace(" ", "-")
    mark = e(row.verdict) + ("" if row.scored else f'<br><span class="note">{e(row.use)}, not counted</span>')
    cells = (name, e(measured_text(row)), e(simulated_text(row)), e(tolerance_text(row)))
    words = ' class="text"' if row.unit == "pattern" else ""
    body = "".join(f'<td data-label="{h}"{words}>{c}</td>' for h, c in zip(head, cells, strict=False))
    body += f'<td data-label="Verdict"><span class="verdict {kind}">{mark}</span></td>'
    return f'<tr>{body}<td data-label="Reason">{reason}</td></tr>'
