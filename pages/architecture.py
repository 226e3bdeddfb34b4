"""Architecture: what is connected to what, and what can be cut?"""

from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st
from torch import Tensor

from pruneviz.figures import architecture as figures
from pruneviz.figures import layer_costs
from pruneviz.granularity import Units, noun
from pruneviz.granularity.channel import ChannelUnits
from pruneviz.granularity.depth import BlockUnits
from pruneviz.measure.by_layer import LayerCost, table
from pruneviz.ui import architecture
from pruneviz.ui.frame import frame
from pruneviz.ui.frame.frame import View
from pruneviz.ui.kit import theme, widgets
from pruneviz.ui.session import state
from pruneviz.ui.words import text


def diagram(view: View, rows: Sequence[LayerCost], units: Units | None) -> None:
    """Draw the network; a click on a row chooses its layer."""
    number = architecture.number_of(view.prepared.units, units, state.layer())
    chart = figures.network(rows, state.layer(), number, possible=view.possible)
    scrolled("architecture-network", chart)
    st.caption(architecture.legend(view.plan.granularity))


def scrolled(key: str, chart: go.Figure) -> None:
    """Draw a figure with one row a layer, in a box of its own where it is higher than the box."""
    widgets.scrolled(
        theme.fit(chart),
        key,
        on_select=lambda: widgets.choose_clicked(key),
        selection_mode="points",
    )


def choose_group(view: View, rows: Sequence[LayerCost], units: Units | None) -> None:
    """Draw the choice of a group, and what goes with one of its channels."""
    groups = {each.name: (place, each) for place, each in enumerate(view.prepared.units, 1)}
    unit = noun(view.plan.granularity)
    st.selectbox(
        architecture.choice_label(view.plan.granularity),
        list(groups),
        index=groups[units.name][0] - 1 if units else None,
        format_func=lambda name: architecture.group_label(*groups[name], unit),
        placeholder="none: the chosen layer cannot be pruned",
        key=widgets.follow("architecture-group", units.name if units else None),
        on_change=widgets.changes(
            "architecture-group", lambda name: state.choose_layer(name or "")
        ),
        help="The layer chosen here is chosen on every page.",
    )
    keep = view.pruned.keep[units.name] if units and view.possible else None
    if units is None:
        whole = next(row for row in rows if row.name == state.layer())
        st.info(architecture.whole_sentence(whole))
    elif isinstance(units, ChannelUnits):
        channel(view, units, keep)
    elif isinstance(units, BlockUnits):
        st.markdown(architecture.blocks_sentence(units, keep))
        table_of = text.blocks_table(units, keep)
        st.dataframe(table_of, hide_index=True, alt=f"The residual blocks of {units.name}")
    else:
        st.markdown(architecture.weights_sentence(units, keep, unit))


def channel(view: View, units: ChannelUnits, keep: Tensor | None) -> None:
    """Draw the choice of a channel, and every place that holds a part of it."""
    chosen = st.number_input(
        f"{units.noun.capitalize()} (0 to {units.count - 1:,})",
        0,
        units.count - 1,
        architecture.first_going(keep),
        key=f"architecture-channel-{units.name}-{units.count}",
        width=220,
    )
    st.markdown(architecture.channel_sentence(units, chosen, keep))
    st.dataframe(
        architecture.taken_table(view.subject, units, chosen),
        hide_index=True,
        column_config={"Axis": {"width": 46}, "Numbers": {"width": 66}},
        alt=f"What goes with {units.noun} {chosen}",
    )


def costs(view: View, rows: Sequence[LayerCost]) -> None:
    """Draw parameters and MACs by layer, and the numbers to take away."""
    scrolled("architecture-costs", layer_costs.costs(rows, state.layer()))
    if left_out := architecture.left_out(view.plan):
        st.caption(text.escape(f"MACs: {left_out}."))
    st.download_button(
        "Download as CSV",
        table(rows).to_csv(index=False),
        "layers.csv",
        "text/csv",
        key="architecture-csv",
        icon=":material/download:",
        on_click="ignore",
    )
    with st.expander("All numbers"):
        st.dataframe(
            architecture.numbers(rows), hide_index=True, alt="The layers and what they cost"
        )


def held_back(view: View, rows: Sequence[LayerCost]) -> None:
    """List what cannot be pruned, with the reasons."""
    skipped = view.prepared.skipped
    title = architecture.skipped_sentence(skipped, rows) or "What cannot be pruned"
    st.subheader(title, anchor=False)
    if not skipped:
        widgets.empty("Nothing is held back: every layer with weights can be pruned.")
        return
    st.dataframe(text.skipped_table(skipped), hide_index=True, alt="Layers that cannot be pruned")


with frame.page("Architecture", "What is connected to what, and what can be cut?") as view:
    rows = architecture.layers(view.plan)
    units = architecture.group_of(view.prepared.units, rows, state.layer())
    grid = st.grid(2, min_column_width=460, gap="medium")
    with grid.cell():
        diagram(view, rows, units)
    with grid.cell():
        choose_group(view, rows, units)
    st.subheader("What each layer costs", anchor=False)
    costs(view, rows)
    held_back(view, rows)
