"""Numbers against the true ones, where a task's answers are numbers."""

from __future__ import annotations

import streamlit as st
from torch import Tensor

from pruneviz.figures.inputs.numbers import against_truth
from pruneviz.figures.kit import format as fmt
from pruneviz.metrics import metric_of
from pruneviz.tasks.regression import Regression, rows
from pruneviz.ui.engine.results import Judged
from pruneviz.ui.kit import theme, widgets
from pruneviz.ui.words import text


def draw(judged: Judged) -> None:
    """Draw both networks' numbers over the true ones; nothing for answers that are none."""
    before, after = judged.original, judged.pruned
    if not (isinstance(judged.task, Regression) and isinstance(before, Tensor)):
        return
    assert isinstance(after, Tensor)  # of the same task
    truth, count = rows(judged.data.y), before.shape[1]
    chosen = 0
    if count > 1:
        chosen = st.selectbox("Which of the numbers", range(count), key="compare-number")
    true, first, second = (each[:, chosen] for each in (truth, before, rows(after)))
    names = [judged.data.name(i) for i in range(len(truth))]
    chart = against_truth(true, first, second, names, _title(judged))
    widgets.figure(theme.fit(chart), key="compare-numbers")


def _title(judged: Judged) -> str:
    """Return what the figure shows: by how much more the pruned network is off."""
    pair = judged.quality[0]
    metric = metric_of(pair)
    word = "farther from" if metric.gain(pair.change) < 0 else "nearer to"
    if not pair.change:
        return "Both networks are as far from the truth"
    change = fmt.metric_change(metric, pair.change)
    return f"The pruned network is {word} the truth ({text.sentence_case(metric.title)} {change})"
