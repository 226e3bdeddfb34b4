"""What is looked for in the history: conditions with their values bound, never pasted into SQL."""

from __future__ import annotations

import json
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
BEST = "quality"  # each run's own primary metric
PRIMARY = "json_extract(quality, '$[0]')"
OF_NAME = "(SELECT value FROM json_each(quality) WHERE json_extract(value, '$.metric') = ?)"
JUDGED = ("metric", "settings", "pruned")
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


@dataclass(frozen=True)
class Order:
    """By what runs are sorted: one of ORDERS, or the name of a metric.

    By a metric the best come first, each metric and each of its settings by itself: what is not
    measured alike is not ranked together. What lacks a value comes last.
    """

    by: str = "created"
    descending: bool = True

    def sql(self) -> tuple[str, tuple[Any, ...]]:
        """Return the terms to sort by and the values bound to them; ValueError on another name."""
        direction = "DESC" if self.descending else "ASC"
        column = ORDERS.get(self.by)
        if column is not None:
            return f"{column} {direction} NULLS LAST, digest", ()
        from pruneviz.metrics import METRICS  # brings torch

        if self.by not in (BEST, *METRICS.names()):
            raise RefusedError(keeping.no_order(", ".join((*ORDERS, BEST)), self.by))
        pair, own = (PRIMARY, ()) if self.by == BEST else (OF_NAME, (self.by,))
        metric, settings, value = (f"json_extract({pair}, '$.{name}')" for name in JUDGED)
        lower = json.dumps([each.name for each in METRICS if each.better == "lower"])
        sign = f"CASE WHEN {metric} IN (SELECT value FROM json_each(?)) THEN -1 ELSE 1 END"
        terms = f"{value} IS NULL, {metric}, {settings}, {sign} * {value} {direction}, digest"
        return terms, (*own * 4, lower, *own)


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
