"""Groups of rows by a column: its values, or ranges of a quarter of the rows each."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pruneviz.subjects.class_names import natural_key
from pruneviz.subjects.subject import Groups
from pruneviz.subjects.tables.prepared import GAP

MOST_NUMBERS = 10  # different ones that are a group each; of more, ranges are
MOST_WORDS = 20
QUARTERS = (0.25, 0.5, 0.75)


def groups_of(column: pd.Series) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the names of a column's groups, and the index of each row's, (N,) int64."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        names = _numbers(column.astype(np.float64))
    else:
        names = _words(column)
    order = _ordered(names)
    place = {name: index for index, name in enumerate(order)}
    return order, np.array([place[name] for name in names], dtype=np.int64)


def of_rows(groups: Groups, rows: NDArray[np.int64]) -> Groups:
    """Return the groups of some of the inputs."""
    return {column: (names, index[rows]) for column, (names, index) in groups.items()}


def _numbers(column: pd.Series) -> pd.Series:
    """Return the name of each row's group of numbers: itself, or a range with its bounds."""
    values = np.unique(column.dropna())
    if len(values) <= MOST_NUMBERS:
        return column.map(_written, na_action="ignore").astype(object).fillna(GAP)
    edges = np.unique(column.quantile(QUARTERS, interpolation="lower"))
    part = pd.Series(np.searchsorted(edges, column.to_numpy()), index=column.index)
    bounds = column.groupby(part).agg(["min", "max"])
    names = {
        index: _written(low) if low == high else f"{_written(low)} to {_written(high)}"
        for index, low, high in bounds.dropna().itertuples()
    }
    return part.map(names).where(column.notna()).astype(object).fillna(GAP)


def _written(number: float) -> str:
    return f"{number:.0f}" if number == round(number) else f"{number:.6g}"


def _words(column: pd.Series) -> pd.Series:
    words = column.map(lambda cell: str(cell).strip(), na_action="ignore").astype(object)
    words = words.fillna(GAP)
    counts = words.value_counts(sort=False).sort_index().sort_values(ascending=False, kind="stable")
    if len(counts) <= MOST_WORDS:
        return words
    kept = set(counts.index[: MOST_WORDS - 1])
    return words.where(words.isin(kept), f"(other: {len(counts) - len(kept):,})")


def _ordered(names: pd.Series) -> tuple[str, ...]:
    """Return the names in the order of their numbers, then of their text; gaps and others last."""
    return tuple(
        sorted(set(names), key=lambda name: (name.startswith(("(other", GAP)), _key(name)))
    )


def _key(name: str) -> list[tuple[float, str]]:
    begin = name.split()[:1]
    try:
        return [(float(*begin), "")]
    except ValueError:
        return [(float("inf"), ""), *((float(a), b) for a, _, b in natural_key(name))]
