"""What is explained of a classification: a class, by default the original's answer."""

from __future__ import annotations

import streamlit as st
import torch
from torch import Tensor

from pruneviz.compare import disagreements
from pruneviz.explain import answers_in_words, at_chance, verdict
from pruneviz.figures.kit.format import percent, unbroken
from pruneviz.measure.quality import predicted
from pruneviz.ui.attributions.asked import Asked, choose_input
from pruneviz.ui.engine.results import Answers
from pruneviz.ui.words import text


def ask(answers: Answers) -> Asked:
    """Draw the choices of an input and of a class; return what is asked."""
    data, classes = answers.data, answers.data.classes
    table = disagreements(answers.original, answers.pruned, data.y)
    hint = "The next input that both networks answer differently, most surprising first."
    index = choose_input(data, table["index"].tolist(), "disagreement", hint)
    target = _choose_class(classes, int(answers.original[index].argmax()))
    truth, given = _truth_and_answers(answers, index)
    said = (
        f"The truth of {text.escape(data.name(index))} is **{text.escape(classes[truth])}**. "
        f"{_answer('The original', 'blue', answers.original[index], classes)}, "
        f"{_answer('the pruned network', 'orange', answers.pruned[index], classes)}: "
        f"**{verdict(truth, given)}**."
    )
    networks = {"The original": answers.original, "The pruned network": answers.pruned}
    guessing = (at_chance(logits, data.y, who) for who, logits in networks.items())
    words = answers_in_words(truth, given, classes)
    warnings = tuple(filter(None, guessing))
    return Asked(index, f"class {target}", classes[target], said, words, warnings)


def _choose_class(classes: tuple[str, ...], default: int) -> int:
    """Draw the choice of the class whose logit is explained; the original's answer is the first."""
    return st.selectbox(
        "Class to explain",
        range(len(classes)),
        index=default,
        format_func=lambda i: classes[i],
        help="Both networks are asked what speaks for this class. Default: the original's answer.",
    )


def _answer(name: str, colour: str, logits: Tensor, classes: tuple[str, ...]) -> str:
    """Return one network's answer with its probability."""
    probability, answer = logits.softmax(0).max(0)
    said = f"**{text.escape(classes[int(answer)])}** ({unbroken(percent(float(probability)))})"
    return f":{colour}[{name}] says {said}"


def _truth_and_answers(answers: Answers, index: int) -> tuple[int, tuple[int, int]]:
    """Return an input's class and what both networks answer, −1 where that is no number."""
    given = torch.stack([answers.original[index], answers.pruned[index]])
    before, after = predicted(given).tolist()
    return int(answers.data.y[index]), (before, after)
