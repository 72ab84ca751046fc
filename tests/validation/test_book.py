"""Pages of the book: what stands where, what is refused, and that nothing depends on the day."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from lithoscape.errors import InputError
from lithoscape.validation import Findings, Fitted, Picture, Result, Table, parse_case, write_book
from lithoscape.validation.book import LARGEST, PNG, page
from lithoscape.validation.compare import compare_findings
from lithoscape.validation.markdown import cell, paragraph, table
from lithoscape.validation.sources import FILE

CONTENT = {
    "case": "tiny", "title": "A | B", "frame": {}, "notes": "One.\n\nTwo\nlines.",
    "citation": {"authors": "A", "title": "T", "journal": "J", "year": 1, "doi": "10/x"},
    "targets": [
        {"id": name, "quantity": f"Q {name}", "observable": "finding", "arguments": {"name": name},
         "value": 1.0, "unit": "%", "tolerance": {"value": 0.5, "reason": "why"}, "source": "p. 1",
         "status": "measured", "use": use, "caveat": "take care."}
        for name, use in (("a", "validate"), ("b", "validate"), ("c", "trap"))
    ],
    "not_scored": {"z": "a picture", "y": "a word"},
}  # fmt: skip
CASE = parse_case(CONTENT)


def result(found: Findings, fitted: Fitted | None = None) -> Result:
    ids = fitted.fitted_on if fitted is not None else ()
    return Result(CASE, found, compare_findings(found, CASE, fitted=ids), quick=False, fitted=fitted)


@pytest.fixture
def found(tmp_path) -> Findings:
    picture = tmp_path / "p.png"
    picture.write_bytes(PNG + b"...")
    return Findings(
        {"a": 0.012, "b": float("nan"), "c": 0.5},
        tables=[
            Table("How long", ("what", "s"), [("all", 12.3456)], timing=True),
            Table("How much", ("what", "n"), [("x|y", 0.123456), ("none", None)], "A note."),
        ],
        pictures=[Picture(picture, "A *picture* [of it].")],
        remarks=["First remark."],
    )  # fmt: skip


def test_a_page_says_everything_once_and_times_last(found) -> None:
    text = page(result(found), ["tiny/p.png"])
    for once in ("First remark.", "A note.", "![A picture (of it).](tiny/p.png)", "| x\\|y | 0.1235 |"):
        assert text.count(once) == 1, once
    assert "| Q a `a` | 1 % | 1.2 % | ± 0.5 % | **met** | Off by +0.2 %; tolerance: why." in text
    assert "Mind: take care. *p. 1* |" in text
    assert "| – | ± 0.5 % | not testable | The study could not determine 'b'." in text
    assert text.index("Q b") < text.index("### Shown beside them, not counted") < text.index("Q c")
    heads = [line for line in text.splitlines() if line.startswith("## ")]
    assert heads[-2:] == [
        "## Times of computation (they change from run to run and from machine to machine)",
        "## How long",
    ]
    assert "| y | a word |\n| z | a picture |" in text
    assert "One.\n\nTwo lines." in text
    assert "| from stated and assumed parameters | 1 | 0 | 1 | 2 |" in text


def test_fitted_and_predicted_are_counted_apart(found) -> None:
    text = page(result(found, Fitted({}, ("a",), "How it was made.")), ["tiny/p.png"])
    assert "| predicted | 0 | 0 | 1 | 1 |\n| fitted | 1 | 0 | 0 | 1 |" in text
    assert "How it was made." in text


def test_the_front_page_keeps_cases_that_were_not_run(found, tmp_path: Path) -> None:
    book = tmp_path / "book"
    write_book(book, [result(found)], tmp_path)
    other = replace(CASE, name="other", title="Other")
    write_book(book, [replace(result(found), case=other)], tmp_path)
    text = (book / "README.md").read_text(encoding="utf-8")
    assert "| [A \\| B](tiny.md) | full | 1 | 0 | 1 |" in text
    assert "| [Other](other.md) | full | 1 | 0 | 1 |" in text
    assert "| all |  | 2 | 0 | 2 |" in text


def test_contradictions_stand_on_their_page_and_in_front(found, tmp_path: Path) -> None:
    rows = [
        {"id": "i", "severity": "high", "finding": "one is two", "treatment": "neither"},
        {"id": "fine", "severity": "ok", "finding": "it fits", "treatment": "none"},
    ]
    sources = [
        {"doi": "10/x", "short": "A 1", "seed": "0", "rows": rows},
        {"doi": "10/y", "short": "B 2", "seed": "1", "rows": [{**rows[0], "id": "j"}]},
    ]
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_text(yaml.safe_dump(sources), encoding="utf-8")
    front = write_book(tmp_path / "book", [result(found)], tmp_path).read_text(encoding="utf-8")
    own = (tmp_path / "book" / "tiny.md").read_text(encoding="utf-8")
    line = "| high | one is two | neither | `{}` |"
    assert line.format("i") in own and line.format("j") not in own
    assert line.format("i") in front and line.format("j") in front
    assert "it fits" not in front + own


def test_pictures_are_checked_and_old_ones_go(found, tmp_path: Path) -> None:
    book = tmp_path / "book"
    write_book(book, [result(found)], tmp_path)
    assert (book / "tiny" / "p.png").is_file()
    file = found.pictures[0].file
    file.write_bytes(PNG + bytes(LARGEST))
    with pytest.raises(InputError, match="up to 1 MB"):
        write_book(book, [result(found)], tmp_path)
    file.write_bytes(b"GIF")
    with pytest.raises(InputError, match="is a PNG file"):
        write_book(book, [result(found)], tmp_path)
    file.unlink()
    with pytest.raises(InputError, match="a picture that is not there"):
        write_book(book, [result(found)], tmp_path)
    found.pictures.clear()
    write_book(book, [result(found)], tmp_path)
    assert not (book / "tiny").exists()


def test_cells_cannot_break_a_table() -> None:
    assert [cell(v) for v in (None, True, 3, 0.123456, -0.0, float("nan"), "a\n|b")] == [
        "–", "yes", "3", "0.1235", "0", "–", "a \\|b",
    ]  # fmt: skip
    assert table(("a",), [(1,)]) == "| a |\n| --- |\n| 1 |"
    assert paragraph("a\n b\n\nc\n") == "a b\n\nc"
