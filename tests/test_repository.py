"""The state of the repository itself: sizes, private names, long functions, versions, pins."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
MEGABYTE = 2**20
LARGEST_FILE = 5 * MEGABYTE
LONGEST_BODY = 60
"""Lines of a function body, docstring apart; aim at 40."""

# Put together from pieces, so that this file does not contain them itself.
HOSTS = re.compile(
    "|".join(
        [
            "py" + r"pi\.org",
            "python" + r"hosted\.org",
            "art" + "ifactory",
            "jf" + r"rog\.",
            "index" + r"[-_]url\b",
            r"https?://[^\s\"'<>)]+/sim" + r"ple\b",
        ]
    ),
    re.IGNORECASE,
)
PATHS = re.compile(r"(?<![\w.~$}])/(?:wo" + "rk|ro" + "ot|ho" + "me|Us" + r"ers)/[\w.]")


def tracked() -> list[Path]:
    """Files under version control that exist."""
    try:
        command = ["git", "-C", str(ROOT), "ls-files", "-z"]
        listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"not a git clone: {error}")
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def text_of(path: Path) -> str:
    """Text of a file; nothing for a binary one."""
    data = path.read_bytes()
    return "" if b"\0" in data[:8000] else data.decode("utf-8", errors="replace")


def found_in(pattern: re.Pattern[str], text: str) -> list[int]:
    """Numbers of the lines that match."""
    return [number for number, line in enumerate(text.splitlines(), 1) if pattern.search(line)]


def configuration() -> dict:
    """The content of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_no_large_file_is_tracked() -> None:
    large = {path.name: path.stat().st_size for path in tracked() if path.stat().st_size > LARGEST_FILE}
    assert not large


def test_no_lock_file_is_tracked() -> None:
    assert not [path.name for path in tracked() if path.name == "uv.lock"]


@pytest.mark.parametrize("pattern", [HOSTS, PATHS], ids=["hosts", "paths"])
def test_nothing_private_is_tracked(pattern: re.Pattern[str]) -> None:
    hits = [f"{path.relative_to(ROOT)}:{n}" for path in tracked() for n in found_in(pattern, text_of(path))]
    assert not hits, "\n".join(hits)


@pytest.mark.parametrize(
    ("pattern", "text", "count"),
    [
        (HOSTS, "https://files.python" + "hosted.org/x", 1),
        (HOSTS, "--index" + "-url x\nINDEX" + "_URL=x", 2),
        (HOSTS, 'url = "http://10.0.0.1:8080/sim' + 'ple"', 1),
        (HOSTS, "https://doi.org/10.1149/x a simple text", 0),
        (PATHS, "open('/ro" + "ot/x')\nsee /ho" + "me/someone\ncd /wo" + "rk/main", 3),
        (PATHS, "https://example.org/wo" + "rk/x, ~/ho" + "me, and/or", 0),
    ],
)
def test_the_patterns_find_what_they_should(pattern: re.Pattern[str], text: str, count: int) -> None:
    assert len(found_in(pattern, text)) == count


def body_length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body, from the first statement after the docstring."""
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def bodies(text: str) -> dict[str, int]:
    """Body length of every function in a source text, by name and line."""
    walk = ast.walk(ast.parse(text))
    functions = [node for node in walk if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {f"{node.lineno} {node.name}": body_length(node) for node in functions}


def test_functions_are_short() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{name}: {length} lines"
        for path in sorted((ROOT / "src").rglob("*.py"))
        for name, length in bodies(text_of(path)).items()
        if length > LONGEST_BODY
    ]
    assert not long, "\n".join(long)


def test_bodies_are_measured_without_the_docstring() -> None:
    text = 'def f():\n    """One\n\n    Two"""\n    x = (\n        1\n    )\n'
    text += '    def g():\n        """Only."""\n    return x\n'
    assert bodies(text) == {"1 f": 6, "8 g": 0}


def test_versions_agree() -> None:
    project = configuration()["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
    assert [author["name"] for author in citation["authors"]] == [
        author["name"] for author in project["authors"]
    ]
    assert project["authors"][0]["name"] in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_the_changelog_has_room_for_the_next_change() -> None:
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def normal(requirement: str) -> str:
    """Bare, normalised name of a requirement."""
    return re.sub(r"[-_.]+", "-", re.split(r"[<>=!~\[; ]", requirement)[0]).lower()


def test_every_direct_dependency_is_pinned_once() -> None:
    config = configuration()
    pins = config["tool"]["uv"]["constraint-dependencies"]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in pins)
    names = [normal(pin) for pin in pins]
    assert names == sorted(set(names))
    groups = [
        item for group in config["dependency-groups"].values() for item in group if isinstance(item, str)
    ]
    assert {normal(item) for item in [*config["project"]["dependencies"], *groups]} <= set(names)


def test_every_dependency_has_its_reason() -> None:
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    dependencies = [line for line in lines if re.search(r'"[\w.-]+(\[\w+\])?>=|"types-PyYAML', line)]
    assert len(dependencies) >= 20
    assert not [line for line in dependencies if "#" not in line]
