"""The sliders of Tune by AppTest: what they are told, and what a hand on them tells."""

from __future__ import annotations

import itertools
import json
import time
from typing import Any

from streamlit.testing.v1 import AppTest

LAYERS, OVERALL = "tune-sliders", "tune-overall"
_numbers = itertools.count(int(1000 * time.time()))


def told(at: AppTest, key: str = LAYERS) -> dict[str, Any]:
    """Return what the sliders under a key are told."""
    (each,) = [e.proto for e in at.get("bidi_component") if e.proto.id.endswith(f"-{key}")]
    return json.loads(each.json)


def rows(at: AppTest, key: str = LAYERS) -> dict[str, dict[str, Any]]:
    """Return the sliders that are drawn, by layer."""
    return {row["name"]: row for row in told(at, key)["rows"]}


def values(at: AppTest) -> dict[str, int]:
    """Return what the layers' sliders show, by layer."""
    return {name: row["value"] for name, row in rows(at).items()}


def overall(at: AppTest) -> dict[str, Any]:
    """Return the slider of the overall amount."""
    return rows(at, OVERALL)["Overall"]


def message(at: AppTest, key: str = LAYERS, **fields: Any) -> dict[str, Any]:
    """Return a message as the sliders tell one, with the next number."""
    return {"number": next(_numbers), "of": told(at, key)["of"], **fields}


def say(at: AppTest, *messages: Any, key: str = LAYERS) -> AppTest:
    """Tell some messages in one run."""
    at.session_state[key] = {"said": list(messages)}
    return at.run()


def move(at: AppTest, layer: str, *values: float) -> AppTest:
    """Move a slider through some values, each in a run of its own; OVERALL is the overall one."""
    key = OVERALL if layer == OVERALL else LAYERS
    name = "Overall" if layer == OVERALL else layer
    move = next(_numbers)
    for value in values:
        say(at, message(at, key, layer=name, value=value, phase="on", move=move), key=key)
    return at


def ask(at: AppTest, layer: str, what: str, value: Any = None) -> AppTest:
    """Ask for something in the menu of a layer's slider."""
    return say(at, message(at, layer=layer, ask=what, value=value))
