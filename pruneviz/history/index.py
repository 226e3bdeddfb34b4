"""The history: every run, searched through an index that is made of the folders.

The folders are the truth. The index is a cache of them: it is brought up to date by looking at
what changed on the disk, and made anew when it is lost, damaged or of another version.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pruneviz.history import trash
from pruneviz.history.database import Database
from pruneviz.history.folder import UNDER_WAY, RunFolder, is_digest, runs_directory
from pruneviz.history.label import Label, plain, read_label, write_label
from pruneviz.history.lineage import Lineage, family, tree
from pruneviz.history.query import Order, Query, is_prefix, unique
from pruneviz.history.row import Row, read_row
from pruneviz.history.table import COLUMNS, SCHEMA, record, row_of, signatures
from pruneviz.plan import plan_faults
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import keeping


class History:
    """The runs of a home folder. Making one brings the index up to date (`sync`).

    `search` and its like then read the index, which other processes bring up to date too, except
    that whether a run is alive is looked up each time. ValueError says what cannot be done.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.directory = runs_directory(home)
        self._database = Database(self.directory, SCHEMA, self._sync)
        self.sync()

    @property
    def note(self) -> str:
        """Return why the index is kept in memory, "" while it can be written."""
        return self._database.note

    def sync(self) -> None:
        """Read the folders that are new, changed or gone since the index last saw them.

        An index that was kept in memory goes back to the disk where that can be written again.
        """
        self._database.run(self._sync, retry=True)

    def rebuild(self) -> None:
        """Throw the index away and read every folder."""
        self._database.discard()
        self.sync()

    def record(self, digest: str) -> Row | None:
        """Read one folder into the index and return its row, None where it is gone."""
        path = self._path(digest)
        row = self._database.run(lambda connection: record(connection, path))
        return row and self._live(row)

    def _sync(self, connection: sqlite3.Connection) -> None:
        known = dict(connection.execute("SELECT digest, signature FROM runs"))
        found = signatures(self.directory)
        gone = [(digest,) for digest in known.keys() - found.keys()]
        connection.executemany("DELETE FROM runs WHERE digest = ?", gone)
        for digest, signature in found.items():
            if signature is None or known.get(digest) != signature:
                record(connection, self.directory / digest)

    def search(
        self, text: str = "", *, kind: str = "", model: str = "", state: str = "", tag: str = "",
        order: str = "created", descending: bool = True, limit: int | None = None, offset: int = 0,
    ) -> list[Row]:  # fmt: skip
        """Return the runs that hold each word of `text` and match what else is given.

        `order` is that of an `Order`, the newest first by default; a run that lacks it comes last.
        """
        terms, bound = Order(order, descending).sql()
        where, values = self._where(Query(text, kind, model, state, tag))
        window = (-1 if limit is None else max(limit, 0), max(offset, 0))
        ordered = f"{where} ORDER BY {terms} LIMIT ? OFFSET ?"
        return self._select(ordered, (*values, *bound, *window))

    def count(
        self, text: str = "", *, kind: str = "", model: str = "", state: str = "", tag: str = ""
    ) -> int:
        """Return how many runs `search` finds without a limit."""
        where, values = self._where(Query(text, kind, model, state, tag))
        statement = f"SELECT count(*) FROM runs {where}"
        return int(self._database.run(lambda c: c.execute(statement, values).fetchone()[0]))

    def choices(self, column: str) -> list[str]:
        """Return the different values of `kind`, `model`, `criterion` or `tags`, sorted."""
        source = {
            "kind": "SELECT DISTINCT kind FROM runs",
            "model": "SELECT DISTINCT model FROM runs",
            "criterion": "SELECT DISTINCT criterion FROM runs",
            "tags": "SELECT DISTINCT value FROM runs, json_each(runs.tags)",
        }[column]
        found = self._database.run(lambda c: c.execute(source).fetchall())
        return sorted(str(value) for (value,) in found if value)

    def get(self, text: str) -> Row:
        """Return the run with this digest, the only one that begins so, or the one of this name.

        At least four digits of a digest are needed. ValueError where there is none, or several.
        """
        text = plain(text)
        if is_digest(text):  # which no run's name may hide
            return unique(self._select("WHERE digest = ?", (text,)), text)
        prefix = text if is_prefix(text) else None
        where = "WHERE (name <> '' AND name = ?) OR substr(digest, 1, ?) = ? LIMIT 10"
        return unique(self._select(where, (text, len(text), prefix)), text)

    def lineage(self, digest: str) -> Lineage:
        """Return the run's oldest ancestor, with the way down to the run and all that follow it."""
        pairs = self._database.run(
            lambda c: c.execute(
                "SELECT digest, parent FROM runs ORDER BY created, digest"
            ).fetchall()
        )
        kept = family(pairs, digest)
        rows = self._select("WHERE digest IN (SELECT value FROM json_each(?))", (_listed(kept),))
        return tree(kept, {row.digest: row for row in rows})

    def label(
        self, digest: str, *, name: str | None = None, tags: Iterable[str] | None = None,
        note: str | None = None,
    ) -> Row:  # fmt: skip
        """Write a run's name, tags or note; what is None stays as it was."""
        path = self._existing(digest)
        given = {"name": name, "tags": None if tags is None else tuple(tags), "note": note}
        chosen = {field: value for field, value in given.items() if value is not None}

        def write(connection: sqlite3.Connection) -> Row | None:
            folder = RunFolder(path)
            before, _ = read_label(folder)
            write_label(folder, _label({**before.model_dump(), **chosen}))
            return record(connection, path)

        row = self._database.run(write)
        if row is None:
            raise RefusedError(keeping.gone(digest[:12]))
        return self._live(row)

    def delete(self, digest: str) -> None:
        """Move a run into the trash; ValueError while a process works on it."""
        trash.delete(self.directory, digest)
        self.record(digest)

    def restore(self, digest: str) -> Row | None:
        """Take a run out of the trash."""
        trash.restore(self.directory, digest)
        return self.record(digest)

    def folder(self, digest: str) -> RunFolder:
        """Return the folder of a run; ValueError where there is none."""
        return RunFolder(self._existing(digest))

    def unfinished(self) -> list[Row]:
        """Return the runs that have no result: under way, stopped, failed or damaged."""
        return [r for r in self._select("WHERE state <> 'finished'", ()) if r.state != "finished"]

    def finished_bytes(self) -> int:
        """Return what the folders of the finished runs take on the disk."""
        statement = "SELECT coalesce(sum(bytes_used), 0) FROM runs WHERE state = 'finished'"
        return int(self._database.run(lambda c: c.execute(statement).fetchone()[0]))

    def _path(self, digest: str) -> Path:
        if not is_digest(digest):
            raise RefusedError(keeping.no_digest(digest[:70]))
        return self.directory / digest

    def _existing(self, digest: str) -> Path:
        path = self._path(digest)
        if not path.is_dir():
            raise RefusedError(keeping.no_such_run(digest[:12]))
        return path

    def _where(self, query: Query) -> tuple[str, tuple[Any, ...]]:
        if query.state not in (*UNDER_WAY, "interrupted"):
            return query.where()
        under_way = self._select("WHERE state IN (?, ?)", UNDER_WAY)
        alive = [row.digest for row in under_way if row.state == query.state]
        where, values = replace(query, state="").where()
        word = "AND" if where else "WHERE"
        return f"{where} {word} digest IN (SELECT value FROM json_each(?))", (
            *values,
            _listed(alive),
        )

    def _select(self, clauses: str, values: tuple[Any, ...]) -> list[Row]:
        statement = f"SELECT {COLUMNS} FROM runs {clauses}"
        found = self._database.run(lambda c: [row_of(r) for r in c.execute(statement, values)])
        return [self._live(row) for row in found]

    def _live(self, row: Row) -> Row:
        """Return a row with the state that a run has now, if it was under way."""
        if row.state not in UNDER_WAY:
            return row
        path = self.directory / row.digest
        state = RunFolder(path).state()
        if state in (*UNDER_WAY, "interrupted"):
            return replace(row, state=state)
        return read_row(path) or row  # it has ended since it was put into the index


def _label(fields: dict[str, Any]) -> Label:
    from pydantic import ValidationError

    try:
        return Label(**fields)
    except ValidationError as error:
        raise RefusedError(plan_faults(error)) from error


def _listed(digests: Iterable[str]) -> str:
    return json.dumps(list(digests))
