"""What each group of inputs loses, by the columns that the data name: a figure and a table each."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import pandas as pd
import streamlit as st

from pruneviz.figures import groups as figures
from pruneviz.figures.kit import format as fmt
from pruneviz.metrics import Metric
from pruneviz.metrics.metric import UNITS
from pruneviz.plan import Plan
from pruneviz.ui.engine import results
from pruneviz.ui.history import report_tables
from pruneviz.ui.kit import theme, widgets

HELP = (
    "Both networks judged on the evaluated inputs of each group alone, with 95 % intervals. Where "
    "inputs are too few to tell, or all of one class, the intervals are as wide as can be."
)
OF_LABELS = (
    "Of its labels those count that some of its inputs have and others not, as many as is said."
)
NUMBERS = ("original", "pruned", "change")
FIGURE_WIDTH = 540


def draw(plan: Plan) -> None:
    """Draw a metric of both networks by each column of groups; nothing where there are none."""
    found = results.groups(plan)
    if found is None:
        return
    metric, table = found
    for number, (_, rows) in enumerate(table.groupby("column", sort=False)):
        about = f"{HELP} {OF_LABELS}" if "labels" in table else HELP
        draw_rows(rows, metric, f"groups-{number}", "Each group in numbers", about)
    download(table, "Each group as CSV", "groups.csv")


def draw_rows(rows: pd.DataFrame, metric: Metric, key: str, title: str, about: str) -> None:
    """Draw a metric of both networks for each row, as a figure and in numbers."""
    row = st.container(horizontal=True, gap="medium")
    with row.container(width=FIGURE_WIDTH):
        widgets.figure(theme.fit(figures.by_group(rows, metric)), key=key)
    with row.container(width=FIGURE_WIDTH):
        st.markdown(f"**{title}**", help=about)
        st.markdown(report_tables.markdown_table(headings(rows, metric), in_numbers(rows, metric)))


def download(table: pd.DataFrame, label: str, file: str) -> None:
    """Draw the button that gives a table as a file."""
    st.download_button(
        label,
        table.to_csv(index=False),
        file,
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def headings(table: pd.DataFrame, metric: Metric) -> tuple[str, ...]:
    """Return what stands above the numbers of one column's groups."""
    symbol, of_changes = UNITS[metric.unit].symbol, metric.symbol_of_changes
    units = [f" ({each.strip()})" if each else "" for each in (symbol, symbol, of_changes)]
    titles = zip(("Original", "Pruned", "Change"), units, strict=True)
    inputs = "Boxes" if "boxes" in table else "With it" if "with" in table else "Inputs"
    return (str(table["column"].iloc[0]), inputs, *(f"{name}{unit}" for name, unit in titles))


def in_numbers(table: pd.DataFrame, metric: Metric) -> list[tuple[str, ...]]:
    """Return one row a group, each number with its 95 % interval, the worst with a mark."""
    return [
        (
            f"{row['group']} (loses most)" if row["worst"] else str(row["group"]),
            _inputs(row),
            *(_number(row, name, metric) for name in NUMBERS),
        )
        for row in table.to_dict("records")
    ]


def _inputs(row: dict[Hashable, Any]) -> str:
    """Return how many inputs a row is of: `213 of 527` that have a label, `120 (4 labels)`.

    Of a row about boxes it is how many are there.
    """
    if "boxes" in row:
        return f"{row['boxes']:,}"
    if "with" in row:
        return f"{row['with']:,} of {row['samples']:,}"
    labels = f" ({row['labels']:,} labels)" if "labels" in row else ""
    return f"{row['samples']:,}{labels}"


def _number(row: dict[Hashable, Any], name: str, metric: Metric) -> str:
    """Return a number and its interval, `95.1 (86.5 to 98.3)`; – where there is no number."""
    value, *ends = (row[f"{name}{end}"] for end in ("", "_low", "_high"))

    def written(number: float) -> str:
        if name == "change":
            return fmt.metric_change_alone(metric, number)
        return metric.written_alone(number).replace("-", fmt.MINUS)

    low, high = map(written, ends)
    return f"{report_tables.NOTHING if math.isnan(value) else written(value)} ({low} to {high})"
