"""A gallery of what the original finds and the pruned network misses, such as pedestrians."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st
from torch import Tensor

from pruneviz.compare.objects import lost_objects
from pruneviz.figures.inputs.boxes import crop
from pruneviz.figures.kit import format as fmt
from pruneviz.network.inputs import only_tensor
from pruneviz.ui.engine.results import Judged
from pruneviz.ui.kit import widgets
from pruneviz.ui.session import selection
from pruneviz.ui.words import text

MOST_CARDS = 12
EVERY = -1
SIDE = 144  # pixels of a picture
ORDERS = {
    "surest first": ("original", False),
    "largest first": ("area", False),
    "smallest first": ("area", True),
}


def draw(judged: Judged, least: float) -> None:
    """Draw the things lost, of a class and in an order that are chosen, for scores from `least`."""
    before, after = judged.original, judged.pruned
    assert isinstance(before, Tensor)  # of a detection
    assert isinstance(after, Tensor)
    table = lost_objects(before, after, judged.data.y, least)
    table.insert(1, "name", [judged.data.name(i) for i in table["index"]])
    table.insert(3, "called", [_class_name(judged, label) for label in table["class"]])
    st.subheader(f"{fmt.plural(len(table), 'thing')} found before and missed now", anchor=False)
    if table.empty:
        widgets.empty("The pruned network finds all that the original finds. Remove more on Tune.")
        return
    shown = _chosen(table)
    st.caption(
        f"True boxes that the original finds with a score of {fmt.percent(least, 0)} or more and "
        "the pruned network does not, each in its surroundings, with both networks' highest score "
        "for it."
        + (f" The first {MOST_CARDS} of {len(shown)} are shown." if len(shown) > MOST_CARDS else "")
    )
    with st.container(horizontal=True, gap="medium"):
        for place, row in enumerate(shown.head(MOST_CARDS).to_dict("records")):
            _card(judged, row, place)
    st.download_button(
        "Download all lost things as CSV",
        table.to_csv(index=False),
        "lost.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def _chosen(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the class that is chosen, in the order that is chosen."""
    counts = table["class"].value_counts()
    names = dict(zip(table["class"], table["called"], strict=True))
    said = {label: f"{names[label]} ({count})" for label, count in counts.items()}
    with st.container(horizontal=True, gap="medium"):
        label = st.selectbox(
            "Lost of class",
            [EVERY, *said],
            format_func=lambda each: said.get(each, f"every class ({len(table)})"),
            key="compare-lost-class",
            width=320,
        )
        order = st.selectbox("In order", [*ORDERS], key="compare-lost-order", width=320)
    column, ascending = ORDERS[order]
    of_class = table if label not in said else table[table["class"] == label]
    return of_class.sort_values(column, ascending=ascending, kind="stable")


def _card(judged: Judged, row: dict[Any, Any], place: int) -> None:
    """Draw one thing with both networks' scores for it."""
    index = int(row["index"])
    raw = judged.data.raw(only_tensor(judged.data.x)[index : index + 1])[0]
    box = [row[end] for end in ("x1", "y1", "x2", "y2")]
    missed = fmt.percent(row["pruned"], 0) if row["pruned"] else "finds no box"
    with st.container(width=SIDE + 6, gap="xsmall"):
        st.image(
            crop(raw, box, SIDE),
            width=SIDE,
            alt=f"{row['called']} in {row['name']}, lost",
        )
        st.markdown(
            f"**{text.escape(row['called'])}**, {row['size']} "
            f":small[:gray[{text.escape(row['name'])}]]  \n"
            f":blue[original {fmt.percent(row['original'], 0)}]  \n"
            f":orange[pruned {missed}]"
        )
        if st.button("Explain", key=f"compare-lost-{place}", icon=":material/visibility:"):
            selection.choose_input(index)
            st.switch_page("pages/attributions.py")


def _class_name(judged: Judged, label: int) -> str:
    names = judged.data.classes
    return names[label] if label < len(names) else str(label)
