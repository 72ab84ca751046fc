"""Pieces of a self-contained HTML page: escaped text, tables, inline pictures, one style sheet."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = """
:root { --ink: #1d2430; --soft: #5c6675; --line: #d9dee5; --back: #ffffff; --good: #1a7f4b; --bad: #b3261e;
  --open: #8a6100; }
* { box-sizing: border-box; }
body { margin: 0; background: #f3f5f8; color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", Roboto,
  "DejaVu Sans", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 1.2rem 1.4rem 3rem; background: var(--back); }
h1 { font-size: 1.65rem; line-height: 1.2; margin: .3rem 0 .2rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; padding-top: .5rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
p { margin: .4rem 0 .8rem; max-width: 75ch; }
.note { color: var(--soft); font-size: .86em; }
.badge { display: inline-block; border-radius: 999px; padding: .1rem .7rem; font-weight: 600;
  font-size: .85rem; color: #fff; background: var(--soft); vertical-align: middle; }
.badge.finished { background: var(--good); } .badge.failed { background: var(--bad); }
.badge.interrupted { background: var(--open); }
.box { border-left: 4px solid var(--open); background: #fff8e6; padding: .5rem .9rem; margin: .7rem 0; }
.box.failed { border-color: var(--bad); background: #fdecea; }
.box p, .box ul { margin: .2rem 0; }
.tally { display: flex; flex-wrap: wrap; gap: .6rem; margin: .8rem 0; padding: 0; list-style: none; }
.tally li { border: 1px solid var(--line); border-radius: 8px; padding: .4rem .9rem; }
.tally b { font-size: 1.25rem; margin-right: .35rem; }
nav { font-size: .9rem; color: var(--soft); } 
nav a { margin-right: .9rem; color: #1f5fa8; white-space: nowrap; }
figure { margin: 1rem 0 1.4rem; overflow-x: auto; }
figure img { display: block; width: 100%; height: auto; }
figure.wide img { min-width: 720px; } figure.narrow img { max-width: 680px; }
figure.natural img { width: auto; max-width: 100%; }
figcaption { color: var(--soft); font-size: .88rem; margin-top: .3rem; max-width: 80ch; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; margin: .5rem 0 1rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid var(--line);
  overflow-wrap: break-word; }
th { background: #f3f5f8; white-space: nowrap; }
td.number, th.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
tr.assumed td { background: #fff8e6; }
.comparison td:first-child { width: 22%; } .comparison td:last-child { width: 38%; }
.facts { width: auto; } .facts td:first-child { color: var(--soft); white-space: nowrap; }
.comparison td:nth-child(2), .comparison td:nth-child(3), .comparison td:nth-child(4) { white-space: nowrap; }
.comparison td.text { white-space: normal; }
.verdict { font-weight: 600; white-space: nowrap; } .verdict .note { font-weight: 400; white-space: normal; }
.verdict.met { color: var(--good); } .verdict.not-met { color: var(--bad); }
.verdict.not-testable { color: var(--open); }
pre { background: #f3f5f8; padding: .7rem .9rem; overflow-x: auto; font-size: .8rem; line-height: 1.4; }
details summary { cursor: pointer; color: #1f5fa8; }
footer { color: var(--soft); font-size: .82rem; margin-top: 2.5rem; border-top: 1px solid var(--line);
  padding-top: .6rem; }
@media (max-width: 700px) {
  main { padding: .8rem .9rem 2rem; } h1 { font-size: 1.35rem; }
  table.comparison thead { display: none; }
  table.comparison, .comparison tbody, .comparison tr, .comparison td { display: block; width: 100%; }
  .comparison td:first-child, .comparison td:last-child { width: 100%; }
  .comparison tr { border: 1px solid var(--line); border-radius: 8px; margin: .6rem 0; padding: .3rem .2rem; }
  .comparison td { border: 0; padding: .15rem .6rem; white-space: normal !important; }
  .comparison td:not(:first-child)::before { content: attr(data-label) ": "; color: var(--soft); }
}
@media print {
  body { background: #fff; font-size: 11px; } main { max-width: none; padding: 0; } nav { display: none; }
  figure, tr, .box { break-inside: avoid; } h2 { break-after: avoid; } figure.wide img { min-width: 0; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""


def document(title: str, body: Iterable[str]) -> str:
    """A whole page; ``title`` is escaped, ``body`` is HTML."""
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style></head>",
            "<body><main>",
            *body,
            "</main></body></html>",
            "",
        ]
    )


def section(anchor: str, title: str, parts: Iterable[str]) -> str:
    """A headed section; ``parts`` is HTML. Nothing if there are no parts."""
    content = [part for part in parts if part]
    if not content:
        return ""
    return "\n".join(
        [f'<section id="{escape(anchor)}">', f"<h2>{escape(title)}</h2>", *content, "</section>"]
    )


def picture(figure: Figure, caption: str, *, vector: bool = False, shape: str = "wide") -> str:
    """A figure drawn into the page (PNG, or SVG if ``vector``); the caption is also its description."""
    import matplotlib

    stream = io.BytesIO()
    kind, mime = ("svg", "image/svg+xml") if vector else ("png", "image/png")
    metadata = {"Date": None} if vector else {"Software": None}
    with matplotlib.rc_context({"svg.hashsalt": "lithoscape", "svg.fonttype": "path"}):
        figure.savefig(stream, format=kind, metadata=metadata, facecolor="white")
    return embedded(stream.getvalue(), mime, caption, shape=shape)


def embedded(data: bytes, mime: str, caption: str, *, shape: str = "natural") -> str:
    """An image inside the page, as large as it is if ``natural``; the caption is also its description."""
    encoded = base64.b64encode(data).decode("ascii")
    text = escape(caption)
    return (
        f'<figure class="{escape(shape)}"><img alt="{text}" src="data:{escape(mime)};base64,{encoded}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], marked: Iterable[bool] = ()) -> str:
    """A table of plain text; columns of numbers are set right, rows ``marked`` as assumed are tinted."""
    content, marks = [list(row) for row in rows], list(marked)
    if not content:
        return ""
    number = [all(_is_number(row[k]) for row in content) for k in range(len(head))]
    kinds = [' class="number"' if one else "" for one in number]
    header = "".join(f"<th{kind}>{escape(name)}</th>" for kind, name in zip(kinds, head, strict=True))
    lines = []
    for k, row in enumerate(content):
        tint = ' class="assumed"' if k < len(marks) and marks[k] else ""
        cells = (f"<td{kind}>{escape(value_text(v))}</td>" for kind, v in zip(kinds, row, strict=True))
        lines.append(f"<tr{tint}>{''.join(cells)}</tr>")
    body = "\n".join(lines)
    return (
        f'<div class="scroll"><table><thead><tr>{header}</tr></thead><tbody>\n{body}\n</tbody></table></div>'
    )


def pairs(content: Mapping[str, Any]) -> str:
    """A table of names and values; nothing if there are none."""
    lines = "\n".join(
        f"<tr><td>{escape(name)}</td><td>{escape(value_text(value))}</td></tr>"
        for name, value in content.items()
    )
    return (
        f'<div class="scroll"><table class="facts"><tbody>\n{lines}\n</tbody></table></div>' if lines else ""
    )


def paragraph(text: str, kind: str = "") -> str:
    """An escaped paragraph."""
    return f'<p class="{escape(kind)}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def box(items: Sequence[str], kind: str = "") -> str:
    """A tinted box with one or several escaped sentences."""
    if not items:
        return ""
    if len(items) == 1:
        return f'<div class="box {escape(kind)}"><p>{escape(items[0])}</p></div>'
    return f'<div class="box {escape(kind)}"><ul>{"".join(f"<li>{escape(i)}</li>" for i in items)}</ul></div>'


def value_text(value: Any) -> str:
    """A value for reading: few digits, lists with commas, nothing for None."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{k}: {value_text(v)}" for k, v in value.items()) or "–"
    if isinstance(value, list | tuple):
        return ", ".join(value_text(v) for v in value) or "–"
    return str(value)


def _is_number(value: Any) -> bool:
    try:
        float(str(value))
    except ValueError:
        return value is None
    return True
