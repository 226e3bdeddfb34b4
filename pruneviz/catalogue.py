"""Every method there is, as its registry describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pruneviz.allocate import SCOPES
from pruneviz.criteria import CRITERIA
from pruneviz.granularity import GRANULARITIES
from pruneviz.recovery import RECOVERIES, SCHEDULES
from pruneviz.registry import Entry, Registry

REGISTRIES: Mapping[str, Registry[Any]] = {
    "criterion": CRITERIA,
    "granularity": GRANULARITIES,
    "scope": SCOPES,
    "schedule": SCHEDULES,
    "recovery": RECOVERIES,
}


def described(kind: str | None = None) -> dict[str, list[dict[str, Any]]]:
    """Return all methods of one kind, or of all, as plain values; ValueError on an unknown kind."""
    if kind is not None and kind not in REGISTRIES:
        raise ValueError(f"unknown kind '{kind}'; choose from {', '.join(REGISTRIES)}")
    chosen = [kind] if kind else list(REGISTRIES)
    return {each: [_plain(entry) for entry in REGISTRIES[each]] for each in chosen}


def _plain(entry: Entry[Any]) -> dict[str, Any]:
    fields = ("name", "title", "family", "sentence", "formula", "source", "cost")
    parameters = [
        {name: value for name, value in asdict(parameter).items() if name != "quiet"}
        for parameter in entry.parameters
    ]
    return {
        **{name: getattr(entry, name) for name in fields},
        "needs": list(entry.needs),
        "parameters": parameters,
    }
