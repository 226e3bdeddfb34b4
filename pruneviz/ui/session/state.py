"""The one source of truth of a session: a Plan, its history and snapshots, mirrored into the link.

Widgets are a view of the plan. A page sets a widget's value from the plan before it draws it
(`widgets.follow`), and the widget's `on_change` callback edits the plan with `edit`. Nothing else
is kept, so a refresh, a second tab or a shared link shows the same thing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import streamlit as st

from pruneviz.plan import Plan
from pruneviz.ui.session import hand, link

MAX_HISTORY = 200
# The browser sends its link along with every widget change, so one that this session wrote moments
# ago may come back late; an older one comes back when the user goes back in the history.
LATE_SECONDS = 1.0
STALE_SECONDS = 30.0
# Where other units are removed, or shared out otherwise, sliders get new values all at once, and a
# busy browser may send the old ones for a while, each as if it had been moved.
REGROUPED_SECONDS = 30.0
# A widget's new value is told the browser again in the runs that follow at once: it draws the last
# of several runs alone, and what was told in one that it passed over is lost.
NEWS_SECONDS = 3.0
REPEAT_SECONDS = 2.0  # between two presses on one slider that are one step back
ECHO_SECONDS = 5.0  # for which a browser repeats what a widget in a fragment showed before
MAX_SHOWN = 30  # of a slider that follows while a hand moves another one
_KEY = "pruneviz-desk"


@dataclass
class Desk:
    """What one session holds: the plan, its past, what was undone, and named snapshots."""

    plan: Plan = link.OPENING
    past: list[Plan] = field(default_factory=list)
    grip: Plan | None = None
    moved: float = -NEWS_SECONDS
    asking: str = ""
    repeated: tuple[str, float] = ("", -REPEAT_SECONDS)
    future: list[Plan] = field(default_factory=list)
    snapshots: dict[str, Plan] = field(default_factory=dict)
    layer: str = ""
    goal: str = ""
    problem: str = ""
    link: str | None = None
    written: dict[str, float] = field(default_factory=dict)
    edited: bool = False
    shown: dict[str, list[tuple[Any, float]]] = field(default_factory=dict)
    doubtful: list[Callable[[], None]] = field(default_factory=list)
    regrouped: float = -REGROUPED_SECONDS
    before: dict[str, set[Any]] = field(default_factory=dict)
    wanted: dict[str, Any] = field(default_factory=dict)
    news: dict[str, float] = field(default_factory=dict)


def begin(opening: Plan = link.OPENING) -> Desk:
    """Take over a new link, write the plan into the link, and return the session's desk.

    `opening` is the plan of a session whose link has none. The frame calls this once at
    the top of every page.
    """
    desk = _desk()
    _settle(desk)
    if not desk.edited:
        _adopt(desk, opening)
    desk.edited = False
    _mirror(desk)
    return desk


def plan() -> Plan:
    """Return the session's plan."""
    return _desk().plan


def edit(**fields: Any) -> None:
    """Change some fields of the plan as one step that can be undone; for `on_change` callbacks.

    A value that the plan refuses leaves it as it was and puts the sentence into `problem`.
    """
    try:
        changed = Plan.from_fields({**plan().model_dump(), **fields})
    except ValueError as error:
        complain(str(error))
        return
    put(changed)


def complain(sentence: str) -> None:
    """Show a sentence under the strip until the plan changes next."""
    desk = _desk()
    desk.problem, desk.edited = sentence, True


def put(new: Plan) -> None:
    """Make `new` the plan, as one step that can be undone; a slider's move is one from end to end.

    So are several presses on one slider or number. `grip` is the plan that a hand found when it
    began to move, None after any other step.
    """
    desk = _desk()
    desk.problem = ""
    desk.edited = True
    now, pressed = time.monotonic(), desk.asking if not hand.moves() else ""
    again = bool(pressed) and pressed == desk.repeated[0]
    if not (hand.goes_on() or (again and now - desk.repeated[1] < REPEAT_SECONDS)):
        desk.grip = None
    desk.repeated = pressed, now
    if new == desk.plan:
        return
    if not (desk.grip and desk.past and desk.past[-1] is desk.grip):
        desk.past = [*desk.past, desk.plan][-MAX_HISTORY:]
        desk.grip = desk.plan if hand.moves() or pressed else None
    desk.future = []
    desk.plan = new


