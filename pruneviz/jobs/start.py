"""How long a job takes to begin on this machine, as the last ones did."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from pruneviz.history.folder import runs_directory, write_json
from pruneviz.jobs import spare

FILE = ".start.json"
COLD, WARM = "cold", "warm"  # a new process, or one that waited
USUAL = {COLD: 5.0, WARM: 1.0}  # seconds, before any job was seen
LONGEST = 600.0


def seconds(home: Path) -> float:
    """Return what the next job takes until its first step, in seconds, by the last one like it."""
    return _read(home)[WARM if spare.is_waiting(home) else COLD]


def note(home: Path, seconds: float, *, warm: bool) -> None:
    """Remember how long a job took to begin; nothing where the disk is full."""
    seen = {**_read(home), WARM if warm else COLD: round(min(max(seconds, 0.0), LONGEST), 2)}
    with suppress(OSError, ValueError):
        write_json(runs_directory(home) / FILE, seen)


def _read(home: Path) -> dict[str, float]:
    try:
        found = json.loads((runs_directory(home) / FILE).read_text(encoding="utf-8"))
        return {name: float(found.get(name, usual)) for name, usual in USUAL.items()}
    except (OSError, ValueError, TypeError, AttributeError):  # none yet, or damaged
        return dict(USUAL)
