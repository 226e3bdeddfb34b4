"""Recovery: how accuracy comes back, epoch by epoch, beside what pruning cost."""

from __future__ import annotations

import math

import plotly.graph_objects as go

from pruneviz.figures.epochs import (
    Course,
    Curves,
    Levels,
    Rows,
    best_and_last,
    mean_of,
    row_name,
    thinned,
    what_to_see,
)
from pruneviz.figures.kit import format as fmt
from pruneviz.figures.kit.style import GRID, PRUNED, SERIES, interval, lay_out
from pruneviz.figures.levels import add_levels
from pruneviz.metrics.statistics import wilson
from pruneviz.report import EpochRow

THIN = "rgba(213, 94, 0, 0.5)"
TOP = 104  # percent at the upper end of the axis of accuracies
GAP = 0.09  # of the height, between two panels
HEIGHTS = {"accuracy": 330, "loss": 120, "removed": 80}  # pixels of each panel
PLACES = {"best": "top center", "now": "bottom right"}  # of a mark's words, beside the curve
NEARLY = 0.8  # of the epochs: the words of a mark further right would be cut off
MOST_LABELLED_ROUNDS, FEW_EPOCHS = 12, 10
MOST_MARKED, MOST_DRAWN = 60, 400  # epochs drawn with a marker each; points of a line


def recovery(curves: Curves, levels: Levels, course: Course) -> go.Figure:
    """Return accuracy, loss and (where it changes) the share removed over the epochs.

    `curves` maps a seed to its rows; of several seeds each is a thin line, and their mean stands
    out. Lines across are the original, the pruned network before recovery, and the control.
    """
    figure = go.Figure()
    panels = _panels(course)
    add_levels(figure, levels, span=TOP - _low(curves, levels))
    if len(curves) == 1:
        _add_one(figure, next(iter(curves.values())), course)
    else:
        _add_seeds(figure, curves, course)
    if "loss" in panels:
        _add_losses(figure, curves)
    if "removed" in panels:
        _add_removed(figure, next(iter(curves.values())))
    _add_rounds(figure, next(iter(curves.values())), panels)
    _lay_out(figure, what_to_see(curves, levels, course), panels, course)
    _scale(figure, curves, levels, course)
    return figure


def _panels(course: Course) -> list[str]:
    """Return what is drawn; it depends on the plan alone, so that nothing moves while it runs."""
    return ["accuracy", *["loss"] * (course.epochs > 0), *["removed"] * (course.rounds > 1)]


def _x(rows: Rows, course: Course) -> list[int]:
    """Return where rows are drawn: by epoch, or one after the other where there is none."""
    return list(range(len(rows))) if course.epochs == 0 else [row.epoch for row in rows]


def _add_one(figure: go.Figure, rows: Rows, course: Course) -> None:
    """Draw one seed's accuracy with its 95 % interval, and the best and last epoch."""
    rows = thinned(rows, MOST_DRAWN)
    x = _x(rows, course)
    ends = [wilson(round(row.accuracy * course.samples), course.samples) for row in rows]
    low, high = ([100 * end[side] for end in ends] for side in (0, 1))
    figure.add_trace(interval(x, low, high))
    learnt = [(at, row) for at, row in zip(x, rows, strict=True) if row.train_accuracy is not None]
    if course.epochs:  # from the beginning, so that the legend stays as it is
        figure.add_scatter(
            x=[at for at, _ in learnt],
            y=[100 * (row.train_accuracy or 0.0) for _, row in learnt],
            name="training inputs",
            legendgroup="training",
            mode="lines",
            line={"color": SERIES[4], "dash": "dot", "width": 1.8},
            hovertemplate="training inputs %{y:.1f} %<extra></extra>",
        )
    _add_accuracy(figure, rows, x, "evaluated inputs", 3.0)
    _mark(figure, rows, course)


