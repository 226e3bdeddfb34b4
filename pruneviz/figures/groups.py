"""Groups of inputs: a metric of both networks on each, with its interval."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pruneviz.figures.compare import add_pairs
from pruneviz.figures.kit.format import metric_apart
from pruneviz.figures.kit.style import lay_out
from pruneviz.metrics import Metric
from pruneviz.metrics.metric import UNITS

NAME_LIMIT = 40  # letters


def by_group(table: pd.DataFrame, metric: Metric) -> go.Figure:
    """Return a metric of both networks on each group, with 95 % intervals.

    `table` is what `measure.by_group.by_group` says of one column.
    """
    column, unit = str(table["column"].iloc[0]), UNITS[metric.unit].symbol.strip()
    figure = go.Figure()
    known = table.replace([np.inf, -np.inf], np.nan)
    add_pairs(figure, known, known["group"], metric)
    lay_out(
        figure,
        title=title(table, metric),
        x=f"{metric.title} ({unit}, with 95 % interval)".replace("(, ", "("),
        y=column[:NAME_LIMIT],
        height=140 + 34 * len(table),
    )
    names = [str(name)[:NAME_LIMIT] for name in table["group"]]
    return figure.update_yaxes(
        tickvals=list(range(len(table))), ticktext=names, autorange="reversed"
    )


def title(table: pd.DataFrame, metric: Metric) -> str:
    """Return which group of a column loses most, and whether that may be chance."""
    column = str(table["column"].iloc[0])
    worst = table[table["worst"]]
    if worst.empty:
        return f"No group of {column} is known to lose"
    row = worst.iloc[0]
    ends = metric.gain(row["change_low"]), metric.gain(row["change_high"])
    sure = "" if max(ends) < 0 else ", within chance"
    return f"{column} “{row['group']}” loses most: {metric_apart(metric, row['change'])}{sure}"
