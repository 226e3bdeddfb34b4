"""What is explained of a language model: how likely it holds the next token at a place."""

from __future__ import annotations

import math

import streamlit as st

from pruneviz.figures.inputs.tokens import seen
from pruneviz.figures.kit.format import percent, signed, unbroken
from pruneviz.network.inputs import only_tensor
from pruneviz.plan import Plan
from pruneviz.tasks import IGNORED
from pruneviz.ui.attributions.asked import BOTH, Asked, choose_worse, pieces
from pruneviz.ui.engine import explaining
from pruneviz.ui.engine.explaining import Aim
from pruneviz.ui.engine.results import Judged
from pruneviz.ui.words import text

BEFORE = 12  # tokens that are quoted before the one that comes next
HELP = (
    "Both networks are asked what makes this token likely: its log-likelihood, in nats, after the "
    "tokens before it. Default: the token on which pruning lost most."
)


def ask(plan: Plan, judged: Judged) -> Asked | None:
    """Draw the choices of a text and of a place in it; None where no token is judged."""
    data, index = judged.data, choose_worse(judged)
    after = pieces(judged, data.y[index])
    found = [
        aim for aim in explaining.aims(plan, index)
        if aim.number is None or int(data.y[index, aim.number]) != IGNORED
    ]  # fmt: skip
    judged_places = [aim for aim in found if aim.number is not None]
    if not judged_places:
        return None
    worst = max(judged_places, key=lambda aim: aim.lost)
    place = st.selectbox(
        "Next token to explain",
        range(len(found)),
        index=found.index(worst),
        format_func=lambda each: _option(found[each], after),
        help=HELP,
    )
    aim = found[place]
    if aim.number is None:
        return _whole(judged, index, aim)
    token = seen(after[aim.number])
    quoted = "".join(pieces(judged, only_tensor(data.x)[index])[: aim.number + 1][-BEFORE:])
    before, now = (unbroken(percent(math.exp(each), 2)) for each in (aim.original, aim.pruned))
    original, pruned = BOTH
    said = (
        f"After “{text.escape(quoted)}” comes **{text.escape(token)}** in the text. {original} "
        f"gives it **{before}**, {pruned} **{now}**."
    )
    word = "less likely" if aim.lost > 0 else "more likely" if aim.lost < 0 else "as likely"
    answer = f"“{token}” is {word} than before: {before} became {now}"
    if not aim.lost:
        answer = f"“{token}” is as likely as before: {now}"
    return Asked(index, aim.name, token, said, answer, of=aim.noun, side="the token")


def _whole(judged: Judged, index: int, aim: Aim) -> Asked:
    """Return the question about all tokens of a text together."""
    original, pruned = BOTH
    first, second = (signed(f"{each:.1f}") for each in (aim.original, aim.pruned))
    said = (
        f"{original} gives all tokens of {text.escape(judged.data.name(index))} together a "
        f"log-likelihood of **{first}** nats, {pruned} **{second}**."
    )
    answer = f"The whole text: {first} nats became {second}"
    return Asked(index, aim.name, "the text", said, answer, of=aim.noun, side="the text")


def _option(aim: Aim, after: list[str]) -> str:
    changed = f"{signed(f'{-aim.lost:.1f}')} nats"
    if aim.number is None:
        return f"the whole text, {changed}"
    return f"{aim.number + 1}: {seen(after[aim.number])}, {changed}"