def _add_accuracy(figure: go.Figure, rows: Rows, x: list[int], name: str, width: float) -> None:
    figure.add_scatter(
        x=x,
        y=[100 * row.accuracy for row in rows],
        name=name,
        legendgroup="held-out",
        mode="lines+markers" if len(rows) <= MOST_MARKED else "lines",
        line={"color": PRUNED, "width": width},
        marker={"size": 6},
        customdata=[row_name(row) for row in rows],
        hovertemplate="%{customdata}: %{y:.1f} %<extra></extra>",
    )


def _mark(figure: go.Figure, rows: Rows, course: Course) -> None:
    """Mark the best and the last epoch, each with a symbol and in words."""
    found = best_and_last(rows)
    if found is None:
        return
    best, last = found
    if not course.over:
        _add_mark(figure, rows, last, course, "now")
    elif best.accuracy == last.accuracy or course.epochs == 0:
        _add_mark(figure, rows, last, course, "last" if course.epochs == 0 else "best and last")
    else:
        _add_mark(figure, rows, best, course, "best")
        _add_mark(figure, rows, last, course, "last")


def _add_mark(figure: go.Figure, rows: Rows, row: EpochRow, course: Course, name: str) -> None:
    at = _x(rows, course)[next(i for i, other in enumerate(rows) if other is row)]
    figure.add_scatter(
        x=[at],
        y=[100 * row.accuracy],
        mode="markers+text",
        text=[f"<b>{name} {fmt.percent(row.accuracy)}</b>"],
        textposition=_beside(name, row, course),
        textfont={"color": PRUNED},
        marker={"symbol": "star" if name == "best" else "diamond", "size": 13, "color": PRUNED},
        showlegend=False,
        hoverinfo="skip",
        cliponaxis=False,
        name=name,
    )


def _beside(name: str, row: EpochRow, course: Course) -> str:
    """Return where a mark's words have room: left of it where the figure ends at its right."""
    if not course.epochs:
        return "top left"
    at_end = name == "now" and row.epoch > NEARLY * course.epochs
    return "bottom left" if at_end else PLACES.get(name, "bottom left")


def _add_seeds(figure: go.Figure, curves: Curves, course: Course) -> None:
    """Draw each seed as a thin line, and the mean over the rows that all of them have."""
    for seed, every in curves.items():
        rows = thinned(every, MOST_DRAWN)
        figure.add_scatter(
            x=_x(rows, course),
            y=[100 * row.accuracy for row in rows],
            name=f"seed {seed}",
            mode="lines",
            line={"color": THIN, "width": 1.5},
            showlegend=False,
            hovertemplate=f"seed {seed}: %{{y:.1f}} %<extra></extra>",
        )
    mean = thinned(mean_of(list(curves.values())), MOST_DRAWN)
    _add_accuracy(
        figure, mean, _x(mean, course), f"mean of {len(curves)} seeds, evaluated inputs", 3.0
    )
    if mean:
        _add_mark(figure, mean, mean[-1], course, "mean")


def _add_losses(figure: go.Figure, curves: Curves) -> None:
    """Draw both losses in the panel below, the mean of several seeds as one line."""
    rows = thinned(mean_of(list(curves.values())), MOST_DRAWN)
    grey = {"color": SERIES[4], "dash": "dot", "width": 1.8}
    for field, name, group, style, what in (
        ("held_out_loss", "evaluated inputs", "held-out", {"color": PRUNED, "width": 2},
         "cross-entropy on evaluated inputs"),
        ("loss", "training inputs", "training", grey, "what training makes small"),
    ):  # fmt: skip
        known = [row for row in rows if getattr(row, field) is not None]
        figure.add_scatter(
            x=[row.epoch for row in known],
            y=[getattr(row, field) for row in known],
            yaxis="y2",
            name=name,
            legendgroup=group,
            showlegend=len(curves) > 1 and field == "loss",
            mode="lines",
            line=style,
            hovertemplate=f"{what} %{{y:.3f}} nats<extra></extra>",
        )


