"""What is explained: one input, and what of its answer; the most telling input comes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from pruneviz.subjects import Data
from pruneviz.ui.kit import widgets
from pruneviz.ui.session import selection

MOST_NAMES = 2000  # that a browser lists with ease


@dataclass(frozen=True)
class Asked:
    """An input, what of the answer to it is explained and its name, and what both answer.

    `said` is Markdown, `answer` a sentence without, `warnings` are what both must be warned of, and
    `of` is the noun for what is explained.
    """

    index: int
    target: int
    name: str
    said: str
    answer: str
    warnings: tuple[str, ...] = ()
    of: str = "logit"


def choose_input(data: Data, telling: Sequence[int], noun: str, hint: str) -> int:
    """Draw the choice of an input; the first `telling` one opens the page, a button the next.

    `noun` is what these are called, `hint` says what comes first.
    """
    count, key = len(data.x), "attributions-input"
    index = selection.chosen_input(count, telling[0] if telling else 0)
    st.number_input(
        f"Input (0 to {count - 1:,})",
        0,
        count - 1,
        index,
        key=widgets.follow(key, index),
        on_change=widgets.changes(key, selection.choose_input),
    )
    if count <= MOST_NAMES:
        by_name = "attributions-name"
        st.selectbox(
            "Its name",
            range(count),
            index,
            key=widgets.follow(by_name, index),
            format_func=data.name,
            help="What the input is called in the data: type a part of it to find another.",
            on_change=widgets.changes(by_name, selection.choose_input),
        )
    place = telling.index(index) + 1 if index in telling else 0
    st.button(
        f"Next {noun}",
        icon=":material/skip_next:",
        disabled=not telling,
        help=hint,
        on_click=selection.choose_input,
        args=(telling[place % len(telling)] if telling else index,),
    )
    return index
