"""The table of runs: a row as columns in SQLite, and by what a changed folder is known."""

from __future__ import annotations

import json
import os
import sqlite3
import time
import zlib
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from pruneviz.history.folder import LABEL_FILE, SPEC_FILE, STATUS_FILE, is_digest
from pruneviz.history.row import REPORT_FILE, Row, read_row
from pruneviz.report import MetricNumbers
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import keeping

WATCHED = ("", f"/{SPEC_FILE}", f"/{STATUS_FILE}", f"/{LABEL_FILE}", f"/{REPORT_FILE}")
ROWS_VERSION = 3  # another number has every folder read anew
FRESH_NS = 2_000_000_000  # the coarsest clock of a file system: two changes may look like one
TYPES = {
    "str": "TEXT NOT NULL",
    "str | None": "TEXT",
    "int": "INTEGER NOT NULL",
    "int | None": "INTEGER",
    "float | None": "REAL",
    "tuple[str, ...]": "TEXT NOT NULL",
    "tuple[MetricNumbers, ...]": "TEXT NOT NULL",
}
NAMES = tuple(field.name for field in fields(Row))
COLUMNS = ", ".join((*NAMES, "checksum"))
SCHEMA = (
    f"/* {ROWS_VERSION} */ CREATE TABLE runs ("
    + ", ".join(f"{field.name} {TYPES[str(field.type)]}" for field in fields(Row))
    + ", signature INTEGER, words TEXT NOT NULL, checksum INTEGER NOT NULL"
    + ", PRIMARY KEY (digest)) WITHOUT ROWID"
)
INSERT = f"INSERT OR REPLACE INTO runs VALUES ({', '.join('?' * (len(NAMES) + 3))})"
SEARCHED = ("digest", "kind", "model", "title", "data", "task", "criterion", "granularity",
            "schedule", "recovery", "name", "note")  # fmt: skip


def signatures(directory: Path) -> dict[str, int | None]:
    """Return what tells each folder's content from an earlier one, without reading any."""
    try:
        with os.scandir(directory) as entries:
            return {
                entry.name: signature_of(entry.path)
                for entry in entries
                if is_digest(entry.name) and entry.is_dir()
            }
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise RefusedError(
            keeping.not_listed(str(directory), error.strerror or str(error))
        ) from error


def signature_of(path: str) -> int | None:
    """Return a number made of the times and sizes of a folder and its files.

    None while something may still change without a new time, so that it is read again.
    """
    parts: list[int] = []
    newest = 0
    for name in WATCHED:
        try:
            found = os.stat(path + name)  # noqa: PTH116 - a Path each would take twice the time
        except OSError:
            parts += (0, -1)
        else:
            newest = max(newest, found.st_mtime_ns)
            parts += (found.st_mtime_ns, found.st_size)
    return None if newest > time.time_ns() - FRESH_NS else hash(tuple(parts))


def record(connection: sqlite3.Connection, path: Path) -> Row | None:
    """Read a folder into the index; its row goes where the folder went."""
    signature = signature_of(str(path))  # before the reading: a later change then shows
    row = read_row(path)
    if row is None:
        connection.execute("DELETE FROM runs WHERE digest = ?", (path.name,))
        return None
    columns = asdict(row).values()
    values = tuple(json.dumps(v) if isinstance(v, tuple) else v for v in columns)
    metrics = (found.metric for found in row.quality)
    words = "\n".join([*(getattr(row, name) for name in SEARCHED), *metrics, *row.tags]).casefold()
    connection.execute(INSERT, (*values, signature, words, _checksum(values)))
    return row


def row_of(values: tuple[Any, ...]) -> Row:
    """Return a row as it was written; DatabaseError where the file has changed it."""
    if _checksum(values[:-1]) != values[-1]:
        raise sqlite3.DatabaseError("a row is not what was written")
    named = dict(zip(NAMES, values[:-1], strict=True))
    tags, quality = json.loads(named["tags"]), json.loads(named["quality"])
    numbers = tuple(MetricNumbers(**each) for each in quality)
    return Row(**{**named, "tags": tuple(tags), "quality": numbers})


def _checksum(values: tuple[Any, ...]) -> int:
    return zlib.crc32(repr(values).encode())
