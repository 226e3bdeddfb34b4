"""Tables that a scan wrote, read back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pruneviz.wording import RefusedError, said_by
from pruneviz.wording.refusals import analysing

MOST_HEADER = 100_000  # characters


def header_of(path: Path) -> list[str]:
    """Return the names in a table's first line; none where there is no such file to read."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline(MOST_HEADER).rstrip("\r\n").split(",")
    except OSError:
        return []


def read_table(
    path: Path,
    columns: Sequence[str],
    texts: Sequence[str] = ("layer",),
    older: Sequence[Sequence[str]] = (),
    needed: Sequence[str] = (),
) -> pd.DataFrame:
    """Return a table with these columns; none of its rows where the file is not there.

    `texts` are the columns that hold names, all others hold numbers, the `needed` of them in every
    row; `older` are the columns that files had before: what those lack is NaN. ValueError where the
    file is damaged.
    """
    if not path.exists():
        return pd.DataFrame(columns=list(columns))
    missing = {name: ["", "nan"] for name in columns if name not in texts}
    try:
        if not path.read_bytes().endswith(b"\n"):
            raise RefusedError(analysing.cut_short())
        # A layer may be called 0 or NA, and is a name all the same.
        table = pd.read_csv(
            path, dtype=dict.fromkeys(texts, str), keep_default_na=False, na_values=missing
        )
        for name in table.columns.difference(list(texts)):
            table[name] = pd.to_numeric(table[name])
    except (ValueError, OSError) as error:
        raise RefusedError(analysing.scan_unreadable(path.name, said_by(error))) from error
    if list(table.columns) not in [list(columns), *map(list, older)]:
        raise RefusedError(analysing.scan_lacks_columns(path.name))
    if table[list(needed)].isna().any(axis=None):
        raise RefusedError(analysing.scan_lacks_numbers(path.name))
    return table.reindex(columns=list(columns))
