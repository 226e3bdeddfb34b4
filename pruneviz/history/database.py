"""The index's SQLite file: a cache of the folders, thrown away and filled anew when it is no good.

Every use opens the file, and holds a file lock as long: replacing a damaged file while another
process has it open is the one thing that SQLite's own locks do not survive
(https://www.sqlite.org/howtocorrupt.html, 2.4). Where nothing can be written, such as on a full
disk, the index is kept in memory.
"""

from __future__ import annotations

import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from filelock import FileLock, Timeout

from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import keeping

INDEX_FILE, INDEX_LOCK = "index.sqlite", "index.lock"
BUSY_SECONDS = 10.0
LOCK_SECONDS = 60.0
UNWRITABLE = {"READONLY", "FULL", "CANTOPEN", "IOERR", "PERM", "AUTH", "NOLFS"}
BUSY = {"BUSY", "LOCKED"}

T = TypeVar("T")
Action = Callable[[sqlite3.Connection], T]


class _UnwritableError(Exception):
    """Nothing can be written where the index lies."""


class Database:
    """Runs actions on the index, each whole or not at all; `fill` brings an empty one up to date.

    `note` says why the index is kept in memory, "" while it is on the disk.
    """

    def __init__(self, directory: Path, schema: str, fill: Action[None]) -> None:
        self.note = ""
        self._directory, self._path = directory, directory / INDEX_FILE
        self._schema, self._fill = schema, fill
        self._version = zlib.crc32(schema.encode()) & 0x7FFFFFFF
        self._memory: sqlite3.Connection | None = None
        self._memory_lock = threading.Lock()
        self._is_checked = False  # damage that comes later shows when it is met

    def run(self, action: Action[T], *, retry: bool = False) -> T:
        """Run an action in a transaction and return its result; a damaged index is made anew.

        With `retry` the disk is tried even where the index is kept in memory: if it can be written
        again, the index is there from now on. Such an action brings all of it up to date.
        """
        memory = self._memory
        if memory is None or retry:
            try:
                result = self._run_on_disk(action)
            except _UnwritableError as error:
                memory = memory or self._to_memory(str(error))
            else:
                if memory is not None:
                    self._memory, self.note = None, ""
                return result
        with self._memory_lock:
            return _transaction(memory, action)

    def discard(self) -> None:
        """Throw the index away; the next action fills it from the folders."""
        try:
            with self._locked():
                self._remove()
            self._memory, self.note = None, ""
        except (OSError, _UnwritableError) as error:
            self._to_memory(str(error))

    def _run_on_disk(self, action: Action[T]) -> T:
        with self._locked():
            for is_last in (False, True):
                try:
                    return self._attempt(action)
                except sqlite3.DatabaseError as error:
                    _refuse(error)
                    if is_last:
                        fact = keeping.index_unusable(str(self._path), str(error))
                        raise RefusedError(fact) from error
                self._remove()
        raise AssertionError  # the second turn returns or raises

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the index alone; _UnwritableError where not even a lock can be made."""
        path = self._directory / INDEX_LOCK
        lock = FileLock(path, timeout=LOCK_SECONDS, poll_interval=0.005)
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout as error:
            raise RefusedError(keeping.index_held_long(str(self._path), LOCK_SECONDS)) from error
        except OSError as error:
            raise _UnwritableError(error.strerror or str(error)) from error
        try:
            yield
        finally:
            lock.release()

    def _attempt(self, action: Action[T]) -> T:
        connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
        with closing(connection):
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            self._prepare(connection)
            return _transaction(connection, action)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Make the tables of an empty file; DatabaseError where the file is damaged or outdated."""
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0 and not connection.execute("SELECT * FROM sqlite_master").fetchone():
            _transaction(connection, self._create)
            return
        if version != self._version:
            raise sqlite3.DatabaseError(f"it is of version {version}, not {self._version}")
        if not self._is_checked:
            (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if answer != "ok":
                raise sqlite3.DatabaseError(str(answer))
            self._is_checked = True

    def _create(self, connection: sqlite3.Connection) -> None:
        connection.execute(self._schema)
        connection.execute(f"PRAGMA user_version = {self._version}")
        self._fill(connection)

    def _remove(self) -> None:
        for ending in ("", "-wal", "-shm", "-journal"):
            self._path.with_name(INDEX_FILE + ending).unlink(missing_ok=True)

    def _to_memory(self, reason: str) -> sqlite3.Connection:
        """Return the index in memory, where it is kept from now on, filled from the disk."""
        memory = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        try:
            self._copy(memory)
            self._prepare(memory)
        except sqlite3.DatabaseError:
            memory.close()
            memory = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
            self._prepare(memory)
        _transaction(memory, self._fill)
        self._memory = memory
        self.note = (
            f"the index of the runs cannot be written ({reason}), so it is kept in memory: make "
            f"room in '{self._directory}', or let it be written"
        )
        return memory

    def _copy(self, memory: sqlite3.Connection) -> None:
        """Copy the index where it can be read without writing: when it has no journal left."""
        journal = self._path.with_name(f"{INDEX_FILE}-wal")
        if not self._path.exists() or (journal.exists() and journal.stat().st_size):
            return
        uri = f"file:{quote(str(self._path.absolute()))}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as disk:
            disk.backup(memory)


def _transaction(connection: sqlite3.Connection, action: Action[T]) -> T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = action(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def _refuse(error: sqlite3.DatabaseError) -> None:
    """Raise what the caller must know, unless the index is merely damaged and can be made anew."""
    code = getattr(error, "sqlite_errorname", "").removeprefix("SQLITE_").partition("_")[0]
    if code in UNWRITABLE:
        raise _UnwritableError(str(error)) from error
    if code in BUSY:
        raise RefusedError(keeping.index_held()) from error
