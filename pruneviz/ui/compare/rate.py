"""How fast both networks write, in words."""

from __future__ import annotations

import streamlit as st

from pruneviz.figures.kit import format as fmt
from pruneviz.language.speed import Rate, WritingTimes, rates
from pruneviz.measure.speed import speed
from pruneviz.ui.words import text


def draw(times: WritingTimes, *, dense: bool) -> None:
    """Draw what was measured; `dense` says that removed weights are multiplied as zeros."""
    st.markdown(in_words(times, dense=dense))
    st.caption(text.escape(conditions(times)))


def in_words(times: WritingTimes, *, dense: bool) -> str:
    """Return how fast both write, how long the first token takes, and the memory of tensors."""
    before, after = rates(times)
    first = times.first.summary()
    said = text.sentence(speed(times.each.summary()).in_words(dense=dense))
    waits = text.sentence(speed(first).in_words(dense=False))
    original, pruned = (fmt.milliseconds(each.median) for each in (first.original, first.pruned))
    held_before, held_after = (fmt.size(each) for each in times.peaks)
    return (
        f"**Speed of writing:** {said} The :orange[pruned network] writes {_rate(after)}, the "
        f":blue[original] {_rate(before)}.  \n"
        f"**First token:** {waits} It is there after {pruned}, in the original after {original}."
        "  \n"
        f"**Memory of tensors:** at most {held_after} in the pruned network and {held_before} in "
        "the original: weights, and all that is made of them and kept while it writes."
    )


def _rate(rate: Rate) -> str:
    low, high = rate.interval
    return f"**{rate.value:,.1f} tokens** a second (95 % interval {low:,.1f} to {high:,.1f})"


def conditions(times: WritingTimes) -> str:
    """Return what was timed, how often, and what was kept of earlier tokens."""
    if all(times.cached):
        kept = "keys and values of earlier tokens kept (a cache)"
    elif not any(times.cached):
        kept = "nothing kept of earlier tokens, so that each token takes a whole pass"
    else:
        alone = "original" if times.cached[0] else "pruned network"
        kept = f"keys and values of earlier tokens kept in the {alone} alone: the other's cache "
        kept += "answers otherwise than a whole pass"
    return (
        f"{len(times.each.original_ms):,} turns, in each {times.tokens:,} tokens after a prompt of "
        f"{times.prompt:,}, by {fmt.plural(times.each.threads, 'thread')}; {kept}."
    )
