"""Texts with what is known of each, as files hold them: tables, lines of JSON, or of words."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pruneviz.subjects.files.csv_text import SEPARATOR_LINE, find_separator, lines_of_rows
from pruneviz.subjects.models.weights import some
from pruneviz.subjects.tables.columns import Columns
from pruneviz.subjects.texts.windows import read_plain
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import text_files

MAX_BYTES = 100_000_000
TABLES, JSON_LINES = (".csv", ".tsv"), (".jsonl", ".ndjson", ".json")
CHOICES = ("text", "target", "groups", "length")
NEW_DOCUMENT = "-DOCSTART-"
MOST_SHOWN = 60  # characters of a text that name it


@dataclass(frozen=True, eq=False, kw_only=True)
class Rows:
    """The rows of a file: cells as they are, and the line at which each begins.

    `chosen` are the columns with texts, or with their words, with what is asked, and with groups.
    """

    file: str
    table: pd.DataFrame
    lines: Sequence[int]
    chosen: Columns

    def named(self, row: int) -> str:
        """Return what a row is called: its line, and how its text begins."""
        cell = self.table[self.chosen.text[0]].iloc[row]
        text = " ".join((cell if isinstance(cell, str) else " ".join(map(str, cell))).split())
        more = "…" if len(text) > MOST_SHOWN else ""
        return f"line {self.lines[row]:,}: {text[:MOST_SHOWN]}{more}"


def read_rows(path: Path, columns: Columns, tagged: bool) -> Rows:
    """Return the rows of a file of texts, or `tagged`, of words with a class each.

    A table has a header, an object of JSON names for its values; in other files each word has a
    line with its class at the end, and blank lines divide the texts. RefusedError for neither.
    """
    other = [key for key in ("ignore", "keep", "prepare") if getattr(columns, key)]
    if other:
        raise RefusedError(text_files.no_column_choice(other[0], CHOICES))
    ending = path.suffix.lower()
    text = read_plain(path, MAX_BYTES)
    if ending in TABLES:
        table, lines = _table(text, path.name, quoted=ending != ".tsv")
    elif ending in JSON_LINES:
        table, lines = _json_lines(text, path.name)
    else:
        table, lines = _word_lines(text, path.name)
    usual = ("tokens", "tags") if tagged else ("text", "label")
    if ending not in (*TABLES, *JSON_LINES):
        usual = (str(table.columns[0]), str(table.columns[-1]))
    chosen = _chosen(columns, list(map(str, table.columns)), path.name, usual)
    return Rows(file=path.name, table=table, lines=lines, chosen=chosen)


def keys_of(text: str, name: str) -> list[str]:
    """Return the names that the first object of lines of JSON has for its values."""
    first = text.lstrip()
    line = first if first.startswith("[") else first.partition("\n")[0]
    return list(next((found for _, found in objects(line, name)), {}))


def _chosen(columns: Columns, there: Sequence[str], file: str, usual: tuple[str, str]) -> Columns:
    """Return which columns are texts, targets and groups; RefusedError where they are not there."""
    text, target = columns.text or usual[:1], columns.target or usual[1:]
    for key, names in (("text", text), ("target", target), ("groups", columns.groups)):
        missing = [name for name in names if name not in there]
        if missing:
            raise RefusedError(text_files.no_such_column(file, key, missing[0], some(list(there))))
    if set(text) & set(target):
        raise RefusedError(text_files.text_is_asked_for(file, text[0]))
    return Columns(text=text, target=target, groups=columns.groups, length=columns.length)


def _table(text: str, name: str, quoted: bool) -> tuple[pd.DataFrame, list[int]]:
    """Return the cells of a table with a header line, as text.

    Where it is not `quoted`, each line is a row with tabs between its cells, and a quotation mark a
    sign like any other; unless the lines do not fit so.
    """
    text = SEPARATOR_LINE.sub("", text)
    if not text.strip():
        raise RefusedError(text_files.empty(name))
    if not quoted:
        found = [(line, row.split("\t")) for line, row in _lines(text) if row.strip()]
        if len({len(row) for _, row in found}) == 1 and len(found[0][1]) > 1:
            (_, header), *below = found
            return _framed(header, [row for _, row in below], name), [line for line, _ in below]
    mark = find_separator(text, name)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, skipinitialspace=True)
    try:
        every = [row for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:  # a cell beyond all measure
        raise RefusedError(text_files.wrong_line(name, reader.line_num, str(error))) from error
    if not every:
        raise RefusedError(text_files.empty(name))
    header, rows = every[0], every[1:]
    uneven = next((place for place, row in enumerate(rows) if len(row) != len(header)), None)
    lines = lines_of_rows(text, mark)
    if uneven is not None:
        cells = f"{len(rows[uneven])} cells and not {len(header)}"
        raise RefusedError(text_files.wrong_line(name, lines[uneven], cells))
    return _framed(header, rows, name), lines


def _framed(header: Sequence[str], rows: Sequence[list[str]], name: str) -> pd.DataFrame:
    """Return rows by the names of their columns; RefusedError without rows, for a name twice."""
    names = [cell.strip() for cell in header]
    twice = next((each for place, each in enumerate(names) if each in names[:place]), None)
    if twice is not None:
        raise RefusedError(text_files.wrong_line(name, 1, f"two columns called '{twice}'"))
    if not rows:
        raise RefusedError(text_files.empty(name))
    return pd.DataFrame(rows, columns=names, dtype=object)


def _lines(text: str) -> list[tuple[int, str]]:
    """Return lines with their numbers; other signs that may end a line belong to a text."""
    ended = text.replace("\r\n", "\n").replace("\r", "\n")
    return list(enumerate(ended.split("\n"), 1))


def _json_lines(text: str, name: str) -> tuple[pd.DataFrame, list[int]]:
    """Return what each object of a file has, None where it lacks what others have."""
    found = list(objects(text, name))
    lines = [line for line, _ in found]
    names = dict.fromkeys(key for _, each in found for key in each)
    cells = {key: [each.get(key) for _, each in found] for key in names}
    return pd.DataFrame({key: pd.Series(cell, dtype=object) for key, cell in cells.items()}), lines


def objects(text: str, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of lines of JSON, each with its line; of one list, with its place."""
    whole = text.lstrip().startswith("[")
    for line, part in [(1, text)] if whole else _lines(text):
        if not part.strip():
            continue
        try:
            found = json.loads(part)
        except (ValueError, RecursionError) as error:
            raise RefusedError(text_files.wrong_line(name, line, "no JSON")) from error
        for place, each in enumerate(found if whole else [found]):
            if not isinstance(each, dict):
                raise RefusedError(text_files.wrong_line(name, line + place, "no JSON object"))
            yield line + place, each


