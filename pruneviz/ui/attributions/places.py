"""What is explained where each place has a class: a class over pixels, or over tokens."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st
import torch
from torch import Tensor

from pruneviz.figures.inputs.masks import class_name
from pruneviz.figures.inputs.tokens import seen
from pruneviz.figures.kit.format import plural
from pruneviz.network.inputs import only_tensor
from pruneviz.plan import Plan
from pruneviz.tasks import Within
from pruneviz.ui.attributions.asked import BOTH, Asked, choose_worse, pieces
from pruneviz.ui.engine import explaining
from pruneviz.ui.engine.results import Judged
from pruneviz.ui.words import text

GIVEN = "where the original gives it"
OWN = {"pixel": "in a rectangle", "token": "at one token"}
WIDTH = 240


def ask(plan: Plan, judged: Judged) -> Asked:
    """Draw the choices of an input, of where a class is explained, and of the class."""
    index = choose_worse(judged)
    assert isinstance(judged.original, Mapping)
    assert isinstance(judged.pruned, Mapping)  # of the same task
    before, after = (each["map"][index].long() for each in (judged.original, judged.pruned))
    noun = "pixel" if before.dim() == 2 else "token"
    own = st.selectbox(
        "Explain a class",
        (False, True),
        format_func=lambda chosen: OWN[noun] if chosen else GIVEN,
        width=WIDTH,
    )
    within: Within = ()
    if own:
        within = _rectangle(before) if noun == "pixel" else _token(judged, index)
    found = {a.number: a for a in explaining.aims(plan, index, within) if a.number is not None}
    here = torch.zeros_like(before, dtype=torch.bool)
    here[tuple(slice(*ends) for ends in within)] = True
    given = before[here].unique().tolist()
    offered = [number for number in found if within or number in given] or list(found)
    told = [number for number in offered if number in given] or offered
    number = st.selectbox(
        "Class to explain",
        offered,
        index=offered.index(max(told, key=lambda each: found[each].lost)),
        format_func=lambda each: class_name(each, judged.data.classes),
        help="The mean logit of the class over these places is explained. Default: the class that "
        "the original gives there and that lost most of it.",
    )
    aim, name = found[number], class_name(number, judged.data.classes)
    places = here if within else before == number
    counts = [int((each[places] == number).sum()) for each in (judged.data.y[index], before, after)]
    was, now = (f"{each:.2f}".replace("-", "−") for each in (aim.original, aim.pruned))
    answer = f"The mean logit of “{name}” there was {was} and is {now}"
    said = _said(judged.data.name(index), name, int(places.sum()), noun, counts)
    return Asked(
        index, aim.name, name, said, answer,
        of=aim.noun, within=within, box=_box(judged, within, before),
    )  # fmt: skip


def _said(called: str, name: str, count: int, noun: str, counts: list[int]) -> str:
    """Return how often a class is true and answered at these places."""
    true, before, after = counts
    original, pruned = BOTH
    return (
        f"Of these {plural(count, noun)} of {text.escape(called)}, **{true:,}** "
        f"{'is' if true == 1 else 'are'} truly **{text.escape(name)}**. {original} gives it to "
        f"**{before:,}** of them, {pruned} to **{after:,}**."
    )


def _rectangle(shown: Tensor) -> Within:
    """Draw the choice of some rows and columns of an image, the middle ones first."""
    found = []
    for name, size in zip(("Rows", "Columns"), shown.shape, strict=True):
        middle = (size // 3, max(size // 3, 2 * size // 3 - 1))
        first, last = st.slider(
            f"{name} (first and last)", 0, max(1, size - 1), middle, width=WIDTH
        )
        found.append((first, min(last, size - 1) + 1))
    return tuple(found)


def _token(judged: Judged, index: int) -> Within:
    """Draw the choice of one of a text's tokens."""
    read = pieces(judged, only_tensor(judged.data.x)[index])
    at = st.selectbox(
        "Token", range(len(read)), format_func=lambda each: f"{each + 1}: {seen(read[each])}"
    )
    return ((at, at + 1),)


def _box(judged: Judged, within: Within, shown: Tensor) -> tuple[float, ...]:
    """Return rows and columns as a box in pixels of the input; () of texts, or without any."""
    if len(within) != 2:
        return ()
    sizes = only_tensor(judged.data.x).shape[-2:]
    high, wide = (size / own for size, own in zip(sizes, shown.shape, strict=True))
    (top, bottom), (left, right) = within
    return (left * wide, top * high, right * wide, bottom * high)
