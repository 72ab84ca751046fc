"""The validation book: one page per case, and a front page with counts and contradictions.

``write_book(folder, results, cases)`` renders what :mod:`..scenario.validate` computed. Text depends on the
results only (no dates, no machine); tables of computing times stand under a heading that says so. Cases
that were not run this time keep their pages; the front page is made from ``summary.json``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from .cases import Case
from .compare import MET, NOT_MET, VERDICTS, Row, measured_text, simulated_text, summary, tolerance_text
from .fitted import Fitted
from .markdown import paragraph, table
from .sources import Source, read_sources
from .study import Findings, Picture, Table

SUMMARY = "summary.json"
FRONT = "README.md"
LARGEST = 2**20
"""Largest picture [bytes]."""
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Result:
    """A case that was run: what its study found and how every target came out."""

    case: Case
    findings: Findings
    rows: Sequence[Row]
    quick: bool
    fitted: Fitted | None = None

    @property
    def variant(self) -> str:
        """``"quick"`` or ``"full"``."""
        return "quick" if self.quick else "full"


def write_book(folder: Path, results: Sequence[Result], cases: Path) -> Path:
    """Render the pages of ``results`` and the front page into ``folder``.

    Parameters
    ----------
    folder:
        The book; made if it is not there.
    results:
        From :func:`lithoscape.scenario.validate.validate_cases`.
    cases:
        Folder of the case files, for the contradictions beside them.

    Raises
    ------
    InputError
        A picture that is not there, is no PNG file, or is larger than 1 MB.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sources = read_sources(cases)
    for result in results:
        names = _copied(result, folder)
        text = page(result, names, [s for s in sources if s.doi == result.case.citation.doi])
        (folder / f"{result.case.name}.md").write_text(text, encoding="utf-8")
    told = _updated(folder / SUMMARY, results)
    front = folder / FRONT
    front.write_text(front_page(told, sources), encoding="utf-8")
    return front


def _copied(result: Result, folder: Path) -> list[str]:
    """Pictures of a case in the book's folder, as links relative to it; those of earlier times go."""
    place = folder / result.case.name
    shutil.rmtree(place, ignore_errors=True)
    links = []
    for picture in result.findings.pictures:
        _check_picture(picture, result.case.name)
        place.mkdir(exist_ok=True)
        shutil.copyfile(picture.file, place / picture.file.name)
        links.append(f"{place.name}/{picture.file.name}")
    return links


def _check_picture(picture: Picture, case: str) -> None:
    if not picture.file.is_file():
        raise InputError("the study names a picture that is not there", field=case, value=str(picture.file))
    content = picture.file.read_bytes()
    if not content.startswith(PNG) or len(content) > LARGEST:
        raise InputError(
            "a picture of the book is a PNG file of up to 1 MB", field=case, value=picture.file.name,
            remedy="Save it as PNG, with fewer dots per inch",
        )  # fmt: skip


def _updated(file: Path, results: Sequence[Result]) -> dict[str, Any]:
    """The summary of all cases with those of ``results`` renewed, written back."""
    told = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    for r in results:
        told[r.case.name] = {
            "title": r.case.title,
            "doi": r.case.citation.doi,
            "variant": r.variant,
            "verdicts": summary(r.rows),
            "predicted": summary([row for row in r.rows if not row.fitted]),
            "not_scored": len(r.case.not_scored),
        }
    told = dict(sorted(told.items()))
    file.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return told


# -- pages -----------------------------------------------------------------
def page(result: Result, pictures: Sequence[str], sources: Sequence[Source] = ()) -> str:
    """The page of one case; ``pictures`` are the links of the study's pictures."""
    case, found = result.case, result.findings
    parts = [f"# {case.title}", _heading(result)]
    if case.notes:
        parts.append(paragraph(case.notes))
    parts += ["## What the comparison says", *map(paragraph, found.remarks)] if found.remarks else []
    parts += ["## Targets", _counts(result), _targets([r for r in result.rows if r.scored], result.fitted)]
    shown = [r for r in result.rows if not r.scored]
    if shown:
        parts += ["### Shown beside them, not counted", _targets(shown, result.fitted)]
    for link, picture in zip(pictures, found.pictures, strict=True):
        parts.append(f"![{_plain(picture.caption)}]({link})\n\n*{' '.join(picture.caption.split())}*")
    parts += [part for t in found.tables if not t.timing for part in _table(t)]
    if case.not_scored:
        rows = sorted(case.not_scored.items())
        parts += ["## Facts of the source that no target reads", table(("fact", "why"), rows)]
    for source in sources:
        parts += _contradictions(source, "## Contradictions in the source")
    timed = [t for t in found.tables if t.timing]
    if timed:
        parts.append("## Times of computation (they change from run to run and from machine to machine)")
        parts += [part for t in timed for part in _table(t)]
    return "\n\n".join(parts) + "\n"


