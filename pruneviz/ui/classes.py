"""What each class loses: accuracy before and after on its own inputs, the largest loss first."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pandas as pd
import streamlit as st

from pruneviz.figures import compare
from pruneviz.figures import confusion as confusion_figures
from pruneviz.figures.kit import format as fmt
from pruneviz.measure.answers import confusion, confusion_table
from pruneviz.measure.quality import by_class
from pruneviz.plan import Plan
from pruneviz.ui.engine import results
from pruneviz.ui.history import report_tables
from pruneviz.ui.kit import theme, widgets

HELP = (
    "Accuracy of each class before and after, on the evaluated inputs of that class, with 95 % "
    "intervals (Wilson; Agresti and Min for the change). What loses most comes first."
)
NUMBERS = ("original", "pruned", "change")
HEADINGS = ("Class", "Inputs", "Original (%)", "Pruned (%)", "Change (points)")
MOST_ROWS, HEIGHT = 12, 560  # classes that are shown without scrolling; pixels of the others' box


def ranked(plan: Plan) -> pd.DataFrame | None:
    """Return one row a class with inputs, what loses most first; None without data."""
    answers = results.answers(plan)
    if answers is None:
        return None
    table = by_class(answers.original, answers.pruned, answers.data.y, answers.data.classes)
    known = table[table["samples"] > 0]
    return known.sort_values("change", kind="stable").reset_index(drop=True)


def in_numbers(table: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return one row a class under HEADINGS, each number with its 95 % interval."""
    rows = table.sort_values("change", kind="stable").to_dict("records")
    return [
        (str(row["class"]), f"{row['samples']:,}", *(_number(row, name) for name in NUMBERS))
        for row in rows
    ]


def _number(row: dict[Hashable, Any], name: str) -> str:
    """Return a number and its interval, `95.1 (86.5 to 98.3)`; of a class without inputs, –."""
    if not row["samples"]:
        return report_tables.NOTHING
    written = [
        fmt.points_alone(row[column]) if name == "change" else f"{100 * row[column]:.1f}"
        for column in (name, f"{name}_low", f"{name}_high")
    ]
    return "{} ({} to {})".format(*written)


def draw(plan: Plan) -> None:
    """Draw both accuracies of each class as a figure and as a table."""
    table = ranked(plan)
    if table is None:
        return
    widgets.figure(theme.fit(compare.by_class(table)), key="tune-classes-figure")
    with st.expander("All numbers of each class"):
        draw_table(table)


def draw_table(table: pd.DataFrame) -> None:
    """Draw the exact numbers of every class: as text, which no width cuts off."""
    with st.container(height=HEIGHT if len(table) > MOST_ROWS else "content", border=False):
        st.markdown(report_tables.markdown_table(HEADINGS, in_numbers(table)))
    st.download_button(
        "Each class as CSV",
        table.to_csv(index=False),
        "classes.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def draw_confusions(answers: results.Answers) -> None:
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
