"""The boxes of an image: those that are true, and those that both networks answer with."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from torch import Tensor

from pruneviz.compare.boxes import found_boxes
from pruneviz.compare.objects import changes
from pruneviz.figures.inputs.boxes import WIDTH, answered_boxes, changed_boxes, true_boxes
from pruneviz.figures.kit.style import ORIGINAL, PRUNED
from pruneviz.network.inputs import only_tensor
from pruneviz.tasks import IGNORED
from pruneviz.tasks.detection import Detection
from pruneviz.ui.compare import lost
from pruneviz.ui.engine.results import Judged
from pruneviz.ui.kit import widgets

SHOWN_FROM = 0.4  # a score: detectors answer with many boxes that they hardly believe in


def draw(judged: Judged, indices: Sequence[int]) -> None:
    """Draw one of these images, the first unless another is chosen; nothing for other tasks."""
    before, after, data = judged.original, judged.pruned, judged.data
    if not isinstance(judged.task, Detection) or data.kind != "image":
        return
    assert isinstance(before, Tensor)  # of that task
    assert isinstance(after, Tensor)
    with st.container(horizontal=True, gap="medium"):
        index = st.selectbox(
            "What is found in", indices, format_func=data.name, key="compare-image", width=320
        )
        least = st.slider(
            "Show boxes of a score from", 0.0, 1.0, SHOWN_FROM, 0.05, key="compare-score", width=320
        )
    true = data.y[index]
    first, second = (found_boxes(each[index], true, least) for each in (before, after))
    raw, names = data.raw(only_tensor(data.x)[index : index + 1])[0], data.classes
    charts = {
        "truth": true_boxes(raw, true[true[:, 4] != IGNORED], names),
        "original": answered_boxes(raw, first, names, "original", ORIGINAL),
        "pruned": answered_boxes(raw, second, names, "pruned network", PRUNED),
        "changes": changed_boxes(raw, changes(before[index], after[index], true, least), names),
    }
    row = st.container(horizontal=True, gap="small")
    for name, chart in charts.items():
        with row.container(width=WIDTH):
            widgets.figure(chart, key=f"compare-boxes-{name}")
    st.caption(
        "Each box with its class and score. Solid lines are right: the class is, and both boxes "
        "overlap by half or more of what they cover together. Dashed ones are wrong, dotted ones "
        "are missed; in the last picture dotted ones are lost, and those of dots and dashes found "
        "anew. In the table an answer is off by 1 less the image's average precision: 0 "
        "where every box is found and before all wrong ones, 1 where none is found."
    )
    lost.draw(judged, least)
