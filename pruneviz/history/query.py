"""What is looked for in the history: conditions with their values bound, never pasted into SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pruneviz.history.folder import DIGEST_LENGTH
from pruneviz.history.label import plain
from pruneviz.history.row import STATES, Row
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import keeping

SHORTEST_PREFIX = 4
MOST_NAMED = 3
MOST_WORDS = 20
ORDERS = {
    "created": "created",
    "finished": "finished",
    "name": "nullif(name, '') COLLATE NOCASE",
    "model": "model",
    "kind": "kind",
    "state": "state",
    "sparsity": "coalesce(achieved, sparsity)",
    "accuracy": "accuracy",
    "macs": "macs",
    "parameters": "parameters",
    "bytes": "bytes",
    "latency": "latency_ms",
    "speedup": "speedup",
    "bytes_used": "bytes_used",
}


@dataclass(frozen=True)
class Query:
    """Conditions that a run meets all of; an empty one is no condition.

    `text` holds words that each occur in the run's digest, names, plan, tags or note.
    """

    text: str = ""
    kind: str = ""
    model: str = ""
    state: str = ""
    tag: str = ""

    def __post_init__(self) -> None:
        if self.state and self.state not in STATES:
            raise RefusedError(keeping.no_state(", ".join(STATES), self.state))

    def where(self) -> tuple[str, tuple[Any, ...]]:
        """Return an SQL condition ("" for none) and the values bound to it."""
        conditions: list[str] = []
        values: list[str] = []
        for word in plain(self.text).casefold().split()[:MOST_WORDS]:
            conditions.append("instr(words, ?) > 0")
            values.append(word)
        for column in ("kind", "model", "state"):
            if getattr(self, column):
                conditions.append(f"{column} = ?")
                values.append(plain(getattr(self, column)))
        if self.tag:
            conditions.append("EXISTS (SELECT 1 FROM json_each(runs.tags) WHERE value = ?)")
            values.append(plain(self.tag))
        return ("WHERE " if conditions else "") + " AND ".join(conditions), tuple(values)


def is_prefix(text: str) -> bool:
    """Return whether a text may be the beginning of a digest."""
    return SHORTEST_PREFIX <= len(text) <= DIGEST_LENGTH and not set(text) - set("0123456789abcdef")


def unique(rows: list[Row], text: str) -> Row:
    """Return the only row that a text names; ValueError where there is none, or several."""
    if not rows:
        raise RefusedError(keeping.none_called(plain(text, 70), SHORTEST_PREFIX))
    if len(rows) > 1:
        some = ", ".join(row.digest[:12] for row in rows[:MOST_NAMED])
        more = "" if len(rows) <= MOST_NAMED else " and more"
        raise RefusedError(keeping.several_called(plain(text, 70), some, more))
    return rows[0]
