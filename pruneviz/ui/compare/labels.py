"""What each label loses, where inputs have several, and which of them became right or wrong."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st
from torch import Tensor

from pruneviz.measure.by_label import judges_labels, label_names, left_out
from pruneviz.metrics import METRICS
from pruneviz.metrics.areas import of_each
from pruneviz.plan import Plan
from pruneviz.report import MetricPair
from pruneviz.tasks.multi_label import MultiLabel
from pruneviz.ui.compare import groups
from pruneviz.ui.engine import results
from pruneviz.ui.engine.results import Judged
from pruneviz.ui.words import text

MOST_SHOWN = 25  # labels
HALF = 0.5  # of the probability, where no metric says otherwise
HELP = (
    "Both networks judged on each label alone, on the inputs of which is known whether they have "
    "it, with 95 % intervals; what loses most comes first. Of an interval as wide as can be "
    "nothing is known."
)


def draw(plan: Plan, judged: Judged) -> None:
    """Draw a metric of both networks by label; nothing where inputs have not several labels."""
    if not isinstance(judged.task, MultiLabel):
        return
    unjudged = left_out(judged.data.y, judged.data.classes)
    if unjudged is not None:
        st.warning(text.escape(str(unjudged)), icon=":material/warning:")
    fitting = [pair.metric for pair in judged.quality if judges_labels(METRICS.get(pair.metric))]
    chosen = st.selectbox(
        "Judge each label by",
        fitting,
        format_func=lambda name: METRICS.get(name).title,
        key="compare-label-metric",
        width=300,
    )
    found = results.labels(plan, chosen)
    if found is None:
        return
    metric, table = found
    if table.empty:
        return
    if len(table) > MOST_SHOWN:
        st.caption(f"The {MOST_SHOWN} of {len(table)} labels that lose most are shown.")
    groups.draw_rows(table.head(MOST_SHOWN), metric, "labels", "Each label in numbers", HELP)
    groups.download(table, "Each label as CSV", "labels.csv")


def add_words(judged: Judged, table: pd.DataFrame) -> None:
    """Add to rows of inputs the labels that they have, and which became wrong or right."""
    before, after = judged.original, judged.pruned
    if not (isinstance(judged.task, MultiLabel) and isinstance(before, Tensor)):
        return
    assert isinstance(after, Tensor)  # of the same task
    rows = table["index"].tolist()
    true, known = (each[rows] for each in of_each(judged.data.y, before.shape[1]))
    least = threshold(judged.quality)
    first, second = (each[rows].double().sigmoid() > least for each in (before, after))
    names = label_names(judged.data.classes, before.shape[1])
    told = {
        "has": true & known,
        "missed now": known & true & first & ~second,
        "said wrongly now": known & ~true & ~first & second,
        "right now": known & (first != true) & (second == true),
    }
    for place, (title, which) in enumerate(told.items()):
        table.insert(2 + place, title, [_listed(names, row) for row in which.tolist()])


def threshold(quality: Sequence[MetricPair]) -> float:
    """Return the probability from which an input has a label: that of the metrics, else a half."""
    given = [pair.settings["threshold"] for pair in quality if "threshold" in pair.settings]
    return float(given[0]) if given else HALF


def _listed(names: tuple[str, ...], which: list[bool]) -> str:
    return ", ".join(name for name, there in zip(names, which, strict=True) if there)
