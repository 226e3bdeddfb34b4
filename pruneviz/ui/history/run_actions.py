"""What Runs does to the history: delete with undo, take along, take in, clean up."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import streamlit as st

from pruneviz.figures.kit import format as fmt
from pruneviz.history.archive import export_runs, import_runs
from pruneviz.history.folder import RunFolder
from pruneviz.history.index import History
from pruneviz.history.row import Row
from pruneviz.history.trash import trashed
from pruneviz.history.usage import STALE_DAYS, Cleaning
from pruneviz.ui.engine import gate
from pruneviz.ui.jobs.watch import watch
from pruneviz.ui.session import selection

_DELETED_KEY = "pruneviz-deleted-runs"
MOST_TRASH = 20
RESUMABLE = ("stopped", "failed", "interrupted")


def history() -> History:
    """Return all runs of this server's home folder."""
    return watch().history()


def delete(digests: Sequence[str]) -> None:
    """Move runs into the trash and remember them for `undo`; ValueError while one is computed."""
    gone: list[str] = []
    try:
        for digest in digests:
            history().delete(digest)
            gone.append(digest)
    finally:
        if gone:
            st.session_state[_DELETED_KEY] = gone
        selection.show_runs([digest for digest in digests if digest not in gone])


def deleted() -> list[str]:
    """Return the digests of the runs that this session deleted last, if they are in the trash."""
    there = {folder.digest for folder in trashed(history().directory)}
    return [digest for digest in st.session_state.get(_DELETED_KEY, []) if digest in there]


def undo_delete() -> None:
    """Take the runs that were deleted last out of the trash and choose them again."""
    digests = deleted()
    for digest in digests:
        restore(digest)
    st.session_state[_DELETED_KEY] = []
    selection.show_runs(digests)


def restore(digest: str) -> None:
    """Take a run out of the trash; one computed again since goes there in its place."""
    history().restore(digest)


def in_trash() -> list[RunFolder]:
    """Return the runs that were deleted last, by anyone, at most MOST_TRASH."""
    return trashed(history().directory)[:MOST_TRASH]


def resume(row: Row) -> None:
    """Go on with a run, if it reads nothing that the operator did not allow."""
    gate.resume(history().folder(row.digest))


def packed(digests: Sequence[str]) -> bytes:
    """Return runs as one zip file; ValueError where one has not ended or is damaged."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "runs.zip"
        export_runs(history(), digests, path)
        return path.read_bytes()


def take_in(file: BinaryIO, name: str) -> str:
    """Take the runs of a zip file in, choose the new ones, and return what happened in words."""
    result = import_runs(history(), file, name)
    selection.show_runs(result.added[:1] if len(result.added) == 1 else [])
    parts = [f"{fmt.plural(len(result.added), 'run')} imported"]
    if result.present:
        parts.append(f"{len(result.present)} here already and left as they are")
    return ", ".join(parts)


def would_remove(cleaning: Cleaning) -> str:
    """Return in one sentence what a clean-up removes for good."""
    if not cleaning.freed_bytes:
        return "There is nothing to remove: the trash is empty, and no old checkpoints are left."
    parts = []
    if cleaning.trash_bytes:
        parts.append(f"the trash ({fmt.size(cleaning.trash_bytes)})")
    if cleaning.checkpoints_bytes:
        runs = fmt.plural(len(cleaning.runs), "run")
        parts.append(
            f"the checkpoints of {runs} that stopped over {STALE_DAYS:.0f} days ago "
            f"({fmt.size(cleaning.checkpoints_bytes)}); resumed, they start over"
        )
    if cleaning.leftover_bytes:
        parts.append(f"what killed processes left ({fmt.size(cleaning.leftover_bytes)})")
    return f"This deletes permanently: {'; '.join(parts)}. No finished result is touched."
