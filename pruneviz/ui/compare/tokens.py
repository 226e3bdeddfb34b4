"""The tokens of a text, and what a pruned language model lost on each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from pruneviz.figures.inputs.tokens import lost_tokens
from pruneviz.tasks import IGNORED
from pruneviz.tasks.language_modelling import LanguageModelling
from pruneviz.ui.engine.results import Judged
from pruneviz.ui.kit import theme, widgets


def draw(judged: Judged, indices: Sequence[int]) -> None:
    """Draw one of these texts, the first unless another is chosen; nothing without a tokenizer."""
    before, after, tokenizer = judged.original, judged.pruned, judged.tokenizer
    if tokenizer is None or not isinstance(judged.task, LanguageModelling):
        return
    assert isinstance(before, Mapping)  # of that task
    assert isinstance(after, Mapping)
    index = st.selectbox(
        "What was lost on the tokens of", indices, format_func=judged.data.name,
        key="compare-text",
    )  # fmt: skip
    target = judged.data.y[index]
    pieces = [tokenizer.decode([token]) if token != IGNORED else "" for token in target.tolist()]
    first, second = (
        each["log_likelihood"][index].masked_fill(target == IGNORED, float("nan"))
        for each in (before, after)
    )
    widgets.figure(theme.fit(lost_tokens(pieces, first, second)), key="compare-tokens")
    st.caption(
        "The tokens in the order read, each with the change of its log-likelihood in nats: below 0 "
        "is lost, and underlined from a nat on. A dot is a blank."
    )
