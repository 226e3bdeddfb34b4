"""Both networks go on with a text of the user's, side by side, as they write it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pruneviz.figures.inputs.tokens import seen
from pruneviz.figures.kit.format import plural
from pruneviz.language.generate import SideBySide, Writer
from pruneviz.language.spelled import alike, apart, pieces
from pruneviz.plan import Plan
from pruneviz.subjects.texts.tokenizer import Tokenizer
from pruneviz.ui.compare import rate
from pruneviz.ui.engine import cache
from pruneviz.ui.engine import writing as engine
from pruneviz.ui.engine.keys import Key
from pruneviz.ui.frame import speeds
from pruneviz.ui.kit import widgets
from pruneviz.ui.words import text

MOST_TOKENS, USUAL_TOKENS = 400, 40
MOST_CHARACTERS = 8_000  # of a prompt
HOTTEST = 5.0
ASKED = "pruneviz-written"  # what the session asked for last: of which plan, and the rest
TIMED_FOR = "pruneviz-written-timed"  # of which plan, with which prompt, how many times
NOT_TIMED = (None, "", 0)
TIMED = (
    "Both go on with the prompt by 16 tokens, again and again in turns, by the likeliest tokens: "
    "how long until the first is there, and how many a second come after it."
)
MEASURE, MEASURE_AGAIN = "Measure the speed of writing", "Measure again"
LIKELIEST, DRAWN = "the likeliest", "drawn"
BOTH = (":blue[**Original**]", ":orange[**Pruned**]")
COLOURS = ("light-dark(#005f96, #7cc0ea)", "light-dark(#a84800, #ff9d5c)")  # of the theme's texts
# A token that the other text lacks: a line below it too, for who tells no colours apart.
STYLE = (
    "<style>.written {white-space: pre-wrap; overflow-wrap: anywhere; font-size: 0.85rem;"
    "font-family: 'Source Code Pro', monospace; line-height: 1.7}"
    ".written .given {opacity: 0.72}"
    ".written mark {background: none; color: var(--written); font-weight: 600;"
    "text-decoration: underline; text-decoration-thickness: 2px; text-underline-offset: 4px}"
    "</style>"
)
HELP = (
    "Both networks go on with the same words, token by token. With the same seed the same noise is "
    "added for both, so that they write the same where they say the same."
)


def draw(plan: Plan) -> None:
    """Draw what is asked of both, and what they write; nothing for other networks."""
    if not engine.can_write(plan):
        return
    st.subheader("Both go on writing", anchor=False, help=HELP)
    asked = _ask(plan)
    key = cache.plan_key(plan)
    with st.container(horizontal=True):
        if st.button("Write", key="compare-write", icon=":material/edit_note:"):
            st.session_state[ASKED] = (key, asked)
        known = st.session_state.get(TIMED_FOR, NOT_TIMED)[0]
        st.button(
            MEASURE_AGAIN if known == key else MEASURE, key="compare-write-time",
            icon=":material/timer:", help=TIMED, on_click=_time, args=(key, asked[0]),
        )  # fmt: skip
    # what was timed stands by its button, where the wait for it is seen, and the longer texts below
    known, prompt, number = st.session_state.get(TIMED_FOR, NOT_TIMED)
    if known == key:
        with widgets.problems_here():
            rate.draw(engine.times(plan, prompt, number), dense=speeds.dense(plan))
    known, begun = st.session_state.get(ASKED, (None, None))
    if known == key:
        with widgets.problems_here():
            _write(engine.both(plan, *begun), cache.subject(plan).tokenizer)


def _time(key: Key, prompt: str) -> None:
    """Ask for the speed of writing, or for it anew; for `on_click`."""
    *_, number = st.session_state.get(TIMED_FOR, NOT_TIMED)
    st.session_state[TIMED_FOR] = (key, prompt, number + 1)


def _ask(plan: Plan) -> tuple[str, int, float, int]:
    """Draw the widgets; return the prompt, how many tokens, the temperature and the seed."""
    prompt = st.text_area(
        "Prompt", engine.beginning(plan), max_chars=MOST_CHARACTERS, height=130,
        key="compare-prompt",
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom"):
        most = st.number_input(
            "New tokens", 1, MOST_TOKENS, USUAL_TOKENS, key="compare-new-tokens", width=140
        )
        how = st.segmented_control(
            "Each token is", (LIKELIEST, DRAWN), default=LIKELIEST, required=True,
            key="compare-drawn",
        )  # fmt: skip
        if how != DRAWN:
            return prompt, int(most), 0.0, 0
        temperature = st.number_input(
            "Temperature", 0.05, HOTTEST, 1.0, 0.05, key="compare-temperature", width=140,
            help="Below 1 likely tokens become likelier, above 1 less likely.",
        )  # fmt: skip
        seed = st.number_input("Seed", 0, 2**31 - 1, 0, key="compare-seed", width=140)
    return prompt, int(most), float(temperature), int(seed)


def _write(texts: SideBySide, tokenizer: Tokenizer | None) -> None:
    """Draw both texts as they grow, and in the end what became of them in words."""
    assert tokenizer is not None  # there are texts
    row = st.container(horizontal=True, gap="medium", key="compare-written")
    places = [row.container(width=540, border=True) for _ in BOTH]
    for place, title in zip(places, BOTH, strict=True):
        place.markdown(title)
    frames = [place.empty() for place in places]
    _show(frames, texts, tokenizer)
    while not texts.done:
        engine.go_on(texts)
        _show(frames, texts, tokenizer)
    st.caption(" ".join(map(text.escape, in_words(texts, tokenizer))))


def _show(frames: Sequence[DeltaGenerator], texts: SideBySide, tokenizer: Tokenizer) -> None:
    writers = (texts.original, texts.pruned)
    marks = apart(texts.original.written, texts.pruned.written)
    names = ("original", "pruned")
    for at, (frame, writer, marked) in enumerate(zip(frames, writers, marks, strict=True)):
        given = tokenizer.decode(writer.prompt)
        spelled = pieces(tokenizer, writer.prompt, writer.written)
        frame.html(markup(given, spelled, marked, COLOURS[at], f"The {names[at]} writes"))


def markup(
    given: str, spelled: Sequence[str], marked: Sequence[bool], colour: str, label: str
) -> str:
    """Return a prompt and the tokens after it as HTML, in which nothing of them is HTML.

    What is marked and shows nothing, as the end of a line, is shown by a sign.
    """
    parts = [
        f"<mark>{escape(_visible(piece))}</mark>" if mark and piece else escape(piece)
        for piece, mark in zip(spelled, marked, strict=True)
    ]
    return (
        f'{STYLE}<div class="written" role="group" aria-label="{escape(label)}" '
        f'style="--written: {colour}"><span class="given">{escape(given)}</span>'
        f"{''.join(parts)}</div>"
    )


def _visible(piece: str) -> str:
    return piece.replace("\n", "⏎\n")


def in_words(texts: SideBySide, tokenizer: Tokenizer) -> list[str]:
    """Return where both texts part, how they ended, and how they were written, as sentences."""
    first, second = texts.original.written, texts.pruned.written
    return [
        _parting(texts, tokenizer),
        *_endings(texts),
        *_caches(texts),
        f"Underlined: {plural(sum(apart(first, second)[1]), 'token')} of the pruned network's "
        f"{len(second):,} and {sum(apart(first, second)[0]):,} of the original's {len(first):,} "
        "that the other text does not have in this order.",
    ]  # fmt: skip


def _parting(texts: SideBySide, tokenizer: Tokenizer) -> str:
    first, second = texts.original, texts.pruned
    same = alike(first.written, second.written)
    if first.written == second.written:
        return f"Both write {_same(same)}."
    said = []
    for writer, name in ((first, "the original"), (second, "the pruned network")):
        after = pieces(tokenizer, [*writer.prompt, *writer.written[:same]], writer.written[same:])
        said.append(f"{name} goes on with “{seen(after[0])}”" if after else f"{name} ends")
    begin = f"Both begin with {_same(same)}: then" if same else "They part at once:"
    return f"{begin} {said[0]}, {said[1]}."


def _same(count: int) -> str:
    return "the same token" if count == 1 else f"the same {count:,} tokens"


def _endings(texts: SideBySide) -> list[str]:
    """Return why a text is shorter than was asked for."""
    said = []
    for writer, name in ((texts.original, "original"), (texts.pruned, "pruned network")):
        if writer.ended == "end":
            said.append(f"The {name} ended its text.")
        if writer.ended == "places":
            said.append(f"The {name} has no more than {writer.places:,} places.")
    return said


def _caches(texts: SideBySide) -> list[str]:
    """Return what is to be known of how tokens were written: with the cache, or why not."""
    if not texts.original.has_cache:
        return ["These networks keep nothing of earlier tokens: each token took a whole pass."]
    if max(len(each.written) for each in (texts.original, texts.pruned)) < 2:
        return []
    wrong = [
        name for writer, name in ((texts.original, "original"), (texts.pruned, "pruned network"))
        if _refused(writer)
    ]  # fmt: skip
    if wrong:
        return [
            f"With its cache the {name} answers otherwise than in a whole pass, so that each of "
            "its tokens took one." for name in wrong
        ]  # fmt: skip
    return ["Keys and values of earlier tokens were kept (a cache)."]


def _refused(writer: Writer) -> bool:
    return writer.has_cache and not writer.cached
