"""Data in a CSV file: one row for each case, and the columns that a reference chooses."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pruneviz.subjects.class_names import plain
from pruneviz.subjects.files.csv_text import (
    SEPARATOR_LINE,
    SEPARATORS,
    find_separator,
    lines_of_rows,
    numbers_with_commas,
    read_text,
    refuse_thousands,
)
from pruneviz.subjects.files.raw import RawData
from pruneviz.subjects.models.expectation import Expectation
from pruneviz.subjects.models.weights import some
from pruneviz.subjects.tables.columns import Columns
from pruneviz.subjects.tables.kinds import written_as_numbers
from pruneviz.subjects.tables.sheets import EMPTY, Sheet, arranged
from pruneviz.wording import Fact, RefusedError, opened
from pruneviz.wording.refusals.subjects import tables


def read_csv(path: Path, columns: Columns, expects: Expectation) -> RawData:
    """Return the rows of a table with a header line; `columns` names that of the classes.

    Whole numbers from 0 in the target are output indices; anything else is the name of a class.
    Cells are separated, and decimals marked, as the file does it throughout.
    """
    text = read_text(path)
    mark = find_separator(text, path.name)
    header = list(_parsed(text, mark, path.name, nrows=0).columns)
    chosen = columns.found_in(header, path.name)
    others = [name for name in header if name not in chosen.target]
    table = _parsed(
        text,
        mark,
        path.name,
        dtype=dict.fromkeys(chosen.target, str),
        na_values={name: list(EMPTY) for name in others},
    )
    used = [name for name in others if name not in chosen.ignore]
    numbers, commas = _numbers(table[used], text, mark, path.name)
    notes = [f"Cells are separated by {SEPARATORS[mark]}."] * (mark != ",")
    notes += ["Commas mark decimals."] * commas
    sheet = Sheet(
        file=path.name,
        table=table.assign(**numbers),
        chosen=chosen,
        names=tuple(f"line {line}" for line in lines_of_rows(text, mark)),
        note=" ".join(notes),
    )
    return arranged(sheet, expects)


def csv_columns(path: Path) -> list[str]:
    """Return the names of a table's columns, from its header line."""
    return header_of(read_text(path), path.name)


def header_of(text: str, name: str) -> list[str]:
    """Return the names of the columns of a table's text, or of its beginning."""
    text = SEPARATOR_LINE.sub("", text)
    return list(_parsed(text, find_separator(text, name), name, nrows=0).columns)


def _parsed(text: str, mark: str, name: str, **options: object) -> pd.DataFrame:
    try:
        table: pd.DataFrame = pd.read_csv(  # type: ignore[call-overload]
            io.StringIO(text),
            sep=mark,
            skipinitialspace=True,
            keep_default_na=False,
            low_memory=False,
            **options,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        reason = str(error).partition("C error: ")[2].strip()
        raise RefusedError(tables.no_table(name, reason)) from error
    return table.rename(columns=str)


def order_note(features: Sequence[str], known: Sequence[str]) -> Fact | None:
    """Return a note where columns were taken in their order, as their names say nothing.

    `features` are those of the table, `known` those that the model was made for, or ().
    """
    differ = [
        f"{own} is {name}"
        for own, name in zip(features, known, strict=False)
        if plain(own) != plain(name)
    ]
    if not differ:
        return None
    return opened.columns_in_order(some(differ))


def _numbers(
    columns: pd.DataFrame, text: str, mark: str, name: str
) -> tuple[dict[str, pd.Series], bool]:
    """Return the columns of text that are numbers, as such, and whether a comma marks decimals."""
    numbers = [c for c in map(str, columns) if pd.api.types.is_numeric_dtype(columns[c])]
    written = [c for c in map(str, columns) if c not in numbers and written_as_numbers(columns[c])]
    if not written:
        if mark != "," and numbers:
            refuse_thousands(_parsed(text, mark, name, dtype=str, usecols=numbers), name)
        return {}, False
    fractions = [c for c in numbers if pd.api.types.is_float_dtype(columns[c])]
    points = _parsed(text, mark, name, dtype=str, usecols=fractions) if fractions else None
    points = pd.DataFrame() if points is None else points
    read = numbers_with_commas(columns[written], points, name)
    return {c: read[c] for c in written}, True