def _heading(result: Result) -> str:
    c, name = result.case.citation, result.case.name
    link = f", [{c.doi}](https://doi.org/{c.doi})" if c.doi else ""
    lines = [
        f"{c.authors}: {c.title}. {c.journal} {c.year}{link}.",
        f"Made by `lithoscape validate {name} --{result.variant} --book docs/validation` from "
        f"`validation/{name}.yaml`.",
    ]
    if result.fitted is not None:
        used = ", ".join(f"`{i}`" for i in result.fitted.fitted_on) or "no target of this page"
        lines.append(f"Parameters come from a fit (`validation/fitted/{name}.yaml`) to {used}.")
        if result.fitted.note:
            lines.append(paragraph(result.fitted.note))
    return "\n\n".join(lines)


def _counts(result: Result) -> str:
    columns = ("", *VERDICTS, "all")
    if result.fitted is None:
        sets = {"from stated and assumed parameters": list(result.rows)}
    else:
        sets = {"predicted": [r for r in result.rows if not r.fitted]}
        sets["fitted"] = [r for r in result.rows if r.fitted]
    lines = [(name, *summary(rows).values(), sum(summary(rows).values())) for name, rows in sets.items()]
    return table(columns, lines)


def _targets(rows: Sequence[Row], fitted: Fitted | None) -> str:
    columns = ["target", "measured", "simulated", "tolerance", "verdict", "reason"]
    lines = []
    for row in rows:
        name = row.quantity + (f" ({row.conditions})" if row.conditions else "")
        reason = row.reason[:1].upper() + row.reason[1:]
        if row.caveat:
            reason += f". Mind: {row.caveat.removesuffix('.')}"
        reason += f". *{row.source}*"
        verdict = {MET: "**met**", NOT_MET: "not met"}.get(row.verdict, row.verdict)
        line = [f"{name} `{row.id}`", measured_text(row), simulated_text(row), tolerance_text(row), verdict]
        if fitted is not None:
            line.append("fitted" if row.fitted else "predicted")
        lines.append([*line, reason])
    if fitted is not None:
        columns.insert(5, "kind")
    return table(columns, lines)


def _table(t: Table) -> list[str]:
    note = [paragraph(t.note)] if t.note else []
    return [f"## {t.title}", table(t.columns, t.rows), *note]


def _contradictions(source: Source, heading: str) -> list[str]:
    columns = ("weight", "what does not fit", "what is done about it", "id")
    rows = [(r.severity, r.finding, r.treatment, f"`{r.id}`") for r in source.rows if r.severity != "ok"]
    return [heading, table(columns, rows)] if rows else []


def _plain(text: str) -> str:
    return " ".join(text.replace("[", "(").replace("]", ")").replace("*", "").split())


# -- front page ------------------------------------------------------------
INTRODUCTION = """
Every case compares simulations with published measurements. Its targets are data (`validation/CASE.yaml`:
value, unit, tolerance with reason, place in the source); what is simulated comes from the study beside it
(`validation/CASE.py`) or from a scenario. A target is *met* if the simulated value lies within the
tolerance, *not met* if it does not or if a measured feature does not occur ("not seen"; where the source
reports that something does *not* occur, that is what has to be found), *not testable* if the simulation does
not have what the target asks for. Nothing is tuned per target; where parameters were fitted, the targets
used are marked and all others are predictions.

`lithoscape validate --list` names the cases. `lithoscape validate [CASE ...] --full --book docs/validation`
makes these pages; runs are kept in `runs/validation`, so an interrupted validation goes on where it
stopped. `lithoscape validate --quick --drift validation/drift.json` renews the numbers of the quick
variants that a test pins.
"""

WARNING = """
Found by arithmetic on the published numbers, before anything was simulated. A target that stands on such a
number cannot decide for or against a model by itself.
"""


def front_page(told: dict[str, Any], sources: Sequence[Source] = ()) -> str:
    """The front page from the summary of all cases."""
    rows = [
        (f"[{entry['title']}]({name}.md)", entry["variant"], *(entry["verdicts"][v] for v in VERDICTS))
        for name, entry in told.items()
    ]
    sums = [sum(entry["verdicts"][v] for entry in told.values()) for v in VERDICTS]
    parts = ["# Validation book", paragraph(INTRODUCTION), "## Cases"]
    parts.append(table(("case", "variant", *VERDICTS), [*rows, ("all", "", *sums)]))
    if sources:
        parts.append("## Where the sources contradict themselves")
        parts.append(paragraph(WARNING))
    for source in sources:
        heading = f"### {source.short}, [{source.doi}](https://doi.org/{source.doi})"
        parts += _contradictions(source, heading)
    return "\n\n".join(parts) + "\n"
