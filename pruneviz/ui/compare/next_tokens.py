"""How far two language models lie apart on the texts that judge them, in words."""

from __future__ import annotations

import streamlit as st

from pruneviz.compare.next_tokens import apart_metrics
from pruneviz.figures.kit import format as fmt
from pruneviz.metrics import Metric, Tally
from pruneviz.plan import Plan
from pruneviz.ui.engine import writing

HELP = (
    "Both networks read the same texts. What they say of the next token is compared at each judged "
    "place: the whole distribution, and which token each holds most likely. The text itself is not "
    "asked."
)


def draw(plan: Plan) -> None:
    """Say how far both lie apart by token; nothing for other tasks, or without texts."""
    found = writing.apart(plan)
    if found is not None:
        st.markdown(in_words(found), help=HELP)


def in_words(apart: Tally) -> str:
    """Return the agreement and the divergence by token with their intervals, as a sentence."""
    kl, agreement = apart_metrics()
    return (
        f"Both hold the same next token most likely at **{_value(agreement, apart)}** of "
        f"{fmt.plural(int(apart['tokens'].sum()), 'place')} ({_interval(agreement, apart)}); what "
        f"they say of it lies **{_value(kl, apart)}** apart (KL divergence from the original by "
        f"token, {_interval(kl, apart)})."
    )


def _value(metric: Metric, apart: Tally) -> str:
    return fmt.metric_value(metric, metric.combine(apart))


def _interval(metric: Metric, apart: Tally) -> str:
    low, high = (fmt.metric_value(metric, end) for end in metric.interval(apart))
    return f"95 % interval {low} to {high}"