def _add_removed(figure: go.Figure, rows: Rows) -> None:
    """Draw what share of the units is gone, in the lowest panel."""
    rows = thinned(rows, MOST_DRAWN)
    figure.add_scatter(
        x=[row.epoch for row in rows],
        y=[100 * row.sparsity for row in rows],
        yaxis="y3",
        name="removed",
        showlegend=False,
        mode="lines",
        line={"color": SERIES[5], "width": 2},
        hovertemplate="%{y:.0f} % removed<extra></extra>",
    )


def _add_rounds(figure: go.Figure, rows: Rows, panels: list[str]) -> None:
    """Mark where each round of pruning begins."""
    starts = [(row.round, row.epoch) for row in rows if row.step == "prune"]
    if "removed" not in panels:
        return
    for number, epoch in starts:
        figure.add_shape(
            type="line", x0=epoch, x1=epoch, xref="x", y0=0, y1=1, yref="paper",
            line={"color": GRID, "width": 1.5, "dash": "dash"}, layer="below",
        )  # fmt: skip
        if len(starts) <= MOST_LABELLED_ROUNDS:
            at_end = epoch == rows[-1].epoch > 0
            figure.add_annotation(
                x=epoch, xref="x", xanchor="right" if at_end else "left",
                xshift=-4 if at_end else 4, y=0, yref="y domain", yanchor="bottom",
                text=f"round {number}", showarrow=False,
            )  # fmt: skip


def _lay_out(figure: go.Figure, title: str, panels: list[str], course: Course) -> None:
    """Put the panels under each other over one axis of epochs."""
    total = sum(HEIGHTS[name] for name in panels) / (1 - GAP * (len(panels) - 1))
    x = "Epochs of training" if course.epochs else "Step"
    lay_out(figure, title=title, x=x, y="Accuracy (%)", height=round(total) + 110)
    top, places = 1.0, {}
    for name in panels:
        bottom = max(0.0, top - HEIGHTS[name] / total)
        places[name], top = [bottom, top], bottom - GAP
    titles = {"accuracy": "Accuracy (%)", "loss": "Loss (nats)", "removed": "Removed (%)"}
    axis = {"accuracy": "yaxis", "loss": "yaxis2", "removed": "yaxis3"}
    for name in panels:
        figure.update_layout(
            {axis[name]: {"domain": places[name], "title": {"text": titles[name]},
                          "gridcolor": GRID, "automargin": True, "zeroline": False}}
        )  # fmt: skip
    figure.update_xaxes(anchor=axis[panels[-1]].replace("axis", ""))
    figure.update_layout(hovermode="x unified")


def _low(curves: Curves, levels: Levels) -> int:
    """Return the percentage at which the axis of accuracies begins, a multiple of ten."""
    seen = [row.accuracy for rows in curves.values() for row in rows]
    seen += [v for v in (levels.original, levels.before, levels.control) if v is not None]
    return 10 * math.floor(10 * min(seen) - 0.4)


def _scale(figure: go.Figure, curves: Curves, levels: Levels, course: Course) -> None:
    """Fix the ranges, so that a growing curve does not move what is there already."""
    low = _low(curves, levels)
    figure.layout.yaxis.range = [max(-3, low), TOP]
    step = 2 if low >= 84 else 5 if low >= 60 else 20  # and no tick beyond 100 %
    figure.layout.yaxis.tickvals = list(range(max(0, low), 101, step))
    figure.update_layout({"yaxis2": {"rangemode": "tozero"}} if course.epochs else {})
    if course.rounds > 1:
        figure.update_layout({"yaxis3": {"range": [0, 104], "dtick": 50}})
    if course.epochs:
        figure.update_xaxes(
            range=[-0.02 * course.epochs, 1.03 * course.epochs],
            dtick=1 if course.epochs <= FEW_EPOCHS else None,  # never half an epoch
        )
        return
    longest = max(curves.values(), key=len)
    names = [row_name(row) for row in longest]
    figure.update_xaxes(
        range=[-0.2, max(1, len(names) - 1) + 0.2], tickvals=list(range(len(names))), ticktext=names
    )
