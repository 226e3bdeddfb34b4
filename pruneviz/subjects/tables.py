"""Data in a CSV file: one row for each case, numbers in every column but the target."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from pruneviz.subjects.expectation import Expectation
from pruneviz.subjects.raw import RawData
from pruneviz.subjects.weights import some


def read_csv(path: Path, target: str | None, expects: Expectation) -> RawData:
    """Return the rows of a table with a header line; `target` names the column of the classes.

    Whole numbers from 0 in the target are output indices; anything else is the name of a class.
    """
    table = _read(path)
    columns = [str(c) for c in table.columns]
    if target is None or target not in columns:
        what = "names no target column" if target is None else f"has no column '{target}'"
        raise ValueError(f"'{path.name}' {what}; add ?target=COLUMN with one of {some(columns)}")
    features = _ordered([c for c in columns if c != target], expects)
    _refuse_text(table, features, path.name)
    holes = [c for c in (*features, target) if table[c].isna().any()]
    if holes:
        raise ValueError(f"'{path.name}' has empty cells in {some(holes)}; remove or fill them")
    labels, named, classes = _classes(table[target])
    return RawData(
        x=torch.from_numpy(table[features].to_numpy(dtype=np.float32)),
        labels=labels,
        named=named,
        recorded=True,
        classes=classes,
        features=tuple(features),
    )


def csv_columns(path: Path) -> list[str]:
    """Return the names of a table's columns, from its header line."""
    return [str(c) for c in _read(path, rows=1).columns]


def _read(path: Path, rows: int | None = None) -> pd.DataFrame:
    try:
        return pd.read_csv(path, encoding="utf-8-sig", low_memory=False, nrows=rows)
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ValueError(f"'{path.name}' is not a UTF-8 CSV table with a header line") from error


def _ordered(features: list[str], expects: Expectation) -> list[str]:
    """Return the feature columns, in the model's order where it knows them by name."""
    if not features:
        raise ValueError("the table has no column besides the target; add the features")
    return list(expects.features) if set(features) == set(expects.features) else features


def _refuse_text(table: pd.DataFrame, features: list[str], name: str) -> None:
    text = [c for c in features if not pd.api.types.is_numeric_dtype(table[c])]
    if text:
        raise ValueError(
            f"'{name}' has columns that are not numbers: {some(text)}; remove them or encode them"
        )


def _classes(column: pd.Series) -> tuple[NDArray[np.int64], bool, tuple[str, ...]]:
    """Return labels, whether they are indices into names, and these names, sorted."""
    if pd.api.types.is_integer_dtype(column) or pd.api.types.is_bool_dtype(column):
        return column.to_numpy(dtype=np.int64, copy=True), False, ()
    if pd.api.types.is_float_dtype(column) and (column == column.round()).all():
        return column.to_numpy(dtype=np.int64, copy=True), False, ()
    names = sorted(set(column.astype(str)))
    index = {name: i for i, name in enumerate(names)}
    return np.array([index[str(v)] for v in column], dtype=np.int64), True, tuple(names)
