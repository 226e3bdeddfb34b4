"""Where heads of attention look on a text, the original's above the pruned network's."""

from __future__ import annotations

from html import escape

import streamlit as st

from pruneviz.explain.attention import Attention
from pruneviz.figures.inputs import heads as figures
from pruneviz.figures.kit.format import plural
from pruneviz.network.inputs import only_tensor
from pruneviz.plan import Plan
from pruneviz.ui.attributions.asked import pieces
from pruneviz.ui.engine import attending
from pruneviz.ui.engine.results import Judged
from pruneviz.ui.kit import widgets

NONE = (
    "No attention over this text is seen whose weights could be drawn: this network has none, or "
    "computes it in a function of its own."
)
HOW = (
    "A row is a token that looks, a column one that is looked at; a row adds up to 100 %. What has "
    "no weight at all is blank, such as tokens that come later. Attention is not explanation: it "
    "says where a head reads, not what that does to the answer."
)


def draw(plan: Plan, judged: Judged, index: int) -> None:
    """Draw the choice of a block and of heads, and both networks' pictures of them."""
    st.subheader("Where the heads look", anchor=False)
    found = attending.places(plan, "original", index)
    if not found:
        st.caption(NONE)
        return
    read = pieces(judged, only_tensor(judged.data.x)[index])
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        first = attending.first_place(plan, index)
        block = _choose(found, first)
        page = _number("Heads", -(-block.heads // figures.PAGE), "heads-page", block.heads)
        part = _number("Tokens", -(-len(read) // figures.MOST_TOKENS), "heads-part", len(read))
    heads = attending.heads(plan, index, block)
    some = range(page * figures.PAGE, min(block.heads, (page + 1) * figures.PAGE))
    tokens = slice(part * figures.MOST_TOKENS, (part + 1) * figures.MOST_TOKENS)
    after = [heads.after(head) for head in some]
    chart = figures.head_pictures(
        read[tokens],
        heads.original[list(some), tokens, tokens],
        [None if each is None else each[tokens, tokens] for each in after],
        list(some),
        figures.what_to_see(escape(block.path), heads.left, heads.moved),
    )
    widgets.pictures(chart, "attributions-heads", 1)
    st.caption(HOW)


def _choose(found: tuple[Attention, ...], first: int) -> Attention:
    """Draw the choice of an attention; return it."""
    names = [f"{each.path} ({plural(each.heads, 'head')})" for each in found]
    calls = [f", call {each.number + 1}" if each.number else "" for each in found]
    chosen = st.selectbox(
        "Attention of",
        range(len(found)),
        first,
        format_func=lambda at: names[at] + calls[at],
        key=f"heads-place-{first}",
        width=340,
    )
    return found[chosen]


def _number(noun: str, pages: int, key: str, count: int) -> int:
    """Draw the choice of a page where there are several; return its number from 0."""
    if pages < 2:
        return 0
    label = f"{noun}: part (1 to {pages:,}, of {count:,})"
    return int(st.number_input(label, 1, pages, 1, key=f"{key}-{pages}", width=220)) - 1
