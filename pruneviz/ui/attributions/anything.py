"""What is explained of the answers of any task: whatever it says can be."""

from __future__ import annotations

import streamlit as st

from pruneviz.plan import Plan
from pruneviz.ui.attributions.asked import BOTH, Asked, choose_worse
from pruneviz.ui.engine import explaining
from pruneviz.ui.engine.results import Judged
from pruneviz.ui.words import text


def ask(plan: Plan, judged: Judged) -> Asked | None:
    """Draw the choices of an input and, by the task's own names, of what is explained."""
    index = choose_worse(judged)
    found = {aim.name: aim for aim in explaining.aims(plan, index)}
    if not found:
        return None
    aim = found[st.selectbox("What to explain", list(found))]
    original, pruned = BOTH
    said = (
        f"{original} gives **{aim.original:.4g}** for {text.escape(aim.name)} of "
        f"{text.escape(judged.data.name(index))}, {pruned} **{aim.pruned:.4g}**."
    )
    answer = f"{aim.name}: {aim.original:.4g} became {aim.pruned:.4g}"
    return Asked(index, aim.name, aim.name, said, answer, of=aim.noun, side="a larger number")
