"""What each class loses: accuracy before and after on its own inputs, the largest loss first."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pruneviz.figures import compare
from pruneviz.figures import confusion as confusion_figures
from pruneviz.measure.answers import confusion, confusion_table
from pruneviz.measure.quality import by_class
from pruneviz.plan import Plan
from pruneviz.ui import judge, theme, widgets

HELP = (
    "Accuracy of each class before and after, on the evaluated inputs of that class, with 95 % "
    "intervals (Wilson; Agresti and Min for the change). What loses most comes first."
)
PERCENT = {
    "original": "Original (%)",
    "original_low": "95 % from",
    "original_high": "95 % to",
    "pruned": "Pruned (%)",
    "pruned_low": "95 % from ",  # two columns of a table need two names
    "pruned_high": "95 % to ",
    "change": "Change (points)",
    "change_low": "Change, 95 % from",
    "change_high": "Change, 95 % to",
}


def ranked(plan: Plan) -> pd.DataFrame | None:
    """Return one row a class with inputs, what loses most first; None without data."""
    answers = judge.answers(plan)
    if answers is None:
        return None
    table = by_class(answers.original, answers.pruned, answers.data.y, answers.data.classes)
    known = table[table["samples"] > 0]
    return known.sort_values("change", kind="stable").reset_index(drop=True)


def shown_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the classes in percent, under names for people."""
    shown = table.rename(columns={"class": "Class", "samples": "Inputs"})
    for column, name in PERCENT.items():
        shown[name] = 100 * shown.pop(column)
    return shown


def draw(plan: Plan) -> None:
    """Draw both accuracies of each class as a figure and as a table."""
    table = ranked(plan)
    if table is None:
        return
    widgets.figure(theme.fit(compare.by_class(table)), key="tune-classes-figure")
    with st.expander("All numbers of each class"):
        draw_table(table)


def draw_table(table: pd.DataFrame) -> None:
    """Draw the exact numbers of every class."""
    formats = dict.fromkeys(PERCENT.values(), st.column_config.NumberColumn(format="%.1f"))
    st.dataframe(
        shown_table(table),
        hide_index=True,
        column_config=formats,
        alt="Accuracy of every class before and after",
    )


def draw_confusions(answers: judge.Answers) -> None:
    """Draw which class gets which answer from both networks, with the counts to take along."""
    logits, y, names = (answers.original, answers.pruned), answers.data.y, answers.data.classes
    first, second = (confusion(each, y) for each in logits)
    chart = confusion_figures.confusions(first, second, names)
    widgets.figure(theme.fit(chart), key="compare-confusion")
    st.download_button(
        "The counts as CSV",
        confusion_table(*logits, y, names).to_csv(index=False),
        "confusion.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
