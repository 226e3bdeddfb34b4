"""Recoveries that are chosen and not begun: drafts, each kept beside the plan it was chosen for.

A draft is no part of the plan, its link or its history; Start puts it there. The session keeps it
under the plan's digest, so another plan, a refresh or a link begins with its own recovery.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import streamlit as st

from pruneviz.plan import Plan
from pruneviz.ui.session import state

MOST_KEPT = 50
_KEY = "pruneviz-recovery-drafts"


def opened(plan: Plan, first: Plan) -> Plan:
    """Return a plan's draft, `first` where nothing was chosen for it yet."""
    return _drafts().get(plan.digest()) or _keep(plan, first)


def change(edit: Callable[[Plan], Plan], first: Callable[[Plan], Plan]) -> None:
    """Change the draft of the session's plan, `first` of it where it has none; say what is wrong.

    For `on_change` and `on_click` callbacks.
    """
    plan = state.plan()
    try:
        _keep(plan, edit(_drafts().get(plan.digest()) or first(plan)))
    except ValueError as error:
        state.complain(str(error))
    else:
        state.complain("")


def forget(plan: Plan) -> None:
    """Forget what was chosen for a plan, so that it begins with its own recovery again."""
    _drafts().pop(plan.digest(), None)


def _keep(plan: Plan, draft: Plan) -> Plan:
    forget(plan)
    drafts = _drafts()
    drafts[plan.digest()] = draft
    while len(drafts) > MOST_KEPT:
        del drafts[next(iter(drafts))]
    return draft


def _drafts() -> dict[str, Plan]:
    return cast(dict[str, Plan], st.session_state.setdefault(_KEY, {}))
