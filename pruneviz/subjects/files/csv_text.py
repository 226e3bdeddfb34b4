"""The text of a CSV file: its encoding, what separates its cells, how it writes numbers."""

from __future__ import annotations

import csv
import io
import re
from itertools import islice
from pathlib import Path

import pandas as pd

from pruneviz.wording import Fact, RefusedError
from pruneviz.wording.refusals.subjects import tables

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
SEPARATOR_LINE = re.compile(r'\A"?sep=.?"?[ \t]*(?=[\r\n])', re.IGNORECASE)
LOOK_AT = 500  # rows
MOST_SHOWN = 40  # characters of a cell
WHOLE = re.compile(r"[+-]?\d+")
DECIMAL_COMMA = re.compile(r"[+-]?(\d*),(\d+)(?:[eE][+-]?\d+)?")
GROUP = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}")  # may be thousands
THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:[.,'’\s]\d{3})+(?:[.,]\d+)?")
GROUPED = re.compile(rf"(?:{THOUSANDS.pattern}|[+-]?\d+(?:[.,'’]\d+){{2,}})")
FRACTION = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


def read_text(path: Path) -> str:
    """Return a file's text; ValueError where it is no UTF-8 or a binary file.

    Of the line in which a spreadsheet names its separator, such as sep=; its end alone is left.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RefusedError(tables.no_utf8(path.name, error.start)) from error
    if "\0" in text or not text.strip():
        raise RefusedError(tables.no_table(path.name, ""))
    return SEPARATOR_LINE.sub("", text)


def find_separator(text: str, name: str) -> str:
    """Return what separates cells: with it every row has as many as the header, two or more.

    ValueError names the first line that differs where nothing separates all rows alike.
    """
    counts = {mark: _cells(text, mark) for mark in SEPARATORS}
    alike = {
        mark: rows[0][1]
        for mark, rows in counts.items()
        if rows and rows[0][1] > 1 and all(cells == rows[0][1] for _, cells in rows)
    }
    if alike:
        return max(alike, key=lambda mark: alike[mark])
    if not any(counts.values()):
        raise RefusedError(tables.no_table(name, ""))
    mark = max(SEPARATORS, key=lambda m: counts[m][0][1] if counts[m] else 0)
    _, header = counts[mark][0]
    if header == 1:
        return ","
    line, cells = next(row for row in counts[mark] if row[1] != header)
    raise RefusedError(tables.other_cells(name, line, cells, header))


def _cells(text: str, mark: str) -> list[tuple[int, int]]:
    """Return the line at which each of the first rows ends, and its number of cells."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, skipinitialspace=True)
    try:
        return [
            (reader.line_num, len(row)) for row in islice(reader, LOOK_AT) if "".join(row).strip()
        ]
    except csv.Error:  # a cell beyond all measure: this mark does not separate the text
        return []


def lines_of_rows(text: str, mark: str) -> list[int]:
    """Return the line at which each row below the header begins, the header being line 1."""
    breaks = text.count("\n") + text.count("\r") - text.count("\r\n")
    plain = '"' not in text and not re.search(r"(?:\r\n|\n|\r)[ \t]*(?:\r\n|\n|\r)", text)
    if plain and not text[:1].isspace():
        return list(range(2, breaks + 1 + (not text.endswith(("\n", "\r")))))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, skipinitialspace=True)
    lines, before = [], 0
    for row in reader:
        if any(cell.strip() for cell in row):
            lines.append(before + 1)
        before = reader.line_num
    return lines[1:]


def numbers_with_commas(columns: pd.DataFrame, points: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return columns of text as numbers with a decimal comma, gaps as NaN.

    `points` are the columns that read as fractions, as text. ValueError where text is no number, or
    where a mark may as well separate thousands.
    """
    sure = False
    for column in columns:
        values = columns[column].dropna().astype(str).str.strip()
        commas = values.str.contains(",", regex=False).any()
        for value in values.unique():
            match = DECIMAL_COMMA.fullmatch(value)
            whole = WHOLE.fullmatch(value) or (not commas and FRACTION.fullmatch(value))
            if match is None and not whole:
                raise RefusedError(_no_number(name, str(column), value))
            if match is not None:
                sure = sure or len(match[2]) != 3 or len(match[1]) > 3 or match[1][:1] in ("", "0")
    cells = (cell for c in columns for cell in columns[c].dropna().astype(str).str.strip())
    first = next((cell for cell in cells if "," in cell), None)
    if first is None:
        return columns.astype("float64")
    for column in points:
        mixed = [value for value in points[column] if "." in value]
        if mixed:
            raise RefusedError(tables.two_decimal_marks(name, first, mixed[0], str(column)))
    if not sure:
        raise RefusedError(tables.perhaps_thousands(name, str(columns.columns[0]), first))
    read: pd.DataFrame = columns.apply(
        lambda c: c.str.strip().str.replace(",", ".").astype("float64")
    )
    return read


def refuse_thousands(columns: pd.DataFrame, name: str) -> None:
    """Raise ValueError where points may separate thousands; `columns` are numbers, as text.

    So it is where one column holds 1.234 beside 567, and nothing in the table is written as only
    a fraction can be, or as a large number without a mark.
    """
    doubtful = None
    for column in columns:
        values = columns[column].str.strip()
        marked = values.str.contains(".", regex=False)
        long = values[~marked].str.lstrip("+-").str.len() > 3
        if long.any() or not values[marked].str.fullmatch(GROUP).all():
            return
        if marked.any() and not marked.all():
            doubtful = doubtful or (str(column), values[marked].iloc[0])
    if doubtful is not None:
        raise RefusedError(tables.perhaps_thousands(name, *doubtful))


def _no_number(name: str, column: str, value: str) -> Fact:
    if GROUPED.fullmatch(value):
        return tables.perhaps_thousands(name, column, value)
    return tables.no_number(name, column, value[:MOST_SHOWN])
