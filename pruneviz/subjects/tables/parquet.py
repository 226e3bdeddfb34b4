"""Data in a Parquet file: columns that say themselves whether they are numbers, text or dates."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from pruneviz.subjects.files.raw import RawData
from pruneviz.subjects.models.expectation import Expectation
from pruneviz.subjects.models.weights import some
from pruneviz.subjects.tables.columns import Columns
from pruneviz.subjects.tables.sheets import Sheet, arranged
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import tables

MOST_CELLS = 100_000_000
MOST_UNPACKED_BYTES = 1_000_000_000


def read_parquet(path: Path, columns: Columns, expects: Expectation) -> RawData:
    """Return the rows of a table; `columns` names that of the classes, as of a CSV file."""
    header = check_parquet(path, path.name)
    chosen = columns.found_in(header, path.name)
    table = _read(path, path.name).rename(columns=str)
    table = table.apply(_plain)
    for name in chosen.target:
        table[name] = table[name].map(str, na_action="ignore").astype("str")
    return arranged(
        Sheet(
            file=path.name,
            table=table,
            chosen=chosen,
            names=tuple(f"row {row}" for row in range(len(table))),
            note="",
        ),
        expects,
    )


def check_parquet(file: Path | IO[bytes], name: str) -> list[str]:
    """Return the names of the columns; ValueError unless its end says that it can be read.

    Of the file its end alone is read, so that neither a bomb is unpacked nor memory set aside.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        end = parquet.ParquetFile(file)
        rows, schema = end.metadata.num_rows, end.schema_arrow
        groups = [end.metadata.row_group(i) for i in range(end.metadata.num_row_groups)]
    except (pa.ArrowException, OSError, ValueError) as error:
        raise RefusedError(tables.no_parquet(name)) from error
    if rows * len(schema) > MOST_CELLS or sum(g.total_byte_size for g in groups) > (
        MOST_UNPACKED_BYTES
    ):
        raise RefusedError(tables.too_large(name, rows, len(schema), MOST_CELLS))
    nested = [field.name for field in schema if pa.types.is_nested(field.type)]
    nested += [field.name for field in schema if pa.types.is_binary(field.type)]
    if nested:
        raise RefusedError(tables.nested_columns(name, some(nested)))
    return [str(field.name) for field in schema]


def _read(path: Path, name: str) -> pd.DataFrame:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        read = parquet.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise RefusedError(tables.no_parquet(name)) from error
    table: pd.DataFrame = read.to_pandas(ignore_metadata=True, date_as_object=False)
    return table


def _plain(column: pd.Series) -> pd.Series:
    """Return a column as numbers, dates or text, its gaps NaN."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if column.dtype == object:
        values = column.map(_number, na_action="ignore")
        kinds = {type(value) for value in values.dropna()}
        return values.astype(np.float64) if kinds == {float} else column.astype("str")
    return column


def _number(value: Any) -> Any:
    """Return a decimal number as a float, which numpy has no type for."""
    from decimal import Decimal

    return float(value) if isinstance(value, Decimal) else value