def undo() -> None:
    """Go back one step, if there is one."""
    _walk(_desk().past, _desk().future)


def redo() -> None:
    """Go forward again by one undone step, if there is one."""
    _walk(_desk().future, _desk().past)


def _walk(source: list[Plan], target: list[Plan]) -> None:
    """Take the plan from the end of one list, where there is one, and leave ours in the other."""
    desk = _desk()
    if source:
        target.append(desk.plan)
        desk.plan = source.pop()
    desk.repeated = "", 0.0
    desk.problem, desk.edited = "", True


def take_snapshot() -> None:
    """Keep the plan under the next free letter; beyond the last one, the oldest goes."""
    desk = _desk()
    names = link.SNAPSHOT_NAMES[: link.MAX_SNAPSHOTS]
    free = [name for name in names if name not in desk.snapshots]
    name = free[0] if free else next(iter(desk.snapshots))
    desk.snapshots.pop(name, None)
    desk.snapshots[name] = desk.plan
    desk.edited = True


def restore_snapshot(name: str) -> None:
    """Make a snapshot the plan again, as one step that can be undone."""
    put(_desk().snapshots[name])


def drop_snapshot(name: str) -> None:
    """Forget a snapshot."""
    desk = _desk()
    desk.snapshots.pop(name, None)
    desk.edited = True


def snapshots() -> Mapping[str, Plan]:
    """Return the named snapshots, oldest first."""
    return dict(_desk().snapshots)


def replaced(key: str, value: Any) -> None:
    """Remember that the widget `key` showed `value` until the plan gave it another one."""
    desk = _desk()
    _was_shown(desk, key, value)
    desk.news[key] = time.monotonic()


def wants(key: str, value: Any) -> None:
    """Remember that the plan wants the widget `key` to show `value`, and what it wanted before.

    A browser that is late may show the latter, though this session never saw it there.
    """
    desk = _desk()
    if key in desk.wanted and desk.wanted[key] != value:
        _was_shown(desk, key, desk.wanted[key])
    desk.wanted[key] = value


def is_news(key: str) -> bool:
    """Return whether the browser may not know yet what the plan gave the widget `key`."""
    return time.monotonic() - _desk().news.get(key, -NEWS_SECONDS) < NEWS_SECONDS


def is_echo(key: str, value: Any) -> bool:
    """Return whether the widget `key` showed `value` until a moment ago, when it got another."""
    now = time.monotonic()
    return any(value == old and now - at < ECHO_SECONDS for old, at in _desk().shown.get(key, []))


def regroup(prefix: str) -> None:
    """Believe no more, for a while, what widgets whose keys begin so show now or have shown."""
    desk = _desk()
    desk.regrouped = time.monotonic()
    desk.before = {
        str(key): {value, *(old for old, _ in desk.shown.get(str(key), []))}
        for key, value in st.session_state.items()
        if str(key).startswith(prefix)
    }


def request(key: str, value: Any, edit: Callable[[Any], None]) -> None:
    """Carry out what a widget asks for, unless it may only be repeating what it showed before.

    The browser sends the values of all widgets with each event. When a run was cut short, a widget
    there still has an old value, and its `on_change` is called though nobody touched it. Such a
    value is carried out only when nothing else was asked for (`begin`). A value that the plan gave
    the widget asks for nothing. A hand that moves a slider asks for any value, an old one
    too; old values of others, which a part of the page that looks again by itself brings meanwhile,
    ask for nothing.
    """
    desk = _desk()
    if key in desk.wanted and desk.wanted[key] == value:
        return
    now, regrouped = time.monotonic(), desk.regrouped + REGROUPED_SECONDS
    if now < regrouped and value in desk.before.get(key, ()) and not hand.moves():
        return
    if hand.moves():
        desk.moved = now
    if any(value == old and now - at < STALE_SECONDS for old, at in desk.shown.get(key, [])):
        if not (now - desk.moved < NEWS_SECONDS and hand.looks_again()):
            desk.doubtful.append(partial(_carry_out, desk, key, value, edit))
    else:
        _carry_out(desk, key, value, edit)
        desk.edited = True


