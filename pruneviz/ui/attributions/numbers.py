"""What is explained of a regression: one of its numbers."""

from __future__ import annotations

import streamlit as st
from torch import Tensor

from pruneviz.explain import numbers_in_words
from pruneviz.plan import Plan
from pruneviz.tasks.regression import rows
from pruneviz.ui.attributions.asked import BOTH, Asked, choose_worse
from pruneviz.ui.engine.results import Judged
from pruneviz.ui.words import text


def ask(plan: Plan, judged: Judged) -> Asked:
    """Draw the choices of an input and, of several numbers, of one; return what is asked."""
    del plan
    data, before, after = judged.data, judged.original, judged.pruned
    assert isinstance(before, Tensor)
    assert isinstance(after, Tensor)  # as a regression's answers are
    index = choose_worse(judged)
    count, target = before.shape[1], 0
    if count > 1:
        target = st.selectbox("Number to explain", range(count), key="attributions-number")
    true, first, second = (
        float(each[index, target]) for each in (rows(data.y), before, rows(after))
    )
    original, pruned = BOTH
    said = (
        f"The truth of {text.escape(data.name(index))} is **{true:.4g}**. "
        f"{original} says **{first:.4g}**, {pruned} says **{second:.4g}**."
    )
    name = "a larger number" if count == 1 else f"a larger number {target}"
    words = numbers_in_words(true, (first, second))
    return Asked(index, f"number {target}", name, said, words, of="answer", side="a larger number")
