"""What a job does now, in words: one sentence for every state, the same on every page."""

from __future__ import annotations

from pruneviz.figures.kit import format as fmt
from pruneviz.history.folder import UNDER_WAY, State, Status

NOT_STARTED = "not started"


def line(state: State | None, status: Status, *, stopping: bool) -> str:
    """Return what a job in this state does now; None is the state of one that nobody began."""
    if state is None:
        return NOT_STARTED
    if state not in UNDER_WAY:
        return state
    if stopping:
        return "stopping …"
    waits = state == "queued"
    words = status.sentence or ("waiting to start" if waits else "loading")
    if waits or status.seconds_left is None or status.fraction >= 1:
        return f"{words} …"
    return f"{words}, about {fmt.seconds(status.seconds_left)} left"