def _was_shown(desk: Desk, key: str, value: Any) -> None:
    others = [each for each in desk.shown.get(key, []) if each[0] != value]
    desk.shown[key] = [*others, (value, time.monotonic())][-MAX_SHOWN:]


def _carry_out(desk: Desk, key: str, value: Any, edit: Callable[[Any], None]) -> None:
    """Do what a widget asks for; the browser has its value already and need not be told."""
    desk.wanted.pop(key, None)
    desk.news.pop(key, None)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    desk.asking = key if is_number else ""
    try:
        edit(value)
    finally:
        desk.asking = ""


def choose_layer(name: str) -> None:
    """Make `name` the layer that every page shows; "" for none."""
    desk = _desk()
    desk.layer, desk.edited = name, True
    _mirror(desk)


def layer() -> str:
    """Return the layer that was chosen on any page; "" when none was."""
    return _desk().layer


def choose_goal(text: str) -> None:
    """Make `text` the goal that ratios are proposed for, as a link spells it."""
    desk = _desk()
    desk.goal, desk.edited = text, True
    _mirror(desk)


def goal() -> str:
    """Return the goal as a link spells it; "" when none was chosen."""
    return _desk().goal


def query() -> dict[str, str]:
    """Return the link's parameters, for a `st.page_link` or `st.switch_page` to another page."""
    desk = _desk()
    wanted = {
        "plan": link.encode(desk.plan),
        "snapshots": link.encode_snapshots(desk.snapshots),
        "layer": desk.layer,
        "goal": desk.goal,
    }
    return {name: value for name, value in wanted.items() if value}


def _desk() -> Desk:
    if _KEY not in st.session_state:
        st.session_state[_KEY] = Desk()
    return cast(Desk, st.session_state[_KEY])


def _settle(desk: Desk) -> None:
    """Carry out a doubtful request when it is the only thing that was asked for."""
    doubtful, desk.doubtful = desk.doubtful, []
    if len(doubtful) == 1 and not desk.edited:
        doubtful[0]()


def _adopt(desk: Desk, opening: Plan) -> None:
    """Take over the link's plan when it is one that this session did not just write itself."""
    given = st.query_params.get("plan", "")
    first = desk.link is None
    if first:
        desk.plan = opening
    if not first and (not given or given == desk.link or _is_late(desk, given)):
        return
    try:
        given_plan = link.decode(given) if given else opening
        snapshots = link.decode_snapshots(st.query_params.get("snapshots", ""))
    except ValueError as error:
        shown = "The default plan" if first else "The plan from before"
        desk.problem = f"The plan in this link cannot be used: {error}. {shown} is shown instead."
        return
    desk.layer = st.query_params.get("layer", "")[:200] or desk.layer
    desk.goal = st.query_params.get("goal", "")[:80] or desk.goal
    if first:
        desk.plan, desk.snapshots = given_plan, snapshots
        return
    put(given_plan)
    desk.snapshots.update(snapshots)


def _is_late(desk: Desk, given: str) -> bool:
    return given in desk.written and time.monotonic() - desk.written[given] < LATE_SECONDS


def _mirror(desk: Desk) -> None:
    """Write the plan into the link; a link that says the same already is left alone."""
    wanted = query()
    for name in ("plan", "snapshots", "layer", "goal"):
        if st.query_params.get(name, "") == wanted.get(name, ""):
            continue
        if name in wanted:
            st.query_params[name] = wanted[name]
        else:
            del st.query_params[name]
    now = time.monotonic()
    if desk.link is not None and desk.link != wanted.get("plan", ""):
        # From now on the previous link may still come back late.
        desk.written[desk.link] = now
    desk.link = wanted.get("plan", "")
    desk.written = dict(list(desk.written.items())[-MAX_HISTORY:])
