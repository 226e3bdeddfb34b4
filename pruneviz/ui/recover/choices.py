"""Recover's choices: a recipe, its settings, the epochs that fit a time."""

from dataclasses import replace
from functools import partial
from math import isfinite

import streamlit as st

from pruneviz.figures.kit import format as fmt
from pruneviz.plan import ONE_SHOT, Plan, RecoveryStep
from pruneviz.recovery import RECOVERIES, SCHEDULES
from pruneviz.recovery.recipes import PRESETS, RECIPES
from pruneviz.recovery.rounds import EPOCHS, STOP_AFTER
from pruneviz.recovery.schedules import ROUNDS
from pruneviz.recovery.training.augment import AUGMENTATION, can_move
from pruneviz.recovery.training.class_weights import CLASS_WEIGHTS
from pruneviz.registry import Parameter
from pruneviz.report import ACCURACY
from pruneviz.subjects import Subject
from pruneviz.ui.kit import widgets
from pruneviz.ui.recover import costs, outcome
from pruneviz.ui.recover.costs import Measuring
from pruneviz.ui.session import recipes
from pruneviz.ui.words import text

GOOD_ENOUGH = "good_enough"
SHOWN = (EPOCHS, "learning_rate")  # the parameters that most people move; the others are folded


def recipe(plan: Plan, subject: Subject, problem: str) -> None:
    """Draw the choice of a recipe, and what its steps do."""
    chosen, key = recipes.chosen(plan), "recover-recipe"
    counted = subject.metrics[0].name == ACCURACY
    names = [*RECIPES.names(), *[recipes.OTHER] * (chosen == recipes.OTHER)]
    st.radio(
        "How to win accuracy back" if counted else "How to recover",
        names,
        index=names.index(chosen),
        format_func=lambda name: (
            RECIPES.get(name).title if name != recipes.OTHER else "As the plan says"
        ),
        captions=[
            RECIPES.get(name).sentence
            if name != recipes.OTHER
            else text.escape(recipes.words(plan))
            for name in names
        ],
        key=widgets.follow(key, chosen),
        on_change=widgets.changes(key, recipes.choose),
    )
    if problem:
        st.warning(text.escape(text.sentence(problem)))
    methods = dict.fromkeys(step.method for step in plan.recovery)
    with st.container(horizontal=True, wrap=False, gap="xsmall"):
        sentences = [RECOVERIES.get(name).sentence for name in methods]
        st.caption(text.escape(" ".join(sentences)), width="stretch")
        widgets.about_all(RECOVERIES)


def settings(plan: Plan, subject: Subject, measured: Measuring | None, problem: str) -> None:
    """Draw the settings of the plan's schedule and of its recoveries, the rare ones folded.

    What a subject allows none of is not offered, unless the plan asks for it.
    """
    if plan.schedule != ONE_SHOT:
        rounds(plan)
    folded: list[tuple[int, RecoveryStep, Parameter]] = []
    for index, step in enumerate(plan.recovery):
        parameters = offered(step, subject)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            for parameter in (p for p in parameters if p.name in SHOWN):
                field(plan, index, step, parameter)
        folded += [(index, step, p) for p in parameters if p.name not in SHOWN]
    if recipes.epochs_asked(plan):
        presets(plan, measured, problem)
    with st.expander("More settings", key="recover-more"), st.grid(2, min_column_width=180):
        for index, step, parameter in folded:
            with st.container():
                field(plan, index, step, parameter)


def offered(step: RecoveryStep, subject: Subject) -> list[Parameter]:
    """Return the parameters of a recovery step that mean something for a subject.

    How good is good enough ends where its metric does.
    """
    most, left_out = subject.metrics[0].most, {STOP_AFTER}
    if subject.data is None or not can_move(subject.data):
        asked = step.parameters.get(AUGMENTATION.name, AUGMENTATION.default)
        left_out |= {AUGMENTATION.name} if asked == AUGMENTATION.default else set()
    if not subject.task.labelled:
        left_out |= {CLASS_WEIGHTS.name} - set(step.parameters)
    return [
        replace(parameter, maximum=most)
        if parameter.name == GOOD_ENOUGH and isfinite(most)
        else parameter
        for parameter in RECOVERIES.get(step.method).parameters
        if parameter.name not in left_out
    ]


def field(plan: Plan, index: int, step: RecoveryStep, parameter: Parameter) -> None:
    """Draw one parameter of a recovery step."""
    widgets.parameter(
        parameter,
        f"recover-{index}-{step.method}-{parameter.name}",
        recipes.parameters_of(step)[parameter.name],
        partial(recipes.set_parameter, index, parameter.name),
    )


def rounds(plan: Plan) -> None:
    """Draw in how many rounds it is pruned, and by which formula."""
    names = [name for name in SCHEDULES.names() if name != ONE_SHOT]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "How to divide it among rounds",
            names,
            index=names.index(plan.schedule),
            format_func=lambda name: SCHEDULES.get(name).title,
            key=widgets.follow("recover-schedule", plan.schedule),
            on_change=widgets.changes("recover-schedule", recipes.set_schedule),
            help=SCHEDULES.get(plan.schedule).sentence,
        )
        widgets.parameter(ROUNDS, "recover-rounds", recipes.rounds(plan), recipes.set_rounds)


def presets(plan: Plan, measured: Measuring | None, problem: str) -> None:
    """Draw the times to choose from, each with the epochs that fit, or why none can be chosen."""
    found = measured.cost if measured else None
    with st.container(horizontal=True, vertical_alignment="center", key="recover-presets"):
        st.caption(outcome.fitting(measured), width="content")
        fits = {
            name: costs.epochs_within(found, plan, seconds) if found else 0
            for name, seconds in PRESETS.items()
        }
        for name, epochs in fits.items():
            st.button(
                name,
                key=f"recover-preset-{name}",
                disabled=epochs < recipes.rounds(plan),
                help=fmt.plural(epochs, "epoch") if found else None,
                on_click=recipes.set_epochs,
                args=(epochs,),
            )
    why = outcome.NOT_POSSIBLE if problem else outcome.why_not(plan, measured, fits)
    if why:
        st.caption(text.escape(why))
