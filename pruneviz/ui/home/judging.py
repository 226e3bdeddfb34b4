"""Home's form of what a model is for, and of the metric that judges it first."""

from __future__ import annotations

import streamlit as st

from pruneviz.metrics import METRICS, Metric
from pruneviz.metrics.areas import ALL
from pruneviz.plan import Plan, Setting
from pruneviz.registry import Parameter
from pruneviz.subjects import Subject
from pruneviz.subjects.models.found_task import task_name
from pruneviz.tasks import TASKS
from pruneviz.ui.words import text

FOUND = ""  # no task is chosen
DIRECTIONS = {"higher": "Higher is better.", "lower": "Lower is better."}


def draw(plan: Plan, subject: Subject) -> Plan | None:
    """Draw the form for a model with data; return the changed plan once it is sent."""
    if subject.data is None:
        return None
    metric, tasks = subject.metrics[0], [FOUND, *TASKS.names()]
    st.caption(text.escape(_now(subject, metric)))
    with (
        st.expander("What it is for, and what judges it"),
        st.form(f"home-judging-{plan.digest()[:12]}", border=False),
    ):
        task = st.selectbox(
            "Task",
            tasks,
            tasks.index(plan.task or FOUND),
            format_func=lambda each: TASKS.get(each).title if each else "as model and data say",
        )
        fitting = subject.task.metrics
        chosen = st.selectbox(
            "Metric",
            fitting,
            fitting.index(metric.name),
            format_func=lambda each: METRICS.get(each).title,
            help="What plans are judged by first; each says below what it is.",
        )
        given = {each.name: _parameter(each, metric, subject) for each in metric.parameters}
        st.caption(text.escape(f"{metric.sentence} {DIRECTIONS[metric.better]}"))
        if not st.form_submit_button("Judge it so"):
            return None
    if task != (plan.task or FOUND):
        return plan.changed(task=None if task == FOUND else task, metric=None, metric_parameters={})
    own = metric.spelled_out(given) if chosen == metric.name else {}
    usual = chosen == subject.task.reported[0] and not own
    return plan.changed(metric=None if usual else chosen, metric_parameters=own)


def _now(subject: Subject, metric: Metric) -> str:
    """Return what the model is for and what judges it, in one sentence."""
    name = task_name(subject.task)
    title = TASKS.get(name).title if name else "A task of its own"
    return f"{title}, judged first by {text.sentence_case(metric.title)}."


def _parameter(definition: Parameter, metric: Metric, subject: Subject) -> Setting:
    """Draw a parameter of the metric: a class by its name, or a number."""
    value = metric.given.get(definition.name, definition.default)
    classes = subject.data.classes if subject.data else ()
    if classes and definition.name == "class_index" and int(value) < len(classes):
        of = range(int(definition.minimum or 0), len(classes))
        return st.selectbox(
            definition.title, of, of.index(int(value)),
            format_func=lambda i: "the mean over all" if i == ALL else classes[i],
        )  # fmt: skip
    if definition.choices:
        known = [str(choice) for choice in definition.choices]
        at = known.index(str(value))
        return st.selectbox(definition.title, known, at, help=definition.help)
    if isinstance(definition.default, int):
        least = None if definition.minimum is None else int(definition.minimum)
        return st.number_input(definition.title, least, value=int(value), help=definition.help)
    return st.number_input(
        definition.title,
        min_value=definition.minimum,
        max_value=definition.maximum,
        value=float(value),
        step=0.05,
        help=definition.help,
    )
