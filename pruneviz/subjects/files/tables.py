"""Data in a CSV file: one row for each case, numbers in every column but the target."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from pruneviz.subjects.class_names import plain
from pruneviz.subjects.files.csv_text import (
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
from pruneviz.wording import Fact, RefusedError, opened
from pruneviz.wording.refusals.subjects import tables

EMPTY = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "None", "?", "-")
TRUTH = {"true": 1, "false": 0}


def read_csv(path: Path, target: str | None, expects: Expectation) -> RawData:
    """Return the rows of a table with a header line; `target` names the column of the classes.

    Whole numbers from 0 in the target are output indices; anything else is the name of a class.
    Cells are separated, and decimals marked, as the file does it throughout.
    """
    text = read_text(path)
    mark = find_separator(text, path.name)
    columns = list(_parsed(text, mark, path.name, nrows=0).columns)
    if target is not None and target not in columns:
        target = next((c for c in columns if c.strip() == target.strip()), target)
    if target is None:
        raise RefusedError(tables.no_target(path.name, some(columns)))
    if target not in columns:
        raise RefusedError(tables.no_such_target(path.name, target, some(columns)))
    features = _ordered([c for c in columns if c != target], expects)
    table = _parsed(
        text,
        mark,
        path.name,
        dtype={target: str},
        na_values={c: list(EMPTY) for c in features},
    )
    _refuse_holes(table, features, target, path.name)
    numbers, commas = _numbers(table, features, text, mark, path.name)
    labels, named, classes = _classes(table[target].str.strip(), target)
    notes = [f"Cells are separated by {SEPARATORS[mark]}."] * (mark != ",")
    notes += ["Commas mark decimals."] * commas
    with np.errstate(over="ignore"):  # what is beyond single precision is refused by its line
        x = torch.from_numpy(numbers.to_numpy(dtype=np.float32, copy=True))
    return RawData(
        x=x,
        labels=labels,
        named=named,
        recorded=True,
        classes=classes,
        features=tuple(features),
        note=" ".join(notes),
        names=tuple(f"line {line}" for line in lines_of_rows(text, mark)),
    )


def csv_columns(path: Path) -> list[str]:
    """Return the names of a table's columns, from its header line."""
    text = read_text(path)
    return list(_parsed(text, find_separator(text, path.name), path.name, nrows=0).columns)


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


def _ordered(features: list[str], expects: Expectation) -> list[str]:
    """Return the feature columns, in the model's order where it knows them by name."""
    if not features:
        raise RefusedError(tables.no_features())
    known = [plain(name) for name in expects.features]
    place = {plain(name): name for name in features}
    alike = len(place) == len(features) and place.keys() == set(known)
    return [place[name] for name in known] if alike else features


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


def _refuse_holes(table: pd.DataFrame, features: list[str], target: str, name: str) -> None:
    """Raise ValueError where a feature or a class is missing; a class may be called None or NA."""
    empty = table[features].isna()
    empty[target] = table[target].isna() | (table[target].str.strip() == "")
    rows = int(empty.any(axis=1).sum())
    if rows:
        holes = [c for c in empty.columns if empty[c].any()]
        raise RefusedError(opened.empty_cells(name, rows, len(table), some(holes)))


def _numbers(
    table: pd.DataFrame, features: list[str], text: str, mark: str, name: str
) -> tuple[pd.DataFrame, bool]:
    """Return the features as numbers, and whether the file marks decimals with a comma."""
    numbers = table[features]
    words = [c for c in features if not pd.api.types.is_numeric_dtype(numbers[c])]
    plain = [
        c for c in words if not numbers[c].str.contains(r"\d,\d|^,\d|\d['’\s]\d|\.\d+\.").any()
    ]
    if plain:
        raise RefusedError(tables.columns_of_words(name, some(plain)))
    if not words:
        if mark != ",":
            refuse_thousands(_parsed(text, mark, name, dtype=str, usecols=features), name)
        return numbers, False
    fractions = [c for c in features if pd.api.types.is_float_dtype(numbers[c])]
    points = _parsed(text, mark, name, dtype=str, usecols=fractions) if fractions else None
    points = pd.DataFrame() if points is None else points
    read = numbers_with_commas(numbers[words], points, name)
    return numbers.assign(**{c: read[c] for c in words}), True


def _classes(column: pd.Series, name: str) -> tuple[NDArray[np.int64], bool, tuple[str, ...]]:
    """Return labels, whether they are indices into names, and these names, sorted."""
    if set(column.str.lower()) <= set(TRUTH):
        return np.array([TRUTH[v] for v in column.str.lower()], dtype=np.int64), False, ()
    values = pd.to_numeric(column, errors="coerce").replace([np.inf, -np.inf], np.nan)
    missing = values.isna() & column.isin(EMPTY)
    if missing.any() and values[~missing].notna().all() and not missing.all():
        raise RefusedError(tables.no_class(name, column[missing].iloc[0]))
    if values.notna().all() and (values == values.round()).all():
        return values.to_numpy(dtype=np.int64, copy=True), False, ()
    names = sorted(set(column))
    index = {name: i for i, name in enumerate(names)}
    return np.array([index[v] for v in column], dtype=np.int64), True, tuple(names)
