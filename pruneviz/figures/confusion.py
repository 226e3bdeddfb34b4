"""Which class gets which answer: both networks' confusion tables beside each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots
from torch import Tensor

from pruneviz.figures.kit.format import plural
from pruneviz.figures.kit.style import REMOVED, lay_out

MOST_CLASSES = 20
MOST_NUMBERED = 12  # classes whose counts still fit into the cells
CELL, LEAST = 30, 190  # pixels
LONGEST = 14  # letters of a class beside a table
# from nothing to all of a class, dark on both themes where much is
SCALE = [[0, "rgba(128, 134, 142, 0.06)"], [1e-6, "#f6dcc8"], [0.5, "#c98a5b"], [1, "#5a3a22"]]

Counts = NDArray[np.int64]


def confusions(original: Tensor, pruned: Tensor, classes: Sequence[str]) -> go.Figure:
    """Return two tables of counts, a row a class and a column an answer, (classes, classes) each.

    A cell's colour is its share of the class. Of many classes, those whose answers change most.
    """
    first, second = original.numpy(), pruned.numpy()
    here = _changed_most(first, second)
    names = [_short(classes[i]) for i in here]
    figure = make_subplots(
        1, 2, subplot_titles=("original", "pruned"), horizontal_spacing=0.04, shared_yaxes=True
    )
    for column, (name, table) in enumerate((("original", first), ("pruned", second)), 1):
        figure.add_trace(_heatmap(name, table, here, classes), 1, column)
    few = "" if len(here) == len(classes) else f" (the {len(here)} classes that change most)"
    height = 130 + max(LEAST, CELL * len(here))
    lay_out(figure, title=f"{_title(first, second, classes)}{few}", x="", y="", height=height)
    ticks = {"tickvals": list(range(len(here))), "ticktext": names, "showgrid": False}
    figure.update_xaxes(title_text="Answer", constrain="domain", **ticks)
    figure.update_yaxes(autorange="reversed", **ticks)
    figure.update_yaxes(title_text="Class", col=1)
    figure.update_layout(margin={"t": figure.layout.margin.t + 20})
    return figure.update_layout(
        coloraxis={
            "colorscale": SCALE,
            "cmin": 0,
            "cmax": 1,
            "colorbar": {
                "title": {"text": "of the class"},
                "tickvals": [0, 0.5, 1],
                "ticktext": ["0 %", "50 %", "100 %"],
                "thickness": 10,
            },
        }
    )


def _heatmap(name: str, table: Counts, here: list[int], classes: Sequence[str]) -> go.Heatmap:
    cells = table[np.ix_(here, here)]
    share = cells / np.maximum(table.sum(1)[here], 1)[:, None]
    words = [[(classes[i], classes[j]) for j in here] for i in here]
    numbered = len(here) <= MOST_NUMBERED
    return go.Heatmap(
        z=np.float32(share),
        text=np.where(cells > 0, cells.astype(str), ""),
        texttemplate="%{text}" if numbered else "",
        customdata=np.dstack([np.array(words, dtype=object), cells]),
        hovertemplate=f"{name}: class %{{customdata[0]}} is answered %{{customdata[1]}} "
        "%{customdata[2]} times<extra></extra>",
        coloraxis="coloraxis",
        xgap=1,
        ygap=1,
        hoverongaps=False,
        hoverlabel={"bordercolor": REMOVED},
    )


def _changed_most(first: Counts, second: Counts) -> list[int]:
    """Return the classes to show, in their own order: all, or those whose rows change most."""
    if len(first) <= MOST_CLASSES:
        return list(range(len(first)))
    change = np.abs(second - first)
    moved = change.sum(1) + change.sum(0)
    order = np.argsort(-moved, kind="stable")[:MOST_CLASSES]
    return sorted(int(i) for i in order)


def _title(first: Counts, second: Counts, classes: Sequence[str]) -> str:
    """Return the confusion that grows most, or the one that is most frequent in both."""
    wrong = ~np.eye(len(first), dtype=bool)
    for grown, table in ((True, second - first), (False, second)):
        cells = np.where(wrong, table, 0)
        row, column = (int(i) for i in np.unravel_index(int(cells.argmax()), cells.shape))
        if cells[row, column] > 0:
            pair = f"“{classes[row]}” is taken for “{classes[column]}”"
            now, before = int(second[row, column]), int(first[row, column])
            if grown:
                return f"{pair} {plural(now, 'time')}, {before} before"
            return f"No confusion becomes more frequent; {pair} {plural(now, 'time')}"
    return "The pruned network takes no class for another"


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
