"""What is wanted, on Tune: the kind of goal and its number, in the unit of what is judged."""

from __future__ import annotations

import math
from functools import partial

import streamlit as st

from pruneviz.figures import proposed as words
from pruneviz.metrics import Metric
from pruneviz.propose import GOALS, SAVES, Goal, losses
from pruneviz.propose.goal import (
    FRACTIONS,
    MACS,
    MEGABYTES,
    MILLISECONDS,
    PARAMETERS,
    loss_kind,
    usual_loss,
)
from pruneviz.ui.frame.frame import View
from pruneviz.ui.kit import widgets
from pruneviz.ui.session import state

LABELS = {
    MEGABYTES: "Fit into (MB)",
    MACS: "Keep at most (% of the MACs)",
    PARAMETERS: "Keep at most (% of the parameters)",
    MILLISECONDS: "Answer within (ms)",
}
UNITS = {
    MEGABYTES: "MB",
    MACS: "% of the MACs",
    PARAMETERS: "% of the parameters",
    MILLISECONDS: "ms, one input",
}
HELP = (
    "Proposes a sparsity for each layer from its sensitivity curve, checks all of them together by "
    "an evaluation, and puts them on the sliders. Locked layers and units stay; undo takes it back."
)


def chosen(view: View) -> Goal:
    """Return the session's goal; the first one where the link holds none that can be.

    What may be lost of a metric that the network is not judged by is none that can be.
    """
    metric = metric_of(view)
    try:
        goal = Goal.parse(state.goal()) if state.goal() else _first(view, metric)
    except ValueError:
        return _first(view, metric)
    is_other = goal.metric is not None and goal.kind != loss_kind(metric)
    return _first(view, metric) if is_other else goal


def metric_of(view: View) -> Metric:
    """Return what the network is judged by."""
    return view.subject.metrics[0]


def _first(view: View, metric: Metric) -> Goal:
    return usual_loss(metric, view.original_quality if view.subject.data else math.nan)


def _label(kind: str, metric: Metric) -> str:
    """Return a kind of goal with its unit: `Lose at most (points)`."""
    if kind != loss_kind(metric):
        return LABELS[kind]
    verb = "Lose" if metric.better == "higher" else "Add"
    return f"{verb} at most ({losses.unit_in_words(metric)})"


def _unit(goal: Goal) -> str:
    """Return what the number of a goal is of: `Points`, `Mean absolute error`."""
    unit = losses.unit_in_words(goal.metric) if goal.metric else UNITS[goal.kind]
    return unit[:1].upper() + unit[1:]


def row(view: View, goal: Goal, *, busy: bool) -> bool:
    """Draw the goal's kind and value and the button; return whether it was pressed."""
    metric = metric_of(view)
    kinds = [loss_kind(metric), *LABELS]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox(
            "Goal",
            kinds,
            index=kinds.index(goal.kind),
            format_func=partial(_label, metric=metric),
            key=widgets.follow("goal-kind", goal.kind),
            on_change=widgets.changes("goal-kind", partial(_choose_kind, view)),
            width=270,
        )
        _value(goal, _first(view, metric).value)
        if goal.metric is not None:
            st.selectbox(
                "Save most",
                list(SAVES),
                index=list(SAVES).index(goal.save),
                format_func={PARAMETERS: "parameters", MACS: "MACs"}.__getitem__,
                key=widgets.follow("goal-save", goal.save),
                on_change=widgets.changes(
                    "goal-save", lambda save: _choose(goal.kind, goal.value, save)
                ),
                width=150,
            )
        return st.button(
            "Propose ratios",
            type="primary",
            key="goal-propose",
            help=HELP,
            disabled=busy,
        )


def _value(goal: Goal, usual_loss: float) -> None:
    """Draw the number field of a goal; parts are in percent."""
    scale = 100.0 if goal.kind in FRACTIONS else 1.0
    key = f"goal-value-{goal.kind}"
    shown = float(f"{scale * goal.value:.6g}")
    st.number_input(
        _unit(goal),
        min_value=0.0,
        max_value=_most(goal),
        value=shown,
        step=_step(goal, shown, usual_loss),
        format="%g",
        key=widgets.follow(key, shown),
        on_change=widgets.changes(key, lambda value: _choose(goal.kind, value / scale, goal.save)),
        width=210,
    )


def _most(goal: Goal) -> float | None:
    """Return the most that a goal's number can be, as it is shown; None where it has no end."""
    if goal.kind in FRACTIONS:
        return 100.0
    if goal.metric is None:
        return None
    most = goal.metric.scale * (goal.metric.most - goal.metric.least)
    return most if math.isfinite(most) else None


def _step(goal: Goal, shown: float, usual_loss: float) -> float:
    """Return by how much a goal's number moves at a click: of a loss by half of a usual one."""
    if goal.kind in FRACTIONS:
        return 5.0
    size = usual_loss / 2 if goal.metric else shown / 10
    return float(f"{size:.1g}") if size > 0 else 1.0


def _choose(kind: str, value: float, save: str) -> None:
    """Make this the goal, or say why it cannot be one."""
    try:
        state.choose_goal(Goal(kind, value, save).text())
    except ValueError as error:
        state.complain(str(error))


def _choose_kind(view: View, kind: str) -> None:
    """Take another kind of goal, with a value that this network does not meet yet."""
    metric = metric_of(view)
    if kind == loss_kind(metric):
        goal = _first(view, metric)
    else:
        known = view.possible
        goal = words.usual(kind, view.live.report) if known else Goal(kind, GOALS[kind].usual)
    state.choose_goal(goal.text())
