"""Tune: how much goes, and where?"""

import streamlit as st

from pruneviz.allocate import SCOPES, strangers
from pruneviz.criteria import CRITERIA
from pruneviz.figures import layers as figures
from pruneviz.granularity import GRANULARITIES, noun
from pruneviz.plan import Plan
from pruneviz.ui import classes
from pruneviz.ui.frame import frame
from pruneviz.ui.frame.frame import View
from pruneviz.ui.kit import widgets
from pruneviz.ui.session import edits, state
from pruneviz.ui.tune import goals, no_training, sliders, snapshots
from pruneviz.ui.tune.board import Board, board_of
from pruneviz.ui.words import text


def methods(plan: Plan) -> None:
    """Draw what is removed, how it is ranked and how the amount is shared out; it folds."""
    chosen = (
        GRANULARITIES.get(plan.granularity).title,
        CRITERIA.get(plan.criterion).title,
        SCOPES.get(plan.scope).title,
    )
    with widgets.folded("Methods", text.escape(" · ".join(chosen)), "tune-methods"):
        _methods(plan)


def _methods(plan: Plan) -> None:
    grid = st.grid(3, min_column_width=270, gap="medium")
    with grid.cell(), st.container(gap="xsmall"):
        widgets.choose(
            GRANULARITIES, "What to remove", "tune-granularity", plan.granularity,
            edits.set_granularity,
        )  # fmt: skip
        widgets.parameters(
            GRANULARITIES, plan.granularity, plan.granularity_parameters,
            edits.set_granularity_parameter,
        )  # fmt: skip
    with grid.cell(), st.container(gap="xsmall"):
        widgets.choose(
            CRITERIA, "How to rank the units", "tune-criterion", plan.criterion,
            edits.set_criterion, by_family=True, granularity=plan.granularity,
        )  # fmt: skip
        widgets.parameters(CRITERIA, plan.criterion, plan.criterion_parameters, edits.set_parameter)
    with grid.cell(), st.container(gap="xsmall"):
        widgets.choose(
            SCOPES, "How to divide it among layers", "tune-scope", plan.scope, edits.set_scope
        )
        widgets.parameters(SCOPES, plan.scope, plan.scope_parameters, edits.set_scope_parameter)


def overall(plan: Plan) -> None:
    """Draw the overall slider and what it does under the scope."""
    with st.container(gap=None):
        sliders.overall(plan)
        st.caption(text.scope_sentence(plan))


def layers_header(plan: Plan) -> None:
    """Draw the heading of the sliders and the way back for all of them."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Each layer", anchor=False, width="stretch")
        st.button(
            "Reset layers to Overall",
            key="tune-all-follow",
            disabled=not plan.layers,
            help="Forget every layer's own value",
            on_click=edits.follow_overall,
        )


def left_behind(view: View) -> None:
    """Offer to forget layers that were set or locked and have no units of this granularity."""
    names = strangers(view.prepared.units, view.plan)
    if names:
        st.button(
            f"Forget the amounts and locks of {text.escape(text.some(names))}",
            key="tune-forget",
            help=f"They have no {noun(view.plan.granularity)}s that can be removed",
            on_click=edits.forget_layers,
            args=(names,),
        )


def picture(board: Board) -> None:
    """Draw what stays and goes in each layer; a click on a bar chooses the layer."""
    others = {group.name: group.layers for group in board.groups if group != board.open}
    rows = list(board.rows.values())
    widgets.figure(
        figures.kept_and_removed(rows, state.layer(), others=others, possible=board.possible),
        "tune-figure",
        on_select=lambda: widgets.choose_clicked("tune-figure"),
        selection_mode="points",
    )


def without_training(view: View) -> None:
    """Draw what recoveries without training would win back, where it is asked for."""
    if view.subject.data is None or not view.possible:
        return
    if st.toggle("What comes back without training", key="tune-untrained", help=no_training.HELP):
        with st.spinner("Recalibrating and correcting …"), widgets.problems_here():
            st.markdown(no_training.table(no_training.rows(view.plan)))
        widgets.page_link("recover", "Recover: put one of them into the plan, or train")


def each_class(view: View) -> None:
    """Draw what each class loses, where it is asked for."""
    if view.subject.data is None or not view.possible or not view.subject.task.labelled:
        return
    if st.toggle("Effect on each class", key="tune-classes", help=classes.HELP):
        classes.draw(view.plan)


def beside_snapshots(view: View) -> None:
    """Draw the plan beside the original and the snapshots, where it is asked for."""
    if st.toggle("Compare with snapshots", key="tune-snapshots", help=snapshots.HELP):
        snapshots.draw(view.plan)


def skipped(view: View) -> None:
    """List what cannot be pruned, with the reasons."""
    if not view.prepared.skipped:
        st.caption("Every layer with weights can be pruned.")
        return
    with st.expander(text.skipped_title(view.prepared.skipped)):
        st.dataframe(text.skipped_table(view.prepared.skipped), hide_index=True)


with frame.page("Tune", "How much goes, and where?") as view:
    overall(view.plan)
    with st.container(gap="xsmall"):
        goals.draw(view)
        methods(view.plan)
    left_behind(view)
    grid = st.grid(2, min_column_width=420, gap="medium")
    board = board_of(view.plan, view.prepared.units, view.layers, view.possible)
    with grid.cell():
        layers_header(view.plan)
        sliders.draw(board)
    with grid.cell():
        picture(board)
        without_training(view)
        each_class(view)
        beside_snapshots(view)
        for note in view.notes:
            st.caption(text.told(note))
        skipped(view)
