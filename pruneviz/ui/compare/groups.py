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
NUMBERS = ("original", "pruned", "change")
FIGURE_WIDTH = 540


def draw(plan: Plan) -> None:
    """Draw a metric of both networks by each column of groups; nothing where there are none."""
    found = results.groups(plan)
    if found is None:
        return
    metric, table = found
    for number, (_, rows) in enumerate(table.groupby("column", sort=False)):
        row = st.container(horizontal=True, gap="medium")
        with row.container(width=FIGURE_WIDTH):
            widgets.figure(theme.fit(figures.by_group(rows, metric)), key=f"groups-{number}")
        with row.container(width=FIGURE_WIDTH):
            st.markdown("**Each group in numbers**", help=HELP)
            st.markdown(
                report_tables.markdown_table(headings(rows, metric), in_numbers(rows, metric))
            )
    st.download_button(
        "Each group as CSV",
        table.to_csv(index=False),
        "groups.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def headings(table: pd.DataFrame, metric: Metric) -> tuple[str, ...]:
    """Return what stands above the numbers of one column's groups."""
    symbol, of_changes = UNITS[metric.unit].symbol, metric.symbol_of_changes
    units = [f" ({each.strip()})" if each else "" for each in (symbol, symbol, of_changes)]
    titles = zip(("Original", "Pruned", "Change"), units, strict=True)
    return (str(table["column"].iloc[0]), "Inputs", *(f"{name}{unit}" for name, unit in titles))


def in_numbers(table: pd.DataFrame, metric: Metric) -> list[tuple[str, ...]]:
    """Return one row a group, each number with its 95 % interval, the worst with a mark."""
    return [
        (
            f"{row['group']} (loses most)" if row["worst"] else str(row["group"]),
            f"{row['samples']:,}",
            *(_number(row, name, metric) for name in NUMBERS),
        )
        for row in table.to_dict("records")
    ]


def _number(row: dict[Hashable, Any], name: str, metric: Metric) -> str:
    """Return a number and its interval, `95.1 (86.5 to 98.3)`; – where there is no number."""
    value, *ends = (row[f"{name}{end}"] for end in ("", "_low", "_high"))

    def written(number: float) -> str:
        if name == "change":
            return fmt.metric_change_alone(metric, number)
        return metric.written_alone(number).replace("-", fmt.MINUS)

    low, high = map(written, ends)
    return f"{report_tables.NOTHING if math.isnan(value) else written(value)} ({low} to {high})"
