"""What is explained of a detection: the score of one box."""

from __future__ import annotations

import streamlit as st

from pruneviz.figures.inputs.masks import class_name
from pruneviz.figures.kit.format import percent, unbroken
from pruneviz.plan import Plan
from pruneviz.ui.attributions.asked import BOTH, Asked, choose_worse
from pruneviz.ui.engine import explaining
from pruneviz.ui.engine.explaining import Aim
from pruneviz.ui.engine.results import Judged
from pruneviz.ui.words import text

METHOD = "feature_ablation"  # on the way from an average image there is no box whose score grows
SETTINGS = {"patches": 16}  # along each side: boxes are small
HELP = (
    "The score of this box in both networks: of the box of its class that overlaps it by half or "
    "more of what they cover together, 0 where there is none. First come the boxes that the "
    "original is surest of, then other true ones, found or missed. Default: the box whose score "
    "fell most."
)


def ask(plan: Plan, judged: Judged) -> Asked | None:
    """Draw the choices of an image and of a box; None where none is found, and none is true."""
    data, index = judged.data, choose_worse(judged)
    found = [aim for aim in explaining.aims(plan, index) if aim.box]
    if not found:
        return None
    worst = max(found, key=lambda aim: aim.lost)
    place = st.selectbox(
        "Box to explain",
        range(len(found)),
        index=found.index(worst),
        format_func=lambda each: _option(each, found[each], data.classes),
        help=HELP,
    )
    aim = found[place]
    name = class_name(aim.number or 0, data.classes)
    original, pruned = BOTH
    said = (
        f"{original} {_says(aim.original)} this **{text.escape(name)}** in "
        f"{text.escape(data.name(index))}, {pruned} {_says(aim.pruned)} it."
    )
    return Asked(
        index, aim.name, name, said, _answer(aim, name),
        of=aim.noun, side="the box", box=aim.box, method=METHOD, settings=SETTINGS,
    )  # fmt: skip


def _option(place: int, aim: Aim, classes: tuple[str, ...]) -> str:
    score = percent(aim.original, 0) if aim.original else "missed"
    return f"{place + 1}. {class_name(aim.number or 0, classes)} ({score})"


def _says(score: float) -> str:
    return f"gives **{unbroken(percent(score))}** to" if score else "does **not find**"


def _answer(aim: Aim, name: str) -> str:
    """Return what became of a box's score, as a sentence."""
    before, after = (unbroken(percent(each)) for each in (aim.original, aim.pruned))
    if not aim.pruned:
        missed = "No network finds" if not aim.original else "The pruned network does not find"
        return f"{missed} this “{name}”" + (f", the original gave {before}" if aim.original else "")
    if not aim.original:
        return f"Only the pruned network finds this “{name}”, with {after}"
    word = "fell" if aim.lost > 0 else "rose" if aim.lost < 0 else "stays"
    return f"The score of this “{name}” {word}: {before} became {after}"
