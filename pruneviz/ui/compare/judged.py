"""Compare, for any task: its metrics in words and numbers, and where pruning hurts most."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pruneviz.compare import worsened
from pruneviz.figures.kit import format as fmt
from pruneviz.figures.kit import quality
from pruneviz.metrics import metric_of
from pruneviz.network.inputs import only_tensor
from pruneviz.plan import Plan
from pruneviz.report import MetricNumbers, MetricPair
from pruneviz.ui.compare import (
    boxes,
    given,
    labels,
    masks,
    next_tokens,
    numbers,
    recalls,
    tokens,
)
from pruneviz.ui.engine import writing
from pruneviz.ui.engine.results import Judged
from pruneviz.ui.history import report_tables
from pruneviz.ui.kit import widgets
from pruneviz.ui.words import text

HEADINGS = ("Metric", "Original", "Pruned", "Change")
HELP = (
    "Each metric of both networks on the same inputs, with half the width of its 95 % interval; "
    "the change is for paired inputs."
)
MOST_ROWS = 50


def draw(plan: Plan, judged: Judged) -> None:
    """Draw the task's metrics, and the answers as the task shows them."""
    st.markdown("  \n".join(sentence(pair, judged) for pair in judged.quality[:1]))
    st.markdown("**Each metric in numbers**", help=HELP)
    every = (*judged.quality, *writing.others(plan))
    st.markdown(report_tables.markdown_table(HEADINGS, [_row(pair) for pair in every]))
    next_tokens.draw(plan)
    numbers.draw(judged)
    labels.draw(plan, judged)
    recalls.draw(plan, judged)


def sentence(pair: MetricPair, judged: Judged) -> str:
    """Return a metric of both networks, its change and what that means, as a sentence."""
    metric = metric_of(pair)
    title = metric.title
    inputs = fmt.inputs(pair.samples, judged.data.held_out, metric.counted)
    low, high = (fmt.metric_change(metric, end) for end in pair.change_interval)
    return (
        f"On {inputs}, the {text.escape(text.sentence_case(title))} of the :orange[pruned network] "
        f"is **{fmt.metric_value(metric, pair.pruned)}**, that of the :blue[original] "
        f"**{fmt.metric_value(metric, pair.original)}**: {fmt.metric_change(metric, pair.change)} "
        f"(95 % interval {low} to {high}), {meaning(pair)}."
    )


def meaning(pair: MetricPair) -> str:
    """Return whether a change is better or worse, or not to be told from none."""
    metric, (low, high) = metric_of(pair), pair.change_interval
    if not (low > 0 or high < 0):
        return "which these inputs do not tell from no change"
    return "which is better" if metric.gain(pair.change) > 0 else "which is worse"


def _row(pair: MetricPair) -> tuple[str, ...]:
    metric = metric_of(pair)
    both = (
        f"{fmt.metric_value(metric, value)} ({fmt.metric_spread(metric, *interval)})"
        for value, interval in (
            (pair.original, pair.original_interval),
            (pair.pruned, pair.pruned_interval),
        )
    )
    spread = fmt.metric_spread(metric, *pair.change_interval)
    title = quality.title(MetricNumbers.of(pair))
    return (title, *both, f"{fmt.metric_change(metric, pair.change)} ({spread})")


def draw_worst(judged: Judged) -> None:
    """Draw the inputs whose answers became worse by most."""
    both = masks.of(judged)
    if both is not None:
        masks.draw_worst(judged, both)
        return
    table = worsened(judged.task, judged.original, judged.pruned, judged.data.y)
    lost = int((table["change"] > 0).sum())
    st.subheader(
        f"{fmt.plural(lost, 'answer')} became worse, {int((table['change'] < 0).sum()):,} better",
        anchor=False,
    )
    table.insert(1, "name", [judged.data.name(i) for i in table["index"]])
    st.caption(
        "How far each answer is from its target, what became worse by most first."
        + (f" The first {MOST_ROWS} are shown." if len(table) > MOST_ROWS else "")
    )
    shown = table.head(MOST_ROWS).copy()
    labels.add_words(judged, shown)
    st.dataframe(
        _with_features(judged, shown),
        hide_index=True,
        column_config={
            "index": "input", "name": "called", "original": "original is off by",
            "pruned": "pruned is off by", "change": "worse by",
        },
    )  # fmt: skip
    st.download_button(
        "Download all as CSV",
        table.to_csv(index=False),
        "faults.csv",
        "text/csv",
        icon=":material/download:",
    )
    worst = table["index"].head(MOST_ROWS).tolist()
    tokens.draw(judged, worst)
    boxes.draw(judged, worst)
    if judged.data.kind != "several":
        widgets.page_link("attributions", "Explain one of them by its number")


def _with_features(judged: Judged, table: pd.DataFrame) -> pd.DataFrame:
    """Return rows of a table with the input's features beside them, in the units recorded."""
    data = judged.data
    if data.kind != "tabular":
        return given.beside(table, data, judged.tokenizer)
    values = data.raw(only_tensor(data.x)[table["index"].tolist()]).numpy()
    names = data.features or tuple(f"feature {i}" for i in range(values.shape[1]))
    own = [f"feature {name}" if name in table.columns else name for name in names]
    features = pd.DataFrame(values, columns=own, index=table.index)
    return pd.concat([table, features], axis=1)
