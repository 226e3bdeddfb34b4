"""The one source of truth of a session: a Plan, its history and snapshots, mirrored into the link.

Widgets are a view of the plan. A page sets a widget's value from the plan before it draws it
(`widgets.follow`), and the widget's `on_change` callback edits the plan with `edit`. Nothing else
is kept, so a refresh, a second tab or a shared link shows the same thing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlencode

import streamlit as st

from pruneviz.plan import Plan
from pruneviz.ui.session import link

MAX_HISTORY = 200
# The browser sends its link along with every widget change, so one that this session wrote moments
# ago may come back late; an older one comes back when the user goes back in the history.
LATE_SECONDS = 1.0
REPEAT_SECONDS = 2.0  # between two presses on one number that are one step back
MOVE = "move:"  # how what a hand asks for begins, and no key of a widget
NAMES = ("plan", "snapshots", "layer", "goal")  # of the parameters in a link
_KEY = "pruneviz-desk"


@dataclass
class Desk:
    """What one session holds: the plan, its past, what was undone, and named snapshots."""

    plan: Plan = link.OPENING
    past: list[Plan] = field(default_factory=list)
    grip: Plan | None = None
    asking: str = ""
    replaces: bool | None = None  # a move's own entry in the browser's history; None: nothing moved
    address: str = ""
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
    gave_way: dict[str, str] = field(default_factory=dict)  # by model, the criterion chosen before
    wanted: dict[str, Any] = field(default_factory=dict)
    news: dict[str, float] = field(default_factory=dict)


def begin(opening: Callable[[], Plan] = lambda: link.OPENING) -> Desk:
    """Take over a new link, write the plan into the link, and return the session's desk.

    `opening` gives the plan of a session whose link has none, and is asked of no other. The frame
    calls this once at the top of every page.
    """
    desk = current()
    _settle(desk)
    if not desk.edited:
        _adopt(desk, opening)
    desk.edited = False
    desk.address = _address() if desk.replaces else ""
    if not desk.replaces:
        _mirror(desk)
    desk.replaces = None
    return desk


def plan() -> Plan:
    """Return the session's plan."""
    return current().plan


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
    desk = current()
    desk.problem, desk.edited = sentence, True


def put(new: Plan) -> None:
    """Make `new` the plan, as one step that can be undone; a slider's move is one from end to end.

    So are several presses on one number. `grip` is the plan that a move found when it began, None
    after any other step. What goes on in a move has its entry in the browser's history already.
    """
    desk = current()
    desk.problem = ""
    desk.edited = True
    now, asking = time.monotonic(), desk.asking
    recent = asking.startswith(MOVE) or now - desk.repeated[1] < REPEAT_SECONDS
    goes_on = bool(asking) and asking == desk.repeated[0] and recent
    if not goes_on:
        desk.grip = None
    desk.repeated = asking, now
    desk.replaces = goes_on and asking.startswith(MOVE) and desk.replaces is not False
    if new == desk.plan:
        return
    if new.model != desk.plan.model and new.criterion != desk.plan.criterion:
        desk.gave_way[new.model] = desk.plan.criterion
    if not (desk.grip and desk.past and desk.past[-1] is desk.grip):
        desk.past = [*desk.past, desk.plan][-MAX_HISTORY:]
        desk.grip = desk.plan if asking else None
        desk.replaces = False
    desk.future = []
    desk.plan = new


@contextmanager
def moving(move: str) -> Iterator[None]:
    """Within the `with`, what is put belongs to a hand's move; all of one move is one step."""
    desk = current()
    desk.asking = MOVE + move
    try:
        yield
    finally:
        desk.asking = ""


def address() -> str:
    """Return the link's parameters as text, where the browser is to take them for its own.

    They are those of a move that goes on. Any other change has been told as a link of its own: "".
    """
    return current().address


def undo() -> None:
    """Go back one step, if there is one."""
    _walk(current().past, current().future)


def redo() -> None:
    """Go forward again by one undone step, if there is one."""
    _walk(current().future, current().past)


def _walk(source: list[Plan], target: list[Plan]) -> None:
    """Take the plan from the end of one list, where there is one, and leave ours in the other."""
    desk = current()
    if source:
        target.append(desk.plan)
        desk.plan = source.pop()
    desk.repeated, desk.replaces = ("", 0.0), False
    desk.problem, desk.edited = "", True


def take_snapshot() -> None:
    """Keep the plan under the next free letter; beyond the last one, the oldest goes."""
    desk = current()
    names = link.SNAPSHOT_NAMES[: link.MAX_SNAPSHOTS]
    free = [name for name in names if name not in desk.snapshots]
    name = free[0] if free else next(iter(desk.snapshots))
    desk.snapshots.pop(name, None)
    desk.snapshots[name] = desk.plan
    desk.edited = True


def restore_snapshot(name: str) -> None:
    """Make a snapshot the plan again, as one step that can be undone."""
    put(current().snapshots[name])


def drop_snapshot(name: str) -> None:
    """Forget a snapshot."""
    desk = current()
    desk.snapshots.pop(name, None)
    desk.edited = True


def snapshots() -> Mapping[str, Plan]:
    """Return the named snapshots, oldest first."""
    return dict(current().snapshots)


def choose_layer(name: str) -> None:
    """Make `name` the layer that every page shows; "" for none."""
    desk = current()
    desk.layer, desk.edited = name, True
    _mirror(desk)


def layer() -> str:
    """Return the layer that was chosen on any page; "" when none was."""
    return current().layer


def choose_goal(text: str) -> None:
    """Make `text` the goal that ratios are proposed for, as a link spells it."""
    desk = current()
    desk.goal, desk.edited = text, True
    _mirror(desk)


def goal() -> str:
    """Return the goal as a link spells it; "" when none was chosen."""
    return current().goal


def query() -> dict[str, str]:
    """Return the link's parameters, for a `st.page_link` or `st.switch_page` to another page."""
    desk = current()
    wanted = {
        "plan": link.encode(desk.plan),
        "snapshots": link.encode_snapshots(desk.snapshots),
        "layer": desk.layer,
        "goal": desk.goal,
    }
    return {name: value for name, value in wanted.items() if value}


def current() -> Desk:
    """Return what this session holds."""
    if _KEY not in st.session_state:
        st.session_state[_KEY] = Desk()
    return cast(Desk, st.session_state[_KEY])


def _settle(desk: Desk) -> None:
    """Carry out a doubtful request when it is the only thing that was asked for."""
    doubtful, desk.doubtful = desk.doubtful, []
    if len(doubtful) == 1 and not desk.edited:
        doubtful[0]()


def _adopt(desk: Desk, opening: Callable[[], Plan]) -> None:
    """Take over the link's plan when it is one that this session did not just write itself."""
    given = st.query_params.get("plan", "")
    first = desk.link is None
    if not first and (not given or given == desk.link or _is_late(desk, given)):
        return
    try:
        given_plan = link.decode(given) if given else opening()
        snapshots = link.decode_snapshots(st.query_params.get("snapshots", ""))
    except ValueError as error:
        if first:
            desk.plan = opening()
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


def _address() -> str:
    """Return the link as it would be after `_mirror`."""
    wanted, given = query(), st.query_params.to_dict()
    kept = {name: value for name, value in given.items() if name not in NAMES or name in wanted}
    return urlencode({**kept, **wanted})


def _mirror(desk: Desk) -> None:
    """Write the plan into the link; a link that says the same already is left alone."""
    wanted = query()
    for name in NAMES:
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
