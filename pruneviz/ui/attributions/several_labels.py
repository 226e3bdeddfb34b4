"""What is explained of inputs with several labels: one of these."""

from __future__ import annotations

import math

import streamlit as st

from pruneviz.figures.kit.format import percent, unbroken
from pruneviz.measure.by_label import label_names
from pruneviz.plan import Plan
from pruneviz.tasks.multi_label import known_labels
from pruneviz.ui.attributions.asked import BOTH, Asked, choose_worse
from pruneviz.ui.engine import explaining
from pruneviz.ui.engine.explaining import Aim
from pruneviz.ui.engine.results import Judged
from pruneviz.ui.words import text


def ask(plan: Plan, judged: Judged) -> Asked:
    """Draw the choices of an input and of a label; the one that changed most is the first."""
    data, index = judged.data, choose_worse(judged)
    found = {aim.number: aim for aim in explaining.aims(plan, index) if aim.number is not None}
    names = label_names(data.classes, len(found))
    moved = {number: abs(_after(aim) - _before(aim)) for number, aim in found.items()}
    number = st.selectbox(
        "Label to explain",
        list(found),
        index=max(moved, key=lambda each: moved[each]),
        format_func=lambda each: names[each],
        help="Both networks are asked what speaks for this label. Default: the label whose "
        "probability changed most.",
    )
    aim, name = found[number], names[number]
    known = bool(known_labels(data.y[index])[number])
    there = "there" if known and float(data.y[index, number]) > 0.5 else "not there"
    truth = there if known else "there or not, which nobody knows"
    before, after = (unbroken(percent(each)) for each in (_before(aim), _after(aim)))
    original, pruned = BOTH
    said = (
        f"In {text.escape(data.name(index))} **{text.escape(name)}** is {truth}. "
        f"{original} gives it **{before}**, {pruned} **{after}**."
    )
    answer = f"“{name}”, which is {truth}: {before} became {after}"
    return Asked(index, aim.name, name, said, answer, of=aim.noun, side="the label")


def _before(aim: Aim) -> float:
    return _probability(aim.original)


def _after(aim: Aim) -> float:
    return _probability(aim.pruned)


def _probability(logit: float) -> float:
    """Return the logistic function of a logit, at the ends as well."""
    return 0.5 * (1 + math.tanh(logit / 2))
