"""What is explained of an answer, asked in the words of its task."""

from __future__ import annotations

from collections.abc import Callable

from pruneviz.plan import Plan
from pruneviz.tasks.detection import Detection
from pruneviz.tasks.language_modelling import LanguageModelling
from pruneviz.tasks.multi_label import MultiLabel
from pruneviz.tasks.regression import Regression
from pruneviz.tasks.segmentation import Segmentation
from pruneviz.ui.attributions import (
    anything,
    boxes,
    labels,
    next_tokens,
    numbers,
    places,
    several_labels,
)
from pruneviz.ui.attributions.asked import Asked
from pruneviz.ui.engine.results import Answers, Judged

Ask = Callable[[Plan, Judged], Asked | None]
TASKS: tuple[tuple[type, Ask], ...] = (
    (Regression, numbers.ask),
    (MultiLabel, several_labels.ask),
    (Detection, boxes.ask),
    (Segmentation, places.ask),
    (LanguageModelling, next_tokens.ask),
)


def ask(plan: Plan, judged: Judged, answers: Answers | None) -> Asked | None:
    """Draw the choices of an input and of what is explained; None where there is nothing.

    `answers` are those of inputs with one label each.
    """
    if answers is not None:
        return labels.ask(answers)
    own = (each for kind, each in TASKS if isinstance(judged.task, kind))
    return next(own, anything.ask)(plan, judged)