def _word_lines(text: str, name: str) -> tuple[pd.DataFrame, list[int]]:
    """Return the columns of words that lines have, a list for each text, called 1, 2 and so on.

    Cells are divided by tabs, where there are any, else by blanks.
    """
    divider = re.compile("\t" if "\t" in text else " +")
    texts: list[list[list[str]]] = []
    lines: list[int] = []
    width, within = 0, False
    for line, content in _lines(text):
        cells = [cell.strip() for cell in divider.split(content.strip(" "))]
        comment = "\t" in divider.pattern and len(cells) == 1 and cells[0].startswith("#")
        if not any(cells) or cells[0] == NEW_DOCUMENT:
            within = False
            continue
        if comment:
            continue
        width = width or len(cells)
        if len(cells) != width or width < 2:
            raise RefusedError(text_files.wrong_line(name, line, _cells(len(cells), width)))
        if not within:
            texts.append([])
            lines.append(line)
        within = True
        texts[-1].append(cells)
    columns = {
        str(place + 1): pd.Series(
            [[cells[place] for cells in each] for each in texts], dtype=object
        )
        for place in range(width)
    }
    if not columns:
        raise RefusedError(text_files.empty(name))
    return pd.DataFrame(columns), lines


def _cells(found: int, width: int) -> str:
    return f"{found} cell{'s' if found > 1 else ''} and not {max(width, 2)}"
