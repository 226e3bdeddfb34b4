"""Both networks' attributions of one input, drawn as its data are: over an image, a text, …"""

from __future__ import annotations

from html import escape

import streamlit as st

from pruneviz.explain import Attribution
from pruneviz.figures.inputs import images, series, tokens
from pruneviz.figures.kit.format import plural
from pruneviz.network.inputs import only_tensor
from pruneviz.ui.attributions.asked import Asked, pieces
from pruneviz.ui.engine.results import Judged
from pruneviz.ui.kit import theme, widgets
from pruneviz.ui.words import text

KEY = "attributions-figure"
FIGURE_WIDTH = 540  # two beside each other on a wide screen, else one below the other
TOKENS = (
    "Tokens are whole numbers and have no gradient: a token's attribution is that of its "
    "embedding, and the average input is the mean embedding of the texts' tokens."
)


def draw(
    judged: Judged, asked: Asked, original: Attribution, pruned: Attribution, title: str
) -> None:
    """Draw both attributions over the input, and say in words where they are strongest."""
    data, shown = judged.data, escape(title, quote=False)
    x = only_tensor(data.x)[asked.index : asked.index + 1]
    if data.kind == "image":
        raw = data.raw(x)[0]
        chart = images.attribution_pair(
            raw, original.places, pruned.places, shown, asked.of, asked.box
        )
        widgets.pictures(chart, KEY, 2)
        st.caption(images.where(original.places, pruned.places, asked.side))
    elif data.kind == "series":
        raw, before, after = (
            data.by_channel(values[0]) for values in (data.raw(x), original.values, pruned.values)
        )
        chart = series.attribution_lines(raw, before, after, shown, data.features, asked.of)
        widgets.figure(theme.fit(chart), key=KEY)
        st.caption(series.where(before, after, data.features, asked.side))
    elif data.kind == "text":
        _tokens(judged, asked, original, pruned, title)
    else:
        chart = images.attribution_bars(
            data.features, original.places, pruned.places, shown, of=asked.of
        )
        widgets.figure(theme.fit(chart), key=KEY)


def _tokens(
    judged: Judged, asked: Asked, original: Attribution, pruned: Attribution, title: str
) -> None:
    """Draw a text's tokens twice, in the colours of each network's attribution on one scale."""
    read = pieces(judged, only_tensor(judged.data.x)[asked.index])
    both = {"original": original.places, "pruned": pruned.places}
    some = (original.places != 0) | (pruned.places != 0)
    shown = int(some.nonzero().max()) + 1 if bool(some.any()) else len(read)
    limit = max(float(values.abs().max()) for values in both.values())
    st.markdown(f"**{text.escape(title)}**")
    row = st.container(horizontal=True, gap="medium")
    for which, values in both.items():
        with row.container(width=FIGURE_WIDTH):
            chart = tokens.attributed_tokens(
                read[:shown], values[:shown], limit, f"The {which} looks at", asked.of
            )
            widgets.scrolled(theme.fit(chart), key=f"{KEY}-{which}")
    words = [text.escape(tokens.strongest_tokens(read, values)) for values in both.values()]
    rest = len(read) - shown
    behind = f" What comes after adds nothing: {plural(rest, 'token')} not shown." if rest else ""
    st.caption(
        f"The original's attribution is strongest on {words[0]}; the pruned network's on "
        f"{words[1]}. A dot is a blank.{behind} {TOKENS}"
    )
