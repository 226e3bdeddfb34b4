"""What hands ask of the sliders: each message once, in order, and only where it belongs.

The browser tells its latest messages along with whatever else it tells, so each comes several times
and some come late. A message is a dictionary: its `number`, which grows, `of` whose sliders it is
(`stamp`), a `layer` and a `value`; a slider's has a `phase` and the number of its `move` too, a
menu's says what it asks for (`ask`). Whatever is not one is left alone.
"""

from __future__ import annotations

import hashlib
import json
import math
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard, cast

import streamlit as st

from pruneviz.plan import Part, Plan
from pruneviz.ui.session import state

_KEY = "pruneviz-hand"
AMOUNT = "amount"  # what a slider asks for; a menu asks for other things
PHASES = ("on", "end")
# What is done for a layer, what is asked for, and the value that goes with it.
Answer = Callable[[str, str, Any], None]


@dataclass(frozen=True)
class _Offer:
    """The layers that some sliders are drawn for, and who answers them."""

    layers: frozenset[str]
    answer: Answer


@dataclass
class _Hand:
    """What one session has heard so far: up to which message, and of which move."""

    token: str = field(default_factory=lambda: secrets.token_hex(4))
    heard: int = 0
    move: int = 0
    offers: dict[str, _Offer] = field(default_factory=dict)


def stamp(plan: Plan) -> str:
    """Return what tells the sliders of this session and of a plan's units from all others."""
    units = [plan.values_of(Part.SUBJECT), plan.granularity, dict(plan.granularity_parameters)]
    text = json.dumps([_hand().token, units], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def offer(key: str, layers: Collection[str], answer: Answer) -> None:
    """Let `answer` do what is asked under a component's `key` for any of these layers."""
    _hand().offers[key] = _Offer(frozenset(layers), answer)


def heard() -> int:
    """Return the number of the last message that was heard."""
    return _hand().heard


def hear() -> None:
    """Carry out what was told since the last run; called before a page reads the plan."""
    hand = _hand()
    found = [(each["number"], key, each) for key in hand.offers for each in _told(key)]
    for number, key, message in sorted(found, key=lambda each: each[:2]):
        # asked again for each: one before it may have changed what the units are
        if number > hand.heard and message.get("of") == stamp(state.plan()):
            hand.heard = number
            _carry_out(hand, hand.offers[key], message)


def undo() -> None:
    """Go back one step; what a hand asked for before comes first."""
    hear()
    state.undo()


def redo() -> None:
    """Go forward again by one undone step; what a hand asked for before comes first."""
    hear()
    state.redo()


def _told(key: str) -> Iterator[Mapping[str, Any]]:
    """Return the messages that the browser tells under a key."""
    told = st.session_state.get(key)
    said = told.get("said") if isinstance(told, Mapping) else None
    for each in said if isinstance(said, list) else ():
        if isinstance(each, Mapping) and _is_whole(each.get("number")):
            yield each


def _carry_out(hand: _Hand, offer: _Offer, message: Mapping[str, Any]) -> None:
    layer, value = message.get("layer"), message.get("value")
    if not isinstance(layer, str) or layer not in offer.layers:
        return
    asked = message.get("ask")
    if asked is not None:
        offer.answer(layer, str(asked), value)
        return
    move = message.get("move")
    if message.get("phase") in PHASES and _is_whole(move) and _is_percent(value):
        if move < hand.move:
            return
        hand.move = move
        with state.moving(f"move {move}"):
            offer.answer(layer, AMOUNT, round(value))


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_percent(value: Any) -> TypeGuard[int | float]:
    """Return whether a value is a number from 0 to 100; true and false are none."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and 0 <= value <= 100


def _hand() -> _Hand:
    if _KEY not in st.session_state:
        st.session_state[_KEY] = _Hand()
    return cast(_Hand, st.session_state[_KEY])
