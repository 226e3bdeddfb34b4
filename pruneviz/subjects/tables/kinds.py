"""What the columns of a table hold: numbers, words, dates, or names of the rows themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd

from pruneviz.subjects.files.csv_text import DECIMAL_COMMA, FRACTION, THOUSANDS, WHOLE

Kind = Literal["number", "words", "date"]
Reason = Literal["counts", "names", "unnamed", "empty"]  # why a column is not learned from

UNNAMED = re.compile(r"Unnamed: \d+")  # what pandas calls a column without a name
KEY = re.compile(r"(?i:(?:.*[\s_.-])?(?:id|index|idx|key|uuid|guid))|.*[a-z](?:ID|Id)")
NEARLY_ALL = 0.95  # of the rows
FEWEST = 8  # cells: of fewer, that they all differ says nothing
DATES = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y")
TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", "T%H:%M", "T%H:%M:%S", "T%H:%M:%S.%f")
A_DAY = 86_400.0  # seconds


def written_as_numbers(column: pd.Series) -> bool:
    """Return whether half of the different texts of a column, or more, are written as numbers."""
    if days(column) is not None:
        return False
    texts = column.dropna().astype(str).str.strip().unique()
    numbers = sum(
        any(form.fullmatch(text) for form in (WHOLE, FRACTION, DECIMAL_COMMA, THOUSANDS))
        for text in texts
    )
    return bool(len(texts)) and 2 * numbers >= len(texts)


def days(column: pd.Series) -> tuple[pd.Series, bool] | None:
    """Return dates as days since 1970, and whether days and months could be the other way round.

    None unless every text is a date written in one way.
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        return _since_1970(column), False
    given = column.dropna().astype(str).str.strip().str.removesuffix("Z")
    if given.empty or not given.str.fullmatch(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*").all():
        return None
    read = {date: _read(given, date) for date in DATES}
    fits = [date for date, found in read.items() if found is not None]
    if not fits:
        return None
    return _since_1970(read[fits[0]]).reindex(column.index), len(fits) > 1


def _read(given: pd.Series, date: str) -> pd.Series | None:
    for time in TIMES:
        found = pd.to_datetime(given, format=date + time, errors="coerce")
        if found.notna().all():
            return found
    return None


def _since_1970(dates: pd.Series | None) -> pd.Series:
    assert dates is not None
    plain = dates.dt.tz_convert("UTC").dt.tz_localize(None) if dates.dt.tz is not None else dates
    return (plain - pd.Timestamp(0)) / pd.Timedelta(seconds=A_DAY)


def not_learned_from(columns: pd.DataFrame, kinds: Mapping[str, Kind]) -> dict[str, Reason]:
    """Return the columns that say which row it is and nothing of it, or nothing, and why."""
    reasons = {name: _reason(columns[name], name, kinds[name]) for name in map(str, columns)}
    return {name: reason for name, reason in reasons.items() if reason}


def _reason(column: pd.Series, name: str, kind: Kind) -> Reason | None:
    present = column.dropna()
    if present.empty:
        return "empty"
    if kind == "number" and _counts(present.to_numpy(dtype=np.float64), name):
        return "counts"
    if kind == "words" and _nearly_all(present.nunique(), len(present)):
        return "names"
    return "unnamed" if UNNAMED.fullmatch(name) else None


def _counts(values: np.ndarray, name: str) -> bool:
    """Return whether numbers run on, row by row, or are whole ones that a key differs by."""
    if len(values) < FEWEST or not np.isfinite(values).all():
        return False
    if _nearly_all(int((np.diff(values) == 1).sum()), len(values) - 1):
        return True
    different = len(np.unique(values)) == len(values)
    if not different or not (values == np.round(values)).all():
        return False
    in_a_row = values.max() - values.min() == len(values) - 1
    return bool(in_a_row) or KEY.fullmatch(name.strip()) is not None


def _nearly_all(count: int, of: int) -> bool:
    return of >= FEWEST - 1 and count >= NEARLY_ALL * of
