"""What is explained: one input, and what of its answer; the most telling input comes first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import streamlit as st
from torch import Tensor

from pruneviz.compare import worsened
from pruneviz.registry import Value
from pruneviz.subjects import Data
from pruneviz.tasks import IGNORED, Within
from pruneviz.ui.engine.results import Judged
from pruneviz.ui.kit import widgets
from pruneviz.ui.session import selection

MOST_NAMES = 2000  # that a browser lists with ease
BOTH = ":blue[The original]", ":orange[the pruned network]"


@dataclass(frozen=True)
class Asked:
    """An input, what of the answer to it is explained, and what both answer.

    `sought` is what the task calls it, over the places `within`; `name` is what the data call it,
    and `side` what attributions speak for. `said` is Markdown, `answer` a sentence without,
    `warnings` are what both must be warned of, and `of` is the noun for what is explained. `box` is
    what it is about where it is a part of an image: x1, y1, x2, y2 in pixels. `method` is shown
    where none is chosen, with its `settings`.
    """

    index: int
    sought: str
    name: str
    said: str
    answer: str
    warnings: tuple[str, ...] = ()
    of: str = "logit"
    side: str = "the class"
    within: Within = ()
    box: tuple[float, ...] = ()
    method: str = "integrated_gradients"
    settings: Mapping[str, Value] = field(default_factory=dict)


def choose_worse(judged: Judged) -> int:
    """Draw the choice of an input, what became worse by most first."""
    table = worsened(judged.task, judged.original, judged.pruned, judged.data.y)
    worse = table.loc[table["change"] > 0, "index"].tolist()
    hint = "The next input whose answer became worse, what became worse by most first."
    return choose_input(judged.data, worse, "worse answer", hint)


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


def pieces(judged: Judged, tokens: Tensor) -> list[str]:
    """Return each of the tokens (places,) as text; as its number where there is no tokenizer."""
    tokenizer, numbers = judged.tokenizer, tokens.tolist()
    if tokenizer is None:
        return ["" if number == IGNORED else str(number) for number in numbers]
    return ["" if number == IGNORED else tokenizer.decode([number]) for number in numbers]
