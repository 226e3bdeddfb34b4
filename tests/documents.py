"""The project's documents, and what stands in them: code, commands, links, names."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
DOCUMENTS = [*(ROOT / name for name in PAGES), *sorted((ROOT / "docs").glob("*.md"))]
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# ([\w/]+\.py)\n")


def text_of(name: str) -> str:
    """Return a document."""
    return (ROOT / name).read_text(encoding="utf-8")


def prose_of(name: str) -> str:
    """Return a document without its blocks of code."""
    return FENCED.sub("", text_of(name))


def blocks(name: str, language: str) -> list[str]:
    """Return a document's blocks of code in a language."""
    return [code for kind, code in FENCED.findall(text_of(name)) if kind == language]


def spans(name: str) -> list[str]:
    """Return what stands in backticks in a document's sentences and tables."""
    return re.findall(r"`([^`\n]+)`", prose_of(name))


def lines(name: str) -> list[str]:
    """Return the lines that a document gives to type, without their remarks."""
    typed = "".join(blocks(name, "sh")).splitlines()
    return [line.split(" #")[0].strip() for line in typed if line.strip()]


def files(name: str) -> dict[str, str]:
    """Return the files that a document's blocks of Python are, by their path."""
    found = ((FILE.match(code), code) for code in blocks(name, "python"))
    return {match[1]: code for match, code in found if match}


def table(name: str, heading: str) -> list[list[str]]:
    """Return the rows of the table whose header begins with `heading`, cell by cell."""
    _, _, rest = text_of(name).partition(f"\n| {heading} |")
    rows = rest.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def named(cells: list[str]) -> list[str]:
    """Return what stands in backticks in cells of a table."""
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def anchors(path: Path) -> set[str]:
    """Return the anchors of a document's headings, as a reader of Markdown makes them."""
    prose = FENCED.sub("", path.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
