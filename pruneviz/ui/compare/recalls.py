"""How many boxes of each class both networks find, and of which size."""

from __future__ import annotations

import streamlit as st

from pruneviz.compare.recalls import RECALL
from pruneviz.plan import Plan
from pruneviz.tasks.detection import Detection
from pruneviz.ui.compare import groups
from pruneviz.ui.engine import results
from pruneviz.ui.engine.results import Judged

MOST_SHOWN = 15  # classes
HELP = (
    "The share of each class's true boxes that a network finds, averaged over ten overlaps from "
    "half on, with 95 % intervals; the change is for paired inputs. What loses most comes first."
)
OF_SIZES = "The same for boxes of each size: small ones up to 32² pixels, large ones from 96² on."


def draw(plan: Plan, judged: Judged) -> None:
    """Draw the recall by class, and by size of the class that is chosen; only for boxes."""
    if not isinstance(judged.task, Detection):
        return
    table = results.recall_of_classes(plan)
    if table.empty:
        return
    if len(table) > MOST_SHOWN:
        st.caption(f"The {MOST_SHOWN} of {len(table)} classes that lose most are shown.")
    title = "Recall of each class in numbers"
    groups.draw_rows(table.head(MOST_SHOWN), RECALL, "recall-classes", title, HELP)
    groups.download(table, "Recall of each class as CSV", "recall.csv")
    labels = table["class"].tolist()
    names = dict(zip(labels, table["group"].tolist(), strict=True))
    label = st.selectbox(
        "Recall by size of",
        labels,
        format_func=lambda each: str(names[each]),
        key="compare-recall-class",
        width=320,
    )
    sizes = results.recall_of_sizes(plan, int(label or 0))
    groups.draw_rows(sizes, RECALL, "recall-sizes", "Recall of each size in numbers", OF_SIZES)
