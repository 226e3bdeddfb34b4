"""What widgets ask for, told apart from what a late browser repeats of what they showed before."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from pruneviz.ui.session import state

STALE_SECONDS = 30.0
# A widget's new value is told the browser again in the runs that follow at once: it draws the last
# of several runs alone, and what was told in one that it passed over is lost.
NEWS_SECONDS = 3.0
ECHO_SECONDS = 5.0  # for which a browser repeats what a widget in a fragment showed before
MAX_SHOWN = 30  # of a widget that follows while a hand moves a slider


def replaced(key: str, value: Any) -> None:
    """Remember that the widget `key` showed `value` until the plan gave it another one."""
    desk = state.current()
    _was_shown(desk, key, value)
    desk.news[key] = time.monotonic()


def wants(key: str, value: Any) -> None:
    """Remember that the plan wants the widget `key` to show `value`, and what it wanted before.

    A browser that is late may show the latter, though this session never saw it there.
    """
    desk = state.current()
    if key in desk.wanted and desk.wanted[key] != value:
        _was_shown(desk, key, desk.wanted[key])
    desk.wanted[key] = value


def is_news(key: str) -> bool:
    """Return whether the browser may not know yet what the plan gave the widget `key`."""
    return time.monotonic() - state.current().news.get(key, -NEWS_SECONDS) < NEWS_SECONDS


def is_echo(key: str, value: Any) -> bool:
    """Return whether the widget `key` showed `value` until a moment ago, when it got another."""
    now, shown = time.monotonic(), state.current().shown.get(key, [])
    return any(value == old and now - at < ECHO_SECONDS for old, at in shown)


def request(key: str, value: Any, edit: Callable[[Any], None]) -> None:
    """Carry out what a widget asks for, unless it may only be repeating what it showed before.

    The browser sends the values of all widgets with each event. When a run was cut short, a widget
    there still has an old value, and its `on_change` is called though nobody touched it. Such a
    value is carried out only when nothing else was asked for (`begin`). A value that the plan gave
    the widget asks for nothing.
    """
    desk = state.current()
    if key in desk.wanted and desk.wanted[key] == value:
        return
    now = time.monotonic()
    if any(value == old and now - at < STALE_SECONDS for old, at in desk.shown.get(key, [])):
        desk.doubtful.append(partial(_carry_out, desk, key, value, edit))
    else:
        _carry_out(desk, key, value, edit)
        desk.edited = True


def _was_shown(desk: state.Desk, key: str, value: Any) -> None:
    others = [each for each in desk.shown.get(key, []) if each[0] != value]
    desk.shown[key] = [*others, (value, time.monotonic())][-MAX_SHOWN:]


def _carry_out(desk: state.Desk, key: str, value: Any, edit: Callable[[Any], None]) -> None:
    """Do what a widget asks for; the browser has its value already and need not be told."""
    desk.wanted.pop(key, None)
    desk.news.pop(key, None)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    desk.asking = key if is_number else ""
    try:
        edit(value)
    finally:
        desk.asking = ""
