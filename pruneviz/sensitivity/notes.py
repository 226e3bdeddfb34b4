"""What a scan's reader must know of how it was computed: sentences beside its table."""

from __future__ import annotations

import json

from pruneviz.history.folder import NOTES_FILE, RunFolder
from pruneviz.wording import RefusedError, said_by
from pruneviz.wording.refusals import analysing


def read_notes(folder: RunFolder) -> tuple[str, ...]:
    """Return the sentences that a scan left beside its table; none where there are none.

    ValueError where the file is damaged.
    """
    path = folder.file(NOTES_FILE)
    if not path.exists():
        return ()
    try:
        notes = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise RefusedError(analysing.scan_unreadable(path.name, said_by(error))) from error
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise RefusedError(analysing.scan_lacks_notes(path.name))
    return tuple(notes)
