"""How much does each block change? Block influence along the depth, and what the plan removes."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from pruneviz.figures.kit import format as fmt
from pruneviz.figures.sensitivity.influence import influence
from pruneviz.granularity import GRANULARITIES
from pruneviz.plan import Setting
from pruneviz.statistics import STATISTICS
from pruneviz.ui.engine import influencing
from pruneviz.ui.frame.frame import View
from pruneviz.ui.kit import widgets
from pruneviz.ui.sensitivity import scanning
from pruneviz.ui.session import edits
from pruneviz.ui.words import text

QUESTION = "How much does each block change?"
KIND, RANKED = "depth", "block_influence"
AT_ONCE_SECONDS = 10.0  # what takes no longer begins unasked
ASKED = "pruneviz-influence"  # of which models it was asked for
WHY = (
    "A block whose output points where its input points changes little of what passes through it: "
    "0 means no turn at all. ShortGPT takes the blocks of least influence out first. It is "
    "measured of the original, on {inputs}."
)
NONE = (
    "This network has no residual block that could be left out: no module returns what it is "
    "given when all its weights are 0. Architecture says why of each layer."
)


def settings(_view: View) -> dict[str, Setting]:
    """Return nothing: there is nothing to choose."""
    return {}


def page(view: View, _settings: Mapping[str, Setting]) -> None:
    """Draw the influence of each block, which of them the plan removes, and the way to rank so."""
    plan, number = view.plan, influencing.inputs(view.plan)
    entry = STATISTICS.get(RANKED)
    calibration = fmt.plural(number, "calibration input")
    st.caption(
        f"{text.escape(WHY.format(inputs=calibration))} Source: {text.escape(entry.source)}."
    )
    known = influencing.influences.kept(plan)
    seconds = influencing.seconds(plan)
    if known is None and seconds > AT_ONCE_SECONDS:
        label = f"Measure (about {fmt.seconds(seconds)})"
        if not st.button(label, key="influence-go", icon=":material/play_arrow:"):
            return
    found = influencing.influences(plan) if known is None else known
    if not found:
        widgets.empty(NONE)
        return
    gone = influencing.left_out(plan)
    widgets.figure(influence(found, gone), key="sensitivity-influence")
    shown = pd.DataFrame(
        {
            "block": [each.block for each in found],
            "stage": [each.stage for each in found],
            "influence": [each.influence for each in found],
            "in this plan": ["removed" if each.block in gone else "stays" for each in found],
        }
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        _rank_so(view)
        scanning.download(shown, "influence.csv")
        widgets.page_link("tune", "Tune: remove blocks")
    with st.expander("All numbers"):
        numbers = {"influence": st.column_config.NumberColumn(format="%.3f")}
        st.dataframe(shown, hide_index=True, column_config=numbers, alt="Influence of each block")


def _rank_so(view: View) -> None:
    """Draw the button that makes the plan remove blocks by their influence."""
    so = view.plan.granularity == KIND and view.plan.criterion == RANKED
    title = GRANULARITIES.get(KIND).title.lower()
    st.button(
        "Blocks are removed by this" if so else "Remove blocks by this",
        key="influence-rank",
        icon=":material/check:" if so else ":material/low_priority:",
        disabled=so,
        help=f"The plan removes {title}, those of least influence first, as much as it says now. "
        "Undo takes it back.",
        on_click=edits.rank_blocks,
        args=(RANKED,),
    )
